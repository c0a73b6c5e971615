// expect: (no matching (member )?function|constraints? not satisfied)
// Period and slack have different types, so that a call that swaps them does not compile.
#include <takt/scheduler/scheduler.hpp>
#include <chrono>

takt::timer_handle add(takt::grid_scheduler& timers) {
#ifdef TAKT_CONTROL
  return timers.every(std::chrono::seconds(1), takt::slack(std::chrono::milliseconds(100)), [] {});
#else
  return timers.every(takt::slack(std::chrono::milliseconds(100)), std::chrono::seconds(1), [] {});
#endif
}
