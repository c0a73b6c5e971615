// A program whose own loop waits on several descriptors and wants to know what happens to the clocks: the watch gives one
// more descriptor and starts no thread. `clock_events 30` ends after 30 seconds. To see an event, set the clock meanwhile,
// on a machine that nothing else uses.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <takt/observe/clock_watch.hpp>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  using watch_kind = takt::watch_event::kind_type;
  const std::chrono::seconds run_for(argc > 1 ? std::atol(argv[1]) : 5);

  takt::clock_watch watch(1s);
  const auto end = std::chrono::steady_clock::now() + run_for;
  for (auto now = std::chrono::steady_clock::now(); now < end; now = std::chrono::steady_clock::now()) {
    pollfd descriptors[] = {{watch.fd(), POLLIN, 0}}; // and the program's own
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - now);
    if (::poll(descriptors, 1, static_cast<int>(left.count())) <= 0) continue;
    for (const takt::watch_event& e : watch.take()) {
      switch (e.kind) {
      case watch_kind::suspend:
      case watch_kind::restored: std::printf("connections are stale: "); break;
      case watch_kind::step:
      case watch_kind::leap_applied: std::printf("times of day moved: "); break;
      case watch_kind::source_switched: std::printf("latencies are not comparable from here on: "); break;
      default: break;
      }
      std::printf("%s\n", to_string(e).c_str());
    }
  }
  std::printf("%llu checks, %llu of them notified by the kernel\n", static_cast<unsigned long long>(watch.checks()),
              static_cast<unsigned long long>(watch.notifications()));
}
