/// timer_trace.hpp - the owners of the timers that wake this machine: the life of every timer, totals for each owner.
///
/// A pure state machine over the kernel's trace events: add() takes events in the order of their times, usages() has
/// the totals, and a sink receives each step in the life of each timer. Memory grows with the number of live timers and
/// of owners, not with the number of events.
///
/// The owner of a timer is the thread that armed it, or its process, not the thread that was interrupted when it
/// expired. In detail:
///   - A timer that is armed in interrupt context keeps the owner it had, and so does a timer that its own handler arms
///     again. A timer without an earlier owner belongs to its kernel function.
///   - The tick (tick_nohz_handler, tick_sched_timer) is an owner of its own. The scheduler, the watchdog and perf arm
///     timers in whatever thread happens to run (dl_task_timer, sched_rt_period_timer, hrtick, watchdog_timer_fn, ...):
///     these belong to their kernel function, and so does a timer that the idle thread arms.
///   - A sleep that was armed before the recording began (hrtimer_wakeup, process_timeout) belongs to the thread that
///     its expiry wakes.
/// A cancellation directly before an expire_entry of the same timer on the same CPU is the dequeueing of that expiry,
/// not a cancellation. A cancellation directly before an arming of the same timer by the same thread is a move.
///
/// Does not promise: right counts where the recorder lost events; the state of a timer whose event was lost is right
/// again after its next event. The lateness of a wheel timer is known within a jiffy. A BOOTTIME timer counts as
/// MONOTONIC unless its hrtimer_setup was recorded or the machine had been suspended before.
/// Sources: Linux 6.18 kernel/time/hrtimer.c __run_hrtimer, hrtimer_start_range_ns; kernel/time/timer.c; fs/timerfd.c.
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/detail/timer_lives.hpp>
#include <takt/observe/detail/timer_steps.hpp>
#include <takt/observe/timer_usage.hpp>

namespace takt::inline TAKT_ABI {

// synopsis

/// The state machine. It is a template so that only translation units that use it compile it. Its members are:
///   struct options, usage, owner, step; enum class clock, subsystem; no_usage;   // see timer_usage.hpp
///   explicit timer_trace(const options& = {});
///   void know_process(std::int32_t thread, std::int32_t process);  // not in events: from /proc/TID/status
///   void add(const trace_event&);
///   void add(const trace_event&, Sink&&);                          // sink(const step&), any callable
///   void finish(); void finish(Sink&&);
///   const std::vector<usage>& usages() const;                      // an index stays valid: owners are appended
///   std::uint64_t idle_wakeups() const;                            // timer interrupts that woke an idle CPU
///   std::uint64_t starts() const, expiries() const;                // hrtimer_start, hrtimer_expire_entry events
///   std::chrono::nanoseconds first() const, last() const;          // times of the first and the last event
///   std::optional<nanoseconds> clock_offset(clock) const;          // that clock minus the recorder's clock
///   std::chrono::nanoseconds jiffy() const;                        // the length of a jiffy; zero: not known
///   std::size_t timers() const;                                    // timers remembered now
/// Times are nanoseconds on the recorder's clock. Nothing blocks; add() and know_process() allocate for timers, threads
/// and owners that are new. Not to be shared between threads.
using timer_trace = detail::basic_timer_trace<detail::for_callers>;

} // namespace takt::inline TAKT_ABI
