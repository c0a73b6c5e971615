/// wakeup_rules.hpp - wake-up rules that no program needs, for comparing schedulers: plain timers, and a single grid.
#pragma once
#include <chrono>
#include <takt/core/grid.hpp>

namespace takt_test {

/// Chooses the beginning of the window, as plain timers do.
struct wake_at_earliest {
  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds) const noexcept {
    return earliest;
  }
};

/// Chooses the first point of one grid in the window, or the end of the window if it has none.
class wake_at_level {
public:
  constexpr explicit wake_at_level(takt::grid level) noexcept : level_(level) {}

  [[nodiscard]] constexpr std::chrono::nanoseconds operator()(std::chrono::nanoseconds earliest,
                                                              std::chrono::nanoseconds latest) const noexcept {
    const auto point = level_.ceil(earliest);
    return point < latest ? point : latest;
  }

private:
  takt::grid level_;
};

} // namespace takt_test
