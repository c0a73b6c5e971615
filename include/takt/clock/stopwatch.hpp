/// stopwatch.hpp - how long a region of code takes, without what the reading of the counter adds.
///
///   takt::stopwatch watch;                     // once; the first of a program measures its own overhead
///   watch.start();
///   work();
///   const takt::lap lap = watch.stop();        // lap.elapsed() in ticks, lap.time() by tsc_clock, lap.moved()
///
/// Both ends are ordered: nothing before start() is counted, all that stands before stop() is. Beside a region the
/// reads themselves take some 20 ns; that much is measured once, of empty regions, and subtracted.
///
/// Does not promise: that the compiler leaves calculations in the region that touch no memory (the essay in counter.hpp
/// tells how to keep them); that nobody else had the CPU meanwhile; to see a thread that was moved and came back. A
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
class lap;
template <class Os = linux_os> class counter_region;
template <class Region = counter_region<>> class basic_stopwatch;
using stopwatch = basic_stopwatch<>;

namespace stopwatch_rule {
/// The overhead is the median of so many empty regions: half of them may be disturbed,
inline constexpr std::size_t regions = 101;
/// and the least of so many medians: a CPU that has just woken up needs some microseconds to get to speed.
inline constexpr std::size_t medians = 9;
/// A region tells this CPU where it does not know.
inline constexpr unsigned unknown_cpu = ~0u;
} // namespace stopwatch_rule

// definitions

/// One measurement.
class lap {
public:
  constexpr lap() noexcept = default;
  constexpr lap(ticks_and_cpu begin, ticks_and_cpu end, ticks overhead) noexcept
      : begin_(begin), end_(end), overhead_(overhead) {}

  /// Returns: the ticks that the region took. Zero where it took less than the overhead, or the counter went back.
  [[nodiscard]] constexpr ticks elapsed() const noexcept {
    const ticks whole = end_.count - begin_.count;
    return whole.signed_count() > overhead_.signed_count() ? whole - overhead_ : ticks();
  }
  /// Returns: elapsed() at a rate, as tick_rate::to gives it. A duration of double keeps the fractions of a nanosecond.
  template <class Duration> [[nodiscard]] constexpr Duration to(const tick_rate& rate) const noexcept {
    return rate.to<Duration>(elapsed());
  }
  /// Returns: elapsed() by the line of `Clock` that was in force, corrections that fell into the region included;
  /// nothing before calibrate(). Lock-free; a few dozen nanoseconds.
  template <class Clock = tsc_clock> [[nodiscard]] std::optional<std::chrono::nanoseconds> time() const noexcept {
    const auto from = Clock::date(begin_.count);
    if (from.error == std::chrono::nanoseconds::max()) return std::nullopt;
    const std::chrono::nanoseconds t = Clock::from_ticks(begin_.count + elapsed()) - from.time;
    return t > t.zero() ? t : t.zero();
  }

  /// The readings as they are.
  [[nodiscard]] constexpr ticks_and_cpu begin() const noexcept { return begin_; }
  [[nodiscard]] constexpr ticks_and_cpu end() const noexcept { return end_; }
  /// What elapsed() takes off.
  [[nodiscard]] constexpr ticks overhead() const noexcept { return overhead_; }
  /// Returns: whether the region ended on another CPU than it began on; nothing where that is not told.
  [[nodiscard]] constexpr std::optional<bool> moved() const noexcept {
    if (begin_.cpu == stopwatch_rule::unknown_cpu || end_.cpu == stopwatch_rule::unknown_cpu) return std::nullopt;
    return begin_.cpu != end_.cpu;
  }

private:
  ticks_and_cpu begin_{}, end_{};
  ticks overhead_;
};

