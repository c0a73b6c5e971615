#include "program_file.hpp"
#include "elf_program.hpp"
#include <absl/strings/str_cat.h>
#include <algorithm>
#include <cstdlib>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utility>

namespace tool {

std::string_view reason_of(obstacle o) {
  switch (o) {
  case obstacle::none: return {};
  case obstacle::static_program: return "is statically linked";
  case obstacle::other_class: return "is a program of 32 bits";
  case obstacle::other_machine: return "is a program for another architecture";
  case obstacle::address_sanitizer: return "is built with AddressSanitizer, which must come first";
  case obstacle::more_rights: return "gains rights when it starts (set-user-ID, set-group-ID or capabilities)";
  case obstacle::clean_environment: return "clears the environment";
  }
  return {};
}

namespace {

class mapped_file {
public:
  explicit mapped_file(const char* path) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
      void* const at = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
      if (at != MAP_FAILED) bytes = {static_cast<const std::byte*>(at), static_cast<std::size_t>(status.st_size)};
    }
    close(fd);
  }
  ~mapped_file() {
    if (!bytes.empty()) munmap(const_cast<std::byte*>(bytes.data()), bytes.size());
  }
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  std::span<const std::byte> bytes;
  struct stat status {};
};

/// The machine that the tool was compiled for; that of no program where /proc does not show it.
unsigned own_machine() {
  const mapped_file self("/proc/self/exe");
  const auto elf = read_elf(self.bytes);
  return elf ? elf->machine : 0;
}

bool is_program(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && access(path.c_str(), X_OK) == 0;
}

/// The file that execvp(3) starts; empty where it finds none.
std::string in_path(const std::string& name) {
  if (name.find('/') != name.npos) return is_program(name) ? name : "";
  const char* const variable = std::getenv("PATH");
  std::string_view rest = variable != nullptr ? variable : "/bin:/usr/bin";
  for (bool more = true; more;) {
    const std::size_t end = rest.find(':');
    const std::string_view directory = rest.substr(0, end);
    std::string path = absl::StrCat(std::string(directory.empty() ? "." : directory), "/", name);
    if (is_program(path)) return path;
    more = end != rest.npos;
    if (more) rest.remove_prefix(end + 1);
  }
  return {};
}

/// Whether the kernel starts the file in secure-execution mode, in which the loader ignores LD_PRELOAD.
bool gains_rights(const std::string& path, const struct stat& status) {
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return false;
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != getuid()) return true;
  if ((status.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && status.st_gid != getgid()) return true;
  return getuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;
}

/// Whether env(1) is asked to begin without an environment.
bool is_clean_env(std::span<char*> command_line) {
  std::string_view name = command_line[0];
  name = name.substr(name.rfind('/') == name.npos ? 0 : name.rfind('/') + 1);
  if (name != "env") return false;
  bool value = false; // whether this word belongs to the option before it
  for (const char* const word : command_line.subspan(1)) {
    if (word == nullptr) break;
    const std::string_view w = word;
    if (std::exchange(value, w == "--unset" || w == "--chdir")) {
      value = false;
      continue;
    }
    if (w == "-" || w == "--ignore-environment") return true;
    if (w.substr(0, 2) == "--") continue;
    if (w.substr(0, 1) == "-") {
      // The value of a letter is the rest of its word, or the next one: -uLANG, -iu LANG.
      const std::size_t takes_value = std::min(w.find_first_of("uCSa"), w.size());
      if (w.substr(0, takes_value).find('i') != w.npos) return true;
      value = takes_value + 1 == w.size() && w[takes_value] != 'S'; // -S's next word is one of the command line
    } else if (w.find('=') == w.npos) {
      break; // the program
    }
  }
  return false;
}

} // namespace

std::optional<program_file> find_program(std::span<char*> command_line) {
  program_file result;
  result.path = in_path(command_line[0]);
  if (result.path.empty()) return std::nullopt;
  if (is_clean_env(command_line)) result.obstacle = obstacle::clean_environment;
  std::string path = result.path;
  for (int depth = 0; depth < 5; ++depth) { // the kernel follows as many interpreters
    const mapped_file file(path.c_str());
    if (file.bytes.empty()) return std::nullopt;
    const auto elf = read_elf(file.bytes);
    if (!elf) {
      const std::size_t line = std::min<std::size_t>(file.bytes.size(), 4096);
      std::string argument, next = read_script_line({reinterpret_cast<const char*>(file.bytes.data()), line}, argument);
      if (next.empty()) next = "/bin/sh"; // as execvp(3) has it
      // "#!/usr/bin/env python3", and "env -S python3 -u": the program is what env finds.
      if (next.size() >= 4 && next.substr(next.size() - 4) == "/env") {
        if (argument.substr(0, 3) == "-S ") argument.erase(0, 3);
        const std::string word = argument.substr(0, argument.find(' '));
        if (word == "-i") result.obstacle = obstacle::clean_environment;
        if (const std::string found = in_path(word); !word.empty() && word[0] != '-' && !found.empty()) next = found;
      }
      result.interpreter = path = next;
      continue;
    }
    result.loader = elf->loader;
    if (result.obstacle != obstacle::none) return result;
    if (gains_rights(path, file.status)) result.obstacle = obstacle::more_rights;
    else if (!elf->same_class) result.obstacle = obstacle::other_class;
    else if (elf->machine != own_machine()) result.obstacle = obstacle::other_machine;
    else if (elf->loader.empty()) result.obstacle = obstacle::static_program;
    else if (elf->address_sanitizer) result.obstacle = obstacle::address_sanitizer;
    return result;
  }
  return std::nullopt;
}

} // namespace tool
