// Protects: the rim around the estimator: budgets of every size, the stop rule, what is never read, what is printed,
// and that every bad pair of clocks ends in an error after a bounded number of readings.
#include <takt/clock/calibration.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <random>
#include <sstream>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

struct tag;
using machine = takt::testing::manual_machine<tag>;
using counter = takt::testing::manual_counter<tag>;
using reference = takt::testing::manual_reference<tag>;
using os = takt::testing::fake_os<tag>;

std::mt19937_64 randomness(1);

/// Reads take 20 to 23 ns: without that, all brackets would be equal and the rounding of the reference no noise.
void jitter() { machine::now.cost = 20 + static_cast<std::int64_t>(randomness() % 4); }

void fresh() {
  machine::reset();
  os::reset();
  randomness.seed(1);
  machine::now.ticks_per_ns = 2.596145832;
  machine::now.on_read = &jitter;
}

takt::tsc_calibration calibrate(auto budget, std::error_code& ec) {
  return takt::calibrate<reference, counter, os>(budget, ec);
}

double error_ppm(const takt::tsc_calibration& c) {
  return std::abs(c.rate().hertz() / (machine::now.ticks_per_ns * 1e9) - 1) * 1e6;
}

int reads_left = 0;
void (*then)() = nullptr;
/// Lets `what` happen once, in the middle of the n-th read from now.
void in(int reads, void (*what)()) {
  reads_left = reads;
  then = what;
  machine::now.on_read = [] {
    jitter();
    if (--reads_left == 0) then();
  };
}

std::error_code error_after(int reads, void (*what)()) {
  fresh();
  in(reads, what);
  std::error_code ec;
  const auto c = calibrate(1ms, ec);
  if (ec) CHECK(!c.rate().known());
  return ec;
}

} // namespace

TEST_CASE("the rate, within what is stated and asked for") {
  for (const auto& [budget, limit] : {std::pair<nanoseconds, double>{1ms, 1.0}, {5ms, 0.13}, {20ms, 0.035}}) {
    fresh();
    std::error_code ec;
    const std::int64_t begin = machine::now.time;
    const auto c = calibrate(budget, ec);
    REQUIRE(!ec);
    CHECK(error_ppm(c) < limit);
    CHECK(error_ppm(c) < c.uncertainty_ppm());
    CHECK(c.uncertainty_ppm() < 10 * limit);
    CHECK(c.origin() == takt::tsc_calibration::origin_kind::measured);
    CHECK(c.samples_used() > 500);
    CHECK(c.time_spent() <= budget + 1us);
    CHECK(c.time_spent() >= budget - 1us);
    CHECK(machine::now.time - begin < budget.count() + 1000);
    CHECK(c.window() > budget * 9 / 10);
  }
}

TEST_CASE("a budget that is none") {
  fresh();
  std::error_code ec;
  const std::int64_t begin = machine::now.time;
  for (const auto budget : {0ns, -1ns, nanoseconds::min()}) {
    const auto c = calibrate(budget, ec);
    CHECK(ec == std::errc::invalid_argument);
    CHECK(!c.rate().known());
    CHECK(c.origin() == takt::tsc_calibration::origin_kind::none);
  }
  CHECK(!calibrate(std::chrono::duration<double>(std::nan("")), ec).rate().known());
  CHECK(ec == std::errc::invalid_argument);
  CHECK(machine::now.time == begin); // nothing was read
}

TEST_CASE("a budget of a nanosecond takes as many readings as an estimate needs") {
  fresh();
  std::error_code ec;
  const auto c = calibrate(1ns, ec);
  REQUIRE(!ec);
  CHECK(c.time_spent() < 20us);
  CHECK(error_ppm(c) < c.uncertainty_ppm());
}

TEST_CASE("a budget of hours ends when the target is reached, or at the longest budget") {
  std::error_code ec;
  for (int clock = 0; clock < 2; ++clock) {
    fresh();
    // A machine that is slow to read, so that the test is not: 65 us a sample.
    machine::now.on_read = [] { machine::now.cost = 20'000 + static_cast<std::int64_t>(randomness() % 3'000); };
    const auto c = clock == 0 ? calibrate(std::chrono::hours::max(), ec) : calibrate(10h, ec);
    REQUIRE(!ec);
    CHECK(c.time_spent() <= takt::tsc_calibration::longest_budget + 1s);
    CHECK(error_ppm(c) < c.uncertainty_ppm());
  }
  fresh();
  const auto c = calibrate(10h, ec);
  REQUIRE(!ec);
  CHECK(c.uncertainty_ppm() <= takt::tsc_calibration::target_ppm);
  CHECK(c.time_spent() < 3s);
}

TEST_CASE("a thread that may not read the counter does not, nor the vDSO that would") {
  fresh();
  os::now.counter = {false, 0};
  std::error_code ec;
  const std::int64_t begin = machine::now.time;
  CHECK(!calibrate(5ms, ec).rate().known());
  CHECK(ec == takt::errc::counter_forbidden);
  CHECK(machine::now.time == begin);
  os::now.counter = {false, EINVAL}; // no such switch: the counter is allowed
  CHECK(calibrate(5ms, ec).rate().known());
}

