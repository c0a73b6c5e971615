#include "document.hpp"
#include "terminal.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

namespace tool {

value unknown() { return {"unknown", nullptr}; }
value word(absl::string_view text) { return {std::string(text), std::string(text)}; }
value yes_no(std::optional<bool> b) { return b ? value{*b ? "yes" : "no", *b} : unknown(); }
std::string decimal(double x, int decimals) {
  std::string text = absl::StrFormat("%.*f", decimals, x);
  if (text.find_first_not_of("-0.") == std::string::npos) text.erase(0, text.find_first_not_of('-'));
  return text;
}
std::string signed_decimal(double x, int decimals) {
  const std::string text = decimal(x, decimals);
  return absl::StrCat(x > 0 && text.find_first_not_of("0.") != std::string::npos ? "+" : "", text);
}
value number(double x, int decimals) { return std::isfinite(x) ? value{decimal(x, decimals), x} : unknown(); }

value count(unsigned long long n) {
  const std::string digits = absl::StrCat(n);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ' ';
    text += digits[i];
  }
  return {text, n};
}

value list(const std::vector<std::string>& words) {
  return {words.empty() ? "none" : absl::StrJoin(words, ", "), json(words)};
}

std::string cpu_list(const std::vector<unsigned>& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    absl::StrAppend(&text, text.empty() ? "" : ", ", cpus[i]);
    if (last > i) absl::StrAppend(&text, "-", cpus[last]);
    i = last + 1;
  }
  return text;
}

namespace {
std::string time_text(double ns) {
  const double size = std::fabs(ns);
  constexpr double rounded_up = 0.9999995; // of a unit, with six digits: "1 s", not "1000 ms"
  if (size >= 1e9 * rounded_up) return absl::StrFormat("%.6g s", ns / 1e9);
  if (size >= 1e6 * rounded_up) return absl::StrFormat("%.6g ms", ns / 1e6);
  if (size >= 1e3) return absl::StrFormat("%.6g us", ns / 1e3);
  return absl::StrFormat("%.4g ns", ns);
}
/// Whole, and inside the range; 0 and not -0.
std::int64_t whole(double x) { return static_cast<std::int64_t>(std::clamp(std::round(x), -9.2e18, 9.2e18)); }
} // namespace

value time_value(double ns) {
  if (!std::isfinite(ns)) return unknown();
  return {time_text(static_cast<double>(whole(ns))), whole(ns)};
}
value time_value(std::chrono::nanoseconds t) { return {time_text(static_cast<double>(t.count())), t.count()}; }
value fine_time(double ns) {
  if (!std::isfinite(ns)) return unknown();
  const std::int64_t ps = whole(ns * 1e3);
  return {time_text(static_cast<double>(ps) / 1e3), ps}; // no digit more than programs get
}

value hertz(std::optional<double> hz) {
  if (!hz || !std::isfinite(*hz)) return unknown();
  if (*hz >= 1e6) return {absl::StrFormat("%.3f MHz", *hz / 1e6), *hz};
  return {absl::StrFormat("%.6g Hz", *hz), *hz};
}

void section::add(std::string fact_key, std::string label, tool::value v, std::string source) {
  facts.push_back({std::move(fact_key), std::move(label), std::move(v), std::move(source)});
}

void section::add_aside(std::string fact_key, tool::value v, std::string source) {
  facts.push_back({std::move(fact_key), {}, std::move(v), std::move(source), true});
}

void section::add_detail(std::string fact_key, std::string label, tool::value v, std::string source) {
  facts.push_back({std::move(fact_key), std::move(label), std::move(v), std::move(source), false, true});
}

json to_json(const document& d) {
  json all = json::object();
  if (!d.headline.empty()) all["headline"] = absl::StrReplaceAll(d.headline, {{"\n", " "}});
  for (const section& s : d.sections) {
    json& out = all[s.key] = json::object();
    json sources = json::object();
    for (const fact& f : s.facts) {
      out[f.key] = f.value.data;
      if (!f.source.empty()) sources[f.key] = f.source;
    }
    if (!sources.empty()) out["sources"] = std::move(sources);
    if (s.table) {
      json& rows = out["rows"] = json::array();
      for (const auto& row : s.table->rows) {
        json& entry = rows.emplace_back(json::object());
        for (std::size_t i = 0; i < row.size(); ++i) {
          if (const std::string& key = s.table->columns[i].key; !key.empty()) entry[key] = row[i].data;
        }
      }
    }
    if (!s.remarks.empty()) out["remarks"] = s.remarks;
  }
  return all;
}

