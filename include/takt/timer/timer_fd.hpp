/// timer_fd.hpp - a timer of the kernel as a file descriptor, for waiting on it alone or in somebody's event loop.
///
/// What alarm timers, wall timers and clock watches are made of. Deadlines are absolute.
///
/// Does not promise: any use of a thread's timer slack: timerfd ignores it. Not to be shared between threads.
/// Sources: timerfd_create(2); Linux 6.12 fs/timerfd.c: timerfd_read, timerfd_canceled; arming one whose cancellation
/// was not read yet arms it and answers ECANCELED.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <time.h>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis

/// What a timer that was looked at had to say.
enum class timer_news {
  none,
  expired,   ///< the kernel says that the deadline has come
  clock_set, ///< somebody set CLOCK_REALTIME, or the machine was suspended; the timer is still armed
};

template <class Os = linux_os> class timer_fd;

// definitions

template <class Os> class timer_fd {
public:
  timer_fd() noexcept = default;
  /// Errors: what timerfd_create reports: EMFILE, ENFILE, EPERM for an alarm clock without CAP_WAKE_ALARM.
  timer_fd(clockid_t id, std::error_code& ec) {
    const int error = Os::timer_open(id, fd_);
    ec = error != 0 ? detail::errno_code(error) : std::error_code();
  }
  timer_fd(timer_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  timer_fd& operator=(timer_fd&& other) noexcept {
    if (this == &other) return *this;
    let_go();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~timer_fd() { let_go(); }

  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  /// Readable when there are news. For poll(2) and its kin; read it by take() alone.
  [[nodiscard]] int fd() const noexcept { return fd_; }

  /// Effects: news come when the clock shows `deadline` or has passed it. `told`: on CLOCK_REALTIME and its alarm
  /// clock, also when somebody sets the clock. A deadline before the clock's epoch is one that has passed.
  /// Returns: whether the clock was set since the last time it was asked.
  bool arm(std::chrono::nanoseconds deadline, bool told, std::error_code& ec) noexcept {
    // Zero would disarm it.
    return set(to_timespec(detail::later(deadline, std::chrono::nanoseconds(1))), told, ec);
  }
  void disarm(std::error_code& ec) noexcept { set({0, 0}, false, ec); }

  /// Returns: the news; does not block. One system call.
  timer_news take(std::error_code& ec) noexcept {
    const int error = Os::timer_take(fd_);
    ec.clear();
    if (error == 0) return timer_news::expired;
    if (error == ECANCELED) return timer_news::clock_set;
    if (error != EAGAIN) ec = detail::errno_code(error);
    return timer_news::none;
  }

  /// Effects: sleeps until there are news, a signal's handler has run, or `most` has passed.
  /// Returns: whether there may be news. Errors: EBADF for a timer that could not be made.
  bool wait(std::chrono::nanoseconds most, std::error_code& ec) noexcept {
    if (fd_ < 0) return ec = detail::errno_code(EBADF), false; // ppoll would wait for nothing
    const timespec limit = to_timespec(detail::later(most, std::chrono::nanoseconds::zero()));
    const int error = Os::wait_readable(fd_, most == std::chrono::nanoseconds::max() ? nullptr : &limit);
    ec.clear();
    if (error != 0 && error != ETIMEDOUT && error != EINTR) ec = detail::errno_code(error);
    return error == 0;
  }

private:
  void let_go() noexcept {
    if (fd_ >= 0) Os::timer_close(fd_);
  }
  bool set(timespec deadline, bool told, std::error_code& ec) noexcept {
    const int error = Os::timer_arm(fd_, deadline, told);
    ec.clear();
    if (error != 0 && error != ECANCELED) ec = detail::errno_code(error);
    return error == ECANCELED;
  }

  int fd_ = -1;
};

} // namespace takt::inline TAKT_ABI
