// expect: (could not convert|no viable conversion|conversion from .* to non-scalar type)
// A point is a time of the clock that was asked about.
#include <takt/core/grid.hpp>
using std::chrono::steady_clock;
using std::chrono::system_clock;
#ifdef TAKT_CONTROL
steady_clock::time_point point = takt::grid(std::chrono::seconds(1)).ceil(steady_clock::time_point());
#else
steady_clock::time_point point = takt::grid(std::chrono::seconds(1)).ceil(system_clock::time_point());
#endif
