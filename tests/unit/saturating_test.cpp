// Protects: that saturating_cast is the floor of the exact quotient, or the end of the range it left, for every kind of
// representation and period; and that sums and differences stop at the ends.
#include <doctest/doctest.h>
#include <takt/core/saturating.hpp>
#include "support/numbers.hpp"
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ratio>
#include <utility>

using std::chrono::duration;
using takt::detail::integral_duration;
using takt::detail::saturating_add;
using takt::detail::saturating_cast;
using takt::detail::saturating_subtract;
using namespace std::chrono_literals;

namespace {

using years = std::ratio<31'556'952>;
using hours = std::ratio<3600>;
using ntsc_frame = std::ratio<1001, 30'000>;
using longest = std::ratio<std::numeric_limits<std::intmax_t>::max()>;

static_assert(integral_duration<std::chrono::hours> && integral_duration<duration<std::uint8_t>>);
static_assert(!integral_duration<duration<double>> && !integral_duration<duration<takt::detail::int128>>);
static_assert(noexcept(saturating_cast<std::chrono::seconds>(std::declval<std::chrono::hours>())));
static_assert(saturating_cast<std::chrono::nanoseconds>(std::chrono::hours::max()) == std::chrono::nanoseconds::max());
static_assert(saturating_cast<std::chrono::seconds>(-1ns) == -1s);
static_assert(saturating_cast<std::chrono::seconds>(duration<double>(-0.5)) == -1s);

/// An unsigned number of 256 bits that knows products, sums and order.
struct wide {
  std::array<std::uint64_t, 4> limbs{}; // most significant first

  wide(std::uint64_t n) : limbs{0, 0, 0, n} {} // NOLINT: implicit on purpose
  friend wide operator*(wide a, std::uint64_t b) {
    std::uint64_t carry = 0;
    for (int i = 3; i >= 0; --i) {
      auto& limb = a.limbs[static_cast<std::size_t>(i)];
      const takt::detail::uint128 sum = static_cast<takt::detail::uint128>(limb) * b + carry;
      limb = static_cast<std::uint64_t>(sum);
      carry = static_cast<std::uint64_t>(sum >> 64);
    }
    return a;
  }
  friend wide operator+(wide a, const wide& b) {
    bool carry = false;
    for (int i = 3; i >= 0; --i) {
      auto& limb = a.limbs[static_cast<std::size_t>(i)];
      const std::uint64_t before = limb;
      limb += b.limbs[static_cast<std::size_t>(i)] + carry;
      carry = carry ? limb <= before : limb < before;
    }
    return a;
  }
  friend auto operator<=>(const wide&, const wide&) = default;
};

/// Sign and magnitude, so that one function serves every representation.
struct number {
  bool negative;
  std::uint64_t magnitude;

  template <class Int> static number of(Int n) {
    const auto bits = static_cast<std::uint64_t>(n);
    return {n < Int{}, n < Int{} ? 0 - bits : bits};
  }
};
struct period {
  std::intmax_t num, den;
};

/// Compares with the definition: floor(x), where x = count * from / to, is the q with q <= x < q + 1.
void check_floor(number count, period from, number q, bool q_is_least, bool q_is_most, period to) {
  const auto product = [](std::uint64_t n, std::intmax_t a, std::intmax_t b) {
    return wide(n) * static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b);
  };
  const wide x = product(count.magnitude, from.num, to.den);
  const wide at = product(q.magnitude, from.den, to.num), one = product(1, from.den, to.num);
  INFO((count.negative ? "-" : "") << count.magnitude << " of " << from.num << "/" << from.den << " is "
                                   << (q.negative ? "-" : "") << q.magnitude << " of " << to.num << "/" << to.den);
  if (count.negative) {
    REQUIRE((q.negative || q_is_least));
    if (!q_is_least) REQUIRE(x <= at);
    if (q.negative) REQUIRE(at < x + one);
  } else {
    REQUIRE(!q.negative);
    REQUIRE(at <= x);
    if (!q_is_most) REQUIRE(x < at + one);
  }
}

template <class To, class From> void check_cast(typename From::rep count) {
  const To q = saturating_cast<To>(From(count));
  check_floor(number::of(count), {From::period::num, From::period::den}, number::of(q.count()), q == To::min(),
              q == To::max(), {To::period::num, To::period::den});
}

