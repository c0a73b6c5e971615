/// wait_until_past.hpp - waiting until a moment of UTC has certainly passed.
///
///   commit(stamp);                                 // stamp: the `latest` of bounded_clock::now()
///   takt::wait_until_past(stamp, ec);              // no clock with a true bound shows less from now on
///
/// A moment has passed when it is before the earliest that UTC may be. The wait lasts as long as the error of the clock
/// is wide, and longer while that grows.
///
/// Does not promise: more than bounded_clock does; a bound on how late the wait ends, as sleep.hpp.
/// Sources: those of bounded_clock.hpp and sleep.hpp.
#pragma once
#include <takt/clock/bounded_clock.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/sleep/sleep.hpp>

#include <chrono>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

// In the four forms of sleep.hpp; the contract stands at the definition:
//   wait_until_past<Clock>(sys_time)           until the time has certainly passed

// definitions

/// Effects: sleeps until Clock::now().earliest is after `t`. The sleep is on CLOCK_MONOTONIC, which no setting of the
/// clock extends: the bound is read again when the time is over that was left at the reading before.
/// Returns: whether `t` has passed; false after an error or when the stop condition ended the wait.
/// Errors: not_bounded while the status is unknown, at the beginning or later: then no wait has an end, and
/// explain(Clock::now()) says why; what sleep_until() reports. A reading that is unknown because it was unsettled is
/// repeated every millisecond, for about 100 ms.
template <class Clock = bounded_clock, class Os = linux_os, class Duration>
[[nodiscard]] bool wait_until_past(std::chrono::sys_time<Duration> t, stop_condition auto stop,
                                   std::error_code& ec) noexcept {
  using steady = posix_clock<CLOCK_MONOTONIC, access::vdso, Os>;
  using std::chrono::nanoseconds;
  const nanoseconds due = detail::ceil_to_nanoseconds(t.time_since_epoch());
  constexpr int max_unsettled = 100; // in a row
  int unsettled = 0;
  ec.clear();
  for (;;) {
    const bounded_time now = Clock::now();
    nanoseconds left = std::chrono::milliseconds(1);
    if (now.known()) {
      const nanoseconds earliest = now.earliest.time_since_epoch();
      if (earliest > due) return true;
      left = detail::saturating_add(detail::saturating_subtract(due, earliest), nanoseconds(1));
      unsettled = 0;
    } else if (now.reason != bounded_time::reason_kind::unsettled || ++unsettled > max_unsettled) {
      return ec = errc::not_bounded, false;
    }
    const nanoseconds wake = detail::saturating_add(steady::now().time_since_epoch(), left);
    if (!detail::rest_until<steady, Os>(wake, stop, ec)) return false;
  }
}
template <class Clock = bounded_clock, class Os = linux_os, class Duration>
void wait_until_past(std::chrono::sys_time<Duration> t, std::error_code& ec) noexcept {
  static_cast<void>(wait_until_past<Clock, Os>(t, detail::uninterrupted, ec));
}

#if TAKT_EXCEPTIONS
namespace detail {
inline const char* bounded_wait_hint() noexcept {
  return "wait_until_past: needs a time daemon that states its error, such as chrony with rtcsync; "
         "explain(bounded_clock::now()) says more";
}
} // namespace detail

template <class Clock = bounded_clock, class Os = linux_os, class Duration>
void wait_until_past(std::chrono::sys_time<Duration> t) {
  detail::or_throw([&](std::error_code& ec) { wait_until_past<Clock, Os>(t, ec); }, detail::bounded_wait_hint);
}
template <class Clock = bounded_clock, class Os = linux_os, class Duration>
[[nodiscard]] bool wait_until_past(std::chrono::sys_time<Duration> t, stop_condition auto stop) {
  return detail::or_throw([&](std::error_code& ec) { return wait_until_past<Clock, Os>(t, stop, ec); },
                          detail::bounded_wait_hint);
}
#endif

} // namespace takt::inline TAKT_ABI
