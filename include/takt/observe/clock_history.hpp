/// clock_history.hpp - what happened to the clocks, told from a row of looks at them.
///
/// The pure half of clock_watch: looks in, typed events out. What a single pair of looks shows (a step, a sleep, a leap
/// second, another clock source, a counter that leapt) is told at once. What could be an offset or a rate (the counter
/// against the kernel, the kernel's steering) is told when the next stretch of time has shown whether it lasts.
///
/// What it holds against noise: each set of readings states by how much it may be off, and only what exceeds that, and
/// what crystals do, is an event. So a thread that was preempted while it read makes the watch blind for a moment, not
/// wrong.
///
/// Does not promise: to see what was undone between two looks; to tell a leap second from a step where somebody sets both
/// REALTIME and the TAI offset by a second; to tell the rate from an offset where each of two stretches in a row was
/// disturbed.
/// Sources: those of clock_events.hpp; Linux 6.12 kernel/time/ntp.c second_overflow; kernel/time/timekeeping.c
/// timekeeping_set_tai_offset: TAI is REALTIME and whole seconds.
#pragma once
#include <takt/clock/clock_events.hpp>
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/observe/watch_event.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// All that one look tells.
struct clock_look {
  clock_readings readings;
  leap_facts leap;
  bool leap_told = false;                ///< whether the kernel told of `leap`
  std::string source;                    ///< the kernel's clock source; empty: not told
  std::string log;                       ///< the kernel's line on its last switch, where the source is another than before
  std::chrono::nanoseconds resolution{}; ///< of the kernel's clocks: a jiffy where they are kept by the tick
};

namespace watch_rule {
/// Rates are judged over a stretch of time long enough to tell them this well: half of what counts as a slew.
inline constexpr double resolution_ppm = 2.5;
/// Between two stretches the rates of crystals, and the kernel's steering, wander by less than this.
inline constexpr double wander_ppm = 1;
/// What the counter is off by less than this is left to the judgement over two stretches.
inline constexpr std::chrono::nanoseconds least_jump = std::chrono::milliseconds(1);
/// A set so many times as wide as the one before was disturbed: the next is compared with the one before it,
inline constexpr int disturbed = 4;
/// unless so many in a row are wide.
inline constexpr int most_disturbed = 3;
} // namespace watch_rule

template <class = when_called> class basic_clock_history;
using clock_history = basic_clock_history<>;

// definitions

namespace detail {

/// How one clock runs against another, stretch after stretch. A stretch in which it gained what its rate does not explain
/// is a suspicion; the next one shows whether the rate is another or an offset came and stayed.
class rate_history {
public:
  using nanoseconds = std::chrono::nanoseconds;

  /// A stretch of time and what was gained in it, known to `open`, all in ns.
  struct stretch {
    double gained = 0, length = 0, open = 0;
    nanoseconds after{}, before{};
  };
  struct verdict {
    bool rate = false, shift = false; ///< another rate, an offset that came
    double rate_ppm = 0, change_ppm = 0, rate_uncertainty_ppm = 0;
    double size = 0, uncertainty = 0; ///< of the offset, in ns
    double mean_ppm = 0;              ///< of the stretch in which it came
    nanoseconds after{}, before{};
  };

  constexpr explicit rate_history(double tell_ppm) noexcept : tell_ppm_(tell_ppm) {}

