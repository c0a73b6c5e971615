/// scheduler.hpp - a million timers, as few wake-ups as possible.
///
///   takt::grid_scheduler timers;
///   auto handle = timers.every(1s, takt::slack(100ms), [] { flush(); });  // cancelled when the handle dies
///   timers.after(30s, takt::slack(5s), [] { expire(); }).detach();        // once
///   timers.run();                                            // or: fd() and fire(), or next_wakeup() and fire(now)
///
///   struct connection {                                      // a node that the caller owns: arming allocates nothing
///     explicit connection(takt::grid_scheduler& s) : timeout(s, [this] { close(); }) {}
///     void received() { timeout.arm(30s, takt::slack(5s)); }
///     takt::grid_timer timeout;
///   };
///
/// A timer has a window, [due, due + slack], both ends included. It is called back in its window or, when the machine
/// was late, as soon as possible after it, and never before the window opens. The next wake-up is the roundest point of
/// the window that closes first (wakeup_rule.hpp), and that wake-up calls back all timers whose windows are open: in
/// the order of their due times, and of equal due times first the timer that was armed first.
///
/// Every function may be called from any thread at any time, also from callbacks and for their own timer; construction
/// and destruction may not overlap with other calls. Callbacks run one at a time, in the thread that is in run() or
/// fire(), without a lock. cancel() and the destructors of handles and nodes return when no callback of that timer runs
/// in another thread, as the destructor of std::stop_callback does. So a caller must not hold a lock there that the
/// callback takes, and callbacks of two schedulers must not cancel each other, because each would wait for the other. A
/// thread in run() or fire() must not be cancelled (pthread_cancel(3)): the unwinding stops at the callback, and the
/// program ends.
///
/// Signal handlers may call status(), and nothing else of a scheduler, a handle or a node: the handler may have
/// interrupted a thread that holds the lock. A handler that wants to end run() wakes a thread or an event loop that
/// does so (signalfd(2), eventfd(2), sem_post(3)).
///
/// Handles and nodes may outlive their scheduler, which cancels them when it dies; after that a node must not be armed.
/// A callback may destroy its scheduler: then run() or fire() returns without touching it.
///
/// After fork: the child's copy of a scheduler, of its handles and of its nodes is inert. It calls back and arms
/// nothing, waits for no callback, and takes nothing from the parent's descriptor. It may be destroyed, but the
/// callbacks that it owns are not. The parent's timers are untouched. The child makes its own scheduler. This holds
/// for children of fork(3), _Fork(3) and clone(2), in any pid namespace (os.hpp, count_forks()).
///
/// When CLOCK_REALTIME is set, timers on it keep the time that they were given. Cycles of every() that have already run
/// continue within one period, also after a step back. CLOCK_BOOTTIME counts the time that the machine was suspended.
///
/// Does not promise: a bound on lateness. Cost: adding, moving and cancelling take constant time for any number of
/// timers. Finding the next wake-up reads a few slots. If the timer whose window closed first was cancelled or moved,
/// it also reads the timers that share its slot (wheel.hpp). A pass sorts what it calls back. A scheduler takes 130 kB
/// of memory, and a pass takes 8 kB of stack.
#pragma once
#include <takt/core/detail/exchange.hpp>
#include <takt/core/error.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/scheduler/detail/dispatch.hpp>
#include <takt/scheduler/detail/loop.hpp>
#include <takt/scheduler/detail/wake_source.hpp>
#include <takt/scheduler/statistics.hpp>
#include <takt/scheduler/timer_handle.hpp>
#include <takt/scheduler/wakeup_rule.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/periodic.hpp>
#include <takt/sleep/slack.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <limits>
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

/// Timers that share wake-ups. Clock is a clock that the kernel can sleep on, or the type of an object with now() that
/// the caller owns. Rule chooses the wake-up (wakeup_rule.hpp). Mutex is no_mutex for a scheduler that only one thread
/// uses, callbacks included.
template <class Clock = std::chrono::steady_clock, wakeup_rule Rule = wake_at_roundest<>, class Mutex = std::mutex,
          class Os = linux_os>
class basic_grid_scheduler;

