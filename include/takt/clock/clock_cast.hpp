/// clock_cast.hpp - a time point of one clock as one of another: takt's clocks, those of the standard, and others.
///
/// std::chrono::clock_cast knows only the clocks of the calendar, and older standard libraries lack it. This one also
/// converts between clocks that have nothing in common but that both can be read: it reads both and adds their
/// difference. Call it as takt::clock_cast: the arguments make the compiler find the standard's as well, and an
/// unqualified call is ambiguous between clocks that both can convert.
///
/// Does not promise: that such a conversion is right for times long ago or far ahead. It uses the distance between the
/// two clocks at the moment of the call; steps of CLOCK_REALTIME, suspends and leap seconds between `t` and that moment
/// are not taken into account. TAI is ahead of UTC by the offset that a time daemon sets in the kernel, and by nothing
/// before that (leap.hpp).
/// Sources: [time.clock.cast] of C++20; clock_gettime(2).
#pragma once
#include <takt/clock/detail/shifted_time.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/posix_clock.hpp>

#include <chrono>
#include <concepts>
#include <time.h>

namespace takt::inline TAKT_ABI {

namespace detail {

/// Whether no reading of these clocks throws.
template <class Dest, class Source>
inline constexpr bool read_silently = noexcept(Dest::time_point::clock::now()) && noexcept(Source::now());

} // namespace detail

// synopsis
template <class Dest, class Source, class Duration>
[[nodiscard]] constexpr std::chrono::time_point<typename Dest::time_point::clock, Duration>
clock_cast(std::chrono::time_point<Source, Duration> t) noexcept(detail::read_silently<Dest, Source>);

// definitions
namespace detail {

/// The kernel's clock whose times a clock shows, with its epoch; no_clock if none is known. Times of two clocks that
/// show the same are the same numbers.
template <class Clock> inline constexpr clockid_t shown_by = clock_properties::no_clock;
template <> inline constexpr clockid_t shown_by<std::chrono::steady_clock> = CLOCK_MONOTONIC;
template <> inline constexpr clockid_t shown_by<std::chrono::system_clock> = CLOCK_REALTIME;
template <clockid_t Id, access A, class Os>
inline constexpr clockid_t shown_by<posix_clock<Id, A, Os>> = posix_clock<Id, A, Os>::properties.shows;
template <class Reference, class Counter, class Os>
inline constexpr clockid_t shown_by<basic_tsc_clock<Reference, Counter, Os>> = shown_by<Reference>;

/// Whether the times of one clock are those of the other.
template <class A, class B>
inline constexpr bool same_times =
    std::same_as<A, B> || (shown_by<A> != clock_properties::no_clock && shown_by<A> == shown_by<B>);

/// Whether Clock tells a time. CPU time does not, so nothing converts to it or from it.
template <class Clock>
concept tells_time = shown_by<Clock> == clock_properties::no_clock || !properties_of(shown_by<Clock>).cpu_time;

/// Returns: what Clock shows, in nanoseconds since its epoch.
template <class Clock> [[nodiscard]] std::chrono::nanoseconds shown() noexcept(noexcept(Clock::now())) {
  return saturating_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch());
}

/// Returns: how far Dest is ahead of Source now, as ahead_by_readings() measures it, in whole seconds between UTC and
/// TAI.
template <class Dest, class Source>
[[nodiscard]] std::chrono::nanoseconds ahead_by_reading() noexcept(noexcept(Dest::now()) && noexcept(Source::now())) {
  using std::chrono::nanoseconds;
  const nanoseconds ahead = ahead_by_readings(shown<Source>, shown<Dest>);
  constexpr bool whole = (shown_by<Dest> == CLOCK_TAI && shown_by<Source> == CLOCK_REALTIME) ||
                         (shown_by<Dest> == CLOCK_REALTIME && shown_by<Source> == CLOCK_TAI);
  return whole ? nanoseconds(std::chrono::round<std::chrono::seconds>(ahead)) : ahead;
}

} // namespace detail

/// Returns: the time of Dest at which Source shows `t`, in the unit of `t`, rounded down, stopping at the ends of the
/// range. Clocks that show the same time (steady_clock, MONOTONIC, its coarse clock and tsc_clock; system_clock,
/// REALTIME, its coarse clock and a tsc_clock on it) convert exactly and at no cost. TAI and UTC are whole seconds
/// apart, so the distance between them is rounded to a second. Between other clocks the distance is measured, to some
/// 50 ns: three reads, five times that at most where they are disturbed. To convert many stamps, convert one and keep
/// the difference.
/// The result is a time point of the clock that names Dest's time points: for fast_tsc_clock that is tsc_clock.
/// Precondition: if clocks are read, this thread may read the counter, or neither clock needs it (posix_clock.hpp).
/// Errors: what now() of a clock throws; those of takt and of the standard throw nothing.
template <class Dest, class Source, class Duration>
constexpr std::chrono::time_point<typename Dest::time_point::clock, Duration>
clock_cast(std::chrono::time_point<Source, Duration> t) noexcept(detail::read_silently<Dest, Source>) {
  using target = typename Dest::time_point::clock;
  static_assert(detail::tells_time<target> && detail::tells_time<Source>, "takt: CPU time is no time of another clock");
  using result = std::chrono::time_point<target, Duration>;
  if constexpr (detail::same_times<target, Source>) return result(t.time_since_epoch());
  else return result(detail::shifted_time(t.time_since_epoch(), detail::ahead_by_reading<target, Source>()));
}

} // namespace takt::inline TAKT_ABI
