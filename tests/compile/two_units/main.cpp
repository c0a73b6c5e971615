// Protects: a unit with exceptions and one without share types and process-wide state, and what an exception unwinds is not
// shared. Linked in both orders and without optimisation: the linker keeps the first of several equal copies.
#include "shared.hpp"
#include <cstdio>
#include <future>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

int failed = 0;

void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("does not hold: %s\n", what);
  ++failed;
}

void shared_state() {
  check(&without_exceptions::category() == &takt::error_category(), "one error category");
  check(without_exceptions::error() == takt::errc::no_effect, "errors of the other unit compare equal");
  check(without_exceptions::clock_state() ==
            &takt::detail::tsc_state<takt::tsc_clock::reference, takt::detail::hardware_counter, takt::linux_os>,
        "one state of tsc_clock");
  check(takt::linux_os::count_forks() == 0, "forks can be counted");
  std::fflush(stdout);
  const unsigned own = takt::linux_os::fork_count();
  const pid_t child = fork();
  if (child == 0) _exit(without_exceptions::forks() == own + 1 && takt::linux_os::fork_count() == own + 1 ? 0 : 1);
  int status = 1;
  check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "one count of forks");
}

/// Whether another thread gets the lock of `timers` within five seconds.
bool lock_is_free(takt::grid_scheduler& timers) {
  auto asked = std::async(std::launch::async, [&] { return timers.pending(); });
  if (asked.wait_for(5s) == std::future_status::ready) return true;
  std::printf("does not hold: the lock is released\n");
  std::fflush(stdout);
  _exit(1); // the destructor of the future would wait for ever
}

struct counts_its_end {
  explicit counts_its_end(int& n) : ends(&n) {}
  counts_its_end(const counts_its_end&) = default;
  ~counts_its_end() { ++*ends; }
  int* ends;
};

void callbacks_that_throw() {
  check(without_exceptions::fire([] {}) == 1, "the other unit calls back");
  takt::grid_scheduler timers;
  int called = 0;
  const std::function<void()> thrower = [] { throw std::runtime_error("on purpose"); };
  for (const bool by_run : {false, true}) {
    const takt::timer_handle throws = timers.after(0s, takt::slack(0s), thrower);
    const takt::timer_handle other = without_exceptions::arm(timers, called);
    bool caught = false;
    try {
      if (by_run) timers.run();
      else timers.fire();
    } catch (const std::runtime_error&) {
      caught = true;
    }
    check(caught, by_run ? "the exception leaves run()" : "the exception leaves fire()");
    check(lock_is_free(timers), "the lock is released");
    timers.fire();
    check(throws.status() == takt::timer_handle::state::ran, "the timer that threw has run");
    check(other.status() == takt::timer_handle::state::ran, "the other timer has run too");
  }
  check(called == 2, "the scheduler calls back what the other unit armed");
  // A copy of the callback that throws leaves nothing behind.
  int ends = 0;
  struct no_copy : counts_its_end {
    explicit no_copy(int& n) : counts_its_end(n) {}
    no_copy(const no_copy& other) : counts_its_end(other) { throw std::runtime_error("on purpose"); }
    void operator()() const {}
  };
  bool caught = false;
  try {
    const no_copy f(ends);
    timers.after(0s, takt::slack(0s), f).detach();
  } catch (const std::runtime_error&) {
    caught = true;
  }
  check(caught && ends == 2, "an exception of a callback's copy unwinds what was begun");
  check(timers.pending() == 0 && lock_is_free(timers), "and leaves no timer");
}

} // namespace

int main() {
  alarm(60);
  shared_state();
  callbacks_that_throw();
  return failed != 0;
}
