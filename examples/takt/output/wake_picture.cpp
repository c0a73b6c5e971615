#include "wake_picture.hpp"
#include "timers_document.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

namespace tool {
namespace {

using std::chrono::nanoseconds;
using moment = takt::wake_run::moment;
using takt::wake_run;

struct stage {
  moment end;
  const char* colour;
  const char* words;
};
constexpr stage stages[] = {
    {moment::interrupt, "grey", "until the timer interrupt begins"},
    {moment::handler, "green", "until the timer's handler begins (hrtimer_expire_entry)"},
    {moment::waking, "pink", "until it wakes the thread (sched_waking)"},
    {moment::wakeup, "purple", "until the thread is on a CPU's queue (sched_wakeup)"},
    {moment::running, "orange", "until the CPU switches to it (sched_switch)"},
    {moment::first_reading, "blue", "until its first reading of the clock"},
    {moment::second_reading, "ink", "until its second reading"},
};

struct run_class {
  bool loaded, migrated;
  const char* colour; ///< of its points
};
constexpr run_class classes[] = {
    {false, false, "blue"}, {false, true, "green"}, {true, false, "orange"}, {true, true, "purple"}};
std::string name_of(const run_class& c) {
  return absl::StrCat(series_name(c.loaded), c.migrated ? ", migrated" : ", not migrated");
}
bool inside(const run_class& c, const wake_run& r) { return r.loaded == c.loaded && r.migrated() == c.migrated; }

void panel_title(svg_picture& svg, absl::string_view words) {
  svg.y += 26;
  svg.text(svg_picture::left, svg.y, words, "bold ink panel");
}

/// Returns: the runs of a class whose stages are compared: those that know every moment, or all where none does.
std::vector<const wake_run*> compared(const wake_results& results, const run_class& c) {
  std::vector<const wake_run*> all, complete;
  for (const wake_run& r : results.runs) {
    if (!inside(c, r)) continue;
    all.push_back(&r);
    if (r.complete()) complete.push_back(&r);
  }
  return complete.empty() ? all : complete;
}
/// Returns: for each stage that is known in all of these runs, the median of its end, counted from the expiry. As all are of
/// the same runs, they do not go back, because in each run the moments do not.
std::vector<std::pair<const stage*, double>> ends_of(const std::vector<const wake_run*>& runs) {
  std::vector<std::pair<const stage*, double>> ends;
  for (const stage& s : stages) {
    std::vector<nanoseconds> values;
    for (const wake_run* r : runs)
      if (const auto t = r->between(moment::expiry, s.end)) values.push_back(*t);
    if (!values.empty() && values.size() == runs.size())
      ends.emplace_back(&s, static_cast<double>(takt::wake_summary::median_of(values).middle.count()) / 1e3);
  }
  return ends;
}

void draw_bars(svg_picture& svg, const wake_results& results) {
  constexpr double head = 24, bar = 22, row = head + bar + 10;
  struct drawn {
    run_class of;
    std::size_t runs;
    std::vector<std::pair<const stage*, double>> ends;
  };
  std::vector<drawn> rows;
  double most = 0;
  std::set<const stage*> used;
  for (const run_class& c : classes) {
    const auto runs = compared(results, c);
    auto ends = ends_of(runs);
    if (ends.empty()) continue;
    most = std::max(most, ends.back().second);
    for (const auto& e : ends) used.insert(e.first);
    rows.push_back({c, runs.size(), std::move(ends)});
  }
  panel_title(svg, "The stages of a wake-up, in the median of each class");
  std::vector<svg_picture::legend_entry> legend;
  for (const stage& s : stages)
    if (used.contains(&s)) legend.push_back({svg_picture::mark::bar, s.colour, s.words});
  svg.legend(legend);
  const linear_scale scale(most);
  const double left = svg_picture::left, width = svg_picture::right - left, top = svg.y + 4;
  svg.y = top + row * static_cast<double>(rows.size());
  svg.x_axis(scale, left, width, top, "time since the expiry (us)");
  double y = top;
  for (const auto& [c, runs, ends] : rows) {
    svg.text(left, y + 18, name_of(c), "ink");
    svg.text(svg_picture::right, y + 18,
             absl::StrFormat("%s us, median of %d runs", decimal(ends.back().second, 2), runs), "figure bold ink",
             svg_picture::anchor::end);
    double x = left;
    for (const auto& [s, end] : ends) {
      const double to = left + width * scale.at(end);
      if (to > x) svg.bar(x, y + head, to - x, bar, s->colour);
      x = std::max(x, to);
    }
    y += row;
  }
}

void draw_points(svg_picture& svg, const wake_results& results, bool loaded) {
  constexpr double plot = 190, plot_x = svg_picture::left + 52, plot_width = svg_picture::right - plot_x;
  double least = 1e300, most = 0;
  for (const wake_run& r : results.runs) { // both series have one scale
    const double t = static_cast<double>(r.between(moment::expiry, moment::first_reading)->count()) / 1e3;
    least = std::min(least, std::max(t, 0.1)), most = std::max(most, t);
  }
  std::vector<const wake_run*> runs;
  for (const wake_run& r : results.runs)
    if (r.loaded == loaded) runs.push_back(&r);
  if (runs.empty()) return;
  panel_title(svg, absl::StrCat("All runs, ", series_name(loaded)));
  std::vector<svg_picture::legend_entry> legend;
  for (const run_class& c : classes)
    if (std::any_of(runs.begin(), runs.end(), [&](const wake_run* r) { return inside(c, *r); }))
      legend.push_back({svg_picture::mark::dot, c.colour, name_of(c)});
  svg.legend(legend);
  svg.y += 18;
  svg.text(svg_picture::left, svg.y, "height: from the expiry to the first reading (us, logarithmic)", "axis note");
  const double low = std::log10(least) - 0.05, high = std::max(std::log10(std::max(most, 0.1)) + 0.05, low + 0.2);
  const double top = svg.y + 12, bottom = top + plot;
  svg.y = bottom;
  const auto height = [&](double t) { return bottom - plot * std::clamp((std::log10(std::max(t, 0.1)) - low) / (high - low), 0.0, 1.0); };
  double free_below = bottom + 16;
  for (double decade = std::pow(10, std::floor(low)); decade < std::pow(10, high); decade *= 10)
    for (const double m : {decade, 2 * decade, 5 * decade}) {
      if (std::log10(m) < low || std::log10(m) > high) continue;
      const double at = height(m);
      svg.line(plot_x, at, svg_picture::right, at, "grid");
      if (at > free_below - 16) continue;
      svg.text(plot_x - 6, at + 4.5, axis_number(m), "note", svg_picture::anchor::end);
      free_below = at;
    }
  struct run_axis {
    double last;
    std::vector<double> marks;
    [[nodiscard]] double at(double x) const { return last > 0 ? x / last : 0; }
  } axis{static_cast<double>(runs.size()), {}};
  for (const double m : linear_scale(axis.last).marks)
    if (m <= axis.last) axis.marks.push_back(m);
  svg.x_axis(axis, plot_x, plot_width, top, "number of the run in its series");
  // Points that would lie on each other are one; the more there are, the coarser.
  constexpr std::size_t max_points = 3000;
  for (const run_class& c : classes) {
    std::set<std::pair<int, int>> places;
    for (double step = 1; places.empty() || places.size() > max_points; step *= 1.25) {
      places.clear();
      for (std::size_t i = 0; i < runs.size(); ++i) {
        if (!inside(c, *runs[i])) continue;
        const double t = static_cast<double>(runs[i]->between(moment::expiry, moment::first_reading)->count()) / 1e3;
        const double x = plot_x + plot_width * axis.at(static_cast<double>(i) + 0.5);
        places.emplace(static_cast<int>(step * std::round(x / step)), static_cast<int>(step * std::round(height(t) / step)));
      }
      if (places.empty()) break;
    }
    std::string d;
    for (const auto& [x, y] : places) absl::StrAppendFormat(&d, "M%d %dh0", x, y);
    if (!d.empty()) svg.dots(d, c.colour, 4);
  }
}

} // namespace

std::string draw_wake_svg(const wake_results& results, const wake_setting& setting, const picture_origin& origin) {
  svg_picture svg(origin);
  if (results.runs.empty()) {
    svg.y += 26;
    svg.text(svg_picture::left, svg.y, "No wake-up was complete.", "note");
    return svg.finish();
  }
  svg.y += 26;
  for (const absl::string_view line : absl::StrSplit(three_numbers(results, setting), '\n')) svg.paragraph(line, "ink");
  draw_bars(svg, results);
  draw_points(svg, results, false);
  draw_points(svg, results, true);
  return svg.finish();
}

} // namespace tool
