/// wakeup_rule.hpp - when to wake up for a window: the policy that decides how many wake-ups a scheduler needs.
///
/// A rule is a function object that gives a point for a window: `rule(earliest, latest)` with earliest <= latest, both
/// in nanoseconds since the zero of the clock's grid. The scheduler calls it for the window that closes first, and
/// serves all other open windows in the same wake-up. A point outside the window counts as the nearer end, so no rule
/// makes a timer early. The scheduler calls it with its lock held, so the rule must not use the scheduler. A rule may
/// have a state, such as a phase. So another rule is one function object, here or in a header of the program that uses
/// it; tests/unit/wakeup_rule_test.cpp checks what all rules must keep.
///
/// wake_at_roundest<> is the default and what all of takt uses. The others serve comparison (`takt simulate`) and
/// systems with needs of their own.
///
/// Does not promise: that schedulers with different rules wake up together.
#pragma once
#include <takt/core/ladder.hpp>
#include <takt/core/saturating.hpp>
#include <chrono>
#include <concepts>

namespace takt::inline TAKT_ABI {

// synopsis
/// A rule as the top of wakeup_rule.hpp describes it.
template <class R>
concept wakeup_rule = requires(const R& rule, std::chrono::nanoseconds t) {
  { rule(t, t) } -> std::same_as<std::chrono::nanoseconds>;
};

template <detail::any_ladder Ladder = shared_ladder> struct wake_at_roundest;
/// Chooses the roundest point on the ladder of powers of two, for a closed system that agrees on it.
using wake_at_roundest_binary = wake_at_roundest<detail::binary_ladder>;
struct wake_at_latest;
template <wakeup_rule Rule> struct wake_with_phase;

// definitions

/// Chooses the roundest point of the window: few wake-ups of the whole machine, because others choose it too.
template <detail::any_ladder Ladder> struct wake_at_roundest {
  /// The ladder of grids. ladder::custom has no default value, so the program that makes the rule passes one.
  [[no_unique_address]] Ladder ladder{};

  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds latest) const noexcept {
    return *roundest_point(earliest, latest, ladder);
  }
};

/// Chooses the end of the window: the fewest wake-ups of one process alone, which others never share.
struct wake_at_latest {
  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds,
                                                              std::chrono::nanoseconds latest) const noexcept {
    return latest;
  }
};

/// Applies another rule to times that a phase shifts, so that machines that share a service do not all call it at once.
template <wakeup_rule Rule> struct wake_with_phase {
  std::chrono::nanoseconds phase{};  ///< how far the points of the rule are shifted
  [[no_unique_address]] Rule rule{}; ///< the rule that is applied to the shifted times

  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds latest) const {
    return detail::saturating_add(
        rule(detail::saturating_subtract(earliest, phase), detail::saturating_subtract(latest, phase)), phase);
  }
};

} // namespace takt::inline TAKT_ABI
