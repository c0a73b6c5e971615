/// discipline_report.hpp - what a call of tsc_clock::discipline() found and did, as numbers and as a line of text.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/rounded_text.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>

#include <chrono>
#include <iosfwd>
#include <string>

namespace takt::inline TAKT_ABI {

// synopsis
namespace detail { // in the reference: discipline_report as basic_tsc_clock::report

/// What a call of discipline() found and did.
struct discipline_report {
  std::chrono::nanoseconds offset{};      ///< how far the clock was from its reference; positive: it was ahead
  std::chrono::nanoseconds half_width{};  ///< the error bound of `offset`
  tick_rate rate;                         ///< the rate of the counter from now on
  double rate_change_ppm = 0;             ///< how far `rate` is from the rate before, in ppm; 0: not measured
  clock_changes events;                   ///< what happened; a counter_jump keeps the old rate until the next call
  std::chrono::nanoseconds slewing_for{}; ///< how long the clock runs slower than its reference, because it was ahead
};

} // namespace detail

/// Returns: the report as a line for people.
[[nodiscard]] std::string to_string(const detail::discipline_report& r);
namespace detail {

using takt::to_string; // for calls without the namespace: the report itself lives in detail

/// Prints `12 ns ahead, +/- 21 ns, rate +0.003 ppm, slewing for 1 s`.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const discipline_report& r) {
  return out << to_string(r).c_str();
}

} // namespace detail

// definitions

namespace detail {

/// The body of to_string().
template <class T> std::string discipline_text(const dependent<T, discipline_report>& r) {
  dependent<T, std::string> text = std::to_string(r.offset.count() < 0 ? -r.offset.count() : r.offset.count());
  text += r.offset.count() < 0 ? " ns behind" : " ns ahead";
  text += ", +/- " + std::to_string(r.half_width.count()) + " ns";
  text += ", rate " + detail::signed_number<T>(r.rate_change_ppm) + " ppm";
  if (r.slewing_for.count() > 0) text += ", slewing for " + detail::short_duration<T>(r.slewing_for);
  if (r.events.any()) text += ": " + to_string(r.events);
  return text;
}

} // namespace detail

template <class T> struct compiled_for_callers<detail::discipline_report, T> {
  friend std::string to_string(const detail::discipline_report& r) { return detail::discipline_text<T>(r); }
};
static_assert(sizeof(compiled_for_callers<detail::discipline_report>) != 0);

} // namespace takt::inline TAKT_ABI
