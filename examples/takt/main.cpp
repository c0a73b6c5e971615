// takt - shows a person what the timekeeping of this machine does. One file a subcommand, in commands/; this one finds it.
#include "command.hpp"
#include "command_line.hpp"
#include "output/help.hpp"
#include "output/terminal.hpp"
#include "stop.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <exception>
#include <fcntl.h>
#include <takt/core/config.hpp>
#include <unistd.h>

namespace tool {
namespace {

// Occupies the standard descriptors that the parent closed: otherwise the next file that the tool opens would get such a
// number, and the text for standard output would go into that file. Writing and reading fail with EBADF, as if they were
// closed. A command that the tool starts finds them closed.
void occupy_closed_descriptors() {
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(standard, F_GETFD) < 0) static_cast<void>(open("/", O_PATH | O_CLOEXEC)); // gets the lowest number
}

exit_code no_command(absl::string_view name) {
  return wrong_usage(absl::StrCat("no command '", name, "'", suggested_command(name), "; takt --help lists them"));
}

exit_code run(std::span<char*> arguments) {
  if (arguments.empty()) {
    print_help();
    return exit_code::wrong_usage;
  }
  const absl::string_view name = arguments.front();
  arguments = arguments.subspan(1);
  if (name == "--help" || name == "-h" || name == "help") {
    if (arguments.empty()) return print_help(), exit_code::done;
    if (name != "help" || arguments.size() > 1)
      return wrong_usage(absl::StrCat("what is '", arguments.back(), "'? takt help COMMAND, or takt --help alone"));
    const absl::string_view topic = arguments.front();
    if (topic == "--man") return print_manual(), exit_code::done;
    if (topic == "help") return print_help(), exit_code::done;
    const command* const found = find_command(topic);
    return found == nullptr ? no_command(topic) : (print_help(*found), exit_code::done);
  }
  if (name == "--version") {
    if (!arguments.empty()) return wrong_usage(absl::StrCat("what is '", arguments.front(), "'? --version stands alone"));
    absl::PrintF("takt %d.%d.%d\n", TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH);
    return exit_code::done;
  }
  const command* const found = find_command(name);
  if (found == nullptr) return no_command(name);
  for (const absl::string_view argument : arguments) {
    if (argument == "--") break; // what follows is another program's
    if (argument == "--help" || argument == "-h") return print_help(*found), exit_code::done;
  }
  if (std::string error; !parse(*found, arguments, error))
    return wrong_usage(absl::StrCat(error, "; see takt help ", name));
  return found->run();
}

} // namespace
} // namespace tool

int main(int argc, char** argv) {
  tool::occupy_closed_descriptors();
  tool::ignore_output_signals();
  try {
    const auto status = tool::run(std::span(argv, static_cast<std::size_t>(argc)).subspan(argc > 0 ? 1 : 0));
    // A full disk or a closed pipe must not pass for success.
    if (tool::flush_output()) return static_cast<int>(status);
    if (tool::output_error() == std::errc::broken_pipe)
      return static_cast<int>(tool::exit_code::could_not); // the reader closed it, so it knows
    return static_cast<int>(tool::could_not("standard output", tool::output_error()));
  } catch (const std::exception& e) {
    return static_cast<int>(tool::could_not(e.what()));
  }
}
