// periodic.hpp on this kernel: every tick is a point of the grid, none comes early, and nothing is lost uncounted.
#include <chrono>
#include <doctest/doctest.h>
#include <stop_token>
#include <takt/sleep/periodic.hpp>

using namespace std::chrono_literals;
using std::chrono::steady_clock;

TEST_CASE("points delivered and points given up are all the points there were") {
  const takt::grid g(1ms, 250us);
  std::error_code ec;
  const auto origin = takt::grid_origin(ec);
  for (const auto policy : {takt::overrun::skip, takt::overrun::catch_up, takt::overrun::report}) {
    takt::periodic beat(g, policy);
    steady_clock::time_point first, last;
    for (int i = 0; i < 60; ++i) {
      const auto tick = beat.wait(ec);
      REQUIRE(tick);
      CHECK(steady_clock::now() >= tick->due);
      CHECK(g.ceil(tick->due - origin) == tick->due - origin);
      CHECK(tick->lateness >= 0ns);
      if (i == 0) first = tick->due;
      last = tick->due;
      if (i % 20 == 7) takt::sleep_until(steady_clock::now() + 3500us, ec); // an overrun, whatever the machine does
    }
    const auto& counts = beat.counts();
    CHECK(counts.cycles == 60);
    CHECK(counts.overruns >= 3);
    CHECK(counts.cycles + counts.missed == static_cast<std::uint64_t>((last - first) / 1ms) + 1);
    CHECK(counts.max_lateness * 60 >= counts.lateness);
    if (policy == takt::overrun::catch_up) CHECK(counts.missed == 0);
  }
}

TEST_CASE("a range is stopped from inside and delivers nothing more") {
  std::stop_source source;
  int cycles = 0;
  for (const auto& tick : takt::periodic(takt::grid(1ms), takt::overrun::skip, source.get_token())) {
    CHECK(steady_clock::now() >= tick.due);
    if (++cycles == 5) source.request_stop();
  }
  CHECK(cycles == 5);
}
