/// tick.hpp - the kernel's periodic tick: how often it comes, and on which CPUs it may stop.
///
/// Does not promise: that the tick comes HZ times a second on any CPU, because the tickless modes stop it. The
/// configuration is read from the file that has the running kernel's release in its name. If kernels are installed by
/// hand, that file may belong to another kernel of the same release.
/// Sources: Linux 6.12 include/linux/jiffies.h (TICK_NSEC), kernel/time/Kconfig, drivers/base/cpu.c
/// print_cpus_nohz_full, Documentation/timers/no_hz.rst; init/Kconfig (CPU/Task time and stats accounting),
/// kernel/sched/cputime.c vtime_task_switch_generic.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/detail/build_limits.hpp>
#include <takt/kernel/detail/text.hpp>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
/// What a kernel's configuration says about its tick. A fact that is missing there, or contradicted, is unknown.
struct kernel_config {
  /// When the kernel stops the tick of a CPU.
  enum class tick_mode {
    unknown,  ///< the configuration does not say it, or contradicts itself
    periodic, ///< CONFIG_HZ_PERIODIC: the tick never stops
    idle,     ///< CONFIG_NO_HZ_IDLE: the tick stops on idle CPUs
    full,     ///< CONFIG_NO_HZ_FULL: it stops on idle CPUs, and on CPUs of the nohz_full list that run a single thread
  };

  /// How the kernel finds out which thread used a CPU, for /proc/stat and the split of user and system time.
  enum class cpu_accounting {
    unknown,   ///< the configuration does not say it, or contradicts itself
    tick,      ///< CONFIG_TICK_CPU_ACCOUNTING: each tick charges its period to the thread that it finds
    nohz_full, ///< CONFIG_VIRT_CPU_ACCOUNTING_GEN: exact on CPUs of the nohz_full list, by the tick on the others
    exact,     ///< CONFIG_VIRT_CPU_ACCOUNTING_NATIVE: each change of context reads a clock
  };

  tick_mode tick = tick_mode::unknown;        ///< when the tick stops
  cpu_accounting accounting = cpu_accounting::unknown; ///< how CPU time is counted
  std::optional<frequency> hz;                ///< CONFIG_HZ: ticks per second
  std::optional<bool> high_resolution_timers; ///< CONFIG_HIGH_RES_TIMERS: whether the kernel has them

  template <class Os = linux_os> [[nodiscard]] static kernel_config read(std::error_code& ec);
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static kernel_config read();
#endif
  /// Returns: what the text of a kernel's configuration says. A last line without a newline was cut and is ignored.
  template <std::convertible_to<std::string_view> Text>
  [[nodiscard]] static kernel_config parse(const Text& text) noexcept;
};

template <class Os = linux_os> [[nodiscard]] frequency kernel_hz(std::error_code& ec) noexcept;
template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> nohz_full_cpus(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] frequency kernel_hz();
template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> nohz_full_cpus();
#endif

// definitions

namespace detail {

/// The largest file of a kernel's configuration that takt reads, 8 MiB. That of a distribution has some 300 KiB.
inline constexpr std::size_t kernel_config_file_limit = std::size_t{8} << 20;
/// The file of sysfs that lists the CPUs of the parameter nohz_full.
inline constexpr char nohz_full_path[] = "/sys/devices/system/cpu/nohz_full";

/// Returns: the HZ for which a tick, rounded to nanoseconds as in the kernel, takes `coarse_resolution`: 300 for
/// 3333333 ns. nullopt if Linux cannot be built for such an HZ.
template <class = for_callers>
[[nodiscard]] constexpr std::optional<frequency> kernel_hz_of(std::chrono::nanoseconds coarse_resolution) noexcept {
  constexpr std::chrono::nanoseconds::rep second = 1'000'000'000;
  const auto tick = coarse_resolution.count();
  if (tick <= 0 || tick > second) return std::nullopt;
  const auto hz = (second + tick / 2) / tick;
  if (hz < kernel_hz_begin || hz >= kernel_hz_end || (second + hz / 2) / hz != tick) return std::nullopt;
  return frequency(static_cast<double>(hz));
}

/// Returns: the CPUs in the text of the nohz_full list; on malformed_text an empty list. The list is also empty if the
/// kernel was started without the parameter: then it prints an empty line, "(null)", or a NUL (Linux 3.10 of RHEL 7).
template <class T = for_callers>
[[nodiscard]] std::vector<dependent<T, unsigned>> parse_nohz_full(std::string_view text, std::error_code& ec) {
  if (std::string_view line; only_line(text, line) && trimmed(line) == "(null)") {
    ec.clear();
    return {};
  }
  return parse_cpu_list<T>(text, ec);
}

/// The body of kernel_config::parse().
template <class T> kernel_config kernel_config_of(std::string_view text) noexcept {
  using tick_mode = kernel_config::tick_mode;
  using cpu_accounting = kernel_config::cpu_accounting;
  bool periodic = false, idle = false, full = false, hz_contradicted = false;
  bool by_tick = false, generic = false, native = false;
  kernel_config found;
  for (std::string_view line; detail::next_line(text, line);) {
    constexpr std::string_view hz = "CONFIG_HZ=";
    if (line == "CONFIG_HZ_PERIODIC=y") periodic = true;
    if (line == "CONFIG_NO_HZ_IDLE=y") idle = true;
    if (line == "CONFIG_NO_HZ_FULL=y") full = true;
    if (line == "CONFIG_TICK_CPU_ACCOUNTING=y") by_tick = true;
    if (line == "CONFIG_VIRT_CPU_ACCOUNTING_GEN=y") generic = true;
    if (line == "CONFIG_VIRT_CPU_ACCOUNTING_NATIVE=y") native = true;
    if (line == "CONFIG_HIGH_RES_TIMERS=y") found.high_resolution_timers = true;
    if (line == "# CONFIG_HIGH_RES_TIMERS is not set") found.high_resolution_timers = false;
    if (line.substr(0, hz.size()) == hz) {
      const auto number = detail::parse_number_to<T>(detail::kernel_hz_end - 1, line.substr(hz.size()));
      const bool plausible = number && *number >= detail::kernel_hz_begin;
      const auto value = plausible ? std::optional(frequency(static_cast<double>(*number))) : std::nullopt;
      if (!value || (found.hz && found.hz != value)) hz_contradicted = true;
      found.hz = value;
    }
  }
  if (hz_contradicted) found.hz.reset();
  if (periodic + idle + full == 1)
    found.tick = periodic ? tick_mode::periodic : idle ? tick_mode::idle : tick_mode::full;
  if (by_tick + generic + native == 1)
    found.accounting = by_tick ? cpu_accounting::tick : generic ? cpu_accounting::nohz_full : cpu_accounting::exact;
  return found;
}

} // namespace detail

