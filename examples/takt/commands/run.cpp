// takt run - a program that was not written for takt, with its waits on the machine's grid.
#include "command.hpp"
#include "stop.hpp"
#include "model/preload_object.hpp"
#include "model/program_file.hpp"
#include "model/run_measure.hpp"
#include "output/document.hpp"
#include "output/run_document.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <takt/kernel/timer_slack.hpp>
#include <unistd.h>

namespace tool {
namespace {

using std::chrono::nanoseconds;

struct : flag_set {
  flag<duration> slack{
      this, "slack", "TIME", "A wait may end up to TIME after its deadline", {std::chrono::milliseconds(10)}};
  flag<std::string> share{this, "share", "PERCENT", "A wait is moved by no more than PERCENT of its length", "10%"};
  flag<std::string> waits{this, "waits", "LIST", "Move only these waits, as poll,sleep,timerfd; see the list above",
                          "all"};
  flag<bool> kernel_only{this, "kernel-only", "Preload nothing: set the kernel's timer slack to the whole --slack"};
  flag<bool> explain{this, "explain", "Say what would be done for PROGRAM, and do not start it"};
  flag<bool> report{this, "report",
                    "Print a report on standard error when PROGRAM has ended; may run it twice, see above"};
  flag<bool> once{this, "once", "With --report: run PROGRAM once, and compare nothing"};
  flag<bool> quiet{this, "quiet", "Say nothing before PROGRAM starts"};
  flag<std::string> print_unit{this, "print-unit", "NAME", "Print a drop-in for the service NAME of systemd"};
} flags;

/// The kernel's slack beside the object: enough to join a neighbour's interrupt, and too little to be felt.
constexpr nanoseconds small_slack = std::chrono::milliseconds(1);

/// Reads --share and --waits. Returns: whether they are right; if not, `error` says what is wrong.
bool read_flags(run_plan& plan, std::string& error) {
  plan.wanted.allowed.slack = flags.slack->value;
  if (flags.slack->value <= nanoseconds::zero() || flags.slack->value > preload::longest_slack)
    return error = "--slack wants more than 0 and at most 1h", false;
  double percent = 0;
  const absl::string_view share = absl::StripSuffix(*flags.share, "%");
  if (!absl::SimpleAtod(share, &percent) || !(percent > 0) || percent > 100)
    return error = absl::StrCat("--share wants a percentage above 0 and up to 100, as 10%, not '", *flags.share, "'"),
           false;
  plan.wanted.allowed.share_ppm = static_cast<std::uint32_t>(std::lround(percent * 10'000));
  if (plan.wanted.allowed.share_ppm == 0) return error = "--share wants 0.0001% or more", false;
  plan.wanted.families = *flags.waits == "all" ? preload::all_families : preload::read_families(*flags.waits, ',');
  if (plan.wanted.families == 0)
    return error = absl::StrCat("--waits wants names from the list ",
                                absl::StrJoin(names_of(preload::all_families), ","), "; not '", *flags.waits, "'"),
           false;
  return true;
}

void decide(run_plan& plan) {
  plan.preloads = !plan.kernel_only && (!plan.program || plan.program->obstacle == obstacle::none);
  plan.kernel_slack = plan.preloads ? std::min(small_slack, plan.wanted.allowed.slack) : plan.wanted.allowed.slack;
}

/// Effects: gives this process the kernel slack and the environment of the plan, for the program that it becomes.
void prepare(const run_plan& plan, const std::string& counts) {
  std::error_code refused; // under a real-time policy, where slack is nothing, and by a filter of system calls
  takt::set_timer_slack(plan.kernel_slack, refused);
  if (plan.kernel_only) unsetenv(preload::settings_variable); // an object of a `takt run` around this one moves nothing
  if (!plan.preloads) return;
  setenv("LD_PRELOAD", preload_list(std::getenv("LD_PRELOAD"), plan.object).c_str(), 1);
  setenv(preload::settings_variable, settings_text(plan.wanted, counts).c_str(), 1);
}

exit_code become(const run_plan& plan) {
  prepare(plan, {});
  restore_output_signals(); // what is ignored would be inherited too
  execvp(operands()[0], operands().data());
  return could_not(operands()[0], std::error_code(errno, std::generic_category()));
}

// For systemd

/// Whether it can be the name of a unit, and harmless in a comment and on a command line.
bool is_unit_name(absl::string_view name) {
  return !name.empty() && name.size() < 256 && name[0] != '-' && name[0] != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  absl::StrContains("-_.@:", absl::string_view(&c, 1));
         });
}

exit_code print_unit(const run_plan& plan) {
  std::string name = *flags.print_unit;
  if (!is_unit_name(name)) return wrong_usage("--print-unit wants the name of a service, as nginx");
  if (!absl::EndsWith(name, ".service")) absl::StrAppend(&name, ".service");
  std::string text = absl::StrCat("[Service]\nTimerSlackNSec=", plan.kernel_slack.count(), "ns\n");
  if (plan.preloads)
    absl::StrAppend(&text, "Environment=\"LD_PRELOAD=", absl::StrReplaceAll(plan.object, {{"%", "%%"}}),
                    "\"\nEnvironment=\"", preload::settings_variable, "=", settings_text(plan.wanted, {}), "\"\n");
  if (json_wanted()) {
    document d = run_document(plan);
    d.sections.push_back({"unit", "Drop-in for systemd", {}, {}, {}});
    d.sections.back().add("name", "service", word(name));
    d.sections.back().add("drop_in", "text", word(text));
    print(d);
    return exit_code::done;
  }
  std::printf("# %s\n# /etc/systemd/system/%s.d/takt.conf\n\n%s", headline_of(plan).c_str(), name.c_str(),
              text.c_str());
  return exit_code::done;
}

// With a report

exit_code run_and_report(const run_plan& plan) {
  std::string why;
  std::optional<run_result> without, with;
  const std::unique_ptr<run_counts> counts = run_counts::make(why);
  if (counts == nullptr) return could_not(why);
  const bool compares = !*flags.once && can_measure_wakeups();
  if (!*flags.quiet && compares)
    say_on_error(
        "takt: --report runs the program twice, first as it is, and watches what wakes this machine; --once does not");
  const auto one_run = [&](const run_plan* p) {
    return run_measured(operands(), json_wanted(), compares, why, [&] {
      if (p != nullptr) prepare(*p, counts->path());
    });
  };
  if (compares && !(without = one_run(nullptr))) return could_not(why);
  if (without && without->stopped) return could_not("stopped in the run without takt: there is nothing to compare");
  if (!(with = one_run(&plan))) return could_not(why);
  const document d = report_document(plan, counts->counts(), without, *with);
  if (json_wanted()) print(d);
  else print_on_error(d);
  return static_cast<exit_code>(with->status);
}

exit_code run() {
  run_plan plan;
  std::string why;
  plan.kernel_only = *flags.kernel_only;
  if (!read_flags(plan, why)) return wrong_usage(why);
  const bool unit = !flags.print_unit->empty();
  if (unit && (*flags.report || *flags.explain || !operands().empty()))
    return wrong_usage("--print-unit starts nothing: it goes with neither --report nor --explain nor a program");
  if (*flags.report && *flags.explain) return wrong_usage("--explain starts nothing: it does not go with --report");
  if (*flags.once && !*flags.report) return wrong_usage("--once goes with --report");
  if (operands().empty() && !unit && !*flags.explain)
    return wrong_usage("a program wanted: takt run --slack 10ms -- PROGRAM [ARG...]");
  if (json_wanted() && !*flags.report && !*flags.explain && !unit)
    return wrong_usage("--json goes with --report, --explain and --print-unit: the program's output is its own");
  if (!operands().empty()) plan.program = find_program(operands());
  decide(plan);
  if (plan.preloads && (plan.object = find_preload_object(why)).empty()) return could_not(why);
  if (unit) return print_unit(plan);
  if (*flags.explain) {
    plan.name = operands().empty() ? "" : operands()[0];
    if (!operands().empty() && !plan.program) return could_not(absl::StrCat(plan.name, ": no program of that name"));
    print(run_document(plan));
    return exit_code::done;
  }
  plan.name = operands()[0];
  if (!*flags.quiet && plan.program) say_on_error(absl::StrCat("takt: ", headline_of(plan)));
  return *flags.report ? run_and_report(plan) : become(plan);
}

const registered entry({
    .name = "run",
    .group = group::wake_ups,
    .place = 2, // before timers, by the alphabet
    .summary = "run a program that was not written for takt, with its waits on the grid",
    .description =
        "Becomes PROGRAM, whose waits with a time-out then end together with those of other processes that do the "
        "same. No wait ends before the program's own deadline. A wait is moved by at most --slack, and by at most "
        "--share of its length. Without a share, short waits would become as long as the slack.\n\n"
        "takt run uses two means, and what the program starts inherits both. An object that the loader puts before "
        "the program (LD_PRELOAD) moves each wait to the roundest point of its window on the machine's grid: also "
        "for real-time threads, across CPUs, and for timers that the kernel gives no slack. And the kernel's timer "
        "slack, 1 ms, lets an ordinary thread join an interrupt that happens anyway. With --kernel-only the "
        "kernel's slack is the whole --slack, and nothing is preloaded.\n\n"
        "The waits, as --waits names them: sleep (nanosleep, clock_nanosleep, usleep, sleep, thrd_sleep), poll "
        "(poll, ppoll), select (select, pselect), epoll (epoll_wait, epoll_pwait, epoll_pwait2), cond "
        "(pthread_cond_timedwait and _clockwait, cnd_timedwait), sem (sem_timedwait, sem_clockwait), mq "
        "(mq_timedreceive, mq_timedsend), semop (semtimedop), signal (sigtimedwait), timerfd and timer (the first "
        "expiry of timerfd_settime and timer_settime), futex (syscall(SYS_futex)). Left alone are locks, joins, "
        "clocks of CPU time, alarm clocks, setitimer and alarm, the resolver, and time-outs of sockets.\n\n"
        "The object cannot be loaded into programs that are static, of 32 bits, built with AddressSanitizer or that "
        "gain rights when they start, nor into what env -i starts. takt recognises such programs from their file, "
        "says so, and gives them the whole slack by the kernel instead, which real-time threads ignore. It does not "
        "see what a shell or another wrapper starts: the loader of a program of 32 bits complains about the object "
        "there.\n\n"
        "--report counts the waits by function and how far they were moved. As root, where tracefs is mounted, it "
        "runs the program twice, first without takt, and compares when the machine was woken. takt then stays the "
        "parent of the program and ends with its status.",
    .example = "takt run --slack 50ms -- redis-server   # fewer wake-ups, same answers",
    .flags = &flags,
    .run = &run,
    .operands = "PROGRAM [ARG...]",
});

} // namespace
} // namespace tool
