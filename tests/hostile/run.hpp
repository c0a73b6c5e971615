/// run.hpp - runs a program in a hostile place and says how it ended.
#pragma once
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

namespace hostile {

/// Everything is tried where the environment says TAKT_HOSTILE=all; else a part, which TAKT_HOSTILE_SEED chooses.
inline bool thorough() {
  const char* const how = std::getenv("TAKT_HOSTILE");
  return how != nullptr && std::string_view(how) == "all";
}
inline std::uint64_t seed() {
  const char* const given = std::getenv("TAKT_HOSTILE_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
}
/// Whether to try a case that a bounded run tries one in `n` of.
class sample {
public:
  explicit sample(std::uint64_t n) : n_(n), random_(seed()) {}
  bool operator()() { return random_() % n_ == 0 || thorough(); }

private:
  std::uint64_t n_;
  std::mt19937_64 random_;
};

/// Settings of the terminal or the shell would make runs differ.
inline void clear_environment() {
  for (const char* name : {"COLUMNS", "NO_COLOR", "LD_PRELOAD", "TAKT_DENIED"}) unsetenv(name);
}

struct ending {
  int status = -1;      ///< what it returned; -1: see below
  int signal = 0;       ///< what ended it
  bool hung = false;    ///< it was killed after `limit`
  bool left = false;    ///< a process of it was still there afterwards
  std::string out, err; ///< what it printed
};

/// Beyond that a run hangs, on however busy a machine.
constexpr std::chrono::seconds limit(60);

struct place {
  std::function<void()> enter = [] {};          ///< called in the child before the program is there
  std::function<void(pid_t)> meanwhile = {};    ///< called in the parent once the child was started
  std::chrono::milliseconds patience = limit;
};

inline std::string content(int fd) {
  std::string text;
  char buffer[1 << 16];
  for (off_t at = 0;;) {
    const ssize_t n = pread(fd, buffer, sizeof(buffer), at);
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n)), at += n;
  }
}

/// Where `enter` could not do what it should.
constexpr int no_such_place = 126;

/// Runs `arguments`, the program first, with standard input closed to the end of a file.
inline ending run(const std::vector<std::string>& arguments, const place& where = {}) {
  ending e;
  const int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC);
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0); // what it leaves behind can be found
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(out, 1), dup2(err, 2);
    for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) signal(s, SIG_DFL);
    where.enter();
    execv(argv[0], argv.data());
    _exit(no_such_place);
  }
  setpgid(child, child);
  if (where.meanwhile) where.meanwhile(child);
  const int end = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  pollfd watched{end, POLLIN, 0};
  const bool ended = poll(&watched, 1, static_cast<int>(where.patience.count())) > 0;
  e.hung = !ended;
  if (!ended) kill(-child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  close(end);
  if (WIFEXITED(status)) e.status = WEXITSTATUS(status);
  else e.signal = WTERMSIG(status);
  // Children that it killed may take a moment to end; what is still there after it was left behind.
  for (int i = 0; i < 200; ++i) {
    while (waitpid(-child, nullptr, WNOHANG) > 0) {
    }
    e.left = kill(-child, 0) == 0;
    if (!e.left) break;
    poll(nullptr, 0, 10);
  }
  if (e.left) kill(-child, SIGKILL);
  while (waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  e.out = content(out), e.err = content(err);
  close(out), close(err);
  return e;
}

inline bool is_json(std::string_view text) { return nlohmann::json::accept(text.begin(), text.end()); }

/// Returns: whether `text` is nothing, one JSON document, or one a line.
inline bool is_json_output(std::string_view text) {
  if (text.empty() || is_json(text)) return true;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == text.npos || !is_json(text.substr(0, end))) return false;
    text.remove_prefix(end + 1);
  }
  return true;
}

struct expectation {
  bool json = false;
  bool output_seen = true; ///< what it prints can be read
  bool errors_seen = true; ///< what it complains of can be read
};