template <std::convertible_to<std::string_view> Text> kernel_config kernel_config::parse(const Text& text) noexcept {
  return detail::kernel_config_of<detail::for_callers>(text);
}

/// Returns: HZ, which follows from the resolution of CLOCK_MONOTONIC_COARSE, one tick; on error 0 Hz.
/// Errors: what clock_getres reports; ERANGE if no HZ has such a tick. One system call.
template <class Os> frequency kernel_hz(std::error_code& ec) noexcept {
  ec.clear();
  timespec resolution{};
  if (const int error = Os::clock_getres(CLOCK_MONOTONIC_COARSE, resolution); error != 0) {
    ec = detail::errno_code(error);
    return {};
  }
  const auto hz = detail::is_canonical(resolution) ? detail::kernel_hz_of(to_nanoseconds(resolution)) : std::nullopt;
  if (!hz) ec = detail::errno_code(ERANGE);
  return hz.value_or(frequency());
}

/// Returns: what /boot/config-RELEASE of the running kernel says; on error all is unknown. A kernel may have its
/// configuration in /proc/config.gz instead: decompress that and pass the text to kernel_config::parse.
/// Errors: those of reading the file; ENOENT and EACCES are usual. Reads one file of some 300 KiB.
template <class Os> kernel_config kernel_config::read(std::error_code& ec) {
  std::string release;
  if (const int error = Os::kernel_release(release); error != 0) {
    ec = detail::errno_code(error);
    return {};
  }
  const std::string text = detail::read_text<Os>("/boot/config-" + release, detail::kernel_config_file_limit, ec);
  return ec ? kernel_config() : kernel_config::parse(text);
}

/// Returns: the CPUs whose tick may stop while they run a single thread, ascending; on error an empty list.
/// Errors: those of reading the file, ENOENT for a kernel built without NO_HZ_FULL; malformed_text. Reads one file of
/// sysfs.
template <class Os> std::vector<unsigned> nohz_full_cpus(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(detail::nohz_full_path, detail::sysfs_file_limit, ec);
  return ec ? std::vector<detail::dependent<Os, unsigned>>() : detail::parse_nohz_full(text, ec);
}

#if TAKT_EXCEPTIONS
template <class Os> frequency kernel_hz() {
  return detail::or_throw([](std::error_code& ec) { return kernel_hz<Os>(ec); },
                          [] { return "clock_getres(CLOCK_MONOTONIC_COARSE), the length of a tick"; });
}

template <class Os> kernel_config kernel_config::read() {
  return detail::or_throw([](std::error_code& ec) { return kernel_config::read<Os>(ec); },
                          [](std::error_code ec) {
                            std::string release;
                            static_cast<void>(Os::kernel_release(release));
                            const std::string path = detail::file_hint(("/boot/config-" + release).c_str(), ec, "root");
                            const bool absent = ec == std::errc::no_such_file_or_directory;
                            return absent ? path + ": is there a /proc/config.gz?" : path;
                          });
}

template <class Os> std::vector<unsigned> nohz_full_cpus() {
  return detail::or_throw([](std::error_code& ec) { return nohz_full_cpus<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(detail::nohz_full_path, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI
