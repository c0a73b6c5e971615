/// statistics.hpp - how many wake-ups a scheduler needed for how many timers, and how late they were.
///
/// Does not promise: exact quantiles of lateness, nor an exact count of plain wake-ups: see lateness() and
/// plain_wakeups().
#pragma once
#include <takt/core/config.hpp>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace takt::inline TAKT_ABI {

namespace detail { // in the reference: scheduler_statistics as basic_grid_scheduler::statistics_type

/// The counts of a scheduler so far, which only grow. A snapshot takes about 6 kB. Users know it as
/// grid_scheduler::statistics_type.
class scheduler_statistics {
public:
  /// Returns: the wake-ups that called at least one timer back.
  [[nodiscard]] std::uint64_t wakeups() const noexcept { return wakeups_; }
  /// Returns: the wake-ups that found no open window, because a timer was moved or cancelled or the wait ended early.
  [[nodiscard]] std::uint64_t idle_wakeups() const noexcept { return idle_; }
  /// Returns: the number of callbacks.
  [[nodiscard]] std::uint64_t fired() const noexcept { return fired_; }
  /// Returns: the largest number of callbacks in one wake-up.
  [[nodiscard]] std::uint64_t max_per_wakeup() const noexcept { return max_per_wakeup_; }
  /// Returns: the mean number of callbacks in a wake-up; 0 before the first wake-up.
  [[nodiscard]] double fired_per_wakeup() const noexcept {
    return wakeups_ == 0 ? 0 : static_cast<double>(fired_) / static_cast<double>(wakeups_);
  }
  /// Returns: the cycles of every() that were given up.
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }

  /// Returns: the wake-ups that plain timers would have needed, one for each different instant at which a window
  /// opened. Exact while a wake-up serves few different instants, an upper bound where it serves hundreds, and never
  /// more than fired().
  [[nodiscard]] std::uint64_t plain_wakeups() const noexcept { return plain_; }

  /// Returns: the largest lateness. Lateness is the time from the end of the window to the beginning of the wake-up
  /// that calls the timer back, and zero for a timer in time.
  [[nodiscard]] std::chrono::nanoseconds max_lateness() const noexcept { return std::chrono::nanoseconds(max_); }
  /// Returns: the lateness that a share `q` of the callbacks did not exceed, 0 <= q <= 1, too large by at most a
  /// quarter; zero if there were no callbacks.
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

protected:
  // There are four buckets for each power of two, and one for each number below four.
  static constexpr std::size_t buckets = 4 + 4 * 61;
  [[nodiscard]] static std::size_t bucket_of(std::int64_t late) noexcept {
    const auto n = static_cast<std::uint64_t>(late);
    if (n < 4) return static_cast<std::size_t>(n);
    const auto octave = static_cast<unsigned>(std::bit_width(n)) - 3; // n >> octave is 4 to 7
    return 4 * octave + (n >> octave);
  }
  /// Returns: the largest number in a bucket.
  [[nodiscard]] static std::int64_t end_of(std::size_t bucket) noexcept {
    if (bucket < 4) return static_cast<std::int64_t>(bucket);
    const auto octave = static_cast<unsigned>(bucket / 4 - 1);
    return static_cast<std::int64_t>(((std::uint64_t{bucket % 4 + 5}) << octave) - 1);
  }

  std::uint64_t wakeups_ = 0, idle_ = 0, fired_ = 0, max_per_wakeup_ = 0, missed_ = 0, plain_ = 0;
  std::int64_t max_ = 0;
  std::uint64_t late_[buckets]{};
  std::int64_t seen_[512]{};
};

} // namespace detail

namespace detail {

/// The statistics as the scheduler counts them.
class scheduler_counts : public scheduler_statistics {
public:
  /// Effects: counts a callback with that window, in a wake-up that began at `now`; all in nanoseconds.
  void called_back(std::int64_t earliest, std::int64_t latest, std::int64_t now) noexcept {
    ++fired_;
    std::int64_t late = 0;
    if (now > latest && __builtin_sub_overflow(now, latest, &late)) late = std::numeric_limits<std::int64_t>::max();
    if (late > max_) max_ = late;
    ++late_[bucket_of(late)];
    // Fibonacci hashing spreads the instants evenly, even if they are round in the decimal or the binary system.
    const std::size_t h = (static_cast<std::uint64_t>(earliest) * 0x9E3779B97F4A7C15u) >> (64 - 9);
    plain_ += static_cast<unsigned>(seen_[h] != earliest || plain_ == 0);
    seen_[h] = earliest;
  }
  /// Effects: counts a wake-up that called `fired` timers back.
  void woke(std::uint64_t fired) noexcept {
    ++(fired != 0 ? wakeups_ : idle_);
    if (fired > max_per_wakeup_) max_per_wakeup_ = fired;
  }
  /// Effects: counts cycles that were given up.
  void gave_up(std::uint64_t cycles) noexcept { missed_ += cycles; }
};

} // namespace detail

} // namespace takt::inline TAKT_ABI
