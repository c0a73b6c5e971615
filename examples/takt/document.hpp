/// document.hpp - what a subcommand found out, said once and printed for people or for programs.
///
/// A document is a list of sections; a section holds facts (a name, a value, where it came from), or a table, or
/// remarks. Each value carries the text a person reads and the data a program does, so `--json` cannot tell other facts
/// than the screen.
#pragma once
#include <absl/strings/string_view.h>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

using json = nlohmann::ordered_json;

/// A text of the standard library for Abseil, whose string_view is a type of its own in the builds of some
/// distributions.
[[nodiscard]] inline absl::string_view as_absl(std::string_view text) { return {text.data(), text.size()}; }

struct value {
  std::string text;
  json data;
};

[[nodiscard]] value not_told(); // "not told", null
[[nodiscard]] value word(absl::string_view text);
[[nodiscard]] value yes_no(std::optional<bool> b);                     // "yes", "no" or "not told"
[[nodiscard]] std::string decimal(double x, int decimals);             // without a sign where it is rounded to zero
[[nodiscard]] std::string signed_decimal(double x, int decimals);      // the same, with "+" above zero
[[nodiscard]] value number(double x, int decimals);                    // NaN is "not told"
[[nodiscard]] value count(unsigned long long n);                       // with thousands separated
[[nodiscard]] value list(const std::vector<std::string>& words);       // "a, b"; "none" when empty
[[nodiscard]] std::string cpu_list(const std::vector<unsigned>& cpus); // "0-3, 8"
[[nodiscard]] value time_value(double ns);                             // "22.6 ns", "50 us", "4 ms"; the data in ns
[[nodiscard]] value hertz(std::optional<double> hz);                   // "2596.146 MHz"; the data in Hz

struct fact {
  std::string key;
  std::string label;
  tool::value value;
  std::string source;
  bool aside = false; // on a crowded screen another fact says it too
};

struct column {
  std::string key; // empty: a picture, for people only
  std::string heading; // empty: for programs only, unless it has no key either; folded at each \n, however wide the screen is
  bool right = false; // numbers stand right
  bool spare = false; // the first to go where there is no room for all
};

struct table {
  std::vector<column> columns;
  std::vector<std::vector<value>> rows;
  std::size_t names = 1; // so many columns say what a row is about
};

struct section {
  std::string key;
  std::string title;
  std::vector<fact> facts;
  std::optional<tool::table> table; // its rows are the array `rows` of the section in JSON
  std::vector<std::string> remarks;
  std::optional<tool::table> short_table = {}; // what a crowded screen shows instead

  void add(std::string fact_key, std::string label, tool::value v, std::string source = {});
  void add_aside(std::string fact_key, tool::value v, std::string source);
};

struct document {
  std::vector<section> sections;
};

[[nodiscard]] json to_json(const document& d);
/// The words of `text` in lines of `width` columns at most; a longer word is cut. At least one line.
[[nodiscard]] std::vector<std::string> lines_of(absl::string_view text, std::size_t width);
/// Prints `text`, wrapped, behind what stands in the line already; further lines begin at column `indent`.
void print_hanging(std::FILE* out, absl::string_view text, std::size_t indent, unsigned width);
/// Prints for people, in lines of `width` columns. A table that has no room folds its headings, then leaves out what can be
/// spared, then goes on below under the names of its rows.
void print_text(const document& d, std::FILE* out, unsigned width);
/// The same in as few lines as can be read: titles in the margin, the facts that are yes, no or not told gathered.
void print_crowded(const document& d, std::FILE* out, unsigned width);

// Where all documents go. Defined in print.cpp, for which a test has another one.

/// Prints `d` as the flag --json asks.
enum class layout { roomy, crowded };
void print(const document& d, layout l = layout::roomy);
/// For subcommands that tell one thing after the other: prints `fact` on a line of its own, at once.
void print_line(const json& fact);
/// The same at their end: `d`, as JSON an event named "summary".
void print_summary(const document& d);
/// For people only: a line that says what is drawn, and the picture.
void print_picture(absl::string_view title, const std::string& picture);

} // namespace tool
