// Protects: that a run gets exactly the kernel's stamps that belong to it, from a recording of a real kernel and in each
// situation in which another timer, another wake-up or another thread could be taken for its own; that the stages add up
// to the whole in every run; and that a wake-up that migrated is distinguished from a thread that was moved later.
#include <takt/observe/trace_text.hpp>
#include <takt/observe/wake_trace.hpp>
#include <doctest/doctest.h>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::trace_event;
using takt::trace_kind;
using takt::wake_run;
using moment = takt::wake_run::moment;

constexpr std::int32_t own = 70;
constexpr std::uint64_t timer = 0xabc;

trace_event at(nanoseconds time, trace_kind kind, std::int32_t thread, std::int32_t cpu = 0) {
  trace_event e;
  e.time = time, e.kind = kind, e.thread = thread, e.cpu = cpu;
  return e;
}
trace_event on_timer(nanoseconds time, trace_kind kind, std::int32_t thread, std::uint64_t address = timer,
                     std::int32_t cpu = 0) {
  trace_event e = at(time, kind, thread, cpu);
  e.timer = address;
  return e;
}
trace_event about(nanoseconds time, trace_kind kind, std::int32_t thread, std::int32_t cpu = 0) {
  trace_event e = at(time, kind, thread, cpu);
  e.other = own, e.other_cpu = cpu;
  return e;
}
trace_event switched(nanoseconds time, std::int32_t from, std::int32_t to, std::int32_t cpu = 0) {
  trace_event e = at(time, trace_kind::sched_switch, from, cpu);
  e.previous = from, e.other = to;
  return e;
}

/// The events of one sleep from 0 to 100 us; `change` may leave out, alter or add some.
struct sleep_events {
  std::vector<trace_event> before{on_timer(1us, trace_kind::hrtimer_start, own), switched(3us, own, 0)};
  std::vector<trace_event> interrupt{at(101us, trace_kind::local_timer_entry, 0),
                                     on_timer(102us, trace_kind::hrtimer_expire_entry, 0),
                                     about(103us, trace_kind::sched_waking, 0)};
  std::vector<trace_event> wakeup{about(105us, trace_kind::sched_wakeup, 0),
                                  on_timer(106us, trace_kind::hrtimer_expire_exit, 0),
                                  at(107us, trace_kind::local_timer_exit, 0)};
  std::vector<trace_event> after{switched(110us, 0, own)};

  [[nodiscard]] wake_run run(std::uint64_t id = 1) const {
    takt::wake_trace trace(own);
    trace.begin(id);
    for (const auto* part : {&before, &interrupt, &wakeup, &after})
      for (const trace_event& e : *part) trace.add(e);
    trace.end(id, 116us);
    wake_run r;
    r.id = id;
    r.set(moment::expiry, 100us), r.set(moment::first_reading, 114us), r.set(moment::second_reading, 115us);
    r.after_mark = 117us;
    REQUIRE(trace.complete(r));
    CHECK_FALSE(trace.complete(r)); // once
    return r;
  }
};

nanoseconds sum_of_stages(const wake_run& r) {
  nanoseconds sum{};
  for (std::size_t i = 1; i < wake_run::moments; ++i)
    if (const auto stage = r.stage(static_cast<moment>(i))) sum += *stage;
  return sum;
}

