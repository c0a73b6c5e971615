/// clock.hpp - the room clock/, floor 2: whether the counter can be trusted, how fast it is, and clocks that run by it.
///
/// Not included here, nor by takt.hpp, for few programs need them: tick_history.hpp, which dates the ticks of a log in
/// another process; bounded_clock.hpp, which bounds UTC, and bounded_time.hpp, which has its result;
/// counting_stopwatch.hpp, which counts cycles too; perf_clock.hpp, which converts the stamps of perf;
/// rate_sources.hpp, which lists the rates that CPUID, hypervisor, firmware, the kernel's log and perf state;
/// counter_offset.hpp, which compares the counters of two CPUs.
#pragma once
#include <takt/clock/anchor_finding.hpp>
#include <takt/clock/calibration.hpp>
#include <takt/clock/clock_cast.hpp>
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/clock_point.hpp>
#include <takt/clock/discipline_report.hpp>
#include <takt/clock/shared_calibration.hpp>
#include <takt/clock/stopwatch.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/clock/tsc_clock_discipline.hpp>
#include <takt/clock/verdict.hpp>
