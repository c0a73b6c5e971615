/// command.hpp - what a subcommand is, and what all of them share: flags, exit codes, Ctrl-C, progress.
#pragma once
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tool {

enum class exit_code { done = 0, could_not = 1, wrong_usage = 2 };

/// A subcommand. Its flags are ABSL_FLAGs of its source file, listed here by name; those of other subcommands are refused.
/// On the command line a flag is written with dashes: --each-source is the flag each_source.
struct command {
  std::string_view name;
  std::string_view summary;                     // one line, for `takt --help`
  std::string_view description;                 // a paragraph or two, for `takt NAME --help`
  std::string_view example;                     // a command line with what it is good for
  std::vector<std::string_view> flags;          // besides --json and --help
  exit_code (*run)();
};

/// Every subcommand of the tool, in the order of `takt --help`.
const std::vector<command>& commands();

/// Whether --json was given.
bool json_wanted();

/// Says on standard error why the subcommand could not do what it was asked; returns exit_code::could_not.
exit_code could_not(std::string_view what);
exit_code could_not(std::string_view what, std::error_code why);
/// Says on standard error what is wrong with the command line; returns exit_code::wrong_usage.
exit_code wrong_usage(std::string_view what);

/// Whether Ctrl-C (or SIGTERM) asked the tool to stop with what it has.
bool stop_wanted();
/// Sleeps until `deadline` of the steady clock or until a stop is wanted; returns whether to go on.
bool sleep_until(std::chrono::steady_clock::time_point deadline);

/// A line on a terminal's standard error that shows how far a longer job is; it appears after the first second and
/// vanishes at the end. Silent where standard error is no terminal.
class progress {
public:
  explicit progress(std::string what);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  void at(double fraction);

private:
  std::string what_;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
  bool shown_ = false;
};

/// Whether the flag --yes-change-this-machine was given; where it was not, says that `what` needs it.
bool may_change_this_machine(std::string_view what);

} // namespace tool
