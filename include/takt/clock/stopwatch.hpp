/// stopwatch.hpp - how long a region of code takes, without what the reading of the counter adds.
///
///   takt::stopwatch watch;                     // the first stopwatch of a program measures its overhead
///   watch.start();
///   work();
///   const takt::stopwatch::lap lap = watch.stop();   // lap.elapsed() in ticks, lap.time() by tsc_clock, lap.moved()
///
/// Both ends are ordered: code before start() is not counted, and code before stop() is counted in full. The reads
/// themselves add some 20 ns to a region. This overhead is measured once, on empty regions, and subtracted.
///
/// Does not promise: that the compiler leaves calculations in the region that touch no memory (the essay in counter.hpp
/// says how to keep them); that no other thread had the CPU meanwhile; to see a thread that was moved and came back. A
/// thread that forbade itself the counter (PR_SET_TSC) gets SIGSEGV.
#pragma once
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>
#include <takt/kernel/os.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace takt::inline TAKT_ABI {

// synopsis
namespace detail {
class lap;
template <class Os = linux_os> class counter_region;
} // namespace detail
template <class Region = detail::counter_region<>> class basic_stopwatch;
/// A stopwatch that reads the hardware counter.
using stopwatch = basic_stopwatch<>;

namespace detail::stopwatch_parameters {
/// A median of the overhead is taken over this number of empty regions; almost half of them may be disturbed.
inline constexpr std::size_t regions = 101;
/// The overhead is the minimum of this number of medians, because a CPU that has just woken up needs some microseconds
/// to reach its full speed.
inline constexpr std::size_t medians = 9;
} // namespace detail::stopwatch_parameters

// definitions

namespace detail { // in the reference: lap as basic_stopwatch::lap

/// One measurement.
class lap {
public:
  /// The number of the CPU where a region does not know it.
  static constexpr unsigned unknown_cpu = ~0u;

  constexpr lap() noexcept = default;
  constexpr lap(counter_reading begin, counter_reading end, ticks overhead) noexcept
      : begin_(begin), end_(end), overhead_(overhead) {}

  /// Returns: the ticks that the region took. Zero where it took less than the overhead, or the counter went back.
  [[nodiscard]] constexpr ticks elapsed() const noexcept {
    const ticks whole = end_.at - begin_.at;
    return whole.signed_count() > overhead_.signed_count() ? whole - overhead_ : ticks();
  }
  /// Returns: elapsed() at a rate, as tick_rate::to gives it. A duration of double keeps the fractions of a nanosecond.
  template <class Duration> [[nodiscard]] constexpr Duration to(const tick_rate& rate) const noexcept {
    return rate.to<Duration>(elapsed());
  }
  /// Returns: elapsed() by the time line of `Clock`, corrections that fell into the region included; nullopt before
  /// calibrate(). Lock-free; a few dozen nanoseconds.
  template <class Clock = tsc_clock> [[nodiscard]] std::optional<std::chrono::nanoseconds> time() const noexcept {
    const auto from = Clock::date(begin_.at);
    if (from.error == std::chrono::nanoseconds::max()) return {};
    const std::chrono::nanoseconds t = Clock::from_ticks(begin_.at + elapsed()) - from.time;
    return t > t.zero() ? t : t.zero();
  }

  /// The readings of counter and CPU at the two ends, with nothing subtracted.
  [[nodiscard]] constexpr counter_reading begin() const noexcept { return begin_; }
  [[nodiscard]] constexpr counter_reading end() const noexcept { return end_; }
  /// What elapsed() subtracts.
  [[nodiscard]] constexpr ticks overhead() const noexcept { return overhead_; }
  /// Returns: whether the region ended on another CPU than it began on; nullopt where that is unknown.
  [[nodiscard]] constexpr std::optional<bool> moved() const noexcept {
    if (begin_.cpu == unknown_cpu || end_.cpu == unknown_cpu) return std::nullopt;
    return begin_.cpu != end_.cpu;
  }

private:
  counter_reading begin_{}, end_{};
  ticks overhead_;
};

} // namespace detail

