// Protects: the keeper's checks: the clock stays right, what happened is counted under the right name, a clock that
// failed is calibrated again without haste, and checks are on the grid.
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>
#include <takt/timer/keeper.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <random>
#include <string>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

std::mt19937_64 randomness(1);

/// A machine with all its clocks. BOOTTIME and REALTIME are MONOTONIC and an offset; RAW is the hidden time.
template <class Tag> struct bench {
  using machine_type = takt::testing::manual_machine<Tag>;
  inline static machine_type machine{};
  using os = takt::testing::fake_os<Tag>;
  using clock = takt::basic_tsc_clock<takt::testing::manual_reference<Tag>, takt::testing::manual_counter<Tag>, os>;
  inline static nanoseconds slept{}, real{};

  static void show() {
    machine.now.cost = 20 + static_cast<std::int64_t>(randomness() % 4);
    const nanoseconds monotonic(static_cast<std::int64_t>(machine.reference()));
    os::now.clocks[CLOCK_MONOTONIC] = {takt::to_timespec(monotonic), 0};
    os::now.clocks[CLOCK_MONOTONIC_RAW] = {takt::to_timespec(nanoseconds(machine.now.time)), 0};
    os::now.clocks[CLOCK_BOOTTIME] = {takt::to_timespec(monotonic + slept), 0};
    os::now.clocks[CLOCK_REALTIME] = {takt::to_timespec(monotonic + slept + real), 0};
    os::now.clocks[CLOCK_TAI] = {takt::to_timespec(monotonic + slept + real + 37s), 0};
  }
  /// The clock's state is static and outlives a subcase, so the machine goes on as well.
  bench() {
    os::reset();
    slept = 0s, real = 1'700'000'000s;
    machine.bend_counter(2.596145832);
    machine.bend_reference(1);
    machine.now.on_read = &bench::show;
    show();
    takt::assume_grid_origin<os>({});
  }
  takt::detail::keeper_checks<clock, os> checks{1s};
  /// Checks after every second.
  const takt::clock_keeper<>::report_type& pass(int seconds, bool notified = false) {
    for (int i = 0; i < seconds; ++i) {
      machine.advance(1s);
      show();
      checks.check(notified);
    }
    return checks.report();
  }
  double off() {
    const double before = machine.reference();
    const auto shown = static_cast<double>(clock::now().time_since_epoch().count());
    return shown - (before + machine.reference()) / 2;
  }
};

} // namespace

TEST_CASE("a clock that was never calibrated is, at the first check, and then kept") {
  bench<struct never> b;
  b.checks.check();
  CHECK(b.checks.report().calibrations == 1);
  CHECK(b.checks.report().failed_checks == 0);
  CHECK(!b.checks.report().last_error);
  CHECK(decltype(b)::clock::source() == takt::clock_path::counter);
  const auto& r = b.pass(100);
  CHECK(r.checks == 101);
  CHECK(r.failed_checks == 0);
  CHECK(r.calibrations == 1);
  CHECK(r.steps + r.slews + r.suspends + r.disagreements + r.counter_jumps + r.notifications == 0);
  CHECK(!r.last_event.any());
  CHECK(r.max_ahead < 60ns);
  CHECK(r.max_behind < 60ns);
  CHECK(r.corrected_forward + r.slewed > 50);
  CHECK(std::abs(b.off()) < 40);
}

