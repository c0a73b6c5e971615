// takt_facts ARG...: takt with a print.cpp of its own, which prints nothing but each number that a document shows to people
// and not to programs. Words are not compared: "yes" and true are the same fact, which cannot be seen from outside.
#include "command.hpp"
#include "output/document.hpp"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace tool {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Every number in `data` and every text.
void leaves(const json& data, std::vector<double>& numbers, std::vector<std::string>& texts) {
  if (data.is_number()) numbers.push_back(data.get<double>());
  else if (data.is_string()) texts.push_back(data.get<std::string>());
  else if (data.is_structured())
    for (const json& each : data) leaves(each, numbers, texts);
}

/// Whether a number that was printed as `text` with `unit` behind it can be one of `numbers`: equal to the last digit shown.
bool among(std::string_view text, std::string_view unit, const std::vector<double>& numbers) {
  const double shown = std::strtod(std::string(text).c_str(), nullptr); // hexadecimal too
  const std::size_t point = text.find('.');
  const double digit = point == text.npos ? 1 : std::pow(10, -static_cast<double>(text.size() - point - 1));
  // Data are in ns, in Hz, in parts of one, or in the unit shown. A table tells its unit in the heading.
  std::vector<double> scales{1};
  if (unit == "us" || unit == "ns" || unit.empty()) scales.push_back(1e3); // of ns, and of ps
  if (unit == "us") scales.push_back(1e6);                                 // of ps: the smallest step of a clock
  if (unit == "ms") scales.push_back(1e9);
  if (unit == "ms" || unit == "MHz" || unit.empty()) scales.push_back(1e6);
  if (unit == "ms") scales.push_back(1e-3); // of seconds
  if (unit == "s") scales.push_back(1e9), scales.push_back(1);
  if (unit == "%" || unit == "to") scales.push_back(0.01); // 10 to 50 %
  return std::any_of(numbers.begin(), numbers.end(), [&](double x) {
    return std::any_of(scales.begin(), scales.end(), [&](double scale) {
      const double size = std::fabs(x);
      return std::fabs(size - shown * scale) <= digit * scale + 1e-9 * size; // rounded, or to the safe side
    });
  });
}

int found = 0;

/// Complains of each number in `text` that is not in `data`.
void compare(std::string where, std::string text, const json& data) {
  std::vector<double> numbers;
  std::vector<std::string> texts;
  leaves(data, numbers, texts);
  std::sort(texts.begin(), texts.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const std::string& known : texts)
    for (std::size_t at = 0; !known.empty() && (at = text.find(known, at)) != text.npos;) text.replace(at, known.size(), 1, '_');
  for (std::size_t i = 0; i < text.size(); ++i) {
    // A digit inside a word is part of a name.
    if (!is_digit(text[i]) || (i > 0 && std::isalpha(static_cast<unsigned char>(text[i - 1])))) continue;
    const std::size_t begin = i;
    std::string number;
    const bool hexadecimal = text.compare(i, 2, "0x") == 0;
    for (; i < text.size(); ++i) {
      const auto digits = [&](std::size_t from) {
        return from + 3 <= text.size() && std::all_of(&text[from], &text[from] + 3, is_digit) &&
               (from + 3 == text.size() || !is_digit(text[from + 3]));
      };
      const auto c = static_cast<unsigned char>(text[i]);
      const bool exponent = c == 'e' && i + 1 < text.size() && (is_digit(text[i + 1]) || text[i + 1] == '-');
      if (text[i] == ' ' && digits(i + 1) && i - begin <= 15) continue; // thousands
      if (!is_digit(text[i]) && !(hexadecimal && std::isxdigit(c)) && !(hexadecimal && c == 'x') && !exponent &&
          !(text[i] == '-' && text[i - 1] == 'e') && !(text[i] == '.' && i + 1 < text.size() && is_digit(text[i + 1])))
        break;
      number += text[i];
    }
    std::string_view unit(text);
    unit.remove_prefix(std::min(unit.size(), i + (i < text.size() && text[i] == ' ')));
    if (unit.starts_with("+/- ")) { // 9.34 +/- 0.3 us: the unit is that of both
      unit.remove_prefix(4);
      unit.remove_prefix(std::min(unit.size(), unit.find(' ')));
      unit.remove_prefix(unit.empty() ? 0 : 1);
    }
    unit = unit.substr(0, unit.find_first_of(" ,;:()."));
    if (among(number, unit, numbers)) continue;
    ++found;
    std::printf("%s: %s %s is on the screen alone: %s\n", where.c_str(), number.c_str(), std::string(unit).c_str(), text.c_str());
  }
}

void check(const document& d) {
  const json whole = to_json(d);
  std::size_t compared = 0;
  json below = whole; // the headline says nothing that is not below it
  below.erase("headline");
  compare("headline", d.headline, below), ++compared;
  for (const section& s : d.sections) {
    const json& said = whole.at(s.key);
    compare(s.key + ", its title", s.title, whole);
    json facts = said;
    facts.erase("rows");
    for (const fact& f : s.facts)
      if (!f.aside) compare(s.key + "." + f.key, f.value.text, facts), ++compared;
    if (s.table) {
      for (std::size_t i = 0; i < s.table->rows.size(); ++i) {
        for (std::size_t k = 0; k < s.table->columns.size(); ++k) {
          const column& c = s.table->columns[k];
          if (c.heading.empty() && !c.key.empty()) continue; // for programs
          if (c.key == "policy") continue;                   // a name with numbers in it, and its key
          compare(s.key + ", row " + std::to_string(i) + " " + c.heading, s.table->rows[i][k].text, said.at("rows").at(i));
          ++compared;
        }
      }
    }
    for (const auto* t : {&s.short_table, &s.brief_table}) {
      for (const auto& row : *t ? (*t)->rows : std::vector<std::vector<value>>())
        for (std::size_t k = 0; k < row.size(); ++k)
          if ((*t)->columns[k].key != "policy") compare(s.key + ", short", row[k].text, said), ++compared;
    }
  }
  std::printf("compared %zu, on the screen alone %d\n", compared, found);
  std::fflush(stdout);
}

} // namespace

void print(const document& d, layout) { check(d); }
void print_line(const json&) {}
void say(absl::string_view, std::size_t) {}
void print_title(absl::string_view) {}
void print_summary(const document& d) { check(d); }
void print_picture(absl::string_view, const std::string&) {}

} // namespace tool
