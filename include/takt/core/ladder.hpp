/// ladder.hpp - the roundest point of a window: where strangers with overlapping windows are likely to meet.
///
/// A ladder is a row of grids ("rungs") through the epoch, of which each divides the next. The roundest point of a
/// window [earliest, latest], both ends included, lies on the coarsest rung that has a point in it. Whoever picks the
/// roundest point needs no agreement with others beyond the ladder: if two windows overlap and the roundest point of
/// one lies in the other, it is mostly the roundest there too.
///
/// If several points of the coarsest rung lie in the window, none of them is on the next rung, so all are between two
/// neighbours on that. The gap between these is halved, and the half that holds the window is halved again, until a
/// half-way point (on the rung; of two equally near, the one farther from the epoch) lies in the window: that is the
/// point. On the decimal ladder it means: of 1, 2, 3, 4 between 0 and 5 times a power of ten, 3 if it is in the window,
/// else the one nearest to 3. Above the last rung the gap goes on for ever, and the binary ladder goes on instead.
/// (The decimal ladder is what halving makes of the powers of ten: 5, then 3 and 8, then 2, 4, 7, 9, then 1 and 6.) So
/// the point depends on the window alone, the epoch is the roundest point of all, and mirrored windows have mirrored
/// points.
///
/// Why not the earliest or the latest of several: two windows that share three such points would choose different ones.
/// Wake-ups of a machine whose processes know nothing of each other, relative to the fewest that any planner needs,
/// mean and worst case (`takt simulate`): earliest 1.43, 2.04; latest 1.42, 2.04; half-way 1.38, 1.62. The binary ladder
/// has 1.38, 1.65.
///
/// Does not promise: that points of different ladders meet. They do not; takt itself uses the decimal one throughout.
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
namespace ladder {

/// 1 ns, 5 ns, 10 ns, 50 ns, ... 5e18 ns.
struct decimal_type {};
inline constexpr decimal_type decimal{};

/// 1 ns, 2 ns, 4 ns, ... 2^62 ns. For a closed system that agrees on it: as few wake-ups, and quicker to compute.
struct binary_type {};
inline constexpr binary_type binary{};

class custom;

} // namespace ladder

template <class L>
concept any_ladder =
    std::same_as<L, ladder::decimal_type> || std::same_as<L, ladder::binary_type> || std::same_as<L, ladder::custom>;

/// Both ends of one window: time points of the same clock, or durations.
template <class T, class U>
concept same_clock = instant<T> && instant<U> && std::same_as<nanosecond_instant<T>, nanosecond_instant<U>>;

template <instant T, instant U, any_ladder Ladder = ladder::decimal_type>
  requires same_clock<T, U>
[[nodiscard]] constexpr std::optional<nanosecond_instant<T>> roundest_point(T earliest, U latest,
                                                                            const Ladder& = {}) noexcept;

// definitions
namespace detail {

template <class R>
concept rung_list = requires(const R& rungs) {
  { *rungs.begin() } -> std::convertible_to<std::chrono::nanoseconds>;
  rungs.end();
};

#if TAKT_EXCEPTIONS
[[noreturn, gnu::cold, gnu::noinline]] inline void each_rung_must_divide_the_next() {
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "takt::ladder::custom: rungs must be positive and each divide the next (make tells without throwing)");
}
#else
void each_rung_must_divide_the_next(); // not there: unusable rungs end the constant evaluation
#endif

} // namespace detail

/// A ladder of the caller's. 1 ns is its lowest rung whether named or not, so that every window has a point.
class ladder::custom {
  // Before its callers: clang 14 evaluates them with what stands above alone.
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
  /// Errors: std::system_error with errc::invalid_argument unless each rung is positive, divides the next and is less;
  /// ill-formed in a constant expression. Without exceptions it is for constant expressions alone.
  TAKT_CHECKED custom(std::initializer_list<std::chrono::nanoseconds> rungs) {
    if (!assign(rungs)) detail::each_rung_must_divide_the_next();
  }
  /// The same for a vector, a span and whatever else holds std::chrono::nanoseconds.
  template <detail::rung_list Rungs> TAKT_CHECKED explicit custom(const Rungs& rungs) {
    if (!assign(rungs)) detail::each_rung_must_divide_the_next();
  }

  /// Returns: the ladder, empty unless each rung is positive, divides the next and is less. Ladder is for compile time
  /// alone: see when_called.
  template <detail::rung_list Rungs = std::initializer_list<std::chrono::nanoseconds>, class Ladder = custom>
  [[nodiscard]] static constexpr std::optional<Ladder> make(const Rungs& rungs) noexcept {
    Ladder result;
    return result.assign(rungs) ? std::optional(result) : std::nullopt;
  }

  /// Returns: how many rungs it has; each in nanoseconds, ascending from 1.
  [[nodiscard]] constexpr std::size_t size() const noexcept { return count_; }
  [[nodiscard]] constexpr std::uint64_t operator[](std::size_t i) const noexcept { return rungs_[i]; }

private:
  constexpr custom() noexcept = default;

  std::uint64_t rungs_[63]{1}; // each is at least twice the one before, and all are below 2^63
  std::size_t count_ = 1;
};

