/// bounded_time.hpp - what bounded_clock says: an interval that UTC lies in, how that is known, or why it is not.
///
/// Does not promise: that the time servers are right. The interval is as good as what the time daemon stated to the
/// kernel; bounded_clock.hpp says what each daemon states.
/// Sources: adjtimex(2); Linux 6.12 kernel/time/ntp.c.
#pragma once
#include <takt/clock/detail/rounded_text.hpp>
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/leap.hpp>

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

/// An interval in which UTC lay at the moment of the reading, both ends included. It is in the scale of CLOCK_REALTIME:
/// seconds since 1970-01-01 00:00 UTC, without leap seconds. Where nothing is known it reaches from the lowest to the
/// highest time point, so a comparison that ignores `status` is never wrong.
struct bounded_time {
  using time_point = std::chrono::sys_time<std::chrono::nanoseconds>; ///< as std::chrono::system_clock's

  /// How the interval is known.
  enum class status_kind : std::uint8_t {
    unknown,      ///< there is no bound; `reason` says why
    holding_over, ///< the kernel no longer calls its clock synchronised; the last bound was extended from then on
    synchronised, ///< a time daemon keeps the clock, and the kernel states its maximum error
  };
  /// Why the status is what it is.
  enum class reason_kind : std::uint8_t {
    not_synchronised, ///< no time daemon says that the clock is synchronised, or it withdrew that
    stated,           ///< the kernel states the maximum error
    no_error_stated,  ///< a daemon calls the clock synchronised and states no error
    stepped,          ///< the clock was set, and no daemon has stated an error since
    suspended,        ///< the machine slept, and the daemon has stated no error since
    leap_second,      ///< a leap second is about to take effect or in progress: the interval is a second wider
    unsettled,        ///< the clocks changed during each of the readings
    unavailable,      ///< adjtimex(2) is refused (a sandbox)
  };

  time_point earliest = time_point::min();             ///< UTC is not before this
  time_point latest = time_point::max();               ///< UTC is not after this
  status_kind status = status_kind::unknown;           ///< how that is known
  reason_kind reason = reason_kind::not_synchronised;  ///< why
  leap_facts::phase_kind leap = leap_facts::phase_kind::none; ///< what the kernel knows of a leap second
  std::uint32_t generation = 0; ///< grows with each step, leap second and suspend that bounded_clock notices

  /// Returns: whether the interval is a bound: the status is not unknown.
  [[nodiscard]] constexpr bool known() const noexcept { return status != status_kind::unknown; }
  /// Returns: half the length of the interval, rounded up; nanoseconds::max() if there is no bound.
  [[nodiscard]] constexpr std::chrono::nanoseconds error() const noexcept {
    if (!known()) return std::chrono::nanoseconds::max();
    const auto length = detail::saturating_subtract(latest.time_since_epoch(), earliest.time_since_epoch());
    return length / 2 + std::chrono::nanoseconds(length.count() % 2);
  }
};
[[nodiscard]] constexpr std::string_view to_string(bounded_time::status_kind s) noexcept;

/// Returns: the reason as a clause for people.
[[nodiscard]] constexpr std::string_view explain(bounded_time::reason_kind r) noexcept;
/// Returns: status and error as a line for people: "synchronised, +/- 1.2 ms". Allocates.
[[nodiscard]] std::string to_string(const bounded_time& t);
/// Returns: what is known and why, with what is known of leap seconds, in sentences for people. Allocates.
[[nodiscard]] std::string explain(const bounded_time& t);

/// Prints `synchronised, +/- 1.2 ms`.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const bounded_time& t) {
  return out << to_string(t).c_str();
}

// definitions

constexpr std::string_view to_string(bounded_time::status_kind s) noexcept {
  using enum bounded_time::status_kind;
  switch (s) {
  case unknown: return "unknown";
  case holding_over: return "holding over";
  case synchronised: return "synchronised";
  }
  return "unknown";
}

constexpr std::string_view explain(bounded_time::reason_kind r) noexcept {
  using enum bounded_time::reason_kind;
  switch (r) {
  case not_synchronised:
    return "the kernel does not call its clock synchronised: no time daemon runs, it is not synchronised itself, or it "
           "is chrony without rtcsync in its configuration";
  case stated: return "the kernel states the maximum error of its clock";
  case no_error_stated:
    return "the time daemon calls the clock synchronised and states no error (systemd-timesyncd and phc2sys state "
           "none; chrony and ntpd do)";
  case stepped: return "the clock was set, and the time daemon has not stated an error since";
  case suspended: return "the machine was suspended, and the time daemon has not stated an error since";
  case leap_second: return "a leap second takes effect: the interval is a second longer";
  case unsettled: return "the clock was being changed during each of the readings: read again";
  case unavailable: return "the kernel refuses adjtimex (a sandbox)";
  }
  return "unknown";
}

namespace detail {

/// The body of to_string().
template <class T> std::string bounded_time_text(const dependent<T, bounded_time>& t) {
  dependent<T, std::string> text(to_string(t.status));
  if (t.known()) text += ", +/- " + short_duration<T>(t.error());
  return text;
}

/// The body of explain().
template <class T> std::string bounded_time_explained(const dependent<T, bounded_time>& t) {
  using status = bounded_time::status_kind;
  dependent<T, std::string> text = t.known() ? "UTC is within +/- " + short_duration<T>(t.error()) + ": "
                                             : dependent<T, std::string>("UTC is not bounded: ");
  text += explain(t.reason);
  if (t.status == status::holding_over)
    text += "; the last stated error was extended by 500 ppm of the time since then";
  text += ". ";
  if (t.leap == leap_facts::phase_kind::none)
    text += "No leap second is announced; one that the time servers smear is not, and then this is their time scale.";
  else text += dependent<T, std::string>("Leap second: ") + dependent<T, std::string>(to_string(t.leap)) + ".";
  return text;
}

} // namespace detail

template <class T> struct compiled_for_callers<bounded_time, T> {
  friend std::string to_string(const bounded_time& t) { return detail::bounded_time_text<T>(t); }
  friend std::string explain(const bounded_time& t) { return detail::bounded_time_explained<T>(t); }
};
static_assert(sizeof(compiled_for_callers<bounded_time>) != 0);

} // namespace takt::inline TAKT_ABI
