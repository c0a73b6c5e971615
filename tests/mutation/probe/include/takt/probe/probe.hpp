/// probe.hpp - what mutation.py must and must not change, for its own test. Its tests, in unit/ beside include/, have gaps on
/// purpose; expected.txt says what becomes of each mutant. None of a < b, 1 + 1 and true in this comment is changed.
#pragma once
#define PROBE_LIMIT (1 + 1)
#include <cmath>
#include <cstdint>
#include <limits>

namespace takt::probe {

// Left alone: template heads, concepts, constraints, assertions, attributes, aliases, strings, names of operators.
template <class T, int N = 3>
concept small = sizeof(T) <= 8 && N > 2;
template <class T>
  requires small<T, 3 + 1> && (sizeof(T) < 16)
struct box {
  using bytes = char[8 + 1];
  static_assert(sizeof(T) + 1 > 1);
  alignas(8 * 2) T value;
};
struct weight {
  double grams;
  friend bool operator<(weight a, weight b) noexcept(1 + 1 == 2) { return std::isless(a.grams, b.grams); }
};
namespace probe_parameters {
inline constexpr int decision = 5;
}
[[deprecated("1 < 2")]] constexpr const char* text = "1 + 1 < 3 && true";

// One is listed as equivalent.
constexpr int smaller(int a, int b) { return a < b ? a : b; }

// They do not compile: a weight has no other comparison.
inline bool lighter(weight a, weight b) { return a < b; }

// One survives: the test never asks for 101.
inline bool is_low(int n) { return n <= 100; }

// Endless without the shift.
inline int bits(std::uint64_t n) {
  int count = 0;
  while (n) {
    n >>= 1;
    ++count;
  }
  return count;
}

// Noticed by a static assertion of the test.
constexpr unsigned low(unsigned n) { return n & PROBE_LIMIT; }

// One is noticed by the address sanitizer alone, because it reads behind the array.
inline bool has(const int* numbers, int size, int wanted) {
  for (int i = 0; i < size; ++i)
    if (numbers[i] == wanted) return true;
  return false;
}

inline int end(bool low) {
  int result{};
  if (low)
    result = std::numeric_limits<int>::min();
  else
    result = std::numeric_limits<int>::max();
  return result;
}

// In no test.
template <class T> bool unused(T n) { return !n; }

} // namespace takt::probe
