/// periodic.hpp - the cyclic task: once at every point of a grid, without drift, with a count of missed points.
///
///   for (auto tick : takt::periodic(takt::grid(10ms))) control(tick);
///
///   takt::periodic beat(takt::grid(10ms), takt::overrun::report);
///   while (const auto tick = beat.wait()) control(*tick);
///
/// Every deadline is a point of the grid, so no error accumulates, and all loops on the same grid of the same clock
/// wake up together. The first deadline is the first point after the first wait, so a slow start is no overrun.
///
/// Does not promise: a bound on lateness (see sleep.hpp); a bound on the points to catch up: after a step of
/// CLOCK_REALTIME by an hour, or an hour of suspend on CLOCK_BOOTTIME, catch_up delivers all points of that hour at
/// once (use skip or report for loops that run for days); that each point is delivered once on a clock that is set
/// back: periodic follows CLOCK_REALTIME, but a step back makes the current sleep longer. Not to be shared between
/// threads.
#pragma once
#include <takt/core/grid.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/sleepable_clock.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/sleep.hpp>
#include <takt/sleep/spin_tail.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis

/// What happens when a cycle took so long that the next deadline has passed before the wait for it begins.
enum class overrun {
  skip,     ///< gives up the points that have passed and sleeps until the next one
  catch_up, ///< delivers every point; those that have passed follow one another without sleep
  report,   ///< delivers the latest point that has passed at once and gives up the earlier ones
};

template <sleepable_clock Clock = std::chrono::steady_clock, stop_condition Stop = detail::uninterrupted_t,
          class Os = linux_os>
class periodic;

// definitions

template <sleepable_clock Clock, stop_condition Stop, class Os> class periodic {
public:
  using clock = Clock; ///< the clock of the grid
  using time_point = std::chrono::time_point<typename Clock::time_point::clock, std::chrono::nanoseconds>;

  /// The delivery of one point of the grid.
  struct tick {
    time_point due;                    ///< the point of the grid
    std::chrono::nanoseconds lateness; ///< time from that point to the delivery of this tick
    std::uint64_t missed;              ///< points given up between the previous tick and this one
    bool overrun;                      ///< the point had passed when the wait began (catch_up, report)
  };
  /// The counts so far.
  struct totals {
    std::uint64_t cycles = 0;                ///< points delivered
    std::uint64_t overruns = 0;              ///< waits that began after their deadline
    std::uint64_t missed = 0;                ///< points given up
    std::chrono::nanoseconds lateness{};     ///< time from deadline to delivery, summed over all cycles
    std::chrono::nanoseconds max_lateness{}; ///< longest time from deadline to delivery
  };
  class iterator;

  /// The stop condition ends a wait early, and with it the range: interruptible, a std::stop_token, or, by default,
  /// nothing.
  explicit periodic(const grid& g, takt::overrun policy = takt::overrun::skip, Stop stop = Stop()) noexcept
      : grid_(g), policy_(policy), stop_(std::move(stop)) {}

  /// Effects: sleeps until the next deadline. Under catch_up and report it does not sleep if the deadline has passed.
  /// Returns: the tick; nullopt on error, and when the stop condition ended the sleep or a stop was requested before.
  /// Then the deadline is kept for the next call.
  /// Errors: those of sleep_until() and, the first time, of grid_origin().
  [[nodiscard]] std::optional<tick> wait(std::error_code& ec) {
    return next([&](nanoseconds due) { return detail::rest_until<Clock, Os>(due, stop_, ec); }, ec);
  }
  /// Effects: as wait(ec), but spins at the end of the sleep (spin_tail.hpp).
  [[nodiscard]] std::optional<tick> wait(spin_tail<Os>& tail, std::error_code& ec) {
    return next([&](nanoseconds due) { return tail.template wait<Clock>(due, stop_, ec); }, ec);
  }
#if TAKT_EXCEPTIONS
  [[nodiscard]] std::optional<tick> wait() {
    return detail::or_throw([&](std::error_code& ec) { return wait(ec); }, detail::sleep_hint);
  }
  [[nodiscard]] std::optional<tick> wait(spin_tail<Os>& tail) {
    return detail::or_throw([&](std::error_code& ec) { return wait(tail, ec); }, detail::sleep_hint);
  }
#endif

  /// Effects: the range form, which waits in begin() and in each increment and ends when a wait returns nullopt. Errors
  /// are thrown; without exceptions they end the range.
  [[nodiscard]] iterator begin() { return iterator(*this); }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  /// Returns: the grid that it was made with.
  [[nodiscard]] const takt::grid& grid() const noexcept { return grid_; }
  /// Returns: the counts so far.
  [[nodiscard]] const totals& counts() const noexcept { return counts_; }

private:
  using nanoseconds = std::chrono::nanoseconds;

  template <class Rest> std::optional<tick> next(Rest&& rest, std::error_code& ec) {
    const nanoseconds origin = grid_origin<Clock, Os>(ec);
    if (ec || detail::stop_requested(stop_)) return std::nullopt;
    // From here on times are counted from the zero of the grid, which is the kernel's.
    const nanoseconds now = detail::saturating_subtract(detail::now_of<Clock, Os>(), origin);
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
        last_ = latest; // also holds for the next wait if this one ends early
        due = grid_.next(latest);
      }
    }
    const bool sleeps = !passed || policy_ == takt::overrun::skip;
    const time_point at(detail::saturating_add(due, origin));
    if (sleeps && !rest(at.time_since_epoch())) return std::nullopt;
    last_ = due;
    const auto lateness = detail::saturating_subtract(detail::now_of<Clock, Os>(), at.time_since_epoch());
    const tick result{at, lateness, missed_, passed && !sleeps};
    missed_ = 0;
    ++counts_.cycles;
    counts_.lateness = detail::saturating_add(counts_.lateness, lateness);
    if (lateness > counts_.max_lateness) counts_.max_lateness = lateness;
    return result;
  }

  void give_up(std::uint64_t points) noexcept {
    missed_ += points;
    counts_.missed += points;
  }

  takt::grid grid_;
  takt::overrun policy_;
  [[no_unique_address]] Stop stop_;
  /// The last point delivered or given up, counted from the zero of the grid; later than any time before the first.
  nanoseconds last_ = nanoseconds::max();
  std::uint64_t missed_ = 0;        ///< points given up since the last tick
  totals counts_;
};

/// An input iterator; all iterators of one periodic share its state.
template <sleepable_clock Clock, stop_condition Stop, class Os> class periodic<Clock, Stop, Os>::iterator {
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
