/// observe.hpp - the room observe/, floor 5: watching time and timers.
///
/// The headers that analyse recordings of the kernel's events are not included here, nor by takt.hpp: they need
/// <algorithm> and <cmath>, which would make including takt.hpp a third more expensive. Tools include what they use:
/// trace_event.hpp, trace_text.hpp, timer_trace.hpp (timer_usage.hpp), tick_trace.hpp (tick_usage.hpp),
/// coalescing.hpp, tick_probe.hpp, duration_histogram.hpp, wake_trace.hpp (wake_run.hpp), wake_summary.hpp,
/// line_offset.hpp; and stamp_map.hpp, which converts the stamps in them. Nor are clock_watch.hpp (clock_history.hpp,
/// restore_signs.hpp, watch_event.hpp), which watches the machine's clocks for hours.
#pragma once
#include <takt/observe/run_guard.hpp>
