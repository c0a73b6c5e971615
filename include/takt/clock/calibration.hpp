/// calibration.hpp - measures how fast the processor's counter runs against a clock of the kernel.
///
/// The result is the mean rate over the window in which it was measured, with an uncertainty that covers the truth in all
/// but one of 10 000 runs. How it comes out of the readings, and what breaks it, is told in rate_estimate.hpp.
///
/// Does not promise: anything about later. NTP may change the rate of CLOCK_MONOTONIC by 500 ppm at any moment; the time
/// line of tsc_clock is kept on it by discipline(), not by a better calibration.
///
/// While the kernel is steering its clock it switches, once a tick, between two neighbouring multipliers whose mean is the
/// rate it wants. A window of a few ticks then sees a rate that is off by up to one unit of the multiplier, 0.06 ppm for
/// each GHz of the counter, or twice that. That is stated in the uncertainty; no sampling can average it away sooner.
///
/// Sources: Linux 6.12 kernel/time/timekeeping.c, timekeeping_adjust; kernel/time/clocksource.c, clocks_calc_mult_shift
/// (600 s of counting must fit into 64 bits, so the shift is 23 or 24); adjtimex(2).
#pragma once
#include <takt/clock/rate_estimate.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/core/timespec.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

/// Where a rate comes from. Only measuring works on every machine; rate_sources.hpp asks the last five.
enum class calibration_origin {
  none,            ///< there is no calibration
  measured,        ///< bracketed readings of the reference clock
  shared_anchor,   ///< one such reading, and one that another process of this boot left
  cpuid_crystal,   ///< CPUID leaf 0x15
  hypervisor_leaf, ///< CPUID leaf 0x40000010
  firmware,        ///< CNTFRQ_EL0
  kernel_log,      ///< what the kernel printed when it had measured
  perf_page,       ///< what perf_event_open(2) tells of sched_clock
};
[[nodiscard]] constexpr std::string_view name(calibration_origin origin) noexcept;

class tsc_calibration;
template <class = when_called> [[nodiscard]] std::string to_string(const tsc_calibration& c);

/// When calibrate() stops: when the budget is spent,
namespace calibration_rule {
/// and the window ends with a burst as it began with one: so many readings without a pause,
inline constexpr std::size_t least_readings = 4 * least_narrow_samples;
/// and at least this share of all: a short end would weigh too little.
inline constexpr std::size_t share_of_end = 16;
/// A pause between two readings that is longer than this was spent by somebody else. If that happens before the first
/// least_readings are taken, the window begins anew,
inline constexpr std::chrono::nanoseconds pause = std::chrono::microseconds(20);
/// but not later than this after the first of all, the hard deadline for a beginning: two time slices of the scheduler.
inline constexpr std::chrono::nanoseconds latest_beginning = std::chrono::milliseconds(8);
/// Counters are no slower (the slowest of boards have some kHz) and no faster than this: what says otherwise is damaged.
inline constexpr double least_hertz = 1e3, most_hertz = 1e12;
/// Before the budget is spent, when the uncertainty is this small: 3.6 us an hour, less than any crystal keeps.
inline constexpr double target_ppm = 0.001;
/// No look at the uncertainty before this: looking costs a tenth of a millisecond.
inline constexpr std::chrono::nanoseconds first_look = std::chrono::milliseconds(16);
/// A longer budget counts as this much: what NTP does meanwhile then outweighs what is gained.
inline constexpr std::chrono::nanoseconds longest_budget = std::chrono::seconds(10);
/// Readings in a row that show the same reference: it stands still (a coarse clock rests for 10 ms, 300 000 readings).
inline constexpr std::uint64_t patience = std::uint64_t{1} << 22;
/// Readings that fill longest_budget twice over: the reference crawls.
inline constexpr std::uint64_t most_readings = std::uint64_t{1} << 29;
} // namespace calibration_rule

template <class Reference = posix_clock<CLOCK_MONOTONIC>, class Counter = ordered_counter, class Os = linux_os, class Rep,
          class Period>
[[nodiscard]] tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget, std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Reference = posix_clock<CLOCK_MONOTONIC>, class Counter = ordered_counter, class Os = linux_os, class Rep,
          class Period>
[[nodiscard]] tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget);
#endif

