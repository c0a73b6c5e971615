// Abseil's times and takt's in one program: a deadline that an API of Abseil hands over becomes a sleep in a window, and a
// stamp of takt's clock becomes an absl::Time.
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <chrono>
#include <iostream>
#include <takt/clock/tsc_clock.hpp>
#include <takt/interop/absl.hpp>
#include <takt/sleep/sleep.hpp>

int main() {
  using namespace std::chrono_literals;
  const absl::Time deadline = absl::Now() + absl::Milliseconds(20);
  takt::sleep_until_within(takt::from_absl<std::chrono::steady_clock>(deadline), takt::slack(5ms));
  const absl::Time woken = takt::to_absl(takt::tsc_clock::now());
  std::cout << "late by " << woken - deadline << ", of which the slack allows " << takt::to_absl(5ms) << '\n';

  const auto for_ever = takt::from_absl<std::chrono::nanoseconds>(absl::InfiniteDuration());
  std::cout << "infinite: " << (for_ever == for_ever.max()) << '\n';
}
