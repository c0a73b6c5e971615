// Protects: that the watch reports nothing on a machine where nothing happens, and checks as often as it should.
//
// If something does happen to this machine's clocks meanwhile (a daemon sets or slews them, a hypervisor stops it), that is
// no failure: a kind of event that the kernel's own state explains, or that a second watch saw too, is true.
#include <support/skip.hpp>
#include <takt/observe/clock_watch.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

using namespace std::chrono_literals;
using watch_kind = takt::watch_event::kind_type;

TEST_CASE("clock_watch: two quiet seconds") {
  std::error_code ec;
  takt::clock_watch watch(20ms, ec), witness(50ms, ec);
  REQUIRE_FALSE(ec);
  const auto end = std::chrono::steady_clock::now() + 2s;
  std::vector<takt::watch_event> events, seen;
  while (std::chrono::steady_clock::now() < end) {
    for (const auto& e : watch.wait(end - std::chrono::steady_clock::now(), ec)) events.push_back(e);
    REQUIRE_FALSE(ec);
  }
  seen = witness.check(ec);
  CHECK(watch.checks() >= 2); // more on a machine that is not busy
  CHECK(watch.checks() <= 2 + 100 + watch.notifications());
  REQUIRE(watch.history().last());
  const takt::clock_history::sample& last = *watch.history().last();
  CHECK(last.readings.tai);
  CHECK(last.readings.half_width > 0ns);
  for (const auto& e : events) MESSAGE(to_string(e));
  if (!events.empty() && (watch.notifications() > 0 || !seen.empty())) TAKT_SKIP("this machine's clocks are being set: %s", to_string(events[0]).c_str());
  for (const auto& e : events) CHECK(e.kind == watch_kind::slew); // a daemon at work is true, and all that goes unwitnessed
}

TEST_CASE("clock_watch: an event loop's descriptor is readable once a period") {
  std::error_code ec;
  takt::clock_watch watch(1ms, ec);
  REQUIRE_FALSE(ec);
  for (int i = 0; i < 20; ++i) {
    const timespec limit{10, 0};
    REQUIRE(takt::linux_os::wait_readable(watch.fd(), &limit) == 0);
    static_cast<void>(watch.take(ec));
    REQUIRE_FALSE(ec);
  }
  CHECK(watch.checks() == 21);
}
