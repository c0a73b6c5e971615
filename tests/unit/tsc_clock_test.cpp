// Protects: tsc_clock as its users see it, on clocks that do what the test wants: which path it takes when, that it
// stays on its reference, never goes back, says how wrong it may be, and outlives every bad counter.
#include <takt/clock/tsc_clock.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <deque>
#include <memory>
#include <new>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::errc;

std::mt19937_64 randomness(1);

/// A machine, its clock and what the last stamp was. The clock's state is static and begins anew with each bench: a type of
/// its own for each test would have the compiler make thirty clocks.
template <bool Steady = true> struct bench {
  inline static takt::testing::manual_machine<bench> machine{};
  using os = takt::testing::fake_os<bench>;
  using counter = takt::testing::manual_counter<bench>;
  using reference = takt::testing::manual_reference<bench, Steady>;
  using clock = takt::basic_tsc_clock<reference, counter, os>;

  bench() {
    machine.reset();
    os::reset();
    std::construct_at(&takt::detail::tsc_state<reference, typename counter::family, os>);
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
  takt::tsc_clock::report discipline(nanoseconds every = 1s) {
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
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const std::int64_t begin = b.machine.now.time;
  for (int i = 0; i < 10; ++i) CHECK(std::abs(b.off()) <= 13);
  CHECK(b.machine.now.time - begin < 10 * 24); // and costs one read of it
  CHECK(clock::source() == takt::clock_path::vdso);
  CHECK(!clock::calibration().rate().known());
  clock::discipline(1s, ec);
  CHECK(ec == errc::not_calibrated);
  CHECK(clock::from_ticks(takt::tick_point(12345)) == clock::time_point());
  CHECK(clock::date(takt::tick_point(12345)).extrapolated);
  CHECK(clock::date(takt::tick_point(12345)).error == nanoseconds::max());
  CHECK(!clock::calibrate(0s, ec).rate().known());
  CHECK(ec == std::errc::invalid_argument);
  CHECK(clock::source() == takt::clock_path::vdso);
  clock::install({}, ec);
  CHECK(ec == std::errc::invalid_argument);
}

TEST_CASE("after calibrate() it runs by the counter, from where it stood") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  b.read();
  const auto c = clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  CHECK(clock::source() == takt::clock_path::counter);
  CHECK(clock::calibration().rate() == c.rate());
  CHECK(clock::calibration().uncertainty_ppm() == c.uncertainty_ppm());
  for (int i = 0; i < 100; ++i) CHECK(std::abs(b.off()) < 60);
  const std::int64_t begin = b.machine.now.time;
  b.read();
  CHECK(b.machine.now.time - begin < 24); // one read of the counter, none of the reference
}

TEST_CASE("without a keeper the drift stays inside the error bar") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto c = clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  for (int minute = 1; minute < 10; ++minute) {
    b.machine.advance(1min);
    CHECK(std::abs(b.off()) < 60 + c.uncertainty_ppm() * 1e-6 * minute * 60e9);
  }
  CHECK(clock::source() == takt::clock_path::counter);
  b.machine.advance(2min);
  CHECK(clock::source() == takt::clock_path::vdso); // the segment has ended
  CHECK(std::abs(b.off()) < 200);                   // give or take what the read took
  CHECK(clock::source() == takt::clock_path::counter); // and that read renewed it
}

TEST_CASE("without a keeper, for hours: one slow read in a segment, within the error that is stated, never backwards") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto c = clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  double steered = 0;
  SUBCASE("not steered") {}
  SUBCASE("steered by 100 ppm") { steered = 100; }
  SUBCASE("steered by -400 ppm") { steered = -400; }
  CAPTURE(steered);
  if (steered != 0) b.machine.advance(1min), b.machine.bend_reference(1 + steered * 1e-6);
  const auto cost = [&] {
    const std::int64_t begin = b.machine.now.time;
    b.read();
    return b.machine.now.time - begin;
  };
  int slow = 0;
  for (int second = 1; second <= 10 * 3600; second += 7) {
    b.machine.advance(7s);
    const auto stamp = takt::tick_point(static_cast<std::uint64_t>(b.machine.counter()));
    const double reference = b.machine.reference();
    slow += cost() >= 24; // more than one read of the counter
    CHECK(cost() < 24);
    const auto dated = clock::date(stamp);
    const double off = static_cast<double>(dated.time.time_since_epoch().count()) - reference;
    // In the segments in which the reference was steered first, the rate was not known; from the next on it is.
    const double unknown = second < 1300 ? std::abs(steered) * 1e-6 * 600e9 : 0;
    CHECK(std::abs(off) <= static_cast<double>(dated.error.count()) + unknown);
    CHECK(std::abs(b.off()) < 100 + c.uncertainty_ppm() * 1e-6 * 600e9 + unknown);
  }
  CHECK(slow >= 10 * 6 - 1); // a life is ten minutes
  CHECK(slow <= 10 * 6 + 1);
}

