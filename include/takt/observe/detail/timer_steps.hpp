/// timer_steps.hpp - the transitions of the state machine of timer_trace.hpp, one for each kind of event.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/observe/detail/timer_lives.hpp>
#include <takt/observe/timer_usage.hpp>
#include <takt/observe/trace_event.hpp>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

template <class T> template <class Sink> void basic_timer_trace<T>::add(const trace_event& e, Sink&& sink) {
  if (e.task.empty()) {
    if (const std::string_view known = name_of_thread(e.thread); !known.empty()) {
      kept_name name;
      name.set(known);
      trace_event named = e;
      named.task = name.view();
      return take(named, sink);
    }
  }
  take(e, sink);
}

template <class T> template <class Sink> void basic_timer_trace<T>::take(const trace_event& e, Sink& sink) {
  if (!begun_) begun_ = true, first_ = e.time;
  last_ = e.time;
  cpu_state& c = cpu_of(e);
  const bool interrupt = in_interrupt(e, c) || (c.exited != 0 && e.context == trace_event::context_type::unknown &&
                                                c.exited == key_of(e.timer, is_wheel(e.kind)));
  c.exited = 0;
  if (c.cancelled.open) {
    const bool same = key_of(e.timer, is_wheel(e.kind)) == c.cancelled.key;
    switch (e.kind) {
    case trace_kind::hrtimer_expire_entry:
    case trace_kind::timer_expire_entry:
    case trace_kind::hrtimer_setup:
    case trace_kind::timer_init:
    case trace_kind::hrtimer_start:
    case trace_kind::timer_start:
      if (same) break;
      [[fallthrough]];
    default: settle(c, sink);
    }
  }
  switch (e.kind) {
  case trace_kind::hrtimer_setup:
  case trace_kind::timer_init: return set_up(e, c, sink);
  case trace_kind::hrtimer_start:
  case trace_kind::timer_start: return start(e, c, interrupt, sink);
  case trace_kind::hrtimer_cancel:
  case trace_kind::timer_cancel: return cancel(e, c, interrupt);
  case trace_kind::hrtimer_expire_entry:
  case trace_kind::timer_expire_entry: return expire(e, c, sink);
  case trace_kind::hrtimer_expire_exit:
  case trace_kind::timer_expire_exit: return expired(e, c, sink);
  case trace_kind::itimer_state:
  case trace_kind::itimer_expire: return cpu_timer(e, sink);
  case trace_kind::local_timer_entry:
  case trace_kind::irq_handler_entry:
    if (!c.hard) c.served = false, c.tick_woke = none; // not nested: handlers run with interrupts disabled
    c.hard = true, c.brackets = true;
    return;
  case trace_kind::local_timer_exit:
  case trace_kind::irq_handler_exit: c.hard = false, hard_exits_ = true; return;
  case trace_kind::softirq_entry: c.soft = true; return;
  case trace_kind::softirq_exit: c.soft = false, soft_exits_ = true; return;
  case trace_kind::tick_stop:
    if (e.success) c.tick_stopped = true;
    return;
  case trace_kind::sched_waking: return waking(e, c, sink);
  case trace_kind::sched_switch: return switched(e, c, sink);
  case trace_kind::softirq_raise:
  case trace_kind::sched_wakeup:
  case trace_kind::sched_migrate_task:
  case trace_kind::cpu_idle: return;
  }
}

/// A timer that is set up is new: a timer that had its address before has ended.
template <class T>
template <class Sink>
void basic_timer_trace<T>::set_up(const trace_event& e, cpu_state& c, Sink& sink) {
  const bool wheel = is_wheel(e.kind);
  const std::uint64_t key = key_of(e.timer, wheel);
  if (c.cancelled.open) {
    if (c.cancelled.thread == e.thread) c.cancelled.set_up = true;
    else settle(c, sink);
  }
  timer_record& r = record(key, e.time);
  if (r.armed && !c.cancelled.open) { // the event of its end was lost
    trace_event unseen;
    unseen.time = e.time;
    end_by_cancel(key, unseen, sink);
  }
  r.mode = e.mode;
  r.clock = e.clockid == 0    ? clock::realtime
            : e.clockid == 1  ? clock::monotonic
            : e.clockid == 7  ? clock::boottime
            : e.clockid == 11 ? clock::tai
                              : clock::unknown;
  if (!c.cancelled.open) r.due_known = false;
  if constexpr (!silent<Sink>) {
    step l = life_of(step::kind_type::set_up, e, key, r, wheel);
    l.usage = none;
    if (!c.cancelled.open) l.function = {};
    sink(std::as_const(l));
  }
}

