// Protects: that what `takt align` and `takt simulate` compare with is the fewest wake-ups there can be, and that their
// counts are those of what happened.
#include "../examples/takt/model/simulation/planner.hpp"
#include <algorithm>
#include <chrono>
#include <doctest/doctest.h>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using tool::window;

bool served(const std::vector<window>& windows, const std::vector<nanoseconds>& points) {
  return std::all_of(windows.begin(), windows.end(), [&](const window& w) {
    return std::any_of(points.begin(), points.end(), [&](nanoseconds p) { return p >= w.earliest && p <= w.latest; });
  });
}

// The fewest of the candidate points 0..11 that serve all windows, by trying every set of them.
int fewest(const std::vector<window>& windows) {
  int min = 12;
  for (unsigned set = 0; set < 1U << 12; ++set) {
    std::vector<nanoseconds> points;
    for (int i = 0; i < 12; ++i) {
      if ((set >> i & 1) != 0) points.emplace_back(i);
    }
    if (static_cast<int>(points.size()) < min && served(windows, points)) min = static_cast<int>(points.size());
  }
  return min;
}

} // namespace

TEST_CASE("no plan has fewer points: every set of them, tried") {
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::vector<window> windows;
    const auto below = [&random](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    const int n = below(9);
    for (int i = 0; i < n; ++i) {
      const int earliest = below(12), latest = earliest + below(12 - earliest);
      windows.push_back({nanoseconds(earliest), nanoseconds(latest)});
    }
    const auto points = takt::fewest_wakeups(windows);
    CHECK(served(windows, points));
    CHECK(static_cast<int>(points.size()) == fewest(windows));
    CHECK(std::is_sorted(points.begin(), points.end()));
  }
}

TEST_CASE("the windows of a time are those that close in it") {
  const std::vector<tool::timer> timers{{2ns, 10ns, 5ns}, {30ns, 1ns, 0ns}, {0ns, 100ns, 27ns}};
  const auto windows = tool::windows_within(timers, 27ns);
  REQUIRE(windows.size() == 2);
  CHECK(windows[0].earliest == 2ns);
  CHECK(windows[0].latest == 7ns);
  CHECK(windows[1].earliest == 12ns);
  CHECK(tool::windows_within(timers, 28ns).size() == 4);
  CHECK(tool::windows_within(timers, 0ns).empty());
}

TEST_CASE("windows that touch share a point") {
  CHECK(takt::fewest_wakeups({{0ns, 5ns}, {5ns, 9ns}}).size() == 1);
  CHECK(takt::fewest_wakeups({{0ns, 5ns}, {6ns, 9ns}}).size() == 2);
  CHECK(takt::fewest_wakeups({}).empty());
}

TEST_CASE("a cluster reaches as far from its first as it is wide, however dense it is") {
  const auto clusters = tool::clusters_of({30us, 0us, 10us, 11us, 20us, 5us}, 10us);
  REQUIRE(clusters.size() == 3);
  CHECK(clusters[0].wake_ups == 3);
  CHECK(clusters[0].last == 10us);
  CHECK(clusters[1].first == 11us);
  CHECK(clusters[1].last == 20us);
  CHECK(clusters[2].wake_ups == 1);
  CHECK(tool::quiet_times(clusters) == std::vector<nanoseconds>{1us, 10us});
  CHECK(tool::quiet_times({}).empty());
}

TEST_CASE("equal times are one, and a quantile is one of the values") {
  CHECK(tool::distinct({3ns, 1ns, 3ns, 2ns, 1ns}) == 3);
  CHECK(tool::distinct({}) == 0);
  const std::vector<nanoseconds> sorted = {1ns, 2ns, 3ns, 4ns};
  CHECK(tool::quantile(sorted, 0) == 1ns);
  CHECK(tool::quantile(sorted, 0.5) == 2ns);
  CHECK(tool::quantile(sorted, 0.51) == 3ns);
  CHECK(tool::quantile(sorted, 0.99) == 4ns);
  CHECK(tool::quantile(sorted, 1) == 4ns);
}

TEST_CASE("the same workload gives the same timers, inside its bounds") {
  tool::workload w;
  const auto timers = tool::draw_timers(w);
  REQUIRE(timers.size() == 32);
  for (const tool::timer& t : timers) {
    CHECK(t.period >= w.shortest);
    CHECK(t.period <= w.longest);
    CHECK(t.first >= 0ns);
    CHECK(t.first <= t.period);
    CHECK(t.slack >= t.period / 10 - 1ns);
    CHECK(t.slack <= t.period / 2 + 1ns);
  }
  const auto again = tool::draw_timers(w);
  CHECK(again[31].period == timers[31].period);
  CHECK(again[31].slack == timers[31].slack);
  w.seed = 2;
  CHECK(tool::draw_timers(w)[31].period != timers[31].period);
  // The C++ standard says what the generator yields, so this is so on every machine.
  CHECK(std::chrono::abs(timers[0].period - 21'459'949ns) <= 1ns);
}
