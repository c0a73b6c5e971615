/// tick_usage.hpp - the member types of tick_trace: what is known about the tick of a CPU, and threads that follow it.
///
/// Callers write tick_trace::cpu, tick_trace::thread and so on.
/// Times are nanoseconds.
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/duration_histogram.hpp>
#include <takt/observe/trace_event.hpp>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// Returns: "none", "posix timer", "perf events", "scheduler", "clock unstable", "RCU", "RCU expedited"; "unknown"
/// for all other values, combinations of bits included.
[[nodiscard]] constexpr std::string_view to_string(trace_event::tick_dependency dependency) noexcept;

namespace detail { // in the reference: tick_types as tick_trace

/// The periodic tick of each CPU, from trace events; see tick_trace.hpp.
struct tick_types {
  /// What is known about the tick of one CPU.
  struct cpu {
    /// Why the kernel did not stop the tick, and which thread ran then.
    struct kept_tick {
      trace_event::tick_dependency dependency = trace_event::tick_dependency::unknown; ///< what needed the tick
      std::int32_t thread = -1; ///< the thread that ran; -1: unknown
      std::string task;         ///< the name of `thread`
      std::uint64_t count = 0;  ///< tick_stop events without success, with this dependency and thread
    };

    using nanoseconds = std::chrono::nanoseconds; ///< the unit of its times
    std::int32_t number = -1;       ///< the number of the CPU
    std::uint64_t ticks = 0;        ///< ticks that came
    nanoseconds watched{};          ///< from the first event of the recording to the last
    nanoseconds stopped{};          ///< for how long of `watched` the tick was stopped
    std::uint64_t stops = 0;        ///< tick_stop events with success
    std::vector<kept_tick> kept;    ///< why the tick was not stopped, most frequent first
    nanoseconds smallest{};         ///< the shortest time between two ticks; zero if there were less than two
    duration_histogram::fine distances; ///< the times between consecutive ticks
  };

  /// A thread and its two shares of CPU time: the share that ticks sample, and the share that it really ran.
  struct thread {
    std::int32_t number = -1;         ///< the number of the thread
    std::string task;                 ///< the name of the thread
    std::uint64_t found = 0;          ///< judged ticks that interrupted it
    double expected = 0;              ///< judged ticks that should have interrupted it, by its run time
    std::chrono::nanoseconds ran{};   ///< its run time on all CPUs
    double tick_share = 0;            ///< found / judged ticks
    double run_share = 0;             ///< expected / judged ticks
    double chance = 1;                ///< upper bound of the probability of such a deviation by chance alone
    bool follows_tick = false;        ///< the deviation is more than chance explains; see options::false_alarm
  };

  /// Options of a tick_trace.
  struct options {
    std::chrono::nanoseconds period{}; ///< the period of the tick, 1 / HZ; zero: derived from the ticks
    double false_alarm = 0.001;        ///< the probability that a report marks any thread without reason
  };

  /// The number of slots of a histogram over one period of the tick, each a hundredth of the period.
  static constexpr std::size_t slots = 100;
  /// A count for each slot.
  using histogram = std::array<std::uint64_t, slots>;
};

} // namespace detail

// definitions

constexpr std::string_view to_string(trace_event::tick_dependency dependency) noexcept {
  using reason = trace_event::tick_dependency;
  switch (dependency) {
  case reason::none: return "none";
  case reason::posix_timer: return "posix timer";
  case reason::perf_events: return "perf events";
  case reason::scheduler: return "scheduler";
  case reason::clock_unstable: return "clock unstable";
  case reason::rcu: return "RCU";
  case reason::rcu_expedited: return "RCU expedited";
  case reason::unknown: break;
  }
  return "unknown";
}

} // namespace takt::inline TAKT_ABI
