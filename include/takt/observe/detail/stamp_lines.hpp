/// stamp_lines.hpp - the parts of a stamp_map: lines through points, values that hold for a while, and the reading of
/// all clocks at one moment.
#pragma once
#include <takt/clock/clock_point.hpp>
#include <takt/clock/detail/history_dating.hpp>
#include <takt/clock/detail/history_format.hpp>
#include <takt/clock/detail/rate_estimate.hpp>
#include <takt/clock/detail/time_line.hpp>
#include <takt/clock/perf_clock.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>
#include <takt/core/timespec.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/sleep/grid_origin.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <system_error>
#include <time.h>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

// synopsis
class stamp_line;
template <class Clock> struct stamp_source;

// definitions

/// A clock of its own rate, as points that history_dating.hpp joins.
///
/// A chord between two samples that are close together says little about the rate, and as a neighbour it would make the
/// error of a long chord large. So where the first or the last chord is not half as long as its neighbour, and there is
/// another neighbour, the two are one chord.
class stamp_line {
public:
  [[nodiscard]] const std::vector<history_point>& points() const noexcept { return content_.points; }
  [[nodiscard]] double ns_per_tick() const noexcept { return ns_per_tick_; }
  /// Effects: adds a point. `ns_per_tick`: about the rate, to a thousandth; `ppm`: its uncertainty, negative where that
  /// is unknown.
  void add(const history_point& p, double ns_per_tick, double ppm) {
    auto& all = content_.points;
    if (all.empty()) content_.sections.assign(1, {0, ns_per_tick, ppm});
    const std::size_t n = all.size();
    const auto is_short = [](std::uint64_t chord, std::uint64_t neighbour) { return chord < neighbour / 2; };
    if (n > 0 && (p.tick <= all[n - 1].tick || p.reference < all[n - 1].reference)) {
      held_ = false; // the counter was reset
      all.push_back(p);
    } else if (held_) {
      all[n - 1] = p;
      if (!is_short(p.tick - before_last_.tick, before_last_.tick - all[n - 2].tick))
        all.insert(all.end() - 1, before_last_), held_ = false;
    } else if (n > 2 && all[n - 3].tick < all[n - 2].tick && all[n - 2].tick < all[n - 1].tick &&
               is_short(p.tick - all[n - 1].tick, all[n - 1].tick - all[n - 2].tick)) {
      before_last_ = all[n - 1], held_ = true;
      all[n - 1] = p;
    } else {
      all.push_back(p);
    }
    if (all.size() == 4 && !held_ && all[0].tick < all[1].tick && all[1].tick < all[2].tick &&
        all[2].tick < all[3].tick && is_short(all[1].tick - all[0].tick, all[2].tick - all[1].tick))
      all.erase(all.begin() + 1);
    ns_per_tick_ = ns_per_tick;
    runs_ = runs_of(content_);
  }
  /// Precondition: there is a point.
  [[nodiscard]] history_date at(std::uint64_t tick) const noexcept {
    return date_by_history(content_.points, runs_, tick);
  }
  /// Effects: sets `tick` to the one at which the clock showed about `time`; at() says how far that is from it.
  /// Returns: false if there is none within 2^62 ticks of a point. Precondition: there is a point.
  [[nodiscard]] bool tick_of(std::int64_t time, std::uint64_t& tick) const noexcept {
    std::uint64_t nearest = ~std::uint64_t{0}; // the distance from a run, in ns
    history_point from;
    for (const history_run& run : runs_) {
      const std::span<const history_point> p = std::span(content_.points).subspan(run.begin, run.end - run.begin);
      std::uint64_t apart = 0;
      const auto distance = [](std::int64_t a, std::int64_t b) { // b - a
        return static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
      };
      if (time < p.front().reference) apart = distance(time, p.front().reference);
      if (time > p.back().reference) apart = distance(p.back().reference, time);
      if (apart > nearest) continue; // of equal ones the last
      nearest = apart;
      const auto after = std::lower_bound(p.begin(), p.end(), time,
                                          [](const history_point& a, std::int64_t t) { return a.reference < t; });
      const std::size_t k = std::min(static_cast<std::size_t>(after - p.begin()), p.size() - 1);
      from = p[k];
      if (apart != 0 || k == 0 || p[k].reference == p[k - 1].reference) continue;
      // Between two points, exactly.
      const std::uint64_t ticks = p[k].tick - p[k - 1].tick;
      const std::uint64_t height = distance(p[k - 1].reference, p[k].reference);
      const std::uint64_t back = distance(time, p[k].reference);
      const auto ticks_back = static_cast<std::uint64_t>(static_cast<uint128>(back) * ticks / height);
      from.tick -= ticks_back, from.reference = time;
    }
    // The rate may be off by a thousandth: each round leaves a thousandth of the distance.
    constexpr int rounds = 4;
    tick = from.tick;
    double moved = 0;
    std::int64_t left = saturating_difference(time, from.reference);
    for (int i = 0; i < rounds && left != 0; ++i) {
      const double by = static_cast<double>(left) / ns_per_tick_;
      moved += by;
      if (!(moved < 0x1p62 && moved > -0x1p62 && by < 0x1p62 && by > -0x1p62)) return false;
      tick += static_cast<std::uint64_t>(static_cast<std::int64_t>(by));
      left = saturating_difference(time, at(tick).time);
    }
    return true;
  }

private:
  history_content content_;
  std::vector<history_run> runs_;
  double ns_per_tick_ = 1;
  bool held_ = false;            ///< `before_last_` lies before the last point, and is left out for now
  history_point before_last_;
};

