// expect: (no matching (member )?function|constraints? not satisfied)
// A callback takes nothing, or the event; one that wants something else is refused where it is handed over.
#include <takt/scheduler/scheduler.hpp>
takt::timer_handle add(takt::grid_scheduler& timers) {
#ifdef TAKT_CONTROL
  return timers.after(std::chrono::seconds(1), takt::slack(std::chrono::seconds(1)), [](const takt::grid_scheduler::event&) {});
#else
  return timers.after(std::chrono::seconds(1), takt::slack(std::chrono::seconds(1)), [](int) {});
#endif
}
