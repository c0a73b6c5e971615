/// sleep.hpp - sleeping until a point of the common grid, or somewhere inside a window.
///
/// Every sleep has an absolute deadline, so neither signals nor preemption make it drift, and none ends before the
/// clock of the deadline shows it. A deadline that has passed does not sleep. A deadline beyond the range of the clock
/// sleeps to the end of time.
///
/// Each function comes in four forms:
///   f(..., ec)          sleeps to the end, signals or not;
///   f(..., stop, ec)    returns false early when the stop condition ends it: `interruptible` (the handler of a signal
///                       has run) or a std::stop_token (a stop was requested);
///   f(...), f(..., stop)  throw std::system_error instead of setting ec.
///
/// Does not promise: a bound on how late a sleep ends. The kernel adds the thread's slack (50 us by default, see
/// timer_slack.hpp) and the time it takes to wake up. A step of CLOCK_REALTIME moves the deadlines on that clock. With
/// a stop_token a sleep on TAI runs on REALTIME and is checked against TAI: never early, but late by as much as the
/// offset between the two changes meanwhile (a leap second, a daemon that sets it). The slack of a window is the
/// thread's slack while it sleeps: a sleep in the handler of a signal may be as late. On clocks that a time namespace
/// can shift, the first sleep on the grid reads /proc: see grid_origin.hpp.
/// Sources: clock_nanosleep(2), futex(2), prctl(2) PR_SET_TIMERSLACK; Linux 6.12 kernel/time/hrtimer.c: a timer fires
/// between softexpires and softexpires + slack (its hard expiry), at an interrupt of its CPU at which every timer of
/// that CPU with an earlier hard expiry is open too (__hrtimer_run_queues).
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/kernel/timer_fd.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/slack.hpp>
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

namespace detail {
/// The type of takt::interruptible.
struct interruptible_t {
  explicit interruptible_t() = default;
};
/// The type of `uninterrupted`.
struct uninterrupted_t {
  explicit uninterrupted_t() = default;
};
/// No stop condition: the sleep goes on to its deadline.
inline constexpr uninterrupted_t uninterrupted{};

/// A time point of a clock that the kernel can sleep on.
template <class T>
concept sleepable_time_point =
    sleepable_clock<typename T::clock> &&
    std::same_as<T, std::chrono::time_point<typename T::clock, typename T::duration>>;
} // namespace detail

/// The stop condition of nanosleep(2): the handler of a signal has run. Stopping and continuing the process (SIGSTOP,
/// SIGCONT) is not one.
inline constexpr detail::interruptible_t interruptible{};

/// What may end a sleep before its deadline.
template <class S>
concept stop_condition = std::same_as<S, detail::uninterrupted_t> || std::same_as<S, detail::interruptible_t> ||
                         std::same_as<S, std::stop_token>;

// Each of these in the four forms above; their contracts stand at the definitions:
//   sleep_until(time_point)                    until the time point
//   sleep_until_aligned(time_point, grid)      until the first point of the grid at or after it
//   sleep_aligned<Clock>(duration, grid)       at least the duration, until a point of the grid
//   sleep_until_within(time_point, slack)      until the roundest point of [time_point, time_point + slack]
//   sleep_within<Clock>(duration, slack)       the same from now + duration on

