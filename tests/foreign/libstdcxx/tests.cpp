// tests.cpp - libstdc++'s tests that name a clock, with tsc_clock or CLOCK_BOOTTIME's in place of steady_clock and
// CLOCK_REALTIME's in place of system_clock.
//
// These are all tests in 20_util and 30_threads that run and name one of the two, but for:
//   20_util/system_clock/1.cc: to_time_t() and from_time_t() belong to system_clock, to which to_sys() leads
//   30_threads/future/members/poll.cc: with clocks of others, libstdc++ overflows at time_point::min() (posix_clock.hpp)
#include <includes.inc> // what the tests include, because each stands in a namespace of its own
#include <cstdlib>
#include <map>
#include <string_view>
#include <takt/clock/tsc_clock.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/timer/keeper.hpp>
#include <type_traits>

namespace std::chrono { // where the tests look for the names
using takt_counter = takt::tsc_clock;
using takt_boottime = takt::posix_clock<CLOCK_BOOTTIME>;
using takt_realtime = takt::posix_clock<CLOCK_REALTIME>;
} // namespace std::chrono

#define system_clock takt_realtime
#include <slow_clock.h>

/// A test passes without a result, or with 0.
template <class F> void pass(F body) {
  if constexpr (std::is_void_v<decltype(body())>) body();
  else if (body() != 0) std::abort();
}

using tests = std::map<std::string_view, void (*)()>;
#define steady_clock takt_counter
namespace counter {
#include <tests.inc>
}
#undef steady_clock
#define steady_clock takt_boottime
namespace boottime {
#include <tests.inc>
}

int main(int, char** argv) {
  const takt::clock_keeper keeper; // so that tsc_clock reads the counter
  (argv[1] == std::string_view("tsc_clock") ? counter::all : boottime::all).at(argv[2])();
}
