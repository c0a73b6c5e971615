// Protects: that a program and a shared object of it, both compiled with -fvisibility=hidden, compare each other's errors,
// read the same clock and count the same forks, and that a callback in one of them may cancel its own timer in a scheduler
// of the other.
#include "plugin.hpp"
#include <cstdio>
#include <sys/wait.h>
#include <unistd.h>

int main() {
  int failed = 0;
  const auto check = [&](bool holds, const char* what) {
    if (holds) return;
    std::printf("not the same in program and shared object: %s\n", what);
    ++failed;
  };
  check(plugin::error() == takt::errc::no_effect, "the error category");
  check(plugin::clock_state() == &takt::detail::tsc_state<takt::tsc_clock::reference, takt::detail::hardware_counter, takt::linux_os>,
        "the state of tsc_clock");
  check(takt::linux_os::count_forks() == 0, "forks can be counted");
  std::fflush(stdout);
  const unsigned own = takt::linux_os::fork_count();
  const pid_t child = fork();
  if (child == 0) _exit(plugin::forks() == own + 1 && takt::linux_os::fork_count() == own + 1 ? 0 : 1);
  int status = 1;
  check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "the count of forks");
  alarm(20); // a callback that waits for itself never returns
  takt::grid_scheduler timers;
  const int* const called = plugin::add_timer(timers);
  timers.run();
  check(*called == 2, "the thread of a callback");
  return failed;
}
