// timers_script - performs a known script of timers, each part in a process with a name of its own, and prints what it
// did, a line a part: NAME PID ARMED MOVED CANCELLED EXPIRED RANGE_NS CLOCK KIND.
//
// The numbers are those that the script has seen itself, so a machine that was too busy for the script says so: its
// line then differs from the nominal one (--nominal prints that, with 0 as PID). A part that this user may not do is
// left out.
//
// timers_script --sleepers N PERIOD_MS SECONDS: N processes that do nothing but sleep, each once a period at a phase of
// its own; prints their numbers, a line each.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <initializer_list>
#include <iterator>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr long ms = 1'000'000;

struct counts {
  int armed = 0, moved = 0, cancelled = 0, expired = 0;
  long range_ns = 0;
  const char* clock = "MONOTONIC";
  const char* kind = "hrtimer";
};

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::_Exit(1);
}

timespec now(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t;
}
timespec later(timespec t, long ns) {
  t.tv_nsec += ns;
  t.tv_sec += t.tv_nsec / 1'000'000'000, t.tv_nsec %= 1'000'000'000;
  return t;
}

constexpr long usual_slack = 50'000;

/// 200 sleeps of 5 ms that may be 1 ms late.
counts sleep_part(counts nominal) {
  prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(nominal.range_ns));
  counts done = nominal;
  done.armed = done.expired = 0;
  for (int i = 0; i < nominal.armed; ++i) {
    const timespec span{0, 5 * ms};
    if (clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr) != 0) give_up("clock_nanosleep");
    ++done.armed, ++done.expired;
  }
  return done;
}

char state_of(pid_t pid) {
  std::array<char, 256> text{};
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? -1 : read(fd, text.data(), text.size() - 1);
  close(fd);
  const char* const behind = got <= 0 ? nullptr : std::strrchr(text.data(), ')');
  return behind == nullptr ? '?' : behind[2];
}

/// 100 times poll with 20 ms; of these 60 end because another process writes as soon as this one sleeps.
counts poll_part(counts nominal) {
  int data[2], go[2];
  if (pipe2(data, O_CLOEXEC | O_NONBLOCK) != 0 || pipe2(go, O_CLOEXEC) != 0) give_up("pipe2");
  const pid_t poller = getpid();
  const pid_t writer = fork();
  if (writer < 0) give_up("fork");
  if (writer == 0) {
    prctl(PR_SET_NAME, "tk-writer");
    close(go[1]);
    for (char c = 0; read(go[0], &c, 1) == 1;) {
      while (state_of(poller) != 'S') {
      }
      if (write(data[1], &c, 1) != 1) give_up("write");
    }
    std::_Exit(0);
  }
  counts done = nominal;
  done.armed = done.cancelled = done.expired = 0;
  for (int i = 0; i < nominal.armed; ++i) {
    char c = 'x';
    const bool early = i % 5 < 3;
    if (early && write(go[1], &c, 1) != 1) give_up("write");
    pollfd watched{data[0], POLLIN, 0};
    const int ready = poll(&watched, 1, 20);
    if (ready < 0) give_up("poll");
    ++done.armed, ++(ready == 0 ? done.expired : done.cancelled);
    while (read(data[0], &c, 1) == 1) {
    }
  }
  close(go[1]);
  waitpid(writer, nullptr, 0);
  return done;
}

/// 50 periods of a timerfd. It is armed again by each reading, and once disarmed.
counts timerfd_part(counts nominal) {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  const itimerspec every{{0, 10 * ms}, {0, 10 * ms}};
  if (fd < 0 || timerfd_settime(fd, 0, &every, nullptr) != 0) give_up("timerfd");
  counts done = nominal;
  done.armed = 1, done.cancelled = done.expired = 0;
  std::uint64_t periods = 0;
  for (int i = 0; i < nominal.expired; ++i) {
    pollfd watched{fd, POLLIN, 0};
    if (poll(&watched, 1, -1) != 1 || read(fd, &periods, sizeof periods) != sizeof periods) give_up("timerfd");
    ++done.expired, ++done.armed;
  }
  const itimerspec never{};
  timerfd_settime(fd, 0, &never, nullptr);
  // Had it expired once more, there would have been nothing to cancel.
  ++done.cancelled;
  return done;
}

/// 20 signals of setitimer(2), each of which arms it again, and an end.
counts itimer_part(counts nominal) {
  sigset_t alarm;
  sigemptyset(&alarm), sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarm, nullptr);
  const itimerval every{{0, 10'000}, {0, 10'000}}, never{};
  setitimer(ITIMER_REAL, &every, nullptr);
  counts done = nominal;
  done.armed = 1, done.cancelled = 1, done.expired = 0;
  for (int i = 0; i < nominal.expired; ++i) {
    int signal = 0;
    if (sigwait(&alarm, &signal) != 0) give_up("sigwait");
    ++done.armed, ++done.expired;
  }
  setitimer(ITIMER_REAL, &never, nullptr);
  return done;
}

