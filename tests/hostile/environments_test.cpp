// Protects: wherever the tool is run - without /proc and /sys, without rights, memory, descriptors, a terminal or a place for its
// output - it does what can be done there, or says on standard error why it cannot, with status 1.
#include "places.hpp"
#include <doctest/doctest.h>
#include <support/skip.hpp>

#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace {

using namespace hostile;

void empty(const char* where) { must(mount("none", where, "tmpfs", 0, nullptr) == 0); }
void write_to(const char* path, const std::string& text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  must(fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(fd);
}
void own_user() {
  const std::string ids[] = {std::to_string(getuid()), std::to_string(getgid())};
  must(unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0);
  write_to("/proc/self/setgroups", "deny");
  write_to("/proc/self/uid_map", "0 " + ids[0] + " 1");
  write_to("/proc/self/gid_map", "0 " + ids[1] + " 1");
}
void to_limit(int which, rlim_t n) {
  const rlimit l{n, n};
  must(setrlimit(static_cast<__rlimit_resource>(which), &l) == 0);
}
void onto(const char* path, int flags, int fd) {
  const int opened = open(path, flags);
  must(opened >= 0 && dup2(opened, fd) == fd);
}
/// In a child of its own, because it takes fork(2) to enter a PID or time namespace; ends as that does.
void as_child() {
  const pid_t child = fork();
  must(child >= 0);
  if (child == 0) return;
  int status = 0;
  must(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) raise(WTERMSIG(status));
  _exit(WEXITSTATUS(status));
}

struct environment {
  const char* name;
  void (*enter)();
  expectation of = {};
  bool writable_output = true;
};
constexpr expectation deaf{.json = false, .output_seen = false, .errors_seen = true};
constexpr expectation mute{.json = false, .output_seen = true, .errors_seen = false};
const environment environments[] = {
    {"without /proc", [] { own_mounts(), empty("/proc"); }},
    {"without /sys", [] { own_mounts(), empty("/sys"); }},
    {"without both", [] { own_mounts(), empty("/sys"), empty("/proc"); }},
    {"with everything read-only",
     [] {
       own_mounts();
       for (const char* where : {"/proc", "/sys", "/tmp"})
         if (mount(where, where, nullptr, MS_BIND | MS_REC, nullptr) == 0)
           must(mount(nullptr, where, nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr) == 0);
     }},
    {"with /proc that hides others",
     [] {
       own_mounts();
       must(mount("proc", "/proc", "proc", 0, "hidepid=2") == 0);
       must(setgroups(0, nullptr) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
     }},
    {"where files of /proc and /sys are empty",
     [] {
       own_mounts();
       for (const char* path :
            {"/proc/interrupts", "/proc/cpuinfo", "/proc/stat", "/proc/sys/kernel/random/boot_id", "/proc/uptime",
             "/sys/devices/system/clocksource/clocksource0/current_clocksource",
             "/sys/devices/system/clocksource/clocksource0/available_clocksource", "/sys/devices/system/cpu/online"})
         static_cast<void>(mount("/dev/null", path, nullptr, MS_BIND, nullptr));
     }},
    {"where files of /proc and /sys are directories",
     [] {
       own_mounts();
       empty("/mnt");
       must(mkdir("/mnt/sys", 0755) == 0 && mount("/sys", "/mnt/sys", nullptr, MS_BIND | MS_REC, nullptr) == 0);
       empty("/sys/devices/system/clocksource");
       for (const char* path : {"clocksource0", "clocksource0/current_clocksource", "clocksource0/available_clocksource"})
         must(mkdir((std::string("/sys/devices/system/clocksource/") + path).c_str(), 0755) == 0);
     }},
    {"without a home", [] { clearenv(); }},
    {"with odd variables",
     [] {
       setenv("TERM", "dumb", 1), setenv("NO_COLOR", "1", 1), setenv("LANG", "tr_TR.UTF-8", 1), setenv("LC_ALL", "xx_XX", 1);
       setenv("COLUMNS", "1", 1), setenv("TZ", "/dev/null", 1), setenv("XDG_RUNTIME_DIR", "relative/path", 1), setenv("TMPDIR", "/no", 1);
     }},
    {"with huge variables",
     [] {
       const std::string huge(100'000, 'x');
       for (const char* name : {"TERM", "COLUMNS", "XDG_RUNTIME_DIR", "LANG", "HOME"}) setenv(name, huge.c_str(), 1);
     }},
    {"with standard input closed", [] { close(0); }},
    {"with standard output closed", [] { close(1); }, deaf, false},
    {"with standard error closed", [] { close(2); }, mute},
    {"with all three closed", [] { close(0), close(1), close(2); }, {false, false, false}, false},
    {"with standard output for reading", [] { onto("/dev/null", O_RDONLY, 1); }, deaf, false},
    {"with a full disk as standard output", [] { onto("/dev/full", O_WRONLY, 1); }, deaf, false},
    {"with a full disk as standard error", [] { onto("/dev/full", O_WRONLY, 2); }, mute},
    {"with a closed pipe as standard output",
     [] {
       int ends[2];
       must(pipe(ends) == 0 && dup2(ends[1], 1) == 1);
       close(ends[0]), close(ends[1]);
     },
     {false, false, false}, false},
    {"as nobody", [] { must(setgroups(0, nullptr) == 0 && setgid(65534) == 0 && setuid(65534) == 0); }},
    {"with three descriptors", [] { to_limit(RLIMIT_NOFILE, 3); }, {}, true},
    {"with five descriptors", [] { to_limit(RLIMIT_NOFILE, 5); }, {}, true},
    {"with little address space", [] { to_limit(RLIMIT_AS, rlim_t{24} << 20); }},
    {"with a limit of no bytes on files", [] { to_limit(RLIMIT_FSIZE, 0); }, {false, false, false}, false},
    {"without more processes",
     [] {
       must(setgroups(0, nullptr) == 0 && setgid(65533) == 0);
       to_limit(RLIMIT_NPROC, 1);
       must(setuid(65533) == 0);
     }},
    {"in a user namespace", [] { own_user(); }},
    {"in a PID namespace",
     [] {
       must(unshare(CLONE_NEWPID | CLONE_NEWNS) == 0);
       as_child();
     }},
    {"in a time namespace",
     [] {
       must(unshare(CLONE_NEWTIME) == 0);
       write_to("/proc/self/timens_offsets", "monotonic 1000000 5\nboottime 77 0\n");
       as_child();
     }},
    {"in a time namespace without /proc",
     [] {
       own_mounts();
       must(unshare(CLONE_NEWTIME) == 0);
       write_to("/proc/self/timens_offsets", "monotonic 1000000 5\nboottime 77 0\n");
       as_child();
       empty("/proc");
     }},
    {"on one CPU",
     [] {
       cpu_set_t one;
       CPU_ZERO(&one);
       CPU_SET(0, &one);
       must(sched_setaffinity(0, sizeof(one), &one) == 0);
     }},
    {"under SCHED_IDLE",
     [] {
       const sched_param none{};
       must(sched_setscheduler(0, SCHED_IDLE, &none) == 0);
     }},
    {"with every signal blocked",
     [] {
       sigset_t all;
       sigfillset(&all);
       must(sigprocmask(SIG_SETMASK, &all, nullptr) == 0);
     }},
    {"with every signal ignored",
     [] {
       for (int s = 1; s < 32; ++s) signal(s, SIG_IGN);
     }},
};


} // namespace

TEST_CASE("the tool in hostile environments") {
  std::vector<std::string> cannot;
  sample one_in(10);
  for (const environment& where : environments) {
    bool possible = true;
    for (const command& c : commands()) {
      if (!possible) break;
      for (const bool json : {false, true}) {
        if (!one_in() && !(json && c.name == "report")) continue; // the report touches most
        const std::vector<std::string> line = brief(c, json ? std::vector<std::string>{"--json"} : std::vector<std::string>{});
        place there;
        there.enter = where.enter;
        const ending e = run(line, there);
        if (e.status == no_such_place) {
          possible = false;
          cannot.push_back(where.name);
          break;
        }
        INFO(std::string(where.name) << "\n" << shown(line, e));
        expectation x = where.of;
        x.json = json;
        // The dynamic linker itself gives up before main() where it may not open or map the libraries.
        if (e.status == 127 && e.err.find("error while loading shared libraries") != e.err.npos) continue;
        CHECK(wrong_with(e, x) == "");
        if (!where.writable_output) CHECK(e.status == 1);
      }
    }
  }
  if (!cannot.empty()) {
    std::string all;
    for (const std::string& name : cannot) all += (all.empty() ? "" : ", ") + name;
    TAKT_SKIP("the tool cannot be put here: %s", all.c_str());
  }
}

TEST_CASE("the tool in a root directory with nothing in it but its libraries") {
  if (geteuid() != 0) TAKT_SKIP("chroot(2) needs root");
  const scratch directory;
  const std::string root = directory.path();
  REQUIRE(!root.empty());
  // The shared objects that ldd shows for the program.
  const ending libraries = run({"/bin/sh", "-c",
                                "set -e; mkdir -p \"$1/bin\"; cp \"$0\" \"$1/bin/takt\"; for f in $(ldd \"$0\" | grep -o '/[^ ]*'); do "
                                "mkdir -p \"$1/$(dirname \"$f\")\"; cp -L \"$f\" \"$1/$f\"; done",
                                tool, root});
  REQUIRE(libraries.status == 0);
  for (const command& c : commands()) {
    for (const bool json : {false, true}) {
      std::vector<std::string> line = brief(c, json ? std::vector<std::string>{"--json"} : std::vector<std::string>{});
      line[0] = "/bin/takt";
      place there;
      there.enter = [&root] { must(chroot(root.c_str()) == 0 && chdir("/") == 0); };
      const ending e = run(line, there);
      INFO(shown(line, e));
      CHECK(wrong_with(e, {.json = json}) == "");
    }
  }
}

TEST_CASE("brief arguments are right ones") {
  for (const command& c : commands()) {
    const ending e = run(brief(c));
    INFO(shown(brief(c), e));
    CHECK(e.status != 2);
    CHECK(wrong_with(e) == "");
  }
}
