/// workload_facts.hpp - the facts of a workload, and what the kernel's slack gives by the number of CPUs, as `takt align`
/// and `takt simulate` show them.
#pragma once
#include "document.hpp"
#include "model/simulation/machine.hpp"
#include "model/simulation/planner.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <string>
#include <utility>
#include <vector>

namespace tool {

/// Adds the facts from which the timers of `w` are drawn.
inline void add_workload(section& s, const workload& w) {
  s.add("period_ns", "periods",
        {absl::StrCat(time_value(w.shortest).text, " to ", time_value(w.longest).text,
                      w.uniform_periods ? ", evenly" : ", as many in each octave"),
         json{w.shortest.count(), w.longest.count()}});
  s.add_aside("uniform_periods", yes_no(w.uniform_periods), "");
  s.add("slack_share", "slack",
        {absl::StrFormat("%.3g to %.3g %% of the period", 100 * w.min_slack, 100 * w.max_slack),
         json{w.min_slack, w.max_slack}});
  s.add("seed", "seed", {absl::StrCat(w.seed), w.seed});
}

/// Returns: the flags that give this workload again: " --slack-share 10-50 --seed 1".
[[nodiscard]] inline std::string workload_flags(const workload& w) {
  return absl::StrFormat(" --slack-share %.6g-%.6g --seed %d", 100 * w.min_slack, 100 * w.max_slack, w.seed);
}

/// Returns: a table with a row for each number of CPUs, and one for real-time threads: the wake-ups if the kernel's slack
/// reaches to the end of the window, and if it reaches to the roundest point. `cells_of(policy)` gives the values of a
/// policy, one for each of `columns`, whose keys and headings are completed for the two ways.
template <class Of>
[[nodiscard]] section slack_section(std::string title, const std::vector<column>& columns, Of&& cells_of) {
  section s{"slack", std::move(title), {}, table{}, {}};
  s.table->columns = {{"cpus", "CPUs", true}};
  for (const auto& [key, heading] : {std::pair{"to_end", "window's end"}, {"to_roundest", "takt's point"}})
    for (const column& c : columns)
      s.table->columns.push_back({absl::StrCat(key, "_", c.key), absl::StrCat(heading, "\n", c.heading), true});
  const auto add = [&](value cpus, wake_policy to_end, wake_policy to_roundest) {
    std::vector<value> row{std::move(cpus)};
    for (const wake_policy p : {to_end, to_roundest})
      for (value& v : cells_of(p)) row.push_back(std::move(v));
    s.table->rows.push_back(std::move(row));
  };
  for (const slack_on_cpus& on : slack_policies)
    add({absl::StrCat(on.cpus), on.cpus}, on.to_end, on.to_roundest);
  add({"real-time", nullptr}, wake_policy::plain, wake_policy::decimal);
  s.remarks.push_back("takt gives the kernel the beginning of the window as the soft expiry and the roundest point as "
                      "the hard one, so a thread joins interrupts of its CPU. Real-time threads have no slack: the last "
                      "row is for any number of CPUs.");
  return s;
}

} // namespace tool
