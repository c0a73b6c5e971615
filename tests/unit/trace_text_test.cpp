// Protects: that the texts of ftrace, trace-cmd and perf give the same events, whatever the names of tasks, the choice and
// order of fields and the pieces that the text comes in; that what is cut, too large or of another form is counted and never
// becomes an event; that a printed event is read back as an equal one.
#include <takt/observe/trace_text.hpp>
#include <support/hostile_text.hpp>
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
using takt::trace_event;
using takt::trace_kind;
using takt::trace_text_reader;
using form = takt::trace_text_reader::form_type;
using counts_type = takt::trace_text_reader::counts_type;
using line_kind = takt::trace_text_reader::line_kind;

line_kind parse(std::string_view line, trace_event& e, form f = form::unknown) {
  const std::vector<char> own(line.begin(), line.end()); // an address sanitizer sees a read beyond its end
  static std::vector<char> kept;                         // the event's texts point into it
  kept = own;
  std::uint64_t lost = 0;
  return trace_text_reader::parse_line(std::string_view(kept.data(), kept.size()), f, e, lost);
}
trace_event event_of(std::string_view line, form f = form::unknown) {
  trace_event e;
  const line_kind what = parse(line, e, f);
  INFO(std::string(line));
  CHECK(what == line_kind::event);
  return e;
}

/// An event with texts of its own.
struct kept_event {
  trace_event event;
  std::string task, function, device, other_task, previous_task;
  explicit kept_event(const trace_event& e)
      : event(e), task(e.task), function(e.function), device(e.device), other_task(e.other_task),
        previous_task(e.previous_task) {
    event.task = event.function = event.device = event.other_task = event.previous_task = {};
  }
  friend bool operator==(const kept_event&, const kept_event&) = default;
};

std::vector<kept_event> read(std::string_view text, std::size_t piece, counts_type* counts = nullptr,
                             form f = form::unknown) {
  std::vector<kept_event> events;
  takt::trace_text_reader reader(f);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::string own(text.substr(at, piece));
    reader.feed(own, [&](const trace_event& e) { events.emplace_back(e); });
  }
  reader.finish();
  if (counts != nullptr) *counts = reader.counts();
  return events;
}

constexpr std::string_view ftrace_head = "            bash-1234    [001] d.h1.   406.570106: ";
constexpr std::string_view perf_head = "            bash  1234 [001]   406.570106:   ";

} // namespace

