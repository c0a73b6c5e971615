/// scheduler_statistics.hpp - how many wake-ups a scheduler needed for how many timers, and how late they were.
#pragma once
#include <takt/core/config.hpp>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace takt::inline TAKT_ABI {

// synopsis
class scheduler_statistics;

// definitions

/// What a scheduler has seen so far: counts that only grow. It is some 6 kB: take a copy, look at it, take another.
class scheduler_statistics {
public:
  /// Wake-ups that called at least one timer back, and those that found none open (it had been moved or cancelled in
  /// the meantime, or the wait ended early).
  [[nodiscard]] std::uint64_t wakeups() const noexcept { return wakeups_; }
  [[nodiscard]] std::uint64_t idle_wakeups() const noexcept { return idle_; }
  /// Callbacks, and the most of them in one wake-up.
  [[nodiscard]] std::uint64_t fired() const noexcept { return fired_; }
  [[nodiscard]] std::uint64_t most_per_wakeup() const noexcept { return most_; }
  [[nodiscard]] double fired_per_wakeup() const noexcept {
    return wakeups_ == 0 ? 0 : static_cast<double>(fired_) / static_cast<double>(wakeups_);
  }
  /// Cycles of every() that were given up.
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }

  /// What plain timers would have cost: one wake-up for each different instant at which a window opened. Counted with a
  /// small memory: exact while a wake-up serves few different instants, an upper bound where it serves hundreds, and
  /// never more than fired().
  [[nodiscard]] std::uint64_t plain_wakeups() const noexcept { return plain_; }

  /// How long after the end of its window a timer was called back, as of the wake-up's begin; zero for those in time.
  [[nodiscard]] std::chrono::nanoseconds max_lateness() const noexcept { return std::chrono::nanoseconds(max_); }
  /// Returns: the lateness that a share of `q` of the callbacks did not exceed, 0 <= q <= 1; an upper bound, by at most
  /// a quarter. Zero if nothing fired.
  [[nodiscard]] std::chrono::nanoseconds lateness(double q) const noexcept {
    const double share = q * static_cast<double>(fired_);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
      seen += late_[i];
      if (seen != 0 && static_cast<double>(seen) >= share)
        return std::chrono::nanoseconds(end_of(i) < max_ ? end_of(i) : max_);
    }
    return max_lateness();
  }

  // For the scheduler.

  void fired(std::int64_t earliest, std::int64_t latest, std::int64_t now) noexcept {
    ++fired_;
    std::int64_t late = 0;
    if (now > latest && __builtin_sub_overflow(now, latest, &late)) late = std::numeric_limits<std::int64_t>::max();
    if (late > max_) max_ = late;
    ++late_[bucket_of(late)];
    // Fibonacci hashing: instants that are round in any system are spread evenly.
    const std::size_t h = (static_cast<std::uint64_t>(earliest) * 0x9E3779B97F4A7C15u) >> (64 - 9);
    plain_ += static_cast<unsigned>(seen_[h] != earliest || plain_ == 0);
    seen_[h] = earliest;
  }
  void woke(std::uint64_t fired) noexcept {
    ++(fired != 0 ? wakeups_ : idle_);
    if (fired > most_) most_ = fired;
  }
  void missed(std::uint64_t cycles) noexcept { missed_ += cycles; }

private:
  // Four buckets to each power of two, and one for each number below four.
  static constexpr std::size_t buckets = 4 + 4 * 61;
  [[nodiscard]] static std::size_t bucket_of(std::int64_t late) noexcept {
    const auto n = static_cast<std::uint64_t>(late);
    if (n < 4) return static_cast<std::size_t>(n);
    const auto octave = static_cast<unsigned>(std::bit_width(n)) - 3; // n >> octave is 4 to 7
    return 4 * octave + (n >> octave);
  }
  /// The largest number in a bucket.
  [[nodiscard]] static std::int64_t end_of(std::size_t bucket) noexcept {
    if (bucket < 4) return static_cast<std::int64_t>(bucket);
    const auto octave = static_cast<unsigned>(bucket / 4 - 1);
    return static_cast<std::int64_t>(((std::uint64_t{bucket % 4 + 5}) << octave) - 1);
  }

  std::uint64_t wakeups_ = 0, idle_ = 0, fired_ = 0, most_ = 0, missed_ = 0, plain_ = 0;
  std::int64_t max_ = 0;
  std::uint64_t late_[buckets]{};
  std::int64_t seen_[512]{};
};

} // namespace takt::inline TAKT_ABI
