// takt simulate - calculates how many wake-ups a machine needs under each of many rules.
#include "command.hpp"
#include "stop.hpp"
#include "model/simulation/best_rule.hpp"
#include "model/simulation/cells.hpp"
#include "model/simulation/fleet.hpp"
#include "model/simulation/machine.hpp"
#include "model/simulation/planner.hpp"
#include "model/simulation/windows_file.hpp"
#include "output/document.hpp"
#include "output/simulation_picture.hpp"
#include "output/output_file.hpp"
#include "output/terminal.hpp"
#include "output/time_line_picture.hpp"
#include "output/workload_facts.hpp"
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

namespace tool {
namespace {

struct : flag_set {
  flag<std::string> machine{this, "machine", "PxK",
                            "One machine of P processes with K timers each, instead of many kinds"};
  flag<std::string> windows{
      this, "windows", "FILE",
      "One machine whose windows are in FILE, a line each: PROCESS EARLIEST LATEST, in nanoseconds"};
  flag<std::string> fleet{this, "fleet", "MxPxK", "M machines on one wall clock, of P processes with K timers each"};
  flag<std::string> periods{
      this, "periods", "A-B",
      "For --machine (default 10ms-3s) and --fleet (1s-60s): the shortest and the longest period of a timer"};
  flag<bool> uniform{this, "uniform", "Draw periods evenly between these bounds, instead of as many in each octave"};
  flag<std::string> slack_share{this, "slack-share", "PERCENT",
                                "How late a timer may be, in percent of its period; each draws its own from A-B",
                                "10-50"};
  flag<duration> length{
      this, "length", "TIME", "For --machine and --fleet: the time that is simulated", {simulated_length}};
  flag<std::uint64_t> seed{this, "seed", "N", "The seed of the random periods, slack and first wake-ups", 1};
  flag<int> seeds{this, "seeds", "N",
                  "The number of machines of each kind; 0: 8 with --machine, else 1 to 64, enough for good figures", 0};
  flag<duration> phase{
      this, "phase", "TIME", "For --fleet: the end of the range of the machines' phases", {std::chrono::minutes(1)}};
  flag<duration> clock_error{this,
                             "clock-error",
                             "TIME",
                             "For --fleet: the largest error of a machine's clock",
                             {std::chrono::milliseconds(1)}};
  flag<duration> together{this,
                          "together",
                          "TIME",
                          "For --fleet: the length of a moment, in which requests are counted",
                          {std::chrono::milliseconds(1)}};
  flag<std::string> svg{this, "svg", "FILE", "Draw it into FILE, as a picture for browsers"};
  details_flag details{this};
} flags;

using std::chrono::nanoseconds;

/// This many windows of each kind of machine make the figures good to about a hundredth.
constexpr double enough_windows = 600'000;
/// Windows of one machine; more would not fit into the memory of a small computer.
constexpr double max_windows = 2e7;
constexpr std::size_t file_limit = std::size_t{1} << 29;

/// Without --details, a column is for programs only.
void show_with_details(table& t, absl::string_view key) {
  if (*flags.details) return;
  for (column& c : t.columns)
    if (c.key == key) c.heading.clear();
}

/// Returns: the number of CPUs that a policy depends on, for programs.
value cpus_value(wake_policy p) { return {"", cpus_of(p) == 0 ? json() : json(cpus_of(p))}; }

/// People see the policies that depend on the number of CPUs in a table of their own.
void leave_slack_out(section& s) {
  s.brief_table = *s.table;
  std::erase_if(s.brief_table->rows, [](const std::vector<value>& row) { return row.back().data.is_number(); });
}

/// Returns: how timer slack compares by the number of CPUs, given the multiple of the fewest wake-ups of each policy.
std::string slack_by_cpus(const std::function<double(wake_policy)>& multiple_of) {
  return absl::StrFormat(
      "Timer slack needs %.2f x on 1 CPU, %.2f x on 2, %.2f x on 8: where it needs more, use the grid.",
      multiple_of(wake_policy::kernel_1), multiple_of(wake_policy::kernel_2), multiple_of(wake_policy::kernel_8));
}

value ratio_value(double r) { return r == 0 ? unknown() : number(r, 2); }
double seconds_of(nanoseconds t) { return std::chrono::duration<double>(t).count(); }

// all kinds of machines

std::string name_of(const cell& c) {
  return absl::StrFormat("%d x %d, %s, slack %s", c.machine.processes, c.machine.threads,
                         c.machine.uniform_periods ? "uniform" : "log-uniform", c.slack);
}

/// The best rule there can be without talking, for a kind of machine whose processes have one timer each.
std::optional<best_rule> best_rule_of(const workload& w) {
  if (w.threads != 1 || w.min_slack <= 0) return std::nullopt;
  return best_rule(w);
}

/// Machines of single timers, for which the best rule can be calculated. `best_rates` are the sums of its wake-ups per
/// second over the machines of each kind, zero for other kinds.
section single_timers(std::span<const summary> sums, std::span<const double> best_rates) {
  section s{"single_timers",
            "Machines whose processes have one timer each: wake-ups as multiples of the fewest possible",
            {},
            table{},
            {}};
  s.table->columns = {{"policy", "policy", false}, {"mean", "mean", true}, {"worst", "worst", true}};
  const auto row = [&](value name, const auto& rate_of) {
    double sum = 0, worst = 0;
    int kinds = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const double planned = sums[i].per_second[static_cast<std::size_t>(wake_policy::planner)];
      if (best_rates[i] == 0 || planned == 0) continue;
      const double ratio = rate_of(i) / planned;
      ++kinds, sum += ratio, worst = std::max(worst, ratio);
    }
    if (kinds != 0) s.table->rows.push_back({std::move(name), number(sum / kinds, 3), number(worst, 3)});
  };
  row({"best possible without talking", "best_common"}, [&](std::size_t i) { return best_rates[i]; });
  for (const wake_policy p : {wake_policy::decimal, wake_policy::binary, wake_policy::latest}) {
    const auto index = static_cast<std::size_t>(p);
    row({policies[index].text, policies[index].key}, [&](std::size_t i) { return sums[i].per_second[index]; });
  }
  return s;
}

exit_code simulate_cells(std::uint64_t seed, std::size_t seeds, output_file& svg) {
  const std::vector<cell> cells = all_cells(seed, seeds, enough_windows);
  struct job {
    std::size_t cell, seed;
    std::optional<comparison> result = {};
    double best_rate = 0; // of the best rule, where it is known
  };
  std::vector<job> jobs; // one machine of each kind comes first, so that an early stop leaves results for all kinds
  for (std::size_t k = 0; jobs.empty() || jobs.back().seed + 1 == k; ++k)
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (k < cells[i].seeds) jobs.push_back({i, k});

  static_cast<void>(stop_wanted());
  std::vector<std::optional<best_rule>> best_rules(cells.size());
  for (std::size_t i = 0; i < cells.size(); ++i) // a single process needs no rule
    if (cells[i].machine.processes > 1) best_rules[i] = best_rule_of(cells[i].machine);
  std::atomic<std::size_t> next = 0, done = 0;
  const auto work = [&](progress* shown) {
    simulator sim;
    std::vector<request> requests;
    for (std::size_t i; (i = next++) < jobs.size() && !stop_wanted(); ++done) {
      workload w = cells[jobs[i].cell].machine;
      w.seed += jobs[i].seed;
      fill_requests(requests, draw_timers(w), static_cast<std::size_t>(w.threads), simulated_start, simulated_length);
      jobs[i].result = sim.compare(requests);
      if (const auto& rule = best_rules[jobs[i].cell]) jobs[i].best_rate = rule->rate(draw_timers(w));
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
  std::vector<double> best_rates(cells.size());
  std::size_t machines = 0;
  for (const job& j : jobs) {
    if (!j.result) continue;
    sums[j.cell].add(*j.result, seconds_of(simulated_length)), best_rates[j.cell] += j.best_rate, ++machines;
  }

  section about{"simulation", "The simulation", {}, {}, {}};
  about.detailed = true;
  const auto known = static_cast<std::size_t>(
      std::count_if(sums.begin(), sums.end(), [](const summary& sum) { return sum.machines != 0; }));
  constexpr char these[] =
      "1 to 128 processes of 1 to 16 timers, periods of 10 ms to 3 s, slack 10 %, 30 % or 1 to 50 %";
  about.add("kinds", "kinds of machines", {absl::StrCat(known, ": ", these), known});
  about.add_aside("these", word(these), "");
  about.add("machines", "machines", count(machines));
  about.add("length_ns", "time of each", time_value(simulated_length));
  about.add("seed", "seed", {absl::StrCat(seed), seed});
  about.add("whole", "run to the end", yes_no(machines == jobs.size()));

  section s{
      "policies",
      "Wake-ups of the machine per second, and as multiples of the fewest possible in the best and in the worst kind "
      "of machine",
      {},
      table{},
      {}};
  s.table->columns = {{"policy", "policy", false},
                      {"per_second", "per second", true},
                      {"best", "best", true},
                      {"mean", "mean", true},
                      {"worst", "worst", true},
                      {"worst_kind", "worst kind of machine", false},
                      {"worst_own", "to each process's own", true},
                      {"cpus", "", true}};
  for (const absl::string_view key : {"best", "worst_kind", "worst_own"}) show_with_details(*s.table, key);
  std::vector<ratio_bar> bars;
  for (const policy_name& p : policies) {
    const verdict v = judge(sums, p.is);
    s.table->rows.push_back({{p.text, p.key},
                             number(v.per_second, 1),
                             ratio_value(v.best),
                             ratio_value(v.mean),
                             ratio_value(v.worst),
                             v.worst > 1 ? word(name_of(cells[v.worst_cell])) : value{"", nullptr},
                             v.worst_own == 0 ? value{"", nullptr} : number(v.worst_own, 2),
                             cpus_value(p.is)});
    // The picture keeps to three numbers of CPUs.
    const std::size_t cpus = cpus_of(p.is);
    if (v.cells != 0 && cpus != 4 && cpus != 16) bars.push_back({p.text, v.best, v.mean, v.worst, p.is == wake_policy::decimal});
  }
  if (*flags.details)
    s.remarks.push_back(
        "The last column: wake-ups of all processes in the worst kind of machine, as a multiple of what "
        "each process needs alone.");
  if (!*flags.details) leave_slack_out(s);
  section by_cpus = slack_section("The kernel's slack up to the end of the window, and up to takt's point, by the "
                                  "number of CPUs: wake-ups as multiples of the fewest possible",
                                  {{"mean", "mean"}, {"worst", "worst"}}, [&](wake_policy p) {
                                    const verdict v = judge(sums, p);
                                    return std::vector<value>{ratio_value(v.mean), ratio_value(v.worst)};
                                  });
  document d{{std::move(s), std::move(by_cpus), single_timers(sums, best_rates), std::move(about)}};
  d.with_details = *flags.details;
  if (bars.empty()) {
    d.headline = "Stopped before the first machine: nothing to compare.";
  } else {
    const auto mean = [&sums](wake_policy p) { return judge(sums, p).mean; };
    d.headline = absl::StrFormat("With takt's grid a machine wakes %.2f x as often as necessary, at worst "
                                 "%.2f x; with each process by itself %.2f x, with plain timers %.2f x. %s",
                                 mean(wake_policy::decimal), judge(sums, wake_policy::decimal).worst,
                                 mean(wake_policy::latest), mean(wake_policy::plain), slack_by_cpus(mean));
  }
  print(d);
  if (bars.empty()) return exit_code::done;
  if (d.with_details)
    print_picture("From the best kind of machine to the worst, o the mean, as multiples of the fewest possible",
                  draw_ratios_text(bars));
  return svg.write([&] {
    return draw_ratios_svg(
        bars, {"Wake-ups of a machine by rule, simulated",
               absl::StrCat("takt simulate --seed ", seed, seeds == 0 ? "" : absl::StrCat(" --seeds ", seeds)),
               absl::StrCat("simulated: ", machines, " machines of ", known, " kinds, ", these), date_of_today()});
  });
}

// one machine

/// The wake-ups of a machine under some policies, at the beginning of the simulated time.
class time_lines {
public:
  time_lines(nanoseconds start, nanoseconds length, std::size_t processes) : start_(start) {
    frame_.length = std::clamp<nanoseconds>(length, nanoseconds(1), std::chrono::milliseconds(500));
    frame_.together = nanoseconds(0);
    frame_.columns = 72;
    for (const wake_policy p :
         {wake_policy::plain, wake_policy::kernel_8, wake_policy::latest, wake_policy::decimal, wake_policy::planner}) {
      picture_panel panel{policies[static_cast<std::size_t>(p)].text, {}};
      constexpr std::size_t max_rows = 8;
      const bool each = p != wake_policy::kernel_8 && p != wake_policy::planner && processes <= max_rows;
      for (std::size_t i = 0; each && i < processes; ++i) panel.rows.push_back({absl::StrCat("process ", i + 1), {}});
      panel.rows.push_back({"the machine", {}});
      panels_.push_back({p, std::move(panel)});
    }
  }
  void add(wake_policy p, std::size_t process, std::span<const nanoseconds> points) {
    for (auto& [is, panel] : panels_) {
      if (is != p) continue;
      for (const nanoseconds t : points) {
        if (t - start_ >= frame_.length) continue;
        panel.rows.back().wake_ups.push_back(t - start_);
        if (panel.rows.size() > 1) panel.rows[process].wake_ups.push_back(t - start_);
      }
    }
  }
  [[nodiscard]] const std::vector<std::pair<wake_policy, picture_panel>>& panels() const { return panels_; }
  [[nodiscard]] const picture_frame& frame() const { return frame_; }

private:
  nanoseconds start_;
  picture_frame frame_;
  std::vector<std::pair<wake_policy, picture_panel>> panels_;
};

/// Prints a machine, and draws it. `best_rate` is the sum of the best rule's wake-ups per second over the machines, or
/// zero. `origin` says what was simulated.
exit_code print_machine(section about, const summary& sum, double best_rate, bool rates, const time_lines& lines,
                        output_file& svg, const picture_origin& origin) {
  section s{"policies", "Wake-ups of the machine per second, and as multiples of the fewest possible", {}, table{}, {}};
  s.table->columns = {{"policy", "policy", false},
                      {"per_second", "per second", true},
                      {"mean", "x the fewest", true},
                      {"own", "to each process's own", true},
                      {"cpus", "", true}};
  show_with_details(*s.table, "own");
  const auto multiple = [&sum](wake_policy p) { return sum.of(sum.to_planner, p); };
  const auto rate = [&](wake_policy p) { return rates ? sum.of(sum.per_second, p) : 0; };
  for (const policy_name& p : policies) {
    const double own = sum.of(sum.to_own, p.is);
    s.table->rows.push_back({{p.text, p.key},
                             rate(p.is) == 0 ? unknown() : number(rate(p.is), 1),
                             ratio_value(multiple(p.is)),
                             own == 0 ? value{"", nullptr} : number(own, 2),
                             cpus_value(p.is)});
  }
  if (best_rate != 0 && rate(wake_policy::planner) != 0) {
    const double best = best_rate / static_cast<double>(sum.machines);
    s.table->rows.insert(s.table->rows.end() - 1, {{"best possible without talking", "best_common"},
                                                   number(best, 1),
                                                   ratio_value(best / rate(wake_policy::planner)),
                                                   value{"", nullptr},
                                                   value{"", nullptr}});
  }
  about.detailed = true;
  if (!*flags.details) leave_slack_out(s);
  section by_cpus = slack_section("The kernel's slack up to the end of the window, and up to takt's point, by the "
                                  "number of CPUs",
                                  {{"per_second", "per second"}, {"mean", "x the fewest"}},
                                  [&](wake_policy p) {
                                    return std::vector<value>{rate(p) == 0 ? unknown() : number(rate(p), 1),
                                                              ratio_value(multiple(p))};
                                  });
  document d{{std::move(s), std::move(by_cpus), std::move(about)}};
  d.with_details = *flags.details;
  d.headline = sum.machines == 0 || multiple(wake_policy::plain) == 0 // plain is simulated last
                   ? "Stopped before the first result: nothing to compare."
                   : absl::StrFormat("With takt's grid this machine wakes %.2f x as often as necessary; with each "
                                     "process by itself %.2f x, with plain timers %.2f x. %s",
                                     multiple(wake_policy::decimal), multiple(wake_policy::latest),
                                     multiple(wake_policy::plain), slack_by_cpus(multiple));
  print(d);
  auto panels = lines.panels();
  for (auto& [is, panel] : panels) {
    panel.per_second = rate(is), panel.to_planner = multiple(is), panel.is_planner = is == wake_policy::planner;
  }
  std::vector<picture_panel> drawn;
  for (auto& p : panels) drawn.push_back(std::move(p.second));
  const picture_frame& frame = lines.frame();
  if (d.with_details)
    print_picture(
        absl::StrCat("Wake-ups in the first ", time_value(frame.length).text, " of each process and of the machine"),
        draw_text(drawn, frame));
  return svg.write([&] { return draw_svg(drawn, frame, origin); });
}

section about_workload(const workload& w, nanoseconds length) {
  section s{"simulation", "The simulation", {}, {}, {}};
  s.detailed = true;
  s.add("processes", "processes", {absl::StrCat(w.processes), w.processes});
  s.add("timers", "timers of each", {absl::StrCat(w.threads), w.threads});
  add_workload(s, w);
  s.add("length_ns", "time", time_value(length));
  return s;
}

/// Returns: the flags that reproduce the workload, apart from --machine and --fleet.
std::string timing_flags(const workload& w, nanoseconds length) {
  const auto text = [](nanoseconds t) { return AbslUnparseFlag(duration{t}); };
  return absl::StrCat(" --periods ", text(w.shortest), "-", text(w.longest), w.uniform_periods ? " --uniform" : "",
                      workload_flags(w), " --length ", text(length));
}

exit_code simulate_machine(const workload& w, nanoseconds length, std::size_t seeds, output_file& svg) {
  time_lines lines(simulated_start, length, static_cast<std::size_t>(w.processes));
  simulator sim;
  std::vector<request> requests;
  summary sum;
  double best_rate = 0;
  const std::optional<best_rule> best = best_rule_of(w);
  {
    progress shown("simulating");
    for (std::size_t k = 0; k < seeds && !stop_wanted(); ++k) {
      workload one = w;
      one.seed += k;
      fill_requests(requests, draw_timers(one), static_cast<std::size_t>(w.threads), simulated_start, length);
      sum.add(sim.compare(requests, every_policy,
                          [&](wake_policy p, std::size_t process, std::span<const nanoseconds> points) {
                            if (k == 0) lines.add(p, process, points);
                          }),
              seconds_of(length));
      if (best) best_rate += best->rate(draw_timers(one));
      shown.at(static_cast<double>(k + 1) / static_cast<double>(seeds));
    }
  }
  section about = about_workload(w, length);
  about.add("machines", "machines drawn", count(sum.machines));
  about.add("whole", "run to the end", yes_no(sum.machines == seeds));
  return print_machine(std::move(about), sum, best_rate, true, lines, svg,
                       {"Wake-ups of one machine, simulated",
                        absl::StrCat("takt simulate --machine ", w.processes, "x", w.threads, timing_flags(w, length),
                                     " --seeds ", seeds),
                        absl::StrCat("simulated; processes: ", w.processes, ", timers of each: ", w.threads,
                                     sum.machines == 1 ? std::string("; one machine drawn")
                                                       : absl::StrCat("; strokes: the first of ", sum.machines,
                                                                      " machines drawn; bars: their mean")),
                        date_of_today()});
}

exit_code simulate_file(const std::string& path, output_file& svg) {
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
    for (auto p = std::rbegin(policies); p != std::rend(policies) && !stop_wanted();
         ++p) { // the planner, to which all others are compared, comes first
      const auto one = sim.compare(requests, bit_of(p->is),
                                   [&](wake_policy which, std::size_t process, std::span<const nanoseconds> points) {
                                     lines.add(which, process, points);
                                   });
      result[static_cast<std::size_t>(p->is)] = of(one, p->is);
      shown.at(static_cast<double>(++done) / policy_count);
    }
  }
  summary sum;
  sum.add(result, std::max(seconds_of(end - start), 1e-9));
  section about{"simulation", "The simulation", {}, {}, {}};
  about.add("file", "windows from", word(path));
  about.add("windows", "windows", count(requests.size()));
  about.add("processes", "processes", count(processes));
  about.add("length_ns", "time", time_value(end - start));
  about.add("whole", "run to the end", yes_no(done == policy_count));
  return print_machine(std::move(about), sum, 0, end > start, lines, svg,
                       {"Wake-ups for given windows, simulated",
                        absl::StrCat("takt simulate --windows ", path.substr(path.rfind('/') + 1)),
                        absl::StrCat("simulated; windows: ", requests.size(), ", processes: ", processes),
                        date_of_today()});
}

// a fleet

exit_code simulate_fleet(const fleet& f, output_file& svg) {
  fleet_simulator sim(f);
  {
    progress shown("simulating");
    while (sim.machines() < f.machines && !stop_wanted()) {
      sim.add_machine();
      shown.at(static_cast<double>(sim.machines()) / static_cast<double>(f.machines));
    }
  }
  section about = about_workload(f.machine, f.length);
  about.facts.insert(about.facts.begin(), fact{"machines", "machines", count(sim.machines()), ""});
  about.add("phase_below_ns", "phase of a machine",
            {absl::StrCat("below ", time_value(f.phase_below).text), f.phase_below.count()});
  about.add("clock_error_ns", "largest clock error", time_value(f.clock_error));
  about.add("together_ns", "length of a moment", time_value(f.together));
  about.add("whole", "run to the end", yes_no(sim.machines() == f.machines));

  section s{"policies",
            "Wake-ups of a machine, and requests to a service that each wake-up of a process calls",
            {},
            table{},
            {}};
  s.table->columns = {{"policy", "policy", false},
                      {"phase", "phase", false},
                      {"per_second", "wake-ups\nper second", true},
                      {"mean", "x the\nfewest", true},
                      {"asked_per_second", "requests\nper second", true},
                      {"peak", "busiest\nmoment", true},
                      {"peak_to_mean", "x the\nmean", true}};
  show_with_details(*s.table, "peak_to_mean");
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
         sim.planned() == 0 ? unknown()
                            : number(static_cast<double>(load.wake_ups) / static_cast<double>(sim.planned()), 2),
         count(static_cast<unsigned long long>(static_cast<double>(load.asked) / seconds)),
         count(load.peak()),
         mean == 0 ? unknown() : number(load.peak() / mean, 1)});
    strips.push_back({absl::StrCat(p.text, way.phase ? ", phase" : ""), load.moments,
                      way.phase                                                       ? load_strip::grid::phased
                      : way.is == wake_policy::plain || way.is == wake_policy::latest ? load_strip::grid::none
                                                                                      : load_strip::grid::shared});
  }
  document d{{std::move(s), std::move(about)}};
  d.with_details = *flags.details;
  const std::string of_moment = time_value(f.together).text;
  if (strips.empty()) {
    d.headline = "Stopped before the first machine: nothing to compare.";
  } else {
    const auto load_of = [&sim](wake_policy is, bool phase) -> const fleet_load& {
      const auto way = std::find_if(std::begin(fleet_ways), std::end(fleet_ways),
                                    [&](const fleet_way& each) { return each.is == is && each.phase == phase; });
      return sim.loads()[static_cast<std::size_t>(way - std::begin(fleet_ways))];
    };
    const auto wake_ups = [&](const fleet_load& l) {
      return static_cast<double>(l.wake_ups) / seconds / static_cast<double>(sim.machines());
    };
    const fleet_load &together = load_of(wake_policy::decimal, false), &apart = load_of(wake_policy::decimal, true);
    d.headline = absl::StrFormat("Give each machine a phase (takt::phase_from_boot_id): the service's busiest %s has "
                                 "%s requests instead of %s. A "
                                 "machine wakes %.2f times a second with the phase, %.2f without, %.2f without a grid.",
                                 of_moment, count(apart.peak()).text, count(together.peak()).text, wake_ups(apart),
                                 wake_ups(together), wake_ups(load_of(wake_policy::latest, false)));
  }
  print(d);
  if (strips.empty()) return exit_code::done;
  if (d.with_details)
    print_picture("Requests in the busiest moment of each part of the time, from blank through . : - = + * # % to @, "
                  "logarithmic",
                  draw_loads_text(strips, f.length));
  return svg.write([&] {
    return draw_loads_svg(
        strips, f.length, f.together,
        {"The load of a fleet on a service, simulated",
         absl::StrCat("takt simulate --fleet ", sim.machines(), "x", f.machine.processes, "x", f.machine.threads,
                      timing_flags(f.machine, f.length), " --phase ", AbslUnparseFlag(duration{f.phase_below}),
                      " --clock-error ", AbslUnparseFlag(duration{f.clock_error}), " --together ",
                      AbslUnparseFlag(duration{f.together})),
         absl::StrCat("simulated; machines: ", sim.machines(), ", processes of each: ", f.machine.processes,
                      "; a wake-up of a process is one request"),
         date_of_today()});
  });
}

