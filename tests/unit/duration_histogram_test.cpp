// Protects: counts and extremes that are exact, and quantiles within the stated error, for all sizes and signs; and the hash
// table of the traces against a plain map.
#include <takt/observe/duration_histogram.hpp>
#include <takt/observe/detail/id_map.hpp>
#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace {

using std::chrono::nanoseconds;

template <class Histogram> void check(std::vector<std::int64_t> values, double error) {
  Histogram h, halves[2];
  for (std::size_t i = 0; i < values.size(); ++i) h.add(nanoseconds(values[i])), halves[i % 2].add(nanoseconds(values[i]));
  halves[0].merge(halves[1]);
  std::sort(values.begin(), values.end());
  CHECK(h.count() == values.size());
  CHECK(h.min().count() == values.front());
  CHECK(h.max().count() == values.back());
  for (const double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::max(std::ceil(q * static_cast<double>(values.size())), 1.0)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    CHECK(std::abs(static_cast<double>(h.quantile(q).count()) - exact) <= error * std::abs(exact) + 1);
    CHECK(halves[0].quantile(q) == h.quantile(q));
  }
  CHECK(halves[0].count() == h.count());
  CHECK(halves[0].min() == h.min());
  CHECK(halves[0].max() == h.max());
}

} // namespace

TEST_CASE("quantiles within the stated error") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::int64_t> values;
    for (int i = 0; i < 500; ++i) {
      const auto size = static_cast<std::int64_t>(random() >> (1 + random() % 63));
      values.push_back(round % 2 == 0 && random() % 2 == 0 ? -size : size);
    }
    check<takt::duration_histogram>(values, 1.0 / 64);
    check<takt::duration_histogram::fine>(values, 1.0 / 1024);
  }
  check<takt::duration_histogram>({std::numeric_limits<std::int64_t>::min(), -1, 0, 1, std::numeric_limits<std::int64_t>::max()}, 1.0 / 64);
  takt::duration_histogram none;
  CHECK(none.median().count() == 0);
  CHECK(none.mean().count() == 0);
  for (int i = 0; i < 31; ++i) { // small ones are exact
    takt::duration_histogram one;
    one.add(nanoseconds(-5)), one.add(nanoseconds(i)), one.add(nanoseconds(i)), one.add(nanoseconds(100));
    CHECK(one.median().count() == i);
  }
}

TEST_CASE("a table of numbers is a map") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    takt::detail::id_map<int> table;
    std::map<std::uint64_t, int> map;
    for (int i = 0; i < 5000; ++i) {
      const std::uint64_t id = random() % 300 << (random() % 2 * 32);
      switch (random() % 4) {
      case 0: table.erase(id), map.erase(id); break;
      case 1: CHECK((table.find(id) != nullptr) == (map.count(id) != 0)); break;
      default: table.at(id) = i, map[id] = i; break;
      }
      REQUIRE(table.size() == map.size());
    }
    std::size_t seen = 0;
    table.for_each([&](std::uint64_t id, int value) {
      ++seen;
      CHECK(map.at(id) == value);
    });
    CHECK(seen == map.size());
    for (const auto& [id, value] : map) CHECK(*table.find(id) == value);
  }
  takt::detail::id_map<int> kept; // a full table keeps what is asked for
  for (int i = 0; i < 100'000; ++i) kept.at(static_cast<std::uint64_t>(i), [](int v) { return v % 1000 == 1; }) = i;
  CHECK(kept.size() < 1000);
  for (int i = 1; i < 90'000; i += 1000) CHECK(*kept.find(static_cast<std::uint64_t>(i)) == i);

  takt::detail::name_table<takt::detail::for_callers> names;
  for (int round = 0; round < 2; ++round)
    for (std::uint32_t i = 0; i < 1000; ++i) CHECK(names.number("name " + std::to_string(i)) == i);
  CHECK(names[7] == "name 7");
  CHECK(names.number("") == 1000);
}
