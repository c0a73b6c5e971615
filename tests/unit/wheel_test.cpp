// Protects: timer_wheel - whatever the order of adding, moving and removing, a pass takes out exactly the windows that are
// open, in the order of their due times and first armed first where equal, and first() is exactly the one that closes
// first.
#include <doctest/doctest.h>
#include <takt/scheduler/detail/wheel.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "support/thorough.hpp"

namespace {

using takt::detail::timer_wheel;
using window = timer_wheel::window;
using std::int64_t;

constexpr int64_t end_of_time = std::numeric_limits<int64_t>::max(), begin_of_time = std::numeric_limits<int64_t>::min();

struct numbered : timer_wheel::node {
  unsigned number = 0;
};

// The wheel as its owner uses it. The owner's bits of a node show its number, so that a lost bit is found.
std::uint64_t owners_of(const numbered& n) { return n.number & timer_wheel::node::owners; }
void add(timer_wheel& wheel, numbered& n, window w) { wheel.add(n, w, owners_of(n)); }
void move(timer_wheel& wheel, numbered& n, window w) {
  REQUIRE((n.load() & timer_wheel::node::owners) == owners_of(n));
  const std::uint64_t word = n.load();
  if ((word & timer_wheel::node::front) != 0) wheel.move(n, w, word);
  else if (wheel.move_quickly(n, w.earliest, w.latest, word)) wheel.improve(n);
}
void remove(timer_wheel& wheel, numbered& n) {
  REQUIRE((n.load() & timer_wheel::node::owners) == owners_of(n));
  wheel.remove(n, n.load());
}

class row {
public:
  explicit row(std::size_t n) : nodes_(new numbered[n]) {
    for (unsigned i = 0; i < n; ++i) nodes_[i].number = i;
  }
  numbered& operator[](std::size_t i) { return nodes_[i]; }

private:
  std::unique_ptr<numbered[]> nodes_;
};

/// Goes on to the next of the lists that each slot has: the wheel chooses it by a count of arming.
void next_list(timer_wheel& wheel) {
  numbered spare;
  for (unsigned i = 0; i < 1U << takt::detail::wheel_slots::together; ++i) {
    wheel.add(spare, {0, 0}, 0);
    wheel.remove(spare, spare.load());
  }
}
/// A beginning of the count of arming from which it soon wraps around, for some seeds.
std::uint64_t first_sequence(std::uint64_t seed) { return seed % 3 == 0 ? ~std::uint64_t{0} - seed % 5000 : 0; }

/// The same in the plainest way.
struct model {
  std::map<unsigned, window> windows;
  std::map<unsigned, unsigned> armed; ///< when, as a count
  unsigned arms = 0;

  void set(unsigned number, window w) { windows[number] = w, armed[number] = arms++; }

