/// polls.hpp - poll, ppoll, select, pselect, epoll_wait, epoll_pwait and epoll_pwait2.
///
/// Calls that count milliseconds go through ppoll and epoll_pwait2, because milliseconds are too coarse for a point. If
/// the kernel or a filter of system calls refuses these (ENOSYS, EPERM), the object makes the program's own call, with
/// whole milliseconds, and does not try the others again. A filter that kills the process instead cannot be detected.
#pragma once
#include "process.hpp"
#include "real.hpp"
#include <atomic>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

namespace preload {

inline constinit real<int(pollfd*, nfds_t, int)> real_poll("poll");
inline constinit real<int(pollfd*, nfds_t, const timespec*, const sigset_t*)> real_ppoll("ppoll");
inline constinit real<int(pollfd*, nfds_t, int, std::size_t)> real_poll_chk("__poll_chk");
inline constinit real<int(pollfd*, nfds_t, const timespec*, const sigset_t*, std::size_t)>
    real_ppoll_chk("__ppoll_chk");
inline constinit real<int(int, fd_set*, fd_set*, fd_set*, timeval*)> real_select("select");
inline constinit real<int(int, fd_set*, fd_set*, fd_set*, const timespec*, const sigset_t*)> real_pselect("pselect");
inline constinit real<int(int, epoll_event*, int, int)> real_epoll_wait("epoll_wait");
inline constinit real<int(int, epoll_event*, int, int, const sigset_t*)> real_epoll_pwait("epoll_pwait");
inline constinit real<int(int, epoll_event*, int, const timespec*, const sigset_t*)> real_epoll_pwait2("epoll_pwait2");

/// Whether this process can make the calls with a finer unit. All threads find the same answer.
inline constinit std::atomic<bool> has_ppoll{true}, has_epoll_pwait2{true};

/// Sets `left` to the time-out that a wait of the poll family with the plan `p` gives to the kernel. A long wait needs
/// one more system call, which asks whether the thread is a real-time one. To save that call, `attempt` first makes the
/// program's call without waiting. Returns: the result of `attempt`; 0 if nothing is ready, and the wait is to be made.
template <class Attempt> int poll_time(const plan& p, nanoseconds length, nanoseconds& left, const Attempt& attempt) {
  nanoseconds delay = poll_delay(length, here.thread_slack);
  if (delay > nanoseconds::zero()) {
    if (const int result = attempt(); result != 0) return result;
    if (is_real_time()) delay = nanoseconds::zero();
  }
  left = plan{length, p.deadline, aim_before(p.point, delay, p.deadline)}.moved_length();
  return 0;
}

/// Waits for `ms` milliseconds, moved to a point: by `fine` with a timespec if `available`, otherwise by `coarse` with
/// milliseconds. A wait that is not to be moved goes to `coarse` unchanged.
template <class Fine, class Coarse>
int moved_milliseconds(wait kind, int ms, std::atomic<bool>& available, const Fine& fine, const Coarse& coarse) {
  plan p;
  const nanoseconds length = std::chrono::milliseconds(ms);
  if (!move(kind, length, p)) return coarse(ms);
  nanoseconds left{};
  if (const int result = poll_time(p, length, left, [&] { return coarse(0); }); result != 0) return result;
  if (available.load(std::memory_order_relaxed)) [[likely]] {
    const timespec time = takt::to_timespec(left);
    const int before = errno, result = fine(&time);
    if (result >= 0 || (errno != ENOSYS && errno != EPERM)) [[likely]]
      return result;
    available.store(false, std::memory_order_relaxed);
    errno = before;
  }
  return coarse(whole_milliseconds(left, ms));
}

/// Waits for the time `length`, moved to a point. `call(time)` waits for `time`; `attempt()` does not wait.
template <class Call, class Attempt>
int moved_poll(wait kind, const timespec* length, const Call& call, const Attempt& attempt) {
  plan p;
  if (length == nullptr || !is_valid(*length) || !move(kind, takt::to_nanoseconds(*length), p)) return call(length);
  nanoseconds left{};
  if (const int result = poll_time(p, takt::to_nanoseconds(*length), left, attempt); result != 0) return result;
  const timespec time = takt::to_timespec(left);
  return call(&time);
}
inline constexpr timespec no_time{};

/// The descriptors that select waits for. A call changes them, so attempt() works on copies.
struct select_sets {
  int end;
  fd_set* all[3];

  /// Returns: the result of `call` for copies of the sets; 0 without a call if there are too many descriptors to copy.
  /// If the result is positive, the copies replace the sets.
  template <class Call> int attempt(const Call& call) const {
    if (end < 0 || end > FD_SETSIZE) return 0;
    constexpr int bits = 8 * sizeof(long);
    const std::size_t size = static_cast<std::size_t>((end + bits - 1) / bits) * sizeof(long); // what the kernel reads
    fd_set copies[3];
    fd_set* given[3];
    for (int i = 0; i < 3; ++i) {
      given[i] = all[i] != nullptr ? &copies[i] : nullptr;
      if (all[i] != nullptr) __builtin_memcpy(&copies[i], all[i], size);
    }
    const int result = call(end, given[0], given[1], given[2]);
    for (int i = 0; i < 3 && result > 0; ++i)
      if (all[i] != nullptr) __builtin_memcpy(all[i], &copies[i], size);
    return result;
  }
};

} // namespace preload

