/// wakeup_rule.hpp - when to wake up for a window: the policy of the scheduler that decides how many wake-ups there
/// are.
///
/// A rule is a function object that gives a point for a window: `rule(earliest, latest)` with earliest <= latest, both
/// in nanoseconds since the zero of the clock's grid. The scheduler asks it about the window that closes first, and
/// serves whatever else is open then. A point outside the window counts as the end it passed, so no rule makes a timer
/// early. It is called with the scheduler's lock held and must not call back into it. It may have a state, such as a
/// phase.
///
/// Which one: wake_at_roundest<> is the default and what all of takt uses. The others are there to be compared with it
/// (`takt simulate`), and for who knows better.
#pragma once
#include <takt/core/grid.hpp>
#include <takt/core/ladder.hpp>
#include <takt/core/saturating.hpp>
#include <chrono>
#include <concepts>

namespace takt::inline TAKT_ABI {

// synopsis
template <class R>
concept wakeup_rule = requires(const R& rule, std::chrono::nanoseconds t) {
  { rule(t, t) } -> std::same_as<std::chrono::nanoseconds>;
};

template <any_ladder Ladder = ladder::decimal_type> struct wake_at_roundest;
using wake_at_roundest_binary = wake_at_roundest<ladder::binary_type>;
struct wake_at_earliest;
struct wake_at_latest;
class wake_at_level;
template <wakeup_rule Rule> struct wake_with_phase;

// definitions

/// The roundest point of the window: few wake-ups of the whole machine, because others choose it too.
template <any_ladder Ladder> struct wake_at_roundest {
  [[no_unique_address]] Ladder ladder{}; // a ladder::custom has no default: it is named where the rule is made

  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds latest) const noexcept {
    return *roundest_point(earliest, latest, ladder);
  }
};
/// As soon as the window opens: what plain timers do.
struct wake_at_earliest {
  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds) const noexcept {
    return earliest;
  }
};

/// When the window closes: the fewest wake-ups of one process alone, which others never share.
struct wake_at_latest {
  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds,
                                                              std::chrono::nanoseconds latest) const noexcept {
    return latest;
  }
};

/// The first point of one grid in the window, the latest point of the window if it has none.
class wake_at_level {
public:
  constexpr explicit wake_at_level(grid level) noexcept : level_(level) {}

  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds latest) const noexcept {
    const auto point = level_.ceil(earliest);
    return point < latest ? point : latest;
  }

private:
  grid level_;
};

/// Another rule on a grid that is moved by a phase: machines that share a service do not all call it at once.
template <wakeup_rule Rule> struct wake_with_phase {
  std::chrono::nanoseconds phase{};
  [[no_unique_address]] Rule rule{};

  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds latest) const {
    return saturating_add(rule(saturating_subtract(earliest, phase), saturating_subtract(latest, phase)), phase);
  }
};

} // namespace takt::inline TAKT_ABI
