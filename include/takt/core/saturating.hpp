/// saturating.hpp - arithmetic on durations that stops at the ends of the range instead of overflowing.
///
/// Total: defined for every input, in constant expressions too. Conversions round towards negative infinity unless the
/// name says otherwise; a NaN becomes zero.
#pragma once
#include <takt/core/config.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// synopsis

/// A duration with an integral representation of at most 64 bits, as those of std::chrono are.
template <class D>
concept integral_duration = std::integral<typename D::rep> && sizeof(typename D::rep) <= 8;

template <integral_duration To, class Rep, class Period>
[[nodiscard]] constexpr To saturating_cast(std::chrono::duration<Rep, Period> d) noexcept;

template <integral_duration D> [[nodiscard]] constexpr D saturating_add(D a, D b) noexcept;
template <integral_duration D> [[nodiscard]] constexpr D saturating_subtract(D a, D b) noexcept;

// definitions
/// Returns: `d` in the unit of `To`, rounded down (towards negative infinity), stopping at To::min() and To::max();
/// a NaN becomes zero.
template <integral_duration To, class Rep, class Period>
constexpr To saturating_cast(std::chrono::duration<Rep, Period> d) noexcept {
  using to_rep = typename To::rep;
  using ratio = std::ratio_divide<Period, typename To::period>; // To units per unit of d, in lowest terms
  if constexpr (std::floating_point<Rep>) {
    const long double units = static_cast<long double>(d.count()) * ratio::num / ratio::den;
    if (!(units == units)) return To::zero();
    // The bounds are powers of two, or one less, and compare exactly after rounding up to the power of two.
    if (units < static_cast<long double>(std::numeric_limits<to_rep>::min())) return To::min();
    if (units >= static_cast<long double>(std::numeric_limits<to_rep>::max())) return To::max();
    const auto towards_zero = static_cast<to_rep>(units);
    return To(static_cast<long double>(towards_zero) > units ? static_cast<to_rep>(towards_zero - 1) : towards_zero);
  } else {
    static_assert(std::integral<Rep> && sizeof(Rep) <= 8, "an arithmetic representation of at most 64 bits");
    // |count| < 2^64 and ratio::num < 2^63: the product fits into 128 bits.
    const detail::int128 product = static_cast<detail::int128>(d.count()) * ratio::num;
    detail::int128 units = product / ratio::den;
    if (product % ratio::den < 0) --units;
    constexpr auto least = static_cast<detail::int128>(std::numeric_limits<to_rep>::min());
    constexpr auto most = static_cast<detail::int128>(std::numeric_limits<to_rep>::max());
    return To(static_cast<to_rep>(units < least ? least : units > most ? most : units));
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

} // namespace takt::inline TAKT_ABI