  /// Returns: what `s` shows. `suspect`: something happened in it after which the rate may be another.
  constexpr verdict add(const stretch& s, bool suspect) noexcept;
  /// Effects: forgets a suspicion that cannot be settled, because the row of stretches broke.
  constexpr void interrupt() noexcept { suspected_ = false; }
  /// Effects: forgets all.
  constexpr void restart() noexcept { *this = rate_history(tell_ppm_); }
  [[nodiscard]] constexpr bool known() const noexcept { return known_; }
  [[nodiscard]] constexpr bool suspects() const noexcept { return suspected_; }
  [[nodiscard]] constexpr double ppm() const noexcept { return ppm_; }
  /// By how much the next stretch may differ from that without being a suspicion.
  [[nodiscard]] constexpr double doubt_ppm() const noexcept { return unsure_ + watch_rule::wander_ppm; }

private:
  static constexpr double least_ = static_cast<double>(clock_event_rule::least.count());
  static constexpr double magnitude(double x) noexcept { return x < 0 ? -x : x; }
  constexpr void absorb(double ppm, double unsure) noexcept {
    const double weight = !known_ || unsure * 4 < unsure_ ? 1 : 0.25;
    ppm_ += weight * (ppm - ppm_), unsure_ += weight * (unsure - unsure_);
    if (!known_) told_ = ppm_, told_unsure_ = unsure_;
    known_ = true;
  }

  double tell_ppm_;
  bool known_ = false, suspected_ = false;
  double ppm_ = 0, unsure_ = 0;      ///< the rate, a mean over some stretches
  double told_ = 0, told_unsure_ = 0; ///< the rate that was told last
  stretch suspicion_{};
  nanoseconds previous_after_{};      ///< beginning of the stretch before
};

constexpr auto rate_history::add(const stretch& s, bool suspect) noexcept -> verdict {
  verdict v;
  const double ppm = s.gained / s.length * 1e6, unsure = s.open / s.length * 1e6;
  const nanoseconds earlier = known_ ? previous_after_ : s.after;
  previous_after_ = s.after;
  if (!known_) return absorb(ppm, unsure), v;

  const double doubt = doubt_ppm();
  const double off = s.gained - ppm_ * 1e-6 * s.length;
  if (!suspected_ || suspect) {
    if (suspected_) { // two stretches disturbed in a row: the first can only be held against the rate before it
      v.shift = magnitude(suspicion_.gained) > suspicion_.open + least_;
      v.size = suspicion_.gained, v.uncertainty = suspicion_.open, v.after = suspicion_.after, v.before = suspicion_.before;
    }
    suspected_ = suspect || magnitude(off) > s.open + least_ + doubt * 1e-6 * s.length;
    if (suspected_) {
      // From here on `gained` is what the rate does not explain, and `open` what is unsure of that.
      suspicion_ = {off, s.length, s.open + doubt * 1e-6 * s.length, s.after, s.before};
      if (!suspect) suspicion_.after = earlier; // a rate that changed late in the stretch before did not show there
      return v;
    }
    absorb(ppm, unsure);
    // A rate that wandered far, little by little.
    v.rate = magnitude(ppm_ - told_) > tell_ppm_ + unsure_ + told_unsure_;
    v.after = earlier, v.before = s.before;
  } else {
    suspected_ = false;
    const double change = ppm - ppm_;
    const bool same = magnitude(change) <= unsure + doubt;
    // Another rate may have come at any moment of the stretch: half of what it could explain, give or take that half.
    const double half = same ? 0 : change * 1e-6 * suspicion_.length / 2;
    v.size = suspicion_.gained - half;
    v.uncertainty = suspicion_.open + magnitude(half) + (same ? 0 : (unsure + unsure_) * 1e-6 * suspicion_.length);
    v.shift = magnitude(v.size) > v.uncertainty + least_;
    v.mean_ppm = ppm_ + suspicion_.gained / suspicion_.length * 1e6;
    v.after = suspicion_.after, v.before = suspicion_.before;
    if (same) absorb(ppm, unsure);
    else ppm_ = ppm, unsure_ = unsure;
    v.rate = magnitude(ppm_ - told_) > tell_ppm_ + unsure_ + told_unsure_;
  }
  if (v.rate) {
    v.rate_ppm = ppm_, v.change_ppm = ppm_ - told_, v.rate_uncertainty_ppm = unsure_ + told_unsure_;
    told_ = ppm_, told_unsure_ = unsure_;
  }
  return v;
}

} // namespace detail

