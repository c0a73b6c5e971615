/// workload_facts.hpp - the facts of a workload, as `takt align` and `takt simulate` show them.
#pragma once
#include "document.hpp"
#include "model/simulation/planner.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <string>

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

} // namespace tool
