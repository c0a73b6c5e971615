/// history_source.hpp - what the writer of a history reads of a tsc_clock: its segments and both clocks.
///
/// Does not promise: segments that are no longer kept (line_register.hpp).
#pragma once
#include <takt/clock/clock_point.hpp>
#include <takt/clock/detail/history_format.hpp>
#include <takt/clock/detail/line_register.hpp>
#include <takt/clock/detail/rate_estimate.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/clock/detail/tsc_clock_state.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>

namespace takt::inline TAKT_ABI::detail {

// synopsis
template <class Clock> struct history_source;

// definitions

/// The functions that read a tsc_clock for a history.
template <class Reference, class Counter, class Os> struct history_source<basic_tsc_clock<Reference, Counter, Os>> {
  static_assert(Reference::is_steady, "a history is of a reference that is not set");
  using clock = basic_tsc_clock<Reference, Counter, Os>;
  using os = Os;
  static constexpr std::size_t burst = 50; ///< readings of both clocks, some 65 ns each

  /// Returns: the header of a section, without the boot id. Errors: not_calibrated.
  [[nodiscard]] static history_header header(std::error_code& ec) {
    history_header h;
    if constexpr (requires { Reference::id; }) h.clock = static_cast<std::uint16_t>(Reference::id);
    const tsc_calibration c = clock::calibration();
    const double microhertz = c.rate().hertz() * 1e6, parts = c.uncertainty_ppm() * 1e6 + 1;
    if (!c.rate().known() || !(microhertz >= 1 && microhertz < 0x1p63)) return ec = errc::not_calibrated, h;
    h.microhertz = static_cast<std::uint64_t>(microhertz);
    h.unsure = parts < 0x1p31 ? static_cast<std::uint32_t>(parts) : history_header::unknown;
    return h;
  }
  /// Returns: both clocks now. Errors: not_calibrated; counter_forbidden; those of locate().
  [[nodiscard]] static clock_point read(std::error_code& ec) noexcept {
    bool allowed = true;
    if (Os::counter_allowed(allowed) == 0 && !allowed) return ec = errc::counter_forbidden, clock_point{};
    const tick_rate rate = clock::calibration().rate();
    if (!rate.known()) return ec = errc::not_calibrated, clock_point{};
    bracketed_reading samples[burst];
    for (bracketed_reading& s : samples) s = take_sample<Reference, typename clock::counter>();
    return locate(samples, rate, ec);
  }
  /// Returns: how far the system clock is ahead of the reference now.
  [[nodiscard]] static std::chrono::nanoseconds system_ahead() noexcept {
    const auto now = clock::now();
    return clock::to_sys(now).time_since_epoch() - now.time_since_epoch();
  }
  /// Effects: calls `f(clock_point)` for the base of each segment that is kept, the oldest first.
  template <class F> static void for_each_segment(F&& f) {
    const line_register& lines = tsc_state<Reference, typename Counter::family, Os>.lines;
    clock_point points[line_register::kept];
    std::size_t n = 0;
    time_line line;
    bool decided = false;
    std::uint64_t previous = 0;
    const std::uint64_t newest = lines.newest();
    for (std::uint64_t number = newest; number != 0 && newest - number < line_register::kept; number = previous) {
      if (!lines.get(number, line, decided, previous)) break;
      // A segment that was published again for its second part has the same base. Of a clock that was given up, the
      // readings have no bracket.
      if (line.life == 0 || (n > 0 && points[n - 1].at.count() == line.base)) continue;
      if (n < line_register::kept)
        points[n++] = {tick_point(line.base), std::chrono::nanoseconds(line.reference),
                       std::chrono::nanoseconds(line.half_width)};
    }
    while (n > 0) f(points[--n]);
  }
};

} // namespace takt::inline TAKT_ABI::detail
