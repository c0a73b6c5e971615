/// arch_aarch64.hpp - the generic timer's registers as user space may read them on aarch64, one function each.
///
/// Does not promise: that the counter counts at the rate of the CPU (it does not), or that this thread may read it
/// (prctl(2) PR_SET_TSC, on aarch64 since Linux 6.12). What orders a counter read is explained once, in counter.hpp.
/// On other architectures this header holds nothing.
/// Source: Arm Architecture Reference Manual for A-profile (DDI 0487), CNTVCT_EL0, CNTFRQ_EL0 and YIELD.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <cstdint>

#if defined(__aarch64__)

namespace takt::inline TAKT_ABI::aarch64 {

// synopsis
[[nodiscard]] ticks cntvct() noexcept;
[[nodiscard]] ticks dsb_isb_cntvct() noexcept;
[[nodiscard]] ticks dsb_isb_cntvct_isb() noexcept;
[[nodiscard]] frequency cntfrq() noexcept;
void yield() noexcept;

// definitions

/// Returns: CNTVCT_EL0, read at whatever moment the processor finds convenient. Costs the instruction.
[[gnu::always_inline]] inline ticks cntvct() noexcept {
  std::uint64_t count;
  asm volatile("mrs %0, cntvct_el0" : "=r"(count));
  return ticks(count);
}

/// Returns: CNTVCT_EL0, read after all earlier loads have their data and all earlier instructions have completed.
[[gnu::always_inline]] inline ticks dsb_isb_cntvct() noexcept {
  std::uint64_t count;
  asm volatile("dsb ishld\n\tisb\n\tmrs %0, cntvct_el0" : "=r"(count) : : "memory");
  return ticks(count);
}

/// Returns: as dsb_isb_cntvct, and before any later instruction starts.
[[gnu::always_inline]] inline ticks dsb_isb_cntvct_isb() noexcept {
  std::uint64_t count;
  asm volatile("dsb ishld\n\tisb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(count) : : "memory");
  return ticks(count);
}

/// Returns: CNTFRQ_EL0, what the firmware says the counter's frequency is; zero where it says nothing.
inline frequency cntfrq() noexcept {
  std::uint64_t hertz;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(hertz));
  return frequency(static_cast<double>(hertz & 0xffffffff)); // the upper half is reserved
}

/// Tells the processor that this is a loop that waits; one whose cores have no second thread may ignore it.
[[gnu::always_inline]] inline void yield() noexcept { asm volatile("yield" : : : "memory"); }

} // namespace takt::inline TAKT_ABI::aarch64

#endif // __aarch64__
