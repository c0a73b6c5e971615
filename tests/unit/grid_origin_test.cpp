// Protects: that the offset of a time namespace is found where the kernel reports it, and never guessed where it does
// not; that it follows a process into another namespace; and that a clock that was set is not taken for a namespace.
#include <cerrno>
#include <chrono>
#include <doctest/doctest.h>
#include <cstdint>
#include <limits>
#include <string>
#include <takt/testing/fake_os.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <utility>

#include "support/hostile_text.hpp"

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::errc;
using takt::time_offsets;

const std::string offsets = "monotonic          -3 999999999\nboottime      1000000         5\n";
constexpr time_offsets known{-2'000'000'001ns, 1'000'000'000'000'005ns};

// Each case has its own system: what is known of the origin is kept by type.
template <class Tag> struct machine : takt::testing::fake_os<Tag> {
  using base = takt::testing::fake_os<Tag>;
  inline static int links_read = 0;
  static int read_link(const char* path, char* out, std::size_t size, std::size_t& length) {
    ++links_read;
    return base::read_link(path, out, size, length);
  }
  static void reset() {
    base::reset();
    links_read = 0;
    base::now.clocks[CLOCK_MONOTONIC] = {{1'000, 0}, 0};
    base::now.clocks[CLOCK_BOOTTIME] = {{1'000, 0}, 0};
    base::now.clocks[CLOCK_REALTIME] = {{1'700'000'000, 123'456'789}, 0};
    base::now.counted = {17'180'212'370'000'000, 0};
  }
  static void advance(nanoseconds by) {
    base::advance(by);
    base::now.counted.value += static_cast<std::uint64_t>(by.count());
  }
  /// The kernel's first namespace.
  static void outside() { base::now.links[takt::detail::own_time_namespace_path].value = "time:[4026531834]"; }
  /// A namespace whose MONOTONIC and BOOTTIME are ahead by so much.
  static void enter(nanoseconds monotonic, nanoseconds boottime, nanoseconds shift) {
    base::now.links[takt::detail::own_time_namespace_path].value = "time:[4026532999]";
    base::now.links[takt::detail::childrens_time_namespace_path].value = "time:[4026532999]";
    const auto line = [](const char* name, nanoseconds d) {
      const timespec t = takt::to_timespec(d);
      return std::string(name) + " " + std::to_string(t.tv_sec) + " " + std::to_string(t.tv_nsec) + "\n";
    };
    base::now.files[takt::detail::time_offsets_path].value = line("monotonic", monotonic) + line("boottime", boottime);
    timespec& shown = base::now.clocks[CLOCK_MONOTONIC].value;
    shown = takt::to_timespec(takt::to_nanoseconds(shown) + shift);
  }
  static void hide_proc() { base::now.links.clear(), base::now.files.clear(); }
  static void in_namespace() {
    reset();
    base::now.links[takt::detail::own_time_namespace_path].value = "time:[4026532001]";
    base::now.links[takt::detail::childrens_time_namespace_path].value = "time:[4026532001]";
    base::now.files[takt::detail::time_offsets_path].value = offsets;
  }
};

} // namespace

TEST_CASE("offsets of either sign are parsed, in any order, beside clocks that do not concern us") {
  std::error_code ec;
  CHECK(takt::detail::parse_time_offsets(offsets, ec) == known);
  CHECK_FALSE(ec);
  const auto parsed = takt::detail::parse_time_offsets("boottime 1 2\nnovel 7 7\nmonotonic 0 0\n", ec);
  CHECK(parsed == time_offsets{0ns, 1'000'000'002ns});
  CHECK_FALSE(ec);
}

TEST_CASE("texts that are no offsets are refused") {
  std::error_code ec;
  const auto refused = [&](std::string_view text) {
    CAPTURE(text.substr(0, 60));
    CHECK(takt::detail::parse_time_offsets(text, ec) == time_offsets());
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
  os::now.links[takt::detail::own_time_namespace_path].value = "time:[4026531834]";
  std::error_code ec;
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK_FALSE(ec);
}

TEST_CASE("a kernel without time namespaces has an origin of zero, a system without /proc has none that is known") {
  using os = machine<struct without>;
  os::reset();
  std::error_code ec;
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.links[takt::detail::mount_namespace_path].value = "mnt:[4026531841]";
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK_FALSE(ec);
  os::now.links[takt::detail::own_time_namespace_path].error = EACCES; // there, but its link was not to be read
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK(ec == std::errc::permission_denied);
}

TEST_CASE("inside a namespace its offsets count, unless they may be those of the children") {
  using os = machine<struct inside>;
  os::in_namespace();
  std::error_code ec;
  CHECK(takt::time_offsets::read<os>(ec) == known);
  CHECK_FALSE(ec);
  os::now.links[takt::detail::childrens_time_namespace_path].value = "time:[4026532002]";
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK(ec == std::errc::not_supported);
  // The kernel's first namespace is known by its number, whatever the children have.
  os::now.links[takt::detail::own_time_namespace_path].value = "time:[4026531834]";
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK_FALSE(ec);
}

TEST_CASE("every file that cannot be read is an error") {
  using os = machine<struct unreadable>;
  std::error_code ec;
  os::in_namespace();
  os::now.links[takt::detail::own_time_namespace_path].error = EACCES;
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK(ec == std::errc::permission_denied);
  os::in_namespace();
  os::now.links.erase(takt::detail::childrens_time_namespace_path);
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::in_namespace();
  os::now.files.erase(takt::detail::time_offsets_path);
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.files[takt::detail::time_offsets_path].value = offsets.substr(0, 40);
  CHECK(takt::time_offsets::read<os>(ec) == time_offsets());
  CHECK(ec == errc::malformed_text);
}

TEST_CASE("the origin is that of the clock, read once and kept; a failure is not kept") {
  using os = machine<struct once>;
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
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == known.monotonic);
  CHECK_FALSE(ec);
  os::reset();
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == known.boottime);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_MONOTONIC>, os>(ec) == known.monotonic);
  CHECK_FALSE(ec);
  takt::load_grid_origin<os>(ec); // fails, and leaves what was known
  CHECK(ec);
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == known.monotonic);
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

TEST_CASE("a process that is restored into another time namespace follows, or sleeping on the grid is an error") {
  using os = machine<struct restored>;
  os::reset();
  os::outside();
  std::error_code ec;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
  CHECK_FALSE(ec);
  // Restored on a machine that has run for 500 000 s more: MONOTONIC goes on, REALTIME shows that hours have passed.
  const nanoseconds offset = -500'000s - 250ms;
  os::enter(offset, offset, 0s);
  os::now.clocks[CLOCK_REALTIME].value.tv_sec += 7200;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == offset);
  CHECK_FALSE(ec);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == offset);
  // And again, on one where /proc does not show its offset.
  os::now.clocks[CLOCK_REALTIME].value.tv_sec += 7200;
  os::now.links[takt::detail::childrens_time_namespace_path].value = "time:[4026532555]";
  os::now.counted.value += 3'600'000'000'000;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
  CHECK(ec == std::errc::not_supported);
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns); // it stays an error
  CHECK(ec == std::errc::not_supported);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == 0ns);
  CHECK(ec == std::errc::not_supported);
}

TEST_CASE("a process that enters a namespace by setns() follows, and back") {
  using os = machine<struct entering>;
  os::reset();
  os::outside();
  std::error_code ec;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
  for (const nanoseconds offset : {nanoseconds(5s + 1ms), nanoseconds(-3s), nanoseconds(2us), nanoseconds(-2us)}) {
    CAPTURE(offset.count());
    os::enter(offset, 2 * offset, offset);
    CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == offset);
    CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == 2 * offset);
    os::enter(0s, 0s, -offset);
    os::outside();
    CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == 0ns);
    CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
    CHECK_FALSE(ec);
  }
}

