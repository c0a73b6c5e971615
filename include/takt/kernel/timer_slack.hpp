/// timer_slack.hpp - how late the kernel may wake a thread's ordinary sleeps, to let them share an interrupt.
///
/// Does not promise: any effect on timerfd, POSIX timers or alarms, which know no slack; a bound on wake-up latency;
/// any effect on threads under a real-time policy (SCHED_FIFO, SCHED_RR, SCHED_DEADLINE). For those the kernel counts
/// the slack as zero, and setting it "succeeds": the functions here report errc::no_effect instead and change nothing.
/// Sources: prctl(2) PR_SET_TIMERSLACK; proc_pid_timerslack_ns(5); Linux 6.12 kernel/sys.c (rt_or_dl_task_policy),
/// kernel/sched/syscalls.c __setscheduler_params, fs/proc/base.c timerslack_ns_write.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/text.hpp>
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

template <class = when_called>
[[nodiscard]] std::chrono::nanoseconds parse_timer_slack(std::string_view text, std::error_code& ec) noexcept;

// definitions
namespace detail {

/// /proc/PID/timerslack_ns holds one number of 64 bits; more is not that file.
inline constexpr std::size_t timer_slack_file_limit = 4096;

/// The kernel counts slack in 64 bits without sign: 2^63 ns and more, 292 years, stop at nanoseconds::max().
[[nodiscard]] constexpr std::chrono::nanoseconds to_slack(std::uint64_t nanoseconds) noexcept {
  constexpr auto most = static_cast<std::uint64_t>(std::chrono::nanoseconds::max().count());
  return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(nanoseconds < most ? nanoseconds : most));
}

template <class = when_called>
[[nodiscard]] std::string timer_slack_path(pid_t id) { return "/proc/" + std::to_string(id) + "/timerslack_ns"; }

/// Whether the slack of a thread (0: the calling one) can be set to `slack` with effect.
template <class Os> [[nodiscard]] std::error_code check_timer_slack(pid_t id, std::chrono::nanoseconds slack) noexcept {
  if (slack <= std::chrono::nanoseconds::zero()) return errno_code(EINVAL); // the kernel takes 0 for "the default"
  int policy = 0;
  if (const int error = Os::scheduling_policy(id, policy); error != 0) return errno_code(error);
  const bool real_time = policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE;
  return real_time ? make_error_code(errc::no_effect) : std::error_code();
}

} // namespace detail

/// Returns: the number in the text of timerslack_ns; on malformed_text zero.
template <class> std::chrono::nanoseconds parse_timer_slack(std::string_view text, std::error_code& ec) noexcept {
  ec.clear();
  if (std::string_view line; detail::only_line(text, line)) {
    if (const auto slack = detail::parse_number<std::uint64_t>(detail::trimmed(line))) return detail::to_slack(*slack);
  }
  ec = errc::malformed_text;
  return std::chrono::nanoseconds::zero();
}

/// Returns: the calling thread's slack; on error zero. Zero is also what a thread under a real-time policy has since
/// Linux 6.12 and in stable kernels that took the change over; before, it shows what it had as an ordinary one.
/// Errors: what prctl reports. One system call.
template <class Os> std::chrono::nanoseconds timer_slack(std::error_code& ec) noexcept {
  std::uint64_t slack = 0;
  const int error = Os::timer_slack(slack);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return error != 0 ? std::chrono::nanoseconds::zero() : detail::to_slack(slack);
}

/// Effects: sets the slack of the calling thread, and of threads and processes it starts from now on; 1 ns is the
/// least.
/// Errors: EINVAL for zero and below; no_effect under a real-time policy; what prctl reports. Two system calls.
template <class Os> void set_timer_slack(std::chrono::nanoseconds slack, std::error_code& ec) noexcept {
  ec = detail::check_timer_slack<Os>(0, slack);
  if (ec) return;
  if (const int error = Os::set_timer_slack(static_cast<std::uint64_t>(slack.count())); error != 0) {
    ec = detail::errno_code(error);
  }
}

/// Returns: the slack of the thread `id`; the id of a process is that of its first thread. On error zero.
/// Errors: ENOENT, ESRCH when there is no such thread (or no /proc); EPERM for another thread than the calling one
/// without CAP_SYS_NICE, which the kernel asks for even to read; malformed_text.
template <class Os> std::chrono::nanoseconds timer_slack_of(pid_t id, std::error_code& ec) {
  const std::string text = detail::read_text<Os>(detail::timer_slack_path(id), detail::timer_slack_file_limit, ec);
  return ec ? std::chrono::nanoseconds::zero() : parse_timer_slack(text, ec);
}

/// Effects: sets the slack of the thread `id`, and of nothing else in its process.
/// Errors: those of set_timer_slack and timer_slack_of.
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
/// What can be done about `ec` of setting or reading the slack that `what` names.
[[nodiscard, gnu::cold, gnu::noinline]] inline std::string slack_hint(std::string what, std::error_code ec) {
  if (ec == std::errc::invalid_argument) return what += ": wants at least 1 ns";
  if (ec == errc::no_effect) return what += ": the thread is under a real-time policy, for which the kernel ignores slack";
  if (ec == std::errc::no_such_file_or_directory || ec == std::errc::no_such_process) return what += ": is there such a thread?";
  return file_hint(std::move(what), ec, "CAP_SYS_NICE for another thread than the calling one, even to read");
}
} // namespace detail

template <class Os> std::chrono::nanoseconds timer_slack() {
  return detail::or_throw([](std::error_code& ec) { return timer_slack<Os>(ec); },
                          [] { return std::string("prctl(PR_GET_TIMERSLACK)"); });
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
                     return std::to_string(slack.count()) + " ns into " + detail::slack_hint(detail::timer_slack_path(id), ec);
                   });
}
#endif

/// Sets the slack of the thread that constructs it, and restores the old one when it dies.
/// It belongs to that thread: destroy it there. It can be neither copied nor moved, so that it does not leave its scope
/// by accident. If the thread takes a real-time policy meanwhile, the kernel forgets the slack it had: nothing is
/// restored, and an ordinary policy later begins with the default.
template <class Os> class scoped_timer_slack {
public:
#if TAKT_EXCEPTIONS
  /// Errors: those of set_timer_slack, no_effect among them: code that may run under a real-time policy uses the other
  /// constructor.
  explicit scoped_timer_slack(std::chrono::nanoseconds slack) {
    std::error_code ec;
    set(slack, ec);
    if (ec) {
      detail::throw_error(ec, detail::slack_hint("scoped_timer_slack of " + std::to_string(slack.count()) + " ns", ec));
    }
  }
#endif
  /// On error nothing is changed, and nothing is restored later. Three system calls.
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

  std::uint64_t previous_ = 0; // as the kernel counts it: even what no duration holds is restored as it was
  bool active_ = false;
};

} // namespace takt::inline TAKT_ABI
