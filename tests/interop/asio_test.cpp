// Protects: that a wait on asio's contexts ends once, in its window, where its handler wants to run, and that it is
// cancelled, inherited and destroyed as an operation of asio's own; and that asio's timers work on takt's clocks.
#include <takt/interop/asio.hpp>
#if __has_include(<asio.hpp>)
#include "support/child.hpp"
#include <asio.hpp>
#include <doctest/doctest.h>
#include <takt/clock/tsc_clock.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <ratio>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>
#if defined(ASIO_HAS_CO_AWAIT)
#include <asio/experimental/awaitable_operators.hpp>
#endif

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using takt::slack, takt::asio::after, takt::asio::at;

constexpr auto terminal = asio::cancellation_type::terminal;

} // namespace

TEST_CASE("waits end in the order of their due times, not before them, and never inside the call that started them") {
  asio::io_context context;
  std::vector<int> ended;
  const auto start = steady_clock::now();
  const auto note = [&](int who, std::chrono::milliseconds delay) {
    return [&, who, delay](std::error_code ec) {
      CHECK_FALSE(ec);
      CHECK(steady_clock::now() - start >= delay);
      ended.push_back(who);
    };
  };
  at(context, start + 6ms, slack(0ms), note(2, 6ms));
  at(context.get_executor(), start + 4ms, slack(1ms), note(1, 4ms));
  after(context, -1h, slack(0ms), note(0, 0ms));
  after(context, 6ms, slack(10ms), note(3, 6ms)); // this thread may have been late
  CHECK(ended.empty());
  CHECK(takt::asio::timers_of(context).pending() == 4);
  context.run();
  CHECK(ended.size() == 4);
  for (int i = 0; i < 4; ++i) CHECK(ended.at(static_cast<std::size_t>(i)) == i);
  CHECK(takt::asio::timers_of(context).pending() == 0);
  context.restart();
  CHECK(context.run() == 0); // nothing keeps it
}

TEST_CASE("waits with slack share wake-ups") {
  asio::io_context context;
  int ended = 0;
  for (int i = 0; i < 100; ++i) after(context, i * 100us, slack(1min), [&](std::error_code) { ++ended; });
  after(context, 20ms, slack(0ms), [&](std::error_code) { ++ended; });
  context.run();
  CHECK(ended == 101);
  CHECK(takt::asio::timers_of(context).statistics().wakeups() == 1);
}

TEST_CASE("a future is ready when the wait has ended, and has its error") {
  asio::io_context context;
  std::future<void> good = after(context, 1ms, slack(0ms), asio::use_future);
  std::future<void> bad = after(context, 1ms, slack(-1ms), asio::use_future);
  context.run();
  good.get();
  CHECK_THROWS_AS(bad.get(), std::system_error);
}

TEST_CASE("a wait is cancelled through its slot, once") {
  asio::io_context context;
  asio::cancellation_signal first, second;
  std::vector<std::error_code> ends;
  const auto note = [&](std::error_code ec) { ends.push_back(ec); };
  after(context, 1h, slack(1h), asio::bind_cancellation_slot(first.slot(), note));
  after(context, 1ms, slack(0ms), asio::bind_cancellation_slot(second.slot(), note));
  first.emit(asio::cancellation_type::none);
  CHECK(takt::asio::timers_of(context).pending() == 2);
  first.emit(asio::cancellation_type::partial);
  first.emit(terminal);
  CHECK(ends.empty()); // the handler is called by the context
  context.run();       // which ends: nothing is left for an hour
  CHECK(ends == std::vector<std::error_code>{asio::error::operation_aborted, {}});
  second.emit(terminal);
  context.restart();
  CHECK(context.run() == 0);
}

