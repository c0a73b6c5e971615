/// observe.hpp - the room observe/: watching time itself.
#pragma once
#include <takt/observe/clock_history.hpp>
#include <takt/observe/clock_watch.hpp>
#include <takt/observe/run_guard.hpp>
#include <takt/observe/watch_event.hpp>
