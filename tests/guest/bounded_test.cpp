// Protects bounded_clock where the kernel's clock is synchronised, is not, goes without a daemon, is stepped, has a
// leap second and is resumed: UTC is in every interval, the interval is as wide as the kernel lets its error grow, and
// what is no longer known is said and not guessed.
#include "checks.hpp"
#include "guest.hpp"
#include "suspend.hpp"

#include <takt/clock/bounded_clock.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/sleep/sleep.hpp>
#include <takt/sleep/wait_until_past.hpp>
#include <takt/timer/alarm.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::bounded_clock;
using takt::bounded_time;
using status = bounded_time::status_kind;
using reason = bounded_time::reason_kind;

namespace {

/// As a daemon does. Errors in microseconds.
void state(long max, long estimated = 100, int flags = STA_PLL) {
  timex t{};
  t.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR;
  t.status = flags;
  t.maxerror = max, t.esterror = estimated;
  guest::adjust(t);
}
void lose() { state(16'000'000, 16'000'000, STA_UNSYNC); }

nanoseconds stated() {
  std::error_code ec;
  return takt::leap_facts::read(ec).maximum_error.value_or(nanoseconds::max());
}

/// Reads for `span`. Returns: how often CLOCK_REALTIME was not in the interval.
int misses_within(nanoseconds span) {
  int misses = 0;
  const nanoseconds end = guest::read(CLOCK_MONOTONIC) + span;
  while (guest::read(CLOCK_MONOTONIC) < end) {
    const nanoseconds before = guest::read(CLOCK_REALTIME);
    const bounded_time t = bounded_clock::now();
    const nanoseconds after = guest::read(CLOCK_REALTIME);
    misses += !t.known() || t.earliest.time_since_epoch() > after || t.latest.time_since_epoch() < before;
  }
  return misses;
}

void calibrate() {
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(20ms, ec));
  REQUIRE_FALSE(ec);
}

} // namespace

TEST_CASE("bounded: a kernel without a daemon gives no bound, and a wait says so") {
  calibrate();
  lose();
  guest::step_realtime(1s); // no bound of an earlier test is extended
  const bounded_time t = bounded_clock::refresh();
  CHECK(t.status == status::unknown);
  CHECK(t.earliest == bounded_time::time_point::min());
  CHECK(bounded_clock::now().status == status::unknown);
  std::error_code ec;
  takt::wait_until_past(bounded_time::time_point(guest::read(CLOCK_REALTIME)), ec);
  CHECK(ec == takt::errc::not_bounded);
  state(0, 0); // as systemd-timesyncd
  CHECK(bounded_clock::refresh().reason == reason::no_error_stated);
}

TEST_CASE("bounded: a synchronised clock is bounded by what the kernel states, and by more as the kernel lets it grow") {
  calibrate();
  state(1003);
  bounded_time t = bounded_clock::refresh();
  CHECK(t.status == status::synchronised);
  CHECK(t.reason == reason::stated);
  CHECK(t.error() >= 1003us);
  CHECK(t.error() < 1003us + 2 * 550us); // a second and a late tick of it, another turn, and the readings
  CHECK(misses_within(2s) == 0);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(730ms);
    const nanoseconds before = stated();
    t = bounded_clock::now();
    const nanoseconds after = stated();
    CHECK(t.status == status::synchronised);
    CHECK(t.error() >= before);
    CHECK(t.error() <= after + 560us);
  }
  CHECK(t.error() > 1003us + 14 * 500us);
  guest::steer(400);
  CHECK(misses_within(500ms) == 0);
  guest::steer(0);
  std::error_code ec;
  t = bounded_clock::now();
  takt::wait_until_past(t.latest, ec);
  CHECK_FALSE(ec);
  CHECK(guest::read(CLOCK_REALTIME) > t.latest.time_since_epoch() + 8ms);
}

TEST_CASE("bounded: when the daemon goes, the last bound is extended") {
  calibrate();
  state(1003);
  const bounded_time before = bounded_clock::refresh();
  CHECK(before.status == status::synchronised);
  lose();
  const bounded_time held = bounded_clock::refresh();
  CHECK(held.status == status::holding_over);
  CHECK(held.generation == before.generation);
  std::this_thread::sleep_for(60s);
  const bounded_time later = bounded_clock::now();
  CHECK(later.status == status::holding_over);
  CHECK(later.error() >= before.error() + 30ms);
  CHECK(later.error() < before.error() + 31ms);
  CHECK(misses_within(100ms) == 0);
  state(504);
  CHECK(bounded_clock::refresh().status == status::synchronised);
}