TEST_CASE("a signal may be emitted when the wait and its context are gone, and destroyed before them") {
  std::optional<asio::io_context> context(std::in_place);
  asio::cancellation_signal outlives;
  std::optional<asio::cancellation_signal> dies(std::in_place);
  int called = 0;
  after(*context, 1h, slack(0s), asio::bind_cancellation_slot(outlives.slot(), [&](std::error_code) { ++called; }));
  after(*context, 0s, slack(0s), asio::bind_cancellation_slot(dies->slot(), [&](std::error_code) { ++called; }));
  after(*context, 1h, slack(0s), [&](std::error_code) { ++called; });
  dies.reset();
  context->run_one_for(10s);
  context->run_one_for(10s);
  context.reset();
  outlives.emit(terminal);
  CHECK(called == 1);
}

TEST_CASE("a context that is cancelled out of its last wait takes new ones") {
  asio::io_context context;
  asio::cancellation_signal signal;
  for (int round = 0; round < 20; ++round) {
    int ended = 0;
    after(context, 1h, slack(0s), asio::bind_cancellation_slot(signal.slot(), [&](std::error_code ec) {
            CHECK(ec == asio::error::operation_aborted);
            ++ended;
          }));
    signal.emit(terminal); // and the next wait is started before or after the context has noticed
    if (round % 2 == 0) after(context, 100us, slack(0s), [&](std::error_code ec) { ended += ec ? 0 : 1; });
    context.run();
    context.restart();
    CHECK(ended == (round % 2 == 0 ? 2 : 1));
  }
}

TEST_CASE("the handler runs on its own executor, which is kept alive") {
  asio::io_context timers, elsewhere;
  std::thread::id ran_in;
  after(timers, 1ms, slack(0ms), asio::bind_executor(elsewhere, [&](std::error_code) { ran_in = std::this_thread::get_id(); }));
  std::jthread other([&] { elsewhere.run(); });
  const auto id = other.get_id();
  timers.run();
  other.join();
  CHECK(ran_in == id);
}

TEST_CASE("strands, thread pools, I/O objects and any_io_executor have timers, too") {
  asio::thread_pool pool(2);
  auto strand = asio::make_strand(pool);
  int n = 0; // the strand orders the accesses
  for (int i = 0; i < 50; ++i) after(strand, 1ms * (i % 3), slack(1ms), [&](std::error_code) { ++n; });
  pool.join();
  CHECK(n == 50);

  asio::io_context context;
  asio::ip::udp::socket socket(context);
  asio::any_io_executor any = context.get_executor();
  after(socket, 1ms, slack(0s), [&](std::error_code) { ++n; });
  after(any, 1ms, slack(0s), [&](std::error_code) { ++n; });
  context.run();
  CHECK(n == 52);
}

TEST_CASE("what a handler throws leaves run(), and the others are called") {
  asio::io_context context;
  int called = 0;
  for (int i = 0; i < 3; ++i) {
    after(context, 0s, slack(0s), [&](std::error_code) {
      ++called;
      throw std::runtime_error("x");
    });
  }
  for (int i = 1; i <= 3; ++i) CHECK_THROWS_AS(context.run(), std::runtime_error);
  CHECK(context.run() == 0);
  CHECK(called == 3);
}

TEST_CASE("handlers of waits that are pending or have just ended are destroyed with the context") {
  const auto witness = std::make_shared<int>();
  {
    asio::io_context context;
    for (int i = 0; i < 10; ++i) after(context, 1h, slack(0s), [witness](std::error_code) { FAIL("called"); });
    for (int i = 0; i < 10; ++i) after(context, 0s, slack(0s), [witness](std::error_code) { FAIL("called"); });
    context.run_one_for(10s); // the waits of 0 s end; their handlers are in the queue
    CHECK(witness.use_count() == 21);
  }
  CHECK(witness.use_count() == 1);
}

