/// stamp_map.hpp - what other tracers stamp, on takt's ticks and back: perf, ftrace, and the kernel's clocks.
///
///   takt::stamp_map stamps;                             // after tsc_clock::calibrate(), or with a clock_keeper
///   stamps.sample();                                    // before, after, and now and then: three times or more
///   using clock = takt::stamp_map::clock;
///   auto s = stamps.from_ticks(tick, clock::perf, ec);  // s.time +/- s.error, as perf script prints it
///   auto b = stamps.to_ticks(t, clock::boottime, ec);   // b.at +/- b.error: ftrace's trace clock `boot`
///   auto u = stamps.convert(t, clock::perf, clock::realtime, ec);
///
/// A sample compares the counter with all clocks. The counter is what they have in common, so every conversion goes by
/// it. The trace clock x86-tsc is the counter itself: its stamps are tick_point(number). Between two samples:
///
///   - CLOCK_MONOTONIC (`mono`) and MONOTONIC_RAW (`mono_raw`) are dated as detail/history_dating.hpp does it: steering
///     between two samples is in the error, if there are three samples or more.
///   - BOOTTIME, REALTIME and TAI are MONOTONIC plus a distance, which changes only when the clock is set, in a leap
///     second, or in suspend. What one sample after the other says of the distance is intersected. Where it changed,
///     the size of the change is in the error.
///   - perf's clock follows from its page, exactly (clock/perf_clock.hpp). Where the page does not say it, a sample
///     measures it: a burst of page faults, which perf stamps, between two readings of the counter each.
///
/// Inside a time namespace the clocks are nevertheless the kernel's own, by which tracers stamp.
///
/// Does not promise: an error that holds before the first sample and after the last (`extrapolated`), if a clock is set
/// or the machine suspended there; steering by up to 1000 ppm is in it. Nor to notice changes that cancel out between
/// two samples. A tracer that prints microseconds adds an error of one: perf script --ns prints all digits.
/// Sources: Linux 6.12 kernel/time/timekeeping.c (ktime_get_mono_fast_ns, tk_set_wall_to_mono), Documentation/trace/
/// ftrace.rst (trace_clock); perf-record(1) -k.
#pragma once
#include <takt/clock/clock_point.hpp>
#include <takt/clock/detail/history_dating.hpp>
#include <takt/clock/perf_clock.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/observe/detail/stamp_lines.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
class stamp_map;

// definitions

/// Comparisons of the counter with the clocks of tracers, and the conversions that follow. Many threads may convert at
/// a time, while none adds a sample.
class stamp_map {
public:
  /// Clocks by which tracers stamp, in nanoseconds since their epochs.
  enum class clock : std::uint8_t {
    perf,          ///< perf's own, also the trace clock `perf`
    monotonic,     ///< CLOCK_MONOTONIC, the trace clock `mono`
    monotonic_raw, ///< CLOCK_MONOTONIC_RAW, `mono_raw`
    boottime,      ///< CLOCK_BOOTTIME, `boot`
    realtime,      ///< CLOCK_REALTIME
    tai,           ///< CLOCK_TAI, `tai`
  };
  static constexpr std::size_t clocks = 6;         ///< the number of them
  static constexpr std::size_t max_samples = 4096; ///< more are refused

  /// A time of a clock.
  struct stamp {
    std::chrono::nanoseconds time{};                                  ///< since the epoch of the clock
    std::chrono::nanoseconds error = std::chrono::nanoseconds::max(); ///< how far the clock may have been from `time`
    bool extrapolated = true; ///< not between two samples within 20 minutes of each other
  };
  /// A reading of the counter.
  struct tick_stamp {
    tick_point at;                                                    ///< what the counter showed
    std::chrono::nanoseconds error = std::chrono::nanoseconds::max(); ///< by how much time it may have shown it earlier
                                                                      ///< or later
    bool extrapolated = true; ///< as in stamp
  };
  /// What one clock showed, or why that is unknown.
  struct reading {
    clock_point point; ///< the counter and the clock at one moment, if `unknown` is no error
    /// Why the clock is unknown.
    std::error_code unknown = std::make_error_code(std::errc::no_message_available);
  };
  /// A comparison of all clocks at one moment.
  struct comparison {
    clock_point line;        ///< CLOCK_MONOTONIC as the process sees it
    tick_rate rate;          ///< the counter against it
    double ppm = -1;         ///< the uncertainty of `rate`; negative: unknown
    perf_clock perf;         ///< by its page; unknown where that does not say it
    reading shown[clocks];   ///< by the number of the clock; perf's where it was measured
  };

