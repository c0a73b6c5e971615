// takt align - measures what sleeping on the common grid saves: processes sleep through the same windows in four ways.
#include "command.hpp"
#include "stop.hpp"
#include "model/align_experiment.hpp"
#include "model/cpu_time.hpp"
#include "model/simulation/machine.hpp"
#include "model/simulation/planner.hpp"
#include "model/this_machine.hpp"
#include "output/document.hpp"
#include "output/output_file.hpp"
#include "output/terminal.hpp"
#include "output/time_line_picture.hpp"
#include "output/workload_facts.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <takt/core/grid.hpp>
#include <takt/kernel/timer_slack.hpp>

namespace tool {
namespace {

struct : flag_set {
  flag<int> processes{this, "processes", "N", "Processes to start", 8};
  flag<int> threads{this, "threads", "N", "Threads in each of them", 4};
  flag<duration> each{this, "each", "TIME", "The time of each of the four runs", {std::chrono::seconds(5)}};
  flag<duration> shortest{this, "shortest", "TIME", "The shortest period of a thread", {std::chrono::milliseconds(10)}};
  flag<duration> longest{this, "longest", "TIME", "The longest", {std::chrono::seconds(3)}};
  flag<std::string> slack_share{this, "slack-share", "PERCENT",
                                "How late a thread may be, in percent of its period; each draws its own from A-B",
                                "10-50"};
  flag<duration> phase_grid{
      this, "phase-grid", "TIME", "The grid for the histogram of phases", {std::chrono::milliseconds(10)}};
  flag<std::uint64_t> seed{this, "seed", "N", "The seed of the random periods, slack and first wake-ups", 1};
  flag<std::string> real_time{this, "real-time", "POLICY",
                              "Run the threads under fifo or rr, for which the kernel ignores timer slack"};
  flag<std::string> svg{this, "svg", "FILE", "Draw it into FILE, as a picture for browsers"};
  details_flag details{this};
} flags;

using std::chrono::nanoseconds;

/// Wake-ups within this time of the first count as one wake-up of the machine, which does not sleep deeply in between.
constexpr nanoseconds cluster_width = std::chrono::microseconds(500);
constexpr std::size_t phase_bins = 10;
/// More threads would start for longer than they sleep, and few machines let one user have them.
constexpr int max_threads = 4000;
/// A run keeps 40 bytes for each wake-up, 0.8 GB in all.
constexpr double max_wake_ups = 2e7;
/// Below this share of CPU time, other programs hardly change the figures.
constexpr double quiet_machine = 0.05;
/// From this share on, threads wait for a CPU so often that the figures describe the other programs too.
constexpr double busy_machine = 0.2;
/// Numbers of wake-ups closer than this are the same: two runs differ by about as much.
constexpr double same_within = 0.05;

/// The statistics of a run.
struct figures {
  double seconds = 0;
  std::size_t wake_ups = 0;
  std::size_t programmed = 0, planned = 0;                      // distinct expiries of this run and of the planner
  std::size_t clusters = 0, planned_clusters = 0;               // within cluster_width
  std::vector<nanoseconds> quiet;                               // sorted
  std::vector<nanoseconds> after_expiry;                        // sorted
  std::vector<nanoseconds> after_asked, after_window;           // sorted; zero: in time
  std::size_t early = 0;                                        // woke before it was due
  std::vector<double> phases = std::vector<double>(phase_bins); // shares
};

figures evaluate(const run_record& run, const std::vector<timer>& timers, nanoseconds phase_period) {
  figures f;
  f.seconds = std::chrono::duration<double>(run.length).count();
  f.wake_ups = run.wake_ups.size();
  std::vector<nanoseconds> woke, expiries;
  const auto beat = *takt::grid::make(phase_period);
  for (const wake_up& w : run.wake_ups) {
    woke.push_back(w.woke);
    f.early += w.woke < w.due;
    if (w.expiry != nanoseconds::zero()) { // zero: it was awake already, no timer was programmed
      expiries.push_back(w.expiry);
      f.after_expiry.push_back(std::max(w.woke - w.expiry, nanoseconds::zero()));
    }
    const nanoseconds asked = run.policy == sleep_policy::plain ? w.due : w.latest;
    f.after_asked.push_back(std::max(w.woke - asked, nanoseconds::zero()));
    f.after_window.push_back(std::max(w.woke - w.latest, nanoseconds::zero()));
    const auto phase = w.woke - beat.floor(w.woke);
    f.phases[static_cast<std::size_t>(phase * static_cast<std::int64_t>(phase_bins) / phase_period)] += 1;
  }
  for (double& share : f.phases) share /= static_cast<double>(std::max<std::size_t>(f.wake_ups, 1));
  const auto points = takt::fewest_wakeups(windows_within(timers, run.length)); // the same for all runs of one length
  f.planned = points.size();
  f.planned_clusters = clusters_of(points, cluster_width).size();
  f.programmed = distinct(expiries);
  const auto clusters = clusters_of(woke, cluster_width);
  f.clusters = clusters.size();
  f.quiet = quiet_times(clusters);
  std::sort(f.after_expiry.begin(), f.after_expiry.end());
  std::sort(f.after_asked.begin(), f.after_asked.end());
  std::sort(f.after_window.begin(), f.after_window.end());
  return f;
}

value per_second(double n, double seconds) { return number(n / seconds, 1); }
value ratio(std::size_t a, std::size_t b) {
  return b == 0 ? unknown() : number(static_cast<double>(a) / static_cast<double>(b), 2);
}
value percent(double share) { return {absl::StrFormat("%.1f %%", 100 * share), share}; }
value microseconds(nanoseconds t) { return {absl::StrFormat("%.1f", static_cast<double>(t.count()) / 1e3), t.count()}; }
value milliseconds(nanoseconds t) { return {absl::StrFormat("%.2f", static_cast<double>(t.count()) / 1e6), t.count()}; }
value quantile_in(value (*in)(nanoseconds), const std::vector<nanoseconds>& sorted, double q) {
  return sorted.empty() ? unknown() : in(quantile(sorted, q));
}

struct finished_run {
  run_record record;
  figures seen;
};

/// The share of CPU time that other programs used, in the whole experiment and in each part of it.
struct machine_load {
  struct part {
    std::string name;
    std::optional<double> others;
  };
  std::optional<double> others;
  std::vector<part> parts;

