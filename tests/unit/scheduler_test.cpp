// Protects: basic_grid_scheduler - what handles, nodes and cycles promise, at the edges of time and of their lives, on a clock
// that a test moves.
#include <doctest/doctest.h>
#include <takt/testing/manual_clock.hpp>
#include <takt/scheduler/scheduler.hpp>

#include "support/thorough.hpp"
#include "support/wakeup_rules.hpp"
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using takt::overrun;
using timer_status = takt::timer_handle::state;
using takt::testing::manual_clock;
using takt::testing::manual_wall_clock;
using std::chrono::nanoseconds;
using scheduler = takt::basic_grid_scheduler<manual_clock>;
using single = takt::basic_grid_scheduler<manual_clock, takt::wake_at_roundest<>, takt::no_mutex>;
using at_once = takt::basic_grid_scheduler<manual_clock, takt_test::wake_at_earliest>;
using roomy_timer = takt::basic_grid_timer<scheduler, 2 * sizeof(void*)>;
using wall = takt::basic_grid_scheduler<manual_wall_clock>;

static_assert(sizeof(takt::grid_timer) == 64); // beyond the callback: 56
static_assert(sizeof(takt::detail::counted) <= 96);
static_assert(!std::is_copy_constructible_v<takt::timer_handle> && std::is_nothrow_move_constructible_v<takt::timer_handle>);
static_assert(std::is_nothrow_default_constructible_v<takt::timer_handle> && std::is_nothrow_destructible_v<takt::timer_handle>);
static_assert(!std::is_move_constructible_v<takt::grid_timer> && !std::is_copy_constructible_v<takt::grid_timer>);
static_assert(!std::is_move_constructible_v<takt::grid_scheduler>);

constexpr manual_clock::time_point at(nanoseconds t) { return manual_clock::time_point(t); }

struct fixture {
  manual_clock clock{at(1'000'000s)};
  scheduler timers{clock};
  std::vector<nanoseconds> calls; ///< from the beginning
  auto note() {
    return [this] { calls.push_back(clock.now() - at(1'000'000s)); };
  }
};

TEST_CASE_FIXTURE(fixture, "a timer is called back at the roundest point of its window, once") {
  auto h = timers.after(1234us, takt::slack(10ms), note());
  CHECK(h);
  CHECK(h.status() == timer_status::pending);
  CHECK(timers.next_wakeup() == at(1'000'000s + 10ms));
  CHECK(clock.advance(9999us) == 0);
  CHECK(clock.advance(1us) == 1);
  CHECK(h.status() == timer_status::ran);
  CHECK(clock.advance(1h) == 0);
  CHECK(calls == std::vector<nanoseconds>{10ms});
  CHECK_FALSE(timers.next_wakeup());
  CHECK_FALSE(h.cancel());
  CHECK_FALSE(h.move(1s, takt::slack(0s)));
}

/// A mutex of one thread, in which `meanwhile` happens where another thread would have had it before.
struct contended_mutex {
  static inline std::function<void()> meanwhile;
  void lock() {
    if (const auto other = std::exchange(meanwhile, nullptr)) other();
  }
  bool try_lock() { return lock(), true; }
  void unlock() {}
};

TEST_CASE("a node that another thread changes while cancel() waits for the lock is cancelled as it then is") {
  using contended = takt::basic_grid_scheduler<manual_clock, takt::wake_at_roundest<>, contended_mutex>;
  manual_clock clock{at(1'000'000s)};
  contended timers(clock);
  int calls = 0;
  takt::basic_grid_timer<contended> timer(timers, [&calls] { ++calls; });
  for (int bounds = 0; bounds < 2; ++bounds) { // a node that is a bound of others is cancelled in another way
    auto neighbour = timers.after(1s, takt::slack(0s), [] {});
    timer.arm(bounds ? 1ms : 1s, takt::slack(0s));
    contended_mutex::meanwhile = [&] { CHECK(timer.arm(2s, takt::slack(0s))); };
    CHECK(timer.cancel());
    CHECK(timer.status() == timer_status::cancelled);
    clock.advance(10s);
    CHECK(calls == 0);

    timer.arm(1s, takt::slack(0s));
    contended_mutex::meanwhile = [&] { clock.advance(2s); };
    CHECK_FALSE(timer.cancel());
    CHECK(timer.status() == timer_status::ran);
    CHECK(std::exchange(calls, 0) == 1);

    timer.arm(1s, takt::slack(0s));
    contended_mutex::meanwhile = [&] { CHECK(timer.cancel()); };
    CHECK_FALSE(timer.cancel());
    CHECK(timer.status() == timer_status::cancelled);
    clock.advance(10s);
    CHECK(calls == 0);
  }
}

TEST_CASE_FIXTURE(fixture, "whatever is open at a wake-up is called back in it, both ends of a window included") {
  auto opens_then = timers.at(at(1'000'000s + 50ms), takt::slack(1s), note());
  auto opens_later = timers.at(at(1'000'000s + 50ms + 1ns), takt::slack(1s), note());
  auto closes_then = timers.at(at(1'000'000s + 41ms), takt::slack(9ms), note());
  CHECK(clock.advance_to_next() == 2);
  CHECK(calls == std::vector<nanoseconds>{50ms, 50ms});
  CHECK(opens_later.status() == timer_status::pending);
  CHECK(timers.statistics().wakeups() == 1);
}

