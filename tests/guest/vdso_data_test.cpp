// Protects: that the vDSO's data page is recognised with every clock source, that its mode is that of the source, also
// while the source changes under load, and that it is unknown in a time namespace.
#include "checks.hpp"
#include "guest.hpp"
#include "recorder.hpp"
#include "time_namespace.hpp"

#include <takt/kernel/vdso_data.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;
using takt::vdso::data_page;

namespace {

/// Returns: the mode that belongs to a clock source of these guests.
data_page::clock_mode mode_of(std::string_view source) {
  return source == "tsc" || source == "tsc-early" ? data_page::clock_mode::counter : data_page::clock_mode::system_call;
}

} // namespace

TEST_CASE("facts: the vDSO's data page is known, and its mode is that of the clock source") {
  const data_page page = data_page::find();
  CAPTURE(page.why_unknown());
  if (guest::situation() == "no_tsc") { // a processor without a counter cannot be compared with
    MESSAGE(page.known());
    return;
  }
  REQUIRE(page.known());
  const auto c = page.read();
  REQUIRE(c);
  std::error_code ec;
  const std::string source = takt::clocksource::current(ec);
  REQUIRE_FALSE(ec);
  CAPTURE(source);
  CHECK(c->mode == mode_of(source));
  CHECK(c->rate().known() == (mode_of(source) == data_page::clock_mode::counter));
  const std::uint32_t before = page.sequence();
  std::this_thread::sleep_for(500ms);
  CHECK(data_page::updates_between(before, page.sequence()) >= 1);
}

TEST_CASE("switch: the data page follows each change of the clock source under load, and counts it") {
  const std::string original = takt::clocksource::current();
  const data_page page = data_page::find();
  CAPTURE(page.why_unknown());
  REQUIRE(page.known());
  {
    const guest::load load;
    for (int round = 0; round < 3; ++round) {
      for (const char* source : {"hpet", "acpi_pm", "tsc"}) {
        const std::uint32_t before = page.sequence();
        guest::select_clocksource(source);
        const std::uint32_t after = page.sequence();
        CHECK(data_page::updates_between(before, after) >= 1);
        const auto c = page.read();
        REQUIRE(c);
        CAPTURE(source);
        CHECK(c->mode == mode_of(source));
        // What was found with one source is found with each.
        const data_page again = data_page::find();
        CAPTURE(again.why_unknown());
        CHECK(again.known());
      }
    }
  }
  guest::select_clocksource(original);
}

TEST_CASE("namespace: the data page is unknown where a time namespace shows another one") {
  const data_page outside = data_page::find();
  REQUIRE(outside.known());
  CHECK(guest::in_time_namespace("monotonic 1000 0\n", [&] {
          const data_page page = data_page::find();
          if (page.known()) return 1;
          if (std::string_view(page.why_unknown()).find("time namespace") == std::string_view::npos) return 2;
          return outside.read() ? 3 : 0; // what was known before the fork is another page now
        }) == 0);
}
