/// planner.hpp - the windows of many periodic timers, and statistics of wake-ups. takt::fewest_wakeups() plans them.
///
/// `takt align` compares its measurements with the plan, `takt simulate` its simulations. Pure: data in, data out.
/// Times are nanoseconds since an epoch that all timers share.
#pragma once
#include <takt/observe/coalescing.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace tool {

/// The times at which a wake-up serves a timer; both ends are included.
struct window {
  std::chrono::nanoseconds earliest{};
  std::chrono::nanoseconds latest{};
};

/// A timer that needs one wake-up in each of [first + k * period, first + k * period + slack].
struct timer {
  std::chrono::nanoseconds first{};
  std::chrono::nanoseconds period{};
  std::chrono::nanoseconds slack{};
};

/// The distribution from which the timers of an experiment are drawn.
struct workload {
  int processes = 8;
  int threads = 4;                                                   ///< timers of each process
  std::chrono::nanoseconds shortest = std::chrono::milliseconds(10); ///< smallest period
  std::chrono::nanoseconds longest = std::chrono::seconds(3);        ///< largest period
  bool uniform_periods = false; ///< true: periods are uniform; false: log-uniform, as many in each octave
  double min_slack = 0.1;       ///< smallest slack, as a share of the period
  double max_slack = 0.5;       ///< largest slack, as a share of the period
  std::uint64_t seed = 1;
};

/// Returns: the timers, process by process; `first` lies within one period of zero. The same workload gives the same
/// timers on every machine.
[[nodiscard]] inline std::vector<timer> draw_timers(const workload& w) {
  std::mt19937_64 random(w.seed);
  const auto uniform = [&random](double low, double high) { // std::uniform_real_distribution differs between libraries
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
    const double share = uniform(w.min_slack, w.max_slack);
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

/// Returns: the number of distinct times.
[[nodiscard]] inline std::size_t distinct(std::vector<std::chrono::nanoseconds> times) {
  std::sort(times.begin(), times.end());
  return static_cast<std::size_t>(std::unique(times.begin(), times.end()) - times.begin());
}

/// Wake-ups close enough to count as one wake-up of the machine.
struct cluster {
  std::chrono::nanoseconds first{};
  std::chrono::nanoseconds last{};
  std::size_t wake_ups = 0;
};

/// Returns: the clusters in order. A wake-up joins the open cluster if it comes within `width` of the cluster's first.
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

/// Returns: the lengths of the gaps between clusters, ascending.
[[nodiscard]] inline std::vector<std::chrono::nanoseconds> quiet_times(const std::vector<cluster>& clusters) {
  std::vector<std::chrono::nanoseconds> gaps;
  for (std::size_t i = 1; i < clusters.size(); ++i) gaps.push_back(clusters[i].first - clusters[i - 1].last);
  std::sort(gaps.begin(), gaps.end());
  return gaps;
}

/// Returns: the smallest of the values that a share of `q` of them does not exceed (nearest rank).
/// Precondition: sorted, not empty.
[[nodiscard]] inline std::chrono::nanoseconds quantile(const std::vector<std::chrono::nanoseconds>& sorted, double q) {
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

} // namespace tool
