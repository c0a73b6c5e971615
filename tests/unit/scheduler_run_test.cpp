// Protects: basic_grid_scheduler on a clock of the kernel - what it asks the kernel for, when it believes that it is time, what
// it does when it is notified that the clock was set, refused a descriptor or forked.
#include <doctest/doctest.h>
#include <takt/testing/fake_os.hpp>
#include <takt/scheduler/scheduler.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct scheduler_run_test>;
template <clockid_t Id> using kernels = takt::posix_clock<Id, takt::access::vdso, os>;
template <class Clock> using scheduler_on = takt::basic_grid_scheduler<Clock, takt::wake_at_roundest<>, std::mutex, os>;
using scheduler = scheduler_on<std::chrono::steady_clock>;
using boot_scheduler = scheduler_on<kernels<CLOCK_BOOTTIME>>;
using wall_scheduler = scheduler_on<kernels<CLOCK_REALTIME>>;
using tai_scheduler = scheduler_on<kernels<CLOCK_TAI>>;

nanoseconds now(clockid_t id = CLOCK_MONOTONIC) { return takt::to_nanoseconds(os::now.clocks[id].value); }

/// A machine whose clocks have run for a while.
struct machine {
  machine() {
    os::reset();
    os::now.clocks[CLOCK_MONOTONIC] = {takt::to_timespec(1000s), 0};
    os::now.clocks[CLOCK_BOOTTIME] = {takt::to_timespec(3000s), 0};
    os::now.clocks[CLOCK_REALTIME] = {takt::to_timespec(1'000'000s), 0};
    os::now.clocks[CLOCK_TAI] = {takt::to_timespec(1'000'037s), 0};
    takt::assume_grid_origin<os>({});
  }
};

TEST_CASE_FIXTURE(machine, "run sleeps with the window as slack, calls back, and ends when stopped") {
  scheduler timers;
  std::vector<nanoseconds> calls;
  auto a = timers.after(1234us, takt::slack(10ms), [&] { calls.push_back(now()); });
  auto b = timers.after(2s, takt::slack(0s), [&] {
    calls.push_back(now());
    timers.stop();
  });
  os::now.slack.value = 77;
  timers.run();
  // The fake kernel wakes at softexpires, as one does that has an interrupt there anyway.
  CHECK(calls == std::vector<nanoseconds>{1000s + 1234us, 1002s});
  REQUIRE(os::now.sleeps.size() == 2);
  CHECK(os::now.sleeps[0].id == CLOCK_MONOTONIC);
  CHECK(os::now.sleeps[0].deadline == 1000s + 1234us);
  CHECK(os::now.sleeps[0].slack == 10'000'000 - 1'234'000); // up to the roundest point
  CHECK(os::now.sleeps[1].deadline == 1002s);
  CHECK(os::now.sleeps[1].slack == 1);
  CHECK(os::now.slack.value == 77);
  CHECK(timers.statistics().wakeups() == 2);
}

TEST_CASE_FIXTURE(machine, "where slack has no effect it sleeps to the roundest point") {
  os::now.slack.error = EPERM;
  scheduler timers;
  auto h = timers.after(1234us, takt::slack(10ms), [&] { timers.stop(); });
  timers.run();
  REQUIRE(os::now.sleeps.size() == 1);
  CHECK(os::now.sleeps[0].deadline == 1000s + 10ms);
}

TEST_CASE_FIXTURE(machine, "a wait that keeps ending early never makes a callback early, nor many") {
  scheduler timers;
  int called = 0;
  auto h = timers.every(10ms, takt::slack(0ms), [&] {
    CHECK(now() >= 1000s + ++called * 10ms);
    if (called == 3) timers.stop();
  });
  for (int i = 0; i < 20; ++i) os::now.early_ends.push_back({1ms, i % 2 == 0 ? 0 : EINTR});
  timers.run();
  CHECK(called == 3);
  CHECK(timers.statistics().wakeups() == 3);
  CHECK(timers.statistics().idle_wakeups() >= 15);
}

