/// tick_states.hpp - the state machine of tick_trace.hpp.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/detail/build_limits.hpp>
#include <takt/observe/detail/chance.hpp>
#include <takt/observe/detail/id_map.hpp>
#include <takt/observe/detail/timer_clocks.hpp>
#include <takt/observe/tick_usage.hpp>
#include <takt/observe/trace_event.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

template <class T> class basic_tick_trace : public tick_types {
  using nanoseconds = std::chrono::nanoseconds;

public:
  explicit basic_tick_trace(const options& o = {}) : options_(o), period_(o.period) {}

  /// Effects: takes the next event. Precondition: events come in the order of their times. Allocates for CPUs, threads
  /// and distances that are new.
  void add(const trace_event& e);
  /// Returns: the CPUs with at least one event, ascending.
  [[nodiscard]] std::vector<dependent<T, cpu>> cpus() const;
  /// Returns: the threads that ran or that a tick found, the least likely first, without the idle thread.
  [[nodiscard]] std::vector<dependent<T, thread>> threads() const;
  /// Returns: the period of the tick, given or derived; zero while it is not known.
  [[nodiscard]] nanoseconds period() const noexcept { return period_; }
  /// Returns: how many ticks came in each slot of the period, [i, i + 1) * period / 100 of the recorder's clock.
  [[nodiscard]] const histogram& ticks_in_period() const noexcept { return tick_slots_; }
  /// Returns: how many sched_waking events came in each slot of the period, as ticks_in_period().
  [[nodiscard]] const histogram& wakings_in_period() const noexcept { return waking_slots_; }
  /// Returns: the number of ticks on all CPUs.
  [[nodiscard]] std::uint64_t ticks() const noexcept { return ticks_; }
  /// Returns: the number of ticks from which the shares of threads are derived: those that came within 1.5 periods of
  /// the previous tick of their CPU.
  [[nodiscard]] std::uint64_t judged_ticks() const noexcept { return trials_; }

private:
  static constexpr std::size_t max_early = 4096;       ///< phases that are kept until the period is known
  static constexpr unsigned enough = 8;                ///< distances that the period is derived from, at least
  static constexpr std::size_t max_kept = 256;         ///< pairs of thread and dependency that are kept for each CPU
  static constexpr double min_difference = 0.005;      ///< a thread whose shares differ by less is not marked

  struct thread_record {
    std::uint64_t found = 0;
    double expected = 0;
    nanoseconds ran{};
    std::uint32_t task = 0;
  };
  struct run {
    std::int32_t thread = -1;
    nanoseconds length{};
  };
  struct cpu_state {
    bool seen = false, ticked = false, stopped = false, stopped_idle = false, whole = false;
    std::int32_t thread = -1;     ///< the thread that runs since `since`; -1: unknown
    std::uint64_t switches = 0;
    nanoseconds since{}, last{}, stopped_since{}, last_expires{};
    nanoseconds offset{};         ///< MONOTONIC minus the recorder's clock
    std::vector<dependent<T, run>> runs; ///< run times since the last tick, complete if `whole`
    cpu totals;
  };
  struct early {
    nanoseconds time{};
    bool tick = false;
  };

  void tick(const trace_event& e, cpu_state& c);
  void switched(const trace_event& e, cpu_state& c);
  void stop(const trace_event& e, cpu_state& c);
  void go_on(cpu_state& c, nanoseconds time) noexcept {
    if (!c.stopped) return;
    c.stopped = false;
    c.totals.stopped = saturating_add(c.totals.stopped, saturating_subtract(time, c.stopped_since));
  }
  /// Effects: counts the time until `time` as run time of `c.thread`.
  void account(cpu_state& c, nanoseconds time) {
    const nanoseconds length = saturating_subtract(time, c.since);
    c.since = time;
    if (c.thread < 0 || length.count() <= 0) return;
    if (c.thread > 0) {
      nanoseconds& ran = threads_.at(static_cast<std::uint32_t>(c.thread)).ran;
      ran = saturating_add(ran, length);
    }
    const bool late = period_.count() > 0 && saturating_subtract(time, c.last) > period_ + period_ / 2;
    if (late) c.whole = false, c.runs.clear();
    if (!c.whole) return;
    for (run& r : c.runs)
      if (r.thread == c.thread) return void(r.length = saturating_add(r.length, length));
    c.runs.push_back({c.thread, length});
  }
  void name(std::int32_t number, std::string_view task) {
    if (number <= 0 || task.empty()) return;
    thread_record& t = threads_.at(static_cast<std::uint32_t>(number));
    if (t.task == 0 || names_[t.task - 1] != task) t.task = names_.number(task) + 1;
  }
  [[nodiscard]] std::string_view name_of(std::int32_t number) const noexcept {
    const thread_record* const t = number > 0 ? threads_.find(static_cast<std::uint32_t>(number)) : nullptr;
    return t == nullptr || t->task == 0 ? std::string_view() : names_[t->task - 1];
  }
  void place(nanoseconds time, bool tick) {
    if (period_.count() <= 0) {
      if (early_.size() < max_early) early_.push_back({time, tick});
      return;
    }
    const std::int64_t phase = ((time % period_) + period_).count() % period_.count();
    const auto slot = static_cast<std::size_t>(static_cast<double>(phase) * static_cast<double>(slots) /
                                               static_cast<double>(period_.count()));
    ++(tick ? tick_slots_ : waking_slots_)[slot < slots ? slot : slots - 1];
  }
  void find_period();

  options options_;
  nanoseconds period_{}, first_{}, last_{};
  nanoseconds smallest_step_{}; ///< the shortest time between two expiries for which the tick of one CPU was armed
  unsigned steps_ = 0;
  bool begun_ = false;
  std::uint64_t ticks_ = 0, trials_ = 0;
  histogram tick_slots_{}, waking_slots_{};
  std::vector<dependent<T, early>> early_;
  std::vector<dependent<T, cpu_state>> cpus_;
  id_map<thread_record> threads_;
  name_table<T> names_;
  duration_histogram::fine distances_; ///< the times between ticks, of all CPUs
};

