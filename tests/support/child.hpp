/// child.hpp - runs a piece of a test in a child process, made in each of the ways in which Linux copies a process.
///
/// Only fork() runs the handlers of pthread_atfork(3). A child that was made in another way may be in the middle of
/// anything that another thread did, the allocation of memory included, so it allocates nothing.
#pragma once
#include <csignal>
#include <features.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace takt_test {

/// How a child is made.
enum class way {
  fork,      ///< fork(3)
  bare,      ///< _Fork(3), or what it is made of: clone(2) without handlers
  namespaced ///< clone(2) in a pid namespace of its own, in which it is process 1
};

/// How a child ended.
enum class child_end { good, not_good, killed, refused };

/// Returns: as fork(3).
inline pid_t make_child(way how) {
  if (how == way::fork) return ::fork();
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
  if (how == way::bare) return ::_Fork();
#endif
#endif
  const long flags = SIGCHLD | (how == way::namespaced ? CLONE_NEWPID : 0);
  return static_cast<pid_t>(::syscall(SYS_clone, flags, 0, 0, 0, 0));
}

/// Returns: how the child ended that called `body`, which tells whether all was well. It is killed after 20 s, because
/// a child that waits for a thread of its parent would wait for ever.
template <class Body> child_end in_child(way how, Body&& body) {
  const pid_t child = make_child(how);
  if (child < 0) return child_end::refused;
  if (child == 0) {
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(20);
    ::syscall(SYS_exit_group, body() ? 0 : 1);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return child_end::refused;
  if (!WIFEXITED(status)) return child_end::killed;
  return WEXITSTATUS(status) == 0 ? child_end::good : child_end::not_good;
}

} // namespace takt_test
