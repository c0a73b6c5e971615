// os.hpp: threads that the library starts take no signal that is meant for the program's, but those that they bring upon
// themselves.
#include <doctest/doctest.h>
#include <takt/kernel/os.hpp>

namespace {

using os = takt::linux_os;

// The signals that are blocked in the calling thread.
sigset_t blocked() {
  sigset_t mask;
  sigemptyset(&mask);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return mask;
}

} // namespace

TEST_CASE("a thread of the library's blocks signals, but those that would end the program if it did") {
  sigset_t before = blocked(), inside;
  sigemptyset(&inside);
  os::thread started{};
  REQUIRE(os::thread_start(
              started, [](void* out) -> void* { return *static_cast<sigset_t*>(out) = blocked(), nullptr; }, &inside) == 0);
  os::thread_join(started);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM}) {
    CAPTURE(signal);
    CHECK(sigismember(&inside, signal) == 1);
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
    CAPTURE(signal);
    CHECK(sigismember(&inside, signal) == 0);
  }
  const sigset_t after = blocked();
  for (int signal = 1; signal < SIGRTMAX; ++signal) {
    CAPTURE(signal);
    CHECK(sigismember(&after, signal) == sigismember(&before, signal));
  }
}
