/// simulation_picture.hpp - how far policies are from the fewest wake-ups, and the load of a fleet on a service, as
/// text and as SVG.
#pragma once
#include "svg_picture.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tool {

/// The wake-ups of a policy as multiples of the fewest possible: in the best kind of machine, on average, in the worst.
struct ratio_bar {
  std::string label;
  double best, mean, worst; ///< 1 or more
  bool emphasised = false;  ///< takt's own rule
};
/// Returns: lines of ASCII, "|---o---|" on a logarithmic scale.
[[nodiscard]] std::string draw_ratios_text(std::span<const ratio_bar> bars);
/// Returns: a whole SVG file of the same, with mean and worst written at each row.
[[nodiscard]] std::string draw_ratios_svg(std::span<const ratio_bar> bars, const picture_origin& origin);

/// The number of requests in each moment of the simulated time, under one policy.
struct load_strip {
  std::string label;
  std::span<const std::uint32_t> moments;
  enum class grid { none, shared, phased } on = grid::none;
};
/// Returns: a line of ASCII for each strip, a mark for the busiest moment of each part of the time, on a logarithmic
/// scale from blank through . to @ that all strips share.
[[nodiscard]] std::string draw_loads_text(std::span<const load_strip> strips, std::chrono::nanoseconds length);
/// Returns: a whole SVG file of the same on a linear scale that all strips share, with the busiest moment written at
/// each row. A moment lasts `moment`.
[[nodiscard]] std::string draw_loads_svg(std::span<const load_strip> strips, std::chrono::nanoseconds length,
                                         std::chrono::nanoseconds moment, const picture_origin& origin);

} // namespace tool
