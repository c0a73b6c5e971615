// Protects: that ticks stay a type of their own with arithmetic modulo 2^64, and that a tick_rate converts either way
// within its stated error, stops at the ends and never makes a rate out of nonsense.
#include <doctest/doctest.h>
#include <takt/core/ticks.hpp>
#include "support/numbers.hpp"
#include <chrono>
#include <cmath>
#include <concepts>
#include <limits>
#include <type_traits>

using std::chrono::duration;
using std::chrono::nanoseconds;
using takt::frequency;
using takt::tick_rate;
using takt::ticks;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t full = ~std::uint64_t{0};
constexpr tick_rate rate(double hertz) { return tick_rate(frequency(hertz)); }

template <class T>
concept is_value = std::regular<T> && std::is_trivially_copyable_v<T> && sizeof(T) == 8;
static_assert(is_value<ticks> && is_value<frequency> && is_value<tick_rate>);
static_assert(!std::convertible_to<std::uint64_t, ticks> && !std::convertible_to<ticks, std::uint64_t>);
static_assert(!std::convertible_to<double, frequency> && !std::convertible_to<double, tick_rate>);
template <class A, class B>
concept addable = requires(A a, B b) { a + b; };
static_assert(addable<ticks, ticks> && !addable<ticks, nanoseconds> && !addable<ticks, std::uint64_t>);

