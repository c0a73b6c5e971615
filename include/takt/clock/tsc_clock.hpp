/// tsc_clock.hpp - std::chrono clocks for the price of a counter read, on the time line of a clock of the kernel.
///
/// Two clocks share one line and promise different things:
///   tsc_clock       orders its read of the counter. A stamp handed to another thread is never greater than one that
///                   thread then takes; is_steady is true.
///   fast_tsc_clock  reads the counter bare, at half the price. Never backwards within a thread; but a processor may read
///                   the counter before an earlier load has finished, so a stamp may be a little older than what its
///                   thread already knows, and across threads time may seem to step back. is_steady is false.
/// Before calibrate(), and where the counter cannot be trusted, both read the kernel's clock: same epoch, same promises.
///
/// Does not promise: that the two clocks agree within more than calibration() states, times the time since it was made,
/// unless discipline() is called from time to time (timer/keeper.hpp does); nor anything between a program and a plug-in
/// that has its own copy of the state, beyond that. A counter that leaps takes the clock along, to the end of its line at
/// most (steering_rule::untended_life where nobody keeps it), and then it stands until its reference has come up.
///
/// Threads that forbid themselves to read the counter (PR_SET_TSC): where one calls calibrate() it gets counter_forbidden,
/// and from then on now() makes system calls in the whole process. That is safe as long as nobody in the process calibrates:
/// a line is everybody's, and a forbidden thread that reads it gets SIGSEGV, as it does from libc's clock_gettime.
///
/// How a line is published and why no read goes backwards: time_line.hpp. Which line is drawn: steering.hpp.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/clock_events.hpp>
#include <takt/clock/dated_ticks.hpp>
#include <takt/clock/steering.hpp>
#include <takt/clock/time_line.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/clock/writer_lock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Reference, class Counter, class Os = linux_os> class basic_tsc_clock;
using tsc_clock = basic_tsc_clock<posix_clock<CLOCK_MONOTONIC>, ordered_counter>;
using fast_tsc_clock = basic_tsc_clock<posix_clock<CLOCK_MONOTONIC>, bare_counter>;
template <class Os> class basic_shared_calibration;

/// What a call of discipline() found and did.
struct discipline_report {
  std::chrono::nanoseconds offset{};     ///< of the clock from its reference before; positive: it was ahead
  std::chrono::nanoseconds half_width{}; ///< how well that is known
  tick_rate rate;                        ///< from now on
  double rate_change_ppm = 0;            ///< of the reference against the counter since the last time; 0: not measured
  clock_events events;                   ///< after a jump the line was anchored anew, and the old rate kept until the next look
  std::chrono::nanoseconds works_off{};  ///< how long the line is flatter than its reference: the clock was ahead
};

// definitions
namespace detail {

/// The clock state of one reference and one family of counters. Constant-initialised: it serves before main.
struct tsc_clock_state {
  line_register lines;
  std::atomic<bool> by_system_call{false};  ///< the kernel's road may not go through the vDSO, which reads the counter
  std::atomic<bool> forbidden{false};       ///< a thread that may not read it has asked: then it stays like that
  std::atomic<std::uint32_t> writer{0};     ///< number of the process that changes what follows, 0 if none
  tsc_calibration calibration{};
  bearing anchor{};                         ///< since when, and with what, the rate is measured
  bool anchor_after_jump = false;           ///< a clock jumped there
};

// Visible whatever -fvisibility says, as are the types it is keyed on: a program and its shared objects have one.
template <class Reference, class Family, class Os>
[[gnu::visibility("default")]] inline constinit tsc_clock_state tsc_state{};

/// The same reference by a road that does not read the counter in user space.
template <class Reference> struct by_system_call {
  using type = Reference;
};
template <clockid_t Id, class Os> struct by_system_call<posix_clock<Id, access::vdso, Os>> {
  using type = posix_clock<Id, access::syscall, Os>;
};

} // namespace detail

