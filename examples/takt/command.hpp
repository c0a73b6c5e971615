/// command.hpp - what a subcommand is, and what all of them share: flags, exit codes, Ctrl-C, progress.
#pragma once
#include <absl/strings/string_view.h>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

namespace tool {

enum class exit_code { done = 0, could_not = 1, wrong_usage = 2 };

/// A subcommand. Its flags are ABSL_FLAGs of its source file, listed here by name; those of other subcommands are
/// refused. On the command line a flag is written with dashes: --each-source is the flag each_source. A flag's help may
/// begin with what stands for its value, in capitals and with a colon: "NAME: The clock source to select".
struct command {
  absl::string_view name;
  absl::string_view summary;            // one line, for `takt --help`
  absl::string_view description;        // a paragraph or two, for `takt NAME --help`
  absl::string_view example;            // a command line with what it is good for
  std::vector<absl::string_view> flags; // besides --json and --help
  exit_code (*run)();
  absl::string_view operands = {}; // what may stand behind "--": "COMMAND ARG..."; empty: nothing
};

/// Every subcommand of the tool, in the order of `takt --help`.
const std::vector<command>& commands();

/// Whether --json was given.
bool json_wanted();

/// What stood behind "--" on the command line, up to the null pointer that ends argv.
[[nodiscard]] std::span<char*> operands();
void set_operands(std::span<char*> given);

/// A flag that is a span of time: "250ms", "1.5s", "50us", "10min". Without a unit it is refused.
struct duration {
  std::chrono::nanoseconds value{};
};
bool AbslParseFlag(absl::string_view text, duration* out, std::string* error);
std::string AbslUnparseFlag(duration d);

/// Reads "30" or "10-50", percents from 0 to 100, as shares. Returns: whether it is that.
bool parse_shares(absl::string_view text, double& least, double& most);

/// Writes out what was printed. Returns: whether all of it, and all before, could be written.
bool flush_output();
/// Why it could not; empty as long as it could.
[[nodiscard]] std::error_code output_error();

/// Says on standard error why the subcommand could not do what it was asked; returns exit_code::could_not.
exit_code could_not(absl::string_view what);
exit_code could_not(absl::string_view what, std::error_code why);
/// Says on standard error what is wrong with the command line; returns exit_code::wrong_usage.
exit_code wrong_usage(absl::string_view what);

/// Where a picture goes. What cannot be written is found out before the work, not after; what was there before stays until
/// there is something to put in its place.
class drawing {
public:
  /// An empty path is none: nothing is opened, nothing will be written.
  exit_code open(const std::string& path);
  exit_code write(const std::function<std::string()>& draw);
  drawing() = default;
  ~drawing();
  drawing(const drawing&) = delete;
  drawing& operator=(const drawing&) = delete;

private:
  exit_code failed(int error);
  std::string path_;
  int fd_ = -1;
  bool ours_ = false; // it was not there before
};

/// Whether Ctrl-C (or SIGTERM, or SIGHUP) asked the tool to stop with what it has. One more, half a second
/// later or after that, ends the tool at once.
bool stop_wanted();
/// Sleeps until `deadline` of the steady clock or until a stop is wanted; returns whether to go on. Wakes up no more
/// than once: an observer of timer interrupts should not cause them. It also ends when `descriptor` is readable, if one is
/// given.
bool sleep_until(std::chrono::steady_clock::time_point deadline, int descriptor = -1);

/// While it lives nothing but SIGKILL ends the tool at once: there is something to be undone first. SIGQUIT (Ctrl-\)
/// is then a wish to stop like the others.
class unhurried {
public:
  unhurried();
  ~unhurried();
  unhurried(const unhurried&) = delete;
  unhurried& operator=(const unhurried&) = delete;
};

/// How many columns a line on `descriptor` may have: those of the terminal; where it is none, what the environment's COLUMNS
/// says, else 80. From 40 to 1000.
[[nodiscard]] unsigned line_width(int descriptor);

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
bool may_change_this_machine(absl::string_view what);

} // namespace tool
