// Following the wall clock for the price of a counter read: tsc_clock on CLOCK_REALTIME, with a keeper that the kernel
// notifies at once when the system clock is set. Such a clock steps when the system clock does, so it is for calendars and
// never for deadlines; is_steady says so.
#include <chrono>
#include <cstdio>
#include <ctime>
#include <takt/clock/tsc_clock.hpp>
#include <takt/timer/keeper.hpp>
#include <thread>

using wall_clock = takt::basic_tsc_clock<takt::posix_clock<CLOCK_REALTIME>, takt::ordered_counter>;
static_assert(!wall_clock::is_steady);

int main() {
  using namespace std::chrono_literals;
  takt::clock_keeper<wall_clock> keeper;
  if (wall_clock::source() != takt::clock_path::counter) // slower, and right all the same
    std::printf("by the kernel's path: %s\n", keeper.report().first_error.message().c_str());

  for (int i = 0; i < 5; ++i) {
    const auto before = std::chrono::system_clock::now();
    const auto now = wall_clock::now();
    const auto after = std::chrono::system_clock::now();
    const auto kernel = before + (after - before) / 2;

    const auto second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
    const std::time_t seconds = second.count();
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::printf("%04d-%02d-%02d %02d:%02d:%02d.%09lld UTC, %+lld ns from system_clock\n", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                static_cast<long long>((now.time_since_epoch() - second).count()),
                static_cast<long long>((now.time_since_epoch() - kernel.time_since_epoch()).count()));
    std::this_thread::sleep_for(100ms);
  }
  const auto report = keeper.report();
  std::printf("the keeper made %llu checks; the system clock was set %llu times\n",
              static_cast<unsigned long long>(report.checks), static_cast<unsigned long long>(report.notifications));
}
