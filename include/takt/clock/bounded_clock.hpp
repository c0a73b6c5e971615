/// bounded_clock.hpp - UTC as an interval: the earliest and the latest that it may be now, for the price of tsc_clock.
///
///   const takt::bounded_time now = takt::bounded_clock::now();
///   if (now.known() && now.latest < deadline) ...      // UTC is certainly before the deadline
///   else if (!now.known()) std::cerr << explain(now);  // why there is no bound
///
/// The bound is what the time daemon states to the kernel (adjtimex(2), maximum error), as the kernel lets it grow, and
/// what takt's own readings add; detail/time_bound.hpp lists the sum. A sample of it is taken at most every 10 ms, by
/// the read that finds the last one too old, and extended in between along the line of tsc_clock. Without calibration
/// CLOCK_MONOTONIC is the line. A sample belongs to one segment of the line, and when that changes a read samples anew.
///
/// What daemons state:
///   chrony             half the root delay plus the root dispersion, plus what it has still to slew. It calls the
///                      clock synchronised only if its configuration has rtcsync, as that of Debian has.
///   ntpd               half the root delay plus the root dispersion, at each update of its loop.
///   systemd-timesyncd, phc2sys   an error of zero, whatever the network does. That is no bound: the status is unknown,
///                      and the reason no_error_stated.
/// Other daemons that do as the last two are recognised if the estimated error is zero or 16 s. chrony on a clock that
/// is better than 1 us may be taken for one of them, at one of 500 updates, until the next.
///
/// Steps. What a sample states of UTC stays true when CLOCK_REALTIME is set afterwards: the interval is extended by
/// time passed, not by what CLOCK_REALTIME shows. But the step says that the clock was wrong. A read notices steps,
/// suspends and leap seconds when it samples, so 10 ms after them at most (of time in which the machine was awake, and
/// longer while a thread is stopped that samples), and refresh() at once. It then grows `generation`; two readings with
/// the same generation have no step between them that was noticed. The kernel itself stops calling its clock
/// synchronised at a step, until the daemon states an error again. To be notified, wait on a clock_change_timer
/// (timer/) and call refresh().
///
/// Does not promise: that the servers and the daemon are right; UTC while servers smear a leap second, because then it
/// is their time scale that is bounded; a bound on a crystal that is more than 500 ppm off; to notice a suspend before
/// the first sample of the process (call refresh() at its start), and a step between two samples that was undone; to
/// notice that a virtual machine was stopped or restored, if its clocks only stood still and its kernel goes on to call
/// them synchronised. In a thread that may not read the counter, and under a filter that forbids clock_gettime(2), what
/// tsc_clock.hpp and posix_clock.hpp say of now(). Programs and plug-ins each sample for themselves.
/// Sources: adjtimex(2), ntp_adjtime(3); Linux 6.12 kernel/time/ntp.c; chrony 4.5 sys_generic.c and sys_timex.c
/// set_sync_status; ntp 4.2.8 ntpd/ntp_loopfilter.c; systemd 255 timesyncd-manager.c; linuxptp 4.2 clockadj.c.
#pragma once
#include <takt/clock/bounded_time.hpp>
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/bound_register.hpp>
#include <takt/clock/detail/time_bound.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/clock/detail/tsc_clock_state.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis
template <class Line = tsc_clock, class Os = linux_os> class basic_bounded_clock;
/// UTC as an interval, along the line of tsc_clock.
using bounded_clock = basic_bounded_clock<>;

// definitions

namespace detail {

// Default visibility, as that of tsc_state: a program and its shared objects share it.
template <class Reference, class Family, class Os>
[[gnu::visibility("default")]] inline constinit bound_register bound_state{};

} // namespace detail