TEST_CASE("without a keeper, for hours: the fast path but for a second in ten minutes") {
  bench<> b;
  using here = decltype(b);
  std::error_code ec;
  here::clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  auto& lines = takt::detail::tsc_state<here::reference, here::counter::family, here::os>.lines;
  int slow = 0, reads = 0;
  for (; reads < 10 * 3600; ++reads) {
    b.machine.advance(1s);
    if (reads % 600 == 0) b.machine.bend_reference(reads % 1200 == 0 ? 1 : 1 - 1e-7); // ahead now and then
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    slow += !lines.try_read(lines.newest(), [&] { return static_cast<std::uint64_t>(b.machine.counter()); }, c, ns);
    b.read();
  }
  CHECK(slow <= 4 * (10 * 6 + 1)); // in a life: one at its end, up to three between the turn and what follows from it
  CHECK(lines.newest() > 10 * 6); // some segments slewed
}

TEST_CASE("a clock that jumps in the middle of a discipline() is followed as one that jumps between two") {
  using here = bench<>;
  here b;
  static int reads, when;
  static void (*jump)() = nullptr;
  SUBCASE("the counter leaps") {
    jump = [] { here::machine.bend_counter(2.596145832, 2.596145832 * 3600e9); };
  }
  SUBCASE("the machine is suspended: the counter goes on, the reference does not") {
    jump = [] { here::machine.bend_counter(2.596145832, 2.596145832 * 50e9); };
  }
  std::error_code ec;
  for (when = 1; when < 1000; when += 1 + when / 3) {
    CAPTURE(when);
    std::construct_at(&takt::detail::tsc_state<here::reference, here::counter::family, here::os>);
    b.last = nanoseconds::min();
    here::clock::calibrate(1ms, ec);
    REQUIRE(!ec);
    b.discipline();
    b.machine.advance(1s);
    reads = 0;
    b.machine.now.on_read = [] {
      here::machine.now.cost = 20;
      if (++reads == when) jump();
    };
    b.discipline();
    b.discipline();
    b.machine.now.on_read = [] { here::machine.now.cost = 20; };
    CHECK(std::abs(b.off()) < 5.1e9); // a life of a clock that is disciplined each second, in which readers cannot see it
    b.machine.advance(12s);
    b.discipline();
    CHECK(std::abs(b.off()) < 1000);
  }
}

