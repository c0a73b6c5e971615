// takt timers - whose timers wake this machine, and what would wake it less often.
#include "command.hpp"
#include "stop.hpp"
#include "model/this_machine.hpp"
#include "model/timer_advice.hpp"
#include "model/timer_recording.hpp"
#include "model/trace/trace_session.hpp"
#include "model/watched_command.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include "output/timer_life.hpp"
#include "output/timer_outputs.hpp"
#include "output/timers_document.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <takt/observe/trace_text.hpp>
#include <unistd.h>
#include <vector>

namespace tool {
namespace {

struct : flag_set {
  flag<std::optional<duration>> for_time{this, "for", "TIME",
                                         "Watch for TIME; 0s: until Ctrl-C. 10s where nothing else says how long"};
  flag<std::optional<duration>> interval{
      this, "interval", "TIME", "On a terminal, from one table to the next (1s); with --json, print a line each TIME"};
  flag<std::optional<int>> pid{this, "pid", "PID", "Show only the timers of this process or thread"};
  flag<std::string> comm{this, "comm", "NAME", "Show only the timers of processes and kernel functions of this name"};
  flag<std::optional<int>> top{this, "top", "N",
                               "Show N rows; 0: all. As many as fit on a terminal, else 20; with --json all"};
  flag<bool> life{this, "life", "Print the life of the timers of --pid, step by step"};
  flag<std::string> from{
      this, "from", "FILE",
      "Read what was recorded elsewhere: the text of perf script, ftrace or trace-cmd report; -: standard input"};
  flag<std::string> save{this, "save", "FILE", "Write what was seen into FILE, as a text that --from reads"};
  flag<std::string> what_if{this, "what-if", "CHANGE",
                            "Calculate one change more, as comm=foo:slack=10ms, pid=1234:slack=10ms or all:grid=10ms"};
  flag<std::string> svg{this, "svg", "FILE", "Draw it into FILE, as a picture for browsers"};
  flag<std::string> html{this, "html", "FILE", "Write tables and pictures into FILE, as one page for browsers"};
  flag<std::string> perfetto{this, "perfetto", "FILE", "Write every timer into FILE, as a trace for ui.perfetto.dev"};
  details_flag details{this};
} flags;

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr nanoseconds usual_time = std::chrono::seconds(10);
constexpr nanoseconds usual_interval = std::chrono::seconds(1);
constexpr nanoseconds shortest_interval = std::chrono::milliseconds(10);
constexpr nanoseconds longest = std::chrono::hours(24 * 365 * 100); // so that deadlines stay inside the clock's range
constexpr std::size_t usual_rows = 20;

/// A file that the events are written to as they come.
class event_file : public recording_listener {
public:
  exit_code open(const std::string& path) {
    path_ = path;
    file_.reset(std::fopen(path.c_str(), "we"));
    if (file_ == nullptr) return failed();
    takt::trace_text_writer::header(text_);
    return exit_code::done;
  }
  void event(const takt::trace_event& e) override {
    if (file_ == nullptr) return;
    takt::trace_text_writer::append(text_, e);
    constexpr std::size_t piece = std::size_t{1} << 18;
    if (text_.size() >= piece) write();
  }
  exit_code finish() {
    if (file_ == nullptr) return exit_code::done;
    write();
    if (std::fflush(file_.get()) != 0 && error_ == 0) error_ = errno;
    errno = error_;
    return error_ == 0 ? exit_code::done : failed();
  }

private:
  struct closes {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  void write() {
    if (error_ == 0 && std::fwrite(text_.data(), 1, text_.size(), file_.get()) != text_.size()) error_ = errno;
    text_.clear();
  }
  exit_code failed() {
    return could_not(absl::StrCat("--save ", path_), std::error_code(errno, std::generic_category()));
  }
  std::string path_, text_;
  std::unique_ptr<std::FILE, closes> file_;
  int error_ = 0;
};

/// Rows of the terminal that standard output is; 0 where it is none.
std::size_t screen_rows() {
  winsize size{};
  return isatty(STDOUT_FILENO) != 0 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}
bool refreshes() {
  const char* const terminal = std::getenv("TERM");
  return !json_wanted() && !*flags.life && isatty(STDOUT_FILENO) != 0 && terminal != nullptr &&
         absl::string_view(terminal) != "dumb" && *terminal != '\0';
}
void clear_screen() { std::fputs("\033[H\033[J", stdout); }

timers_view view_of(const std::optional<tried_change>& change) {
  timers_view view;
  view.pid = *flags.pid, view.comm = *flags.comm, view.what_if = change;
  view.with_details = *flags.details, view.width = line_width(STDOUT_FILENO);
  view.top = json_wanted() ? 0 : usual_rows;
  if (flags.top->has_value()) view.top = static_cast<std::size_t>(**flags.top);
  return view;
}

/// One screen of a table that is refreshed.
void show_screen(const timer_recording& recording, timers_view view, nanoseconds left) {
  constexpr std::size_t others = 15; // lines that are no rows of the table
  const std::size_t rows = screen_rows();
  view.with_advice = false;
  if (!flags.top->has_value()) view.top = rows > others + 3 ? rows - others : 3;
  document d = timers_document(recording, view);
  d.with_details = true; // says nothing of more: that stands below the last table
  d.sections.front().facts.erase(std::remove_if(d.sections.front().facts.begin(), d.sections.front().facts.end(),
                                                [](const fact& f) { return f.detailed; }),
                                 d.sections.front().facts.end());
  d.sections.front().remarks.push_back(
      left > longest / 2 ? "Until Ctrl-C." : absl::StrCat("For ", brief_time(left).text, " more, or until Ctrl-C."));
  clear_screen();
  print(d);
}

exit_code print_result(const timer_recording& recording, const timers_view& view, bool refreshed,
                       const life_printer* lives) {
  if (lives != nullptr) {
    document d = timers_document(recording, view);
    if (!json_wanted()) std::fputc('\n', stdout);
    print_summary(d);
    return exit_code::done;
  }
  const document d = timers_document(recording, view);
  if (refreshed) clear_screen();
  if (json_wanted() && flags.interval->has_value()) print_line(to_json(d));
  else print(d);
  return exit_code::done;
}

// Live

exit_code watch(timer_recording& recording, const timers_view& view, event_file& saved, const life_printer* lives) {
  std::string why;
  bool refreshed = false;
  {
    const termination_guard guard; // the instance is to be removed first
    const std::unique_ptr<trace_session> session = trace_session::open(needed_events, watched_events, why);
    if (session == nullptr)
      return could_not(absl::StrCat(why, "; or read a recording of another machine with --from"));
    std::unique_ptr<watched_command> command; // gone before the session, whose files it has open until it is the command
    recording.source.live = true, recording.source.what = "this machine", recording.source.missing = session->missing();
    if (!operands().empty()) {
      command = watched_command::prepare(operands(), json_wanted(), why);
      if (command == nullptr) return could_not(why);
    }
    const bool for_ever =
        command != nullptr || (flags.for_time->has_value() && (*flags.for_time)->value == nanoseconds::zero());
    const nanoseconds time = for_ever                      ? longest
                             : flags.for_time->has_value() ? std::min((*flags.for_time)->value, longest)
                                                           : usual_time;
    const bool terminal = refreshes();
    const nanoseconds interval = flags.interval->has_value() ? std::min((*flags.interval)->value, longest)
                                 : terminal                  ? usual_interval
                                                             : longest;
    const bool lines = json_wanted() && flags.interval->has_value() && lives == nullptr;
    const auto take = [&](const takt::trace_event& e) { recording.add(e); };

    if (!session->start())
      return could_not("the recording of events cannot be started (tracing_on)",
                       std::error_code(errno, std::generic_category()));
    const auto start = steady_clock::now(), end = start + time;
    auto next = start + std::min(interval, longest);
    if (command != nullptr && !command->start(why)) return could_not(why);
    progress shown("watching timers");
    for (;;) {
      const auto deadline = std::min({steady_clock::now() + session->pause(), end, next});
      const bool go_on = sleep_until(deadline, command != nullptr ? command->descriptor() : -1);
      session->take(take);
      const auto now = steady_clock::now();
      if (!go_on || now >= end || output_error() || (command != nullptr && command->ended())) break;
      if (now >= next) {
        while (next <= now) next += interval;
        recording.source.length = now - start, recording.source.lost = session->lost(),
        recording.source.events = session->events();
        if (terminal) show_screen(recording, view, end - now), refreshed = true;
        else if (lines) print_line(to_json(timers_document(recording, view)));
      }
      if (!terminal && !for_ever)
        shown.at(static_cast<double>((now - start).count()) / static_cast<double>(time.count()));
    }
    recording.source.length = steady_clock::now() - start;
    session->stop(take);
    recording.finish();
    recording.source.lost = session->lost(), recording.source.events = session->events();
    if (command != nullptr) recording.source.command_status = command->finish();
  }
  if (const exit_code failed = saved.finish(); failed != exit_code::done) return failed;
  return print_result(recording, view, refreshed, lives);
}

// A recording

exit_code read_recording(timer_recording& recording, const timers_view& view, event_file& saved,
                         const life_printer* lives) {
  const std::string& path = *flags.from;
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto failed = [&] {
    return could_not(standard_input ? "standard input" : path, std::error_code(errno, std::generic_category()));
  };
  if (fd < 0) return failed();
  struct closes {
    int fd;
    ~closes() {
      if (fd != STDIN_FILENO) close(fd);
    }
  } const closed{fd};
  struct stat facts {};
  const double size = fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) ? static_cast<double>(facts.st_size) : 0;

