/// sleep.hpp - sleeping until a point of the common grid, or somewhere inside a window.
///
/// All of it sleeps on absolute deadlines, so that neither signals nor preemption make it drift, and never ends before
/// the deadline's own clock says due. A deadline that has passed does not sleep; one beyond the clock's range sleeps to
/// the end of time.
///
/// Each function comes in three forms:
///   f(..., ec)          sleeps to the end, signals or not;
///   f(..., ender, ec)   the same, but returns early with false: ender is `interruptible` (the handler of a signal has
///                       run) or a std::stop_token (a stop was requested);
///   f(...), f(..., ender)  throw std::system_error instead.
///
/// Does not promise: a bound on how late a sleep ends. The kernel adds the thread's slack (50 us by default, see
/// timer_slack.hpp) and the time it takes to wake up. A step of CLOCK_REALTIME moves deadlines on it with it. With a
/// stop_token a sleep on TAI runs on REALTIME and is asked again on TAI: never early, but if the offset between the two
/// changes meanwhile (a leap second, a daemon that sets it), late by as much. The slack of a window is the thread's while
/// it sleeps: a handler of a signal that itself sleeps may be as late. On clocks that a time namespace can shift
/// the first sleep on the grid reads /proc: see grid_origin.hpp.
/// Sources: clock_nanosleep(2), futex(2), prctl(2) PR_SET_TIMERSLACK; Linux 6.12 kernel/time/hrtimer.c: a timer fires
/// between softexpires and softexpires + slack (its hard expiry), at an interrupt of its CPU at which every timer of that
/// CPU with an earlier hard expiry is open too (__hrtimer_run_queues).
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/timer/grid_origin.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/timer_fd.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <stop_token>
#include <string>
#include <system_error>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// synopsis

/// Says that a sleep shall end when the handler of a signal has run, as nanosleep(2) does. A stopped and continued
/// process does not count.
struct interruptible_t {
  explicit interruptible_t() = default;
};
inline constexpr interruptible_t interruptible{};
/// Says that a sleep shall go on to its deadline.
struct uninterrupted_t {
  explicit uninterrupted_t() = default;
};
inline constexpr uninterrupted_t uninterrupted{};

/// What may end a sleep before its deadline.
template <class E>
concept sleep_ender =
    std::same_as<E, uninterrupted_t> || std::same_as<E, interruptible_t> || std::same_as<E, std::stop_token>;

