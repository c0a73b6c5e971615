// Protects: that the counter is trusted when everything speaks for it and nothing against it, and that the verdict says
// why.
#include <algorithm>
#include <doctest/doctest.h>
#include <set>
#include <takt/clock/verdict.hpp>
#include <takt/testing/fake_os.hpp>

namespace {

using takt::clock_path;
using takt::verdict;
using finding = takt::verdict::finding;
using sources = std::vector<std::string>;

const std::string counter_source(verdict::counter_source);

// A machine on which everything speaks for the counter.
verdict::facts sound() {
  return {true, true, true, true, true, sources{counter_source, "hpet"}, counter_source, true, {}, {}};
}

bool found(const verdict& v, finding f) {
  return std::find(v.findings.begin(), v.findings.end(), f) != v.findings.end();
}

} // namespace

TEST_CASE("a sound counter is trusted") {
  const auto v = takt::judge(sound());
  CHECK(v.counter_trusted);
  CHECK(v.recommended == clock_path::counter);
  CHECK(v.findings == std::vector{finding::invariant_by_processor, finding::invariant_by_linux,
                                  finding::kernel_keeps_time_by_it, finding::vdso_answers});
}

TEST_CASE("each fact that speaks against the counter is enough alone, and is named") {
  struct change {
    void (*make)(verdict::facts&);
    finding named;
  };
  const change changes[] = {
      {[](verdict::facts& f) { f.exists = false; }, finding::no_counter},
      {[](verdict::facts& f) { f.invariant = false; }, finding::variant_by_processor},
      {[](verdict::facts& f) { f.constant_tsc = false; }, finding::variant_by_linux},
      {[](verdict::facts& f) { f.nonstop_tsc = false; }, finding::variant_by_linux},
      {[](verdict::facts& f) { f.allowed = false; }, finding::forbidden},
      {[](verdict::facts& f) {
         f.current_source = "hpet", f.available_sources = sources{"hpet", "acpi_pm"};
       },
       finding::kernel_does_not_offer_it},
      {[](verdict::facts& f) {
         f.current_source = "tsc-early", f.available_sources = sources{"tsc-early", "hpet"};
       },
       finding::kernel_tries_it},
      {[](verdict::facts& f) { f.marked_unstable = true; }, finding::marked_unstable},
      {[](verdict::facts& f) { f.current_source.clear(), f.available_sources.reset(), f.vdso_answers.reset(); },
       finding::kernel_view_unknown},
      {[](verdict::facts& f) { f.current_source.clear(), f.available_sources.reset(), f.vdso_answers = false; },
       finding::kernel_view_unknown},
      {[](verdict::facts& f) { f.current_source = "hpet", f.available_sources.reset(); }, finding::kernel_view_unknown},
      {[](verdict::facts& f) {
         f.current_source.clear(), f.available_sources = sources{};
       }, // an empty list is an answer
       finding::kernel_does_not_offer_it},
      {[](verdict::facts& f) { f.cpus_agree = false; }, finding::cpus_differ},
      {[](verdict::facts& f) { f.invariant.reset(), f.constant_tsc.reset(), f.nonstop_tsc.reset(); },
       finding::invariance_unknown},
  };
  for (const change& c : changes) {
    verdict::facts facts = sound();
    c.make(facts);
    const auto v = takt::judge(facts);
    CAPTURE(takt::explain(c.named));
    CHECK_FALSE(v.counter_trusted);
    CHECK(v.recommended != clock_path::counter);
    CHECK(found(v, c.named));
    CHECK(verdict::speaks_against(c.named));
  }
}

TEST_CASE("either witness of invariance will do, Linux only with both of its flags") {
  verdict::facts facts = sound();
  facts.constant_tsc.reset(), facts.nonstop_tsc.reset();
  CHECK(takt::judge(facts).counter_trusted);
  facts = sound();
  facts.invariant.reset();
  CHECK(takt::judge(facts).counter_trusted);
  facts.nonstop_tsc.reset(); // constant_tsc alone
  CHECK_FALSE(takt::judge(facts).counter_trusted);
}

TEST_CASE("a counter that the kernel offers and does not use is trusted") {
  verdict::facts facts = sound();
  facts.current_source = "kvm-clock";
  const auto v = takt::judge(facts);
  CHECK(v.counter_trusted);
  CHECK(found(v, finding::kernel_offers_it));
}