static_assert(rate(2.5e9).to<nanoseconds>(ticks(5'000'000'000)) == 2s);
static_assert(rate(2e9).to<nanoseconds>(ticks(5)) == 2ns);
static_assert(rate(2.5e9).from(2s) == ticks(5'000'000'000));
static_assert(rate(2.5e9).to<duration<double>>(ticks(5'000'000'000)) == 2s);

} // namespace

TEST_CASE("arithmetic is modulo 2^64") {
  const ticks before(full - 2), after(3);
  CHECK(ticks() == ticks(0));
  CHECK((after - before).count() == 6);
  CHECK((before - after).signed_count() == -6);
  CHECK(before + ticks(6) == after);
  ticks t(10);
  CHECK(&(t += ticks(5)) == &t);
  CHECK(t == ticks(15));
  CHECK(&(t -= ticks(16)) == &t);
  CHECK(t == ticks(full));
  CHECK(t.signed_count() == -1);
}

TEST_CASE("the order of ticks is that of their counts, as unsigned numbers") {
  CHECK(ticks(1) < ticks(2));
  CHECK(ticks(1) < ticks(full));
  CHECK(ticks(7) <= ticks(7));
  CHECK(ticks(8) != ticks(7));
}

TEST_CASE("a rate is a positive finite number of hertz or unknown") {
  using limits = std::numeric_limits<double>;
  for (double hertz : {1.0, 24e6, 2.6e9, limits::max(), limits::min(), limits::denorm_min()}) {
    CHECK(rate(hertz).known());
    CHECK(rate(hertz).hertz() == hertz);
    CHECK(rate(hertz).frequency() == frequency(hertz));
  }
  CHECK(tick_rate().hertz() == 0);
  for (double hertz : {0.0, -0.0, -1.0, limits::infinity(), -limits::infinity(), limits::quiet_NaN()}) {
    CHECK(!rate(hertz).known());
    CHECK(rate(hertz).hertz() == 0);
    CHECK(rate(hertz) == tick_rate());
    CHECK(rate(hertz).to<nanoseconds>(ticks(full)) == 0ns);
    CHECK(rate(hertz).to<duration<double>>(ticks(full)).count() == 0);
    CHECK(rate(hertz).from(1s) == ticks());
  }
}

TEST_CASE("ticks to time: within 2^-51 of the truth and one unit") {
  takt_test::numbers random(21);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t hertz = 1 + (random.any() >> 20), t = random.any();
    const auto truth = static_cast<takt::detail::uint128>(t) * 1'000'000'000 / hertz;
    const auto got = rate(static_cast<double>(hertz)).to<duration<std::uint64_t, std::nano>>(ticks(t)).count();
    INFO(t << " ticks at " << hertz << " Hz");
    if (truth >> 51 > full >> 51) REQUIRE(got == full);
    else if (got == full) REQUIRE(truth + (truth >> 51) + 1 >= full);
    else REQUIRE((got > truth ? got - truth : truth - got) <= (truth >> 51) + 1);
  }
}

TEST_CASE("time to ticks: within 2^-51 of the truth and one tick") {
  takt_test::numbers random(22);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t hertz = 1 + (random.any() >> 20), ns = random.any() >> 1;
    const auto truth = static_cast<takt::detail::uint128>(ns) * hertz / 1'000'000'000;
    const std::uint64_t got = rate(static_cast<double>(hertz)).from(nanoseconds(static_cast<std::int64_t>(ns))).count();
    INFO(ns << " ns at " << hertz << " Hz");
    if (truth >> 51 > full >> 51) REQUIRE(got == full);
    else if (got == full) REQUIRE(truth + (truth >> 51) + 1 >= full);
    else REQUIRE((got > truth ? got - truth : truth - got) <= (truth >> 51) + 1);
  }
}

TEST_CASE("a rate that a double holds with its inverse converts exactly, however many bits the count has") {
  takt_test::numbers random(23);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t n = random.any() >> 1;
    REQUIRE(rate(1e9).from(nanoseconds(static_cast<std::int64_t>(n))) == ticks(n));
    REQUIRE(rate(1e9).to<nanoseconds>(ticks(n)).count() == static_cast<std::int64_t>(n));
    REQUIRE(rate(0x1p32).to<duration<std::uint64_t>>(ticks(n)).count() == n >> 32);
  }
}

TEST_CASE("conversions stop at the ends") {
  CHECK(rate(1).to<nanoseconds>(ticks(full)) == nanoseconds::max());
  CHECK(rate(1e9).to<nanoseconds>(ticks(full)) == nanoseconds::max());
  CHECK(rate(1e9).to<nanoseconds>(ticks(full >> 1)) == nanoseconds::max());
  CHECK(rate(1e-300).to<nanoseconds>(ticks(1)) == nanoseconds::max());
  CHECK(rate(1e-300).to<nanoseconds>(ticks(0)) == 0ns);
  CHECK(rate(1e300).to<nanoseconds>(ticks(full)) == 0ns);
  CHECK(rate(1).to<duration<std::int8_t>>(ticks(127)).count() == 127);
  CHECK(rate(1).to<duration<std::int8_t>>(ticks(128)).count() == 127);
  CHECK(rate(1e9).from(-1ns) == ticks());
  CHECK(rate(1e9).from(nanoseconds::min()) == ticks());
  CHECK(rate(1e9).from(0ns) == ticks());
  CHECK(rate(1e9).from(std::chrono::hours::max()) == ticks(full));
  CHECK(rate(1e300).from(1ns) == ticks(full));
  CHECK(rate(1e-300).from(nanoseconds::max()) == ticks());
}

TEST_CASE("units other than nanoseconds") {
  CHECK(rate(2e9).to<std::chrono::hours>(ticks(7'199'000'000'000)) == 0h); // less than one unit off
  CHECK(rate(1).to<std::chrono::minutes>(ticks(120)) >= 1min); // 1 / 60 rounded down may show 1
  CHECK(rate(1).to<std::chrono::minutes>(ticks(121)) == 2min);
  CHECK(rate(3).from(2h) == ticks(21'600));
  CHECK(rate(4).from(250ms) == ticks(1));
  CHECK(rate(4).from(249ms) == ticks(0));
}

TEST_CASE("a reading is a moment, the distance of two readings is a span") {
  using takt::tick_point;
  constexpr tick_point a(1000), b(1600);
  static_assert(b - a == ticks(600) && (a - b).signed_count() == -600);
  static_assert(a + ticks(600) == b && ticks(600) + a == b && b - ticks(600) == a);
  static_assert(tick_point(2) - tick_point(~std::uint64_t{0} - 2) == ticks(5)); // past the counter's end
  static_assert(tick_point(~std::uint64_t{0}) + ticks(3) == tick_point(2));
  static_assert(a < b && a != b && tick_point().count() == 0);
  static_assert(!std::is_convertible_v<tick_point, ticks> && !std::is_convertible_v<ticks, tick_point>);
  static_assert(!std::is_convertible_v<std::uint64_t, tick_point> && sizeof(tick_point) == 8);
  tick_point moving = a;
  moving += ticks(5);
  moving -= ticks(2);
  CHECK(moving.count() == 1003);
}

TEST_CASE("floating-point durations") {
  using limits = std::numeric_limits<double>;
  CHECK(rate(3e9).to<duration<double>>(ticks(3'000'000'000)).count() == 1.0);
  CHECK(rate(3e9).to<duration<double, std::milli>>(ticks(1'500'000)).count() == 0.5);
  CHECK(rate(4).to<duration<float, std::ratio<60>>>(ticks(120)).count() == 0.5F);
  CHECK(rate(limits::denorm_min()).to<duration<double, std::nano>>(ticks(0)).count() == 0); // not 0 * infinity
  CHECK(rate(1e9).from(duration<double>(0.5)) == ticks(500'000'000));
  CHECK(rate(1e9).from(duration<float>(-0.5F)) == ticks());
  CHECK(rate(1e9).from(duration<double>(limits::quiet_NaN())) == ticks());
  CHECK(rate(1e9).from(duration<double>(limits::infinity())) == ticks(full));
  CHECK(rate(1).from(duration<double>(0x1p64)) == ticks(full));
  CHECK(rate(1).from(duration<double>(std::nextafter(0x1p64, 0))) == ticks(full - 0x7ff));
}
