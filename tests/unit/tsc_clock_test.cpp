// Protects tsc_clock as its users see it, on clocks that do what the test wants: which road it takes when, that it stays on
// its reference, never goes back, says how wrong it may be, and outlives every bad counter.
#include <takt/clock/tsc_clock.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::errc;

std::mt19937_64 randomness(1);

/// A machine, its clock and what the last stamp was. The clock's state is static: every test takes a tag of its own.
template <class Tag, bool Steady = true> struct bench {
  inline static takt::testing::manual_machine<Tag> machine{};
  using os = takt::testing::fake_os<Tag>;
  using reference = takt::testing::manual_reference<Tag, Steady>;
  using clock = takt::basic_tsc_clock<reference, takt::testing::manual_counter<Tag>, os>;

  bench() {
    machine.reset();
    os::reset();
    machine.now.ticks_per_ns = 2.596145832;
    machine.now.on_read = [] { machine.now.cost = 20 + static_cast<std::int64_t>(randomness() % 4); };
  }
  nanoseconds last = nanoseconds::min();
  nanoseconds read() {
    const nanoseconds t = clock::now().time_since_epoch();
    if (Steady && t < last) FAIL("backwards by ", (last - t).count());
    return last = t;
  }
  /// How far the clock is ahead of its reference, as the reads allow to say.
  double off() {
    const double before = machine.reference();
    const auto shown = static_cast<double>(read().count());
    const double after = machine.reference();
    return shown - (before + after) / 2;
  }
  takt::discipline_report discipline(nanoseconds every = 1s) {
    std::error_code ec;
    const auto report = clock::discipline(every, ec);
    INFO(ec.message());
    CHECK(!ec);
    return report;
  }
};

} // namespace

TEST_CASE("what it is") {
  using takt::tsc_clock, takt::fast_tsc_clock;
  static_assert(std::chrono::is_clock_v<tsc_clock> && std::chrono::is_clock_v<fast_tsc_clock>);
  static_assert(tsc_clock::is_steady && !fast_tsc_clock::is_steady);
  static_assert(noexcept(tsc_clock::now()) && noexcept(fast_tsc_clock::now()));
  static_assert(std::is_same_v<tsc_clock::time_point, fast_tsc_clock::time_point>);
  static_assert(std::is_same_v<tsc_clock::duration, nanoseconds>);
  static_assert(std::is_same_v<decltype(tsc_clock::now()), tsc_clock::time_point>);
  using wall = takt::basic_tsc_clock<takt::posix_clock<CLOCK_REALTIME>, takt::ordered_counter>;
  static_assert(std::chrono::is_clock_v<wall> && !wall::is_steady);
  CHECK(tsc_clock::to_steady(tsc_clock::time_point(5ns)) == std::chrono::steady_clock::time_point(5ns));
  CHECK(tsc_clock::from_steady(std::chrono::steady_clock::time_point(-5ns)) == tsc_clock::time_point(-5ns));
}

TEST_CASE("before calibrate() it is its reference") {
  bench<struct before_calibrate> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const std::int64_t begin = b.machine.now.time;
  for (int i = 0; i < 10; ++i) CHECK(std::abs(b.off()) <= 13);
  CHECK(b.machine.now.time - begin < 10 * 24); // and costs one read of it
  CHECK(clock::source() == takt::road::vdso);
  CHECK(!clock::calibration().rate().known());
  clock::discipline(1s, ec);
  CHECK(ec == errc::not_calibrated);
  CHECK(clock::from_ticks(takt::ticks(12345)) == clock::time_point());
  CHECK(clock::date(takt::ticks(12345)).extrapolated);
  CHECK(clock::date(takt::ticks(12345)).error == nanoseconds::max());
  CHECK(!clock::calibrate(0s, ec).rate().known());
  CHECK(ec == std::errc::invalid_argument);
  CHECK(clock::source() == takt::road::vdso);
  clock::install({}, 0s, ec);
  CHECK(ec == std::errc::invalid_argument);
}

