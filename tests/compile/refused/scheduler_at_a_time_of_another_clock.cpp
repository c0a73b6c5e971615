// expect: no matching (member )?function
// A scheduler on CLOCK_MONOTONIC takes no time of the wall clock.
#include <takt/scheduler/scheduler.hpp>
#ifdef TAKT_CONTROL
using clock_of_time = std::chrono::steady_clock;
#else
using clock_of_time = std::chrono::system_clock;
#endif
takt::timer_handle add(takt::grid_scheduler& timers, clock_of_time::time_point when) {
  return timers.at(when, takt::slack(std::chrono::seconds(1)), [] {});
}
