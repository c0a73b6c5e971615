// takt irq - timer interrupts a second, as they come.
#include "command.hpp"
#include "document.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <map>
#include <numeric>
#include <sys/ioctl.h>
#include <takt/kernel/interrupts.hpp>
#include <unistd.h>

ABSL_FLAG(tool::duration, interval, tool::duration{std::chrono::seconds(1)}, "TIME: From one line to the next");
ABSL_FLAG(int, count, 0, "N: End after N lines; 0: at Ctrl-C");

namespace tool {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

/// Below this the tool would mostly count the interrupts of its own timer.
constexpr nanoseconds shortest_interval = std::chrono::milliseconds(1);

struct sample {
  takt::timer_interrupts counts;
  steady_clock::time_point at;
};

sample take(std::error_code& ec) {
  // The kernel counts the rows while it prints them; the middle of that time is when they were true.
  const auto before = steady_clock::now();
  auto counts = takt::read_timer_interrupts(ec);
  return {std::move(counts), before + (steady_clock::now() - before) / 2};
}

/// What happened from one sample to another. Unlike the kernel's, these counts do not wrap.
struct span {
  std::map<unsigned, std::uint64_t> cpus;
  seconds length;
  seconds end; // since the first sample
  bool whole;  // from the first sample to the last

  [[nodiscard]] std::uint64_t total() const {
    return std::accumulate(cpus.begin(), cpus.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& c) { return sum + c.second; });
  }
};

json to_json(const span& s) {
  const auto rate = [&](std::uint64_t n) { return static_cast<double>(n) / s.length.count(); };
  json cpus = json::array();
  for (const auto& [cpu, n] : s.cpus) cpus.push_back({{"cpu", cpu}, {"interrupts", n}, {"per_second", rate(n)}});
  return {{"row", s.whole ? "mean" : "interval"},
          {"source", std::string(takt::timer_interrupt_row)},
          {"seconds", s.end.count()},
          {"length_s", s.length.count()},
          {"interrupts", s.total()},
          {"per_second", rate(s.total())},
          {"cpus", std::move(cpus)}};
}

