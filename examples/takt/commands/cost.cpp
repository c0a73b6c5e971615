// takt cost - the cost table alone, on the current clock source or on each.
#include "command.hpp"
#include "stop.hpp"
#include "model/cost.hpp"
#include "model/scoped_clocksource.hpp"
#include "output/document.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <algorithm>
#include <takt/kernel/clocksource.hpp>

namespace tool {
namespace {

struct : flag_set {
  flag<std::string> clocks{this, "clocks", "NAMES", "Parts of the names of the clocks to read, with commas between: monotonic,tai,counter; all when empty"};
  flag<int> repetitions{this, "repetitions", "N", "Batches of 64 reads for each path", 2000};
  flag<bool> each_source{this, "each-source", "Repeat the table on every clock source the kernel offers (root; changes the machine for a while)"};
  agreement_flag agreed{this};
} flags;

std::vector<std::string> wanted_clocks() {
  std::vector<std::string> clocks;
  for (const absl::string_view part : absl::StrSplit(*flags.clocks, ',', absl::SkipWhitespace())) {
    clocks.push_back(absl::AsciiStrToLower(absl::StripAsciiWhitespace(part)));
  }
  return clocks;
}

/// The path that costs the least, and what most programs take.
std::string headline(const cost_table& costs) {
  const auto cheapest = std::min_element(costs.paths.begin(), costs.paths.end(),
                                         [](const auto& a, const auto& b) { return a.median_ns < b.median_ns; });
  if (cheapest == costs.paths.end()) return {};
  std::string text = absl::StrCat("Cheapest: ", cheapest->clock, " by ", cheapest->path, ", ", decimal(cheapest->median_ns, 1), " ns a read.");
  const path_cost* const vdso = find_path(costs, "CLOCK_MONOTONIC", "vDSO");
  const path_cost* const call = find_path(costs, "CLOCK_MONOTONIC", "system call");
  if (vdso != nullptr && call != nullptr)
    absl::StrAppend(&text, " CLOCK_MONOTONIC takes ", decimal(vdso->median_ns, 1), " ns by the vDSO and ",
                    decimal(call->median_ns, 1), " ns by system call.");
  if (const path_cost* const own = find_path(costs, "takt::tsc_clock", {}))
    absl::StrAppend(&text, " takt::tsc_clock takes ", decimal(own->median_ns, 1), " ns.");
  return text;
}

exit_code run() {
  const int repetitions = *flags.repetitions;
  if (repetitions < 1) return wrong_usage("--repetitions wants a number above zero");
  const std::vector<std::string> clocks = wanted_clocks();
  if (clocks.empty() && !flags.clocks->empty())
    return wrong_usage("--clocks wants names of clocks, as monotonic,tai");
  if (const auto unknown = unknown_clock(clocks)) {
    return wrong_usage(absl::StrCat("--clocks: no clock has '", *unknown, "' in its name; takt cost shows them all"));
  }

  document d;
  std::vector<cost_table> tables;
  const auto measure = [&](absl::string_view source) {
    tables.push_back(measure_costs(repetitions, clocks));
    section s = cost_section(tables.back());
    if (!source.empty()) {
      s.title = absl::StrCat(s.title, " on the clock source ", source);
      s.key = absl::StrCat(s.key, "_on_", source);
    }
    d.sections.push_back(std::move(s));
  };

  if (!*flags.each_source) {
    measure({});
    d.headline = headline(tables.front());
    print(d);
    return exit_code::done;
  }

  if (!may_change_this_machine(flags.agreed, "--each-source")) return exit_code::wrong_usage;
  exit_code result = exit_code::done;
  {
    const std::vector<std::string> sources = takt::clocksource::available();
    std::error_code held;
    scoped_clocksource switched(held);
    if (held) return cannot_hold(held);
    for (const std::string& source : sources) {
      if (stop_wanted()) break;
      std::error_code ec;
      switched.select(source, ec);
      if (ec) {
        result = could_not(absl::StrCat("the kernel refuses the clock source ", source), ec);
        continue;
      }
      measure(source);
      const path_cost* const vdso = find_path(tables.back(), "CLOCK_MONOTONIC", "vDSO");
      if (vdso != nullptr)
        absl::StrAppend(&d.headline, d.headline.empty() ? "Reading CLOCK_MONOTONIC takes " : ", ", decimal(vdso->median_ns, 1),
                        " ns on ", source);
    }
    absl::StrAppend(&d.headline, d.headline.empty() ? "" : ".");
    if (const exit_code back = switched.restore(); back != exit_code::done) result = back;
  }
  print(d);
  return result;
}

const registered entry({
    .name = "cost",
    .group = group::machine,
    .place = 2,
    .summary = "what reading each clock costs by each path",
    .description = "Reads every clock by every path in batches of 64, the paths taking turns, and shows median and 99th "
                   "percentile over the batches for a single read, the resolution the kernel states and the smallest "
                   "step seen. --each-source does so on every clock source, for which it switches the machine's clock "
                   "source and back; that needs root and --yes-change-this-machine.",
    .example = "takt cost --clocks=monotonic,counter --repetitions=5000",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
