// takt slack - how late the kernel may wake a process, of this one, of another or of all; and to say so.
#include "command.hpp"
#include "document.hpp"
#include "scheduling.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <csignal>
#include <map>
#include <takt/kernel/os.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <unistd.h>

ABSL_FLAG(std::optional<int>, pid, std::nullopt, "PID: Look at this process instead of the tool itself");
ABSL_FLAG(bool, all, false, "Look at every process");
ABSL_FLAG(std::optional<tool::duration>, set, std::nullopt, "TIME: Set the slack to TIME, 1ns or more, as 50us");

namespace tool {
namespace {

using std::chrono::nanoseconds;

value slack_value(nanoseconds slack) { return {time_value(static_cast<double>(slack.count())).text, slack.count()}; }

/// The name of a process is what it says of itself; on a terminal nothing but printable ASCII.
value name_of(pid_t pid) {
  std::string name;
  if (takt::linux_os::read_file(absl::StrCat("/proc/", pid, "/comm").c_str(), name, 4096) != 0) return not_told();
  if (!name.empty() && name.back() == '\n') name.pop_back();
  std::string shown = name;
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return {shown, name};
}

/// The error of looking at or setting another process's slack, in words that help.
exit_code refused(pid_t pid, std::error_code ec) {
  const std::string whose = absl::StrCat("timer slack of process ", pid);
  if (ec == std::errc::no_such_file_or_directory || ec == std::errc::no_such_process)
    return kill(pid, 0) == 0 || errno == EPERM
               ? could_not(absl::StrCat(whose, ": /proc does not show the process to this user (mounted with hidepid, or not at all?)"))
               : could_not(absl::StrCat("there is no process ", pid));
  if (ec == std::errc::operation_not_permitted || ec == std::errc::permission_denied) {
    return could_not(absl::StrCat(whose, ": ", ec.message(), "; that of others needs CAP_SYS_NICE, even to look at"));
  }
  if (ec == takt::errc::no_effect)
    return could_not(absl::StrCat(whose, ": it is under a real-time policy, where the kernel ignores slack; nothing changed"));
  return could_not(whose, ec);
}

section about(pid_t pid, nanoseconds slack, std::optional<nanoseconds> before) {
  section s{"slack", "Timer slack", {}, {}, {}};
  s.add("pid", "process", {absl::StrCat(pid), pid});
  s.add("name", "name", name_of(pid));
  if (before) s.add("before_ns", "slack before", slack_value(*before));
  const auto p = policy_of(pid);
  s.add("slack_ns", "slack", {slack_under(slack, p), slack.count()});
  s.add("policy", "scheduling policy", p ? word(p->name) : not_told());
  s.add("in_effect", "in effect",
        p ? value{p->real_time ? "no: the kernel ignores slack under a real-time policy" : "yes", !p->real_time} : not_told());
  return s;
}

// Every process

struct process {
  pid_t pid;
  nanoseconds slack;
};

exit_code show_all() {
  std::vector<std::string> entries;
  if (const int error = takt::linux_os::list_directory("/proc", entries); error != 0) {
    return could_not("/proc", std::error_code(error, std::generic_category()));
  }
  std::vector<process> processes;
  unsigned long long not_permitted = 0;
  for (const std::string& entry : entries) {
    pid_t pid = 0;
    if (!absl::ascii_isdigit(static_cast<unsigned char>(entry.front())) || !absl::SimpleAtoi(entry, &pid)) continue;
    std::error_code ec;
    const nanoseconds slack = takt::timer_slack_of(pid, ec);
    if (!ec) processes.push_back({pid, slack});
    else if (ec == std::errc::operation_not_permitted || ec == std::errc::permission_denied) ++not_permitted;
    // Else it has ended since the directory was read.
  }
  if (processes.empty() && not_permitted == 0) return could_not("/proc shows no process: is it mounted?");
  std::sort(processes.begin(), processes.end(), [](const process& a, const process& b) { return a.pid < b.pid; });

  section s{"slack", "Timer slack of the first thread of each process", {}, table{}, {}};
  s.table->columns = {{"pid", "pid", true}, {"name", "name"}, {"slack_ns", "slack", true}, {"policy", "scheduling policy"},
                      {"in_effect", ""}};
  std::map<nanoseconds, int> by_slack;
  std::size_t real_time = 0;
  for (const process& p : processes) {
    const auto under = policy_of(p.pid);
    s.table->rows.push_back({{absl::StrCat(p.pid), p.pid}, name_of(p.pid), slack_value(p.slack),
                             under ? word(under->name) : not_told(), yes_no(under ? std::optional(!under->real_time) : std::nullopt)});
    ++by_slack[p.slack];
    real_time += under && under->real_time;
  }
  std::vector<std::string> words;
  json counts = json::array();
  for (const auto& [slack, n] : by_slack) {
    words.push_back(absl::StrCat(n, " at ", slack_value(slack).text));
    counts.push_back({{"slack_ns", slack.count()}, {"processes", n}});
  }
  s.add("processes", "processes", count(processes.size()));
  s.add("by_slack", "of these", {absl::StrJoin(words, ", "), counts});
  s.add("not_permitted", "not permitted",
        {absl::StrCat(count(not_permitted).text, not_permitted > 0 ? " (to look at them needs CAP_SYS_NICE)" : ""),
         not_permitted});
  s.add("real_time", "under a real-time policy",
        {absl::StrCat(count(real_time).text, real_time > 0 ? " (the kernel ignores slack there)" : ""), real_time});
  print({{std::move(s)}});
  return exit_code::done;
}

// This process

/// Sets the slack and becomes the command, which inherits it across execve (prctl(2)).
exit_code run_with(nanoseconds slack, std::span<char*> command_line) {
  std::error_code ec;
  takt::set_timer_slack(slack, ec);
  if (ec) return refused(getpid(), ec);
  std::signal(SIGPIPE, SIG_DFL); // what is ignored would be inherited too
  execvp(command_line[0], command_line.data());
  return could_not(command_line[0], std::error_code(errno, std::generic_category()));
}

exit_code show_own(std::optional<duration> set) {
  std::error_code ec;
  const nanoseconds before = takt::timer_slack(ec);
  if (!ec && set) takt::set_timer_slack(set->value, ec);
  const nanoseconds slack = ec ? before : takt::timer_slack(ec);
  if (ec) return refused(getpid(), ec);
  section s = about(getpid(), slack, set ? std::optional(before) : std::nullopt);
  s.remarks.push_back(set ? "It ends with this process. For a program to have it: takt slack --set TIME -- COMMAND; "
                            "for a running one: --pid PID."
                          : "Inherited from the process that started this one, like that of whatever else it starts.");
  print({{std::move(s)}});
  return exit_code::done;
}

exit_code show_other(pid_t pid, std::optional<duration> set) {
  std::error_code ec;
  const nanoseconds before = takt::timer_slack_of(pid, ec);
  if (!ec && set) takt::set_timer_slack_of(pid, set->value, ec);
  const nanoseconds slack = ec ? before : takt::timer_slack_of(pid, ec);
  if (ec) return refused(pid, ec);
  section s = about(pid, slack, set ? std::optional(before) : std::nullopt);
  if (set)
    s.remarks.push_back(
        "That is its first thread's, and lasts. Threads and processes it starts from now on inherit it.");
  print({{std::move(s)}});
  return exit_code::done;
}

exit_code run() {
  const std::optional<int> pid = absl::GetFlag(FLAGS_pid);
  const std::optional<duration> set = absl::GetFlag(FLAGS_set);
  const bool all = absl::GetFlag(FLAGS_all);
  if (pid && *pid <= 0) return wrong_usage("--pid wants a number above zero");
  if (set && set->value <= nanoseconds::zero())
    return wrong_usage("--set wants 1ns or more; the kernel takes 0 for \"the default\"");
  if (all && (pid || set))
    return wrong_usage("--all only looks, and at everything: it goes with neither --pid nor --set");
  if (!operands().empty()) {
    if (!set || pid || json_wanted()) return wrong_usage("a command to run goes with --set, and with nothing else");
    return run_with(set->value, operands());
  }
  if (all) return show_all();
  return pid ? show_other(*pid, set) : show_own(set);
}

} // namespace

extern const command slack_command{
    "slack",
    "how late the kernel may wake a process",
    "Shows the timer slack of the tool itself (what a shell gives to what it starts), of another process or of all. "
    "Threads each\n"
    "have their own; that of a process is its first thread's.\n\n"
    "--set sets it: with a command after \"--\" for that command, which the tool then becomes; with --pid for a "
    "running process,\n"
    "for as long as it lives. To look at another process, and to set its slack, CAP_SYS_NICE is needed. Under a "
    "real-time policy\n"
    "the kernel ignores slack (newer kernels show 0 ns), and setting it is refused here: it would have no effect.",
    "takt slack --set 5ms -- make   # a build does not mind waking up late",
    {"pid", "all", "set"},
    &run,
    "COMMAND [ARG...]"};

} // namespace tool
