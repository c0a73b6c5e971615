/// rounding_spread.hpp - how evenly readings are spread over the nanosecond to which a clock is cut.
///
/// A clock that shows whole nanoseconds is up to one of them behind. Over readings that are spread evenly over the
/// nanosecond the mean of that is always the same, half a nanosecond. But many counters advance in steps: 2 ticks of
/// 2.6 GHz are 10/13 ns, so readings lie at 13 places of the nanosecond, and a loop that reads favours a few of these.
/// All places drift together as fast as the kernel's multiplier differs from 5/13, some 0.06 ns in a millisecond. The
/// mean error drifts with the places that have most of the readings, by up to one nanosecond before it falls back.
#pragma once
#include <takt/core/config.hpp>

#include <cstddef>

namespace takt::inline TAKT_ABI::detail {

/// Counts readings by their place in the nanosecond.
class rounding_spread {
public:
  /// Effects: counts a reading whose residual is `ns`: the line passed that far below a whole nanosecond.
  /// Precondition: it is finite.
  void add(double ns) noexcept {
    ++count_[static_cast<std::size_t>((ns - __builtin_floor(ns)) * places) % places], ++n_;
  }
  /// Returns: by how much the mean error of rounding could change, in ns, if all readings drifted together to another
  /// place in the nanosecond; 0 for an even spread, nearly 1 if all are at one place. Precondition: add() was called.
  [[nodiscard]] double swing() const noexcept {
    std::size_t min = static_cast<std::size_t>(-1), max = 0;
    for (std::size_t shift = 0; shift < places; ++shift) {
      std::size_t sum = 0;
      for (std::size_t k = 0; k < places; ++k) sum += count_[k] * ((k + shift) % places);
      min = sum < min ? sum : min, max = sum > max ? sum : max;
    }
    return static_cast<double>(max - min) / static_cast<double>(places * n_);
  }

private:
  static constexpr std::size_t places = 16;
  std::size_t count_[places]{}, n_ = 0;
};

} // namespace takt::inline TAKT_ABI::detail
