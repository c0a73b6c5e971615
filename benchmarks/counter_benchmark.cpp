/// counter_benchmark.cpp - what each way to read the counter costs beside the compiler's own __rdtsc().
///
/// All figures belong together only as ratios of medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
/// read_counter() and __rdtsc() compile to the same instructions (tests/compile/counter_code.sh), so that whatever
/// their ratio shows beside 1 is the noise of the run.
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>

#include <benchmark/benchmark.h>
#include <cstdint>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace {

using takt::ordering;

/// Sixteen reads an iteration, so that the loop around them costs little beside them.
template <class Read> void read_sixteen(benchmark::State& state, Read read) {
  for (auto _ : state) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) benchmark::DoNotOptimize(read());
  }
  state.SetItemsProcessed(state.iterations() * 16);
}

template <ordering O> void counter(benchmark::State& state) {
#if defined(__x86_64__)
  if (O == ordering::end && takt::cpu_features::read().rdtscp != true) return state.SkipWithError("no rdtscp");
#endif
  read_sixteen(state, [] { return takt::read_counter<O>().count(); });
}

#if defined(__x86_64__)
void rdtsc_of_the_compiler(benchmark::State& state) {
  read_sixteen(state, [] { return std::uint64_t{__rdtsc()}; });
}

void counter_and_cpu(benchmark::State& state) {
  if (takt::cpu_features::read().rdtscp != true) return state.SkipWithError("no rdtscp");
  read_sixteen(state, [] {
    const takt::counter_reading r = takt::read_counter_and_cpu();
    return r.at.count() + r.cpu;
  });
}

/// The fence that the essay in arch_x86.hpp rejects: in a guest it traps.
void cpuid(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(takt::detail::arch::cpuid<takt::detail::cpuid_registers>(0).eax);
}
#endif

/// An empty region: what a pair of reads adds to whatever is measured between them.
void empty_region(benchmark::State& state) {
#if defined(__x86_64__)
  if (takt::cpu_features::read().rdtscp != true) return state.SkipWithError("no rdtscp");
#endif
  for (auto _ : state) {
    const takt::tick_point begin = takt::region_begin();
    benchmark::DoNotOptimize((takt::region_end() - begin).count());
  }
}

#if defined(__x86_64__)
BENCHMARK(rdtsc_of_the_compiler)->Name("16x/__rdtsc");
#endif
BENCHMARK(counter<ordering::bare>)->Name("16x/read_counter/bare");
BENCHMARK(counter<ordering::ordered>)->Name("16x/read_counter/ordered");
BENCHMARK(counter<ordering::begin>)->Name("16x/read_counter/begin");
BENCHMARK(counter<ordering::end>)->Name("16x/read_counter/end");
#if defined(__x86_64__)
BENCHMARK(counter_and_cpu)->Name("16x/read_counter_and_cpu");
BENCHMARK(cpuid)->Name("cpuid");
#endif
BENCHMARK(empty_region)->Name("region_begin+region_end");

} // namespace
