// takt - shows a person what the timekeeping of this machine does. One file a subcommand; this one finds it and reads
// the command line.
#include "command.hpp"
#include "document.hpp"
#include <absl/flags/commandlineflag.h>
#include <absl/flags/flag.h>
#include <absl/flags/reflection.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <csignal>
#include <exception>
#include <span>
#include <takt/core/config.hpp>
#include <unistd.h>
#include <utility>

namespace tool {
namespace {

std::string dashed(absl::string_view flag) { return absl::StrReplaceAll(flag, {{"_", "-"}}); }

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

void print_help() {
  absl::PrintF(
      "takt shows what the timekeeping of this machine does.\n\nUsage: takt COMMAND [FLAG...]\n\nCommands:\n");
  for (const command& c : commands()) print_entry(absl::StrCat("  ", c.name), 17, c.summary);
  absl::PrintF("\n");
  print_paragraph("takt COMMAND --help tells more, takt --version the version. Every command takes --json, to print for "
                  "programs. Exit status: 0 done, 1 could not, 2 wrong usage.");
}

/// What stands for the value before the colon with which a flag's help may begin, as NAME, A-B or PxK; empty where it
/// does not.
absl::string_view placeholder(absl::string_view help) {
  const absl::string_view head = help.substr(0, help.find(": "));
  const bool capitals = std::all_of(head.begin(), head.end(), [](char c) {
    return absl::ascii_isupper(static_cast<unsigned char>(c)) || c == 'x' || c == '-';
  });
  return capitals && head.size() < help.size() ? head : absl::string_view();
}

void print_help(const command& c) {
  print_paragraph(absl::StrCat("takt ", c.name, ": ", c.summary));
  for (const absl::string_view paragraph : absl::StrSplit(c.description, "\n\n")) {
    absl::PrintF("\n");
    print_paragraph(absl::StrReplaceAll(paragraph, {{"\n", " "}}));
  }
  absl::PrintF("\n");
  print_paragraph(absl::StrCat("Usage: takt ", c.name, " [FLAG...]", c.operands.empty() ? "" : " [-- ", c.operands,
                               c.operands.empty() ? "" : "]"));
  absl::PrintF("\nFlags:\n");
  std::vector<absl::string_view> flags = c.flags;
  flags.push_back("json");
  for (const absl::string_view name : flags) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    std::string usage = absl::StrCat("--", dashed(name)), help = flag->Help(), fallback;
    if (!flag->IsOfType<bool>()) {
      const std::string kind(placeholder(help));
      absl::StrAppend(&usage, " ", kind.empty() ? "..." : kind);
      if (!kind.empty()) help.erase(0, kind.size() + 2);
      if (const std::string value = flag->DefaultValue(); !value.empty())
        fallback = absl::StrCat(" (default ", value, ")");
    }
    print_entry(absl::StrCat("  ", usage), 29, absl::StrCat(help, fallback));
  }
  print_entry("  --help", 29, "This text");
  absl::PrintF("\nExample:\n");
  const std::pair<absl::string_view, absl::string_view> example = absl::StrSplit(c.example, absl::MaxSplits("   # ", 1));
  if (!example.second.empty()) print_entry("  #", 4, example.second);
  absl::PrintF("  %s\n", example.first); // to be copied: in one line
}

// Abseil's own parser knows no subcommands and leaves with status 1 whatever is wrong, so the flags' reflection is
// used.
bool parse(const command& c, std::span<char*> arguments, std::string& error) {
  std::vector<const absl::CommandLineFlag*> given;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--") {
      if (c.operands.empty()) return error = absl::StrCat("takt ", c.name, " runs no command behind --"), false;
      set_operands(arguments.subspan(i + 1));
      return !operands().empty() || (error = "-- wants a command behind it", false);
    }
    if (!absl::StartsWith(argument, "--")) return error = absl::StrCat("what is '", argument, "'?"), false;
    argument.remove_prefix(2);
    const auto equals = argument.find('=');
    const std::string name = absl::StrReplaceAll(argument.substr(0, equals), {{"-", "_"}});
    const bool known = name == "json" || std::find(c.flags.begin(), c.flags.end(), name) != c.flags.end();
    const bool spelled = !absl::StrContains(argument.substr(0, equals), '_');
    absl::CommandLineFlag* const flag = known && spelled ? absl::FindCommandLineFlag(name) : nullptr;
    if (flag == nullptr) return error = absl::StrCat("no flag --", argument.substr(0, equals)), false;
    if (std::find(given.begin(), given.end(), flag) != given.end())
      return error = absl::StrCat("--", dashed(name), " is given twice"), false;
    given.push_back(flag);
    std::string text = "true";
    if (equals != argument.npos) text = std::string(argument.substr(equals + 1));
    else if (!flag->IsOfType<bool>()) {
      if (++i < arguments.size()) text = arguments[i];
      // What looks like a flag was meant as one; a file of such a name is told as --dump=--name.
      if (i == arguments.size() || absl::StartsWith(text, "--"))
        return error = absl::StrCat("--", dashed(name), " wants a value"), false;
    }
    if (text.empty()) return error = absl::StrCat("--", dashed(name), " wants a value"), false;
    if (std::string why; !flag->ParseFrom(text, &why)) {
      // Abseil begins with "Illegal value '..' specified for flag '..'" and may add "; " and the reason.
      const auto reason = why.find("'; ");
      error = absl::StrCat("--", dashed(name), " does not take '", text, "'");
      if (reason != why.npos) absl::StrAppend(&error, ": ", why.substr(reason + 3));
      return false;
    }
  }
  return true;
}

exit_code run(std::span<char*> arguments) {
  if (arguments.empty()) {
    print_help();
    return exit_code::wrong_usage;
  }
  const absl::string_view name = arguments.front();
  const bool alone = arguments.size() == 1;
  if (alone && (name == "--help" || name == "-h" || name == "help")) return print_help(), exit_code::done;
  if (alone && name == "--version") {
    absl::PrintF("takt %d.%d.%d\n", TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH);
    return exit_code::done;
  }
  const auto& all = commands();
  const auto found = std::find_if(all.begin(), all.end(), [&](const command& c) { return c.name == name; });
  if (name == "--help" || name == "-h" || name == "help" || name == "--version")
    return wrong_usage(absl::StrCat("what is '", arguments[1], "'? ", name, " stands alone; see takt --help"));
  if (found == all.end()) return wrong_usage(absl::StrCat("no command '", name, "'; takt --help lists them"));
  arguments = arguments.subspan(1);
  for (const absl::string_view argument : arguments) {
    if (argument == "--") break; // what follows is another program's
    if (argument == "--help" || argument == "-h") return print_help(*found), exit_code::done;
  }
  if (std::string error; !parse(*found, arguments, error)) {
    return wrong_usage(absl::StrCat(error, "; see takt ", name, " --help"));
  }
  return found->run();
}

} // namespace
} // namespace tool

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN); // a reader that goes away is an error of writing: what was changed can be undone
  try {
    const auto status = tool::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0));
    // A full disk or a closed pipe must not pass for success.
    if (tool::flush_output()) return static_cast<int>(status);
    if (tool::output_error() == std::errc::broken_pipe)
      return static_cast<int>(tool::exit_code::could_not); // who closed it knows
    return static_cast<int>(tool::could_not("standard output", tool::output_error()));
  } catch (const std::exception& e) {
    return static_cast<int>(tool::could_not(e.what()));
  }
}