/// Reads UTC as an interval. `Line` is a basic_tsc_clock on CLOCK_MONOTONIC, along which a sample is extended. Its
/// counter is read in order.
template <class Line, class Os> class basic_bounded_clock {
  using reference = typename Line::reference;
  using counter = typename Line::counter;
  using family = typename counter::family;
  static_assert(reference::is_steady, "a bound is extended along a clock that is not set");

public:
  /// How old a sample of the kernel's bound may be; the next read after that takes a new one.
  static constexpr std::chrono::nanoseconds max_age = detail::bound_parameters::max_age;

  /// Returns: an interval in which UTC lay at some moment during the call, and how that is known. Costs the read of the
  /// counter and some nanoseconds more than Line::now(); once in max_age, and after each change of the segment, two
  /// system calls and about 20 reads of clocks: some 2 us. Waits for no thread, takes no lock, allocates nothing, keeps
  /// errno; may be called in signal handlers and forked children. While another thread samples for the first time after
  /// a change of the segment, a step or a suspend, it measures for itself, and may then return unknown (unsettled).
  [[nodiscard]] static bounded_time now() noexcept {
    std::uint64_t c = 0;
    std::int64_t t = 0;
    const std::uint64_t segment = lines().newest();
    detail::bound_sample s;
    // Before a calibration the counter is not read: the thread may be forbidden to.
    if (segment != 0 && lines().try_read(segment, [] { return counter::read().count(); }, c, t)) [[likely]] {
      if (bounds().load(s) && fits(s, segment, t)) [[likely]] return s.at_time(t);
    }
    return slow_path();
  }

  /// Returns: as now(), after sampling the kernel's bound, however young the last sample is. Some 2 us. For callers
  /// that were notified of a change of the clock. While another thread samples, the interval may be that of the sample
  /// before, up to a second old, and `generation` as well: the change is in the sample of that thread or the next.
  static bounded_time refresh() noexcept {
    const int saved = errno;
    const bounded_time t = sample();
    errno = saved;
    return t;
  }

  /// Returns: an interval around UTC by another clock of the kernel, such as a PTP hardware clock (descriptor_clock()
  /// of an open /dev/ptp0 gives its id), which is ahead of UTC by `ahead` (a PTP clock shows TAI: 37 s since 2017). The
  /// kernel keeps no error for such a clock, so the caller states one, for example the bound that ptp4l's offset from
  /// its master and the asymmetry of the path leave; the status is then synchronised. With `stated` negative or
  /// nanoseconds::max() the status is unknown, and the reason no_error_stated. The interval is that of some moment
  /// during the call; a read of hardware takes microseconds. The generation is 0.
  /// Errors: those of read_clock(). One system call.
  [[nodiscard]] static bounded_time by_clock(clockid_t id, std::chrono::nanoseconds stated,
                                             std::chrono::nanoseconds ahead, std::error_code& ec) noexcept {
    using std::chrono::nanoseconds;
    using detail::saturating_add, detail::saturating_subtract;
    bounded_time b;
    const nanoseconds shown = read_clock<access::syscall, Os>(id, ec);
    b.reason = ec ? bounded_time::reason_kind::unavailable : bounded_time::reason_kind::no_error_stated;
    if (ec || stated < nanoseconds::zero() || stated == nanoseconds::max()) return b;
    const nanoseconds utc = saturating_subtract(shown, ahead);
    b.status = bounded_time::status_kind::synchronised, b.reason = bounded_time::reason_kind::stated;
    b.earliest = bounded_time::time_point(saturating_subtract(utc, stated));
    b.latest = bounded_time::time_point(saturating_add(utc, stated));
    return b;
  }
#if TAKT_EXCEPTIONS
  [[nodiscard]] static bounded_time by_clock(clockid_t id, std::chrono::nanoseconds stated,
                                             std::chrono::nanoseconds ahead) {
    return detail::or_throw([&](std::error_code& ec) { return by_clock(id, stated, ahead, ec); },
                            [&] { return "clock_gettime: " + detail::clock_text(id) + " cannot be read"; });
  }
#endif

private:
  [[nodiscard]] static detail::tsc_clock_state& state() noexcept { return detail::tsc_state<reference, family, Os>; }
  [[nodiscard]] static detail::line_register& lines() noexcept { return state().lines; }
  [[nodiscard]] static detail::bound_register& bounds() noexcept { return detail::bound_state<reference, family, Os>; }

  /// Returns: whether the sample may be extended to the line's time `t`.
  [[nodiscard]] static bool fits(const detail::bound_sample& s, std::uint64_t segment, std::int64_t t) noexcept {
    return s.segment == segment && static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(s.at) < s.max_age;
  }
  /// Returns: whether the line shows `t` by `segment` now. Without a segment the line is the kernel's clock.
  [[nodiscard]] static bool read_line(std::uint64_t& segment, std::int64_t& t) noexcept {
    segment = lines().newest();
    if (segment == 0) {
      t = std::chrono::nanoseconds(Line::now().time_since_epoch()).count();
      return lines().newest() == 0;
    }
    detail::time_line line;
    bool decided = false;
    if (!lines().get(segment, line, decided) || !decided) return false;
    const std::uint64_t c = counter::read().count();
    t = line.after(c - line.base);
    return line.holds_at(c) && lines().newest() == segment;
  }
  /// Returns: the interval where the fast path of the line or a fresh sample is missing.
  [[nodiscard, gnu::noinline]] static bounded_time slow_path() noexcept {
    std::uint64_t segment = 0;
    std::int64_t t = 0;
    detail::bound_sample s;
    if (read_line(segment, t) && bounds().load(s) && fits(s, segment, t)) return s.at_time(t);
    return refresh();
  }

  [[nodiscard]] static bool same_statement(const detail::adjtimex_answer& a, const detail::adjtimex_answer& b) noexcept;
  [[nodiscard]] static detail::bound_reading read_everything() noexcept;
  [[nodiscard, gnu::noinline]] static bounded_time sample() noexcept;
};

