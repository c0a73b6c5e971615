// takt calibrate - how well the rate of the counter is known after how long, and which other sources know it.
#include "command.hpp"
#include "stop.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <optional>
#include <takt/clock/calibration.hpp>
#include <takt/clock/rate_sources.hpp>
#include <takt/clock/shared_calibration.hpp>
#include <takt/clock/verdict.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<duration> longest_budget{this, "longest-budget", "TIME", "The longest budget to try, up to 10s", {std::chrono::milliseconds(500)}};
  flag<int> each_budget{this, "each-budget", "N", "Calibrations with each budget", 5};
} flags;

using std::chrono::nanoseconds;
using namespace std::chrono_literals;
using takt::tsc_calibration;
using raw_clock = takt::posix_clock<CLOCK_MONOTONIC_RAW>;

/// The results of all calibrations with one budget.
struct step {
  nanoseconds budget{};
  std::vector<tsc_calibration> runs;
  int failed = 0;
  std::error_code why;
};

/// 100 us, 200 us, 500 us, 1 ms ... up to `longest`, which is the last.
std::vector<nanoseconds> budgets_up_to(nanoseconds longest) {
  std::vector<nanoseconds> all;
  nanoseconds next = 100us;
  for (int i = 0; next < longest; ++i) {
    all.push_back(next);
    next = i % 3 == 1 ? next * 5 / 2 : next * 2;
  }
  all.push_back(longest);
  return all;
}

/// Of several runs the one in the middle, by what they state.
const tsc_calibration& typical(const std::vector<tsc_calibration>& runs) {
  std::vector<const tsc_calibration*> order;
  for (const tsc_calibration& c : runs) order.push_back(&c);
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>((order.size() - 1) / 2);
  std::nth_element(order.begin(), middle, order.end(),
                   [](const auto* a, const auto* b) { return a->uncertainty_ppm() < b->uncertainty_ppm(); });
  return **middle;
}

double ppm_apart(takt::tick_rate a, takt::tick_rate b) { return (a.hertz() / b.hertz() - 1) * 1e6; }

// The plot: an axis of ppm that is a logarithm to both sides, for errors shrink by powers of ten.

class axis {
public:
  /// From -max to max; what is smaller than `min` is in the middle.
  axis(double min, double max)
      : min_(std::pow(10, std::floor(std::log10(std::max(min, 1e-6))))),
        decades_(std::max(1.0, std::ceil(std::log10(std::max(max, 2e-6) / min_)))) {}

  [[nodiscard]] std::size_t width() const { return 2 * static_cast<std::size_t>(half) + 1; }
  [[nodiscard]] std::size_t column(double ppm) const {
    const double size = std::fabs(ppm) > min_ ? std::log10(std::fabs(ppm) / min_) / decades_ : 0;
    const auto steps = static_cast<int>(std::lround(std::min(size, 1.0) * half));
    return static_cast<std::size_t>(ppm < 0 ? half - steps : half + steps);
  }
  /// An error bar of +/- `bar` around `value`.
  [[nodiscard]] std::string draw(double value, double bar) const {
    std::string line(width(), ' ');
    line[middle()] = '.';
    const std::size_t from = column(value - bar), to = column(value + bar);
    for (std::size_t i = from; i <= to; ++i) line[i] = '-';
    line[from] = line[to] = '|';
    line[column(value)] = '*';
    return line;
  }
  /// The numbers at the ends, at the limits of the middle, and 0.
  [[nodiscard]] std::string heading() const {
    const std::string max = absl::StrFormat("%g", min_ * std::pow(10, decades_)),
                      min = absl::StrFormat("%g", min_);
    std::string line(width(), ' ');
    const auto put = [&](std::size_t at, const std::string& text) {
      line.replace(std::min(at, width() - text.size()), text.size(), text);
    };
    put(0, absl::StrCat("-", max, " ppm")), put(width(), absl::StrCat("+", max, " ppm"));
    put(middle() - 2, "+/-" + min);
    return line;
  }

private:
  [[nodiscard]] std::size_t middle() const { return static_cast<std::size_t>(half); }
  int half = static_cast<int>(std::min(line_width(STDOUT_FILENO) - 12, 45U)) / 2; // beside a budget
  double min_, decades_;
};

