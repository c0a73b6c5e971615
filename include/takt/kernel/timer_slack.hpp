/// timer_slack.hpp - how late the kernel may end a thread's ordinary sleeps, so that several share an interrupt.
///
/// Does not promise: any effect on timerfd, POSIX timers or alarms, which have no slack; a bound on wake-up latency;
/// any effect on threads under a real-time policy (SCHED_FIFO, SCHED_RR, SCHED_DEADLINE). For those threads the kernel
/// takes the slack as zero, and accepts a new value without effect. takt's functions then change nothing and report
/// errc::no_effect.
/// Sources: prctl(2) PR_SET_TIMERSLACK; proc_pid_timerslack_ns(5); Linux 6.12 kernel/sys.c (rt_or_dl_task_policy),
/// kernel/sched/syscalls.c __setscheduler_params, fs/proc/base.c timerslack_ns_write.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/detail/text.hpp>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Os = linux_os> [[nodiscard]] std::chrono::nanoseconds timer_slack(std::error_code& ec) noexcept;
template <class Os = linux_os> void set_timer_slack(std::chrono::nanoseconds slack, std::error_code& ec) noexcept;
template <class Os = linux_os> [[nodiscard]] std::chrono::nanoseconds timer_slack_of(pid_t id, std::error_code& ec);
template <class Os = linux_os> void set_timer_slack_of(pid_t id, std::chrono::nanoseconds slack, std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] std::chrono::nanoseconds timer_slack();
template <class Os = linux_os> void set_timer_slack(std::chrono::nanoseconds slack);
template <class Os = linux_os> [[nodiscard]] std::chrono::nanoseconds timer_slack_of(pid_t id);
template <class Os = linux_os> void set_timer_slack_of(pid_t id, std::chrono::nanoseconds slack);
#endif
template <class Os = linux_os> class scoped_timer_slack;

// definitions
namespace detail {

/// The largest /proc/PID/timerslack_ns that takt reads, in bytes. The file holds one number of 64 bits.
inline constexpr std::size_t timer_slack_file_limit = 4096;

/// Returns: the slack as a duration. The kernel keeps it in an unsigned number of 64 bits; 2^63 ns (292 years) and more
/// become nanoseconds::max().
[[nodiscard]] constexpr std::chrono::nanoseconds to_slack(std::uint64_t nanoseconds) noexcept {
  constexpr auto max = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
  return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(nanoseconds < max ? nanoseconds : max));
}

template <class = for_callers> [[nodiscard]] std::string timer_slack_path(pid_t id) {
  return "/proc/" + std::to_string(id) + "/timerslack_ns";
}

/// Returns: the number in the text of timerslack_ns; on malformed_text zero.
template <class = for_callers>
[[nodiscard]] std::chrono::nanoseconds parse_timer_slack(std::string_view text, std::error_code& ec) noexcept {
  ec.clear();
  if (std::string_view line; only_line(text, line)) {
    if (const auto slack = parse_number<std::uint64_t>(trimmed(line))) return to_slack(*slack);
  }
  ec = errc::malformed_text;
  return std::chrono::nanoseconds::zero();
}

/// Returns: no error if setting the slack of the thread `id` to `slack` has an effect; an `id` of 0 means the calling
/// thread. Otherwise EINVAL for zero and below, no_effect under a real-time policy, or why the policy is unknown.
template <class Os> [[nodiscard]] std::error_code check_timer_slack(pid_t id, std::chrono::nanoseconds slack) noexcept {
  if (slack <= std::chrono::nanoseconds::zero()) return errno_code(EINVAL); // the kernel takes 0 for "the default"
  int policy = 0;
  if (const int error = Os::scheduling_policy(id, policy); error != 0) return errno_code(error);
  const bool real_time = policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
  return real_time ? make_error_code(errc::no_effect) : std::error_code();
}

} // namespace detail

/// Returns: the calling thread's slack in nanoseconds; on error zero. Under a real-time policy it is zero since Linux
/// 6.12, and in stable kernels with that change. Older kernels report the slack that the thread had under an ordinary
/// policy.
/// Errors: what prctl reports. Does not block; one system call.
template <class Os> std::chrono::nanoseconds timer_slack(std::error_code& ec) noexcept {
  std::uint64_t slack = 0;
  const int error = Os::timer_slack(slack);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return error != 0 ? std::chrono::nanoseconds::zero() : detail::to_slack(slack);
}

/// Effects: sets the slack of the calling thread, 1 ns or more. Threads and processes that it starts later inherit it.
/// Errors: EINVAL for zero and below; no_effect under a real-time policy; what prctl reports. Does not block; two
/// system calls.
template <class Os> void set_timer_slack(std::chrono::nanoseconds slack, std::error_code& ec) noexcept {
  ec = detail::check_timer_slack<Os>(0, slack);
  if (ec) return;
  if (const int error = Os::set_timer_slack(static_cast<std::uint64_t>(slack.count())); error != 0) {
    ec = detail::errno_code(error);
  }
}

