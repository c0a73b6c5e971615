/// posix_clock.hpp - the kernel's clocks as std::chrono clocks, by the vDSO or by system call.
///
/// Does not promise: that the path by the vDSO is fast for every clock. The vDSO makes the system call itself for CPU
/// time. While the clock source cannot be read from user space, it does so for all clocks but the coarse ones.
/// `vdso::answers` finds out. If a seccomp filter forbids clock_gettime, `now()` of a clock that needs the system call
/// terminates the program, because there is no number to return; `now(ec)` and `read_clock` report an error instead. In
/// a thread that may not read the counter (prctl PR_SET_TSC, PR_TSC_SIGSEGV), reading by the vDSO raises SIGSEGV for
/// all clocks but the coarse ones and CPU time. To check first would cost a system call, so such a thread must use
/// access::syscall.
///
/// Waiting to the end of time with the standard library: for clocks but system_clock and steady_clock, libstdc++ (seen
/// in version 12) adds what is left until the deadline to the time of steady_clock. For a clock that shows no more than
/// steady_clock, as MONOTONIC and tsc_clock do, a deadline of time_point::max() overflows in that sum. Then
/// condition_variable::wait_until() returns at once, again and again, and the thread that would notify does not get the
/// mutex: with a predicate it hangs. shared_timed_mutex::try_lock_until() claims a lock that it does not have, and
/// counting_semaphore::try_acquire_until() throws. A deadline of time_point::min() overflows earlier, in the
/// difference to C::now(), which becomes a time of centuries. For a clock that is ahead of steady_clock, as REALTIME
/// is, and BOOTTIME after a suspend, the wait then does not end. Instead:
///   - without a deadline, call wait(), lock() or acquire(); to ask without waiting, try_lock() or wait_for(0s);
///   - with one, pass C::to_steady(deadline), which costs nothing and is right for every time point;
///   - for a clock without to_steady(), pass no deadline further than 24h from C::now(), and repeat while it is ahead.
///
/// Sources: clock_gettime(2), vdso(7), time_namespaces(7); [time.clock.req] of C++20; Linux 6.1
/// lib/vdso/gettimeofday.c.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/print.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/clock_ids.hpp>
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

