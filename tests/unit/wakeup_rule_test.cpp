// Protects: wakeup_rule - what each rule of the scheduler chooses, that it stays in the window, and that a user's own fits.
#include <doctest/doctest.h>
#include <takt/scheduler/wakeup_rule.hpp>

#include "support/wakeup_rules.hpp"
#include <chrono>
#include <cstdint>
#include <limits>
#include <random>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::grid;

static_assert(takt::wakeup_rule<takt_test::wake_at_earliest>);
static_assert(takt::wakeup_rule<takt::wake_at_latest>);
static_assert(takt::wakeup_rule<takt_test::wake_at_level>);
static_assert(takt::wakeup_rule<takt::wake_at_roundest<>>);
static_assert(takt::wakeup_rule<takt::wake_at_roundest_binary>);
static_assert(takt::wakeup_rule<takt::wake_at_roundest<takt::ladder::custom>>);
static_assert(takt::wakeup_rule<takt::wake_with_phase<takt::wake_at_roundest<>>>);
static_assert(takt::wakeup_rule<decltype([](nanoseconds earliest, nanoseconds) { return earliest; })>);
static_assert(!takt::wakeup_rule<decltype([](nanoseconds earliest) { return earliest; })>);
static_assert(!takt::wakeup_rule<decltype([](int, int) { return 0; })>);

TEST_CASE("each rule chooses its point") {
  static_assert(takt_test::wake_at_earliest()(1234us, 7891us) == 1234us);
  static_assert(takt::wake_at_latest()(1234us, 7891us) == 7891us);
  static_assert(takt::wake_at_roundest<>()(1234us, 7891us) == 5ms);
  static_assert(takt::wake_at_roundest_binary()(1234us, 7891us) == nanoseconds(1 << 22));
  static_assert(takt_test::wake_at_level(grid(2ms))(1234us, 7891us) == 2ms);
  // A level that has no point in the window leaves the end of it.
  static_assert(takt_test::wake_at_level(grid(10ms))(1234us, 7891us) == 7891us);
  static_assert(takt_test::wake_at_level(grid(10ms))(1234us, 10ms) == 10ms);
  static_assert(takt_test::wake_at_level(grid(10ms, 3ms))(1234us, 7891us) == 3ms);
  CHECK(takt::wake_at_roundest<takt::ladder::custom>{{1us, 3ms}}(1234us, 7891us) == 6ms);
}

TEST_CASE("a phase moves the grid of any rule") {
  using moved = takt::wake_with_phase<takt::wake_at_roundest<>>;
  static_assert(sizeof(moved) == sizeof(nanoseconds));
  static_assert(moved()(1234us, 7891us) == 5ms);
  static_assert(moved{300us}(1234us, 7891us) == 5300us);
  static_assert(moved{-300us}(1234us, 7891us) == 4700us);
  static_assert(takt::wake_with_phase<takt::wake_at_latest>{300us}(1234us, 7891us) == 7891us);
  static_assert(takt::wake_with_phase<takt_test::wake_at_level>{1ms, takt_test::wake_at_level(grid(2ms))}(1234us, 7891us) == 3ms);
  CHECK(takt::wake_with_phase<takt_test::wake_at_earliest>{1s}(nanoseconds::min(), 0s) >= nanoseconds::min());
  CHECK(takt::wake_with_phase<takt::wake_at_latest>{-1s}(0s, nanoseconds::max()) <= nanoseconds::max());
}

TEST_CASE("every point lies in its window, at the ends of time too") {
  constexpr nanoseconds first = nanoseconds::min(), last = nanoseconds::max();
  const auto check = [](nanoseconds earliest, nanoseconds latest) {
    CAPTURE(earliest.count());
    CAPTURE(latest.count());
    const auto inside = [&](nanoseconds point) { return earliest <= point && point <= latest; };
    CHECK(inside(takt_test::wake_at_earliest()(earliest, latest)));
    CHECK(inside(takt::wake_at_latest()(earliest, latest)));
    CHECK(inside(takt::wake_at_roundest<>()(earliest, latest)));
    CHECK(inside(takt::wake_at_roundest_binary()(earliest, latest)));
    CHECK(inside(takt_test::wake_at_level(grid(1ms))(earliest, latest)));
    CHECK(inside(takt_test::wake_at_level(grid(24h, 7h))(earliest, latest)));
  };
  for (const nanoseconds t : {first, first + 1ns, -1ns, 0ns, 1ns, last - 1ns, last}) {
    check(t, t);
    check(first, t);
    check(t, last);
  }
  std::mt19937_64 random(5);
  for (int k = 0; k < 2000; ++k) {
    const auto a = static_cast<std::int64_t>(random()), b = static_cast<std::int64_t>(random());
    check(nanoseconds(a < b ? a : b), nanoseconds(a < b ? b : a));
    const nanoseconds earliest(a / 2);
    check(earliest, earliest + nanoseconds(static_cast<std::int64_t>(random() >> (2 + random() % 60))));
  }
}

} // namespace