template <class To, class From> void check_casts() {
  using rep = typename From::rep;
  using limits = std::numeric_limits<rep>;
  if constexpr (sizeof(rep) <= 2) {
    for (rep n = limits::min(); check_cast<To, From>(n), n != limits::max();) n = static_cast<rep>(n + 1);
  } else {
    takt_test::numbers random(7);
    for (int i = 0; i < 300; ++i) check_cast<To, From>(random.any_signed<rep>());
    for (rep n : {rep(0), rep(1), limits::min(), rep(limits::min() + 1), limits::max(), rep(limits::max() - 1)})
      check_cast<To, From>(n);
    // Around the counts that just fit, and around whole units of To.
    for (To to : {To::min(), To(1), To::max()}) {
      const auto edge = static_cast<std::uint64_t>(saturating_cast<From>(to).count());
      for (std::uint64_t step = 0; step < 5; ++step) check_cast<To, From>(static_cast<rep>(edge + step - 2));
    }
  }
}

template <class To, class... Periods> void check_from_all() {
  (check_casts<To, duration<std::int64_t, Periods>>(), ...);
  (check_casts<To, duration<std::uint64_t, Periods>>(), ...);
  (check_casts<To, duration<std::int8_t, Periods>>(), ...);
}
template <class... Periods> struct periods {
  template <class Rep> static void check_all() { (check_from_all<duration<Rep, Periods>, Periods...>(), ...); }
};
using all_periods = periods<std::atto, std::nano, std::milli, std::ratio<1>, hours, years, ntsc_frame>;

} // namespace

TEST_CASE("every pair of periods: to int64_t") { all_periods::check_all<std::int64_t>(); }
TEST_CASE("every pair of periods: to uint64_t") { all_periods::check_all<std::uint64_t>(); }
TEST_CASE("every pair of periods: to int16_t") { all_periods::check_all<std::int16_t>(); }

TEST_CASE("every count of sixteen bits") {
  check_casts<duration<std::int8_t>, duration<std::int16_t>>();
  check_casts<duration<std::uint8_t>, duration<std::int16_t>>();
  check_casts<duration<std::int16_t>, duration<std::uint16_t>>();
  check_casts<duration<std::uint16_t, std::ratio<3, 7>>, duration<std::int16_t, std::ratio<5, 11>>>();
  check_casts<duration<std::int16_t, std::ratio<7>>, duration<std::int16_t, std::ratio<3>>>();
  check_casts<duration<std::int8_t, std::ratio<3>>, duration<std::int16_t, std::ratio<7>>>();
}

TEST_CASE("ratios that no std::ratio can hold") {
  check_casts<duration<std::int64_t, std::atto>, duration<std::int64_t, longest>>();
  check_casts<duration<std::int64_t, longest>, duration<std::int64_t, std::atto>>();
  check_casts<duration<std::uint64_t, std::atto>, duration<std::int64_t, std::ratio<10>>>(); // between 2^63 and 2^64
  check_casts<duration<std::uint64_t, std::atto>, duration<std::int64_t, std::ratio<55, 3>>>();
  using shortest = std::ratio<1, longest::num>;
  check_casts<duration<std::int64_t, shortest>, duration<std::uint64_t, std::ratio<3, longest::num - 1>>>();
}

