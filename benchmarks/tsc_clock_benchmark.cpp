/// tsc_clock_benchmark.cpp - what a time in nanoseconds costs beside the bare read of the counter that is in it, and
/// beside std::chrono::steady_clock; on one core and on all at once. A keeper runs all the while.
///
/// All figures belong together only as ratios of medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
/// Threads that hand stamps to each other are in stamps_handed_on.cpp.
#include <takt/clock/tsc_clock.hpp>
#include <takt/cpu/features.hpp>
#include <takt/timer/keeper.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdint>
#include <memory>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace {

using namespace std::chrono_literals;
using takt::ordering;

bool keep(const benchmark::State&) {
  static const std::unique_ptr<takt::clock_keeper<>> keeper = []() -> std::unique_ptr<takt::clock_keeper<>> {
    std::error_code ec;
    takt::tsc_clock::calibrate(20ms, ec, 1s);
    if (ec) return nullptr;
    return std::make_unique<takt::clock_keeper<>>(1s);
  }();
  return keeper != nullptr;
}

/// Sixteen reads an iteration, so that the loop around them costs little beside them.
template <class Read> void read_sixteen(benchmark::State& state, Read read) {
  if (!keep(state)) return state.SkipWithError("the counter of this machine is not trusted");
  for (auto _ : state) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) benchmark::DoNotOptimize(read());
  }
  state.SetItemsProcessed(state.iterations() * 16);
}

template <ordering O> void counter(benchmark::State& state) {
  read_sixteen(state, [] { return takt::read_counter<O>().count(); });
}
template <class Clock> void now(benchmark::State& state) {
  read_sixteen(state, [] { return Clock::now().time_since_epoch().count(); });
}
#if defined(__x86_64__)
void rdtscp(benchmark::State& state) {
  if (takt::read_cpu_features().rdtscp != true) return state.SkipWithError("no rdtscp");
  read_sixteen(state, [] {
    unsigned aux = 0;
    return std::uint64_t{__rdtscp(&aux)};
  });
}
#endif

BENCHMARK(counter<ordering::bare>)->Name("16x/bare");
BENCHMARK(now<takt::fast_tsc_clock>)->Name("16x/fast_tsc_clock");
BENCHMARK(counter<ordering::ordered>)->Name("16x/ordered");
#if defined(__x86_64__)
BENCHMARK(rdtscp)->Name("16x/rdtscp");
#endif
BENCHMARK(now<takt::tsc_clock>)->Name("16x/tsc_clock");
BENCHMARK(now<std::chrono::steady_clock>)->Name("16x/steady_clock");
BENCHMARK(now<takt::posix_clock<CLOCK_MONOTONIC>>)->Name("16x/posix_clock");

BENCHMARK(counter<ordering::bare>)->Name("all_cores/16x/bare")->ThreadPerCpu();
BENCHMARK(now<takt::fast_tsc_clock>)->Name("all_cores/16x/fast_tsc_clock")->ThreadPerCpu();
BENCHMARK(counter<ordering::ordered>)->Name("all_cores/16x/ordered")->ThreadPerCpu();
BENCHMARK(now<takt::tsc_clock>)->Name("all_cores/16x/tsc_clock")->ThreadPerCpu();

} // namespace
