#include "help.hpp"
#include "command_line.hpp"
#include "document.hpp"
#include "terminal.hpp"
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <optional>
#include <takt/core/config.hpp>
#include <unistd.h>
#include <utility>

namespace tool {
namespace {

constexpr absl::string_view what_it_is = "takt shows what the timekeeping of this machine does.";

absl::string_view title_of(group g) {
  switch (g) {
  case group::machine: return "What this machine has";
  case group::over_time: return "What happens over time";
  case group::wake_ups: return "How programs are woken";
  }
  return {};
}

constexpr absl::string_view about_json =
    "Every command takes --json, to print for programs: names that end in _ns are integers in nanoseconds, and null stands "
    "for what is unknown; under \"sources\" are texts that say where a value is from.";
constexpr absl::string_view exit_statuses = "Exit status: 0 done, 1 failed, 2 wrong usage.";
constexpr absl::string_view signals =
    "Ctrl-C, SIGTERM and SIGHUP end a command, which then prints what it has measured. A second signal, half a second later "
    "or after that, ends it at once, unless it has a change to the machine to undo. A signal that was ignored when takt "
    "was started stays ignored: scripts "
    "start jobs in the background with SIGINT ignored, and SIGTERM (kill PID) ends such a job.";
constexpr std::pair<absl::string_view, absl::string_view> environment[] = {
    {"COLUMNS", "How wide a line may be where standard output is no terminal; 80 if it is not set."},
    {"NO_COLOR", "If it is set and not empty, headings on a terminal are not bold."},
    {"XDG_RUNTIME_DIR",
     "The directory (an absolute path) in which processes of one user share a calibration of the counter."},
};

void print_paragraph(absl::string_view text) { print_hanging(stdout, text, 0, line_width(STDOUT_FILENO)); }

/// `text` in a column beside `head`, or below it where lines are short.
void print_entry(std::string head, std::size_t column, absl::string_view text) {
  const unsigned width = line_width(STDOUT_FILENO);
  if (column + 24 > width) {
    absl::PrintF("%s\n      ", head);
    return print_hanging(stdout, text, 6, width);
  }
  absl::PrintF("%-*s ", static_cast<int>(column) - 1, head);
  print_hanging(stdout, text, column, width);
}

std::string default_of(const any_flag& flag) {
  if (flag.is_switch()) return {};
  const std::string text = flag.default_text();
  return text.empty() ? "" : absl::StrCat(" (default ", text, ")");
}

std::string usage_of(const command& c) {
  return absl::StrCat("takt ", c.name, " [FLAG...]", c.files.empty() ? "" : " ", c.files, c.operands.empty() ? "" : absl::StrCat(" [-- ", c.operands, "]"));
}

std::vector<const any_flag*> flags_of(const command& c) {
  std::vector<const any_flag*> all;
  if (c.flags != nullptr) all.assign(c.flags->all.begin(), c.flags->all.end());
  all.insert(all.end(), common_flags().all.begin(), common_flags().all.end());
  return all;
}

std::pair<absl::string_view, absl::string_view> example_of(const command& c) {
  return absl::StrSplit(c.example, absl::MaxSplits("   # ", 1));
}

} // namespace

void print_help() {
  print_paragraph(what_it_is);
  absl::PrintF("\nUsage: takt COMMAND [FLAG...]\n");
  std::optional<group> last;
  for (const command& c : commands()) {
    if (last != c.group) {
      absl::PrintF("\n");
      print_heading(stdout, absl::StrCat(title_of(c.group), ":"), line_width(STDOUT_FILENO));
    }
    last = c.group;
    print_entry(absl::StrCat("  ", c.name), 17, c.summary);
  }
  absl::PrintF("\n");
  print_paragraph(absl::StrCat("takt help COMMAND says more, takt --version the version. ", about_json, " ", exit_statuses));
  absl::PrintF("\n");
  print_paragraph(signals);
}

void print_help(const command& c) {
  const unsigned width = line_width(STDOUT_FILENO);
  print_heading(stdout, absl::StrCat("takt ", c.name, ": ", c.summary), width);
  for (const absl::string_view paragraph : absl::StrSplit(c.description, "\n\n")) {
    absl::PrintF("\n");
    print_paragraph(absl::StrReplaceAll(paragraph, {{"\n", " "}}));
  }
  absl::PrintF("\n");
  print_paragraph(absl::StrCat("Usage: ", usage_of(c)));
  absl::PrintF("\n");
  print_heading(stdout, "Flags:", width);
  for (const any_flag* flag : flags_of(c)) {
    print_entry(absl::StrCat("  --", flag->name, flag->is_switch() ? "" : " ", flag->value_name), 29,
                absl::StrCat(flag->help, default_of(*flag)));
  }
  print_entry("  --help", 29, "This text");
  absl::PrintF("\n");
  print_heading(stdout, "Example:", width);
  const auto [line, purpose] = example_of(c);
  if (!purpose.empty()) print_entry("  #", 4, purpose);
  absl::PrintF("  %s\n", line); // to be copied: in one line
}

namespace {

/// Text for roff: no character of it is a request or an escape, and a hyphen stays the hyphen that is typed.
std::string roff(absl::string_view text) {
  std::string out = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"`", ""}, {"\n", " "}, {"~", "\\(ti"}, {"^", "\\(ha"}});
  if (!out.empty() && (out.front() == '.' || out.front() == '\'')) out.insert(0, "\\&");
  return out;
}

