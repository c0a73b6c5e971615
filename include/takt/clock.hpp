/// clock.hpp - the room clock/: whether the counter can be trusted.
#pragma once
#include <takt/clock/verdict.hpp>