  [[nodiscard]] std::optional<double> of(absl::string_view name) const {
    const auto found = std::find_if(parts.begin(), parts.end(), [name](const part& p) { return p.name == name; });
    return found == parts.end() ? std::nullopt : found->others;
  }
};

/// Measures the load from one sample of the CPU times to the next.
class load_meter {
public:
  load_meter() : first_(read_cpu_times()), last_(first_) {}
  /// Ends a part of the experiment.
  void end_part(absl::string_view name) {
    const auto now = read_cpu_times();
    load_.parts.push_back({std::string(name), last_ && now ? share_of_others(*last_, *now) : std::nullopt});
    load_.others = first_ && now ? share_of_others(*first_, *now) : std::nullopt;
    last_ = now;
  }
  [[nodiscard]] const machine_load& load() const { return load_; }

private:
  std::optional<cpu_times> first_, last_;
  machine_load load_;
};

value share_value(std::optional<double> share) { return share ? percent(*share) : unknown(); }

section about_experiment(const workload& w, nanoseconds each, const std::string& policy,
                         const std::vector<finished_run>& runs) {
  const auto whole = [](const finished_run& r) { return r.record.whole; };
  section s{"experiment", "The experiment", {}, {}, {}};
  s.detailed = true;
  s.add("machine", "machine", word(describe_this_machine()));
  s.add("processes", "processes", {absl::StrCat(w.processes, " of ", w.threads, " threads each"), w.processes});
  s.add("threads", "threads", {absl::StrCat(w.processes * w.threads), w.processes * w.threads});
  add_workload(s, w);
  s.add("each_ns", "time of each run", time_value(each));
  s.add("scheduling", "scheduling", word(policy));
  std::error_code ec;
  const nanoseconds slack = takt::timer_slack(ec);
  s.add("default_slack_ns", "default timer slack", ec ? unknown() : time_value(slack));
  s.add("whole", "run to the end",
        yes_no(runs.size() == std::size(all_policies) && std::all_of(runs.begin(), runs.end(), whole)));
  s.remarks.push_back("plain: clock_nanosleep until due. slack: the same, with the window as timer slack. aligned: "
                      "clock_nanosleep until the roundest point of the window, with the smallest timer slack. both: "
                      "sleep_until_within, which gives the kernel the window up to its roundest point.");
  for (const auto& run : runs) {
    if (run.record.died != 0)
      s.remarks.push_back(absl::StrCat("In the run \"", name_of(run.record.policy), "\", ", run.record.died,
                                       " of the processes ended early (killed?): their wake-ups are missing from then "
                                       "on."));
  }
  return s;
}

/// Precondition: a run of this policy.
const figures& seen_with(sleep_policy p, const std::vector<finished_run>& runs) {
  return std::find_if(runs.begin(), runs.end(), [p](const auto& r) { return r.record.policy == p; })->seen;
}

/// Returns: 1 if the grid wakes the machine more often than timer slack alone, -1 if less often, 0 if about as often.
int compare_grid_to_slack(const std::vector<finished_run>& runs) {
  const auto grid = static_cast<double>(seen_with(sleep_policy::both, runs).clusters);
  const auto slack = static_cast<double>(seen_with(sleep_policy::slack, runs).clusters);
  return grid > slack * (1 + same_within) ? 1 : grid < slack * (1 - same_within) ? -1 : 0;
}

/// Returns: what the four runs show, in one sentence. Precondition: all four.
std::string savings(const std::vector<finished_run>& runs) {
  const figures &plain = seen_with(sleep_policy::plain, runs), &slack = seen_with(sleep_policy::slack, runs),
                &both = seen_with(sleep_policy::both, runs);
  const auto rate = [](const figures& f) { return per_second(static_cast<double>(f.clusters), f.seconds); };
  const auto saved = [&](const figures& f) {
    const double n = rate(plain).data.get<double>(), less = n - rate(f).data.get<double>();
    return absl::StrFormat("%s (%.0f %%)", decimal(less, 1), 100 * less / n);
  };
  if (plain.clusters == 0) return "Too few wake-ups to compare.";
  if (both.clusters >= plain.clusters)
    return absl::StrCat("The grid saves no wake-ups here: ", rate(both).text, " a second, ", rate(plain).text,
                        " without it.");
  return absl::StrCat("The grid saves ", saved(both), " of ", rate(plain).text,
                      " wake-ups a second, timer slack alone ", saved(slack), ".");
}

/// Returns: what to do, in one sentence. Precondition: all four runs.
std::string advice(const std::vector<finished_run>& runs, bool has_slack) {
  if (!has_slack) return "Use the grid (takt::sleep_until_within): real-time threads get no slack.";
  switch (compare_grid_to_slack(runs)) {
  case 1: return "Timer slack is enough for ordinary threads here; real-time threads need the grid.";
  case -1: return "Use the grid: takt::sleep_until_within.";
  default: return "Both are equally good here; only the grid helps real-time threads.";
  }
}

/// Returns: how busy the machine was, and what that does to the figures, in one sentence.
std::string load_in_short(const std::optional<double>& others) {
  if (!others) return "The load of other programs is unknown.";
  const std::string used = absl::StrCat("Other programs used ", percent(*others).text, " of the CPU: ");
  return absl::StrCat(used, *others < quiet_machine  ? "too little to matter."
                            : *others < busy_machine ? "lateness is a little high."
                                                     : "repeat on a quiet machine.");
}

absl::string_view how_it_sleeps(sleep_policy p) {
  switch (p) {
  case sleep_policy::plain: return "until due";
  case sleep_policy::slack: return "until due, with timer slack";
  case sleep_policy::aligned: return "until the roundest point";
  case sleep_policy::both: return "sleep_until_within";
  }
  return "";
}

section about_result(const std::vector<finished_run>& runs, const machine_load& load, bool has_slack) {
  section s{"result",
            "Wake-ups of the machine (all within 500 us count as one), and lateness of the threads",
            {},
            table{},
            {}};
  s.add_aside("together_ns", time_value(cluster_width), "");
  if (runs.size() == std::size(all_policies)) {
    const auto rate = [&runs](sleep_policy p) {
      const figures& f = seen_with(p, runs);
      return static_cast<double>(f.clusters) / f.seconds;
    };
    const double plain = rate(sleep_policy::plain);
    const auto saved = [&](absl::string_view key, sleep_policy p) {
      s.add_aside(absl::StrCat("saved_by_", key, "_per_second"), number(plain - rate(p), 1), "");
      s.add_aside(absl::StrCat("saved_by_", key, "_share"), plain == 0 ? unknown() : percent(1 - rate(p) / plain), "");
    };
    saved("grid", sleep_policy::both);
    saved("slack", sleep_policy::slack);
    s.add_aside("advice", word(advice(runs, has_slack)), "");
  }
  s.table->columns = {{"policy", "policy", false},
                      {"how", "how a thread sleeps", false},
                      {"per_second", "wake-ups\nper second", true},
                      {"to_planner", "x the\nfewest", true},
                      {"late_p99_ns", "late (us)\np99", true},
                      {"others_share", "CPU of\nothers", true}};
  for (const auto& [record, f] : runs) {
    s.table->rows.push_back({word(name_of(record.policy)), word(how_it_sleeps(record.policy)),
                             per_second(static_cast<double>(f.clusters), f.seconds),
                             ratio(f.clusters, f.planned_clusters), quantile_in(microseconds, f.after_asked, 0.99),
                             share_value(load.of(name_of(record.policy)))});
  }
  const figures& any = runs.front().seen;
  s.table->rows.push_back({word("planner"),
                           word("the fewest possible"),
                           per_second(static_cast<double>(any.planned_clusters), any.seconds),
                           ratio(any.planned_clusters, any.planned_clusters),
                           {"", nullptr},
                           {"", nullptr}});
  return s;
}

section about_load(const machine_load& load) {
  section s{"load", "CPU time that other programs used during the experiment", {}, table{}, {}};
  s.detailed = true;
  s.add("others_share", "whole experiment", share_value(load.others));
  s.table->columns = {{"run", "run", false}, {"others_share", "others", true}};
  for (const auto& part : load.parts) s.table->rows.push_back({word(part.name), share_value(part.others)});
  s.remarks.push_back("A busy machine makes threads late, because they wait for a CPU. It splits wake-ups that belong "
                      "together, which costs the grid most, and its interrupts also end sleeps whose slack has begun, "
                      "which makes slack seem better than on a quiet machine. Expiries do not depend on the load.");
  return s;
}

section about_wake_ups(const std::vector<finished_run>& runs) {
  section s{"wake_ups",
            "Expiries that the threads programmed and wake-ups of the machine, per second, and as multiples of the "
            "planner's",
            {},
            table{},
            {}};
  s.detailed = true;
  s.table->columns = {{"policy", "policy", false},
                      {"sleeps_per_second", "sleeps", true},
                      {"programmed_per_second", "expiries\ndistinct", true},
                      {"planner_per_second", "expiries\nplanner", true},
                      {"programmed_ratio", "expiries\nratio", true},
                      {"clusters_per_second", "woken,\n500 us as one", true},
                      {"planner_clusters_per_second", "woken,\nplanner", true},
                      {"clusters_ratio", "woken,\nratio", true}};
  for (const auto& [record, f] : runs) {
    const double seconds = f.seconds; // clang 14 cannot capture a structured binding
    const auto rate = [seconds](std::size_t n) { return per_second(static_cast<double>(n), seconds); };
    s.table->rows.push_back({word(name_of(record.policy)), rate(f.wake_ups), rate(f.programmed), rate(f.planned),
                             ratio(f.programmed, f.planned), rate(f.clusters), rate(f.planned_clusters),
                             ratio(f.clusters, f.planned_clusters)});
  }
  s.remarks.push_back(
      "An expiry is the latest time at which a timer fires. Timer slack does not change the expiries of "
      "different threads; the kernel joins them when an interrupt finds several windows open, on each "
      "CPU by itself. The planner knows all windows of the workload and needs the fewest wake-ups.");
  return s;
}

/// Returns: what the same windows cost by the number of CPUs, calculated. Each thread sleeps for itself.
section about_cpus(const std::vector<timer>& timers, nanoseconds length) {
  std::vector<request> requests;
  for (std::size_t i = 0; i < timers.size(); ++i)
    for (const window& w : windows_within({timers[i]}, length)) requests.push_back({w, static_cast<std::uint32_t>(i)});
  policy_set wanted = bit_of(wake_policy::plain) | bit_of(wake_policy::decimal) | bit_of(wake_policy::planner);
  for (const slack_on_cpus& on : slack_policies) wanted |= bit_of(on.to_end) | bit_of(on.to_roundest);
  const comparison c = simulator().compare(requests, wanted);
  const std::size_t planned = of(c, wake_policy::planner).wake_ups;
  const double seconds = std::chrono::duration<double>(length).count();
  section s = slack_section("The same windows, calculated: the kernel's slack up to their end, and up to takt's point, by the "
                            "number of CPUs",
                            {{"per_second", "per second"}, {"ratio", "x the fewest"}}, [&](wake_policy p) {
                              const std::size_t n = of(c, p).wake_ups;
                              return std::vector<value>{per_second(static_cast<double>(n), seconds), ratio(n, planned)};
                            });
  s.detailed = true;
  return s;
}

section about_interrupts(const std::vector<run_record>& idles, const std::vector<finished_run>& runs) {
  section s{"interrupts",
            "Timer interrupts per second as the kernel counts them, minus those of the idle machine before and after",
            {},
            table{},
            {}};
  s.detailed = true;
  s.table->columns = {{"policy", "policy", false}, {"per_second", "all CPUs", true}};
  const auto& cpus = idles.front().interrupts.cpus;
  if (cpus.empty()) {
    s.remarks.push_back(absl::StrCat("Unknown: ", idles.front().interrupts.unknown, "."));
    s.table.reset();
    return s;
  }
  for (const auto& c : cpus)
    s.table->columns.push_back({absl::StrCat("cpu", c.cpu), absl::StrCat("CPU", c.cpu), true});
  const auto seconds = [](const run_record& r) { return std::chrono::duration<double>(r.length).count(); };
  const auto rate = [&](const run_record& r, unsigned cpu) {
    const auto found =
        std::find_if(r.interrupts.cpus.begin(), r.interrupts.cpus.end(), [cpu](const auto& c) { return c.cpu == cpu; });
    return found == r.interrupts.cpus.end() ? 0 : static_cast<double>(found->count) / seconds(r);
  };
  const auto total = [&](const run_record& r) { return static_cast<double>(r.interrupts.total()) / seconds(r); };
  const auto of_idle = [&](auto figure) { // the mean
    double sum = 0;
    for (const run_record& idle : idles) sum += figure(idle);
    return sum / static_cast<double>(idles.size());
  };
  const auto row = [&](absl::string_view name, const run_record& r, bool net) {
    std::vector<value> cells{word(name), number(total(r) - (net ? of_idle(total) : 0), 1)};
    for (const auto& c : cpus) {
      const auto of_cpu = [&](const run_record& x) { return rate(x, c.cpu); };
      cells.push_back(number(of_cpu(r) - (net ? of_idle(of_cpu) : 0), 1));
    }
    s.table->rows.push_back(std::move(cells));
  };
  for (const auto& run : runs) row(name_of(run.record.policy), run.record, true);
  row("idle before", idles.front(), false);
  if (idles.size() > 1) {
    row("idle after", idles.back(), false);
    s.remarks.push_back(
        absl::StrFormat("Interrupts of other programs are counted too. The two idle rows differ by %.1f a "
                        "second, so the net figures are no more accurate than that.",
                        std::abs(total(idles.front()) - total(idles.back()))));
  }
  return s;
}

section about_quiet(const std::vector<finished_run>& runs) {
  section s{"quiet", "Time between two wake-ups of the machine, in ms", {}, table{}, {}};
  s.detailed = true;
  s.table->columns = {{"policy", "policy", false}, {"median_ns", "median", true}, {"longest_ns", "longest", true}};
  for (const auto& [record, f] : runs) {
    s.table->rows.push_back(
        {word(name_of(record.policy)), quantile_in(milliseconds, f.quiet, 0.5), quantile_in(milliseconds, f.quiet, 1)});
  }
  return s;
}

section about_lateness(const std::vector<finished_run>& runs) {
  section s{"lateness", "Lateness in us after the programmed expiry", {}, table{}, {}};
  s.detailed = true;
  s.table->columns = {{"policy", "policy", false},
                      {"expiry_median_ns", "median", true},
                      {"expiry_p99_ns", "p99", true},
                      {"expiry_max_ns", "max", true},
                      {"early", "early", true}};
  for (const auto& [record, f] : runs) {
    s.table->rows.push_back({word(name_of(record.policy)), quantile_in(microseconds, f.after_expiry, 0.5),
                             quantile_in(microseconds, f.after_expiry, 0.99),
                             quantile_in(microseconds, f.after_expiry, 1), count(f.early)});
  }
  return s;
}

/// Returns: whether the grid made threads later than plain sleeping, relative to the time that each asked for.
std::string comparison(const std::vector<finished_run>& runs) {
  const figures &plain = seen_with(sleep_policy::plain, runs), &aligned = seen_with(sleep_policy::aligned, runs),
                &both = seen_with(sleep_policy::both, runs);
  if (plain.after_asked.empty() || aligned.after_asked.empty() || both.after_asked.empty())
    return "Too few wake-ups to compare the grid with plain sleeping.";
  const auto late = [](const figures& f) {
    const auto us = [&f](double q) { return microseconds(quantile(f.after_asked, q)).text; };
    return absl::StrCat(us(0.5), ", ", us(0.99), " and ", us(1));
  };
  const auto worse = [&plain](const figures& f, double q) {
    return quantile(f.after_asked, q) > quantile(plain.after_asked, q);
  };
  const auto grid_is_worse = [&](double q) { return worse(aligned, q) || worse(both, q); };
  const bool usually = grid_is_worse(0.5) || grid_is_worse(0.99), at_worst = grid_is_worse(1);
  return absl::StrCat("Lateness beyond the time asked for, as median, p99 and max: plain ", late(plain),
                      " us, aligned ", late(aligned), " us, both ", late(both), " us. The grid is ",
                      usually ? "later than plain sleeping here." : "no later than plain sleeping",
                      usually    ? ""
                      : at_worst ? ", but for the maximum, which is a single wake-up and differs from run to run."
                                 : ".");
}

section about_windows(const std::vector<finished_run>& runs) {
  section s{
      "beyond",
      "Lateness in us beyond the time asked for (plain: due, else the window's end) and beyond the window: share of "
      "late wake-ups, and how late",
      {},
      table{},
      {}};
  s.detailed = true;
  s.table->columns = {{"policy", "policy", false},
                      {"asked_share", "asked\nshare", true},
                      {"asked_median_ns", "asked\nmedian", true},
                      {"asked_p99_ns", "asked\np99", true},
                      {"asked_max_ns", "asked\nmax", true},
                      {"window_share", "window\nshare", true},
                      {"window_median_ns", "window\nmedian", true},
                      {"window_p99_ns", "window\np99", true},
                      {"window_max_ns", "window\nmax", true}};
  for (const auto& [record, f] : runs) {
    std::vector<value> cells{word(name_of(record.policy))};
    for (const auto* late : {&f.after_asked, &f.after_window}) {
      const auto beyond = late->end() - std::upper_bound(late->begin(), late->end(), nanoseconds::zero());
      const auto all = static_cast<double>(std::max<std::size_t>(late->size(), 1));
      cells.push_back(percent(static_cast<double>(beyond) / all));
      for (const double q : {0.5, 0.99, 1.0}) cells.push_back(quantile_in(microseconds, *late, q));
    }
    s.table->rows.push_back(std::move(cells));
  }
  if (runs.size() == std::size(all_policies)) s.remarks.push_back(comparison(runs));
  s.remarks.push_back(
      "Plain sleeping wakes when the window opens and has all of it in reserve. Where the roundest point "
      "is the end of the window, no time is left for waking up.");
  return s;
}

section about_phases(nanoseconds period, const std::vector<finished_run>& runs) {
  section s{"phase", absl::StrCat("Phase of the wake-ups in the grid of ", time_value(period).text), {}, table{}, {}};
  s.detailed = true;
  s.table->columns = {{"from_ns", "from", true}};
  for (const auto& run : runs)
    s.table->columns.push_back(
        {std::string(name_of(run.record.policy)), std::string(name_of(run.record.policy)), true});
  for (std::size_t bin = 0; bin < phase_bins; ++bin) {
    const nanoseconds from = period * static_cast<std::int64_t>(bin) / static_cast<std::int64_t>(phase_bins);
    std::vector<value> cells{time_value(from)};
    for (const auto& run : runs) cells.push_back(percent(run.seen.phases[bin]));
    s.table->rows.push_back(std::move(cells));
  }
  return s;
}

std::vector<picture_panel> picture_of(const workload& w, const std::vector<finished_run>& runs) {
  std::vector<picture_panel> panels;
  const auto per_second = [](std::size_t n, const figures& f) { return static_cast<double>(n) / f.seconds; };
  for (const auto& run : runs) {
    const figures& f = run.seen;
    picture_panel p{absl::StrCat(name_of(run.record.policy), ": ", how_it_sleeps(run.record.policy)), {}};
    p.per_second = per_second(f.clusters, f);
    p.to_planner =
        f.planned_clusters == 0 ? 0 : static_cast<double>(f.clusters) / static_cast<double>(f.planned_clusters);
    for (int i = 0; i < w.processes; ++i) p.rows.push_back({absl::StrCat("process ", i + 1), {}});
    p.rows.push_back({"the machine", {}});
    for (const wake_up& u : run.record.wake_ups) {
      const nanoseconds t = u.woke - run.record.start;
      p.rows[static_cast<std::size_t>(u.process)].wake_ups.push_back(t);
      p.rows.back().wake_ups.push_back(t);
    }
    panels.push_back(std::move(p));
  }
  const figures& any = runs.front().seen;
  picture_panel fewest{"the fewest possible (a planner that knows all windows)", {}};
  fewest.per_second = per_second(any.planned_clusters, any);
  fewest.to_planner = 1;
  fewest.is_planner = true;
  panels.push_back(std::move(fewest));
  return panels;
}

picture_origin origin_of(const workload& w, nanoseconds each, const std::optional<double>& others) {
  return {"What a common grid saves, measured",
          absl::StrCat("takt align --processes ", w.processes, " --threads ", w.threads, " --each ",
                       AbslUnparseFlag(duration{each}), " --shortest ", AbslUnparseFlag(duration{w.shortest}),
                       " --longest ", AbslUnparseFlag(duration{w.longest}), workload_flags(w),
                       flags.real_time->empty() ? "" : absl::StrCat(" --real-time ", *flags.real_time)),
          absl::StrCat(describe_this_machine(), "; other programs used ", share_value(others).text, " of the CPU time"),
          date_of_today()};
}

exit_code run() {
  workload w;
  w.processes = *flags.processes;
  w.threads = *flags.threads;
  w.shortest = flags.shortest->value;
  w.longest = flags.longest->value;
  w.seed = *flags.seed;
  const nanoseconds each = flags.each->value, phase_period = flags.phase_grid->value;
  if (w.processes < 1 || w.processes > 1000) return wrong_usage("--processes wants 1 to 1000");
  if (w.threads < 1 || w.threads > 1000) return wrong_usage("--threads wants 1 to 1000");
  if (w.processes * w.threads > max_threads) return wrong_usage("--processes times --threads may be 4000 at most");
  if (w.shortest < std::chrono::microseconds(100)) return wrong_usage("--shortest wants 100us or more");
  if (w.longest < w.shortest || w.longest > std::chrono::hours(1))
    return wrong_usage("--longest wants at least --shortest, at most 1h");
  if (each < std::chrono::milliseconds(100) || each > std::chrono::hours(1))
    return wrong_usage("--each wants 100ms to 1h");
  if (phase_period < nanoseconds(static_cast<std::int64_t>(phase_bins)) || phase_period > std::chrono::hours(1))
    return wrong_usage("--phase-grid wants 10ns to 1h");
  if (!parse_shares(*flags.slack_share, w.min_slack, w.max_slack))
    return wrong_usage("--slack-share wants percents from 0 to 100, as 30 or 10-50");
  std::optional<real_time> rt;
  const std::string policy = *flags.real_time;
  if (policy == "fifo") rt = real_time{takt::realtime_policy::fifo};
  else if (policy == "rr") rt = real_time{takt::realtime_policy::round_robin};
  else if (!policy.empty()) return wrong_usage("--real-time wants fifo or rr");

  const auto timers = draw_timers(w);
  double expected = 0;
  for (const timer& t : timers) expected += static_cast<double>(each / t.period);
  if (expected > max_wake_ups)
    return wrong_usage("that is too much to keep: fewer threads, longer periods or less --each");
  if (windows_within(timers, each).empty())
    return wrong_usage(
        "there would be nothing to see: no window opens and closes within --each; a longer time, shorter "
        "periods or another --seed");
  output_file svg;
  if (const exit_code opened = svg.open(*flags.svg); opened != exit_code::done) return opened;

  std::error_code ec;
  std::vector<run_record> idles;
  std::vector<finished_run> runs;
  int ready = 0;
  load_meter meter;
  {
    progress shown("sleeping in four ways");
    double done = 0;
    constexpr double parts = 2 + std::size(all_policies);
    const progress_report report = [&](double share) { shown.at((done + share) / parts); };
    const auto stay_idle = [&] {
      run_record idle = watch_idle(each, report, ec);
      meter.end_part(idles.empty() ? "idle before" : "idle after");
      if (idles.empty() || idle.whole) idles.push_back(std::move(idle));
      ++done;
    };
    stay_idle();
    for (const sleep_policy p : all_policies) {
      if (ec || stop_wanted()) break;
      run_record record = run_policy(w, p, each, rt, report, ec);
      meter.end_part(name_of(p));
      ready = record.ready;
      if (ec || record.length == nanoseconds::zero()) break;
      figures f = evaluate(record, timers, phase_period);
      runs.push_back({std::move(record), std::move(f)});
      ++done;
    }
    if (!ec && !stop_wanted()) stay_idle();
  }
  if (ec == std::errc::timed_out)
    return could_not(absl::StrCat("the experiment: ", ready, " of ", timers.size(),
                                  " threads were ready in time; ask for fewer, or when the machine has less to do"));
  if (ec) {
    return could_not(rt ? "the experiment (a real-time policy needs CAP_SYS_NICE, or a limit that allows it: ulimit -r)"
                        : "the experiment",
                     ec);
  }
  std::error_code refused;
  const bool has_slack = !rt && takt::scoped_timer_slack<>(std::chrono::milliseconds(1), refused).active();
  const machine_load& load = meter.load();
  document d;
  d.with_details = *flags.details;
  if (runs.size() == std::size(all_policies))
    d.headline = absl::StrCat(savings(runs), " ", advice(runs, has_slack), " ", load_in_short(load.others));
  else d.headline = "Stopped before all four runs: nothing to compare.";
  if (!runs.empty()) d.sections.push_back(about_result(runs, load, has_slack));
  d.sections.push_back(about_experiment(w, each, policy.empty() ? "as inherited" : policy, runs));
  d.sections.push_back(about_load(load));
  if (!runs.empty()) d.sections.push_back(about_wake_ups(runs));
  if (!runs.empty()) d.sections.push_back(about_cpus(timers, runs.front().record.length));
  d.sections.push_back(about_interrupts(idles, runs));
  if (!runs.empty()) {
    d.sections.push_back(about_quiet(runs));
    d.sections.push_back(about_lateness(runs));
    d.sections.push_back(about_windows(runs));
    d.sections.push_back(about_phases(phase_period, runs));
  }
  print(d);
  if (runs.empty()) return exit_code::done; // stopped before the first run
  const auto panels = picture_of(w, runs);
  picture_frame frame;
  frame.length = std::min(frame.length, each);
  frame.together = cluster_width;
  if (d.with_details)
    print_picture(absl::StrCat("Wake-ups in the first ", time_value(frame.length).text,
                               " of each process and of the machine (all within 500 us count as one)"),
                  draw_text(panels, frame));
  return svg.write([&] { return draw_svg(panels, frame, origin_of(w, each, load.others)); });
}

const registered entry({
    .name = "align",
    .group = group::wake_ups,
    .place = 2,
    .summary = "measure what sleeping on the common grid saves, beside timer slack",
    .description =
        "Starts processes whose threads each need one wake-up per period and may be late by a part of it. All "
        "sleep through the same windows in four ways, one after the other. The results are compared with each "
        "other and with the fewest wake-ups that serve all windows. The processes do not communicate: they "
        "share only the clock and the rule for round points. --details also calculates what the same windows "
        "cost on 1 to 16 CPUs. Takes six times --each and some seconds.",
    .example = "takt align --svg align.svg   # half a minute, and a picture",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
