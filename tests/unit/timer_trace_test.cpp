// Protects: whose timers they are, and how often each was armed, moved, cancelled and expired: from recordings of a known
// program in three forms, and for each rule of ownership by itself; that lateness, ranges, clocks and the wake-ups of idle
// CPUs are those of the events; that the totals always balance, whatever the events; that memory does not grow with them.
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/trace_text.hpp>
#include <support/trace_recordings.hpp>
#include <doctest/doctest.h>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using owner_kind = takt::timer_trace::owner::kind_type;
using step_kind = takt::timer_trace::step::kind_type;
using subsystem = takt::timer_trace::subsystem;
using timer_usage = takt::timer_trace::usage;
using trace_context = takt::trace_event::context_type;
using takt::trace_event;
using takt::trace_kind;

/// Lines of ftrace without their head: "TASK-PID CPU FLAG TIME_US event: fields".
struct recording {
  takt::timer_trace trace;
  std::vector<takt::timer_trace::step> steps; // without texts
  explicit recording(const takt::timer_trace::options& options = {}) : trace(options) {}

  void add(trace_event e) {
    trace.add(e, [&](const takt::timer_trace::step& l) {
      steps.push_back(l);
      steps.back().task = steps.back().function = {};
    });
  }
  const timer_usage* find(std::string_view name, subsystem of = subsystem::hrtimer) const {
    for (const timer_usage& u : trace.usages())
      if (u.owner.name == name && u.subsystem == of) return &u;
    return nullptr;
  }
};

trace_event at(nanoseconds time, trace_kind kind, std::uint64_t timer = 0, std::int32_t thread = 100,
               trace_context context = trace_context::thread, std::int32_t cpu = 0) {
  trace_event e;
  e.time = time, e.kind = kind, e.timer = timer, e.thread = thread, e.context = context, e.cpu = cpu;
  e.task = thread == 0 ? "swapper/0" : thread == 100 ? "sleeper" : "other";
  return e;
}
trace_event start(nanoseconds time, std::uint64_t timer, nanoseconds soft, nanoseconds hard, std::string_view function,
                  std::int32_t thread = 100, trace_context context = trace_context::thread, std::int32_t cpu = 0) {
  auto e = at(time, trace_kind::hrtimer_start, timer, thread, context, cpu);
  e.softexpires = soft, e.expires = hard, e.function = function;
  return e;
}
trace_event expire(nanoseconds time, std::uint64_t timer, nanoseconds now, std::string_view function,
                   std::int32_t interrupted = 0, std::int32_t cpu = 0) {
  auto e = at(time, trace_kind::hrtimer_expire_entry, timer, interrupted, trace_context::hardirq, cpu);
  e.now = now, e.function = function;
  return e;
}
trace_event done(nanoseconds time, std::uint64_t timer, std::int32_t cpu = 0) {
  return at(time, trace_kind::hrtimer_expire_exit, timer, 0, trace_context::hardirq, cpu);
}

void check_balance(const takt::timer_trace& trace) {
  std::uint64_t starts = 0, expiries = 0;
  for (const timer_usage& u : trace.usages()) {
    CHECK(u.armed + u.armed_before == u.cancelled + u.expired + u.alive);
    CHECK(u.alive <= u.in_use);
    CHECK(u.woke_idle <= u.from_idle);
    CHECK(u.from_idle <= u.expired);
    if (u.subsystem != subsystem::wheel) starts += u.armed + u.moved, expiries += u.expired;
  }
  CHECK(starts == trace.starts());
  CHECK(expiries == trace.expiries());
}

} // namespace