namespace detail {

// What follows works on windows after the epoch, 0 < earliest <= latest <= 2^(W-1) in W bits of U.

/// Returns: the point of the window that the highest power of two divides. In binary, that is the highest bit in which
/// `latest` and the number before `earliest` differ, with all that is above it.
template <std::unsigned_integral U> constexpr U roundest_binary(U earliest, U latest) noexcept {
  const int bit = highest_bit(static_cast<U>(static_cast<U>(earliest - 1) ^ latest));
  return static_cast<U>(latest >> bit << bit);
}

template <std::unsigned_integral U> struct decimal_rung {
  U size = 0; // 0 above the last rung, where every product is 0 and in no window
  divisor<U> by{};

  /// Returns: the last point before `end`.
  [[nodiscard]] constexpr U before(U end) const noexcept { return times(by.before(end), size); }
};

/// [b]: the last rung of at most 2^b and the two above it. A table of a row for each b, four kilobytes for 64 bits of
/// which a window looks at one or two cache lines, is quicker than looking up first the number of a rung and then that.
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

/// A window of n numbers, 2^b <= n < 2^(b+1), surely has a point of the last rung of at most 2^b. The second rung is
/// the one above that, more than 2^b; the third at least twice the second, hence more than n: of the third at most one
/// point is in the window, and if so it is on whatever coarser rung has a point there. So three rungs decide, without
/// a search: the coarsest of them whose last point before the end of the window is in the window.
template <std::unsigned_integral U> constexpr U roundest_decimal(U earliest, U latest) noexcept {
  const U end = static_cast<U>(latest + 1), count = static_cast<U>(end - earliest);
  const auto& rung = decimal_rungs<U>.rows[static_cast<std::size_t>(highest_bit(count))];
  const U first = rung[0].before(end), second = rung[1].before(end), third = rung[2].before(end);
  const bool on_second = second >= earliest;
  const U point = on_second ? second : first, below = on_second ? third : second;
  const U size = on_second ? rung[1].size : rung[0].size;
  // `below` is on the rung above that of `point`. If `point` is 4 of 5 steps from there, 3 is the half-way point; of 3,
  // 2 and 1 the last is the half-way point or nearest to it; and 1 of 2 steps is alone.
  const U half_way = static_cast<U>(point - size);
  const bool step_back = (static_cast<U>(point - below) == static_cast<U>(4U * size)) & (half_way >= earliest);
  const U best = step_back ? half_way : point;
  return third >= earliest ? third : best;
}

/// The same for any rungs, ascending from 1 and dividing each other; with a search.
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

template <std::unsigned_integral U> constexpr U roundest(const ladder::decimal_type&, U earliest, U latest) noexcept {
  return roundest_decimal(earliest, latest);
}
template <std::unsigned_integral U> constexpr U roundest(const ladder::binary_type&, U earliest, U latest) noexcept {
  return roundest_binary(earliest, latest);
}
constexpr std::uint64_t roundest(const ladder::custom& own, std::uint64_t earliest, std::uint64_t latest) noexcept {
  return roundest_on(own, earliest, latest);
}

/// Not all after the epoch: the epoch is on every rung, and what is before it is the mirror image of what is after it.
/// Out of line, so that the usual case is short enough to be inlined.
template <std::signed_integral Int, class Ladder>
[[gnu::cold, gnu::noinline]] constexpr Int roundest_mirrored(const Ladder& ladder, Int earliest, Int latest) noexcept {
  using U = std::make_unsigned_t<Int>;
  if (latest >= 0) return 0;
  const U nearest = static_cast<U>(0 - static_cast<U>(latest)), farthest = static_cast<U>(0 - static_cast<U>(earliest));
  return static_cast<Int>(static_cast<U>(0 - roundest(ladder, nearest, farthest)));
}

/// Precondition: earliest <= latest.
template <std::signed_integral Int, class Ladder>
constexpr Int roundest_of(const Ladder& ladder, Int earliest, Int latest) noexcept {
  using U = std::make_unsigned_t<Int>;
  if (earliest <= 0) [[unlikely]] return roundest_mirrored(ladder, earliest, latest);
  return static_cast<Int>(roundest(ladder, static_cast<U>(earliest), static_cast<U>(latest)));
}

} // namespace detail

/// Returns: the roundest point of [earliest, latest] in nanoseconds; empty if latest < earliest.
/// Total; an end of the window beyond 64 bits of nanoseconds counts as the end of time it passed. Constant time on the
/// decimal and the binary ladder, a search with divisions on the caller's own.
template <instant T, instant U, any_ladder Ladder>
  requires same_clock<T, U>
constexpr std::optional<nanosecond_instant<T>> roundest_point(T earliest, U latest, const Ladder& ladder) noexcept {
  const std::int64_t first = detail::nanosecond_count(earliest), last = detail::nanosecond_count(latest);
  if (last < first) return std::nullopt;
  return nanosecond_instant<T>(std::chrono::nanoseconds(detail::roundest_of(ladder, first, last)));
}

} // namespace takt::inline TAKT_ABI
