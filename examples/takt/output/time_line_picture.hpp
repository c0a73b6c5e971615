/// time_line_picture.hpp - the wake-ups of processes and of the machine over time, under several policies, as text
/// and as SVG.
#pragma once
#include "svg_picture.hpp"
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace tool {

/// The wake-ups of one process, or of all of them, from the start of the run.
struct picture_row {
  std::string label;
  std::vector<std::chrono::nanoseconds> wake_ups; ///< sorted
};
/// The wake-ups under one policy. The last row is that of the machine.
struct picture_panel {
  std::string title;
  std::vector<picture_row> rows;
  double per_second = 0; ///< wake-ups of the machine in the whole run, not only in the time shown; 0: unknown
  double to_planner = 0; ///< wake-ups as a multiple of the fewest possible; 0: unknown
  bool is_planner = false;
};

/// The time that is shown, [0, length), and the number of columns of the text form. In the row of the machine, wake-ups
/// closer than `together` count as one.
struct picture_frame {
  std::chrono::nanoseconds length = std::chrono::milliseconds(500);
  std::chrono::nanoseconds together = std::chrono::microseconds(500);
  std::size_t columns = 100; ///< at most; fewer where lines are shorter
};

/// Returns: lines of ASCII. Each cell shows how often the process, or the machine in the last row, woke up in that part
/// of the time: blank for never, a digit, + for more than nine.
[[nodiscard]] std::string draw_text(const std::vector<picture_panel>& panels, const picture_frame& frame);

/// Returns: a whole SVG file: bars of the machine's wake-ups per second on one scale, and below them for each panel one
/// stroke for each wake-up, with their number written at each row.
[[nodiscard]] std::string draw_svg(const std::vector<picture_panel>& panels, const picture_frame& frame,
                                   const picture_origin& origin);

} // namespace tool
