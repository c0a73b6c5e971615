// Protects: that a program goes on well when the kernel finds the TSC out while it runs: nothing goes backwards, sleeps
// are kept, the next calibration refuses the counter, and from then on the clock is the kernel's.
//
// The kernel was given a frequency of the TSC that is 1.2 % wrong; its watchdog compares it with the HPET every half
// second. Virtual time makes the kernel reach init before that, however busy the host is.
#include "checks.hpp"
#include "guest.hpp"
#include "recorder.hpp"

#include <takt/sleep/sleep.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace std::chrono_literals;
using takt::tsc_clock;

namespace {

// Linux 7.2 compares sooner, and drops the TSC under its provisional name before init runs.
const bool dropped_before_init = guest::kernel_major() >= 7;

void check_that_it_is_refused() {
  CHECK(takt::clocksource::current() == "hpet");
  const auto offered = takt::clocksource::available();
  CHECK_FALSE(takt::detail::offers_counter(offered));
  takt::verdict::facts facts = takt::verdict::facts::gather();
  CHECK_FALSE(takt::judge(facts).counter_trusted);
  std::error_code ec;
  facts.marked_unstable = takt::kernel_log::read(ec).found_unstable();
  CHECK_FALSE(ec);
  CHECK(facts.marked_unstable == true);
  static_cast<void>(tsc_clock::calibrate(20ms, ec));
  CHECK(ec == takt::errc::counter_not_trusted);
  CHECK(tsc_clock::source() != takt::clock_path::counter);
}

} // namespace

// Without high resolution the kernel goes on listing what it has thrown out, last of all; a provisional source for some
// tenths of a second.
TEST_CASE("thrown_out: a TSC that the kernel dropped is not trusted though it is listed") {
  for (int i = 0; i < 200 && takt::clocksource::current() == "tsc"; ++i) std::this_thread::sleep_for(50ms);
  const auto offered = takt::clocksource::available();
  MESSAGE(offered.size(), " sources, the last: ", offered.back());
  if (!dropped_before_init) CHECK(offered.back() == "tsc");
  else CHECK((offered.back() == "tsc-early" || offered.back() == "jiffies"));
  check_that_it_is_refused();
}

TEST_CASE("watchdog: the kernel drops the TSC under a running tsc_clock") {
  if (dropped_before_init) {
    MESSAGE("not under a running clock: this kernel dropped the TSC before init ran");
    check_that_it_is_refused();
    return;
  }
  std::error_code ec;
  REQUIRE(takt::clocksource::current() == "tsc");
  static_cast<void>(tsc_clock::calibrate(20ms, 100ms, ec));
  REQUIRE_FALSE(ec);
  CHECK(tsc_clock::source() == takt::clock_path::counter);
  guest::recorder recorder(100ms);
  guest::watcher watcher;
  int early = 0;
  for (int i = 0; i < 200 && takt::clocksource::current() == "tsc"; ++i) {
    const auto due = std::chrono::steady_clock::now() + 50ms;
    takt::sleep_until(due);
    early += std::chrono::steady_clock::now() < due;
    static_cast<void>(tsc_clock::discipline(100ms, ec));
  }
  CHECK(early == 0);
  CHECK(takt::clocksource::current() == "hpet");
  const auto offered = takt::clocksource::available();
  CHECK(std::find(offered.begin(), offered.end(), "tsc") == offered.end());
  CHECK_FALSE(takt::judge(takt::verdict::facts::gather()).counter_trusted);

  static_cast<void>(tsc_clock::calibrate(20ms, 100ms, ec));
  CHECK(ec == takt::errc::counter_not_trusted);
  CHECK(tsc_clock::source() != takt::clock_path::counter);
  const auto seen = watcher.end();
  CHECK(seen.monotonic == 0);
  CHECK(seen.tsc == 0);
  CHECK(seen.fast == 0);
  CHECK(guest::backwards_between<tsc_clock>(20ms) == 0);

  // The watch names the switch and, once it has seen enough of the new source, by how much the old one was wrong.
  using watch_kind = takt::watch_event::kind_type;
  std::this_thread::sleep_for(30s);
  recorder.end();
  MESSAGE(recorder.description());
  const takt::watch_event& e = recorder.first(watch_kind::source_switched).event;
  CHECK(e.from == "tsc");
  CHECK(e.to == "hpet");
  CHECK(e.log == "clocksource: Switched to clocksource hpet");
  CHECK(recorder.count(watch_kind::source_switched) == 1);
  guest::check_rate(recorder.first(watch_kind::counter_rate).event, (1 / 1.012 - 1) * 1e6);
  CHECK(recorder.count(watch_kind::counter_rate) == 1);
  CHECK(recorder.count(watch_kind::counter_jump) == 0);
  CHECK(recorder.count(watch_kind::step) + recorder.count(watch_kind::suspend) + recorder.count(watch_kind::slew) == 0);
}
