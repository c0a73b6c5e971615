// takt counters - which counters of time and cycles this machine has for perf, what they count, and what follows.
#include "command.hpp"
#include "stop.hpp"
#include "model/cpu_use.hpp"
#include "model/perf_counts.hpp"
#include "model/watched_command.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <poll.h>
#include <sys/syscall.h>
#include <takt/clock/calibration.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/perf_group.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<std::optional<duration>> length{this, "for", "TIME",
                                       "Count for TIME; by default, for 1s or until the command ends"};
  flag<std::string> cpus{this, "cpu", "LIST", "Count these CPUs, as 0-3,8; all of them by default"};
  flag<std::optional<int>> pid{this, "pid", "PID", "Count this process, with all its threads and what they start, until it ends or --for is over"};
} flags;

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using takt::perf_event;

constexpr nanoseconds usual_length = std::chrono::seconds(1);
constexpr nanoseconds longest = std::chrono::hours(24 * 365 * 100); // so that deadlines stay inside the clock's range
/// Counters whose stamps are further apart than this agree with anything.
constexpr double useful_ppm = 1000;

absl::string_view name_of(perf_event::kind k) {
  switch (k) {
  case perf_event::kind::software: return "software";
  case perf_event::kind::hardware: return "hardware";
  case perf_event::kind::device: return "msr";
  }
  return "unknown";
}
absl::string_view name_of(perf_event::dependence d) {
  switch (d) {
  case perf_event::dependence::none: return "no";
  case perf_event::dependence::core: return "yes";
  case perf_event::dependence::bus: return "bus";
  }
  return "unknown";
}
absl::string_view name_of(perf_event::in_idle i) {
  switch (i) {
  case perf_event::in_idle::goes_on: return "goes on";
  case perf_event::in_idle::stops: return "stops";
  case perf_event::in_idle::may_stop: return "may stop";
  case perf_event::in_idle::not_applicable: return "-";
  }
  return "unknown";
}
absl::string_view name_of(perf_event::scope s) {
  switch (s) {
  case perf_event::scope::task: return "task";
  case perf_event::scope::cpu: return "CPU";
  case perf_event::scope::task_and_cpu: return "task, CPU";
  case perf_event::scope::core: return "core";
  }
  return "unknown";
}

/// What was counted, and for how long.
struct result {
  std::vector<perf_count> counts;
  takt::tsc_calibration tsc;
  std::vector<unsigned> cpus; ///< those that were counted; empty: tasks
  std::string tasks;          ///< what else was counted: "process 4711", the command
  nanoseconds elapsed{};
  std::optional<nanoseconds> busy; ///< of the CPUs, by /proc/stat
  std::optional<int> command_status;

  [[nodiscard]] const perf_count* find(absl::string_view name) const {
    for (const perf_count& c : counts)
      if (as_absl(c.event.name) == name) return &c;
    return nullptr;
  }
  [[nodiscard]] std::optional<double> counted(absl::string_view name) const {
    const perf_count* const c = find(name);
    return c == nullptr ? std::nullopt : c->counted;
  }
  [[nodiscard]] bool of_cpus() const { return !cpus.empty(); }
  /// Returns: what the time stamp counters of everything watched made meanwhile; 0 where that is unknown.
  [[nodiscard]] double tsc_ticks(const perf_count& c) const { return tsc.rate().hertz() * c.watched_ns * 1e-9; }
};

const value none{"-", nullptr};

value whole(double x) { return x < 0x1p63 ? count(static_cast<unsigned long long>(std::llround(x))) : number(x, 0); }

