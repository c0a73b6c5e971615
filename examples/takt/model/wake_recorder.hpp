/// wake_recorder.hpp - takes series of wake-ups: a thread sleeps until a timer expires and reads the clock.
///
/// For each run it records what user space sees and, where tracefs can be used, what the kernel's tracepoints say of it.
/// The stamps of these are of the trace clock `mono`, which is CLOCK_MONOTONIC. The thread marks the beginning and the
/// end of each run in the recording with the run's number.
#pragma once
#include "command.hpp"
#include "stop.hpp"
#include "trace/trace_session.hpp"
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <takt/clock/calibration.hpp>
#include <takt/kernel/vdso_data.hpp>
#include <takt/observe/line_offset.hpp>
#include <takt/observe/run_guard.hpp>
#include <takt/observe/wake_run.hpp>
#include <takt/observe/wake_trace.hpp>
#include <vector>

namespace tool {

/// A wake-up and what else is recorded with it.
struct wake_record {
  takt::wake_run run;
  takt::run_report guard;                         ///< what happened to the clocks from before the sleep to after it
  double first_read_ns = 0;                       ///< what the first reading cost
  std::optional<std::uint64_t> updates = {};      ///< of the vDSO's data from before the sleep to the first reading
  double shift_ns = 0;             ///< how far the counter moved against CLOCK_MONOTONIC across the wake-up
  double shift_uncertainty_ns = 0; ///< the error bound of `shift_ns`
  takt::line_offset::sample counter = {}; ///< how far the clock is from the line of the counter
};

class wake_recorder {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// Called between the beginning of a run and its sleep, with the clock source and the time until the expiry. What it
  /// returns is destroyed after the readings, before the record is complete.
  using before_sleep = std::function<std::shared_ptr<void>(const std::string& source, nanoseconds until_expiry)>;

  /// Effects: measures the counter's rate, and prepares the kernel's recording if it can and `why_not_traced` is empty.
  /// Blocks for some 20 ms. Errors: what calibrate() reports: then there is nothing to record with.
  wake_recorder(std::string why_not_traced, std::error_code& ec);

  /// Effects: takes `runs` wake-ups with the time `sleep` from arming the timer to its expiry. Calls `each` for each
  /// record, in order, when it is complete: with the kernel's events a moment later, at the latest before series()
  /// returns. Ends early when a stop is wanted or standard output has failed. May be called again.
  /// Returns: done, or the exit code after an error message.
  exit_code series(int runs, nanoseconds sleep, bool loaded, const before_sleep& prepare,
                   const std::function<void(wake_record&&)>& each);

  /// Returns: whether the kernel's events are recorded.
  [[nodiscard]] bool traced() const { return session_ != nullptr; }
  /// Returns: why they are not, and what to do.
  [[nodiscard]] const std::string& why_not() const { return why_; }
  /// Returns: the number of events that the kernel had no room for.
  [[nodiscard]] std::uint64_t lost() const { return session_ ? session_->lost() : 0; }
  /// Returns: the events that this kernel does not have.
  [[nodiscard]] std::vector<std::string> missing() const {
    return session_ ? session_->missing() : std::vector<std::string>();
  }
  [[nodiscard]] const takt::tsc_calibration& calibration() const { return calibration_; }
  /// Returns: why a reading that was repeated cannot be distinguished from another; empty where it can.
  [[nodiscard]] std::string why_no_retries() const { return page_.why_unknown(); }

private:
  void take_events(bool all, const std::function<void(wake_record&&)>& each);

  termination_guard until_removed_; ///< the tracing instance is removed whatever signal ends the tool
  takt::tsc_calibration calibration_;
  double ns_per_tick_ = 0;
  takt::vdso::data_page page_ = takt::vdso::data_page::find();
  std::unique_ptr<trace_session> session_;
  std::string why_;
  takt::wake_trace trace_;
  std::deque<wake_record> waiting_;
  std::uint64_t next_ = 0; ///< the number of the next run
  std::optional<std::pair<takt::tick_point, nanoseconds>> origin_; ///< of the counter's line
  std::vector<std::string> sources_; ///< in the order in which they came
};

} // namespace tool
