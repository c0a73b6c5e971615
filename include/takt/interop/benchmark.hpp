/// benchmark.hpp - takt's stopwatch as the manual timer of Google Benchmark, with a guard that watches the run.
///
///   void sort_shuffled(benchmark::State& state) {
///     takt::benchmark_timer timer(state);
///     for (auto _ : state) {
///       shuffle(numbers);                          // not timed
///       timer.start();
///       std::sort(numbers.begin(), numbers.end());
///       timer.stop();
///     }
///   }
///   BENCHMARK(sort_shuffled)->UseManualTime();
///
/// Two counters stand beside the times: `moved`, the number of iterations in which the thread changed CPUs, and
/// `trusted`, 1 for a run in which neither the clocks nor the thread was disturbed (run_guard.hpp). Where the machine
/// has them, there are two more: `cycles` and `instructions` of an iteration, in user space (counting_stopwatch.hpp).
///
/// Does not promise: more than stopwatch.hpp and run_guard.hpp promise. Without Google Benchmark this header
/// declares nothing.
/// Sources: user guide of Google Benchmark 1.7, manual timing and custom counters.
#pragma once
#if __has_include(<benchmark/benchmark.h>)
#include <takt/clock/calibration.hpp>
#include <takt/clock/counting_stopwatch.hpp>
#include <takt/core/ticks.hpp>
#include <takt/observe/run_guard.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
class benchmark_timer;

// definitions

/// Times the iterations of one run of a benchmark, in the thread that made it. Neither copied nor moved. The benchmark
/// must be registered with UseManualTime().
class benchmark_timer {
public:
  /// Effects: begins to watch the run. The first one of a program measures the rate of the counter for 5 ms. If that
  /// fails, the benchmark is skipped with an error. Precondition: `state` outlives this object.
  explicit benchmark_timer(benchmark::State& state) : state_(state), rate_(rate()) {
    if (!rate_.known()) state.SkipWithError("takt: the counter cannot be read, or its rate cannot be measured");
  }
  benchmark_timer(const benchmark_timer&) = delete;
  benchmark_timer& operator=(const benchmark_timer&) = delete;
  /// Effects: sets the counters `moved` and `trusted`, and `cycles` and `instructions` if they were counted. With
  /// several threads the first is a sum, and the others are means.
  ~benchmark_timer() {
    state_.counters["moved"] = static_cast<double>(moved_);
    state_.counters["trusted"] =
        benchmark::Counter(guard_.finish().trusted() ? 1 : 0, benchmark::Counter::kAvgThreads);
    cycles_.show(state_, "cycles");
    instructions_.show(state_, "instructions");
  }

  /// Effects: what follows is timed.
  [[gnu::always_inline]] void start() noexcept { watch_.start(); }
  /// Effects: ends the region that start() began; its time is that of the iteration. Returns: the lap.
  [[gnu::always_inline]] stopwatch::counting::lap stop() {
    const stopwatch::counting::lap l = watch_.stop();
    cycles_.add(l.cycles());
    instructions_.add(l.instructions());
    moved_ += l.moved() == true;
    state_.SetIterationTime(l.to<std::chrono::duration<double>>(rate_).count());
    return l;
  }

private:
  /// The mean of what was counted in the iterations in which it was counted.
  struct mean {
    double sum = 0;
    std::uint64_t laps = 0;
    void add(std::optional<std::uint64_t> n) noexcept {
      if (n) sum += static_cast<double>(*n), ++laps;
    }
    void show(benchmark::State& state, const char* name) const {
      if (laps != 0)
        state.counters[name] = benchmark::Counter(sum / static_cast<double>(laps), benchmark::Counter::kAvgThreads);
    }
  };
  static tick_rate rate() {
    static const tick_rate measured = [] {
      std::error_code ec; // the result is empty on error
      return calibrate(std::chrono::milliseconds(5), ec).rate();
    }();
    return measured;
  }

  benchmark::State& state_;
  const tick_rate rate_;
  run_guard guard_;
  std::error_code no_counters_; // as in most virtual machines: then there is the time alone
  stopwatch::counting watch_{no_counters_};
  mean cycles_, instructions_;
  std::uint64_t moved_ = 0;
};

} // namespace takt::inline TAKT_ABI
#endif
