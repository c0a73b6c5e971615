// Protects: timer_wheel - whatever the order of adding, moving and removing, a pass takes out exactly the windows that are open,
// and first() is exactly the one that closes first.
#include <doctest/doctest.h>
#include <takt/timer/wheel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <tuple>

namespace {

using takt::detail::timer_wheel;
using window = timer_wheel::window;
using std::int64_t;

constexpr int64_t end_of_time = std::numeric_limits<int64_t>::max(), begin_of_time = std::numeric_limits<int64_t>::min();

struct numbered : timer_wheel::node {
  unsigned number = 0;
};

/// Nodes side by side, or so far apart that they are on all the lists of a slot.
class row {
public:
  row(std::size_t n, bool apart) : distance_(apart ? 1 << 16 : sizeof(numbered)), memory_(new std::byte[n * distance_]) {
    for (unsigned i = 0; i < n; ++i) (::new (static_cast<void*>(&memory_[i * distance_])) numbered)->number = i;
  }
  numbered& operator[](std::size_t i) { return *std::launder(reinterpret_cast<numbered*>(&memory_[i * distance_])); }

private:
  std::size_t distance_;
  std::unique_ptr<std::byte[]> memory_;
};

/// The same in the plainest way.
struct model {
  std::map<unsigned, window> windows;

  [[nodiscard]] window first() const {
    return std::min_element(windows.begin(), windows.end(), [](const auto& a, const auto& b) {
             return std::tuple(a.second.latest, -a.second.earliest) < std::tuple(b.second.latest, -b.second.earliest);
           })->second;
  }
  std::set<unsigned> take_open(int64_t now) {
    std::set<unsigned> open;
    for (const auto& [number, w] : windows)
      if (w.earliest <= now) open.insert(number);
    for (const unsigned number : open) windows.erase(number);
    return open;
  }
};

std::set<unsigned> pass(timer_wheel& wheel, int64_t now) {
  std::set<unsigned> taken;
  wheel.pass_to(now);
  while (timer_wheel::node* const n = wheel.next()) taken.insert(static_cast<numbered*>(n)->number);
  return taken;
}

bool operator==(window a, window b) { return a.earliest == b.earliest && a.latest == b.latest; }

/// Random operations on a few nodes: windows as far ahead, as wide and as many at one instant as the seed says.
void compare(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&random](int64_t n) { return static_cast<int64_t>(random() % static_cast<std::uint64_t>(n)); };
  const int64_t reach = int64_t{1} << (4 + below(48)), width = int64_t{1} << below(48), step = int64_t{1} << (3 + below(46));
  int64_t now = below(4) == 0 ? -below(int64_t{1} << 50) : below(int64_t{1} << 50);
  timer_wheel wheel(now);
  model expected;
  constexpr unsigned count = 40;
  row nodes(count, seed % 2 != 0);
  const auto draw = [&] {
    int64_t earliest = now + below(reach) - (below(8) == 0 ? reach / 2 : 0);
    if (below(4) == 0) earliest = earliest / 1000 * 1000; // many at one instant
    return window{earliest, earliest + (below(4) == 0 ? 0 : below(width))};
  };
  const auto change = [&] {
    const auto i = static_cast<unsigned>(below(count));
    const window w = draw();
    if (!expected.windows.contains(i)) wheel.add(nodes[i], w), expected.windows[i] = w;
    else if (below(2) == 0) wheel.move(nodes[i], w, below(2) == 0), expected.windows[i] = w;
    else wheel.remove(nodes[i]), expected.windows.erase(i);
  };
  for (int k = 0; k < 400; ++k) {
    if (const auto what = below(16); what < 12) {
      change();
    } else if (what < 15) {
      now += below(step);
      if (what == 14 && !expected.windows.empty()) now = std::max(now, expected.first().latest - below(width));
      const auto open = expected.take_open(now);
      REQUIRE(pass(wheel, now) == open);
      REQUIRE(wheel.now() == now);
    } else if (below(8) == 0) {
      now -= below(step);
      wheel.set_back(now);
    }
    REQUIRE(wheel.size() == expected.windows.size());
    if (!expected.windows.empty() && below(3) != 0) REQUIRE(wheel.first() == expected.first());
  }
}

TEST_CASE("a wheel does what a list does") {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    CAPTURE(seed);
    compare(seed);
  }
}

