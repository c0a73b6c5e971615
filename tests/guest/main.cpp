// The guest's only program: its init, and the tests that init starts.
//
// Init waits for the tests with a limit of its own and tells qemu by isa-debug-exit how they ended (boot.sh reads it).
#define DOCTEST_CONFIG_IMPLEMENT
#include "guest.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

int timers_script(int argc, char** argv); // timers_test.cpp

namespace {

enum : int { passed = 32, failed = 33, killed = 34, too_long = 35, no_machine = 36 };

[[noreturn]] void power_off(int code) {
  std::fflush(nullptr);
  ::usleep(50'000); // the serial line is slower than we are
  if (::ioperm(0xf4, 4, 1) == 0) ::outl(static_cast<unsigned>(code), 0xf4);
  ::reboot(RB_POWER_OFF); // without the device qemu ends with 0, which is no pass
  std::_Exit(code);
}

bool mounted(const char* what, const char* where) { return ::mount(what, where, what, 0, nullptr) == 0; }

/// The kernel measures the TSC anew in the first second and keeps time by what it calls tsc-early meanwhile.
void wait_for_clocksource() {
  std::error_code ec;
  for (int i = 0; i < 500; ++i) {
    if (takt::clocksource::current(ec) != "tsc-early") return;
    ::usleep(10'000);
  }
}

/// A kernel that has started init has not ended its own start: for seconds of virtual time its work comes before that of
/// programs, which made timers late by 20 to 200 ms with Linux 6.12. takt.settle=SECONDS waits for its end, which costs
/// nothing on virtual time.
void settle() {
  if (const auto seconds = guest::argument("takt.settle")) ::sleep(static_cast<unsigned>(std::atoi(seconds->c_str())));
}

/// Counts what ran: a filter that fits nothing must not count as a pass.
struct counter : doctest::IReporter {
  inline static unsigned cases = 0;
  explicit counter(const doctest::ContextOptions&) {}
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& s) override { cases = s.numTestCasesPassingFilters; }
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}
};
REGISTER_LISTENER("counter", 1, counter);

/// Runs the tests that fit `filter`, all if it is empty, and prints each test's name and time. Returns: 0 if all passed.
int run_tests(int argc, char** argv, const char* filter = "") {
  doctest::Context context(argc, argv);
  context.setOption("no-version", true);
  context.setOption("no-colors", true);
  context.setOption("duration", true);
  if (*filter != '\0') context.addFilter("test-case", filter);
  const int result = context.run();
  if (counter::cases == 0) std::puts("no test case fits the filter");
  return counter::cases == 0 ? 1 : result;
}

/// Runs each part of takt.tests=PART,PART,... in a process of its own: what a part calibrates or leaves behind in its
/// memory is not there for the next one. Returns: 0 if there are parts and all passed; 128 and the signal that ended one.
int run_parts(int argc, char** argv) {
  int result = 0, ran = 0;
  std::istringstream parts(guest::argument("takt.tests").value_or(std::string()));
  for (std::string part; std::getline(parts, part, ','); ++ran) {
    std::printf("guest.%s, Linux %s: %s\n", guest::name().c_str(), guest::kernel_release().c_str(), part.c_str());
    std::fflush(stdout);
    const pid_t child = ::fork();
    if (child < 0) return 1;
    if (child == 0) {
      const int status = run_tests(argc, argv, (part + ":*").c_str());
      std::fflush(nullptr);
      std::_Exit(status);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
      if (errno != EINTR) return 1;
    if (WIFSIGNALED(status)) std::printf("%s: ended by signal %d\n", part.c_str(), WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0) std::printf("%s: failed\n", part.c_str());
    if (WIFSIGNALED(status)) result = 128 + WTERMSIG(status);
    else if (result == 0) result = WEXITSTATUS(status);
  }
  return ran == 0 ? 1 : result;
}

[[noreturn]] void init(int argc, char** argv) {
  if (!mounted("sysfs", "/sys") || !mounted("tmpfs", "/tmp")) power_off(no_machine);
  if (!mounted("devtmpfs", "/dev") && errno != EBUSY) power_off(no_machine);
  wait_for_clocksource();
  settle();
  const pid_t tests = ::fork();
  if (tests == 0) {
    const int result = run_parts(argc, argv);
    std::fflush(nullptr);
    std::_Exit(result);
  }
  if (tests < 0) power_off(no_machine);
  struct sigaction wake{};
  wake.sa_handler = [](int) {};
  ::sigaction(SIGALRM, &wake, nullptr);
  const auto seconds = guest::argument("takt.seconds");
  ::alarm(seconds ? static_cast<unsigned>(std::strtoul(seconds->c_str(), nullptr, 10)) : 60);
  for (int status = 0;;) {
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (ended < 0 && errno == EINTR) power_off(too_long);
    if (ended != tests) continue; // an orphan
    if (WIFSIGNALED(status) || WEXITSTATUS(status) > 128) power_off(killed);
    power_off(WEXITSTATUS(status) == 0 ? passed : failed);
  }
}

} // namespace

int main(int argc, char** argv) {
  if (::getpid() == 1 && ::access("/proc/cmdline", F_OK) != 0) mounted("proc", "/proc");
  guest::insist();
  if (::getpid() == 1) init(argc, argv);
  if (argc > 1 && std::string_view(argv[1]) == "--timers-script") return timers_script(argc - 1, argv + 1);
  return run_tests(argc, argv);
}