/// A clock that reads `Counter` and follows `Reference`, a std::chrono clock in nanoseconds.
template <class Reference, class Counter, class Os> class basic_tsc_clock {
  static constexpr bool steady_reference = Reference::is_steady;
  static constexpr bool hardware = std::is_same_v<typename Counter::family, hardware_counter>;
  using measuring = typename detail::measuring_counter<Counter>::type;

public:
  using reference = Reference;
  using counter = measuring; ///< what the clock is measured with: ordered, whatever it reads
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  /// Clocks on one line share their time points.
  using time_point = std::chrono::time_point<basic_tsc_clock<Reference, measuring, Os>, duration>;
  static constexpr bool is_steady = steady_reference && std::is_same_v<Counter, measuring>;

  /// A calibration that is further than this from where the clocks stand is not of these clocks.
  static constexpr duration farthest_point = std::chrono::seconds(10);
  /// Readings that discipline() takes: some 15 us.
  static constexpr std::size_t burst = 200;

  /// Returns: the time since the reference's epoch. Wait-free, allocates nothing, keeps errno; may be called in signal
  /// handlers, forked children, before main and after static destruction. Costs the read of the counter and less than a
  /// nanosecond; the reference's own now() before calibrate(). Precondition: a thread that may not read the counter calls it
  /// only where nobody in the process has calibrated the clock; it gets SIGSEGV otherwise.
  [[nodiscard]] static time_point now() noexcept {
    const std::uint64_t number = state().lines.newest();
    if (number != 0) [[likely]] {
      std::uint64_t c = 0;
      std::int64_t ns = 0;
      if (state().lines.try_read(number, [] { return Counter::read().count(); }, c, ns)) [[likely]]
        return time_point(duration(ns));
      return time_point(duration(state().lines.template read<steady_reference>(c, &read_counter, &read_reference)));
    }
    return time_point(duration(kernel_road()));
  }

  /// Effects: measures the counter for `budget` (takt::calibrate) and lets the clock run by it, from where it stands, never
  /// backwards if the reference is steady. May be called again, and by many threads at a time: each measures for itself.
  /// `renewed_every`: how often discipline() will be called, 0 if it will not (steering_rule::untended_life).
  /// Errors, and then the clock goes on by the kernel's: what takt::calibrate says; counter_not_trusted (verdict.hpp tells
  /// why); EAGAIN if another thread has been in the middle of a change for a second. After counter_forbidden, now() makes
  /// system calls in this thread and all others, which is safe as long as nobody else in the process calibrates.
  template <class Rep, class Period>
  static tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget, std::error_code& ec,
                                   duration renewed_every = duration::zero()) {
    if (!may_read_counter(ec)) return {};
    const tsc_calibration c = takt::calibrate<Reference, measuring, Os>(budget, ec);
    if (ec) return {};
    install(c, renewed_every, ec);
    return ec ? tsc_calibration{} : c;
  }

  /// Effects: the same, but without measuring where another process has left an anchor that is usable
  /// (shared_calibration.hpp); otherwise measures and leaves one, if it can. shared.why() tells what was found. Costs some
  /// 25 us with an anchor, the first call of a process 60 to 110 us. A budget that is not positive means: an anchor or
  /// nothing (EINVAL).
  template <class Rep, class Period>
  static tsc_calibration calibrate(basic_shared_calibration<Os>& shared, std::chrono::duration<Rep, Period> budget,
                                   std::error_code& ec, duration renewed_every = duration::zero()) {
    ec.clear();
    tsc_calibration c = shared.template recall<Reference, measuring>();
    if (c.rate().known()) {
      install(c, renewed_every, ec);
      return ec ? tsc_calibration{} : c;
    }
    c = calibrate(budget, ec, renewed_every);
    std::error_code left; // no reason to fail: shared.leave() can be asked again
    if (!ec) shared.template leave<Reference, measuring>(c, left);
    return c;
  }

  /// Effects: lets the clock run by a calibration that was just made, here or elsewhere. Errors: EINVAL for an empty one, a
  /// rate outside calibration_rule, a point that is not near the clocks (farthest_point); counter_forbidden; EAGAIN as
  /// calibrate().
  static void install(const tsc_calibration& c, duration renewed_every, std::error_code& ec) noexcept;

  /// Effects: compares clock and reference (15 us) and draws a new line: a clock that was behind is right at once, one that
  /// was ahead works that off (steering.hpp). Errors: not_calibrated; counter_forbidden, in this thread; what locate() says
  /// of the two clocks, and then the clock goes on by the kernel's until calibrate(); EAGAIN as calibrate(). Allocates
  /// nothing; three system calls. Many threads may call it at a time; who was overtaken draws his line and judges nothing.
  static discipline_report discipline(duration renewed_every, std::error_code& ec) noexcept;
  static discipline_report discipline(std::error_code& ec) noexcept { return discipline(duration::zero(), ec); }

