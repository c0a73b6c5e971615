// expect: (whole_nanoseconds|no matching)
// A period that need not be a whole number of nanoseconds is not rounded behind the caller's back.
#include <takt/core/grid.hpp>
using namespace std::chrono_literals;
#ifdef TAKT_CONTROL
takt::grid grid(10ms);
#else
takt::grid grid(0.01s);
#endif