TEST_CASE("the recordings of a known program") {
  for (const std::string_view text : {test::ftrace_recording, test::perf_script_recording, test::trace_cmd_recording}) {
    recording r;
    takt::trace_text_reader reader;
    reader.feed(text, [&](const trace_event& e) { r.add(e); });
    r.trace.finish();
    check_balance(r.trace);
    const timer_usage* u = r.find("a b-1 [0]: x/y");
    REQUIRE(u != nullptr);
    CHECK(u->owner.kind == owner_kind::process);
    CHECK(u->owner.process == 2662);
    CHECK(!u->owner.real_time);
    // 4 sleeps, 3 polls, 1 + 3 starts of the timerfd, 2 sleeps that signals ended, 1 POSIX timer, 1 condition variable
    CHECK(u->armed == 15);
    CHECK(u->moved == 1);       // the timerfd
    CHECK(u->cancelled == 4);   // a poll, the timerfd, two sleeps
    CHECK(u->expired == 11);
    CHECK(u->alive == 0);
    CHECK(u->in_use == 2);      // the POSIX timer and a sleep
    CHECK(u->range.max() == 1ms);
    CHECK(u->range.min() == 0ns);
    CHECK(u->range.count() == 16);
    CHECK(u->clocks == (1U << static_cast<unsigned>(takt::timer_trace::clock::monotonic) |
                        1U << static_cast<unsigned>(takt::timer_trace::clock::realtime)));
    CHECK(u->after_softexpires.count() == 11);
    CHECK(u->after_softexpires.max() < 1100us);
    CHECK(u->joined == 5);      // before the hard expiry: another timer's interrupt served them
    u = r.find("a b-1 [0]: x/y", subsystem::interval);
    REQUIRE(u != nullptr);
    CHECK(u->armed == 1);
    CHECK(u->expired == 1);
    u = r.find("real-time");
    REQUIRE(u != nullptr);
    CHECK(u->owner.real_time);
    CHECK(u->armed == 2);
    CHECK(u->expired == 2);
    CHECK(u->range.max() == 0ns);
    int writers = 0;
    for (const timer_usage& w : r.trace.usages()) writers += w.owner.name == "writer" && w.armed == 1 && w.expired == 1;
    CHECK(writers == 2);
    u = r.find("sched_rt_period_timer"); // armed in the real-time thread, for the scheduler
    REQUIRE(u != nullptr);
    CHECK(u->owner.kind == owner_kind::kernel_function);
  }
}

TEST_CASE("where threads have a process, it is the owner; or each thread by itself") {
  recording r;
  takt::trace_text_reader reader;
  reader.feed(test::ftrace_tgid_recording, [&](const trace_event& e) { r.add(e); });
  r.trace.finish();
  const timer_usage* const u = r.find("a b-1 [0]: x/y");
  REQUIRE(u != nullptr);
  CHECK(u->armed == 15 + 2 + 2); // with the real-time thread and the writers
  CHECK(r.find("writer") == nullptr);

  takt::timer_trace::options options;
  options.by_thread = true;
  recording threads(options);
  takt::trace_text_reader again;
  again.feed(test::ftrace_tgid_recording, [&](const trace_event& e) { threads.add(e); });
  REQUIRE(threads.find("real-time") != nullptr);
  CHECK(threads.find("real-time")->armed == 2);
  CHECK(threads.find("real-time")->owner.kind == owner_kind::thread);
  CHECK(threads.find("real-time")->owner.process == 2662);

  recording by_proc; // by /proc instead of by the events
  by_proc.trace.know_process(100, 99);
  by_proc.add(start(1us, 1, 2us, 2us, "hrtimer_wakeup"));
  CHECK(by_proc.trace.usages().at(0).owner.process == 99);
}

TEST_CASE("the owner is who armed it, not who was interrupted") {
  recording r;
  r.add(start(1ms, 7, 5ms, 6ms, "hrtimer_wakeup"));
  r.add(expire(6100us, 7, 6090us, "hrtimer_wakeup", 300));
  r.add(done(6105us, 7));
  const timer_usage* const u = r.find("sleeper");
  REQUIRE(u != nullptr);
  CHECK(r.trace.usages().size() == 1);
  CHECK(u->armed == 1);
  CHECK(u->expired == 1);
  CHECK(u->from_idle == 0);
  CHECK(u->after_softexpires.max() == 1090us);
  CHECK(u->after_expires.max() == 90us);
  CHECK(u->handler.max() == 5us);
  REQUIRE(r.steps.size() == 3);
  CHECK(r.steps[1].kind == step_kind::expired);
  CHECK(r.steps[1].earliest == 6100us - 1090us);
  CHECK(r.steps[1].latest == 6100us - 90us);
  CHECK(r.steps[1].period == 6100us - 1090us - 1ms); // from arming to its due time
  CHECK(r.steps[1].armed_at == 1ms);
}

