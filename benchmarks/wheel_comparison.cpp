/// wheel_comparison.cpp - what adding, moving, cancelling and calling back cost, as ratios to a timer wheel that does less.
///
/// The yardstick is plain_wheel.hpp. Each round gives n timers random windows (due within a minute, up to a second long) in it
/// and in takt's schedulers, moves all of them to other windows and cancels them; then it calls them back. All of them take
/// turns within a round, so that what else the machine does meets all of them. The table has medians over the rounds of the CPU
/// time of one operation, and in brackets half the distance between the quartiles; a ratio is the median of the ratios of the
/// rounds. "in order" goes through the timers as they lie in memory, "at random" in an order of its own for each operation,
/// which costs cache misses whatever the data structure.
///
/// takt is the node form with no_mutex; "own mutex" has takt's mutex, and "caller's" is takt with a mutex that the benchmark
/// locks around each operation. "a minute" calls back in all the wake-ups that a minute of timers needs; "one wake-up" calls
/// all of them back at once. Both include finding the next wake-up, and the yardstick's every tick.
///
/// Usage: wheel_comparison [ROUNDS [N]]     by default 15 rounds of 1000, 100000 and 1000000 timers
#include "arguments.hpp"
#include "plain_wheel.hpp"
#include "takt_timers.hpp"
#include "timer_input.hpp"
#include <takt/scheduler/scheduler.hpp>
#include <takt/testing/manual_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <time.h>
#include <vector>