/// The two ends of a region by the hardware counter. With rdtscp one instruction tells counter and CPU; elsewhere the
/// kernel is asked for the CPU, outside of the region: before its begin and after its end.
template <class Os> class counter_region {
public:
  counter_region() noexcept : by_instruction_(rdtscp()) {}

  [[nodiscard, gnu::always_inline]] ticks_and_cpu begin() const noexcept {
#if defined(__x86_64__)
    if (by_instruction_) [[likely]] return read_counter_and_cpu<ordering::begin>();
#endif
    const unsigned cpu = asked();
    return {region_begin(), cpu, 0};
  }
  [[nodiscard, gnu::always_inline]] ticks_and_cpu end() const noexcept {
#if defined(__x86_64__)
    if (by_instruction_) [[likely]] return read_counter_and_cpu<ordering::end>();
    const ticks count = region_begin(); // region_end() is rdtscp
#else
    const ticks count = region_end();
#endif
    return {count, asked(), 0};
  }

private:
  /// CPUID is asked once: it traps in a guest.
  [[nodiscard]] static bool rdtscp() noexcept {
    if constexpr (!counter_tells_cpu) return false;
    static constinit std::atomic<int> known{0}; // 0: not yet
    int answer = known.load(std::memory_order_relaxed);
    if (answer == 0) known.store(answer = read_cpu_features().rdtscp == true ? 2 : 1, std::memory_order_relaxed);
    return answer == 2;
  }
  [[nodiscard]] static unsigned asked() noexcept {
    unsigned cpu = 0;
    return Os::current_cpu(cpu) == 0 ? cpu : stopwatch_rule::unknown_cpu;
  }

  bool by_instruction_;
};

namespace detail {

/// The overhead of a Region and one tick more; 0 where it was not measured yet. Constant-initialised.
template <class Region> inline constinit std::atomic<std::uint64_t> overhead_and_one{0};

} // namespace detail

/// Measures laps, one after the other. `Region` has begin() and end(), which tell the counter and the CPU. Not to be
/// shared between threads; as many as one likes may exist.
template <class Region> class basic_stopwatch {
public:
  /// Effects: the first of its kind in a program measures the overhead, in 100 us or less. All take the same, also on
  /// CPUs of another speed.
  basic_stopwatch() noexcept : overhead_(known_overhead()) {}

  /// Effects: begins a lap, instead of the one that was begun before.
  [[gnu::always_inline]] void start() noexcept { begin_ = region_.begin(); }
  /// Returns: the lap up to here. It goes on: a later stop() has the same begin. Precondition: start() was called.
  [[nodiscard, gnu::always_inline]] lap stop() const noexcept { return lap(begin_, region_.end(), overhead_); }

  /// Returns: what an empty lap reads as, before it is subtracted.
  [[nodiscard]] ticks overhead() const noexcept { return overhead_; }
  /// Returns: the overhead, measured anew for this thread and CPU; for whom the one of the program is not good enough.
  static ticks measure_overhead() noexcept;

private:
  static ticks known_overhead() noexcept {
    std::atomic<std::uint64_t>& known = detail::overhead_and_one<Region>;
    std::uint64_t value = known.load(std::memory_order_relaxed);
    if (value == 0) {
      // Of several first ones the one that is done first decides for all.
      const std::uint64_t mine = measure_overhead().count() + 1;
      if (known.compare_exchange_strong(value, mine, std::memory_order_relaxed)) value = mine;
    }
    return ticks(value - 1);
  }

  Region region_{};
  ticks_and_cpu begin_{};
  ticks overhead_;
};

template <class Region> ticks basic_stopwatch<Region>::measure_overhead() noexcept {
  using namespace stopwatch_rule;
  std::uint64_t least = ~std::uint64_t{0};
  for (std::size_t m = 0; m < medians; ++m) {
    const Region region{};
    std::uint64_t sorted[regions];
    for (std::size_t n = 0; n < regions; ++n) {
      const ticks begin = region.begin().count;
      const std::int64_t took = (region.end().count - begin).signed_count();
      std::uint64_t value = took > 0 ? static_cast<std::uint64_t>(took) : 0;
      for (std::size_t i = 0; i < n; ++i) { // insertion
        if (sorted[i] <= value) continue;
        const std::uint64_t larger = sorted[i];
        sorted[i] = value, value = larger;
      }
      sorted[n] = value;
    }
    if (sorted[regions / 2] < least) least = sorted[regions / 2];
  }
  return ticks(least);
}

} // namespace takt::inline TAKT_ABI
