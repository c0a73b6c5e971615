/// spin_tail.hpp - a wake-up within a microsecond of the deadline, paid for with a core.
///
/// Sleeps until shortly before the deadline and watches the deadline's own clock from there; a wait ends only when that
/// says due. How long before, it learns from its own wake-ups: a little more than the latest of the last few hundred, so
/// that most of them still come before the deadline. Between two readings of the clock the core is left to others for
/// some ten nanoseconds (relax_cpu in counter.hpp).
///
/// Does not promise: to be on time. A wake-up that is later than all before it is late, and whoever preempts the thread
/// while it spins makes it so; a real-time policy helps (realtime.hpp). The time spun is CPU time that nobody else
/// gets. A signal ends no spin.
/// Sources: sched(7); Linux 6.12 kernel/time/hrtimer.c.
#pragma once
#include <takt/core/saturating.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/sleep.hpp>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis
class wake_up_lead;
template <class Os = linux_os> class spin_tail;

// definitions

/// How long before a deadline to wake up: pure arithmetic over how late the wake-ups before were.
/// A wake-up that is later than the lead raises it at once, to as much and a quarter more. One that is earlier lowers
/// it by one part in 256 of what it had to spare, so that what was seen within the last few hundred is remembered.
/// A wait that is shorter than the lead is spun from end to end, and no wake-up teaches anything: such time lowers the
/// lead by one part in 1024 of itself, down to `first`. So what a busy machine raised to 2 ms is tried again after two
/// seconds of spinning or so. Where the machine stays so late, waits that are nearly as long miss one deadline in some
/// 256 by the trying, more if they come near `most`; those shorter than `first` are spun as before anything was known.
class wake_up_lead {
public:
  /// Before anything is known. More than an idle machine needs to leave a sleep state, in most cases.
  static constexpr std::chrono::nanoseconds first = std::chrono::microseconds(200);
  /// Never less: the way back from the kernel, and the clock's own reading.
  static constexpr std::chrono::nanoseconds least = std::chrono::microseconds(2);
  /// Never more: a machine that wakes up later than that needs another remedy than a core that spins, and on a clock that
  /// was set meanwhile it says nothing of the machine. Such wake-ups teach nothing.
  static constexpr std::chrono::nanoseconds most = std::chrono::milliseconds(2);

  [[nodiscard]] constexpr std::chrono::nanoseconds value() const noexcept { return lead_; }

  /// Takes in that a sleep ended `late` after the time it was meant to.
  constexpr void learn(std::chrono::nanoseconds late) noexcept {
    if (late < late.zero() || late > most) return;
    const auto wanted = late + late / 4;
    lead_ = wanted > lead_ ? wanted : lead_ - (lead_ - wanted) / 256;
    lead_ = detail::clamped(lead_, least, most);
  }

  /// Takes in that a wait was spun through for so long, because the lead left no sleep in it.
  constexpr void forget(std::chrono::nanoseconds spun) noexcept {
    if (lead_ <= first) return;
    spun_ += detail::clamped(spun, spun.zero(), lead_);
    lead_ = detail::later(lead_ - spun_ / 1024, first);
    spun_ %= 1024;
  }

private:
  std::chrono::nanoseconds lead_ = first;
  std::chrono::nanoseconds spun_{}; ///< too short yet to lower the lead by a nanosecond
};