/// Not to be shared between threads.
template <class> class basic_clock_history {
public:
  /// Effects: adds to `events` what `now` shows against the looks before, nothing at the first but an announced leap
  /// second. Allocates when there is something to tell and for the names of clock sources.
  void add(const clock_look& now, std::vector<watch_event>& events);

  /// Returns: the counter's rate, unknown until two looks have shown it. What read_all_clocks() wants to know.
  [[nodiscard]] constexpr tick_rate rate() const noexcept {
    return counter_.known() ? tick_rate(frequency(nominal_ * (1 + counter_.ppm() * 1e-6))) : tick_rate();
  }
  /// Returns: the last look; nothing before the first.
  [[nodiscard]] constexpr const clock_look* last() const noexcept { return looked_ ? &last_ : nullptr; }
  /// Returns: whether the last look was disturbed and showed nothing: what happened may be told by the next.
  [[nodiscard]] constexpr bool disturbed() const noexcept { return disturbed_ != 0; }

private:
  using nanoseconds = std::chrono::nanoseconds;
  static constexpr nanoseconds open(const clock_readings& a, const clock_readings& b) noexcept {
    return 2 * (a.half_width + b.half_width);
  }
  /// To the nearest.
  static constexpr nanoseconds in_nanoseconds(double ns) noexcept {
    return saturating_cast<nanoseconds>(std::chrono::duration<double, std::nano>(ns + 0.5));
  }
  [[nodiscard]] double counted(ticks from, ticks to) const noexcept {
    return static_cast<double>((to - from).signed_count()) / nominal_ * 1e9;
  }
  bool judge_offsets(const clock_look& now, std::vector<watch_event>& events);
  void judge_leap(const clock_look& now, const watch_event& at, std::vector<watch_event>& events) const;
  void judge_rates(const clock_look& now, const watch_event& at, std::vector<watch_event>& events);

  clock_look last_;                 ///< the last look
  bool looked_ = false;
  clock_readings sound_{};          ///< the last one that was not disturbed
  int disturbed_ = 0;               ///< sets in a row that were
  clock_readings since_{};          ///< where the stretch of time begins over which rates are judged
  bool switched_since_ = false;     ///< the clock source, in this stretch
  bool jumped_ = false;             ///< the counter, at the look before
  double nominal_ = 0;              ///< ticks a second that the counter's rate is told against
  detail::rate_history counter_{clock_event_rule::disagreement_ppm}; ///< against RAW
  detail::rate_history steering_{clock_event_rule::slew_ppm};        ///< MONOTONIC against RAW
};

template <class Lazy>
void basic_clock_history<Lazy>::add(const clock_look& now, std::vector<watch_event>& events) {
  watch_event at;
  at.before = at.after = now.readings.monotonic.value_or(nanoseconds::zero());
  at.told = std::chrono::sys_time<nanoseconds>(now.readings.realtime.value_or(nanoseconds::zero()));
  if (!looked_) {
    if (now.leap.phase == leap_phase::insertion_pending || now.leap.phase == leap_phase::deletion_pending)
      judge_leap(now, at, events);
    looked_ = true, last_ = now, sound_ = since_ = now.readings;
    return;
  }
  const bool switched = !now.source.empty() && !last_.source.empty() && now.source != last_.source;
  at.after = sound_.monotonic.value_or(nanoseconds::zero());
  if (switched) {
    watch_event e = at;
    e.kind = watch_kind::source_switched, e.after = last_.readings.monotonic.value_or(at.after);
    e.from = last_.source, e.to = now.source, e.log = now.log;
    events.push_back(std::move(e));
    switched_since_ = true;
  }
  judge_leap(now, at, events);
  const std::size_t untold = events.size();
  if (judge_offsets(now, events)) {
    since_ = now.readings; // the stretch is broken
    counter_.interrupt(), steering_.interrupt();
  } else {
    judge_rates(now, at, events);
  }
  const bool wide = now.readings.half_width > watch_rule::disturbed * sound_.half_width;
  if (!wide || switched || events.size() != untold || ++disturbed_ >= watch_rule::most_disturbed) sound_ = now.readings, disturbed_ = 0;
  std::string source = std::move(last_.source);
  last_ = now;
  if (last_.source.empty()) last_.source = std::move(source); // not told this time
}