TEST_CASE("after calibrate() it runs by the counter, from where it stood") {
  bench<struct after_calibrate> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  b.read();
  const auto c = clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  CHECK(clock::source() == takt::road::counter);
  CHECK(clock::calibration().rate() == c.rate());
  CHECK(clock::calibration().uncertainty_ppm() == c.uncertainty_ppm());
  for (int i = 0; i < 100; ++i) CHECK(std::abs(b.off()) < 60);
  const std::int64_t begin = b.machine.now.time;
  b.read();
  CHECK(b.machine.now.time - begin < 24); // one read of the counter, none of the reference
}

TEST_CASE("without a keeper the drift stays inside the error bar") {
  bench<struct untended> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto c = clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  for (int minute = 1; minute < 10; ++minute) {
    b.machine.advance(1min);
    CHECK(std::abs(b.off()) < 60 + c.uncertainty_ppm() * 1e-6 * minute * 60e9);
  }
  CHECK(clock::source() == takt::road::counter);
  b.machine.advance(2min);
  CHECK(clock::source() == takt::road::vdso); // nobody has looked after it for untended_life
  CHECK(std::abs(b.off()) < 60);
  b.discipline();
  CHECK(clock::source() == takt::road::counter);
}

TEST_CASE("kept every second it stays within 40 ns while nobody steers") {
  bench<struct kept> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(1ms, ec, 1s);
  REQUIRE(!ec);
  double most = 0;
  for (int second = 0; second < 300; ++second) {
    for (int i = 0; i < 20; ++i) {
      if (second > 2) most = std::max(most, std::abs(b.off()));
      b.machine.advance(50ms);
    }
    const auto report = b.discipline();
    CHECK(!report.events.any());
    CHECK(report.half_width < 50ns);
    CHECK(std::abs(report.rate_change_ppm) < 0.2);
  }
  CHECK(most < 40);
}

TEST_CASE("kept every second it stays within 100 ns and the change of rate times the period while somebody steers") {
  bench<struct steered> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec, 1s);
  REQUIRE(!ec);
  double rate = 1;
  for (int second = 0; second < 600; ++second) {
    double change = 0;
    if (second % 10 == 5) {
      const double next = 1 + (static_cast<double>(randomness() % 1001) - 500) * 1e-6;
      change = std::abs(next - rate);
      rate = next;
      b.machine.bend_reference(rate);
    }
    static double since = 0; // the change acts until the next look, and until the lead from it is worked off
    since = change > 0 ? change : since;
    for (int i = 0; i < 20; ++i) {
      if (second > 2) CHECK(std::abs(b.off()) < 100 + since * 1e9);
      b.machine.advance(50ms);
    }
    CHECK(!b.discipline().events.any());
    // A change of 1000 ppm makes a lead of 1 ms, which takes two seconds, and one period until it is seen.
    if (second % 10 > 7 || second % 10 < 5) CHECK(std::abs(b.off()) < 100);
  }
}

