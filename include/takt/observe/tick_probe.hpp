/// tick_probe.hpp - the period of the tick of this CPU, measured in user space without any privilege.
///
/// A thread that does nothing but read the counter sees each interrupt as a gap between two readings. record() is
/// the loop that records the gaps; find() is a pure function of them that finds the period and phase that most of them
/// share, and the probability of a wrong answer:
///   const auto gaps = takt::tick_probe::record(1s, calibration.rate());
///   const auto tick = takt::tick_probe::find(gaps, 1s);
///
/// That probability: under the hypothesis that gaps come at any time, the number of periods in which a gap falls into
/// the narrow slot of the found phase is binomial. `chance` bounds the probability that any of the periods and phases
/// that were tried is as good (Chernoff's bound times the number of tries).
///
/// Does not promise: to find a tick that the kernel has stopped (nohz_full with one runnable thread); to distinguish
/// the interrupts of the host from those of a guest.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/detail/build_limits.hpp>
#include <takt/observe/detail/chance.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail {
template <class T> class basic_tick_probe;
} // namespace detail
/// Measures the tick of this CPU. It is a template so that only translation units that use it compile it.
using tick_probe = detail::basic_tick_probe<detail::for_callers>;

// definitions

namespace detail { // in the reference: basic_tick_probe as tick_probe

/// Measures the tick of this CPU.
template <class T> class basic_tick_probe {
public:
  /// A stretch of time in which the counter was not read.
  struct gap {
    std::chrono::nanoseconds at{};     ///< when the gap ended, since the recording began
    std::chrono::nanoseconds length{}; ///< for how long the counter was not read
  };

  /// The period and the phase of a tick, and how certain they are.
  struct estimate {
    std::chrono::duration<double, std::nano> period{}; ///< the period, fitted over the whole recording
    std::chrono::nanoseconds phase{};   ///< ticks come at phase + k * period, 0 <= phase < period
    std::uint64_t hertz = 0;            ///< the kernel's HZ, in Hz, that fits the period
    std::uint64_t periods = 0;          ///< the number of periods that the recording spans
    std::uint64_t seen = 0;             ///< the number of periods in which a gap came at this phase
    double chance = 1;                  ///< upper bound of the probability that gaps without a period are like this
  };

  /// Returns: the tick in `gaps`, which are in order; nullopt if no period stands out with a chance below
  /// `false_alarm`. `length` is the time that the recording took. The periods of the HZ that kernels are built with are
  /// tried, from 24 to 1200 Hz; the recording should span some fifty periods. Pure; allocates; time n log n for each of
  /// 15 periods.
  [[nodiscard]] static std::optional<estimate> find(const std::vector<gap>& gaps, std::chrono::nanoseconds length,
                                                    double false_alarm = 1e-6);

  /// Effects: reads the counter for `length` without a pause, so the thread keeps its CPU busy and returns only then.
  /// It should be pinned to that CPU. Allocates for `limit` gaps before the recording begins, not while it records.
  /// Returns: the gaps that are at least `shortest` long, in order, at times since the recording began. The recording
  /// ends early after `limit` gaps. No gaps for a rate that is not known.
  template <class Counter = bare_counter>
  [[nodiscard]] static std::vector<gap> record(std::chrono::nanoseconds length, tick_rate rate,
                                               std::chrono::nanoseconds shortest = std::chrono::nanoseconds(500),
                                               std::size_t limit = 100'000);

private:
  using nanoseconds = std::chrono::nanoseconds;
  /// On a quiet machine a tick is late by less than this. It must be a small share of each period that is tried.
  static constexpr nanoseconds slot = std::chrono::microseconds(40);
  static constexpr std::uint64_t min_periods = 8; ///< a recording must span so many periods

  struct place {
    nanoseconds phase{};
    std::uint64_t period = 0; ///< the number of the period
    nanoseconds at{};
  };

  /// Finds the phase of `period` at which most periods have a gap.
  static estimate with_period(const std::vector<gap>& gaps, nanoseconds length, nanoseconds period) {
    estimate best;
    best.period = period;
    best.periods = static_cast<std::uint64_t>(length / period);
    if (best.periods < min_periods) return best;
    std::vector<place> places;
    places.reserve(gaps.size() + gaps.size() / 8);
    for (const gap& g : gaps) {
      const nanoseconds begin = g.at - g.length; // when the interrupt came
      if (begin.count() < 0 || begin >= period * static_cast<std::int64_t>(best.periods)) continue;
      const auto k = static_cast<std::uint64_t>(begin / period);
      places.push_back({begin % period, k, begin});
    }
    std::sort(places.begin(), places.end(), [](const place& a, const place& b) { return a.phase < b.phase; });
    const std::size_t n = places.size();
    if (n == 0) return best;
    // The period is a circle: the gaps of the first slot come again at its end, in the period before.
    for (std::size_t i = 0; i < n && places[i].phase < slot; ++i)
      places.push_back({places[i].phase + period, places[i].period - 1, places[i].at});

    std::vector<dependent<T, std::uint32_t>> held(best.periods + 1); // gaps of each period in the slot; last: period -1
    const auto held_of = [&](std::uint64_t k) -> std::uint32_t& { return held[k < best.periods ? k : best.periods]; };
    std::uint64_t seen = 0;
    std::size_t end = 0, from = 0, to = 0;
    for (std::size_t i = 0; i < n; ++i) {
      for (; end < places.size() && places[end].phase < places[i].phase + slot; ++end)
        seen += held_of(places[end].period)++ == 0 ? 1U : 0U;
      if (seen > best.seen) best.seen = seen, from = i, to = end;
      seen -= --held_of(places[i].period) == 0 ? 1U : 0U;
    }
    fit(best, places, from, to);
    best.seen = best.seen < best.periods ? best.seen : best.periods;

    // A gap at any time falls into a given slot of a given period with at most this probability. The slot begins at a
    // gap, which therefore does not count.
    const double in_slot = static_cast<double>(gaps.size()) * static_cast<double>(slot.count()) /
                           static_cast<double>(length.count());
    const double trials = static_cast<double>(best.periods - 1), hits = static_cast<double>(best.seen) - 1;
    if (hits <= trials * in_slot) return best;
    const double bound = chernoff_bound<T>(hits, trials, in_slot) * static_cast<double>(n) *
                         static_cast<double>(std::size(detail::usual_hz));
    best.chance = bound < 1 ? bound : 1;
    return best;
  }
  /// Fits a line to the times of the gaps in the slot.
  static void fit(estimate& e, const std::vector<place>& places, std::size_t from, std::size_t to) {
    double n = 0, sum_k = 0, sum_t = 0, sum_kk = 0, sum_kt = 0;
    for (std::size_t i = from; i < to; ++i) {
      const auto k = static_cast<double>(static_cast<std::int64_t>(places[i].period));
      const auto t = static_cast<double>(places[i].at.count()) - k * e.period.count();
      n += 1, sum_k += k, sum_t += t, sum_kk += k * k, sum_kt += k * t;
    }
    const double spread = n * sum_kk - sum_k * sum_k;
    if (n < 2 || spread <= 0) return;
    const double slope = (n * sum_kt - sum_k * sum_t) / spread;
    const double origin = (sum_t - slope * sum_k) / n;
    const double period = e.period.count() + slope;
    e.period = std::chrono::duration<double, std::nano>(period);
    e.phase = nanoseconds(static_cast<std::int64_t>(origin - std::floor(origin / period) * period));
  }

  /// A multiple of the period has a gap in each of its periods too, and a fraction in every second one or fewer.
  static bool better(const estimate& a, const estimate& b) noexcept {
    if (a.chance < b.chance || b.chance < a.chance) return a.chance < b.chance;
    return share(a) > share(b) * 1.5 || (share(a) * 1.5 > share(b) && a.period < b.period);
  }
  static double share(const estimate& e) noexcept {
    return static_cast<double>(e.seen) / static_cast<double>(e.periods);
  }
};

template <class T>
auto basic_tick_probe<T>::find(const std::vector<gap>& gaps, std::chrono::nanoseconds length, double false_alarm)
    -> std::optional<estimate> {
  std::optional<estimate> best;
  if (gaps.empty() || length.count() <= 0) return std::nullopt;
  for (const int hz : detail::usual_hz) {
    estimate e = with_period(gaps, length, tick_of(hz));
    e.hertz = static_cast<std::uint64_t>(hz);
    if (e.chance < false_alarm && (!best || better(e, *best))) best = e;
  }
  return best;
}

template <class T>
template <class Counter>
auto basic_tick_probe<T>::record(std::chrono::nanoseconds length, tick_rate rate, std::chrono::nanoseconds shortest,
                                 std::size_t limit) -> std::vector<gap> {
  std::vector<gap> gaps;
  if (!rate.known()) return gaps;
  gaps.reserve(limit);
  const std::uint64_t whole = rate.from(length).count(), wanted = rate.from(shortest).count();
  const tick_point begin = Counter::read();
  for (std::uint64_t before = 0; before < whole && gaps.size() < limit;) {
    const auto now = (Counter::read() - begin).count();
    if (now - before >= wanted && now >= before)
      gaps.push_back({rate.to<std::chrono::nanoseconds>(ticks(now)),
                      rate.to<std::chrono::nanoseconds>(ticks(now - before))});
    before = now;
  }
  return gaps;
}

} // namespace detail
} // namespace takt::inline TAKT_ABI
