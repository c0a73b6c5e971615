/// features.hpp - what the processor says of its counter: facts, one by one, never merged into a verdict.
///
/// Every fact is std::optional, or an empty text: where the processor may not tell, it is not told, and "not told" is
/// not "no". Whether the counter makes a good clock is for clock/verdict.hpp to say, from these facts and the kernel's.
///
/// Does not promise: that a fact is true. A hypervisor may write what it likes into CPUID, and many copy the host's
/// leaves into a guest that can be moved to another host. Nor that all CPUs of the machine answer alike; asked is the
/// CPU that runs the calling thread.
///
/// Sources, by the names their makers give the leaves:
///   Intel SDM (325462-083US), volume 2A, CPUID; volume 3B, 18.17.1 Invariant TSC.
///   AMD APM volume 3 (24594, revision 3.36), appendix E: Fn8000_0001, Fn8000_0007, Fn8000_0021.
///   Leaf 0x40000010: lwn.net/Articles/301888 (VMware, 2008), "Timing Information"; QEMU 2.9 target/i386/kvm.c,
///   vmware-cpuid-freq; Linux 6.1 arch/x86/include/asm/acrn.h; VirtualBox 7.0 VMMR3/GIMMinimal.cpp.
///   Arm ARM (DDI 0487), The system counter; RISC-V ISA manual, volume I, Zicntr.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/arch_aarch64.hpp>
#include <takt/cpu/arch_x86.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis
class cpu_text;
struct cpu_model;
struct crystal_ratio;
struct cpu_features;

/// Answers a leaf and subleaf of CPUID, be it the processor or a recording.
template <class F>
concept cpuid_reader = requires(F& leaf, std::uint32_t number) {
  { leaf(number, number) } -> std::same_as<x86::cpuid_registers>;
};

template <cpuid_reader F> [[nodiscard]] constexpr cpu_features decode_cpuid(F&& leaf);
template <class = when_called> [[nodiscard]] constexpr cpu_features decode_generic_timer(frequency told) noexcept;
template <class = when_called> [[nodiscard]] cpu_features read_cpu_features() noexcept;

// definitions

/// A name as CPUID holds it, at most 48 characters. It ends at the first NUL, is without spaces at its ends, and what
/// is not printable ASCII is a '?': a hypervisor's idea of a name must not reach somebody's terminal as it stands.
class cpu_text {
public:
  constexpr cpu_text() noexcept = default;

  /// Precondition: at most 12 registers. Each holds four characters, the first in the lowest byte.
  template <std::same_as<std::uint32_t>... Register>
  requires(sizeof...(Register) <= 12) constexpr explicit cpu_text(Register... registers) noexcept {
    (append(registers), ...);
    while (size_ > 0 && text_[size_ - 1] == ' ') --size_;
  }

  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text_, size_}; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  friend constexpr bool operator==(const cpu_text& a, std::string_view b) noexcept { return a.view() == b; }

private:
  constexpr void append(std::uint32_t four) noexcept {
    for (unsigned shift = 0; shift < 32; shift += 8) {
      const unsigned c = four >> shift & 0xff;
      if (c == 0) ended_ = true;
      if (ended_ || (c == ' ' && size_ == 0)) continue;
      text_[size_++] = c >= ' ' && c <= '~' ? static_cast<char>(c) : '?';
    }
  }

  char text_[48] = {};
  std::size_t size_ = 0;
  bool ended_ = false;
};

/// The numbers as Linux and both makers print them, the extended fields added.
struct cpu_model {
  unsigned family = 0, model = 0, stepping = 0;
  friend constexpr bool operator==(cpu_model, cpu_model) noexcept = default;
};

/// Ticks of the counter per tick of the crystal: numerator / denominator, both zero where nobody told.
struct crystal_ratio {
  std::uint32_t numerator = 0, denominator = 0;
  [[nodiscard]] constexpr bool known() const noexcept { return denominator != 0; }
  friend constexpr bool operator==(crystal_ratio, crystal_ratio) noexcept = default;
};

struct cpu_features {
  std::string_view counter; ///< the counter's name: "tsc", "cntvct_el0", "time"

  /// The architecture itself demands one counter for the whole system that counts at a constant rate, as those of
  /// aarch64 and riscv64 do. x86 leaves it to the processor: see invariant_tsc.
  bool system_counter = false;
  /// What the firmware says the counter's rate is (CNTFRQ_EL0). Boards are known that say wrong.
  std::optional<frequency> counter_frequency;

