// takt - shows a person what the timekeeping of this machine does. One file a subcommand; this one finds it and reads
// the command line.
#include "command.hpp"
#include <absl/flags/commandlineflag.h>
#include <absl/flags/flag.h>
#include <absl/flags/reflection.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_replace.h>
#include <algorithm>
#include <exception>
#include <span>
#include <takt/core/config.hpp>

namespace tool {
namespace {

std::string dashed(std::string_view flag) { return absl::StrReplaceAll(flag, {{"_", "-"}}); }

void print_help() {
  absl::PrintF("takt shows what the timekeeping of this machine does.\n\nUsage: takt COMMAND [--json] [FLAG...]\n\nCommands:\n");
  for (const command& c : commands()) absl::PrintF("  %-12s %s\n", c.name, c.summary);
  absl::PrintF("\n  takt COMMAND --help tells more. Exit status: 0 done, 1 could not, 2 wrong usage.\n");
}

void print_help(const command& c) {
  absl::PrintF("takt %s: %s\n\n%s\n\nFlags:\n", c.name, c.summary, c.description);
  std::vector<std::string_view> flags = c.flags;
  flags.push_back("json");
  for (const std::string_view name : flags) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    std::string usage = absl::StrCat("--", dashed(name));
    std::string fallback;
    if (!flag->IsOfType<bool>()) {
      absl::StrAppend(&usage, " ...");
      if (const std::string value = flag->DefaultValue(); !value.empty()) fallback = absl::StrCat(" (default ", value, ")");
    }
    absl::PrintF("  %-26s %s%s\n", usage, flag->Help(), fallback);
  }
  absl::PrintF("  %-26s %s\n\nExample:\n  %s\n", "--help", "This text", c.example);
}

// Abseil's own parser knows no subcommands and leaves with status 1 whatever is wrong, so the flags' reflection is used.
bool parse(const command& c, std::span<char*> arguments, std::string& error) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view argument = arguments[i];
    if (!argument.starts_with("--")) return error = absl::StrCat("what is '", argument, "'?"), false;
    argument.remove_prefix(2);
    const auto equals = argument.find('=');
    const std::string name = absl::StrReplaceAll(argument.substr(0, equals), {{"-", "_"}});
    const bool known = name == "json" || std::find(c.flags.begin(), c.flags.end(), name) != c.flags.end();
    absl::CommandLineFlag* const flag = known ? absl::FindCommandLineFlag(name) : nullptr;
    if (flag == nullptr) return error = absl::StrCat("no flag --", dashed(name)), false;
    std::string text = "true";
    if (equals != argument.npos) text = argument.substr(equals + 1);
    else if (!flag->IsOfType<bool>()) {
      if (++i == arguments.size()) return error = absl::StrCat("--", dashed(name), " wants a value"), false;
      text = arguments[i];
    }
    std::string why;
    if (!flag->ParseFrom(text, &why)) return error = absl::StrCat("--", dashed(name), ": ", why), false;
  }
  return true;
}

exit_code run(std::span<char*> arguments) {
  if (arguments.empty()) {
    print_help();
    return exit_code::wrong_usage;
  }
  const std::string_view name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") return print_help(), exit_code::done;
  if (name == "--version") {
    absl::PrintF("takt %d.%d.%d\n", TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH);
    return exit_code::done;
  }
  const auto& all = commands();
  const auto found = std::find_if(all.begin(), all.end(), [&](const command& c) { return c.name == name; });
  if (found == all.end()) return wrong_usage(absl::StrCat("no command '", name, "'; takt --help lists them"));
  arguments = arguments.subspan(1);
  for (const std::string_view argument : arguments) {
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
  try {
    const auto status = tool::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0));
    // A full disk or a closed pipe must not pass for success.
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return static_cast<int>(tool::exit_code::could_not);
    return static_cast<int>(status);
  } catch (const std::exception& e) {
    return static_cast<int>(tool::could_not(e.what()));
  }
}
