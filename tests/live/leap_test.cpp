// Protects: that the running kernel answers without privileges, and that its offset from TAI is the one its clocks show.
#include "support/skip.hpp"
#include <takt/kernel/leap.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <doctest/doctest.h>

TEST_CASE("leap: TAI is ahead of REALTIME by the offset that it reports") {
  using namespace std::chrono_literals;
  std::error_code ec;
  const takt::leap_facts f = takt::leap_facts::read(ec);
  if (ec) TAKT_SKIP("adjtimex: %s", ec.message().c_str());
  CHECK(f.maximum_error.has_value() == f.synchronised);
  CHECK(f.maximum_error.value_or(0ns) >= 0us);
  const auto before = takt::posix_clock<CLOCK_REALTIME>::now().time_since_epoch();
  const auto tai = takt::posix_clock<CLOCK_TAI>::now().time_since_epoch();
  const auto after = takt::posix_clock<CLOCK_REALTIME>::now().time_since_epoch();
  // False alarm: the clock is stepped within a microsecond, or the daemon sets the offset in between.
  CHECK(tai - before >= f.tai_minus_utc.value_or(0ns));
  CHECK(tai - after <= f.tai_minus_utc.value_or(0ns));
}
