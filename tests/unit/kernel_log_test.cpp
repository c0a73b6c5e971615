// Protects: what the kernel itself logged of its clocks, and only that: lines of other facilities are not believed,
// lines of any other form are not guessed at.
#include <takt/kernel/kernel_log.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace {
using takt::frequency;
using takt::kernel_log;
using takt::parse_kernel_log;
using os = takt::testing::fake_os<struct kernel_log_test>;

constexpr std::string_view boot = "<5>[    0.000000] Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n"
                                  "<6>[    0.000000] tsc: Fast TSC calibration using PIT\n"
                                  "<6>[    0.000000] tsc: Detected 2600.000 MHz processor\n"
                                  "<6>[    0.000000] tsc: Detected 2592.000 MHz TSC\n"
                                  "<6>[    0.310000] clocksource: tsc-early: mask: 0xffffffffffffffff max_cycles: "
                                  "0x255cb6cc5db, max_idle_ns: 440 ns\n"
                                  "<6>[    0.309582] clocksource: Switched to clocksource tsc-early\n"
                                  "<30>[    1.200000] systemd[1]: Detected architecture x86-64.\n"
                                  "<6>[    1.412345] tsc: Refined TSC clocksource calibration: 2591.999 MHz\n"
                                  "<6>[    1.412400] clocksource: Switched to clocksource tsc\n"
                                  "<4>[  900.000000] tsc: Marking TSC unstable due to clocksource watchdog\n"
                                  "<6>[  900.100000] clocksource: Switched to clocksource hpet\n";

/// The rate in a log of one line.
std::optional<frequency> rate(const std::string& line) { return parse_kernel_log(line + "\n").tsc_frequency(); }
} // namespace

