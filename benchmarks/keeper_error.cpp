// keeper_error [SECONDS [busy]]: how far tsc_clock is from CLOCK_MONOTONIC while a keeper checks after it once a second.
//
// Ten comparisons every millisecond, each the kernel's clock between two reads of tsc_clock; those with a bracket as narrow as
// the narrowest quarter count, so that an interrupt cannot pass for an error. The first three seconds are the keeper's to find
// the rate. `busy`: two threads more keep two CPUs busy. Run it while NTP does not steer the kernel's clock: it says if NTP does.
#include "arguments.hpp"
#include <takt/clock/tsc_clock.hpp>
#include <takt/kernel/steered_rate.hpp>
#include <takt/timer/keeper.hpp>
#include <takt/sleep/sleep.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;
using takt::tsc_clock;

struct comparison {
  std::int64_t error, width; // ns; positive: tsc_clock is ahead
};

comparison compare() {
  const auto before = tsc_clock::now().time_since_epoch();
  const auto now = kernel::now().time_since_epoch();
  const auto after = tsc_clock::now().time_since_epoch();
  return {((before - now) + (after - now)).count() / 2, (after - before).count()};
}

double steered_ppm() {
  std::error_code ec;
  return takt::steered_rate::read(ec).ppm;
}

} // namespace

int main(int argc, char** argv) {
  const bool busy = argc == 3 && std::string(argv[2]) == "busy";
  const arguments given(argc, argv, "keeper_error [SECONDS [busy]]", busy ? 2 : 1);
  const std::chrono::seconds length(given.number(1, 1, 60));
  const double steered = steered_ppm();
  const auto c = tsc_clock::calibrate(5ms, 1s);
  takt::clock_keeper keeper(1s);
  std::this_thread::sleep_for(3s);
  std::atomic<bool> done{false};
  std::vector<std::thread> load;
  for (int i = 0; busy && i < 2; ++i) load.emplace_back([&] { while (!done.load(std::memory_order_relaxed)) {} });

  std::vector<comparison> all;
  const auto begin = kernel::now();
  for (auto next = begin; next - begin < length; next = std::max(next + 1ms, kernel::now())) {
    takt::sleep_until(next);
    for (int i = 0; i < 10; ++i) all.push_back(compare());
  }
  done = true;
  for (auto& t : load) t.join();

  std::vector<std::int64_t> widths, errors;
  for (const auto& one : all) widths.push_back(one.width);
  std::nth_element(widths.begin(), widths.begin() + static_cast<std::ptrdiff_t>(widths.size() / 4), widths.end());
  const std::int64_t narrow = widths[widths.size() / 4];
  std::int64_t min_error = 0, max_error = 0;
  for (const auto& one : all) {
    if (one.width > narrow) continue;
    errors.push_back(one.error < 0 ? -one.error : one.error);
    min_error = std::min(min_error, one.error), max_error = std::max(max_error, one.error);
  }
  std::sort(errors.begin(), errors.end());
  const auto at = [&](double q) { return errors[static_cast<std::size_t>(q * static_cast<double>(errors.size() - 1))]; };
  const takt::clock_keeper<>::report_type r = keeper.report();
  std::printf("%s, keeper 1 s, %lld s%s\n", to_string(c).c_str(), static_cast<long long>(length.count()), busy ? ", two CPUs busy" : "");
  std::printf("error in ns: p50 %lld, p99 %lld, p99.99 %lld, from %lld to %lld, of %zu comparisons within %lld ns\n",
              static_cast<long long>(at(0.5)), static_cast<long long>(at(0.99)), static_cast<long long>(at(0.9999)),
              static_cast<long long>(min_error), static_cast<long long>(max_error), errors.size(), static_cast<long long>(narrow));
  std::printf("keeper: %llu checks, found it behind in %llu, let it slew in %llu (or both), "
              "most ahead %lld ns, most behind %lld ns, jumps %llu\n",
              static_cast<unsigned long long>(r.checks), static_cast<unsigned long long>(r.corrected_forward),
              static_cast<unsigned long long>(r.slewed), static_cast<long long>(r.max_ahead.count()),
              static_cast<long long>(r.max_behind.count()), static_cast<unsigned long long>(r.counter_jumps));
  if (steered != 0 || steered_ppm() != steered)
    std::printf("the clock is steered: %.3f ppm before, %.3f ppm after\n", steered, steered_ppm());
  return 0;
}