TAKT_PRELOAD(int, poll, pollfd* fds, nfds_t count, int ms) {
  using namespace preload;
  return moved_milliseconds(
      wait::poll, ms, has_ppoll, [&](const timespec* time) { return real_ppoll(fds, count, time, nullptr); },
      [&](int whole) { return real_poll(fds, count, whole); });
}
TAKT_PRELOAD_ALIAS(int, __poll, poll, pollfd*, nfds_t, int);
/// What poll is in a program compiled with -D_FORTIFY_SOURCE; `size` is that of the array.
TAKT_PRELOAD(int, __poll_chk, pollfd* fds, nfds_t count, int ms, std::size_t size) {
  if (size / sizeof(*fds) < count) return preload::real_poll_chk(fds, count, ms, size); // which ends the program
  return preload_poll(fds, count, ms);
}

TAKT_PRELOAD(int, ppoll, pollfd* fds, nfds_t count, const timespec* length, const sigset_t* mask) {
  using namespace preload;
  const auto call = [&](const timespec* time) { return real_ppoll(fds, count, time, mask); };
  return moved_poll(wait::ppoll, length, call, [&] { return call(&no_time); });
}
TAKT_PRELOAD(int, __ppoll_chk, pollfd* fds, nfds_t count, const timespec* length, const sigset_t* mask,
             std::size_t size) {
  if (size / sizeof(*fds) < count) return preload::real_ppoll_chk(fds, count, length, mask, size);
  return preload_ppoll(fds, count, length, mask);
}

/// Writes back the time left to the program's own deadline, where libc does: musl leaves it as it was, and its programs
/// may keep it in a constant. A tv_usec of a second or more goes through untouched.
TAKT_PRELOAD(int, select, int end, fd_set* readable, fd_set* writable, fd_set* exceptional, timeval* length) {
  using namespace preload;
  plan p;
  const bool valid = length != nullptr && length->tv_sec >= 0 && length->tv_usec >= 0 && length->tv_usec < 1'000'000;
  const nanoseconds wanted = valid ? takt::to_nanoseconds({length->tv_sec, length->tv_usec * 1000}) : nanoseconds(0);
  if (!move(wait::select, wanted, p)) return real_select(end, readable, writable, exceptional, length);
  nanoseconds last{};
  const auto without_waiting = [](int n, fd_set* r, fd_set* w, fd_set* e) {
    timeval zero{};
    return real_select(n, r, w, e, &zero);
  };
  int result = poll_time(p, wanted, last, [&] {
    return select_sets{end, {readable, writable, exceptional}}.attempt(without_waiting);
  });
  const timespec time =
      takt::to_timespec(takt::detail::saturating_add(last, nanoseconds(999))); // rounded up: never early
  timeval moved{time.tv_sec, time.tv_nsec / 1000};
  if (result == 0) result = real_select(end, readable, writable, exceptional, &moved);
  if (!is_glibc()) return result;
  const timespec left = takt::to_timespec(p.left());
  *length = {left.tv_sec, left.tv_nsec / 1000};
  return result;
}
TAKT_PRELOAD_ALIAS(int, __select, select, int, fd_set*, fd_set*, fd_set*, timeval*);

TAKT_PRELOAD(int, pselect, int end, fd_set* readable, fd_set* writable, fd_set* exceptional, const timespec* length,
             const sigset_t* mask) {
  using namespace preload;
  return moved_poll(
      wait::pselect, length,
      [&](const timespec* time) { return real_pselect(end, readable, writable, exceptional, time, mask); },
      [&] {
        return select_sets{end, {readable, writable, exceptional}}.attempt(
            [mask](int n, fd_set* r, fd_set* w, fd_set* e) { return real_pselect(n, r, w, e, &no_time, mask); });
      });
}

TAKT_PRELOAD(int, epoll_wait, int epoll, epoll_event* events, int max, int ms) {
  using namespace preload;
  return moved_milliseconds(
      wait::epoll_wait, ms, has_epoll_pwait2,
      [&](const timespec* time) { return real_epoll_pwait2(epoll, events, max, time, nullptr); },
      [&](int whole) { return real_epoll_wait(epoll, events, max, whole); });
}

TAKT_PRELOAD(int, epoll_pwait, int epoll, epoll_event* events, int max, int ms, const sigset_t* mask) {
  using namespace preload;
  return moved_milliseconds(
      wait::epoll_pwait, ms, has_epoll_pwait2,
      [&](const timespec* time) { return real_epoll_pwait2(epoll, events, max, time, mask); },
      [&](int whole) { return real_epoll_pwait(epoll, events, max, whole, mask); });
}

TAKT_PRELOAD(int, epoll_pwait2, int epoll, epoll_event* events, int max, const timespec* length, const sigset_t* mask) {
  using namespace preload;
  const auto call = [&](const timespec* time) { return real_epoll_pwait2(epoll, events, max, time, mask); };
  return moved_poll(wait::epoll_pwait2, length, call, [&] { return call(&no_time); });
}
