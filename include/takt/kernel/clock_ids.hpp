/// clock_ids.hpp - what takt has to know about each clock of the kernel, in one table.
///
/// All code that treats clocks differently reads this table: posix_clock, vDSO, sleeps, scheduler, origin of the grid,
/// command-line tool. To add a clock, add its row, and its line in tests/unit/clock_ids_test.cpp.
///
/// Does not promise: that the running kernel has the clock. read_clock(id, ec) finds out.
/// Sources: clock_gettime(2), clock_getres(2) (dynamic clocks), clock_nanosleep(2), timerfd_create(2), futex(2),
/// time_namespaces(7). Linux 6.12 kernel/time/posix-timers.c (posix_clocks), fs/timerfd.c, lib/vdso/gettimeofday.c
/// (VDSO_HRES, VDSO_COARSE, VDSO_RAW), include/linux/time_namespace.h. Auxiliary clocks: Linux 6.17
/// include/uapi/linux/time.h, kernel/time/timekeeping.c (clock_aux has neither nsleep nor timer_create),
/// Documentation/ABI/stable/sysfs-kernel-time-aux-clocks.
#pragma once
#include <takt/core/config.hpp>
#include <string>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis

/// The number of auxiliary clock N, 0 to 7. An administrator enables these clocks for networks with a time of their
/// own. Linux has them since 6.17, and no C library declares the numbers yet.
template <unsigned N>
  requires(N < 8)
inline constexpr clockid_t aux_clock = 16 + static_cast<clockid_t>(N);

/// Returns: the number of the clock behind an open file, such as a PTP hardware clock (/dev/ptp0), as long as the file
/// is open. Such a clock has no row in the table: what it shows is its driver's affair. For a descriptor below zero, as
/// of a file that could not be opened, -1, which is no clock: reading it fails with EINVAL.
[[nodiscard]] constexpr clockid_t descriptor_clock(int fd) noexcept;

/// One row of the table.
struct clock_properties {
  /// Which offset of a time namespace the kernel adds to a clock.
  enum class namespace_offset { none, monotonic, boottime };
  static constexpr clockid_t no_clock = -1; ///< the number that means "no clock"

  clockid_t id = no_clock;                  ///< the number, as clock_gettime(2) takes it
  const char* name = "";                    ///< the name in the headers of C: "CLOCK_MONOTONIC"
  clockid_t shows = id;                     ///< the clock whose time a coarse clock shows; else the clock itself
  bool optional = false;                    ///< whether a kernel may lack it, so that reading it may fail
  bool steady = false;                      ///< whether it is never set and its ticks are of constant length
  bool cpu_time = false;                    ///< whether it counts only while the process or thread runs
  bool by_counter = false;                  ///< whether the vDSO reads the counter for it, if that is the clock source
  bool sleepable = false;                   ///< whether clock_nanosleep(2) on it ends in a bounded time
  clockid_t timer = no_clock;               ///< the clock on which a timerfd waits for it; no_clock if none can
  clockid_t futex = no_clock;               ///< the clock on which a futex waits for it; no_clock if none can
  namespace_offset offset = namespace_offset::none; ///< the offset that a time namespace adds to it

  /// Returns: whether a timerfd can wait for it.
  [[nodiscard]] constexpr bool has_timer() const noexcept { return timer != no_clock; }
  /// Returns: whether a futex can wait for it.
  [[nodiscard]] constexpr bool has_futex() const noexcept { return futex != no_clock; }

  /// The clocks that takt knows. A coarse clock shows the time of the last tick. A sleep on CPU time is possible but
  /// need not end: on the CPU time of a process, Linux sleeps for ever once the threads of the process are idle.
  /// Neither timerfd nor futex knows TAI, so takt waits on REALTIME, from which TAI differs by whole seconds. No futex
  /// knows BOOTTIME.
  static const clock_properties table[];
  /// Returns: the row of a clock. It is null for a clock without a fixed number (clock_getcpuclockid(3), /dev/ptp0) and
  /// for one that takt does not know.
  [[nodiscard]] static constexpr const clock_properties* find(clockid_t id) noexcept;
};

namespace detail {

/// Returns: the row of an auxiliary clock. Such a clock has an epoch of its own, can be set, and nothing can wait for
/// it.
[[nodiscard]] constexpr clock_properties aux_properties(clockid_t id, const char* name) noexcept {
  return {.id = id, .name = name, .optional = true, .by_counter = true};
}

} // namespace detail

