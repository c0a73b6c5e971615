// A program with another standard library than libstdc++: libc++, with its std::stop_token.
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/rate_sources.hpp>
#include <takt/clock/tick_history.hpp>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/vdso_data.hpp>
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/trace_text.hpp>
#include <takt/observe/wake_summary.hpp>
#include <takt/takt.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_clock.hpp>

#include <chrono>
#include <cstdio>
#include <sstream>
#include <stop_token>
#include <system_error>

#if !defined(_LIBCPP_VERSION)
#error "this is not libc++"
#endif

int main() {
  using namespace std::chrono_literals;
  takt::testing::manual_clock now;
  takt::grid_scheduler timers(now);
  int calls = 0;
  auto job = timers.every(10ms, takt::slack(1ms), [&] { ++calls; });
  now.advance(1s);
  // A token that is stopped already ends a sleep of an hour before it begins.
  std::stop_source stop;
  stop.request_stop();
  std::error_code ec;
  const auto due = std::chrono::steady_clock::now() + 1h;
  const bool slept = takt::sleep_until_within(due, takt::slack(1s), stop.get_token(), ec);
  std::ostringstream text;
  text << takt::tsc_clock::now();
  std::printf("%d calls, slept: %d, %s\n", calls, slept, text.str().c_str());
  return calls >= 99 && calls <= 101 && !slept && !text.str().empty() ? 0 : 1;
}
