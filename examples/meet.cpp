// Two programs that know nothing of each other and wake up together. Start this one twice, in two terminals, whenever
// you like, with different periods if you like:
//
//   ./meet 50 &  ./meet 100
//
// Each prints where within its period it wakes up and which point of the grid that was: the phases are both next to
// zero, and every point of the slower one is a point of the faster one. The two programs agree on nothing but what a grid is.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <takt/sleep/sleep.hpp>
#include <unistd.h>

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;
  using std::chrono::steady_clock;
  const std::chrono::milliseconds period(argc > 1 ? std::atol(argv[1]) : 100);
  const int count = argc > 2 ? std::atoi(argv[2]) : 20;
  const auto beat = takt::grid::make(period);
  if (!beat) return std::fprintf(stderr, "usage: meet [PERIOD-IN-MS] [COUNT]\n"), 2;
  const auto origin = takt::grid_origin(); // not zero inside a time namespace

  for (int i = 0; i < count; ++i) {
    takt::sleep_aligned(period - 1ms, *beat);
    const auto now = steady_clock::now() - origin;
    const auto point = beat->floor(now);
    std::printf("process %d: point %.3f s, woke up %6.1f us after it\n", static_cast<int>(getpid()),
                std::chrono::duration<double>(point.time_since_epoch()).count(),
                std::chrono::duration<double, std::micro>(now - point).count());
    std::fflush(stdout);
  }
} catch (const std::exception& e) {
  std::fprintf(stderr, "meet: %s\n", e.what());
  return 1;
}
