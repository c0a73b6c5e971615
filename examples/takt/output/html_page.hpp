/// html_page.hpp - a document and its pictures as one file for browsers.
///
/// The file is complete by itself: it has no script and no font, and forbids the browser to run or to fetch any
/// (Content-Security-Policy). It follows the reader's choice of light or dark, and is printed light. Foreign text, such
/// as the names of processes, is escaped.
#pragma once
#include "document.hpp"
#include "svg_picture.hpp"
#include <string>
#include <vector>

namespace tool {

/// Returns: the page: title and origin, the headline, the pictures (SVG files, drawn without a date, because the page
/// has it), the sections of `d`, details included.
[[nodiscard]] std::string html_page(const document& d, const picture_origin& origin,
                                    const std::vector<std::string>& pictures);

} // namespace tool