template <class T>
template <class Sink>
void basic_timer_trace<T>::start(const trace_event& e, cpu_state& c, bool interrupt, Sink& sink) {
  const bool wheel = is_wheel(e.kind);
  const std::uint64_t key = key_of(e.timer, wheel);
  if (!wheel) ++starts_;
  timer_record& r = record(key, e.time);
  bool moved = false;
  if (c.cancelled.open) {
    // A sleep that was set up again is another sleep whose timer has the same address on the stack.
    const nanoseconds since = saturating_subtract(e.time, c.cancelled.time);
    moved = (r.armed || c.cancelled.unowned) && c.cancelled.thread == e.thread &&
            since <= timer_trace_parameters::move && !(c.cancelled.set_up && e.function == "hrtimer_wakeup");
    if (moved) c.cancelled.open = false;
    else settle(c, sink);
  } else if (r.armed) {
    moved = true;
  } else if (e.was_armed == 1) {
    moved = true; // it was armed before the recording began
  }
  set_function(r, e.function);
  const std::uint32_t before = r.usage, after = owner_of_start(e, r, wheel, interrupt);
  if (moved && !r.armed) { // armed before the recording: taken as by the same owner
    r.usage = after;
    ++usages_[after].armed_before;
    begin(r);
  } else if (moved && after != before) { // another owner's arming ends, and this one's begins
    if (before != none) ++usages_[before].cancelled;
    leave(r);
    moved = false;
  }
  r.usage = after;
  usage& u = usages_[after];
  if (moved) {
    ++u.moved;
  } else {
    ++u.armed;
    begin(r);
  }
  r.last_known = r.due_known && before == after && !moved;
  if (r.last_known) r.last_due = r.soft;
  if (e.mode.known()) r.mode = e.mode;
  r.armed_at = e.time, r.due_known = true;
  if (wheel) {
    r.soft = nanoseconds(e.expires_jiffies);
    r.hard = nanoseconds(e.bucket_jiffies != 0 && e.bucket_jiffies >= e.expires_jiffies ? e.bucket_jiffies
                                                                                        : e.expires_jiffies);
    if (jiffies_.length().count() > 0) u.range.add(as_time(saturating_subtract(r.hard, r.soft), true));
  } else {
    r.soft = e.softexpires, r.hard = e.expires;
    u.range.add(saturating_subtract(e.expires, e.softexpires));
  }
  if constexpr (!silent<Sink>) sink(life_of(moved ? step::kind_type::moved : step::kind_type::armed, e, key, r, wheel));
}

template <class T>
void basic_timer_trace<T>::cancel(const trace_event& e, cpu_state& c, bool interrupt) {
  const bool wheel = is_wheel(e.kind);
  const std::uint64_t key = key_of(e.timer, wheel);
  timer_record& r = record(key, e.time);
  // Armed before the recording began: the next start or expiry shows the owner. The cancelling thread need not be it,
  // because the scheduler moves its timers in whatever thread runs.
  const bool unowned = !r.armed && r.usage == none;
  if (unowned && (interrupt || e.thread <= 0)) return;
  if (!r.armed && !unowned) {
    ++usages_[r.usage].armed_before;
    begin(r);
  }
  cancellation& x = c.cancelled;
  x.open = true, x.set_up = false, x.unowned = unowned, x.wheel = wheel, x.key = key, x.time = e.time;
  x.thread = e.thread, x.process = e.process, x.cpu = e.cpu;
  x.name.set(e.task);
}

template <class T>
template <class Sink>
void basic_timer_trace<T>::end_by_cancel(std::uint64_t key, const trace_event& e, Sink& sink) {
  timer_record* const r = timers_.find(key);
  if (r == nullptr || !r->armed) return;
  leave(*r);
  if (r->usage != none) ++usages_[r->usage].cancelled;
  if constexpr (!silent<Sink>) {
    const bool wheel = r->usage != none && usages_[r->usage].subsystem == subsystem::wheel;
    sink(life_of(step::kind_type::cancelled, e, key, *r, wheel));
  }
}

