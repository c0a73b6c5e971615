/// grid.hpp - points at equal distances on a clock's time line, and the point nearest to a time from above or below.
///
/// A grid is the set of times phase + k * period for every integer k, counted in nanoseconds from the epoch of whatever
/// clock it is used with. It is pure arithmetic: total, constant-evaluable, free of overflow for every input.
///
/// Results are limited to 64 bits of nanoseconds. If the wanted point lies after that range, `ceil` and `next` return
/// the end of the range, which need not be on the grid. If it lies before the range, `floor` returns the beginning of
/// the range. An argument in a coarser unit may lie outside the range; it counts as the nearer end of the range. Units
/// finer than a nanosecond and floating-point counts are not accepted, because only the caller knows how to round them.
///
/// Does not promise: that anything happens at a point; see sleep/ and scheduler/ for that.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <system_error>
#include <type_traits>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail {

/// A duration that is a whole number of nanoseconds for every count.
template <class D>
concept whole_nanoseconds = integral_duration<D> && std::convertible_to<D, std::chrono::nanoseconds>;

/// For a duration or a time point T: `duration` is its type of duration, and `type` is T counted in nanoseconds.
template <class T> struct in_nanoseconds {};
template <class Rep, class Period> struct in_nanoseconds<std::chrono::duration<Rep, Period>> {
  using duration = std::chrono::duration<Rep, Period>;
  using type = std::chrono::nanoseconds;
};
template <class Clock, class Duration> struct in_nanoseconds<std::chrono::time_point<Clock, Duration>> {
  using duration = Duration;
  using type = std::chrono::time_point<Clock, std::chrono::nanoseconds>;
};

/// A time point of any clock, or a duration since an epoch, in a unit of whole nanoseconds.
template <class T>
concept instant = whole_nanoseconds<typename in_nanoseconds<T>::duration>;

/// The type of an instant T counted in nanoseconds: a time point of the same clock, or a duration.
template <instant T> using nanosecond_instant = typename in_nanoseconds<T>::type;

} // namespace detail

class grid;

