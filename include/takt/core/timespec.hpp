/// timespec.hpp - conversion between the kernel's `timespec` and std::chrono, for every value of either.
///
/// Conversions are total and stop at the ends of the range: 2^63 ns are 292 years, and a time_t holds far more.
///
/// Does not promise: to refuse a `tv_nsec` outside [0, 999999999]. Such a number is added like any other.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <time.h>

namespace takt::inline TAKT_ABI {

// synopsis
[[nodiscard]] constexpr std::chrono::nanoseconds to_nanoseconds(timespec ts) noexcept;
template <class Rep, class Period>
[[nodiscard]] constexpr timespec to_timespec(std::chrono::duration<Rep, Period> d) noexcept;

// definitions

namespace detail {

/// Returns: whether tv_nsec is in [0, 999999999], which POSIX requires of each timespec that a function receives.
[[nodiscard]] constexpr bool is_canonical(timespec ts) noexcept {
  return ts.tv_nsec >= 0 && ts.tv_nsec < 1'000'000'000;
}

} // namespace detail

/// Returns: tv_sec seconds plus tv_nsec nanoseconds, stopping at nanoseconds::min() and max().
constexpr std::chrono::nanoseconds to_nanoseconds(timespec ts) noexcept {
  using std::chrono::nanoseconds;
  const detail::int128 total = static_cast<detail::int128>(ts.tv_sec) * 1'000'000'000 + ts.tv_nsec;
  if (total < nanoseconds::min().count()) return nanoseconds::min();
  if (total > nanoseconds::max().count()) return nanoseconds::max();
  return nanoseconds(static_cast<nanoseconds::rep>(total));
}

/// Returns: the canonical timespec of `d`, rounded down to nanoseconds. A duration beyond the range of time_t gives
/// {min, 0} or {max, 999999999}; a NaN gives {0, 0}. Floating-point counts are scaled in long double.
template <class Rep, class Period> constexpr timespec to_timespec(std::chrono::duration<Rep, Period> d) noexcept {
  constexpr time_t min = std::numeric_limits<time_t>::min(), max = std::numeric_limits<time_t>::max();
  constexpr long nanos = 1'000'000'000; // the nanoseconds of a second
  if constexpr (std::floating_point<Rep>) {
    const auto near = detail::saturating_cast<std::chrono::nanoseconds>(d);
    if (near != near.min() && near != near.max()) return to_timespec(near);
    const long double seconds = static_cast<long double>(d.count()) * Period::num / Period::den; // beyond 292 years
    if (seconds < -0x1p63L) return {min, 0};
    if (seconds >= 0x1p63L) return {max, nanos - 1};
    auto whole = static_cast<time_t>(seconds);
    if (static_cast<long double>(whole) > seconds) --whole;
    const auto rest = static_cast<long>((seconds - static_cast<long double>(whole)) * nanos);
    return {whole, rest < nanos ? rest : nanos - 1}; // the difference may have been rounded up to one
  } else {
    static_assert(detail::integral_duration<std::chrono::duration<Rep, Period>>, "a representation of at most 64 bits");
    // Where the unit has the numerator 1, 64 bits suffice, which saves a division of 128 bits.
    using wide = std::conditional_t<Period::num == 1 && std::signed_integral<Rep>, std::int64_t, detail::int128>;
    const wide product = static_cast<wide>(d.count()) * static_cast<wide>(Period::num);
    wide whole = product / Period::den, rest = product % Period::den;
    if (rest < 0) --whole, rest += Period::den;
    if (whole < min) return {min, 0};
    if (whole > max) return {max, nanos - 1};
    const auto seconds = static_cast<time_t>(whole);
    if constexpr (nanos % Period::den == 0) return {seconds, static_cast<long>(rest * (nanos / Period::den))};
    else return {seconds, static_cast<long>(static_cast<detail::int128>(rest) * nanos / Period::den)};
  }
}

} // namespace takt::inline TAKT_ABI
