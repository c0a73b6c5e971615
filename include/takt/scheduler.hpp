/// scheduler.hpp - the room scheduler/, floor 4: many timers, few wake-ups.
#pragma once
#include <takt/scheduler/scheduler.hpp>
#include <takt/scheduler/statistics.hpp>
#include <takt/scheduler/timer_event.hpp>
#include <takt/scheduler/timer_handle.hpp>
#include <takt/scheduler/wakeup_rule.hpp>
