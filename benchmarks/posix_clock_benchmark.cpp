/// posix_clock_benchmark.cpp - what posix_clock costs beside libc, std::chrono and the bare system call.
///
/// All figures belong together only as ratios of medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=21 --benchmark_report_aggregates_only=true
#include <takt/kernel/posix_clock.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <time.h>

namespace {

using takt::access;
using takt::posix_clock;

/// The baseline: what libc makes of the same call, without a conversion to nanoseconds.
template <clockid_t Id> void libc_clock_gettime(benchmark::State& state) {
  timespec ts{};
  for (auto _ : state) {
    ::clock_gettime(Id, &ts);
    benchmark::DoNotOptimize(ts);
  }
}

template <class Clock> void now(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Clock::now());
}

void read_any_clock(benchmark::State& state) {
  std::error_code ec;
  for (auto _ : state) benchmark::DoNotOptimize(takt::read_clock(CLOCK_MONOTONIC, ec));
}

/// The cost that only the first reading of a program pays.
void find_the_function(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(takt::detail::vdso_clock_gettime_function());
}

BENCHMARK(libc_clock_gettime<CLOCK_MONOTONIC>)->Name("clock_gettime/monotonic");
BENCHMARK(now<std::chrono::steady_clock>)->Name("std::chrono::steady_clock");
BENCHMARK(now<posix_clock<CLOCK_MONOTONIC>>)->Name("posix_clock/monotonic");
BENCHMARK(now<posix_clock<CLOCK_MONOTONIC, access::syscall>>)->Name("posix_clock/monotonic/syscall");
BENCHMARK(libc_clock_gettime<CLOCK_REALTIME>)->Name("clock_gettime/realtime");
BENCHMARK(now<std::chrono::system_clock>)->Name("std::chrono::system_clock");
BENCHMARK(now<posix_clock<CLOCK_REALTIME>>)->Name("posix_clock/realtime");
BENCHMARK(libc_clock_gettime<CLOCK_MONOTONIC_COARSE>)->Name("clock_gettime/monotonic_coarse");
BENCHMARK(now<posix_clock<CLOCK_MONOTONIC_COARSE>>)->Name("posix_clock/monotonic_coarse");
BENCHMARK(now<posix_clock<CLOCK_THREAD_CPUTIME_ID>>)->Name("posix_clock/thread_cpu_time");
BENCHMARK(read_any_clock)->Name("read_clock/monotonic");
BENCHMARK(find_the_function)->Name("vdso_clock_gettime_function");

} // namespace
