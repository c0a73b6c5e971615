// The other half of main.cpp: a shared object whose symbols are hidden unless they say otherwise.
#include "plugin.hpp"

std::error_code plugin::error() { return takt::errc::no_effect; }
const void* plugin::clock_state() { return &takt::detail::tsc_state<takt::tsc_clock::reference, takt::detail::hardware_counter, takt::linux_os>; }
const int* plugin::add_timer(takt::grid_scheduler& timers) {
  static takt::timer_handle own;
  static int called = 0;
  own = timers.every(std::chrono::milliseconds(1), takt::slack(std::chrono::microseconds(100)), [&timers] {
    if (++called < 2) return;
    if (own.cancel() && own.status() == takt::timer_handle::state::running) timers.stop();
  });
  return &called;
}
unsigned plugin::forks() { return takt::linux_os::fork_count(); }

// The functions that a program finds by name after it has opened the object.
extern "C" [[gnu::visibility("default")]] const int* plugin_add_timer(takt::grid_scheduler* timers) {
  return plugin::add_timer(*timers);
}
extern "C" [[gnu::visibility("default")]] unsigned plugin_forks() { return plugin::forks(); }
