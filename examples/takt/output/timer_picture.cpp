#include "timer_picture.hpp"
#include "document.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace tool {
namespace {

using std::chrono::nanoseconds;
using counts = std::vector<std::uint64_t>;

/// CPUs, and owners of timers, that a picture has room for.
constexpr std::size_t max_cpus = 16, max_tick_cpus = 8;
constexpr const char* series_colours[] = {"blue", "orange", "green", "purple", "pink"};

constexpr double plot_x = svg_picture::left + 52, plot_width = svg_picture::right - plot_x;

double seconds(nanoseconds t) { return std::chrono::duration<double>(t).count(); }

/// The axis of time, from 0 to the end of the recording; round marks, and no part of it empty.
struct time_axis {
  explicit time_axis(const timer_history& h)
      : length(std::max(h.end, h.axis.width())), bin(h.axis.width()),
        bins(std::min(folded_axis::bins, static_cast<std::size_t>(length / bin) + 1)), unit(unit_of(seconds(length))),
        marks_(seconds(length) / unit.second) {
    std::erase_if(marks_.marks, [&](double m) { return m * unit.second > seconds(length) * (1 + 1e-9); });
    marks = marks_.marks;
  }
  [[nodiscard]] double at(double x) const { return std::clamp(x * unit.second / seconds(length), 0.0, 1.0); }
  [[nodiscard]] std::string name() const {
    return absl::StrCat("time since the start of the recording (", unit.first, ")");
  }
  static std::pair<const char*, double> unit_of(double s) {
    if (s < 1) return {"ms", 1e-3};
    if (s < 300) return {"s", 1};
    if (s < 3 * 3600) return {"min", 60};
    return {"h", 3600};
  }

  nanoseconds length, bin;
  std::size_t bins; ///< so many of them have been
  std::pair<const char*, double> unit;
  std::vector<double> marks;

private:
  linear_scale marks_;
};

/// The bins of `fine`, as many of them joined as needed for at most `columns`. The last one takes what is left over, and
/// shows how many it would have had in the width of the others.
struct columns {
  columns(const counts& fine, const time_axis& time, std::size_t max)
      : joined((time.bins + max - 1) / max), values(static_cast<std::size_t>(std::max<std::int64_t>(
                                                 1, time.length / (time.bin * static_cast<std::int64_t>(joined))))) {
    for (std::size_t i = 0; i < std::min(fine.size(), time.bins); ++i)
      values[std::min(i / joined, values.size() - 1)] += static_cast<double>(fine[i]);
    width = time.bin * static_cast<std::int64_t>(joined);
    step = plot_width * seconds(width) / seconds(time.length);
    values.back() *= seconds(width) / seconds(time.length - width * static_cast<std::int64_t>(values.size() - 1));
  }
  std::size_t joined;
  std::vector<double> values;
  nanoseconds width{}; ///< of a column, in time
  double step;         ///< and in the picture
};

/// The outline of columns, as the `d` of a path: a column of the value n is height(n) high. A closed one begins and ends at
/// the bottom. Equal neighbours are one line.
template <class Height> std::string outline(const columns& c, double bottom, bool closed, const Height& height) {
  const double end = svg_picture::right;
  std::string d = absl::StrFormat("M%.1f %.1f", plot_x, bottom);
  double last = bottom;
  if (!closed && !c.values.empty()) d = absl::StrFormat("M%.1f %.1f", plot_x, last = bottom - height(c.values.front()));
  for (std::size_t i = 0; i < c.values.size(); ++i) {
    const double y = bottom - height(c.values[i]);
    if (std::fabs(y - last) < 0.05) continue;
    const double x = std::min(end, plot_x + c.step * static_cast<double>(i));
    absl::StrAppendFormat(&d, "H%.1fV%.1f", x, y);
    last = y;
  }
  absl::StrAppendFormat(&d, "H%.1f", end);
  if (closed) absl::StrAppendFormat(&d, "V%.1fz", bottom);
  return d;
}

std::string per_second(double n, nanoseconds length) {
  const double rate = n / std::max(seconds(length), 1e-9);
  return rate >= 1000 ? count(static_cast<unsigned long long>(std::llround(rate))).text : decimal(rate, 1);
}

void panel_title(svg_picture& svg, absl::string_view words) {
  svg.y += 26;
  svg.text(svg_picture::left, svg.y, words, "bold ink panel");
}

/// The CPUs with the most of what `of` counts, in their order.
template <class Of> std::vector<std::pair<const unsigned, timer_history::cpu>*>
busiest_cpus(timer_history& h, std::size_t max, const Of& of) {
  std::vector<std::pair<const unsigned, timer_history::cpu>*> all;
  for (auto& c : h.cpus)
    if (of(c.second) != 0) all.push_back(&c);
  if (all.size() <= max) return all;
  std::sort(all.begin(), all.end(), [&](auto* a, auto* b) {
    const auto x = of(a->second), y = of(b->second);
    return x != y ? x > y : a->first < b->first;
  });
  all.resize(max);
  std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->first < b->first; });
  return all;
}

