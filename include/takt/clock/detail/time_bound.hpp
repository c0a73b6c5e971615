/// time_bound.hpp - from what the kernel says of its clock to an interval around UTC that can be extended in between.
///
/// A sample is drawn from one reading of all clocks and of adjtimex(2). It holds what must be added to the time of a
/// line (a tsc_clock, or CLOCK_MONOTONIC) to get the ends of the interval, and by how much the interval grows while the
/// line goes on. Its error at the beginning is the sum of:
///   - the kernel's maximum error, which is in whole microseconds: one more;
///   - 500 ppm of the time since the kernel's last second. The kernel adds 500 us to the maximum error at the turn of
///     each second of CLOCK_REALTIME, and a daemon may have stated it right after the turn. The kernel may be late by a
///     tick, so shortly after a turn the whole second before it counts too;
///   - the width of the reading, twice: two clocks are compared.
/// It grows by the sum of:
///   - 500 ppm, the error of the rate that the kernel assumes for its clock between two statements of the daemon;
///   - the difference between the rate of the line and the rate that the frequency and the tick of adjtimex(2) set,
///     both against MONOTONIC_RAW. A line that slews, and one that was drawn while the kernel slewed, differ.
/// No crystal is further than 500 ppm off its rate, or the kernel could not discipline it. So a line that is further
/// off MONOTONIC_RAW grows by at least what it is off plus 500 ppm.
///
/// What the kernel says is not believed after a suspend, in which it does not let the error grow although the time
/// slept comes from a clock that may count seconds; it is believed again when the daemon has stated an error since.
///
/// Pure functions: readings in, a sample out. `bound_memory` carries from one sample to the next.
///
/// Does not promise: to recognise a daemon that states an error which the kernel would have arrived at by itself.
/// Sources: adjtimex(2); Linux 6.12 kernel/time/ntp.c (second_overflow, ntp_clear, __do_adjtimex),
/// kernel/time/timekeeping.c (timekeeping_resume, timekeeping_inject_offset).
#pragma once
#include <takt/clock/bounded_time.hpp>
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/rate_estimate.hpp>
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/kernel/steered_rate.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

namespace takt::inline TAKT_ABI::detail {

// synopsis
namespace bound_parameters {
/// What the kernel assumes for the rate of a clock that is not corrected (MAXFREQ).
inline constexpr double kernel_ppm = 500;
/// The kernel adds this to the maximum error at the turn of a second, in us.
inline constexpr long kernel_step = 500;
/// The end of the scale of the kernel's errors, in us (NTP_PHASE_LIMIT).
inline constexpr long end_of_scale = 16'000'000;
/// How old a sample may be. So a program that reads often samples 100 times a second, which costs it 0.02 %.
inline constexpr std::chrono::nanoseconds max_age = std::chrono::milliseconds(10);
/// The age of a sample before the rate of the line is known.
inline constexpr std::chrono::nanoseconds first_age = std::chrono::milliseconds(1);
/// How late the kernel may act on the turn of a second: a tick, which is 10 ms at most, and as much again.
inline constexpr std::chrono::nanoseconds late_tick = std::chrono::milliseconds(20);
/// adjtimex(2) takes a tick of 9000 to 11000 us and a frequency of 500 ppm: no steered rate is further off.
inline constexpr double max_steered_ppm = 101'000;
} // namespace bound_parameters

struct bound_reading;
struct bound_memory;
struct bound_sample;

template <class = for_callers>
[[nodiscard]] constexpr bound_sample draw_bounds(const bound_reading& r, bound_memory& m) noexcept;

// definitions

/// What a sample is drawn from.
struct bound_reading {
  adjtimex_answer answer;       ///< what the kernel says
  bool refused = false;         ///< adjtimex(2) failed, and `answer` holds nothing
  bool settled = true;          ///< the kernel said the same before and after the clocks were read
  clock_readings clocks;        ///< all clocks at that moment
  std::uint64_t segment = 0;    ///< the number of the line's segment; 0: the line is CLOCK_MONOTONIC
  std::int64_t at = 0;          ///< the line's time at that moment, in ns
  double slope = 0, cruise = 0; ///< the slopes of the line, in ns per tick, now and after its turn
  bool usable = true;           ///< the line will go on as it is
};

/// What one sample leaves for the next.
struct bound_memory {
  bool filled = false;      ///< `before` holds readings
  bool counted = false;     ///< `origin` holds readings, and both have the counter's
  clock_readings before;    ///< those of the last sample
  clock_readings origin;    ///< those from which on the counter's rate is measured
  bool suspended = false;   ///< the machine slept, and the daemon has stated no error since
  bool stepped = false;     ///< the clock was set since the kernel last called it synchronised
  long error_at_resume = 0; ///< the kernel's maximum error at the first sample after the sleep, in us
  bool held = false;        ///< the next four hold the last bound of a synchronised clock
  clock_readings held_at;
  double held_error = 0;    ///< in ns
  double held_ppm = 0;      ///< by how much MONOTONIC was steered
  std::uint32_t generation = 0;
};

/// An interval around UTC, for a while.
struct bound_sample {
  std::uint64_t segment = 0;
  std::int64_t at = 0;                ///< the line's time at the beginning, in ns
  std::int64_t lowest = 0;            ///< the earliest UTC then, less `at`
  std::int64_t highest = 0;           ///< the latest UTC then, less `at`
  std::uint64_t growth = 0;           ///< of each end, in 2^-32 of the time that passed
  std::uint64_t max_age = 0;          ///< in ns; 0: for that moment alone
  bounded_time::status_kind status{}; ///< of the interval, as the three that follow
  bounded_time::reason_kind reason{};
  leap_facts::phase_kind leap{};
  std::uint32_t generation = 0;

