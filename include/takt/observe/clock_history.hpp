/// clock_history.hpp - which events changed the clocks, from a series of samples of them.
///
/// The pure half of clock_watch: samples in, typed events out. A change that two samples alone show (a step, a suspend,
/// a leap second, another clock source, a jump of the counter) is reported at once. A change that could be an offset or
/// a rate (the counter against the kernel, the kernel's steering) is reported when the next stretch of time has shown
/// whether it lasts.
///
/// A machine or process that was restored or migrated is an event of its own. The signs of it come with a sample
/// (restore_signs.hpp), and what its clocks did then is no step. Without a sign it is inferred, and so called, where
/// the kernel's clocks leapt far beyond the time at which a sample was due and the counter did not: a counter that
/// jumps does not make a sample late.
///
/// Noise: each set of readings has its error bound, and only a change beyond that bound and beyond the usual drift of
/// oscillators is an event. So a preemption between readings can delay an event, but cannot make a wrong one.
///
/// Does not promise: to see a change that was undone between two samples; to distinguish a leap second from a step
/// where both REALTIME and the TAI offset are set by a second; to distinguish a rate from an offset where two stretches
/// in a row were disturbed; the rate of a moment. A rate is the mean over a stretch, 1.6 s where a set of readings
/// takes 2 us, and of rates that change faster than that only means are reported.
/// Sources: those of clock_changes.hpp; Linux 6.12 kernel/time/ntp.c second_overflow; kernel/time/timekeeping.c
/// timekeeping_set_tai_offset: TAI is REALTIME plus whole seconds.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/observe/detail/rate_history.hpp>
#include <takt/observe/restore_signs.hpp>
#include <takt/observe/watch_event.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail {
template <class T> class basic_clock_history;
} // namespace detail
/// Turns samples into events. It is a template so that only translation units that use it compile it.
using clock_history = detail::basic_clock_history<detail::for_callers>;

// definitions

namespace detail::watch_parameters {
/// Rates are judged over a stretch of time that is long enough to show a change of this size, which is half of what
/// counts as a slew.
inline constexpr double resolution_ppm = 2.5;
/// Two samples alone show a jump of the counter only if it is larger than this. A smaller one is judged over two
/// stretches of time.
inline constexpr std::chrono::nanoseconds min_jump = std::chrono::milliseconds(1);
/// A set of readings whose error bound is more than so many times that of the last sound set was disturbed. The next
/// set is compared with the last sound one again.
inline constexpr int disturbed = 4;
/// After so many disturbed sets in a row, the last of them counts as sound.
inline constexpr int max_disturbed = 3;
/// The signs of one restore may come one after the other, the kernel's message last. Another sign within this time
/// belongs to the restore before.
inline constexpr std::chrono::nanoseconds one_restore = std::chrono::seconds(10);
} // namespace detail::watch_parameters

