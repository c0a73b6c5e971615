/// saturating.hpp - arithmetic on durations that stops at the ends of the range instead of overflowing.
///
/// Total: defined for every input, in constant expressions too. Conversions round towards negative infinity; a NaN
/// becomes zero, under -ffast-math too.
#pragma once
#include <takt/core/config.hpp>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace takt::inline TAKT_ABI::detail {

// synopsis

/// A duration with an integral representation of at most 64 bits, as those of std::chrono are.
template <class D>
concept integral_duration = std::integral<typename D::rep> && sizeof(typename D::rep) <= 8;

template <integral_duration To, class Rep, class Period>
[[nodiscard]] constexpr To saturating_cast(std::chrono::duration<Rep, Period> d) noexcept;

template <integral_duration D> [[nodiscard]] constexpr D saturating_add(D a, D b) noexcept;
template <integral_duration D> [[nodiscard]] constexpr D saturating_subtract(D a, D b) noexcept;

// definitions
// <algorithm> and <numeric> would cost every user more time to compile than this header.

[[nodiscard]] constexpr std::chrono::nanoseconds earlier(std::chrono::nanoseconds a,
                                                         std::chrono::nanoseconds b) noexcept {
  return b < a ? b : a;
}
[[nodiscard]] constexpr std::chrono::nanoseconds later(std::chrono::nanoseconds a,
                                                       std::chrono::nanoseconds b) noexcept {
  return a < b ? b : a;
}
/// Returns: the duration in [min, max] that is nearest to `d`. Precondition: min <= max.
[[nodiscard]] constexpr std::chrono::nanoseconds
clamped(std::chrono::nanoseconds d, std::chrono::nanoseconds min, std::chrono::nanoseconds max) noexcept {
  return earlier(later(d, min), max);
}
/// Returns: the greatest common divisor. Precondition: a > 0 and b >= 0.
[[nodiscard]] constexpr std::intmax_t common_divisor(std::intmax_t a, std::intmax_t b) noexcept {
  return b == 0 ? a : common_divisor(b, a % b);
}