  /// Returns: the interval when the line shows `t`. Precondition: 0 <= t - at < 2^30.
  [[nodiscard]] constexpr bounded_time at_time(std::int64_t t) const noexcept {
    bounded_time b;
    b.status = status, b.reason = reason, b.leap = leap, b.generation = generation;
    if (status == bounded_time::status_kind::unknown) [[unlikely]] return b;
    const auto now = static_cast<std::uint64_t>(t), grown = ((now - static_cast<std::uint64_t>(at)) * growth >> 32) + 1;
    using std::chrono::nanoseconds;
    b.earliest = bounded_time::time_point(nanoseconds(
        static_cast<std::int64_t>(now + static_cast<std::uint64_t>(lowest) - grown)));
    b.latest = bounded_time::time_point(nanoseconds(
        static_cast<std::int64_t>(now + static_cast<std::uint64_t>(highest) + grown)));
    return b;
  }
};

/// Returns: what passed on a clock from one reading to another, in ns.
[[nodiscard]] constexpr double passed_ns(const std::optional<std::chrono::nanoseconds>& from,
                                      const std::optional<std::chrono::nanoseconds>& to) noexcept {
  using std::chrono::nanoseconds;
  return static_cast<double>(saturating_subtract(to.value_or(nanoseconds()), from.value_or(nanoseconds())).count());
}

/// Returns: whether a daemon called the clock synchronised and stated a maximum error of zero, to which the kernel has
/// added since. Its estimated error is then zero too, or the end of the scale, where the kernel puts it at a step.
[[nodiscard]] constexpr bool states_no_error(const timex& t) noexcept {
  using namespace bound_parameters;
  return t.maxerror % kernel_step == 0 && (t.esterror == 0 || t.esterror >= end_of_scale);
}

/// Returns: by how much the frequency and the tick make MONOTONIC run faster than RAW, in ppm, without any slew.
[[nodiscard]] constexpr double frequency_ppm(const timex& t) noexcept {
  timex unslewed = t;
  unslewed.offset = 0;
  return decode_steered_rate(unslewed, 0).ppm;
}

/// The counter's rate against RAW with its error; zero if it is not known.
struct raw_rate {
  double ticks_per_ns = 0, ppm = 0;
};
/// Returns: the mean rate of the counter since the origin; zero if the time since then is too short.
[[nodiscard]] constexpr raw_rate rate_since(const clock_readings& origin, const clock_readings& now) noexcept {
  const double raw = passed_ns(origin.raw, now.raw);
  if (!(raw >= static_cast<double>(bound_parameters::first_age.count()))) return {};
  const auto counted = static_cast<double>((now.counter - origin.counter).signed_count());
  const auto open = static_cast<double>(origin.half_width.count()) + static_cast<double>(now.half_width.count()) + 2;
  return counted > 0 ? raw_rate{counted / raw, open / raw * 1e6} : raw_rate{};
}

/// Effects: takes into account what happened since the last sample.
template <class = for_callers> constexpr void note_events(const bound_reading& r, bound_memory& m) noexcept {
  using kind = clock_changes::kind;
  const clock_readings& now = r.clocks;
  const bool counts = r.segment != 0;
  bool kept = counts && m.counted; // the counter goes on from the origin
  if (m.filled) {
    clock_expectations known;
    if (const raw_rate rate = rate_since(m.origin, m.before); kept && rate.ticks_per_ns > 0)
      known.rate = tick_rate(frequency(rate.ticks_per_ns * 1e9));
    const clock_changes found = classify(m.before, now, known);
    if (found.has(kind::step)) m.held = false, m.stepped = true, ++m.generation;
    if (found.has(kind::suspend)) {
      m.held = false, m.suspended = true, ++m.generation;
      m.error_at_resume = r.answer.values.maxerror;
    }
    if (found.has(kind::counter_jump) || found.has(kind::suspend) || found.has(kind::disagreement)) kept = false;
  }
  if (!kept) m.origin = now;
  m.counted = counts;
  m.before = now, m.filled = true;
  if (m.suspended && !r.refused) {
    const long grown = r.answer.values.maxerror - m.error_at_resume;
    if (grown < 0 || grown % bound_parameters::kernel_step != 0) m.suspended = false;
  }
}

/// Returns: the error of CLOCK_REALTIME by what the kernel states, in ns.
template <class = for_callers> [[nodiscard]] constexpr double stated_error(const bound_reading& r) noexcept {
  using namespace bound_parameters;
  constexpr std::int64_t second = 1'000'000'000;
  const std::int64_t real = r.clocks.realtime.value_or(std::chrono::nanoseconds()).count();
  std::int64_t since_turn = (real % second + second) % second;
  if (since_turn < late_tick.count()) since_turn += second;
  return static_cast<double>(r.answer.values.maxerror + 1) * 1e3 + static_cast<double>(since_turn) * kernel_ppm * 1e-6 +
         2 * static_cast<double>(r.clocks.half_width.count());
}

/// Returns: the error of CLOCK_REALTIME now by what was stated when the clock was last synchronised, in ns.
template <class = for_callers>
[[nodiscard]] constexpr double held_error(const bound_memory& m, const clock_readings& now) noexcept {
  const double monotonic = passed_ns(m.held_at.monotonic, now.monotonic), raw = passed_ns(m.held_at.raw, now.raw);
  const double slewed = magnitude(monotonic - raw * (1 + m.held_ppm * 1e-6));
  const double moved = magnitude(passed_ns(m.held_at.realtime, now.realtime) - monotonic);
  const auto open = static_cast<double>(now.half_width.count()) + static_cast<double>(m.held_at.half_width.count());
  return m.held_error + magnitude(monotonic) * bound_parameters::kernel_ppm * 1e-6 + slewed + moved + 2 * open;
}

/// Returns: by how much each end of the interval moves while the line goes on with that slope, in ppm.
[[nodiscard]] constexpr double growth_ppm(double slope, const raw_rate& rate, double steered) noexcept {
  using bound_parameters::kernel_ppm;
  const double off = slope > 0 ? (slope * rate.ticks_per_ns - 1) * 1e6 : steered;
  const double unsure = slope > 0 ? rate.ppm : 0;
  const double apart = kernel_ppm + magnitude(off - steered), alone = magnitude(off) + kernel_ppm;
  return (magnitude(off) > kernel_ppm && alone > apart ? alone : apart) + unsure;
}

/// Effects: widens the interval, or shortens its validity, where a leap second is near. The kernel acts at midnight to
/// insert a second and a second earlier to delete one, late by a tick; what adjtimex(2) reports is not late. So the
/// reported phase may be that after the step while CLOCK_REALTIME has not been stepped.
template <class = for_callers> constexpr void apply_leap(bound_sample& s, std::int64_t real) noexcept {
  using phase = leap_facts::phase_kind;
  constexpr std::int64_t second = 1'000'000'000, day = 86'400 * second, late = bound_parameters::late_tick.count();
  const std::int64_t since = (real % day + day) % day, since_last = since - (day - second);
  bool back = false, forward = false, near = false; // UTC may be a second less, or more; the kernel acts about now
  std::int64_t until = 0;                           // it acts, or 0
  switch (s.leap) {
  case phase::none: return;
  case phase::insertion_pending:
    back = near = since <= late || day - since <= late;
    until = day - since;
    break;
  case phase::in_progress: // this scale has no number for 23:59:60: both neighbours are in
    forward = true;
    back = near = since <= late;
    break;
  case phase::deletion_pending:
    forward = near = since_last <= late && since_last >= -late;
    until = -since_last;
    break;
  case phase::applied:
    forward = near = since_last <= late && since_last >= 0;
    break;
  }
  if (near) s.max_age = 0;
  else if (until > late && static_cast<std::uint64_t>(until - late) < s.max_age)
    s.max_age = static_cast<std::uint64_t>(until - late);
  if ((!back && !forward) || s.status == bounded_time::status_kind::unknown) return;
  s.reason = bounded_time::reason_kind::leap_second;
  if (back) s.lowest -= second;
  if (forward) s.highest += second;
}

/// Returns: the interval that follows from a reading and from what is remembered.
template <class> constexpr bound_sample draw_bounds(const bound_reading& r, bound_memory& m) noexcept {
  using namespace bound_parameters;
  using status = bounded_time::status_kind;
  using reason = bounded_time::reason_kind;
  note_events(r, m);
  const leap_facts facts = r.refused ? leap_facts() : decode_leap(r.answer);
  const std::int64_t real = r.clocks.realtime.value_or(std::chrono::nanoseconds()).count();
  bound_sample s;
  s.segment = r.segment, s.at = r.at, s.leap = facts.phase, s.generation = m.generation;
  const double steered = r.refused ? 0 : frequency_ppm(r.answer.values);

  double error = 0;
  if (r.refused) {
    s.reason = reason::unavailable;
  } else if (!r.settled) {
    s.reason = reason::unsettled;
  } else if (facts.synchronised && !m.suspended) {
    m.stepped = false;
    m.held = r.answer.values.maxerror >= 0 && !states_no_error(r.answer.values);
    s.reason = m.held ? reason::stated : reason::no_error_stated;
    if (m.held) {
      s.status = status::synchronised, error = stated_error(r);
      m.held_at = r.clocks, m.held_error = error, m.held_ppm = steered;
    }
  } else if (m.held) {
    s.status = status::holding_over, s.reason = reason::not_synchronised, error = held_error(m, r.clocks);
  } else {
    s.reason = m.suspended ? reason::suspended : m.stepped ? reason::stepped : reason::not_synchronised;
  }
  // Beyond the end of the kernel's scale there is no bound; times near the ends of the range would overflow.
  constexpr std::int64_t far = std::int64_t{1} << 61;
  if (!(error <= static_cast<double>(end_of_scale) * 1e3) || real > far || real < -far || r.at > far || r.at < -far) {
    s.status = status::unknown, m.held = false;
    if (s.reason == reason::stated) s.reason = reason::not_synchronised;
  }
  const auto wide = static_cast<std::int64_t>(error) + 1;
  if (s.status != status::unknown) s.lowest = real - wide - r.at, s.highest = real + wide - r.at;

  raw_rate rate;
  double grows = 0;
  if (r.segment == 0) {
    grows = growth_ppm(0, rate, steered), s.max_age = static_cast<std::uint64_t>(max_age.count());
  } else if (rate = rate_since(m.origin, r.clocks); rate.ticks_per_ns > 0) {
    const double now = growth_ppm(r.slope, rate, steered), later = growth_ppm(r.cruise, rate, steered);
    grows = now > later ? now : later;
    const double known_for = passed_ns(m.origin.raw, r.clocks.raw);
    s.max_age = known_for < static_cast<double>(max_age.count()) ? static_cast<std::uint64_t>(known_for)
                                                                 : static_cast<std::uint64_t>(max_age.count());
  } else {
    grows = max_steered_ppm + 2 * kernel_ppm + (r.cruise > 0 ? magnitude(1 - r.slope / r.cruise) * 1e6 : 0);
    s.max_age = static_cast<std::uint64_t>(first_age.count());
  }
  if (!r.usable || s.reason == reason::unsettled) s.max_age = 0;
  const double growth = grows * 1e-6 * 0x1p32;
  s.growth = growth < 0x1p32 ? static_cast<std::uint64_t>(growth) + 1 : std::uint64_t{1} << 32;
  apply_leap(s, real);
  return s;
}

} // namespace takt::inline TAKT_ABI::detail
