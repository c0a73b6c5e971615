/// clock_metrics.hpp - what `takt watch --openmetrics` and `takt report --openmetrics` say to Prometheus.
///
/// Names and units follow Prometheus's conventions: seconds, hertz, ratios; counters end in _total. What is unknown is
/// missing.
#pragma once
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/leap.hpp>
#include <vector>

namespace tool {

/// Timer interrupts of each CPU, added up beyond the 32 bits in which the kernel counts them.
class counted_interrupts {
public:
  struct cpu_count {
    unsigned cpu = 0;
    std::string what; ///< "LOC of lapic-deadline"
    std::uint64_t count = 0;
  };
  /// Effects: reads the counts of the kernel. On error, and for a CPU that is offline, they stay.
  void read();
  [[nodiscard]] const std::vector<cpu_count>& counts() const { return counts_; }

private:
  std::optional<takt::timer_interrupts> last_;
  std::vector<cpu_count> counts_;
};

/// How late wake-ups were, as a histogram.
struct wakeup_latencies {
  /// The upper ends of its buckets, in seconds.
  static constexpr std::array bounds{1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3,
                                     5e-3, 1e-2, 2e-2, 5e-2, 0.1,  0.5,  1.0};
  std::array<std::uint64_t, bounds.size()> buckets{}; ///< each alone, not added up
  std::uint64_t count = 0;
  double sum = 0;
  void add(std::chrono::nanoseconds latency);
};

/// The facts of the metrics; what is empty or NaN is unknown.
struct clock_metrics {
  static constexpr double none = std::numeric_limits<double>::quiet_NaN();
  std::string source;
  double tick_hertz = none, tick_error_hertz = none;                     ///< the counter's rate
  std::string tick_against;                                              ///< the clock that it was measured against
  double monotonic_rate_ratio = none, monotonic_rate_error_ratio = none; ///< MONOTONIC against MONOTONIC_RAW, less 1
  std::optional<takt::leap_facts> leap;
  double offset_seconds = none; ///< what the kernel has still to correct
  const counted_interrupts* interrupts = nullptr;
  std::optional<bool> ticks_trusted, vdso_answers;

  /// What a watch adds.
  struct watch {
    bool running = true;
    std::uint64_t checks = 0;
    std::map<std::string, std::uint64_t> events; ///< every kind, also those that have not happened
    std::uint64_t steps = 0;
    double stepped_seconds = 0; ///< the sum of the amounts
    double last_step_seconds = none, last_step_at = none;
    double unsynchronised_seconds = 0;
    double last_check_at = none;
    const wakeup_latencies* latencies = nullptr;
    std::optional<std::uint64_t> lost_lines; ///< of the log, where there is one
  };
  std::optional<watch> watched;

  /// Effects: fills in the offset that adjtimex reports.
  void read_offset();
  /// Returns: all that is known.
  [[nodiscard]] std::string text() const;
};

} // namespace tool
