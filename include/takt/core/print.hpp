/// print.hpp - output to streams of ticks, frequencies, grids, errors, and the time points of takt's clocks.
///
///     std::cout << takt::ticks(1234)                          // 1234 ticks
///               << takt::frequency(2596143823.0)              // 2596.143823 MHz
///               << takt::grid(10ms, 2ms)                      // every 10 ms, phase 2 ms
///               << takt::posix_clock<CLOCK_REALTIME>::now()   // 2026-11-29T17:28:30.123456789Z
///               << takt::posix_clock<CLOCK_TAI>::now()        // 2026-11-29T17:29:07.123456789 TAI
///               << takt::tsc_clock::now()                     // 1234.567890123 s
///               << takt::errc::not_calibrated;                // the clock has not been calibrated
///
/// A time point is printed with nine decimals of a second, whatever its unit. Clocks that show UTC or TAI are printed
/// in the form of ISO 8601. Other clocks are printed as seconds since their epoch, which is the start of the system for
/// MONOTONIC and for clocks that read the counter. The text uses the width and the fill of the stream and no other
/// flag. <takt/core/format.hpp> does the same for std::format.
///
/// Does not promise: that the text can be parsed back, or stays the same in another version; a time zone; a second 60
/// for leap seconds.
/// Of the stream headers, only <iosfwd> is included here: a program that prints includes <ostream> itself.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/detail/short_text.hpp>
#include <takt/core/error.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <chrono>
#include <concepts>
#include <iosfwd>

namespace takt::inline TAKT_ABI {

namespace detail {

template <class = for_callers> [[nodiscard]] constexpr short_text text_of(ticks t) noexcept {
  return ticks_text(t.count());
}
template <class = for_callers> [[nodiscard]] constexpr short_text text_of(tick_point t) noexcept {
  return ticks_text(t.count());
}
template <class = for_callers> [[nodiscard]] constexpr short_text text_of(frequency f) noexcept {
  return megahertz_text(f.hertz());
}
template <class = for_callers> [[nodiscard]] constexpr short_text text_of(tick_rate r) noexcept {
  return r.known() ? megahertz_text(r.hertz()) : short_text().add("unknown frequency");
}
template <class = for_callers> [[nodiscard]] constexpr short_text text_of(const grid& g) noexcept {
  short_text text = short_text().add("every ").add(span_text(g.period().count()).view());
  if (g.phase() != g.phase().zero()) text.add(", phase ").add(span_text(g.phase().count()).view());
  return text;
}
template <class = for_callers> [[nodiscard]] constexpr short_text text_of(errc e) noexcept {
  return short_text().add(message_of(e));
}
template <class Clock, class Duration>
  requires(time_scale_of<Clock> != time_scale::none)
[[nodiscard]] constexpr short_text text_of(std::chrono::time_point<Clock, Duration> t) noexcept {
  const std::int64_t ns = saturating_cast<std::chrono::nanoseconds>(t.time_since_epoch()).count();
  if constexpr (time_scale_of<Clock> == time_scale::utc) return utc_text(ns);
  else if constexpr (time_scale_of<Clock> == time_scale::tai) return tai_text(ns);
  else return seconds_text(ns);
}

template <class T> inline constexpr bool is_value_of_core = false;
template <> inline constexpr bool is_value_of_core<ticks> = true;
template <> inline constexpr bool is_value_of_core<tick_point> = true;
template <> inline constexpr bool is_value_of_core<frequency> = true;
template <> inline constexpr bool is_value_of_core<tick_rate> = true;
template <> inline constexpr bool is_value_of_core<grid> = true;
template <> inline constexpr bool is_value_of_core<errc> = true;
template <class Clock, class Duration>
inline constexpr bool is_value_of_core<std::chrono::time_point<Clock, Duration>> =
    time_scale_of<Clock> != time_scale::none;

/// A value of takt that has a short text.
template <class T>
concept short_value = is_value_of_core<T>;

} // namespace detail

/// Effects: writes the text of `value` as the comment at the top of print.hpp shows it.
template <class Traits, detail::short_value T>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const T& value) {
  return out << detail::text_of(value).c_str();
}

} // namespace takt::inline TAKT_ABI
