/// trace_instance.hpp - a tracing instance of the kernel that belongs to this run of the tool, and its raw pages.
///
/// An instance (tracefs, instances/NAME) has buffers, a clock and a choice of events of its own, so it does not disturb
/// the tracing of other programs. The destructor removes it. The next run removes the instance of a run that was
/// killed: the name has the number and the start time of the process that made it.
///
/// Does not promise: an instance on a kernel older than 4.1, which has none, or on one that is locked down.
/// Sources: Linux Documentation/trace/ftrace.rst, kernel/trace/trace.c, kernel/trace/ring_buffer.c; libtracefs(3),
/// libtraceevent(3), which read the kernel's description of events and pages. Without them `open` fails and says so.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tool {

/// An event that a recording asks for. An event may have had several names: the first one that this kernel knows is
/// enabled. The marks of trace_instance::mark() are "ftrace", "print".
struct wanted_event {
  std::string_view system;
  std::vector<std::string_view> names;
  bool needed = false; ///< true: without this event open() fails
};

/// The place of a field in an event's data, in bytes.
struct field_place {
  std::uint32_t offset = 0, size = 0;
  bool is_signed = false;
  bool dynamic = false; ///< the field holds the offset and the length of the value (__data_loc)
};

/// The layout of an enabled event, as the kernel describes it.
class event_layout {
public:
  std::string name;
  std::size_t wanted = 0; ///< its index in the list of wanted events
  /// Returns: the place of a field; nullopt if this kernel's event has no such field.
  [[nodiscard]] std::optional<field_place> field(std::string_view field_name) const;

private:
  friend class trace_instance;
  std::vector<std::pair<std::string, field_place>> fields_;
};

/// One event as the kernel wrote it.
struct raw_event {
  std::uint64_t stamp = 0; ///< nanoseconds of CLOCK_MONOTONIC
  unsigned cpu = 0;
  std::size_t layout = 0; ///< its index in trace_instance::layouts()
  const std::byte* data = nullptr;
  std::size_t size = 0;

  /// Returns: a number of up to 8 bytes, sign-extended where the field is signed; 0 where the data are too short.
  [[nodiscard]] std::int64_t number(const field_place& place) const;
  /// Returns: a text up to its terminating zero or the end of the field; empty where the data are too short.
  [[nodiscard]] std::string_view text(const field_place& place) const;
};

class trace_instance {
public:
  /// Effects: makes an instance with the trace clock `mono` in which the wanted events are enabled. It does not record
  /// yet. Returns: the instance; null on error, with a sentence in `why` that says what to do.
  [[nodiscard]] static std::unique_ptr<trace_instance> open(const std::vector<wanted_event>& wanted, std::string& why);
  ~trace_instance();
  trace_instance(const trace_instance&) = delete;
  trace_instance& operator=(const trace_instance&) = delete;

  /// Returns: the layouts of the enabled events.
  [[nodiscard]] const std::vector<event_layout>& layouts() const { return layouts_; }
  /// Returns: the wanted events that this kernel does not have, as "system:name".
  [[nodiscard]] const std::vector<std::string>& missing() const { return missing_; }
  /// Returns: the number of CPUs that have a buffer.
  [[nodiscard]] std::size_t cpus() const;

  /// Effects: starts or stops the recording. Returns: whether the kernel accepted that.
  bool record(bool on);

  /// Effects: writes `text` into the recording as an event ftrace:print, which is recorded where it was wanted; nothing
  /// where the kernel refuses that. One system call, some 500 ns.
  void mark(std::string_view text);

  /// Effects: calls `take` for each event that was recorded and not read yet, CPU by CPU, in the order of their times
  /// on each CPU. The data of an event are valid during its call. Does not block.
  /// Returns: the largest share of a CPU's buffer that was read; above 1 where the kernel wrote during the call.
  double read(const std::function<void(const raw_event&)>& take);
  /// Returns: how many events the kernel has dropped or overwritten so far.
  [[nodiscard]] std::uint64_t lost() const;
  /// Returns: the size of the buffer of each CPU in bytes.
  [[nodiscard]] std::size_t buffer_bytes() const;

private:
  trace_instance() = default;
  struct libraries;
  std::unique_ptr<libraries> libraries_;
  std::vector<event_layout> layouts_;
  std::vector<std::string> missing_;
};

} // namespace tool
