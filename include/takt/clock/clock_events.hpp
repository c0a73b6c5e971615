/// clock_events.hpp - what happened to the clocks between two looks at them.
///
/// Linux keeps four clocks that tell on each other. CLOCK_REALTIME is CLOCK_MONOTONIC plus an offset that only a step
/// changes; CLOCK_BOOTTIME is CLOCK_MONOTONIC plus the time slept; CLOCK_MONOTONIC_RAW is what CLOCK_MONOTONIC would show
/// if nobody steered it. The counter is compared with RAW, or with MONOTONIC where there is no RAW.
///
/// The judgement is a pure function of two sets of readings. What was not read is not judged.
///
/// Does not promise: to see what happened and was undone between the two looks; to tell a step from an equally large leap
/// second; to know who is right when counter and kernel disagree.
/// Sources: Linux 6.12 kernel/time/timekeeping.c (timekeeping_inject_sleeptime64, do_settimeofday64, timekeeping_adjust);
/// clock_gettime(2), adjtimex(2), adjtime(3).
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

/// All clocks as of one moment, give or take `half_width`.
struct clock_readings {
  ticks counter;
  std::optional<std::chrono::nanoseconds> monotonic, raw, boottime, realtime;
  std::chrono::nanoseconds half_width{};
  std::optional<std::chrono::nanoseconds> tai{};
};

/// In place of a counter that may not be read: the kernel's clocks are compared with each other alone.
struct no_counter {
  using family = no_counter;
  [[nodiscard]] static ticks read() noexcept { return ticks(); }
};

enum class clock_change : std::uint8_t {
  step,         ///< CLOCK_REALTIME was set
  slew,         ///< CLOCK_MONOTONIC has run at another rate than before
  suspend,      ///< the machine slept
  counter_jump, ///< the counter leapt, was reset or ran while the machine slept; or its rate is quite another
  disagreement, ///< counter and kernel kept rates that are further apart than crystals and NTP explain
};
[[nodiscard]] constexpr std::string_view name(clock_change e) noexcept;

/// What was known before: the counter's rate against RAW (or MONOTONIC, where RAW is not read) and how much faster
/// MONOTONIC ran than RAW.
struct clock_expectations {
  tick_rate rate;
  double slew_ppm = 0;
};

/// What happened, and how much of it. The amounts are there whether or not they are enough for an event.
struct clock_events {
  std::uint8_t bits = 0;
  std::chrono::nanoseconds step{};         ///< of CLOCK_REALTIME against MONOTONIC, less what it slept; positive: set forward
  std::chrono::nanoseconds slept{};        ///< BOOTTIME against MONOTONIC
  std::chrono::nanoseconds counter_jump{}; ///< the counter against the kernel; positive: the counter is ahead
  double slew_ppm = 0;                     ///< MONOTONIC against RAW
  double disagreement_ppm = 0;             ///< the counter against the kernel

  [[nodiscard]] constexpr bool has(clock_change e) const noexcept { return (bits >> static_cast<int>(e) & 1) != 0; }
  [[nodiscard]] constexpr bool any() const noexcept { return bits != 0; }
  constexpr void add(clock_change e) noexcept { bits = static_cast<std::uint8_t>(bits | 1 << static_cast<int>(e)); }
  constexpr void remove(clock_change e) noexcept { bits = static_cast<std::uint8_t>(bits & ~(1 << static_cast<int>(e))); }
};

namespace clock_event_rule {
/// What a step, a sleep or a jump has to exceed, besides what the readings leave open.
inline constexpr std::chrono::nanoseconds least = std::chrono::microseconds(1);
/// A rate of MONOTONIC that differs by more than this from what was known is a slew; NTP's polling causes less.
inline constexpr double slew_ppm = 5;
/// NTP may steer by 500 ppm and adjtime(3) by as much again: a counter further off than both did not count.
inline constexpr double jump_ppm = 1000;
/// A set of readings that is wider than this tells nothing; a counter that went backwards meanwhile makes it centuries.
inline constexpr std::chrono::nanoseconds widest_set = std::chrono::hours(1);
/// Against RAW nothing is steered: the counter is off by what its calibration was, or both are different crystals, which
/// wander by less than this in a day.
inline constexpr double disagreement_ppm = 20;
} // namespace clock_event_rule

template <class = when_called>
[[nodiscard]] constexpr clock_events classify(const clock_readings& before, const clock_readings& after,
                                              const clock_expectations& known) noexcept;
template <class Counter = ordered_counter, class Os = linux_os>
[[nodiscard]] clock_readings read_all_clocks(tick_rate rate, access road = access::vdso) noexcept;

// definitions

constexpr std::string_view name(clock_change e) noexcept {
  switch (e) {
  case clock_change::step: return "step";
  case clock_change::slew: return "slew";
  case clock_change::suspend: return "suspend";
  case clock_change::counter_jump: return "counter jump";
  case clock_change::disagreement: return "disagreement";
  }
  return "unknown";
}

