#include "shared.hpp"
#if TAKT_EXCEPTIONS
#error "this unit is to be compiled with -fno-exceptions"
#endif

using namespace std::chrono_literals;

const std::error_category& without_exceptions::category() noexcept { return takt::error_category(); }
std::error_code without_exceptions::error() noexcept { return takt::errc::no_effect; }
const void* without_exceptions::clock_state() noexcept {
  return &takt::detail::tsc_state<takt::tsc_clock::reference, takt::detail::hardware_counter, takt::linux_os>;
}
unsigned without_exceptions::forks() noexcept { return takt::linux_os::fork_count(); }

takt::timer_handle without_exceptions::arm(takt::grid_scheduler& timers, int& called) {
  std::error_code ec;
  return timers.after(0s, takt::slack(0s), std::function<void()>([&called] { ++called; }), ec);
}

std::size_t without_exceptions::fire(const std::function<void()>& f) {
  std::error_code ec;
  takt::grid_scheduler timers(ec);
  const takt::timer_handle timer = timers.after(0s, takt::slack(0s), f, ec);
  return timers.fire();
}
