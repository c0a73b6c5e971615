/// counter.hpp - the processor's own counter, read by one instruction, with as much ordering as the reader asks for.
///
/// x86-64: the time stamp counter; aarch64: CNTVCT_EL0; riscv64: the time register.
///
/// Does not promise: nanoseconds; a constant rate, or one counter for all CPUs (features.hpp tells what the processor
/// says of that, clock/verdict.hpp what follows); that the thread was not interrupted, or moved to another CPU,
/// between two reads. A thread that gave the counter up (prctl(2), PR_SET_TSC) is killed by SIGSEGV when it reads it.
///
/// This header is meant for hot files and includes neither <chrono> nor any header of intrinsics. An optimised read is
/// its instructions, in place, and nothing else.
///
/// Sources: Intel SDM, 325462-083US, volume 2A LFENCE, volume 2B RDTSC and RDTSCP. AMD APM volume 3, 24594 revision
/// 3.36, RDTSC, RDTSCP and Fn8000_0021. Arm DDI 0487 and DDI 0601, CNTVCT_EL0, ISB, DSB. RISC-V ISA manual, volume I,
/// Zicsr ("CSR Access Ordering") and Zicntr. Linux 6.1 arch/x86/include/asm/msr.h, rdtsc_ordered.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <cstdint>

#if defined(__x86_64__)
#include <takt/cpu/arch_x86.hpp>
#elif defined(__aarch64__)
#include <takt/cpu/arch_aarch64.hpp>
#elif defined(__riscv) && __riscv_xlen == 64
#include <takt/cpu/arch_riscv64.hpp>
#else
#error "takt reads the counter of x86-64, aarch64 and riscv64; other architectures are not supported"
#endif