  [[nodiscard]] window first() const {
    return std::min_element(windows.begin(), windows.end(), [](const auto& a, const auto& b) {
             return std::tuple(a.second.latest, -a.second.earliest) < std::tuple(b.second.latest, -b.second.earliest);
           })->second;
  }
  std::vector<unsigned> take_open(int64_t now) {
    std::vector<unsigned> open;
    for (const auto& [number, w] : windows)
      if (w.earliest <= now) open.push_back(number);
    std::sort(open.begin(), open.end(), [this](unsigned a, unsigned b) {
      return std::pair(windows[a].earliest, armed[a]) < std::pair(windows[b].earliest, armed[b]);
    });
    for (const unsigned number : open) windows.erase(number);
    return open;
  }
};

std::vector<unsigned> pass(timer_wheel& wheel, int64_t now) {
  std::vector<unsigned> taken;
  wheel.pass_to(now);
  while (timer_wheel::node* const n = wheel.next()) taken.push_back(static_cast<numbered*>(n)->number);
  return taken;
}

/// Not an operator: doctest does not find those of this file for a type of another namespace.
bool same(window a, window b) { return a.earliest == b.earliest && a.latest == b.latest; }

/// Random operations on a few nodes: windows as far ahead, as wide and as many at one instant as the seed says.
void compare(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&random](int64_t n) { return static_cast<int64_t>(random() % static_cast<std::uint64_t>(n)); };
  const int64_t reach = int64_t{1} << (4 + below(48)), width = int64_t{1} << below(48), step = int64_t{1} << (3 + below(46));
  int64_t now = below(4) == 0 ? -below(int64_t{1} << 50) : below(int64_t{1} << 50);
  timer_wheel wheel(now, first_sequence(seed));
  model expected;
  constexpr unsigned count = 40;
  row nodes(count);
  const auto draw = [&] {
    int64_t earliest = now + below(reach) - (below(8) == 0 ? reach / 2 : 0);
    if (below(4) == 0) earliest = earliest / 1000 * 1000; // many at one instant
    return window{earliest, earliest + (below(4) == 0 ? 0 : below(width))};
  };
  const auto change = [&] {
    const auto i = static_cast<unsigned>(below(count));
    const window w = draw();
    if (!expected.windows.contains(i)) add(wheel, nodes[i], w), expected.set(i, w);
    else if (below(2) == 0) move(wheel, nodes[i], w), expected.set(i, w);
    else remove(wheel, nodes[i]), expected.windows.erase(i);
  };
  for (int k = 0; k < 400; ++k) {
    if (seed % 2 != 0 && below(16) == 0) next_list(wheel);
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
    if (!expected.windows.empty() && below(3) != 0) REQUIRE(same(wheel.first(), expected.first()));
  }
}

TEST_CASE("a wheel does what a list does") {
  for (std::uint64_t seed = 0; seed < (takt_test::stride == 1 ? 2000U : 400U); ++seed) {
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
    timer_wheel wheel(now, first_sequence(seed));
    model expected;
    constexpr unsigned count = 30;
    row nodes(count);
    const auto change = [&](unsigned i) {
      const int64_t earliest = now + below(reach) - reach / 4;
      const window w{earliest, earliest + below(reach)};
      if (!expected.windows.contains(i)) add(wheel, nodes[i], w), expected.set(i, w);
      else if (below(2) == 0) move(wheel, nodes[i], w), expected.set(i, w);
      else remove(wheel, nodes[i]), expected.windows.erase(i);
    };
    for (unsigned i = 0; i < count; ++i) {
      if (seed % 4 == 2 && i % 4 == 0) next_list(wheel);
      change(i);
    }
    for (int k = 0; k < 20; ++k) {
      now += below(reach);
      wheel.pass_to(now);
      while (timer_wheel::node* const n = wheel.next()) {
        const unsigned number = static_cast<numbered*>(n)->number;
        REQUIRE(expected.windows.contains(number));
        REQUIRE(expected.windows[number].earliest <= now);
        expected.windows.erase(number);
        REQUIRE(wheel.size() == expected.windows.size());
        if (seed % 2 == 0 && !expected.windows.empty()) REQUIRE(same(wheel.first(), expected.first()));
        for (int64_t changes = below(3); changes > 0; --changes) change(static_cast<unsigned>(below(count)));
      }
      // A node that was added during the pass, and was open, is in the next one.
      REQUIRE(wheel.size() == expected.windows.size());
      if (!expected.windows.empty()) REQUIRE(same(wheel.first(), expected.first()));
      REQUIRE(pass(wheel, now) == expected.take_open(now));
    }
  }
}

