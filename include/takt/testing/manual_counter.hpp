/// manual_counter.hpp - a counter and a reference clock under the control of a test, for tests of code that reads
/// basic_tsc_clock, and of takt itself.
///
///   struct my_test;
///   using counter = takt::testing::manual_counter<my_test>;
///   using reference = takt::testing::manual_reference<my_test>;
///   using clock = takt::basic_tsc_clock<reference, counter, takt::testing::fake_os<my_test>>;
///
/// Both are calculated from one hidden time in nanoseconds, which advances only by a read (`cost`) or when the test
/// calls `advance`. So nothing sleeps and every run is the same. Every tag has a machine of its own.
///
/// Does not promise: thread safety.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/ticks.hpp>
#include <chrono>
#include <cstdint>

namespace takt::inline TAKT_ABI::testing {

/// The hidden time, and the counter and the reference as functions of it. A test may change the rate of either at any
/// time; it continues from its current value.
template <class Tag> struct manual_machine {
  /// The values that a test may set.
  struct state {
    std::int64_t time = 1'000'000'000; ///< the hidden time, in ns
    std::int64_t cost = 20;            ///< ns that a read of either clock takes, half of them before the value is taken
    void (*on_read)() = nullptr;       ///< called in the middle of every read; null: nothing

    double ticks_per_ns = 2.5;         ///< the rate of the counter, in ticks per ns of hidden time
    double counter_from = 0;           ///< the hidden time since which `ticks_per_ns` holds, in ns
    double counter_at = 5e9;           ///< the value of the counter at `counter_from`, in ticks
    double reference_rate = 1;         ///< the rate of the reference, in ns per ns of hidden time
    double reference_from = 0;         ///< the hidden time since which `reference_rate` holds, in ns
    double reference_at = 0;           ///< the value of the reference at `reference_from`, in ns
  };
  inline static state now{}; ///< the current state of the machine

  /// Effects: resets the machine to its initial state.
  static void reset() { now = state{}; }
  /// Effects: advances the hidden time by `by`.
  static void advance(std::chrono::nanoseconds by) { now.time += by.count(); }

  /// Returns: the value of the counter in ticks, unrounded. Takes no hidden time.
  [[nodiscard]] static double counter() noexcept {
    return now.counter_at + (static_cast<double>(now.time) - now.counter_from) * now.ticks_per_ns;
  }
  /// Returns: the value of the reference in ns, unrounded. Takes no hidden time.
  [[nodiscard]] static double reference() noexcept {
    return now.reference_at + (static_cast<double>(now.time) - now.reference_from) * now.reference_rate;
  }
  /// Effects: the counter jumps by `leap` ticks, and from now on makes `ticks_per_ns` ticks in each nanosecond of the
  /// hidden time.
  static void bend_counter(double ticks_per_ns, double leap = 0) {
    now.counter_at = counter() + leap, now.counter_from = static_cast<double>(now.time),
    now.ticks_per_ns = ticks_per_ns;
  }
  /// Effects: the reference steps by `step_ns` nanoseconds, and from now on advances by `rate` nanoseconds in each
  /// nanosecond of the hidden time.
  static void bend_reference(double rate, double step_ns = 0) {
    now.reference_at = reference() + step_ns, now.reference_from = static_cast<double>(now.time),
    now.reference_rate = rate;
  }
  /// Effects: the first half of a read of either clock.
  static void read() {
    now.time += now.cost / 2;
    if (now.on_read != nullptr) now.on_read();
  }
  /// Effects: the second half of a read of either clock.
  static void finish() { now.time += now.cost - now.cost / 2; }
};

/// The counter of a manual_machine, as `Counter` of basic_tsc_clock. Every tag is a family of its own.
template <class Tag> struct manual_counter {
  using family = manual_counter;        ///< the family of the counter: one for each tag
  using machine = manual_machine<Tag>;  ///< the machine that it belongs to
  /// Returns: the value of the counter in the middle of the read.
  [[nodiscard]] static tick_point read() noexcept {
    machine::read();
    const tick_point t(static_cast<std::uint64_t>(static_cast<std::int64_t>(machine::counter())));
    machine::finish();
    return t;
  }
};

/// The reference clock of a manual_machine, rounded down to whole nanoseconds.
template <class Tag, bool Steady = true> struct manual_reference {
  using machine = manual_machine<Tag>; ///< the machine that it belongs to
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<manual_reference>;
  static constexpr bool is_steady = Steady;
  /// Returns: the value of the reference in the middle of the read.
  [[nodiscard]] static time_point now() noexcept {
    machine::read();
    const double shown = machine::reference();
    machine::finish();
    const auto whole = static_cast<std::int64_t>(shown);
    return time_point(duration(static_cast<double>(whole) > shown ? whole - 1 : whole));
  }
};

} // namespace takt::inline TAKT_ABI::testing