/// A value that held from one sample to another, which line times name.
template <class Value> struct stretch_of {
  std::int64_t first = 0, last = 0;
  Value value;
};

/// How far a clock is ahead of the line, as bounds.
struct distance {
  std::int64_t low = 0, high = 0;
  [[nodiscard]] std::int64_t middle() const noexcept { return low + (high - low) / 2; }
  [[nodiscard]] std::int64_t half() const noexcept { return (high - low) / 2 + 1; }
};

/// Effects: `value` becomes what both say. Returns: false if they contradict each other.
[[nodiscard]] inline bool merge(distance& value, const distance& other) noexcept {
  const distance both{std::max(value.low, other.low), std::min(value.high, other.high)};
  if (both.low > both.high) return false;
  value = both;
  return true;
}
[[nodiscard]] inline bool merge(perf_clock& value, const perf_clock& other) noexcept { return value == other; }

/// Effects: adds what a sample at the line time `now` found.
template <class Value>
void add_to_stretches(std::vector<stretch_of<Value>>& all, std::int64_t now, const Value& value) {
  if (all.empty() || !merge(all.back().value, value)) all.push_back({now, now, value});
  else all.back().last = now;
}

/// Which stretch is for a time, and between which it may have been.
struct stretch_choice {
  std::size_t chosen = 0, first = 0, last = 0;
};
/// Precondition: there is a stretch.
template <class Value>
[[nodiscard]] stretch_choice choose_stretch(const std::vector<stretch_of<Value>>& all, std::int64_t time,
                                            std::int64_t error) noexcept {
  const auto ends_before = [](const stretch_of<Value>& s, std::int64_t t) { return s.last < t; };
  const auto index = [&](std::int64_t t) {
    const auto found = std::lower_bound(all.begin(), all.end(), t, ends_before);
    return std::min(static_cast<std::size_t>(found - all.begin()), all.size() - 1);
  };
  stretch_choice c;
  c.chosen = c.first = index(time);
  const std::int64_t earliest = saturating_difference(time, error), latest = saturating_sum(time, error);
  c.first = index(earliest), c.last = index(latest);
  if (c.first > 0 && earliest < all[c.first].first) --c.first; // between two stretches
  return c;
}

