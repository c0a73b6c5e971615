/// simulation_picture.hpp - how far policies are from the planner, and when a service is asked how often, as text and
/// as SVG.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tool {

/// From the best to the worst cell, with the mean.
struct ratio_bar {
  std::string label;
  double best, mean, worst; ///< 1 or more
};
/// Returns: lines of ASCII, "|---o---|" on a logarithmic scale; a whole SVG file of the same.
[[nodiscard]] std::string draw_ratios_text(std::span<const ratio_bar> bars);
[[nodiscard]] std::string draw_ratios_svg(std::span<const ratio_bar> bars);

/// How often something was asked in each of many moments.
struct load_strip {
  std::string label;
  std::span<const std::uint32_t> moments;
};
/// Returns: a line of ASCII each, a mark for the busiest moment of each part of the time, on a logarithmic scale from
/// blank through . to @ that is the same for all; a whole SVG file with linear scales, each with its own peak written
/// beside it.
[[nodiscard]] std::string draw_loads_text(std::span<const load_strip> strips, std::chrono::nanoseconds length);
[[nodiscard]] std::string draw_loads_svg(std::span<const load_strip> strips, std::chrono::nanoseconds length);

} // namespace tool