/// A scheduler on CLOCK_MONOTONIC that any thread may use.
using grid_scheduler = basic_grid_scheduler<>;
/// A timer of a grid_scheduler that is part of an object of the caller.
using grid_timer = basic_grid_timer<grid_scheduler>;
/// What a grid_scheduler returns for a timer that it allocated.
using timer_handle = basic_timer_handle<grid_scheduler>;

// definitions

template <class Clock, wakeup_rule Rule, class Mutex, class Os> class basic_grid_scheduler {
  using nanoseconds = std::chrono::nanoseconds;
  using time_base = typename Clock::time_point::clock;
  static constexpr bool by_kernel = detail::scheduler_clock<Clock, Os>::by_kernel;

public:
  using clock = Clock; ///< the clock that the windows are on
  using duration = nanoseconds;
  using time_point = std::chrono::time_point<time_base, nanoseconds>;
  using handle = basic_timer_handle<basic_grid_scheduler>; ///< what the functions that add timers return
  using timer = basic_grid_timer<basic_grid_scheduler>; ///< a timer that the caller owns
  // in the reference: the type itself
  using event = detail::timer_event<time_point>; ///< what a callback may take as its argument
  using statistics_type = detail::scheduler_statistics; ///< what statistics() returns

  /// Effects: makes a scheduler on a clock of the kernel, whose grid has the origin that all of takt uses.
  /// Errors: those of grid_origin(), and ENOMEM of count_forks(). The scheduler works in spite of an error, but its
  /// wake-ups may not be those of other processes, or a forked child may not notice that its copy is inert.
  TAKT_UNWINDS explicit basic_grid_scheduler(std::error_code& ec)
    requires by_kernel
      : basic_grid_scheduler(Rule(), ec) {}
  TAKT_UNWINDS basic_grid_scheduler(Rule rule, std::error_code& ec)
    requires by_kernel
      : basic_grid_scheduler(nullptr, nullptr, std::move(rule)) {
    loop_.origin = grid_origin<Clock, Os>(ec);
    if (const int error = Os::count_forks(); error != 0) ec = detail::errno_code(error);
  }
#if TAKT_EXCEPTIONS
  /// Effects: as the constructors with an error code, but throws std::system_error, and then there is no scheduler.
  TAKT_UNWINDS explicit basic_grid_scheduler(Rule rule = Rule())
    requires by_kernel
      : basic_grid_scheduler(nullptr, nullptr, std::move(rule)) {
    loop_.origin =
        detail::or_throw([](std::error_code& ec) { return grid_origin<Clock, Os>(ec); }, detail::origin_hint);
    if (const int error = Os::count_forks(); error != 0)
      detail::throw_error(detail::errno_code(error),
                          "grid_scheduler: pthread_atfork(3), where the kernel wipes no page on fork");
  }
#endif
  /// Effects: makes a scheduler on a clock that is an object, which must outlive it. The grid has its origin at the
  /// epoch.
  TAKT_UNWINDS explicit basic_grid_scheduler(Clock& c, Rule rule = Rule())
    requires(!by_kernel)
      : basic_grid_scheduler(&c, nullptr, std::move(rule)) {
    static_cast<void>(Os::count_forks());
  }
  /// Effects: makes a scheduler of the type that programs use, on a clock that a test moves in the place of the
  /// kernel's: testing::manual_clock, which must outlive it. Code that takes a grid_scheduler& is tested as it is, and
  /// timers are called back when the clock is advanced. Nanoseconds since the epoch are those of the test's clock, and
  /// the grid has its origin there. run() and fd() fail with operation_not_supported, because nothing sleeps on such a
  /// clock. Allocates.
  template <detail::driving_clock Manual>
  TAKT_UNWINDS explicit basic_grid_scheduler(Manual& c, Rule rule = Rule())
    requires(by_kernel && (Manual::is_steady || detail::scheduler_clock<Clock, Os>::can_be_set))
      : basic_grid_scheduler(nullptr, new detail::substituted_scheduler<basic_grid_scheduler, Manual>(*this, c),
                             std::move(rule)) {
    static_cast<void>(Os::count_forks());
  }
  /// Effects: cancels the timers that are armed. Precondition: no thread is in run(), fire() or a callback, except that
  /// a callback may destroy its own scheduler; what it throws then still leaves run() or fire().
  ~basic_grid_scheduler() = default;
  basic_grid_scheduler(const basic_grid_scheduler&) = delete;
  basic_grid_scheduler& operator=(const basic_grid_scheduler&) = delete;

  // Each of the functions that add timers allocates a node. It calls f without arguments, or with a `const event&`.
  // Errors: invalid_argument for a slack that is not valid, for a period that is not positive, and for a slack that is
  // not shorter than the period; not_enough_memory; operation_not_permitted in a forked child. Then the handle is
  // empty.

  /// Effects: f is called once, in the window from `delay` after now to `tolerance` later.
  template <detail::timer_callback<event> F>
  TAKT_UNWINDS [[nodiscard]] handle after(detail::any_duration auto delay, slack tolerance, F&& f,
                                          std::error_code& ec) {
    return add(due_at(delay), tolerance, nanoseconds::zero(), overrun::skip, std::forward<F>(f), ec);
  }
  /// Effects: f is called once, in the window from `when` to `tolerance` later.
  template <class D, detail::timer_callback<event> F>
  TAKT_UNWINDS [[nodiscard]] handle at(std::chrono::time_point<time_base, D> when, slack tolerance, F&& f,
                                       std::error_code& ec) {
    return add(due_at(when), tolerance, nanoseconds::zero(), overrun::skip, std::forward<F>(f), ec);
  }
  /// Effects: f is called once in each window [start + k * period, start + k * period + tolerance], k = 1, 2, ...;
  /// start is now, and deadlines do not drift. The callback of one cycle ends before that of the next begins. A cycle
  /// whose window has closed by then was missed, and the policy decides: `skip` gives it up, `catch_up` delivers all
  /// missed cycles one after the other, `report` delivers the latest of them. handle::move() sets the start of the next
  /// cycle.
  template <detail::timer_callback<event> F>
  TAKT_UNWINDS [[nodiscard]] handle every(detail::any_duration auto period, slack tolerance, overrun policy, F&& f,
                                          std::error_code& ec) {
    return add(due_at(period), tolerance, detail::period_of(period), policy, std::forward<F>(f), ec);
  }
  template <detail::timer_callback<event> F>
  TAKT_UNWINDS [[nodiscard]] handle every(detail::any_duration auto period, slack tolerance, F&& f,
                                          std::error_code& ec) {
    return every(period, tolerance, overrun::skip, std::forward<F>(f), ec);
  }
  /// Effects: as every(period, ...), but the windows begin at the points of the grid, the first one at the first point
  /// after now. The grid sets the rhythm, as it does for `periodic`: timers and loops on the same grid of the same
  /// clock are due together, whenever they were started, while every(period, ...) has a phase of its own. Without slack
  /// each call comes at its point. handle::move() to a time off the grid moves the later cycles off it too.
  template <detail::timer_callback<event> F>
  TAKT_UNWINDS [[nodiscard]] handle every(const grid& beat, slack tolerance, overrun policy, F&& f,
                                          std::error_code& ec) {
    const nanoseconds next = beat.next(detail::saturating_subtract(nanoseconds(loop_.now()), loop_.origin));
    return add(detail::saturating_add(next, loop_.origin), tolerance, beat.period(), policy, std::forward<F>(f), ec);
  }
  template <detail::timer_callback<event> F>
  TAKT_UNWINDS [[nodiscard]] handle every(const grid& beat, slack tolerance, F&& f, std::error_code& ec) {
    return every(beat, tolerance, overrun::skip, std::forward<F>(f), ec);
  }
#if TAKT_EXCEPTIONS
  template <detail::timer_callback<event> F>
  [[nodiscard]] handle after(detail::any_duration auto delay, slack tolerance, F&& f) {
    return checked([&](std::error_code& ec) { return after(delay, tolerance, std::forward<F>(f), ec); });
  }
  template <class D, detail::timer_callback<event> F>
  [[nodiscard]] handle at(std::chrono::time_point<time_base, D> when, slack tolerance, F&& f) {
    return checked([&](std::error_code& ec) { return at(when, tolerance, std::forward<F>(f), ec); });
  }
  template <detail::timer_callback<event> F>
  [[nodiscard]] handle every(detail::any_duration auto period, slack tolerance, overrun policy, F&& f) {
    return checked([&](std::error_code& ec) { return every(period, tolerance, policy, std::forward<F>(f), ec); });
  }
  template <detail::timer_callback<event> F>
  [[nodiscard]] handle every(detail::any_duration auto period, slack tolerance, F&& f) {
    return every(period, tolerance, overrun::skip, std::forward<F>(f));
  }
  template <detail::timer_callback<event> F>
  [[nodiscard]] handle every(const grid& beat, slack tolerance, overrun policy, F&& f) {
    return checked([&](std::error_code& ec) { return every(beat, tolerance, policy, std::forward<F>(f), ec); });
  }
  template <detail::timer_callback<event> F> [[nodiscard]] handle every(const grid& beat, slack tolerance, F&& f) {
    return every(beat, tolerance, overrun::skip, std::forward<F>(f));
  }
#endif

  // The functions that run timers.

  /// Effects: sleeps and calls back until stop() is called, which ends this run or, if no thread is in run(), the next.
  /// It sleeps until the next wake-up. A thread that is not under a real-time policy may wake up before that, with an
  /// interrupt that comes anyway while the window is open; a thread that is awake calls back what is open.
  /// Errors: device_or_resource_busy if another thread is in run(), or called from a callback; operation_not_permitted
  /// in a forked child; operation_not_supported on a test's clock; what futex or ppoll report. If a callback throws and
  /// on_exception() was not called, run() throws that exception after the other timers of the wake-up were called back,
  /// or after 16 callbacks have thrown. Then run() may be called again. Keeping an exception allocates nothing.
  TAKT_UNWINDS void run(std::error_code& ec)
    requires by_kernel
  {
    run(std::stop_token(), ec);
  }
  /// Effects: as run() without a token, but a request to stop ends it too.
  TAKT_UNWINDS void run(const std::stop_token& token, std::error_code& ec)
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
  /// Effects: ends run(), or the next run() if no thread is in it. A callback that runs is not interrupted.
  void stop()
    requires by_kernel
  {
    loop_.rouse(true);
  }

  /// Returns: a descriptor for poll(2) and similar calls that is readable when it is time for fire(); the scheduler
  /// owns it. It is a timerfd, which ignores slack, so it is readable from the wake-up on. On CLOCK_REALTIME it is also
  /// readable when the clock was set. The first call makes it. On error -1.
  /// Errors: what timerfd_create reports; operation_not_permitted in a forked child; operation_not_supported on a
  /// test's clock. The rest of the scheduler works without the descriptor.
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
      return "grid_scheduler::fd: timerfd_create; the limit of open files (ulimit -n)?";
    });
  }
