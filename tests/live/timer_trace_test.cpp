// Protects: that what this kernel records of a thread whose timers are known is read as exactly these timers: how many were
// armed, cancelled and expired, with which range, whose they are, and which thread they woke. Needs root and tracefs; uses
// a tracing instance of its own, which is removed afterwards.
#include <takt/observe/tick_trace.hpp>
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/trace_text.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <poll.h>
#include <pthread.h>
#include <sstream>
#include <string>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <thread>
#include <time.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;

/// A tracing instance that records the events of hrtimers and wake-ups.
class instance {
public:
  instance() : path_("/sys/kernel/tracing/instances/takt_live_" + std::to_string(getpid())) {
    made_ = mkdir(path_.c_str(), 0700) == 0;
    if (!made_) return;
    ready_ = write("trace_clock", "mono") && write("buffer_size_kb", "16384");
    for (const char* const event : {"timer/hrtimer_start", "timer/hrtimer_cancel", "timer/hrtimer_expire_entry",
                                    "timer/hrtimer_expire_exit", "sched/sched_waking", "sched/sched_switch"})
      ready_ = ready_ && write("events/" + std::string(event) + "/enable", "1");
    if (!write("events/timer/hrtimer_setup/enable", "1")) ready_ = ready_ && write("events/timer/hrtimer_init/enable", "1");
    ready_ = ready_ && write("tracing_on", "1");
  }
  ~instance() {
    if (made_) rmdir(path_.c_str());
  }
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;

  bool ready() const { return ready_; }
  /// The text of the recording; empty if the kernel overwrote a part of it.
  std::string text() {
    write("tracing_on", "0");
    for (int cpu = 0;; ++cpu) {
      std::ifstream stats(path_ + "/per_cpu/cpu" + std::to_string(cpu) + "/stats");
      if (!stats) break;
      for (std::string line; std::getline(stats, line);)
        if ((line.rfind("overrun:", 0) == 0 || line.rfind("dropped events:", 0) == 0) && line.back() != '0') return {};
    }
    std::ifstream file(path_ + "/trace");
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }

private:
  bool write(const std::string& file, const char* value) {
    std::ofstream out(path_ + "/" + file);
    out << value << std::flush;
    return static_cast<bool>(out);
  }
  std::string path_;
  bool made_ = false, ready_ = false;
};

void nap(long ns) {
  timespec t{0, ns};
  while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) != 0) {}
}

/// Returns: whether a thread of this process waits.
bool sleeps(std::int32_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');
  return name_end != line.npos && name_end + 2 < line.size() && line[name_end + 2] == 'S';
}

/// 40 sleeps of 2 ms; 10 polls of 20 ms, of which 6 end early; 8 periods of a timerfd.
std::int32_t known_timers() {
  std::int32_t id = 0;
  std::thread thread([&id] {
    id = static_cast<std::int32_t>(syscall(SYS_gettid));
    pthread_setname_np(pthread_self(), "known timers");
    prctl(PR_SET_TIMERSLACK, 1'000'000UL);
    for (int i = 0; i < 40; ++i) nap(2'000'000);
    for (int i = 0; i < 10; ++i) {
      int ends[2];
      if (pipe(ends) != 0) return;
      std::thread writer;
      if (i % 5 < 3)
        writer = std::thread([&ends, id] {
          while (!sleeps(id)) std::this_thread::sleep_for(1ms); // data that come before poll would leave it without a timer
          if (::write(ends[1], "x", 1) != 1) return;
        });
      pollfd waits{ends[0], POLLIN, 0};
      poll(&waits, 1, i % 5 < 3 ? 2000 : 20);
      if (writer.joinable()) writer.join();
      close(ends[0]), close(ends[1]);
    }
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const itimerspec every{{0, 2'000'000}, {0, 2'000'000}};
    timerfd_settime(timer, 0, &every, nullptr);
    for (std::uint64_t seen = 0, now = 0; seen < 8; seen += now)
      if (read(timer, &now, sizeof now) != sizeof now) return;
    close(timer);
  });
  thread.join();
  return id;
}

} // namespace

TEST_CASE("a thread with known timers is found with exactly these") {
  std::string text;
  std::int32_t id = 0;
  for (int attempt = 0; attempt < 3 && text.empty(); ++attempt) { // a busy machine may overwrite the first records
    instance trace;
    if (!trace.ready()) TAKT_SKIP("tracefs is not mounted, or not permitted");
    id = known_timers();
    text = trace.text();
  }
  if (text.empty()) TAKT_SKIP("the kernel lost events three times");
  takt::timer_trace::options options;
  options.by_thread = true;
  takt::timer_trace trace(options);
  takt::tick_trace ticks;
  takt::trace_text_reader reader;
  std::uint64_t woke = 0, timerfd = 0;
  reader.feed(text, [&](const takt::trace_event& e) {
    ticks.add(e);
    trace.add(e, [&](const takt::timer_trace::step& l) {
      using kind = takt::timer_trace::step::kind_type;
      if (l.kind == kind::woke && l.thread == id) ++woke;
      if (l.kind != kind::expired || l.usage == trace.no_usage || l.function != "timerfd_tmrproc") return;
      if (trace.usages()[l.usage].owner.thread != id) return;
      ++timerfd;
    });
  });
  trace.finish();
  CHECK(reader.form() == takt::trace_text_reader::form_type::ftrace);
  CHECK(reader.counts().unreadable == 0);
  CHECK(reader.counts().lost == 0);
  const takt::timer_trace::usage* known = nullptr;
  for (const takt::timer_trace::usage& u : trace.usages())
    if (u.owner.thread == id && u.subsystem == takt::timer_trace::subsystem::hrtimer) known = &u;
  REQUIRE(known != nullptr);
  CHECK(known->owner.name == "known timers");
  CHECK(!known->owner.real_time);
  // The timerfd is started again by each read, also by the last; closing it cancels that. A read that comes late counts
  // several periods of one expiry.
  CHECK(timerfd <= 8);
  CHECK(timerfd >= 1);
  CHECK(known->armed == 40 + 10 + timerfd + 1);
  CHECK(known->expired == 40 + 4 + timerfd);
  CHECK(known->cancelled == 6 + 1);
  CHECK(known->moved == 0);
  CHECK(known->alive == 0);
  // The slack, for at least 50 of at most 59 starts; poll may take more, a timerfd takes none.
  CHECK(known->range.quantile(0.3).count() == doctest::Approx(1e6).epsilon(1.0 / 64));
  CHECK(known->after_softexpires.min() >= 0ns);
  CHECK(known->clocks == 1U << static_cast<unsigned>(takt::timer_trace::clock::monotonic));
  CHECK(woke >= 40);
  CHECK(ticks.period() > 0ns);
}
