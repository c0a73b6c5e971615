// Protects: the kernel's flags of the first processor and whether the others agree; architectures without flags are
// "unknown"; a text that is cut is an error or right; no text costs more than time linear in its length.
#include <takt/kernel/cpuinfo.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {
using takt::cpuinfo;
using takt::cpuinfo;
using os = takt::testing::fake_os<struct cpuinfo_test>;
using names = std::vector<std::string>;

std::string processor(int number, const std::string& flags) {
  return "processor\t: " + std::to_string(number) +
         "\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) @ 2.60GHz\ncpu MHz\t\t: 2596.146\n"
         "flags\t\t: " +
         flags + "\nvmx flags\t: vnmi preemption_timer\nbugs\t\t: spectre_v1\npower management:\n\n";
}

const std::string x86 = processor(0, "fpu tsc rdtscp constant_tsc nonstop_tsc arat") +
                        processor(1, "fpu tsc rdtscp constant_tsc nonstop_tsc arat");

constexpr std::string_view arm64 =
    "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd evtstrm\nCPU part\t: 0xd0c\n\n"
    "Hardware\t: BCM2835\nModel\t\t: Raspberry Pi 4\n";
constexpr std::string_view riscv = "processor\t: 0\nhart\t\t: 0\nisa\t\t: rv64imafdc_zicntr\nmmu\t\t: sv39\n\n";

cpuinfo parsed(std::string_view text) {
  std::error_code ec = std::make_error_code(std::errc::io_error); // must be cleared
  auto info = cpuinfo::parse(text, ec);
  CHECK_FALSE(ec);
  return info;
}
} // namespace

TEST_CASE("cpuinfo: flags of the first processor") {
  const auto info = parsed(x86);
  CHECK(info.flags == names{"fpu", "tsc", "rdtscp", "constant_tsc", "nonstop_tsc", "arat"});
  CHECK(info.differing.empty());
  CHECK(info.has("constant_tsc") == true);
  CHECK(info.has("tsc_reliable") == false);
  CHECK(info.has("constant") == false);
  CHECK(info.has("vnmi") == false); // that is of another line
  CHECK(info.agree_on("constant_tsc") == true);
}

TEST_CASE("cpuinfo: processors that do not agree") {
  const auto info = parsed(processor(0, "tsc constant_tsc arat") + processor(1, "tsc arat new") +
                           processor(2, "tsc constant_tsc arat") + processor(3, "arat constant_tsc tsc"));
  CHECK(info.flags == names{"tsc", "constant_tsc", "arat"});
  CHECK(info.differing == names{"constant_tsc", "new"});
  CHECK(info.agree_on("constant_tsc") == false);
  CHECK(info.agree_on("new") == false);
  CHECK(info.agree_on("tsc") == true);
  CHECK_FALSE(takt::cpuinfo().agree_on("tsc")); // unknown without a line of flags
  CHECK(info.has("constant_tsc") == true);
  CHECK(info.has("new") == false);
}

TEST_CASE("cpuinfo: the last processor alone differs") {
  const auto info = parsed(processor(0, "tsc arat") + processor(1, "tsc arat") + processor(2, "tsc"));
  CHECK(info.differing == names{"arat"});
}

TEST_CASE("cpuinfo: the same flags in another order, or twice, are no difference") {
  CHECK(parsed(processor(0, "a b c") + processor(1, "c  a b b")).differing.empty());
  CHECK(parsed(processor(0, "a b a")).flags == names{"a", "b"});
}

TEST_CASE("cpuinfo: Arm and RISC-V have no such flags") {
  for (const std::string_view text : {arm64, riscv}) {
    const auto info = parsed(text);
    CHECK(info.flags.empty());
    CHECK(info.has("constant_tsc") == std::nullopt);
  }
}

TEST_CASE("cpuinfo: a text that is cut anywhere is refused, or right as far as it goes") {
  const auto whole = parsed(x86);
  std::size_t accepted = 0;
  test::for_each_cut(x86, [&](std::string_view cut) {
    std::error_code ec;
    const auto info = cpuinfo::parse(cut, ec);
    CAPTURE(cut);
    if (ec) CHECK(ec == takt::errc::malformed_text);
    CHECK((info.flags.empty() || info.flags == whole.flags));
    CHECK(info.differing.empty());
    if (!info.flags.empty()) ++accepted;
  });
  CHECK(accepted == 1); // between the two processors
}

