/// periodic.hpp - the cyclic task: once at every point of a grid, without drift, and with a word on what was missed.
///
///   for (auto tick : takt::periodic(takt::grid(10ms))) control(tick);
///
///   takt::periodic beat(takt::grid(10ms), takt::overrun::report);
///   while (const auto tick = beat.wait()) control(*tick);
///
/// Every deadline is a point of the grid, calculated from the one before: nothing accumulates over any number of
/// cycles, and all who use the same grid on the same clock wake up together. The first is the first point after the
/// first wait, so that a long way there is no overrun.
///
/// Does not promise: a bound on lateness (see sleep.hpp), nor on how much there is to catch up: after a step of
/// CLOCK_REALTIME by an hour, or an hour of suspend on CLOCK_BOOTTIME, catch_up delivers all points of that hour at once
/// (cycles that last for days want skip or report); that a point is not delivered again on a clock that somebody
/// sets back: CLOCK_REALTIME is followed wherever it is set, but a step back prolongs the sleep it happens in.
/// Not to be shared between threads.
#pragma once
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/timer/grid_origin.hpp>
#include <takt/timer/kernel_clock.hpp>
#include <takt/timer/sleep.hpp>
#include <takt/timer/spin_tail.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis

/// What happens when a cycle took so long that the next deadline has passed when it is waited for.
enum class overrun {
  skip,     ///< the points that have passed are given up; sleeps until the next one
  catch_up, ///< every point is delivered, those that have passed one after the other, without sleep
  report,   ///< the latest point that has passed is delivered at once, the earlier ones are given up
};

template <sleepable_clock Clock = std::chrono::steady_clock, sleep_ender Ender = uninterrupted_t,
          class Os = linux_os>
class periodic;

/// What a periodic has seen so far.
struct periodic_counts {
  std::uint64_t cycles = 0;                ///< points delivered
  std::uint64_t overruns = 0;              ///< waits that found their deadline passed
  std::uint64_t missed = 0;                ///< points given up
  std::chrono::nanoseconds lateness{};     ///< from deadline to delivery, the sum over all cycles
  std::chrono::nanoseconds max_lateness{}; ///< and the largest
};

// definitions

template <sleepable_clock Clock, sleep_ender Ender, class Os> class periodic {
public:
  using clock = Clock;
  using time_point = std::chrono::time_point<typename Clock::time_point::clock, std::chrono::nanoseconds>;

  struct tick {
    time_point due;                    ///< the point of the grid
    std::chrono::nanoseconds lateness; ///< how long after it this tick was delivered
    std::uint64_t missed;              ///< how many points were given up between the tick before and this one
    bool overrun;                      ///< the deadline had passed before it was waited for (catch_up, report)
  };
  class iterator;

  /// Ender: what ends a wait early, and with it the range: uninterrupted, interruptible or a std::stop_token.
  explicit periodic(const grid& g, takt::overrun policy = takt::overrun::skip, Ender ender = Ender()) noexcept
      : grid_(g), policy_(policy), ender_(std::move(ender)) {}

  /// Effects: sleeps until the next deadline, or does not when it has passed (catch_up, report).
  /// Returns: the tick; nothing when the ender ended the sleep (the deadline is kept for the next call), when a stop was
  /// requested before, whatever has passed, or on error.
  /// Errors: those of sleep_until() and, the first time, of grid_origin().
  [[nodiscard]] std::optional<tick> wait(std::error_code& ec) {
    return next(ec, [&](nanoseconds due) { return detail::rest_until<Clock, Os>(due, ender_, ec); });
  }
  /// The same with a spun end.
  [[nodiscard]] std::optional<tick> wait(spin_tail<Os>& tail, std::error_code& ec) {
    return next(ec, [&](nanoseconds due) { return tail.template wait<Clock>(due, ender_, ec); });
  }
#if TAKT_EXCEPTIONS
  [[nodiscard]] std::optional<tick> wait() {
    return detail::or_throw([&](std::error_code& ec) { return wait(ec); }, detail::sleep_hint);
  }
  [[nodiscard]] std::optional<tick> wait(spin_tail<Os>& tail) {
    return detail::or_throw([&](std::error_code& ec) { return wait(tail, ec); }, detail::sleep_hint);
  }
#endif

  /// The range form: waits in begin() and in each increment, and ends when a wait returns nothing. Errors are thrown,
  /// or end it where there are no exceptions.
  [[nodiscard]] iterator begin() { return iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  [[nodiscard]] const takt::grid& grid() const noexcept { return grid_; }
  [[nodiscard]] const periodic_counts& counts() const noexcept { return counts_; }

private:
  using nanoseconds = std::chrono::nanoseconds;

  template <class Rest> std::optional<tick> next(std::error_code& ec, Rest&& rest) {
    const nanoseconds origin = grid_origin<Clock, Os>(ec);
    if (ec || detail::ended_by(ender_)) return std::nullopt;
    // From here on times are those of the grid, whose zero is the kernel's.
    const nanoseconds now = saturating_subtract(detail::now_of<Clock, Os>(), origin);
    if (now < last_) last_ = grid_.floor(now); // the first time, or the clock was set back
    nanoseconds due = grid_.next(last_);
    const bool passed = now > due;
    if (passed) {
      ++counts_.overruns;
      const nanoseconds latest = grid_.floor(now);
      if (policy_ != takt::overrun::catch_up) {
        give_up(static_cast<std::uint64_t>((latest - due) / grid_.period()));
        due = latest;
      }
      if (policy_ == takt::overrun::skip) {
        give_up(1);
        last_ = latest; // also for the next wait, should this one end early
        due = grid_.next(latest);
      }
    }
    const bool sleeps = !passed || policy_ == takt::overrun::skip;
    const time_point at(saturating_add(due, origin));
    if (sleeps && !rest(at.time_since_epoch())) return std::nullopt;
    last_ = due;
    const auto lateness = saturating_subtract(detail::now_of<Clock, Os>(), at.time_since_epoch());
    const tick result{at, lateness, missed_, passed && !sleeps};
    missed_ = 0;
    ++counts_.cycles;
    counts_.lateness = saturating_add(counts_.lateness, lateness);
    if (lateness > counts_.max_lateness) counts_.max_lateness = lateness;
    return result;
  }

  void give_up(std::uint64_t points) noexcept {
    missed_ += points;
    counts_.missed += points;
  }

  takt::grid grid_;
  takt::overrun policy_;
  [[no_unique_address]] Ender ender_;
  /// The point delivered or given up last, from the grid's zero; before the first one later than any time.
  nanoseconds last_ = nanoseconds::max();
  std::uint64_t missed_ = 0;        ///< points given up since the last tick
  periodic_counts counts_;
};

/// An input iterator; all of them share the periodic they came from.
template <sleepable_clock Clock, sleep_ender Ender, class Os> class periodic<Clock, Ender, Os>::iterator {
public:
  using iterator_concept = std::input_iterator_tag;
  using value_type = tick;
  using difference_type = std::ptrdiff_t;

  explicit iterator(periodic& of) : of_(&of) { ++*this; }

  [[nodiscard]] const tick& operator*() const noexcept { return *tick_; }
  [[nodiscard]] const tick* operator->() const noexcept { return &*tick_; }
  iterator& operator++() {
#if TAKT_EXCEPTIONS
    tick_ = of_->wait();
#else
    std::error_code ends_the_range;
    tick_ = of_->wait(ends_the_range);
#endif
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept { return !i.tick_; }

private:
  periodic* of_;
  std::optional<tick> tick_;
};

} // namespace takt::inline TAKT_ABI
