/// systemd_unit.hpp - the unit of systemd that a process belongs to, from the text of /proc/PID/cgroup. Pure.
///
/// Sources: cgroups(7), systemd.special(7), systemd.exec(5).
#pragma once
#include <string>
#include <string_view>

namespace tool {

/// Returns: the innermost service, as "nginx.service", whose settings are in effect for the process; empty where there
/// is none. A scope has no such settings, and user@UID.service is that of the user's manager, not of what it starts.
[[nodiscard]] inline std::string systemd_unit(std::string_view cgroup) {
  const auto ends_with = [](std::string_view text, std::string_view end) {
    return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
  };
  while (!cgroup.empty()) {
    const std::string_view line = cgroup.substr(0, cgroup.find('\n'));
    cgroup.remove_prefix(line.size() < cgroup.size() ? line.size() + 1 : cgroup.size());
    // "0::/system.slice/nginx.service" of the one hierarchy; "4:name=systemd:/..." of several
    const auto first = line.find(':');
    const auto second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    if (line.substr(0, first) != "0" && line.substr(first + 1, second - first - 1) != "name=systemd") continue;
    // From the innermost group outwards: a service may have groups of its own below it.
    for (std::string_view path = line.substr(second + 1); !path.empty();) {
      const auto slash = path.rfind('/');
      const std::string_view part = slash == path.npos ? path : path.substr(slash + 1);
      path = slash == path.npos ? std::string_view() : path.substr(0, slash);
      if (ends_with(part, ".scope")) break;
      if (!ends_with(part, ".service")) continue;
      if (part.substr(0, 5) == "user@") break;
      return std::string(part);
    }
  }
  return {};
}

} // namespace tool
