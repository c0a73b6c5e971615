/// timer_input.hpp - the times that benchmarks arm their timers for, and the order in which they do it.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

/// Each timer has two due times within a minute and a slack below a second; each operation has an order of its own, that of
/// memory or a random one. Always the same.
struct input {
  input(std::size_t n, bool at_random) : first(n), second(n), slack(n) {
    std::mt19937_64 random(5);
    const auto below = [&random](std::int64_t end) {
      return std::chrono::nanoseconds(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end)));
    };
    for (auto& d : first) d = std::chrono::seconds(1) + below(60'000'000'000);
    for (auto& d : second) d = std::chrono::seconds(1) + below(60'000'000'000);
    for (auto& s : slack) s = below(1'000'000'000);
    for (auto& o : order) {
      o.resize(n);
      std::iota(o.begin(), o.end(), 0U);
      if (at_random) std::shuffle(o.begin(), o.end(), random);
    }
  }
  std::vector<std::chrono::nanoseconds> first, second, slack;
  std::vector<unsigned> order[3];
};