TEST_CASE("interleaved readers that meet the end of a segment: one renews, no stamp is below an earlier one") {
  using here = bench<>;
  here b;
  using clock = here::clock;
  std::error_code ec;
  clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  static std::int64_t newest;
  static int depth;
  newest = 0, depth = 0;
  // In the middle of any read of either clock, by a reader or a renewer, others read: up to three deep, as handlers do.
  const auto reader = [] {
    const std::int64_t before = newest;
    const std::int64_t shown = clock::now().time_since_epoch().count();
    if (shown < before) FAIL("backwards by ", before - shown);
    if (shown > newest) newest = shown;
  };
  static void (*read)() = nullptr;
  read = reader;
  b.machine.now.on_read = [] {
    here::machine.now.cost = 20 + static_cast<std::int64_t>(randomness() % 4);
    if (depth >= 3 || randomness() % 3 != 0) return;
    ++depth;
    here::machine.advance(nanoseconds(randomness() % 3 == 0 ? randomness() % 30'000 : randomness() % 50));
    read();
    --depth;
  };
  constexpr nanoseconds life = takt::detail::steering_parameters::untended_life;
  for (int round = 0; round < 500; ++round) {
    if (round % 5 == 0) b.machine.bend_reference(1 + (static_cast<double>(randomness() % 1001) - 500) * 1e-6);
    b.machine.advance(life + 1s);
    for (int i = 0; i < 20; ++i) reader();
    CHECK(clock::source() == takt::clock_path::counter);
  }
}

TEST_CASE("a segment that a counter failed is renewed on probation, and a counter that stays wrong hardly shows") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto calibrated = clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  constexpr nanoseconds life = takt::detail::steering_parameters::untended_life;
  constexpr nanoseconds probation = takt::detail::steering_parameters::probation;
  SUBCASE("a suspend during which the counter goes on: the counter's path again when the clock has been caught up with") {
    b.machine.bend_counter(2.596145832, 2.596145832 * 3600e9);
    CHECK(b.off() == doctest::Approx(600e9).epsilon(0.01));
    CHECK(clock::source() == takt::clock_path::vdso); // nothing is renewed while time stands still
    b.machine.advance(life + 1s);
    b.read();
    CHECK(clock::source() == takt::clock_path::counter);
    b.machine.advance(1s);
    b.read();
    b.machine.advance(life - 1s);
    CHECK(std::abs(b.off()) < 100 + calibrated.uncertainty_ppm() * 1e-6 * static_cast<double>(life.count()));
    CHECK(clock::source() == takt::clock_path::counter); // for a whole life
  }
  SUBCASE("a counter that was reset") {
    b.machine.bend_counter(2.596145832, -b.machine.counter() + 1e6);
    b.read();
    CHECK(clock::source() == takt::clock_path::vdso);
    b.machine.advance(life + 1s);
    for (int i = 0; i < 3; ++i) b.machine.advance(1s), b.read();
    CHECK(clock::source() == takt::clock_path::counter);
    CHECK(std::abs(b.off()) < 100);
  }
  SUBCASE("a guest that was moved to a processor of twice the rate: ahead by one life once, and then by half a probation") {
    b.machine.bend_counter(2 * 2.596145832);
    double max = 0;
    int fast = 0, all = 0;
    for (nanoseconds t = 0s; t < 4h; t += 100ms) {
      b.machine.advance(100ms);
      b.read();
      fast += clock::source() == takt::clock_path::counter;
      if (t > 2 * life) max = std::max(max, std::abs(b.off())), ++all;
    }
    CHECK(max > 1e6); // it was tried
    CHECK(max <= static_cast<double>(probation.count()));
    CHECK(fast < all / 20);
  }
}

TEST_CASE("a clock that was given up is not renewed by readers") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  b.machine.bend_counter(0);
  clock::discipline(ec);
  CHECK(ec == errc::counter_stands_still);
  b.machine.bend_counter(2.5);
  for (int i = 0; i < 50; ++i) b.machine.advance(1min), b.read();
  CHECK(clock::source() == takt::clock_path::vdso);
}

TEST_CASE("a reference that is not steady: an ended segment is renewed where the reference is") {
  bench<false> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  for (const double step : {0.0, 3600e9, -3600e9}) {
    b.machine.bend_reference(1, step);
    for (int i = 0; i < 3; ++i) b.machine.advance(11min), b.read();
    CHECK(clock::source() == takt::clock_path::counter);
    CHECK(std::abs(b.off()) < 100);
  }
}

TEST_CASE("discipline() without a period keeps the one that calibrate() or discipline() was given") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto ahead_after_suspend = [&] {
    for (int i = 0; i < 5; ++i) b.machine.advance(1s), clock::discipline(ec);
    REQUIRE(!ec);
    b.machine.bend_counter(2.596145832, 2.596145832 * 8 * 3600e9); // the counter goes on for eight hours
    const double ahead = b.off();
    for (int i = 0; i < 15; ++i) b.machine.advance(1s), clock::discipline(ec);
    return ahead;
  };
  clock::calibrate(5ms, 1s, ec);
  REQUIRE(!ec);
  CHECK(ahead_after_suspend() < 5.1e9);
  CHECK(std::abs(b.off()) < 1000); // gone in ten seconds
  b.discipline(2s);
  CHECK(ahead_after_suspend() > 8e9);
  b.machine.advance(30s);
  clock::discipline(ec);
  clock::calibrate(5ms, ec); // no period is announced any more
  CHECK(ahead_after_suspend() > 500e9);
}

TEST_CASE("what a writer knows is replaced as a whole: a process forked in the middle has the old or the new") {
  takt::detail::tsc_clock_state s;
  takt::detail::tsc_writer_state next = s.known();
  const auto* before = &s.known();
  next.renewed_every = 5s;
  s.commit(next);
  CHECK(&s.known() != before); // never written where it is read
  CHECK(s.known().renewed_every == 5s);
  CHECK(before->renewed_every == 0s);
}

TEST_CASE("kept every second it stays within 40 ns without steering") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(1ms, 1s, ec);
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

