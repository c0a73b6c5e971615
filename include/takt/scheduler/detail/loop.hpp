/// loop.hpp - when a scheduler wakes up and what it does then: the loop of run(), fire() and the descriptor.
/// A part of scheduler.hpp.
///
/// Times are nanoseconds since the epoch of the clock. scheduler.hpp says what each function promises.
#pragma once
#include <takt/core/detail/exchange.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/scheduler/detail/wake_source.hpp>
#include <takt/scheduler/detail/dispatch.hpp>
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

  scheduler_loop(Clock* c, substitute_clock* s, Rule&& rule)
      : rule_(std::move(rule)), clock_(c, s), dispatch(clock_.now()) {}

  [[nodiscard]] time now() const { return clock_.now(); }
  [[nodiscard]] bool inert() const noexcept { return dispatch.inert(); }

  /// Effects: arms `t`, or moves it if it is pending. Returns: whether it was pending.
  bool arm(scheduled& t, window w) {
    if (inert()) return false;
    const lock hold = dispatch.locked();
    const bool was_pending = dispatch.arm(t, w);
    wake_in_time(w.latest);
    return was_pending;
  }
  /// Effects: as arm(), for a node that belongs to a scheduler of this process. `word`: its word, loaded before the
  /// call.
  bool arm_node(scheduled& t, std::uint64_t word, time earliest, time latest) {
    const lock hold = dispatch.locked();
    if constexpr (dispatch_type::shared) word = t.load();
    if ((word & scheduled::armed) == 0) {
      const bool improve = dispatch.wheel.add_quickly(t, earliest, latest, scheduled::when_armed(word));
      if (improve) [[unlikely]] return settle(t, true, false);
      if (latest < clock_.alarm.awake_by()) [[unlikely]] return settle(t, false, false);
      return false;
    }
    if ((word & timer_wheel::node::front) != 0) [[unlikely]] return move_front(t, word, {earliest, latest});
    const bool improve = dispatch.wheel.move_quickly(t, earliest, latest, word);
    if (improve) [[unlikely]] return settle(t, true, true);
    if (latest < clock_.alarm.awake_by()) [[unlikely]] return settle(t, false, true);
    return true;
  }
  /// Effects: gives `t` another window, as timer_handle::move() says. Returns: whether it will be called back then.
  bool move(counted& t, window w, time slack);

  /// Returns: when it is due, if it is armed.
  [[nodiscard]] std::optional<nanoseconds> due(const scheduled& t) const {
    if (inert()) return std::nullopt;
    const lock hold = dispatch.locked();
    return t.has(scheduled::armed) ? std::optional(nanoseconds(t.open.earliest)) : std::nullopt;
  }

  /// Effects: as grid_scheduler::fire(); `read` returns the time.
  template <class Read> TAKT_UNWINDS std::size_t fire(const Read& read, std::size_t limit);
  [[nodiscard]] std::optional<std::chrono::nanoseconds> next_wakeup() {
    if (inert()) return std::nullopt;
    const lock hold = dispatch.locked();
    if constexpr (can_be_set) dispatch.follow(clock_.now());
    if (dispatch.wheel.size() == 0 && dispatch.thrown.empty()) return std::nullopt;
    return std::chrono::nanoseconds(next());
  }

  TAKT_UNWINDS void run(const std::stop_token& token, std::error_code& ec);
  /// Effects: ends the sleep of run(); `to_stop`: ends run() too.
  void rouse(bool to_stop) {
    if (inert()) return;
    const lock hold = dispatch.locked();
    if (to_stop) stop_ = true;
    clock_.alarm.rouse();
  }

  [[nodiscard]] int fd(std::error_code& ec) {
    ec.clear();
    if (inert()) return ec = std::make_error_code(std::errc::operation_not_permitted), -1;
    if (!clock_.can_wait()) return ec = std::make_error_code(std::errc::operation_not_supported), -1;
    const lock hold = dispatch.locked();
    clock_.alarm.open(dispatch.in_pass() ? never : next(), ec);
    return clock_.alarm.fd();
  }

