// takt switch-window - what a wake-up costs, and what it does to the clocks, when the clock source changes meanwhile.
#include "command.hpp"
#include "stop.hpp"
#include "model/load_workers.hpp"
#include "model/scoped_clocksource.hpp"
#include "model/wake_recorder.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include "output/wake_document.hpp"
#include <absl/strings/str_cat.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <thread>

namespace tool {
namespace {

struct : flag_set {
  flag<int> runs{this, "runs", "N", "The number of wake-ups", 1000};
  flag<duration> sleep{this, "sleep", "TIME", "The time from arming the timer to its expiry", {std::chrono::milliseconds(2)}};
  flag<bool> load{this, "load", "Load every CPU of this process meanwhile, as takt wake does"};
  flag<bool> provoke{this, "provoke", "Change the clock source in every second wake-up"};
  agreement_flag agreed{this};
  details_flag details{this};
} flags;

using std::chrono::nanoseconds;
using moment = takt::wake_run::moment;

/// Each run takes some 1000 bytes of memory.
constexpr int max_runs = 1'000'000;

double median(std::vector<double> x) {
  if (x.empty()) return std::nan("");
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}
/// Returns: the median distance from the median.
double spread(const std::vector<double>& x) {
  const double m = median(x);
  std::vector<double> d;
  for (const double v : x) d.push_back(std::abs(v - m));
  return median(d);
}

using records = std::vector<const wake_record*>;
template <class F> std::vector<double> values(const records& runs, F&& of) {
  std::vector<double> result;
  for (const wake_record* r : runs) result.push_back(of(*r));
  return result;
}

/// Changes the clock source once, half way through the sleep of the thread that made it.
class provocation {
public:
  provocation(scoped_clocksource& source, std::string to, nanoseconds at)
      : thread_([&source, to = std::move(to), at] {
          std::this_thread::sleep_for(at);
          std::error_code seen_by_the_run_itself;
          source.select(to, seen_by_the_run_itself);
        }) {}
  ~provocation() { thread_.join(); }
  provocation(const provocation&) = delete;
  provocation& operator=(const provocation&) = delete;

private:
  std::thread thread_;
};

json as_json(const wake_record& w) {
  json line{{"event", "run"}};
  for (const auto& [key, data] : facts_of(w)) line[key] = data;
  return line;
}

document summary(const wake_results& results, const wake_setting& setting) {
  section s{"switch_window", "Wake-ups with and without a switch of the clock source", {}, table{}, {}};
  s.table->columns = {{"switched", "switched"}, {"migrated", "migrated"}, {"runs", "runs", true},
                      {"latency_ns", "latency", true}, {"first_read_ns", "first read", true},
                      {"retries", "first read retried", true}, {"shift_ns", "shift", true}, {"shift_spread_ns", "+/-", true}};
  s.table->names = 2;
  records with, without;
  std::map<std::string, records> by_source;
  for (const wake_record& w : results.records) {
    (w.run.switched() ? with : without).push_back(&w);
    by_source[w.run.source_after].push_back(&w);
  }
  const auto shift = [](const wake_record& w) { return w.shift_ns; };
  const auto first_read = [](const wake_record& w) { return w.first_read_ns; };
  for (const bool switched : {false, true}) {
    for (const bool migrated : {false, true}) {
      records some;
      std::size_t retried = 0, known = 0;
      for (const wake_record* w : switched ? with : without) {
        if (w->run.migrated() != migrated) continue;
        some.push_back(w);
        known += w->run.retried.has_value(), retried += w->run.retried.value_or(false);
      }
      if (some.empty()) {
        s.table->rows.push_back({yes_no(switched), yes_no(migrated), count(0), unknown(), unknown(), unknown(), unknown(), unknown()});
        continue;
      }
      const auto latency = values(some, [](const wake_record& w) {
        return static_cast<double>(w.run.between(moment::expiry, moment::first_reading)->count());
      });
      const auto shifts = values(some, shift);
      s.table->rows.push_back({yes_no(switched), yes_no(migrated), count(some.size()), time_value(median(latency)),
                               time_value(median(values(some, first_read))), known != 0 ? count(retried) : unknown(),
                               time_value(median(shifts)), time_value(spread(shifts))});
    }
  }
  for (const auto& [source, runs] : by_source) {
    s.add(absl::StrCat("first_read_ns_", source), absl::StrCat("first read on ", source),
          time_value(median(values(runs, first_read))));
  }
  s.add("runs", "runs", count(results.runs.size()));
  s.add("switches", "with a switch inside", count(with.size()));

  // An offset of constant size: the shifts with a switch lie close together, and apart from those without one by more
  // than both scatter and can be read.
  std::string lesson;
  if (with.size() < 3 || without.size() < 3) {
    s.add("constant_offset", "an offset that comes with a switch", unknown(), "needs three runs of each kind");
    lesson = "Too few to compare.";
  } else {
    const auto uncertainty = [](const wake_record& w) { return w.shift_uncertainty_ns; };
    const auto a = values(with, shift), b = values(without, shift);
    const double size = median(a) - median(b);
    const double doubt = spread(a) + spread(b) + median(values(with, uncertainty)) + median(values(without, uncertainty));
    const bool apart = std::abs(size) > 3 * doubt;
    s.add("constant_offset", "an offset that comes with a switch", yes_no(apart));
    s.add("offset_ns", "its size", apart ? time_value(size) : unknown());
    s.add("doubt_ns", "known to", time_value(doubt));
    lesson = apart ? absl::StrCat("A switch moves the clock by ", time_value(size).text, ".") : "A switch moves the clock by no constant offset.";
  }
  s.remarks.push_back("Medians. Latency: from the timer's expiry to the first reading of the clock. Retried: the kernel was writing "
                      "what the vDSO reads, by its sequence number. Shift: how far the counter moved against CLOCK_MONOTONIC "
                      "across the wake-up.");
  document d;
  d.headline = absl::StrCat("Wake-ups: ", count(results.runs.size()).text, "; with a switch of the clock source inside: ", count(with.size()).text, ". ", lesson);
  d.with_details = *flags.details;
  d.sections = {std::move(s), offsets_section(results, setting), stages_section(results, setting), setting_section(results, setting)};
  return d;
}

exit_code run_command() {
  const int wanted = *flags.runs;
  const nanoseconds interval = flags.sleep->value;
  const bool provoke = *flags.provoke;
  if (wanted <= 0 || wanted > max_runs) return wrong_usage("--runs wants a number from 1 to 1000000");
  if (interval <= nanoseconds::zero() || interval > std::chrono::minutes(1)) return wrong_usage("--sleep wants a time above zero and up to a minute");
  if (provoke && !may_change_this_machine(flags.agreed, "--provoke")) return exit_code::wrong_usage;

  std::error_code ec;
  wake_recorder recorder("", ec);
  if (ec) return could_not("the counter cannot be measured against the kernel's clock", ec);

  std::unique_ptr<scoped_clocksource> source;
  std::vector<std::string> offered;
  if (provoke) {
    offered = takt::clocksource::available();
    if (offered.size() < 2) return could_not("the kernel offers one clock source alone: nothing to change to");
    source = std::make_unique<scoped_clocksource>(ec);
    if (ec) return cannot_hold(ec);
    // Refused at the first try, or not at all: otherwise every run would say that nothing was switched.
    source->select(source->original(), ec);
    if (ec) return could_not("changing the clock source needs root", ec);
  }
  wake_setting setting;
  setting.sleep = interval;
  if (*flags.load) setting.load_cpus = usable_cpus();
  const auto load = *flags.load ? std::make_unique<load_workers>(setting.load_cpus, ec) : nullptr;
  if (ec) return could_not("pinning a worker to a CPU", ec);
  const takt::scoped_timer_slack tight(nanoseconds(1), ec); // real-time threads have none

  std::vector<wake_record> taken;
  int number = 0;
  const auto prepare = [&](const std::string& now, nanoseconds until_expiry) -> std::shared_ptr<void> {
    if (!provoke || number++ % 2 == 0) return nullptr;
    const auto here = std::find(offered.begin(), offered.end(), now);
    const bool last = here == offered.end() || here + 1 == offered.end();
    return std::make_shared<provocation>(*source, last ? offered.front() : *(here + 1), until_expiry / 2);
  };
  exit_code result = recorder.series(wanted, interval, *flags.load, prepare, [&](wake_record&& w) {
    if (json_wanted()) print_line(as_json(w));
    taken.push_back(std::move(w));
  });
  if (source) {
    const exit_code restored = source->restore();
    if (result == exit_code::done) result = restored;
  }
  setting.scheduling = describe_scheduling(0);
  describe(recorder, setting);
  print_summary(summary(wake_results(std::move(taken)), setting));
  return result;
}

const registered entry({
    .name = "switch-window",
    .group = group::over_time,
    .place = 4,
    .summary = "what a wake-up sees when the clock source changes meanwhile",
    .description = "Sleeps until a timer expires, reads the clock, and repeats that many times. For each wake-up "
                   "it records the clock source and the CPU before and after, how late the first reading was, "
                   "what it cost, whether it had to be repeated, how far the counter moved against the kernel's "
                   "clock, and all that takt wake records of a run. It separates the wake-ups during which the clock source changed from the others, and "
                   "those in which the thread moved to another CPU from those in which it stayed. It concludes "
                   "whether an offset of constant size comes with changes of the clock source alone. A source "
                   "that was left and taken again within one wake-up counts as unchanged.\n\n"
                   "Without --provoke it waits for changes that happen by themselves. With --provoke it changes "
                   "the clock source in every second wake-up, and goes back at the end; that needs root and "
                   "--yes-change-this-machine. With --json each wake-up is a line of its own.",
    .example = "takt switch-window --runs 200 --provoke --yes-change-this-machine   # on a machine that serves no one else",
    .flags = &flags,
    .run = &run_command,
});

} // namespace
} // namespace tool