TEST_CASE("kept every second it stays within 100 ns and the change of rate times the period with steering") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, 1s, ec);
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
    static double since = 0; // the change acts until the next check, and until the slew after it ends
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
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(1ms, 1ms, ec);
  REQUIRE(!ec);
  for (int i = 0; i < 3000; ++i) {
    const double error = static_cast<double>(randomness() % 20'001) - 10'000;
    b.machine.now.reference_at += error; // during the check
    const auto report = b.discipline(1ms);
    CHECK(std::abs(report.rate.hertz() / 2.596145832e9 - 1) < 50e-6); // 20 us over half a second
    b.machine.now.reference_at -= error;
    for (int k = 0; k < 5; ++k) b.read();
    b.machine.advance(1ms);
    for (int k = 0; k < 5; ++k) b.read();
  }
}

TEST_CASE("a machine that sleeps: the counter goes on or starts from zero, the reference stands still") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, 1s, ec);
  REQUIRE(!ec);
  b.machine.advance(1s);
  b.discipline();
  SUBCASE("for two seconds, on which the line still holds") {
    b.machine.bend_counter(2.596145832, 2.596145832 * 2e9);
    CHECK(b.off() > 1.9e9); // seen before it could be known
    const auto report = b.discipline();
    CHECK(report.events.has(takt::clock_changes::kind::counter_jump));
    CHECK(report.offset > 1900ms);
    CHECK(report.slewing_for > 3800ms);
    for (int i = 0; i < 5; ++i) {
      b.machine.advance(1s);
      CHECK(!b.discipline().events.any());
      b.read();
    }
    CHECK(std::abs(b.off()) < 100); // at half speed it took four
  }
  SUBCASE("for an hour: the clock stands at the end of its line, a few seconds ahead, until the next check") {
    b.machine.bend_counter(2.596145832, 2.596145832 * 3600e9);
    CHECK(clock::source() == takt::clock_path::vdso);
    CHECK(b.off() == doctest::Approx(5e9).epsilon(0.01));
    CHECK(b.discipline().events.has(takt::clock_changes::kind::counter_jump));
    CHECK(clock::source() == takt::clock_path::counter);
    for (int i = 0; i < 11; ++i) b.machine.advance(1s), b.discipline(), b.read();
    CHECK(std::abs(b.off()) < 100); // at half speed it took ten
  }
  SUBCASE("for an hour, and without a check: it stands until the kernel's clock is there") {
    b.machine.bend_counter(2.596145832, 2.596145832 * 3600e9);
    for (int i = 0; i < 100; ++i) b.read(), b.machine.advance(100ms);
    CHECK(std::abs(b.off()) < 60);
  }
  SUBCASE("with a counter that was reset") {
    b.machine.bend_counter(2.596145832, -b.machine.counter() + 1e6);
    CHECK(clock::source() == takt::clock_path::vdso);
    CHECK(std::abs(b.off()) < 1e6 / 900);
    CHECK(b.discipline().events.has(takt::clock_changes::kind::counter_jump));
    CHECK(clock::source() == takt::clock_path::counter);
    b.machine.advance(1100ms);
    CHECK(std::abs(b.off()) < 60);
  }
}

TEST_CASE("a counter that leaps by less than the life of a line without a keeper: no stamp is below one before, ever") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  constexpr nanoseconds life = takt::detail::steering_parameters::untended_life;
  for (const double part : {0.05, 0.3, 0.7, 0.95}) {
    for (const bool looked_after : {false, true}) {
      CAPTURE(part);
      clock::calibrate(5ms, ec);
      REQUIRE(!ec);
      b.machine.advance(10s);
      b.read();
      b.machine.bend_counter(2.596145832, 2.596145832 * part * static_cast<double>(life.count()));
      CHECK(b.off() > 0.9 * part * static_cast<double>(life.count())); // seen before it could be known
      for (int i = 0; i < 40; ++i) b.machine.advance(life / 40), b.read(); // and far past the life
      if (looked_after) {
        CHECK(b.discipline(0s).events.has(takt::clock_changes::kind::counter_jump));
        for (int i = 0; i < 60; ++i) b.machine.advance(life / 40), b.read();
        b.discipline(0s);
      }
      for (int i = 0; i < 200; ++i) b.machine.advance(life / 40), b.read();
      CHECK(std::abs(b.off()) < 100);
    }
  }
}