TEST_CASE("kernel_log: the log of a boot") {
  const auto log = parse_kernel_log(boot);
  CHECK(log.processor == frequency(2'600'000'000));
  CHECK(log.tsc == frequency(2'592'000'000));
  CHECK(log.refined_tsc == frequency(2'591'999'000));
  CHECK(log.tsc_frequency() == frequency(2'591'999'000));
  CHECK(log.unstable_tsc == "clocksource watchdog");
  CHECK(log.clocksource == "hpet");
}

TEST_CASE("kernel_log: the best there is counts as the counter's rate") {
  kernel_log log;
  CHECK_FALSE(log.tsc_frequency());
  log.processor = frequency(1);
  CHECK(log.tsc_frequency() == frequency(1));
  log.tsc = frequency(2);
  CHECK(log.tsc_frequency() == frequency(2));
  log.refined_tsc = frequency(3);
  CHECK(log.tsc_frequency() == frequency(3));
}

TEST_CASE("kernel_log: a log that says nothing of it") {
  const auto log = parse_kernel_log("<6>[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]\n");
  CHECK_FALSE(log.tsc_frequency());
  CHECK(log.unstable_tsc.empty());
  CHECK(log.clocksource.empty());
}

TEST_CASE("kernel_log: with and without times and callers") {
  const frequency f(2'596'146'000);
  CHECK(rate("<6>[    0.000062] tsc: Detected 2596.146 MHz processor") == f);
  CHECK(rate("<6>tsc: Detected 2596.146 MHz processor") == f);
  CHECK(rate("<6>[    0.000062][    T0] tsc: Detected 2596.146 MHz processor") == f);
  CHECK(rate("<6>[99999.000062] tsc: Detected 2596.146 MHz processor") == f);
}

TEST_CASE("kernel_log: only the kernel is believed") {
  for (const char* priority :
       {"<8>", "<14>", "<30>", "<4294967296>", "<>", "<-6>", "<x>", "<6", "6>", "", " <6>", "[6]"}) {
    CAPTURE(priority);
    CHECK_FALSE(rate(std::string(priority) + "[    0.000062] tsc: Detected 2596.146 MHz processor"));
  }
  for (int level = 0; level < 8; ++level) {
    CHECK(rate("<" + std::to_string(level) + ">[    0.000062] tsc: Detected 2596.146 MHz processor"));
  }
}

TEST_CASE("kernel_log: frequencies of any other form are not told") {
  for (const char* f : {"2596.14 MHz", "2596.1460 MHz", "2596 MHz", ".146 MHz", "2596. MHz", "-2596.146 MHz",
                        "2596,146 MHz", "2596.1x6 MHz", "2596.146 GHz", "2596.146MHz", "2596.146", "4294967296.000 MHz",
                        "0.000 MHz", "0x10.000 MHz", "2596.146 MHz processors", ""}) {
    CAPTURE(f);
    const std::string line = "<6>[    0.0] tsc: Detected " + std::string(f);
    CHECK_FALSE(rate(line + " processor"));
    CHECK_FALSE(rate(line + " TSC"));
    CHECK_FALSE(rate("<6>[    0.0] tsc: Refined TSC clocksource calibration: " + std::string(f)));
  }
  CHECK(rate("<6>[    0.0] tsc: Detected 0.001 MHz processor") == frequency(1000));
  CHECK_FALSE(rate("<6>[    0.0] tsc: Refined TSC clocksource calibration: 2596.146 MHz."));
  CHECK_FALSE(rate("<6>[    0.0] foo tsc: Detected 2596.146 MHz processor"));
}

TEST_CASE("kernel_log: names that are none are not told") {
  for (const char* text :
       {"<6>[ 0.0] clocksource: Switched to clocksource \n", "<6>[ 0.0] clocksource: Switched to clocksource\n",
        "<6>[ 0.0] clocksource: Switched to clocksource \x1b[2J\n"}) {
    CHECK(parse_kernel_log(text).clocksource.empty());
  }
  CHECK(parse_kernel_log("<6>[ 0.0] tsc: Marking TSC unstable due to \n").unstable_tsc.empty());
}

TEST_CASE("kernel_log: a log that is cut anywhere says what its whole lines say") {
  test::for_each_cut(boot, [](std::string_view cut) {
    const auto log = parse_kernel_log(cut);
    const auto whole_lines = parse_kernel_log(cut.substr(0, cut.rfind('\n') + 1));
    CHECK((!log.processor || log.processor == frequency(2'600'000'000)));
    CHECK((!log.tsc || log.tsc == frequency(2'592'000'000)));
    CHECK((!log.refined_tsc || log.refined_tsc == frequency(2'591'999'000)));
    CHECK((log.unstable_tsc.empty() || log.unstable_tsc == "clocksource watchdog"));
    CHECK(log.clocksource == whole_lines.clocksource);
    CHECK(
        (log.clocksource.empty() || log.clocksource == "tsc-early" || log.clocksource == "tsc" || log.clocksource == "hpet"));
  });
}

TEST_CASE("kernel_log: hostile texts") {
  for (const std::string& text : test::hostile_texts()) {
    for (const std::string& whole : {text, "<6>[" + text, "<6>tsc: Detected " + text, std::string(boot) + text}) {
      const auto log = parse_kernel_log(whole);
      CHECK((!log.processor || log.processor == frequency(2'600'000'000)));
    }
  }
  std::string brackets = "<6>";
  for (int i = 0; i < 100'000; ++i) brackets += "[]";
  CHECK(rate(brackets + "tsc: Detected 2596.146 MHz processor") == frequency(2'596'146'000));
}

TEST_CASE("kernel_log: the last message of a kind is the kernel's own, whole and fit to be shown") {
  using takt::last_kernel_message;
  constexpr std::string_view prefix = "clocksource: Switched";
  CHECK(last_kernel_message("<6>[ 0.1] clocksource: Switched to a\n<6>clocksource: Switched to b\n<6>other\n", prefix) ==
        "clocksource: Switched to b");
  CHECK(last_kernel_message("<6>clocksource: Switched to a\n<14>clocksource: Switched to b\n", prefix) ==
        "clocksource: Switched to a");                                                     // not the kernel's
  CHECK(last_kernel_message("<6>clocksource: Switched to a", prefix).empty());             // cut
  CHECK(last_kernel_message("<6>clocksource: Switched \x1b[2J\n", prefix).empty());       // a terminal's command
  for (const std::string& text : test::hostile_texts()) CHECK(last_kernel_message(text, "no such").empty());
}

TEST_CASE("kernel_log: reading") {
  os::reset(); // its log is forbidden
  std::error_code ec;
  CHECK_FALSE(takt::read_kernel_log<os>(ec).processor);
  CHECK(ec == std::errc::operation_not_permitted);
  os::now.log = {std::string(boot), 0};
  CHECK(takt::read_kernel_log<os>(ec).processor == frequency(2'600'000'000));
  CHECK_FALSE(ec);
  os::now.log = {};
  CHECK_FALSE(takt::read_kernel_log<os>(ec).processor);
  CHECK_FALSE(ec);
}

#if TAKT_EXCEPTIONS
TEST_CASE("kernel_log: the throwing form says what to do") {
  os::reset();
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::read_kernel_log<os>()), doctest::Contains("CAP_SYSLOG"),
                       std::system_error);
}
#endif
