// scheduler.hpp on this kernel: nothing is called early, lost or called twice, whichever thread adds, moves, cancels, stops or forks
// meanwhile, and cancelling waits for a callback that runs.
//
// TAKT_CONTENDED_OPERATIONS says how many operations the contended test makes; 100000000 takes some minutes.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <doctest/doctest.h>
#include <optional>
#include <random>
#include <stop_token>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <takt/scheduler/scheduler.hpp>
#include <thread>
#include <utility>
#include <unistd.h>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using takt::grid_scheduler;
using takt::grid_timer;
using timer_status = takt::timer_handle::state;

/// run() in a thread of its own.
template <class Scheduler> struct running {
  explicit running(Scheduler& s) : timers(s), thread([&s] { s.run(); }) {}
  ~running() {
    timers.stop();
    thread.join();
  }
  running(const running&) = delete;
  running& operator=(const running&) = delete;
  Scheduler& timers;
  std::thread thread;
};

template <class Scheduler> void check_on_clock() {
  Scheduler timers;
  std::vector<std::pair<typename Scheduler::event, typename Scheduler::time_point>> calls;
  std::vector<typename Scheduler::handle> all;
  const auto now = [] { return typename Scheduler::time_point(takt::detail::now_of<typename Scheduler::clock, takt::linux_os>()); };
  for (int i = 0; i < 50; ++i) {
    const nanoseconds delay = i * 397us, slack = i % 7 * 511us;
    all.push_back(timers.after(delay, takt::slack(slack), [&](const auto& e) { calls.emplace_back(e, now()); }));
  }
  auto last = timers.after(30ms, takt::slack(0ns), [&] { timers.stop(); });
  timers.run();
  CHECK(calls.size() == 50);
  for (const auto& [e, at] : calls) {
    CHECK(at >= e.earliest);
    CHECK(at >= e.now);
  }
  const auto s = timers.statistics();
  CHECK(s.fired() == 51);
  CHECK(s.wakeups() <= 51);
}

} // namespace

TEST_CASE("nothing is called before its window opens, on any clock") {
  check_on_clock<grid_scheduler>();
  check_on_clock<takt::basic_grid_scheduler<takt::posix_clock<CLOCK_BOOTTIME>>>();
  check_on_clock<takt::basic_grid_scheduler<std::chrono::system_clock>>();
  check_on_clock<takt::basic_grid_scheduler<takt::posix_clock<CLOCK_TAI>>>();
}

TEST_CASE("a sleeping run notices what other threads add, and a request to stop") {
  grid_scheduler timers;
  std::stop_source source;
  std::atomic<int> called{0};
  auto far = timers.after(1h, takt::slack(0s), [&] { called = 100; });
  std::thread runs([&] { timers.run(source.get_token()); });
  for (int i = 1; i <= 20; ++i) {
    timers.after(i % 2 * 300us, takt::slack(0s), [&] { ++called; }).detach();
    while (called != i) std::this_thread::yield();
  }
  source.request_stop();
  runs.join();
  CHECK(called == 20);
  CHECK(far.status() == timer_status::pending);
}

TEST_CASE("only one thread is in run") {
  grid_scheduler timers;
  const running first(timers);
  std::atomic<bool> began{false};
  timers.after(0s, takt::slack(0s), [&] { began = true; }).detach();
  while (!began) std::this_thread::yield();
  std::error_code ec;
  timers.run(ec);
  CHECK(ec == std::errc::device_or_resource_busy);
}

TEST_CASE("inside an epoll loop the descriptor says when") {
  grid_scheduler timers;
  int called = 0;
  auto h = timers.every(3ms, takt::slack(1ms), [&] { ++called; });
  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  REQUIRE(loop >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = timers.fd();
  REQUIRE(::epoll_ctl(loop, EPOLL_CTL_ADD, timers.fd(), &event) == 0);
  const auto begin = steady_clock::now();
  while (called < 10) {
    epoll_event ready{};
    REQUIRE(::epoll_wait(loop, &ready, 1, -1) == 1);
    CHECK(int(ready.data.fd) == timers.fd());
    static_cast<void>(timers.fire());
  }
  CHECK(steady_clock::now() - begin >= 30ms);
  h.cancel();
  static_cast<void>(timers.fire());
  epoll_event ready{};
  CHECK(::epoll_wait(loop, &ready, 1, 0) == 0); // taken
  ::close(loop);
}

TEST_CASE("cancelling waits for a callback that runs in another thread") {
  grid_scheduler timers;
  const running thread(timers);
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> inside{false}, left{false};
    auto h = timers.every(1ms, takt::slack(0s), [&] {
      inside = true;
      std::this_thread::sleep_for(2ms);
      left = true;
    });
    while (!inside) std::this_thread::yield();
    if (i % 2 == 0) h.cancel();
    else h = takt::timer_handle();
    CHECK(left);
    inside = false;
    std::this_thread::sleep_for(1ms);
    CHECK_FALSE(inside);
  }
}

TEST_CASE("a node may be destroyed while its callback, in another thread, arms it again and again") {
  grid_scheduler timers;
  const running thread(timers);
  for (int i = 0; i < 300; ++i) {
    struct object {
      explicit object(grid_scheduler& s) : timer(s, [this] {
        ++called;
        timer.arm(0s, takt::slack(0s));
      }) {}
      std::atomic<int> called{0};
      grid_timer timer;
    };
    object o(timers);
    o.timer.arm(0s, takt::slack(0s));
    while (o.called < 3) std::this_thread::yield();
  }
  CHECK(timers.pending() == 0);
}

