/// process_stat.hpp - what /proc/PID/stat says of a process or of a thread.
///
/// Sources: proc_pid_stat(5); Linux 6.12 fs/proc/array.c do_task_stat, include/linux/sched.h PF_KTHREAD.
#pragma once
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tool {

/// The largest /proc/PID/stat that is read, in bytes.
inline constexpr std::size_t process_stat_limit = 4096;

struct process_stat {
  std::string name;           ///< any bytes but zero: the process chooses them
  bool kernel_thread = false; ///< it has no program and runs in the kernel alone
  int policy = 0;             ///< SCHED_OTHER and so on
  std::uint64_t start = 0;    ///< in clock ticks after boot
};

/// Returns: the facts in `text`; nullopt where it is not the line that the kernel writes.
[[nodiscard]] inline std::optional<process_stat> parse_process_stat(std::string_view text) {
  constexpr std::uint64_t kernel_thread = 0x0020'0000; // PF_KTHREAD
  enum { first = 3, flags = 9, start_time = 22, policy = 41 };
  const auto open = text.find('('), close = text.rfind(')'); // the name may hold blanks and brackets
  if (open == text.npos || close == text.npos || close < open) return std::nullopt;
  process_stat found;
  found.name = text.substr(open + 1, close - open - 1);
  text.remove_prefix(close + 1);
  for (int field = first; field <= policy; ++field) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == text.npos) return std::nullopt;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    text.remove_prefix(word.size());
    const auto read = [word](auto& number) {
      const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
      return error == std::errc() && end == word.data() + word.size();
    };
    std::uint64_t bits = 0;
    if (field == flags && !read(bits)) return std::nullopt;
    if (field == flags) found.kernel_thread = (bits & kernel_thread) != 0;
    if (field == start_time && !read(found.start)) return std::nullopt;
    if (field == policy && (!read(found.policy) || found.policy < 0)) return std::nullopt;
  }
  return found;
}

} // namespace tool
