/// locks.hpp - waits for condition variables and semaphores until a deadline.
///
/// Timed locks and joins are left alone: they wait for another thread that is at work, not for time to pass.
#pragma once
#include "process.hpp"
#include "real.hpp"
#include <pthread.h>
#include <semaphore.h>
#include <threads.h>

namespace preload {

inline constinit real<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)>
    real_cond_timedwait("pthread_cond_timedwait", failure::by_result, "GLIBC_2.3.2");
inline constinit real<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>
    real_cond_clockwait("pthread_cond_clockwait", failure::by_result);
inline constinit real<int(cnd_t*, mtx_t*, const timespec*)> real_cnd_timedwait("cnd_timedwait");
inline constinit real<int(sem_t*, const timespec*)> real_sem_timedwait("sem_timedwait");
inline constinit real<int(sem_t*, clockid_t, const timespec*)> real_sem_clockwait("sem_clockwait");
inline constinit real<int(sem_t*)> real_sem_trywait("sem_trywait");

/// The bit by which glibc marks a condition variable on CLOCK_MONOTONIC. It is 0 if this libc does not mark one so;
/// then pthread_cond_timedwait is left alone.
inline constinit unsigned monotonic_bit = 0;

[[nodiscard]] inline unsigned word_of_clock(const pthread_cond_t& c) noexcept {
#ifdef __GLIBC__
  return __atomic_load_n(&c.__data.__wrefs, __ATOMIC_RELAXED);
#else
  return static_cast<void>(c), 0;
#endif
}
/// Effects: sets monotonic_bit, by comparing two condition variables whose clocks are known.
inline void find_clock_of_conditions() noexcept {
  constexpr unsigned bit = 2;
  pthread_condattr_t attributes;
  pthread_cond_t monotonic, usual;
  if (pthread_condattr_init(&attributes) != 0) return;
  if (pthread_cond_init(&usual, &attributes) == 0) {
    if (pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
        pthread_cond_init(&monotonic, &attributes) == 0) {
      if ((word_of_clock(monotonic) & bit) != 0 && (word_of_clock(usual) & bit) == 0) monotonic_bit = bit;
      pthread_cond_destroy(&monotonic);
    }
    pthread_cond_destroy(&usual);
  }
  pthread_condattr_destroy(&attributes);
}

/// Waits for a semaphore. If it is free at once, no clock is read.
template <class Wait>
int moved_semaphore(wait kind, sem_t* s, clockid_t clock, const timespec* deadline, const Wait& until) {
  if (deadline == nullptr || !takt::detail::is_canonical(*deadline)) return until(deadline);
  const int before = errno;
  if (real_sem_trywait(s) == 0) return 0;
  errno = before;
  timespec moved{};
  return until(is_movable(clock) && move_deadline(kind, clock, deadline, moved) ? &moved : deadline);
}

} // namespace preload

TAKT_PRELOAD(int, pthread_cond_timedwait, pthread_cond_t* c, pthread_mutex_t* m, const timespec* deadline) {
  using namespace preload;
  timespec moved{};
  const clockid_t clock = (word_of_clock(*c) & monotonic_bit) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
  const bool known = monotonic_bit != 0;
  return real_cond_timedwait(
      c, m, known && move_deadline(wait::pthread_cond_timedwait, clock, deadline, moved) ? &moved : deadline);
}

TAKT_PRELOAD(int, pthread_cond_clockwait, pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock,
             const timespec* deadline) {
  using namespace preload;
  timespec moved{};
  const bool move = is_movable(clock) && move_deadline(wait::pthread_cond_clockwait, clock, deadline, moved);
  return real_cond_clockwait(c, m, clock, move ? &moved : deadline);
}

TAKT_PRELOAD(int, cnd_timedwait, cnd_t* c, mtx_t* m, const timespec* deadline) {
  using namespace preload;
  timespec moved{};
  return real_cnd_timedwait(c, m,
                            move_deadline(wait::cnd_timedwait, CLOCK_REALTIME, deadline, moved) ? &moved : deadline);
}

TAKT_PRELOAD(int, sem_timedwait, sem_t* s, const timespec* deadline) {
  using namespace preload;
  return moved_semaphore(wait::sem_timedwait, s, CLOCK_REALTIME, deadline,
                         [&](const timespec* d) { return real_sem_timedwait(s, d); });
}

TAKT_PRELOAD(int, sem_clockwait, sem_t* s, clockid_t clock, const timespec* deadline) {
  using namespace preload;
  if (!is_movable(clock)) return real_sem_clockwait(s, clock, deadline);
  return moved_semaphore(wait::sem_clockwait, s, clock, deadline,
                         [&](const timespec* d) { return real_sem_clockwait(s, clock, d); });
}