// definitions
namespace detail {

/// Returns: whether the ender wants no more sleep. A signal leaves no trace that could be asked for.
template <class Ender> [[nodiscard]] bool ended_by(const Ender& ender) noexcept {
  if constexpr (std::same_as<Ender, std::stop_token>) return ender.stop_requested();
  else return false;
}

/// The clock that a futex uses for Clock.
template <class Clock>
inline constexpr clockid_t futex_clock =
    kernel_clock<Clock>::id == CLOCK_TAI ? CLOCK_REALTIME : kernel_clock<Clock>::id;

/// Returns: when the kernel's clock Id will show that Clock has reached `deadline`, as far as can be told now.
template <class Clock, clockid_t Id, class Os>
[[nodiscard]] timespec kernel_deadline(std::chrono::nanoseconds deadline) noexcept {
  const auto target = saturating_subtract(deadline, ahead_of<Clock, Id, Os>());
  return to_timespec(later(target, std::chrono::nanoseconds::zero())); // the kernel refuses to look before its epoch
}

/// Sleeps until Clock shows `deadline` or the ender ends it.
/// Returns: whether the deadline was reached. Errors: what the system call reports.
template <class Clock, class Os, class Ender>
  requires(!std::same_as<Ender, std::stop_token>)
bool rest_until(std::chrono::nanoseconds deadline, Ender, std::error_code& ec) noexcept {
  constexpr clockid_t id = kernel_clock<Clock>::id;
  ec.clear();
  // Asking the clock first costs a thousandth of what the kernel takes to find a deadline in the past: it sets up its
  // timer all the same, 15 us in a guest. Asking it again behind makes the deadline's own clock the judge.
  while (now_of<Clock, Os>() < deadline) {
    const int error = Os::sleep_until(id, kernel_deadline<Clock, id, Os>(deadline));
    if (std::same_as<Ender, interruptible_t> && error == EINTR) return false;
    if (error != 0 && error != EINTR) return ec = errno_code(error), false; // after EINTR: the deadline has not moved
  }
  return true;
}

/// For clocks that go on in suspend, which no futex knows. A stop sets the timer to a time long past; it does so after
/// the token says so, so that whoever sets the timer and then asks the token misses neither.
template <class Clock, class Os>
bool rest_on_timer(std::chrono::nanoseconds deadline, const std::stop_token& token, std::error_code& ec) noexcept {
  constexpr clockid_t id = kernel_clock<Clock>::id;
  timer_fd<Os> timer(id, ec);
  if (ec) return false;
  const auto stop = [&timer]() noexcept {
    std::error_code none;
    timer.arm(std::chrono::nanoseconds::zero(), false, none);
  };
  const std::stop_callback registration(token, stop);
  for (;;) {
    timer.arm(saturating_subtract(deadline, ahead_of<Clock, id, Os>()), false, ec);
    if (ec || token.stop_requested()) return false;
    if (now_of<Clock, Os>() >= deadline) return true;
    timer.wait(std::chrono::nanoseconds::max(), ec);
    if (ec) return false;
  }
}

/// Returns: whether a sleep with this ender is one of rest_on_timer().
template <class Clock, class Ender> [[nodiscard]] bool rests_on_timer(const Ender& ender) noexcept {
  constexpr bool on_boottime = kernel_clock<Clock>::id == CLOCK_BOOTTIME;
  if constexpr (on_boottime && std::same_as<Ender, std::stop_token>) return ender.stop_possible();
  else return false;
}

/// A futex knows MONOTONIC and REALTIME, and TAI is whole seconds from REALTIME.
template <class Clock, class Os>
bool rest_until(std::chrono::nanoseconds deadline, const std::stop_token& token, std::error_code& ec) noexcept {
  if (!token.stop_possible()) return rest_until<Clock, Os>(deadline, uninterrupted, ec);
  if constexpr (kernel_clock<Clock>::id == CLOCK_BOOTTIME) return rest_on_timer<Clock, Os>(deadline, token, ec);
  constexpr clockid_t id = futex_clock<Clock>;
  ec.clear();
  std::atomic<std::uint32_t> stopped{0};
  const auto stop = [&stopped]() noexcept {
    stopped.store(1, std::memory_order_relaxed); // the futex orders store and sleep; nothing else is passed on by it
    Os::wake_all(stopped);
  };
  // Its destructor waits for a `stop` that runs in another thread, so the word outlives the wake-up.
  const std::stop_callback registration(token, stop);
  while (!token.stop_requested()) {
    if (now_of<Clock, Os>() >= deadline) return true;
    const int error = Os::wait_until(stopped, 0, id, kernel_deadline<Clock, id, Os>(deadline));
    if (error != 0 && error != ETIMEDOUT && error != EAGAIN && error != EINTR) return ec = errno_code(error), false;
  }
  return false;
}

/// The first point of `g` at or after `t` when the zero of the grid is at `origin`.
[[nodiscard]] constexpr std::chrono::nanoseconds ceil_from(std::chrono::nanoseconds origin, const grid& g,
                                                           std::chrono::nanoseconds t) noexcept {
  return saturating_add(g.ceil(saturating_subtract(t, origin)), origin);
}

/// The roundest point of [earliest, latest] when the zero of the ladder is at `origin`.
/// Precondition: earliest <= latest.
template <class = when_called>
[[nodiscard]] constexpr std::chrono::nanoseconds roundest_from(std::chrono::nanoseconds origin,
                                                               std::chrono::nanoseconds earliest,
                                                               std::chrono::nanoseconds latest) noexcept {
  const auto point = roundest_point(saturating_subtract(earliest, origin), saturating_subtract(latest, origin));
  // A window that the origin moves beyond the range loses an end there: what was asked for is kept.
  return clamped(saturating_add(*point, origin), earliest, latest);
}

} // namespace detail

/// Effects: sleeps until `t`.
/// Errors: what clock_nanosleep or futex report (EPERM under a filter that forbids them); with a stop_token on BOOTTIME
/// what timerfd_create reports (EMFILE).
template <class Os = linux_os, sleepable_clock Clock, class Duration, sleep_ender Ender>
[[nodiscard]] bool sleep_until(std::chrono::time_point<Clock, Duration> t, Ender ender, std::error_code& ec) noexcept {
  return detail::rest_until<Clock, Os>(detail::deadline_of(t), ender, ec);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> t, std::error_code& ec) noexcept {
  static_cast<void>(sleep_until<Os>(t, uninterrupted, ec));
}

