/// timer_handle.hpp - the two things a program holds of a timer: a handle, or the node itself. A part of scheduler.hpp.
#pragma once
#include <takt/core/error.hpp>
#include <takt/timer/timer_dispatch.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
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
[[noreturn, gnu::cold, gnu::noinline]] inline void slack_is_negative() {
  throw_error(std::make_error_code(std::errc::invalid_argument), "takt::grid_scheduler: slack below zero");
}
#endif

/// Calls f for an occasion that was told in nanoseconds.
template <class Event, class F> void call_back(F& f, const occasion& why) {
  if constexpr (std::invocable<F&, const Event&>) {
    using point = decltype(Event::now);
    const auto at = [](std::int64_t t) { return point(std::chrono::nanoseconds(t)); };
    f(Event{at(why.window.earliest), at(why.window.latest), at(why.now), why.missed});
  } else {
    f();
  }
}

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

/// What after(), at() and every() return: the timer is cancelled when it dies. Movable; empty when default-constructed,
/// moved from, detached or returned with an error. One handle is not to be shared between threads.
template <class Scheduler> class basic_timer_handle {
public:
  constexpr basic_timer_handle() noexcept = default;
  basic_timer_handle(basic_timer_handle&& other) noexcept
      : timer_(std::exchange(other.timer_, nullptr)), scheduler_(other.scheduler_) {}
  basic_timer_handle& operator=(basic_timer_handle&& other) noexcept {
    basic_timer_handle(std::move(other)).swap(*this); // the old timer is cancelled last: it may be in its own callback
    return *this;
  }
  ~basic_timer_handle() {
    cancel();
    detach();
  }
  void swap(basic_timer_handle& other) noexcept {
    std::swap(timer_, other.timer_);
    std::swap(scheduler_, other.scheduler_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return timer_ != nullptr; }

  /// Returns: what became of the timer, a moment ago.
  [[nodiscard]] timer_status status() const noexcept {
    return timer_ != nullptr ? timer_->status() : timer_status::idle;
  }

  /// Effects: the callback is not called (again). Waits until it has ended if it runs in another thread; called from
  /// inside it, cancels only what would come.
  /// Returns: whether there was a callback to come.
  bool cancel() noexcept { return alive() && scheduler_->loop_.dispatch.cancel(*timer_); }

  /// Effects: gives the timer another window, from `when` (a time point, or a delay from now) to slack later; cycles of
  /// every() go on from there, with that slack. From inside the callback this arms it again, unless it was cancelled.
  /// Returns: whether it will be called back then: not if it was cancelled, has run, or runs in another thread and only
  /// once.
  /// Errors: invalid_argument for negative slack.
  template <class When, class Rep, class Period>
  bool move(When when, std::chrono::duration<Rep, Period> slack, std::error_code& ec) noexcept {
    ec.clear();
    if (!(slack >= slack.zero())) return ec = std::make_error_code(std::errc::invalid_argument), false;
    return alive() && scheduler_->move(*timer_, when, slack);
  }
#if TAKT_EXCEPTIONS
  template <class When, class Rep, class Period> bool move(When when, std::chrono::duration<Rep, Period> slack) {
    if (!(slack >= slack.zero())) detail::slack_is_negative();
    return alive() && scheduler_->move(*timer_, when, slack);
  }
#endif

  /// Effects: the timer goes on without the handle, which is empty from here on.
  void detach() noexcept {
    if (detail::counted* const t = std::exchange(timer_, nullptr)) t->release();
  }

private:
  friend Scheduler;
  basic_timer_handle(detail::counted* t, Scheduler* s) noexcept : timer_(t), scheduler_(s) {}
  [[nodiscard]] bool alive() const noexcept { return timer_ != nullptr && Scheduler::dispatch::alive(*timer_); }

  detail::counted* timer_ = nullptr;
  Scheduler* scheduler_ = nullptr; // not touched unless the timer is alive(): it may be gone
};

/// A timer that is part of an object of the caller's: arming, moving and cancelling it allocates nothing. Cancelled
/// when it dies, which may happen in its own callback. Neither copied nor moved: the scheduler knows its address.
///
/// The callback lives in it, in Room bytes, and is trivially copyable: by default as large as a pointer, such as a
/// lambda that captures `this`, with which a node is 64 bytes. What needs more goes to after() and every(), or names
/// its Room. It may take a `const timer_event&`.
template <class Scheduler, std::size_t Room> class basic_grid_timer : private detail::scheduled {
public:
  template <timer_callback<typename Scheduler::event> F>
  basic_grid_timer(Scheduler& scheduler, F f) noexcept
      : scheduled(&invoke<F>, 0, Scheduler::dispatch::fork_count()), scheduler_(&scheduler) {
    static_assert(sizeof(F) <= Room && alignof(F) <= alignof(void*) && std::is_trivially_copyable_v<F>,
                  "the callback of a grid_timer must be trivially copyable and fit into its Room, by default a "
                  "pointer: capture `this` alone, name a larger Room, or use grid_scheduler::after");
    ::new (static_cast<void*>(callback_)) F(f);
  }
  basic_grid_timer(const basic_grid_timer&) = delete;
  basic_grid_timer& operator=(const basic_grid_timer&) = delete;
  ~basic_grid_timer() {
    if (alive()) scheduler_->loop_.dispatch.bury(*this);
  }

  /// Effects: the callback is called once in the window from `when` (a time point, or a delay from now) to slack later.
  /// If it was pending it is moved.
  /// Returns: whether it was pending. Nothing happens in a forked child.
  /// Errors: invalid_argument for negative slack, and then it is as before. Neither blocks nor allocates.
  template <class When, class Rep, class Period>
  bool arm(When when, std::chrono::duration<Rep, Period> slack, std::error_code& ec) noexcept {
    ec.clear();
    if (!(slack >= slack.zero())) return ec = std::make_error_code(std::errc::invalid_argument), false;
    return mine() && scheduler_->loop_.arm(*this, scheduler_->window_of(when, slack));
  }
#if TAKT_EXCEPTIONS
  template <class When, class Rep, class Period> bool arm(When when, std::chrono::duration<Rep, Period> slack) {
    if (!(slack >= slack.zero())) [[unlikely]] detail::slack_is_negative();
    return mine() && scheduler_->loop_.arm(*this, scheduler_->window_of(when, slack));
  }
#endif

  /// As timer_handle::cancel(). It can be armed again.
  bool cancel() noexcept { return alive() && scheduler_->loop_.dispatch.cancel(*this); }

  [[nodiscard]] timer_status status() const noexcept { return scheduled::status(); }

private:
  friend Scheduler;

  [[nodiscard]] bool alive() const noexcept { return Scheduler::dispatch::alive(*this); }
  /// Whether this process made it, and not one that it was forked from.
  [[nodiscard]] bool mine() const noexcept { return Scheduler::dispatch::fork_count() == forks; }
  template <class F> static void invoke(scheduled& t, const detail::occasion* why) {
    // A copy: the callback may destroy the timer, and itself with it.
    F f = *std::launder(reinterpret_cast<const F*>(static_cast<basic_grid_timer&>(t).callback_));
    detail::call_back<typename Scheduler::event>(f, *why);
  }

  Scheduler* scheduler_;
  alignas(void*) std::byte callback_[Room];
};

} // namespace takt::inline TAKT_ABI