/// Prints `2596.143823 MHz +/- 0.05 ppm (measured, 5 ms)`.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const tsc_calibration& c) {
  return out << to_string(c).c_str();
}

// definitions

constexpr std::string_view name(calibration_origin origin) noexcept {
  switch (origin) {
  case calibration_origin::none: return "none";
  case calibration_origin::measured: return "measured";
  case calibration_origin::shared_anchor: return "shared anchor";
  case calibration_origin::cpuid_crystal: return "CPUID 0x15";
  case calibration_origin::hypervisor_leaf: return "hypervisor leaf 0x40000010";
  case calibration_origin::firmware: return "CNTFRQ_EL0";
  case calibration_origin::kernel_log: return "kernel log";
  case calibration_origin::perf_page: return "perf page";
  }
  return "unknown";
}

/// A rate of the counter against a reference clock, and what is known about it. Without a calibration everything is zero.
class tsc_calibration {
public:
  constexpr tsc_calibration() noexcept = default;
  constexpr tsc_calibration(const rate_estimate& e, calibration_origin origin, std::chrono::nanoseconds spent) noexcept
      : estimate_(e), origin_(origin), spent_(spent) {}

  [[nodiscard]] constexpr tick_rate rate() const noexcept { return estimate_.rate; }
  /// How far the true mean rate over the window may be from rate(), but in one run of 10 000.
  [[nodiscard]] constexpr double uncertainty_ppm() const noexcept { return estimate_.uncertainty_ppm; }
  [[nodiscard]] constexpr calibration_origin origin() const noexcept { return origin_; }
  [[nodiscard]] constexpr std::size_t samples_used() const noexcept { return estimate_.used; }
  /// Readings with a wide bracket or of another mode (rate_estimate.hpp); of neighbours only the narrowest was kept.
  [[nodiscard]] constexpr std::size_t samples_rejected() const noexcept { return estimate_.rejected; }
  [[nodiscard]] constexpr std::chrono::nanoseconds time_spent() const noexcept { return spent_; }
  /// A reading of both clocks in the middle of the window.
  [[nodiscard]] constexpr clock_point point() const noexcept { return estimate_.point; }
  [[nodiscard]] constexpr std::chrono::nanoseconds window() const noexcept { return estimate_.span; }

private:
  rate_estimate estimate_;
  calibration_origin origin_ = calibration_origin::none;
  std::chrono::nanoseconds spent_{};
};