TEST_CASE("windows may come, go and move between the steps of a pass") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&random](int64_t n) { return static_cast<int64_t>(random() % static_cast<std::uint64_t>(n)); };
    const int64_t reach = int64_t{1} << (10 + below(30));
    int64_t now = 0;
    timer_wheel wheel(now);
    model expected;
    constexpr unsigned count = 30;
    row nodes(count, seed / 2 % 2 != 0);
    const auto change = [&](unsigned i) {
      const int64_t earliest = now + below(reach) - reach / 4;
      const window w{earliest, earliest + below(reach)};
      if (!expected.windows.contains(i)) wheel.add(nodes[i], w), expected.windows[i] = w;
      else if (below(2) == 0) wheel.move(nodes[i], w, below(2) == 0), expected.windows[i] = w;
      else wheel.remove(nodes[i]), expected.windows.erase(i);
    };
    for (unsigned i = 0; i < count; ++i) change(i);
    for (int k = 0; k < 20; ++k) {
      now += below(reach);
      wheel.pass_to(now);
      while (timer_wheel::node* const n = wheel.next()) {
        const unsigned number = static_cast<numbered*>(n)->number;
        REQUIRE(expected.windows.contains(number));
        REQUIRE(expected.windows[number].earliest <= now);
        expected.windows.erase(number);
        REQUIRE(wheel.size() == expected.windows.size());
        // Not always asked, for to answer the wheel puts its lists in order.
        if (seed % 2 == 0 && !expected.windows.empty()) REQUIRE(wheel.first() == expected.first());
        for (int64_t changes = below(3); changes > 0; --changes) change(static_cast<unsigned>(below(count)));
      }
      // What was added during the pass may have been open and not be seen any more: it is in the next.
      REQUIRE(wheel.size() == expected.windows.size());
      if (!expected.windows.empty()) REQUIRE(wheel.first() == expected.first());
      REQUIRE(pass(wheel, now) == expected.take_open(now));
    }
  }
}

TEST_CASE("the ends of time") {
  timer_wheel wheel(0);
  numbered nodes[6];
  for (unsigned i = 0; i < 6; ++i) nodes[i].number = i;
  wheel.add(nodes[0], {begin_of_time, end_of_time});
  CHECK(wheel.first() == window{begin_of_time, end_of_time});
  wheel.add(nodes[1], {5, end_of_time});
  CHECK(wheel.first() == window{5, end_of_time});
  wheel.add(nodes[2], {end_of_time, end_of_time});
  CHECK(wheel.first() == window{end_of_time, end_of_time});
  wheel.remove(nodes[2]);
  CHECK(wheel.first() == window{5, end_of_time});
  wheel.add(nodes[2], {end_of_time, end_of_time});
  wheel.add(nodes[3], {end_of_time - 1, end_of_time - 1});
  wheel.add(nodes[4], {begin_of_time, begin_of_time});
  CHECK(wheel.first() == window{begin_of_time, begin_of_time});
  CHECK(pass(wheel, 0) == std::set<unsigned>{0, 4});
  CHECK(wheel.first() == window{end_of_time - 1, end_of_time - 1});
  CHECK(pass(wheel, end_of_time - 1) == std::set<unsigned>{1, 3});
  CHECK(pass(wheel, end_of_time) == std::set<unsigned>{2});
  CHECK(wheel.size() == 0);
  wheel.add(nodes[5], {7, 7}); // long past
  CHECK(wheel.first() == window{7, 7});
  wheel.set_back(begin_of_time);
  CHECK(pass(wheel, 6).empty());
  CHECK(pass(wheel, 7) == std::set<unsigned>{5});
}

TEST_CASE("time that goes back in a pass stands still") {
  timer_wheel wheel(1000);
  numbered n;
  wheel.add(n, {900, 950});
  wheel.pass_to(10);
  CHECK(wheel.now() == 1000);
  CHECK(wheel.next() == &n);
  CHECK(wheel.next() == nullptr);
}

TEST_CASE("take_any empties the wheel, deferred windows and all") {
  std::mt19937_64 random(7);
  timer_wheel wheel(0);
  constexpr unsigned count = 1000;
  row nodes(count, true);
  for (unsigned i = 0; i < count; ++i) {
    numbered& n = nodes[i];
    const auto earliest = static_cast<int64_t>(random() >> 8);
    wheel.add(n, {earliest, earliest});
    if (random() % 2 == 0) wheel.move(n, {earliest + 1, end_of_time});
  }
  std::set<timer_wheel::node*> taken;
  while (timer_wheel::node* const n = wheel.take_any()) taken.insert(n);
  CHECK(taken.size() == count);
  CHECK(wheel.size() == 0);
  wheel.add(nodes[0], {1, 2});
  CHECK(wheel.first() == window{1, 2});
}

TEST_CASE("a node costs 40 bytes, and a wheel a few pages") {
  CHECK(sizeof(timer_wheel::node) <= 40);
  CHECK(sizeof(timer_wheel) < 48 * 1024);
}

} // namespace
