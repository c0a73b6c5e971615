/// keeper.hpp - a thread that keeps tsc_clock on the clock of the kernel, and reports what it saw.
///
///   takt::clock_keeper keeper;        // calibrates tsc_clock, and disciplines it once a second as long as it lives
///
/// Once a period, on the common grid of CLOCK_MONOTONIC, it checks all clocks and calls discipline(). It also checks at
/// once when the kernel notifies it that the system clock was set or the machine was resumed. It calibrates a clock
/// that is not calibrated, or was given up because its counter failed.
///
/// Constructing a keeper never fails. On a machine whose counter is no clock, without /proc and /sys, or in a sandbox
/// that denies threads or timers, it neither throws nor aborts: tsc_clock reads the clock of the kernel, source() says
/// so, and report() says why.
///
/// Does not promise: to be on time on a machine that is busy; a segment of the time line is valid for four periods and
/// a second, so late checks do no harm. In a forked child there is no keeper: the object is inert there, shows what was
/// seen before the fork, and may be destroyed. This holds for children of fork(3), _Fork(3) and clone(2), in any pid
/// namespace (os.hpp, count_forks()). After exec or daemon(3), construct the keeper again.
///
/// Without a thread, an event loop can call tsc_clock::discipline() once a period instead.
/// Sources: those of clock_change_timer.hpp.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/timer/clock_change_timer.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <string>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
namespace detail::keeper_parameters {
/// The period of a keeper that is given none.
inline constexpr std::chrono::nanoseconds default_period = std::chrono::seconds(1);
/// The budget for calibrating a clock that is not calibrated.
inline constexpr std::chrono::nanoseconds calibration_budget = std::chrono::milliseconds(5);
/// Failed calibrations are repeated after 1, 2, 4 ... periods. The number of periods grows up to this.
inline constexpr std::uint64_t longest_rest = 64;
/// A shorter period would keep a CPU busy with checks.
inline constexpr std::chrono::nanoseconds min_period = std::chrono::milliseconds(1);
} // namespace detail::keeper_parameters

namespace detail { // in the reference: keeper_report as clock_keeper::report_type

/// What a keeper saw and did since it began.
struct keeper_report {
  std::uint64_t checks = 0;              ///< checks so far
  std::uint64_t corrected_forward = 0;   ///< checks that found the clock behind: set right at once
  std::uint64_t slewed = 0;              ///< checks after which the clock ran slower, because it was ahead
  std::uint64_t counter_jumps = 0;       ///< checks that found that the counter had jumped
  std::uint64_t failed_checks = 0;       ///< checks after which the clock was not kept
  std::error_code first_error;           ///< why the first of the failed checks failed
  std::error_code last_error;            ///< why the last of the failed checks failed
  std::uint64_t calibrations = 0;        ///< calibrations that the keeper made
  std::uint64_t notifications = 0;       ///< times the kernel woke it: clock set, or machine resumed
  std::uint64_t steps = 0;               ///< checks that found CLOCK_REALTIME set
  std::uint64_t slews = 0;               ///< checks that found another rate of CLOCK_MONOTONIC
  std::uint64_t suspends = 0;            ///< checks that found that the machine had been suspended
  std::uint64_t disagreements = 0;       ///< checks that found counter and kernel apart by more than crystals explain
  std::chrono::nanoseconds slept{};      ///< length of all suspends together
  std::chrono::nanoseconds max_ahead{};  ///< largest offset of the clock before a correction
  std::chrono::nanoseconds max_behind{}; ///< largest offset by which it was behind, as a positive number
  clock_changes last_event;              ///< the events of the last check that found any
  discipline_report last;                ///< the last check that did not fail
  std::error_code ended;                 ///< why there are no more checks, or never were: thread, timer or period
};

} // namespace detail

/// Returns: the report as a line for people.
[[nodiscard]] std::string to_string(const detail::keeper_report& r);
namespace detail {

using takt::to_string; // for calls without the namespace: the report itself lives in detail

/// Prints `12 checks, max 35 ns ahead, 20 ns behind`, and what went wrong.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const keeper_report& r) {
  return out << to_string(r).c_str();
}

} // namespace detail

