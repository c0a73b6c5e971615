/// keeper.hpp - a thread that keeps tsc_clock on the clock of the kernel, and tells what it saw.
///
///   takt::tsc_clock::calibrate(5ms);
///   takt::clock_keeper keeper(1s);
///
/// Once a period, on the common grid of CLOCK_MONOTONIC, it looks at all clocks and calls discipline(). It also looks at
/// once when somebody set the system clock or the machine was resumed, both of which the kernel tells. A clock that is not
/// calibrated, or was given up because its counter failed, it calibrates.
///
/// Does not promise: to be on time on a machine that is busy; a line is believed for four periods and a second, so late
/// looks do no harm. In a forked child there is no keeper: the object is inert there, shows what was seen before the fork,
/// and may be destroyed. Who calls exec or daemon makes the keeper afterwards.
///
/// What it does at a look is `keeper_looks`, which has no thread: for event loops and for tests.
/// Sources: those of told_timer.hpp.
#pragma once
#include <takt/clock/clock_events.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/timer/told_timer.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <new>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
namespace keeper_rule {
/// What a keeper takes to calibrate a clock that is not.
inline constexpr std::chrono::nanoseconds calibration_budget = std::chrono::milliseconds(5);
/// Failed calibrations are repeated after 1, 2, 4 ... periods, and after so many at most.
inline constexpr std::uint64_t longest_rest = 64;
/// A shorter period would keep a CPU busy with looking.
inline constexpr std::chrono::nanoseconds least_period = std::chrono::milliseconds(1);
} // namespace keeper_rule

/// What a keeper saw and did since it began.
struct keeper_report {
  std::uint64_t looks = 0;                ///< of which
  std::uint64_t corrected_forward = 0;    ///< found the clock behind: set right at once
  std::uint64_t worked_off = 0;           ///< left it a lead to work off (among them may be some that found it behind)
  std::uint64_t anchored_anew = 0;        ///< found that the counter had jumped
  std::uint64_t failed = 0;               ///< could not discipline; then
  std::error_code last_error;             ///< why
  std::uint64_t calibrations = 0;         ///< that it had to make
  std::uint64_t told = 0;                 ///< times the kernel woke it: clock set, or machine resumed
  std::uint64_t steps = 0, slews = 0, suspends = 0, disagreements = 0;
  std::chrono::nanoseconds slept{};       ///< all suspends together
  std::chrono::nanoseconds most_ahead{};  ///< of the clock before a correction
  std::chrono::nanoseconds most_behind{}; ///< the same, positive
  clock_events last_event;                ///< the last look at which something had happened
  discipline_report last;                 ///< the last look
  std::error_code ended;                  ///< why the keeper looks no more: its timer failed
};

template <class Clock = tsc_clock, class Os = linux_os> class keeper_looks;
template <class Clock = tsc_clock, class Os = linux_os> class clock_keeper;

// definitions

/// The looks of a keeper, one at a time. Not to be shared between threads.
template <class Clock, class Os> class keeper_looks {
public:
  /// Precondition: period > 0.
  explicit keeper_looks(std::chrono::nanoseconds period) noexcept : period_(period) {}

  /// Effects: looks at all clocks, corrects `Clock`, or calibrates it if it needs that. `told`: the kernel said that a clock
  /// was set. Costs some 20 us, a calibration keeper_rule::calibration_budget; one for which there is no memory has failed
  /// with ENOMEM.
  void look(bool told = false) noexcept;

  /// Returns: how long from now to the next point of the grid.
  [[nodiscard]] std::chrono::nanoseconds until_next() const noexcept { return until_next_point<Os>(period_, by()); }
  /// Returns: by which road the kernel's clocks may be read.
  [[nodiscard]] static access by() noexcept { return Clock::source() == road::system_call ? access::syscall : access::vdso; }
  [[nodiscard]] std::chrono::nanoseconds period() const noexcept { return period_; }

  [[nodiscard]] const keeper_report& report() const noexcept { return report_; }

private:
  void compare(tick_rate rate) noexcept;
  void calibrate() noexcept;

  std::chrono::nanoseconds period_;
  keeper_report report_;
  clock_readings before_;
  clock_expectations known_;
  bool compared_ = false;            ///< `before_` holds readings
  bool slew_known_ = false;          ///< `known_` holds the slew
  std::uint64_t rest_ = 0, next_rest_ = 1; ///< looks until the next calibration is tried
};

/// Compares all clocks with what they showed the last time. Where the counter may not be read, the others are compared.
template <class Clock, class Os> void keeper_looks<Clock, Os>::compare(tick_rate rate) noexcept {
  const bool by_counter = rate.known();
  const clock_readings now =
      by_counter ? read_all_clocks<typename Clock::counter, Os>(rate) : read_all_clocks<no_counter, Os>({}, by());
  if (compared_) {
    clock_events found = classify(before_, now, known_);
    if (!slew_known_) found.remove(clock_change::slew); // the first time there is nothing to compare it with
    known_.slew_ppm = found.slew_ppm, slew_known_ = true;
    report_.steps += found.has(clock_change::step), report_.slews += found.has(clock_change::slew);
    report_.suspends += found.has(clock_change::suspend), report_.disagreements += found.has(clock_change::disagreement);
    if (found.has(clock_change::suspend)) report_.slept += found.slept;
    if (found.any()) report_.last_event = found;
  }
  // The clock's rate is against MONOTONIC; RAW seconds are what the slew makes them.
  known_.rate = by_counter && slew_known_ ? tick_rate(frequency(rate.hertz() * (1 + known_.slew_ppm * 1e-6))) : tick_rate();
  before_ = now, compared_ = true;
}