/// Returns: whether the kernel said the same twice, but for the turn of a second between.
template <class Line, class Os>
bool basic_bounded_clock<Line, Os>::same_statement(const detail::adjtimex_answer& a,
                                                   const detail::adjtimex_answer& b) noexcept {
  const long grown = b.values.maxerror - a.values.maxerror;
  return a.state == b.state && a.values.status == b.values.status && a.values.tai == b.values.tai &&
         (grown == 0 || grown == detail::bound_parameters::kernel_step);
}

/// Returns: what a sample is drawn from. The kernel is asked before and after the clocks are read, because a step in
/// between would give a bound to a reading that it was not stated for.
template <class Line, class Os>
detail::bound_reading basic_bounded_clock<Line, Os>::read_everything() noexcept {
  constexpr int attempts = 3;
  static_cast<void>(Line::now()); // renews a segment that has ended
  const access path = state().by_system_call.load(std::memory_order_relaxed) != 0 ? access::syscall : access::vdso;
  detail::bound_reading r;
  for (int i = 0; i < attempts; ++i) {
    r = detail::bound_reading();
    detail::time_line line;
    bool decided = false;
    r.segment = lines().newest();
    r.usable = r.segment == 0 || (lines().get(r.segment, line, decided) && decided && line.life != 0);
    detail::adjtimex_answer before;
    r.refused = Os::read_adjtimex(before.values, before.state) != 0;
    if (r.segment != 0 && r.usable) {
      r.clocks = detail::read_all_clocks<counter, Os>(tick_rate(frequency(1e9 / line.cruise.ratio())), path);
      const std::uint64_t since = r.clocks.counter.count() - line.base;
      r.at = line.after(since), r.usable = line.holds_at(r.clocks.counter.count());
      r.cruise = line.cruise.ratio(), r.slope = since < line.turn ? line.slope.ratio() : r.cruise;
    } else {
      r.clocks = detail::read_all_clocks<detail::no_counter, Os>(tick_rate(), path);
      r.at = r.clocks.monotonic->count();
    }
    if (!r.usable) r.segment = 0; // for this moment alone, CLOCK_MONOTONIC is the line
    r.refused = r.refused || Os::read_adjtimex(r.answer.values, r.answer.state) != 0;
    r.settled = r.refused || same_statement(before, r.answer);
    if (r.settled) break;
  }
  return r;
}

/// Returns: the interval by a new sample, which it publishes if no other thread is sampling.
template <class Line, class Os> bounded_time basic_bounded_clock<Line, Os>::sample() noexcept {
  using status = bounded_time::status_kind;
  if (detail::bound_memory* const memory = bounds().claim(Os::fork_count()); memory != nullptr) {
    const detail::bound_sample s = detail::draw_bounds(read_everything(), *memory);
    bounds().publish(s);
    return s.at_time(s.at);
  }
  // Another thread is sampling, or was stopped while it did. The last sample serves for up to a second, which is far
  // below what at_time() can take; it is only wider than a new one.
  constexpr std::uint64_t second = 1'000'000'000;
  std::uint64_t segment = 0;
  std::int64_t t = 0;
  detail::bound_sample s;
  const bool there = bounds().load(s);
  if (there && s.max_age != 0 && read_line(segment, t) && s.segment == segment &&
      static_cast<std::uint64_t>(t) - static_cast<std::uint64_t>(s.at) < second)
    return s.at_time(t);
  // What is remembered of steps and suspends is not accessible here. A bound that rests on it is not given.
  detail::bound_memory none;
  const detail::bound_sample own = detail::draw_bounds(read_everything(), none);
  bounded_time b = own.at_time(own.at);
  b.generation = s.generation;
  // REALTIME less the line changes only where the clock was set or the machine slept. Then the two do not meet, and
  // whether the kernel can be believed is for the memory to say.
  const bool meet = own.status == status::unknown || (own.lowest <= s.highest && s.lowest <= own.highest);
  const bool same = there && s.status == own.status && meet;
  if (!same && (own.status == status::synchronised || s.status == status::holding_over)) {
    b = bounded_time();
    b.reason = bounded_time::reason_kind::unsettled;
  }
  return b;
}

} // namespace takt::inline TAKT_ABI