  /// Returns: the clock that ftrace's file trace_clock, `perf record -k` or clock_gettime(2) calls so: "boot",
  /// "monotonic_raw", "CLOCK_REALTIME"; nullopt for any other, also for x86-tsc, which is the counter itself.
  [[nodiscard]] static std::optional<clock> named(std::string_view name) noexcept {
    constexpr std::string_view prefix = "CLOCK_";
    const bool upper = name.substr(0, prefix.size()) == prefix;
    if (upper) name.remove_prefix(prefix.size());
    struct row {
      clock which;
      std::string_view names[4]; ///< of ftrace, two of perf, and after "CLOCK_"
    };
    constexpr row rows[] = {{clock::perf, {"perf", "perf", "perf", ""}},
                            {clock::monotonic, {"mono", "monotonic", "mono", "MONOTONIC"}},
                            {clock::monotonic_raw, {"mono_raw", "monotonic_raw", "raw", "MONOTONIC_RAW"}},
                            {clock::boottime, {"boot", "boottime", "boot", "BOOTTIME"}},
                            {clock::realtime, {"real", "realtime", "real", "REALTIME"}},
                            {clock::tai, {"tai", "tai", "tai", "TAI"}}};
    if (name.empty()) return std::nullopt;
    for (const row& r : rows) {
      const auto &[tracing, full, perf, constant] = r.names;
      if (upper ? name == constant : name == tracing || name == full || name == perf) return r.which;
    }
    return std::nullopt;
  }

  /// Effects: compares all clocks now. A clock that cannot be read does not prevent the others: why() has the reason.
  /// Errors: not_calibrated before Clock::calibrate(); counter_forbidden; those of locate(); of add(); ENOMEM. Costs
  /// some 50 us; 400 us where perf's clock is measured.
  template <class Clock = tsc_clock> TAKT_UNWINDS void sample(std::error_code& ec) noexcept {
    const comparison c = detail::stamp_source<Clock>::template compare<comparison>(ec);
    if (!ec) add(c, ec);
  }
#if TAKT_EXCEPTIONS
  template <class Clock = tsc_clock> void sample() {
    detail::or_throw([this](std::error_code& ec) { sample<Clock>(ec); },
                     [] { return "takt::stamp_map::sample: needs a calibrated clock: takt::tsc_clock::calibrate()"; });
  }
#endif
  /// Effects: adds a comparison, which the caller has made or kept. Errors: EINVAL for one that makes no sense;
  /// reference_went_back if it was not made after the one before; ENOBUFS above max_samples; ENOMEM. Linear in the
  /// number of samples.
  TAKT_UNWINDS void add(const comparison& c, std::error_code& ec) noexcept {
    ec.clear();
    static_cast<void>(detail::or_no_memory(
        [&] {
          stamp_map next = *this; // so that nothing is half done where memory runs out
          next.add_sound(c, ec);
          if (!ec) *this = static_cast<stamp_map&&>(next);
          return 0;
        },
        ec));
  }

  /// Returns: the number of samples.
  [[nodiscard]] std::size_t size() const noexcept { return samples_; }
  /// Returns: why conversions from and to the clock are errors; none if they are not.
  [[nodiscard]] std::error_code why(clock c) const noexcept {
    if (!is_clock(c)) return detail::errno_code(EINVAL);
    if (size() == 0) return errc::too_few_samples;
    return knows(c) ? std::error_code() : unknown_[number(c)];
  }