TEST_CASE("a counter that has another rate from now on: noticed at once, followed at the second check") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, 1s, ec);
  REQUIRE(!ec);
  b.machine.bend_counter(2.0);
  for (int i = 0; i < 2; ++i) {
    b.machine.advance(1s);
    CHECK(b.discipline().events.has(takt::clock_changes::kind::counter_jump));
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

TEST_CASE("a reference that is steered by more than a jump is followed at the second check, or half a second later") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  for (const nanoseconds every : {nanoseconds(10ms), nanoseconds(200ms), nanoseconds(1s)}) {
    clock::calibrate(5ms, every, ec);
    REQUIRE(!ec);
    double before = 1;
    // The limits of adjtimex: the tick by 10 %, the frequency by 500 ppm.
    for (const double rate : {1.1, 0.9, 1.1005, 1.0, 0.998, 1.0}) {
      CAPTURE(rate);
      CAPTURE(every.count());
      b.machine.bend_reference(rate);
      // The mean since the last anchor has to differ by a jump; then one more check, and min_baseline.
      const nanoseconds lag = 2 * every + takt::detail::steering_parameters::min_baseline + takt::detail::steering_parameters::min_check_distance;
      const double brought = std::abs(rate - before) * static_cast<double>(lag.count());
      const auto checks_in = [&](nanoseconds span) { return static_cast<int>(span / every) + 1; };
      for (int check = 0; check < checks_in(lag); ++check) {
        CHECK(std::abs(b.off()) <= brought + 200);
        b.machine.advance(every);
        b.discipline(every);
      }
      CHECK(clock::discipline(every, ec).rate.hertz() == doctest::Approx(2.596145832e9 / rate).epsilon(1e-5));
      for (int check = 0; check < checks_in(3s); ++check) {
        b.machine.advance(every);
        CHECK(!b.discipline(every).events.any());
        CHECK(std::abs(b.off()) <= brought + 200);
      }
      before = rate;
      b.machine.advance(400s); // an offset of up to a tenth of a second slews at 500 ppm
      for (int check = 0; check < 2; ++check) b.machine.advance(1s), b.discipline(1s);
    }
    b.machine.bend_reference(1);
  }
}

TEST_CASE("a counter that runs backwards or stands still is given up, without a step back, until calibrate()") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, 1s, ec);
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
  CHECK(clock::source() == takt::clock_path::vdso);
  CHECK(!clock::calibration().rate().known());
  for (int i = 0; i < 100; ++i) b.read(), b.machine.advance(1ms);
  CHECK(std::abs(b.off()) < 60);
  clock::discipline(1s, ec);
  CHECK(ec == errc::not_calibrated);
  b.machine.bend_counter(2.5);
  CHECK(clock::calibrate(5ms, ec).rate().hertz() == doctest::Approx(2.5e9).epsilon(1e-6));
  CHECK(clock::source() == takt::clock_path::counter);
  for (int i = 0; i < 100; ++i) {
    CHECK(std::abs(b.off()) < 60);
    b.machine.advance(10ms);
  }
}

TEST_CASE("a failed calibration changes nothing") {
  bench<> b;
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
  CHECK(clock::source() == takt::clock_path::counter);
}

TEST_CASE("stored ticks: the line that was in force, with an error that holds") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  struct event {
    takt::tick_point at;
    double reference;
  };
  std::deque<event> events;
  const auto record = [&] {
    events.push_back({takt::tick_point(static_cast<std::uint64_t>(b.machine.counter())), b.machine.reference()});
  };
  for (int i = 0; i < 5; ++i) record(), b.machine.advance(3ms); // older than every line
  clock::calibrate(5ms, 1s, ec);
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
  CHECK(clock::from_ticks(takt::tick_point(static_cast<std::uint64_t>(b.machine.counter()))) == clock::now());
}

TEST_CASE("more lines than are kept") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(1ms, 1s, ec);
  REQUIRE(!ec);
  const takt::tick_point first(static_cast<std::uint64_t>(b.machine.counter()));
  const double reference = b.machine.reference();
  for (int i = 0; i < 100; ++i) b.machine.advance(1s), b.discipline();
  const auto dated = clock::date(first);
  CHECK(dated.extrapolated);
  CHECK(std::abs(static_cast<double>(dated.time.time_since_epoch().count()) - reference) < static_cast<double>(dated.error.count()));
  CHECK(dated.error > 30ms); // 38 s or so, of which nothing is known any more
}

TEST_CASE("a reference that is set: forward and back it is followed at the next check") {
  bench<false> b;
  using clock = decltype(b)::clock;
  static_assert(!clock::is_steady);
  std::error_code ec;
  clock::calibrate(5ms, 1s, ec);
  REQUIRE(!ec);
  for (const double step : {3600e9, -3600e9, 3e6, -3e6}) {
    b.machine.advance(1s);
    b.machine.bend_reference(1, step);
    CHECK(b.discipline().events.has(takt::clock_changes::kind::counter_jump));
    CHECK(std::abs(b.off()) < 60);
    b.machine.advance(1s);
    CHECK(!b.discipline().events.any());
    CHECK(std::abs(b.off()) < 60);
  }
}

