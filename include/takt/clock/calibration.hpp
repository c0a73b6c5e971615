/// calibration.hpp - measures how fast the processor's counter runs against a clock of the kernel.
///
/// The result is the mean rate over the window in which it was measured, with an uncertainty that is calculated to
/// cover the truth in all but one of 10 000 runs. detail/rate_estimate.hpp says how it is calculated from the readings,
/// and what breaks it.
///
/// Does not promise: anything about later. NTP may change the rate of CLOCK_MONOTONIC by 500 ppm at any moment; the
/// time line of tsc_clock is kept on it by discipline(), not by a better calibration.
/// Does not promise: the uncertainty in unoptimised code with a budget below 1 ms, where the position of the reading in
/// its bracket may drift through the whole window: in a guest 2 in 100 of those at -O0 missed what they state.
///
/// While the kernel is steering its clock it switches, once a tick, between two neighbouring multipliers whose mean is
/// the rate it wants. A window of a few ticks then sees a rate that is off by up to one unit of the multiplier, 0.06
/// ppm for each GHz of the counter, or twice that. The uncertainty includes this error. More samples in the same window
/// do not reduce it.
///
/// Sources: Linux 6.12 kernel/time/timekeeping.c, timekeeping_adjust; kernel/time/clocksource.c, clocks_calc_mult_shift
/// (600 s of counting must fit into 64 bits, so the shift is 23 or 24); adjtimex(2).
#pragma once
#include <takt/clock/detail/rate_estimate.hpp>
#include <takt/clock/detail/rounded_text.hpp>
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

class tsc_calibration;
/// Returns: the calibration as a line for people, in MHz, ppm and the time it took.
[[nodiscard]] std::string to_string(const tsc_calibration& c);

/// The limits by which calibrate() stops. It stops when the budget is spent, or before that at target_ppm.
namespace detail::calibration_parameters {
/// The window begins and ends with a burst, which is a series of readings without a pause. This is its minimum length.
inline constexpr std::size_t min_readings = 4 * detail::min_narrow_samples;
/// The burst at the end has at least 1/16 of all readings, because a shorter one would weigh too little.
inline constexpr std::size_t share_of_end = 16;
/// If two consecutive readings are further apart than this, another thread or the hypervisor had the CPU in between. If
/// that happens before the first min_readings are taken, the window begins again.
inline constexpr std::chrono::nanoseconds pause = std::chrono::microseconds(20);
/// The window does not begin later than this after the first reading of all: two time slices of the scheduler.
inline constexpr std::chrono::nanoseconds latest_beginning = std::chrono::milliseconds(8);
/// The slowest and the fastest counter, in Hz. A rate outside these limits comes from damaged data. The slowest boards
/// have counters of some kHz.
inline constexpr double min_hertz = 1e3, max_hertz = 1e12;
/// At this uncertainty (in ppm) calibrate() stops before the budget is spent. It amounts to 3.6 us an hour, and no
/// crystal is that stable.
inline constexpr double target_ppm = 0.001;
/// The uncertainty is calculated for the first time after this much of the window, because it costs a tenth of a
/// millisecond.
inline constexpr std::chrono::nanoseconds first_check = std::chrono::milliseconds(16);
/// A longer budget counts as this one: beyond it, the steering by NTP costs more accuracy than a longer window gains.
inline constexpr std::chrono::nanoseconds longest_budget = std::chrono::seconds(10);
/// After so many consecutive readings of the same reference time, the reference is taken to stand still. A coarse clock
/// shows the same time for 10 ms, which is 300 000 readings.
inline constexpr std::uint64_t patience = std::uint64_t{1} << 22;
/// So many readings take twice longest_budget. If they do not fill the budget, the reference runs far too slowly, which
/// is reported as standing still.
inline constexpr std::uint64_t max_readings = std::uint64_t{1} << 29;
} // namespace detail::calibration_parameters

template <class Reference = posix_clock<CLOCK_MONOTONIC>, class Counter = ordered_counter, class Os = linux_os,
          class Rep, class Period>
[[nodiscard]] tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget, std::error_code& ec);
#if TAKT_EXCEPTIONS
template <class Reference = posix_clock<CLOCK_MONOTONIC>, class Counter = ordered_counter, class Os = linux_os,
          class Rep, class Period>
[[nodiscard]] tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget);
#endif

/// Prints `2596.143823 MHz +/- 0.05 ppm (measured, 5 ms)`.
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const tsc_calibration& c) {
  return out << to_string(c).c_str();
}

// definitions

