/// spin_tail.hpp - a wake-up within a microsecond of the deadline, paid for with a core.
///
/// Sleeps until shortly before the deadline and then reads the deadline's own clock until it shows the deadline. It
/// learns from its own wake-ups how long before the deadline the sleep must end: a little longer than the latest of the
/// last few hundred wake-ups was late, so that most wake-ups come before the deadline. Between two readings the core is
/// free for its sibling thread for some ten nanoseconds (relax_cpu in counter.hpp).
///
/// Does not promise: to be on time. A wake-up that is later than all before it is late, and so is a wait whose thread
/// is preempted while it spins; a real-time policy helps (realtime.hpp). The time spun is CPU time that no other thread
/// gets. A signal does not end a spin.
/// Sources: sched(7); Linux 6.12 kernel/time/hrtimer.c.
#pragma once
#include <takt/core/saturating.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/sleep/sleep.hpp>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Os = linux_os> class spin_tail;

// definitions
namespace detail {

/// The lead: how long before a deadline a sleep should end. Pure arithmetic over how late the earlier wake-ups were.
///
/// A wake-up that is later than the lead raises the lead at once, to that lateness and a quarter more. An earlier one
/// lowers it by one part in 256 of the difference, so the lead remembers the last few hundred wake-ups. A wait shorter
/// than the lead is spun from end to end and shows no wake-up: the time spun lowers the lead by one part in 1024 of
/// that time, down to `first`. So a lead that a busy machine raised to 2 ms is tested again after about two seconds of
/// spinning. Where the machine stays so late, that test makes waits of nearly that length miss one deadline in about
/// 256, more for waits near `max`. Waits shorter than `first` are always spun.
class wake_up_lead {
public:
  /// The lead before the first wake-up. In most cases an idle machine leaves a sleep state in less.
  static constexpr std::chrono::nanoseconds first = std::chrono::microseconds(200);
  /// The smallest lead: the return from the kernel and one reading of the clock take this long.
  static constexpr std::chrono::nanoseconds min = std::chrono::microseconds(2);
  /// A machine that wakes up later than this needs another remedy than a spinning core, and on a clock that was set
  /// meanwhile such a lateness says nothing about the machine. Later wake-ups are ignored.
  static constexpr std::chrono::nanoseconds max = std::chrono::milliseconds(2);

  [[nodiscard]] constexpr std::chrono::nanoseconds value() const noexcept { return lead_; }

  /// Effects: takes into account a sleep that ended `late` after its deadline.
  constexpr void learn(std::chrono::nanoseconds late) noexcept {
    if (late < late.zero() || late > max) return;
    const auto wanted = late + late / 4;
    lead_ = wanted > lead_ ? wanted : lead_ - (lead_ - wanted) / 256;
    lead_ = clamped(lead_, min, max);
  }

  /// Effects: takes into account a wait that was shorter than the lead and spun for `spun`.
  constexpr void forget(std::chrono::nanoseconds spun) noexcept {
    if (lead_ <= first) return;
    spun_ += clamped(spun, spun.zero(), lead_);
    lead_ = later(lead_ - spun_ / 1024, first);
    spun_ %= 1024;
  }

private:
  std::chrono::nanoseconds lead_ = first;
  std::chrono::nanoseconds spun_{}; ///< the rest that does not lower the lead by a whole nanosecond
};

} // namespace detail

