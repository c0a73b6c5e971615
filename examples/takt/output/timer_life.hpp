/// timer_life.hpp - prints the life of a process's timers in order, in a sentence for each step.
#pragma once
#include "document.hpp"
#include "model/timer_recording.hpp"
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace tool {

/// Prints each step of the timers of one process or thread while it listens to a recording.
class life_printer : public recording_listener {
public:
  /// Effects: prepares for the timers of process or thread `pid` in `recording`.
  life_printer(const timer_recording& recording, std::int32_t pid) : recording_(recording), pid_(pid) {
    threads_.insert(pid);
  }
  void event(const takt::trace_event& e) override;
  void step(const takt::timer_trace::step& step, const std::vector<takt::timer_trace::usage>& usages) override;
  /// Returns: how many steps were printed.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

private:
  [[nodiscard]] bool is_of(const takt::timer_trace::step& step, const std::vector<takt::timer_trace::usage>& usages) const;

  const timer_recording& recording_;
  std::int32_t pid_;
  std::set<std::int32_t> threads_; ///< the threads of the process that have appeared so far
  /// When the current timer interrupt of each CPU began; without an entry there is none.
  std::map<std::int32_t, std::chrono::nanoseconds>
      interrupt_;
  std::uint64_t steps_ = 0;
};

/// Returns: a step in a sentence without its time. `due` is softexpires on the recorder's clock, where known;
/// `interrupt` is when the interrupt of an expiry began, zero where that is not known.
[[nodiscard]] std::string sentence_of(const takt::timer_trace::step& step, std::optional<std::chrono::nanoseconds> due,
                                      std::chrono::nanoseconds interrupt);

} // namespace tool