  /// Returns: what the clock showed at a tick. Errors: those of why(). Costs some 100 ns, more with many steps.
  [[nodiscard]] stamp from_ticks(tick_point t, clock c, std::error_code& ec) const noexcept {
    ec = why(c);
    return ec ? stamp() : shown_at(t.count(), c);
  }
  /// Returns: the tick at which the clock showed `t`; the last one if it showed that twice between the samples, and the
  /// time between the two is in the error. Errors: those of why(); ERANGE for a time that the clock never showed,
  /// because it was set beyond it. Costs some 200 ns, more with many steps.
  [[nodiscard]] tick_stamp to_ticks(std::chrono::nanoseconds t, clock c, std::error_code& ec) const noexcept;
  /// Returns: what the clock `to` showed when `from` showed `t`. Errors: those of to_ticks() and from_ticks().
  [[nodiscard]] stamp convert(std::chrono::nanoseconds t, clock from, clock to, std::error_code& ec) const noexcept {
    const tick_stamp at = to_ticks(t, from, ec);
    if (ec) return {};
    ec = why(to);
    if (ec) return {};
    stamp s = shown_at(at.at.count(), to, at.error);
    // Meanwhile the clock went on, up to a thousandth faster than the counter.
    constexpr std::int64_t parts = 1000;
    s.error = detail::saturating_add(s.error, detail::saturating_add(at.error, at.error / parts));
    s.extrapolated = s.extrapolated || at.extrapolated;
    return s;
  }

private:
  static constexpr std::size_t number(clock c) noexcept { return static_cast<std::size_t>(c); }
  static constexpr bool is_clock(clock c) noexcept { return number(c) < clocks; }
  /// Whether the clock is dated by points of its own.
  [[nodiscard]] bool has_line(clock c) const noexcept {
    return c == clock::monotonic_raw || (c == clock::perf && pages_.empty());
  }
  [[nodiscard]] const detail::stamp_line& line_of(clock c) const noexcept {
    return c == clock::perf ? perf_ : raw_;
  }
  [[nodiscard]] bool knows(clock c) const noexcept {
    if (c == clock::perf && !pages_.empty()) return true;
    return has_line(c) ? !line_of(c).points().empty() : !distances_[number(c)].empty();
  }
  TAKT_UNWINDS void add_sound(const comparison& c, std::error_code& ec);
  /// `open`: the tick may be earlier or later by so much.
  [[nodiscard]] stamp shown_at(std::uint64_t tick, clock c, std::chrono::nanoseconds open = {}) const noexcept;

  std::size_t samples_ = 0;
  detail::stamp_line line_, raw_, perf_;
  std::vector<detail::stretch_of<perf_clock>> pages_;
  std::vector<detail::stretch_of<detail::distance>> distances_[clocks]; ///< from the line, of the clocks that follow it
  std::error_code unknown_[clocks]{};
};

TAKT_UNWINDS inline void stamp_map::add_sound(const comparison& c, std::error_code& ec) {
  using detail::errno_code;
  const std::int64_t now = c.line.reference.count();
  const auto point_of = [](const clock_point& p) {
    return detail::history_point{p.at.count(), p.reference.count(), p.half_width.count(), 0};
  };
  if (!c.rate.known() || !detail::is_sound(point_of(c.line))) return static_cast<void>(ec = errno_code(EINVAL));
  if (samples_ != 0 && now < line_.points().back().reference) return static_cast<void>(ec = errc::reference_went_back);
  if (size() >= max_samples) return static_cast<void>(ec = errno_code(ENOBUFS));
  // A reading that is further away than this from that of the line is of another moment.
  constexpr double max_apart = 1e9;
  const double period = 1e9 / c.rate.hertz();
  for (std::size_t i = 0; i < clocks; ++i) {
    const reading& r = c.shown[i];
    const double apart = static_cast<double>((r.point.at - c.line.at).signed_count()) * period;
    if (!r.unknown && (!detail::is_sound(point_of(r.point)) || !(apart < max_apart && apart > -max_apart)))
      return static_cast<void>(ec = errno_code(EINVAL));
  }

  line_.add(point_of(c.line), period, c.ppm);
  ++samples_;
  if (c.perf.known()) detail::add_to_stretches(pages_, now, c.perf);
  for (std::size_t i = 0; i < clocks; ++i) {
    const reading& r = c.shown[i];
    unknown_[i] = r.unknown;
    if (r.unknown) continue;
    const auto which = static_cast<clock>(i);
    if (which == clock::perf) {
      perf_.add(point_of(r.point), period, -1);
    } else if (which == clock::monotonic_raw) {
      raw_.add(point_of(r.point), period, -1);
    } else {
      const double apart = static_cast<double>((r.point.at - c.line.at).signed_count()) * period;
      constexpr double steering = detail::clock_change_parameters::jump_ppm * 1e-6;
      const auto ahead = r.point.reference.count() - now - static_cast<std::int64_t>(apart);
      const auto open = r.point.half_width.count() + c.line.half_width.count() + 2 +
                        static_cast<std::int64_t>((apart < 0 ? -apart : apart) * steering);
      detail::add_to_stretches(distances_[i], now, detail::distance{ahead - open, ahead + open});
    }
  }
}

