// Protects: that an alarm wakes a suspended machine, no earlier than asked; that BOOTTIME counts the sleep and
// MONOTONIC does not, and tsc_clock is on MONOTONIC again after it, never having gone backwards; that no calibration is made
// of an anchor from before.
#include "checks.hpp"
#include "guest.hpp"
#include "recorder.hpp"
#include "suspend.hpp"

#include <takt/clock/shared_calibration.hpp>
#include <takt/observe/run_guard.hpp>
#include <takt/timer/alarm.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::tsc_clock;

namespace {

/// The finding about an anchor that was published before.
takt::shared_calibration::finding found(takt::shared_calibration& anchors) {
  static_cast<void>(anchors.load<takt::posix_clock<CLOCK_MONOTONIC>, takt::ordered_counter>());
  return anchors.attempts().front().finding;
}

nanoseconds asleep() { return guest::read(CLOCK_BOOTTIME) - guest::read(CLOCK_MONOTONIC); }

} // namespace

TEST_CASE("suspend: an alarm on BOOTTIME wakes the machine, and the clocks know how long it slept") {
  std::error_code ec;
  takt::shared_calibration anchors("/tmp/takt.anchor");
  static_cast<void>(tsc_clock::calibrate(anchors, 20ms, 100ms, ec));
  REQUIRE_FALSE(ec);
  takt::alarm_timer alarm(takt::alarm_timer::clock::boottime, ec);
  REQUIRE_MESSAGE(!ec, ec.message());
  guest::recorder recorder;
  std::this_thread::sleep_for(2s);
  auto anchor = found(anchors);
  CAPTURE(takt::explain(anchor));
  CHECK((anchor == takt::shared_calibration::finding::usable || anchor == takt::shared_calibration::finding::too_uncertain)); // by an emulator's clock
  takt::run_guard guard;
  guest::watcher watcher;
  const nanoseconds slept_before = asleep(), monotonic_before = guest::read(CLOCK_MONOTONIC);
  const nanoseconds due = alarm.now() + guest::until_alarm;
  alarm.at(due, ec);
  REQUIRE_FALSE(ec);
  CHECK_FALSE(alarm.fire(ec));
  REQUIRE(guest::suspend());
  const nanoseconds resumed = guest::read(CLOCK_MONOTONIC);
  alarm.wait(ec);
  CHECK_FALSE(ec);
  const nanoseconds woken = alarm.now();
  CHECK(woken >= due);
  CHECK(woken < due + 5s);
  const nanoseconds slept = asleep() - slept_before;
  CHECK(slept > 1s);
  CHECK(slept < guest::until_alarm + 5s);
  CHECK(guest::read(CLOCK_MONOTONIC) - monotonic_before < guest::until_alarm + 4s);
  const takt::run_report run = guard.finish();
  CAPTURE(to_string(run));
  CHECK(run.suspended());
  CHECK_FALSE(run.trusted());
  CHECK(run.slept - slept < 1ms);
  CHECK(slept - run.slept < 1ms);
  MESSAGE("asleep for ", std::chrono::duration<double>(slept).count(), " s, woken ",
          std::chrono::duration<double, std::milli>(woken - due).count(), " ms after the alarm");

  anchor = found(anchors);
  CHECK((anchor == takt::shared_calibration::finding::suspended || anchor == takt::shared_calibration::finding::counter_went_back));

  // Where the counter went on, the clock is at the end of its line, up to 1.4 s ahead, and works that off at half speed.
  for (int i = 0; i < 45; ++i) {
    static_cast<void>(tsc_clock::discipline(100ms, ec));
    CHECK_FALSE(ec);
    std::this_thread::sleep_for(100ms);
  }
  CHECK(guest::off_from_monotonic<tsc_clock>() < 1ms);
  const auto seen = watcher.end();
  CHECK(seen.monotonic == 0);
  CHECK(seen.tsc == 0);
  CHECK(seen.fast == 0);

  const auto& reported = recorder.end();
  MESSAGE(recorder.description());
  using watch_kind = takt::watch_event::kind_type;
  REQUIRE(recorder.count(watch_kind::suspend) == 1);
  const guest::reported_event& t = recorder.first(watch_kind::suspend);
  guest::check_size(t.event, slept, 1ms); // two readings one after the other, on a machine that may be held up
  CHECK(recorder.count(watch_kind::step) == 0);
  CHECK(recorder.count(watch_kind::slew) == 0);
  CHECK(reported.size() == 1 + recorder.count(watch_kind::counter_shift) + recorder.count(watch_kind::counter_rate));
  CHECK(t.at - resumed < 1s);
  MESSAGE("reported ", std::chrono::duration<double, std::milli>(t.at - resumed).count(), " ms after the resume");
}

TEST_CASE("no_rtc: without an RTC an alarm says so") {
  std::error_code ec;
  takt::alarm_timer alarm(takt::alarm_timer::clock::boottime, ec);
  CHECK(ec == std::errc::no_such_device);
}
