// Protects: that a leap second is announced, applied and over in leap_facts::read(), and that no clock of takt but REALTIME
// notices it: MONOTONIC, TAI and tsc_clock go on, sleepers on REALTIME are not early, sleepers elsewhere not late.
#include "checks.hpp"
#include "guest.hpp"
#include "recorder.hpp"

#include <takt/kernel/leap.hpp>
#include <takt/sleep/sleep.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using realtime = takt::posix_clock<CLOCK_REALTIME>;
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;

namespace {

void set_status(int status) {
  timex t{};
  t.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR;
  t.status = status;
  t.maxerror = t.esterror = 1000; // small, or the kernel calls itself unsynchronised and says nothing else
  guest::adjust(t);
}

takt::leap_facts now() {
  std::error_code ec;
  const takt::leap_facts facts = takt::leap_facts::read(ec);
  CHECK_FALSE(ec);
  return facts;
}

/// A few seconds before a midnight, with `bit` set. Returns: that midnight.
realtime::time_point arm(int bit) {
  set_status(STA_PLL);
  timex t{};
  t.modes = ADJ_TAI;
  t.constant = 37;
  guest::adjust(t);
  const auto midnight = std::chrono::ceil<std::chrono::days>(realtime::now().time_since_epoch()) + 24h;
  guest::step_realtime(midnight - 4s - realtime::now().time_since_epoch());
  set_status(STA_PLL); // a step leaves the clock unsynchronised, which hides where an earlier leap second stands
  while (now().phase != takt::leap_facts::phase_kind::none) std::this_thread::sleep_for(100ms);
  set_status(STA_PLL | bit);
  return realtime::time_point(midnight);
}

void check(int bit, takt::leap_facts::phase_kind pending, nanoseconds effect) {
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(20ms, ec));
  REQUIRE_FALSE(ec);
  guest::recorder recorder;
  const auto midnight = arm(bit);
  CHECK(now().phase == pending);
  CHECK(now().synchronised);
  CHECK(now().tai_minus_utc == 37s);
  CHECK(now().maximum_error.value() >= 1ms);
  CHECK(now().maximum_error.value() < 10ms);
  guest::watcher watcher;
  const nanoseconds ahead = guest::read(CLOCK_REALTIME) - guest::read(CLOCK_MONOTONIC);
  const nanoseconds tai_ahead = guest::read(CLOCK_TAI) - guest::read(CLOCK_MONOTONIC);

  // Half a second into the new day, on the clock that has the leap second in it.
  const auto deadline = midnight + 500ms;
  std::thread on_monotonic([] {
    const auto due = monotonic::now() + 2200ms;
    takt::sleep_until(due);
    const nanoseconds late = monotonic::now() - due;
    CHECK(late >= 0ns);
    CHECK(late < 20ms);
  });
  bool during = false;
  if (bit == STA_INS) {
    takt::sleep_until(midnight - 1ms);
    std::this_thread::sleep_for(300ms);
    during = now().phase == takt::leap_facts::phase_kind::in_progress;
    CHECK(during);
  }
  takt::sleep_until(deadline);
  const nanoseconds over = realtime::now() - deadline;
  CHECK(over >= 0ns);
  CHECK(over < (bit == STA_DEL ? 1020ms : 20ms));
  on_monotonic.join();

  const nanoseconds change = guest::read(CLOCK_REALTIME) - guest::read(CLOCK_MONOTONIC) - ahead;
  CHECK(change > effect - 1ms);
  CHECK(change < effect + 1ms);
  const nanoseconds tai_change = guest::read(CLOCK_TAI) - guest::read(CLOCK_MONOTONIC) - tai_ahead;
  CHECK(tai_change > -1ms);
  CHECK(tai_change < 1ms);
  CHECK(now().phase == takt::leap_facts::phase_kind::applied);
  CHECK(now().tai_minus_utc == (bit == STA_INS ? 38s : 36s));
  CHECK(guest::off_from_monotonic<takt::tsc_clock>() <= guest::stated_error());
  const auto seen = watcher.end();
  CHECK(seen.monotonic == 0);
  CHECK(seen.tsc == 0);
  CHECK(seen.fast == 0);

  // Arming set the TAI offset and the time of day; then the leap second, and nothing else.
  using watch_kind = takt::watch_event::kind_type;
  const auto& reported = recorder.end();
  CAPTURE(recorder.description());
  CHECK(reported.size() == 4);
  CHECK(recorder.count(watch_kind::tai_set) == 1);
  CHECK(recorder.count(watch_kind::step) == 1);
  guest::check_size(recorder.first(watch_kind::leap_announced).event, bit == STA_INS ? -1s : 1s);
  const guest::reported_event& leap = recorder.first(watch_kind::leap_applied);
  guest::check_size(leap.event, effect);
  CHECK(leap.event.uncertainty < 50us);
  // REALTIME showed the end of the day, and the kernel does it at its next tick.
  const nanoseconds day = bit == STA_INS ? midnight.time_since_epoch() : midnight.time_since_epoch() - 1s;
  const nanoseconds late = leap.at - (day - ahead);
  CHECK(late < 10ms + 4ms);
  MESSAGE("reported ", std::chrono::duration<double, std::micro>(late).count(), " us after the end of the day, off by ",
          (leap.event.size - effect).count(), " ns, stated ", leap.event.uncertainty.count(), " ns");
}

} // namespace

TEST_CASE("leap: a second is inserted") { check(STA_INS, takt::leap_facts::phase_kind::insertion_pending, -1s); }

TEST_CASE("leap: a second is deleted") { check(STA_DEL, takt::leap_facts::phase_kind::deletion_pending, 1s); }
