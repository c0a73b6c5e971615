/// perf_device.hpp - how the files of a perf device in sysfs say what one of its events is.
///
/// A device has a number (`type`), events (`events/NAME`: "event=0x3c,umask=0x1"), and for each term of an event the
/// bits of the request into which its value goes (`format/NAME`: "config:0-7,32-35"). All parsers are pure and total.
/// Sources: Linux 6.12 Documentation/ABI/testing/sysfs-bus-event_source-devices-format and -events.
#pragma once
#include <takt/core/config.hpp>
#include <takt/kernel/detail/text.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace takt::inline TAKT_ABI::detail::perf_device {

/// The numbers of a request that formats name: config and config1. The first version of the request has no config2.
struct request_words {
  std::uint64_t config[2]{};
};

/// Returns: the number `text`, decimal or hexadecimal with 0x; nullopt for anything else and beyond 64 bits.
template <class = for_callers>
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_value(std::string_view text) noexcept {
  if (text.substr(0, 2) != "0x") return parse_number<std::uint64_t>(text);
  text.remove_prefix(2);
  if (text.empty() || text.size() > 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<unsigned>(digit);
  }
  return value;
}

/// Removes the part of `text` before the first `mark`, and the mark. Returns: that part.
template <class = for_callers> constexpr std::string_view part_before(std::string_view& text, char mark) noexcept {
  const std::string_view part = text.substr(0, text.find(mark));
  text.remove_prefix(part.size() < text.size() ? part.size() + 1 : text.size());
  return part;
}

/// Spreads the bits of `value` over those that a format names: "config:0-7,32-35", the lowest bit first.
/// Returns: whether the format makes sense and has room for the value; if not, `out` is unchanged.
template <class = for_callers>
[[nodiscard]] constexpr bool place(std::string_view format, std::uint64_t value, request_words& out) noexcept {
  const std::string_view word = part_before(format, ':');
  if (word != "config" && word != "config1") return false;
  if (format.empty() || format.back() == ',') return false;
  std::uint64_t bits = 0, taken = 0;
  while (!format.empty()) {
    std::string_view range = part_before(format, ',');
    const bool single = range.find('-') == std::string_view::npos;
    const auto first = parse_number_to(63, part_before(range, '-'));
    const auto last = single ? first : parse_number_to(63, range);
    if (!first || !last || *last < *first) return false;
    for (std::uint64_t at = *first; at <= *last; ++at) {
      if ((taken >> at & 1) != 0) return false;
      taken |= std::uint64_t{1} << at;
      bits |= (value & 1) << at;
      value >>= 1;
    }
  }
  if (value != 0) return false;
  out.config[word == "config1"] |= bits;
  return true;
}

/// Reads the terms of an event: "event=0x3c,umask=0x1". `format_of(name)` returns the format of a term, without a
/// newline. A term without a value has the value 1.
/// Returns: the numbers of the request; nullopt if a term has no format, or makes no sense.
template <class FormatOf>
[[nodiscard]] std::optional<request_words> read_terms(std::string_view text, FormatOf format_of) {
  request_words words;
  if (text.empty() || text.back() == ',') return std::nullopt;
  while (!text.empty()) {
    std::string_view given = part_before(text, ',');
    const bool has_value = given.find('=') != std::string_view::npos;
    const std::string_view name = part_before(given, '=');
    const auto value = has_value ? parse_value(given) : std::optional<std::uint64_t>(1);
    if (!value || name.empty() || !is_name(name) || name.find('/') != std::string_view::npos) return std::nullopt;
    const auto format = format_of(name);
    if (!place(std::string_view(format), *value, words)) return std::nullopt;
  }
  return words;
}

/// Returns: the number in the file `scale` of an event, "2.3283064365386962890625e-10"; nullopt if it is none, or not
/// above zero. A scale makes units of counts: joules, bytes.
template <class = for_callers>
[[nodiscard]] constexpr std::optional<double> parse_scale(std::string_view text) noexcept {
  double value = 0, place = 1;
  bool digits = false, fraction = false;
  std::size_t i = 0;
  for (; i < text.size() && (is_digit(text[i]) || (text[i] == '.' && !fraction)); ++i) {
    if (text[i] == '.') {
      fraction = true;
      continue;
    }
    digits = true;
    value = value * 10 + (text[i] - '0');
    if (fraction) place *= 10;
  }
  if (!digits || i > 300) return std::nullopt;
  value /= place;
  if (i < text.size()) {
    if (text[i] != 'e' && text[i] != 'E') return std::nullopt;
    text.remove_prefix(i + 1);
    const bool negative = !text.empty() && text.front() == '-';
    if (!text.empty() && (negative || text.front() == '+')) text.remove_prefix(1);
    const auto exponent = parse_number_to(300, text);
    if (!exponent) return std::nullopt;
    for (std::uint64_t n = 0; n < *exponent; ++n) value = negative ? value / 10 : value * 10;
  }
  if (!(value > 0) || value > 1e300) return std::nullopt;
  return value;
}

} // namespace takt::inline TAKT_ABI::detail::perf_device
