/// scheduler_loop.hpp - when a scheduler wakes up and what it does then: the loop of run(), fire() and the descriptor.
/// A part of scheduler.hpp.
///
/// Speaks of time in nanoseconds since the clock's epoch. What each function promises is said in scheduler.hpp.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/timer/scheduler_alarm.hpp>
#include <takt/timer/timer_dispatch.hpp>
#include <chrono>
#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

namespace takt::inline TAKT_ABI::detail {

// synopsis
template <class Clock, class Rule, class Mutex, class Os> class scheduler_loop;

// definitions

template <class Clock, class Rule, class Mutex, class Os> class scheduler_loop {
  using nanoseconds = std::chrono::nanoseconds;

public:
  using dispatch_type = timer_dispatch<Mutex, Os>;
  using lock = typename dispatch_type::lock;
  using time = timer_wheel::time;
  using window = timer_wheel::window;

  scheduler_loop(Clock* c, Rule&& rule) : rule_(std::move(rule)), clock_(c), dispatch(clock_.now()) {}

  [[nodiscard]] time now() const { return clock_.now(); }
  [[nodiscard]] bool inert() const noexcept { return dispatch.inert(); }

  /// Returns: whether it was pending.
  bool arm(scheduled& t, window w) {
    if (inert()) return false;
    const lock hold = dispatch.locked();
    const bool was_pending = dispatch.arm(t, w);
    wake_in_time(w.latest);
    return was_pending;
  }
  /// Returns: whether it will be called back then.
  bool move(counted& t, window w, time slack);

  /// `read` tells the time.
  template <class Read> std::size_t fire(const Read& read);
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_wakeup() {
    if (inert()) return std::nullopt;
    const lock hold = dispatch.locked();
    if constexpr (can_be_set) dispatch.follow(clock_.now());
    if (dispatch.wheel.size() == 0 && dispatch.thrown.empty()) return std::nullopt;
    return std::chrono::nanoseconds(next());
  }

  void run(const std::stop_token& token, std::error_code& ec);
  void rouse(bool to_stop) {
    if (inert()) return;
    const lock hold = dispatch.locked();
    if (to_stop) stop_ = true;
    clock_.alarm.rouse();
  }

  [[nodiscard]] int fd(std::error_code& ec) {
    ec.clear();
    if (inert()) return ec = std::make_error_code(std::errc::operation_not_permitted), -1;
    const lock hold = dispatch.locked();
    clock_.alarm.open(dispatch.in_pass() ? never : next(), ec);
    return clock_.alarm.fd();
  }

private:
  static constexpr bool can_be_set = scheduler_clock<Clock, Os>::can_be_set;
  static constexpr time never = std::numeric_limits<time>::max();

  // With the lock.

  [[nodiscard]] time wakeup_for(window w) const noexcept {
    const nanoseconds earliest(w.earliest), latest(w.latest);
    // A window that the origin moves beyond the range loses an end there: it keeps what was asked for.
    const nanoseconds point =
        saturating_add(rule_(saturating_subtract(earliest, origin), saturating_subtract(latest, origin)), origin);
    return point < earliest ? w.earliest : point > latest ? w.latest : point.count();
  }
  /// When fire() is wanted. Exceptions that wait are to leave now.
  [[nodiscard]] time next() noexcept {
    if (!dispatch.thrown.empty()) [[unlikely]] return dispatch.wheel.now();
    return dispatch.wheel.size() == 0 ? never : wakeup_for(dispatch.wheel.first());
  }
  void wake_in_time(time latest) noexcept {
    // A window that closes before anybody wakes up is the first to close. A pass looks at all of them when it ends.
    if (latest < clock_.alarm.awake_by()) [[unlikely]] set_alarm();
  }
  [[gnu::noinline]] void set_alarm() noexcept {
    if (clock_.alarm.used() && !dispatch.in_pass()) clock_.alarm.set(next());
  }
  /// Without the lock when it returns in a child that a callback forked.
  std::size_t pass(lock& hold, time now) {
    if constexpr (can_be_set) dispatch.follow(now);
    const auto read = [this, now] {
      const time later = clock_.now();
      return later > now ? later : now;
    };
    const std::size_t fired = dispatch.pass(hold, now, read);
    if (!inert()) set_alarm();
    return fired;
  }
  /// Returns: whether this thread may sleep and call back. Without the lock.
  [[nodiscard]] bool begin_run(std::error_code& ec) {
    ec.clear();
    if (inert()) return ec = std::make_error_code(std::errc::operation_not_permitted), false;
    const lock hold = dispatch.locked();
    if (in_run_ || dispatch.in_callback()) {
      return ec = std::make_error_code(std::errc::device_or_resource_busy), false;
    }
    return in_run_ = true;
  }
  /// Without the lock.
  [[nodiscard]] std::exception_ptr run_until_stopped(const std::stop_token& token, std::error_code& ec);
  [[nodiscard]] std::exception_ptr take_exception() noexcept {
    auto& thrown = dispatch.thrown;
    if (thrown.empty()) return nullptr;
    std::exception_ptr e = std::move(thrown.front());
    thrown.erase(thrown.begin()); // the others leave the next time
    return e;
  }
  static void pass_on([[maybe_unused]] std::exception_ptr thrown) {
#if TAKT_EXCEPTIONS
    if (thrown != nullptr) std::rethrow_exception(std::move(thrown));
#endif
  }

  // clock_ stands before `dispatch`, which begins at its time, and which at its end destroys callbacks: what they hold may
  // still ask for the time.
  [[no_unique_address]] Rule rule_;
  scheduler_clock<Clock, Os> clock_;
  bool in_run_ = false;
  bool stop_ = false;

public:
  nanoseconds origin{}; ///< of the grid
  dispatch_type dispatch;
};

template <class Clock, class Rule, class Mutex, class Os>
bool scheduler_loop<Clock, Rule, Mutex, Os>::move(counted& t, window w, time slack) {
  const lock hold = dispatch.locked();
  const bool goes_on = t.has(scheduled::running) && (t.period != 0 || dispatch.in_callback_of(t));
  if (!t.has(scheduled::armed) && (!goes_on || t.has(scheduled::cancelled))) return false;
  t.slack = slack;
  t.change(scheduled::ran, 0); // these cycles begin with this window
  dispatch.arm(t, w);
  wake_in_time(w.latest);
  return true;
}

template <class Clock, class Rule, class Mutex, class Os>
template <class Read>
std::size_t scheduler_loop<Clock, Rule, Mutex, Os>::fire(const Read& read) {
  if (inert()) return 0;
  std::exception_ptr thrown;
  std::size_t fired = 0;
  {
    lock hold = dispatch.locked(); // and then look at the clock: what waited for the lock is from before what it finds
    clock_.alarm.take();
    // What is left of an earlier pass leaves first, or it might become more and more.
    if (dispatch.thrown.empty()) fired = pass(hold, read());
    if (inert()) {
      thrown = std::move(dispatch.thrown_in_child); // all else is the parent's
    } else {
      thrown = take_exception();
      if (thrown != nullptr) set_alarm();
    }
  }
  pass_on(std::move(thrown));
  return fired;
}

template <class Clock, class Rule, class Mutex, class Os>
void scheduler_loop<Clock, Rule, Mutex, Os>::run(const std::stop_token& token, std::error_code& ec) {
  if (!begin_run(ec)) return;
  std::exception_ptr thrown;
  {
    const std::stop_callback registration(token, [this] { rouse(false); });
    thrown = run_until_stopped(token, ec);
  }
  pass_on(std::move(thrown));
}

/// Precondition: begin_run().
template <class Clock, class Rule, class Mutex, class Os>
std::exception_ptr scheduler_loop<Clock, Rule, Mutex, Os>::run_until_stopped(const std::stop_token& token,
                                                                             std::error_code& ec) {
  lock hold = dispatch.locked();
  std::exception_ptr thrown;
  for (bool slept = false; !ec && (thrown = take_exception()) == nullptr && !stop_ && !token.stop_requested();) {
    const time now = clock_.now();
    if constexpr (can_be_set) dispatch.follow(now);
    // While somebody else's pass goes on there is nothing to wait for but its end.
    const bool idle = dispatch.in_pass() || dispatch.wheel.size() == 0;
    const window first = idle ? window{never, never} : dispatch.wheel.first();
    if (now >= first.earliest && !idle) {
      slept = false;
      pass(hold, now);
      if (inert()) return std::move(dispatch.thrown_in_child);
    } else {
      if (std::exchange(slept, true)) dispatch.statistics.woke(0);
      clock_.alarm.sleep(hold, first.earliest, idle ? never : wakeup_for(first), ec);
    }
  }
  if (!ec && thrown == nullptr) stop_ = false;
  in_run_ = false;
  set_alarm(); // for fd(), on which this thread may have slept
  return thrown;
}

} // namespace takt::inline TAKT_ABI::detail