namespace {

/// Prose is read in lines no longer than that, however wide the terminal is.
constexpr unsigned widest_prose = 118;
/// Narrower than that, a column of text is a column of words.
constexpr std::size_t min_text = 24;

void print_line_of(std::FILE* out, std::string text) {
  absl::StripTrailingAsciiWhitespace(&text);
  absl::FPrintF(out, "%s\n", text);
}

std::string with_source(const fact& f, bool wanted = true) {
  return !wanted || f.source.empty() ? f.value.text : absl::StrCat(f.value.text, " [", f.source, "]");
}

void print_facts(std::FILE* out, const std::vector<fact>& facts, unsigned width) {
  std::size_t labels = 0, values = 0;
  for (const fact& f : facts) {
    labels = std::max(labels, f.label.size());
    if (!f.source.empty()) values = std::max(values, std::min<std::size_t>(f.value.text.size(), 32));
  }
  // Sources have a column of their own where there is room for each.
  const bool column = std::all_of(facts.begin(), facts.end(), [&](const fact& f) {
    return f.source.empty() || labels + 6 + std::max(values, f.value.text.size()) + f.source.size() <= width;
  });
  for (const fact& f : facts) {
    if (labels + 4 + min_text > width) {
      std::fputs("  ", out);
      print_hanging(out, absl::StrCat(f.label, ": ", with_source(f)), 4, width);
      continue;
    }
    absl::FPrintF(out, "  %-*s  ", static_cast<int>(labels), f.label);
    if (column && !f.source.empty()) absl::FPrintF(out, "%-*s  %s\n", static_cast<int>(values), f.value.text, f.source);
    else print_hanging(out, with_source(f), labels + 4, width);
  }
}

std::string padded(absl::string_view text, std::size_t width, bool right) {
  const std::string pad(width - std::min(width, text.size()), ' ');
  return right ? absl::StrCat(pad, text) : absl::StrCat(text, pad);
}

/// Columns of a table beside each other. Headings are folded, those first that are longest to what stands below them, until
/// all fit into `width` or nothing can be folded any more.
class table_layout {
public:
  table_layout(const table& t, bool with_spare, std::size_t margin, unsigned width) : table_(t) {
    std::vector<std::size_t> cells;
    for (std::size_t i = 0; i < t.columns.size(); ++i) {
      const column& c = t.columns[i];
      if ((c.heading.empty() && !c.key.empty()) || (c.spare && !with_spare)) continue;
      shown_.push_back(i), cells.push_back(1);
      for (const auto& row : t.rows) cells.back() = std::max(cells.back(), row[i].text.size());
      std::size_t widest = 0;
      for (const absl::string_view line : absl::StrSplit(c.heading, '\n')) widest = std::max(widest, line.size());
      widths_.push_back(std::max(cells.back(), widest));
    }
    while (!fits(margin, width)) {
      std::optional<std::size_t> longest;
      for (std::size_t k = 0; k < columns(); ++k) {
        if (widths_[k] <= cells[k] || !folds(heading(k), widths_[k] - 1)) continue;
        if (!longest || widths_[k] - cells[k] > widths_[*longest] - cells[*longest]) longest = k;
      }
      if (!longest) break;
      --widths_[*longest];
    }
    for (std::size_t k = 0; k < columns(); ++k)
      headings_.push_back(is_picture(heading(k)) ? std::vector{heading(k)} : folded(heading(k), widths_[k]));
  }
  /// How wide the columns [first, last) are, the names of the rows before them.
  [[nodiscard]] std::size_t width(std::size_t first, std::size_t last, std::size_t margin) const {
    std::size_t all = margin;
    for (std::size_t k = 0; k < last; k = k + 1 == names() ? std::max(first, names()) : k + 1) all += widths_[k] + 2;
    return all - 2;
  }
  [[nodiscard]] bool fits(std::size_t margin, unsigned room) const { return width(0, columns(), margin) <= room; }
  [[nodiscard]] std::size_t names() const { return std::min(table_.names, shown_.size()); }
  [[nodiscard]] std::size_t columns() const { return shown_.size(); }

