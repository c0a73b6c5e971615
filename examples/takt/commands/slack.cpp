// takt slack - how late the kernel may wake a process, of this one, of another or of all; and to say so.
#include "command.hpp"
#include "stop.hpp"
#include "output/document.hpp"
#include "model/process_stat.hpp"
#include "model/recorded_os.hpp"
#include "model/scheduling.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <algorithm>
#include <csignal>
#include <iterator>
#include <map>
#include <takt/kernel/os.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<std::optional<int>> pid{this, "pid", "PID", "Show this process instead of the tool itself, with all of its threads"};
  flag<bool> all{this, "all", "Show every process, the longest slack first"};
  flag<std::optional<duration>> set{this, "set", "TIME", "Set the slack to TIME, 1ns or more, as 50us"};
  flag<bool> threads{this, "threads", "With --pid and --set: set that of every thread of the process"};
  flag<std::string> from{this, "from", "DIR", from_help};
  details_flag details{this};
} flags;

using std::chrono::nanoseconds;

constexpr char to_read[] = "reading theirs needs CAP_SYS_NICE";

value slack_value(nanoseconds slack) { return {time_value(static_cast<double>(slack.count())).text, slack.count()}; }

/// What is known of one thread.
struct thread {
  pid_t id = 0;
  std::string name;                 // what the thread says of itself: any bytes
  bool kernel = false;              // it runs in the kernel alone
  std::optional<nanoseconds> slack; // nullopt: this user may not read it
  std::optional<policy> under;

  [[nodiscard]] bool real_time() const { return under && under->real_time; }
};

/// Returns: the facts about the thread `id`; nullopt if it has ended.
template <class Os> std::optional<thread> read_thread(pid_t id) {
  std::string text;
  thread t{id, {}, {}, {}, {}};
  if (Os::read_file(absl::StrCat("/proc/", id, "/stat").c_str(), text, process_stat_limit) != 0) return std::nullopt;
  if (auto stat = parse_process_stat(text)) t.name = std::move(stat->name), t.kernel = stat->kernel_thread;
  t.under = policy_of<Os>(id);
  std::error_code ec;
  if (const nanoseconds slack = takt::timer_slack_of<Os>(id, ec); !ec) t.slack = slack;
  else if (ec != std::errc::operation_not_permitted && ec != std::errc::permission_denied) return std::nullopt;
  return t;
}

/// Returns: the facts about each thread whose number is the name of an entry of `path`, the longest slack first and
/// those of which it is unknown last.
template <class Os> std::vector<thread> read_threads(const std::string& path, std::error_code& ec) {
  std::vector<std::string> entries;
  ec.assign(Os::list_directory(path.c_str(), entries), std::generic_category());
  std::vector<thread> threads;
  for (const std::string& entry : entries) {
    pid_t id = 0;
    if (!absl::ascii_isdigit(static_cast<unsigned char>(entry.front())) || !absl::SimpleAtoi(entry, &id)) continue;
    if (auto t = read_thread<Os>(id)) threads.push_back(std::move(*t));
  }
  std::sort(threads.begin(), threads.end(), [](const thread& a, const thread& b) {
    return a.slack != b.slack ? a.slack > b.slack : a.id < b.id; // nullopt is below all others
  });
  return threads;
}

/// A name on a terminal: nothing but printable ASCII.
value name_value(const std::string& name) {
  if (name.empty()) return unknown();
  std::string shown = name;
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return {shown, name};
}
value policy_value(const std::optional<policy>& p) { return p ? word(p->name) : unknown(); }
value slack_value(const thread& t) { return t.slack ? slack_value(*t.slack) : value{"not permitted", nullptr}; }

