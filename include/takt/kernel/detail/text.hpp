/// text.hpp - functions to parse the text files of /proc and /sys.
///
/// A line counts only if it ends with a newline. The kernel ends every line with one, so a text without it was cut,
/// possibly in the middle of a number. All parsers are pure and total, and need time linear in the length of the text.
/// Sources: Linux 6.12 lib/bitmap-str.c bitmap_print_to_pagebuf (CPU lists), fs/sysfs/file.c sysfs_emit.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/detail/build_limits.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

/// The largest attribute of sysfs that takt reads, 64 KiB. None is larger than a page, and no page is larger than that.
inline constexpr std::size_t sysfs_file_limit = 65536;

[[nodiscard]] constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
/// Returns: the value of a hexadecimal digit; -1 for any other character.
[[nodiscard]] constexpr int hex_digit(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Returns: the first `size` characters of `buffer`. The constructor of std::string_view that takes a pointer and a
/// size checks the concepts of iterators. An includer would pay 2 % of takt.hpp for that; here callers alone do.
template <std::size_t N>
[[nodiscard]] std::string_view text_in(const char (&buffer)[N], std::size_t size) noexcept {
  return {buffer, size};
}

/// Returns: whether `text` can be a name: not empty, and free of control characters, so that it may go to a terminal.
template <class = for_callers>
[[nodiscard]] constexpr bool is_name(std::string_view text) noexcept {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
  }
  return !text.empty();
}

/// Returns: `text` without blanks at either end.
template <class = for_callers>
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Removes the next word and the blanks before it from the front of `text`. Blanks separate words.
/// Returns: the word; empty if there is none.
template <class = for_callers>
constexpr std::string_view next_word(std::string_view& text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  std::size_t size = 0;
  while (size < text.size() && !is_blank(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

/// Removes the next line and its newline from the front of `text`. `line` receives the line without its newline.
/// Returns: whether there was one. If not, `line` is empty, and `text` is unchanged: a line that was cut, or nothing.
template <class = for_callers>
constexpr bool next_line(std::string_view& text, std::string_view& line) noexcept {
  const std::size_t end = text.find('\n');
  const bool there = end != std::string_view::npos;
  line = text.substr(0, there ? end : 0);
  text.remove_prefix(there ? end + 1 : 0);
  return there;
}

/// Returns: whether `text` is exactly one line with its newline. `line` receives it without the newline; it is empty if
/// `text` is anything else.
template <class = for_callers>
constexpr bool only_line(std::string_view text, std::string_view& line) noexcept {
  const bool only = next_line(text, line) && text.empty();
  if (!only) line = {};
  return only;
}

/// Returns: whether `words` contains `word`.
template <class T = for_callers>
[[nodiscard]] bool contains(const dependent<T, std::vector<std::string>>& words, std::string_view word) noexcept {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return true;
  }
  return false;
}

/// Returns: the decimal number `digits`; nullopt for an empty text, for other characters, and for a number above `max`.
template <class T = for_callers>
[[nodiscard]] constexpr std::optional<dependent<T, std::uint64_t>> parse_number_to(std::uint64_t max,
                                                                                   std::string_view digits) noexcept {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (digit > max || value > (max - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

/// Returns: the decimal number `digits`; nullopt for an empty text, other characters, and a number that T cannot hold.
template <class T> [[nodiscard]] constexpr std::optional<T> parse_number(std::string_view digits) noexcept {
  const auto number = parse_number_to<T>(std::uint64_t{std::numeric_limits<T>::max()}, digits);
  return number ? std::optional<T>(static_cast<T>(*number)) : std::nullopt;
}

/// Returns: `line` without a NUL at its end. Linux 3.10 of RHEL 7 prints a NUL after a list, also after an empty list.
template <class = for_callers>
[[nodiscard]] constexpr std::string_view without_final_nul(std::string_view line) noexcept {
  if (!line.empty() && line.back() == '\0') line.remove_suffix(1);
  return line;
}

/// Returns: the CPUs of a list such as "0-3,8\n" in ascending order; no CPUs for an empty line, and on malformed_text.
template <class T = for_callers>
std::vector<dependent<T, unsigned>> parse_cpu_list(std::string_view text, std::error_code& ec) {
  ec.clear();
  std::vector<dependent<T, unsigned>> cpus;
  std::string_view rest;
  bool sound = only_line(text, rest);
  rest = trimmed(without_final_nul(rest));
  for (bool more = !rest.empty(); sound && more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view range = rest.substr(0, comma);
    more = comma != std::string_view::npos;
    rest = more ? rest.substr(comma + 1) : std::string_view();
    const std::size_t dash = range.find('-');
    const auto first = parse_number<dependent<T, unsigned>>(range.substr(0, dash));
    const auto last = dash == range.npos ? first : parse_number<dependent<T, unsigned>>(range.substr(dash + 1));
    sound = first && last && *first <= *last && *last < cpu_number_end && (cpus.empty() || cpus.back() < *first);
    for (unsigned cpu = sound ? *first : 1, end = sound ? *last : 0; cpu <= end; ++cpu) cpus.push_back(cpu);
  }
  if (sound) return cpus;
  ec = errc::malformed_text;
  return {};
}

/// Returns: the content of a file; on error an empty text. Errors: those of reading the file, EFBIG if it has more than
/// `limit` bytes.
template <class Os>
[[nodiscard]] std::string read_text(const std::string& path, std::size_t limit, std::error_code& ec) {
  std::string text;
  const int error = Os::read_file(path.c_str(), text, limit);
  ec = error != 0 ? errno_code(error) : std::error_code();
  return text;
}

} // namespace takt::inline TAKT_ABI::detail
