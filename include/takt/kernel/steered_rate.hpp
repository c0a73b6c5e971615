/// steered_rate.hpp - how much faster than CLOCK_MONOTONIC_RAW the kernel makes CLOCK_MONOTONIC run at this moment.
///
/// NTP sets a frequency and a tick. Their effects add up and hold until they are set again. A slew, by the kernel's own
/// loop or by adjtime(3), adds to that and changes from second to second.
///
/// Does not promise: anything about a later moment. It does not see ntp_tick_adj=, a parameter of the kernel's command
/// line that the kernel does not report. It does not see the end of a slew by adjtime(3): the kernel applies the last
/// part, up to 500 us, for up to a second after it reports that nothing is left.
/// Sources: adjtimex(2), adjtime(3); Linux 6.12 kernel/time/ntp.c: ntp_update_frequency, ntp_offset_chunk,
/// second_overflow.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
/// A rate and the bound of its error. A default-constructed one is not known().
struct steered_rate {
  double ppm = 0;        ///< by how many ppm MONOTONIC runs faster than MONOTONIC_RAW; negative if it is slower
  double unsure_ppm = 0; ///< the bound of the error of `ppm`: the slew at this moment and the rounding of adjtimex

  /// Returns: whether the rate was read. The kernel rounds what it reports, so the error of a known rate is never zero.
  [[nodiscard]] constexpr bool known() const noexcept { return unsure_ppm > 0; }

  template <class Os = linux_os> [[nodiscard]] static steered_rate read(std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static steered_rate read();
#endif
};

// definitions

namespace detail {

/// Returns: the rate that follows from what adjtimex(2) reports and from what is left of a slew by adjtime(3).
template <class = for_callers>
[[nodiscard]] constexpr steered_rate decode_steered_rate(const timex& t, long adjtime_left_us) noexcept {
  constexpr double max = 500; // the fastest slew by adjtime(3), in us per second, which is ppm
  steered_rate r;
  r.ppm = static_cast<double>(t.tick - 10'000) * 100 + static_cast<double>(t.freq) / 65'536;
  r.unsure_ppm = 1.0 / 65'536;
  const auto add_slew = [&](double ppm) {
    r.ppm += ppm;
    r.unsure_ppm += ppm < 0 ? -ppm : ppm;
  };
  if (t.offset != 0) {
    // Each second the loop applies one part in 2^(2 + constant) of what is left, even after it was switched off
    // (STA_PLL); all of it in a kernel that follows a signal of one pulse per second.
    const double us = static_cast<double>(t.offset) * ((t.status & STA_NANO) != 0 ? 1e-3 : 1);
    constexpr int pulse = STA_PPSTIME | STA_PPSSIGNAL;
    const bool whole = (t.status & pulse) == pulse;
    const long shift = whole ? 0 : t.constant < 0 ? 2 : t.constant > 30 ? 32 : t.constant + 2;
    add_slew(us / static_cast<double>(1L << shift));
  }
  const auto left = static_cast<double>(adjtime_left_us);
  add_slew(left > max ? max : left < -max ? -max : left);
  return r;
}

} // namespace detail

/// Returns: the rate at this moment; on error a rate that is not known(). Needs no privileges.
/// Errors: EPERM under a seccomp filter (some containers). Two system calls; does not block.
template <class Os> steered_rate steered_rate::read(std::error_code& ec) noexcept {
  timex t{};
  int state = 0;
  long left = 0;
  int error = Os::read_adjtimex(t, state);
  if (error == 0) error = Os::adjtime_left(left);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return error != 0 ? steered_rate() : detail::decode_steered_rate(t, left);
}

#if TAKT_EXCEPTIONS
template <class Os> steered_rate steered_rate::read() {
  return detail::or_throw([](std::error_code& ec) { return steered_rate::read<Os>(ec); },
                          [] { return "adjtimex: cannot be read (a seccomp filter, as in containers?)"; });
}
#endif

} // namespace takt::inline TAKT_ABI
