// takt align - does it help to sleep on the common grid? Many processes sleep through the same windows in four ways.
#include "align_experiment.hpp"
#include "command.hpp"
#include "document.hpp"
#include "planner.hpp"
#include "time_line_picture.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <takt/core/grid.hpp>
#include <takt/kernel/timer_slack.hpp>

ABSL_FLAG(int, processes, 8, "N: Processes to start");
ABSL_FLAG(int, threads, 4, "N: Threads in each of them");
ABSL_FLAG(tool::duration, each, tool::duration{std::chrono::seconds(5)},
          "TIME: How long to watch each of the four ways to sleep");
ABSL_FLAG(tool::duration, shortest, tool::duration{std::chrono::milliseconds(10)},
          "TIME: The shortest period of a thread");
ABSL_FLAG(tool::duration, longest, tool::duration{std::chrono::seconds(3)}, "TIME: The longest");
ABSL_FLAG(std::string, slack_share, "10-50",
          "PERCENT: How late a thread or timer may be, of its period; each draws its own from A-B");
ABSL_FLAG(tool::duration, phase_grid, tool::duration{std::chrono::milliseconds(10)},
          "TIME: The grid for the histogram of phases");
ABSL_FLAG(std::uint64_t, seed, 1, "N: What periods, slack and beginnings are drawn from");
ABSL_FLAG(std::string, real_time, "", "POLICY: Run the threads under fifo or rr, for whom the kernel knows no slack");
ABSL_FLAG(std::string, svg, "", "FILE: Draw it into FILE, as a picture for browsers");

