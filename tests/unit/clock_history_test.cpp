// Protects: that each thing that can happen to the clocks is reported under its name, once, with a size inside its own
// uncertainty, and that noise, preemption and what crystals do are not reported.
#include <takt/observe/clock_history.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::watch_event;
using watch_kind = takt::watch_event::kind_type;

/// A machine made of numbers: true time in ns, and what each clock makes of it. Reads take time and are disturbed.
struct machine {
  std::mt19937_64 randomness{1};
  double time = 1e9;
  double mono = 100e9, raw = 90e9, counter = 5e9; ///< in ns, ns and ticks, at `time`
  double slew_ppm = 12, raw_ppm = 0, hertz = 2.596e9;
  double boot = 0;                                ///< ahead of mono
  nanoseconds real = 1'700'000'000s, tai = 37s;   ///< ahead of boot; ahead of real
  double half_width = 90;
  double preempted = 0;                           ///< how often all three tries were
  takt::leap_facts leap{};
  std::string source = "tsc", log;
  nanoseconds resolution{1};
  takt::clock_history history;
  std::vector<watch_event> events;

  void pass(double ns) {
    time += ns;
    raw += ns * (1 + raw_ppm * 1e-6);
    mono += ns * (1 + raw_ppm * 1e-6) * (1 + slew_ppm * 1e-6);
    counter += ns * 1e-9 * hertz;
  }
  double uniform(double from, double to) { return std::uniform_real_distribution<double>(from, to)(randomness); }
  takt::clock_history::sample next_sample() {
    double width = 2 * half_width * uniform(0.9, 1.3);
    if (uniform(0, 1) < preempted) width = std::exp(uniform(std::log(1e3), std::log(2e7)));
    // Each clock is read somewhere in the bracket, the counter is its middle.
    const double begin = counter;
    double at[5];
    for (double& a : at) a = uniform(0, width);
    std::sort(std::begin(at), std::end(at));
    double shown[5];
    double passed = 0;
    for (int i = 0; i < 5; ++i) {
      pass(at[i] - passed), passed = at[i];
      const double values[] = {mono, raw, mono + boot, mono + boot, mono + boot};
      shown[i] = std::floor(values[i]);
    }
    pass(width - passed);
    takt::clock_history::sample l;
    const auto ns = [](double x) { return nanoseconds(static_cast<nanoseconds::rep>(x)); };
    l.readings.monotonic = ns(shown[0]), l.readings.raw = ns(shown[1]), l.readings.boottime = ns(shown[2]);
    l.readings.realtime = ns(shown[3]) + real, l.readings.tai = ns(shown[4]) + real + tai;
    l.readings.counter = takt::tick_point(static_cast<std::uint64_t>(static_cast<std::int64_t>(begin + (counter - begin) / 2)));
    l.readings.half_width = ns(width / 2 + 2);
    l.leap = leap, l.leap_known = true, l.source = source, l.resolution = resolution;
    if (history.last() && history.last()->source != source) l.log = log;
    return l;
  }
  /// Looks once a period.
  void watch(int checks, nanoseconds period = 1s) {
    for (int i = 0; i < checks; ++i) {
      pass(static_cast<double>(period.count()) * uniform(0.98, 1.02));
      history.add(next_sample(), events);
    }
  }
  int count(watch_kind k) const {
    int n = 0;
    for (const auto& e : events) n += e.kind == k;
    return n;
  }
  void print() const {
    for (const auto& e : events) MESSAGE(std::string(to_string(e.kind)), ": ", to_string(e));
  }
};

/// Checks that this event alone was reported, of this size within its uncertainty, which is at most `most`.
void only(const machine& m, watch_kind kind, nanoseconds size, nanoseconds most) {
  if (m.events.size() != 1) m.print();
  REQUIRE(m.events.size() == 1);
  const watch_event& e = m.events.front();
  CAPTURE(to_string(e));
  CHECK(e.kind == kind);
  CHECK(e.size - size <= e.uncertainty);
  CHECK(size - e.size <= e.uncertainty);
  CHECK(e.uncertainty <= most);
}
void only_rate(const machine& m, watch_kind kind, double ppm, double most) {
  if (m.events.size() != 1) m.print();
  REQUIRE(m.events.size() == 1);
  const watch_event& e = m.events.front();
  CAPTURE(to_string(e));
  CHECK(e.kind == kind);
  CHECK(std::abs(e.rate_ppm - ppm) <= e.rate_uncertainty_ppm);
  CHECK(e.rate_uncertainty_ppm <= most);
}

} // namespace

