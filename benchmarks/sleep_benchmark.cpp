/// sleep_benchmark.cpp - what stands between a call and its sleep: reading the clock, checking, rounding.
///
/// All figures belong together only as ratios of medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
/// How late a sleep ends is another matter: wakeup_error.sh.
#include <takt/clock/tsc_clock.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>
#include <takt/sleep/periodic.hpp>
#include <takt/sleep/sleep.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <time.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// The baseline: no program computes a deadline without reading the clock.
void clock_gettime_monotonic(benchmark::State& state) {
  timespec ts{};
  for (auto _ : state) {
    ::clock_gettime(CLOCK_MONOTONIC, &ts);
    benchmark::DoNotOptimize(ts);
  }
}

/// All that nanosleep_aligned() does before it sleeps.
void deadline(benchmark::State& state) {
  timespec sleep_time{0, 9'000'000}, point{};
  auto level = static_cast<takt::slack_value>(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(sleep_time);
    benchmark::DoNotOptimize(level);
    benchmark::DoNotOptimize(takt::nanosleep_deadline(sleep_time, level, point));
    benchmark::DoNotOptimize(point);
  }
}

/// The work of sleep_aligned() with a grid that is not known before the program runs.
void deadline_run_time_grid(benchmark::State& state) {
  nanoseconds period = 10ms, d = 9ms;
  benchmark::DoNotOptimize(period);
  const takt::grid g(period);
  std::error_code ec;
  for (auto _ : state) {
    benchmark::DoNotOptimize(d);
    const auto due = std::chrono::steady_clock::now() + d;
    const auto origin = takt::grid_origin(ec);
    benchmark::DoNotOptimize(takt::to_timespec(takt::detail::ceil_from(origin, g, due.time_since_epoch())));
  }
}

/// The work of sleep_until_within() before its first system call.
void window(benchmark::State& state) {
  nanoseconds slack = 50ms;
  std::error_code ec;
  for (auto _ : state) {
    benchmark::DoNotOptimize(slack);
    const nanoseconds earliest = std::chrono::steady_clock::now().time_since_epoch();
    benchmark::DoNotOptimize(takt::detail::roundest_from(takt::grid_origin(ec), earliest, earliest + slack));
  }
}

/// A sleep that is due already: the clock is asked, the kernel is not.
void past_deadline(benchmark::State& state) {
  std::error_code ec;
  const std::chrono::steady_clock::time_point past(1ns);
  for (auto _ : state) takt::sleep_until(past, ec);
}

/// The same with a window, which is open already: no slack is set for it.
void past_window(benchmark::State& state) {
  std::error_code ec;
  const std::chrono::steady_clock::time_point past(1ns);
  for (auto _ : state) takt::sleep_until_within(past, takt::slack(50ms), ec);
}

/// The same by the kernel, which sets up a timer even for a deadline that has passed.
void libc_past_deadline(benchmark::State& state) {
  const timespec past{0, 1};
  for (auto _ : state) benchmark::DoNotOptimize(::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &past, nullptr));
}

/// The cost that only the first sleep on the grid pays.
void load_origin(benchmark::State& state) {
  std::error_code ec;
  for (auto _ : state) takt::load_grid_origin(ec);
}

BENCHMARK(clock_gettime_monotonic)->Name("clock_gettime");
BENCHMARK(deadline)->Name("nanosleep_deadline")->Arg(takt::SLACK_VALUE_EXACT)->Arg(takt::SLACK_VALUE_1US)
    ->Arg(takt::SLACK_VALUE_10MS)->Arg(takt::SLACK_VALUE_1S);
BENCHMARK(deadline_run_time_grid);
BENCHMARK(window);
BENCHMARK(libc_past_deadline)->Name("clock_nanosleep/past");
BENCHMARK(past_deadline)->Name("sleep_until/past");
BENCHMARK(past_window)->Name("sleep_until_within/past");
BENCHMARK(load_origin)->Name("load_grid_origin");

} // namespace
