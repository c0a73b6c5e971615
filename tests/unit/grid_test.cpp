// Protects: that every point a grid gives is the point of the endless grid, or the end of time where that lies beyond,
// for every time, period and phase; and that a grid without a positive period cannot come into being.
#include <doctest/doctest.h>
#include <takt/core/grid.hpp>
#include "support/numbers.hpp"
#include "support/thorough.hpp"
#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

using std::chrono::duration;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using takt::grid;
using takt::detail::divisor;
using takt::detail::grid_arithmetic;
using takt::detail::int128;
using namespace std::chrono_literals;

namespace {

static_assert(std::is_trivially_copyable_v<grid> && sizeof(grid) == 40);
static_assert(!std::is_default_constructible_v<grid> && !std::is_convertible_v<nanoseconds, grid>);

// what counts as a time and what does not
static_assert(takt::detail::instant<steady_clock::time_point> && takt::detail::instant<duration<std::uint8_t, std::ratio<86'400>>>);
static_assert(takt::detail::instant<std::chrono::sys_days>);
static_assert(!takt::detail::instant<duration<double>> && !takt::detail::instant<duration<std::int64_t, std::pico>>);
static_assert(!takt::detail::instant<duration<std::int64_t, std::ratio<1, 3>>> && !takt::detail::instant<int>);
static_assert(!std::is_constructible_v<grid, duration<double>> && !std::is_constructible_v<grid, std::int64_t>);

// in constant expressions
constexpr grid ten(10ms);
static_assert(ten.ceil(11ms) == 20ms && ten.ceil(20ms) == 20ms && ten.ceil(-1ns) == 0ms && ten.ceil(-20ms) == -20ms);
static_assert(ten.floor(19ms) == 10ms && ten.floor(20ms) == 20ms && ten.floor(-1ns) == -10ms);
static_assert(ten.next(20ms) == 30ms && ten.next(-10ms) == 0ms && ten.next(19ms) == 20ms);
static_assert(ten.nearest(14ms) == 10ms && ten.nearest(15ms) == 20ms && ten.nearest(-15ms) == -10ms);
static_assert(grid(10ms, 3ms).ceil(0s) == 3ms && grid(10ms, 3ms).floor(0s) == -7ms);
static_assert(!grid::make(0s) && !grid::make(-1ns) && *grid::make(1h, 5min) == grid(3600s, 300s));

// the kind of instant stays, in nanoseconds
static_assert(std::is_same_v<decltype(ten.ceil(steady_clock::time_point())), steady_clock::time_point>);
static_assert(std::is_same_v<decltype(ten.next(std::chrono::sys_days())), std::chrono::sys_time<nanoseconds>>);
static_assert(std::is_same_v<decltype(ten.floor(1h)), nanoseconds>);
static_assert(noexcept(ten.ceil(std::declval<steady_clock::time_point>())) &&
              noexcept(grid::make(std::declval<nanoseconds>(), std::declval<nanoseconds>())));

int128 clamped(int128 n, int128 least, int128 most) { return n < least ? least : n > most ? most : n; }

/// The answers of one grid of integers at `t`, where `lower` is the last point at or before it.
template <class Int> bool right_at(const grid_arithmetic<Int>& g, Int t, int128 lower, int128 period) {
  constexpr int128 least = std::numeric_limits<Int>::min(), most = std::numeric_limits<Int>::max();
  const int128 upper = lower + period;
  return g.floor(t) == clamped(lower, least, most) && g.ceil(t) == clamped(lower == t ? lower : upper, least, most) &&
         g.next(t) == clamped(upper, least, most) &&
         g.nearest(t) == clamped(t - lower < upper - t ? lower : upper, least, most);
}

/// All times of one grid, walked in a wide integer. Returns the first time with a wrong answer, or 1 + the last of all.
template <class Int> long first_wrong(Int period, Int phase) {
  const grid_arithmetic<Int> g(period, phase);
  constexpr long least = std::numeric_limits<Int>::min(), most = std::numeric_limits<Int>::max();
  long lower = phase - (phase - least + period) / period * period; // a point at or before the least
  for (long t = least; t <= most; ++t) {
    if (t - lower >= period) lower += period;
    const long upper = lower + period, floor = lower < least ? least : lower, next = upper > most ? most : upper;
    const auto i = static_cast<Int>(t);
    if (g.floor(i) != floor || g.next(i) != next || g.ceil(i) != (lower == t ? t : next) ||
        g.nearest(i) != (t - lower < upper - t ? floor : next))
      return t;
  }
  return most + 1;
}

} // namespace

TEST_CASE("division by a constant: every number of sixteen bits by every divisor") {
  for (unsigned d = 1; d < 1U << 15; d += takt_test::stride) {
    const divisor<std::uint16_t> by(static_cast<std::uint16_t>(d));
    unsigned wrong = 0;
    for (unsigned n = 0, quotient = 0, rest = 0; n <= 1U << 15; ++n, ++rest) {
      if (rest == d) rest = 0, ++quotient;
      wrong += by.before(static_cast<std::uint16_t>(n + 1)) != quotient;
    }
    CAPTURE(d);
    REQUIRE(wrong == 0);
  }
}

TEST_CASE("division by a constant: numbers and divisors of all magnitudes") {
  takt_test::numbers random(31);
  constexpr std::uint64_t half = std::uint64_t{1} << 63;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t d = random.any() % half, n = random.any() % half;
    if (d == 0) continue;
    const divisor<std::uint64_t> by(d);
    CAPTURE(d);
    CAPTURE(n);
    REQUIRE(by.before(n + 1) == n / d);
    const std::uint64_t multiple = n / d * d; // where the quotient changes
    REQUIRE(by.before(multiple + 1) == n / d);
    REQUIRE(by.before(multiple + d) == n / d);
    REQUIRE(by.before(half + 1) == half / d);
    REQUIRE(by.before(half) == (half - 1) / d);
  }
  CHECK(divisor<std::uint64_t>().before(half) == 0);
}

