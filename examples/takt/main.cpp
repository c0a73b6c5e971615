// takt - shows a person what the timekeeping of this machine does. One file a subcommand; this one finds it and reads
// the command line.
#include "command.hpp"
#include <absl/flags/commandlineflag.h>
#include <absl/flags/flag.h>
#include <absl/flags/reflection.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>
#include <algorithm>
#include <csignal>
#include <exception>
#include <span>
#include <takt/core/config.hpp>

namespace tool {
namespace {

std::string dashed(absl::string_view flag) { return absl::StrReplaceAll(flag, {{"_", "-"}}); }

void print_help() {
  absl::PrintF(
      "takt shows what the timekeeping of this machine does.\n\nUsage: takt COMMAND [--json] [FLAG...]\n\nCommands:\n");
  for (const command& c : commands()) absl::PrintF("  %-12s %s\n", c.name, c.summary);
  absl::PrintF("\n  takt COMMAND --help tells more. Exit status: 0 done, 1 could not, 2 wrong usage.\n");
}

/// The capitals before the colon with which a flag's help may begin; empty where it does not.
absl::string_view placeholder(absl::string_view help) {
  const absl::string_view head = help.substr(0, help.find(": "));
  const bool capitals =
      std::all_of(head.begin(), head.end(), [](char c) { return absl::ascii_isupper(static_cast<unsigned char>(c)); });
  return capitals && head.size() < help.size() ? head : absl::string_view();
}

void print_help(const command& c) {
  absl::PrintF("takt %s: %s\n\n%s\n\nUsage: takt %s [FLAG...]%s%s%s\n\nFlags:\n", c.name, c.summary, c.description,
               c.name, c.operands.empty() ? "" : " [-- ", c.operands, c.operands.empty() ? "" : "]");
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
    absl::PrintF("  %-26s %s%s\n", usage, help, fallback);
  }
  absl::PrintF("  %-26s %s\n\nExample:\n  %s\n", "--help", "This text", c.example);
}

// Abseil's own parser knows no subcommands and leaves with status 1 whatever is wrong, so the flags' reflection is
// used.
bool parse(const command& c, std::span<char*> arguments, std::string& error) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--" && !c.operands.empty()) return set_operands(arguments.subspan(i + 1)), true;
    if (!absl::StartsWith(argument, "--")) return error = absl::StrCat("what is '", argument, "'?"), false;
    argument.remove_prefix(2);
    const auto equals = argument.find('=');
    const std::string name = absl::StrReplaceAll(argument.substr(0, equals), {{"-", "_"}});
    const bool known = name == "json" || std::find(c.flags.begin(), c.flags.end(), name) != c.flags.end();
    absl::CommandLineFlag* const flag = known ? absl::FindCommandLineFlag(name) : nullptr;
    if (flag == nullptr) return error = absl::StrCat("no flag --", dashed(name)), false;
    std::string text = "true";
    if (equals != argument.npos) text = std::string(argument.substr(equals + 1));
    else if (!flag->IsOfType<bool>()) {
      if (++i == arguments.size()) return error = absl::StrCat("--", dashed(name), " wants a value"), false;
      text = arguments[i];
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
  if (name == "--help" || name == "-h" || name == "help") return print_help(), exit_code::done;
  if (name == "--version") {
    absl::PrintF("takt %d.%d.%d\n", TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH);
    return exit_code::done;
  }
  const auto& all = commands();
  const auto found = std::find_if(all.begin(), all.end(), [&](const command& c) { return c.name == name; });
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
