// A housekeeping thread that is in no hurry: every second or so, with half a second of slack. The kernel may wake it
// with a timer interrupt that comes anyway while the window is open (one that serves all timers of its CPU with an
// earlier end), and at the latest at the roundest point of the window, where others with slack wake up too. It ends at
// once when it is asked to, not at the end of its sleep.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stop_token>
#include <system_error>
#include <takt/sleep/sleep.hpp>
#include <thread>

int main(int argc, char** argv) try {
  using namespace std::chrono_literals;
  using std::chrono::steady_clock;
  const std::chrono::seconds run_for(argc > 1 ? std::atol(argv[1]) : 5);

  const auto start = steady_clock::now();
  std::error_code failed; // what is thrown in a thread would end the program
  std::jthread housekeeper([start, &failed](const std::stop_token& token) {
    auto due = steady_clock::now() + 1s;
    while (takt::sleep_until_within(due, takt::slack(500ms), token, failed)) {
      const auto now = steady_clock::now();
      std::printf("%.3f s: tidied up, %.1f ms into the window\n", std::chrono::duration<double>(now - start).count(),
                  std::chrono::duration<double, std::milli>(now - due).count());
      std::fflush(stdout);
      due += 1s; // from the deadline, not from now: no drift
    }
    if (!failed) std::printf("asked to stop\n");
  });
  takt::sleep_until(start + run_for);
  housekeeper.request_stop();
  housekeeper.join();
  if (failed) throw std::system_error(failed, "the housekeeper's sleep");
} catch (const std::exception& e) {
  std::fprintf(stderr, "housekeeping: %s\n", e.what());
  return 1;
}
