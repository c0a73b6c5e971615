/// tsc_clock.hpp - std::chrono clocks for the price of a counter read, on the time line of a clock of the kernel.
///
/// Two clocks share one time line and promise different things:
///   tsc_clock       orders its read of the counter. A stamp handed to another thread is never greater than one that
///                   thread then takes; is_steady is true.
///   fast_tsc_clock  reads the counter bare, at half the price. Never backwards within a thread; but a processor may
///                   read the counter before an earlier load has finished, so a stamp may be a little older than what
///                   its thread already knows, and across threads time may seem to step back. is_steady is false.
/// Before calibrate(), and where the counter cannot be trusted, both read the kernel's clock: same epoch, same
/// promises.
///
/// The time line is made of segments, and a segment ends: four periods and a second after the last discipline(), or ten
/// minutes after the last calibrate() or discipline() where no period was announced. The first reader past the end
/// reads the kernel's clock, as any read before calibrate() does, and renews the line by that. So a clock that is never
/// disciplined costs one slow read in ten minutes, and its error is what the error of its rate adds up to in the
/// current ten minutes.
///
/// Does not promise: that a clock agrees with its reference better than twice the half width of calibration().point()
/// and the uncertainty of calibration() times the age of the current segment. NTP may steer the reference meanwhile; a
/// clock_keeper follows that once a period (timer/keeper.hpp). A program and a plug-in that has its own copy of the
/// state agree only within the errors of both.
/// When the counter jumps, the clock jumps too, to the end of its segment at most, and then stands still until its
/// reference has caught up.
///
/// Threads that forbid themselves to read the counter (PR_SET_TSC): calibrate() reports counter_forbidden there, and
/// from then on now() makes system calls in the whole process. That is safe as long as no other thread of the process
/// calibrates: the time line belongs to all threads, and a forbidden thread that reads it gets SIGSEGV, as it does from
/// libc's clock_gettime.
///
/// With std::condition_variable and the like, wait until to_steady(deadline): posix_clock.hpp says where libstdc++
/// hangs with a deadline of time_point::max().
///
/// How a segment is published and why no read goes backwards: detail/line_register.hpp. How the next segment is chosen:
/// detail/steering.hpp. The definitions of calibrating and disciplining: tsc_clock_discipline.hpp.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/dated_ticks.hpp>
#include <takt/clock/detail/line_register.hpp>
#include <takt/clock/detail/shifted_time.hpp>
#include <takt/clock/detail/steering.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/clock/detail/tsc_clock_state.hpp>
#include <takt/clock/detail/writer_lock.hpp>
#include <takt/clock/discipline_report.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/sleepable_clock.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Reference, class Counter, class Os = linux_os> class basic_tsc_clock;
/// CLOCK_MONOTONIC by ordered reads of the counter: steady across threads.
using tsc_clock = basic_tsc_clock<posix_clock<CLOCK_MONOTONIC>, ordered_counter>;
/// CLOCK_MONOTONIC by bare reads of the counter: half the price, steady within a thread.
using fast_tsc_clock = basic_tsc_clock<posix_clock<CLOCK_MONOTONIC>, bare_counter>;
template <class Os> class basic_shared_calibration;

/// A sleep on a tsc_clock is one on its reference clock; at its end the clock itself says whether the deadline has
/// come.
template <class Reference, class Counter, class Os>
  requires(kernel_clock<Reference>::same)
struct kernel_clock<basic_tsc_clock<Reference, Counter, Os>> : sleeps_on<kernel_clock<Reference>::id, false> {};