TEST_CASE("a pass that ends early leaves the rest to the next one, in order") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&random](int64_t n) { return static_cast<int64_t>(random() % static_cast<std::uint64_t>(n)); };
    const int64_t reach = int64_t{1} << (10 + below(30));
    int64_t now = 0;
    timer_wheel wheel(now);
    model expected;
    constexpr unsigned count = 60;
    row nodes(count);
    for (int k = 0; k < 20; ++k) {
      for (unsigned i = 0; i < count; ++i) {
        if (seed % 8 == 1 && i % 16 == 0) next_list(wheel);
        const int64_t earliest = now + below(reach) - reach / 4;
        if (expected.windows.contains(i) && below(4) != 0) continue;
        const window w{earliest, earliest + below(reach)};
        if (expected.windows.contains(i)) move(wheel, nodes[i], w);
        else add(wheel, nodes[i], w);
        expected.set(i, w);
      }
      now += below(reach);
      wheel.pass_to(now);
      const auto all = expected.windows;
      std::vector<unsigned> open = expected.take_open(now);
      for (int64_t limit = below(20); limit > 0 && !open.empty(); --limit, open.erase(open.begin())) {
        timer_wheel::node* const n = wheel.next();
        REQUIRE(n != nullptr);
        REQUIRE(static_cast<numbered*>(n)->number == open.front());
      }
      wheel.end_pass();
      for (const unsigned number : open) expected.windows[number] = all.at(number);
      REQUIRE(wheel.now() == now);
      REQUIRE(wheel.size() == expected.windows.size());
      if (!expected.windows.empty()) REQUIRE(same(wheel.first(), expected.first()));
    }
    REQUIRE(pass(wheel, now) == expected.take_open(now));
  }
}

TEST_CASE("thousands of windows in one slot come out in order") {
  for (const int64_t width : {int64_t{1}, int64_t{1000}, int64_t{1} << 22, int64_t{1} << 30, int64_t{1} << 36}) {
    CAPTURE(width);
    std::mt19937_64 random(static_cast<std::uint64_t>(width));
    constexpr unsigned count = 5000;
    row nodes(count);
    timer_wheel wheel(0);
    model expected;
    for (unsigned i = 0; i < count; ++i) {
      const unsigned number = i * 7 % count; // not in the order of memory
      const int64_t due = (int64_t{1} << 40) + static_cast<int64_t>(random() % static_cast<std::uint64_t>(width));
      add(wheel, nodes[number], {due, due});
      expected.set(number, {due, due});
    }
    for (const int64_t now : {(int64_t{1} << 40) + width / 2, (int64_t{1} << 40) + width})
      REQUIRE(pass(wheel, now) == expected.take_open(now));
    REQUIRE(wheel.size() == 0);
  }
}

TEST_CASE("where due times are equal the order survives a clock that is set back") {
  timer_wheel wheel(1'000'000);
  constexpr unsigned count = 100;
  row nodes(count);
  std::vector<unsigned> armed;
  for (unsigned i = 0; i < count; ++i) {
    add(wheel, nodes[i * 37 % count], {2'000'000, 3'000'000});
    armed.push_back(i * 37 % count);
  }
  wheel.set_back(0);
  CHECK(pass(wheel, 1'999'999).empty());
  CHECK(pass(wheel, 2'000'000) == armed);
}

TEST_CASE("the ends of time") {
  timer_wheel wheel(0);
  numbered nodes[6];
  for (unsigned i = 0; i < 6; ++i) nodes[i].number = i;
  add(wheel, nodes[0], {begin_of_time, end_of_time});
  CHECK(same(wheel.first(), window{begin_of_time, end_of_time}));
  add(wheel, nodes[1], {5, end_of_time});
  CHECK(same(wheel.first(), window{5, end_of_time}));
  add(wheel, nodes[2], {end_of_time, end_of_time});
  CHECK(same(wheel.first(), window{end_of_time, end_of_time}));
  remove(wheel, nodes[2]);
  CHECK(same(wheel.first(), window{5, end_of_time}));
  add(wheel, nodes[2], {end_of_time, end_of_time});
  add(wheel, nodes[3], {end_of_time - 1, end_of_time - 1});
  add(wheel, nodes[4], {begin_of_time, begin_of_time});
  CHECK(same(wheel.first(), window{begin_of_time, begin_of_time}));
  CHECK(pass(wheel, 0) == std::vector<unsigned>{0, 4});
  CHECK(same(wheel.first(), window{end_of_time - 1, end_of_time - 1}));
  CHECK(pass(wheel, end_of_time - 1) == std::vector<unsigned>{1, 3});
  CHECK(pass(wheel, end_of_time) == std::vector<unsigned>{2});
  CHECK(wheel.size() == 0);
  add(wheel, nodes[5], {7, 7}); // long past
  CHECK(same(wheel.first(), window{7, 7}));
  wheel.set_back(begin_of_time);
  CHECK(pass(wheel, 6).empty());
  CHECK(pass(wheel, 7) == std::vector<unsigned>{5});
}

