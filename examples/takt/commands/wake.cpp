// takt wake - where the time between a timer's expiry and its thread's first reading of the clock goes.
#include "command.hpp"
#include "stop.hpp"
#include "model/load_workers.hpp"
#include "model/this_machine.hpp"
#include "model/wake_recorder.hpp"
#include "output/document.hpp"
#include "output/html_page.hpp"
#include "output/output_file.hpp"
#include "output/wake_document.hpp"
#include "output/wake_picture.hpp"
#include <absl/strings/str_cat.h>
#include <optional>
#include <takt/kernel/realtime.hpp>
#include <takt/kernel/timer_slack.hpp>

namespace tool {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

struct : flag_set {
  flag<int> runs{this, "runs", "N", "The number of wake-ups of each series", 200};
  flag<duration> sleep{this, "sleep", "TIME", "The time from arming the timer to its expiry", {2ms}};
  flag<bool> idle{this, "idle", "Take only the series without load"};
  flag<bool> load{this, "load", "Take only the series under load"};
  flag<std::string> load_cpus{this, "load-cpus", "LIST", "Load these CPUs, as 0-2,5, not all of this process"};
  flag<int> priority{this, "priority", "N", "Run the thread under SCHED_FIFO, 1 to 99; 0: as it is", 0};
  flag<bool> user_space{this, "user-space", "Do without the kernel's events"};
  details_flag details{this};
  flag<std::string> svg{this, "svg", "FILE", "Draw stages and runs into FILE, as a picture for browsers"};
  flag<std::string> html{this, "html", "FILE", "Write tables and pictures into FILE, as one page for browsers"};
} flags;

/// What is kept of each run is some 1000 bytes.
constexpr int max_runs = 1'000'000;

exit_code run() {
  const int runs = *flags.runs;
  const nanoseconds sleep = flags.sleep->value;
  if (runs <= 0 || runs > max_runs) return wrong_usage("--runs wants a number from 1 to 1000000");
  if (sleep <= 0s || sleep > 1min) return wrong_usage("--sleep wants a time above zero and up to a minute");
  if (*flags.idle && (*flags.load || !flags.load_cpus->empty()))
    return wrong_usage("--idle leaves the load out: it goes with neither --load nor --load-cpus");
  if (*flags.priority < 0 || *flags.priority > 99) return wrong_usage("--priority wants a number from 0 to 99");
  std::error_code ec;
  wake_setting setting;
  setting.sleep = sleep;
  if (flags.load_cpus->empty()) setting.load_cpus = usable_cpus();
  else if (!parse_cpus(*flags.load_cpus, setting.load_cpus))
    return wrong_usage("--load-cpus wants a list of CPUs in ascending order, as 0-2,5");
  else if (const std::string why = why_unusable(setting.load_cpus); !why.empty()) return could_not(why);
  output_file svg, html;
  if (const exit_code c = svg.open(*flags.svg); c != exit_code::done) return c;
  if (const exit_code c = html.open(*flags.html, "--html"); c != exit_code::done) return c;

  wake_recorder recorder(*flags.user_space ? "--user-space" : "", ec);
  if (ec) return could_not("the counter cannot be measured against the kernel's clock", ec);
  std::vector<wake_record> records;
  for (const bool loaded : {false, true}) {
    if ((loaded && *flags.idle) || (!loaded && *flags.load) || stop_wanted()) continue;
    // Workers first: threads inherit a real-time policy.
    const auto workers = loaded ? std::make_unique<load_workers>(setting.load_cpus, ec) : nullptr;
    if (ec) return could_not("pinning a worker to a CPU", ec);
    std::optional<takt::scoped_realtime<>> realtime;
    if (*flags.priority != 0) realtime.emplace(takt::realtime_policy::fifo, *flags.priority, ec);
    if (ec) return could_not("SCHED_FIFO needs CAP_SYS_NICE or a limit that allows it (ulimit -r)", ec);
    std::error_code no_slack; // of a real-time thread: it has none
    const takt::scoped_timer_slack tight(1ns, no_slack);
    setting.scheduling = describe_scheduling(*flags.priority);
    const exit_code taken =
        recorder.series(runs, sleep, loaded, {}, [&](wake_record&& w) { records.push_back(std::move(w)); });
    if (taken != exit_code::done) return taken;
  }
  describe(recorder, setting);

  const wake_results results(std::move(records));
  document d;
  d.headline = results.runs.empty() ? "Stopped before a wake-up was complete." : three_numbers(results, setting);
  d.with_details = *flags.details;
  d.sections = {classes_section(results, setting), offsets_section(results, setting), series_section(results),
                stages_section(results, setting),
                histogram_section(results, takt::wake_run::moment::expiry, false)};
  if (setting.traced) d.sections.push_back(histogram_section(results, takt::wake_run::moment::waking, true));
  d.sections.push_back(setting_section(results, setting));
  d.sections.push_back(runs_section(results));
  print(d);
  if (!svg.wanted() && !html.wanted()) return exit_code::done;
  picture_origin origin{"From a timer's expiry to the first reading of the clock",
                        absl::StrCat("takt wake --runs ", runs), describe_this_machine(), date_of_today()};
  if (sleep != 2ms) absl::StrAppend(&origin.command, " --sleep ", AbslUnparseFlag(duration{sleep}));
  if (*flags.idle) absl::StrAppend(&origin.command, " --idle");
  if (*flags.load) absl::StrAppend(&origin.command, " --load");
  if (*flags.user_space) absl::StrAppend(&origin.command, " --user-space");
  if (!flags.load_cpus->empty()) absl::StrAppend(&origin.command, " --load-cpus ", *flags.load_cpus);
  if (*flags.priority != 0) absl::StrAppend(&origin.command, " --priority ", *flags.priority);
  if (const exit_code c = svg.write([&] { return draw_wake_svg(results, setting, origin); }); c != exit_code::done)
    return c;
  picture_origin part = origin;
  part.date.clear();
  d.sections.pop_back(); // a page of every run would be long
  return html.write([&] { return html_page(d, origin, {draw_wake_svg(results, setting, part)}); });
}

const registered entry({
    .name = "wake",
    .group = group::wake_ups,
    .place = 1,
    .summary = "where the time from a timer's expiry to the first reading of the clock goes",
    .description =
        "Sleeps until a timer expires, reads the clock, and repeats that: a series of runs on the idle machine, and "
        "one under load, by threads that are pinned to CPUs so that migration becomes likely. Each run has its "
        "moments in nanoseconds on one time line: expiry asked for, timer interrupt, the timer's handler, "
        "sched_waking, sched_wakeup, sched_switch to the thread, its first reading of the clock and its second.\n\n"
        "The first lines answer three questions. What is the median from waking to the first reading, idle and under "
        "load, for the runs that did not migrate and for those that did? It stands with its 95 % confidence interval. "
        "How many wake-ups migrated the thread? A wake-up migrated if the kernel reports it (sched_migrate_task between "
        "waking and wakeup). Are the kernel's stamps and the thread's readings apart: not at all, by a constant, by a "
        "drift, or only after a switch of the clock source; and does that go with migration, load or clock source? "
        "The table also shows how often the CPU before the sleep was not the CPU after it.\n\n"
        "The kernel's stamps need root and a mounted tracefs (mount -t tracefs nodev /sys/kernel/tracing). The tool "
        "makes a tracing instance of its own and removes it at the end. Without tracefs the command shows only what "
        "user space sees, and names what is missing. With --json all runs are printed, each with its clock source, "
        "its run guard, and whether the first reading had to be repeated.",
    .example = "takt wake --html wake.html   # a page with tables and pictures",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
