/// wake_run.hpp - one wake-up of a thread by a timer: its moments from the expiry to the second reading of the clock.
///
/// User space knows the expiry that it asked for and its readings; the kernel's trace events know what lies between
/// (wake_trace.hpp joins the two). All moments are nanoseconds on one time line, that of CLOCK_MONOTONIC as the thread
/// reads it. A stage is the time from one known moment to the next, so the stages of a run add up to the whole.
///
/// Does not promise: that a stage is positive. The interrupt may have begun before the expiry, for another timer; the
/// kernel's stamps and the thread's readings may be on time lines that differ, which line_offset.hpp finds.
#pragma once
#include <takt/core/config.hpp>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace takt::inline TAKT_ABI {

// synopsis

struct wake_run;

// definitions

/// A wake-up. What is not known is empty.
struct wake_run {
  using nanoseconds = std::chrono::nanoseconds; ///< the unit of all its times
  /// The moments of a wake-up, in their order.
  enum class moment : std::uint8_t {
    expiry,         ///< the time that the thread asked for
    interrupt,      ///< the timer interrupt began (local_timer_entry, irq_handler_entry)
    handler,        ///< the handler of the timer began (hrtimer_expire_entry)
    waking,         ///< the handler began to wake the thread (sched_waking)
    wakeup,         ///< the thread was put on a CPU's queue (sched_wakeup)
    running,        ///< a CPU switched to the thread (sched_switch)
    first_reading,  ///< the thread's first reading of the clock
    second_reading, ///< the reading directly after the first
  };
  static constexpr std::size_t moments = 8; ///< the number of enumerators of `moment`

  /// The first of the moments that the kernel's events show: `interrupt`.
  static constexpr std::size_t first_of_kernel = 1;
  static constexpr std::size_t last_of_kernel = 5; ///< the last moment that the kernel's events show: `running`

  std::uint64_t id = 0;  ///< the number that user space and the kernel's marks have for this run
  bool loaded = false;   ///< the run was taken under load
  std::array<std::optional<nanoseconds>, moments> times{}; ///< by `moment`

  /// The mark is an event that the thread itself writes into the kernel's recording directly after its second reading;
  /// it reads the clock again after that. The kernel's stamp of the mark lies between these readings.
  std::optional<nanoseconds> mark;
  nanoseconds after_mark{};            ///< the reading after the mark

  std::optional<unsigned> cpu_before;  ///< user space: the CPU before the sleep
  std::optional<unsigned> cpu_after;   ///< user space: the CPU after the first reading
  std::string source_before;           ///< the clock source before the sleep
  std::string source_after;            ///< the clock source after the readings
  std::optional<bool> retried;         ///< the first reading was repeated, as the vDSO's sequence number shows

  std::optional<bool> kernel_migrated; ///< sched_migrate_task came between waking and wakeup
  std::int32_t from_cpu = -1;          ///< sched_migrate_task: the CPU that the thread left; -1: it was not migrated
  std::int32_t target_cpu = -1;        ///< sched_wakeup: the CPU on whose queue the thread was put; -1: unknown
  std::int32_t timer_cpu = -1;         ///< the CPU on which the timer expired; -1: unknown
  std::optional<bool> from_idle;       ///< the timer interrupted an idle CPU
  unsigned moved_later = 0;            ///< migrations between the wake-up and the mark
  unsigned preempted = 0;              ///< how often the thread lost its CPU between `running` and the mark

  /// Returns: the time of a moment; nullopt if it is unknown.
  [[nodiscard]] constexpr std::optional<nanoseconds> at(moment m) const noexcept {
    return times[static_cast<std::size_t>(m)];
  }
  /// Effects: sets the time of a moment.
  constexpr void set(moment m, nanoseconds t) noexcept { times[static_cast<std::size_t>(m)] = t; }
  /// Returns: the stage that ends with `end`: the time from the last known moment before it; nullopt if `end` is
  /// unknown, or no moment before it is known.
  [[nodiscard]] constexpr std::optional<nanoseconds> stage(moment end) const noexcept {
    if (!at(end)) return std::nullopt;
    for (std::size_t i = static_cast<std::size_t>(end); i-- > 0;)
      if (times[i]) return *at(end) - *times[i];
    return std::nullopt;
  }
  /// Returns: the time from one moment to another; nullopt if one of them is unknown.
  [[nodiscard]] constexpr std::optional<nanoseconds> between(moment from, moment to) const noexcept {
    if (!at(from) || !at(to)) return std::nullopt;
    return *at(to) - *at(from);
  }
  /// Returns: whether the thread came to another CPU, as user space sees it; nullopt if a CPU is unknown.
  [[nodiscard]] constexpr std::optional<bool> user_migrated() const noexcept {
    if (!cpu_before || !cpu_after) return std::nullopt;
    return *cpu_before != *cpu_after;
  }
  /// Returns: whether the wake-up migrated the thread: what the kernel says, or without its events what user space
  /// sees.
  [[nodiscard]] constexpr bool migrated() const noexcept {
    return kernel_migrated ? *kernel_migrated : user_migrated().value_or(false);
  }
  /// Returns: whether the clock source at the end is another one than before the sleep.
  [[nodiscard]] bool switched() const noexcept { return source_before != source_after; }
  /// Returns: whether all moments are known.
  [[nodiscard]] constexpr bool complete() const noexcept {
    for (const auto& t : times)
      if (!t) return false;
    return true;
  }
  /// Effects: moves the kernel's moments by `shift`, onto the time line of the readings.
  constexpr void shift_kernel(nanoseconds shift) noexcept {
    for (std::size_t i = first_of_kernel; i <= last_of_kernel; ++i)
      if (times[i]) *times[i] += shift;
    if (mark) *mark += shift;
  }
};

} // namespace takt::inline TAKT_ABI