TEST_CASE("clock_history: a quiet day, with preempted readings, tells nothing") {
  // 86 400 checks a machine; not one may be wrong. One set in twenty is disturbed, by up to 20 ms.
  for (const double half_width : {60.0, 900.0, 20'000.0}) {
    machine m;
    m.preempted = 0.05;
    m.half_width = half_width;
    m.watch(86'400);
    m.print();
    CHECK(m.events.empty());
    CHECK(m.history.rate().known());
    CHECK(m.history.rate().hertz() == doctest::Approx(m.hertz).epsilon(20e-6));
  }
}

TEST_CASE("clock_history: crystals that wander tell nothing until they are far off") {
  machine m;
  for (int i = 0; i < 3600; ++i) {
    m.hertz *= 1 + m.uniform(-0.05e-6, 0.05e-6);
    m.slew_ppm = 12 + 2 * std::sin(i / 300.0); // what a daemon does to a healthy clock
    m.watch(1);
  }
  m.print();
  CHECK(m.events.empty());
}

TEST_CASE("clock_history: checks at any distance report nothing, and a short one does not disturb the long") {
  machine m;
  for (int i = 0; i < 5000; ++i) m.watch(1, nanoseconds(static_cast<std::int64_t>(std::exp(m.uniform(std::log(1e3), std::log(1e11))))));
  m.print();
  CHECK(m.events.empty());
}

TEST_CASE("clock_history: a step of the system clock") {
  for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s), nanoseconds(1s), nanoseconds(-1s), nanoseconds(3us), nanoseconds(-3us)}) {
    machine m;
    m.watch(5);
    m.real += by;
    m.watch(5);
    only(m, watch_kind::step, by, 1us);
    CHECK(m.events[0].before - m.events[0].after < 1100ms);
    CHECK(m.events[0].reported.time_since_epoch() > 1'600'000'000s);
  }
}

TEST_CASE("clock_history: two steps at once are one, and one in a disturbed reading is reported once") {
  machine m;
  m.watch(5);
  m.preempted = 1;
  m.real += 1s;
  m.watch(1);
  m.preempted = 0;
  m.watch(5);
  REQUIRE(m.events.size() == 1);
  CHECK(m.events[0].kind == watch_kind::step);
  CHECK(m.events[0].size - 1s <= m.events[0].uncertainty);

  // One that is too small for the disturbed reading is reported by the next.
  m.events.clear();
  m.half_width = 2e6;
  m.real += 50us;
  m.watch(1);
  CHECK(m.events.empty());
  m.half_width = 90;
  m.watch(3);
  only(m, watch_kind::step, 50us, 1us);
}

