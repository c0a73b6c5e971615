// grid_origin.hpp: the offset of a time namespace is found where the kernel tells it, and never guessed where not.
#include <cerrno>
#include <chrono>
#include <doctest/doctest.h>
#include <string>
#include <takt/testing/fake_os.hpp>
#include <takt/timer/grid_origin.hpp>

#include "support/hostile_text.hpp"

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::errc;
using takt::time_offsets;

const std::string offsets = "monotonic          -3 999999999\nboottime      1000000         5\n";
constexpr time_offsets told{-2'000'000'001ns, 1'000'000'000'000'005ns};

// Each case has its own system: what is known of the origin is kept by type.
template <class Tag> struct machine : takt::testing::fake_os<Tag> {
  using base = takt::testing::fake_os<Tag>;
  static void in_namespace() {
    base::reset();
    base::now.links[takt::own_time_namespace_path].value = "time:[4026532001]";
    base::now.links[takt::childrens_time_namespace_path].value = "time:[4026532001]";
    base::now.files[takt::time_offsets_path].value = offsets;
  }
};

} // namespace

TEST_CASE("offsets of either sign are parsed, in any order, beside clocks that do not concern us") {
  std::error_code ec;
  CHECK(takt::parse_time_offsets(offsets, ec) == told);
  CHECK_FALSE(ec);
  const auto parsed = takt::parse_time_offsets("boottime 1 2\nnovel 7 7\nmonotonic 0 0\n", ec);
  CHECK(parsed == time_offsets{0ns, 1'000'000'002ns});
  CHECK_FALSE(ec);
}

TEST_CASE("texts that are no offsets are refused") {
  std::error_code ec;
  const auto refused = [&](std::string_view text) {
    CAPTURE(text.substr(0, 60));
    CHECK(takt::parse_time_offsets(text, ec) == time_offsets());
    CHECK(ec == errc::malformed_text);
  };
  test::for_each_cut(offsets, refused);
  for (const std::string& text : test::hostile_texts()) refused(text);
  for (const char* text :
       {"monotonic 0 0\n", "boottime 0 0\n", "monotonic 0 0\nmonotonic 0 0\nboottime 0 0\n", "monotonic 0\nboottime 0 0\n",
        "monotonic 0 1000000000\nboottime 0 0\n", "monotonic 0 -1\nboottime 0 0\n", "monotonic 0 0 0\nboottime 0 0\n",
        "monotonic --1 0\nboottime 0 0\n", "monotonic 9223372036854775808 0\nboottime 0 0\n",
        "monotonic 0 0\nboottime 0 0\n\n"}) {
    refused(text);
  }
}

TEST_CASE("outside time namespaces nothing but one link is looked at, and the origin is zero") {
  using os = machine<struct outside>;
  os::reset();
  os::now.links[takt::own_time_namespace_path].value = "time:[4026531834]";
  std::error_code ec;
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK_FALSE(ec);
}

TEST_CASE("a kernel without time namespaces has an origin of zero, a system without /proc has none that is known") {
  using os = machine<struct without>;
  os::reset();
  std::error_code ec;
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.links[takt::mount_namespace_path].value = "mnt:[4026531841]";
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK_FALSE(ec);
  os::now.links[takt::own_time_namespace_path].error = EACCES; // there, but its link was not to be read
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK(ec == std::errc::permission_denied);
}

TEST_CASE("inside a namespace its offsets count, unless they may be those of the children") {
  using os = machine<struct inside>;
  os::in_namespace();
  std::error_code ec;
  CHECK(takt::read_time_offsets<os>(ec) == told);
  CHECK_FALSE(ec);
  os::now.links[takt::childrens_time_namespace_path].value = "time:[4026532002]";
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK(ec == std::errc::not_supported);
  // The kernel's first namespace is known by its number, whatever the children have.
  os::now.links[takt::own_time_namespace_path].value = "time:[4026531834]";
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK_FALSE(ec);
}

TEST_CASE("every file that cannot be read is an error") {
  using os = machine<struct unreadable>;
  std::error_code ec;
  os::in_namespace();
  os::now.links[takt::own_time_namespace_path].error = EACCES;
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK(ec == std::errc::permission_denied);
  os::in_namespace();
  os::now.links.erase(takt::childrens_time_namespace_path);
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::in_namespace();
  os::now.files.erase(takt::time_offsets_path);
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::time_offsets_path].value = offsets.substr(0, 40);
  CHECK(takt::read_time_offsets<os>(ec) == time_offsets());
  CHECK(ec == errc::malformed_text);
}

TEST_CASE("the origin is that of the clock, read once and kept; a failure is not kept") {
  using os = machine<struct kept>;
  os::reset();
  std::error_code ec;
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_MONOTONIC>, os>(ec) == 0ns);
  CHECK(ec);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_REALTIME>, os>(ec) == 0ns); // no namespace shifts these two
  CHECK_FALSE(ec);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_TAI>, os>(ec) == 0ns);
  CHECK_FALSE(ec);
#if TAKT_EXCEPTIONS
  const auto throwing = [] { return takt::grid_origin<std::chrono::steady_clock, os>(); };
  CHECK_THROWS_WITH_AS(throwing(), doctest::Contains("/proc/self/ns/time"), std::system_error);
  CHECK_THROWS_AS(takt::load_grid_origin<os>(), std::system_error);
#endif
  os::in_namespace();
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == told.monotonic);
  CHECK_FALSE(ec);
  os::reset();
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == told.boottime);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_MONOTONIC>, os>(ec) == told.monotonic);
  CHECK_FALSE(ec);
  takt::load_grid_origin<os>(ec); // fails, and leaves what was known
  CHECK(ec);
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == told.monotonic);
  CHECK_FALSE(ec);
}

TEST_CASE("who knows the origin can say so") {
  using os = machine<struct assumed>;
  os::reset();
  std::error_code ec;
  takt::assume_grid_origin<os>({3s, 4s});
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 3s);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == 4s);
  CHECK_FALSE(ec);
}
