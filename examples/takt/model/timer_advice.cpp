#include "timer_advice.hpp"
#include "flag.hpp"
#include "output/document.hpp"
#include "systemd_unit.hpp"
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <algorithm>
#include <iterator>
#include <takt/kernel/os.hpp>
#include <utility>

namespace tool {

using std::chrono::nanoseconds;

std::string flag_text(nanoseconds t) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(t).count();
  return us % 1000 == 0 ? absl::StrCat(us / 1000, "ms") : absl::StrCat(us, "us");
}

std::optional<tried_change> parse_change(absl::string_view text, std::string& why) {
  constexpr absl::string_view form =
      "comm=NAME:slack=TIME, pid=PID:slack=TIME or all:slack=TIME is wanted, or grid= instead of slack=";
  tried_change change;
  // A name may hold colons: the change stands behind the last one.
  const auto colon = text.rfind(':');
  if (colon == text.npos) return why = std::string(form), std::nullopt;
  absl::string_view who = text.substr(0, colon), what = text.substr(colon + 1);
  if (absl::ConsumePrefix(&who, "comm=")) {
    if (who.empty()) return why = "comm= wants the name of a process", std::nullopt;
    change.comm = std::string(who);
  } else if (absl::ConsumePrefix(&who, "pid=")) {
    int pid = 0;
    if (!absl::SimpleAtoi(who, &pid) || pid <= 0) return why = "pid= wants a number above zero", std::nullopt;
    change.pid = pid;
  } else if (who != "all") {
    return why = std::string(form), std::nullopt;
  }
  if (absl::ConsumePrefix(&what, "grid=")) change.on_grid = true;
  else if (!absl::ConsumePrefix(&what, "slack=")) return why = std::string(form), std::nullopt;
  duration slack;
  if (!AbslParseFlag(what, &slack, &why)) return std::nullopt;
  if (slack.value <= nanoseconds::zero()) return why = "a time above zero is wanted", std::nullopt;
  change.slack = slack.value;
  return change;
}

std::string describe(const tried_change& change) {
  const std::string whom = change.pid            ? absl::StrCat(", process ", *change.pid, " alone")
                           : change.comm.empty() ? ""
                                                 : absl::StrCat(", ", change.comm, " alone");
  const std::string time = time_value(change.slack).text;
  return change.on_grid ? absl::StrCat("common grid, ", time, " late", whom) : absl::StrCat(time, " of slack", whom);
}

bool concerns(const tried_change& change, const takt::timer_trace::owner& owner) {
  if (change.pid) return owner.process == *change.pid || owner.thread == *change.pid;
  return change.comm.empty() || owner.name == change.comm;
}

takt::slack_change::result try_change(const timer_recording& recording, const tried_change& change) {
  const takt::slack_change all{change.slack, takt::timer_trace::no_usage, change.on_grid};
  if (change.comm.empty() && !change.pid) return all.evaluate(recording.windows);
  // The change concerns the named owners alone: the windows of all others count as windows without slack.
  std::vector<takt::wake_window> windows = recording.windows;
  const auto& usages = recording.lives.usages();
  for (takt::wake_window& w : windows)
    if (!concerns(change, usages[w.owner].owner)) w.slackable = w.real_time = false;
  return all.evaluate(windows);
}

std::vector<saving> best_savings(const timer_recording& recording, std::size_t limit) {
  std::vector<saving> best;
  for (const takt::slack_change::saving& numbers :
       takt::slack_change::rank(recording.windows, {std::begin(tried_slacks), std::end(tried_slacks)}, limit)) {
    saving s{numbers, recording.lives.usages()[numbers.owner].owner, {}, {}, {}};
    if (!numbers.on_grid && s.owner.process > 0) {
      s.command = absl::StrCat("takt slack --set ", flag_text(numbers.slack), " --pid ", s.owner.process);
      // Each thread has slack of its own.
      std::vector<std::string> threads;
      if (recording.source.live &&
          takt::linux_os::list_directory(absl::StrCat("/proc/", s.owner.process, "/task").c_str(), threads) == 0 &&
          std::count_if(threads.begin(), threads.end(), [](const std::string& name) { return name.front() != '.'; }) >
              1)
        absl::StrAppend(&s.command, " --threads");
      std::string cgroup;
      if (recording.source.live &&
          takt::linux_os::read_file(absl::StrCat("/proc/", s.owner.process, "/cgroup").c_str(), cgroup, 1 << 16) == 0)
        s.unit = systemd_unit(cgroup);
      if (!s.unit.empty()) s.setting = absl::StrCat("TimerSlackNSec=", flag_text(numbers.slack));
    }
    best.push_back(std::move(s));
  }
  return best;
}

std::uint64_t saved_together(const timer_recording& recording, const std::vector<saving>& best) {
  takt::slack_change nothing;
  nothing.owner = takt::timer_trace::no_usage - 1; // an index that no owner has
  const std::uint64_t now = nothing.evaluate(recording.windows).then;
  std::vector<takt::wake_window> windows = recording.windows;
  for (takt::wake_window& w : windows) {
    if (!w.slackable) continue;
    for (const saving& s : best)
      if (!s.command.empty() && s.numbers.owner == w.owner) w.latest = std::max(w.latest, w.earliest + s.numbers.slack);
  }
  const std::uint64_t then = nothing.evaluate(windows).then;
  return then < now ? now - then : 0;
}

} // namespace tool
