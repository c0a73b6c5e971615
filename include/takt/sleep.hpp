/// sleep.hpp - the room sleep/, floor 3: sleeping on the grid.
///
/// wait_until_past.hpp, which waits by the bounded_clock of clock/, is not included here, nor by takt.hpp.
#pragma once
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>
#include <takt/sleep/periodic.hpp>
#include <takt/sleep/phase.hpp>
#include <takt/sleep/slack.hpp>
#include <takt/sleep/sleep.hpp>
#include <takt/sleep/spin_tail.hpp>
