// Protects: that a recording of any length fits into a bounded number of bins, with none of its events lost, and that
// folded bins hold what bins of that width would have held from the start.
#include "../examples/takt/model/folded_time.hpp"
#include <doctest/doctest.h>
#include <numeric>
#include <random>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST_CASE("A short recording has bins of a millisecond") {
  tool::folded_axis axis;
  tool::folded_counts counts;
  counts.add(axis, 0ns);
  counts.add(axis, 999'999ns, 2);
  counts.add(axis, 1ms);
  counts.add(axis, 1'023'999'999ns);
  CHECK(axis.width() == 1ms);
  REQUIRE(counts.on(axis).size() == 1024);
  CHECK(counts.on(axis)[0] == 3);
  CHECK(counts.on(axis)[1] == 1);
  CHECK(counts.on(axis)[1023] == 1);
  counts.add(axis, 1024ms);
  CHECK(axis.width() == 2ms);
  REQUIRE(counts.on(axis).size() == 513);
  CHECK(counts.on(axis)[0] == 4);
  CHECK(counts.on(axis)[511] == 1);
  CHECK(counts.on(axis)[512] == 1);
}

TEST_CASE("Folded bins hold what bins of that width would have held from the start") {
  std::mt19937_64 random(7);
  for (int run = 0; run < 20; ++run) {
    tool::folded_axis axis;
    tool::folded_counts a, b; // b is folded late, and all at once
    std::vector<std::pair<nanoseconds, std::uint64_t>> events;
    const auto length = static_cast<std::int64_t>(random() % 4'000'000'000'000);
    b.add(axis, 3ms, 5);
    for (int i = 0; i < 300; ++i) {
      const nanoseconds t(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(length + 1)));
      events.emplace_back(t, 1 + random() % 3);
      a.add(axis, t, events.back().second);
    }
    std::vector<std::uint64_t> wanted(tool::folded_axis::bins);
    for (const auto& [t, n] : events) wanted[static_cast<std::size_t>(t / axis.width())] += n;
    auto got = a.on(axis);
    CHECK(got.size() <= tool::folded_axis::bins);
    CHECK(a.total() == std::accumulate(got.begin(), got.end(), std::uint64_t{0}));
    got.resize(tool::folded_axis::bins);
    CHECK(got == wanted);
    CHECK(b.on(axis)[static_cast<std::size_t>(3ms / axis.width())] == 5);
  }
}

TEST_CASE("Equal points are one, before and after folding") {
  tool::folded_axis axis;
  tool::folded_points points;
  points.add(axis, 10ms, 4);
  points.add(axis, 10ms, 4);
  points.add(axis, 11ms, 4);
  points.add(axis, 11ms, -7);
  CHECK(points.on(axis).size() == 3);
  axis.bin_of(1h);
  REQUIRE(points.on(axis).size() == 2);
  CHECK(*points.on(axis).begin() == tool::folded_points::point{0, -7});
  // For ever, at a bounded number of heights: a bounded number of points.
  for (auto t = 0ns; t < 100h; t += 7s) points.add(axis, t, static_cast<int>(t / 7s % 8));
  CHECK(points.on(axis).size() <= tool::folded_axis::bins * 8 + 1);
  CHECK(axis.bin_of(nanoseconds::max()) < tool::folded_axis::bins);
  CHECK(axis.bin_of(-1ns) == 0);
}
