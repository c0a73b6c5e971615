// Protects: the texts of ticks, frequencies, grids, errors and time points: each is right over the whole range of its
// input, and streams get it with their width and fill.
#include <doctest/doctest.h>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/format.hpp>
#include <takt/core/print.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iomanip>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>

// In takt's own namespace, as takt's clocks are: that is where a time point's operator is looked up.
namespace takt {
template <int> struct clock_under_test {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<clock_under_test>;
};
} // namespace takt

namespace {

using namespace std::chrono_literals;
using takt::detail::megahertz_text;
using takt::detail::seconds_text;
using takt::detail::exact_text;
using takt::detail::span_text;
using takt::detail::utc_text;

constexpr std::int64_t first = std::numeric_limits<std::int64_t>::min(), last = std::numeric_limits<std::int64_t>::max();

using utc = takt::clock_under_test<0>;
using tai = takt::clock_under_test<1>;
using since_boot = takt::clock_under_test<2>;
using not_of_takt = takt::clock_under_test<3>;

template <class T> std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

template <class T>
concept can_be_printed = requires(std::ostream& out, const T& value) { out << value; };

} // namespace

template <> inline constexpr auto takt::detail::time_scale_of<utc> = takt::detail::time_scale::utc;
template <> inline constexpr auto takt::detail::time_scale_of<tai> = takt::detail::time_scale::tai;
template <> inline constexpr auto takt::detail::time_scale_of<since_boot> = takt::detail::time_scale::seconds;

