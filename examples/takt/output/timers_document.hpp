/// timers_document.hpp - a recording of timers as a document: which owners wake the machine, and which changes would
/// wake it less often.
#pragma once
#include "document.hpp"
#include "model/timer_advice.hpp"
#include "model/timer_recording.hpp"
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace tool {

/// The part of a recording that is shown, and how.
struct timers_view {
  std::optional<int> pid = {}; ///< the rows of this process alone
  std::string comm = {};       ///< not empty: the rows of processes and functions of this name alone
  std::size_t top = 0;         ///< the largest number of rows; 0: all
  bool with_details = false;   ///< all columns
  unsigned width = 80;         ///< the columns of a line
  bool with_advice = true;     ///< false for a table that is refreshed: the advice takes too long for that
  std::optional<tried_change> what_if = {}; ///< a change whose effect is shown
};

/// Returns: the rows of a table as indices of lives.usages(), most wake-ups of idle CPUs first.
[[nodiscard]] std::vector<std::size_t> busiest(const timer_recording& recording, const timers_view& view);

/// Returns: the document of `recording` as `view` asks.
[[nodiscard]] document timers_document(const timer_recording& recording, const timers_view& view);

/// Returns: a time in three digits, for tables: "62.4 us". The data are whole nanoseconds.
[[nodiscard]] value brief_time(std::chrono::nanoseconds t);

} // namespace tool
