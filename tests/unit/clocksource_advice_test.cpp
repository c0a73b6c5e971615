// Protects: that each reason of the kernel has the advice that helps against it and none that does not, and that what
// is risky says so.
#include "../examples/takt/model/clocksource_advice.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <string>

namespace {

tool::clocksource_facts facts_of(const char* why, const char* hypervisor = "") {
  tool::clocksource_facts facts;
  facts.wanted = "tsc";
  facts.is_counter = true;
  if (why != nullptr) facts.unstable = why;
  facts.hypervisor = hypervisor;
  return facts;
}
bool says(const std::vector<tool::remedy>& all, const std::string& text) {
  return std::any_of(all.begin(), all.end(), [&](const tool::remedy& r) {
    return r.what.find(text) != std::string::npos || r.how.find(text) != std::string::npos;
  });
}
bool complete(const std::vector<tool::remedy>& all) {
  return !all.empty() && std::all_of(all.begin(), all.end(), [](const tool::remedy& r) { return !r.what.empty() && !r.source.empty(); });
}

} // namespace

TEST_CASE("Each reason of the kernel's log has its own advice") {
  const struct {
    const char *why, *advice, *not_this;
  } rows[] = {
      {"clocksource watchdog", "tsc=nowatchdog", "max_cstate"},
      {"frequency skew", "tsc=recalibrate", "max_cstate"},
      {"check_tsc_sync_source failed", "firmware", "nowatchdog"},
      {"TSCs unsynchronized", "tsc=reliable", "nowatchdog"},
      {"TSC halts in idle", "processor.max_cstate=1", "tsc=reliable"},
      {"TSC halts in idle states deeper than C2", "intel_idle.max_cstate=0", "tsc=reliable"},
      {"cpufreq changes", "Keep the source", "tsc=reliable"}, // reliable would make a wrong clock
      {"boot parameter", "Remove tsc=unstable", "tsc=reliable"},
      {"KVM discovered backwards TSC", "firmware", "tsc=reliable"},
      {"a reason of a later kernel", "firmware", "max_cstate"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    const auto advice = tool::for_untrusted_counter(facts_of(row.why));
    CHECK(complete(advice));
    CHECK(says(advice, row.advice));
    CHECK_FALSE(says(advice, row.not_this));
    CHECK_FALSE(says(advice, "invtsc")); // there is no hypervisor
  }
}

TEST_CASE("A guest asks its hypervisor, and not its firmware") {
  for (const char* why : {"clocksource watchdog", "check_tsc_sync_source failed", "TSCs unsynchronized", ""}) {
    const auto advice = tool::for_untrusted_counter(facts_of(why, "KVMKVMKVM"));
    CHECK(complete(advice));
    CHECK(says(advice, "invtsc"));
    CHECK_FALSE(says(advice, "Update the firmware"));
  }
  CHECK(says(tool::for_untrusted_counter(facts_of("running on Hyper-V", "Microsoft Hv")), "Update-VMVersion"));
  CHECK(says(tool::for_untrusted_counter(facts_of(nullptr, "XenVMMXenVMM")), "nomigrate"));
  CHECK(complete(tool::for_untrusted_counter(facts_of(nullptr, "another one"))));
  // What the guest has already needs no advice.
  auto facts = facts_of(nullptr, "KVMKVMKVM");
  facts.invariant = true;
  CHECK_FALSE(says(tool::for_untrusted_counter(facts), "invtsc"));
  CHECK(says(tool::for_untrusted_counter(facts), "dmesg"));
}

TEST_CASE("Where the log says nothing, the advice is to read it") {
  CHECK(says(tool::for_untrusted_counter(facts_of(nullptr)), "dmesg"));
  CHECK(says(tool::for_untrusted_counter(facts_of("")), "dmesg"));
  auto facts = facts_of(nullptr);
  facts.invariant = false;
  CHECK(says(tool::for_untrusted_counter(facts), "keep the source"));
}

TEST_CASE("What forbids the kernel a check says what that risks") {
  for (const char* why : {"clocksource watchdog", "check_tsc_sync_source failed", "TSC halts in idle"}) {
    for (const tool::remedy& r : tool::for_untrusted_counter(facts_of(why)))
      if (r.how == "tsc=reliable" || r.how == "tsc=nowatchdog" || r.how.find("max_cstate") != std::string::npos) CHECK_FALSE(r.risk.empty());
  }
  for (const tool::remedy& r : tool::counter_parameters()) CHECK_FALSE(r.risk.empty());
}

TEST_CASE("The next boot: what to write where") {
  auto facts = facts_of(nullptr);
  facts.wanted = "hpet";
  auto advice = tool::for_next_boot(facts);
  CHECK(complete(advice));
  CHECK(says(advice, "clocksource=hpet"));
  CHECK(says(advice, "echo hpet > current_clocksource"));
  CHECK_FALSE(says(advice, "grubby"));
  facts.grubby = true;
  facts.command_line_file = "/etc/kernel/cmdline";
  CHECK(says(tool::for_next_boot(facts), "grubby --update-kernel=ALL --args=clocksource=hpet"));
  CHECK(tool::for_next_boot(facts).size() == advice.size() + 2);
}
