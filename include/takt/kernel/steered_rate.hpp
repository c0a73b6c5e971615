/// steered_rate.hpp - how much faster than CLOCK_MONOTONIC_RAW the kernel makes CLOCK_MONOTONIC run at this moment.
///
/// NTP sets a frequency and a tick, the two add up, and hold until they are set again. A correction that is being worked
/// off, by the kernel's own loop or by adjtime(3), comes on top and changes from second to second.
///
/// Does not promise: anything about a moment later; nor to see ntp_tick_adj=, a parameter of the kernel's command line
/// that it tells nobody; nor the end of a correction by adjtime(3): its last part, up to 500 us, is still being worked off
/// for up to a second after the kernel has begun to say that nothing is left.
/// Sources: adjtimex(2), adjtime(3); Linux 6.12 kernel/time/ntp.c, ntp_update_frequency, ntp_offset_chunk, second_overflow.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
struct steered_rate {
  double ppm = 0;        ///< MONOTONIC against RAW
  double unsure_ppm = 0; ///< how far it may be from that: what is being worked off, and the rounding of adjtimex

  /// Whether it was told: what the kernel tells is never sure to the last digit.
  [[nodiscard]] constexpr bool known() const noexcept { return unsure_ppm > 0; }
};

[[nodiscard]] constexpr steered_rate decode_steered_rate(const timex& t, long adjtime_left_us) noexcept;
template <class Os = linux_os> [[nodiscard]] steered_rate read_steered_rate(std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] steered_rate read_steered_rate();
#endif

// definitions

/// Returns: the rate that follows from what adjtimex(2) tells and from what is left of a correction by adjtime(3).
constexpr steered_rate decode_steered_rate(const timex& t, long adjtime_left_us) noexcept {
  constexpr double most = 500; // us of such a correction that the kernel applies in a second, and the ppm that this makes
  steered_rate r;
  r.ppm = static_cast<double>(t.tick - 10'000) * 100 + static_cast<double>(t.freq) / 65'536;
  r.unsure_ppm = 1.0 / 65'536;
  const auto works_off = [&](double ppm) {
    r.ppm += ppm;
    r.unsure_ppm += ppm < 0 ? -ppm : ppm;
  };
  if (t.offset != 0) {
    // Of what is left, one part in 2^(2 + constant) each second, even after the loop was switched off (STA_PLL).
    const double us = static_cast<double>(t.offset) * ((t.status & STA_NANO) != 0 ? 1e-3 : 1);
    const long shift = t.constant < 0 ? 2 : t.constant > 30 ? 32 : t.constant + 2;
    works_off(us / static_cast<double>(1L << shift));
  }
  const auto left = static_cast<double>(adjtime_left_us);
  works_off(left > most ? most : left < -most ? -most : left);
  return r;
}

/// Returns: the rate as of now; on error nothing. Needs no privileges.
/// Errors: EPERM under a filter (some containers). Two system calls; does not block.
template <class Os> steered_rate read_steered_rate(std::error_code& ec) noexcept {
  timex t{};
  int state = 0;
  long left = 0;
  int error = Os::read_adjtimex(t, state);
  if (error == 0) error = Os::adjtime_left(left);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return error != 0 ? steered_rate() : decode_steered_rate(t, left);
}

#if TAKT_EXCEPTIONS
template <class Os> steered_rate read_steered_rate() {
  return detail::or_throw([](std::error_code& ec) { return read_steered_rate<Os>(ec); },
                          [] { return "adjtimex: the clock's rate is not told (a filter, as in containers?)"; });
}
#endif

} // namespace takt::inline TAKT_ABI
