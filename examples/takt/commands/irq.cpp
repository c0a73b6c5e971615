// takt irq - timer interrupts a second, as they come.
#include "command.hpp"
#include "stop.hpp"
#include "model/recorded_os.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <sys/ioctl.h>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/tick.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<duration> interval{this, "interval", "TIME", "The time from one line to the next", {std::chrono::seconds(1)}};
  flag<int> count{this, "count", "N", "End after N lines; with 0 end at Ctrl-C", 0};
  flag<std::string> from{this, "from", "DIR", from_help};
} flags;

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using seconds = std::chrono::duration<double>;

constexpr char interrupts_file[] = "/proc/interrupts";

/// Below this the tool would mostly count the interrupts of its own timer.
constexpr nanoseconds shortest_interval = std::chrono::milliseconds(1);

/// How long it counts for the conclusion, which comes before the first line; less where --interval is less.
constexpr nanoseconds first_impression = std::chrono::milliseconds(100);

struct sample {
  takt::timer_interrupts counts;
  steady_clock::time_point at;
};

sample take(std::error_code& ec) {
  // The kernel counts the rows while it prints them; the middle of that time is when they were true.
  const auto before = steady_clock::now();
  auto counts = takt::timer_interrupts::read(ec);
  return {std::move(counts), before + (steady_clock::now() - before) / 2};
}

/// The interrupts from one sample to another. Unlike the kernel's, these counts do not wrap.
struct span {
  std::map<unsigned, std::uint64_t> cpus;
  std::vector<std::string> sources; // the rows that were counted, and their clock event devices
  seconds length;
  seconds end; // since the first sample
  bool whole;  // from the first sample to the last

  [[nodiscard]] std::uint64_t total() const {
    return std::accumulate(cpus.begin(), cpus.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& c) { return sum + c.second; });
  }
};

