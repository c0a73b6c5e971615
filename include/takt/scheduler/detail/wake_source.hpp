/// wake_source.hpp - the clock of a scheduler, and how the scheduler is woken: a thread that sleeps, a descriptor that
/// becomes readable, or both. A part of scheduler.hpp.
///
/// On CLOCK_MONOTONIC a thread sleeps on a futex, for which the kernel has a deadline and honours slack. On
/// CLOCK_REALTIME it must learn when the clock is set, and on CLOCK_BOOTTIME a clock that goes on in suspend must wake
/// it. There it sleeps in ppoll on a timerfd, which does both and is set to the wake-up; ppoll's own timeout has the
/// slack. If the descriptor cannot be made, it sleeps on the futex. Then a cycle that a step back of the clock delayed
/// stays delayed, and a timer that became due during a suspend is late by the rest of the wait.
///
/// Does not promise: that it is time when a wait ends; the caller reads the clock.
/// Sources: futex(2), timerfd_create(2), ppoll(2); Linux 6.12 fs/select.c, select_estimate_accuracy.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/kernel/detail/early_end_backoff.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/sleep/sleep.hpp>
#include <takt/kernel/timer_fd.hpp>
#include <takt/scheduler/detail/wheel.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI::detail {

// synopsis

/// A clock that is an object and moves the schedulers on it by itself: testing::manual_clock.
template <class Clock>
concept driving_clock = requires(Clock& clock, typename Clock::driven& d) {
  clock.attach(d);
  clock.detach(d);
};

template <class Clock, class Os> class wake_source;
struct substitute_clock;
template <class Clock, class Os> struct scheduler_clock;
template <class Scheduler, driving_clock Clock, bool Unwinds = TAKT_EXCEPTIONS != 0> struct substituted_scheduler;
template <class Scheduler, class Clock, bool Unwinds = TAKT_EXCEPTIONS != 0> struct driven_scheduler;

// definitions

/// Wakes the thread or the event loop of a scheduler. Every function requires that the caller holds the scheduler's
/// lock.
template <class Clock, class Os> class wake_source {
public:
  using time = timer_wheel::time;
  static constexpr time never = std::numeric_limits<time>::max();

  /// Returns: when the sleeper and the poller will both be awake: the later of their times. A window that closes at
  /// this time or later needs no call of set().
  [[nodiscard]] time awake_by() const noexcept { return awake_by_; }

  /// Returns: whether a thread sleeps here or a descriptor exists.
  [[nodiscard]] bool used() const noexcept { return timer_ || sleeper_until_ != unset; }
  /// Effects: the sleeper and the poller will be awake at `next`.
  void set(time next) noexcept {
    if (roused_) return; // the sleeper must still see the descriptor readable; it sets it when it is awake
    if (timer_ && next != timer_at_) arm(next);
    if (sleeper_until_ > next) {
      if (on_descriptor_) sleeper_until_ = next;
      else rouse();
    }
    settle();
  }
  /// Effects: ends the sleep of the sleeper.
  void rouse() noexcept {
    sleeper_until_ = unset;
    word_.fetch_add(1, std::memory_order_relaxed); // the futex and the lock order the rest
    if (on_descriptor_) roused_ = true, arm(unset);
    else Os::wake_all(word_);
    settle();
  }

  /// Effects: makes the descriptor, ready at `next`. Errors: what timerfd_create reports.
  void open(time next, std::error_code& ec) {
    ec.clear();
    if (!timer_) timer_ = timer_fd<Os>(timer_id, ec);
    if (timer_ && timer_at_ == unset && !roused_) arm(next);
    settle();
  }
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  /// Effects: the descriptor is no longer ready, and must be set again; it stays ready for a sleeper that was roused.
  void take() noexcept {
    if (timer_ && !roused_) static_cast<void>(read());
  }

  /// Effects: sleeps, without the lock, until `wakeup`, until the kernel finds an interrupt to share from `earliest`
  /// on, or for less. Errors: what the system call reports.
  template <class Lock> void sleep(Lock& hold, time earliest, time wakeup, std::error_code& ec) noexcept;

private:
  using nanoseconds = std::chrono::nanoseconds;
  static constexpr time unset = std::numeric_limits<time>::min();
  static constexpr clockid_t timer_id = slept_on<Clock>.timer;
  static constexpr clockid_t futex_id = slept_on<Clock>.has_futex() ? slept_on<Clock>.futex : CLOCK_MONOTONIC;

  typename timer_fd<Os>::news read() noexcept {
    std::error_code ignored; // the caller reads the clock in any case
    timer_at_ = unset;
    return timer_.take(ignored);
  }
  /// Effects: calculates awake_by_ again, after one of the times that it depends on has changed.
  void settle() noexcept {
    awake_by_ = sleeper_until_;
    if (timer_ && timer_at_ > awake_by_) awake_by_ = timer_at_;
  }
  void arm(time at) noexcept {
    timer_at_ = at;
    std::error_code refused; // a descriptor that was made can be set
    const bool reports = timer_id == CLOCK_REALTIME;
    if (at == never && !reports) return timer_.disarm(refused);
    const nanoseconds deadline = to_nanoseconds(kernel_deadline<Clock, timer_id, Os>(nanoseconds(at)));
    // If the clock was set before and no thread has noticed, the descriptor becomes readable at once.
    if (timer_.arm(deadline, reports, refused)) timer_.arm(nanoseconds::zero(), reports, refused);
  }

  /// Effects: pauses after waits that the kernel ended early several times in a row.
  void pause(std::uint32_t seen) noexcept {
    if (early_ < 2) return;
    const nanoseconds length = early_end_backoff::pause(early_);
    const nanoseconds now = posix_clock<CLOCK_MONOTONIC, access::syscall, Os>::now().time_since_epoch();
    static_cast<void>(Os::wait_until(word_, seen, CLOCK_MONOTONIC, to_timespec(saturating_add(now, length))));
  }

  time sleeper_until_ = unset;
  time timer_at_ = unset; // the time to which timer_ is set
  time awake_by_ = unset;
  bool on_descriptor_ = false; // the thread sleeps on the descriptor and not on the futex
  bool roused_ = false;        // the sleeper was roused and has not read the descriptor yet; no other may read it
  int early_ = 0;              // waits in a row that the kernel ended before their time
  std::atomic<std::uint32_t> word_{0};
  timer_fd<Os> timer_;
};