  void print(std::FILE* out, std::size_t first, std::size_t last, absl::string_view margin) const {
    const auto line = [&](auto&& text_of) {
      std::string text(margin);
      for (std::size_t k = 0; k < last; k = k + 1 == names() ? std::max(first, names()) : k + 1)
        absl::StrAppend(&text, k == 0 ? "" : "  ", padded(text_of(k), widths_[k], table_.columns[shown_[k]].right));
      print_line_of(out, std::move(text));
    };
    std::size_t lines = 0;
    for (std::size_t k = 0; k < last; ++k)
      if (k < names() || k >= first) lines = std::max(lines, headings_[k].size());
    for (std::size_t i = 0; i < lines; ++i) {
      line([&](std::size_t k) -> absl::string_view { // the last lines of all headings side by side
        const std::size_t above = lines - headings_[k].size();
        return i < above ? absl::string_view() : absl::string_view(headings_[k][i - above]);
      });
    }
    for (const auto& row : table_.rows) line([&](std::size_t k) -> absl::string_view { return row[shown_[k]].text; });
  }
  /// Row by row, a line a cell: for where nothing fits beside anything.
  void print_records(std::FILE* out, absl::string_view margin, unsigned width) const {
    for (const auto& row : table_.rows) {
      std::string name;
      for (std::size_t k = 0; k < names(); ++k) absl::StrAppend(&name, k == 0 ? "" : ", ", row[shown_[k]].text);
      std::fputs(std::string(margin).c_str(), out);
      print_hanging(out, name, margin.size() + 2, width);
      for (std::size_t k = names(); k < columns(); ++k) {
        const std::string& cell = row[shown_[k]].text;
        if (cell.empty() || is_picture(heading(k))) continue; // which says in a picture what other cells say
        absl::FPrintF(out, "%s  ", margin);
        print_hanging(out, absl::StrCat(absl::StrJoin(absl::StrSplit(heading(k), '\n'), " "), ": ", cell), margin.size() + 4,
                      width);
      }
    }
  }

private:
  /// The heading of a column of pictures is empty or an axis.
  static bool is_picture(absl::string_view heading) { return heading.empty() || absl::StrContains(heading, "  "); }
  static bool folds(absl::string_view heading, std::size_t width) {
    constexpr std::size_t max_lines = 3;
    if (is_picture(heading)) return false;
    for (const absl::string_view word : absl::StrSplit(heading, absl::ByAnyChar(" \n")))
      if (word.size() > width) return false;
    return folded(heading, width).size() <= max_lines;
  }
  static std::vector<std::string> folded(absl::string_view heading, std::size_t width) {
    std::vector<std::string> lines;
    for (const absl::string_view part : absl::StrSplit(heading, '\n'))
      for (std::string& line : lines_of(part, width)) lines.push_back(std::move(line));
    return lines;
  }
  [[nodiscard]] const std::string& heading(std::size_t k) const { return table_.columns[shown_[k]].heading; }

