/// trace_text_benchmark.cpp - what it costs to read the text of a recording, beside `grep -c hrtimer_` on the same file.
///
/// The text has the form that is named and 2,000,000 events in the mix of a machine that compiles: a sleep with its switches
/// and its expiry, ticks, softirqs, timers of the wheel. The file is written to $TMPDIR and removed. Each benchmark reads
/// the file once an iteration; `ratio` is its time to that of grep in the same run, CPU time of both. Memory: `peak_mb` is
/// the largest resident size of this program, the file is not in it.
///   --benchmark_enable_random_interleaving=true --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <takt/observe/tick_trace.hpp>
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/trace_text.hpp>

#include <benchmark/benchmark.h>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace std::chrono_literals;
using context_type = takt::trace_event::context_type;
using takt::trace_event;
using takt::trace_kind;

constexpr int rounds = 2'000'000 / 20; // of 20 events each

std::string file_name() {
  const char* const directory = std::getenv("TMPDIR");
  return std::string(directory != nullptr ? directory : "/tmp") + "/takt-trace-" + std::to_string(getpid()) + ".txt";
}

/// Writes the file once; it is removed when the program ends.
class text_file {
public:
  text_file() : name(file_name()) {
    std::FILE* const file = std::fopen(name.c_str(), "w");
    if (file == nullptr) std::abort();
    std::string text;
    takt::trace_text_writer::header(text);
    for (int round = 0; round < rounds; ++round) {
      add_round(text, round);
      if (text.size() > 1 << 20 || round + 1 == rounds) {
        if (std::fwrite(text.data(), 1, text.size(), file) != text.size()) std::abort();
        text.clear();
      }
    }
    if (std::fclose(file) != 0) std::abort();
  }
  ~text_file() { std::remove(name.c_str()); }
  text_file(const text_file&) = delete;
  text_file& operator=(const text_file&) = delete;

  std::string name;

private:
  static void add_round(std::string& text, int round) {
    const std::int32_t thread = 1000 + round % 50;
    const std::string task = "worker-" + std::to_string(round % 50);
    std::chrono::nanoseconds now = 1000s + round * 200us;
    trace_event e;
    const auto add = [&](trace_kind kind, std::int32_t who, context_type context) {
      e.kind = kind, e.cpu = round % 2, e.thread = who, e.task = who == 0 ? std::string_view("<idle>") : std::string_view(task);
      e.process = who == 0 ? -1 : 1000, e.context = context, e.time = now;
      takt::trace_text_writer::append(text, e);
      now += 1us;
    };
    constexpr auto hardirq = context_type::hardirq, softirq = context_type::softirq;
    e.timer = 0xffff'c900'0000'0000 + static_cast<std::uint64_t>(thread) * 4096, e.clockid = 1, e.mode.bits = 1;
    e.function = "hrtimer_wakeup", e.softexpires = now + 5ms, e.expires = e.softexpires + 50us, e.was_armed = 0;
    add(trace_kind::hrtimer_setup, thread, context_type::thread);
    add(trace_kind::hrtimer_start, thread, context_type::thread);
    e.previous = thread, e.previous_task = task, e.previous_priority = 120, e.prev_state = 'S';
    e.other = 0, e.other_task = "swapper/0", e.other_priority = 120;
    add(trace_kind::sched_switch, thread, context_type::thread);
    e.idle_state = 1, e.other_cpu = round % 2;
    add(trace_kind::cpu_idle, 0, context_type::thread);
    e.number = 236;
    add(trace_kind::local_timer_entry, 0, hardirq);
    e.now = e.softexpires + 60us;
    add(trace_kind::hrtimer_expire_entry, 0, hardirq);
    e.other = thread, e.other_task = task;
    add(trace_kind::sched_waking, 0, hardirq);
    add(trace_kind::sched_wakeup, 0, hardirq);
    add(trace_kind::hrtimer_expire_exit, 0, hardirq);
    e.timer = 0xffff'8888'0000'1000 + static_cast<std::uint64_t>(round % 2) * 64, e.function = "tick_nohz_handler";
    e.now = now, e.expires = e.softexpires = now + 4ms, e.mode.bits = 10;
    add(trace_kind::hrtimer_expire_entry, 0, hardirq);
    e.number = trace_event::softirq_timer;
    add(trace_kind::softirq_raise, 0, hardirq);
    add(trace_kind::hrtimer_expire_exit, 0, hardirq);
    add(trace_kind::hrtimer_start, 0, hardirq);
    e.number = 236;
    add(trace_kind::local_timer_exit, 0, hardirq);
    e.number = trace_event::softirq_timer;
    add(trace_kind::softirq_entry, 0, softirq);
    e.timer = 0xffff'8888'0100'0000, e.function = "process_timeout", e.jiffies = round, e.expires_jiffies = round + 3;
    add(trace_kind::timer_cancel, 0, softirq);
    add(trace_kind::timer_expire_entry, 0, softirq);
    add(trace_kind::timer_expire_exit, 0, softirq);
    add(trace_kind::timer_start, 0, softirq);
    add(trace_kind::softirq_exit, 0, softirq);
  }
};