template <class T> void basic_tick_trace<T>::add(const trace_event& e) {
  if (!begun_) begun_ = true, first_ = e.time;
  last_ = e.time;
  if (e.kind == trace_kind::sched_waking) {
    place(e.time, false);
    name(e.other, e.other_task);
  }
  if (e.cpu < 0 || e.cpu >= int{cpu_number_end}) return;
  if (cpus_.size() <= static_cast<std::size_t>(e.cpu)) cpus_.resize(static_cast<std::size_t>(e.cpu) + 1);
  cpu_state& c = cpus_[static_cast<std::size_t>(e.cpu)];
  if (!c.seen) {
    c.seen = true, c.totals.number = e.cpu;
    c.thread = e.thread, c.since = e.time;
  }
  switch (e.kind) {
  case trace_kind::hrtimer_expire_entry:
    if (is_tick_function(e.function)) tick(e, c);
    break;
  case trace_kind::hrtimer_start: {
    if (!is_tick_function(e.function)) break;
    const nanoseconds step = saturating_subtract(e.expires, c.last_expires);
    if (c.last_expires.count() > 0 && step > std::chrono::microseconds(500)) {
      if (steps_ == 0 || step < smallest_step_) smallest_step_ = step;
      ++steps_;
    }
    c.last_expires = e.expires;
    // The tick goes on if it is due within a period. In the idle loop it may be due that soon although it stays
    // stopped, so there only the switch to a thread ends the stop.
    const nanoseconds ahead = saturating_subtract(saturating_subtract(e.expires, c.offset), e.time);
    const bool soon = c.ticked && period_.count() > 0 && ahead <= period_ + period_ / 8;
    if (c.stopped && soon && !(c.stopped_idle && c.switches != 0)) go_on(c, e.time);
    break;
  }
  case trace_kind::tick_stop: stop(e, c); break;
  case trace_kind::sched_switch: switched(e, c); break;
  default: break;
  }
}

template <class T> void basic_tick_trace<T>::tick(const trace_event& e, cpu_state& c) {
  ++ticks_, ++c.totals.ticks;
  place(e.time, true);
  account(c, e.time);
  name(e.thread, e.task);
  const nanoseconds distance = saturating_subtract(e.time, c.last);
  if (c.ticked && distance.count() > 0) {
    c.totals.distances.add(distance);
    distances_.add(distance);
    if (c.totals.smallest.count() == 0 || distance < c.totals.smallest) c.totals.smallest = distance;
    // A trial of the binomial test: the share of a thread in this distance is the probability that the tick finds it.
    if (c.whole && c.switches != 0 && !c.stopped && period_.count() > 0 && distance < period_ + period_ / 2) {
      ++trials_;
      for (const run& r : c.runs)
        if (r.thread > 0)
          threads_.at(static_cast<std::uint32_t>(r.thread)).expected +=
              static_cast<double>(r.length.count()) / static_cast<double>(distance.count());
      if (e.thread > 0) ++threads_.at(static_cast<std::uint32_t>(e.thread)).found;
    }
  }
  // A stopped tick that expires on an idle CPU was set for another timer, and stays stopped.
  if (c.stopped && e.thread > 0) go_on(c, e.time);
  c.ticked = true, c.last = e.time, c.offset = saturating_subtract(e.now, e.time);
  c.runs.clear();
  c.whole = true;
  if (c.thread != e.thread && e.thread >= 0) c.thread = e.thread, c.whole = false; // a switch was lost
  if (period_.count() <= 0) find_period();
}