TEST_CASE("clock_history: a smear of a leap second over a day, and faster slews") {
  for (const double by : {11.574, -11.574, 500.0, -500.0, 100'000.0}) {
    machine m;
    m.watch(10);
    m.pass(0.37e9), m.slew_ppm += by;
    const double began = m.mono;
    m.watch(20);
    only_rate(m, watch_kind::slew, 12 + by, 2);
    CHECK(m.events[0].lasts);
    CHECK(static_cast<double>(m.events[0].after.count()) <= began);
    CHECK(static_cast<double>(m.events[0].before.count()) >= began);
    m.events.clear();
    m.slew_ppm -= by;
    m.watch(20);
    only_rate(m, watch_kind::slew, 12, 2);
  }
}

TEST_CASE("clock_history: a slew that lasts a moment is reported by what it gained") {
  machine m;
  m.watch(10);
  m.slew_ppm += 500, m.pass(0.1e9), m.slew_ppm -= 500;
  m.watch(10);
  only(m, watch_kind::slew, 50us, 3us);
  CHECK_FALSE(m.events[0].lasts);
}

TEST_CASE("clock_history: suspend, whatever the counter does meanwhile") {
  for (const double counted : {0.0, 30e9 * 2.596, -40e9}) {
    machine m;
    m.watch(5);
    m.boot += 30e9;
    m.counter += counted;
    m.watch(10);
    only(m, watch_kind::suspend, 30s, 1us);
  }
}

TEST_CASE("clock_history: another clock source, the microseconds it lost and the rate it has") {
  machine m;
  m.watch(10);
  m.source = "hpet", m.log = "clocksource: Switched to clocksource hpet";
  SUBCASE("that runs as the old one did") {
    m.watch(5);
    REQUIRE(m.events.size() == 1);
    CHECK(m.events[0].kind == watch_kind::source_switched);
    CHECK(m.events[0].from == "tsc");
    CHECK(m.events[0].to == "hpet");
    CHECK(m.events[0].log == m.log);
    m.source.clear(); // cannot be read for a while
    m.watch(3);
    m.source = "hpet";
    m.watch(3);
    CHECK(m.events.size() == 1);
  }
  SUBCASE("that lost 15 us") {
    m.raw -= 15'000, m.mono -= 15'000;
    m.watch(10);
    REQUIRE(m.events.size() == 2);
    CHECK(m.events[1].kind == watch_kind::counter_shift);
    CHECK(std::abs(m.events[1].size.count() - 15'000) <= m.events[1].uncertainty.count());
    CHECK(m.events[1].uncertainty < 3us);
  }
  SUBCASE("that is slower by 60 ppm") {
    m.raw_ppm = -60;
    m.watch(10);
    REQUIRE(m.events.size() == 2);
    CHECK(m.events[1].kind == watch_kind::counter_rate);
    CHECK(std::abs(m.events[1].rate_ppm - 60) <= m.events[1].rate_uncertainty_ppm);
  }
  SUBCASE("that is slower by a hundredth: the kernel's watchdog found the old one wrong") {
    m.pass(0.4e9);
    m.raw_ppm = -12'000;
    SUBCASE("seen once a second") { m.watch(10); }
    SUBCASE("seen before a rate is known") { m.watch(200, 20ms); }
    REQUIRE(m.events.size() == 2);
    CHECK(m.events[1].kind == watch_kind::counter_rate);
    CHECK(std::abs(m.events[1].rate_ppm - 1e6 * (1 / (1 - 0.012) - 1)) <= m.events[1].rate_uncertainty_ppm);
    CHECK(m.events[1].rate_uncertainty_ppm < 3);
  }
  SUBCASE("that is slower by 8 ppm: no news") {
    m.raw_ppm = -8;
    m.watch(10);
    CHECK(m.events.size() == 1);
  }
  SUBCASE("and another at every check") {
    for (int i = 0; i < 10; ++i) {
      m.source = i % 2 == 0 ? "acpi_pm" : "hpet";
      m.raw -= 15'000, m.mono -= 15'000;
      m.watch(1);
    }
    m.watch(5);
    CHECK(m.count(watch_kind::source_switched) == 10);
    CHECK(m.count(watch_kind::counter_shift) == 10);
    CHECK(m.events.size() == 20);
  }
}

TEST_CASE("clock_history: counter and kernel part by an offset that stays, or by a rate") {
  SUBCASE("an offset") {
    for (const nanoseconds by : {nanoseconds(5us), nanoseconds(-5us), nanoseconds(800us), nanoseconds(-800us)}) {
      machine m;
      m.watch(10);
      m.counter += static_cast<double>(by.count()) * 2.596;
      m.watch(10);
      only(m, watch_kind::counter_shift, by, 3us);
    }
  }
  SUBCASE("a rate") {
    for (const double ppm : {50.0, -50.0, 900.0}) {
      machine m;
      m.watch(10);
      m.hertz *= 1 + ppm * 1e-6;
      m.watch(20);
      only_rate(m, watch_kind::counter_rate, ppm, 3);
      CHECK(m.history.rate().hertz() == doctest::Approx(m.hertz).epsilon(3e-6));
    }
  }
  SUBCASE("a rate that creeps: no single check shows it") {
    machine m;
    m.watch(10);
    for (int i = 0; i < 500; ++i) m.hertz *= 1 + 0.05e-6, m.watch(1);
    CHECK(m.events.size() == 1);
    CHECK(m.count(watch_kind::counter_rate) == 1);
  }
}

TEST_CASE("clock_history: the counter jumps") {
  for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s), nanoseconds(5ms), nanoseconds(-5ms)}) {
    machine m;
    m.counter += 2e13;
    m.watch(10);
    m.counter += static_cast<double>(by.count()) * 2.596;
    m.watch(10);
    REQUIRE(m.events.size() == 1);
    CHECK(m.events[0].kind == watch_kind::counter_jump);
    CHECK(std::abs((m.events[0].size - by).count()) <= m.events[0].uncertainty.count());
    CHECK(m.events[0].uncertainty < (by < 1s && by > -1s ? 3us : 10ms)); // by a rate that is known to 2 ppm
  }
  machine m; // a reset
  m.counter += 2e13;
  m.watch(10);
  m.counter = 1000;
  m.watch(10);
  CHECK(m.events.size() == 1);
  CHECK(m.count(watch_kind::counter_jump) == 1);
}