TEST_CASE("an owner that the recorder could not name has the name that the scheduler's events give it") {
  const auto unnamed = [](trace_event e) {
    e.task = {};
    return e;
  };
  const auto waking = [&](nanoseconds time, std::string_view name) {
    auto e = at(time, trace_kind::sched_waking, 0, 0, trace_context::hardirq);
    e.other = 100, e.other_task = name;
    return e;
  };
  const auto leaves = [&](nanoseconds time, std::int32_t thread, std::string_view name) {
    auto e = unnamed(at(time, trace_kind::sched_switch, 0, thread));
    e.previous = thread, e.previous_task = name, e.other = 0, e.other_task = "swapper/0";
    return e;
  };
  SUBCASE("by an event before: in its steps, too") {
    takt::timer_trace trace;
    std::vector<std::string> names;
    const auto keep = [&](const takt::timer_trace::step& s) { names.emplace_back(s.task); };
    trace.add(waking(1ms, "sleeper"), keep);
    trace.add(unnamed(start(2ms, 7, 5ms, 6ms, "hrtimer_wakeup")), keep);
    CHECK(names == std::vector<std::string>{"sleeper"});
    REQUIRE(trace.usages().size() == 1);
    CHECK(trace.usages()[0].owner.name == "sleeper");
  }
  SUBCASE("by an event after, at the end") {
    recording r;
    r.add(unnamed(start(2ms, 7, 5ms, 6ms, "hrtimer_wakeup")));
    CHECK(r.find("sleeper") == nullptr);
    r.add(leaves(3ms, 100, "sleeper"));
    r.add(unnamed(start(4ms, 8, 5ms, 6ms, "hrtimer_wakeup", 300))); // no other event shows this one
    r.trace.finish();
    REQUIRE(r.find("sleeper") != nullptr);
    CHECK(r.trace.usages().size() == 2);
    CHECK(r.trace.usages()[1].owner.name.empty());
  }
  SUBCASE("a thread that is an owner by itself has its own, not that of its process") {
    takt::timer_trace::options options;
    options.by_thread = true;
    recording r(options);
    r.trace.know_process(300, 100);
    r.add(unnamed(start(2ms, 7, 5ms, 6ms, "hrtimer_wakeup", 300)));
    r.add(leaves(3ms, 100, "main"));
    r.add(leaves(4ms, 300, "worker"));
    r.trace.finish();
    REQUIRE(r.trace.usages().size() == 1);
    CHECK(r.trace.usages()[0].owner.process == 100);
    CHECK(r.trace.usages()[0].owner.name == "worker");
  }
  SUBCASE("the last one of a process that changed it") {
    recording r;
    r.add(leaves(1ms, 100, "child"));
    r.add(unnamed(start(2ms, 7, 5ms, 6ms, "hrtimer_wakeup")));
    r.add(leaves(3ms, 100, "program"));
    r.add(waking(4ms, {})); // says nothing
    r.add(unnamed(start(5ms, 7, 8ms, 9ms, "hrtimer_wakeup")));
    REQUIRE(r.trace.usages().size() == 1);
    CHECK(r.trace.usages()[0].owner.name == "program");
  }
}

TEST_CASE("a timer that its handler arms again stays with who armed it first") {
  for (const trace_context context : {trace_context::hardirq, trace_context::unknown}) {
    recording r;
    const auto in = [&](trace_event e) {
      if (context == trace_context::unknown) e.context = context;
      r.add(e);
    };
    in(start(1ms, 7, 5ms, 5ms, "my_device_poll"));
    for (int i = 1; i <= 3; ++i) {
      const auto now = 5ms * i;
      in(expire(now, 7, now, "my_device_poll", 300));
      in(done(now + 2us, 7));
      in(start(now + 3us, 7, now + 5ms, now + 5ms, "my_device_poll", 300, trace_context::hardirq));
    }
    CHECK(r.trace.usages().size() == 1);
    CHECK(r.find("sleeper")->armed == 4);
    CHECK(r.find("sleeper")->expired == 3);
    CHECK(r.find("sleeper")->alive == 1);
  }
}