TEST_CASE("the end of a segment costs six reads of the reference, whatever the counter has done, and more if disturbed") {
  using here = bench<>;
  here b;
  using clock = here::clock;
  static int references;
  struct counting {
    static int of_a_read() {
      references = 0;
      const std::int64_t begin = here::machine.now.time;
      static_cast<void>(clock::now());
      return static_cast<int>(here::machine.now.time - begin);
    }
  };
  std::error_code ec;
  clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  constexpr nanoseconds life = takt::detail::steering_parameters::untended_life;
  b.machine.now.on_read = [] { here::machine.now.cost = 20, ++references; }; // of either clock
  for (int i = 0; i < 20; ++i) {
    b.machine.advance(life + 1s);
    counting::of_a_read();
    // c, before, reference, after; decision: counter, and five times reference, counter.
    CHECK(references == 4 + 1 + 5 * 2);
    counting::of_a_read();
    CHECK(references == 1);
    CHECK(std::abs(b.off()) < 1000);
  }
  // Every read is disturbed: all five tries of both, and no more.
  b.machine.now.on_read = [] { here::machine.now.cost = 1000, ++references; };
  b.machine.advance(life + 1s);
  counting::of_a_read();
  CHECK(references <= 1 + 3 + 4 * 3 + 1 + 5 * 2);
}

TEST_CASE("the writer's lock: taken from a process that is not this one, waited for in vain otherwise") {
  bench<> b;
  using clock = decltype(b)::clock;
  using here = decltype(b);
  using os = decltype(b)::os;
  using lock = takt::detail::writer_lock<os>;
  os::now.clocks[CLOCK_MONOTONIC] = {{100, 0}, 0};
  auto& word = takt::detail::tsc_state<here::reference, here::counter, os>.writer;
  std::error_code ec, held;
  const auto refused = [&] {
    CHECK(!clock::calibrate(1ms, ec).rate().known());
    CHECK(ec == std::errc::resource_unavailable_try_again);
    clock::discipline(1s, ec);
    CHECK(ec == std::errc::resource_unavailable_try_again);
    b.read(); // readers take no notice
  };
  const auto taken_over = [&] {
    CHECK(clock::calibrate(1ms, ec).rate().known());
    CHECK(!ec);
    CHECK(word == 0);
  };
  taken_over(); // of no process
  {
    const lock other(word, held); // another thread of this process
    REQUIRE(other);
    refused();
    os::now.forks.value = 1; // of the process that forked this one, with the same number in another namespace
    taken_over();
    const lock mine(word, held);
    REQUIRE(mine);
    refused();
    os::now.process = 4711; // by _Fork(), where forks are not counted
    taken_over();
  }
  word = 0;
}

TEST_CASE("a process of one thread starts its clock without counting forks, and wakes no thread") {
  static int counted, woken;
  struct counting_os : takt::testing::fake_os<struct of_one_thread> {
    static unsigned fork_count() { return ++counted, fake_os::fork_count(); }
    static unsigned fork_mark() { return 0; } // nothing has counted
    static void wake_all(const std::atomic<std::uint32_t>& word) { ++woken, fake_os::wake_all(word); }
  };
  bench<> b;
  using clock = takt::basic_tsc_clock<decltype(b)::reference, decltype(b)::counter, counting_os>;
  std::error_code ec;
  for (const bool alone : {true, false}) {
    CAPTURE(alone);
    counting_os::now.single_threaded = alone;
    counted = woken = 0;
    clock::calibrate(1ms, ec);
    CHECK(!ec);
    CHECK((counted == 0) == alone);
    CHECK((woken == 0) == alone);
  }
  // Nor does a reader, who may be a signal handler, once the process has threads.
  counted = 0;
  b.machine.advance(takt::detail::steering_parameters::untended_life + 1s);
  CHECK(clock::source() == takt::clock_path::vdso);
  static_cast<void>(clock::now());
  CHECK(clock::source() == takt::clock_path::counter); // that read renewed it
  CHECK(counted == 0);
  // The lock of such a process is not taken twice in it, and taken over in a child.
  counting_os::now.single_threaded = true;
  std::atomic<std::uint32_t> word{0};
  const takt::detail::writer_lock<counting_os> held(word, ec);
  REQUIRE(held);
  counting_os::now.clocks[CLOCK_MONOTONIC] = {{100, 0}, 0};
  const takt::detail::writer_lock<counting_os> again(word, ec);
  CHECK(!again);
  counting_os::now.process = 4711;
  const takt::detail::writer_lock<counting_os> inherited(word, ec);
  CHECK(inherited);
}

