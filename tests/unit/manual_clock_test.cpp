// Protects: manual_clock - time goes from wake-up to wake-up in order, each at its time, and never back on a steady clock.
#include <doctest/doctest.h>
#include <takt/testing/manual_clock.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using takt::testing::manual_clock;
using takt::testing::manual_wall_clock;
using std::chrono::nanoseconds;

static_assert(manual_clock::is_steady);
static_assert(!manual_wall_clock::is_steady);

/// Alarms at instants; `on_fire` may do to the clock what a callback may.
struct alarms final : manual_clock::driven {
  explicit alarms(manual_clock& c) : clock(c) { clock.attach(*this); }
  ~alarms() { clock.detach(*this); }
  alarms(const alarms&) = delete;
  alarms& operator=(const alarms&) = delete;

  std::optional<manual_clock::time_point> next_wakeup() override {
    return due.empty() ? std::nullopt : std::optional(*due.begin());
  }
  std::size_t fire(manual_clock::time_point now) override {
    std::size_t fired = 0;
    while (!due.empty() && *due.begin() <= now) {
      due.erase(due.begin());
      seen.push_back(clock.now());
      ++fired;
      if (takes > 0ns) clock.advance(takes);
    }
    return fired;
  }
  [[nodiscard]] std::size_t pending() const override { return due.size(); }

  manual_clock& clock;
  std::multiset<manual_clock::time_point> due;
  std::vector<manual_clock::time_point> seen;
  nanoseconds takes = 0ns;
};

TEST_CASE("time stands still until it is moved") {
  manual_clock clock;
  const auto start = clock.now();
  CHECK(start.time_since_epoch() > 0ns);
  CHECK(start.time_since_epoch() % 1us != 0ns);
  CHECK(clock.now() == start);
  CHECK(clock.advance(3s) == 0);
  CHECK(clock.now() == start + 3s);
  CHECK(clock.advance_to(start + 2s) == 0); // has passed already
  CHECK(clock.now() == start + 3s);
  CHECK(clock.advance_to_next() == 0);
  CHECK(clock.now() == start + 3s);
  CHECK_FALSE(clock.next_wakeup());
  CHECK(clock.advance(nanoseconds::max()) == 0);
  CHECK(clock.now() == manual_clock::time_point::max());
}

TEST_CASE("every wake-up on the way takes place at its time, of whatever scheduler") {
  manual_clock clock(manual_clock::time_point(1s));
  alarms a(clock), b(clock);
  const auto at = [](nanoseconds t) { return manual_clock::time_point(t); };
  a.due = {at(2s), at(4s), at(4s)};
  b.due = {at(3s), at(9s)};
  CHECK(clock.pending() == 5);
  CHECK(clock.next_wakeup() == at(2s));
  CHECK(clock.advance(3s) == 4);
  CHECK(clock.now() == at(4s));
  CHECK(a.seen == std::vector{at(2s), at(4s), at(4s)});
  CHECK(b.seen == std::vector{at(3s)});
  CHECK(clock.advance_to_next() == 1);
  CHECK(clock.now() == at(9s));
  CHECK(clock.pending() == 0);
}

TEST_CASE("a callback that takes time delays the others, and nothing is called inside it") {
  manual_clock clock(manual_clock::time_point(0s));
  alarms a(clock);
  const auto at = [](nanoseconds t) { return manual_clock::time_point(t); };
  a.due = {at(1s), at(2s), at(3s)};
  a.takes = 1500ms;
  CHECK(clock.advance(3s) == 3);
  CHECK(a.seen == std::vector{at(1s), at(2500ms), at(4s)});
  CHECK(clock.now() == at(5500ms));
}

TEST_CASE("set notifies no thread; only a clock that is not steady goes back") {
  manual_clock clock(manual_clock::time_point(10s));
  alarms a(clock);
  a.due = {manual_clock::time_point(11s)};
  clock.set(manual_clock::time_point(20s));
  CHECK(a.seen.empty());
  clock.set(manual_clock::time_point(15s));
  CHECK(clock.now() == manual_clock::time_point(20s));
  CHECK(clock.advance(0ns) == 1);
  CHECK(a.seen == std::vector{manual_clock::time_point(20s)});

  manual_wall_clock wall(manual_wall_clock::time_point(10s));
  wall.set(manual_wall_clock::time_point(5s));
  CHECK(wall.now() == manual_wall_clock::time_point(5s));
}

TEST_CASE("what is detached is moved no more") {
  manual_clock clock(manual_clock::time_point(0s));
  alarms first(clock);
  {
    alarms second(clock);
    second.due = {manual_clock::time_point(1s)};
    CHECK(clock.pending() == 1);
  }
  CHECK(clock.pending() == 0);
  CHECK(clock.advance(2s) == 0);
}

} // namespace
