/// clock_change_timer.hpp - a timer on the grid of CLOCK_MONOTONIC that also fires when the system clock is set and
/// when the machine resumes.
///
///   takt::clock_change_timer<> timer(ec);
///   timer.arm(1s, ec);                  // timer.fd() in an event loop
///   if (timer.wait(1min, ec) && timer.take(ec) == takt::timer_fd<>::news::clock_set) reload();
///
/// clock_keeper and clock_watch wait on it: the kernel reports some changes of a clock, and a check in each period
/// finds the others.
///
/// After fork: the child's copy is inert, as timer_fd.hpp says. arm(), take() and wait() fail with
/// operation_not_permitted, wake() does nothing, and fd() is -1. The child makes its own.
///
/// Does not promise: a report when the clock is set to the time that it already shows. Not to be shared between
/// threads, or with a signal handler, except for wake().
/// Sources: timerfd_create(2) TFD_TIMER_CANCEL_ON_SET, which only CLOCK_REALTIME has; Linux 6.12 fs/timerfd.c,
/// timerfd_clock_was_set, timerfd_resume.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/timer_fd.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <time.h>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Os = linux_os> class clock_change_timer;

// definitions

namespace detail {

/// Returns: what clock Id of the kernel shows, in nanoseconds since its epoch, read by `path`.
template <clockid_t Id, class Os> [[nodiscard]] std::chrono::nanoseconds read_by(access path) noexcept {
  if (path == access::syscall) return posix_clock<Id, access::syscall, Os>::now().time_since_epoch();
  return posix_clock<Id, access::vdso, Os>::now().time_since_epoch();
}

/// Returns: the time from now to the next point of the grid with this period, whose origin counts as zero if
/// grid_origin() fails. A period that is not positive counts as 1 ns. `path` is access::syscall for a thread that may
/// not read the counter.
template <class Os>
[[nodiscard]] std::chrono::nanoseconds until_next_point(std::chrono::nanoseconds period,
                                                        access path = access::vdso) noexcept {
  std::error_code ec;
  const std::chrono::nanoseconds origin = grid_origin<posix_clock<CLOCK_MONOTONIC, access::vdso, Os>, Os>(ec);
  const std::chrono::nanoseconds now = saturating_subtract(read_by<CLOCK_MONOTONIC, Os>(path), origin);
  const grid_arithmetic<std::int64_t> points(period.count() > 0 ? period.count() : 1, 0);
  return saturating_subtract(std::chrono::nanoseconds(points.next(now.count())), now);
}

} // namespace detail

/// A timer that fires once a period and when the clock changes. Not to be shared between threads, except for wake().
template <class Os> class clock_change_timer {
public:
  using news = typename timer_fd<Os>::news;     ///< what take() returns: none, expired or clock_set
  using nanoseconds = std::chrono::nanoseconds; ///< the duration of all its times

  /// Effects: makes an object without a timer, to assign one to.
  clock_change_timer() noexcept = default;
  /// Effects: makes a timer that is not armed. Errors: those of making a timer_fd. Does not block.
  explicit clock_change_timer(std::error_code& ec) : timer_(CLOCK_REALTIME, ec) {}
  clock_change_timer(clock_change_timer&& other) noexcept
      : timer_(std::move(other.timer_)), reported_(other.reported_) {}
  clock_change_timer& operator=(clock_change_timer&& other) noexcept {
    timer_ = std::move(other.timer_), reported_ = other.reported_;
    return *this;
  }

  /// Returns: a descriptor for poll(2) and similar calls that is readable when it fires; only take() may read it. It is
  /// -1 in a forked child.
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  /// Returns: whether this is the inert copy in a child of the process that made the timer.
  [[nodiscard]] bool inherited() const noexcept { return timer_.inherited(); }

  /// Effects: the timer fires at the next point of the grid with this period, or when the kernel reports a change. A
  /// report or a wake() since the last take() is not lost: then it fires at once. A period that is not positive counts
  /// as 1 ns. `path` is access::syscall for a thread that may not read the counter.
  /// Errors: those of timer_fd::arm(); the grid starts at the zero of the clock if grid_origin() fails. Does not block;
  /// one or two system calls, and those of grid_origin().
  void arm(nanoseconds period, access path, std::error_code& ec) noexcept {
    const nanoseconds rest = detail::until_next_point<Os>(period, path);
    const nanoseconds now = detail::read_by<CLOCK_REALTIME, Os>(path);
    const bool reported = timer_.arm(detail::saturating_add(now, rest), true, ec);
    reported_ |= reported;
    if (!reported && !woken_.load()) return;
    static_cast<void>(timer_.arm(nanoseconds(1), true, ec)); // long past: readable at once
  }
  /// Effects: as above, for a thread that may read the counter.
  void arm(nanoseconds period, std::error_code& ec) noexcept { arm(period, access::vdso, ec); }
  /// Effects: the timer fires now. May be called by another thread, and in a signal handler that saves errno. One
  /// system call.
  void wake() noexcept {
    woken_.store(true); // before it is armed, so that an arm() after this finds it
    std::error_code ec;
    static_cast<void>(timer_.arm(nanoseconds(1), false, ec));
  }
  /// Returns: why it fired; `none` if it did not; `clock_set` if the kernel reported a change. Errors: those of
  /// timer_fd::take(). Does not block; one system call.
  news take(std::error_code& ec) noexcept {
    const news found = timer_.take(ec);
    if (found != news::none) woken_.store(false); // a wake() after this must make the timer fire again
    if (!reported_ || found == news::none) return found;
    reported_ = false;
    return news::clock_set;
  }
  /// Effects: sleeps until it fires, the handler of a signal has run, or `limit` has passed.
  /// Returns: whether it may have fired. Errors: those of timer_fd::wait().
  bool wait(nanoseconds limit, std::error_code& ec) noexcept { return timer_.wait(limit, ec); }

private:
  timer_fd<Os> timer_;
  bool reported_ = false; ///< arming the timer reported a change, which take() has not returned yet
  std::atomic<bool> woken_{false};
};

} // namespace takt::inline TAKT_ABI
