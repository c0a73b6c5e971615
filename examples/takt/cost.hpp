/// cost.hpp - what it costs to read each clock by each road on this machine, measured.
#pragma once
#include "document.hpp"
#include <chrono>
#include <optional>
#include <string>
#include <takt/clock/calibration.hpp>
#include <vector>

namespace tool {

/// One road to one clock: `CLOCK_MONOTONIC` by `vDSO`, `counter` by `rdtsc`.
struct road_cost {
  std::string clock;
  std::string road;
  double median_ns = 0;
  std::optional<double> p99_ns; // nothing below 100 batches: of those it would be the slowest
  std::optional<double> median_ticks;                      // nothing where the counter cannot be read
  std::optional<double> p99_ticks;
  std::optional<std::chrono::nanoseconds> resolution;      // as clock_getres states it; counters have none there
  std::optional<double> smallest_step_ns;                  // the smallest difference seen between two reads in a row
  std::optional<bool> in_user_space;                       // for the vDSO: it answers itself, or makes a system call
};

struct cost_table {
  std::vector<road_cost> roads;
  takt::tsc_calibration calibration; // of the counter, as a clock or not; empty where it cannot be read
  int batches = 0;
};

/// How many reads one batch holds: a single read is shorter than the reads that time it.
inline constexpr int reads_per_batch = 64;

/// Measures the roads whose clock's name contains one of `clocks` (all when empty): `batches` batches of each, taking turns,
/// so that whatever disturbs the machine disturbs all alike. Stops early with what it has when a stop is wanted.
/// Calibrates tsc_clock if that was not done before.
[[nodiscard]] cost_table measure_costs(int batches, const std::vector<std::string>& clocks = {});

/// The first of `clocks` that is part of no clock's name; nothing where there is none.
[[nodiscard]] std::optional<std::string> unknown_clock(const std::vector<std::string>& clocks);

/// The first road to a clock, or the one of that name, if it was measured; else null.
[[nodiscard]] const road_cost* find_road(const cost_table& costs, absl::string_view clock, absl::string_view road);

/// All columns of all roads; on a crowded screen a line a clock, with the roads beside each other.
[[nodiscard]] section cost_section(const cost_table& costs);

} // namespace tool
