// A statically linked program has no dynamic linker to ask for the vDSO: takt finds it all the same, and the clock it reads
// lies between two readings by system call.
#include <takt/takt.hpp>
#include <cstdio>

int main() {
  std::error_code ec;
  const bool found = takt::detail::vdso_clock_gettime_function() != nullptr;
  using by_call = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>;
  const auto before = by_call::now();
  const auto now = takt::posix_clock<CLOCK_MONOTONIC>::now();
  const auto after = by_call::now();
  std::printf("vDSO %s\n", found ? "found" : "not found");
  // A kernel may be built without a vDSO; then getauxval says so too, and the path by system call serves.
  const bool expected = takt::linux_os::vdso_base() != nullptr;
  return found == expected && before <= now && now <= after && !ec ? 0 : 1;
}
