/// timer.hpp - the room timer/, floor 4: kernel timers that survive changes of the clock.
#pragma once
#include <takt/timer/alarm.hpp>
#include <takt/timer/clock_change_timer.hpp>
#include <takt/timer/keeper.hpp>
#include <takt/timer/wall_timer.hpp>
