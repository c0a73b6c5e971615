/// time_line.hpp - turns ticks into nanoseconds: one segment of the time line.
///
/// A segment is valid for `life` ticks. Outside its life, reads return the kernel's clock, but not less than an earlier
/// read may have returned. Where the counter is past the life (no renewal in time, suspend, a counter that jumped),
/// that minimum is the end of the segment: a counter that jumped by less than the life may have been read all the way.
/// If the kernel's clock is not there yet, time stands still until it is, or until the next segment. Where the counter
/// is before the base, it was reset; then the kernel's clock is raised by the most that the segment may have been ahead
/// of it.
///
/// How one segment follows another: line_register.hpp. How the next one is chosen: steering.hpp.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>

#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

// synopsis
class tick_scale;
struct time_line;

// definitions

/// Returns: a + b, stopping at the ends of the range, because a reference may show anything.
[[nodiscard]] constexpr std::int64_t saturating_sum(std::int64_t a, std::int64_t b) noexcept {
  return saturating_add(std::chrono::nanoseconds(a), std::chrono::nanoseconds(b)).count();
}
/// Returns: a - b, stopping at the ends of the range.
[[nodiscard]] constexpr std::int64_t saturating_difference(std::int64_t a, std::int64_t b) noexcept {
  return saturating_subtract(std::chrono::nanoseconds(a), std::chrono::nanoseconds(b)).count();
}

/// Nanoseconds per tick as a whole number and a fraction of 2^64. A conversion takes two multiplications, which run
/// side by side; the upper half of the product is needed for the fraction only. No shift lies between the counter and
/// the result.
class tick_scale {
public:
  constexpr tick_scale() noexcept = default;
  constexpr tick_scale(std::uint64_t whole, std::uint64_t fraction) noexcept : whole_(whole), fraction_(fraction) {}

  /// Returns: the scale of a ratio from 0 to 2^32 ns per tick.
  [[nodiscard]] static constexpr tick_scale from(double ns_per_tick) noexcept {
    const double ratio = !(ns_per_tick > 0) ? 0 : ns_per_tick < 0x1p32 ? ns_per_tick : 0x1p32;
    const auto whole = static_cast<std::uint64_t>(ratio);
    return {whole, static_cast<std::uint64_t>((ratio - static_cast<double>(whole)) * 0x1p64)};
  }

  /// Returns: the nanoseconds of `t` ticks, rounded down. Precondition: t <= max().
  [[nodiscard]] constexpr std::uint64_t operator()(std::uint64_t t) const noexcept {
    return t * whole_ + static_cast<std::uint64_t>((static_cast<uint128>(t) * fraction_) >> 64);
  }
  /// Returns: a number of ticks up to which the time always fits into 63 bits.
  [[nodiscard]] constexpr std::uint64_t max() const noexcept { return (~std::uint64_t{0} >> 1) / (whole_ + 1); }
  /// Returns: the ratio in ns per tick, as well as a double holds it.
  [[nodiscard]] constexpr double ratio() const noexcept {
    return static_cast<double>(whole_) + static_cast<double>(fraction_) * 0x1p-64;
  }
  [[nodiscard]] constexpr std::uint64_t whole() const noexcept { return whole_; }
  [[nodiscard]] constexpr std::uint64_t fraction() const noexcept { return fraction_; }
  friend constexpr bool operator==(tick_scale, tick_scale) noexcept = default;

private:
  std::uint64_t whole_ = 0, fraction_ = 0;
};

/// One segment of the time line with everything that is known about it. Times are nanoseconds since the reference's
/// epoch.
struct time_line {
  std::uint64_t base = 0;      ///< the tick at which the segment begins
  std::int64_t start = 0;      ///< the time at that tick
  tick_scale slope;            ///< the slope up to `turn`: flatter than `cruise` if the clock is ahead of its reference
  tick_scale cruise;           ///< the slope after `turn`: the rate of the reference
  std::uint64_t turn = 0;      ///< where the slope changes, in ticks after `base`
  std::uint64_t life = 0;      ///< how long the segment is valid, in ticks after `base`; 0: never
  std::int64_t reference = 0;  ///< the reference at `base`
  std::int64_t half_width = 0; ///< the error bound of `reference`
  double ppm = 0;              ///< the uncertainty of `cruise`
  std::uint64_t margin = 0;    ///< order_margin_ns in ticks

  /// Returns: the time `t` ticks after the base, for all t, stopping where the scale does.
  [[nodiscard]] constexpr std::int64_t after(std::uint64_t t) const noexcept {
    const std::uint64_t d = t < slope.max() ? t : slope.max();
    const std::uint64_t ns = d <= turn ? slope(d) : slope(turn) + cruise(d - turn);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) + ns);
  }
  [[nodiscard]] constexpr bool holds_at(std::uint64_t c) const noexcept { return c - base < life; }

  /// Returns: whether a counter that shows `c` has left the segment by its end, not by its beginning. Of a segment
  /// without a life nothing was read but the start.
  [[nodiscard]] constexpr bool is_past(std::uint64_t c) const noexcept {
    const std::uint64_t since = c - base;
    return life == 0 || (since >= life && since <= ~std::uint64_t{0} >> 1);
  }

  /// Returns: a time that no read under this segment has exceeded, and that is not before the reference, for a
  /// reference that shows `now` and a counter that shows `c`, where the segment does not hold. It grows with `now`.
  /// Past the life: the end of the segment, or `now` if that is later. Before the base: the reference raised by what
  /// the segment was ahead of it, which may have grown by 1000 ppm (twice what NTP may steer), but not past the end of
  /// the segment.
  [[nodiscard]] constexpr std::int64_t kernel_path(std::int64_t now, std::uint64_t c) const noexcept {
    const std::int64_t offset = saturating_sum(saturating_difference(start, reference), half_width);
    const std::int64_t elapsed = now > reference ? saturating_difference(now, reference) : 0;
    const std::int64_t raised = saturating_sum(saturating_sum(now, offset > 0 ? offset : 0), elapsed / 1024);
    const std::int64_t end = after(life);
    const std::int64_t max = is_past(c) || raised > end ? end : raised;
    return max > now ? max : now;
  }
};

/// An upper bound, in ns, for everything that blurs the order of reads: instructions in flight across a read of the
/// counter, store buffers, and the small difference between the counters of two CPUs. All of these are far below 1 us.
/// The margin is larger because a large margin costs next to nothing.
inline constexpr std::int64_t order_margin_ns = 10'000;

} // namespace takt::inline TAKT_ABI::detail
