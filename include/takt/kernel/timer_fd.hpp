/// timer_fd.hpp - a timer of the kernel as a file descriptor, which a thread or an event loop can wait for.
///
///   takt::timer_fd<> timer(CLOCK_MONOTONIC);
///   timer.arm(deadline, false);         // nanoseconds since the epoch of the clock; timer.fd() in an event loop
///   timer.wait(1s);                     // or epoll_wait(2)
///   if (timer.take() == takt::timer_fd<>::news::expired) work();
///
/// Alarms, wall timers and clock watches are built on it. Deadlines are absolute.
///
/// After fork: parent and child share the timer of the kernel behind the descriptor. A child that read or set it would
/// take the parent's news or disarm the parent's timer. Therefore the child's copy of a timer_fd is inert: it does not
/// touch the timer, and its destructor only closes the child's descriptor. This holds for children of fork(3), _Fork(3)
/// and clone(2), in any pid namespace (os.hpp, count_forks()). The child makes a timer of its own.
///
/// Does not promise: that the timer uses the thread's timer slack, which timerfd ignores; that several threads may use
/// one timer_fd at the same time; that an event loop of the child no longer sees the descriptor of the parent.
/// Sources: timerfd_create(2); Linux 6.12 fs/timerfd.c: timerfd_read, timerfd_canceled. If a clock change has not been
/// read yet, arming the timer reports ECANCELED and arms it nevertheless.
#pragma once
#include <takt/core/detail/exchange.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Os = linux_os> class timer_fd;

// definitions

