/// scheduling.hpp - the scheduling policy of a process, and what its timer slack is worth under it.
#pragma once
#include "document.hpp"
#include <absl/strings/str_cat.h>
#include <chrono>
#include <optional>
#include <sched.h>
#include <string>
#include <takt/kernel/os.hpp>

namespace tool {

struct policy {
  std::string name;
  bool real_time;
};

/// Nothing where the kernel does not tell; 0 is this process.
inline std::optional<policy> policy_of(pid_t pid) {
  int number = 0;
  if (takt::linux_os::scheduling_policy(pid, number) != 0) return std::nullopt;
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

/// "50 us"; under a real-time policy with what the kernel makes of it: since Linux 6.12 it says 0 there, older ones go on
/// telling what was set.
inline std::string slack_under(std::chrono::nanoseconds slack, const std::optional<policy>& p) {
  const std::string text = time_value(static_cast<double>(slack.count())).text;
  if (!p || !p->real_time) return text;
  return slack.count() == 0 ? absl::StrCat(text, ": the kernel grants none under ", p->name)
                            : absl::StrCat(text, ", which the kernel ignores under ", p->name);
}

} // namespace tool