TEST_CASE_FIXTURE(machine, "what the kernel refuses ends run with its error, and another may begin") {
  scheduler timers;
  auto h = timers.after(1s, takt::slack(0s), [&] { timers.stop(); });
  os::now.early_ends.push_back({0ms, EPERM});
  std::error_code ec;
  timers.run(ec);
  CHECK(ec == std::errc::operation_not_permitted);
  timers.run(ec);
  CHECK_FALSE(ec);
  CHECK(h.status() == takt::timer_handle::state::ran);
}

TEST_CASE_FIXTURE(machine, "stopped beforehand, run returns at once, one time") {
  scheduler timers;
  int called = 0;
  auto h = timers.after(1s, takt::slack(0s), [&] { ++called, timers.stop(); });
  timers.stop();
  timers.run();
  CHECK(called == 0);
  timers.run();
  CHECK(called == 1);

  std::stop_source source;
  source.request_stop();
  auto again = timers.after(1s, takt::slack(0s), [&] { ++called, timers.stop(); });
  timers.run(source.get_token());
  CHECK(called == 1);
  timers.run(); // the request was for the other run
  CHECK(called == 2);
}

TEST_CASE_FIXTURE(machine, "run inside a callback is an error, not a standstill") {
  scheduler timers;
  std::error_code inner;
  auto h = timers.after(0s, takt::slack(0s), [&] {
    timers.run(inner);
    timers.stop();
  });
  timers.run();
  CHECK(inner == std::errc::device_or_resource_busy);
  auto k = timers.after(0s, takt::slack(0s), [&] { timers.run(inner); });
  inner.clear();
  CHECK(timers.fire() == 1);
  CHECK(inner == std::errc::device_or_resource_busy);
}

#if TAKT_EXCEPTIONS
TEST_CASE_FIXTURE(machine, "an exception leaves run, which may be called again") {
  scheduler timers;
  int called = 0;
  auto a = timers.after(1s, takt::slack(0s), [&] {
    ++called;
    throw std::runtime_error("first");
  });
  auto b = timers.after(1s, takt::slack(0s), [&] { ++called; });
  auto c = timers.after(2s, takt::slack(0s), [&] { timers.stop(); });
  CHECK_THROWS_AS(timers.run(), std::runtime_error);
  CHECK(called == 2);
  timers.run();
  CHECK(now() == 1002s);

  // Asked to stop by a run that ends with an exception: the next one was not asked.
  std::stop_source source;
  auto d = timers.after(1s, takt::slack(0s), [&] {
    source.request_stop();
    throw std::runtime_error("second");
  });
  auto e = timers.after(2s, takt::slack(0s), [&] { timers.stop(); });
  CHECK_THROWS_AS(timers.run(source.get_token()), std::runtime_error);
  timers.run();
  CHECK(e.status() == takt::timer_handle::state::ran);
}
#endif

TEST_CASE_FIXTURE(machine, "a request to stop does not reach a scheduler that its callback has destroyed") {
  alignas(scheduler) static std::byte room[sizeof(scheduler)];
  auto* const timers = ::new (static_cast<void*>(room)) scheduler;
  std::stop_source source;
  timers->after(1s, takt::slack(0s), [&source, timers] {
            timers->~scheduler();
            std::memset(room, 0, sizeof(room));
            source.request_stop();
          }).detach();
  std::error_code ec;
  timers->run(source.get_token(), ec);
  CHECK_FALSE(ec);
  bool untouched = true;
  for (const std::byte b : room) untouched &= b == std::byte{0};
  CHECK(untouched);
}

