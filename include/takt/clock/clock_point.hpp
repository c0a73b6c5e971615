/// clock_point.hpp - a reading of the counter and what a clock showed at that moment.
///
/// Does not promise: that the two still belong together after a reset of the counter or a step of the clock.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <chrono>

namespace takt::inline TAKT_ABI {

/// When the counter shows `at`, the reference clock shows `reference`, nanoseconds since its epoch.
struct clock_point {
  tick_point at; ///< what the counter showed
  std::chrono::nanoseconds reference{};
  std::chrono::nanoseconds half_width{}; ///< the largest error that the bracket of the reading allows
};

} // namespace takt::inline TAKT_ABI
