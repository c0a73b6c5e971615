// expect: CPU time is no time of another clock
// The CPU time of a process is a duration; there is no time point to convert.
#include <takt/clock/clock_cast.hpp>
#ifdef TAKT_CONTROL
using clock_type = takt::posix_clock<CLOCK_BOOTTIME>;
#else
using clock_type = takt::posix_clock<CLOCK_PROCESS_CPUTIME_ID>;
#endif
auto moment = takt::clock_cast<std::chrono::system_clock>(clock_type::now());
