/// folded_time.hpp - histograms of events over time, in memory that does not grow with the length of a recording.
///
/// Time is divided into bins of equal width. When a time is beyond the last bin, each two neighbours become one bin,
/// and all bins are twice as wide. So a recording of any length fills between half of the bins and all of them, and its
/// length need not be known in advance. Pure.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace tool {

/// The width of the bins of one recording, shared by all of its histograms.
class folded_axis {
public:
  static constexpr std::size_t bins = 1024;
  /// The width of a bin in a recording of up to 1.024 s.
  static constexpr std::chrono::nanoseconds first_width = std::chrono::milliseconds(1);

  [[nodiscard]] std::chrono::nanoseconds width() const { return first_width * (std::int64_t{1} << folds_); }
  /// Returns: how often the width was doubled.
  [[nodiscard]] unsigned folds() const { return folds_; }
  /// Effects: folds until the bins reach `t`, a time since the start of the recording. Returns: the bin of `t`; the
  /// first one for a time before the start.
  std::size_t bin_of(std::chrono::nanoseconds t) {
    if (t < std::chrono::nanoseconds::zero()) return 0;
    while (t / width() >= static_cast<std::int64_t>(bins)) ++folds_;
    return static_cast<std::size_t>(t / width());
  }

private:
  unsigned folds_ = 0;
};

/// The number of events in each bin.
class folded_counts {
public:
  void add(folded_axis& axis, std::chrono::nanoseconds t, std::uint64_t n = 1) {
    const std::size_t bin = axis.bin_of(t);
    fold_to(axis);
    if (counts_.size() <= bin) counts_.resize(bin + 1);
    counts_[bin] += n;
    total_ += n;
  }
  /// Returns: the counts in the bins of `axis`, without zeros at the end. Valid until the next call.
  [[nodiscard]] const std::vector<std::uint64_t>& on(const folded_axis& axis) {
    fold_to(axis);
    return counts_;
  }
  [[nodiscard]] std::uint64_t total() const { return total_; }

private:
  void fold_to(const folded_axis& axis) {
    for (; folds_ < axis.folds(); ++folds_) {
      for (std::size_t i = 0; i < counts_.size(); i += 2)
        counts_[i / 2] = counts_[i] + (i + 1 < counts_.size() ? counts_[i + 1] : 0);
      counts_.resize((counts_.size() + 1) / 2);
    }
  }
  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  unsigned folds_ = 0;
};

/// Points in time with a whole number as height. Points of equal height in one bin are one point.
class folded_points {
public:
  using point = std::pair<std::size_t, int>; ///< the bin and the height

  void add(folded_axis& axis, std::chrono::nanoseconds t, int height) {
    const std::size_t bin = axis.bin_of(t);
    fold_to(axis);
    points_.emplace(bin, height);
  }
  [[nodiscard]] const std::set<point>& on(const folded_axis& axis) {
    fold_to(axis);
    return points_;
  }

private:
  void fold_to(const folded_axis& axis) {
    if (folds_ == axis.folds()) return;
    std::set<point> folded;
    for (const auto& [bin, height] : points_) folded.emplace_hint(folded.end(), bin >> (axis.folds() - folds_), height);
    points_ = std::move(folded);
    folds_ = axis.folds();
  }
  std::set<point> points_;
  unsigned folds_ = 0;
};

} // namespace tool
