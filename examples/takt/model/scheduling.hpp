/// scheduling.hpp - the scheduling policy of a process, and what that makes of its timer slack.
#pragma once
#include "output/document.hpp"
#include <absl/strings/str_cat.h>
#include <chrono>
#include <optional>
#include <sched.h>
#include <string>
#include <takt/kernel/os.hpp>

namespace tool {

/// A scheduling policy. For a real-time one the kernel ignores timer slack.
struct policy {
  std::string name;
  bool real_time;
};

/// Returns: the policy of a process or thread, 0 for the calling thread; nullopt where the kernel does not report it.
template <class Os = takt::linux_os> std::optional<policy> policy_of(pid_t pid) {
  int number = 0;
  if (Os::scheduling_policy(pid, number) != 0) return std::nullopt;
  switch (number) {
  case SCHED_OTHER: return policy{"SCHED_OTHER", false};
  case SCHED_BATCH: return policy{"SCHED_BATCH", false};
  case SCHED_IDLE: return policy{"SCHED_IDLE", false};
  case SCHED_FIFO: return policy{"SCHED_FIFO", true};
  case SCHED_RR: return policy{"SCHED_RR", true};
  case SCHED_DEADLINE: return policy{"SCHED_DEADLINE", true};
  default: return policy{absl::StrCat("policy ", number), false};
  }
}

/// Returns: "50 us", and under a real-time policy that the kernel ignores it. Since Linux 6.12 the kernel reports a
/// slack of 0 for such a policy; older kernels report the slack that was set.
inline std::string slack_under(std::chrono::nanoseconds slack, const std::optional<policy>& p) {
  const std::string text = time_value(static_cast<double>(slack.count())).text;
  if (!p || !p->real_time) return text;
  return slack.count() == 0 ? absl::StrCat(text, ": the kernel grants none under ", p->name)
                            : absl::StrCat(text, ", which the kernel ignores under ", p->name);
}

} // namespace tool
