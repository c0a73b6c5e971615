/// shifted_time.hpp - conversions between clocks that are some nanoseconds apart: the distance and the arithmetic.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>

#include <chrono>
#include <concepts>
#include <type_traits>

namespace takt::inline TAKT_ABI::detail {

// synopsis
template <class Duration>
[[nodiscard]] constexpr Duration shifted_time(Duration t, std::chrono::nanoseconds by) noexcept;
template <class From, class To>
[[nodiscard]] std::chrono::nanoseconds ahead_by_readings(const From& from, const To& to) noexcept(noexcept(from()) &&
                                                                                                  noexcept(to()));

// definitions

/// Returns: t + by in the unit of t, rounded down, stopping at the ends of its range. A floating-point t is rounded as
/// its arithmetic does.
template <class Duration> constexpr Duration shifted_time(Duration t, std::chrono::nanoseconds by) noexcept {
  if constexpr (std::floating_point<typename Duration::rep>) {
    return t + std::chrono::duration_cast<Duration>(by);
  } else {
    using common = std::common_type_t<Duration, std::chrono::nanoseconds>;
    return saturating_cast<Duration>(saturating_add(saturating_cast<common>(t), saturating_cast<common>(by)));
  }
}

/// `from` and `to` read two clocks, in nanoseconds.
/// Returns: how far `to` is ahead of `from` now, by the narrowest of five readings at most. The error goes either way;
/// ahead_of() (kernel/sleepable_clock.hpp) reads each clock once, and errs to one side only, as sleeps need it.
template <class From, class To>
std::chrono::nanoseconds ahead_by_readings(const From& from, const To& to) noexcept(noexcept(from()) &&
                                                                                    noexcept(to())) {
  using std::chrono::nanoseconds;
  constexpr nanoseconds narrow(200); // three reads that were not disturbed
  nanoseconds ahead{}, narrowest = nanoseconds::max();
  for (int again = 0; again < 5 && narrowest > narrow; ++again) {
    const nanoseconds before = from(), now = to();
    const nanoseconds width = saturating_subtract(from(), before);
    if (width >= narrowest || width < nanoseconds::zero()) continue; // negative: the clock of `from` was set
    narrowest = width, ahead = saturating_subtract(now, saturating_add(before, width / 2));
  }
  return ahead;
}

} // namespace takt::inline TAKT_ABI::detail
