/// grid_benchmark.cpp - what finding a point costs: on a grid known at compile time and at run time, and in a window on
/// each ladder; beside the division of the processor and the standard library's rounding to a constant unit.
///
/// "independent" is the cost of one of many calls that do not wait for each other; "chain" that of a call whose input
/// depends on the result of the one before, so its full latency. "nothing" does no work and is in all the others: the
/// loop, and in a chain the two cycles that tie a call to the one before. The counter per_call is what to read, in
/// seconds of CPU time. All figures belong together only as medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>

#include <benchmark/benchmark.h>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>

namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

struct window {
  nanoseconds earliest, slack;
};
constexpr std::size_t batch = 1024;

/// Times within a year of uptime. Slack: log-uniform from 1 us to 10 s, which no branch predictor foresees, or 50 ms.
std::array<window, batch> windows(bool mixed) {
  std::mt19937_64 engine(4);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::array<window, batch> result;
  for (auto& w : result)
    w = {nanoseconds(static_cast<std::int64_t>(1e13 + uniform(engine) * 3e16)),
         mixed ? nanoseconds(static_cast<std::int64_t>(1e3 * std::pow(1e7, uniform(engine)))) : nanoseconds(50ms)};
  return result;
}

void count_calls(benchmark::State& state) {
  state.counters["per_call"] = benchmark::Counter(static_cast<double>(state.iterations()) * batch,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// `find(earliest, slack)` is a time in nanoseconds, never negative.
template <class Find> void independent(benchmark::State& state, bool mixed, Find find) {
  const auto input = windows(mixed);
  for (auto _ : state)
    for (const window& w : input) {
      std::int64_t point = find(w.earliest, w.slack);
      benchmark::DoNotOptimize(point);
    }
  count_calls(state);
}
template <class Find> void chain(benchmark::State& state, bool mixed, Find find) {
  const auto input = windows(mixed);
  std::int64_t point = 0;
  for (auto _ : state)
    for (const window& w : input) point = find(w.earliest + nanoseconds(point >> 63), w.slack);
  benchmark::DoNotOptimize(point);
  count_calls(state);
}

template <class Find> void both(const char* name, bool mixed, Find find) {
  const std::string title(name);
  using state = benchmark::State;
  benchmark::RegisterBenchmark((title + "/independent").c_str(), [=](state& s) { independent(s, mixed, find); });
  benchmark::RegisterBenchmark((title + "/chain").c_str(), [=](state& s) { chain(s, mixed, find); });
}

takt::grid run_time_grid(nanoseconds period) {
  benchmark::DoNotOptimize(period);
  return takt::grid(period);
}

[[maybe_unused]] const int registered = [] {
  static constexpr takt::grid constant(10ms);
  static const takt::grid variable = run_time_grid(10ms);
  static std::int64_t period = 10'000'000;
  benchmark::DoNotOptimize(period);

  both("nothing", true, [](nanoseconds t, nanoseconds) { return t.count(); });
  both("divide: (t + p - 1) / p * p", true, [](nanoseconds t, nanoseconds) {
    const std::int64_t p = period;
    return (t.count() + p - 1) / p * p;
  });
  both("std::chrono::ceil to a constant unit", true, [](nanoseconds t, nanoseconds) {
    using unit = std::chrono::duration<std::int64_t, std::centi>;
    return nanoseconds(std::chrono::ceil<unit>(t)).count();
  });
  both("grid::ceil constexpr", true, [](nanoseconds t, nanoseconds) {
    return constant.ceil(steady_clock::time_point(t)).time_since_epoch().count();
  });
  both("grid::ceil run-time", true, [](nanoseconds t, nanoseconds) {
    return variable.ceil(steady_clock::time_point(t)).time_since_epoch().count();
  });
  both("grid::floor run-time", true, [](nanoseconds t, nanoseconds) { return variable.floor(t).count(); });
  both("grid::next run-time", true, [](nanoseconds t, nanoseconds) { return variable.next(t).count(); });
  both("grid::nearest run-time", true, [](nanoseconds t, nanoseconds) { return variable.nearest(t).count(); });
  for (const bool mixed : {true, false}) {
    const std::string slack = mixed ? " slack 1us-10s" : " slack 50ms";
    both(("roundest_point decimal" + slack).c_str(), mixed, [](nanoseconds t, nanoseconds s) {
      return takt::roundest_point(t, t + s)->count();
    });
    both(("roundest_point binary" + slack).c_str(), mixed, [](nanoseconds t, nanoseconds s) {
      return takt::roundest_point(t, t + s, takt::ladder::binary)->count();
    });
  }
  static constexpr takt::ladder::custom own{1ms, 10ms, 100ms, 1s, 60s};
  both("roundest_point custom slack 1us-10s", true, [](nanoseconds t, nanoseconds s) {
    return takt::roundest_point(t, t + s, own)->count();
  });
  return 0;
}();

} // namespace
