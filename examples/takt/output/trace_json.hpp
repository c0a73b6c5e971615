/// trace_json.hpp - timers and what they woke, in the JSON trace event format that ui.perfetto.dev and chrome://tracing
/// open.
///
/// A track for each CPU shows the threads that run there and, inside of these, each handler of a timer. Each process
/// has tracks for its threads and its timers: a slice is a timer from arming to expiry, cancellation or the next
/// arming. A thread that a timer woke has a slice "woken" until it runs, and an arrow (a flow) leads there from the
/// handler. Kernel functions that own timers are in a process "kernel".
///
/// The file is written while the events come. Memory holds the live timers and threads, and the entries of some
/// milliseconds, which are sorted.
///
/// Does not promise: order in the file where an event comes more than `reorder` late. Its time is right all the same.
/// Sources: "Trace Event Format" (Google, 2016), phases B E b e s f M; Perfetto's importer of it, by which async slices
/// of equal id and category are one track.
#pragma once
#include "svg_picture.hpp"
#include <absl/strings/string_view.h>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/trace_event.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tool {

/// Writes the trace of one recording.
class trace_json {
public:
  using nanoseconds = std::chrono::nanoseconds;
  /// An entry is written when another one is this much later.
  static constexpr nanoseconds reorder = std::chrono::milliseconds(10);

  /// Effects: begins the file. Calls `write` with each part of the text, here and in the other members.
  trace_json(std::function<void(absl::string_view)> write, const picture_origin& origin);

  /// Effects: takes an event. Precondition: called before life() with the steps that follow from the event.
  void event(const takt::trace_event& e);
  /// Effects: takes a step of a timer's life; `usage` is that of its owner, null while it is not known.
  void life(const takt::timer_trace::step& e, const takt::timer_trace::usage* usage);
  /// Effects: ends the open slices and the file. `lost` is the number of events that were not recorded.
  void finish(std::uint64_t lost);

private:
  struct track {
    std::int64_t process, thread;
  };
  struct open_timer {
    track where;
    std::string name;
    std::uint64_t id;
  };
  struct thread_state {
    std::int32_t process = -1;
    std::string name;
    bool named = false;         ///< its track has its name
    const char* open = nullptr; ///< the slice that is open
  };
  /// Where the name of a process comes from, the better the later.
  enum class naming : unsigned char { none, by_thread, own };
  struct handler {
    std::uint64_t timer;
    std::string name;
  };
  struct cpu_state {
    std::int32_t runs = -1; ///< the thread whose slice is open
    std::string name;
    std::vector<handler> handlers; ///< whose slices are open inside, the innermost last
  };

  void put(nanoseconds t, absl::string_view phase, track where, absl::string_view name, absl::string_view rest = {});
  void put_metadata(absl::string_view what, track where, absl::string_view name);
  void flush(std::optional<nanoseconds> before);
  void end_timer(std::uint64_t timer, nanoseconds t, absl::string_view how, absl::string_view more);
  thread_state& thread(std::int32_t number);
  track track_of(std::int32_t number);
  void open_slice(std::int32_t number, nanoseconds t, const char* name);
  void close_slice(std::int32_t number, nanoseconds t);
  void name_process(track where, absl::string_view name, naming how);
  cpu_state& cpu(std::int32_t number);
  void end_handlers(std::int32_t cpu, nanoseconds t, std::size_t left);
  void end_handler(std::int32_t cpu, nanoseconds t, std::uint64_t timer);
  track owner_track(const takt::timer_trace::step& e, const takt::timer_trace::usage* usage);

  std::function<void(absl::string_view)> write_;
  std::optional<nanoseconds> start_;
  nanoseconds newest_{};                            ///< of all entries; no time of a recorder is negative
  std::multimap<nanoseconds, std::string> waiting_; ///< equal times stay in order
  bool first_ = true;
  std::map<std::int32_t, cpu_state> cpus_;
  std::unordered_map<std::int32_t, thread_state> threads_;
  std::unordered_map<std::int64_t, naming> processes_; ///< whose names the file has
  std::unordered_map<std::uint64_t, open_timer> timers_;
  std::uint64_t next_timer_ = 1, next_flow_ = 1;
};

} // namespace tool
