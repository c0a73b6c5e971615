/// trace_session.hpp - the trace events of this machine, live, in the order of their times, as takt::trace_event.
///
/// Fields are found by name, so that kernels may add, drop and move them. Facts that events do not have are looked up:
/// the process of a thread in /proc, the names of functions in /proc/kallsyms.
///
/// Does not promise: the name or process of a thread that began before the recording and ended before its look-up.
#pragma once
#include "trace_instance.hpp"
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <takt/observe/trace_event.hpp>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace tool {

/// The names of the kernel's functions, from /proc/kallsyms.
class kernel_symbols {
public:
  /// Effects: reads the names, some megabytes.
  void load();
  /// Returns: the name of the function at or around `address`; "0x..." where the kernel hides addresses. The text stays
  /// valid as long as this object.
  [[nodiscard]] std::string_view at(std::uint64_t address);

private:
  struct function {
    std::uint64_t address;
    std::size_t name; ///< its offset in `text_`
  };
  std::string text_;
  std::vector<function> functions_;
  std::unordered_map<std::uint64_t, std::string> known_;
};

class trace_session {
public:
  using nanoseconds = std::chrono::nanoseconds;
  using take_event = std::function<void(const takt::trace_event&)>;

  /// Effects: prepares a recording of events of `kinds`. Those in `needed` must exist in this kernel.
  /// Returns: the session; null on error, with a sentence in `why` that says what to do.
  [[nodiscard]] static std::unique_ptr<trace_session> open(std::span<const takt::trace_kind> needed,
                                                           std::span<const takt::trace_kind> kinds, std::string& why);
  /// Effects: writes a mark, a word and a number, into the recording: "takt WORD NUMBER". take() and stop() give it to the
  /// listener of marks, in its place among the events. One system call, some 500 ns.
  void mark(std::string_view word, std::uint64_t number);
  using take_mark = std::function<void(std::string_view word, std::uint64_t number, nanoseconds time)>;
  /// Effects: calls `each` for each mark from now on.
  void on_mark(take_mark each) { mark_ = std::move(each); }

  /// Effects: looks up all threads in /proc, and begins to record. Returns: whether the kernel accepted that.
  [[nodiscard]] bool start();
  /// Effects: calls `each` for the events up to a millisecond ago; later ones may not be complete yet. Does not block.
  void take(const take_event& each);
  /// Effects: ends the recording, and calls `each` for the remaining events.
  void stop(const take_event& each);

  /// Returns: how long to wait until the next take(): short enough that no event is lost, and as long as possible,
  /// because each take() wakes the machine.
  [[nodiscard]] nanoseconds pause() const { return pause_; }
  /// Returns: the number of events that the kernel has dropped or overwritten so far.
  [[nodiscard]] std::uint64_t lost() const { return instance_->lost(); }
  /// Returns: the number of recorded events, including those that only serve to look up names.
  [[nodiscard]] std::uint64_t events() const { return events_; }
  /// Returns: the events of `kinds` that this kernel does not have.
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }

private:
  /// The places of an event's fields, for those that this kernel has.
  struct plan;
  struct task {
    std::int32_t process = takt::trace_event::unknown;
    std::string_view name;
  };
  struct stamped {
    std::uint64_t stamp;
    std::uint64_t order;
    takt::trace_event event;
    std::int32_t helper = 0; ///< task_newtask: 1 a process, 2 a thread; sched_process_free: 3; a mark: 4
  };

  trace_session() = default;
  void decode(const raw_event& raw);
  void hand_on(std::uint64_t before, const take_event& each);
  void complete(takt::trace_event& e);
  task& task_of(std::int32_t thread);
  std::string_view kept(std::string_view text);

  take_mark mark_;
  std::unique_ptr<trace_instance> instance_;
  std::vector<plan> plans_; ///< by layout
  kernel_symbols symbols_;
  std::unordered_map<std::int32_t, task> tasks_;
  std::unordered_set<std::string> texts_;
  std::vector<stamped> waiting_;
  std::vector<std::uint64_t> last_of_cpu_;
  nanoseconds namespace_offset_{}; ///< how far this process's CLOCK_MONOTONIC is ahead of the kernel's stamps
  nanoseconds pause_ = std::chrono::milliseconds(200);
  std::uint64_t events_ = 0;
  std::vector<std::string> missing_;

public:
  ~trace_session();
  trace_session(const trace_session&) = delete;
  trace_session& operator=(const trace_session&) = delete;
};

} // namespace tool