/// Owns the descriptor of a timer. A default-constructed object, and one that was moved from, has no timer.
template <class Os> class timer_fd {
public:
  /// What has happened to a timer, as take() reports it.
  enum class news {
    none,      ///< nothing has happened
    expired,   ///< the kernel says that the deadline has come
    clock_set, ///< CLOCK_REALTIME was set, or the machine was suspended; the timer is still armed
  };
  using nanoseconds = std::chrono::nanoseconds; ///< the duration of all its times

  timer_fd() noexcept = default;
  /// Effects: makes a timer on clock `id` that is not armed. On error the object has no timer.
  /// Errors: those of timerfd_create: EINVAL for a clock that has no timers, EMFILE, ENFILE, EPERM for an alarm clock
  /// without CAP_WAKE_ALARM; ENOMEM of count_forks(). One system call; the first timer of a process, three.
  timer_fd(clockid_t id, std::error_code& ec) {
    int error = Os::count_forks();
    if (error == 0) error = Os::timer_open(id, fd_);
    ec = error != 0 ? detail::errno_code(error) : std::error_code();
  }
#if TAKT_EXCEPTIONS
  /// Effects: as the constructor above; throws std::system_error for its errors.
  explicit timer_fd(clockid_t id)
      : timer_fd(detail::or_throw([&](std::error_code& ec) { return timer_fd(id, ec); },
                                  [] { return "timer_fd: timerfd_create; the clock must have timers"; })) {}
#endif
  timer_fd(timer_fd&& other) noexcept : fd_(detail::exchange(other.fd_, -1)), forks_(other.forks_) {}
  timer_fd& operator=(timer_fd&& other) noexcept {
    if (this == &other) return *this;
    let_go();
    fd_ = detail::exchange(other.fd_, -1);
    forks_ = other.forks_;
    return *this;
  }
  ~timer_fd() { let_go(); }

  /// Returns: whether there is a timer that this process may use.
  [[nodiscard]] explicit operator bool() const noexcept { return unusable() == 0; }
  /// Returns: whether this is the inert copy in a child of the process that made the timer.
  [[nodiscard]] bool inherited() const noexcept { return fd_ >= 0 && Os::forked_since(forks_); }
  /// Returns: the descriptor, or -1 if there is no timer or this copy is inert. It is readable when there is news. Use
  /// it in poll(2) and similar calls, and read it only by take().
  [[nodiscard]] int fd() const noexcept { return unusable() == 0 ? fd_ : -1; }

  /// Effects: the timer expires when its clock shows `deadline`, in nanoseconds since the epoch of the clock. It
  /// expires at once if that time has passed, also for a negative deadline. If `notify_set` is true, setting the clock
  /// is news too; this is possible on CLOCK_REALTIME and its alarm clock.
  /// Returns: whether the clock was set after arm() or take() last reported such a change.
  /// Errors: those of timerfd_settime, EBADF without a timer, EPERM in a forked child. Does not block; one system call.
  bool arm(nanoseconds deadline, bool notify_set, std::error_code& ec) noexcept {
    // The kernel takes a deadline of zero as the command to disarm.
    return set(to_timespec(detail::later(deadline, nanoseconds(1))), notify_set, ec);
  }
  /// Effects: the timer no longer expires. Errors: those of arm(). Does not block; one system call.
  void disarm(std::error_code& ec) noexcept { set({0, 0}, false, ec); }

  /// Returns: what has happened since the last call of take(). Errors: EBADF without a timer, EPERM in a forked child.
  /// Does not block; one system call.
  news take(std::error_code& ec) noexcept {
    int error = unusable();
    if (error == 0) error = Os::timer_take(fd_);
    ec.clear();
    if (error == 0) return news::expired;
    if (error == ECANCELED) return news::clock_set;
    if (error != EAGAIN) ec = detail::errno_code(error);
    return news::none;
  }

  /// Effects: blocks until there is news, a signal's handler has run, or the time `max` has passed. There is no limit
  /// if `max` is nanoseconds::max(); a negative `max` counts as zero.
  /// Returns: whether there may be news. Errors: EBADF without a timer, EPERM in a forked child. One system call.
  bool wait(nanoseconds max, std::error_code& ec) noexcept {
    // ppoll ignores a negative descriptor and only waits.
    if (const int error = unusable(); error != 0) return ec = detail::errno_code(error), false;
    const timespec limit = to_timespec(detail::later(max, nanoseconds::zero()));
    const int error = Os::wait_readable(fd_, max == nanoseconds::max() ? nullptr : &limit);
    ec.clear();
    if (error != 0 && error != ETIMEDOUT && error != EINTR) ec = detail::errno_code(error);
    return error == 0;
  }
#if TAKT_EXCEPTIONS
  /// Effects and returns: as arm(deadline, notify_set, ec); throws std::system_error for its errors.
  bool arm(nanoseconds deadline, bool notify_set) {
    return detail::or_throw([&](std::error_code& ec) { return arm(deadline, notify_set, ec); },
                            [] { return "timer_fd::arm: timerfd_settime"; });
  }
  /// Effects: as disarm(ec); throws std::system_error for its errors.
  void disarm() {
    detail::or_throw([&](std::error_code& ec) { disarm(ec); }, [] { return "timer_fd::disarm: timerfd_settime"; });
  }
  /// Returns: as take(ec); throws std::system_error for its errors.
  news take() {
    return detail::or_throw([&](std::error_code& ec) { return take(ec); }, [] { return "timer_fd::take: read"; });
  }
  /// Effects and returns: as wait(max, ec); throws std::system_error for its errors.
  bool wait(nanoseconds max) {
    return detail::or_throw([&](std::error_code& ec) { return wait(max, ec); }, [] { return "timer_fd::wait: ppoll"; });
  }
#endif

private:
  /// Returns: why this process must not use the timer; 0 if it may.
  [[nodiscard]] int unusable() const noexcept { return fd_ < 0 ? EBADF : inherited() ? EPERM : 0; }
  void let_go() noexcept {
    if (fd_ >= 0) Os::timer_close(fd_);
  }
  bool set(timespec deadline, bool notify_set, std::error_code& ec) noexcept {
    int error = unusable();
    if (error == 0) error = Os::timer_arm(fd_, deadline, notify_set);
    ec.clear();
    if (error != 0 && error != ECANCELED) ec = detail::errno_code(error);
    return error == ECANCELED;
  }

  int fd_ = -1;
  unsigned forks_ = Os::fork_count();
};

} // namespace takt::inline TAKT_ABI
