/// planner.hpp - the windows of many periodic timers, the fewest wake-ups that could serve them, and what a list of
/// wake-ups amounts to. Pure: data in, data out; `takt align` measures with it, `takt simulate` calculates.
///
/// Times are nanoseconds since an epoch that all timers share.
#pragma once
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace tool {

/// When a wake-up is welcome: both ends included.
struct window {
  std::chrono::nanoseconds earliest{};
  std::chrono::nanoseconds latest{};
};

/// A timer that wants to be woken once in each of [first + k * period, first + k * period + slack].
struct timer {
  std::chrono::nanoseconds first{};
  std::chrono::nanoseconds period{};
  std::chrono::nanoseconds slack{};
};

/// What the timers of an experiment are drawn from.
struct workload {
  int processes = 8;
  int threads = 4;                                                   ///< timers a process
  std::chrono::nanoseconds shortest = std::chrono::milliseconds(10); ///< periods lie between these two
  std::chrono::nanoseconds longest = std::chrono::seconds(3);
  bool uniform_periods = false; ///< else log-uniform: as many in each octave
  double least_slack = 0.1;     ///< slack is this share of the period, uniform between these two
  double most_slack = 0.5;
  std::uint64_t seed = 1;
};

/// Returns: the timers, process by process; `first` lies within one period of zero. The same workload gives the same
/// timers everywhere.
[[nodiscard]] inline std::vector<timer> draw_timers(const workload& w) {
  std::mt19937_64 random(w.seed);
  const auto uniform = [&random](double low, double high) { // as no two standard libraries do it alike
    return low + (high - low) * static_cast<double>(random() >> 11) * 0x1p-53;
  };
  const auto nanoseconds = [](double ns) { return std::chrono::nanoseconds(std::llround(ns)); };
  std::vector<timer> timers;
  const double log_short = std::log(static_cast<double>(w.shortest.count()));
  const double log_long = std::log(static_cast<double>(w.longest.count()));
  for (int i = 0; i < w.processes * w.threads; ++i) {
    const double period = w.uniform_periods
                              ? uniform(static_cast<double>(w.shortest.count()), static_cast<double>(w.longest.count()))
                              : std::exp(uniform(log_short, log_long));
    const double share = uniform(w.least_slack, w.most_slack);
    const double first = uniform(0, period);
    timers.push_back({nanoseconds(first), nanoseconds(period), nanoseconds(period * share)});
  }
  return timers;
}

/// Returns: the windows of all timers that open at zero or later and close before `length`.
[[nodiscard]] inline std::vector<window> windows_within(const std::vector<timer>& timers,
                                                        std::chrono::nanoseconds length) {
  std::vector<window> windows;
  for (const timer& t : timers) {
    for (auto due = t.first; due + t.slack < length; due += t.period) windows.push_back({due, due + t.slack});
  }
  return windows;
}

/// Returns: the points of the planner that knows all windows: the fewest such that every window holds one, each as late
/// as it may be. Greedy interval stabbing, which is optimal: the window that closes first needs a point, no later one
/// serves it, and none serves more others than the last moment of it.
[[nodiscard]] inline std::vector<std::chrono::nanoseconds> plan(std::vector<window> windows) {
  std::sort(windows.begin(), windows.end(), [](const window& a, const window& b) { return a.latest < b.latest; });
  std::vector<std::chrono::nanoseconds> points;
  for (const window& w : windows) {
    if (points.empty() || points.back() < w.earliest) points.push_back(w.latest);
  }
  return points;
}

/// Returns: how many different times there are.
[[nodiscard]] inline std::size_t distinct(std::vector<std::chrono::nanoseconds> times) {
  std::sort(times.begin(), times.end());
  return static_cast<std::size_t>(std::unique(times.begin(), times.end()) - times.begin());
}

/// Wake-ups that the machine went through as one.
struct cluster {
  std::chrono::nanoseconds first{};
  std::chrono::nanoseconds last{};
  std::size_t wake_ups = 0;
};

/// Returns: the clusters in order: a wake-up belongs to the one before it if it comes within `width` of its first.
[[nodiscard]] inline std::vector<cluster> clusters_of(std::vector<std::chrono::nanoseconds> times,
                                                      std::chrono::nanoseconds width) {
  std::sort(times.begin(), times.end());
  std::vector<cluster> clusters;
  for (const auto t : times) {
    if (clusters.empty() || t - clusters.back().first > width) clusters.push_back({t, t, 0});
    clusters.back().last = t;
    ++clusters.back().wake_ups;
  }
  return clusters;
}

/// Returns: the times between clusters in which nothing woke up, in ascending order.
[[nodiscard]] inline std::vector<std::chrono::nanoseconds> quiet_times(const std::vector<cluster>& clusters) {
  std::vector<std::chrono::nanoseconds> gaps;
  for (std::size_t i = 1; i < clusters.size(); ++i) gaps.push_back(clusters[i].first - clusters[i - 1].last);
  std::sort(gaps.begin(), gaps.end());
  return gaps;
}

/// Returns: the value that a share of `q` of them does not exceed (nearest rank). Precondition: sorted, not empty.
[[nodiscard]] inline std::chrono::nanoseconds quantile(const std::vector<std::chrono::nanoseconds>& sorted, double q) {
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

} // namespace tool