/// Returns: what happened between the two looks. Precondition: `before` was taken before `after`.
/// The counter is judged only if known.rate is.
template <class> constexpr clock_events classify(const clock_readings& before, const clock_readings& after,
                                const clock_expectations& known) noexcept {
  using namespace clock_event_rule;
  using std::chrono::nanoseconds;
  clock_events found;
  // Two readings of either look: each is off by its half width.
  const nanoseconds open = 2 * (before.half_width + after.half_width);
  const auto passed = [](const auto& from, const auto& to) -> std::optional<nanoseconds> {
    if (!from || !to) return {};
    return *to - *from;
  };
  const auto exceeds = [&](nanoseconds amount) { return amount > open + least || amount < -(open + least); };

  const auto monotonic = passed(before.monotonic, after.monotonic);
  const auto raw = passed(before.raw, after.raw);
  if (const auto boot = passed(before.boottime, after.boottime); boot && monotonic) {
    found.slept = *boot - *monotonic;
    if (exceeds(found.slept)) found.add(clock_change::suspend);
  }
  if (const auto real = passed(before.realtime, after.realtime); real && monotonic) {
    found.step = *real - *monotonic;
    if (found.has(clock_change::suspend)) found.step -= found.slept; // through which REALTIME went on
    if (exceeds(found.step)) found.add(clock_change::step);
  }
  if (monotonic && raw && *raw > nanoseconds::zero()) {
    const auto length = static_cast<double>(raw->count());
    found.slew_ppm = static_cast<double>((*monotonic - *raw).count()) / length * 1e6;
    const double unsure = static_cast<double>(open.count()) / length * 1e6;
    const double change = found.slew_ppm - known.slew_ppm;
    if ((change < 0 ? -change : change) > slew_ppm + unsure) found.add(clock_change::slew);
  }
  const auto kernel = raw ? raw : monotonic;
  if (known.rate.known() && kernel) {
    const double counted = static_cast<double>((after.counter - before.counter).signed_count()) / known.rate.hertz() * 1e9;
    const auto length = static_cast<double>(kernel->count());
    const double off = counted - length;
    found.counter_jump = saturating_cast<nanoseconds>(std::chrono::duration<double, std::nano>(off));
    if (length > 0) found.disagreement_ppm = off / length * 1e6;
    const double longer = counted > length ? counted : length;
    const auto unsure = static_cast<double>((open + least).count());
    if (counted < 0 || length < 0 || (off < 0 ? -off : off) > longer * jump_ppm * 1e-6 + unsure) {
      found.add(clock_change::counter_jump);
    } else if (raw && (off < 0 ? -off : off) > length * disagreement_ppm * 1e-6 + unsure) {
      found.add(clock_change::disagreement);
    }
  }
  return found;
}

/// Returns: all clocks, read between two reads of the counter, the narrowest of three tries. The half width is what counter
/// and MONOTONIC took, whichever is more: a counter that jumps cannot make it look narrow, nor a clock that shows the same
/// for milliseconds (jiffies). Where the counter's rate is not known MONOTONIC alone says it. Costs some 20 reads by the
/// vDSO. `road`: by what the kernel's clocks are read; access::syscall for a thread that may not read the counter.
template <class Counter, class Os> clock_readings read_all_clocks(tick_rate rate, access road) noexcept {
  using clock_event_rule::widest_set;
  using std::chrono::nanoseconds;
  const auto read = [&]<clockid_t Id>() -> nanoseconds {
    if (road == access::syscall) return posix_clock<Id, access::syscall, Os>::now().time_since_epoch();
    return posix_clock<Id, access::vdso, Os>::now().time_since_epoch();
  };
  clock_readings best;
  std::uint64_t narrowest = ~std::uint64_t{0};
  for (int again = 0; again < 3; ++again) {
    clock_readings r;
    const ticks begin = Counter::read();
    r.monotonic = read.template operator()<CLOCK_MONOTONIC>();
    r.raw = read.template operator()<CLOCK_MONOTONIC_RAW>();
    r.boottime = read.template operator()<CLOCK_BOOTTIME>();
    r.realtime = read.template operator()<CLOCK_REALTIME>();
    r.tai = read.template operator()<CLOCK_TAI>();
    const nanoseconds by_monotonic = read.template operator()<CLOCK_MONOTONIC>() - *r.monotonic;
    const ticks width = Counter::read() - begin;
    const nanoseconds by_counter = rate.to<nanoseconds>(width); // zero for an unknown rate
    const nanoseconds longer = by_counter > by_monotonic ? by_counter : by_monotonic;
    const nanoseconds whole = longer < widest_set ? longer : widest_set;
    const bool told_by_ticks = !rate.known() && width != ticks();
    const std::uint64_t size = told_by_ticks ? width.count() : static_cast<std::uint64_t>(whole.count());
    if (size >= narrowest) continue;
    narrowest = size;
    r.counter = begin + ticks(width.count() / 2);
    r.half_width = whole / 2 + nanoseconds(1);
    best = r;
  }
  return best;
}

} // namespace takt::inline TAKT_ABI