#endif

  /// The default limit of fire(), which is none.
  static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

  /// Effects: calls back the timers whose windows are open now, or at `now`, a reading of the clock: `limit` timers at
  /// most, those that are due first; next_wakeup() and fd() show when the rest is to be called. A `now` before that of
  /// an earlier call counts as the earlier call's. On a clock that can be set back it means that the clock was set
  /// back; there calls of fire(now) must not overlap, because a reading that waited for the lock seems to be that.
  /// Does not block, except in callbacks.
  /// Returns: how many timers were called back. It is 0 while a callback runs, in this thread or in another one; what
  /// is due then shows in next_wakeup() and fd() afterwards. Throws as run() does. If several callbacks threw, each
  /// exception leaves a call of its own; until all have, fire() should be called at once and calls no timer back.
  TAKT_UNWINDS std::size_t fire(std::size_t limit = no_limit) {
    return loop_.fire([this] { return loop_.now(); }, limit);
  }
  TAKT_UNWINDS std::size_t fire(time_point now, std::size_t limit = no_limit) {
    return loop_.fire([now] { return now.time_since_epoch().count(); }, limit);
  }
  /// Returns: when fire() should be called next; nullopt if no timer is armed and no exception is left, and in a forked
  /// child. If fire() is late, that is a time before now.
  [[nodiscard]] std::optional<time_point> next_wakeup() {
    const std::optional<nanoseconds> next = loop_.next_wakeup();
    return next ? std::optional(time_point(*next)) : std::nullopt;
  }

  /// Returns: what the clock of the scheduler shows.
  [[nodiscard]] time_point now() const { return time_point(nanoseconds(loop_.now())); }
  /// Returns: how many timers are armed; 0 in a forked child.
  [[nodiscard]] std::size_t pending() const {
    if (loop_.inert()) return 0;
    const auto hold = loop_.dispatch.locked();
    return loop_.dispatch.wheel.size();
  }
  /// Returns: a snapshot of the counts so far; empty in a forked child. Copies about 6 kB with the lock held.
  [[nodiscard]] statistics_type statistics() const {
    if (loop_.inert()) return {};
    const auto hold = loop_.dispatch.locked();
    return loop_.dispatch.statistics;
  }

  /// Effects: f is called with each exception of a callback, as a std::exception_ptr and in the thread that calls back;
  /// the exception does not leave run() or fire(). What f throws ends the program. Allocates.
  /// Precondition: there are no timers yet.
  template <std::invocable<std::exception_ptr> F> TAKT_UNWINDS void on_exception(F f) {
    const detail::exception_handler* const old =
        detail::exchange(loop_.dispatch.handler, new detail::exception_function<F>(std::move(f)));
    delete old;
  }

