#include "document.hpp"
#include "command.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <unistd.h>

namespace tool {

value not_told() { return {"not told", nullptr}; }
value word(absl::string_view text) { return {std::string(text), std::string(text)}; }
value yes_no(std::optional<bool> b) { return b ? value{*b ? "yes" : "no", *b} : not_told(); }
value number(double x, int decimals) {
  return std::isfinite(x) ? value{absl::StrFormat("%.*f", decimals, x), x} : not_told();
}

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

value time_value(double ns) {
  if (!std::isfinite(ns)) return not_told();
  const double size = std::fabs(ns);
  if (size >= 1e9) return {absl::StrFormat("%.6g s", ns / 1e9), ns};
  if (size >= 1e6) return {absl::StrFormat("%.6g ms", ns / 1e6), ns};
  if (size >= 1e3) return {absl::StrFormat("%.6g us", ns / 1e3), ns};
  return {absl::StrFormat("%.4g ns", ns), ns};
}

value hertz(std::optional<double> hz) {
  if (!hz || !std::isfinite(*hz)) return not_told();
  if (*hz >= 1e6) return {absl::StrFormat("%.3f MHz", *hz / 1e6), *hz};
  return {absl::StrFormat("%.6g Hz", *hz), *hz};
}

void section::add(std::string fact_key, std::string label, tool::value v, std::string source) {
  facts.push_back({std::move(fact_key), std::move(label), std::move(v), std::move(source)});
}

void section::add_aside(std::string fact_key, tool::value v, std::string source) {
  facts.push_back({std::move(fact_key), {}, std::move(v), std::move(source), true});
}

json to_json(const document& d) {
  json all = json::object();
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

// All texts of the tool are ASCII, so bytes are columns. The first line goes on where the output stands: at `indent`.
void print_wrapped(std::FILE* out, absl::string_view text, std::size_t indent, unsigned width) {
  std::size_t at = 0;
  bool first_line = true;
  for (const absl::string_view next : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (at > 0 && indent + at + 1 + next.size() > width) {
      std::fputc('\n', out);
      at = 0;
      first_line = false;
    }
    absl::FPrintF(out, "%*s%s", at > 0 ? 1 : first_line ? 0 : static_cast<int>(indent), "", next);
    at += next.size() + (at == 0 ? 0 : 1);
  }
  std::fputc('\n', out);
}

void print_facts(std::FILE* out, const std::vector<fact>& facts, unsigned width) {
  std::size_t labels = 0, values = 0;
  for (const fact& f : facts) {
    if (f.aside) continue;
    labels = std::max(labels, f.label.size());
    if (!f.source.empty()) values = std::max(values, std::min<std::size_t>(f.value.text.size(), 32));
  }
  for (const fact& f : facts) {
    if (f.aside) continue;
    absl::FPrintF(out, "  %-*s  ", static_cast<int>(labels), f.label);
    if (f.source.empty()) print_wrapped(out, f.value.text, labels + 4, width);
    else absl::FPrintF(out, "%-*s  %s\n", static_cast<int>(values), f.value.text, f.source);
  }
}

void print_table(std::FILE* out, const table& t, absl::string_view margin = "  ") {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < t.columns.size(); ++i) {
    std::size_t most = t.columns[i].heading.size();
    for (const auto& row : t.rows) most = std::max(most, row[i].text.size());
    widths.push_back(most);
  }
  const auto line = [&](auto&& text_of) {
    std::string text;
    for (std::size_t i = 0; i < t.columns.size(); ++i) {
      if (t.columns[i].heading.empty() && !t.columns[i].key.empty()) continue;
      const absl::string_view cell = text_of(i);
      const std::string pad(widths[i] - cell.size(), ' ');
      absl::StrAppend(&text, i == 0 ? margin : "  ", t.columns[i].right ? pad : "", cell, t.columns[i].right ? "" : pad);
    }
    absl::FPrintF(out, "%s\n", absl::StripTrailingAsciiWhitespace(text));
  };
  line([&](std::size_t i) -> absl::string_view { return t.columns[i].heading; });
  for (const auto& row : t.rows) line([&](std::size_t i) -> absl::string_view { return row[i].text; });
}

/// `facts` as lines of a label and a text, those that are yes, no or not told behind all others.
std::vector<std::pair<std::string, std::string>> gathered(const std::vector<fact>& facts) {
  std::vector<std::pair<std::string, std::string>> lines;
  const auto with_source = [](const std::string& text, const fact& f) {
    return f.source.empty() ? text : absl::StrCat(text, " [", f.source, "]");
  };
  const auto plain = [](const fact& f) { return f.value.text == "yes" || f.value.text == "no" || f.value.text == "not told"; };
  for (const fact& f : facts) {
    if (!f.aside && !plain(f)) lines.emplace_back(f.label, with_source(f.value.text, f));
  }
  for (const absl::string_view answer : {"yes", "no", "not told"}) {
    std::string all;
    for (auto f = facts.begin(); f != facts.end(); ++f) {
      if (f->aside || f->value.text != answer) continue;
      // Neighbours of one source share it.
      const auto next = std::find_if(f + 1, facts.end(), [&](const fact& g) { return !g.aside && g.value.text == answer; });
      const bool shared = next != facts.end() && next->source == f->source;
      absl::StrAppend(&all, all.empty() ? "" : ", ", shared ? f->label : with_source(f->label, *f));
    }
    if (!all.empty()) lines.emplace_back(answer, all);
  }
  return lines;
}

} // namespace

