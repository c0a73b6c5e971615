/// told_timer.hpp - a timer on the grid of CLOCK_MONOTONIC that also rings when somebody sets the system clock, and when
/// the machine is resumed.
///
/// What keeper and clock_watch wait on: the kernel tells of some events, and the others are looked for once a period.
///
/// Does not promise: that setting the clock by nothing is told. Not to be shared between threads, but for wake().
/// Sources: timerfd_create(2) TFD_TIMER_CANCEL_ON_SET, which CLOCK_REALTIME alone knows; Linux 6.12 fs/timerfd.c,
/// timerfd_clock_was_set, timerfd_resume.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/timer/grid_origin.hpp>
#include <takt/timer/timer_fd.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <time.h>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds until_next_point(std::chrono::nanoseconds period,
                                                        access road = access::vdso) noexcept;
template <class Os = linux_os> class told_timer;

// definitions
namespace detail {

template <clockid_t Id, class Os> [[nodiscard]] std::chrono::nanoseconds read_by(access road) noexcept {
  if (road == access::syscall) return posix_clock<Id, access::syscall, Os>::now().time_since_epoch();
  return posix_clock<Id, access::vdso, Os>::now().time_since_epoch();
}

} // namespace detail

/// Returns: how long from now to the next point of the grid of that period. Errors: those of grid_origin(); then from zero.
/// `road`: access::syscall for a thread that may not read the counter. A period that is not positive counts as 1 ns.
template <class Os> std::chrono::nanoseconds until_next_point(std::chrono::nanoseconds period, access road) noexcept {
  std::error_code ec;
  const std::chrono::nanoseconds origin = grid_origin<posix_clock<CLOCK_MONOTONIC, access::vdso, Os>, Os>(ec);
  const std::chrono::nanoseconds now = saturating_subtract(detail::read_by<CLOCK_MONOTONIC, Os>(road), origin);
  const detail::grid_arithmetic<std::int64_t> points(period.count() > 0 ? period.count() : 1, 0);
  return saturating_subtract(std::chrono::nanoseconds(points.next(now.count())), now);
}

template <class Os> class told_timer {
public:
  told_timer() noexcept = default;
  /// Errors: what timerfd_create reports. Not armed yet.
  explicit told_timer(std::error_code& ec) : timer_(CLOCK_REALTIME, ec) {}
  told_timer(told_timer&& other) noexcept : timer_(std::move(other.timer_)), told_(other.told_) {}
  told_timer& operator=(told_timer&& other) noexcept {
    timer_ = std::move(other.timer_), told_ = other.told_;
    return *this;
  }

  /// Readable when it rings. For poll(2) and its kin; read it by take() alone.
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }

  /// Effects: it rings after until_next_point(), or when it is told. What was told or woken between taking the last
  /// news and now is not lost: then it rings at once.
  void arm(std::chrono::nanoseconds period, std::error_code& ec, access road = access::vdso) noexcept {
    const std::chrono::nanoseconds rest = until_next_point<Os>(period, road);
    const std::chrono::nanoseconds now = detail::read_by<CLOCK_REALTIME, Os>(road);
    const bool told = timer_.arm(saturating_add(now, rest), true, ec);
    told_ |= told;
    if (!told && !woken_.load()) return;
    static_cast<void>(timer_.arm(std::chrono::nanoseconds(1), true, ec)); // long past: readable at once
  }
  /// Effects: it rings now. May be called by another thread.
  void wake() noexcept {
    woken_.store(true); // before it is armed: whoever arms it after this finds it
    std::error_code ec;
    static_cast<void>(timer_.arm(std::chrono::nanoseconds(1), false, ec));
  }
  /// Returns: the news; does not block. `clock_set`: the kernel told.
  timer_news take(std::error_code& ec) noexcept {
    const timer_news news = timer_.take(ec);
    if (news != timer_news::none) woken_.store(false); // whoever wakes it from here on wants another ring
    if (!told_ || news == timer_news::none) return news;
    told_ = false;
    return timer_news::clock_set;
  }
  /// Effects: sleeps until it rings, a signal's handler has run, or `most` has passed. Returns: whether there may be news.
  bool wait(std::chrono::nanoseconds most, std::error_code& ec) noexcept { return timer_.wait(most, ec); }

private:
  timer_fd<Os> timer_;
  bool told_ = false; ///< by the answer to arming
  std::atomic<bool> woken_{false};
};

} // namespace takt::inline TAKT_ABI
