/// ticks.hpp - types for what a processor's counter counts: readings, differences, and ticks per second.
///
/// Ticks are not nanoseconds: a counter of 2.6 GHz makes 2.6 ticks in a nanosecond. They have their own types, so that
/// the two cannot be mixed by accident. A reading is a tick_point and a difference is ticks, as std::chrono has time
/// points and durations: two readings cannot be added, and a reading cannot be converted as if it were a span of time.
///
/// Does not promise: any relation between readings of two machines, or between readings before and after a reset.
///
/// This header is meant for hot files and includes neither <chrono> nor any header of intrinsics.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/fixed_point.hpp>
#include <compare>
#include <cstdint>

namespace takt::inline TAKT_ABI {

// synopsis
class ticks;
class tick_point;
class frequency;
class tick_rate;

// definitions

/// A difference between two readings of the counter. Arithmetic is modulo 2^64. Comparison is that of the counts.
class ticks {
public:
  constexpr ticks() noexcept = default;
  constexpr explicit ticks(std::uint64_t count) noexcept : count_(count) {}

  /// Returns: the number of ticks, modulo 2^64.
  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return count_; }
  /// Returns: the count as a signed number, for a difference whose sign is not known. It is right if the readings are
  /// less than 2^63 ticks apart.
  [[nodiscard]] constexpr std::int64_t signed_count() const noexcept { return static_cast<std::int64_t>(count_); }

  constexpr ticks& operator+=(ticks other) noexcept { return count_ += other.count_, *this; }
  constexpr ticks& operator-=(ticks other) noexcept { return count_ -= other.count_, *this; }
  friend constexpr ticks operator+(ticks a, ticks b) noexcept { return a += b; }
  friend constexpr ticks operator-(ticks a, ticks b) noexcept { return a -= b; }
  friend constexpr bool operator==(ticks, ticks) noexcept = default;
  friend constexpr auto operator<=>(ticks, ticks) noexcept = default;

private:
  std::uint64_t count_ = 0;
};

/// A reading of the processor's counter. `later - earlier` is right even if the counter overflowed in between.
/// Comparison is that of the counts.
class tick_point {
public:
  constexpr tick_point() noexcept = default;
  constexpr explicit tick_point(std::uint64_t count) noexcept : count_(count) {}

  /// Returns: what the counter showed.
  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return count_; }

  constexpr tick_point& operator+=(ticks span) noexcept { return count_ += span.count(), *this; }
  constexpr tick_point& operator-=(ticks span) noexcept { return count_ -= span.count(), *this; }
  friend constexpr tick_point operator+(tick_point a, ticks b) noexcept { return a += b; }
  friend constexpr tick_point operator+(ticks a, tick_point b) noexcept { return b += a; }
  friend constexpr tick_point operator-(tick_point a, ticks b) noexcept { return a -= b; }
  friend constexpr ticks operator-(tick_point a, tick_point b) noexcept { return ticks(a.count_ - b.count_); }
  friend constexpr bool operator==(tick_point, tick_point) noexcept = default;
  friend constexpr auto operator<=>(tick_point, tick_point) noexcept = default;

private:
  std::uint64_t count_ = 0;
};

/// Events per second.
class frequency {
public:
  constexpr frequency() noexcept = default;
  constexpr explicit frequency(double hertz) noexcept : hertz_(hertz) {}

  /// Returns: events per second.
  [[nodiscard]] constexpr double hertz() const noexcept { return hertz_; }
  friend constexpr bool operator==(frequency, frequency) noexcept = default;
  friend constexpr auto operator<=>(frequency, frequency) noexcept = default;

private:
  double hertz_ = 0;
};

/// Ticks of a counter per second, and the conversions that follow from it.
/// A rate is known if it is a positive finite number of hertz. Any other number, a NaN included, makes the unknown
/// rate, whose `hertz()` is 0.
class tick_rate {
public:
  constexpr tick_rate() noexcept = default;
  constexpr explicit tick_rate(takt::frequency f) noexcept
      : hertz_(is_positive_and_finite(f) ? f.hertz() : 0) {}

  /// Returns: whether the rate is known.
  [[nodiscard]] constexpr bool known() const noexcept { return hertz_ > 0; }
  /// Returns: ticks per second; 0 if the rate is unknown.
  [[nodiscard]] constexpr double hertz() const noexcept { return hertz_; }
  /// Returns: ticks per second as a frequency; 0 Hz if the rate is unknown.
  [[nodiscard]] constexpr takt::frequency frequency() const noexcept { return takt::frequency(hertz_); }

  /// Returns: the time that `t` takes at this rate. An integral duration is rounded down and stops at
  /// `Duration::max()`. The result has a relative error of at most 2^-51 from the rounding of the rate, and an error of
  /// less than one unit from the fixed-point number.
  /// Precondition: known(); an unknown rate gives Duration::zero().
  /// Costs a floating-point division at each call; to convert many readings, use one `fixed_point` for all of them.
  template <class Duration> [[nodiscard]] constexpr Duration to(ticks t) const noexcept {
    using rep = typename Duration::rep;
    if (!known()) return Duration::zero();
    constexpr auto num = static_cast<double>(Duration::period::num), den = static_cast<double>(Duration::period::den);
    if constexpr (static_cast<rep>(0.5) > rep(0)) { // a floating-point representation
      return Duration(static_cast<rep>(static_cast<double>(t.count()) / hertz_ * (den / num)));
    } else {
      static_assert(sizeof(rep) <= 8);
      const std::uint64_t units = detail::fixed_point::from_double(den / (num * hertz_)).saturating(t.count());
      constexpr auto max = static_cast<std::uint64_t>(Duration::max().count());
      return Duration(static_cast<rep>(units < max ? units : max));
    }
  }

  /// Returns: the ticks that pass at this rate in `d`, rounded down, at most 2^64 - 1. A negative duration gives zero
  /// ticks.
  /// Precondition: known(); an unknown rate gives zero ticks.
  template <class Duration> [[nodiscard]] constexpr ticks from(Duration d) const noexcept {
    if (!known() || !(d > Duration::zero())) return ticks();
    constexpr auto num = static_cast<double>(Duration::period::num), den = static_cast<double>(Duration::period::den);
    const double ticks_per_unit = hertz_ * num / den;
    if constexpr (static_cast<typename Duration::rep>(0.5) > typename Duration::rep(0)) {
      const double product = static_cast<double>(d.count()) * ticks_per_unit;
      return ticks(product < 0x1p64 ? static_cast<std::uint64_t>(product) : ~std::uint64_t{0});
    } else {
      static_assert(sizeof(typename Duration::rep) <= 8);
      return ticks(detail::fixed_point::from_double(ticks_per_unit).saturating(static_cast<std::uint64_t>(d.count())));
    }
  }

  friend constexpr bool operator==(tick_rate, tick_rate) noexcept = default;

private:
  /// Compares the bits: under -ffast-math the compiler assumes that comparisons meet neither a NaN nor infinity.
  static constexpr bool is_positive_and_finite(takt::frequency f) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(f);
    return bits != 0 && bits < std::uint64_t{0x7ff} << 52;
  }

  double hertz_ = 0;
};

} // namespace takt::inline TAKT_ABI
