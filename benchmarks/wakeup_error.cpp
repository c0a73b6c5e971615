/// wakeup_error.cpp - how long after a point of the 10 ms grid an aligned sleep ends: one line of nanoseconds a sleep.
///
///   wakeup_error SLACK COUNT     SLACK in nanoseconds; 0: what the thread has by default
/// wakeup_error.sh makes medians of it and puts cyclictest beside them.
#include "arguments.hpp"
#include <takt/sleep/sleep.hpp>

#include <chrono>
#include <cstdio>
#include <optional>
#include <vector>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  using std::chrono::nanoseconds;
  using mono = takt::posix_clock<CLOCK_MONOTONIC>;
  const arguments given(argc, argv, "wakeup_error SLACK COUNT", 2);
  const nanoseconds slack(given.number(1, 0));
  const std::int64_t count = given.number(2, 1);
  std::optional<takt::scoped_timer_slack<>> own;
  if (slack > 0ns) own.emplace(slack);
  const takt::grid beat(10ms);
  std::vector<nanoseconds> errors;
  auto due = beat.next(mono::now() - takt::grid_origin());
  for (std::int64_t i = 0; i < count; ++i, due += beat.period()) {
    takt::sleep_until(due + takt::grid_origin());
    errors.push_back(mono::now() - takt::grid_origin() - due);
  }
  for (const nanoseconds e : errors) std::printf("%lld\n", static_cast<long long>(e.count()));
}
