/// cpu_time.hpp - the CPU time of the machine, and how much of it other programs used.
///
/// Does not promise: more resolution than the kernel's accounting has. Where it counts by ticks, a program that
/// sleeps and wakes between ticks costs nothing in /proc/stat, and times are multiples of 10 ms.
/// Sources: proc_stat(5); Linux 6.12 fs/proc/stat.c show_stat; getrusage(2).
#pragma once
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <takt/kernel/os.hpp>
#include <unistd.h>

namespace tool {

/// CPU time since boot, summed over all CPUs, and that of this process and the children it has waited for.
struct cpu_times {
  std::chrono::nanoseconds total{};  ///< all of it, idle time included
  std::chrono::nanoseconds idle{};   ///< idle time, waiting for a disk (iowait) included
  std::chrono::nanoseconds stolen{}; ///< used by other guests of the hypervisor
  std::chrono::nanoseconds own{};    ///< used by this process and its children
};

/// Returns: the times of the first line of /proc/stat, in ticks of a `per_second`-th second; nullopt where that is
/// not a line of eight numbers.
[[nodiscard]] inline std::optional<cpu_times> parse_cpu_times(std::string_view text, std::int64_t per_second) {
  // user nice system idle iowait irq softirq steal; what follows is contained in user and nice.
  enum { idle = 3, iowait = 4, steal = 7, fields = 8 };
  constexpr std::string_view name = "cpu ";
  text = text.substr(0, text.find('\n'));
  if (text.substr(0, name.size()) != name || per_second <= 0) return std::nullopt;
  text.remove_prefix(name.size());
  std::array<std::int64_t, fields> ticks{};
  for (std::int64_t& n : ticks) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    constexpr std::int64_t max_ticks = 1'000'000'000'000; // 317 years of 100 Hz: their sum in ns must fit into 64 bits
    if (error != std::errc() || n < 0 || n > max_ticks / fields) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  }
  const auto time = [per_second](std::int64_t n) {
    return std::chrono::nanoseconds(n / per_second * 1'000'000'000 + n % per_second * 1'000'000'000 / per_second);
  };
  cpu_times t;
  for (const std::int64_t n : ticks) t.total += time(n);
  t.idle = time(ticks[idle]) + time(ticks[iowait]);
  t.stolen = time(ticks[steal]);
  return t;
}

/// Returns: the times until now; nullopt where the kernel does not report them. Reads /proc/stat.
[[nodiscard]] inline std::optional<cpu_times> read_cpu_times() {
  std::string text;
  if (takt::linux_os::read_file("/proc/stat", text, std::size_t{16} << 20) != 0) return std::nullopt;
  auto times = parse_cpu_times(text, sysconf(_SC_CLK_TCK));
  if (!times) return std::nullopt;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    if (getrusage(who, &used) != 0) return std::nullopt;
    for (const timeval& t : {used.ru_utime, used.ru_stime})
      times->own += std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
  }
  return times;
}

/// Returns: the share of the CPU time between two samples that was used by other programs or by other guests of the
/// hypervisor, from 0 to 1; nullopt where no time has passed.
[[nodiscard]] inline std::optional<double> share_of_others(const cpu_times& before, const cpu_times& after) {
  const auto total = after.total - before.total;
  if (total.count() <= 0) return std::nullopt;
  const auto idle = std::max(after.idle - before.idle, std::chrono::nanoseconds::zero()); // iowait can decrease
  const auto others = total - idle - (after.own - before.own);
  return std::clamp(static_cast<double>(others.count()) / static_cast<double>(total.count()), 0.0, 1.0);
}

} // namespace tool