TEST_CASE("disciplined every millisecond with readings that are wrong either way, it never goes back") {
  bench<struct wrong_readings> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(1ms, ec, 1ms);
  REQUIRE(!ec);
  for (int i = 0; i < 3000; ++i) {
    const double error = static_cast<double>(randomness() % 20'001) - 10'000;
    b.machine.now.reference_at += error; // for as long as it is looked at
    const auto report = b.discipline(1ms);
    CHECK(std::abs(report.rate.hertz() / 2.596145832e9 - 1) < 50e-6); // 20 us over half a second
    b.machine.now.reference_at -= error;
    for (int k = 0; k < 5; ++k) b.read();
    b.machine.advance(1ms);
    for (int k = 0; k < 5; ++k) b.read();
  }
}

TEST_CASE("a machine that sleeps: the counter goes on or starts from zero, the reference stands still") {
  bench<struct sleeping> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec, 1s);
  REQUIRE(!ec);
  b.machine.advance(1s);
  b.discipline();
  SUBCASE("for two seconds, on which the line still holds") {
    b.machine.bend_counter(2.596145832, 2.596145832 * 2e9);
    CHECK(b.off() > 1.9e9); // seen before anybody could know
    const auto report = b.discipline();
    CHECK(report.events.has(takt::clock_change::counter_jump));
    CHECK(report.offset > 1900ms);
    CHECK(report.works_off > 3800ms);
    for (int i = 0; i < 5; ++i) {
      b.machine.advance(1s);
      CHECK(!b.discipline().events.any());
      b.read();
    }
    CHECK(std::abs(b.off()) < 100); // at half speed it took four
  }
  SUBCASE("for an hour: the clock stands at the end of its line, a few seconds ahead, until somebody looks") {
    b.machine.bend_counter(2.596145832, 2.596145832 * 3600e9);
    CHECK(clock::source() == takt::road::vdso);
    CHECK(b.off() == doctest::Approx(5e9).epsilon(0.01));
    CHECK(b.discipline().events.has(takt::clock_change::counter_jump));
    CHECK(clock::source() == takt::road::counter);
    for (int i = 0; i < 11; ++i) b.machine.advance(1s), b.discipline(), b.read();
    CHECK(std::abs(b.off()) < 100); // at half speed it took ten
  }
  SUBCASE("for an hour, and nobody ever looks: it stands until the kernel's clock is there") {
    b.machine.bend_counter(2.596145832, 2.596145832 * 3600e9);
    for (int i = 0; i < 100; ++i) b.read(), b.machine.advance(100ms);
    CHECK(std::abs(b.off()) < 60);
  }
  SUBCASE("with a counter that was reset") {
    b.machine.bend_counter(2.596145832, -b.machine.counter() + 1e6);
    CHECK(clock::source() == takt::road::vdso);
    CHECK(std::abs(b.off()) < 1e6 / 900);
    CHECK(b.discipline().events.has(takt::clock_change::counter_jump));
    CHECK(clock::source() == takt::road::counter);
    b.machine.advance(1100ms);
    CHECK(std::abs(b.off()) < 60);
  }
}

TEST_CASE("a counter that leaps by less than the life of a line that nobody keeps: no stamp is below one before, ever") {
  bench<struct leapt> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  constexpr nanoseconds life = takt::steering_rule::untended_life;
  for (const double part : {0.05, 0.3, 0.7, 0.95}) {
    for (const bool looked_after : {false, true}) {
      CAPTURE(part);
      clock::calibrate(5ms, ec);
      REQUIRE(!ec);
      b.machine.advance(10s);
      b.read();
      b.machine.bend_counter(2.596145832, 2.596145832 * part * static_cast<double>(life.count()));
      CHECK(b.off() > 0.9 * part * static_cast<double>(life.count())); // seen before anybody could know
      for (int i = 0; i < 40; ++i) b.machine.advance(life / 40), b.read(); // and far past the life
      if (looked_after) {
        CHECK(b.discipline(0s).events.has(takt::clock_change::counter_jump));
        for (int i = 0; i < 60; ++i) b.machine.advance(life / 40), b.read();
        b.discipline(0s);
      }
      for (int i = 0; i < 200; ++i) b.machine.advance(life / 40), b.read();
      CHECK(std::abs(b.off()) < 100);
    }
  }
}

TEST_CASE("a counter that has another rate from now on: noticed at once, followed at the second look") {
  bench<struct moved> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec, 1s);
  REQUIRE(!ec);
  b.machine.bend_counter(2.0);
  for (int i = 0; i < 2; ++i) {
    b.machine.advance(1s);
    CHECK(b.discipline().events.has(takt::clock_change::counter_jump));
    b.read();
  }
  for (int i = 0; i < 3; ++i) {
    b.machine.advance(1s);
    const auto report = b.discipline();
    CHECK(!report.events.any());
    CHECK(report.rate.hertz() == doctest::Approx(2e9).epsilon(1e-6));
    b.read();
  }
  CHECK(std::abs(b.off()) < 100);
}

