/// steering.hpp - which line follows, given where the clock stands and where it should: never backwards, soon right.
///
/// A clock that is behind its reference is set forward at once. One that is ahead cannot be set back; its line is drawn
/// flatter until the lead is worked off, and its second half, from the turn on, runs at the reference's own rate. Both
/// halves are in the line from the beginning, so that a writer that never comes back leaves a right clock, not a slow one.
///
/// Pure functions: numbers in, a line out.
///
/// Does not promise: that intervals measured while a lead is worked off are better than the slope says: gentle_rate for
/// what NTP and noise cause, half speed after a leap of the counter.
#pragma once
#include <takt/clock/rate_estimate.hpp>
#include <takt/clock/time_line.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>

#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI {

// synopsis
namespace steering_rule {
/// A lead is worked off at no more than this: what the kernel's own adjtime(3) does. A lead of d takes d / gentle_rate,
inline constexpr double gentle_rate = 500e-6;
/// or until the line is due to be renewed if that is longer: small leads are mostly noise of the reading, and slopes should
/// not show it. Where nobody promised to renew it, this long.
inline constexpr std::chrono::nanoseconds settling = std::chrono::seconds(1);
/// A lead beyond this is no drift: the counter leapt, or went on while the machine slept. It is worked off
inline constexpr std::chrono::nanoseconds leap = std::chrono::milliseconds(100);
/// at half speed, in twice its length.
inline constexpr double steep_rate = 0.5;
/// A line that nobody promised to renew is believed this long. It has drifted as its calibration says, and by what NTP
/// did meanwhile. The clock of a machine whose counter leaps, or goes on while it sleeps, is ahead by no more than this,
/// and waits for no more than this when the life is over (time_line.hpp): hence no hours, though calibrations are worth them.
inline constexpr std::chrono::nanoseconds untended_life = std::chrono::minutes(10);
/// A line that is renewed every so often is believed for so many periods, and a second for a machine that is busy;
inline constexpr int kept_periods = 4;
inline constexpr std::chrono::nanoseconds kept_reserve = std::chrono::seconds(1);
/// but no longer than this. A longer period counts as none.
inline constexpr std::chrono::nanoseconds longest_life = std::chrono::hours(1);
/// The rate is measured over at least this much; 10 ns of error in either reading are then 0.04 ppm.
inline constexpr std::chrono::nanoseconds least_baseline = std::chrono::milliseconds(500);
/// One that is another by more than a jump (clock_event_rule::jump_ppm) is believed over so little: even 50 us of error in
/// either reading, a vCPU that was stopped between them, do not make that much.
inline constexpr std::chrono::nanoseconds least_look = std::chrono::milliseconds(100);
} // namespace steering_rule

/// What is known of the two clocks when a line is drawn.
struct bearing {
  clock_point point;        ///< where they stand
  double ns_per_tick = 0;   ///< the counter's rate against the reference, and
  double ppm = 0;           ///< its uncertainty
};

[[nodiscard]] constexpr std::chrono::nanoseconds life_of_line(std::chrono::nanoseconds renewed_every) noexcept;
[[nodiscard]] constexpr std::int64_t reference_at(const bearing& b, std::uint64_t tick) noexcept;
[[nodiscard]] constexpr time_line draw_line(const time_line* old, const bearing& b, std::uint64_t base,
                                            std::chrono::nanoseconds renewed_every, bool steady) noexcept;

// definitions

/// Returns: how long a line is believed; a period that is not positive means that nobody promised to renew it.
constexpr std::chrono::nanoseconds life_of_line(std::chrono::nanoseconds renewed_every) noexcept {
  using namespace steering_rule;
  if (renewed_every <= std::chrono::nanoseconds::zero() || renewed_every > longest_life) return untended_life;
  const std::chrono::nanoseconds kept = renewed_every * kept_periods + kept_reserve;
  return kept < longest_life ? kept : longest_life;
}

/// Returns: what the reference shows, or showed, at a tick near the point.
constexpr std::int64_t reference_at(const bearing& b, std::uint64_t tick) noexcept {
  const double ns = static_cast<double>((ticks(tick) - b.point.at).signed_count()) * b.ns_per_tick;
  return b.point.reference.count() + static_cast<std::int64_t>(ns < 0 ? ns - 0.5 : ns + 0.5);
}

/// Returns: the line that begins at tick `base`, near the point, after `old`, which is null for the first.
/// If the reference is not steady, the line simply is the reference.
constexpr time_line draw_line(const time_line* old, const bearing& b, std::uint64_t base,
                              std::chrono::nanoseconds renewed_every, bool steady) noexcept {
  using namespace steering_rule;
  const std::chrono::nanoseconds life = life_of_line(renewed_every);
  const bool kept = renewed_every > std::chrono::nanoseconds::zero() && renewed_every < longest_life / kept_periods;
  const auto settle = static_cast<double>((kept ? renewed_every : settling).count());
  time_line line;
  line.base = base;
  line.reference = line.start = reference_at(b, base);
  line.half_width = b.point.half_width.count();
  line.ppm = b.ppm;
  line.slope = line.cruise = tick_scale::from(b.ns_per_tick);
  const auto in_ticks = [&](double ns) { return static_cast<std::uint64_t>(ns / b.ns_per_tick); };
  const std::uint64_t wanted = in_ticks(static_cast<double>(life.count())), most = line.cruise.most() / 4;
  line.life = line.turn = wanted < most ? wanted : most;
  line.margin = in_ticks(static_cast<double>(order_margin_ns)) + 1;
  if (!steady || old == nullptr) return line;

  // What the last reader before the base may have seen; 2 ns because lines round down.
  const std::int64_t shown = 2 + (old->holds_at(base) ? old->after(base - old->base) : old->kernel_road(line.reference, base));
  const std::int64_t lead = shown - line.reference;
  if (lead <= 0) return line;
  line.start = shown;
  const auto d = static_cast<double>(lead);
  const double rate = lead > leap.count() ? steep_rate : d / settle < gentle_rate ? d / settle : gentle_rate;
  line.slope = tick_scale::from(b.ns_per_tick * (1 - rate));
  line.turn = in_ticks(d / rate);
  return line;
}

} // namespace takt::inline TAKT_ABI