// definitions
namespace detail {

/// Returns: the number of the highest bit that is set. Precondition: n > 0.
/// Written with an exclusive or, because g++ 12 makes one instruction of it and more of the difference 63 - clz.
template <std::unsigned_integral U> constexpr int highest_bit(U n) noexcept { return 63 ^ __builtin_clzll(n); }

/// Returns: a * b modulo 2^W. The plain product of two 16-bit numbers would be an int, which can overflow.
template <std::unsigned_integral U> constexpr U times(U a, U b) noexcept {
  return static_cast<U>(static_cast<std::common_type_t<U, unsigned>>(a) * b);
}

/// Division by an invariant number, done as a multiplication and a shift, because a division takes 10 to 40 cycles.
///
/// Let U have W bits and the divisor d have b bits. Let N = 2^(W-1+b) and m = floor((N - 1) / d), which fits into W
/// bits because d >= 2^(b-1). So m d = N - e with 1 <= e <= d, e < 2^b. For n = q d + r, 0 <= r < d, consider
///
///     x = (n + 1) m / N = (n + 1) / d - (n + 1) e / (d N).
///
/// x is below q + 1, because (n + 1) / d <= q + 1 and e > 0. x is at least q if (n + 1) e <= (r + 1) N, hence if
/// (n + 1) e <= N. This holds for every n < 2^(W-1), and for n = 2^(W-1) as well if b < W. So floor(x) = floor(n / d).
/// The caller passes n + 1, which most callers already have.
/// Source: A. D. Robison, N-Bit Unsigned Division Via N-Bit Multiply-Add, 17th IEEE Symposium on Computer Arithmetic.
template <std::unsigned_integral U> class divisor {
  using wide = std::conditional_t<sizeof(U) == 8, uint128, std::uint64_t>;
  static constexpr int width = std::numeric_limits<U>::digits; // W

public:
  /// A divisor whose quotient is always zero.
  constexpr divisor() noexcept = default;
  /// Precondition: 0 < d < 2^(W-1).
  constexpr explicit divisor(U d) noexcept
      : multiplier_(static_cast<U>(((wide{1} << (width + highest_bit(d))) - 1) / d)),
        shift_(static_cast<unsigned char>(highest_bit(d))) {}

  /// Returns: floor((end - 1) / d), the number of multiples of d in [1, end).
  /// Precondition: 0 < end <= 2^(W-1) + 1.
  [[nodiscard]] constexpr U before(U end) const noexcept {
    return static_cast<U>(static_cast<U>((static_cast<wide>(end) * multiplier_) >> width) >> shift_);
  }

  friend constexpr bool operator==(divisor, divisor) noexcept = default;

private:
  U multiplier_ = 0;
  unsigned char shift_ = 0;
};

/// The arithmetic of a grid on integers of any width, so that a test can try every input of a small width.
template <std::signed_integral Int> class grid_arithmetic {
  using U = std::make_unsigned_t<Int>;

public:
  /// Precondition: period > 0.
  constexpr grid_arithmetic(Int period, Int phase) noexcept
      : period_(static_cast<U>(period)),
        phase_(static_cast<U>(phase % period < 0 ? phase % period + period : phase % period)),
        reach_(static_cast<U>(max - phase_ - (max - phase_) % period_)), by_(period_) {}

  [[nodiscard]] constexpr Int period() const noexcept { return static_cast<Int>(period_); }
  [[nodiscard]] constexpr Int phase() const noexcept { return static_cast<Int>(phase_); }

  // For a time from the phase on, and not near the end of the range, the point is found by multiplication. For other
  // times it is found by the division in `since_point`. The multiplication comes before the test of the time: after it
  // g++ 12 would know that the operand is not negative, and use a signed multiplication, which takes three times as
  // long.

  [[nodiscard]] constexpr Int floor(Int t) const noexcept {
    const Int answer = point(by_.before(static_cast<U>(past(t) + 1)));
    if (t >= phase()) [[likely]] return answer;
    return minus(t, since_point(t));
  }
  [[nodiscard]] constexpr Int ceil(Int t) const noexcept {
    const Int answer = point_after(by_.before(past(t)));
    if (static_cast<U>(past(t) - 1) < reach_) [[likely]] return answer;
    const U since = since_point(t);
    return since == 0 ? t : plus(t, static_cast<U>(period_ - since));
  }
  [[nodiscard]] constexpr Int next(Int t) const noexcept {
    const Int answer = point_after(by_.before(static_cast<U>(past(t) + 1)));
    if (past(t) < reach_) [[likely]] return answer;
    return plus(t, static_cast<U>(period_ - since_point(t)));
  }
  [[nodiscard]] constexpr Int nearest(Int t) const noexcept {
    const U since = since_point(t), until = static_cast<U>(period_ - since);
    return since < until ? minus(t, since) : plus(t, until);
  }

  friend constexpr bool operator==(grid_arithmetic, grid_arithmetic) noexcept = default;

private:
  static constexpr U max = static_cast<U>(std::numeric_limits<Int>::max());

  /// Returns: the time from the phase to `t`, modulo 2^W.
  constexpr U past(Int t) const noexcept { return static_cast<U>(static_cast<U>(t) - phase_); }
  constexpr Int point(U n) const noexcept { return static_cast<Int>(times(n, period_) + phase_); }
  constexpr Int point_after(U n) const noexcept { return static_cast<Int>(times(n, period_) + (phase_ + period_)); }

  /// Returns: the time from the last point at or before `t` to `t`; less than a period.
  constexpr U since_point(Int t) const noexcept {
    if (t >= phase()) return static_cast<U>(past(t) % period_);
    const U over = static_cast<U>(static_cast<U>(0 - past(t)) % period_);
    return over == 0 ? over : static_cast<U>(period_ - over);
  }
  static constexpr Int plus(Int t, U d) noexcept {
    Int sum{};
    return __builtin_add_overflow(t, d, &sum) ? std::numeric_limits<Int>::max() : sum;
  }
  static constexpr Int minus(Int t, U d) noexcept {
    Int difference{};
    return __builtin_sub_overflow(t, d, &difference) ? std::numeric_limits<Int>::min() : difference;
  }

  U period_, phase_; // 0 <= phase_ < period_
  U reach_;          // the distance from the phase to the last point in the range
  divisor<U> by_;
};

/// Returns: the count of an instant in nanoseconds, stopping at the ends of the range.
template <instant T> constexpr std::int64_t nanosecond_count(T t) noexcept {
  if constexpr (requires { t.time_since_epoch(); }) return nanosecond_count(t.time_since_epoch());
  else return saturating_cast<std::chrono::nanoseconds>(t).count();
}

#if TAKT_EXCEPTIONS
[[noreturn, gnu::cold, gnu::noinline]] inline void a_grid_needs_a_positive_period() {
  throw_error(std::make_error_code(std::errc::invalid_argument),
              "takt::grid: the period must be positive (grid::make checks without throwing)");
}
#else
void a_grid_needs_a_positive_period(); // not defined: calling it ends the constant evaluation with an error
#endif

} // namespace detail

