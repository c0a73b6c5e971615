// Protects: that no sleep of takt ends before its deadline and each ends on its grid, whatever clock source and timer
// hardware the kernel has. Lateness is the machine's affair and bounded only so that a lost wake-up shows.
#include "guest.hpp"

#include <takt/clock/tsc_clock.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>
#include <takt/sleep/periodic.hpp>
#include <takt/sleep/sleep.hpp>

#include <doctest/doctest.h>

#include <chrono>


namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// An emulated machine beside others may be held up for long; a lost wake-up is for ever.
constexpr nanoseconds lost = 5s;

template <class Clock> void check_sleeps() {
  const takt::grid every(10ms);
  int early = 0, late = 0, off = 0;
  const auto judge = [&](auto earliest) {
    const auto now = Clock::now();
    early += now < earliest;
    late += now > earliest + lost;
  };
  for (int i = 0; i < 5; ++i) {
    const auto begin = Clock::now();
    takt::sleep_until(begin + 3ms);
    judge(begin + 3ms);

    const auto asked = Clock::now() + 9ms;
    takt::sleep_aligned<Clock>(9ms, every);
    judge(every.ceil(asked));

    const auto window = Clock::now() + 5ms;
    takt::sleep_until_within(window, takt::slack(20ms));
    judge(window);
  }
  takt::periodic<Clock> beat(every);
  for (int i = 0; i < 5; ++i) {
    const auto tick = beat.wait();
    REQUIRE(tick);
    off += every.floor(tick->due) != tick->due;
    judge(tick->due);
  }
  CHECK(early == 0);
  CHECK(late == 0);
  CHECK(off == 0);
}

} // namespace

TEST_CASE("sleeps: never early and never lost, on every clock that can be slept on") {
  SUBCASE("MONOTONIC") { check_sleeps<takt::posix_clock<CLOCK_MONOTONIC>>(); }
  SUBCASE("BOOTTIME") { check_sleeps<takt::posix_clock<CLOCK_BOOTTIME>>(); }
  SUBCASE("REALTIME") { check_sleeps<takt::posix_clock<CLOCK_REALTIME>>(); }
  SUBCASE("TAI") { check_sleeps<takt::posix_clock<CLOCK_TAI>>(); }
  SUBCASE("steady_clock") { check_sleeps<std::chrono::steady_clock>(); }
}

TEST_CASE("sleeps: nanosleep_aligned ends on the grid that its slack names") {
  for (int i = 0; i < 5; ++i) {
    const nanoseconds begin = guest::read(CLOCK_MONOTONIC);
    CHECK(takt::nanosleep_aligned(timespec{0, 9'000'000}, takt::SLACK_VALUE_10MS) == 0);
    const nanoseconds end = guest::read(CLOCK_MONOTONIC);
    CHECK(end >= takt::grid(10ms).ceil(begin + 9ms));
    CHECK(end < begin + lost);
  }
}