section counter_section(const result& r) {
  section s{"counters", "Counters", {}, table{}, {}};
  s.table->columns = {{"event", "event"}, {"value", "counted", true}, {"per_second", "a second", true},
                      {"per_tsc_tick", "to the TSC", true}, {"unavailable", "why not"}, {"kind", "kind"},
                      {"counts", "counts"}, {"follows_frequency", "follows\nfrequency"}, {"in_idle", "in idle"},
                      {"whose", "of"}, {"use", "use"}, {"unit", ""}, {"scaled", ""}, {"user_space_alone", ""}};
  std::map<std::string, std::vector<std::string>> reasons;
  std::vector<std::string> scaled, user;
  for (const perf_count& c : r.counts) {
    const perf_event& e = c.event;
    std::vector<value> row{word(as_absl(e.name))};
    if (c.counted) {
      const double per_second = c.watched_ns > 0 ? *c.counted / (c.watched_ns * 1e-9) : std::nan("");
      const bool time = e.unit == "ns";
      row.push_back(time ? value{time_value(*c.counted).text, *c.counted} : whole(*c.counted));
      row.push_back(!std::isfinite(per_second) ? unknown()
                    : time                     ? value{time_value(per_second).text, per_second}
                                               : hertz(per_second));
      const double ticks = r.tsc_ticks(c);
      row.push_back(ticks > 0 ? value{absl::StrFormat("%.6f", *c.counted / ticks), *c.counted / ticks} : unknown());
      row.push_back(none);
      if (c.scaled) scaled.push_back(e.name);
      if (c.user_alone) user.push_back(e.name);
    } else {
      row.insert(row.end(), {none, none, none, value{c.briefly, c.unavailable}});
      reasons[c.unavailable].push_back(e.name);
    }
    row.insert(row.end(), {word(name_of(e.of)), word(as_absl(e.counts)), word(name_of(e.rate)), word(name_of(e.idle)),
                           word(name_of(e.whose)), word(e.samples ? "counting, sampling" : "counting"),
                           word(as_absl(e.unit)), {"", c.scaled}, {"", c.user_alone}});
    s.table->rows.push_back(std::move(row));
  }
  for (const auto& [why, names] : reasons) s.remarks.push_back(absl::StrCat(absl::StrJoin(names, ", "), ": ", why, "."));
  if (!scaled.empty())
    s.remarks.push_back(absl::StrCat("Estimated, because counters were shared (multiplexed): ", absl::StrJoin(scaled, ", "), "."));
  if (!user.empty())
    s.remarks.push_back(absl::StrCat("In user space alone, because this user may not count the kernel: ", absl::StrJoin(user, ", "), "."));
  s.remarks.push_back(r.of_cpus() ? "The count is the sum over the CPUs; the rates are means of one CPU."
                                  : "A task's events are counted while it runs; the rates refer to the time that passed.");
  s.remarks.push_back("On Intel's processors cpu-cycles is the raw event CPU_CLK_UNHALTED.THREAD (.CORE on Atom), and "
                      "ref-cycles is CPU_CLK_UNHALTED.REF_TSC.");
  return s;
}

/// The rate of the time stamp counter by perf's count, and how far it may be off.
struct tsc_by_perf {
  double hertz = 0, uncertainty_ppm = 0, off_ppm = 0;
  bool agrees = false;
};
std::optional<tsc_by_perf> tsc_of(const result& r) {
  const perf_count* const c = r.find("msr/tsc/");
  if (!r.of_cpus() || c == nullptr || !c->counted || !(c->watched_ns > 0)) return std::nullopt;
  tsc_by_perf t;
  t.hertz = *c->counted / (c->watched_ns * 1e-9);
  t.uncertainty_ppm = c->uncertainty_ns / c->watched_ns * 1e6;
  if (!r.tsc.rate().known() || t.uncertainty_ppm > useful_ppm) return std::nullopt;
  t.off_ppm = (t.hertz / r.tsc.rate().hertz() - 1) * 1e6;
  t.agrees = std::fabs(t.off_ppm) <= t.uncertainty_ppm + r.tsc.uncertainty_ppm();
  return t;
}
std::optional<double> effective_hertz(const result& r) {
  const auto a = r.counted("msr/aperf/"), m = r.counted("msr/mperf/");
  if (!a || !m || !(*m > 0) || !r.tsc.rate().known()) return std::nullopt;
  return *a / *m * r.tsc.rate().hertz();
}
/// Returns: CPU time as a share of the time that passed, on one CPU.
std::optional<double> cpu_share(const result& r) {
  const perf_count* const c = r.find(r.of_cpus() ? "cpu-clock" : "task-clock");
  if (c == nullptr || !c->counted || !(c->watched_ns > 0)) return std::nullopt;
  return *c->counted / c->watched_ns;
}
value percent(std::optional<double> share) {
  return share && std::isfinite(*share) ? value{absl::StrFormat("%.1f %%", *share * 100), *share} : unknown();
}

