/// wake_trace.hpp - finds in the kernel's events what lies between a timer's expiry and its thread's first reading.
///
/// A pure state machine over the events of one thread's wake-ups. The thread marks the beginning and the end of each
/// run in the recording (it writes to trace_marker of tracefs) with a number that it keeps beside its own readings:
/// begin(), end(). complete() joins events and readings by this number. Between the marks:
///   - the timer of the run is the last hrtimer that the thread started in order to be woken (hrtimer_start; while the
///     thread goes to sleep, the scheduler starts others in it, such as the tick);
///   - handler, and the interrupt around it, are those in which this timer expires;
///   - the waking is the one in this handler; a wake-up by something else (a signal) leaves the run incomplete;
///   - a sched_migrate_task between waking and wakeup is the wake-up that migrates.
/// Memory grows with the number of runs that complete() has not taken yet.
///
/// Does not promise: a complete run where the recorder lost events, where the thread had not fallen asleep when the
/// timer expired, or where timers expire outside of an interrupt (PREEMPT_RT: `interrupt` is unknown then). Some guests
/// record no sched_switch of certain threads and idle tasks; where it is missing, `running` is unknown.
/// Sources: Linux 6.18 kernel/time/hrtimer.c __run_hrtimer; kernel/sched/core.c try_to_wake_up.
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/detail/id_map.hpp>
#include <takt/observe/trace_event.hpp>
#include <takt/observe/wake_run.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail {
template <class T> class basic_wake_trace;
} // namespace detail
/// The state machine; its members are those of detail::basic_wake_trace, a template so that only translation units that
/// use it compile it. Nothing blocks. Not to be shared between threads.
using wake_trace = detail::basic_wake_trace<detail::for_callers>;

// definitions

namespace detail {

template <class T> class basic_wake_trace {
  using moment = wake_run::moment;
  using context_type = trace_event::context_type;

public:
  using nanoseconds = std::chrono::nanoseconds; ///< the unit of its times

  /// Effects: prepares for the runs of the thread with the number `thread`.
  explicit basic_wake_trace(std::int32_t thread) noexcept : thread_(thread) {}

  /// Effects: takes the mark with which run `id` begins. A run that has begun and not ended is forgotten.
  void begin(std::uint64_t id) noexcept {
    run_ = wake_run();
    run_.id = id, open_ = true, timer_ = 0, asleep_ = waiting_ = handling_ = false;
  }
  /// Effects: takes the mark of the readings of run `id`, which has the time `time` on the recorder's clock; the run
  /// ends. A mark of a run that has not begun is ignored. Allocates.
  void end(std::uint64_t id, nanoseconds time) {
    if (!open_ || run_.id != id) return;
    open_ = false;
    run_.mark = time;
    if (run_.at(moment::wakeup) && !run_.kernel_migrated) run_.kernel_migrated = false;
    ended_.at(id) = run_;
  }
  /// Effects: takes the next event. Precondition: events and marks come in the order of their times. Allocates for CPUs
  /// that are new.
  void add(const trace_event& e);

  /// Effects: fills in what the kernel's events say of the run with the id of `run`, and forgets it.
  /// Returns: whether there was such a run, with its mark at least.
  bool complete(wake_run& run) noexcept {
    const auto* const found = ended_.find(run.id);
    if (found == nullptr) return false;
    for (std::size_t i = wake_run::first_of_kernel; i <= wake_run::last_of_kernel; ++i)
      run.times[i] = found->times[i];
    run.mark = found->mark, run.kernel_migrated = found->kernel_migrated;
    run.from_cpu = found->from_cpu, run.target_cpu = found->target_cpu, run.timer_cpu = found->timer_cpu;
    run.from_idle = found->from_idle, run.moved_later = found->moved_later, run.preempted = found->preempted;
    ended_.erase(run.id);
    return true;
  }

private:
  /// Returns: the place of a CPU's interrupt; events of unknown CPUs share one.
  std::optional<nanoseconds>& interrupt_on(std::int32_t cpu) {
    return interrupts_.at(static_cast<std::uint64_t>(static_cast<std::uint32_t>(cpu)));
  }

  std::int32_t thread_;
  wake_run run_{};
  std::uint64_t timer_ = 0; ///< the timer of the run; 0: none was started yet
  bool open_ = false;       ///< between the marks of a run
  bool asleep_ = false;     ///< the thread has left its CPU since the timer was started
  bool waiting_ = false;    ///< between waking and the switch to the thread
  bool handling_ = false;   ///< the handler of the timer runs
  id_map<dependent<T, std::optional<nanoseconds>>> interrupts_; ///< by CPU: when the current interrupt began
  id_map<dependent<T, wake_run>> ended_;                        ///< by id
};

template <class T> void basic_wake_trace<T>::add(const trace_event& e) {
  switch (e.kind) {
  case trace_kind::local_timer_entry:
  case trace_kind::irq_handler_entry: interrupt_on(e.cpu) = e.time; return;
  case trace_kind::local_timer_exit:
  case trace_kind::irq_handler_exit: interrupt_on(e.cpu).reset(); return;
  default: break;
  }
  if (!open_) return;
  switch (e.kind) {
  case trace_kind::hrtimer_start:
    // In an interrupt the events of other timers have the interrupted thread's number.
    if (e.thread != thread_ || asleep_ || e.context == context_type::hardirq || e.context == context_type::softirq)
      return;
    // A function that has no name is shown as an address.
    if (!e.function.empty() && !e.function.starts_with("0x") && e.function != "hrtimer_wakeup") return;
    timer_ = e.timer;
    break;
  case trace_kind::hrtimer_expire_entry:
    if (timer_ == 0 || e.timer != timer_ || run_.at(moment::waking)) return;
    run_.set(moment::handler, e.time);
    if (const auto& interrupt = interrupt_on(e.cpu)) run_.set(moment::interrupt, *interrupt);
    run_.timer_cpu = e.cpu;
    if (e.thread >= 0) run_.from_idle = e.thread == 0;
    handling_ = true;
    break;
  case trace_kind::hrtimer_expire_exit:
    if (e.timer == timer_) handling_ = false;
    break;
  case trace_kind::sched_waking:
    if (e.other != thread_ || !handling_ || e.cpu != run_.timer_cpu || run_.at(moment::waking)) return;
    run_.set(moment::waking, e.time);
    waiting_ = true;
    break;
  case trace_kind::sched_migrate_task:
    if (e.other != thread_ || !run_.at(moment::waking)) return;
    if (run_.at(moment::wakeup)) {
      ++run_.moved_later;
    } else {
      run_.kernel_migrated = true, run_.from_cpu = e.from_cpu;
    }
    break;
  case trace_kind::sched_wakeup:
    if (e.other != thread_ || !run_.at(moment::waking) || run_.at(moment::wakeup)) return;
    run_.set(moment::wakeup, e.time);
    run_.target_cpu = e.other_cpu;
    break;
  case trace_kind::sched_switch:
    if (e.previous == thread_) {
      if (timer_ != 0) asleep_ = true;
      if (run_.at(moment::running)) ++run_.preempted;
    } else if (e.other == thread_ && waiting_) {
      run_.set(moment::running, e.time);
      waiting_ = false;
    }
    break;
  default: break;
  }
}

} // namespace detail
} // namespace takt::inline TAKT_ABI