TEST_CASE("every kind of event, as ftrace prints it") {
  const auto of = [](std::string_view fields) { return event_of(std::string(ftrace_head) + std::string(fields)); };
  auto e = of("hrtimer_setup: hrtimer=00000000ffa33521 clockid=CLOCK_MONOTONIC mode=REL|HARD");
  CHECK(e.kind == trace_kind::hrtimer_setup);
  CHECK(e.cpu == 1);
  CHECK(e.thread == 1234);
  CHECK(e.process == -1);
  CHECK(e.task == "bash");
  CHECK(e.time == 406570106us);
  CHECK(e.context == takt::trace_event::context_type::hardirq);
  CHECK(e.timer == 0xffa33521);
  CHECK(e.clockid == 1);
  CHECK(e.mode.bits == (takt::trace_event::hrtimer_mode::relative_bit | takt::trace_event::hrtimer_mode::hard_bit));
  CHECK(of("hrtimer_init: hrtimer=1 clockid=CLOCK_TAI mode=ABS|PINNED|SOFT").kind == trace_kind::hrtimer_setup);

  e = of("hrtimer_start: hrtimer=00000000a6248834 function=tick_nohz_handler expires=406576000000 "
         "softexpires=406575000000 mode=ABS|PINNED|HARD was_armed=1");
  CHECK(e.kind == trace_kind::hrtimer_start);
  CHECK(e.function == "tick_nohz_handler");
  CHECK(e.expires == 406576000000ns);
  CHECK(e.softexpires == 406575000000ns);
  CHECK(e.mode.pinned());
  CHECK(!e.mode.relative());
  CHECK(e.was_armed == 1);
  CHECK(of("hrtimer_start: hrtimer=1 function=f expires=2 softexpires=1 mode=ABS").was_armed == -1);

  e = of("hrtimer_expire_entry: hrtimer=00000000e4a34872 function=hrtimer_wakeup now=406570103674");
  CHECK(e.kind == trace_kind::hrtimer_expire_entry);
  CHECK(e.now == 406570103674ns);
  CHECK(of("hrtimer_expire_exit: hrtimer=00000000e4a34872").timer == 0xe4a34872);
  CHECK(of("hrtimer_cancel: hrtimer=00000000e4a34872").kind == trace_kind::hrtimer_cancel);

  CHECK(of("timer_init: timer=00000000a5b560f8").kind == trace_kind::timer_init);
  e = of("timer_start: timer=000000003c1e332c function=blk_stat_timer_fn expires=4294993907 [timeout=25] "
         "bucket_expiry=4294993908 cpu=0 idx=52 flags=D|I");
  CHECK(e.kind == trace_kind::timer_start);
  CHECK(e.expires_jiffies == 4294993907);
  CHECK(e.jiffies == 4294993882);
  CHECK(e.bucket_jiffies == 4294993908);
  CHECK(e.timer_flags == (trace_event::deferrable | trace_event::irqsafe));
  CHECK(of("timer_start: timer=1 function=f expires=10 [timeout=-3] cpu=0 idx=1 flags=").jiffies == 13);
  e = of("timer_expire_entry: timer=000000003c1e332c function=blk_stat_timer_fn now=4294993882 baseclk=4294993881");
  CHECK(e.jiffies == 4294993882);
  CHECK(of("timer_expire_exit: timer=1").kind == trace_kind::timer_expire_exit);
  CHECK(of("timer_cancel: timer=1").kind == trace_kind::timer_cancel);

  e = of("tick_stop: success=0 dependency=SCHED");
  CHECK(e.kind == trace_kind::tick_stop);
  CHECK(!e.success);
  CHECK(e.dependency == takt::trace_event::tick_dependency::scheduler);
  CHECK(of("tick_stop: success=1 dependency=NONE").dependency == takt::trace_event::tick_dependency::none);
  CHECK(of("tick_stop: success=0 dependency=RCU_EXP").dependency == takt::trace_event::tick_dependency::rcu_expedited);

  e = of("itimer_state: which=0 expires=12 it_value=0.020000 it_interval=1.500000");
  CHECK(e.number == 0);
  CHECK(e.value == 20ms);
  CHECK(e.interval == 1500ms);
  e = of("itimer_expire: which=2 pid=10092 now=0");
  CHECK(e.number == 2);
  CHECK(e.other == 10092);

  CHECK(of("local_timer_entry: vector=236").number == 236);
  CHECK(of("local_timer_exit: vector=236").kind == trace_kind::local_timer_exit);
  e = of("irq_handler_entry: irq=36 name=virtio1-req.0, eth 0");
  CHECK(e.number == 36);
  CHECK(e.device == "virtio1-req.0, eth 0");
  CHECK(of("irq_handler_exit: irq=36 ret=handled").number == 36);
  CHECK(of("softirq_raise: vec=9 [action=RCU]").number == trace_event::softirq_rcu);
  CHECK(of("softirq_entry: vec=1 [action=TIMER]").number == trace_event::softirq_timer);
  CHECK(of("softirq_exit: vec=8 [action=HRTIMER]").kind == trace_kind::softirq_exit);

  e = of("sched_waking: comm=rcu_preempt pid=15 prio=120 target_cpu=003");
  CHECK(e.other == 15);
  CHECK(e.other_task == "rcu_preempt");
  CHECK(e.other_priority == 120);
  CHECK(e.other_cpu == 3);
  CHECK(of("sched_wakeup: comm=x pid=15 prio=-1 success=1 target_cpu=000").other_priority == -1);
  e = of("sched_migrate_task: comm=bash pid=10092 prio=120 orig_cpu=0 dest_cpu=1");
  CHECK(e.from_cpu == 0);
  CHECK(e.other_cpu == 1);
  e = of("sched_switch: prev_comm=sh prev_pid=10090 prev_prio=120 prev_state=R+ ==> next_comm=dpkg-deb next_pid=10079 "
         "next_prio=97");
  CHECK(e.previous == 10090);
  CHECK(e.previous_task == "sh");
  CHECK(e.prev_state == 'R');
  CHECK(e.preempted);
  CHECK(e.other == 10079);
  CHECK(e.other_task == "dpkg-deb");
  CHECK(e.other_priority == 97);
  e = of("cpu_idle: state=4294967295 cpu_id=1");
  CHECK(e.idle_state == trace_event::left_idle);
}

