/// timer_clocks.hpp - the clock of a timer, the length of a jiffy, and the timers that the kernel starts for itself.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/detail/build_limits.hpp>
#include <takt/observe/timer_usage.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// Returns: whether `name` is the handler of the tick; older kernels call it tick_sched_timer.
[[nodiscard]] constexpr bool is_tick_function(std::string_view name) noexcept {
  return name == "tick_nohz_handler" || name == "tick_sched_timer";
}
/// Returns: whether the kernel starts timers of this function for itself, in whatever thread happens to run.
[[nodiscard]] constexpr bool is_kernel_function(std::string_view name) noexcept {
  constexpr std::string_view names[] = {
      "dl_task_timer",         "inactive_task_timer",    "sched_rt_period_timer", "sched_cfs_period_timer",
      "sched_cfs_slack_timer", "hrtick",                 "watchdog_timer_fn",     "perf_mux_hrtimer_handler",
      "perf_swevent_hrtimer",  "delayed_work_timer_fn",  "delayacct_timer",       "bdi_sync_supers",
      "mce_timer_fn",          "clocksource_watchdog",   "kvm_apic_timer_fn",     "apic_timer_fn",
      "apic_timer_expired",    "dev_watchdog",           "mix_interrupt_randomness"};
  for (const std::string_view n : names)
    if (n == name) return true;
  return false;
}

/// The offsets of the kernel's clocks from the recorder's.
class timer_clocks {
  using nanoseconds = std::chrono::nanoseconds;
  using clock = timer_types::clock;

public:
  /// Returns: the clock of a timer that expired at `now` on its own clock and at `time` on the recorder's. `known` is
  /// the clock of its hrtimer_setup. `monotonic` is true for the tick, whose clock is MONOTONIC. Effects: keeps the
  /// offset.
  clock expired(nanoseconds now, nanoseconds time, clock known, bool monotonic) noexcept {
    const nanoseconds offset = saturating_subtract(now, time);
    if (monotonic) known = clock::monotonic;
    if (known == clock::unknown) known = guess(offset);
    if (known != clock::unknown) {
      offsets_[index(known)] = offset;
      known_ |= 1U << index(known);
    }
    return known;
  }
  /// Returns: the time on `c` minus that on the recorder's clock; nullopt while unknown.
  [[nodiscard]] std::optional<nanoseconds> offset(clock c) const noexcept {
    return has(c) ? std::optional(offsets_[index(c)]) : std::nullopt;
  }

private:
  /// The offsets of one clock scatter by less than this: the kernel takes the time of an event some microseconds after
  /// `now`.
  static constexpr nanoseconds near = std::chrono::milliseconds(20);
  /// TAI is ahead of REALTIME by whole seconds, 37 since 2017; other offsets between the two are not TAI.
  static constexpr nanoseconds tai_min = std::chrono::seconds(10), tai_max = std::chrono::seconds(60);
  /// No machine has an uptime of ten years, so a clock that is farther ahead of MONOTONIC counts from 1970.
  static constexpr nanoseconds date = std::chrono::hours(24 * 3650);

  static constexpr unsigned index(clock c) noexcept { return static_cast<unsigned>(c); }
  [[nodiscard]] bool has(clock c) const noexcept { return (known_ >> index(c) & 1) != 0; }
  [[nodiscard]] bool at(clock c, nanoseconds offset) const noexcept {
    const nanoseconds d = saturating_subtract(offset, offsets_[index(c)]);
    return has(c) && d < near && d > -near;
  }
  [[nodiscard]] clock guess(nanoseconds offset) const noexcept {
    for (const clock c : {clock::monotonic, clock::realtime, clock::tai, clock::boottime})
      if (at(c, offset)) return c;
    const nanoseconds monotonic = has(clock::monotonic) ? offsets_[index(clock::monotonic)] : nanoseconds();
    const nanoseconds ahead = saturating_subtract(offset, monotonic);
    if (ahead > date) {
      if (!has(clock::realtime)) return clock::realtime;
      const nanoseconds more = saturating_subtract(offset, offsets_[index(clock::realtime)]);
      return more >= tai_min && more <= tai_max ? clock::tai : clock::realtime;
    }
    // Without a known offset the recorder's clock may be MONOTONIC itself, or one that the events do not identify.
    if (ahead < near && ahead > -near) return clock::monotonic;
    return has(clock::monotonic) && ahead > near ? clock::boottime : clock::unknown;
  }

  nanoseconds offsets_[7]{};
  unsigned known_ = 0;
};

/// The length of a jiffy, given or derived from pairs of jiffies and time.
class jiffy_length {
  using nanoseconds = std::chrono::nanoseconds;

public:
  explicit jiffy_length(nanoseconds given) noexcept : length_(given), given_(given.count() > 0) {}

  /// Effects: takes a pair: the kernel's jiffies counter was `jiffies` at `time`.
  void add(std::int64_t jiffies, nanoseconds time) noexcept {
    if (given_) return;
    if (!begun_ || jiffies < first_) {
      begun_ = true, first_ = jiffies, at_ = time;
      return;
    }
    const auto passed = static_cast<std::uint64_t>(jiffies) - static_cast<std::uint64_t>(first_);
    const nanoseconds length = saturating_subtract(time, at_);
    if (passed < enough || passed > 1'000'000'000 || length.count() <= 0) return;
    const double one = static_cast<double>(length.count()) / static_cast<double>(passed);
    length_ = usual_tick(nanoseconds(static_cast<std::int64_t>(one + 0.5)), 1.0 / enough);
  }
  /// Returns: the length of a jiffy; zero while unknown.
  [[nodiscard]] nanoseconds length() const noexcept { return length_; }
  /// Returns: `jiffies` times the length of a jiffy; saturates.
  [[nodiscard]] nanoseconds time(std::int64_t jiffies) const noexcept {
    std::int64_t ns = 0;
    if (!__builtin_mul_overflow(jiffies, length_.count(), &ns)) return nanoseconds(ns);
    return jiffies < 0 ? nanoseconds::min() : nanoseconds::max();
  }

private:
  static constexpr std::uint64_t enough = 50; ///< jiffies that must pass first: a tick may be a jiffy late, 2 % of them

  nanoseconds length_{}, at_{};
  std::int64_t first_ = 0;
  bool given_ = false, begun_ = false;
};

} // namespace takt::inline TAKT_ABI::detail
