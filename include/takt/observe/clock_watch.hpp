/// clock_watch.hpp - what happens to this machine's clocks, as it happens.
///
///   takt::clock_watch watch(1s);
///   for (;;)
///     for (const takt::watch_event& e : watch.wait(1min)) std::cout << to_string(e) << '\n';
///
/// Once a period, on the common grid of CLOCK_MONOTONIC, it reads the counter and all clocks of the kernel between two
/// reads of the counter (2 us), asks adjtimex for leap seconds and sysfs for the clock source (10 us), and says what
/// happened since the last time: watch_event.hpp lists it. When somebody sets CLOCK_REALTIME, at a leap second and after
/// suspend it looks at once, for the kernel tells. A step, a suspend, a jump and another clock source are so told at once
/// or within a period. Whether an offset stays or a rate changed takes one period more, several where reading the clocks
/// is slow; the event names the time between which it happened.
///
/// It starts no thread: wait in one of yours, or give fd() to an event loop and call take() when it is readable.
///
/// Does not promise: what clock_history.hpp does not. Not to be shared between threads. Where the thread that made it may
/// not read the counter, the kernel's clocks are judged alone.
/// Sources: those of clock_history.hpp and told_timer.hpp.
#pragma once
#include <takt/clock/clock_events.hpp>
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
#include <takt/observe/watch_event.hpp>
#include <takt/timer/told_timer.hpp>

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
namespace watch_rule {
/// A shorter period would keep a CPU busy with looking.
inline constexpr std::chrono::nanoseconds least_period = std::chrono::milliseconds(1);
} // namespace watch_rule

template <class Counter = ordered_counter, class Os = linux_os> class basic_clock_watch;
using clock_watch = basic_clock_watch<>;

// definitions

template <class Counter, class Os> class basic_clock_watch {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// Effects: takes the first look.
  /// Errors: EINVAL for a period below watch_rule::least_period; what timerfd_create reports.
  basic_clock_watch(nanoseconds period, std::error_code& ec) : period_(period) { start(ec); }
#if TAKT_EXCEPTIONS
  explicit basic_clock_watch(nanoseconds period) : period_(period) {
    detail::or_throw([&](std::error_code& ec) { start(ec); },
                     [] { return "takt::clock_watch: timerfd_create; a period of a millisecond at least"; });
  }
#endif

  /// Effects: looks when the kernel tells and once a period, until there are events, a signal's handler has run, or
  /// `most` has passed. Returns: the events. Errors: what ppoll and read report of a timer.
  std::vector<watch_event> wait(nanoseconds most, std::error_code& ec);

  /// For event loops, when fd() is readable. Effects: looks if it is time to. Returns: what happened since the last look,
  /// mostly nothing. Does not block.
  std::vector<watch_event> take(std::error_code& ec) {
    const timer_news news = timer_.take(ec);
    if (ec || news == timer_news::none) return {};
    const bool told = news == timer_news::clock_set;
    told_ += told;
    std::vector<watch_event> events = look(ec);
    // Something happened that a disturbed look could not show. Of three in a row the third counts as it is.
    while (told && !ec && events.empty() && history_.disturbed()) events = look(ec);
    return events;
  }

  /// Effects: looks now, and then once a period. Returns: what happened since the last look.
  std::vector<watch_event> look(std::error_code& ec) {
    std::vector<watch_event> events = std::move(unread_);
    unread_.clear();
    history_.add(read_everything(), events);
    ++looks_;
    timer_.arm(period_, ec, road_);
    return events;
  }
#if TAKT_EXCEPTIONS
  std::vector<watch_event> wait(nanoseconds most) {
    return detail::or_throw([&](std::error_code& ec) { return wait(most, ec); },
                            [] { return "takt::clock_watch::wait: ppoll or read"; });
  }
  std::vector<watch_event> take() {
    return detail::or_throw([&](std::error_code& ec) { return take(ec); }, [] { return "takt::clock_watch::take: read"; });
  }
  std::vector<watch_event> look() {
    return detail::or_throw([&](std::error_code& ec) { return look(ec); },
                            [] { return "takt::clock_watch::look: timerfd_settime"; });
  }
#endif

  /// Readable when it is time for take().
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  [[nodiscard]] nanoseconds period() const noexcept { return period_; }
  /// Returns: how often it looked, the first time included.
  [[nodiscard]] std::uint64_t looks() const noexcept { return looks_; }
  /// Returns: how often because the kernel told.
  [[nodiscard]] std::uint64_t told() const noexcept { return told_; }
  /// Returns: whether the counter is judged too.
  [[nodiscard]] bool judges_counter() const noexcept { return by_counter_; }
  /// Returns: what the looks were judged by; its last() holds what everything showed.
  [[nodiscard]] const clock_history& history() const noexcept { return history_; }

private:
  void start(std::error_code& ec);
  [[nodiscard]] clock_look read_everything();

  nanoseconds period_;
  told_timer<Os> timer_;
  clock_history history_;
  std::vector<watch_event> unread_; ///< of the first look: a leap second was announced before
  nanoseconds resolution_{};
  access road_ = access::vdso;
  bool by_counter_ = true;
  std::uint64_t looks_ = 0, told_ = 0;
};

template <class Counter, class Os> void basic_clock_watch<Counter, Os>::start(std::error_code& ec) {
  ec.clear();
  if (period_ < watch_rule::least_period) {
    ec = detail::errno_code(EINVAL);
    return;
  }
  timer_ = told_timer<Os>(ec);
  if (ec) return;
  if constexpr (std::is_same_v<typename Counter::family, hardware_counter>) {
    const cpu_features features = read_cpu_features();
    bool allowed = true;
    const bool forbidden = Os::counter_allowed(allowed) == 0 && !allowed;
    by_counter_ = !forbidden && (features.system_counter || features.tsc != false);
    if (forbidden) road_ = access::syscall; // the vDSO reads it too
  }
  unread_ = look(ec);
}

template <class Counter, class Os> clock_look basic_clock_watch<Counter, Os>::read_everything() {
  clock_look now;
  now.readings = by_counter_ ? read_all_clocks<Counter, Os>(history_.rate(), road_) : read_all_clocks<no_counter, Os>({}, road_);
  std::error_code ec;
  now.leap = leap_state<Os>(ec), now.leap_told = !ec;
  now.source = clocksource::current<Os>(ec);
  const clock_look* const last = history_.last();
  const bool switched = last && !now.source.empty() && now.source != last->source;
  if (!last || switched) resolution_ = clock_resolution<Os>(CLOCK_MONOTONIC, ec);
  now.resolution = resolution_;
  std::string log;
  if (switched && Os::kernel_log(log) == 0)
    now.log = last_kernel_message(log, "clocksource: Switched to clocksource ");
  return now;
}

template <class Counter, class Os>
std::vector<watch_event> basic_clock_watch<Counter, Os>::wait(nanoseconds most, std::error_code& ec) {
  const auto now = [&] { return detail::read_by<CLOCK_MONOTONIC, Os>(road_); };
  const nanoseconds deadline = saturating_add(now(), most);
  ec.clear();
  for (;;) {
    const nanoseconds left = most == nanoseconds::max() ? most : saturating_subtract(deadline, now());
    if (!timer_.wait(left, ec) || ec) return {};
    if (std::vector<watch_event> events = take(ec); !events.empty() || ec) return events;
    if (left <= nanoseconds::zero()) return {};
  }
}

} // namespace takt::inline TAKT_ABI