constexpr std::string_view recording =
    R"(         python3-1158    [000] ...1.  1442.096840: tracing_mark_write: takt begin 3
         python3-1158    [000] d..1.  1442.096855: hrtimer_start: hrtimer=00000000d4e16c0e function=hrtimer_wakeup expires=1442098840866 softexpires=1442098840865 mode=ABS was_armed=0
         python3-1158    [000] d..2.  1442.096859: sched_switch: prev_comm=python3 prev_pid=1158 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=1106 next_prio=130
         cc1plus-1106    [000] d.h..  1442.097172: local_timer_entry: vector=236
         cc1plus-1106    [000] d.h..  1442.097173: hrtimer_expire_entry: hrtimer=0000000056f0d5a4 function=hrtimer_wakeup now=1442097173001
         cc1plus-1106    [000] d.h2.  1442.097174: sched_waking: comm=memfd:sealed-91 pid=7664 prio=120 target_cpu=000
         cc1plus-1106    [000] dNh3.  1442.097178: sched_wakeup: comm=memfd:sealed-91 pid=7664 prio=120 target_cpu=000
         cc1plus-1106    [000] dNh..  1442.097178: hrtimer_expire_exit: hrtimer=0000000056f0d5a4
         cc1plus-1106    [000] dNh..  1442.097187: local_timer_exit: vector=236
         cc1plus-1106    [000] dN.3.  1442.097189: hrtimer_start: hrtimer=00000000815eee5a function=dl_task_timer expires=1443047188394 softexpires=1443047188394 mode=ABS|HARD was_armed=0
         cc1plus-1106    [000] d..2.  1442.097191: sched_switch: prev_comm=cc1plus prev_pid=1106 prev_prio=130 prev_state=R ==> next_comm=memfd:sealed-91 next_pid=7664 next_prio=120
 memfd:sealed-91-7664    [000] d..1.  1442.097219: hrtimer_start: hrtimer=00000000b6a2324d function=hrtimer_wakeup expires=1442147263812 softexpires=1442147213812 mode=ABS was_armed=0
 memfd:sealed-91-7664    [000] d..2.  1442.097221: sched_switch: prev_comm=memfd:sealed-91 prev_pid=7664 prev_prio=120 prev_state=S ==> next_comm=cc1plus next_pid=1106 next_prio=130
         cc1plus-1106    [000] d.h..  1442.098863: local_timer_entry: vector=236
         cc1plus-1106    [000] d.h..  1442.098864: hrtimer_expire_entry: hrtimer=00000000d4e16c0e function=hrtimer_wakeup now=1442098863564
         cc1plus-1106    [000] d.h2.  1442.098865: sched_waking: comm=python3 pid=1158 prio=120 target_cpu=000
         cc1plus-1106    [000] dNh3.  1442.098869: sched_wakeup: comm=python3 pid=1158 prio=120 target_cpu=000
         cc1plus-1106    [000] dNh..  1442.098870: hrtimer_expire_exit: hrtimer=00000000d4e16c0e
         cc1plus-1106    [000] dNh..  1442.098879: local_timer_exit: vector=236
         cc1plus-1106    [000] d..2.  1442.098882: sched_switch: prev_comm=cc1plus prev_pid=1106 prev_prio=130 prev_state=R ==> next_comm=python3 next_pid=1158 next_prio=120
         python3-1158    [000] ...1.  1442.098909: tracing_mark_write: takt end 3
         python3-1158    [000] ...1.  1442.098926: tracing_mark_write: takt begin 4
         python3-1158    [000] d..1.  1442.098940: hrtimer_start: hrtimer=00000000fca9d506 function=hrtimer_wakeup expires=1442100926829 softexpires=1442100926828 mode=ABS was_armed=0
         python3-1158    [000] d..2.  1442.098943: sched_switch: prev_comm=python3 prev_pid=1158 prev_prio=120 prev_state=S ==> next_comm=clang next_pid=572 next_prio=130
           clang-572     [000] d.h..  1442.100018: local_timer_entry: vector=236
           clang-572     [000] d.h..  1442.100019: hrtimer_expire_entry: hrtimer=00000000dbb47e17 function=tick_nohz_handler now=1442100018367
           clang-572     [000] d.h..  1442.100025: hrtimer_expire_exit: hrtimer=00000000dbb47e17
           clang-572     [000] d.h1.  1442.100026: hrtimer_start: hrtimer=00000000dbb47e17 function=tick_nohz_handler expires=1442104000000 softexpires=1442104000000 mode=ABS was_armed=0
 cachegrind-amd6-916     [001] d.h..  1442.100030: local_timer_entry: vector=236
 cachegrind-amd6-916     [001] d.h..  1442.100033: hrtimer_expire_entry: hrtimer=00000000d1e9bacc function=tick_nohz_handler now=1442100031451
           clang-572     [000] d.h..  1442.100035: local_timer_exit: vector=236
           clang-572     [000] d.s3.  1442.100038: sched_waking: comm=rcu_preempt pid=15 prio=120 target_cpu=001
 cachegrind-amd6-916     [001] dNh..  1442.100042: hrtimer_expire_exit: hrtimer=00000000d1e9bacc
 cachegrind-amd6-916     [001] dNh1.  1442.100043: hrtimer_start: hrtimer=00000000d1e9bacc function=tick_nohz_handler expires=1442104000000 softexpires=1442104000000 mode=ABS was_armed=0
           clang-572     [000] d.s4.  1442.100045: sched_wakeup: comm=rcu_preempt pid=15 prio=120 target_cpu=001
 cachegrind-amd6-916     [001] dNh..  1442.100055: local_timer_exit: vector=236
 cachegrind-amd6-916     [001] d..2.  1442.100065: sched_switch: prev_comm=cachegrind-amd6 prev_pid=916 prev_prio=120 prev_state=R ==> next_comm=rcu_preempt next_pid=15 next_prio=120
     rcu_preempt-15      [001] d..2.  1442.100079: sched_switch: prev_comm=rcu_preempt prev_pid=15 prev_prio=120 prev_state=I ==> next_comm=cc1plus next_pid=804 next_prio=120
           clang-572     [000] d.h..  1442.100947: local_timer_entry: vector=236
           clang-572     [000] d.h..  1442.100948: hrtimer_expire_entry: hrtimer=00000000fca9d506 function=hrtimer_wakeup now=1442100947523
           clang-572     [000] d.h2.  1442.100949: sched_waking: comm=python3 pid=1158 prio=120 target_cpu=000
           clang-572     [000] dNh3.  1442.100953: sched_wakeup: comm=python3 pid=1158 prio=120 target_cpu=000
           clang-572     [000] dNh..  1442.100954: hrtimer_expire_exit: hrtimer=00000000fca9d506
           clang-572     [000] dNh..  1442.100962: local_timer_exit: vector=236
           clang-572     [000] d..2.  1442.100965: sched_switch: prev_comm=clang prev_pid=572 prev_prio=130 prev_state=R ==> next_comm=python3 next_pid=1158 next_prio=120
         python3-1158    [000] ...1.  1442.100993: tracing_mark_write: takt end 4
         python3-1158    [000] ...1.  1442.101011: tracing_mark_write: takt begin 5
         python3-1158    [000] d..1.  1442.101023: hrtimer_start: hrtimer=000000002965c413 function=hrtimer_wakeup expires=1442103011570 softexpires=1442103011569 mode=ABS was_armed=0
         python3-1158    [000] d..2.  1442.101034: sched_switch: prev_comm=python3 prev_pid=1158 prev_prio=120 prev_state=S ==> next_comm=ccache next_pid=1147 next_prio=130
          ccache-1147    [000] d.h..  1442.103023: local_timer_entry: vector=236
          ccache-1147    [000] d.h..  1442.103024: hrtimer_expire_entry: hrtimer=000000002965c413 function=hrtimer_wakeup now=1442103023602
          ccache-1147    [000] d.h2.  1442.103024: sched_waking: comm=python3 pid=1158 prio=120 target_cpu=000
          ccache-1147    [000] dNh3.  1442.103028: sched_wakeup: comm=python3 pid=1158 prio=120 target_cpu=000
          ccache-1147    [000] dNh..  1442.103028: hrtimer_expire_exit: hrtimer=000000002965c413
          ccache-1147    [000] dNh..  1442.103035: local_timer_exit: vector=236
          ccache-1147    [000] d..2.  1442.103040: sched_switch: prev_comm=ccache prev_pid=1147 prev_prio=130 prev_state=R ==> next_comm=python3 next_pid=1158 next_prio=120
         python3-1158    [000] ...1.  1442.103050: tracing_mark_write: takt end 5
)";

