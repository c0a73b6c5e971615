/// kernel.hpp - the room kernel/, floor 1: what Linux can tell and do.
///
/// To add a file of /proc or /sys, write kernel/NAME.hpp as tick.hpp is written: a parser that takes the text and
/// returns facts or malformed_text, by the functions of detail/text.hpp, and read<Os>(), which reads the file by
/// detail::read_text. Its tests are tests/unit/NAME_test.cpp and one letter of tests/fuzz/kernel_text_fuzz.cpp.
///
/// Not included here, nor by takt.hpp, for few programs need them: perf_event.hpp and perf_group.hpp, which count
/// cycles and instructions; interrupts.hpp, which counts timer interrupts; vdso_data.hpp, which reads the data page of
/// the vDSO.
#pragma once
#include <takt/kernel/boot_id.hpp>
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/clock_ids.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/os_files.hpp>
#include <takt/kernel/os_machine.hpp>
#include <takt/kernel/os_perf.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/realtime.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/kernel/steered_rate.hpp>
#include <takt/kernel/tick.hpp>
#include <takt/kernel/timer_fd.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/kernel/vdso.hpp>