void and_more(svg_picture& svg, std::size_t more) {
  if (more == 0) return;
  svg.y += 18;
  svg.text(svg_picture::left, svg.y, absl::StrCat("and ", more, more == 1 ? " CPU" : " CPUs", " with fewer"), "note");
}

/// The name of an axis that has no room beside it.
void y_axis_name(svg_picture& svg, absl::string_view words) {
  svg.y += 18;
  svg.text(svg_picture::left, svg.y, words, "axis note");
}

void draw_wake_ups(svg_picture& svg, timer_history& h, const time_axis& time) {
  constexpr double head = 36, plot = 40, row = head + plot + 8;
  constexpr std::size_t max_columns = 280;
  const auto cpus = busiest_cpus(h, max_cpus, [](const auto& c) { return c.expiries.total(); });
  std::vector<std::pair<columns, columns>> drawn;
  double peak = 1;
  for (auto* c : cpus) {
    drawn.emplace_back(columns(c->second.expiries.on(h.axis), time, max_columns),
                       columns(c->second.from_idle.on(h.axis), time, max_columns));
    for (const double n : drawn.back().first.values) peak = std::max(peak, n);
  }
  panel_title(svg, "Timers of each CPU");
  if (drawn.empty()) {
    svg.y += 22;
    return svg.text(svg_picture::left, svg.y, "No timer expired.", "note");
  }
  svg.legend({{svg_picture::mark::bar, "orange", "expiries that woke an idle CPU"},
              {svg_picture::mark::bar, "blue", "expiries while the CPU was working"}});
  const linear_scale scale(peak);
  y_axis_name(svg, absl::StrCat("height: expiries in ", time_value(drawn.front().first.width).text,
                                ", on the same scale in all rows"));
  const double top = svg.y + 4;
  const std::size_t more = h.cpus.size() - cpus.size();
  svg.y = top + row * static_cast<double>(cpus.size()) - 8;
  svg.x_axis(time, plot_x, plot_width, top + head, time.name());
  double y = top;
  for (std::size_t i = 0; i < cpus.size(); ++i, y += row) {
    const double bottom = y + head + plot;
    const auto& c = cpus[i]->second;
    svg.text(svg_picture::left, y + 18, absl::StrCat("CPU ", cpus[i]->first), "ink");
    svg.text(svg_picture::right, y + 18,
             absl::StrCat(per_second(static_cast<double>(c.from_idle.total()), time.length), " from idle, of ",
                          per_second(static_cast<double>(c.expiries.total()), time.length), " a second"),
             "figure bold ink", svg_picture::anchor::end);
    for (const double m : {0.0, scale.marks.back()}) {
      const double at = bottom - plot * scale.at(m);
      svg.line(plot_x, at, svg_picture::right, at, "grid");
      svg.text(plot_x - 6, at + 4.5, axis_number(m), "note", svg_picture::anchor::end);
    }
    // One may stand among a thousand, and is still seen.
    const auto height = [&](double n) { return n == 0 ? 0 : std::max(1.5, plot * scale.at(n)); };
    svg.path(outline(drawn[i].first, bottom, true, height), "blue", true);
    svg.path(outline(drawn[i].second, bottom, true, height), "orange", true);
  }
  and_more(svg, more);
}

