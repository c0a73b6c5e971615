/// asio.hpp - timers with slack in programs of asio (standalone, 1.22 or newer).
///
///   takt::asio::after(context, 30s, takt::slack(5s), [](std::error_code ec) { ... });     // any completion token
///   co_await takt::asio::after(30s, takt::slack(5s));                                     // in an asio::awaitable
///
/// Each execution context has a service with a grid_scheduler, whose descriptor the context watches: all waits of a
/// context share wake-ups. A wait is an asynchronous operation like those of asio: it keeps the context in run(),
/// completes once, through the executor of its handler and never inside the call that started it, uses the handler's
/// allocator, and listens to its cancellation slot. Any thread may start waits. Waits that end in one wake-up are
/// handed to their executors in the order of their due times; if a single thread runs the context, their handlers run
/// in this order.
///
/// Cancellation with any type ends the wait with asio::error::operation_aborted, unless it has ended already. The
/// signal may be emitted in one thread while the wait ends in another, and after the wait has ended or its context is
/// gone.
///
/// Destroying the context destroys the handlers of pending waits without calling them. After fork(2) the waits go on in
/// the child that calls notify_fork(fork_child), as those of asio's timers do.
///
/// takt's clocks need nothing of this header: asio::basic_waitable_timer<takt::tsc_clock> works, and waits without
/// slack. With grid_wait_traits a timer of asio waits up to the next point of a grid.
///
/// Does not promise: to survive when memory runs out; if that happens after a wait has begun, the program ends. Without
/// asio, and without exceptions or RTTI, which asio needs, this header declares nothing.
#pragma once
#include <takt/core/config.hpp>
#if __has_include(<asio.hpp>) && TAKT_EXCEPTIONS && defined(__GXX_RTTI)
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/interop/detail/asio_timers.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/slack.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/awaitable.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/use_awaitable.hpp>
#include <chrono>
#include <system_error>
#include <type_traits>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis
namespace asio {

// after(where, delay, tolerance, token), at(where, when, tolerance, token): wait in a window
// after(delay, tolerance), at(when, tolerance): the same as awaitables
template <class Context> [[nodiscard]] const grid_scheduler& timers_of(Context& context);
template <class Clock, class Period> struct grid_wait_traits;

} // namespace asio

// definitions
namespace detail {

/// Returns: the executor itself, or that of a context or an I/O object.
template <class Where> auto asio_executor(Where& where) {
  if constexpr (requires { where.get_executor(); }) return where.get_executor();
  else return where;
}
template <class Executor> ::asio::execution_context& asio_context(const Executor& ex) {
  if constexpr (requires { ::asio::query(ex, ::asio::execution::context); })
    return ::asio::query(ex, ::asio::execution::context);
  else return ex.context();
}
template <class Executor> asio_timers& asio_timers_of(const Executor& ex) {
  ::asio::execution_context& context = asio_context(ex);
  // The first descriptor of a context makes asio's reactor. It must be older than the service: services are notified of
  // a fork in the order in which they were made, and a descriptor that is released before the reactor knows of the fork
  // is taken from the parent.
  if (!::asio::has_service<asio_timers>(context)) const ::asio::posix::stream_descriptor first(ex);
  return ::asio::use_service<asio_timers>(context);
}

[[nodiscard]] inline grid_scheduler::time_point asio_due(const asio_timers&, grid_scheduler::time_point t) { return t; }
[[nodiscard]] inline grid_scheduler::time_point asio_due(const asio_timers& timers, any_duration auto delay) {
  const auto now = timers.scheduler().now().time_since_epoch();
  return grid_scheduler::time_point(saturating_add(now, ceil_to_nanoseconds(delay)));
}

/// Starts waits on a known executor.
template <class Executor> struct asio_start {
  using executor_type = Executor;
  [[nodiscard]] executor_type get_executor() const noexcept { return io; }
  template <class Handler, class When> void operator()(Handler&& handler, When when, slack tolerance) const {
    asio_timers& timers = asio_timers_of(io);
    asio_wait_of<std::decay_t<Handler>, Executor>::start(timers, asio_due(timers, when), tolerance,
                                                         std::forward<Handler>(handler), io);
  }
  Executor io;
};
#if defined(ASIO_HAS_CO_AWAIT)
/// Starts waits on the executor of the coroutine that waits.
struct asio_start_in_coroutine {
  template <class Handler, class When> void operator()(Handler&& handler, When when, slack tolerance) const {
    const auto io = ::asio::get_associated_executor(handler);
    asio_start<std::remove_const_t<decltype(io)>>{io}(std::forward<Handler>(handler), when, tolerance);
  }
};
#endif

} // namespace detail