  // the rest is x86; other architectures tell none of it
  cpu_text vendor;                        ///< 0, "GenuineIntel"
  cpu_text brand;                         ///< 0x80000002 to 0x80000004
  cpu_model model;                        ///< 1 EAX; all zero where not told
  std::optional<bool> tsc;                ///< 1 EDX[4]: rdtsc exists
  std::optional<bool> rdtscp;             ///< 0x80000001 EDX[27]: rdtscp and TSC_AUX exist
  std::optional<bool> invariant_tsc;      ///< 0x80000007 EDX[8]: constant rate in all P-, C- and T-states
  std::optional<bool> tsc_deadline;       ///< 1 ECX[24]: the local APIC timer can be set to a counter value
  std::optional<bool> arat;               ///< 6 EAX[2]: the local APIC timer always runs, no broadcast device needed
  std::optional<bool> tsc_adjust;         ///< 7.0 EBX[1]: firmware that tampers with the counter can be found out
  std::optional<bool> lfence_serializing; ///< 0x80000021 EAX[2], AMD: lfence holds back what follows, and must

  crystal_ratio tsc_ratio;                    ///< 0x15 EBX / EAX
  std::optional<frequency> crystal_frequency; ///< 0x15 ECX
  std::optional<frequency> tsc_frequency;     ///< 0x15, only where it gives ratio and crystal
  std::optional<frequency> base_frequency;    ///< 0x16 EAX, in whole MHz: a plausibility bound, no rate of anything

  std::optional<bool> hypervisor;                    ///< 1 ECX[31]
  cpu_text hypervisor_vendor;                        ///< 0x40000000
  std::optional<frequency> hypervisor_tsc_frequency; ///< 0x40000010 EAX, of makers who give that leaf this meaning
};

namespace detail {

/// The highest leaf of the range that starts at `first`, given what leaf `first` says it is. A processor without the
/// range answers with something else altogether, which shows in the upper half (Linux 6.1, get_cpu_cap, checks the
/// extended range likewise); then there is no leaf but the first.
constexpr std::uint32_t last_leaf(std::uint32_t first, std::uint32_t told) noexcept {
  return (told & 0xffff0000) == first ? told : first;
}

/// The answer to a leaf, if there is such a leaf.
struct leaf_answer : x86::cpuid_registers {
  bool told = false;

  [[nodiscard]] constexpr std::optional<bool> bit(std::uint32_t x86::cpuid_registers::*in, unsigned number) const noexcept {
    if (!told) return std::nullopt;
    return (this->*in >> number & 1) != 0;
  }
};

template <class = when_called> constexpr std::optional<frequency> nonzero(double hertz) noexcept {
  if (!(hertz > 0)) return std::nullopt;
  return frequency(hertz);
}

/// The extended model counts from family 6 on, as Linux has it: by the letter of Intel's manual for 6 and 15 alone, but
/// Zhaoxin's processors are of family 7.
constexpr cpu_model decode_model(std::uint32_t eax) noexcept {
  const unsigned base = eax >> 8 & 0xf;
  const unsigned family = base == 0xf ? base + (eax >> 20 & 0xff) : base;
  const unsigned model = (eax >> 4 & 0xf) | (family >= 6 ? eax >> 12 & 0xf0 : 0);
  return {family, model, eax & 0xf};
}

/// Whether the maker of the hypervisor gives leaf 0x40000010 the meaning of VMware's proposal. Hyper-V and Xen have
/// other leaves for it; who has no name (QEMU on WHPX) has not told what its leaves mean.
constexpr bool has_timing_leaf(std::string_view hypervisor) noexcept {
  return hypervisor == "VMwareVMware" || hypervisor == "KVMKVMKVM" || hypervisor == "ACRNACRNACRN" ||
         hypervisor == "VBoxVBoxVBox";
}

} // namespace detail

