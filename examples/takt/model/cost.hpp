/// cost.hpp - measures the cost of reading each clock by each path on this machine.
#pragma once
#include "output/document.hpp"
#include <chrono>
#include <optional>
#include <string>
#include <takt/clock/calibration.hpp>
#include <vector>

namespace tool {

/// One path to one clock: `CLOCK_MONOTONIC` by `vDSO`, `counter` by `rdtsc`.
struct path_cost {
  std::string clock;
  std::string path;
  double median_ns = 0;                                    // of one read, over batches
  std::optional<double> p99_ns;                            // nullopt below 100 batches: it would be the maximum
  std::optional<double> median_ticks;                      // nullopt where the counter cannot be read
  std::optional<double> p99_ticks;                         // as p99_ns and median_ticks
  std::optional<std::chrono::nanoseconds> resolution;      // of clock_getres; nullopt for counters
  std::optional<double> smallest_step_ns;                  // the smallest difference between two consecutive reads
  std::optional<bool> in_user_space;                       // vDSO: true if it makes no system call
};

/// The costs of the paths that were measured.
struct cost_table {
  std::vector<path_cost> paths;
  takt::tsc_calibration calibration; // of the counter, fit as a clock or not; empty where it cannot be read
  int batches = 0;                   // batches of each path
};

/// The number of reads in one batch: a single read takes less time than the two reads that would time it.
inline constexpr int reads_per_batch = 64;

/// Effects: measures the paths whose clock's name contains one of `clocks` (all when empty): `batches` batches of each,
/// in turns, so that a disturbance of the machine affects all paths alike. Calibrates tsc_clock if that was not done
/// before. Blocks. Returns: the costs; partial ones when a stop is requested.
[[nodiscard]] cost_table measure_costs(int batches, const std::vector<std::string>& clocks = {});

/// Returns: the first of `clocks` that is part of no clock's name; nullopt if there is none.
[[nodiscard]] std::optional<std::string> unknown_clock(const std::vector<std::string>& clocks);

/// Returns: the path named `path` to `clock`, with an empty `path` the first one; null if it was not measured.
[[nodiscard]] const path_cost* find_path(const cost_table& costs, absl::string_view clock, absl::string_view path);

/// Returns: a table of all columns of all paths; its short form has one line for each clock, the paths side by side.
[[nodiscard]] section cost_section(const cost_table& costs);

} // namespace tool
