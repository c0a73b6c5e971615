/// history_dating.hpp - the time of a tick, by the points of a history around it, and how wrong that may be.
///
/// Between two points the time lies on the straight line that joins them (the chord). The reference did not: NTP steers
/// it, and a counter may leap. How far it may have been from the chord is seen from the rates before and after. Let the
/// chord be T long, and its rate differ by d from that of a neighbour. If the reference changed its rate once within
/// the chord, x of the way along, by s, then it was off the chord by at most s * x * (1 - x) * T. The neighbours differ
/// from the chord by s * (1 - x) and s * x, so d * T is not less. If the reference changed its rate for less than a
/// chord, or it or the counter leapt, by J in all, then d * T is J, and it was off by no more. And a steady reference
/// is never off by more than the chord is high. So the error is the bound of the readings, plus the smaller of d * T
/// and the height, with the largest d of four neighbours, and with the error of the readings in it.
///
/// Outside the points, and between two of them that are far apart, the rate may have changed by jump_ppm.
///
/// A counter that was reset shows some ticks twice. The points are divided into runs in which counter and reference
/// both grow. A tick that several runs have gets the time by the last of them, and an error that covers all.
///
/// Does not promise: to notice changes that cancel out between two points.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/history_format.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/core/config.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

// synopsis
/// Points in which counter and reference grow.
struct history_run {
  std::size_t begin = 0, end = 0;      ///< the numbers of its points
  double ns_per_tick = 0, ppm = -1;    ///< the rate before its first point; `ppm` is negative where that is unknown
};

/// A tick as a history dates it. Times are nanoseconds.
struct history_date {
  std::int64_t time = 0;   ///< the reference at that tick, since its epoch
  std::int64_t error = std::numeric_limits<std::int64_t>::max(); ///< how far it may have been from `time`
  std::int64_t system = 0; ///< how far the system clock was ahead, at the first point after the tick
  bool extrapolated = true;
  std::uint64_t distance = ~std::uint64_t{0}; ///< in ticks from the run; 0: within
};

template <class = for_callers>
[[nodiscard]] std::vector<history_run> runs_of(const history_content& h);
template <class = for_callers>
[[nodiscard]] history_date date_by_history(std::span<const history_point> points, std::span<const history_run> runs,
                                           std::uint64_t tick) noexcept;

// definitions

namespace history_parameters {
/// A rate is compared with that of a neighbour which is at least this fraction as long. The rate of a shorter one is
/// less certain.
inline constexpr std::uint64_t min_fraction = 2;
/// So many neighbours on each side are compared. With one, a slew that is divided equally between two chords would not
/// show where one of these is the first or the last.
inline constexpr int neighbours = 2;
/// A neighbour is made of at most this many chords.
inline constexpr std::size_t max_chords = 64;
/// Points further apart than this, in ns, say too little about the time between them. It is twice the longest life of a
/// segment that nobody renews by a plan, so that a program without a keeper that saves now and then is served.
inline constexpr std::int64_t max_gap = 1'200'000'000'000;
/// Beyond the points, the rate is that of the chord at the end, which is at least this long, in ns, if the run is.
inline constexpr std::int64_t min_end = 500'000'000;
} // namespace history_parameters

/// A rate, in ns per tick, and how far it may be off, likewise.
struct chord_rate {
  double rate = 0, error = 0;
  bool known = false;
};

/// Returns: the rate between two points of a run.
[[nodiscard]] constexpr chord_rate rate_between(const history_point& a, const history_point& b) noexcept {
  const auto ticks = static_cast<double>(b.tick - a.tick);
  const auto open = static_cast<double>(a.half_width + b.half_width + 1);
  return {static_cast<double>(b.reference - a.reference) / ticks, open / ticks, true};
}
[[nodiscard]] constexpr std::int64_t saturated_ns(double ns) noexcept {
  return ns < 0x1p62 ? static_cast<std::int64_t>(ns) : std::numeric_limits<std::int64_t>::max();
}

template <class> std::vector<history_run> runs_of(const history_content& h) {
  std::vector<history_run> runs;
  std::size_t next = 0; // the first section that begins at the point or after it
  for (std::size_t i = 0; i < h.points.size(); ++i) {
    const bool grows = i > 0 && h.points[i].tick > h.points[i - 1].tick &&
                       h.points[i].reference >= h.points[i - 1].reference;
    while (next < h.sections.size() && h.sections[next].begin < i) ++next;
    if (!grows) {
      // Of sections without a point, the last counts.
      std::size_t of = next;
      while (of + 1 < h.sections.size() && h.sections[of + 1].begin == i) ++of;
      const bool begins = of < h.sections.size() && h.sections[of].begin == i;
      runs.push_back(begins ? history_run{i, i, h.sections[of].ns_per_tick, h.sections[of].ppm} : history_run{i, i});
    }
    runs.back().end = i + 1;
  }
  return runs;
}

