// expect: takt::read_clock\(id\) reads any other
// A clock whose steadiness is not listed is refused with the way out.
#include <takt/kernel/posix_clock.hpp>
#ifdef TAKT_CONTROL
auto now = takt::posix_clock<CLOCK_BOOTTIME>::now();
#else
auto now = takt::posix_clock<CLOCK_BOOTTIME_ALARM>::now();
#endif