// definitions
namespace detail {

/// Returns: whether the stop condition holds already. A signal leaves no trace that can be checked.
template <class Stop> [[nodiscard]] bool stop_requested(const Stop& stop) noexcept {
  if constexpr (std::same_as<Stop, std::stop_token>) return stop.stop_requested();
  else return false;
}

/// The properties of the kernel's clock that a sleep on Clock uses.
template <class Clock> inline constexpr clock_properties slept_on = properties_of(kernel_clock<Clock>::id);

/// Returns: what the kernel's clock Id will show when Clock reaches `deadline`, as far as is known now.
template <class Clock, clockid_t Id, class Os>
[[nodiscard]] timespec kernel_deadline(std::chrono::nanoseconds deadline) noexcept {
  const auto target = saturating_subtract(deadline, ahead_of<Clock, Id, Os>());
  return to_timespec(later(target, std::chrono::nanoseconds::zero())); // the kernel refuses times before the epoch
}

/// A stop condition that needs no wake-up from another thread.
template <class S>
concept stop_by_signal = std::same_as<S, uninterrupted_t> || std::same_as<S, interruptible_t>;

/// Sleeps until Clock shows `deadline` or the stop condition ends it.
/// Returns: whether the deadline was reached. Errors: what the system call reports.
template <class Clock, class Os>
bool rest_until(std::chrono::nanoseconds deadline, stop_by_signal auto stop, std::error_code& ec) noexcept {
  constexpr clockid_t id = kernel_clock<Clock>::id;
  ec.clear();
  // Reading the clock first costs a thousandth of what the kernel takes to find that a deadline has passed, because it
  // sets up its timer all the same: 15 us in a guest. The clock is read again after the sleep because it alone decides.
  while (now_of<Clock, Os>() < deadline) {
    const int error = Os::sleep_until(id, kernel_deadline<Clock, id, Os>(deadline));
    if (std::same_as<decltype(stop), interruptible_t> && error == EINTR) return false;
    if (error != 0 && error != EINTR) return ec = errno_code(error), false; // after EINTR: the deadline has not moved
  }
  return true;
}

/// Effects: sleeps on a timerfd, for clocks that go on in suspend, because a futex cannot wait on them. A stop request
/// sets the timer to a time long past. The token shows the request before that, so the sleeper, which sets the timer
/// and then reads the token, misses neither.
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

/// Returns: whether a sleep with this stop condition uses rest_on_timer().
template <class Clock, class Stop> [[nodiscard]] bool rests_on_timer(const Stop& stop) noexcept {
  if constexpr (!slept_on<Clock>.has_futex() && std::same_as<Stop, std::stop_token>) return stop.stop_possible();
  else return false;
}

/// As the form above, for a token: sleeps on a futex, or by rest_on_timer() if no futex can wait for Clock. Errors:
/// what futex reports, or those of rest_on_timer().
template <class Clock, class Os>
bool rest_until(std::chrono::nanoseconds deadline, const std::stop_token& token, std::error_code& ec) noexcept {
  if (!token.stop_possible()) return rest_until<Clock, Os>(deadline, detail::uninterrupted, ec);
  if constexpr (!slept_on<Clock>.has_futex()) return rest_on_timer<Clock, Os>(deadline, token, ec);
  constexpr clockid_t id = slept_on<Clock>.timer; // the futex waits on the same clock
  ec.clear();
  std::atomic<std::uint32_t> stopped{0};
  const auto stop = [&stopped]() noexcept {
    stopped.store(1, std::memory_order_relaxed); // the futex orders store and sleep; the word carries nothing else
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

/// Returns: the first point of `g` at or after `t` when the zero of the grid is at `origin`.
template <class = for_callers>
[[nodiscard]] constexpr std::chrono::nanoseconds ceil_from(std::chrono::nanoseconds origin, const grid& g,
                                                           std::chrono::nanoseconds t) noexcept {
  return saturating_add(g.ceil(saturating_subtract(t, origin)), origin);
}

/// Returns: the roundest point of [earliest, latest] when the zero of the ladder is at `origin`.
/// Precondition: earliest <= latest.
template <class = for_callers>
[[nodiscard]] constexpr std::chrono::nanoseconds roundest_from(std::chrono::nanoseconds origin,
                                                               std::chrono::nanoseconds earliest,
                                                               std::chrono::nanoseconds latest) noexcept {
  const auto point =
      roundest_point(saturating_subtract(earliest, origin), saturating_subtract(latest, origin), shared_ladder());
  // The origin may move an end of the window beyond the range, where it saturates: the point stays in the window.
  return clamped(saturating_add(*point, origin), earliest, latest);
}

/// Returns: the time now plus `d`, which is zero if it is negative or a NaN.
template <class Clock, class Os>
[[nodiscard]] std::chrono::time_point<Clock, std::chrono::nanoseconds> after_now(any_duration auto d) noexcept {
  using std::chrono::nanoseconds;
  const nanoseconds at_least = later(ceil_to_nanoseconds(d), nanoseconds::zero());
  return std::chrono::time_point<Clock, nanoseconds>(saturating_add(now_of<Clock, Os>(), at_least));
}

} // namespace detail

namespace detail {
/// Effects: calls `rest`, which sleeps and sets `ec`, with the origin of the grid on Clock. Where the origin is unknown
/// the sleep takes place all the same, on the grid from the zero of the clock as this process sees it: otherwise a loop
/// that ignores the error would keep a CPU busy. `ec` reports the reason afterwards.
/// Returns: what `rest` returns, whether the deadline was reached; false if the origin is unknown.
template <class Clock, class Os, class Rest> bool rest_on_grid(Rest rest, std::error_code& ec) noexcept {
  std::error_code unknown;
  const std::chrono::nanoseconds origin = grid_origin<Clock, Os>(unknown); // zero on error
  const bool reached = rest(origin);
  if (!unknown) return reached;
  if (!ec) ec = unknown;
  return false;
}
} // namespace detail

/// Effects: sleeps until `t`. Returns: whether `t` was reached; false after an error or when the stop condition ended
/// the sleep.
/// Errors: what clock_nanosleep or futex report (EPERM under a filter that forbids them); with a stop_token on BOOTTIME
/// what timerfd_create reports (EMFILE).
template <class Os = linux_os>
[[nodiscard]] bool sleep_until(detail::sleepable_time_point auto t, stop_condition auto stop,
                               std::error_code& ec) noexcept {
  return detail::rest_until<typename decltype(t)::clock, Os>(detail::deadline_of(t), stop, ec);
}
template <class Os = linux_os> void sleep_until(detail::sleepable_time_point auto t, std::error_code& ec) noexcept {
  static_cast<void>(sleep_until<Os>(t, detail::uninterrupted, ec));
}

/// Effects: sleeps until the first point of `g` at or after `t`. The grid starts at the zero of the kernel's own clock,
/// also inside a time namespace, so sleeps on the same grid of the same clock end at the same points.
/// Returns: as sleep_until().
/// Errors: those of sleep_until(); those of grid_origin(), after a sleep on the grid from the zero of the clock as this
/// process sees it.
template <class Os = linux_os>
[[nodiscard]] bool sleep_until_aligned(detail::sleepable_time_point auto t, const grid& g, stop_condition auto stop,
                                       std::error_code& ec) noexcept {
  using clock = typename decltype(t)::clock;
  return detail::rest_on_grid<clock, Os>([&](std::chrono::nanoseconds origin) {
    return detail::rest_until<clock, Os>(detail::ceil_from(origin, g, detail::deadline_of(t)), stop, ec);
  }, ec);
}
template <class Os = linux_os>
void sleep_until_aligned(detail::sleepable_time_point auto t, const grid& g, std::error_code& ec) noexcept {
  static_cast<void>(sleep_until_aligned<Os>(t, g, detail::uninterrupted, ec));
}

/// Effects: sleeps at least `d`, and then until the next point of `g` on Clock. Beware: a loop that sleeps at least P
/// on a grid of P needs a moment for itself, misses the next point and wakes up every 2 P. Ask for less than P, or use
/// `periodic`. A negative `d` and a NaN count as zero, so that the sleep ends at the next point, as
/// std::this_thread::sleep_for takes them; nanosleep_aligned() refuses them.
/// Returns: as sleep_until().
/// Errors: those of sleep_until_aligned().
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
[[nodiscard]] bool sleep_aligned(detail::any_duration auto d, const grid& g, stop_condition auto stop,
                                 std::error_code& ec) noexcept {
  return sleep_until_aligned<Os>(detail::after_now<Clock, Os>(d), g, stop, ec);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
void sleep_aligned(detail::any_duration auto d, const grid& g, std::error_code& ec) noexcept {
  static_cast<void>(sleep_aligned<Clock, Os>(d, g, detail::uninterrupted, ec));
}

/// Effects: sleeps until somewhere in [t, t + tolerance]: until the roundest point of that window on the shared ladder,
/// or until an earlier timer interrupt of the same CPU while the window is open. The kernel handles timers in the order
/// of hard expiry, so it uses an interrupt only if every timer of that CPU with an earlier hard expiry is open too.
/// Threads under a real-time policy, for which the kernel ignores slack, sleep to the roundest point, and so does a
/// sleep with a stop_token on BOOTTIME, because a timerfd ignores slack. A window that is open already does not sleep:
/// a thread that is awake costs no wake-up. The thread's slack is restored afterwards.
/// Returns: as sleep_until(), where `t` is the deadline.
/// Errors: EINVAL for a slack that is not valid; those of sleep_until_aligned(). Costs four system calls more than
/// sleep_until().
template <class Os = linux_os>
[[nodiscard]] bool sleep_until_within(detail::sleepable_time_point auto t, slack tolerance, stop_condition auto stop,
                                      std::error_code& ec) noexcept {
  using clock = typename decltype(t)::clock;
  using std::chrono::nanoseconds;
  if (!tolerance.valid()) return ec = detail::errno_code(EINVAL), false;
  return detail::rest_on_grid<clock, Os>([&](nanoseconds origin) {
    const nanoseconds earliest = detail::deadline_of(t);
    if (detail::now_of<clock, Os>() >= earliest) return detail::rest_until<clock, Os>(earliest, stop, ec);
    const nanoseconds roundest =
        detail::roundest_from(origin, earliest, detail::saturating_add(earliest, tolerance.length()));
    if (detail::rests_on_timer<clock>(stop)) return detail::rest_until<clock, Os>(roundest, stop, ec);
    // The kernel gets the window as softexpires and slack, so that the hard expiry is the roundest point. A slack of
    // zero would mean the default. Where setting it is refused, the sleep goes to the roundest point without slack.
    std::error_code refused;
    const nanoseconds rest = detail::saturating_subtract(roundest, earliest);
    const scoped_timer_slack<Os> room(detail::later(rest, nanoseconds(1)), refused);
    return detail::rest_until<clock, Os>(room.active() ? earliest : roundest, stop, ec);
  }, ec);
}
template <class Os = linux_os>
void sleep_until_within(detail::sleepable_time_point auto t, slack tolerance, std::error_code& ec) noexcept {
  static_cast<void>(sleep_until_within<Os>(t, tolerance, detail::uninterrupted, ec));
}

/// Effects: sleeps at least `d` and at most `tolerance` longer, as sleep_until_within() does from now + d on Clock. A
/// negative `d` and a NaN count as zero.
/// Errors: those of sleep_until_within().
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
[[nodiscard]] bool sleep_within(detail::any_duration auto d, slack tolerance, stop_condition auto stop,
                                std::error_code& ec) noexcept {
  return sleep_until_within<Os>(detail::after_now<Clock, Os>(d), tolerance, stop, ec);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
void sleep_within(detail::any_duration auto d, slack tolerance, std::error_code& ec) noexcept {
  static_cast<void>(sleep_within<Clock, Os>(d, tolerance, detail::uninterrupted, ec));
}

#if TAKT_EXCEPTIONS
namespace detail {
inline const char* sleep_hint() noexcept {
  return "sleep: the kernel refused it (a filter?), the slack was negative, or /proc does not show how a "
         "time namespace shifts the clock (see load_grid_origin)";
}
} // namespace detail

template <class Os = linux_os> void sleep_until(detail::sleepable_time_point auto t) {
  detail::or_throw([&](std::error_code& ec) { sleep_until<Os>(t, ec); }, detail::sleep_hint);
}
template <class Os = linux_os>
[[nodiscard]] bool sleep_until(detail::sleepable_time_point auto t, stop_condition auto stop) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_until<Os>(t, stop, ec); }, detail::sleep_hint);
}
template <class Os = linux_os> void sleep_until_aligned(detail::sleepable_time_point auto t, const grid& g) {
  detail::or_throw([&](std::error_code& ec) { sleep_until_aligned<Os>(t, g, ec); }, detail::sleep_hint);
}
template <class Os = linux_os>
[[nodiscard]] bool sleep_until_aligned(detail::sleepable_time_point auto t, const grid& g, stop_condition auto stop) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_until_aligned<Os>(t, g, stop, ec); },
                          detail::sleep_hint);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