/// Returns: what is wrong with the ending of the tool, whatever it was asked and wherever; empty if nothing is.
inline std::string wrong_with(const ending& e, const expectation& x = {}) {
  if (e.hung) return "hangs";
  if (e.signal != 0) return "ended by signal " + std::to_string(e.signal);
  if (e.status < 0 || e.status > 2) return "status " + std::to_string(e.status);
  if (e.left) return "left a process behind";
  if (!e.out.empty() && e.out.back() != '\n') return "its output does not end with a line";
  if (!e.err.empty() && e.err.back() != '\n') return "its errors do not end with a line";
  if (e.status != 0 && x.errors_seen && (e.err.find("takt: ") == e.err.npos || e.err.size() < 10)) return "fails and does not say why";
  if (e.status == 2 && !e.out.empty() && x.output_seen) return "wrong usage, and output";
  if (e.status == 0 && x.output_seen && e.out.empty()) return "no output";
  if (x.json && x.output_seen && !is_json_output(e.out)) return "its output is no JSON";
  for (const std::string_view bad : {"terminate called", "what():", "AddressSanitizer", "runtime error"})
    if (e.err.find(bad) != e.err.npos) return "its errors hold \"" + std::string(bad) + "\"";
  return {};
}

/// For the message of a test that failed.
inline std::string shown(const std::vector<std::string>& arguments, const ending& e) {
  std::string text;
  for (const std::string& a : arguments) text += a.substr(0, 80) + " ";
  return text + "\n  status " + std::to_string(e.status) + ", signal " + std::to_string(e.signal) + "\n  stdout: " + e.out.substr(0, 600) +
         "\n  stderr: " + e.err.substr(0, 600);
}

// The tool

inline const std::string tool = TAKT_TOOL;
inline const std::string probe = TAKT_PROBE;
inline const std::string denied_call = TAKT_DENIED_CALL;

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

struct flag {
  std::string name, value; ///< "--for", "TIME"; a switch has no value
};
struct command {
  std::string name;
  std::vector<flag> flags;
  std::vector<std::string> brief; ///< arguments with which it takes little time
};

/// The commands that `takt --help` lists, with the flags that their help lists.
inline const std::vector<command>& commands() {
  static const std::vector<command> all = [] {
    std::vector<command> found;
    for (const std::string& line : lines_of(run({tool, "--help"}).out)) {
      if (line.size() < 4 || line.substr(0, 2) != "  " || line[2] < 'a' || line[2] > 'z') continue;
      command c;
      c.name = line.substr(2, line.find(' ', 2) - 2);
      for (const std::string& of : lines_of(run({tool, "help", c.name}).out)) {
        if (of.substr(0, 4) != "  --") continue;
        const std::size_t name_end = std::min(of.find(' ', 2), of.size());
        flag f{of.substr(2, name_end - 2), {}};
        if (name_end + 1 < of.size() && of[name_end + 1] >= 'A' && of[name_end + 1] <= 'Z' && of[name_end + 1] != ' ')
          f.value = of.substr(name_end + 1, of.find(' ', name_end + 1) - name_end - 1);
        if (f.name != "--help") c.flags.push_back(std::move(f));
      }
      const auto has = [&c](std::string_view name) {
        for (const flag& f : c.flags)
          if (f.name == name) return !f.value.empty(); // without a value it bounds nothing
        return false;
      };
      // Most flags that bound a run bound it in every command that has them.
      constexpr std::pair<const char*, const char*> bounds[] = {
          {"--repetitions", "3"}, {"--longest-budget", "1ms"}, {"--each-budget", "1"}, {"--rounds", "50"}, {"--for", "30ms"},
          {"--period", "5ms"}, {"--interval", "10ms"}, {"--count", "2"}, {"--runs", "3"}, {"--sleep", "1ms"},
          {"--processes", "2"}, {"--threads", "2"}, {"--each", "100ms"}, {"--shortest", "10ms"}, {"--longest", "30ms"},
          {"--machine", "2x2"}, {"--seeds", "1"}, {"--length", "1s"}};
      for (const auto& [name, value] : bounds)
        if (has(name) && !(c.name == "clocksource")) c.brief.insert(c.brief.end(), {name, value});
      if (c.name == "run") c.brief.emplace_back("--explain"); // starts no program
      if (c.name == "history") c.brief.emplace_back("/dev/null"); // a log without a line
      found.push_back(std::move(c));
    }
    return found;
  }();
  return all;
}

/// The command line of `c`, brief, with `more`.
inline std::vector<std::string> brief(const command& c, const std::vector<std::string>& more = {}) {
  std::vector<std::string> line{tool, c.name};
  line.insert(line.end(), c.brief.begin(), c.brief.end());
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

} // namespace hostile
