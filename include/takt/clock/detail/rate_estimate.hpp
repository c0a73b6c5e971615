/// rate_estimate.hpp - from bracketed readings of two clocks to the rate between them, with its error bound.
///
/// A sample is a reading of the reference clock with a reading of the counter before and after it. The reference was
/// read somewhere between the two, so a narrow bracket says much and a wide one (an interrupt, a preemption, a cache
/// miss) little. The estimate is a pure function of the samples, in five steps.
///
///  1. Narrow brackets: the samples of the narrowest quarter, ties included; fewer if not all of that quarter are
///     narrow. They contain no outlier: a reading cannot lie outside its bracket, however long the thread was stopped
///     elsewhere.
///  2. A straight line through all of them by least squares. The usual line through two points throws away all other
///     readings, and the error of each of the two goes fully into the rate.
///  3. Modes: many counters do not count every tick but advance in jumps (26 ticks, 10 ns, on an EPYC with 2.6 GHz).
///     The reference is made from the same counter, so it was read at one of a few exact places in the bracket. The
///     residuals fall into groups that are as far apart as these places, each as sharp as the nanosecond to which the
///     reference rounds. Within one group the noise is 0.3 ns instead of 3 to 5 ns. So if the densest group stands
///     alone, with nothing to its left and right, the line is fitted again through this group only. A group that does
///     not stand alone is not used: a cut at an arbitrary place of a broad distribution would make the fit confirm the
///     line that it began with.
///  4. Uncertainty: neighbouring residuals resemble each other (beats between counter and nanoseconds, caches that warm
///     up), so the textbook's standard error is several times too small. The samples are cut into 16 stretches of time,
///     each of which votes as a whole; that covers any resemblance shorter than a stretch. Student's factor for a miss
///     in 10 000 runs makes it a bound. A thread that is stopped in the middle leaves a few samples at the end of a
///     long gap, and the votes of the one or two stretches that decide may be small by chance. So the uncertainty is
///     not less than what the scatter of all stretches makes, if all of them are equally good.
///  5. Rounding: the reference is cut to whole nanoseconds. The line may have followed that, which no residual shows;
///     what it could have done is added (rounding_spread.hpp). A clock that the tick keeps shows few values, each for
///     many samples: if it makes fewer steps than there are stretches, the most by which a step can turn the line is
///     added.
///
/// Its limits: a clock that changes its rate in the middle bends the line, which step 4 sees as resemblance and
/// states as a larger uncertainty; a clock that steps leaves readings outside their brackets, which is an error; a
/// position in the bracket that moves steadily during the whole window cannot be distinguished from a rate. That error
/// is bounded by the bracket.
///
/// Does not promise: that the rate before or after the window was the same.
/// Sources: R. A. Huber, "The behavior of maximum likelihood estimates under nonstandard conditions" (1967), for the
/// variance by stretches; Linux 6.12 kernel/time/timekeeping.c, timekeeping_get_ns, for the rounding.
#pragma once
#include <takt/clock/clock_point.hpp>
#include <takt/clock/detail/rounding_spread.hpp>
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/ticks.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <system_error>
#include <type_traits>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

// synopsis

/// One reading of the reference between two of the counter.
struct bracketed_reading {
  tick_point before;
  std::chrono::nanoseconds reference; ///< since the reference's epoch
  tick_point after;
};

/// A rate and a point of a line through samples, with their errors.
struct rate_estimate {
  tick_rate rate;
  double uncertainty_ppm = 0; ///< for the mean rate over the samples; calculated to fail in one run of 10 000
  clock_point point;          ///< in the middle of the samples
  std::size_t used = 0;       ///< samples that the line goes through
  std::size_t rejected = 0;   ///< samples with a wide bracket or of another mode
  std::chrono::nanoseconds span{}; ///< from the first to the last of the samples used
};

/// The minimum number of narrow samples for a rate: two for each stretch of time.
inline constexpr std::size_t min_narrow_samples = 32;

/// Samples: a vector, a span, an array ... of bracketed_reading.
template <class Samples> [[nodiscard]] rate_estimate estimate_rate(const Samples& samples, std::error_code& ec);
template <class Samples>
[[nodiscard]] clock_point locate(const Samples& samples, tick_rate rate, std::error_code& ec) noexcept;