/// The figures of a span: how often, where most often, and how often by the tick alone.
std::string headline(const span& s, const std::string& unknown, std::optional<takt::frequency> hz) {
  const auto rate = [&](std::uint64_t n) {
    const double r = static_cast<double>(n) / s.length.count();
    return absl::StrFormat("%.*f", r < 10 ? 1 : 0, r);
  };
  const auto busiest = std::max_element(s.cpus.begin(), s.cpus.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
  std::string text = absl::StrCat("The CPUs' timers interrupt ", rate(s.total()), " times a second");
  if (s.cpus.size() > 1 && s.total() > 0)
    absl::StrAppend(&text, ", most often CPU", busiest->first, " (", rate(busiest->second), ")");
  if (hz)
    absl::StrAppendFormat(&text, "; the tick alone would cause %.0f if it never stopped",
                          hz->hertz() * static_cast<double>(s.cpus.size()));
  absl::StrAppend(&text, ".");
  if (!unknown.empty()) absl::StrAppend(&text, " Not all are known: ", unknown, ".");
  return text;
}

/// HZ of this machine; nullopt where it is unknown.
std::optional<takt::frequency> own_hz() {
  std::error_code ec;
  const takt::frequency hz = takt::kernel_hz(ec);
  return ec ? std::nullopt : std::optional(hz);
}

json to_json(const span& s) {
  const auto rate = [&](std::uint64_t n) { return static_cast<double>(n) / s.length.count(); };
  json cpus = json::array();
  for (const auto& [cpu, n] : s.cpus) cpus.push_back({{"cpu", cpu}, {"interrupts", n}, {"per_second", rate(n)}});
  return {{"row", s.whole ? "mean" : "interval"},
          {"source", absl::StrJoin(s.sources, ", ")},
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

span between(const sample& from, const sample& to) {
  span s{{}, to.counts.sources, to.at - from.at, {}, false};
  for (const auto& c : (to.counts - from.counts).cpus) s.cpus[c.cpu] = c.count;
  return s;
}

/// The mean over the time that collect.sh counted.
exit_code show_collected() {
  if (const exit_code opened = open_collection(*flags.from); opened != exit_code::done) return opened;
  const auto& uptimes = recorded_os::now.facts.uptimes;
  const auto before = uptimes.find("interrupts"), after = uptimes.find("interrupts.later");
  if (before == uptimes.end() || after == uptimes.end())
    return could_not("the collection has no two counts of interrupts: collect.sh ran without /proc/interrupts or /proc/uptime");
  std::error_code ec;
  const auto at = [](const std::pair<double, double>& read) {
    return steady_clock::time_point(std::chrono::round<steady_clock::duration>(seconds((read.first + read.second) / 2)));
  };
  sample first{takt::timer_interrupts::read<recorded_os>(ec), at(before->second)};
  if (ec) return could_not(absl::StrCat("the collection: ", interrupts_file), ec);
  recorded_os::now.later = true;
  sample last{takt::timer_interrupts::read<recorded_os>(ec), at(after->second)};
  if (ec) return could_not(absl::StrCat("the collection: ", interrupts_file, ", later"), ec);
  // The uptime has hundredths of a second: a shorter time is no time.
  if (last.at - first.at < std::chrono::milliseconds(100)) return could_not("the collection: its two counts of interrupts are not 0.1 s apart");
  span all = between(first, last);
  all.end = all.length, all.whole = true;
  const std::string unknown = last.counts.unknown.empty() ? first.counts.unknown : last.counts.unknown;
  if (all.cpus.empty()) return could_not(absl::StrCat("the collection: timer interrupts unknown: ", unknown));
  const auto config = takt::kernel_config::read<recorded_os>(ec);
  const std::string text = headline(all, unknown, ec ? std::nullopt : config.hz);
  if (json_wanted()) {
    json line = to_json(all);
    line["headline"] = text;
    print_line(line);
    return exit_code::done;
  }
  print_title(text);
  say("");
  say(absl::StrCat("Interrupts a second, ", absl::StrJoin(all.sources, ", "), ", as collect.sh counted them in ", absl::StrFormat("%.1f s:", all.length.count())));
  printer(std::chrono::seconds(1)).print(all);
  return exit_code::done;
}

exit_code run() {
  if (!flags.from->empty()) return show_collected();
  const nanoseconds interval = flags.interval->value;
  const int count = *flags.count;
  if (interval < shortest_interval) return wrong_usage("--interval wants 1ms or more");
  if (count < 0) return wrong_usage("--count wants 0 or more");
  constexpr std::chrono::hours longest(24 * 365 * 100); // so that deadlines stay inside the clock's range
  const auto step = std::min<nanoseconds>(interval, longest);

  std::error_code ec;
  const auto failed = [&] { return could_not(interrupts_file, ec); };
  const sample first = take(ec);
  if (ec) return failed();
  if (first.counts.cpus.empty()) {
    return could_not(absl::StrCat(interrupts_file, ": timer interrupts unknown: ", first.counts.unknown));
  }
  if (!json_wanted()) {
    sleep_until(first.at + std::min(step, first_impression));
    const sample soon = take(ec);
    if (ec) return failed();
    print_title(headline(between(first, soon), soon.counts.unknown, own_hz()));
    say("");
    say(absl::StrCat("Interrupts a second, ", absl::StrJoin(first.counts.sources, ", "), " in ", interrupts_file, ", ",
                     count == 0   ? "until Ctrl-C:"
                     : count == 1 ? "once:"
                                  : absl::StrCat(count, " times:")));
  }

  printer lines(step);
  std::string unknown = first.counts.unknown;
  const auto show = [&](const span& s) {
    if (!json_wanted()) return lines.print(s);
    json line = to_json(s);
    if (s.whole || count == 1) line["headline"] = headline(s, unknown, own_hz());
    print_line(line);
  };
  sample last = first;
  span all{{}, first.counts.sources, {}, {}, true};
  int shown = 0;
  for (auto deadline = first.at + step; count == 0 || shown < count; deadline += step) {
    while (deadline <= steady_clock::now()) deadline += step; // the machine was late: back onto the beat
    const bool in_time = sleep_until(deadline);
    sample now = take(ec);
    if (ec) return failed();
    span s = between(last, now);
    s.end = now.at - first.at;
    for (const auto& [cpu, n] : s.cpus) all.cpus[cpu] += n;
    all.length = all.end = s.end;
    unknown = now.counts.unknown;
    if (in_time) {
      show(s);
      ++shown;
    }
    last = std::move(now);
    if (!in_time || output_error()) break;
  }
  if (shown != 1 || stop_wanted()) show(all);
  return exit_code::done;
}

const registered entry({
    .name = "irq",
    .group = group::over_time,
    .place = 1,
    .summary = "timer interrupts a second, per CPU, as they come",
    .description = "Counts the interrupts of the CPUs' own timers between two readings of /proc/interrupts. "
                   "Begins with how often they come now, counted over 100 ms. Then it prints the rate line by "
                   "line, and at the end the mean over the whole time. The tool itself causes one interrupt for "
                   "each line. The clock event device of each CPU decides which rows count; if no row is known "
                   "for it, that is an error. With --json each line is an object of its own. "
                   "With --from it prints the mean over the time that collect.sh counted.",
    .example = "takt irq --interval 10s --count 6   # for a minute: how often are the CPUs woken?",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