namespace asio {

/// Effects: starts a wait that ends in the window from `delay` after now to `tolerance` later. `where` is an executor,
/// or an object that has one: a context, a socket. The token's signature is void(std::error_code). Allocates, with the
/// allocator of the handler, and where the handler has a cancellation slot.
/// Returns: what the token makes of it. Errors, which the handler gets: invalid_argument for a slack that is not valid;
/// operation_aborted; what timerfd_create reports. Does not block. Costs a system call if the next wake-up becomes
/// earlier, and two if nothing else waits.
template <class Where, class Token>
auto after(Where&& where, detail::any_duration auto delay, slack tolerance, Token&& token) {
  auto io = detail::asio_executor(where);
  return ::asio::async_initiate<Token, void(std::error_code)>(detail::asio_start<decltype(io)>{io}, token, delay,
                                                              tolerance);
}
/// Effects, returns and errors: as after(), for the window from `when` to `tolerance` later. tsc_clock::to_steady() and
/// clock_cast() convert from other clocks.
template <class Where, class Token>
auto at(Where&& where, grid_scheduler::time_point when, slack tolerance, Token&& token) {
  auto io = detail::asio_executor(where);
  return ::asio::async_initiate<Token, void(std::error_code)>(detail::asio_start<decltype(io)>{io}, token, when,
                                                              tolerance);
}
#if defined(ASIO_HAS_CO_AWAIT)
/// Returns: an awaitable that waits as after() does, on the executor of the coroutine. Errors: the co_await throws
/// std::system_error. The wait begins at the co_await.
template <class Executor = ::asio::any_io_executor>
[[nodiscard]] ::asio::awaitable<void, Executor> after(detail::any_duration auto delay, slack tolerance) {
  ::asio::use_awaitable_t<Executor> token;
  return ::asio::async_initiate<decltype(token), void(std::error_code)>(detail::asio_start_in_coroutine{}, token,
                                                                        delay, tolerance);
}
/// Returns and errors: as after(), for the window from `when` to `tolerance` later.
template <class Executor = ::asio::any_io_executor>
[[nodiscard]] ::asio::awaitable<void, Executor> at(grid_scheduler::time_point when, slack tolerance) {
  ::asio::use_awaitable_t<Executor> token;
  return ::asio::async_initiate<decltype(token), void(std::error_code)>(detail::asio_start_in_coroutine{}, token,
                                                                        when, tolerance);
}
#endif

/// Returns: the scheduler of an execution context: its statistics, its clock, how many waits are pending. Makes the
/// scheduler if there is none; it lives as long as the context.
template <class Context> const grid_scheduler& timers_of(Context& context) {
  return detail::asio_timers_of(context.get_executor()).scheduler();
}

/// A WaitTraits of asio::basic_waitable_timer: the timers wait up to the next point of the grid with this period, a
/// std::ratio of a second, so they come up to a period late and together with others on the grid. For programs that
/// keep their timers and change their type:
///   using clock = takt::tsc_clock;
///   using timer = asio::basic_waitable_timer<clock, takt::asio::grid_wait_traits<clock, std::centi>>;
/// Clock is one that the kernel can sleep on. If the origin of the grid is unknown, the timers wait without rounding.
template <class Clock, class Period> struct grid_wait_traits {
  using duration = typename Clock::duration;     ///< what asio calls with, and what it waits
  using time_point = typename Clock::time_point; ///< what asio calls with

  /// Returns: how long to wait. Reads the clock.
  static duration to_wait_duration(const duration& d) { return until_point(Clock::now() + d); }
  static duration to_wait_duration(const time_point& t) { return until_point(t); }

private:
  static constexpr grid points{std::chrono::nanoseconds(
      static_cast<std::chrono::nanoseconds::rep>(Period::num * (1'000'000'000 / Period::den)))};
  static_assert(1'000'000'000 % Period::den == 0, "the period is a whole number of nanoseconds");

  static duration until_point(time_point t) {
    using std::chrono::nanoseconds;
    std::error_code ec;
    const nanoseconds origin = grid_origin<Clock>(ec);
    nanoseconds point = detail::ceil_to_nanoseconds(t.time_since_epoch());
    if (!ec) point = detail::saturating_add(points.ceil(detail::saturating_subtract(point, origin)), origin);
    const nanoseconds now = detail::saturating_cast<nanoseconds>(Clock::now().time_since_epoch());
    const nanoseconds left = detail::saturating_subtract(point, now);
    // asio gives its reactor whole microseconds, rounded down.
    return std::chrono::duration_cast<duration>(detail::saturating_add(left, nanoseconds(999)));
  }
};

} // namespace asio
} // namespace takt::inline TAKT_ABI
#endif
