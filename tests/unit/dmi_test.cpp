// Protects: the speeds that firmware writes into its tables, from any version of them; that empty sockets and fields at 0
// are unknown; that a table which is cut or contradicts itself is an error, and no byte beyond its end is read.
#include <takt/kernel/detail/dmi.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <string>
#include <string_view>
#include <system_error>

namespace {
using takt::detail::dmi_processor;
using takt::frequency;
using os = takt::testing::fake_os<struct dmi_test>;

/// A structure: its fields from offset 4 on, and strings, each with its NUL.
std::string structure(unsigned type, const std::string& fields, std::string strings = {}) {
  std::string s = {static_cast<char>(type), static_cast<char>(4 + fields.size()), 1, 0};
  if (strings.empty()) strings = std::string(1, '\0');
  return s + fields + strings + '\0';
}
/// Type 4 of SMBIOS 2.0 or newer, of `length` bytes.
std::string processor(unsigned clock, unsigned max, unsigned current, unsigned status, std::size_t length = 0x30) {
  std::string fields(0x30 - 4, '\x11');
  const auto word = [&](std::size_t offset, unsigned value) {
    fields[offset - 4] = static_cast<char>(value & 0xff);
    fields[offset - 3] = static_cast<char>(value >> 8);
  };
  word(0x12, clock), word(0x14, max), word(0x16, current);
  fields[0x18 - 4] = static_cast<char>(status);
  return structure(4, fields.substr(0, length - 4), std::string("CPU 0\0Intel\0", 12));
}
const std::string end = structure(127, ""), bios = structure(0, std::string(20, '\4'), std::string("vendor\0", 7));

std::vector<dmi_processor> parsed(const std::string& table) {
  std::error_code ec = std::make_error_code(std::errc::io_error); // must be cleared
  auto found = takt::detail::parse_dmi_processors(table, ec);
  CHECK_FALSE(ec);
  return found;
}
bool refused(const std::string& table) {
  std::error_code ec;
  return takt::detail::parse_dmi_processors(table, ec).empty() && ec == takt::errc::malformed_text;
}
} // namespace

TEST_CASE("dmi: external clock, highest and current speed of each processor") {
  const auto p = parsed(bios + processor(100, 4000, 2600, 0x41) + processor(100, 0, 65535, 0x41) + end);
  REQUIRE(p.size() == 2);
  CHECK(p[0] == dmi_processor{frequency(100e6), frequency(4000e6), frequency(2600e6)});
  CHECK_FALSE(p[1].max_speed);
  CHECK(p[1].current_speed == frequency(65535e6));
}

TEST_CASE("dmi: empty sockets are left out, fields that an old table does not have are unknown") {
  CHECK(parsed(processor(100, 4000, 2600, 0x00) + end).empty());
  CHECK(parsed(bios + end).empty());
  const auto p = parsed(processor(100, 4000, 2600, 0x41, 0x16) + end); // ends before the current speed
  REQUIRE(p.size() == 1);
  CHECK(p[0].max_speed == frequency(4000e6));
  CHECK_FALSE(p[0].current_speed);
  CHECK(parsed(processor(100, 4000, 2600, 0x41, 0x15) + end)[0] == dmi_processor{frequency(100e6), {}, {}});
  CHECK(parsed(processor(100, 4000, 2600, 0x41, 4) + end)[0] == dmi_processor{});
}

TEST_CASE("dmi: the end marker ends the table, and may be missing") {
  CHECK(parsed(processor(0, 0, 2600, 0x41)).size() == 1);
  CHECK(parsed(end + processor(0, 0, 2600, 0x41)).empty());
  CHECK(parsed(processor(0, 0, 2600, 0x41) + end + "padding").size() == 1);
}

TEST_CASE("dmi: a table that is cut is an error or ends at a structure") {
  const std::string table = bios + processor(100, 4000, 2600, 0x41) + end;
  std::size_t sound = 0;
  test::for_each_cut(table, [&](std::string_view cut) {
    std::error_code ec;
    const auto p = takt::detail::parse_dmi_processors(cut, ec);
    if (ec) CHECK(p.empty());
    else ++sound;
  });
  CHECK(sound == 2); // behind the first structure, and the second
  CHECK(refused(""));
  CHECK(refused(std::string("\x04\x03\x00\x00\x00\x00", 6))); // shorter than its header
  CHECK(refused(std::string("\x04\xff\x00\x00\x00\x00", 6))); // longer than the table
  CHECK(refused(std::string("\x04\x04\x00\x00", 4)));         // no strings
  CHECK(refused(std::string("\x04\x04\x00\x00\x00", 5)));
}

TEST_CASE("dmi: hostile tables") {
  for (const std::string& text : test::hostile_texts()) {
    for (const std::string& whole : {text, bios + text, processor(100, 4000, 2600, 0x41) + text}) {
      std::error_code ec;
      const auto p = takt::detail::parse_dmi_processors(whole, ec);
      CHECK((!ec || p.empty()));
    }
  }
}

TEST_CASE("dmi: reading") {
  os::reset();
  std::error_code ec;
  CHECK(takt::detail::read_dmi_processors<os>(ec).empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::dmi_table_path].error = EACCES;
  CHECK(takt::detail::read_dmi_processors<os>(ec).empty());
  CHECK(ec == std::errc::permission_denied);
  os::now.files[takt::detail::dmi_table_path] = {processor(100, 4000, 2600, 0x41) + end, 0};
  CHECK(takt::detail::read_dmi_processors<os>(ec).size() == 1);
  CHECK_FALSE(ec);
}
