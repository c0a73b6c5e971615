/// nanosleep_aligned.hpp - nanosleep(2) that ends on a grid which all processes share: the C form of sleep_aligned().
///
/// Sleeps at least as long as asked, and then until the next point of a decimal grid of CLOCK_MONOTONIC. All processes
/// of a machine that sleep so wake up at the same points, so that the machine wakes up less often.
///
/// Beware: a loop that sleeps "at least P" on a grid of period P needs a moment for itself, misses the next point and
/// wakes up every 2 P. For period P ask for less than P ({0, 9000000} with SLACK_VALUE_10MS for 10 ms), or use
/// `periodic`.
///
/// Does not promise: to return at the point itself, because the kernel adds the thread's slack (50 us by default, see
/// timer_slack.hpp) and the time it takes to wake up; to be a cancellation point, as nanosleep is.
/// Sources: nanosleep(2), clock_nanosleep(2).
#pragma once
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/sleep.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

/// The period of the grid on which a sleep ends. SLACK_VALUE_EXACT stands for no grid.
enum slack_value : int {
  SLACK_VALUE_EXACT,
  SLACK_VALUE_10NS,
  SLACK_VALUE_100NS,
  SLACK_VALUE_1US,
  SLACK_VALUE_10US,
  SLACK_VALUE_100US,
  SLACK_VALUE_1MS,
  SLACK_VALUE_10MS,
  SLACK_VALUE_100MS,
  SLACK_VALUE_1S,
};

template <class Os = linux_os> int nanosleep_aligned(timespec sleep_time, slack_value slack) noexcept;
template <class Os = linux_os>
int nanosleep_aligned(timespec sleep_time, slack_value slack, detail::interruptible_t,
                      timespec* remaining = nullptr) noexcept;
template <class Os = linux_os>
[[nodiscard]] int nanosleep_deadline(timespec sleep_time, slack_value slack, timespec& deadline) noexcept;

// definitions
namespace detail {

template <std::int64_t Period>
[[nodiscard]] constexpr std::chrono::nanoseconds ceil_to(std::chrono::nanoseconds t,
                                                         std::chrono::nanoseconds origin) noexcept {
  constexpr grid g = *grid::make(std::chrono::nanoseconds(Period)); // a constant: it costs no division
  return ceil_from(origin, g, t);
}

/// Returns: the first point at or after `t` of the grid that `slack` names and whose zero is at `origin`; nullopt for a
/// value that is no enumerator.
template <class = for_callers>
[[nodiscard]] constexpr std::optional<std::chrono::nanoseconds>
ceil_to(std::chrono::nanoseconds t, slack_value slack, std::chrono::nanoseconds origin) noexcept {
  switch (slack) {
  case SLACK_VALUE_EXACT: return t;
  case SLACK_VALUE_10NS: return ceil_to<10>(t, origin);
  case SLACK_VALUE_100NS: return ceil_to<100>(t, origin);
  case SLACK_VALUE_1US: return ceil_to<1'000>(t, origin);
  case SLACK_VALUE_10US: return ceil_to<10'000>(t, origin);
  case SLACK_VALUE_100US: return ceil_to<100'000>(t, origin);
  case SLACK_VALUE_1MS: return ceil_to<1'000'000>(t, origin);
  case SLACK_VALUE_10MS: return ceil_to<10'000'000>(t, origin);
  case SLACK_VALUE_100MS: return ceil_to<100'000'000>(t, origin);
  case SLACK_VALUE_1S: return ceil_to<1'000'000'000>(t, origin);
  }
  return std::nullopt;
}

/// Effects: sets `deadline`, in nanoseconds of CLOCK_MONOTONIC. Where the origin of the grid is unknown, sets `unknown`
/// to the reason, a value of errno, and takes the zero of the clock as this process sees it. Returns: 0 or EINVAL.
template <class Os>
[[nodiscard]] int aligned_deadline(timespec sleep_time, slack_value slack, std::chrono::nanoseconds& deadline,
                                   int& unknown) noexcept {
  if (!is_canonical(sleep_time) || sleep_time.tv_sec < 0) return EINVAL;
  if (slack < SLACK_VALUE_EXACT || slack > SLACK_VALUE_1S) return EINVAL;
  // The clock is read before the origin, because the first reading of the origin takes time.
  const auto due = saturating_add(now_of<std::chrono::steady_clock, Os>(), to_nanoseconds(sleep_time));
  std::chrono::nanoseconds origin{};
  if (slack != SLACK_VALUE_EXACT) {
    std::error_code ec;
    origin = grid_origin<std::chrono::steady_clock, Os>(ec);
    if (ec) unknown = ec.category() == std::system_category() ? ec.value() : EIO; // the origin is zero then
  }
  const auto point = ceil_to(due, slack, origin);
  if (!point) return EINVAL;
  deadline = *point;
  return 0;
}

} // namespace detail

