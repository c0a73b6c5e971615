// A control loop: once every 10 ms, without drift, with a count of the cycles that were late. A second controller that
// names the same grid samples at the same moments.
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <exception>
#include <takt/sleep/periodic.hpp>
#include <thread>

namespace {

// A plant that follows its input sluggishly, and a proportional controller for it.
struct plant {
  double value = 0;
  void step(double input, double seconds) { value += (input - value) * seconds / 0.2; }
};

} // namespace

int main() try {
  using namespace std::chrono_literals;
  const double target = 1.0, gain = 4.0;
  plant p;
  takt::periodic beat(takt::grid(10ms), takt::overrun::report);
  auto last = std::chrono::steady_clock::time_point();
  while (const auto tick = beat.wait()) {
    if (tick->overrun) {
      std::printf("cycle %" PRIu64 " came %.1f ms late, %" PRIu64 " points were given up\n", beat.counts().cycles,
                  std::chrono::duration<double, std::milli>(tick->lateness).count(), tick->missed);
    }
    // The step is from deadline to deadline: exact, whatever the lateness of either.
    const double seconds = beat.counts().cycles > 1 ? std::chrono::duration<double>(tick->due - last).count() : 0.01;
    last = tick->due;
    p.step(gain * (target - p.value) + target, seconds);
    if (beat.counts().cycles == 50) std::this_thread::sleep_for(35ms); // something takes too long, once
    if (beat.counts().cycles == 100) break;
  }
  const auto& c = beat.counts();
  std::printf("%" PRIu64 " cycles, %" PRIu64 " overruns, %" PRIu64 " points given up; value %.4f\n", c.cycles, c.overruns,
              c.missed, p.value);
  std::printf("lateness: mean %.1f us, most %.1f us\n",
              std::chrono::duration<double, std::micro>(c.lateness).count() / static_cast<double>(c.cycles),
              std::chrono::duration<double, std::micro>(c.max_lateness).count());
} catch (const std::exception& e) {
  std::fprintf(stderr, "control_loop: %s\n", e.what());
  return 1;
}