TEST_CASE("after a fork the child's copy is inert, and the parent's goes on") {
  grid_scheduler timers;
  std::atomic<int> called{0};
  auto h = timers.every(1ms, takt::slack(0s), [&] { ++called; });
  grid_timer node(timers, [&called] { ++called; });
  node.arm(1h, takt::slack(0s));
  static_cast<void>(timers.fd());
  {
    const running thread(timers);
    while (called < 3) std::this_thread::yield();
    for (int i = 0; i < 5; ++i) {
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        const int before = called;
        std::error_code ec;
        bool inert = timers.pending() == 0 && !timers.next_wakeup() && timers.fire() == 0 && !h.cancel() &&
                     !node.arm(0s, takt::slack(0s)) && !node.cancel() && !timers.after(0s, takt::slack(0s), [] {}, ec);
        timers.run(ec);
        inert = inert && ec == std::errc::operation_not_permitted;
        timers.stop();
        {
          const takt::timer_handle dies = std::move(h);
        }
        { // one made in the child works
          grid_scheduler own;
          auto once = own.after(1ms, takt::slack(0s), [&] { own.stop(); });
          own.run();
          inert = inert && once.status() == timer_status::ran;
        }
        ::_exit(inert && called == before ? 0 : 1);
      }
      int status = -1;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK(WIFEXITED(status));
      CHECK(WEXITSTATUS(status) == 0);
      const int before = called;
      while (called < before + 2) std::this_thread::yield();
    }
  }
  CHECK(timers.pending() == 2);
}

TEST_CASE("with no descriptor left, fd fails and the rest works") {
  grid_scheduler timers;
  takt::basic_grid_scheduler<std::chrono::system_clock> wall;
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 0;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  std::error_code ec;
  const int fd = timers.fd(ec);
  auto a = timers.after(1ms, takt::slack(0s), [&] { timers.stop(); });
  auto b = wall.after(1ms, takt::slack(0s), [&] { wall.stop(); });
  timers.run();
  wall.run();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(fd == -1);
  CHECK(ec == std::errc::too_many_files_open);
  CHECK(a.status() == timer_status::ran);
  CHECK(b.status() == timer_status::ran);
  CHECK(timers.fd() >= 0);
}

TEST_CASE("four threads add, move and cancel while a fifth calls back: nothing is lost or doubled") {
  const char* const wanted = std::getenv("TAKT_CONTENDED_OPERATIONS");
  const std::uint64_t operations = wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 4'000'000;
  grid_scheduler timers;

  struct own_node {
    explicit own_node(grid_scheduler& s) : timer(s, [this] { calls.fetch_add(1, std::memory_order_relaxed); }) {}
    std::atomic<std::uint64_t> calls{0};
    std::uint64_t expected = 0, at_rest = 0;
    bool cancelled = false;
    grid_timer timer;
  };
  struct worker {
    std::deque<own_node> nodes;
    std::uint64_t expected_on_heap = 0, done = 0, disturbed = 0;
    std::atomic<std::uint64_t> calls_on_heap{0};
  };
  std::deque<worker> workers(4);
  for (auto& w : workers)
    for (int i = 0; i < 64; ++i) w.nodes.emplace_back(timers);

  const auto work = [&timers, operations](worker& w, unsigned seed) {
    std::mt19937_64 random(seed);
    std::vector<takt::timer_handle> handles(16);
    const auto back = [&w] { w.calls_on_heap.fetch_add(1, std::memory_order_relaxed); };
    for (; w.done < operations / 4; ++w.done) {
      const std::uint64_t r = random();
      const nanoseconds delay(r % 300'000), slack((r >> 20) % 100'000);
      own_node& n = w.nodes[(r >> 40) % w.nodes.size()];
      auto& h = handles[(r >> 50) % handles.size()];
      switch ((r >> 56) % 8) {
      case 0: case 1: case 2: case 3:
        // Cancelled means not called since.
        if (n.cancelled && n.calls.load(std::memory_order_relaxed) != n.at_rest) ++w.disturbed;
        n.cancelled = false;
        n.expected += !n.timer.arm(delay, takt::slack(slack));
        break;
      case 4: case 5:
        n.expected -= n.timer.cancel();
        n.cancelled = true, n.at_rest = n.calls.load(std::memory_order_relaxed);
        break;
      case 6:
        w.expected_on_heap -= h.cancel();
        h = timers.after(delay, takt::slack(slack), back);
        ++w.expected_on_heap;
        break;
      default:
        if (r % 2 == 0) h.move(delay, takt::slack(slack));
        else h.detach();
      }
    }
    for (auto& h : handles) h.detach();
  };
  {
    const running thread(timers);
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, std::ref(workers[i]), i);
    }
    while (timers.pending() != 0) std::this_thread::sleep_for(1ms);
  } // joined: no callback runs any more
  std::uint64_t calls = 0;
  for (const auto& w : workers) {
    CHECK(w.disturbed == 0);
    CHECK(w.calls_on_heap == w.expected_on_heap);
    for (const auto& n : w.nodes) CHECK(n.calls == n.expected);
    calls += w.calls_on_heap;
    for (const auto& n : w.nodes) calls += n.calls;
  }
  CHECK(timers.statistics().fired() == calls);
  CHECK(calls > 0);
  MESSAGE(operations, " operations, ", calls, " callbacks in ", timers.statistics().wakeups(), " wake-ups");
}
