/// windows_file.hpp - parses a file of windows: lines of "PROCESS EARLIEST LATEST", a process number and two times.
///
/// The times are nanoseconds since an epoch that all lines share. Blank lines and text after a # are ignored. A line of
/// any other form is an error that gives its number. Pure.
#pragma once
#include "machine.hpp"
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tool {

/// A line that is no window, and the end of a sentence about it.
struct bad_line {
  std::size_t number; ///< from 1
  const char* why;
};

inline constexpr std::int64_t last_time_in_file = 4'000'000'000'000'000'000; // ns, 126 years; sums fit into 64 bits
inline constexpr std::size_t max_windows_in_file = 10'000'000;

/// Effects: replaces `out` by the windows of the file, ordered by process. Returns: the first bad line, if any; `out`
/// is then empty.
[[nodiscard]] inline std::optional<bad_line> parse_windows(std::string_view text, std::vector<request>& out) {
  out.clear();
  std::size_t number = 0;
  const auto refuse = [&](const char* why) {
    out.clear();
    return bad_line{number, why};
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    line = line.substr(0, line.find('#'));
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);

    std::int64_t fields[3]{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < line.size();) {
      if (line[i] == ' ' || line[i] == '\t') {
        ++i;
        continue;
      }
      if (count == 3) return refuse("has more than PROCESS EARLIEST LATEST");
      for (; i < line.size() && line[i] != ' ' && line[i] != '\t'; ++i) {
        if (line[i] < '0' || line[i] > '9') return refuse("is not PROCESS EARLIEST LATEST, three whole numbers");
        const std::int64_t limit = count == 0 ? std::int64_t{UINT32_MAX} : last_time_in_file, digit = line[i] - '0';
        if (fields[count] > (limit - digit) / 10)
          return refuse(count == 0 ? "has a process beyond 4294967295" : "has a time beyond 4000000000000000000 ns");
        fields[count] = fields[count] * 10 + digit;
      }
      ++count;
    }
    if (count == 0) continue;
    if (count < 3) return refuse("has less than PROCESS EARLIEST LATEST");
    if (fields[2] < fields[1]) return refuse("has a window that closes before it opens");
    if (out.size() == max_windows_in_file) return refuse("is one too many: 10000000 windows are enough");
    out.push_back({{std::chrono::nanoseconds(fields[1]), std::chrono::nanoseconds(fields[2])},
                   static_cast<std::uint32_t>(fields[0])});
  }
  std::sort(out.begin(), out.end(), [](const request& a, const request& b) {
    return a.process != b.process ? a.process < b.process : a.when.earliest < b.when.earliest;
  });
  return std::nullopt;
}

} // namespace tool
