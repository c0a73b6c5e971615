#include "svg_picture.hpp"
#include "document.hpp"
#include "markup.hpp"
#include "picture_colours.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace tool {
namespace {

/// Characters of notes, 13 high, that fit into the width.
constexpr std::size_t note_columns = 84;
constexpr double note_line = 18;

/// The rules of CSS that give each class its colour.
std::string colour_rules(bool dark) {
  const auto of = [dark](const picture_colour& c) { return absl::StrFormat("#%06x", dark ? c.dark : c.light); };
  // Text has a rim in the colour of the page, so that lines behind it do not disturb it.
  std::string rules = absl::StrCat(".page{fill:", of(picture_background), "}text{stroke:", of(picture_background),
                                   "}.s-grid{stroke:", of(picture_grid), "}");
  for (const auto& c : picture_texts) absl::StrAppend(&rules, ".", as_absl(c.name), "{fill:", of(c), "}");
  for (const auto& c : picture_marks)
    absl::StrAppend(&rules, ".", as_absl(c.name), "{fill:", of(c), "}.s-", as_absl(c.name), "{stroke:", of(c), "}");
  return rules;
}

/// The words of a command line in lines; a flag and its value stay together.
std::vector<std::string> command_lines(absl::string_view command) {
  constexpr char glue = '\x01';
  std::string text(command);
  for (std::size_t at = text.find(" --"); at != std::string::npos; at = text.find(" --", at + 1)) {
    const std::size_t end = text.find(' ', at + 1);
    if (end != std::string::npos && end + 1 < text.size() && text[end + 1] != '-') text[end] = glue;
  }
  std::vector<std::string> lines = lines_of(text, note_columns);
  for (std::string& line : lines) std::replace(line.begin(), line.end(), glue, ' ');
  return lines;
}

} // namespace

std::string date_of_today() { return absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()); }

std::string axis_number(double x) {
  if (std::fabs(x) >= 1000) return count(static_cast<unsigned long long>(std::llround(std::fabs(x)))).text;
  return absl::StrFormat("%.4g", x);
}

linear_scale::linear_scale(double max) {
  constexpr double min_steps = 4; // and 10 at most
  const double rough = std::max(max, 1e-9) / min_steps;
  double step = std::pow(10, std::floor(std::log10(rough)));
  for (const double factor : {5, 2})
    if (step * factor <= rough) {
      step *= factor;
      break;
    }
  for (int i = 0; i == 0 || marks.back() < max * (1 - 1e-12); ++i) marks.push_back(step * i);
}
double linear_scale::at(double x) const { return std::clamp(x / marks.back(), 0.0, 1.0); }

log_scale::log_scale(double max) : marks{1} {
  for (double decade = 1; marks.back() < max && decade < 1e9; decade *= 10)
    for (const double m : {2 * decade, 5 * decade, 10 * decade})
      if (marks.back() < max) marks.push_back(m);
  if (marks.size() == 1) marks.push_back(2);
}
double log_scale::at(double x) const { return std::clamp(std::log(x) / std::log(marks.back()), 0.0, 1.0); }

svg_picture::svg_picture(const picture_origin& origin) : title_(markup_text(origin.title)) {
  if (origin.date.empty()) return;
  y = 28;
  text(left, y, origin.title, "title ink");
  y += 22;
  for (const std::string& line : command_lines(origin.command)) {
    text(left, y, line, "note");
    y += note_line;
  }
  paragraph(origin.machine, "note");
  text(left, y, origin.date, "note date");
  y += 12;
}

void svg_picture::text(double x, double y_at, absl::string_view words, absl::string_view css_class, anchor a) {
  absl::StrAppendFormat(&body_, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n",
                        css_class.empty() ? absl::string_view("ink") : css_class, x, y_at,
                        a == anchor::start    ? ""
                        : a == anchor::middle ? " text-anchor=\"middle\""
                                              : " text-anchor=\"end\"",
                        markup_text(words));
}

void svg_picture::paragraph(absl::string_view words, absl::string_view css_class) {
  for (const std::string& line : lines_of(words, note_columns)) {
    text(left, y, line, css_class);
    y += note_line;
  }
}

void svg_picture::line(double x1, double y1, double x2, double y2, absl::string_view colour, double thickness) {
  absl::StrAppendFormat(
      &body_, "<line class=\"s-%s\" stroke-width=\"%.4g\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", colour,
      thickness, x1, y1, x2, y2);
}
void svg_picture::bar(double x, double y_at, double bar_width, double height, absl::string_view colour) {
  absl::StrAppendFormat(&body_, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", colour,
                        x, y_at, bar_width, height);
}
void svg_picture::dot(double x, double y_at, double radius, absl::string_view colour) {
  absl::StrAppendFormat(&body_, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", colour, x, y_at, radius);
}
void svg_picture::dots(absl::string_view d, absl::string_view colour, double diameter) {
  absl::StrAppendFormat(&body_,
                        "<path class=\"s-%s\" fill=\"none\" stroke-linecap=\"round\" stroke-width=\"%.4g\" d=\"%s\"/>\n",
                        colour, diameter, d);
}
void svg_picture::path(absl::string_view d, absl::string_view colour, bool fill, double thickness) {
  if (fill) absl::StrAppendFormat(&body_, "<path class=\"%s\" d=\"%s\"/>\n", colour, d);
  else
    absl::StrAppendFormat(&body_, "<path class=\"s-%s\" fill=\"none\" stroke-width=\"%.4g\" d=\"%s\"/>\n", colour,
                          thickness, d);
}

void svg_picture::legend(const std::vector<legend_entry>& entries) {
  constexpr double sample = 26, row = 20;
  y += 4;
  for (const legend_entry& e : entries) {
    y += row;
    const double middle = y - 5;
    switch (e.shape) {
    case mark::bar: bar(left, middle - 5, sample, 10, e.colour); break;
    case mark::strokes:
      for (const double x : {2, 8, 11, 20}) line(left + x, middle - 6, left + x, middle + 6, e.colour, 1.5);
      break;
    case mark::span: line(left, middle, left + sample, middle, e.colour, 5); break;
    case mark::dot: dot(left + sample / 2, middle, 5.5, e.colour); break;
    }
    text(left + sample + 10, y, e.words, "legend ink");
  }
  y += 12;
}

double svg_picture::x_mark(double x, double top, double number, double free_from) {
  const std::string words = axis_number(number);
  const double half = 4.5 * static_cast<double>(words.size());
  line(x, top, x, y + 4, "grid");
  if (x - half < free_from) return free_from; // it would overlap the number before
  const bool at_edge = x + half > right;
  text(at_edge ? right : x, y + 18, words, "note", at_edge ? anchor::end : anchor::middle);
  return x + half + 6;
}
void svg_picture::x_axis_name(double x, absl::string_view name) {
  y += 36;
  text(x, y, name, "axis note", anchor::end);
  y += 10;
}

std::string svg_picture::finish() {
  const double height = y + 8;
  return absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
      "height=\"%.0f\">\n"
      "<title>%s</title>\n<style>\ntext{font:14px \"DejaVu "
      "Sans\",Verdana,sans-serif;paint-order:stroke;stroke-width:4px;stroke-linejoin:round}"
      "text.note{font-size:13px}"
      "text.title{font-size:18px;font-weight:bold}text.bold{font-weight:bold}\n%s\n"
      "@media (prefers-color-scheme:dark){%s}\n</style>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n%s"
      "</svg>\n",
      width, height, width, height, title_, colour_rules(false), colour_rules(true), body_);
}

} // namespace tool
