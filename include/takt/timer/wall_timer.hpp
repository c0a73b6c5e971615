/// wall_timer.hpp - a timer on CLOCK_REALTIME that stays right when the clock is set.
///
/// A civil time ("at 09:00", "at every full minute") is a point of CLOCK_REALTIME, and that clock is set: by
/// administrators, by daemons that correct it, by leap seconds. When it is set, a wall_timer reads it again:
///   at(t)     fires once, when the clock shows t or later; a step across t fires it, a step back makes it wait again.
///   every(g)  fires at the points of a grid. Points that a step skips are given up and counted, not delivered in
///             a burst; after a step back the next point is the next one of the new time.
/// It never fires early: when the kernel reports that it expired, it reads the clock. In 2012 a leap second left
/// Linux's timers on CLOCK_REALTIME a second early, so that sub-second timers expired at once, again and again, and
/// machines spun. That bug is gone (3.5). If a similar bug returns, each early end is followed by a longer pause
/// (early_end_backoff.hpp).
///
/// After fork: the child's copy is inert, as timer_fd.hpp says. at(), every(), disarm(), fire() and wait() fail with
/// operation_not_permitted and take nothing from the parent, armed() is false, and fd() is -1. The child makes its own.
///
/// Does not promise: a bound on lateness; local time, for which the caller converts. Not to be shared between threads.
/// Sources: timerfd_create(2) TFD_TIMER_CANCEL_ON_SET; Linux 6.12 fs/timerfd.c; Linux 3.5, "timekeeping: Fix leapsecond
/// triggered load spike issue".
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/detail/early_end_backoff.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/kernel/timer_fd.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

template <class Os = linux_os> class basic_wall_timer;
/// A wall timer on Linux.
using wall_timer = basic_wall_timer<>;

// definitions

