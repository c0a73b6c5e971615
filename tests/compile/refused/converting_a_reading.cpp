// expect: (cannot convert|no matching member function)
// A reading is a moment: only the distance of two readings has a length.
#include <chrono>
#include <takt/cpu/counter.hpp>

#ifdef TAKT_CONTROL
auto span(takt::tick_rate rate) { return rate.to<std::chrono::nanoseconds>(takt::region_end() - takt::region_begin()); }
#else
auto span(takt::tick_rate rate) { return rate.to<std::chrono::nanoseconds>(takt::region_end()); }
#endif
