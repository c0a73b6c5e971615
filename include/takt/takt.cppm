/// takt.cppm - takt as a C++20 module: a program that says `import takt;` does not parse the headers of takt.
///
///   clang++ -std=c++20 -I include -c include/takt/takt.cppm -fmodule-output=takt.pcm -o takt.o
///   clang++ -std=c++20 -fmodule-file=takt=takt.pcm program.cpp takt.o
///
/// takt.pcm serves programs that are compiled with the same -std, -fno-exceptions, -fno-rtti and -pthread; clang
/// rejects it in others. A program that imports takt is linked with takt.o.
///
/// It exports what takt.hpp offers, core/format.hpp, and the headers of clock/, kernel/, sleep/ and observe/ that
/// takt.hpp leaves out because of what they cost each time: a module costs that once. The headers of interop/ and
/// testing/ are not exported, because they need other libraries or are for tests. A program may include them, and all
/// other headers of takt, before or after `import takt;`: the names mean the same entities.
///
/// Does not promise: macros. A module exports none. TAKT_VERSION_MAJOR and the others are in <takt/core/config.hpp>;
/// takt::version is the version as a number.
/// Does not promise: names of the standard library and of <time.h>, for example std::chrono_literals and
/// CLOCK_MONOTONIC. A program includes the headers of the names that it uses.
/// Does not promise: compilers other than clang 22 and newer.
module;
#include <takt/takt.hpp>
#include <takt/clock/bounded_clock.hpp>
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/counting_stopwatch.hpp>
#include <takt/clock/perf_clock.hpp>
#include <takt/clock/rate_sources.hpp>
#include <takt/clock/tick_history.hpp>
#include <takt/core/format.hpp>
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/perf_event.hpp>
#include <takt/kernel/perf_group.hpp>
#include <takt/kernel/vdso_data.hpp>
#include <takt/observe/clock_history.hpp>
#include <takt/observe/clock_watch.hpp>
#include <takt/observe/coalescing.hpp>
#include <takt/observe/duration_histogram.hpp>
#include <takt/observe/line_offset.hpp>
#include <takt/observe/restore_signs.hpp>
#include <takt/observe/stamp_map.hpp>
#include <takt/observe/tick_probe.hpp>
#include <takt/observe/tick_trace.hpp>
#include <takt/observe/tick_usage.hpp>
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/timer_usage.hpp>
#include <takt/observe/trace_event.hpp>
#include <takt/observe/trace_text.hpp>
#include <takt/observe/wake_run.hpp>
#include <takt/observe/wake_summary.hpp>
#include <takt/observe/wake_trace.hpp>
#include <takt/observe/watch_event.hpp>
#include <takt/sleep/wait_until_past.hpp>

export module takt;

