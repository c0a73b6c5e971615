/// process.hpp - what the preloaded object knows about its process, and the decision where a wait ends.
///
/// Set once, in the constructor. Before that, and where the settings or the origin of the grid are unknown, every wait
/// goes through as the program wrote it. A wait allocates nothing, takes no lock and touches no thread-local variable
/// but errno.
#pragma once
#include "counts.hpp"
#include "settings.hpp"
#include "wait_list.hpp"
#include "window.hpp"
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <sched.h>
#include <takt/core/timespec.hpp>
#include <time.h>

namespace preload {

struct process {
  std::atomic<bool> ready{false}; ///< set last: all other members are valid
  std::uint32_t families = 0;
  limits allowed{};
  nanoseconds origin{};       ///< what CLOCK_MONOTONIC shows at the zero of the grid
  nanoseconds thread_slack{}; ///< the timer slack of the first thread at its start, which other threads inherit
  counts_file* counts = nullptr;
};
inline constinit process here{};

/// Restores errno after calls that the program did not make.
class errno_kept {
public:
  errno_kept() noexcept : before_(errno) {}
  ~errno_kept() { errno = before_; }
  errno_kept(const errno_kept&) = delete;
  errno_kept& operator=(const errno_kept&) = delete;

private:
  int before_;
};

[[nodiscard]] inline nanoseconds now(clockid_t clock) noexcept {
  timespec t{};
  clock_gettime(clock, &t);
  return takt::to_nanoseconds(t);
}

/// Returns: whether waits on this clock may be moved: not on CPU time, nor on an alarm clock.
[[nodiscard]] constexpr bool is_movable(clockid_t clock) noexcept {
  return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
}
/// Returns: whether the kernel accepts `t` as the time of a wait.
[[nodiscard]] constexpr bool is_valid(const timespec& t) noexcept {
  return t.tv_sec >= 0 && takt::detail::is_canonical(t);
}

/// Where a wait ends, on CLOCK_MONOTONIC.
struct plan {
  nanoseconds length{};   ///< the length of the program's wait
  nanoseconds deadline{}; ///< the deadline of the program's wait
  nanoseconds point{};    ///< where the moved wait ends, at or after the deadline
  [[nodiscard]] nanoseconds shift() const noexcept { return point - deadline; }
  /// Returns: how long a relative wait is to last. It begins a moment after the clock was read, and so ends that much
  /// after the point. One more reading of the clock would cost more than this moment.
  [[nodiscard]] nanoseconds moved_length() const noexcept { return takt::detail::saturating_add(length, shift()); }
  /// Returns: the time from now to the deadline; zero after it.
  [[nodiscard]] nanoseconds left() const noexcept {
    return takt::detail::later(takt::detail::saturating_subtract(deadline, now(CLOCK_MONOTONIC)), nanoseconds::zero());
  }
};

inline void count(wait kind, nanoseconds shift) noexcept {
  if (here.counts != nullptr) [[unlikely]]
    add(here.counts->of[static_cast<unsigned>(kind)], static_cast<std::uint64_t>(shift.count()));
}

/// Sets `out` to the plan for a wait of the length `length` from now. If later waits of the length `period` move with
/// it, the share is that of the shorter of the two. Returns: whether the wait is to be moved; if not, it stays as it
/// is.
[[nodiscard]] inline bool move(wait kind, nanoseconds length, plan& out,
                               nanoseconds period = nanoseconds::max()) noexcept {
  if (length <= nanoseconds::zero() || !here.ready.load(std::memory_order_acquire)) return false;
  if ((here.families & bit_of(wait_list[static_cast<unsigned>(kind)].of)) == 0) return false;
  const nanoseconds window = room(here.allowed, takt::detail::earlier(length, period));
  if (window == nanoseconds::zero()) {
    count(kind, window);
    return false;
  }
  out.length = length;
  out.deadline = takt::detail::saturating_add(now(CLOCK_MONOTONIC), length);
  out.point = point_within(out.deadline, window, here.origin);
  count(kind, out.shift());
  return true;
}

/// Moves the deadline of a wait on `clock`. The shift is calculated on CLOCK_MONOTONIC and added on `clock`, so the
/// wait still follows `clock` when that is set. Returns: as move().
[[nodiscard]] inline bool move_deadline(wait kind, clockid_t clock, const timespec* deadline, timespec& out,
                                        nanoseconds period = nanoseconds::max()) noexcept {
  if (deadline == nullptr || !is_valid(*deadline) || !here.ready.load(std::memory_order_acquire)) return false;
  const nanoseconds end = takt::to_nanoseconds(*deadline);
  plan p;
  if (!move(kind, takt::detail::saturating_subtract(end, now(clock)), p, period)) return false;
  out = takt::to_timespec(takt::detail::saturating_add(end, p.shift()));
  return true;
}

/// Returns: whether the calling thread is under a real-time policy, under which the kernel ignores slack. The policy
/// may have SCHED_RESET_ON_FORK added.
[[nodiscard]] inline bool is_real_time() noexcept {
  const errno_kept kept;
  const int policy = sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
  return policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
}

} // namespace preload

/// A function of libc that the object stands in front of. It has a C++ name of its own, because libc's headers declare
/// the name with attributes and exception specifications that a definition would have to repeat.
#define TAKT_PRELOAD(result, name, ...)                                                                                \
  extern "C" [[gnu::visibility("default")]] result preload_##name(__VA_ARGS__) __asm__(#name);                         \
  result preload_##name(__VA_ARGS__)
/// Another name of libc's for the same function.
#define TAKT_PRELOAD_ALIAS(result, alias_name, name, ...)                                                              \
  extern "C" [[gnu::visibility("default"), gnu::alias(#name)]] result preload_alias##alias_name(__VA_ARGS__) __asm__(  \
      #alias_name)
