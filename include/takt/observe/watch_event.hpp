/// watch_event.hpp - the events that clock_watch reports, and a sentence for people for each.
///
/// Does not promise: that the events of one check are in the order in which they happened.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/detail/short_text.hpp>
#include <takt/observe/restore_signs.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

/// A change of the clocks, the time in which it happened, and its size.
struct watch_event {
  /// The kinds of events. A size is negative where the clock went back or fell behind.
  enum class kind_type : std::uint8_t {
    step,            ///< CLOCK_REALTIME was set, by `size`
    slew,            ///< CLOCK_MONOTONIC runs at another rate against RAW, or did so for a moment and gained `size`
    suspend,         ///< the machine was suspended, for `size`
    source_switched, ///< the kernel switched from one clock source to another
    counter_jump,    ///< the counter jumped against the kernel's clocks, by `size`
    counter_shift,   ///< the counter gained `size` against the kernel's clocks, and keeps it
    counter_rate,    ///< the counter's rate against MONOTONIC_RAW changed
    leap_announced,  ///< a leap second is pending, by which REALTIME will step by `size`
    leap_withdrawn,  ///< the announced leap second is not pending any more
    leap_applied,    ///< a leap second stepped REALTIME by `size`
    tai_set,         ///< the offset TAI - UTC was set, by `size`
    restored,        ///< the machine or this process was restored or migrated, see `signs`; CLOCK_REALTIME gained
                     ///< `size` on CLOCK_MONOTONIC, or, where it is inferred, the kernel's clocks on the counter
    backwards,       ///< CLOCK_MONOTONIC went backwards, as it does where the CPUs' counters differ, by `size` or more
  };

  kind_type kind = kind_type::step; ///< what happened
  std::chrono::nanoseconds after{};   ///< it happened after this time of CLOCK_MONOTONIC
  std::chrono::nanoseconds before{};  ///< it happened before this time of CLOCK_MONOTONIC
  std::chrono::sys_time<std::chrono::nanoseconds> reported{}; ///< CLOCK_REALTIME at the check that found it
  std::chrono::nanoseconds size{};        ///< the size of the change, see kind_type; zero for kinds without one
  std::chrono::nanoseconds uncertainty{}; ///< the error bound of `size`
  double rate_ppm = 0;             ///< slew: the rate of MONOTONIC against RAW; counter_rate: the change of the rate
  double rate_uncertainty_ppm = 0; ///< the error bound of `rate_ppm`
  bool lasts = false;              ///< slew: the rate is still in force
  restore_signs signs{};           ///< restored: how it is known
  std::string from;                ///< source_switched: the name of the clock source before
  std::string to;                  ///< source_switched: the name of the clock source since
  std::string log;                 ///< source_switched: the kernel's message of it, where it can be read
};
/// Returns: a name for people: "step", "clock source switched"; "unknown" for a value that is no enumerator.
[[nodiscard]] constexpr std::string_view to_string(watch_event::kind_type kind) noexcept;
/// Returns: one line for people, without the time: "CLOCK_REALTIME was set by -3600.000000123 s +/- 240 ns". Allocates.
[[nodiscard]] std::string to_string(const watch_event& e);

/// Prints the sentence of to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const watch_event& e) {
  return out << to_string(e).c_str();
}

// definitions

constexpr std::string_view to_string(watch_event::kind_type kind) noexcept {
  using kinds = watch_event::kind_type;
  switch (kind) {
  case kinds::step: return "step";
  case kinds::slew: return "slew";
  case kinds::suspend: return "suspend";
  case kinds::source_switched: return "clock source switched";
  case kinds::counter_jump: return "counter jump";
  case kinds::counter_shift: return "counter shift";
  case kinds::counter_rate: return "counter rate";
  case kinds::leap_announced: return "leap second announced";
  case kinds::leap_withdrawn: return "leap second withdrawn";
  case kinds::leap_applied: return "leap second";
  case kinds::tai_set: return "TAI set";
  case kinds::restored: return "restored";
  case kinds::backwards: return "backwards";
  }
  return "unknown";
}

namespace detail {

/// Returns: "11.60 ppm", with two digits.
template <class T = for_callers> std::string plain_ppm(double ppm) {
  const double hundredths = (ppm < 0 ? -ppm : ppm) * 100 + 0.5;
  const auto whole = hundredths < 1e15 ? static_cast<std::uint64_t>(hundredths) : std::uint64_t{1'000'000'000'000'000};
  const dependent<T, std::string> part = std::to_string(whole % 100);
  return (ppm < 0 && whole > 0 ? "-" : "") + std::to_string(whole / 100) + (part.size() < 2 ? ".0" : ".") + part +
         " ppm";
}

/// The body of to_string().
template <class T> std::string watch_event_text(const dependent<T, watch_event>& e) {
  const auto text_of = [](std::chrono::nanoseconds d) {
    return dependent<T, std::string>(exact_text<T>(d.count()).view());
  };
  const dependent<T, std::string> size = text_of(e.size) + " +/- " + text_of(e.uncertainty);
  const dependent<T, std::string> rate =
      detail::plain_ppm<T>(e.rate_ppm) + " +/- " + detail::plain_ppm<T>(e.rate_uncertainty_ppm);
  const dependent<T, std::string> second = e.size < std::chrono::nanoseconds::zero() ? "insertion" : "deletion";
  using kinds = takt::watch_event::kind_type;
  switch (e.kind) {
  case kinds::step: return "CLOCK_REALTIME was set by " + size;
  case kinds::slew:
    if (e.lasts) return "CLOCK_MONOTONIC is being slewed: its rate against MONOTONIC_RAW is " + rate;
    return "CLOCK_MONOTONIC was slewed for a moment and gained " + size;
  case kinds::suspend: return "the machine was suspended for " + size;
  case kinds::source_switched:
    return "the clock source was switched from " + e.from + " to " + e.to + (e.log.empty() ? "" : " (" + e.log + ")");
  case kinds::counter_jump: return "the counter jumped by " + size;
  case kinds::counter_shift: return "the offset between counter and kernel changed by " + size;
  case kinds::counter_rate: return "the counter's rate against the kernel's clock changed by " + rate;
  case kinds::leap_announced: return "a leap second is announced: " + second;
  case kinds::leap_withdrawn: return "the announced leap second was withdrawn: " + second;
  case kinds::leap_applied: return "a leap second stepped CLOCK_REALTIME by " + size;
  case kinds::tai_set: return "the offset TAI - UTC was changed by " + text_of(e.size);
  case kinds::restored:
    return restore_signs_text<T>(e.signs) + (e.signs.inferred() ? "; they leapt by " : "; CLOCK_REALTIME gained ") +
           size + (e.signs.inferred() ? "" : " on CLOCK_MONOTONIC");
  case kinds::backwards: return "CLOCK_MONOTONIC went backwards: by " + text_of(e.size) + " or more";
  }
  return "unknown";
}

} // namespace detail

template <class T> struct compiled_for_callers<watch_event, T> {
  friend std::string to_string(const watch_event& e) { return detail::watch_event_text<T>(e); }
};
static_assert(sizeof(compiled_for_callers<watch_event>) != 0);

} // namespace takt::inline TAKT_ABI
