/// duration_histogram.hpp - a distribution of durations: exact count and extremes, quantiles within 1.6 %.
///
/// Log-linear: 32 buckets for each power of two, on both sides of zero, so a quantile is wrong by at most 1/64 of its
/// size. Durations below 32 ns are exact. Memory grows with the largest duration, not with the count: 128 bytes for
/// each power of two up to it, at most 15 kB.
///
/// Does not promise: exact quantiles once a bucket has counted 2^32 - 1 durations, because it counts no further.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
namespace detail {
template <class T, unsigned Bits> class basic_duration_histogram;
} // namespace detail
/// A histogram with 32 buckets for each power of two. Its members are those of detail::basic_duration_histogram, a
/// template so that only translation units that use it compile it. Nothing blocks. Not to be shared between threads.
/// duration_histogram::fine has 512 buckets for each power of two: quantiles within 0.1 %, and 16 times the memory.
using duration_histogram = detail::basic_duration_histogram<detail::for_callers, 5>;

// definitions

namespace detail {

/// Has 2^Bits buckets for each power of two.
template <class T, unsigned Bits> class basic_duration_histogram {
public:
  using nanoseconds = std::chrono::nanoseconds;
  using fine = basic_duration_histogram<T, 9>; ///< quantiles within 0.1 %, and 16 times the memory of 5 bits

  /// Effects: counts `d`, which may be negative. Allocates when no duration of its sign has reached its
  /// power of two before.
  void add(nanoseconds d) {
    const std::int64_t n = d.count();
    if (count_ == 0 || n < min_) min_ = n;
    if (count_ == 0 || n > max_) max_ = n;
    ++count_, sum_ += static_cast<double>(n);
    count(n < 0 ? below_ : above_, bucket_of(magnitude(n)), 1);
  }
  /// Effects: adds all durations that `other` counted. Allocates as add().
  void merge(const basic_duration_histogram& other) {
    if (other.count_ == 0) return;
    if (count_ == 0 || other.min_ < min_) min_ = other.min_;
    if (count_ == 0 || other.max_ > max_) max_ = other.max_;
    count_ += other.count_, sum_ += other.sum_;
    for (std::size_t i = 0; i < other.below_.size(); ++i) count(below_, i, other.below_[i]);
    for (std::size_t i = 0; i < other.above_.size(); ++i) count(above_, i, other.above_[i]);
  }

  /// Returns: how many durations were counted.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  /// Returns: the smallest duration, exact; zero if there is none.
  [[nodiscard]] nanoseconds min() const noexcept { return nanoseconds(min_); }
  /// Returns: the largest duration, exact; zero if there is none.
  [[nodiscard]] nanoseconds max() const noexcept { return nanoseconds(max_); }
  /// Returns: the mean, rounded towards zero; zero if there is no duration.
  [[nodiscard]] nanoseconds mean() const noexcept {
    return nanoseconds(count_ == 0 ? 0 : static_cast<std::int64_t>(sum_ / static_cast<double>(count_)));
  }
  /// Returns: the smallest duration that a share `q` of all does not exceed (nearest rank), 0 <= q <= 1, within
  /// 1 / 2^(Bits + 1) of its size, and between min() and max(); zero if there is none. Linear in the number of buckets.
  [[nodiscard]] nanoseconds quantile(double q) const noexcept {
    if (count_ == 0) return {};
    const double rank = q * static_cast<double>(count_);
    std::uint64_t seen = 0;
    const auto reached = [&](std::uint32_t more) {
      seen += more;
      return seen != 0 && static_cast<double>(seen) >= rank;
    };
    for (std::size_t i = below_.size(); i-- > 0;)
      if (reached(below_[i])) return within(-middle_of(i));
    for (std::size_t i = 0; i < above_.size(); ++i)
      if (reached(above_[i])) return within(middle_of(i));
    return max();
  }
  /// Returns: quantile(0.5).
  [[nodiscard]] nanoseconds median() const noexcept { return quantile(0.5); }

private:
  static constexpr unsigned bits = Bits;

  static constexpr std::uint64_t magnitude(std::int64_t n) noexcept {
    return n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n);
  }
  static constexpr std::size_t bucket_of(std::uint64_t n) noexcept {
    if (n >> bits == 0) return n;
    const auto octave = static_cast<unsigned>(std::bit_width(n)) - bits - 1; // n >> octave has bits + 1 bits
    return (std::size_t{octave} << bits) + (n >> octave);
  }
  static constexpr std::int64_t middle_of(std::size_t bucket) noexcept {
    if (bucket >> bits < 2) return static_cast<std::int64_t>(bucket);
    const auto octave = static_cast<unsigned>((bucket >> bits) - 1);
    const std::uint64_t low = ((bucket & ((std::uint64_t{1} << bits) - 1)) | std::uint64_t{1} << bits) << octave;
    const std::uint64_t middle = low + (std::uint64_t{1} << octave >> 1);
    constexpr auto limit = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    return static_cast<std::int64_t>(middle < limit ? middle : limit);
  }
  static void count(std::vector<dependent<T, std::uint32_t>>& side, std::size_t bucket, std::uint32_t more) {
    if (side.size() <= bucket) side.resize((bucket | ((std::size_t{1} << bits) - 1)) + 1);
    constexpr std::uint32_t limit = std::numeric_limits<std::uint32_t>::max();
    side[bucket] = limit - side[bucket] < more ? limit : side[bucket] + more;
  }
  [[nodiscard]] nanoseconds within(std::int64_t n) const noexcept {
    return nanoseconds(n < min_ ? min_ : n > max_ ? max_ : n);
  }

  std::vector<dependent<T, std::uint32_t>> below_, above_; ///< counts of d < 0, d >= 0; in whole powers of two
  std::uint64_t count_ = 0;
  double sum_ = 0;
  std::int64_t min_ = 0, max_ = 0;
};

} // namespace detail
} // namespace takt::inline TAKT_ABI
