// Protects: what is said of each CPU's tick: how many, how far apart, stopped for how long and kept why; the period that is
// worked out; both histograms; and that a thread is listed as one that follows the tick if it does, and not if it drifts
// through it or comes at random.
#include <takt/observe/tick_trace.hpp>
#include <takt/observe/trace_text.hpp>
#include <doctest/doctest.h>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::trace_event;
using takt::trace_kind;
using tick_dependency = takt::trace_event::tick_dependency;

trace_event at(nanoseconds time, trace_kind kind, std::int32_t thread, std::int32_t cpu = 0) {
  trace_event e;
  e.time = time, e.kind = kind, e.thread = thread, e.cpu = cpu;
  e.task = thread == 0 ? "swapper/0" : thread == 7 ? "seven" : "other";
  return e;
}
trace_event tick(nanoseconds time, std::int32_t thread, std::int32_t cpu = 0) {
  auto e = at(time, trace_kind::hrtimer_expire_entry, thread, cpu);
  e.function = "tick_nohz_handler", e.now = time;
  return e;
}
trace_event tick_start(nanoseconds time, nanoseconds expires, std::int32_t thread, std::int32_t cpu = 0) {
  auto e = at(time, trace_kind::hrtimer_start, thread, cpu);
  e.function = "tick_nohz_handler", e.expires = e.softexpires = expires;
  return e;
}
trace_event switched(nanoseconds time, std::int32_t from, std::int32_t to, std::int32_t cpu = 0) {
  auto e = at(time, trace_kind::sched_switch, from, cpu);
  e.previous = from, e.other = to, e.other_task = to == 7 ? "seven" : "other";
  return e;
}
trace_event stop(nanoseconds time, bool success, tick_dependency why, std::int32_t thread, std::int32_t cpu = 0) {
  auto e = at(time, trace_kind::tick_stop, thread, cpu);
  e.success = success, e.dependency = why;
  return e;
}

/// One CPU with a tick every 4 ms, and thread 7 that runs for 1.6 ms from `begin` on, in each of its own periods.
std::vector<takt::tick_trace::thread> run(nanoseconds length, nanoseconds period, nanoseconds first,
                                          nanoseconds jitter = {}) {
  takt::tick_trace trace;
  std::mt19937_64 random(17);
  std::vector<trace_event> events;
  nanoseconds begin = first, next_tick = 4ms;
  bool running = false;
  nanoseconds ends{};
  while (next_tick < length) {
    const nanoseconds next_switch = running ? ends : begin;
    if (next_switch <= next_tick) {
      trace.add(running ? switched(next_switch, 7, 0) : switched(next_switch, 0, 7));
      if (!running) {
        ends = next_switch + 1600us;
        begin += period + nanoseconds(jitter.count() > 0 ? static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(jitter.count())) : 0);
      }
      running = !running;
    } else {
      trace.add(tick(next_tick, running ? 7 : 0));
      next_tick += 4ms;
      trace.add(tick_start(next_tick - 4ms + 2us, next_tick, running ? 7 : 0));
    }
  }
  auto threads = trace.threads();
  CHECK(trace.period() == 4ms);
  return threads;
}

} // namespace

TEST_CASE("a thread that sleeps across the tick, one that runs across it, and their twins that drift") {
  auto threads = run(10s, 4ms, 4ms + 300us); // 40 % of each period, never at the tick
  REQUIRE(threads.size() == 1);
  CHECK(threads[0].number == 7);
  CHECK(threads[0].task == "seven");
  CHECK(threads[0].found == 0);
  CHECK(threads[0].run_share == doctest::Approx(0.4).epsilon(0.01));
  CHECK(threads[0].tick_share == 0);
  CHECK(threads[0].follows_tick);
  CHECK(threads[0].ran.count() == doctest::Approx(4e9).epsilon(0.01));

  threads = run(10s, 4ms, 3ms); // always at the tick
  CHECK(threads[0].tick_share == doctest::Approx(1).epsilon(0.01));
  CHECK(threads[0].run_share == doctest::Approx(0.4).epsilon(0.01));
  CHECK(threads[0].follows_tick);

  for (const nanoseconds period : {4100us, 3900us, 4517us, 7300us}) {
    threads = run(10s, period, 4ms + 300us);
    INFO(period.count());
    REQUIRE(threads.size() == 1);
    CHECK(!threads[0].follows_tick);
    CHECK(threads[0].tick_share == doctest::Approx(threads[0].run_share).epsilon(0.1));
  }
  CHECK(!run(10s, 2ms, 5ms, 4ms)[0].follows_tick); // at random
}

TEST_CASE("a delayed tick is no trial, and neither is a stretch in which a switch was lost") {
  takt::tick_trace trace({4ms, 0.001});
  trace.add(switched(1ms, 0, 7));
  trace.add(tick(4ms, 7));
  trace.add(tick(8ms, 7));
  CHECK(trace.judged_ticks() == 1);
  trace.add(tick(30ms, 7)); // the host ran something else
  CHECK(trace.judged_ticks() == 1);
  CHECK(trace.threads().at(0).expected == 1);
  trace.add(tick(34ms, 9)); // a switch to 9 was lost: the shares until here are not known
  trace.add(tick(38ms, 9));
  trace.add(tick(42ms, 9));
  CHECK(trace.ticks() == 6);
}

