/// trace_head.hpp - parses the head of a line: task, thread, CPU, flags, time and the name of the event.
///
/// ftrace and trace-cmd print "%16s-%d (tgid) [cpu] flags time: name:", perf script "%16s %d [cpu] time: group:name:".
/// The name of a task may contain any text, so the thread is first expected in the column where the programs print it.
/// If the rest of the line does not parse from there, every position is tried from the left until the rest parses.
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/detail/trace_cursor.hpp>
#include <takt/observe/detail/trace_fields.hpp>
#include <takt/observe/trace_event.hpp>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// The column after the name of the task.
inline constexpr std::size_t trace_task_column = max_task_name + 1;

/// Finds the kind of an event by its name. The table has one slot for each value of a hash that no two names share.
class trace_kind_table {
public:
  static constexpr unsigned char none = 0xff;

  constexpr trace_kind_table() noexcept {
    for (auto& s : slots_) s = none;
    for (std::size_t i = 0; i < trace_event::kinds; ++i) add(trace_kind_rows[i].name, i);
    add("hrtimer_init", static_cast<std::size_t>(trace_kind::hrtimer_setup)); // its name before Linux 6.15
  }
  /// Returns: the index of the kind; `none` if there is no such event.
  [[nodiscard]] constexpr unsigned char find(std::string_view name) const noexcept {
    if (name.size() < 4) return none;
    const unsigned char kind = slots_[hash(name)];
    if (kind == none) return none;
    return name == trace_kind_rows[kind].name || name == "hrtimer_init" ? kind : none;
  }
  [[nodiscard]] constexpr bool complete() const noexcept { return complete_; }

private:
  static constexpr std::size_t hash(std::string_view name) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(name[i])); };
    const std::size_t n = name.size();
    return (n * 75 + at(n - 4) * 18 + at(1) * 43 + at(n - 2) * 41) / 4 % 64; // factors found by search: no collision
  }
  constexpr void add(std::string_view name, std::size_t kind) noexcept {
    unsigned char& slot = slots_[hash(name)];
    complete_ = complete_ && slot == none;
    slot = static_cast<unsigned char>(kind);
  }

  unsigned char slots_[64]{};
  bool complete_ = true;
};
inline constexpr trace_kind_table trace_kind_by_name{};
static_assert(trace_kind_by_name.complete(), "two names of events share a slot: find other factors for the hash");

/// The head of a line, and its fields as unparsed text.
struct trace_head {
  std::string_view task;
  std::int32_t thread = -1, process = -1, cpu = -1;
  trace_event::context_type context = trace_event::context_type::unknown;
  unsigned char kind = trace_kind_table::none;
  bool grouped = false; ///< a group precedes the name of the event
  std::int64_t time = 0;
  std::string_view fields;
};

