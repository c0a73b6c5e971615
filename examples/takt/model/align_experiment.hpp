/// align_experiment.hpp - runs many processes with many threads that sleep through the same windows by one policy after
/// the other, and records their wake-ups, the timer interrupts and the CPU time of other programs.
#pragma once
#include "simulation/planner.hpp"
#include <absl/strings/string_view.h>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <system_error>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/realtime.hpp>
#include <vector>

namespace tool {

/// How a thread sleeps until a time in its window [due, due + slack].
enum class sleep_policy {
  plain,   ///< clock_nanosleep until due
  slack,   ///< clock_nanosleep until due, with the slack as the thread's timer slack
  aligned, ///< clock_nanosleep until the roundest point of the window, with the smallest timer slack
  both,    ///< sleep_until_within: the kernel gets the window up to its roundest point
};
inline constexpr sleep_policy all_policies[] = {sleep_policy::plain, sleep_policy::slack, sleep_policy::aligned,
                                                sleep_policy::both};
[[nodiscard]] absl::string_view name_of(sleep_policy p);

/// One sleep of one thread. Times are those of CLOCK_MONOTONIC from the grid's zero.
struct wake_up {
  std::chrono::nanoseconds due{};    ///< the beginning of the window
  std::chrono::nanoseconds latest{}; ///< the end of the window
  std::chrono::nanoseconds expiry{}; ///< hard expiry of the kernel's timer; zero: due before the sleep
  std::chrono::nanoseconds woke{};   ///< when the thread ran again
  int process = 0;                   ///< the number of the process, from 0
};

/// The record of one policy, or of the idle machine.
struct run_record {
  sleep_policy policy{};
  std::chrono::nanoseconds start{}; ///< CLOCK_MONOTONIC from the grid's zero
  std::chrono::nanoseconds length{}; ///< how long the policy ran
  std::vector<wake_up> wake_ups; ///< in order of waking
  takt::timer_interrupts interrupts;
  bool whole = true; ///< false: it was stopped early
  int threads = 0;   ///< threads that were started
  int ready = 0;     ///< threads that were ready at the start
  int died = 0;      ///< processes that ended early
};

/// Called repeatedly with the share of the run that is done, from 0 to 1.
using progress_report = std::function<void(double)>;

/// A real-time policy for the threads, for which the kernel ignores timer slack.
struct real_time {
  takt::realtime_policy policy;
  int priority = 1;
};

/// Effects: blocks for `length` without any process of the experiment. Returns: the timer interrupts in that time; a
/// partial record when a stop is requested.
[[nodiscard]] run_record watch_idle(std::chrono::nanoseconds length, const progress_report& report,
                                    std::error_code& ec);

/// Starts the processes of `w`, waits until all threads are ready, lets them sleep by `policy` for `length` from the
/// next full second on, and collects their records. Returns early with a partial record when a stop is requested. On
/// error no process is left running; the error is timed_out when some threads were not ready in time.
[[nodiscard]] run_record run_policy(const workload& w, sleep_policy policy, std::chrono::nanoseconds length,
                                    std::optional<real_time> rt, const progress_report& report, std::error_code& ec);

} // namespace tool
