/// early_end_rule.hpp - how waits are answered that the kernel ends before their time: by waiting again, and when that
/// happens again and again with pauses, so that no processor spins.
///
/// In 2012 a leap second left Linux's timers on CLOCK_REALTIME a second early, and machines spun.
/// Sources: Linux 3.5, "timekeeping: Fix leapsecond triggered load spike issue".
#pragma once
#include <takt/core/config.hpp>
#include <chrono>

namespace takt::inline TAKT_ABI::early_end_rule {

/// The second early end in a row is answered with a pause of this, each further one with twice as much,
inline constexpr std::chrono::nanoseconds first_pause = std::chrono::microseconds(50);
/// up to this: a hundred wake-ups a second at worst.
inline constexpr std::chrono::nanoseconds longest_pause = std::chrono::milliseconds(10);

/// Precondition: in_a_row >= 2.
[[nodiscard]] constexpr std::chrono::nanoseconds pause(int in_a_row) noexcept {
  const std::chrono::nanoseconds length = first_pause * (1 << (in_a_row < 10 ? in_a_row - 2 : 8));
  return length < longest_pause ? length : longest_pause;
}

} // namespace takt::inline TAKT_ABI::early_end_rule