template <class Clock = tsc_clock, class Os = linux_os> class clock_keeper;

// definitions

namespace detail {

/// The checks of a keeper, one at a time. Not to be shared between threads.
template <class Clock = tsc_clock, class Os = linux_os> class keeper_checks {
public:
  /// Precondition: period > 0.
  explicit keeper_checks(std::chrono::nanoseconds period) noexcept : period_(period) {}

  /// Effects: compares all clocks, corrects `Clock`, or calibrates it if it needs that. `notified`: the kernel said
  /// that a clock was set. Costs some 20 us, a calibration keeper_parameters::calibration_budget.
  TAKT_UNWINDS void check(bool notified = false) noexcept;

  /// Returns: how long it is from now to the next point of the grid.
  [[nodiscard]] std::chrono::nanoseconds until_next() const noexcept {
    return until_next_point<Os>(period_, by());
  }
  /// Returns: the path by which the kernel's clocks may be read.
  [[nodiscard]] static access by() noexcept {
    return Clock::source() == takt::clock_path::system_call ? access::syscall : access::vdso;
  }
  [[nodiscard]] std::chrono::nanoseconds period() const noexcept { return period_; }

  /// Returns: what was seen so far.
  [[nodiscard]] const keeper_report& report() const noexcept { return report_; }

private:
  void compare(tick_rate rate) noexcept;
  [[nodiscard]] TAKT_UNWINDS bool calibrate(std::error_code& ec) noexcept;

  std::chrono::nanoseconds period_;
  keeper_report report_;
  detail::clock_readings before_;
  clock_expectations known_;
  bool compared_ = false;                  ///< `before_` holds readings
  bool slew_known_ = false;                ///< `known_` holds the slew
  std::error_code refused_;                ///< why the last calibration failed
  std::uint64_t rest_ = 0, next_rest_ = 1; ///< checks until the next calibration is tried
};

/// Effects: compares all clocks with what they showed at the last check, and counts what happened. Where the counter
/// may not be read, compares only the clocks of the kernel.
template <class Clock, class Os> void keeper_checks<Clock, Os>::compare(tick_rate rate) noexcept {
  const bool by_counter = rate.known();
  const detail::clock_readings now =
      by_counter ? read_all_clocks<typename Clock::counter, Os>(rate) : read_all_clocks<no_counter, Os>({}, by());
  if (compared_) {
    clock_changes found = classify(before_, now, known_);
    if (!slew_known_) found.remove(clock_changes::kind::slew); // the first time there is nothing to compare it with
    known_.slew_ppm = found.slew_ppm, slew_known_ = true;
    report_.steps += found.has(clock_changes::kind::step), report_.slews += found.has(clock_changes::kind::slew);
    report_.suspends += found.has(clock_changes::kind::suspend),
        report_.disagreements += found.has(clock_changes::kind::disagreement);
    if (found.has(clock_changes::kind::suspend)) report_.slept += found.slept;
    if (found.any()) report_.last_event = found;
  }
  // The clock's rate is against MONOTONIC; the slew converts it to one against RAW.
  known_.rate =
      by_counter && slew_known_ ? tick_rate(frequency(rate.hertz() * (1 + known_.slew_ppm * 1e-6))) : tick_rate();
  before_ = now, compared_ = true;
}

/// Returns: whether the clock is calibrated now; if not, `ec` says why.
template <class Clock, class Os> TAKT_UNWINDS bool keeper_checks<Clock, Os>::calibrate(std::error_code& ec) noexcept {
  if (rest_ > 0) {
    --rest_;
    ec = refused_;
    return false;
  }
  static_cast<void>(Clock::calibrate(keeper_parameters::calibration_budget, period_, ec));
  refused_ = ec;
  if (!ec) {
    ++report_.calibrations, next_rest_ = 1;
    return true;
  }
  rest_ = next_rest_;
  if (next_rest_ < keeper_parameters::longest_rest) next_rest_ *= 2;
  return false;
}

template <class Clock, class Os> TAKT_UNWINDS void keeper_checks<Clock, Os>::check(bool notified) noexcept {
  ++report_.checks;
  report_.notifications += notified;
  std::error_code ec;
  const discipline_report found = Clock::discipline(period_, ec);
  compare(ec ? tick_rate() : found.rate);
  if (ec) {
    const bool uncalibrated = ec == errc::not_calibrated;
    if (ec != std::errc::resource_unavailable_try_again) {
      std::error_code refused;
      const bool calibrated = calibrate(refused);
      if (uncalibrated && calibrated) return; // a clock that begins has not failed
      if (uncalibrated && refused) ec = refused; // the reason, and not what follows from it
    }
    if (++report_.failed_checks == 1) report_.first_error = ec;
    report_.last_error = ec;
    return;
  }
  report_.last = found;
  if (found.events.has(clock_changes::kind::counter_jump)) {
    ++report_.counter_jumps, report_.last_event = found.events;
  } else {
    if (found.offset > report_.max_ahead) report_.max_ahead = found.offset;
    if (-found.offset > report_.max_behind) report_.max_behind = -found.offset;
  }
  if (found.offset < std::chrono::nanoseconds::zero()) ++report_.corrected_forward;
  if (found.slewing_for > std::chrono::nanoseconds::zero()) ++report_.slewed;
}

} // namespace detail

