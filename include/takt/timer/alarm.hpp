/// alarm.hpp - timers that wake a suspended machine.
///
///   takt::alarm_timer alarm(takt::alarm_timer::clock::boottime);
///   alarm.after(8h);
///   alarm.wait();                       // or alarm.fd() in an event loop
///
/// After fork: the child's copy is inert, as timer_fd.hpp says. at(), after(), disarm(), fire() and wait() fail with
/// operation_not_permitted and do nothing, fd() is -1, and the parent's alarm stays as it is. The child makes its own.
///
/// Does not promise: that the machine can be suspended, or that the firmware allows the RTC (the real-time clock chip)
/// to wake it; a better resolution than the second of the RTC while suspended: the RTC may wake the machine up to a
/// second early or late, and the timer fires when its own clock shows the deadline, never early. The kernel refuses to
/// suspend when an alarm is less than two seconds away.
/// Sources: timerfd_create(2), capabilities(7) CAP_WAKE_ALARM; Linux 6.12 kernel/time/alarmtimer.c alarm_clock_getres
/// (EINVAL without an RTC), alarmtimer_suspend; fs/timerfd.c (creating one succeeds without an RTC).
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/kernel/timer_fd.hpp>
#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

template <class Os = linux_os> class basic_alarm_timer;
/// An alarm timer on Linux.
using alarm_timer = basic_alarm_timer<>;

// definitions

/// A one-shot timer on CLOCK_BOOTTIME_ALARM or CLOCK_REALTIME_ALARM. Not to be shared between threads, or
/// with a signal handler.
template <class Os> class basic_alarm_timer {
public:
  /// The clock of an alarm. Both go on while the machine is suspended; `realtime` follows steps of CLOCK_REALTIME.
  enum class clock { boottime, realtime };
  using nanoseconds = std::chrono::nanoseconds; ///< the duration of all its times

  /// Errors: ENODEV where no real-time clock can wake the machine; EPERM without CAP_WAKE_ALARM; what timerfd_create
  /// reports.
  basic_alarm_timer(clock by, std::error_code& ec) : clock_(by) {
    timespec resolution{};
    if (const int error = Os::clock_getres(alarm_id(), resolution); error != 0) {
      ec = detail::errno_code(error == EINVAL ? ENODEV : error); // a kernel without alarm clocks says the same
      return;
    }
    timer_ = timer_fd<Os>(alarm_id(), ec);
  }
#if TAKT_EXCEPTIONS
  explicit basic_alarm_timer(clock by)
      : basic_alarm_timer(detail::or_throw([&](std::error_code& ec) { return basic_alarm_timer(by, ec); }, [] {
          return "alarm_timer: needs CAP_WAKE_ALARM, and a real-time clock that can wake the machine (/sys/class/rtc, "
                 "CONFIG_RTC_CLASS)";
        })) {}
#endif

  /// Effects: the timer fires when the clock shows `deadline`, counted from its epoch. This replaces an earlier
  /// deadline. Errors: what timerfd_settime reports; operation_not_permitted in a forked child. Does not block.
  void at(nanoseconds deadline, std::error_code& ec) noexcept {
    deadline_ = deadline, fired_ = false;
    timer_.arm(deadline, false, ec);
  }
  /// Effects: the timer fires when `d`, rounded up to nanoseconds, has passed. Errors: those of at().
  template <class Rep, class Period> void after(std::chrono::duration<Rep, Period> d, std::error_code& ec) noexcept {
    at(detail::saturating_add(now(), detail::ceil_to_nanoseconds(d)), ec);
  }
  /// Effects: the timer does not fire until at() or after() is called again. Errors: those of at().
  void disarm(std::error_code& ec) noexcept {
    fired_ = true; // nothing is to fire
    timer_.disarm(ec);
  }

  /// Returns: whether it fires now: once for each deadline, and never before the clock shows it. An event loop calls it
  /// when fd() is readable. Errors: operation_not_permitted in a forked child. Does not block.
  [[nodiscard]] bool fire(std::error_code& ec) noexcept {
    if (timer_.take(ec) != timer_fd<Os>::news::expired || fired_) return false;
    if (now() < deadline_) return timer_.arm(deadline_, false, ec), false;
    return fired_ = true;
  }
  /// Effects: sleeps until the timer fires; for ever if it is not armed. Errors: EBADF for a timer that could not be
  /// made; operation_not_permitted in a forked child.
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

  /// Returns: a descriptor that is readable when the timer may have fired; -1 without a timer and in a forked child.
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  /// Returns: what the alarm's clock shows, in nanoseconds since its epoch.
  [[nodiscard]] nanoseconds now() const noexcept {
    if (clock_ == clock::boottime) return posix_clock<CLOCK_BOOTTIME, access::vdso, Os>::now().time_since_epoch();
    return posix_clock<CLOCK_REALTIME, access::vdso, Os>::now().time_since_epoch();
  }

private:
  [[nodiscard]] clockid_t alarm_id() const noexcept {
    return clock_ == clock::boottime ? CLOCK_BOOTTIME_ALARM : CLOCK_REALTIME_ALARM;
  }

  clock clock_;
  timer_fd<Os> timer_;
  nanoseconds deadline_{};
  bool fired_ = true;
};

} // namespace takt::inline TAKT_ABI