TEST_CASE("clock_history: leap seconds are announced, applied or withdrawn, and are no steps") {
  for (const int by : {-1, 1}) {
    machine m;
    m.leap.phase = takt::leap_facts::phase_kind::none;
    m.watch(5);
    m.leap.phase = by < 0 ? takt::leap_facts::phase_kind::insertion_pending : takt::leap_facts::phase_kind::deletion_pending;
    m.watch(5);
    REQUIRE(m.events.size() == 1);
    CHECK(m.events[0].kind == watch_kind::leap_announced);
    CHECK(m.events[0].size == std::chrono::seconds(by));
    m.events.clear();
    SUBCASE("applied") {
      m.leap.phase = by < 0 ? takt::leap_facts::phase_kind::in_progress : takt::leap_facts::phase_kind::applied;
      m.real += std::chrono::seconds(by), m.tai -= std::chrono::seconds(by);
      m.watch(2);
      m.leap.phase = takt::leap_facts::phase_kind::applied;
      m.watch(2);
      m.leap.phase = takt::leap_facts::phase_kind::none;
      m.watch(5);
      only(m, watch_kind::leap_applied, std::chrono::seconds(by), 1us);
    }
    SUBCASE("withdrawn") {
      m.leap.phase = takt::leap_facts::phase_kind::none;
      m.watch(5);
      REQUIRE(m.events.size() == 1);
      CHECK(m.events[0].kind == watch_kind::leap_withdrawn);
    }
  }
  machine m; // announced before the first check
  m.leap.phase = takt::leap_facts::phase_kind::deletion_pending;
  m.watch(3);
  CHECK(m.events.size() == 1);
  CHECK(m.count(watch_kind::leap_announced) == 1);
}

TEST_CASE("clock_history: clocks at the ends of their range overflow nothing, and lengths that are none divide nothing") {
  constexpr nanoseconds ends[] = {nanoseconds::min(), nanoseconds::max(), 0ns, nanoseconds::min() / 2, nanoseconds::max() - 500'000'000ns};
  std::mt19937_64 random(7);
  const auto any = [&] { return ends[random() % std::size(ends)]; };
  for (int round = 0; round < 3000; ++round) {
    takt::clock_history history;
    std::vector<watch_event> events;
    for (int i = 0; i < 4; ++i) {
      takt::clock_history::sample now;
      // Now and then RAW goes on as it should and MONOTONIC does not, or the counter goes on alone.
      const nanoseconds raw = random() % 2 == 0 ? i * nanoseconds(1s) + 1s : any();
      now.readings = {takt::tick_point(random()), any(), raw, any(), any(), 50ns, any()};
      history.add(now, events);
    }
    for (const auto& e : events) {
      REQUIRE(e.rate_uncertainty_ppm >= 0);
      REQUIRE(e.uncertainty >= 0ns);
      if (e.kind == watch_kind::tai_set) REQUIRE(e.size % 1s == 0ns);
    }
  }
  // Half the range apart is still reported in whole seconds.
  machine m;
  m.watch(3);
  m.tai = std::chrono::hours(24 * 365 * 120);
  m.watch(3);
  REQUIRE(m.events.size() == 1);
  CHECK(m.events[0].size == std::chrono::hours(24 * 365 * 120) - 37s);
}

