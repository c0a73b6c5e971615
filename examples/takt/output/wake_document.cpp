#include "wake_document.hpp"
#include "model/scheduling.hpp"
#include "timers_document.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <cmath>
#include <set>
#include <takt/kernel/timer_slack.hpp>

namespace tool {

using std::chrono::nanoseconds;
using moment = takt::wake_run::moment;
using takt::line_offset;
using takt::wake_run;

namespace {

constexpr moment ends[] = {moment::interrupt, moment::handler, moment::waking,        moment::wakeup,
                           moment::running,   moment::first_reading, moment::second_reading};

/// The moment with which a stage ends, by the name of the kernel's event.
std::string moment_text(moment m) {
  switch (m) {
  case moment::expiry: return "expiry";
  case moment::interrupt: return "timer interrupt";
  case moment::handler: return "hrtimer_expire_entry";
  case moment::waking: return "sched_waking";
  case moment::wakeup: return "sched_wakeup";
  case moment::running: return "sched_switch";
  case moment::first_reading: return "first reading";
  case moment::second_reading: return "second reading";
  }
  return {};
}
std::string key_of(moment m) {
  constexpr const char* keys[] = {"expiry", "interrupt", "handler", "waking",
                                  "wakeup", "running",   "first_reading", "second_reading"};
  return keys[static_cast<std::size_t>(m)];
}

value percent(double share) {
  return std::isfinite(share) ? value{absl::StrFormat("%.1f %%", 100 * share), share} : unknown();
}
json or_null(std::optional<nanoseconds> t) { return t ? json(t->count()) : json(); }
template <class X> json or_null(const std::optional<X>& x) { return x ? json(*x) : json(); }
json cpu_or_null(std::int32_t cpu) { return cpu < 0 ? json() : json(cpu); }
value time_or_dash(bool known, nanoseconds t) { return known ? brief_time(t) : value{"-", nullptr}; }
json rounded(double x) { return json(std::llround(x)); }

template <class Of> std::vector<nanoseconds> values_of(const wake_results& results, Of&& of) {
  std::vector<nanoseconds> values;
  for (const wake_run& r : results.runs)
    if (const std::optional<nanoseconds> t = of(r)) values.push_back(*t);
  return values;
}

/// Returns: ", not with load" and the like: what a constant offset was seen to be independent of.
std::string not_with(const line_offset& o) {
  std::vector<std::string> same;
  if (o.by_migration.differs == false) same.push_back("migration");
  if (o.by_load.differs == false) same.push_back("load");
  if (o.by_source.differs == false) same.push_back("source");
  return same.empty() ? "" : absl::StrCat(", not with ", absl::StrJoin(same, ", "));
}

/// Returns: `middle` and how far from it its interval ends, in one unit where that is short: "9.34 +/- 0.3 us".
std::string with_interval(nanoseconds middle, nanoseconds half) {
  const std::string text = brief_time(middle).text;
  const std::size_t blank = text.find(' ');
  const std::string unit = text.substr(blank + 1);
  const double size = unit == "s" ? 1e9 : unit == "ms" ? 1e6 : unit == "us" ? 1e3 : 1;
  const double x = static_cast<double>(half.count()) / size;
  constexpr double short_from = 0.0095, short_below = 1000; // of the unit: two digits say it
  if (half.count() != 0 && (x < short_from || x >= short_below)) return absl::StrCat(text, " +/- ", brief_time(half).text);
  return absl::StrFormat("%s +/- %s %s", text.substr(0, blank), x < 99.5 ? absl::StrFormat("%.2g", x) : decimal(x, 0), unit);
}
/// Returns: how far the end of the interval is from the median that is farther from it.
nanoseconds reach(const takt::wake_summary::median& m) { return std::max(m.high - m.middle, m.middle - m.low); }
std::string with_interval(const takt::wake_summary::median& m) {
  if (m.count == 0) return "unknown";
  return m.has_interval ? with_interval(m.middle, reach(m)) : brief_time(m.middle).text;
}

std::string offset_text(const line_offset& o) {
  const std::string within = brief_time(o.uncertainty).text, size = with_interval(o.size, o.uncertainty);
  switch (o.kind) {
  case line_offset::law::unknown: return "unknown: too few runs";
  case line_offset::law::none: return absl::StrCat("none within ", within);
  case line_offset::law::constant: return absl::StrCat("constant ", size, not_with(o));
  case line_offset::law::drift: return absl::StrFormat("a drift of %.3f ppm", o.rate * 1e-3);
  case line_offset::law::after_switch: return absl::StrCat(size, ", with the clock source");
  case line_offset::law::with_load: return absl::StrCat(size, ", with load");
  case line_offset::law::with_migration: return absl::StrCat(size, ", with migration");
  case line_offset::law::irregular: return "irregular";
  }
  return {};
}

} // namespace

void describe(const wake_recorder& recorder, wake_setting& setting) {
  setting.traced = recorder.traced(), setting.why_not = recorder.why_not();
  setting.lost = recorder.lost(), setting.missing = recorder.missing();
  setting.why_no_retries = recorder.why_no_retries();
  setting.counter_rate = to_string(recorder.calibration());
}

std::string describe_scheduling(int priority) {
  const auto policy = policy_of(0);
  const std::string name = policy ? policy->name : "unknown policy";
  if (priority != 0) return absl::StrCat(name, ", priority ", priority);
  std::error_code ec;
  const nanoseconds slack = takt::timer_slack(ec);
  return absl::StrCat(name, ", timer slack ", ec ? "unknown" : slack_under(slack, policy));
}

std::string series_name(bool loaded) { return loaded ? "load" : "idle"; }

nanoseconds quantile_of(std::vector<nanoseconds> values, double q) {
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, values.size()) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

wake_results::wake_results(std::vector<wake_record> taken) : records(std::move(taken)) {
  std::vector<line_offset::sample> counters;
  for (wake_record& w : records) {
    w.counter.migrated = w.run.migrated();
    counters.push_back(w.counter);
    runs.push_back(w.run);
  }
  kernel = line_offset::find(takt::wake_summary::kernel_samples(runs));
  counter = line_offset::find(counters);
  if (kernel.kind == line_offset::law::constant) {
    for (wake_run& r : runs) r.shift_kernel(-kernel.size);
    for (wake_record& w : records) w.run.shift_kernel(-kernel.size);
  }
  summary = takt::wake_summary::of(runs);
}

std::vector<std::pair<std::string, json>> facts_of(const wake_record& w) {
  const wake_run& r = w.run;
  std::vector<std::pair<std::string, json>> facts{
      {"number", r.id},
      {"series", series_name(r.loaded)},
      {"migrated", r.migrated()},
      {"kernel_migrated", or_null(r.kernel_migrated)},
      {"user_migrated", or_null(r.user_migrated())},
      {"cpu_before", or_null(r.cpu_before)},
      {"cpu_after", or_null(r.cpu_after)},
      {"from_cpu", cpu_or_null(r.from_cpu)},
      {"target_cpu", cpu_or_null(r.target_cpu)},
      {"timer_cpu", cpu_or_null(r.timer_cpu)},
      {"from_idle", or_null(r.from_idle)},
      {"moved_later", r.moved_later},
      {"preempted", r.preempted},
      {"expiry_ns", or_null(r.at(moment::expiry))},
  };
  for (const moment end : ends) facts.emplace_back("to_" + key_of(end) + "_ns", or_null(r.stage(end)));
  facts.insert(facts.end(), {
      {"latency_ns", or_null(r.between(moment::expiry, moment::first_reading))},
      {"waking_to_first_ns", or_null(r.between(moment::waking, moment::first_reading))},
      {"whole_ns", or_null(r.between(moment::expiry, moment::second_reading))},
      {"first_read_ns", rounded(w.first_read_ns)},
      {"mark_ns", r.mark ? or_null(*r.mark - *r.at(moment::second_reading)) : json()},
      {"after_mark_ns", or_null(r.after_mark - *r.at(moment::second_reading))},
      {"retried", or_null(r.retried)},
      {"updates", or_null(w.updates)},
      {"source_before", r.source_before},
      {"source_after", r.source_after},
      {"switched", r.switched()},
      {"shift_ns", rounded(w.shift_ns)},
      {"shift_uncertainty_ns", rounded(w.shift_uncertainty_ns)},
      {"suspended", w.guard.suspended()},
      {"stepped", w.guard.was_stepped()},
      {"guard", to_string(w.guard)},
  });
  return facts;
}

std::string three_numbers(const wake_results& results, const wake_setting& setting) {
  std::string text;
  for (const auto& s : results.summary.by_series) {
    std::vector<std::string> parts;
    bool moved = false;
    for (const auto& c : results.summary.by_class) {
      if (c.loaded != s.loaded) continue;
      moved = moved || c.migrated;
      parts.push_back(absl::StrCat(c.migrated ? absl::StrCat("migrated (", percent(s.share_migrated()).text, ") ") : "",
                                   with_interval(setting.traced ? c.waking_to_first : c.expiry_to_first)));
    }
    if (!moved) parts.push_back(absl::StrCat("migrated ", percent(s.share_migrated()).text));
    absl::StrAppend(&text, s.loaded ? "Load: " : "Idle: ", setting.traced ? "waking" : "expiry", " to reading ",
                    absl::StrJoin(parts, ", "), ".\n");
  }
  const line_offset& o = setting.traced ? results.kernel : results.counter;
  return absl::StrCat(text, setting.traced ? "Kernel's" : "Clock's", " offset: ", offset_text(o), ".");
}

section classes_section(const wake_results& results, const wake_setting& setting) {
  section s{"classes", "From waking to the first reading, by class", {}, table{}, {}};
  for (const auto& series : results.summary.by_series) {
    const std::string name = series_name(series.loaded);
    const bool kernel = series.kernel_known != 0;
    s.add("migrated_" + name, "migrated, " + name, percent(series.share_migrated()),
          kernel ? absl::StrCat(series.migrated_kernel, " of ", series.kernel_known, " by sched_migrate_task; ",
                                series.migrated_user, " by the CPU before and after")
                 : absl::StrCat(series.migrated_user, " of ", series.runs, " by the CPU before and after"));
  }
  table& t = *s.table;
  t.names = 2;
  t.columns = {{"series", "series"},
               {"migrated", "migrated"},
               {"runs", "runs", true},
               {"waking_to_first_ns", setting.traced ? "waking to first, median" : "", true},
               {"waking_low_ns", setting.traced ? "95 % from" : "", true},
               {"waking_high_ns", setting.traced ? "to" : "", true},
               {"waking_within_ns", "", true},
               {"latency_ns", "expiry to first, median", true},
               {"latency_low_ns", "95 % from", true, true},
               {"latency_high_ns", "to", true, true},
               {"latency_within_ns", "", true}};
  for (const auto& c : results.summary.by_class) {
    const auto& w = c.waking_to_first;
    const auto& l = c.expiry_to_first;
    t.rows.push_back({word(series_name(c.loaded)), yes_no(c.migrated), count(c.runs),
                      time_or_dash(w.count != 0, w.middle), time_or_dash(w.has_interval, w.low),
                      time_or_dash(w.has_interval, w.high), time_or_dash(w.has_interval, reach(w)),
                      time_or_dash(l.count != 0, l.middle), time_or_dash(l.has_interval, l.low),
                      time_or_dash(l.has_interval, l.high), time_or_dash(l.has_interval, reach(l))});
  }
  if (t.rows.empty()) s.remarks.push_back("No wake-up was taken.");
  return s;
}

section offsets_section(const wake_results& results, const wake_setting& setting) {
  section s{"offsets", "Whether two time lines are apart, and what that goes with", {}, table{}, {}};
  s.table->columns = {{"lines", "lines"},
                      {"offset", "offset"},
                      {"size_ns", "size", true},
                      {"uncertainty_ns", "+/-", true},
                      {"ppm", "", true},
                      {"with_migration", "with migration"},
                      {"with_load", "with load"},
                      {"with_source", "with the source"},
                      {"runs", "runs", true}};
  bool all_known = true;
  const auto row = [&](const char* lines, const line_offset& o) {
    all_known = all_known && o.by_migration.differs && o.by_load.differs && o.by_source.differs;
    const bool known = o.kind != line_offset::law::unknown && o.kind != line_offset::law::irregular;
    const bool drifts = o.kind == line_offset::law::drift;
    s.table->rows.push_back(
        {word(lines),
         drifts ? value{absl::StrFormat("drift, %.3f ppm", o.rate * 1e-3), "drift"} : word(as_absl(line_offset::to_string(o.kind))),
         time_or_dash(known, o.size), time_or_dash(known, o.uncertainty),
         drifts ? value{"", std::round(o.rate) * 1e-3} : value{"", nullptr}, yes_no(o.by_migration.differs),
         yes_no(o.by_load.differs), yes_no(o.by_source.differs), count(o.samples)});
  };
  const line_offset& first = setting.traced ? results.kernel : results.counter;
  const auto classes = [&](const std::string& key, const char* label, const line_offset::comparison& c) {
    if (!c.differs) return;
    s.add(key + "_ns", label, brief_time(c.difference), absl::StrCat("+/- ", brief_time(c.uncertainty).text));
    s.add_aside(key + "_uncertainty_ns", brief_time(c.uncertainty), "");
  };
  classes("by_migration", "migrated and others apart by", first.by_migration);
  classes("by_load", "idle and load apart by", first.by_load);
  classes("by_source", "clock sources apart by", first.by_source);
  if (setting.traced) row("kernel's stamp - reading", results.kernel);
  row("reading - counter's line", results.counter);
  if (setting.traced && results.kernel.kind == line_offset::law::constant)
    s.remarks.push_back("The kernel's stamps are shown less this offset: the stages are on the time line of the readings.");
  if (!all_known) s.remarks.push_back("Unknown: there is one class of runs alone, or too few runs.");
  return s;
}

section series_section(const wake_results& results) {
  section s{"series", "What each series counted", {}, table{}, {}};
  s.table->columns = {{"series", "series"},
                      {"runs", "runs", true},
                      {"complete", "all stages known", true},
                      {"migrated_kernel", "migrated: kernel", true},
                      {"migrated_user", "user space", true},
                      {"from_idle", "woke an idle CPU", true},
                      {"retried", "first reading retried", true},
                      {"switched", "source switched", true},
                      {"disturbed", "clocks set or suspended", true}};
  for (const auto& x : results.summary.by_series) {
    std::size_t disturbed = 0;
    for (const wake_record& w : results.records)
      disturbed += w.run.loaded == x.loaded && (w.guard.suspended() || w.guard.was_stepped());
    const auto if_known = [](bool known, std::size_t n) { return known ? count(n) : value{"-", nullptr}; };
    const bool traced = x.kernel_known != 0;
    s.table->rows.push_back({word(series_name(x.loaded)), count(x.runs), if_known(traced, x.complete),
                             if_known(traced, x.migrated_kernel), count(x.migrated_user),
                             if_known(traced, x.from_idle), if_known(x.retries_known != 0, x.retried),
                             count(x.switched), count(disturbed)});
  }
  return s;
}

section stages_section(const wake_results& results, const wake_setting& setting) {
  section s{"stages", "The stages of a wake-up: the time up to each moment from the one before", {}, table{}, {}};
  table& t = *s.table;
  t.names = 3;
  t.columns = {{"stage", "up to"}, {"series", "series"}, {"migrated", "migrated"}, {"runs", "runs", true},
               {"median_ns", "median", true}, {"p99_ns", "p99", true}, {"most_ns", "most", true}};
  table brief;
  brief.columns.push_back({"stage", "up to"});
  struct line {
    std::string key, text;
    std::function<std::optional<nanoseconds>(const wake_run&)> of;
  };
  std::vector<line> lines;
  for (const moment end : ends)
    if (setting.traced || end == moment::first_reading || end == moment::second_reading)
      lines.push_back({key_of(end), moment_text(end), [end](const wake_run& r) { return r.stage(end); }});
  if (setting.traced) {
    lines.push_back({"waking to first reading", "waking to first reading",
                     [](const wake_run& r) { return r.between(moment::waking, moment::first_reading); }});
    lines.push_back({"expiry to first reading", "expiry to first reading",
                     [](const wake_run& r) { return r.between(moment::expiry, moment::first_reading); }});
  }
  lines.push_back({"whole", "whole",
                   [](const wake_run& r) { return r.between(moment::expiry, moment::second_reading); }});
  for (const line& l : lines) brief.rows.push_back({word(l.text)});
  for (const auto& series : results.summary.by_series) {
    const std::string name = series_name(series.loaded);
    for (const char* const what : {"median", "p99", "most"})
      brief.columns.push_back({absl::StrCat(name, "_", what, "_ns"), absl::StrCat(name, " ", what), true});
    const auto add = [&](std::optional<bool> migrated) {
      for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto values = values_of(results, [&](const wake_run& r) -> std::optional<nanoseconds> {
          if (r.loaded != series.loaded || (migrated && r.migrated() != *migrated)) return std::nullopt;
          return lines[i].of(r);
        });
        std::vector<value> cells;
        cells.push_back(time_or_dash(!values.empty(), takt::wake_summary::median_of(values).middle));
        for (const double q : {0.99, 1.0})
          cells.push_back(values.empty() ? value{"-", nullptr} : brief_time(quantile_of(values, q)));
        if (!migrated) brief.rows[i].insert(brief.rows[i].end(), cells.begin(), cells.end());
        std::vector<value> row{{lines[i].text, lines[i].key}, word(name), migrated ? yes_no(*migrated) : value{"all", nullptr},
                               count(values.size())};
        row.insert(row.end(), cells.begin(), cells.end());
        t.rows.push_back(std::move(row));
      }
    };
    add(std::nullopt);
    for (const auto& c : results.summary.by_class)
      if (c.loaded == series.loaded) add(c.migrated);
  }
  s.brief_table = std::move(brief);
  return s;
}

