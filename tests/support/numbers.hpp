/// numbers.hpp - reproducible 64-bit numbers of all magnitudes, edges more often than chance would have it.
#pragma once
#include <cstdint>
#include <limits>
#include <random>
#include <type_traits>

namespace takt_test {

class numbers {
public:
  explicit numbers(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [0, n).
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }

  /// A random bit width from 0 to 64, then random bits; one in four within 2 of a power of two or of an end.
  std::uint64_t any() {
    const std::uint64_t width = below(65);
    const std::uint64_t top = width == 64 ? 0 : std::uint64_t{1} << width;
    return below(4) == 0 ? top + below(5) - 2 : top == 0 ? engine_() : engine_() & (top - 1);
  }
  /// The same with either sign; for a narrower type, of its magnitudes.
  template <class Int = std::int64_t> Int any_signed() {
    const std::uint64_t n = any() >> (64 - std::numeric_limits<std::make_unsigned_t<Int>>::digits);
    return static_cast<Int>(below(2) == 0 ? n : 0 - n);
  }

private:
  std::mt19937_64 engine_;
};

} // namespace takt_test
