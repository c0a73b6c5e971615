/// kernel.hpp - the whole room: what Linux can tell and do.
#pragma once
#include <takt/kernel/boot_id.hpp>
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/steered_rate.hpp>
#include <takt/kernel/tick.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/kernel/vdso.hpp>