/// Returns: the facts that the leaves hold. Never asks for a leaf beyond the highest of its range, where Intel answers
/// with data of another leaf, nor for a hypervisor's leaves where no hypervisor says it is there.
/// Calls `leaf` at most 15 times and does nothing else that could fail.
template <cpuid_reader F> constexpr cpu_features decode_cpuid(F&& leaf) {
  using registers = x86::cpuid_registers;
  constexpr std::uint32_t extended = 0x80000000, virtualised = 0x40000000;
  cpu_features f;
  f.counter = "tsc";

  const registers zero = leaf(0, 0);
  f.vendor = cpu_text(zero.ebx, zero.edx, zero.ecx);
  const std::uint32_t last = detail::last_leaf(0, zero.eax);
  const auto ask = [&](std::uint32_t n, std::uint32_t end) {
    return n <= end ? detail::leaf_answer{leaf(n, 0), true} : detail::leaf_answer{};
  };
  const detail::leaf_answer one = ask(1, last), six = ask(6, last), seven = ask(7, last);
  if (one.told) f.model = detail::decode_model(one.eax);
  f.tsc = one.bit(&registers::edx, 4);
  f.tsc_deadline = one.bit(&registers::ecx, 24);
  f.hypervisor = one.bit(&registers::ecx, 31);
  f.arat = six.bit(&registers::eax, 2);
  f.tsc_adjust = seven.bit(&registers::ebx, 1);

  if (const auto r = ask(0x15, last); r.told) {
    f.crystal_frequency = detail::nonzero(r.ecx);
    if (r.eax != 0 && r.ebx != 0) f.tsc_ratio = crystal_ratio{r.ebx, r.eax};
    if (f.tsc_ratio.known() && f.crystal_frequency) // the product has at most 64 bits: double rounds it by 2^-53 at worst
      f.tsc_frequency = frequency(static_cast<double>(std::uint64_t{r.ecx} * r.ebx) / r.eax);
  }
  if (const auto r = ask(0x16, last); r.told) f.base_frequency = detail::nonzero((r.eax & 0xffff) * 1e6);

  const std::uint32_t last_extended = detail::last_leaf(extended, leaf(extended, 0).eax);
  f.rdtscp = ask(0x80000001, last_extended).bit(&registers::edx, 27);
  f.invariant_tsc = ask(0x80000007, last_extended).bit(&registers::edx, 8);
  f.lfence_serializing = ask(0x80000021, last_extended).bit(&registers::eax, 2);
  if (last_extended >= 0x80000004) {
    const registers a = leaf(0x80000002, 0), b = leaf(0x80000003, 0), c = leaf(0x80000004, 0);
    f.brand = cpu_text(a.eax, a.ebx, a.ecx, a.edx, b.eax, b.ebx, b.ecx, b.edx, c.eax, c.ebx, c.ecx, c.edx);
  }

  if (f.hypervisor == true) {
    const registers h = leaf(virtualised, 0);
    f.hypervisor_vendor = cpu_text(h.ebx, h.ecx, h.edx);
    if (detail::last_leaf(virtualised, h.eax) >= 0x40000010 && detail::has_timing_leaf(f.hypervisor_vendor.view()))
      f.hypervisor_tsc_frequency = detail::nonzero(leaf(0x40000010, 0).eax * 1e3);
  }
  return f;
}

/// Returns: the facts of an aarch64 processor whose CNTFRQ_EL0 tells this frequency.
template <class> constexpr cpu_features decode_generic_timer(frequency told) noexcept {
  cpu_features f;
  f.counter = "cntvct_el0";
  f.system_counter = true;
  f.counter_frequency = detail::nonzero(told.hertz());
  return f;
}

/// Returns: the facts of the CPU that runs the calling thread.
/// Precondition: the thread may execute cpuid (arch_prctl(2) ARCH_SET_CPUID).
/// Does not block. Costs up to 15 times cpuid: a microsecond or two; in a guest, where each traps, tens of them.
template <class> cpu_features read_cpu_features() noexcept {
#if defined(__x86_64__)
  return decode_cpuid([](std::uint32_t leaf, std::uint32_t subleaf) noexcept { return x86::cpuid(leaf, subleaf); });
#elif defined(__aarch64__)
  return decode_generic_timer(aarch64::cntfrq());
#elif defined(__riscv) && __riscv_xlen == 64
  cpu_features f; // the rate is in the device tree, not in the processor
  f.counter = "time";
  f.system_counter = true;
  return f;
#else
#error "takt reads the counter of x86-64, aarch64 and riscv64; other architectures are not supported"
#endif
}

} // namespace takt::inline TAKT_ABI