inline constexpr clock_properties clock_properties::table[] = {
    {.id = CLOCK_MONOTONIC,
     .name = "CLOCK_MONOTONIC",
     .steady = true,
     .by_counter = true,
     .sleepable = true,
     .timer = CLOCK_MONOTONIC,
     .futex = CLOCK_MONOTONIC,
     .offset = clock_properties::namespace_offset::monotonic},
    {.id = CLOCK_MONOTONIC_RAW,
     .name = "CLOCK_MONOTONIC_RAW",
     .steady = true,
     .by_counter = true,
     .offset = clock_properties::namespace_offset::monotonic},
    {.id = CLOCK_MONOTONIC_COARSE,
     .name = "CLOCK_MONOTONIC_COARSE",
     .shows = CLOCK_MONOTONIC,
     .steady = true,
     .offset = clock_properties::namespace_offset::monotonic},
    {.id = CLOCK_BOOTTIME,
     .name = "CLOCK_BOOTTIME",
     .steady = true,
     .by_counter = true,
     .sleepable = true,
     .timer = CLOCK_BOOTTIME,
     .offset = clock_properties::namespace_offset::boottime},
    {.id = CLOCK_REALTIME,
     .name = "CLOCK_REALTIME",
     .by_counter = true,
     .sleepable = true,
     .timer = CLOCK_REALTIME,
     .futex = CLOCK_REALTIME},
    {.id = CLOCK_REALTIME_COARSE, .name = "CLOCK_REALTIME_COARSE", .shows = CLOCK_REALTIME},
    {.id = CLOCK_TAI,
     .name = "CLOCK_TAI",
     .by_counter = true,
     .sleepable = true,
     .timer = CLOCK_REALTIME,
     .futex = CLOCK_REALTIME},
    {.id = CLOCK_PROCESS_CPUTIME_ID, .name = "CLOCK_PROCESS_CPUTIME_ID", .cpu_time = true},
    {.id = CLOCK_THREAD_CPUTIME_ID, .name = "CLOCK_THREAD_CPUTIME_ID", .cpu_time = true},
    detail::aux_properties(aux_clock<0>, "CLOCK_AUX0"),
    detail::aux_properties(aux_clock<1>, "CLOCK_AUX1"),
    detail::aux_properties(aux_clock<2>, "CLOCK_AUX2"),
    detail::aux_properties(aux_clock<3>, "CLOCK_AUX3"),
    detail::aux_properties(aux_clock<4>, "CLOCK_AUX4"),
    detail::aux_properties(aux_clock<5>, "CLOCK_AUX5"),
    detail::aux_properties(aux_clock<6>, "CLOCK_AUX6"),
    detail::aux_properties(aux_clock<7>, "CLOCK_AUX7"),
};

// definitions

constexpr clockid_t descriptor_clock(int fd) noexcept {
  constexpr unsigned by_descriptor = 3; // the lowest three bits say what the others are
  constexpr int end = 1 << 28;          // the number has room for descriptors up to this
  // The kernel's rule makes 3 of -1, and that is CLOCK_THREAD_CPUTIME_ID.
  if (fd < 0 || fd >= end) return -1;
  return static_cast<clockid_t>(~static_cast<unsigned>(fd) << 3 | by_descriptor);
}

constexpr const clock_properties* clock_properties::find(clockid_t id) noexcept {
  for (const clock_properties& row : clock_properties::table)
    if (row.id == id) return &row;
  return nullptr;
}

namespace detail {

// These two serve in constant expressions, so they compare no pointer: under -fsanitize=undefined g++ takes no
// comparison of an address with null for constant.

/// Returns: whether the clock has a row in the table.
[[nodiscard]] constexpr bool is_known_clock(clockid_t id) noexcept {
  for (const clock_properties& row : clock_properties::table)
    if (row.id == id) return true;
  return false;
}

/// Returns: the row of a clock; for a clock that is not in the table, a row without any property.
[[nodiscard]] constexpr clock_properties properties_of(clockid_t id) noexcept {
  for (const clock_properties& row : clock_properties::table)
    if (row.id == id) return row;
  return {.id = id};
}

/// Returns: the name of a clock for messages: "CLOCK_TAI", or "clock 77".
template <class = for_callers> [[nodiscard, gnu::cold, gnu::noinline]] std::string clock_text(clockid_t id) {
  const clock_properties* const row = clock_properties::find(id);
  return row != nullptr ? row->name : "clock " + std::to_string(id);
}

} // namespace detail

} // namespace takt::inline TAKT_ABI
