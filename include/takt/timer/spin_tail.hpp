/// spin_tail.hpp - a wake-up within a microsecond of the deadline, paid for with a core.
///
/// Sleeps until shortly before the deadline and watches the clock from there. How long before, it learns from its own
/// wake-ups: a little more than the latest of the last few hundred, so that most of them still come before the
/// deadline. A sleep ends only when the deadline's own clock says due.
///
/// Does not promise: to be on time. A wake-up that is later than all before it is late, and whoever preempts the thread
/// while it spins makes it so; a real-time policy helps (realtime.hpp). The time spun is CPU time that nobody else
/// gets.
/// Sources: sched(7); Linux 6.12 kernel/time/hrtimer.c.
#pragma once
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/sleep.hpp>
#include <chrono>
#include <cstdint>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
class wake_up_lead;
template <class Os = linux_os> class spin_tail;

// definitions

/// How long before a deadline to wake up: pure arithmetic over how late the wake-ups before were.
/// A wake-up that is later than the lead raises it at once, to as much and a quarter more. One that is earlier lowers
/// it by one part in 256 of what it had to spare, so that what was seen within the last few hundred is remembered.
class wake_up_lead {
public:
  /// Before anything is known. More than an idle machine needs to leave a sleep state, in most cases.
  static constexpr std::chrono::nanoseconds first = std::chrono::microseconds(200);
  /// Never less: the way back from the kernel, and the clock's own reading.
  static constexpr std::chrono::nanoseconds least = std::chrono::microseconds(2);
  /// Never more: a machine that wakes up later than that needs another remedy than a core that spins.
  static constexpr std::chrono::nanoseconds most = std::chrono::milliseconds(2);

  [[nodiscard]] constexpr std::chrono::nanoseconds value() const noexcept { return lead_; }

  /// Takes in that a sleep ended `late` after the time it was meant to.
  constexpr void learn(std::chrono::nanoseconds late) noexcept {
    late = detail::clamped(late, std::chrono::nanoseconds::zero(), most);
    const auto wanted = late + late / 4;
    lead_ = wanted > lead_ ? wanted : lead_ - (lead_ - wanted) / 256;
    lead_ = detail::clamped(lead_, least, most);
  }

private:
  std::chrono::nanoseconds lead_ = first;
};

/// Sleeps to deadlines with a spun end, and keeps what it learns from one to the next: one object for a thread that
/// does so again and again. Not to be shared between threads.
template <class Os> class spin_tail {
public:
  /// Effects: sleeps until the learnt lead before `t`, with the least slack the kernel has, then spins until Clock
  /// shows `t`. Returns at once if it does already.
  /// Errors: what clock_nanosleep reports; it then spins all the way.
  template <sleepable_clock Clock, class Duration>
  void sleep_until(std::chrono::time_point<Clock, Duration> t, std::error_code& ec) noexcept {
    using std::chrono::nanoseconds;
    const nanoseconds deadline = detail::deadline_of(t), wake = saturating_subtract(deadline, lead_.value());
    ec.clear();
    nanoseconds now = detail::now_of<Clock, Os>();
    if (now < wake) {
      {
        std::error_code refused; // a real-time thread has no slack to take away
        const scoped_timer_slack<Os> tight(nanoseconds(1), refused);
        detail::rest_until<Clock, Os>(wake, uninterrupted, ec);
      }
      now = detail::now_of<Clock, Os>();
      if (!ec) {
        lead_.learn(saturating_subtract(now, wake));
        ++sleeps_;
        missed_ += now > deadline;
      }
    }
    const nanoseconds from = now;
    while (now < deadline) now = detail::now_of<Clock, Os>();
    spun_ = saturating_add(spun_, saturating_subtract(now, from));
  }

#if TAKT_EXCEPTIONS
  template <sleepable_clock Clock, class Duration> void sleep_until(std::chrono::time_point<Clock, Duration> t) {
    detail::or_throw([&](std::error_code& ec) { sleep_until(t, ec); }, detail::sleep_hint);
  }
#endif

  /// How long before a deadline the next sleep will end.
  [[nodiscard]] std::chrono::nanoseconds lead() const noexcept { return lead_.value(); }
  /// The time spun so far, all of it CPU time.
  [[nodiscard]] std::chrono::nanoseconds spun() const noexcept { return spun_; }
  /// How many deadlines were slept for, and how many of those had passed when the kernel woke the thread.
  [[nodiscard]] std::uint64_t sleeps() const noexcept { return sleeps_; }
  [[nodiscard]] std::uint64_t missed() const noexcept { return missed_; }

private:
  wake_up_lead lead_;
  std::chrono::nanoseconds spun_{};
  std::uint64_t sleeps_ = 0;
  std::uint64_t missed_ = 0;
};

} // namespace takt::inline TAKT_ABI
