// takt drift - how far tsc_clock goes from the kernel's clock with nobody keeping it, and with a keeper.
#include "command.hpp"
#include "document.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <optional>
#include <takt/clock/tsc_clock.hpp>
#include <takt/timer/keeper.hpp>
#include <unistd.h>

extern absl::Flag<std::optional<tool::duration>> FLAGS_for; // defined in clocksource.cpp
ABSL_FLAG(std::optional<tool::duration>, keeper, std::nullopt,
          "TIME: Also watch a clock that a clock_keeper disciplines so often, as 1s");
ABSL_FLAG(tool::duration, budget, tool::duration{std::chrono::milliseconds(5)}, "TIME: What calibrating may take");

namespace tool {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;

/// A clock state of its own, beside that of takt::tsc_clock: both run at the same time.
struct own_state : takt::linux_os {};
using alone_clock = takt::basic_tsc_clock<kernel, takt::ordered_counter, own_state>;
using kept_clock = takt::tsc_clock;

constexpr nanoseconds default_length = std::chrono::seconds(10);
/// From one comparison to the next; more where that would make more than most_readings.
constexpr nanoseconds least_interval = std::chrono::milliseconds(5);
constexpr std::int64_t most_readings = 100'000;
/// A comparison is the narrowest of so many brackets: an interrupt cannot pass for an error.
constexpr int brackets = 20;
constexpr std::size_t most_rows = 12, most_bins = 20;

struct reading {
  nanoseconds at{}; // since the beginning
  double error = 0; // of the clock against CLOCK_MONOTONIC, ns; positive: ahead
  double half_width = 0;
  double stated = 0; // what the clock itself says of its error
};

/// Compares a clock with the kernel's between two reads of it.
template <class Clock> reading compare(kernel::time_point begin) {
  reading best;
  best.half_width = 1e18;
  for (int i = 0; i < brackets; ++i) {
    const auto before = Clock::now().time_since_epoch();
    const auto now = kernel::now();
    const auto after = Clock::now().time_since_epoch();
    const double half = static_cast<double>((after - before).count()) / 2;
    if (half >= best.half_width) continue;
    best.at = now - begin;
    best.half_width = half;
    best.error = static_cast<double>((before - now.time_since_epoch()).count()) + half;
  }
  best.stated = static_cast<double>(Clock::date(takt::ordered_counter::read()).error.count());
  return best;
}

double quantile(std::vector<double> values, double q) {
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

/// The slope of the errors, in ppm, by least squares.
double slope_ppm(const std::vector<reading>& all) {
  double n = 0, mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  for (const reading& r : all) {
    const auto x = static_cast<double>(r.at.count());
    n += 1;
    const double dx = x - mean_x;
    mean_x += dx / n, mean_y += (r.error - mean_y) / n;
    xx += dx * (x - mean_x), xy += dx * (r.error - mean_y);
  }
  return xx > 0 ? xy / xx * 1e6 : 0;
}

value signed_time(double ns) {
  value v = time_value(ns);
  if (ns > 0) v.text.insert(0, 1, '+');
  return v;
}
value rounded(double ns) { return signed_time(std::round(ns)); }

/// A bin width of 1, 2 or 5 times a power of ten with which `span` takes no more than most_bins.
double bin_width(double span) {
  double width = 1;
  for (int step = 0; span / width > static_cast<double>(most_bins) - 1; ++step) width *= step % 3 == 1 ? 2.5 : 2;
  return width;
}

section histogram(absl::string_view key, absl::string_view title, const std::vector<reading>& all) {
  section s{std::string(key), std::string(title), {}, table{}, {}};
  std::vector<double> errors, sizes;
  std::size_t outside = 0;
  for (const reading& r : all) {
    errors.push_back(r.error), sizes.push_back(std::fabs(r.error));
    outside += std::fabs(r.error) > r.stated + r.half_width;
  }
  const auto [least, most] = std::minmax_element(errors.begin(), errors.end());
  s.add("readings", "readings", count(all.size()));
  s.add("least_ns", "least", rounded(*least));
  s.add("median_ns", "median", rounded(quantile(errors, 0.5)));
  s.add("most_ns", "most", rounded(*most));
  s.add("abs_p99_ns", "99 % within", time_value(std::round(quantile(sizes, 0.99))));
  s.add("drift_ppm", "drift", {absl::StrCat(signed_decimal(slope_ppm(all), 4), " ppm"), slope_ppm(all)});
  s.add("outside_stated", "more than the clock stated", {absl::StrCat(count(outside).text, " readings"), outside});

  const double width = bin_width(*most - *least), from = std::floor(*least / width);
  std::vector<std::size_t> bins(static_cast<std::size_t>(std::floor(*most / width) - from) + 1);
  for (const double e : errors)
    ++bins[std::min(bins.size() - 1, static_cast<std::size_t>(std::max(0.0, std::floor(e / width) - from)))];
  const std::size_t bar_width = std::min(line_width(STDOUT_FILENO) - 36, 50U); // beside the widest numbers
  const std::size_t fullest = *std::max_element(bins.begin(), bins.end());
  s.table->columns = {{"from_ns", "from", true}, {"to_ns", "to", true}, {"readings", "readings", true}, {"", ""}};
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const double low = (from + static_cast<double>(i)) * width;
    std::string bar((bins[i] * bar_width + fullest - 1) / fullest, '#'); // what is there is seen
    s.table->rows.push_back({signed_time(low), signed_time(low + width), count(bins[i]), {bar, nullptr}});
  }
  return s;
}

/// The readings as a few spans of time.
section over_time(const std::vector<reading>& alone, const std::vector<reading>& kept, nanoseconds length) {
  section s{"over_time", "Error against CLOCK_MONOTONIC", {}, table{}, {}};
  s.table->columns = {{"until_s", "until", true},
                      {"alone_least_ns", "alone\nleast", true},
                      {"alone_most_ns", "alone\nmost", true},
                      {"alone_stated_ns", "alone\nstated", true}};
  if (!kept.empty()) {
    for (const column& c : {column{"kept_least_ns", "kept\nleast", true},
                            {"kept_most_ns", "kept\nmost", true},
                            {"kept_stated_ns", "kept\nstated", true}})
      s.table->columns.push_back(c);
  }
  // In a row for each of `most_rows` equal spans; of no readings nothing is told.
  const auto cells = [&](std::vector<value>& row, const std::vector<reading>& all, std::size_t i) {
    const nanoseconds from = length * static_cast<int>(i) / static_cast<int>(most_rows);
    const nanoseconds to = length * static_cast<int>(i + 1) / static_cast<int>(most_rows);
    double least = 0, most = 0, stated = 0;
    bool any = false;
    for (const reading& r : all) {
      if (r.at < from || r.at >= to) continue;
      least = any ? std::min(least, r.error) : r.error, most = any ? std::max(most, r.error) : r.error;
      stated = std::max(stated, r.stated), any = true;
    }
    if (!any) row.insert(row.end(), 3, value{"-", nullptr});
    else
      row.push_back(rounded(least)), row.push_back(rounded(most)),
          row.push_back({"+/- " + time_value(stated).text, stated});
  };
  for (std::size_t i = 0; i < most_rows; ++i) {
    const double until = std::chrono::duration<double>(length).count() * static_cast<double>(i + 1) / most_rows;
    std::vector<value> row{{absl::StrFormat("%.*f s", length < std::chrono::seconds(12) ? 2 : 1, until), until}};
    cells(row, alone, i);
    if (!kept.empty()) cells(row, kept, i);
    s.table->rows.push_back(std::move(row));
  }
  return s;
}

exit_code run() {
  const std::optional<duration> wanted = absl::GetFlag(FLAGS_for), keeper_period = absl::GetFlag(FLAGS_keeper);
  const nanoseconds budget = absl::GetFlag(FLAGS_budget).value;
  const nanoseconds length = wanted ? wanted->value : default_length;
  if (length <= nanoseconds::zero() || length > std::chrono::hours(24 * 365))
    return wrong_usage("--for wants a time above zero and up to a year");
  if (budget <= nanoseconds::zero()) return wrong_usage("--budget wants a time above zero");
  if (keeper_period && keeper_period->value < takt::keeper_rule::least_period)
    return wrong_usage("--keeper wants a period of 1ms or more");

  std::error_code ec;
  const takt::tsc_calibration calibration = alone_clock::calibrate(budget, ec);
  std::optional<takt::clock_keeper<>> keeper;
  if (!ec && keeper_period) {
    kept_clock::calibrate(budget, ec, keeper_period->value);
    if (!ec) keeper.emplace(keeper_period->value, ec);
  }
  if (ec)
    return could_not("tsc_clock cannot run by this machine's counter; `takt report` tells what is known of it", ec);

  const nanoseconds interval = std::max(least_interval, length / most_readings);
  std::vector<reading> alone, kept;
  bool believed = true;
  const auto start = steady_clock::now();
  const auto begin = kernel::now();
  progress shown("comparing clocks");
  do {
    believed = believed && alone_clock::source() == takt::road::counter;
    if (believed) alone.push_back(compare<alone_clock>(begin));
    if (keeper) kept.push_back(compare<kept_clock>(begin));
    shown.at(std::chrono::duration<double>(steady_clock::now() - start) / std::chrono::duration<double>(length));
  } while (sleep_until(std::min(steady_clock::now() + interval, start + length)) &&
           steady_clock::now() < start + length);
  const nanoseconds compared = kernel::now() - begin;
  if (alone.empty()) return could_not("the counter jumped as soon as it was calibrated");

  document d;
  section s{"drift", "tsc_clock against CLOCK_MONOTONIC", {}, {}, {}};
  s.add("seconds", "compared for",
        {absl::StrFormat("%.3g s", std::chrono::duration<double>(compared).count()),
         std::chrono::duration<double>(compared).count()});
  s.add("every_ns", "every", time_value(static_cast<double>(interval.count())));
  s.add("hertz", "calibration", {takt::to_string(calibration), calibration.rate().hertz()});
  s.add_aside("time_spent_ns", {"", calibration.time_spent().count()}, "");
  s.add_aside("origin", word(as_absl(takt::name(calibration.origin()))), "");
  s.add("uncertainty_ppm", "so it may drift by",
        {absl::StrFormat("%.4f ppm", calibration.uncertainty_ppm()), calibration.uncertainty_ppm()});
  if (keeper) {
    const takt::keeper_report r = keeper->report();
    s.add("keeper_period_ns", "a keeper looked every", time_value(static_cast<double>(keeper_period->value.count())));
    s.add("keeper_looks", "and did so", {absl::StrCat(count(r.looks).text, " times"), r.looks});
    s.add("corrected_forward", "found it behind in", count(r.corrected_forward));
    // A lead may last over several looks, and what it finds is older than the line that it leaves.
    s.add("worked_off", "left it a lead to work off in",
          {absl::StrCat(count(r.worked_off).text, " (or both in one look)"), r.worked_off});
  }
  if (!believed)
    s.remarks.push_back(
        "The clock that was left alone stopped believing its counter: its hour was over, or the counter jumped.");
  d.sections.push_back(std::move(s));
  d.sections.push_back(over_time(alone, kept, compared));
  d.sections.push_back(histogram("left_alone", "Left alone", alone));
  if (!kept.empty())
    d.sections.push_back(histogram(
        "kept", absl::StrCat("Kept every ", time_value(static_cast<double>(keeper_period->value.count())).text), kept));
  print(d);
  return exit_code::done;
}

} // namespace

extern const command drift_command{
    "drift",
    "how far tsc_clock goes from the kernel's clock",
    "Calibrates tsc_clock once and compares it with CLOCK_MONOTONIC for --for TIME (10 s without it), each time by the "
    "narrowest of\n"
    "20 brackets. --keeper adds a second clock that a clock_keeper disciplines, so that both are seen in one run. "
    "Shows how the error\n"
    "grew beside what the clock states of it while nobody steers, and its histogram. Ctrl-C ends it with what there is.",
    "takt drift --for 5min --keeper 1s",
    {"for", "keeper", "budget"},
    &run};

} // namespace tool