template <class T>
template <class Sink>
void basic_timer_trace<T>::expire(const trace_event& e, cpu_state& c, Sink& sink) {
  const bool wheel = is_wheel(e.kind);
  const std::uint64_t key = key_of(e.timer, wheel);
  const bool soft = wheel || e.context == trace_event::context_type::softirq ||
                    (e.context == trace_event::context_type::unknown && in_softirq(c));
  // An interrupt in the middle of a softirq's handler, which goes on after it. In all other cases exits were lost.
  if (!soft && c.active.running && c.active.soft) c.outer = c.active;
  else if (!soft) resolve(c.active, none, sink);
  else end_handlers(c, sink);
  c.cancelled.open = false; // the dequeueing of this expiry
  timer_record& r = record(key, e.time);
  set_function(r, e.function);
  const function_record f = kind_of(r.function);
  if (!wheel) ++expiries_;

  expiry& x = c.active;
  x.running = true, x.open = true, x.soft = soft, x.key = key, x.function = r.function, x.began = e.time;
  clock source = clock::jiffies;
  nanoseconds now{};
  if (wheel) {
    jiffies_.add(e.jiffies, e.time);
    now = nanoseconds(e.jiffies);
  } else {
    source = clocks_.expired(e.now, e.time, r.clock, f.kind == function_kind::tick);
    r.clock = source;
    now = e.now;
  }
  step l = life_of(step::kind_type::expired, e, key, r, wheel);
  l.clock = source;
  l.armed_known = r.armed && r.due_known && (!wheel || jiffies_.length().count() > 0);
  l.from_idle = e.thread == 0;
  if (l.armed_known) {
    l.after_softexpires = as_time(saturating_subtract(now, r.soft), wheel);
    l.after_expires = as_time(saturating_subtract(now, r.hard), wheel);
    l.earliest = saturating_subtract(e.time, l.after_softexpires);
    l.latest = saturating_subtract(e.time, l.after_expires);
    l.period = r.last_known ? as_time(saturating_subtract(r.soft, r.last_due), wheel)
                            : saturating_subtract(l.earliest, r.armed_at);
    if (l.period.count() < 0) l.period = {};
  }
  // The first timer of a hardware interrupt woke the CPU. A wheel timer expires in a softirq after that; if the tick
  // was stopped, the kernel had programmed the tick for this wheel timer.
  const nanoseconds quiet = saturating_subtract(e.time, c.last_exit);
  if (!c.brackets && quiet > timer_trace_parameters::same_interrupt) c.served = false;
  if (!soft) {
    l.woke_idle = l.from_idle && !c.served;
    c.served = true;
  }
  x.life = l;
  x.name.set(e.task);
  x.armed = r.armed;
  if (r.armed) leave(r);
  if (r.usage == none && f.kind == function_kind::of_thread && f.sleeper) return; // see waking()
  if (r.usage == none) r.usage = usage_of_function(r.function, wheel);
  resolve(x, r.usage, sink);
  if (l.woke_idle && f.kind == function_kind::tick && c.tick_stopped) c.tick_woke = r.usage;
  if (wheel && l.from_idle && c.tick_woke != none) {
    --usages_[c.tick_woke].woke_idle, ++usages_[r.usage].woke_idle;
    c.tick_woke = none;
  }
}

/// Effects: counts an expiry, for the usage with that index or, if that is `none`, for the kernel function.
template <class T>
template <class Sink>
void basic_timer_trace<T>::resolve(expiry& x, std::uint32_t index, Sink& sink) {
  if (!x.open) return;
  x.open = false;
  const bool wheel = x.life.subsystem == subsystem::wheel;
  if (index == none) index = usage_of_function(x.function, wheel);
  timer_record& r = record(x.key, x.life.time);
  x.usage = index, x.life.usage = index;
  if (!r.armed) r.usage = index; // an armed timer was started by another CPU meanwhile, and has its owner
  usage& u = usages_[index];
  if (!x.armed) ++u.armed_before;
  ++u.expired;
  u.clocks = static_cast<std::uint8_t>(u.clocks | 1U << static_cast<unsigned>(x.life.clock));
  if (x.life.from_idle) ++u.from_idle;
  if (x.life.woke_idle) ++u.woke_idle, ++idle_wakeups_;
  if (x.life.armed_known) {
    u.after_softexpires.add(x.life.after_softexpires);
    u.after_expires.add(x.life.after_expires);
    if (x.life.after_expires.count() < 0) ++u.joined;
  }
  if constexpr (!silent<Sink>) {
    step l = x.life;
    l.function = name_of(x.function), l.task = x.name.view();
    sink(std::as_const(l));
  }
}

