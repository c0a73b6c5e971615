/// cpuid_recordings.hpp - leaves of CPUID as processors and hypervisors answered them, and a reader that plays them
/// back.
///
/// Each recording says where it comes from. "Recorded" is what a machine answered; "constructed" is a recording with
/// leaves put in by hand from documentation, and says which. Only the leaves that takt may ask for are kept: a question
/// for any other is a stray read, and so is one beyond the highest leaf of its range, whether or not real hardware
/// would happen to answer it with zeros.
#pragma once
#include <takt/cpu/arch_x86.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

namespace takt_tests {

struct cpuid_leaf {
  std::uint32_t number, eax, ebx, ecx, edx;
};

struct cpuid_recording {
  std::string_view name;
  std::vector<cpuid_leaf> leaves; // subleaf 0 each

  cpuid_leaf& operator[](std::uint32_t number) {
    for (cpuid_leaf& leaf : leaves)
      if (leaf.number == number) return leaf;
    return leaves.emplace_back(cpuid_leaf{number, 0, 0, 0, 0});
  }
};

/// A stray read is counted and answered with all ones, so that a reader that believes it gets every fact wrong.
class cpuid_player {
public:
  explicit cpuid_player(const cpuid_recording& recording) : leaves_(recording.leaves) {}

  takt::detail::cpuid_registers operator()(std::uint32_t number, std::uint32_t subleaf) {
    ++reads;
    for (const cpuid_leaf& leaf : leaves_)
      if (leaf.number == number && subleaf == 0) return {leaf.eax, leaf.ebx, leaf.ecx, leaf.edx};
    ++strays;
    return {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff};
  }

