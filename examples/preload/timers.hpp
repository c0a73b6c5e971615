/// timers.hpp - the first expiry of timerfd_settime and timer_settime.
///
/// A periodic timer keeps its period, and its first expiry is moved, which the program can see (timer_gettime). All
/// later expiries move by the same amount, so the share is that of the period if the period is shorter. The object
/// remembers the clock of a timer when the timer is made. A timer that was made elsewhere (before an exec, in another
/// process, by dup) has an unknown clock and is left alone, as are CPU time and alarm clocks. If a descriptor was
/// closed and now is another timer, it may be taken for the old one: then it is moved as far as its old clock allows,
/// never early, and by no more than the slack.
#pragma once
#include "process.hpp"
#include "real.hpp"
#include <atomic>
#include <cstdint>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>

namespace preload {

inline constinit real<int(int, int)> real_timerfd_create("timerfd_create");
inline constinit real<int(int, int, const itimerspec*, itimerspec*)> real_timerfd_settime("timerfd_settime");
inline constinit real<int(clockid_t, sigevent*, timer_t*)> real_timer_create("timer_create", failure::by_errno,
                                                                             "GLIBC_2.34", "GLIBC_2.3.3");
inline constinit real<int(timer_t, int, const itimerspec*, itimerspec*)>
    real_timer_settime("timer_settime", failure::by_errno, "GLIBC_2.34", "GLIBC_2.3.3");

/// The clock of each timer, by the number of the timer. A timer may be forgotten: then its clock is unknown.
class remembered_clocks {
public:
  void remember(std::uint64_t timer, clockid_t clock) noexcept {
    entry_of(timer).store(is_movable(clock) ? timer << 8 | static_cast<std::uint64_t>(clock + 1) : 0,
                          std::memory_order_relaxed);
  }
  /// Returns: the clock; -1 where it is unknown.
  [[nodiscard]] clockid_t clock_of(std::uint64_t timer) noexcept {
    const std::uint64_t entry = entry_of(timer).load(std::memory_order_relaxed);
    return entry >> 8 == (timer & ~std::uint64_t{0} >> 8) ? static_cast<clockid_t>(entry & 0xff) - 1 : -1;
  }

private:
  static constexpr std::size_t size = 4096; // of two timers in one entry the later one is known
  [[nodiscard]] std::atomic<std::uint64_t>& entry_of(std::uint64_t timer) noexcept {
    return entries_[(timer ^ timer >> 12) % size];
  }
  std::atomic<std::uint64_t> entries_[size]{};
};
inline constinit remembered_clocks clocks_of_descriptors{}, clocks_of_timers{};

/// Sets `out` to `wanted` with the first expiry moved. Returns: whether it was.
inline bool moved_expiry(wait kind, clockid_t clock, bool absolute, const itimerspec* wanted,
                         itimerspec& out) noexcept {
  if (wanted == nullptr || clock < 0 || !is_valid(wanted->it_value) || !is_valid(wanted->it_interval)) return false;
  const nanoseconds interval = takt::to_nanoseconds(wanted->it_interval);
  const nanoseconds period = interval > nanoseconds::zero() ? interval : nanoseconds::max();
  timespec first{};
  if (absolute) {
    if (!move_deadline(kind, clock, &wanted->it_value, first, period)) return false;
  } else {
    plan p;
    if (!move(kind, takt::to_nanoseconds(wanted->it_value), p, period)) return false;
    first = takt::to_timespec(p.moved_length());
  }
  out = {wanted->it_interval, first};
  return true;
}

} // namespace preload

TAKT_PRELOAD(int, timerfd_create, int clock, int flags) {
  const int descriptor = preload::real_timerfd_create(clock, flags);
  if (descriptor >= 0) preload::clocks_of_descriptors.remember(static_cast<std::uint64_t>(descriptor), clock);
  return descriptor;
}

TAKT_PRELOAD(int, timerfd_settime, int descriptor, int flags, const itimerspec* wanted, itimerspec* before) {
  using namespace preload;
  itimerspec moved{};
  const clockid_t clock = clocks_of_descriptors.clock_of(static_cast<std::uint64_t>(descriptor));
  const bool move = moved_expiry(wait::timerfd_settime, clock, (flags & TFD_TIMER_ABSTIME) != 0, wanted, moved);
  return real_timerfd_settime(descriptor, flags, move ? &moved : wanted, before);
}

TAKT_PRELOAD(int, timer_create, clockid_t clock, sigevent* event, timer_t* timer) {
  const int result = preload::real_timer_create(clock, event, timer);
  if (result == 0) preload::clocks_of_timers.remember(reinterpret_cast<std::uintptr_t>(*timer), clock);
  return result;
}

TAKT_PRELOAD(int, timer_settime, timer_t timer, int flags, const itimerspec* wanted, itimerspec* before) {
  using namespace preload;
  itimerspec moved{};
  const clockid_t clock = clocks_of_timers.clock_of(reinterpret_cast<std::uintptr_t>(timer));
  const bool move = moved_expiry(wait::timer_settime, clock, (flags & TIMER_ABSTIME) != 0, wanted, moved);
  return real_timer_settime(timer, flags, move ? &moved : wanted, before);
}