void draw_owners(svg_picture& svg, timer_history& h, const time_axis& time) {
  constexpr double plot = 190;
  constexpr std::size_t max_columns = 96;
  struct series {
    std::string name;
    counts fine;
    std::uint64_t total;
  };
  std::vector<series> all;
  for (auto& [name, c] : h.owners) all.push_back({name, c.on(h.axis), c.total()});
  std::sort(all.begin(), all.end(), [](const series& a, const series& b) {
    return a.total != b.total ? a.total > b.total : a.name < b.name;
  });
  series rest{"", h.others.on(h.axis), h.others.total()};
  std::size_t others = 0;
  while (all.size() > std::size(series_colours)) {
    rest.fine.resize(std::max(rest.fine.size(), all.back().fine.size()));
    for (std::size_t i = 0; i < all.back().fine.size(); ++i) rest.fine[i] += all.back().fine[i];
    rest.total += all.back().total;
    all.pop_back();
    ++others;
  }
  if (all.empty()) return;
  if (rest.total != 0) {
    rest.name = h.others.total() != 0 ? "all others" : absl::StrCat("the other ", others);
    all.push_back(std::move(rest));
  }
  panel_title(svg, "Whose timers expired");
  std::vector<svg_picture::legend_entry> legend;
  const auto colour_of = [&](std::size_t i) { return i < std::size(series_colours) ? series_colours[i] : "grey"; };
  for (std::size_t i = 0; i < all.size(); ++i)
    legend.push_back(
        {svg_picture::mark::span, colour_of(i),
         absl::StrCat(all[i].name, ": ", per_second(static_cast<double>(all[i].total), time.length), " a second")});
  svg.legend(legend);
  std::vector<columns> drawn;
  double peak = 1;
  for (const series& s : all) {
    drawn.emplace_back(s.fine, time, max_columns);
    for (const double n : drawn.back().values) peak = std::max(peak, n);
  }
  y_axis_name(svg, absl::StrCat("expiries in ", time_value(drawn.front().width).text,
                                " (logarithmic; a line at the bottom: none)"));
  const log_scale scale(peak);
  const double top = svg.y + 12;
  // One expiry stands above none.
  constexpr double none = 12;
  const auto height = [&](double n) { return n == 0 ? 0 : none + (plot - none) * scale.at(std::max(n, 1.0)); };
  svg.y = top + plot;
  const double bottom = svg.y;
  double free_below = bottom - 6;
  for (const double m : scale.marks) {
    const bool decade = std::fabs(std::log10(m) - std::round(std::log10(m))) < 1e-9;
    if (scale.marks.back() > 50 && !decade && m != scale.marks.back()) continue;
    const double at = bottom - none - (plot - none) * scale.at(m);
    svg.line(plot_x, at, svg_picture::right, at, "grid");
    if (at > free_below) continue;
    svg.text(plot_x - 6, at + 4.5, axis_number(m), "note", svg_picture::anchor::end);
    free_below = at - 16;
  }
  svg.text(plot_x - 6, bottom + 4.5, "0", "note", svg_picture::anchor::end);
  svg.x_axis(time, plot_x, plot_width, top, time.name());
  for (std::size_t i = all.size(); i-- > 0;)
    svg.path(outline(drawn[i], bottom, false, height), colour_of(i), false, 1.6);
}