TEST_CASE("/proc is asked again only when REALTIME was set") {
  using os = machine<struct setting>;
  os::reset();
  os::outside();
  std::error_code ec;
  static_cast<void>(takt::grid_origin<std::chrono::steady_clock, os>(ec));
  CHECK(os::links_read == 1);
  for (int i = 0; i < 100; ++i) {
    os::advance(1'234'567ns);
    static_cast<void>(takt::grid_origin<std::chrono::steady_clock, os>(ec));
    static_cast<void>(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec));
  }
  CHECK(os::links_read == 1);
  for (const nanoseconds step : {nanoseconds(1s), nanoseconds(-3600s), nanoseconds(-1001ns)}) {
    os::step(step);
    os::links_read = 0;
    CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
    CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
    CHECK_FALSE(ec);
    CHECK(os::links_read == 1);
  }
  // Coarse clocks that are ordinary ones, as on kernels that imitate Linux: the reads themselves take time.
  os::now.reading = 900ns;
  for (int i = 0; i < 10; ++i) static_cast<void>(takt::grid_origin<std::chrono::steady_clock, os>(ec));
  CHECK(os::links_read <= 2);
}

TEST_CASE("clocks that tick between two reads are read again, and /proc is not asked") {
  static bool armed;
  struct ticking : machine<struct tick> {
    static int clock_gettime(clockid_t id, timespec& out) {
      const int error = machine<struct tick>::clock_gettime(id, out);
      if (std::exchange(armed, false)) advance(4ms);
      return error;
    }
  };
  ticking::reset();
  ticking::outside();
  std::error_code ec;
  armed = true; // while the offset is read for the first time
  static_cast<void>(takt::grid_origin<std::chrono::steady_clock, ticking>(ec));
  CHECK(ticking::links_read == 1);
  for (int i = 0; i < 10; ++i) {
    armed = true;
    CHECK(takt::grid_origin<std::chrono::steady_clock, ticking>(ec) == 0ns);
    CHECK_FALSE(ec);
  }
  CHECK(ticking::links_read == 1);
}

