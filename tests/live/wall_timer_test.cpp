// Protects: that wall and alarm timers work on the running kernel: never early, and an alarm that cannot be had says why.
#include "support/skip.hpp"
#include <takt/timer/alarm.hpp>
#include <takt/timer/wall_timer.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;

TEST_CASE("wall_timer: fires on the grid, in order, never early") {
  takt::wall_timer t;
  t.every(takt::grid(5ms));
  takt::wall_timer::time_point last{};
  for (int i = 0; i < 5; ++i) {
    const auto tick = t.wait();
    REQUIRE(tick);
    CHECK(takt::grid(5ms).floor(tick->due) == tick->due);
    CHECK(tick->lateness >= 0ns);
    if (tick->clock_set == 0) CHECK(tick->due > last); // the clock may be set while this runs
    last = tick->due;
  }
}

TEST_CASE("alarm: fires on BOOTTIME, or tells what is missing") {
  std::error_code ec;
  takt::alarm_timer a(takt::alarm_timer::clock::boottime, ec);
  if (ec) {
    CHECK((ec == std::errc::no_such_device || ec == std::errc::operation_not_permitted));
    TAKT_SKIP("alarm timer: %s", ec.message().c_str());
  }
  const auto begin = a.now();
  a.after(5ms, ec);
  a.wait(ec);
  CHECK_FALSE(ec);
  CHECK(a.now() - begin >= 5ms);
}