/// Returns: the slack of the thread `id` in nanoseconds; on error zero. A process has the id of its first thread.
/// Errors: ENOENT or ESRCH if there is no such thread (or no /proc); EPERM for a thread other than the calling one
/// without CAP_SYS_NICE, which the kernel requires even to read; malformed_text. Reads one file of /proc.
template <class Os> std::chrono::nanoseconds timer_slack_of(pid_t id, std::error_code& ec) {
  const std::string text = detail::read_text<Os>(detail::timer_slack_path(id), detail::timer_slack_file_limit, ec);
  return ec ? std::chrono::nanoseconds::zero() : detail::parse_timer_slack(text, ec);
}

/// Effects: sets the slack of the thread `id`, 1 ns or more, and of no other thread of its process.
/// Errors: those of set_timer_slack and timer_slack_of; EINVAL for an id of zero and below. Writes one file of /proc.
template <class Os> void set_timer_slack_of(pid_t id, std::chrono::nanoseconds slack, std::error_code& ec) {
  ec = id > 0 ? detail::check_timer_slack<Os>(id, slack) : detail::errno_code(EINVAL);
  if (ec) return;
  const std::string path = detail::timer_slack_path(id);
  if (const int error = Os::write_file(path.c_str(), std::to_string(slack.count()) + '\n'); error != 0) {
    ec = detail::errno_code(error);
  }
}

#if TAKT_EXCEPTIONS
namespace detail {
/// Returns: what the caller can do about the error of setting or reading the slack that `what` names.
template <class = for_callers>
[[nodiscard, gnu::cold, gnu::noinline]] std::string slack_hint(const std::string& what, std::error_code ec) {
  const char* reason = nullptr;
  if (ec == std::errc::invalid_argument) reason = ": must be 1 ns or more";
  if (ec == errc::no_effect) reason = ": the kernel ignores the slack of a thread under a real-time policy";
  if (ec == std::errc::no_such_file_or_directory || ec == std::errc::no_such_process)
    reason = ": is there such a thread?";
  if (reason != nullptr) return what + reason;
  return file_hint(what.c_str(), ec, "CAP_SYS_NICE for another thread than the calling one, even to read");
}
} // namespace detail

template <class Os> std::chrono::nanoseconds timer_slack() {
  return detail::or_throw([](std::error_code& ec) { return timer_slack<Os>(ec); },
                          [] { return "prctl(PR_GET_TIMERSLACK)"; });
}

template <class Os> void set_timer_slack(std::chrono::nanoseconds slack) {
  detail::or_throw([&](std::error_code& ec) { set_timer_slack<Os>(slack, ec); },
                   [&](std::error_code ec) {
                     return detail::slack_hint("timer slack of " + std::to_string(slack.count()) + " ns", ec);
                   });
}

template <class Os> std::chrono::nanoseconds timer_slack_of(pid_t id) {
  return detail::or_throw([&](std::error_code& ec) { return timer_slack_of<Os>(id, ec); },
                          [&](std::error_code ec) { return detail::slack_hint(detail::timer_slack_path(id), ec); });
}

template <class Os> void set_timer_slack_of(pid_t id, std::chrono::nanoseconds slack) {
  detail::or_throw([&](std::error_code& ec) { set_timer_slack_of<Os>(id, slack, ec); },
                   [&](std::error_code ec) {
                     return std::to_string(slack.count()) + " ns into " +
                            detail::slack_hint(detail::timer_slack_path(id), ec);
                   });
}
#endif

/// Sets the slack of the calling thread. The destructor restores the old one; it must run in the same thread. The
/// object can be neither copied nor moved, so that it does not leave its scope by accident. If the thread takes a
/// real-time policy meanwhile, the kernel forgets the slack: then the destructor restores nothing, and the thread
/// starts with the default slack when it returns to an ordinary policy.
template <class Os> class scoped_timer_slack {
public:
#if TAKT_EXCEPTIONS
  /// Errors: std::system_error with those of set_timer_slack. One of them is no_effect, so code that may run under a
  /// real-time policy should use the constructor that takes an error_code. Three system calls.
  explicit scoped_timer_slack(std::chrono::nanoseconds slack) {
    std::error_code ec;
    set(slack, ec);
    if (ec) {
      detail::throw_error(
          ec, detail::slack_hint("scoped_timer_slack of " + std::to_string(slack.count()) + " ns", ec).c_str());
    }
  }
#endif
  /// Effects: sets the slack. On error it changes nothing, and the destructor restores nothing.
  /// Errors: those of set_timer_slack. Three system calls.
  scoped_timer_slack(std::chrono::nanoseconds slack, std::error_code& ec) noexcept { set(slack, ec); }

  ~scoped_timer_slack() {
    if (active_) static_cast<void>(Os::set_timer_slack(previous_));
  }
  scoped_timer_slack(const scoped_timer_slack&) = delete;
  scoped_timer_slack& operator=(const scoped_timer_slack&) = delete;

  /// Returns: whether the slack was set and the destructor will restore the old one.
  [[nodiscard]] bool active() const noexcept { return active_; }

private:
  void set(std::chrono::nanoseconds slack, std::error_code& ec) noexcept {
    if (const int error = Os::timer_slack(previous_); error != 0) {
      ec = detail::errno_code(error);
      return;
    }
    set_timer_slack<Os>(slack, ec);
    active_ = !ec;
  }

  std::uint64_t previous_ = 0; // in nanoseconds as the kernel keeps it, because no duration holds all of its values
  bool active_ = false;
};

} // namespace takt::inline TAKT_ABI
