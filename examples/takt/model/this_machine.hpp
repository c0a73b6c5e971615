/// this_machine.hpp - a description of the computer for pictures and reports, without its name.
///
/// Sources: Linux 6.12 arch/x86/kernel/cpu/proc.c, arch/riscv/kernel/cpu.c show_cpuinfo; uname(2).
#pragma once
#include <string>
#include <string_view>
#include <sys/utsname.h>
#include <system_error>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/os.hpp>

namespace tool {

/// Returns: the model of the first processor in the text of /proc/cpuinfo; empty where it has none, as on Arm.
[[nodiscard]] inline std::string_view cpu_model(std::string_view cpuinfo) {
  constexpr std::string_view blanks = " \t";
  for (const std::string_view key : {"model name", "uarch"}) {
    for (std::string_view rest = cpuinfo; !rest.empty();) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : rest.size());
      const auto colon = line.find(':');
      if (colon == line.npos || line.substr(0, line.find_last_not_of(blanks, colon - 1) + 1) != key) continue;
      const auto begin = line.find_first_not_of(blanks, colon + 1);
      if (begin == line.npos) continue;
      return line.substr(begin, line.find_last_not_of(blanks) - begin + 1);
    }
  }
  return {};
}

/// Returns: "AMD EPYC 7763, 4 CPUs, Linux 6.12"; the architecture where the model is unknown.
[[nodiscard]] inline std::string describe_this_machine() {
  std::string text;
  std::string model;
  constexpr std::size_t limit = std::size_t{64} << 20; // far more than thousands of processors need
  if (takt::linux_os::read_file("/proc/cpuinfo", text, limit) == 0) model = cpu_model(text);
  utsname system{};
  const bool known = uname(&system) == 0;
  if (model.empty()) model = known ? system.machine : "unknown processor";
  std::error_code ec;
  const auto cpus = takt::online_cpus(ec);
  if (!ec) model += ", " + std::to_string(cpus.size()) + (cpus.size() == 1 ? " CPU" : " CPUs");
  if (!known) return model;
  const std::string_view release = system.release;
  return model + ", " + system.sysname + " " + std::string(release.substr(0, release.find_first_not_of("0123456789.")));
}

} // namespace tool
