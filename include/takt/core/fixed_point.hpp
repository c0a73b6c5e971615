/// fixed_point.hpp - multiplication by a positive constant ratio: one widening multiply and one shift.
///
/// The ratio is stored as `multiplier / 2^shift`, with the largest shift from 0 to 63 for which the multiplier has at
/// most 64 bits. Tested properties:
///   - Representation: the stored ratio differs from the given one by at most 2^-(shift+1). A ratio of one or more
///     fills the multiplier, so its relative error is at most 2^-64. For a ratio below one the shift is 63.
///   - Result: `f(x)` is floor(x * multiplier / 2^shift) exactly, for every x up to `f.max_input()`. If the ratio is at
///     most one, that is every 64-bit x.
///   - Both together: if the shift is 63, `f(x)` differs from the floor of the true product by at most one.
///
/// Does not promise: a useful `f(x)` for x above `max_input()`. `saturating(x)` is defined for every x.
#pragma once
#include <takt/core/config.hpp>
#include <bit>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

/// A ratio of at least 0, stored as multiplier / 2^shift, by which integers are multiplied.
class fixed_point {
public:
  /// The ratio 0.
  constexpr fixed_point() noexcept = default;

  /// The ratio multiplier / 2^shift. Precondition: shift < 64.
  constexpr fixed_point(std::uint64_t multiplier, unsigned shift) noexcept : multiplier_(multiplier), shift_(shift) {}

  /// Returns: the ratio numerator / denominator, rounded to nearest. Precondition: denominator > 0; a denominator of
  /// zero gives the largest ratio, 2^64 - 1.
  [[nodiscard]] static constexpr fixed_point from_ratio(std::uint64_t numerator, std::uint64_t denominator) noexcept;

  /// Returns: the ratio nearest to `ratio`. It is 0 if `ratio` is not positive or a NaN, and 2^64 - 1 if `ratio` is
  /// larger than that.
  [[nodiscard]] static constexpr fixed_point from_double(double ratio) noexcept;

  /// Returns: floor(x * multiplier() / 2^shift()). Precondition: x <= max_input(); for a larger x it returns the low
  /// 64 bits of that number. Costs one multiplication and one shift.
  [[nodiscard]] constexpr std::uint64_t operator()(std::uint64_t x) const noexcept {
    return static_cast<std::uint64_t>((static_cast<uint128>(x) * multiplier_) >> (shift_ & 63));
  }

  /// Returns: floor(x * multiplier() / 2^shift()) for every x, or 2^64 - 1 if that is smaller.
  [[nodiscard]] constexpr std::uint64_t saturating(std::uint64_t x) const noexcept {
    const uint128 whole = (static_cast<uint128>(x) * multiplier_) >> (shift_ & 63);
    return whole > ~std::uint64_t{0} ? ~std::uint64_t{0} : static_cast<std::uint64_t>(whole);
  }

  /// Returns: the largest x whose result fits into 64 bits.
  [[nodiscard]] constexpr std::uint64_t max_input() const noexcept {
    if (multiplier_ >> shift_ == 0) return ~std::uint64_t{0}; // a ratio below one never outgrows its input
    const uint128 end = static_cast<uint128>(1) << 64 << shift_; // shift <= 63: fits
    return static_cast<std::uint64_t>((end - 1) / multiplier_);                  // below 2^64: multiplier >= 2^shift
  }

  /// Returns: the multiplier of `multiplier / 2^shift`.
  [[nodiscard]] constexpr std::uint64_t multiplier() const noexcept { return multiplier_; }
  /// Returns: the shift of `multiplier / 2^shift`, 0 to 63.
  [[nodiscard]] constexpr unsigned shift() const noexcept { return shift_; }
  friend constexpr bool operator==(fixed_point, fixed_point) noexcept = default;

private:
  std::uint64_t multiplier_ = 0;
  unsigned shift_ = 0;
};

constexpr fixed_point fixed_point::from_ratio(std::uint64_t numerator, std::uint64_t denominator) noexcept {
  constexpr std::uint64_t full = ~std::uint64_t{0};
  if (denominator == 0) return {full, 0};
  // A number of a bits divided by one of b bits is above 2^(a - b - 1): a shift of 65 + b - a makes it exceed 64 bits.
  const auto a = static_cast<unsigned>(std::bit_width(numerator));
  const auto b = static_cast<unsigned>(std::bit_width(denominator));
  const unsigned widest = 64 + b - a;
  for (unsigned shift = widest < 63 ? widest : 63;; --shift) {
    const uint128 scaled = static_cast<uint128>(numerator) << shift;
    const uint128 rounded = scaled / denominator + (scaled % denominator >= denominator - denominator / 2);
    if (rounded <= full) return {static_cast<std::uint64_t>(rounded), shift};
  }
}

constexpr fixed_point fixed_point::from_double(double ratio) noexcept {
  constexpr std::uint64_t full = ~std::uint64_t{0};
  if (!(ratio > 0)) return {};
  if (ratio >= 0x1p64) return {full, 0};
  // A normal double is its significand, with a leading one that is not stored, times a power of two. Subnormal numbers
  // are decoded wrongly here, which does not matter: they are too small for any multiplier but 0.
  const auto bits = std::bit_cast<std::uint64_t>(ratio);
  const std::uint64_t significand = bits << 11 | std::uint64_t{1} << 63;
  const int shift = 1086 - static_cast<int>(bits >> 52); // ratio = significand / 2^shift
  if (shift <= 63) return {significand, static_cast<unsigned>(shift)};
  const int excess = shift - 63; // too small to fill the multiplier: the shift stays 63, the rest is rounded away
  if (excess > 64) return {0, 63};
  const uint128 half = static_cast<uint128>(1) << (excess - 1);
  return {static_cast<std::uint64_t>((significand + half) >> excess), 63};
}

} // namespace takt::inline TAKT_ABI::detail