/// Announcements. That a leap second came is told by the clocks themselves.
template <class Lazy>
void basic_clock_history<Lazy>::judge_leap(const clock_look& now, const watch_event& at, std::vector<watch_event>& events) const {
  const auto pending = [](const leap_facts& f) {
    return f.phase == leap_phase::insertion_pending ? -1 : f.phase == leap_phase::deletion_pending ? 1 : 0;
  };
  if (!now.leap_told) return;
  const int before = looked_ ? pending(last_.leap) : 0, after = pending(now.leap);
  if (before == after) return;
  const bool over = now.leap.phase == leap_phase::in_progress || now.leap.phase == leap_phase::applied;
  watch_event e = at;
  if (before != 0 && !over) {
    e.kind = watch_kind::leap_withdrawn, e.size = std::chrono::seconds(before);
    events.push_back(e);
  }
  if (after != 0) {
    e.kind = watch_kind::leap_announced, e.size = std::chrono::seconds(after);
    events.push_back(std::move(e));
  }
}

/// What two looks alone show. Returns: whether the clocks' rates cannot be compared across it.
template <class Lazy>
bool basic_clock_history<Lazy>::judge_offsets(const clock_look& now, std::vector<watch_event>& events) {
  const clock_readings& r = now.readings;
  const nanoseconds unsure = open(sound_, r);
  const clock_events found = classify(sound_, r, {rate(), 0});
  watch_event at;
  at.after = sound_.monotonic.value_or(nanoseconds::zero()), at.before = r.monotonic.value_or(nanoseconds::zero());
  at.told = std::chrono::sys_time<nanoseconds>(r.realtime.value_or(nanoseconds::zero()));
  at.uncertainty = unsure;
  const auto tell = [&](watch_kind kind, nanoseconds size) {
    watch_event e = at;
    e.kind = kind, e.size = size;
    events.push_back(std::move(e));
  };
  const auto seconds = [](nanoseconds d) { return std::chrono::round<std::chrono::seconds>(d); };
  const auto equal = [&](nanoseconds a, nanoseconds b) {
    return a - b <= unsure + clock_event_rule::least && b - a <= unsure + clock_event_rule::least;
  };

  const bool slept = found.has(clock_change::suspend), stepped = found.has(clock_change::step);
  if (slept) tell(watch_kind::suspend, found.slept);
  // TAI moves with REALTIME when that is set, and stays where it is in a leap second.
  std::chrono::seconds apart{};
  if (r.tai && sound_.tai && r.realtime && sound_.realtime)
    apart = seconds((*r.realtime - *r.tai) - (*sound_.realtime - *sound_.tai));
  const bool came = now.leap.phase == leap_phase::in_progress || now.leap.phase == leap_phase::applied;
  const bool second = equal(found.step, std::chrono::seconds(1)) || equal(found.step, -std::chrono::seconds(1));
  const bool by_tai = apart.count() != 0 && equal(found.step, apart);
  const bool by_phase = !r.tai && came && last_.leap.phase != now.leap.phase && second;
  if (stepped && (by_tai || by_phase)) {
    tell(watch_kind::leap_applied, found.step);
  } else {
    if (stepped) tell(watch_kind::step, found.step);
    if (apart.count() != 0) tell(watch_kind::tai_set, -apart);
  }

  const nanoseconds off =
      found.counter_jump < nanoseconds::zero() ? saturating_subtract(nanoseconds::zero(), found.counter_jump) : found.counter_jump;
  // After another clock source came, and while it is open what the counter does, its rate is not known well enough.
  const bool judged = !switched_since_ && !counter_.suspects();
  const bool jumped = judged && found.has(clock_change::counter_jump) && off > watch_rule::least_jump + now.resolution;
  if (jumped && !slept) { // what the counter did while the machine slept is no news
    const auto length = static_cast<double>((*r.monotonic - *sound_.monotonic).count());
    if (jumped_) { // again: it is the rate
      watch_event e = at;
      e.kind = watch_kind::counter_rate, e.uncertainty = {};
      e.rate_ppm = found.disagreement_ppm, e.rate_uncertainty_ppm = static_cast<double>(unsure.count()) / length * 1e6;
      events.push_back(std::move(e));
      counter_.restart();
    } else {
      // What was counted is only as good as the rate it is told by.
      const double doubt = (length + static_cast<double>(off.count())) * counter_.doubt_ppm() * 1e-6;
      at.uncertainty += in_nanoseconds(doubt) + now.resolution;
      tell(watch_kind::counter_jump, found.counter_jump);
    }
  }
  jumped_ = jumped && !slept && !jumped_;
  return jumped || slept;
}