TEST_CASE("a timer of interrupt context without an owner, of the idle thread and of the scheduler is the kernel's") {
  recording r;
  r.add(start(1ms, 1, 5ms, 5ms, "napi_watchdog", 300, trace_context::softirq));
  r.add(start(2ms, 2, 5ms, 5ms, "my_function", 0));
  r.add(start(3ms, 3, 5ms, 5ms, "dl_task_timer", 300));
  r.add(start(4ms, 4, 8ms, 8ms, "tick_nohz_handler", 300));
  r.add(start(4ms, 5, 8ms, 8ms, "tick_sched_timer", 0, trace_context::hardirq, 1));
  for (const std::string_view name : {"napi_watchdog", "my_function", "dl_task_timer"}) {
    REQUIRE(r.find(name) != nullptr);
    CHECK(r.find(name)->owner.kind == owner_kind::kernel_function);
  }
  REQUIRE(r.find("tick_nohz_handler") != nullptr);
  CHECK(r.find("tick_nohz_handler")->owner.kind == owner_kind::tick);
  CHECK(r.find("tick_nohz_handler")->armed == 2); // one owner, whatever its function is called
}

TEST_CASE("a sleep from before the recording began belongs to the thread that it wakes") {
  recording r;
  r.add(expire(1ms, 7, 1ms, "hrtimer_wakeup", 0));
  auto waking = at(1ms + 1us, trace_kind::sched_waking, 0, 0, trace_context::hardirq);
  waking.other = 55, waking.other_task = "early", waking.other_priority = 120, waking.other_cpu = 0;
  r.add(waking);
  r.add(done(1ms + 2us, 7));
  auto to = at(1ms + 30us, trace_kind::sched_switch, 0, 0);
  to.previous = 0, to.other = 55, to.other_task = "early", to.other_priority = 120;
  r.add(to);
  const timer_usage* const u = r.find("early");
  REQUIRE(u != nullptr);
  CHECK(r.trace.usages().size() == 1);
  CHECK(u->expired == 1);
  CHECK(u->armed_before == 1);
  CHECK(u->from_idle == 1);
  CHECK(u->woke_idle == 1);
  CHECK(u->wake_to_run.max() == 29us);
  std::vector<step_kind> steps;
  for (const auto& s : r.steps) steps.push_back(s.kind);
  CHECK(steps == std::vector{step_kind::expired, step_kind::woke, step_kind::handler_done, step_kind::ran});
  // One whose handler wakes no thread belongs to its function.
  r.add(expire(2ms, 8, 2ms, "hrtimer_wakeup", 0));
  r.add(done(2ms + 2us, 8));
  REQUIRE(r.find("hrtimer_wakeup") != nullptr);
  CHECK(r.find("hrtimer_wakeup")->expired == 1);
  check_balance(r.trace);
}

TEST_CASE("a handler that an interrupt interrupts goes on after it, with its run time and its wake-ups") {
  // The middle handler's exit is lost once; then the end of the outer one ends both.
  for (const bool exit_lost : {false, true}) {
    recording r;
    takt::trace_text_reader reader;
    std::string text = R"(
     w-7 [000] ..s..  1000.001000: timer_expire_entry: timer=00000000000000dd function=my_poll now=4294900000 baseclk=4294900000
     w-7 [000] d.h..  1000.001010: hrtimer_expire_entry: hrtimer=00000000000000cc function=tick_nohz_handler now=1000001010000
)";
    if (!exit_lost) text += "     w-7 [000] d.h..  1000.001015: hrtimer_expire_exit: hrtimer=00000000000000cc\n";
    else text += "     w-7 [000] d.h..  1000.001012: sched_waking: comm=u pid=9 prio=120 target_cpu=000\n";
    if (!exit_lost) text += "     w-7 [000] d.s..  1000.001020: sched_waking: comm=v pid=8 prio=120 target_cpu=000\n";
    text += R"(     w-7 [000] ..s..  1000.001030: timer_expire_exit: timer=00000000000000dd
     w-7 [000] d.s..  1000.001040: sched_waking: comm=x pid=10 prio=120 target_cpu=000
     w-7 [000] d....  1000.001050: sched_switch: prev_comm=w prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=v next_pid=8 next_prio=120
     v-8 [000] d....  1000.002050: sched_switch: prev_comm=v prev_pid=8 prev_prio=120 prev_state=S ==> next_comm=x next_pid=10 next_prio=120
)";
    reader.feed(text, [&](const trace_event& e) { r.add(e); });
    r.trace.finish();
    check_balance(r.trace);
    const timer_usage* const poll = r.find("my_poll", subsystem::wheel);
    const timer_usage* const tick = r.find("tick_nohz_handler");
    REQUIRE((poll != nullptr && tick != nullptr));
    CHECK(poll->expired == 1);
    CHECK(poll->handler.count() == 1);
    CHECK(poll->handler.max() == 30us);
    CHECK(poll->wake_to_run.count() == (exit_lost ? 0U : 1U)); // v, and not x, which the timer did not wake
    CHECK(tick->expired == 1);
    CHECK(tick->handler.count() == (exit_lost ? 0U : 1U));
    CHECK(tick->wake_to_run.count() == 0);
  }
}

