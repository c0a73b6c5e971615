// expect: each_rung_must_divide_the_next
// In a constant expression a ladder with a rung that does not divide the next does not compile.
#include <takt/core/ladder.hpp>
using namespace std::chrono_literals;
#ifdef TAKT_CONTROL
constexpr takt::ladder::custom own{2ms, 4ms};
#else
constexpr takt::ladder::custom own{2ms, 3ms};
#endif