/// Sleeps to deadlines and spins at the end of each sleep. It learns from one sleep for the next, so a thread keeps one
/// object for all its sleeps. Not to be shared between threads.
template <class Os> class spin_tail {
public:
  /// Effects: sleeps until the learnt lead before `t`, with a timer slack of 1 ns (the kernel's minimum), then spins
  /// until Clock shows `t`; sleeps again if the clock is set back meanwhile. Returns at once if `t` has passed.
  /// Errors: what sleep_until() reports; it then returns without spinning.
  void sleep_until(detail::sleepable_time_point auto t, std::error_code& ec) noexcept {
    static_cast<void>(sleep_until(t, detail::uninterrupted, ec));
  }
  /// Effects: as sleep_until(t, ec), but the stop condition ends it: a stop_token at any time, a signal while it
  /// sleeps.
  /// Returns: whether `t` was reached.
  [[nodiscard]] bool sleep_until(detail::sleepable_time_point auto t, stop_condition auto stop,
                                 std::error_code& ec) noexcept {
    return wait<typename decltype(t)::clock>(detail::deadline_of(t), stop, ec);
  }
  /// Effects: as sleep_until(), on Clock and with a deadline in nanoseconds since its epoch. Returns: whether the
  /// deadline was reached.
  template <sleepable_clock Clock>
  [[nodiscard]] bool wait(std::chrono::nanoseconds deadline, const stop_condition auto& stop,
                          std::error_code& ec) noexcept {
    const std::chrono::nanoseconds wake = detail::saturating_subtract(deadline, lead_.value());
    ec.clear();
    bool slept = false;
    do {
      if (detail::stop_requested(stop)) return false;
      const bool sleeps = detail::now_of<Clock, Os>() < wake;
      if (sleeps && !rest<Clock>(wake, deadline, stop, ec)) return false;
      slept |= sleeps;
    } while (!spin<Clock>(wake, deadline, stop, slept));
    return true;
  }

#if TAKT_EXCEPTIONS
  void sleep_until(detail::sleepable_time_point auto t) {
    detail::or_throw([&](std::error_code& ec) { sleep_until(t, ec); }, detail::sleep_hint);
  }
  [[nodiscard]] bool sleep_until(detail::sleepable_time_point auto t, stop_condition auto stop) {
    return detail::or_throw([&](std::error_code& ec) { return sleep_until(t, stop, ec); }, detail::sleep_hint);
  }
#endif

  /// Returns: how long before its deadline the next sleep will end.
  [[nodiscard]] std::chrono::nanoseconds lead() const noexcept { return lead_.value(); }
  /// Returns: the CPU time spun so far.
  [[nodiscard]] std::chrono::nanoseconds spun() const noexcept { return spun_; }
  /// Returns: the number of sleeps that reached their end.
  [[nodiscard]] std::uint64_t sleeps() const noexcept { return sleeps_; }
  /// Returns: the number of sleeps that ended after the deadline itself.
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }

private:
  /// Returns: whether `wake` was reached.
  template <class Clock, class Stop>
  bool rest(std::chrono::nanoseconds wake, std::chrono::nanoseconds deadline, const Stop& stop,
            std::error_code& ec) noexcept {
    {
      std::error_code refused; // a real-time thread has no slack to take away
      const scoped_timer_slack<Os> tight(std::chrono::nanoseconds(1), refused);
      if (!detail::rest_until<Clock, Os>(wake, stop, ec)) return false;
    }
    const auto now = detail::now_of<Clock, Os>();
    lead_.learn(detail::saturating_subtract(now, wake));
    ++sleeps_;
    missed_ += now > deadline;
    return true;
  }

  /// Reads the clock until it shows `deadline`, was set back to before `wake`, or the stop condition ends it.
  /// Returns: whether the deadline was reached.
  template <class Clock, class Stop>
  bool spin(std::chrono::nanoseconds wake, std::chrono::nanoseconds deadline, const Stop& stop, bool slept) noexcept {
    auto now = detail::now_of<Clock, Os>();
    if (now >= deadline) return true;
    const auto from = time_spent<Clock>();
    while (now < deadline && now >= wake && !detail::stop_requested(stop)) {
      detail::relax_cpu();
      now = detail::now_of<Clock, Os>();
    }
    const auto took = detail::saturating_subtract(time_spent<Clock>(), from);
    spun_ = detail::saturating_add(spun_, took);
    if (!slept) lead_.forget(took);
    return now >= deadline;
  }
  /// Returns: the time on CLOCK_MONOTONIC, which is never set, whatever the clock of the deadline.
  template <class Clock> static std::chrono::nanoseconds time_spent() noexcept {
    return detail::access_of<Clock, Os>::template kernels<CLOCK_MONOTONIC>::now().time_since_epoch();
  }

  detail::wake_up_lead lead_;
  std::chrono::nanoseconds spun_{};
  std::uint64_t sleeps_ = 0;
  std::uint64_t missed_ = 0;
};

} // namespace takt::inline TAKT_ABI
