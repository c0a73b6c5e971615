/// time_line_picture.hpp - who woke up when: one row a process and one for all of them, as text and as SVG.
#pragma once
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace tool {

/// The wake-ups of one run, from its start.
struct picture_row {
  std::string label;
  std::vector<std::chrono::nanoseconds> wake_ups; ///< sorted
};
struct picture_panel {
  std::string title;
  std::vector<picture_row> rows;
};

/// What is shown: [0, length) in so many columns of text. Wake-ups closer than `together` count as one in the last row of
/// a panel, which is that of all processes.
struct picture_frame {
  std::chrono::nanoseconds length = std::chrono::milliseconds(500);
  std::chrono::nanoseconds together = std::chrono::microseconds(500);
  std::size_t columns = 100; ///< at most: fewer where lines are shorter
};

/// Returns: lines of ASCII. A cell of a process says how often it woke up, one of the last row how many times the machine
/// did: blank for never, a digit, + for more than nine.
[[nodiscard]] std::string draw_text(const std::vector<picture_panel>& panels, const picture_frame& frame);

/// Returns: a whole SVG file, one line a wake-up.
[[nodiscard]] std::string draw_svg(const std::vector<picture_panel>& panels, const picture_frame& frame);

} // namespace tool