TEST_CASE_FIXTURE(fixture, "a callback may want to know why") {
  std::optional<scheduler::event> seen;
  auto h = timers.after(1ms, takt::slack(2ms), [&](const scheduler::event& e) { seen = e; });
  clock.set(clock.now() + 7ms);
  clock.advance(0ns);
  REQUIRE(seen);
  CHECK(seen->earliest == at(1'000'000s + 1ms));
  CHECK(seen->latest == at(1'000'000s + 3ms));
  CHECK(seen->now == at(1'000'000s + 7ms));
  CHECK(seen->missed == 0);
  CHECK(timers.statistics().max_lateness() == 4ms);
  CHECK(timers.statistics().lateness(1) == 4ms);
}

TEST_CASE_FIXTURE(fixture, "cycles keep their deadlines") {
  auto h = timers.every(10ms, takt::slack(4ms), note());
  clock.advance(3ms);
  CHECK(clock.advance(996ms) == 99); // windows [10, 14], ... [990, 994]; the hundredth opens at 1000
  CHECK(h.status() == timer_status::pending);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const nanoseconds due = static_cast<int>(i + 1) * 10ms;
    CHECK(calls[i] >= due);
    CHECK(calls[i] <= due + 4ms);
  }
  CHECK(h.cancel());
  CHECK(h.status() == timer_status::cancelled);
  CHECK(clock.advance(1s) == 0);
}

TEST_CASE("a callback that takes longer than its period: the policy says what becomes of the cycles") {
  const auto run = [](overrun policy) {
    manual_clock clock(at(0s));
    at_once timers(clock);
    std::vector<std::pair<nanoseconds, std::uint64_t>> calls; // when, missed
    auto h = timers.every(10ms, takt::slack(2ms), policy, [&](const at_once::event& e) {
      calls.emplace_back(e.now.time_since_epoch(), e.missed);
      if (calls.size() == 1) clock.advance(35ms); // from 10 ms to 45 ms
    });
    clock.advance_to(at(65ms));
    return std::pair(calls, timers.statistics().missed());
  };
  using seen = std::pair<nanoseconds, std::uint64_t>;
  // Cycles 20, 30 and 40 are over, 40 since 42 ms.
  CHECK(run(overrun::skip) == std::pair(std::vector<seen>{{10ms, 0}, {50ms, 3}, {60ms, 0}}, std::uint64_t{3}));
  CHECK(run(overrun::report) == std::pair(std::vector<seen>{{10ms, 0}, {45ms, 2}, {50ms, 0}, {60ms, 0}}, std::uint64_t{2}));
  CHECK(run(overrun::catch_up) ==
        std::pair(std::vector<seen>{{10ms, 0}, {45ms, 0}, {45ms, 0}, {45ms, 0}, {50ms, 0}, {60ms, 0}}, std::uint64_t{0}));
}

TEST_CASE("a cycle whose window is still open is not missed") {
  manual_clock clock(at(0s));
  at_once timers(clock);
  std::vector<nanoseconds> calls;
  auto h = timers.every(10ms, takt::slack(5ms), [&] {
    calls.push_back(clock.now().time_since_epoch());
    if (calls.size() == 1) clock.advance(15ms); // to 25 ms, the last moment of cycle 20
  });
  clock.advance_to(at(30ms));
  CHECK(calls == std::vector<nanoseconds>{10ms, 25ms, 30ms});
}

TEST_CASE_FIXTURE(fixture, "slack of a period or more is an error, and nothing is armed") {
  std::error_code ec;
  for (const auto slack : {takt::slack(1s), takt::slack(10s), takt::slack(nanoseconds::max())}) {
    CHECK_FALSE(timers.every(1s, slack, note(), ec));
    CHECK(ec == std::errc::invalid_argument);
    CHECK_FALSE(timers.every(takt::grid(1s), slack, note(), ec));
    CHECK(ec == std::errc::invalid_argument);
  }
  CHECK(timers.pending() == 0);
  auto h = timers.every(1s, takt::slack(1s - 1ns), note(), ec);
  CHECK_FALSE(ec);
  const auto due = h.due();
  CHECK_FALSE(h.move(5s, takt::slack(1s), ec));
  CHECK(ec == std::errc::invalid_argument);
  CHECK(h.due() == due); // as before
  CHECK(h.move(5s, takt::slack(1s - 1ns), ec));
  CHECK_FALSE(ec);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS(static_cast<void>(timers.every(1s, takt::slack(1s), note())), std::system_error);
  CHECK_THROWS_AS(h.move(5s, takt::slack(1s)), std::system_error);
#endif
}

TEST_CASE("every on a grid is due at the points of the grid, whenever it was started") {
  manual_clock clock(at(1'000'003ms));
  at_once timers(clock);
  std::vector<nanoseconds> calls;
  const auto note = [&] { calls.push_back(clock.now().time_since_epoch()); };
  const takt::grid beat(10ms, 4ms);
  auto h = timers.every(beat, takt::slack(0ns), note);
  CHECK(h.due() == at(1'000'004ms));
  clock.advance(25ms);
  CHECK(calls == std::vector<nanoseconds>{1'000'004ms, 1'000'014ms, 1'000'024ms});
  clock.set(at(1'000'034ms)); // at a point, the first is the next one
  auto late = timers.every(beat, takt::slack(1ms), overrun::report, note);
  CHECK(late.due() == at(1'000'044ms));
}