#if TAKT_EXCEPTIONS
  template <class Rep, class Period>
  static tsc_calibration calibrate(std::chrono::duration<Rep, Period> budget, duration renewed_every = duration::zero()) {
    return detail::or_throw([&](std::error_code& ec) { return calibrate(budget, ec, renewed_every); }, [] {
      return "tsc_clock::calibrate: the clock goes on by the kernel's clock; `takt report` tells what is known of the counter";
    });
  }
  template <class Rep, class Period>
  static tsc_calibration calibrate(basic_shared_calibration<Os>& shared, std::chrono::duration<Rep, Period> budget,
                                   duration renewed_every = duration::zero()) {
    return detail::or_throw([&](std::error_code& ec) { return calibrate(shared, budget, ec, renewed_every); }, [&] {
      return "tsc_clock::calibrate: no anchor (" + shared.why() + ") and no measurement; the clock goes on by the kernel's";
    });
  }
  static discipline_report discipline(duration renewed_every = duration::zero()) {
    return detail::or_throw([&](std::error_code& ec) { return discipline(renewed_every, ec); },
                            [] { return "tsc_clock::discipline: the line was not renewed; call calibrate()"; });
  }
#endif

  /// Returns: the calibration in force; an empty one before calibrate().
  [[nodiscard]] static tsc_calibration calibration() noexcept {
    std::error_code ec;
    const detail::writer_lock<Os> lock(state().writer, ec);
    return lock ? state().calibration : tsc_calibration{};
  }

  /// Returns: by which road now() reads the time here and now; in a thread that may not read the counter, by which it
  /// should: the system call's. Costs a system call.
  [[nodiscard]] static road source() noexcept {
    if (forbidden()) return road::system_call;
    time_line line;
    bool decided = false;
    for (std::uint64_t number = state().lines.newest(); number != 0; number = state().lines.newest()) {
      if (!state().lines.get(number, line, decided)) continue;
      if (line.life == 0) break;
      if (line.holds_at(read_counter())) return road::counter;
      break;
    }
    return state().by_system_call.load(std::memory_order_relaxed) ? road::system_call : road::vdso;
  }

  /// Returns: the time at which the counter showed `t`, by the line that was in force then. Before calibrate() the epoch.
  [[nodiscard]] static time_point from_ticks(ticks t) noexcept { return date(t).time; }

  /// Returns: the same with what is known of its error. The last line_register::size lines are kept; what is older is
  /// extrapolated from the oldest, with what NTP may have done since in its error. Within the life of a line `error` is what
  /// readings and calibration leave open: while somebody steers the reference, up to 500 ppm of the time since the line's
  /// base come on top, until the next line.
  [[nodiscard]] static dated_ticks<time_point> date(ticks t) noexcept {
    const dated_ticks<duration> d = date_ticks(state().lines, t);
    return {time_point(d.time), d.error, d.extrapolated};
  }

  /// CLOCK_MONOTONIC is std::chrono::steady_clock: no offset lies between.
  [[nodiscard]] static constexpr std::chrono::steady_clock::time_point to_steady(time_point t) noexcept
    requires requires { Reference::to_steady(typename Reference::time_point{}); }
  {
    return std::chrono::steady_clock::time_point(t.time_since_epoch());
  }
  [[nodiscard]] static constexpr time_point from_steady(std::chrono::steady_clock::time_point t) noexcept
    requires requires { Reference::to_steady(typename Reference::time_point{}); }
  {
    return time_point(t.time_since_epoch());
  }

  /// Returns: the system time at which this clock shows `t`, if nobody steps the system clock between now and then; good to
  /// some 50 ns. Costs three reads of the kernel's clocks, five times that at most where they are disturbed. Who converts
  /// many stamps takes the difference once. std::chrono::clock_cast uses these.
  [[nodiscard]] static std::chrono::sys_time<duration> to_sys(time_point t) noexcept {
    return std::chrono::sys_time<duration>(saturating_add(t.time_since_epoch(), ahead_of_reference()));
  }
  [[nodiscard]] static time_point from_sys(std::chrono::sys_time<duration> t) noexcept {
    return time_point(saturating_subtract(t.time_since_epoch(), ahead_of_reference()));
  }