/// Effects: sleeps until the first point of `g` at or after `t`. The grid starts at the zero of the kernel's own clock,
/// also inside a time namespace, so whoever names the same grid on the same clock wakes up at the same points.
/// Errors: those of sleep_until() and grid_origin().
template <class Os = linux_os, sleepable_clock Clock, class Duration, sleep_ender Ender>
[[nodiscard]] bool sleep_until_aligned(std::chrono::time_point<Clock, Duration> t, const grid& g, Ender ender,
                                       std::error_code& ec) noexcept {
  const auto origin = grid_origin<Clock, Os>(ec);
  if (ec) return false;
  return detail::rest_until<Clock, Os>(detail::ceil_from(origin, g, detail::deadline_of(t)), ender, ec);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration>
void sleep_until_aligned(std::chrono::time_point<Clock, Duration> t, const grid& g, std::error_code& ec) noexcept {
  static_cast<void>(sleep_until_aligned<Os>(t, g, uninterrupted, ec));
}

/// Effects: sleeps at least `d`, and on until the next point of `g`. Clock: the one whose grid it is.
/// Beware of the beat: a loop that sleeps at least P on a grid of P needs a moment for itself, misses the next point
/// and wakes up every 2 P. Ask for less than P, or use `periodic`. A negative `d`, or one that is no number, is none:
/// the next point at or after now, as std::this_thread::sleep_for takes it; the C shape refuses it.
/// Errors: those of sleep_until_aligned().
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os, class Rep, class Period,
          sleep_ender Ender>
[[nodiscard]] bool sleep_aligned(std::chrono::duration<Rep, Period> d, const grid& g, Ender ender,
                                 std::error_code& ec) noexcept {
  using point = std::chrono::time_point<Clock, std::chrono::nanoseconds>;
  const auto at_least = detail::later(detail::ceil_to_nanoseconds(d), std::chrono::nanoseconds::zero());
  const auto due = saturating_add(detail::now_of<Clock, Os>(), at_least);
  return sleep_until_aligned<Os>(point(due), g, ender, ec);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os, class Rep, class Period>
void sleep_aligned(std::chrono::duration<Rep, Period> d, const grid& g, std::error_code& ec) noexcept {
  static_cast<void>(sleep_aligned<Clock, Os>(d, g, uninterrupted, ec));
}

/// Effects: sleeps until somewhere in [t, t + slack]: until the roundest point of the decimal ladder in it, or until a
/// timer interrupt of the same CPU that comes while the window is open, if every timer of that CPU with an earlier end
/// is open too: the kernel goes by the ends, and stops at the first timer that is not. Threads under a real-time policy,
/// for whom the kernel knows no slack, sleep to the roundest point, as do those with a stop_token on BOOTTIME, whose
/// timerfd knows none either. A window that is open already does not sleep: who is awake costs no wake-up. The thread's
/// own slack is as before when it returns.
/// Errors: EINVAL for a negative slack; those of sleep_until() and grid_origin(). Four system calls more than
/// sleep_until().
template <class Os = linux_os, sleepable_clock Clock, class Duration, class Rep, class Period, sleep_ender Ender>
[[nodiscard]] bool sleep_until_within(std::chrono::time_point<Clock, Duration> t,
                                      std::chrono::duration<Rep, Period> slack, Ender ender,
                                      std::error_code& ec) noexcept {
  using std::chrono::nanoseconds;
  if (!(slack >= slack.zero())) return ec = detail::errno_code(EINVAL), false; // a NaN is refused too
  const nanoseconds origin = grid_origin<Clock, Os>(ec);
  if (ec) return false;
  const nanoseconds earliest = detail::deadline_of(t);
  if (detail::now_of<Clock, Os>() >= earliest) return detail::rest_until<Clock, Os>(earliest, ender, ec);
  const nanoseconds latest = saturating_add(earliest, saturating_cast<nanoseconds>(slack));
  const nanoseconds roundest = detail::roundest_from(origin, earliest, latest);
  if (detail::rests_on_timer<Clock>(ender)) return detail::rest_until<Clock, Os>(roundest, ender, ec);
  // The kernel is told the window as softexpires and slack, so that the hard expiry is the roundest point. Slack of
  // zero would mean the default. Whatever forbids it, the roundest point is right without.
  std::error_code refused;
  const scoped_timer_slack<Os> room(detail::later(saturating_subtract(roundest, earliest), nanoseconds(1)), refused);
  return detail::rest_until<Clock, Os>(room.active() ? earliest : roundest, ender, ec);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration, class Rep, class Period>
void sleep_until_within(std::chrono::time_point<Clock, Duration> t, std::chrono::duration<Rep, Period> slack,
                        std::error_code& ec) noexcept {
  static_cast<void>(sleep_until_within<Os>(t, slack, uninterrupted, ec));
}

#if TAKT_EXCEPTIONS
namespace detail {
inline std::string sleep_hint() {
  return std::string("sleep: the kernel refused it (a filter?), the slack was negative, or /proc does not tell how a "
                     "time namespace shifts the clock (see load_grid_origin)");
}
} // namespace detail

template <class Os = linux_os, sleepable_clock Clock, class Duration>
void sleep_until(std::chrono::time_point<Clock, Duration> t) {
  detail::or_throw([&](std::error_code& ec) { sleep_until<Os>(t, ec); }, detail::sleep_hint);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration, sleep_ender Ender>
[[nodiscard]] bool sleep_until(std::chrono::time_point<Clock, Duration> t, Ender ender) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_until<Os>(t, ender, ec); }, detail::sleep_hint);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration>
void sleep_until_aligned(std::chrono::time_point<Clock, Duration> t, const grid& g) {
  detail::or_throw([&](std::error_code& ec) { sleep_until_aligned<Os>(t, g, ec); }, detail::sleep_hint);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration, sleep_ender Ender>
[[nodiscard]] bool sleep_until_aligned(std::chrono::time_point<Clock, Duration> t, const grid& g, Ender ender) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_until_aligned<Os>(t, g, ender, ec); },
                          detail::sleep_hint);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os, class Rep, class Period>
void sleep_aligned(std::chrono::duration<Rep, Period> d, const grid& g) {
  detail::or_throw([&](std::error_code& ec) { sleep_aligned<Clock, Os>(d, g, ec); }, detail::sleep_hint);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os, class Rep, class Period,
          sleep_ender Ender>
[[nodiscard]] bool sleep_aligned(std::chrono::duration<Rep, Period> d, const grid& g, Ender ender) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_aligned<Clock, Os>(d, g, ender, ec); },
                          detail::sleep_hint);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration, class Rep, class Period>
