// takt_trace_check FILE: reads a file in the JSON trace event format and says what is wrong with it; if nothing is, prints
// how many slices, timers, arrows and tracks it has, as JSON. Wrong are: another order than that of time; slices of a track
// that do not nest, or that are open at the end; timers (async slices) or arrows (flows) without their other end; arrows
// that start or end outside of a slice; a track without a name.
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using json = nlohmann::json;
using track = std::pair<std::int64_t, std::int64_t>;
int faults = 0;

void wrong(const std::string& what, const json& event) {
  if (++faults <= 10) std::cerr << what << ": " << event.dump(-1, ' ', true, json::error_handler_t::replace) << '\n';
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::ifstream file(argv[1]);
  const json trace = json::parse(file, nullptr, false);
  if (trace.is_discarded() || !trace.contains("traceEvents") || !trace["traceEvents"].is_array()) {
    std::cerr << "not a trace in JSON\n";
    return 1;
  }
  double last = -1;
  std::map<track, std::vector<std::string>> open;
  std::set<track> named, used;
  std::set<std::int64_t> processes, used_processes;
  std::map<std::string, std::string> timers;
  std::set<std::int64_t> flows;
  std::uint64_t slices = 0, timer_slices = 0, arrows = 0;
  for (const json& e : trace["traceEvents"]) {
    const std::string phase = e.value("ph", "");
    const track where{e.value("pid", std::int64_t{-1}), e.value("tid", std::int64_t{-1})};
    const std::string name = e.value("name", "");
    if (name.empty()) wrong("no name", e);
    if (phase == "M") {
      if (e.value("/args/name"_json_pointer, std::string()).empty()) wrong("names nothing", e);
      else if (name == "process_name") processes.insert(where.first);
      else if (name == "thread_name") named.insert(where);
      else wrong("unknown metadata", e);
      continue;
    }
    const double t = e.value("ts", -1.0);
    if (t < last) wrong("before the one before", e);
    if (t < 0) wrong("no time", e);
    last = t;
    used_processes.insert(where.first);
    auto& stack = open[where];
    if (phase == "B") {
      used.insert(where);
      stack.push_back(name);
      ++slices;
    } else if (phase == "E") {
      if (stack.empty() || stack.back() != name) wrong("ends what is not open", e);
      else stack.pop_back();
    } else if (phase == "b") {
      if (!timers.emplace(e.value("id", ""), name).second) wrong("one number for two timers", e);
      ++timer_slices;
    } else if (phase == "e") {
      const auto found = timers.find(e.value("id", ""));
      if (found == timers.end() || found->second != name) wrong("no such timer", e);
      else timers.erase(found);
      if (e.value("/args/end"_json_pointer, std::string()).empty()) wrong("does not say how it ended", e);
    } else if (phase == "s") {
      if (stack.empty()) wrong("an arrow from nowhere", e);
      if (!flows.insert(e.value("id", std::int64_t{-1})).second) wrong("two arrows of one number", e);
    } else if (phase == "f") {
      if (stack.empty()) wrong("an arrow to nowhere", e);
      if (flows.erase(e.value("id", std::int64_t{-1})) == 0) wrong("an arrow without a start", e);
      ++arrows;
    } else {
      wrong("unknown phase", e);
    }
  }
  for (const auto& [where, stack] : open)
    if (!stack.empty()) wrong("open at the end", stack);
  for (const auto& [id, name] : timers) wrong("without an end", name);
  for (const std::int64_t id : flows) wrong("an arrow without an end", id);
  for (const track& where : used)
    if (!named.contains(where)) wrong("a track without a name", json::array({where.first, where.second}));
  for (const std::int64_t process : used_processes)
    if (!processes.contains(process)) wrong("a process without a name", process);
  std::cout << json{{"slices", slices},
                    {"timers", timer_slices},
                    {"arrows", arrows},
                    {"tracks", used.size()},
                    {"faults", faults}}
            << '\n';
  return faults == 0 ? 0 : 1;
}