/// The error of reading or setting another process's slack, in words that help.
exit_code refused(pid_t pid, std::error_code ec) {
  const std::string whose = absl::StrCat("timer slack of process ", pid);
  if (ec == std::errc::no_such_file_or_directory || ec == std::errc::no_such_process)
    return kill(pid, 0) == 0 || errno == EPERM
               ? could_not(absl::StrCat(whose, ": /proc does not show the process to this user (mounted with hidepid, or not at all?)"))
               : could_not(absl::StrCat("there is no process ", pid));
  if (ec == std::errc::operation_not_permitted || ec == std::errc::permission_denied) {
    return could_not(absl::StrCat(whose, ": ", ec.message(), "; that of others needs CAP_SYS_NICE, even to read it"));
  }
  if (ec == takt::errc::no_effect)
    return could_not(absl::StrCat(whose, ": it is under a real-time policy, where the kernel ignores slack; nothing changed"));
  return could_not(whose, ec);
}

/// The process of which `id` is a thread, as /proc/ID/status has it; nothing where the kernel does not say.
template <class Os> std::optional<pid_t> process_of(pid_t id) {
  std::string status;
  if (Os::read_file(absl::StrCat("/proc/", id, "/status").c_str(), status, 1 << 16) != 0) return std::nullopt;
  for (absl::string_view line : absl::StrSplit(status, '\n')) {
    pid_t process = 0;
    if (absl::ConsumePrefix(&line, "Tgid:") && absl::SimpleAtoi(line, &process)) return process;
  }
  return std::nullopt;
}

/// How late the kernel may wake it, in a sentence.
std::string in_a_sentence(absl::string_view whom, nanoseconds slack, const std::optional<policy>& p) {
  if (p && p->real_time) return absl::StrCat("The kernel ignores the timer slack of ", whom, ", which is under ", p->name, ".");
  return absl::StrCat("The kernel may wake ", whom, " up to ", slack_value(slack).text, " late.");
}

/// The threads of a process, and in which way they are not like its first one. Returns: those that differ, for the
/// conclusion.
std::string add_threads(section& s, pid_t pid, const std::vector<thread>& threads) {
  constexpr std::size_t named = 3; // of those that differ: a conclusion has three lines
  const auto first = std::find_if(threads.begin(), threads.end(), [pid](const thread& t) { return t.id == pid; });
  if (first == threads.end()) return {};
  s.table = table{};
  s.table->columns = {{"thread", "thread", true}, {"name", "name"}, {"slack_ns", "slack", true}, {"policy", "scheduling policy"},
                      {"differs", "differs in"}};
  std::vector<std::string> words;
  std::size_t differing = 0, not_permitted = 0;
  for (const thread& t : threads) {
    std::vector<std::string> ways;
    if (t.slack && first->slack && *t.slack != *first->slack) ways.emplace_back("slack");
    if (t.under && first->under && t.under->name != first->under->name) ways.emplace_back("policy");
    s.table->rows.push_back({{absl::StrCat(t.id), t.id}, name_value(t.name), slack_value(t), policy_value(t.under),
                             {absl::StrJoin(ways, ", "), json(ways)}});
    not_permitted += !t.slack;
    if (ways.empty() || ++differing > named) continue;
    words.push_back(absl::StrCat(t.id, " (", name_value(t.name).text, ") ",
                                 t.real_time() ? absl::StrCat("is under ", t.under->name) : absl::StrCat("has ", slack_value(t).text)));
    if (!t.real_time() && ways.front() == "policy") absl::StrAppend(&words.back(), " under ", t.under->name);
  }
  s.add("threads", "threads", count(threads.size()));
  s.add("differing_threads", "unlike the first one", count(differing));
  if (not_permitted > 0) s.add("not_permitted", "not permitted", {absl::StrCat(count(not_permitted).text, " (", to_read, ")"), not_permitted});
  if (threads.size() == 1) return " It has no other thread.";
  if (differing == 0) return absl::StrCat(" Its ", threads.size(), " threads are alike.");
  if (differing > named) words.push_back(absl::StrCat(differing - named, " more below"));
  return absl::StrCat(" Of its ", threads.size(), " threads ", differing, differing == 1 ? " differs: " : " differ: ", absl::StrJoin(words, "; "), ".");
}

