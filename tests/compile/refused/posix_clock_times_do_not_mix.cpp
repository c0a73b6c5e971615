// expect: (no match for|invalid operands)
// Time points of two clocks of the kernel do not subtract; those of the two paths to one clock do.
#include <takt/kernel/posix_clock.hpp>
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;
#ifdef TAKT_CONTROL
auto difference = monotonic::now() - takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>::now();
#else
auto difference = monotonic::now() - takt::posix_clock<CLOCK_BOOTTIME>::now();
#endif
