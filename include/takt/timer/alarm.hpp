/// alarm.hpp - timers that wake a suspended machine.
///
///   takt::alarm_timer alarm(takt::alarm_clock::boottime);
///   alarm.after(8h);
///   alarm.wait();                       // or alarm.fd() in an event loop
///
/// Does not promise: that the machine can be suspended, or that firmware lets the RTC wake it; nor more than the RTC's
/// resolution of a second while suspended: the kernel programs the RTC a little early or late by that much, and the
/// timer then fires when its own clock says so, never early. The kernel refuses to suspend at all when an alarm is less
/// than two seconds away.
/// Sources: timerfd_create(2), capabilities(7) CAP_WAKE_ALARM; Linux 6.12 kernel/time/alarmtimer.c alarm_clock_getres
/// (EINVAL without an RTC), alarmtimer_suspend; fs/timerfd.c (creating one succeeds without an RTC).
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/timer_fd.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

/// Both go on while the machine sleeps; `realtime` follows whoever sets the clock.
enum class alarm_clock { boottime, realtime };

template <class Os = linux_os> class basic_alarm_timer;
using alarm_timer = basic_alarm_timer<>;

// definitions

/// A one-shot timer on CLOCK_BOOTTIME_ALARM or CLOCK_REALTIME_ALARM. Not to be shared between threads.
template <class Os> class basic_alarm_timer {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// Errors: ENODEV where no real-time clock can wake the machine; EPERM without CAP_WAKE_ALARM; what timerfd_create
  /// reports.
  basic_alarm_timer(alarm_clock clock, std::error_code& ec) : clock_(clock) {
    timespec resolution{};
    if (const int error = Os::clock_getres(alarm_id(), resolution); error != 0) {
      ec = detail::errno_code(error == EINVAL ? ENODEV : error); // a kernel without alarm clocks says the same
      return;
    }
    timer_ = timer_fd<Os>(alarm_id(), ec);
  }
#if TAKT_EXCEPTIONS
  explicit basic_alarm_timer(alarm_clock clock)
      : basic_alarm_timer(detail::or_throw([&](std::error_code& ec) { return basic_alarm_timer(clock, ec); }, [] {
          return std::string("alarm_timer: needs CAP_WAKE_ALARM, and a real-time clock that can wake the machine "
                             "(/sys/class/rtc, CONFIG_RTC_CLASS)");
        })) {}
#endif

  /// Effects: fires when the clock shows `deadline`, counted from its epoch; a deadline set before is forgotten.
  void at(nanoseconds deadline, std::error_code& ec) noexcept {
    deadline_ = deadline, fired_ = false;
    timer_.arm(deadline, false, ec);
  }
  /// Effects: fires when `d` has passed, at most as late as rounding up to nanoseconds makes it.
  template <class Rep, class Period> void after(std::chrono::duration<Rep, Period> d, std::error_code& ec) noexcept {
    at(saturating_add(now(), detail::ceil_to_nanoseconds(d)), ec);
  }
  void disarm(std::error_code& ec) noexcept {
    fired_ = true; // nothing is to fire
    timer_.disarm(ec);
  }

  /// Returns: whether it fires now: once for each deadline, and never before the clock shows it. For event loops, when
  /// fd() is readable. Does not block.
  [[nodiscard]] bool fire(std::error_code& ec) noexcept {
    if (timer_.take(ec) != timer_news::expired || fired_) return false;
    if (now() < deadline_) return timer_.arm(deadline_, false, ec), false;
    return fired_ = true;
  }
  /// Effects: sleeps until it fires; for ever if it is not armed. Errors: EBADF for a timer that could not be made.
  void wait(std::error_code& ec) noexcept {
    do {
      timer_.wait(nanoseconds::max(), ec);
    } while (!ec && !fire(ec) && !ec);
  }
#if TAKT_EXCEPTIONS
  void at(nanoseconds deadline) {
    detail::or_throw([&](std::error_code& ec) { at(deadline, ec); }, [] { return "alarm_timer::at: timerfd_settime"; });
  }
  template <class Rep, class Period> void after(std::chrono::duration<Rep, Period> d) {
    detail::or_throw([&](std::error_code& ec) { after(d, ec); }, [] { return "alarm_timer::after: timerfd_settime"; });
  }
  void wait() {
    detail::or_throw([&](std::error_code& ec) { wait(ec); }, [] { return "alarm_timer::wait: ppoll or read"; });
  }
#endif

  /// Readable when it may have fired.
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  /// Returns: what the alarm's clock shows, in nanoseconds since its epoch.
  [[nodiscard]] nanoseconds now() const noexcept {
    if (clock_ == alarm_clock::boottime) return posix_clock<CLOCK_BOOTTIME, access::vdso, Os>::now().time_since_epoch();
    return posix_clock<CLOCK_REALTIME, access::vdso, Os>::now().time_since_epoch();
  }

private:
  [[nodiscard]] clockid_t alarm_id() const noexcept {
    return clock_ == alarm_clock::boottime ? CLOCK_BOOTTIME_ALARM : CLOCK_REALTIME_ALARM;
  }

  alarm_clock clock_;
  timer_fd<Os> timer_;
  nanoseconds deadline_{};
  bool fired_ = true;
};

} // namespace takt::inline TAKT_ABI