/// A rate of the counter against a reference clock, and what is known about it. Without a calibration everything is
/// zero.
class tsc_calibration {
public:
  /// Where a rate comes from. Only measuring works on every machine. rate_sources.hpp reads the last seven.
  enum class origin_kind {
    none,            ///< there is no calibration
    measured,        ///< bracketed readings of the reference clock
    shared_anchor,   ///< one such reading, and an earlier one that another process of this boot published
    cpuid_crystal,   ///< CPUID leaf 0x15
    hypervisor_leaf, ///< CPUID leaf 0x40000010
    firmware,        ///< CNTFRQ_EL0
    kernel_log,      ///< the rate that the kernel measured and printed
    perf_page,       ///< the rate of sched_clock, from perf_event_open(2)
    vdso_page,       ///< the multiplier by which the vDSO reads CLOCK_MONOTONIC now
    kernel_khz,      ///< the file tsc_freq_khz, where a module offers it
    dmi,             ///< the firmware's tables: a bound, not a rate
  };

  /// calibrate() stops before its budget is spent once the uncertainty is not above this.
  static constexpr double target_ppm = detail::calibration_parameters::target_ppm;
  /// calibrate() treats a longer budget as this one.
  static constexpr std::chrono::nanoseconds longest_budget = detail::calibration_parameters::longest_budget;
  /// Where other threads take the CPU, the window of calibrate() begins at most this late.
  static constexpr std::chrono::nanoseconds latest_beginning = detail::calibration_parameters::latest_beginning;

  constexpr tsc_calibration() noexcept = default;
  constexpr tsc_calibration(const detail::rate_estimate& e, origin_kind origin,
                            std::chrono::nanoseconds spent) noexcept
      : estimate_(e), origin_(origin), spent_(spent) {}

  /// Returns: the rate of the counter against the reference clock.
  [[nodiscard]] constexpr tick_rate rate() const noexcept { return estimate_.rate; }
  /// Returns: how far the true mean rate over the window may be from rate(), in ppm. Calculated to be wrong
  /// in one run of 10 000; see the first lines of this file.
  [[nodiscard]] constexpr double uncertainty_ppm() const noexcept { return estimate_.uncertainty_ppm; }
  /// Returns: where the rate comes from; origin_kind::none if there is no calibration.
  [[nodiscard]] constexpr origin_kind origin() const noexcept { return origin_; }
  /// Returns: the number of readings from which the rate was calculated. Neighbours that were merged count as one.
  [[nodiscard]] constexpr std::size_t samples_used() const noexcept { return estimate_.used; }
  /// Returns: the number of readings with a wide bracket or of another mode (rate_estimate.hpp). Neighbours that were
  /// merged count as one.
  [[nodiscard]] constexpr std::size_t samples_rejected() const noexcept { return estimate_.rejected; }
  /// Returns: how long the calibration took, from its first reading to its last.
  [[nodiscard]] constexpr std::chrono::nanoseconds time_spent() const noexcept { return spent_; }
  /// Returns: a reading of both clocks in the middle of the window.
  [[nodiscard]] constexpr clock_point point() const noexcept { return estimate_.point; }
  /// Returns: the time over which the rate is the mean.
  [[nodiscard]] constexpr std::chrono::nanoseconds window() const noexcept { return estimate_.span; }

private:
  detail::rate_estimate estimate_;
  origin_kind origin_ = origin_kind::none;
  std::chrono::nanoseconds spent_{};
};

/// Returns: the name of an origin in words: "shared anchor".
[[nodiscard]] constexpr std::string_view to_string(tsc_calibration::origin_kind origin) noexcept {
  using enum tsc_calibration::origin_kind;
  switch (origin) {
  case none: return "none";
  case measured: return "measured";
  case shared_anchor: return "shared anchor";
  case cpuid_crystal: return "CPUID 0x15";
  case hypervisor_leaf: return "hypervisor leaf 0x40000010";
  case firmware: return "CNTFRQ_EL0";
  case kernel_log: return "kernel log";
  case perf_page: return "perf page";
  case vdso_page: return "vDSO page";
  case kernel_khz: return "tsc_freq_khz";
  case dmi: return "DMI";
  }
  return "unknown";
}

