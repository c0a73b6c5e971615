// timer_fd.hpp: a descriptor is let go of exactly once, by whoever has it last; what it does is seen in alarm_test.cpp and
// wall_timer_test.cpp.
#include <chrono>
#include <doctest/doctest.h>
#include <system_error>
#include <takt/testing/fake_os.hpp>
#include <takt/timer/timer_fd.hpp>
#include <utility>

namespace {

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
    os::now.timers[1].open = true; // nobody closes it again
  }
  CHECK(os::now.timers[1].open);
}