TEST_CASE_FIXTURE(fixture, "timers of one wake-up are called in the order of their due times, first armed first") {
  std::vector<int> order;
  const auto noted = [&order](int i) { return [&order, i] { order.push_back(i); }; };
  std::vector<std::unique_ptr<char[]>> between; // so that the nodes do not lie in the order of their arming
  std::vector<scheduler::handle> all;
  for (const int i : {7, 3, 9, 1}) {
    all.push_back(timers.after(i * 100ms, takt::slack(10s), noted(i)));
    between.push_back(std::make_unique<char[]>(100'000));
  }
  for (const int i : {20, 21, 22}) all.push_back(timers.after(500ms, takt::slack(10s), noted(i)));
  clock.advance(20s);
  CHECK(order == std::vector<int>{1, 3, 20, 21, 22, 7, 9});

  order.clear(); // the same when the machine is late, and for a timer that was moved
  auto a = timers.after(3s, takt::slack(0s), noted(3));
  auto b = timers.after(1s, takt::slack(0s), noted(1));
  auto c = timers.after(2s, takt::slack(0s), noted(20)), d = timers.after(2s, takt::slack(0s), noted(21));
  CHECK(c.move(2s, takt::slack(0s))); // armed last
  CHECK(a.move(3s, takt::slack(1s)));
  clock.set(clock.now() + 10s);
  clock.advance(0s);
  CHECK(order == std::vector<int>{1, 21, 20, 3});
}

TEST_CASE_FIXTURE(fixture, "a timer that its own callback arms is pending, and says when it is due") {
  struct job {
    scheduler::timer timer;
    manual_clock& clock;
    int called = 0;
    job(scheduler& s, manual_clock& c) : timer(s, [this] { again(); }), clock(c) {}
    void again() {
      if (++called == 3) return;
      CHECK(timer.status() == timer_status::running);
      CHECK_FALSE(timer.due());
      CHECK_FALSE(timer.arm(1s, takt::slack(0s)));
      CHECK(timer.status() == timer_status::pending);
      CHECK(timer.due() == clock.now() + 1s);
      if (called == 2) {
        CHECK(timer.cancel());
        CHECK(timer.status() == timer_status::running); // until it returns
        CHECK_FALSE(timer.due());
      }
    }
  } j(timers, clock);
  CHECK(j.timer.status() == timer_status::idle);
  CHECK_FALSE(j.timer.due());
  j.timer.arm(1s, takt::slack(0s));
  CHECK(j.timer.due() == clock.now() + 1s);
  clock.advance(10s);
  CHECK(j.called == 2);
  CHECK_FALSE(scheduler::handle().due());
}

TEST_CASE_FIXTURE(fixture, "fire calls back at most as many as it is asked to, those due first") {
  std::vector<int> order;
  for (int i = 0; i < 10; ++i)
    timers.after((10 - i) * 1s, takt::slack(0s), [&order, i] { order.push_back(i); }).detach();
  clock.set(clock.now() + 20s);
  CHECK(timers.fire(0) == 0);
  CHECK(timers.fire(3) == 3);
  CHECK(order == std::vector<int>{9, 8, 7});
  CHECK(timers.pending() == 7);
  CHECK(timers.next_wakeup() < clock.now()); // the rest is late
  timers.after(-15s, takt::slack(0s), [&order] { order.push_back(100); }).detach(); // due at 5 s: between the others
  CHECK(timers.fire(clock.now(), 3) == 3);
  CHECK(order == std::vector<int>{9, 8, 7, 6, 5, 100});
  CHECK(timers.fire() == 5);
  CHECK(order == std::vector<int>{9, 8, 7, 6, 5, 100, 4, 3, 2, 1, 0});
  CHECK_FALSE(timers.next_wakeup());
}

TEST_CASE("a callback may destroy its own scheduler") {
  const auto witness = std::make_shared<int>();
  for (const bool by_node : {false, true}) {
    for (const bool throws : {false, true}) {
      CAPTURE(by_node);
      CAPTURE(throws);
      manual_clock clock;
      manual_clock::time_point t = clock.now();
      auto timers = std::make_unique<scheduler>(clock);
      scheduler other(clock); // is moved on by the same advance
      int called = 0;
      const auto end = [&] {
        ++called;
        timers.reset();
#if TAKT_EXCEPTIONS
        if (throws) throw 7;
#endif
      };
      using node = takt::basic_grid_timer<scheduler, sizeof(void*)>;
      node owned(*timers, [&end] { end(); });
      auto handle = timers->every(1s, takt::slack(0s), [&end, witness] { end(); });
      auto pending = timers->after(2s, takt::slack(0s), [&called, witness] { called += 100; });
      auto others = other.after(1s, takt::slack(0s), [&called] { called += 10; });
      if (by_node) owned.arm(500ms, takt::slack(0s));
      int caught = 0;
#if TAKT_EXCEPTIONS
      try {
        clock.advance_to(t + 5s);
      } catch (int) {
        caught = 1;
      }
      CHECK(caught == (throws ? 1 : 0));
#else
      clock.advance_to(t + 5s);
#endif
      if (caught != 0) clock.advance_to(t + 5s);
      CHECK(called == 11);
      CHECK(pending.status() == timer_status::cancelled);
      CHECK(handle.status() == timer_status::cancelled);
      CHECK_FALSE(handle.cancel());
      CHECK(owned.status() == (by_node ? timer_status::cancelled : timer_status::idle));
    }
  }
  CHECK(witness.use_count() == 1); // no callback is leaked
}

TEST_CASE("what a callback holds may destroy its own scheduler") {
  manual_clock clock;
  auto timers = std::make_shared<scheduler>(clock);
  const std::weak_ptr<scheduler> alive = timers;
  scheduler& s = *timers;
  int called = 0;
  s.after(1s, takt::slack(0s), [&called, held = std::move(timers)] { ++called; }).detach();
  clock.advance(5s);
  CHECK(called == 1);
  CHECK(alive.expired());
}

TEST_CASE_FIXTURE(fixture, "a handle cancels when it dies, unless detached or moved away") {
  {
    const auto dies = timers.after(1s, takt::slack(0s), note());
  }
  CHECK(timers.pending() == 0);
  timers.after(1s, takt::slack(0s), note()).detach();
  CHECK(timers.pending() == 1);
  scheduler::handle kept;
  CHECK(kept.status() == timer_status::idle);
  CHECK_FALSE(kept.cancel());
  CHECK_FALSE(kept);
  {
    auto given = timers.after(2s, takt::slack(0s), note());
    kept = std::move(given);
    CHECK_FALSE(given); // NOLINT: what is left of it is promised
  }
  CHECK(timers.pending() == 2);
  kept = timers.after(3s, takt::slack(0s), note()); // the one of 2 s is cancelled
  CHECK(timers.pending() == 2);
  clock.advance(10s);
  CHECK(calls == std::vector<nanoseconds>{1s, 3s});
}

TEST_CASE_FIXTURE(fixture, "moving") {
  auto h = timers.after(1s, takt::slack(0s), note());
  CHECK(h.move(5s, takt::slack(1s)));
  clock.advance(4s);
  CHECK(calls.empty());
  CHECK(h.move(at(1'000'000s + 4500ms), takt::slack(0s))); // to earlier
  clock.advance(1s);
  CHECK(calls == std::vector<nanoseconds>{4500ms});

  auto cycle = timers.every(1s, takt::slack(0s), note());
  CHECK(cycle.move(at(1'000'000s + 7300ms), takt::slack(0s))); // its beat goes on from there
  clock.advance_to(at(1'000'010s));
  CHECK(calls == std::vector<nanoseconds>{4500ms, 7300ms, 8300ms, 9300ms});
  CHECK(cycle.cancel());
  CHECK_FALSE(cycle.move(1s, takt::slack(0s))); // cancelled means never again
  CHECK(timers.pending() == 0);
}

TEST_CASE_FIXTURE(fixture, "what cannot be is refused, and nothing is left of it") {
  std::error_code ec;
  CHECK_FALSE(timers.after(1s, takt::slack(-1ns), note(), ec));
  CHECK(ec == std::errc::invalid_argument);
  CHECK_FALSE(timers.after(1s, takt::slack(std::chrono::duration<double>(std::nan(""))), note(), ec));
  CHECK(ec == std::errc::invalid_argument);
  CHECK_FALSE(timers.every(0s, takt::slack(0s), overrun::skip, note(), ec));
  CHECK(ec == std::errc::invalid_argument);
  CHECK_FALSE(timers.every(-1s, takt::slack(0s), overrun::skip, note(), ec));
  CHECK(ec == std::errc::invalid_argument);
  CHECK(timers.pending() == 0);
  auto h = timers.at(clock.now(), takt::slack(0s), note(), ec);
  CHECK_FALSE(ec);
  CHECK_FALSE(h.move(1s, takt::slack(-1ns), ec));
  CHECK(ec == std::errc::invalid_argument);
  scheduler::timer node(timers, [] {});
  CHECK_FALSE(node.arm(1s, takt::slack(-1ns), ec));
  CHECK(ec == std::errc::invalid_argument);
  CHECK(node.status() == timer_status::idle);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS(static_cast<void>(timers.after(1s, takt::slack(-1ns), note())), std::system_error);
  CHECK_THROWS_AS(static_cast<void>(timers.every(0s, takt::slack(1ns), note())), std::system_error);
  CHECK_THROWS_AS(h.move(1s, takt::slack(-1ns)), std::system_error);
  CHECK_THROWS_AS(node.arm(1s, takt::slack(-1ns)), std::system_error);
#endif
  CHECK(timers.pending() == 1);
  CHECK(clock.advance(0ns) == 1);
}

TEST_CASE_FIXTURE(fixture, "the past, the end of time and years of slack") {
  const auto noted = note();
  timers.at(at(-5s), takt::slack(1s), noted).detach();
  timers.at(manual_clock::time_point::min(), takt::slack(0ns), noted).detach();
  timers.after(-1h, takt::slack(0s), noted).detach();
  CHECK(clock.advance(0ns) == 3);
  CHECK(timers.statistics().max_lateness() == nanoseconds::max());

  timers.after(nanoseconds::max(), takt::slack(1h), noted).detach();
  timers.at(manual_clock::time_point::max(), takt::slack(nanoseconds::max()), noted).detach();
  timers.after(1000h, takt::slack(std::chrono::hours(24 * 365 * 200)), noted).detach();
  auto rare = timers.every(std::chrono::hours(24 * 365 * 290), takt::slack(1s), noted); // there is no second one
  CHECK(clock.advance(999h) == 0);
  CHECK(clock.advance(nanoseconds::max()) == 4);
  CHECK(timers.pending() == 0);
  CHECK(rare.status() == timer_status::ran);
}

TEST_CASE_FIXTURE(fixture, "a node is armed again and again, and by its own callback") {
  std::optional<roomy_timer> node;
  node.emplace(timers, [this, &node] { // two pointers
    calls.push_back(clock.now() - at(1'000'000s));
    CHECK(node->status() == timer_status::running);
    if (calls.size() < 3) CHECK_FALSE(node->arm(1s, takt::slack(0s)));
  });
  CHECK(node->status() == timer_status::idle);
  CHECK_FALSE(node->arm(5s, takt::slack(0s)));
  CHECK(node->arm(1s, takt::slack(0s))); // moved
  CHECK(timers.pending() == 1);
  clock.advance(10s);
  CHECK(calls == std::vector<nanoseconds>{1s, 2s, 3s});
  CHECK(node->status() == timer_status::ran);
  CHECK_FALSE(node->arm(1s, takt::slack(0s)));
  CHECK(node->cancel());
  CHECK(node->status() == timer_status::cancelled);
  CHECK_FALSE(node->cancel());
  CHECK_FALSE(node->arm(1s, takt::slack(0s)));
  node.reset();
  CHECK(timers.pending() == 0);
}

TEST_CASE_FIXTURE(fixture, "a callback may destroy its own timer") {
  auto node = std::make_unique<std::optional<roomy_timer>>();
  node->emplace(timers, [this, &node] {
    calls.push_back(0ns);
    node.reset();
    calls.push_back(1ns); // what the callback captured is still there
  });
  (*node)->arm(1s, takt::slack(0s));
  CHECK(clock.advance(1s) == 1);
  CHECK(node == nullptr);
  CHECK(calls.size() == 2);

  auto armed = std::make_unique<std::optional<scheduler::timer>>();
  armed->emplace(timers, [&armed] {
    (*armed)->arm(1s, takt::slack(0s));
    armed.reset();
  });
  (*armed)->arm(1s, takt::slack(0s));
  CHECK(clock.advance(1h) == 1);
  CHECK(timers.pending() == 0);

  struct alive { // destroyed after the callback has returned, not in it
    std::shared_ptr<int> token = std::make_shared<int>(1);
  } witness;
  const std::weak_ptr<int> watch = witness.token;
  scheduler::handle own;
  own = timers.every(1s, takt::slack(0s), [&own, w = std::move(witness)] {
    own = scheduler::handle();
    REQUIRE(*w.token == 1);
  });
  CHECK(clock.advance(1h) == 1);
  CHECK(watch.expired());
}

TEST_CASE_FIXTURE(fixture, "cancelled by a callback of the same wake-up, a timer is not called") {
  std::vector<scheduler::handle> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(timers.after(1s, takt::slack(0s), [&, i] {
      CHECK(all[static_cast<std::size_t>(i)].status() == timer_status::running);
      calls.push_back(nanoseconds(i));
      for (int k = 0; k < 100; ++k)
        if (k != i) CHECK(all[static_cast<std::size_t>(k)].cancel());
    }));
  }
  CHECK(clock.advance(1s) == 1);
  CHECK(calls.size() == 1);
  CHECK(timers.pending() == 0);
}

TEST_CASE_FIXTURE(fixture, "cancelled in its own callback, a cycle ends; moved, it goes on from there") {
  scheduler::handle h = timers.every(1s, takt::slack(0s), [&] {
    calls.push_back(clock.now() - at(1'000'000s));
    if (calls.size() == 2) CHECK(h.move(5s, takt::slack(0s)));
    if (calls.size() == 4) {
      CHECK(h.cancel());
      CHECK_FALSE(h.cancel());
      CHECK(h.status() == timer_status::running);
    }
  });
  clock.advance(1h);
  CHECK(calls == std::vector<nanoseconds>{1s, 2s, 7s, 8s});
  CHECK(h.status() == timer_status::cancelled);

  scheduler::handle revived = timers.every(1s, takt::slack(0s), [&] {
    calls.push_back(0s);
    if (calls.size() == 5) {
      CHECK(revived.cancel());
      CHECK_FALSE(revived.move(1s, takt::slack(0s))); // as from outside
    }
  });
  clock.advance(1s);
  CHECK(clock.advance(1h) == 0);
  CHECK(revived.status() == timer_status::cancelled);

  scheduler::handle once = timers.after(1s, takt::slack(0s), [&] {
    CHECK(once.move(5s, takt::slack(0s)));
    CHECK(once.cancel());
    CHECK_FALSE(once.move(1s, takt::slack(0s)));
  });
  CHECK(clock.advance(1h) == 1);
  CHECK(once.status() == timer_status::cancelled);
}

TEST_CASE("a cycle that its own callback moved keeps the time it was moved to when the clock is set back") {
  manual_wall_clock clock;
  wall timers(clock);
  wall::handle h;
  std::vector<nanoseconds> calls;
  const auto start = clock.now();
  h = timers.every(1s, takt::slack(0s), [&] {
    calls.push_back(clock.now() - start);
    if (calls.size() == 1) CHECK(h.move(start + 1h, takt::slack(0s)));
  });
  clock.advance(1s);
  clock.set(clock.now() - 1ms);
  clock.advance(1min);
  CHECK(calls == std::vector<nanoseconds>{1s});
  clock.advance(1h);
  REQUIRE(calls.size() > 2);
  CHECK(calls[1] == 1h);
  CHECK(calls[2] == 1h + 1s);
  const auto last = calls.back();
  clock.set(clock.now() - 10min); // these cycles have run: they go on within a period
  clock.advance(1s);
  CHECK(calls.back() < last - 9min);
}

TEST_CASE_FIXTURE(fixture, "added by a callback at the same instant, a timer is called in a wake-up of its own") {
  timers.after(1s, takt::slack(0s), [this] {
    calls.push_back(clock.now() - at(1'000'000s));
    timers.after(0s, takt::slack(0s), note()).detach();
    timers.after(-1s, takt::slack(0s), note()).detach();
  }).detach();
  CHECK(clock.advance_to_next() == 1);
  CHECK(timers.next_wakeup() == at(1'000'000s));
  CHECK(clock.advance(0s) == 2);
  CHECK(calls == std::vector<nanoseconds>{1s, 1s, 1s});
}

TEST_CASE_FIXTURE(fixture, "no timer fires inside a callback") {
  timers.after(1s, takt::slack(0s), [this] {
    calls.push_back(0s);
    timers.after(0s, takt::slack(0s), note()).detach();
    CHECK(timers.fire() == 0);
    CHECK(clock.advance(5s) == 0);
  }).detach();
  CHECK(clock.advance(1s) == 2);
  CHECK(calls == std::vector<nanoseconds>{0s, 6s});
}

TEST_CASE("a million timers at one instant are one wake-up") {
  manual_clock clock;
  single timers(clock);
  const std::size_t many = 1'000'000 / static_cast<std::size_t>(takt_test::stride);
  std::size_t fired = 0;
  struct one {
    one(single& s, std::size_t* n) : timer(s, [n] { ++*n; }) {}
    single::timer timer;
  };
  std::allocator<one> memory; // a node cannot move, as those of a vector must be able to
  one* const nodes = memory.allocate(many);
  for (std::size_t i = 0; i < many; ++i) new (nodes + i) one(timers, &fired);
  const auto when = clock.now() + 1s;
  for (std::size_t i = 0; i < many; ++i) nodes[i].timer.arm(when, takt::slack(100ms));
  CHECK(timers.pending() == many);
  CHECK(clock.advance(2s) == many);
  CHECK(fired == many);
  CHECK(timers.statistics().wakeups() == 1);
  CHECK(timers.statistics().max_per_wakeup() == many);
  CHECK(timers.statistics().fired_per_wakeup() == static_cast<double>(many));
  CHECK(timers.statistics().plain_wakeups() == 1);
  for (std::size_t i = 0; i < many; ++i) nodes[i].timer.arm(when, takt::slack(100ms)); // late, and half of them cancelled
  for (std::size_t i = 0; i < many; i += 2) nodes[i].timer.cancel();
  CHECK(clock.advance(0s) == many / 2);
  for (std::size_t i = 0; i < many; ++i) nodes[i].~one();
  memory.deallocate(nodes, many);
}

TEST_CASE("a scheduler that dies cancels what is armed; handles and nodes may die later") {
  manual_clock clock;
  auto token = std::make_shared<int>(1);
  int called = 0;
  scheduler::handle late, ran, empty;
  std::optional<scheduler::timer> node;
  {
    scheduler timers(clock);
    late = timers.after(1s, takt::slack(0s), [token, &called] { ++called; });
    ran = timers.after(0s, takt::slack(0s), [&called] { ++called; });
    timers.every(1s, takt::slack(0s), [token, &called] { ++called; }).detach();
    node.emplace(timers, [&called] { ++called; });
    node->arm(1s, takt::slack(0s));
    // A callback may own handles.
    auto inner = std::make_shared<scheduler::handle>(timers.after(9s, takt::slack(0s), [token] {}));
    timers.after(8s, takt::slack(0s), [inner] {}).detach();
    clock.advance(0s);
    CHECK(clock.pending() == 5);
    CHECK(token.use_count() == 4);
  }
  CHECK(token.use_count() == 2); // that of `late`
  CHECK(called == 1);
  CHECK(clock.pending() == 0);
  CHECK(late.status() == timer_status::cancelled);
  CHECK(ran.status() == timer_status::ran);
  CHECK(node->status() == timer_status::cancelled);
  CHECK_FALSE(late.cancel());
  CHECK_FALSE(late.move(1s, takt::slack(0s)));
  CHECK_FALSE(node->cancel());
  CHECK_FALSE(ran.move(1s, takt::slack(0s)));
  late = scheduler::handle();
  CHECK(token.use_count() == 1);
  CHECK(clock.advance(1h) == 0);
}

TEST_CASE("what outlives its scheduler does not touch it") {
  manual_clock clock;
  alignas(scheduler) unsigned char room[sizeof(scheduler)];
  auto* const timers = ::new (static_cast<void*>(room)) scheduler(clock);
  std::optional<scheduler::timer> armed(std::in_place, *timers, [] {}), idle(std::in_place, *timers, [] {});
  scheduler::handle h = timers->after(1s, takt::slack(0s), [] {});
  armed->arm(1s, takt::slack(0s));
  timers->~scheduler();
  std::fill(std::begin(room), std::end(room), static_cast<unsigned char>(0xff)); // its lock would never be had
  CHECK_FALSE(armed->cancel());
  CHECK_FALSE(h.move(1s, takt::slack(0s)));
  armed.reset();
  idle.reset();
  h = scheduler::handle();
}

#if TAKT_EXCEPTIONS
TEST_CASE_FIXTURE(fixture, "an exception leaves fire when the others have been called; none is lost") {
  int called = 0;
  for (int i = 0; i < 10; ++i) {
    timers.after(1s, takt::slack(0s), [&called, i] {
      ++called;
      if (i % 5 == 3) throw std::runtime_error("callback");
    }).detach();
  }
  auto cycle = timers.every(1s, takt::slack(0s), [&called] {
    ++called;
    throw 7;
  });
  clock.set(clock.now() + 1s);
  int errors = 0, sevens = 0;
  const auto fire = [&] {
    try {
      static_cast<void>(timers.fire());
      return false;
    } catch (const std::runtime_error&) {
      ++errors;
    } catch (int) {
      ++sevens;
    }
    return true;
  };
  CHECK(fire());
  CHECK(called == 11);
  while (fire()) {}
  CHECK(errors == 2);
  CHECK(sevens == 1);
  CHECK(called == 11);
  CHECK(cycle.status() == timer_status::pending); // thrown or not, its cycles go on
  CHECK(timers.next_wakeup() == clock.now() + 1s);

  CHECK_THROWS_AS(clock.advance(1s), int);
  clock.advance(0s);
  int handled = 0;
  timers.on_exception([&handled](std::exception_ptr e) { handled += e != nullptr; });
  clock.advance(3s);
  CHECK(handled == 3);
}

TEST_CASE("the handler of an exception may destroy the scheduler") {
  for (const bool by_node : {false, true}) {
    CAPTURE(by_node);
    manual_clock clock;
    auto timers = std::make_unique<scheduler>(clock);
    const auto witness = std::make_shared<int>();
    int handled = 0, called = 0;
    timers->on_exception([&timers, &handled, witness](std::exception_ptr) {
      timers.reset();
      handled += static_cast<int>(witness.use_count()); // what it holds is still there
    });
    scheduler::timer node(*timers, [] { throw 1; });
    if (by_node) node.arm(1s, takt::slack(0s));
    else timers->after(1s, takt::slack(0s), [witness] { throw 1; }).detach();
    timers->after(2s, takt::slack(0s), [&called, witness] { ++called; }).detach();
    clock.advance(5s);
    CHECK(timers == nullptr);
    CHECK(handled == (by_node ? 2 : 3)); // the test, the handler, and the callback that threw
    CHECK(called == 0);
    CHECK(witness.use_count() == 1);
  }
}

TEST_CASE_FIXTURE(fixture, "every exception leaves, also when more callbacks throw than a pass keeps") {
  for (int i = 0; i < 100; ++i) timers.after(1s, takt::slack(0s), [i] { throw i; }).detach();
  clock.set(clock.now() + 1s);
  std::vector<int> left, all;
  while (timers.next_wakeup() == clock.now() || timers.pending() != 0) {
    try {
      static_cast<void>(timers.fire());
      break;
    } catch (int i) {
      left.push_back(i);
    }
  }
  for (int i = 0; i < 100; ++i) all.push_back(i);
  CHECK(left == all);
  CHECK(timers.pending() == 0);
}

TEST_CASE_FIXTURE(fixture, "exceptions that wait are a wake-up, and leave before there are more") {
  int cycles = 0;
  auto a = timers.every(1s, takt::slack(0s), [] { throw 1; }), b = timers.every(1s, takt::slack(0s), [] { throw 2; });
  auto c = timers.every(1s, takt::slack(0s), [&cycles] { ++cycles; });
  CHECK_THROWS_AS(clock.advance(1s), int);
  CHECK(timers.next_wakeup() == clock.now());
  CHECK_THROWS_AS(clock.advance_to_next(), int);
  CHECK(timers.next_wakeup() == clock.now() + 1s);
  int thrown = 0;
  for (int i = 0; i < 100; ++i) {
    clock.set(clock.now() + 1s); // each caller fires once a second, whatever is thrown
    try {
      static_cast<void>(timers.fire());
    } catch (int) {
      ++thrown;
    }
  }
  CHECK(thrown == 100);
  CHECK(cycles == 51); // each of them threw two
  a.cancel(), b.cancel(), c.cancel();
  CHECK_FALSE(timers.next_wakeup());

  timers.after(0s, takt::slack(0s), [] { throw 3; }).detach();
  timers.after(0s, takt::slack(0s), [] { throw 4; }).detach();
  CHECK_THROWS_AS(timers.fire(), int);
  CHECK(timers.pending() == 0);
  CHECK(timers.next_wakeup() == clock.now()); // though no timer is armed
  CHECK_THROWS_AS(timers.fire(), int);
  CHECK_FALSE(timers.next_wakeup());
}
#endif

TEST_CASE("on a clock that is set back, timers keep their time and cycles go on within a period") {
  manual_wall_clock clock(manual_wall_clock::time_point(100'000s));
  wall timers(clock);
  std::vector<nanoseconds> once, cycle, later;
  const auto note = [&clock](auto& list) { return [&clock, &list] { list.push_back(clock.now().time_since_epoch()); }; };
  timers.at(manual_wall_clock::time_point(100'100s), takt::slack(0s), note(once)).detach();
  auto h = timers.every(10s, takt::slack(0s), note(cycle));
  auto first_later = timers.every(10s, takt::slack(0s), note(later));
  CHECK(first_later.move(manual_wall_clock::time_point(100'050s), takt::slack(0s)));
  clock.advance(15s); // one cycle has run, at 100'010
  CHECK(cycle == std::vector<nanoseconds>{100'010s});
  clock.set(manual_wall_clock::time_point(90'003s));
  CHECK(timers.next_wakeup() == manual_wall_clock::time_point(90'010s));
  clock.advance(20s);
  CHECK(cycle == std::vector<nanoseconds>{100'010s, 90'010s, 90'020s});
  CHECK(later.empty()); // its first has not come
  clock.set(manual_wall_clock::time_point(100'045s)); // forward: one is late, those after it are given up
  clock.advance(15s);
  CHECK(cycle.size() == 6);
  CHECK(cycle[3] == 100'045s);
  CHECK(cycle.back() == 100'060s);
  CHECK(later == std::vector<nanoseconds>{100'050s, 100'060s});
  CHECK(once.empty());
  clock.advance(40s);
  CHECK(once == std::vector<nanoseconds>{100'100s});
  // Moved, its cycles begin with the window it was given, and that stays where it is.
  const std::size_t before = later.size();
  CHECK(h.cancel());
  CHECK(first_later.move(manual_wall_clock::time_point(100'500s), takt::slack(0s)));
  clock.set(manual_wall_clock::time_point(90'000s));
  clock.advance(60s);
  CHECK(later.size() == before);
}

struct odd_clock { // not steady, coarse, and without set()
  using duration = std::chrono::milliseconds;
  using time_point = std::chrono::time_point<odd_clock, duration>;
  static constexpr bool is_steady = false;
  time_point t{};
  [[nodiscard]] time_point now() const noexcept { return t; }
};

struct watched_mutex {
  inline static bool held = false;
  void lock() noexcept { held = true; }
  void unlock() noexcept { held = false; }
};
struct watching_clock {
  using duration = nanoseconds;
  using time_point = std::chrono::time_point<watching_clock, duration>;
  static constexpr bool is_steady = false;
  mutable bool locked = false;
  [[nodiscard]] time_point now() const noexcept {
    locked = watched_mutex::held;
    return time_point(1000s);
  }
};

TEST_CASE("fire reads the clock with the lock: no reading waits and is taken for a clock that was set back") {
  watching_clock clock;
  takt::basic_grid_scheduler<watching_clock, takt::wake_at_roundest<>, watched_mutex> timers(clock);
  CHECK_FALSE(clock.locked);
  CHECK(timers.fire() == 0);
  CHECK(clock.locked);
}

TEST_CASE("a clock of one's own and a rule with a state will do") {
  odd_clock clock;
  struct at_third {
    nanoseconds phase;
    nanoseconds operator()(nanoseconds earliest, nanoseconds latest) const { return earliest + (latest - earliest) / 3 + phase; }
  };
  static_assert(takt::wakeup_rule<at_third>);
  takt::basic_grid_scheduler<odd_clock, at_third, takt::no_mutex> timers(clock, at_third{5ns});
  int called = 0;
  auto h = timers.after(1ms, takt::slack(3ms), [&] { ++called; });
  CHECK(timers.next_wakeup()->time_since_epoch() == 2ms + 5ns);
  CHECK(timers.fire(decltype(timers)::time_point(999us)) == 0);
  clock.t += 2ms;
  CHECK(timers.fire() == 1);
  CHECK(called == 1);
}

TEST_CASE_FIXTURE(fixture, "statistics say what was saved") {
  for (int i = 0; i < 50; ++i) timers.after(1001ms + i * 1ms, takt::slack(500ms), note()).detach();
  clock.advance(5s);
  const auto s = timers.statistics();
  CHECK(s.wakeups() == 1);
  CHECK(s.fired() == 50);
  CHECK(s.plain_wakeups() == 50);
  CHECK(s.idle_wakeups() == 0);
  CHECK(s.max_lateness() == 0ns);
  CHECK(s.lateness(0.5) == 0ns);
  CHECK(timers.fire() == 0);
  CHECK(timers.statistics().idle_wakeups() == 1);
}

TEST_CASE("the distribution of lateness") {
  takt::detail::scheduler_counts s;
  CHECK(s.lateness(0.99) == 0ns);
  for (int i = 1; i <= 1000; ++i) s.called_back(0, 100, 100 + i * 1000);
  for (const double q : {0.01, 0.1, 0.5, 0.9, 0.99}) {
    const double exact = q * 1e6;
    CHECK(static_cast<double>(s.lateness(q).count()) >= exact);
    CHECK(static_cast<double>(s.lateness(q).count()) <= exact * 1.25);
  }
  CHECK(s.lateness(1) == 1ms);
  CHECK(s.max_lateness() == 1ms);
  s.called_back(0, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  CHECK(s.max_lateness() == nanoseconds::max());
}

TEST_CASE("the next cycle, exhaustively against counting it out") {
  for (int period = 1; period <= 6; ++period)
    for (int slack = 0; slack < period; ++slack)
      for (int now = -10; now <= 40; ++now)
        for (const overrun policy : {overrun::skip, overrun::catch_up, overrun::report}) {
          std::uint64_t missed = 7, expected = 7;
          int begin = -5 + period;
          if (begin + slack < now) {
            for (; policy == overrun::skip && begin + slack < now; begin += period) ++expected;
            for (; policy == overrun::report && begin + period <= now; begin += period) ++expected;
          }
          takt::detail::timer_wheel::window open{-5, -5 + slack};
          REQUIRE(takt::detail::next_cycle(open, period, slack, policy, now, missed));
          CHECK(open.earliest == begin);
          CHECK(open.latest == begin + slack);
          CHECK(missed == expected);
        }
}

TEST_CASE("nodes of several schedulers, used in turn, go where they belong") {
  const auto try_out = []<class Scheduler>(std::optional<Scheduler>) {
    manual_clock clock;
    std::optional<Scheduler> schedulers[2];
    for (auto& s : schedulers) s.emplace(clock);
    int called = 0;
    const auto count = [n = &called] { ++*n; };
    for (int k = 0; k < 4; ++k) {
      typename Scheduler::timer a(*schedulers[0], count), b(*schedulers[1], count), c(*schedulers[1], count);
      for (auto* const t : {&a, &b, &c}) CHECK_FALSE(t->arm(1s, takt::slack(0s)));
      CHECK(a.arm(2s, takt::slack(0s)));
      CHECK(schedulers[0]->pending() == 1);
      CHECK(schedulers[1]->pending() == 2);
      CHECK(b.cancel());
      CHECK(schedulers[0]->pending() == 1);
      CHECK(schedulers[1]->pending() == 1);
      clock.advance(3s);
      CHECK(called == 2 * (k + 1));
      schedulers[k % 2].emplace(clock); // at the address of the one that was used last, or not
    }
  };
  try_out(std::optional<scheduler>());
  try_out(std::optional<single>());
}

} // namespace
