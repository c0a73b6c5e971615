// expect: (no matching (member )?function|constraints? not satisfied)
// What is called back takes nothing, or the event; a callback that wants something else is told so where it is handed over.
#include <takt/timer/scheduler.hpp>
takt::timer_handle add(takt::grid_scheduler& timers) {
#ifdef TAKT_CONTROL
  return timers.after(std::chrono::seconds(1), std::chrono::seconds(1), [](const takt::grid_scheduler::event&) {});
#else
  return timers.after(std::chrono::seconds(1), std::chrono::seconds(1), [](int) {});
#endif
}
