/// align_experiment.hpp - many processes with many threads that sleep through the same windows by one policy after the
/// other, and what the kernel and their own clocks saw of it.
#pragma once
#include "planner.hpp"
#include <absl/strings/string_view.h>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <system_error>
#include <takt/kernel/interrupts.hpp>
#include <takt/timer/realtime.hpp>
#include <vector>

namespace tool {

/// How a thread sleeps through a window [due, due + slack].
enum class sleep_policy {
  plain,   ///< clock_nanosleep until due
  slack,   ///< the same, the kernel told that it may be late by the slack
  aligned, ///< clock_nanosleep until the roundest point of the window, with the least slack
  both,    ///< sleep_until_within: the kernel told the window up to its roundest point
};
inline constexpr sleep_policy all_policies[] = {sleep_policy::plain, sleep_policy::slack, sleep_policy::aligned,
                                                sleep_policy::both};
[[nodiscard]] absl::string_view name_of(sleep_policy p);

/// One sleep of one thread. Times are those of CLOCK_MONOTONIC from the grid's zero.
struct wake_up {
  std::chrono::nanoseconds due{};
  std::chrono::nanoseconds latest{};
  std::chrono::nanoseconds expiry{}; ///< when the kernel's timer was to fire at the latest; zero: due before it slept
  std::chrono::nanoseconds woke{};
  int process = 0;
};

/// What one policy did.
struct run_record {
  sleep_policy policy{};
  std::chrono::nanoseconds start{}; ///< from the grid's zero
  std::chrono::nanoseconds length{};
  std::vector<wake_up> wake_ups; ///< in order of waking
  takt::timer_interrupts interrupts;
  bool whole = true;   ///< not stopped before its time
  int threads = 0;     ///< that were to take part
  int ready = 0;       ///< that were there when it was to begin
  int died = 0;        ///< processes that did not come to their end
};

/// Told now and then, with the share that is done. Its answer: whether to go on.
using progress_report = std::function<void(double)>;

/// Real-time threads, for who wants to see the same without the kernel's slack.
struct real_time {
  takt::realtime_policy policy;
  int priority = 1;
};

/// Counts the timer interrupts of a time in which nothing of the experiment runs.
[[nodiscard]] run_record watch_idle(std::chrono::nanoseconds length, const progress_report& report,
                                    std::error_code& ec);

/// Starts the processes of `w`, waits until all threads are there, lets them sleep by `policy` from the next full second
/// on for `length`, and takes in what they recorded. Ends early, with what there is, when a stop is wanted. On error
/// nothing is left running; timed_out when some threads were not there in time.
[[nodiscard]] run_record run_policy(const workload& w, sleep_policy policy, std::chrono::nanoseconds length,
                                    std::optional<real_time> rt, const progress_report& report, std::error_code& ec);

} // namespace tool
