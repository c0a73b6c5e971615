/// trace_text.hpp - parses the text of a recording into events, and prints an event as text.
///
/// Three programs print such texts: `perf script`, ftrace's file `trace` (also `trace_pipe`), and `trace-cmd report`.
/// trace_text_reader takes a text in pieces of any size, recognises its form, and counts the lines that it skips; its
/// parse_line() is a pure function of one line. trace_text_writer prints an event in ftrace's form with nanoseconds;
/// the reader reads the text back as an equal event.
///
/// A line is complete only if it ends with a newline. A line that is not understood is counted and skipped; a number
/// that is cut, too large or missing makes the line unreadable, never a wrong event. The name of a task may contain
/// blanks, dashes, slashes, brackets and colons; it is empty where the recorder did not know it. The fields after the
/// event's name are found by name, in any order. Nothing allocates for an event; texts of an event point into the line.
///
/// Does not promise: events from lines without a time (perf script -F without time), or with a time without a decimal
/// point, which has no unit (the trace clocks counter and x86-tsc): both are unreadable. Where the name of a task reads
/// like a field ("x pid=1"), the last match in the line is the field, because the kernel prints the name first.
/// Sources: Linux 6.18 kernel/trace/trace_output.c trace_print_context, tools/perf/builtin-script.c perf_sample__
/// fprintf_start, the print fmt lines in include/trace/events; libtraceevent 1.7 plugins (sched_switch, hrtimer).
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/detail/trace_cursor.hpp>
#include <takt/observe/detail/trace_fields.hpp>
#include <takt/observe/detail/trace_head.hpp>
#include <takt/observe/detail/trace_print.hpp>
#include <takt/observe/trace_event.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail {
template <class T> class basic_trace_text_reader;
} // namespace detail
/// Reads a text that comes in pieces. It is a template so that only translation units that use it compile it.
using trace_text_reader = detail::basic_trace_text_reader<detail::for_callers>;
struct trace_text_writer;

// definitions

namespace detail { // in the reference: basic_trace_text_reader as trace_text_reader

/// Reads a text that comes in pieces. Not to be shared between threads.
template <class T> class basic_trace_text_reader {
public:
  /// The program that printed a text.
  enum class form_type : std::uint8_t { unknown, perf_script, ftrace, trace_cmd };

  /// The kinds of lines.
  enum class line_kind : std::uint8_t {
    event,      ///< an event that takt understands
    other,      ///< an event of another tracepoint
    lost,       ///< a note that the recorder lost events
    comment,    ///< a header, an empty line, a frame of a call chain
    unreadable, ///< anything else: cut, or not of this form
  };

  /// What the reader has counted.
  struct counts_type {
    std::uint64_t lines = 0;      ///< all lines
    std::uint64_t events = 0;     ///< events that were passed to the caller
    std::uint64_t other = 0;      ///< events of tracepoints that takt does not know
    std::uint64_t unreadable = 0; ///< lines that could not be read, also a last one without a newline
    std::uint64_t lost = 0;       ///< events that the recorder says it lost
    std::uint64_t lost_notes = 0; ///< notes of lost events, some of them without a number
    friend bool operator==(const counts_type&, const counts_type&) = default;
  };

  /// Returns: what `line` (without its newline) is, and for line_kind::event the event in `event`, for line_kind::lost
  /// the number of lost events in `lost` (0 if the note has none); otherwise both are unspecified. The texts of `event`
  /// point into `line`. With an unknown `form` the line is tried as one of ftrace and of perf. Where a line of perf
  /// has no thread or CPU, the event has trace_event::unknown. Any text is allowed; allocates nothing; time linear in
  /// the length of the line.
  [[nodiscard]] static line_kind parse_line(std::string_view line, form_type form, trace_event& event,
                                            std::uint64_t& lost) noexcept {
    return parse(line, form, event, lost);
  }
  /// Returns: which program printed `text`, judged by its first lines; unknown if they have no known form. The lines of
  /// trace-cmd are those of ftrace: without trace-cmd's first line the form is ftrace. Allocates nothing.
  [[nodiscard]] static form_type recognise(std::string_view text) noexcept {
    if (text.starts_with("# tracer:")) return form_type::ftrace;
    if (text.starts_with("cpus=") || text.starts_with("version = ")) return form_type::trace_cmd;
    form_type f = form_type::unknown;
    for (int lines = 0; lines < lines_to_recognise && f == form_type::unknown; ++lines) {
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) break;
      trace_event e;
      std::uint64_t lost = 0;
      if (const std::string_view line = text.substr(0, end); line.starts_with("# tracer:")) f = form_type::ftrace;
      else parse(line, f, e, lost);
      text.remove_prefix(end + 1);
    }
    return f;
  }

