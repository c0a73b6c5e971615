/// nanosleep_aligned.hpp - nanosleep(2) for who wakes up together with everybody else: the C shape of the grid.
///
/// Sleeps at least as long as asked, and on until the next point of a decimal grid of CLOCK_MONOTONIC. All processes of
/// a machine that sleep so wake up at the same points, so that the machine wakes up less often.
///
/// Beware of the beat: a loop that sleeps "at least P" on the grid of P needs a moment for itself, misses the next
/// point and wakes up every 2 P. Who wants the beat P asks for less than P, {0, 9000000} with SLACK_VALUE_10MS, or uses
/// `periodic`.
///
/// Does not promise: to return at the point itself. The kernel adds the thread's slack (50 us by default,
/// timer_slack.hpp) and the time it takes to wake up. Not a cancellation point, which nanosleep is.
/// Sources: nanosleep(2), clock_nanosleep(2).
#pragma once
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/timer/grid_origin.hpp>
#include <takt/timer/sleep.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <optional>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

/// The grid a sleep ends on. EXACT: none.
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
int nanosleep_aligned(timespec sleep_time, slack_value slack, interruptible_t, timespec* remaining = nullptr) noexcept;
template <class Os = linux_os>
[[nodiscard]] int nanosleep_deadline(timespec sleep_time, slack_value slack, timespec& deadline) noexcept;

// definitions
namespace detail {

/// Grid is for compile time alone: see when_called.
template <std::int64_t Period, class Grid = grid>
[[nodiscard]] constexpr std::chrono::nanoseconds ceil_to(std::chrono::nanoseconds t,
                                                         std::chrono::nanoseconds origin) noexcept {
  constexpr Grid g = *Grid::make(std::chrono::nanoseconds(Period)); // a constant: it costs no division
  return ceil_from(origin, g, t);
}

/// Returns: the first point at or after `t` of the grid that `slack` names, whose zero is at `origin`; nothing for a
/// value that is no enumerator.
template <class = when_called>
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

/// The deadline in nanoseconds of CLOCK_MONOTONIC. Returns: 0 or a value of errno.
template <class Os>
[[nodiscard]] int aligned_deadline(timespec sleep_time, slack_value slack,
                                   std::chrono::nanoseconds& deadline) noexcept {
  if (!is_canonical(sleep_time) || sleep_time.tv_sec < 0) return EINVAL;
  if (slack < SLACK_VALUE_EXACT || slack > SLACK_VALUE_1S) return EINVAL;
  // The clock is read before the origin, whose first reading takes its time: a deadline once taken does not move.
  const auto due = saturating_add(now_of<std::chrono::steady_clock, Os>(), to_nanoseconds(sleep_time));
  std::chrono::nanoseconds origin{};
  if (slack != SLACK_VALUE_EXACT) {
    std::error_code ec;
    origin = grid_origin<std::chrono::steady_clock, Os>(ec);
    if (ec) return ec.category() == std::system_category() ? ec.value() : EIO;
  }
  const auto point = ceil_to(due, slack, origin);
  if (!point) return EINVAL;
  deadline = *point;
  return 0;
}

} // namespace detail

/// Returns: 0 with the deadline that nanosleep_aligned() would sleep until, on CLOCK_MONOTONIC as this process sees it,
/// for a call that takes one itself (sem_clockwait, pthread_cond_clockwait, timerfd_settime); or a value of errno, as
/// nanosleep_aligned() sets it. Precision: 2^63 ns; what is beyond is the end of time. Does not block.
template <class Os> int nanosleep_deadline(timespec sleep_time, slack_value slack, timespec& deadline) noexcept {
  std::chrono::nanoseconds point{};
  const int error = detail::aligned_deadline<Os>(sleep_time, slack, point);
  if (error == 0) deadline = to_timespec(point);
  return error;
}

/// Effects: sleeps at least `sleep_time`, and until the next point of the grid of CLOCK_MONOTONIC that `slack` names,
/// signals or not. A sleep_time that overflows the clock sleeps to the end of time.
/// Returns: 0, or -1 with errno set, without having slept.
/// Errors: EINVAL for a tv_nsec outside 0..999999999, for a negative tv_sec and for a slack that is no enumerator.
/// Where the grid's origin cannot be known, what grid_origin() reports: ENOENT without /proc, ENOTSUP, EIO for a text
/// that makes no sense; EXACT needs no origin. What clock_nanosleep reports under a filter.
/// Async-signal-safe, but that errno is spoilt on error; the first call of the process on a grid reads /proc (see
/// grid_origin.hpp).
template <class Os> int nanosleep_aligned(timespec sleep_time, slack_value slack) noexcept {
  std::chrono::nanoseconds deadline{};
  int error = detail::aligned_deadline<Os>(sleep_time, slack, deadline);
  if (error == 0) {
    std::error_code ec;
    detail::rest_until<std::chrono::steady_clock, Os>(deadline, uninterrupted, ec);
    error = ec.value();
  }
  if (error == 0) return 0;
  errno = error;
  return -1;
}

/// The same, but the handler of a signal ends it.
/// Returns: in that case -1 with errno EINTR, and in `remaining`, unless it is null, what was left until the deadline.
/// To go on with that is to align again, so the deadline may move by a point; the form above is made for going on.
template <class Os>
int nanosleep_aligned(timespec sleep_time, slack_value slack, interruptible_t, timespec* remaining) noexcept {
  using clock = std::chrono::steady_clock;
  std::chrono::nanoseconds deadline{};
  int error = detail::aligned_deadline<Os>(sleep_time, slack, deadline);
  if (error == 0) {
    std::error_code ec;
    const bool due = detail::rest_until<clock, Os>(deadline, interruptible, ec);
    error = ec.value();
    if (!due && error == 0) {
      error = EINTR;
      const auto left = saturating_subtract(deadline, detail::now_of<clock, Os>());
      if (remaining != nullptr) *remaining = to_timespec(detail::later(left, left.zero()));
    }
  }
  if (error == 0) return 0;
  errno = error;
  return -1;
}

} // namespace takt::inline TAKT_ABI
