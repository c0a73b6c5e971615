// Protects: that the one line in a benchmark times the region and not the rest, and that its counters are there.
#include <takt/interop/benchmark.hpp>
#if __has_include(<benchmark/benchmark.h>)
#include <benchmark/benchmark.h>
#include <chrono>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

void short_region(benchmark::State& state) {
  takt::benchmark_timer timer(state);
  for (auto _ : state) {
    std::this_thread::sleep_for(20ms); // not timed
    timer.start();
    const takt::stopwatch::lap lap = timer.stop();
    CHECK(lap.elapsed().count() < 1'000'000'000); // another thread may have been in between, but not for so long
  }
}

/// Keeps what would be printed.
struct collector : benchmark::BenchmarkReporter {
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& more) override { runs.insert(runs.end(), more.begin(), more.end()); }
  std::vector<Run> runs;
};

} // namespace

TEST_CASE("a benchmark with a manual timer has the times of the regions and the counters") {
  benchmark::RegisterBenchmark("short_region", short_region)->UseManualTime()->Iterations(5);
  collector found;
  REQUIRE(benchmark::RunSpecifiedBenchmarks(&found) == 1);
  benchmark::ClearRegisteredBenchmarks();
  REQUIRE(found.runs.size() == 1);
  const auto& run = found.runs.front();
  CHECK(run.iterations == 5);
  // Cycles are counted where a stopwatch can count them, and are no counter where it cannot.
  std::error_code no_counters;
  takt::stopwatch::counting watch(no_counters);
  watch.start();
  if (!watch.stop().cycles()) CHECK(run.counters.find("cycles") == run.counters.end());
  CHECK(run.real_accumulated_time < 0.1); // the five sleeps take that long by themselves
  REQUIRE(run.counters.count("moved") == 1);
  REQUIRE(run.counters.count("trusted") == 1);
  const double moved = run.counters.at("moved").value, trusted = run.counters.at("trusted").value;
  CHECK((moved >= 0 && moved <= 5));
  CHECK((trusted == doctest::Approx(0) || trusted == doctest::Approx(1)));
}
#endif