  /// The longest line that is read, 64 KiB. A longer one is unreadable.
  static constexpr std::size_t max_line = 65536;

  /// Effects: prepares for a text of `form`; if it is unknown, the first event decides.
  explicit basic_trace_text_reader(form_type form = form_type::unknown) noexcept : form_(form) {}

  /// Effects: calls use(const trace_event&) for each event of the next piece of the text, in the order of the text. The
  /// event and its texts are valid during the call. Keeps the last line if `piece` does not end it; only that
  /// allocates. Does not block; time linear in the length of the piece.
  template <class Use> void feed(std::string_view piece, Use&& use) {
    if (!kept_.empty() || skipping_) {
      const std::size_t end = piece.find('\n');
      keep(piece.substr(0, end));
      if (end == std::string_view::npos) return;
      piece.remove_prefix(end + 1);
      if (skipping_) {
        ++counts_.lines, ++counts_.unreadable;
        skipping_ = false;
      } else {
        take(kept_, use);
      }
      kept_.clear();
    }
    while (!piece.empty()) {
      const void* const found = std::memchr(piece.data(), '\n', piece.size());
      if (found == nullptr) return keep(piece);
      const auto size = static_cast<std::size_t>(static_cast<const char*>(found) - piece.data());
      if (size > max_line) ++counts_.lines, ++counts_.unreadable;
      else take(piece.substr(0, size), use);
      piece.remove_prefix(size + 1);
    }
  }
  /// Effects: ends the text. A line that has no newline was cut and counts as unreadable.
  void finish() noexcept {
    if (!kept_.empty() || skipping_) ++counts_.lines, ++counts_.unreadable;
    kept_.clear(), skipping_ = false;
  }

  /// Returns: the counts so far.
  [[nodiscard]] const counts_type& counts() const noexcept { return counts_; }
  /// Returns: the form that was given or recognised; unknown before the first event.
  [[nodiscard]] form_type form() const noexcept { return form_; }

private:
  static bool starts_comment(std::string_view line) noexcept {
    if (line.empty() || line.front() == '#' || line.front() == '\t') return true;
    if (line.starts_with("cpus=") || line.starts_with("version = ")) return true;
    if (line.starts_with("CPU ") && line.ends_with(" is empty")) return true;
    const std::string_view text = trace_heads<T>::without_blanks_before(line);
    if (text.empty()) return true;
    std::size_t digits = 0; // a frame of a call chain: an address, then a name
    while (digits < text.size() && hex_values[static_cast<unsigned char>(text[digits])] != 0xff) ++digits;
    return text.size() != line.size() && digits >= 8 && digits < text.size() && text[digits] == ' ';
  }
  /// Returns: whether `line` is a note that the recorder lost events:
  /// "CPU:1 [LOST 12 EVENTS]", "CPU:1 [12 EVENTS DROPPED]", "PERF_RECORD_LOST lost 12".
  static bool is_lost(std::string_view line, std::uint64_t& lost) noexcept {
    lost = 0;
    if (line.starts_with("CPU:") && line.ends_with(']')) {
      const std::size_t bracket = line.find(" [");
      if (bracket == std::string_view::npos) return false;
      trace_cursor c(line.substr(bracket + 2));
      c.take("LOST ");
      if (c.number(lost) && !c.take(' ')) return false;
      return c.rest() == "EVENTS]" || c.rest() == "EVENTS DROPPED]";
    }
    const std::size_t record = line.find("PERF_RECORD_LOST");
    if (record == std::string_view::npos) return false;
    const std::size_t word = line.find(" lost ", record);
    if (word != std::string_view::npos) {
      trace_cursor c(line.substr(word + 6));
      c.skip_blanks();
      if (!c.number(lost)) lost = 0;
    }
    return true;
  }

