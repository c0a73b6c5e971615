/// steering.hpp - chooses the next segment of the time line, so that the clock never goes backwards and is soon right.
///
/// A clock that is behind its reference is set forward at once. One that is ahead cannot be set back; its segment is
/// flatter than the reference until the two meet, and from that turn on runs at the reference's own rate. Both parts
/// are in the segment from the beginning, so a writer that never comes back leaves a clock that is right, not one that
/// is slow.
///
/// Readers renew a segment that has ended (renewed_line). They do so only where counter and reference kept the
/// segment's rate since it began. Otherwise the counter jumped, the machine was suspended, or the rate changed. Then
/// reads stay on the kernel's path until the reference has reached the end of the segment, and the next segment has the
/// life `probation`. So a counter that fails again and again puts the clock ahead by one full life the first time, and
/// after that by one probation in each untended_life.
///
/// Pure functions: numbers in, a segment out.
///
/// Does not promise: that intervals measured while the clock is slewing are better than the slope says: gentle_rate for
/// what NTP and noise cause, half speed after a jump of the counter.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/rate_estimate.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>

#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

// synopsis
namespace steering_parameters {
/// The slope of a clock that is ahead is flatter by no more than this, as with the kernel's own adjtime(3). An offset
/// of d then takes d / gentle_rate.
inline constexpr double gentle_rate = 500e-6;
/// A small offset is mostly noise of the reading, and slopes should not show noise. So it is slewed away slowly, in the
/// time until the segment is renewed. Where no renewal is announced, it takes the time `settling`.
inline constexpr std::chrono::nanoseconds settling = std::chrono::seconds(1);
/// A larger offset cannot be drift: the counter jumped, or went on while the machine was suspended.
inline constexpr std::chrono::nanoseconds leap = std::chrono::milliseconds(100);
/// After a jump the clock runs at half speed, for twice the offset.
inline constexpr double steep_rate = 0.5;
/// A segment whose renewal is not announced is valid this long. By then it has drifted as its calibration says, and by
/// what NTP did meanwhile. The clock of a machine whose counter jumps, or goes on during a suspend, is ahead by no more
/// than this, and waits for no more than this when the life is over (time_line.hpp). So the life is not hours, though
/// calibrations are good for hours.
inline constexpr std::chrono::nanoseconds untended_life = std::chrono::minutes(10);
/// A segment that is renewed every period is valid for so many periods plus kept_reserve, but never longer than
/// longest_life.
inline constexpr int kept_periods = 4;
/// A segment that is renewed every period stays valid for this much longer, because a busy machine may renew it late.
inline constexpr std::chrono::nanoseconds kept_reserve = std::chrono::seconds(1);
/// The longest life of a segment. A longer period counts as none.
inline constexpr std::chrono::nanoseconds longest_life = std::chrono::hours(1);
/// The life of a segment that follows one in which the counter failed. It is shorter than any other life, and readers
/// recognise it by that.
inline constexpr std::chrono::nanoseconds probation = std::chrono::milliseconds(500);
/// The rate is measured over at least this time. An error of 10 ns in each of the two readings then makes 0.04 ppm.
inline constexpr std::chrono::nanoseconds min_baseline = std::chrono::milliseconds(500);
/// A rate that differs by more than a jump (clock_change_parameters::jump_ppm) is accepted over this baseline. Even an
/// error of 50 us in each of the two readings (a vCPU that was stopped in between) does not make that much.
inline constexpr std::chrono::nanoseconds min_check_distance = std::chrono::milliseconds(100);
} // namespace steering_parameters

/// What is known of the two clocks when a segment is drawn.
struct clock_estimate {
  clock_point point;      ///< where they stand
  double ns_per_tick = 0; ///< the counter's rate against the reference
  double ppm = 0;         ///< the uncertainty of the rate
};

