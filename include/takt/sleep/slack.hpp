/// slack.hpp - how late a timer or a sleep may be: a type of its own, so that it cannot be swapped with a period.
///
///   timers.every(1s, takt::slack(100ms), [] { flush(); });
///
/// Does not promise: a bound on lateness; a late machine is later than the slack allows.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <chrono>
#include <compare>
#include <concepts>

namespace takt::inline TAKT_ABI {

// synopsis
class slack;

// definitions
namespace detail {

template <class D>
concept any_duration = requires {
  typename D::rep;
  typename D::period;
} && std::same_as<D, std::chrono::duration<typename D::rep, typename D::period>>;

} // namespace detail

/// The length of a window [due, due + slack], in whole nanoseconds, rounded down.
class slack {
public:
  /// No slack: the window is the one point at which it is due.
  constexpr slack() noexcept = default;
  /// A negative length and a NaN make a slack that is not valid. A length beyond 292 years counts as 292 years.
  template <class Rep, class Period>
  constexpr explicit slack(std::chrono::duration<Rep, Period> length) noexcept
      : length_(is_nan(length) ? std::chrono::nanoseconds(-1)
                               : detail::saturating_cast<std::chrono::nanoseconds>(length)) {}

  /// Returns: the length in nanoseconds; negative if the slack is not valid.
  [[nodiscard]] constexpr std::chrono::nanoseconds length() const noexcept { return length_; }
  /// Returns: whether it is not negative. Functions that take a slack report EINVAL (std::errc::invalid_argument) for
  /// one that is not valid.
  [[nodiscard]] constexpr bool valid() const noexcept { return length_ >= length_.zero(); }

  friend constexpr bool operator==(slack, slack) noexcept = default;
  friend constexpr std::strong_ordering operator<=>(slack a, slack b) noexcept {
    return a.length_.count() <=> b.length_.count();
  }

private:
  template <class Rep, class Period> static constexpr bool is_nan(std::chrono::duration<Rep, Period> d) noexcept {
    if constexpr (std::floating_point<Rep>) return detail::is_nan(d);
    else return false;
  }

  std::chrono::nanoseconds length_{};
};

} // namespace takt::inline TAKT_ABI