namespace takt::inline TAKT_ABI {

// synopsis

/// How a read of the counter stands among the instructions around it; the essay below says what each is made of.
enum class ordering {
  bare,    ///< at whatever moment the processor finds convenient
  ordered, ///< after everything before it
  begin,   ///< after everything before it, before everything after it: opens a region
  end,     ///< the same, in the form that suits the end of a region
};

template <ordering O = ordering::bare> [[nodiscard]] ticks read_counter() noexcept;
[[nodiscard]] ticks region_begin() noexcept;
[[nodiscard]] ticks region_end() noexcept;
void relax_cpu() noexcept;

/// A reading and where it was taken.
struct ticks_and_cpu {
  ticks count;
  unsigned cpu;  ///< as sched_getcpu(3) numbers them
  unsigned node; ///< the NUMA node of that CPU
};

/// Whether one instruction tells the counter and the CPU it was read on. Where none does, read_counter_and_cpu() is not
/// there: two instructions might run on two CPUs.
#if defined(__x86_64__)
inline constexpr bool counter_tells_cpu = true;
template <ordering O = ordering::ordered> [[nodiscard]] ticks_and_cpu read_counter_and_cpu() noexcept;
#else
inline constexpr bool counter_tells_cpu = false;
#endif

/// Whether an instruction tells the counter's rate. Where none does, counter_frequency() is not there.
#if defined(__aarch64__)
inline constexpr bool counter_tells_frequency = true;
[[nodiscard]] frequency counter_frequency() noexcept;
#else
inline constexpr bool counter_tells_frequency = false;
#endif

struct [[gnu::visibility("default")]] hardware_counter; ///< the family of the two below: what reads the same counter may share a time line
struct bare_counter;
struct ordered_counter;

// How a read is ordered, and why
//
// The instruction that reads the counter has no operands to wait for, so a processor that works out of order runs it as
// early as it likes. Two things go wrong then:
//   (1) The read happens before earlier instructions have finished. What precedes a region is counted into it, and its
//       end is read before its work is done. And a thread that has just loaded another thread's stamp may read its own
//       counter before that load, and get less. On an EPYC guest bare rdtsc did so 112 170 times in 4.9e8 reads, by up
//       to 2.5 us; rdtscp and lfence;rdtsc never did.
//   (2) Later instructions start before the read. The work of a region begins before its begin, and what follows the
//       region runs inside it, competing for the same execution units.
// `bare` forbids neither, `ordered` forbids (1), `begin` and `end` forbid both.
//
//             x86-64                   aarch64                       riscv64
//   bare      rdtsc                    mrs                           rdtime
//   ordered   lfence; rdtsc            dsb ishld; isb; mrs           fence ir,i; rdtime
//   begin     lfence; rdtsc; lfence    dsb ishld; isb; mrs; isb      fence ir,i; rdtime; fence i,iorw
//   end       rdtscp; lfence           as begin                      as begin
//
// x86-64, Intel. RDTSC is not serializing and waits for nothing. LFENCE before it makes it wait until all earlier
// instructions have executed and all earlier loads have their data, LFENCE behind it keeps later instructions from
// executing, even speculatively, until it has read: all of this is written in the pages of RDTSC and LFENCE. RDTSCP
// waits for earlier instructions as the first LFENCE does, but does not hold back later ones: by itself it is half an
// end and no begin, hence the fence behind it. With that, either pair would do at either end. RDTSCP stands at the end
// because its wait is written down by both makers, and not at the begin, nor in `ordered`, because these then run on
// every x86-64. Nothing here waits for earlier stores to be visible to other CPUs; whoever times a region that ends in
// stores and wants them counted puts an MFENCE before region_end().
//
// x86-64, AMD. RDTSCP makes all older instructions retire before it reads, says the manual; of RDTSC it says only that
// it is not serializing, and LFENCE it calls dispatch serializing under a condition: bit 1 of MSR C001_1029 (DE_CFG),
// or always where CPUID Fn8000_0021 EAX[2] is set, which it is from Zen 3 on (features.hpp, lfence_serializing). Linux
// sets the bit wherever it can since 4.15 (arch/x86/kernel/cpu/amd.c, init_amd) and reads its own clock with rdtscp or
// lfence;rdtsc. In a guest the bit is the host's affair and cannot be seen. That RDTSC too obeys a dispatch serializing
// LFENCE on both sides is nowhere written, but follows from what dispatch is, and the count above shows it.
//
// aarch64. CNTVCT_EL0 may be read speculatively and out of order with everything but other reads of itself: its own
// page promises that two bare reads of one thread never step back. An ISB before it is what the manual's example and
// Linux use, but there a branch on the loaded value stands between load and ISB; by itself an ISB does not wait for
// the data of earlier loads. A caller's load need not be followed by a branch, so DSB ISHLD waits for it; and the ISB
// must stay, because a DSB does not hold back a read of a system register. An ISB behind the read holds back all that
// follows.
//
// riscv64. A CSR is ordered against memory by FENCE alone, to which a read of it counts as device input: `fence ir, i`
// puts the read behind earlier loads, `fence i, iorw` before later accesses. No instruction orders it against
// calculations in registers: the ends of a region that does little else are as blurred as the pipeline is long.
//
// Rejected:
//   cpuid         serializes everything, but writes four registers and traps in a guest: 3.6 us on the one named above
//   serialize     does so without a trap, but waits for stores too and is on few processors (Intel from Alder Lake on)
//   mfence        orders memory; that it holds up rdtsc is written for mfence;lfence only, where lfence does the work
//   rdtscp alone  as `ordered` it does, at the price of lfence;rdtsc, but not on every x86-64
//   rdpru         reads MPERF and APERF, core clocks that stand still when the core is idle
//   cntvctss_el0  is never speculated, but there from Armv8.6 on only, and who has it the kernel knows: a branch a read
//   cntpct_el0    Linux does not open it to user space
//   rdcycle       clocks of one hart, at the rate of the moment; closed to user space since Linux 6.6
//
// The compiler. Every read is volatile: none is dropped, merged with another, or moved across another volatile access.
// All forms but `bare` also clobber memory: no access to anything that other code can reach moves across them. What the
// compiler may still move across any of them is calculation in registers and local variables whose address stayed home:
// between region_begin() and region_end() it may leave nothing of `y = std::sqrt(x)`. Make the region's input and
// result visible to it, with an empty asm or benchmark::DoNotOptimize. A bare read may also change places with loads
// and stores.

// definitions
namespace detail {

/// Linux keeps node << 12 | cpu in TSC_AUX (6.1, arch/x86/include/asm/segment.h, vdso_encode_cpunode).
[[gnu::always_inline]] constexpr ticks_and_cpu split_aux(ticks count, std::uint32_t aux) noexcept {
  return {count, aux & 0xfff, aux >> 12};
}

} // namespace detail

/// Returns: the counter, read with ordering O.
/// Precondition: for ordering::end on x86-64, the processor has rdtscp; without it, SIGILL. read_cpu_features().rdtscp
/// tells: Intel's have it since Nehalem (Atom since Silvermont), AMD's since 2006; an emulator need not.
/// Does not block. Costs the instructions: on an EPYC guest 10 ns bare, 19 ns ordered.
template <ordering O> [[gnu::always_inline]] inline ticks read_counter() noexcept {
#if defined(__x86_64__)
  if constexpr (O == ordering::bare) return x86::rdtsc();
  else if constexpr (O == ordering::ordered) return x86::lfence_rdtsc();
  else if constexpr (O == ordering::begin) return x86::lfence_rdtsc_lfence();
  else return x86::rdtscp_lfence().count;
#elif defined(__aarch64__)
  if constexpr (O == ordering::bare) return aarch64::cntvct();
  else if constexpr (O == ordering::ordered) return aarch64::dsb_isb_cntvct();
  else return aarch64::dsb_isb_cntvct_isb();
#elif defined(__riscv)
  if constexpr (O == ordering::bare) return riscv64::rdtime();
  else if constexpr (O == ordering::ordered) return riscv64::fence_rdtime();
  else return riscv64::fence_rdtime_fence();
#endif
}

/// Returns: the counter at the start of a region: none of what precedes is counted, nothing that follows has started.
[[gnu::always_inline]] inline ticks region_begin() noexcept { return read_counter<ordering::begin>(); }

/// Returns: the counter at the end of a region: all of what precedes is counted, nothing that follows has started.
/// Precondition: on x86-64, that of ordering::end; where it does not hold, region_begin() serves at both ends.
[[gnu::always_inline]] inline ticks region_end() noexcept { return read_counter<ordering::end>(); }

/// Effects: none but that a loop which watches something is kind to its core: pause, yield, pause. Some ten nanoseconds.
[[gnu::always_inline]] inline void relax_cpu() noexcept {
#if defined(__x86_64__)
  x86::pause();
#elif defined(__aarch64__)
  aarch64::yield();
#elif defined(__riscv)
  riscv64::pause();
#endif
}

#if defined(__x86_64__)
/// Returns: the counter, read with ordering O, and the CPU and NUMA node on which that happened; two readings on different
/// CPUs tell that the thread was moved. A begin is here the same as an end: rdtscp; lfence.
/// Precondition: as for ordering::end.
template <ordering O> [[gnu::always_inline]] inline ticks_and_cpu read_counter_and_cpu() noexcept {
  static_assert(O != ordering::bare, "the instruction that tells the CPU waits for what precedes it");
  const x86::ticks_and_aux r = O == ordering::ordered ? x86::rdtscp() : x86::rdtscp_lfence();
  return detail::split_aux(r.count, r.aux);
}
#endif

#if defined(__aarch64__)
/// Returns: what the firmware wrote into CNTFRQ_EL0, as the counter's frequency; zero where it wrote nothing, and
/// boards are known where it wrote something wrong. Costs the instruction.
[[gnu::always_inline]] inline frequency counter_frequency() noexcept { return aarch64::cntfrq(); }
#endif

/// Policies for clocks that take their counter as a parameter. bare_counter is cheaper; with ordered_counter, and CPUs
/// whose counters agree, no stamp received from another thread is greater than one taken after it was received.
struct bare_counter {
  using family = hardware_counter;
  [[nodiscard, gnu::always_inline]] static inline ticks read() noexcept { return read_counter<ordering::bare>(); }
};

struct ordered_counter {
  using family = hardware_counter;
  [[nodiscard, gnu::always_inline]] static inline ticks read() noexcept { return read_counter<ordering::ordered>(); }
};

namespace detail {

/// The counter to measure with: what is compared with another clock must not be read before its turn, so the processor's
/// own counter is read in order, whichever way was asked for. Other counters are taken as they are.
template <class Counter> struct measuring_counter {
  using type = Counter;
};
template <> struct measuring_counter<bare_counter> {
  using type = ordered_counter;
};

} // namespace detail

} // namespace takt::inline TAKT_ABI
