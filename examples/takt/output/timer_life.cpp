#include "timer_life.hpp"
#include "command.hpp"
#include "timers_document.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <optional>

namespace tool {

using std::chrono::nanoseconds;
using owner_kind = takt::timer_trace::owner::kind_type;
using step_kind = takt::timer_trace::step::kind_type;
using subsystem = takt::timer_trace::subsystem;

namespace {

std::string printable(std::string_view name) {
  std::string text(name.empty() ? "?" : name);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return text;
}
std::string thread_text(const takt::timer_trace::step& s) {
  if (s.thread == 0) return absl::StrCat("idle CPU ", s.cpu);
  return s.thread < 0 ? "an unknown thread" : absl::StrCat(printable(s.task), " (", s.thread, ")");
}
std::string timer_text(const takt::timer_trace::step& s) {
  return absl::StrCat(s.subsystem == subsystem::wheel      ? "timer "
                      : s.subsystem == subsystem::interval ? "interval timer "
                                                           : "hrtimer ",
                      absl::StrFormat("%x", s.timer),
                      s.function.empty() ? "" : absl::StrCat(" (", printable(s.function), ")"));
}
std::string mode_text(takt::trace_event::hrtimer_mode mode) {
  if (!mode.known()) return "";
  return absl::StrCat(mode.relative() ? ", relative" : ", absolute", mode.pinned() ? ", pinned" : "",
                      mode.soft() ? ", in softirq" : "");
}
std::string clock_text(takt::timer_trace::clock clock) {
  return clock == takt::timer_trace::clock::unknown ? "" : absl::StrCat(" on ", as_absl(takt::to_string(clock)));
}
std::string time_text(nanoseconds t) { return brief_time(t).text; }
/// "62 us after", "937 us before"
std::string relation(nanoseconds t) {
  return t < nanoseconds::zero() ? absl::StrCat(time_text(-t), " before") : absl::StrCat(time_text(t), " after");
}

const char* step_name(step_kind step) {
  switch (step) {
  case step_kind::set_up: return "set_up";
  case step_kind::armed: return "armed";
  case step_kind::moved: return "moved";
  case step_kind::expired: return "expired";
  case step_kind::handler_done: return "handler_done";
  case step_kind::woke: return "woke";
  case step_kind::ran: return "ran";
  case step_kind::cancelled: return "cancelled";
  }
  return "unknown";
}

} // namespace

std::string sentence_of(const takt::timer_trace::step& s, std::optional<nanoseconds> due, nanoseconds interrupt) {
  switch (s.kind) {
  case step_kind::set_up:
    return absl::StrCat(thread_text(s), " sets up ", timer_text(s), clock_text(s.clock), mode_text(s.mode));
  case step_kind::armed:
  case step_kind::moved: {
    std::string text = absl::StrCat(thread_text(s), s.kind == step_kind::armed ? " arms " : " moves ", timer_text(s));
    if (due)
      absl::StrAppend(&text, *due >= s.time ? absl::StrCat(" for ", time_text(*due - s.time), " from now")
                                            : absl::StrCat(" for ", time_text(s.time - *due), " ago"));
    absl::StrAppend(&text, clock_text(s.clock));
    if (s.subsystem != subsystem::wheel) absl::StrAppend(&text, ", range ", time_text(s.expires - s.softexpires));
    return absl::StrCat(text, mode_text(s.mode));
  }
  case step_kind::expired: {
    std::string text;
    if (interrupt != nanoseconds::zero())
      absl::StrAppend(&text, "timer interrupt ", time_text(s.time - interrupt), " before; ");
    absl::StrAppend(&text, timer_text(s), " expires on CPU ", s.cpu);
    if (s.armed_known) {
      absl::StrAppend(&text, ", ", relation(s.after_softexpires), " softexpires");
      if (s.expires != s.softexpires) absl::StrAppend(&text, " and ", relation(s.after_expires), " expires");
    }
    return absl::StrCat(text, s.woke_idle   ? "; it woke the idle CPU"
                              : s.from_idle ? "; the CPU was idle until this interrupt"
                                            : absl::StrCat("; it interrupts ", thread_text(s)));
  }
  case step_kind::handler_done: return absl::StrCat("handler done after ", time_text(s.duration));
  case step_kind::woke: return absl::StrCat("it wakes ", thread_text(s));
  case step_kind::ran:
    return absl::StrCat(thread_text(s), " runs on CPU ", s.cpu, ", ", time_text(s.duration), " after it was woken");
  case step_kind::cancelled: {
    std::string text = absl::StrCat(thread_text(s), " cancels ", timer_text(s));
    if (due)
      absl::StrAppend(&text, *due >= s.time ? absl::StrCat(", ", time_text(*due - s.time), " before softexpires")
                                            : absl::StrCat(", ", time_text(s.time - *due), " after softexpires"));
    if (s.armed_known) absl::StrAppend(&text, ", armed for ", time_text(s.time - s.armed_at));
    return text;
  }
  }
  return {};
}

void life_printer::event(const takt::trace_event& e) {
  if (e.process == pid_ && e.thread > 0) threads_.insert(e.thread);
  if (e.kind == takt::trace_kind::local_timer_entry || e.kind == takt::trace_kind::irq_handler_entry)
    interrupt_[e.cpu] = e.time;
  if (e.kind == takt::trace_kind::local_timer_exit || e.kind == takt::trace_kind::irq_handler_exit)
    interrupt_.erase(e.cpu);
}

bool life_printer::is_of(const takt::timer_trace::step& s, const std::vector<takt::timer_trace::usage>& usages) const {
  if (s.usage != takt::timer_trace::no_usage) {
    const takt::timer_trace::owner& owner = usages[s.usage].owner;
    const bool task = owner.kind == owner_kind::process || owner.kind == owner_kind::thread;
    return task && (owner.process == pid_ || owner.thread == pid_);
  }
  return s.kind == step_kind::set_up && threads_.contains(s.thread);
}

void life_printer::step(const takt::timer_trace::step& s, const std::vector<takt::timer_trace::usage>& usages) {
  if (!is_of(s, usages)) return;
  ++steps_;
  std::optional<nanoseconds> due;
  if (s.subsystem != subsystem::wheel && s.softexpires != nanoseconds::zero()) {
    if (const auto offset = recording_.lives.clock_offset(s.clock)) due = s.softexpires - *offset;
  }
  const auto interrupt = interrupt_.find(s.cpu);
  const std::string text = sentence_of(s, due, interrupt == interrupt_.end() ? nanoseconds::zero() : interrupt->second);
  if (!json_wanted()) {
    const bool of_expiry =
        s.kind == step_kind::handler_done || s.kind == step_kind::woke || s.kind == step_kind::ran;
    return say(absl::StrFormat("%12.6f  %s%s", std::chrono::duration<double>(s.time - recording_.lives.first()).count(),
                               of_expiry ? "  " : "", text),
               16);
  }
  const auto or_null = [](bool known, nanoseconds t) { return known ? json(t.count()) : json(); };
  const bool starts = s.kind == step_kind::armed || s.kind == step_kind::moved,
             expiry = s.kind == step_kind::expired;
  json j{{"event", step_name(s.kind)},
         {"time_ns", s.time.count()},
         {"timer", absl::StrFormat("0x%x", s.timer)},
         {"function", std::string(s.function)},
         {"kind", std::string(takt::to_string(s.subsystem))},
         {"clock", std::string(takt::to_string(s.clock))},
         {"cpu", s.cpu},
         {"thread", s.thread},
         {"task", std::string(s.task)}};
  if (starts)
    j["softexpires_ns"] = s.softexpires.count(), j["expires_ns"] = s.expires.count(),
    j["range_ns"] = (s.expires - s.softexpires).count(),
    j["relative"] = s.mode.known() ? json(s.mode.relative()) : json();
  if (expiry) {
    j["after_softexpires_ns"] = or_null(s.armed_known, s.after_softexpires),
    j["after_expires_ns"] = or_null(s.armed_known, s.after_expires);
    j["from_idle"] = s.from_idle, j["woke_idle"] = s.woke_idle;
    j["interrupt_ns"] = interrupt == interrupt_.end() ? json() : json(interrupt->second.count());
  }
  if (s.kind == step_kind::handler_done || s.kind == step_kind::ran) j["duration_ns"] = s.duration.count();
  j["text"] = text;
  print_line(j);
}

} // namespace tool
