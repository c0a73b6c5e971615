// Protects: that the roundest point is in the window, on the coarsest rung that has a point there, and the same point
// for all: for every window, on every ladder; and that a ladder whose rungs do not divide each other cannot be.
#include <doctest/doctest.h>
#include <takt/core/ladder.hpp>
#include "support/numbers.hpp"
#include "support/thorough.hpp"
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

using std::chrono::duration;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using takt::roundest_point;
using takt::ladder::binary;
using takt::ladder::custom;
using takt::ladder::decimal;
using namespace std::chrono_literals;

namespace {

constexpr auto first = nanoseconds::min(), last = nanoseconds::max();

// in constant expressions
static_assert(roundest_point(13ms, 29ms) == 20ms);
static_assert(roundest_point(13ms, 29ms, binary) == 16'777'216ns);
static_assert(roundest_point(13ms, 29ms, custom{7ms, 14ms}) == 28ms);
static_assert(!roundest_point(1ns, 0ns));
static_assert(noexcept(roundest_point(std::declval<nanoseconds>(), std::declval<nanoseconds>())));

// the widest windows: an access beyond the table of rungs would end the constant evaluation
static_assert(takt::detail::roundest_decimal<std::uint8_t>(1, 128) == 100);
static_assert(takt::detail::roundest_decimal<std::uint16_t>(1, 32'768) == 30'000);
static_assert(takt::detail::roundest_decimal<std::uint64_t>(1, std::uint64_t{1} << 63) == 5'000'000'000'000'000'000);

// the kind of instant stays, in nanoseconds; both ends may differ in unit, not in clock
template <class T, class U>
concept window = requires(T t, U u) { roundest_point(t, u); };
static_assert(window<steady_clock::time_point, std::chrono::time_point<steady_clock, std::chrono::hours>>);
static_assert(!window<steady_clock::time_point, system_clock::time_point>);
static_assert(!window<steady_clock::time_point, nanoseconds> && !window<nanoseconds, duration<double>>);
static_assert(std::is_same_v<decltype(roundest_point(1s, 1h)), std::optional<nanoseconds>>);
static_assert(std::is_same_v<decltype(roundest_point(std::chrono::sys_days(), std::chrono::sys_days())),
                             std::optional<std::chrono::sys_time<nanoseconds>>>);

/// The roundness of every number up to 2^15 on a ladder by the letter of its definition: the rung counts most, then how
/// few halvings of the gap between two points of the next rung lead to the number. More is rounder.
std::vector<int> roundness(const std::vector<int>& rungs) {
  constexpr int end = 1 << 15;
  std::vector<int> result(end + 1);
  for (int t = 1; t <= end; ++t) {
    std::size_t n = rungs.size() - 1;
    while (t % rungs[n] != 0) --n;
    const int rung = rungs[n];
    int bonus = 0;
    if (n + 1 == rungs.size()) bonus = std::countr_zero(static_cast<unsigned>(t / rung)); // the binary ladder goes on
    else {
      const int step = rungs[n + 1] / rung, at = t / rung % step;
      int low = 0, high = step, halvings = 0;
      for (int middle; middle = low + (high - low + 1) / 2, middle != at; ++halvings)
        (middle < at ? low : high) = middle;
      bonus = 20 - halvings;
    }
    result[static_cast<std::size_t>(t)] = static_cast<int>(n) * 32 + bonus;
  }
  return result;
}

/// Every window of 15 bits after the epoch against the roundest number in it. Returns how many are wrong.
template <class Point> long wrong_windows(const std::vector<int>& roundness, Point point) {
  long wrong = 0;
  for (unsigned earliest = 1; earliest <= 1U << 15; earliest += takt_test::stride) {
    unsigned best = earliest;
    for (unsigned latest = earliest; latest <= 1U << 15; ++latest) {
      if (roundness[latest] > roundness[best]) best = latest;
      wrong += point(static_cast<std::uint16_t>(earliest), static_cast<std::uint16_t>(latest)) != best;
    }
  }
  return wrong;
}

const std::vector<int> decimal_of_16{1, 5, 10, 50, 100, 500, 1000, 5000, 10'000, 50'000};

std::vector<nanoseconds> all_decimal_rungs() {
  std::vector<nanoseconds> rungs{1ns};
  while (rungs.back().count() <= last.count() / 5)
    rungs.push_back(rungs.back() * (rungs.size() % 2 == 0 ? 2 : 5)); // 1, 5, 10, 50, ...
  return rungs;
}

struct range {
  nanoseconds earliest, latest;
};
/// Windows of all lengths at all distances from the epoch, some from one end of time to a point.
range any_window(takt_test::numbers& random) {
  std::int64_t a = random.any_signed();
  const std::int64_t length = static_cast<std::int64_t>(random.any() >> (1 + random.below(63)));
  if (random.below(2) == 0) a -= a % 1'000'000'000; // round numbers too
  std::int64_t b = 0;
  if (__builtin_add_overflow(a, length, &b)) b = random.any_signed();
  return {nanoseconds(std::min(a, b)), nanoseconds(std::max(a, b))};
}

template <class Ladder> nanoseconds point_of(range w, const Ladder& ladder) {
  const auto point = roundest_point(w.earliest, w.latest, ladder);
  REQUIRE(point.has_value());
  return *point;
}

/// The properties of the roundest point on any ladder.
template <class Ladder> void check_promises(range w, const Ladder& ladder, takt_test::numbers& random) {
  INFO(w.earliest.count() << " ... " << w.latest.count());
  const nanoseconds point = point_of(w, ladder);
  CAPTURE(point.count());
  REQUIRE(w.earliest <= point);
  REQUIRE(point <= w.latest);
  // A part of the window that still has the point agrees on it.
  const auto part = [&](nanoseconds from, nanoseconds to) {
    const auto width = static_cast<std::uint64_t>(to.count()) - static_cast<std::uint64_t>(from.count());
    const std::uint64_t step = width == ~std::uint64_t{0} ? random.any() : random.below(width + 1);
    return nanoseconds(static_cast<std::int64_t>(static_cast<std::uint64_t>(from.count()) + step));
  };
  REQUIRE(point_of({part(w.earliest, point), part(point, w.latest)}, ladder) == point);
  REQUIRE(point_of({point, point}, ladder) == point);
  // The mirrored window has the mirrored point.
  if (w.earliest != first) REQUIRE(point_of({-w.latest, -w.earliest}, ladder) == -point);
  if (w.earliest <= 0ns && w.latest >= 0ns) REQUIRE(point == 0ns);
}

} // namespace

TEST_CASE("decimal: every window of sixteen bits") {
  const auto round = roundness(decimal_of_16);
  CHECK(wrong_windows(round, takt::detail::roundest_decimal<std::uint16_t>) == 0);
}

TEST_CASE("binary: every window of sixteen bits") {
  std::vector<int> round{0};
  for (unsigned t = 1; t <= 1U << 15; ++t) round.push_back(std::countr_zero(t));
  CHECK(wrong_windows(round, takt::detail::roundest_binary<std::uint16_t>) == 0);
}

TEST_CASE("the caller's own: windows of sixteen bits") {
  const std::vector<std::vector<int>> ladders{{1},         {1, 2, 4, 8}, {1, 3, 9, 27, 30'618}, {1, 60, 3600},
                                              {1, 32'767}, {1, 1000},    {1, 7, 49, 98}};
  for (const auto& rungs : ladders) {
    const auto round = roundness(rungs);
    const std::vector<std::uint16_t> own(rungs.begin(), rungs.end());
    long wrong = 0;
    for (unsigned earliest = 1; earliest <= 1U << 15; earliest += 61) {
      unsigned best = earliest;
      for (unsigned latest = earliest; latest <= 1U << 15; ++latest) {
        if (round[latest] > round[best]) best = latest;
        if (latest - earliest > 300 && latest % 31 != 0) continue;
        wrong += takt::detail::roundest_on(own, static_cast<std::uint16_t>(earliest),
                                                          static_cast<std::uint16_t>(latest)) != best;
      }
    }
    CAPTURE(rungs.back());
    CHECK(wrong == 0);
  }
}

TEST_CASE("before, around and after the epoch: every window of eight bits is the mirror image of its mirror image") {
  const auto round = roundness(decimal_of_16);
  for (int e = -128; e <= 127; ++e)
    for (int l = e; l <= 127; ++l) {
      int best = e;
      const auto rank = [&](int t) { return t == 0 ? 1'000'000 : round[static_cast<std::size_t>(t < 0 ? -t : t)]; };
      for (int t = e; t <= l; ++t)
        if (rank(t) > rank(best)) best = t;
      CAPTURE(e);
      CAPTURE(l);
      // eight bits have no rung of 500, and need none: it has no point there but the epoch
      const auto earliest = static_cast<std::int8_t>(e), latest = static_cast<std::int8_t>(l);
      REQUIRE(takt::detail::roundest_of(decimal, earliest, latest) == best);
      REQUIRE(roundest_point(nanoseconds(e), nanoseconds(l)) == nanoseconds(best));
    }
}

TEST_CASE("decimal: no coarser rung has a point in the window") {
  takt_test::numbers random(41);
  const auto rungs = all_decimal_rungs();
  REQUIRE(rungs.size() == 38);
  REQUIRE(rungs.back() == nanoseconds(5'000'000'000'000'000'000));
  for (int i = 0; i < 200'000; ++i) {
    const range w = any_window(random);
    const nanoseconds point = point_of(w, decimal);
    if (point == 0ns) continue;
    std::size_t n = 0;
    while (n + 1 < rungs.size() && point % rungs[n + 1] == 0ns) ++n;
    if (n + 1 == rungs.size()) continue;
    const takt::detail::int128 coarser = rungs[n + 1].count(), latest = w.latest.count();
    INFO(w.earliest.count() << " ... " << w.latest.count() << ": " << point.count());
    REQUIRE(latest - (latest % coarser + coarser) % coarser < w.earliest.count());
  }
}

TEST_CASE("windows of all lengths everywhere keep the promises on every ladder") {
  takt_test::numbers random(42);
  const custom own{1us, 20us, 1ms, 1s, 60s, 3600s}, coarse{7s};
  for (int i = 0; i < 50'000; ++i) {
    const range w = any_window(random);
    check_promises(w, decimal, random);
    check_promises(w, binary, random);
    check_promises(w, own, random);
    check_promises(w, coarse, random);
  }
}

TEST_CASE("decimal and binary are what the general search makes of their rungs") {
  takt_test::numbers random(43);
  const auto rungs = all_decimal_rungs();
  const custom same_as_decimal = *custom::make(rungs), same_as_binary = *custom::make({});
  CHECK(same_as_decimal.size() == 38);
  for (int i = 0; i < 100'000; ++i) {
    const range w = any_window(random);
    INFO(w.earliest.count() << " ... " << w.latest.count());
    REQUIRE(point_of(w, decimal) == point_of(w, same_as_decimal));
    REQUIRE(point_of(w, binary) == point_of(w, same_as_binary));
  }
}

TEST_CASE("decimal: of several points of a rung, 3 of 5 or the nearest to it") {
  const auto between = [](int a, int b) { return *roundest_point(a * 100ms, b * 100ms) / 100ms; };
  CHECK(between(1, 4) == 3);
  CHECK(between(3, 4) == 3);
  CHECK(between(1, 2) == 2);
  CHECK(between(4, 4) == 4);
  CHECK(between(2, 6) == 5);
  CHECK(between(6, 9) == 8);
  CHECK(between(6, 7) == 7);
  CHECK(between(9, 9) == 9);
  CHECK(between(6, 12) == 10);
  CHECK(between(-4, -1) == -3);
  CHECK(between(-9, -6) == -8);
}

TEST_CASE("the levels of nanosleep_aligned are rungs, and their points beat the finer ones") {
  for (nanoseconds level = 10ns; level <= 1s; level *= 10) {
    const nanoseconds far = 1'000'000s + 3 * level;
    CAPTURE(level.count());
    CHECK(roundest_point(far - level / 2 + 1ns, far + level / 2 - 1ns) == far);
  }
}

TEST_CASE("a window of one time, and no window") {
  for (nanoseconds t : {first, -1ns, 0ns, 1ns, 123'456'789ns, last}) {
    CHECK(roundest_point(t, t) == t);
    CHECK(roundest_point(t, t, binary) == t);
    CHECK(roundest_point(t, t, custom{1ms}) == t);
    if (t != last) CHECK(!roundest_point(t + 1ns, t).has_value());
    if (t != last) CHECK(!roundest_point(t + 1ns, t, binary).has_value());
    if (t != last) CHECK(!roundest_point(t + 1ns, t, custom{1ms}).has_value());
  }
  CHECK(!roundest_point(last, first).has_value());
}

TEST_CASE("windows up to the ends of time") {
  constexpr nanoseconds five(5'000'000'000'000'000'000), two_to_62(std::int64_t{1} << 62);
  CHECK(roundest_point(first, last) == 0ns);
  CHECK(roundest_point(first, last, binary) == 0ns);
  CHECK(roundest_point(first, 0ns) == 0ns);
  CHECK(roundest_point(0ns, last) == 0ns);
  CHECK(roundest_point(1ns, last) == five);
  CHECK(roundest_point(1ns, last, binary) == two_to_62);
  CHECK(roundest_point(first, -1ns) == -five);
  CHECK(roundest_point(first, -1ns, binary) == first); // -2^63 itself
  CHECK(roundest_point(first + 1ns, -1ns, binary) == -two_to_62);
  CHECK(roundest_point(first, -1ns, custom{last}) == -last);
  CHECK(roundest_point(last - 2ns, last) == last - 2ns); // ...805 of 805, 806, 807
  CHECK(roundest_point(first, first + 2ns) == first); // ...808 of 808, 807, 806: three steps from 805
  CHECK(roundest_point(first + 1ns, first + 2ns) == first + 1ns);
  CHECK(roundest_point(std::chrono::hours::min(), std::chrono::hours(-1)) == -five);
  CHECK(roundest_point(std::chrono::hours(1), std::chrono::hours::max()) == five);
  CHECK(roundest_point(std::chrono::hours::max(), std::chrono::hours::max()) == last);
}

TEST_CASE("time points keep their clock") {
  const steady_clock::time_point from(1'234ms);
  CHECK(roundest_point(from, from + 40ms)->time_since_epoch() == 1'250ms);
  CHECK(roundest_point(std::chrono::time_point_cast<std::chrono::milliseconds>(from), from + 40ms) ==
        steady_clock::time_point(1'250ms));
  CHECK(roundest_point(system_clock::time_point(61s), system_clock::time_point(119s), custom{1s, 60s, 120s}) ==
        system_clock::time_point(90s));
}

TEST_CASE("the rungs of one's own are positive, ascending and divide each other") {
  const auto valid = [](std::initializer_list<nanoseconds> rungs) {
    return custom::make(std::span(rungs.begin(), rungs.end())).has_value();
  };
  CHECK(valid({}));
  CHECK(valid({1ns}));
  CHECK(valid({7ns}));
  CHECK(valid({1ns, 2ns, 6ns}));
  CHECK(valid({250ms, 1s, 10s, 60s}));
  CHECK(valid({last}));
  CHECK(!valid({0ns}));
  CHECK(!valid({-1ns}));
  CHECK(!valid({first}));
  CHECK(!valid({2ns, 3ns}));
  CHECK(!valid({2ns, 2ns}));
  CHECK(!valid({1ns, 1ns}));
  CHECK(!valid({4ns, 2ns}));
  CHECK(!valid({2ns, 1ns}));
  CHECK(!valid({1s, 0s}));
  CHECK(!valid({1s, -2s}));
  CHECK(custom{7ns, 14ns}.size() == 3); // 1 ns is there without being named
  CHECK(custom{1ns, 14ns}.size() == 2);
  std::vector<nanoseconds> longest;
  for (int bit = 0; bit < 63; ++bit) longest.push_back(nanoseconds(std::int64_t{1} << bit));
  CHECK(custom::make(longest)->size() == 63);
  longest.erase(longest.begin());
  CHECK(custom::make(longest)->size() == 63);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS((custom{2ns, 3ns}), std::system_error);
  try {
    const std::vector<nanoseconds> none{0ns};
    (void)custom(std::span<const nanoseconds>(none));
    FAIL("did not throw");
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::invalid_argument);
    CHECK(std::string(e.what()).find("divide the next") != std::string::npos);
  }
#endif
}