  static_cast<void>(stop_wanted());
  takt::trace_text_reader reader;
  std::vector<char> piece(std::size_t{1} << 18);
  double done = 0;
  progress shown("reading");
  while (!stop_wanted() && !output_error()) {
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    reader.feed({piece.data(), static_cast<std::size_t>(got)}, [&](const takt::trace_event& e) { recording.add(e); });
    done += static_cast<double>(got);
    if (size > 0) shown.at(done / size);
  }
  reader.finish();
  recording.finish();
  const takt::trace_text_reader::counts_type& counts = reader.counts();
  recording.source.what = standard_input ? "standard input" : path;
  recording.source.text = counts, recording.source.form = reader.form();
  recording.source.events = counts.events, recording.source.lost = counts.lost;
  recording.source.length = recording.lives.last() - recording.lives.first();
  if (counts.events == 0 && !stop_wanted()) // who asks it to stop gets what there is
    return could_not(absl::StrCat(recording.source.what, ": no line of ", counts.lines,
                                  " is an event of a timer; the text of perf script, of ftrace's trace "
                                  "file or of trace-cmd report is wanted"));
  if (const exit_code error = saved.finish(); error != exit_code::done) return error;
  return print_result(recording, view, false, lives);
}

picture_origin origin_of_pictures(bool from) {
  std::string command = "takt timers";
  if (from) absl::StrAppend(&command, " --from ", *flags.from);
  else if (flags.for_time->has_value()) absl::StrAppend(&command, " --for ", AbslUnparseFlag(**flags.for_time));
  if (!operands().empty()) {
    absl::StrAppend(&command, " --");
    for (const char* const word : operands()) absl::StrAppend(&command, " ", word == nullptr ? "" : word);
  }
  return {"Whose timers wake this machine", command,
          from ? "a recording of another time or machine" : describe_this_machine(), date_of_today()};
}

exit_code run() {
  const bool from = !flags.from->empty();
  if (flags.for_time->has_value() && (*flags.for_time)->value < nanoseconds::zero())
    return wrong_usage("--for wants a time above zero, or 0s for no end but Ctrl-C");
  if (flags.interval->has_value() && (*flags.interval)->value < shortest_interval)
    return wrong_usage("--interval wants 10ms or more");
  if (flags.pid->has_value() && **flags.pid <= 0) return wrong_usage("--pid wants a number above zero");
  if (flags.top->has_value() && **flags.top < 0) return wrong_usage("--top wants 0 or more");
  if (*flags.life && !flags.pid->has_value()) return wrong_usage("--life wants a process: --pid PID");
  if (from && flags.for_time->has_value()) return wrong_usage("--for watches this machine: it does not go with --from");
  if (from && flags.interval->has_value())
    return wrong_usage("--interval watches this machine: it does not go with --from");
  if (from && !operands().empty())
    return wrong_usage("a command is watched on this machine: it does not go with --from");
  if (flags.for_time->has_value() && !operands().empty())
    return wrong_usage("--for and a command both say how long to watch: give one of them");
  std::optional<tried_change> change;
  if (!flags.what_if->empty()) {
    std::string why;
    change = parse_change(*flags.what_if, why);
    if (!change) return wrong_usage(absl::StrCat("--what-if does not take '", *flags.what_if, "': ", why));
  }

  timer_recording recording(from ? -1 : getpid());
  event_file saved;
  if (!flags.save->empty()) {
    if (const exit_code failed = saved.open(*flags.save); failed != exit_code::done) return failed;
    recording.listen(saved);
  }
  std::unique_ptr<life_printer> lives;
  if (*flags.life) {
    lives = std::make_unique<life_printer>(recording, **flags.pid);
    recording.listen(*lives);
    print_title(absl::StrCat("The life of the timers of process ", **flags.pid, ", in seconds from the first event"));
  }
  const timers_view view = view_of(change);
  timer_outputs outputs;
  if (const exit_code failed = outputs.open(*flags.svg, *flags.html, *flags.perfetto, origin_of_pictures(from));
      failed != exit_code::done)
    return failed;
  if (outputs.wanted()) recording.listen(outputs);
  const exit_code end =
      from ? read_recording(recording, view, saved, lives.get()) : watch(recording, view, saved, lives.get());
  if (end != exit_code::done || !outputs.wanted()) return end;
  timers_view all = view;
  all.top = 0, all.width = 1000; // a page has room for every row and column
  return outputs.finish(recording, timers_document(recording, all));
}

const registered entry({
    .name = "timers",
    .group = group::wake_ups,
    .place = 2,
    .summary = "whose timers wake this machine, and what could sleep together",
    .description =
        "Watches the kernel's timers for a while, or as long as a command after \"--\" runs, and shows a row for "
        "each process and each kernel function that armed timers. The owner of a timer is the process that armed "
        "it, not the one that it interrupted; \"tick_nohz_handler\" (in older kernels tick_sched_timer) is the "
        "tick. The rows are sorted by what costs energy: the expiries that woke an idle CPU. \"range\" is how late "
        "the kernel may be (expires - softexpires, a thread's timer slack); \"late\" is how long after softexpires "
        "the timer expired. On a terminal the table is refreshed until the end; elsewhere it is printed once. "
        "Figures are of the whole time so far. Wide screens and --details show more columns; --json has all.\n\n"
        "Advice follows the table: how often idle CPUs would be woken with slack for ordinary processes, or if "
        "timers fired on takt's common grid, and which five processes would save most, each with the command that "
        "does it. takt never advises a slack for a timer with a period shorter than four times the slack, and none "
        "for real-time threads, for which the kernel ignores it.\n\n"
        "Watching this machine needs root and a mounted tracefs (mount -t tracefs nodev /sys/kernel/tracing). The "
        "tool makes a tracing instance of its own and removes it at the end; events that it lost are counted and "
        "shown. --from reads the text of another machine's recording, and needs no rights: perf record -a -e "
        "'timer:*' -e irq_vectors:local_timer_entry -e sched:sched_waking -e sched:sched_switch, then perf script; "
        "or ftrace's file trace; or trace-cmd report. --save writes such a text.\n\n"
        "A command after \"--\" gets the signals as they were when takt was started; with --json its output goes to "
        "standard error. If takt is asked to stop before the command ends, it sends SIGTERM to the command.",
    .example = "takt timers --for 30s   # who keeps this laptop awake?",
    .flags = &flags,
    .run = &run,
    .operands = "COMMAND [ARG...]",
});

} // namespace
} // namespace tool
