/// tick_trace.hpp - the periodic tick of each CPU, from trace events: its rate, why it was not stopped, and which
/// threads run in step with it.
///
/// A pure state machine over the kernel's trace events, as timer_trace: add() takes events in the order of their times.
///   - Ticks are expiries of the hrtimer whose function is tick_nohz_handler or tick_sched_timer.
///   - The tick of a CPU is stopped from tick_stop with success until an idle CPU switches to a thread. Where
///     sched_switch was not recorded or a thread runs (nohz_full), it is stopped until the tick is armed for less than
///     a period.
///   - Threads that follow the tick: accounting by ticks charges a whole period to the thread that the tick interrupts,
///     so a thread in step with the tick is charged too much or too little. If a thread runs independently of the tick,
///     the number of ticks that interrupt it scatters at most as a binomial distribution with the share of the time
///     that the thread really ran (sched_switch). A thread is marked if its deviation is less likely than `false_alarm`
///     divided by twice the number of threads. The probability is Chernoff's bound, so on average at most one report
///     in 1 / false_alarm marks a thread that does not follow the tick.
///
/// Does not promise: shares of threads without sched_switch in the recording; anything about threads whose
/// events were lost. A period that is not given is derived from the first ticks; of the ticks and wake-ups before that,
/// only the first 4096 are in the histograms.
/// Sources: Linux 6.18 kernel/time/tick-sched.c, kernel/sched/cputime.c account_process_tick.
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/detail/tick_states.hpp>
#include <takt/observe/tick_usage.hpp>

namespace takt::inline TAKT_ABI {

// synopsis

/// The state machine. It is a template so that only translation units that use it compile it. Its members are:
///   struct options, cpu, thread; histogram; slots;     // see tick_usage.hpp
///   explicit tick_trace(const options& = {});
///   void add(const trace_event&);
///   std::vector<cpu> cpus() const;                     // ascending; CPUs with at least one event
///   std::chrono::nanoseconds period() const;           // given or derived; zero: not known yet
///   const histogram& ticks_in_period() const;          // when ticks come: slot i is phase [i, i + 1) * period / 100
///   const histogram& wakings_in_period() const;        // when threads are woken (sched_waking), the same slots
///   std::vector<thread> threads() const;               // all with run time or ticks; least likely first
///   std::uint64_t ticks() const, judged_ticks() const; // of all CPUs; those that shares are derived from
/// A phase is the time on the recorder's clock modulo the period. Nothing blocks; add() allocates for CPUs, threads and
/// distances that are new. Not to be shared between threads.
using tick_trace = detail::basic_tick_trace<detail::for_callers>;

} // namespace takt::inline TAKT_ABI