namespace {

/// Counts what is allocated through it.
template <class T> struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(int& n) : live(&n) {}
  template <class U> counting_allocator(const counting_allocator<U>& other) : live(other.live) {}
  T* allocate(std::size_t n) {
    ++*live;
    return static_cast<T*>(::operator new(n * sizeof(T)));
  }
  void deallocate(T* p, std::size_t) {
    --*live;
    ::operator delete(p);
  }
  friend bool operator==(const counting_allocator&, const counting_allocator&) = default;
  int* live;
};

} // namespace

TEST_CASE("memory comes from the handler's allocator, and is free again when the handler is called") {
  asio::io_context context;
  int live = 0, when_called = -1;
  after(context, 1ms, slack(0s),
        asio::bind_allocator(counting_allocator<char>(live), [&](std::error_code) { when_called = live; }));
  CHECK(live == 1);
  context.run();
  CHECK(when_called == 0);
  CHECK(live == 0);
}

TEST_CASE("many threads run the context, start waits and cancel those of others: each ends once") {
  constexpr int starters = 2, each = 500;
  asio::io_context context;
  std::deque<asio::cancellation_signal> signals(starters * each);
  std::atomic<int> good{0}, cancelled{0};
  {
    auto work = asio::make_work_guard(context);
    std::vector<std::jthread> runners;
    for (int i = 0; i < 3; ++i) runners.emplace_back([&] { context.run(); });
    std::vector<std::jthread> others;
    for (int s = 0; s < starters; ++s) {
      others.emplace_back([&, s] {
        std::minstd_rand random(static_cast<unsigned>(s + 1));
        for (int i = 0; i < each; ++i) {
          asio::cancellation_signal& signal = signals[static_cast<std::size_t>(s * each + i)];
          after(context, std::chrono::microseconds(random() % 2000), slack(std::chrono::microseconds(random() % 500)),
                asio::bind_cancellation_slot(signal.slot(), [&](std::error_code ec) { ++(ec ? cancelled : good); }));
          // Of an earlier wait, which may be ending in another thread just now.
          const int earlier = i - static_cast<int>(random() % 20);
          if (earlier >= 0 && random() % 2 == 0) signals[static_cast<std::size_t>(s * each + earlier)].emit(terminal);
        }
      });
    }
    others.clear();
    work.reset();
  }
  CHECK(good + cancelled == starters * each);
  CHECK(good > 0);
  CHECK(cancelled > 0);
  CHECK(takt::asio::timers_of(context).pending() == 0);
}

TEST_CASE("after notify_fork() the waits go on in both processes") {
  asio::io_context context;
  int ended = 0;
  asio::cancellation_signal signal;
  for (int i = 0; i < 5; ++i) after(context, 1ms * i, slack(1ms), [&](std::error_code ec) { ended += ec ? 0 : 1; });
  after(context, 1h, slack(0s), asio::bind_cancellation_slot(signal.slot(), [&](std::error_code) { ended += 100; }));
  context.poll();
  context.notify_fork(asio::execution_context::fork_prepare);
  const auto end = takt_test::in_child(takt_test::way::fork, [&] {
    context.notify_fork(asio::execution_context::fork_child);
    after(context, 5ms, slack(0s), [&](std::error_code) {
      ended += 1000;
      signal.emit(terminal);
    });
    context.restart();
    context.run();
    return ended == 1105;
  });
  CHECK(end == takt_test::child_end::good);
  context.notify_fork(asio::execution_context::fork_parent);
  signal.emit(terminal);
  context.restart();
  context.run();
  CHECK(ended == 105);
}

