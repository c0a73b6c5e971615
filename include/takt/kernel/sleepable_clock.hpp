/// sleepable_clock.hpp - which of its own clocks the kernel uses for a sleep on a std::chrono clock.
///
/// A sleep on a clock of the kernel is one system call. Another clock may show nearly the same time, for example one
/// that is calibrated from the processor's counter. A sleep on such a clock waits on the kernel's clock and then reads
/// the other one: it ends when the deadline's own clock has reached the deadline.
///
/// A posix_clock is read by its own path, vDSO or system call. But the type of its time points always names the vDSO,
/// also if they were read by system call. A thread that must not use the vDSO (PR_TSC_SIGSEGV) has two ways to sleep:
/// it sleeps until std::chrono::time_point<posix_clock<Id, access::syscall>,
/// std::chrono::nanoseconds>(t.time_since_epoch()), or it names the clock: sleep_aligned<Clock>, periodic<Clock>.
///
/// Does not promise: sleeps on clocks that clock_ids.hpp does not mark as sleepable.
/// Sources: clock_nanosleep(2), futex(2); Linux 6.12 kernel/time/posix-timers.c (clock_tai has nsleep),
/// kernel/futex/core.c futex_setup_timer. libstdc++ and libc++ both take CLOCK_MONOTONIC and CLOCK_REALTIME.
#pragma once
#include <takt/core/saturating.hpp>
#include <takt/kernel/clock_ids.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <chrono>
#include <concepts>
#include <ratio>
#include <time.h>

namespace takt::inline TAKT_ABI {

namespace detail {

/// Returns: whether the kernel can sleep on its clock `id`.
[[nodiscard]] constexpr bool can_sleep_on(clockid_t id) noexcept { return properties_of(id).sleepable; }

/// How takt reads a clock. `said` is whether the type of the clock names a path and a system, as that of a posix_clock
/// does. `fits` is whether that system is Os. `kernels<Id>` is the kernel's clock Id, read by the same path.
template <class Clock, class Os> struct access_of {
  static constexpr bool said = false, fits = true;
  template <clockid_t Id> using kernels = posix_clock<Id, access::vdso, Os>;
};
template <clockid_t Own, access A, class ClocksOs, class Os> struct access_of<posix_clock<Own, A, ClocksOs>, Os> {
  static constexpr bool said = true, fits = std::same_as<Os, ClocksOs>;
  template <clockid_t Id> using kernels = posix_clock<Id, A, Os>;
};

} // namespace detail

// synopsis

/// The base of specialisations of kernel_clock.
/// Id: the clock of the kernel that has the same epoch and shows the same time, except for an error.
/// Same: whether that error is zero, because the clock is read by reading Id.
template <clockid_t Id, bool Same> struct sleeps_on {
  static_assert(detail::can_sleep_on(Id), "takt: the kernel sleeps on MONOTONIC, BOOTTIME, REALTIME and TAI alone");
  static constexpr clockid_t id = Id;  ///< the clock of the kernel on which takt sleeps
  static constexpr bool same = Same;   ///< whether both clocks show exactly the same time
};

/// The clock of the kernel on which takt sleeps for Clock. It is not defined if there is no such clock. To sleep on a
/// clock of your own, write `template <> struct takt::kernel_clock<my_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false>
/// {};`
template <class Clock> struct kernel_clock;
template <> struct kernel_clock<std::chrono::steady_clock> : sleeps_on<CLOCK_MONOTONIC, true> {};
template <> struct kernel_clock<std::chrono::system_clock> : sleeps_on<CLOCK_REALTIME, true> {};
template <clockid_t Id, access A, class Os>
  requires(detail::can_sleep_on(Id))
struct kernel_clock<posix_clock<Id, A, Os>> : sleeps_on<Id, true> {};

/// A clock that can be slept on: kernel_clock names a sleepable clock of the kernel, and now() does not throw, because
/// sleeps are noexcept.
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
    // One count is num / den nanoseconds in lowest terms, so the result is exact if den divides the count.
    const bool rest = static_cast<int128>(d.count()) % static_cast<int128>(ratio::den) != 0;
    return rest ? saturating_add(below, nanoseconds(1)) : below;
  }
}

/// Returns: the deadline `t` in nanoseconds since the epoch of its clock, never before it.
template <class Clock, class Duration>
[[nodiscard]] constexpr std::chrono::nanoseconds deadline_of(std::chrono::time_point<Clock, Duration> t) noexcept {
  return ceil_to_nanoseconds(t.time_since_epoch());
}

/// Returns: what `Clock` shows, in nanoseconds since its epoch. A posix_clock is read by its own path.
template <sleepable_clock Clock, class Os> [[nodiscard]] std::chrono::nanoseconds now_of() noexcept {
  using path = access_of<Clock, Os>;
  static_assert(path::fits, "takt: this clock is read from another system than the one that is to sleep on it; name "
                            "the system: sleep_until<Os>(t)");
  if constexpr (kernel_clock<Clock>::same && !path::said) {
    return path::template kernels<kernel_clock<Clock>::id>::now().time_since_epoch();
  } else {
    return saturating_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch());
  }
}

/// Returns: by how many nanoseconds `Clock` is ahead of the kernel's clock Id now, or a larger number. If it is too
/// large, the system call ends early and takt sleeps again. If it were too small, the sleep would end late.
template <sleepable_clock Clock, clockid_t Id, class Os> [[nodiscard]] std::chrono::nanoseconds ahead_of() noexcept {
  using namespace std::chrono;
  if constexpr (kernel_clock<Clock>::same && kernel_clock<Clock>::id == Id) {
    return nanoseconds::zero();
  } else {
    using reference = typename access_of<Clock, Os>::template kernels<Id>;
    // The kernel's clock is read first, so that a delay between the two readings makes the result larger.
    const nanoseconds kernels = reference::now().time_since_epoch();
    const nanoseconds ahead = saturating_subtract(now_of<Clock, Os>(), kernels);
    // TAI differs from REALTIME by whole seconds. A delay between the readings adds a fraction, which floor removes.
    if constexpr (kernel_clock<Clock>::id == CLOCK_TAI && Id == CLOCK_REALTIME) return floor<seconds>(ahead);
    else return ahead;
  }
}

} // namespace detail

} // namespace takt::inline TAKT_ABI