template <class Os = takt::linux_os> section about(pid_t pid, nanoseconds slack, std::optional<nanoseconds> before) {
  section s{"slack", "Timer slack", {}, {}, {}};
  const std::optional<pid_t> process = process_of<Os>(pid);
  if (process && *process != pid) {
    s.add("thread", "thread", {absl::StrCat(pid), pid});
    s.add("pid", "of process", {absl::StrCat(*process), *process});
  } else {
    s.add("pid", "process", {absl::StrCat(pid), pid});
  }
  const auto t = read_thread<Os>(pid);
  s.add("name", "name", t ? name_value(t->name) : unknown());
  if (before) s.add("before_ns", "slack before", slack_value(*before));
  const auto p = policy_of<Os>(pid);
  s.add("slack_ns", "slack", {slack_under(slack, p), slack.count()});
  s.add("policy", "scheduling policy", policy_value(p));
  s.add("in_effect", "in effect",
        p ? value{p->real_time ? "no: the kernel ignores slack under a real-time policy" : "yes", !p->real_time} : unknown());
  return s;
}

// Every process

/// Processes or threads of the kernel: their table, and how many have which slack.
section list_of(absl::string_view key, absl::string_view title, const std::string& noun, const std::vector<thread>& threads) {
  section s{std::string(key), std::string(title), {}, table{}, {}};
  s.table->columns = {{"pid", "pid", true}, {"name", "name"}, {"slack_ns", "slack", true}, {"policy", "scheduling policy"},
                      {"in_effect", "in effect"}};
  std::map<nanoseconds, int> by_slack;
  std::size_t real_time = 0, not_permitted = 0;
  for (const thread& t : threads) {
    not_permitted += !t.slack;
    if (!t.slack) continue;
    s.table->rows.push_back({{absl::StrCat(t.id), t.id}, name_value(t.name), slack_value(t), policy_value(t.under),
                             yes_no(t.under ? std::optional(!t.under->real_time) : std::nullopt)});
    ++by_slack[*t.slack];
    real_time += t.real_time();
  }
  std::vector<std::string> words;
  json counts = json::array();
  for (const auto& [slack, n] : by_slack) {
    words.push_back(absl::StrCat(n, " at ", slack_value(slack).text));
    counts.push_back({{"slack_ns", slack.count()}, {noun, n}});
  }
  s.add(noun, noun, count(s.table->rows.size()));
  s.add("by_slack", "of these", {words.empty() ? "none" : absl::StrJoin(words, ", "), counts});
  s.add("not_permitted", "not permitted",
        {absl::StrCat(count(not_permitted).text, not_permitted > 0 ? absl::StrCat(" (", to_read, ")") : ""), not_permitted});
  s.add("real_time", "under a real-time policy",
        {absl::StrCat(count(real_time).text, real_time > 0 ? " (the kernel ignores slack there)" : ""), real_time});
  return s;
}

