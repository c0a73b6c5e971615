/// bounded_clock_benchmark.cpp - what an interval around UTC costs beside tsc_clock::now(), which gives a time without
/// an error. A keeper runs all the while, and the samples of the kernel's bound are in the figures.
/// All figures belong together only as ratios of medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
/// The kernel's answer is replaced by one that states an error, since a machine without a daemon states none, and an
/// unknown bound costs less.
#include <takt/clock/bounded_clock.hpp>
#include <takt/timer/keeper.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <memory>

namespace {

using namespace std::chrono_literals;

struct stating_os : takt::linux_os {
  static int read_adjtimex(timex& out, int& state) noexcept {
    if (const int error = takt::linux_os::read_adjtimex(out, state); error != 0) return error;
    out.status = STA_PLL, out.maxerror = 2001, out.esterror = 100, state = TIME_OK;
    return 0;
  }
};
/// Of the same system, and never calibrated.
struct uncalibrated_os : stating_os {};

template <class Os> using line =
    takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, Os>, takt::ordered_counter, Os>;
template <class Os> using bounded = takt::basic_bounded_clock<line<Os>, Os>;

bool keep() {
  using keeper_type = takt::clock_keeper<line<stating_os>, stating_os>;
  static const std::unique_ptr<keeper_type> keeper = []() -> std::unique_ptr<keeper_type> {
    if (!line<stating_os>::calibrate(20ms, 1s).rate().known()) return nullptr;
    return std::make_unique<keeper_type>(1s);
  }();
  return keeper != nullptr;
}

/// Sixteen reads an iteration, so that the loop around them costs little beside them.
template <class Read> void read_sixteen(benchmark::State& state, Read read) {
  if (!keep()) return state.SkipWithError("the counter of this machine is not trusted");
  for (auto _ : state) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      auto t = read();
      benchmark::DoNotOptimize(t);
    }
  }
  state.SetItemsProcessed(state.iterations() * 16);
}
template <class Os> void time_alone(benchmark::State& state) {
  read_sixteen(state, [] { return line<Os>::now(); });
}
template <class Os> void interval(benchmark::State& state) {
  read_sixteen(state, [] { return bounded<Os>::now(); });
}
void sample(benchmark::State& state) {
  if (!keep()) return state.SkipWithError("the counter of this machine is not trusted");
  for (auto _ : state) benchmark::DoNotOptimize(bounded<stating_os>::refresh());
}

BENCHMARK(time_alone<stating_os>)->Name("16x/tsc_clock");
BENCHMARK(interval<stating_os>)->Name("16x/bounded_clock");
BENCHMARK(time_alone<uncalibrated_os>)->Name("16x/uncalibrated/tsc_clock");
BENCHMARK(interval<uncalibrated_os>)->Name("16x/uncalibrated/bounded_clock");
BENCHMARK(sample)->Name("refresh");

} // namespace