TEST_CASE("a floating-point count is rounded down") {
  using ns = std::chrono::nanoseconds;
  const auto cast = [](double seconds) { return saturating_cast<ns>(duration<double>(seconds)); };
  CHECK(cast(0.0) == 0ns);
  CHECK(cast(-0.0) == 0ns);
  CHECK(cast(1.5) == 1'500'000'000ns);
  CHECK(cast(0x1p-30) == 0ns);
  CHECK(cast(-0x1p-30) == -1ns);
  CHECK(cast(-1.0) == -1s);
  CHECK(cast(1e-300) == 0ns);
  CHECK(cast(-1e-300) == -1ns);
  CHECK(saturating_cast<ns>(duration<float, std::micro>(0.25F)) == 250ns);
  CHECK(saturating_cast<ns>(duration<float, std::nano>(-0.25F)) == -1ns);
  CHECK(saturating_cast<ns>(duration<long double, std::nano>(-7.5L)) == -8ns);
  CHECK(saturating_cast<std::chrono::hours>(duration<double>(7199.999)) == 1h);
  CHECK(saturating_cast<std::chrono::hours>(duration<double>(-0.001)) == -1h);
  using attoseconds = duration<std::int64_t, std::atto>;
  CHECK(saturating_cast<attoseconds>(duration<double, hours>(0x1p-20)).count() == 3'433'227'539'062'500);
  takt_test::numbers random(8);
  for (int i = 0; i < 100'000; ++i) { // same unit: a double's own floor, with nothing to scale
    const int exponent = static_cast<int>(random.below(70)) - 60;
    const double x = std::ldexp(static_cast<double>(random.any_signed() >> 11), exponent);
    if (x < -0x1p63 || x >= 0x1p63) continue;
    REQUIRE(saturating_cast<ns>(duration<double, std::nano>(x)).count() == static_cast<std::int64_t>(std::floor(x)));
  }
}

TEST_CASE("a floating-point count beyond the range, and no number at all") {
  using ns = std::chrono::nanoseconds;
  using limits = std::numeric_limits<double>;
  const auto cast = [](auto x) { return saturating_cast<ns>(duration<decltype(x), std::nano>(x)); };
  CHECK(cast(limits::quiet_NaN()) == 0ns);
  CHECK(cast(-limits::quiet_NaN()) == 0ns);
  CHECK(cast(std::numeric_limits<float>::quiet_NaN()) == 0ns);
  CHECK(cast(limits::infinity()) == ns::max());
  CHECK(cast(-limits::infinity()) == ns::min());
  CHECK(cast(limits::max()) == ns::max());
  CHECK(cast(limits::lowest()) == ns::min());
  CHECK(cast(0x1p63) == ns::max());
  CHECK(cast(-0x1p63) == ns::min());
  CHECK(cast(std::nextafter(0x1p63, 0)) == ns(std::int64_t{0x7fff'ffff'ffff'fc00}));
  CHECK(cast(std::nextafter(-0x1p63, 0)) == ns(-std::int64_t{0x7fff'ffff'ffff'fc00}));
  CHECK(cast(std::nextafter(-0x1p63, -1e300)) == ns::min());
  using u64 = duration<std::uint64_t, std::nano>;
  CHECK(saturating_cast<u64>(duration<double, std::nano>(-0.5)) == u64::zero());
  CHECK(saturating_cast<u64>(duration<double, std::nano>(0x1p64)) == u64::max());
  CHECK(saturating_cast<u64>(duration<double, std::nano>(0x1p63)).count() == std::uint64_t{1} << 63);
  using i8 = duration<std::int8_t>;
  CHECK(saturating_cast<i8>(duration<double>(126.9)).count() == 126);
  CHECK(saturating_cast<i8>(duration<double>(127.9)).count() == 127);
  CHECK(saturating_cast<i8>(duration<double>(128.0)).count() == 127);
  CHECK(saturating_cast<i8>(duration<double>(-127.1)).count() == -128);
  CHECK(saturating_cast<i8>(duration<double>(-128.5)).count() == -128);
}

TEST_CASE("every sum and difference of eight bits") {
  const auto clamp = [](int n, int low, int high) { return n < low ? low : n > high ? high : n; };
  for (int a = -128; a < 256; ++a)
    for (int b = -128; b < 256; ++b) {
      CAPTURE(a);
      CAPTURE(b);
      if (a < 128 && b < 128) {
        using d = duration<std::int8_t>;
        const d x(static_cast<std::int8_t>(a)), y(static_cast<std::int8_t>(b));
        REQUIRE(saturating_add(x, y).count() == clamp(a + b, -128, 127));
        REQUIRE(saturating_subtract(x, y).count() == clamp(a - b, -128, 127));
      }
      if (a >= 0 && b >= 0) {
        using d = duration<std::uint8_t>;
        const d x(static_cast<std::uint8_t>(a)), y(static_cast<std::uint8_t>(b));
        REQUIRE(saturating_add(x, y).count() == clamp(a + b, 0, 255));
        REQUIRE(saturating_subtract(x, y).count() == clamp(a - b, 0, 255));
      }
    }
}

TEST_CASE("sums and differences at the ends of 64 bits") {
  using ns = std::chrono::nanoseconds;
  static_assert(saturating_add(ns::max(), 1ns) == ns::max());
  static_assert(saturating_add(ns::min(), -1ns) == ns::min());
  static_assert(saturating_subtract(ns::min(), 1ns) == ns::min());
  static_assert(saturating_subtract(0ns, ns::min()) == ns::max());
  CHECK(saturating_add(ns::max(), ns::min()) == -1ns);
  CHECK(saturating_add(ns::max() - 1ns, 1ns) == ns::max());
  CHECK(saturating_subtract(-1ns, ns::min()) == ns::max());
  CHECK(saturating_subtract(ns::max(), ns::max()) == 0ns);
  CHECK(saturating_subtract(ns::min(), ns::min()) == 0ns);
}
