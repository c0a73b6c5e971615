// Protects: what the kernel itself logged of its clocks, in every form in which people save a log and in the words of
// Linux 2.6.32 to 7.1; that lines of other facilities are not believed where the form carries them, and are called
// hearsay where it does not; that what a log cannot know is unknown and not "no"; that a text of no form is an error.
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

/// The log, which must be of some form.
kernel_log parsed(std::string_view text) {
  std::error_code ec = std::make_error_code(std::errc::io_error); // must be cleared
  kernel_log log = takt::kernel_log::parse(text, ec);
  CHECK_FALSE(ec);
  return log;
}
/// Whether the text has no form, and so says nothing.
bool refused(std::string_view text) {
  std::error_code ec;
  const kernel_log log = takt::kernel_log::parse(text, ec);
  return ec == takt::errc::malformed_text && !log.tsc_frequency() && !log.found_unstable() && log.clocksource.empty() &&
         log.hearsay;
}
/// Properties of the result for any text, well formed or not.
kernel_log parse_kernel_log(std::string_view text) {
  std::error_code ec;
  return takt::kernel_log::parse(text, ec);
}
/// The rate in a log of one line.
std::optional<frequency> rate(const std::string& line) { return parse_kernel_log(line + "\n").tsc_frequency(); }
/// The result for a log of one line of the kernel, in the form of syslog(2).
kernel_log of_message(const std::string& message) { return parsed("<4>[  900.000000] " + message + "\n"); }
} // namespace

TEST_CASE("kernel_log: the log of a boot") {
  const auto log = parsed(boot);
  CHECK(log.reaches_boot);
  CHECK_FALSE(log.hearsay);
  CHECK(log.found_unstable() == true);
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
  const auto log = parsed("<6>[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd083]\n");
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
  for (const char* priority : {"<8>", "<14>", "<30>", "<4294967296>", "<>", "<-6>", "<x>", "<6", "6>", " <6>", "[6]"}) {
    CAPTURE(priority);
    CHECK_FALSE(rate(std::string(priority) + "[    0.000062] tsc: Detected 2596.146 MHz processor"));
  }
  for (int level = 0; level < 8; ++level) {
    CHECK(rate("<" + std::to_string(level) + ">[    0.000062] tsc: Detected 2596.146 MHz processor"));
  }
}

TEST_CASE("kernel_log: frequencies of any other form are not believed") {
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
  CHECK_FALSE(rate("<6>[    0.0] foo tsc: Detected 2596.146 MHz processor"));
}

TEST_CASE("kernel_log: names that are none are not believed") {
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
    CHECK((log.clocksource.empty() || log.clocksource == "tsc-early" || log.clocksource == "tsc" ||
           log.clocksource == "hpet"));
  });
}

