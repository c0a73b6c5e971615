/// arch_aarch64.hpp - what is special to aarch64: the generic timer's registers, and the names that Linux uses.
///
/// Does not promise: that the counter counts at the rate of the CPU (it does not), or that this thread may read it
/// (prctl(2) PR_SET_TSC, on aarch64 since Linux 6.12).
/// Include arch.hpp instead, which chooses the right header. On other architectures this header declares nothing.
/// Sources: Arm Architecture Reference Manual for A-profile (DDI 0487) and DDI 0601: CNTVCT_EL0, CNTFRQ_EL0, ISB, DSB,
/// YIELD. Linux 6.1 drivers/clocksource/arm_arch_timer.c; vdso(7).
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <cstdint>

#if defined(__aarch64__)

namespace takt::inline TAKT_ABI::detail::arch {

// synopsis
inline constexpr char counter_name[] = "cntvct_el0";
inline constexpr char clocksource[] = "arch_sys_counter"; ///< Linux's clock source that reads the counter
inline constexpr bool system_counter = true; ///< whether the architecture itself demands one counter of constant rate
inline constexpr bool reports_cpu = false;      ///< whether read_with_cpu() exists
inline constexpr bool reports_frequency = true; ///< whether counter_frequency() can be other than zero

inline constexpr unsigned char elf_class = 2;     ///< ELFCLASS64
inline constexpr std::uint16_t elf_machine = 183; ///< EM_AARCH64
inline constexpr char vdso_clock_gettime[] = "__kernel_clock_gettime";
inline constexpr char vdso_version[] = "LINUX_2.6.39";
inline constexpr bool vdso_data_checked = false; ///< whether kernel/detail/vdso_layout.hpp was checked on it
inline constexpr bool reads_performance_counters = false; ///< whether read_performance_counter() reads one
inline constexpr unsigned max_page_size = 65536; ///< the largest page of memory that Linux uses: CONFIG_ARM64_64K_PAGES

inline constexpr char bare_form[] = "cntvct";              ///< the instructions of read_bare(), to be printed
inline constexpr char ordered_form[] = "dsb; isb; cntvct"; ///< the instructions of read_ordered(), to be printed
inline constexpr char begin_form[] = "dsb; isb; cntvct; isb"; ///< the instructions of read_begin(), to be printed
inline constexpr char end_form[] = "dsb; isb; cntvct; isb";   ///< the instructions of read_end(), to be printed

[[nodiscard]] tick_point read_bare() noexcept;
[[nodiscard]] tick_point read_ordered() noexcept;
[[nodiscard]] tick_point read_begin() noexcept;
[[nodiscard]] tick_point read_end() noexcept;
template <class Reading, bool Fenced> [[nodiscard]] Reading read_with_cpu() noexcept = delete;
[[nodiscard]] frequency counter_frequency() noexcept;
void relax() noexcept;
[[nodiscard]] std::uint64_t read_performance_counter(std::uint32_t index) noexcept;
template <class Decoder> [[nodiscard]] auto describe(Decoder decoder) noexcept;

// How the reads are ordered
//
// The processor may read CNTVCT_EL0 speculatively. It keeps the order of two such reads, so two bare reads of a thread
// never step back (the register's page in the manual promises that), but it may reorder a read with everything else.
// The manual's example and Linux put an ISB before the read. An ISB alone does not wait for the data of earlier loads;
// there, a branch on the loaded value stands between the load and the ISB and waits. A caller's load need not be
// followed by a branch, so takt waits for it with DSB ISHLD. The ISB must stay, because a DSB does not hold back a read
// of a system register. An ISB after the read holds back all later instructions.
//
// Rejected:
//   cntvctss_el0  is never read speculatively, but exists only since Armv8.6, and finding out costs a branch per read
//   cntpct_el0    is not open to user space under Linux

// definitions

/// Returns: the counter, read at any moment that suits the processor.
[[gnu::always_inline]] inline tick_point read_bare() noexcept {
  std::uint64_t count;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return tick_point(count);
}

/// Returns: the counter, read after all earlier loads have their data and all earlier instructions have completed.
[[gnu::always_inline]] inline tick_point read_ordered() noexcept {
  std::uint64_t count;
  asm volatile("dsb ishld\n\tisb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
  return tick_point(count);
}

/// Returns: the counter, read after all earlier loads have their data and all earlier instructions have completed, and
/// before any later instruction starts. Opens a region.
[[gnu::always_inline]] inline tick_point read_begin() noexcept {
  std::uint64_t count;
  asm volatile("dsb ishld\n\tisb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(count) : : "memory");
  return tick_point(count);
}

/// Returns: the counter, read after all earlier loads have their data and all earlier instructions have completed, and
/// before any later instruction starts.
[[gnu::always_inline]] inline tick_point read_end() noexcept { return read_begin(); }

/// Returns: CNTFRQ_EL0, the frequency of the counter as the firmware wrote it; 0 Hz if the firmware wrote nothing.
inline frequency counter_frequency() noexcept {
  std::uint64_t hertz;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(hertz));
  return frequency(static_cast<double>(hertz & 0xffffffff)); // the upper half is reserved
}

/// Returns: 0. takt does not read performance counters by instruction here.
inline std::uint64_t read_performance_counter(std::uint32_t) noexcept { return 0; }

/// Effects: tells the processor that a loop is waiting. A core without a second thread may ignore it.
[[gnu::always_inline]] inline void relax() noexcept { asm volatile("yield" : : : "memory"); }

/// Returns: what `decoder` finds in the processor's description of itself. On aarch64 that is the counter's rate.
template <class Decoder> auto describe(Decoder decoder) noexcept { return decoder.rate(counter_frequency()); }

} // namespace takt::inline TAKT_ABI::detail::arch

#endif // __aarch64__
