// takt drift - how far tsc_clock goes from the kernel's clock when it is left alone, and with a keeper.
#include "command.hpp"
#include "stop.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cmath>
#include <optional>
#include <takt/clock/tsc_clock.hpp>
#include <takt/timer/keeper.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<std::optional<duration>> for_time{this, "for", "TIME", "Compare for TIME; by default, for 10s"};
  flag<std::optional<duration>> keeper{this, "keeper", "TIME", "Also compare a clock that a clock_keeper disciplines every TIME, as 1s"};
  flag<duration> budget{this, "budget", "TIME", "The time that calibrating may take", {std::chrono::milliseconds(5)}};
} flags;

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;

/// A clock state of its own, beside that of takt::tsc_clock: both run at the same time.
struct own_state : takt::linux_os {};
using alone_clock = takt::basic_tsc_clock<kernel, takt::ordered_counter, own_state>;
using kept_clock = takt::tsc_clock;

constexpr nanoseconds default_length = std::chrono::seconds(10);
/// From one comparison to the next; more where that would make more than max_readings.
constexpr nanoseconds min_interval = std::chrono::milliseconds(5);
constexpr std::int64_t max_readings = 100'000;
/// A comparison is the narrowest of so many brackets: an interrupt cannot pass for an error.
constexpr int brackets = 20;
constexpr std::size_t max_rows = 12, max_bins = 20;

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

/// The largest error of all, without its sign.
double worst_of(const std::vector<reading>& all) {
  double worst = 0;
  for (const reading& r : all) worst = std::max(worst, std::fabs(r.error));
  return worst;
}

/// A bin width of 1, 2 or 5 times a power of ten with which `span` takes no more than max_bins.
double bin_width(double span) {
  double width = 1;
  for (int step = 0; span / width > static_cast<double>(max_bins) - 1; ++step) width *= step % 3 == 1 ? 2.5 : 2;
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
  const auto [min, max] = std::minmax_element(errors.begin(), errors.end());
  s.add("readings", "readings", count(all.size()));
  s.add("min_ns", "min", rounded(*min));
  s.add("median_ns", "median", rounded(quantile(errors, 0.5)));
  s.add("max_ns", "max", rounded(*max));
  s.add("abs_p99_ns", "99 % within", time_value(std::round(quantile(sizes, 0.99))));
  s.add("drift_ppm", "drift", {absl::StrCat(signed_decimal(slope_ppm(all), 4), " ppm"), slope_ppm(all)});
  s.add("outside_stated", "more than the clock stated", {absl::StrCat(count(outside).text, " readings"), outside});

  const double width = bin_width(*max - *min), from = std::floor(*min / width);
  std::vector<std::size_t> bins(static_cast<std::size_t>(std::floor(*max / width) - from) + 1);
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
                      {"alone_min_ns", "alone\nmin", true},
                      {"alone_max_ns", "alone\nmax", true},
                      {"alone_stated_ns", "alone\nstated", true}};
  if (!kept.empty()) {
    for (const column& c : {column{"kept_min_ns", "kept\nmin", true},
                            {"kept_max_ns", "kept\nmax", true},
                            {"kept_stated_ns", "kept\nstated", true}})
      s.table->columns.push_back(c);
  }
  // In a row for each of `max_rows` equal spans; a span without readings has none.
  const auto cells = [&](std::vector<value>& row, const std::vector<reading>& all, std::size_t i) {
    const nanoseconds from = length * static_cast<int>(i) / static_cast<int>(max_rows);
    const nanoseconds to = length * static_cast<int>(i + 1) / static_cast<int>(max_rows);
    double min = 0, max = 0, stated = 0;
    bool any = false;
    for (const reading& r : all) {
      if (r.at < from || r.at >= to) continue;
      min = any ? std::min(min, r.error) : r.error, max = any ? std::max(max, r.error) : r.error;
      stated = std::max(stated, r.stated), any = true;
    }
    if (!any) row.insert(row.end(), 3, value{"-", nullptr});
    else
      row.push_back(rounded(min)), row.push_back(rounded(max)),
          row.push_back({"+/- " + time_value(stated).text, time_value(stated).data});
  };
  for (std::size_t i = 0; i < max_rows; ++i) {
    const double until = std::chrono::duration<double>(length).count() * static_cast<double>(i + 1) / max_rows;
    std::vector<value> row{{absl::StrFormat("%.*f s", length < std::chrono::seconds(12) ? 2 : 1, until), until}};
    cells(row, alone, i);
    if (!kept.empty()) cells(row, kept, i);
    s.table->rows.push_back(std::move(row));
  }
  return s;
}

