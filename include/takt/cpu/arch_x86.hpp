/// arch_x86.hpp - what is special to x86-64: the time stamp counter, CPUID, and the names that Linux uses.
///
/// Does not promise: that the processor has the instruction, or that this thread may execute it. rdtsc and rdtscp raise
/// SIGSEGV in a thread that set PR_TSC_SIGSEGV (prctl(2) PR_SET_TSC). cpuid raises SIGSEGV in a thread that switched
/// cpuid off (arch_prctl(2) ARCH_SET_CPUID). rdtscp raises SIGILL if CPUID 0x80000001 EDX[27] is 0.
/// Include arch.hpp instead, which chooses the right header. On other architectures this header declares nothing.
///
/// takt has its own assembly because <x86intrin.h> takes longer to compile than all of takt, and because an ordered
/// read must be one block: a compiler may put an instruction between two statements.
///
/// Sources: Intel SDM, 325462-083US, volume 2, the pages CPUID, LFENCE, PAUSE, RDTSC, RDTSCP. AMD APM volume 3, 24594
/// revision 3.36, RDTSC, RDTSCP and Fn8000_0021. Linux 6.1 arch/x86/include/asm/msr.h rdtsc_ordered, segment.h
/// vdso_encode_cpunode, kernel/tsc.c clocksource_tsc; vdso(7).
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <cstdint>

#if defined(__x86_64__)

namespace takt::inline TAKT_ABI::detail::arch {

// synopsis
inline constexpr char counter_name[] = "tsc";
inline constexpr char clocksource[] = "tsc"; ///< Linux's clock source that reads the counter
inline constexpr bool system_counter = false; ///< whether the architecture itself demands one counter of constant rate
inline constexpr bool reports_cpu = true;       ///< whether read_with_cpu() exists
inline constexpr bool reports_frequency = false; ///< whether counter_frequency() can be other than zero

inline constexpr unsigned char elf_class = 2;    ///< ELFCLASS64
inline constexpr std::uint16_t elf_machine = 62; ///< EM_X86_64
inline constexpr char vdso_clock_gettime[] = "__vdso_clock_gettime";
inline constexpr char vdso_version[] = "LINUX_2.6";
inline constexpr bool vdso_data_checked = true; ///< whether kernel/detail/vdso_layout.hpp was checked on it
inline constexpr bool reads_performance_counters = true; ///< whether read_performance_counter() reads one
inline constexpr unsigned max_page_size = 4096; ///< the largest page of memory that Linux uses: the only one

inline constexpr char bare_form[] = "rdtsc";                  ///< the instructions of read_bare(), to be printed
inline constexpr char ordered_form[] = "lfence; rdtsc";       ///< the instructions of read_ordered(), to be printed
inline constexpr char begin_form[] = "lfence; rdtsc; lfence"; ///< the instructions of read_begin(), to be printed
inline constexpr char end_form[] = "rdtscp; lfence";          ///< the instructions of read_end(), to be printed

[[nodiscard]] tick_point read_bare() noexcept;
[[nodiscard]] tick_point read_ordered() noexcept;
[[nodiscard]] tick_point read_begin() noexcept;
[[nodiscard]] tick_point read_end() noexcept;
template <class Reading, bool Fenced> [[nodiscard]] Reading read_with_cpu() noexcept;
[[nodiscard]] frequency counter_frequency() noexcept;
void relax() noexcept;
template <class Decoder> [[nodiscard]] auto describe(Decoder decoder) noexcept;

[[nodiscard]] std::uint64_t read_performance_counter(std::uint32_t index) noexcept;

// Only x86 has these.
template <class Registers> [[nodiscard]] Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) noexcept;
template <class Reading> [[nodiscard]] constexpr Reading split_aux(tick_point at, std::uint32_t aux) noexcept;

// How the reads are ordered
//
// Intel. RDTSC is not serializing and waits for nothing. An LFENCE before it makes it wait until all earlier
// instructions have executed and all earlier loads have their data. An LFENCE after it keeps later instructions from
// executing, even speculatively, until the counter has been read. The manual says so on the pages of RDTSC and LFENCE.
// RDTSCP waits for earlier instructions as the first LFENCE does, but does not hold back later ones. So RDTSCP; LFENCE
// orders both sides, as LFENCE; RDTSC; LFENCE does, and either form could be used at either end of a region. takt uses
// RDTSCP at the end because both makers document that it waits. takt does not use it at the begin and in the ordered
// read, because LFENCE; RDTSC runs on every x86-64. No form waits until earlier stores are visible to other CPUs. To
// include that time in a region, put an MFENCE before region_end().
//
// AMD. The manual says that RDTSCP waits until all older instructions have retired. About RDTSC it says only that it is
// not serializing. It calls LFENCE dispatch serializing if bit 1 of MSR C001_1029 (DE_CFG) or CPUID Fn8000_0021 EAX[2]
// is set. The latter is set from Zen 3 on (features.hpp, lfence_serializing). Since 4.15 Linux sets the bit of the MSR
// wherever it can (arch/x86/kernel/cpu/amd.c, init_amd), and it reads its own clock with rdtscp or lfence; rdtsc. In a
// guest the host decides about the bit, and the guest cannot see it. No manual says that RDTSC obeys a dispatch
// serializing LFENCE on both sides. It follows from what dispatch is, and measurements agree: on an EPYC guest a bare
// rdtsc, executed after the load of another thread's stamp, returned less than that stamp 112 170 times in 4.9e8 reads,
// by up to 2.5 us. rdtscp and lfence; rdtsc never did.
//
// Rejected:
//   cpuid         serializes everything, but writes four registers and traps in a guest: 3.6 us on that EPYC
//   serialize     needs no trap, but waits for stores too, and few processors have it (Intel from Alder Lake on)
//   mfence        orders memory; it is documented to hold back rdtsc only as mfence; lfence, and there lfence does that
//   rdtscp alone  could be the ordered read, and costs as much as lfence; rdtsc, but not every x86-64 has it
//   rdpru         reads MPERF and APERF, which count core clocks and stand still while the core is idle

