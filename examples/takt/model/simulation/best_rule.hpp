/// best_rule.hpp - the fewest wake-ups that any common rule can reach if processes do not communicate.
///
/// For machines whose processes have one timer each, with random phases. A rule that is the same in every process and
/// knows the window alone is as good as a ranking of all points in time, of which it takes the highest one in the
/// window. A point lies in the gap between the nearest points that rank higher, and serves exactly the windows that
/// contain it and lie within the gap. So dynamic programming finds the best ranking of a gap: the fewest wake-ups in a
/// gap are the minimum, over its points, of the probability that the point is used plus the fewest wake-ups in the two
/// gaps beside the point. README.md in this directory has the argument, and what of it is proved. Pure.
#pragma once
#include "planner.hpp"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace tool {

/// The best rule for machines of one kind, found by dynamic programming over gaps of lengths that grow by 2 %.
class best_rule {
public:
  /// Effects: finds the rule for machines of `w.processes` processes with one timer each; `w.threads` is not used.
  /// Precondition: 0 < w.min_slack and w.max_slack <= 1. Cost: some tens of milliseconds.
  explicit best_rule(const workload& w) {
    // Windows as the workload draws them, spread evenly instead of at random.
    constexpr int samples = 1024;
    std::vector<each> windows;
    shortest_ = longest_ = static_cast<double>(w.shortest.count()) * w.min_slack;
    for (int i = 0; i < samples; ++i) {
      const auto low = static_cast<double>(w.shortest.count()), high = static_cast<double>(w.longest.count());
      const double u = (i + 0.5) / samples, v = std::fmod(i * 0.6180339887498949 + 0.5, 1); // the golden ratio
      const double period = w.uniform_periods ? low + (high - low) * u : low * std::pow(high / low, u);
      windows.push_back({period * (w.min_slack + (w.max_slack - w.min_slack) * v), period});
      longest_ = std::max(longest_, windows.back().length);
    }
    const auto used = [&](double x, double gap) {
      double mean = 0;
      for (const each& timer : windows) mean += timer.served_by(x, gap) / samples;
      return 1 - std::pow(1 - mean, w.processes);
    };
    const double factor = 1.02;
    std::vector<double> fewest{0};
    gaps_ = {shortest_};
    parts_ = {0.5};
    while (gaps_.back() < 2 * longest_) {
      const double gap = gaps_.back() * factor;
      double min = 0, at = 0;
      for (int percent = 50; percent >= 2; --percent) {
        const double part = percent * 0.01;
        const double sum =
            used(gap * part, gap) + in_gap(fewest, gap * part) + in_gap(fewest, gap - gap * part);
        if (at == 0 || sum < min) min = sum, at = part;
      }
      gaps_.push_back(gap);
      parts_.push_back(at);
      fewest.push_back(min);
    }
    // Points at least as far apart as the longest window rank equally: no window contains two of them.
    const double always = used(longest_, 3 * longest_);
    const auto rate = [&](double gap) { return (always + in_gap(fewest, gap)) / gap; };
    top_ = longest_;
    for (const double gap : gaps_)
      if (gap >= longest_ && rate(gap) < rate(top_)) top_ = gap;
  }

  /// Returns: the wake-ups per second of a machine with these timers, one in each process, if all processes follow the
  /// rule: the mean over the timers' phases. Precondition: no window is longer than the longest of the workload.
  [[nodiscard]] double rate(std::span<const timer> timers) const {
    std::vector<each> windows;
    for (const timer& t : timers)
      windows.push_back({static_cast<double>(t.slack.count()), static_cast<double>(t.period.count())});
    const auto used = [&](double x, double gap) {
      double by_none = 1;
      for (const each& timer : windows) by_none *= 1 - timer.served_by(x, gap);
      return 1 - by_none;
    };
    std::vector<double> sums{0};
    for (std::size_t i = 1; i < gaps_.size(); ++i) {
      const double first = gaps_[i] * parts_[i];
      sums.push_back(used(first, gaps_[i]) + in_gap(sums, first) + in_gap(sums, gaps_[i] - first));
    }
    return (used(longest_, 3 * longest_) + in_gap(sums, top_)) / top_ * 1e9;
  }

private:
  /// A timer: the length of its windows and its period, in nanoseconds.
  struct each {
    double length, period;

    /// Returns: the probability that the point at `x` of a gap serves the window of a given period, whose phase is
    /// random.
    [[nodiscard]] double served_by(double x, double gap) const {
      return std::max(0.0, std::min(x, gap - length) - std::max(0.0, x - length)) / period;
    }
  };

  /// Returns: the wake-ups in a gap of length `gap`, interpolated between those of the gaps in `sums`.
  [[nodiscard]] double in_gap(const std::vector<double>& sums, double gap) const {
    if (gap <= shortest_) return 0; // no window fits in it
    const auto above = std::lower_bound(gaps_.begin(), gaps_.begin() + static_cast<std::ptrdiff_t>(sums.size()), gap);
    const auto i = static_cast<std::size_t>(above - gaps_.begin());
    if (i == sums.size()) return sums.back();
    return sums[i - 1] + (sums[i] - sums[i - 1]) * (gap - gaps_[i - 1]) / (gaps_[i] - gaps_[i - 1]);
  }

  // The shortest and the longest window, and the distance of the points of the highest rank, in ns.
  double shortest_ = 0, longest_ = 0, top_ = 0;
  std::vector<double> gaps_, parts_; // the lengths of gaps in ns, and the share at which the best point divides each
};

} // namespace tool
