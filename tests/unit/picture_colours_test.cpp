// Protects: that text and marks of the tool's pictures stand out from the page, light and dark.
#include "../examples/takt/output/picture_colours.hpp"
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <set>
#include <string_view>

namespace {

/// The relative luminance of WCAG 2.2.
double luminance(std::uint32_t colour) {
  const auto channel = [colour](int shift) {
    const double c = static_cast<double>(colour >> shift & 0xff) / 255;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0);
}
double contrast(std::uint32_t a, std::uint32_t b) {
  const double x = luminance(a), y = luminance(b);
  return (std::fmax(x, y) + 0.05) / (std::fmin(x, y) + 0.05);
}

} // namespace

TEST_CASE("the contrast of black to white is 21, of a colour to itself 1") {
  CHECK(std::fabs(contrast(0x000000, 0xffffff) - 21) < 0.001);
  CHECK(contrast(0x777777, 0x777777) == 1);
  CHECK(std::fabs(contrast(0x777777, 0xffffff) - 4.48) < 0.01); // WebAIM's example
}

TEST_CASE("text has a contrast of 4.5 and marks of 3, on a light and on a dark page") {
  const auto check = [](const tool::picture_colour& c, double wanted) {
    CAPTURE(c.name);
    CHECK(contrast(c.light, tool::picture_background.light) >= wanted);
    CHECK(contrast(c.dark, tool::picture_background.dark) >= wanted);
  };
  for (const auto& c : tool::picture_texts) check(c, 4.5);
  for (const auto& c : tool::picture_marks) check(c, 3);
}

TEST_CASE("lines of the grid stay behind what is drawn, and no two colours share a name") {
  std::set<std::string_view> names{tool::picture_background.name, tool::picture_grid.name};
  for (const auto& c : tool::picture_texts) CHECK(names.insert(c.name).second);
  for (const auto& c : tool::picture_marks) {
    CHECK(names.insert(c.name).second);
    CHECK(contrast(c.light, tool::picture_background.light) >
          2 * contrast(tool::picture_grid.light, tool::picture_background.light));
    CHECK(contrast(c.dark, tool::picture_background.dark) >
          2 * contrast(tool::picture_grid.dark, tool::picture_background.dark));
  }
}
