/// sleeps.hpp - nanosleep, clock_nanosleep, usleep, sleep and thrd_sleep.
///
/// A sleep becomes one until an absolute point. Interrupted, it returns the time left to the program's own deadline;
/// after that deadline the sleep is over, interrupted or not. usleep, sleep and thrd_sleep call libc's internals, so
/// each has its own function here. All are cancellation points, because libc's clock_nanosleep is one.
#pragma once
#include "process.hpp"
#include "real.hpp"
#include <limits>
#include <threads.h>

namespace preload {

inline constinit real<int(const timespec*, timespec*)> real_nanosleep("nanosleep");
inline constinit real<int(clockid_t, int, const timespec*, timespec*)> real_clock_nanosleep("clock_nanosleep",
                                                                                            failure::by_result);
inline constinit real<int(unsigned)> real_usleep("usleep");
inline constinit real<unsigned(unsigned)> real_sleep("sleep");
inline constinit real<int(const timespec*, timespec*)> real_thrd_sleep("thrd_sleep");

/// Sleeps to the point of the plan. Returns: 0, EINTR with the time left to the deadline in `left`, or another error,
/// with which the sleep has not begun (a filter of system calls).
inline int sleep_to(const plan& p, nanoseconds& left) {
  const timespec point = takt::to_timespec(p.point);
  const int error = real_clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &point, nullptr);
  if (error != EINTR) return error;
  left = p.left();
  return left > nanoseconds::zero() ? EINTR : 0;
}

/// A relative sleep of `length`. Returns: as sleep_to(), or -1 where it is not to be moved.
inline int moved_sleep(wait kind, nanoseconds length, nanoseconds& left) {
  plan p;
  if (!move(kind, length, p)) return -1;
  const int error = sleep_to(p, left);
  return error == 0 || error == EINTR ? error : -1;
}

} // namespace preload

TAKT_PRELOAD(int, nanosleep, const timespec* length, timespec* left) {
  using namespace preload;
  nanoseconds rest{};
  const int error =
      length != nullptr && is_valid(*length) ? moved_sleep(wait::nanosleep, takt::to_nanoseconds(*length), rest) : -1;
  if (error == 0) return 0;
  if (error < 0) return real_nanosleep(length, left);
  if (left != nullptr) *left = takt::to_timespec(rest);
  errno = EINTR;
  return -1;
}
TAKT_PRELOAD_ALIAS(int, __nanosleep, nanosleep, const timespec*, timespec*);

TAKT_PRELOAD(int, clock_nanosleep, clockid_t clock, int flags, const timespec* time, timespec* left) {
  using namespace preload;
  if (time == nullptr || !is_valid(*time) || !is_movable(clock)) return real_clock_nanosleep(clock, flags, time, left);
  if ((flags & TIMER_ABSTIME) == 0) {
    nanoseconds rest{};
    // Relative sleeps on REALTIME and MONOTONIC are the same; those on BOOTTIME and TAI are rare and stay as they are.
    const int error = clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC
                          ? moved_sleep(wait::clock_nanosleep, takt::to_nanoseconds(*time), rest)
                          : -1;
    if (error < 0) return real_clock_nanosleep(clock, flags, time, left);
    if (error == EINTR && left != nullptr) *left = takt::to_timespec(rest);
    return error;
  }
  timespec moved{};
  if (!move_deadline(wait::clock_nanosleep, clock, time, moved)) return real_clock_nanosleep(clock, flags, time, left);
  const int error = real_clock_nanosleep(clock, flags, &moved, left);
  return error == EINTR && now(clock) >= takt::to_nanoseconds(*time) ? 0 : error;
}

TAKT_PRELOAD(int, usleep, useconds_t microseconds) {
  using namespace preload;
  nanoseconds rest{};
  const int error = moved_sleep(wait::usleep, std::chrono::microseconds(microseconds), rest);
  if (error < 0) return real_usleep(microseconds);
  if (error == 0) return 0;
  errno = error;
  return -1;
}

TAKT_PRELOAD(unsigned, sleep, unsigned seconds) {
  using namespace preload;
  nanoseconds rest{};
  const int error = moved_sleep(wait::sleep, std::chrono::seconds(seconds), rest);
  if (error < 0) return real_sleep(seconds);
  if (error == 0) return 0;
  errno = error;
  return static_cast<unsigned>(std::chrono::duration_cast<std::chrono::seconds>(rest).count()); // whole ones, as libc
}

TAKT_PRELOAD(int, thrd_sleep, const timespec* length, timespec* left) {
  using namespace preload;
  nanoseconds rest{};
  const int error =
      length != nullptr && is_valid(*length) ? moved_sleep(wait::thrd_sleep, takt::to_nanoseconds(*length), rest) : -1;
  if (error < 0) return real_thrd_sleep(length, left);
  if (error == 0) return 0;
  if (left != nullptr) *left = takt::to_timespec(rest);
  return -1;
}
