// A scheduler in libuv's event loop: any number of timers with slack, one handle of the loop.
#include <chrono>
#include <cstdio>
#include <takt/interop/uv.hpp>

int main() {
  using namespace std::chrono_literals;
  uv_loop_t* const loop = uv_default_loop();
  {
    takt::grid_scheduler timers;
    takt::uv_attachment attached(loop, timers);
    auto beat = timers.every(10ms, takt::slack(5ms), [] { std::puts("beat"); });
    timers.after(50ms, takt::slack(10ms), [loop] { uv_stop(loop); }).detach();
    uv_run(loop, UV_RUN_DEFAULT);
  }
  uv_run(loop, UV_RUN_DEFAULT); // frees what the attachment has closed
  return uv_loop_close(loop);
}