TEST_CASE("kernel_log: hostile texts") {
  for (const std::string& text : test::hostile_texts()) {
    for (const std::string& whole : {text, "<6>[" + text, "<6>tsc: Detected " + text, std::string(boot) + text}) {
      const auto log = parse_kernel_log(whole);
      CHECK((!log.processor || log.processor == frequency(2'600'000'000)));
    }
  }
  for (const char* open : {"[", "<", "(", "{\"", "{\"a\":[", "6,", " kernel: "}) {
    std::string many = "<6>";
    for (int i = 0; i < 100'000; ++i) many += open;
    for (const std::string& line : {many, many.substr(3), "Sep 23 21:33:08 " + many.substr(3)})
      CHECK_FALSE(parse_kernel_log(line + "\n" + line + "\n").processor);
  }
}

TEST_CASE("kernel_log: the last switch is the kernel's own, whole and fit to be shown") {
  using takt::detail::last_clocksource_switch;
  CHECK(last_clocksource_switch("<6>[ 0.1] clocksource: Switched to clocksource a\n"
                                "<6>clocksource: Switched to clocksource b\n<6>other\n") ==
        "clocksource: Switched to clocksource b");
  CHECK(last_clocksource_switch("<6>[    1.500000] Switched to clocksource tsc\n") == "Switched to clocksource tsc");
  CHECK(last_clocksource_switch("<6>Switching to clocksource a\n<14>Switching to clocksource b\n") ==
        "Switching to clocksource a");                                                 // b is not the kernel's
  CHECK(last_clocksource_switch("<6>clocksource: Switched to clocksource a").empty()); // cut
  CHECK(last_clocksource_switch("{\"A\":[\"a\\\n").empty());                          // cut in an escape of JSON
  CHECK(last_clocksource_switch("<6>Switched to clocksource \x1b[2J\n").empty());      // a terminal's command
  for (const std::string& text : test::hostile_texts()) CHECK(last_clocksource_switch(text).empty());
}

TEST_CASE("kernel_log: every form in which people save it") {
  constexpr std::string_view messages[] = {
      "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)", "tsc: Detected 2400.000 MHz processor",
      "tsc: Refined TSC clocksource calibration: 2399.998 MHz", "clocksource: Switched to clocksource tsc",
      "tsc: Marking TSC unstable due to clocksource watchdog"};
  const struct {
    const char* before;
    const char* behind;
    bool hearsay;
  } forms[] = {
      {"<6>[    1.500000] ", "", false},                            // syslog(2), dmesg -r
      {"<6>[    1.500000][    T1] ", "", false},                    // CONFIG_PRINTK_CALLER
      {"<6>", "", false},                                           // printk.time=0
      {"<6>[    1.500000]  [0:      swapper/0:    1] ", "", false}, // Samsung
      {"<6>[    1.500000] I[0:      swapper/0:    1] ", "", false},
      {"<6>[    1.500000]-(0)[1:swapper/0]", "", false}, // MediaTek
      {"<6>[    1.500000] (0)[1:swapper/0]", "", false},
      {"<6>[    1.500000] c0      1 ", "", false},               // Spreadtrum
      {"kern  :info  : [    1.500000] ", "", false},             // dmesg -x
      {"kern  :notice: [Tue Sep 23 21:33:08 2025] ", "", false}, // dmesg -xT
      {"kern  :info  : ", "", false},                            // dmesg -xt
      {"[    1.500000] ", "", true},                             // dmesg
      {"[    1.500000][    T1] ", "", true},
      {"[    1.500000] [      T1] ", "", true},                                    // dmesg of util-linux 2.41
      {"[Tue Sep 23 21:33:08 2025] ", "", true},                                   // dmesg -T
      {"[Di Sep 23 21:33:08 2025] ", "", true},                                    // in German
      {"[\xd0\xb2\xd1\x82 \xd1\x81\xd0\xb5\xd0\xbd 23 21:33:08 2025] ", "", true}, // in Russian
      {"M\xc3\xa4r 23 21:33:08 host kernel: ", "", true},
      {"sept. 23 21:33:08 host kernel: ", "", true},
      {"[Sep23 21:33] ", "", true}, // dmesg -e
      {"[  +0.000012] ", "", true},
      {"[    1.500000 <    0.000012>] ", "", true},    // dmesg -d
      {"2025-09-23T21:33:08,123456+02:00 ", "", true}, // dmesg --time-format iso
      {"Sep 23 21:33:08 host kernel: ", "", true},     // journalctl -k, kern.log
      {"Sep  3 21:33:08 host kernel: [    1.500000] ", "", true},
      {"Sep 23 21:33:08 host.example.com kernel: [    1.500000][    T1] ", "", true},
      {"Sep 23 21:33:08 kernel: ", "", true},                                      // journalctl --no-hostname
      {"Sep 23 21:33:08.123456 host kernel: ", "", true},                          // -o short-precise
      {"2025-09-23T21:33:08+0200 host kernel: ", "", true},                        // -o short-iso
      {"2025-09-23T21:33:08.123456+02:00 host kernel: [    1.500000] ", "", true}, // kern.log of Debian 12
      {"Tue 2025-09-23 21:33:08 CEST host kernel: ", "", true},                    // -o short-full
      {"1695501188.123456 host kernel: ", "", true},                               // -o short-unix
      {"100000000.5 host kernel: ", "", true},                                     // with the fewest digits, in 1973
      {"[    1.500000] host kernel: ", "", true},                                  // -o short-monotonic
      {"Sep 23 21:33:08 host kern.info kernel: [    1.500000] ", "", true},        // BusyBox
      {"Tue Sep 23 21:33:08 2025 kern.info kernel: [    1.500000] ", "", true},    // OpenWrt
      {"{\"__CURSOR\":\"s=1;i=2\",\"PRIORITY\":\"6\",\"_TRANSPORT\":\"kernel\",\"SYSLOG_FACILITY\":\"0\",\"MESSAGE\":"
       "\"",
       "\"}", false}, // -o json
      {"{ \"MESSAGE\" : \"",
       "\", \"A\" : [ 1, 2, \"]\" ], \"B\" : null, \"SYSLOG_FACILITY\" : \"0\", \"_TRANSPORT\" : \"kernel\" }", false},
  };
  for (const auto& form : forms) {
    for (const char* end : {"\n", "\r\n"}) {
      for (const char* first :
           {"", "\xef\xbb\xbf", "$ dmesg\n", "-- Logs begin at Tue 2025-09-23 21:33:08 CEST. --\n"}) {
        std::string text = first;
        for (const std::string_view m : messages) text += form.before + std::string(m) + form.behind + end;
        CAPTURE(text);
        const auto log = parsed(text);
        CHECK(log.processor == frequency(2'400'000'000));
        CHECK(log.refined_tsc == frequency(2'399'998'000));
        CHECK(log.clocksource == "tsc");
        CHECK(log.unstable_tsc == "clocksource watchdog");
        CHECK(log.reaches_boot);
        CHECK(log.hearsay == form.hearsay);
      }
    }
  }
  // Records of /dev/kmsg, which are numbered; one has fields of its device in lines behind it.
  const auto log = parsed("5,0,0,-;Linux version 6.1.0\n6,1,0,-,caller=T0;tsc: Detected 2400.000 MHz processor\n"
                          "6,2,140900,-;NET: Registered protocol family 10\n SUBSYSTEM=acpi\n DEVICE=+acpi:PNP0A03:00\n"
                          "30,3,339,-;tsc: Marking TSC unstable due to lies\n");
  CHECK(log.processor == frequency(2'400'000'000));
  CHECK(log.found_unstable() == false);
  CHECK_FALSE(log.hearsay);
}

TEST_CASE("kernel_log: who is not the kernel is not believed, in no form that carries the facility") {
  const std::string lie = "tsc: Detected 2400.000 MHz processor";
  for (const std::string& line :
       {"<14>[    1.500000] " + lie, "14,339,1500000,-;" + lie, "user  :warn  : [    1.500000] " + lie,
        "daemon:info  : [    1.500000] " + lie,
        R"({"_TRANSPORT":"kernel","SYSLOG_FACILITY":"1","MESSAGE":")" + lie + R"("})",
        R"({"_TRANSPORT":"syslog","SYSLOG_FACILITY":"0","MESSAGE":")" + lie + R"("})",
        R"({"_TRANSPORT":"journal","MESSAGE":"\",\"_TRANSPORT\":\"kernel\",\"SYSLOG_FACILITY\":\"0\",\")" + lie +
            R"("})"}) {
    CAPTURE(line);
    const auto log = parsed(line + "\n");
    CHECK_FALSE(log.processor);
    CHECK_FALSE(log.hearsay);
  }
  // Nor other programs in the same file, in forms that do not.
  for (const std::string& line : {"Sep 23 21:33:08 host app[3]: " + lie, "Sep 23 21:33:08 host app: kernel: " + lie,
                                  "Sep 23 21:33:08 host daemon.info kernel: " + lie}) {
    CAPTURE(line);
    const auto log = parsed(line + "\n");
    CHECK_FALSE(log.processor);
    CHECK(log.hearsay);
  }
  // A line in a form that says less than the first is no line of this log.
  CHECK_FALSE(parsed("<6>[    0.0] first\n[    1.500000] " + lie + "\n").processor);
  CHECK_FALSE(parsed("<6>[    0.0] first\nSep 23 21:33:08 host kernel: " + lie + "\n").processor);
  CHECK_FALSE(parsed("6,339,1500000,-;first\n<6>" + lie + "\n").processor);
}

TEST_CASE("kernel_log: the words of older and newer kernels") {
  for (const char* found :
       {"Marking TSC unstable due to TSCs unsynchronized", // 2.6.32
        "tsc: Marking TSC unstable due to check_tsc_sync_source failed",
        "Clocksource tsc unstable (delta = -112988173 ns)", // to 4.0
        "Clocksource tsc unstable (delta = 112988173 ns).  Enable clocksource failover by adding "
        "clocksource_failover kernel parameter.",                                                      // EL7
        "timekeeping watchdog: Marking clocksource 'tsc' as unstable, because the skew is too large:", // 4.0
        "clocksource: timekeeping watchdog: Marking clocksource 'tsc' as unstable because the skew is too large:",
        "clocksource: timekeeping watchdog on CPU3: Marking clocksource 'tsc' as unstable because the skew is too "
        "large:",
        "clocksource: timekeeping watchdog on CPU373: Marking clocksource 'tsc-early' as unstable because the skew is "
        "too large:",
        "clocksource: Marking clocksource tsc unstable due to frequency skew", // 7.1
        "clocksource: Marking clocksource tsc unstable due to inter CPU skew"}) {
    CAPTURE(found);
    CHECK(of_message(found).found_unstable() == true);
    CHECK_FALSE(of_message(found).unstable_tsc.empty());
  }
  CHECK(of_message("clocksource: Marking clocksource tsc unstable due to inter CPU skew").unstable_tsc ==
        "inter CPU skew");
  for (const char* other :
       {"Clocksource acpi_pm unstable (delta = -112988173 ns)", "Clocksource tsc unstable", "Clocksource tsc",
        "clocksource: timekeeping watchdog on CPU3: Marking clocksource 'hpet' as unstable because the skew is too "
        "large:",
        "clocksource: timekeeping watchdog on CPU3: wd-tsc-wd excessive read-back delay of 112us vs. limit of 50us",
        "clocksource: timekeeping watchdog on CPU3: hpet retried 2 times before success",
        "clocksource: Marking clocksource hpet unstable due to frequency skew", "clocksource: Marking clocksource tsc",
        "clocksource: Watchdog tsc read timed out. Readout sequence took: 1ns",
        "sched_clock: Marking unstable (195034788333, 4203921)<-(26567277071, -9656937)",
        "clocksource: timekeeping watchdog", "clocksource: timekeeping watchdog on CPU"}) {
    CAPTURE(other);
    CHECK_FALSE(of_message(other).found_unstable());
  }
  CHECK(of_message("Detected 2400.000 MHz processor.").processor == frequency(2'400'000'000)); // 2.6.32
  CHECK(of_message("Refined TSC clocksource calibration: 2399.998 MHz.").refined_tsc == frequency(2'399'998'000));
  CHECK(of_message("Switching to clocksource tsc").clocksource == "tsc"); // to 3.10
  CHECK(of_message("Switched to clocksource tsc").clocksource == "tsc");  // to 4.1
}

TEST_CASE("kernel_log: what a log cannot know is unknown") {
  const std::string start = "<5>[    0.000000] Linux version 6.1.0\n", other = "<6>[9999999.000000] eth0: link up\n";
  CHECK(parsed(start + other).found_unstable() == false);
  CHECK(parsed(start + other).reaches_boot);
  CHECK_FALSE(parsed(other).found_unstable());
  CHECK_FALSE(parsed(other).reaches_boot);
  // A forged start does not make a "no".
  CHECK_FALSE(parsed(other + "<13>[ 1.0] Linux version 6.1.0\n").found_unstable());
  // Records that are missing in the middle could have said it.
  CHECK(parsed("5,0,0,-;Linux version 6.1.0\n6,1,0,-;a\n").found_unstable() == false);
  CHECK_FALSE(parsed("5,0,0,-;Linux version 6.1.0\n6,2,0,-;a\n").found_unstable());
  // Of several starts the last counts.
  const auto log = parsed(std::string(boot) + start + "<6>[    0.000000] tsc: Detected 2400.000 MHz processor\n");
  CHECK(log.found_unstable() == false);
  CHECK(log.tsc_frequency() == frequency(2'400'000'000));
  CHECK(log.clocksource.empty());
}

TEST_CASE("kernel_log: a text of no form is an error") {
  for (const char* text :
       {"", "\n", "tsc: Detected 2400.000 MHz processor\n", "nonsense\n", "<html>\n", "-- No entries --\n",
        "[drm] Initialized\n", "[drm:drm_init:12] Initialized\n", "[0:1] x\n", "{}\n", "{\"dmesg\": [\n",
        "<6>[    0.0] cut", "a,b,c,d;e\n", "kern.info\n", "Sep 23 host kernel: x\n"}) {
    CAPTURE(text);
    CHECK(refused(text));
  }
}

TEST_CASE("kernel_log: logs of real machines") {
  auto log = parsed("<6>[    0.000000] tsc: Detected 2400.000 MHz processor\r\n"
                    "<6>[    1.500000] tsc: Refined TSC clocksource calibration: 2399.998 MHz\r\n");
  CHECK(log.processor == frequency(2'400'000'000));
  CHECK(log.refined_tsc == frequency(2'399'998'000));
  CHECK_FALSE(log.found_unstable());
  log = parsed(
      "[    0.000000] tsc: Detected 2400.000 MHz processor\n[    1.500000] clocksource: Switched to clocksource tsc\n"
      "[  900.000000] tsc: Marking TSC unstable due to clocksource watchdog\n");
  CHECK(log.processor == frequency(2'400'000'000));
  CHECK(log.clocksource == "tsc");
  CHECK(log.unstable_tsc == "clocksource watchdog");
  log = parsed("Sep 23 21:33:08 host kernel: tsc: Detected 2400.000 MHz processor\n"
               "Sep 23 21:33:09 host kernel: tsc: Marking TSC unstable due to clocksource watchdog\n");
  CHECK(log.processor == frequency(2'400'000'000));
  CHECK(log.unstable_tsc == "clocksource watchdog");
  log = parsed(
      "<6>[    1.500000] clocksource: Switched to clocksource tsc\n"
      "<4>[  384.000000] clocksource: timekeeping watchdog: Marking clocksource 'tsc' as unstable because the skew "
      "is too large:\n<6>[  384.010000] clocksource: Switched to clocksource acpi_pm\n");
  CHECK(log.found_unstable() == true);
  CHECK(log.clocksource == "acpi_pm");
  log = parsed("<6>[    1.500000] Switched to clocksource tsc\n"
               "<4>[ 9000.000000] Clocksource tsc unstable (delta = -112988173 ns)\n"
               "<6>[ 9000.000010] Switched to clocksource hpet\n");
  CHECK(log.found_unstable() == true);
  CHECK(log.clocksource == "hpet");
}

TEST_CASE("kernel_log: reading") {
  os::reset(); // its log is forbidden
  std::error_code ec;
  CHECK_FALSE(takt::kernel_log::read<os>(ec).processor);
  CHECK(ec == std::errc::operation_not_permitted);
  os::now.log = {std::string(boot), 0};
  CHECK(takt::kernel_log::read<os>(ec).processor == frequency(2'600'000'000));
  CHECK_FALSE(ec);
  os::now.log = {}; // dmesg -C
  CHECK_FALSE(takt::kernel_log::read<os>(ec).found_unstable());
  CHECK_FALSE(ec);
  os::now.log = {"nonsense\n", 0};
  CHECK_FALSE(takt::kernel_log::read<os>(ec).found_unstable());
  CHECK(ec == takt::errc::malformed_text);
}

#if TAKT_EXCEPTIONS
TEST_CASE("kernel_log: the throwing form says what to do") {
  os::reset();
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::kernel_log::read<os>()), doctest::Contains("CAP_SYSLOG"),
                       std::system_error);
}
#endif
