/// emulated_counter.hpp - a counter that jumps, or differs between CPUs, when a test says so.
///
/// Reading the counter is forbidden, and the handler of the fault gives what the processor counts and an offset. The kernel's
/// vDSO reads the counter too and would be deceived as well, so this is for machines whose clock source is another. In a
/// child process, which may end by the fault.
#pragma once
#include "guest.hpp"

#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

namespace guest {

/// Ticks that every CPU is ahead of what it counts, and the second one besides.
inline std::atomic<std::uint64_t> leap{0}, second_ahead{0};

inline void emulate(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto* const code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  const bool is_rdtsc = code[0] == 0x0f && code[1] == 0x31;
  const bool is_rdtscp = code[0] == 0x0f && code[1] == 0x01 && code[2] == 0xf9;
  if (!is_rdtsc && !is_rdtscp) ::_exit(99);
  unsigned cpu = 0;
  ::syscall(SYS_getcpu, &cpu, nullptr, nullptr);
  ::prctl(PR_SET_TSC, PR_TSC_ENABLE);
  const std::uint64_t count = takt::read_counter().count() + leap.load() + (cpu != 0 ? second_ahead.load() : 0);
  ::prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
  registers[REG_RAX] = static_cast<greg_t>(count & 0xffffffff);
  registers[REG_RDX] = static_cast<greg_t>(count >> 32);
  if (is_rdtscp) registers[REG_RCX] = static_cast<greg_t>(cpu);
  registers[REG_RIP] += is_rdtsc ? 2 : 3;
}

/// From now on this thread, and those it starts, read the emulated counter.
inline void emulate_counter() {
  struct sigaction action{};
  action.sa_sigaction = &emulate;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSEGV, &action, nullptr);
  ::prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
}

/// The system, without the knowledge that the counter is forbidden.
struct unaware : takt::linux_os {
  static int counter_allowed(bool& out) noexcept { return out = true, 0; }
};

inline void pin(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(cpu), &one);
  if (::sched_setaffinity(0, sizeof(one), &one) != 0) ::_exit(98);
}

/// Returns: how `claims` ended in a child: the number of the first that does not hold, 0 if all do; minus the signal that
/// ended it.
template <class Claims> int in_a_child(Claims&& claims) {
  insist();
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    const int failed = claims();
    std::fflush(nullptr);
    ::_exit(failed);
  }
  int status = -1;
  if (::waitpid(child, &status, 0) != child) return -1000;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

} // namespace guest
