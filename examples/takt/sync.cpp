// takt sync - how far the counters of the CPUs may be apart.
#include "command.hpp"
#include "document.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <algorithm>
#include <takt/clock/calibration.hpp>
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <thread>

ABSL_FLAG(std::string, cpus, "", "LIST: Compare these CPUs, as 0-3,8, and not all that are online");
ABSL_FLAG(int, rounds, static_cast<int>(takt::exchange_rule::rounds), "N: So many messages there and back for each pair");

namespace tool {
namespace {

using std::chrono::nanoseconds;

struct pair {
  takt::counter_offset offset;
  std::error_code error;
};

/// Signed, and the data in ns.
value offset_value(nanoseconds ns) {
  return {absl::StrCat(ns.count() > 0 ? "+" : "", ns.count(), " ns"), ns.count()};
}

/// Why the first of these CPUs that cannot run this program does not; nothing where all can.
std::string unusable(const std::vector<unsigned>& cpus) {
  std::error_code ec;
  const std::vector<unsigned> online = takt::online_cpus(ec);
  for (const unsigned cpu : cpus) {
    if (!ec && !std::binary_search(online.begin(), online.end(), cpu))
      return absl::StrCat("CPU ", cpu, " is not online; those that are: ", cpu_list(online));
    int refused = 0;
    std::thread([&] { refused = takt::linux_os::pin_thread(cpu); }).join();
    if (refused != 0) return absl::StrCat("CPU ", cpu, " may not be used by this process (cpuset)");
  }
  return {};
}

exit_code run() {
  const int rounds = absl::GetFlag(FLAGS_rounds);
  if (rounds < 1) return wrong_usage("--rounds wants a number above zero");
  std::error_code ec;
  const std::string list = absl::GetFlag(FLAGS_cpus);
  std::vector<unsigned> cpus = list.empty() ? takt::online_cpus(ec) : takt::detail::parse_cpu_list(list + "\n", ec);
  if (ec && !list.empty()) return wrong_usage("--cpus wants a list of CPUs in ascending order, as 0-3,8");
  if (ec) return could_not("the CPUs that are online", ec);
  if (cpus.size() < 2 && !list.empty()) return wrong_usage("--cpus wants two CPUs at least");
  if (const std::string why = list.empty() ? "" : unusable(cpus); !why.empty()) return could_not(why);

  // The verdict is asked first: calibrating a counter that may not be read would end the tool.
  takt::counter_facts facts = takt::gather_counter_facts();
  if (facts.allowed == false) return could_not(as_absl(takt::explain(takt::finding::forbidden)));
  const takt::tsc_calibration calibration = takt::calibrate(std::chrono::milliseconds(5), ec);

  std::vector<pair> pairs;
  const std::size_t wanted = cpus.size() * (cpus.size() - 1) / 2;
  bool stopped = false;
  {
    progress shown("comparing counters");
    for (std::size_t i = 0; i < cpus.size() && !stopped; ++i) {
      for (std::size_t k = i + 1; k < cpus.size() && !(stopped = stop_wanted()); ++k) {
        pair p;
        p.offset = takt::measure_offset(cpus[i], cpus[k], static_cast<std::uint64_t>(rounds), p.error);
        p.offset.cpu = cpus[i], p.offset.other = cpus[k];
        pairs.push_back(p);
        shown.at(static_cast<double>(pairs.size()) / static_cast<double>(wanted));
      }
    }
  }

  section s{"sync", "Counters of each pair of CPUs: the second less the first", {}, table{}, {}};
  s.table->names = 2;
  s.table->columns = {{"cpu", "cpu", true}, {"other", "other", true}, {"least_ns", "at least", true}, {"most_ns", "at most", true},
                      {"round_trip_ns", "fastest there and back", true}, {"rounds", "rounds", true}, {"agree", "agree"}, {"why_not", ""}};
  std::vector<takt::counter_offset> measured;
  nanoseconds largest{};
  const auto number_of = [](unsigned n) { return value{absl::StrCat(n), n}; };
  for (const pair& p : pairs) {
    std::vector<value> row{number_of(p.offset.cpu), number_of(p.offset.other)};
    if (p.error) {
      for (int i = 0; i < 4; ++i) row.push_back(not_told());
      row.push_back({absl::StrCat("not compared: ", p.error.message()), nullptr});
      row.push_back(word(p.error.message()));
    } else {
      measured.push_back(p.offset);
      const auto bounds = in_nanoseconds(p.offset, calibration.rate());
      largest = std::max({largest, bounds.most, -bounds.least});
      const bool known = calibration.rate().known();
      row.push_back(known ? offset_value(bounds.least) : not_told());
      row.push_back(known ? offset_value(bounds.most) : not_told());
      row.push_back(known && !p.offset.moved() ? value{absl::StrCat((bounds.most - bounds.least).count(), " ns"),
                                                       (bounds.most - bounds.least).count()}
                                               : not_told());
      row.push_back(count(p.offset.rounds));
      const char* const why = p.offset.moved() ? "the offset changes" : "a step back was seen";
      row.push_back(p.offset.agrees() ? yes_no(true) : value{absl::StrCat("no: ", why), false});
      row.push_back(p.offset.agrees() ? value{"", nullptr} : word(why));
    }
    s.table->rows.push_back(std::move(row));
  }

  if (measured.empty() && !pairs.empty()) {
    const std::string why = unusable(cpus);
    return could_not(absl::StrCat("no pair of CPUs could be compared: ", why.empty() ? pairs.front().error.message() : why));
  }
  facts.cpus_agree = takt::counters_agree(measured);
  const takt::verdict v = takt::judge(facts);
  s.add("cpus", "CPUs", {cpu_list(cpus), cpus});
  s.add("pairs", "pairs compared",
        {absl::StrCat(count(measured.size()).text, " of ", count(wanted).text, stopped ? " (stopped)" : ""), measured.size()});
  s.add_aside("pairs_wanted", count(wanted), "");
  s.add_aside("stopped", yes_no(stopped), "");
  s.add("cpus_agree", "the counters agree", yes_no(facts.cpus_agree));
  s.add("largest_ns", "apart by at most", !measured.empty() && calibration.rate().known() ? time_value(static_cast<double>(largest.count()))
                                                                                          : not_told());
  s.add("counter_trusted", "the counter is trusted", yes_no(v.counter_trusted));
  if (!facts.cpus_agree) {
    s.remarks.push_back(cpus.size() < 2 ? "One CPU: there is nothing to compare." : "Stopped before a pair was compared.");
  } else if (*facts.cpus_agree) {
    s.remarks.push_back("No message between two CPUs was fast enough to show time step back; offsets within these bounds cannot be "
                        "seen by programs that exchange messages.");
  } else {
    s.remarks.push_back("A stamp from one CPU was greater than one taken later on another: the counter is no clock for more than "
                        "one CPU. Firmware or hypervisor set the counters apart.");
  }
  print({{std::move(s)}});
  return exit_code::done;
}

} // namespace

extern const command sync_command{
    "sync",
    "how far the counters of the CPUs are apart",
    "Bounds the offset between the counters of each pair of CPUs: two threads, one on each, send each other what their counter\n"
    "shows, and a message is not received before it was sent. The fastest of many messages there and back tell best. Bounds that\n"
    "include zero mean that no program can see a difference; bounds that do not, that time was seen to step back.\n\n"
    "Keeps two CPUs busy for some milliseconds a pair, all in all CPUs * (CPUs - 1) / 2 pairs. Ctrl-C ends it with what it has.",
    "takt sync --cpus 0,32 --json | jq '.sync.rows[0]'   # two sockets",
    {"cpus", "rounds"},
    &run};

} // namespace tool
