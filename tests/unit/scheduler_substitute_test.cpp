// Protects: that code which takes a takt::grid_scheduler&, and is no template, runs on a clock that a test moves, as a
// scheduler whose clock is that object does.
#include <doctest/doctest.h>
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_clock.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::grid_scheduler;
using takt::testing::manual_clock;
using takt::testing::manual_wall_clock;
using os = takt::testing::fake_os<struct scheduler_substitute_test>;
using wall_scheduler = takt::basic_grid_scheduler<takt::posix_clock<CLOCK_REALTIME, takt::access::vdso, os>,
                                                  takt::wake_at_roundest<>, std::mutex, os>;

// A clock that can be set back does not replace one that cannot.
static_assert(std::is_constructible_v<grid_scheduler, manual_clock&>);
static_assert(!std::is_constructible_v<grid_scheduler, manual_wall_clock&>);
static_assert(std::is_constructible_v<wall_scheduler, manual_wall_clock&>);

/// As a program has it.
class heartbeat {
public:
  explicit heartbeat(grid_scheduler& timers)
      : timeout_(timers, [this] { ++lost_; }), beat_(timers.every(1s, takt::slack(100ms), [this] { ++beats_; })) {
    heard();
  }
  void heard() { timeout_.arm(5s, takt::slack(1s)); }
  [[nodiscard]] int beats() const { return beats_; }
  [[nodiscard]] int lost() const { return lost_; }

private:
  int beats_ = 0, lost_ = 0;
  takt::grid_timer timeout_;
  takt::timer_handle beat_;
};

nanoseconds shown(const manual_clock& c) { return c.now().time_since_epoch(); }

} // namespace

TEST_CASE("a class that takes a grid_scheduler& is tested on a manual clock, without sleeping") {
  manual_clock clock;
  grid_scheduler timers(clock);
  CHECK(timers.now().time_since_epoch() == shown(clock));
  heartbeat h(timers);
  CHECK(clock.pending() == 2);
  clock.advance(4s);
  CHECK(h.beats() >= 3);
  CHECK(h.lost() == 0);
  h.heard();
  clock.advance(5s - 1ns);
  CHECK(h.lost() == 0);
  clock.advance(2s);
  CHECK(h.lost() == 1);
  clock.advance(1h);
  CHECK(h.beats() == 3610); // windows that opened in a nanosecond less than 3611 s
  CHECK(timers.statistics().max_lateness() == 0ns);
  CHECK(timers.now().time_since_epoch() == shown(clock));
}

TEST_CASE("it calls back at the same times as a scheduler whose clock is the object") {
  std::mt19937_64 random(4711);
  manual_clock a, b;
  grid_scheduler usual(a);
  takt::basic_grid_scheduler<manual_clock> object(b);
  std::vector<std::pair<int, nanoseconds>> by_usual, by_object;
  std::vector<takt::timer_handle> usual_handles;
  std::vector<takt::basic_grid_scheduler<manual_clock>::handle> object_handles;
  for (int i = 0; i < 200; ++i) {
    const nanoseconds delay(random() % 10'000'000'000), slack(random() % 1'000'000'000);
    const auto add = [&](auto& timers, auto& handles, auto& calls, const auto& clock) {
      const auto f = [i, &calls, &clock] { calls.emplace_back(i, shown(clock)); };
      if (i % 5 == 0) handles.push_back(timers.every(delay + 1s, takt::slack(slack), f));
      else handles.push_back(timers.after(delay, takt::slack(slack), f));
    };
    add(usual, usual_handles, by_usual, a);
    add(object, object_handles, by_object, b);
  }
  CHECK(a.advance(1min) == b.advance(1min));
  CHECK(by_usual == by_object);
  CHECK(by_usual.size() > 200);
}

TEST_CASE("nothing sleeps on a test's clock: run() and fd() say so") {
  manual_clock clock;
  grid_scheduler timers(clock);
  std::error_code ec;
  timers.run(ec);
  CHECK(ec == std::errc::operation_not_supported);
  ec.clear();
  CHECK(timers.fd(ec) == -1);
  CHECK(ec == std::errc::operation_not_supported);
  timers.stop(); // has nothing to stop
  auto h = timers.after(1s, takt::slack(0s), [] {});
  CHECK(clock.advance(1s) == 1);
}

TEST_CASE("a clock that is set back in the place of one that can be") {
  manual_wall_clock clock;
  wall_scheduler timers(clock);
  int called = 0;
  auto cycles = timers.every(1s, takt::slack(0s), [&] { ++called; });
  clock.advance(3s);
  CHECK(called == 3);
  clock.set(clock.now() - 1h);
  clock.advance(3s);
  CHECK(called == 6); // within one period, as the contract says
}

TEST_CASE("a scheduler on a test's clock leaves it when it dies, also in its own callback; others go on") {
  manual_clock clock;
  auto first = std::make_unique<grid_scheduler>(clock), second = std::make_unique<grid_scheduler>(clock);
  int called = 0;
  auto ends = first->after(1s, takt::slack(0s), [&] {
    ++called;
    first.reset();
  });
  struct reads {
    explicit reads(manual_clock& c) : clock(&c) {}
    reads(reads&& other) noexcept : clock(std::exchange(other.clock, nullptr)) {}
    ~reads() {
      if (clock != nullptr) clock->advance(1s); // while the scheduler that owns this is being destroyed
    }
    manual_clock* clock;
  };
  first->after(1h, takt::slack(0s), [r = reads(clock)] { static_cast<void>(r); }).detach();
  auto stays = second->every(2s, takt::slack(0s), [&] { ++called; });
  clock.advance(10s);
  CHECK(called == 6);
  CHECK(clock.pending() == 1);
  second.reset();
  CHECK(clock.pending() == 0);
  CHECK_FALSE(clock.next_wakeup());
}

#if TAKT_EXCEPTIONS
TEST_CASE("what a callback throws leaves advance()") {
  manual_clock clock;
  grid_scheduler timers(clock);
  auto h = timers.after(1s, takt::slack(0s), [] { throw std::runtime_error("x"); });
  CHECK_THROWS_AS(clock.advance(2s), std::runtime_error);
  CHECK(clock.advance(2s) == 0);
}
#endif

TEST_CASE("a job of each minute has run sixty times after an hour and its slack, as the guide says") {
  manual_clock clock; // its start is not round, so the window of the sixtieth is still open after the hour
  grid_scheduler timers(clock);
  int calls = 0;
  const auto flush = timers.every(1min, takt::slack(5s), [&calls] { ++calls; });
  CHECK(clock.advance(1h) == 59);
  CHECK(clock.advance(5s) == 1);
  CHECK(calls == 60);
}
