/// timer_advice.hpp - changes that would wake a machine less often, calculated from the windows of a recording. Pure,
/// except for questions about the processes of this machine.
#pragma once
#include "timer_recording.hpp"
#include <absl/strings/string_view.h>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace tool {

/// A change whose effect is calculated: to the slack of all ordinary processes, or of those that are named.
struct tried_change {
  std::chrono::nanoseconds slack{};
  bool on_grid = false;        ///< true: takt's common grid, with timers late by up to `slack`
  std::string comm = {};       ///< not empty: the processes of that name alone
  std::optional<int> pid = {}; ///< given: that process alone
};

/// Returns: the change that `text` describes: "comm=foo:slack=10ms", "pid=1234:slack=10ms", "all:grid=10ms"; nullopt
/// for any other text, with the reason in `why`.
[[nodiscard]] std::optional<tried_change> parse_change(absl::string_view text, std::string& why);
/// Returns: the change in words: "10 ms of slack, foo alone".
[[nodiscard]] std::string describe(const tried_change& change);

/// Returns: whether the change applies to `owner`.
[[nodiscard]] bool concerns(const tried_change& change, const takt::timer_trace::owner& owner);

/// Returns: the wake-ups from idle of the recording's windows with the change, without those of takt itself.
[[nodiscard]] takt::slack_change::result try_change(const timer_recording& recording, const tried_change& change);

/// A process that would save wake-ups, and the command that makes it do so.
struct saving {
  takt::slack_change::saving numbers;
  takt::timer_trace::owner owner;
  std::string command; ///< a shell command; empty where there is none, as for real-time threads
  std::string unit;    ///< the unit of systemd of the process; empty: none known
  std::string setting; ///< "TimerSlackNSec=10ms", for the unit; else empty
};

/// Returns: the processes that would save most, each with the largest slack that its timers allow, at most `limit`.
[[nodiscard]] std::vector<saving> best_savings(const timer_recording& recording, std::size_t limit);

/// Returns: "10ms", "500us", as flags and systemd.exec(5) take it. Precondition: whole microseconds.
[[nodiscard]] std::string flag_text(std::chrono::nanoseconds t);

/// Returns: the wake-ups from idle that all commands of `best` together save; at most all of the recording's.
[[nodiscard]] std::uint64_t saved_together(const timer_recording& recording, const std::vector<saving>& best);

/// The slacks that best_savings() tries.
inline constexpr std::chrono::nanoseconds tried_slacks[] = {std::chrono::milliseconds(1), std::chrono::milliseconds(10),
                                                            std::chrono::milliseconds(50)};
/// How late timers may be on the common grid that is tried.
inline constexpr std::chrono::nanoseconds tried_grid = std::chrono::milliseconds(10);

} // namespace tool