// definitions

/// The number of stretches of time. Each stretch is one vote in the uncertainty.
inline constexpr std::size_t stretches = 16;
/// Student's t for 14 degrees of freedom, two-sided, 1 in 10 000, is 5.36. The factor is larger because the errors are
/// not normally distributed.
inline constexpr double coverage_factor = 7.5;
/// How far a swing of the mean rounding error by 1 ns turns the line, in ns over the span: by 1 if it is even, by 3/2
/// if it happens at once in the middle. The rest is for noise, which hides a part of the swing.
inline constexpr double turn_by_swing = 2;
/// A relative change of the rate during the window that is no error: the line is bent. With a larger change, readings
/// lie outside their brackets.
inline constexpr double largest_bend = 1e-4;
/// The error that double arithmetic and the rounding of a tick_rate may add, in ppm.
inline constexpr double arithmetic_ppm = 1e-5;

/// The line of least squares through the samples picked, in coordinates relative to the first sample: x in ticks, y in
/// ns.
struct straight_line {
  double x0 = 0, y0 = 0; ///< centre of gravity
  double slope = 0;      ///< ns per tick
  double sxx = 0;        ///< sum of (x - x0)^2
  std::size_t n = 0;     ///< the number of samples picked
  /// Returns: how far the point lies above the line, in ns.
  [[nodiscard]] double residual(double x, double y) const noexcept { return (y - y0) - slope * (x - x0); }
};

/// The samples as points: the middle of the bracket, and how wide it is.
template <class Samples> class sample_points {
public:
  explicit sample_points(const Samples& samples) noexcept : samples_(samples) {}
  [[nodiscard]] std::size_t size() const noexcept { return std::size(samples_); }
  [[nodiscard]] std::uint64_t width(std::size_t i) const noexcept {
    return (samples_[i].after - samples_[i].before).count();
  }
  [[nodiscard]] double x(std::size_t i) const noexcept {
    return static_cast<double>((samples_[i].before - samples_[0].before).signed_count()) +
           0.5 * static_cast<double>(width(i));
  }
  [[nodiscard]] double y(std::size_t i) const noexcept {
    return static_cast<double>((samples_[i].reference - samples_[0].reference).count());
  }

  template <class Pick> [[nodiscard]] straight_line fit(Pick&& pick) const noexcept {
    straight_line line;
    double sx = 0, sy = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      if (!pick(i)) continue;
      sx += x(i), sy += y(i), ++line.n;
    }
    if (line.n == 0) return line;
    line.x0 = sx / static_cast<double>(line.n);
    line.y0 = sy / static_cast<double>(line.n);
    double sxy = 0;
    for (std::size_t i = 0; i < size(); ++i) {
      if (!pick(i)) continue;
      const double dx = x(i) - line.x0;
      line.sxx += dx * dx, sxy += dx * (y(i) - line.y0);
    }
    line.slope = line.sxx > 0 ? sxy / line.sxx : 0;
    return line;
  }

private:
  const Samples& samples_;
};

// <algorithm> and <cmath> would take every user more time to compile than these functions.

[[nodiscard]] constexpr double magnitude(double x) noexcept { return x < 0 ? -x : x; }
/// Returns: the nearest whole number of nanoseconds. Precondition: it fits.
template <class = for_callers>
[[nodiscard]] constexpr std::chrono::nanoseconds rounded(double ns) noexcept {
  return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(ns < 0 ? ns - 0.5 : ns + 0.5));
}

/// Returns: the one of the n values that would be at `rank` if they were sorted. Changes their order. There are many
/// ties, so equal ones are kept together. Precondition: rank < n.
template <class = for_callers>
std::uint64_t nth_smallest(std::uint64_t* values, std::size_t n, std::size_t rank) noexcept {
  const auto swap = [](std::uint64_t& a, std::uint64_t& b) {
    const std::uint64_t c = a;
    a = b, b = c;
  };
  for (;;) {
    const std::uint64_t a = values[0], b = values[n / 2], c = values[n - 1];
    const std::uint64_t pivot = (a < b) == (b < c) ? b : (b < a) == (a < c) ? a : c;
    std::size_t less = 0, more = n;
    for (std::size_t i = 0; i < more;) {
      if (values[i] < pivot) swap(values[i++], values[less++]);
      else if (pivot < values[i]) swap(values[i], values[--more]);
      else ++i;
    }
    if (rank < less) n = less;
    else if (rank < more) return pivot;
    else values += more, n -= more, rank -= more;
  }
}

