// Protects: HZ out of the length of a tick, for every HZ that Linux can be built with and for nothing else; what a
// kernel configuration and the nohz_full list say, and that contradictions and cuts say nothing.
#include <takt/kernel/tick.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {
using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::frequency;
using takt::detail::kernel_hz_of;
using tick_mode = takt::kernel_config::tick_mode;
using os = takt::testing::fake_os<struct tick_test>;
using cpus = std::vector<unsigned>;

static_assert(kernel_hz_of(4ms) == frequency(250));
static_assert(kernel_hz_of(3333333ns) == frequency(300));
static_assert(kernel_hz_of(976563ns) == frequency(1024));
static_assert(kernel_hz_of(83333333ns) == frequency(12));
static_assert(kernel_hz_of(81387ns) == frequency(12287));
static_assert(!kernel_hz_of(81380ns));    // 12288
static_assert(!kernel_hz_of(90909091ns)); // 11
static_assert(!kernel_hz_of(3333334ns));
static_assert(!kernel_hz_of(3333332ns));
static_assert(!kernel_hz_of(1ns));
static_assert(!kernel_hz_of(0ns));
static_assert(!kernel_hz_of(-4ms));
static_assert(!kernel_hz_of(1s));
static_assert(!kernel_hz_of(nanoseconds::max()));
static_assert(!kernel_hz_of(nanoseconds::min()));

constexpr std::string_view debian = "#\n"
                                    "# Automatically generated file; DO NOT EDIT.\n"
                                    "# Linux/x86 6.1.76 Kernel Configuration\n"
                                    "#\n"
                                    "CONFIG_TICK_ONESHOT=y\n"
                                    "CONFIG_NO_HZ_COMMON=y\n"
                                    "# CONFIG_HZ_PERIODIC is not set\n"
                                    "# CONFIG_NO_HZ_IDLE is not set\n"
                                    "CONFIG_NO_HZ_FULL=y\n"
                                    "CONFIG_HIGH_RES_TIMERS=y\n"
                                    "# CONFIG_HZ_100 is not set\n"
                                    "CONFIG_HZ_250=y\n"
                                    "CONFIG_HZ=250\n"
                                    "CONFIG_SCHED_HRTICK=y\n";
} // namespace