/// Feeds the trace with a text in which marks are lines of their own.
template <class Trace> void feed(Trace& trace, std::string_view text) {
  const auto number_behind = [](std::string_view line, std::string_view word) {
    std::uint64_t n = 0;
    const std::string_view digits = line.substr(line.find(word) + word.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), n);
    return n;
  };
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    trace_event e;
    std::uint64_t lost = 0;
    const auto kind = takt::trace_text_reader::parse_line(line, takt::trace_text_reader::form_type::ftrace, e, lost);
    if (kind == takt::trace_text_reader::line_kind::event) trace.add(e);
    if (line.find("takt begin ") != line.npos) trace.begin(number_behind(line, "takt begin "));
    if (line.find("takt end ") == line.npos) continue;
    REQUIRE(kind == takt::trace_text_reader::line_kind::other); // its time is that of its head
    const std::size_t point = line.find(": tracing_mark_write");
    const std::string_view time = line.substr(line.rfind(' ', point) + 1, point - line.rfind(' ', point) - 1);
    std::int64_t seconds = 0, micros = 0;
    std::from_chars(time.data(), time.data() + time.find('.'), seconds);
    std::from_chars(time.data() + time.find('.') + 1, time.data() + time.size(), micros);
    trace.end(number_behind(line, "takt end "), std::chrono::seconds(seconds) + std::chrono::microseconds(micros));
  }
}

} // namespace