/// Returns: whether the count of `d`, of any floating-point type, is a NaN. It examines the bits of the whole object:
/// under -ffast-math the compiler assumes that comparisons, parameters and results are never a NaN.
template <class Rep, class Period> [[nodiscard]] constexpr bool is_nan(std::chrono::duration<Rep, Period> d) noexcept {
  using duration = std::chrono::duration<Rep, Period>;
  static_assert(sizeof(duration) == sizeof(Rep));
  constexpr int digits = std::numeric_limits<Rep>::digits;
  if constexpr (digits == 24) {
    return (std::bit_cast<std::uint32_t>(d) & 0x7fff'ffff) > 0x7f80'0000;
  } else if constexpr (digits == 53) {
    return (std::bit_cast<std::uint64_t>(d) & ~std::uint64_t{0} >> 1) > std::uint64_t{0x7ff} << 52;
  } else if constexpr (digits == 113) {
    return (std::bit_cast<uint128>(d) & ~uint128{0} >> 1) > static_cast<uint128>(0x7fff) << 112;
  } else { // the 80 bits of x86, whose padding has no value in a constant expression
    static_assert(digits == 64);
    if (std::is_constant_evaluated()) return !(d.count() <= 0 || d.count() >= 0);
    std::uint64_t significand = 0;
    std::uint16_t exponent = 0;
    __builtin_memcpy(&significand, &d, sizeof(significand));
    __builtin_memcpy(&exponent, reinterpret_cast<const char*>(&d) + sizeof(significand), sizeof(exponent));
    return (exponent & 0x7fff) == 0x7fff && significand << 1 != 0;
  }
}

/// One unit of From is num / den units of To, in lowest terms. Both numbers are below 2^126. std::ratio_divide is no
/// substitute: it is limited to 2^63, and hours in attoseconds exceed that.
template <class From, class To> struct unit_ratio {
  static constexpr auto nums = common_divisor(From::num, To::num), dens = common_divisor(From::den, To::den);
  static constexpr uint128 num = static_cast<uint128>(From::num / nums) * static_cast<uint128>(To::den / dens);
  static constexpr uint128 den = static_cast<uint128>(From::den / dens) * static_cast<uint128>(To::num / nums);
};

/// Returns: `d` in the unit of `To`, rounded down (towards negative infinity), stopping at To::min() and To::max();
/// a NaN becomes zero. A floating-point count is first scaled in long double, which rounds to nearest.
template <integral_duration To, class Rep, class Period>
constexpr To saturating_cast(std::chrono::duration<Rep, Period> d) noexcept {
  using to_rep = typename To::rep;
  using ratio = unit_ratio<Period, typename To::period>;
  constexpr to_rep min = std::numeric_limits<to_rep>::min(), max = std::numeric_limits<to_rep>::max();
  if constexpr (std::floating_point<Rep>) {
    constexpr auto num = static_cast<long double>(ratio::num), den = static_cast<long double>(ratio::den);
    if (is_nan(d)) return To::zero();
    const long double units = static_cast<long double>(d.count()) * num / den;
    if (units < static_cast<long double>(min)) return To(min);
    if (units >= static_cast<long double>(max)) return To(max); // `max` is exact, or rounded up to a power of two
    const auto towards_zero = static_cast<to_rep>(units);
    return To(static_cast<long double>(towards_zero) > units ? static_cast<to_rep>(towards_zero - 1) : towards_zero);
  } else if constexpr (std::same_as<Rep, to_rep> && ratio::num == ratio::den) {
    return To(d.count());
  } else {
    static_assert(integral_duration<std::chrono::duration<Rep, Period>>, "a representation of at most 64 bits");
    constexpr auto limit = static_cast<uint128>(~std::uint64_t{0});
    constexpr uint128 whole = ratio::num / ratio::den, part = ratio::num % ratio::den;
    static_assert(part <= limit, "a ratio of units that even 128 bits cannot work with");
    const bool negative = d.count() < Rep{};
    const auto bits = static_cast<std::uint64_t>(d.count());
    const std::uint64_t magnitude = negative ? 0 - bits : bits;
    if (whole > limit && magnitude != 0) return To(negative ? min : max); // more than 2^64 of To in one unit of d
    // magnitude * (whole + part / den), away from zero if negative. Each product is below 2^128 - 2^64.
    uint128 units = magnitude * whole;
    if constexpr (part == 1 && ratio::den <= limit) { // from fine to coarse units: 64 bits suffice
      constexpr auto den = static_cast<std::uint64_t>(ratio::den);
      units += magnitude / den + (negative && magnitude % den != 0);
    } else if constexpr (part != 0) {
      const uint128 rest = magnitude * part;
      units += rest / ratio::den + (negative && rest % ratio::den != 0);
    }
    if (!negative) return To(units > static_cast<uint128>(max) ? max : static_cast<to_rep>(units));
    const std::uint64_t depth = 0 - static_cast<std::uint64_t>(min); // |min|
    return To(units >= depth ? min : static_cast<to_rep>(0 - static_cast<std::uint64_t>(units)));
  }
}

/// Returns: a + b, stopping at D::min() and D::max().
template <integral_duration D> constexpr D saturating_add(D a, D b) noexcept {
  typename D::rep sum{};
  if (!__builtin_add_overflow(a.count(), b.count(), &sum)) return D(sum);
  return b < D::zero() ? D::min() : D::max();
}

/// Returns: a - b, stopping at D::min() and D::max().
template <integral_duration D> constexpr D saturating_subtract(D a, D b) noexcept {
  typename D::rep difference{};
  if (!__builtin_sub_overflow(a.count(), b.count(), &difference)) return D(difference);
  return b < D::zero() ? D::max() : D::min();
}

} // namespace takt::inline TAKT_ABI::detail
