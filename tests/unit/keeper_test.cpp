// Protects the keeper's looks: the clock stays right, what happened is counted under the right name, a clock that failed is
// calibrated again without haste, and looks are on the grid.
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>
#include <takt/timer/keeper.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <new>
#include <random>

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
  takt::keeper_looks<clock, os> looks{1s};
  /// Looks after every second.
  const takt::keeper_report& pass(int seconds, bool told = false) {
    for (int i = 0; i < seconds; ++i) {
      machine.advance(1s);
      show();
      looks.look(told);
    }
    return looks.report();
  }
  double off() {
    const double before = machine.reference();
    const auto shown = static_cast<double>(clock::now().time_since_epoch().count());
    return shown - (before + machine.reference()) / 2;
  }
};

} // namespace

TEST_CASE("a clock that was never calibrated is, at the first look, and then kept") {
  bench<struct never> b;
  b.looks.look();
  CHECK(b.looks.report().calibrations == 1);
  CHECK(b.looks.report().failed == 1);
  CHECK(b.looks.report().last_error == takt::errc::not_calibrated);
  CHECK(decltype(b)::clock::source() == takt::road::counter);
  const auto& r = b.pass(100);
  CHECK(r.looks == 101);
  CHECK(r.failed == 1);
  CHECK(r.calibrations == 1);
  CHECK(r.steps + r.slews + r.suspends + r.disagreements + r.anchored_anew + r.told == 0);
  CHECK(!r.last_event.any());
  CHECK(r.most_ahead < 60ns);
  CHECK(r.most_behind < 60ns);
  CHECK(r.corrected_forward + r.worked_off > 50);
  CHECK(std::abs(b.off()) < 40);
}

TEST_CASE("what happens is counted under its name") {
  bench<struct happenings> b;
  b.looks.look();
  b.pass(5);
  SUBCASE("a step") {
    b.real += 1h;
    const auto& r = b.pass(1, true);
    CHECK(r.steps == 1);
    CHECK(r.told == 1);
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
    CHECK(b.looks.report().disagreements == 0);
    CHECK(b.looks.report().most_ahead > 300us);
  }
  SUBCASE("a sleep in which the counter went on") {
    b.slept += 20s;
    b.machine.bend_counter(2.596145832, 2.596145832 * 20e9);
    const auto& r = b.pass(1, true);
    CHECK(r.suspends == 1);
    CHECK(r.slept == 20s);
    CHECK(r.anchored_anew == 1);
    CHECK(r.most_ahead < 1ms); // a jump is not an error of the clock's
    CHECK(b.off() > 3e9); // at the end of a line that was believed for five seconds
    CHECK(b.pass(11).anchored_anew == 1);
    CHECK(std::abs(b.off()) < 100); // at half speed
  }
  SUBCASE("a counter that has become 100 ppm faster: followed, and told") {
    b.machine.bend_counter(2.596145832 * (1 + 100e-6));
    CHECK(b.pass(1).disagreements == 1);
    CHECK(b.looks.report().anchored_anew == 0);
    CHECK(b.pass(5).disagreements == 1);
    CHECK(std::abs(b.off()) < 100);
  }
}

TEST_CASE("a counter that failed is tried again after 1, 2, 4 ... periods, and the kernel's clock serves meanwhile") {
  bench<struct failing> b;
  b.looks.look();
  b.pass(3);
  b.machine.bend_counter(0);
  b.pass(1); // given up, and a first try
  CHECK(b.looks.report().last_error == takt::errc::counter_stands_still);
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
  CHECK(b.looks.report().calibrations == 2);
  CHECK(decltype(b)::clock::source() == takt::road::counter);
  CHECK(std::abs(b.off()) < 60);
}

#if TAKT_EXCEPTIONS
namespace {
/// A clock that is not calibrated, for want of memory.
struct starved_clock {
  using counter = takt::no_counter;
  static inline bool starved = true;
  static takt::road source() noexcept { return takt::road::vdso; }
  static takt::discipline_report discipline(nanoseconds, std::error_code& ec) noexcept {
    ec = takt::errc::not_calibrated;
    return {};
  }
  static takt::tsc_calibration calibrate(nanoseconds, std::error_code& ec, nanoseconds) {
    ec.clear();
    if (starved) throw std::bad_alloc();
    return {};
  }
};
} // namespace

TEST_CASE("a look for which there is no memory has failed, and is tried again like any other") {
  using os = takt::testing::fake_os<struct starving>;
  os::reset();
  for (const clockid_t id : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI})
    os::now.clocks[id] = {{100, 0}, 0};
  takt::keeper_looks<starved_clock, os> looks{1s};
  looks.look();
  CHECK(looks.report().failed == 1);
  CHECK(looks.report().last_error == std::errc::not_enough_memory);
  starved_clock::starved = false;
  for (int i = 0; i < 3; ++i) looks.look();
  CHECK(looks.report().calibrations >= 1);
  CHECK(looks.report().failed == looks.report().looks);
}
#endif

TEST_CASE("looks are on the grid, with its origin taken off") {
  bench<struct on_grid> b;
  decltype(b)::os::now.clocks[CLOCK_MONOTONIC] = {{100, 400'000'000}, 0};
  CHECK(b.looks.until_next() == 600ms);
  decltype(b)::os::now.clocks[CLOCK_MONOTONIC] = {{101, 0}, 0};
  CHECK(b.looks.until_next() == 1s);
  takt::assume_grid_origin<decltype(b)::os>({300ms, 0s});
  CHECK(b.looks.until_next() == 300ms);
}