inline stamp_map::stamp stamp_map::shown_at(std::uint64_t tick, clock c,
                                            std::chrono::nanoseconds open) const noexcept {
  using std::chrono::nanoseconds;
  const detail::history_date line = line_.at(tick);
  stamp s;
  if (has_line(c)) {
    const detail::history_date d = line_of(c).at(tick);
    s.time = nanoseconds(d.time), s.error = nanoseconds(d.error), s.extrapolated = d.extrapolated;
    return s;
  }
  s.extrapolated = line.extrapolated;
  const auto by = [&](const auto& stretches, auto value_at, std::int64_t error) {
    const std::int64_t unsure = detail::saturating_sum(line.error, open.count());
    const detail::stretch_choice at = detail::choose_stretch(stretches, line.time, unsure);
    const std::int64_t time = value_at(stretches[at.chosen].value);
    std::int64_t spread = 0;
    for (std::size_t i = at.first; i <= at.last; ++i) {
      const std::int64_t other = value_at(stretches[i].value);
      const std::int64_t apart =
          other < time ? detail::saturating_difference(time, other) : detail::saturating_difference(other, time);
      if (apart > spread) spread = apart;
    }
    s.time = nanoseconds(time), s.error = nanoseconds(detail::saturating_sum(error, spread));
    return at.chosen;
  };
  if (c == clock::perf) {
    const std::size_t chosen =
        by(pages_, [&](const perf_clock& p) { return p.from_ticks(tick_point(tick)).count(); }, 0);
    s.error = detail::saturating_add(s.error, pages_[chosen].value.error());
  } else {
    const auto& all = distances_[number(c)];
    const std::size_t chosen = by(
        all, [&](const detail::distance& d) { return detail::saturating_sum(line.time, d.middle()); }, line.error);
    s.error = detail::saturating_add(s.error, nanoseconds(all[chosen].value.half()));
  }
  return s;
}

inline stamp_map::tick_stamp stamp_map::to_ticks(std::chrono::nanoseconds t, clock c,
                                                 std::error_code& ec) const noexcept {
  using std::chrono::nanoseconds;
  tick_stamp found;
  ec = why(c);
  if (ec) return found;
  bool any = false;
  const auto distance = [this](std::uint64_t a, std::uint64_t b) { // of two ticks
    const auto apart = static_cast<double>(takt::ticks(a - b).signed_count()) * line_.ns_per_tick();
    return nanoseconds(detail::saturated_ns((apart < 0 ? -apart : apart) + 1));
  };
  // `tick_off(by, out)` sets `out` to the tick at which the clock showed `by` more, and returns whether there is one.
  const auto consider = [&](std::uint64_t tick, auto tick_off) {
    const stamp s = shown_at(tick, c);
    const bool early = s.time < t;
    const nanoseconds off = detail::saturating_subtract(early ? t : s.time, early ? s.time : t);
    if (off > s.error) return;
    if (any && s.extrapolated && !found.extrapolated) return; // a clock that was set back will show `t` again
    if (any && !s.extrapolated && found.extrapolated) any = false;
    // A clock that stood still while the counter went on, in suspend, showed the same time for many ticks.
    const nanoseconds around = detail::saturating_add(s.error, off);
    nanoseconds error = around;
    for (const std::int64_t by : {-around.count(), around.count()}) {
      std::uint64_t end = 0;
      error = detail::later(error, tick_off(by, end) ? distance(end, tick) : nanoseconds::max());
    }
    if (any) error = detail::saturating_add(detail::later(error, found.error), distance(tick, found.at.count()));
    any = true;
    found.at = tick_point(tick), found.error = error, found.extrapolated = s.extrapolated;
  };
  const auto by_line = [&](const detail::stamp_line& line, std::int64_t time) {
    std::uint64_t tick = 0;
    if (!line.tick_of(time, tick)) return;
    consider(tick, [&](std::int64_t by, std::uint64_t& out) {
      return line.tick_of(detail::saturating_sum(time, by), out);
    });
  };
  if (has_line(c)) {
    by_line(line_of(c), t.count());
  } else if (c == clock::perf) {
    for (const auto& page : pages_) { // a page has no such times
      const tick_point at = page.value.to_ticks(t, ec);
      if (!ec) consider(at.count(), [&](std::int64_t, std::uint64_t& out) { return out = at.count(), true; });
    }
  } else {
    for (const auto& d : distances_[number(c)])
      by_line(line_, detail::saturating_difference(t.count(), d.value.middle()));
  }
  ec = any ? std::error_code() : detail::errno_code(ERANGE);
  return found;
}

} // namespace takt::inline TAKT_ABI