TEST_CASE("a reference that is steered by more than a jump is followed at the second look, or half a second later") {
  bench<struct tick_set> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  for (const nanoseconds every : {nanoseconds(10ms), nanoseconds(200ms), nanoseconds(1s)}) {
    clock::calibrate(5ms, ec, every);
    REQUIRE(!ec);
    double before = 1;
    // What adjtimex can do: the tick by 10 %, the frequency by 500 ppm.
    for (const double rate : {1.1, 0.9, 1.1005, 1.0, 0.998, 1.0}) {
      CAPTURE(rate);
      CAPTURE(every.count());
      b.machine.bend_reference(rate);
      // The mean since the last anchor has to differ by a jump; then one more look, and least_look.
      const nanoseconds lag = 2 * every + takt::steering_rule::least_baseline + takt::steering_rule::least_look;
      const double brought = std::abs(rate - before) * static_cast<double>(lag.count());
      const auto looks_in = [&](nanoseconds span) { return static_cast<int>(span / every) + 1; };
      for (int look = 0; look < looks_in(lag); ++look) {
        CHECK(std::abs(b.off()) <= brought + 200);
        b.machine.advance(every);
        b.discipline(every);
      }
      CHECK(clock::discipline(every, ec).rate.hertz() == doctest::Approx(2.596145832e9 / rate).epsilon(1e-5));
      for (int look = 0; look < looks_in(3s); ++look) {
        b.machine.advance(every);
        CHECK(!b.discipline(every).events.any());
        CHECK(std::abs(b.off()) <= brought + 200);
      }
      before = rate;
      b.machine.advance(400s); // a lead of up to a tenth of a second is worked off at 500 ppm
      for (int look = 0; look < 2; ++look) b.machine.advance(1s), b.discipline(1s);
    }
    b.machine.bend_reference(1);
  }
}

TEST_CASE("a counter that runs backwards or stands still is given up, without a step back, until calibrate()") {
  bench<struct given_up> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec, 1s);
  REQUIRE(!ec);
  b.machine.advance(100ms);
  b.read();
  SUBCASE("backwards") {
    b.machine.bend_counter(-1);
    clock::discipline(1s, ec);
    CHECK(ec == errc::counter_went_back);
  }
  SUBCASE("still") {
    b.machine.bend_counter(0);
    clock::discipline(1s, ec);
    CHECK(ec == errc::counter_stands_still);
  }
  CHECK(clock::source() == takt::road::vdso);
  CHECK(!clock::calibration().rate().known());
  for (int i = 0; i < 100; ++i) b.read(), b.machine.advance(1ms);
  CHECK(std::abs(b.off()) < 60);
  clock::discipline(1s, ec);
  CHECK(ec == errc::not_calibrated);
  b.machine.bend_counter(2.5);
  CHECK(clock::calibrate(5ms, ec).rate().hertz() == doctest::Approx(2.5e9).epsilon(1e-6));
  CHECK(clock::source() == takt::road::counter);
  for (int i = 0; i < 100; ++i) {
    CHECK(std::abs(b.off()) < 60);
    b.machine.advance(10ms);
  }
}

TEST_CASE("a failed calibration changes nothing") {
  bench<struct failed> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto c = clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  CHECK(!clock::calibrate(-1s, ec).rate().known());
  CHECK(ec);
  b.machine.bend_reference(0);
  CHECK(!clock::calibrate(1ms, ec).rate().known());
  CHECK(ec == errc::reference_stands_still);
  CHECK(clock::calibration().rate() == c.rate());
  CHECK(clock::source() == takt::road::counter);
}