// definitions
//
// `low` and `high` are 64 bits wide because the instructions clear the upper halves of rax and rdx. So the result needs
// one shift and one or. Every block is volatile, because otherwise the compiler could merge two reads into one.

/// Returns: the counter, read at any moment that suits the processor.
[[gnu::always_inline]] inline tick_point read_bare() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return tick_point(high << 32 | low);
}

/// Returns: the counter, read after all earlier instructions have completed.
[[gnu::always_inline]] inline tick_point read_ordered() noexcept {
  std::uint64_t low, high;
  asm volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
  return tick_point(high << 32 | low);
}

/// Returns: the counter, read after all earlier instructions have completed and before any later one starts.
[[gnu::always_inline]] inline tick_point read_begin() noexcept {
  std::uint64_t low, high;
  asm volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
  return tick_point(high << 32 | low);
}

/// Returns: the counter, read after all earlier instructions have completed and before any later one starts. Closes a
/// region. Precondition: CPUID 0x80000001 EDX[27] is set.
[[gnu::always_inline]] inline tick_point read_end() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtscp\n\tlfence" : "=a"(low), "=d"(high) : : "rcx", "memory");
  return tick_point(high << 32 | low);
}

/// Returns: the reading with the CPU and the NUMA node in `aux`, the content of TSC_AUX. Linux keeps node << 12 | cpu
/// there.
template <class Reading>
[[gnu::always_inline]] constexpr Reading split_aux(tick_point at, std::uint32_t aux) noexcept {
  return {at, aux & 0xfff, aux >> 12};
}

/// Returns: the counter and the CPU, read in the same instant, after all earlier instructions have completed. If Fenced
/// is true, they are also read before any later instruction starts. Precondition: CPUID 0x80000001 EDX[27] is set.
template <class Reading, bool Fenced> [[gnu::always_inline]] inline Reading read_with_cpu() noexcept {
  std::uint64_t low, high;
  std::uint32_t aux;
  if constexpr (Fenced) asm volatile("rdtscp\n\tlfence" : "=a"(low), "=d"(high), "=c"(aux) : : "memory");
  else asm volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(aux) : : "memory");
  return split_aux<Reading>(tick_point(high << 32 | low), aux);
}

/// Returns: 0 Hz, because no instruction that user space may execute reports the rate. Some processors describe it in
/// CPUID.
inline frequency counter_frequency() noexcept { return frequency(); }

/// Returns: performance counter `index`, with as many bits as the processor has. Neither ordered nor allowed
/// everywhere: it raises SIGSEGV unless the kernel allows it (perf_event_open(2), cap_user_rdpmc).
[[gnu::always_inline]] inline std::uint64_t read_performance_counter(std::uint32_t index) noexcept {
  std::uint64_t low, high;
  asm volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(index));
  return high << 32 | low;
}

/// Effects: tells the processor that a loop is waiting. The loop then leaves more of the core to the core's other
/// thread, and the processor need not discard instructions that it executed ahead when the wait ends. Takes about 10 to
/// 150 ticks.
[[gnu::always_inline]] inline void relax() noexcept { asm volatile("pause" : : : "memory"); }

/// Returns: the answer of the CPU that runs this thread now. For a leaf beyond the highest of its range the answer is
/// not zero: Intel answers with the data of another leaf. Takes about a hundred ticks; in a guest it traps, which takes
/// 3.6 us on an EPYC.
template <class Registers> Registers cpuid(std::uint32_t leaf, std::uint32_t subleaf) noexcept {
  Registers r;
  asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
  return r;
}

/// Returns: what `decoder` finds in the processor's description of itself. On x86 that is CPUID.
template <class Decoder> auto describe(Decoder decoder) noexcept {
  return decoder.cpuid([](std::uint32_t leaf, std::uint32_t subleaf) noexcept {
    return arch::cpuid<typename Decoder::registers>(leaf, subleaf);
  });
}

} // namespace takt::inline TAKT_ABI::detail::arch

#endif // __x86_64__