TEST_CASE("fields in any order, and some of them missing") {
  const auto a = event_of(std::string(ftrace_head) +
                          "hrtimer_start: mode=REL softexpires=1 function=hrtimer_wakeup expires=5 new=7 hrtimer=abc");
  CHECK(a.timer == 0xabc);
  CHECK(a.expires == 5ns);
  CHECK(a.softexpires == 1ns);
  CHECK(a.mode.relative());
  const auto b = event_of(std::string(ftrace_head) + "hrtimer_expire_entry: hrtimer=0xabc now=9 function=f/0x0");
  CHECK(b.function == "f");
  CHECK(b.now == 9ns);
  // An expiry at the end of time, and before the zero of its clock.
  CHECK(event_of(std::string(ftrace_head) + "hrtimer_start: hrtimer=1 function=f expires=9223372036854775807 "
                                            "softexpires=18446744073709551615 mode=0x2")
            .softexpires == -1ns);
}

TEST_CASE("the choices of perf") {
  const std::string fields = "timer:hrtimer_cancel: hrtimer=0xffff888627c1c6f8";
  struct {
    std::string_view head;
    std::int32_t thread, process, cpu;
    std::string_view task;
  } const lines[] = {
      {"            perf 10225 [000]   408.495512:            ", 10225, -1, 0, "perf"},
      {"            perf 10225/10226 [000]   408.495512:      ", 10226, 10225, 0, "perf"},
      {"  a b-1 [0] x:/y 10234 [001]   408.495512:           ", 10234, -1, 1, "a b-1 [0] x:/y"},
      {"  a b-1 [0] x:/y 10234   408.495512:           ", 10234, -1, -1, "a b-1 [0] x:/y"},
      {"             :-1  4620/-1    [001]   408.495512:       ", -1, 4620, 1, ":-1"},
      {"  408.495512:            ", -1, -1, -1, ""},
      {"10225 [003]   408.495512:  1   ", 10225, -1, 3, ""},
      {"[003]   408.495512:   ", -1, -1, 3, ""},
      {"perf 10225/10226   408.495512:   ", 10226, 10225, -1, "perf"},
      {"perf   408.495512000:   ", -1, -1, -1, "perf"},
  };
  for (const auto& l : lines) {
    const auto e = event_of(std::string(l.head) + fields);
    INFO(std::string(l.head));
    CHECK(e.time == 408495512us);
    CHECK(e.thread == l.thread);
    CHECK(e.process == l.process);
    CHECK(e.cpu == l.cpu);
    CHECK(e.task == l.task);
    CHECK(e.timer == 0xffff888627c1c6f8);
    CHECK(e.context == takt::trace_event::context_type::unknown);
  }
  // --reltime, and an address where perf has no symbol.
  const auto e = event_of("            perf 10225 [000]     0.000002:  timer:hrtimer_start: hrtimer=0xf "
                          "function=0xffffffff81420a89 expires=2 softexpires=1 mode=0x8 was_armed=0 ffffffff81 enqueue");
  CHECK(e.time == 2us);
  CHECK(e.function == "0xffffffff81420a89");
  CHECK(e.mode.hard());
  // A tracepoint of the same name in another group is another event.
  trace_event other;
  CHECK(parse(std::string(perf_head) + "probe:hrtimer_start: x", other) == line_kind::other);
}

