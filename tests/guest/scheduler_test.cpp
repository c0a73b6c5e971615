// Protects: that the scheduler calls back every timer once, never before its window opens and never not at all, whatever
// keeps the time; and that timers on CLOCK_REALTIME are called back once, at the right side of a step.
#include "guest.hpp"

#include <takt/scheduler/scheduler.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using realtime = takt::posix_clock<CLOCK_REALTIME>;

namespace {

/// An emulated machine beside others may be held up for long; a lost timer is for ever.
constexpr nanoseconds lost = 5s;

/// Runs a scheduler in a thread of its own while it lives.
template <class Scheduler> class running {
public:
  explicit running(Scheduler& s) : scheduler_(s), thread_([this] { scheduler_.run(); }) {}
  ~running() { scheduler_.stop(), thread_.join(); }
  running(const running&) = delete;
  running& operator=(const running&) = delete;

private:
  Scheduler& scheduler_;
  std::thread thread_;
};

template <class Clock> void check_timers() {
  using scheduler = takt::basic_grid_scheduler<Clock>;
  struct timer {
    typename scheduler::time_point earliest;
    int calls = 0;
    bool early = false;
  };
  constexpr std::size_t many = 60;
  std::vector<timer> timers(many);
  std::vector<typename scheduler::handle> handles;
  std::atomic<std::size_t> done{0};
  int beats = 0, early_beats = 0;
  scheduler s;
  for (std::size_t i = 0; i < many; ++i) {
    timer& t = timers[i];
    t.earliest = std::chrono::time_point_cast<nanoseconds>(Clock::now()) + 7ms * (i % 23);
    handles.push_back(s.at(t.earliest, takt::slack(3ms * (i % 7)), [&] {
      t.early |= Clock::now() < t.earliest;
      ++t.calls, ++done;
    }));
  }
  handles.push_back(s.every(10ms, takt::slack(2ms), [&](const typename scheduler::event& e) {
    early_beats += Clock::now() < e.earliest;
    ++beats;
  }));
  {
    const running loop(s);
    for (const nanoseconds end = guest::read(CLOCK_MONOTONIC) + lost; done < many && guest::read(CLOCK_MONOTONIC) < end;)
      std::this_thread::sleep_for(10ms);
    std::this_thread::sleep_for(50ms);
  }
  for (const timer& t : timers) {
    CHECK(t.calls == 1);
    CHECK_FALSE(t.early);
  }
  CHECK(beats > 0);
  CHECK(early_beats == 0);
}

} // namespace

TEST_CASE("sleeps: the scheduler calls back every timer once and none early") {
  SUBCASE("MONOTONIC") { check_timers<std::chrono::steady_clock>(); }
  SUBCASE("BOOTTIME") { check_timers<takt::posix_clock<CLOCK_BOOTTIME>>(); }
  SUBCASE("REALTIME") { check_timers<realtime>(); }
  SUBCASE("TAI") { check_timers<takt::posix_clock<CLOCK_TAI>>(); }
}

TEST_CASE("steps: timers of a scheduler on REALTIME are called back once, at the right side of a step; others not moved") {
  constexpr auto slow = 20ms; // one wake-up and a few switches of thread of the emulated machine
  using scheduler = takt::basic_grid_scheduler<realtime>;
  scheduler s;
  takt::grid_scheduler steady;
  std::atomic<int> calls{0}, early{0}, steady_calls{0};
  std::atomic<nanoseconds::rep> at{0}, steady_late{0};
  const running loop(s);
  const running steady_loop(steady);
  const auto called = [&](realtime::time_point due) {
    return [&, due] {
      early += realtime::now() < due;
      at = guest::read(CLOCK_MONOTONIC).count();
      ++calls;
    };
  };
  const auto steady_due = std::chrono::steady_clock::now() + 500ms;
  const auto other = steady.at(steady_due, takt::slack(0ms), [&] {
    steady_late = nanoseconds(std::chrono::steady_clock::now() - steady_due).count();
    ++steady_calls;
  });

  SUBCASE("forward across its time: at once") {
    const auto due = realtime::now() + 1800s;
    const auto handle = s.at(due, takt::slack(1s), called(due));
    std::this_thread::sleep_for(100ms);
    CHECK(calls == 0);
    const nanoseconds stepped = guest::read(CLOCK_MONOTONIC);
    guest::step_realtime(3600s);
    std::this_thread::sleep_for(1s);
    CHECK(calls == 1);
    CHECK(nanoseconds(at.load()) - stepped < slow);
    MESSAGE("called back ", std::chrono::duration<double, std::micro>(nanoseconds(at.load()) - stepped).count(), " us after the step");
  }
  SUBCASE("back, and forward again: not before its time has come a second time") {
    const auto due = realtime::now() + 300ms;
    const auto handle = s.at(due, takt::slack(0ms), called(due));
    std::this_thread::sleep_for(100ms);
    guest::step_realtime(-3600s);
    std::this_thread::sleep_for(2s);
    CHECK(calls == 0);
    guest::step_realtime(3600s);
    std::this_thread::sleep_for(1s);
    CHECK(calls == 1);
  }
  SUBCASE("a cycle goes on, without a burst for the hour that never was") {
    const auto handle = s.every(100ms, takt::slack(10ms), [&](const scheduler::event& e) {
      early += realtime::now() < e.earliest;
      ++calls;
    });
    for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s)}) {
      std::this_thread::sleep_for(1s);
      guest::step_realtime(by);
      const int before = calls;
      std::this_thread::sleep_for(1s);
      CHECK(calls - before >= 8);
      CHECK(calls - before <= 12);
    }
  }
  CHECK(early == 0);
  std::this_thread::sleep_for(600ms);
  CHECK(steady_calls == 1);
  CHECK(nanoseconds(steady_late.load()) >= 0ns);
  CHECK(nanoseconds(steady_late.load()) < slow);
}
