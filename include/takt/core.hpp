/// core.hpp - the room core/, floor 0: arithmetic that needs no machine.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/fixed_point.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>
#include <takt/core/print.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/core/timespec.hpp>
