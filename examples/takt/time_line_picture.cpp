#include "time_line_picture.hpp"
#include "command.hpp"
#include "planner.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>
#include <algorithm>
#include <unistd.h>

namespace tool {
namespace {

using std::chrono::nanoseconds;

char digit(std::size_t n) { return n == 0 ? ' ' : n <= 9 ? static_cast<char>('0' + n) : '+'; }

std::string cells(const std::vector<nanoseconds>& times, const picture_frame& frame, std::size_t columns) {
  std::vector<std::size_t> counts(columns);
  for (const nanoseconds t : times) {
    if (t < nanoseconds::zero() || t >= frame.length) continue;
    ++counts[static_cast<std::size_t>(t * static_cast<std::int64_t>(columns) / frame.length)];
  }
  std::string text;
  for (const std::size_t n : counts) text += digit(n);
  return text;
}

std::vector<nanoseconds> times_together(const std::vector<nanoseconds>& times, nanoseconds width) {
  std::vector<nanoseconds> firsts;
  for (const cluster& c : clusters_of(times, width)) firsts.push_back(c.first);
  return firsts;
}

double milliseconds(nanoseconds t) { return std::chrono::duration<double, std::milli>(t).count(); }

std::string escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

} // namespace

std::string draw_text(const std::vector<picture_panel>& panels, const picture_frame& frame) {
  std::size_t label_width = 0;
  for (const auto& p : panels) {
    for (const auto& row : p.rows) label_width = std::max(label_width, row.label.size());
  }
  const auto width = static_cast<int>(label_width);
  const std::size_t beside = line_width(STDOUT_FILENO) - std::min(line_width(STDOUT_FILENO), static_cast<unsigned>(width) + 4);
  const std::size_t columns = std::min(frame.columns, std::max<std::size_t>(beside, 16));
  // The axis: a mark every tenth, its time under it where there is room.
  std::string marks(columns, '-'), times;
  for (int i = 0; i < 10; ++i) {
    const std::size_t at = columns * static_cast<std::size_t>(i) / 10;
    marks[at] = '+';
    const std::string text = absl::StrFormat("%.4g%s", milliseconds(frame.length) * i / 10, i == 0 ? " ms" : "");
    if (at + text.size() > columns || (i > 0 && at <= times.size())) continue;
    times.resize(at, ' ');
    times += text;
  }
  std::string out;
  for (const auto& p : panels) {
    absl::StrAppend(&out, "\n", p.title, "\n");
    for (const auto& row : p.rows) {
      const bool all = &row == &p.rows.back();
      if (all) absl::StrAppendFormat(&out, "  %*s  %s\n", width, "", marks);
      const std::string line = cells(all ? times_together(row.wake_ups, frame.together) : row.wake_ups, frame, columns);
      absl::StrAppend(&out, absl::StripTrailingAsciiWhitespace(absl::StrFormat("  %-*s  %s", width, row.label, line)),
                      "\n");
    }
    absl::StrAppendFormat(&out, "  %*s  %s\n", width, "", times);
  }
  return out;
}

std::string draw_svg(const std::vector<picture_panel>& panels, const picture_frame& frame) {
  constexpr double left = 110, plot = 1000, right = 40, row_height = 14, gap = 46, top = 60;
  double height = top;
  for (const auto& p : panels) height += static_cast<double>(p.rows.size()) * row_height + gap;
  const auto x = [&](nanoseconds t) {
    return left + plot * static_cast<double>(t.count()) / static_cast<double>(frame.length.count());
  };

  std::string out = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n"
      "<style>text{font:12px sans-serif;fill:#333}.h{font-weight:bold}.g{stroke:#ddd}.p{stroke:#27c;stroke-width:1}"
      ".a{stroke:#c30;stroke-width:1.5}</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
      left + plot + right, height, left + plot + right, height);
  absl::StrAppendFormat(&out,
                        "<text x=\"4\" y=\"20\">Each stroke is a wake-up: blue of one process; red of the machine, those "
                        "within %.4g us of the first as one.</text>\n",
                        milliseconds(frame.together) * 1000);
  double y = top;
  for (const auto& p : panels) {
    const double bottom = y + static_cast<double>(p.rows.size()) * row_height;
    absl::StrAppendFormat(&out, "<text class=\"h\" x=\"4\" y=\"%.1f\">%s</text>\n", y - 8, escaped(p.title));
    for (int i = 0; i <= 10; ++i) {
      const nanoseconds t = frame.length * i / 10;
      absl::StrAppendFormat(&out,
                            "<line class=\"g\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.4g%s</text>\n",
                            x(t), x(t), y, bottom, x(t), bottom + 14, milliseconds(t), i == 10 ? " ms" : "");
    }
    for (const auto& row : p.rows) {
      const bool all = &row == &p.rows.back();
      absl::StrAppendFormat(&out, "<text x=\"4\" y=\"%.1f\">%s</text>\n<path class=\"%s\" d=\"", y + row_height - 3,
                            escaped(row.label), all ? "a" : "p");
      for (const nanoseconds t : all ? times_together(row.wake_ups, frame.together) : row.wake_ups) {
        if (t >= nanoseconds::zero() && t < frame.length)
          absl::StrAppendFormat(&out, "M%.2f %.1fv%.1f", x(t), y + 2, row_height - 3);
      }
      absl::StrAppend(&out, "\"/>\n");
      y += row_height;
    }
    y += gap;
  }
  return absl::StrCat(out, "</svg>\n");
}

} // namespace tool