TEST_CASE("names of tasks hold text in the form of something else") {
  for (const std::string name : {"a-5 [000] 1.5:", "a b", "x pid=1 prio=2", "-7 [001] d..", " ==> next_pid=", "a:1 [1] S",
                                 "1.0: cpu_idle:", "prev_pid=7", "[3]", "(77)", "t 1/2"}) {
    std::string task = name.substr(0, 15);
    while (task.front() == ' ') task.erase(0, 1);
    INFO(task);
    const std::string head = std::string(16 - task.size(), ' ') + task;
    auto e = event_of(head + "-1234    [001] d....   406.570106: sched_switch: prev_comm=" + task +
                      " prev_pid=31 prev_prio=120 prev_state=S ==> next_comm=" + task + " next_pid=32 next_prio=99");
    CHECK(e.task == task);
    CHECK(e.thread == 1234);
    CHECK(e.previous_task == task);
    CHECK(e.previous == 31);
    CHECK(e.other_task == task);
    CHECK(e.other == 32);
    CHECK(e.other_priority == 99);
    e = event_of(head + " 1234 [001]   406.570106:  sched:sched_waking: comm=" + task + " pid=33 prio=120 target_cpu=001",
                 form::perf_script);
    CHECK(e.task == task);
    CHECK(e.thread == 1234);
    CHECK(e.other_task == task);
    CHECK(e.other == 33);
  }
  // libtraceevent's form
  const auto e = event_of("           <...>-9 [001]   1.5: sched_switch:         a:1 b:2:77 [120] S ==> swapper/1:0 [120]");
  CHECK(e.previous_task == "a:1 b:2");
  CHECK(e.previous == 77);
  CHECK(e.prev_state == 'S');
  CHECK(e.other == 0);
  CHECK(e.other_task == "swapper/1");
}

TEST_CASE("a task whose name the recorder did not know has none") {
  for (const std::string_view line :
       {"           <...>-4321    [001] d....   406.570106: hrtimer_cancel: hrtimer=1",
        "           <...>-4321    ( 4320) [001] d....   406.570106: hrtimer_cancel: hrtimer=1",
        "           <...>-4321  [001]   406.570106: hrtimer_cancel: hrtimer=1",
        "           :4321  4321 [001]   406.570106: timer:hrtimer_cancel: hrtimer=1",
        "           :4321  4320/4321 [001]   406.570106: timer:hrtimer_cancel: hrtimer=1"}) {
    INFO(std::string(line));
    const auto e = event_of(line);
    CHECK(e.task.empty());
    CHECK(e.thread == 4321);
  }
  // The names that programs have themselves.
  CHECK(event_of("           :4321  4322 [001]   406.570106: timer:hrtimer_cancel: hrtimer=1").task == ":4321");
  CHECK(event_of("          :4321x  4321 [001]   406.570106: timer:hrtimer_cancel: hrtimer=1").task == ":4321x");
  CHECK(event_of("               :  4321 [001]   406.570106: timer:hrtimer_cancel: hrtimer=1").task == ":");
  // It is printed as ftrace prints it.
  trace_event e;
  e.kind = takt::trace_kind::hrtimer_cancel, e.thread = 7, e.cpu = 1, e.timer = 1;
  std::string text;
  takt::trace_text_writer::append(text, e);
  CHECK(text.find(" <...>-7 ") != std::string::npos);
  CHECK(event_of(std::string_view(text).substr(0, text.size() - 1)) == e);
}

