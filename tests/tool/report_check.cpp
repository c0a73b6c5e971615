// report_check FILE: whether FILE can be the document of `takt report --json` on some machine: every section and key,
// of its type, with values that do not contradict each other. It knows nothing of this machine. Exit status 1: no.
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace {

using nlohmann::json;

int failures = 0;

void expect(bool holds, const std::string& what) {
  if (holds) return;
  ++failures;
  std::fprintf(stderr, "report: %s\n", what.c_str());
}

bool is_positive(const json& x) { return x.is_number() && std::isfinite(x.get<double>()) && x.get<double>() > 0; }
bool is_count(const json& x) { return x.is_number() && std::isfinite(x.get<double>()) && x.get<double>() >= 0; }
bool is_text(const json& x) { return x.is_string() && !x.get<std::string>().empty(); }
bool is_bool(const json& x) { return x.is_boolean(); }
bool is_list_of_texts(const json& x) {
  if (!x.is_array()) return false;
  for (const json& each : x) {
    if (!is_text(each)) return false;
  }
  return true;
}

enum class may_be_null { no, yes };

/// The fact `key` of a section; null, after a complaint, where there is none or it is of another kind.
const json& fact(const json& section, const std::string& key, bool (*is)(const json&),
                 may_be_null null = may_be_null::yes) {
  static const json none;
  const auto found = section.find(key);
  expect(found != section.end(), "no " + key);
  if (found == section.end()) return none;
  const bool sound = is(*found) || (null == may_be_null::yes && found->is_null());
  expect(sound, key + " is " + found->dump());
  return sound ? *found : none;
}

/// Every fact of the section has a source, and every source a fact.
void expect_sources(const std::string& name, const json& section) {
  const json sources = section.value("sources", json::object());
  for (const auto& [key, value] : section.items()) {
    if (key != "sources" && key != "rows" && key != "remarks")
      expect(sources.contains(key), name + "." + key + " has no source");
  }
  for (const auto& [key, source] : sources.items()) {
    expect(section.contains(key) && is_text(source), "the source of " + name + "." + key + " is " + source.dump());
  }
}

bool agree(double a, double b, double relative) { return std::fabs(a - b) <= relative * std::fabs(b); }

/// A list of objects about CPUs, each CPU once and in order.
void expect_cpus(const json& list, const std::string& key, bool (*is)(const json&)) {
  double last = -1;
  for (const json& entry : list) {
    const json& cpu = fact(entry, "cpu", is_count, may_be_null::no);
    fact(entry, key, is, may_be_null::no);
    if (cpu.is_null()) continue;
    expect(cpu.get<double>() > last, "CPU " + cpu.dump() + " out of order");
    last = cpu.get<double>();
  }
}

void check_counter(const json& counter) {
  const bool exists = fact(counter, "exists", is_bool, may_be_null::no) == true;
  fact(counter, "invariant_tsc", is_bool);
  fact(counter, "allowed", is_bool);
#if defined(__x86_64__)
  for (const char* key : {"processor"}) fact(counter, key, is_text);
  for (const char* key : {"rdtscp", "constant_tsc", "nonstop_tsc", "tsc_deadline", "arat"}) fact(counter, key, is_bool);
  for (const char* key :
       {"cpuid_frequency", "base_frequency", "hypervisor_frequency", "detected_frequency", "refined_frequency"}) {
    fact(counter, key, is_positive);
  }
  expect(counter.contains("hypervisor"), "no hypervisor");
#endif
  const json& measured = fact(counter, "measured_frequency", is_positive);
  if (measured.is_null()) return;
  const double hz = measured.get<double>();
  expect(exists, "a rate was measured of a counter that does not exist");
  expect(hz > 1e5 && hz < 1e11, "measured_frequency is " + measured.dump());
  // 0x15, the hypervisor and the kernel know this very rate; a per cent is far more than any of them is off, and than
  // the clock can be slewed.
  for (const char* key : {"cpuid_frequency", "hypervisor_frequency", "detected_frequency", "refined_frequency"}) {
    const auto known = counter.find(key);
    if (known == counter.end() || !known->is_number()) continue;
    expect(agree(known->get<double>(), hz, 0.01),
           std::string(key) + " is " + known->dump() + ", measured " + measured.dump());
  }
}

/// The calibration, and that the rate in `counter` is no other.
void check_calibration(const json& calibration, const json& counter) {
  const json& hertz = fact(calibration, "hertz", is_positive);
  const json& ppm = fact(calibration, "uncertainty_ppm", is_positive);
  const json& origin = fact(calibration, "origin", is_text, may_be_null::no);
  const json& used = fact(calibration, "samples_used", is_count);
  const json& spent = fact(calibration, "time_spent_ns", is_positive);
  fact(calibration, "samples_rejected", is_count);
  const bool known = !hertz.is_null();
  expect(known == !ppm.is_null() && known == !used.is_null() && known == !spent.is_null() && known == (origin != "none"),
         "half a calibration: " + calibration.dump());
  if (!known) return;
  expect(ppm < 1000.0, "uncertainty_ppm is " + ppm.dump());
  expect(counter.value("measured_frequency", json()) == hertz, "two rates of one counter");
}

void check_verdict(const json& verdict, const json& counter) {
  const bool trusted = fact(verdict, "counter_trusted", is_bool, may_be_null::no) == true;
  const json& path = fact(verdict, "recommended_path", is_text, may_be_null::no);
  const json& reasons = fact(verdict, "reasons", is_list_of_texts, may_be_null::no);
  const bool against =
      verdict.contains("against") && !fact(verdict, "against", is_list_of_texts, may_be_null::no).empty();
  expect(path == "counter" || path == "vDSO" || path == "system call", "recommended_path is " + path.dump());
  expect(against || !reasons.empty(), "a verdict without a reason");
  expect(trusted || against, "not trusted, and nothing against it");
  expect(trusted || path != "counter", "the counter is recommended and not trusted");
  if (trusted)
    expect(counter.value("exists", json()) != false && counter.value("allowed", json()) != false,
           "a counter is trusted that cannot be read");
}

void check_clock_sources(const json& sources) {
  const json& current = fact(sources, "current", is_text);
  const json& available = fact(sources, "available", is_list_of_texts);
  if (current.is_null() || available.is_null()) return;
  bool found = false;
  for (const json& each : available) found = found || each == current;
  expect(found, "the clock source " + current.dump() + " is not among " + available.dump());
}

void check_tick(const json& tick) {
  const json& hz = fact(tick, "hz", is_positive);
  if (!hz.is_null()) expect(hz.get<double>() >= 12 && hz.get<double>() < 12288, "hz is " + hz.dump());
  fact(tick, "mode", is_text);
  fact(tick, "high_resolution_timers", is_bool);
  fact(tick, "nohz_full", [](const json& x) { return x.is_array(); });
  const json& rates = fact(tick, "timer_interrupts_per_second", [](const json& x) { return x.is_array(); });
  expect_cpus(rates, "per_second", is_count);
  const json& total = fact(tick, "timer_interrupts_total_per_second", is_count);
  fact(tick, "timer_interrupts_counted_s", is_positive);
  expect(rates.is_null() == total.is_null(), "timer interrupts of the CPUs without a total, or the other way round");
  if (rates.is_null() || total.is_null()) return;
  double sum = 0;
  for (const json& each : rates) sum += each.value("per_second", 0.0);
  expect(agree(sum, total.get<double>(), 1e-6), "the CPUs' timer interrupts are not their total, " + total.dump());
}

void check_cost(const json& cost, const json& report) {
  const json& rows = fact(
      cost, "rows", [](const json& x) { return x.is_array() && !x.empty(); }, may_be_null::no);
  const auto rate = report.at("counter").value("measured_frequency", json());
  const auto hz = report.at("tick").value("hz", json());
  std::set<std::pair<std::string, std::string>> seen;
  bool counter_read = false, tsc_clock_read = false, fast_tsc_clock_read = false;
  for (const json& row : rows) {
    const json& clock = fact(row, "clock", is_text, may_be_null::no);
    const json& path = fact(row, "path", is_text, may_be_null::no);
    if (clock.is_null() || path.is_null()) continue;
    const std::string name = clock.get<std::string>() + " by " + path.get<std::string>();
    expect(seen.emplace(clock, path).second, name + " twice");
    counter_read = counter_read || clock == "counter";
    tsc_clock_read = tsc_clock_read || clock == "takt::tsc_clock";
    fast_tsc_clock_read = fast_tsc_clock_read || clock == "takt::fast_tsc_clock";

    const json& median = fact(row, "median_ps", is_positive, may_be_null::no);
    const json& p99 = fact(row, "p99_ps", is_positive); // null where there were too few batches for one
    const json& median_ticks = fact(row, "median_ticks", is_positive);
    const json& p99_ticks = fact(row, "p99_ticks", is_positive);
    const json& resolution = fact(row, "resolution_ns", is_positive);
    fact(row, "smallest_step_ps", is_positive);
    const json& in_user_space = fact(row, "in_user_space", is_bool);
    if (median.is_null()) continue;
    expect(p99.is_null() || p99.get<double>() >= median.get<double>(), name + ": p99 below the median");
    expect(p99_ticks.is_null() == (p99.is_null() || median_ticks.is_null()) && median_ticks.is_null() == rate.is_null(),
           name + ": ticks without a rate, or a rate without ticks");
    if (median_ticks.is_number() && rate.is_number()) {
      expect(std::fabs(median.get<double>() * rate.get<double>() / 1e12 - median_ticks.get<double>()) <= 0.5 * rate.get<double>() / 1e12 + 1e-6 * median_ticks.get<double>(),
             name + ": ticks and nanoseconds disagree");
    }
    if (clock == "CLOCK_MONOTONIC_COARSE" && resolution.is_number() && hz.is_number()) {
      expect(agree(resolution.get<double>() * hz.get<double>(), 1e9, 0.01), name + ": its resolution is not the tick");
    }
    expect(in_user_space.is_null() || path == "vDSO", name + ": in_user_space says something of the vDSO alone");
    const json& answers = report.at("vdso").value("answers", json());
    if (clock == "CLOCK_MONOTONIC" && path == "vDSO" && in_user_space.is_boolean() && answers.is_boolean()) {
      expect(in_user_space == answers, name + ": the sections vdso and cost disagree");
    }
  }
  expect(counter_read == !rate.is_null(), "paths to the counter and its rate belong together");
  expect(counter_read == tsc_clock_read && counter_read == fast_tsc_clock_read, "tsc_clock is read where the counter is");
  for (const auto& [clock, path] : std::set(seen)) {
    if (clock.rfind("CLOCK_", 0) == 0)
      expect(seen.count({clock, "system call"}) == 1, clock + ": what does the system call cost?");
  }
  expect(seen.count({"CLOCK_MONOTONIC", "system call"}) == 1, "no CLOCK_MONOTONIC");
}

void check(const json& report) {
  constexpr const char* sections[] = {"counter", "calibration", "verdict", "clock_sources", "clock_events",
                                      "tick",    "slack",       "vdso",    "cost",          "recommendation"};
  for (const char* name : sections) {
    const bool there = report.contains(name) && report.at(name).is_object();
    expect(there, std::string("no section ") + name);
    if (!there) return;
  }
  expect(is_text(report.value("headline", json())), "no headline");
  expect(report.contains("takt") && is_text(report.at("takt").value("version", json())), "no version");
  for (const char* name : {"counter", "calibration", "clock_sources", "clock_events", "tick", "slack", "vdso"})
    expect_sources(name, report.at(name));

  check_counter(report.at("counter"));
  check_calibration(report.at("calibration"), report.at("counter"));
  check_verdict(report.at("verdict"), report.at("counter"));
  check_clock_sources(report.at("clock_sources"));
  const json& events = report.at("clock_events");
  expect_cpus(fact(events, "devices", [](const json& x) { return x.is_array(); }), "name", is_text);
  fact(events, "broadcast", is_text);
  check_tick(report.at("tick"));
  fact(report.at("slack"), "own_ns", is_count);
  const json& symbols = fact(report.at("vdso"), "symbols", is_count);
  const json& answers = fact(report.at("vdso"), "answers", is_bool);
  expect(answers != true || symbols.is_null() || symbols > 0, "a vDSO without symbols answers");
  const json& mode = fact(report.at("vdso"), "mode", is_text);
  if (!mode.is_null()) {
    expect(mode == "counter" || mode == "system call" || mode == "pvclock" || mode == "hyperv", "mode is " + mode.dump());
    // What the vDSO reads, and whether it answers, were found in two ways.
    if (answers.is_boolean()) expect(answers == (mode != "system call"), "the vDSO answers and its mode disagree");
  }
  const json& rate = fact(report.at("vdso"), "rate", is_positive);
  if (!rate.is_null()) {
    expect(mode != "system call", "the vDSO reads by a rate and makes a system call");
    fact(report.at("vdso"), "rate_unit_ppm", is_positive, may_be_null::no);
  }
  fact(report.at("vdso"), "updates", is_count);
  check_cost(report.at("cost"), report);
  const json& recommendation = fact(report.at("recommendation"), "remarks", is_list_of_texts, may_be_null::no);
  expect(!recommendation.empty(), "nothing is recommended");
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: report_check FILE\n");
    return 2;
  }
  try {
    std::ifstream file(argv[1]);
    check(json::parse(file));
  } catch (const std::exception& e) {
    expect(false, e.what());
  }
  return failures == 0 ? 0 : 1;
}