template <class = for_callers> struct trace_heads {
  /// Effects: reads a number. Returns: whether it fits into 31 bits.
  static bool small(trace_cursor& c, std::int32_t& value) noexcept {
    std::uint64_t n = 0;
    if (!c.number(n) || n > 0x7fff'ffff) return false;
    return value = static_cast<std::int32_t>(n), true;
  }
  static bool cpu(trace_cursor& c, std::int32_t& value) noexcept {
    return c.take('[') && small(c, value) && value < int{cpu_number_end} && c.take(']');
  }
  /// Effects: reads "group:name:" or "name:", and sets h.fields to the rest. Returns: whether there is a name that has
  /// the form of an event's, known or not.
  static bool event(trace_cursor& c, trace_head& h) noexcept {
    c.skip_blanks();
    std::string_view group, name;
    for (int part = 0; part < 2; ++part) {
      const char* const begin = c.at;
      while (c.at != c.end && name_character(*c.at)) ++c.at;
      if (c.at == begin || !c.take(':')) return false;
      group = name, name = std::string_view(begin, static_cast<std::size_t>(c.at - begin - 1));
      if (c.at_blank()) break;
    }
    if (!c.at_blank()) return false;
    h.kind = trace_kind_by_name.find(name), h.grouped = !group.empty();
    if (!group.empty() && h.kind != trace_kind_table::none && group != trace_kind_rows[h.kind].group)
      h.kind = trace_kind_table::none;
    c.skip_blanks();
    h.fields = c.rest();
    return true;
  }
  static constexpr bool name_character(char c) noexcept { return name_characters[static_cast<unsigned char>(c)]; }
  static constexpr std::array<bool, 256> name_characters = [] {
    std::array<bool, 256> set{};
    for (char c = 'a'; c <= 'z'; ++c) set[static_cast<unsigned char>(c)] = true;
    for (char c = 'A'; c <= 'Z'; ++c) set[static_cast<unsigned char>(c)] = true;
    for (char c = '0'; c <= '9'; ++c) set[static_cast<unsigned char>(c)] = true;
    set['_'] = set['-'] = set['/'] = set['.'] = true;
    return set;
  }();

  /// Effects: reads the rest of a line after the "-" of ftrace's "task-thread". Returns: whether it parses.
  static bool ftrace_from(trace_cursor c, trace_head& h) noexcept {
    if (!small(c, h.thread)) return false;
    c.skip_blanks();
    h.process = -1;
    if (c.take('(')) {
      c.skip_blanks();
      if (c.at_digit()) {
        if (!small(c, h.process)) return false;
      } else {
        while (c.take('-')) {}
      }
      if (!c.take(')')) return false;
      c.skip_blanks();
    }
    if (!cpu(c, h.cpu) || !c.starts(' ')) return false;
    c.skip_blanks();
    h.context = trace_event::context_type::unknown;
    if (!c.at_digit()) { // the flags; their first is never a digit
      const std::string_view flags = c.word();
      if (flags.size() < 3) return false;
      switch (flags[2]) {
      case 'h': case 'H': case 'z': case 'Z': h.context = trace_event::context_type::hardirq; break;
      case 's': h.context = trace_event::context_type::softirq; break;
      case '.': h.context = trace_event::context_type::thread; break;
      default: return false;
      }
      c.skip_blanks();
    }
    return c.seconds(h.time) && c.take(':') && event(c, h);
  }
  /// Effects: reads "thread" or "process/thread"; perf prints -1 for a thread that has exited. Returns: whether it
  /// parses.
  static bool threads(trace_cursor& c, trace_head& h) noexcept {
    h.process = -1;
    if (!small(c, h.thread)) return false;
    if (!c.take('/')) return true;
    h.process = h.thread, h.thread = -1;
    return c.take("-1") || small(c, h.thread);
  }
  /// Effects: reads the rest of a line of perf after the task: "thread [cpu] time: group:name:", or with
  /// "process/thread". Returns: whether it parses.
  static bool perf_from(trace_cursor c, trace_head& h) noexcept {
    c.skip_blanks();
    h.process = -1, h.context = trace_event::context_type::unknown;
    if (!threads(c, h) || !c.starts(' ')) return false;
    c.skip_blanks();
    h.cpu = -1;
    if (c.starts('[')) {
      if (!cpu(c, h.cpu) || !c.starts(' ')) return false;
      c.skip_blanks();
    }
    return c.seconds(h.time) && c.take(':') && perf_event(c, h);
  }
  /// Effects: reads "group:name:", with or without the period of the sample, a number that perf prints before it.
  /// Returns: whether it parses.
  static bool perf_event(trace_cursor c, trace_head& h) noexcept {
    if (!c.starts(' ')) return false;
    c.skip_blanks();
    trace_cursor behind = c;
    std::uint64_t period = 0;
    if (behind.number(period) && behind.starts(' ')) c = behind;
    return event(c, h) && (h.grouped || h.kind == trace_kind_table::none); // perf names the group of a tracepoint
  }

  static std::string_view without_blanks_before(std::string_view task) noexcept {
    while (!task.empty() && task.front() == ' ') task.remove_prefix(1);
    return task;
  }
  static std::string_view without_blanks(std::string_view text) noexcept {
    text = without_blanks_before(text);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
  }

  /// Returns: the name of the task; empty where the recorder did not know it. ftrace, which remembers the names of 128
  /// tasks, and trace-cmd then print "<...>", and perf prints ":" and the number of the thread.
  static std::string_view task_of(const trace_head& h) noexcept {
    if (h.task == "<...>") return {};
    if (h.task.size() < 2 || h.task.front() != ':') return h.task;
    trace_cursor c(h.task.substr(1));
    std::int32_t thread = -1;
    return small(c, thread) && c.done() && thread == h.thread ? std::string_view() : h.task;
  }

  /// Effects: reads a line of ftrace or trace-cmd with the thread in its column. Returns: whether it parses.
  static bool ftrace_in_column(std::string_view line, trace_head& h) noexcept {
    if (line.size() <= trace_task_column || line[trace_task_column] != '-') return false;
    h.task = without_blanks_before(line.substr(0, trace_task_column));
    return ftrace_from(trace_cursor(line.substr(trace_task_column + 1)), h);
  }
  /// Effects: reads a line of ftrace or trace-cmd with the thread in any column. Returns: whether it parses.
  static bool ftrace_anywhere(std::string_view line, trace_head& h) noexcept {
    const std::string_view front = line.substr(0, 64);
    for (std::size_t at = front.find('-'); at != std::string_view::npos; at = front.find('-', at + 1)) {
      h.task = without_blanks_before(line.substr(0, at));
      if (ftrace_from(trace_cursor(line.substr(at + 1)), h)) return true;
    }
    return false;
  }
  /// Effects: reads a line of perf with the thread in its column. Returns: whether it parses.
  static bool perf_in_column(std::string_view line, trace_head& h) noexcept {
    if (line.size() <= trace_task_column || line[trace_task_column] != ' ') return false;
    h.task = without_blanks_before(line.substr(0, trace_task_column));
    return !h.task.empty() && perf_from(trace_cursor(line.substr(trace_task_column)), h);
  }
  /// Effects: reads a line of perf with other fields before the time (perf script -F), which are parsed from their end,
  /// because the task comes first. Returns: whether it parses.
  static bool perf_anywhere(std::string_view line, trace_head& h) noexcept {
    const std::string_view front = line.substr(0, 128);
    for (std::size_t colon = front.find(':'); colon != std::string_view::npos; colon = front.find(':', colon + 1)) {
      std::size_t begin = colon;
      while (begin > 0 && (trace_cursor::digit(line[begin - 1]) || line[begin - 1] == '.')) --begin;
      trace_cursor c(line.substr(begin));
      if (begin == colon || (begin > 0 && line[begin - 1] != ' ')) continue;
      if (!c.seconds(h.time) || !c.take(':') || !perf_event(c, h)) continue;
      h.thread = h.process = h.cpu = -1, h.context = trace_event::context_type::unknown;
      std::string_view before = without_blanks(line.substr(0, begin));
      if (const std::size_t bracket = before.rfind('['); !before.empty() && before.back() == ']') {
        trace_cursor at(before.substr(bracket == std::string_view::npos ? before.size() : bracket));
        if (!cpu(at, h.cpu) || !at.done()) continue;
        before = without_blanks(before.substr(0, bracket));
      }
      const std::size_t blank = before.rfind(' ');
      trace_cursor id(before.substr(blank == std::string_view::npos ? 0 : blank + 1));
      if (id.at_digit()) {
        if (!threads(id, h)) continue;
        if (id.done()) {
          before = without_blanks(before.substr(0, blank == std::string_view::npos ? 0 : blank));
        } else {
          h.thread = h.process = -1; // the end of a name
        }
      }
      h.task = before;
      return true;
    }
    return false;
  }
};

} // namespace takt::inline TAKT_ABI::detail
