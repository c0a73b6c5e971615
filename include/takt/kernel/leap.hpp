/// leap.hpp - what the kernel knows of leap seconds, of TAI, and of how good its CLOCK_REALTIME is.
///
/// A leap second takes effect at the end of a day of UTC; the time daemon announces it to the kernel up to a day
/// before. The last one was inserted at the end of 2016, none was ever deleted.
/// Sources: adjtimex(2); Linux 6.12 kernel/time/ntp.c second_overflow, __do_adjtimex; include/uapi/linux/timex.h.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis

/// Where a leap second stands. The kernel keeps `applied` until the daemon withdraws the announcement.
enum class leap_phase {
  none,
  insertion_pending, ///< today's last second will be 23:59:60
  deletion_pending,  ///< today's last second will be 23:59:58
  in_progress,       ///< it is 23:59:60: CLOCK_REALTIME shows 23:59:59 for the second time
  applied,
};
[[nodiscard]] constexpr std::string_view name(leap_phase phase) noexcept;

struct leap_facts {
  leap_phase phase = leap_phase::none;
  std::chrono::seconds tai_minus_utc{};      ///< what CLOCK_TAI is ahead of CLOCK_REALTIME; 0 until somebody sets it
  bool synchronised = false;                 ///< somebody steers the clock and vouches for it
  std::chrono::microseconds maximum_error{}; ///< of CLOCK_REALTIME, grows by 500 ppm between corrections
  std::chrono::microseconds estimated_error{};
};

/// What adjtimex(2) answered.
struct adjtimex_answer {
  timex values{};
  int state = TIME_ERROR; ///< TIME_OK, TIME_INS, ...
};
[[nodiscard]] constexpr leap_facts decode_leap(const adjtimex_answer& a) noexcept;

template <class Os = linux_os> [[nodiscard]] leap_facts leap_state(std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
template <class Os = linux_os> [[nodiscard]] leap_facts leap_state();
#endif

// definitions

constexpr std::string_view name(leap_phase phase) noexcept {
  switch (phase) {
  case leap_phase::none: return "none";
  case leap_phase::insertion_pending: return "insertion pending";
  case leap_phase::deletion_pending: return "deletion pending";
  case leap_phase::in_progress: return "in progress";
  case leap_phase::applied: return "applied";
  }
  return "unknown";
}

/// Returns: the facts in an answer of the kernel. A clock that is not synchronised answers TIME_ERROR whatever else
/// there is to say, but the announcement stands in its status and will be obeyed.
constexpr leap_facts decode_leap(const adjtimex_answer& a) noexcept {
  leap_facts f;
  const timex& t = a.values;
  const auto announced = [&] {
    if ((t.status & STA_INS) != 0) return leap_phase::insertion_pending;
    return (t.status & STA_DEL) != 0 ? leap_phase::deletion_pending : leap_phase::none;
  };
  switch (a.state) {
  case TIME_INS: f.phase = leap_phase::insertion_pending; break;
  case TIME_DEL: f.phase = leap_phase::deletion_pending; break;
  case TIME_OOP: f.phase = leap_phase::in_progress; break;
  case TIME_WAIT: f.phase = leap_phase::applied; break;
  default: f.phase = announced(); break; // TIME_OK: the kernel takes it up at its next second
  }
  f.tai_minus_utc = std::chrono::seconds(t.tai);
  f.synchronised = a.state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
  f.maximum_error = std::chrono::microseconds(t.maxerror);
  f.estimated_error = std::chrono::microseconds(t.esterror);
  return f;
}

/// Returns: what the kernel knows now; on error nothing. Needs no privileges.
/// Errors: EPERM under a filter (some containers). One system call; does not block.
template <class Os> leap_facts leap_state(std::error_code& ec) noexcept {
  adjtimex_answer a;
  const int error = Os::read_adjtimex(a.values, a.state);
  ec = error != 0 ? detail::errno_code(error) : std::error_code();
  return error != 0 ? leap_facts() : decode_leap(a);
}

#if TAKT_EXCEPTIONS
template <class Os> leap_facts leap_state() {
  return detail::or_throw([](std::error_code& ec) { return leap_state<Os>(ec); },
                          [] { return "adjtimex: the clock's state is not told (a filter, as in containers?)"; });
}
#endif

} // namespace takt::inline TAKT_ABI