  const table& table_;
  std::vector<std::size_t> shown_, widths_;
  std::vector<std::vector<std::string>> headings_;
};

void print_table(std::FILE* out, const table& t, absl::string_view margin, unsigned width) {
  for (const bool with_spare : {true, false}) {
    const table_layout all(t, with_spare, margin.size(), width);
    if (all.fits(margin.size(), width)) return all.print(out, 0, all.columns(), margin);
  }
  const table_layout parts(t, true, margin.size(), std::numeric_limits<unsigned>::max());
  if (parts.columns() == parts.names()) return parts.print_records(out, margin, width);
  for (std::size_t k = parts.names(); k < parts.columns(); ++k)
    if (parts.width(k, k + 1, margin.size()) > width) return parts.print_records(out, margin, width);
  for (std::size_t first = parts.names(), last = first; first < parts.columns(); first = last) {
    while (last < parts.columns() && parts.width(first, last + 1, margin.size()) <= width) ++last;
    if (first > parts.names()) std::fputc('\n', out);
    parts.print(out, first, last, margin);
  }
}

/// `facts` as lines of a label and a text, those that are yes, no or unknown behind all others.
std::vector<std::pair<std::string, std::string>> gathered(const std::vector<fact>& facts, bool with_details) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto shown = [&](const fact& f) { return !f.aside && (with_details || !f.detailed); };
  const auto plain = [](const fact& f) { return f.value.text == "yes" || f.value.text == "no" || f.value.text == "unknown"; };
  for (const fact& f : facts) {
    if (shown(f) && !plain(f)) lines.emplace_back(f.label, with_source(f, with_details));
  }
  for (const absl::string_view answer : {"yes", "no", "unknown"}) {
    std::string all;
    for (auto f = facts.begin(); f != facts.end(); ++f) {
      if (!shown(*f) || f->value.text != answer) continue;
      // Neighbours of one source share it.
      const auto next = std::find_if(f + 1, facts.end(), [&](const fact& g) { return shown(g) && g.value.text == answer; });
      const bool shared = next != facts.end() && next->source == f->source;
      const bool source = with_details && !shared && !f->source.empty();
      absl::StrAppend(&all, all.empty() ? "" : ", ", f->label, source ? absl::StrCat(" [", f->source, "]") : "");
    }
    if (!all.empty()) lines.emplace_back(answer, all);
  }
  return lines;
}

/// From here on facts are read more easily in a column beside their labels.
constexpr unsigned room_for_labels = 100;
/// Below that there is no room for titles in the margin.
constexpr unsigned room_for_titles = 72;

} // namespace

namespace {
/// Returns: whether `word` is a unit, with punctuation after it or without.
bool is_unit(absl::string_view word) {
  constexpr absl::string_view units[] = {"%", "ns", "us", "ms", "s", "min", "h", "Hz", "kHz", "MHz", "GHz", "ppm", "x", "CPU", "CPUs"};
  while (!word.empty() && absl::StrContains(".,;:)", word.back())) word.remove_suffix(1);
  return std::find(std::begin(units), std::end(units), word) != std::end(units);
}
/// Returns: the words of a text; a number and its unit are one.
std::vector<std::string> words_of(absl::string_view text) {
  std::vector<std::string> words;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!words.empty() && absl::ascii_isdigit(static_cast<unsigned char>(words.back().back())) && is_unit(word))
      absl::StrAppend(&words.back(), " ", word);
    else words.emplace_back(word);
  }
  return words;
}
} // namespace

// All texts of the tool are ASCII, so bytes are columns.
std::vector<std::string> lines_of(absl::string_view text, std::size_t width) {
  width = std::max<std::size_t>(width, 1);
  std::vector<std::string> lines(1);
  for (const std::string& whole : words_of(text)) {
    absl::string_view word = whole;
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) lines.emplace_back();
    for (; word.size() > width; word.remove_prefix(width)) lines.back() = std::string(word.substr(0, width)), lines.emplace_back();
    absl::StrAppend(&lines.back(), lines.back().empty() ? "" : " ", word);
  }
  return lines;
}

void print_hanging(std::FILE* out, absl::string_view text, std::size_t indent, unsigned width) {
  const std::size_t room = std::min(width, widest_prose) > indent ? std::min(width, widest_prose) - indent : 1;
  absl::string_view before;
  const std::string next_line = "\n" + std::string(indent, ' ');
  for (const std::string& line : lines_of(text, room)) {
    absl::FPrintF(out, "%s%s", before, line);
    before = next_line;
  }
  std::fputc('\n', out);
}

void print_heading(std::FILE* out, absl::string_view text, unsigned width) {
  const bool bold = bold_headings(out);
  for (const std::string& line : lines_of(text, std::min(width, widest_prose)))
    absl::FPrintF(out, "%s%s%s\n", bold ? "\033[1m" : "", line, bold ? "\033[0m" : "");
}