const text_file& file() {
  static const text_file the_file;
  return the_file;
}

double cpu_seconds(int who) {
  rusage use{};
  getrusage(who, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1e-6;
}

/// Returns: the CPU time that grep takes to count the lines. Its output is read: GNU grep stops at the first match where it
/// is /dev/null.
double grep_once() {
  const double before = cpu_seconds(RUSAGE_CHILDREN);
  const std::string command = "grep -c hrtimer_ " + file().name;
  std::FILE* const output = popen(command.c_str(), "r");
  long count = 0;
  if (output == nullptr || std::fscanf(output, "%ld", &count) != 1 || pclose(output) != 0 || count != rounds * 7L)
    std::abort();
  return cpu_seconds(RUSAGE_CHILDREN) - before;
}

template <class Use> void read_file(Use&& use) {
  const int descriptor = open(file().name.c_str(), O_RDONLY | O_CLOEXEC);
  std::vector<char> buffer(std::size_t{1} << 18);
  for (ssize_t size = 0; (size = read(descriptor, buffer.data(), buffer.size())) > 0;)
    use(std::string_view(buffer.data(), static_cast<std::size_t>(size)));
  close(descriptor);
}

/// Measures `once` and grep in turn.
template <class Once> void beside_grep(benchmark::State& state, Once&& once) {
  double own = 0, grep = 0;
  for (auto _ : state) {
    const double before = cpu_seconds(RUSAGE_SELF);
    once();
    const double took = cpu_seconds(RUSAGE_SELF) - before;
    own += took;
    state.SetIterationTime(took);
    grep += grep_once();
  }
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  state.counters["ratio"] = own / grep;
  state.counters["grep_ms"] = grep * 1e3 / static_cast<double>(state.iterations());
  state.counters["ns_per_event"] = own * 1e9 / static_cast<double>(state.iterations()) / (rounds * 20.0);
  state.counters["peak_mb"] = static_cast<double>(use.ru_maxrss) / 1024;
}

/// The floor: finding the ends of lines.
void lines(benchmark::State& state) {
  beside_grep(state, [] {
    std::uint64_t count = 0;
    read_file([&](std::string_view text) {
      while (const void* const end = std::memchr(text.data(), '\n', text.size())) {
        text.remove_prefix(static_cast<std::size_t>(static_cast<const char*>(end) - text.data()) + 1);
        ++count;
      }
    });
    benchmark::DoNotOptimize(count);
  });
}

void events(benchmark::State& state) {
  beside_grep(state, [&state] {
    takt::trace_text_reader reader;
    std::uint64_t sum = 0;
    read_file([&](std::string_view text) { reader.feed(text, [&](const trace_event& e) { sum += e.timer; }); });
    reader.finish();
    benchmark::DoNotOptimize(sum);
    if (reader.counts().events != std::uint64_t{rounds} * 20) state.SkipWithError("not every line was an event");
  });
}

void timers(benchmark::State& state) {
  beside_grep(state, [] {
    takt::trace_text_reader reader;
    takt::timer_trace trace;
    read_file([&](std::string_view text) { reader.feed(text, [&](const trace_event& e) { trace.add(e); }); });
    benchmark::DoNotOptimize(trace.expiries());
  });
}

void timers_and_ticks(benchmark::State& state) {
  beside_grep(state, [] {
    takt::trace_text_reader reader;
    takt::timer_trace trace;
    takt::tick_trace ticks;
    read_file([&](std::string_view text) {
      reader.feed(text, [&](const trace_event& e) { trace.add(e), ticks.add(e); });
    });
    benchmark::DoNotOptimize(trace.expiries() + ticks.ticks());
  });
}

BENCHMARK(lines)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(events)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(timers)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(timers_and_ticks)->UseManualTime()->Unit(benchmark::kMillisecond);

} // namespace
