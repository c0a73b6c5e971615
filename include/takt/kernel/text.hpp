/// text.hpp - how this room takes the text files of /proc and /sys apart.
///
/// Everything here lives in takt::detail. A line counts only with its newline: the kernel ends every line with one, so
/// text without it was cut somewhere, possibly in the middle of a number. All parsers are pure, total, and need time
/// linear in the length of the text.
/// Sources: Linux 6.12 lib/bitmap-str.c bitmap_print_to_pagebuf (CPU lists), fs/sysfs/file.c sysfs_emit.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

/// A CPU number at or above this is taken for nonsense. Linux 6.12 is built for at most 8192 CPUs.
inline constexpr unsigned cpu_number_end = 65536;
/// No attribute of sysfs is larger than a page, and the largest page is 64 KiB.
inline constexpr std::size_t sysfs_file_limit = 65536;

[[nodiscard]] constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Returns: whether `text` can be a name: not empty, and free of control characters, so that it may go to a terminal.
[[nodiscard]] constexpr bool is_name(std::string_view text) noexcept {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
  }
  return !text.empty();
}

/// Returns: `text` without blanks at either end.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Takes the next word, what stands between blanks, off the front of `text`.
/// Returns: the word, empty when there is none left.
constexpr std::string_view next_word(std::string_view& text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  std::size_t size = 0;
  while (size < text.size() && !is_blank(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

/// Takes the next line off the front of `text`.
/// Returns: whether there was one, `line` without its newline; if not, `line` is empty and `text` the cut rest.
constexpr bool next_line(std::string_view& text, std::string_view& line) noexcept {
  const std::size_t end = text.find('\n');
  const bool there = end != std::string_view::npos;
  line = text.substr(0, there ? end : 0);
  text.remove_prefix(there ? end + 1 : 0);
  return there;
}

/// Returns: whether `text` is of exactly one line, which is then `line`; if not, `line` is empty.
constexpr bool only_line(std::string_view text, std::string_view& line) noexcept {
  const bool only = next_line(text, line) && text.empty();
  if (!only) line = {};
  return only;
}

/// Returns: whether one of `words` is `word`.
[[nodiscard]] inline bool contains(const std::vector<std::string>& words, std::string_view word) noexcept {
  for (const std::string& w : words) {
    if (w == word) return true;
  }
  return false;
}

/// Returns: the number that `digits` are in decimal; nothing when anything else is among them or it is above `most`.
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_number_to(std::uint64_t most,
                                                                     std::string_view digits) noexcept {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digit > most || value > (most - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

/// The same for what fits into a T.
template <class T> [[nodiscard]] constexpr std::optional<T> parse_number(std::string_view digits) noexcept {
  const auto number = parse_number_to(std::uint64_t{std::numeric_limits<T>::max()}, digits);
  return number ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
}

/// Returns: the CPUs of a list such as "0-3,8\n" in ascending order, none for an empty line; on malformed_text none.
template <class = when_called> std::vector<unsigned> parse_cpu_list(std::string_view text, std::error_code& ec) {
  ec.clear();
  std::vector<unsigned> cpus;
  std::string_view rest;
  bool sound = only_line(text, rest);
  rest = trimmed(rest);
  for (bool more = !rest.empty(); sound && more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view range = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    rest = more ? rest.substr(comma + 1) : std::string_view();
    const std::size_t dash = range.find('-');
    const auto first = parse_number<unsigned>(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number<unsigned>(range.substr(dash + 1));
    sound = first && last && *first <= *last && *last < cpu_number_end && (cpus.empty() || cpus.back() < *first);
    for (unsigned cpu = sound ? *first : 1, end = sound ? *last : 0; cpu <= end; ++cpu) cpus.push_back(cpu);
  }
  if (sound) return cpus;
  ec = errc::malformed_text;
  return {};
}

/// Returns: the content of a file, on error empty. EFBIG: it has more than `limit` bytes.
template <class Os>
[[nodiscard]] std::string read_text(const std::string& path, std::size_t limit, std::error_code& ec) {
  std::string text;
  const int error = Os::read_file(path.c_str(), text, limit);
  ec = error != 0 ? errno_code(error) : std::error_code();
  return text;
}

} // namespace takt::inline TAKT_ABI::detail
