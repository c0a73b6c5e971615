// Protects: that a NaN gives zero, and an unknown rate, in a program compiled with -ffast-math, where no comparison tells one.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/core/timespec.hpp>

namespace {

int failed = 0;
void check(bool holds, const char* what) {
  if (holds) return;
  std::printf("a NaN is taken for a number: %s\n", what);
  ++failed;
}

template <class Rep> void check_durations(Rep nan, const char* type) {
  using namespace std::chrono;
  const duration<Rep> d(nan);
  check(takt::detail::saturating_cast<nanoseconds>(d) == nanoseconds::zero(), type);
  check(takt::detail::saturating_cast<nanoseconds>(-d) == nanoseconds::zero(), type);
  check(takt::detail::saturating_cast<hours>(d) == hours::zero(), type);
  const timespec ts = takt::to_timespec(d);
  check(ts.tv_sec == 0 && ts.tv_nsec == 0, type);
  check(takt::detail::saturating_cast<nanoseconds>(duration<Rep>(static_cast<Rep>(0.5))) == milliseconds(500), "0.5");
}

} // namespace

int main(int argc, char**) {
  const char* const text = argc > 1000 ? "0" : "nan"; // so that the compiler cannot know
  check_durations(std::strtof(text, nullptr), "float");
  check_durations(std::strtod(text, nullptr), "double");
  check_durations(std::strtold(text, nullptr), "long double");
  check(!takt::tick_rate(takt::frequency(std::strtod(text, nullptr))).known(), "frequency");
  check(!takt::tick_rate(takt::frequency(std::strtod(argc > 1000 ? "0" : "inf", nullptr))).known(), "infinity");
  check(takt::tick_rate(takt::frequency(1e9)).known(), "1 GHz");
  return failed;
}