/// Returns: the width up to which a bracket is narrow, judged by 1024 of them at most. Allocates nothing.
template <class Samples> std::uint64_t narrow_limit(const sample_points<Samples>& points) noexcept {
  constexpr std::size_t array = std::extent_v<Samples>, enough = array != 0 && array < 1024 ? array : 1024;
  std::uint64_t widths[enough];
  const std::size_t stride = (points.size() - 1) / enough + 1;
  std::size_t n = 0;
  for (std::size_t i = 0; i < points.size(); i += stride) widths[n++] = points.width(i);
  const std::uint64_t quarter = nth_smallest(widths, n, n / 4);
  const std::uint64_t twentieth = nth_smallest(widths, n, n / 20);
  return quarter / 2 <= twentieth ? quarter : twentieth * 2; // at most twice as wide as the narrowest twentieth
}

/// Returns: what in the samples contradicts the order of time, or no error.
template <class Samples> std::error_code check_order(const Samples& samples) noexcept {
  const std::size_t n = std::size(samples);
  for (std::size_t i = 0; i < n; ++i) {
    if ((samples[i].after - samples[i].before).signed_count() < 0) return errc::counter_went_back;
    if (i == 0) continue;
    if ((samples[i].before - samples[i - 1].after).signed_count() < 0) return errc::counter_went_back;
    if (samples[i].reference < samples[i - 1].reference) return errc::reference_went_back;
  }
  if (samples[n - 1].after == samples[0].before) return errc::counter_stands_still;
  if (samples[n - 1].reference == samples[0].reference) return errc::reference_stands_still;
  return {};
}

/// The residuals between `low` and `high`, a group that stands alone.
struct mode {
  double low = 0, high = 0;
  bool found = false;
};

/// Returns: the densest group of 2, 4 or 8 ns among `residuals`, if next to nothing lies within 1.5 ns on either side.
template <class Values> mode find_mode(const Values& residuals) {
  constexpr double bin = 0.25;          // ns
  constexpr std::size_t max_bins = 2048; // 512 ns: no narrow bracket of a counter worth the name is that wide
  constexpr std::size_t guard = 6;      // bins
  double min = residuals.front(), max = min;
  for (const double r : residuals) min = r < min ? r : min, max = r > max ? r : max;
  const double range = (max - min) / bin;
  if (!(range < static_cast<double>(max_bins - 2 * guard - 2))) return {};

  // sums[k]: how many residuals lie below the lower edge of bin k; `guard` empty bins at either end.
  std::uint32_t sums[max_bins]{};
  const std::size_t bins = static_cast<std::size_t>(range) + 2 * guard + 2;
  const double origin = min - static_cast<double>(guard) * bin;
  for (const double r : residuals) ++sums[static_cast<std::size_t>((r - origin) / bin) + 1];
  for (std::size_t k = 1; k < bins; ++k) sums[k] += sums[k - 1];

  for (const std::size_t window : {std::size_t{8}, std::size_t{16}, std::size_t{32}}) {
    if (bins < window + 1) break; // all of them within one window: nothing to separate
    std::size_t best = 0, inside = 0;
    for (std::size_t k = 0; k + window < bins; ++k)
      if (sums[k + window] - sums[k] > inside) best = k, inside = sums[k + window] - sums[k];
    const std::size_t left = best >= guard ? best - guard : 0;
    const std::size_t right = best + window + guard < bins ? best + window + guard : bins - 1;
    const std::size_t around = sums[right] - sums[left] - inside;
    if (inside >= min_narrow_samples && inside * 16 >= residuals.size() && around * 20 <= inside) {
      const double low = origin + static_cast<double>(best) * bin;
      return {low - 2 * bin, low + static_cast<double>(window + 2) * bin, true};
    }
  }
  return {};
}

