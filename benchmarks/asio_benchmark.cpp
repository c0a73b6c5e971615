/// asio_benchmark.cpp - timers of a program of asio: asio::steady_timer, the same with grid_wait_traits, and
/// takt::asio::after().
///
/// "start_cancel" starts a wait of a minute and cancels it, among n others that are pending, and lets the context call
/// the handler; "start_end" starts n waits that are over at once, and runs the context until all handlers were called.
/// The counter each is the CPU time of one wait, in seconds.
///
/// "live" runs 100 loops for a second of real time. Each waits again and again for its own period of 10 to 500 ms, with a
/// tenth of it as slack, where the timer has slack; grid_wait_traits has a grid of 10 ms. Counted are the times that the
/// thread went to sleep and woke up, as getrusage(2) counts them, the waits, and the CPU time of the thread.
///
/// Figures belong together only as medians of one interleaved run:
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=9 --benchmark_report_aggregates_only=true
#include <benchmark/benchmark.h>
#if defined(TAKT_HAS_asio)
#include <asio.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <random>
#include <ratio>
#include <sys/resource.h>
#include <takt/interop/asio.hpp>
#include <time.h>
#include <utility>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

/// CPU time of this thread, in seconds.
double cpu_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// A timer of asio, with or without a grid.
template <class Timer> class plain_timer {
public:
  explicit plain_timer(asio::io_context& io) : timer_(io) {}
  template <class F> void start(nanoseconds delay, nanoseconds, F f) {
    timer_.expires_after(delay);
    timer_.async_wait(std::move(f));
  }
  void cancel() { timer_.cancel(); }

private:
  Timer timer_;
};
using steady = plain_timer<asio::steady_timer>;
using on_grid = plain_timer<asio::basic_waitable_timer<
    std::chrono::steady_clock, takt::asio::grid_wait_traits<std::chrono::steady_clock, std::centi>>>;

/// A wait of takt, with a signal that cancels it.
class takt_wait {
public:
  explicit takt_wait(asio::io_context& io) : io_(io) {}
  template <class F> void start(nanoseconds delay, nanoseconds slack, F f) {
    takt::asio::after(io_, delay, takt::slack(slack), asio::bind_cancellation_slot(signal_.slot(), std::move(f)));
  }
  void cancel() { signal_.emit(asio::cancellation_type::terminal); }

private:
  asio::io_context& io_;
  asio::cancellation_signal signal_;
};
/// A wait of takt that nothing can cancel.
class takt_bare {
public:
  explicit takt_bare(asio::io_context& io) : io_(io) {}
  template <class F> void start(nanoseconds delay, nanoseconds slack, F f) {
    takt::asio::after(io_, delay, takt::slack(slack), std::move(f));
  }

private:
  asio::io_context& io_;
};

template <class Timer> void start_cancel(benchmark::State& state) {
  asio::io_context io;
  std::deque<Timer> others;
  for (int i = 0; i < state.range(0); ++i) others.emplace_back(io).start(1h + i * 1ms, 1s, [](std::error_code) {});
  Timer timer(io);
  double spent = 0;
  for (auto _ : state) {
    const double begin = cpu_time();
    for (int i = 0; i < 100; ++i) {
      timer.start(1min, 1s, [](std::error_code ec) { benchmark::DoNotOptimize(ec); });
      timer.cancel();
      if (io.stopped()) io.restart();
      io.poll();
    }
    spent += cpu_time() - begin;
  }
  state.counters["each"] = spent / 100 / static_cast<double>(state.iterations());
}

template <class Timer> void start_end(benchmark::State& state) {
  asio::io_context io;
  std::deque<Timer> timers;
  for (int i = 0; i < state.range(0); ++i) timers.emplace_back(io);
  double spent = 0;
  for (auto _ : state) {
    const double begin = cpu_time();
    for (Timer& t : timers) t.start(0s, 0s, [](std::error_code ec) { benchmark::DoNotOptimize(ec); });
    io.run();
    io.restart();
    spent += cpu_time() - begin;
  }
  state.counters["each"] = spent / static_cast<double>(state.range(0)) / static_cast<double>(state.iterations());
}

template <class Timer> struct waiting_loop {
  waiting_loop(asio::io_context& io, nanoseconds p, long& n) : timer(io), period(p), waits(n) {}
  void go() {
    timer.start(period, period / 10, [this](std::error_code ec) {
      if (ec) return;
      ++waits;
      go();
    });
  }
  Timer timer;
  nanoseconds period;
  long& waits;
};

template <class Timer> void live(benchmark::State& state) {
  double spent = 0, wakeups = 0, waited = 0;
  for (auto _ : state) {
    asio::io_context io;
    std::mt19937 random(1);
    long waits = 0;
    std::deque<waiting_loop<Timer>> loops;
    for (int i = 0; i < 100; ++i)
      loops.emplace_back(io, std::uniform_int_distribution<>(10'000, 500'000)(random) * 1us, waits).go();
    rusage before{}, after{};
    ::getrusage(RUSAGE_THREAD, &before);
    const double begin = cpu_time();
    io.run_for(1s);
    spent += cpu_time() - begin;
    ::getrusage(RUSAGE_THREAD, &after);
    wakeups += static_cast<double>(after.ru_nvcsw - before.ru_nvcsw);
    waited += static_cast<double>(waits);
  }
  const auto runs = static_cast<double>(state.iterations());
  state.counters["wakeups"] = wakeups / runs;
  state.counters["waits"] = waited / runs;
  state.counters["cpu"] = spent / runs;
}

BENCHMARK_TEMPLATE(start_cancel, steady)->Arg(0)->Arg(1000);
BENCHMARK_TEMPLATE(start_cancel, takt_wait)->Arg(0)->Arg(1000);
BENCHMARK_TEMPLATE(start_end, steady)->Arg(1)->Arg(1000);
BENCHMARK_TEMPLATE(start_end, takt_wait)->Arg(1)->Arg(1000);
BENCHMARK_TEMPLATE(start_end, takt_bare)->Arg(1)->Arg(1000);
BENCHMARK_TEMPLATE(live, steady)->Iterations(1)->UseRealTime();
BENCHMARK_TEMPLATE(live, on_grid)->Iterations(1)->UseRealTime();
BENCHMARK_TEMPLATE(live, takt_wait)->Iterations(1)->UseRealTime();

} // namespace
#endif
