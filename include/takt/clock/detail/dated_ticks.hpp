/// dated_ticks.hpp - at which time the counter showed a tick, by the segments that are still kept.
///
/// Does not promise: a meaningful time for a tick that the counter never showed.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/line_register.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI::detail {

// synopsis

/// A converted tick, as basic_tsc_clock::dated_ticks describes it; the time is that since the reference's epoch.
struct dated_ticks {
  std::chrono::nanoseconds time{}, error{};
  bool extrapolated = false;
};

template <class = for_callers>
[[nodiscard]] dated_ticks date_ticks(const line_register& lines, tick_point t) noexcept;

// definitions

/// Returns: the time since the reference's epoch by the segment that was in force at `t`. A tick that is older than the
/// line_register::kept newest segments is extrapolated from the oldest of them, with what NTP may have done since in
/// its error. Before the first segment the time is zero and the error unknown.
template <class>
dated_ticks date_ticks(const line_register& lines, tick_point t) noexcept {
  using std::chrono::nanoseconds;
  time_line line;
  bool decided = false;
  dated_ticks result{nanoseconds::zero(), nanoseconds::max(), true};
  const std::uint64_t newest = lines.newest();
  std::uint64_t previous = 0;
  for (std::uint64_t number = newest; number != 0 && newest - number < line_register::kept; number = previous) {
    if (!lines.get(number, line, decided, previous)) break;
    const std::uint64_t since = (t - tick_point(line.base)).count();
    const bool before = since > ~std::uint64_t{0} >> 1;
    const std::uint64_t wanted = before ? 0 - since : since, max = line.cruise.max() / 4; // years: no time overflows
    const std::uint64_t distance = wanted < max ? wanted : max;
    // after() wraps around where a time does not fit, and so does this difference, to what was added.
    const auto length = static_cast<std::int64_t>(static_cast<std::uint64_t>(line.after(distance)) -
                                                  static_cast<std::uint64_t>(line.start));
    result.extrapolated = before || distance >= line.life;
    result.time = nanoseconds(before ? saturating_difference(line.start, length) : saturating_sum(line.start, length));
    const double ppm = line.ppm + (result.extrapolated ? clock_change_parameters::jump_ppm : 0);
    const std::int64_t ahead = line.start > line.reference ? saturating_difference(line.start, line.reference) : 0;
    const double drift = static_cast<double>(length) * ppm * 1e-6;
    const bool unknown = wanted > max || !(drift < 0x1p62);
    const std::int64_t known = saturating_sum(line.half_width, ahead);
    result.error = unknown ? nanoseconds::max()
                           : nanoseconds(saturating_sum(known, static_cast<std::int64_t>(drift) + 1));
    if (!before) break;
  }
  return result;
}

} // namespace takt::inline TAKT_ABI::detail
