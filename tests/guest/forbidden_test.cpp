// Protects: that a thread which may not read the counter (PR_SET_TSC) gets the time by system call and an error that
// names the reason, never a fault.
//
// A child process, because the switch is inherited and doctest reads the clock too.
#include "guest.hpp"

#include <takt/clock/tsc_clock.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;
using takt::tsc_clock;
using by_call = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>;

namespace {

/// Returns: the number of the first claim that does not hold, 0 if all do.
int claims() {
  if (::prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0) return 1;
  const takt::verdict::facts facts = takt::verdict::facts::gather();
  if (facts.allowed != false) return 2;
  const takt::verdict v = takt::judge(facts);
  if (v.counter_trusted || v.recommended != takt::clock_path::system_call) return 3;
  std::error_code ec;
  const auto c = tsc_clock::calibrate(5ms, ec);
  if (ec != takt::errc::counter_forbidden || c.rate().known()) return 4;
  if (tsc_clock::source() != takt::clock_path::system_call) return 5;
  for (int i = 0; i < 1000; ++i) {
    const auto a = by_call::now().time_since_epoch();
    const auto b = tsc_clock::now().time_since_epoch();
    const auto d = by_call::now().time_since_epoch();
    if (b < a || d < b) return 6;
  }
  static_cast<void>(takt::calibrate(5ms, ec));
  if (ec != takt::errc::counter_forbidden) return 7;
  return 0;
}

} // namespace

TEST_CASE("forbidden: without the counter the clock is the kernel's, by system call") {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(claims());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE_MESSAGE(WIFEXITED(status), "the child was ended by signal ", WTERMSIG(status));
  CHECK(WEXITSTATUS(status) == 0);
}
