/// program_file.hpp - what a program is, from its file: whether a preloaded object reaches it, and if not, why.
///
/// Follows a name as execvp(3) does, and a script to its interpreter.
///
/// Does not promise: anything about programs that the program starts, or about a wrapper's program, which it does not
/// follow.
/// Sources: execve(2), ld.so(8) "Secure-execution mode", capabilities(7).
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tool {

/// Why a preloaded object does not get into a program.
enum class obstacle {
  none,
  static_program,
  other_class,
  other_machine,
  address_sanitizer,
  more_rights,
  clean_environment
};
/// Returns: the reason in a few words that follow "it is" or "it"; empty for none.
[[nodiscard]] std::string_view reason_of(obstacle o);

/// A program as it will be started.
struct program_file {
  std::string path;        ///< the file that the name stands for
  std::string interpreter; ///< the program that runs it; empty where it is no script
  std::string loader;      ///< the dynamic loader; empty for a static program
  tool::obstacle obstacle = tool::obstacle::none;
};
/// Returns: what the command line starts; nullopt where there is no such file, or it cannot be read: then nothing is
/// known, and execvp(3) says what is wrong.
[[nodiscard]] std::optional<program_file> find_program(std::span<char*> command_line);

} // namespace tool
