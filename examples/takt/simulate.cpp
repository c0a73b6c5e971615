// takt simulate - how many wake-ups would it be? Rules for waking up, side by side, on machines that are calculated.
#include "command.hpp"
#include "document.hpp"
#include "planner.hpp"
#include "simulated_cells.hpp"
#include "simulated_fleet.hpp"
#include "simulation.hpp"
#include "simulation_picture.hpp"
#include "time_line_picture.hpp"
#include "windows_file.hpp"
#include <absl/flags/declare.h>
#include <absl/flags/flag.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/time/time.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <takt/kernel/os.hpp>
#include <thread>

ABSL_FLAG(std::string, machine, "", "PxK: One machine of P processes with K timers each, instead of many kinds");
ABSL_FLAG(std::string, fleet, "", "MxPxK: M machines on one wall clock, of P processes with K timers each");
ABSL_FLAG(std::string, windows, "",
          "FILE: One machine whose windows are in FILE, a line each: PROCESS EARLIEST LATEST, in nanoseconds");
ABSL_FLAG(std::string, periods, "",
          "A-B: For --machine (default 10ms-3s) and --fleet (1s-60s): the shortest and the longest period of a timer");
ABSL_FLAG(bool, uniform, false, "Draw periods evenly between these, not as many in each octave");
ABSL_FLAG(tool::duration, length, tool::duration{tool::simulated_length},
          "TIME: For --machine and --fleet: so much of their lives");
ABSL_FLAG(int, seeds, 0,
          "N: Draw so many machines of each kind; 0: 8 of --machine, else as many as make the figures good, 1 to 64");
ABSL_FLAG(tool::duration, phase, tool::duration{std::chrono::minutes(1)},
          "TIME: For --fleet: each machine has a phase below that");
ABSL_FLAG(tool::duration, clock_error, tool::duration{std::chrono::milliseconds(1)},
          "TIME: For --fleet: a machine's clock is off by up to that");
ABSL_FLAG(tool::duration, together, tool::duration{std::chrono::milliseconds(1)},
          "TIME: For --fleet: what counts as one moment");
ABSL_DECLARE_FLAG(std::string, slack_share);
ABSL_DECLARE_FLAG(std::uint64_t, seed);
ABSL_DECLARE_FLAG(std::string, svg);