template <class Clock, class Os>
template <class Lock>
void wake_source<Clock, Os>::sleep(Lock& hold, time earliest, time wakeup, std::error_code& ec) noexcept {
  ec.clear();
  if constexpr (timer_id != CLOCK_MONOTONIC) {
    std::error_code none; // on error the thread sleeps on the futex
    open(wakeup, none);
    on_descriptor_ = static_cast<bool>(timer_);
    if (on_descriptor_ && timer_at_ != wakeup) arm(wakeup);
  }
  bool early = false; // the kernel ended the wait by its time-out, but the clock does not show the deadline
  const std::uint32_t seen = word_.load(std::memory_order_relaxed);
  sleeper_until_ = wakeup;
  settle();
  hold.unlock();
  {
    // As in sleep_until_within(), the hard expiry is the wake-up. A slack of zero would mean the default. Where setting
    // it is refused, the sleep goes to the wake-up without slack.
    std::error_code refused;
    std::optional<scoped_timer_slack<Os>> slack;
    const nanoseconds room = saturating_subtract(nanoseconds(wakeup), nanoseconds(earliest));
    if (wakeup != never) slack.emplace(room > nanoseconds(1) ? room : nanoseconds(1), refused);
    const nanoseconds deadline(slack && slack->active() ? earliest : wakeup);
    pause(seen);
    int error = 0;
    if (on_descriptor_) {
      const nanoseconds left = saturating_subtract(deadline, now_of<Clock, Os>());
      const timespec limit = to_timespec(later(left, nanoseconds::zero()));
      const bool by_timer = wakeup == never || deadline.count() == wakeup;
      error = Os::wait_readable(timer_.fd(), by_timer ? nullptr : &limit);
    } else {
      const timespec end = wakeup == never ? to_timespec(nanoseconds::max())
                                           : kernel_deadline<Clock, futex_id, Os>(deadline);
      error = Os::wait_until(word_, seen, futex_id, end);
    }
    early = error == ETIMEDOUT && now_of<Clock, Os>() < deadline;
    if (error != 0 && error != ETIMEDOUT && error != EAGAIN && error != EINTR) ec = errno_code(error);
  }
  hold.lock();
  if (on_descriptor_) {
    roused_ = false;
    const time armed = timer_at_;
    early |= read() == timer_fd<Os>::news::expired && now_of<Clock, Os>().count() < armed;
  }
  early_ = early ? early_ + 1 : 0;
  sleeper_until_ = unset;
  on_descriptor_ = false;
  settle();
}

/// What a test puts in the place of the kernel's clock, so that code which takes a scheduler of the usual type runs on
/// a clock that the test moves.
struct substitute_clock {
  [[nodiscard]] virtual timer_wheel::time now() const noexcept = 0;
  /// Effects: the substitute no longer moves the scheduler.
  virtual void detach() noexcept = 0;
  virtual ~substitute_clock() = default;
};

