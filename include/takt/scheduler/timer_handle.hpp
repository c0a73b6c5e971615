/// timer_handle.hpp - what a program holds of a timer: a handle, or the node itself. A part of scheduler.hpp.
///
/// Does not promise: to be safe when two threads use one handle at once.
#pragma once
#include <takt/core/detail/exchange.hpp>
#include <takt/core/error.hpp>
#include <takt/scheduler/detail/dispatch.hpp>
#include <takt/sleep/slack.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Scheduler> class basic_timer_handle;
template <class Scheduler, std::size_t Room = sizeof(void*)> class basic_grid_timer;

// definitions
namespace detail {

#if TAKT_EXCEPTIONS
[[noreturn, gnu::cold, gnu::noinline]] inline void slack_is_refused() {
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "takt::grid_scheduler: slack is negative, or not shorter than the period");
}
#endif

/// Effects: calls f, with an Event made from `why` if f takes one.
template <class Event, class F> void call_back(F& f, const occasion& why) {
  if constexpr (std::invocable<F&, const Event&>) {
    using point = decltype(Event::now);
    const auto at = [](std::int64_t t) { return point(std::chrono::nanoseconds(t)); };
    f(Event{at(why.window.earliest), at(why.window.latest), at(why.now), why.missed});
  } else {
    f();
  }
}

/// Returns: the period of a timer in nanoseconds, -1 if it is not positive or a NaN.
[[nodiscard]] constexpr std::chrono::nanoseconds period_of(any_duration auto p) noexcept {
  return p > p.zero() ? ceil_to_nanoseconds(p) : std::chrono::nanoseconds(-1);
}

/// The address of the scheduler whose node this thread used last. It is only compared, and not used as a pointer unless
/// a node names the same scheduler. The tls_model saves a function call in shared libraries; the C library reserves
/// room for such variables.
template <class Scheduler>
[[gnu::tls_model("initial-exec")]] inline constinit thread_local std::atomic<std::uintptr_t> last_scheduler{0};

/// A timer on the heap with its callback.
template <class Event, class F> struct counted_callback final : counted {
  template <class G>
  counted_callback(G&& g, unsigned fork_count) : counted(&invoke, fork_count), f(std::forward<G>(g)) {}
  static void invoke(scheduled& t, const occasion* why) {
    auto& self = static_cast<counted_callback&>(t);
    if (why != nullptr) call_back<Event>(self.f, *why);
    else delete &self;
  }
  F f;
};

} // namespace detail