/// Returns: the time at a tick after the first point of a run and not after its last.
template <class = for_callers>
[[nodiscard]] history_date date_within(std::span<const history_point> p, const history_run& run,
                                       std::uint64_t tick) noexcept {
  using namespace history_parameters;
  const auto after = std::lower_bound(p.begin() + 1, p.end() - 1, tick,
                                      [](const history_point& a, std::uint64_t t) { return a.tick < t; });
  const auto k = static_cast<std::size_t>(after - p.begin()) - 1;
  const history_point &a = p[k], &b = p[k + 1];
  const std::uint64_t ticks = b.tick - a.tick, since = tick - a.tick;
  const auto height = static_cast<std::uint64_t>(b.reference - a.reference);
  const auto passed = static_cast<std::uint64_t>(static_cast<uint128>(height) * since / ticks);

  const chord_rate chord = rate_between(a, b);
  const auto length = static_cast<double>(ticks), high = static_cast<double>(height);
  double off = -1;
  const auto compare = [&](const chord_rate& neighbour) {
    const double d = chord.rate - neighbour.rate;
    off = std::max(off, ((d < 0 ? -d : d) + neighbour.error + chord.error) * length);
  };
  const std::uint64_t min_length = ticks / min_fraction;
  std::size_t from = k;
  for (int n = 0; n < neighbours && from > 0; ++n) {
    const std::size_t to = from--;
    while (from > 0 && to - from < max_chords && p[to].tick - p[from].tick < min_length) --from;
    compare(rate_between(p[from], p[to]));
  }
  if (k == 0 && run.ppm >= 0) compare({run.ns_per_tick, run.ns_per_tick * run.ppm * 1e-6, true});
  from = k + 1;
  for (int n = 0; n < neighbours && from + 1 < p.size(); ++n) {
    const std::size_t begin = from++;
    while (from + 1 < p.size() && from - begin < max_chords && p[from].tick - p[begin].tick < min_length) ++from;
    compare(rate_between(p[begin], p[from]));
  }
  constexpr double jump = clock_change_parameters::jump_ppm * 1e-6;
  if (off < 0) off = high * jump / 4; // no neighbour: a step of the rate by so much, half-way

  history_date d;
  d.extrapolated = b.reference - a.reference > max_gap;
  if (d.extrapolated) {
    const double near = static_cast<double>(std::min(passed, height - passed));
    off = std::max(off, near * jump);
  }
  d.time = a.reference + static_cast<std::int64_t>(passed);
  d.error = saturating_sum(std::max(a.half_width, b.half_width), saturated_ns(std::min(off, high) + 2));
  d.system = b.system;
  d.distance = 0;
  return d;
}

/// Returns: the time at a tick before the first or after the last point of a run.
template <class = for_callers>
[[nodiscard]] history_date date_outside(std::span<const history_point> p, const history_run& run, bool before,
                                        std::uint64_t distance) noexcept {
  using namespace history_parameters;
  const history_point& end = before ? p.front() : p.back();
  chord_rate rate;
  std::size_t j = 1;
  const auto from_end = [&](std::size_t n) -> const history_point& { return before ? p[n] : p[p.size() - 1 - n]; };
  const auto length = [&](const history_point& a) {
    return before ? a.reference - end.reference : end.reference - a.reference;
  };
  while (j + 1 < p.size() && length(from_end(j)) < min_end) ++j;
  if (j < p.size()) rate = before ? rate_between(end, from_end(j)) : rate_between(from_end(j), end);
  const chord_rate nominal{run.ns_per_tick, run.ns_per_tick * run.ppm * 1e-6, true};
  if (run.ppm >= 0 && (!rate.known || (before && nominal.error < rate.error))) rate = nominal;

  history_date d;
  d.distance = distance;
  d.system = end.system;
  d.time = end.reference;
  if (distance == 0) {
    d.error = saturating_sum(end.half_width, 1);
    d.extrapolated = false;
  } else if (rate.known) {
    const auto ticks = static_cast<double>(distance);
    const double ns = ticks * rate.rate;
    const std::int64_t by = saturated_ns(ns);
    d.time = before ? saturating_difference(d.time, by) : saturating_sum(d.time, by);
    const double off = ns * (clock_change_parameters::jump_ppm * 1e-6) + ticks * rate.error;
    if (ns < 0x1p62) d.error = saturating_sum(end.half_width, saturated_ns(off + 2));
  }
  return d;
}

template <class>
history_date date_by_history(std::span<const history_point> points, std::span<const history_run> runs,
                             std::uint64_t tick) noexcept {
  history_date best;
  for (const history_run& run : runs) {
    const std::span<const history_point> p = points.subspan(run.begin, run.end - run.begin);
    const std::uint64_t first = p.front().tick, last = p.back().tick;
    history_date d;
    if (tick > first && tick <= last) {
      d = date_within(p, run, tick);
    } else {
      // The nearer end, the counter being a circle.
      const std::uint64_t before = first - tick, after = tick - last;
      d = date_outside(p, run, before < after, std::min(before, after));
    }
    // If both are within, either may be meant.
    if (d.distance == 0 && best.distance == 0) {
      const std::int64_t apart = d.time < best.time ? saturating_difference(best.time, d.time)
                                                    : saturating_difference(d.time, best.time);
      d.error = std::max(d.error, saturating_sum(apart, best.error));
    }
    if (d.distance <= best.distance) best = d;
  }
  return best;
}

} // namespace takt::inline TAKT_ABI::detail
