// Protects: that the callback of a plug-in, which a program opens with RTLD_LOCAL, may cancel its own timer in a scheduler of
// the program, and that program and plug-in both see a fork, although each may have its own copy of what is process-wide.
#include <takt/scheduler/scheduler.hpp>

#include <cstdio>
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char** arguments) {
  if (count != 2) return 2;
  void* const object = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) return std::printf("%s\n", dlerror()), 1;
  const auto add_timer = reinterpret_cast<const int* (*)(takt::grid_scheduler*)>(dlsym(object, "plugin_add_timer"));
  const auto plugin_forks = reinterpret_cast<unsigned (*)()>(dlsym(object, "plugin_forks"));
  if (add_timer == nullptr || plugin_forks == nullptr) return std::printf("%s\n", dlerror()), 1;

  alarm(20); // a callback that waits for itself never returns
  const auto runs = [add_timer](int calls_before) {
    takt::grid_scheduler timers;
    const int* const called = add_timer(&timers);
    timers.run();
    return *called > calls_before;
  };
  int failed = 0;
  const auto check = [&failed](bool holds, const char* what) {
    if (!holds) std::printf("does not hold: %s\n", what), ++failed;
  };
  check(runs(0), "a timer of the plug-in cancels itself");
  const unsigned own = takt::linux_os::fork_count(), of_plugin = plugin_forks();
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    _exit(takt::linux_os::fork_count() != own && plugin_forks() != of_plugin && runs(2) ? 0 : 1);
  }
  int status = 1;
  check(child > 0 && waitpid(child, &status, 0) == child && status == 0, "both see a fork, and a timer works in the child");

  // A plug-in that was closed leaves nothing behind that a fork would call.
  check(dlclose(object) == 0, "the plug-in closes");
  const pid_t after = fork();
  if (after == 0) _exit(takt::linux_os::fork_count() != own ? 0 : 1);
  check(after > 0 && waitpid(after, &status, 0) == after && status == 0, "a fork after the plug-in was closed");
  return failed;
}
