// A scheduler in GLib's main loop, as programs of GTK and GStreamer have it: any number of timers with slack, one source.
#include <chrono>
#include <cstdio>
#include <takt/interop/glib.hpp>

int main() {
  using namespace std::chrono_literals;
  GMainLoop* const loop = g_main_loop_new(nullptr, FALSE);
  {
    takt::grid_scheduler timers;
    takt::glib_attachment attached(nullptr, timers);
    auto beat = timers.every(10ms, takt::slack(5ms), [] { std::puts("beat"); });
    timers.after(50ms, takt::slack(10ms), [loop] { g_main_loop_quit(loop); }).detach();
    g_main_loop_run(loop);
  }
  g_main_loop_unref(loop);
}