TEST_CASE_FIXTURE(machine, "a run that is refused leaves stop() to the one it is for") {
  scheduler timers;
  std::stop_source requested;
  requested.request_stop();
  std::error_code refused;
  auto h = timers.after(1s, takt::slack(0s), [&] {
    timers.stop();
    timers.run(requested.get_token(), refused);
  });
  auto late = timers.after(2s, takt::slack(0s), [&] { timers.stop(); });
  timers.run();
  CHECK(refused == std::errc::device_or_resource_busy);
  CHECK(late.status() == takt::timer_handle::state::pending);
  // Nor does a request make a refused run stop the other one.
  auto again = timers.after(0s, takt::slack(0s), [&] { timers.run(requested.get_token(), refused); });
  timers.run();
  CHECK(late.status() == takt::timer_handle::state::ran);
  // A request that was there before is not kept for the next run, and stop() before it is.
  timers.stop();
  timers.run(requested.get_token());
  auto last = timers.after(1s, takt::slack(0s), [&] { timers.stop(); });
  timers.run();
  CHECK(last.status() == takt::timer_handle::state::ran);
}

TEST_CASE_FIXTURE(machine, "waits that the kernel ends early again and again are answered with pauses, not a spin") {
  scheduler timers;
  nanoseconds called{};
  auto h = timers.after(1s, takt::slack(0s), [&] {
    called = now();
    timers.stop();
  });
  // Each wait, but for the pauses, says at once that the time has come.
  static int waits;
  waits = 0;
  os::now.asleep = [] {
    if (os::now.sleeps.back().deadline == 1001s) os::now.early_ends.push_back({1us, ETIMEDOUT}), ++waits;
  };
  timers.run();
  CHECK(called >= 1001s);
  CHECK(called <= 1001s + takt::detail::early_end_backoff::longest_pause);
  CHECK(waits >= 100); // a hundred a second when they have become long
  CHECK(waits <= 120);
}

TEST_CASE_FIXTURE(machine, "a descriptor that is early again and again is answered with pauses, too") {
  boot_scheduler timers;
  nanoseconds called{};
  auto h = timers.after(1s, takt::slack(0s), [&] {
    called = now(CLOCK_BOOTTIME);
    timers.stop();
  });
  static int waits;
  waits = 0;
  os::now.asleep = [] {
    if (os::now.sleeps.back().id == CLOCK_BOOTTIME) os::now.early_ends.push_back({1us, 0}), ++waits;
  };
  timers.run();
  CHECK(called >= 3001s);
  CHECK(called <= 3001s + takt::detail::early_end_backoff::longest_pause);
  CHECK(waits >= 100);
  CHECK(waits <= 120);
}

TEST_CASE_FIXTURE(machine, "a time-out of ppoll that is early again and again is answered with pauses, too") {
  boot_scheduler timers;
  nanoseconds called{};
  auto h = timers.after(1001ms, takt::slack(10ms), [&] { // ppoll's own time-out is the begin of the window, the timer's its roundest point
    called = now(CLOCK_BOOTTIME);
    timers.stop();
  });
  static int waits;
  waits = 0;
  os::now.asleep = [] {
    if (os::now.sleeps.back().id == CLOCK_BOOTTIME) os::now.early_ends.push_back({1us, ETIMEDOUT}), ++waits;
  };
  timers.run();
  CHECK(called >= 3001s + 1ms);
  CHECK(called <= 3001s + 1ms + takt::detail::early_end_backoff::longest_pause);
  CHECK(waits >= 100);
  CHECK(waits <= 120);
}

