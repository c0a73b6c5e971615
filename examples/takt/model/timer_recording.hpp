/// timer_recording.hpp - what is known of a machine's timers from a live recording or from the file of one.
///
/// Takes events in the order of their times, and gives the totals of the owners, the windows from which the advice is
/// calculated, and each event and step to listeners. Memory grows with the live timers and the owners alone.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <takt/observe/coalescing.hpp>
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/trace_event.hpp>
#include <takt/observe/trace_text.hpp>
#include <vector>

namespace tool {

/// Without these events nothing can be shown.
inline constexpr takt::trace_kind needed_events[] = {
    takt::trace_kind::hrtimer_start, takt::trace_kind::hrtimer_expire_entry, takt::trace_kind::hrtimer_cancel};
/// What is watched besides, where the kernel has it. Interrupts bracket expiries: of several in one the first woke the
/// CPU.
inline constexpr takt::trace_kind watched_events[] = {
    takt::trace_kind::hrtimer_setup, takt::trace_kind::hrtimer_expire_exit, takt::trace_kind::timer_init,
    takt::trace_kind::timer_start, takt::trace_kind::timer_expire_entry, takt::trace_kind::timer_expire_exit,
    takt::trace_kind::timer_cancel, takt::trace_kind::itimer_state, takt::trace_kind::itimer_expire,
    takt::trace_kind::local_timer_entry, takt::trace_kind::local_timer_exit, takt::trace_kind::tick_stop,
    takt::trace_kind::sched_waking, takt::trace_kind::sched_switch, takt::trace_kind::irq_handler_entry,
    takt::trace_kind::irq_handler_exit, takt::trace_kind::softirq_entry, takt::trace_kind::softirq_exit,
};

/// A consumer of a recording while it grows: pictures, pages, lives. The texts of an event and of a step are valid
/// during the call.
class recording_listener {
public:
  virtual ~recording_listener() = default;
  virtual void event(const takt::trace_event&) {}
  /// `usages` is that of the recording's timer_trace; step.usage is an index in it.
  virtual void step(const takt::timer_trace::step&, const std::vector<takt::timer_trace::usage>& /*usages*/) {}
};

/// Where a recording comes from, and what is missing in it.
struct recording_source {
  bool live = false;                 ///< true: of this machine, now; false: from a file
  std::string what = {};             ///< "this machine"; the name of the file
  std::chrono::nanoseconds length{}; ///< from the beginning to the end of watching; of a text, of its events
  std::uint64_t events = 0;          ///< events that were understood
  std::uint64_t lost = 0;            ///< events for which the recorder had no room
  std::optional<takt::trace_text_reader::counts_type> text = {}; ///< nullopt for a live recording
  takt::trace_text_reader::form_type form = takt::trace_text_reader::form_type::unknown;
  std::int32_t own = -1;                  ///< the recording process, whose timers are left out of the windows
  std::vector<std::string> missing = {};  ///< events that this kernel does not have
  std::optional<int> command_status = {}; ///< exit status of the watched command, as a shell shows it
};

class timer_recording {
public:
  /// The latest windows that are kept. At twice the number the older half is dropped.
  static constexpr std::size_t kept_windows = 150'000;

  explicit timer_recording(std::int32_t own_process) { source.own = own_process; }
  timer_recording(const timer_recording&) = delete;
  timer_recording& operator=(const timer_recording&) = delete;

  void listen(recording_listener& listener) { listeners_.push_back(&listener); }

  void add(const takt::trace_event& e) {
    for (recording_listener* const listener : listeners_) listener->event(e);
    lives.add(e, [this](const takt::timer_trace::step& step) { take(step); });
  }
  void finish() {
    lives.finish([this](const takt::timer_trace::step& step) { take(step); });
  }

  recording_source source;
  takt::timer_trace lives;
  std::vector<takt::wake_window> windows; ///< of expiries, in the order of these

  /// Returns: the length of the time that `windows` covers.
  [[nodiscard]] std::chrono::nanoseconds windows_length() const {
    if (!dropped_) return source.length;
    return std::max(lives.last() - windows_from_, std::chrono::nanoseconds(1));
  }

private:
  void take(const takt::timer_trace::step& step) {
    const auto& usages = lives.usages();
    for (recording_listener* const listener : listeners_) listener->step(step, usages);
    if (step.kind != takt::timer_trace::step::kind_type::expired || step.usage == takt::timer_trace::no_usage) return;
    const takt::timer_trace::owner& owner = usages[step.usage].owner;
    if (source.own > 0 && owner.process == source.own) return; // caused by the recording itself
    if (windows.size() >= 2 * kept_windows) {
      windows.erase(windows.begin(), windows.begin() + kept_windows);
      dropped_ = true, windows_from_ = windows.front().earliest;
    }
    takt::wake_window window = takt::wake_window::of(step, owner);
    // The recorded wake-up served the window, even if it was late, so no plan needs more wake-ups than were recorded.
    window.earliest = std::min(window.earliest, step.time), window.latest = std::max(window.latest, step.time);
    windows.push_back(window);
  }

  std::vector<recording_listener*> listeners_;
  bool dropped_ = false;
  std::chrono::nanoseconds windows_from_{};
};

} // namespace tool
