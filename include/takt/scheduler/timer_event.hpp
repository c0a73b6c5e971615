/// timer_event.hpp - why a callback is called, and the states of a timer.
#pragma once
#include <takt/core/config.hpp>
#include <concepts>
#include <cstdint>

namespace takt::inline TAKT_ABI {

namespace detail { // in the reference: timer_status as basic_timer_handle::state

/// The state of a timer. Users know it as timer_handle::state. A timer that its own callback has armed again is
/// `pending` while that callback still runs.
enum class timer_status {
  idle,      ///< it was never armed, or its handle is empty
  pending,   ///< the callback will run
  running,   ///< the callback runs; that of every() will run again
  ran,       ///< the callback has run and will not run again
  cancelled, ///< the callback will not run (again)
};

} // namespace detail

namespace detail { // in the reference: timer_event as basic_grid_scheduler::event

/// Why a callback is called. Users know it as grid_scheduler::event. A callback may take it as its argument:
///   timers.every(1s, takt::slack(100ms), [](const auto& e) { ... })
template <class TimePoint> struct timer_event {
  TimePoint earliest;   ///< the beginning of the window: when the timer was due
  TimePoint latest;     ///< the end of the window
  TimePoint now;        ///< the beginning of the wake-up that serves the timer
  std::uint64_t missed; ///< cycles of every() that were given up since the previous callback
};

} // namespace detail

namespace detail {

/// A function object that a timer can call, without arguments or with the event.
template <class F, class Event>
concept timer_callback = std::invocable<F&> || std::invocable<F&, const Event&>;

} // namespace detail

/// The mutex of a scheduler that only one thread uses: no lock, and no waiting for callbacks of other threads.
struct no_mutex {
  void lock() noexcept {}   ///< does nothing
  void unlock() noexcept {} ///< does nothing
};

} // namespace takt::inline TAKT_ABI
