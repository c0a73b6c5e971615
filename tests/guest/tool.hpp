/// tool.hpp - the command-line tool in the guest, where boot.sh has laid it.
#pragma once
#include <takt/kernel/os.hpp>

#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace guest {

inline std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

/// Starts `command`, whose standard output goes to `out` and whose standard error goes to `err`.
inline pid_t start(const std::string& command, const char* out, const char* err) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(::open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDOUT_FILENO);
  ::dup2(::open(err, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), STDERR_FILENO);
  auto words = words_of(command);
  if (words.front() == "takt") words.front() = "/takt";
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

/// Returns: the exit status of a child when it has ended; -1 after a signal.
inline int result(pid_t child) {
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

inline std::string text_of(const char* path) {
  std::string text;
  REQUIRE(takt::linux_os::read_file(path, text, std::size_t{1} << 24) == 0);
  return text;
}

/// Returns: the text after `key` of a JSON document, from `from` on, up to the end of the line.
inline std::string member(const std::string& document, std::string_view key, std::size_t from = 0) {
  const std::string name = "\"" + std::string(key) + "\": ";
  const std::size_t at = document.find(name, from);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size();
  std::string value = document.substr(begin, document.find('\n', begin) - begin);
  while (!value.empty() && (value.back() == ',' || value.back() == '"')) value.pop_back();
  return value.substr(value.find_first_not_of('"') == std::string::npos ? 0 : value.find_first_not_of('"'));
}

} // namespace guest
