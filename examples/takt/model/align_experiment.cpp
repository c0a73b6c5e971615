#include "align_experiment.hpp"
#include "command.hpp"
#include "stop.hpp"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <linux/futex.h>
#include <new>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <takt/sleep/sleep.hpp>
#include <thread>
#include <unistd.h>

namespace tool {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

absl::string_view name_of(sleep_policy p) {
  switch (p) {
  case sleep_policy::plain: return "plain";
  case sleep_policy::slack: return "slack";
  case sleep_policy::aligned: return "aligned";
  case sleep_policy::both: return "both";
  }
  return "";
}

namespace {

/// `patience` is how long threads may take to be ready, `notice` how long before the start they learn of it; both grow
/// with the number of threads.
constexpr nanoseconds patience = std::chrono::seconds(10), patience_for_a_thread = std::chrono::milliseconds(5),
                      notice = std::chrono::milliseconds(100), notice_for_a_thread = std::chrono::microseconds(100);

nanoseconds since_zero() { return steady_clock::now().time_since_epoch() - takt::grid_origin(); }
steady_clock::time_point on_clock(nanoseconds from_zero) {
  return steady_clock::time_point(from_zero + takt::grid_origin());
}

/// The wake-ups of one thread. Its memory never moves while the thread writes.
struct thread_log {
  std::atomic<std::size_t> count{0};
  std::size_t capacity = 0;
  wake_up* entries = nullptr;

  void add(const wake_up& w) {
    const std::size_t n = count.load(std::memory_order_relaxed);
    if (n == capacity) return;
    entries[n] = w;
    count.store(n + 1, std::memory_order_release); // the tool may read at any time, and only complete records
  }
};

/// The memory that the processes of a run share with the tool.
class shared_memory {
public:
  explicit shared_memory(const std::vector<timer>& timers, nanoseconds length) {
    std::size_t entries = 0;
    for (const timer& t : timers) entries += windows_in(t, length);
    size_ = sizeof(header) + timers.size() * sizeof(thread_log) + entries * sizeof(wake_up);
    void* const place = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED) {
      error_ = errno;
      return;
    }
    base_ = static_cast<std::byte*>(place);
    ::new (base_) header;
    auto* entry = reinterpret_cast<wake_up*>(base_ + sizeof(header) + timers.size() * sizeof(thread_log));
    for (std::size_t i = 0; i < timers.size(); ++i) {
      thread_log* const l = ::new (static_cast<void*>(base_ + sizeof(header) + i * sizeof(thread_log))) thread_log;
      l->capacity = windows_in(timers[i], length);
      l->entries = entry;
      entry += l->capacity;
    }
  }
  ~shared_memory() {
    if (base_ != nullptr) munmap(base_, size_);
  }
  shared_memory(const shared_memory&) = delete;
  shared_memory& operator=(const shared_memory&) = delete;

  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] thread_log& log(std::size_t thread) {
    return reinterpret_cast<thread_log*>(base_ + sizeof(header))[thread];
  }
  [[nodiscard]] std::atomic<int>& ready() { return at_front().ready; }
  [[nodiscard]] std::atomic<int>& failure() { return at_front().failure; }

  /// Announces the start to all threads that wait for it.
  void begin_at(nanoseconds start) {
    at_front().start.store(start.count(), std::memory_order_relaxed);
    at_front().announced.store(1, std::memory_order_release);
    syscall(SYS_futex, &at_front().announced, FUTEX_WAKE, INT_MAX, nullptr, nullptr,
            0); // of other processes: not private
  }
  [[nodiscard]] nanoseconds wait_for_start() {
    while (at_front().announced.load(std::memory_order_acquire) == 0)
      syscall(SYS_futex, &at_front().announced, FUTEX_WAIT, 0, nullptr, nullptr, 0);
    return nanoseconds(at_front().start.load(std::memory_order_relaxed));
  }

private:
  struct header {
    std::atomic<int> ready{0};   // threads that wait for the start
    std::atomic<int> failure{0}; // errno of a process that failed
    std::atomic<std::uint32_t> announced{0};
    std::atomic<std::int64_t> start{0}; // valid once announced is 1
  };
  static_assert(std::atomic<std::int64_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);
  static std::size_t windows_in(const timer& t, nanoseconds length) {
    return static_cast<std::size_t>(length / t.period) + 2;
  }
  header& at_front() { return *reinterpret_cast<header*>(base_); }

  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  int error_ = 0;
};

