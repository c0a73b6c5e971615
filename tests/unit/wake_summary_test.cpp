// Protects: the three numbers: the share that migrated in each series, by the kernel and by user space; the median from
// waking to the first reading of each class, with an interval that covers the true median as often as it says; and the
// samples that the offset of the kernel's stamps is found from.
#include <takt/observe/wake_summary.hpp>
#include <doctest/doctest.h>
#include <chrono>
#include <cmath>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::wake_run;
using takt::wake_summary;
using moment = takt::wake_run::moment;

wake_run run(bool loaded, std::optional<bool> kernel, bool user, nanoseconds waking_to_first) {
  wake_run r;
  r.loaded = loaded, r.kernel_migrated = kernel;
  r.cpu_before = 0, r.cpu_after = user ? 1 : 0;
  r.set(moment::expiry, 100us);
  if (kernel) r.set(moment::waking, 103us);
  r.set(moment::first_reading, 103us + waking_to_first);
  r.set(moment::second_reading, 104us + waking_to_first);
  return r;
}

} // namespace

TEST_CASE("shares and medians of series and classes") {
  std::vector<wake_run> runs;
  for (int i = 0; i < 40; ++i) runs.push_back(run(false, i < 6, i < 7, i < 6 ? 24us : 10us));
  for (int i = 0; i < 40; ++i) runs.push_back(run(true, i < 27, i < 26, i < 27 ? 30us : 16us));
  const auto s = wake_summary::of(runs);
  REQUIRE(s.by_series.size() == 2);
  CHECK(s.by_series[0].share_migrated() == doctest::Approx(6 / 40.0));
  CHECK(s.by_series[0].migrated_user == 7);
  CHECK(s.by_series[1].share_migrated() == doctest::Approx(27 / 40.0));
  CHECK(s.by_series[1].migrated_user == 26);
  REQUIRE(s.by_class.size() == 4);
  CHECK_FALSE(s.by_class[0].migrated);
  CHECK(s.by_class[0].waking_to_first.middle == 10us);
  CHECK(s.by_class[1].runs == 6);
  CHECK(s.by_class[1].waking_to_first.middle == 24us);
  CHECK(s.by_class[1].expiry_to_first.middle == 27us);
  CHECK(s.by_class[2].waking_to_first.middle == 16us);
  CHECK(s.by_class[3].runs == 27);
}

TEST_CASE("without the kernel's events user space says what migrated") {
  std::vector<wake_run> runs;
  for (int i = 0; i < 10; ++i) runs.push_back(run(true, std::nullopt, i < 4, 10us));
  const auto s = wake_summary::of(runs);
  REQUIRE(s.by_series.size() == 1);
  CHECK(s.by_series[0].share_migrated() == doctest::Approx(0.4));
  CHECK(s.by_series[0].kernel_known == 0);
  CHECK(s.by_series[0].complete == 0);
  REQUIRE(s.by_class.size() == 2);
  CHECK(s.by_class[1].runs == 4);
  CHECK(s.by_class[1].waking_to_first.count == 0);
  CHECK(s.by_class[1].expiry_to_first.count == 4);
  CHECK(wake_summary::of({}).by_series.empty());
}

TEST_CASE("the interval of a median: known ranks, and too few values") {
  const auto of = [](int n) {
    std::vector<nanoseconds> values;
    for (int i = n; i > 0; --i) values.push_back(nanoseconds(i));
    return wake_summary::median_of(values);
  };
  CHECK(of(0).count == 0);
  CHECK_FALSE(of(5).has_interval); // the extremes of five cover it in 93.75 %
  CHECK(of(6).has_interval);
  CHECK(of(6).low == 1ns);
  CHECK(of(6).high == 6ns);
  CHECK(of(4).middle == 2ns); // between 2 and 3, in whole nanoseconds
  CHECK(of(20).low == 6ns);   // tables of the binomial distribution: ranks 6 and 15
  CHECK(of(20).high == 15ns);
  CHECK(of(100).low == 40ns); // ranks 40 and 61
  CHECK(of(100).high == 61ns);
  CHECK(of(10000).low.count() == doctest::Approx(4902).epsilon(0.001));
}

TEST_CASE("the interval covers the true median in 95 % of series or a little more") {
  std::mt19937_64 random(5);
  std::exponential_distribution<double> wait(1);
  for (const int n : {8, 40, 200}) {
    int covered = 0;
    constexpr int rounds = 4000;
    for (int i = 0; i < rounds; ++i) {
      std::vector<nanoseconds> values;
      for (int k = 0; k < n; ++k) values.push_back(nanoseconds(std::llround(1e6 * wait(random))));
      const auto m = wake_summary::median_of(values);
      const nanoseconds truth(std::llround(1e6 * std::log(2.0)));
      covered += m.low <= truth && truth <= m.high;
    }
    INFO(n);
    CHECK(covered > rounds * 0.94);
    CHECK(covered < rounds * 0.995);
  }
}

TEST_CASE("samples of the two time lines") {
  std::vector<wake_run> runs(3, run(true, true, true, 5us));
  runs[0].source_after = "tsc", runs[1].source_after = "hpet", runs[2].source_after = "tsc";
  for (wake_run& r : runs) r.mark = 1109us + 500ns, r.after_mark = 111us;
  runs.push_back(run(false, std::nullopt, false, 5us)); // without a mark
  const auto samples = wake_summary::kernel_samples(runs);
  REQUIRE(samples.size() == 3);
  CHECK(samples[0].time == 109us);
  CHECK(samples[0].low == 998us + 500ns);
  CHECK(samples[0].high == 1000us + 500ns);
  CHECK(samples[0].source == 0);
  CHECK(samples[1].source == 1);
  CHECK(samples[2].source == 0);
  CHECK(samples[0].migrated);
  CHECK(samples[0].loaded);
}