/// Effects: sets `deadline` to the end of the sleep of nanosleep_aligned(), on CLOCK_MONOTONIC as this process sees it,
/// for calls that take a deadline (sem_clockwait, pthread_cond_clockwait, timerfd_settime). A deadline beyond 2^63 ns
/// counts as the end of time.
/// Returns: 0, or the value of errno that nanosleep_aligned() sets. Where the grid's origin is unknown, `deadline` is
/// set too, so that a loop which ignores the error does not spin. Does not block.
template <class Os> int nanosleep_deadline(timespec sleep_time, slack_value slack, timespec& deadline) noexcept {
  std::chrono::nanoseconds point{};
  int unknown = 0;
  const int error = detail::aligned_deadline<Os>(sleep_time, slack, point, unknown);
  if (error != 0) return error;
  deadline = to_timespec(point);
  return unknown;
}

/// Effects: sleeps at least `sleep_time`, and until the next point of the grid of CLOCK_MONOTONIC that `slack` names,
/// whatever signals arrive. A sleep_time that overflows the clock sleeps to the end of time.
/// Returns: 0, or -1 with errno set, without having slept unless the grid's origin is unknown.
/// Errors: EINVAL for a tv_nsec outside 0..999999999, for a negative tv_sec and for a slack that is no enumerator. What
/// clock_nanosleep reports under a filter. Where the grid's origin is unknown, what grid_origin() reports: ENOENT
/// without /proc, ENOTSUP, EIO for malformed text. Then it has slept at least `sleep_time`, on the grid from the zero
/// of the clock as this process sees it, so that a loop which ignores the error does not spin. EXACT needs no origin.
/// Async-signal-safe, except that it changes errno on error. The first call of the process on a grid reads /proc (see
/// grid_origin.hpp).
template <class Os> int nanosleep_aligned(timespec sleep_time, slack_value slack) noexcept {
  std::chrono::nanoseconds deadline{};
  int unknown = 0;
  int error = detail::aligned_deadline<Os>(sleep_time, slack, deadline, unknown);
  if (error == 0) {
    std::error_code ec;
    detail::rest_until<std::chrono::steady_clock, Os>(deadline, detail::uninterrupted, ec);
    error = ec ? ec.value() : unknown;
  }
  if (error == 0) return 0;
  errno = error;
  return -1;
}

/// Effects: as the form without `interruptible`, but the sleep also ends when the handler of a signal has run. Then the
/// function returns -1 with errno EINTR and sets `remaining`, unless it is null, to the time left until the deadline. A
/// second call with that time aligns again, so its deadline may be one point later; the form without `interruptible`
/// keeps its deadline.
template <class Os>
int nanosleep_aligned(timespec sleep_time, slack_value slack, detail::interruptible_t, timespec* remaining) noexcept {
  using clock = std::chrono::steady_clock;
  std::chrono::nanoseconds deadline{};
  int unknown = 0;
  int error = detail::aligned_deadline<Os>(sleep_time, slack, deadline, unknown);
  if (error == 0) {
    std::error_code ec;
    const bool due = detail::rest_until<clock, Os>(deadline, interruptible, ec);
    error = ec.value();
    if (!due && error == 0) {
      error = EINTR;
      const auto left = detail::saturating_subtract(deadline, detail::now_of<clock, Os>());
      if (remaining != nullptr) *remaining = to_timespec(detail::later(left, left.zero()));
    }
  }
  if (error == 0) error = unknown;
  if (error == 0) return 0;
  errno = error;
  return -1;
}

} // namespace takt::inline TAKT_ABI
