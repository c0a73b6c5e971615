/// clock_watch.hpp - reports steps, slews, suspends, restores, counter jumps and clock source switches.
///
///   takt::clock_watch watch(1s);
///   for (;;)
///     for (const takt::watch_event& e : watch.wait(1min)) std::cout << to_string(e) << '\n';
///
/// Once a period, on the common grid of CLOCK_MONOTONIC, it reads the counter and all clocks of the kernel between two
/// reads of the counter (2 us), reads the leap second state by adjtimex and the clock source from sysfs (10 us), asks
/// for signs that the machine or this process was restored or migrated (restore_signs.hpp; 10 us), and reports the
/// events since the last check (watch_event.hpp lists them). The kernel notifies it when CLOCK_REALTIME is set, at a
/// leap second and after a suspend, and then it checks at once. So a step, a suspend, a jump and another clock source
/// are reported at once or within a period. An offset that stays and a rate that changed are reported one period later,
/// several periods later where reading the clocks is slow. The event has the two times between which the change
/// happened.
///
/// A restore is known within a period from VMClock (/dev/vmclock0, where the watch may read it), from the kernel's
/// message about the generation id, from the boot id and from the time namespace. Where none of them shows it and the
/// kernel's clocks leapt while the counter did not, it is inferred. What the clocks did then is no step.
///
/// It starts no thread: wait in one of yours, or give fd() to an event loop and call take() when it is readable.
///
/// After fork: the child's copy is inert. take(), check() and wait() fail with operation_not_permitted, report nothing
/// and take no notification from the parent; fd() is -1; period(), history() and the counts keep their values from the
/// fork. A child that needs a watch constructs one.
///
/// Does not promise: what clock_history.hpp does not promise; thread safety; events of the counter where the
/// constructing thread may not read it (PR_SET_TSC), which leaves the clocks of the kernel alone.
/// Sources: those of clock_history.hpp and clock_change_timer.hpp.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/observe/clock_history.hpp>
#include <takt/observe/detail/restore_probe.hpp>
#include <takt/observe/watch_event.hpp>
#include <takt/timer/clock_change_timer.hpp>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

template <class Counter = ordered_counter, class Os = linux_os> class basic_clock_watch;
/// A watch of the hardware counter and the clocks of Linux.
using clock_watch = basic_clock_watch<>;

// definitions

/// Samples the clocks once a period and when the kernel notifies it. Not to be shared between threads, nor with a
/// signal handler.
template <class Counter, class Os> class basic_clock_watch {
public:
  using nanoseconds = std::chrono::nanoseconds; ///< the duration of all its times
  // in the reference: the type itself
  using vmclock_state = detail::vmclock_page; ///< what VMClock states of restores
  /// The shortest period; a shorter one would keep a CPU busy with checks.
  static constexpr nanoseconds min_period = std::chrono::milliseconds(1);

  /// Effects: makes the first check. Does not block; some 25 system calls. While it lives it has a
  /// timer descriptor, a socket, and on a machine with VMClock a mapped page.
  /// Errors: invalid_argument for a period below min_period; what timerfd_create and timerfd_settime report.
  basic_clock_watch(nanoseconds period, std::error_code& ec) : period_(period) { start(ec); }
#if TAKT_EXCEPTIONS
  /// Effects: as the constructor above; throws std::system_error for its errors.
  explicit basic_clock_watch(nanoseconds period) : period_(period) {
    detail::or_throw([&](std::error_code& ec) { start(ec); },
                     [] { return "takt::clock_watch: timerfd_create; a period of a millisecond at least"; });
  }
#endif

  /// Effects: blocks and checks when the kernel notifies it and once a period, until there are events, a signal handler
  /// has run, or `max` has passed; nanoseconds::max() is no limit.
  /// Returns: the events; none after a signal handler, after `max` and on error. Allocates for events.
  /// Errors: what ppoll, read and timerfd_settime report; operation_not_permitted in a forked child.
  std::vector<watch_event> wait(nanoseconds max, std::error_code& ec);

  /// Effects: checks if a period has passed or the kernel notified it. For event loops, when fd() is readable. Does not
  /// block; a check takes some 20 us.
  /// Returns: the events since the last check, mostly none.
  /// Errors: what read and timerfd_settime report; operation_not_permitted in a forked child.
  std::vector<watch_event> take(std::error_code& ec) {
    using news = typename clock_change_timer<Os>::news;
    const news found = timer_.take(ec);
    if (ec || found == news::none) return {};
    const bool notified = found == news::clock_set;
    notifications_ += notified;
    std::vector<detail::dependent<Os, watch_event>> events = check(ec);
    // Something happened that a disturbed check could not show. The third in a row counts as it is.
    while (notified && !ec && events.empty() && history_.disturbed()) events = check(ec);
    return events;
  }

  /// Effects: checks now, and starts a new period. Does not block; some 20 us.
  /// Returns: the events since the last check.
  /// Errors: what timerfd_settime reports; operation_not_permitted in a forked child.
  std::vector<watch_event> check(std::error_code& ec) {
    if (timer_.inherited()) return ec = detail::errno_code(EPERM), std::vector<detail::dependent<Os, watch_event>>();
    std::vector<detail::dependent<Os, watch_event>> events = std::move(unread_);
    unread_.clear();
    history_.add(read_everything(), events);
    ++checks_;
    timer_.arm(period_, path_, ec);
    return events;
  }
#if TAKT_EXCEPTIONS
  /// Effects and returns: as wait(max, ec); throws std::system_error for its errors.
  std::vector<watch_event> wait(nanoseconds max) {
    return detail::or_throw([&](std::error_code& ec) { return wait(max, ec); },
                            [] { return "takt::clock_watch::wait: ppoll or read"; });
  }
  /// Effects and returns: as take(ec); throws std::system_error for its errors.
  std::vector<watch_event> take() {
    return detail::or_throw([&](std::error_code& ec) { return take(ec); },
                            [] { return "takt::clock_watch::take: read"; });
  }
  /// Effects and returns: as check(ec); throws std::system_error for its errors.
  std::vector<watch_event> check() {
    return detail::or_throw([&](std::error_code& ec) { return check(ec); },
                            [] { return "takt::clock_watch::check: timerfd_settime"; });
  }
#endif

  /// Returns: a descriptor for poll(2) and similar calls, which is readable when it is time for take(); -1 in a
  /// forked child.
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  /// Returns: the period that the constructor was given.
  [[nodiscard]] nanoseconds period() const noexcept { return period_; }
  /// Returns: the number of checks, the first one included.
  [[nodiscard]] std::uint64_t checks() const noexcept { return checks_; }
  /// Returns: the number of checks that a notification by the kernel caused.
  [[nodiscard]] std::uint64_t notifications() const noexcept { return notifications_; }
  /// Returns: whether the counter is watched besides the clocks of the kernel.
  [[nodiscard]] bool judges_counter() const noexcept { return by_counter_; }
  /// Returns: the history of the checks, whose last() is the last sample. Valid as long as the watch.
  [[nodiscard]] const clock_history& history() const noexcept { return history_; }
  /// Returns: what VMClock stated at the last check; null on a machine without one, or if the watch may not read it.
  [[nodiscard]] const vmclock_state* vmclock() const noexcept { return probe_.vmclock(); }

private:
  void start(std::error_code& ec);
  [[nodiscard]] clock_history::sample read_everything();

  nanoseconds period_;
  clock_change_timer<Os> timer_;
  clock_history history_;
  detail::restore_probe<Os> probe_;
  std::vector<watch_event> unread_; ///< the events of the first check, such as a leap second that was already announced
  nanoseconds resolution_{};
  access path_ = access::vdso;
  bool by_counter_ = true;
  bool may_infer_ = true; ///< this machine may be a virtual one, which can be restored
  std::uint64_t checks_ = 0, notifications_ = 0;
};

