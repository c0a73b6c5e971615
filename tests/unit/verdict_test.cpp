// verdict.hpp: the counter is trusted when everything speaks for it and nothing against it, and the verdict says why.
#include <algorithm>
#include <doctest/doctest.h>
#include <set>
#include <takt/clock/verdict.hpp>
#include <takt/testing/fake_os.hpp>

namespace {

using takt::counter_facts;
using takt::finding;
using takt::road;
using sources = std::vector<std::string>;

const std::string counter_source(takt::counter_clocksource);

// A machine on which everything speaks for the counter.
counter_facts sound() { return {true, true, true, true, true, sources{counter_source, "hpet"}, counter_source, true, {}, {}}; }

bool found(const takt::verdict& v, finding f) {
  return std::find(v.findings.begin(), v.findings.end(), f) != v.findings.end();
}

} // namespace

TEST_CASE("a sound counter is trusted") {
  const auto v = takt::judge(sound());
  CHECK(v.counter_trusted);
  CHECK(v.recommended == road::counter);
  CHECK(v.findings == std::vector{finding::invariant_by_processor, finding::invariant_by_linux, finding::kernel_keeps_time_by_it,
                                  finding::vdso_answers});
}

TEST_CASE("each fact that speaks against the counter is enough alone, and is named") {
  struct change {
    void (*make)(counter_facts&);
    finding named;
  };
  const change changes[] = {
      {[](counter_facts& f) { f.exists = false; }, finding::no_counter},
      {[](counter_facts& f) { f.invariant = false; }, finding::variant_by_processor},
      {[](counter_facts& f) { f.constant_tsc = false; }, finding::variant_by_linux},
      {[](counter_facts& f) { f.nonstop_tsc = false; }, finding::variant_by_linux},
      {[](counter_facts& f) { f.allowed = false; }, finding::forbidden},
      {[](counter_facts& f) { f.current_source = "hpet", f.available_sources = sources{"hpet", "acpi_pm"}; },
       finding::kernel_does_not_offer_it},
      {[](counter_facts& f) { f.current_source = "tsc-early", f.available_sources = sources{"tsc-early", "hpet"}; },
       finding::kernel_tries_it},
      {[](counter_facts& f) { f.marked_unstable = true; }, finding::marked_unstable},
      {[](counter_facts& f) { f.current_source.clear(), f.available_sources.clear(); }, finding::kernel_view_not_told},
      {[](counter_facts& f) { f.cpus_agree = false; }, finding::cpus_differ},
      {[](counter_facts& f) { f.invariant.reset(), f.constant_tsc.reset(), f.nonstop_tsc.reset(); }, finding::invariance_not_told},
  };
  for (const change& c : changes) {
    counter_facts facts = sound();
    c.make(facts);
    const auto v = takt::judge(facts);
    CAPTURE(takt::explain(c.named));
    CHECK_FALSE(v.counter_trusted);
    CHECK(v.recommended != road::counter);
    CHECK(found(v, c.named));
    CHECK(takt::speaks_against_counter(c.named));
  }
}

TEST_CASE("either witness of invariance will do, Linux only with both of its flags") {
  counter_facts facts = sound();
  facts.constant_tsc.reset(), facts.nonstop_tsc.reset();
  CHECK(takt::judge(facts).counter_trusted);
  facts = sound();
  facts.invariant.reset();
  CHECK(takt::judge(facts).counter_trusted);
  facts.nonstop_tsc.reset(); // constant_tsc alone
  CHECK_FALSE(takt::judge(facts).counter_trusted);
}

TEST_CASE("a counter that the kernel offers and does not use is trusted") {
  counter_facts facts = sound();
  facts.current_source = "kvm-clock";
  const auto v = takt::judge(facts);
  CHECK(v.counter_trusted);
  CHECK(found(v, finding::kernel_offers_it));
}

// With highres=off nohz=off the watchdog leaves what it threw out in the list, with the rating 0.
TEST_CASE("a counter that is listed behind jiffies was thrown out, even where somebody selected it") {
  for (const char* const now : {"hpet", counter_source.c_str()}) {
    counter_facts facts = sound();
    facts.current_source = now;
    facts.available_sources = sources{"hpet", "acpi_pm", "refined-jiffies", "jiffies", counter_source};
    const auto v = takt::judge(facts);
    CHECK_FALSE(v.counter_trusted);
    CHECK(found(v, finding::kernel_does_not_offer_it));
    CHECK_FALSE(found(v, finding::kernel_keeps_time_by_it));
    facts.available_sources = sources{"hpet", "refined-jiffies", counter_source};
    CHECK_FALSE(takt::judge(facts).counter_trusted);
    facts.available_sources = sources{"hpet", counter_source, "refined-jiffies", "jiffies"};
    CHECK(takt::judge(facts).counter_trusted);
  }
}

TEST_CASE("the kernel's clock is read by the road that works") {
  counter_facts facts = sound();
  facts.invariant = false;
  CHECK(takt::judge(facts).recommended == road::vdso);
  facts.vdso_answers = false;
  CHECK(takt::judge(facts).recommended == road::system_call);
  facts.vdso_answers.reset(); // not told: the vDSO falls back by itself
  CHECK(takt::judge(facts).recommended == road::vdso);
  facts = sound();
  facts.allowed = false; // the vDSO would read the counter and be killed
  CHECK(takt::judge(facts).recommended == road::system_call);
}

TEST_CASE("nothing told is no reason to trust") {
  const auto v = takt::judge({});
  CHECK_FALSE(v.counter_trusted);
  CHECK(v.recommended == road::vdso);
}

TEST_CASE("every finding has words of its own") {
  std::set<std::string_view> texts;
  for (int i = 0; i <= static_cast<int>(finding::cpus_differ); ++i) texts.insert(takt::explain(static_cast<finding>(i)));
  CHECK(texts.size() == static_cast<std::size_t>(finding::cpus_differ) + 1);
  CHECK(texts.count(takt::explain(static_cast<finding>(1000))) == 0);
}

TEST_CASE("facts are gathered from the operating system, and what is missing is not told") {
  using os = takt::testing::fake_os<struct verdict_facts>;
  os::reset();
  os::now.counter.error = EINVAL;
  auto facts = takt::gather_counter_facts<os>();
  CHECK_FALSE(facts.constant_tsc);
  CHECK_FALSE(facts.nonstop_tsc);
  CHECK_FALSE(facts.allowed);
  CHECK(facts.available_sources.empty());
  CHECK(facts.current_source.empty());
  CHECK_FALSE(facts.vdso_answers);

  os::now.counter = {false, 0};
  os::now.files["/proc/cpuinfo"].value = "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc\n\n"
                                         "processor\t: 1\nflags\t\t: fpu constant_tsc\n\n";
  os::now.files[takt::clocksource::current_path].value = "hpet\n";
  os::now.files[takt::clocksource::available_path].value = "hpet acpi_pm \n";
  facts = takt::gather_counter_facts<os>();
  CHECK(facts.constant_tsc == true);
  CHECK(facts.nonstop_tsc == false); // one processor without the flag is enough
  CHECK(facts.allowed == false);
  CHECK(facts.available_sources == sources{"hpet", "acpi_pm"});
  CHECK(facts.current_source == "hpet");
  os::reset();
}