/// The path by which a clock is read.
enum class [[gnu::visibility("default")]] access {
  vdso,    ///< a call of the vDSO's function; the system call if there is no vDSO
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

/// The paths to clock_gettime. All return 0 or a negative value of errno, and leave errno unchanged if they return 0.
template <class Os> struct clock_path {
  using function = linux_os::clock_gettime_function;

  static int by_system_call(clockid_t id, timespec* out) noexcept { return -Os::clock_gettime(id, *out); }

  /// The first call: finds the vDSO's function and stores it in `by_vdso`. Several threads, or a thread and its signal
  /// handler, may do so at the same time; they find the same function.
  [[gnu::cold]] static int find(clockid_t id, timespec* out) noexcept {
    const int before = errno; // getauxval sets errno if there is no vDSO
    function f = vdso_clock_gettime_function<Os>();
    if (f == nullptr) f = &by_system_call;
    errno = before;
    by_vdso.store(f, std::memory_order_relaxed);
    return f(id, out);
  }

  // Relaxed order suffices for load and store: the pointer publishes nothing but itself, because the code that it
  // points to was mapped before the program began. The variable has hidden visibility: so each shared object has its
  // own copy and searches once more, but reads it without the indirection through its global offset table.
  [[gnu::visibility("hidden")]] inline static constinit std::atomic<function> by_vdso{&find};
  static_assert(std::atomic<function>::is_always_lock_free);

  template <access A> static int read(clockid_t id, timespec& out) noexcept {
    if constexpr (A == access::vdso) return by_vdso.load(std::memory_order_relaxed)(id, &out);
    else return by_system_call(id, &out);
  }
};

[[noreturn, gnu::cold, gnu::noinline]] inline void clock_refused() noexcept { std::terminate(); }

/// Returns: to_nanoseconds(ts). It is not inlined, so that the usual case stays short.
[[nodiscard, gnu::cold, gnu::noinline]] inline std::chrono::nanoseconds saturated(timespec ts) noexcept {
  return to_nanoseconds(ts);
}

/// Returns: to_nanoseconds(ts), by one multiplication and one addition if the result fits into 64 bits. The times that
/// the kernel returns always fit, because the kernel itself counts in 64 bits of nanoseconds.
[[nodiscard]] inline std::chrono::nanoseconds to_nanoseconds_fast(timespec ts) noexcept {
  std::chrono::nanoseconds::rep ns = 0;
  if (__builtin_mul_overflow(ts.tv_sec, 1'000'000'000, &ns) || __builtin_add_overflow(ns, ts.tv_nsec, &ns)) [[unlikely]]
    return saturated(ts);
  return std::chrono::nanoseconds(ns);
}

} // namespace detail

/// A clock of the kernel, by its number (clock_ids.hpp). Time points of both paths to one clock have the same type.
/// Epochs:
///   - MONOTONIC and MONOTONIC_RAW: some point before the kernel started its first process. BOOTTIME: the same point,
///     but it counts the time in suspend too. A time namespace shifts the epochs of these three.
///   - REALTIME: 1970-01-01 00:00 UTC, without leap seconds.
///   - TAI: the time of REALTIME plus the offset that adjtimex(2) keeps, which is 0 until it is set.
///   - CPU time: the start of the process or thread.
///   - Auxiliary clocks: that of the time to which they were set.
template <clockid_t Id, access A, class Os> class [[gnu::visibility("default")]] posix_clock {
  static_assert(detail::is_known_clock(Id),
                "takt::posix_clock knows MONOTONIC, MONOTONIC_RAW, BOOTTIME, REALTIME, TAI, the two coarse clocks, "
                "the CPU time of process and thread and the auxiliary clocks; takt::read_clock(id) reads any other");

public:
  static constexpr clock_properties properties = detail::properties_of(Id); ///< its row of clock_properties::table
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<posix_clock<Id, access::vdso, Os>, duration>;
  static constexpr bool is_steady = properties.steady;
  static constexpr clockid_t id = Id; ///< the clock's number

  /// Returns: the time since the clock's epoch in nanoseconds, stopping at the ends of the range.
  /// Terminates the program if the kernel refuses to answer (seccomp). It does not exist for clocks that a kernel may
  /// lack, the auxiliary ones: use now(ec). Never blocks, allocates nothing; async-signal-safe, keeps errno.
  /// Costs the vDSO's own time and one load. The first call of the program searches the vDSO. That takes some 10 us
  /// because of page faults (0.2 us without them).
  [[nodiscard]] static time_point now() noexcept
    requires(!properties.optional)
  {
    timespec ts;
    if (detail::clock_path<Os>::template read<A>(Id, ts) != 0) [[unlikely]] detail::clock_refused();
    return time_point(detail::to_nanoseconds_fast(ts));
  }

  /// Returns: the time since the clock's epoch in nanoseconds, stopping at the ends of the range; on error the epoch.
  /// Errors: those of read_clock(). Never blocks, allocates nothing; async-signal-safe, but libc's errno may change on
  /// error. Costs as now().
  [[nodiscard]] static time_point now(std::error_code& ec) noexcept {
    return time_point(read_clock<A, Os>(Id, ec));
  }

  /// Returns: the same time on std::chrono::system_clock, which counts the same seconds from the same epoch.
  /// std::chrono::clock_cast uses to_sys and from_sys.
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::sys_time<Duration>
  to_sys(std::chrono::time_point<typename time_point::clock, Duration> t) noexcept
    requires(properties.shows == CLOCK_REALTIME)
  {
    return std::chrono::sys_time<Duration>(t.time_since_epoch());
  }
  /// Returns: the same time of std::chrono::system_clock on this clock.
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::time_point<typename time_point::clock, Duration>
  from_sys(std::chrono::sys_time<Duration> t) noexcept
    requires(properties.shows == CLOCK_REALTIME)
  {
    return std::chrono::time_point<typename time_point::clock, Duration>(t.time_since_epoch());
  }

  /// Returns: the same time on std::chrono::steady_clock, which is CLOCK_MONOTONIC in nanoseconds in libstdc++ and in
  /// libc++.
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::time_point<std::chrono::steady_clock, Duration>
  to_steady(std::chrono::time_point<typename time_point::clock, Duration> t) noexcept
    requires(properties.shows == CLOCK_MONOTONIC)
  {
    return std::chrono::time_point<std::chrono::steady_clock, Duration>(t.time_since_epoch());
  }
  /// Returns: the same time of std::chrono::steady_clock on this clock.
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::time_point<typename time_point::clock, Duration>
  from_steady(std::chrono::time_point<std::chrono::steady_clock, Duration> t) noexcept
    requires(properties.shows == CLOCK_MONOTONIC)
  {
    return std::chrono::time_point<typename time_point::clock, Duration>(t.time_since_epoch());
  }
};

/// Returns: the time that a clock of the kernel shows, in nanoseconds since the clock's own epoch, stopping at the ends
/// of the range; on error zero. `id` may be the number of any clock (clock_getcpuclockid(3), pthread_getcpuclockid(3),
/// /dev/ptp0 ...).
/// Errors: EINVAL for a clock that the kernel does not know; ENODEV for an auxiliary clock that is not enabled; EPERM,
/// or another error that a seccomp filter answers. Costs and safety as posix_clock::now(), but libc's errno may change
/// on error.
template <access A, class Os> std::chrono::nanoseconds read_clock(clockid_t id, std::error_code& ec) noexcept {
  timespec ts{};
  const int error = detail::clock_path<Os>::template read<A>(id, ts);
  if (error != 0) return ec = detail::errno_code(-error), std::chrono::nanoseconds::zero();
  ec.clear();
  return to_nanoseconds(ts);
}

/// Returns: the resolution that the kernel states for a clock, in nanoseconds; on error zero. It is 1 ns with
/// high-resolution timers, and one jiffy for the coarse clocks. It does not tell the smallest step that a reader sees.
/// Errors: those of read_clock(). One system call.
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
                            return "clock_gettime: " + detail::clock_text(id) +
                                   (ec == std::errc::invalid_argument ? " is not known to this kernel"
                                    : ec == std::errc::no_such_device ? " is not enabled (/sys/kernel/time/aux_clocks)"
                                                                      : " cannot be read");
                          });
}
template <class Os> std::chrono::nanoseconds clock_resolution(clockid_t id) {
  return detail::or_throw([&](std::error_code& ec) { return clock_resolution<Os>(id, ec); },
                          [&](std::error_code ec) {
                            const bool known = ec != std::errc::invalid_argument;
                            return "clock_getres: " + detail::clock_text(id) +
                                   (known ? " cannot be asked" : " is not known to this kernel");
                          });
}
#endif

namespace detail {

// How print.hpp shows the time points of the kernel's clocks.
template <clockid_t Id, access A, class Os>
inline constexpr time_scale time_scale_of<posix_clock<Id, A, Os>> =
    properties_of(Id).shows == CLOCK_REALTIME ? time_scale::utc
    : Id == CLOCK_TAI                         ? time_scale::tai
                                              : time_scale::seconds;

} // namespace detail

} // namespace takt::inline TAKT_ABI