TEST_CASE_FIXTURE(machine, "the descriptor is set when run has ended, whichever was there first") {
  for (const bool descriptor_first : {false, true}) {
    os::now.timers.clear();
    CAPTURE(descriptor_first);
    wall_scheduler timers;
    if (descriptor_first) static_cast<void>(timers.fd());
    static wall_scheduler* sleeper;
    sleeper = &timers;
    auto far = timers.after(1h, takt::slack(0s), [] {});
    const auto hour = now(CLOCK_REALTIME) + 1h;
    os::now.asleep = [] {
      os::now.asleep = nullptr;
      sleeper->stop();
    };
    timers.run();
    CHECK(now(CLOCK_REALTIME) == hour - 1h);
    CHECK(os::now.timers.at(0).deadline == hour);
    auto sooner = timers.after(10ms, takt::slack(0s), [] {});
    CHECK(timers.fd() == os::first_timer);
    CHECK(os::now.timers.at(0).deadline == now(CLOCK_REALTIME) + 10ms);
  }
}

TEST_CASE_FIXTURE(machine, "stop() reaches a run whose descriptor another thread reads before it is awake") {
  for (const bool due : {false, true}) {
    CAPTURE(due);
    static wall_scheduler* sleeper;
    static int fired;
    wall_scheduler timers;
    sleeper = &timers;
    fired = 0;
    static_cast<void>(timers.fd());
    auto far = timers.after(1h, takt::slack(0s), [] {});
    auto now_due = timers.after(due ? 0s : 2h, takt::slack(0s), [] { ++fired; });
    auto rescue = timers.after(3h, takt::slack(0s), [] { sleeper->stop(); });
    const nanoseconds start = now(CLOCK_REALTIME);
    os::now.asleep = [] {
      os::now.asleep = nullptr;
      sleeper->stop();
      static_cast<void>(sleeper->fire()); // a thread in an event loop
    };
    timers.run();
    CHECK(now(CLOCK_REALTIME) == start);
    CHECK(fired == (due ? 1 : 0));
    CHECK(os::now.timers.back().deadline == start + 1h); // and the event loop goes on
  }
}

#if TAKT_EXCEPTIONS
TEST_CASE_FIXTURE(machine, "of several exceptions in one wake-up each leaves a call of fire, and the descriptor says that there are more") {
  scheduler timers;
  for (int i = 0; i < 3; ++i) timers.after(1s, takt::slack(0s), [] { throw std::runtime_error("callback"); }).detach();
  auto later = timers.after(1h, takt::slack(0s), [] {});
  static_cast<void>(timers.fd());
  os::advance(1s);
  for (int left = 2; left >= 0; --left) {
    CHECK_THROWS_AS(timers.fire(), std::runtime_error);
    CHECK((os::now.timers.at(0).deadline <= now()) == (left != 0));
  }
  CHECK(timers.fire() == 0);
  CHECK(timers.statistics().fired() == 3);
}
#endif

TEST_CASE_FIXTURE(machine, "the descriptor is set to the next wake-up, before and after every change") {
  scheduler timers;
  auto early = timers.after(5s, takt::slack(0s), [] {});
  const int fd = timers.fd();
  CHECK(fd == os::first_timer);
  CHECK(timers.fd() == fd);
  const auto deadline = [] { return os::now.timers.at(0).deadline; };
  CHECK(os::now.timers.at(0).id == CLOCK_MONOTONIC);
  CHECK(deadline() == 1005s);
  auto sooner = timers.after(1300ms, takt::slack(500ms), [] {});
  CHECK(deadline() == 1001500ms);
  CHECK(sooner.move(200ms, takt::slack(0s)));
  CHECK(deadline() == 1000200ms);
  auto later = timers.after(20s, takt::slack(0s), [] {});
  CHECK(deadline() == 1000200ms);
  CHECK(timers.fire() == 0); // nothing is open yet, whatever the descriptor said
  CHECK(deadline() == 1000200ms);
  os::advance(200ms);
  CHECK(timers.fire() == 1);
  CHECK(deadline() == 1005s);
  os::advance(5s);
  CHECK(timers.fire() == 1);
  CHECK(later.cancel());
  os::advance(20s);
  CHECK(timers.fire() == 0);
  CHECK(deadline() == 0s); // nothing armed, nothing to wait for
  timers.after(1s, takt::slack(0s), [] {}).detach();
  CHECK(deadline() == now() + 1s);
}

