/// features.hpp - what the processor says about its counter: single facts, never merged into a verdict.
///
/// A fact that the processor does not report is unknown: an empty std::optional, an empty text, or zeros. "Unknown" is
/// not "no". clock/verdict.hpp decides from these facts and the kernel's whether the counter makes a good clock.
///
/// Does not promise: that a fact is true. A hypervisor may write anything into CPUID, and many copy the host's leaves
/// into a guest that can be moved to another host. Nor that all CPUs of the machine answer alike: the answers are those
/// of the CPU that runs the calling thread, and hybrid processors have different ones.
///
/// Sources, with the makers' names for the leaves:
///   Intel SDM (325462-083US), volume 2A, CPUID; volume 3B, 18.17.1 Invariant TSC, 18.7.3 Determining the Processor
///   Base Frequency (table "Nominal Core Crystal Clock Frequency").
///   AMD APM volume 3 (24594, revision 3.36), appendix E: Fn8000_0001, Fn8000_0007, Fn8000_0021.
///   Leaf 0x40000010: lwn.net/Articles/301888 (VMware, 2008), "Timing Information"; QEMU 2.9 target/i386/kvm.c,
///   vmware-cpuid-freq; Linux 6.1 arch/x86/include/asm/acrn.h; VirtualBox 7.0 VMMR3/GIMMinimal.cpp.
///   Arm ARM (DDI 0487), The system counter; RISC-V ISA manual, volume I, Zicntr.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/arch.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis
struct cpu_features;

// definitions

namespace detail {

/// A name as CPUID holds it, at most 48 characters. It ends at the first NUL and has no spaces at its ends. Characters
/// that are not printable ASCII become '?', because a hypervisor must not be able to send control characters to a
/// terminal.
class cpu_text {
public:
  constexpr cpu_text() noexcept = default;

  /// Precondition: at most 12 registers. Each holds four characters, the first in the lowest byte.
  template <std::same_as<std::uint32_t>... Register>
  requires(sizeof...(Register) <= 12) constexpr explicit cpu_text(Register... registers) noexcept {
    (append(registers), ...);
    while (size_ > 0 && text_[size_ - 1] == ' ') --size_;
  }

  /// Returns: the characters, valid as long as this object.
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

/// The processor's model in the numbers that Linux and both makers print. They include the extended fields of CPUID.
struct cpu_model {
  unsigned family = 0;   ///< base and extended family
  unsigned model = 0;    ///< base and extended model
  unsigned stepping = 0; ///< the revision
  friend constexpr bool operator==(cpu_model, cpu_model) noexcept = default;
};

/// Ticks of the counter per tick of the crystal: numerator / denominator. Both are zero if the ratio is unknown.
struct crystal_ratio {
  std::uint32_t numerator = 0, denominator = 0;
  [[nodiscard]] constexpr bool known() const noexcept { return denominator != 0; }
  friend constexpr bool operator==(crystal_ratio, crystal_ratio) noexcept = default;
};

} // namespace detail

/// What one processor reports. The comments of the members for x86 begin with the leaf and the register of CPUID.
struct cpu_features {
  std::string_view counter; ///< the counter's name: "tsc", "cntvct_el0", "time"

  /// Whether the architecture itself demands one counter for the whole system that counts at a constant rate. aarch64
  /// and riscv64 do. x86 leaves it to the processor: see invariant_tsc.
  bool system_counter = false;
  /// The counter's rate as the firmware reports it (CNTFRQ_EL0). On some boards it is wrong.
  std::optional<frequency> counter_frequency;
  /// Whether the processor describes itself by CPUID, as x86 does. If not, all members below are unknown.
  bool cpuid = false;

  detail::cpu_text vendor;                ///< 0: the maker, "GenuineIntel"
  detail::cpu_text brand;                 ///< 0x80000002 to 0x80000004: the name that the maker sells it by
  detail::cpu_model model;                ///< 1 EAX: all zero if unknown
  std::optional<bool> tsc;                ///< 1 EDX[4]: rdtsc exists
  std::optional<bool> rdtscp;             ///< 0x80000001 EDX[27]: rdtscp and TSC_AUX exist
  std::optional<bool> invariant_tsc;      ///< 0x80000007 EDX[8]: constant rate in all P-, C- and T-states
  std::optional<bool> tsc_deadline;       ///< 1 ECX[24]: the local APIC timer can be set to a counter value
  std::optional<bool> arat;               ///< 6 EAX[2]: the local APIC timer always runs, no broadcast device needed
  std::optional<bool> tsc_adjust;         ///< 7.0 EBX[1]: a register shows whether firmware changed the counter
  std::optional<bool> lfence_serializing; ///< 0x80000021 EAX[2], AMD: lfence always holds back later instructions

  detail::crystal_ratio tsc_ratio;            ///< 0x15 EBX / EAX: ticks of the counter per tick of the crystal
  std::optional<frequency> crystal_frequency; ///< 0x15 ECX: the frequency of the crystal
  std::optional<frequency> model_crystal;     ///< the crystal of this model from a table, if 0x15 has only the ratio
  std::optional<frequency> tsc_frequency;     ///< 0x15: the ratio times the crystal of 0x15, or else of the model
  std::optional<frequency> base_frequency;    ///< 0x16 EAX: in whole MHz, a plausibility bound and not a rate

