/// run_measure.hpp - runs a command to its end, and counts what woke the machine meanwhile.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace tool {

/// What timers did to the machine, apart from those of this process.
struct wakeup_counts {
  bool seen = false; ///< whether the machine was watched
  std::uint64_t expiries = 0;
  std::uint64_t instants = 0; ///< expiries that came later than `instant_width` after the beginning of the last instant
  std::uint64_t from_idle = 0; ///< timer interrupts that woke an idle CPU
};
/// Expiries so close together are one instant.
inline constexpr std::chrono::nanoseconds instant_width = std::chrono::microseconds(100);

struct run_result {
  int status = 0; ///< as a shell shows it
  bool stopped = false;
  std::chrono::nanoseconds length{};
  wakeup_counts wakeups{};
};

/// Returns: whether this process may watch the machine's timers. Opens and closes a tracing instance.
[[nodiscard]] bool can_measure_wakeups();

/// Effects: runs the command to its end. `prepare` is called in the process that becomes the command. With `watches`
/// the machine's timers are counted. With `output_to_error` the command's standard output is standard error. A wish to
/// stop is passed on to the command as SIGTERM.
/// Returns: the result; nullopt where the command did not start, with the reason in `why`.
[[nodiscard]] std::optional<run_result> run_measured(std::span<char*> command_line, bool output_to_error, bool watches,
                                                     std::string& why, const std::function<void()>& prepare);

} // namespace tool