TEST_CASE("the step of an expiry names the interrupted thread, also where its owner is known only later") {
  takt::timer_trace trace;
  std::vector<std::string> names;
  const auto keep = [&](const takt::timer_trace::step& s) {
    if (s.kind == step_kind::expired) names.emplace_back(s.task);
  };
  for (int i = 0; i < 2; ++i) {
    std::string name = i == 0 ? "interrupted" : "other";
    auto e = expire(1ms + i * 1ms, 7, 1ms + i * 1ms, "hrtimer_wakeup", 300);
    e.task = name;
    trace.add(e, keep);
    name.assign(name.size(), '?'); // the event is gone
  }
  trace.finish(keep);
  CHECK(names == std::vector<std::string>{"interrupted", "other"});
}

TEST_CASE("a cancellation is one that no expiry follows") {
  recording r;
  r.add(start(1ms, 7, 5ms, 5ms, "hrtimer_wakeup"));
  r.add(at(5ms, trace_kind::hrtimer_cancel, 7, 300, trace_context::hardirq)); // taken off its queue
  r.add(expire(5ms, 7, 5ms, "hrtimer_wakeup", 300));
  r.add(done(5ms, 7));
  CHECK(r.find("sleeper")->cancelled == 0);
  CHECK(r.find("sleeper")->expired == 1);

  r.add(start(6ms, 7, 9ms, 9ms, "hrtimer_wakeup"));
  r.add(at(7ms, trace_kind::hrtimer_cancel, 7));
  CHECK(r.find("sleeper")->cancelled == 0); // not known yet
  r.add(at(7ms + 1us, trace_kind::sched_switch));
  CHECK(r.find("sleeper")->cancelled == 1);
  CHECK(r.steps.back().kind == step_kind::cancelled);
  CHECK(r.steps.back().time == 7ms);
  CHECK(r.steps.back().thread == 100);

  // An expiry on another CPU is another story.
  r.add(start(8ms, 7, 9ms, 9ms, "hrtimer_wakeup"));
  r.add(at(8500us, trace_kind::hrtimer_cancel, 7));
  r.add(expire(8501us, 9, 9ms, "hrtimer_wakeup", 300, 0));
  CHECK(r.find("sleeper")->cancelled == 2);
  r.add(start(9ms, 10, 19ms, 19ms, "hrtimer_wakeup"));
  r.add(at(9100us, trace_kind::hrtimer_cancel, 10));
  r.trace.finish();
  CHECK(r.find("sleeper")->cancelled == 3);
  check_balance(r.trace);
}

TEST_CASE("a timer that is started again before it expires was moved") {
  recording r;
  r.add(start(1ms, 7, 5ms, 5ms, "timerfd_tmrproc"));
  r.add(at(2ms, trace_kind::hrtimer_cancel, 7)); // kernels that dequeue it first
  r.add(start(2ms, 7, 8ms, 8ms, "timerfd_tmrproc"));
  auto again = start(3ms, 7, 9ms, 9ms, "timerfd_tmrproc"); // kernels that do not
  again.was_armed = 1;
  r.add(again);
  r.add(at(4ms, trace_kind::hrtimer_cancel, 7)); // timerfd_settime sets it up again
  r.add(at(4ms, trace_kind::hrtimer_setup, 7));
  r.add(start(4ms, 7, 10ms, 10ms, "timerfd_tmrproc"));
  const timer_usage* const u = r.find("sleeper");
  CHECK(u->armed == 1);
  CHECK(u->moved == 3);
  CHECK(u->cancelled == 0);
  CHECK(u->alive == 1);
  auto before = start(5ms, 77, 9ms, 9ms, "timerfd_tmrproc"); // armed before the recording began
  before.was_armed = 1;
  r.add(before);
  CHECK(u->moved == 4);
  CHECK(u->armed_before == 1);

  // A sleep that ended early and the next one at the same place of the stack are two.
  recording sleeps;
  sleeps.add(start(1ms, 7, 5ms, 5ms, "hrtimer_wakeup"));
  sleeps.add(at(2ms, trace_kind::hrtimer_cancel, 7));
  sleeps.add(at(2ms + 3us, trace_kind::hrtimer_setup, 7));
  sleeps.add(start(2ms + 4us, 7, 8ms, 8ms, "hrtimer_wakeup"));
  CHECK(sleeps.find("sleeper")->armed == 2);
  CHECK(sleeps.find("sleeper")->moved == 0);
  CHECK(sleeps.find("sleeper")->cancelled == 1);

  // Another owner's start ends the first one's arming.
  recording two;
  two.add(start(1ms, 7, 5ms, 5ms, "timerfd_tmrproc"));
  two.add(start(2ms, 7, 5ms, 5ms, "timerfd_tmrproc", 200));
  CHECK(two.find("sleeper")->cancelled == 1);
  CHECK(two.find("sleeper")->alive == 0);
  CHECK(two.find("other")->armed == 1);
  check_balance(r.trace), check_balance(sleeps.trace), check_balance(two.trace);
}

