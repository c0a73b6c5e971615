// takt cost - the cost table alone, on the current clock source or on each.
#include "command.hpp"
#include "cost.hpp"
#include "document.hpp"
#include "scoped_clocksource.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <takt/kernel/clocksource.hpp>

ABSL_FLAG(std::string, clocks, "", "NAMES: Parts of the names of the clocks to read, with commas between: monotonic,tai,counter; all when empty");
ABSL_FLAG(int, repetitions, 2000, "N: Batches of 64 reads for each road");
ABSL_FLAG(bool, each_source, false, "Repeat the table on every clock source the kernel offers (root; changes the machine for a while)");

namespace tool {
namespace {

std::vector<std::string> wanted_clocks() {
  std::vector<std::string> clocks;
  for (const absl::string_view part : absl::StrSplit(absl::GetFlag(FLAGS_clocks), ',', absl::SkipWhitespace())) {
    clocks.push_back(absl::AsciiStrToLower(absl::StripAsciiWhitespace(part)));
  }
  return clocks;
}

exit_code run() {
  const int repetitions = absl::GetFlag(FLAGS_repetitions);
  if (repetitions < 1) return wrong_usage("--repetitions wants a number above zero");
  const std::vector<std::string> clocks = wanted_clocks();
  if (clocks.empty() && !absl::GetFlag(FLAGS_clocks).empty())
    return wrong_usage("--clocks wants names of clocks, as monotonic,tai");
  if (const auto unknown = unknown_clock(clocks)) {
    return wrong_usage(absl::StrCat("--clocks: no clock has '", *unknown, "' in its name; takt cost shows them all"));
  }

  document d;
  const auto measure = [&](absl::string_view source) {
    section s = cost_section(measure_costs(repetitions, clocks));
    if (!source.empty()) {
      s.title = absl::StrCat(s.title, " on the clock source ", source);
      s.key = absl::StrCat(s.key, "_on_", source);
    }
    d.sections.push_back(std::move(s));
  };

  if (!absl::GetFlag(FLAGS_each_source)) {
    measure({});
    print(d);
    return exit_code::done;
  }

  if (!may_change_this_machine("--each-source")) return exit_code::wrong_usage;
  exit_code result = exit_code::done;
  {
    const std::vector<std::string> sources = takt::clocksource::available();
    scoped_clocksource switched;
    for (const std::string& source : sources) {
      if (stop_wanted()) break;
      std::error_code ec;
      switched.select(source, ec);
      if (ec) {
        result = could_not(absl::StrCat("the kernel refuses the clock source ", source), ec);
        continue;
      }
      measure(source);
    }
  }
  print(d);
  return result;
}

} // namespace

extern const command cost_command{
    "cost",
    "what reading each clock costs by each road",
    "Reads every clock by every road in batches of 64, the roads taking turns, and shows median and 99th percentile over the\n"
    "batches for a single read, the resolution the kernel states and the smallest step seen. --each-source does so on every clock\n"
    "source, for which it switches the machine's clock source and back; that needs root and --yes-change-this-machine.",
    "takt cost --clocks=monotonic,counter --repetitions=5000",
    {"clocks", "repetitions", "each_source", "yes_change_this_machine"},
    &run};

} // namespace tool