/// Reads all clocks for a stamp_map.
template <class Reference, class Counter, class Os> struct stamp_source<basic_tsc_clock<Reference, Counter, Os>> {
  using clock = basic_tsc_clock<Reference, Counter, Os>;
  using counter = typename clock::counter;
  static constexpr std::size_t burst = 50, faults = 40;

  /// Returns: a stamp_map::comparison. Errors: not_calibrated; counter_forbidden; those of locate() for the reference.
  template <class Comparison> [[nodiscard]] static Comparison compare(std::error_code& ec) noexcept {
    Comparison c;
    bool allowed = true;
    if (Os::counter_allowed(allowed) == 0 && !allowed) return ec = errc::counter_forbidden, c;
    const auto calibration = clock::calibration();
    c.rate = calibration.rate(), c.ppm = calibration.uncertainty_ppm();
    if (!c.rate.known()) return ec = errc::not_calibrated, c;

    constexpr clockid_t ids[] = {CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI};
    constexpr std::size_t n = sizeof(ids) / sizeof(ids[0]), first = 2; // the number of monotonic_raw
    constexpr int attempts = 3; // again if a clock was set meanwhile
    for (int attempt = 0; attempt < attempts; ++attempt) {
      bracketed_reading line[burst], others[n][burst];
      int errors[n]{};
      for (std::size_t i = 0; i < burst; ++i) { // all clocks in turn, so that their points are close to each other
        line[i] = take_sample<Reference, counter>();
        for (std::size_t k = 0; k < n; ++k) others[k][i] = read(ids[k], errors[k]);
      }
      c.line = locate(line, c.rate, ec);
      bool again = static_cast<bool>(ec);
      for (std::size_t k = 0; k < n; ++k) {
        auto& r = c.shown[first + k];
        r.unknown = errno_code(errors[k]);
        if (errors[k] == 0) r.point = locate(others[k], c.rate, r.unknown), again = again || r.unknown;
      }
      if (!again) break;
    }
    if (ec) return c;

    // What a time namespace adds is taken off again.
    auto &monotonic = c.shown[1], &raw = c.shown[2], &boot = c.shown[3];
    std::error_code hidden;
    const time_offsets offsets = time_offsets::read<Os>(hidden);
    monotonic.point = c.line;
    monotonic.unknown = hidden;
    if (hidden) raw.unknown = boot.unknown = hidden;
    monotonic.point.reference = saturating_subtract(monotonic.point.reference, offsets.monotonic);
    raw.point.reference = saturating_subtract(raw.point.reference, offsets.monotonic);
    boot.point.reference = saturating_subtract(boot.point.reference, offsets.boottime);

    auto& perf = c.shown[0];
    c.perf = perf_clock::read<Os>(perf.unknown);
    if (perf.unknown == errc::perf_time_unknown) measure_perf(c.rate, perf.point, perf.unknown);
    else if (!perf.unknown) perf.unknown = errno_code(ENODATA); // not measured, which nothing needs
    return c;
  }

private:
  static bracketed_reading read(clockid_t id, int& error) noexcept {
    timespec t{};
    bracketed_reading s;
    s.before = counter::read();
    if (const int e = clock_path<Os>::template read<access::vdso>(id, t); e != 0) error = -e;
    s.after = counter::read();
    s.reference = to_nanoseconds(t);
    return s;
  }
  static void measure_perf(tick_rate rate, clock_point& point, std::error_code& ec) noexcept {
    typename Os::perf_stamp found[faults];
    std::size_t got = 0;
    const int error = Os::read_perf_stamps([] { return counter::read().count(); }, found, faults, got);
    if (error != 0) {
      ec = errno_code(error);
      return;
    }
    bracketed_reading samples[faults];
    for (std::size_t i = 0; i < got; ++i) {
      const auto time = std::chrono::nanoseconds(static_cast<std::int64_t>(found[i].time));
      samples[i] = {tick_point(found[i].before), time, tick_point(found[i].after)};
    }
    point = locate(std::span<const bracketed_reading>(samples, got), rate, ec);
  }
};

} // namespace takt::inline TAKT_ABI::detail
