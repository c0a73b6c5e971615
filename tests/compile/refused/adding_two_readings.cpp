// expect: (no match for .operator\+.|invalid operands to binary expression)
// Two moments have no sum.
#include <takt/cpu/counter.hpp>

#ifdef TAKT_CONTROL
takt::tick_point later() { return takt::read_counter() + takt::ticks(100); }
#else
takt::tick_point later() { return takt::read_counter() + takt::read_counter(); }
#endif
