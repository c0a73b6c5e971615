// Protects: that timespec and chrono agree to the nanosecond for every value, canonical or not, that what does not fit
// stops at the ends, and that the result of to_timespec is always one the kernel accepts.
#include <doctest/doctest.h>
#include <takt/core/timespec.hpp>
#include "support/numbers.hpp"
#include <cstdint>
#include <limits>
#include <ratio>
#include <utility>

using std::chrono::duration;
using std::chrono::nanoseconds;
using takt::detail::is_canonical;
using takt::to_nanoseconds;
using takt::to_timespec;
using namespace std::chrono_literals;

namespace {

constexpr time_t least = std::numeric_limits<time_t>::min(), most = std::numeric_limits<time_t>::max();
constexpr long last = 999'999'999;
using hours = std::ratio<3600>;
using years = std::ratio<31'556'952>;

constexpr bool same(timespec a, timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

static_assert(noexcept(to_timespec(std::declval<nanoseconds>())) && noexcept(to_nanoseconds(timespec{})));
static_assert(same(to_timespec(1'500ms), {1, 500'000'000}));
static_assert(same(to_timespec(-1ns), {-1, last}));
static_assert(same(to_timespec(duration<double>(-0.25)), {-1, 750'000'000}));
static_assert(to_nanoseconds({1, 1}) == 1'000'000'001ns);

/// count * num / den seconds lie in [ts, ts + 1 ns), compared in whole numbers.
template <class D> void check_floor(typename D::rep count) {
  using takt::detail::int128;
  const timespec ts = to_timespec(D(count));
  INFO(count << " of " << D::period::num << "/" << D::period::den << " is {" << ts.tv_sec << ", " << ts.tv_nsec << "}");
  REQUIRE(is_canonical(ts));
  const int128 product = static_cast<int128>(count) * D::period::num, den = D::period::den;
  const int128 rest = product - ts.tv_sec * den; // in units of 1 / den seconds
  if (same(ts, {most, last}) && rest >= den) return;
  if (same(ts, {least, 0}) && rest < 0) return;
  REQUIRE(rest >= 0);
  REQUIRE(rest < den);
  REQUIRE(rest * 1'000'000'000 / den == ts.tv_nsec);
}

template <class D> void check_floors() {
  using rep = typename D::rep;
  takt_test::numbers random(11);
  for (int i = 0; i < 20'000; ++i) check_floor<D>(random.any_signed<rep>());
  for (std::uint64_t step = 0; step < 5; ++step)
    for (rep edge : {rep(0), std::numeric_limits<rep>::min(), std::numeric_limits<rep>::max()})
      check_floor<D>(static_cast<rep>(static_cast<std::uint64_t>(edge) + step - 2));
}

} // namespace

TEST_CASE("is_canonical is about tv_nsec alone") {
  for (time_t s : {least, time_t{-1}, time_t{0}, most}) {
    CHECK(is_canonical({s, 0}));
    CHECK(is_canonical({s, last}));
    CHECK(!is_canonical({s, -1}));
    CHECK(!is_canonical({s, last + 1}));
    CHECK(!is_canonical({s, std::numeric_limits<long>::min()}));
    CHECK(!is_canonical({s, std::numeric_limits<long>::max()}));
  }
}

TEST_CASE("a timespec that is not canonical is added as it stands") {
  CHECK(to_nanoseconds({0, -1}) == -1ns);
  CHECK(to_nanoseconds({1, -1}) == 999'999'999ns);
  CHECK(to_nanoseconds({-1, 1'000'000'000}) == 0ns);
  CHECK(to_nanoseconds({-2, 5'000'000'001}) == 3'000'000'001ns);
  CHECK(to_nanoseconds({0, std::numeric_limits<long>::max()}) == nanoseconds::max());
  CHECK(to_nanoseconds({0, std::numeric_limits<long>::min()}) == nanoseconds::min());
}

TEST_CASE("the ends of 64 bits of nanoseconds") {
  CHECK(to_nanoseconds({9'223'372'036, 854'775'806}) == nanoseconds::max() - 1ns);
  CHECK(to_nanoseconds({9'223'372'036, 854'775'807}) == nanoseconds::max());
  CHECK(to_nanoseconds({9'223'372'036, 854'775'808}) == nanoseconds::max());
  CHECK(to_nanoseconds({9'223'372'037, -145'224'193}) == nanoseconds::max());
  CHECK(to_nanoseconds({9'223'372'037, -145'224'194}) == nanoseconds::max() - 1ns);
  CHECK(to_nanoseconds({-9'223'372'037, 145'224'192}) == nanoseconds::min());
  CHECK(to_nanoseconds({-9'223'372'037, 145'224'193}) == nanoseconds::min() + 1ns);
  CHECK(to_nanoseconds({-9'223'372'037, 145'224'191}) == nanoseconds::min());
  for (long n : {std::numeric_limits<long>::min(), -1L, 0L, std::numeric_limits<long>::max()}) {
    CHECK(to_nanoseconds({most, n}) == nanoseconds::max());
    CHECK(to_nanoseconds({least, n}) == nanoseconds::min());
  }
}

TEST_CASE("there and back for every nanosecond count") {
  takt_test::numbers random(10);
  for (int i = 0; i < 100'000; ++i) {
    const nanoseconds d(random.any_signed());
    REQUIRE(is_canonical(to_timespec(d)));
    REQUIRE(to_nanoseconds(to_timespec(d)) == d);
  }
  for (nanoseconds d : {nanoseconds::min(), nanoseconds::max(), 0ns, -1ns, 999'999'999ns, 1'000'000'000ns})
    CHECK(to_nanoseconds(to_timespec(d)) == d);
}

TEST_CASE("every kind of integral duration is rounded down to the nanosecond") {
  check_floors<duration<std::int64_t, std::atto>>();
  check_floors<duration<std::uint64_t, std::pico>>();
  check_floors<nanoseconds>();
  check_floors<duration<std::uint64_t, std::nano>>();
  check_floors<duration<std::int8_t, std::milli>>();
  check_floors<duration<std::uint16_t, std::ratio<1, 3>>>();
  check_floors<duration<std::int64_t, std::ratio<1001, 30'000>>>();
  check_floors<std::chrono::seconds>();
  check_floors<duration<std::uint64_t>>();
  check_floors<std::chrono::hours>();
  check_floors<duration<std::uint64_t, years>>();
  check_floors<duration<std::int64_t, std::ratio<3, 2>>>();
}

TEST_CASE("what a time_t cannot hold stops at its ends, and what it just holds does not") {
  using seconds = duration<std::int64_t>;
  CHECK(same(to_timespec(seconds::max()), {most, 0}));
  CHECK(same(to_timespec(seconds::min()), {least, 0}));
  CHECK(same(to_timespec(duration<std::uint64_t>(std::uint64_t{1} << 63)), {most, last}));
  CHECK(same(to_timespec(std::chrono::minutes::max()), {most, last}));
  CHECK(same(to_timespec(std::chrono::minutes::min()), {least, 0}));
  using span = duration<std::int64_t, std::ratio<3, 2>>;
  CHECK(same(to_timespec(span(6'148'914'691'236'517'204)), {9'223'372'036'854'775'806, 0}));
  CHECK(same(to_timespec(span(6'148'914'691'236'517'205)), {9'223'372'036'854'775'807, 500'000'000}));
  CHECK(same(to_timespec(span(6'148'914'691'236'517'206)), {most, last}));
  CHECK(same(to_timespec(span(-6'148'914'691'236'517'205)), {least, 500'000'000}));
  CHECK(same(to_timespec(span(-6'148'914'691'236'517'206)), {least, 0}));
}

TEST_CASE("floating-point durations") {
  using limits = std::numeric_limits<double>;
  CHECK(same(to_timespec(duration<double>(0.0)), {0, 0}));
  CHECK(same(to_timespec(duration<double>(1.5)), {1, 500'000'000}));
  CHECK(same(to_timespec(duration<double>(-1e-30)), {-1, last}));
  CHECK(same(to_timespec(duration<double, std::nano>(5.0)), {0, 5}));
  CHECK(same(to_timespec(duration<float, std::milli>(-1.0F)), {-1, 999'000'000}));
  CHECK(same(to_timespec(duration<double>(0x1p62)), {time_t{1} << 62, 0}));
  CHECK(same(to_timespec(duration<double>(-0x1p62)), {-(time_t{1} << 62), 0}));
  CHECK(same(to_timespec(duration<double>(0x1p34 + 0x1p-16)), {time_t{1} << 34, 15'258}));
  CHECK(same(to_timespec(duration<double>(-0x1p34 - 0x1p-16)), {-(time_t{1} << 34) - 1, 999'984'741}));
  CHECK(same(to_timespec(duration<double, std::milli>(0x1p44 * 1000)), {time_t{1} << 44, 0}));
  CHECK(same(to_timespec(duration<double, hours>(0x1p40)), {3600 * (time_t{1} << 40), 0}));
  CHECK(same(to_timespec(duration<double>(0x1p63)), {most, last}));
  CHECK(same(to_timespec(duration<double>(-0x1p63)), {least, 0}));
  CHECK(same(to_timespec(duration<double>(-0x1.8p63)), {least, 0}));
  CHECK(same(to_timespec(duration<double, years>(1e300)), {most, last}));
  CHECK(same(to_timespec(duration<double>(limits::infinity())), {most, last}));
  CHECK(same(to_timespec(duration<double>(-limits::infinity())), {least, 0}));
  CHECK(same(to_timespec(duration<double>(limits::quiet_NaN())), {0, 0}));
  CHECK(same(to_timespec(duration<float, years>(std::numeric_limits<float>::quiet_NaN())), {0, 0}));
}
