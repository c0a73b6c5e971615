/// tsc_clock_discipline.hpp - how a tsc_clock is calibrated, disciplined and renewed: definitions of members of
/// basic_tsc_clock. Include tsc_clock.hpp, whose contracts these are.
///
/// Which segment follows is decided by detail/steering.hpp, how it is published by detail/line_register.hpp. Here the
/// two clocks are read, the writer's lock is taken, and what writers know is replaced.
#pragma once
#include <takt/clock/calibration.hpp>
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/line_register.hpp>
#include <takt/clock/detail/steering.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/clock/detail/tsc_clock_state.hpp>
#include <takt/clock/detail/writer_lock.hpp>
#include <takt/clock/discipline_report.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/core/ticks.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <system_error>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// The synopsis is the class, in tsc_clock.hpp.

// definitions

/// Renews a segment that a reader found ended. That reader has read both clocks already, so this reads the reference
/// five times more, to publish; where reads are disturbed, up to nine times. No system call.
template <class Reference, class Counter, class Os>
void basic_tsc_clock<Reference, Counter, Os>::renew(const detail::ended_line& ended) noexcept {
  constexpr int max_readings = 5;
  constexpr std::uint64_t wide = 2;    // a bracket of more than 2 * order_margin_ns is too wide
  if (by_system_call()) return;
  detail::bracketed_reading best{tick_point(ended.before), duration(ended.reference), tick_point(ended.after)};
  if (!detail::is_renewable(ended.line, {best.before, best.reference, duration::zero()}, steady_reference)) return;
  const auto width = [](const detail::bracketed_reading& r) { return (r.after - r.before).count(); };
  detail::bracketed_reading last = best;
  for (int i = 1; i < max_readings && width(best) > detail::narrow_bracket(ended.line.margin); ++i) {
    last = detail::take_sample<Reference, measuring>();
    if (width(last) < width(best)) best = last;
  }
  const std::uint64_t base = last.after.count();
  if (width(best) > ended.line.margin * wide || ended.line.holds_at(base)) return;
  const auto half_width = static_cast<double>(width(best)) / 2 * ended.line.cruise.ratio();
  const clock_point here{best.before + ticks(width(best) / 2), best.reference, detail::rounded(half_width + 1)};
  if (!detail::is_renewable(ended.line, here, steady_reference)) return;
  const detail::time_line next = detail::renewed_line(ended.line, here, base, steady_reference);
  // If it returns false, another thread was first, and its segment serves as well.
  static_cast<void>(
      state().lines.template publish<steady_reference>(next, ended.number, &read_counter, &read_reference,
                                                       detail::claiming_process<Os>()));
}

/// Whether this thread may read the counter and the machine's counter is a clock; if not, the kernel's path is chosen.
template <class Reference, class Counter, class Os>
TAKT_UNWINDS bool basic_tsc_clock<Reference, Counter, Os>::may_read_counter(std::error_code& ec) {
  ec.clear();
  if constexpr (hardware) {
    using bits = detail::tsc_clock_state;
    const bool mine = forbidden();
    if (mine) state().by_system_call.fetch_or(bits::forbidden, std::memory_order_relaxed);
    const verdict v = judge(verdict::facts::gather<Os>());
    if (v.recommended == clock_path::system_call)
      state().by_system_call.fetch_or(bits::untrusted, std::memory_order_relaxed);
    else state().by_system_call.fetch_and(~bits::untrusted, std::memory_order_relaxed);
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
    const auto read_real = []() noexcept -> duration {
      if (by_system_call()) return detail::by_system_call<real>::type::now().time_since_epoch();
      return real::now().time_since_epoch();
    };
    return detail::ahead_by_readings([]() noexcept { return duration(read_reference()); }, read_real);
  }
}

/// Effects: publishes the segment that follows from `b`. A segment that is not valid makes reads take the kernel's
/// path, raised as far as needed so that no read goes backwards.
/// Returns: whether it did; false if other publishers were stopped in the middle (line_register::max_skipped).
/// Precondition: the caller holds the writer's lock.
template <class Reference, class Counter, class Os>
bool basic_tsc_clock<Reference, Counter, Os>::draw(const detail::clock_estimate& b, duration renewed_every,
                                                   bool valid) noexcept {
  auto& lines = state().lines;
  constexpr int attempts = 16; // readers that publish may be first, but they do so twice in the life of a segment
  for (int i = 0; i < attempts; ++i) {
    detail::time_line old;
    std::uint64_t number = lines.newest();
    const bool first = number == 0;
    if (!first) old = lines.template settled<steady_reference>(number, &read_counter, &read_reference);
    detail::time_line line =
        detail::draw_line(first ? nullptr : &old, b, read_counter(), renewed_every, steady_reference);
    if (!valid) line.life = 0;
    if (lines.template publish<steady_reference>(line, number, &read_counter, &read_reference,
                                                 detail::claiming_process<Os>()))
      return true;
  }
  return false;
}

/// Effects: gives the clock up: it has no calibration any more, and reads take the kernel's path.
/// Returns: as draw().
/// Precondition: the caller holds the writer's lock.
template <class Reference, class Counter, class Os> bool basic_tsc_clock<Reference, Counter, Os>::abandon() noexcept {
  detail::tsc_writer_state next = state().known();
  next.calibration = {};
  state().commit(next);
  detail::clock_estimate b = next.anchor;
  b.point = {tick_point(read_counter()), duration(read_reference()), duration::zero()};
  return draw(b, duration::zero(), false);
}