TEST_CASE("the word of a held lock is never that of a free one") {
  using os = takt::testing::fake_os<struct numbered>;
  for (const unsigned forks : {0U, 1U, 1022U, 1023U, 1024U, ~0U - 1}) {
    os::now.forks.value = forks;
    for (const int process : {1, 2, (1 << 22) - 1}) {
      os::now.process = process;
      std::atomic<std::uint32_t> word{0};
      std::error_code ec;
      const takt::detail::writer_lock<os> lock(word, ec);
      CHECK(lock);
      CHECK(word != 0);
    }
  }
}

TEST_CASE("the writer's lock gives up after a second, however often its wait is interrupted or denied") {
  enum denial { nothing, futex, every_sleep, reading };
  static denial denied;
  static int calls;
  struct stormy_os : takt::testing::fake_os<struct stormy> {
    static nanoseconds shown() { return takt::to_nanoseconds(now.clocks[CLOCK_MONOTONIC].value); }
    static void pass(nanoseconds d) { now.clocks[CLOCK_MONOTONIC] = {takt::to_timespec(shown() + d), 0}; }
    static int clock_gettime(clockid_t id, timespec& out) {
      ++calls;
      if (denied == reading) return EPERM;
      pass(10us);
      return fake_os::clock_gettime(id, out);
    }
    static int wait_until(const std::atomic<std::uint32_t>&, std::uint32_t, clockid_t, timespec) {
      if (denied != nothing) return EPERM;
      pass(100us);
      return EINTR;
    }
    static int sleep_until(clockid_t, timespec deadline) {
      if (denied == every_sleep) return EPERM;
      pass(takt::to_nanoseconds(deadline) - shown());
      return 0;
    }
    static int wait_readable(int fd, const timespec* max) {
      REQUIRE(fd == -1);
      pass(takt::to_nanoseconds(*max));
      return ETIMEDOUT;
    }
  };
  for (const denial now : {nothing, futex, every_sleep, reading}) {
    CAPTURE(now);
    stormy_os::reset();
    denied = nothing, calls = 0;
    stormy_os::now.clocks[CLOCK_MONOTONIC] = {{100, 0}, 0};
    std::atomic<std::uint32_t> word{0};
    std::error_code ec, held;
    const takt::detail::writer_lock<stormy_os> other(word, held);
    REQUIRE(other);
    denied = now;
    const takt::detail::writer_lock<stormy_os> lock(word, ec);
    CHECK(!lock);
    CHECK(ec == std::errc::resource_unavailable_try_again);
    CHECK(stormy_os::shown() >= 101s);
    CHECK(stormy_os::shown() <= 101s + takt::detail::writer_lock<stormy_os>::nap);
  }
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
    CHECK(clock::source() == takt::clock_path::system_call);
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
  CHECK(h::clock::source() == takt::clock_path::vdso);
  CHECK(h::clock::now().time_since_epoch() == h::shown);
}

TEST_CASE("a thread that forbade itself the counter gets the system call's path, and the vDSO is left alone") {
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
  CHECK(h::clock::source() == takt::clock_path::vdso);
  h::os::now.counter = {false, 0};
  CHECK(h::clock::source() == takt::clock_path::system_call); // before calibrate()
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
  takt::detail::rate_estimate e;
  e.rate = takt::tick_rate(takt::frequency(2.5e9));
  e.point = {takt::ordered_counter::read(), 100s, 10ns};
  const takt::tsc_calibration c(e, takt::tsc_calibration::origin_kind::measured, 1ms);
  std::error_code ec;
  h::os::now.counter = {false, 0};
  h::clock::install(c, 0s, ec);
  CHECK(ec == errc::counter_forbidden);
  h::os::now.counter = {true, 0};
  h::clock::install(c, 0s, ec);
  REQUIRE(!ec);
  CHECK(h::clock::source() == takt::clock_path::counter);
  h::os::now.counter = {false, 0};
  CHECK(h::clock::source() == takt::clock_path::system_call);
  h::clock::discipline(1s, ec);
  CHECK(ec == errc::counter_forbidden);
  h::os::now.counter = {true, 0};
  CHECK(h::clock::source() == takt::clock_path::counter); // the others have lost nothing
}

