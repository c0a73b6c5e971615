/// ladder.hpp - the roundest point of a window: where independent processes with overlapping windows probably meet.
///
/// A ladder is a sequence of grids ("rungs") through the epoch; the period of each rung divides the period of the next.
/// The roundest point of a window [earliest, latest], both ends included, lies on the coarsest rung that has a point in
/// the window. Processes that use the roundest point need to agree on nothing but the ladder. If two windows overlap
/// and the roundest point of one lies in the other, it is usually the roundest point of the other too.
///
/// If several points of the coarsest rung lie in the window, none of them is on the next rung, so all lie between two
/// neighbouring points of that rung. The gap between these two is halved, and the half that holds the window is halved
/// again, until a half-way point lies in the window: that is the roundest point. A half-way point is rounded to the
/// rung; of two equally near points it is the one farther from the epoch. An example on the decimal ladder: between 0
/// and 5 times a power of ten lie 1, 2, 3 and 4 times that power. The roundest of these is 3 if it is in the window,
/// otherwise the one that is nearest to 3. Above the last rung the gap has no end, and the rule of the binary ladder
/// applies to multiples of the last rung.
/// (Halving the gaps between powers of ten gives 5, then 3 and 8, then 2, 4, 7 and 9, then 1 and 6: this is the decimal
/// ladder.) So the point depends on the window alone, the epoch is the roundest point of all, and mirrored windows have
/// mirrored points.
///
/// Why the half-way point and not the earliest or the latest: with these, two windows that share three points of a rung
/// would choose different points. `takt simulate` counts the wake-ups of a machine with independent processes and
/// divides them by the fewest that any planner needs. The mean and the worst case are: earliest 1.43 and 2.04, latest
/// 1.42 and 2.04, half-way 1.38 and 1.62, binary ladder 1.38 and 1.65.
///
/// Does not promise: that points of different ladders meet. They do not; takt itself uses only `shared_ladder`.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/grid.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
namespace detail {
/// The type of ladder::decimal.
struct decimal_ladder {};
/// The type of ladder::binary.
struct binary_ladder {};
} // namespace detail

namespace ladder {

/// 1 ns, 5 ns, 10 ns, 50 ns, ... 5e18 ns: the ladder that takt uses by default.
inline constexpr detail::decimal_ladder decimal{};
/// 1 ns, 2 ns, 4 ns, ... 2^62 ns. For a closed system in which all parts use this ladder: its points are found faster,
/// and it causes as few wake-ups as the decimal ladder.
inline constexpr detail::binary_ladder binary{};

class custom;

} // namespace ladder

/// The ladder of all of takt: sleeps in a window and schedulers choose their points on it, so that they meet.
using shared_ladder = detail::decimal_ladder;

namespace detail {

/// One of the types of ladder.
template <class L>
concept any_ladder =
    std::same_as<L, decimal_ladder> || std::same_as<L, binary_ladder> || std::same_as<L, ladder::custom>;

/// Both ends of one window: time points of the same clock, or durations.
template <class T, class U>
concept same_clock = instant<T> && instant<U> && std::same_as<nanosecond_instant<T>, nanosecond_instant<U>>;

} // namespace detail

template <detail::instant T, detail::instant U, detail::any_ladder Ladder = shared_ladder>
  requires detail::same_clock<T, U>
[[nodiscard]] constexpr std::optional<detail::nanosecond_instant<T>> roundest_point(T earliest, U latest,
                                                                                    const Ladder& = {}) noexcept;

// definitions
namespace detail {

/// A range whose elements convert to std::chrono::nanoseconds.
template <class R>
concept rung_list = requires(const R& rungs) {
  { *rungs.begin() } -> std::convertible_to<std::chrono::nanoseconds>;
  rungs.end();
};

#if TAKT_EXCEPTIONS
[[noreturn, gnu::cold, gnu::noinline]] inline void each_rung_must_divide_the_next() {
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "takt::ladder::custom: rungs must be positive and each divide the next (make checks without throwing)");
}
#else
void each_rung_must_divide_the_next(); // not defined: calling it ends the constant evaluation with an error
#endif

} // namespace detail