template <class T>
template <class Sink>
void basic_timer_trace<T>::expired(const trace_event& e, cpu_state& c, Sink& sink) {
  const bool wheel = is_wheel(e.kind);
  const std::uint64_t key = key_of(e.timer, wheel);
  c.last_exit = e.time;
  if (c.outer.running && c.outer.key == key) { // the exit of the handler that interrupted it was lost
    resolve(c.active, none, sink);
    c.active = std::exchange(c.outer, expiry());
  }
  if (!c.active.running || c.active.key != key) return;
  resolve(c.active, none, sink);
  c.active.running = false;
  c.exited = key;
  usages_[c.active.usage].handler.add(saturating_subtract(e.time, c.active.began));
  if constexpr (!silent<Sink>) {
    step l = life_of(step::kind_type::handler_done, e, key, record(key, e.time), wheel);
    l.usage = c.active.usage;
    l.duration = saturating_subtract(e.time, c.active.began);
    sink(std::as_const(l));
  }
  if (c.outer.running) c.active = std::exchange(c.outer, expiry());
}

template <class T>
template <class Sink>
void basic_timer_trace<T>::waking(const trace_event& e, cpu_state& c, Sink& sink) {
  thread_record& t = scheduled(e);
  if (!c.active.running || e.other <= 0) return;
  if (c.active.open) { // a sleep that was armed before the recording began belongs to the thread that it wakes
    const bool wheel = c.active.life.subsystem == subsystem::wheel;
    resolve(c.active, usage_of_thread(e.other, -1, e.other_task, wheel ? subsystem::wheel : subsystem::hrtimer), sink);
  }
  t.woken = true, t.usage = c.active.usage, t.timer = c.active.key, t.woken_at = e.time;
  if constexpr (!silent<Sink>) {
    const bool wheel = c.active.life.subsystem == subsystem::wheel;
    step l = life_of(step::kind_type::woke, e, c.active.key, record(c.active.key, e.time), wheel);
    l.usage = c.active.usage, l.thread = e.other, l.task = e.other_task;
    sink(std::as_const(l));
  }
}

template <class T>
template <class Sink>
void basic_timer_trace<T>::switched(const trace_event& e, cpu_state& c, Sink& sink) {
  c.hard = c.soft = false; // neither an interrupt nor a softirq switches threads, so their exit events were lost
  end_handlers(c, sink);
  if (e.previous == 0 && e.other != 0) c.tick_stopped = false;
  if (e.previous > 0) threads_.at(number(e.previous)).learn(e.previous_task);
  if (e.other <= 0) return;
  thread_record& t = scheduled(e);
  if (!t.woken) return;
  t.woken = false;
  const nanoseconds waited = saturating_subtract(e.time, t.woken_at);
  usages_[t.usage].wake_to_run.add(waited);
  if constexpr (!silent<Sink>) {
    const bool wheel = usages_[t.usage].subsystem == subsystem::wheel;
    step l = life_of(step::kind_type::ran, e, t.timer, record(t.timer, e.time), wheel);
    l.usage = t.usage, l.thread = e.other, l.task = e.other_task, l.duration = waited;
    sink(std::as_const(l));
  }
}

/// ITIMER_VIRTUAL and ITIMER_PROF count CPU time and have no hrtimer. ITIMER_REAL is counted by its hrtimer events.
template <class T> template <class Sink> void basic_timer_trace<T>::cpu_timer(const trace_event& e, Sink& sink) {
  if (e.number != 1 && e.number != 2) return;
  const bool state = e.kind == trace_kind::itimer_state;
  const std::int32_t thread = state ? e.thread : e.other;
  if (thread <= 0) return;
  const thread_record* const known = threads_.find(number(thread));
  const std::int32_t process = state && e.process > 0                 ? e.process
                               : known != nullptr && known->process > 0 ? known->process
                                                                        : thread;
  const std::uint64_t key = std::uint64_t{1} << 40 | number(process) << 2 | static_cast<std::uint64_t>(e.number);
  timer_record& r = record(key, e.time);
  const std::string_view name = state ? e.task : std::string_view();
  r.usage = usage_of_thread(thread, process, name, subsystem::interval), r.clock = clock::cpu_time;
  usage& u = usages_[r.usage];
  u.clocks = static_cast<std::uint8_t>(u.clocks | 1U << static_cast<unsigned>(clock::cpu_time));
  if (state && e.value.count() == 0) return end_by_cancel(key, e, sink);
  if (state) {
    ++(r.armed ? u.moved : u.armed);
    r.last_due = e.interval; // if it is not zero, the kernel starts the timer again when it expires
    if (!r.armed) begin(r);
  } else {
    if (r.armed) leave(r);
    else ++u.armed_before;
    ++u.expired;
    if (r.last_due.count() != 0) {
      ++u.armed;
      begin(r);
    }
  }
  if constexpr (!silent<Sink>)
    sink(life_of(state ? step::kind_type::armed : step::kind_type::expired, e, key, r, false));
}

} // namespace takt::inline TAKT_ABI::detail
