/// scheduler_benchmark.cpp - what it costs to add, to move and to cancel a timer, and to call one back; beside libuv, libevent,
/// asio (those that are installed) and std::multimap. wheel_comparison.cpp compares with a timer wheel that does less.
///
/// Each run adds n timers with random deadlines within a minute and random slack of up to a second, moves all of them to other
/// deadlines, and cancels them; the counters add, move and cancel are the CPU time of one of these, in seconds. "in_order"
/// does all this in the order in which the timers lie in memory, "at_random" each of the three in an order of its own, which
/// costs cache misses whatever the data structure. The kernel's timer is set by none of them. takt_alone is the node form
/// with no_mutex; takt_locked has the mutex, whose lock and unlock cost what "mutex" says when there is nothing else to do.
/// Among others they cost more, in any library: no processor lets a locked instruction pass stores that wait for memory.
/// So takt_wrapped is takt_alone with the same mutex locked and unlocked around each operation by the benchmark: what
/// takt_locked costs beyond that is its own.
///
/// "fire" calls back n timers, each of which adds one to a number: in one wake-up when all are open, or in all the wake-ups
/// that a minute of them needs. The counter each is the CPU time of one timer, in seconds. "call" is the same callback called by
/// a pointer, without any scheduler.
///
/// Figures belong together only as medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
#include "takt_timers.hpp"
#include "timer_input.hpp"
#include <takt/testing/manual_clock.hpp>
#include <takt/scheduler/scheduler.hpp>

#include <algorithm>
#include <benchmark/benchmark.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <time.h>
#include <vector>

#if defined(TAKT_HAS_libuv)
#include <uv.h>
#endif
#if defined(TAKT_HAS_libevent)
#include <event2/event.h>
#include <event2/event_struct.h>
#endif
#if defined(TAKT_HAS_asio)
#include <asio.hpp>
#endif

