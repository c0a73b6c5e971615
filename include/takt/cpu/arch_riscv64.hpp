/// arch_riscv64.hpp - the time register of riscv64, one function for each way to read it.
///
/// Does not promise: anything about the cycle register, which counts clock cycles of one hart and which Linux closes to
/// user space since 6.6. What orders a counter read is explained once, in counter.hpp.
/// On other architectures this header holds nothing.
/// Source: RISC-V Instruction Set Manual, volume I, chapters Zicntr (RDTIME), Zicsr (CSR Access
/// Ordering) and Zihintpause.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <cstdint>

#if defined(__riscv) && __riscv_xlen == 64

namespace takt::inline TAKT_ABI::riscv64 {

// synopsis
[[nodiscard]] ticks rdtime() noexcept;
[[nodiscard]] ticks fence_rdtime() noexcept;
[[nodiscard]] ticks fence_rdtime_fence() noexcept;
void pause() noexcept;

// definitions

/// Returns: the time register, read at whatever moment the processor finds convenient. Costs the instruction, or a trap
/// into the firmware where the hart does not have the register.
[[gnu::always_inline]] inline ticks rdtime() noexcept {
  std::uint64_t count;
  asm volatile("rdtime %0" : "=r"(count));
  return ticks(count);
}

/// Returns: the time register, read after all earlier loads.
[[gnu::always_inline]] inline ticks fence_rdtime() noexcept {
  std::uint64_t count;
  asm volatile("fence ir, i\n\trdtime %0" : "=r"(count) : : "memory");
  return ticks(count);
}

/// Returns: the time register, read after all earlier loads and before any later memory access.
[[gnu::always_inline]] inline ticks fence_rdtime_fence() noexcept {
  std::uint64_t count;
  asm volatile("fence ir, i\n\trdtime %0\n\tfence i, iorw" : "=r"(count) : : "memory");
  return ticks(count);
}

/// Tells the processor that this is a loop that waits. A hart without Zihintpause takes it for a fence that orders
/// nothing. By its encoding, because assemblers know the name only where the extension is switched on.
[[gnu::always_inline]] inline void pause() noexcept { asm volatile(".4byte 0x0100000f" : : : "memory"); }

} // namespace takt::inline TAKT_ABI::riscv64

#endif // __riscv
