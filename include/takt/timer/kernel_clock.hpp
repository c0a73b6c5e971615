/// kernel_clock.hpp - on which of its own clocks the kernel can sleep for a std::chrono clock.
///
/// A clock of the kernel is slept on directly. Any other that shows nearly the same, such as one calibrated from the
/// processor's counter, is slept on by way of the kernel's clock and asked again at the end: a sleep ends when the
/// deadline's own clock says due.
///
/// A posix_clock is read by its own road, vDSO or system call. But the type of its time points names the vDSO, whichever
/// road they came by: who must not use that (PR_TSC_SIGSEGV) sleeps on std::chrono::time_point<posix_clock<Id,
/// access::syscall>, std::chrono::nanoseconds>(t.time_since_epoch()), or names the clock: sleep_aligned<Clock>,
/// periodic<Clock>.
///
/// Does not promise: anything for a clock that is not listed. CPU time cannot be slept for in a reasonable way (Linux
/// sleeps on that of a process for ever once its threads are idle), and the coarse clocks not at all.
/// Sources: clock_nanosleep(2), futex(2); Linux 6.12 kernel/time/posix-timers.c (clock_tai has nsleep),
/// kernel/futex/core.c futex_setup_timer. libstdc++ and libc++ both take CLOCK_MONOTONIC and CLOCK_REALTIME.
#pragma once
#include <takt/core/saturating.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <chrono>
#include <concepts>
#include <ratio>
#include <time.h>

namespace takt::inline TAKT_ABI {

template <class Reference, class Counter, class Os> class basic_tsc_clock; // clock/tsc_clock.hpp: not everybody's need

namespace detail {

[[nodiscard]] constexpr bool can_sleep_on(clockid_t id) noexcept {
  return id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME || id == CLOCK_REALTIME || id == CLOCK_TAI;
}

/// By which road a clock is read, and from which system: a posix_clock says so itself.
template <class Clock, class Os> struct road_of {
  static constexpr bool said = false, fits = true;
  template <clockid_t Id> using kernels = posix_clock<Id, access::vdso, Os>;
};
template <clockid_t Own, access A, class ClocksOs, class Os> struct road_of<posix_clock<Own, A, ClocksOs>, Os> {
  static constexpr bool said = true, fits = std::same_as<Os, ClocksOs>;
  template <clockid_t Id> using kernels = posix_clock<Id, A, Os>;
};

} // namespace detail

// synopsis

/// What a specialisation of kernel_clock says.
/// Id: the clock of the kernel that has the same epoch and shows the same, up to an error.
/// Same: that error is none, because a reading of the clock is a reading of Id.
template <clockid_t Id, bool Same> struct sleeps_on {
  static_assert(detail::can_sleep_on(Id), "takt: the kernel sleeps on MONOTONIC, BOOTTIME, REALTIME and TAI alone");
  static constexpr clockid_t id = Id;
  static constexpr bool same = Same;
};

/// Not defined: the kernel cannot sleep on this clock. A clock of your own joins with
/// `template <> struct takt::kernel_clock<my_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false> {};`
template <class Clock> struct kernel_clock;
template <> struct kernel_clock<std::chrono::steady_clock> : sleeps_on<CLOCK_MONOTONIC, true> {};
template <> struct kernel_clock<std::chrono::system_clock> : sleeps_on<CLOCK_REALTIME, true> {};
template <clockid_t Id, access A, class Os>
  requires(detail::can_sleep_on(Id))
struct kernel_clock<posix_clock<Id, A, Os>> : sleeps_on<Id, true> {};
template <class Reference, class Counter, class Os>
  requires(kernel_clock<Reference>::same)
struct kernel_clock<basic_tsc_clock<Reference, Counter, Os>> : sleeps_on<kernel_clock<Reference>::id, false> {};

/// A clock that can be slept on: the trait names one of the four clocks, and its now() does not throw, for a sleep asks
/// it where nothing can be caught.
template <class Clock>
concept sleepable_clock = requires {
  { kernel_clock<Clock>::id } -> std::convertible_to<clockid_t>;
  { kernel_clock<Clock>::same } -> std::convertible_to<bool>;
  { Clock::now() } noexcept;
  Clock::now().time_since_epoch();
  requires detail::can_sleep_on(kernel_clock<Clock>::id);
};

// definitions
namespace detail {

/// Returns: `d` in nanoseconds, rounded up and stopping at the ends of the range; a NaN becomes zero.
template <class Rep, class Period>
[[nodiscard]] constexpr std::chrono::nanoseconds ceil_to_nanoseconds(std::chrono::duration<Rep, Period> d) noexcept {
  using std::chrono::nanoseconds;
  const auto below = saturating_cast<nanoseconds>(d);
  using ratio = unit_ratio<Period, std::nano>;
  if constexpr (std::floating_point<Rep>) {
    constexpr auto num = static_cast<long double>(ratio::num), den = static_cast<long double>(ratio::den);
    const long double exact = static_cast<long double>(d.count()) * num / den;
    return static_cast<long double>(below.count()) < exact ? saturating_add(below, nanoseconds(1)) : below;
  } else if constexpr (ratio::den == 1) {
    return below;
  } else {
    // One count is num / den nanoseconds in lowest terms: nothing is left over where den divides the count.
    const bool rest = static_cast<int128>(d.count()) % static_cast<int128>(ratio::den) != 0;
    return rest ? saturating_add(below, nanoseconds(1)) : below;
  }
}

/// Returns: the deadline `t` in nanoseconds since the epoch of its clock, never before it.
template <class Clock, class Duration>
[[nodiscard]] constexpr std::chrono::nanoseconds deadline_of(std::chrono::time_point<Clock, Duration> t) noexcept {
  return ceil_to_nanoseconds(t.time_since_epoch());
}

/// Returns: what `Clock` shows, in nanoseconds since its epoch. A posix_clock is read by its own road.
template <sleepable_clock Clock, class Os> [[nodiscard]] std::chrono::nanoseconds now_of() noexcept {
  using road = road_of<Clock, Os>;
  static_assert(road::fits, "takt: this clock is read from another system than the one that is to sleep on it; name "
                            "the system: sleep_until<Os>(t)");
  if constexpr (kernel_clock<Clock>::same && !road::said) {
    return road::template kernels<kernel_clock<Clock>::id>::now().time_since_epoch();
  } else {
    return saturating_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch());
  }
}

/// Returns: by how much `Clock` is ahead of the kernel's clock Id now, or less: what is put off by too little is asked
/// again, what is put off by too much is late.
template <sleepable_clock Clock, clockid_t Id, class Os> [[nodiscard]] std::chrono::nanoseconds ahead_of() noexcept {
  using namespace std::chrono;
  if constexpr (kernel_clock<Clock>::same && kernel_clock<Clock>::id == Id) {
    return nanoseconds::zero();
  } else {
    using reference = typename road_of<Clock, Os>::template kernels<Id>;
    const nanoseconds kernels = reference::now().time_since_epoch(); // read first: see above
    const nanoseconds ahead = saturating_subtract(now_of<Clock, Os>(), kernels);
    // TAI is whole seconds from REALTIME, and a moment later by as much as the thread was held up between the two
    // readings.
    if constexpr (kernel_clock<Clock>::id == CLOCK_TAI && Id == CLOCK_REALTIME) return floor<seconds>(ahead);
    else return ahead;
  }
}

} // namespace detail

} // namespace takt::inline TAKT_ABI
