/// tick.hpp - the kernel's periodic tick: how often it comes, and on which CPUs it may stop.
///
/// Does not promise: that the tick comes HZ times a second on any CPU; that is what the tickless modes are about. The
/// configuration is that of the file of this release's name, which whoever installs kernels by hand may have replaced.
/// Sources: Linux 6.12 include/linux/jiffies.h (TICK_NSEC), kernel/time/Kconfig, drivers/base/cpu.c
/// print_cpus_nohz_full, Documentation/timers/no_hz.rst.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
inline constexpr char nohz_full_path[] = "/sys/devices/system/cpu/nohz_full";
/// The configuration of a distribution's kernel has some 300 KiB.
inline constexpr std::size_t kernel_config_file_limit = std::size_t{8} << 20;
/// The range of HZ for which Linux can be built, the end not included (include/linux/jiffies.h, SHIFT_HZ).
inline constexpr int kernel_hz_begin = 12, kernel_hz_end = 12288;

enum class tick_mode {
  not_told,
  periodic, ///< CONFIG_HZ_PERIODIC: never stops
  idle,     ///< CONFIG_NO_HZ_IDLE: stops on idle CPUs
  full,     ///< CONFIG_NO_HZ_FULL: also on the CPUs of the nohz_full list while they run a single thread
};

/// What a kernel's configuration says of its tick; what it does not say, or contradicts itself about, is empty.
struct kernel_config {
  tick_mode tick = tick_mode::not_told;
  std::optional<frequency> hz;                ///< CONFIG_HZ
  std::optional<bool> high_resolution_timers; ///< CONFIG_HIGH_RES_TIMERS
};

template <class Os = linux_os> [[nodiscard]] frequency kernel_hz(std::error_code& ec) noexcept;
template <class Os = linux_os> [[nodiscard]] kernel_config read_kernel_config(std::error_code& ec);
template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> nohz_full_cpus(std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] frequency kernel_hz();
template <class Os = linux_os> [[nodiscard]] kernel_config read_kernel_config();
template <class Os = linux_os> [[nodiscard]] std::vector<unsigned> nohz_full_cpus();
#endif

[[nodiscard]] constexpr std::optional<frequency> kernel_hz_of(std::chrono::nanoseconds coarse_resolution) noexcept;
template <class = when_called> [[nodiscard]] kernel_config parse_kernel_config(std::string_view text) noexcept;
template <class = when_called>
[[nodiscard]] std::vector<unsigned> parse_nohz_full(std::string_view text, std::error_code& ec);

// definitions

/// Returns: the HZ for which a tick, rounded to nanoseconds as the kernel does it, is `coarse_resolution`: 300 for
/// 3333333 ns. Nothing when there is none for which Linux can be built.
constexpr std::optional<frequency> kernel_hz_of(std::chrono::nanoseconds coarse_resolution) noexcept {
  constexpr std::chrono::nanoseconds::rep second = 1'000'000'000;
  const auto tick = coarse_resolution.count();
  if (tick <= 0 || tick > second) return std::nullopt;
  const auto hz = (second + tick / 2) / tick;
  if (hz < kernel_hz_begin || hz >= kernel_hz_end || (second + hz / 2) / hz != tick) return std::nullopt;
  return frequency(static_cast<double>(hz));
}

/// Returns: what the text of a kernel's configuration says. A last line that is cut counts as absent.
template <class> kernel_config parse_kernel_config(std::string_view text) noexcept {
  bool periodic = false, idle = false, full = false, hz_contradicted = false;
  kernel_config found;
  for (std::string_view line; detail::next_line(text, line);) {
    constexpr std::string_view hz = "CONFIG_HZ=";
    if (line == "CONFIG_HZ_PERIODIC=y") periodic = true;
    if (line == "CONFIG_NO_HZ_IDLE=y") idle = true;
    if (line == "CONFIG_NO_HZ_FULL=y") full = true;
    if (line == "CONFIG_HIGH_RES_TIMERS=y") found.high_resolution_timers = true;
    if (line == "# CONFIG_HIGH_RES_TIMERS is not set") found.high_resolution_timers = false;
    if (line.substr(0, hz.size()) == hz) {
      const auto number = detail::parse_number_to(kernel_hz_end - 1, line.substr(hz.size()));
      const bool plausible = number && *number >= kernel_hz_begin;
      const auto value = plausible ? std::optional(frequency(static_cast<double>(*number))) : std::nullopt;
      if (!value || (found.hz && found.hz != value)) hz_contradicted = true;
      found.hz = value;
    }
  }
  if (hz_contradicted) found.hz.reset();
  if (periodic + idle + full == 1)
    found.tick = periodic ? tick_mode::periodic : idle ? tick_mode::idle : tick_mode::full;
  return found;
}

