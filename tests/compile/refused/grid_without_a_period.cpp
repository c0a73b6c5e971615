// expect: a_grid_needs_a_positive_period
// In a constant expression a grid whose period is not positive does not compile.
#include <takt/core/grid.hpp>
using namespace std::chrono_literals;
#ifdef TAKT_CONTROL
constexpr takt::grid grid(1ns);
#else
constexpr takt::grid grid(0ns);
#endif
