// Protects: what is proved and computed of rules whose processes do not talk to each other: the fewest points that any
// rule can do with, one known length of window, 1 / ln 2 for windows of every length, and how near takt's ladders come
// to the best rule.
#include "../examples/takt/model/simulation/best_rule.hpp"
#include "../examples/takt/model/simulation/cells.hpp"
#include "support/thorough.hpp"
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <doctest/doctest.h>
#include <takt/core/ladder.hpp>
#include <vector>

namespace {

using std::chrono::nanoseconds;
using tool::wake_policy;

template <class Ladder> std::int64_t point_of(std::int64_t earliest, std::int64_t latest, const Ladder& ladder) {
  return takt::roundest_point(nanoseconds(earliest), nanoseconds(latest), ladder)->count();
}

/// How far windows that choose a point reach to its sides.
struct gap {
  std::int64_t before, after;
};
template <class Ladder> gap gap_of(std::int64_t point, std::int64_t longest, const Ladder& ladder) {
  const auto reach = [&](auto chooses) {
    std::int64_t low = 0, high = longest + 1; // low: still chosen
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      (chooses(middle) ? low : high) = middle;
    }
    return low;
  };
  return {reach([&](std::int64_t d) { return point_of(point - d, point, ladder) == point; }),
          reach([&](std::int64_t d) { return point_of(point, point + d, ladder) == point; })};
}

/// Returns: the largest number of points that windows choose which all contain one instant of [from, to), and are from
/// `min` to `max` long: every point counts for which such a window fits into its gap.
template <class Ladder>
std::size_t most_points(std::int64_t min, std::int64_t max, std::int64_t from, std::int64_t to, const Ladder& ladder) {
  std::vector<gap> gaps;
  for (std::int64_t x = from - max; x <= to + max; ++x) gaps.push_back(gap_of(x, max, ladder));
  std::size_t most = 0;
  for (std::int64_t shared = from; shared < to; ++shared) {
    std::size_t points = 0;
    for (std::int64_t x = shared - max; x <= shared + max; ++x) {
      const gap& g = gaps[static_cast<std::size_t>(x - from + max)];
      const std::int64_t low = std::min(x, shared), high = std::max(x, shared);
      points += x - g.before <= low && high <= x + g.after && g.before + g.after >= std::max(min, high - low);
    }
    most = std::max(most, points);
  }
  return most;
}

/// Returns: the mean, over the logarithm of the length l in [low, high), of l times the density of the points that
/// windows of length l or more choose. The planner's is 1.
template <class Ladder> double density(double low, double high, std::int64_t stretch, const Ladder& ladder) {
  double sum = 0; // each point counts for the lengths up to its gap: the integral of dl
  const std::int64_t from = 1'000'000'000;
  for (std::int64_t x = from; x < from + stretch; ++x) {
    const gap g = gap_of(x, 2 * static_cast<std::int64_t>(high), ladder);
    const auto length = static_cast<double>(g.before + g.after + 1);
    if (length > low) sum += std::min(length, high) - low;
  }
  return sum / static_cast<double>(stretch) / std::log(high / low);
}

} // namespace

TEST_CASE("windows that share an instant choose few points, and no rule can always do with much fewer") {
  struct row {
    std::int64_t longest; // as a multiple of the shortest
    std::size_t binary, decimal;
  };
  for (const row& r : {row{1, 3, 4}, row{2, 4, 5}, row{4, 5, 6}, row{10, 7, 8}}) {
    CAPTURE(r.longest);
    const auto log2 = [](std::int64_t n) { return static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(n)) - 1); };
    std::size_t binary = 0, decimal = 0;
    for (std::int64_t shortest = 1; shortest <= 16; ++shortest) {
      CAPTURE(shortest);
      const std::int64_t longest = shortest * r.longest;
      const std::size_t here = most_points(shortest, longest, 1 << 20, (1 << 20) + 256, takt::ladder::binary);
      CHECK(here <= log2(longest) - log2(shortest) + 3); // proved
      binary = std::max(binary, here);
      decimal = std::max(decimal, most_points(shortest, longest, 10'000'000, 10'001'000, takt::ladder::decimal));
    }
    CHECK(binary == r.binary);
    CHECK(decimal == r.decimal);
    CHECK(binary >= log2(r.longest) + 1); // proved for every rule
  }
}

TEST_CASE("one known length of window: the best rule is a grid of that period, whatever the number of processes") {
  for (const int processes : {1, 3, 20, 500}) {
    CAPTURE(processes);
    tool::workload w;
    w.processes = processes, w.threads = 1;
    w.shortest = w.longest = std::chrono::seconds(1);
    w.min_slack = w.max_slack = 0.02;
    const std::vector<tool::timer> timers(static_cast<std::size_t>(processes),
                                          {nanoseconds(0), w.shortest, w.shortest / 50});
    const double grid = (1 - std::pow(0.98, processes)) / 0.02; // wake-ups per second on a grid of 20 ms
    CHECK(tool::best_rule(w).rate(timers) == doctest::Approx(grid).epsilon(0.002));
  }
}

TEST_CASE("windows of every length: no rule needs less than 1 / ln 2 of the planner's, and binary needs no more") {
  const double least = 1 / std::log(2.0);
  const double binary = density(64, 1024, 1 << 14, takt::ladder::binary);
  const double decimal = density(100, 1000, 100'000, takt::ladder::decimal);
  CHECK(binary == doctest::Approx(least).epsilon(0.02));
  CHECK(decimal == doctest::Approx(3.4 / std::log(10.0)).epsilon(0.02));
}

TEST_CASE("machines of single timers: takt's ladders are near the best rule that is possible without talking") {
  double best_sum = 0, decimal_sum = 0, worst = 0;
  int kinds = 0;
  tool::simulator sim;
  std::vector<tool::request> requests;
  for (const tool::cell& c : tool::all_cells(1, 0, takt_test::stride == 1 ? 600'000 : 60'000)) {
    tool::workload w = c.machine;
    if (w.threads != 1 || w.processes == 1) continue;
    CAPTURE(w.processes);
    CAPTURE(c.slack);
    const tool::best_rule rule(w);
    double best = 0, decimal = 0, planned = 0;
    for (std::size_t k = 0; k < c.seeds; ++k, ++w.seed) {
      const auto timers = tool::draw_timers(w);
      tool::fill_requests(requests, timers, 1, tool::simulated_start, tool::simulated_length);
      const auto counted = sim.compare(requests, bit_of(wake_policy::decimal) | bit_of(wake_policy::planner));
      best += rule.rate(timers) * 60;
      decimal += static_cast<double>(of(counted, wake_policy::decimal).wake_ups);
      planned += static_cast<double>(of(counted, wake_policy::planner).wake_ups);
    }
    CHECK(decimal > 0.99 * best); // chance takes less than a hundredth
    CHECK(best > planned);
    ++kinds, best_sum += best / planned, decimal_sum += decimal / planned, worst = std::max(worst, decimal / best);
  }
  REQUIRE(kinds == 18);
  MESSAGE("best " << best_sum / kinds << ", decimal " << decimal_sum / kinds << ", worst of decimal to best " << worst);
  CHECK(decimal_sum < 1.02 * best_sum);
  CHECK(worst < 1.14); // 128 processes with 30 %: no window is short, and the best rule knows
}
