// expect: (no match for|invalid operands)
// Ticks and durations do not add up.
#include <takt/core/ticks.hpp>
#include <chrono>
#ifdef TAKT_CONTROL
auto sum = takt::ticks(1) + takt::ticks(2);
#else
auto sum = takt::ticks(1) + std::chrono::nanoseconds(2);
#endif
