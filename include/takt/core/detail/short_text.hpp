/// short_text.hpp - how ticks, frequencies and times are printed: pure functions that return a short text.
///
/// Total and constant-evaluable: every input has a text, negative times and the ends of 64 bits included. Nothing
/// allocates.
/// Source of the calendar: H. Hinnant, chrono-Compatible Low-Level Date Algorithms, civil_from_days.
#pragma once
#include <takt/core/config.hpp>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

// synopsis
class short_text;

/// How the time points of a clock are printed: not at all, as UTC, as TAI, or as seconds since the epoch of the clock.
enum class time_scale : unsigned char { none, utc, tai, seconds };
/// The scale of a clock. Each clock of takt specialises this variable.
template <class Clock> inline constexpr time_scale time_scale_of = time_scale::none;

template <class = for_callers> constexpr short_text utc_text(std::int64_t ns) noexcept;
template <class = for_callers> constexpr short_text tai_text(std::int64_t ns) noexcept;
template <class = for_callers> constexpr short_text seconds_text(std::int64_t ns) noexcept;
template <class = for_callers> constexpr short_text span_text(std::int64_t ns) noexcept;
template <class = for_callers> constexpr short_text exact_text(std::int64_t ns) noexcept;
template <class = for_callers> constexpr short_text ticks_text(std::uint64_t count) noexcept;
template <class = for_callers> constexpr short_text megahertz_text(double hertz) noexcept;

// definitions

/// A text of at most 95 characters that ends with a zero byte.
class short_text {
public:
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {text_, size_}; }
  [[nodiscard]] constexpr const char* c_str() const noexcept { return text_; }

  /// Effects: appends `s`, cut off where the text is full.
  constexpr short_text& add(std::string_view s) noexcept {
    for (const char c : s)
      if (size_ + 1 < sizeof(text_)) text_[size_++] = c;
    return *this;
  }
  /// Effects: appends the decimal digits of `n`, with leading zeros up to `width` digits.
  constexpr short_text& add(std::uint64_t n, int width = 1) noexcept {
    char digits[20]{};
    int count = 0;
    for (; n != 0 || count < width; n /= 10) digits[19 - count++] = static_cast<char>('0' + n % 10);
    const char* const first = digits + 20 - count; // of const char, for which the standard's headers check the concepts
    return add(std::string_view(first, static_cast<std::size_t>(count)));
  }

private:
  char text_[96]{};
  std::size_t size_ = 0;
};

/// Returns: the absolute value. It is unsigned, because that of the smallest number exceeds the signed type.
template <class = for_callers>
[[nodiscard]] constexpr std::uint64_t magnitude(std::int64_t n) noexcept {
  return n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
}

