/// clock.hpp - the room clock/: whether the counter can be trusted, how fast it is, and clocks that run by it.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/clock_events.hpp>
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/dated_ticks.hpp>
#include <takt/clock/rate_estimate.hpp>
#include <takt/clock/rate_sources.hpp>
#include <takt/clock/shared_anchor.hpp>
#include <takt/clock/shared_calibration.hpp>
#include <takt/clock/steering.hpp>
#include <takt/clock/stopwatch.hpp>
#include <takt/clock/time_line.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/clock/writer_lock.hpp>
