// Protects: that a change of the clock or a wake() between two calls is reported once and never lost, that the timer fires
// on the grid of CLOCK_MONOTONIC for every period, and that a timer that cannot be made says so.
#include <takt/testing/fake_os.hpp>
#include <takt/timer/clock_change_timer.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <system_error>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct clock_change_timer_test>;
using timer = takt::clock_change_timer<os>;
using news = timer::news;

struct all_clocks {
  all_clocks() {
    os::reset();
    os::now.clocks[CLOCK_MONOTONIC] = {{1000, 250'000'000}, 0};
    os::now.clocks[CLOCK_REALTIME] = {{1'700'000'000, 0}, 0};
    takt::assume_grid_origin<os>({});
  }
  std::error_code ec;
};

} // namespace

TEST_CASE("clock_change_timer: there is a next point for every period, and it lies ahead") {
  all_clocks m;
  CHECK(takt::detail::until_next_point<os>(1s) == 750ms);
  CHECK(takt::detail::until_next_point<os>(250ms) == 250ms);
  for (const nanoseconds period : {1ns, 0ns, -1ns, nanoseconds::min()}) CHECK(takt::detail::until_next_point<os>(period) == 1ns);
}

TEST_CASE("clock_change_timer: fires at the next point of the grid, once") {
  all_clocks m;
  timer t(m.ec);
  REQUIRE_FALSE(m.ec);
  t.arm(1s, m.ec);
  CHECK(t.take(m.ec) == news::none);
  CHECK(t.wait(10s, m.ec));
  CHECK(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value) == 1001s);
  CHECK(t.take(m.ec) == news::expired);
  CHECK(t.take(m.ec) == news::none);
}

TEST_CASE("clock_change_timer: a step before the timer is armed again is reported at once, and once") {
  all_clocks m;
  timer t(m.ec);
  t.arm(1s, m.ec);
  os::step(2s);
  t.arm(1s, m.ec); // arming reports the step
  CHECK(t.wait(0s, m.ec));
  CHECK(t.take(m.ec) == news::clock_set);
  CHECK(t.take(m.ec) == news::none);
}

TEST_CASE("clock_change_timer: a wake() between a check and the next arming makes it fire at once, and once") {
  all_clocks m;
  timer t(m.ec);
  t.arm(1s, m.ec);
  t.wake();
  t.arm(1s, m.ec);
  CHECK(t.wait(0s, m.ec));
  CHECK(t.take(m.ec) == news::expired);
  t.arm(1s, m.ec);
  CHECK_FALSE(t.wait(0s, m.ec));
  CHECK(t.take(m.ec) == news::none);
}

TEST_CASE("clock_change_timer: without a timer every call reports an error") {
  all_clocks m;
  os::now.timer_errors[CLOCK_REALTIME] = EMFILE;
  timer t(m.ec);
  CHECK(m.ec == std::errc::too_many_files_open);
  CHECK(t.fd() == -1);
  t.arm(1s, m.ec);
  CHECK(m.ec == std::errc::bad_file_descriptor);
  CHECK(t.take(m.ec) == news::none);
  CHECK(m.ec == std::errc::bad_file_descriptor);
}
