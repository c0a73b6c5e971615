// Protects: that a coroutine that waits for a timer is resumed once, in its window and in the order of the due times, and
// that destroying it cancels the timer.
#include <version>
#if defined(__cpp_impl_coroutine)
#include <doctest/doctest.h>
#include <takt/interop/coroutine.hpp>
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/manual_clock.hpp>

#include <chrono>
#include <coroutine>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::grid_scheduler;
using takt::testing::manual_clock;

/// A coroutine that begins at once and is destroyed with this object.
class task {
public:
  struct promise_type {
    task get_return_object() { return task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() { throw; }
  };
  explicit task(std::coroutine_handle<promise_type> h) noexcept : handle_(h) {}
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  task& operator=(task&& other) noexcept { return std::swap(handle_, other.handle_), *this; }
  ~task() {
    if (handle_) handle_.destroy();
  }
  [[nodiscard]] bool done() const { return handle_.done(); }

private:
  std::coroutine_handle<promise_type> handle_;
};

struct fixture {
  manual_clock clock{manual_clock::time_point(1'000'000s)};
  grid_scheduler timers{clock};
  std::vector<std::pair<int, nanoseconds>> log; ///< who was resumed, and when
  void note(int who) { log.emplace_back(who, clock.now() - manual_clock::time_point(1'000'000s)); }
  using entries = std::vector<std::pair<int, nanoseconds>>;
};

task waits(fixture& f, int who, nanoseconds delay, nanoseconds slack, int times = 1) {
  for (int i = 0; i < times; ++i) {
    co_await takt::after(f.timers, delay, takt::slack(slack));
    f.note(who);
  }
}

} // namespace

TEST_CASE_FIXTURE(fixture, "coroutines are resumed in their windows, in the order of the due times") {
  const task a = waits(*this, 1, 3s, 0s), b = waits(*this, 2, 1s, 0s, 3), c = waits(*this, 3, 1s + 1ms, 500ms);
  CHECK(clock.pending() == 3);
  CHECK_FALSE(a.done());
  clock.advance(1h);
  CHECK(log == entries{{2, 1s}, {3, 1s + 500ms}, {2, 2s}, {1, 3s}, {2, 3s}});
  CHECK((a.done() && b.done() && c.done()));
  CHECK(clock.pending() == 0);
}

TEST_CASE_FIXTURE(fixture, "a coroutine that is destroyed while it waits is not resumed") {
  {
    const task a = waits(*this, 1, 1s, 0s);
    CHECK(timers.pending() == 1);
  }
  CHECK(timers.pending() == 0);
  std::optional<task> victim = waits(*this, 2, 2s, 0s);
  const auto kills = [](fixture& f, std::optional<task>& other) -> task {
    co_await takt::after(f.timers, 2s - 1ns, takt::slack(1ns)); // in the same wake-up, before it
    other.reset();
    f.note(3);
  };
  const task killer = kills(*this, victim);
  clock.advance(1h);
  CHECK(log == entries{{3, 2s}});
}

TEST_CASE_FIXTURE(fixture, "at() waits for a time, and one that has passed is a wake-up of its own") {
  const auto body = [](fixture& f) -> task {
    const auto start = f.timers.now();
    co_await takt::at(f.timers, start + 5s, takt::slack(0s));
    f.note(1);
    co_await takt::at(f.timers, start, takt::slack(0s));
    f.note(2);
    co_await takt::after(f.timers, -1s, takt::slack(0s));
    f.note(3);
  };
  const task t = body(*this);
  clock.advance(5s);
  CHECK(log == entries{{1, 5s}, {2, 5s}, {3, 5s}});
  CHECK(timers.statistics().wakeups() == 3);
}

TEST_CASE_FIXTURE(fixture, "slack that is refused is an error, and the coroutine goes on") {
  const auto body = [](fixture& f) -> task {
    std::error_code ec;
    co_await takt::after(f.timers, 1s, takt::slack(-1s), ec);
    CHECK(ec == std::errc::invalid_argument);
    co_await takt::at(f.timers, f.timers.now(), takt::slack(-1s), ec);
    CHECK(ec == std::errc::invalid_argument);
    co_await takt::after(f.timers, 1s, takt::slack(0s), ec);
    CHECK_FALSE(ec);
    f.note(1);
#if TAKT_EXCEPTIONS
    bool thrown = false;
    try {
      co_await takt::after(f.timers, 1s, takt::slack(-1s));
    } catch (const std::system_error&) {
      thrown = true;
    }
    CHECK(thrown);
#endif
  };
  const task t = body(*this);
  clock.advance(1h);
  CHECK(log == entries{{1, 1s}});
  CHECK(t.done());
}

TEST_CASE_FIXTURE(fixture, "a coroutine outlives its scheduler suspended, and is destroyed then") {
  std::optional<grid_scheduler> gone(std::in_place, clock);
  const auto body = [](fixture& f, grid_scheduler& s) -> task {
    co_await takt::after(s, 1s, takt::slack(0s));
    f.note(1);
  };
  std::optional<task> t = body(*this, *gone);
  gone.reset();
  clock.advance(1h);
  CHECK(log.empty());
  CHECK_FALSE(t->done());
  t.reset();
}

#if TAKT_EXCEPTIONS
TEST_CASE_FIXTURE(fixture, "what leaves a coroutine leaves fire(), and the others of the wake-up are resumed") {
  const auto body = [](fixture& f) -> task {
    co_await takt::after(f.timers, 1s, takt::slack(0s));
    throw std::runtime_error("x");
  };
  const task bad = body(*this), good = waits(*this, 1, 1s, 0s);
  CHECK_THROWS_AS(clock.advance(1s), std::runtime_error);
  CHECK(log == entries{{1, 1s}});
  CHECK(bad.done());
}
#endif

TEST_CASE("in run(), coroutines are resumed in its thread, and one may stop it") {
  grid_scheduler timers;
  int resumed = 0;
  const auto body = [](grid_scheduler& s, int& count) -> task {
    while (++count < 5) co_await takt::after(s, 1ms, takt::slack(0s));
    s.stop();
  };
  const task t = body(timers, resumed);
  timers.run();
  CHECK(resumed == 5);
  CHECK(t.done());
}
#endif