TEST_CASE("whose a timer is that the recording first sees cancelled") {
  // The scheduler moves its timers in whatever thread runs: that thread has nothing to do with them.
  recording moved;
  moved.add(at(1ms, trace_kind::hrtimer_cancel, 7));
  moved.add(start(1ms + 1us, 7, 9ms, 9ms, "dl_task_timer"));
  CHECK(moved.find("sleeper") == nullptr);
  const timer_usage* u = moved.find("dl_task_timer");
  REQUIRE(u != nullptr);
  CHECK(u->armed_before == 1);
  CHECK(u->moved == 1);
  CHECK(u->armed + u->cancelled == 0);
  CHECK(u->alive == 1);
  moved.trace.finish();
  check_balance(moved.trace);

  // With nothing behind it, or a new sleep at the same place of the stack, it was a sleep of that thread.
  recording slept;
  slept.add(at(1ms, trace_kind::hrtimer_cancel, 7));
  slept.add(at(1ms + 1us, trace_kind::hrtimer_setup, 7));
  slept.add(start(1ms + 2us, 7, 9ms, 9ms, "hrtimer_wakeup"));
  slept.add(at(2ms, trace_kind::hrtimer_cancel, 8, 200));
  slept.trace.finish();
  u = slept.find("sleeper");
  REQUIRE(u != nullptr);
  CHECK(u->armed_before == 1);
  CHECK(u->cancelled == 1);
  CHECK(u->armed == 1);
  CHECK(u->moved == 0);
  u = slept.find("other");
  REQUIRE(u != nullptr);
  CHECK(u->armed_before == 1);
  CHECK(u->cancelled == 1);
  CHECK(u->alive == 0);
  check_balance(slept.trace);

  // It was the dequeueing of an expiry, where one follows.
  recording expired;
  expired.add(at(1ms, trace_kind::hrtimer_cancel, 7));
  expired.add(expire(1ms + 1us, 7, 1ms, "dl_task_timer", 100));
  expired.add(done(1ms + 2us, 7));
  CHECK(expired.find("sleeper") == nullptr);
  REQUIRE(expired.find("dl_task_timer") != nullptr);
  CHECK(expired.find("dl_task_timer")->armed_before == 1);
  CHECK(expired.find("dl_task_timer")->expired == 1);
  CHECK(expired.find("dl_task_timer")->cancelled == 0);
}

TEST_CASE("which expiry woke the CPU") {
  recording r;
  r.add(start(1ms, 1, 4ms, 5ms, "hrtimer_wakeup", 100));
  r.add(start(1ms, 2, 4ms, 9ms, "hrtimer_wakeup", 200));
  r.add(at(5ms, trace_kind::local_timer_entry, 0, 0, trace_context::hardirq));
  r.add(expire(5ms, 1, 5ms, "hrtimer_wakeup"));
  r.add(done(5ms, 1));
  r.add(expire(5ms, 2, 5ms, "hrtimer_wakeup"));
  r.add(done(5ms, 2));
  r.add(at(5ms, trace_kind::local_timer_exit, 0, 0, trace_context::hardirq));
  CHECK(r.trace.idle_wakeups() == 1);
  CHECK(r.find("sleeper")->woke_idle == 1);
  CHECK(r.find("sleeper")->joined == 0);
  CHECK(r.find("other")->woke_idle == 0);
  CHECK(r.find("other")->from_idle == 1);
  CHECK(r.find("other")->joined == 1);
  CHECK(r.find("other")->after_expires.max() == -4ms);
  // Without events around the interrupt, what comes at once belongs to it.
  recording bare;
  bare.add(expire(5ms, 1, 5ms, "a"));
  bare.add(done(5ms + 1us, 1));
  bare.add(expire(5ms + 2us, 2, 5ms, "b"));
  bare.add(done(5ms + 3us, 2));
  bare.add(expire(6ms, 3, 6ms, "c"));
  CHECK(bare.trace.idle_wakeups() == 2);
  CHECK(bare.find("b")->woke_idle == 0);
}

