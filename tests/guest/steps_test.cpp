// Protects: that a step of CLOCK_REALTIME by an hour moves what sleeps on REALTIME and nothing else, and that no thread
// is woken before the clock that it sleeps on says so.
//
// The guest runs on virtual time: lateness is what the kernel's path costs, so it can be bounded closely.
#include "checks.hpp"
#include "guest.hpp"

#include <takt/observe/run_guard.hpp>
#include <takt/sleep/sleep.hpp>
#include <takt/timer/wall_timer.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;
using boottime = takt::posix_clock<CLOCK_BOOTTIME>;
using realtime = takt::posix_clock<CLOCK_REALTIME>;
using tai = takt::posix_clock<CLOCK_TAI>;

namespace {

/// Sleeps in a thread of its own until Clock shows `deadline`.
template <class Clock> class sleeper {
public:
  explicit sleeper(typename Clock::time_point deadline)
      : thread_([this, deadline] {
          takt::sleep_until(deadline);
          over_ = Clock::now() - deadline;
          at_ = guest::read(CLOCK_MONOTONIC);
          done_ = true;
        }) {}
  [[nodiscard]] bool done() const noexcept { return done_; }
  /// Returns: by how much the deadline had passed on the clock itself.
  nanoseconds join() { return thread_.join(), over_; }
  [[nodiscard]] nanoseconds at() const noexcept { return at_; }

private:
  nanoseconds over_{}, at_{};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

constexpr auto slow = 20ms; // one wake-up and a few switches of thread of the emulated machine

} // namespace

TEST_CASE("steps: an hour forward and back releases and holds sleepers on REALTIME, and moves no other") {
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(20ms, ec));
  REQUIRE_FALSE(ec);
  guest::watcher watcher;

  SUBCASE("forward") {
    sleeper<monotonic> on_monotonic(monotonic::now() + 500ms);
    sleeper<boottime> on_boottime(boottime::now() + 500ms);
    sleeper<realtime> on_realtime(realtime::now() + 1800s);
    sleeper<tai> on_tai(tai::now() + 1800s);
    std::this_thread::sleep_for(100ms);
    CHECK_FALSE(on_realtime.done());
    const nanoseconds stepped = guest::read(CLOCK_MONOTONIC);
    guest::step_realtime(3600s);
    const nanoseconds over = on_realtime.join();
    CHECK(over > 1800s);
    CHECK(over < 1801s);
    CHECK(on_realtime.at() - stepped < slow);
    CHECK(on_tai.join() > 1800s);
    CHECK_FALSE(on_monotonic.done());
    for (const nanoseconds late : {on_monotonic.join(), on_boottime.join()}) {
      CHECK(late >= 0ns);
      CHECK(late < slow);
    }
  }
  SUBCASE("back") {
    sleeper<monotonic> on_monotonic(monotonic::now() + 500ms);
    sleeper<realtime> on_realtime(realtime::now() + 300ms);
    std::this_thread::sleep_for(100ms);
    guest::step_realtime(-3600s);
    CHECK(on_monotonic.join() < slow);
    CHECK_FALSE(on_realtime.done()); // an hour to go
    guest::step_realtime(3600s);
    const nanoseconds over = on_realtime.join();
    CHECK(over >= 0ns);
    CHECK(over < 300ms);
  }

  CHECK(guest::off_from_monotonic<takt::tsc_clock>() <= guest::stated_error());
  const nanoseconds converted = takt::tsc_clock::to_sys(takt::tsc_clock::now()).time_since_epoch();
  const nanoseconds real = guest::read(CLOCK_REALTIME);
  CHECK(converted <= real + 1ms);
  CHECK(converted >= real - 10ms);
  const auto seen = watcher.end();
  CHECK(seen.monotonic == 0);
  CHECK(seen.tsc == 0);
  CHECK(seen.fast == 0);
}

TEST_CASE("steps: a periodic sleep on REALTIME goes on after a step, on its grid") {
  const takt::grid every(100ms);
  for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s), nanoseconds(1ms), nanoseconds(-1ms)}) {
    guest::step_realtime(by);
    for (int i = 0; i < 3; ++i) {
      const auto begin = realtime::now();
      takt::sleep_aligned<realtime>(1ms, every);
      const auto end = realtime::now();
      CHECK(end >= every.ceil(begin + 1ms));
      CHECK(end < every.ceil(begin + 1ms) + slow);
    }
  }
}

TEST_CASE("steps: a wall timer fires once for a step across its time, waits after a step back, and never in a burst") {
  SUBCASE("one shot") {
    takt::wall_timer timer;
    timer.at(takt::wall_timer::time_point(realtime::now().time_since_epoch() + 1800s));
    std::thread stepper([] {
      std::this_thread::sleep_for(50ms);
      guest::step_realtime(-3600s);
      std::this_thread::sleep_for(50ms);
      guest::step_realtime(7200s);
    });
    const nanoseconds begin = guest::read(CLOCK_MONOTONIC);
    const auto tick = timer.wait();
    const nanoseconds took = guest::read(CLOCK_MONOTONIC) - begin;
    stepper.join();
    REQUIRE(tick);
    CHECK(tick->clock_set == 2);
    CHECK(tick->lateness > 1799s);
    CHECK(tick->lateness < 1801s);
    CHECK(took >= 100ms);
    CHECK(took < 100ms + 2 * slow);
    CHECK(timer.early_ends() == 0);
    CHECK_FALSE(timer.armed());
    guest::step_realtime(-3600s);
  }
  SUBCASE("on a grid") {
    takt::wall_timer timer;
    timer.every(takt::grid(100ms));
    std::uint64_t fired = 0, missed = 0;
    unsigned sets = 0;
    const nanoseconds begin = guest::read(CLOCK_MONOTONIC);
    for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s), nanoseconds(-1s), nanoseconds(1s)}) {
      guest::step_realtime(by);
      for (int i = 0; i < 5; ++i) {
        const auto tick = timer.wait();
        REQUIRE(tick);
        CHECK(tick->lateness >= 0ns);
        CHECK(takt::grid(100ms).floor(tick->due) == tick->due);
        ++fired, missed += tick->missed, sets += tick->clock_set;
      }
    }
    const nanoseconds took = guest::read(CLOCK_MONOTONIC) - begin;
    CHECK(sets == 4);
    CHECK(missed >= 36'000 + 8);
    CHECK(missed <= 36'000 + 12);
    CHECK(took > 1700ms); // 20 firings, of which the two that a step forward released came at once
    CHECK(took < 2100ms);
    CHECK(fired == 20);
  }
}

TEST_CASE("steps: a run guard tells the size of a step within its own uncertainty") {
  for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s), nanoseconds(100us), nanoseconds(-100us)}) {
    takt::run_guard guard;
    CHECK_FALSE(guard.finish().was_stepped());
    timex t{};
    t.modes = ADJ_SETOFFSET | ADJ_NANO;
    t.time.tv_sec = std::chrono::floor<std::chrono::seconds>(by).count();
    t.time.tv_usec = (by - std::chrono::floor<std::chrono::seconds>(by)).count();
    guest::adjust(t);
    const takt::run_report r = guard.finish();
    CHECK(r.was_stepped());
    CHECK_FALSE(r.suspended());
    CHECK_FALSE(r.trusted());
    CHECK(r.stepped - by <= r.uncertainty);
    CHECK(by - r.stepped <= r.uncertainty);
    CHECK(r.uncertainty < 50us);
  }
}
