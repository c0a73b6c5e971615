/// picture_colours.hpp - the colours of the tool's pictures, one set for light and one for dark backgrounds. Pure.
///
/// Text has a contrast of at least 4.5 to the background and marks of at least 3, as WCAG 2.2 (1.4.3 and 1.4.11) asks
/// for; a test calculates it. Blue, orange and green differ in brightness too, for readers who see few colours.
#pragma once
#include <cstdint>
#include <string_view>

namespace tool {

/// A colour on light and on dark backgrounds.
struct picture_colour {
  std::string_view name; ///< the class of CSS that has this colour
  std::uint32_t light;   ///< 0xrrggbb
  std::uint32_t dark;    ///< 0xrrggbb
};

inline constexpr picture_colour picture_background{"page", 0xffffff, 0x0d1117};
/// Colours of text.
inline constexpr picture_colour picture_texts[] = {{"ink", 0x1f2328, 0xf0f6fc}, {"note", 0x59636e, 0xa8b1bb}};
/// Colours of everything that is drawn, except the lines of the grid.
inline constexpr picture_colour picture_marks[] = {
    {"blue", 0x0b6bcb, 0x58a6ff},
    {"orange", 0xc24e00, 0xf0883e},
    {"green", 0x1a7f37, 0x3fb950},
    {"purple", 0x6639ba, 0xd2a8ff},
    {"pink", 0xbf3989, 0xf778ba},
    {"grey", 0x6e7781, 0x8b949e},
};
inline constexpr picture_colour picture_grid{"grid", 0xd1d9e0, 0x30363d};

} // namespace tool
