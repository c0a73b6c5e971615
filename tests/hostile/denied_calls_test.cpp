// Protects: any one system call may be refused, with EPERM as a sandbox does it or with ENOSYS as an old kernel. The library and
// the tool then neither crash nor hang nor report a success that is none, and say what failed.
#include "run.hpp"
#include <doctest/doctest.h>
#include <support/skip.hpp>

#include <algorithm>
#include <map>

namespace {

using namespace hostile;

struct call {
  const char* name;
  long number;
};
// What strace(1) shows of the probe and of each command after main() has begun, but: exit, exit_group and rt_sigreturn, which
// have no way to fail; brk, execve and rseq, where the C library ends a program that is denied them.
constexpr call calls[] = {
    {"adjtimex", SYS_adjtimex},
    {"bind", SYS_bind},
    {"clock_getres", SYS_clock_getres},
    {"clock_gettime", SYS_clock_gettime},
    {"clock_nanosleep", SYS_clock_nanosleep},
    {"clone", SYS_clone},
    {"clone3", SYS_clone3},
    {"close", SYS_close},
    {"fchmod", SYS_fchmod},
    {"fstat", SYS_fstat},
    {"futex", SYS_futex},
    {"getcpu", SYS_getcpu},
    {"getdents64", SYS_getdents64},
    {"geteuid", SYS_geteuid},
    {"getpid", SYS_getpid},
    {"getppid", SYS_getppid},
    {"getrandom", SYS_getrandom},
    {"getrusage", SYS_getrusage},
    {"gettid", SYS_gettid},
    {"ioctl", SYS_ioctl},
    {"kill", SYS_kill},
    {"linkat", SYS_linkat},
    {"lseek", SYS_lseek},
    {"madvise", SYS_madvise},
    {"mmap", SYS_mmap},
    {"mprotect", SYS_mprotect},
    {"munmap", SYS_munmap},
    {"newfstatat", SYS_newfstatat},
    {"openat", SYS_openat},
    {"perf_event_open", SYS_perf_event_open},
    {"ppoll", SYS_ppoll},
    {"prctl", SYS_prctl},
    {"prlimit64", SYS_prlimit64},
    {"read", SYS_read},
    {"recvfrom", SYS_recvfrom},
    {"renameat2", SYS_renameat2},
    {"rt_sigaction", SYS_rt_sigaction},
    {"rt_sigprocmask", SYS_rt_sigprocmask},
    {"sched_getaffinity", SYS_sched_getaffinity},
    {"sched_getattr", SYS_sched_getattr},
    {"sched_getscheduler", SYS_sched_getscheduler},
    {"sched_setaffinity", SYS_sched_setaffinity},
    {"sched_setattr", SYS_sched_setattr},
    {"sched_yield", SYS_sched_yield},
    {"seccomp", SYS_seccomp},
    {"set_robust_list", SYS_set_robust_list},
    {"setsockopt", SYS_setsockopt},
    {"socket", SYS_socket},
    {"syslog", SYS_syslog},
    {"timerfd_create", SYS_timerfd_create},
    {"timerfd_settime", SYS_timerfd_settime},
    {"uname", SYS_uname},
    {"unlinkat", SYS_unlinkat},
    {"wait4", SYS_wait4},
    {"write", SYS_write},
#if defined(__x86_64__)
    {"access", SYS_access},
    {"poll", SYS_poll},
    {"readlink", SYS_readlink},
    {"unlink", SYS_unlink},
#endif
};

place without(const call& c, int error) {
  place where;
  where.enter = [c, error] {
    const std::string which = std::string(c.name) == "futex" ? "futex" : std::to_string(c.number);
    setenv("TAKT_DENIED", (which + " " + std::to_string(error)).c_str(), 1);
    setenv("LD_PRELOAD", denied_call.c_str(), 1);
  };
  return where;
}

/// Name of a step to "value V" or "error WHY".
std::map<std::string, std::string> steps_of(const ending& e) {
  std::map<std::string, std::string> steps;
  for (const std::string& line : lines_of(e.out)) {
    const std::size_t tab = line.find('\t');
    if (tab != line.npos) steps[line.substr(0, tab)] = line.substr(tab + 1);
  }
  return steps;
}

bool is_value(const std::string& s) { return s.substr(0, 6) == "value\t"; }
bool is_unknown(const std::string& s) { return s == "value\tunknown"; }

/// Where `text` is JSON, each word and each truth in it by its path; sentences and numbers are left out.
void words_of(const nlohmann::json& j, const std::string& path, std::map<std::string, std::string>& words) {
  if (j.is_object())
    for (const auto& [key, value] : j.items()) words_of(value, path + "/" + key, words);
  else if (j.is_boolean()) words[path] = j.get<bool>() ? "true" : "false";
}

} // namespace