TEST_CASE("what is not an event is counted as what it is") {
  trace_event e;
  CHECK(parse("", e) == line_kind::comment);
  CHECK(parse("# tracer: nop", e) == line_kind::comment);
  CHECK(parse("\tffffffff81420a89 enqueue_hrtimer ([kernel.kallsyms])", e) == line_kind::comment);
  CHECK(parse("        ffffffff81420a89 enqueue_hrtimer ([kernel.kallsyms])", e) == line_kind::comment);
  CHECK(parse("cpus=2", e) == line_kind::comment);
  CHECK(parse("CPU 3 is empty", e) == line_kind::comment);
  CHECK(parse(std::string(ftrace_head) + "timer_base_idle: is_idle=1 cpu=0", e) == line_kind::other);
  CHECK(parse(std::string(perf_head) + "syscalls:sys_enter_read: fd: 0x3", e) == line_kind::other);
  // Names of events have digits in them, too.
  CHECK(parse(std::string(ftrace_head) + "sys_exit_pread64: 0x40", e) == line_kind::other);
  CHECK(parse(std::string(perf_head) + "ext4:ext4_sync_file_exit: dev 8,1 ino 9 ret 0", e) == line_kind::other);
  for (const std::string_view fields :
       {"hrtimer_cancel:", "hrtimer_cancel: hrtimer=", "hrtimer_cancel: hrtimer=(null)",
        "hrtimer_cancel: hrtimer=12345678901234567", "hrtimer_cancel: hrtimer=12g4",
        "hrtimer_start: hrtimer=1 function=f expires=5 mode=ABS", "hrtimer_start: hrtimer=1 function= expires=5 softexpires=1",
        "hrtimer_start: hrtimer=1 function=f expires=5 softexpires=6 mode=ABS",
        "hrtimer_start: hrtimer=1 function=f expires=5 softexpires=1 mode=SIDEWAYS",
        "hrtimer_start: hrtimer=1 function=f expires=99999999999999999999 softexpires=1 mode=ABS",
        "hrtimer_expire_entry: hrtimer=1 function=f now=5x", "timer_start: timer=1 function=f expires=5 [timeout=5",
        "tick_stop: success=2 dependency=NONE", "tick_stop: success=1 dependency=WEATHER", "cpu_idle: state=4294967296 cpu_id=0",
        "sched_waking: comm=x pid=99999999999 prio=1 target_cpu=0", "sched_waking: comm=x pid=9 target_cpu=0",
        "sched_waking: comm=a-name-of-16-chr pid=9 prio=1 target_cpu=0", // the kernel's have 15 at most
        "sched_switch: prev_comm=a prev_pid=1 prev_prio=1 prev_state=S", "irq_handler_entry: irq=x name=y",
        "itimer_state: which=0 expires=0 it_value=5 it_interval=0.0"}) {
    INFO(std::string(fields));
    CHECK(parse(std::string(ftrace_head) + std::string(fields), e) == line_kind::unreadable);
  }
  for (const std::string_view line :
       {"            bash-1234    [001] d.h1.   406570106: hrtimer_cancel: hrtimer=1", // a counter's stamp
        "            bash-1234    [65536] d.h1.   406.570106: hrtimer_cancel: hrtimer=1",
        "            bash-1234    [001] d.h1.   99999999999.570106: hrtimer_cancel: hrtimer=1",
        "            bash-1234    [001] d.h1.   406.5701061234: hrtimer_cancel: hrtimer=1",
        "            bash-99999999999 [001] d.h1.   406.570106: hrtimer_cancel: hrtimer=1",
        "            perf 10225 [000]  timer:hrtimer_cancel: hrtimer=1", "hrtimer_cancel: hrtimer=1", "nonsense"}) {
    INFO(std::string(line));
    CHECK(parse(line, e) == line_kind::unreadable);
  }
}

TEST_CASE("lost events are counted") {
  counts_type counts;
  read("CPU:2 [LOST 123 EVENTS]\nCPU:1 [LOST EVENTS]\nCPU:0 [7 EVENTS DROPPED]\nCPU:0 [EVENTS DROPPED]\n"
       "swapper     0 [000]   408.1: PERF_RECORD_LOST lost 5\n",
       1000, &counts);
  CHECK(counts.lines == 5);
  CHECK(counts.lost == 135);
  CHECK(counts.lost_notes == 5);
  CHECK(counts.unreadable == 0);
}

