// Protects: the classifier: each event is distinguished from every other, by the amount that really happened, and what
// the readings leave open is no event.
#include <takt/clock/clock_changes.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <initializer_list>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using kind = takt::clock_changes::kind;
using takt::clock_changes;
using takt::detail::clock_readings;

constexpr takt::detail::clock_expectations known{takt::tick_rate(takt::frequency(2.5e9)), 12};

clock_readings start() { return {takt::tick_point(1'000'000), 100s, 100s - 1ms, 200s, 1'700'000'000s, 60ns}; }

/// `start` and `passed` later, with 12 ppm of slew, as usual.
clock_readings later(nanoseconds passed = 1s) {
  clock_readings r = start();
  *r.monotonic += passed + passed * 12 / 1'000'000;
  *r.realtime += passed + passed * 12 / 1'000'000;
  *r.boottime += passed + passed * 12 / 1'000'000;
  *r.raw += passed;
  r.counter += takt::ticks(static_cast<std::uint64_t>(passed.count()) * 5 / 2);
  return r;
}

void only(const clock_changes& found, std::initializer_list<kind> expected) {
  clock_changes wanted;
  for (const auto e : expected) wanted.add(e);
  CHECK(found.bits == wanted.bits);
  CHECK(found.any() == (expected.size() > 0));
}

/// The thread is moved to a CPU that is 70 us behind before the read `moved`.
struct two_cpus : takt::testing::fake_os<struct two_cpus_tag> {
  inline static int reads = 0, moved = 0;
  static int clock_gettime(clockid_t id, timespec& out) noexcept {
    if (++reads == moved) advance(-70us);
    return fake_os::clock_gettime(id, out);
  }
};

} // namespace

TEST_CASE("nothing happened") {
  for (const nanoseconds passed : {nanoseconds(1us), nanoseconds(1ms), nanoseconds(1s), nanoseconds(24h)}) {
    const auto found = takt::detail::classify(start(), later(passed), known);
    only(found, {});
    CHECK(found.slew_ppm == doctest::Approx(passed >= 1ms ? 12 : 0));
  }
  static_assert(!takt::detail::classify({}, {}, {}).any());
}

TEST_CASE("a step of the system clock") {
  for (const nanoseconds step : {nanoseconds(2us), nanoseconds(-2us), nanoseconds(1s), nanoseconds(-3600s)}) {
    auto r = later();
    *r.realtime += step;
    const auto found = takt::detail::classify(start(), r, known);
    only(found, {kind::step});
    CHECK(found.step == step);
  }
}

TEST_CASE("what the readings leave open is no step") {
  auto r = later();
  *r.realtime += 1240ns; // a microsecond, and 60 ns for each of the four readings
  only(takt::detail::classify(start(), r, known), {});
  *r.realtime += 1ns;
  only(takt::detail::classify(start(), r, known), {kind::step});
  *r.realtime -= 2481ns;
  only(takt::detail::classify(start(), r, known), {});
  *r.realtime -= 1ns;
  only(takt::detail::classify(start(), r, known), {kind::step});
}

TEST_CASE("a sleep: the counter stood still, was reset, or went on") {
  auto r = later();
  *r.boottime += 30s, *r.realtime += 30s;
  auto found = takt::detail::classify(start(), r, known);
  only(found, {kind::suspend}); // REALTIME goes on in suspend: no step
  CHECK(found.slept == 30s);
  CHECK(found.step == 0s);

  auto set = r;
  *set.realtime += 5s;
  found = takt::detail::classify(start(), set, known);
  only(found, {kind::suspend, kind::step});
  CHECK(found.slept == 30s);
  CHECK(found.step == 5s);

  auto on = r;
  on.counter += takt::ticks(75'000'000'000);
  found = takt::detail::classify(start(), on, known);
  only(found, {kind::suspend, kind::counter_jump});
  CHECK(found.counter_jump == 30s);

  auto reset = r;
  reset.counter = takt::tick_point(5);
  found = takt::detail::classify(start(), reset, known);
  only(found, {kind::suspend, kind::counter_jump});
  CHECK(found.counter_jump < -1s);
}

TEST_CASE("a slew, faster and slower than before") {
  for (const int ppm : {500, -500, 20, 3}) {
    auto r = later();
    const nanoseconds more(1000 * (ppm - 12));
    *r.monotonic += more, *r.realtime += more, *r.boottime += more;
    const auto found = takt::detail::classify(start(), r, known);
    only(found, {kind::slew});
    CHECK(found.slew_ppm == doctest::Approx(ppm));
  }
  auto r = later();
  *r.monotonic += 4us, *r.realtime += 4us, *r.boottime += 4us;
  only(takt::detail::classify(start(), r, known), {});
}

TEST_CASE("a counter that leaps by an hour, back, stands still, or has another rate") {
  for (const std::int64_t leap : {9'000'000'000'000LL, 5'000'000LL, -5'000'000LL, -9'000'000'000'000LL}) {
    auto r = later();
    r.counter += takt::ticks(static_cast<std::uint64_t>(leap));
    const auto found = takt::detail::classify(start(), r, known);
    only(found, {kind::counter_jump});
    CHECK(found.counter_jump.count() == doctest::Approx(static_cast<double>(leap) / 2.5));
  }
  auto r = later();
  r.counter = start().counter;
  only(takt::detail::classify(start(), r, known), {kind::counter_jump});
  r = later();
  r.counter += takt::ticks(2'550'000); // 1020 ppm of a second
  only(takt::detail::classify(start(), r, known), {kind::counter_jump});
}

TEST_CASE("counter and kernel disagree by less than a jump: only RAW, which is not steered, can say so") {
  auto r = later();
  r.counter += takt::ticks(125'000); // 50 ppm
  auto found = takt::detail::classify(start(), r, known);
  only(found, {kind::disagreement});
  CHECK(found.disagreement_ppm == doctest::Approx(50));
  r = later();
  r.counter -= takt::ticks(125'000);
  only(takt::detail::classify(start(), r, known), {kind::disagreement});
  r = later();
  r.counter += takt::ticks(45'000); // 18 ppm
  only(takt::detail::classify(start(), r, known), {});

  auto before = start();
  r = later();
  before.raw.reset(), r.raw.reset();
  r.counter += takt::ticks(125'000);
  only(takt::detail::classify(before, r, known), {});
  r.counter += takt::ticks(3'000'000);
  only(takt::detail::classify(before, r, known), {kind::counter_jump});
}

TEST_CASE("what was not read, or is not known, is not judged") {
  auto r = later();
  *r.realtime += 1h, *r.boottime += 1h, r.counter += takt::ticks(1'000'000'000'000);
  auto blind = r;
  blind.monotonic.reset();
  only(takt::detail::classify(start(), blind, known), {kind::counter_jump});
  blind = r;
  blind.realtime.reset(), blind.boottime.reset();
  only(takt::detail::classify(start(), blind, {}), {kind::slew}); // nothing is known of the 12 ppm either
  blind = {};
  blind.counter = r.counter;
  only(takt::detail::classify(start(), blind, known), {});
}

TEST_CASE("all clocks are read between two reads of the counter, and the narrowest try is kept") {
  struct tag;
  using os = takt::testing::fake_os<tag>;
  struct counter {
    static takt::tick_point read() {
      static const std::uint64_t shown[] = {1000, 9000, 10'000, 12'000, 20'000, 25'000};
      static std::size_t next = 0;
      return takt::tick_point(shown[next++]);
    }
  };
  os::reset();
  os::now.clocks[CLOCK_MONOTONIC] = {{1, 0}, 0};
  os::now.clocks[CLOCK_MONOTONIC_RAW] = {{2, 0}, 0};
  os::now.clocks[CLOCK_BOOTTIME] = {{3, 0}, 0};
  os::now.clocks[CLOCK_REALTIME] = {{4, 0}, 0};
  os::now.clocks[CLOCK_TAI] = {{5, 0}, 0};
  const auto r = takt::detail::read_all_clocks<counter, os>(known.rate, takt::access::syscall);
  CHECK(r.counter == takt::tick_point(11'000));
  CHECK(r.half_width == 401ns);
  CHECK(r.monotonic == 1s);
  CHECK(r.raw == 2s);
  CHECK(r.boottime == 3s);
  CHECK(r.realtime == 4s);
  CHECK(r.tai == 5s);
}

TEST_CASE("a clock that jumps between the readings makes the set wide, whatever the counter says") {
  struct tag;
  using os = takt::testing::fake_os<tag>;
  struct slow_counter {
    static takt::tick_point read() {
      static std::uint64_t shown = 0;
      return takt::tick_point(shown += 100);
    }
  };
  os::reset();
  for (const clockid_t id : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI})
    os::now.clocks[id] = {{1, 0}, 0};
  os::now.reading = 4ms;
  CHECK(takt::detail::read_all_clocks<slow_counter, os>(known.rate, takt::access::syscall).half_width == 10ms + 1ns);
  struct falling_counter {
    static takt::tick_point read() {
      static std::uint64_t shown = 1'000'000;
      return takt::tick_point(shown -= 100);
    }
  };
  CHECK(takt::detail::read_all_clocks<falling_counter, os>(known.rate, takt::access::syscall).half_width == 30min + 1ns);
  os::now.reading = 10ns;
  const auto r = takt::detail::read_all_clocks<takt::detail::no_counter, os>({}, takt::access::syscall);
  CHECK(r.half_width == 26ns);
  CHECK(r.counter == takt::tick_point());
}

TEST_CASE("MONOTONIC that goes backwards is no suspend, wherever it shows") {
  const auto behind = [](clock_readings r, nanoseconds by) { // all on a CPU whose counter is behind
    for (auto* clock : {&r.monotonic, &r.raw, &r.boottime, &r.realtime}) **clock -= by;
    r.counter -= takt::ticks(static_cast<std::uint64_t>(by.count()) * 5 / 2);
    return r;
  };
  // Within one set.
  auto r = later();
  r.backwards = 12us;
  auto found = takt::detail::classify(start(), r, known);
  only(found, {kind::backwards});
  CHECK(found.backwards == 12us);
  CHECK(to_string(found) == "backwards 12 us");
  // From one set to the next, by however little.
  for (const nanoseconds by : {nanoseconds(1ns), nanoseconds(500ns), nanoseconds(3ms)}) {
    found = takt::detail::classify(start(), behind(later(0s), by), known);
    CHECK(found.has(kind::backwards));
    CHECK(found.backwards == by);
    for (const kind other : {kind::suspend, kind::step}) CHECK_FALSE(found.has(other));
  }
  only(takt::detail::classify(start(), later(0s), known), {}); // the same time is not back
  // BOOTTIME and REALTIME were read on a CPU that is behind, MONOTONIC was not.
  r = later();
  *r.boottime -= 50us, *r.realtime -= 50us;
  found = takt::detail::classify(start(), r, known);
  only(found, {kind::backwards});
  CHECK(found.slept == 0s);
  CHECK(found.backwards <= 50us);
  CHECK(found.backwards > 49us);
  // A step is seen nevertheless, and so is a suspend.
  *r.realtime += 1h;
  only(takt::detail::classify(start(), r, known), {kind::backwards, kind::step});
  r = later();
  *r.boottime += 30s, *r.realtime += 30s, r.backwards = 1us;
  only(takt::detail::classify(start(), r, known), {kind::backwards, kind::suspend});
}

TEST_CASE("MONOTONIC that goes backwards while the clocks are read makes the set wide, and is stated") {
  using os = two_cpus;
  for (int moved = 0; moved <= 20; ++moved) {
    CAPTURE(moved);
    os::reset();
    for (const clockid_t id : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI})
      os::now.clocks[id] = {{1, 0}, 0};
    os::now.reading = 20ns;
    const auto before = takt::detail::read_all_clocks<takt::detail::no_counter, os>({}, takt::access::syscall);
    os::reads = 0, os::moved = moved;
    const auto after = takt::detail::read_all_clocks<takt::detail::no_counter, os>({}, takt::access::syscall);
    const auto found = takt::detail::classify(before, after, {});
    CHECK_FALSE(found.has(kind::suspend));
    CHECK_FALSE(found.has(kind::step));
    CHECK(found.has(kind::backwards) == (moved >= 1 && moved <= 18));
    CHECK(found.backwards <= 70us);
    os::moved = 0;
  }
}

TEST_CASE("every event has a name") {
  for (int e = 0; e <= static_cast<int>(kind::backwards); ++e)
    CHECK(takt::to_string(static_cast<kind>(e)) != "unknown");
  CHECK(takt::to_string(static_cast<kind>(99)) == "unknown");
}
