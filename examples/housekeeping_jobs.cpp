// Housekeeping jobs in one thread, each with a period of its own and half of it as slack. They run at round points of the
// clock, together with each other and with jobs of other processes that do the same, so that one wake-up of the machine
// serves all of them.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <takt/scheduler/scheduler.hpp>
#include <thread>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  const std::chrono::seconds run_for(argc > 1 ? std::atol(argv[1]) : 10);

  takt::grid_scheduler timers;
  const auto job = [&timers](const char* name, std::chrono::milliseconds period) {
    return timers.every(period, takt::slack(period / 2), [name](const takt::grid_scheduler::event& e) {
      std::printf("%10.3f s: %s, %.0f ms into its window\n", std::chrono::duration<double>(e.now.time_since_epoch()).count(),
                  name, std::chrono::duration<double, std::milli>(e.now - e.earliest).count());
      std::fflush(stdout);
    });
  };
  const auto flush = job("flush the log", 700ms);
  const auto expire = job("expire sessions", 1100ms);
  const auto report = job("report metrics", 2300ms);
  const auto watch = job("look at the configuration", 3100ms);

  std::jthread housekeeper([&timers](const std::stop_token& token) { timers.run(token); });
  std::this_thread::sleep_for(run_for);
  housekeeper.request_stop();
  housekeeper.join();
  const auto s = timers.statistics();
  std::printf("%llu jobs in %llu wake-ups\n", static_cast<unsigned long long>(s.fired()),
              static_cast<unsigned long long>(s.wakeups()));
} // the handles die before the scheduler
