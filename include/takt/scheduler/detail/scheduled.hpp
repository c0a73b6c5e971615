/// scheduled.hpp - what the scheduler keeps of a timer: its state, its callback, and the windows of its next cycles. A
/// part of scheduler.hpp.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/timespec.hpp>
#include <takt/scheduler/timer_event.hpp>
#include <takt/scheduler/detail/wheel.hpp>
#include <takt/sleep/periodic.hpp>
#include <atomic>
#include <cstdint>
#include <limits>

namespace takt::inline TAKT_ABI::detail {

// synopsis
struct occasion;
struct scheduled;
struct counted;

// definitions

/// Why a callback is called, in nanoseconds.
struct occasion {
  timer_wheel::window window;
  timer_wheel::time now;
  std::uint64_t missed;
};

/// A timer. Its state, the lowest bits of its word, changes with the lock held. No other thread touches a timer that is
/// neither armed nor running: the last store to the word releases what came before.
struct scheduled : timer_wheel::node {
  static constexpr unsigned armed = 1, running = 2, ran = 4, cancelled = 8, is_counted = 16;
  static constexpr unsigned unwanted = 32; ///< it was cancelled while it runs: its callback cannot arm it any more
  /// Where the word has the fork_count() of the process that made the scheduler of this timer, modulo 256 to keep the
  /// node within 64 bytes: only a copy behind a multiple of 255 nested forks is taken for the original.
  static constexpr unsigned forks_shift = 8;
  /// Calls back. With a null occasion a counted timer destroys itself.
  using function = void (*)(scheduled&, const occasion*);

  scheduled(function f, unsigned kind, unsigned fork_count, void* scheduler) noexcept
      : owner(scheduler), call(f) {
    store(kind | fork_count % 256 << forks_shift);
  }

  [[nodiscard]] bool has(unsigned bits, std::memory_order order = std::memory_order_relaxed) const noexcept {
    return (state_word.load(order) & bits) != 0;
  }
  void change(unsigned clear, unsigned set, std::memory_order order = std::memory_order_relaxed) noexcept {
    state_word.store((load() & ~std::uint64_t{clear}) | set, order);
  }
  /// Returns: whether a node is armed, and cancelling it is no more than taking it out of the wheel.
  [[nodiscard]] static bool only_armed(std::uint64_t word) noexcept {
    return (word & (armed | running | cancelled | is_counted | front)) == armed;
  }
  /// Returns: the owner's bits of the word of an idle timer once it is armed.
  [[nodiscard]] static std::uint64_t when_armed(std::uint64_t word) noexcept {
    return (word & owners & ~std::uint64_t{cancelled}) | armed;
  }
  [[nodiscard]] timer_status status() const noexcept {
    const std::uint64_t s = state_word.load(std::memory_order_acquire);
    if ((s & armed) != 0) return timer_status::pending;
    if ((s & running) != 0) return timer_status::running;
    if ((s & cancelled) != 0) return timer_status::cancelled;
    return (s & ran) != 0 ? timer_status::ran : timer_status::idle;
  }

  /// The scheduler, if the timer is a node. What each operation needs, up to here, is 48 bytes: in one line of the
  /// cache if the node begins at 0 or 16 bytes of a line, as those of a large array do.
  void* const owner;
  function call;
};

/// A timer on the heap that lives as long as a handle, the wheel or its running callback needs it.
struct counted : scheduled {
  counted(function f, unsigned fork_count) noexcept : scheduled(f, is_counted, fork_count, nullptr) {}

  void keep() noexcept { owners.fetch_add(1, std::memory_order_relaxed); }
  void release(std::uint32_t shares = 1) {
    // The owner that destroys it sees what all other owners did to it.
    if (owners.fetch_sub(shares, std::memory_order_acq_rel) == shares) call(*this, nullptr);
  }

  std::atomic<std::uint32_t> owners{1};
  overrun policy = overrun::skip;
  std::int64_t period = 0; ///< zero for a timer that fires once
  std::int64_t slack = 0;
  std::uint64_t missed = 0; ///< cycles given up since the last callback
};

/// Effects: moves `open` on to the window of the next cycle; `missed` grows by the cycles given up.
/// Returns: whether there is a next cycle before the end of time (2^63 - 1 ns).
template <class = for_callers>
[[nodiscard]] constexpr bool next_cycle(timer_wheel::window& open, std::int64_t period, std::int64_t slack,
                                        overrun policy, std::int64_t now, std::uint64_t& missed) noexcept {
  constexpr int128 end_of_time = std::numeric_limits<std::int64_t>::max();
  const int128 first = static_cast<int128>(open.earliest) + period;
  int128 next = first;
  if (next + slack < now) { // it has closed already
    const int128 passed = static_cast<int128>(now) - first;
    if (policy == overrun::report) next += passed / period * period;
    else if (policy == overrun::skip) next += (passed - slack + period - 1) / period * period;
    missed += static_cast<std::uint64_t>((next - first) / period);
  }
  if (next > end_of_time) return false;
  const int128 latest = next + slack;
  open = {static_cast<std::int64_t>(next), static_cast<std::int64_t>(latest < end_of_time ? latest : end_of_time)};
  return true;
}

} // namespace takt::inline TAKT_ABI::detail