TEST_CASE("false alarms are rarer than stated") {
  std::mt19937_64 random(23);
  int alarms = 0;
  for (int report = 0; report < 200; ++report) { // 20 threads in random turns
    takt::tick_trace trace({4ms, 0.05});
    nanoseconds now{}, next = 4ms;
    std::int32_t thread = 1;
    while (now < 2s) {
      const nanoseconds turn(static_cast<std::int64_t>(random() % 3'000'000) + 1);
      while (next <= now + turn) trace.add(tick(next, thread)), next += 4ms;
      now += turn;
      const auto to = static_cast<std::int32_t>(random() % 20) + 1;
      trace.add(switched(now, thread, to));
      thread = to;
    }
    bool alarm = false;
    for (const auto& t : trace.threads()) alarm = alarm || t.follows_tick;
    alarms += alarm;
  }
  CHECK(alarms <= 20); // 10 are stated; the bound makes them fewer
}

TEST_CASE("ticks, distances and the stopped tick of each CPU") {
  takt::tick_trace trace({4ms, 0.001});
  for (int i = 1; i <= 10; ++i) trace.add(tick(4ms * i + (i == 5 ? 500us : 0us), 7, 0));
  trace.add(switched(41ms, 7, 0));
  trace.add(stop(42ms, true, tick_dependency::none, 0));
  trace.add(tick_start(42ms, 80ms, 0));
  trace.add(tick(80ms, 0)); // for another timer; it stays stopped
  trace.add(tick_start(80ms, 83ms, 0));
  trace.add(switched(92ms, 0, 7));
  trace.add(tick(96ms, 7));
  for (int i = 0; i < 3; ++i) trace.add(stop(97ms, false, tick_dependency::scheduler, 7));
  auto unnamed = stop(97ms, false, tick_dependency::rcu, 7);
  unnamed.task = {}; // the switch to it names it
  trace.add(unnamed);
  trace.add(tick(100ms, 5, 2));
  const auto cpus = trace.cpus();
  REQUIRE(cpus.size() == 2);
  CHECK(cpus[0].number == 0);
  CHECK(cpus[0].ticks == 12);
  CHECK(cpus[0].stopped == 50ms);
  CHECK(cpus[0].stops == 1);
  CHECK(cpus[0].watched == 96ms);
  CHECK(cpus[0].smallest == 3500us);
  CHECK(cpus[0].distances.median().count() == doctest::Approx(4e6).epsilon(0.002));
  REQUIRE(cpus[0].kept.size() == 2);
  CHECK(cpus[0].kept[0].dependency == tick_dependency::scheduler);
  CHECK(cpus[0].kept[0].count == 3);
  CHECK(cpus[0].kept[0].task == "seven");
  CHECK(cpus[0].kept[1].dependency == tick_dependency::rcu);
  CHECK(cpus[0].kept[1].task == "seven");
  CHECK(cpus[1].number == 2);
  CHECK(cpus[1].ticks == 1);

  // nohz_full: a thread runs without the tick until it is started for the next period.
  takt::tick_trace full({4ms, 0.001});
  full.add(tick(4ms, 7));
  full.add(stop(5ms, true, tick_dependency::none, 7));
  full.add(tick_start(5ms, 4s, 7));
  full.add(tick_start(25ms, 28ms, 7));
  full.add(tick(28ms, 7));
  CHECK(full.cpus().at(0).stopped == 20ms);
}

TEST_CASE("the period is worked out from what the tick is started for, or from its distances") {
  for (const int hz : {100, 250, 300, 1000}) {
    const nanoseconds period((1'000'000'000 + hz / 2) / hz);
    takt::tick_trace by_starts, by_distances;
    std::mt19937_64 random(1);
    for (int i = 1; i < 60; ++i) {
      const auto late = nanoseconds(static_cast<std::int64_t>(random() % 30'000));
      by_starts.add(tick(period * i + late, 0));
      by_starts.add(tick_start(period * i + late + 2us, period * (i + 1), 0));
      by_distances.add(tick(period * i + late, 0));
    }
    CHECK(by_starts.period() == period);
    CHECK(by_distances.period() == period);
  }
}

TEST_CASE("when in the period ticks come and threads are woken") {
  takt::tick_trace trace;
  for (int i = 0; i < 100; ++i) { // the first of them before the period is known
    trace.add(tick(4ms * i + 1000us, 0));
    trace.add(tick_start(4ms * i + 1002us, 4ms * (i + 1) + 1000us, 0));
    trace.add(at(4ms * i + 3020us, trace_kind::sched_waking, 0));
  }
  CHECK(trace.ticks_in_period()[25] == 100);
  CHECK(trace.wakings_in_period()[75] == 100);
  std::uint64_t all = 0;
  for (const auto n : trace.wakings_in_period()) all += n;
  CHECK(all == 100);
}

TEST_CASE("random events make no undefined behaviour, and shares stay shares") {
  std::mt19937_64 random(9);
  takt::tick_trace trace;
  for (int i = 0; i < 20'000; ++i) {
    auto e = at(nanoseconds(static_cast<std::int64_t>(random() >> (random() % 64))),
                static_cast<trace_kind>(random() % trace_event::kinds),
                static_cast<std::int32_t>(random() % 6) - 1, static_cast<std::int32_t>(random() % 4) - 1);
    e.function = random() % 2 == 0 ? "tick_nohz_handler" : "f";
    e.now = nanoseconds(static_cast<std::int64_t>(random())), e.expires = nanoseconds(static_cast<std::int64_t>(random()));
    e.other = static_cast<std::int32_t>(random() % 6), e.previous = static_cast<std::int32_t>(random() % 6);
    e.success = random() % 2 == 0;
    trace.add(e);
  }
  for (const auto& t : trace.threads()) CHECK(t.found <= trace.judged_ticks());
  CHECK(trace.cpus().size() == 3);
}
