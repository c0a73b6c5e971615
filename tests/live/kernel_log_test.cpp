// Protects: this kernel's log reads as the parser expects it. One-sided: the lines may have been overwritten.
#include <takt/kernel/kernel_log.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <system_error>

TEST_CASE("kernel_log: a frequency that is found is that of a processor") {
  std::error_code ec;
  const auto log = takt::kernel_log::read(ec);
  if (ec) TAKT_SKIP("the kernel's log cannot be read: %s", ec.message().c_str());
  const auto frequency = log.tsc_frequency();
  if (!frequency) TAKT_SKIP("the kernel's log does not tell the rate of a TSC");
  CHECK(frequency->hertz() > 1e8);
  CHECK(frequency->hertz() < 1e10);
}
