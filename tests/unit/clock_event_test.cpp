// Protects: which device wakes which CPU, in the order of CPUs, the broadcast device apart; a machine without one
// is not in error, and a name that is cut is.
#include <takt/kernel/clock_event.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {
namespace clock_event = takt::clock_event;
using os = takt::testing::fake_os<struct clock_event_test>;
using devices = std::vector<clock_event::device>;

std::string path(const std::string& entry) {
  return std::string(takt::detail::clock_event_directory) + "/" + entry + "/current_device";
}

/// The directory names an entry that is gone when its file is opened.
struct vanishing : os {
  static int list_directory(const char*, std::vector<std::string>& out) {
    out = {"clockevent0", "clockevent1", "broadcast"};
    return 0;
  }
};
} // namespace

TEST_CASE("clock_event: ascending by number, the broadcast device last") {
  os::reset();
  // In the order of their names 10 comes before 2.
  for (const char* cpu : {"0", "1", "2", "10"}) os::now.files[path(std::string("clockevent") + cpu)].value = "lapic\n";
  os::now.files[path("broadcast")].value = "hpet\n";
  os::now.files[std::string(takt::detail::clock_event_directory) + "/power/control"].value = "auto\n";
  os::now.files[std::string(takt::detail::clock_event_directory) + "/uevent"].value = "";
  std::error_code ec = std::make_error_code(std::errc::io_error);
  CHECK(clock_event::devices<os>(ec) ==
        devices{{0, "lapic"}, {1, "lapic"}, {2, "lapic"}, {10, "lapic"}, {std::nullopt, "hpet"}});
  CHECK_FALSE(ec);
}

TEST_CASE("clock_event: no broadcast device, or an empty one, is no error") {
  os::reset();
  os::now.files[path("clockevent0")].value = "lapic-deadline\n";
  std::error_code ec;
  CHECK(clock_event::devices<os>(ec) == devices{{0, "lapic-deadline"}});
  CHECK_FALSE(ec);
  os::now.files[path("broadcast")].value = "";
  CHECK(clock_event::devices<os>(ec) == devices{{0, "lapic-deadline"}});
  CHECK_FALSE(ec);
}

TEST_CASE("clock_event: a CPU without a device, or gone while the list was read, is left out") {
  os::reset();
  os::now.files[path("clockevent0")].value = "";
  os::now.files[path("clockevent1")].value = "lapic\n";
  std::error_code ec;
  CHECK(clock_event::devices<os>(ec) == devices{{1, "lapic"}});
  CHECK_FALSE(ec);
  os::reset();
  os::now.files[path("clockevent1")].value = "lapic\n";
  CHECK(clock_event::devices<vanishing>(ec) == devices{{1, "lapic"}});
  CHECK_FALSE(ec);
}

TEST_CASE("clock_event: entries that are not of this form are passed over") {
  os::reset();
  for (const char* name :
       {"clockevent", "clockeventx", "clockevent-1", "clockevent0x", "clockevent4294967296", "broadcast2"}) {
    os::now.files[path(name)].value = "lapic\n";
  }
  std::error_code ec;
  CHECK(clock_event::devices<os>(ec).empty());
  CHECK_FALSE(ec);
}

TEST_CASE("clock_event: absent, unreadable, cut") {
  os::reset();
  std::error_code ec;
  CHECK(clock_event::devices<os>(ec).empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[path("clockevent0")].value = "lapic\n";
  os::now.files[path("clockevent1")].error = EACCES;
  CHECK(clock_event::devices<os>(ec).empty());
  CHECK(ec == std::errc::permission_denied);
  os::now.files[path("clockevent1")].error = EISDIR;
  CHECK(clock_event::devices<os>(ec).empty());
  CHECK(ec == std::errc::is_a_directory);
  os::now.files[path("clockevent1")] = {"lap", 0};
  CHECK(clock_event::devices<os>(ec).empty());
  CHECK(ec == takt::errc::malformed_text);
  os::now.files[path("clockevent1")] = {std::string(1 << 20, 'x') + "\n", 0};
  CHECK(clock_event::devices<os>(ec).empty());
  CHECK(ec == std::errc::file_too_large);
}

TEST_CASE("clock_event: a name that is cut anywhere is malformed, only no text at all means no device") {
  std::error_code ec;
  test::for_each_cut("lapic-deadline\n", [&](std::string_view cut) {
    CHECK(takt::detail::parse_current_device(cut, ec).empty());
    CHECK((ec == takt::errc::malformed_text) == !cut.empty());
  });
  for (const std::string& text : test::hostile_texts()) {
    const bool none = takt::detail::parse_current_device(text, ec).empty();
    CHECK(none == (text.empty() || ec == takt::errc::malformed_text));
  }
}

TEST_CASE("clock_event: drivers do put blanks into names") {
  std::error_code ec;
  CHECK(takt::detail::parse_current_device("jz4780 timer\n", ec) == "jz4780 timer");
  CHECK_FALSE(ec);
  CHECK(takt::detail::parse_current_device("lapic\tx\n", ec).empty());
  CHECK(ec == takt::errc::malformed_text);
}

TEST_CASE("clock_event: 4096 CPUs") {
  os::reset();
  for (int cpu = 0; cpu < 4096; ++cpu) os::now.files[path("clockevent" + std::to_string(cpu))].value = "lapic\n";
  std::error_code ec;
  const auto all = clock_event::devices<os>(ec);
  REQUIRE(all.size() == 4096);
  for (unsigned cpu = 0; cpu < 4096; ++cpu) REQUIRE(all[cpu].cpu == cpu);
  // Numbers with gaps, and what no kernel has.
  os::reset();
  for (const char* cpu : {"0", "8", "65535", "65536", "4294967295"})
    os::now.files[path(std::string("clockevent") + cpu)].value = "lapic\n";
  CHECK(clock_event::devices<os>(ec) == devices{{0, "lapic"}, {8, "lapic"}, {65535, "lapic"}});
}

#if TAKT_EXCEPTIONS
TEST_CASE("clock_event: the throwing form names the directory") {
  os::reset();
  CHECK_THROWS_WITH_AS(static_cast<void>(clock_event::devices<os>()), doctest::Contains(takt::detail::clock_event_directory),
                       std::system_error);
  os::now.files[path("broadcast")].value = "hpet\n";
  CHECK(clock_event::devices<os>() == devices{{std::nullopt, "hpet"}});
}
#endif
