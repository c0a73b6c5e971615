/// scheduler.hpp - a million timers, as few wake-ups as can be.
///
///   takt::grid_scheduler timers;
///   auto handle = timers.every(1s, 100ms, [] { flush(); });  // period, slack; cancelled when the handle dies
///   timers.after(30s, 5s, [] { expire(); }).detach();        // once
///   timers.run();                                            // or: fd() and fire(), or next_wakeup() and fire(now)
///
///   struct connection {                                      // a node that the caller owns: arming allocates nothing
///     explicit connection(takt::grid_scheduler& s) : timeout(s, [this] { close(); }) {}
///     void received() { timeout.arm(30s, 5s); }
///     takt::grid_timer timeout;
///   };
///
/// A timer has a window, [due, due + slack], both ends included. It is called back in it or, when the machine was late,
/// as soon as possible after, and never before the window opens. The next wake-up is the roundest point of the window
/// that closes first (wakeup_rule.hpp), and whatever is open then is called back in the same wake-up.
///
/// Every function may be called from any thread at any time, from callbacks too, their own timer included; construction
/// and destruction may not overlap with others. Callbacks run one at a time, in the thread that is in run() or fire(),
/// without a lock. cancel() and the destructors of handles and nodes return when no callback of that timer runs in
/// another thread, as std::stop_callback's does: so do not hold a lock there that the callback wants, and do not let
/// callbacks of two schedulers cancel each other, for each would wait for the other. A thread in run() or fire() must
/// not be cancelled (pthread_cancel(3)): what unwinds it stops at the callback, and the program ends.
///
/// Handles and nodes may outlive their scheduler, which cancels them when it dies; then a node must not be armed. After
/// fork(3) the child's copy is inert: nothing in it is called back or armed, and its parent's timers are untouched. A
/// child of _Fork(3) or of clone(2) without the C library looks like its parent, and must not use a scheduler of its.
///
/// When somebody sets CLOCK_REALTIME, timers on it keep the time they were given, and cycles of every() that ran
/// already go on within a period. CLOCK_BOOTTIME counts what the machine slept.
///
/// Does not promise: an order among timers of one wake-up; a bound on lateness. Cost: adding, moving and cancelling
/// take constant time, whatever the number of timers. Finding the next wake-up looks at no more than a few slots, but
/// when the timer that closed first was taken away also at those that share its slot (wheel.hpp). A scheduler is 47 kB.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/timer/grid_origin.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/periodic.hpp>
#include <takt/timer/scheduler_alarm.hpp>
#include <takt/timer/scheduler_loop.hpp>
#include <takt/timer/scheduler_statistics.hpp>
#include <takt/timer/timer_dispatch.hpp>
#include <takt/timer/timer_handle.hpp>
#include <takt/timer/wakeup_rule.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis

/// Clock: what the kernel can sleep on, or an object with now() that the caller owns.
/// Mutex: no_mutex for a scheduler that one thread alone uses, callbacks included.
template <class Clock = std::chrono::steady_clock, wakeup_rule Rule = wake_at_roundest<>, class Mutex = std::mutex,
          class Os = linux_os>
class basic_grid_scheduler;

using grid_scheduler = basic_grid_scheduler<>;
using grid_timer = basic_grid_timer<grid_scheduler>;
using timer_handle = basic_timer_handle<grid_scheduler>;

// definitions

