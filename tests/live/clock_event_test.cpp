// Protects: this kernel's clock event devices read as the parser expects them, one for each CPU that is online.
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <system_error>

TEST_CASE("clock_event: every CPU online has a device") {
  std::error_code ec;
  const auto devices = takt::clock_event::devices(ec);
  if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("%s is not there", takt::detail::clock_event_directory);
  REQUIRE_FALSE(ec);
  const auto online = takt::online_cpus(ec);
  REQUIRE_FALSE(ec);
  for (const unsigned cpu : online) {
    bool found = false;
    for (const auto& device : devices) found = found || device.cpu == cpu;
    CAPTURE(cpu);
    CHECK(found);
  }
}
