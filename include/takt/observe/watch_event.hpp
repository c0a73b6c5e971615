/// watch_event.hpp - what clock_watch tells: the kinds of events, and a sentence for each.
///
/// Does not promise: that events of one look are in the order in which they happened.
#pragma once
#include <takt/core/config.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis
enum class watch_kind : std::uint8_t {
  step,            ///< CLOCK_REALTIME was set, by `size`
  slew,            ///< CLOCK_MONOTONIC runs at another rate against RAW, or did for a moment and gained `size`
  suspend,         ///< the machine slept, for `size`
  source_switched, ///< the kernel keeps time by another counter
  counter_jump,    ///< the counter leapt, by `size`
  counter_shift,   ///< the counter is ahead of the kernel by `size` more than before, and stays so
  counter_rate,    ///< the counter's rate against the kernel's is another
  leap_announced,  ///< a leap second is pending, by which REALTIME will step by `size`
  leap_withdrawn,  ///< it is not any more
  leap_applied,    ///< it came, and REALTIME was stepped by `size`
  tai_set,         ///< the offset TAI - UTC was set, by `size`
};
[[nodiscard]] constexpr std::string_view name(watch_kind k) noexcept;

struct watch_event {
  watch_kind kind = watch_kind::step;
  std::chrono::nanoseconds after{}, before{}; ///< when it happened: between these, on CLOCK_MONOTONIC
  std::chrono::sys_time<std::chrono::nanoseconds> told{}; ///< CLOCK_REALTIME at the look that showed it
  std::chrono::nanoseconds size{}, uncertainty{};
  double rate_ppm = 0;             ///< slew: of MONOTONIC against RAW; counter_rate: the change
  double rate_uncertainty_ppm = 0;
  bool lasts = false;              ///< slew: goes on at that rate
  std::string from, to, log;       ///< source_switched
};
template <class = when_called> [[nodiscard]] std::string to_string(const watch_event& e);

// definitions

constexpr std::string_view name(watch_kind k) noexcept {
  switch (k) {
  case watch_kind::step: return "step";
  case watch_kind::slew: return "slew";
  case watch_kind::suspend: return "suspend";
  case watch_kind::source_switched: return "clock source switched";
  case watch_kind::counter_jump: return "counter jump";
  case watch_kind::counter_shift: return "counter shift";
  case watch_kind::counter_rate: return "counter rate";
  case watch_kind::leap_announced: return "leap second announced";
  case watch_kind::leap_withdrawn: return "leap second withdrawn";
  case watch_kind::leap_applied: return "leap second";
  case watch_kind::tai_set: return "TAI set";
  }
  return "unknown";
}

namespace detail {

/// Returns: "-3600.000000123 s", "12.345 us" or "300 ns": no digit is dropped.
template <class = when_called> std::string exact_time(std::chrono::nanoseconds d) {
  const bool negative = d.count() < 0;
  const auto bits = static_cast<std::uint64_t>(d.count()), ns = negative ? 0 - bits : bits;
  const auto with = [&](std::uint64_t unit, std::size_t digits, const char* name) {
    std::string part = std::to_string(ns % unit);
    part.insert(0, digits - part.size(), '0');
    return (negative ? "-" : "") + std::to_string(ns / unit) + "." + part + name;
  };
  if (ns >= 1'000'000'000) return with(1'000'000'000, 9, " s");
  if (ns >= 1'000'000) return with(1'000'000, 6, " ms");
  return ns >= 1'000 ? with(1'000, 3, " us") : (negative ? "-" : "") + std::to_string(ns) + " ns";
}

/// Returns: "11.60 ppm", with two digits.
template <class = when_called> std::string plain_ppm(double ppm) {
  const double hundredths = (ppm < 0 ? -ppm : ppm) * 100 + 0.5;
  const auto whole = hundredths < 1e15 ? static_cast<std::uint64_t>(hundredths) : std::uint64_t{1'000'000'000'000'000};
  const std::string part = std::to_string(whole % 100);
  return (ppm < 0 && whole > 0 ? "-" : "") + std::to_string(whole / 100) + (part.size() < 2 ? ".0" : ".") + part + " ppm";
}

} // namespace detail

/// Returns: one line for people, without the time: "CLOCK_REALTIME was set by -3600.000000123 s +/- 240 ns".
template <class> std::string to_string(const watch_event& e) {
  const std::string size = detail::exact_time(e.size) + " +/- " + detail::exact_time(e.uncertainty);
  const std::string rate = detail::plain_ppm(e.rate_ppm) + " +/- " + detail::plain_ppm(e.rate_uncertainty_ppm);
  const std::string second = e.size < std::chrono::nanoseconds::zero() ? "insertion" : "deletion";
  switch (e.kind) {
  case watch_kind::step: return "CLOCK_REALTIME was set by " + size;
  case watch_kind::slew:
    if (e.lasts) return "CLOCK_MONOTONIC is slewed: it runs at " + rate + " against MONOTONIC_RAW";
    return "CLOCK_MONOTONIC was slewed for a moment: it gained " + size;
  case watch_kind::suspend: return "the machine was suspended for " + size;
  case watch_kind::source_switched:
    return "the clock source was switched from " + e.from + " to " + e.to + (e.log.empty() ? "" : " (" + e.log + ")");
  case watch_kind::counter_jump: return "the counter jumped by " + size;
  case watch_kind::counter_shift: return "counter and kernel are apart by " + size + " more than before";
  case watch_kind::counter_rate: return "the counter's rate against the kernel's changed by " + rate;
  case watch_kind::leap_announced: return "a leap second is announced: " + second;
  case watch_kind::leap_withdrawn: return "the leap second was withdrawn: " + second;
  case watch_kind::leap_applied: return "leap second: CLOCK_REALTIME was stepped by " + size;
  case watch_kind::tai_set: return "the offset TAI - UTC was changed by " + detail::exact_time(e.size);
  }
  return "unknown";
}

} // namespace takt::inline TAKT_ABI
