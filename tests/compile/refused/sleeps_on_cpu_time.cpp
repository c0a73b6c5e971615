// expect: the kernel sleeps on MONOTONIC, BOOTTIME, REALTIME and TAI alone
// Linux lets a thread sleep on the CPU time of its process, and never wakes it once all threads of it sleep.
#include <takt/kernel/sleepable_clock.hpp>

struct my_clock {};
#if defined(TAKT_CONTROL)
template <> struct takt::kernel_clock<my_clock> : takt::sleeps_on<CLOCK_BOOTTIME, false> {};
#else
template <> struct takt::kernel_clock<my_clock> : takt::sleeps_on<CLOCK_PROCESS_CPUTIME_ID, false> {};
#endif
