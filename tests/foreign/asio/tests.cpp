// tests.cpp - asio's unit test of system_timer, with timers on takt's clocks in its place, one of which waits to the next point
// of a grid of 10 ms: the test allows that.
//
// Nothing differs by design, but the test's seconds are half as long, because it waits for 35 of them.
#include <asio/basic_waitable_timer.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/detail/thread.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/system_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <ratio>
#include <string_view>
#include <takt/clock/tsc_clock.hpp>
#include <takt/interop/asio.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/timer/keeper.hpp>
#include <unit_test.hpp>

namespace asio::chrono {
using half_seconds = std::chrono::duration<std::int64_t, std::ratio<1, 2>>;
}
#define seconds half_seconds

template <class Clock, class Traits = asio::wait_traits<Clock>> using timer = asio::basic_waitable_timer<Clock, Traits>;
namespace tsc {
using system_timer = timer<takt::tsc_clock>;
#include <system_timer.cpp>
} // namespace tsc
namespace fast_tsc {
using system_timer = timer<takt::fast_tsc_clock>;
#include <system_timer.cpp>
} // namespace fast_tsc
namespace monotonic {
using system_timer = timer<takt::posix_clock<CLOCK_MONOTONIC>>;
#include <system_timer.cpp>
} // namespace monotonic
namespace boottime {
using system_timer = timer<takt::posix_clock<CLOCK_BOOTTIME>>;
#include <system_timer.cpp>
} // namespace boottime
namespace realtime {
using system_timer = timer<takt::posix_clock<CLOCK_REALTIME>>;
#include <system_timer.cpp>
} // namespace realtime
namespace grid {
using system_timer = timer<takt::tsc_clock, takt::asio::grid_wait_traits<takt::tsc_clock, std::centi>>;
#include <system_timer.cpp>
} // namespace grid

int main(int, char** argv) {
  const std::map<std::string_view, int (*)()> suites = {
      {"tsc_clock", tsc::suite},           {"fast_tsc_clock", fast_tsc::suite}, {"CLOCK_MONOTONIC", monotonic::suite},
      {"CLOCK_BOOTTIME", boottime::suite}, {"CLOCK_REALTIME", realtime::suite}, {"grid", grid::suite},
  };
  const takt::clock_keeper keeper; // so that the counter's clocks read the counter
  return suites.at(argv[1])();
}
