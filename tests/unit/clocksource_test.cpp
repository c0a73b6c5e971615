// Protects: the names of clock sources are whole or an error, and a selection that the kernel refused or ignored is
// never taken for done.
#include <takt/kernel/clocksource.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {
namespace clocksource = takt::clocksource;
using os = takt::testing::fake_os<struct clocksource_test>;
using names = std::vector<std::string>;

/// A kernel that takes every write and stays with what it has, as Linux does with a name it does not know.
struct stubborn : os {
  static int write_file(const char*, const std::string&) { return 0; }
};

void boot(const std::string& current = "tsc\n", const std::string& available = "tsc hpet acpi_pm \n") {
  os::reset();
  os::now.files[takt::detail::current_clocksource_path].value = current;
  os::now.files[takt::detail::available_clocksources_path].value = available;
}
} // namespace

TEST_CASE("clocksource: current and available") {
  boot();
  std::error_code ec = std::make_error_code(std::errc::io_error);
  CHECK(clocksource::current<os>(ec) == "tsc");
  CHECK_FALSE(ec);
  CHECK(clocksource::available<os>(ec) == names{"tsc", "hpet", "acpi_pm"});
  CHECK_FALSE(ec);
  boot("arch_sys_counter\n", "arch_sys_counter \n");
  CHECK(clocksource::current<os>(ec) == "arch_sys_counter");
  CHECK(clocksource::available<os>(ec) == names{"arch_sys_counter"});
  boot("tsc\n", "\n");
  CHECK(clocksource::available<os>(ec).empty());
  CHECK_FALSE(ec);
}

TEST_CASE("clocksource: absent, unreadable, huge") {
  os::reset();
  std::error_code ec;
  CHECK(clocksource::current<os>(ec).empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  CHECK(clocksource::available<os>(ec).empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::current_clocksource_path].error = EACCES;
  CHECK(clocksource::current<os>(ec).empty());
  CHECK(ec == std::errc::permission_denied);
  boot(std::string(1 << 20, 'x') + "\n", std::string(1 << 20, 'x') + "\n");
  CHECK(clocksource::current<os>(ec).empty());
  CHECK(ec == std::errc::file_too_large);
  CHECK(clocksource::available<os>(ec).empty());
  CHECK(ec == std::errc::file_too_large);
}

TEST_CASE("clocksource: a text that is cut anywhere is malformed, not a shorter name") {
  std::error_code ec;
  test::for_each_cut("acpi_pm\n", [&](std::string_view cut) {
    CHECK(takt::detail::parse_current_clocksource(cut, ec).empty());
    CHECK(ec == takt::errc::malformed_text);
  });
  test::for_each_cut("tsc hpet acpi_pm \n", [&](std::string_view cut) {
    CHECK(takt::detail::parse_available_clocksources(cut, ec).empty());
    CHECK(ec == takt::errc::malformed_text);
  });
}

TEST_CASE("clocksource: what is no single name is malformed") {
  std::error_code ec;
  for (const char* text : {"\n", " \n", "tsc hpet\n", "tsc\nhpet\n", "tsc\n\n", "tsc\r\n", "\x1b[2J\n", "tsc\x7f\n"}) {
    CAPTURE(text);
    CHECK(takt::detail::parse_current_clocksource(text, ec).empty());
    CHECK(ec == takt::errc::malformed_text);
  }
  for (const char* text : {"tsc\nhpet\n", "tsc hpet", "tsc \x1b[2J \n"}) {
    CAPTURE(text);
    CHECK(takt::detail::parse_available_clocksources(text, ec).empty());
    CHECK(ec == takt::errc::malformed_text);
  }
  for (const std::string& text : test::hostile_texts()) {
    const bool no_name = takt::detail::parse_current_clocksource(text, ec).empty();
    CHECK(no_name == (ec == takt::errc::malformed_text));
    if (!takt::detail::parse_available_clocksources(text, ec).empty()) CHECK_FALSE(ec);
  }
}

TEST_CASE("clocksource: select") {
  boot();
  std::error_code ec = std::make_error_code(std::errc::io_error);
  clocksource::select<os>("hpet", ec);
  CHECK_FALSE(ec);
  CHECK(clocksource::current<os>(ec) == "hpet");
}

// The kernel counts all that is written, a newline too, and takes 31 bytes.
TEST_CASE("clocksource: a name of 31 bytes is written as it is") {
  struct counting : os {
    static int write_file(const char* path, const std::string& text) {
      return text.size() > 31 ? EINVAL : os::write_file(path, text);
    }
  };
  boot();
  std::error_code ec;
  clocksource::select<counting>(std::string(31, 'x'), ec);
  CHECK_FALSE(ec);
}

TEST_CASE("clocksource: the kernel's refusal is passed on") {
  boot();
  std::error_code ec;
  os::now.write_errors[takt::detail::current_clocksource_path] = EACCES;
  clocksource::select<os>("hpet", ec);
  CHECK(ec == std::errc::permission_denied);
  os::reset();
  clocksource::select<os>("hpet", ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
}

TEST_CASE("clocksource: a selection the kernel ignores has no effect, and that is an error") {
  boot();
  std::error_code ec;
  clocksource::select<stubborn>("hpet", ec);
  CHECK(ec == takt::errc::no_effect);
  clocksource::select<stubborn>("tsc", ec);
  CHECK_FALSE(ec);
  os::now.files[takt::detail::current_clocksource_path].value = "";
  clocksource::select<stubborn>("tsc", ec);
  CHECK(ec == takt::errc::malformed_text);
}

TEST_CASE("clocksource: a name that cannot be one is not even written") {
  boot();
  for (const std::string& name : {std::string(), std::string("a b"), std::string("hpet\n"), std::string("\thpet"),
                                  std::string("a\0b", 3), std::string("\x7f")}) {
    std::error_code ec;
    clocksource::select<os>(name, ec);
    CHECK(ec == std::errc::invalid_argument);
  }
  CHECK(os::now.files[takt::detail::current_clocksource_path].value == "tsc\n");
}

#if TAKT_EXCEPTIONS
TEST_CASE("clocksource: the throwing forms name the file and the remedy") {
  boot();
  CHECK(clocksource::current<os>() == "tsc");
  CHECK(clocksource::available<os>().size() == 3);
  os::now.write_errors[takt::detail::current_clocksource_path] = EACCES;
  try {
    clocksource::select<os>("hpet");
    FAIL("select did not throw");
  } catch (const std::system_error& e) {
    CHECK(e.code() == std::errc::permission_denied);
    const std::string what = e.what();
    CHECK(what.find("\"hpet\"") != std::string::npos);
    CHECK(what.find(takt::detail::current_clocksource_path) != std::string::npos);
    CHECK(what.find("root") != std::string::npos);
  }
  CHECK_THROWS_WITH_AS(clocksource::select<os>("a b"), doctest::Contains("available_clocksource lists"), std::system_error);
  os::reset();
  CHECK_THROWS_WITH_AS(static_cast<void>(clocksource::current<os>()), doctest::Contains("is /sys mounted?"), std::system_error);
  CHECK_THROWS_AS(static_cast<void>(clocksource::available<os>()), std::system_error);
  os::now.files[takt::detail::current_clocksource_path].error = EACCES;
  CHECK_THROWS_WITH_AS(static_cast<void>(clocksource::current<os>()), doctest::Contains("needs the right to read it"),
                       std::system_error);
}
#endif