/// Returns: whether the rate of `c` is one that a counter can have, and its point fits what the clocks show now.
template <class Reference, class Counter, class Os>
bool basic_tsc_clock<Reference, Counter, Os>::plausible(const tsc_calibration& c) noexcept {
  using namespace detail::calibration_parameters;
  const double hertz = c.rate().hertz();
  if (!(hertz >= min_hertz && hertz <= max_hertz && c.uncertainty_ppm() >= 0)) return false;
  if (c.point().half_width < duration::zero() || c.point().half_width > farthest_point) return false;
  const auto passed = static_cast<double>((tick_point(read_counter()) - c.point().at).signed_count());
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
  const detail::clock_estimate anchor{c.point(), 1e9 / c.rate().hertz(), c.uncertainty_ppm()};
  state().commit({c, anchor, false, renewed_every});
  if (!draw(anchor, renewed_every)) ec = detail::errno_code(EAGAIN);
}

template <class Reference, class Counter, class Os>
auto basic_tsc_clock<Reference, Counter, Os>::discipline_by(const duration* renewed_every,
                                                            std::error_code& ec) noexcept -> report {
  using namespace detail::steering_parameters;
  ec.clear();
  tick_rate known;
  if (const detail::writer_lock<Os> lock(state().writer, ec); lock) known = state().known().calibration.rate();
  else return {};
  if (!known.known()) return ec = errc::not_calibrated, report{};
  if (forbidden()) return ec = errc::counter_forbidden, report{};
  detail::bracketed_reading samples[burst];
  clock_point point;
  // A clock that jumps in the middle has done so when the readings are taken again.
  for (int attempt = 0; attempt == 0 || (ec == errc::clocks_disagree && attempt < 3); ++attempt) {
    for (detail::bracketed_reading& s : samples) s = detail::take_sample<Reference, measuring>();
    point = detail::locate(samples, known, ec);
  }

  std::error_code busy;
  const detail::writer_lock<Os> lock(state().writer, busy);
  if (!lock) return ec = busy, report{};
  if (ec) return abandon(), report{};

  report found;
  detail::tsc_writer_state next = state().known();
  if (renewed_every != nullptr) next.renewed_every = *renewed_every;
  detail::clock_estimate& anchor = next.anchor;
  const duration baseline = detail::saturating_subtract(point.reference, anchor.point.reference);
  const double before = anchor.ns_per_tick;
  const auto readings = [](const clock_point& p) {
    return detail::clock_readings{p.at, p.reference, {}, {}, {}, p.half_width};
  };
  // If another thread disciplined the clock between this thread's readings and its lock, the two readings are out of
  // order and show nothing. If both clocks seem to have gone back by an hour or more, another thread is not the cause.
  const duration open = detail::both_twice(point.half_width, anchor.point.half_width);
  const double counted = static_cast<double>((point.at - anchor.point.at).signed_count()) * before;
  const bool overtaken = baseline <= open && baseline > -detail::clock_change_parameters::widest_set &&
                         counted <= static_cast<double>(open.count());
  if (!overtaken)
    found.events = detail::classify(readings(anchor.point), readings(point), {tick_rate(frequency(1e9 / before)), 0});
  const bool jumped = found.events.has(clock_changes::kind::counter_jump);
  // A second jump in a row means that the rate itself has changed (a guest that was moved to another processor, a
  // kernel whose tick was set). A change that large shows between two readings however close they are.
  const bool again = jumped && next.anchor_after_jump;
  if (jumped && !again) {
    anchor.point = point; // the rate is still the best there is
    next.anchor_after_jump = true;
  } else if (baseline >= (again ? min_check_distance : min_baseline) && point.at > anchor.point.at) {
    next.anchor_after_jump = false;
    const auto passed = static_cast<double>((point.at - anchor.point.at).count());
    const double noise = static_cast<double>(detail::saturating_add(point.half_width, anchor.point.half_width).count());
    anchor = {point, static_cast<double>(baseline.count()) / passed,
              noise / static_cast<double>(baseline.count()) * 1e6};
    found.rate_change_ppm = (anchor.ns_per_tick / before - 1) * 1e6;
  }
  detail::clock_estimate here = anchor;
  here.point = point;
  found.rate = tick_rate(frequency(1e9 / anchor.ns_per_tick));
  found.half_width = point.half_width;
  const detail::time_line old = state().lines.template settled<steady_reference>(&read_counter, &read_reference);
  if (old.holds_at(point.at.count()))
    found.offset = detail::saturating_subtract(duration(old.after(point.at.count() - old.base)), point.reference);
  state().commit(next);
  if (!draw(here, next.renewed_every)) ec = detail::errno_code(EAGAIN);
  const detail::time_line drawn = state().lines.template settled<steady_reference>(&read_counter, &read_reference);
  if (drawn.slope != drawn.cruise) found.slewing_for = found.rate.template to<duration>(ticks(drawn.turn));
  return found;
}

} // namespace takt::inline TAKT_ABI