template <class Counter, class Os> void basic_clock_watch<Counter, Os>::start(std::error_code& ec) {
  ec.clear();
  if (period_ < min_period) {
    ec = detail::errno_code(EINVAL);
    return;
  }
  timer_ = clock_change_timer<Os>(ec);
  if (ec) return;
  if constexpr (std::is_same_v<typename Counter::family, detail::hardware_counter>) {
    const cpu_features features = cpu_features::read();
    may_infer_ = features.hypervisor != false;
    bool allowed = true;
    const bool forbidden = Os::counter_allowed(allowed) == 0 && !allowed;
    by_counter_ = !forbidden && (features.system_counter || features.tsc != false);
    if (forbidden) path_ = access::syscall; // the vDSO reads the counter as well
  }
  probe_.start();
  unread_ = check(ec);
}

template <class Counter, class Os> clock_history::sample basic_clock_watch<Counter, Os>::read_everything() {
  clock_history::sample now;
  const auto read_clocks = [&] {
    now.readings = by_counter_ ? detail::read_all_clocks<Counter, Os>(history_.rate(), path_)
                               : detail::read_all_clocks<detail::no_counter, Os>({}, path_);
  };
  read_clocks();
  now.signs = probe_.take();
  if (now.signs.any()) read_clocks(); // the restore may have come after the first
  std::error_code ec;
  now.leap = leap_facts::read<Os>(ec), now.leap_known = !ec;
  now.source = clocksource::current<Os>(ec);
  const clock_history::sample* const last = history_.last();
  if (last && may_infer_ && last->readings.monotonic)
    now.due = detail::saturating_add(*last->readings.monotonic, period_);
  const bool switched = last && !now.source.empty() && now.source != last->source;
  if (!last || switched) resolution_ = clock_resolution<Os>(CLOCK_MONOTONIC, ec);
  now.resolution = resolution_;
  std::string log;
  if (switched && Os::kernel_log(log) == 0) {
    now.log = detail::last_clocksource_switch(log);
    // Where switches follow each other, the last message may be of an earlier one, or of one since the source was read.
    if (detail::switched_to(now.log) != now.source) now.log.clear();
  }
  return now;
}

template <class Counter, class Os>
std::vector<watch_event> basic_clock_watch<Counter, Os>::wait(nanoseconds max, std::error_code& ec) {
  const auto now = [&] { return detail::read_by<CLOCK_MONOTONIC, Os>(path_); };
  const nanoseconds deadline = detail::saturating_add(now(), max);
  ec.clear();
  for (;;) {
    const nanoseconds left = max == nanoseconds::max() ? max : detail::saturating_subtract(deadline, now());
    if (!timer_.wait(left, ec) || ec) return {};
    if (std::vector<detail::dependent<Os, watch_event>> events = take(ec); !events.empty() || ec) return events;
    if (left <= nanoseconds::zero()) return {};
  }
}

} // namespace takt::inline TAKT_ABI