  int reads = 0;
  int strays = 0;

private:
  std::vector<cpuid_leaf> leaves_;
};

// Recorded on an AMD Athlon 64 3200+ (2005): InstLatx64, AuthenticAMD0020FF0_K8_Venice_CPUID.txt. Its counter follows
// the core's clock; leaf 1 is its highest.
inline cpuid_recording athlon_64() {
  return {"Athlon 64 3200+",
          {{0x00000000, 0x00000001, 0x68747541, 0x444d4163, 0x69746e65},
           {0x00000001, 0x00020ff0, 0x00000800, 0x00000001, 0x078bfbff},
           {0x80000000, 0x80000018, 0x68747541, 0x444d4163, 0x69746e65},
           {0x80000001, 0x00020ff0, 0x0000010a, 0x00000001, 0xe3d3fbff},
           {0x80000002, 0x20444d41, 0x6c687441, 0x74286e6f, 0x3620296d},
           {0x80000003, 0x72502034, 0x7365636f, 0x20726f73, 0x30303233},
           {0x80000004, 0x0000002b, 0x00000000, 0x00000000, 0x00000000},
           {0x80000007, 0x00000000, 0x00000000, 0x00000000, 0x0000003f}}};
}

// Recorded on an Intel Core i7-4770 (2013): InstLatx64, GenuineIntel00306C3_Haswell_CPUID.txt. No leaf 0x15.
inline cpuid_recording haswell() {
  return {"Core i7-4770",
          {{0x00000000, 0x0000000d, 0x756e6547, 0x6c65746e, 0x49656e69},
           {0x00000001, 0x000306c3, 0x00100800, 0x7ffafbff, 0xbfebfbff},
           {0x00000006, 0x00000075, 0x00000002, 0x00000009, 0x00000000},
           {0x00000007, 0x00000000, 0x000027ab, 0x00000000, 0x00000000},
           {0x80000000, 0x80000008, 0x00000000, 0x00000000, 0x00000000},
           {0x80000001, 0x00000000, 0x00000000, 0x00000021, 0x2c100000},
           {0x80000002, 0x65746e49, 0x2952286c, 0x726f4320, 0x4d542865},
           {0x80000003, 0x37692029, 0x3737342d, 0x50432030, 0x20402055},
           {0x80000004, 0x30342e33, 0x007a4847, 0x00000000, 0x00000000},
           {0x80000007, 0x00000000, 0x00000000, 0x00000000, 0x00000100}}};
}

// Recorded on an Intel Core i5-6400T (2015): InstLatx64, GenuineIntel00506E3_Skylake_CPUID.txt. Leaf 0x15 gives the
// ratio and leaves the crystal out.
inline cpuid_recording skylake() {
  return {"Core i5-6400T",
          {{0x00000000, 0x00000016, 0x756e6547, 0x6c65746e, 0x49656e69},
           {0x00000001, 0x000506e3, 0x00100800, 0x7ffafbff, 0xbfebfbff},
           {0x00000006, 0x000007f5, 0x00000002, 0x00000009, 0x00000000},
           {0x00000007, 0x00000000, 0x029c67af, 0x00000000, 0x00000000},
           {0x00000015, 0x00000002, 0x000000b8, 0x00000000, 0x00000000},
           {0x00000016, 0x00000898, 0x00000af0, 0x00000064, 0x00000000},
           {0x80000000, 0x80000008, 0x00000000, 0x00000000, 0x00000000},
           {0x80000001, 0x00000000, 0x00000000, 0x00000121, 0x2c100000},
           {0x80000002, 0x65746e49, 0x2952286c, 0x726f4320, 0x4d542865},
           {0x80000003, 0x35692029, 0x3034362d, 0x43205430, 0x40205550},
           {0x80000004, 0x322e3220, 0x7a484730, 0x00000000, 0x00000000},
           {0x80000007, 0x00000000, 0x00000000, 0x00000000, 0x00000100}}};
}

// Recorded on an Intel Core i7-1065G7 (2019): InstLatx64, GenuineIntel00706E5_IceLakeY_CPUID.txt. Leaf 0x15 is
// complete, 38.4 MHz times 78 / 2; sold as 1.30 GHz.
inline cpuid_recording ice_lake() {
  return {"Core i7-1065G7",
          {{0x00000000, 0x0000001b, 0x756e6547, 0x6c65746e, 0x49656e69},
           {0x00000001, 0x000706e5, 0x00100800, 0x7ffafbbf, 0xbfebfbff},
           {0x00000006, 0x0007aff5, 0x00000002, 0x00000009, 0x00000000},
           {0x00000007, 0x00000000, 0xf2bf27ef, 0x40405f4e, 0xbc000410},
           {0x00000015, 0x00000002, 0x0000004e, 0x0249f000, 0x00000000},
           {0x00000016, 0x000005dc, 0x00000f3c, 0x00000064, 0x00000000},
           {0x80000000, 0x80000008, 0x00000000, 0x00000000, 0x00000000},
           {0x80000001, 0x00000000, 0x00000000, 0x00000121, 0x2c100000},
           {0x80000002, 0x65746e49, 0x2952286c, 0x726f4320, 0x4d542865},
           {0x80000003, 0x37692029, 0x3630312d, 0x20374735, 0x20555043},
           {0x80000004, 0x2e312040, 0x48473033, 0x0000007a, 0x00000000},
           {0x80000007, 0x00000000, 0x00000000, 0x00000000, 0x00000100}}};
}

// Recorded on an AMD EPYC 9654 (2022): InstLatx64, AuthenticAMD0A10F11_K19_Genoa_01_CPUID.txt. Its name is padded with
// blanks.
inline cpuid_recording genoa() {
  return {"EPYC 9654",
          {{0x00000000, 0x00000010, 0x68747541, 0x444d4163, 0x69746e65},
           {0x00000001, 0x00a10f11, 0x00c00800, 0x7efa320b, 0x178bfbff},
           {0x00000006, 0x00000004, 0x00000000, 0x00000001, 0x00000000},
           {0x00000007, 0x00000001, 0xf1bf97a9, 0x00415fce, 0x10000010},
           {0x80000000, 0x80000028, 0x68747541, 0x444d4163, 0x69746e65},
           {0x80000001, 0x00a10f11, 0x40000000, 0x75c237ff, 0x2fd3fbff},
           {0x80000002, 0x20444d41, 0x43595045, 0x35363920, 0x36392034},
           {0x80000003, 0x726f432d, 0x72502065, 0x7365636f, 0x20726f73},
           {0x80000004, 0x20202020, 0x20202020, 0x20202020, 0x00202020},
           {0x80000007, 0x00000000, 0x0000003b, 0x00000000, 0x00006799},
           {0x80000021, 0x00062fcf, 0x0000015c, 0x00000000, 0x00000000}}};
}

// Recorded in a Firecracker guest (KVM, Linux 6.18) on such a processor.
inline cpuid_recording kvm_guest() {
  return {"KVM guest on EPYC",
          {{0x00000000, 0x0000001c, 0x68747541, 0x444d4163, 0x69746e65},
           {0x00000001, 0x00a10f11, 0x01020800, 0xfffa3203, 0x178bfbff},
           {0x00000006, 0x00000004, 0x00000000, 0x00000000, 0x00000000},
           {0x00000007, 0x00000001, 0xf1bf07ab, 0x00405fc6, 0x00000010},
           {0x00000015, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x00000016, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x40000000, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x0000004d},
           {0x80000000, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65},
           {0x80000001, 0x00a10f11, 0x40000000, 0x004003f3, 0x2fd3fbff},
           {0x80000002, 0x20444d41, 0x43595045, 0x00000000, 0x00000000},
           {0x80000003, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x80000004, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x80000007, 0x00000000, 0x00000000, 0x00000000, 0x00000100},
           {0x80000021, 0x00000204, 0x00000000, 0x00000086, 0x00000000}}};
}

// Recorded under qemu-x86_64 7.2 -cpu qemu64: emulated (TCG), no invariant counter, no rdtscp.
inline cpuid_recording tcg_guest() {
  return {"QEMU TCG, qemu64",
          {{0x00000000, 0x0000000d, 0x68747541, 0x444d4163, 0x69746e65},
           {0x00000001, 0x00060fb1, 0x00000800, 0x80002001, 0x078bfbfd},
           {0x00000006, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x00000007, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x40000000, 0x40000001, 0x54474354, 0x43544743, 0x47435447},
           {0x80000000, 0x8000000a, 0x68747541, 0x444d4163, 0x69746e65},
           {0x80000001, 0x00060fb1, 0x00000000, 0x00000005, 0x2193fbfd},
           {0x80000002, 0x554d4551, 0x72695620, 0x6c617574, 0x55504320},
           {0x80000003, 0x72657620, 0x6e6f6973, 0x352e3220, 0x0000002b},
           {0x80000004, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x80000007, 0x00000000, 0x00000000, 0x00000000, 0x00000000}}};
}

// Recorded in the control domain of Xen (paravirtual) on a Ryzen 9 5950X: a mail by Steven Noonan to linux-kernel,
// 2025-12-04. The hypervisor bit is set and leaf 0x40000000 is empty.
inline cpuid_recording xen_dom0() {
  return {"Xen dom0 on Ryzen 9 5950X",
          {{0x00000000, 0x00000010, 0x68747541, 0x444d4163, 0x69746e65},
           {0x00000001, 0x00a20f12, 0x00200800, 0xfef83203, 0x1789c3f5},
           {0x00000006, 0x00000004, 0x00000000, 0x00000001, 0x00000000},
           {0x00000007, 0x00000000, 0x218c0329, 0x0040068c, 0x00000010},
           {0x40000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000},
           {0x80000000, 0x80000023, 0x68747541, 0x444d4163, 0x69746e65},
           {0x80000001, 0x00a20f12, 0x20000000, 0x440001e3, 0x2bd1cbf5},
           {0x80000002, 0x20444d41, 0x657a7952, 0x2039206e, 0x30353935},
           {0x80000003, 0x36312058, 0x726f432d, 0x72502065, 0x7365636f},
           {0x80000004, 0x20726f73, 0x20202020, 0x20202020, 0x00202020},
           {0x80000007, 0x00000000, 0x0000003b, 0x00000000, 0x00006799},
           {0x80000021, 0x0000004d, 0x00000000, 0x00000000, 0x00000000}}};
}

// Constructed: the i5-6400T above with the hypervisor bit and two leaves as VMware documents them
// (lwn.net/Articles/301888: EAX the counter's frequency in kHz, EBX that of the bus). The frequency is made up.
inline cpuid_recording vmware_guest() {
  cpuid_recording r = skylake();
  r.name = "VMware guest (constructed)";
  r[1].ecx |= std::uint32_t{1} << 31;
  r[0x40000000] = {0x40000000, 0x40000010, 0x61774d56, 0x4d566572, 0x65726177};
  r[0x40000010] = {0x40000010, 2'208'006, 66'000, 0, 0};
  return r;
}

// Constructed: the Firecracker guest above as QEMU's -cpu host,+invtsc,vmware-cpuid-freq=on would have it
// (target/i386/kvm.c since 2.9: EAX the counter's frequency in kHz, EBX the fixed rate of the local APIC timer).
inline cpuid_recording kvm_guest_with_timing_leaf() {
  cpuid_recording r = kvm_guest();
  r.name = "KVM guest with vmware-cpuid-freq (constructed)";
  r[0x40000000].eax = 0x40000010;
  r[0x40000010] = {0x40000010, 2'596'145, 1'000'000, 0, 0};
  return r;
}

// Constructed: Hyper-V's name over the Ice Lake above. Its specification (TLFS 6.0, "Feature and interface discovery")
// has no leaf 0x40000010; what lies there is no frequency.
inline cpuid_recording hyper_v_guest() {
  cpuid_recording r = ice_lake();
  r.name = "Hyper-V guest (constructed)";
  r[1].ecx |= std::uint32_t{1} << 31;
  r[0x40000000] = {0x40000000, 0x40000010, 0x7263694d, 0x666f736f, 0x76482074};
  return r; // 0x40000010 is not in it: to ask for it is a stray read
}

inline std::vector<cpuid_recording> all_cpuid_recordings() {
  return {athlon_64(),    haswell(),   skylake(),  ice_lake(),     genoa(),
          kvm_guest(),    tcg_guest(), xen_dom0(), vmware_guest(), kvm_guest_with_timing_leaf(),
          hyper_v_guest()};
}

} // namespace takt_tests
