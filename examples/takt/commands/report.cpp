// takt report - this machine's timekeeping on one screen.
#include "command.hpp"
#include "stop.hpp"
#include "model/cost.hpp"
#include "model/kernel_configuration.hpp"
#include "model/recorded_os.hpp"
#include "model/scheduling.hpp"
#include "output/clock_metrics.hpp"
#include "output/document.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <map>
#include <sys/utsname.h>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/vdso_data.hpp>
#include <takt/takt.hpp>

namespace tool {
namespace {

struct : flag_set {
  details_flag details{this};
  flag<int> repetitions{this, "repetitions", "N", "Batches of 64 reads for each path of the cost table", 1000};
  flag<std::string> from{this, "from", "DIR", from_help};
  flag<bool> openmetrics{this, "openmetrics", "Print metrics for Prometheus's node exporter, and nothing else"};
} flags;

using namespace std::chrono_literals;

template <class T> value optional_word(const std::optional<T>& text) { return text ? word(*text) : unknown(); }
std::optional<double> hertz_of(const std::optional<takt::frequency>& f) {
  return f ? std::optional(f->hertz()) : std::nullopt;
}

section counter_section(const takt::cpu_features& cpu, const takt::verdict::facts& facts,
                        const takt::tsc_calibration& measured, bool calibrated, const takt::kernel_log& log,
                        std::error_code log_error) {
  section s{"counter", "Counter", {}, {}, {}};
  if (cpu.cpuid) {
    s.add("processor", "processor", cpu.brand.empty() ? unknown() : word(as_absl(cpu.brand.view())), "CPUID 0x80000002");
    s.add("hypervisor", "hypervisor",
          cpu.hypervisor == true ? word(as_absl(cpu.hypervisor_vendor.view())) : yes_no(cpu.hypervisor),
          "CPUID 0x40000000");
    s.add_detail("exists", "time stamp counter", yes_no(facts.exists), "CPUID 1 EDX[4]");
    s.add_detail("rdtscp", "rdtscp", yes_no(cpu.rdtscp), "CPUID 0x80000001 EDX[27]");
    s.add("invariant_tsc", "invariant TSC", yes_no(facts.invariant), "CPUID 0x80000007 EDX[8]");
    s.add("constant_tsc", "constant_tsc", yes_no(facts.constant_tsc), "/proc/cpuinfo");
    s.add("nonstop_tsc", "nonstop_tsc", yes_no(facts.nonstop_tsc), "/proc/cpuinfo");
    s.add_detail("tsc_deadline", "TSC deadline timer", yes_no(cpu.tsc_deadline), "CPUID 1 ECX[24]");
    s.add_detail("arat", "ARAT", yes_no(cpu.arat), "CPUID 6 EAX[2]");
  } else {
    s.add("exists", "counter", yes_no(facts.exists), "the architecture");
    s.add("invariant_tsc", "invariant", yes_no(facts.invariant), "the architecture");
  }
  s.add("allowed", "readable here", yes_no(facts.allowed), "prctl PR_GET_TSC");
  if (cpu.cpuid) {
    s.add("cpuid_frequency", "rate by CPUID 0x15", hertz(hertz_of(cpu.tsc_frequency)), "CPUID 0x15");
    s.add_detail("base_frequency", "base frequency", hertz(hertz_of(cpu.base_frequency)), "CPUID 0x16, a bound only");
    s.add_aside("crystal_frequency", hertz(hertz_of(cpu.crystal_frequency)), "CPUID 0x15 ECX");
    s.add_aside("tsc_ratio",
                cpu.tsc_ratio.known() ? word(absl::StrCat(cpu.tsc_ratio.numerator, "/", cpu.tsc_ratio.denominator))
                              : unknown(),
                "CPUID 0x15 EBX/EAX");
    s.add_detail("tsc_adjust", "TSC_ADJUST", yes_no(cpu.tsc_adjust), "CPUID 7 EBX[1]");
    s.add_detail("lfence_serializing", "lfence always serializes", yes_no(cpu.lfence_serializing), "CPUID 0x80000021 EAX[2]");
    s.add_detail("hypervisor_frequency", "rate by the hypervisor", hertz(hertz_of(cpu.hypervisor_tsc_frequency)),
          "CPUID 0x40000010");
    const auto log_source = [&](absl::string_view line) {
      return log_error ? absl::StrCat("kernel log: ", log_error.message()) : absl::StrCat("kernel log, \"", line, "\"");
    };
    s.add_detail("detected_frequency", "rate at boot", hertz(hertz_of(log.tsc ? log.tsc : log.processor)),
          log_source("tsc: Detected"));
    s.add("refined_frequency", "rate refined", hertz(hertz_of(log.refined_tsc)), log_source("tsc: Refined"));
    s.add("marked_unstable", "marked unstable",
          log.found_unstable() == true ? value{absl::StrCat("yes: ", log.unstable_tsc), true} : yes_no(log.found_unstable()),
          log_error              ? log_source("")
          : log.found_unstable() ? log_source("tsc: Marking TSC unstable")
                                 : "kernel log, whose beginning is gone");
  } else {
    s.add("cpuid_frequency", "rate by the processor", hertz(hertz_of(cpu.counter_frequency)), "its register");
  }
  const value rate = hertz(measured.rate().known() ? std::optional(measured.rate().hertz()) : std::nullopt);
  if (calibrated) s.add_aside("measured_frequency", rate, "takt::calibrate");
  else
    s.add("measured_frequency", "rate measured",
          measured.rate().known() ? value{takt::to_string(measured), rate.data} : unknown(),
          "takt::calibrate against CLOCK_MONOTONIC, trusted or not");
  return s;
}

section calibration_section(const takt::tsc_calibration& c, std::error_code why_not) {
  section s{"calibration", "Calibration", {}, {}, {}};
  const std::string source =
      why_not ? absl::StrCat("tsc_clock::calibrate: ", why_not.message()) : "against CLOCK_MONOTONIC";
  const bool known = c.rate().known();
  const auto ns = [&](std::chrono::nanoseconds d) { return known ? value{"", d.count()} : unknown(); };
  s.add("hertz", "counter rate", known ? value{takt::to_string(c), c.rate().hertz()} : unknown(), source);
  s.add_aside("uncertainty_ppm", known ? number(c.uncertainty_ppm(), 6) : unknown(), source);
  s.add_aside("origin", word(as_absl(takt::to_string(c.origin()))), source);
  s.add_aside("time_spent_ns", ns(c.time_spent()), source);
  s.add_aside("samples_used", known ? count(c.samples_used()) : unknown(), source);
  s.add_aside("samples_rejected", known ? count(c.samples_rejected()) : unknown(), source);
  return s;
}

absl::string_view name_of(takt::clock_path r) {
  switch (r) {
  case takt::clock_path::counter: return "counter";
  case takt::clock_path::vdso: return "vDSO";
  case takt::clock_path::system_call: return "system call";
  }
  return "unknown";
}

absl::string_view how_to_take(takt::clock_path r) {
  switch (r) {
  case takt::clock_path::counter: return "takt::tsc_clock::calibrate(5ms), then takt::tsc_clock::now()";
  case takt::clock_path::vdso: return "clock_gettime, std::chrono or takt::posix_clock";
  case takt::clock_path::system_call: return "takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>";
  }
  return "unknown";
}

section verdict_section(const takt::verdict& v) {
  section s{"verdict", "Verdict", {}, {}, {}};
  std::vector<std::string> reasons, against;
  for (const takt::verdict::finding f : v.findings) {
    (takt::verdict::speaks_against(f) ? against : reasons).emplace_back(takt::explain(f));
  }
  s.add_detail("counter_trusted", "the counter", {v.counter_trusted ? "trusted" : "not trusted", v.counter_trusted});
  s.add_detail("recommended_path", "path",
        {absl::StrCat(name_of(v.recommended), ": ", how_to_take(v.recommended)), std::string(name_of(v.recommended))});
  s.add_aside("how", word(how_to_take(v.recommended)), "");
  // One reason against outweighs all that speak for it, so it comes first.
  if (!against.empty()) s.add("against", "because", {absl::StrJoin(against, "; "), against});
  s.add("reasons", against.empty() ? "because" : "although",
        {reasons.empty() ? "nothing" : absl::StrJoin(reasons, "; "), reasons});
  return s;
}

section clock_source_section(const takt::verdict::facts& facts) {
  section s{"clock_sources", "Clock sources", {}, {}, {}};
  s.add("current", "current", facts.current_source.empty() ? unknown() : word(facts.current_source), "sysfs current_clocksource");
  s.add("available", "available", facts.available_sources ? list(*facts.available_sources) : unknown(),
        "sysfs available_clocksource");
  return s;
}

template <class Os> section clock_event_section(const takt::cpu_features& cpu) {
  section s{"clock_events", "Clock events", {}, {}, {}};
  std::error_code ec;
  const auto devices = takt::clock_event::devices<Os>(ec);
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
  s.add("devices", "per CPU", ec ? unknown() : value{words.empty() ? "none" : absl::StrJoin(words, "; "), per_cpu},
        ec ? absl::StrCat("sysfs clockevents: ", ec.message()) : "sysfs clockevents");
  s.add("broadcast", "broadcast",
        ec          ? unknown()
        : broadcast ? word(*broadcast)
                    : value{"none", nullptr},
        "sysfs clockevents/broadcast");
  if (!cpu.cpuid) return s; // that local timers may stop is a matter of x86
  // Linux knows processors whose timers go on although CPUID does not say so, and others of which CPUID lies.
  const takt::cpuinfo info = takt::cpuinfo::read<Os>(ec);
  const bool by_linux = !ec && info.agree_on("arat") == true;
  const std::optional<bool> arat = by_linux ? info.has("arat") : cpu.arat;
  s.add("broadcast_matters", "broadcast needed",
        arat ? value{*arat ? "no, the local timers run in every idle state"
                           : "yes, local timers stop in deep idle states",
                     !*arat}
             : unknown(),
        by_linux ? "arat in /proc/cpuinfo" : "ARAT, CPUID 6 EAX[2]");
  return s;
}

template <class Os>
section tick_section(const takt::timer_interrupts& interrupts, std::error_code interrupts_error, std::chrono::nanoseconds over,
                     const found_config& config, absl::string_view when) {
  section s{"tick", "Tick", {}, {}, {}};
  std::error_code ec;
  const takt::frequency by_clock = takt::kernel_hz<Os>(ec);
  const std::optional<takt::frequency> hz = ec ? config.config.hz : std::optional(by_clock);
  s.add("hz", "HZ", hz ? value{absl::StrFormat("%.0f", hz->hertz()), hz->hertz()} : unknown(),
        ec ? config.source : "resolution of CLOCK_MONOTONIC_COARSE");
  std::optional<std::string> mode;
  std::string mode_source = config.source;
  switch (config.config.tick) {
  case takt::kernel_config::tick_mode::unknown: break;
  case takt::kernel_config::tick_mode::periodic: mode = "periodic"; break;
  case takt::kernel_config::tick_mode::idle: mode = "stops on idle CPUs (NO_HZ_IDLE)"; break;
  case takt::kernel_config::tick_mode::full: mode = "stops on idle and on nohz_full CPUs (NO_HZ_FULL)"; break;
  }
  std::string booted_with;
  if (Os::read_file("/proc/cmdline", booted_with, 1 << 16) == 0) {
    for (const absl::string_view argument : absl::StrSplit(booted_with, absl::ByAnyChar(" \n"))) {
      if (argument == "nohz=off" || argument == "nohz=0")
        mode = absl::StrCat("never stops (", argument, ")"), mode_source = "/proc/cmdline";
    }
  }
  s.add("mode", "tick", optional_word(mode), mode_source);
  timespec resolution{};
  const bool by_resolution = Os::clock_getres(CLOCK_MONOTONIC, resolution) == 0;
  s.add("high_resolution_timers", "high resolution timers",
        yes_no(by_resolution ? std::optional(takt::to_nanoseconds(resolution) == 1ns) : config.config.high_resolution_timers),
        by_resolution ? "clock_getres is 1 ns" : config.source);
  const auto full = takt::nohz_full_cpus<Os>(ec);
  const bool not_built_in = config.config.tick == takt::kernel_config::tick_mode::periodic || config.config.tick == takt::kernel_config::tick_mode::idle;
  const bool no_file = ec == std::errc::no_such_file_or_directory;
  s.add_detail("nohz_full", "nohz_full CPUs",
        no_file && not_built_in ? value{"none, not built in", full}
        : ec                    ? unknown()
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
  const bool known = !interrupts_error && !interrupts.cpus.empty();
  const double total = static_cast<double>(interrupts.total()) / seconds;
  const std::string source = interrupts_error             ? absl::StrCat("/proc/interrupts: ", interrupts_error.message())
                             : !interrupts.unknown.empty() ? interrupts.unknown
                                                           : absl::StrCat("/proc/interrupts, ", when);
  s.add("timer_interrupts_per_second", "interrupts/s by CPU",
        known ? value{absl::StrFormat("%s (all: %.0f) in %.1f s", absl::StrJoin(words, ", "), total, seconds), rates}
             : unknown(),
        source);
  s.add_aside("timer_interrupts_total_per_second", known ? value{"", total} : unknown(), source);
  s.add_aside("timer_interrupts_counted_s", known ? value{"", seconds} : unknown(), source);
  return s;
}

section slack_section() {
  section s{"slack", "Timer slack", {}, {}, {}};
  std::error_code ec;
  const auto slack = takt::timer_slack(ec);
  const auto policy = policy_of(0);
  s.add("own_ns", "of this process",
        ec ? unknown() : value{slack_under(slack, policy), slack.count()}, "prctl PR_GET_TIMERSLACK");
  s.add_aside("policy", policy ? word(policy->name) : unknown(), "sched_getscheduler");
  s.add_aside("in_effect", policy ? yes_no(!policy->real_time) : unknown(), "the scheduling policy");
  return s;
}

absl::string_view mode_name(takt::vdso::data_page::clock_mode mode) {
  using enum takt::vdso::data_page::clock_mode;
  switch (mode) {
  case system_call: return "system call";
  case counter: return "counter";
  case pvclock: return "pvclock";
  case hyperv: return "hyperv";
  }
  return "unknown";
}
absl::string_view mode_text(takt::vdso::data_page::clock_mode mode) {
  using enum takt::vdso::data_page::clock_mode;
  switch (mode) {
  case system_call: return "no clock source, so it makes the system call";
  case counter: return "the counter";
  case pvclock: return "the counter and a page of KVM or Xen";
  case hyperv: return "the counter and a page of Hyper-V";
  }
  return "unknown";
}

section vdso_section(const takt::verdict::facts& facts, std::error_code why_not) {
  section s{"vdso", "vDSO", {}, {}, {}};
  std::error_code ec;
  const auto image = takt::vdso::current(ec);
  const std::size_t symbols = ec ? 0 : image.symbols().size();
  s.add_detail("symbols", "exports", ec ? unknown() : value{absl::StrCat(symbols, " symbols"), symbols}, "AT_SYSINFO_EHDR");
  s.add("answers", "CLOCK_MONOTONIC",
        facts.vdso_answers ? value{*facts.vdso_answers ? "yes, without a system call" : "no, it makes a system call",
                                   *facts.vdso_answers}
                           : unknown(),
        why_not ? absl::StrCat("the experiment could not be made: ", why_not.message())
                : "tried where the system call is forbidden");
  // Beside the clock source that sysfs names: what the vDSO does at this moment.
  const auto page = takt::vdso::data_page::find();
  const auto now = page.known() ? page.read() : std::nullopt;
  const auto held = now.value_or(takt::vdso::data_page::contents{}); // g++ 12 sees an uninitialised one in an empty optional
  const std::string origin =
      now ? "the vDSO's data page"
          : absl::StrCat("the vDSO's data page: ", page.known() ? "it cannot be read any more" : page.why_unknown());
  const absl::string_view source = facts.current_source.empty() ? "unknown" : as_absl(facts.current_source);
  s.add("mode", "it reads", now ? value{absl::StrCat(mode_text(held.mode), " (clock source ", source, ")"),
                                        std::string(mode_name(held.mode))}
                                : unknown(), origin);
  const bool by_rate = now && held.rate().known();
  s.add_detail("rate", "rate it reads by",
               by_rate ? hertz(std::optional(held.rate().hertz())) : unknown(), origin);
  s.add_aside("rate_unit_ppm", by_rate ? number(held.rate_unit_ppm(), 3) : unknown(), origin);
  s.add_aside("updates", now ? value{"", held.sequence / 2} : unknown(), origin);
  return s;
}

/// Which takt reports, and the version of report.schema.json that all reports follow; the schema states when it rises.
section takt_section() {
  section s{"takt", "takt", {}, {}, {}};
  s.add("version", "version",
        word(absl::StrFormat("%d.%d.%d", TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH)));
  s.add("schema", "schema of --json", word("1.0"));
  s.detailed = true;
  return s;
}

/// The conclusion of the report.
std::string headline(const takt::verdict& v, const takt::verdict::facts& facts) {
  std::string text = v.counter_trusted ? "The counter can be trusted as a clock" : "The counter cannot be trusted as a clock here";
  if (facts.vdso_answers == false && !facts.current_source.empty())
    absl::StrAppend(&text, ", and the clock source ", facts.current_source, " makes every clock_gettime a system call");
  switch (v.recommended) {
  case takt::clock_path::counter: return text + ": read takt::tsc_clock.";
  case takt::clock_path::vdso: // in a collection it is unknown whether the vDSO answers
    return text + (facts.vdso_answers == true ? ": read the kernel's clocks, which need no system call." : ": read the kernel's clocks.");
  case takt::clock_path::system_call: return text + ": read the kernel's clocks, by system call.";
  }
  return text + ".";
}

/// The meaning of that for a program that reads the time on this machine, in a sentence or two.
std::string recommend(const takt::verdict& v, const takt::verdict::facts& facts, const cost_table& costs) {
  const path_cost* const vdso = find_path(costs, "CLOCK_MONOTONIC", "vDSO");
  const path_cost* const call = find_path(costs, "CLOCK_MONOTONIC", "system call");
  const path_cost* const counter = find_path(costs, "counter", {});
  const path_cost* const steady = find_path(costs, "takt::tsc_clock", {});
  const path_cost* const fast = find_path(costs, "takt::fast_tsc_clock", {});
  const bool calibrated = takt::tsc_clock::source() == takt::clock_path::counter && steady != nullptr && fast != nullptr;
  const auto source = as_absl(facts.current_source.empty() ? std::string_view("unknown") : facts.current_source);

  if (facts.vdso_answers == false && call != nullptr) {
    std::string text = absl::StrFormat("The clock source is %s: every clock_gettime costs a system call, %.0f ns",
                                       source, call->median_ns);
    if (counter != nullptr)
      absl::StrAppendFormat(&text, ", %.0f times a counter read", call->median_ns / counter->median_ns);
    const auto name = as_absl(takt::verdict::counter_source);
    if (v.counter_trusted && facts.current_source != takt::verdict::counter_source) {
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
        "takt::tsc_clock takes %.1f ns a read, %s clock_gettime by the vDSO, %.1f ns. Within one thread "
        "takt::fast_tsc_clock takes %.1f ns. A takt::clock_keeper starts both and holds them to the kernel's clock.",
        steady->median_ns, saved > 0.02 ? absl::StrFormat("%.0f %% less than", saved * 100) : "no less than",
        vdso->median_ns, fast->median_ns);
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

// A machine that was collected

/// What the files say of its counter.
section collected_counter(const takt::cpuinfo& info, bool known, const takt::verdict::facts& facts, const takt::kernel_log& log,
                          std::error_code log_error) {
  section s{"counter", "Counter", {}, {}, {}};
  std::string text;
  value processor = unknown();
  if (recorded_os::read_file("/proc/cpuinfo", text, max_collection) == 0) {
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      const auto colon = line.find(": ");
      if (!absl::StartsWith(line, "model name") || colon == line.npos) continue;
      std::string shown(line.substr(colon + 2, 200));
      std::replace_if(
          shown.begin(), shown.end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
      processor = word(shown);
      break;
    }
  }
  const absl::string_view from_file = "/proc/cpuinfo";
  s.add("processor", "processor", processor, std::string(from_file));
  s.add("hypervisor", "hypervisor", yes_no(known ? info.has("hypervisor") : std::nullopt), std::string(from_file));
  s.add("invariant_tsc", "invariant TSC", unknown(), "CPUID, which no file has");
  s.add("constant_tsc", "constant_tsc", yes_no(facts.constant_tsc), std::string(from_file));
  s.add("nonstop_tsc", "nonstop_tsc", yes_no(facts.nonstop_tsc), std::string(from_file));
  const auto log_source = [&](absl::string_view line) {
    return log_error ? std::string("the kernel's log, which was not collected") : absl::StrCat("kernel log, \"", line, "\"");
  };
  s.add("detected_frequency", "rate at boot", hertz(hertz_of(log.tsc ? log.tsc : log.processor)), log_source("tsc: Detected"));
  s.add("refined_frequency", "rate refined", hertz(hertz_of(log.refined_tsc)), log_source("tsc: Refined"));
  s.add("marked_unstable", "marked unstable",
        log.found_unstable() == true ? value{absl::StrCat("yes: ", log.unstable_tsc), true} : yes_no(log.found_unstable()),
        log_source("tsc: Marking TSC unstable"));
  return s;
}

exit_code report_collected() {
  if (const exit_code opened = open_collection(*flags.from); opened != exit_code::done) return opened;
  const collection_facts& collected = recorded_os::now.facts;
  utsname own{};
  const bool same_machine = uname(&own) == 0 && collected.machine == own.machine;
  const bool x86 = collected.machine == "x86_64";

  std::error_code no_info, log_error, ec;
  const takt::cpuinfo info = takt::cpuinfo::read<recorded_os>(no_info);
  const takt::kernel_log log = takt::kernel_log::read<recorded_os>(log_error);
  takt::verdict::facts facts;
  const auto everywhere = [&](absl::string_view flag) {
    const std::string_view name(flag.data(), flag.size());
    return no_info ? std::nullopt : info.agree_on(name) == false ? std::optional(false) : info.has(name);
  };
  if (x86) facts.exists = everywhere("tsc"), facts.constant_tsc = everywhere("constant_tsc"), facts.nonstop_tsc = everywhere("nonstop_tsc");
  else facts.exists = true, facts.invariant = true; // Arm's and RISC-V's counters are so by their architecture
  if (auto available = takt::clocksource::available<recorded_os>(ec); !ec) facts.available_sources = std::move(available);
  facts.current_source = takt::clocksource::current<recorded_os>(ec);
  facts.marked_unstable = log.found_unstable();

  document d;
  d.with_details = *flags.details;
  const takt::verdict verdict = takt::judge(facts);
  std::string release = collected.release, machine = collected.machine;
  for (std::string* text : {&release, &machine}) {
    std::replace_if(
        text->begin(), text->end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
    text->resize(std::min<std::size_t>(text->size(), 60));
  }
  d.headline = absl::StrCat("Collected on Linux ", release.empty() ? "unknown" : release, ", ", machine.empty() ? "unknown" : machine, ". ");
  if (same_machine) {
    d.headline += headline(verdict, facts);
    d.sections.push_back(verdict_section(verdict));
  } else {
    absl::StrAppend(&d.headline, "takt judges the counter of its own architecture alone, ", own.machine, ".");
  }
  d.sections.push_back(collected_counter(info, !no_info, facts, log, log_error));
  d.sections.push_back(clock_source_section(facts));
  takt::cpu_features cpu{};
  cpu.cpuid = x86; // what CPUID says is unknown, and the kernel's flags stand in for it
  d.sections.push_back(clock_event_section<recorded_os>(cpu));

  const takt::kernel_config config = takt::kernel_config::read<recorded_os>(ec);
  const found_config found{config, ec ? "the kernel's configuration, which was not collected" : "the kernel's configuration"};
  std::error_code interrupts_error;
  const takt::timer_interrupts before = takt::timer_interrupts::read<recorded_os>(interrupts_error);
  takt::timer_interrupts interrupts;
  std::chrono::nanoseconds over{};
  const auto first = collected.uptimes.find("interrupts"), last = collected.uptimes.find("interrupts.later");
  if (first == collected.uptimes.end() || last == collected.uptimes.end()) interrupts_error = std::make_error_code(std::errc::no_message_available);
  else over = std::chrono::round<std::chrono::nanoseconds>(std::chrono::duration<double>(last->second.first - first->second.first));
  if (!interrupts_error && over < 100ms) interrupts_error = std::make_error_code(std::errc::no_message_available);
  recorded_os::now.later = true;
  if (!interrupts_error) interrupts = takt::timer_interrupts::read<recorded_os>(interrupts_error) - before;
  d.sections.push_back(tick_section<recorded_os>(interrupts, interrupts_error, interrupts_error ? 1s : over, found, "as collect.sh counted them"));

  section not_known{"collection", "Collection", {}, {}, {}};
  not_known.add("release", "kernel", release.empty() ? unknown() : word(release));
  not_known.add("machine", "architecture", machine.empty() ? unknown() : word(machine));
  not_known.add("root", "collected by root", yes_no(collected.root));
  std::vector<std::string> missing = collected.missing;
  for (std::string& each : missing) {
    each.resize(std::min<std::size_t>(each.size(), 200));
    std::replace_if(
        each.begin(), each.end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  }
  not_known.add("missing", "not collected", list(missing));
  not_known.add("needs_the_machine", "not in files", list({"what CPUID says", "the calibration", "what reading a clock costs", "what the vDSO does",
                                                           "the state of adjtimex", "whether threads may read the counter"}),
                "takt report on the machine itself");
  d.sections.push_back(std::move(not_known));
  d.sections.push_back(takt_section());
  print(d, layout::compact);
  return exit_code::done;
}

/// Prints what can be known of this moment; what is counted or grows over time, takt watch writes.
exit_code print_metrics() {
  takt::verdict::facts facts = takt::verdict::facts::gather();
  std::error_code ec;
  if (const bool answers = takt::vdso::answers(CLOCK_MONOTONIC, ec); !ec) facts.vdso_answers = answers;
  facts.marked_unstable = takt::kernel_log::read(ec).found_unstable();
  clock_metrics m;
  m.source = facts.current_source;
  m.ticks_trusted = takt::judge(facts).counter_trusted;
  m.vdso_answers = facts.vdso_answers;
  const takt::tsc_calibration calibration = takt::tsc_clock::calibrate(20ms, ec);
  if (!ec && calibration.rate().known()) {
    m.tick_hertz = calibration.rate().hertz();
    m.tick_error_hertz = m.tick_hertz * calibration.uncertainty_ppm() * 1e-6;
    m.tick_against = "CLOCK_MONOTONIC";
  }
  if (const takt::leap_facts leap = takt::leap_facts::read(ec); !ec) m.leap = leap, m.read_offset();
  counted_interrupts interrupts;
  interrupts.read();
  m.interrupts = &interrupts;
  std::fputs(m.text().c_str(), stdout);
  return exit_code::done;
}

exit_code run() {
  if (*flags.openmetrics && (!flags.from->empty() || json_wanted() || *flags.details))
    return wrong_usage("--openmetrics goes with neither --from nor --json nor --details");
  if (*flags.openmetrics) return print_metrics();
  if (!flags.from->empty()) return report_collected();
  const int repetitions = *flags.repetitions;
  if (repetitions < 1) return wrong_usage("--repetitions wants a number above zero");

  std::error_code interrupts_error, vdso_error;
  const auto began = std::chrono::steady_clock::now();
  const takt::timer_interrupts before = takt::timer_interrupts::read(interrupts_error);

  takt::verdict::facts facts = takt::verdict::facts::gather();
  if (const bool answers = takt::vdso::answers(CLOCK_MONOTONIC, vdso_error); !vdso_error) facts.vdso_answers = answers;
  const takt::cpu_features cpu = takt::cpu_features::read();
  std::error_code log_error;
  const takt::kernel_log log = takt::kernel_log::read(log_error);
  facts.marked_unstable = log.found_unstable();
  const takt::verdict verdict = takt::judge(facts);
  std::error_code not_calibrated;
  const takt::tsc_calibration calibration = takt::tsc_clock::calibrate(20ms, not_calibrated);
  const cost_table costs = measure_costs(repetitions);

  sleep_until(began + 1s); // long enough for a rate of interrupts
  takt::timer_interrupts interrupts;
  if (!interrupts_error) interrupts = takt::timer_interrupts::read(interrupts_error) - before;
  const auto over = std::chrono::steady_clock::now() - began;

  document d;
  d.headline = headline(verdict, facts);
  d.with_details = *flags.details;
  d.sections.push_back({"recommendation", "Recommendation", {}, {}, {recommend(verdict, facts, costs)}});
  d.sections.push_back(verdict_section(verdict));
  d.sections.push_back(counter_section(cpu, facts, costs.calibration, calibration.rate().known(), log, log_error));
  d.sections.push_back(calibration_section(calibration, not_calibrated));
  d.sections.push_back(clock_source_section(facts));
  d.sections.push_back(clock_event_section<takt::linux_os>(cpu));
  d.sections.push_back(tick_section<takt::linux_os>(interrupts, interrupts_error, over, kernel_configuration(), "while this ran"));
  d.sections.push_back(slack_section());
  d.sections.push_back(vdso_section(facts, vdso_error));
  d.sections.push_back(cost_section(costs));
  d.sections.push_back(takt_section());
  print(d, layout::compact);
  return exit_code::done;
}

const registered entry({
    .name = "report",
    .group = group::machine,
    .place = 1,
    .summary = "this machine's timekeeping on one screen",
    .description = "Begins with whether the counter can be trusted, and which clock to read. Below are the "
                   "reasons, facts about the counter, clock sources, clock event devices, the tick, timer slack "
                   "and the vDSO, and what reading the usual clocks costs, in user space and by system call. "
                   "--details adds every other fact, the source of each, and all clocks.\n\n"
                   "`takt cost` measures the costs more thoroughly, `takt calibrate` the counter's rate. Takes a "
                   "second or two. With --from it reports on the machine on which collect.sh, a shell script beside takt's "
                   "source, gathered the files, as far as files say it. Needs no privileges; with root it can also read the kernel's log where that is "
                   "restricted.\n\n"
                   "What --json prints follows a JSON Schema, which describes each key: report.schema.json in share/takt, where "
                   "the tool is installed. takt.schema is its version.\n\n"
                   "--openmetrics prints this moment in the text format that Prometheus's node exporter collects from files: "
                   "clock source, rate of the counter with its error, synchronisation and offset by adjtimex, leap second state, "
                   "timer interrupts of each CPU. `takt watch --openmetrics` writes a file, with steps and what else happens over time.",
    .example = "takt report --json | jq .verdict",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
