/// counter.hpp - the processor's own counter, read by one instruction, with as much ordering as the reader asks for.
///
/// x86-64: the time stamp counter; aarch64: CNTVCT_EL0; riscv64: the time register.
///
/// Does not promise: nanoseconds, a rate, or that the counter may be trusted as a clock (features.hpp says what the
/// processor tells of it); that a read is counted by a core that did not change under the reader.
///
/// This header is meant for hot files and includes neither <chrono> nor any header of intrinsics.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>

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

/// How a read of the counter stands among the instructions around it.
enum class ordering {
  bare,    ///< wherever the processor finds it convenient
  ordered, ///< after everything before it
  begin,   ///< after everything before it and before everything after it: opens a region
  end,     ///< the same, by the sequence that suits the end of a region
};

template <ordering O = ordering::bare> [[nodiscard]] ticks read_counter() noexcept;
[[nodiscard]] ticks region_begin() noexcept;
[[nodiscard]] ticks region_end() noexcept;

/// Whether one instruction tells the counter and the CPU it was read on, so that read_counter_and_cpu() exists.
#if defined(__x86_64__)
inline constexpr bool counter_tells_cpu = true;
#else
inline constexpr bool counter_tells_cpu = false;
#endif

/// A reading and where it was taken.
struct ticks_and_cpu {
  ticks count;
  unsigned cpu;  ///< as sched_getcpu numbers them
  unsigned node; ///< NUMA node
};

#if defined(__x86_64__)
[[nodiscard]] ticks_and_cpu read_counter_and_cpu() noexcept;
#endif

struct hardware_counter; ///< the family of the policies below: clocks that read the same counter may share their state
struct bare_counter;
struct ordered_counter;

// definitions

template <ordering O> [[gnu::always_inline]] inline ticks read_counter() noexcept {
#if defined(__x86_64__)
  if constexpr (O == ordering::bare) return x86::rdtsc();
  else if constexpr (O == ordering::ordered) return x86::lfence_rdtsc();
  else if constexpr (O == ordering::begin) return x86::lfence_rdtsc_lfence();
  else return x86::rdtscp_lfence().count;
#elif defined(__aarch64__)
  if constexpr (O == ordering::bare) return aarch64::cntvct();
  else if constexpr (O == ordering::ordered) return aarch64::isb_cntvct();
  else return aarch64::isb_cntvct_isb();
#else
  if constexpr (O == ordering::bare) return riscv64::rdtime();
  else if constexpr (O == ordering::ordered) return riscv64::fence_rdtime();
  else return riscv64::fence_rdtime_fence();
#endif
}

[[gnu::always_inline]] inline ticks region_begin() noexcept { return read_counter<ordering::begin>(); }

[[gnu::always_inline]] inline ticks region_end() noexcept { return read_counter<ordering::end>(); }

#if defined(__x86_64__)
[[gnu::always_inline]] inline ticks_and_cpu read_counter_and_cpu() noexcept {
  const auto [count, aux] = x86::rdtscp();
  return {count, aux & 0xfff, aux >> 12};
}
#endif

struct bare_counter {
  using family = hardware_counter;
  [[nodiscard, gnu::always_inline]] static ticks read() noexcept { return read_counter<ordering::bare>(); }
};

struct ordered_counter {
  using family = hardware_counter;
  [[nodiscard, gnu::always_inline]] static ticks read() noexcept { return read_counter<ordering::ordered>(); }
};

} // namespace takt::inline TAKT_ABI
