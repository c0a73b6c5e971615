/// clock_watch_benchmark.cpp - what it costs to watch the clocks: a set of readings, a whole check, and its parts.
///
/// A set is the narrowest of three tries of counter, MONOTONIC, RAW, BOOTTIME, REALTIME and TAI. Beside it one read of
/// CLOCK_MONOTONIC, which all ratios are to.
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
#include <takt/clock/calibration.hpp>
#include <takt/observe/clock_watch.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <vector>

namespace {

using namespace std::chrono_literals;

void clock_monotonic(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(takt::posix_clock<CLOCK_MONOTONIC>::now());
}

void sample_set(benchmark::State& state) {
  std::error_code ec;
  const takt::tick_rate rate = takt::calibrate(5ms, ec).rate();
  std::chrono::nanoseconds half_widths{};
  for (auto _ : state) {
    const takt::detail::clock_readings r = takt::detail::read_all_clocks(rate);
    half_widths += r.half_width;
  }
  state.counters["half_width_ns"] = benchmark::Counter(static_cast<double>(half_widths.count()), benchmark::Counter::kAvgIterations);
}

void leap_second_state(benchmark::State& state) {
  std::error_code ec;
  for (auto _ : state) benchmark::DoNotOptimize(takt::leap_facts::read(ec));
}

void clock_source(benchmark::State& state) {
  std::error_code ec;
  for (auto _ : state) benchmark::DoNotOptimize(takt::clocksource::current(ec));
}

/// The comparison of two sets of readings.
void judgement(benchmark::State& state) {
  std::error_code ec;
  const takt::tick_rate rate = takt::calibrate(5ms, ec).rate();
  takt::clock_history history;
  std::vector<takt::watch_event> events;
  takt::clock_history::sample sample;
  sample.readings = takt::detail::read_all_clocks(rate);
  sample.source = "tsc";
  for (auto _ : state) {
    for (auto* clock : {&sample.readings.monotonic, &sample.readings.raw, &sample.readings.boottime, &sample.readings.realtime, &sample.readings.tai})
      **clock += 1s;
    sample.readings.counter += rate.from(1s);
    history.add(sample, events);
  }
  if (!events.empty()) state.SkipWithError("events although nothing happened");
}

/// Everything, the arming of the timer included: once a period.
void whole_check(benchmark::State& state) {
  std::error_code ec;
  takt::clock_watch watch(1h, ec);
  for (auto _ : state) benchmark::DoNotOptimize(watch.check(ec));
}

BENCHMARK(clock_monotonic)->Name("posix_clock/monotonic");
BENCHMARK(sample_set)->Name("clock_watch/sample_set");
BENCHMARK(leap_second_state)->Name("leap_facts::read");
BENCHMARK(clock_source)->Name("clocksource::current");
BENCHMARK(judgement)->Name("clock_watch/judgement");
BENCHMARK(whole_check)->Name("clock_watch/check");

} // namespace