exit_code run() {
  const std::optional<duration> wanted = *flags.for_time, keeper_period = *flags.keeper;
  const nanoseconds budget = flags.budget->value;
  const nanoseconds length = wanted ? wanted->value : default_length;
  if (length <= nanoseconds::zero() || length > std::chrono::hours(24 * 365))
    return wrong_usage("--for wants a time above zero and up to a year");
  if (budget <= nanoseconds::zero()) return wrong_usage("--budget wants a time above zero");
  if (keeper_period && keeper_period->value < takt::clock_keeper<>::min_period)
    return wrong_usage("--keeper wants a period of 1ms or more");

  std::error_code ec;
  const takt::tsc_calibration calibration = alone_clock::calibrate(budget, ec);
  std::optional<takt::clock_keeper<>> keeper;
  if (!ec && keeper_period) {
    kept_clock::calibrate(budget, keeper_period->value, ec);
    if (!ec) keeper.emplace(keeper_period->value, ec);
  }
  if (ec)
    return could_not("tsc_clock cannot run by this machine's counter; `takt report` says what is known of it", ec);

  const nanoseconds interval = std::max(min_interval, length / max_readings);
  std::vector<reading> alone, kept;
  bool believed = true;
  const auto start = steady_clock::now();
  const auto begin = kernel::now();
  progress shown("comparing clocks");
  do {
    believed = believed && alone_clock::source() == takt::clock_path::counter;
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
  s.add("every_ns", "every", time_value(interval));
  s.add("hertz", "calibration", {takt::to_string(calibration), calibration.rate().hertz()});
  s.add_aside("time_spent_ns", {"", calibration.time_spent().count()}, "");
  s.add_aside("origin", word(as_absl(takt::to_string(calibration.origin()))), "");
  s.add("uncertainty_ppm", "so it may drift by",
        {absl::StrFormat("%.4f ppm", calibration.uncertainty_ppm()), calibration.uncertainty_ppm()});
  if (keeper) {
    const takt::clock_keeper<>::report_type r = keeper->report();
    s.add("keeper_period_ns", "a keeper checked it every", time_value(keeper_period->value));
    s.add("keeper_checks", "and did so", {absl::StrCat(count(r.checks).text, " times"), r.checks});
    s.add("corrected_forward", "found it behind in", count(r.corrected_forward));
    // It may go on being ahead over several checks, and a check may find it behind and publish a line that is ahead.
    s.add("slewed", "found it ahead, to be slewed, in",
          {absl::StrCat(count(r.slewed).text, " (or both in one check)"), r.slewed});
  }
  if (!believed)
    s.remarks.push_back(
        "The clock that was left alone went back to the kernel's clock: its counter jumped, or this machine slept.");
  d.sections.push_back(std::move(s));
  d.headline = absl::StrCat("Left alone for ", time_value(compared).text, ", tsc_clock stayed within ", time_value(worst_of(alone)).text,
                            " of CLOCK_MONOTONIC; it stated ", time_value(alone.back().stated).text, " at the end.",
                            kept.empty() ? "" : absl::StrCat(" With a keeper it stayed within ", time_value(worst_of(kept)).text, "."));
  d.sections.push_back(over_time(alone, kept, compared));
  d.sections.push_back(histogram("left_alone", "Left alone", alone));
  if (!kept.empty())
    d.sections.push_back(histogram(
        "kept", absl::StrCat("Kept every ", time_value(keeper_period->value).text), kept));
  print(d);
  return exit_code::done;
}

const registered entry({
    .name = "drift",
    .group = group::over_time,
    .place = 3,
    .summary = "how far tsc_clock drifts from the kernel's clock",
    .description = "Calibrates tsc_clock once, and compares it with CLOCK_MONOTONIC for the time of --for. Each "
                   "comparison is the narrowest of 20 brackets. --keeper adds a second clock that a clock_keeper "
                   "disciplines, so that one run shows both. Shows how the error grew, which error the clock "
                   "without a keeper states, and a histogram of each clock's errors. Ctrl-C ends it with the "
                   "comparisons that were made until then.",
    .example = "takt drift --for 5min --keeper 1s",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
