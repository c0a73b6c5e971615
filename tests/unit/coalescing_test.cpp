// Protects: what takt says could sleep together: a planner and a count per CPU that no rule beats, slack only for those for
// whom the kernel honours it and whose periods allow it, real-time threads on the grid alone, and the ranking.
#include <takt/observe/coalescing.hpp>
#include <doctest/doctest.h>
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::wake_window;

wake_window window(nanoseconds earliest, nanoseconds latest, std::uint32_t owner, nanoseconds period, bool slackable = true) {
  wake_window w;
  w.earliest = earliest, w.latest = latest, w.owner = owner, w.period = period, w.slackable = slackable;
  return w;
}
takt::slack_change with(nanoseconds slack, std::uint32_t owner = takt::timer_trace::no_usage, bool grid = false) {
  return {slack, owner, grid};
}

/// Eight owners with a period of 100 ms each, apart by 1 ms.
std::vector<wake_window> eight(bool slackable = true) {
  std::vector<wake_window> windows;
  for (std::uint32_t owner = 0; owner < 8; ++owner)
    for (int k = 0; k < 10; ++k) {
      const nanoseconds due = 100ms * k + 1ms * owner;
      windows.push_back(window(due, due + 50us, owner, 100ms, slackable));
    }
  return windows;
}

} // namespace

TEST_CASE("slack lets them meet, for all owners or for one") {
  const auto windows = eight();
  auto r = with(0ns).evaluate(windows);
  CHECK(r.now == 80);
  CHECK(r.then == 80);
  CHECK(r.fewest == 80);
  CHECK(r.moved == 0);
  r = with(10ms).evaluate(windows);
  CHECK(r.then == 10);
  CHECK(r.fewest == 10);
  CHECK(r.moved == 80);
  CHECK(r.owners == 8);
  CHECK(r.refused == 0);
  r = with(1ms).evaluate(windows);
  CHECK(r.then == 40); // two and two
  r = with(10ms, 0).evaluate(windows);
  CHECK(r.owners == 1);
  CHECK(r.moved == 10);
  CHECK(r.then == 70); // the first joins the second
}

TEST_CASE("a period must be four times the slack, of every timer of the owner") {
  auto windows = eight();
  CHECK(with(25ms).evaluate(windows).owners == 8);
  auto r = with(25ms + 1ns).evaluate(windows);
  CHECK(r.owners == 0);
  CHECK(r.refused == 8);
  CHECK(r.moved == 0);
  CHECK(r.then == 80);
  windows.push_back(window(2s, 2s, 3, 1ms));    // one short sleep of owner 3
  windows.push_back(window(3s, 3s, 4, 0ns));    // one of owner 4 whose period is not known
  r = with(10ms).evaluate(windows);
  CHECK(r.owners == 6);
  CHECK(r.refused == 2);
  CHECK(r.moved == 60);
  CHECK(with(-1ns).evaluate(windows).owners == 0);
}

TEST_CASE("slack moves neither kernel functions nor timerfds nor real-time threads; the grid moves the last") {
  auto windows = eight(false);
  CHECK(with(10ms).evaluate(windows).then == 80);
  CHECK(with(10ms).evaluate(windows).owners == 0);
  for (auto& w : windows) w.real_time = true;
  CHECK(with(10ms).evaluate(windows).then == 80);
  const auto r = with(10ms, takt::timer_trace::no_usage, true).evaluate(windows);
  CHECK(r.owners == 8);
  CHECK(r.then < 25); // they meet at round points without talking
  CHECK(r.then >= 10);
}

TEST_CASE("what did not find its CPU idle needs no wake-up, and CPUs wake by themselves") {
  auto windows = eight();
  for (auto& w : windows) w.from_idle = w.woke_idle = w.owner != 7;
  CHECK(with(0ns).evaluate(windows).now == 70);
  CHECK(with(0ns).evaluate(windows).then == 70);
  for (auto& w : windows) w.from_idle = w.woke_idle = true, w.cpu = static_cast<std::int32_t>(w.owner % 2);
  const auto r = with(10ms).evaluate(windows);
  CHECK(r.then == 20);
  CHECK(r.fewest == 10);
}