/// Keeps `Clock` on the clock of the kernel as long as the keeper lives.
template <class Clock, class Os> class clock_keeper {
public:
  // in the reference: the type itself
  using report_type = detail::keeper_report; ///< what it saw and did since it began

  /// The period of a keeper that is given none.
  static constexpr std::chrono::nanoseconds default_period = detail::keeper_parameters::default_period;
  /// The shortest period that a keeper accepts.
  static constexpr std::chrono::nanoseconds min_period = detail::keeper_parameters::min_period;

  /// Effects: makes the first check, which calibrates the clock if need be (for 5 ms, in the calling thread), and
  /// starts the thread, which blocks all signals except those that a thread causes itself. Never throws: if the keeper
  /// cannot work, the report says why in `last_error` (the counter) or `ended` (the thread, its timer or the period).
  TAKT_UNWINDS explicit clock_keeper(std::chrono::nanoseconds period = default_period) noexcept : checks_(period) {
    start(period, ended_);
  }
  /// Effects: as the constructor without an error code. Errors: EINVAL for a period below min_period, and then not even
  /// the first check is made; what timerfd_create and pthread_create report; ENOMEM of count_forks(). Then the keeper
  /// makes no further checks.
  TAKT_UNWINDS clock_keeper(std::chrono::nanoseconds period, std::error_code& ec) noexcept : clock_keeper(period) {
    ec = ended_at_start();
  }
  clock_keeper(const clock_keeper&) = delete;
  clock_keeper& operator=(const clock_keeper&) = delete;
  /// Effects: ends the thread. Waits until a check that is going on has ended.
  ~clock_keeper() {
    if (!started_ || inert()) return; // in a forked child the thread stayed with the parent
    stop_.store(true); // sequentially consistent: see the comment in run()
    wake();
    Os::thread_join(thread_);
  }

  /// Returns: what was seen so far, in a forked child before the fork and without `ended`. May be called by any thread.
  /// Waits for a check that is going on, some 20 us, or 5 ms while it calibrates.
  [[nodiscard]] report_type report() const {
    if (inert()) return checks_.report(); // the thread that held the mutex may have stayed with the parent
    const std::lock_guard<std::mutex> lock(mutex_);
    report_type r = checks_.report();
    r.ended = ended_;
    return r;
  }
  /// Effects: makes the thread check now, for callers that know that something happened. Does not wait for the check;
  /// in a forked child, and without a thread, does nothing. May be called by any thread. One system call.
  void wake() noexcept {
    if (started_ && !inert()) timer_.wake();
  }

private:
  /// Returns: whether this process is a child of the one that has the thread.
  [[nodiscard]] bool inert() const noexcept { return Os::forked_since(forks_); }
  TAKT_UNWINDS void start(std::chrono::nanoseconds period, std::error_code& ec) noexcept;
  [[nodiscard]] std::error_code ended_at_start() const noexcept { return started_ ? std::error_code() : ended_; }
  TAKT_UNWINDS void run();

  mutable std::mutex mutex_; ///< guards `ended_` and `checks_`
  std::error_code ended_;    ///< why there are no more checks
  detail::keeper_checks<Clock, Os> checks_;
  clock_change_timer<Os> timer_;
  std::atomic<bool> stop_{false};
  unsigned forks_ = Os::fork_count();
  bool started_ = false;
  typename Os::thread thread_{}; ///< valid if `started_`. No std::thread: its join is a cancellation point
};

