// The guest's only program: its init, and the tests that init starts.
//
// Init waits for the tests with a limit of its own and tells qemu by isa-debug-exit how they ended (boot.sh reads it).
#define DOCTEST_CONFIG_IMPLEMENT
#include "guest.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
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

int run_tests(int argc, char** argv) {
  doctest::Context context(argc, argv);
  context.setOption("no-version", true);
  context.setOption("no-colors", true);
  if (const auto tests = guest::argument("takt.tests")) context.addFilter("test-case", tests->c_str());
  const int result = context.run();
  if (counter::cases == 0) std::puts("no test case fits the filter");
  return counter::cases == 0 ? 1 : result;
}

[[noreturn]] void init(int argc, char** argv) {
  if (!mounted("sysfs", "/sys") || !mounted("tmpfs", "/tmp")) power_off(no_machine);
  if (!mounted("devtmpfs", "/dev") && errno != EBUSY) power_off(no_machine);
  wait_for_clocksource();
  const pid_t tests = ::fork();
  if (tests == 0) {
    const int result = run_tests(argc, argv);
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
    if (WIFSIGNALED(status)) {
      std::printf("the tests were ended by signal %d\n", WTERMSIG(status));
      power_off(killed);
    }
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
