// Protects: that a fixed_point is the nearest ratio of its form, that applying it is exact up to max_input() and not
// one further, and that nothing overflows on the way.
#include <doctest/doctest.h>
#include <takt/core/fixed_point.hpp>
#include "support/numbers.hpp"
#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>

using takt::detail::fixed_point;
using u128 = takt::detail::uint128;

namespace {

constexpr std::uint64_t full = ~std::uint64_t{0};

static_assert(sizeof(fixed_point) == 16);
static_assert(std::is_trivially_copyable_v<fixed_point>);
static_assert(fixed_point() == fixed_point(0, 0));
static_assert(fixed_point::from_ratio(10, 4)(5) == 12);
static_assert(fixed_point::from_ratio(4, 10)(5) == 1); // 0.4 was rounded down: within one of the true 2, as claimed

/// x * multiplier / 2^shift by schoolbook multiplication in halves: the low and the high 64 bits of the floor.
std::array<std::uint64_t, 2> model(std::uint64_t x, std::uint64_t multiplier, unsigned shift) {
  const std::uint64_t half = 0xffff'ffff;
  std::uint64_t limb[4] = {};
  for (int i = 0; i < 2; ++i) {
    std::uint64_t carry = 0;
    for (int j = 0; j < 2; ++j) {
      const std::uint64_t a = i == 0 ? x & half : x >> 32, b = j == 0 ? multiplier & half : multiplier >> 32;
      const std::uint64_t sum = limb[i + j] + a * b + carry; // at most (2^32 - 1) * (2^32 + 1): fits
      limb[i + j] = sum & half;
      carry = sum >> 32;
    }
    limb[i + 2] += carry;
  }
  std::uint64_t low = limb[0] | limb[1] << 32, high = limb[2] | limb[3] << 32;
  for (; shift > 0; --shift) low = low >> 1 | high << 63, high >>= 1;
  return {low, high};
}

void check_application(const fixed_point& f, std::uint64_t x) {
  const auto [low, high] = model(x, f.multiplier(), f.shift());
  INFO(f.multiplier() << " / 2^" << f.shift() << " of " << x);
  REQUIRE(f(x) == low);
  REQUIRE(f.saturating(x) == (high == 0 ? low : full));
  REQUIRE((x <= f.max_input()) == (high == 0));
}

/// That `f` is numerator / denominator rounded to nearest, with the largest shift that leaves room.
void check_ratio(std::uint64_t numerator, std::uint64_t denominator) {
  const auto f = fixed_point::from_ratio(numerator, denominator);
  INFO(numerator << " / " << denominator << " = " << f.multiplier() << " / 2^" << f.shift());
  REQUIRE(f.shift() <= 63);
  const u128 exact = u128{numerator} << f.shift(), got = u128{f.multiplier()} * denominator;
  const u128 error = exact > got ? exact - got : got - exact; // in units of 1 / (denominator * 2^shift)
  REQUIRE(error * 2 <= denominator);
  if (error * 2 == denominator) REQUIRE(got > exact); // a tie goes up
  if (f.shift() < 63) REQUIRE(((u128{numerator} << (f.shift() + 1)) * 2 + denominator) / 2 / denominator > full);
  if (numerator >= denominator) REQUIRE(f.multiplier() >= std::uint64_t{1} << 63); // relative error at most 2^-64
}

} // namespace

TEST_CASE("every small ratio is the nearest of its form") {
  for (std::uint64_t d = 1; d <= 300; ++d)
    for (std::uint64_t n = 0; n <= 300; ++n) check_ratio(n, d);
}

TEST_CASE("ratios of all magnitudes are the nearest of their form") {
  takt_test::numbers random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t n = random.any(), d = random.any();
    if (d != 0) check_ratio(n, d);
  }
}

TEST_CASE("ratios at the edges") {
  CHECK(fixed_point::from_ratio(0, 1) == fixed_point(0, 63));
  CHECK(fixed_point::from_ratio(1, 1) == fixed_point(std::uint64_t{1} << 63, 63));
  CHECK(fixed_point::from_ratio(full, 1) == fixed_point(full, 0));
  CHECK(fixed_point::from_ratio(full, full) == fixed_point(std::uint64_t{1} << 63, 63));
  CHECK(fixed_point::from_ratio(1, full) == fixed_point(1, 63)); // 0.5 + 2^-65 rounds up
  CHECK(fixed_point::from_ratio(1, 0) == fixed_point(full, 0));
  CHECK(fixed_point::from_ratio(0, 0) == fixed_point(full, 0));
  // Just below two: rounding at shift 63 would reach 2^64, so the shift gives way.
  CHECK(fixed_point::from_ratio(full, std::uint64_t{1} << 63) == fixed_point(full, 63));
  CHECK(fixed_point::from_ratio(full - 1, (std::uint64_t{1} << 63) - 1) == fixed_point(std::uint64_t{1} << 63, 62));
}