template <class T> void basic_tick_trace<T>::switched(const trace_event& e, cpu_state& c) {
  if (c.thread != e.previous) c.whole = false; // a switch was lost
  account(c, e.time);
  ++c.switches;
  if (e.previous == 0 && c.stopped_idle) go_on(c, e.time);
  c.thread = e.other;
  name(e.other, e.other_task);
}

template <class T> void basic_tick_trace<T>::stop(const trace_event& e, cpu_state& c) {
  if (e.success) {
    ++c.totals.stops;
    if (!c.stopped) c.stopped_since = e.time;
    c.stopped = true, c.stopped_idle = e.thread == 0;
    return;
  }
  for (cpu::kept_tick& k : c.totals.kept) {
    if (k.dependency != e.dependency || k.thread != e.thread) continue;
    ++k.count;
    return;
  }
  if (c.totals.kept.size() < max_kept) {
    c.totals.kept.push_back({e.dependency, e.thread, {}, 1});
    c.totals.kept.back().task = e.task;
  } else { // bounded memory: the remaining threads count with the first one of their dependency
    for (cpu::kept_tick& k : c.totals.kept)
      if (k.dependency == e.dependency) return void(++k.count);
  }
}

/// The expiries for which a tick is armed lie on its grid, so the shortest time between two is the period itself. Where
/// hrtimer_start was not recorded, a low quantile of the times between ticks, which come a little late, is near it.
template <class T> void basic_tick_trace<T>::find_period() {
  if (steps_ >= enough) period_ = usual_tick(smallest_step_, 0.01);
  else if (steps_ == 0 && distances_.count() >= 4 * enough) period_ = usual_tick(distances_.quantile(0.25), 0.05);
  if (period_.count() <= 0) return;
  for (const early& w : early_) place(w.time, w.tick);
  early_.clear();
  early_.shrink_to_fit();
}

template <class T> auto basic_tick_trace<T>::cpus() const -> std::vector<dependent<T, cpu>> {
  std::vector<dependent<T, cpu>> all;
  for (const cpu_state& c : cpus_) {
    if (!c.seen) continue;
    all.push_back(c.totals);
    cpu& t = all.back();
    t.watched = saturating_subtract(last_, first_);
    if (c.stopped) t.stopped = saturating_add(t.stopped, saturating_subtract(last_, c.stopped_since));
    for (cpu::kept_tick& k : t.kept)
      if (k.task.empty()) k.task = name_of(k.thread);
    std::sort(t.kept.begin(), t.kept.end(), [](const cpu::kept_tick& a, const cpu::kept_tick& b) {
      if (a.count != b.count) return a.count > b.count;
      return a.thread != b.thread ? a.thread < b.thread : a.dependency < b.dependency;
    });
  }
  return all;
}

template <class T> auto basic_tick_trace<T>::threads() const -> std::vector<dependent<T, thread>> {
  std::vector<dependent<T, thread>> all;
  const auto n = static_cast<double>(trials_);
  threads_.for_each([&](std::uint64_t number, const thread_record& r) {
    if (r.found == 0 && r.expected <= 0 && r.ran.count() <= 0) return;
    thread t;
    t.number = static_cast<std::int32_t>(number);
    if (r.task != 0) t.task = names_[r.task - 1];
    t.found = r.found, t.expected = r.expected, t.ran = r.ran;
    if (n > 0) {
      t.tick_share = static_cast<double>(r.found) / n;
      t.run_share = r.expected / n;
      t.chance = chernoff_bound(static_cast<double>(r.found), n, t.run_share);
    }
    all.push_back(std::move(t));
  });
  const double limit = options_.false_alarm / (2 * static_cast<double>(all.empty() ? 1 : all.size()));
  for (thread& t : all) {
    const double difference = t.tick_share - t.run_share;
    t.follows_tick = t.chance < limit && (difference > min_difference || difference < -min_difference);
  }
  std::sort(all.begin(), all.end(), [](const thread& a, const thread& b) {
    return a.chance < b.chance || (!(b.chance < a.chance) && a.number < b.number);
  });
  return all;
}

} // namespace takt::inline TAKT_ABI::detail
