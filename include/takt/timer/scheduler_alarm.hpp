/// scheduler_alarm.hpp - the clock that a scheduler goes by, and how it gets woken up: a thread that sleeps, a
/// descriptor, or both. A part of scheduler.hpp.
///
/// On CLOCK_MONOTONIC a thread sleeps on a futex, for which the kernel has a deadline and honours slack. On
/// CLOCK_REALTIME it wants to be told when somebody sets the clock, on CLOCK_BOOTTIME to be woken by a clock that went
/// on in suspend: there it sleeps in ppoll on a timerfd, which does that, and which is set to the end of the window;
/// ppoll's own timeout has the slack. Where no descriptor can be had it sleeps on the futex all the same: then a cycle
/// that a clock that was set back has put off stays put off, and what a suspend made due comes as late as what is left
/// of the wait.
///
/// Does not promise: that the end of a wait means that it is time; whoever waited asks the clock.
/// Sources: futex(2), timerfd_create(2), ppoll(2); Linux 6.12 fs/select.c, select_estimate_accuracy.
#pragma once
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <takt/timer/early_end_rule.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/sleep.hpp>
#include <takt/timer/timer_fd.hpp>
#include <takt/timer/wheel.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

/// A clock that is an object and moves the schedulers on it by itself: testing::manual_clock.
template <class Clock>
concept driving_clock = requires(Clock& clock, typename Clock::driven& d) {
  clock.attach(d);
  clock.detach(d);
};

