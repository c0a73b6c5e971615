/// manual_counter.hpp - a counter and a reference clock that show what a test wants, for tests of code that reads
/// basic_tsc_clock, and of takt itself.
///
///   struct my_test;
///   using counter = takt::testing::manual_counter<my_test>;
///   using reference = takt::testing::manual_reference<my_test>;
///   using clock = takt::basic_tsc_clock<reference, counter, takt::testing::fake_os<my_test>>;
///
/// Both are made from one hidden time in nanoseconds, which only moves when somebody reads (`cost`) or when the test says so
/// (`advance`); so nothing sleeps and every run is the same. A machine of its own belongs to every tag.
///
/// Does not promise: thread safety.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI::testing {

/// The hidden time and what the two clocks make of it. Either clock may be bent at any moment and keeps what it shows.
template <class Tag> struct manual_machine {
  struct state {
    std::int64_t time = 1'000'000'000; ///< hidden, in ns
    std::int64_t cost = 20;            ///< what a read of either clock takes, half of it before it is taken
    void (*on_read)() = nullptr;       ///< called in the middle of every read: where tests let something happen

    double ticks_per_ns = 2.5;
    double counter_from = 0;           ///< when `ticks_per_ns` began to hold, and
    double counter_at = 5e9;           ///< what the counter showed then
    double reference_rate = 1;         ///< reference ns per hidden ns
    double reference_from = 0, reference_at = 0;
  };
  inline static state now{};

  static void reset() { now = state{}; }
  static void advance(std::chrono::nanoseconds by) { now.time += by.count(); }

  [[nodiscard]] static double counter() noexcept {
    return now.counter_at + (static_cast<double>(now.time) - now.counter_from) * now.ticks_per_ns;
  }
  [[nodiscard]] static double reference() noexcept {
    return now.reference_at + (static_cast<double>(now.time) - now.reference_from) * now.reference_rate;
  }
  /// From now on the counter makes that many ticks a nanosecond; it may also leap, by any number of ticks.
  static void bend_counter(double ticks_per_ns, double leap = 0) {
    now.counter_at = counter() + leap, now.counter_from = static_cast<double>(now.time), now.ticks_per_ns = ticks_per_ns;
  }
  /// From now on the reference runs at that rate; it may also step.
  static void bend_reference(double rate, double step_ns = 0) {
    now.reference_at = reference() + step_ns, now.reference_from = static_cast<double>(now.time), now.reference_rate = rate;
  }
  static void read() {
    now.time += now.cost / 2;
    if (now.on_read != nullptr) now.on_read();
  }
  static void finish() { now.time += now.cost - now.cost / 2; }
};

/// The counter of a manual_machine, as `Counter` of basic_tsc_clock. Every tag is a family of its own.
template <class Tag> struct manual_counter {
  using family = manual_counter;
  using machine = manual_machine<Tag>;
  [[nodiscard]] static ticks read() noexcept {
    machine::read();
    const ticks t(static_cast<std::uint64_t>(static_cast<std::int64_t>(machine::counter())));
    machine::finish();
    return t;
  }
};

/// The reference clock of a manual_machine, rounded down to whole nanoseconds.
template <class Tag, bool Steady = true> struct manual_reference {
  using machine = manual_machine<Tag>;
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<manual_reference>;
  static constexpr bool is_steady = Steady;
  [[nodiscard]] static time_point now() noexcept {
    machine::read();
    const double shown = machine::reference();
    machine::finish();
    const auto whole = static_cast<std::int64_t>(shown);
    return time_point(duration(static_cast<double>(whole) > shown ? whole - 1 : whole));
  }
};

} // namespace takt::inline TAKT_ABI::testing
