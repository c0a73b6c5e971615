/// manual_clock.hpp - a clock that stands still until a test advances it, for tests of code that uses timers.
///
///   takt::testing::manual_clock clock;
///   takt::grid_scheduler timers(clock);                      // the type that programs use, on this clock
///   my_cache cache(timers);                                  // code under test, which takes a takt::grid_scheduler&
///   clock.advance(30s);                                      // runs each callback that becomes due, at its time
///
/// Nothing sleeps. Time moves from one wake-up of the schedulers on the clock to the next, by their rules, so every run
/// is the same. Inside a callback advance() simulates how long that callback takes: time passes, and no other callback
/// runs until it returns.
///
/// Does not promise: thread safety, except of now(); that advance() returns if a callback always arms its timer for the
/// current time, because no scheduler would return either.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace takt::inline TAKT_ABI::testing {

// synopsis

/// A clock that a test advances. Steady is false for a clock that set() can set back.
template <bool Steady> class basic_manual_clock;
/// A steady manual clock.
using manual_clock = basic_manual_clock<true>;
/// A manual clock that can be set back, as CLOCK_REALTIME can.
using manual_wall_clock = basic_manual_clock<false>;

// definitions

template <bool Steady> class basic_manual_clock {
public:
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<basic_manual_clock>;
  static constexpr bool is_steady = Steady;

  /// The base class of what the clock wakes up: schedulers, which attach themselves, and objects that a test attaches.
  struct driven {
    /// Returns: when the clock shall call fire() next; nullopt for never.
    virtual std::optional<time_point> next_wakeup() = 0;
    /// Effects: runs the callbacks that are due at `now`. Returns: how many.
    TAKT_UNWINDS virtual std::size_t fire(time_point now) = 0;
    /// Returns: how many timers are armed.
    [[nodiscard]] virtual std::size_t pending() const = 0;

  protected:
    ~driven() = default;

  private:
    friend basic_manual_clock;
    driven* next_ = nullptr;
  };

  /// Effects: starts at `start`, by default at a time that is not round, so that code that needs a round time fails.
  explicit basic_manual_clock(time_point start = time_point(duration(1'000'000'000'000'001))) noexcept
      : now_(start.time_since_epoch().count()) {}
  basic_manual_clock(const basic_manual_clock&) = delete;
  basic_manual_clock& operator=(const basic_manual_clock&) = delete;

  /// Returns: the time of the clock. May be called by any thread.
  [[nodiscard]] time_point now() const noexcept { return time_point(duration(now_.load(std::memory_order_relaxed))); }

  /// Effects: time passes up to `t`; every wake-up until then takes place at its time. A `t` before now changes
  /// nothing. Inside a callback only the time passes.
  /// Returns: how many callbacks ran. Errors: the exceptions of the callbacks, at whose time the clock then stands.
  TAKT_UNWINDS std::size_t advance_to(time_point t) {
    if (advancing_) return put(t), 0; // inside a callback
    const guard busy(advancing_);
    std::size_t fired = 0;
    for (auto next = next_wakeup(); next && *next <= t; next = next_wakeup()) fired += wake(*next);
    put(t);
    return fired;
  }
  /// Effects, returns and errors: as advance_to(now() + d).
  TAKT_UNWINDS std::size_t advance(duration d) {
    return advance_to(time_point(detail::saturating_add(now().time_since_epoch(), d)));
  }
  /// Effects: time passes up to the next wake-up, which takes place. Nothing happens without a next wake-up, and inside
  /// a callback.
  /// Returns: how many callbacks ran. Errors: as advance_to().
  TAKT_UNWINDS std::size_t advance_to_next() {
    const auto next = next_wakeup();
    if (!next || advancing_) return 0;
    const guard busy(advancing_);
    return wake(*next);
  }
  /// Effects: the clock shows `t` and no callback runs, as when the machine was busy or suspended, or the clock was
  /// set. The next advance, even one of zero, runs the callbacks that are late by then. A steady clock ignores a `t`
  /// before now.
  void set(time_point t) noexcept {
    if constexpr (Steady) put(t);
    else now_.store(t.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// Returns: how many timers are armed on all attached schedulers.
  [[nodiscard]] std::size_t pending() const {
    std::size_t n = 0;
    for (const driven* d = first_; d != nullptr; d = d->next_) n += d->pending();
    return n;
  }
  /// Returns: the time of the next wake-up; nullopt if no timer is armed.
  [[nodiscard]] std::optional<time_point> next_wakeup() const {
    std::optional<time_point> first;
    for (driven* d = first_; d != nullptr; d = d->next_) {
      const auto t = d->next_wakeup();
      if (t && (!first || *t < *first)) first = t;
    }
    return first;
  }

  /// Effects: the clock wakes `d` up from now on. Precondition: `d` is not attached, and is detached before it is
  /// destroyed.
  void attach(driven& d) noexcept {
    d.next_ = first_;
    first_ = &d;
  }
  /// Effects: the clock no longer wakes `d` up; nothing if `d` is not attached.
  void detach(driven& d) noexcept {
    if (next_to_wake_ == &d) next_to_wake_ = d.next_;
    for (driven** p = &first_; *p != nullptr; p = &(*p)->next_) {
      if (*p == &d) return void(*p = d.next_);
    }
  }

private:
  struct guard {
    explicit guard(bool& f) noexcept : flag(f) { flag = true; }
    ~guard() { flag = false; }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    bool& flag;
  };

  void put(time_point t) noexcept {
    if (t > now()) now_.store(t.time_since_epoch().count(), std::memory_order_relaxed);
  }
  /// Effects: sets the clock to `at` and runs the callbacks that are due. A callback may attach and detach schedulers,
  /// its own one too. Returns: how many callbacks ran.
  TAKT_UNWINDS std::size_t wake(time_point at) {
    put(at);
    std::size_t fired = 0;
    for (driven* d = first_; d != nullptr; d = next_to_wake_) {
      next_to_wake_ = d->next_;
      if (const auto t = d->next_wakeup(); t && *t <= at) fired += d->fire(now());
    }
    return fired;
  }

  std::atomic<std::int64_t> now_;
  driven* first_ = nullptr;
  driven* next_to_wake_ = nullptr;
  bool advancing_ = false;
};

} // namespace takt::inline TAKT_ABI::testing
