/// left_behind.hpp - the names of the tool's tracing instances, and those whose process has ended. Pure.
///
/// A name has the number and the start time of the process that made the instance: "takt.1234.5678". The number alone
/// would not do, because the kernel uses it again.
#pragma once
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tool {

inline constexpr std::string_view instance_prefix = "takt.";

/// Returns: the name of the instance of process `pid`, which started `start` clock ticks after boot.
[[nodiscard]] inline std::string instance_name(int pid, std::uint64_t start) {
  return std::string(instance_prefix) + std::to_string(pid) + "." + std::to_string(start);
}

/// Returns: the names among `instances` that runs of the tool left behind. `alive(pid, start)` returns whether process
/// `pid` still runs and started `start` clock ticks after boot.
template <class Alive>
[[nodiscard]] std::vector<std::string> left_behind(const std::vector<std::string>& instances, Alive&& alive) {
  std::vector<std::string> found;
  for (const std::string& name : instances) {
    if (name.compare(0, instance_prefix.size(), instance_prefix) != 0) continue;
    const char* const end = name.data() + name.size();
    int pid = 0;
    std::uint64_t start = 0;
    const auto [dot, no_pid] = std::from_chars(name.data() + instance_prefix.size(), end, pid);
    if (no_pid != std::errc() || pid <= 0 || dot == end || *dot != '.') continue;
    const auto [rest, no_start] = std::from_chars(dot + 1, end, start);
    if (no_start != std::errc() || rest != end) continue;
    if (!alive(pid, start)) found.push_back(name);
  }
  return found;
}

} // namespace tool