namespace detail {

/// The two ends of a region by the hardware counter. rdtscp returns counter and CPU in one instruction; elsewhere the
/// kernel returns the CPU, outside of the region: before its beginning and after its end.
template <class Os> class counter_region {
public:
  counter_region() noexcept : by_instruction_(rdtscp()) {}

  [[nodiscard, gnu::always_inline]] counter_reading begin() const noexcept {
    if constexpr (counter_reading::available) {
      if (by_instruction_) [[likely]] return read_counter_and_cpu<ordering::begin>();
    }
    const unsigned cpu = asked();
    return {region_begin(), cpu, 0};
  }
  [[nodiscard, gnu::always_inline]] counter_reading end() const noexcept {
    if constexpr (counter_reading::available) {
      if (by_instruction_) [[likely]] return read_counter_and_cpu<ordering::end>();
      const tick_point at = region_begin(); // region_end() is rdtscp, which this processor may not have
      return {at, asked(), 0};
    } else {
      const tick_point at = region_end();
      return {at, asked(), 0};
    }
  }

private:
  /// CPUID is asked once: it traps in a guest.
  [[nodiscard]] static bool rdtscp() noexcept {
    if constexpr (!counter_reading::available) return false;
    static constinit std::atomic<int> known{0}; // 0: not yet
    int answer = known.load(std::memory_order_relaxed);
    if (answer == 0) known.store(answer = cpu_features::read().rdtscp == true ? 2 : 1, std::memory_order_relaxed);
    return answer == 2;
  }
  [[nodiscard]] static unsigned asked() noexcept {
    unsigned cpu = 0;
    return Os::current_cpu(cpu) == 0 ? cpu : lap::unknown_cpu;
  }

  bool by_instruction_;
};

/// Returns: what an empty region usually shows: of `medians` medians of `regions` samples each, the smallest one.
template <class Sample> [[nodiscard]] std::uint64_t min_of_medians(Sample sample) noexcept {
  using namespace stopwatch_parameters;
  std::uint64_t min = ~std::uint64_t{0};
  for (std::size_t m = 0; m < medians; ++m) {
    std::uint64_t sorted[regions];
    for (std::size_t n = 0; n < regions; ++n) {
      std::uint64_t value = sample();
      for (std::size_t i = 0; i < n; ++i) { // insertion
        if (sorted[i] <= value) continue;
        const std::uint64_t larger = sorted[i];
        sorted[i] = value, value = larger;
      }
      sorted[n] = value;
    }
    if (sorted[regions / 2] < min) min = sorted[regions / 2];
  }
  return min;
}

/// The overhead of a Region plus one tick; 0 where it was not measured yet. Constant-initialised.
template <class Region> inline constinit std::atomic<std::uint64_t> overhead_and_one{0};

} // namespace detail

/// Measures laps, one after the other. `Region` has begin() and end(), which return the counter and the CPU. Not to be
/// shared between threads; any number may exist.
template <class Region> class basic_stopwatch {
public:
  // in the reference: the type itself
  using lap = detail::lap; ///< one measurement

  /// Effects: the first stopwatch of its kind in a program measures the overhead, in 100 us or less. All later ones use
  /// the same value, also on CPUs of another speed.
  basic_stopwatch() noexcept : overhead_(known_overhead()) {}

  /// Effects: begins a lap, in place of the one that was begun before.
  [[gnu::always_inline]] void start() noexcept { begin_ = region_.begin(); }
  /// Returns: the lap up to here. The lap goes on: a later stop() has the same beginning. Precondition: start() was
  /// called.
  [[nodiscard, gnu::always_inline]] lap stop() const noexcept { return lap(begin_, region_.end(), overhead_); }

  /// A stopwatch that takes counters of perf along: clock/counting_stopwatch.hpp.
  template <class Os = linux_os> class basic_counting;
  using counting = basic_counting<>; ///< with the counters of the running system

  /// Returns: the ticks that an empty lap takes, which elapsed() subtracts.
  [[nodiscard]] ticks overhead() const noexcept { return overhead_; }
  /// Returns: the overhead, measured again in this thread on its CPU; for programs that need a better value than
  /// the common one. Takes 100 us or less.
  static ticks measure_overhead() noexcept;

private:
  static ticks known_overhead() noexcept {
    std::atomic<std::uint64_t>& known = detail::overhead_and_one<Region>;
    std::uint64_t value = known.load(std::memory_order_relaxed);
    if (value == 0) {
      // Of several threads that measure it, the first to end decides for all.
      const std::uint64_t mine = measure_overhead().count() + 1;
      if (known.compare_exchange_strong(value, mine, std::memory_order_relaxed)) value = mine;
    }
    return ticks(value - 1);
  }

  Region region_{};
  counter_reading begin_{};
  ticks overhead_;
};

template <class Region> ticks basic_stopwatch<Region>::measure_overhead() noexcept {
  const Region region{};
  return ticks(detail::min_of_medians([&]() noexcept {
    const tick_point begin = region.begin().at;
    const std::int64_t took = (region.end().at - begin).signed_count();
    return took > 0 ? static_cast<std::uint64_t>(took) : 0;
  }));
}

} // namespace takt::inline TAKT_ABI