namespace detail {

/// How the kernel turns the count of a clock source into time: nanoseconds = count * value / 2^shift.
struct kernel_multiplier {
  std::uint64_t value = 0;
  unsigned shift = 0;
};

/// Returns: the multiplier of a clock source that is registered with `count` times `scale` hertz, by the kernel's own
/// arithmetic: the largest shift that leaves room for 600 s of counting. Preconditions: 0 < count < 2^31; scale is 1 or
/// 1000.
template <class = for_callers>
[[nodiscard]] constexpr kernel_multiplier multiplier_of(std::uint64_t count, std::uint64_t scale) noexcept {
  const std::uint64_t units = 1'000'000'000 / scale, max = 600 * scale * count;
  unsigned room = 32;
  for (std::uint64_t t = max >> 32; t != 0; t >>= 1) --room;
  kernel_multiplier m{0, 32};
  for (;; --m.shift) {
    m.value = ((units << m.shift) + count / 2) / count;
    if (m.value >> room == 0 || m.shift == 1) return m;
  }
}

/// The uncertainty that the kernel's steering of CLOCK_MONOTONIC, and of the clocks that follow it, adds over a window,
/// in ppm: it alternates between two multipliers while it is steering, and holds one while it is not. MONOTONIC_RAW is
/// not steered, nor is a reference that is not a clock of the kernel. A clock whose steering cannot be read counts as
/// steered.
template <class Reference, class Os> double steering_ppm(double hertz, std::chrono::nanoseconds window) noexcept {
  if constexpr (requires { Reference::id; }) {
    if constexpr (Reference::id != CLOCK_MONOTONIC_RAW) {
      timex t{};
      int state = 0;
      if (Os::read_adjtimex(t, state) == 0 && t.freq == 0 && t.offset == 0 && t.tick == 10'000) return 0;
      const double kilohertz = hertz < 1e3 ? 1 : hertz < 2e12 ? hertz * 1e-3 : 2e9;
      const double unit_ppm =
          1e6 / static_cast<double>(multiplier_of(static_cast<std::uint64_t>(kilohertz), 1000).value);
      timespec tick{0, 10'000'000};
      static_cast<void>(Os::clock_getres(CLOCK_MONOTONIC_COARSE, tick));
      // The phase swings by one unit during one tick. Over the window that turns a fitted line by at most 3/2 of the
      // swing.
      const double swing =
          1.5 * static_cast<double>(to_nanoseconds(tick).count()) / static_cast<double>(window.count());
      return unit_ppm * (swing < 1 ? swing : 1);
    }
  }
  static_cast<void>(hertz), static_cast<void>(window);
  return 0;
}

template <class Reference, class Counter> [[gnu::always_inline]] inline bracketed_reading take_sample() noexcept {
  bracketed_reading s;
  s.before = Counter::read();
  s.reference = std::chrono::duration_cast<std::chrono::nanoseconds>(Reference::now().time_since_epoch());
  s.after = Counter::read();
  return s;
}

/// A bounded number of samples, evenly spread over a window of any length: whenever the store is full, every two
/// neighbours are merged into the narrower one, and from then on twice as many readings share a place.
template <class T> class sample_store {
  using bracketed_reading = dependent<T, detail::bracketed_reading>;

public:
  static constexpr std::size_t capacity = 4096; // 100 kB; noise alone then gives a window of 1 ms an error of 0.02 ppm

  sample_store() { kept_.reserve(capacity); }
  void add(const bracketed_reading& s) {
    if (in_slot_ == 0) kept_.push_back(s);
    else if (s.after - s.before < kept_.back().after - kept_.back().before) kept_.back() = s;
    if (++in_slot_ < slot_) return;
    in_slot_ = 0;
    if (kept_.size() < capacity) return;
    for (std::size_t i = 0; i < capacity / 2; ++i) {
      const bracketed_reading &a = kept_[2 * i], &b = kept_[2 * i + 1];
      kept_[i] = b.after - b.before < a.after - a.before ? b : a;
    }
    kept_.resize(capacity / 2);
    slot_ *= 2;
  }
  void clear() noexcept { kept_.clear(), slot_ = 1, in_slot_ = 0; }
  [[nodiscard]] const std::vector<bracketed_reading>& samples() const noexcept { return kept_; }

private:
  std::vector<bracketed_reading> kept_;
  std::uint64_t slot_ = 1, in_slot_ = 0; ///< readings that make a slot, readings in the current one
};

/// Effects: takes samples until the stop rule of calibration_parameters ends the window, and sets `spent` to the time
/// since the first reading.
/// Returns: the estimate; on error an empty one.
/// Errors: those of estimate_rate(). Allocates some 150 kB.
template <class Reference, class Counter, class Os>
rate_estimate measure_rate(std::chrono::nanoseconds budget, std::chrono::nanoseconds& spent, std::error_code& ec) {
  using namespace calibration_parameters;
  sample_store<Os> store;
  bracketed_reading last = take_sample<Reference, Counter>(); // the first is cold and only marks the beginning
  const std::chrono::nanoseconds called = last.reference;
  std::chrono::nanoseconds start = called, next_check = first_check;
  std::uint64_t resting = 0;
  std::size_t in_window = 0, since_pause = 0, after_budget = 0;

  for (std::uint64_t readings = 1;; ++readings) {
    const bracketed_reading s = take_sample<Reference, Counter>();
    if (s.reference < last.reference) return ec = errc::reference_went_back, rate_estimate{};
    if ((s.before - last.after).signed_count() < 0) return ec = errc::counter_went_back, rate_estimate{};
    const std::chrono::nanoseconds step = s.reference - last.reference;
    resting = step > std::chrono::nanoseconds::zero() ? 0 : resting + 1;
    if (resting >= patience || readings >= max_readings) return ec = errc::reference_stands_still, rate_estimate{};
    last = s;
    spent = s.reference - called;
    if (step > pause && in_window < min_readings && spent < latest_beginning) {
      store.clear(), in_window = 0, start = s.reference;
      continue;
    }
    store.add(s), ++in_window;
    since_pause = step > pause ? 1 : since_pause + 1;

    if (s.reference - start >= budget) {
      // Where every reading takes longer than `pause` (an emulated clock), the readings after the budget are the burst.
      const std::size_t share = in_window / share_of_end, burst = share > min_readings ? share : min_readings;
      if (++after_budget >= burst || since_pause >= burst) break;
    } else if (s.reference - start >= next_check) {
      next_check *= 2;
      const rate_estimate e = estimate_rate(store.samples(), ec);
      if (ec == errc::too_few_samples) continue; // more will follow
      if (ec) return {};
      if (e.uncertainty_ppm + steering_ppm<Reference, Os>(e.rate.hertz(), e.span) <= target_ppm) break;
    }
  }
  rate_estimate e = estimate_rate(store.samples(), ec);
  if (ec) return {};
  e.uncertainty_ppm += steering_ppm<Reference, Os>(e.rate.hertz(), e.span);
  return e;
}

/// The body of to_string().
template <class T> std::string calibration_text(const dependent<T, tsc_calibration>& c) {
  if (!c.rate().known()) return "not calibrated";
  const double hertz = c.rate().hertz();
  dependent<T, std::string> digits =
      hertz < 9e18 ? std::to_string(static_cast<long long>(hertz + 0.5)) : "9000000000000000000";
  if (digits.size() < 7) digits.insert(0, 7 - digits.size(), '0');
  digits.insert(digits.size() - 6, 1, '.');
  const std::string_view origin = to_string(c.origin());
  return digits + " MHz +/- " + detail::short_number<T>(c.uncertainty_ppm()) + " ppm (" + std::string(origin) + ", " +
         detail::short_duration<T>(c.time_spent()) + ")";
}

} // namespace detail

template <class T> struct compiled_for_callers<tsc_calibration, T> {
  friend std::string to_string(const tsc_calibration& c) { return detail::calibration_text<T>(c); }
};
static_assert(sizeof(compiled_for_callers<tsc_calibration>) != 0);

/// Effects: reads both clocks alternately for the time `budget` and keeps this CPU busy meanwhile. It stops earlier
/// when tsc_calibration::target_ppm is reached. It takes longer when other threads take the CPU at the beginning (by
/// tsc_calibration::latest_beginning at most) or at the end (by a sixteenth, for the burst).
/// Returns: the rate of the counter against the reference; on error an empty calibration.
/// Errors: EINVAL for a budget that is not positive; counter_forbidden; the errors of estimate_rate(). A budget longer
/// than tsc_calibration::longest_budget counts as that one.
/// Cost: the CPU for the budget; allocates some 150 kB. The accuracy that 1 ms, 5 ms and 20 ms give is measured by
/// benchmarks/calibration_accuracy.
template <class Reference, class Counter, class Os, class Rep, class Period>
tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget, std::error_code& ec) {
  ec.clear();
  if (!(budget > budget.zero())) return ec = detail::errno_code(EINVAL), tsc_calibration{};
  if (bool allowed = true; Os::counter_allowed(allowed) == 0 && !allowed)
    return ec = errc::counter_forbidden, tsc_calibration{};
  const auto whole = detail::saturating_cast<std::chrono::nanoseconds>(budget);
  constexpr std::chrono::nanoseconds max = tsc_calibration::longest_budget;
  std::chrono::nanoseconds spent{};
  using measuring = typename detail::measuring_counter<Counter>::type;
  const detail::rate_estimate e = detail::measure_rate<Reference, measuring, Os>(whole < max ? whole : max, spent, ec);
  return ec ? tsc_calibration{} : tsc_calibration(e, tsc_calibration::origin_kind::measured, spent);
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
