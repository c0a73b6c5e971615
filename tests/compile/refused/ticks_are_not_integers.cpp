// expect: (could not convert|no viable conversion|conversion from .* to non-scalar type)
// A bare integer never becomes ticks by accident.
#include <takt/core/ticks.hpp>
#ifdef TAKT_CONTROL
takt::ticks reading = takt::ticks(1);
#else
takt::ticks reading = 1;
#endif