void draw_ticks(svg_picture& svg, timer_history& h, const time_axis& time, nanoseconds period,
                const tick_figures& figures) {
  constexpr double head = 34, plot = 92, strip = 14, row = head + plot + strip + 8;
  const auto cpus = busiest_cpus(h, max_tick_cpus, [](const auto& c) { return c.tick_count + c.stops.total(); });
  panel_title(svg, "The tick of each CPU");
  if (cpus.empty()) {
    svg.y += 22;
    return svg.text(svg_picture::left, svg.y, "No tick came.", "note");
  }
  // From half a period up; all rows on one scale.
  double low = 1e300, high = 0;
  for (auto* c : cpus)
    for (const auto& [bin, point] : c->second.ticks.on(h.axis)) {
      const double distance = std::exp2(point / timer_history::heights_per_octave);
      low = std::min(low, distance), high = std::max(high, distance);
    }
  if (period > nanoseconds::zero()) {
    low = std::min(low, static_cast<double>(period.count()) / 2);
    high = std::max(high, static_cast<double>(period.count()) * 2);
  }
  if (high == 0) low = high = 4e6;
  low /= 1.2, high *= 1.2;
  const auto y_of = [&](double distance) { return plot * std::log(distance / low) / std::log(high / low); };
  bool stopped = false;
  std::size_t ticking = 0;
  for (auto& c : h.cpus) {
    stopped = stopped || c.second.stops.total() != 0;
    ticking += c.second.tick_count + c.second.stops.total() != 0;
  }
  std::vector<svg_picture::legend_entry> legend{
      {svg_picture::mark::dot, "blue", "a tick, at its distance from the one before"}};
  if (period > nanoseconds::zero())
    legend.push_back({svg_picture::mark::span, "green", absl::StrCat("1/HZ: ", time_value(period).text)});
  if (stopped) legend.push_back({svg_picture::mark::strokes, "orange", "the tick was stopped"});
  svg.legend(legend);
  y_axis_name(svg, "height: distance of two ticks (ms, logarithmic), on the same scale in all rows");
  const double top = svg.y + 4;
  svg.y = top + row * static_cast<double>(cpus.size()) - 8;
  svg.x_axis(time, plot_x, plot_width, top + head, time.name());
  double y = top;
  for (auto* c : cpus) {
    const double bottom = y + head + plot;
    svg.text(svg_picture::left, y + 18, absl::StrCat("CPU ", c->first), "ink");
    const auto figure = figures.find(c->first);
    svg.text(svg_picture::right, y + 18,
             figure != figures.end()
                 ? figure->second
                 : absl::StrCat(per_second(static_cast<double>(c->second.tick_count), time.length), " ticks a second"),
             "figure bold ink", svg_picture::anchor::end);
    const auto mark = [&](double m) {
      const double at = bottom - y_of(m);
      svg.text(plot_x - 6, at + 4.5, absl::StrFormat("%.4g", m / 1e6), "note", svg_picture::anchor::end);
      return at;
    };
    // Whole decades, or of a few of them also the double and the half; the period has its mark in any case.
    const double of_period = period > nanoseconds::zero() ? mark(static_cast<double>(period.count())) : 1e300;
    for (double decade = std::pow(10, std::floor(std::log10(low))); decade < high; decade *= 10)
      for (const double m : {decade, 2 * decade, 5 * decade}) {
        if (m < low || m > high || (high / low > 50 && m > decade)) continue;
        const double at = bottom - y_of(m);
        svg.line(plot_x, at, svg_picture::right, at, "grid");
        if (std::fabs(at - of_period) > 15) mark(m);
      }
    // Circles that would lie on each other are one; the more there are, the coarser.
    constexpr std::size_t max_circles = 1500;
    std::set<std::pair<int, int>> circles;
    for (double step = 1.5; circles.empty() || circles.size() > max_circles; step *= 1.25) {
      circles.clear();
      for (const auto& [bin, point] : c->second.ticks.on(h.axis)) {
        const double x = plot_width * seconds(time.bin) * (static_cast<double>(bin) + 0.5) / seconds(time.length);
        const double up = y_of(std::exp2(point / timer_history::heights_per_octave));
        circles.emplace(static_cast<int>(plot_x + step * std::floor(std::min(x, plot_width) / step)),
                        static_cast<int>(std::lround(bottom - step * std::round(up / step))));
      }
      if (circles.empty()) break;
    }
    std::string drawn;
    for (const auto& [x, at] : circles) absl::StrAppendFormat(&drawn, "M%d %dh0", x, at);
    if (!drawn.empty()) svg.dots(drawn, "blue", 3.6);
    if (period > nanoseconds::zero()) svg.line(plot_x, of_period, svg_picture::right, of_period, "green", 1.2);
    std::string strokes;
    const columns stops(c->second.stops.on(h.axis), time, 280);
    for (std::size_t i = 0; i < stops.values.size(); ++i)
      if (stops.values[i] != 0)
        absl::StrAppendFormat(&strokes, "M%.1f %.1fv%.1f", plot_x + stops.step * (static_cast<double>(i) + 0.5),
                              bottom + 4, strip - 4);
    if (!strokes.empty()) svg.path(strokes, "orange", false, 1.2);
    y += row;
  }
  and_more(svg, ticking - cpus.size());
}

