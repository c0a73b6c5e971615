// Protects: that a time of Abseil and a time of takt are the same time, both ways and at every end of both ranges.
#if __has_include(<absl/time/time.h>)
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <doctest/doctest.h>
#include <takt/clock/tsc_clock.hpp>
#include <takt/interop/absl.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds, std::chrono::seconds, std::chrono::system_clock, std::chrono::steady_clock;
using takt::from_absl, takt::to_absl;

const absl::Duration infinite = absl::InfiniteDuration();

} // namespace

TEST_CASE("durations are the same both ways") {
  CHECK(to_absl(0ns) == absl::ZeroDuration());
  CHECK(to_absl(1ns) == absl::Nanoseconds(1));
  CHECK(to_absl(-1500us) == absl::Microseconds(-1500));
  CHECK(to_absl(36h) == absl::Hours(36));
  CHECK(to_absl(1.5s) == absl::Milliseconds(1500));
  CHECK(to_absl(std::chrono::duration<int, std::ratio<1, 60>>(90)) == absl::Nanoseconds(1'500'000'000));
  CHECK(to_absl(std::chrono::duration<std::int64_t, std::pico>(-1)) == absl::Nanoseconds(-1));
  for (const nanoseconds d : {0ns, 1ns, -1ns, 999'999'999ns, -1'000'000'001ns, nanoseconds::max() - 1ns, nanoseconds::min() + 1ns})
    CHECK(from_absl<nanoseconds>(to_absl(d)) == d);
  CHECK(from_absl<std::chrono::duration<double>>(absl::Milliseconds(250)).count() == doctest::Approx(0.25));
}

TEST_CASE("what does not fit into the unit is rounded down, never up") {
  CHECK(from_absl<seconds>(absl::Milliseconds(1999)) == 1s);
  CHECK(from_absl<seconds>(absl::Milliseconds(-1)) == -1s);
  CHECK(from_absl<seconds>(absl::Seconds(-1)) == -1s);
  CHECK(from_absl<nanoseconds>(absl::Nanoseconds(1) / 4) == 0ns);
  CHECK(from_absl<nanoseconds>(-absl::Nanoseconds(1) / 4) == -1ns);
  CHECK(from_absl<std::chrono::duration<std::int64_t, std::pico>>(absl::Nanoseconds(7)).count() == 7000);
}

TEST_CASE("infinities survive, and what is beyond a range is its end") {
  CHECK(to_absl(nanoseconds::max()) == infinite);
  CHECK(to_absl(nanoseconds::min()) == -infinite);
  CHECK(to_absl(std::chrono::hours::max()) == infinite);
  CHECK(to_absl(std::chrono::duration<unsigned>(0)) == absl::ZeroDuration());
  CHECK(to_absl(std::chrono::duration<double>(std::numeric_limits<double>::infinity())) == infinite);
  CHECK(to_absl(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())) == absl::ZeroDuration());
  CHECK(from_absl<nanoseconds>(infinite) == nanoseconds::max());
  CHECK(from_absl<nanoseconds>(-infinite) == nanoseconds::min());
  CHECK(from_absl<nanoseconds>(absl::Hours(24 * 365 * 300)) == nanoseconds::max());
  CHECK(from_absl<nanoseconds>(absl::Hours(-24 * 365 * 300)) == nanoseconds::min());
  CHECK(from_absl<std::chrono::duration<std::int16_t>>(absl::Hours(24)).count() == 32767);
  // Units whose range is longer than Abseil's.
  using weeks = std::chrono::duration<std::int64_t, std::ratio<604800>>;
  CHECK(to_absl(weeks(std::int64_t{1} << 60)) == infinite);
  CHECK(to_absl(weeks(-(std::int64_t{1} << 60))) == -infinite);
}

TEST_CASE("times of clocks that show UTC are exact") {
  using real = takt::posix_clock<CLOCK_REALTIME>;
  const std::chrono::sys_seconds launch(1'700'000'000s);
  CHECK(to_absl(launch) == absl::FromUnixSeconds(1'700'000'000));
  CHECK(to_absl(std::chrono::time_point<real, nanoseconds>(1ns)) == absl::FromUnixNanos(1));
  CHECK(from_absl<real>(absl::FromUnixNanos(-5)).time_since_epoch() == -5ns);
  CHECK(from_absl<system_clock>(absl::FromUnixSeconds(1'700'000'000)) == launch);
  CHECK(to_absl(std::chrono::sys_time<nanoseconds>::max()) == absl::InfiniteFuture());
  CHECK(to_absl(std::chrono::sys_time<nanoseconds>::min()) == absl::InfinitePast());
  CHECK(from_absl<system_clock>(absl::InfiniteFuture()) == std::chrono::sys_time<nanoseconds>::max());
  CHECK(from_absl<system_clock>(absl::InfinitePast()) == std::chrono::sys_time<nanoseconds>::min());
}

TEST_CASE("times of other clocks are shifted, and their ends are not") {
  const auto minute = 60s; // REALTIME may be slewed and this thread may be late, but not by that
  const auto t = steady_clock::now();
  const absl::Duration apart = to_absl(t) - absl::Now();
  CHECK((apart < absl::Minutes(1) && apart > -absl::Minutes(1)));
  const auto back = from_absl<steady_clock>(to_absl(t));
  CHECK((back - t < minute && t - back < minute));
  CHECK(to_absl(takt::tsc_clock::time_point::max()) == absl::InfiniteFuture());
  CHECK(from_absl<takt::tsc_clock>(absl::InfiniteFuture()) == takt::tsc_clock::time_point::max());
  CHECK(from_absl<steady_clock>(absl::InfinitePast()).time_since_epoch() == nanoseconds::min());
  const auto soon = from_absl<takt::fast_tsc_clock>(absl::Now());
  CHECK((takt::tsc_clock::now() - soon < minute && soon - takt::tsc_clock::now() < minute));
}
#endif
