/// coroutine.hpp - co_await a timer of a scheduler in a coroutine of C++20.
///
///   task reconnect(takt::grid_scheduler& timers) {           // task: the coroutine type of your program
///     while (!connect()) co_await takt::after(timers, 30s, takt::slack(5s));
///   }
///
/// The scheduler resumes the coroutine as it calls a callback: in the thread that is in run() or fire(), in the order
/// of the due times. The timer is part of the coroutine frame, so waiting allocates nothing.
///
/// Cancellation: destroying the suspended coroutine cancels its timer. This must happen in the thread that runs the
/// scheduler, or while no thread runs it; any other thread could destroy a coroutine that is being resumed. If the
/// promise of the coroutine rethrows an exception, this exception leaves run() or fire() as one of a callback does.
///
/// Does not promise: that a coroutine is resumed if its scheduler has been destroyed, or if it is a copy in a forked
/// child. Such a coroutine stays suspended until its owner destroys it. With a compiler that has no coroutines (clang
/// 14) this header declares nothing.
#pragma once
#include <takt/core/config.hpp>
#include <version>

#if defined(__cpp_impl_coroutine)
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/scheduler/timer_handle.hpp>
#include <takt/sleep/slack.hpp>
#include <chrono>
#include <coroutine>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
// co_await after(timers, delay, tolerance); co_await at(timers, when, tolerance)

// definitions
namespace detail {

/// What after() and at() return: an awaitable for one co_await, in the expression that makes it. Neither copied nor
/// moved.
template <class Scheduler, class When> class timer_wait {
public:
  timer_wait(Scheduler& timers, When when, slack tolerance, std::error_code* ec) noexcept
      : timer_(timers, [this] { waiting_.resume(); }), when_(when), tolerance_(tolerance), ec_(ec) {}
  timer_wait(const timer_wait&) = delete;
  timer_wait& operator=(const timer_wait&) = delete;

  [[nodiscard]] static constexpr bool await_ready() noexcept { return false; }
  /// Effects: arms the timer. Returns: whether the coroutine is suspended. It is not if the slack is refused.
  bool await_suspend(std::coroutine_handle<> waiting) noexcept {
    if (!tolerance_.valid()) return false;
    waiting_ = waiting;
    std::error_code valid;
    timer_.arm(when_, tolerance_, valid); // another thread may have resumed the coroutine and destroyed this by now
    return true;
  }
  /// Errors: invalid_argument for a slack that is not valid.
  void await_resume() const {
    const auto error = tolerance_.valid() ? std::error_code() : std::make_error_code(std::errc::invalid_argument);
    if (ec_ != nullptr) *ec_ = error;
#if TAKT_EXCEPTIONS
    else if (error) detail::slack_is_refused();
#endif
  }

private:
  basic_grid_timer<Scheduler> timer_;
  std::coroutine_handle<> waiting_;
  When when_;
  slack tolerance_;
  std::error_code* ec_;
};

} // namespace detail

/// Returns: an awaitable that resumes the coroutine in the window from `delay` after the wait began to `tolerance`
/// later. A negative delay is one that has passed already.
/// Errors: invalid_argument for a slack that is not valid; then the coroutine continues at once. `ec` must live until
/// the coroutine continues. Does not block the thread; costs as much as arming a timer.
template <class Scheduler>
[[nodiscard]] auto after(Scheduler& timers, detail::any_duration auto delay, slack tolerance,
                         std::error_code& ec) noexcept {
  return detail::timer_wait<Scheduler, decltype(delay)>(timers, delay, tolerance, &ec);
}
/// Returns and errors: as after(), for the window from `when`, a time of the scheduler's clock, to `tolerance` later.
template <class Scheduler>
[[nodiscard]] auto at(Scheduler& timers, typename Scheduler::time_point when, slack tolerance,
                      std::error_code& ec) noexcept {
  return detail::timer_wait<Scheduler, typename Scheduler::time_point>(timers, when, tolerance, &ec);
}
#if TAKT_EXCEPTIONS
/// Returns: as after() with `ec`; the co_await throws for a slack that is not valid.
template <class Scheduler>
[[nodiscard]] auto after(Scheduler& timers, detail::any_duration auto delay, slack tolerance) noexcept {
  return detail::timer_wait<Scheduler, decltype(delay)>(timers, delay, tolerance, nullptr);
}
/// Returns: as at() with `ec`; the co_await throws for a slack that is not valid.
template <class Scheduler>
[[nodiscard]] auto at(Scheduler& timers, typename Scheduler::time_point when, slack tolerance) noexcept {
  return detail::timer_wait<Scheduler, typename Scheduler::time_point>(timers, when, tolerance, nullptr);
}
#endif

} // namespace takt::inline TAKT_ABI
#endif