namespace tool {
namespace {

using std::chrono::nanoseconds;

/// Wake-ups within this time of the first keep the machine out of the same sleep.
constexpr nanoseconds cluster_width = std::chrono::microseconds(500);
constexpr std::size_t phase_bins = 10;
/// More than that start for longer than they sleep, and few machines let one user have them.
constexpr int most_threads = 4000;
/// So much is kept of each run, 40 bytes a wake-up.
constexpr double most_wake_ups = 2e7;

/// What a run amounts to.
struct figures {
  double seconds = 0;
  std::size_t wake_ups = 0;
  std::size_t programmed = 0, planned = 0;                      // distinct expiries: of this run, of the planner
  std::size_t clusters = 0, planned_clusters = 0;               // at cluster_width
  std::vector<nanoseconds> quiet;                               // sorted
  std::vector<nanoseconds> after_expiry;                        // sorted
  std::vector<nanoseconds> after_asked, after_window;           // sorted; zero: not late
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
    if (w.expiry != nanoseconds::zero()) { // else it was awake already: nothing was programmed
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
  const auto points = plan(windows_within(timers, run.length)); // the same for all who slept as long
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
  return b == 0 ? not_told() : number(static_cast<double>(a) / static_cast<double>(b), 2);
}
value percent(double share) { return {absl::StrFormat("%.1f %%", 100 * share), share}; }
value microseconds(nanoseconds t) { return {absl::StrFormat("%.1f", static_cast<double>(t.count()) / 1e3), t.count()}; }
value milliseconds(nanoseconds t) { return {absl::StrFormat("%.2f", static_cast<double>(t.count()) / 1e6), t.count()}; }
value quantile_in(value (*in)(nanoseconds), const std::vector<nanoseconds>& sorted, double q) {
  return sorted.empty() ? not_told() : in(quantile(sorted, q));
}

struct finished_run {
  run_record record;
  figures seen;
};

section about_experiment(const workload& w, nanoseconds each, const std::string& policy,
                         const std::vector<finished_run>& runs) {
  const auto whole = [](const finished_run& r) { return r.record.whole; };
  section s{"experiment", "Does it help to sleep on the common grid?", {}, {}, {}};
  s.add("processes", "processes", {absl::StrCat(w.processes, " of ", w.threads, " threads each"), w.processes});
  s.add("threads", "threads", {absl::StrCat(w.processes * w.threads), w.processes * w.threads});
  s.add("period_ns", "periods",
        {absl::StrCat(time_value(static_cast<double>(w.shortest.count())).text, " to ",
                      time_value(static_cast<double>(w.longest.count())).text, ", as many in each octave"),
         json{w.shortest.count(), w.longest.count()}});
  s.add("slack_share", "may be late by",
        {absl::StrFormat("%.3g to %.3g %% of the period", 100 * w.least_slack, 100 * w.most_slack),
         json{w.least_slack, w.most_slack}});
  s.add("seconds_each", "time for each way",
        {time_value(static_cast<double>(each.count())).text, std::chrono::duration<double>(each).count()});
  s.add("seed", "drawn from seed", {absl::StrCat(w.seed), w.seed});
  s.add("scheduling", "scheduling", word(policy));
  std::error_code ec;
  const nanoseconds slack = takt::timer_slack(ec);
  s.add("default_slack_ns", "slack where none is set",
        ec ? not_told() : value{time_value(static_cast<double>(slack.count())).text, slack.count()});
  s.add("whole", "run to the end",
        yes_no(runs.size() == std::size(all_policies) && std::all_of(runs.begin(), runs.end(), whole)));
  s.remarks.push_back("plain: clock_nanosleep until due. slack: the same, the kernel told that it may be late. "
                      "aligned: until the roundest point of the window, with the least slack, for the window is used "
                      "up. both: the kernel told the window, up to its roundest point.");
  for (const auto& run : runs) {
    if (run.record.died != 0)
      s.remarks.push_back(absl::StrCat("While they slept by ", name_of(run.record.policy), ", ", run.record.died,
                                       " of the processes ended before their time (killed?): their wake-ups are "
                                       "missing from then on."));
  }
  return s;
}

/// Precondition: there was such a run.
const figures& seen_with(sleep_policy p, const std::vector<finished_run>& runs) {
  return std::find_if(runs.begin(), runs.end(), [p](const auto& r) { return r.record.policy == p; })->seen;
}

/// What the comparison that was made says, not what another machine would.
std::string lesson(const std::vector<finished_run>& runs, std::size_t cpus, bool has_slack) {
  const figures &slack = seen_with(sleep_policy::slack, runs), &aligned = seen_with(sleep_policy::aligned, runs),
                &both = seen_with(sleep_policy::both, runs);
  const std::size_t grid = std::min(aligned.clusters, both.clusters);
  if (grid == 0 || slack.clusters == 0) return "Too little was seen to compare the grid with the kernel's slack.";
  if (!has_slack)
    return "These threads run under a real-time policy: the kernel knows no slack for them, and \"slack\" is \"plain\" by "
           "another name. The grid needs none.";
  const double ratio_to_slack = static_cast<double>(grid) / static_cast<double>(slack.clusters);
  const std::string where = absl::StrCat("here, with ", cpus, cpus == 1 ? " CPU, " : " CPUs, ");
  if (ratio_to_slack > 1.05)
    return absl::StrFormat("The kernel joins windows when an interrupt finds several open, each CPU for itself: %sits slack "
                           "alone woke the machine less often than the grid, which needed %.2f times as many. The grid "
                           "is for many CPUs, and for real-time threads, whom the kernel grants no slack.",
                           where, ratio_to_slack);
  return absl::StrFormat("The kernel joins windows when an interrupt finds several open, each CPU for itself: %sthe grid "
                         "woke the machine %.2f times as often as its slack alone%s.",
                         where, ratio_to_slack, ratio_to_slack > 0.95 ? ", much the same" : "");
}

section about_wake_ups(const std::vector<finished_run>& runs, std::size_t cpus, bool has_slack) {
  section s{"wake_ups",
            "Wake-ups a second: what was programmed, what came of it, and the fewest that an all-knowing planner needs "
            "for the same windows",
            {},
            table{},
            {}};
  s.table->columns = {{"policy", "policy", false},
                      {"sleeps_per_second", "sleeps", true},
                      {"programmed_per_second", "expiries\ndistinct", true},
                      {"planner_per_second", "expiries\nplanner", true},
                      {"programmed_ratio", "expiries\nratio", true},
                      {"clusters_per_second", "woken,\n500 us as one", true},
                      {"planner_clusters_per_second", "woken,\nplanner", true},
                      {"clusters_ratio", "woken,\nratio", true}};
  for (const auto& [record, f] : runs) {
    const double seconds = f.seconds; // clang 14 captures no structured binding
    const auto rate = [seconds](std::size_t n) { return per_second(static_cast<double>(n), seconds); };
    s.table->rows.push_back({word(name_of(record.policy)), rate(f.wake_ups), rate(f.programmed), rate(f.planned),
                             ratio(f.programmed, f.planned), rate(f.clusters), rate(f.planned_clusters),
                             ratio(f.clusters, f.planned_clusters)});
  }
  s.remarks.push_back("An expiry is when a timer fires at the latest; slack leaves those of different threads apart, and "
                      "what came of it stands beside. The planner's windows are those of the workload.");
  if (runs.size() == std::size(all_policies)) s.remarks.push_back(lesson(runs, cpus, has_slack));
  return s;
}

section about_interrupts(const std::vector<run_record>& idles, const std::vector<finished_run>& runs) {
  section s{"interrupts",
            "Timer interrupts a second as the kernel counts them, less those of the idle machine before and after",
            {},
            table{},
            {}};
  s.table->columns = {{"policy", "policy", false}, {"per_second", "all CPUs", true}};
  const auto& cpus = idles.front().interrupts.cpus;
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
    s.remarks.push_back(absl::StrFormat("What other programs do meanwhile is counted too: the net figures are no better "
                                        "than the two idle ones agree, which is to %.1f a second.",
                                        std::abs(total(idles.front()) - total(idles.back()))));
  }
  return s;
}

section about_quiet(const std::vector<finished_run>& runs) {
  section s{"quiet", "Time in which no process of the experiment woke, in ms", {}, table{}, {}};
  s.table->columns = {{"policy", "policy", false}, {"median_ns", "median", true}, {"longest_ns", "longest", true}};
  for (const auto& [record, f] : runs) {
    s.table->rows.push_back(
        {word(name_of(record.policy)), quantile_in(milliseconds, f.quiet, 0.5), quantile_in(milliseconds, f.quiet, 1)});
  }
  return s;
}

section about_lateness(const std::vector<finished_run>& runs) {
  section s{"lateness", "Lateness in us after the expiry that was programmed", {}, table{}, {}};
  s.table->columns = {{"policy", "policy", false},
                      {"expiry_median_ns", "median", true},
                      {"expiry_p99_ns", "p99", true},
                      {"expiry_max_ns", "most", true},
                      {"early", "early", true}};
  for (const auto& [record, f] : runs) {
    s.table->rows.push_back({word(name_of(record.policy)), quantile_in(microseconds, f.after_expiry, 0.5),
                             quantile_in(microseconds, f.after_expiry, 0.99),
                             quantile_in(microseconds, f.after_expiry, 1), count(f.early)});
  }
  return s;
}

/// Whether the grid made anybody later than plain sleeping, each held to what it asked for.
std::string comparison(const std::vector<finished_run>& runs) {
  const figures &plain = seen_with(sleep_policy::plain, runs), &aligned = seen_with(sleep_policy::aligned, runs),
                &both = seen_with(sleep_policy::both, runs);
  if (plain.after_asked.empty() || aligned.after_asked.empty() || both.after_asked.empty())
    return "Too little was seen to compare the grid with plain sleeping.";
  const auto late = [](const figures& f) {
    const auto us = [&f](double q) { return microseconds(quantile(f.after_asked, q)).text; };
    return absl::StrCat(us(0.5), ", ", us(0.99), " and ", us(1));
  };
  const auto worse = [&plain](const figures& f, double q) {
    return quantile(f.after_asked, q) > quantile(plain.after_asked, q);
  };
  const auto grid_is_worse = [&](double q) { return worse(aligned, q) || worse(both, q); };
  const bool rule = grid_is_worse(0.5) || grid_is_worse(0.99), most = grid_is_worse(1);
  return absl::StrCat("Beyond what was asked for, by median, p99 and most: plain sleeping ", late(plain),
                      " us, aligned ", late(aligned), ", both ", late(both), ". So the grid is ",
                      rule ? "worse than plain sleeping here." : "no worse than plain sleeping",
                      rule   ? ""
                      : most ? " but in the most, which is a single wake-up's: another run may say otherwise."
                             : ".");
}

section about_windows(const std::vector<finished_run>& runs) {
  section s{"beyond",
            "Lateness in us beyond what was asked for (plainly: due, else the window's end), and beyond the window: the "
            "share that was late, and how late",
            {},
            table{},
            {}};
  s.table->columns = {{"policy", "policy", false},
                      {"asked_share", "asked\nshare", true},
                      {"asked_median_ns", "asked\nmedian", true},
                      {"asked_p99_ns", "asked\np99", true},
                      {"asked_max_ns", "asked\nmost", true},
                      {"window_share", "window\nshare", true},
                      {"window_median_ns", "window\nmedian", true},
                      {"window_p99_ns", "window\np99", true},
                      {"window_max_ns", "window\nmost", true}};
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
  s.remarks.push_back("Who sleeps plainly wakes when the window opens and has all of it in reserve. Where the roundest "
                      "point lies at the very end of the window nothing is left for the time that waking up takes.");
  return s;
}

section about_phases(nanoseconds period, const std::vector<finished_run>& runs) {
  section s{
      "phase",
      absl::StrCat("Where in the grid of ", time_value(static_cast<double>(period.count())).text, " the wake-ups came"),
      {},
      table{},
      {}};
  s.table->columns = {{"from_ns", "from", true}};
  for (const auto& run : runs)
    s.table->columns.push_back(
        {std::string(name_of(run.record.policy)), std::string(name_of(run.record.policy)), true});
  for (std::size_t bin = 0; bin < phase_bins; ++bin) {
    const nanoseconds from = period * static_cast<std::int64_t>(bin) / static_cast<std::int64_t>(phase_bins);
    std::vector<value> cells{{time_value(static_cast<double>(from.count())).text, from.count()}};
    for (const auto& run : runs) cells.push_back(percent(run.seen.phases[bin]));
    s.table->rows.push_back(std::move(cells));
  }
  return s;
}

std::vector<picture_panel> picture_of(const workload& w, const std::vector<finished_run>& runs) {
  std::vector<picture_panel> panels;
  for (const auto& run : runs) {
    picture_panel p{std::string(name_of(run.record.policy)), {}};
    for (int i = 0; i < w.processes; ++i) p.rows.push_back({absl::StrCat("process ", i + 1), {}});
    p.rows.push_back({"all together", {}});
    for (const wake_up& u : run.record.wake_ups) {
      const nanoseconds t = u.woke - run.record.start;
      p.rows[static_cast<std::size_t>(u.process)].wake_ups.push_back(t);
      p.rows.back().wake_ups.push_back(t);
    }
    panels.push_back(std::move(p));
  }
  return panels;
}

exit_code run() {
  workload w;
  w.processes = absl::GetFlag(FLAGS_processes);
  w.threads = absl::GetFlag(FLAGS_threads);
  w.shortest = absl::GetFlag(FLAGS_shortest).value;
  w.longest = absl::GetFlag(FLAGS_longest).value;
  w.seed = absl::GetFlag(FLAGS_seed);
  const nanoseconds each = absl::GetFlag(FLAGS_each).value, phase_period = absl::GetFlag(FLAGS_phase_grid).value;
  if (w.processes < 1 || w.processes > 1000) return wrong_usage("--processes wants 1 to 1000");
  if (w.threads < 1 || w.threads > 1000) return wrong_usage("--threads wants 1 to 1000");
  if (w.processes * w.threads > most_threads) return wrong_usage("--processes times --threads may be 4000 at most");
  if (w.shortest < std::chrono::microseconds(100)) return wrong_usage("--shortest wants 100us or more");
  if (w.longest < w.shortest || w.longest > std::chrono::hours(1))
    return wrong_usage("--longest wants at least --shortest, at most 1h");
  if (each < std::chrono::milliseconds(100) || each > std::chrono::hours(1))
    return wrong_usage("--each wants 100ms to 1h");
  if (phase_period < nanoseconds(static_cast<std::int64_t>(phase_bins)) || phase_period > std::chrono::hours(1))
    return wrong_usage("--phase-grid wants 10ns to 1h");
  if (!parse_shares(absl::GetFlag(FLAGS_slack_share), w.least_slack, w.most_slack))
    return wrong_usage("--slack-share wants percents from 0 to 100, as 30 or 10-50");
  std::optional<real_time> rt;
  const std::string policy = absl::GetFlag(FLAGS_real_time);
  if (policy == "fifo") rt = real_time{takt::realtime_policy::fifo};
  else if (policy == "rr") rt = real_time{takt::realtime_policy::round_robin};
  else if (!policy.empty()) return wrong_usage("--real-time wants fifo or rr");

  const auto timers = draw_timers(w);
  double expected = 0;
  for (const timer& t : timers) expected += static_cast<double>(each / t.period);
  if (expected > most_wake_ups)
    return wrong_usage("that is too much to keep: fewer threads, longer periods or less --each");
  if (windows_within(timers, each).empty())
    return wrong_usage("there would be nothing to see: no window opens and closes within --each; a longer time, shorter "
                       "periods or another --seed");
  drawing svg;
  if (const exit_code opened = svg.open(absl::GetFlag(FLAGS_svg)); opened != exit_code::done) return opened;

  std::error_code ec;
  std::vector<run_record> idles;
  std::vector<finished_run> runs;
  int ready = 0;
  {
    progress shown("sleeping in four ways");
    double done = 0;
    constexpr double parts = 2 + std::size(all_policies);
    const progress_report report = [&](double share) { shown.at((done + share) / parts); };
    const auto stay_idle = [&] {
      run_record idle = watch_idle(each, report, ec);
      if (idles.empty() || idle.whole) idles.push_back(std::move(idle));
      ++done;
    };
    stay_idle();
    for (const sleep_policy p : all_policies) {
      if (ec || stop_wanted()) break;
      run_record record = run_policy(w, p, each, rt, report, ec);
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
  document d;
  d.sections.push_back(about_experiment(w, each, policy.empty() ? "as inherited" : policy, runs));
  if (!runs.empty())
    d.sections.push_back(about_wake_ups(runs, idles.front().interrupts.cpus.size(), has_slack));
  d.sections.push_back(about_interrupts(idles, runs));
  if (!runs.empty()) {
    d.sections.push_back(about_quiet(runs));
    d.sections.push_back(about_lateness(runs));
    d.sections.push_back(about_windows(runs));
    d.sections.push_back(about_phases(phase_period, runs));
  }
  print(d);
  if (runs.empty()) return exit_code::done; // stopped before there was anything to draw
  const auto panels = picture_of(w, runs);
  picture_frame frame;
  frame.length = std::min(frame.length, each);
  frame.together = cluster_width;
  print_picture(absl::StrCat("The first ", time_value(static_cast<double>(frame.length.count())).text,
                             ": how often each process woke up, and the machine (wake-ups within 500 us are one)"),
                draw_text(panels, frame));
  return svg.write([&] { return draw_svg(panels, frame); });
}

} // namespace

extern const command align_command{
    "align",
    "many processes that sleep plainly, with slack, and on the common grid",
    "Starts processes whose threads each want to be woken once a period and may be a part of it late. All sleep "
    "through the same\n"
    "windows in four ways, one after the other, and are compared with each other and with the fewest wake-ups that "
    "would have done.\n"
    "Nobody tells anybody else anything: what they have in common is the clock and what a round point is. Takes six "
    "times --each.",
    "takt align --svg align.svg   # half a minute, and a picture to look at",
    {"processes", "threads", "each", "shortest", "longest", "slack_share", "phase_grid", "seed", "real_time", "svg"},
    &run};

} // namespace tool