private:
  friend handle;
  template <class, std::size_t> friend class basic_grid_timer;
  using dispatch = detail::timer_dispatch<Mutex, Os>;
  using time = detail::timer_wheel::time;
  using window = detail::timer_wheel::window;

  TAKT_UNWINDS basic_grid_scheduler(Clock* c, detail::substitute_clock* s, Rule rule)
      : loop_(c, s, std::move(rule)), driven_(*this, c, s) {}

  [[nodiscard]] nanoseconds due_at(detail::any_duration auto delay) const {
    return detail::saturating_add(nanoseconds(loop_.now()), detail::ceil_to_nanoseconds(delay));
  }
  template <class D> [[nodiscard]] static nanoseconds due_at(std::chrono::time_point<time_base, D> when) noexcept {
    return detail::deadline_of(when);
  }
  template <class When> [[nodiscard]] window window_of(When when, slack tolerance) const {
    const nanoseconds earliest = due_at(when);
    return {earliest.count(), detail::saturating_add(earliest, tolerance.length()).count()};
  }

  template <class F>
  TAKT_UNWINDS handle add(nanoseconds due, slack tolerance, nanoseconds period, overrun policy, F&& f,
                          std::error_code& ec);
  template <class When> bool move(detail::counted& t, When when, slack tolerance) {
    return loop_.move(t, window_of(when, tolerance), tolerance.length().count());
  }