/// A clock of the kernel, with the wake_source that wakes its sleepers; or its substitute, which it owns.
template <class Clock, class Os> struct scheduler_clock {
  static constexpr bool by_kernel = true;
  /// Whether it may be set back. A clock that reads a little less on another processor was not set.
  static constexpr bool can_be_set = !slept_on<Clock>.steady;
  scheduler_clock(Clock*, substitute_clock* owned) noexcept : substitute(owned) {}
  scheduler_clock(const scheduler_clock&) = delete;
  scheduler_clock& operator=(const scheduler_clock&) = delete;
  ~scheduler_clock() { delete substitute; }
  [[nodiscard]] timer_wheel::time now() const noexcept {
    // The test costs one load and a branch, beside a reading of the kernel's clock.
    if (substitute != nullptr) [[unlikely]] return substitute->now();
    return now_of<Clock, Os>().count();
  }
  /// Returns: whether a thread or a descriptor can wait for this clock.
  [[nodiscard]] bool can_wait() const noexcept { return substitute == nullptr; }
  substitute_clock* const substitute;
  wake_source<Clock, Os> alarm;
};

/// The alarm of a clock that is an object, which its owner reads and moves: no thread needs to be woken.
struct no_alarm {
  [[nodiscard]] static constexpr timer_wheel::time awake_by() noexcept {
    return std::numeric_limits<timer_wheel::time>::min();
  }
  [[nodiscard]] static constexpr bool used() noexcept { return false; }
  static constexpr void set(timer_wheel::time) noexcept {}
  static constexpr void take() noexcept {}
};
template <class Clock, class Os>
  requires(!sleepable_clock<Clock>)
struct scheduler_clock<Clock, Os> {
  static constexpr bool by_kernel = false;
  static constexpr bool can_be_set = !Clock::is_steady;
  scheduler_clock(Clock* c, substitute_clock*) noexcept : clock(c) {}
  [[nodiscard]] timer_wheel::time now() const {
    return saturating_cast<std::chrono::nanoseconds>(clock->now().time_since_epoch()).count();
  }
  Clock* clock;
  [[no_unique_address]] no_alarm alarm;
};

/// The scheduler as a driving clock sees it. Units with and without exceptions have a table of virtual functions each,
/// because fire() is marked (config.hpp): a scheduler has that of the unit that made it.
template <class Scheduler, class Clock, bool Unwinds> struct driven_scheduler {
  driven_scheduler(Scheduler&, Clock*, substitute_clock* s) noexcept : substitute(s) {}
  driven_scheduler(const driven_scheduler&) = delete;
  driven_scheduler& operator=(const driven_scheduler&) = delete;
  ~driven_scheduler() {
    if (substitute != nullptr) substitute->detach();
  }
  substitute_clock* substitute;
};
template <class Scheduler, driving_clock Clock, bool Unwinds>
struct driven_scheduler<Scheduler, Clock, Unwinds> final : Clock::driven {
  driven_scheduler(Scheduler& s, Clock* c, substitute_clock*) : scheduler(&s), clock(c) { clock->attach(*this); }
  ~driven_scheduler() { clock->detach(*this); }
  driven_scheduler(const driven_scheduler&) = delete;
  driven_scheduler& operator=(const driven_scheduler&) = delete;

  std::optional<typename Clock::time_point> next_wakeup() override { return scheduler->next_wakeup(); }
  TAKT_UNWINDS std::size_t fire(typename Clock::time_point now) override { return scheduler->fire(now); }
  [[nodiscard]] std::size_t pending() const override { return scheduler->pending(); }

  Scheduler* scheduler;
  Clock* clock;
};

/// A driving clock in the place of the kernel's, and the scheduler as that clock sees it. Nanoseconds since the epochs
/// are the same on both.
template <class Scheduler, driving_clock Clock, bool Unwinds>
struct substituted_scheduler final : substitute_clock, Clock::driven {
  using point = typename Clock::time_point;
  substituted_scheduler(Scheduler& s, Clock& c) : scheduler(&s), clock(&c) { clock->attach(*this); }

  [[nodiscard]] timer_wheel::time now() const noexcept override { return clock->now().time_since_epoch().count(); }
  void detach() noexcept override { clock->detach(*this); }

  std::optional<point> next_wakeup() override {
    const auto next = scheduler->next_wakeup();
    return next ? std::optional(point(next->time_since_epoch())) : std::nullopt;
  }
  TAKT_UNWINDS std::size_t fire(point now) override {
    return scheduler->fire(typename Scheduler::time_point(now.time_since_epoch()));
  }
  [[nodiscard]] std::size_t pending() const override { return scheduler->pending(); }

  Scheduler* scheduler;
  Clock* clock;
};

} // namespace takt::inline TAKT_ABI::detail