section convergence(const std::vector<step>& steps, const tsc_calibration& best) {
  section s{"convergence", "The rate against CLOCK_MONOTONIC by what calibrate() may spend", {}, table{}, {}};
  double min = 1e9, max = 0;
  for (const step& st : steps) {
    if (st.runs.empty()) continue;
    const tsc_calibration& c = typical(st.runs);
    min = std::min(min, c.uncertainty_ppm());
    max = std::max(max, c.uncertainty_ppm() + std::fabs(ppm_apart(c.rate(), best.rate())));
  }
  const axis a(min, max);
  s.table->columns = {
      {"budget_ns", "budget", true},        {"spent_ns", "spent", true},  {"hertz", "MHz", true},
      {"uncertainty_ppm", "+/- ppm", true}, {"off_ppm", "off ppm", true}, {"worst_off_ppm", "worst", true},
      {"samples_used", "samples", true},    {"runs", "runs", true},       {"failed", ""},
      {"why_failed", ""},                   {"", a.heading()}};
  for (const step& st : steps) {
    const value budget = time_value(st.budget);
    if (st.runs.empty()) {
      s.table->rows.push_back({budget,
                               unknown(),
                               unknown(),
                               unknown(),
                               unknown(),
                               unknown(),
                               unknown(),
                               count(0),
                               count(static_cast<unsigned>(st.failed)),
                               word(st.why.message()),
                               {st.why.message(), nullptr}});
      continue;
    }
    const tsc_calibration& c = typical(st.runs);
    double worst = 0;
    for (const tsc_calibration& r : st.runs) worst = std::max(worst, std::fabs(ppm_apart(r.rate(), best.rate())));
    const double off = ppm_apart(c.rate(), best.rate());
    const auto spent = c.time_spent().count();
    s.table->rows.push_back({budget,
                             {absl::StrFormat("%.3g ms", static_cast<double>(spent) * 1e-6), spent},
                             {absl::StrFormat("%.6f", c.rate().hertz() * 1e-6), c.rate().hertz()},
                             {absl::StrFormat("%.4f", c.uncertainty_ppm()), c.uncertainty_ppm()},
                             {signed_decimal(off, 4), off},
                             {absl::StrFormat("%.4f", worst), worst},
                             count(c.samples_used()),
                             count(st.runs.size()),
                             count(static_cast<unsigned>(st.failed)),
                             st.failed == 0 ? value{"", nullptr} : word(st.why.message()),
                             {a.draw(off, c.uncertainty_ppm()), nullptr}});
  }
  s.remarks.push_back(absl::StrFormat(
      "A run ends before its budget is spent when it has reached +/- %g ppm, and after it when it was disturbed: its window "
      "begins again, up to %d ms late, and a burst of readings ends it.",
      takt::tsc_calibration::target_ppm, static_cast<int>(takt::tsc_calibration::latest_beginning / 1ms)));
  return s;
}

