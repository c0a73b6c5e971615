// expect: callback of a grid_timer must be trivially copyable and fit into its Room
// A node allocates nothing, so what it calls back has to fit into it.
#include <takt/scheduler/scheduler.hpp>
#ifdef TAKT_CONTROL
using node = takt::basic_grid_timer<takt::grid_scheduler, 2 * sizeof(void*)>;
#else
using node = takt::grid_timer;
#endif
void arm(takt::grid_scheduler& timers, int& a, int& b) {
  node timer(timers, [&a, &b] { a = b; });
  timer.arm(std::chrono::seconds(1), takt::slack(std::chrono::seconds(1)));
}