/// Sleeps through all windows of one thread. `start` and `end` count from the grid's zero.
void sleep_through(const timer& t, sleep_policy policy, nanoseconds start, nanoseconds end, int process,
                   thread_log& log) {
  std::error_code ec;
  // Slack on top of the roundest point could leave the window. (sleep_until_within sets its own slack for `both`.)
  if (policy == sleep_policy::aligned) takt::set_timer_slack(nanoseconds(1), ec);
  if (policy == sleep_policy::slack) takt::set_timer_slack(std::max(t.slack, nanoseconds(1)), ec);
  const bool has_slack = !ec; // false under a real-time policy, requested or inherited
  for (nanoseconds due = start + t.first; due + t.slack < end; due += t.period) {
    wake_up w{due, due + t.slack, nanoseconds::zero(), nanoseconds::zero(), process};
    const nanoseconds roundest = *takt::roundest_point(w.due, w.latest);
    // A deadline in the past programs no timer. The roundest point may still be ahead after the window has opened.
    const bool sleeps = since_zero() < (policy == sleep_policy::aligned ? roundest : due);
    switch (policy) {
    case sleep_policy::plain:
      w.expiry = w.due;
      takt::sleep_until(on_clock(w.due), ec);
      break;
    case sleep_policy::slack:
      w.expiry = has_slack ? w.latest : w.due;
      takt::sleep_until(on_clock(w.due), ec);
      break;
    case sleep_policy::aligned:
      w.expiry = roundest;
      takt::sleep_until(on_clock(roundest), ec);
      break;
    case sleep_policy::both:
      w.expiry = roundest;
      takt::sleep_until_within(on_clock(w.due), takt::slack(t.slack), ec);
      break;
    }
    w.woke = since_zero();
    if (!sleeps) w.expiry = nanoseconds::zero();
    log.add(w);
  }
}

struct plan_of_run {
  const workload& w;
  const std::vector<timer>& timers;
  sleep_policy policy;
  std::optional<real_time> rt;
  nanoseconds length;
};

/// Runs one process of the experiment.
[[noreturn]] void child(int process, const plan_of_run& run, shared_memory& memory, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); // the process must not outlive the tool
  if (getppid() != parent) _exit(1);
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP, SIGTERM}) std::signal(signal, SIG_IGN); // the tool ends the process
  const auto fail = [&](int error) {
    memory.failure().store(error);
    _exit(1);
  };
  std::error_code ec;
  std::optional<takt::scoped_realtime<>> priority;
  if (run.rt) priority.emplace(run.rt->policy, run.rt->priority, ec); // threads inherit it
  if (ec) fail(ec.value());
  std::vector<std::thread> threads; // outside try: destroying a running thread terminates
  try {
    for (int i = 0; i < run.w.threads; ++i) {
      const auto index = static_cast<std::size_t>(process * run.w.threads + i);
      threads.emplace_back([&, index] {
        memory.ready().fetch_add(1);
        const nanoseconds start = memory.wait_for_start();
        sleep_through(run.timers[index], run.policy, start, start + run.length, process, memory.log(index));
      });
    }
    for (std::thread& t : threads) t.join();
  } catch (const std::system_error& e) {
    fail(e.code().value());
  } catch (const std::bad_alloc&) {
    fail(ENOMEM);
  }
  _exit(0);
}

/// Kills the processes and waits for them when it is destroyed.
class children {
public:
  ~children() {
    for (const pid_t pid : pids_) kill(pid, SIGKILL);
    for (const pid_t pid : pids_) {
      while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }
  children() = default;
  children(const children&) = delete;
  children& operator=(const children&) = delete;
  void add(pid_t pid) { pids_.push_back(pid); }
  /// Returns: the number of processes that were killed or failed. They can still be waited for.
  [[nodiscard]] int died() const {
    int n = 0;
    for (const pid_t pid : pids_) {
      siginfo_t info{};
      if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) continue;
      n += info.si_code != CLD_EXITED || info.si_status != 0;
    }
    return n;
  }

private:
  std::vector<pid_t> pids_;
};