/// 0: no end, the heading stands once.
int screen_rows() {
  winsize size{};
  return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

/// Prints spans as lines of a table under a heading that is repeated when it leaves the screen or the CPUs change.
/// Where there are more CPUs than fit beside each other, a span takes several lines.
class printer {
public:
  explicit printer(nanoseconds interval)
      : decimals_(interval <= std::chrono::seconds(1)    ? 0
                  : interval <= std::chrono::seconds(10) ? 1
                                                         : 2),
        time_decimals_(interval % std::chrono::seconds(1) == nanoseconds::zero()          ? 0
                       : interval % std::chrono::milliseconds(100) == nanoseconds::zero() ? 1
                                                                                          : 3) {}

  void print(const span& s) {
    const unsigned columns = line_width(STDOUT_FILENO);
    const int rows = screen_rows();
    const std::size_t beside = (columns - label_width - total_width) / cell_width;
    const bool narrow = s.cpus.size() > beside;
    if (const auto shown = numbers(s); shown != shown_ || (rows > 0 && lines_ + 2 >= rows && !s.whole)) {
      if (!shown_.empty()) std::putchar('\n');
      heading(s, narrow);
      shown_ = shown;
      lines_ = 1;
    }
    absl::PrintF("%*s%*s", label_width, s.whole ? "mean" : absl::StrFormat("%.*f s", time_decimals_, s.end.count()),
                 total_width, rate(s, s.total()));
    const std::size_t in_line = narrow ? (columns - label_width) / cell_width : s.cpus.size();
    std::size_t i = 0;
    for (const auto& [cpu, n] : s.cpus) {
      if (narrow && i++ % in_line == 0) {
        absl::PrintF("\n%*s", label_width, absl::StrCat("CPU", cpu, ".."));
        ++lines_;
      }
      absl::PrintF("%*s", cell_width, rate(s, n));
    }
    std::putchar('\n');
    ++lines_;
    static_cast<void>(flush_output());
  }

private:
  static constexpr int label_width = 12, total_width = 10, cell_width = 10;

  [[nodiscard]] std::string rate(const span& s, std::uint64_t n) const {
    return absl::StrFormat("%.*f", decimals_, static_cast<double>(n) / s.length.count());
  }
  [[nodiscard]] static std::vector<unsigned> numbers(const span& s) {
    std::vector<unsigned> cpus;
    for (const auto& [cpu, n] : s.cpus) cpus.push_back(cpu);
    return cpus;
  }
  static void heading(const span& s, bool narrow) {
    absl::PrintF("%*s%*s", label_width, "", total_width, "all CPUs");
    for (const auto& [cpu, n] : s.cpus) {
      if (!narrow) absl::PrintF("%*s", cell_width, absl::StrCat("CPU", cpu));
    }
    std::putchar('\n');
  }

  int decimals_;
  int time_decimals_;
  std::vector<unsigned> shown_;
  int lines_ = 0;
};

exit_code run() {
  const nanoseconds interval = absl::GetFlag(FLAGS_interval).value;
  const int count = absl::GetFlag(FLAGS_count);
  if (interval < shortest_interval) return wrong_usage("--interval wants 1ms or more");
  if (count < 0) return wrong_usage("--count wants 0 or more");
  constexpr std::chrono::hours longest(24 * 365 * 100); // so that deadlines stay inside the clock's range
  const auto step = std::min<nanoseconds>(interval, longest);

  std::error_code ec;
  const auto failed = [&] { return could_not(takt::interrupts_path, ec); };
  const sample first = take(ec);
  if (ec) return failed();
  if (first.counts.cpus.empty()) {
    return could_not(
        absl::StrCat(takt::interrupts_path, " has no row ", as_absl(takt::timer_interrupt_row), " on this machine"));
  }
  if (!json_wanted()) {
    print_hanging(stdout,
                  absl::StrCat("Timer interrupts a second (", as_absl(takt::timer_interrupt_row), " in ",
                               takt::interrupts_path, "), ",
                               count == 0   ? "until Ctrl-C"
                               : count == 1 ? "once"
                                            : absl::StrCat(count, " times")),
                  0, line_width(STDOUT_FILENO));
    static_cast<void>(flush_output());
  }

  printer lines(step);
  const auto tell = [&](const span& s) {
    if (json_wanted()) print_line(to_json(s));
    else lines.print(s);
  };
  sample last = first;
  span all{{}, {}, {}, true};
  int told = 0;
  for (auto deadline = first.at + step; count == 0 || told < count; deadline += step) {
    while (deadline <= steady_clock::now()) deadline += step; // the machine was late: back onto the beat
    const bool in_time = sleep_until(deadline);
    sample now = take(ec);
    if (ec) return failed();
    span s{{}, now.at - last.at, now.at - first.at, false};
    for (const auto& c : takt::since(last.counts, now.counts).cpus) {
      s.cpus[c.cpu] = c.count;
      all.cpus[c.cpu] += c.count;
    }
    all.length = all.end = s.end;
    if (in_time) {
      tell(s);
      ++told;
    }
    last = std::move(now);
    if (!in_time || output_error()) break;
  }
  if (told != 1 || stop_wanted()) tell(all);
  return exit_code::done;
}

} // namespace

extern const command irq_command{
    "irq",
    "timer interrupts a second, per CPU, as they come",
    "Counts the interrupts of the CPUs' own timers between two looks at /proc/interrupts and prints them as a rate, "
    "line by line,\n"
    "and at the end the mean over the whole time. The tool itself causes one for each line. A hypervisor may have "
    "timers of its\n"
    "own that are counted elsewhere (Hyper-V: HVS). With --json each line is an object of its own.",
    "takt irq --interval 10s --count 6   # a minute's look at how often the CPUs are woken",
    {"interval", "count"},
    &run};

} // namespace tool