TEST_CASE("stored ticks: the line that was in force, with an error that holds") {
  bench<struct stored> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  struct event {
    takt::ticks at;
    double reference;
  };
  std::deque<event> events;
  const auto record = [&] {
    events.push_back({takt::ticks(static_cast<std::uint64_t>(b.machine.counter())), b.machine.reference()});
  };
  for (int i = 0; i < 5; ++i) record(), b.machine.advance(3ms); // older than every line
  clock::calibrate(5ms, ec, 1s);
  REQUIRE(!ec);
  for (int second = 0; second < 50; ++second) {
    if (second % 8 == 3) b.machine.bend_reference(1 + (static_cast<double>(randomness() % 201) - 100) * 1e-6);
    for (int i = 0; i < 4; ++i) b.machine.advance(250ms), record();
    b.discipline();
  }
  nanoseconds last{};
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto dated = clock::date(events[i].at);
    const auto error = static_cast<double>(dated.time.time_since_epoch().count()) - events[i].reference;
    CHECK(dated.extrapolated == (i < 5));
    if (i < 5) CHECK(std::abs(error) <= static_cast<double>(dated.error.count()));
    else CHECK(std::abs(error) <= static_cast<double>(dated.error.count()) + 200e-6 * 1e9); // steered within the second
    CHECK(dated.time.time_since_epoch() >= last);
    last = dated.time.time_since_epoch();
    CHECK(clock::from_ticks(events[i].at) == dated.time);
  }
  CHECK(clock::date(events[0].at).error > 1us);
  CHECK(clock::date(events[6].at).error < 1us);
  // now() and the conversion of the tick it read are the same
  b.machine.now.cost = 0, b.machine.now.on_read = nullptr;
  CHECK(clock::from_ticks(takt::ticks(static_cast<std::uint64_t>(b.machine.counter()))) == clock::now());
}

TEST_CASE("more lines than are kept") {
  bench<struct many_lines> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(1ms, ec, 1s);
  REQUIRE(!ec);
  const takt::ticks first(static_cast<std::uint64_t>(b.machine.counter()));
  const double reference = b.machine.reference();
  for (int i = 0; i < 100; ++i) b.machine.advance(1s), b.discipline();
  const auto dated = clock::date(first);
  CHECK(dated.extrapolated);
  CHECK(std::abs(static_cast<double>(dated.time.time_since_epoch().count()) - reference) < static_cast<double>(dated.error.count()));
  CHECK(dated.error > 30ms); // 38 s or so, of which nothing is known any more
}

TEST_CASE("a reference that is set: forward and back it is followed at the next look") {
  bench<struct wall_clock, false> b;
  using clock = decltype(b)::clock;
  static_assert(!clock::is_steady);
  std::error_code ec;
  clock::calibrate(5ms, ec, 1s);
  REQUIRE(!ec);
  for (const double step : {3600e9, -3600e9, 3e6, -3e6}) {
    b.machine.advance(1s);
    b.machine.bend_reference(1, step);
    CHECK(b.discipline().events.has(takt::clock_change::counter_jump));
    CHECK(std::abs(b.off()) < 60);
    b.machine.advance(1s);
    CHECK(!b.discipline().events.any());
    CHECK(std::abs(b.off()) < 60);
  }
}

TEST_CASE("the writer's lock: taken from a process that is not this one, waited for in vain otherwise") {
  bench<struct locked> b;
  using clock = decltype(b)::clock;
  using counter = takt::testing::manual_counter<struct locked>;
  using reference = takt::testing::manual_reference<struct locked>;
  using os = decltype(b)::os;
  os::now.clocks[CLOCK_MONOTONIC] = {{100, 0}, 0};
  auto& word = takt::detail::tsc_state<reference, counter, os>.writer;
  std::error_code ec;
  word = 4711; // of the process that forked this one
  CHECK(clock::calibrate(1ms, ec).rate().known());
  CHECK(!ec);
  CHECK(word == 0);
  word = 1; // of another thread of this process
  CHECK(!clock::calibrate(1ms, ec).rate().known());
  CHECK(ec == std::errc::resource_unavailable_try_again);
  clock::discipline(1s, ec);
  CHECK(ec == std::errc::resource_unavailable_try_again);
  b.read(); // readers take no notice
  word = 0;
}

namespace {
template <class Tag> struct hardware {
  using os = takt::testing::fake_os<Tag>;
  using reference = takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, os>;
  using clock = takt::basic_tsc_clock<reference, takt::ordered_counter, os>;

  static constexpr nanoseconds shown = 100s + 5ns; // by CLOCK_MONOTONIC
  static void reset() {
    os::reset();
    os::now.clocks[CLOCK_MONOTONIC] = {{100, 5}, 0};
  }
  static void do_not_offer_the_counter() {
    const std::string sysfs = "/sys/devices/system/clocksource/clocksource0/";
    os::now.files[sysfs + "current_clocksource"] = {"hpet\n", 0};
    os::now.files[sysfs + "available_clocksource"] = {"hpet acpi_pm\n", 0};
  }
  static void check_that_it_makes_the_call() {
    CHECK(clock::source() == takt::road::system_call);
    const int calls = os::now.system_calls;
    CHECK(clock::now().time_since_epoch() == shown);
    CHECK(os::now.system_calls == calls + 1);
  }
};
} // namespace