export namespace takt {
using takt::access;
using takt::alarm_timer;
using takt::assume_grid_origin;
using takt::aux_clock;
using takt::bare_counter;
using takt::basic_alarm_timer;
using takt::basic_bounded_clock;
using takt::basic_clock_watch;
using takt::basic_grid_scheduler;
using takt::basic_grid_timer;
using takt::basic_run_guard;
using takt::basic_shared_calibration;
using takt::basic_stopwatch;
using takt::basic_timer_handle;
using takt::basic_tsc_clock;
using takt::basic_wall_timer;
using takt::bounded_clock;
using takt::bounded_time;
using takt::calibrate;
using takt::clock_cast;
using takt::clock_change_timer;
using takt::clock_changes;
using takt::clock_history;
using takt::clock_keeper;
using takt::clock_path;
using takt::clock_point;
using takt::clock_properties;
using takt::clock_resolution;
using takt::clock_watch;
using takt::counter_instructions;
using takt::counter_offset;
using takt::counter_reading;
using takt::cpu_features;
using takt::cpuinfo;
using takt::descriptor_clock;
using takt::duration_histogram;
using takt::errc;
using takt::error_category;
using takt::explain;
using takt::fast_tsc_clock;
using takt::fewest_wakeups;
using takt::frequency;
using takt::grid;
using takt::grid_origin;
using takt::grid_scheduler;
using takt::grid_timer;
using takt::interruptible;
using takt::judge;
using takt::kernel_clock;
using takt::kernel_config;
using takt::kernel_hz;
using takt::kernel_log;
using takt::leap_facts;
using takt::line_offset;
using takt::linux_os;
using takt::load_grid_origin;
using takt::make_error_code;
using takt::nanosleep_aligned;
using takt::nanosleep_deadline;
using takt::no_mutex;
using takt::nohz_full_cpus;
using takt::online_cpus;
using takt::ordered_counter;
using takt::ordering;
using takt::overrun;
using takt::perf_clock;
using takt::perf_event;
using takt::periodic;
using takt::phase_from_boot_id;
using takt::posix_clock;
using takt::rate_source;
using takt::rate_sources;
using takt::read_boot_id;
using takt::read_clock;
using takt::read_counter;
using takt::read_counter_and_cpu;
using takt::realtime_policy;
using takt::region_begin;
using takt::region_end;
using takt::restore_signs;
using takt::roundest_point;
using takt::run_guard;
using takt::run_report;
using takt::scoped_realtime;
using takt::scoped_timer_slack;
using takt::set_timer_slack;
using takt::set_timer_slack_of;
using takt::shared_calibration;
using takt::shared_ladder;
using takt::slack;
using takt::slack_change;
using takt::slack_value;
using takt::sleep_aligned;
using takt::sleep_until;
using takt::sleep_until_aligned;
using takt::sleep_until_within;
using takt::sleep_within;
using takt::sleepable_clock;
using takt::sleeps_on;
using takt::spin_tail;
using takt::stamp_map;
using takt::steered_rate;
using takt::stop_condition;
using takt::stopwatch;
using takt::tick_history;
using takt::tick_point;
using takt::tick_probe;
using takt::tick_rate;
using takt::tick_trace;
using takt::ticks;
using takt::time_offsets;
using takt::timer_fd;
using takt::timer_handle;
using takt::timer_interrupts;
using takt::timer_slack;
using takt::timer_slack_of;
using takt::timer_trace;
using takt::to_nanoseconds;
using takt::to_string;
using takt::to_timespec;
using takt::trace_event;
using takt::trace_kind;
using takt::trace_text_reader;
using takt::trace_text_writer;
using takt::tsc_calibration;
using takt::tsc_clock;
using takt::verdict;
using takt::version;
using takt::wait_until_past;
using takt::wake_at_latest;
using takt::wake_at_roundest;
using takt::wake_at_roundest_binary;
using takt::wake_run;
using takt::wake_summary;
using takt::wake_trace;
using takt::wake_window;
using takt::wake_with_phase;
using takt::wakeup_rule;
using takt::wall_timer;
using takt::watch_event;

// The enumerators of slack_value, which is unscoped as its twin in C is.
using takt::SLACK_VALUE_100MS;
using takt::SLACK_VALUE_100NS;
using takt::SLACK_VALUE_100US;
using takt::SLACK_VALUE_10MS;
using takt::SLACK_VALUE_10NS;
using takt::SLACK_VALUE_10US;
using takt::SLACK_VALUE_1MS;
using takt::SLACK_VALUE_1S;
using takt::SLACK_VALUE_1US;
using takt::SLACK_VALUE_EXACT;

// Operators that are not friends of a class.
using takt::operator<<;
using takt::operator-;
} // namespace takt
export namespace takt::clock_event {
using takt::clock_event::device;
using takt::clock_event::devices;
} // namespace takt::clock_event
export namespace takt::clocksource {
using takt::clocksource::available;
using takt::clocksource::current;
using takt::clocksource::select;
} // namespace takt::clocksource
export namespace takt::ladder {
using takt::ladder::binary;
using takt::ladder::custom;
using takt::ladder::decimal;
} // namespace takt::ladder
export namespace takt::vdso {
using takt::vdso::answers;
using takt::vdso::current;
using takt::vdso::data_page;
using takt::vdso::image;
} // namespace takt::vdso

// The functions that compiled_for_callers (core/config.hpp) defines. clang emits no such definition in a unit that
// imports them, so that the object of this unit has to hold one of each. A test finds functions that are missing here.
namespace {
template <class Subject> using text_of = std::string (*)(const Subject&);
struct definitions {
  text_of<takt::bounded_time> bounded_time = takt::to_string;
  text_of<takt::bounded_time> explanation = takt::explain;
  text_of<takt::clock_changes> clock_changes = takt::to_string;
  text_of<takt::detail::discipline_report> discipline_report = takt::to_string;
  text_of<takt::detail::keeper_report> keeper_report = takt::to_string;
  text_of<takt::restore_signs> restore_signs = takt::to_string;
  text_of<takt::run_report> run_report = takt::to_string;
  text_of<takt::tsc_calibration> tsc_calibration = takt::to_string;
  text_of<takt::watch_event> watch_event = takt::to_string;
  std::vector<takt::rate_source> (*rate_sources)(const takt::rate_source::facts&) = takt::rate_sources;
  takt::timer_interrupts (*difference)(const takt::timer_interrupts&, const takt::timer_interrupts&) = takt::operator-;
  takt::verdict (*judge)(const takt::verdict::facts&) = takt::judge;
};
[[gnu::used]] constexpr definitions held;
} // namespace