TEST_CASE("clock_history: the TAI offset is set") {
  machine m;
  m.tai = 0s;
  m.watch(3);
  m.tai = 37s;
  m.watch(3);
  REQUIRE(m.events.size() == 1);
  CHECK(m.events[0].kind == watch_kind::tai_set);
  CHECK(m.events[0].size == 37s);
}

TEST_CASE("clock_history: kept by the tick, the kernel's clocks are coarse, and no event of the counter's") {
  machine m;
  m.resolution = 4ms;
  std::vector<watch_event> events;
  for (int i = 0; i < 5000; ++i) {
    m.pass(1e9);
    takt::clock_history::sample l = m.next_sample();
    const nanoseconds jiffy(static_cast<std::int64_t>(m.mono / 4e6) * 4'000'000);
    l.readings.monotonic = l.readings.boottime = jiffy, l.readings.raw = jiffy - 1s;
    l.readings.realtime = jiffy + m.real, l.readings.tai = jiffy + m.real + m.tai;
    m.history.add(l, events);
  }
  for (const auto& e : events) MESSAGE(to_string(e));
  CHECK(events.empty());
}

TEST_CASE("clock_history: without a counter the kernel's clocks are held against each other") {
  machine m;
  const auto watch = [&](int checks) {
    for (int i = 0; i < checks; ++i) {
      m.pass(1e9);
      takt::clock_history::sample l = m.next_sample();
      l.readings.counter = takt::tick_point();
      m.history.add(l, m.events);
    }
  };
  watch(10);
  CHECK(m.events.empty());
  CHECK_FALSE(m.history.rate().known());
  m.slew_ppm += 100;
  watch(10);
  only_rate(m, watch_kind::slew, 112, 2);
}

TEST_CASE("clock_history: a counter that shows anything at all, of any rate, is no reason to break") {
  for (const double hertz : {1e3, 24e6, 2.6e9, 1e12}) {
    machine m;
    m.hertz = hertz, m.counter = 0;
    m.watch(3);
    for (int i = 0; i < 2000; ++i) {
      m.pass(1e9);
      takt::clock_history::sample l = m.next_sample();
      if (m.uniform(0, 1) < 0.7) l.readings.counter = takt::tick_point(m.randomness() >> static_cast<int>(m.uniform(0, 63)));
      m.history.add(l, m.events);
    }
    for (const auto& e : m.events) {
      CHECK((e.kind == watch_kind::counter_jump || e.kind == watch_kind::counter_rate || e.kind == watch_kind::counter_shift));
      CHECK(e.uncertainty >= 0ns);
      CHECK(to_string(e) != "unknown");
    }
  }
}

namespace {

using sign = takt::restore_signs::sign;

takt::restore_signs signs(std::initializer_list<sign> list) {
  takt::restore_signs s;
  for (const sign one : list) s.add(one);
  return s;
}

/// One more sample, a second later, with these signs, after `happens` was done to the machine.
template <class F> void restore(machine& m, takt::restore_signs how, F&& happens) {
  m.pass(1e9);
  happens();
  takt::clock_history::sample l = m.next_sample();
  l.signs = how;
  m.history.add(l, m.events);
}

} // namespace

TEST_CASE("clock_history: a machine that was restored or migrated is no machine whose clock was set") {
  for (const sign how : {sign::generation, sign::disruption, sign::generation_id}) {
    for (const nanoseconds by : {nanoseconds(0), nanoseconds(7h), nanoseconds(-3s)}) {
      machine m;
      m.watch(10);
      restore(m, signs({how}), [&] { m.real += by; });
      only(m, watch_kind::restored, by, 1us);
      CHECK(m.events[0].signs == signs({how}));
      CHECK(m.events[0].before - m.events[0].after < 1100ms);
      m.watch(20);
      CHECK(m.events.size() == 1);
      m.real += 1h; // a step is a step again
      m.watch(3);
      CHECK(m.count(watch_kind::step) == 1);
    }
  }
}

TEST_CASE("clock_history: a counter that jumped while the machine was restored is reported beside that") {
  machine m;
  m.counter = 2e13;
  m.watch(10);
  restore(m, signs({sign::generation, sign::disruption}), [&] { m.counter -= 2.596e9 * 60; });
  REQUIRE(m.events.size() == 2);
  CHECK(m.events[0].kind == watch_kind::restored);
  CHECK(m.events[1].kind == watch_kind::counter_jump);
  m.watch(20);
  CHECK(m.events.size() == 2);
}

