/// svg_picture.hpp - the frame that all pictures of the tool share: title, origin, legend, axes, light and dark
/// colours.
///
/// Does not promise: that text fits where the reader's font is much wider than DejaVu Sans.
/// Sources: SVG 1.1; Media Queries Level 5, prefers-color-scheme (browsers apply it to an SVG file in <img> too).
#pragma once
#include <absl/strings/string_view.h>
#include <string>
#include <vector>

namespace tool {

/// Where a picture comes from, printed below its title. With an empty date none of it is printed, because the page that
/// contains the picture has it.
struct picture_origin {
  std::string title;   ///< what the picture shows; one line
  std::string command; ///< the command line that draws it again
  std::string machine; ///< the computer that was measured, or what was simulated
  std::string date;    ///< the day of the run, the only part that differs between runs of one seed
};
/// Returns: today in UTC, as 2026-11-29.
[[nodiscard]] std::string date_of_today();

/// A range of numbers with round marks from zero to at least `max`.
struct linear_scale {
  explicit linear_scale(double max);
  [[nodiscard]] double at(double x) const; ///< the place of `x`, from 0 to 1
  std::vector<double> marks;               ///< the round numbers
};

/// A logarithmic scale from 1 to the first of 2, 5, 10, 20 ... that is not below `max`.
struct log_scale {
  explicit log_scale(double max);
  [[nodiscard]] double at(double x) const; ///< the place of `x`, from 0 to 1
  std::vector<double> marks;               ///< the round numbers
};

/// Builds an SVG file from top to bottom. Its user units are pixels at a width of 640 and a text size of 14, which are
/// legible at a width of 400 pixels and not too large at 1000.
class svg_picture {
public:
  static constexpr double width = 640, left = 12, right = width - 12;

  explicit svg_picture(const picture_origin& origin);

  /// The top of the next part; each part moves it down by its height.
  double y = 0;

  enum class anchor { start, middle, end };
  /// Adds text with its baseline at `y_at`. Classes: ink (default), note, bold, or a colour of picture_colours.hpp.
  void text(double x, double y_at, absl::string_view words, absl::string_view css_class = {}, anchor a = anchor::start);
  /// Adds text in as many lines as it needs, from `y` on.
  void paragraph(absl::string_view words, absl::string_view css_class);
  /// Adds a straight line of a colour.
  void line(double x1, double y1, double x2, double y2, absl::string_view colour, double thickness = 1);
  void bar(double x, double y_at, double bar_width, double height, absl::string_view colour);
  void dot(double x, double y_at, double radius, absl::string_view colour);
  /// Adds a dot at each end of the path `d`, as "M12 30h0M14 28h0": shorter than a circle for each.
  void dots(absl::string_view d, absl::string_view colour, double diameter);
  /// Adds a path: `d` as SVG defines it, filled if `fill`, else stroked.
  void path(absl::string_view d, absl::string_view colour, bool fill, double thickness = 1);

  enum class mark { bar, strokes, span, dot };
  struct legend_entry {
    mark shape;
    std::string colour;
    std::string words;
  };
  /// Adds the legend, one line for each entry.
  void legend(const std::vector<legend_entry>& entries);
  /// Adds the vertical lines of an x axis from `top` to `y`, the numbers below and the axis' name.
  template <class Scale>
  void x_axis(const Scale& scale, double x, double axis_width, double top, absl::string_view name) {
    double free_from = -1;
    for (const double m : scale.marks) free_from = x_mark(x + axis_width * scale.at(m), top, m, free_from);
    x_axis_name(x + axis_width, name);
  }

  /// Returns: the whole file.
  [[nodiscard]] std::string finish();

private:
  double x_mark(double x, double top, double number, double free_from);
  void x_axis_name(double x, absl::string_view name);

  std::string title_, body_;
};

/// Returns: a number as text for an axis or a row, with the thousands separated: "0.5", "1 597".
[[nodiscard]] std::string axis_number(double x);

} // namespace tool
