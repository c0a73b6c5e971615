// Following the wall clock for the price of a counter read: tsc_clock on CLOCK_REALTIME, with a keeper that is told at
// once when somebody sets the system clock. Such a clock steps when the system clock does, so it is for calendars and
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
  std::error_code ec;
  wall_clock::calibrate(5ms, ec, 1s);
  if (ec) std::printf("by the kernel's road, for %s\n", ec.message().c_str()); // slower, and right all the same
  takt::clock_keeper<wall_clock> keeper(1s, ec);
  if (ec) return std::printf("no keeper: %s\n", ec.message().c_str()), 1;

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
  std::printf("the keeper looked %llu times; the system clock was set %llu times\n",
              static_cast<unsigned long long>(report.looks), static_cast<unsigned long long>(report.told));
}