TEST_CASE("the four recordings of one program say the same") {
  using namespace test;
  counts_type counts;
  const auto ftrace = read(ftrace_recording, 1 << 20, &counts);
  CHECK(counts.events == ftrace.size());
  CHECK(counts.unreadable + counts.other + counts.lost == 0);
  CHECK(ftrace.size() > 150);
  const auto tgid = read(ftrace_tgid_recording, 1 << 20, &counts), cmd = read(trace_cmd_recording, 1 << 20, &counts);
  REQUIRE(tgid.size() == ftrace.size());
  REQUIRE(cmd.size() == ftrace.size());
  for (std::size_t i = 0; i < ftrace.size(); ++i) {
    auto t = tgid[i];
    CHECK((t.event.process > 0 || t.event.thread == 0 || t.event.process == -1));
    t.event.process = -1;
    CHECK(t == ftrace[i]);
    // trace-cmd prints addresses as they are, no flags and, of hrtimer_start, no mode; its report orders alike.
    CHECK(cmd[i].event.kind == ftrace[i].event.kind);
    CHECK(cmd[i].event.time == ftrace[i].event.time);
    CHECK(cmd[i].event.thread == ftrace[i].event.thread);
    CHECK(cmd[i].task == ftrace[i].task);
    CHECK(cmd[i].event.expires == ftrace[i].event.expires);
    CHECK(cmd[i].event.softexpires == ftrace[i].event.softexpires);
    CHECK(cmd[i].event.now == ftrace[i].event.now);
    CHECK(cmd[i].function == ftrace[i].function);
    CHECK(cmd[i].event.other == ftrace[i].event.other);
    CHECK(cmd[i].other_task == ftrace[i].other_task);
    CHECK(cmd[i].event.previous == ftrace[i].event.previous);
  }
  const auto perf = read(perf_script_recording, 1 << 20, &counts);
  CHECK(counts.unreadable + counts.other + counts.lost == 0);
  CHECK(perf.size() > 150);

  CHECK(trace_text_reader::recognise(ftrace_recording) == form::ftrace);
  CHECK(trace_text_reader::recognise(perf_script_recording) == form::perf_script);
  CHECK(trace_text_reader::recognise(trace_cmd_recording) == form::trace_cmd);
  CHECK(trace_text_reader::recognise("hello\nworld\n") == form::unknown);
}

TEST_CASE("a text may come in pieces of any size, and be cut anywhere") {
  const std::string text = std::string(test::ftrace_recording.substr(0, 4000)) + "\n";
  counts_type whole_counts, counts;
  const auto whole = read(text, text.size(), &whole_counts);
  for (std::size_t piece = 1; piece < 300; ++piece) {
    CHECK(read(text, piece, &counts) == whole);
    CHECK(counts == whole_counts);
  }
  test::for_each_cut(text, [&](std::string_view cut) {
    const auto events = read(cut, 1 << 20, &counts);
    REQUIRE(events.size() <= whole.size());
    CHECK(std::equal(events.begin(), events.end(), whole.begin())); // never an event that is not in the text
    CHECK(counts.unreadable <= whole_counts.unreadable + 1);
  });
}

TEST_CASE("a line of more than 64 KiB is skipped, and the next one read") {
  for (const std::size_t piece : {std::size_t{100}, std::size_t{1} << 22}) {
    counts_type counts;
    const std::string long_line(1 << 20, 'x');
    const auto events = read(std::string(ftrace_head) + "hrtimer_cancel: hrtimer=1\n" + long_line + "\n" +
                                 std::string(ftrace_head) + "hrtimer_cancel: hrtimer=2\n" + long_line,
                             piece, &counts);
    CHECK(events.size() == 2);
    CHECK(counts.unreadable == 2);
    CHECK(counts.lines == 4);
  }
}

TEST_CASE("hostile texts") {
  for (const std::string& text : test::hostile_texts()) {
    for (const form f : {form::unknown, form::ftrace, form::perf_script, form::trace_cmd}) {
      counts_type counts;
      CHECK(read(text, 1 << 16, &counts, f).empty());
      CHECK(counts.events == 0);
    }
  }
}