template <class Clock, class Os> void keeper_looks<Clock, Os>::calibrate() noexcept {
  if (rest_ > 0) {
    --rest_;
    return;
  }
  std::error_code ec;
#if TAKT_EXCEPTIONS
  try {
    static_cast<void>(Clock::calibrate(keeper_rule::calibration_budget, ec, period_));
  } catch (const std::bad_alloc&) {
    ec = detail::errno_code(ENOMEM);
  }
#else
  static_cast<void>(Clock::calibrate(keeper_rule::calibration_budget, ec, period_));
#endif
  if (!ec) {
    ++report_.calibrations, next_rest_ = 1;
    return;
  }
  report_.last_error = ec;
  rest_ = next_rest_;
  if (next_rest_ < keeper_rule::longest_rest) next_rest_ *= 2;
}

template <class Clock, class Os> void keeper_looks<Clock, Os>::look(bool told) noexcept {
  ++report_.looks;
  report_.told += told;
  std::error_code ec;
  const discipline_report found = Clock::discipline(period_, ec);
  compare(ec ? tick_rate() : found.rate);
  if (ec) {
    ++report_.failed, report_.last_error = ec;
    if (ec != std::errc::resource_unavailable_try_again) calibrate();
    return;
  }
  report_.last = found;
  if (found.events.has(clock_change::counter_jump)) {
    ++report_.anchored_anew, report_.last_event = found.events;
  } else {
    if (found.offset > report_.most_ahead) report_.most_ahead = found.offset;
    if (-found.offset > report_.most_behind) report_.most_behind = -found.offset;
  }
  if (found.offset < std::chrono::nanoseconds::zero()) ++report_.corrected_forward;
  if (found.works_off > std::chrono::nanoseconds::zero()) ++report_.worked_off;
}

/// Keeps `Clock` right as long as it lives.
template <class Clock, class Os> class clock_keeper {
public:
  /// Effects: starts the thread, which takes no signal that is meant for the program's. Its first look is at once.
  /// Errors: EINVAL for a period below keeper_rule::least_period; what timerfd_create, pthread_create and pthread_atfork
  /// report. Then the keeper keeps nothing.
  clock_keeper(std::chrono::nanoseconds period, std::error_code& ec) : looks_(period) { start(period, ec); }
#if TAKT_EXCEPTIONS
  explicit clock_keeper(std::chrono::nanoseconds period) : looks_(period) {
    detail::or_throw([&](std::error_code& ec) { start(period, ec); },
                     [] { return "takt::clock_keeper: no thread or timer; keep the clock by tsc_clock::discipline()"; });
  }
#endif
  clock_keeper(const clock_keeper&) = delete;
  clock_keeper& operator=(const clock_keeper&) = delete;
  /// Effects: ends the thread; waits for the look it is at.
  ~clock_keeper() {
    if (!started_ || inert()) return; // in a forked child: it stayed with the parent
    stop_.store(true); // sequentially consistent, and so before the thread asks, or after it armed
    wake();
    Os::thread_join(thread_);
  }

  /// Returns: what was seen so far.
  [[nodiscard]] keeper_report report() const {
    if (inert()) return looks_.report(); // whoever held the mutex may have stayed with the parent
    const std::lock_guard<std::mutex> lock(mutex_);
    keeper_report r = looks_.report();
    r.ended = ended_;
    return r;
  }
  /// Effects: makes the keeper look now. For who knows that something happened.
  void wake() noexcept {
    if (!inert()) timer_.wake();
  }

private:
  /// Whether this process was forked since from the one in which the thread is.
  [[nodiscard]] bool inert() const noexcept { return Os::fork_count() != forks_; }
  void start(std::chrono::nanoseconds period, std::error_code& ec);
  void run();

  mutable std::mutex mutex_; ///< of the looks, and of
  std::error_code ended_;    ///< why there are no more
  keeper_looks<Clock, Os> looks_;
  told_timer<Os> timer_;
  std::atomic<bool> stop_{false};
  unsigned forks_ = Os::fork_count();
  bool started_ = false;
  typename Os::thread thread_{}; ///< if it was started. No std::thread: its join is a cancellation point
};

template <class Clock, class Os> void clock_keeper<Clock, Os>::start(std::chrono::nanoseconds period, std::error_code& ec) {
  ec.clear();
  if (period < keeper_rule::least_period) {
    ec = detail::errno_code(EINVAL);
    return;
  }
  if (const int error = Os::count_forks(); error != 0) {
    ec = detail::errno_code(error);
    return;
  }
  forks_ = Os::fork_count();
  timer_ = told_timer<Os>(ec);
  if (ec) return;
  const auto body = [](void* keeper) -> void* { return static_cast<clock_keeper*>(keeper)->run(), nullptr; };
  const int error = Os::thread_start(thread_, body, this);
  started_ = error == 0;
  if (!started_) ec = detail::errno_code(error);
}

template <class Clock, class Os> void clock_keeper<Clock, Os>::run() {
  std::error_code ec; // of a timer that cannot be waited for: the line ends its life, and reads take the kernel's road
  for (bool told = false; !stop_.load() && !ec;) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      looks_.look(told);
    }
    timer_.arm(looks_.period(), ec, looks_.by());
    // Whoever stops the keeper has armed the timer after this, or else is seen here.
    if (stop_.load()) break;
    for (timer_news news = timer_news::none; news == timer_news::none && !ec; told = news == timer_news::clock_set) {
      if (timer_.wait(std::chrono::nanoseconds::max(), ec)) news = timer_.take(ec);
    }
  }
  if (!ec) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_ = ec;
}

} // namespace takt::inline TAKT_ABI