/// What after(), at() and every() return. Its destructor cancels the timer. Movable; empty when default-constructed,
/// moved from, detached or returned with an error. Not to be shared between threads.
template <class Scheduler> class basic_timer_handle {
public:
  // in the reference: the type itself
  using state = detail::timer_status; ///< what status() returns

  constexpr basic_timer_handle() noexcept = default;
  basic_timer_handle(basic_timer_handle&& other) noexcept
      : timer_(detail::exchange(other.timer_, nullptr)), scheduler_(other.scheduler_) {}
  basic_timer_handle& operator=(basic_timer_handle&& other) noexcept {
    basic_timer_handle(std::move(other)).swap(*this); // cancels the old timer last: this may be its own callback
    return *this;
  }
  ~basic_timer_handle() {
    cancel();
    detach();
  }
  /// Effects: exchanges the timers of two handles.
  void swap(basic_timer_handle& other) noexcept {
    other.timer_ = detail::exchange(timer_, other.timer_);
    other.scheduler_ = detail::exchange(scheduler_, other.scheduler_);
  }

  /// Returns: whether the handle is not empty.
  [[nodiscard]] explicit operator bool() const noexcept { return timer_ != nullptr; }

  /// Returns: the state of the timer, which other threads may have changed meanwhile.
  [[nodiscard]] state status() const noexcept {
    return timer_ != nullptr ? timer_->status() : state::idle;
  }

  /// Effects: the callback is not called (again), and move() is refused from now on. If the callback runs in another
  /// thread, waits until it has ended. Called from inside the callback, cancels what would come after it.
  /// Returns: whether this prevented a callback: false for a timer that has run, or runs and would not run again.
  bool cancel() noexcept { return alive() && scheduler_->loop_.dispatch.cancel(*timer_); }

  /// Effects: gives the timer another window, from `when` (a time point, or a delay from now) to `tolerance` later;
  /// cycles of every() go on from there, with that slack. Called from inside its callback it arms the timer again, also
  /// one that fires once.
  /// Returns: whether the timer will be called back then. It will not if cancel() was called, also in the callback that
  /// runs; if it fires once and has run; or if it fires once and is running in another thread.
  /// Errors: invalid_argument for a slack that is not valid, or as long as the period of every() or longer; then the
  /// timer is as before.
  template <class When> bool move(When when, slack tolerance, std::error_code& ec) noexcept {
    ec.clear();
    if (!fits(tolerance)) return ec = std::make_error_code(std::errc::invalid_argument), false;
    return alive() && scheduler_->move(*timer_, when, tolerance);
  }
#if TAKT_EXCEPTIONS
  template <class When> bool move(When when, slack tolerance) {
    if (!fits(tolerance)) detail::slack_is_refused();
    return alive() && scheduler_->move(*timer_, when, tolerance);
  }
#endif

  /// Returns: when the window of the pending callback opens; nullopt if none is pending.
  [[nodiscard]] auto due() const {
    using point = typename Scheduler::time_point;
    const auto t = alive() ? scheduler_->loop_.due(*timer_) : std::nullopt;
    return t ? std::optional(point(*t)) : std::nullopt;
  }

  /// Effects: the timer goes on without the handle, which becomes empty.
  void detach() noexcept {
    if (detail::counted* const t = detail::exchange(timer_, nullptr)) t->release();
  }

private:
  friend Scheduler;
  basic_timer_handle(detail::counted* t, Scheduler* s) noexcept : timer_(t), scheduler_(s) {}
  [[nodiscard]] bool alive() const noexcept { return timer_ != nullptr && Scheduler::dispatch::alive(*timer_); }
  [[nodiscard]] bool fits(slack tolerance) const noexcept {
    const bool cycles = timer_ != nullptr && timer_->period != 0;
    return tolerance.valid() && (!cycles || tolerance.length().count() < timer_->period);
  }

  detail::counted* timer_ = nullptr;
  Scheduler* scheduler_ = nullptr; // touched only while the timer is alive(), because it may be gone
};