namespace detail { // in the reference: basic_clock_history as clock_history

/// Turns samples into events. Pure: no member makes a system call or blocks. Not to be shared between threads.
template <class T> class basic_clock_history {
  using watch_event = dependent<T, takt::watch_event>;
  using kinds = takt::watch_event::kind_type;

public:
  /// One sample of everything that is watched.
  struct sample {
    clock_readings readings;               ///< the counter and the clocks of the kernel
    leap_facts leap;                       ///< the leap second state that adjtimex reports
    bool leap_known = false;               ///< the kernel reported `leap`
    std::string source;                    ///< the kernel's clock source; empty: unknown
    std::string log;                       ///< the kernel's message about the switch to a new `source`; else empty
    std::chrono::nanoseconds resolution{}; ///< the resolution of the kernel's clocks: a jiffy where the tick keeps them
    restore_signs signs{};                 ///< the signs of a restore since the last sample
    std::optional<std::chrono::nanoseconds> due{}; ///< when it was due, on MONOTONIC; nullopt: a leap is not inferred
  };

  /// Effects: adds to `events` what `now` shows in comparison with the samples before. The first sample can only show
  /// an announced leap second. Allocates for events and for the names of clock sources.
  void add(const sample& now, std::vector<watch_event>& events);

  /// Returns: the rate of the counter against MONOTONIC_RAW; unknown until two samples have shown it.
  [[nodiscard]] constexpr tick_rate rate() const noexcept {
    return counter_.known() ? tick_rate(frequency(nominal_ * (1 + counter_.ppm() * 1e-6))) : tick_rate();
  }
  /// Returns: the last sample; null before the first. It changes with the next add().
  [[nodiscard]] constexpr const sample* last() const noexcept { return sampled_ ? &last_ : nullptr; }
  /// Returns: whether the readings of the last sample were too uncertain to show a small change: the next sample may
  /// show it.
  [[nodiscard]] constexpr bool disturbed() const noexcept { return disturbed_ != 0; }

private:
  using nanoseconds = std::chrono::nanoseconds;
  using phase = leap_facts::phase_kind;
  static constexpr nanoseconds open(const clock_readings& a, const clock_readings& b) noexcept {
    return both_twice(a.half_width, b.half_width);
  }
  /// Returns: the length of a stretch of time in ns, to divide by it: at least 1, also if the clock stood or went back.
  static constexpr double length_between(nanoseconds from, nanoseconds to) noexcept {
    const nanoseconds length = saturating_subtract(to, from);
    return length > nanoseconds(1) ? static_cast<double>(length.count()) : 1;
  }
  /// Returns: `ns` rounded to whole nanoseconds.
  static constexpr nanoseconds in_nanoseconds(double ns) noexcept {
    return saturating_cast<nanoseconds>(std::chrono::duration<double, std::nano>(ns + 0.5));
  }
  [[nodiscard]] double counted(tick_point from, tick_point to) const noexcept {
    return static_cast<double>((to - from).signed_count()) / nominal_ * 1e9;
  }
  bool judge_offsets(const sample& now, std::vector<watch_event>& events);
  [[nodiscard]] restore_signs new_signs(const sample& now);
  void judge_leap(const sample& now, const watch_event& at, std::vector<watch_event>& events) const;
  void judge_rates(const sample& now, const watch_event& at, std::vector<watch_event>& events);

  sample last_;                     ///< the last sample
  bool sampled_ = false;
  clock_readings sound_{};          ///< the last readings that were not disturbed
  int disturbed_ = 0;               ///< how many sets in a row were disturbed
  clock_readings since_{};          ///< the beginning of the stretch of time over which rates are judged
  bool switched_since_ = false;     ///< the clock source was switched in this stretch
  bool jumped_ = false;             ///< the counter jumped at the sample before
  restore_signs restored_{};        ///< the signs of the last restore
  nanoseconds restored_at_{};       ///< when it was found, on MONOTONIC
  double nominal_ = 0;              ///< ticks per second, to which the rate of `counter_` is relative
  rate_history counter_{clock_change_parameters::disagreement_ppm}; ///< against RAW
  rate_history steering_{clock_change_parameters::slew_ppm};        ///< MONOTONIC against RAW
};

template <class T> void basic_clock_history<T>::add(const sample& now, std::vector<watch_event>& events) {
  watch_event at;
  at.before = at.after = now.readings.monotonic.value_or(nanoseconds::zero());
  at.reported = std::chrono::sys_time<nanoseconds>(now.readings.realtime.value_or(nanoseconds::zero()));
  if (!sampled_) {
    if (now.leap.phase == phase::insertion_pending || now.leap.phase == phase::deletion_pending)
      judge_leap(now, at, events);
    sampled_ = true, last_ = now, sound_ = since_ = now.readings;
    return;
  }
  const bool switched = !now.source.empty() && !last_.source.empty() && now.source != last_.source;
  at.after = sound_.monotonic.value_or(nanoseconds::zero());
  if (switched) {
    watch_event e = at;
    e.kind = kinds::source_switched, e.after = last_.readings.monotonic.value_or(at.after);
    e.from = last_.source, e.to = now.source, e.log = now.log;
    events.push_back(std::move(e));
    switched_since_ = true;
  }
  judge_leap(now, at, events);
  const std::size_t before_these = events.size();
  if (judge_offsets(now, events)) {
    since_ = now.readings; // the stretch is broken
    counter_.interrupt(), steering_.interrupt();
  } else {
    judge_rates(now, at, events);
  }
  const bool wide = now.readings.half_width / watch_parameters::disturbed > sound_.half_width;
  if (!wide || switched || events.size() != before_these || ++disturbed_ >= watch_parameters::max_disturbed)
    sound_ = now.readings, disturbed_ = 0;
  std::string source = std::move(last_.source);
  last_ = now;
  if (last_.source.empty()) last_.source = std::move(source); // unknown this time
}

/// Effects: adds the events of announcements of leap seconds. A leap second that was applied shows in the clocks
/// themselves.
template <class T> void basic_clock_history<T>::judge_leap(const sample& now, const watch_event& at,
                                                           std::vector<watch_event>& events) const {
  const auto pending = [](const leap_facts& f) {
    return f.phase == phase::insertion_pending ? -1 : f.phase == phase::deletion_pending ? 1 : 0;
  };
  if (!now.leap_known) return;
  const int before = sampled_ ? pending(last_.leap) : 0, after = pending(now.leap);
  if (before == after) return;
  const bool over = now.leap.phase == phase::in_progress || now.leap.phase == phase::applied;
  watch_event e = at;
  if (before != 0 && !over) {
    e.kind = kinds::leap_withdrawn, e.size = std::chrono::seconds(before);
    events.push_back(e);
  }
  if (after != 0) {
    e.kind = kinds::leap_announced, e.size = std::chrono::seconds(after);
    events.push_back(std::move(e));
  }
}

/// Returns: the signs of `now` that do not belong to the restore that was found before.
template <class T> restore_signs basic_clock_history<T>::new_signs(const sample& now) {
  const nanoseconds time = now.readings.monotonic.value_or(nanoseconds::zero());
  if (!now.signs.any()) return {};
  const nanoseconds since = saturating_subtract(time, restored_at_);
  const bool recent = restored_.any() && since >= nanoseconds::zero() && since <= watch_parameters::one_restore;
  const bool of_machine = !restored_.of_process() && !now.signs.of_process() && !restored_.inferred();
  const bool same = recent && of_machine && (restored_.bits & now.signs.bits) == 0;
  if (!same) restored_ = {};
  restored_.add(now.signs);
  restored_at_ = time;
  return same ? restore_signs() : now.signs;
}

/// Effects: adds the events that two samples alone show.
/// Returns: whether the rates before and after them cannot be compared.
template <class T>
bool basic_clock_history<T>::judge_offsets(const sample& now, std::vector<watch_event>& events) {
  const clock_readings& r = now.readings;
  const nanoseconds unsure = open(sound_, r);
  const clock_changes found = classify(sound_, r, {rate(), 0});
  watch_event at;
  at.after = sound_.monotonic.value_or(nanoseconds::zero()), at.before = r.monotonic.value_or(nanoseconds::zero());
  at.reported = std::chrono::sys_time<nanoseconds>(r.realtime.value_or(nanoseconds::zero()));
  at.uncertainty = unsure;
  const auto report = [&](kinds kind, nanoseconds size) {
    watch_event e = at;
    e.kind = kind, e.size = size;
    events.push_back(std::move(e));
  };
  const auto seconds = [](nanoseconds d) { // std::chrono::round overflows near the ends
    constexpr std::int64_t one = 1'000'000'000, most = nanoseconds::max().count() / one;
    const std::int64_t whole = d.count() / one, rest = d.count() % one;
    const std::int64_t up = rest >= one / 2 && whole < most ? 1 : rest <= -one / 2 && whole > -most ? -1 : 0;
    return std::chrono::seconds(whole + up);
  };
  const auto equal = [&](nanoseconds a, nanoseconds b) {
    const nanoseconds limit = saturating_add(unsure, clock_change_parameters::min_change),
                      off = saturating_subtract(a, b);
    return off <= limit && off >= -limit;
  };

  const restore_signs signs = new_signs(now);
  const auto report_restore = [&](const restore_signs& how, nanoseconds size) {
    watch_event e = at;
    e.kind = kinds::restored, e.size = size, e.signs = how;
    events.push_back(std::move(e));
  };
  if (signs.any()) {
    const auto gain = [](const auto& from, const auto& to) {
      return from && to ? saturating_subtract(*to, *from) : nanoseconds::zero();
    };
    const nanoseconds real = gain(sound_.realtime, r.realtime), monotonic = gain(sound_.monotonic, r.monotonic);
    report_restore(signs, r.realtime && r.monotonic ? saturating_subtract(real, monotonic) : nanoseconds::zero());
  }
  // The clocks of a process that was moved are others, which shows nothing about the machine's.
  const bool moved = signs.of_process();
  const bool back = !moved && found.has(clock_changes::kind::backwards);
  if (back) {
    watch_event e = at;
    e.kind = kinds::backwards, e.size = saturating_subtract(nanoseconds::zero(), found.backwards), e.uncertainty = {};
    events.push_back(std::move(e));
  }
  const bool slept = !moved && found.has(clock_changes::kind::suspend);
  const bool stepped = !signs.any() && found.has(clock_changes::kind::step);
  if (slept) report(kinds::suspend, found.slept);
  // TAI moves with REALTIME when that is set, and stays where it is in a leap second.
  std::chrono::seconds apart{};
  if (r.tai && sound_.tai && r.realtime && sound_.realtime)
    apart = seconds(saturating_subtract(saturating_subtract(*r.realtime, *r.tai),
                                        saturating_subtract(*sound_.realtime, *sound_.tai)));
  const bool came = now.leap.phase == phase::in_progress || now.leap.phase == phase::applied;
  const bool second = equal(found.step, std::chrono::seconds(1)) || equal(found.step, -std::chrono::seconds(1));
  const bool by_tai = apart.count() != 0 && equal(found.step, apart);
  const bool by_phase = !r.tai && came && last_.leap.phase != now.leap.phase && second;
  if (stepped && (by_tai || by_phase)) {
    report(kinds::leap_applied, found.step);
  } else {
    if (stepped) report(kinds::step, found.step);
    if (apart.count() != 0) report(kinds::tai_set, -apart);
  }

  const nanoseconds off = found.counter_jump < nanoseconds::zero()
                              ? saturating_subtract(nanoseconds::zero(), found.counter_jump)
                              : found.counter_jump;
  // After a switch of the clock source, and under a suspicion, the counter's rate is not known well enough.
  const bool judged = !switched_since_ && !counter_.suspects();
  const bool jumped = judged && !moved && !back && found.has(clock_changes::kind::counter_jump) &&
                      off > saturating_add(watch_parameters::min_jump, now.resolution);
  // The leap made the sample late, unless it fell into a long period.
  const bool leapt = jumped && !jumped_ && !slept && !stepped && !signs.any() && now.due && r.monotonic &&
                     found.counter_jump < nanoseconds::zero() && (r.counter - sound_.counter).signed_count() >= 0 &&
                     saturating_subtract(*r.monotonic, *now.due) > off / 2;
  if (jumped && !slept) { // what the counter did during a suspend is no event
    const double length = length_between(*sound_.monotonic, *r.monotonic);
    if (jumped_) { // a second jump in a row shows that the rate changed
      watch_event e = at;
      e.kind = kinds::counter_rate, e.uncertainty = {};
      e.rate_ppm = found.disagreement_ppm, e.rate_uncertainty_ppm = static_cast<double>(unsure.count()) / length * 1e6;
      events.push_back(std::move(e));
      counter_.restart();
    } else {
      // The jump is only as certain as the rate by which it is calculated.
      const double doubt = (length + static_cast<double>(off.count())) * counter_.doubt_ppm() * 1e-6;
      at.uncertainty = saturating_add(at.uncertainty, saturating_add(in_nanoseconds(doubt), now.resolution));
      if (leapt) {
        restore_signs inferred;
        inferred.add(restore_signs::sign::clocks_leapt);
        report_restore(inferred, off);
        restored_ = inferred, restored_at_ = *r.monotonic;
      } else {
        report(kinds::counter_jump, found.counter_jump);
      }
    }
  }
  jumped_ = jumped && !slept && !jumped_;
  if (signs.has(restore_signs::sign::boot_id)) counter_.restart(), nominal_ = 0; // the counter of another machine
  return jumped || slept || signs.any() || back;
}

/// Effects: adds the events that only a stretch of time can show: offsets that stay and rates that changed.
template <class T> void basic_clock_history<T>::judge_rates(const sample& now, const watch_event& at,
                                                            std::vector<watch_event>& events) {
  const clock_readings& r = now.readings;
  if (!r.monotonic || !since_.monotonic || !r.raw || !since_.raw) return;
  const auto length = static_cast<double>(saturating_subtract(*r.raw, *since_.raw).count());
  const auto unsure = static_cast<double>(open(since_, r).count());
  if (length <= 0 || unsure > length * watch_parameters::resolution_ppm * 1e-6) return;
  rate_history::stretch s{0, length, unsure, *since_.monotonic, *r.monotonic};
  watch_event e = at;
  const auto take = [&](const rate_history::verdict& v) {
    e.after = v.after, e.before = v.before;
    e.rate_ppm = v.rate_ppm, e.rate_uncertainty_ppm = v.rate_uncertainty_ppm;
    e.size = v.shift ? in_nanoseconds(v.size) : nanoseconds::zero();
    e.uncertainty = v.shift ? in_nanoseconds(v.uncertainty) : nanoseconds::zero();
  };

  s.gained = static_cast<double>(saturating_subtract(*r.monotonic, *since_.monotonic).count()) - length;
  if (const auto v = steering_.add(s, false); v.rate || v.shift) {
    take(v);
    e.kind = kinds::slew, e.lasts = v.rate;
    if (!v.rate)
      e.rate_ppm = v.mean_ppm,
      e.rate_uncertainty_ppm = v.uncertainty / length_between(v.after, v.before) * 1e6;
    events.push_back(e);
  }

  const bool counts = r.counter != since_.counter || r.counter != tick_point();
  const auto coarse = 2 * static_cast<double>(now.resolution.count()); // a clock that stands still for a jiffy
  if (counts && unsure + coarse <= length * watch_parameters::resolution_ppm * 1e-6) {
    s.open = unsure + coarse;
    if (!counter_.known()) nominal_ = static_cast<double>((r.counter - since_.counter).signed_count()) / length * 1e9;
    s.gained = nominal_ > 0 ? counted(since_.counter, r.counter) - length : 0;
    if (nominal_ > 0) {
      const auto v = counter_.add(s, switched_since_);
      take(v);
      if (v.shift) {
        e.kind = kinds::counter_shift;
        events.push_back(e);
      }
      if (v.rate) {
        e.kind = kinds::counter_rate, e.rate_ppm = v.change_ppm;
        e.size = e.uncertainty = nanoseconds::zero();
        events.push_back(e);
      }
    }
    switched_since_ = false;
  }
  since_ = r;
}

} // namespace detail
} // namespace takt::inline TAKT_ABI
