// denied_call.so, preloaded: the system call that TAKT_DENIED names fails in this process and in whatever it starts, from before
// main() on but after the dynamic linker has done its work. TAKT_DENIED="NUMBER ERRNO"; "futex ERRNO" is futex as takt itself
// sleeps on it, with a time limit, because the C library ends the program where futex fails that it needs.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

constexpr std::uint32_t word(std::size_t offset) { return static_cast<std::uint32_t>(offset); }
constexpr std::uint32_t number_at = word(offsetof(seccomp_data, nr));
constexpr std::uint32_t argument_at(unsigned n) { return word(offsetof(seccomp_data, args)) + 8 * n; } // little endian

template <std::size_t N> void install(sock_filter (&steps)[N]) {
  const sock_fprog program{N, steps};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0) return;
  constexpr char why[] = "denied_call: no filter can be installed here\n";
  static_cast<void>(!::write(STDERR_FILENO, why, sizeof(why) - 1));
  ::_exit(125);
}

[[gnu::constructor]] void deny() {
  const char* const wanted = std::getenv("TAKT_DENIED");
  char what[24] = "";
  unsigned error = 0;
  if (wanted == nullptr || std::sscanf(wanted, "%23s %u", what, &error) != 2) return;
  const std::uint32_t answer = SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA);
  if (std::strcmp(what, "futex") == 0) {
    constexpr std::uint32_t wait = FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG;
    sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number_at),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_at(1)),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~static_cast<std::uint32_t>(FUTEX_CLOCK_REALTIME)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wait, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_at(3)), // the address of the time limit
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    return install(steps);
  }
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number_at),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(std::atol(what)), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, answer),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  install(steps);
}

} // namespace