TEST_CASE("tick: every HZ comes back from its tick") {
  for (int hz = takt::detail::kernel_hz_begin; hz < takt::detail::kernel_hz_end; ++hz) {
    const nanoseconds tick((1'000'000'000 + hz / 2) / hz); // TICK_NSEC of include/linux/jiffies.h
    REQUIRE(kernel_hz_of(tick) == frequency(hz));
  }
}

TEST_CASE("tick: HZ by the coarse clock") {
  os::reset();
  std::error_code ec;
  CHECK(takt::kernel_hz<os>(ec) == frequency());
  CHECK(ec == std::errc::invalid_argument); // the clock is unknown
  os::now.resolutions[CLOCK_MONOTONIC_COARSE].value = {0, 10'000'000};
  CHECK(takt::kernel_hz<os>(ec) == frequency(100));
  CHECK_FALSE(ec);
  for (const timespec resolution : {timespec{0, 1}, timespec{0, 0}, timespec{1, 0}, timespec{0, -4'000'000},
                                    timespec{-1, 1'004'000'000}, timespec{0, 1'000'000'000}}) {
    os::now.resolutions[CLOCK_MONOTONIC_COARSE].value = resolution;
    CHECK(takt::kernel_hz<os>(ec) == frequency());
    CHECK(ec == std::errc::result_out_of_range);
  }
}

TEST_CASE("tick: a configuration") {
  const auto config = takt::kernel_config::parse(debian);
  CHECK(config.tick == tick_mode::full);
  CHECK(config.hz == frequency(250));
  CHECK(config.high_resolution_timers == true);
  CHECK(takt::kernel_config::parse("CONFIG_HZ_PERIODIC=y\n").tick == tick_mode::periodic);
  CHECK(takt::kernel_config::parse("CONFIG_NO_HZ_IDLE=y\n").tick == tick_mode::idle);
  CHECK(takt::kernel_config::parse("# CONFIG_HIGH_RES_TIMERS is not set\n").high_resolution_timers == false);
}

TEST_CASE("tick: a configuration says how CPU time is accounted") {
  using cpu_accounting = takt::kernel_config::cpu_accounting;
  const auto of = [](std::string_view text) { return takt::kernel_config::parse(text).accounting; };
  CHECK(of("CONFIG_TICK_CPU_ACCOUNTING=y\n# CONFIG_VIRT_CPU_ACCOUNTING_GEN is not set\n") == cpu_accounting::tick);
  CHECK(of("# CONFIG_TICK_CPU_ACCOUNTING is not set\nCONFIG_VIRT_CPU_ACCOUNTING=y\nCONFIG_VIRT_CPU_ACCOUNTING_GEN=y\n") ==
        cpu_accounting::nohz_full);
  CHECK(of("CONFIG_VIRT_CPU_ACCOUNTING=y\nCONFIG_VIRT_CPU_ACCOUNTING_NATIVE=y\n") == cpu_accounting::exact);
  CHECK(of("CONFIG_TICK_CPU_ACCOUNTING=y\nCONFIG_VIRT_CPU_ACCOUNTING_GEN=y\n") == cpu_accounting::unknown);
  CHECK(of("CONFIG_TICK_CPU_ACCOUNTING=m\nCONFIG_HZ=250\n") == cpu_accounting::unknown);
  CHECK(of("CONFIG_TICK_CPU_ACCOUNTING=y") == cpu_accounting::unknown); // cut
}

TEST_CASE("tick: what a configuration does not say stays empty") {
  const auto config = takt::kernel_config::parse("CONFIG_TICK_ONESHOT=y\n# CONFIG_NO_HZ_IDLE is not set\n");
  CHECK(config.tick == tick_mode::unknown);
  CHECK_FALSE(config.hz);
  CHECK_FALSE(config.high_resolution_timers);
}

TEST_CASE("tick: contradictions and nonsense say nothing") {
  CHECK(takt::kernel_config::parse("CONFIG_NO_HZ_IDLE=y\nCONFIG_NO_HZ_FULL=y\n").tick == tick_mode::unknown);
  CHECK_FALSE(takt::kernel_config::parse("CONFIG_HZ=250\nCONFIG_HZ=1000\n").hz);
  CHECK_FALSE(takt::kernel_config::parse("CONFIG_HZ=250\nCONFIG_HZ=1000\nCONFIG_HZ=1000\n").hz);
  CHECK(takt::kernel_config::parse("CONFIG_HZ=250\nCONFIG_HZ=250\n").hz == frequency(250));
  for (const char* text :
       {"CONFIG_HZ=\n", "CONFIG_HZ=0\n", "CONFIG_HZ=11\n", "CONFIG_HZ=12288\n", "CONFIG_HZ=-250\n", "CONFIG_HZ=250 \n",
        "CONFIG_HZ=0x10\n", "CONFIG_HZ=99999999999\n", " CONFIG_HZ=250\n", "#CONFIG_HZ=250\n", "CONFIG_HZ_250=250\n"}) {
    CAPTURE(text);
    CHECK_FALSE(takt::kernel_config::parse(text).hz);
  }
  for (const std::string& text : test::hostile_texts()) {
    const auto config = takt::kernel_config::parse(text);
    CHECK_FALSE(config.hz);
    CHECK(config.tick == tick_mode::unknown);
    CHECK_FALSE(config.high_resolution_timers);
  }
}

TEST_CASE("tick: a configuration that is cut anywhere is right or empty") {
  test::for_each_cut(debian, [](std::string_view cut) {
    const auto config = takt::kernel_config::parse(cut);
    CHECK((config.tick == tick_mode::unknown || config.tick == tick_mode::full));
    CHECK((!config.hz || config.hz == frequency(250)));
    CHECK((!config.high_resolution_timers || config.high_resolution_timers == true));
  });
}

TEST_CASE("tick: the configuration is that of the running kernel's release") {
  os::reset();
  std::error_code ec;
  CHECK_FALSE(takt::kernel_config::read<os>(ec).hz);
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.release.value = "6.1.0-18-amd64";
  os::now.files["/boot/config-6.1.0-18-amd64"].value = debian;
  CHECK(takt::kernel_config::read<os>(ec).hz == frequency(250));
  CHECK_FALSE(ec);
  os::now.files["/boot/config-6.1.0-18-amd64"].error = EACCES;
  CHECK_FALSE(takt::kernel_config::read<os>(ec).hz);
  CHECK(ec == std::errc::permission_denied);
  os::now.files["/boot/config-6.1.0-18-amd64"] = {std::string(takt::detail::kernel_config_file_limit + 1, 'x'), 0};
  CHECK_FALSE(takt::kernel_config::read<os>(ec).hz);
  CHECK(ec == std::errc::file_too_large);
  os::now.release.error = EFAULT;
  CHECK_FALSE(takt::kernel_config::read<os>(ec).hz);
  CHECK(ec == std::errc::bad_address);
}

TEST_CASE("tick: the nohz_full list") {
  os::reset();
  std::error_code ec;
  CHECK(takt::nohz_full_cpus<os>(ec).empty()); // a kernel without the feature
  CHECK(ec == std::errc::no_such_file_or_directory);
  const std::string_view el7("\0\n", 2); // 3.10.0 of EL7
  for (const std::string_view none :
       {std::string_view("\n"), std::string_view("  (null)\n"), std::string_view("(null)\n"), el7}) {
    os::now.files[takt::detail::nohz_full_path].value = none;
    CHECK(takt::nohz_full_cpus<os>(ec) == cpus{});
    CHECK_FALSE(ec);
  }
  os::now.files[takt::detail::nohz_full_path].value = "1-3,7\n";
  CHECK(takt::nohz_full_cpus<os>(ec) == cpus{1, 2, 3, 7});
  CHECK_FALSE(ec);
  os::now.files[takt::detail::nohz_full_path].error = EACCES;
  CHECK(takt::nohz_full_cpus<os>(ec).empty());
  CHECK(ec == std::errc::permission_denied);
  os::now.files[takt::detail::nohz_full_path] = {std::string(1 << 20, '1') + "\n", 0};
  CHECK(takt::nohz_full_cpus<os>(ec).empty());
  CHECK(ec == std::errc::file_too_large);
}

TEST_CASE("tick: a NUL stands at the end of the list or nowhere") {
  std::error_code ec;
  CHECK(takt::detail::parse_nohz_full(std::string_view("1-3\0\n", 5), ec) == cpus{1, 2, 3});
  CHECK_FALSE(ec);
  for (const std::string_view text :
       {std::string_view("\0", 1), std::string_view("\0\0\n", 3), std::string_view("1\0,2\n", 5),
        std::string_view("\0001\n", 3), std::string_view("\n\0", 2)}) {
    CHECK(takt::detail::parse_nohz_full(text, ec).empty());
    CHECK(ec == takt::errc::malformed_text);
  }
}

TEST_CASE("tick: a nohz_full list that is cut anywhere is refused") {
  std::error_code ec;
  for (const std::string_view text : {"1-3,7\n", "  (null)\n"}) {
    test::for_each_cut(text, [&](std::string_view cut) {
      CHECK(takt::detail::parse_nohz_full(cut, ec).empty());
      CHECK(ec == takt::errc::malformed_text);
    });
  }
}

#if TAKT_EXCEPTIONS
TEST_CASE("tick: the throwing forms name what was asked") {
  os::reset();
  os::now.release.value = "6.1.0-18-amd64";
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::kernel_config::read<os>()),
                       doctest::Contains("/boot/config-6.1.0-18-amd64"), std::system_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::kernel_hz<os>()), doctest::Contains("clock_getres"), std::system_error);
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::nohz_full_cpus<os>()), doctest::Contains(takt::detail::nohz_full_path),
                       std::system_error);
  os::now.files[takt::detail::nohz_full_path].value = "1-";
  CHECK_THROWS_WITH_AS(static_cast<void>(takt::nohz_full_cpus<os>()), doctest::Contains(takt::detail::nohz_full_path),
                       std::system_error);
}
#endif