/// A timer that is part of an object of the caller: arming, moving and cancelling it allocates nothing. Its destructor
/// cancels it, also in its own callback. Neither copied nor moved, because the scheduler knows its address.
///
/// The callback is stored in the timer, in Room bytes, and must be trivially copyable. By default Room is the size of a
/// pointer, enough for a lambda that captures `this`; then the timer has 64 bytes. For a larger callback use after()
/// and every(), or a larger Room. It may take a `const grid_scheduler::event&`.
template <class Scheduler, std::size_t Room> class basic_grid_timer : private detail::scheduled {
public:
  using state = typename basic_timer_handle<Scheduler>::state; ///< what status() returns

  /// Effects: makes a timer of `scheduler` that is not armed and calls `f`. Allocates nothing.
  template <detail::timer_callback<typename Scheduler::event> F>
  basic_grid_timer(Scheduler& scheduler, F f) noexcept
      : scheduled(&invoke<F>, 0, scheduler.loop_.dispatch.forks(), &scheduler) {
    static_assert(sizeof(F) <= Room && alignof(F) <= alignof(void*) && std::is_trivially_copyable_v<F>,
                  "the callback of a grid_timer must be trivially copyable and fit into its Room, by default a "
                  "pointer: capture `this` alone, name a larger Room, or use grid_scheduler::after");
    ::new (static_cast<void*>(callback_)) F(f);
  }
  basic_grid_timer(const basic_grid_timer&) = delete;
  basic_grid_timer& operator=(const basic_grid_timer&) = delete;
  ~basic_grid_timer() {
    if (alive()) scheduler().loop_.dispatch.bury(*this);
  }

  /// Effects: the callback is called once in the window from `when` (a time point, or a delay from now) to `tolerance`
  /// later. A timer that is pending is moved. In a forked child nothing happens.
  /// Returns: whether it was pending.
  /// Errors: invalid_argument for a slack that is not valid; then the timer is as before. Cost: allocates nothing and
  /// waits for no callback; takes the scheduler's lock, and makes a system call only if the next wake-up becomes
  /// earlier.
  template <class When> bool arm(When when, slack tolerance, std::error_code& ec) noexcept {
    ec.clear();
    if (!tolerance.valid()) return ec = std::make_error_code(std::errc::invalid_argument), false;
    return arm_valid(when, tolerance);
  }
#if TAKT_EXCEPTIONS
  template <class When> bool arm(When when, slack tolerance) {
    if (!tolerance.valid()) [[unlikely]] detail::slack_is_refused();
    return arm_valid(when, tolerance);
  }
#endif

  /// Effects and returns: as timer_handle::cancel(), except that the timer can be armed again, also by the callback
  /// that cancelled it. What the callback arms while another thread waits in cancel() is cancelled too.
  bool cancel() noexcept {
    const std::uint64_t word = state_word.load(std::memory_order_acquire);
    if (scheduled::only_armed(word) && Scheduler::dispatch::own(word)) [[likely]] {
      if constexpr (!Scheduler::dispatch::shared) return scheduler().loop_.dispatch.cancel_armed(*this, word);
      else if (guessed_scheduler().loop_.dispatch.cancel_if_unchanged(*this, word)) [[likely]] return true;
    }
    return cancel_otherwise();
  }

  /// Returns: the state of the timer, which other threads may have changed meanwhile.
  [[nodiscard]] state status() const noexcept { return scheduled::status(); }

  /// Returns: when the window of the pending callback opens; nullopt if none is pending.
  [[nodiscard]] auto due() const {
    using point = typename Scheduler::time_point;
    const auto t = alive() ? scheduler().loop_.due(*this) : std::nullopt;
    return t ? std::optional(point(*t)) : std::nullopt;
  }

private:
  friend Scheduler;

  // Always inlined, because otherwise the window would be passed in memory: see wheel_slots::file().
  template <class When> [[gnu::always_inline]] bool arm_valid(When when, slack tolerance) {
    const std::uint64_t word = load();
    if (!Scheduler::dispatch::own(word)) return false;
    Scheduler& of = guessed_scheduler();
    const auto w = of.window_of(when, tolerance);
    return of.loop_.arm_node(*this, word, w.earliest, w.latest);
  }

  [[nodiscard]] Scheduler& scheduler() const noexcept { return *static_cast<Scheduler*>(owner); }
  /// Returns: scheduler(). The address is first guessed and then compared with what the node says: while the node comes
  /// from memory, the processor goes on with the guess. With 10^6 timers at random this saves 30 ns for each arming,
  /// and 50 ns with a mutex, because no processor goes on beyond a locked instruction whose address it does not know.
  [[nodiscard, gnu::always_inline]] Scheduler& guessed_scheduler() const noexcept {
    // Loaded twice: after comparing a single loaded value with the node's pointer, the compiler could use that pointer,
    // which is equal but comes from memory.
    auto& last = detail::last_scheduler<Scheduler>;
    std::uintptr_t guess = last.load(std::memory_order_relaxed);
    if (last.load(std::memory_order_relaxed) != reinterpret_cast<std::uintptr_t>(owner)) [[unlikely]] {
      guess = reinterpret_cast<std::uintptr_t>(owner);
      last.store(guess, std::memory_order_relaxed);
    }
    return *reinterpret_cast<Scheduler*>(guess);
  }
  [[nodiscard]] bool alive() const noexcept { return Scheduler::dispatch::alive(*this); }
  /// Effects and returns: as cancel(), for a timer in any state.
  [[gnu::noinline]] bool cancel_otherwise() noexcept { return alive() && scheduler().loop_.dispatch.cancel(*this); }
  template <class F> static void invoke(scheduled& t, const detail::occasion* why) {
    // Called as a copy, because the callback may destroy the timer, and itself with it.
    F f = *std::launder(reinterpret_cast<const F*>(static_cast<basic_grid_timer&>(t).callback_));
    detail::call_back<typename Scheduler::event>(f, *why);
  }

  alignas(void*) std::byte callback_[Room];
};

} // namespace takt::inline TAKT_ABI