/// Returns: the rate of the counter against the reference, a point of the line and the uncertainty of both.
/// Precondition: the samples are in the order in which they were taken.
/// Errors, with an empty estimate: too_few_samples; counter_went_back, counter_stands_still, reference_went_back,
/// reference_stands_still; clocks_disagree when no straight line passes through all narrow brackets, for then one of
/// the two clocks jumped. Allocates one double for each sample; costs about 20 ns for each sample.
template <class Samples> rate_estimate estimate_rate(const Samples& samples, std::error_code& ec) {
  ec.clear();
  if (std::size(samples) < min_narrow_samples) return ec = errc::too_few_samples, rate_estimate{};
  if (ec = check_order(samples); ec) return {};

  const sample_points points(samples);
  const std::uint64_t limit = narrow_limit(points);
  const auto narrow = [&](std::size_t i) { return points.width(i) <= limit; };
  straight_line line = points.fit(narrow);
  const straight_line through_all = line;
  if (line.n < min_narrow_samples) return ec = errc::too_few_samples, rate_estimate{};

  // A reference that is coarser than the distance of two samples advances in steps, which are no sign of a jump.
  double granule = std::numeric_limits<double>::infinity();
  double largest_step = 0, previous = -1, first = -1, last = -1;
  std::size_t steps = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!narrow(i)) continue;
    if (previous < 0) first = points.y(i);
    else if (const double step = points.y(i) - previous; step > 0) {
      ++steps, granule = step < granule ? step : granule;
      if (step > largest_step) largest_step = step;
    }
    previous = last = points.y(i);
  }
  const bool few_steps = steps < stretches && steps * 4 <= line.n;
  if (!(last > first)) return ec = errc::reference_stands_still, rate_estimate{};
  if (!(line.sxx > 0)) return ec = errc::counter_stands_still, rate_estimate{};
  if (!(line.slope > 0)) return ec = errc::clocks_disagree, rate_estimate{};

  const double half_width = 0.5 * static_cast<double>(limit) * line.slope;
  const double tolerance = half_width + granule + 2 + largest_bend * (last - first);
  std::vector<dependent<Samples, double>> residuals;
  residuals.reserve(line.n);
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!narrow(i)) continue;
    residuals.push_back(line.residual(points.x(i), points.y(i)));
    if (!(magnitude(residuals.back()) <= tolerance)) return ec = errc::clocks_disagree, rate_estimate{};
  }

  // Three rounds are enough: the first line is off by at most the spread of the groups over the window.
  auto used = [&](std::size_t i, const straight_line& l, const mode& m) {
    if (!narrow(i)) return false;
    if (!m.found) return true;
    const double r = l.residual(points.x(i), points.y(i));
    return r >= m.low && r <= m.high;
  };
  mode group;
  straight_line basis = line; // the limits of the group are residuals against this line
  for (int round = 0; round < 3; ++round) {
    const mode next = find_mode(residuals);
    if (!next.found) break;
    basis = line, group = next;
    line = points.fit([&](std::size_t i) { return used(i, basis, group); });
    residuals.clear();
    for (std::size_t i = 0; i < points.size(); ++i)
      if (narrow(i)) residuals.push_back(line.residual(points.x(i), points.y(i)));
  }
  if (!(line.slope > 0)) return ec = errc::clocks_disagree, rate_estimate{};

  // The vote of a stretch is the sum of what its residuals would change in the slope. A stretch is a sixteenth of the
  // samples used, not of the time: the thread may have been elsewhere for most of that.
  double votes[stretches]{}, sum[stretches]{}, lever[stretches]{};
  rounding_spread rounding;
  std::size_t count[stretches]{}, rank = 0;
  double begin = 0, end = 0, arms = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!used(i, basis, group)) continue;
    const double x = points.x(i), r = line.residual(x, points.y(i));
    if (rank == 0) begin = x;
    end = x;
    const std::size_t k = rank++ * stretches / line.n;
    votes[k] += (x - line.x0) * r, lever[k] += (x - line.x0) * (x - line.x0);
    sum[k] += r, ++count[k], rounding.add(r), arms += magnitude(x - line.x0);
  }
  double variance = 0, between = 0;
  for (std::size_t k = 0; k < stretches; ++k) {
    if (count[k] == 0) continue;
    // A stretch at the end of a long lever has bent the line towards itself: undo it, as if the others had drawn the
    // line.
    const double weight = static_cast<double>(count[k]) / static_cast<double>(line.n) + lever[k] / line.sxx;
    const double vote = votes[k] / (weight < 0.95 ? 1 - weight : 0.05);
    variance += vote * vote;
    between += sum[k] * sum[k] / static_cast<double>(count[k]);
  }
  // The line has taken two degrees of freedom. Stretches scatter less than their samples would let expect, because
  // errors of neighbours compensate each other, so that scatter is no substitute for this one.
  const double scatter = between / (stretches - 2) * line.sxx;
  if (scatter > variance) variance = scatter;
  const double span = (end - begin) * line.slope;
  // The errors of the readings lie within one step. They turn the line most if they change between the ends of the step
  // at its centre of gravity.
  const double turn =
      few_steps ? largest_step * arms / (2 * line.sxx * line.slope) : turn_by_swing * rounding.swing() / span;
  const double uncertainty = coverage_factor * __builtin_sqrt(variance) / (line.sxx * line.slope) + turn;

  rate_estimate result;
  result.rate = tick_rate(frequency(1e9 / line.slope));
  result.uncertainty_ppm = uncertainty * 1e6 + arithmetic_ppm;
  result.used = line.n;
  result.rejected = std::size(samples) - line.n;
  result.span = rounded(span);
  // The mode is sharp but sits anywhere in the bracket; its middle is where the average over all modes is.
  const double x = __builtin_floor(through_all.x0);
  const double y = through_all.y0 + line.slope * (x - through_all.x0);
  result.point.at = samples[0].before + ticks(static_cast<std::uint64_t>(x));
  result.point.reference = samples[0].reference + rounded(y);
  result.point.half_width = rounded(half_width + 1);
  return result;
}

