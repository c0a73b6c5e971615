#include <takt/takt.hpp>

int main() {
  const takt::tick_point first = takt::read_counter();
  const auto now = takt::posix_clock<CLOCK_MONOTONIC>::now();
  return takt::read_counter() >= first && now.time_since_epoch().count() > 0 && takt::version > 0 ? 0 : 1;
}
