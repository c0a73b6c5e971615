// Protects: that the vDSO's data page is recognised with every clock source, that its mode is that of the source, also
// while the source changes under load, and that it is unknown in a time namespace.
#include "checks.hpp"
#include "guest.hpp"
#include "recorder.hpp"

#include <takt/kernel/vdso_data.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

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
  guest::insist();
  const data_page outside = data_page::find();
  REQUIRE(outside.known());
  const pid_t parent = ::fork();
  if (parent == 0) {
    if (::unshare(CLONE_NEWTIME) != 0) ::_exit(100);
    const int file = ::open("/proc/self/timens_offsets", O_WRONLY);
    constexpr std::string_view text = "monotonic 1000 0\n";
    if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) ::_exit(101);
    const pid_t inside = ::fork();
    if (inside == 0) {
      const data_page page = data_page::find();
      if (page.known()) ::_exit(1);
      if (std::string_view(page.why_unknown()).find("time namespace") == std::string_view::npos) ::_exit(2);
      ::_exit(outside.read() ? 3 : 0); // what was known before the fork is another page now
    }
    int status = -1;
    ::waitpid(inside, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 102);
  }
  int status = -1;
  REQUIRE(::waitpid(parent, &status, 0) == parent);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
