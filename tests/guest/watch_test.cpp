// Protects: that clock_watch names what happens to the clocks of a real kernel, with its size inside its uncertainty, within
// 10 ms where the kernel tells, and that it tells nothing that did not happen.
//
// On virtual time: an hour passes in seconds, and no other guest disturbs the readings. Leap seconds, suspend and the
// watchdog have their cases where they are provoked.
#include "guest.hpp"
#include "recorder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <initializer_list>
#include <thread>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using watch_kind = takt::watch_event::kind_type;

namespace {

} // namespace

TEST_CASE("watch: an hour of quiet") {
  guest::recorder recorder;
  std::this_thread::sleep_for(1h);
  recorder.end();
  MESSAGE(recorder.description());
  CHECK(recorder.checks() >= 3600);
  CHECK(recorder.end().empty());
}

TEST_CASE("watch: steps are reported within 10 ms, to the microsecond") {
  for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s), nanoseconds(1s), nanoseconds(-1s), nanoseconds(100us), nanoseconds(-100us)}) {
    guest::recorder recorder;
    std::this_thread::sleep_for(20s + 321ms);
    const nanoseconds begin = guest::read(CLOCK_MONOTONIC);
    guest::step_exactly(by);
    const nanoseconds end = guest::read(CLOCK_MONOTONIC);
    std::this_thread::sleep_for(20s);
    recorder.end();
    MESSAGE(recorder.description());
    REQUIRE(recorder.count(watch_kind::step) == 1);
    CHECK(recorder.end().size() == 1);
    const guest::reported_event& t = recorder.first(watch_kind::step);
    guest::check_size(t.event, by);
    CHECK(t.event.uncertainty < 50us);
    CHECK(t.event.after <= end);
    CHECK(t.event.before >= begin);
    CHECK(t.at - begin < 10ms);
    MESSAGE("stepped by ", by.count(), " ns: reported ", std::chrono::duration<double, std::micro>(t.at - begin).count(),
            " us later, off by ", (t.event.size - by).count(), " ns, stated ", t.event.uncertainty.count(), " ns");
  }
}

TEST_CASE("watch: slews, from a smeared leap second to the limits of frequency and tick") {
  struct setting {
    double ppm;
    long tick;
  };
  guest::recorder recorder;
  std::this_thread::sleep_for(30s + 321ms);
  constexpr setting settings[] = {{11.574, 10'000}, {0, 10'000}, {500, 10'000}, {-500, 10'000}, {0, 11'000}, {0, 9'000}, {0, 10'000}};
  std::vector<nanoseconds> set;
  for (const setting& s : settings) {
    guest::steer(s.ppm, s.tick);
    set.push_back(guest::read(CLOCK_MONOTONIC));
    std::this_thread::sleep_for(60s);
  }
  const auto& reported = recorder.end();
  MESSAGE(recorder.description());
  REQUIRE(reported.size() == std::size(settings));
  for (std::size_t i = 0; i < reported.size(); ++i) {
    const takt::watch_event& e = reported[i].event;
    CHECK(e.kind == watch_kind::slew);
    CHECK(e.lasts);
    const double wanted = settings[i].ppm + static_cast<double>(settings[i].tick - 10'000) * 100;
    guest::check_rate(e, wanted);
    CHECK(e.rate_uncertainty_ppm < 5);
    CHECK(e.after <= set[i]);
    CHECK(e.before >= set[i]);
    MESSAGE("slewed by ", wanted, " ppm: reported as ", e.rate_ppm, " +/- ", e.rate_uncertainty_ppm, " ppm");
  }
}

TEST_CASE("watch: the clock source is switched, and what that costs the kernel's clocks") {
  const std::string original = takt::clocksource::current();
  guest::recorder recorder;
  std::this_thread::sleep_for(100s + 321ms);
  struct change {
    std::string from, to;
    nanoseconds at;
  };
  std::vector<change> changes;
  for (const char* source : {"hpet", "tsc", "acpi_pm", "tsc"}) {
    changes.push_back({takt::clocksource::current(), source, guest::read(CLOCK_MONOTONIC)});
    guest::select_clocksource(source);
    std::this_thread::sleep_for(200s);
  }
  guest::select_clocksource(original);
  const auto& reported = recorder.end();
  MESSAGE(recorder.description());
  std::size_t next = 0;
  for (const guest::reported_event& t : reported) {
    const takt::watch_event& e = t.event;
    if (e.kind == watch_kind::source_switched) {
      REQUIRE(next < changes.size());
      CHECK(e.from == changes[next].from);
      CHECK(e.to == changes[next].to);
      CHECK(e.log == "clocksource: Switched to clocksource " + e.to);
      CHECK(t.at - changes[next].at < 1010ms); // a period
      ++next;
    } else {
      // A switch has this effect: the kernel loses microseconds, and runs on by another counter's rate.
      CHECK((e.kind == watch_kind::counter_shift || e.kind == watch_kind::counter_rate));
      CHECK(e.size < 1ms);
      CHECK(e.size > -1ms);
    }
  }
  CHECK(next == changes.size());
}