section meaning(const result& r) {
  section s{"meaning", "What follows", {}, {}, {}};
  const auto why = [&](std::initializer_list<absl::string_view> names) {
    for (const auto name : names) {
      const perf_count* const c = r.find(name);
      if (c != nullptr && !c->counted) return absl::StrCat(name, ": ", c->briefly);
    }
    return std::string("nothing was counted");
  };
  if (r.of_cpus()) s.add("cpus", "CPUs", {cpu_list(r.cpus), r.cpus});
  else s.add("tasks", "tasks", word(r.tasks));
  s.add("elapsed_ns", "elapsed", time_value(r.elapsed));
  const auto here = std::count_if(r.counts.begin(), r.counts.end(), [](const perf_count& c) { return c.counted.has_value(); });
  s.add("counters_here", "counters that count here", count(static_cast<unsigned long long>(here)));
  s.add("counters", "counters in all", count(r.counts.size()));
  if (r.command_status) s.add("command_status", "exit status of the command", count(static_cast<unsigned>(*r.command_status)));
  const auto effective = effective_hertz(r);
  s.add("effective_hertz", "effective frequency", hertz(effective),
        effective ? "aperf / mperf times the TSC's rate" : why({"msr/aperf/", "msr/mperf/"}));
  if (r.of_cpus()) {
    const perf_count* const m = r.find("msr/mperf/");
    const bool known = m != nullptr && m->counted && r.tsc_ticks(*m) > 0;
    s.add("not_idle", "not idle", known ? percent(*m->counted / r.tsc_ticks(*m)) : unknown(),
          known ? "mperf / TSC" : why({"msr/mperf/"}));
    const double all = static_cast<double>(r.elapsed.count()) * static_cast<double>(r.cpus.size());
    s.add("busy", "busy by the kernel's accounting",
          r.busy && all > 0 ? percent(static_cast<double>(r.busy->count()) / all) : unknown(), "/proc/stat, in ticks");
  }
  const auto share = cpu_share(r);
  s.add("cpu_time_share", r.of_cpus() ? "CPU time against elapsed, mean of a CPU" : "CPU time against elapsed",
        percent(share), share ? r.of_cpus() ? "cpu-clock" : "task-clock" : why({r.of_cpus() ? "cpu-clock" : "task-clock"}));
  if (!r.of_cpus()) {
    const auto cycles = r.counted("cpu-cycles"), time = r.counted("task-clock");
    const bool known = cycles && time && *time > 0;
    s.add("task_hertz", "frequency of its cores", hertz(known ? std::optional(*cycles / *time * 1e9) : std::nullopt),
          known ? "cycles / task-clock" : why({"cpu-cycles", "task-clock"}));
  }
  s.add("tsc_hertz", "rate of the TSC", hertz(r.tsc.rate().known() ? std::optional(r.tsc.rate().hertz()) : std::nullopt),
        "takt::calibrate");
  if (r.of_cpus()) {
    const auto t = tsc_of(r);
    s.add("tsc_by_perf_hertz", "by perf", hertz(t ? std::optional(t->hertz) : std::nullopt),
          t ? absl::StrFormat("known to %.2f ppm", t->uncertainty_ppm) : why({"msr/tsc/"}));
    s.add("tsc_off_ppm", "apart", t ? value{absl::StrCat(decimal(t->off_ppm, 3), " ppm"), t->off_ppm} : unknown());
    s.add_aside("tsc_uncertainty_ppm", t ? number(t->uncertainty_ppm, 3) : unknown(), "the stamps of both readings");
    s.add("tsc_agrees", "they agree", yes_no(t ? std::optional(t->agrees) : std::nullopt));
  }
  return s;
}

