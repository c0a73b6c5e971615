// expect: deleted function.*sleep_until_within
// A clock that the kernel knows nothing of cannot be slept on, and the compiler says so in a line.
#include <chrono>
#include <takt/sleep/sleep.hpp>

struct my_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<my_clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(duration(1)); }
};
#if defined(TAKT_CONTROL)
template <> struct takt::kernel_clock<my_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false> {};
#endif

void f(std::error_code& ec) { takt::sleep_until_within(my_clock::now(), takt::slack(std::chrono::seconds(1)), ec); }