TEST_CASE("a double is taken exactly where the multiplier can hold it, to nearest elsewhere") {
  const auto check = [](double ratio) {
    const auto f = fixed_point::from_double(ratio);
    INFO(ratio << " = " << f.multiplier() << " / 2^" << f.shift());
    REQUIRE(f.shift() <= 63);
    const double exact = std::ldexp(ratio, static_cast<int>(f.shift())); // a power of two: no rounding
    if (exact < 0x1p52) {
      // below 2^52 a double still has its halves, and the difference is exact
      const double error = static_cast<double>(f.multiplier()) - exact;
      REQUIRE(error > -0.5);
      REQUIRE(error <= 0.5); // a tie goes up
    } else {
      REQUIRE(f.multiplier() % 0x800 * (exact >= 0x1p63) == 0);
      REQUIRE(std::abs(static_cast<double>(f.multiplier()) - exact) <= 0.5);
    }
    if (f.shift() < 63) REQUIRE(f.multiplier() >= std::uint64_t{1} << 63);
  };
  takt_test::numbers random(2);
  for (int i = 0; i < 100'000; ++i) {
    const auto mantissa = static_cast<double>(random.any() >> 11);
    const double ratio = std::ldexp(mantissa, static_cast<int>(random.below(160)) - 130);
    if (ratio > 0 && ratio < 0x1p64) check(ratio);
  }
  for (double ratio : {1.0, 0.5, 2.0, 1e-9, 1e9, 0.4, std::nextafter(1.0, 0.0), std::nextafter(0x1p64, 0.0), 0x1p63,
                       0x1p-63, 0x1p-64, 0x1.8p-64, 0x1.8p-63, std::nextafter(0x1p-64, 0.0), 0x1p-65, 0x1p-66, 0x1p-127,
                       0x1p-128, 0x1p-1022, std::numeric_limits<double>::denorm_min()})
    check(ratio);
  CHECK(fixed_point::from_double(0x1p-64) == fixed_point(1, 63)); // half of the least step: a tie
  CHECK(fixed_point::from_double(std::nextafter(0x1p-64, 0.0)) == fixed_point(0, 63));
  CHECK(fixed_point::from_double(0.4) == fixed_point(std::uint64_t{0x1999999999999a} << 11 >> 2, 63));
}

TEST_CASE("what is no positive double below 2^64") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  for (double none : {0.0, -0.0, -1.0, -1e300, -inf, nan, -nan}) CHECK(fixed_point::from_double(none) == fixed_point());
  for (double huge : {0x1p64, 1e300, inf}) CHECK(fixed_point::from_double(huge) == fixed_point(full, 0));
}

TEST_CASE("every small application is exact") {
  for (std::uint64_t multiplier = 0; multiplier < 64; ++multiplier)
    for (unsigned shift = 0; shift < 8; ++shift)
      for (std::uint64_t x = 0; x < 256; ++x) {
        const fixed_point f(multiplier, shift);
        REQUIRE(f(x) == multiplier * x / (std::uint64_t{1} << shift));
        check_application(f, x);
      }
}

TEST_CASE("applications of all magnitudes are exact, and max_input is the last that fits") {
  takt_test::numbers random(3);
  for (int i = 0; i < 100'000; ++i) {
    const fixed_point f{random.any(), static_cast<unsigned>(random.below(64))}; // braces: evaluated in this order
    check_application(f, random.any());
    check_application(f, full);
    check_application(f, f.max_input());
    if (f.max_input() != full) check_application(f, f.max_input() + 1);
  }
}

TEST_CASE("a ratio of at most one takes every input") {
  CHECK(fixed_point().max_input() == full);
  CHECK(fixed_point(full, 0).max_input() == 1);
  takt_test::numbers random(4);
  for (int i = 0; i < 10'000; ++i) {
    std::uint64_t n = random.any(), d = random.any();
    if (n > d) std::swap(n, d);
    if (d == 0) continue;
    const auto f = fixed_point::from_ratio(n, d);
    REQUIRE(f.shift() == 63);
    REQUIRE(f.max_input() == full);
  }
}

TEST_CASE("with a shift of 63 the result is within one of the floor of the true product") {
  takt_test::numbers random(5);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t n = random.any() >> random.below(20), d = random.any(), x = random.any();
    if (d == 0) continue;
    const auto f = fixed_point::from_ratio(n, d);
    if (f.shift() != 63 || x > f.max_input()) continue;
    const u128 truth = u128{x} * n / d;
    INFO(n << " / " << d << " of " << x);
    REQUIRE(f(x) + u128{1} >= truth);
    REQUIRE(f(x) <= truth + 1);
  }
}