TEST_CASE("time that goes back in a pass stands still") {
  timer_wheel wheel(1000);
  numbered n;
  add(wheel, n, {900, 950});
  wheel.pass_to(10);
  CHECK(wheel.now() == 1000);
  CHECK(wheel.next() == &n);
  CHECK(wheel.next() == nullptr);
}

TEST_CASE("take_any empties the wheel, deferred windows and all") {
  std::mt19937_64 random(7);
  timer_wheel wheel(0);
  constexpr unsigned count = 1000;
  row nodes(count);
  for (unsigned i = 0; i < count; ++i) {
    numbered& n = nodes[i];
    const auto earliest = static_cast<int64_t>(random() >> 8);
    add(wheel, n, {earliest, earliest});
    if (random() % 2 == 0) move(wheel, n, {earliest + 1, end_of_time});
  }
  std::set<timer_wheel::node*> taken;
  while (timer_wheel::node* const n = wheel.take_any()) taken.insert(n);
  CHECK(taken.size() == count);
  CHECK(wheel.size() == 0);
  add(wheel, nodes[0], {1, 2});
  CHECK(same(wheel.first(), window{1, 2}));
}

// Every sequence of four operations on three nodes, with windows at the borders of slots and levels.
TEST_CASE("what a few operations do, exhaustively") {
  constexpr int64_t slot = 1 << 16, level = 1 << 24;
  constexpr window windows[] = {{0, level}, {slot - 1, slot}, {slot, slot}, {level, level + 1}};
  constexpr int64_t times[] = {slot - 1, slot, level};
  constexpr unsigned count = 3, each = std::size(windows) + 1, operations = count * each + std::size(times);
  timer_wheel wheel(0);
  row nodes(count);
  for (unsigned code = 0; code < operations * operations * operations * operations; ++code) {
    while (wheel.take_any() != nullptr) {}
    wheel.set_back(0);
    model expected;
    for (unsigned k = 0, rest = code; k < 4; ++k, rest /= operations) {
      const unsigned operation = rest % operations, i = operation / each, what = operation % each;
      if (i >= count) {
        const int64_t now = std::max(wheel.now(), times[what]);
        if (pass(wheel, now) != expected.take_open(now)) FAIL(code);
      } else if (what < std::size(windows)) {
        if (expected.windows.contains(i)) move(wheel, nodes[i], windows[what]);
        else add(wheel, nodes[i], windows[what]);
        expected.set(i, windows[what]);
      } else if (expected.windows.contains(i)) {
        remove(wheel, nodes[i]);
        expected.windows.erase(i);
      }
      if (wheel.size() != expected.windows.size()) FAIL(code);
      if (code % 2 != 0 && wheel.size() != 0 && !same(wheel.first(), expected.first())) FAIL(code);
    }
    if (wheel.size() != 0 && !same(wheel.first(), expected.first())) FAIL(code);
    if (pass(wheel, 2 * level) != expected.take_open(2 * level)) FAIL(code);
  }
}

TEST_CASE("windows with few different due times come out in the order of arming") {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    constexpr unsigned count = 3000;
    row nodes(count);
    timer_wheel wheel(0, first_sequence(seed));
    model expected;
    const std::uint64_t different = 1 + random() % 300, step = std::uint64_t{1} << random() % 30;
    for (unsigned i = 0; i < count; ++i) {
      const unsigned number = i * 7 % count;
      const auto due = static_cast<int64_t>(random() % different * step);
      add(wheel, nodes[number], {due, end_of_time});
      expected.set(number, {due, end_of_time});
    }
    for (const std::uint64_t part : {different / 3, different / 2, different})
      REQUIRE(pass(wheel, static_cast<int64_t>(part * step)) == expected.take_open(static_cast<int64_t>(part * step)));
    REQUIRE(wheel.size() == 0);
  }
}

TEST_CASE("a node costs 40 bytes, and a wheel some pages") {
  CHECK(sizeof(timer_wheel::node) <= 40);
  CHECK(sizeof(timer_wheel) < 124 * 1024);
}

} // namespace