#if defined(ASIO_HAS_CO_AWAIT)
TEST_CASE("a coroutine waits on its own executor, and is cancelled by its owner") {
  using namespace asio::experimental::awaitable_operators;
  asio::io_context context;
  std::vector<int> passed;
  const auto body = [&]() -> asio::awaitable<void> {
    co_await after(1ms, slack(1ms));
    passed.push_back(1);
    co_await at(steady_clock::now() + 1ms, slack(0s));
    passed.push_back(2);
    co_await (after(1ms, slack(0s)) || after(1h, slack(0s))); // cancels the hour
    passed.push_back(3);
    bool refused = false;
    try {
      co_await after(1ms, slack(-1ms));
    } catch (const std::system_error& e) {
      refused = e.code() == std::errc::invalid_argument;
    }
    CHECK(refused);
    co_await after(1h, slack(0s));
    passed.push_back(4);
  };
  asio::cancellation_signal signal;
  bool aborted = false;
  asio::co_spawn(context, body(), asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) {
                   try {
                     if (e) std::rethrow_exception(e);
                   } catch (const std::system_error& error) {
                     aborted = error.code() == asio::error::operation_aborted;
                   }
                 }));
  after(context, 20ms, slack(0s), [&](std::error_code) { signal.emit(terminal); });
  context.run();
  CHECK(aborted);
  CHECK(passed == std::vector{1, 2, 3});
}

TEST_CASE("a coroutine that waits is destroyed with the context") {
  const auto witness = std::make_shared<int>();
  {
    asio::io_context context;
    asio::co_spawn(
        context, [](std::shared_ptr<int>) -> asio::awaitable<void> { co_await after(1h, slack(0s)); }(witness),
        asio::detached);
    context.poll();
    CHECK(witness.use_count() == 2);
  }
  CHECK(witness.use_count() == 1);
}
#endif

TEST_CASE_TEMPLATE("asio's own timers run on takt's clocks", Clock, takt::tsc_clock, takt::fast_tsc_clock,
                   takt::posix_clock<CLOCK_MONOTONIC>, takt::posix_clock<CLOCK_BOOTTIME>,
                   takt::posix_clock<CLOCK_REALTIME>) {
  asio::io_context context;
  asio::basic_waitable_timer<Clock> timer(context, 2ms), never(context, 1h);
  const auto start = Clock::now();
  int ended = 0;
  timer.async_wait([&](std::error_code ec) {
    CHECK_FALSE(ec);
    CHECK(Clock::now() - start >= 0ms);
    CHECK(timer.expiry() <= Clock::now());
    CHECK(never.cancel() == 1);
    ++ended;
  });
  never.async_wait([&](std::error_code ec) {
    CHECK(ec == asio::error::operation_aborted);
    ++ended;
  });
  context.run();
  CHECK(ended == 2);
}

TEST_CASE_TEMPLATE("with grid_wait_traits asio waits to the next point of the grid", Clock, takt::tsc_clock,
                   std::chrono::steady_clock, takt::posix_clock<CLOCK_REALTIME>) {
  using traits = takt::asio::grid_wait_traits<Clock, std::centi>;
  for (const auto delay : {0us, 1us, 4'999us, 10'000us, 12'345us}) {
    const auto begin = Clock::now();
    const auto wait = traits::to_wait_duration(std::chrono::duration_cast<typename Clock::duration>(delay));
    const auto end = Clock::now();
    CHECK(end + wait >= begin + delay);
    CHECK(wait < delay + 10ms + 1us);
    // Between the two readings lies a time from which the wait leads to a point.
    const auto origin = takt::grid_origin<Clock>();
    const auto before = (begin.time_since_epoch() + wait - origin - 999ns) / 10ms;
    const auto behind = (end.time_since_epoch() + wait - origin) / 10ms;
    CHECK(behind - before <= 1);
    CHECK(behind * 10ms + origin <= end.time_since_epoch() + wait);
  }
  CHECK(traits::to_wait_duration(Clock::now() + 5ms) > 4ms);
  asio::io_context context;
  asio::basic_waitable_timer<Clock, traits> timer(context, 1ms);
  int ended = 0;
  timer.async_wait([&](std::error_code ec) { ended += ec ? 0 : 1; });
  context.run();
  CHECK(ended == 1);
  CHECK(Clock::now() >= timer.expiry());
}
#endif
