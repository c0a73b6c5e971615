/// trace_cursor.hpp - reads numbers, words and literals from the front of a line, eight bytes at a time where it can.
///
/// Nothing reads beyond the end of the line; a number that does not fit is refused.
/// Source of the digits: D. Lemire, "Quickly parsing eight digits" (the idea of adding pairs by multiplication).
#pragma once
#include <takt/core/config.hpp>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// The value of each hexadecimal digit; 0xff for other characters.
inline constexpr std::array<unsigned char, 256> hex_values = [] {
  std::array<unsigned char, 256> values{};
  for (auto& v : values) v = 0xff;
  for (unsigned i = 0; i < 10; ++i) values['0' + i] = static_cast<unsigned char>(i);
  for (unsigned i = 0; i < 6; ++i)
    values['a' + i] = values['A' + i] = static_cast<unsigned char>(10 + i);
  return values;
}();

/// The unread rest of a line.
struct trace_cursor {
  const char* at = nullptr;
  const char* end = nullptr;

  constexpr trace_cursor() noexcept = default;
  constexpr explicit trace_cursor(std::string_view text) noexcept : at(text.data()), end(text.data() + text.size()) {}
  [[nodiscard]] constexpr std::string_view rest() const noexcept {
    return {at, static_cast<std::size_t>(end - at)};
  }
  [[nodiscard]] constexpr bool done() const noexcept { return at == end; }
  [[nodiscard]] constexpr bool starts(char c) const noexcept { return at != end && *at == c; }
  [[nodiscard]] static constexpr bool digit(char c) noexcept { return static_cast<unsigned char>(c - '0') < 10; }
  [[nodiscard]] constexpr bool at_digit() const noexcept { return at != end && digit(*at); }
  /// Returns: whether a number or word may end here: at a blank, or at the end of the line.
  [[nodiscard]] constexpr bool at_blank() const noexcept { return at == end || *at == ' '; }
  constexpr void skip_blanks() noexcept {
    while (at != end && *at == ' ') ++at;
  }
  constexpr bool take(char c) noexcept {
    const bool there = starts(c);
    at += there ? 1 : 0;
    return there;
  }
  /// Effects: passes over `literal` if it is next. Returns: whether it was.
  template <std::size_t Size> bool take(const char (&literal)[Size]) noexcept {
    constexpr std::size_t size = Size - 1;
    if (static_cast<std::size_t>(end - at) < size || std::memcmp(at, literal, size) != 0) return false;
    at += size;
    return true;
  }
  /// Returns: the text before the next blank, and passes over it.
  std::string_view word() noexcept {
    const auto left = static_cast<std::size_t>(end - at);
    const void* const blank = left == 0 ? nullptr : std::memchr(at, ' ', left);
    const char* const stop = blank == nullptr ? end : static_cast<const char*>(blank);
    const std::string_view text(at, static_cast<std::size_t>(stop - at));
    at = stop;
    return text;
  }

  /// Effects: reads decimal digits. Returns: whether there was at least one, and the number fits into 64 bits. `digits`
  /// receives the number of digits.
  bool number(std::uint64_t& value, std::size_t& digits) noexcept {
    const char* const begin = at;
    std::uint64_t n = 0;
    if constexpr (std::endian::native == std::endian::little) {
      constexpr std::uint64_t scale[] = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
      while (end - at >= 8 && at - begin < 16) {
        std::uint64_t eight;
        std::memcpy(&eight, at, sizeof eight);
        const std::uint64_t values = eight ^ 0x3030'3030'3030'3030; // a digit becomes 0 to 9
        const std::uint64_t others = ((values + 0x7676'7676'7676'7676) | values) & 0x8080'8080'8080'8080;
        const auto count = static_cast<unsigned>(std::countr_zero(others)) / 8;
        if (count == 0) break;
        n = n * scale[count] + eight_digits(values << (64 - 8 * count));
        at += count;
        if (count != 8) return value = n, digits = static_cast<std::size_t>(at - begin), true;
      }
    }
    for (; at_digit(); ++at) {
      const auto next = static_cast<std::uint64_t>(*at - '0');
      if (__builtin_mul_overflow(n, std::uint64_t{10}, &n) || __builtin_add_overflow(n, next, &n)) return false;
    }
    value = n, digits = static_cast<std::size_t>(at - begin);
    return digits != 0;
  }
  bool number(std::uint64_t& value) noexcept {
    std::size_t digits = 0;
    return number(value, digits);
  }
  /// Effects: reads an integer with an optional sign that ends at a blank. Returns: whether it fits.
  template <class Int> bool integer(Int& value) noexcept {
    const bool negative = take('-');
    std::uint64_t n = 0;
    if (!number(n) || !at_blank()) return false;
    const auto size = static_cast<std::int64_t>(n);
    if (size < 0) return false;
    value = static_cast<Int>(negative ? -size : size);
    return std::int64_t{value} == (negative ? -size : size);
  }
  /// Effects: reads a signed number that the kernel prints as unsigned, up to a blank. Returns: whether it fits.
  bool wrapped(std::int64_t& value) noexcept {
    if (starts('-')) return integer(value);
    std::uint64_t n = 0;
    if (!number(n) || !at_blank()) return false;
    return value = static_cast<std::int64_t>(n), true;
  }
  /// Effects: reads hexadecimal digits, with or without 0x, up to a blank. Returns: whether 1 to 16 were there.
  bool hex(std::uint64_t& value) noexcept {
    if (end - at > 2 && at[0] == '0' && at[1] == 'x') at += 2;
    const char* const begin = at;
    std::uint64_t n = 0;
    for (; at != end; ++at) {
      const unsigned char v = hex_values[static_cast<unsigned char>(*at)];
      if (v == 0xff) break;
      n = n << 4 | v;
    }
    value = n;
    return at_blank() && at != begin && at - begin <= 16;
  }
  /// Effects: reads seconds with one to nine decimals as nanoseconds. Returns: whether the time fits into 64 bits.
  bool seconds(std::int64_t& ns) noexcept {
    constexpr std::int64_t units[] = {0, 100'000'000, 10'000'000, 1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
    std::uint64_t whole = 0, fraction = 0;
    std::size_t digits = 0;
    if (!number(whole) || !take('.') || !number(fraction, digits) || digits > 9) return false;
    if (whole > 9'223'372'035) return false;
    ns = static_cast<std::int64_t>(whole) * 1'000'000'000 + static_cast<std::int64_t>(fraction) * units[digits];
    return true;
  }

private:
  /// Returns: the number that eight values from 0 to 9 in the bytes of `v` make, the first in the lowest byte.
  static constexpr std::uint64_t eight_digits(std::uint64_t v) noexcept {
    v = v * 10 + (v >> 8); // pairs, in every second byte
    return ((v & 0x0000'00ff'0000'00ff) * (100 + (std::uint64_t{1'000'000} << 32)) +
            (v >> 16 & 0x0000'00ff'0000'00ff) * (1 + (std::uint64_t{10'000} << 32))) >>
           32;
  }
};

} // namespace takt::inline TAKT_ABI::detail