TEST_CASE("the filter denies what it says") {
  const ending e = run({probe, "read_boot_id"}, without({"openat", SYS_openat}, EPERM));
  if (e.status == 125) TAKT_SKIP("no seccomp filter can be installed here");
  REQUIRE(e.status == 0);
  CHECK(e.out == "read_boot_id\terror\tOperation not permitted\n");
}

TEST_CASE("the library without one of its system calls") {
  const ending usual = run({probe});
  INFO(shown({probe}, usual));
  REQUIRE(usual.status == 0);
  const auto expected = steps_of(usual);
  REQUIRE(expected.size() > 60);
  sample one_in(3);
  for (const call& c : calls) {
    for (const int error : {EPERM, ENOSYS}) {
      if (!one_in()) continue;
      const ending e = run({probe}, without(c, error));
      if (e.status == 125) return;
      INFO(std::string(c.name) << " fails with " << strerror(error) << "\n" << shown({probe}, e));
      CHECK_FALSE(e.hung);
      CHECK(e.signal == 0);
      if (std::string(c.name) == "write") continue; // it cannot say how it fared
      CHECK(e.status == 0);
      const auto steps = steps_of(e);
      CHECK(steps.size() == expected.size());
      for (const auto& [name, is] : steps) {
        const std::string& was = expected.at(name);
        INFO(name << ": " << is << " instead of " << was);
        // An error, or what it always is. What is optional may be unknown, and becomes of interest where something else is.
        if (is_value(is)) CHECK((is == was || is_unknown(is) || is_unknown(was)));
        else CHECK(is.size() > 8);
      }
    }
  }
}

TEST_CASE("the tool without one of its system calls") {
  sample one_in(20);
  for (const command& c : commands()) {
    const std::vector<std::string> line = brief(c, {"--json"});
    std::map<std::string, std::string> expected;
    const ending usual = run(line);
    if (is_json(usual.out)) words_of(nlohmann::json::parse(usual.out), "", expected);
    for (const call& denied : calls) {
      for (const int error : {EPERM, ENOSYS}) {
        if (!one_in()) continue;
        const ending e = run(line, without(denied, error));
        if (e.status == 125) return;
        INFO(std::string(denied.name) << " fails with " << strerror(error) << "\n" << shown(line, e));
        const bool mute = std::string(denied.name) == "write";
        CHECK(wrong_with(e, {.json = true, .output_seen = !mute, .errors_seen = !mute}) == "");
        if (mute) CHECK(e.status == std::max(usual.status, 1)); // wrong usage, as of run without a program, stays that
        if (e.status != 0 || !is_json(e.out)) continue;
        std::map<std::string, std::string> words;
        words_of(nlohmann::json::parse(e.out), "", words);
        for (const auto& [path, word] : words) {
          const auto was = expected.find(path);
          if (was == expected.end() || word == was->second) continue;
          MESSAGE(c.name << ": " << path << " is " << word << ", not " << was->second);
        }
      }
    }
  }
}