namespace detail {

/// Nanoseconds are a count times `value` / 2^shift.
struct kernel_multiplier {
  std::uint64_t value = 0;
  unsigned shift = 0;
};

/// Returns: the multiplier of a clock source that is registered with `count` times `scale` hertz, by the kernel's own
/// arithmetic: the largest shift that leaves room for 600 s of counting. Preconditions: 0 < count < 2^31; scale is 1 or 1000.
[[nodiscard]] constexpr kernel_multiplier multiplier_of(std::uint64_t count, std::uint64_t scale) noexcept {
  const std::uint64_t units = 1'000'000'000 / scale, most = 600 * scale * count;
  unsigned room = 32;
  for (std::uint64_t t = most >> 32; t != 0; t >>= 1) --room;
  kernel_multiplier m{0, 32};
  for (;; --m.shift) {
    m.value = ((units << m.shift) + count / 2) / count;
    if (m.value >> room == 0 || m.shift == 1) return m;
  }
}

/// The uncertainty that the kernel's steering of CLOCK_MONOTONIC and its kin adds over a window, in ppm: it alternates
/// between two multipliers while it is steering, and holds one while it is not. References that are no clocks of the
/// kernel, and MONOTONIC_RAW, are not steered. What cannot be asked counts as steered.
template <class Reference, class Os> double steering_ppm(double hertz, std::chrono::nanoseconds window) noexcept {
  if constexpr (requires { Reference::id; }) {
    if constexpr (Reference::id != CLOCK_MONOTONIC_RAW) {
      timex t{};
      int state = 0;
      if (Os::read_adjtimex(t, state) == 0 && t.freq == 0 && t.offset == 0 && t.tick == 10'000) return 0;
      const double kilohertz = hertz < 1e3 ? 1 : hertz < 2e12 ? hertz * 1e-3 : 2e9;
      const double unit_ppm = 1e6 / static_cast<double>(multiplier_of(static_cast<std::uint64_t>(kilohertz), 1000).value);
      timespec tick{0, 10'000'000};
      static_cast<void>(Os::clock_getres(CLOCK_MONOTONIC_COARSE, tick));
      // The phase swings by one unit during one tick; at most that turns a line by 3/2 of it over the window.
      const double swing = 1.5 * static_cast<double>(to_nanoseconds(tick).count()) / static_cast<double>(window.count());
      return unit_ppm * (swing < 1 ? swing : 1);
    }
  }
  static_cast<void>(hertz), static_cast<void>(window);
  return 0;
}

template <class Reference, class Counter> [[gnu::always_inline]] inline clock_sample take_sample() noexcept {
  clock_sample s;
  s.before = Counter::read();
  s.reference = std::chrono::duration_cast<std::chrono::nanoseconds>(Reference::now().time_since_epoch());
  s.after = Counter::read();
  return s;
}

/// A bounded number of samples, evenly spread over a window of any length: neighbours are merged into the narrower of
/// them, two at first, four when room runs out, and so on. Sample is clock_sample: see when_called.
template <class Sample> class sample_store {
public:
  static constexpr std::size_t capacity = 4096; // 100 kB; the error of 1 ms is then 0.02 ppm by noise alone

  sample_store() { kept_.reserve(capacity); }
  void add(const Sample& s) {
    if (in_slot_ == 0) kept_.push_back(s);
    else if (s.after - s.before < kept_.back().after - kept_.back().before) kept_.back() = s;
    if (++in_slot_ < slot_) return;
    in_slot_ = 0;
    if (kept_.size() < capacity) return;
    for (std::size_t i = 0; i < capacity / 2; ++i) {
      const Sample &a = kept_[2 * i], &b = kept_[2 * i + 1];
      kept_[i] = b.after - b.before < a.after - a.before ? b : a;
    }
    kept_.resize(capacity / 2);
    slot_ *= 2;
  }
  void clear() noexcept { kept_.clear(), slot_ = 1, in_slot_ = 0; }
  [[nodiscard]] const std::vector<Sample>& samples() const noexcept { return kept_; }

private:
  std::vector<Sample> kept_;
  std::uint64_t slot_ = 1, in_slot_ = 0; ///< readings that make a slot, readings in the current one
};

/// Samples until the rule says stop. Returns: the estimate; `spent` is the time since the first reading.
template <class Reference, class Counter, class Os>
rate_estimate measure_rate(std::chrono::nanoseconds budget, std::chrono::nanoseconds& spent, std::error_code& ec) {
  using namespace calibration_rule;
  sample_store<decltype(take_sample<Reference, Counter>())> store; // of clock_sample: see when_called
  clock_sample last = take_sample<Reference, Counter>(); // the first is cold and only marks the beginning
  const std::chrono::nanoseconds called = last.reference;
  std::chrono::nanoseconds start = called, next_look = first_look;
  std::uint64_t resting = 0;
  std::size_t in_window = 0, since_pause = 0, after_budget = 0;

  for (std::uint64_t readings = 1;; ++readings) {
    const clock_sample s = take_sample<Reference, Counter>();
    if (s.reference < last.reference) return ec = errc::reference_went_back, rate_estimate{};
    if ((s.before - last.after).signed_count() < 0) return ec = errc::counter_went_back, rate_estimate{};
    const std::chrono::nanoseconds step = s.reference - last.reference;
    resting = step > std::chrono::nanoseconds::zero() ? 0 : resting + 1;
    if (resting >= patience || readings >= most_readings) return ec = errc::reference_stands_still, rate_estimate{};
    last = s;
    spent = s.reference - called;
    if (step > pause && in_window < least_readings && spent < latest_beginning) {
      store.clear(), in_window = 0, start = s.reference;
      continue;
    }
    store.add(s), ++in_window;
    since_pause = step > pause ? 1 : since_pause + 1;

    if (s.reference - start >= budget) {
      // Where every reading is a pause (an emulated clock), what comes after the budget is the burst.
      const std::size_t share = in_window / share_of_end, burst = share > least_readings ? share : least_readings;
      if (++after_budget >= burst || since_pause >= burst) break;
    } else if (s.reference - start >= next_look) {
      next_look *= 2;
      const rate_estimate e = estimate_rate(store.samples(), ec);
      if (ec == errc::too_few_samples) continue; // so far
      if (ec) return {};
      if (e.uncertainty_ppm + steering_ppm<Reference, Os>(e.rate.hertz(), e.span) <= target_ppm) break;
    }
  }
  rate_estimate e = estimate_rate(store.samples(), ec);
  if (ec) return {};
  e.uncertainty_ppm += steering_ppm<Reference, Os>(e.rate.hertz(), e.span);
  return e;
}

/// Rounds to three digits at most: "0.052", "1.3", "240".
template <class = when_called> std::string short_number(double value) {
  if (!(value < 1e15)) return "inf";
  int decimals = 0;
  for (double v = value; v < 9.95 && v > 0 && decimals < 6; v *= 10) ++decimals; // two significant digits
  double scaled = value;
  for (int i = 0; i < decimals; ++i) scaled *= 10;
  std::string digits = std::to_string(static_cast<long long>(scaled + 0.5));
  if (decimals == 0) return digits;
  const auto places = static_cast<std::size_t>(decimals);
  if (digits.size() <= places) digits.insert(0, places + 1 - digits.size(), '0');
  digits.insert(digits.size() - places, 1, '.');
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits;
}

template <class = when_called> std::string short_duration(std::chrono::nanoseconds d) {
  const auto ns = static_cast<double>(d.count());
  if (ns >= 1e9) return short_number(ns / 1e9) + " s";
  return ns >= 1e6 ? short_number(ns / 1e6) + " ms" : short_number(ns / 1e3) + " us";
}

} // namespace detail

/// Returns: the calibration as a line for people, in MHz, ppm and the time it took.
template <class> std::string to_string(const tsc_calibration& c) {
  if (!c.rate().known()) return "not calibrated";
  const double hertz = c.rate().hertz();
  std::string digits = hertz < 9e18 ? std::to_string(static_cast<long long>(hertz + 0.5)) : "9000000000000000000";
  if (digits.size() < 7) digits.insert(0, 7 - digits.size(), '0');
  digits.insert(digits.size() - 6, 1, '.');
  const std::string_view origin = name(c.origin());
  return digits + " MHz +/- " + detail::short_number(c.uncertainty_ppm()) + " ppm (" +
         std::string(origin) + ", " + detail::short_duration(c.time_spent()) + ")";
}

/// Effects: reads both clocks alternately for as long as `budget` says, keeping this CPU busy; less when
/// calibration_rule::target_ppm is reached before; a little more when other threads take the CPU
/// at the beginning (latest_beginning) or at the end (then a sixteenth for the burst).
/// Returns: the rate of the counter against the reference; on error an empty calibration.
/// Errors: EINVAL for a budget that is not positive; counter_forbidden; and what estimate_rate says of the clocks. A
/// budget of hours is one of longest_budget.
/// What 1 ms, 5 ms and 20 ms buy is in the README and measured by benchmarks/calibration_accuracy. Allocates some 150 kB.
template <class Reference, class Counter, class Os, class Rep, class Period>
tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget, std::error_code& ec) {
  ec.clear();
  if (!(budget > budget.zero())) return ec = detail::errno_code(EINVAL), tsc_calibration{};
  if (bool allowed = true; Os::counter_allowed(allowed) == 0 && !allowed)
    return ec = errc::counter_forbidden, tsc_calibration{};
  const auto whole = saturating_cast<std::chrono::nanoseconds>(budget);
  constexpr std::chrono::nanoseconds most = calibration_rule::longest_budget;
  std::chrono::nanoseconds spent{};
  using measuring = typename detail::measuring_counter<Counter>::type;
  const rate_estimate e = detail::measure_rate<Reference, measuring, Os>(whole < most ? whole : most, spent, ec);
  return ec ? tsc_calibration{} : tsc_calibration(e, calibration_origin::measured, spent);
}

#if TAKT_EXCEPTIONS
template <class Reference, class Counter, class Os, class Rep, class Period>
tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget) {
  return detail::or_throw([&](std::error_code& ec) { return calibrate<Reference, Counter, Os>(budget, ec); },
                          [] {
                            return "takt::calibrate: the counter cannot be measured against its reference clock; "
                                   "use the kernel's clock instead, or try again with another budget";
                          });
}
#endif

} // namespace takt::inline TAKT_ABI
