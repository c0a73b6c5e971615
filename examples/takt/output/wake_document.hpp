/// wake_document.hpp - what takt wake and takt switch-window print of the wake-ups that they took.
#pragma once
#include "document.hpp"
#include "model/wake_recorder.hpp"
#include <chrono>
#include <optional>
#include <string>
#include <takt/observe/line_offset.hpp>
#include <takt/observe/wake_summary.hpp>
#include <utility>
#include <vector>

namespace tool {

/// Wake-ups, and what is found out from all of them.
struct wake_results {
  /// Effects: takes the records, and moves the kernel's moments onto the time line of the readings where the two are
  /// apart by a constant.
  explicit wake_results(std::vector<wake_record> taken);

  std::vector<wake_record> records;
  std::vector<takt::wake_run> runs;  ///< those of the records
  takt::wake_summary summary;
  takt::line_offset kernel;          ///< the kernel's stamps less the thread's readings
  takt::line_offset counter;         ///< the readings less the line of the counter
};

/// How the wake-ups were taken.
struct wake_setting {
  std::chrono::nanoseconds sleep{};   ///< from arming the timer to its expiry
  std::vector<unsigned> load_cpus;    ///< the CPUs with a worker in the series under load
  std::string scheduling;             ///< policy and priority of the thread
  bool traced = false;                ///< the kernel's events were recorded
  std::string why_not;                ///< why they were not
  std::uint64_t lost = 0;             ///< events that the kernel had no room for
  std::vector<std::string> missing;   ///< events that this kernel does not have
  std::string why_no_retries;         ///< why repeated readings are unknown; empty: they are known
  std::string counter_rate;           ///< the calibration, as a line
};

/// Effects: fills in what the recorder knows.
void describe(const wake_recorder& recorder, wake_setting& setting);
/// Returns: the policy of this thread, and its timer slack: "SCHED_OTHER, timer slack 1 ns". `priority` is that of a
/// real-time policy, else 0.
[[nodiscard]] std::string describe_scheduling(int priority);

/// Returns: "idle" or "load".
[[nodiscard]] std::string series_name(bool loaded);
/// Returns: all that is recorded of one wake-up, by key.
[[nodiscard]] std::vector<std::pair<std::string, json>> facts_of(const wake_record& w);

/// Returns: the three numbers, and a table of the classes of runs.
[[nodiscard]] section classes_section(const wake_results& results, const wake_setting& setting);
/// Returns: whether the time lines are apart, and what that goes with.
[[nodiscard]] section offsets_section(const wake_results& results, const wake_setting& setting);
/// Returns: what each series counted.
[[nodiscard]] section series_section(const wake_results& results);
/// Returns: the table of the stages: median, p99 and most.
[[nodiscard]] section stages_section(const wake_results& results, const wake_setting& setting);
/// Returns: the histogram of the times from one moment to the first reading.
[[nodiscard]] section histogram_section(const wake_results& results, takt::wake_run::moment from, bool detailed);
/// Returns: how the wake-ups were taken, and what is missing.
[[nodiscard]] section setting_section(const wake_results& results, const wake_setting& setting);
/// Returns: every run, for programs and among the details.
[[nodiscard]] section runs_section(const wake_results& results);
/// Returns: the three numbers in lines of at most 80 columns: for each series the median from waking to the first reading,
/// of the runs that did not migrate and of those that did, with its 95 % confidence interval, and the share that migrated;
/// then the offset. The interval is shown by its end that is farther from the median.
[[nodiscard]] std::string three_numbers(const wake_results& results, const wake_setting& setting);

/// Returns: the value of rank ceil(q * n) of the sorted values; precondition: there is one.
[[nodiscard]] std::chrono::nanoseconds quantile_of(std::vector<std::chrono::nanoseconds> values, double q);

} // namespace tool
