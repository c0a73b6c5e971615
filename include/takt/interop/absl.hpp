/// absl.hpp - absl::Time and absl::Duration as time points and durations of takt and std::chrono, and back.
///
///   absl::Time written = takt::to_absl(takt::tsc_clock::now());
///   takt::sleep_within(takt::from_absl<std::chrono::nanoseconds>(timeout), takt::slack(5s));
///   auto deadline = takt::from_absl<std::chrono::steady_clock>(absl::Now() + absl::Seconds(30));
///
/// Total: a value beyond the range of the target becomes the end of its range. The ends of the range of an integral
/// duration stand for infinity, as they do in all of takt, so infinities survive both ways. All else is rounded down
/// (towards the past) to the unit of the target; Abseil counts quarters of a nanosecond.
///
/// absl::Time is UTC without leap seconds, as CLOCK_REALTIME is. Between it and clocks with another epoch the distance
/// is the one at the moment of the call (clock_cast.hpp): a step of CLOCK_REALTIME moves the one and not the other.
///
/// No function here takes or returns text, so it does not matter whether absl::string_view is std::string_view.
///
/// Does not promise: exact results for floating-point durations. Without Abseil this header declares nothing.
/// Sources: absl/time/time.h of Abseil 20220623.
#pragma once
#if __has_include(<absl/time/time.h>)
#include <takt/clock/clock_cast.hpp>
#include <takt/core/saturating.hpp>
#include <takt/sleep/slack.hpp>

#include <absl/time/time.h>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <ratio>

namespace takt::inline TAKT_ABI {

// synopsis
[[nodiscard]] absl::Duration to_absl(detail::any_duration auto d) noexcept;
template <class Clock, class D> [[nodiscard]] absl::Time to_absl(std::chrono::time_point<Clock, D> t);
template <detail::any_duration D> [[nodiscard]] D from_absl(absl::Duration d) noexcept;
template <class Clock> [[nodiscard]] auto from_absl(absl::Time t);

// definitions
namespace detail {

/// How many nanoseconds a unit has; 0 if that is no whole number.
template <class Period>
inline constexpr std::int64_t nanoseconds_in =
    std::nano::den % Period::den == 0 ? Period::num * (std::nano::den / Period::den) : 0;

} // namespace detail

/// Returns: `d` as Abseil has it. An integral duration at an end of its range becomes infinite, a NaN becomes zero. Of
/// units that are not whole nanoseconds, the result is rounded down to nanoseconds.
absl::Duration to_absl(detail::any_duration auto d) noexcept {
  using D = decltype(d);
  using count = std::chrono::duration<std::int64_t, typename D::period>;
  if constexpr (std::floating_point<typename D::rep>) {
    if (detail::is_nan(d)) return absl::ZeroDuration();
    return absl::Seconds(std::chrono::duration<double>(d).count());
  } else {
    if (d == D::max()) return absl::InfiniteDuration();
    if (d == D::min() && D::min() < D::zero()) return -absl::InfiniteDuration();
    if constexpr (constexpr std::int64_t unit = detail::nanoseconds_in<typename D::period>; unit != 0)
      return absl::Nanoseconds(detail::saturating_cast<count>(d).count()) * unit;
    else return absl::Nanoseconds(detail::saturating_cast<std::chrono::nanoseconds>(d).count());
  }
}

/// Returns: the time `t` of Clock as Abseil has it. An end of the range becomes InfiniteFuture() or InfinitePast().
/// Costs nothing from system_clock and its like; from other clocks, what clock_cast() costs.
template <class Clock, class D> absl::Time to_absl(std::chrono::time_point<Clock, D> t) {
  const absl::Duration own = to_absl(t.time_since_epoch());
  if (own == absl::InfiniteDuration() || own == -absl::InfiniteDuration()) return absl::UnixEpoch() + own;
  return absl::UnixEpoch() + to_absl(takt::clock_cast<std::chrono::system_clock>(t).time_since_epoch());
}

/// Returns: `d` in the unit of D, rounded down. What is beyond the range, infinities above all, is an end of the range.
template <detail::any_duration D> D from_absl(absl::Duration d) noexcept {
  if constexpr (std::floating_point<typename D::rep>) {
    return D(std::chrono::duration<double>(absl::ToDoubleSeconds(d)));
  } else {
    constexpr std::int64_t unit = detail::nanoseconds_in<typename D::period>;
    absl::Duration rest;
    std::int64_t n = absl::IDivDuration(d, absl::Nanoseconds(unit != 0 ? unit : 1), &rest); // rounds towards zero
    if (rest < absl::ZeroDuration() && n != std::chrono::nanoseconds::min().count()) --n;
    using count = std::chrono::duration<std::int64_t, typename D::period>;
    if constexpr (unit != 0) return detail::saturating_cast<D>(count(n));
    else return detail::saturating_cast<D>(std::chrono::nanoseconds(n));
  }
}

/// Returns: the time of Clock at `t`, a time point in nanoseconds, rounded down. InfiniteFuture(), InfinitePast() and
/// what is beyond the range become time_point::max() and min(). Costs as to_absl().
template <class Clock> auto from_absl(absl::Time t) {
  using std::chrono::nanoseconds;
  const auto since = from_absl<nanoseconds>(t - absl::UnixEpoch());
  using result = decltype(takt::clock_cast<Clock>(std::chrono::sys_time<nanoseconds>()));
  if (since == nanoseconds::max() || since == nanoseconds::min()) return result(since);
  return takt::clock_cast<Clock>(std::chrono::sys_time<nanoseconds>(since));
}

} // namespace takt::inline TAKT_ABI
#endif