TEST_CASE("the ranking: who saves most, with the largest slack that its periods allow") {
  std::vector<wake_window> windows;
  const auto add = [&](std::uint32_t owner, nanoseconds period, nanoseconds offset, int count, bool real_time = false) {
    for (int k = 0; k < count; ++k) {
      auto w = window(period * k + offset, period * k + offset, owner, period, !real_time);
      w.real_time = real_time;
      windows.push_back(w);
    }
  };
  for (int k = 0; k < 100; ++k) windows.push_back(window(10ms * k, 10ms * k, 0, 10ms, false)); // the tick, say
  add(1, 100ms, 3ms, 10);
  add(2, 50ms, 5ms, 20);
  add(3, 2ms, 1500us, 500); // too short for any
  add(4, 200ms, 7ms, 5, true);
  const auto best = takt::slack_change::rank(windows, {1ms, 10ms, 50ms}, 5);
  REQUIRE(best.size() == 3);
  CHECK(best[0].owner == 2);
  CHECK(best[0].slack == 10ms);
  CHECK(best[0].saved == 20);
  CHECK(!best[0].on_grid);
  CHECK(best[1].owner == 1);
  CHECK(best[2].owner == 4);
  CHECK(best[2].on_grid);
  CHECK(best[2].slack == 50ms);
  CHECK(takt::slack_change::rank(windows, {1ms, 10ms, 50ms}, 1).size() == 1);
  CHECK(takt::slack_change::rank({}, {1ms}, 5).empty());
}

TEST_CASE("more slack never costs wake-ups, and the planner is never beaten") {
  std::mt19937_64 random(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<wake_window> windows;
    for (int i = 0; i < 60; ++i) {
      const nanoseconds due(static_cast<std::int64_t>(random() % 1'000'000'000));
      auto w = window(due, due + nanoseconds(static_cast<std::int64_t>(random() % 1'000'000)), static_cast<std::uint32_t>(random() % 5), 1s,
                      random() % 3 != 0);
      w.cpu = static_cast<std::int32_t>(random() % 3);
      windows.push_back(w);
    }
    std::uint64_t before = ~std::uint64_t{0};
    for (const nanoseconds slack : {0ns, nanoseconds(1ms), nanoseconds(10ms), nanoseconds(100ms)}) {
      const auto r = with(slack).evaluate(windows);
      CHECK(r.then <= before);
      CHECK(r.fewest <= r.then);
      CHECK(r.then <= r.now);
      CHECK(with(slack, takt::timer_trace::no_usage, true).evaluate(windows).then >= r.then);
      before = r.then;
    }
  }
}

TEST_CASE("the window of an expiry") {
  takt::timer_trace::step e;
  e.kind = takt::timer_trace::step::kind_type::expired, e.function = "hrtimer_wakeup";
  e.armed_known = true, e.usage = 3, e.cpu = 1;
  e.earliest = 5ms, e.latest = 6ms, e.time = 6100us, e.period = 10ms, e.from_idle = true;
  takt::timer_trace::owner owner;
  owner.kind = takt::timer_trace::owner::kind_type::process;
  auto w = takt::wake_window::of(e, owner);
  CHECK(w.earliest == 5ms);
  CHECK(w.latest == 6ms);
  CHECK(w.slackable);
  CHECK(!w.real_time);
  CHECK(!w.woke_idle);
  owner.real_time = true;
  w = takt::wake_window::of(e, owner);
  CHECK(!w.slackable);
  CHECK(w.real_time);
  owner.kind = takt::timer_trace::owner::kind_type::kernel_function;
  CHECK(!takt::wake_window::of(e, owner).real_time);
  owner = {}, owner.kind = takt::timer_trace::owner::kind_type::process, e.function = "timerfd_tmrproc";
  CHECK(!takt::wake_window::of(e, owner).slackable);
  e.armed_known = false;
  CHECK(takt::wake_window::of(e, owner).latest == 6100us);
}