// definitions
/// A std::chrono clock in nanoseconds that reads `Counter` and follows the clock `Reference`.
template <class Reference, class Counter, class Os> class basic_tsc_clock {
  static constexpr bool steady_reference = Reference::is_steady;
  static constexpr bool hardware = std::is_same_v<typename Counter::family, detail::hardware_counter>;
  using measuring = typename detail::measuring_counter<Counter>::type;

public:
  using reference = Reference;
  using counter = measuring; ///< what the clock is measured with: ordered, whatever it reads
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  // in the reference: the type itself
  using report = detail::discipline_report; ///< what a call of discipline() found and did
  /// Clocks on one line share their time points.
  using time_point = std::chrono::time_point<basic_tsc_clock<Reference, measuring, Os>, duration>;
  static constexpr bool is_steady = steady_reference && std::is_same_v<Counter, measuring>;

  /// A converted tick, as date() returns it.
  struct dated_ticks {
    time_point time;           ///< the time at that tick
    duration error{};          ///< how far the reference may be from `time` if it was not steered; max: unknown
    bool extrapolated = false; ///< no segment that is still kept was in force at that tick
  };

  /// install() refuses a calibration whose point is further than this from what counter and reference show now.
  static constexpr duration farthest_point = std::chrono::seconds(10);
  /// The number of readings that discipline() takes. All of them together take some 15 us.
  static constexpr std::size_t burst = 200;

  /// Returns: the time since the reference's epoch. Waits for no thread, takes no lock, allocates nothing, keeps errno;
  /// may be called in signal handlers, forked children, before main and after static destruction. Costs the read of the
  /// counter and less than a nanosecond; before calibrate() the reference's own now(). The first read after the end of
  /// a segment costs six reads of the reference, or up to ten if reads are disturbed. A segment may begin with a slew:
  /// for half as long again after the slew, a read costs twice as much, and the first read after that publishes the
  /// rest of the segment for the fast path (100 ns). A read starts again only if it was stopped for so long that a
  /// segment began meanwhile.
  /// Precondition: a thread that may not read the counter calls it only where no thread of the process has calibrated
  /// the clock; it gets SIGSEGV otherwise.
  [[nodiscard]] static time_point now() noexcept {
    const std::uint64_t number = state().lines.newest();
    if (number != 0) [[likely]] {
      std::uint64_t c = 0;
      std::int64_t ns = 0;
      if (state().lines.try_read(number, [] { return Counter::read().count(); }, c, ns)) [[likely]]
        return time_point(duration(ns));
      return time_point(duration(slow_path(c)));
    }
    return time_point(duration(kernel_path()));
  }

  /// Effects: measures the counter for `budget` (takt::calibrate) and lets the clock run by it, from where it stands,
  /// never backwards if the reference is steady. May be called again, and by many threads at a time: each measures for
  /// itself. `renewed_every`: how often discipline() will be called, 0 if it will not, and then a segment is valid for
  /// ten minutes.
  /// Returns: the calibration; an empty one where the clock keeps the path that it had, and `ec` says why.
  /// Errors: those of takt::calibrate; counter_not_trusted (verdict.hpp says why); ENOMEM; EAGAIN if another thread has
  /// held the writer's lock for a second. After counter_forbidden, now() makes system calls in this thread and all
  /// others, which is safe as long as no other thread of the process calibrates.
  template <class Rep, class Period>
  TAKT_UNWINDS static tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget, duration renewed_every,
                                   std::error_code& ec) noexcept {
    return detail::or_no_memory([&] { return measure_and_install(budget, renewed_every, ec); }, ec);
  }
  template <class Rep, class Period> TAKT_UNWINDS static tsc_calibration
  calibrate(std::chrono::duration<Rep, Period> budget, std::error_code& ec) noexcept {
    return calibrate(budget, duration::zero(), ec);
  }
  /// Effects: as the form with an error code, for callers that do not need the reason of a failure. Never throws: a
  /// machine whose counter cannot be a clock is no error. The result is empty there (origin_kind::none), and source()
  /// says by which path now() reads the time.
  template <class Rep, class Period>
  TAKT_UNWINDS static tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget,
                                   duration renewed_every = duration::zero()) noexcept {
    std::error_code ec;
    return calibrate(budget, renewed_every, ec);
  }

  /// Effects: as calibrate(budget), but without measuring where another process has published an anchor that is usable
  /// (shared_calibration.hpp); otherwise measures and publishes one, if it can. shared.why() says what was found. Costs
  /// 10 to 25 us with an anchor, the first call of a process 40 to 100 us. A budget that is not positive means: an
  /// anchor or nothing (EINVAL).
  template <class Rep, class Period>
  TAKT_UNWINDS static tsc_calibration calibrate(basic_shared_calibration<Os>& shared,
                                                std::chrono::duration<Rep, Period> budget, duration renewed_every,
                                                std::error_code& ec) noexcept {
    return detail::or_no_memory([&] { return load_or_measure(shared, budget, renewed_every, ec); }, ec);
  }
  template <class Rep, class Period>
  TAKT_UNWINDS static tsc_calibration calibrate(basic_shared_calibration<Os>& shared,
                                                std::chrono::duration<Rep, Period> budget,
                                                std::error_code& ec) noexcept {
    return calibrate(shared, budget, duration::zero(), ec);
  }
  template <class Rep, class Period>
  TAKT_UNWINDS static tsc_calibration calibrate(basic_shared_calibration<Os>& shared,
                                                std::chrono::duration<Rep, Period> budget,
                                                duration renewed_every = duration::zero()) noexcept {
    std::error_code ec;
    return calibrate(shared, budget, renewed_every, ec);
  }

  /// Effects: lets the clock run by a calibration that was just made, here or elsewhere. Errors: EINVAL for an empty
  /// calibration, for a rate that no counter has, and for a point that is not near the clocks (farthest_point);
  /// counter_forbidden; EAGAIN as calibrate(). Not for signal handlers: it takes the writer's lock, which the
  /// interrupted thread may hold; then it would wait a second, in vain.
  static void install(const tsc_calibration& c, duration renewed_every, std::error_code& ec) noexcept;
  static void install(const tsc_calibration& c, std::error_code& ec) noexcept { install(c, duration::zero(), ec); }

  /// Effects: compares clock and reference (15 us) and draws a new segment: a clock that was behind is right at once,
  /// one that was ahead slews (steering.hpp). `renewed_every` replaces the period that calibrate() was given; without
  /// it that period stays. Errors: not_calibrated; counter_forbidden, in this thread; the errors of locate(), and then
  /// the clock follows the kernel's until calibrate(); EAGAIN as calibrate(). Allocates nothing; three system calls.
  /// Many threads may call it at a time; if another thread disciplined the clock after this one took its readings, the
  /// call draws its segment but reports no events. Not for signal handlers, as install().
  static report discipline(duration renewed_every, std::error_code& ec) noexcept {
    return discipline_by(&renewed_every, ec);
  }
  static report discipline(std::error_code& ec) noexcept { return discipline_by(nullptr, ec); }

