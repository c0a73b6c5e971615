/// settings.hpp - what the object is to do, as the variable TAKT_RUN says it. Pure.
///
///   TAKT_RUN=slack=10000000,share=100000,waits=sleep+poll+timerfd,counts=/dev/shm/takt-run.x
///
/// `slack` is in nanoseconds, `share` in millionths of the wait. What is absent has its default; `counts` names a file
/// for the numbers of --report. The text comes from an environment that anybody may have changed: with an error in it
/// the object moves nothing.
#pragma once
#include "wait_list.hpp"
#include "window.hpp"
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace preload {

inline constexpr char settings_variable[] = "TAKT_RUN";

/// The largest slack, an hour: more is a mistake.
inline constexpr nanoseconds longest_slack = std::chrono::hours(1);

struct settings {
  limits allowed{};
  std::uint32_t families = all_families;
  std::string_view counts{}; ///< empty: do not count
};

/// Sets `out` to the number that `text` is. Returns: whether it is one of at most `max`.
[[nodiscard]] constexpr bool read_number(std::string_view text, std::uint64_t max, std::uint64_t& out) noexcept {
  if (text.empty()) return false;
  std::uint64_t n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (n > (max - digit) / 10 || max < digit) return false;
    n = n * 10 + digit;
  }
  out = n;
  return true;
}

/// Removes the text up to `separator`, and that, from the front of `text`. Returns: the text before it.
[[nodiscard]] constexpr std::string_view cut(std::string_view& text, char separator) noexcept {
  const std::size_t end = text.find(separator);
  const std::string_view first = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return first;
}

/// Returns: the bits of the families that `text` names, separated by `separator`; 0 if one of them does not exist.
[[nodiscard]] constexpr std::uint32_t read_families(std::string_view text, char separator) noexcept {
  std::uint32_t bits = 0;
  for (bool more = true; more;) {
    more = text.find(separator) != text.npos; // nothing behind a separator is an error too
    const std::uint32_t bit = family_bit(cut(text, separator));
    if (bit == 0) return 0;
    bits |= bit;
  }
  return bits;
}

/// Sets `out` to what `text` says. Returns: whether it is free of errors.
[[nodiscard]] constexpr bool read_settings(std::string_view text, settings& out) noexcept {
  settings result;
  while (!text.empty()) {
    std::string_view value = cut(text, ',');
    const std::string_view name = cut(value, '=');
    std::uint64_t n = 0;
    if (name == "slack" && read_number(value, static_cast<std::uint64_t>(longest_slack.count()), n))
      result.allowed.slack = nanoseconds(static_cast<std::int64_t>(n));
    else if (name == "share" && read_number(value, 1'000'000, n))
      result.allowed.share_ppm = static_cast<std::uint32_t>(n);
    else if (name == "waits" && read_families(value, '+') != 0) result.families = read_families(value, '+');
    else if (name == "counts") result.counts = value;
    else return false;
  }
  out = result;
  return true;
}

} // namespace preload