// In constant expressions, where overflow would not compile.
static_assert(utc_text(0).view() == "1970-01-01T00:00:00.000000000Z");
static_assert(utc_text(-1).view() == "1969-12-31T23:59:59.999999999Z");
static_assert(utc_text(first).view() == "1677-09-21T00:12:43.145224192Z");
static_assert(utc_text(last).view() == "2262-04-11T23:47:16.854775807Z");
static_assert(utc_text(1'709'251'199'999'999'999).view() == "2024-02-29T23:59:59.999999999Z");
static_assert(utc_text(1'709'251'200'000'000'000).view() == "2024-03-01T00:00:00.000000000Z");
static_assert(utc_text(4'107'542'400'000'000'000).view() == "2100-03-01T00:00:00.000000000Z"); // no leap year
static_assert(utc_text(4'107'542'399'000'000'000).view() == "2100-02-28T23:59:59.000000000Z");
static_assert(utc_text(951'782'400'000'000'000).view() == "2000-02-29T00:00:00.000000000Z"); // a leap year
static_assert(takt::detail::tai_text(37'000'000'000).view() == "1970-01-01T00:00:37.000000000 TAI");
static_assert(seconds_text(1'234'567'890'123).view() == "1234.567890123 s");
static_assert(seconds_text(0).view() == "0.000000000 s" && seconds_text(-1).view() == "-0.000000001 s");
static_assert(seconds_text(first).view() == "-9223372036.854775808 s");
static_assert(seconds_text(last).view() == "9223372036.854775807 s");
static_assert(span_text(10'000'000).view() == "10 ms" && span_text(1'500'000).view() == "1500 us");
static_assert(span_text(60'000'000'000).view() == "60 s" && span_text(7'000'000'000'000).view() == "7000 s");
static_assert(span_text(0).view() == "0 s" && span_text(-5000).view() == "-5 us" && span_text(1).view() == "1 ns");
static_assert(span_text(first).view() == "-9223372036854775808 ns");
static_assert(exact_text(0).view() == "0 ns" && exact_text(999).view() == "999 ns" && exact_text(1000).view() == "1.000 us");
static_assert(exact_text(-1500).view() == "-1.500 us" && exact_text(999'999).view() == "999.999 us");
static_assert(exact_text(1'500'000).view() == "1.500000 ms" && exact_text(1'000'000'001).view() == "1.000000001 s");
static_assert(exact_text(first).view() == "-9223372036.854775808 s");

TEST_CASE("ticks and frequencies") {
  CHECK(printed(takt::ticks(1234)) == "1234 ticks");
  CHECK(printed(takt::ticks(1)) == "1 tick");
  CHECK(printed(takt::tick_point(~std::uint64_t{0})) == "18446744073709551615 ticks");
  CHECK(printed(takt::frequency(2596143823.0)) == "2596.143823 MHz");
  CHECK(printed(takt::tick_rate(takt::frequency(24e6))) == "24.000000 MHz");
  CHECK(printed(takt::tick_rate()) == "unknown frequency");
  CHECK(printed(takt::frequency()) == "0.000000 MHz");
  CHECK(printed(takt::frequency(-1.5e6)) == "-1.500000 MHz");
}

TEST_CASE("a frequency is rounded to the nearest hertz, and has a text beyond every range") {
  CHECK(megahertz_text(0.5).view() == "0.000001 MHz");
  CHECK(megahertz_text(0.49999999999999994).view() == "0.000000 MHz"); // adding a half would round to 1
  CHECK(megahertz_text(-0.25).view() == "0.000000 MHz");
  CHECK(megahertz_text(4503599627370497.0).view() == "4503599627.370497 MHz"); // 2^52 + 1
  CHECK(megahertz_text(0x1.fffffffffffffp62).view() == "9223372036854.774784 MHz");
  CHECK(megahertz_text(0x1p63).view() == "more than 9223372036854.775807 MHz");
  CHECK(megahertz_text(-std::numeric_limits<double>::infinity()).view() == "more than -9223372036854.775807 MHz");
  CHECK(megahertz_text(std::numeric_limits<double>::quiet_NaN()).view() == "unknown frequency");
}

TEST_CASE("grids") {
  CHECK(printed(takt::grid(10ms)) == "every 10 ms");
  CHECK(printed(takt::grid(10ms, 12ms)) == "every 10 ms, phase 2 ms");
  CHECK(printed(takt::grid(std::chrono::nanoseconds::max(), -1ns)) ==
        "every 9223372036854775807 ns, phase 9223372036854775806 ns");
}

TEST_CASE("errors, none of them cut off") {
  CHECK(printed(takt::errc::not_calibrated) == "the clock has not been calibrated");
  for (int value = 0; value < 100; ++value)
    CHECK(printed(static_cast<takt::errc>(value)) == takt::error_category().message(value));
}

TEST_CASE("time points, by what their clock shows and in nanoseconds whatever their unit") {
  CHECK(printed(utc::time_point(1'764'437'310'123'456'789ns)) == "2025-11-29T17:28:30.123456789Z");
  CHECK(printed(tai::time_point(1ns)) == "1970-01-01T00:00:00.000000001 TAI");
  CHECK(printed(since_boot::time_point(1'500ms)) == "1.500000000 s");
  CHECK(printed(std::chrono::time_point<since_boot, std::chrono::hours>(1h)) == "3600.000000000 s");
  CHECK(printed(std::chrono::time_point<utc, std::chrono::hours>(std::chrono::hours::max())) ==
        "2262-04-11T23:47:16.854775807Z");
  static_assert(!can_be_printed<not_of_takt::time_point> && !can_be_printed<std::chrono::steady_clock::time_point>);
  static_assert(can_be_printed<utc::time_point>);
}

TEST_CASE("each clock of takt prints what it shows") {
  using takt::posix_clock;
  CHECK(printed(posix_clock<CLOCK_REALTIME>::time_point(1ns)) == "1970-01-01T00:00:00.000000001Z");
  CHECK(printed(posix_clock<CLOCK_REALTIME_COARSE>::time_point(1ns)) == "1970-01-01T00:00:00.000000001Z");
  CHECK(printed(posix_clock<CLOCK_TAI>::time_point(1ns)) == "1970-01-01T00:00:00.000000001 TAI");
  CHECK(printed(posix_clock<CLOCK_MONOTONIC>::time_point(1'234'567'890'123ns)) == "1234.567890123 s");
  CHECK(printed(posix_clock<CLOCK_BOOTTIME>::time_point(1ns)) == "0.000000001 s");
  CHECK(printed(posix_clock<CLOCK_THREAD_CPUTIME_ID>::time_point(1ns)) == "0.000000001 s");
  CHECK(printed(posix_clock<CLOCK_MONOTONIC, takt::access::syscall>::time_point(1s)) == "1.000000000 s");
  CHECK(printed(takt::tsc_clock::time_point(2s)) == "2.000000000 s");
  CHECK(printed(takt::fast_tsc_clock::time_point(3s)) == "3.000000000 s");
}

TEST_CASE("every day of 64 bits has the date that std::chrono gives it") {
  using std::chrono::days;
  const std::int64_t day = 86'400'000'000'000;
  std::int64_t wrong = 0, tried = 0;
  for (std::int64_t n = first / day; n <= last / day; ++n, ++tried) {
    const std::chrono::year_month_day date{std::chrono::sys_days(days(n))};
    char expected[64];
    std::snprintf(expected, sizeof(expected), "%04d-%02u-%02uT00:00:00.000000000Z", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
    wrong += utc_text(n * day).view() != expected;
  }
  CHECK(tried == 213'503);
  CHECK(wrong == 0);
}

TEST_CASE("every second of a day, before the epoch and after it") {
  std::int64_t wrong = 0;
  for (std::int64_t s = -86'400; s < 86'400; ++s) {
    const auto in_day = static_cast<int>((s + 86'400) % 86'400);
    char expected[64];
    std::snprintf(expected, sizeof(expected), "%s%02d:%02d:%02d.000000007Z", s < 0 ? "1969-12-31T" : "1970-01-01T",
                  in_day / 3600, in_day / 60 % 60, in_day % 60);
    wrong += utc_text(s * 1'000'000'000 + 7).view() != expected;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a stream's width and fill hold for the whole text") {
  std::ostringstream out;
  out << std::left << std::setfill('.') << std::setw(12) << takt::ticks(7) << '|';
  out << std::hex << takt::ticks(255);
  CHECK(out.str() == "7 ticks.....|255 ticks");
}

TEST_CASE("a text that is too long is cut off and stays a string") {
  takt::detail::short_text text;
  for (int i = 0; i < 30; ++i) text.add("0123456789");
  CHECK(text.view().size() == 95);
  CHECK(std::string_view(text.c_str()) == text.view());
}

#if defined(__cpp_lib_format)
TEST_CASE("std::format gives the same texts") {
  CHECK(std::format("{}", takt::ticks(1234)) == "1234 ticks");
  CHECK(std::format("{:>10}|{:.4}", takt::tick_rate(), takt::errc::no_effect) == "unknown frequency|acce");
  CHECK(std::format("{}", utc::time_point(0ns)) == "1970-01-01T00:00:00.000000000Z");
}
#endif