template <class Clock, wakeup_rule Rule, class Mutex, class Os> class basic_grid_scheduler {
  using nanoseconds = std::chrono::nanoseconds;
  using time_base = typename Clock::time_point::clock;
  static constexpr bool by_kernel = detail::scheduler_clock<Clock, Os>::by_kernel;

public:
  using clock = Clock;
  using duration = nanoseconds;
  using time_point = std::chrono::time_point<time_base, nanoseconds>;
  using event = timer_event<time_point>;
  using handle = basic_timer_handle<basic_grid_scheduler>;
  using timer = basic_grid_timer<basic_grid_scheduler>;

  /// On a clock of the kernel, whose grid begins where that of all of takt does.
  /// Errors: those of grid_origin(), and ENOMEM. It works all the same, but may not meet others.
  explicit basic_grid_scheduler(std::error_code& ec)
    requires by_kernel
      : basic_grid_scheduler(Rule(), ec) {}
  basic_grid_scheduler(Rule rule, std::error_code& ec)
    requires by_kernel
      : basic_grid_scheduler(nullptr, std::move(rule)) {
    loop_.origin = grid_origin<Clock, Os>(ec);
    if (const int error = Os::count_forks(); error != 0) ec = detail::errno_code(error);
  }
#if TAKT_EXCEPTIONS
  explicit basic_grid_scheduler(Rule rule = Rule())
    requires by_kernel
      : basic_grid_scheduler(nullptr, std::move(rule)) {
    loop_.origin =
        detail::or_throw([](std::error_code& ec) { return grid_origin<Clock, Os>(ec); }, detail::origin_hint);
    if (const int error = Os::count_forks(); error != 0)
      detail::throw_error(detail::errno_code(error), "grid_scheduler: pthread_atfork");
  }
#endif
  /// On a clock that is an object, which outlives the scheduler. The grid begins at its epoch.
  explicit basic_grid_scheduler(Clock& c, Rule rule = Rule())
    requires(!by_kernel)
      : basic_grid_scheduler(&c, std::move(rule)) {
    static_cast<void>(Os::count_forks());
  }
  /// Cancels the timers that are armed. Precondition: no thread is in run(), fire() or a callback.
  ~basic_grid_scheduler() = default;
  basic_grid_scheduler(const basic_grid_scheduler&) = delete;
  basic_grid_scheduler& operator=(const basic_grid_scheduler&) = delete;

  // Adding timers: each allocates a node. f is called without arguments, or with a `const event&`.
  // Errors: invalid_argument for negative slack or a period that is not positive, not_enough_memory,
  // operation_not_permitted in a forked child. Then the handle is empty.

  /// Effects: f is called once, in the window from `delay` after now to `slack` later.
  template <class R1, class P1, class R2, class P2, timer_callback<event> F>
  [[nodiscard]] handle after(std::chrono::duration<R1, P1> delay, std::chrono::duration<R2, P2> slack, F&& f,
                             std::error_code& ec) {
    return add(due_at(delay), slack, nanoseconds::zero(), overrun::skip, std::forward<F>(f), ec);
  }
  /// The same from `when` on.
  template <class D, class R, class P, timer_callback<event> F>
  [[nodiscard]] handle at(std::chrono::time_point<time_base, D> when, std::chrono::duration<R, P> slack, F&& f,
                          std::error_code& ec) {
    return add(due_at(when), slack, nanoseconds::zero(), overrun::skip, std::forward<F>(f), ec);
  }
  /// Effects: f is called once in each window [start + k * period, start + k * period + slack], k = 1, 2, ...; start is
  /// now, and deadlines do not drift. The callback of one cycle ends before that of the next begins. A cycle whose
  /// window has closed by then was missed, and the policy says what happens: `skip` gives it up, `catch_up` delivers
  /// all that were missed one after the other, `report` the latest of them. Slack of a period or more counts as just
  /// below it: no cycle meets the next. handle::move() says when the first shall be.
  template <class R1, class P1, class R2, class P2, timer_callback<event> F>
  [[nodiscard]] handle every(std::chrono::duration<R1, P1> period, std::chrono::duration<R2, P2> slack, F&& f,
                             overrun policy, std::error_code& ec) {
    return add(due_at(period), slack, period_of(period), policy, std::forward<F>(f), ec);
  }
#if TAKT_EXCEPTIONS
  template <class R1, class P1, class R2, class P2, timer_callback<event> F>
  [[nodiscard]] handle after(std::chrono::duration<R1, P1> delay, std::chrono::duration<R2, P2> slack, F&& f) {
    return checked([&](std::error_code& ec) { return after(delay, slack, std::forward<F>(f), ec); });
  }
  template <class D, class R, class P, timer_callback<event> F>
  [[nodiscard]] handle at(std::chrono::time_point<time_base, D> when, std::chrono::duration<R, P> slack, F&& f) {
    return checked([&](std::error_code& ec) { return at(when, slack, std::forward<F>(f), ec); });
  }
  template <class R1, class P1, class R2, class P2, timer_callback<event> F>
  [[nodiscard]] handle every(std::chrono::duration<R1, P1> period, std::chrono::duration<R2, P2> slack, F&& f,
                             overrun policy = overrun::skip) {
    return checked([&](std::error_code& ec) { return every(period, slack, std::forward<F>(f), policy, ec); });
  }
#endif

  // Running them.

  /// Effects: sleeps and calls back until stop() is called, which ends this run or, if none is left to end, the next.
  /// Sleeps until the next wake-up; a thread that is not under a real-time policy may wake up before that, with an
  /// interrupt that comes anyway while the window is open, and one that is awake calls back what is open.
  /// Errors: device_or_resource_busy if another thread is in run(), or called from a callback; operation_not_permitted
  /// in a forked child; what futex or ppoll report. Throws what a callback threw, unless on_exception() says otherwise,
  /// when the others of that wake-up have been called; run() may then be called again.
  void run(std::error_code& ec)
    requires by_kernel
  {
    run(std::stop_token(), ec);
  }
  /// The same, and a request to stop ends it.
  void run(const std::stop_token& token, std::error_code& ec)
    requires by_kernel
  {
    loop_.run(token, ec);
  }
#if TAKT_EXCEPTIONS
  void run(const std::stop_token& token = {})
    requires by_kernel
  {
    checked([&](std::error_code& ec) { run(token, ec); });
  }
#endif
  void stop()
    requires by_kernel
  {
    loop_.rouse(true);
  }

  /// Returns: a descriptor that is readable when it is time for fire(), for poll(2) and its kin; the scheduler owns it.
  /// It is a timerfd, which knows no slack: it wakes at the wake-up. On CLOCK_REALTIME it is also readable when
  /// somebody set the clock. The first call makes it.
  /// Errors: what timerfd_create reports, and -1; all the rest works as before. operation_not_permitted in a forked
  /// child.
  [[nodiscard]] int fd(std::error_code& ec)
    requires by_kernel
  {
    return loop_.fd(ec);
  }
#if TAKT_EXCEPTIONS
  [[nodiscard]] int fd()
    requires by_kernel
  {
    return detail::or_throw([&](std::error_code& ec) { return fd(ec); }, [] {
      return std::string("grid_scheduler::fd: timerfd_create; the limit of open files (ulimit -n)?");
    });
  }
#endif

  /// Effects: calls back every timer whose window is open at `now`, a reading of the clock, or right now. One from
  /// before an earlier one counts as that, unless the clock can be set back: there calls of fire(now) must not overlap
  /// with others, or a reading that waits for its turn counts as a clock that was set back. Does not block, but for
  /// what callbacks do.
  /// Returns: how many there were: none while a callback runs, here or in another thread; what was due then shows in
  /// next_wakeup() and fd() afterwards. Throws as run() does; of several exceptions each leaves a call of its own, and
  /// until they have, fire() is wanted at once and calls nobody back.
  std::size_t fire() {
    return loop_.fire([this] { return loop_.now(); });
  }
  std::size_t fire(time_point now) {
    return loop_.fire([now] { return now.time_since_epoch().count(); });
  }
  /// Returns: when fire() should be called next; earlier than now if it is late; nothing if no timer is armed and no
  /// exception is left.
  [[nodiscard]] std::optional<time_point> next_wakeup() {
    const std::optional<nanoseconds> next = loop_.next_wakeup();
    return next ? std::optional(time_point(*next)) : std::nullopt;
  }

  /// Returns: how many timers are armed.
  [[nodiscard]] std::size_t pending() const {
    if (loop_.inert()) return 0;
    const auto hold = loop_.dispatch.locked();
    return loop_.dispatch.wheel.size();
  }
  [[nodiscard]] scheduler_statistics statistics() const {
    if (loop_.inert()) return {};
    const auto hold = loop_.dispatch.locked();
    return loop_.dispatch.statistics;
  }

  /// Effects: what callbacks throw goes to f, as a std::exception_ptr, in the thread that calls back, instead of
  /// leaving run() or fire(). What f throws ends the program. To be called before there are timers. Allocates.
  template <std::invocable<std::exception_ptr> F> void on_exception(F f) {
    const detail::exception_handler* const old =
        std::exchange(loop_.dispatch.handler, new detail::exception_function<F>(std::move(f)));
    delete old;
  }

private:
  friend handle;
  template <class, std::size_t> friend class basic_grid_timer;
  using dispatch = detail::timer_dispatch<Mutex, Os>;
  using time = detail::timer_wheel::time;
  using window = detail::timer_wheel::window;

  basic_grid_scheduler(Clock* c, Rule rule) : loop_(c, std::move(rule)), driven_(*this, c) {}

  template <class Rep, class Period> [[nodiscard]] nanoseconds due_at(std::chrono::duration<Rep, Period> delay) const {
    return saturating_add(nanoseconds(loop_.now()), detail::ceil_to_nanoseconds(delay));
  }
  template <class D> [[nodiscard]] static nanoseconds due_at(std::chrono::time_point<time_base, D> when) noexcept {
    return detail::deadline_of(when);
  }
  template <class When, class Rep, class Period>
  [[nodiscard]] window window_of(When when, std::chrono::duration<Rep, Period> slack) const {
    const nanoseconds earliest = due_at(when);
    return {earliest.count(), saturating_add(earliest, saturating_cast<nanoseconds>(slack)).count()};
  }
  /// A period that cannot be is made one below zero.
  template <class Rep, class Period>
  [[nodiscard]] static nanoseconds period_of(std::chrono::duration<Rep, Period> p) noexcept {
    return p > p.zero() ? detail::ceil_to_nanoseconds(p) : nanoseconds(-1);
  }

  template <class Rep, class Period, class F>
  handle add(nanoseconds due, std::chrono::duration<Rep, Period> slack, nanoseconds period, overrun policy, F&& f,
             std::error_code& ec);
  template <class When, class Rep, class Period>
  bool move(detail::counted& t, When when, std::chrono::duration<Rep, Period> slack) {
    const nanoseconds room(t.limited(saturating_cast<nanoseconds>(slack).count()));
    return loop_.move(t, window_of(when, room), room.count());
  }

#if TAKT_EXCEPTIONS
  template <class Call> static decltype(auto) checked(Call&& call) {
    return detail::or_throw(call, [] {
      return std::string("grid_scheduler: slack is negative, a period not positive, memory short, run() called twice, "
                         "or this is the inert copy of a forked child");
    });
  }
#endif

  detail::scheduler_loop<Clock, Rule, Mutex, Os> loop_;
  [[no_unique_address]] detail::driven_scheduler<basic_grid_scheduler, Clock> driven_;
};

template <class Clock, wakeup_rule Rule, class Mutex, class Os>
template <class Rep, class Period, class F>
auto basic_grid_scheduler<Clock, Rule, Mutex, Os>::add(nanoseconds due, std::chrono::duration<Rep, Period> slack,
                                                       nanoseconds period, overrun policy, F&& f, std::error_code& ec)
    -> handle {
  using node = detail::counted_callback<event, std::decay_t<F>>;
  ec.clear();
  if (!(slack >= slack.zero()) || period < nanoseconds::zero()) {
    ec = std::make_error_code(std::errc::invalid_argument);
  } else if (loop_.inert()) {
    ec = std::make_error_code(std::errc::operation_not_permitted);
  } else if (node* const t = new (std::nothrow) node(std::forward<F>(f), dispatch::fork_count()); t != nullptr) {
    t->period = period.count();
    t->slack = t->limited(saturating_cast<nanoseconds>(slack).count());
    t->policy = policy;
    loop_.arm(*t, window_of(time_point(due), nanoseconds(t->slack)));
    return handle(t, this);
  } else {
    ec = std::make_error_code(std::errc::not_enough_memory);
  }
  return handle();
}

} // namespace takt::inline TAKT_ABI
