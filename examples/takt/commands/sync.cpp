// takt sync - how far the counters of the CPUs may be apart.
#include "command.hpp"
#include "stop.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/string_view.h>
#include <algorithm>
#include <takt/clock/calibration.hpp>
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/kernel/cpuinfo.hpp>

namespace tool {
namespace {

struct : flag_set {
  flag<std::string> cpus{this, "cpus", "LIST", "Compare these CPUs, as 0-3,8, and not all that are online"};
  flag<int> rounds{this, "rounds", "N", "The number of round trips for each pair", static_cast<int>(takt::counter_offset::default_rounds)};
} flags;

using std::chrono::nanoseconds;

struct pair {
  takt::counter_offset offset;
  std::error_code error;
};

/// Signed, and the data in ns.
value offset_value(nanoseconds ns) {
  return {absl::StrCat(ns.count() > 0 ? "+" : "", ns.count(), " ns"), ns.count()};
}

exit_code run() {
  const int rounds = *flags.rounds;
  if (rounds < 1) return wrong_usage("--rounds wants a number above zero");
  std::error_code ec;
  const std::string list = *flags.cpus;
  std::vector<unsigned> cpus;
  if (list.empty()) cpus = takt::online_cpus(ec);
  else if (!parse_cpus(list, cpus)) return wrong_usage("--cpus wants a list of CPUs in ascending order, as 0-3,8");
  if (ec) return could_not("the CPUs that are online", ec);
  if (cpus.size() < 2 && !list.empty()) return wrong_usage("--cpus wants two CPUs at least");
  if (const std::string why = list.empty() ? "" : why_unusable(cpus); !why.empty()) return could_not(why);

  // The verdict is asked first: calibrating a counter that may not be read would end the tool.
  takt::verdict::facts facts = takt::verdict::facts::gather();
  if (facts.allowed == false) return could_not(as_absl(takt::explain(takt::verdict::finding::forbidden)));
  const takt::tsc_calibration calibration = takt::calibrate(std::chrono::milliseconds(5), ec);

  std::vector<pair> pairs;
  const std::size_t wanted = cpus.size() * (cpus.size() - 1) / 2;
  bool stopped = false;
  {
    progress shown("comparing counters");
    for (std::size_t i = 0; i < cpus.size() && !stopped; ++i) {
      for (std::size_t k = i + 1; k < cpus.size() && !(stopped = stop_wanted()); ++k) {
        pair p;
        p.offset = takt::counter_offset::measure(cpus[i], cpus[k], static_cast<std::uint64_t>(rounds), p.error);
        p.offset.cpu = cpus[i], p.offset.other = cpus[k];
        pairs.push_back(p);
        shown.at(static_cast<double>(pairs.size()) / static_cast<double>(wanted));
      }
    }
  }

  section s{"sync", "Counters of each pair of CPUs: the second less the first", {}, table{}, {}};
  s.table->names = 2;
  s.table->columns = {{"cpu", "cpu", true}, {"other", "other", true}, {"min_ns", "at least", true}, {"max_ns", "at most", true},
                      {"round_trip_ns", "fastest there and back", true}, {"rounds", "rounds", true}, {"agree", "agree"}, {"why_not", ""}};
  std::vector<takt::counter_offset> measured;
  nanoseconds largest{};
  const auto number_of = [](unsigned n) { return value{absl::StrCat(n), n}; };
  for (const pair& p : pairs) {
    std::vector<value> row{number_of(p.offset.cpu), number_of(p.offset.other)};
    if (p.error) {
      for (int i = 0; i < 4; ++i) row.push_back(unknown());
      row.push_back({absl::StrCat("not compared: ", p.error.message()), nullptr});
      row.push_back(word(p.error.message()));
    } else {
      measured.push_back(p.offset);
      const auto bounds = p.offset.in_nanoseconds(calibration.rate());
      largest = std::max({largest, bounds.max, -bounds.min});
      const bool known = calibration.rate().known();
      row.push_back(known ? offset_value(bounds.min) : unknown());
      row.push_back(known ? offset_value(bounds.max) : unknown());
      row.push_back(known && !p.offset.moved() ? value{absl::StrCat((bounds.max - bounds.min).count(), " ns"),
                                                       (bounds.max - bounds.min).count()}
                                               : unknown());
      row.push_back(count(p.offset.rounds));
      const char* const why = p.offset.moved() ? "the offset changes" : "a step back was seen";
      row.push_back(p.offset.agrees() ? yes_no(true) : value{absl::StrCat("no: ", why), false});
      row.push_back(p.offset.agrees() ? value{"", nullptr} : word(why));
    }
    s.table->rows.push_back(std::move(row));
  }

  if (measured.empty() && !pairs.empty()) {
    const std::string why = why_unusable(cpus);
    return could_not(absl::StrCat("no pair of CPUs could be compared: ", why.empty() ? pairs.front().error.message() : why));
  }
  facts.cpus_agree = takt::counter_offset::all_agree(measured);
  const takt::verdict v = takt::judge(facts);
  s.add("cpus", "CPUs", {cpu_list(cpus), cpus});
  s.add("pairs", "pairs compared",
        {absl::StrCat(count(measured.size()).text, " of ", count(wanted).text, stopped ? " (stopped)" : ""), measured.size()});
  s.add_aside("pairs_wanted", count(wanted), "");
  s.add_aside("stopped", yes_no(stopped), "");
  s.add("cpus_agree", "the counters agree", yes_no(facts.cpus_agree));
  s.add("largest_ns", "apart by at most", !measured.empty() && calibration.rate().known() ? time_value(largest)
                                                                                          : unknown());
  s.add("counter_trusted", "the counter is trusted", yes_no(v.counter_trusted));
  document d;
  if (!facts.cpus_agree) {
    d.headline = cpus.size() < 2 ? "One CPU: there is nothing to compare." : "Stopped before a pair was compared.";
  } else if (*facts.cpus_agree) {
    d.headline = absl::StrCat("The counters of CPUs ", cpu_list(cpus), " agree",
                              calibration.rate().known() ? absl::StrCat(" within ", time_value(largest).text) : "",
                              ", closer than programs that exchange messages can see.");
    s.remarks.push_back("No message between two CPUs was fast enough to show time step back; offsets within these bounds cannot be "
                        "seen by programs that exchange messages.");
  } else {
    d.headline = "The counters do not agree: a stamp from one CPU was greater than one taken later on another. The counter is no clock "
                 "for more than one CPU.";
    s.remarks.push_back("Firmware or hypervisor set the counters apart.");
  }
  d.sections.push_back(std::move(s));
  print(d);
  return exit_code::done;
}

const registered entry({
    .name = "sync",
    .group = group::machine,
    .place = 4,
    .summary = "how far the counters of the CPUs are apart",
    .description = "Bounds the offset between the counters of each pair of CPUs. Two threads, one on each CPU, "
                   "send each other their readings of the counter. No message arrives before it was sent, so each "
                   "round trip bounds the offset, and the fastest round trips bound it best. If the bounds "
                   "include zero, no program can see a difference. If they do not, a program can see time step "
                   "back.\n\n"
                   "Keeps two CPUs busy for some milliseconds per pair; there are CPUs * (CPUs - 1) / 2 pairs. "
                   "Ctrl-C ends it with the pairs that were measured until then.",
    .example = "takt sync --cpus 0,32 --json | jq '.sync.rows[0]'   # two sockets",
    .flags = &flags,
    .run = &run,
});

} // namespace
} // namespace tool