/// A ladder that the caller defines. Its lowest rung is always 1 ns, even if the caller does not name it. So every
/// window contains a point.
class ladder::custom {
  // Defined before its callers: clang 14 evaluates a caller only with functions that are already defined.
  template <class Rungs> constexpr bool assign(const Rungs& rungs) noexcept {
    bool first = true;
    for (const std::chrono::nanoseconds rung : rungs) {
      const bool there_already = first && rung.count() == 1;
      first = false;
      if (there_already) continue;
      const std::uint64_t last = rungs_[count_ - 1];
      if (rung.count() <= 0 || static_cast<std::uint64_t>(rung.count()) <= last) return false;
      if (static_cast<std::uint64_t>(rung.count()) % last != 0) return false;
      rungs_[count_++] = static_cast<std::uint64_t>(rung.count());
    }
    return true;
  }

public:
  /// Errors: std::system_error with std::errc::invalid_argument unless each rung is positive, divides the next and is
  /// less than it; then ill-formed in a constant expression. Without exceptions the constructor can be used in constant
  /// expressions only.
  TAKT_CHECKED custom(std::initializer_list<std::chrono::nanoseconds> rungs) {
    if (!assign(rungs)) detail::each_rung_must_divide_the_next();
  }
  /// Makes a ladder from a vector, a span or any other range of std::chrono::nanoseconds. Errors: those of the
  /// constructor from a list.
  template <detail::rung_list Rungs> TAKT_CHECKED explicit custom(const Rungs& rungs) {
    if (!assign(rungs)) detail::each_rung_must_divide_the_next();
  }

  /// Returns: the ladder, or nullopt unless each rung is positive, divides the next and is less than it.
  template <detail::rung_list Rungs = std::initializer_list<std::chrono::nanoseconds>>
  [[nodiscard]] static constexpr std::optional<custom> make(const Rungs& rungs) noexcept {
    custom result;
    return result.assign(rungs) ? std::optional(result) : std::nullopt;
  }

  /// Returns: the number of rungs.
  [[nodiscard]] constexpr std::size_t size() const noexcept { return count_; }
  /// Returns: the period of a rung in nanoseconds, ascending from 1. Precondition: i < size().
  [[nodiscard]] constexpr std::uint64_t operator[](std::size_t i) const noexcept { return rungs_[i]; }

private:
  constexpr custom() noexcept = default;

  std::uint64_t rungs_[63]{1}; // each is at least twice the one before, and all are below 2^63
  std::size_t count_ = 1;
};

