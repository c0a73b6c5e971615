/// document.hpp - the result of a subcommand, built once and printed for people or for programs.
///
/// A document begins with its conclusion, followed by a list of sections. A section has facts (a name, a value, its
/// source), a table, or remarks. Each value has the text for people and the data for programs, so that `--json` and the
/// screen cannot differ.
#pragma once
#include <absl/strings/string_view.h>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

using json = nlohmann::ordered_json;

/// Returns: `text` as Abseil's string_view, which is a type of its own in the builds of some distributions.
[[nodiscard]] inline absl::string_view as_absl(std::string_view text) { return {text.data(), text.size()}; }

/// A value: its text for people and its data for programs.
struct value {
  std::string text;
  json data;
};

[[nodiscard]] value unknown();                                         // "unknown", null
[[nodiscard]] value word(absl::string_view text);
[[nodiscard]] value yes_no(std::optional<bool> b);                     // "yes", "no" or "unknown"
[[nodiscard]] std::string decimal(double x, int decimals);             // no sign if it is rounded to zero
[[nodiscard]] std::string signed_decimal(double x, int decimals);      // as decimal(), with "+" above zero
[[nodiscard]] value number(double x, int decimals);                    // NaN is unknown
[[nodiscard]] value count(unsigned long long n);                       // with thousands separated
[[nodiscard]] value list(const std::vector<std::string>& words);       // "a, b"; "none" when empty
[[nodiscard]] std::string cpu_list(const std::vector<unsigned>& cpus); // "0-3, 8"
[[nodiscard]] value time_value(double ns);                             // "23 ns", "50 us", "4 ms"; data: whole ns
[[nodiscard]] value time_value(std::chrono::nanoseconds t);
[[nodiscard]] value fine_time(double ns);                              // "22.6 ns", "4 ms"; data: whole ps
[[nodiscard]] value hertz(std::optional<double> hz);                   // "2596.146 MHz"; data: Hz

struct fact {
  std::string key;
  std::string label;
  tool::value value;
  std::string source;
  bool aside = false;    // left out of the compact form, where another fact implies it
  bool detailed = false; // shown to people with --details only
};

struct column {
  std::string key; // empty: a picture, for people only
  // Empty: for programs only, unless the key is empty too. Always folded at each \n.
  std::string heading;
  bool right = false; // aligned to the right, for numbers
  bool spare = false; // left out first where the line is too narrow
};

struct table {
  std::vector<column> columns;
  std::vector<std::vector<value>> rows;
  std::size_t names = 1; // the number of first columns that name a row
};

struct section {
  std::string key;
  std::string title;
  std::vector<fact> facts;
  std::optional<tool::table> table; // its rows are the array `rows` of the section in JSON
  std::vector<std::string> remarks;
  std::optional<tool::table> short_table = {}; // shown in the compact form instead of `table`
  std::optional<tool::table> brief_table = {}; // shown without --details instead of `table`, if it has rows
  bool detailed = false;                       // shown to people with --details only

  void add(std::string fact_key, std::string label, tool::value v, std::string source = {});
  void add_aside(std::string fact_key, tool::value v, std::string source);
  void add_detail(std::string fact_key, std::string label, tool::value v, std::string source = {});
};

struct document {
  std::vector<section> sections;
  // The conclusion: sentences for at most three lines of 80 columns. Where it has line breaks, each begins a line of the
  // screen; JSON has blanks there.
  std::string headline = {};
  bool with_details = true;   // false: what is `detailed` is left out for people
};

[[nodiscard]] json to_json(const document& d);
/// Returns: the words of `text` in lines of at most `width` columns; a longer word is cut. At least one line.
[[nodiscard]] std::vector<std::string> lines_of(absl::string_view text, std::size_t width);
/// Prints `text`, wrapped, after the text that the line already has; further lines begin at column `indent`.
void print_hanging(std::FILE* out, absl::string_view text, std::size_t indent, unsigned width);
/// Prints `text`, wrapped, on lines of its own; bold where the terminal can.
void print_heading(std::FILE* out, absl::string_view text, unsigned width);
/// Prints `d` for people in lines of `width` columns. A table that is too wide folds its headings, then leaves out its
/// spare columns, then continues below with the names of its rows.
void print_text(const document& d, std::FILE* out, unsigned width);
/// Prints `d` for people in few lines of `width` columns: titles in the margin, facts that are yes, no or unknown
/// together, sources among the details.
void print_compact(const document& d, std::FILE* out, unsigned width);

// The output of all documents. print.cpp defines these functions, and a test replaces that file.

/// The form of a document for people.
enum class layout { full, compact };
/// Prints `d` to standard output, as JSON with the flag --json.
void print(const document& d, layout l = layout::full);
/// Prints `fact` on a line of its own, at once: for programs, from subcommands that report while they run.
void print_line(const json& fact);
/// Prints the heading of a list of lines, for people only.
void print_title(absl::string_view text);
/// Prints `text` at once, wrapped, with further lines indented: for people, from subcommands that report while they
/// run.
void say(absl::string_view text, std::size_t indent = 0);
/// Prints the end of such a report: `d`, as JSON an event named "summary".
void print_summary(const document& d);
/// Prints a title and a picture, for people only.
void print_picture(absl::string_view title, const std::string& picture);

} // namespace tool
