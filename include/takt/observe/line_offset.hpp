/// line_offset.hpp - whether two time lines are apart: not, by a constant, by a drift, or only after a change of the
/// clock source.
///
/// A sample bounds the offset of one time line from the other at one moment: a stamp on the one that was taken between
/// two readings of the other. find() chooses the simplest law that all bounds allow. So a sample that was interrupted
/// between its readings has wide bounds and does no harm. The laws, from the simplest: no offset; one constant; a
/// straight line (a drift); one constant for each clock source, or for each stretch between two changes of it; one
/// constant for runs under load and another for idle runs; one for migrated runs and another for the others. A law must
/// hold for every sample, within `tolerance`.
///
/// Pure: data in, data out.
///
/// Does not promise: to find an offset that is smaller than the bounds are wide; it counts as none. Several laws may
/// explain the same data, for example where the clock source changed when the load began.
#pragma once
#include <takt/core/config.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail {
template <class T> struct basic_line_offset;
} // namespace detail
/// The offset of two time lines; its members are those of detail::basic_line_offset, a template so that only
/// translation units that use it compile it.
using line_offset = detail::basic_line_offset<detail::for_callers>;

// definitions

namespace detail {

template <class T> struct basic_line_offset {
  using nanoseconds = std::chrono::nanoseconds; ///< the unit of its times

  /// What one comparison of the two lines says: the offset is at least `low` and at most `high`.
  struct sample {
    nanoseconds time{};        ///< when
    nanoseconds low{};         ///< the stamp less the reading after it
    nanoseconds high{};        ///< the stamp less the reading before it
    std::uint32_t source = 0;  ///< a number for the clock source
    bool migrated = false;     ///< the run was migrated
    bool loaded = false;       ///< the run was taken under load
  };
  /// What explains the offset.
  enum class law : std::uint8_t { unknown, none, constant, drift, after_switch, with_load, with_migration, irregular };
  /// The offsets of two classes of runs beside each other.
  struct comparison {
    std::optional<bool> differs; ///< nullopt: there is only one class, or a class has no constant offset
    nanoseconds difference{};    ///< the largest distance of two classes
    nanoseconds uncertainty{};   ///< the error bound of `difference`
  };

  static constexpr nanoseconds tolerance = std::chrono::microseconds(1); ///< by which a bound may be missed
  static constexpr std::size_t min_samples = 8;                         ///< fewer are too few for a law

  law kind = law::unknown;      ///< the simplest law that holds
  nanoseconds size{};           ///< constant: the offset; drift: that at the first sample; after_switch and with_*: by
                                ///< how much it changes
  nanoseconds uncertainty{};    ///< the error bound of `size`
  double rate = 0;              ///< drift: by how much the offset grows, in ns a second
  comparison by_source;         ///< clock sources
  comparison by_load;           ///< idle and loaded
  comparison by_migration;      ///< migrated and not
  std::size_t samples = 0;      ///< how many were given

  /// Returns: the law of `samples`, which are in the order of their times and whose clock sources have small numbers.
  /// Allocates; takes up to some 250 passes over the samples.
  [[nodiscard]] static basic_line_offset find(std::span<const sample> samples);
  /// Returns: "none", "constant", "drift", "after a switch of the clock source", "with load", "with migration",
  /// "irregular", "unknown".
  [[nodiscard]] static constexpr std::string_view to_string(law l) noexcept {
    switch (l) {
    case law::none: return "none";
    case law::constant: return "constant";
    case law::drift: return "drift";
    case law::after_switch: return "after a switch of the clock source";
    case law::with_load: return "with load";
    case law::with_migration: return "with migration";
    case law::irregular: return "irregular";
    case law::unknown: break;
    }
    return "unknown";
  }

private:
  /// What all samples of a class allow, in ns from `base`.
  struct bounds {
    double low = -1e300, high = 1e300;
    std::uint32_t source = 0;
    void add(double l, double h) noexcept { low = std::max(low, l), high = std::min(high, h); }
    [[nodiscard]] bool hold() const noexcept { return low <= high + 2 * slop; }
    [[nodiscard]] double middle() const noexcept { return (low + high) / 2; }
    [[nodiscard]] double half() const noexcept { return std::fabs(high - low) / 2; }
  };
  static constexpr double slop = static_cast<double>(tolerance.count());
  /// Straight lines that are steeper are no drift of a clock: ten milliseconds a second.
  static constexpr double max_rate = 1e7;

  /// The samples as numbers that are small beside the offset.
  struct points {
    explicit points(std::span<const sample> all) : from(all), base(all.front().low) {}
    [[nodiscard]] double seconds(std::size_t i) const noexcept {
      return std::chrono::duration<double>(from[i].time - from.front().time).count();
    }
    [[nodiscard]] double low(std::size_t i) const noexcept { return relative(from[i].low) - rate * seconds(i); }
    [[nodiscard]] double high(std::size_t i) const noexcept { return relative(from[i].high) - rate * seconds(i); }
    [[nodiscard]] double relative(nanoseconds t) const noexcept { return static_cast<double>((t - base).count()); }
    std::span<const sample> from;
    nanoseconds base;
    double rate = 0; ///< taken off
  };
  static bounds all_of(const points& p) noexcept {
    bounds b;
    for (std::size_t i = 0; i < p.from.size(); ++i) b.add(p.low(i), p.high(i));
    return b;
  }
  /// The bounds of each class; `class_of(sample, the class of the sample before)` numbers them from 0.
  template <class Of> static std::vector<dependent<T, bounds>> classes(const points& p, Of&& class_of) {
    std::vector<dependent<T, bounds>> found;
    for (std::size_t i = 0; i < p.from.size(); ++i) {
      const std::size_t k = class_of(p.from[i], found);
      if (found.size() <= k) found.resize(k + 1);
      found[k].source = p.from[i].source;
      found[k].add(p.low(i), p.high(i));
    }
    std::erase_if(found, [](const bounds& b) { return b.low < -1e299; }); // numbers that no sample has
    return found;
  }
  static bool hold(const std::vector<dependent<T, bounds>>& all) noexcept {
    return std::all_of(all.begin(), all.end(), [](const bounds& b) { return b.hold(); });
  }
  /// The distance of the classes that are furthest apart.
  static comparison compare(const std::vector<dependent<T, bounds>>& all) {
    comparison c;
    if (all.size() < 2 || !hold(all)) return c;
    const auto [least, most] = std::minmax_element(
        all.begin(), all.end(), [](const bounds& a, const bounds& b) { return a.middle() < b.middle(); });
    c.difference = nanoseconds(std::llround(most->middle() - least->middle()));
    c.uncertainty = nanoseconds(std::llround(most->half() + least->half()));
    c.differs = most->low > least->high + 2 * slop;
    return c;
  }
  /// The slope at which the bounds leave most room. The room is a concave function of the slope.
  static double best_rate(points p) {
    const auto room = [&p](double slope) {
      p.rate = slope;
      const bounds b = all_of(p);
      return b.high - b.low;
    };
    double a = -max_rate, b = max_rate;
    constexpr double golden = 0.6180339887498949;
    for (int i = 0; i < 120; ++i) {
      const double left = b - golden * (b - a), right = a + golden * (b - a);
      if (room(left) < room(right)) a = left;
      else b = right;
    }
    return (a + b) / 2;
  }
};

template <class T>
basic_line_offset<T> basic_line_offset<T>::find(std::span<const sample> samples) {
  basic_line_offset result;
  result.samples = samples.size();
  if (samples.size() < min_samples) return result;
  points p(samples);
  using classes_found = std::vector<dependent<T, bounds>>;
  const auto by_source = [](const sample& s, const classes_found&) { return std::size_t{s.source}; };
  const auto by_load = [](const sample& s, const classes_found&) { return std::size_t{s.loaded}; };
  const auto by_migration = [](const sample& s, const classes_found&) { return std::size_t{s.migrated}; };
  const auto by_stretch = [](const sample& s, const classes_found& before) {
    return before.empty() ? 0 : before.size() - (before.back().source == s.source ? 1 : 0);
  };
  const auto whole = [&p](double x) { return p.base + nanoseconds(std::llround(x)); };

  const bounds all = all_of(p);
  if (all.hold()) {
    const double zero = p.relative(nanoseconds::zero());
    const bool at_zero = zero >= all.low - 2 * slop && zero <= all.high + 2 * slop;
    result.kind = at_zero ? law::none : law::constant;
    result.size = at_zero ? nanoseconds::zero() : whole(all.middle());
    result.uncertainty = nanoseconds(
        std::llround(at_zero ? std::max(std::fabs(all.low - zero), std::fabs(all.high - zero)) : all.half()));
  } else {
    points steep = p;
    steep.rate = best_rate(p);
    if (const bounds line = all_of(steep); line.hold()) {
      result.kind = law::drift;
      result.size = whole(line.middle()), result.uncertainty = nanoseconds(std::llround(line.half()));
      result.rate = steep.rate;
      p = steep;
    }
  }
  const auto sources = classes(p, by_source);
  result.by_source = compare(sources);
  result.by_load = compare(classes(p, by_load));
  result.by_migration = compare(classes(p, by_migration));
  if (result.kind != law::unknown) return result;

  const auto explained = [&result](law what, const comparison& c) {
    if (c.differs != true) return false;
    result.kind = what, result.size = c.difference, result.uncertainty = c.uncertainty;
    return true;
  };
  if (explained(law::after_switch, result.by_source)) return result;
  // A source that was left and taken again need not come with its old offset.
  if (const auto pieces = classes(p, by_stretch); samples.size() >= 3 * pieces.size()) {
    if (const comparison c = compare(pieces); explained(law::after_switch, c)) {
      result.by_source = c;
      return result;
    }
  }
  if (explained(law::with_load, result.by_load) || explained(law::with_migration, result.by_migration)) return result;
  result.kind = law::irregular;
  return result;
}

} // namespace detail
} // namespace takt::inline TAKT_ABI