void print_manual(const command& c) {
  absl::PrintF(".SS %s\n.B %s\n.PP\n%s.\n", roff(c.name), roff(usage_of(c)), roff(c.summary));
  for (const absl::string_view paragraph : absl::StrSplit(c.description, "\n\n")) absl::PrintF(".PP\n%s\n", roff(paragraph));
  if (c.flags != nullptr) {
    for (const any_flag* flag : c.flags->all) {
      absl::PrintF(".TP\n.B \\-\\-%s\\fR%s\\fI%s\\fR\n%s\n", roff(flag->name), flag->is_switch() ? "" : " ",
                   roff(flag->value_name), roff(absl::StrCat(flag->help, default_of(*flag), ".")));
    }
  }
  const auto [line, purpose] = example_of(c);
  absl::PrintF(".PP\nExample%s%s:\n.PP\n.EX\n    %s\n.EE\n", purpose.empty() ? "" : ", ", roff(purpose), roff(line));
}

} // namespace

void print_manual() {
  absl::PrintF(".\\\" Made by `takt help --man`; do not edit.\n.TH TAKT 1 \"\" \"takt %d.%d.%d\" \"User Commands\"\n",
               TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH);
  absl::PrintF(".SH NAME\ntakt \\- shows what the timekeeping of this machine does\n");
  absl::PrintF(".SH SYNOPSIS\n.B takt\n.I COMMAND\n.RI [ FLAG... ]\n.br\n.B takt help\n.RI [ COMMAND ]\n.br\n"
               ".B takt \\-\\-version\n");
  absl::PrintF(".SH DESCRIPTION\n%s\nThe commands are below, each with its flags.\n.PP\n%s\n", roff(what_it_is), roff(about_json));
  std::optional<group> last;
  for (const command& c : commands()) {
    if (last != c.group) absl::PrintF(".SH %s\n", roff(absl::AsciiStrToUpper(title_of(c.group))));
    last = c.group;
    print_manual(c);
  }
  absl::PrintF(".SH OPTIONS OF EVERY COMMAND\n");
  for (const any_flag* flag : common_flags().all) absl::PrintF(".TP\n.B \\-\\-%s\n%s.\n", roff(flag->name), roff(flag->help));
  absl::PrintF(".TP\n.B \\-\\-help\nPrint the help of the command.\n");
  absl::PrintF(".SH EXIT STATUS\n.TP\n.B 0\nDone.\n.TP\n.B 1\nCould not; standard error says why.\n.TP\n.B 2\nWrong usage.\n");
  absl::PrintF(".SH SIGNALS\n%s\n.SH ENVIRONMENT\n", roff(signals));
  for (const auto& [name, text] : environment) absl::PrintF(".TP\n.B %s\n%s\n", roff(name), roff(text));
  absl::PrintF(".SH SEE ALSO\n.BR clock_gettime (2),\n.BR prctl (2),\n.BR adjtimex (2),\n.BR vdso (7),\n.BR time (7)\n");
}

} // namespace tool
