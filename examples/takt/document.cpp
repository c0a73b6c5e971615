#include "document.hpp"
#include "command.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <cmath>

namespace tool {

value not_told() { return {"not told", nullptr}; }
value word(std::string_view text) { return {std::string(text), std::string(text)}; }
value yes_no(std::optional<bool> b) { return b ? value{*b ? "yes" : "no", *b} : not_told(); }
value number(double x, int decimals) {
  return std::isfinite(x) ? value{absl::StrFormat("%.*f", decimals, x), x} : not_told();
}

value count(unsigned long long n) {
  std::string digits = absl::StrCat(n);
  for (std::size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, " ");
  return {digits, n};
}

value list(const std::vector<std::string>& words) {
  return {words.empty() ? "none" : absl::StrJoin(words, ", "), json(words)};
}

value nanoseconds(double ns) {
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
        for (std::size_t i = 0; i < row.size(); ++i) entry[s.table->columns[i].key] = row[i].data;
      }
    }
    if (!s.remarks.empty()) out["remarks"] = s.remarks;
  }
  return all;
}

namespace {

// All texts of the tool are ASCII, so bytes are columns.
void print_wrapped(std::FILE* out, std::string_view text, std::size_t indent, unsigned width) {
  std::size_t at = 0;
  for (const std::string_view next : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (at > 0 && indent + at + 1 + next.size() > width) {
      std::fputc('\n', out);
      at = 0;
    }
    absl::FPrintF(out, "%*s%s", at == 0 ? static_cast<int>(indent) : 1, "", next);
    at += next.size() + (at == 0 ? 0 : 1);
  }
  std::fputc('\n', out);
}

void print_facts(std::FILE* out, const std::vector<fact>& facts) {
  std::size_t labels = 0, values = 0;
  for (const fact& f : facts) {
    labels = std::max(labels, f.label.size());
    if (!f.source.empty()) values = std::max(values, std::min<std::size_t>(f.value.text.size(), 32));
  }
  for (const fact& f : facts) {
    absl::FPrintF(out, "  %-*s  ", static_cast<int>(labels), f.label);
    if (f.source.empty()) absl::FPrintF(out, "%s\n", f.value.text);
    else absl::FPrintF(out, "%-*s  %s\n", static_cast<int>(values), f.value.text, f.source);
  }
}

void print_table(std::FILE* out, const table& t) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < t.columns.size(); ++i) {
    std::size_t most = t.columns[i].heading.size();
    for (const auto& row : t.rows) most = std::max(most, row[i].text.size());
    widths.push_back(most);
  }
  const auto line = [&](auto&& text_of) {
    std::string text;
    for (std::size_t i = 0; i < t.columns.size(); ++i) {
      const std::string_view cell = text_of(i);
      const std::string pad(widths[i] - cell.size(), ' ');
      absl::StrAppend(&text, "  ", t.columns[i].right ? pad : "", cell, t.columns[i].right ? "" : pad);
    }
    absl::FPrintF(out, "%s\n", absl::StripTrailingAsciiWhitespace(text));
  };
  line([&](std::size_t i) -> std::string_view { return t.columns[i].heading; });
  for (const auto& row : t.rows) line([&](std::size_t i) -> std::string_view { return row[i].text; });
}

} // namespace

void print_text(const document& d, std::FILE* out, unsigned width) {
  bool first = true;
  for (const section& s : d.sections) {
    if (!std::exchange(first, false)) std::fputc('\n', out);
    if (!s.title.empty()) absl::FPrintF(out, "%s\n", s.title);
    print_facts(out, s.facts);
    if (s.table) print_table(out, *s.table);
    for (const std::string& remark : s.remarks) print_wrapped(out, remark, 2, width);
  }
}

void print(const document& d) {
  if (json_wanted()) absl::PrintF("%s\n", to_json(d).dump(2, ' ', false, json::error_handler_t::replace));
  else print_text(d, stdout, 118);
  std::fflush(stdout);
}

} // namespace tool
