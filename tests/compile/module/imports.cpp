// Protects: a program that imports takt and includes none of its headers stamps, sleeps, schedules and prints. What is
// found without being named works: operators, conversions, specialisations of templates of the standard library.
#include "shared.hpp"
#include <chrono>
#include <cstdio>
#include <sstream>
#include <string>
#include <system_error>
#include <time.h>
#include <version>
#if __has_include(<format>)
#include <format>
#endif

import takt;

using namespace std::chrono_literals;

namespace {

int failed = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("does not hold: %s\n", what);
  ++failed;
}

template <class... T> std::string printed(const T&... values) {
  std::ostringstream out;
  (out << ... << values);
  return out.str();
}

void stamps() {
  const takt::tsc_calibration measured = takt::tsc_clock::calibrate(5ms);
  const auto first = takt::tsc_clock::now();
  const auto second = takt::tsc_clock::now();
  check(first <= second && second - first < 10s, "tsc_clock goes forward");
  using mono = takt::posix_clock<CLOCK_MONOTONIC>;
  const auto steady = takt::clock_cast<mono>(second);
  check(steady.time_since_epoch() > 0s, "clock_cast to the kernel's clock");
  const takt::tick_point begin = takt::region_begin();
  const takt::ticks length = takt::region_end() - begin;
  check(length >= takt::ticks(0) && length + takt::ticks(1) > length, "ticks are compared and added");
  check(takt::fast_tsc_clock::now().time_since_epoch() > 0s, "fast_tsc_clock");
  check(!printed(measured).empty() && !printed(takt::tsc_clock::now()).empty(), "a calibration and a time print");
  std::printf("%s\n", printed(measured).c_str());
}

void prints() {
  check(printed(takt::ticks(1234)) == "1234 ticks", "ticks print");
  check(printed(takt::frequency(2596143823.0)) == "2596.143823 MHz", "a frequency prints");
  check(printed(takt::grid(10ms, 2ms)) == "every 10 ms, phase 2 ms", "a grid prints");
  check(printed(takt::posix_clock<CLOCK_REALTIME>::time_point(1ns)) == "1970-01-01T00:00:00.000000001Z", "UTC prints");
  const std::error_code ec = takt::errc::not_calibrated;
  check(printed(takt::errc::not_calibrated) == ec.message(), "an error prints");
#if defined(__cpp_lib_format)
  check(std::format("{:>8}", takt::ticks(7)) == " 7 ticks", "std::format");
#endif
}

void errors() {
  const std::error_code ec = takt::errc::no_effect;
  check(ec == takt::errc::no_effect && ec.category() == takt::error_category(), "an error code of takt");
  check(&ec.category() == shared::category(), "one error category in the program");
}

void sleeps() {
  const auto begin = std::chrono::steady_clock::now();
  takt::sleep_aligned(2ms, takt::grid(5ms));
  check(takt::nanosleep_aligned(timespec{0, 2'000'000}, takt::SLACK_VALUE_10MS) == 0, "nanosleep_aligned");
  takt::sleep_until_within(takt::posix_clock<CLOCK_MONOTONIC>::now() + 1ms, takt::slack(5ms));
  check(std::chrono::steady_clock::now() - begin >= 5ms, "no sleep ends early");
  int beats = 0;
  for (auto beat : takt::periodic(takt::grid(1ms))) {
    check(beat.lateness >= 0ns, "no beat is early");
    if (++beats == 3) break;
  }
}

void schedules() {
  takt::grid_scheduler timers;
  int calls = 0;
  auto handle = timers.every(2ms, takt::slack(1ms), [&] {
    if (++calls >= 3) timers.stop();
  });
  timers.after(1ms, takt::slack(1ms), [&] { ++calls; }).detach();
  timers.run();
  check(calls >= 3 && handle, "the scheduler calls back");
  const auto round = takt::roundest_point(11ns, 19ns, takt::ladder::binary);
  check(round && *round == 16ns, "a name of a namespace within");
}

void observes() {
  takt::run_guard guard;
  const takt::timer_interrupts none{};
  check(printed(guard.finish()).size() > 0, "a guarded run");
  check(takt::duration_histogram().count() == 0, "the headers that takt.hpp leaves out");
  (void)(none - none);
  std::error_code ec; // no /sys is no failure here
  (void)takt::clocksource::current(ec);
}

} // namespace

int main() {
  stamps();
  prints();
  errors();
  sleeps();
  schedules();
  observes();
  check(shared::source() == static_cast<int>(takt::tsc_clock::source()), "both units have the same clock");
  check(shared::works(), "the unit that imports and includes");
  return failed == 0 && takt::version > 0 ? 0 : 1;
}
