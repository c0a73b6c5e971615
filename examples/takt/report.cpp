// takt report - this machine's timekeeping on one screen.
#include "command.hpp"
#include "cost.hpp"
#include "document.hpp"
#include "scheduling.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <map>
#include <takt/takt.hpp>
#include <zlib.h>

ABSL_FLAG(int, report_batches, 1000, "N: Batches of 64 reads for each road of the cost table");

namespace tool {
namespace {

using namespace std::chrono_literals;

template <class T> value optional_word(const std::optional<T>& text) { return text ? word(*text) : not_told(); }
std::optional<double> hertz_of(const std::optional<takt::frequency>& f) {
  return f ? std::optional(f->hertz()) : std::nullopt;
}

/// The running kernel's configuration: its own copy where it keeps one, else the one its package left in /boot.
struct found_config {
  takt::kernel_config config;
  std::string source = "/proc/config.gz, /boot/config-*";
};
found_config kernel_configuration() {
  if (const gzFile file = gzopen("/proc/config.gz", "rb"); file != nullptr) {
    std::string text(takt::kernel_config_file_limit, '\0');
    const int n = gzread(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
    if (n > 0)
      return {takt::parse_kernel_config(std::string_view(text).substr(0, static_cast<std::size_t>(n))),
              "/proc/config.gz"};
  }
  std::error_code ec;
  const takt::kernel_config config = takt::read_kernel_config(ec);
  return ec ? found_config{} : found_config{config, "/boot/config-$(uname -r)"};
}

section counter_section(const takt::cpu_features& cpu, const takt::counter_facts& facts,
                        const takt::tsc_calibration& measured, bool calibrated, const takt::kernel_log& log,
                        std::error_code log_error) {
  section s{"counter", "Counter", {}, {}, {}};
#if defined(__x86_64__)
  s.add("processor", "processor", cpu.brand.empty() ? not_told() : word(as_absl(cpu.brand.view())), "CPUID 0x80000002");
  s.add("hypervisor", "hypervisor",
        cpu.hypervisor == true ? word(as_absl(cpu.hypervisor_vendor.view())) : yes_no(cpu.hypervisor),
        "CPUID 0x40000000");
  s.add("exists", "time stamp counter", yes_no(facts.exists), "CPUID 1 EDX[4]");
  s.add("rdtscp", "rdtscp", yes_no(cpu.rdtscp), "CPUID 0x80000001 EDX[27]");
  s.add("invariant_tsc", "invariant TSC", yes_no(facts.invariant), "CPUID 0x80000007 EDX[8]");
  s.add("constant_tsc", "constant_tsc", yes_no(facts.constant_tsc), "/proc/cpuinfo");
  s.add("nonstop_tsc", "nonstop_tsc", yes_no(facts.nonstop_tsc), "/proc/cpuinfo");
  s.add("tsc_deadline", "TSC deadline timer", yes_no(cpu.tsc_deadline), "CPUID 1 ECX[24]");
  s.add("arat", "ARAT", yes_no(cpu.arat), "CPUID 6 EAX[2]");
#else
  s.add("exists", "counter", yes_no(facts.exists), "the architecture");
  s.add("invariant_tsc", "invariant", yes_no(facts.invariant), "the architecture");
#endif
  s.add("allowed", "readable here", yes_no(facts.allowed), "prctl PR_GET_TSC");
#if defined(__x86_64__)
  s.add("cpuid_frequency", "rate by CPUID", hertz(hertz_of(cpu.tsc_frequency)), "CPUID 0x15");
  s.add("base_frequency", "base frequency", hertz(hertz_of(cpu.base_frequency)), "CPUID 0x16, a bound only");
  s.add_aside("crystal_frequency", hertz(hertz_of(cpu.crystal_frequency)), "CPUID 0x15 ECX");
  s.add_aside("tsc_ratio",
              cpu.tsc_ratio.known() ? word(absl::StrCat(cpu.tsc_ratio.numerator, "/", cpu.tsc_ratio.denominator))
                            : not_told(),
              "CPUID 0x15 EBX/EAX");
  s.add("tsc_adjust", "TSC_ADJUST", yes_no(cpu.tsc_adjust), "CPUID 7 EBX[1]");
  s.add("lfence_serializing", "lfence always serializes", yes_no(cpu.lfence_serializing), "CPUID 0x80000021 EAX[2]");
  s.add("hypervisor_frequency", "rate by the hypervisor", hertz(hertz_of(cpu.hypervisor_tsc_frequency)),
        "CPUID 0x40000010");
  const auto log_source = [&](absl::string_view line) {
    return log_error ? absl::StrCat("kernel log: ", log_error.message()) : absl::StrCat("kernel log, \"", line, "\"");
  };
  s.add("detected_frequency", "rate at boot", hertz(hertz_of(log.tsc ? log.tsc : log.processor)),
        log_source("tsc: Detected"));
  s.add("refined_frequency", "rate refined", hertz(hertz_of(log.refined_tsc)), log_source("tsc: Refined"));
#elif defined(__aarch64__)
  s.add("cpuid_frequency", "rate by the processor", hertz(hertz_of(cpu.counter_frequency)), "CNTFRQ_EL0");
#endif
#if defined(__x86_64__)
  s.add("marked_unstable", "found unstable",
        log_error
            ? not_told()
            : value{log.unstable_tsc.empty() ? "no" : absl::StrCat("yes: ", log.unstable_tsc), !log.unstable_tsc.empty()},
        log_source("tsc: Marking TSC unstable"));
#endif
  const value rate = hertz(measured.rate().known() ? std::optional(measured.rate().hertz()) : std::nullopt);
  if (calibrated) s.add_aside("measured_frequency", rate, "takt::calibrate");
  else
    s.add("measured_frequency", "rate measured",
          measured.rate().known() ? value{takt::to_string(measured), rate.data} : not_told(),
          "takt::calibrate against CLOCK_MONOTONIC, trusted or not");
  return s;
}

section calibration_section(const takt::tsc_calibration& c, std::error_code why_not) {
  section s{"calibration", "Calibration", {}, {}, {}};
  const std::string source =
      why_not ? absl::StrCat("tsc_clock::calibrate: ", why_not.message()) : "against CLOCK_MONOTONIC";
  const bool known = c.rate().known();
  const auto ns = [&](std::chrono::nanoseconds d) { return known ? value{"", d.count()} : not_told(); };
  s.add("hertz", "counter rate", known ? value{takt::to_string(c), c.rate().hertz()} : not_told(), source);
  s.add_aside("uncertainty_ppm", known ? number(c.uncertainty_ppm(), 6) : not_told(), source);
  s.add_aside("origin", word(as_absl(takt::name(c.origin()))), source);
  s.add_aside("time_spent_ns", ns(c.time_spent()), source);
  s.add_aside("samples_used", known ? count(c.samples_used()) : not_told(), source);
  s.add_aside("samples_rejected", known ? count(c.samples_rejected()) : not_told(), source);
  return s;
}

absl::string_view name_of(takt::road r) {
  switch (r) {
  case takt::road::counter: return "counter";
  case takt::road::vdso: return "vDSO";
  case takt::road::system_call: return "system call";
  }
  return "unknown";
}

absl::string_view how_to_take(takt::road r) {
  switch (r) {
  case takt::road::counter: return "takt::tsc_clock::calibrate(5ms), then takt::tsc_clock::now()";
  case takt::road::vdso: return "clock_gettime, std::chrono or takt::posix_clock";
  case takt::road::system_call: return "takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>";
  }
  return "unknown";
}

section verdict_section(const takt::verdict& v) {
  section s{"verdict", "Verdict", {}, {}, {}};
  std::vector<std::string> reasons, against;
  for (const takt::finding f : v.findings) {
    (takt::speaks_against_counter(f) ? against : reasons).emplace_back(takt::explain(f));
  }
  s.add("counter_trusted", "the counter", {v.counter_trusted ? "trusted" : "not trusted", v.counter_trusted});
  s.add("recommended_road", "road to take",
        {absl::StrCat(name_of(v.recommended), ": ", how_to_take(v.recommended)), std::string(name_of(v.recommended))});
  s.add_aside("how", word(how_to_take(v.recommended)), "");
  // One reason against outweighs all that speak for it, so it is told first.
  if (!against.empty()) s.add("against", "because", {absl::StrJoin(against, "; "), against});
  s.add("reasons", against.empty() ? "because" : "although",
        {reasons.empty() ? "nothing" : absl::StrJoin(reasons, "; "), reasons});
  return s;
}

section clock_source_section(const takt::counter_facts& facts) {
  section s{"clock_sources", "Clock sources", {}, {}, {}};
  s.add("current", "current", facts.current_source.empty() ? not_told() : word(facts.current_source), "sysfs current_clocksource");
  s.add("available", "available", facts.available_sources.empty() ? not_told() : list(facts.available_sources),
        "sysfs available_clocksource");
  return s;
}

section clock_event_section([[maybe_unused]] const takt::cpu_features& cpu) {
  section s{"clock_events", "Clock events", {}, {}, {}};
  std::error_code ec;
  const auto devices = takt::clock_event::devices(ec);
  // Hundreds of CPUs have the same device; people want to see where they differ, programs want each.
  std::map<std::string, std::vector<unsigned>> by_name;
  std::optional<std::string> broadcast;
  json per_cpu = json::array();
  for (const auto& d : devices) {
    if (!d.cpu) broadcast = d.name;
    else {
      by_name[d.name].push_back(*d.cpu);
      per_cpu.push_back({{"cpu", *d.cpu}, {"name", d.name}});
    }
  }
  std::vector<std::string> words;
  for (const auto& [name, cpus] : by_name)
    words.push_back(
        absl::StrCat(name, by_name.size() == 1 ? " on every CPU" : absl::StrCat(" on CPU ", cpu_list(cpus))));
  s.add("devices", "per CPU", ec ? not_told() : value{words.empty() ? "none" : absl::StrJoin(words, "; "), per_cpu},
        ec ? absl::StrCat("sysfs clockevents: ", ec.message()) : "sysfs clockevents");
  s.add("broadcast", "broadcast",
        ec          ? not_told()
        : broadcast ? word(*broadcast)
                    : value{"none", nullptr},
        "sysfs clockevents/broadcast");
#if defined(__x86_64__)
  // Linux knows processors whose timers go on although CPUID does not say so, and others of which CPUID lies.
  const takt::cpuinfo info = takt::read_cpuinfo(ec);
  const bool by_linux = !ec && info.agree_on("arat");
  const std::optional<bool> arat = by_linux ? info.has("arat") : cpu.arat;
  s.add("broadcast_matters", "does it matter",
        arat ? value{*arat ? "no: the local timers run in every idle state"
                           : "yes: local timers stop in deep idle states",
                     !*arat}
             : not_told(),
        by_linux ? "arat in /proc/cpuinfo" : "ARAT, CPUID 6 EAX[2]");
#endif
  return s;
}

section tick_section(const takt::timer_interrupts& interrupts, std::error_code interrupts_error,
                     std::chrono::nanoseconds over) {
  section s{"tick", "Tick", {}, {}, {}};
  std::error_code ec;
  const takt::frequency hz = takt::kernel_hz(ec);
  s.add("hz", "HZ", ec ? not_told() : value{absl::StrFormat("%.0f", hz.hertz()), hz.hertz()},
        "resolution of CLOCK_MONOTONIC_COARSE");
  const found_config config = kernel_configuration();
  std::optional<std::string> mode;
  std::string mode_source = config.source;
  switch (config.config.tick) {
  case takt::tick_mode::not_told: break;
  case takt::tick_mode::periodic: mode = "periodic"; break;
  case takt::tick_mode::idle: mode = "stops on idle CPUs (NO_HZ_IDLE)"; break;
  case takt::tick_mode::full: mode = "stops on idle and on nohz_full CPUs (NO_HZ_FULL)"; break;
  }
  std::string booted_with;
  if (takt::linux_os::read_file("/proc/cmdline", booted_with, 1 << 16) == 0) {
    for (const absl::string_view argument : absl::StrSplit(booted_with, absl::ByAnyChar(" \n"))) {
      if (argument == "nohz=off" || argument == "nohz=0")
        mode = absl::StrCat("never stops (", argument, ")"), mode_source = "/proc/cmdline";
    }
  }
  s.add("mode", "tickless mode", optional_word(mode), mode_source);
  const auto resolution = takt::clock_resolution(CLOCK_MONOTONIC, ec);
  s.add("high_resolution_timers", "high resolution timers",
        yes_no(ec ? std::nullopt : std::optional(resolution == 1ns)), "clock_getres is 1 ns");
  const auto full = takt::nohz_full_cpus(ec);
  const bool not_built_in = config.config.tick == takt::tick_mode::periodic || config.config.tick == takt::tick_mode::idle;
  const bool no_file = ec == std::errc::no_such_file_or_directory;
  s.add("nohz_full", "nohz_full CPUs",
        no_file && not_built_in ? value{"none, not built in", full}
        : ec                    ? not_told()
                                : value{full.empty() ? "none" : cpu_list(full), full},
        no_file ? config.source : "sysfs cpu/nohz_full");

  const double seconds = std::chrono::duration<double>(over).count();
  std::vector<std::string> words;
  json rates = json::array();
  for (const auto& cell : interrupts.cpus) {
    const double rate = cell.count / seconds;
    rates.push_back({{"cpu", cell.cpu}, {"per_second", rate}});
    if (words.size() < 8) words.push_back(absl::StrFormat("%.0f", rate));
  }
  if (interrupts.cpus.size() > words.size()) words.push_back("...");
  const bool told = !interrupts_error && !interrupts.cpus.empty();
  const double total = static_cast<double>(interrupts.total()) / seconds;
  const std::string source = interrupts_error ? absl::StrCat("/proc/interrupts: ", interrupts_error.message())
                                              : "/proc/interrupts, while this ran";
  s.add("timer_interrupts_per_second", "interrupts/s by CPU",
        told ? value{absl::StrFormat("%s (all: %.0f) in %.1f s", absl::StrJoin(words, ", "), total, seconds), rates}
             : not_told(),
        source);
  s.add_aside("timer_interrupts_total_per_second", told ? value{"", total} : not_told(), source);
  s.add_aside("timer_interrupts_counted_s", told ? value{"", seconds} : not_told(), source);
  return s;
}

section slack_section() {
  section s{"slack", "Timer slack", {}, {}, {}};
  std::error_code ec;
  const auto slack = takt::timer_slack(ec);
  const auto policy = policy_of(0);
  s.add("own_ns", "of this process",
        ec ? not_told() : value{slack_under(slack, policy), slack.count()}, "prctl PR_GET_TIMERSLACK");
  s.add_aside("policy", policy ? word(policy->name) : not_told(), "sched_getscheduler");
  s.add_aside("in_effect", policy ? yes_no(!policy->real_time) : not_told(), "the scheduling policy");
  return s;
}

section vdso_section(const takt::counter_facts& facts, std::error_code why_not) {
  section s{"vdso", "vDSO", {}, {}, {}};
  std::error_code ec;
  const auto image = takt::vdso::current(ec);
  const std::size_t symbols = ec ? 0 : image.symbols().size();
  s.add("symbols", "exports", ec ? not_told() : value{absl::StrCat(symbols, " symbols"), symbols}, "AT_SYSINFO_EHDR");
  s.add("answers", "CLOCK_MONOTONIC",
        facts.vdso_answers ? value{*facts.vdso_answers ? "yes, without a system call" : "no, it makes a system call",
                                   *facts.vdso_answers}
                           : not_told(),
        why_not ? absl::StrCat("the experiment could not be made: ", why_not.message())
                : "tried where the system call is forbidden");
  return s;
}

/// One plain sentence or two for somebody who wants to read the time on this machine.
std::string recommend(const takt::verdict& v, const takt::counter_facts& facts, const cost_table& costs) {
  const road_cost* const vdso = find_road(costs, "CLOCK_MONOTONIC", "vDSO");
  const road_cost* const call = find_road(costs, "CLOCK_MONOTONIC", "system call");
  const road_cost* const counter = find_road(costs, "counter", {});
  const road_cost* const steady = find_road(costs, "takt::tsc_clock", {});
  const road_cost* const fast = find_road(costs, "takt::fast_tsc_clock", {});
  const bool calibrated = takt::tsc_clock::source() == takt::road::counter && steady != nullptr && fast != nullptr;
  const auto source = as_absl(facts.current_source.empty() ? std::string_view("not told") : facts.current_source);

  if (facts.vdso_answers == false && call != nullptr) {
    std::string text = absl::StrFormat("The clock source is %s: every clock_gettime costs a system call, %.0f ns",
                                       source, call->median_ns);
    if (counter != nullptr)
      absl::StrAppendFormat(&text, ", %.0f times a counter read", call->median_ns / counter->median_ns);
    const auto name = as_absl(takt::counter_clocksource);
    if (v.counter_trusted && facts.current_source != takt::counter_clocksource) {
      absl::StrAppend(&text, ". The kernel offers ", name, "; `takt clocksource --select ", name,
                      " --yes-change-this-machine` tries it.");
    } else if (calibrated) {
      absl::StrAppendFormat(
          &text, ". Read takt::tsc_clock instead, %.1f ns, and within one thread takt::fast_tsc_clock, %.1f ns.",
          steady->median_ns, fast->median_ns);
    } else if (v.counter_trusted) {
      absl::StrAppend(&text, ". Measure short spans with the counter.");
    } else {
      absl::StrAppend(&text, ". The counter is not trusted here, so that is the price; where a tick is precise enough, "
                             "read a coarse clock.");
    }
    return text;
  }
  if (vdso == nullptr)
    return "Nothing but the system call could be measured here; use std::chrono and expect no better.";
  if (calibrated) {
    const double saved = 1 - steady->median_ns / vdso->median_ns;
    std::string text = absl::StrFormat(
        "Within one thread stamp events with takt::fast_tsc_clock, %.1f ns a read. Stamps that threads compare want "
        "takt::tsc_clock, %.1f ns: %s clock_gettime by the vDSO, %.1f ns.",
        fast->median_ns, steady->median_ns,
        saved > 0.02 ? absl::StrFormat("%.0f %% less than", saved * 100) : "no less than", vdso->median_ns);
    absl::StrAppendFormat(&text, " A takt::clock_keeper holds both to the kernel's clock.");
    if (call != nullptr) absl::StrAppendFormat(&text, " Avoid the system call: %.0f ns.", call->median_ns);
    return text;
  }
  if (v.counter_trusted && counter != nullptr) {
    std::string text = absl::StrFormat(
        "Stamp events with clock_gettime by the vDSO, %.1f ns a read; measure short spans with the counter, %.1f ns. "
        "Both stand on the same counter, which can be trusted.",
        vdso->median_ns, counter->median_ns);
    if (call != nullptr) absl::StrAppendFormat(&text, " Avoid the system call: %.0f ns.", call->median_ns);
    return text;
  }
  return absl::StrFormat(
      "Read the kernel's clocks, %.1f ns by the vDSO, and leave the counter alone: it is not trusted on this machine.",
      vdso->median_ns);
}

exit_code run() {
  const int batches = absl::GetFlag(FLAGS_report_batches);
  if (batches < 1) return wrong_usage("--report-batches wants a number above zero");

  std::error_code interrupts_error, vdso_error;
  const auto began = std::chrono::steady_clock::now();
  const takt::timer_interrupts before = takt::read_timer_interrupts(interrupts_error);

  takt::counter_facts facts = takt::gather_counter_facts();
  if (const bool answers = takt::vdso::answers(CLOCK_MONOTONIC, vdso_error); !vdso_error) facts.vdso_answers = answers;
  const takt::cpu_features cpu = takt::read_cpu_features();
  std::error_code log_error;
  const takt::kernel_log log = takt::read_kernel_log(log_error);
  if (!log_error) facts.marked_unstable = !log.unstable_tsc.empty();
  const takt::verdict verdict = takt::judge(facts);
  std::error_code not_calibrated;
  const takt::tsc_calibration calibration = takt::tsc_clock::calibrate(20ms, not_calibrated);
  const cost_table costs = measure_costs(batches);

  sleep_until(began + 1s); // long enough for a rate of interrupts
  takt::timer_interrupts interrupts;
  if (!interrupts_error) interrupts = takt::since(before, takt::read_timer_interrupts(interrupts_error));
  const auto over = std::chrono::steady_clock::now() - began;

  document d;
  d.sections.push_back({"takt", "takt", {}, {}, {}});
  d.sections.back().add("version", "version",
                        word(absl::StrFormat("%d.%d.%d", TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH)));
  d.sections.push_back(counter_section(cpu, facts, costs.calibration, calibration.rate().known(), log, log_error));
  d.sections.push_back(calibration_section(calibration, not_calibrated));
  d.sections.push_back(verdict_section(verdict));
  d.sections.push_back(clock_source_section(facts));
  d.sections.push_back(clock_event_section(cpu));
  d.sections.push_back(tick_section(interrupts, interrupts_error, over));
  d.sections.push_back(slack_section());
  d.sections.push_back(vdso_section(facts, vdso_error));
  d.sections.push_back(cost_section(costs));
  d.sections.push_back({"recommendation", "Recommendation", {}, {}, {recommend(verdict, facts, costs)}});
  print(d, layout::crowded);
  return exit_code::done;
}

} // namespace

extern const command report_command{
    "report",
    "this machine's timekeeping on one screen",
    "Shows the counter and each fact about it with its source, whether it can be trusted and why, clock sources, clock "
    "event\n"
    "devices, the tick, timer slack, the vDSO, what reading each clock costs in user space and by system call, and a\n"
    "recommendation; `takt cost` has more of the costs, `takt calibrate` of the calibration. Takes a second or two. "
    "Needs no privileges; with root it can also read the kernel's log where that is restricted.",
    "takt report --json | jq .verdict",
    {"report_batches"},
    &run};

} // namespace tool
