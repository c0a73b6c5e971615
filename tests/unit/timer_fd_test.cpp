// Protects: that a descriptor is closed exactly once, by its last owner; that news is reported once; that the forms that
// throw report what the others do. alarm_test.cpp and wall_timer_test.cpp test timers on other clocks.
#include <cerrno>
#include <chrono>
#include <doctest/doctest.h>
#include <system_error>
#include <takt/kernel/timer_fd.hpp>
#include <takt/testing/fake_os.hpp>
#include <utility>

namespace {

using namespace std::chrono_literals;
using os = takt::testing::fake_os<struct timer_fd_test>;
using timer = takt::timer_fd<os>;

} // namespace

TEST_CASE("an assigned timer lets go of its old descriptor at once") {
  os::reset();
  std::error_code ec;
  {
    timer a(CLOCK_MONOTONIC, ec), b(CLOCK_BOOTTIME, ec);
    REQUIRE_FALSE(ec);
    const int kept = b.fd();
    a = std::move(b);
    CHECK(a.fd() == kept);
    CHECK_FALSE(os::now.timers[0].open);
    CHECK(os::now.timers[1].open);
    timer& same = a;
    a = std::move(same);
    CHECK(a.fd() == kept);
    CHECK(os::now.timers[1].open);
    timer c(std::move(a));
    CHECK(c.fd() == kept);
    c = timer();
    CHECK_FALSE(c);
    CHECK_FALSE(os::now.timers[1].open);
    os::now.timers[1].open = true; // it is not closed again
  }
  CHECK(os::now.timers[1].open);
}

TEST_CASE("an expiry and a step of the clock are news, each once") {
  os::reset();
  os::now.clocks[CLOCK_REALTIME] = {{1'700'000'000, 0}, 0};
  std::error_code ec;
  timer t(CLOCK_REALTIME, ec);
  CHECK_FALSE(t.arm(1'700'000'001s, true, ec));
  CHECK(t.take(ec) == timer::news::none);
  CHECK(t.wait(10s, ec));
  CHECK(t.take(ec) == timer::news::expired);
  CHECK(t.take(ec) == timer::news::none);
  t.arm(1'800'000'000s, true, ec);
  os::step(-1h);
  CHECK(t.take(ec) == timer::news::clock_set);
  CHECK(t.take(ec) == timer::news::none);
  t.arm(-1s, false, ec); // long past, and not the command to disarm
  CHECK(t.take(ec) == timer::news::expired);
  CHECK_FALSE(ec);
}

TEST_CASE("the forms that throw report what the others do") {
  os::reset();
  os::now.clocks[CLOCK_MONOTONIC] = {{1, 0}, 0};
  timer t(CLOCK_MONOTONIC);
  t.arm(2s, false);
  CHECK(t.wait(10s));
  CHECK(t.take() == timer::news::expired);
  t.disarm();
  CHECK_FALSE(t.wait(10s));
  os::now.timer_errors[CLOCK_MONOTONIC] = EMFILE;
  CHECK_THROWS_AS(timer(CLOCK_MONOTONIC), std::system_error);
  timer none;
  CHECK_THROWS_AS(none.arm(2s, false), std::system_error);
  CHECK_THROWS_AS(none.disarm(), std::system_error);
  CHECK_THROWS_AS(none.take(), std::system_error);
  CHECK_THROWS_AS(none.wait(0s), std::system_error);
}
