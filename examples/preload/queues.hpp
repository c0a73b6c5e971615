/// queues.hpp - waits for messages, System V semaphores, signals, and futexes by syscall().
#pragma once
#include "process.hpp"
#include "real.hpp"
#include <linux/futex.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/sem.h>
#include <sys/syscall.h>

namespace preload {

inline constinit real<ssize_t(mqd_t, char*, std::size_t, unsigned*, const timespec*)>
    real_mq_timedreceive("mq_timedreceive");
inline constinit real<int(mqd_t, const char*, std::size_t, unsigned, const timespec*)>
    real_mq_timedsend("mq_timedsend");
inline constinit real<int(int, sembuf*, std::size_t, const timespec*)> real_semtimedop("semtimedop");
inline constinit real<int(const sigset_t*, siginfo_t*, const timespec*)> real_sigtimedwait("sigtimedwait");
inline constinit real<long(long, long, long, long, long, long, long)> real_syscall("syscall");

/// Sets `out` to the moved length of a wait that the kernel takes as a relative time. Returns: whether the wait is to
/// be moved.
inline bool moved_length(wait kind, const timespec* length, timespec& out) noexcept {
  plan p;
  if (length == nullptr || !is_valid(*length) || !move(kind, takt::to_nanoseconds(*length), p)) return false;
  out = takt::to_timespec(p.moved_length());
  return true;
}

/// syscall(SYS_futex, ...), which is how C++'s counting_semaphore and future wait, and Rust's standard library. The
/// operations that lock (FUTEX_LOCK_PI) are left alone.
[[gnu::noinline]] inline long moved_futex(long word, long operation, long value, long time, long word2, long value3) {
  timespec moved{};
  const auto* const given = reinterpret_cast<const timespec*>(time);
  const int command = static_cast<int>(operation) & FUTEX_CMD_MASK;
  bool move = false;
  if (given != nullptr && command == FUTEX_WAIT) move = moved_length(wait::futex, given, moved);
  if (given != nullptr && command == FUTEX_WAIT_BITSET)
    move = move_deadline(wait::futex, (operation & FUTEX_CLOCK_REALTIME) != 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, given,
                         moved);
  return real_syscall(SYS_futex, word, operation, value, move ? reinterpret_cast<long>(&moved) : time, word2, value3);
}

} // namespace preload

TAKT_PRELOAD(ssize_t, mq_timedreceive, mqd_t queue, char* text, std::size_t size, unsigned* priority,
             const timespec* deadline) {
  using namespace preload;
  timespec moved{};
  const bool move = move_deadline(wait::mq_timedreceive, CLOCK_REALTIME, deadline, moved);
  return real_mq_timedreceive(queue, text, size, priority, move ? &moved : deadline);
}

TAKT_PRELOAD(int, mq_timedsend, mqd_t queue, const char* text, std::size_t size, unsigned priority,
             const timespec* deadline) {
  using namespace preload;
  timespec moved{};
  const bool move = move_deadline(wait::mq_timedsend, CLOCK_REALTIME, deadline, moved);
  return real_mq_timedsend(queue, text, size, priority, move ? &moved : deadline);
}

TAKT_PRELOAD(int, semtimedop, int set, sembuf* operations, std::size_t count, const timespec* length) {
  using namespace preload;
  timespec moved{};
  return real_semtimedop(set, operations, count, moved_length(wait::semtimedop, length, moved) ? &moved : length);
}

TAKT_PRELOAD(int, sigtimedwait, const sigset_t* set, siginfo_t* info, const timespec* length) {
  using namespace preload;
  timespec moved{};
  return real_sigtimedwait(set, info, moved_length(wait::sigtimedwait, length, moved) ? &moved : length);
}
TAKT_PRELOAD_ALIAS(int, __sigtimedwait, sigtimedwait, const sigset_t*, siginfo_t*, const timespec*);

namespace preload {

/// libc's syscall() as far as this object needs it: until libc's is found, a function that finds it.
inline long first_syscall(long number, long a, long b, long c, long d, long e, long f) {
  return real_syscall(number, a, b, c, d, e, f);
}

} // namespace preload

/// Declared with six arguments, which is how a caller of the variadic function passes them. If the call is no futex,
/// this is a jump to libc's function that leaves no frame behind and writes nothing to the stack. The reasons: a child
/// of syscall(SYS_vfork) shares the stack with its parent; and callers with fewer arguments have variables of their own
/// where the last argument would lie. No language rule guarantees that; tests/tool/run_test.sh checks the code.
extern "C" {
using preload_syscall_function = long(long, long, long, long, long, long, long);
inline constinit preload_syscall_function* preload_next_syscall = preload::first_syscall;
}
TAKT_PRELOAD(long, syscall, long number, long a, long b, long c, long d, long e, long f) {
  if (number != SYS_futex) [[likely]]
    return preload_next_syscall(number, a, b, c, d, e, f);
  return preload::moved_futex(a, b, c, d, e, f);
}
