/// forbidden_child.hpp - runs a piece of a test in a child process that has forbidden itself to read the counter.
///
/// x86-64 only, where PR_SET_TSC is; and not under sanitizers whose own runtime reads the clock by the vDSO.
#pragma once
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TAKT_SANITIZER_READS_CLOCKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TAKT_SANITIZER_READS_CLOCKS 1
#endif
#endif

namespace takt_test {

enum class child_end { good, not_good, killed, refused };

/// Returns: how the child ended that called `body`, which tells whether all was well. It must not read clocks by libc.
template <class Body> child_end in_forbidden_child(Body&& body) {
  constexpr int cannot = 77;
  const pid_t child = fork();
  if (child < 0) return child_end::refused;
  if (child == 0) {
    alarm(60); // one that hangs
#if defined(PR_SET_TSC)
    if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0) _exit(cannot);
    _exit(body() ? 0 : 1);
#else
    _exit(cannot);
#endif
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return child_end::refused;
  if (!WIFEXITED(status)) return child_end::killed;
  return WEXITSTATUS(status) == 0 ? child_end::good : WEXITSTATUS(status) == cannot ? child_end::refused : child_end::not_good;
}

} // namespace takt_test