#if TAKT_EXCEPTIONS
  static report discipline(duration renewed_every) {
    return detail::or_throw([&](std::error_code& ec) { return discipline(renewed_every, ec); },
                            [] { return "tsc_clock::discipline: the line was not renewed; call calibrate()"; });
  }
  static report discipline() {
    return detail::or_throw([&](std::error_code& ec) { return discipline(ec); },
                            [] { return "tsc_clock::discipline: the line was not renewed; call calibrate()"; });
  }
#endif

  /// Returns: the calibration in force; an empty one before calibrate(), after the clock was given up, and if another
  /// thread has held the writer's lock for a second. Not for signal handlers, as install().
  [[nodiscard]] static tsc_calibration calibration() noexcept {
    std::error_code ec;
    const detail::writer_lock<Os> lock(state().writer, ec);
    return lock ? state().known().calibration : tsc_calibration{};
  }

  /// Returns: the path by which now() reads the time here and now; in a thread that may not read the counter, the path
  /// by which it should: the system call's. Costs a system call.
  [[nodiscard]] static clock_path source() noexcept {
    if (forbidden()) return clock_path::system_call;
    detail::time_line line;
    bool decided = false;
    for (std::uint64_t number = state().lines.newest(); number != 0; number = state().lines.newest()) {
      if (!state().lines.get(number, line, decided)) continue;
      if (line.life == 0) break;
      if (line.holds_at(read_counter())) return clock_path::counter;
      break;
    }
    return by_system_call() ? clock_path::system_call : clock_path::vdso;
  }

  /// Returns: the time at which the counter showed `t`, by the segment that was in force then. Before calibrate() the
  /// epoch.
  [[nodiscard]] static time_point from_ticks(tick_point t) noexcept { return date(t).time; }

  /// Returns: the time of from_ticks() with its error bound. The 56 newest segments are kept (28 if no keeper runs and
  /// each of them slews); an older tick is extrapolated from the oldest, with what NTP may have done since in its
  /// error. Within the life of a segment, `error` is what readings and calibration leave open: where the reference is
  /// steered, up to 500 ppm of the time since the base of the segment come on top. tick_history.hpp keeps what this
  /// forgets, in a file, and its errors include the steering.
  [[nodiscard]] static dated_ticks date(tick_point t) noexcept {
    const detail::dated_ticks d = detail::date_ticks(state().lines, t);
    return {time_point(d.time), d.error, d.extrapolated};
  }

  /// Returns: the same time on std::chrono::steady_clock, in the same unit. CLOCK_MONOTONIC is steady_clock: no offset
  /// lies between.
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::time_point<std::chrono::steady_clock, Duration>
  to_steady(std::chrono::time_point<typename time_point::clock, Duration> t) noexcept
    requires requires { Reference::to_steady(typename Reference::time_point{}); }
  {
    return std::chrono::time_point<std::chrono::steady_clock, Duration>(t.time_since_epoch());
  }
  /// The inverse of to_steady().
  template <class Duration>
  [[nodiscard]] static constexpr std::chrono::time_point<typename time_point::clock, Duration>
  from_steady(std::chrono::time_point<std::chrono::steady_clock, Duration> t) noexcept
    requires requires { Reference::to_steady(typename Reference::time_point{}); }
  {
    return std::chrono::time_point<typename time_point::clock, Duration>(t.time_since_epoch());
  }

  /// Returns: the system time at which this clock shows `t`, if the system clock is not stepped between now and then;
  /// good to some 50 ns, in the unit of `t`, rounded down. Costs three reads of the kernel's clocks, five times that at
  /// most where they are disturbed. To convert many stamps, take the difference once. std::chrono::clock_cast uses
  /// these; clock_cast.hpp converts to other clocks too.
  template <class Duration>
  [[nodiscard]] static std::chrono::sys_time<Duration>
  to_sys(std::chrono::time_point<typename time_point::clock, Duration> t) noexcept {
    return std::chrono::sys_time<Duration>(detail::shifted_time(t.time_since_epoch(), ahead_of_reference()));
  }
  /// The inverse of to_sys(), at the same price.
  template <class Duration>
  [[nodiscard]] static std::chrono::time_point<typename time_point::clock, Duration>
  from_sys(std::chrono::sys_time<Duration> t) noexcept {
    using result = std::chrono::time_point<typename time_point::clock, Duration>;
    const duration behind = detail::saturating_subtract(duration(0), ahead_of_reference());
    return result(detail::shifted_time(t.time_since_epoch(), behind));
  }