/// The slack that most have; nullopt if none is known.
std::optional<std::pair<nanoseconds, std::size_t>> usual_slack(const std::vector<thread>& threads) {
  std::map<nanoseconds, std::size_t> by_slack;
  for (const thread& t : threads)
    if (t.slack) ++by_slack[*t.slack];
  const auto usual = std::max_element(by_slack.begin(), by_slack.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return usual != by_slack.end() ? std::optional(std::pair(usual->first, usual->second)) : std::nullopt;
}

template <class Os> exit_code show_all() {
  std::error_code ec;
  std::vector<thread> processes = read_threads<Os>("/proc", ec);
  if (processes.empty() && !flags.from->empty()) return could_not("the collection has no threads: collect.sh was run with -n, or without /proc");
  if (ec) return could_not("/proc", ec);
  if (processes.empty()) return could_not("/proc shows no process: is it mounted?");
  const auto of_kernel = [](const thread& t) { return t.kernel; };
  std::vector<thread> kernel;
  std::copy_if(processes.begin(), processes.end(), std::back_inserter(kernel), of_kernel);
  std::erase_if(processes, of_kernel);

  document d;
  d.with_details = *flags.details;
  d.sections.push_back(list_of("slack", "Timer slack of the first thread of each process", "processes", processes));
  d.sections.push_back(list_of("kernel_threads", "Timer slack of the kernel's own threads", "threads", kernel));
  section& below = d.sections.back();
  // The kernel's threads are many and alike: those that are not stand in the brief table.
  const auto usual = usual_slack(kernel);
  below.brief_table = below.table;
  std::erase_if(below.brief_table->rows, [&](const auto& row) { return usual && row[2].data == usual->first.count() && row[4].data == true; });
  if (kernel.empty()) below.remarks.emplace_back("/proc shows none here, as in a container.");

  if (const auto of_most = usual_slack(processes)) {
    const auto readable = static_cast<std::size_t>(std::count_if(processes.begin(), processes.end(), [](const thread& t) { return t.slack.has_value(); }));
    d.headline = absl::StrCat("The kernel may wake ", of_most->second, " of ", readable, " processes up to ", slack_value(of_most->first).text, " late.");
    const auto not_readable = processes.size() - readable;
    if (not_readable > 0) absl::StrAppend(&d.headline, " How late it may wake ", not_readable, " others is not known: ", to_read, ".");
  } else {
    d.headline = absl::StrCat("This user may not read the timer slack of any process: ", to_read, ".");
  }
  print(d);
  return exit_code::done;
}

// This process

/// Sets the slack and becomes the command, which inherits it across execve (prctl(2)).
exit_code run_with(nanoseconds slack, std::span<char*> command_line) {
  std::error_code ec;
  takt::set_timer_slack(slack, ec);
  if (ec) return refused(getpid(), ec);
  restore_output_signals(); // what is ignored would be inherited too
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
  document d;
  d.headline = in_a_sentence("this process", slack, policy_of(0));
  d.sections.push_back(std::move(s));
  print(d);
  return exit_code::done;
}

/// Sets the slack of the threads of a process beside its first one. Returns: how many.
std::size_t set_other_threads(pid_t pid, nanoseconds slack, std::error_code& ec) {
  std::vector<std::string> entries;
  std::size_t changed = 0;
  if (const int error = takt::linux_os::list_directory(absl::StrCat("/proc/", pid, "/task").c_str(), entries); error != 0) {
    ec = std::error_code(error, std::generic_category());
    return changed;
  }
  for (const std::string& entry : entries) {
    pid_t id = 0;
    if (!absl::SimpleAtoi(entry, &id) || id == pid) continue;
    takt::set_timer_slack_of(id, slack, ec);
    // It may have ended since, and a real-time thread has none to be set.
    if (ec == std::errc::no_such_file_or_directory || ec == std::errc::no_such_process || ec == takt::errc::no_effect) ec.clear();
    else if (ec) return changed;
    else ++changed;
  }
  return changed;
}

/// The end of what is said of one process or thread, that of another machine too.
template <class Os> document document_on(section s, pid_t pid, nanoseconds slack) {
  const std::optional<pid_t> process = process_of<Os>(pid);
  const bool one_thread = process && *process != pid;
  document d;
  d.headline = in_a_sentence(one_thread ? absl::StrCat("thread ", pid, " of process ", *process) : absl::StrCat("process ", pid), slack, policy_of<Os>(pid));
  if (!one_thread) {
    std::error_code unlisted; // the process may have ended
    d.headline += add_threads(s, pid, read_threads<Os>(absl::StrCat("/proc/", pid, "/task"), unlisted));
  }
  d.sections.push_back(std::move(s));
  return d;
}

/// A process of a collection, which nothing can change.
exit_code show_collected(pid_t pid) {
  std::error_code ec;
  const nanoseconds slack = takt::timer_slack_of<recorded_os>(pid, ec);
  if (ec == std::errc::no_such_file_or_directory) return could_not(absl::StrCat("the collection has no process or thread ", pid));
  if (ec == std::errc::operation_not_permitted)
    return could_not(absl::StrCat("timer slack of process ", pid, ": not in the collection; reading that of others needs CAP_SYS_NICE: collect as root"));
  if (ec) return could_not(absl::StrCat("timer slack of process ", pid), ec);
  print(document_on<recorded_os>(about<recorded_os>(pid, slack, std::nullopt), pid, slack));
  return exit_code::done;
}

exit_code show_other(pid_t pid, std::optional<duration> set) {
  std::error_code ec;
  const nanoseconds before = takt::timer_slack_of(pid, ec);
  if (!ec && set) takt::set_timer_slack_of(pid, set->value, ec);
  std::size_t others = 0;
  if (*flags.threads && ec == takt::errc::no_effect) ec.clear(); // under a real-time policy, which the others need not have
  if (!ec && set && *flags.threads) others = set_other_threads(pid, set->value, ec);
  const nanoseconds slack = ec ? before : takt::timer_slack_of(pid, ec);
  if (ec) return refused(pid, ec);
  section s = about(pid, slack, set ? std::optional(before) : std::nullopt);
  if (set && *flags.threads) s.add("threads_set", "other threads set", count(others));
  if (set && !*flags.threads) {
    const std::optional<pid_t> process = process_of<takt::linux_os>(pid);
    s.remarks.push_back(absl::StrCat("That is ", process && *process != pid ? "this thread's" : "its first thread's",
                                     ", and lasts. Threads and processes it starts from now on inherit it."));
  }
  print(document_on<takt::linux_os>(std::move(s), pid, slack));
  return exit_code::done;
}

exit_code run() {
  const std::optional<int> pid = *flags.pid;
  const std::optional<duration> set = *flags.set;
  const bool all = *flags.all;
  if (pid && *pid <= 0) return wrong_usage("--pid wants a number above zero");
  if (set && set->value <= nanoseconds::zero())
    return wrong_usage("--set wants 1ns or more; the kernel takes 0 for \"the default\"");
  if (*flags.threads && (!pid || !set)) return wrong_usage("--threads goes with --pid and --set");
  if (all && (pid || set))
    return wrong_usage("--all shows every process: it goes with neither --pid nor --set");
  if (!flags.from->empty()) {
    if (set || !operands().empty()) return wrong_usage("--from shows what was collected: nothing there can be set or run");
    if (const exit_code opened = open_collection(*flags.from); opened != exit_code::done) return opened;
    return pid ? show_collected(*pid) : show_all<recorded_os>();
  }
  if (!operands().empty()) {
    if (!set || pid || json_wanted()) return wrong_usage("a command to run goes with --set, and with nothing else");
    return run_with(set->value, operands());
  }
  if (all) return show_all<takt::linux_os>();
  return pid ? show_other(*pid, set) : show_own(set);
}

const registered entry({
    .name = "slack",
    .group = group::wake_ups,
    .place = 1,
    .summary = "how late the kernel may wake a process",
    .description =
        "Shows the timer slack of the tool itself (what a shell gives to what it starts), of another process or of "
        "all. Each thread has its own slack; that of a process is that of its first thread. --pid lists the threads "
        "of a process and names those that differ from the first one; it also takes the number of a thread. --all "
        "lists the processes, the longest slack first, and apart from them the threads of the kernel that differ from "
        "most, with --details all of them.\n\n"
        "--set sets the slack. With a command after \"--\" it sets it for that command, which the tool then "
        "becomes; with --pid, for the first thread of a running process as long as it lives, and with --threads for "
        "its other threads too. CAP_SYS_NICE is needed to read or set the slack of another process, also of the same "
        "user: run takt as root, or give it that right with setcap(8). Under a real-time policy the kernel ignores "
        "slack (newer kernels show 0 ns), so takt refuses to set it.",
    .example = "takt slack --set 5ms -- make   # a build does not mind waking up late",
    .flags = &flags,
    .run = &run,
    .operands = "COMMAND [ARG...]",
});

} // namespace
} // namespace tool
