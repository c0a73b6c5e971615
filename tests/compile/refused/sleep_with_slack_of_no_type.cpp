// expect: deleted function.*sleep_until_within
// Slack is a type of its own: a bare duration is refused, so no call can swap it with another duration.
#include <takt/sleep/sleep.hpp>
#include <chrono>

void f(std::chrono::steady_clock::time_point t, std::error_code& ec) {
#if defined(TAKT_CONTROL)
  takt::sleep_until_within(t, takt::slack(std::chrono::seconds(1)), ec);
#else
  takt::sleep_until_within(t, std::chrono::seconds(1), ec);
#endif
}