TEST_CASE("a wheel timer: jiffies, and the stopped tick that was set for it") {
  takt::timer_trace::options options;
  options.jiffy = 4ms;
  recording r(options);
  auto w = at(1ms, trace_kind::timer_start, 0xffff'8888'0000'0001, 100);
  w.function = "process_timeout", w.jiffies = 1000, w.expires_jiffies = 1010, w.bucket_jiffies = 1011;
  r.add(w);
  auto stop = at(2ms, trace_kind::tick_stop, 0, 0);
  stop.success = true, stop.dependency = trace_event::tick_dependency::none;
  r.add(stop);
  r.add(at(45ms, trace_kind::local_timer_entry, 0, 0, trace_context::hardirq));
  r.add(expire(45ms, 5, 45ms, "tick_nohz_handler"));
  r.add(done(45ms, 5));
  r.add(at(45ms, trace_kind::local_timer_exit, 0, 0, trace_context::hardirq));
  r.add(at(45ms, trace_kind::timer_cancel, 0xffff'8888'0000'0001, 0, trace_context::softirq));
  auto x = at(45ms, trace_kind::timer_expire_entry, 0xffff'8888'0000'0001, 0, trace_context::softirq);
  x.function = "process_timeout", x.jiffies = 1012;
  r.add(x);
  r.add(at(45ms + 3us, trace_kind::timer_expire_exit, 0xffff'8888'0000'0001, 0, trace_context::softirq));
  const timer_usage* const u = r.find("sleeper", subsystem::wheel);
  REQUIRE(u != nullptr);
  CHECK(u->armed == 1);
  CHECK(u->expired == 1);
  CHECK(u->cancelled == 0);
  CHECK(u->range.max() == 4ms);
  CHECK(u->after_softexpires.max() == 8ms);
  CHECK(u->after_expires.max() == 4ms);
  CHECK(u->woke_idle == 1);
  CHECK(r.find("tick_nohz_handler")->woke_idle == 0);
  CHECK(r.trace.idle_wakeups() == 1);

  recording learns; // the length of a jiffy from times
  for (int i = 0; i < 60; ++i) {
    auto e = at(1s + i * 4ms + (i % 7) * 13us, trace_kind::timer_expire_entry, 1, 0, trace_context::softirq);
    e.function = "f", e.jiffies = 4'294'900'000 + i;
    learns.add(e);
  }
  CHECK(learns.trace.jiffy() == 4ms);

  recording late; // the first tick came late, so that 3.952 ms are measured: 250 Hz and not 256 Hz, which few kernels have
  for (int i = 0; i <= 50; i += 50) {
    auto e = at(1s + i * 4ms + (i == 0 ? 2400us : 0us), trace_kind::timer_expire_entry, 1, 0, trace_context::softirq);
    e.function = "f", e.jiffies = 4'294'900'000 + i;
    late.add(e);
  }
  CHECK(late.trace.jiffy() == 4ms);
}

TEST_CASE("clocks: by the set-up, and by the time at which a timer expires") {
  recording r;
  const auto realtime = 1'764'000'000s;
  r.add(expire(1ms, 1, 1ms, "tick_nohz_handler"));
  r.add(expire(2ms, 2, realtime + 2ms, "posix_timer_fn"));
  r.add(expire(3ms, 3, realtime + 37s + 3ms, "alarmtimer_fired"));
  r.add(expire(4ms, 4, 1000s + 4ms, "it_real_fn"));
  const auto clock = [&](std::string_view name, subsystem of = subsystem::hrtimer) {
    const timer_usage* const u = r.find(name, of);
    return u == nullptr ? 0U : unsigned{u->clocks};
  };
  const auto bit = [](takt::timer_trace::clock c) { return 1U << static_cast<unsigned>(c); };
  CHECK(clock("tick_nohz_handler") == bit(takt::timer_trace::clock::monotonic));
  CHECK(clock("posix_timer_fn") == bit(takt::timer_trace::clock::realtime));
  CHECK(clock("alarmtimer_fired") == bit(takt::timer_trace::clock::tai));
  CHECK(clock("it_real_fn", subsystem::interval) == bit(takt::timer_trace::clock::boottime)); // after a suspend
  CHECK(r.trace.clock_offset(takt::timer_trace::clock::realtime) == realtime);
  auto set_up = at(5ms, trace_kind::hrtimer_setup, 5);
  set_up.clockid = 7;
  r.add(set_up);
  r.add(start(5ms, 5, 8ms, 8ms, "hrtimer_wakeup"));
  r.add(expire(8ms, 5, 8ms, "hrtimer_wakeup"));
  CHECK(clock("sleeper") == bit(takt::timer_trace::clock::boottime));

  recording relative; // perf script --reltime: the tick shows where MONOTONIC is
  relative.add(expire(1ms, 1, 500s + 1ms, "tick_sched_timer"));
  relative.add(expire(2ms, 2, 500s + 2ms, "f"));
  CHECK(relative.find("f")->clocks == bit(takt::timer_trace::clock::monotonic));
}

TEST_CASE("ITIMER_PROF has no hrtimer, ITIMER_REAL is one") {
  recording r;
  auto s = at(1ms, trace_kind::itimer_state);
  s.number = 2, s.value = 10ms, s.interval = 10ms;
  r.add(s);
  auto x = at(11ms, trace_kind::itimer_expire, 0, 300, trace_context::hardirq);
  x.number = 2, x.other = 100;
  r.add(x), r.add(x);
  s.value = 0ns;
  r.add(s);
  const timer_usage* const u = r.find("sleeper", subsystem::interval);
  REQUIRE(u != nullptr);
  CHECK(u->expired == 2);
  CHECK(u->cancelled == 1);
  CHECK(u->armed == 3); // twice by the kernel
  CHECK(u->alive == 0);
  s.number = 0, s.value = 5ms;
  r.add(s);
  CHECK(u->armed == 3); // its hrtimer_start counts
}

TEST_CASE("totals balance, whatever the events") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 30; ++round) {
    recording r;
    nanoseconds now{};
    const std::string_view functions[] = {"hrtimer_wakeup", "tick_nohz_handler", "timerfd_tmrproc", "dl_task_timer", "f"};
    for (int i = 0; i < 3000; ++i) {
      now += nanoseconds(random() % 100'000);
      trace_event e = at(now, static_cast<trace_kind>(random() % trace_event::kinds), random() % 12,
                         static_cast<std::int32_t>(random() % 5), static_cast<trace_context>(random() % 4),
                         static_cast<std::int32_t>(random() % 3) - 1);
      e.function = functions[random() % 5];
      e.softexpires = nanoseconds(static_cast<std::int64_t>(random())), e.expires = nanoseconds(static_cast<std::int64_t>(random()));
      e.now = nanoseconds(static_cast<std::int64_t>(random())), e.jiffies = static_cast<std::int64_t>(random());
      e.expires_jiffies = static_cast<std::int64_t>(random()), e.was_armed = static_cast<signed char>(static_cast<int>(random() % 3) - 1);
      e.other = static_cast<std::int32_t>(random() % 5), e.previous = static_cast<std::int32_t>(random() % 5);
      // Interval timers of CPU time have neither hrtimer_start nor hrtimer_expire_entry.
      e.number = 0;
      r.add(e);
    }
    r.trace.finish();
    check_balance(r.trace);
  }
}

TEST_CASE("memory grows with the timers alive, not with the events") {
  takt::timer_trace trace;
  nanoseconds now{};
  for (int i = 0; i < 300'000; ++i) { // each at an address of its own, and three events for each
    now += 100us;
    const auto timer = static_cast<std::uint64_t>(i + 1) * 64;
    trace.add(start(now, timer, now + 50us, now + 50us, "hrtimer_wakeup"));
    trace.add(expire(now + 60us, timer, now + 60us, "hrtimer_wakeup", 300));
    trace.add(done(now + 61us, timer));
  }
  CHECK(trace.timers() <= 32'768); // those of the last second and some
  CHECK(trace.usages().size() == 1);
  CHECK(trace.usages()[0].expired == 300'000);
}
