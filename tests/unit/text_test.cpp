// Protects: the common ground of all parsers of the kernel room. A line without its newline is no line, a number is
// decimal, whole and fits, and a CPU list is ascending and bounded however it is written.
#include <takt/kernel/detail/text.hpp>
#include <takt/testing/fake_os.hpp>
#include <support/hostile_text.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {
using namespace takt::detail;
using os = takt::testing::fake_os<struct text_test>;

std::vector<unsigned> cpus(std::string_view text) {
  std::error_code ec = std::make_error_code(std::errc::io_error); // must be cleared
  auto list = parse_cpu_list(text, ec);
  CHECK_FALSE(ec);
  return list;
}

bool refused(std::string_view text) {
  std::error_code ec;
  const auto list = parse_cpu_list(text, ec);
  return ec == takt::errc::malformed_text && list.empty();
}

static_assert(is_name("arch_sys_counter") && is_name("a b") && is_name("\xc3\xa4"));
static_assert(!is_name("") && !is_name("a\n") && !is_name("\x1b[2J") && !is_name("\x7f") && !is_name({"\0", 1}));
static_assert(trimmed(" \t a b\t ") == "a b");
static_assert(trimmed(" \t ").empty());
static_assert(parse_number<std::uint8_t>("255") == std::uint8_t{255});
static_assert(!parse_number<std::uint8_t>("256"));
static_assert(!parse_number<std::uint8_t>("260")); // overflows in the last digit only
static_assert(parse_number<std::uint64_t>("18446744073709551615") == ~std::uint64_t{0});
static_assert(!parse_number<std::uint64_t>("18446744073709551616"));
static_assert(!parse_number<std::uint64_t>("20000000000000000000"));
static_assert(parse_number<int>("0007") == 7);
static_assert(!parse_number<int>(""));
static_assert(!parse_number<int>("-1"));
static_assert(!parse_number<int>("1 "));
static_assert(!parse_number<int>("/"));
static_assert(!parse_number<int>(":"));
} // namespace

TEST_CASE("text: words are what stands between blanks") {
  std::string_view text = "  LOC:\t 12  ";
  CHECK(next_word(text) == "LOC:");
  CHECK(next_word(text) == "12");
  CHECK(next_word(text).empty());
  CHECK(next_word(text).empty());
}

TEST_CASE("text: a line counts only with its newline") {
  std::string_view text = "a\n\nb", line;
  CHECK((next_line(text, line) && line == "a"));
  CHECK((next_line(text, line) && line.empty()));
  line = "before";
  CHECK_FALSE(next_line(text, line));
  CHECK((line.empty() && text == "b"));
  CHECK((only_line("tsc\n", line) && line == "tsc"));
  CHECK((only_line("\n", line) && line.empty()));
  for (const char* not_one : {"tsc", "", "tsc\n\n", "a\nb\n"}) {
    line = "before";
    CHECK_FALSE(only_line(not_one, line));
    CHECK(line.empty());
  }
}

TEST_CASE("text: CPU lists as the kernel prints them") {
  CHECK(cpus("0-3,8\n") == std::vector<unsigned>{0, 1, 2, 3, 8});
  CHECK(cpus("0\n") == std::vector<unsigned>{0});
  CHECK(cpus("1,3,5-6\n") == std::vector<unsigned>{1, 3, 5, 6});
  CHECK(cpus("7-7\n") == std::vector<unsigned>{7});
  CHECK(cpus("\n").empty());
  const auto many = cpus("0-4095\n");
  REQUIRE(many.size() == 4096);
  CHECK(many.back() == 4095);
  CHECK(cpus("65535\n") == std::vector<unsigned>{65535});
}

TEST_CASE("text: CPU lists of any other form are refused") {
  for (const char* text : {"",
                           "0-3",
                           "0-3,\n",
                           ",0\n",
                           "0,,1\n",
                           "3-1\n",
                           "0,0\n",
                           "0-3,3\n",
                           "4,2\n",
                           "a\n",
                           "0-x\n",
                           "0--3\n",
                           "0-1-2\n",
                           "-1\n",
                           "65536\n",
                           "0-65536\n",
                           "0-4294967295\n",
                           "4294967296\n",
                           "0-18446744073709551616\n",
                           "0 1\n",
                           "0\n1\n",
                           "0x1\n"}) {
    CAPTURE(text);
    CHECK(refused(text));
  }
  for (const std::string& text : test::hostile_texts()) {
    std::error_code ec;
    const auto list = parse_cpu_list(text, ec);
    if (ec) CHECK(list.empty());
  }
}

TEST_CASE("text: a CPU list that is cut anywhere is refused") {
  test::for_each_cut("0-3,8,12-15\n", [](std::string_view cut) { CHECK(refused(cut)); });
}

TEST_CASE("text: a file is read whole or not at all") {
  os::reset();
  std::error_code ec;
  CHECK(read_text<os>("/a", 10, ec).empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files["/a"].value = "0123456789";
  CHECK(read_text<os>("/a", 10, ec) == "0123456789");
  CHECK_FALSE(ec);
  CHECK(read_text<os>("/a", 9, ec).empty());
  CHECK(ec == std::errc::file_too_large);
  os::now.files["/a"].error = EACCES;
  CHECK(read_text<os>("/a", 10, ec).empty());
  CHECK(ec == std::errc::permission_denied);
}
