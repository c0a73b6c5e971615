// Protects: an exception of a callback that is C++ never passes through C: the program ends where it would.
#include <csignal>
#include <cstdio>
#include <exception>
#include <sys/wait.h>
#include <takt/c.h>
#include <unistd.h>

int main() {
  const pid_t child = fork();
  if (child == 0) {
    std::set_terminate([] { _exit(42); });
    try {
      takt_scheduler* s = nullptr;
      takt_timer* t = nullptr;
      takt_scheduler_create(&s);
      takt_timer_create(s, [](takt_timer*, void*) { throw 1; }, nullptr, &t);
      takt_timer_after(t, 0, 0);
      takt_scheduler_fire(s);
    } catch (...) {
      _exit(1);
    }
    _exit(2);
  }
  int status = 0;
  if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42) return 0;
  std::fprintf(stderr, "the child ended with status %x\n", static_cast<unsigned>(status));
  return 1;
}
