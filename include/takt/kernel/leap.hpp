/// leap.hpp - what the kernel knows about leap seconds, about TAI, and about the error of CLOCK_REALTIME.
///
/// A leap second takes effect at the end of a day of UTC. The time daemon announces it to the kernel up to a day
/// before. The last one was inserted at the end of 2016; none was ever deleted.
///
/// Does not promise: that the offset of TAI is right. The time daemon sets it, and many daemons set none.
/// Sources: adjtimex(2); Linux 6.12 kernel/time/ntp.c second_overflow, __do_adjtimex; include/uapi/linux/timex.h.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis

/// What the kernel knows about UTC and TAI.
struct leap_facts {
  /// The kernel's state between the announcement of a leap second and its end.
  enum class phase_kind {
    none,              ///< no leap second is announced
    insertion_pending, ///< today's last second will be 23:59:60
    deletion_pending,  ///< today's last second will be 23:59:58
    in_progress,       ///< it is 23:59:60: CLOCK_REALTIME shows 23:59:59 for the second time
    applied,           ///< the leap second is over, and the daemon has not yet withdrawn the announcement
  };

  phase_kind phase = phase_kind::none; ///< whether a leap second is announced, in progress or over
  /// How far CLOCK_TAI is ahead of CLOCK_REALTIME. The kernel reports 0 until a daemon sets the offset, so 0 counts as
  /// unknown: UTC and TAI have been equal at no time since 1961.
  std::optional<std::chrono::nanoseconds> tai_minus_utc;
  bool synchronised = false; ///< whether a time daemon steers CLOCK_REALTIME and says that it is synchronised
  /// The largest error of CLOCK_REALTIME. The kernel lets it grow by 500 ppm between corrections. It is unknown while
  /// the clock is not synchronised; the kernel then reports 16 s, the end of its scale.
  std::optional<std::chrono::nanoseconds> maximum_error;
  /// The daemon's estimate of the error of CLOCK_REALTIME. It is unknown while the clock is not synchronised.
  std::optional<std::chrono::nanoseconds> estimated_error;

  template <class Os = linux_os> [[nodiscard]] static leap_facts read(std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static leap_facts read();
#endif
};

[[nodiscard]] constexpr std::string_view to_string(leap_facts::phase_kind phase) noexcept;

// definitions

/// Returns: the name of a phase in words: "insertion pending".
constexpr std::string_view to_string(leap_facts::phase_kind phase) noexcept {
  using enum leap_facts::phase_kind;
  switch (phase) {
  case none: return "none";
  case insertion_pending: return "insertion pending";
  case deletion_pending: return "deletion pending";
  case in_progress: return "in progress";
  case applied: return "applied";
  }
  return "unknown";
}

namespace detail {

/// An answer of adjtimex(2).
struct adjtimex_answer {
  timex values{};         ///< the structure that it filled
  int state = TIME_ERROR; ///< the number that it returned: TIME_OK, TIME_INS, ...
};

/// Returns: the facts in an answer of the kernel. While the clock is not synchronised, the state is always TIME_ERROR.
/// Then the announcement of a leap second is taken from the status bits, because the kernel will obey it all the same.
template <class = for_callers>
[[nodiscard]] constexpr leap_facts decode_leap(const adjtimex_answer& a) noexcept {
  using phase_kind = leap_facts::phase_kind;
  leap_facts f;
  const timex& t = a.values;
  const auto announced = [&] {
    if ((t.status & STA_INS) != 0) return phase_kind::insertion_pending;
    return (t.status & STA_DEL) != 0 ? phase_kind::deletion_pending : phase_kind::none;
  };
  switch (a.state) {
  case TIME_INS: f.phase = phase_kind::insertion_pending; break;
  case TIME_DEL: f.phase = phase_kind::deletion_pending; break;
  case TIME_OOP: f.phase = phase_kind::in_progress; break;
  case TIME_WAIT: f.phase = phase_kind::applied; break;
  default: f.phase = announced(); break; // under TIME_OK the kernel takes up an announcement at its next second
  }
  if (t.tai != 0) f.tai_minus_utc = std::chrono::seconds(t.tai);
  f.synchronised = a.state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
  if (f.synchronised) {
    f.maximum_error = std::chrono::microseconds(t.maxerror);
    f.estimated_error = std::chrono::microseconds(t.esterror);
  }
  return f;
}

} // namespace detail

/// Returns: what the kernel knows now; on error a default-constructed leap_facts. Needs no privileges.
/// Errors: EPERM under a seccomp filter (some containers). One system call; does not block.
template <class Os> leap_facts leap_facts::read(std::error_code& ec) noexcept {
  detail::adjtimex_answer a;
  const int error = Os::read_adjtimex(a.values, a.state);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return error != 0 ? leap_facts() : detail::decode_leap(a);
}

#if TAKT_EXCEPTIONS
template <class Os> leap_facts leap_facts::read() {
  return detail::or_throw([](std::error_code& ec) { return leap_facts::read<Os>(ec); },
                          [] { return "adjtimex: the clock's state is unavailable (a filter, as in containers?)"; });
}
#endif

} // namespace takt::inline TAKT_ABI
