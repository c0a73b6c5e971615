/// watched_command.hpp - a command that runs while the tool watches the machine.
///
/// The command gets the signal dispositions and the signal mask with which the tool was started.
///
/// Does not promise: anything about processes that the command leaves behind.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>

namespace tool {

/// A child process that becomes the command when the recording has begun, so that its first events are recorded.
class watched_command {
public:
  /// Effects: forks a process that waits for `start`. With `output_to_error` its standard output is standard error.
  /// `before`, unless it is empty, is called in that process just before it becomes the command.
  /// Returns: the command; null on error, with the reason in `why`.
  [[nodiscard]] static std::unique_ptr<watched_command> prepare(std::span<char*> command_line, bool output_to_error,
                                                                std::string& why,
                                                                const std::function<void()>& before = {});
  /// Effects: lets the process execute the command. Returns: whether it did; if not, the reason is in `why`.
  [[nodiscard]] bool start(std::string& why);
  /// Returns: the id of its process, which is there already before start().
  [[nodiscard]] pid_t id() const { return pid_; }
  /// Returns: a descriptor that is readable when the command has ended; -1 on a kernel without pidfd_open (before 5.3).
  [[nodiscard]] int descriptor() const { return pidfd_; }
  /// Returns: whether the command has ended. Does not block.
  [[nodiscard]] bool ended();
  /// Effects: sends SIGTERM if the command still runs.
  /// Returns: its exit status as a shell shows it, 128 plus the number of a signal; nullopt if it still runs.
  [[nodiscard]] std::optional<int> finish();

  ~watched_command();
  watched_command(const watched_command&) = delete;
  watched_command& operator=(const watched_command&) = delete;

private:
  watched_command() = default;
  std::string name_;
  pid_t pid_ = -1;
  int pidfd_ = -1, go_ = -1, failure_ = -1;
  bool started_ = false;
  std::optional<int> status_;
};

} // namespace tool