void sleep_aligned(detail::any_duration auto d, const grid& g) {
  detail::or_throw([&](std::error_code& ec) { sleep_aligned<Clock, Os>(d, g, ec); }, detail::sleep_hint);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
[[nodiscard]] bool sleep_aligned(detail::any_duration auto d, const grid& g, stop_condition auto stop) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_aligned<Clock, Os>(d, g, stop, ec); },
                          detail::sleep_hint);
}
template <class Os = linux_os> void sleep_until_within(detail::sleepable_time_point auto t, slack tolerance) {
  detail::or_throw([&](std::error_code& ec) { sleep_until_within<Os>(t, tolerance, ec); }, detail::sleep_hint);
}
template <class Os = linux_os>
[[nodiscard]] bool sleep_until_within(detail::sleepable_time_point auto t, slack tolerance, stop_condition auto stop) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_until_within<Os>(t, tolerance, stop, ec); },
                          detail::sleep_hint);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
void sleep_within(detail::any_duration auto d, slack tolerance) {
  detail::or_throw([&](std::error_code& ec) { sleep_within<Clock, Os>(d, tolerance, ec); }, detail::sleep_hint);
}
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os>
[[nodiscard]] bool sleep_within(detail::any_duration auto d, slack tolerance, stop_condition auto stop) {
  return detail::or_throw([&](std::error_code& ec) { return sleep_within<Clock, Os>(d, tolerance, stop, ec); },
                          detail::sleep_hint);
}
#endif

