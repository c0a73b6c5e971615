// Protects: that takt tells the truth about the processor and the kernel, and trusts the counter exactly where it may,
// on machines that differ from the one at hand. CMakeLists.txt has the settings of qemu and the kernel; here
// stands what follows from it.
#include "guest.hpp"

#include <takt/clock/verdict.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/vdso.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace {

using finding = takt::verdict::finding;
using takt::clock_path;

struct machine {
  std::string_view situation;
  bool tsc, rdtscp, invariant; ///< CPUID
  bool constant, nonstop;      ///< the kernel's flags
  std::string_view source;     ///< in use at the end of the boot
  bool offered;                ///< tsc is among those that can be selected
  bool trusted;
  takt::clock_path recommended;
  finding reason; ///< one of the findings there must be
};

constexpr machine machines[] = {
    {"invariant", true, true, true, true, true, "tsc", true, true, clock_path::counter, finding::kernel_keeps_time_by_it},
    {"variant", true, true, false, false, false, "tsc", true, false, clock_path::vdso, finding::variant_by_processor},
    {"constant_only", true, true, false, true, false, "tsc", true, false, clock_path::vdso, finding::variant_by_linux},
    {"no_rdtscp", true, false, true, true, true, "tsc", true, true, clock_path::counter, finding::kernel_keeps_time_by_it},
    {"no_tsc", false, true, false, false, false, "hpet", false, false, clock_path::system_call, finding::no_counter},
    {"unsynchronised", true, true, false, false, false, "hpet", false, false, clock_path::system_call,
     finding::kernel_does_not_offer_it},
    {"hpet", true, true, true, true, true, "hpet", false, false, clock_path::system_call, finding::kernel_does_not_offer_it},
    {"acpi_pm", true, true, true, true, true, "acpi_pm", false, false, clock_path::system_call,
     finding::kernel_does_not_offer_it},
    {"jiffies", true, true, false, false, false, "refined-jiffies", false, false, clock_path::system_call,
     finding::kernel_does_not_offer_it},
};

const machine* this_machine() {
  const std::string name = guest::situation();
  const auto is_this = [&](const machine& m) { return m.situation == name; };
  const auto* const m = std::find_if(std::begin(machines), std::end(machines), is_this);
  return m == std::end(machines) ? nullptr : m;
}

bool has(const std::vector<finding>& findings, finding f) {
  return std::find(findings.begin(), findings.end(), f) != findings.end();
}

} // namespace

TEST_CASE("facts: the processor reports what qemu was set to") {
  const machine* const m = this_machine();
  REQUIRE(m != nullptr);
  const takt::cpu_features f = takt::cpu_features::read();
  CHECK(f.counter == "tsc");
  CHECK(f.tsc == m->tsc);
  CHECK(f.rdtscp == m->rdtscp);
  CHECK(f.invariant_tsc == m->invariant);
  CHECK_FALSE(f.system_counter);
  CHECK(f.hypervisor == true);
  CHECK(f.hypervisor_vendor == "TCGTCGTCGTCG");
  CHECK_FALSE(f.hypervisor_tsc_frequency);
}

TEST_CASE("facts: Linux tells which of that it believes") {
  const machine* const m = this_machine();
  REQUIRE(m != nullptr);
  std::error_code ec;
  const takt::cpuinfo info = takt::cpuinfo::read(ec);
  REQUIRE_FALSE(ec);
  CHECK(info.has("constant_tsc") == m->constant);
  CHECK(info.has("nonstop_tsc") == m->nonstop);
  CHECK(info.has("rdtscp") == m->rdtscp);
  CHECK(takt::clocksource::current(ec) == m->source);
  const auto offered = takt::clocksource::available(ec);
  REQUIRE_FALSE(ec);
  CHECK((std::find(offered.begin(), offered.end(), "tsc") != offered.end()) == m->offered);
  CHECK(std::find(offered.begin(), offered.end(), m->source) != offered.end());
  CHECK_FALSE(takt::clock_event::devices(ec).empty());
  CHECK_FALSE(ec);
}

TEST_CASE("facts: the verdict follows from them and says why") {
  const machine* const m = this_machine();
  REQUIRE(m != nullptr);
  takt::verdict::facts facts = takt::verdict::facts::gather();
  CHECK(facts.exists == m->tsc);
  CHECK(facts.invariant == m->invariant);
  CHECK(facts.allowed == true);
  std::error_code ec;
  facts.vdso_answers = takt::vdso::answers(CLOCK_MONOTONIC, ec);
  CHECK_FALSE(ec);
  CHECK(facts.vdso_answers == (m->source == "tsc")); // the others cannot be read in user space
  const takt::verdict v = takt::judge(facts);
  CHECK(v.counter_trusted == m->trusted);
  CHECK(v.recommended == m->recommended);
  CHECK(has(v.findings, m->reason));
}
