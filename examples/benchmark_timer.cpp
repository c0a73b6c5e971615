// A benchmark that times only the sort, with takt::stopwatch as the manual timer of Google Benchmark. Sorting
// needs an unsorted vector each time; PauseTiming() would cost more than the sort of a short one, and the loop around
// it would be counted. Ordered reads frame the sort alone. The counters say in how many iterations the thread was moved,
// and whether the run can be trusted; where the machine counts them, also the cycles and instructions of an iteration.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <cstddef>
#include <random>
#include <takt/interop/benchmark.hpp>
#include <vector>

namespace {

void sort_shuffled(benchmark::State& state) {
  std::vector<int> numbers(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i);
  std::minstd_rand random(1);

  takt::benchmark_timer timer(state);
  for (auto _ : state) {
    std::shuffle(numbers.begin(), numbers.end(), random); // not timed
    benchmark::DoNotOptimize(numbers.data());
    timer.start();
    std::sort(numbers.begin(), numbers.end());
    benchmark::ClobberMemory(); // the sorted numbers are wanted before the stop
    timer.stop();
  }
}
BENCHMARK(sort_shuffled)->RangeMultiplier(4)->Range(4, 256)->UseManualTime();

} // namespace

BENCHMARK_MAIN();
