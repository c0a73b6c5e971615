/// cpu_use.hpp - the busy time of each CPU, from sched_switch, and the busy time that /proc/stat reports.
///
/// Does not promise: the time before the first and after the last switch of a CPU on which nothing switched at all.
/// Sources: proc_stat(5).
#pragma once
#include "cpu_time.hpp"
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <takt/observe/trace_event.hpp>

namespace tool {

/// The time that CPUs spent in threads other than the idle thread. Precondition: events in the order of their times.
class cpu_use {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// Effects: takes the next event; only sched_switch counts.
  void add(const takt::trace_event& e) {
    if (!first_) first_ = e.time;
    last_ = e.time;
    if (e.kind != takt::trace_kind::sched_switch || e.cpu < 0) return;
    cpu& c = cpus_.try_emplace(e.cpu, cpu{*first_, {}, e.previous}).first->second;
    if (c.runs != 0) c.busy += e.time - c.since; // an unknown thread is not the idle thread
    c.since = e.time, c.runs = e.other;
  }
  /// Returns: the time that CPU `number` was not idle, up to the last event; nullopt if no switch of it was recorded.
  [[nodiscard]] std::optional<nanoseconds> busy(std::int32_t number) const {
    const auto found = cpus_.find(number);
    if (found == cpus_.end()) return std::nullopt;
    const cpu& c = found->second;
    return c.busy + (c.runs != 0 ? last_ - c.since : nanoseconds::zero());
  }

private:
  struct cpu {
    nanoseconds since{}, busy{};
    std::int32_t runs;
  };
  std::map<std::int32_t, cpu> cpus_;
  std::optional<nanoseconds> first_;
  nanoseconds last_{};
};

/// Returns: for each CPU the time since boot in which it was neither idle nor used by other guests of the hypervisor,
/// from the text of /proc/stat in ticks of a `per_second`-th second; other lines are skipped.
[[nodiscard]] inline std::map<std::int32_t, std::chrono::nanoseconds> parse_busy_times(std::string_view text,
                                                                                       std::int64_t per_second) {
  std::map<std::int32_t, std::chrono::nanoseconds> busy;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    std::int32_t number = -1;
    if (line.substr(0, 3) != "cpu") continue;
    const auto [end, error] = std::from_chars(line.data() + 3, line.data() + line.size(), number);
    if (error != std::errc() || number < 0) continue; // the line of all CPUs together
    const auto rest = line.substr(static_cast<std::size_t>(end - line.data()));
    const auto times = parse_cpu_times("cpu " + std::string(rest) + "\n", per_second);
    if (times) busy[number] = times->total - times->idle - times->stolen;
  }
  return busy;
}

} // namespace tool
