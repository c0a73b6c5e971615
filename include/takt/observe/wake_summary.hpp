/// wake_summary.hpp - what many wake-ups say together: how many migrated, and the median from waking to first reading.
///
/// Pure: data in, data out. A class of runs is idle or loaded, and migrated or not.
///
/// Does not promise: a confidence interval for fewer than six runs. Runs that follow each other closely depend on each
/// other more than the interval assumes.
/// Sources: the interval of a median by order statistics (Conover, Practical Nonparametric Statistics, 3.2).
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/line_offset.hpp>
#include <takt/observe/wake_run.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail {
template <class T> struct basic_wake_summary;
} // namespace detail
/// The summary; its members are those of detail::basic_wake_summary, a template so that only translation units that use
/// it compile it.
using wake_summary = detail::basic_wake_summary<detail::for_callers>;

// definitions

namespace detail {

template <class T> struct basic_wake_summary {
  using nanoseconds = std::chrono::nanoseconds; ///< the unit of all its times

  /// A median with its confidence interval.
  struct median {
    std::size_t count = 0;   ///< how many values there are
    nanoseconds middle{};    ///< the median; zero if there is no value
    nanoseconds low{};       ///< the confidence interval of the median, both ends included
    nanoseconds high{};      ///< its upper end
    bool has_interval = false; ///< there are enough values for an interval
  };
  /// The runs of one class.
  struct wake_class {
    bool loaded = false;            ///< taken under load
    bool migrated = false;          ///< migrated by the wake-up
    std::size_t runs = 0;           ///< how many there are
    median waking_to_first;         ///< from sched_waking to the first reading
    median expiry_to_first;         ///< from the expiry to the first reading
  };
  /// One series.
  struct series {
    bool loaded = false;             ///< taken under load
    std::size_t runs = 0;            ///< how many there are
    std::size_t complete = 0;        ///< how many of them have all moments
    std::size_t migrated_kernel = 0; ///< sched_migrate_task between waking and wakeup
    std::size_t migrated_user = 0;   ///< the CPU before is not the CPU after
    std::size_t kernel_known = 0;    ///< runs of which the kernel's events say whether they migrated
    std::size_t retried = 0;         ///< first readings that were repeated
    std::size_t retries_known = 0;   ///< runs of which that is known
    std::size_t switched = 0;        ///< runs with a change of the clock source inside
    std::size_t from_idle = 0;       ///< runs whose timer interrupted an idle CPU
    median expiry_to_first;          ///< from the expiry to the first reading
    /// Returns: the share that migrated, by the kernel where it says that; NaN without runs.
    [[nodiscard]] double share_migrated() const noexcept {
      const std::size_t all = kernel_known != 0 ? kernel_known : runs;
      return static_cast<double>(kernel_known != 0 ? migrated_kernel : migrated_user) / static_cast<double>(all);
    }
  };

  static constexpr double confidence = 0.95; ///< of the intervals

  std::vector<dependent<T, series>> by_series; ///< idle, then loaded; only series with runs
  /// In the order idle, loaded, and in each of them not migrated, migrated; only classes with runs.
  std::vector<dependent<T, wake_class>> by_class;

  /// Returns: the median of `values`, in any order, with its interval. Allocates nothing; time n log n.
  [[nodiscard]] static median median_of(std::vector<nanoseconds> values);
  /// Returns: the summary of `runs`. Allocates.
  [[nodiscard]] static basic_wake_summary of(std::span<const wake_run> runs);
  /// Returns: for each run with a mark, in order, how far the kernel's stamps are from the thread's readings: for
  /// line_offset::find(). Clock sources are numbered in the order in which they come. Allocates.
  [[nodiscard]] static std::vector<dependent<T, line_offset::sample>> kernel_samples(std::span<const wake_run> runs);

private:
  /// Returns: the rank, from 0, of the lower end of the interval of n values; n if there is none. The upper end is as
  /// far from the other side.
  static std::size_t interval_rank(std::size_t n) {
    constexpr std::size_t exact_up_to = 1000; // 0.5^n is a double
    if (n > exact_up_to) {
      constexpr double normal_quantile = 1.96;
      const auto size = static_cast<double>(n);
      return static_cast<std::size_t>((size - normal_quantile * std::sqrt(size)) / 2);
    }
    // P(the median is below the value of rank r) = P(Binomial(n, 1/2) <= r)
    double weight = std::pow(0.5, static_cast<double>(n)), below = weight;
    std::size_t rank = n;
    for (std::size_t r = 0; r < n / 2 && below <= (1 - confidence) / 2; ++r) {
      rank = r;
      weight *= static_cast<double>(n - r) / static_cast<double>(r + 1), below += weight;
    }
    return rank;
  }
  template <class Of> static median median_of_runs(std::span<const wake_run> runs, Of&& of) {
    std::vector<nanoseconds> values;
    for (const wake_run& r : runs)
      if (const auto t = of(r)) values.push_back(*t);
    return median_of(std::move(values));
  }
};

template <class T> auto basic_wake_summary<T>::median_of(std::vector<nanoseconds> values) -> median {
  median m;
  m.count = values.size();
  if (values.empty()) return m;
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  m.middle = values[(n - 1) / 2] + (values[n / 2] - values[(n - 1) / 2]) / 2;
  const std::size_t rank = interval_rank(n);
  m.has_interval = rank < n;
  if (m.has_interval) m.low = values[rank], m.high = values[n - 1 - rank];
  return m;
}

template <class T> auto basic_wake_summary<T>::of(std::span<const wake_run> runs) -> basic_wake_summary {
  using moment = wake_run::moment;
  basic_wake_summary all;
  const auto expiry_to_first = [](const wake_run& r) { return r.between(moment::expiry, moment::first_reading); };
  for (const bool loaded : {false, true}) {
    series s;
    s.loaded = loaded;
    for (const wake_run& r : runs) {
      if (r.loaded != loaded) continue;
      ++s.runs;
      s.complete += r.complete(), s.migrated_user += r.user_migrated().value_or(false);
      s.kernel_known += r.kernel_migrated.has_value(), s.migrated_kernel += r.kernel_migrated.value_or(false);
      s.retries_known += r.retried.has_value(), s.retried += r.retried.value_or(false);
      s.switched += r.switched(), s.from_idle += r.from_idle.value_or(false);
    }
    if (s.runs == 0) continue;
    s.expiry_to_first = median_of_runs(runs, [&](const wake_run& r) {
      return r.loaded == loaded ? expiry_to_first(r) : std::nullopt;
    });
    all.by_series.push_back(s);
    for (const bool migrated : {false, true}) {
      const auto inside = [&](const wake_run& r) { return r.loaded == loaded && r.migrated() == migrated; };
      wake_class c;
      c.loaded = loaded, c.migrated = migrated;
      c.runs = static_cast<std::size_t>(std::count_if(runs.begin(), runs.end(), inside));
      if (c.runs == 0) continue;
      c.expiry_to_first =
          median_of_runs(runs, [&](const wake_run& r) { return inside(r) ? expiry_to_first(r) : std::nullopt; });
      c.waking_to_first = median_of_runs(runs, [&](const wake_run& r) {
        return inside(r) ? r.between(moment::waking, moment::first_reading) : std::nullopt;
      });
      all.by_class.push_back(c);
    }
  }
  return all;
}

template <class T>
auto basic_wake_summary<T>::kernel_samples(std::span<const wake_run> runs)
    -> std::vector<dependent<T, line_offset::sample>> {
  std::vector<dependent<T, line_offset::sample>> samples;
  std::vector<dependent<T, std::string_view>> sources;
  for (const wake_run& r : runs) {
    const auto before = r.at(wake_run::moment::second_reading);
    if (!r.mark || !before) continue;
    const auto known = std::find(sources.begin(), sources.end(), std::string_view(r.source_after));
    const auto source = static_cast<std::uint32_t>(known - sources.begin());
    if (known == sources.end()) sources.push_back(r.source_after);
    samples.push_back({*before, *r.mark - r.after_mark, *r.mark - *before, source, r.migrated(), r.loaded});
  }
  return samples;
}

} // namespace detail
} // namespace takt::inline TAKT_ABI