template <class = for_callers>
[[nodiscard]] constexpr std::chrono::nanoseconds life_of_line(std::chrono::nanoseconds renewed_every) noexcept;
template <class = for_callers>
[[nodiscard]] constexpr std::int64_t reference_at(const clock_estimate& b, std::uint64_t tick) noexcept;
template <class = for_callers>
[[nodiscard]] constexpr time_line draw_line(const time_line* old, const clock_estimate& b, std::uint64_t base,
                                            std::chrono::nanoseconds renewed_every, bool steady) noexcept;
template <class = for_callers>
[[nodiscard]] constexpr bool is_renewable(const time_line& old, const clock_point& now, bool steady) noexcept;
template <class = for_callers>
[[nodiscard]] constexpr time_line renewed_line(const time_line& old, const clock_point& now, std::uint64_t base,
                                               bool steady) noexcept;

// definitions

/// Returns: how long a segment is valid. A period that is not positive means that no renewal is announced.
template <class>
constexpr std::chrono::nanoseconds life_of_line(std::chrono::nanoseconds renewed_every) noexcept {
  using namespace steering_parameters;
  if (renewed_every <= std::chrono::nanoseconds::zero() || renewed_every > longest_life) return untended_life;
  const std::chrono::nanoseconds kept = renewed_every * kept_periods + kept_reserve;
  return kept < longest_life ? kept : longest_life;
}

/// Returns: what the reference shows, or showed, at a tick near the point.
template <class>
constexpr std::int64_t reference_at(const clock_estimate& b, std::uint64_t tick) noexcept {
  const double ns = static_cast<double>((tick_point(tick) - b.point.at).signed_count()) * b.ns_per_tick;
  const auto rounded = saturating_cast<std::chrono::nanoseconds>(std::chrono::duration<double, std::nano>(ns));
  const double rest = ns - static_cast<double>(rounded.count()); // 0 to 1: the cast rounds down
  const std::int64_t up = rest > 0.5 || (rest >= 0.5 && ns > 0);
  return saturating_sum(saturating_sum(rounded.count(), up), b.point.reference.count());
}

/// Returns: the segment of that life that begins at tick `base`, near the point, after `old`, which is null for the
/// first. A small offset is gone after `settle`. If the reference is not steady, the segment simply is the reference.
template <class = for_callers>
constexpr time_line draw_line_of(const time_line* old, const clock_estimate& b, std::uint64_t base,
                                 std::chrono::nanoseconds life, std::chrono::nanoseconds settle, bool steady) noexcept {
  using namespace steering_parameters;
  time_line line;
  line.base = base;
  line.reference = line.start = reference_at(b, base);
  line.half_width = b.point.half_width.count();
  line.ppm = b.ppm;
  line.slope = line.cruise = tick_scale::from(b.ns_per_tick);
  const auto in_ticks = [&](double ns) {
    const double ticks = ns / b.ns_per_tick;
    return ticks < 0x1p63 ? static_cast<std::uint64_t>(ticks) : std::uint64_t{1} << 63;
  };
  const std::uint64_t wanted = in_ticks(static_cast<double>(life.count())), max = line.cruise.max() / 4;
  line.life = line.turn = wanted < max ? wanted : max;
  line.margin = in_ticks(static_cast<double>(order_margin_ns)) + 1;
  if (!steady || old == nullptr) return line;

  // The time that the last reader before the base may have returned; 2 ns because segments round down.
  const std::int64_t shown = saturating_sum(
      2, old->holds_at(base) ? old->after(base - old->base) : old->kernel_path(line.reference, base));
  const std::int64_t offset = saturating_difference(shown, line.reference);
  if (offset <= 0) return line;
  line.start = shown;
  const auto d = static_cast<double>(offset), within = static_cast<double>(settle.count());
  // After a jump the clock runs at half speed until it is right, however many segments are drawn meanwhile.
  const bool leapt = old->holds_at(base) && base - old->base < old->turn &&
                     old->slope.ratio() < old->cruise.ratio() * (1 - steep_rate / 2);
  const double gentle = d / within < gentle_rate ? d / within : gentle_rate;
  const double rate = offset > leap.count() || leapt ? steep_rate : gentle;
  line.slope = tick_scale::from(b.ns_per_tick * (1 - rate));
  const std::uint64_t turn = in_ticks(d / rate);
  line.turn = turn != 0 ? turn : 1; // the fast path of a new segment serves the part up to the turn
  return line;
}