void sleep_until_within(std::chrono::time_point<Clock, Duration> t, std::chrono::duration<Rep, Period> slack) {
  detail::or_throw([&](std::error_code& ec) { sleep_until_within<Os>(t, slack, ec); }, detail::sleep_hint);
}
template <class Os = linux_os, sleepable_clock Clock, class Duration, class Rep, class Period, sleep_ender Ender>
[[nodiscard]] bool sleep_until_within(std::chrono::time_point<Clock, Duration> t,
                                      std::chrono::duration<Rep, Period> slack, Ender ender) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_until_within<Os>(t, slack, ender, ec); },
                          detail::sleep_hint);
}
#endif

// What cannot be meant, so that the compiler says so in a line.

/// The kernel cannot sleep on this clock. If it shows nearly what one of the kernel's shows, specialise
/// takt::kernel_clock<Clock>; its now() must be noexcept.
template <class Os = linux_os, class Clock, class Duration, class... Rest>
  requires(!sleepable_clock<Clock>)
void sleep_until(std::chrono::time_point<Clock, Duration>, Rest&&...) = delete;
template <class Os = linux_os, class Clock, class Duration, class... Rest>
  requires(!sleepable_clock<Clock>)
void sleep_until_aligned(std::chrono::time_point<Clock, Duration>, Rest&&...) = delete;
template <class Os = linux_os, class Clock, class Duration, class... Rest>
  requires(!sleepable_clock<Clock>)
void sleep_until_within(std::chrono::time_point<Clock, Duration>, Rest&&...) = delete;

namespace detail {
template <class Ender>
concept no_sleep_ender = !sleep_ender<std::remove_cvref_t<Ender>> &&
                         !std::same_as<std::remove_cvref_t<Ender>, std::error_code>;
} // namespace detail

/// A sleep is ended by takt::interruptible or a std::stop_token.
template <class Os = linux_os, sleepable_clock Clock, class Duration, detail::no_sleep_ender Ender, class... Rest>
void sleep_until(std::chrono::time_point<Clock, Duration>, Ender&&, Rest&&...) = delete;
template <class Os = linux_os, sleepable_clock Clock, class Duration, detail::no_sleep_ender Ender, class... Rest>
void sleep_until_aligned(std::chrono::time_point<Clock, Duration>, const grid&, Ender&&, Rest&&...) = delete;
template <class Os = linux_os, sleepable_clock Clock, class Duration, class Rep, class Period,
          detail::no_sleep_ender Ender, class... Rest>
void sleep_until_within(std::chrono::time_point<Clock, Duration>, std::chrono::duration<Rep, Period>, Ender&&,
                        Rest&&...) = delete;

} // namespace takt::inline TAKT_ABI
