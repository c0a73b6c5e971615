// One version of takt, as a plugin would bring it.
#include "used.hpp"
#include <takt/clock/tsc_clock.hpp>

extern "C" used USE(int checks) {
  using namespace std::chrono_literals;
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(500us, ec)); // a machine without a usable counter reads the kernel's clock
  for (int i = 0; i < checks; ++i) static_cast<void>(takt::tsc_clock::discipline(1s, ec));
  const auto before = std::chrono::steady_clock::now().time_since_epoch();
  const auto now = takt::tsc_clock::now().time_since_epoch();
  const auto after = std::chrono::steady_clock::now().time_since_epoch();
  return {takt::version, &takt::error_category(),
          &takt::detail::tsc_state<takt::tsc_clock::reference, takt::detail::hardware_counter, takt::linux_os>,
          sizeof(takt::detail::tsc_clock_state), now >= before - 100ms && now <= after + 100ms};
}
