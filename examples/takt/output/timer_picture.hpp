/// timer_picture.hpp - a recording of timers and of the tick, as SVG.
///
/// The size of a picture is bounded, whatever the length of the recording and the number of CPUs and processes.
#pragma once
#include "model/timer_history.hpp"
#include "svg_picture.hpp"
#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tool {

/// The text beside the tick of each CPU, by its number; without an entry it is the number of ticks.
using tick_figures = std::map<unsigned, std::string>;

/// Returns: a whole SVG file with three parts: a row for each CPU with its expiries over time, those that woke it from
/// idle in another colour; all expiries over time with a colour for each of the busiest owners; the tick of each CPU.
/// `period` is that of the tick, zero where it is unknown.
[[nodiscard]] std::string draw_timers_svg(timer_history& history, std::chrono::nanoseconds period,
                                          const tick_figures& figures, const picture_origin& origin);

/// How often an event came at each phase of the tick; the bins divide the tick's period equally.
struct phase_histogram {
  std::string title;  ///< "when the tick comes"
  std::string figure; ///< the result in a few words
  std::string colour; ///< a name in picture_colours.hpp
  std::span<const std::uint64_t> counts;
};
/// Returns: a whole SVG file: the tick of each CPU over time; the histograms over one period, each on its own scale.
[[nodiscard]] std::string draw_ticks_svg(timer_history& history, std::chrono::nanoseconds period,
                                         const tick_figures& figures, std::span<const phase_histogram> histograms,
                                         const picture_origin& origin);

} // namespace tool
