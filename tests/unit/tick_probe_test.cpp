// Protects: that the tick is found in gaps, among other interrupts and with ticks missing, with its period and phase; that
// gaps without a period show none; and that the loop records the gaps that there are.
#include <takt/observe/tick_probe.hpp>
#include <takt/testing/manual_counter.hpp>
#include <doctest/doctest.h>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using gap = takt::tick_probe::gap;

std::vector<gap> sorted(std::vector<gap> gaps) {
  std::sort(gaps.begin(), gaps.end(), [](const gap& a, const gap& b) { return a.at < b.at; });
  return gaps;
}

} // namespace

TEST_CASE("the tick of every usual HZ, late by some microseconds, a third of them missing, among other gaps") {
  std::mt19937_64 random(6);
  for (const int hz : {100, 250, 300, 1000}) {
    for (const double wrong : {0.0, 30e-6, -50e-6}) { // the counter's rate is not quite right
      const double period = 1e9 / hz * (1 + wrong);
      const nanoseconds phase(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(period)));
      std::vector<gap> gaps;
      const nanoseconds length = 500ms;
      for (int k = 0;; ++k) {
        const nanoseconds due = phase + nanoseconds(static_cast<std::int64_t>(k * period));
        if (due >= length) break;
        if (random() % 3 == 0) continue;
        const nanoseconds handler(static_cast<std::int64_t>(1000 + random() % 3000));
        gaps.push_back({due + nanoseconds(static_cast<std::int64_t>(random() % 8000)) + handler, handler});
      }
      for (int i = 0; i < 100; ++i) gaps.push_back({nanoseconds(static_cast<std::int64_t>(random() % 500'000'000)), 2us});
      const auto found = takt::tick_probe::find(sorted(gaps), length);
      INFO(hz, " Hz, wrong by ", wrong);
      REQUIRE(found);
      CHECK(found->hertz == static_cast<std::uint64_t>(hz));
      CHECK(found->chance < 1e-6);
      CHECK(found->period.count() == doctest::Approx(period).epsilon(2e-5));
      const auto off = (found->phase - phase).count();
      const auto around = std::min<std::int64_t>(std::abs(off), static_cast<std::int64_t>(period) - std::abs(off));
      CHECK(around < 20'000);
      CHECK(found->seen >= found->periods / 2);
      CHECK(found->seen <= found->periods);
    }
  }
}

TEST_CASE("gaps at random have no tick") {
  std::mt19937_64 random(8);
  for (int round = 0; round < 300; ++round) {
    std::vector<gap> gaps;
    const auto count = random() % 1000;
    for (std::uint64_t i = 0; i < count; ++i) gaps.push_back({nanoseconds(static_cast<std::int64_t>(random() % 1'000'000'000)), 1us});
    CHECK(!takt::tick_probe::find(sorted(gaps), 1s));
  }
  CHECK(!takt::tick_probe::find({}, 1s));
  CHECK(!takt::tick_probe::find({{1ms, 1us}}, 1s));
  CHECK(!takt::tick_probe::find({{1ms, 1us}}, 0ns));
  CHECK(!takt::tick_probe::find({{1ms, 2ms}, {4ms, 1us}, {8ms, 1us}}, 10ms)); // too short to tell
}

namespace {
struct probe_test;
using counter = takt::testing::manual_counter<probe_test>;
using machine = takt::testing::manual_machine<probe_test>;
} // namespace

TEST_CASE("the loop records the gaps that there are") {
  machine::reset();
  machine::now.ticks_per_ns = 2;
  machine::now.cost = 100;
  static int reads = 0;
  reads = 0;
  machine::now.on_read = [] {
    if (++reads % 1000 == 0) machine::advance(5us);
  };
  const takt::tick_rate rate(takt::frequency(2e9));
  const auto gaps = takt::tick_probe::record<counter>(1ms, rate);
  REQUIRE(gaps.size() >= 8);
  REQUIRE(gaps.size() <= 10);
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    CHECK(gaps[i].length >= 5us);
    CHECK(gaps[i].length <= 5200ns);
    if (i > 0) CHECK(gaps[i].at - gaps[i - 1].at >= 100us);
  }
  CHECK(takt::tick_probe::record<counter>(1ms, rate, 500ns, 2).size() == 2);
  CHECK(takt::tick_probe::record<counter>(1ms, rate, 10us).empty());
  CHECK(takt::tick_probe::record<counter>(1ms, takt::tick_rate()).empty());
}