namespace tool {
namespace {

using std::chrono::nanoseconds;

/// So many windows of each kind of machine make the figures good to about a hundredth.
constexpr double enough_windows = 600'000;
constexpr double most_windows = 2e7; // of one machine: what fits a small one's memory
constexpr std::size_t file_limit = std::size_t{1} << 29;

value ratio_value(double r) { return r == 0 ? not_told() : number(r, 2); }
std::string time_text(nanoseconds t) { return time_value(static_cast<double>(t.count())).text; }
value time_or_zero(nanoseconds t) { return {time_text(t), t.count()}; }
double seconds_of(nanoseconds t) { return std::chrono::duration<double>(t).count(); }

// all kinds of machines

std::string name_of(const cell& c) {
  return absl::StrFormat("%d x %d, %s, slack %s", c.machine.processes, c.machine.threads,
                         c.machine.uniform_periods ? "uniform" : "log-uniform", c.slack);
}

exit_code simulate_cells(std::uint64_t seed, std::size_t seeds, drawing& svg) {
  const std::vector<cell> cells = all_cells(seed, seeds, enough_windows);
  struct job {
    std::size_t cell, seed;
    std::optional<comparison> result = {};
  };
  std::vector<job> jobs; // first one machine of each kind, so that there is something of all
  for (std::size_t k = 0; jobs.empty() || jobs.back().seed + 1 == k; ++k)
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (k < cells[i].seeds) jobs.push_back({i, k});

  static_cast<void>(stop_wanted());
  std::atomic<std::size_t> next = 0, done = 0;
  const auto work = [&](progress* shown) {
    simulator sim;
    std::vector<request> requests;
    for (std::size_t i; (i = next++) < jobs.size() && !stop_wanted(); ++done) {
      workload w = cells[jobs[i].cell].machine;
      w.seed += jobs[i].seed;
      fill_requests(requests, draw_timers(w), static_cast<std::size_t>(w.threads), simulated_start, simulated_length);
      jobs[i].result = sim.compare(requests);
      if (shown != nullptr) shown->at(static_cast<double>(done) / static_cast<double>(jobs.size()));
    }
  };
  {
    progress shown("simulating");
    std::vector<std::thread> others;
    for (unsigned i = 1; i < std::min(8U, std::thread::hardware_concurrency()); ++i) others.emplace_back(work, nullptr);
    work(&shown);
    for (std::thread& t : others) t.join();
  }
  std::vector<summary> sums(cells.size());
  std::size_t machines = 0;
  for (const job& j : jobs)
    if (j.result) sums[j.cell].add(*j.result, seconds_of(simulated_length)), ++machines;

  section about{"simulation", "How many wake-ups would it be?", {}, {}, {}};
  const auto told = static_cast<std::size_t>(
      std::count_if(sums.begin(), sums.end(), [](const summary& s) { return s.machines != 0; }));
  constexpr char these[] =
      "1 to 128 processes of 1 to 16 timers, periods of 10 ms to 3 s, slack 10 %, 30 % or 1 to 50 %";
  about.add(
      "kinds", "kinds of machines",
      {absl::StrCat(told, ": ", these), told});
  about.add_aside("these", word(these), "");
  about.add("machines", "machines", count(machines));
  about.add("length_ns", "of each", time_or_zero(simulated_length));
  about.add("seed", "drawn from seed", {absl::StrCat(seed), seed});
  about.add("whole", "run to the end", yes_no(machines == jobs.size()));

  section s{"policies",
            "Distinct wake-ups of the machine, relative to the fewest that an all-knowing planner needs",
            {},
            table{},
            {}};
  s.table->columns = {{"policy", "policy", false},
                      {"per_second", "a second", true},
                      {"best", "best", true},
                      {"mean", "mean", true},
                      {"worst", "worst", true},
                      {"worst_kind", "worst kind of machine", false},
                      {"worst_own", "to each process's own", true}};
  std::vector<ratio_bar> bars;
  for (const policy_name& p : policies) {
    const verdict v = judge(sums, p.is);
    s.table->rows.push_back({{p.text, p.key},
                             number(v.per_second, 1),
                             ratio_value(v.best),
                             ratio_value(v.mean),
                             ratio_value(v.worst),
                             v.worst > 1 ? word(name_of(cells[v.worst_cell])) : value{"", nullptr},
                             v.worst_own == 0 ? value{"", nullptr} : number(v.worst_own, 2)});
    if (v.cells != 0) bars.push_back({p.text, v.best, v.mean, v.worst});
  }
  s.remarks.push_back("The last column: wake-ups of all processes, in the worst kind of machine, relative to what each "
                      "process needs for itself alone.");
  print({{std::move(about), std::move(s)}});
  if (bars.empty()) return exit_code::done;
  print_picture("From the best kind of machine to the worst, o the mean: so many times the planner's",
                draw_ratios_text(bars));
  return svg.write([&] { return draw_ratios_svg(bars); });
}

// one machine

/// What is drawn of a machine: some policies, the first half second.
class time_lines {
public:
  time_lines(nanoseconds start, nanoseconds length, std::size_t processes) : start_(start) {
    frame_.length = std::clamp<nanoseconds>(length, nanoseconds(1), std::chrono::milliseconds(500));
    frame_.together = nanoseconds(0);
    frame_.columns = 72;
    for (const policy p : {policy::plain, policy::kernel_8, policy::latest, policy::decimal, policy::planner}) {
      picture_panel panel{policies[static_cast<std::size_t>(p)].text, {}};
      constexpr std::size_t most_rows = 8;
      const bool each = p != policy::kernel_8 && p != policy::planner && processes <= most_rows;
      for (std::size_t i = 0; each && i < processes; ++i) panel.rows.push_back({absl::StrCat("process ", i + 1), {}});
      panel.rows.push_back({"the machine", {}});
      panels_.push_back({p, std::move(panel)});
    }
  }
  void add(policy p, std::size_t process, std::span<const nanoseconds> points) {
    for (auto& [is, panel] : panels_) {
      if (is != p) continue;
      for (const nanoseconds t : points) {
        if (t - start_ >= frame_.length) continue;
        panel.rows.back().wake_ups.push_back(t - start_);
        if (panel.rows.size() > 1) panel.rows[process].wake_ups.push_back(t - start_);
      }
    }
  }
  [[nodiscard]] std::vector<picture_panel> panels() const {
    std::vector<picture_panel> all;
    for (const auto& p : panels_) all.push_back(p.second);
    return all;
  }
  [[nodiscard]] const picture_frame& frame() const { return frame_; }

private:
  nanoseconds start_;
  picture_frame frame_;
  std::vector<std::pair<policy, picture_panel>> panels_;
};

exit_code print_machine(section about, const summary& sum, bool rates, const time_lines& lines, drawing& svg) {
  section s{"policies", "Distinct wake-ups of the machine", {}, table{}, {}};
  s.table->columns = {{"policy", "policy", false},
                      {"per_second", "a second", true},
                      {"mean", "to the planner", true},
                      {"own", "to each process's own", true}};
  for (const policy_name& p : policies) {
    const double own = sum.of(sum.to_own, p.is), rate = rates ? sum.of(sum.per_second, p.is) : 0;
    s.table->rows.push_back({{p.text, p.key},
                             rate == 0 ? not_told() : number(rate, 1),
                             ratio_value(sum.of(sum.to_planner, p.is)),
                             own == 0 ? value{"", nullptr} : number(own, 2)});
  }
  print({{std::move(about), std::move(s)}});
  const auto panels = lines.panels();
  print_picture(
      absl::StrCat("The first ", time_text(lines.frame().length), ": how often each process woke up, and the machine"),
      draw_text(panels, lines.frame()));
  return svg.write([&] { return draw_svg(panels, lines.frame()); });
}

section about_workload(const char* title, const workload& w, nanoseconds length) {
  section s{"simulation", title, {}, {}, {}};
  s.add("processes", "processes", {absl::StrCat(w.processes), w.processes});
  s.add("timers", "timers of each", {absl::StrCat(w.threads), w.threads});
  s.add("period_ns", "periods",
        {absl::StrCat(time_text(w.shortest), " to ", time_text(w.longest),
                      w.uniform_periods ? ", evenly" : ", as many in each octave"),
         json{w.shortest.count(), w.longest.count()}});
  s.add_aside("uniform_periods", yes_no(w.uniform_periods), "");
  s.add("slack_share", "may be late by",
        {absl::StrFormat("%.3g to %.3g %% of the period", 100 * w.least_slack, 100 * w.most_slack),
         json{w.least_slack, w.most_slack}});
  s.add("length_ns", "time", time_or_zero(length));
  s.add("seed", "drawn from seed", {absl::StrCat(w.seed), w.seed});
  return s;
}

exit_code simulate_machine(const workload& w, nanoseconds length, std::size_t seeds, drawing& svg) {
  time_lines lines(simulated_start, length, static_cast<std::size_t>(w.processes));
  simulator sim;
  std::vector<request> requests;
  summary sum;
  {
    progress shown("simulating");
    for (std::size_t k = 0; k < seeds && !stop_wanted(); ++k) {
      workload one = w;
      one.seed += k;
      fill_requests(requests, draw_timers(one), static_cast<std::size_t>(w.threads), simulated_start, length);
      sum.add(sim.compare(requests, every_policy,
                          [&](policy p, std::size_t process, std::span<const nanoseconds> points) {
                            if (k == 0) lines.add(p, process, points);
                          }),
              seconds_of(length));
      shown.at(static_cast<double>(k + 1) / static_cast<double>(seeds));
    }
  }
  section about = about_workload("How many wake-ups would it be on this machine?", w, length);
  about.add("machines", "machines drawn", count(sum.machines));
  about.add("whole", "run to the end", yes_no(sum.machines == seeds));
  return print_machine(std::move(about), sum, true, lines, svg);
}

exit_code simulate_file(const std::string& path, drawing& svg) {
  std::string text;
  if (const int error = takt::linux_os::read_file(path.c_str(), text, file_limit); error != 0)
    return could_not(path, std::error_code(error, std::generic_category()));
  std::vector<request> requests;
  if (const auto bad = parse_windows(text, requests))
    return could_not(absl::StrCat(path, ": line ", bad->number, " ", bad->why));
  if (requests.empty()) return could_not(absl::StrCat(path, ": no window in it"));

  nanoseconds start = requests[0].when.earliest, end = requests[0].when.latest;
  std::size_t processes = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    start = std::min(start, requests[i].when.earliest);
    end = std::max(end, requests[i].when.latest);
    processes += i == 0 || requests[i].process != requests[i - 1].process;
  }
  time_lines lines(start, end - start + nanoseconds(1), processes);
  simulator sim;
  comparison result{};
  std::size_t done = 0;
  {
    progress shown("simulating");
    for (auto p = std::rbegin(policies); p != std::rend(policies) && !stop_wanted(); ++p) { // the planner first
      const auto one = sim.compare(requests, bit_of(p->is),
                                   [&](policy which, std::size_t process, std::span<const nanoseconds> points) {
                                     lines.add(which, process, points);
                                   });
      result[static_cast<std::size_t>(p->is)] = of(one, p->is);
      shown.at(static_cast<double>(++done) / policy_count);
    }
  }
  summary sum;
  sum.add(result, std::max(seconds_of(end - start), 1e-9));
  section about{"simulation", "How many wake-ups would it be for these windows?", {}, {}, {}};
  about.add("file", "windows from", word(path));
  about.add("windows", "windows", count(requests.size()));
  about.add("processes", "processes", count(processes));
  about.add("length_ns", "time", time_or_zero(end - start));
  about.add("whole", "run to the end", yes_no(done == policy_count));
  return print_machine(std::move(about), sum, end > start, lines, svg);
}

// a fleet

exit_code simulate_fleet(const fleet& f, drawing& svg) {
  fleet_simulator sim(f);
  {
    progress shown("simulating");
    while (sim.machines() < f.machines && !stop_wanted()) {
      sim.add_machine();
      shown.at(static_cast<double>(sim.machines()) / static_cast<double>(f.machines));
    }
  }
  section about =
      about_workload("What does a service see that all of these ask each time they wake?", f.machine, f.length);
  about.facts.insert(about.facts.begin(), fact{"machines", "machines", count(sim.machines()), ""});
  about.add("phase_below_ns", "phase of a machine, if any",
            {absl::StrCat("below ", time_text(f.phase_below)), f.phase_below.count()});
  about.add("clock_error_ns", "clocks are off by up to", time_or_zero(f.clock_error));
  about.add("together_ns", "a moment is", time_or_zero(f.together));
  about.add("whole", "run to the end", yes_no(sim.machines() == f.machines));

  section s{"policies", "Wake-ups of a machine, and how often the service is asked", {}, table{}, {}};
  s.table->columns = {{"policy", "policy", false},
                      {"phase", "phase", false},
                      {"per_second", "a second", true},
                      {"mean", "to the planner", true},
                      {"asked_per_second", "asked a second", true},
                      {"peak", "busiest moment", true},
                      {"peak_to_mean", "to the mean", true}};
  std::vector<load_strip> strips;
  const double seconds = seconds_of(f.length);
  for (std::size_t i = 0; i < fleet_way_count && sim.machines() != 0; ++i) {
    const fleet_way& way = fleet_ways[i];
    const fleet_load& load = sim.loads()[i];
    const policy_name& p = policies[static_cast<std::size_t>(way.is)];
    const double mean = static_cast<double>(load.asked) / static_cast<double>(load.moments.size());
    s.table->rows.push_back(
        {{p.text, p.key},
         way.phase ? yes_no(true) : value{"", false},
         number(static_cast<double>(load.wake_ups) / seconds / static_cast<double>(sim.machines()), 2),
         sim.planned() == 0 ? not_told()
                            : number(static_cast<double>(load.wake_ups) / static_cast<double>(sim.planned()), 2),
         count(static_cast<unsigned long long>(static_cast<double>(load.asked) / seconds)),
         count(load.peak()),
         mean == 0 ? not_told() : number(load.peak() / mean, 1)});
    strips.push_back({absl::StrCat(p.text, way.phase ? ", phase" : ""), load.moments});
  }
  print({{std::move(about), std::move(s)}});
  if (strips.empty()) return exit_code::done;
  print_picture("How often it is asked in the busiest moment of each part of the time, from blank through . : - = + * "
                "# % to @, logarithmic",
                draw_loads_text(strips, f.length));
  return svg.write([&] { return draw_loads_svg(strips, f.length); });
}

// the command line

bool parse_counts(absl::string_view text, std::vector<int>& counts, std::size_t least, std::size_t most) {
  for (const absl::string_view part : absl::StrSplit(text, 'x')) {
    int n = 0;
    if (!absl::SimpleAtoi(part, &n) || n < 1) return false;
    counts.push_back(n);
  }
  return counts.size() >= least && counts.size() <= most;
}

bool parse_periods(absl::string_view text, workload& w) {
  const std::vector<std::string> parts = absl::StrSplit(text, '-');
  duration shortest, longest;
  std::string error;
  if (parts.empty() || parts.size() > 2 || !AbslParseFlag(parts.front(), &shortest, &error) ||
      !AbslParseFlag(parts.back(), &longest, &error))
    return false;
  w.shortest = shortest.value, w.longest = longest.value;
  return w.shortest >= std::chrono::microseconds(10) && w.shortest <= w.longest && w.longest <= std::chrono::hours(1);
}

exit_code run() {
  const std::string machine = absl::GetFlag(FLAGS_machine), windows = absl::GetFlag(FLAGS_windows),
                    many = absl::GetFlag(FLAGS_fleet);
  if (!machine.empty() + !windows.empty() + !many.empty() > 1)
    return wrong_usage("--machine, --windows and --fleet are three different questions");
  const int seeds = absl::GetFlag(FLAGS_seeds);
  if (seeds < 0 || seeds > 10'000) return wrong_usage("--seeds wants 0 to 10000");
  const nanoseconds length = absl::GetFlag(FLAGS_length).value;
  if (length < std::chrono::milliseconds(1) || length > std::chrono::hours(24))
    return wrong_usage("--length wants 1ms to 24h");

  workload w;
  w.seed = absl::GetFlag(FLAGS_seed);
  w.uniform_periods = absl::GetFlag(FLAGS_uniform);
  if (!parse_shares(absl::GetFlag(FLAGS_slack_share), w.least_slack, w.most_slack))
    return wrong_usage("--slack-share wants percents from 0 to 100, as 30 or 10-50");
  std::string periods = absl::GetFlag(FLAGS_periods);
  if (periods.empty()) periods = many.empty() ? "10ms-3s" : "1s-60s";
  if (!parse_periods(periods, w)) return wrong_usage("--periods wants two times from 10us to 1h, as 10ms-3s");

  fleet f;
  std::vector<int> counts;
  if (!machine.empty()) {
    if (!parse_counts(machine, counts, 2, 2) || counts[0] > 100'000 || counts[1] > 100'000)
      return wrong_usage("--machine wants processes and timers of each, as 8x4");
    w.processes = counts[0], w.threads = counts[1];
  } else if (!many.empty()) {
    if (!parse_counts(many, counts, 1, 3) || counts[0] > 100'000)
      return wrong_usage(
          "--fleet wants machines, up to 100000, processes and timers of each, as 1000, 1000x10 or 1000x10x4");
    counts.resize(3, 1);
    f.machines = static_cast<std::size_t>(counts[0]);
    w.processes = counts[1], w.threads = counts[2];
    if (counts[1] > 100'000 || double{1} * counts[0] * counts[1] > 100'000)
      return wrong_usage("--fleet takes 100000 processes in all");
    if (counts[2] > 1000) return wrong_usage("--fleet takes 1000 timers of a process");
    f.length = length;
    f.phase_below = absl::GetFlag(FLAGS_phase).value;
    f.clock_error = absl::GetFlag(FLAGS_clock_error).value;
    f.together = absl::GetFlag(FLAGS_together).value;
    if (f.phase_below <= nanoseconds(0) || f.phase_below > std::chrono::hours(24))
      return wrong_usage("--phase wants more than 0, at most 24h");
    if (f.clock_error < nanoseconds(0) || f.clock_error > length)
      return wrong_usage("--clock-error wants 0 to --length");
    if (f.together < std::chrono::microseconds(1) || f.together > length || length / f.together > 100'000'000)
      return wrong_usage("--together wants a time from 1us to --length, and not too small a part of that");
    f.machine = w;
  }
  if (expected_windows(w, length) > most_windows || double{1} * w.processes * w.threads > most_windows)
    return wrong_usage("that is too much for one machine: fewer timers, longer periods or less --length");

  drawing svg;
  if (const exit_code opened = svg.open(absl::GetFlag(FLAGS_svg)); opened != exit_code::done) return opened;
  if (!windows.empty()) return simulate_file(windows, svg);
  if (!many.empty()) return simulate_fleet(f, svg);
  const auto n = static_cast<std::size_t>(seeds);
  if (!machine.empty()) return simulate_machine(w, length, n == 0 ? 8 : n, svg);
  return simulate_cells(w.seed, n, svg);
}

} // namespace

extern const command simulate_command{
    "simulate",
    "rules for waking up, side by side on calculated machines, beside an all-knowing planner",
    "Timers may be late by some slack; processes know nothing of each other. How often does the machine wake if all "
    "follow a rule?\n"
    "Nothing sleeps: it is calculated, and the same seed gives the same figures. Without a flag it goes "
    "through many kinds\n"
    "of machines; --machine looks at one, --windows at yours. --fleet asks what a service sees that many machines call "
    "each time\n"
    "one of their processes wakes, all of them on the grid of the wall clock, with and without a phase for each.\n\n"
    "On one CPU the kernel's own slack is the planner's equal for ordinary threads; it does not see across CPUs.",
    "takt simulate --machine 8x4 --svg machine.svg   # one machine, and a picture to look at",
    {"machine", "windows", "fleet", "periods", "uniform", "slack_share", "length", "seed", "seeds", "phase",
     "clock_error", "together", "svg"},
    &run};

} // namespace tool
