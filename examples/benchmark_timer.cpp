// A benchmark that times just what it means to, with takt::stopwatch as the manual timer of Google Benchmark. Sorting
// needs an unsorted vector each time; PauseTiming() would cost more than the sort of a short one, and the loop around
// it would be counted. Ordered reads frame the sort alone, and a run in which the thread was moved says so.
#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <random>
#include <takt/clock/stopwatch.hpp>
#include <vector>

namespace {

using namespace std::chrono_literals;

void sort_shuffled(benchmark::State& state) {
  std::error_code ec;
  const takt::tick_rate rate = takt::calibrate(5ms, ec).rate();
  if (ec) return state.SkipWithError("the counter cannot be measured");
  std::vector<int> numbers(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int>(i);
  std::minstd_rand random(1);

  takt::stopwatch watch;
  std::int64_t moved = 0;
  for (auto _ : state) {
    std::shuffle(numbers.begin(), numbers.end(), random); // not timed
    benchmark::DoNotOptimize(numbers.data());
    watch.start();
    std::sort(numbers.begin(), numbers.end());
    benchmark::ClobberMemory(); // the sorted numbers are wanted before the stop
    const takt::lap lap = watch.stop();
    moved += lap.moved() == true;
    state.SetIterationTime(lap.to<std::chrono::duration<double>>(rate).count());
  }
  state.counters["moved"] = static_cast<double>(moved);
}
BENCHMARK(sort_shuffled)->RangeMultiplier(4)->Range(4, 256)->UseManualTime();

} // namespace

BENCHMARK_MAIN();