  /// As parse_line(); `f` becomes the form of the line where it was unknown.
  static line_kind parse(std::string_view line, form_type& f, trace_event& e, std::uint64_t& lost) noexcept {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    trace_head h;
    using heads = trace_heads<T>;
    const bool ftrace = f != form_type::perf_script, perf = f == form_type::perf_script || f == form_type::unknown;
    bool there = false;
    if (!line.empty() && line.front() != '#' && line.front() != '\t') {
      form_type found = form_type::ftrace;
      there = ftrace && heads::ftrace_in_column(line, h);
      if (!there && perf) there = heads::perf_in_column(line, h), found = form_type::perf_script;
      if (!there && ftrace) there = heads::ftrace_anywhere(line, h), found = form_type::ftrace;
      if (!there && perf) there = heads::perf_anywhere(line, h), found = form_type::perf_script;
      if (there && f == form_type::unknown) f = found;
    }
    if (!there) {
      if (starts_comment(line)) return line_kind::comment;
      return is_lost(line, lost) ? line_kind::lost : line_kind::unreadable;
    }
    if (h.kind == trace_kind_table::none) return line_kind::other;
    e = trace_event{};
    e.kind = static_cast<trace_kind>(h.kind), e.context = h.context;
    e.cpu = h.cpu, e.thread = h.thread, e.process = h.process;
    e.time = std::chrono::nanoseconds(h.time), e.task = heads::task_of(h);
    return trace_fields<T>::parse(h.fields, e) ? line_kind::event : line_kind::unreadable;
  }

  static constexpr int lines_to_recognise = 1000; ///< perf's own header has some hundred lines

  void keep(std::string_view part) {
    if (skipping_) return;
    if (kept_.size() + part.size() > max_line) {
      skipping_ = true;
      kept_.clear();
    } else {
      kept_.append(part);
    }
  }
  template <class Use> void take(std::string_view line, Use& use) {
    ++counts_.lines;
    if (form_ == form_type::unknown && counts_.lines == 1) {
      if (line.starts_with("# tracer:")) form_ = form_type::ftrace;
      if (line.starts_with("cpus=") || line.starts_with("version = ")) form_ = form_type::trace_cmd;
    }
    std::uint64_t lost = 0;
    switch (parse(line, form_, event_, lost)) {
    case line_kind::event:
      ++counts_.events;
      use(std::as_const(event_));
      break;
    case line_kind::other: ++counts_.other; break;
    case line_kind::lost: counts_.lost += lost, ++counts_.lost_notes; break;
    case line_kind::unreadable: ++counts_.unreadable; break;
    case line_kind::comment: break;
    }
  }

  form_type form_;
  bool skipping_ = false; ///< in a line that is too long
  dependent<T, std::string> kept_;
  counts_type counts_;
  trace_event event_;
};

} // namespace detail

/// Prints events in ftrace's form.
struct trace_text_writer {
  /// Effects: appends the comment lines with which a text begins. Allocates in `text` alone.
  static void header(std::string& text) {
    text += "# tracer: nop\n#\n#           TASK-PID     (   TGID) CPU#  FLAGS  TIMESTAMP  FUNCTION\n";
  }
  /// Effects: appends `event`: a line with its newline, the time in seconds with nine decimals. Allocates in `text`
  /// alone. trace_text_reader::parse_line() reads an equal event back if the thread, the CPU and the fields of the
  /// event's kind are known, names of tasks have at most 15 bytes without control characters and without a blank at the
  /// front, the time is not negative, and `task` is not "<...>", which is printed for an empty one, nor
  /// ":" and the number of the thread.
  static void append(std::string& text, const trace_event& event) { detail::trace_printer<>(text).line(event); }
};

} // namespace takt::inline TAKT_ABI