namespace {

using std::int64_t;
using std::chrono::nanoseconds;

std::uint64_t called = 0;

// Each of these has n timers: add(i, delay, slack), move(i, delay, slack), cancel(i); delays count from its making.

struct yardstick {
  struct counting final : plain_wheel::timer {
    explicit counting(std::uint64_t& n) : count(&n) {}
    void fire() override { ++*count; }
    std::uint64_t* count;
  };
  explicit yardstick(std::size_t n) : timers(n, called) {}
  void add(std::size_t i, nanoseconds delay, nanoseconds slack) {
    const auto earliest = static_cast<plain_wheel::tick>(delay.count()) / 1'000'000;
    const auto latest = static_cast<plain_wheel::tick>((delay + slack).count()) / 1'000'000;
    wheel.arm_within(timers[i], earliest, latest + (latest == earliest));
  }
  void move(std::size_t i, nanoseconds delay, nanoseconds slack) { add(i, delay, slack); }
  void cancel(std::size_t i) { timers[i].cancel(); }
  void a_minute() { wheel.advance_to(wheel.now() + 120'000); }
  plain_wheel wheel;
  row<counting> timers;
};

/// takt's scheduler on a clock that the benchmark moves.
struct takt_called {
  using scheduler = takt::basic_grid_scheduler<takt::testing::manual_clock, takt::wake_at_roundest<>, takt::no_mutex>;
  struct one {
    one(scheduler& s, std::uint64_t& n) : timer(s, [count = &n] { ++*count; }) {}
    scheduler::timer timer;
  };
  explicit takt_called(std::size_t n) : timers(n, all, called) {}
  void add(std::size_t i, nanoseconds delay, nanoseconds slack) {
    timers[i].timer.arm(clock.now() + delay, takt::slack(slack));
  }
  void a_minute() {
    clock.set(clock.now() + std::chrono::minutes(2));
    while (const auto next = all.next_wakeup()) all.fire(*next);
  }
  void one_wakeup() {
    clock.set(clock.now() + std::chrono::minutes(2));
    all.fire(clock.now());
  }
  takt::testing::manual_clock clock;
  scheduler all{clock};
  row<one> timers;
};

/// Figures of one thing, one for each round.
using figures = std::vector<double>;

double quantile(figures f, double q) {
  std::sort(f.begin(), f.end());
  return f[static_cast<std::size_t>(q * static_cast<double>(f.size() - 1) + 0.5)];
}
std::string shown(const figures& f) {
  char text[64];
  std::snprintf(text, sizeof text, "%6.1f (%.1f)", quantile(f, 0.5), (quantile(f, 0.75) - quantile(f, 0.25)) / 2);
  return text;
}
double ratio(const figures& a, const figures& b) {
  figures r(a.size());
  std::transform(a.begin(), a.end(), b.begin(), r.begin(), [](double x, double y) { return x / y; });
  return quantile(r, 0.5);
}

// Each loop is a function of its own, so that no loop has the registers that another one left over.
template <class Timers> [[gnu::noinline]] void add_all(Timers& timers, const input& in) {
  for (const unsigned i : in.order[0]) timers.add(i, in.first[i], in.slack[i]);
}
template <class Timers> [[gnu::noinline]] void move_all(Timers& timers, const input& in) {
  for (const unsigned i : in.order[1]) timers.move(i, in.second[i], in.slack[i]);
}
template <class Timers> [[gnu::noinline]] void cancel_all(Timers& timers, const input& in) {
  for (const unsigned i : in.order[2]) timers.cancel(i);
}

struct operations {
  figures add, move, cancel;

  template <class Timers> void take(Timers& timers, const input& in, std::size_t times) {
    double a = 0, m = 0, c = 0;
    for (std::size_t k = 0; k < times; ++k) {
      const double begin = cpu_time();
      add_all(timers, in);
      const double added = cpu_time();
      move_all(timers, in);
      const double moved = cpu_time();
      cancel_all(timers, in);
      a += added - begin, m += moved - added, c += cpu_time() - moved;
    }
    const double all = static_cast<double>(times * in.slack.size()) * 1e-9; // in nanoseconds
    add.push_back(a / all), move.push_back(m / all), cancel.push_back(c / all);
  }
};

void compare(std::size_t n, bool at_random, std::size_t rounds) {
  const input in(n, at_random);
  yardstick plain(n);
  takt_alone alone(n);
  takt_locked locked(n);
  takt_wrapped wrapped(n);
  operations of_plain, of_alone, of_locked, of_wrapped;
  const std::size_t times = n < 1'000'000 ? 1'000'000 / n : 1;
  for (std::size_t round = 0; round < rounds; ++round) {
    of_plain.take(plain, in, times);
    of_alone.take(alone, in, times);
    of_locked.take(locked, in, times);
    of_wrapped.take(wrapped, in, times);
  }
  const auto row = [&](const char* what, figures operations::* f) {
    std::printf("%8zu %-9s %-6s | %-13s %-13s %5.2f | %-13s %-13s %5.2f\n", n, at_random ? "at random" : "in order", what,
                shown(of_plain.*f).c_str(), shown(of_alone.*f).c_str(), ratio(of_alone.*f, of_plain.*f),
                shown(of_locked.*f).c_str(), shown(of_wrapped.*f).c_str(), ratio(of_locked.*f, of_wrapped.*f));
  };
  row("add", &operations::add), row("move", &operations::move), row("cancel", &operations::cancel);
  std::fflush(stdout);
}

void compare_calls(std::size_t n, std::size_t rounds) {
  const input in(n, false);
  yardstick plain(n);
  takt_called by_minute(n), at_once(n);
  figures of_plain, minute, one;
  const std::size_t times = n < 1'000'000 ? 1'000'000 / n : 1;
  const auto take = [&](figures& to, auto& timers, const auto& call) {
    double sum = 0;
    const std::uint64_t before = called;
    for (std::size_t k = 0; k < times; ++k) {
      for (std::size_t i = 0; i < n; ++i) timers.add(i, in.first[i], in.slack[i]);
      const double begin = cpu_time();
      call();
      sum += cpu_time() - begin;
    }
    if (called - before != times * n) std::puts("lost or doubled"), std::exit(1);
    to.push_back(sum * 1e9 / static_cast<double>(times * n)); // in nanoseconds
  };
  for (std::size_t round = 0; round < rounds; ++round) {
    take(of_plain, plain, [&] { plain.a_minute(); });
    take(minute, by_minute, [&] { by_minute.a_minute(); });
    take(one, at_once, [&] { at_once.one_wakeup(); });
  }
  std::printf("%8zu | %-13s | %-13s | %-13s\n", n, shown(of_plain).c_str(), shown(minute).c_str(), shown(one).c_str());
  std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv, "wheel_comparison [ROUNDS [N]]", 2);
  const auto rounds = static_cast<std::size_t>(given.number(1, 1, 15));
  std::vector<std::size_t> sizes{1'000, 100'000, 1'000'000};
  if (argc > 2) sizes = {static_cast<std::size_t>(given.number(2, 1))};
  std::puts("       n order     what   | plain wheel   takt          ratio | own mutex     caller's      ratio   [ns]");
  for (const std::size_t n : sizes)
    for (const bool at_random : {false, true}) compare(n, at_random, rounds);
  std::puts("\n       n | plain wheel   | takt, a minute| one wake-up         calling one back [ns]");
  for (const std::size_t n : sizes) compare_calls(n, rounds);
}
