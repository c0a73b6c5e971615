// A loop in the style of C that wakes up together with other processes: it calls nanosleep_aligned instead of
// nanosleep, and one more argument names the grid of the wake-ups.
//
// It asks for 9 ms on a grid of 10 ms, so that 1 ms is left for the work and every point of the grid is met. Asking for
// 10 ms would mean "at least 10 ms, then up to the next point": 20 ms from one wake-up to the next.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <takt/sleep/nanosleep_aligned.hpp>

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 20;
  for (int i = 0; i < count; ++i) {
    if (takt::nanosleep_aligned({0, 9'000'000}, takt::SLACK_VALUE_10MS) != 0) {
      std::perror("nanosleep_aligned");
      return 1;
    }
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    std::printf("%lld.%09ld\n", static_cast<long long>(now.tv_sec), now.tv_nsec);
  }
}