TEST_CASE("without /proc a step of REALTIME is distinguished from another namespace by the kernel's count of ticks") {
  using os = machine<struct hidden>;
  os::in_namespace();
  std::error_code ec;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == known.monotonic);
  os::hide_proc();
  os::advance(1000s);
  for (const nanoseconds step : {nanoseconds(1s), nanoseconds(-86'400s)}) {
    os::step(step);
    CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == known.monotonic);
    CHECK_FALSE(ec);
    CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>, os>(ec) == known.boottime);
    CHECK_FALSE(ec);
  }
  // load_grid_origin() promises to have read the offsets.
  takt::load_grid_origin<os>(ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  // Another namespace: the kernel has counted two more hours than MONOTONIC shows.
  os::now.counted.value += 7'200'000'000'000;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == known.monotonic); // until REALTIME shows it, too
  os::step(7200s);
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.counted.value -= 14'400'000'000'000;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
  CHECK(ec == std::errc::no_such_file_or_directory);
  // A kernel that does not count: no evidence, so an error.
  os::now.counted.value += 7'200'000'000'000;
  os::now.counted.error = EPERM;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
  CHECK(ec == std::errc::no_such_file_or_directory);
  os::now.counted.error = 0;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == known.monotonic);
  CHECK_FALSE(ec);
}

TEST_CASE("clocks that cannot be read are an error; assumed offsets need none") {
  using os = machine<struct clockless>;
  os::reset();
  os::outside();
  std::error_code ec;
  static_cast<void>(takt::grid_origin<std::chrono::steady_clock, os>(ec));
  CHECK_FALSE(ec);
  os::now.clocks.erase(CLOCK_REALTIME);
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 0ns);
  CHECK(ec == std::errc::invalid_argument);
  os::now.clocks.clear();
  takt::load_grid_origin<os>(ec);
  CHECK(ec == std::errc::invalid_argument);
  takt::assume_grid_origin<os>({3s, 4s});
  os::links_read = 0;
  CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec) == 3s);
  CHECK_FALSE(ec);
  CHECK(os::links_read == 0);
}

TEST_CASE("what clocks show at the ends of the range is compared without overflow") {
  using os = machine<struct extreme>;
  constexpr auto max = std::numeric_limits<std::int64_t>::max(), min = std::numeric_limits<std::int64_t>::min();
  for (const std::int64_t monotonic : {std::int64_t{0}, max, min})
    for (const std::int64_t real : {std::int64_t{0}, max, min})
      for (const std::int64_t offset : {std::int64_t{0}, max, min})
        for (const std::uint64_t up : {std::uint64_t{0}, ~std::uint64_t{0}}) {
          os::reset();
          os::now.counted.value = up;
          os::enter(nanoseconds(offset), nanoseconds(offset), 0s);
          os::now.clocks[CLOCK_MONOTONIC].value = takt::to_timespec(nanoseconds(monotonic));
          os::now.clocks[CLOCK_REALTIME].value = takt::to_timespec(nanoseconds(real));
          std::error_code ec;
          takt::load_grid_origin<os>(ec);
          REQUIRE_FALSE(ec);
          CHECK(takt::grid_origin<std::chrono::steady_clock, os>(ec).count() == offset);
          os::hide_proc();
          os::now.clocks[CLOCK_REALTIME].value = {12, 34};
          static_cast<void>(takt::grid_origin<std::chrono::steady_clock, os>(ec));
        }
}