TEST_CASE("a recording of Linux 6.18: every run has its own stamps, whichever other thread sleeps") {
  struct user {
    std::uint64_t id;
    std::int64_t expiry, first, second, after_mark;
  };
  constexpr user readings[] = {{3, 1442098840865, 1442098898526, 1442098900469, 1442098910083},
                               {4, 1442100926828, 1442100982325, 1442100984559, 1442100994974},
                               {5, 1442103011569, 1442103045654, 1442103046285, 1442103050792}};
  takt::wake_trace trace(1158);
  feed(trace, recording);
  for (const user& u : readings) {
    wake_run r;
    r.id = u.id;
    r.set(moment::expiry, nanoseconds(u.expiry)), r.set(moment::first_reading, nanoseconds(u.first));
    r.set(moment::second_reading, nanoseconds(u.second));
    r.after_mark = nanoseconds(u.after_mark);
    INFO(u.id);
    REQUIRE(trace.complete(r));
    CHECK(r.complete());
    CHECK(r.kernel_migrated == false);
    CHECK(r.from_idle == false);
    CHECK(r.timer_cpu == 0);
    CHECK(r.target_cpu == 0);
    CHECK(r.moved_later == 0);
    CHECK(r.preempted == 0);
    for (std::size_t i = 1; i < wake_run::moments; ++i) {
      INFO(i);
      CHECK(*r.times[i] >= *r.times[i - 1] - 1us); // the text cuts microseconds
    }
    const auto off = sum_of_stages(r) - *r.between(moment::expiry, moment::second_reading);
    CHECK(off < 1us);
    CHECK(off > -1us);
    CHECK(*r.mark >= *r.at(moment::second_reading) - 1us);
    CHECK(*r.mark <= r.after_mark);
  }
  wake_run none;
  none.id = 6;
  CHECK_FALSE(trace.complete(none));
}

