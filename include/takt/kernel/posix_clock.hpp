/// posix_clock.hpp - the kernel's clocks as std::chrono clocks, by the vDSO or by system call.
///
/// Does not promise: that the road by the vDSO is the fast one for every clock. The vDSO makes the system call itself
/// for CPU time, and for all but the coarse clocks while the clock source cannot be read from user space;
/// `vdso::answers` tells. A filter (seccomp) that forbids clock_gettime ends the program in `now()` of a clock that
/// needs it: there is no number to return; `read_clock` reports instead. A thread that may not read the counter (prctl
/// PR_SET_TSC, PR_TSC_SIGSEGV) is ended by SIGSEGV in either, by the road of the vDSO, unless the clock is a coarse one or
/// CPU time: to ask first would cost a system call, so whoever lives under such a ban takes access::syscall at once.
///
/// Sources: clock_gettime(2), vdso(7), time_namespaces(7); [time.clock.req] of C++20; Linux lib/vdso/gettimeofday.c,
/// v6.1.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/vdso.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <string>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis
enum class [[gnu::visibility("default")]] access {
  vdso,    ///< call into the vDSO; where there is none, the system call
  syscall, ///< always the system call
};
template <clockid_t Id, access A = access::vdso, class Os = linux_os> class posix_clock;

template <access A = access::vdso, class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds read_clock(clockid_t id, std::error_code& ec) noexcept;
template <class Os = linux_os>
[[nodiscard]] std::chrono::nanoseconds clock_resolution(clockid_t id, std::error_code& ec) noexcept;
#if TAKT_EXCEPTIONS
template <access A = access::vdso, class Os = linux_os> [[nodiscard]] std::chrono::nanoseconds read_clock(clockid_t id);
template <class Os = linux_os> [[nodiscard]] std::chrono::nanoseconds clock_resolution(clockid_t id);
#endif

