/// realtime.hpp - a real-time policy for the calling thread, for a while.
///
/// Does not promise: a bound on latency, which depends on the kernel's build and on the machine; that the thread keeps
/// its CPU, because kernel.sched_rt_runtime_us reserves a part of each second for other threads. A thread that never
/// sleeps under these policies can stop the machine.
/// Real-time threads have no timer slack (timer_slack.hpp). The old slack is restored together with the old policy.
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

/// How the kernel schedules a real-time thread.
enum class realtime_policy {
  fifo = SCHED_FIFO,      ///< the thread runs until it sleeps, or until a thread of higher priority is ready
  round_robin = SCHED_RR, ///< like fifo, but threads of the same priority take turns
};

template <class Os = linux_os> class scoped_realtime;

// definitions

/// Gives the calling thread a real-time policy. The destructor restores the old policy, priority and slack; it must run
/// in the same thread. Threads that this thread starts meanwhile inherit the real-time policy and keep it.
template <class Os> class scoped_realtime {
public:
#if TAKT_EXCEPTIONS
  /// Errors: std::system_error with the errors of the constructor that takes an error_code. Three system calls.
  scoped_realtime(realtime_policy policy, int priority) {
    std::error_code ec;
    set(policy, priority, ec);
    if (ec) {
      const std::string what = "sched_setattr to real-time priority " + std::to_string(priority);
      const char* const how = ": must be 1 to 99, and needs CAP_SYS_NICE or a limit that allows it (ulimit -r)";
      detail::throw_error(ec, (what + how).c_str());
    }
  }
#endif
  /// Effects: sets the policy and the priority. On error it changes nothing, and the destructor restores nothing.
  /// Errors: EINVAL for a priority outside 1 to 99 or an unknown policy; EPERM for a priority above RLIMIT_RTPRIO
  /// without CAP_SYS_NICE. Three system calls.
  scoped_realtime(realtime_policy policy, int priority, std::error_code& ec) noexcept { set(policy, priority, ec); }

  /// Restores the old policy, priority and slack, also if the program has set another policy meanwhile.
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

  /// SCHED_FLAG_RESET_ON_FORK. It is kept, because only a privileged thread may clear it.
  static constexpr std::uint64_t reset_on_fork = 1;

  linux_os::scheduling previous_;
  std::uint64_t slack_ = 0; // the old slack in nanoseconds; 0 if it is unknown or was zero, as under a real-time policy
  bool active_ = false;
};

} // namespace takt::inline TAKT_ABI
