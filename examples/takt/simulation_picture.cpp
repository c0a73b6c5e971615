#include "simulation_picture.hpp"
#include "command.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <unistd.h>

namespace tool {
namespace {

/// Where the rows of a picture are drawn: beside their labels, or below them where lines are too short for that.
struct drawing_room {
  template <class Rows> explicit drawing_room(const Rows& rows) {
    constexpr std::size_t least = 24, most = 72;
    for (const auto& row : rows) labels = std::max(labels, row.label.size());
    const std::size_t width = line_width(STDOUT_FILENO);
    beside = labels + 4 + least <= width;
    columns = std::min(most, width - (beside ? labels + 4 : 4));
  }
  /// `drawn` with its label, and an end of line.
  [[nodiscard]] std::string line(absl::string_view label, absl::string_view drawn) const {
    if (beside) return ended(absl::StrFormat("  %-*s  %s", static_cast<int>(labels), label, drawn));
    return absl::StrCat(label.empty() ? "" : absl::StrCat("  ", label, "\n"), ended(absl::StrCat("    ", drawn)));
  }
  static std::string ended(const std::string& text) { return absl::StrCat(absl::StripTrailingAsciiWhitespace(text), "\n"); }

  std::size_t labels = 0, columns = 0;
  bool beside = true;
};

/// A logarithmic scale from 1 to the first of 2, 5, 10, 20 ... that is not below `most`.
struct log_scale {
  explicit log_scale(double most) {
    for (double decade = 1; marks.back() < most && decade < 1e9; decade *= 10)
      for (const double m : {2 * decade, 5 * decade, 10 * decade})
        if (marks.back() < most) marks.push_back(m);
    if (marks.size() == 1) marks.push_back(2);
  }
  [[nodiscard]] double at(double x) const { return std::clamp(std::log(x) / std::log(marks.back()), 0.0, 1.0); }
  std::vector<double> marks{1};
};

log_scale scale_of(std::span<const ratio_bar> bars) {
  double most = 1;
  for (const ratio_bar& b : bars) most = std::max(most, b.worst);
  return log_scale(most);
}

std::vector<std::uint32_t> busiest(std::span<const std::uint32_t> moments, std::size_t parts) {
  std::vector<std::uint32_t> most(std::min(parts, moments.size()));
  for (std::size_t i = 0; i < moments.size(); ++i) {
    auto& part = most[i * most.size() / moments.size()];
    part = std::max(part, moments[i]);
  }
  return most;
}

std::uint32_t peak_of(std::span<const std::uint32_t> moments) {
  return moments.empty() ? 0 : *std::max_element(moments.begin(), moments.end());
}

std::string svg_head(double width, double height) {
  return absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n"
      "<style>text{font:12px sans-serif;fill:#333}.g{stroke:#ddd}.p{stroke:#27c;stroke-width:3}.m{fill:#c30}"
      ".l{fill:#27c}</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
      width, height, width, height);
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

std::string draw_ratios_svg(std::span<const ratio_bar> bars) {
  constexpr double left = 220, plot = 700, row = 22, top = 30;
  const log_scale scale = scale_of(bars);
  const auto x = [&](double ratio) { return left + plot * scale.at(ratio); };
  const double bottom = top + row * static_cast<double>(bars.size());
  std::string out = svg_head(left + plot + 40, bottom + 30);
  for (const double m : scale.marks)
    absl::StrAppendFormat(&out,
                          "<line class=\"g\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                          "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>\n",
                          x(m), x(m), top - 6, bottom, x(m), bottom + 16, m);
  double y = top + row / 2;
  for (const ratio_bar& b : bars) {
    absl::StrAppendFormat(&out,
                          "<text x=\"4\" y=\"%.1f\">%s</text><path class=\"p\" d=\"M%.1f %.1fH%.1f\"/>"
                          "<circle class=\"m\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>\n",
                          y + 4, b.label, x(b.best), y, x(b.worst), x(b.mean), y);
    y += row;
  }
  return absl::StrCat(out, "</svg>\n");
}

std::string draw_loads_text(std::span<const load_strip> strips, std::chrono::nanoseconds length) {
  const drawing_room room(strips);
  constexpr char marks[] = " .:-=+*#%@";
  constexpr int last_mark = static_cast<int>(sizeof marks) - 2;
  std::uint32_t most = 1;
  for (const load_strip& s : strips) most = std::max(most, peak_of(s.moments));
  std::string out;
  for (const load_strip& s : strips) {
    std::string line;
    for (const std::uint32_t n : busiest(s.moments, room.columns)) {
      const double share = n == 0 ? 0 : most == 1 ? 1 : std::log(double{1} * n) / std::log(double{1} * most);
      line += n == 0 ? ' ' : marks[1 + std::lround(share * (last_mark - 1))];
    }
    absl::StrAppend(&out, room.line(s.label, line));
  }
  const std::string end = absl::StrFormat("%.4g s", std::chrono::duration<double>(length).count());
  return absl::StrCat(out, room.line("", absl::StrFormat("0%*s", static_cast<int>(room.columns) - 1, end)));
}

std::string draw_loads_svg(std::span<const load_strip> strips, std::chrono::nanoseconds length) {
  constexpr double left = 220, plot = 900, row = 60, gap = 14, top = 16;
  std::string out = svg_head(left + plot + 20, top + (row + gap) * static_cast<double>(strips.size()) + 24);
  double y = top;
  for (const load_strip& s : strips) {
    const std::uint32_t peak = std::max<std::uint32_t>(1, peak_of(s.moments));
    const auto parts = busiest(s.moments, 900);
    const double step = plot / static_cast<double>(std::max<std::size_t>(1, parts.size()));
    absl::StrAppendFormat(&out,
                          "<text x=\"4\" y=\"%.1f\">%s</text><text x=\"4\" y=\"%.1f\">peak %u</text>"
                          "<path class=\"l\" d=\"M%.1f %.1f",
                          y + 24, s.label, y + 42, peak, left, y + row);
    for (const std::uint32_t n : parts)
      absl::StrAppendFormat(&out, "V%.1fh%.2f", y + row * (1 - double{1} * n / peak), step);
    absl::StrAppendFormat(&out, "V%.1fz\"/><line class=\"g\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                          y + row, left, left + plot, y + row, y + row);
    y += row + gap;
  }
  absl::StrAppendFormat(
      &out, "<text x=\"%.1f\" y=\"%.1f\">0</text><text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g s</text>\n", left,
      y + 8, left + plot, y + 8, std::chrono::duration<double>(length).count());
  return absl::StrCat(out, "</svg>\n");
}

} // namespace tool
