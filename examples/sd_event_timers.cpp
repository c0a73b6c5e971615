// A scheduler in systemd's event loop: any number of timers with slack, one source of the loop.
#include <chrono>
#include <cstdio>
#include <takt/interop/sd_event.hpp>

int main() {
  using namespace std::chrono_literals;
  sd_event* loop = nullptr;
  if (sd_event_default(&loop) < 0) return 1;
  {
    takt::grid_scheduler timers;
    takt::sd_event_attachment attached(loop, timers);
    auto beat = timers.every(10ms, takt::slack(5ms), [] { std::puts("beat"); });
    timers.after(50ms, takt::slack(10ms), [loop] { sd_event_exit(loop, 0); }).detach();
    sd_event_loop(loop);
  }
  sd_event_unref(loop);
}
