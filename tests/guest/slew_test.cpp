// Protects: that tsc_clock, disciplined, follows CLOCK_MONOTONIC through the fastest slewing the kernel offers, never
// backwards, and that sleeps end when the slewed clock says so.
#include "checks.hpp"
#include "guest.hpp"

#include <takt/sleep/sleep.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <initializer_list>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::tsc_clock;

namespace {

/// Disciplines every 200 ms for `span`, sleeping on the clock's own reference meanwhile.
void tend(nanoseconds span) {
  const auto end = std::chrono::steady_clock::now() + span;
  while (std::chrono::steady_clock::now() < end) {
    const auto next = std::chrono::steady_clock::now() + 200ms;
    takt::sleep_until(next);
    CHECK(std::chrono::steady_clock::now() >= next);
    std::error_code ec;
    static_cast<void>(tsc_clock::discipline(200ms, ec));
    CHECK_FALSE(ec);
  }
}

} // namespace

namespace {

struct setting {
  long ppm, tick;
};

/// Applies the settings one after the other, tending the clock two seconds each. `lag`: how long a change of rate may
/// go on before the clock's own rate knows of it.
void follow(std::initializer_list<setting> settings, nanoseconds lag) {
  std::error_code ec;
  static_cast<void>(tsc_clock::calibrate(20ms, 200ms, ec));
  REQUIRE_FALSE(ec);
  guest::watcher watcher;
  double before = 0;
  for (const setting s : settings) {
    guest::steer(static_cast<double>(s.ppm), s.tick);
    tend(2s);
    const double ppm = static_cast<double>(s.ppm) + static_cast<double>(s.tick - 10'000) * 100;
    const double lag_ns = static_cast<double>(lag.count());
    const nanoseconds brought(static_cast<nanoseconds::rep>(std::abs(ppm - before) * 1e-6 * lag_ns));
    before = ppm;
    // Behind is mended at once; ahead by that slews at 500 ppm, hardly begun in two seconds.
    CAPTURE(ppm);
    CHECK(guest::off_from_monotonic<tsc_clock>() <= brought + 2us);
  }
  const auto seen = watcher.end();
  CHECK(seen.monotonic == 0);
  CHECK(seen.tsc == 0);
  CHECK(seen.fast == 0);
  CHECK(seen.reads > 1000);
}

} // namespace

// The rate is measured anew over half a second, in which two periods bring what the old one makes of it.
TEST_CASE("slew: the clock follows the frequency to its limits and back") {
  follow({{500, 10'000}, {-500, 10'000}, {500, 10'000}, {0, 10'000}}, 700ms);
}

TEST_CASE("slew: the clock follows the tick to its limits and back") {
  follow({{0, 11'000}, {0, 9'000}, {500, 11'000}, {0, 10'000}}, 700ms);
}