TEST_CASE("a counter that Linux does not offer as a clock source is not used") {
  using h = hardware<struct not_offered>;
  h::reset();
  h::do_not_offer_the_counter();
  std::error_code ec;
  CHECK(!h::clock::calibrate(1ms, ec).rate().known());
  CHECK(ec == errc::counter_not_trusted);
  CHECK(h::clock::source() == takt::road::vdso);
  CHECK(h::clock::now().time_since_epoch() == h::shown);
}

TEST_CASE("a thread that forbade itself the counter gets the system call's road, and the vDSO is left alone") {
  using h = hardware<struct forbidden>;
  h::reset();
  h::os::now.counter = {false, 0};
  std::error_code ec;
  CHECK(!h::clock::calibrate(1ms, ec).rate().known());
  CHECK(ec == errc::counter_forbidden);
  h::check_that_it_makes_the_call();
}

TEST_CASE("what a forbidden thread has asked for is not undone by one that may read the counter") {
  using h = hardware<struct forbidden_once>;
  h::reset();
  CHECK(h::clock::source() == takt::road::vdso);
  h::os::now.counter = {false, 0};
  CHECK(h::clock::source() == takt::road::system_call); // before anybody calibrated
  std::error_code ec;
  h::clock::calibrate(1ms, ec);
  CHECK(ec == errc::counter_forbidden);
  h::os::now.counter = {true, 0};
  h::do_not_offer_the_counter();
  h::clock::calibrate(1ms, ec);
  CHECK(ec == errc::counter_not_trusted);
  h::check_that_it_makes_the_call();
}

TEST_CASE("a thread that may not read the counter asks before it does, when a line is there already") {
  using h = hardware<struct forbidden_late>;
  h::reset();
  takt::rate_estimate e;
  e.rate = takt::tick_rate(takt::frequency(2.5e9));
  e.point = {takt::ordered_counter::read(), 100s, 10ns};
  const takt::tsc_calibration c(e, takt::calibration_origin::measured, 1ms);
  std::error_code ec;
  h::os::now.counter = {false, 0};
  h::clock::install(c, 0s, ec);
  CHECK(ec == errc::counter_forbidden);
  h::os::now.counter = {true, 0};
  h::clock::install(c, 0s, ec);
  REQUIRE(!ec);
  CHECK(h::clock::source() == takt::road::counter);
  h::os::now.counter = {false, 0};
  CHECK(h::clock::source() == takt::road::system_call);
  h::clock::discipline(1s, ec);
  CHECK(ec == errc::counter_forbidden);
  h::os::now.counter = {true, 0};
  CHECK(h::clock::source() == takt::road::counter); // the others have lost nothing
}

TEST_CASE("two that discipline at a time: who was overtaken reports no jump and moves no anchor") {
  bench<struct overtaken> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec, 1s);
  REQUIRE(!ec);
  static int reads;
  for (const int at : {598, 599, 600, 300}) {
    for (int i = 0; i < 3; ++i) {
      b.machine.advance(1s);
      CHECK(!b.discipline().events.any());
    }
    b.machine.advance(1s);
    reads = at;
    b.machine.now.on_read = [] {
      if (--reads != 0) return;
      std::error_code mine;
      CHECK(!clock::discipline(1s, mine).events.any());
      CHECK(!mine);
    };
    const auto report = b.discipline();
    CHECK(!report.events.any());
    CHECK(std::abs(report.rate_change_ppm) < 0.5);
    b.machine.now.on_read = nullptr;
    b.machine.advance(1s);
    CHECK(!b.discipline().events.any());
    CHECK(std::abs(b.off()) < 60);
  }
}