/// Returns: the segment that a writer draws, which announces that it renews it after `renewed_every`.
template <class>
constexpr time_line draw_line(const time_line* old, const clock_estimate& b, std::uint64_t base,
                              std::chrono::nanoseconds renewed_every, bool steady) noexcept {
  using namespace steering_parameters;
  const bool kept = renewed_every > std::chrono::nanoseconds::zero() && renewed_every < longest_life / kept_periods;
  return draw_line_of(old, b, base, life_of_line(renewed_every), kept ? renewed_every : settling, steady);
}

/// What counter and reference did since a segment began.
struct line_check {
  double passed = 0;    ///< by the reference, in ns
  double counted = 0;   ///< ticks
  double open = 0;      ///< how far the readings may be off, in ns
  bool kept_rate = false;
};

template <class = for_callers>
[[nodiscard]] constexpr line_check check_line(const time_line& old, const clock_point& now) noexcept {
  line_check c;
  const std::uint64_t since = now.at.count() - old.base;
  c.passed = static_cast<double>(now.reference.count()) - static_cast<double>(old.reference);
  c.counted = static_cast<double>(since);
  c.open = static_cast<double>(now.half_width.count()) + static_cast<double>(old.half_width);
  const double gained = c.counted * old.cruise.ratio() - c.passed;
  const double allowed = c.passed * clock_change_parameters::jump_ppm * 1e-6 + c.open;
  // A counter that was reset is before the base: it seems to have counted for centuries.
  c.kept_rate = c.passed > 0 && gained <= allowed && -gained <= allowed;
  return c;
}

/// Returns: whether a reader may renew `old`, which does not hold at `now`.
template <class>
constexpr bool is_renewable(const time_line& old, const clock_point& now, bool steady) noexcept {
  using namespace steering_parameters;
  if (old.life == 0) return false; // the clock was given up
  const line_check c = check_line(old, now);
  if (c.kept_rate) return true;
  const auto life = static_cast<double>(old.life) * old.cruise.ratio();
  if (life < static_cast<double>(kept_reserve.count()) && c.passed < static_cast<double>(untended_life.count()))
    return false;
  return !steady || now.reference.count() >= old.after(old.life);
}

/// Returns: the segment with which a reader renews `old` at tick `base`, near `now`. It has the life of the old one, or
/// probation after a failure of the counter; then untended_life. The rate is measured over the old segment where that
/// is better than what was known, or shows that the reference was steered. Precondition: is_renewable.
template <class>
constexpr time_line renewed_line(const time_line& old, const clock_point& now, std::uint64_t base,
                                 bool steady) noexcept {
  using namespace steering_parameters;
  using std::chrono::nanoseconds;
  const line_check c = check_line(old, now);
  clock_estimate b{now, old.cruise.ratio(), old.ppm};
  nanoseconds life = probation;
  if (c.kept_rate) {
    const auto was = static_cast<double>(old.life) * b.ns_per_tick;
    life = was < static_cast<double>(kept_reserve.count()) ? untended_life
                                                           : nanoseconds(static_cast<nanoseconds::rep>(was));
    const double measured = c.passed / c.counted, ppm = c.open / c.passed * 1e6;
    const double change = (measured / b.ns_per_tick - 1) * 1e6;
    const bool better = ppm <= old.ppm || (change < 0 ? -change : change) > ppm + old.ppm;
    if (better && c.counted > 0 && c.passed >= static_cast<double>(min_baseline.count()))
      b.ns_per_tick = measured, b.ppm = ppm;
  }
  return draw_line_of(&old, b, base, life, settling, steady);
}

} // namespace takt::inline TAKT_ABI::detail
