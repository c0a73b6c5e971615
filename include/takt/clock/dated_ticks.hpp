/// dated_ticks.hpp - at which time the counter showed a tick, by the lines that are still kept.
///
/// Does not promise: anything of a tick that the counter never showed.
#pragma once
#include <takt/clock/clock_events.hpp>
#include <takt/clock/time_line.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI {

// synopsis

/// A converted tick.
template <class TimePoint> struct dated_ticks {
  TimePoint time;
  std::chrono::nanoseconds error{}; ///< how far the reference may have been from that while nobody steered it; max: unknown
  bool extrapolated = false;        ///< no line that is still kept was in force at that tick
};

template <class = when_called>
[[nodiscard]] dated_ticks<std::chrono::nanoseconds> date_ticks(const line_register& lines, ticks t) noexcept;

// definitions

/// Returns: the time since the reference's epoch by the line that was in force at `t`; for what is older than the oldest of
/// the last line_register::size lines by that one, with what NTP may have done since in its error. Before the first line
/// zero, the error unknown.
template <class> dated_ticks<std::chrono::nanoseconds> date_ticks(const line_register& lines, ticks t) noexcept {
  using std::chrono::nanoseconds;
  time_line line;
  bool decided = false;
  dated_ticks<nanoseconds> result{nanoseconds::zero(), nanoseconds::max(), true};
  const std::uint64_t newest = lines.newest();
  for (std::uint64_t number = newest; number != 0 && newest - number < line_register::size - 1; --number) {
    if (!lines.get(number, line, decided)) break;
    const std::uint64_t since = (t - ticks(line.base)).count();
    const bool before = since > ~std::uint64_t{0} >> 1;
    const std::uint64_t wanted = before ? 0 - since : since, most = line.cruise.most() / 4; // years: no time overflows
    const std::uint64_t distance = wanted < most ? wanted : most;
    const std::int64_t length = line.after(distance) - line.start;
    result.extrapolated = before || distance >= line.life;
    result.time = nanoseconds(before ? line.start - length : line.start + length);
    const double ppm = line.ppm + (result.extrapolated ? clock_event_rule::jump_ppm : 0);
    const std::int64_t lead = line.start > line.reference ? line.start - line.reference : 0;
    const double drift = static_cast<double>(length) * ppm * 1e-6;
    const bool unknown = wanted > most || !(drift < 0x1p62);
    result.error = unknown ? nanoseconds::max() : nanoseconds(line.half_width + lead + static_cast<std::int64_t>(drift) + 1);
    if (!before) break;
  }
  return result;
}

} // namespace takt::inline TAKT_ABI
