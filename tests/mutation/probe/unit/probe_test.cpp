// Protects: nothing of takt's. It is the test of probe.hpp, which mutation.py --self-test changes.
#include <doctest/doctest.h>
#include <takt/probe/probe.hpp>
#include <limits>
#include <vector>

using namespace takt::probe;

static_assert(low(7) == 2);

TEST_CASE("probe") {
  CHECK(smaller(1, 2) == 1);
  CHECK(smaller(2, 1) == 1);
  CHECK(lighter({1}, {2}));
  CHECK(is_low(100));
  CHECK_FALSE(is_low(102));
  CHECK(bits(0) == 0);
  CHECK(bits(4) == 3);
  const std::vector<int> numbers{4, 5, 6};
  CHECK(has(numbers.data(), 3, 4));
  CHECK(has(numbers.data(), 3, 6));
  CHECK_FALSE(has(numbers.data(), 3, 123456789));
  CHECK(end(true) == std::numeric_limits<int>::min());
  CHECK(end(false) == std::numeric_limits<int>::max());
}
