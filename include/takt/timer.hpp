/// timer.hpp - the room timer/: sleeping and scheduling on the grid.
#pragma once
#include <takt/timer/alarm.hpp>
#include <takt/timer/grid_origin.hpp>
#include <takt/timer/keeper.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/nanosleep_aligned.hpp>
#include <takt/timer/periodic.hpp>
#include <takt/timer/phase.hpp>
#include <takt/timer/realtime.hpp>
#include <takt/timer/scheduler.hpp>
#include <takt/timer/sleep.hpp>
#include <takt/timer/spin_tail.hpp>
#include <takt/timer/timer_fd.hpp>
#include <takt/timer/told_timer.hpp>
#include <takt/timer/wakeup_rule.hpp>
#include <takt/timer/wall_timer.hpp>
