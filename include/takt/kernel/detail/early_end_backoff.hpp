/// early_end_backoff.hpp - pauses for waits that the kernel ends too early again and again.
///
/// A wait that ends early is repeated. If a kernel always ended it early, the processor would spin without pauses. That
/// happened in 2012, when after a leap second Linux's timers on CLOCK_REALTIME expired a second early.
/// Sources: Linux 3.5, "timekeeping: Fix leapsecond triggered load spike issue".
#pragma once
#include <takt/core/config.hpp>
#include <chrono>

namespace takt::inline TAKT_ABI::detail::early_end_backoff {

/// The pause after the second early end in a row. Each further early end doubles the pause.
inline constexpr std::chrono::nanoseconds first_pause = std::chrono::microseconds(50);
/// The longest pause: at worst there are a hundred wake-ups a second.
inline constexpr std::chrono::nanoseconds longest_pause = std::chrono::milliseconds(10);

/// Returns: the pause after `in_a_row` early ends in a row. Precondition: in_a_row >= 2.
[[nodiscard]] constexpr std::chrono::nanoseconds pause(int in_a_row) noexcept {
  const std::chrono::nanoseconds length = first_pause * (1 << (in_a_row < 10 ? in_a_row - 2 : 8));
  return length < longest_pause ? length : longest_pause;
}

} // namespace takt::inline TAKT_ABI::detail::early_end_backoff