section histogram_section(const wake_results& results, moment from, bool detailed) {
  section s{"histogram_from_" + key_of(from), absl::StrCat("From ", from == moment::waking ? "waking" : "expiry", " to the first reading"),
            {}, table{}, {}};
  s.detailed = detailed;
  // Bounds in steps of about a half.
  std::vector<std::int64_t> bounds{0};
  for (std::int64_t decade = 100; decade <= 1'000'000'000; decade *= 10)
    for (const std::int64_t tenth : {10, 15, 20, 30, 50, 70}) bounds.push_back(decade * tenth / 10);
  struct counted {
    bool loaded;
    std::vector<std::uint64_t> counts;
  };
  std::vector<counted> all;
  std::size_t first = bounds.size(), last = 0;
  for (const auto& series : results.summary.by_series) {
    counted c{series.loaded, std::vector<std::uint64_t>(bounds.size())};
    for (const wake_run& r : results.runs) {
      const auto t = r.between(from, moment::first_reading);
      if (r.loaded != series.loaded || !t) continue;
      const auto above = std::upper_bound(bounds.begin(), bounds.end(), t->count());
      const auto bin = static_cast<std::size_t>(std::max<std::ptrdiff_t>(above - bounds.begin(), 1) - 1);
      ++c.counts[bin];
      first = std::min(first, bin), last = std::max(last, bin);
    }
    all.push_back(std::move(c));
  }
  table& t = *s.table;
  t.columns = {{"from_ns", "from", true}};
  for (const counted& c : all) {
    t.columns.push_back({series_name(c.loaded), series_name(c.loaded), true});
    t.columns.push_back({"", ""});
  }
  for (std::size_t i = first; i <= last && i < bounds.size(); ++i) {
    std::vector<value> row{brief_time(nanoseconds(bounds[i]))};
    for (const counted& c : all) {
      constexpr double columns = 24;
      const auto most = static_cast<double>(std::max<std::uint64_t>(1, *std::max_element(c.counts.begin(), c.counts.end())));
      const double length = c.counts[i] == 0 ? 0 : std::max(1.0, std::round(columns * static_cast<double>(c.counts[i]) / most));
      row.push_back(count(c.counts[i]));
      row.push_back(word(std::string(static_cast<std::size_t>(length), '#')));
    }
    t.rows.push_back(std::move(row));
  }
  return s;
}

section setting_section(const wake_results& results, const wake_setting& setting) {
  section s{"setting", "How they were taken", {}, {}, {}};
  std::set<std::string> sources;
  std::size_t preempted = 0, moved_later = 0, unmarked = 0;
  for (const wake_record& w : results.records) {
    sources.insert(w.run.source_before), sources.insert(w.run.source_after);
    preempted += w.run.preempted != 0, moved_later += w.run.moved_later != 0, unmarked += !w.run.mark;
  }
  s.add("runs", "runs", count(results.runs.size()));
  s.add("sleep_ns", "sleep before each", time_value(setting.sleep));
  s.add("scheduling", "scheduling", word(setting.scheduling));
  s.add("load_cpus", "CPUs with a worker under load", {setting.load_cpus.empty() ? "none" : cpu_list(setting.load_cpus), setting.load_cpus});
  s.add("sources", "clock source", list({sources.begin(), sources.end()}));
  s.add("counter", "the counter against the clock", word(setting.counter_rate));
  s.add("retries_known", "repeated readings", setting.why_no_retries.empty() ? value{"known", true} : value{"unknown", false},
        setting.why_no_retries.empty() ? "sequence number of the vDSO's data page" : setting.why_no_retries);
  s.add("traced", "the kernel's events", yes_no(setting.traced), setting.traced ? "tracefs, trace clock mono" : "");
  if (!setting.traced) {
    s.add("why_not", "because", word(setting.why_not));
    s.remarks.push_back("Without the kernel's events the stages between expiry and first reading, the migrations of the "
                        "kernel and the offset of its stamps are missing; what user space sees alone is shown.");
    return s;
  }
  s.add("lost", "lost events", count(setting.lost));
  s.add("without_events", "runs without a mark in the recording", count(unmarked));
  s.add("preempted", "runs preempted before the mark", count(preempted));
  s.add("moved_later", "runs moved again after the wake-up", count(moved_later));
  if (!setting.missing.empty()) s.add("missing", "events this kernel does not have", list(setting.missing));
  s.remarks.push_back("Each run has a number, which the thread writes into the kernel's recording before it sleeps and "
                      "after its second reading (trace_marker). The kernel's stamp of the second mark and the readings "
                      "around it compare the time lines.");
  return s;
}

section runs_section(const wake_results& results) {
  section s{"runs", "All runs", {}, table{}, {}};
  s.detailed = true;
  struct shown {
    const char* key;
    const char* heading;
  };
  constexpr shown for_people[] = {{"number", "run"}, {"series", "series"}, {"kernel_migrated", "migrated"},
                                  {"cpu_before", "CPU before"}, {"cpu_after", "after"},
                                  {"waking_to_first_ns", "waking to first"}, {"latency_ns", "expiry to first"},
                                  {"first_read_ns", "first read"}, {"retried", "retried"}};
  for (const wake_record& w : results.records) {
    std::vector<value> row;
    const auto facts = facts_of(w);
    for (const auto& [key, data] : facts) {
      if (s.table->rows.empty()) {
        const auto* const known = std::find_if(std::begin(for_people), std::end(for_people),
                                               [&k = key](const shown& x) { return k == x.key; });
        s.table->columns.push_back({key, known == std::end(for_people) ? "" : known->heading, !data.is_string()});
      }
      std::string text = "-";
      if (data.is_boolean()) text = data.get<bool>() ? "yes" : "no";
      else if (data.is_string()) text = data.get<std::string>();
      else if (data.is_number() && key.ends_with("_ns")) text = brief_time(nanoseconds(data.get<std::int64_t>())).text;
      else if (data.is_number()) text = data.dump();
      row.push_back({std::move(text), data});
    }
    s.table->rows.push_back(std::move(row));
  }
  return s;
}

} // namespace tool