private:
  [[nodiscard]] static detail::tsc_clock_state& state() noexcept {
    return detail::tsc_state<Reference, typename Counter::family, Os>;
  }
  [[nodiscard]] static std::uint64_t read_counter() noexcept { return measuring::read().count(); }
  [[nodiscard]] static std::int64_t read_reference() noexcept {
    using slow = typename detail::by_system_call<Reference>::type;
    if (state().by_system_call.load(std::memory_order_relaxed)) [[unlikely]]
      return duration(slow::now().time_since_epoch()).count();
    return duration(Reference::now().time_since_epoch()).count();
  }
  /// The time before the first line.
  [[nodiscard, gnu::noinline]] static std::int64_t kernel_road() noexcept {
    const std::int64_t ns = read_reference();
    // A line that came up meanwhile may already have been read by others.
    if (state().lines.newest() == 0) [[likely]] return ns;
    return state().lines.template read<steady_reference>(read_counter(), &read_counter, &read_reference);
  }
  /// Whether this thread may not read the counter.
  [[nodiscard]] static bool forbidden() noexcept {
    bool allowed = true;
    return hardware && Os::counter_allowed(allowed) == 0 && !allowed;
  }
  [[nodiscard]] static bool plausible(const tsc_calibration& c) noexcept;
  [[nodiscard]] static bool may_read_counter(std::error_code& ec);
  /// How far CLOCK_REALTIME is ahead of the reference.
  [[nodiscard]] static duration ahead_of_reference() noexcept;
  static void draw(const bearing& b, duration renewed_every, bool believed = true) noexcept;
  static void abandon() noexcept;
};

/// Whether this thread may read the counter and the machine's counter is a clock; if not, the kernel's road is chosen.
template <class Reference, class Counter, class Os>
bool basic_tsc_clock<Reference, Counter, Os>::may_read_counter(std::error_code& ec) {
  ec.clear();
  if constexpr (hardware) {
    const bool mine = forbidden();
    if (mine) state().forbidden.store(true, std::memory_order_relaxed); // and no thread that may read it takes that back
    const verdict v = judge(gather_counter_facts<Os>());
    const bool slow = v.recommended == road::system_call || state().forbidden.load(std::memory_order_relaxed);
    state().by_system_call.store(slow, std::memory_order_relaxed);
    if (v.counter_trusted && !mine) return true;
    ec = mine ? errc::counter_forbidden : errc::counter_not_trusted;
    if (!mine && state().lines.newest() != 0) {
      std::error_code busy;
      const detail::writer_lock<Os> lock(state().writer, busy);
      if (lock) abandon();
    }
    return false;
  }
  return true;
}

template <class Reference, class Counter, class Os>
auto basic_tsc_clock<Reference, Counter, Os>::ahead_of_reference() noexcept -> duration {
  using real = posix_clock<CLOCK_REALTIME, access::vdso, Os>;
  if constexpr (std::is_same_v<Reference, real>) {
    return duration::zero();
  } else {
    constexpr duration narrow(200); // three reads that nobody disturbed
    duration ahead{}, narrowest = duration::max();
    for (int again = 0; again < 5 && narrowest > narrow; ++again) {
      const duration before(read_reference());
      const duration now = state().by_system_call.load(std::memory_order_relaxed)
                               ? detail::by_system_call<real>::type::now().time_since_epoch()
                               : real::now().time_since_epoch();
      const duration width = duration(read_reference()) - before;
      if (width >= narrowest) continue;
      narrowest = width, ahead = now - (before + width / 2);
    }
    return ahead;
  }
}

/// Publishes the line that follows from `b`; one that is not believed makes reads take the kernel's road, raised as far as
/// they must. The caller holds the writer's lock.
template <class Reference, class Counter, class Os>
void basic_tsc_clock<Reference, Counter, Os>::draw(const bearing& b, duration renewed_every, bool believed) noexcept {
  auto& lines = state().lines;
  time_line old;
  const bool first = lines.newest() == 0;
  if (!first) old = lines.template settled<steady_reference>(&read_counter, &read_reference);
  time_line line = draw_line(first ? nullptr : &old, b, read_counter(), renewed_every, steady_reference);
  if (!believed) line.life = 0;
  lines.template publish<steady_reference>(line, &read_counter, &read_reference);
}

template <class Reference, class Counter, class Os>
void basic_tsc_clock<Reference, Counter, Os>::abandon() noexcept {
  bearing b = state().anchor;
  b.point = {ticks(read_counter()), duration(read_reference()), duration::zero()};
  draw(b, duration::zero(), false);
  state().calibration = {};
}

