#include "time_line_picture.hpp"
#include "command.hpp"
#include "terminal.hpp"
#include "model/simulation/planner.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
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

/// An SVG file shows at most this much of the time: 10 ms of a grid are then some pixels wide at a width of 400.
constexpr nanoseconds max_drawn = std::chrono::milliseconds(200);
/// Rows of processes that a panel of an SVG file has room for.
constexpr std::size_t max_process_rows = 12;

/// The unit of a time axis.
struct axis_unit {
  const char* name;
  double length; ///< in ns
  [[nodiscard]] double of(nanoseconds t) const { return static_cast<double>(t.count()) / length; }
};
axis_unit unit_for(nanoseconds length) {
  if (length < std::chrono::microseconds(1)) return {"ns", 1};
  if (length < std::chrono::milliseconds(1)) return {"us", 1e3};
  return {"ms", 1e6};
}

/// The wake-ups in the time shown.
std::vector<nanoseconds> shown(const std::vector<nanoseconds>& times, nanoseconds length) {
  std::vector<nanoseconds> inside;
  for (const nanoseconds t : times)
    if (t >= nanoseconds::zero() && t < length) inside.push_back(t);
  return inside;
}

/// Bars of all panels on one scale: the figures that the picture is about.
void draw_rates(svg_picture& svg, const std::vector<picture_panel>& panels) {
  constexpr double row = 38, x = svg_picture::left + 6, width = svg_picture::right - 6 - x;
  double max = 0;
  for (const auto& p : panels) max = std::max(max, p.per_second);
  if (max == 0) return;
  const linear_scale scale(max);
  const double top = svg.y;
  svg.y += row * static_cast<double>(panels.size());
  svg.x_axis(scale, x, width, top, "wake-ups of the machine per second, in the whole run");
  double y = top;
  for (const auto& p : panels) {
    svg.text(svg_picture::left, y + 16, p.title, "ink");
    svg.text(svg_picture::right, y + 16,
             absl::StrCat(absl::StrFormat("%.1f per second", p.per_second),
                          p.is_planner || p.to_planner == 0 ? std::string()
                                                            : absl::StrFormat(", %.2f x the fewest", p.to_planner)),
             "figure bold ink", svg_picture::anchor::end);
    svg.bar(x, y + 22, width * scale.at(p.per_second), 12, p.is_planner ? "green" : "orange");
    y += row;
  }
  svg.y += 6;
}

void draw_panel(svg_picture& svg, const picture_panel& p, const picture_frame& frame) {
  constexpr double row = 19, x = svg_picture::left + 104, end = svg_picture::right - 50, width = end - x;
  const nanoseconds length = std::min(frame.length, max_drawn);
  const axis_unit unit = unit_for(length);
  const linear_scale time(unit.of(length));
  const double unit_width = width / time.marks.back();
  svg.y += 26;
  svg.text(svg_picture::left, svg.y, p.title, "bold ink panel");
  svg.y += 8;
  const double top = svg.y;
  const std::size_t processes = p.rows.size() - 1, drawn = std::min(processes, max_process_rows);
  std::vector<const picture_row*> rows;
  for (std::size_t i = 0; i < drawn; ++i) rows.push_back(&p.rows[i]);
  rows.push_back(&p.rows.back());
  svg.y += row * static_cast<double>(rows.size() + (drawn < processes ? 1 : 0));
  svg.x_axis(time, x, width, top, absl::StrCat("time since the start of the run (", unit.name, ")"));
  double y = top;
  for (const picture_row* r : rows) {
    const bool machine = r == rows.back();
    if (machine && drawn < processes) {
      svg.text(svg_picture::left, y + row - 5, absl::StrCat("and ", processes - drawn, " more processes"), "note");
      y += row;
    }
    const auto times = shown(machine ? times_together(r->wake_ups, frame.together) : r->wake_ups, length);
    svg.text(svg_picture::left, y + row - 5, r->label, machine ? "bold ink" : "ink");
    svg.text(svg_picture::right, y + row - 5, absl::StrCat(times.size()), machine ? "bold ink" : "ink",
             svg_picture::anchor::end);
    std::string strokes;
    for (const nanoseconds t : times)
      absl::StrAppendFormat(&strokes, "M%.2f %.1fv%.1f", x + unit_width * unit.of(t), y + 3, row - 5);
    if (!strokes.empty()) svg.path(strokes, machine ? "orange" : "blue", false, machine ? 1.6 : 1.2);
    y += row;
  }
}

} // namespace

std::string draw_text(const std::vector<picture_panel>& panels, const picture_frame& frame) {
  std::size_t label_width = 0;
  for (const auto& p : panels) {
    for (const auto& row : p.rows) label_width = std::max(label_width, row.label.size());
  }
  const auto width = static_cast<int>(label_width);
  const std::size_t beside =
      line_width(STDOUT_FILENO) - std::min(line_width(STDOUT_FILENO), static_cast<unsigned>(width) + 4);
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
    if (p.rows.empty()) continue;
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

std::string draw_svg(const std::vector<picture_panel>& panels, const picture_frame& frame,
                     const picture_origin& origin) {
  svg_picture svg(origin);
  const std::string as_one = frame.together == nanoseconds::zero()
                                 ? "one wake-up of the machine"
                                 : absl::StrFormat("one wake-up of the machine (all within %.4g us count as one)",
                                                   milliseconds(frame.together) * 1000);
  const bool planned = std::any_of(panels.begin(), panels.end(), [](const auto& p) { return p.is_planner; });
  std::vector<svg_picture::legend_entry> legend{{svg_picture::mark::strokes, "blue", "one wake-up of a process"},
                                                {svg_picture::mark::strokes, "orange", as_one}};
  if (planned) legend.push_back({svg_picture::mark::bar, "green", "the fewest wake-ups that serve all windows"});
  svg.legend(legend);
  draw_rates(svg, panels);
  svg.text(svg_picture::right, svg.y + 20, "wake-ups shown", "note", svg_picture::anchor::end); // beside the title below
  svg.y -= 6;
  for (const auto& p : panels)
    if (!p.rows.empty()) draw_panel(svg, p, frame);
  return svg.finish();
}

} // namespace tool