TEST_CASE("the stages of a plain wake-up from idle") {
  const wake_run r = sleep_events().run();
  CHECK(r.complete());
  CHECK(r.stage(moment::interrupt) == 1us);
  CHECK(r.stage(moment::handler) == 1us);
  CHECK(r.stage(moment::waking) == 1us);
  CHECK(r.stage(moment::wakeup) == 2us);
  CHECK(r.stage(moment::running) == 5us);
  CHECK(r.stage(moment::first_reading) == 4us);
  CHECK(r.stage(moment::second_reading) == 1us);
  CHECK_FALSE(r.stage(moment::expiry));
  CHECK(r.between(moment::waking, moment::first_reading) == 11us);
  CHECK(r.from_idle == true);
  CHECK(r.kernel_migrated == false);
  CHECK_FALSE(r.migrated());
  CHECK(sum_of_stages(r) == 15us);
}

TEST_CASE("the wake-up migrates between waking and wakeup, and nowhere else") {
  sleep_events s;
  trace_event moved = about(104us, trace_kind::sched_migrate_task, 0);
  moved.from_cpu = 0, moved.other_cpu = 1;
  s.interrupt.push_back(moved);
  wake_run r = s.run();
  CHECK(r.kernel_migrated == true);
  CHECK(r.from_cpu == 0);
  CHECK(r.moved_later == 0);
  r.cpu_before = r.cpu_after = 1;
  CHECK(r.user_migrated() == false);
  CHECK(r.migrated()); // the kernel's word

  s = {};
  moved.time = 108us; // by the load balancer, from the queue
  s.after.insert(s.after.begin(), moved);
  r = s.run();
  CHECK(r.kernel_migrated == false);
  CHECK(r.moved_later == 1);

  s = {};
  moved.time = 50us; // asleep: an affinity was set
  s.before.push_back(moved);
  r = s.run();
  CHECK(r.kernel_migrated == false);
  CHECK(r.moved_later == 0);

  s = {};
  moved.time = 104us, moved.other = own + 1; // another thread
  s.interrupt.push_back(moved);
  CHECK(s.run().kernel_migrated == false);
}

TEST_CASE("timers, interrupts and wake-ups of others are not taken for its own") {
  sleep_events s;
  // Another timer expires in the same interrupt, and one of another CPU wakes it: a signal.
  s.interrupt.insert(s.interrupt.begin() + 1, on_timer(101us, trace_kind::hrtimer_expire_entry, 0, 0xdef));
  s.interrupt.insert(s.interrupt.begin() + 2, on_timer(101us, trace_kind::hrtimer_expire_exit, 0, 0xdef));
  s.interrupt.insert(s.interrupt.begin(), at(99us, trace_kind::local_timer_entry, 5, 1));
  CHECK(s.run().at(moment::interrupt) == 101us);
  CHECK(s.run().at(moment::handler) == 102us);

  s = {};
  s.interrupt = {about(60us, trace_kind::sched_waking, 9, 1)}; // before the timer: not by it
  s.wakeup = {about(61us, trace_kind::sched_wakeup, 9, 1)};
  s.after = {switched(65us, 0, own, 1)};
  wake_run r = s.run();
  CHECK_FALSE(r.at(moment::waking));
  CHECK_FALSE(r.at(moment::wakeup));
  CHECK_FALSE(r.at(moment::running));
  CHECK_FALSE(r.complete());
  CHECK_FALSE(r.kernel_migrated);

  // A timer that is armed while an interrupt has this thread's number (the tick) is not the sleep's.
  s = {};
  trace_event tick = on_timer(2us, trace_kind::hrtimer_start, own, 0x777);
  tick.context = takt::trace_event::context_type::hardirq;
  s.before.insert(s.before.begin() + 1, tick);
  CHECK(s.run().at(moment::handler) == 102us);

  // Nor is one that the scheduler starts in the thread on its way to sleep. A name that is not known says nothing.
  s = {};
  s.before[0].function = "hrtimer_wakeup";
  tick = on_timer(2us, trace_kind::hrtimer_start, own, 0x777);
  tick.function = "tick_nohz_handler";
  s.before.insert(s.before.begin() + 1, tick);
  CHECK(s.run().at(moment::handler) == 102us);
  s = {};
  s.before[0].function = "0xffffffff81234567";
  CHECK(s.run().at(moment::handler) == 102us);

  // Armed a second time, after an early wake-up: the last one counts.
  s = {};
  s.before.insert(s.before.begin(), on_timer(500ns, trace_kind::hrtimer_start, own, 0x888));
  CHECK(s.run().at(moment::handler) == 102us);
}