#if TAKT_EXCEPTIONS
  template <class Call> static decltype(auto) checked(Call&& call) {
    return detail::or_throw(call, [] {
      return "grid_scheduler: slack is negative or not shorter than the period, a period is not positive, memory is "
             "short, run() was called twice, or this is the inert copy of a forked child";
    });
  }
#endif

  detail::scheduler_loop<Clock, Rule, Mutex, Os> loop_;
  [[no_unique_address]] detail::driven_scheduler<basic_grid_scheduler, Clock> driven_;
};

/// Effects: allocates a timer and arms it. Returns: its handle, which is empty on error.
template <class Clock, wakeup_rule Rule, class Mutex, class Os>
template <class F>
TAKT_UNWINDS auto basic_grid_scheduler<Clock, Rule, Mutex, Os>::add(nanoseconds due, slack tolerance,
                                                                    nanoseconds period, overrun policy, F&& f,
                                                                    std::error_code& ec) -> handle {
  using node = detail::counted_callback<event, std::decay_t<F>>;
  ec.clear();
  const bool cycles = period != nanoseconds::zero();
  if (!tolerance.valid() || period < nanoseconds::zero() || (cycles && tolerance.length() >= period)) {
    ec = std::make_error_code(std::errc::invalid_argument);
  } else if (loop_.inert()) {
    ec = std::make_error_code(std::errc::operation_not_permitted);
  } else if (node* const t = new (std::nothrow) node(std::forward<F>(f), dispatch::fork_count()); t != nullptr) {
    t->period = period.count();
    t->slack = tolerance.length().count();
    t->policy = policy;
    loop_.arm(*t, window_of(time_point(due), tolerance));
    return handle(t, this);
  } else {
    ec = std::make_error_code(std::errc::not_enough_memory);
  }
  return handle();
}

} // namespace takt::inline TAKT_ABI