// the command line

bool parse_counts(absl::string_view text, std::vector<int>& counts, std::size_t min, std::size_t max) {
  for (const absl::string_view part : absl::StrSplit(text, 'x')) {
    int n = 0;
    if (!absl::SimpleAtoi(part, &n) || n < 1) return false;
    counts.push_back(n);
  }
  return counts.size() >= min && counts.size() <= max;
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
  const std::string machine = *flags.machine, windows = *flags.windows, many = *flags.fleet;
  if (!machine.empty() + !windows.empty() + !many.empty() > 1)
    return wrong_usage("--machine, --windows and --fleet exclude each other");
  const int seeds = *flags.seeds;
  if (seeds < 0 || seeds > 10'000) return wrong_usage("--seeds wants 0 to 10000");
  const nanoseconds length = flags.length->value;
  if (length < std::chrono::milliseconds(1) || length > std::chrono::hours(24))
    return wrong_usage("--length wants 1ms to 24h");

  workload w;
  w.seed = *flags.seed;
  w.uniform_periods = *flags.uniform;
  if (!parse_shares(*flags.slack_share, w.min_slack, w.max_slack))
    return wrong_usage("--slack-share wants percents from 0 to 100, as 30 or 10-50");
  std::string periods = *flags.periods;
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
    f.phase_below = flags.phase->value;
    f.clock_error = flags.clock_error->value;
    f.together = flags.together->value;
    if (f.phase_below <= nanoseconds(0) || f.phase_below > std::chrono::hours(24))
      return wrong_usage("--phase wants more than 0, at most 24h");
    if (f.clock_error < nanoseconds(0) || f.clock_error > length)
      return wrong_usage("--clock-error wants 0 to --length");
    if (f.together < std::chrono::microseconds(1) || f.together > length || length / f.together > 100'000'000)
      return wrong_usage("--together wants a time from 1us to --length, and not too small a part of that");
    f.machine = w;
  }
  if (expected_windows(w, length) > max_windows || double{1} * w.processes * w.threads > max_windows)
    return wrong_usage("that is too much for one machine: fewer timers, longer periods or less --length");

  output_file svg;
  if (const exit_code opened = svg.open(*flags.svg); opened != exit_code::done) return opened;
  if (!windows.empty()) return simulate_file(windows, svg);
  if (!many.empty()) return simulate_fleet(f, svg);
  const auto n = static_cast<std::size_t>(seeds);
  if (!machine.empty()) return simulate_machine(w, length, n == 0 ? 8 : n, svg);
  return simulate_cells(w.seed, n, svg);
}

const registered entry({
    .name = "simulate",
    .group = group::wake_ups,
    .place = 3,
    .summary = "calculate the wake-ups of a machine under many rules, beside the fewest possible",
    .description =
        "How often does a machine wake if all its processes follow one rule? Timers may be late by some slack, and "
        "processes know nothing of each other. Everything is calculated, so a seed always gives the same "
        "figures. Without a flag it simulates many kinds of machines; --machine simulates one kind, --windows "
        "your own windows. --fleet calculates the load on a service that each process calls when it wakes, on "
        "many machines with one wall clock, with and without a phase for each machine.\n\n"
        "On one CPU the kernel's timer slack needs as few wake-ups as possible; it does not join timers of "
        "different CPUs. A table shows by the number of CPUs what slack up to the end of the window gives, and what "
        "slack up to the roundest point gives, which is how takt sleeps.",
    .example = "takt simulate --machine 8x4 --svg machine.svg   # one machine, and a picture",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
