/// manual_clock.hpp - a clock that stands still until it is told how far to go, for tests of code that uses timers.
///
///   takt::testing::manual_clock clock;
///   takt::basic_grid_scheduler<takt::testing::manual_clock> timers(clock);
///   my_cache cache(timers);                                  // code under test: a template, or written for this type
///   clock.advance(30s);                                      // calls back whatever is due on the way, at its time
///
/// Nothing sleeps. Time goes from wake-up to wake-up of the schedulers on it, as their rule says, so that every run is
/// the same. Inside a callback advance() is how long that takes: time passes, and nothing is called back until it
/// returns.
///
/// Does not promise: thread safety, except of now(). A callback that arms itself for this very instant again and again
/// keeps advance() busy for ever, as it would a scheduler.
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

/// Steady: whether it is a clock that nobody sets; if not, set() may go back.
template <bool Steady> class basic_manual_clock;
using manual_clock = basic_manual_clock<true>;
using manual_wall_clock = basic_manual_clock<false>;

// definitions

template <bool Steady> class basic_manual_clock {
public:
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<basic_manual_clock>;
  static constexpr bool is_steady = Steady;

  /// What moves with the clock. A scheduler attaches itself; so may anything else.
  struct driven {
    virtual std::optional<time_point> next_wakeup() = 0;
    virtual std::size_t fire(time_point now) = 0;
    [[nodiscard]] virtual std::size_t pending() const = 0;

  protected:
    ~driven() = default;

  private:
    friend basic_manual_clock;
    driven* next_ = nullptr;
  };

  /// Starts at `start`, by default at an odd moment: code that works on round numbers alone shall not pass.
  explicit basic_manual_clock(time_point start = time_point(duration(1'000'000'000'000'001))) noexcept
      : now_(start.time_since_epoch().count()) {}
  basic_manual_clock(const basic_manual_clock&) = delete;
  basic_manual_clock& operator=(const basic_manual_clock&) = delete;

  [[nodiscard]] time_point now() const noexcept { return time_point(duration(now_.load(std::memory_order_relaxed))); }

  /// Effects: time passes, up to `t` or for `d`; every wake-up on the way takes place at its time. Time that has passed
  /// already is not undone.
  /// Returns: how many timers were called back.
  std::size_t advance_to(time_point t) {
    if (advancing_) return put(t), 0; // inside a callback
    const guard busy(advancing_);
    std::size_t fired = 0;
    for (auto next = next_wakeup(); next && *next <= t; next = next_wakeup()) fired += wake(*next);
    put(t);
    return fired;
  }
  std::size_t advance(duration d) { return advance_to(time_point(saturating_add(now().time_since_epoch(), d))); }
  /// Effects: time passes up to the next wake-up, which takes place; if there is none, nothing happens.
  /// Returns: how many timers were called back.
  std::size_t advance_to_next() {
    const auto next = next_wakeup();
    if (!next || advancing_) return 0;
    const guard busy(advancing_);
    return wake(*next);
  }
  /// Effects: the clock shows `t`, and nobody is told: the machine was busy, or suspended, or somebody set the clock.
  /// What is late by then is called back by the next advance, if only of zero. A steady clock does not go back: it
  /// stands still.
  void set(time_point t) noexcept {
    if constexpr (Steady) put(t);
    else now_.store(t.time_since_epoch().count(), std::memory_order_relaxed);
  }

  /// Returns: how many timers are armed, on all that is attached, and when the next of them is called back.
  [[nodiscard]] std::size_t pending() const {
    std::size_t n = 0;
    for (const driven* d = first_; d != nullptr; d = d->next_) n += d->pending();
    return n;
  }
  [[nodiscard]] std::optional<time_point> next_wakeup() const {
    std::optional<time_point> first;
    for (driven* d = first_; d != nullptr; d = d->next_) {
      const auto t = d->next_wakeup();
      if (t && (!first || *t < *first)) first = t;
    }
    return first;
  }

  void attach(driven& d) noexcept {
    d.next_ = first_;
    first_ = &d;
  }
  void detach(driven& d) noexcept {
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
  /// A callback may attach and detach, the scheduler it is called by excepted.
  std::size_t wake(time_point at) {
    put(at);
    std::size_t fired = 0;
    for (driven* d = first_; d != nullptr; d = d->next_) {
      if (const auto t = d->next_wakeup(); t && *t <= at) fired += d->fire(now());
    }
    return fired;
  }

  std::atomic<std::int64_t> now_;
  driven* first_ = nullptr;
  bool advancing_ = false;
};

} // namespace takt::inline TAKT_ABI::testing
