/// time_namespace.hpp - runs a function in a time namespace of its own.
#pragma once
#include "guest.hpp"

#include <fcntl.h>
#include <sched.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace guest {

/// What in_time_namespace() returns where the function did not run, or did not end by itself.
enum : int { no_namespace = 100, no_offsets, no_result };

/// Calls `claims`, which returns the number of the first claim that does not hold, at most 99, in a process whose clocks
/// are shifted by `offsets`, in the words of /proc/self/timens_offsets. A time namespace has the children of the process
/// that makes it, so there is a process between this one and that.
/// Returns: what `claims` returned, 0 if all of them hold; or one of the above.
template <class Claims> int in_time_namespace(std::string_view offsets, Claims&& claims) {
  insist();
  const auto result = [](pid_t child) {
    int status = -1;
    return child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : +no_result;
  };
  const pid_t maker = ::fork();
  if (maker != 0) return result(maker);
  if (::unshare(CLONE_NEWTIME) != 0) ::_exit(no_namespace);
  const int file = ::open("/proc/self/timens_offsets", O_WRONLY);
  if (::write(file, offsets.data(), offsets.size()) != static_cast<ssize_t>(offsets.size())) ::_exit(no_offsets);
  const pid_t inside = ::fork();
  if (inside == 0) ::_exit(claims());
  ::_exit(result(inside));
}

} // namespace guest