TEST_CASE("every time, period and phase of eight bits") {
  for (int period = 1; period <= 127; ++period)
    for (int phase = -128; phase <= 127; ++phase) {
      const long wrong = first_wrong(static_cast<std::int8_t>(period), static_cast<std::int8_t>(phase));
      CAPTURE(period);
      CAPTURE(phase);
      REQUIRE(wrong == 128);
    }
}

TEST_CASE("every time and period of sixteen bits") {
  takt_test::numbers random(32);
  for (int period = 1; period <= 32'767; period += takt_test::stride) {
    const auto phase = random.any_signed<std::int16_t>();
    const long wrong = first_wrong(static_cast<std::int16_t>(period), phase);
    CAPTURE(period);
    CAPTURE(phase);
    REQUIRE(wrong == 32'768);
  }
}

TEST_CASE("times, periods and phases of all magnitudes") {
  takt_test::numbers random(33);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max(), least = -most - 1;
  for (int i = 0; i < 200'000; ++i) {
    const auto period = static_cast<std::int64_t>(random.any() >> 1);
    if (period == 0) continue;
    const auto phase = random.any_signed();
    const grid_arithmetic<std::int64_t> g(period, phase);
    INFO("period " << period << ", phase " << phase);
    REQUIRE(g.period() == period);
    REQUIRE(g.phase() >= 0);
    REQUIRE(g.phase() < period);
    REQUIRE((int128{phase} - g.phase()) % period == 0);
    const auto check = [&](std::int64_t t) {
      const int128 since = ((int128{t} - phase) % period + period) % period;
      CAPTURE(t);
      REQUIRE(right_at(g, t, t - since, period));
    };
    const auto t = random.any_signed();
    check(t);
    // at and beside points, half-way points, the phase, zero and both ends; modulo 2^64, so that each is a time
    const auto half_way = static_cast<std::uint64_t>(g.floor(t)) + static_cast<std::uint64_t>((period - 1) / 2);
    for (std::int64_t edge : {g.floor(t), static_cast<std::int64_t>(half_way), g.next(t), g.floor(most), g.ceil(least),
                              g.phase(), std::int64_t{0}, most, least})
      for (std::uint64_t step = 0; step < 3; ++step)
        check(static_cast<std::int64_t>(static_cast<std::uint64_t>(edge) + step - 1));
  }
}

TEST_CASE("at the ends of time") {
  const auto first = nanoseconds::min(), last = nanoseconds::max(); // -9'223'372'036'854'775'808 ns
  const grid g(1s);
  CHECK(g.ceil(last) == last);
  CHECK(g.next(last) == last);
  CHECK(g.nearest(last) == last); // ...,854775807 is nearer to the second after
  CHECK(g.floor(last) == 9'223'372'036s);
  CHECK(g.next(9'223'372'035s) == 9'223'372'036s);
  CHECK(g.next(9'223'372'036s) == last);
  CHECK(g.floor(first) == first);
  CHECK(g.nearest(first) == first);
  CHECK(g.ceil(first) == -9'223'372'036s);
  CHECK(grid(1ns).ceil(last) == last);
  CHECK(grid(1ns).next(last - 1ns) == last);
  CHECK(grid(1ns).floor(first) == first);
  CHECK(grid(last).ceil(1ns) == last);
  CHECK(grid(last).floor(-1ns) == -last);
  CHECK(grid(last).floor(first) == first);
  CHECK(grid(last, first).phase() == last - 1ns);
  CHECK(grid(last, last).phase() == 0ns);
}

TEST_CASE("coarse units: what is beyond 64 bits of nanoseconds counts as the end it passed") {
  using std::chrono::hours;
  const grid g(1s);
  CHECK(g.ceil(hours::max()) == nanoseconds::max());
  CHECK(g.floor(hours::max()) == 9'223'372'036s);
  CHECK(g.floor(hours::min()) == nanoseconds::min());
  CHECK(g.ceil(hours::min()) == -9'223'372'036s);
  CHECK(g.next(std::chrono::sys_days::max()).time_since_epoch() == nanoseconds::max());
  CHECK(grid(hours::max()).period() == nanoseconds::max());
  CHECK(grid(1h, hours::max()).phase() == grid(1h, nanoseconds::max()).phase());
  CHECK(g.floor(duration<std::uint64_t, std::nano>::max()) == 9'223'372'036s);
}

TEST_CASE("time points of any clock") {
  const grid g(250ms, 100ms);
  CHECK(g.ceil(steady_clock::time_point(101ms)).time_since_epoch() == 350ms);
  CHECK(g.floor(system_clock::time_point(99ms)).time_since_epoch() == -150ms);
  CHECK(g.nearest(std::chrono::sys_seconds(1s)).time_since_epoch() == 1'100ms);
  CHECK(g.next(std::chrono::time_point<steady_clock, std::chrono::milliseconds>(350ms)).time_since_epoch() == 600ms);
  CHECK(g.period() == 250ms);
  CHECK(g.phase() == 100ms);
}

TEST_CASE("grids with the same points are equal") {
  CHECK(grid(10ms, 3ms) == grid(10ms, 13ms));
  CHECK(grid(10ms, -7ms) == grid(10'000us, 3'000'000ns));
  CHECK(grid(10ms) != grid(10ms, 1ns));
  CHECK(grid(10ms) != grid(20ms));
}

TEST_CASE("a grid needs a positive period") {
  CHECK(!grid::make(0ns));
  CHECK(!grid::make(-1h));
  CHECK(!grid::make(nanoseconds::min(), nanoseconds::min()));
  CHECK(!grid::make(duration<std::uint64_t>(0)));
  CHECK(grid::make(1ns)->period() == 1ns);
  CHECK(grid::make(std::chrono::hours::max(), -1ns)->phase() == nanoseconds::max() - 1ns);
#if TAKT_EXCEPTIONS
  const auto period_of = [](auto period) { return grid(period, 1ms).period(); };
  CHECK_THROWS_AS(period_of(0s), std::system_error);
  CHECK_THROWS_AS(period_of(std::chrono::hours::min()), std::system_error);
  CHECK(period_of(1ns) == 1ns);
  try {
    period_of(-1ns);
    FAIL("did not throw");
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::invalid_argument);
    CHECK(std::string(e.what()).find("period must be positive") != std::string::npos);
  }
#endif
}
