// takt_timer.hpp - makes asio's unit test of system_timer, included after this, one of a timer on TAKT_FOREIGN_CLOCK.
//
// With TAKT_FOREIGN_GRID the timer waits to the next point of a grid of 10 ms: asio's test allows that. Nothing differs by
// design.
#pragma once
#include <asio/basic_waitable_timer.hpp>
#include <asio/system_timer.hpp>
#include <ratio>
#include <takt/clock/tsc_clock.hpp>
#include <takt/interop/asio.hpp>
#include <takt/kernel/posix_clock.hpp>

namespace asio {
using takt_clock = TAKT_FOREIGN_CLOCK;
#if defined(TAKT_FOREIGN_GRID)
using takt_timer = basic_waitable_timer<takt_clock, ::takt::asio::grid_wait_traits<takt_clock, std::centi>>;
#else
using takt_timer = basic_waitable_timer<takt_clock>;
#endif
} // namespace asio
#define system_timer takt_timer
