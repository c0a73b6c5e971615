// Protects: that the rule that makes a phase of the boot id never changes, and that only a boot id is taken for one.
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <takt/testing/fake_os.hpp>
#include <takt/sleep/phase.hpp>

#include "support/hostile_text.hpp"

namespace {

using namespace std::chrono_literals;
using os = takt::testing::fake_os<struct phase_test>;
const std::string boot_id = "d784f92e-6aa8-4f28-99b6-348a4c4f5396\n";

} // namespace

TEST_CASE("the phase is the first 8 bytes, big endian, modulo the period") {
  os::reset();
  os::now.files[takt::detail::boot_id_path].value = boot_id;
  std::error_code ec;
  CHECK(takt::detail::parse_boot_id(boot_id, ec) == 0xd784f92e6aa84f28);
  CHECK_FALSE(ec);
  CHECK(takt::phase_from_boot_id<os>(1s, ec) == 0xd784f92e6aa84f28 % 1'000'000'000 * 1ns);
  CHECK(takt::phase_from_boot_id<os>(7ns, ec) == 0xd784f92e6aa84f28 % 7 * 1ns);
  CHECK(takt::phase_from_boot_id<os>(1ns, ec) == 0ns);
  CHECK(takt::phase_from_boot_id<os>(std::chrono::nanoseconds::max(), ec).count() == 0x5784f92e6aa84f29);
  CHECK(takt::phase_from_boot_id<os>(std::chrono::hours(24 * 365 * 400), ec).count() == 0x5784f92e6aa84f29);
  CHECK_FALSE(ec);
}

TEST_CASE("what is no boot id is refused") {
  std::error_code ec;
  const auto refused = [&](std::string_view text) {
    CAPTURE(text.substr(0, 60));
    CHECK(takt::detail::parse_boot_id(text, ec) == 0);
    CHECK(ec == takt::errc::malformed_text);
  };
  test::for_each_cut(boot_id, refused);
  for (const std::string& text : test::hostile_texts()) refused(text);
  for (std::size_t i = 0; i < boot_id.size(); ++i) {
    std::string changed = boot_id;
    changed[i] = boot_id[i] == '-' ? '0' : '-';
    refused(changed);
    changed[i] = 'g';
    refused(changed);
  }
}

TEST_CASE("a period that is not positive and a file that is not there are errors") {
  os::reset();
  std::error_code ec;
  CHECK(takt::phase_from_boot_id<os>(1s, ec) == 0ns);
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::boot_id_path].value = boot_id;
  for (const auto period : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
    CHECK(takt::phase_from_boot_id<os>(period, ec) == 0ns);
    CHECK(ec == std::errc::invalid_argument);
  }
  CHECK(takt::phase_from_boot_id<os>(std::chrono::hours::min(), ec) == 0ns);
  CHECK(ec == std::errc::invalid_argument);
#if TAKT_EXCEPTIONS
  CHECK(takt::phase_from_boot_id<os>(10s) == 0xd784f92e6aa84f28 % 10'000'000'000 * 1ns);
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::phase_from_boot_id<os>(0s)), doctest::Contains("period of 0 ns"),
                       std::system_error);
#endif
}
