/// tsc_clock_benchmark.cpp - what a time in nanoseconds costs beside the bare read of the counter that is in it, and
/// beside std::chrono::steady_clock; on one core and on all at once. A keeper runs all the while. And what a clock that is
/// not kept costs when it is hours old.
///
/// All figures belong together only as ratios of medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
/// Threads that hand stamps to each other are in stamps_handed_on.cpp.
#include <takt/clock/tsc_clock.hpp>
#include <takt/cpu/features.hpp>
#include <takt/timer/keeper.hpp>

#include <atomic>
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
    if (!takt::tsc_clock::calibrate(20ms, 1s).rate().known()) return nullptr;
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
  if (takt::cpu_features::read().rdtscp != true) return state.SkipWithError("no rdtscp");
  read_sixteen(state, [] {
    unsigned aux = 0;
    return std::uint64_t{__rdtscp(&aux)};
  });
}
#endif

/// A counter and its reference that can be moved on together: what a clock that is not kept costs after an hour is
/// measured now.
template <class Tag> struct later {
  static inline std::atomic<std::uint64_t> ticks{0};
  static inline std::atomic<std::int64_t> ns{0};
};
template <class Tag> struct later_counter {
  using family = later_counter;
  [[nodiscard]] static takt::tick_point read() noexcept {
    return takt::read_counter<ordering::ordered>() + takt::ticks(later<Tag>::ticks.load(std::memory_order_relaxed));
  }
};
template <class Tag> struct later_reference {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<later_reference>;
  static constexpr bool is_steady = true;
  [[nodiscard]] static time_point now() noexcept {
    return time_point(takt::posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch() +
                      duration(later<Tag>::ns.load(std::memory_order_relaxed)));
  }
};
/// The reads of a clock that is calibrated once and `Hours` old, when its newest segment has slewed.
template <int Hours> void unkept(benchmark::State& state) {
  struct tag;
  using clock = takt::basic_tsc_clock<later_reference<tag>, later_counter<tag>>;
  static const bool ready = [] {
    const takt::tsc_calibration c = clock::calibrate(20ms);
    if (!c.rate().known()) return false;
    const auto read_after = [&c](std::chrono::nanoseconds step) {
      later<tag>::ticks += static_cast<std::uint64_t>(c.rate().hertz() * std::chrono::duration<double>(step).count());
      later<tag>::ns += step.count();
      static_cast<void>(clock::now());
    };
    for (int minutes = 0; minutes < Hours * 60; minutes += 11) read_after(11min);
    read_after(2s);
    return clock::source() == takt::clock_path::counter;
  }();
  if (!ready) return state.SkipWithError("the counter of this machine is not trusted, or the clock was not renewed");
  read_sixteen(state, [] { return clock::now().time_since_epoch().count(); });
}

BENCHMARK(counter<ordering::bare>)->Name("16x/bare");
BENCHMARK(now<takt::fast_tsc_clock>)->Name("16x/fast_tsc_clock");
BENCHMARK(counter<ordering::ordered>)->Name("16x/ordered");
#if defined(__x86_64__)
BENCHMARK(rdtscp)->Name("16x/rdtscp");
#endif
BENCHMARK(now<takt::tsc_clock>)->Name("16x/tsc_clock");
BENCHMARK(now<std::chrono::steady_clock>)->Name("16x/steady_clock");
BENCHMARK(now<takt::posix_clock<CLOCK_MONOTONIC>>)->Name("16x/posix_clock");

BENCHMARK(unkept<0>)->Name("16x/unkept/at_first");
BENCHMARK(unkept<1>)->Name("16x/unkept/after_an_hour");
BENCHMARK(unkept<10>)->Name("16x/unkept/after_ten_hours");

BENCHMARK(counter<ordering::bare>)->Name("all_cores/16x/bare")->ThreadPerCpu();
BENCHMARK(now<takt::fast_tsc_clock>)->Name("all_cores/16x/fast_tsc_clock")->ThreadPerCpu();
BENCHMARK(counter<ordering::ordered>)->Name("all_cores/16x/ordered")->ThreadPerCpu();
BENCHMARK(now<takt::tsc_clock>)->Name("all_cores/16x/tsc_clock")->ThreadPerCpu();

} // namespace