// With highres=off nohz=off the watchdog leaves what it threw out in the list, with the rating 0.
TEST_CASE("a counter that is listed behind jiffies was thrown out, even where it was selected") {
  for (const char* const now : {"hpet", counter_source.c_str()}) {
    verdict::facts facts = sound();
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

// What Linux prints in the guest whose TSC its watchdog finds 1.2 % off, before and after.
TEST_CASE("a counter that a kernel dropped is recognised in the list of each kernel") {
  struct moment {
    std::string now, list;
    finding named;
  };
  const std::string& c = counter_source;
  const moment moments[] = {
      // 6.1, 6.12, 7.2
      {"tsc-early", "tsc-early hpet acpi_pm refined-jiffies jiffies \n", finding::kernel_tries_it},
      {"tsc-early", "tsc-early hpet acpi_pm \n", finding::kernel_tries_it},
      {c, c + " hpet acpi_pm refined-jiffies jiffies \n", finding::kernel_keeps_time_by_it},
      {c, c + " hpet acpi_pm \n", finding::kernel_keeps_time_by_it},
      {"hpet", "hpet acpi_pm \n", finding::kernel_does_not_offer_it},
      // 6.1 and 6.12 without high resolution
      {"hpet", "hpet acpi_pm refined-jiffies jiffies " + c + " \n", finding::kernel_does_not_offer_it},
      // 7.2 without high resolution: within half a second of boot, then, and when root selects it meanwhile
      {"hpet", "hpet acpi_pm refined-jiffies jiffies tsc-early \n", finding::kernel_does_not_offer_it},
      {"hpet", "hpet acpi_pm refined-jiffies jiffies \n", finding::kernel_does_not_offer_it},
      {"tsc-early", "hpet acpi_pm refined-jiffies jiffies tsc-early \n", finding::kernel_does_not_offer_it},
  };
  for (const moment& m : moments) {
    CAPTURE(m.now);
    CAPTURE(m.list);
    verdict::facts facts = sound();
    std::error_code ec;
    facts.available_sources = takt::detail::parse_available_clocksources(m.list, ec);
    REQUIRE_FALSE(ec);
    facts.current_source = m.now;
    const auto v = takt::judge(facts);
    CHECK(found(v, m.named));
    CHECK(v.counter_trusted == (m.named == finding::kernel_keeps_time_by_it));
    for (const finding other : {finding::kernel_tries_it, finding::kernel_keeps_time_by_it, finding::kernel_offers_it,
                                finding::kernel_does_not_offer_it})
      CHECK(found(v, other) == (other == m.named));
  }
}

TEST_CASE("the kernel's clock is read by the path that works") {
  verdict::facts facts = sound();
  facts.invariant = false;
  CHECK(takt::judge(facts).recommended == clock_path::vdso);
  facts.vdso_answers = false;
  CHECK(takt::judge(facts).recommended == clock_path::system_call);
  facts.vdso_answers.reset(); // unknown: the vDSO falls back by itself
  CHECK(takt::judge(facts).recommended == clock_path::vdso);
  facts = sound();
  facts.allowed = false; // the vDSO would read the counter and be killed
  CHECK(takt::judge(facts).recommended == clock_path::system_call);
}

TEST_CASE("without the kernel's clock sources the vDSO stands in for them, and only for them") {
  verdict::facts facts = sound();
  facts.current_source.clear(), facts.available_sources.reset();
  const auto v = takt::judge(facts);
  CHECK(v.counter_trusted);
  CHECK(found(v, finding::kernel_view_by_vdso)); // what is missing is named
  CHECK(takt::explain(finding::kernel_view_by_vdso).find("/sys") != std::string_view::npos);
  facts.constant_tsc.reset(), facts.nonstop_tsc.reset(); // without /proc too
  CHECK(takt::judge(facts).counter_trusted);
  facts.marked_unstable = true;
  CHECK_FALSE(takt::judge(facts).counter_trusted);
  facts.marked_unstable.reset(), facts.invariant = false;
  CHECK_FALSE(takt::judge(facts).counter_trusted);
  facts.invariant.reset();
  CHECK_FALSE(takt::judge(facts).counter_trusted);
}

TEST_CASE("nothing known is no reason to trust") {
  const auto v = takt::judge({});
  CHECK_FALSE(v.counter_trusted);
  CHECK(v.recommended == clock_path::vdso);
}

TEST_CASE("every finding has words of its own") {
  std::set<std::string_view> texts;
  for (int i = 0; i <= static_cast<int>(finding::cpus_differ); ++i)
    texts.insert(takt::explain(static_cast<finding>(i)));
  CHECK(texts.size() == static_cast<std::size_t>(finding::cpus_differ) + 1);
  CHECK(texts.count(takt::explain(static_cast<finding>(1000))) == 0);
}

TEST_CASE("facts are gathered from the operating system, and what is missing is unknown") {
  using os = takt::testing::fake_os<struct verdict_facts>;
  os::reset();
  os::now.counter.error = EINVAL;
  auto facts = verdict::facts::gather<os>();
  CHECK_FALSE(facts.constant_tsc);
  CHECK_FALSE(facts.nonstop_tsc);
  CHECK_FALSE(facts.allowed);
  CHECK_FALSE(facts.available_sources);
  CHECK(facts.current_source.empty());
  CHECK_FALSE(facts.vdso_answers); // the experiment failed, as did the reading of the log
  CHECK_FALSE(facts.marked_unstable);

  // Only where no clock source can be read it is worth its time.
  os::now.clocks[CLOCK_MONOTONIC] = {};
  os::now.log = {"<5>[ 0.0] Linux version 6.1.0\n<4>[ 9.0] tsc: Marking TSC unstable due to a test\n", 0};
  facts = verdict::facts::gather<os>();
  CHECK(facts.vdso_answers == false); // there is none
  CHECK(facts.marked_unstable == true);
  os::now.files[takt::detail::current_clocksource_path].value = "hpet\n";
  facts = verdict::facts::gather<os>();
  CHECK_FALSE(facts.vdso_answers);
  CHECK_FALSE(facts.marked_unstable);

  os::now.counter = {false, 0};
  os::now.files["/proc/cpuinfo"].value = "processor\t: 0\nflags\t\t: fpu constant_tsc nonstop_tsc\n\n"
                                         "processor\t: 1\nflags\t\t: fpu constant_tsc\n\n";
  os::now.files[takt::detail::current_clocksource_path].value = "hpet\n";
  os::now.files[takt::detail::available_clocksources_path].value = "hpet acpi_pm \n";
  facts = verdict::facts::gather<os>();
  CHECK(facts.constant_tsc == true);
  CHECK(facts.nonstop_tsc == false); // one processor without the flag is enough
  CHECK(facts.allowed == false);
  CHECK(facts.available_sources == sources{"hpet", "acpi_pm"});
  CHECK(facts.current_source == "hpet");
  os::reset();
}