/// Sleeps to deadlines with a spun end, and keeps what it learns from one to the next: one object for a thread that
/// does so again and again. Not to be shared between threads.
template <class Os> class spin_tail {
public:
  /// Effects: sleeps until the learnt lead before `t`, with the least slack the kernel has, then spins until Clock
  /// shows `t`; sleeps again if somebody sets the clock back meanwhile. Returns at once if `t` has come already.
  /// Errors: what sleep_until() reports; it then returns without spinning.
  template <sleepable_clock Clock, class Duration>
  void sleep_until(std::chrono::time_point<Clock, Duration> t, std::error_code& ec) noexcept {
    static_cast<void>(wait<Clock>(detail::deadline_of(t), uninterrupted, ec));
  }
  /// The same until the ender ends it: a stop_token at any time, a signal while it sleeps.
  /// Returns: whether `t` was reached.
  template <sleepable_clock Clock, class Duration, sleep_ender Ender>
  [[nodiscard]] bool sleep_until(std::chrono::time_point<Clock, Duration> t, Ender ender,
                                 std::error_code& ec) noexcept {
    return wait<Clock>(detail::deadline_of(t), ender, ec);
  }
  /// The same for a clock that is named and a deadline since its epoch.
  template <sleepable_clock Clock, sleep_ender Ender>
  [[nodiscard]] bool wait(std::chrono::nanoseconds deadline, const Ender& ender, std::error_code& ec) noexcept {
    const std::chrono::nanoseconds wake = saturating_subtract(deadline, lead_.value());
    ec.clear();
    bool slept = false;
    do {
      if (detail::ended_by(ender)) return false;
      const bool sleeps = detail::now_of<Clock, Os>() < wake;
      if (sleeps && !rest<Clock>(wake, deadline, ender, ec)) return false;
      slept |= sleeps;
    } while (!spin<Clock>(wake, deadline, ender, slept));
    return true;
  }

#if TAKT_EXCEPTIONS
  template <sleepable_clock Clock, class Duration> void sleep_until(std::chrono::time_point<Clock, Duration> t) {
    detail::or_throw([&](std::error_code& ec) { sleep_until(t, ec); }, detail::sleep_hint);
  }
  template <sleepable_clock Clock, class Duration, sleep_ender Ender>
  [[nodiscard]] bool sleep_until(std::chrono::time_point<Clock, Duration> t, Ender ender) {
    return detail::or_throw([&](std::error_code& ec) { return sleep_until(t, ender, ec); }, detail::sleep_hint);
  }
#endif

  /// How long before a deadline the next sleep will end.
  [[nodiscard]] std::chrono::nanoseconds lead() const noexcept { return lead_.value(); }
  /// The time spun so far, all of it CPU time.
  [[nodiscard]] std::chrono::nanoseconds spun() const noexcept { return spun_; }
  /// How many sleeps there were, and after how many of them the deadline had passed.
  [[nodiscard]] std::uint64_t sleeps() const noexcept { return sleeps_; }
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }

private:
  /// Returns: whether `wake` was reached.
  template <class Clock, class Ender>
  bool rest(std::chrono::nanoseconds wake, std::chrono::nanoseconds deadline, const Ender& ender,
            std::error_code& ec) noexcept {
    {
      std::error_code refused; // a real-time thread has no slack to take away
      const scoped_timer_slack<Os> tight(std::chrono::nanoseconds(1), refused);
      if (!detail::rest_until<Clock, Os>(wake, ender, ec)) return false;
    }
    const auto now = detail::now_of<Clock, Os>();
    lead_.learn(saturating_subtract(now, wake));
    ++sleeps_;
    missed_ += now > deadline;
    return true;
  }

  /// Watches the clock until it shows `deadline`, was set back to before `wake`, or the ender ends it.
  /// Returns: whether the deadline was reached.
  template <class Clock, class Ender>
  bool spin(std::chrono::nanoseconds wake, std::chrono::nanoseconds deadline, const Ender& ender, bool slept) noexcept {
    auto now = detail::now_of<Clock, Os>();
    if (now >= deadline) return true;
    const auto from = time_spent<Clock>();
    while (now < deadline && now >= wake && !detail::ended_by(ender)) {
      relax_cpu();
      now = detail::now_of<Clock, Os>();
    }
    const auto took = saturating_subtract(time_spent<Clock>(), from);
    spun_ = saturating_add(spun_, took);
    if (!slept) lead_.forget(took);
    return now >= deadline;
  }
  /// Of a clock that nobody sets, whatever clock the deadline is on.
  template <class Clock> static std::chrono::nanoseconds time_spent() noexcept {
    return detail::road_of<Clock, Os>::template kernels<CLOCK_MONOTONIC>::now().time_since_epoch();
  }

  wake_up_lead lead_;
  std::chrono::nanoseconds spun_{};
  std::uint64_t sleeps_ = 0;
  std::uint64_t missed_ = 0;
};

} // namespace takt::inline TAKT_ABI
