#include "watched_command.hpp"
#include "stop.hpp"
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace tool {

namespace {
std::string reason(const std::string& what, int error) {
  return what + ": " + std::error_code(error, std::generic_category()).message();
}
} // namespace

std::unique_ptr<watched_command> watched_command::prepare(std::span<char*> command_line, bool output_to_error,
                                                          std::string& why, const std::function<void()>& before) {
  std::unique_ptr<watched_command> self(new watched_command);
  self->name_ = command_line[0];
  int go[2] = {-1, -1}, failure[2] = {-1, -1};
  if (pipe2(go, O_CLOEXEC) != 0) return why = reason("a pipe to the command", errno), nullptr;
  if (pipe2(failure, O_CLOEXEC) != 0) {
    why = reason("a pipe from the command", errno);
    close(go[0]), close(go[1]);
    return nullptr;
  }
  self->go_ = go[1], self->failure_ = failure[0];
  self->pid_ = fork();
  if (self->pid_ == 0) {
    close(go[1]);
    char c = 0;
    if (read(go[0], &c, 1) != 1) _exit(0); // the tool gave up
    // Handlers do not survive execve, and what is ignored or blocked is so because it was when the tool was started.
    restore_output_signals();
    if (output_to_error) dup2(STDERR_FILENO, STDOUT_FILENO);
    if (before) before();
    execvp(command_line[0], command_line.data());
    const int error = errno;
    static_cast<void>(!write(failure[1], &error, sizeof error));
    _exit(127);
  }
  close(go[0]), close(failure[1]);
  if (self->pid_ < 0) return why = reason("a process for the command", errno), nullptr;
#ifdef SYS_pidfd_open
  self->pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, self->pid_, 0));
#endif
  return self;
}

bool watched_command::start(std::string& why) {
  const char c = 'x';
  static_cast<void>(!write(go_, &c, 1));
  int error = 0;
  ssize_t got = 0;
  do got = read(failure_, &error, sizeof error); // ends at the exec, which closes the other end
  while (got < 0 && errno == EINTR);
  if (got != sizeof error) return started_ = true;
  why = reason(name_, error);
  return false;
}

bool watched_command::ended() {
  int status = 0;
  if (!status_ && waitpid(pid_, &status, WNOHANG) == pid_)
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return status_.has_value();
}

std::optional<int> watched_command::finish() {
  if (!ended()) kill(pid_, SIGTERM);
  return status_;
}

watched_command::~watched_command() {
  for (const int fd : {pidfd_, go_, failure_})
    if (fd >= 0) close(fd);
  if (pid_ <= 0) return;
  // A child that could not start the command ends at once, and keeps the tool's files open until then.
  if (!started_ && !status_)
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  else static_cast<void>(ended());
}

} // namespace tool
