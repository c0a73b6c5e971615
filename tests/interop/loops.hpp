// loops.hpp - what is expected of a scheduler in an event loop, whichever loop that is.
#pragma once
#include <doctest/doctest.h>
#include <takt/scheduler/scheduler.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace takt_test {

/// Loop: run(), stop(), a type `attachment`, and attach(timers), attach(timers, ec), which return one.
template <class Loop> void serves_timers() {
  using namespace std::chrono_literals;
  Loop loop;
  takt::grid_scheduler timers;
  const auto attached = loop.attach(timers);
  std::vector<int> called;
  const auto start = std::chrono::steady_clock::now();
  timers.after(0s, takt::slack(0s), [&] {
          called.push_back(1);
          timers.after(2ms, takt::slack(0s), [&] { called.push_back(2); }).detach(); // the loop sleeps until then
        }).detach();
  auto cancelled = timers.after(3ms, takt::slack(0s), [&] { called.push_back(-1); });
  timers.after(1ms, takt::slack(0s), [&] { cancelled.cancel(); }).detach();
  timers.after(8ms, takt::slack(0s), [&] { loop.stop(); }).detach();
  loop.run();
  CHECK(called == std::vector{1, 2});
  CHECK(std::chrono::steady_clock::now() - start >= 8ms);
  CHECK(timers.pending() == 0);
}

template <class Loop> void is_detached_and_moved() {
  using namespace std::chrono_literals;
  Loop loop;
  takt::grid_scheduler timers, others;
  int called = 0;
  {
    auto first = loop.attach(timers);
    auto second = std::move(first);
    first = loop.attach(others);
    second = std::move(first); // detaches `timers`
  }
  timers.after(0s, takt::slack(0s), [&] { ++called; }).detach();
  others.after(0s, takt::slack(0s), [&] { ++called; }).detach();
  takt::grid_scheduler last;
  const auto attached = loop.attach(last);
  last.after(3ms, takt::slack(0s), [&] { loop.stop(); }).detach();
  loop.run();
  CHECK(called == 0);
  CHECK(timers.fire() == 1); // it works on without a loop
}

/// A callback destroys the attachment, then its own scheduler, and stops the loop.
template <class Loop> void is_destroyed_by_a_callback() {
  using namespace std::chrono_literals;
  Loop loop;
  auto timers = std::make_unique<takt::grid_scheduler>();
  std::optional<typename Loop::attachment> attached(loop.attach(*timers));
  int called = 0;
  timers->after(1ms, takt::slack(0s), [&] {
          ++called;
          attached.reset();
          loop.stop();
          timers.reset();
        }).detach();
  timers->after(1ms, takt::slack(0s), [&] { called += 10; }).detach(); // later in the same wake-up: cancelled
  loop.run();
  CHECK(called == 1);
}

template <class Loop> void keeps_exceptions_from_c() {
#if TAKT_EXCEPTIONS
  using namespace std::chrono_literals;
  Loop loop;
  takt::grid_scheduler timers;
  int caught = 0;
  timers.on_exception([&](const std::exception_ptr&) {
    ++caught;
    loop.stop();
  });
  const auto attached = loop.attach(timers);
  timers.after(0s, takt::slack(0s), [] { throw std::runtime_error("x"); }).detach();
  loop.run();
  CHECK(caught == 1);
#endif
}

/// A scheduler that cannot have a descriptor: the attachment is empty and says why.
template <class Loop, class Clock> void reports_errors(Clock& clock) {
  Loop loop;
  takt::grid_scheduler timers(clock);
  std::error_code ec;
  {
    const auto empty = loop.attach(timers, ec);
    CHECK(ec == std::errc::operation_not_supported);
  }
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS(static_cast<void>(loop.attach(timers)), std::system_error);
#endif
}

} // namespace takt_test