/// A timer for civil time. Not to be shared between threads, or with a signal handler.
template <class Os> class basic_wall_timer {
public:
  using nanoseconds = std::chrono::nanoseconds; ///< the duration of all its times
  using time_point = std::chrono::sys_time<nanoseconds>;

  /// A firing.
  struct tick {
    time_point due{};          ///< the time of at(), or the point of the grid
    nanoseconds lateness{};    ///< on the clock itself, so a step across `due` counts
    std::uint64_t missed = 0;  ///< points of the grid that were given up since the previous firing
    unsigned clock_set = 0;    ///< how often the clock was set since the previous firing
  };

  /// Effects: makes a timer that is not armed. Errors: those of making a timer_fd. Does not block.
  explicit basic_wall_timer(std::error_code& ec) : timer_(CLOCK_REALTIME, ec) {}
#if TAKT_EXCEPTIONS
  basic_wall_timer()
      : basic_wall_timer(detail::or_throw([](std::error_code& ec) { return basic_wall_timer(ec); },
                                          [] { return "wall_timer: timerfd_create"; })) {}
#endif

  /// Effects: the timer fires once, when the clock shows `t` or later. Errors: what timerfd_settime reports;
  /// operation_not_permitted in a forked child.
  template <class Duration> void at(std::chrono::sys_time<Duration> t, std::error_code& ec) noexcept {
    repeats_ = false;
    begin(detail::ceil_to_nanoseconds(t.time_since_epoch()), ec);
  }
  /// Effects: the timer fires at every point of `g` after now. Errors: those of at().
  void every(const grid& g, std::error_code& ec) noexcept {
    grid_ = g, repeats_ = true;
    begin(g.next(now()), ec);
  }
  /// Effects: the timer does not fire until at() or every() is called again. Errors: those of at().
  void disarm(std::error_code& ec) noexcept {
    armed_ = false;
    timer_.disarm(ec);
  }

  /// Returns: the firing if it is time, otherwise nullopt. An event loop calls it when fd() is readable. Errors: those
  /// of at(). Does not block, except for the pause after a timer that was early several times in a row.
  [[nodiscard]] std::optional<tick> fire(std::error_code& ec) noexcept;

  /// Effects: sleeps until the timer fires. Returns: the firing; nullopt when it is not armed, and on error. Errors:
  /// what ppoll, read and timerfd_settime report; operation_not_permitted in a forked child.
  std::optional<tick> wait(std::error_code& ec) noexcept {
    ec.clear();
    while (armed_ && !ec) {
      timer_.wait(nanoseconds::max(), ec);
      if (ec) break;
      if (auto fired = fire(ec)) return fired;
    }
    return std::nullopt;
  }
#if TAKT_EXCEPTIONS
  template <class Duration> void at(std::chrono::sys_time<Duration> t) {
    detail::or_throw([&](std::error_code& ec) { at(t, ec); }, [] { return "wall_timer::at: timerfd_settime"; });
  }
  void every(const grid& g) {
    detail::or_throw([&](std::error_code& ec) { every(g, ec); }, [] { return "wall_timer::every: timerfd_settime"; });
  }
  std::optional<tick> wait() {
    return detail::or_throw([&](std::error_code& ec) { return wait(ec); },
                            [] { return "wall_timer::wait: ppoll or read"; });
  }
#endif

  /// Returns: a descriptor that is readable when the time has come or the clock was set; -1 in a forked child.
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  /// Returns: whether a firing is still to come; false in a forked child.
  [[nodiscard]] bool armed() const noexcept { return armed_ && !timer_.inherited(); }
  /// Returns: how often the kernel reported that the timer expired before the clock showed its deadline.
  [[nodiscard]] std::uint64_t early_ends() const noexcept { return early_ends_; }

private:
  [[nodiscard]] static nanoseconds now() noexcept {
    return posix_clock<CLOCK_REALTIME, access::vdso, Os>::now().time_since_epoch();
  }
  void begin(nanoseconds due, std::error_code& ec) noexcept {
    due_ = due, armed_ = true, clock_set_ = 0, early_in_a_row_ = 0;
    arm(ec);
  }
  /// Effects: sets the kernel's timer to the deadline. If this reports that the clock was set, the deadline is
  /// calculated again, and again until no step comes between.
  void arm(std::error_code& ec) noexcept {
    while (timer_.arm(due_, true, ec)) {
      ++clock_set_;
      reconsider();
    }
  }
  /// Effects: takes into account that the clock was set. A point that is now further away than the next one of the grid
  /// belongs to the old time.
  void reconsider() noexcept {
    if (repeats_) due_ = detail::earlier(due_, grid_.next(now()));
  }
  void pause() const noexcept {
    const nanoseconds length = detail::early_end_backoff::pause(early_in_a_row_);
    const nanoseconds from = posix_clock<CLOCK_MONOTONIC, access::vdso, Os>::now().time_since_epoch();
    static_cast<void>(Os::sleep_until(CLOCK_MONOTONIC, to_timespec(detail::saturating_add(from, length))));
  }

  timer_fd<Os> timer_;
  grid grid_{nanoseconds(1)}; ///< used if it repeats
  bool repeats_ = false;
  nanoseconds due_{};
  bool armed_ = false;
  unsigned clock_set_ = 0;          ///< since the last firing
  int early_in_a_row_ = 0;
  std::uint64_t early_ends_ = 0;
};

template <class Os> auto basic_wall_timer<Os>::fire(std::error_code& ec) noexcept -> std::optional<tick> {
  using news = typename timer_fd<Os>::news;
  const news found = timer_.take(ec);
  if (ec || !armed_ || found == news::none) return std::nullopt;
  if (found == news::clock_set) {
    ++clock_set_;
    reconsider();
  }
  const nanoseconds seen = now();
  if (seen < due_) {
    if (found == news::expired) {
      ++early_ends_;
      if (++early_in_a_row_ >= 2) pause();
    }
    arm(ec);
    return std::nullopt;
  }
  early_in_a_row_ = 0;
  tick fired{time_point(due_), detail::saturating_subtract(seen, due_), 0, clock_set_};
  if (repeats_) {
    const nanoseconds latest = grid_.floor(seen);
    fired.missed = static_cast<std::uint64_t>(detail::saturating_subtract(latest, due_) / grid_.period());
    fired.due = time_point(latest);
    fired.lateness = seen - latest;
    due_ = grid_.next(seen);
  } else {
    armed_ = false;
  }
  clock_set_ = 0;
  if (armed_) arm(ec);
  else timer_.disarm(ec);
  return fired;
}

} // namespace takt::inline TAKT_ABI