TEST_CASE("without an interrupt event, and with the thread preempted before it reads") {
  sleep_events s;
  s.interrupt.erase(s.interrupt.begin()); // PREEMPT_RT: in a softirq thread
  wake_run r = s.run();
  CHECK_FALSE(r.at(moment::interrupt));
  CHECK(r.stage(moment::handler) == 2us); // from the expiry
  CHECK(sum_of_stages(r) == 15us);

  s = {};
  s.after.push_back(switched(111us, own, 5));
  s.after.push_back(switched(113us, 5, own));
  r = s.run();
  CHECK(r.at(moment::running) == 110us);
  CHECK(r.preempted == 1);
}

TEST_CASE("marks decide what belongs together") {
  takt::wake_trace trace(own);
  const sleep_events s;
  const auto all = [&] {
    for (const auto* part : {&s.before, &s.interrupt, &s.wakeup, &s.after})
      for (const trace_event& e : *part) trace.add(e);
  };
  all(); // before any mark
  trace.end(4, 200us);
  wake_run r;
  r.id = 4;
  CHECK_FALSE(trace.complete(r));
  trace.begin(5);
  all();
  trace.begin(6); // the end of 5 was lost
  trace.end(5, 200us);
  r.id = 5;
  CHECK_FALSE(trace.complete(r));
  trace.end(6, 201us);
  r.id = 6;
  REQUIRE(trace.complete(r));
  CHECK(r.mark == 201us);
  CHECK_FALSE(r.at(moment::handler));
  // Two runs before they are asked for, in any order.
  for (const std::uint64_t id : {7U, 8U}) {
    trace.begin(id);
    all();
    trace.end(id, nanoseconds(static_cast<std::int64_t>(id)));
  }
  for (const std::uint64_t id : {8U, 7U}) {
    r = {}, r.id = id;
    REQUIRE(trace.complete(r));
    CHECK(r.mark == nanoseconds(static_cast<std::int64_t>(id)));
    CHECK(r.at(moment::running) == 110us);
  }
}

TEST_CASE("whatever events come, the known stages add up to the whole") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 2000; ++round) {
    takt::wake_trace trace(own);
    trace.begin(1);
    for (int i = 0; i < 40; ++i) {
      trace_event e;
      e.kind = static_cast<trace_kind>(random() % takt::trace_event::kinds);
      e.time = nanoseconds(i * 1000), e.cpu = static_cast<std::int32_t>(random() % 3) - 1;
      e.thread = random() % 2 ? own : 0, e.other = random() % 2 ? own : 5, e.previous = random() % 2 ? own : 0;
      e.timer = random() % 2, e.other_cpu = static_cast<std::int32_t>(random() % 3) - 1;
      trace.add(e);
    }
    trace.end(1, 41us);
    wake_run r;
    r.id = 1;
    r.set(moment::expiry, 0ns), r.set(moment::first_reading, 42us), r.set(moment::second_reading, 43us);
    REQUIRE(trace.complete(r));
    REQUIRE(sum_of_stages(r) == 43us);
    nanoseconds last{};
    for (const auto& t : r.times) {
      if (!t) continue;
      REQUIRE(*t >= last);
      last = *t;
    }
  }
}

TEST_CASE("moving the kernel's moments moves them alone") {
  wake_run r = sleep_events().run();
  r.shift_kernel(-5us);
  CHECK(r.at(moment::expiry) == 100us);
  CHECK(r.at(moment::interrupt) == 96us);
  CHECK(r.at(moment::running) == 105us);
  CHECK(r.at(moment::first_reading) == 114us);
  CHECK(r.mark == 111us);
  CHECK(sum_of_stages(r) == 15us);
}
