// Protects the counting stopwatch on this machine: its ticks are those of a stopwatch, and its counts are there where the
// kernel offers the counters, grow with the work, and are next to nothing for an empty lap.
#include <takt/clock/counting_stopwatch.hpp>

#include <doctest/doctest.h>
#include <support/skip.hpp>

#include <cstdint>
#include <string>

namespace {

/// Some instructions in a row, each of which waits for the one before it.
std::uint64_t work(std::uint64_t rounds) {
  std::uint64_t x = 88172645463325252;
  for (std::uint64_t i = 0; i < rounds; ++i) x ^= x << 13, x ^= x >> 7, x ^= x << 17;
  return x;
}

} // namespace

TEST_CASE("without counters it is a stopwatch, and says why") {
  std::error_code why;
  takt::stopwatch::counting watch(why);
  takt::ticks least(~0ull);
  for (int i = 0; i < 1000; ++i) {
    watch.start();
    const auto lap = watch.stop();
    if (lap.elapsed() < least) least = lap.elapsed();
    if (why && why != std::errc::invalid_argument) CHECK_FALSE((lap.cycles() && lap.instructions()));
  }
  CHECK(least <= watch.overhead() + takt::ticks(1)); // the counters are read outside of the ticks
}

TEST_CASE("cycles and instructions grow with the work") {
  std::error_code why;
  takt::stopwatch::counting watch(why);
  if (why) TAKT_SKIP("no counters: %s", takt::perf_event::explain(why, takt::perf_event::cycles(), {}).c_str());
  const auto best = [&](std::uint64_t rounds) { // of several: an interrupt may fall into one of them
    std::uint64_t cycles = ~std::uint64_t{0}, instructions = ~std::uint64_t{0}, sum = 0;
    for (int i = 0; i < 50; ++i) {
      watch.start();
      sum += work(rounds);
      const auto lap = watch.stop();
      if (lap.cycles() && *lap.cycles() < cycles) cycles = *lap.cycles();
      if (lap.instructions() && *lap.instructions() < instructions) instructions = *lap.instructions();
    }
    CHECK(sum != 1);
    return std::pair(cycles, instructions);
  };
  const auto empty = best(0), some = best(10'000), more = best(20'000);
  CHECK(empty.second < 1000);
  CHECK(some.second >= 60'000); // six instructions in each round at least
  CHECK(more.second > some.second + some.second / 2);
  CHECK(more.first > some.first + some.first / 2);
}
