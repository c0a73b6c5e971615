/// observe.hpp - the room observe/: watching time itself.
#pragma once
#include <takt/observe/run_guard.hpp>
