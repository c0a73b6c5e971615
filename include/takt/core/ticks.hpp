/// ticks.hpp - what a processor's counter counts, and how many of them make a second.
///
/// Ticks are not nanoseconds: the counter of a 2.6 GHz machine makes 2.6 of them in one. They are a type of their own,
/// so that the two cannot be mixed by accident. A reading and a difference of readings have the same type, as they have
/// in the instruction set.
///
/// Does not promise: that readings of two machines, or of one before and after a reset, have anything in common.
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
class frequency;
class tick_rate;

// definitions

/// A count of the processor's counter. Arithmetic is modulo 2^64: `later - earlier` is right even if the counter passed
/// its end in between. Comparison is that of the counts.
class ticks {
public:
  constexpr ticks() noexcept = default;
  constexpr explicit ticks(std::uint64_t count) noexcept : count_(count) {}

  [[nodiscard]] constexpr std::uint64_t count() const noexcept { return count_; }
  /// The count as a signed number: for differences whose sign is not known, good for half the range of the counter.
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

/// Events per second.
class frequency {
public:
  constexpr frequency() noexcept = default;
  constexpr explicit frequency(double hertz) noexcept : hertz_(hertz) {}

  [[nodiscard]] constexpr double hertz() const noexcept { return hertz_; }
  friend constexpr bool operator==(frequency, frequency) noexcept = default;
  friend constexpr auto operator<=>(frequency, frequency) noexcept = default;

private:
  double hertz_ = 0;
};

/// Ticks of a counter per second, and the conversions that follow from it.
/// A rate is known when it is a positive finite number of hertz; whatever else it is made from, a NaN included, makes
/// the unknown rate, whose `hertz()` is 0.
class tick_rate {
public:
  constexpr tick_rate() noexcept = default;
  constexpr explicit tick_rate(takt::frequency f) noexcept
      : hertz_(is_positive_and_finite(f) ? f.hertz() : 0) {}

  [[nodiscard]] constexpr bool known() const noexcept { return hertz_ > 0; }
  [[nodiscard]] constexpr double hertz() const noexcept { return hertz_; }
  [[nodiscard]] constexpr takt::frequency frequency() const noexcept { return takt::frequency(hertz_); }

  /// Returns: the time `t` takes at this rate, as a std::chrono::duration; an integral one is rounded down and stops at
  /// `Duration::max()`. The rate contributes a relative error of at most 2^-51, the fixed point less than one unit.
  /// Precondition: known(); an unknown rate gives Duration::zero().
  /// Costs two divisions; whoever converts many readings keeps a `fixed_point` instead.
  template <class Duration> [[nodiscard]] constexpr Duration to(ticks t) const noexcept {
    using rep = typename Duration::rep;
    if (!known()) return Duration::zero();
    constexpr auto num = static_cast<double>(Duration::period::num), den = static_cast<double>(Duration::period::den);
    if constexpr (static_cast<rep>(0.5) > rep(0)) { // a floating-point representation
      return Duration(static_cast<rep>(static_cast<double>(t.count()) / hertz_ * (den / num)));
    } else {
      static_assert(sizeof(rep) <= 8);
      const std::uint64_t units = fixed_point::from_double(den / (num * hertz_)).saturating(t.count());
      constexpr auto most = static_cast<std::uint64_t>(Duration::max().count());
      return Duration(static_cast<rep>(units < most ? units : most));
    }
  }

  /// Returns: the ticks that pass at this rate in `d`, rounded down; zero for a negative duration; at most 2^64 - 1.
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
      return ticks(fixed_point::from_double(ticks_per_unit).saturating(static_cast<std::uint64_t>(d.count())));
    }
  }

  friend constexpr bool operator==(tick_rate, tick_rate) noexcept = default;

private:
  /// By its bits: -ffast-math lets the compiler take it for granted that comparisons meet neither NaN nor infinity.
  static constexpr bool is_positive_and_finite(takt::frequency f) noexcept {
    const auto bits = std::bit_cast<std::uint64_t>(f);
    return bits != 0 && bits < std::uint64_t{0x7ff} << 52;
  }

  double hertz_ = 0;
};

} // namespace takt::inline TAKT_ABI
