/// cells.hpp - many kinds of machines, a cell for each, and the results of each policy over all cells.
///
/// `takt simulate` prints these figures, the documentation states them, and a test checks them. Pure.
#pragma once
#include "machine.hpp"
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tool {

/// A kind of machine: the distribution that its machines are drawn from, with consecutive seeds.
struct cell {
  workload machine;        ///< the distribution; its seed is that of the first machine
  const char* slack = "";  ///< the slack in words: "10 %"
  std::size_t seeds = 1;   ///< the number of machines
};

inline constexpr std::chrono::nanoseconds simulated_start = std::chrono::seconds(1'000'000); // an uptime of 11 days
inline constexpr std::chrono::nanoseconds simulated_length = std::chrono::seconds(60);

/// Returns: the mean number of windows that a machine has in `length`.
[[nodiscard]] inline double expected_windows(const workload& w, std::chrono::nanoseconds length) {
  const auto a = static_cast<double>(w.shortest.count()), b = static_cast<double>(w.longest.count());
  const double rate = b <= a              ? 1 / a
                      : w.uniform_periods ? std::log(b / a) / (b - a)
                                          : (1 / a - 1 / b) / std::log(b / a);
  return w.processes * w.threads * rate * static_cast<double>(length.count());
}

/// Returns: the cells: periods of 10 ms to 3 s, log-uniform or uniform; slack of 10 %, 30 % or mixed (1 to 50 %); 1
/// to 128 processes of 1 to 16 timers. With `seeds` zero, each cell gets 1 to 64 machines, enough for about `enough`
/// windows: results of machines with few timers vary much between seeds.
[[nodiscard]] inline std::vector<cell> all_cells(std::uint64_t seed, std::size_t seeds, double enough) {
  struct slack {
    const char* name;
    double min, max;
  };
  std::vector<cell> cells;
  for (const bool uniform : {false, true})
    for (const slack& s : {slack{"10 %", 0.1, 0.1}, slack{"30 %", 0.3, 0.3}, slack{"mixed", 0.01, 0.5}})
      for (const int processes : {1, 4, 16, 128})
        for (const int timers : {1, 4, 16}) {
          workload w;
          w.processes = processes;
          w.threads = timers;
          w.uniform_periods = uniform;
          w.min_slack = s.min;
          w.max_slack = s.max;
          w.seed = seed + 1000 * cells.size(); // cells never draw the same machine
          const double fill = enough / expected_windows(w, simulated_length);
          cells.push_back({w, s.name, seeds != 0 ? seeds : static_cast<std::size_t>(std::clamp(fill, 1.0, 64.0))});
        }
  return cells;
}

/// The results of a number of machines of one kind.
struct summary {
  std::size_t machines = 0;
  std::array<double, policy_count> per_second{}, to_planner{}, to_own{}; // sums over machines; of() gives means

  /// Effects: adds the result of one machine, simulated for `seconds`.
  void add(const comparison& c, double seconds) {
    const auto ratio = [](std::size_t a, std::size_t b) {
      return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
    };
    ++machines;
    for (std::size_t i = 0; i < policy_count; ++i) {
      per_second[i] += static_cast<double>(c[i].wake_ups) / seconds;
      to_planner[i] += ratio(c[i].wake_ups, tool::of(c, wake_policy::planner).wake_ups);
      to_own[i] += ratio(c[i].process_wake_ups, tool::of(c, wake_policy::latest).process_wake_ups);
    }
  }
  void add(const summary& s) {
    machines += s.machines;
    for (std::size_t i = 0; i < policy_count; ++i) {
      per_second[i] += s.per_second[i];
      to_planner[i] += s.to_planner[i];
      to_own[i] += s.to_own[i];
    }
  }
  /// Returns: the mean over machines of one of the sums for policy `p`; 0 without machines.
  [[nodiscard]] double of(const std::array<double, policy_count>& sums, wake_policy p) const {
    return machines == 0 ? 0 : sums[static_cast<std::size_t>(p)] / static_cast<double>(machines);
  }
};

/// The result of a policy over all cells that have at least one machine.
struct verdict {
  std::size_t cells = 0;
  double per_second = 0;                // wake-ups of a machine per second, the mean over cells
  double best = 0, mean = 0, worst = 0; // relative to the planner
  double worst_own = 0;                 // relative to each process's own optimum
  std::size_t worst_cell = 0, worst_own_cell = 0;
};

/// Returns: the result of `p` over the cells, each with equal weight.
[[nodiscard]] inline verdict judge(std::span<const summary> cells, wake_policy p) {
  verdict v;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const summary& s = cells[i];
    if (s.machines == 0) continue;
    const double ratio = s.of(s.to_planner, p), own = s.of(s.to_own, p);
    if (v.cells++ == 0) v.best = ratio;
    v.per_second += s.of(s.per_second, p);
    v.mean += ratio;
    v.best = std::min(v.best, ratio);
    if (ratio > v.worst) v.worst = ratio, v.worst_cell = i;
    if (own > v.worst_own) v.worst_own = own, v.worst_own_cell = i;
  }
  if (v.cells != 0) v.per_second /= static_cast<double>(v.cells), v.mean /= static_cast<double>(v.cells);
  return v;
}

} // namespace tool