clock_keeper() -> clock_keeper<>;
clock_keeper(std::chrono::nanoseconds) -> clock_keeper<>;
clock_keeper(std::chrono::nanoseconds, std::error_code&) -> clock_keeper<>;

template <class Clock, class Os>
TAKT_UNWINDS void clock_keeper<Clock, Os>::start(std::chrono::nanoseconds period, std::error_code& ec) noexcept {
  ec.clear();
  if (period < min_period) {
    ec = detail::errno_code(EINVAL);
    return;
  }
  checks_.check();
  if (const int error = Os::count_forks(); error != 0) {
    ec = detail::errno_code(error);
    return;
  }
  forks_ = Os::fork_count();
  timer_ = clock_change_timer<Os>(ec);
  if (ec) return;
  const auto body = [](void* keeper) -> void* { return static_cast<clock_keeper*>(keeper)->run(), nullptr; };
  const int error = Os::thread_start(thread_, body, this);
  started_ = error == 0;
  if (!started_) ec = detail::errno_code(error);
}

template <class Clock, class Os> TAKT_UNWINDS void clock_keeper<Clock, Os>::run() {
  std::error_code ec; // on error the thread ends, and readers renew the segments
  while (!stop_.load() && !ec) {
    timer_.arm(checks_.period(), checks_.by(), ec);
    // The destructor sets `stop_` and then arms the timer. Either this load sees `stop_`, or the destructor's arming
    // comes after the one above and ends the wait.
    if (stop_.load()) break;
    using news = typename clock_change_timer<Os>::news;
    news found = news::none;
    while (found == news::none && !ec) {
      if (timer_.wait(std::chrono::nanoseconds::max(), ec)) found = timer_.take(ec);
    }
    if (stop_.load() || ec) break;
    const std::lock_guard<std::mutex> lock(mutex_);
    checks_.check(found == news::clock_set);
  }
  if (!ec) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  ended_ = ec;
}

namespace detail {

/// The body of to_string().
template <class T> std::string keeper_text(const dependent<T, keeper_report>& r) {
  dependent<T, std::string> text = std::to_string(r.checks) + " checks, max " + std::to_string(r.max_ahead.count()) +
                                   " ns ahead, " + std::to_string(r.max_behind.count()) + " ns behind";
  const auto add = [&](std::uint64_t n, const char* what) {
    if (n != 0) text += ", " + std::to_string(n) + what;
  };
  add(r.steps, " steps"), add(r.slews, " slews"), add(r.suspends, " suspends");
  add(r.counter_jumps, " counter jumps"), add(r.disagreements, " disagreements");
  if (r.failed_checks != 0) text += ", " + std::to_string(r.failed_checks) + " failed: " + r.last_error.message();
  if (r.ended) text += ", ended: " + r.ended.message();
  return text;
}

} // namespace detail

template <class T> struct compiled_for_callers<detail::keeper_report, T> {
  friend std::string to_string(const detail::keeper_report& r) { return detail::keeper_text<T>(r); }
};
static_assert(sizeof(compiled_for_callers<detail::keeper_report>) != 0);

} // namespace takt::inline TAKT_ABI