// Deleted overloads make the compiler refuse each of these mistakes in one line.

/// The kernel cannot sleep on this clock. If it shows nearly what one of the kernel's clocks shows, specialise
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
template <class Stop>
concept no_stop_condition = !stop_condition<std::remove_cvref_t<Stop>> &&
                            !std::same_as<std::remove_cvref_t<Stop>, std::error_code>;
} // namespace detail

/// The stop conditions of a sleep are takt::interruptible and a std::stop_token.
template <class Os = linux_os, class... Rest>
void sleep_until(detail::sleepable_time_point auto, detail::no_stop_condition auto&&, Rest&&...) = delete;
template <class Os = linux_os, class... Rest>
void sleep_until_aligned(detail::sleepable_time_point auto, const grid&, detail::no_stop_condition auto&&,
                         Rest&&...) = delete;
template <class Os = linux_os, class... Rest>
void sleep_until_within(detail::sleepable_time_point auto, slack, detail::no_stop_condition auto&&, Rest&&...) = delete;

/// The slack of a sleep is a takt::slack: sleep_until_within(t, takt::slack(50ms)).
template <class Os = linux_os, class... Rest>
void sleep_until_within(detail::sleepable_time_point auto, detail::any_duration auto, Rest&&...) = delete;
template <sleepable_clock Clock = std::chrono::steady_clock, class Os = linux_os, class... Rest>
void sleep_within(detail::any_duration auto, detail::any_duration auto, Rest&&...) = delete;

} // namespace takt::inline TAKT_ABI
