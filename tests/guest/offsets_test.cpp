// Protects: that calibration on CPUs whose counters differ is an error or within what it states, never a wrong number
// that looks sound.
//
// Emulated counters agree in fact, whatever the kernel calls them. So reading them is forbidden, and the handler of the
// fault gives the counter of the CPU it runs on an offset of its own. In a child, which may end by the fault.
#include "guest.hpp"

#include <takt/clock/calibration.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <ucontext.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

/// Ticks that the second CPU is ahead of the first.
std::atomic<std::uint64_t> offset{0};

void emulate(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto* const code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  const bool is_rdtsc = code[0] == 0x0f && code[1] == 0x31;
  const bool is_rdtscp = code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9;
  if (!is_rdtsc && !is_rdtscp) ::_exit(99);
  unsigned cpu = 0;
  ::syscall(SYS_getcpu, &cpu, nullptr, nullptr);
  ::prctl(PR_SET_TSC, PR_TSC_ENABLE);
  const std::uint64_t count = takt::read_counter().count() + (cpu != 0 ? offset.load() : 0);
  ::prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  registers[REG_RAX] = static_cast<greg_t>(count & 0xffffffff);
  registers[REG_RDX] = static_cast<greg_t>(count >> 32);
  if (is_rdtscp) registers[REG_RCX] = static_cast<greg_t>(cpu);
  registers[REG_RIP] += is_rdtsc ? 2 : 3;
}

/// The system in which nobody knows that the counter is forbidden.
struct unaware : takt::linux_os {
  static int counter_allowed(bool& out) noexcept { return out = true, 0; }
};
using reference = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>;

void pin(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(cpu), &one);
  if (::sched_setaffinity(0, sizeof(one), &one) != 0) ::_exit(98);
}

takt::tsc_calibration measure(std::error_code& ec) {
  return takt::calibrate<reference, takt::ordered_counter, unaware>(100ms, ec);
}

/// Returns: the number of the first claim that does not hold, 0 if all do.
int claims() {
  struct sigaction action{};
  action.sa_sigaction = &emulate;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSEGV, &action, nullptr);
  ::prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  std::error_code ec;
  pin(0);
  const takt::tsc_calibration still = measure(ec);
  if (ec) return 1;
  const double truth = still.rate().hertz();
  for (const std::uint64_t ticks : {std::uint64_t{1'000'000}, std::uint64_t{100'000'000}, ~std::uint64_t{50'000'000}}) {
    offset = ticks;
    const auto self = static_cast<pid_t>(::syscall(SYS_gettid));
    std::atomic<bool> stop{false};
    pin(0);
    std::thread mover([&] {
      for (int cpu = 1; !stop; cpu ^= 1) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(cpu), &one);
        ::sched_setaffinity(self, sizeof(one), &one);
        ::usleep(7000);
      }
    });
    const takt::tsc_calibration moved = measure(ec);
    stop = true;
    mover.join();
    if (ec) continue;
    const double off_ppm = std::abs(moved.rate().hertz() / truth - 1) * 1e6;
    if (off_ppm > moved.uncertainty_ppm() + still.uncertainty_ppm()) {
      std::printf("offset %lld ticks: off by %.3f ppm, stated %.3f\n", static_cast<long long>(ticks), off_ppm,
                  moved.uncertainty_ppm());
      std::fflush(stdout);
      return 2;
    }
  }
  return 0;
}

} // namespace

TEST_CASE("offsets: a calibration that is moved between unequal counters fails or states its error") {
  guest::insist();
  const pid_t child = ::fork();
  if (child == 0) ::_exit(claims());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE_MESSAGE(WIFEXITED(status), "the child was ended by signal ", WTERMSIG(status));
  CHECK(WEXITSTATUS(status) == 0);
}
