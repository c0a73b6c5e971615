// Protects: the decoding of CPUID: each fact is right for recorded processors and hypervisors, what a processor does
// not report stays unknown, and no leaf is asked for that does not exist.
#include <takt/cpu/features.hpp>

#include "support/cpuid_recordings.hpp"
#include <doctest/doctest.h>
#include <optional>
#include <string>
#include <type_traits>

namespace {

using namespace takt_tests;
using std::nullopt;
using takt::cpu_features;
using takt::detail::cpu_model;
using takt::detail::cpu_text;
using takt::detail::crystal_ratio;
using takt::frequency;

cpu_features decode(const cpuid_recording& recording) {
  cpuid_player player(recording);
  const cpu_features f = takt::detail::decode_cpuid(player);
  CHECK_MESSAGE(player.strays == 0, recording.name);
  CHECK_MESSAGE(player.reads <= 15, recording.name);
  return f;
}

std::optional<frequency> hertz(double value) { return frequency(value); }

TEST_CASE("every recording is decoded without a question for a leaf that is not there") {
  for (const cpuid_recording& r : all_cpuid_recordings()) {
    const cpu_features f = decode(r);
    CHECK(f.counter == "tsc");
    CHECK(f.tsc == true);
    CHECK_FALSE(f.system_counter);
    CHECK(f.cpuid);
    CHECK(f.counter_frequency == nullopt);
  }
}

TEST_CASE("a processor of 2005 reports little, and the rest is unknown") {
  const cpu_features f = decode(athlon_64());
  CHECK(f.vendor == "AuthenticAMD");
  CHECK(f.brand == "AMD Athlon(tm) 64 Processor 3200+");
  CHECK(f.model == cpu_model{15, 47, 0});
  CHECK(f.rdtscp == false);
  CHECK(f.invariant_tsc == false);
  CHECK(f.tsc_deadline == false);
  CHECK(f.arat == nullopt);       // leaf 6 is beyond its last
  CHECK(f.tsc_adjust == nullopt); // leaf 7 likewise
  CHECK(f.lfence_serializing == nullopt);
  CHECK(f.hypervisor == false);
  CHECK(f.hypervisor_vendor.empty());
  CHECK(f.tsc_frequency == nullopt);
  CHECK(f.base_frequency == nullopt);
}

TEST_CASE("Intel without leaf 0x15 names no frequency") {
  const cpu_features f = decode(haswell());
  CHECK(f.vendor == "GenuineIntel");
  CHECK(f.brand == "Intel(R) Core(TM) i7-4770 CPU @ 3.40GHz");
  CHECK(f.model == cpu_model{6, 60, 3});
  CHECK(f.rdtscp == true);
  CHECK(f.invariant_tsc == true);
  CHECK(f.tsc_deadline == true);
  CHECK(f.arat == true);
  CHECK(f.tsc_adjust == true);
  CHECK(f.lfence_serializing == nullopt); // Intel's last extended leaf is 0x80000008
  CHECK(f.tsc_ratio == crystal_ratio{});
  CHECK(f.crystal_frequency == nullopt);
  CHECK(f.tsc_frequency == nullopt);
  CHECK(f.base_frequency == nullopt);
}

TEST_CASE("a ratio without a crystal is a frequency by the crystal of the model") {
  const cpu_features f = decode(skylake());
  CHECK(f.model == cpu_model{6, 94, 3});
  CHECK(f.tsc_ratio == crystal_ratio{184, 2});
  CHECK(f.crystal_frequency == nullopt);
  CHECK(f.model_crystal == hertz(24'000'000));
  CHECK(f.tsc_frequency == hertz(2'208'000'000));
  CHECK(f.base_frequency == hertz(2'200'000'000));
}

TEST_CASE("the crystal of a model is taken only where it is certain") {
  const auto changed = [](std::uint32_t eax, auto change) {
    cpuid_recording r = skylake();
    r[1].eax = eax;
    change(r);
    return decode(r);
  };
  const auto as_it_is = [](cpuid_recording&) {};
  const auto ratio = [](std::uint32_t numerator, std::uint32_t base) {
    return [=](cpuid_recording& r) { r[0x15].ebx = numerator, r[0x16].eax = base; };
  };
  CHECK(changed(0x000506c9, [](cpuid_recording& r) { r[0].eax = 0x15, r[0x15].ebx = 156; }).tsc_frequency ==
        hertz(1'497'600'000)); // Goldmont, 19.2 MHz times 78; no leaf 0x16
  CHECK(changed(0x000506f1, [](cpuid_recording& r) { r[0].eax = 0x15, r[0x15].ebx = 176; }).tsc_frequency ==
        hertz(2'200'000'000)); // Denverton
  CHECK(changed(0x000406e3, as_it_is).model_crystal == hertz(24'000'000));
  CHECK(changed(0x000806ea, as_it_is).model_crystal == hertz(24'000'000));
  CHECK(changed(0x000906e9, as_it_is).model_crystal == hertz(24'000'000));
  // Skylake-X has one or the other: the base frequency decides, and without it nothing does.
  CHECK(changed(0x00050654, ratio(168, 2100)).tsc_frequency == hertz(2'100'000'000));
  CHECK(changed(0x00050654, ratio(300, 3600)).tsc_frequency == hertz(3'600'000'000));
  CHECK(changed(0x00050654, [](cpuid_recording& r) { r[0].eax = 0x15; }).tsc_frequency == nullopt);
  CHECK(changed(0x00050654, ratio(168, 0)).tsc_frequency == nullopt);
  // A crystal that contradicts the base frequency is not that of this processor.
  CHECK(changed(0x000506e3, ratio(184, 2600)).model_crystal == nullopt);
  // Unknown models, other makers, and guests.
  CHECK(changed(0x000a0655, as_it_is).tsc_frequency == nullopt);
  CHECK(changed(0x000f0655, as_it_is).tsc_frequency == nullopt);
  CHECK(changed(0x000506e3, [](cpuid_recording& r) { r[0].ebx = 0x68747541; }).tsc_frequency == nullopt);
  CHECK(changed(0x000506e3, [](cpuid_recording& r) {
          r[1].ecx |= 1u << 31;
          r[0x40000000] = {0x40000000, 0x40000000, 0, 0, 0};
        }).tsc_frequency == nullopt);
  CHECK(changed(0x000506e3, [](cpuid_recording& r) { r[0x15].ebx = 0; }).tsc_frequency == nullopt);
  CHECK(decode(ice_lake()).model_crystal == nullopt); // it reports its own
}

TEST_CASE("a complete leaf 0x15 gives the counter's frequency, which is not the base frequency of 0x16") {
  const cpu_features f = decode(ice_lake());
  CHECK(f.brand == "Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz");
  CHECK(f.tsc_ratio == crystal_ratio{78, 2});
  CHECK(f.crystal_frequency == hertz(38'400'000));
  CHECK(f.tsc_frequency == hertz(1'497'600'000));
  CHECK(f.base_frequency == hertz(1'500'000'000));
}

TEST_CASE("AMD says that its lfence serializes, and its padded name loses the blanks") {
  const cpu_features f = decode(genoa());
  CHECK(f.brand == "AMD EPYC 9654 96-Core Processor");
  CHECK(f.model == cpu_model{25, 17, 1});
  CHECK(f.rdtscp == true);
  CHECK(f.invariant_tsc == true);
  CHECK(f.lfence_serializing == true);
  CHECK(f.tsc_deadline == false); // AMD's local APIC has no such mode
  CHECK(f.arat == true);
  CHECK(f.tsc_adjust == false);
  CHECK(f.hypervisor == false);
  CHECK(f.tsc_frequency == nullopt); // its last leaf is 0x10
}

TEST_CASE("a KVM guest: what the hypervisor adds and what it hides") {
  const cpu_features f = decode(kvm_guest());
  CHECK(f.vendor == "AuthenticAMD");
  CHECK(f.brand == "AMD EPYC");
  CHECK(f.hypervisor == true);
  CHECK(f.hypervisor_vendor == "KVMKVMKVM");
  CHECK(f.tsc_deadline == true); // KVM's own local APIC has it on AMD too
  CHECK(f.tsc_adjust == true);
  CHECK(f.lfence_serializing == true);
  CHECK(f.tsc_ratio == crystal_ratio{}); // leaf 0x15 is there and empty
  CHECK(f.tsc_frequency == nullopt);
  CHECK(f.base_frequency == nullopt); // 0x16 likewise
  CHECK(f.hypervisor_tsc_frequency == nullopt);
}

TEST_CASE("an emulator may be without invariant counter and without rdtscp") {
  const cpu_features f = decode(tcg_guest());
  CHECK(f.brand == "QEMU Virtual CPU version 2.5+");
  CHECK(f.hypervisor_vendor == "TCGTCGTCGTCG");
  CHECK(f.model == cpu_model{15, 107, 1});
  CHECK(f.rdtscp == false);
  CHECK(f.invariant_tsc == false);
  CHECK(f.arat == false);
  CHECK(f.tsc_adjust == false);
}

TEST_CASE("a hypervisor that says it is there and nothing else has no name") {
  const cpu_features f = decode(xen_dom0());
  CHECK(f.hypervisor == true);
  CHECK(f.hypervisor_vendor.empty());
  CHECK(f.hypervisor_tsc_frequency == nullopt);
  CHECK(f.brand == "AMD Ryzen 9 5950X 16-Core Processor");
}

TEST_CASE("leaf 0x40000010 is a frequency where its maker says so") {
  CHECK(decode(vmware_guest()).hypervisor_vendor == "VMwareVMware");
  CHECK(decode(vmware_guest()).hypervisor_tsc_frequency == hertz(2'208'006'000));
  CHECK(decode(kvm_guest_with_timing_leaf()).hypervisor_tsc_frequency == hertz(2'596'145'000));
  CHECK(decode(hyper_v_guest()).hypervisor_vendor == "Microsoft Hv");
  CHECK(decode(hyper_v_guest()).hypervisor_tsc_frequency == nullopt);

  SUBCASE("ACRN and VirtualBox say so too, Xen has another leaf for it") {
    const auto told_by = [](std::uint32_t ebx, std::uint32_t ecx, std::uint32_t edx) {
      cpuid_recording r = vmware_guest();
      r[0x40000000] = {0x40000000, 0x40000010, ebx, ecx, edx};
      return decode(r).hypervisor_tsc_frequency;
    };
    CHECK(told_by(0x4e524341, 0x4e524341, 0x4e524341) == hertz(2'208'006'000));
    CHECK(told_by(0x786f4256, 0x786f4256, 0x786f4256) == hertz(2'208'006'000));
    CHECK(told_by(0x566e6558, 0x65584d4d, 0x4d4d566e) == nullopt);
  }
  SUBCASE("not one leaf too early") {
    cpuid_recording r = vmware_guest();
    r[0x40000000].eax = 0x4000000f;
    CHECK(decode(r).hypervisor_tsc_frequency == nullopt);
  }
  SUBCASE("not when it is zero") {
    cpuid_recording r = vmware_guest();
    r[0x40000010].eax = 0;
    CHECK(decode(r).hypervisor_tsc_frequency == nullopt);
  }
  SUBCASE("not where no hypervisor says it is there: bare hardware answers with something else") {
    cpuid_recording r = vmware_guest();
    r[1].ecx &= 0x7fffffff;
    const cpu_features f = decode(r);
    CHECK(f.hypervisor == false);
    CHECK(f.hypervisor_vendor.empty());
    CHECK(f.hypervisor_tsc_frequency == nullopt);
  }
  SUBCASE("not from one without a name, as QEMU on WHPX is") {
    cpuid_recording r = vmware_guest();
    r[0x40000000] = {0x40000000, 0x40000010, 0, 0, 0};
    CHECK(decode(r).hypervisor_tsc_frequency == nullopt);
  }
  SUBCASE("not from one whose highest leaf is nonsense") {
    for (const std::uint32_t last : {0x00000000u, 0x3fffffffu, 0x40010010u, 0x80000010u, 0xffffffffu}) {
      cpuid_recording r = vmware_guest();
      r[0x40000000].eax = last;
      CHECK(decode(r).hypervisor_vendor == "VMwareVMware");
      CHECK(decode(r).hypervisor_tsc_frequency == nullopt);
    }
  }
}

TEST_CASE("each fact hangs on its own bit") {
  struct one_bit {
    std::uint32_t leaf;
    std::uint32_t cpuid_leaf::*in;
    unsigned number;
    std::optional<bool> cpu_features::*fact;
  };
  const one_bit bits[] = {
      {1, &cpuid_leaf::edx, 4, &cpu_features::tsc},
      {1, &cpuid_leaf::ecx, 24, &cpu_features::tsc_deadline},
      {6, &cpuid_leaf::eax, 2, &cpu_features::arat},
      {7, &cpuid_leaf::ebx, 1, &cpu_features::tsc_adjust},
      {0x80000001, &cpuid_leaf::edx, 27, &cpu_features::rdtscp},
      {0x80000007, &cpuid_leaf::edx, 8, &cpu_features::invariant_tsc},
      {0x80000021, &cpuid_leaf::eax, 2, &cpu_features::lfence_serializing},
  };
  for (const one_bit& b : bits) {
    CAPTURE(b.leaf);
    cpuid_recording only = genoa(), all_but = genoa();
    for (cpuid_recording* r : {&only, &all_but}) {
      cpuid_leaf& leaf = (*r)[b.leaf];
      const std::uint32_t fill = r == &only ? 0 : 0xffffffff;
      leaf.eax = leaf.ebx = leaf.ecx = leaf.edx = fill;
      leaf.*b.in ^= std::uint32_t{1} << b.number;
      (*r)[1].ecx &= 0x7fffffff; // no hypervisor: that bit opens leaves of its own
    }
    const cpu_features with = decode(only), without = decode(all_but);
    for (const one_bit& other : bits) {
      if (other.fact == b.fact) {
        CHECK((with.*other.fact) == true);
        CHECK((without.*other.fact) == false);
      } else if (other.leaf == b.leaf) {
        CHECK((with.*other.fact) == false);
        CHECK((without.*other.fact) == true);
      }
    }
  }
}

TEST_CASE("a last leaf of zero leaves the name alone") {
  cpuid_recording r{"last leaf 0", {{0, 0, 0x756e6547, 0x6c65746e, 0x49656e69}, {0x80000000, 0, 0, 0, 0}}};
  const cpu_features f = decode(r);
  CHECK(f.vendor == "GenuineIntel");
  CHECK(f.brand.empty());
  CHECK(f.model == cpu_model{});
  CHECK(f.tsc == nullopt);
  CHECK(f.rdtscp == nullopt);
  CHECK(f.invariant_tsc == nullopt);
  CHECK(f.hypervisor == nullopt);
}

TEST_CASE("leaves that are all ones say nothing") {
  cpuid_recording r{"all ones", {}};
  for (const std::uint32_t leaf : {0u, 0x80000000u}) r[leaf] = {leaf, ~0u, ~0u, ~0u, ~0u};
  const cpu_features f = decode(r);
  CHECK(f.vendor == "????????????");
  CHECK(f.brand.empty());
  CHECK(f.tsc == nullopt);
  CHECK(f.invariant_tsc == nullopt);
  CHECK(f.tsc_frequency == nullopt);
}

TEST_CASE("a processor without extended leaves answers 0x80000000 with another leaf") {
  for (const std::uint32_t last : {0u, 0x00000340u, 0x7fffffffu, 0x80010000u, 0x80860000u, 0xc0000001u}) {
    cpuid_recording r = haswell();
    r[0x80000000].eax = last;
    const cpu_features f = decode(r);
    CHECK(f.rdtscp == nullopt);
    CHECK(f.invariant_tsc == nullopt);
    CHECK(f.brand.empty());
    CHECK(f.tsc == true);
  }
}

TEST_CASE("the last leaf of a range belongs to it, the next does not") {
  cpuid_recording r = ice_lake();
  r[0].eax = 0x16;
  CHECK(decode(r).base_frequency == hertz(1'500'000'000));
  r[0].eax = 0x15;
  CHECK(decode(r).base_frequency == nullopt);
  CHECK(decode(r).tsc_frequency == hertz(1'497'600'000));
  r[0].eax = 0x14;
  CHECK(decode(r).tsc_ratio == crystal_ratio{});
  CHECK(decode(r).crystal_frequency == nullopt);
  r[0x80000000].eax = 0x80000004;
  CHECK(decode(r).brand == "Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz");
  r[0x80000000].eax = 0x80000003;
  CHECK(decode(r).brand.empty());
}

TEST_CASE("leaf 0x15 with a hole in it") {
  cpuid_recording r = ice_lake();
  SUBCASE("no denominator") {
    r[0x15].eax = 0;
    CHECK(decode(r).tsc_ratio == crystal_ratio{});
    CHECK(decode(r).crystal_frequency == hertz(38'400'000));
    CHECK(decode(r).tsc_frequency == nullopt);
  }
  SUBCASE("no numerator") {
    r[0x15].ebx = 0;
    CHECK(decode(r).tsc_ratio == crystal_ratio{});
    CHECK(decode(r).tsc_frequency == nullopt);
  }
  SUBCASE("all ones: absurd, but what the leaf says, and no overflow") {
    r[0x15] = {0x15, ~0u, ~0u, ~0u, ~0u};
    CHECK(decode(r).tsc_frequency == hertz(4'294'967'295.0));
    r[0x15].eax = 1;
    CHECK(decode(r).tsc_frequency->hertz() == doctest::Approx(18446744065119617025.0));
  }
}

TEST_CASE("only the lower half of 0x16 EAX is the base frequency") {
  cpuid_recording r = ice_lake();
  r[0x16].eax = 0xdead05dc;
  CHECK(decode(r).base_frequency == hertz(1'500'000'000));
  r[0x16].eax = 0xdead0000;
  CHECK(decode(r).base_frequency == nullopt);
}

TEST_CASE("family and model add their extensions where these count") {
  const auto model = [](std::uint32_t eax) {
    cpuid_recording r = genoa();
    r[1].eax = eax;
    return decode(r).model;
  };
  CHECK(model(0x000306c3) == cpu_model{6, 0x3c, 3});  // Haswell
  CHECK(model(0x00b40f40) == cpu_model{26, 0x44, 0}); // Zen 5
  CHECK(model(0x00000543) == cpu_model{5, 4, 3});     // Pentium MMX
  CHECK(model(0x0ff10543) == cpu_model{5, 4, 3});     // below family 6 the extensions are not there
  CHECK(model(0x00120e43) == cpu_model{14, 0x24, 3}); // the extended family counts from 15 on alone
  CHECK(model(0x000307b0) == cpu_model{7, 0x3b, 0});  // Zhaoxin, family 7
  CHECK(model(0xffffffff) == cpu_model{270, 0xff, 15});
}

TEST_CASE("a name is text whatever the registers hold") {
  CHECK(cpu_text().empty());
  CHECK(cpu_text(0x64636261u) == "abcd");
  CHECK(cpu_text(0x00636261u, 0x64636261u) == "abc");      // nothing counts behind a NUL
  CHECK(cpu_text(0x20200020u, 0x64636261u).empty());       // a blank, then a NUL
  CHECK(cpu_text(0x61202020u, 0x20202062u) == "ab");       // blanks at both ends
  CHECK(cpu_text(0x62206120u, 0x20202020u) == "a b");      // but not between
  CHECK(cpu_text(0x5b1b0a41u, 0x80ff7f07u) == "A??[????"); // terminal escapes, controls, bytes that are not ASCII
  CHECK(cpu_text(0x7e21225cu) == "\\\"!~");                // all that is printable stays
  const std::uint32_t x = 0x78787878;
  CHECK(cpu_text(x, x, x, x, x, x, x, x, x, x, x, x) == std::string(48, 'x'));
}

TEST_CASE("a hostile vendor decides nothing") {
  cpuid_recording r = vmware_guest();
  r[0x40000000].ebx = 0x1b1b1b1b;
  CHECK(decode(r).hypervisor_vendor == "????reVMware");
  CHECK(decode(r).hypervisor_tsc_frequency == nullopt);
  r[0x40000000].ebx = 0x00007756;
  CHECK(decode(r).hypervisor_vendor == "Vw");
  r[0].ebx = 0;
  CHECK(decode(r).vendor.empty());
  CHECK(decode(r).tsc == true);
}

TEST_CASE("aarch64: the architecture vouches for the counter, the firmware for its frequency") {
  constexpr cpu_features f = takt::detail::decode_generic_timer(frequency(62'500'000));
  static_assert(f.system_counter);
  static_assert(!f.cpuid);
  CHECK(f.counter == "cntvct_el0");
  CHECK(f.counter_frequency == hertz(62'500'000));
  CHECK(f.invariant_tsc == nullopt);
  CHECK(f.rdtscp == nullopt);
  CHECK(f.hypervisor == nullopt);
  CHECK(takt::detail::decode_generic_timer(frequency()).counter_frequency == nullopt);
}

TEST_CASE("decoding is constant evaluation where its reader is") {
  constexpr auto reader = [](std::uint32_t leaf, std::uint32_t) -> takt::detail::cpuid_registers {
    if (leaf == 0) return {0x15, 0x756e6547, 0x6c65746e, 0x49656e69};
    if (leaf == 0x15) return {2, 78, 38'400'000, 0};
    return {};
  };
  constexpr cpu_features f = takt::detail::decode_cpuid(reader);
  static_assert(f.tsc_frequency == frequency(1'497'600'000));
  static_assert(f.vendor == "GenuineIntel");
  static_assert(std::is_trivially_copyable_v<cpu_features>); // nothing of it is allocated
  CHECK(f.tsc == false);
}

} // namespace