/// The same with a POSIX timer that waits for absolute times of CLOCK_REALTIME.
counts posix_part(counts nominal) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = SIGRTMIN;
  timer_t timer{};
  if (timer_create(CLOCK_REALTIME, &event, &timer) != 0) give_up("timer_create");
  const itimerspec every{{0, 10 * ms}, later(now(CLOCK_REALTIME), 10 * ms)}, never{};
  if (timer_settime(timer, TIMER_ABSTIME, &every, nullptr) != 0) give_up("timer_settime");
  counts done = nominal;
  done.armed = 1, done.cancelled = 1, done.expired = 0;
  for (int i = 0; i < nominal.expired; ++i) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) give_up("sigwait");
    ++done.armed, ++done.expired;
  }
  timer_settime(timer, 0, &never, nullptr);
  return done;
}

/// 20 waits on a condition variable for 10 ms each, in which nothing happens.
counts condition_part(counts nominal) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_t condition;
  pthread_cond_init(&condition, &attributes);
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&mutex);
  counts done = nominal;
  done.armed = done.expired = 0;
  for (int i = 0; i < nominal.armed; ++i) {
    const timespec end = later(now(CLOCK_MONOTONIC), 10 * ms);
    if (pthread_cond_timedwait(&condition, &mutex, &end) != ETIMEDOUT) give_up("pthread_cond_timedwait");
    ++done.armed, ++done.expired;
  }
  return done;
}

/// 20 waits on a futex until a time of CLOCK_REALTIME.
counts futex_part(counts nominal) {
  std::uint32_t word = 0;
  counts done = nominal;
  done.armed = done.expired = 0;
  for (int i = 0; i < nominal.armed; ++i) {
    const timespec end = later(now(CLOCK_REALTIME), 10 * ms);
    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, 0, &end, nullptr,
            FUTEX_BITSET_MATCH_ANY);
    if (errno != ETIMEDOUT) give_up("futex");
    ++done.armed, ++done.expired;
  }
  return done;
}

/// 50 sleeps of a real-time thread, whose slack is zero.
counts real_time_part(counts nominal) {
  const sched_param priority{1};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) != 0) std::_Exit(2);
  counts done = nominal;
  done.armed = done.expired = 0;
  for (int i = 0; i < nominal.armed; ++i) {
    const timespec end = later(now(CLOCK_MONOTONIC), 5 * ms);
    if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) != 0) give_up("clock_nanosleep");
    ++done.armed, ++done.expired;
  }
  return done;
}

struct part {
  const char* name;
  counts (*perform)(counts nominal);
  counts nominal;
};
constexpr part parts[] = {
    {"tk-sleep", &sleep_part, {200, 0, 0, 200, 1 * ms, "MONOTONIC", "hrtimer"}},
    {"tk-poll", &poll_part, {100, 0, 60, 40, usual_slack, "MONOTONIC", "hrtimer"}},
    {"tk-timerfd", &timerfd_part, {51, 0, 1, 50, 0, "MONOTONIC", "hrtimer"}},
    {"tk-itimer", &itimer_part, {21, 0, 1, 20, 0, "MONOTONIC", "interval"}},
    {"tk-posix", &posix_part, {21, 0, 1, 20, 0, "REALTIME", "hrtimer"}},
    {"tk-condition", &condition_part, {20, 0, 0, 20, usual_slack, "MONOTONIC", "hrtimer"}},
    {"tk-futex", &futex_part, {20, 0, 0, 20, usual_slack, "REALTIME", "hrtimer"}},
    {"tk-realtime", &real_time_part, {50, 0, 0, 50, 0, "MONOTONIC", "hrtimer"}},
};

void print(const char* name, pid_t pid, const counts& c) {
  std::array<char, 160> line{};
  const int length = std::snprintf(line.data(), line.size(), "%s %d %d %d %d %d %ld %s %s\n", name, pid, c.armed,
                                   c.moved, c.cancelled, c.expired, c.range_ns, c.clock, c.kind);
  if (write(STDOUT_FILENO, line.data(), static_cast<std::size_t>(length)) != length) give_up("write");
}

/// A process that wakes up once a period, at a phase of its own, and does nothing.
[[noreturn]] void sleep_always(int which, int of_all, long period, long seconds) {
  timespec due = later(now(CLOCK_MONOTONIC), period / of_all * which + which * which * ms / 3);
  for (long i = 0; i < seconds * 1'000'000'000 / period; ++i) {
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
    due = later(due, period);
  }
  std::_Exit(0);
}

int run_sleepers(int count, long period_ms, long seconds) {
  for (int i = 0; i < count; ++i) {
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child == 0) {
      prctl(PR_SET_NAME, "tk-sleeper");
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      sleep_always(i, count, period_ms * ms, seconds);
    }
    std::printf("%d\n", child);
  }
  std::fflush(stdout);
  while (wait(nullptr) > 0) {
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--nominal") == 0) {
    for (const part& p : parts) print(p.name, 0, p.nominal);
    return 0;
  }
  prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(usual_slack));
  if (argc == 5 && std::strcmp(argv[1], "--sleepers") == 0)
    return run_sleepers(std::atoi(argv[2]), std::atol(argv[3]), std::atol(argv[4]));
  for (const part& p : parts) {
    const pid_t child = fork();
    if (child < 0) give_up("fork");
    if (child > 0) continue;
    prctl(PR_SET_NAME, p.name);
    const counts done = p.perform(p.nominal);
    print(p.name, getpid(), done);
    std::_Exit(0);
  }
  int worst = 0;
  for (int status = 0; wait(&status) > 0;)
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 1) worst = 1;
  return worst;
}