namespace {
void print_headline(const document& d, std::FILE* out, unsigned width) {
  if (d.headline.empty()) return;
  for (const absl::string_view line : absl::StrSplit(d.headline, '\n')) print_heading(out, line, width);
  std::fputc('\n', out);
}
/// The sections that people are to see.
std::vector<const section*> shown_of(const document& d) {
  std::vector<const section*> shown;
  for (const section& s : d.sections)
    if (d.with_details || !s.detailed) shown.push_back(&s);
  return shown;
}
void print_more(const document& d, std::FILE* out) {
  if (!d.with_details) std::fputs("\nMore with --details.\n", out);
}
/// `text`, padded to `columns`, bold where the terminal can.
void print_margin(std::FILE* out, const std::string& text, std::size_t columns) {
  const bool bold = bold_headings(out) && !text.empty();
  absl::FPrintF(out, "%s%s%s%s  ", bold ? "\033[1m" : "", text, bold ? "\033[0m" : "",
                std::string(columns - std::min(columns, text.size()), ' '));
}
} // namespace

void print_compact(const document& d, std::FILE* out, unsigned width) {
  if (width < room_for_titles) return print_text(d, out, width);
  print_headline(d, out, width);
  std::size_t titles = 0, labels = 0;
  for (const section* shown : shown_of(d)) {
    const section& s = *shown;
    if (!s.table) titles = std::max(titles, s.title.size());
    for (const auto& [label, text] : gathered(s.facts, d.with_details)) labels = std::max(labels, label.size());
  }
  for (const section* shown : shown_of(d)) {
    const section& s = *shown;
    if (const auto& t = !d.with_details && s.brief_table ? s.brief_table : s.short_table ? s.short_table : s.table; t) {
      print_table(out, *t, "", width);
      continue;
    }
    std::string title = s.title;
    auto lines = gathered(s.facts, d.with_details);
    if (width < room_for_labels) {
      // Short facts share a line.
      std::vector<std::string> joined;
      for (const auto& [label, text] : lines) {
        const std::string entry = absl::StrCat(label, ": ", text);
        const bool fits = !joined.empty() && titles + 4 + joined.back().size() + entry.size() <= width;
        const bool answer = label == "yes" || label == "no" || label == "unknown";
        if (fits && !answer && !absl::StrContains(joined.back(), ';') && !absl::StrContains(entry, ';')) absl::StrAppend(&joined.back(), "; ", entry);
        else joined.push_back(entry);
      }
      for (const std::string& line : joined) {
        print_margin(out, std::exchange(title, {}), titles);
        print_hanging(out, line, titles + 4, width);
      }
      lines.clear();
    }
    for (const auto& [label, text] : lines) {
      print_margin(out, std::exchange(title, {}), titles);
      absl::FPrintF(out, "%-*s  ", static_cast<int>(labels), label);
      print_hanging(out, text, titles + labels + 4, width);
    }
    for (const std::string& remark : s.remarks) {
      print_margin(out, std::exchange(title, {}), titles);
      print_hanging(out, remark, titles + 2, width);
    }
  }
  print_more(d, out);
}

void print_text(const document& d, std::FILE* out, unsigned width) {
  print_headline(d, out, width);
  bool first = true;
  for (const section* each : shown_of(d)) {
    const section& s = *each;
    if (!std::exchange(first, false)) std::fputc('\n', out);
    if (!s.title.empty()) print_heading(out, s.title, width);
    std::vector<fact> facts = s.facts;
    std::erase_if(facts, [&](const fact& f) { return f.aside || (f.detailed && !d.with_details); });
    print_facts(out, facts, width);
    const bool brief = s.brief_table && !d.with_details;
    if (s.table && !(brief && s.brief_table->rows.empty())) {
      if (!facts.empty()) std::fputc('\n', out);
      // The whole table where it has room, else the short one, which says the same in fewer columns.
      const bool whole = !brief && (!s.short_table || table_layout(*s.table, true, 2, width).fits(2, width));
      table shown = whole ? *s.table : brief ? *s.brief_table : *s.short_table;
      if (!whole) shown.columns.front().heading = s.table->columns.front().heading; // the title stands above
      print_table(out, shown, "  ", width);
    }
    for (const std::string& remark : s.remarks) {
      std::fputs("  ", out);
      print_hanging(out, remark, 2, width);
    }
  }
  print_more(d, out);
}

} // namespace tool