/// Returns: date and time of `ns` nanoseconds since 1970-01-01 00:00:00 in the form of ISO 8601, in the proleptic
/// Gregorian calendar and without a zone: "2026-11-29T17:28:30.123456789". 64 bits reach from 1677 to 2262.
template <class = for_callers>
[[nodiscard]] constexpr short_text calendar_text(std::int64_t ns) noexcept {
  constexpr std::int64_t second = 1'000'000'000, day = 86'400 * second;
  const std::int64_t days = ns / day - (ns % day < 0); // rounded down
  const auto in_day = static_cast<std::uint64_t>((ns % day + day) % day);
  // Days are counted from 0000-03-01, so that a leap day is the last day of its year. An era is 400 years.
  const auto since = static_cast<std::uint64_t>(days + 719'468); // positive, because 64 bits begin in 1677
  const std::uint64_t era = since / 146'097, day_of_era = since % 146'097;
  const std::uint64_t leap_days = day_of_era / 1'460 - day_of_era / 36'524 + day_of_era / 146'096;
  const std::uint64_t year_of_era = (day_of_era - leap_days) / 365;
  const std::uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t from_march = (5 * day_of_year + 2) / 153; // the month, 0 for March
  const std::uint64_t month = from_march < 10 ? from_march + 3 : from_march - 9;
  const std::uint64_t day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
  const std::uint64_t year = era * 400 + year_of_era + (month <= 2);
  const std::uint64_t seconds = in_day / 1'000'000'000;
  short_text text;
  text.add(year, 4).add("-").add(month, 2).add("-").add(day_of_month, 2).add("T");
  text.add(seconds / 3600, 2).add(":").add(seconds / 60 % 60, 2).add(":").add(seconds % 60, 2);
  return text.add(".").add(in_day % 1'000'000'000, 9);
}

/// Returns: "2026-11-29T17:28:30.123456789Z" for nanoseconds of Unix time. When a leap second is inserted, Unix time
/// repeats a second, so the text never has a second 60.
template <class> constexpr short_text utc_text(std::int64_t ns) noexcept { return calendar_text(ns).add("Z"); }

/// Returns: date and time for nanoseconds of TAI since 1970-01-01: "2026-11-29T17:29:07.123456789 TAI".
template <class> constexpr short_text tai_text(std::int64_t ns) noexcept { return calendar_text(ns).add(" TAI"); }

/// Returns: the nanoseconds in seconds with nine decimals: "1234.567890123 s".
template <class> constexpr short_text seconds_text(std::int64_t ns) noexcept {
  const std::uint64_t n = magnitude(ns);
  return short_text().add(ns < 0 ? "-" : "").add(n / 1'000'000'000).add(".").add(n % 1'000'000'000, 9).add(" s");
}

/// Returns: the nanoseconds as a whole number of the largest unit that allows it, up to seconds: "10 ms", "1500 us".
template <class> constexpr short_text span_text(std::int64_t ns) noexcept {
  constexpr std::string_view units[]{" ns", " us", " ms", " s"};
  std::uint64_t n = magnitude(ns);
  std::size_t unit = 0;
  for (; unit < 3 && n != 0 && n % 1000 == 0; n /= 1000) ++unit;
  return short_text().add(ns < 0 ? "-" : "").add(n).add(n == 0 ? " s" : units[unit]);
}

/// Returns: the nanoseconds in the largest unit that leaves a whole part, with all digits: "-3600.000000123 s",
/// "12.345 us", "300 ns".
template <class> constexpr short_text exact_text(std::int64_t ns) noexcept {
  constexpr std::string_view units[]{" ns", " us", " ms", " s"};
  const std::uint64_t n = magnitude(ns);
  int unit = 0;
  std::uint64_t size = 1;
  for (; unit < 3 && n / size >= 1000; size *= 1000) ++unit;
  short_text text;
  text.add(ns < 0 ? "-" : "").add(n / size);
  if (unit > 0) text.add(".").add(n % size, 3 * unit);
  return text.add(units[unit]);
}

/// Returns: the count with its unit: "1234 ticks", "1 tick".
template <class> constexpr short_text ticks_text(std::uint64_t count) noexcept {
  return short_text().add(count).add(count == 1 ? " tick" : " ticks");
}

/// Returns: "2596.143823 MHz", rounded to the nearest hertz. A NaN gives "unknown frequency"; a magnitude of 2^63 Hz or
/// more gives "more than 9223372036854.775807 MHz".
template <class> constexpr short_text megahertz_text(double hertz) noexcept {
  // Compares the bits: under -ffast-math the compiler assumes that comparisons meet neither a NaN nor infinity.
  const auto bits = std::bit_cast<std::uint64_t>(hertz) & ~std::uint64_t{0} >> 1, infinity = std::uint64_t{0x7ff} << 52;
  if (bits > infinity) return short_text().add("unknown frequency");
  const bool negative = std::bit_cast<std::uint64_t>(hertz) >> 63 != 0;
  const double size = std::bit_cast<double>(bits);
  const bool huge = bits >= std::bit_cast<std::uint64_t>(0x1p63);
  auto whole = huge ? ~std::uint64_t{0} >> 1 : static_cast<std::uint64_t>(size);
  if (!huge && size - static_cast<double>(whole) >= 0.5) ++whole;
  short_text text;
  text.add(huge ? "more than " : "").add(negative && whole != 0 ? "-" : "");
  return text.add(whole / 1'000'000).add(".").add(whole % 1'000'000, 6).add(" MHz");
}

} // namespace takt::inline TAKT_ABI::detail