TEST_CASE("bounded: a step is noticed within the age of a sample, and the kernel is asked what is known after it") {
  calibrate();
  for (const bool by_offset : {false, true}) {
    state(1003);
    const bounded_time before = bounded_clock::refresh();
    CHECK(before.status == status::synchronised);
    if (by_offset) {
      timex t{};
      t.modes = ADJ_SETOFFSET | ADJ_NANO;
      t.time.tv_sec = 100;
      guest::adjust(t);
    } else {
      guest::step_realtime(-3600s);
    }
    const nanoseconds stepped = guest::read(CLOCK_MONOTONIC);
    bounded_time t = bounded_clock::now();
    while (t.generation == before.generation && guest::read(CLOCK_MONOTONIC) - stepped < 1s) t = bounded_clock::now();
    CHECK(guest::read(CLOCK_MONOTONIC) - stepped < bounded_clock::max_age + 1ms);
    CHECK(t.generation == before.generation + 1);
    CHECK(t.status == status::unknown);
    CHECK(t.reason == reason::stepped);
    state(702);
    t = bounded_clock::refresh();
    CHECK(t.status == status::synchronised);
    CHECK(t.generation == before.generation + 1);
    CHECK(misses_within(50ms) == 0);
  }
}

namespace {

/// Reads through a leap second and compares with TAI, which goes on.
void leap(int bit) {
  calibrate();
  state(1003);
  timex set{};
  set.modes = ADJ_TAI;
  set.constant = 37;
  guest::adjust(set);
  const nanoseconds midnight = std::chrono::ceil<std::chrono::days>(guest::read(CLOCK_REALTIME)) + 24h;
  guest::step_realtime(midnight - 4s - guest::read(CLOCK_REALTIME));
  state(1003); // a step leaves the clock unsynchronised, which hides where an earlier leap second stands
  std::error_code ec;
  while (takt::leap_facts::read(ec).phase != takt::leap_facts::phase_kind::none) std::this_thread::sleep_for(100ms);
  state(1003, 100, STA_PLL | bit);
  const std::uint32_t generation = bounded_clock::refresh().generation;

  // UTC by the count of seconds before the leap second and after it. While a second is inserted both are right.
  const nanoseconds end = midnight + 37s - (bit == STA_DEL ? 1s : 0s);
  const nanoseconds after_leap = bit == STA_INS ? 38s : 36s;
  int missed_before = 0, missed_within = 0, missed_after = 0, unknown = 0, wide = 0;
  for (nanoseconds z{}; z < end + 3s;) {
    const nanoseconds a = guest::read(CLOCK_TAI);
    const bounded_time t = bounded_clock::now();
    z = guest::read(CLOCK_TAI);
    const auto has = [&](nanoseconds offset) {
      return t.earliest.time_since_epoch() <= z - offset && t.latest.time_since_epoch() >= a - offset;
    };
    unknown += !t.known();
    wide += t.reason == reason::leap_second;
    if (z < end) missed_before += !has(37s);
    else if (a >= end && bit == STA_INS && z < end + 1s) missed_within += !has(37s) || !has(38s);
    else if (a >= end + (bit == STA_INS ? 1s : 0s)) missed_after += !has(after_leap);
    if (a < end - 100ms || a > end + 1100ms) std::this_thread::sleep_for(1ms);
  }
  CHECK(missed_before == 0);
  CHECK(missed_within == 0);
  CHECK(missed_after == 0);
  CHECK(unknown == 0);
  CHECK(wide > 10);
  const bounded_time t = bounded_clock::now();
  CHECK(t.reason == reason::stated);
  CHECK(t.error() < 8ms);
  CHECK(t.leap == takt::leap_facts::phase_kind::applied);
  CHECK(t.generation == generation + 1);
  MESSAGE(wide, " intervals were a second wider");
  state(1003);
}

} // namespace

TEST_CASE("bounded: a leap second is inserted, and UTC is in every interval") { leap(STA_INS); }

TEST_CASE("bounded: a leap second is deleted, and UTC is in every interval") { leap(STA_DEL); }

TEST_CASE("suspend_bound: the kernel's bound is not believed after a resume until a daemon has stated an error again") {
  calibrate();
  state(1003);
  const bounded_time before = bounded_clock::refresh();
  CHECK(before.status == status::synchronised);
  std::error_code ec;
  takt::alarm_timer alarm(takt::alarm_timer::clock::boottime, ec);
  REQUIRE_FALSE(ec);
  alarm.at(alarm.now() + guest::until_alarm, ec);
  REQUIRE_FALSE(ec);
  REQUIRE(guest::suspend());
  const takt::leap_facts kernels = takt::leap_facts::read(ec);
  bounded_time t = bounded_clock::refresh();
  MESSAGE("the kernel calls its clock synchronised: ", kernels.synchronised, ", with an error of ",
          std::chrono::duration<double, std::milli>(kernels.maximum_error.value_or(0ns)).count(), " ms");
  CAPTURE(explain(t));
  CHECK(t.status == status::unknown);
  CHECK(t.reason == reason::suspended);
  CHECK(t.generation > before.generation);
  std::this_thread::sleep_for(2s);
  CHECK(bounded_clock::now().status == status::unknown);
  state(1207);
  t = bounded_clock::refresh();
  CHECK(t.status == status::synchronised);
  CHECK(misses_within(100ms) == 0);
}