void print_crowded(const document& d, std::FILE* out, unsigned width) {
  std::size_t titles = 0, labels = 0;
  for (const section& s : d.sections) {
    titles = std::max(titles, s.title.size());
    for (const auto& [label, text] : gathered(s.facts)) labels = std::max(labels, label.size());
  }
  for (const section& s : d.sections) {
    if (const auto& t = s.short_table ? s.short_table : s.table; t) {
      print_table(out, *t, "");
      continue;
    }
    std::string title = s.title;
    for (const auto& [label, text] : gathered(s.facts)) {
      absl::FPrintF(out, "%-*s  %-*s  ", static_cast<int>(titles), std::exchange(title, {}), static_cast<int>(labels), label);
      print_wrapped(out, text, titles + labels + 4, width);
    }
    for (const std::string& remark : s.remarks) {
      absl::FPrintF(out, "%-*s  ", static_cast<int>(titles), std::exchange(title, {}));
      print_wrapped(out, remark, titles + 2, width);
    }
  }
}

void print_text(const document& d, std::FILE* out, unsigned width) {
  bool first = true;
  for (const section& s : d.sections) {
    if (!std::exchange(first, false)) std::fputc('\n', out);
    if (!s.title.empty()) absl::FPrintF(out, "%s\n", s.title);
    print_facts(out, s.facts, width);
    if (s.table) {
      if (!s.facts.empty()) std::fputc('\n', out);
      print_table(out, *s.table);
    }
    for (const std::string& remark : s.remarks) {
      std::fputs("  ", out);
      print_wrapped(out, remark, 2, width);
    }
  }
}

void print(const document& d, layout l) {
  errno = 0; // see flush_output
  if (json_wanted()) absl::PrintF("%s\n", to_json(d).dump(2, ' ', false, json::error_handler_t::replace));
  else (l == layout::roomy ? print_text : print_crowded)(d, stdout, std::min(118U, terminal_width(STDOUT_FILENO)));
  static_cast<void>(flush_output());
}

void print_line(const json& fact) {
  absl::PrintF("%s\n", fact.dump(-1, ' ', false, json::error_handler_t::replace));
  static_cast<void>(flush_output());
}

void print_summary(const document& d) {
  if (!json_wanted()) return print(d);
  json last = to_json(d);
  last["event"] = "summary";
  print_line(last);
}

} // namespace tool
