/// command.hpp - what a subcommand is, how it gets onto the list of them, and how it says that something went wrong.
///
/// A subcommand is one file in commands/: its flags (flag.hpp), a function that does the work and a `registered` that says
/// what `takt --help` and takt(1) show of it. Nothing else names it.
#pragma once
#include "flag.hpp"
#include <absl/strings/string_view.h>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace tool {

enum class exit_code { done = 0, could_not = 1, wrong_usage = 2 };

/// Under which heading of `takt --help` a subcommand stands; the headings are in main.cpp.
enum class group { machine, over_time, wake_ups };

struct command {
  absl::string_view name = {};
  tool::group group = {};
  int place = 0;                      ///< in its group, from 1; of two in one place the alphabet decides
  absl::string_view summary = {};     ///< one line, for `takt --help`
  absl::string_view description = {}; ///< a paragraph or more with empty lines between, for `takt help NAME`
  absl::string_view example = {};     ///< a command line; behind "   # " what it is good for
  flag_set* flags = nullptr;          ///< besides --json and --help; null: none
  exit_code (*run)() = nullptr;
  absl::string_view operands = {}; ///< what may stand behind "--": "COMMAND [ARG...]"; empty: nothing
  absl::string_view files = {};    ///< what may stand among the flags and behind "--": "FILE..."; not with `operands`
};

/// A constant of a subcommand's file: puts it on the list before main begins.
struct registered {
  explicit registered(const command& c);
};
/// Every subcommand of the tool, in the order of `takt --help`.
const std::vector<command>& commands();

/// Whether --json was given.
bool json_wanted();

/// The arguments after "--" on the command line, up to the null pointer that ends argv; of a command with `files`, those.
[[nodiscard]] std::span<char*> operands();

/// Says on standard error why the subcommand could not do what it was asked; returns exit_code::could_not.
exit_code could_not(absl::string_view what);
exit_code could_not(absl::string_view what, std::error_code why);
/// Says on standard error what is wrong with the command line; returns exit_code::wrong_usage.
exit_code wrong_usage(absl::string_view what);

/// Returns: why the first of these CPUs that cannot run this program does not; empty where all can.
[[nodiscard]] std::string why_unusable(const std::vector<unsigned>& cpus);

} // namespace tool
