// A housekeeping thread that is in no hurry: every second or so, with half a second of slack. The kernel may wake it
// with any interrupt that comes anyway while the window is open, and at the latest at the roundest point of the window,
// where others with slack wake up too. It ends at once when it is asked to, not at the end of its sleep.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <takt/timer/sleep.hpp>
#include <thread>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  using std::chrono::steady_clock;
  const std::chrono::seconds run_for(argc > 1 ? std::atol(argv[1]) : 5);

  const auto start = steady_clock::now();
  std::jthread housekeeper([start](const std::stop_token& token) {
    auto due = steady_clock::now() + 1s;
    while (takt::sleep_until_within(due, 500ms, token)) {
      const auto now = steady_clock::now();
      std::printf("%.3f s: tidied up, %.1f ms into the window\n", std::chrono::duration<double>(now - start).count(),
                  std::chrono::duration<double, std::milli>(now - due).count());
      std::fflush(stdout);
      due += 1s; // from the deadline, not from now: no drift
    }
    std::printf("asked to stop\n");
  });
  takt::sleep_until(start + run_for);
} // jthread: requests the stop and joins
