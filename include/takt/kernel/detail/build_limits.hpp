/// build_limits.hpp - the numbers for which Linux can be built: CPUs, and ticks per second.
#pragma once
#include <takt/core/config.hpp>
#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

/// No CPU has this number or a higher one: a text that names one is malformed, and a number read from a damaged record
/// cannot exhaust the memory. Linux 6.12 is built for at most 8192 CPUs.
inline constexpr unsigned cpu_number_end = 65'536;

/// Linux can be built for HZ from kernel_hz_begin to kernel_hz_end - 1 (include/linux/jiffies.h, SHIFT_HZ).
inline constexpr int kernel_hz_begin = 12, kernel_hz_end = 12288;

/// The values of HZ that the configurations of all architectures offer. The first four are those of kernel/Kconfig.hz,
/// which x86, arm64 and riscv use.
inline constexpr int usual_hz[] = {100, 250, 300, 1000, 24, 32, 48, 64, 128, 200, 256, 500, 512, 1024, 1200};

/// Returns: the length of a tick of a kernel with that HZ, which is positive, rounded to nanoseconds.
[[nodiscard]] constexpr std::chrono::nanoseconds tick_of(int hz) noexcept {
  return std::chrono::nanoseconds((1'000'000'000 + std::int64_t{hz} / 2) / hz);
}
/// Returns: the tick of a usual HZ that differs from the measured one by less than a share `share`; if there is none,
/// `measured`. Of two that fit, such as 250 and 256 Hz, it is the one that is earlier in usual_hz: the likelier one.
[[nodiscard]] constexpr std::chrono::nanoseconds usual_tick(std::chrono::nanoseconds measured, double share) noexcept {
  for (const int hz : usual_hz) {
    const double ratio = static_cast<double>(measured.count()) * hz / 1e9;
    if (ratio > 1 - share && ratio < 1 + share) return tick_of(hz);
  }
  return measured;
}

} // namespace takt::inline TAKT_ABI::detail