/// How far the clocks may move against each other within a burst: more than a tick, the step of a coarse reference, and
/// than an error of the rate makes in a burst that was preempted.
inline constexpr std::chrono::nanoseconds largest_move = std::chrono::milliseconds(20);

/// Returns: what the two clocks show at one moment, as the mean over the narrow samples of a burst that is too short to
/// show a rate.
/// Precondition: the rate is known.
/// Errors: those of estimate_rate(), except that a single sample is enough and that the reference may stand still.
/// clocks_disagree: one of the clocks jumped in the middle; a mean of before and after would be a time that neither
/// showed. Allocates nothing.
template <class Samples>
clock_point locate(const Samples& samples, tick_rate rate, std::error_code& ec) noexcept {
  ec.clear();
  if (std::size(samples) == 0) return ec = errc::too_few_samples, clock_point{};
  ec = check_order(samples);
  if (ec && ec != errc::reference_stands_still) return {};
  ec.clear();
  const sample_points points(samples);
  const std::uint64_t limit = narrow_limit(points);
  const straight_line line = points.fit([&](std::size_t i) { return points.width(i) <= limit; });
  const double ns_per_tick = 1e9 / rate.hertz();
  double min = std::numeric_limits<double>::infinity(), max = -min;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (points.width(i) > limit) continue;
    const double offset = points.y(i) - points.x(i) * ns_per_tick;
    min = offset < min ? offset : min, max = offset > max ? offset : max;
  }
  if (!(max - min <= static_cast<double>(largest_move.count()))) return ec = errc::clocks_disagree, clock_point{};
  const double x = __builtin_floor(line.x0);
  clock_point result;
  result.at = samples[0].before + ticks(static_cast<std::uint64_t>(x));
  result.reference = samples[0].reference + rounded(line.y0 - (line.x0 - x) * ns_per_tick);
  result.half_width = rate.to<std::chrono::nanoseconds>(ticks(limit / 2)) + std::chrono::nanoseconds(1);
  return result;
}

} // namespace takt::inline TAKT_ABI::detail
