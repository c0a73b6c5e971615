// realtime.hpp on this kernel: the policy is really set, and policy and slack are really as before afterwards.
#include <chrono>
#include <doctest/doctest.h>
#include <sched.h>
#include <takt/kernel/timer_slack.hpp>
#include <takt/kernel/realtime.hpp>
#include <takt/sleep/sleep.hpp>

#include "support/skip.hpp"

using namespace std::chrono_literals;

TEST_CASE("a real-time policy comes and goes, and sleeps inside it end at the roundest point") {
  const takt::scoped_timer_slack mine(123'456ns);
  std::error_code ec;
  for (const auto policy : {takt::realtime_policy::fifo, takt::realtime_policy::round_robin}) {
    {
      const takt::scoped_realtime rt(policy, 7, ec);
      if (ec) TAKT_SKIP("a real-time policy: %s", ec.message().c_str());
      CHECK(sched_getscheduler(0) == static_cast<int>(policy));
      const takt::scoped_realtime higher(policy, 8, ec);
      CHECK_FALSE(ec);
      const auto start = std::chrono::steady_clock::now();
      takt::sleep_until_within(start + 1ms, takt::slack(10ms), ec);
      CHECK_FALSE(ec);
      const auto origin = takt::grid_origin(ec); // not zero inside a time namespace
      const auto roundest = *takt::roundest_point(start + 1ms - origin, start + 11ms - origin) + origin;
      CHECK(std::chrono::steady_clock::now() >= roundest);
    }
    CHECK(sched_getscheduler(0) == SCHED_OTHER);
    CHECK(takt::timer_slack(ec) == 123'456ns);
  }
}

TEST_CASE("a priority that there is not is refused") {
  std::error_code ec;
  const takt::scoped_realtime rt(takt::realtime_policy::fifo, 100, ec);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(sched_getscheduler(0) == SCHED_OTHER);
}
