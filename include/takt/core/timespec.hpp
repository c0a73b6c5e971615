/// timespec.hpp - between the kernel's `timespec` and std::chrono, for every value of either.
///
/// Conversions are total and stop at the ends of the range: 2^63 ns are 292 years, a time_t holds far more. A
/// `tv_nsec` outside [0, 999999999] is added as it stands; who must refuse it asks `is_canonical`.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <chrono>
#include <limits>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis
[[nodiscard]] constexpr bool is_canonical(timespec ts) noexcept;
[[nodiscard]] constexpr std::chrono::nanoseconds to_nanoseconds(timespec ts) noexcept;
template <class Rep, class Period>
[[nodiscard]] constexpr timespec to_timespec(std::chrono::duration<Rep, Period> d) noexcept;

// definitions

/// Returns: whether tv_nsec is in [0, 999999999], as POSIX asks of every timespec it is given.
constexpr bool is_canonical(timespec ts) noexcept { return ts.tv_nsec >= 0 && ts.tv_nsec < 1'000'000'000; }

/// Returns: tv_sec seconds plus tv_nsec nanoseconds, stopping at nanoseconds::min() and max().
constexpr std::chrono::nanoseconds to_nanoseconds(timespec ts) noexcept {
  using std::chrono::nanoseconds;
  const detail::int128 total = static_cast<detail::int128>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
  if (total < nanoseconds::min().count()) return nanoseconds::min();
  if (total > nanoseconds::max().count()) return nanoseconds::max();
  return nanoseconds(static_cast<nanoseconds::rep>(total));
}

/// Returns: the canonical timespec of `d` rounded down to nanoseconds. What a time_t cannot hold stops at its ends,
/// {min, 0} and {max, 999999999}; a NaN gives {0, 0}.
template <class Rep, class Period> constexpr timespec to_timespec(std::chrono::duration<Rep, Period> d) noexcept {
  using seconds = std::chrono::duration<time_t>;
  using std::chrono::nanoseconds;
  const auto whole = saturating_cast<seconds>(d);
  if constexpr (std::floating_point<Rep>) {
    if (!(d.count() == d.count())) return {0, 0};
  }
  // At the ends there is no rest to add.
  if (whole == seconds::max()) return {std::numeric_limits<time_t>::max(), 999'999'999};
  if (whole == seconds::min()) return {std::numeric_limits<time_t>::min(), 0};
  if constexpr (std::floating_point<Rep>) {
    const auto rest = static_cast<long double>(d.count()) * Period::num / Period::den - static_cast<long double>(whole.count());
    const auto nanos = static_cast<long>(rest * 1e9L); // rest is in [0, 1)
    return {whole.count(), nanos > 999'999'999 ? 999'999'999 : nanos};
  } else {
    // The rest below one second: count * num / den - whole, in units of 1 / den second.
    const detail::int128 rest =
        static_cast<detail::int128>(d.count()) * Period::num - static_cast<detail::int128>(whole.count()) * Period::den;
    return {whole.count(), static_cast<long>(rest * 1'000'000'000 / Period::den)};
  }
}

} // namespace takt::inline TAKT_ABI