namespace detail {
template <class Clock, class Os> class scheduler_alarm;
template <class Clock, class Os> struct scheduler_clock;
template <class Scheduler, class Clock> struct driven_scheduler;

// definitions

/// All functions with the scheduler's lock.
template <class Clock, class Os> class scheduler_alarm {
public:
  using time = timer_wheel::time;
  static constexpr time never = std::numeric_limits<time>::max();

  /// Nobody needs to be told of a window that closes at this time or later: it finds somebody awake.
  [[nodiscard]] time awake_by() const noexcept { return awake_by_; }

  /// Whether there is anybody who sleeps or polls.
  [[nodiscard]] bool used() const noexcept { return timer_ || sleeper_until_ != nobody; }
  /// Effects: whoever sleeps or polls will be awake at `next`.
  void set(time next) noexcept {
    if (roused_) return; // who is not awake yet must still see it: it sets the descriptor then
    if (timer_ && next != timer_at_) arm(next);
    if (sleeper_until_ > next) {
      if (on_descriptor_) sleeper_until_ = next;
      else rouse();
    }
    settle();
  }
  /// Effects: whoever sleeps stops sleeping.
  void rouse() noexcept {
    sleeper_until_ = nobody;
    word_.fetch_add(1, std::memory_order_relaxed); // futex and lock order the rest
    if (on_descriptor_) roused_ = true, arm(nobody);
    else Os::wake_all(word_);
    settle();
  }

  /// Effects: makes the descriptor, ready at `next`. Errors: what timerfd_create reports.
  void open(time next, std::error_code& ec) {
    ec.clear();
    if (!timer_) timer_ = timer_fd<Os>(timer_id, ec);
    if (timer_ && timer_at_ == nobody && !roused_) arm(next);
    settle();
  }
  [[nodiscard]] int fd() const noexcept { return timer_.fd(); }
  /// Effects: the descriptor is no longer ready, and must be set anew; it stays ready for a sleeper that was roused.
  void take() noexcept {
    if (timer_ && !roused_) static_cast<void>(read());
  }

  /// Effects: sleeps, without the lock, until `wakeup`, until the kernel finds an interrupt to share from `earliest`
  /// on, or for less. Errors: what the system call reports.
  template <class Lock> void sleep(Lock& hold, time earliest, time wakeup, std::error_code& ec) noexcept;

private:
  using nanoseconds = std::chrono::nanoseconds;
  static constexpr time nobody = std::numeric_limits<time>::min();
  static constexpr clockid_t timer_id = futex_clock<Clock>; // for a timerfd, too, is TAI too strange
  static constexpr clockid_t futex_id = timer_id == CLOCK_BOOTTIME ? CLOCK_MONOTONIC : timer_id;

  timer_news read() noexcept {
    std::error_code ignored; // whatever the news are, the clock is asked
    timer_at_ = nobody;
    return timer_.take(ignored);
  }
  void settle() noexcept {
    awake_by_ = sleeper_until_;
    if (timer_ && timer_at_ > awake_by_) awake_by_ = timer_at_;
  }
  void arm(time at) noexcept {
    timer_at_ = at;
    std::error_code refused; // a descriptor that was made can be set
    const bool told = timer_id == CLOCK_REALTIME;
    if (at == never && !told) return timer_.disarm(refused);
    const nanoseconds deadline = to_nanoseconds(kernel_deadline<Clock, timer_id, Os>(nanoseconds(at)));
    // The clock was set before this, and nobody has looked: somebody must.
    if (timer_.arm(deadline, told, refused)) timer_.arm(nanoseconds::zero(), told, refused);
  }

  /// Answers a kernel that ends waits early again and again.
  void pause(std::uint32_t seen) noexcept {
    if (early_ < 2) return;
    const nanoseconds length = early_end_rule::pause(early_);
    const nanoseconds now = posix_clock<CLOCK_MONOTONIC, access::syscall, Os>::now().time_since_epoch();
    static_cast<void>(Os::wait_until(word_, seen, CLOCK_MONOTONIC, to_timespec(saturating_add(now, length))));
  }

  time sleeper_until_ = nobody;
  time timer_at_ = nobody; // what timer_ is set to
  time awake_by_ = nobody;
  bool on_descriptor_ = false; // is where the thread sleeps
  bool roused_ = false;        // from there, and not awake yet: what it is to see must not be read by others
  int early_ = 0;              // waits in a row that the kernel ended before their time
  std::atomic<std::uint32_t> word_{0};
  timer_fd<Os> timer_;
};

template <class Clock, class Os>
template <class Lock>
void scheduler_alarm<Clock, Os>::sleep(Lock& hold, time earliest, time wakeup, std::error_code& ec) noexcept {
  ec.clear();
  if constexpr (timer_id != CLOCK_MONOTONIC) {
    std::error_code none; // then the futex must do
    open(wakeup, none);
    on_descriptor_ = static_cast<bool>(timer_);
    if (on_descriptor_ && timer_at_ != wakeup) arm(wakeup);
  }
  bool early = false; // says the kernel that the time has come, and the clock that it has not
  const std::uint32_t seen = word_.load(std::memory_order_relaxed);
  sleeper_until_ = wakeup;
  settle();
  hold.unlock();
  {
    // As sleep_until_within() does it: the hard expiry is the wake-up. Slack of zero would mean the default. Whatever
    // forbids it, the wake-up is right without.
    std::error_code refused;
    std::optional<scoped_timer_slack<Os>> slack;
    const nanoseconds room = saturating_subtract(nanoseconds(wakeup), nanoseconds(earliest));
    if (wakeup != never) slack.emplace(room > nanoseconds(1) ? room : nanoseconds(1), refused);
    const nanoseconds deadline(slack && slack->active() ? earliest : wakeup);
    pause(seen);
    int error = 0;
    if (on_descriptor_) {
      const nanoseconds left = saturating_subtract(deadline, now_of<Clock, Os>());
      const timespec most = to_timespec(later(left, nanoseconds::zero()));
      const bool by_timer = wakeup == never || deadline.count() == wakeup;
      error = Os::wait_readable(timer_.fd(), by_timer ? nullptr : &most);
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
    early |= read() == timer_news::expired && now_of<Clock, Os>().count() < armed;
  }
  early_ = early ? early_ + 1 : 0;
  sleeper_until_ = nobody;
  on_descriptor_ = false;
  settle();
}

/// A clock of the kernel, with its alarm,
template <class Clock, class Os> struct scheduler_clock {
  static constexpr bool by_kernel = true;
  /// Whether somebody may set it back. A clock that reads a little less on another processor was not set.
  static constexpr bool can_be_set =
      kernel_clock<Clock>::id != CLOCK_MONOTONIC && kernel_clock<Clock>::id != CLOCK_BOOTTIME;
  explicit scheduler_clock(Clock*) noexcept {}
  [[nodiscard]] static timer_wheel::time now() noexcept { return now_of<Clock, Os>().count(); }
  scheduler_alarm<Clock, Os> alarm;
};

/// or an object that its owner reads and moves: there is nobody to wake.
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
  explicit scheduler_clock(Clock* c) noexcept : clock(c) {}
  [[nodiscard]] timer_wheel::time now() const {
    return saturating_cast<std::chrono::nanoseconds>(clock->now().time_since_epoch()).count();
  }
  Clock* clock;
  [[no_unique_address]] no_alarm alarm;
};

/// What a driving clock knows of a scheduler.
template <class Scheduler, class Clock> struct driven_scheduler {
  driven_scheduler(Scheduler&, Clock*) noexcept {}
};
template <class Scheduler, driving_clock Clock> struct driven_scheduler<Scheduler, Clock> final : Clock::driven {
  driven_scheduler(Scheduler& s, Clock* c) : scheduler(&s), clock(c) { clock->attach(*this); }
  ~driven_scheduler() { clock->detach(*this); }
  driven_scheduler(const driven_scheduler&) = delete;
  driven_scheduler& operator=(const driven_scheduler&) = delete;

  std::optional<typename Clock::time_point> next_wakeup() override { return scheduler->next_wakeup(); }
  std::size_t fire(typename Clock::time_point now) override { return scheduler->fire(now); }
  [[nodiscard]] std::size_t pending() const override { return scheduler->pending(); }

  Scheduler* scheduler;
  Clock* clock;
};

} // namespace detail

} // namespace takt::inline TAKT_ABI
