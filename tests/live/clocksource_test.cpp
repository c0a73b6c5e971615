// Protects: this kernel's clock sources read as the parser expects them. Nothing is selected: that would change the
// machine.
#include <takt/kernel/clocksource.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <string>
#include <system_error>

namespace clocksource = takt::clocksource;

TEST_CASE("clocksource: the current one is among the available") {
  std::error_code ec;
  const std::string current = clocksource::current(ec);
  if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("%s is not there", takt::detail::current_clocksource_path);
  REQUIRE_FALSE(ec);
  CHECK_FALSE(current.empty());
  const auto available = clocksource::available(ec);
  REQUIRE_FALSE(ec);
  bool found = false;
  for (const std::string& name : available) found = found || name == current;
  CHECK(found);
}