TEST_CASE("what happens is counted under its name") {
  bench<struct happenings> b;
  b.checks.check();
  b.pass(5);
  SUBCASE("a step") {
    b.real += 1h;
    const auto& r = b.pass(1, true);
    CHECK(r.steps == 1);
    CHECK(r.notifications == 1);
    CHECK(r.last_event.step == 1h);
    CHECK(b.pass(5).steps == 1);
  }
  SUBCASE("a slew, and its end") {
    b.machine.bend_reference(1 + 400e-6);
    CHECK(b.pass(1).slews == 1);
    CHECK(b.pass(5).slews == 1); // goes on: no news
    CHECK(std::abs(b.off()) < 100);
    b.machine.bend_reference(1);
    CHECK(b.pass(5).slews == 2);
    CHECK(b.checks.report().disagreements == 0);
    CHECK(b.checks.report().max_ahead > 300us);
  }
  SUBCASE("a sleep in which the counter went on") {
    b.slept += 20s;
    b.machine.bend_counter(2.596145832, 2.596145832 * 20e9);
    const auto& r = b.pass(1, true);
    CHECK(r.suspends == 1);
    CHECK(r.slept == 20s);
    CHECK(r.counter_jumps == 1);
    CHECK(r.max_ahead < 1ms); // a jump is not an error of the clock's
    CHECK(b.off() > 3e9); // at the end of a line that was believed for five seconds
    CHECK(b.pass(11).counter_jumps == 1);
    CHECK(std::abs(b.off()) < 100); // at half speed
  }
  SUBCASE("a counter that has become 100 ppm faster: followed, and reported") {
    b.machine.bend_counter(2.596145832 * (1 + 100e-6));
    CHECK(b.pass(1).disagreements == 1);
    CHECK(b.checks.report().counter_jumps == 0);
    CHECK(b.pass(5).disagreements == 1);
    CHECK(std::abs(b.off()) < 100);
  }
}

TEST_CASE("a counter that failed is tried again after 1, 2, 4 ... periods, and the kernel's clock serves meanwhile") {
  bench<struct failing> b;
  b.checks.check();
  b.pass(3);
  b.machine.bend_counter(0);
  b.pass(1); // given up, and a first try
  CHECK(b.checks.report().last_error == takt::errc::counter_stands_still);
  CHECK(b.checks.report().first_error == takt::errc::counter_stands_still);
  const auto tries = [&](int seconds) {
    int n = 0;
    for (int i = 0; i < seconds; ++i) {
      const std::int64_t before = b.machine.now.time;
      b.pass(1);
      n += b.machine.now.time - before > 1'003'000'000;
      CHECK(std::abs(b.off()) < 60);
    }
    return n;
  };
  CHECK(tries(2) == 1);
  CHECK(tries(3) == 1);
  CHECK(tries(5) == 1);
  CHECK(tries(9 + 17 + 33) == 3);
  CHECK(tries(65) == 1);
  CHECK(tries(65) == 1); // and not more seldom
  b.machine.bend_counter(2.5);
  b.pass(65);
  CHECK(b.checks.report().calibrations == 2);
  CHECK(decltype(b)::clock::source() == takt::clock_path::counter);
  CHECK(std::abs(b.off()) < 60);
}

TEST_CASE("the report keeps the reason why a clock cannot be kept, not that it is not calibrated") {
  using os = takt::testing::fake_os<struct no_counter_here>;
  using clock = takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, os>, takt::ordered_counter, os>;
  os::reset();
  for (const clockid_t id : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI})
    os::now.clocks[id] = {{100, 0}, 0};
  const std::string sysfs = "/sys/devices/system/clocksource/clocksource0/";
  os::now.files[sysfs + "current_clocksource"] = {"hpet\n", 0};
  os::now.files[sysfs + "available_clocksource"] = {"hpet acpi_pm\n", 0};
  takt::detail::keeper_checks<clock, os> checks{1s};
  for (std::uint64_t i = 1; i <= 5; ++i) {
    checks.check();
    CHECK(checks.report().failed_checks == i);
    CHECK(checks.report().first_error == takt::errc::counter_not_trusted);
    CHECK(checks.report().last_error == takt::errc::counter_not_trusted);
  }
  CHECK(checks.report().calibrations == 0);
  CHECK(to_string(checks.report()).find("5 failed: ") != std::string::npos);
}

TEST_CASE("checks are on the grid, with its origin taken off") {
  bench<struct on_grid> b;
  decltype(b)::os::now.clocks[CLOCK_MONOTONIC] = {{100, 400'000'000}, 0};
  CHECK(b.checks.until_next() == 600ms);
  decltype(b)::os::now.clocks[CLOCK_MONOTONIC] = {{101, 0}, 0};
  CHECK(b.checks.until_next() == 1s);
  takt::assume_grid_origin<decltype(b)::os>({300ms, 0s});
  CHECK(b.checks.until_next() == 300ms);
}
