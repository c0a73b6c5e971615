// expect: same_clock
// The two ends of a window are times of one clock.
#include <takt/core/ladder.hpp>
using std::chrono::steady_clock;
using std::chrono::system_clock;
#ifdef TAKT_CONTROL
auto point = takt::roundest_point(steady_clock::time_point(), steady_clock::time_point());
#else
auto point = takt::roundest_point(steady_clock::time_point(), system_clock::time_point());
#endif