/// Returns: the CPUs in the text of the nohz_full list; none for an empty line or "(null)", by which the kernel says
/// that it was started without the parameter; on malformed_text none.
template <class> std::vector<unsigned> parse_nohz_full(std::string_view text, std::error_code& ec) {
  if (std::string_view line; detail::only_line(text, line) && detail::trimmed(line) == "(null)") {
    ec.clear();
    return {};
  }
  return detail::parse_cpu_list(text, ec);
}

/// Returns: HZ, told by the resolution of CLOCK_MONOTONIC_COARSE, which is one tick; on error 0 Hz.
/// Errors: what clock_getres reports; ERANGE when no HZ has such a tick. One system call.
template <class Os> frequency kernel_hz(std::error_code& ec) noexcept {
  ec.clear();
  timespec resolution{};
  if (const int error = Os::clock_getres(CLOCK_MONOTONIC_COARSE, resolution); error != 0) {
    ec = detail::errno_code(error);
    return {};
  }
  const auto hz = is_canonical(resolution) ? kernel_hz_of(to_nanoseconds(resolution)) : std::nullopt;
  if (!hz) ec = detail::errno_code(ERANGE);
  return hz.value_or(frequency());
}

/// Returns: what /boot/config-RELEASE of the running kernel says; on error nothing. A kernel may have its configuration
/// in /proc/config.gz instead: who can decompress that passes the text to parse_kernel_config.
/// Errors: those of reading the file; ENOENT and EACCES are usual.
template <class Os> kernel_config read_kernel_config(std::error_code& ec) {
  std::string release;
  if (const int error = Os::kernel_release(release); error != 0) {
    ec = detail::errno_code(error);
    return {};
  }
  const std::string text = detail::read_text<Os>("/boot/config-" + release, kernel_config_file_limit, ec);
  return ec ? kernel_config() : parse_kernel_config(text);
}

/// Returns: the CPUs whose tick may stop while they run a single thread; on error none.
/// Errors: those of reading the file, ENOENT in a kernel built without NO_HZ_FULL; malformed_text.
template <class Os> std::vector<unsigned> nohz_full_cpus(std::error_code& ec) {
  const std::string text = detail::read_text<Os>(nohz_full_path, detail::sysfs_file_limit, ec);
  return ec ? std::vector<unsigned>() : parse_nohz_full(text, ec);
}

#if TAKT_EXCEPTIONS
template <class Os> frequency kernel_hz() {
  return detail::or_throw([](std::error_code& ec) { return kernel_hz<Os>(ec); },
                          [] { return std::string("clock_getres(CLOCK_MONOTONIC_COARSE), the length of a tick"); });
}

template <class Os> kernel_config read_kernel_config() {
  return detail::or_throw([](std::error_code& ec) { return read_kernel_config<Os>(ec); },
                          [](std::error_code ec) {
                            std::string release;
                            static_cast<void>(Os::kernel_release(release));
                            const std::string path = detail::file_hint("/boot/config-" + release, ec, "root");
                            return ec == std::errc::no_such_file_or_directory ? path + ": is there a /proc/config.gz?" : path;
                          });
}

template <class Os> std::vector<unsigned> nohz_full_cpus() {
  return detail::or_throw([](std::error_code& ec) { return nohz_full_cpus<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(nohz_full_path, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI
