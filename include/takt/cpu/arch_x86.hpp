/// arch_x86.hpp - the x86 instructions that tell time and describe the processor, one function each.
///
/// Does not promise: that the processor has the instruction, or that this thread may execute it. rdtsc and rdtscp raise
/// SIGSEGV in a thread that set PR_TSC_SIGSEGV (prctl(2) PR_SET_TSC), cpuid in one that switched it off
/// (arch_prctl(2) ARCH_SET_CPUID); rdtscp raises SIGILL where CPUID 0x80000001 EDX[27] is 0.
/// What orders a counter read against its neighbours is explained once, in counter.hpp.
///
/// The assembly is our own because <x86intrin.h> costs more to compile than all of takt, and because an ordered form
/// must be one block: between two statements a compiler may put an instruction.
/// On other architectures this header holds `cpuid_registers` alone, which is data.
/// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, the pages CPUID, PAUSE, RDTSC,
/// RDTSCP.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <cstdint>

namespace takt::inline TAKT_ABI::x86 {

// synopsis

/// What one leaf of CPUID answers.
struct cpuid_registers {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  friend constexpr bool operator==(const cpuid_registers&, const cpuid_registers&) noexcept = default;
};

#if defined(__x86_64__)

/// What one rdtscp answers: the time stamp counter and the TSC_AUX register, read in the same instant.
struct ticks_and_aux {
  ticks count;
  std::uint32_t aux;
};

[[nodiscard]] ticks rdtsc() noexcept;
[[nodiscard]] ticks lfence_rdtsc() noexcept;
[[nodiscard]] ticks lfence_rdtsc_lfence() noexcept;
[[nodiscard]] ticks_and_aux rdtscp() noexcept;
[[nodiscard]] ticks_and_aux rdtscp_lfence() noexcept;
[[nodiscard]] cpuid_registers cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) noexcept;
void pause() noexcept;

// definitions
//
// The halves are 64 bits wide because the instructions clear the upper halves of rax and rdx: the result is then one
// shift and one or. Everything is volatile, or else two reads could become one.

/// Returns: the time stamp counter, read at whatever moment the processor finds convenient. Costs the instruction.
[[gnu::always_inline]] inline ticks rdtsc() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return ticks(high << 32 | low);
}

/// Returns: the counter, read after all earlier instructions have completed.
[[gnu::always_inline]] inline ticks lfence_rdtsc() noexcept {
  std::uint64_t low, high;
  asm volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
  return ticks(high << 32 | low);
}

/// Returns: the counter, read after all earlier instructions have completed and before any later one starts.
[[gnu::always_inline]] inline ticks lfence_rdtsc_lfence() noexcept {
  std::uint64_t low, high;
  asm volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
  return ticks(high << 32 | low);
}

/// Returns: the counter and TSC_AUX, read after all earlier instructions have completed; later ones may have started.
/// Precondition: CPUID 0x80000001 EDX[27].
[[gnu::always_inline]] inline ticks_and_aux rdtscp() noexcept {
  std::uint64_t low, high;
  std::uint32_t aux;
  asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux) : : "memory");
  return {ticks(high << 32 | low), aux};
}

/// Returns: the counter and TSC_AUX, read after all earlier instructions have completed and before any later one
/// starts.
/// Precondition: CPUID 0x80000001 EDX[27].
[[gnu::always_inline]] inline ticks_and_aux rdtscp_lfence() noexcept {
  std::uint64_t low, high;
  std::uint32_t aux;
  asm volatile("rdtscp\n\tlfence" : "=a"(low), "=d"(high), "=c"(aux) : : "memory");
  return {ticks(high << 32 | low), aux};
}

/// Returns: the leaf as the CPU that runs this thread now answers it. What lies beyond the highest leaf of its range is
/// not zero: Intel answers with another leaf. Costs about a hundred ticks; in a guest it traps, 3.6 us on an EPYC.
inline cpuid_registers cpuid(std::uint32_t leaf, std::uint32_t subleaf) noexcept {
  cpuid_registers r;
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}

/// Tells the processor that this is a loop that waits: it leaves more to the other thread of its core, and need not undo
/// what it ran ahead when the wait ends. Costs some ten to a hundred and fifty ticks.
[[gnu::always_inline]] inline void pause() noexcept { asm volatile("pause" : : : "memory"); }

#endif // __x86_64__

} // namespace takt::inline TAKT_ABI::x86