std::string headline(const result& r) {
  std::vector<std::string> here;
  for (const perf_count& c : r.counts)
    if (c.counted) here.push_back(c.event.name);
  std::string text = absl::StrCat(here.size(), " of ", r.counts.size(), " counters count here",
                                  here.empty() || here.size() > 4 ? "" : absl::StrCat(": ", absl::StrJoin(here, ", ")), ".");
  if (const auto f = effective_hertz(r); f) {
    absl::StrAppend(&text, " The cores ran at ", hertz(f).text, " while they were not idle.");
  } else if (const perf_count* const a = r.find("msr/aperf/"); a != nullptr && !a->counted) {
    absl::StrAppend(&text, " How fast the cores ran is unknown: msr/aperf/ is ", a->briefly, ".");
  }
  if (!r.of_cpus()) {
    if (const auto share = cpu_share(r); share)
      absl::StrAppend(&text, " CPU time was ", percent(share).text, " of the time that passed.");
  } else if (const auto t = tsc_of(r); t) {
    absl::StrAppendFormat(&text, " By perf the TSC runs at %s, %s takt (%.2f ppm apart).", hertz(t->hertz).text,
                          t->agrees ? "as by" : "unlike by", std::fabs(t->off_ppm));
  }
  return text;
}

std::optional<nanoseconds> busy_time(const std::vector<unsigned>& cpus) {
  std::string text;
  if (takt::linux_os::read_file("/proc/stat", text, std::size_t{16} << 20) != 0) return std::nullopt;
  const auto all = parse_busy_times(text, sysconf(_SC_CLK_TCK));
  nanoseconds sum{};
  for (const unsigned cpu : cpus) {
    const auto found = all.find(static_cast<std::int32_t>(cpu));
    if (found == all.end()) return std::nullopt;
    sum += found->second;
  }
  return sum;
}

/// Returns: the threads of a process; empty where there is no such process.
std::vector<int> threads_of(int pid) {
  std::vector<std::string> names;
  std::vector<int> threads;
  if (takt::linux_os::list_directory(absl::StrCat("/proc/", pid, "/task").c_str(), names) != 0) return threads;
  for (const std::string& name : names) {
    int id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error == std::errc() && end == name.data() + name.size() && id > 0) threads.push_back(id);
  }
  return threads;
}

/// Tells when a process ends.
class process_end {
public:
  process_end() = default;
  process_end(const process_end&) = delete;
  process_end& operator=(const process_end&) = delete;
  ~process_end() {
    if (fd_ >= 0) close(fd_);
  }
  void watch([[maybe_unused]] int pid) {
#ifdef SYS_pidfd_open
    fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
#endif
  }
  /// Returns: a descriptor that is readable when the process has ended; -1 on a kernel without pidfd_open (before 5.3),
  /// where the end is not seen.
  [[nodiscard]] int descriptor() const { return fd_; }
  [[nodiscard]] bool happened() const {
    pollfd p{fd_, POLLIN, 0};
    return fd_ >= 0 && poll(&p, 1, 0) > 0;
  }

private:
  int fd_ = -1;
};