namespace detail {

// The following functions work on windows after the epoch: 0 < earliest <= latest <= 2^(W-1) in W bits of U.

/// Returns: the point of the window that is divisible by the highest power of two. It is `latest` with all bits cleared
/// below the highest bit in which `latest` and `earliest - 1` differ.
template <std::unsigned_integral U> constexpr U roundest_binary(U earliest, U latest) noexcept {
  const int bit = highest_bit(static_cast<U>(static_cast<U>(earliest - 1) ^ latest));
  return static_cast<U>(latest >> bit << bit);
}

/// A rung of the decimal ladder, and what finds its points without a division.
template <std::unsigned_integral U> struct decimal_rung {
  U size = 0; // 0 above the last rung: then every product is 0, which is in no window
  divisor<U> by{};

  /// Returns: the last point before `end`.
  [[nodiscard]] constexpr U before(U end) const noexcept { return times(by.before(end), size); }
};

/// Row b holds the last rung of at most 2^b and the two rungs above it. The table has four kilobytes for 64 bits, and
/// finding a point reads one or two cache lines of it. This is faster than looking up the number of a rung and then the
/// rung.
template <std::unsigned_integral U> struct decimal_table {
  decimal_rung<U> rows[std::numeric_limits<U>::digits][3];

  constexpr decimal_table() noexcept : rows{} {
    constexpr U limit = std::numeric_limits<U>::max() / 2; // every rung is a count of the signed type
    U size[3]{1, 5, 10};
    U step = 5; // to the rung above size[2]
    for (std::size_t b = 0; b < std::numeric_limits<U>::digits; ++b) {
      while (size[1] != 0 && size[1] <= U{1} << b) {
        size[0] = size[1], size[1] = size[2], size[2] = size[2] <= limit / step ? times(size[2], step) : U{0};
        step = step == 5 ? 2 : 5;
      }
      for (std::size_t i = 0; i < 3; ++i)
        if (size[i] != 0) rows[b][i] = {size[i], divisor<U>(size[i])};
    }
  }
};
template <std::unsigned_integral U> inline constexpr decimal_table<U> decimal_rungs;

/// Why three rungs suffice. Let the window have n numbers, 2^b <= n < 2^(b+1). The first rung is the last one of at
/// most 2^b, so the window contains a point of it. The second rung is the next one, which exceeds 2^b. The third rung
/// is at least twice the second, so it is more than n and has at most one point in the window. If a coarser rung has a
/// point in the window, that is the same point. So the result lies on the coarsest of the three rungs whose last point
/// before the end of the window is in the window, and no search is needed.
template <std::unsigned_integral U> constexpr U roundest_decimal(U earliest, U latest) noexcept {
  const U end = static_cast<U>(latest + 1), count = static_cast<U>(end - earliest);
  const auto& rung = decimal_rungs<U>.rows[static_cast<std::size_t>(highest_bit(count))];
  const U first = rung[0].before(end), second = rung[1].before(end), third = rung[2].before(end);
  const bool on_second = second >= earliest;
  const U point = on_second ? second : first, below = on_second ? third : second;
  const U size = on_second ? rung[1].size : rung[0].size;
  // `below` is on the rung above the rung of `point`. If `point` is 4 of 5 steps above `below`, the half-way point is
  // 3 steps above. If it is 3, 2 or 1 of 5 steps above, it is the half-way point or the nearest to it. If it is 1 of 2
  // steps above, it is the only one.
  const U half_way = static_cast<U>(point - size);
  const bool step_back = (static_cast<U>(point - below) == static_cast<U>(4U * size)) & (half_way >= earliest);
  const U best = step_back ? half_way : point;
  return third >= earliest ? third : best;
}

/// Returns: the roundest point of the window for any rungs that ascend from 1 and each divide the next. Searches the
/// rungs from the coarsest down, and then halves the gap.
template <class Rungs, std::unsigned_integral U>
constexpr U roundest_on(const Rungs& rungs, U earliest, U latest) noexcept {
  std::size_t n = rungs.size() - 1;
  while (latest / rungs[n] * rungs[n] < earliest) --n; // ends at the rung 1
  const U rung = rungs[n];
  const U first = static_cast<U>((earliest - 1) / rung + 1), last = static_cast<U>(latest / rung); // in rungs
  if (n + 1 == rungs.size()) return times(roundest_binary(first, last), rung);
  const U step = static_cast<U>(rungs[n + 1] / rung);
  U low = static_cast<U>(last / step * step), high = static_cast<U>(low + step); // low < first <= last < high
  for (;;) {
    const U half_way = static_cast<U>(low + (high - low + 1) / 2);
    if (half_way > last) high = half_way;
    else if (half_way < first) low = half_way;
    else return times(half_way, rung);
  }
}

/// Returns: the roundest point of a window after the epoch, on any of the three types of ladder.
template <std::unsigned_integral U> constexpr U roundest(const decimal_ladder&, U earliest, U latest) noexcept {
  return roundest_decimal(earliest, latest);
}
template <std::unsigned_integral U> constexpr U roundest(const binary_ladder&, U earliest, U latest) noexcept {
  return roundest_binary(earliest, latest);
}
template <std::same_as<std::uint64_t> U>
constexpr U roundest(const ladder::custom& own, U earliest, U latest) noexcept {
  return roundest_on(own, earliest, latest);
}

/// Returns: the roundest point of a window that is not entirely after the epoch. The epoch is on every rung, and the
/// times before it mirror the times after it. This is a separate function so that the usual case is short enough to be
/// inlined.
template <std::signed_integral Int, class Ladder>
[[gnu::cold, gnu::noinline]] constexpr Int roundest_mirrored(const Ladder& ladder, Int earliest, Int latest) noexcept {
  using U = std::make_unsigned_t<Int>;
  if (latest >= 0) return 0;
  const U nearest = static_cast<U>(0 - static_cast<U>(latest)), farthest = static_cast<U>(0 - static_cast<U>(earliest));
  return static_cast<Int>(static_cast<U>(0 - roundest(ladder, nearest, farthest)));
}

/// Returns: the roundest point of [earliest, latest]. Precondition: earliest <= latest.
template <std::signed_integral Int, class Ladder>
constexpr Int roundest_of(const Ladder& ladder, Int earliest, Int latest) noexcept {
  using U = std::make_unsigned_t<Int>;
  if (earliest <= 0) [[unlikely]] return roundest_mirrored(ladder, earliest, latest);
  return static_cast<Int>(roundest(ladder, static_cast<U>(earliest), static_cast<U>(latest)));
}

} // namespace detail

/// Returns: the roundest point of [earliest, latest] in nanoseconds, or nullopt if latest < earliest.
/// Total: an end of the window beyond 64 bits of nanoseconds counts as the end of that range. Takes constant time on
/// the decimal and the binary ladder, and a search with divisions on a custom ladder.
template <detail::instant T, detail::instant U, detail::any_ladder Ladder>
  requires detail::same_clock<T, U>
constexpr std::optional<detail::nanosecond_instant<T>> roundest_point(T earliest, U latest,
                                                                      const Ladder& ladder) noexcept {
  const std::int64_t first = detail::nanosecond_count(earliest), last = detail::nanosecond_count(latest);
  if (last < first) return std::nullopt;
  return detail::nanosecond_instant<T>(std::chrono::nanoseconds(detail::roundest_of(ladder, first, last)));
}

} // namespace takt::inline TAKT_ABI
