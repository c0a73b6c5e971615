/// counter.hpp - the processor's own counter, read by one instruction, with as much ordering as the caller asks for.
///
/// x86-64: the time stamp counter; aarch64: CNTVCT_EL0; riscv64: the time register.
///
/// Does not promise: nanoseconds; a constant rate, or one counter for all CPUs; that the thread was not interrupted, or
/// moved to another CPU, between two reads. features.hpp reports what the processor says about its counter, and
/// clock/verdict.hpp draws the conclusion. A thread that has forbidden itself the counter (prctl(2), PR_SET_TSC) gets
/// SIGSEGV when it reads it.
///
/// This header is meant for hot files and includes neither <chrono> nor any header of intrinsics. With optimisation a
/// read is compiled to its instructions, in place, and to nothing else.
///
/// Sources: those of the arch_*.hpp headers, which say what each read is made of.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/arch.hpp>

namespace takt::inline TAKT_ABI {

namespace detail {
/// The family of bare_counter and ordered_counter.
struct [[gnu::visibility("default")]] hardware_counter;
} // namespace detail

// synopsis

/// How a read of the counter is ordered against the instructions around it. "How a read is ordered, and why" in
/// counter.hpp explains it.
enum class ordering {
  bare,    ///< at any moment that suits the processor
  ordered, ///< after all earlier instructions
  begin,   ///< after all earlier and before all later instructions: opens a region
  end,     ///< after all earlier and before all later instructions: closes a region
};

template <ordering O = ordering::bare> [[nodiscard]] tick_point read_counter() noexcept;
[[nodiscard]] tick_point region_begin() noexcept;
[[nodiscard]] tick_point region_end() noexcept;
[[nodiscard]] constexpr const char* counter_instructions(ordering o) noexcept;

/// A reading of the counter, and the CPU on which it was taken.
struct counter_reading {
  /// Whether one instruction reads both the counter and the CPU. If there is no such instruction,
  /// read_counter_and_cpu() does not compile, because two instructions might run on two CPUs.
  static constexpr bool available = detail::arch::reports_cpu;

  tick_point at; ///< the reading of the counter
  unsigned cpu;  ///< the number of the CPU, as in sched_getcpu(3)
  unsigned node; ///< the NUMA node of that CPU
};

template <ordering O = ordering::ordered> [[nodiscard]] counter_reading read_counter_and_cpu() noexcept;

struct bare_counter;
struct ordered_counter;

// How a read is ordered, and why
//
// The instruction that reads the counter has no operands to wait for, so an out-of-order processor may run it early.
// Then two things go wrong:
//   (1) The read happens before earlier instructions have finished. The region then includes what precedes it, and its
//       end is read before its work is done. Also, a thread that has just loaded another thread's stamp may read its
//       own counter before that load, and get a smaller number.
//   (2) Later instructions start before the read. The work of a region then starts before the first reading, and what
//       follows the region runs inside it and competes for the same execution units.
// `bare` forbids neither, `ordered` forbids (1), `begin` and `end` forbid both. Which instructions do that, and why no
// others, is written in the header of each architecture, cpu/arch_*.hpp.
//
// The compiler. Every read is volatile: the compiler neither drops it, nor merges it with another, nor moves it across
// another volatile access. All forms but `bare` also clobber memory: the compiler moves no access across them to
// anything that other code can reach. It may still move calculations in registers, and accesses to local variables
// whose address is not taken, across any form. For example, it may leave nothing of `y = std::sqrt(x)` between
// region_begin() and region_end(). To prevent that, make the region's input and result visible to it with an empty asm
// or benchmark::DoNotOptimize. It may also move loads and stores across a bare read.

// definitions

/// Returns: the counter, read with ordering O.
/// Precondition: for ordering::end on x86-64, the processor has rdtscp; otherwise the read raises SIGILL.
/// cpu_features::read().rdtscp tells: Intel's processors have it since Nehalem (Atom since Silvermont), AMD's since
/// 2006; an emulator need not have it.
/// Does not block. Costs the instructions: on an EPYC guest 10 ns bare, 19 ns ordered.
template <ordering O> [[gnu::always_inline]] inline tick_point read_counter() noexcept {
  if constexpr (O == ordering::bare) return detail::arch::read_bare();
  else if constexpr (O == ordering::ordered) return detail::arch::read_ordered();
  else if constexpr (O == ordering::begin) return detail::arch::read_begin();
  else return detail::arch::read_end();
}

/// Returns: the counter at the start of a region: all earlier instructions have ended, and no later one has started.
/// Costs as read_counter<ordering::begin>().
[[gnu::always_inline]] inline tick_point region_begin() noexcept { return read_counter<ordering::begin>(); }

/// Returns: the counter at the end of a region: all earlier instructions have ended, and no later one has started.
/// Precondition: on x86-64 the processor has rdtscp. Without it, use region_begin() at both ends.
/// Costs as read_counter<ordering::end>().
[[gnu::always_inline]] inline tick_point region_end() noexcept { return read_counter<ordering::end>(); }

/// Returns: the instructions of a read as a text to print: "lfence; rdtsc".
constexpr const char* counter_instructions(ordering o) noexcept {
  switch (o) {
  case ordering::bare: return detail::arch::bare_form;
  case ordering::ordered: return detail::arch::ordered_form;
  case ordering::begin: return detail::arch::begin_form;
  case ordering::end: break;
  }
  return detail::arch::end_form;
}

/// Returns: the counter, read with ordering O, and the CPU and NUMA node on which it was read. Two readings on two CPUs
/// show that the thread was moved. `begin` and `end` are the same for this function, and `bare` does not compile.
/// Precondition: the processor has rdtscp, as for ordering::end.
template <ordering O> [[gnu::always_inline]] inline counter_reading read_counter_and_cpu() noexcept {
  static_assert(O != ordering::bare, "the instruction that reads the CPU waits for what precedes it");
  return detail::arch::read_with_cpu<counter_reading, O != ordering::ordered>();
}

/// The counter, read bare, for clocks that take their counter as a parameter. Cheaper than ordered_counter.
struct bare_counter {
  using family = detail::hardware_counter; ///< clocks on counters of one family may share a calibration
  /// Returns: read_counter<ordering::bare>().
  [[nodiscard, gnu::always_inline]] static inline tick_point read() noexcept { return read_counter<ordering::bare>(); }
};

/// The counter, read in order, for clocks that take their counter as a parameter. On CPUs whose counters agree, a stamp
/// received from another thread is never greater than a stamp that is taken afterwards.
struct ordered_counter {
  using family = detail::hardware_counter; ///< the family of bare_counter, so both may share a calibration
  /// Returns: read_counter<ordering::ordered>().
  [[nodiscard, gnu::always_inline]] static inline tick_point read() noexcept {
    return read_counter<ordering::ordered>();
  }
};

namespace detail {

/// Effects: slows down a loop that polls, which leaves more of the core to its other thread. Takes some tens of
/// nanoseconds.
[[gnu::always_inline]] inline void relax_cpu() noexcept { arch::relax(); }

/// The counter to measure with. A reading that is compared with another clock must not be taken early. So measurements
/// read the processor's own counter in order, even for a clock that reads it bare. Other counters are used as they are.
template <class Counter> struct measuring_counter {
  using type = Counter;
};
template <> struct measuring_counter<bare_counter> {
  using type = ordered_counter;
};

} // namespace detail

} // namespace takt::inline TAKT_ABI