section origins(const tsc_calibration& best, const std::optional<tsc_calibration>& raw, const takt::rate_source::facts& facts) {
  section s{"origins", "Every origin of the rate, and whether it agrees with the measurement", {}, table{}, {}};
  s.table->columns = {{"origin", "origin"},
                      {"raw_hertz", "MHz against RAW", true},
                      {"hertz", "against MONOTONIC", true},
                      {"uncertainty_ppm", "+/- ppm", true},
                      {"off_ppm", "off ppm", true},
                      {"agrees", "agrees"},
                      {"unavailable", ""}};
  const value none{"-", nullptr};
  const auto mhz = [&](takt::tick_rate r) {
    return r.known() ? value{absl::StrFormat("%.6f", r.hertz() * 1e-6), r.hertz()} : none;
  };
  const auto ppm = [](double x) {
    const double size = std::fabs(x);
    const bool tiny = size > 0 && size < 1e-4; // four decimal places would show it as zero
    return value{size >= 10 ? decimal(x, 0) : tiny ? absl::StrFormat("%.1e", x) : decimal(x, 4), x};
  };
  s.table->rows.push_back({word("measured"), mhz(raw ? raw->rate() : takt::tick_rate()), mhz(best.rate()),
                           ppm(best.uncertainty_ppm()), none, none, none});
  std::size_t agree = 0, known = 0;
  // An anchor gives a calibration against CLOCK_MONOTONIC, so it is compared with the other one as it is.
  takt::shared_calibration shared;
  const tsc_calibration anchored = shared.load<takt::posix_clock<CLOCK_MONOTONIC>, takt::ordered_counter>();
  if (anchored.rate().known()) {
    const double off = ppm_apart(anchored.rate(), best.rate());
    const bool agrees = std::fabs(off) <= anchored.uncertainty_ppm() + best.uncertainty_ppm();
    ++known, agree += agrees;
    s.table->rows.push_back({word("shared anchor"), none, mhz(anchored.rate()), ppm(anchored.uncertainty_ppm()),
                             ppm(off), yes_no(agrees), none});
  } else {
    s.table->rows.push_back({word("shared anchor"), none, none, none, none, none, word(shared.why())});
    s.remarks.push_back(absl::StrCat("Unavailable: shared anchor: ", shared.why(), "."));
  }
  for (const takt::rate_source& r : takt::rate_sources(facts)) {
    const auto checked = r.compare(best);
    const bool knows = r.raw.known() || r.monotonic.known();
    known += knows, agree += checked && checked->agrees;
    s.table->rows.push_back({word(as_absl(takt::to_string(r.origin))), mhz(r.raw), mhz(r.monotonic),
                             knows ? ppm(r.uncertainty_ppm) : none, checked ? ppm(checked->off_ppm) : none,
                             checked ? yes_no(checked->agrees) : none, r.unavailable.empty() ? none : word(r.unavailable)});
    if (!r.unavailable.empty())
      s.remarks.push_back(absl::StrCat("Unavailable: ", as_absl(takt::to_string(r.origin)), ": ", r.unavailable, "."));
    else if (r.bound)
      s.remarks.push_back(absl::StrCat(as_absl(takt::to_string(r.origin)), " is a nominal speed, a bound and not a rate."));
  }
  s.add("steering_ppm", "MONOTONIC runs faster than RAW by",
        facts.steered_error ? unknown() : value{ppm(facts.steered.ppm).text + " ppm", facts.steered.ppm},
        facts.steered_error ? absl::StrCat("adjtimex: ", facts.steered_error.message()) : "adjtimex");
  if (raw) {
    const double measured = ppm_apart(raw->rate(), best.rate());
    s.add("measured_steering_ppm", "as measured", {ppm(measured).text + " ppm", measured}, "both rates below");
  }
  s.add("known", "origins that know a rate", count(known));
  s.add("agree", "of these agree", count(agree));
  return s;
}

