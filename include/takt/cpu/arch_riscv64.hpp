/// arch_riscv64.hpp - what is special to riscv64: the time register, and the names that Linux uses.
///
/// Does not promise: anything about the cycle register. It counts clock cycles of one hart, and Linux has closed it to
/// user space since 6.6.
/// Include arch.hpp instead, which chooses the right header. On other architectures this header declares nothing.
/// Sources: RISC-V Instruction Set Manual, volume I, chapters Zicntr (RDTIME), Zicsr (CSR Access Ordering) and
/// Zihintpause. Linux 6.1 drivers/clocksource/timer-riscv.c; vdso(7).
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <cstdint>

#if defined(__riscv) && __riscv_xlen == 64

namespace takt::inline TAKT_ABI::detail::arch {

// synopsis
inline constexpr char counter_name[] = "time";
inline constexpr char clocksource[] = "riscv_clocksource"; ///< Linux's clock source that reads the counter
inline constexpr bool system_counter = true; ///< whether the architecture itself demands one counter of constant rate
inline constexpr bool reports_cpu = false;       ///< whether read_with_cpu() exists
inline constexpr bool reports_frequency = false; ///< whether counter_frequency() can be other than zero

inline constexpr unsigned char elf_class = 2;     ///< ELFCLASS64
inline constexpr std::uint16_t elf_machine = 243; ///< EM_RISCV
inline constexpr char vdso_clock_gettime[] = "__vdso_clock_gettime";
inline constexpr char vdso_version[] = "LINUX_4.15";
inline constexpr bool vdso_data_checked = false; ///< whether kernel/detail/vdso_layout.hpp was checked on it
inline constexpr bool reads_performance_counters = false; ///< whether read_performance_counter() reads one
inline constexpr unsigned max_page_size = 4096; ///< the largest page of memory that Linux uses: the only one

inline constexpr char bare_form[] = "rdtime";                ///< the instructions of read_bare(), to be printed
inline constexpr char ordered_form[] = "fence; rdtime";      ///< the instructions of read_ordered(), to be printed
inline constexpr char begin_form[] = "fence; rdtime; fence"; ///< the instructions of read_begin(), to be printed
inline constexpr char end_form[] = "fence; rdtime; fence";   ///< the instructions of read_end(), to be printed

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
// FENCE is the only instruction that orders the read of a CSR against memory. FENCE counts such a read as device input:
// `fence ir, i` puts the read after earlier loads, and `fence i, iorw` puts it before later accesses. No instruction
// orders the read against calculations in registers. If a region does little else, its ends are uncertain by the length
// of the pipeline.
//
// Rejected:
//   rdcycle       counts clock cycles of one hart, whose frequency changes, and is closed to user space since Linux 6.6

// definitions

/// Returns: the counter, read at any moment that suits the processor. Costs the instruction, or a trap into the
/// firmware if the hart does not have the register.
[[gnu::always_inline]] inline tick_point read_bare() noexcept {
  std::uint64_t count;
  asm volatile("rdtime %0" : "=r"(count));
  return tick_point(count);
}

/// Returns: the counter, read after all earlier loads.
[[gnu::always_inline]] inline tick_point read_ordered() noexcept {
  std::uint64_t count;
  asm volatile("fence ir, i\n\trdtime %0" : "=r"(count) : : "memory");
  return tick_point(count);
}

/// Returns: the counter, read after all earlier loads and before any later memory access.
[[gnu::always_inline]] inline tick_point read_begin() noexcept {
  std::uint64_t count;
  asm volatile("fence ir, i\n\trdtime %0\n\tfence i, iorw" : "=r"(count) : : "memory");
  return tick_point(count);
}

/// Returns: the counter, read after all earlier loads and before any later memory access. Closes a region.
[[gnu::always_inline]] inline tick_point read_end() noexcept { return read_begin(); }

/// Returns: 0 Hz, because no instruction reports the rate; the device tree holds it.
inline frequency counter_frequency() noexcept { return frequency(); }

/// Returns: 0. takt does not read performance counters by instruction here.
inline std::uint64_t read_performance_counter(std::uint32_t) noexcept { return 0; }

/// Effects: tells the processor that a loop is waiting. A hart without Zihintpause executes it as a fence that orders
/// nothing. The instruction is written by its encoding, because assemblers know its name only if the extension is
/// enabled.
[[gnu::always_inline]] inline void relax() noexcept { asm volatile(".4byte 0x0100000f" : : : "memory"); }

/// Returns: what `decoder` finds in the processor's description of itself. On riscv64 user space sees none.
template <class Decoder> auto describe(Decoder decoder) noexcept { return decoder.rate(counter_frequency()); }

} // namespace takt::inline TAKT_ABI::detail::arch

#endif // __riscv
