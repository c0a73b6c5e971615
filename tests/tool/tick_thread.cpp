// takt_tick_thread NAME PERIOD PHASE OFFSET WORK: a thread that works for WORK nanoseconds in every PERIOD of them, from
// OFFSET after PHASE on, both counted from the multiples of PERIOD on CLOCK_MONOTONIC, and sleeps in between. It works by
// the clock, under SCHED_FIFO where it may, on the last CPU that it may use outside of nohz_full, and ends by a signal or
// after a minute. It prints its policy and its CPU.
//
// An idle CPU stops its tick, and a tick that does not come finds and misses no thread. So a companion, a process of the
// lowest priority (SCHED_IDLE), keeps that CPU busy while the thread sleeps. Every other thread preempts it.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <system_error>
#include <takt/kernel/tick.hpp>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace {

std::int64_t now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

void sleep_until(std::int64_t t) {
  const timespec ts{static_cast<time_t>(t / 1'000'000'000), static_cast<long>(t % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, nullptr) == EINTR) {
  }
}

/// Returns: the CPU that this thread is bound to from now on; -1 if it cannot be bound.
int bind_to_last_cpu() {
  cpu_set_t cpus;
  if (sched_getaffinity(0, sizeof cpus, &cpus) != 0) return -1;
  std::error_code ec;
  const std::vector<unsigned> full = takt::nohz_full_cpus(ec); // where it is not known there is none
  int last = -1, last_full = -1;
  for (unsigned i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &cpus))
      (std::find(full.begin(), full.end(), i) == full.end() ? last : last_full) = static_cast<int>(i);
  if (last < 0) last = last_full;
  if (last < 0) return -1;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<unsigned>(last), &cpus);
  return sched_setaffinity(0, sizeof cpus, &cpus) == 0 ? last : -1;
}

/// Effects: starts the companion on the CPU of this thread. It ends with its parent, at the latest at `end`.
bool start_companion(std::int64_t end) {
  const pid_t parent = getpid(), child = fork();
  if (child != 0) return child > 0;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_NAME, "takt-companion");
  const sched_param none{};
  if (getppid() != parent || sched_setscheduler(0, SCHED_IDLE, &none) != 0) _exit(1);
  while (now() < end) {
  }
  _exit(0);
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  prctl(PR_SET_NAME, argv[1]);
  prctl(PR_SET_TIMERSLACK, 1UL);
  const std::int64_t period = std::atoll(argv[2]), phase = std::atoll(argv[3]), offset = std::atoll(argv[4]),
                     work = std::atoll(argv[5]);
  if (period <= 0 || work <= 0 || work >= period) return 2;
  const std::int64_t end = now() + 60'000'000'000;
  const int cpu = bind_to_last_cpu();
  if (cpu < 0 || !start_companion(end)) return 1;
  const sched_param priority{50};
  std::printf("%s %d\n", sched_setscheduler(0, SCHED_FIFO, &priority) == 0 ? "SCHED_FIFO" : "SCHED_OTHER", cpu);
  std::fflush(stdout);
  for (std::int64_t t = now(); t < end; t = now()) {
    const std::int64_t start = t - (t - phase - offset) % period + period; // the next one
    sleep_until(start);
    while (now() < start + work) {
    }
  }
}