// definitions
namespace detail {

/// The ways to clock_gettime. All answer 0 or a negative errno and leave errno alone when they answer 0.
template <class Os> struct clock_road {
  using function = linux_os::clock_gettime_function;

  static int by_system_call(clockid_t id, timespec* out) noexcept { return -Os::clock_gettime(id, *out); }

  /// The first call: finds the vDSO's function and leaves it in `by_vdso`. Several threads, or a thread and its signal
  /// handler, may do so at a time; they find the same.
  [[gnu::cold]] static int find(clockid_t id, timespec* out) noexcept {
    const int before = errno; // getauxval sets it where there is no vDSO
    function f = vdso::clock_gettime_function<Os>();
    if (f == nullptr) f = &by_system_call;
    errno = before;
    by_vdso.store(f, std::memory_order_relaxed);
    return f(id, out);
  }

  // Relaxed suffices for load and store: the pointer publishes nothing but itself, for the code it points to was there
  // before the program began. Hidden, because a shared object that keeps its own copy merely searches once more and is
  // spared the indirection through its global offset table.
  [[gnu::visibility("hidden")]] inline static constinit std::atomic<function> by_vdso{&find};
  static_assert(std::atomic<function>::is_always_lock_free);

  template <access A> static int read(clockid_t id, timespec& out) noexcept {
    if constexpr (A == access::vdso) return by_vdso.load(std::memory_order_relaxed)(id, &out);
    else return by_system_call(id, &out);
  }
};

[[noreturn, gnu::cold, gnu::noinline]] inline void clock_refused() noexcept { std::terminate(); }

[[nodiscard, gnu::cold, gnu::noinline]] inline std::chrono::nanoseconds saturated(timespec ts) noexcept {
  return to_nanoseconds(ts);
}

/// to_nanoseconds in a multiplication and an addition, as long as the result fits: in a kernel that counts its own time
/// in 64 bits of nanoseconds it always does.
[[nodiscard]] inline std::chrono::nanoseconds to_nanoseconds_fast(timespec ts) noexcept {
  std::chrono::nanoseconds::rep ns = 0;
  if (__builtin_mul_overflow(ts.tv_sec, 1'000'000'000, &ns) || __builtin_add_overflow(ns, ts.tv_nsec, &ns)) [[unlikely]]
    return saturated(ts);
  return std::chrono::nanoseconds(ns);
}

[[nodiscard]] constexpr bool is_kernel_clock(clockid_t id) noexcept {
  switch (id) {
  case CLOCK_MONOTONIC:
  case CLOCK_MONOTONIC_RAW:
  case CLOCK_MONOTONIC_COARSE:
  case CLOCK_BOOTTIME:
  case CLOCK_REALTIME:
  case CLOCK_REALTIME_COARSE:
  case CLOCK_TAI:
  case CLOCK_PROCESS_CPUTIME_ID:
  case CLOCK_THREAD_CPUTIME_ID: return true;
  default: return false;
  }
}

/// Steady is who never goes back and whose ticks take a constant time. Slewing by NTP is tolerated, as it is in
/// steady_clock. REALTIME and TAI follow clock_settime. CPU time stands still while nothing runs, and that of a thread
/// is compared with that of another only by mistake.
[[nodiscard]] constexpr bool is_steady_clock(clockid_t id) noexcept {
  return id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_BOOTTIME;
}

} // namespace detail

/// A clock of the kernel, by its number. Time points of both roads to one clock have the same type.
/// Epochs: MONOTONIC and MONOTONIC_RAW some point before the kernel started its first process, BOOTTIME the same
/// including suspend (both shifted inside a time namespace); REALTIME 1970-01-01 00:00 UTC without leap seconds; TAI
/// the same plus the offset that adjtimex(2) keeps, 0 until somebody sets it; CPU time the start of the process or
/// thread.
template <clockid_t Id, access A, class Os> class [[gnu::visibility("default")]] posix_clock {
  static_assert(detail::is_kernel_clock(Id),
                "takt::posix_clock knows MONOTONIC, MONOTONIC_RAW, BOOTTIME, REALTIME, TAI, the two coarse clocks and "
                "the CPU time of process and thread; takt::read_clock(id) reads any other");

public:
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<posix_clock<Id, access::vdso, Os>, duration>;
  static constexpr bool is_steady = detail::is_steady_clock(Id);
  static constexpr clockid_t id = Id;

  /// Returns: the time since the clock's epoch, stopping at the ends of the range.
  /// Terminates if the kernel refuses to tell (seccomp). Never blocks, allocates nothing; async-signal-safe, keeps
  /// errno.
  /// Costs the vDSO's own time and one load; the first call of the program looks for the vDSO's function, some 10 us of
  /// page faults (0.2 us without them).
  [[nodiscard]] static time_point now() noexcept {
    timespec ts;
    if (detail::clock_road<Os>::template read<A>(Id, ts) != 0) [[unlikely]] detail::clock_refused();
    return time_point(detail::to_nanoseconds_fast(ts));
  }

  /// REALTIME and std::chrono::system_clock count the same seconds from the same epoch; std::chrono::clock_cast uses
  /// these.
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::sys_time<Duration>
  to_sys(std::chrono::time_point<typename time_point::clock, Duration> t) noexcept
    requires(Id == CLOCK_REALTIME || Id == CLOCK_REALTIME_COARSE)
  {
    return std::chrono::sys_time<Duration>(t.time_since_epoch());
  }
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::time_point<typename time_point::clock, Duration>
  from_sys(std::chrono::sys_time<Duration> t) noexcept
    requires(Id == CLOCK_REALTIME || Id == CLOCK_REALTIME_COARSE)
  {
    return std::chrono::time_point<typename time_point::clock, Duration>(t.time_since_epoch());
  }

  /// std::chrono::steady_clock of libstdc++ and of libc++ is CLOCK_MONOTONIC in nanoseconds, so that no offset lies
  /// between.
  [[nodiscard]] static constexpr std::chrono::steady_clock::time_point to_steady(time_point t) noexcept
    requires(Id == CLOCK_MONOTONIC || Id == CLOCK_MONOTONIC_COARSE)
  {
    return std::chrono::steady_clock::time_point(t.time_since_epoch());
  }
  [[nodiscard]] static constexpr time_point from_steady(std::chrono::steady_clock::time_point t) noexcept
    requires(Id == CLOCK_MONOTONIC || Id == CLOCK_MONOTONIC_COARSE)
  {
    return time_point(t.time_since_epoch());
  }
};

/// Returns: what any clock of the kernel shows (clock_getcpuclockid(3), pthread_getcpuclockid(3), /dev/ptp0 ...), in
/// nanoseconds since its own epoch, stopping at the ends of the range; on error zero.
/// Errors: EINVAL for a clock the kernel does not know, EPERM or whatever else a filter says. Costs and safety as
/// posix_clock::now(), but that libc's errno is spoilt on error.
template <access A, class Os> std::chrono::nanoseconds read_clock(clockid_t id, std::error_code& ec) noexcept {
  timespec ts{};
  const int error = detail::clock_road<Os>::template read<A>(id, ts);
  if (error != 0) return ec = detail::errno_code(-error), std::chrono::nanoseconds::zero();
  ec.clear();
  return to_nanoseconds(ts);
}

/// Returns: the resolution that the kernel states for a clock (1 ns for one kept by a high-resolution timer, one jiffy
/// for the coarse ones); on error zero. It says nothing of the smallest step that a reader sees.
/// Errors: as read_clock. One system call.
template <class Os> std::chrono::nanoseconds clock_resolution(clockid_t id, std::error_code& ec) noexcept {
  timespec ts{};
  if (const int error = Os::clock_getres(id, ts); error != 0)
    return ec = detail::errno_code(error), std::chrono::nanoseconds::zero();
  ec.clear();
  return to_nanoseconds(ts);
}

#if TAKT_EXCEPTIONS
template <access A, class Os> std::chrono::nanoseconds read_clock(clockid_t id) {
  return detail::or_throw([&](std::error_code& ec) { return read_clock<A, Os>(id, ec); },
                          [&](std::error_code ec) {
                            return "clock_gettime: clock " + std::to_string(id) +
                                   (ec == std::errc::invalid_argument ? " is not known to this kernel" : " cannot be read");
                          });
}
template <class Os> std::chrono::nanoseconds clock_resolution(clockid_t id) {
  return detail::or_throw([&](std::error_code& ec) { return clock_resolution<Os>(id, ec); },
                          [&](std::error_code ec) {
                            return "clock_getres: clock " + std::to_string(id) +
                                   (ec == std::errc::invalid_argument ? " is not known to this kernel" : " cannot be asked");
                          });
}
#endif

} // namespace takt::inline TAKT_ABI
