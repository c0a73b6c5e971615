// Protects: that a wall_timer fires once for what it was set to, at the right side of a step, never in a burst, never
// early even if the kernel says so again and again, and without spinning then.
#include <takt/testing/fake_os.hpp>
#include <takt/timer/wall_timer.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <ostream>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct wall_timer_test>;
using timer = takt::basic_wall_timer<os>;
using time_point = timer::time_point;

constexpr nanoseconds start = 1'000'000s;

/// A machine at `start` of REALTIME, and a timer on it.
timer fresh() {
  os::reset();
  os::now.clocks[CLOCK_REALTIME] = {takt::to_timespec(start), 0};
  os::now.clocks[CLOCK_MONOTONIC] = {timespec{100, 0}, 0};
  std::error_code ec;
  timer t(ec);
  REQUIRE_FALSE(ec);
  return t;
}

nanoseconds real() { return takt::to_nanoseconds(os::now.clocks[CLOCK_REALTIME].value); }
nanoseconds monotonic() { return takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value); }

} // namespace

TEST_CASE("wall_timer: fires once, at its time") {
  timer t = fresh();
  std::error_code ec;
  t.at(time_point(start + 5s), ec);
  CHECK(t.armed());
  CHECK_FALSE(t.fire(ec));
  os::now.latency = 3us;
  const auto tick = t.wait(ec);
  REQUIRE(tick);
  CHECK(tick->due == time_point(start + 5s));
  CHECK(tick->lateness == 3us);
  CHECK(tick->clock_set == 0);
  CHECK(tick->missed == 0);
  CHECK_FALSE(t.armed());
  CHECK_FALSE(t.wait(ec)); // not armed: does not wait for ever
  CHECK_FALSE(ec);
}

TEST_CASE("wall_timer: a time that has passed fires at once, also one before the epoch") {
  timer t = fresh();
  std::error_code ec;
  t.at(time_point(start - 1s), ec);
  CHECK(t.wait(ec)->lateness == 1s);
  t.at(time_point(-5s), ec);
  CHECK(t.wait(ec)->due == time_point(-5s));
  CHECK_FALSE(ec);
}

TEST_CASE("wall_timer: a time between two nanoseconds is not rounded to before it") {
  timer t = fresh();
  std::error_code ec;
  using third = std::chrono::duration<std::int64_t, std::ratio<1, 3'000'000'000>>;
  t.at(std::chrono::sys_time<third>(third(start.count() * 3 + 1)), ec);
  CHECK(t.wait(ec)->due == time_point(start + 1ns));
}

TEST_CASE("wall_timer: a step across the time fires, once; a step back holds") {
  timer t = fresh();
  std::error_code ec;
  t.at(time_point(start + 100s), ec);
  os::now.asleep = [] {
    if (os::now.sleeps.size() == 1) os::step(-3600s);
    if (os::now.sleeps.size() == 2) os::step(7200s);
  };
  const auto tick = t.wait(ec);
  REQUIRE(tick);
  CHECK(tick->clock_set == 2);
  CHECK(tick->lateness == 3500s);
  CHECK(monotonic() == 100s); // the step was noticed, not slept over
  CHECK_FALSE(t.wait(ec));
}

TEST_CASE("wall_timer: points of the grid that a step leaps over are counted, not delivered") {
  timer t = fresh();
  std::error_code ec;
  t.every(takt::grid(100ms), ec);
  CHECK(t.wait(ec)->due == time_point(start + 100ms));
  os::step(3600s);
  const auto tick = t.wait(ec);
  REQUIRE(tick);
  CHECK(tick->due == time_point(start + 3600s + 100ms));
  CHECK(tick->missed == 35'999);
  CHECK(tick->clock_set == 1);
  const nanoseconds before = monotonic();
  const auto next = t.wait(ec);
  CHECK(next->due == time_point(start + 3600s + 200ms));
  CHECK(next->missed == 0);
  CHECK(next->clock_set == 0);
  CHECK(monotonic() - before == 100ms);
}

TEST_CASE("wall_timer: after a step back the beat goes on, on the new time") {
  timer t = fresh();
  std::error_code ec;
  t.every(takt::grid(1s), ec);
  CHECK(t.wait(ec)->due == time_point(start + 1s));
  os::step(-3600s);
  const nanoseconds before = monotonic();
  const auto tick = t.wait(ec);
  REQUIRE(tick);
  CHECK(tick->due == time_point(start - 3600s + 2s));
  CHECK(tick->clock_set == 1);
  CHECK(monotonic() - before == 1s);
}

TEST_CASE("wall_timer: ends that come early again and again neither fire nor spin") {
  timer t = fresh();
  std::error_code ec;
  t.at(time_point(start + 1s), ec);
  os::now.asleep = [] { os::now.timers[0].early = true; };
  const auto tick = t.wait(ec);
  REQUIRE(tick);
  CHECK(tick->lateness >= 0ns);
  CHECK(tick->lateness <= takt::detail::early_end_backoff::longest_pause);
  CHECK(real() >= start + 1s);
  CHECK(t.early_ends() >= 100); // a hundred a second when they have become long
  CHECK(t.early_ends() <= 110);
}

TEST_CASE("wall_timer: one early end costs no pause") {
  timer t = fresh();
  std::error_code ec;
  t.at(time_point(start + 1s), ec);
  os::now.early_ends.push_back({999'999'999ns, 0}); // the kernel was a nanosecond early
  CHECK(t.wait(ec)->lateness == 0ns);
  CHECK(t.early_ends() == 1);
}

TEST_CASE("wall_timer: signals do not move it") {
  timer t = fresh();
  std::error_code ec;
  t.at(time_point(start + 1s), ec);
  for (int i = 0; i < 3; ++i) os::now.early_ends.push_back({100ms, EINTR});
  CHECK(t.wait(ec)->lateness == 0ns);
  CHECK(t.early_ends() == 0);
}

TEST_CASE("wall_timer: what the kernel refuses is an error, and a closed timer is closed") {
  {
    timer t = fresh();
    std::error_code ec;
    os::now.early_ends.push_back({0ns, EIO});
    t.at(time_point(start + 1s), ec);
    CHECK_FALSE(t.wait(ec));
    CHECK(ec == std::errc::io_error);
    t.disarm(ec);
    CHECK_FALSE(t.armed());
  }
  CHECK_FALSE(os::now.timers.at(0).open);
  os::now.timer_errors[CLOCK_REALTIME] = EMFILE;
  std::error_code ec;
  const timer none(ec);
  CHECK(ec == std::errc::too_many_files_open);
}