  std::optional<bool> hypervisor;                    ///< 1 ECX[31]: this is a virtual machine
  detail::cpu_text hypervisor_vendor;                ///< 0x40000000: the hypervisor, "KVMKVMKVM"
  std::optional<frequency> hypervisor_tsc_frequency; ///< 0x40000010 EAX: only if this hypervisor defines the leaf so

  /// Returns: the facts of the CPU that runs the calling thread.
  /// Precondition: the thread may execute cpuid (arch_prctl(2) ARCH_SET_CPUID).
  /// Does not block. Executes cpuid up to 15 times, which takes one or two microseconds, and tens of microseconds in a
  /// guest, where each cpuid traps.
  [[nodiscard]] static cpu_features read() noexcept;
};

namespace detail {

/// The answer of one leaf of CPUID.
struct cpuid_registers {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
  friend constexpr bool operator==(const cpuid_registers&, const cpuid_registers&) noexcept = default;
};

/// A function that answers for a leaf and subleaf of CPUID: the processor's own, or one that replays a recording.
template <class F>
concept cpuid_reader = requires(F& leaf, std::uint32_t number) {
  { leaf(number, number) } -> std::same_as<cpuid_registers>;
};

/// Returns: the highest leaf of the range that starts at `first`, where `answer` is what leaf `first` reports as the
/// highest. A processor without the range answers with unrelated data, which the upper half shows; then the result is
/// `first`. Linux 6.1 checks the extended range in the same way (get_cpu_cap).
template <class = for_callers>
constexpr std::uint32_t last_leaf(std::uint32_t first, std::uint32_t answer) noexcept {
  return (answer & 0xffff0000) == first ? answer : first;
}

/// The answer of a leaf that may be missing.
struct leaf_answer : cpuid_registers {
  bool there = false; ///< whether the processor has the leaf

