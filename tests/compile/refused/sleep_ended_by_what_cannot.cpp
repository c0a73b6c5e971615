// expect: deleted function.*sleep_until
// A stop_source is no stop_token: only what can end a sleep is taken for it.
#include <chrono>
#include <stop_token>
#include <takt/sleep/sleep.hpp>

void f(const std::stop_source& source, std::error_code& ec) {
#if defined(TAKT_CONTROL)
  static_cast<void>(takt::sleep_until(std::chrono::steady_clock::now(), source.get_token(), ec));
#else
  takt::sleep_until(std::chrono::steady_clock::now(), source, ec);
#endif
}