TEST_CASE_FIXTURE(machine, "without a descriptor everything but fd works") {
  os::now.timer_errors[CLOCK_MONOTONIC] = EMFILE;
  scheduler timers;
  std::error_code ec;
  CHECK(timers.fd(ec) == -1);
  CHECK(ec == std::errc::too_many_files_open);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS(static_cast<void>(timers.fd()), std::system_error);
#endif
  int called = 0;
  auto h = timers.every(1s, takt::slack(0s), [&] {
    if (++called == 2) timers.stop();
  });
  timers.run();
  CHECK(called == 2);
  os::now.timer_errors.clear();
  CHECK(timers.fd(ec) == os::first_timer);
}

TEST_CASE_FIXTURE(machine, "on CLOCK_BOOTTIME run sleeps on the descriptor, which suspend does not stop") {
  boot_scheduler timers;
  std::vector<nanoseconds> calls;
  auto h = timers.after(10s + 1ms, takt::slack(5s), [&] {
    calls.push_back(now(CLOCK_BOOTTIME));
    timers.stop();
  });
  os::now.asleep = [] { // the machine is suspended for an hour
    os::now.clocks[CLOCK_BOOTTIME].value.tv_sec += 3600;
    os::now.asleep = nullptr;
  };
  timers.run();
  CHECK(calls.size() == 1);
  CHECK(os::now.timers.at(0).id == CLOCK_BOOTTIME);
  CHECK(calls.at(0) == 3000s + 3600s);
  CHECK(now() == 1000s); // the kernel notified it at once
}

TEST_CASE_FIXTURE(machine, "on CLOCK_BOOTTIME without a descriptor it sleeps on a futex of CLOCK_MONOTONIC") {
  os::now.timer_errors[CLOCK_BOOTTIME] = EMFILE;
  boot_scheduler timers;
  nanoseconds called{};
  auto h = timers.after(10s + 1ms, takt::slack(5s), [&] {
    called = now(CLOCK_BOOTTIME);
    timers.stop();
  });
  timers.run();
  CHECK(called == 3010s + 1ms);
  CHECK(os::now.sleeps.at(0).id == CLOCK_MONOTONIC);
  CHECK(os::now.sleeps.at(0).deadline == 1010s + 1ms);
}

