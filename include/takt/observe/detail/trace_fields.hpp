/// trace_fields.hpp - parses the fields after the name of an event, "name=value ..." as the kernel's tracepoints print
/// them.
///
/// The parser first expects the fields in the order in which kernels print them, and else finds them by name. Both ways
/// give the same numbers, so a field that a kernel adds or drops costs time, not the event. Two forms of
/// libtraceevent's plugins, "comm:pid [prio] ==> comm:pid [prio]" and "function/0x0", are parsed too.
///
/// The name of a task may contain text in the form of a field. A name has at most 15 bytes, so the field that follows
/// it is the last match that begins within 15 bytes.
/// Sources: see trace_text.hpp.
#pragma once
#include <takt/core/config.hpp>
#include <takt/kernel/detail/build_limits.hpp>
#include <takt/observe/detail/trace_cursor.hpp>
#include <takt/observe/trace_event.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// The longest name of a task, without its zero: TASK_COMM_LEN - 1.
inline constexpr std::size_t max_task_name = 15;

/// The parsers of fields, compiled for callers alone.
template <class = for_callers> struct trace_fields {
  using nanoseconds = std::chrono::nanoseconds;

  /// Returns: the text after the last `name` in `fields` that begins at most at `limit`, and either at the front or
  /// after a blank or "["; a null pointer if there is none. `name` ends with "=" or ":".
  static const char* find(std::string_view fields, std::string_view name, std::size_t limit = std::string_view::npos) {
    for (std::size_t at = fields.rfind(name, limit);; at = fields.rfind(name, at - 1)) {
      if (at == std::string_view::npos) return nullptr;
      if (at == 0 || fields[at - 1] == ' ' || fields[at - 1] == '[') return fields.data() + at + name.size();
    }
  }
  /// Returns: a cursor at the value of the field `name`; at the end of `fields` if there is no such field.
  static trace_cursor value(std::string_view fields, std::string_view name) {
    const char* const at = find(fields, name);
    trace_cursor c(fields);
    c.at = at == nullptr ? c.end : at;
    return c;
  }

  static bool time(trace_cursor& c, nanoseconds& value) {
    std::int64_t n = 0;
    if (!c.wrapped(n)) return false;
    value = nanoseconds(n);
    return true;
  }
  static bool seconds(trace_cursor c, nanoseconds& value) {
    std::int64_t n = 0;
    const bool negative = c.take('-');
    if (!c.seconds(n) || !c.at_blank()) return false;
    value = nanoseconds(negative ? -n : n);
    return true;
  }
  static bool cpu(trace_cursor& c, std::int32_t& number) {
    return c.integer(number) && number >= 0 && number < int{cpu_number_end};
  }
  /// Effects: reads a function's name, without the offset that libtraceevent's plugins and %pS print: "/0x0",
  /// "+0x0/0x40". Returns: whether there is one.
  static bool function(trace_cursor& c, std::string_view& name) {
    name = c.word();
    if (!name.empty() && name.back() != ']') { // "[nfs]" names a module
      const std::size_t plus = name.find("+0x"), slash = name.find("/0x");
      name = name.substr(0, plus < slash ? plus : slash);
    }
    return !name.empty();
  }

  /// Effects: reads the mode of an hrtimer: "ABS|PINNED", "0x3", "3". Returns: whether there is one.
  static bool mode(trace_cursor c, trace_event::hrtimer_mode& mode) {
    using bit = trace_event::hrtimer_mode;
    std::string_view word = c.word();
    std::uint64_t number = 0;
    trace_cursor digits(word);
    if (digits.at_digit()) {
      if (!digits.hex(number) || number > 15) return false;
      mode.bits = static_cast<std::uint8_t>(number);
      return true;
    }
    std::uint8_t bits = 0;
    while (!word.empty()) {
      const std::size_t bar = word.find('|');
      const std::string_view part = word.substr(0, bar);
      word = bar == std::string_view::npos ? std::string_view() : word.substr(bar + 1);
      if (part == "REL") bits |= bit::relative_bit;
      else if (part == "PINNED") bits |= bit::pinned_bit;
      else if (part == "SOFT") bits |= bit::soft_bit;
      else if (part == "HARD") bits |= bit::hard_bit;
      else if (part != "ABS") return false;
    }
    mode.bits = bits;
    return true;
  }
  static bool clockid(trace_cursor c, std::int32_t& id) {
    if (c.take("CLOCK_")) {
      const std::string_view name = c.word();
      id = name == "REALTIME" ? 0 : name == "MONOTONIC" ? 1 : name == "BOOTTIME" ? 7 : name == "TAI" ? 11 : -1;
      return id >= 0;
    }
    return c.integer(id) && id >= 0;
  }
  static bool dependency(trace_cursor c, trace_event::tick_dependency& d) {
    using reason = trace_event::tick_dependency;
    static constexpr struct {
      std::string_view name;
      reason value;
    } names[] = {{"NONE", reason::none},
                 {"POSIX_TIMER", reason::posix_timer},
                 {"PERF_EVENTS", reason::perf_events},
                 {"SCHED", reason::scheduler},
                 {"CLOCK_UNSTABLE", reason::clock_unstable},
                 {"RCU", reason::rcu},
                 {"RCU_EXP", reason::rcu_expedited}};
    const std::string_view word = c.word();
    for (const auto& n : names)
      if (word == n.name) return d = n.value, true;
    trace_cursor digits(word);
    std::uint64_t bits = 0;
    if (!digits.hex(bits) || bits > 0x7fff'ffff) return false;
    d = static_cast<reason>(bits);
    return true;
  }
  static bool wheel_flags(trace_cursor c, std::uint32_t& flags) {
    flags = 0;
    const std::string_view word = c.word();
    if (word.starts_with("0x")) {
      trace_cursor digits(word);
      std::uint64_t bits = 0;
      if (!digits.hex(bits) || bits > 0xffff'ffff) return false;
      flags = static_cast<std::uint32_t>(bits);
      return true;
    }
    for (const char c1 : word) {
      if (c1 == 'D') flags |= trace_event::deferrable;
      else if (c1 == 'P') flags |= trace_event::pinned;
      else if (c1 == 'I') flags |= trace_event::irqsafe;
      else if (c1 == 'M') flags |= 0x40000;
      else if (c1 != '|') return false;
    }
    return true;
  }

  /// Effects: reads the name of a task up to the field `next`, which begins with a blank, and skips both. Returns:
  /// whether both are there.
  template <std::size_t Size> static bool task(trace_cursor& c, std::string_view& name, const char (&next)[Size]) {
    const std::string_view rest = c.rest();
    const std::string_view window = rest.substr(0, max_task_name + Size - 1);
    const std::size_t at = window.rfind(std::string_view(next, Size - 1));
    if (at == std::string_view::npos) return false;
    name = rest.substr(0, at);
    c.at += at + Size - 1;
    return true;
  }
  static bool hrtimer_start(std::string_view fields, trace_event& e) {
    trace_cursor c(fields);
    std::int64_t expires = 0, soft = 0;
    const bool in_order = c.take("hrtimer=") && c.hex(e.timer) && c.take(" function=") && function(c, e.function) &&
                          c.take(" expires=") && c.wrapped(expires) && c.take(" softexpires=") && c.wrapped(soft);
    if (in_order) {
      if (c.take(" mode=")) {
        if (!mode(c, e.mode)) return false;
        c.word();
        if (c.take(" was_armed=")) return armed(c, e), finish(e, expires, soft);
      }
      if (c.done()) return finish(e, expires, soft);
    }
    c = value(fields, "expires=");
    if (!c.wrapped(expires)) return false;
    c = value(fields, "softexpires=");
    if (!c.wrapped(soft)) return false;
    c = value(fields, "hrtimer=");
    if (c.done()) c = value(fields, "timer=");
    if (!c.hex(e.timer)) return false;
    c = value(fields, "function=");
    if (!function(c, e.function)) return false;
    c = value(fields, "mode=");
    if (!c.done() && !mode(c, e.mode)) return false;
    c = value(fields, "was_armed=");
    if (!c.done()) armed(c, e);
    return finish(e, expires, soft);
  }
  static void armed(trace_cursor c, trace_event& e) {
    const std::string_view word = c.word();
    e.was_armed = static_cast<signed char>(word == "1" ? 1 : word == "0" ? 0 : -1);
  }
  static bool finish(trace_event& e, std::int64_t expires, std::int64_t soft) {
    e.expires = nanoseconds(expires), e.softexpires = nanoseconds(soft);
    return soft <= expires; // the kernel adds a range that is not negative
  }

  static bool timer_of(std::string_view fields, trace_event& e) {
    trace_cursor c(fields);
    if (c.take("hrtimer=") || c.take("timer=")) return c.hex(e.timer);
    c = value(fields, "hrtimer=");
    if (c.done()) c = value(fields, "timer=");
    return c.hex(e.timer);
  }
  static bool hrtimer_setup(std::string_view fields, trace_event& e) {
    trace_cursor c = value(fields, "clockid=");
    if (!clockid(c, e.clockid)) return false;
    c = value(fields, "mode=");
    return (c.done() || mode(c, e.mode)) && timer_of(fields, e);
  }
  static bool hrtimer_expire_entry(std::string_view fields, trace_event& e) {
    trace_cursor c(fields);
    if (c.take("hrtimer=") && c.hex(e.timer) && c.take(" function=") && function(c, e.function) && c.take(" now=") &&
        time(c, e.now))
      return true;
    c = value(fields, "function=");
    if (!function(c, e.function)) return false;
    c = value(fields, "now=");
    return time(c, e.now) && timer_of(fields, e);
  }
  static bool timer_start(std::string_view fields, trace_event& e) {
    std::int64_t timeout = 0;
    trace_cursor c = value(fields, "function=");
    if (!function(c, e.function)) return false;
    c = value(fields, "expires=");
    if (!c.wrapped(e.expires_jiffies)) return false;
    c = value(fields, "timeout=");
    const std::string_view word = c.word();
    if (word.empty() || word.back() != ']') return false;
    c = trace_cursor(word.substr(0, word.size() - 1));
    if (!c.wrapped(timeout)) return false;
    e.jiffies = static_cast<std::int64_t>(static_cast<std::uint64_t>(e.expires_jiffies) -
                                          static_cast<std::uint64_t>(timeout));
    c = value(fields, "bucket_expiry=");
    if (!c.done() && !c.wrapped(e.bucket_jiffies)) return false;
    c = value(fields, "flags=");
    return wheel_flags(c, e.timer_flags) && timer_of(fields, e);
  }
  static bool timer_expire_entry(std::string_view fields, trace_event& e) {
    trace_cursor c = value(fields, "function=");
    if (!function(c, e.function)) return false;
    c = value(fields, "now=");
    return c.wrapped(e.jiffies) && timer_of(fields, e);
  }
  static bool tick_stop(std::string_view fields, trace_event& e) {
    trace_cursor c = value(fields, "success=");
    const std::string_view word = c.word();
    if (word != "0" && word != "1" && word != "yes" && word != "no") return false;
    e.success = word == "1" || word == "yes";
    c = value(fields, "dependency=");
    return c.done() || dependency(c, e.dependency);
  }
  static bool itimer_state(std::string_view fields, trace_event& e) {
    trace_cursor c = value(fields, "which=");
    return c.integer(e.number) && seconds(value(fields, "it_value="), e.value) &&
           seconds(value(fields, "it_interval="), e.interval);
  }
  static bool itimer_expire(std::string_view fields, trace_event& e) {
    trace_cursor which = value(fields, "which="), pid = value(fields, "pid=");
    return which.integer(e.number) && pid.integer(e.other);
  }
  static bool number(std::string_view fields, std::string_view name, trace_event& e) {
    trace_cursor c = value(fields, name);
    return c.integer(e.number);
  }
  static bool irq_handler_entry(std::string_view fields, trace_event& e) {
    trace_cursor c = value(fields, "irq=");
    if (!c.integer(e.number)) return false;
    if (!c.take(" name=")) {
      c = value(fields, "name=");
      e.device = c.word();
      return true;
    }
    e.device = c.rest();
    while (!e.device.empty() && e.device.back() == ' ') e.device.remove_suffix(1);
    return true;
  }
  static bool cpu_idle(std::string_view fields, trace_event& e) {
    trace_cursor c = value(fields, "state=");
    std::uint64_t state = 0;
    if (!c.number(state) || !c.at_blank() || state > 0xffff'ffff) return false;
    e.idle_state = static_cast<std::uint32_t>(state);
    c = value(fields, "cpu_id=");
    return c.done() || cpu(c, e.other_cpu);
  }

  /// Parses sched_waking and sched_wakeup: "comm=NAME pid=N prio=N [success=1 ]target_cpu=NNN".
  static bool sched_waking(std::string_view fields, trace_event& e) {
    trace_cursor c(fields);
    if (!c.take("comm=")) return plugin_thread(c, e.other_task, e.other, e.other_priority) && plugin_cpu(c, e);
    if (!task(c, e.other_task, " pid=") || !c.integer(e.other) || !c.take(" prio=") || !c.integer(e.other_priority))
      return false;
    if (c.take(" success=")) c.word();
    return c.take(" target_cpu=") && cpu(c, e.other_cpu);
  }
  static bool sched_migrate_task(std::string_view fields, trace_event& e) {
    trace_cursor c(fields);
    return c.take("comm=") && task(c, e.other_task, " pid=") && c.integer(e.other) && c.take(" prio=") &&
           c.integer(e.other_priority) && c.take(" orig_cpu=") && cpu(c, e.from_cpu) && c.take(" dest_cpu=") &&
           cpu(c, e.other_cpu);
  }
  static bool sched_switch(std::string_view fields, trace_event& e) {
    trace_cursor c(fields);
    if (!c.take("prev_comm=")) {
      return plugin_thread(c, e.previous_task, e.previous, e.previous_priority) && c.take(' ') &&
             state(c.word(), e) && c.take(" ==> ") && plugin_thread(c, e.other_task, e.other, e.other_priority);
    }
    if (!task(c, e.previous_task, " prev_pid=") || !c.integer(e.previous) || !c.take(" prev_prio=") ||
        !c.integer(e.previous_priority) || !c.take(" prev_state=") || !state(c.word(), e))
      return false;
    return c.take(" ==> next_comm=") && task(c, e.other_task, " next_pid=") && c.integer(e.other) &&
           c.take(" next_prio=") && c.integer(e.other_priority);
  }
  static bool state(std::string_view word, trace_event& e) {
    if (word.empty()) return false;
    for (const char c : word)
      if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '|' || c == '+')) return false;
    e.prev_state = word.front(), e.preempted = word.back() == '+';
    return word.front() != '|' && word.front() != '+';
  }
  /// Effects: reads "NAME:PID [PRIO]", the form of libtraceevent's plugin. Returns: whether it is there.
  static bool plugin_thread(trace_cursor& c, std::string_view& name, std::int32_t& pid, std::int32_t& priority) {
    const std::string_view rest = c.rest();
    const std::size_t bracket = rest.find(" [", rest.find(':'));
    if (bracket == std::string_view::npos) return false;
    const std::size_t colon = rest.substr(0, bracket).rfind(':');
    if (colon == std::string_view::npos || colon > max_task_name) return false;
    trace_cursor number(rest.substr(colon + 1, bracket - colon - 1));
    if (!number.integer(pid) || !number.done()) return false;
    name = rest.substr(0, colon);
    c.at += bracket + 2;
    const std::size_t close = c.rest().find(']');
    if (close == std::string_view::npos) return false;
    trace_cursor digits(c.rest().substr(0, close));
    c.at += close + 1;
    return digits.integer(priority) && digits.done();
  }
  static bool plugin_cpu(trace_cursor& c, trace_event& e) {
    c = value(c.rest(), "CPU:");
    return cpu(c, e.other_cpu);
  }

  /// Effects: reads the fields of an event of e.kind into `e`. Returns: whether all that the kind needs are there.
  static bool parse(std::string_view fields, trace_event& e) {
    switch (e.kind) {
    case trace_kind::hrtimer_setup: return hrtimer_setup(fields, e);
    case trace_kind::hrtimer_start: return hrtimer_start(fields, e);
    case trace_kind::hrtimer_expire_entry: return hrtimer_expire_entry(fields, e);
    case trace_kind::hrtimer_expire_exit:
    case trace_kind::hrtimer_cancel:
    case trace_kind::timer_init:
    case trace_kind::timer_expire_exit:
    case trace_kind::timer_cancel: return timer_of(fields, e);
    case trace_kind::timer_start: return timer_start(fields, e);
    case trace_kind::timer_expire_entry: return timer_expire_entry(fields, e);
    case trace_kind::tick_stop: return tick_stop(fields, e);
    case trace_kind::itimer_state: return itimer_state(fields, e);
    case trace_kind::itimer_expire: return itimer_expire(fields, e);
    case trace_kind::local_timer_entry:
    case trace_kind::local_timer_exit: return number(fields, "vector=", e);
    case trace_kind::irq_handler_entry: return irq_handler_entry(fields, e);
    case trace_kind::irq_handler_exit: return number(fields, "irq=", e);
    case trace_kind::softirq_raise:
    case trace_kind::softirq_entry:
    case trace_kind::softirq_exit: return number(fields, "vec=", e);
    case trace_kind::sched_waking:
    case trace_kind::sched_wakeup: return sched_waking(fields, e);
    case trace_kind::sched_migrate_task: return sched_migrate_task(fields, e);
    case trace_kind::sched_switch: return sched_switch(fields, e);
    case trace_kind::cpu_idle: return cpu_idle(fields, e);
    }
    return false;
  }
};

} // namespace takt::inline TAKT_ABI::detail