void draw_histograms(svg_picture& svg, std::span<const phase_histogram> histograms, nanoseconds period) {
  constexpr double head = 38, plot = 84, row = head + plot + 10;
  const linear_scale round(std::chrono::duration<double, std::milli>(period).count());
  struct phase_axis {
    double length;
    std::vector<double> marks;
    [[nodiscard]] double at(double x) const { return x / length; }
  } axis{std::chrono::duration<double, std::milli>(period).count(), {}};
  for (const double m : round.marks)
    if (m <= axis.length * (1 + 1e-9)) axis.marks.push_back(m);
  panel_title(svg, "Within one period of the tick");
  y_axis_name(svg, "height: how often, on a scale of its own in each row");
  const double top = svg.y + 4;
  svg.y = top + row * static_cast<double>(histograms.size()) - 10;
  svg.x_axis(axis, plot_x, plot_width, top + head,
             "offset in the period (ms), from a multiple of it on CLOCK_MONOTONIC");
  double y = top;
  for (const phase_histogram& g : histograms) {
    const double bottom = y + head + plot;
    svg.text(svg_picture::left, y + 18, g.title, "bold ink");
    svg.text(svg_picture::right, y + 18, g.figure, "figure ink", svg_picture::anchor::end);
    const std::uint64_t peak =
        std::max<std::uint64_t>(1, g.counts.empty() ? 0 : *std::max_element(g.counts.begin(), g.counts.end()));
    const linear_scale scale(static_cast<double>(peak));
    for (const double m : {0.0, scale.marks.back()}) {
      const double at = bottom - plot * scale.at(m);
      svg.line(plot_x, at, svg_picture::right, at, "grid");
      svg.text(plot_x - 6, at + 4.5, axis_number(m), "note", svg_picture::anchor::end);
    }
    const double step = plot_width / static_cast<double>(std::max<std::size_t>(1, g.counts.size()));
    std::string d = absl::StrFormat("M%.1f %.1f", plot_x, bottom);
    for (const std::uint64_t n : g.counts)
      absl::StrAppendFormat(&d, "V%.1fh%.2f",
                            bottom - (n == 0 ? 0 : std::max(1.5, plot * scale.at(static_cast<double>(n)))), step);
    svg.path(absl::StrFormat("%sV%.1fz", d, bottom), g.colour, true);
    y += row;
  }
}

} // namespace

std::string draw_timers_svg(timer_history& history, nanoseconds period, const tick_figures& figures,
                            const picture_origin& origin) {
  svg_picture svg(origin);
  const time_axis time(history);
  draw_wake_ups(svg, history, time);
  draw_owners(svg, history, time);
  draw_ticks(svg, history, time, period, figures);
  return svg.finish();
}

std::string draw_ticks_svg(timer_history& history, nanoseconds period, const tick_figures& figures,
                           std::span<const phase_histogram> histograms, const picture_origin& origin) {
  svg_picture svg(origin);
  const time_axis time(history);
  if (!histograms.empty() && period > nanoseconds::zero()) draw_histograms(svg, histograms, period);
  draw_ticks(svg, history, time, period, figures);
  return svg.finish();
}

} // namespace tool