TEST_CASE("clock_history: the signs of one restore are one event, those of the next another") {
  machine m;
  m.watch(10);
  restore(m, signs({sign::generation, sign::disruption}), [] {});
  restore(m, signs({sign::generation_id}), [] {});
  CHECK(m.events.size() == 1);
  restore(m, signs({sign::generation_id}), [] {}); // the same sign again: another restore
  CHECK(m.events.size() == 2);
  m.watch(20);
  restore(m, signs({sign::generation}), [] {}); // a while later: another
  CHECK(m.events.size() == 3);
  restore(m, signs({sign::time_namespace}), [] {}); // a process is no machine
  CHECK(m.events.size() == 4);
  CHECK(m.count(watch_kind::restored) == 4);
}

TEST_CASE("clock_history: a process that was restored has other clocks, which show no suspend, step or jump") {
  // CRIU: MONOTONIC and BOOTTIME go on from where they were, on a machine with another counter, an hour later.
  for (const sign how : {sign::time_namespace, sign::boot_id}) {
    machine m;
    m.watch(10);
    restore(m, signs({how}), [&] { m.counter = 1000, m.real += 1h, m.boot += 5e9, m.hertz = 3e9; });
    only(m, watch_kind::restored, 1h + 5s, 1us);
    CHECK(m.events[0].signs.of_process());
    if (how == sign::boot_id) { // the rate of another machine's counter is measured anew
      CHECK_FALSE(m.history.rate().known());
      m.watch(20);
      CHECK(m.events.size() == 1);
      CHECK(m.history.rate().hertz() == doctest::Approx(3e9).epsilon(1e-4));
    }
  }
  // setns(2): MONOTONIC and BOOTTIME go far back.
  machine m;
  m.mono = 1e15, m.raw = 1e15;
  m.watch(10);
  restore(m, signs({sign::time_namespace}), [&] { m.mono = 5e9, m.raw = 4e9, m.real += std::chrono::nanoseconds(1'000'000s); });
  CHECK(m.events.size() == 1);
  CHECK(m.count(watch_kind::restored) == 1);
  m.watch(20);
  CHECK(m.events.size() == 1);
  // On the same machine, stopped for a minute of its counter: rates are judged from there on.
  machine same;
  same.watch(10);
  restore(same, signs({sign::time_namespace}), [&] { same.counter += 60 * same.hertz, same.real += 60s; });
  only(same, watch_kind::restored, 60s, 1us);
  same.watch(20);
  CHECK(same.events.size() == 1);
  same.events.clear();
  same.slew_ppm += 100;
  same.watch(10);
  only_rate(same, watch_kind::slew, 112, 2);
}

