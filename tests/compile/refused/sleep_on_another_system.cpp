// expect: read from another system than the one that is to sleep
// A time point of a fake system's clock is not slept for by the real one.
#include <chrono>
#include <takt/testing/fake_os.hpp>
#include <takt/sleep/sleep.hpp>

using fake = takt::testing::fake_os<struct refused>;

void f(std::error_code& ec) {
  const takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall, fake>::time_point t(std::chrono::seconds(1));
#if defined(TAKT_CONTROL)
  takt::sleep_until<fake>(t, ec);
#else
  takt::sleep_until(t, ec);
#endif
}