  using member = std::uint32_t cpuid_registers::*;
  [[nodiscard]] constexpr std::optional<bool> bit(member in, unsigned number) const noexcept {
    if (!there) return std::nullopt;
    return (this->*in >> number & 1) != 0;
  }
};

/// Returns: the frequency; nullopt unless it is positive, because a leaf reports an unknown frequency as zero.
template <class = for_callers>
constexpr std::optional<frequency> nonzero(double hertz) noexcept {
  if (!(hertz > 0)) return std::nullopt;
  return frequency(hertz);
}

/// Returns: family, model and stepping in leaf 1. As in Linux, the extended model counts for all families from 6 on.
/// Intel's manual says so for 6 and 15 alone, but Zhaoxin's processors are of family 7.
template <class = for_callers>
constexpr cpu_model decode_model(std::uint32_t eax) noexcept {
  const unsigned base = eax >> 8 & 0xf;
  const unsigned family = base == 0xf ? base + (eax >> 20 & 0xff) : base;
  const unsigned model = (eax >> 4 & 0xf) | (family >= 6 ? eax >> 12 & 0xf0 : 0);
  return {family, model, eax & 0xf};
}

/// The crystal of an Intel processor whose leaf 0x15 reports the ratio but no crystal. Skylake-X stands twice in the
/// table, because its servers have 25 MHz and its workstations 24 MHz (Linux 4.15, "Fix erroneous TSC rate on Skylake
/// Xeon"). Sources: Intel SDM, volume 3B, 18.7.3; Linux 4.8 to 5.2 arch/x86/kernel/tsc.c native_calibrate_tsc (and 6.12
/// for Denverton), intel-family.h.
struct model_crystal {
  unsigned model; // of family 6
  double hertz;
};
/// The known crystals. A model may stand here more than once.
inline constexpr model_crystal crystals[] = {
    {0x4e, 24e6},   // Skylake, mobile
    {0x5e, 24e6},   // Skylake, desktop
    {0x8e, 24e6},   // Kaby Lake, mobile
    {0x9e, 24e6},   // Kaby Lake, desktop
    {0x55, 25e6},   // Skylake-X, server
    {0x55, 24e6},   // Skylake-X, workstation
    {0x5c, 19.2e6}, // Goldmont (Apollo Lake)
    {0x5f, 25e6},   // Goldmont D (Denverton)
};
/// The largest plausible difference of the counter's rate from the base frequency, as a fraction: 1.5 %. The base
/// frequency is in whole MHz and often rounded to 100 MHz: 2208 and 2200. The crystals of one model are 4 % apart.
inline constexpr double crystal_plausible = 0.015;

/// Returns: the crystal of this model for which ratio times crystal is near the base frequency. If the base frequency
/// is unknown, the crystal of a model that has only one in the table. Otherwise nullopt.
template <class = for_callers>
constexpr std::optional<frequency> crystal_of(cpu_model m, crystal_ratio r, std::optional<frequency> base) noexcept {
  std::optional<frequency> found;
  if (m.family != 6 || !r.known()) return found;
  for (const model_crystal& c : crystals) {
    if (c.model != m.model) continue;
    const double rate = c.hertz * r.numerator / r.denominator;
    const double off = base ? rate / base->hertz() - 1 : 0;
    if (off > crystal_plausible || off < -crystal_plausible) continue;
    if (found) return std::nullopt; // more than one
    found = frequency(c.hertz);
  }
  return found;
}

/// Returns: whether this hypervisor gives leaf 0x40000010 the meaning of VMware's proposal. Hyper-V and Xen report the
/// rate in other leaves. Some hypervisors have no name (QEMU on WHPX), and what their leaves mean is unknown.
template <class = for_callers>
constexpr bool has_timing_leaf(std::string_view hypervisor) noexcept {
  return hypervisor == "VMwareVMware" || hypervisor == "KVMKVMKVM" || hypervisor == "ACRNACRNACRN" ||
         hypervisor == "VBoxVBoxVBox";
}

/// Returns: the facts in the leaves of CPUID. It never asks for a leaf beyond the highest of its range, because Intel
/// answers that with data of another leaf. It asks for a hypervisor's leaves only if leaf 1 reports a hypervisor.
/// Calls `leaf` at most 15 times and does nothing else that could fail.
template <cpuid_reader F> [[nodiscard]] constexpr cpu_features decode_cpuid(F&& leaf) {
  using registers = cpuid_registers;
  constexpr std::uint32_t extended = 0x80000000, virtualised = 0x40000000;
  cpu_features f;
  f.counter = "tsc";
  f.cpuid = true;

  const registers zero = leaf(0, 0);
  f.vendor = cpu_text(zero.ebx, zero.edx, zero.ecx);
  const std::uint32_t last = last_leaf(0, zero.eax);
  const auto ask = [&](std::uint32_t n, std::uint32_t end) {
    return n <= end ? leaf_answer{leaf(n, 0), true} : leaf_answer{};
  };
  const leaf_answer one = ask(1, last), six = ask(6, last), seven = ask(7, last);
  if (one.there) f.model = decode_model(one.eax);
  f.tsc = one.bit(&registers::edx, 4);
  f.tsc_deadline = one.bit(&registers::ecx, 24);
  f.hypervisor = one.bit(&registers::ecx, 31);
  f.arat = six.bit(&registers::eax, 2);
  f.tsc_adjust = seven.bit(&registers::ebx, 1);

  if (const auto r = ask(0x16, last); r.there) f.base_frequency = nonzero((r.eax & 0xffff) * 1e6);
  if (const auto r = ask(0x15, last); r.there) {
    f.crystal_frequency = nonzero(r.ecx);
    if (r.eax != 0 && r.ebx != 0) f.tsc_ratio = crystal_ratio{r.ebx, r.eax};
    // A hypervisor may scale the counter. Then the rate does not follow from the crystal of the host's model.
    if (!f.crystal_frequency && f.vendor == "GenuineIntel" && f.hypervisor == false)
      f.model_crystal = crystal_of(f.model, f.tsc_ratio, f.base_frequency);
    if (f.tsc_ratio.known() && f.crystal_frequency) // at most 64 bits: double rounds it by 2^-53 at worst
      f.tsc_frequency = frequency(static_cast<double>(std::uint64_t{r.ecx} * r.ebx) / r.eax);
    else if (f.model_crystal) f.tsc_frequency = frequency(f.model_crystal->hertz() * r.ebx / r.eax);
  }

  const std::uint32_t last_extended = last_leaf(extended, leaf(extended, 0).eax);
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
    if (last_leaf(virtualised, h.eax) >= 0x40000010 && has_timing_leaf(f.hypervisor_vendor.view()))
      f.hypervisor_tsc_frequency = nonzero(leaf(0x40000010, 0).eax * 1e3);
  }
  return f;
}

/// Returns: the facts of an aarch64 processor whose CNTFRQ_EL0 holds this frequency.
template <class = for_callers>
[[nodiscard]] constexpr cpu_features decode_generic_timer(frequency cntfrq) noexcept {
  cpu_features f;
  f.counter = "cntvct_el0";
  f.system_counter = true;
  f.counter_frequency = nonzero(cntfrq.hertz());
  return f;
}

/// Turns the processor's description of itself into facts. arch::describe() calls the function for its architecture.
struct feature_decoder {
  using registers = cpuid_registers;
  /// Returns: the facts of an x86 processor.
  template <cpuid_reader F> [[nodiscard]] cpu_features cpuid(F leaf) const noexcept { return decode_cpuid(leaf); }
  /// Returns: the facts of a processor of another architecture that reports at most the counter's rate. A rate of 0 Hz
  /// is unknown.
  template <class = for_callers> [[nodiscard]] cpu_features rate(frequency reported) const noexcept {
    cpu_features f = decode_generic_timer(reported);
    f.counter = arch::counter_name;
    f.system_counter = arch::system_counter;
    return f;
  }
};

} // namespace detail

inline cpu_features cpu_features::read() noexcept { return detail::arch::describe(detail::feature_decoder()); }

} // namespace takt::inline TAKT_ABI
