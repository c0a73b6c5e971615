#pragma once
#include <system_error>
#include <takt/clock/tsc_clock.hpp>
#include <takt/scheduler/scheduler.hpp>

namespace plugin {
[[gnu::visibility("default")]] std::error_code error();
[[gnu::visibility("default")]] const void* clock_state();
[[gnu::visibility("default")]] unsigned forks();
/// Adds a timer that cancels itself in its second callback and then stops the scheduler. Returns: its callbacks so far.
[[gnu::visibility("default")]] const int* add_timer(takt::grid_scheduler& timers);
} // namespace plugin