/// Whether `c` is of a counter there can be, and of these clocks as they stand.
template <class Reference, class Counter, class Os>
bool basic_tsc_clock<Reference, Counter, Os>::plausible(const tsc_calibration& c) noexcept {
  using namespace calibration_rule;
  const double hertz = c.rate().hertz();
  if (!(hertz >= least_hertz && hertz <= most_hertz && c.uncertainty_ppm() >= 0)) return false;
  const auto passed = static_cast<double>((ticks(read_counter()) - c.point().at).signed_count());
  const double expected = static_cast<double>(c.point().reference.count()) + passed / hertz * 1e9;
  const double off = expected - static_cast<double>(read_reference());
  return (off < 0 ? -off : off) <= static_cast<double>(farthest_point.count());
}

template <class Reference, class Counter, class Os>
void basic_tsc_clock<Reference, Counter, Os>::install(const tsc_calibration& c, duration renewed_every,
                                                      std::error_code& ec) noexcept {
  ec.clear();
  if (forbidden()) {
    ec = errc::counter_forbidden;
    return;
  }
  if (!plausible(c)) {
    ec = detail::errno_code(EINVAL);
    return;
  }
  const detail::writer_lock<Os> lock(state().writer, ec);
  if (!lock) return;
  state().anchor = {c.point(), 1e9 / c.rate().hertz(), c.uncertainty_ppm()};
  state().anchor_after_jump = false;
  state().calibration = c;
  draw(state().anchor, renewed_every);
}

template <class Reference, class Counter, class Os>
discipline_report basic_tsc_clock<Reference, Counter, Os>::discipline(duration renewed_every, std::error_code& ec) noexcept {
  using namespace steering_rule;
  ec.clear();
  tick_rate known;
  if (const detail::writer_lock<Os> lock(state().writer, ec); lock) known = state().calibration.rate();
  else return {};
  if (!known.known()) return ec = errc::not_calibrated, discipline_report{};
  if (forbidden()) return ec = errc::counter_forbidden, discipline_report{};
  clock_sample samples[burst];
  for (clock_sample& s : samples) s = detail::take_sample<Reference, measuring>();
  const clock_point point = locate(samples, known, ec);

  std::error_code busy;
  const detail::writer_lock<Os> lock(state().writer, busy);
  if (!lock) return ec = busy, discipline_report{};
  if (ec) return abandon(), discipline_report{};

  discipline_report report;
  bearing& anchor = state().anchor;
  const duration baseline = point.reference - anchor.point.reference;
  const double before = anchor.ns_per_tick;
  const auto look = [](const clock_point& p) { return clock_readings{p.at, p.reference, {}, {}, {}, p.half_width}; };
  // Another thread has looked between our reading and our turn: the two are no look and the next, and tell nothing. Where
  // both clocks seem to have gone back by hours, it was no thread.
  const duration open = 2 * (point.half_width + anchor.point.half_width);
  const double counted = static_cast<double>((point.at - anchor.point.at).signed_count()) * before;
  const bool overtaken = baseline <= open && baseline > -clock_event_rule::widest_set && counted <= static_cast<double>(open.count());
  if (!overtaken) report.events = classify(look(anchor.point), look(point), {tick_rate(frequency(1e9 / before)), 0});
  const bool jumped = report.events.has(clock_change::counter_jump);
  // Jumped twice in a row: the rate itself is another (a guest that was moved to another processor, a kernel whose tick was
  // set). A change that large shows between two looks however close they are.
  const bool again = jumped && state().anchor_after_jump;
  if (jumped && !again) {
    anchor.point = point; // the rate is still the best there is
    state().anchor_after_jump = true;
  } else if (baseline >= (again ? least_look : least_baseline) && point.at > anchor.point.at) {
    state().anchor_after_jump = false;
    const auto passed = static_cast<double>((point.at - anchor.point.at).count());
    const double noise = static_cast<double>((point.half_width + anchor.point.half_width).count());
    anchor = {point, static_cast<double>(baseline.count()) / passed, noise / static_cast<double>(baseline.count()) * 1e6};
    report.rate_change_ppm = (anchor.ns_per_tick / before - 1) * 1e6;
  }
  bearing here = anchor;
  here.point = point;
  report.rate = tick_rate(frequency(1e9 / anchor.ns_per_tick));
  report.half_width = point.half_width;
  const time_line old = state().lines.template settled<steady_reference>(&read_counter, &read_reference);
  if (old.holds_at(point.at.count())) report.offset = duration(old.after(point.at.count() - old.base)) - point.reference;
  draw(here, renewed_every);
  const time_line drawn = state().lines.template settled<steady_reference>(&read_counter, &read_reference);
  if (drawn.slope != drawn.cruise) report.works_off = report.rate.template to<duration>(ticks(drawn.turn));
  return report;
}

} // namespace takt::inline TAKT_ABI