/// What takes a stretch of time to show.
template <class Lazy>
void basic_clock_history<Lazy>::judge_rates(const clock_look& now, const watch_event& at, std::vector<watch_event>& events) {
  const clock_readings& r = now.readings;
  if (!r.monotonic || !since_.monotonic || !r.raw || !since_.raw) return;
  const auto length = static_cast<double>((*r.raw - *since_.raw).count());
  const auto unsure = static_cast<double>(open(since_, r).count());
  if (length <= 0 || unsure > length * watch_rule::resolution_ppm * 1e-6) return;
  detail::rate_history::stretch s{0, length, unsure, *since_.monotonic, *r.monotonic};
  watch_event e = at;
  const auto take = [&](const detail::rate_history::verdict& v) {
    e.after = v.after, e.before = v.before;
    e.rate_ppm = v.rate_ppm, e.rate_uncertainty_ppm = v.rate_uncertainty_ppm;
    e.size = v.shift ? in_nanoseconds(v.size) : nanoseconds::zero();
    e.uncertainty = v.shift ? in_nanoseconds(v.uncertainty) : nanoseconds::zero();
  };

  s.gained = static_cast<double>((*r.monotonic - *since_.monotonic).count()) - length;
  if (const auto v = steering_.add(s, false); v.rate || v.shift) {
    take(v);
    e.kind = watch_kind::slew, e.lasts = v.rate;
    if (!v.rate) e.rate_ppm = v.mean_ppm, e.rate_uncertainty_ppm = v.uncertainty / static_cast<double>((v.before - v.after).count()) * 1e6;
    events.push_back(e);
  }

  const bool counts = r.counter != since_.counter || r.counter != ticks();
  const auto coarse = static_cast<double>(2 * now.resolution.count()); // a clock that stands still for a jiffy
  if (counts && unsure + coarse <= length * watch_rule::resolution_ppm * 1e-6) {
    s.open = unsure + coarse;
    if (!counter_.known()) nominal_ = static_cast<double>((r.counter - since_.counter).signed_count()) / length * 1e9;
    s.gained = nominal_ > 0 ? counted(since_.counter, r.counter) - length : 0;
    if (nominal_ > 0) {
      const auto v = counter_.add(s, switched_since_);
      take(v);
      if (v.shift) {
        e.kind = watch_kind::counter_shift;
        events.push_back(e);
      }
      if (v.rate) {
        e.kind = watch_kind::counter_rate, e.rate_ppm = v.change_ppm;
        e.size = e.uncertainty = nanoseconds::zero();
        events.push_back(e);
      }
    }
    switched_since_ = false;
  }
  since_ = r;
}

} // namespace takt::inline TAKT_ABI