TEST_CASE("an event that is printed is read back as an equal one") {
  std::mt19937_64 random(5);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const auto number = [&](int bits) { return static_cast<std::int64_t>(random() >> (64 - bits) >> below(static_cast<std::uint64_t>(bits))); };
  const std::string names[] = {"bash", "a b-1 [0] x:/y", "x pid=1", "kworker/0:1-eve", "123456789012345", "-", "a:1 [2]"};
  const auto name = [&]() -> std::string_view { return names[below(std::size(names))]; };
  std::string text;
  for (int round = 0; round < 20'000; ++round) {
    trace_event e;
    e.kind = static_cast<trace_kind>(below(takt::trace_event::kinds));
    e.context = static_cast<takt::trace_event::context_type>(below(4));
    e.cpu = static_cast<std::int32_t>(number(12)), e.thread = static_cast<std::int32_t>(number(22));
    e.process = below(2) == 0 ? -1 : static_cast<std::int32_t>(number(31));
    e.time = nanoseconds(number(62)), e.task = name();
    const auto timer = [&] { e.timer = random() >> below(64); };
    switch (e.kind) {
    case trace_kind::hrtimer_setup:
      timer();
      e.clockid = static_cast<std::int32_t>(below(13));
      if (below(2) == 0) e.mode.bits = static_cast<std::uint8_t>(below(16));
      break;
    case trace_kind::hrtimer_start:
      timer();
      e.function = "hrtimer_wakeup", e.softexpires = nanoseconds(number(62)) - nanoseconds(number(61));
      e.expires = e.softexpires + nanoseconds(number(30));
      if (below(2) == 0) e.mode.bits = static_cast<std::uint8_t>(below(16));
      e.was_armed = static_cast<signed char>(static_cast<int>(below(3)) - 1);
      break;
    case trace_kind::hrtimer_expire_entry: timer(), e.function = "f [nfs]", e.function = "f", e.now = nanoseconds(number(63)); break;
    case trace_kind::timer_start:
      timer(), e.function = "process_timeout", e.jiffies = static_cast<std::int64_t>(random());
      e.expires_jiffies = e.jiffies + number(20) - number(5), e.bucket_jiffies = static_cast<std::int64_t>(random());
      e.timer_flags = static_cast<std::uint32_t>(random());
      break;
    case trace_kind::timer_expire_entry: timer(), e.function = "f", e.jiffies = static_cast<std::int64_t>(random()); break;
    case trace_kind::tick_stop:
      e.success = below(2) == 0;
      e.dependency = static_cast<takt::trace_event::tick_dependency>(below(2) == 0 ? 0 : 1U << below(31));
      break;
    case trace_kind::itimer_state:
      e.number = static_cast<std::int32_t>(below(3)), e.value = nanoseconds(number(50)), e.interval = nanoseconds(number(50));
      break;
    case trace_kind::itimer_expire: e.number = 0, e.other = static_cast<std::int32_t>(number(22)); break;
    case trace_kind::irq_handler_entry: e.number = static_cast<std::int32_t>(number(9)), e.device = "ahci[0000:00:1f.2], eth0"; break;
    case trace_kind::sched_waking:
    case trace_kind::sched_wakeup:
    case trace_kind::sched_migrate_task:
    case trace_kind::sched_switch:
      e.other = static_cast<std::int32_t>(number(22)), e.other_priority = static_cast<std::int32_t>(below(141)) - 1;
      e.other_task = name();
      if (e.kind == trace_kind::sched_switch) {
        e.previous = static_cast<std::int32_t>(number(22)), e.previous_priority = 120, e.previous_task = name();
        e.prev_state = "RSDTtXZPI"[below(9)], e.preempted = below(2) == 0;
      } else {
        e.other_cpu = static_cast<std::int32_t>(number(12));
        if (e.kind == trace_kind::sched_migrate_task) e.from_cpu = static_cast<std::int32_t>(number(12));
      }
      break;
    case trace_kind::cpu_idle: e.idle_state = static_cast<std::uint32_t>(random()), e.other_cpu = static_cast<std::int32_t>(number(12)); break;
    case trace_kind::local_timer_entry:
    case trace_kind::local_timer_exit:
    case trace_kind::irq_handler_exit:
    case trace_kind::softirq_raise:
    case trace_kind::softirq_entry:
    case trace_kind::softirq_exit: e.number = static_cast<std::int32_t>(number(9)); break;
    default: timer();
    }
    text.clear();
    takt::trace_text_writer::append(text, e);
    REQUIRE(text.back() == '\n');
    INFO(text);
    trace_event again;
    std::uint64_t lost = 0;
    const std::string_view line = std::string_view(text).substr(0, text.size() - 1);
    REQUIRE(trace_text_reader::parse_line(line, form::unknown, again, lost) == line_kind::event);
    CHECK(again == e);
  }
  text.clear();
  takt::trace_text_writer::header(text);
  CHECK(trace_text_reader::recognise(text) == form::ftrace);
}
