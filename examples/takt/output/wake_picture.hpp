/// wake_picture.hpp - wake-ups as SVG: the stages of each class as stacked bars, and all runs as points.
#pragma once
#include "svg_picture.hpp"
#include "wake_document.hpp"
#include <string>

namespace tool {

/// Returns: a whole SVG file. The bars end where the medians of the moments are, counted from the expiry.
[[nodiscard]] std::string draw_wake_svg(const wake_results& results, const wake_setting& setting,
                                        const picture_origin& origin);

} // namespace tool