TEST_CASE("cpuinfo: hostile texts") {
  for (const std::string& text : test::hostile_texts()) {
    for (const std::string& whole : {text, processor(0, "tsc") + text, "flags: " + text, "flags: " + text + "\n\n"}) {
      std::error_code ec;
      const auto info = cpuinfo::parse(whole, ec);
      if (ec) CHECK((info.flags.empty() && info.differing.empty()));
    }
  }
}

TEST_CASE("cpuinfo: more flags than there can be are nonsense, repeated ones only repetitions") {
  std::string many, same;
  for (std::size_t i = 0; i < takt::detail::cpu_flags_end; ++i) {
    many += "f" + std::to_string(i) + " ";
    same += "f ";
  }
  std::error_code ec;
  CHECK(cpuinfo::parse(processor(0, many), ec).flags.empty());
  CHECK(ec == takt::errc::malformed_text);
  CHECK(parsed(processor(0, same)).flags == names{"f"});
}

TEST_CASE("cpuinfo: 4096 processors") {
  std::string text;
  for (int cpu = 0; cpu < 4096; ++cpu) text += processor(cpu, cpu == 4095 ? "tsc" : "tsc constant_tsc");
  const auto info = parsed(text);
  CHECK(info.flags == names{"tsc", "constant_tsc"});
  CHECK(info.differing == names{"constant_tsc"});
}

TEST_CASE("cpuinfo: more processors than any machine has are nonsense") {
  std::string text;
  for (unsigned cpu = 0; cpu <= takt::detail::cpu_number_end; ++cpu) text += "flags:\n\n";
  std::error_code ec;
  static_cast<void>(cpuinfo::parse(text, ec));
  CHECK(ec == takt::errc::malformed_text);
}

TEST_CASE("cpuinfo: reading absent, unreadable, empty and sound files") {
  os::reset();
  std::error_code ec;
  CHECK(takt::cpuinfo::read<os>(ec).flags.empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::cpuinfo_path].error = EACCES;
  CHECK(takt::cpuinfo::read<os>(ec).flags.empty());
  CHECK(ec == std::errc::permission_denied);
  os::now.files[takt::detail::cpuinfo_path] = {};
  CHECK(takt::cpuinfo::read<os>(ec).flags.empty());
  CHECK(ec == takt::errc::malformed_text);
  os::now.files[takt::detail::cpuinfo_path].value = x86;
  CHECK(takt::cpuinfo::read<os>(ec).has("arat") == true);
  CHECK_FALSE(ec);
}

TEST_CASE("cpuinfo: CPUs online") {
  os::reset();
  std::error_code ec;
  CHECK(takt::online_cpus<os>(ec).empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::online_cpus_path].value = "0,2-3\n";
  CHECK(takt::online_cpus<os>(ec) == std::vector<unsigned>{0, 2, 3});
  CHECK_FALSE(ec);
  os::now.files[takt::detail::online_cpus_path].value = "0,2-";
  CHECK(takt::online_cpus<os>(ec).empty());
  CHECK(ec == takt::errc::malformed_text);
  os::now.files[takt::detail::online_cpus_path].error = EACCES;
  CHECK(takt::online_cpus<os>(ec).empty());
  CHECK(ec == std::errc::permission_denied);
}

TEST_CASE("cpuinfo: the rate of the TSC where a module offers it") {
  std::error_code ec;
  CHECK(takt::detail::parse_tsc_freq_khz("2596146\n", ec) == takt::frequency(2'596'146'000));
  CHECK_FALSE(ec);
  for (const char* text : {"", "\n", "2596146", "0\n", "-1\n", "2596146 kHz\n", "2596146\n\n", "1000000001\n", "9e9\n",
                           "18446744073709551617\n"}) {
    CAPTURE(text);
    CHECK(takt::detail::parse_tsc_freq_khz(text, ec) == takt::frequency());
    CHECK(ec == takt::errc::malformed_text);
  }
  for (const std::string& text : test::hostile_texts()) {
    if (takt::detail::parse_tsc_freq_khz(text, ec).hertz() > 0) CHECK_FALSE(ec);
  }
  os::reset();
  CHECK(takt::detail::tsc_freq_khz<os>(ec) == takt::frequency());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::tsc_freq_khz_path].value = "2596146\n";
  CHECK(takt::detail::tsc_freq_khz<os>(ec) == takt::frequency(2'596'146'000));
  CHECK_FALSE(ec);
}

#if TAKT_EXCEPTIONS
TEST_CASE("cpuinfo: the throwing forms name the file") {
  os::reset();
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::cpuinfo::read<os>()), doctest::Contains("/proc/cpuinfo"),
                       std::system_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::online_cpus<os>()), doctest::Contains(takt::detail::online_cpus_path),
                       std::system_error);
}
#endif
