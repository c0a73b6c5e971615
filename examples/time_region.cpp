// Timing a region of a program: how long a lookup takes, without what timing it adds, and without the runs in which the
// thread was moved to another CPU in the middle.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <takt/clock/stopwatch.hpp>
#include <vector>

int main() {
  using namespace std::chrono_literals;
  std::error_code ec;
  const takt::tsc_calibration rate = takt::calibrate(5ms, ec);
  if (ec) return std::printf("this machine's counter times nothing: %s\n", ec.message().c_str()), 0;

  std::map<unsigned, unsigned> squares;
  for (unsigned i = 0; i < 10'000; ++i) squares[i * 7919 % 10'007] = i;

  takt::stopwatch watch;
  std::vector<takt::ticks> laps;
  unsigned long found = 0;
  int moved = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    watch.start();
    found += squares.count(i * 104'729 % 10'007);
    asm volatile("" : "+r"(found)); // the result is wanted here, and not after the stop
    const takt::stopwatch::lap lap = watch.stop();
    if (lap.moved() == true) ++moved;
    else laps.push_back(lap.elapsed());
  }
  std::sort(laps.begin(), laps.end());
  const auto ns = [&](std::size_t i) {
    return rate.rate().to<std::chrono::duration<double, std::nano>>(laps[i]).count();
  };
  std::printf("%lu found; a lookup takes %.1f ns, one in a hundred %.1f ns or more\n", found, ns(laps.size() / 2),
              ns(laps.size() * 99 / 100));
  std::printf("the two reads by themselves: %llu ticks, taken off; moved in %d laps\n",
              static_cast<unsigned long long>(watch.overhead().count()), moved);
}
