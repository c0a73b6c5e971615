#include "simulation_picture.hpp"
#include "command.hpp"
#include "document.hpp"
#include "terminal.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <unistd.h>

namespace tool {
namespace {

/// The place of the rows of a picture in text: beside their labels, or below them if lines are too short.
struct drawing_room {
  template <class Rows> explicit drawing_room(const Rows& rows) {
    constexpr std::size_t min_columns = 24, max_columns = 72;
    for (const auto& row : rows) labels = std::max(labels, row.label.size());
    const std::size_t width = line_width(STDOUT_FILENO);
    beside = labels + 4 + min_columns <= width;
    columns = std::min(max_columns, width - (beside ? labels + 4 : 4));
  }
  /// `drawn` with its label, and an end of line.
  [[nodiscard]] std::string line(absl::string_view label, absl::string_view drawn) const {
    if (beside) return ended(absl::StrFormat("  %-*s  %s", static_cast<int>(labels), label, drawn));
    return absl::StrCat(label.empty() ? "" : absl::StrCat("  ", label, "\n"), ended(absl::StrCat("    ", drawn)));
  }
  static std::string ended(const std::string& text) {
    return absl::StrCat(absl::StripTrailingAsciiWhitespace(text), "\n");
  }

  std::size_t labels = 0, columns = 0;
  bool beside = true;
};

log_scale scale_of(std::span<const ratio_bar> bars) {
  double max = 1;
  for (const ratio_bar& b : bars) max = std::max(max, b.worst);
  return log_scale(max);
}

/// Returns: the busiest moment of each of `parts` parts of the time.
std::vector<std::uint32_t> busiest(std::span<const std::uint32_t> moments, std::size_t parts) {
  std::vector<std::uint32_t> peaks(std::min(parts, moments.size()));
  for (std::size_t i = 0; i < moments.size(); ++i) {
    auto& part = peaks[i * peaks.size() / moments.size()];
    part = std::max(part, moments[i]);
  }
  return peaks;
}

std::uint32_t peak_of(std::span<const std::uint32_t> moments) {
  return moments.empty() ? 0 : *std::max_element(moments.begin(), moments.end());
}

std::uint32_t peak_of(std::span<const load_strip> strips) {
  std::uint32_t peak = 1;
  for (const load_strip& s : strips) peak = std::max(peak, peak_of(s.moments));
  return peak;
}

} // namespace

std::string draw_ratios_text(std::span<const ratio_bar> bars) {
  const drawing_room room(bars);
  const std::size_t columns = room.columns;
  const log_scale scale = scale_of(bars);
  const auto column = [&](double x) {
    return static_cast<std::size_t>(std::lround(scale.at(x) * static_cast<double>(columns - 1)));
  };
  std::string out;
  for (const ratio_bar& b : bars) {
    std::string line(columns, ' ');
    const std::size_t from = column(b.best), to = column(b.worst);
    std::fill(line.begin() + static_cast<std::ptrdiff_t>(from), line.begin() + static_cast<std::ptrdiff_t>(to), '-');
    line[from] = line[to] = '|';
    line[column(b.mean)] = 'o';
    absl::StrAppend(&out, room.line(b.label, line));
  }
  std::string marks(columns, '-'), numbers;
  for (const double m : scale.marks) {
    const std::string text = absl::StrFormat("%g", m);
    marks[column(m)] = '+';
    const std::size_t at = std::min(column(m), columns - text.size());
    if (at < numbers.size() + (numbers.empty() ? 0 : 1)) continue; // no room
    numbers.resize(at, ' ');
    numbers += text;
  }
  return absl::StrCat(out, room.line("", marks), room.line("", numbers));
}

std::string draw_ratios_svg(std::span<const ratio_bar> bars, const picture_origin& origin) {
  constexpr double row = 40, x = svg_picture::left + 6, width = svg_picture::right - 6 - x;
  const log_scale scale = scale_of(bars);
  svg_picture svg(origin);
  svg.legend({{svg_picture::mark::span, "grey", "from the best kind of machine to the worst"},
              {svg_picture::mark::dot, "orange", "the mean of all kinds of machines"},
              {svg_picture::mark::span, "blue", "the rule of takt"}});
  const double top = svg.y;
  svg.y += row * static_cast<double>(bars.size());
  svg.x_axis(scale, x, width, top, "wake-ups of the machine, as a multiple of the fewest possible (logarithmic)");
  double y = top;
  for (const ratio_bar& b : bars) {
    const double middle = y + 29, from = x + width * scale.at(b.best), to = x + width * scale.at(b.worst);
    svg.text(svg_picture::left, y + 17, b.label, b.emphasised ? "bold ink" : "ink");
    svg.text(svg_picture::right, y + 17, absl::StrFormat("mean %.2f, worst %.2f", b.mean, b.worst),
             b.emphasised ? "figure bold ink" : "figure ink", svg_picture::anchor::end);
    svg.line(from - 1, middle, to + 1, middle, b.emphasised ? "blue" : "grey", 6);
    svg.dot(x + width * scale.at(b.mean), middle, 5.5, "orange");
    y += row;
  }
  return svg.finish();
}

std::string draw_loads_text(std::span<const load_strip> strips, std::chrono::nanoseconds length) {
  const drawing_room room(strips);
  constexpr char marks[] = " .:-=+*#%@";
  constexpr int last_mark = static_cast<int>(sizeof marks) - 2;
  const std::uint32_t peak = peak_of(strips);
  std::string out;
  for (const load_strip& s : strips) {
    std::string line;
    for (const std::uint32_t n : busiest(s.moments, room.columns)) {
      const double share = n == 0 ? 0 : peak == 1 ? 1 : std::log(double{1} * n) / std::log(double{1} * peak);
      line += n == 0 ? ' ' : marks[1 + std::lround(share * (last_mark - 1))];
    }
    absl::StrAppend(&out, room.line(s.label, line));
  }
  const std::string end = absl::StrFormat("%.4g s", std::chrono::duration<double>(length).count());
  return absl::StrCat(out, room.line("", absl::StrFormat("0%*s", static_cast<int>(room.columns) - 1, end)));
}

std::string draw_loads_svg(std::span<const load_strip> strips, std::chrono::nanoseconds length,
                           std::chrono::nanoseconds moment, const picture_origin& origin) {
  constexpr double head = 34, plot = 44, row = head + plot + 6, x = svg_picture::left + 46,
                   width = svg_picture::right - x;
  // The smallest height of a load above zero, so that it remains visible beside one a hundred times as high.
  constexpr double min_height = 1.5;
  const linear_scale loads(peak_of(strips));
  const linear_scale time(std::chrono::duration<double>(length).count());
  const double time_width = width * std::chrono::duration<double>(length).count() / time.marks.back();
  const std::string of_moment = absl::StrCat("a moment of ", time_value(moment).text);
  const auto colour_of = [](load_strip::grid g) {
    return g == load_strip::grid::none ? "grey" : g == load_strip::grid::shared ? "orange" : "blue";
  };
  svg_picture svg(origin);
  svg.legend({{svg_picture::mark::bar, "grey", "no common grid"},
              {svg_picture::mark::bar, "orange", "one grid for all machines"},
              {svg_picture::mark::bar, "blue", "the same grid, moved by a phase of its own on each machine"}});
  svg.y += 10;
  svg.text(svg_picture::left, svg.y, absl::StrCat("height: requests in ", of_moment, ", on the same scale in all rows"),
           "axis note");
  const double top = svg.y + 4;
  svg.y = top + row * static_cast<double>(strips.size()) - 6;
  svg.x_axis(time, x, width, top + head, "time (s)");
  double y = top;
  for (const load_strip& s : strips) {
    const double bottom = y + head + plot;
    const std::uint32_t peak = peak_of(s.moments);
    svg.text(svg_picture::left, y + 18, s.label, "ink");
    svg.text(svg_picture::right, y + 18, absl::StrCat("at most ", count(peak).text, " in ", time_value(moment).text),
             "figure bold ink", svg_picture::anchor::end);
    for (const double m : {0.0, loads.marks.back() / 2, loads.marks.back()}) {
      const double at = bottom - plot * loads.at(m);
      svg.line(x, at, svg_picture::right, at, "grid");
      svg.text(x - 6, at + 4.5, axis_number(m), "note", svg_picture::anchor::end);
    }
    const auto parts = busiest(s.moments, static_cast<std::size_t>(time_width));
    const double step = time_width / static_cast<double>(std::max<std::size_t>(1, parts.size()));
    std::string outline = absl::StrFormat("M%.1f %.1f", x, bottom);
    for (const std::uint32_t n : parts)
      absl::StrAppendFormat(&outline, "V%.1fh%.2f", bottom - (n == 0 ? 0 : std::max(min_height, plot * loads.at(n))),
                            step);
    svg.path(absl::StrFormat("%sV%.1fz", outline, bottom), colour_of(s.on), true);
    y += row;
  }
  return svg.finish();
}

} // namespace tool
