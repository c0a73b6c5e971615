// expect: (no matching function|constraints not satisfied|invalid reference)
// Monotonic time has no place in the calendar.
#include <takt/kernel/posix_clock.hpp>
#ifdef TAKT_CONTROL
using clock_type = takt::posix_clock<CLOCK_REALTIME>;
#else
using clock_type = takt::posix_clock<CLOCK_MONOTONIC>;
#endif
auto calendar = clock_type::to_sys(clock_type::now());