/// The times phase + k * period. Two grids are equal if they have the same points, because the phase is stored modulo
/// the period. Finding a point takes about 1.5 ns if period and phase are constants, and 2 ns if they are not. It takes
/// longer for times before the phase or near the end of the range, and in `nearest`, which need a division.
class grid {
public:
  /// Errors: std::system_error with std::errc::invalid_argument unless period > 0; then ill-formed in a constant
  /// expression. Without exceptions the constructor can be used in constant expressions only.
  template <detail::whole_nanoseconds Period, detail::whole_nanoseconds Phase = std::chrono::nanoseconds>
  TAKT_CHECKED explicit grid(Period period, Phase phase = Phase::zero())
      : points_(positive(detail::nanosecond_count(period)), detail::nanosecond_count(phase)) {}

  /// Returns: the grid, or nullopt unless period > 0.
  template <detail::whole_nanoseconds Period, detail::whole_nanoseconds Phase = std::chrono::nanoseconds>
  [[nodiscard]] static constexpr std::optional<grid> make(Period period, Phase phase = Phase::zero()) noexcept {
    if (!(period > Period::zero())) return std::nullopt;
    return grid(arithmetic(detail::nanosecond_count(period), detail::nanosecond_count(phase)));
  }

  /// Returns: the distance between neighbouring points.
  [[nodiscard]] constexpr std::chrono::nanoseconds period() const noexcept { return as<nanoseconds>(points_.period()); }
  /// Returns: the first point at or after the epoch, at least zero and less than the period.
  [[nodiscard]] constexpr std::chrono::nanoseconds phase() const noexcept { return as<nanoseconds>(points_.phase()); }

  /// Returns: the first point at or after `t`.
  template <detail::instant T> [[nodiscard]] constexpr detail::nanosecond_instant<T> ceil(T t) const noexcept {
    return as<T>(points_.ceil(detail::nanosecond_count(t)));
  }
  /// Returns: the last point at or before `t`.
  template <detail::instant T> [[nodiscard]] constexpr detail::nanosecond_instant<T> floor(T t) const noexcept {
    return as<T>(points_.floor(detail::nanosecond_count(t)));
  }
  /// Returns: the point nearest to `t`; the later one if `t` is half-way between two points.
  template <detail::instant T> [[nodiscard]] constexpr detail::nanosecond_instant<T> nearest(T t) const noexcept {
    return as<T>(points_.nearest(detail::nanosecond_count(t)));
  }
  /// Returns: the first point after `t`.
  template <detail::instant T> [[nodiscard]] constexpr detail::nanosecond_instant<T> next(T t) const noexcept {
    return as<T>(points_.next(detail::nanosecond_count(t)));
  }

  friend constexpr bool operator==(const grid&, const grid&) noexcept = default;

private:
  using arithmetic = detail::grid_arithmetic<std::int64_t>;
  using nanoseconds = std::chrono::nanoseconds;

  constexpr explicit grid(arithmetic points) noexcept : points_(points) {}
  static constexpr std::int64_t positive(std::int64_t period) {
    if (period <= 0) detail::a_grid_needs_a_positive_period();
    return period;
  }
  template <class T> static constexpr detail::nanosecond_instant<T> as(std::int64_t count) noexcept {
    return detail::nanosecond_instant<T>(nanoseconds(count));
  }

  arithmetic points_;
};

} // namespace takt::inline TAKT_ABI