exit_code run() {
  const bool command_wanted = !operands().empty();
  const std::string& list = *flags.cpus;
  if ((command_wanted ? 1 : 0) + (flags.pid->has_value() ? 1 : 0) + (list.empty() ? 0 : 1) > 1)
    return wrong_usage("--cpu, --pid and a command exclude each other");
  const bool given = flags.length->has_value();
  if (given && (*flags.length)->value <= nanoseconds::zero()) return wrong_usage("--for wants a time above zero");
  if (flags.pid->has_value() && **flags.pid <= 0) return wrong_usage("--pid wants the number of a process");
  const nanoseconds length = given ? std::min((*flags.length)->value, longest) : command_wanted ? longest : usual_length;

  result r;
  std::error_code ec;
  std::vector<perf_event::target> targets;
  if (!command_wanted && !flags.pid->has_value()) {
    const std::vector<unsigned> online = takt::online_cpus(ec);
    if (ec) return could_not("the CPUs that are online", ec);
    if (list.empty()) r.cpus = online;
    else if (!parse_cpus(list, r.cpus)) return wrong_usage("--cpu wants a list of CPUs in ascending order, as 0-3,8");
    for (const unsigned cpu : r.cpus) {
      if (!std::binary_search(online.begin(), online.end(), cpu))
        return could_not(absl::StrCat("CPU ", cpu, " is not online; those that are: ", cpu_list(online)));
      perf_event::target t;
      t.thread = -1, t.cpu = static_cast<int>(cpu);
      targets.push_back(t);
    }
  }
  process_end process;
  if (flags.pid->has_value()) {
    process.watch(**flags.pid);
    r.tasks = absl::StrCat("process ", **flags.pid);
    for (const int thread : threads_of(**flags.pid)) {
      perf_event::target t;
      t.thread = thread, t.children = true;
      targets.push_back(t);
    }
    if (targets.empty()) return could_not(absl::StrCat("there is no process ", **flags.pid));
  }
  // Before the command starts: a calibration needs a CPU of its own. A counter that may not be read would end the tool.
  if (takt::verdict::facts::gather().allowed != false) r.tsc = takt::calibrate(std::chrono::milliseconds(20), ec);

  std::string why;
  std::unique_ptr<watched_command> command;
  if (command_wanted) {
    command = watched_command::prepare(operands(), json_wanted(), why);
    if (command == nullptr) return could_not(why);
    r.tasks = operands()[0];
    perf_event::target t;
    t.thread = command->id(), t.children = t.from_exec = true;
    targets.push_back(t);
  }
  perf_counts counters(perf_event::clocks(), targets);
  const std::optional<nanoseconds> busy_before = busy_time(r.cpus);
  counters.begin();
  const auto start = steady_clock::now();
  if (command != nullptr && !command->start(why)) return could_not(why);
  progress shown("counting");
  for (const auto end = start + length; steady_clock::now() < end;) {
    // A progress line moves once a second; without a terminal nothing wakes up in between.
    const auto next = isatty(STDERR_FILENO) != 0 ? std::min(end, steady_clock::now() + std::chrono::seconds(1)) : end;
    const bool go_on = sleep_until(next, command != nullptr ? command->descriptor() : process.descriptor());
    if (!go_on || process.happened() || (command != nullptr && command->ended())) break;
    if (length < longest)
      shown.at(static_cast<double>((steady_clock::now() - start).count()) / static_cast<double>(length.count()));
  }
  r.elapsed = steady_clock::now() - start;
  r.counts = counters.end();
  if (const auto busy_after = busy_time(r.cpus); busy_before && busy_after) r.busy = *busy_after - *busy_before;
  if (command != nullptr) r.command_status = command->finish();

  document d;
  d.headline = headline(r);
  d.sections.push_back(meaning(r));
  d.sections.push_back(counter_section(r));
  print(d);
  return exit_code::done;
}

const registered entry({
    .name = "counters",
    .group = group::machine,
    .place = 7,
    .summary = "the counters that perf has for time and cycles, and what they count",
    .description =
        "Counts, for a second or for --for TIME, everything that perf_event_open(2) offers for time and cycles: the "
        "kernel's clocks of tasks and CPUs, the cycles of the processor, and the registers of the msr device, which "
        "sysfs lists. Each event has one row: what it counted, how often per second, and how often per tick of the "
        "time stamp counter; or why it cannot be counted. Two more tables say of which kind the event is, whether "
        "its rate follows the frequency of the core, whether it stops while the CPU idles, whose count it is, and "
        "whether it can be sampled or only be counted.\n\n"
        "From the counts follow the effective frequency of the cores (aperf / mperf times the rate of the time "
        "stamp counter), the share of time in which they were not idle (mperf / TSC), and CPU time against elapsed "
        "time. takt counts all CPUs, or those of --cpu, or a process with --pid, or a command from its start to its "
        "end. Without CAP_PERFMON, kernel.perf_event_paranoid limits what a user may count: at 2 the user's own "
        "processes in user space, at 1 also in the kernel, at 0 and below also CPUs.",
    .example = "takt counters -- sh -c 'for i in 1 2 3; do date; done'",
    .flags = &flags,
    .run = &run,
    .operands = "COMMAND [ARG...]",
});

} // namespace
} // namespace tool