TEST_CASE("clocks that stand still, run backwards or leap") {
  CHECK(error_after(1, [] { machine::bend_reference(0); }) == takt::errc::reference_stands_still);
  CHECK(error_after(3000, [] { machine::bend_reference(0); }) == takt::errc::reference_stands_still);
  CHECK(error_after(3000, [] { machine::bend_reference(-1); }) == takt::errc::reference_went_back);
  CHECK(error_after(3000, [] { machine::bend_reference(1, -1e6); }) == takt::errc::reference_went_back);
  CHECK(error_after(3000, [] { machine::bend_reference(1, 1e6); }) == takt::errc::clocks_disagree);
  CHECK(error_after(3000, [] { machine::bend_reference(1, 3600e9); }) == takt::errc::clocks_disagree);
  CHECK(error_after(1, [] { machine::bend_counter(0); }) == takt::errc::counter_stands_still);
  CHECK(error_after(3000, [] { machine::bend_counter(0); }) == takt::errc::counter_stands_still);
  CHECK(error_after(3000, [] { machine::bend_counter(-2.6); }) == takt::errc::counter_went_back);
  CHECK(error_after(3000, [] { machine::bend_counter(2.6, -1e6); }) == takt::errc::counter_went_back);
  CHECK(error_after(3000, [] { machine::bend_counter(2.6, 3600 * 2.6e9); }) == takt::errc::clocks_disagree);
}

TEST_CASE("a sampler that is preempted: in the beginning the window begins anew, elsewhere it goes on") {
  std::error_code ec;
  for (const int reads : {5, 100, 3000, 30000}) {
    fresh();
    in(reads, [] { machine::advance(4ms); });
    const auto c = calibrate(1ms, ec);
    REQUIRE(!ec);
    CHECK(error_ppm(c) < c.uncertainty_ppm());
    CHECK(error_ppm(c) < 1);
    CHECK(c.time_spent() < 6ms);
    CHECK(c.time_spent() > (reads < 384 ? 5ms : reads < 30000 ? 4ms : 1ms) - 1us);
  }
}

TEST_CASE("half of all samples late by milliseconds") {
  fresh();
  machine::now.on_read = [] {
    jitter();
    if (randomness() % 4 == 0) machine::advance(nanoseconds(randomness() % 4'000'000));
  };
  std::error_code ec;
  const auto c = calibrate(1s, ec);
  INFO(ec.message());
  REQUIRE(!ec);
  CHECK(error_ppm(c) < c.uncertainty_ppm());
  CHECK(error_ppm(c) < 0.1);
}

TEST_CASE("steering by the kernel widens the error bar of its own clocks, and of no other") {
  using kernel = takt::posix_clock<CLOCK_MONOTONIC>;
  using raw = takt::posix_clock<CLOCK_MONOTONIC_RAW>;
  fresh();
  os::now.resolutions[CLOCK_MONOTONIC_COARSE] = {{0, 4'000'000}, 0};
  const auto ppm = [](auto clock, nanoseconds window) {
    return takt::detail::steering_ppm<decltype(clock), os>(2.6e9, window);
  };
  CHECK(ppm(kernel{}, 1ms) == 0);
  os::now.adjtimex.value.freq = 1;
  CHECK(ppm(kernel{}, 1ms) == doctest::Approx(2.6 / 16.777216)); // one unit of a multiplier of 2^24 / 2.6
  CHECK(ppm(kernel{}, 60ms) == doctest::Approx(2.6 / 16.777216 / 10));
  CHECK(ppm(raw{}, 1ms) == 0);
  CHECK(ppm(reference{}, 1ms) == 0);
  os::now.adjtimex.value.freq = 0, os::now.adjtimex.value.tick = 10'001;
  CHECK(ppm(kernel{}, 1ms) > 0.1);
  os::now.adjtimex.value.tick = 10'000, os::now.adjtimex.value.offset = -1;
  CHECK(ppm(kernel{}, 1ms) > 0.1);
  os::now.adjtimex.error = EPERM, os::now.adjtimex.value.offset = 0;
  CHECK(ppm(kernel{}, 1ms) > 0.1); // unknown: it may be steered
}

TEST_CASE("what is printed") {
  const auto text = [](double hertz, double ppm, nanoseconds spent) {
    takt::detail::rate_estimate e;
    e.rate = takt::tick_rate(takt::frequency(hertz));
    e.uncertainty_ppm = ppm;
    std::ostringstream out;
    out << takt::tsc_calibration(e, takt::tsc_calibration::origin_kind::measured, spent);
    return out.str();
  };
  CHECK(text(2596143823.4, 0.05, 5ms) == "2596.143823 MHz +/- 0.05 ppm (measured, 5 ms)");
  CHECK(text(24e6, 1.26, 1001us) == "24.000000 MHz +/- 1.3 ppm (measured, 1 ms)");
  CHECK(text(1234, 0.000123, 2s) == "0.001234 MHz +/- 0.00012 ppm (measured, 2 s)");
  CHECK(text(1e9, 0, 8us) == "1000.000000 MHz +/- 0 ppm (measured, 8 us)");
  CHECK(text(1e9, 247.6, 12340us) == "1000.000000 MHz +/- 248 ppm (measured, 12 ms)");
  CHECK(text(1e9, 1e300, 1ms) == "1000.000000 MHz +/- inf ppm (measured, 1 ms)");
  CHECK(takt::to_string(takt::tsc_calibration()) == "not calibrated");
}