TEST_CASE("clock_history: clocks that leapt while the counter did not let a restore be inferred") {
  const auto sample_due = [](machine& m, nanoseconds late) {
    takt::clock_history::sample l = m.next_sample();
    l.due = *l.readings.monotonic - late;
    m.history.add(l, m.events);
  };
  const auto leap = [](machine& m, nanoseconds by) { m.mono += static_cast<double>(by.count()), m.raw += static_cast<double>(by.count()); };
  for (const nanoseconds by : {nanoseconds(1h), nanoseconds(10s)}) {
    machine m;
    m.counter = 2e13;
    m.watch(10);
    m.pass(0.4e9);
    leap(m, by); // the timer of the next sample expires at once
    sample_due(m, by - 600ms);
    only(m, watch_kind::restored, by, by / 1000);
    CHECK(m.events[0].signs.inferred());
    CHECK(to_string(m.events[0]).find("inferred") == 0);
    m.watch(20);
    CHECK(m.events.size() == 1);
  }
  // A sign that comes later makes it known.
  {
    machine m;
    m.counter = 2e13;
    m.watch(10);
    leap(m, 1h);
    sample_due(m, 1h);
    restore(m, signs({sign::generation_id}), [] {});
    CHECK(m.count(watch_kind::restored) == 2);
    CHECK_FALSE(m.events.back().signs.inferred());
  }
  // What else puts the counter behind the clocks: it jumped back, and the sample was in time, or nobody knows.
  for (const bool due : {true, false}) {
    machine m;
    m.counter = 2e13;
    m.watch(10);
    m.pass(1e9);
    m.counter -= 0.5 * m.hertz; // not back in all, as after a leap
    takt::clock_history::sample l = m.next_sample();
    if (due) l.due = *l.readings.monotonic - 1ms;
    m.history.add(l, m.events);
    CHECK(m.events.size() == 1);
    CHECK(m.count(watch_kind::counter_jump) == 1);
  }
  // A counter that was reset, in a sample that came late.
  {
    machine m;
    m.counter = 2e13;
    m.watch(10);
    m.pass(1e9);
    m.counter = 1000;
    sample_due(m, 10h);
    CHECK(m.count(watch_kind::counter_jump) == 1);
    CHECK(m.count(watch_kind::restored) == 0);
  }
  // A counter that jumped ahead, in a sample that came late.
  {
    machine m;
    m.watch(10);
    m.pass(3600e9);
    m.counter += 3600 * m.hertz;
    sample_due(m, 1h);
    CHECK(m.count(watch_kind::counter_jump) == 1);
    CHECK(m.count(watch_kind::restored) == 0);
  }
  // A busy machine: the sample is late, and clocks and counter agree.
  {
    machine m;
    m.watch(10);
    m.pass(20e9);
    sample_due(m, 19s);
    CHECK(m.events.empty());
  }
  // A suspend during which the counter stood still.
  {
    machine m;
    m.watch(10);
    m.boot += 3600e9, m.real -= 0s;
    m.pass(1e9);
    sample_due(m, 1h);
    CHECK(m.count(watch_kind::suspend) == 1);
    CHECK(m.count(watch_kind::restored) == 0);
  }
}

TEST_CASE("clock_history: MONOTONIC that goes backwards is an event of its own") {
  machine m;
  m.watch(10);
  takt::clock_history::sample l = m.next_sample();
  l.readings.backwards = 70us;
  m.history.add(l, m.events);
  REQUIRE(m.events.size() == 1);
  CHECK(m.events[0].kind == watch_kind::backwards);
  CHECK(m.events[0].size == -70us);
  CHECK(to_string(m.events[0]) == "CLOCK_MONOTONIC went backwards: by -70.000 us or more");
  m.watch(20);
  CHECK(m.events.size() == 1);
  // Two samples, the second on a CPU that is 3 s behind.
  m.events.clear();
  m.pass(1e9);
  for (double* clock : {&m.mono, &m.raw}) *clock -= 3e9;
  m.counter -= 3 * m.hertz;
  m.history.add(m.next_sample(), m.events);
  REQUIRE(m.events.size() == 1);
  CHECK(m.events[0].kind == watch_kind::backwards);
  CHECK(std::abs((m.events[0].size + 2s).count()) < 1'000'000);
  // The clocks went back, and the counter did not.
  m.watch(20);
  m.events.clear();
  m.pass(1e9);
  for (double* clock : {&m.mono, &m.raw}) *clock -= 3e9;
  m.history.add(m.next_sample(), m.events);
  REQUIRE(m.events.size() == 1);
  CHECK(m.events[0].kind == watch_kind::backwards);
}

TEST_CASE("clock_history: every event has a name and a sentence") {
  for (int k = 0; k <= static_cast<int>(watch_kind::backwards); ++k) {
    watch_event e;
    e.kind = static_cast<watch_kind>(k);
    CHECK(to_string(e.kind) != "unknown");
    CHECK(to_string(e) != "unknown");
  }
  CHECK(to_string(static_cast<watch_kind>(99)) == "unknown");
  watch_event e;
  e.size = -3600s - 12ns, e.uncertainty = 240ns;
  CHECK(to_string(e) == "CLOCK_REALTIME was set by -3600.000000012 s +/- 240 ns");
  e.kind = watch_kind::slew, e.lasts = true, e.rate_ppm = -11.574, e.rate_uncertainty_ppm = 0.058;
  CHECK(to_string(e) == "CLOCK_MONOTONIC is being slewed: its rate against MONOTONIC_RAW is -11.57 ppm +/- 0.06 ppm");
}
