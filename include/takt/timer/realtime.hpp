/// realtime.hpp - a real-time policy for the calling thread, for a while.
///
/// Does not promise: a bound on latency, which is a matter of the kernel's build and of the machine; that the thread
/// keeps its CPU (kernel.sched_rt_runtime_us takes it away for a part of every second). A thread under these policies
/// that never sleeps can stop the machine.
/// The kernel drops the thread's timer slack: real-time threads have none (timer_slack.hpp). It comes back with the old
/// policy.
/// Sources: sched(7), sched_setattr(2); Linux 6.12 kernel/sched/syscalls.c __setscheduler_params.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
enum class realtime_policy {
  fifo = SCHED_FIFO,      ///< runs until it sleeps or a higher priority wants the CPU
  round_robin = SCHED_RR, ///< the same, but takes turns with threads of its own priority
};

template <class Os = linux_os> class scoped_realtime;

// definitions

/// Puts the thread that constructs it under a real-time policy; its old policy, priority and slack come back when it
/// dies. It belongs to that thread: destroy it there. Threads started meanwhile inherit the policy and keep it.
template <class Os> class scoped_realtime {
public:
#if TAKT_EXCEPTIONS
  /// Errors: those of the other constructor.
  scoped_realtime(realtime_policy policy, int priority) {
    std::error_code ec;
    set(policy, priority, ec);
    if (ec) {
      detail::throw_error(ec, "sched_setattr to real-time priority " + std::to_string(priority) +
                                  ": wants 1 to 99, and CAP_SYS_NICE or a limit that allows it (ulimit -r)");
    }
  }
#endif
  /// On error nothing is changed, and nothing is restored later.
  /// Errors: EINVAL for a priority outside 1 to 99 or an unknown policy; EPERM without CAP_SYS_NICE above
  /// RLIMIT_RTPRIO. Three system calls.
  scoped_realtime(realtime_policy policy, int priority, std::error_code& ec) noexcept { set(policy, priority, ec); }

  /// A policy that the program set in between is replaced too.
  ~scoped_realtime() {
    if (!active_) return;
    static_cast<void>(Os::set_scheduling_of_thread(previous_));
    if (slack_ != 0) static_cast<void>(Os::set_timer_slack(slack_));
  }
  scoped_realtime(const scoped_realtime&) = delete;
  scoped_realtime& operator=(const scoped_realtime&) = delete;

  /// Returns: whether the policy was set and the destructor will restore the old one.
  [[nodiscard]] bool active() const noexcept { return active_; }

private:
  void set(realtime_policy policy, int priority, std::error_code& ec) noexcept {
    ec.clear();
    int error = policy == realtime_policy::fifo || policy == realtime_policy::round_robin ? 0 : EINVAL;
    if (priority < 1 || priority > 99) error = EINVAL;
    if (error == 0) error = Os::scheduling_of_thread(previous_);
    if (error == 0 && Os::timer_slack(slack_) != 0) slack_ = 0;
    if (error == 0) {
      linux_os::scheduling wanted;
      wanted.policy = static_cast<std::uint32_t>(policy);
      wanted.priority = static_cast<std::uint32_t>(priority);
      wanted.flags = previous_.flags & reset_on_fork;
      error = Os::set_scheduling_of_thread(wanted);
    }
    active_ = error == 0;
    if (error != 0) ec = detail::errno_code(error);
  }

  /// SCHED_FLAG_RESET_ON_FORK: kept, for only a privileged thread may take it off.
  static constexpr std::uint64_t reset_on_fork = 1;

  linux_os::scheduling previous_;
  std::uint64_t slack_ = 0; // 0: had none, was real-time already
  bool active_ = false;
};

} // namespace takt::inline TAKT_ABI