TEST_CASE("ticks that no clock of this machine ever showed are dated without overflow, and said to be unknown") {
  for (const double ticks_per_ns : {2.596145832, 0.024}) {
    bench<struct odd_ticks> b;
    using clock = decltype(b)::clock;
    b.machine.now.ticks_per_ns = ticks_per_ns;
    std::error_code ec;
    clock::calibrate(5ms, ec);
    REQUIRE(!ec);
    const std::uint64_t base = clock::calibration().point().at.count(), half = std::uint64_t{1} << 63;
    for (const std::uint64_t t : {std::uint64_t{0}, half >> 1, half - 1, half, half + (half >> 1), ~std::uint64_t{0}, base + half,
                                  base + half - 1}) {
      const auto dated = clock::date(takt::ticks(t));
      CHECK(dated.extrapolated);
      CHECK(dated.error > 1ms);
    }
    // Where the line's own base is, within a few thousand ticks, the distance has no absolute value.
    for (std::uint64_t k = 0; k < 20'000'000; k += 997) {
      const auto dated = clock::date(takt::ticks(base + k + half));
      REQUIRE(dated.error == nanoseconds::max());
    }
  }
}

TEST_CASE("a calibration of no counter there is, or of other clocks, is not installed") {
  bench<struct implausible> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto good = clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  takt::rate_estimate e;
  const auto refused = [&] {
    clock::install(takt::tsc_calibration(e, takt::calibration_origin::measured, 1ms), 0s, ec);
    CHECK(clock::calibration().rate() == good.rate());
    b.read();
    return ec == std::errc::invalid_argument;
  };
  const auto rate = [](double hertz) { return takt::tick_rate(takt::frequency(hertz)); };
  e.point = good.point(), e.rate = good.rate();
  for (const double hertz : {1e-6, 999.0, 1.1e12, 1e300}) {
    e.rate = rate(hertz);
    CHECK(refused());
  }
  e.rate = good.rate(), e.uncertainty_ppm = std::nan("");
  CHECK(refused());
  e.uncertainty_ppm = 1, e.point = {};
  e.point.reference = 1h;
  CHECK(refused());
  e.point = good.point(), e.point.reference = nanoseconds::min();
  CHECK(refused());
  e.point = good.point(), e.point.at += takt::ticks(std::uint64_t{1} << 63);
  CHECK(refused());
  e.point = good.point();
  CHECK(!refused());
}

TEST_CASE("to_sys takes the narrowest of a few brackets") {
  bench<struct brackets> b;
  using clock = decltype(b)::clock;
  static int reads;
  for (const int disturbed : {1, 2, 4}) {
    reads = 0;
    static int until;
    until = disturbed;
    b.machine.now.on_read = [] {
      using here = bench<struct brackets>;
      // A pause before the last read of a bracket, in all brackets but one.
      if (reads++ % 2 == 1 && reads / 2 < until) here::machine.advance(1ms);
      const nanoseconds real(1'700'000'000'000'000'000 + static_cast<std::int64_t>(here::machine.reference()));
      here::os::now.clocks[CLOCK_REALTIME] = {takt::to_timespec(real), 0};
    };
    const auto off = clock::to_sys(clock::time_point(5s)).time_since_epoch() - 1'700'000'000s - 5s;
    CHECK(off < 50ns);
    CHECK(off > -50ns);
  }
}

#if TAKT_EXCEPTIONS
TEST_CASE("the throwing forms say what can be done") {
  bench<struct throwing> b;
  using clock = decltype(b)::clock;
  CHECK_THROWS_AS(clock::calibrate(0s), std::system_error);
  CHECK_THROWS_AS(clock::discipline(), std::system_error);
  CHECK(clock::calibrate(1ms).rate().known());
  CHECK(clock::discipline().offset < 100ns);
  try {
    clock::calibrate(0s);
  } catch (const std::system_error& e) {
    CHECK(std::string(e.what()).find("tsc_clock::calibrate") != std::string::npos);
  }
}
#endif