private:
  [[nodiscard]] static detail::tsc_clock_state& state() noexcept {
    return detail::tsc_state<Reference, typename Counter::family, Os>;
  }
  [[nodiscard]] static bool by_system_call() noexcept {
    return state().by_system_call.load(std::memory_order_relaxed) != 0;
  }
  [[nodiscard]] static std::uint64_t read_counter() noexcept { return measuring::read().count(); }
  [[nodiscard]] static std::int64_t read_reference() noexcept {
    using slow = typename detail::by_system_call<Reference>::type;
    if (by_system_call()) [[unlikely]]
      return duration(slow::now().time_since_epoch()).count();
    return duration(Reference::now().time_since_epoch()).count();
  }
  /// Returns: the time when the counter shows `c`, in ns, if the fast path did not give it. Renews a segment that has
  /// ended.
  [[nodiscard, gnu::noinline]] static std::int64_t slow_path(std::uint64_t c) noexcept {
    detail::ended_line ended;
    const std::int64_t ns = state().lines.template read<steady_reference>(c, &read_counter, &read_reference, &ended);
    if (ended.number != 0) renew(ended);
    else if (state().lines.has_turned(c)) state().lines.publish_turned(c, detail::claiming_process<Os>());
    else if (state().lines.is_unfinished()) state().lines.finish_inherited(detail::claiming_process<Os>());
    return ns;
  }
  static void renew(const detail::ended_line& ended) noexcept;
  /// Returns: the time before the first segment, in ns.
  [[nodiscard, gnu::noinline]] static std::int64_t kernel_path() noexcept {
    const std::int64_t ns = read_reference();
    // If a first segment was published meanwhile, other threads may have read it, and this read must not fall below
    // that.
    if (state().lines.newest() == 0) [[likely]] return ns;
    return state().lines.template read<steady_reference>(read_counter(), &read_counter, &read_reference);
  }
  /// Whether this thread may not read the counter.
  [[nodiscard]] static bool forbidden() noexcept {
    bool allowed = true;
    return hardware && Os::counter_allowed(allowed) == 0 && !allowed;
  }
  template <class Rep, class Period> TAKT_UNWINDS static tsc_calibration
  measure_and_install(std::chrono::duration<Rep, Period> budget, duration renewed_every, std::error_code& ec) {
    if (!may_read_counter(ec)) return {};
    const tsc_calibration c = takt::calibrate<Reference, measuring, Os>(budget, ec);
    if (ec) return {};
    install(c, renewed_every, ec);
    return ec ? tsc_calibration{} : c;
  }
  template <class Rep, class Period>
  TAKT_UNWINDS static tsc_calibration load_or_measure(basic_shared_calibration<Os>& shared,
                                                      std::chrono::duration<Rep, Period> budget, duration renewed_every,
                                                      std::error_code& ec) {
    ec.clear();
    tsc_calibration c = shared.template load<Reference, measuring>();
    if (c.rate().known()) {
      install(c, renewed_every, ec);
      return ec ? tsc_calibration{} : c;
    }
    c = measure_and_install(budget, renewed_every, ec);
    std::error_code unpublished; // ignored: the clock is calibrated; the caller may publish again
    if (!ec) shared.template publish<Reference, measuring>(c, unpublished);
    return c;
  }
  [[nodiscard]] static bool plausible(const tsc_calibration& c) noexcept;
  [[nodiscard]] TAKT_UNWINDS static bool may_read_counter(std::error_code& ec);
  /// How far CLOCK_REALTIME is ahead of the reference.
  [[nodiscard]] static duration ahead_of_reference() noexcept;
  static report discipline_by(const duration* renewed_every, std::error_code& ec) noexcept;
  [[nodiscard]] static bool draw(const detail::clock_estimate& b, duration renewed_every, bool valid = true) noexcept;
  static bool abandon() noexcept;
};

namespace detail {

// How print.hpp shows the time points: as those of the reference clock.
template <class Reference, class Counter, class Os>
inline constexpr time_scale time_scale_of<basic_tsc_clock<Reference, Counter, Os>> = time_scale_of<Reference>;

} // namespace detail

} // namespace takt::inline TAKT_ABI

#include <takt/clock/tsc_clock_discipline.hpp> // the definitions of the long members