/// Sleeps until `end` and reports progress. Returns: false if a stop was requested.
bool wait_until(nanoseconds start, nanoseconds end, const progress_report& report) {
  constexpr nanoseconds step = std::chrono::milliseconds(500); // each step costs an interrupt, in the idle baseline too
  for (nanoseconds next = start + step; next < end; next += step) {
    if (!sleep_until(on_clock(next))) return false;
    report(static_cast<double>((next - start).count()) / static_cast<double>((end - start).count()));
  }
  return sleep_until(on_clock(end));
}

/// Counts interrupts from now to `end`.
void count_interrupts(run_record& record, const progress_report& report, std::error_code& ec) {
  const auto before = takt::timer_interrupts::read(ec);
  if (ec) return;
  const nanoseconds end = record.start + record.length;
  record.whole = wait_until(record.start, end, report);
  const auto after = takt::timer_interrupts::read(ec);
  if (ec) return;
  record.interrupts = after - before;
  if (!record.whole) record.length = std::clamp(since_zero() - record.start, nanoseconds(1), record.length);
}

} // namespace

run_record watch_idle(nanoseconds length, const progress_report& report, std::error_code& ec) {
  run_record record;
  record.start = since_zero();
  record.length = length;
  count_interrupts(record, report, ec);
  return record;
}

run_record run_policy(const workload& w, sleep_policy policy, nanoseconds length, std::optional<real_time> rt,
                      const progress_report& report, std::error_code& ec) {
  ec.clear();
  const auto timers = draw_timers(w);
  const auto threads = static_cast<std::int64_t>(timers.size());
  const takt::grid seconds(std::chrono::seconds(1)); // every policy starts at the same phase of the ladder
  run_record record;
  record.policy = policy;
  record.length = length;
  record.threads = static_cast<int>(threads);

  shared_memory memory(timers, length);
  if (memory.error() != 0) return ec = std::error_code(memory.error(), std::system_category()), record;
  const plan_of_run run{w, timers, policy, rt, length};
  const auto failed = [&] {
    const int error = memory.failure().load();
    if (error != 0) ec = std::error_code(error, std::system_category());
    return error != 0;
  };
  children started;
  std::fflush(nullptr); // each process would write out a copy of the buffers
  const pid_t self = getpid();
  for (int i = 0; i < w.processes; ++i) {
    const pid_t pid = fork();
    if (pid < 0) return ec = std::error_code(errno, std::system_category()), record;
    if (pid == 0) child(i, run, memory, self);
    started.add(pid);
  }
  const nanoseconds patient_until = since_zero() + patience + threads * patience_for_a_thread;
  bool go_on = true;
  while (go_on && (record.ready = memory.ready().load()) != threads) {
    record.died = started.died();
    if (failed()) return record;
    if (record.died != 0 || since_zero() > patient_until)
      return ec = std::make_error_code(std::errc::timed_out), record;
    go_on = sleep_until(steady_clock::now() + std::chrono::milliseconds(10));
    report(0);
  }
  record.start = seconds.ceil(since_zero() + notice + threads * notice_for_a_thread);
  if (go_on) {
    memory.begin_at(record.start);
    go_on = sleep_until(on_clock(record.start));
  }
  if (go_on) {
    count_interrupts(record, report, ec);
  } else {
    record.whole = false;
    record.length = nanoseconds::zero();
  }
  record.died = started.died();
  if (record.died != 0) record.whole = false;
  if (ec || failed()) return record;
  for (std::size_t i = 0; i < timers.size(); ++i) {
    const thread_log& l = memory.log(i);
    const std::size_t n = l.count.load(std::memory_order_acquire);
    record.wake_ups.insert(record.wake_ups.end(), l.entries, l.entries + n);
  }
  const auto earlier = [](const wake_up& a, const wake_up& b) { return a.woke < b.woke; };
  std::sort(record.wake_ups.begin(), record.wake_ups.end(), earlier);
  return record;
}

} // namespace tool