TEST_CASE_FIXTURE(machine, "on CLOCK_REALTIME a sleeping run is notified when the clock is set") {
  wall_scheduler timers;
  std::vector<nanoseconds> calls;
  auto cycle = timers.every(10s, takt::slack(0s), [&] {
    calls.push_back(now(CLOCK_REALTIME));
    if (calls.size() == 1) os::now.asleep = [] { os::now.asleep = nullptr, os::step(-3600s); };
    if (calls.size() == 2) os::now.asleep = [] { os::now.asleep = nullptr, os::step(55s); };
    if (calls.size() == 4) timers.stop();
  });
  timers.run();
  // Set back by an hour right after the first; forward by 55 s right after the second, which makes the third late.
  CHECK(calls == std::vector<nanoseconds>{1'000'010s, 996'420s, 996'475s, 996'480s});
  CHECK(os::now.timers.at(0).cancel_on_set);
}

TEST_CASE_FIXTURE(machine, "on CLOCK_REALTIME the descriptor tells it too, also between two settings of it") {
  wall_scheduler timers;
  auto cycle = timers.every(10s, takt::slack(0s), [] {});
  static_cast<void>(timers.fd());
  os::advance(10s);
  CHECK(timers.fire() == 1);
  os::step(-3600s);
  CHECK(timers.fire() == 0);
  CHECK(os::now.timers.at(0).deadline == 1'000'020s - 3600s);
  os::step(-3600s);
  timers.after(1s, takt::slack(0s), [] {}).detach(); // sets it, and the kernel says there what it has not been asked yet
  CHECK(os::now.timers.at(0).deadline == 1ns);
  CHECK(timers.fire() == 0);
  CHECK(os::now.timers.at(0).deadline == 1'000'011s - 7200s);
}

TEST_CASE_FIXTURE(machine, "TAI is slept on by way of CLOCK_REALTIME") {
  tai_scheduler timers;
  nanoseconds called{};
  auto h = timers.after(10s, takt::slack(0s), [&] {
    called = now(CLOCK_TAI);
    timers.stop();
  });
  timers.run();
  CHECK(called == 1'000'047s);
  CHECK(os::now.sleeps.at(0).id == CLOCK_REALTIME);
}

TEST_CASE_FIXTURE(machine, "the grid begins at the kernel's zero, also in a time namespace") {
  takt::assume_grid_origin<os>({300ms, 0s});
  scheduler timers;
  auto h = timers.after(1ms, takt::slack(500ms), [] {});
  CHECK(timers.next_wakeup()->time_since_epoch() == 1000300ms); // a second of the kernel's, which is 300 ms behind
  takt::assume_grid_origin<os>({});
}

TEST_CASE_FIXTURE(machine, "in a forked child the copy is inert") {
  scheduler timers;
  int called = 0;
  auto h = timers.after(1s, takt::slack(0s), [&] { ++called; });
  scheduler::timer node(timers, [&called] { ++called; });
  node.arm(1s, takt::slack(0s));
  static_cast<void>(timers.fd());
  const auto deadline = os::now.timers.at(0).deadline;
  os::now.forks.value = 1;
  os::advance(5s);
  std::error_code ec;
  CHECK(timers.fire() == 0);
  CHECK_FALSE(timers.next_wakeup());
  CHECK(timers.pending() == 0);
  CHECK(timers.statistics().fired() == 0);
  CHECK_FALSE(timers.after(1s, takt::slack(0s), [&] { ++called; }, ec));
  CHECK(ec == std::errc::operation_not_permitted);
  CHECK(timers.fd(ec) == -1);
  CHECK(ec == std::errc::operation_not_permitted);
  timers.run(ec);
  CHECK(ec == std::errc::operation_not_permitted);
  timers.stop();
  CHECK_FALSE(h.cancel());
  CHECK_FALSE(h.move(1s, takt::slack(0s)));
  CHECK_FALSE(node.arm(1s, takt::slack(0s)));
  CHECK_FALSE(node.cancel());
  CHECK(os::now.timers.at(0).deadline == deadline); // which is the parent's too
  os::now.forks.value = 0; // the parent again, so that its timers can be destroyed
  CHECK(called == 0);
  CHECK(timers.fire() == 2);
}

TEST_CASE_FIXTURE(machine, "a callback that forks: in the child it returns into nothing") {
  scheduler timers;
  int called = 0;
  scheduler::timer node(timers, [&called] {
    ++called;
    os::now.forks.value = 1;
  });
  node.arm(1s, takt::slack(0s));
  std::error_code ec;
  timers.run(ec); // returns, without a lock that another thread of the parent may hold
  CHECK_FALSE(ec);
  CHECK(called == 1);
}

TEST_CASE_FIXTURE(machine, "what a callback holds forks when it is destroyed: the child calls back nothing more") {
  scheduler timers;
  const auto fork = [](const int*) { os::now.forks.value = 1; };
  int one = 0, called = 0;
  timers.after(1s, takt::slack(0s), [held = std::unique_ptr<int, decltype(fork)>(&one, fork)] {}).detach();
  auto h = timers.after(1s, takt::slack(0s), [&called] { ++called; });
  os::advance(2s);
  CHECK(timers.fire() == 1);
  CHECK(called == 0);
  os::now.forks.value = 0; // the parent's copy is as the child left it: so that it can be destroyed
}

TEST_CASE_FIXTURE(machine, "a callback that forks: the child may destroy its copy after run() has returned") {
  std::optional<scheduler> timers(std::in_place);
  scheduler::timer node(*timers, [] { os::now.forks.value = 1; });
  node.arm(1s, takt::slack(0s));
  const auto run = [&timers] {
    std::error_code ec;
    timers->run(ec);
    return !ec;
  };
  const auto destroy = [&timers] { // on the stack where run() was
    unsigned char stack[4096];
    std::memset(stack, 0x55, sizeof(stack));
    const volatile unsigned char* const seen = stack; // the compiler must read it
    timers.reset();
    std::size_t changed = 0;
    for (std::size_t i = 0; i < sizeof(stack); ++i) changed += seen[i] != 0x55;
    return changed;
  };
  REQUIRE(run());
  CHECK(destroy() == 0);
}

TEST_CASE_FIXTURE(machine, "in a forked child what outlives the scheduler does not touch it") {
  using simple = takt::basic_grid_scheduler<std::chrono::steady_clock, takt::wake_at_roundest<>, takt::no_mutex, os>;
  alignas(simple) std::uint32_t room[sizeof(simple) / 4];
  auto* const timers = ::new (static_cast<void*>(room)) simple;
  std::optional<simple::timer> node(std::in_place, *timers, [] {});
  simple::handle h = timers->after(1s, takt::slack(0s), [] {});
  node->arm(1s, takt::slack(0s));
  os::now.forks.value = 1;
  timers->~simple();
  for (std::uint32_t& word : room) word = 1; // whatever it searches for, it is a scheduler of the child's
  CHECK_FALSE(h.cancel());
  CHECK_FALSE(h.move(1s, takt::slack(0s)));
  CHECK_FALSE(node->arm(1s, takt::slack(0s)));
  CHECK_FALSE(node->cancel());
  node.reset();
  // The wheel's reference to it is lost in such a child; this one is for the leak checker.
  static const auto* const kept = new simple::handle(std::move(h));
  CHECK(kept->status() == takt::timer_handle::state::pending);
}

#if TAKT_EXCEPTIONS
TEST_CASE_FIXTURE(machine, "a callback that forks and throws: in the child the parent's descriptor is not touched") {
  scheduler timers;
  static_cast<void>(timers.fd());
  int called = 0;
  const auto fork_and_throw = [&called] {
    if (++called == 2) os::now.forks.value = 1;
    throw called;
  };
  scheduler::timer a(timers, fork_and_throw), b(timers, fork_and_throw), c(timers, fork_and_throw);
  for (scheduler::timer* t : {&a, &b, &c}) t->arm(0s, takt::slack(0s));
  os::advance(1s);
  const auto before = os::now.timers.at(0).deadline;
  int thrown = 0;
  try {
    static_cast<void>(timers.fire());
  } catch (int which) {
    thrown = which;
  }
  CHECK(thrown == 2); // its own, not what the parent is to hear of
  CHECK(called == 2);
  CHECK((os::now.timers.at(0).deadline == before || os::now.timers.at(0).deadline == 0s)); // not armed anew
}
#endif

TEST_CASE("what cannot be found out about the grid is said, and the scheduler works all the same") {
  using blind = takt::testing::fake_os<struct no_proc>;
  blind::reset();
  blind::now.clocks[CLOCK_MONOTONIC] = {takt::to_timespec(1000s), 0};
  std::error_code ec;
  takt::basic_grid_scheduler<std::chrono::steady_clock, takt::wake_at_roundest<>, takt::no_mutex, blind> timers(ec);
  CHECK(ec);
  auto h = timers.after(1s, takt::slack(0s), [&] { timers.stop(); });
  timers.run();
  CHECK(h.status() == takt::timer_handle::state::ran);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS((takt::basic_grid_scheduler<std::chrono::steady_clock, takt::wake_at_roundest<>, takt::no_mutex, blind>()),
                  std::system_error);
#endif
}

} // namespace