private:
  static constexpr bool can_be_set = scheduler_clock<Clock, Os>::can_be_set;
  static constexpr time never = std::numeric_limits<time>::max();

  // The functions from here on require that the caller holds the lock, unless they say otherwise.

  [[nodiscard]] time wakeup_for(window w) const noexcept {
    const nanoseconds earliest(w.earliest), latest(w.latest);
    // The origin may move an end of the window beyond the range, where it saturates: the point stays in the window.
    const nanoseconds point =
        saturating_add(rule_(saturating_subtract(earliest, origin), saturating_subtract(latest, origin)), origin);
    return point < earliest ? w.earliest : point > latest ? w.latest : point.count();
  }
  /// Returns: when fire() should be called. If exceptions are left, that is now.
  [[nodiscard]] time next() noexcept {
    if (!dispatch.thrown.empty()) [[unlikely]] return dispatch.wheel.now();
    return dispatch.wheel.size() == 0 ? never : wakeup_for(dispatch.wheel.first());
  }
  void wake_in_time(time latest) noexcept {
    // A window that closes before the next wake-up is the first to close. At its end a pass checks all windows.
    if (latest < clock_.alarm.awake_by()) [[unlikely]] set_alarm();
  }
  [[gnu::noinline, gnu::cold]] bool settle(scheduled& t, bool improve, bool was_pending) noexcept {
    if (improve) dispatch.wheel.improve(t);
    wake_in_time(t.open.latest);
    return was_pending;
  }
  [[gnu::noinline, gnu::cold]] bool move_front(scheduled& t, std::uint64_t word, window w) noexcept {
    dispatch.wheel.move(t, w, word);
    return settle(t, false, true);
  }
  [[gnu::noinline]] void set_alarm() noexcept {
    if (clock_.alarm.used() && !dispatch.in_pass()) clock_.alarm.set(next());
  }
  /// Effects: a pass of the dispatch, after which the alarm is set again. Returns without the lock if frame.left.
  TAKT_UNWINDS std::size_t pass(lock& hold, time now, std::size_t limit, pass_frame& frame) {
    if constexpr (can_be_set) dispatch.follow(now);
    const auto read = [this, now] {
      const time later = clock_.now();
      return later > now ? later : now;
    };
    const std::size_t fired = dispatch.pass(hold, now, read, limit, frame);
    if (!frame.left) set_alarm();
    return fired;
  }
  /// Returns: whether this thread may sleep and call back. Takes the lock itself.
  [[nodiscard]] bool begin_run(std::error_code& ec) {
    ec.clear();
    if (inert()) return ec = std::make_error_code(std::errc::operation_not_permitted), false;
    if (!clock_.can_wait()) return ec = std::make_error_code(std::errc::operation_not_supported), false;
    const lock hold = dispatch.locked();
    if (in_run_ || dispatch.in_callback()) {
      return ec = std::make_error_code(std::errc::device_or_resource_busy), false;
    }
    return in_run_ = true;
  }
  /// Takes the lock itself. Returns: the exception that leaves run().
  TAKT_UNWINDS [[nodiscard]] std::exception_ptr run_until_stopped(const std::stop_token& token,
                                                                  stop_registration* stops, std::error_code& ec);
  TAKT_UNWINDS static void pass_on([[maybe_unused]] std::exception_ptr thrown) {
#if TAKT_EXCEPTIONS
    if (thrown != nullptr) std::rethrow_exception(std::move(thrown));
#endif
  }

  // clock_ stands before `dispatch`, which begins at its time, and whose destructor destroys callbacks: what these hold
  // may still read the time.
  [[no_unique_address]] Rule rule_;
  scheduler_clock<Clock, Os> clock_;
  bool in_run_ = false;
  bool stop_ = false;

public:
  nanoseconds origin{}; ///< what the clock shows at the zero of the grid
  dispatch_type dispatch;
};

template <class Clock, class Rule, class Mutex, class Os>
bool scheduler_loop<Clock, Rule, Mutex, Os>::move(counted& t, window w, time slack) {
  const lock hold = dispatch.locked();
  const bool goes_on = t.has(scheduled::running) && (t.period != 0 || dispatch.in_callback_of(t));
  if (!t.has(scheduled::armed) && (!goes_on || t.has(scheduled::cancelled | scheduled::unwanted))) return false;
  t.slack = slack;
  t.change(scheduled::ran, 0); // these cycles begin with this window
  dispatch.arm(t, w);
  wake_in_time(w.latest);
  return true;
}

template <class Clock, class Rule, class Mutex, class Os>
template <class Read>
TAKT_UNWINDS std::size_t scheduler_loop<Clock, Rule, Mutex, Os>::fire(const Read& read, std::size_t limit) {
  if (inert()) return 0;
  pass_frame frame;
  std::size_t fired = 0;
  {
    lock hold = dispatch.locked(); // before the clock is read: a time read before the wait for the lock would be old
    clock_.alarm.take();
    // Exceptions of an earlier pass leave first, because otherwise their number could grow without bound.
    if (dispatch.thrown.empty()) fired = pass(hold, read(), limit, frame);
    if (!frame.left) {
      frame.thrown = dispatch.thrown.take();
      if (frame.thrown != nullptr) set_alarm();
    }
  }
  pass_on(std::move(frame.thrown));
  return fired;
}

template <class Clock, class Rule, class Mutex, class Os>
TAKT_UNWINDS void scheduler_loop<Clock, Rule, Mutex, Os>::run(const std::stop_token& token, std::error_code& ec) {
  if (!begin_run(ec)) return;
  std::exception_ptr thrown;
  {
    const auto wake = [](void* loop) { static_cast<scheduler_loop*>(loop)->rouse(false); };
    dependent<Clock, stop_registration> stops(std::in_place, token, stop_request{this, wake});
    thrown = run_until_stopped(token, &stops, ec);
  }
  pass_on(std::move(thrown));
}

/// Precondition: begin_run().
template <class Clock, class Rule, class Mutex, class Os>
TAKT_UNWINDS std::exception_ptr
scheduler_loop<Clock, Rule, Mutex, Os>::run_until_stopped(const std::stop_token& token, stop_registration* stops,
                                                          std::error_code& ec) {
  lock hold = dispatch.locked();
  std::exception_ptr thrown;
  for (bool slept = false; !ec && (thrown = dispatch.thrown.take()) == nullptr && !stop_ && !token.stop_requested();) {
    const time now = clock_.now();
    if constexpr (can_be_set) dispatch.follow(now);
    // While a pass goes on in another thread, its end is all there is to wait for.
    const bool idle = dispatch.in_pass() || dispatch.wheel.size() == 0;
    const window first = idle ? window{never, never} : dispatch.wheel.first();
    if (now >= first.earliest && !idle) {
      slept = false;
      pass_frame frame;
      frame.stops = stops;
      pass(hold, now, std::numeric_limits<std::size_t>::max(), frame);
      if (frame.left) return std::move(frame.thrown);
    } else {
      if (detail::exchange(slept, true)) dispatch.statistics.woke(0);
      clock_.alarm.sleep(hold, first.earliest, idle ? never : wakeup_for(first), ec);
    }
  }
  if (!ec && thrown == nullptr) stop_ = false;
  in_run_ = false;
  set_alarm(); // sets fd(), on which this thread may have slept
  return thrown;
}

} // namespace takt::inline TAKT_ABI::detail