TEST_CASE("two that discipline at a time: the one that was overtaken reports no jump and moves no anchor") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  clock::calibrate(5ms, 1s, ec);
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
    bench<> b;
    using clock = decltype(b)::clock;
    b.machine.now.ticks_per_ns = ticks_per_ns;
    std::error_code ec;
    clock::calibrate(5ms, ec);
    REQUIRE(!ec);
    const std::uint64_t base = clock::calibration().point().at.count(), half = std::uint64_t{1} << 63;
    for (const std::uint64_t t : {std::uint64_t{0}, half >> 1, half - 1, half, half + (half >> 1), ~std::uint64_t{0}, base + half,
                                  base + half - 1}) {
      const auto dated = clock::date(takt::tick_point(t));
      CHECK(dated.extrapolated);
      CHECK(dated.error > 1ms);
    }
    // Where the line's own base is, within a few thousand ticks, the distance has no absolute value.
    for (std::uint64_t k = 0; k < 20'000'000; k += 997) {
      const auto dated = clock::date(takt::tick_point(base + k + half));
      REQUIRE(dated.error == nanoseconds::max());
    }
  }
}

TEST_CASE("a calibration of no counter there is, or of other clocks, is not installed") {
  bench<> b;
  using clock = decltype(b)::clock;
  std::error_code ec;
  const auto good = clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  takt::detail::rate_estimate e;
  const auto refused = [&] {
    clock::install(takt::tsc_calibration(e, takt::tsc_calibration::origin_kind::measured, 1ms), 0s, ec);
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
  bench<> b;
  using clock = decltype(b)::clock;
  static int reads;
  for (const int disturbed : {1, 2, 4}) {
    reads = 0;
    static int until;
    until = disturbed;
    b.machine.now.on_read = [] {
      using here = bench<>;
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
  bench<> b;
  using clock = decltype(b)::clock;
  CHECK_THROWS_AS(clock::discipline(), std::system_error);
  CHECK(clock::calibrate(1ms).rate().known());
  CHECK(clock::discipline().offset < 100ns);
  CHECK(clock::discipline(1s).offset < 100ns);
  b.machine.bend_counter(0);
  try {
    clock::discipline();
    FAIL("no exception");
  } catch (const std::system_error& e) {
    CHECK(std::string(e.what()).find("tsc_clock::discipline") != std::string::npos);
  }
}

TEST_CASE("calibrate() without memory: the kernel's path, and the reason") {
  struct starved_os : takt::testing::fake_os<struct starved> {
    static int read_file(const char*, std::string&, std::size_t) { throw std::bad_alloc(); }
  };
  using clock = takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, starved_os>,
                                      takt::ordered_counter, starved_os>;
  starved_os::reset();
  starved_os::now.clocks[CLOCK_MONOTONIC] = {{100, 5}, 0};
  std::error_code ec;
  CHECK(!clock::calibrate(1ms, ec).rate().known());
  CHECK(ec == std::errc::not_enough_memory);
  CHECK(!clock::calibrate(1ms).rate().known());
  CHECK(clock::now().time_since_epoch() == 100s + 5ns);
}
#endif

TEST_CASE("calibrate() without an error code never throws: the result is empty where the clock is the kernel's") {
  using clock = hardware<struct one_line>::clock;
  static_assert(noexcept(clock::calibrate(std::declval<std::chrono::milliseconds>())));
  hardware<struct one_line>::reset();
  hardware<struct one_line>::do_not_offer_the_counter();
  const takt::tsc_calibration c = clock::calibrate(5ms);
  CHECK(c.origin() == takt::tsc_calibration::origin_kind::none);
  CHECK(to_string(c) == "not calibrated");
  CHECK(clock::source() == takt::clock_path::vdso);
  CHECK(clock::calibrate(0s).origin() == takt::tsc_calibration::origin_kind::none);
}

TEST_CASE("reports print") {
  takt::tsc_clock::report r;
  r.offset = -12ns, r.half_width = 21ns, r.rate_change_ppm = -0.25;
  std::ostringstream out;
  out << r;
  CHECK(out.str() == "12 ns behind, +/- 21 ns, rate -0.25 ppm");
  r.offset = 1ms, r.slewing_for = 2s, r.events.add(takt::clock_changes::kind::counter_jump), r.events.counter_jump = 3600s;
  CHECK(to_string(r) == "1000000 ns ahead, +/- 21 ns, rate -0.25 ppm, slewing for 2 s: counter jump +3600 s");
}
