/// window.hpp - how far a wait may be moved, and to which point. Pure, total, without a clock.
///
/// A wait of length W with the deadline D may end in [D, D + min(slack, share * W)]; it is moved to the roundest point
/// of that window on the decimal ladder, whose zero is the origin of the machine's grid.
///
/// Why a share: without one, a loop of 1 ms sleeps with 10 ms of slack becomes a loop of 10 ms, and a signal handler
/// that sleeps for 1 ms outlasts an interval timer of 3 ms, so that the program makes no progress.
#pragma once
#include <chrono>
#include <cstdint>
#include <takt/core/fixed_point.hpp>
#include <takt/core/ladder.hpp>
#include <takt/core/saturating.hpp>

namespace preload {

using std::chrono::nanoseconds;

/// How far a wait may be moved.
struct limits {
  nanoseconds slack{};
  std::uint32_t share_ppm = 100'000; ///< the share of the length of a wait, in millionths
};

/// Returns: by how much a wait of that length may be moved; zero if it has no length.
[[nodiscard]] constexpr nanoseconds room(const limits& l, nanoseconds wait) noexcept {
  if (wait <= nanoseconds::zero() || l.slack <= nanoseconds::zero()) return nanoseconds::zero();
  const auto share = static_cast<takt::detail::uint128>(wait.count()) * l.share_ppm / 1'000'000;
  return share < static_cast<takt::detail::uint128>(l.slack.count()) ? nanoseconds(static_cast<std::int64_t>(share))
                                                                     : l.slack;
}

/// Returns: the roundest point of [deadline, deadline + room]; the deadline itself where the window reaches the end of
/// time. `origin` is what the clock shows at the zero of the grid.
[[nodiscard]] constexpr nanoseconds point_within(nanoseconds deadline, nanoseconds room, nanoseconds origin) noexcept {
  const nanoseconds latest = takt::detail::saturating_add(deadline, room);
  if (latest == nanoseconds::max()) return deadline;
  const auto point = takt::roundest_point(takt::detail::saturating_subtract(deadline, origin),
                                          takt::detail::saturating_subtract(latest, origin));
  if (!point) return deadline;
  return takt::detail::clamped(takt::detail::saturating_add(*point, origin), deadline, latest);
}

/// The longest delay that the kernel adds to a wait of the poll family.
inline constexpr nanoseconds longest_poll_delay = std::chrono::milliseconds(100);

/// Returns: by how much the kernel delays a wait of the poll family more than the other waits of the thread. For these
/// it takes a thousandth of the wait as slack if that is more than the thread's own (Linux fs/select.c,
/// select_estimate_accuracy). Not for real-time threads; five times as much for a thread of positive niceness, which is
/// not taken into account here and makes the wait later, never earlier.
[[nodiscard]] constexpr nanoseconds poll_delay(nanoseconds wait, nanoseconds thread_slack) noexcept {
  const nanoseconds delay = takt::detail::earlier(wait / 1000, longest_poll_delay);
  return takt::detail::later(takt::detail::saturating_subtract(delay, thread_slack), nanoseconds::zero());
}

/// Returns: when a wait of the poll family should end for the kernel so that its delay ends at the point.
[[nodiscard]] constexpr nanoseconds aim_before(nanoseconds point, nanoseconds delay, nanoseconds deadline) noexcept {
  return takt::detail::later(deadline, takt::detail::saturating_subtract(point, delay));
}

/// Returns: the milliseconds for a call that has no finer unit: at most `left`, and no less than the program asked for.
[[nodiscard]] constexpr int whole_milliseconds(nanoseconds left, int asked) noexcept {
  const auto ms = left.count() / 1'000'000;
  return ms <= asked ? asked : ms > 0x7fff'ffff ? 0x7fff'ffff : static_cast<int>(ms);
}

} // namespace preload