namespace {

using std::int64_t;
using std::chrono::nanoseconds;

// Each of these has n timers: add(i, delay, slack), move(i, delay, slack), cancel(i); delays count from its making.

struct multimap {
  explicit multimap(std::size_t n) : places(n) {}
  void add(std::size_t i, nanoseconds delay, nanoseconds) { places[i] = timers.emplace(delay.count(), i); }
  void move(std::size_t i, nanoseconds delay, nanoseconds slack) {
    timers.erase(places[i]);
    add(i, delay, slack);
  }
  void cancel(std::size_t i) { timers.erase(places[i]); }
  std::multimap<int64_t, std::size_t> timers;
  std::vector<std::multimap<int64_t, std::size_t>::iterator> places;
};

#if defined(TAKT_HAS_libuv)
struct libuv {
  explicit libuv(std::size_t n) : timers(n) {
    uv_loop_init(&loop);
    for (uv_timer_t& t : timers) uv_timer_init(&loop, &t);
  }
  ~libuv() {
    for (uv_timer_t& t : timers) uv_close(reinterpret_cast<uv_handle_t*>(&t), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  libuv(const libuv&) = delete;
  libuv& operator=(const libuv&) = delete;
  void add(std::size_t i, nanoseconds delay, nanoseconds) {
    uv_timer_start(&timers[i], [](uv_timer_t*) {}, static_cast<std::uint64_t>(delay.count()) / 1'000'000, 0);
  }
  void move(std::size_t i, nanoseconds delay, nanoseconds slack) { add(i, delay, slack); }
  void cancel(std::size_t i) { uv_timer_stop(&timers[i]); }
  uv_loop_t loop;
  std::vector<uv_timer_t> timers;
};
#endif

#if defined(TAKT_HAS_libevent)
struct libevent {
  explicit libevent(std::size_t n) : base(event_base_new()), timers(n) {
    event_base_update_cache_time(base); // or each event_add would read the clock
    for (event& t : timers) event_assign(&t, base, -1, 0, [](evutil_socket_t, short, void*) {}, nullptr);
  }
  ~libevent() { event_base_free(base); }
  libevent(const libevent&) = delete;
  libevent& operator=(const libevent&) = delete;
  void add(std::size_t i, nanoseconds delay, nanoseconds) {
    const timeval t{static_cast<time_t>(delay.count() / 1'000'000'000),
                    static_cast<suseconds_t>(delay.count() % 1'000'000'000 / 1000)};
    event_add(&timers[i], &t);
  }
  void move(std::size_t i, nanoseconds delay, nanoseconds slack) { add(i, delay, slack); }
  void cancel(std::size_t i) { event_del(&timers[i]); }
  event_base* base;
  std::vector<event> timers;
};
#endif

#if defined(TAKT_HAS_asio)
struct asio_timers {
  explicit asio_timers(std::size_t n) {
    timers.reserve(n);
    for (std::size_t i = 0; i < n; ++i) timers.emplace_back(context);
  }
  void add(std::size_t i, nanoseconds delay, nanoseconds) {
    timers[i].expires_at(start + delay);
    timers[i].async_wait([](const asio::error_code&) {});
  }
  void move(std::size_t i, nanoseconds delay, nanoseconds slack) { add(i, delay, slack); }
  void cancel(std::size_t i) { timers[i].cancel(); }
  void settle() { // those that were moved or cancelled are called back with an error: not counted
    context.restart();
    context.poll();
  }
  asio::io_context context;
  std::vector<asio::steady_timer> timers;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};
#endif

template <class Timers> void settle(Timers&) {}
template <class Timers>
  requires requires(Timers t) { t.settle(); }
void settle(Timers& timers) {
  timers.settle();
}

template <class Timers> void operate(benchmark::State& state, bool at_random) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const input in(n, at_random);
  Timers timers(n);
  double add = 0, move = 0, cancel = 0;
  for (auto _ : state) {
    const double begin = cpu_time();
    for (const unsigned i : in.order[0]) timers.add(i, in.first[i], in.slack[i]);
    const double added = cpu_time();
    for (const unsigned i : in.order[1]) timers.move(i, in.second[i], in.slack[i]);
    const double moved = cpu_time();
    settle(timers);
    const double settled = cpu_time();
    for (const unsigned i : in.order[2]) timers.cancel(i);
    const double cancelled = cpu_time();
    settle(timers);
    add += added - begin, move += moved - added, cancel += cancelled - settled;
  }
  const double times = static_cast<double>(state.iterations()) * static_cast<double>(n);
  state.counters["add"] = add / times;
  state.counters["move"] = move / times;
  state.counters["cancel"] = cancel / times;
}

void sizes(benchmark::internal::Benchmark* b) { b->Arg(1'000)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond); }

template <class Timers> void in_order(benchmark::State& state) { operate<Timers>(state, false); }
template <class Timers> void at_random(benchmark::State& state) { operate<Timers>(state, true); }

#define TAKT_COMPARE(timers)                                                                                           \
  BENCHMARK_TEMPLATE(in_order, timers)->Apply(sizes);                                                                  \
  BENCHMARK_TEMPLATE(at_random, timers)->Apply(sizes)
TAKT_COMPARE(takt_alone);
TAKT_COMPARE(takt_locked);
TAKT_COMPARE(takt_wrapped);
TAKT_COMPARE(multimap);
#if defined(TAKT_HAS_libuv)
TAKT_COMPARE(libuv);
#endif
#if defined(TAKT_HAS_libevent)
TAKT_COMPARE(libevent);
#endif
#if defined(TAKT_HAS_asio)
TAKT_COMPARE(asio_timers);
#endif

void mutex(benchmark::State& state) {
  std::mutex m;
  for (auto _ : state) {
    m.lock();
    benchmark::ClobberMemory();
    m.unlock();
  }
}
BENCHMARK(mutex);

// Calling back.

using on_manual_clock =
    takt::basic_grid_scheduler<takt::testing::manual_clock, takt::wake_at_roundest<>, takt::no_mutex>;
struct counting {
  counting(on_manual_clock& s, std::uint64_t& n) : timer(s, [count = &n] { ++*count; }) {}
  on_manual_clock::timer timer;
};

void fire(benchmark::State& state, bool one_wakeup) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const input in(n, false);
  takt::testing::manual_clock clock;
  on_manual_clock timers(clock);
  std::uint64_t called = 0;
  row<counting> all(n, timers, called);
  double each = 0;
  for (auto _ : state) {
    const auto start = clock.now();
    for (std::size_t i = 0; i < n; ++i) all[i].timer.arm(start + in.first[i], takt::slack(in.slack[i]));
    clock.set(start + std::chrono::minutes(2));
    const double begin = cpu_time();
    if (one_wakeup) timers.fire(clock.now());
    else
      while (const auto next = timers.next_wakeup()) timers.fire(*next);
    each += cpu_time() - begin;
  }
  if (called != static_cast<std::uint64_t>(state.iterations()) * n) state.SkipWithError("lost or doubled");
  state.counters["each"] = each / (static_cast<double>(state.iterations()) * static_cast<double>(n));
  state.counters["per_wakeup"] = timers.statistics().fired_per_wakeup();
}
BENCHMARK_CAPTURE(fire, one_wakeup, true)->Apply(sizes);
BENCHMARK_CAPTURE(fire, a_minute, false)->Apply(sizes);

void call(benchmark::State& state) {
  std::uint64_t called = 0;
  const auto count = [](void* n) { ++*static_cast<std::uint64_t*>(n); };
  void (*f)(void*) = count;
  benchmark::DoNotOptimize(f);
  for (auto _ : state) {
    f(&called);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(call);

} // namespace