exit_code run() {
  const nanoseconds longest = flags.longest_budget->value;
  const int each = *flags.each_budget;
  if (longest < 100us || longest > takt::tsc_calibration::longest_budget)
    return wrong_usage("--longest-budget wants a time from 100us to 10s");
  if (each < 1) return wrong_usage("--each-budget wants a number above zero");

  bool allowed = true;
  if (takt::linux_os::counter_allowed(allowed) == 0 && !allowed)
    return could_not("this thread may not read the counter (prctl PR_SET_TSC)");
  std::vector<step> steps;
  for (const nanoseconds b : budgets_up_to(longest)) steps.push_back({b, {}, 0, {}});
  nanoseconds all{}, spent{};
  for (const step& s : steps) all += s.budget * each;
  // The budgets take turns, so that whatever disturbs the machine disturbs all alike. One is tried in any case.
  progress shown("calibrating");
  bool tried = false;
  for (int i = 0; i < each; ++i) {
    for (step& s : steps) {
      if (tried && stop_wanted()) break;
      std::error_code ec;
      const tsc_calibration c = takt::calibrate(s.budget, ec);
      if (!ec) s.runs.push_back(c);
      else ++s.failed, s.why = ec;
      tried = true;
      shown.at(static_cast<double>((spent += s.budget).count()) / static_cast<double>(all.count()));
    }
  }
  std::optional<tsc_calibration> best, raw;
  std::error_code why;
  for (const step& s : steps) {
    if (s.why) why = s.why;
    for (const tsc_calibration& c : s.runs) {
      if (!best || c.uncertainty_ppm() < best->uncertainty_ppm()) best = c;
    }
  }
  if (!best) return could_not("the counter cannot be measured against CLOCK_MONOTONIC", why);
  if (std::error_code ec; !stop_wanted()) {
    const tsc_calibration c = takt::calibrate<raw_clock>(std::min<nanoseconds>(longest, 100ms), ec);
    if (!ec) raw = c;
  }
  const bool trusted = takt::judge(takt::verdict::facts::gather()).counter_trusted;

  document d;
  section s{"calibration", "The counter of this machine", {}, {}, {}};
  s.add("hertz", "rate", {takt::to_string(*best), best->rate().hertz()},
        "the best run; a row below is the typical one of its budget");
  s.add_aside("uncertainty_ppm", number(best->uncertainty_ppm(), 6), "");
  s.add_aside("time_spent_ns", {"", best->time_spent().count()}, "");
  s.add_aside("origin", word(as_absl(takt::to_string(best->origin()))), "");
  s.add("counter_trusted", "may it be a clock", yes_no(trusted), "takt report says why");
  d.sections.push_back(std::move(s));
  std::erase_if(steps, [](const step& st) { return st.runs.empty() && st.failed == 0; });
  d.sections.push_back(convergence(steps, *best));
  d.sections.push_back(origins(*best, raw, takt::rate_source::facts::gather()));
  const auto fact_of = [&](absl::string_view key) {
    const auto& facts = d.sections.back().facts;
    return std::find_if(facts.begin(), facts.end(), [&](const fact& f) { return f.key == key; })->value.data.get<std::size_t>();
  };
  const std::size_t known = fact_of("known"), agree = fact_of("agree");
  d.headline = absl::StrCat("The counter runs at ", takt::to_string(*best),
                            trusted ? " and can be trusted as a clock. " : "; it cannot be trusted as a clock here (takt report). ",
                            known == 0       ? "No other source knows its rate."
                            : agree == known ? absl::StrCat("Other sources that know its rate: ", known, ", all agree.")
                                             : absl::StrCat("Other sources that know its rate: ", known, ", of which ", agree, " agree."));
  print(d);
  return exit_code::done;
}

const registered entry({
    .name = "calibrate",
    .group = group::machine,
    .place = 3,
    .summary = "how well the counter's rate is known after how long, and which other sources know it",
    .description = "Measures the counter against CLOCK_MONOTONIC with budgets from 100 us up to --longest-budget, "
                   "several times with each. For each budget it shows a typical run: its rate, its stated "
                   "uncertainty, and how far that run and the worst one differ from the best run of all. The "
                   "picture shows the error bars on an axis of ppm that is logarithmic in both directions; what "
                   "is smaller than its innermost numbers is drawn as zero. A second table lists the other "
                   "sources of the rate (another process's anchor, CPUID, hypervisor, firmware, kernel log, "
                   "perf), and whether each agrees with the measurement within the uncertainties of both.",
    .example = "takt calibrate --longest-budget 2s",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
