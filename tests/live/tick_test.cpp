// Protects: HZ of this kernel is the resolution of its coarse clock, and agrees with the configuration where that can be read.
#include <takt/kernel/tick.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <system_error>

TEST_CASE("tick: HZ") {
  std::error_code ec;
  const takt::frequency hz = takt::kernel_hz(ec);
  REQUIRE_FALSE(ec);
  CHECK(hz.hertz() >= takt::detail::kernel_hz_begin);
  CHECK(hz.hertz() < takt::detail::kernel_hz_end);
}

TEST_CASE("tick: HZ is that of the configuration") {
  std::error_code ec;
  const auto config = takt::kernel_config::read(ec);
  if (ec) TAKT_SKIP("the configuration in /boot cannot be read: %s", ec.message().c_str());
  if (!config.hz) TAKT_SKIP("the configuration in /boot has no CONFIG_HZ");
  CHECK(takt::kernel_hz(ec) == *config.hz);
}

TEST_CASE("tick: the nohz_full list reads") {
  std::error_code ec;
  static_cast<void>(takt::nohz_full_cpus(ec));
  if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("this kernel has no %s", takt::detail::nohz_full_path);
  CHECK_FALSE(ec);
}
