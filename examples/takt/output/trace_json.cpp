#include "trace_json.hpp"
#include "document.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>

namespace tool {
namespace {

// Beyond the numbers that Linux gives to processes, which end at 2^22.
constexpr std::int64_t cpus_process = (1 << 22) + 1, kernel_process = cpus_process + 1;
/// Threads that are not on a CPU and not woken are forgotten when there are more than that.
constexpr std::size_t max_threads = 1 << 16;

/// `text` as a JSON string, quotes included. Bytes that are no UTF-8 are replaced.
std::string json_text(absl::string_view text) {
  return json(std::string(text)).dump(-1, ' ', true, json::error_handler_t::replace);
}

/// Microseconds with three decimals: whole nanoseconds.
std::string microseconds(std::chrono::nanoseconds t) {
  const bool negative = t < std::chrono::nanoseconds::zero();
  const auto ns = negative ? 0 - static_cast<std::uint64_t>(t.count()) : static_cast<std::uint64_t>(t.count());
  return absl::StrFormat("%s%d.%03d", negative ? "-" : "", ns / 1000, ns % 1000);
}

} // namespace

trace_json::trace_json(std::function<void(absl::string_view)> write, const picture_origin& origin)
    : write_(std::move(write)) {
  write_(absl::StrCat("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"title\":", json_text(origin.title),
                      ",\"command\":", json_text(origin.command), ",\"machine\":", json_text(origin.machine),
                      ",\"date\":", json_text(origin.date), "},\n\"traceEvents\":["));
  put_metadata("process_name", {cpus_process, 0}, "CPUs");
  put_metadata("process_name", {kernel_process, 0}, "kernel");
}

void trace_json::put(nanoseconds t, absl::string_view phase, track where, absl::string_view name,
                     absl::string_view rest) {
  if (!start_) start_ = t;
  newest_ = std::max(newest_, t);
  waiting_.emplace(t, absl::StrCat("{\"ph\":\"", phase, "\",\"ts\":", microseconds(t - *start_), ",\"pid\":",
                                   where.process, ",\"tid\":", where.thread, ",\"name\":", json_text(name), rest, "}"));
  if (newest_ - waiting_.begin()->first > 2 * reorder) flush(newest_ - reorder);
}

void trace_json::put_metadata(absl::string_view what, track where, absl::string_view name) {
  // It has no time; among the others, so that it stands before what it is about.
  waiting_.emplace(newest_, absl::StrCat("{\"ph\":\"M\",\"pid\":", where.process, ",\"tid\":", where.thread,
                                         ",\"name\":\"", what, "\",\"args\":{\"name\":", json_text(name), "}}"));
}

void trace_json::flush(std::optional<nanoseconds> before) {
  const auto end = before ? waiting_.lower_bound(*before) : waiting_.end();
  std::string text;
  for (auto it = waiting_.begin(); it != end; ++it) {
    absl::StrAppend(&text, first_ ? "\n" : ",\n", it->second);
    first_ = false;
  }
  waiting_.erase(waiting_.begin(), end);
  write_(text);
}

trace_json::thread_state& trace_json::thread(std::int32_t number) {
  if (threads_.size() > max_threads) std::erase_if(threads_, [](const auto& t) { return t.second.open == nullptr; });
  return threads_[number];
}

trace_json::track trace_json::track_of(std::int32_t number) {
  thread_state& t = thread(number);
  const track where{t.process > 0 ? t.process : number, number};
  if (!t.named) {
    const bool known = !t.name.empty(), own = known && (t.process <= 0 || t.process == number);
    const std::string name = known ? t.name : absl::StrCat("thread ", number);
    put_metadata("thread_name", where, name);
    name_process(where, name, own ? naming::own : naming::by_thread);
    t.named = true;
  }
  return where;
}

/// The name of a thread is better than none for a process whose main thread has not been seen, and gives way to its own.
void trace_json::name_process(track where, absl::string_view name, naming how) {
  naming& known = processes_[where.process];
  if (known >= how) return;
  put_metadata("process_name", where, name);
  known = how;
}

trace_json::cpu_state& trace_json::cpu(std::int32_t number) {
  const auto [found, is_new] = cpus_.try_emplace(number);
  if (is_new) put_metadata("thread_name", {cpus_process, number + 1}, absl::StrCat("CPU ", number));
  return found->second;
}

void trace_json::open_slice(std::int32_t number, nanoseconds t, const char* name) {
  close_slice(number, t);
  put(t, "B", track_of(number), name);
  thread(number).open = name;
}
void trace_json::close_slice(std::int32_t number, nanoseconds t) {
  thread_state& s = thread(number);
  if (s.open != nullptr) put(t, "E", track_of(number), s.open);
  s.open = nullptr;
}

/// Ends the innermost handlers on a CPU until `left` are open. The end of an outer one may have been lost.
void trace_json::end_handlers(std::int32_t number, nanoseconds t, std::size_t left) {
  std::vector<handler>& open = cpu(number).handlers;
  for (; open.size() > left; open.pop_back()) put(t, "E", {cpus_process, number + 1}, open.back().name);
}
/// Ends the handler of `timer`, if it is open, and those inside of it. A handler that an interrupt's handler interrupted
/// in a softirq ends after that one.
void trace_json::end_handler(std::int32_t number, nanoseconds t, std::uint64_t timer) {
  const std::vector<handler>& open = cpu(number).handlers;
  const auto found = std::find_if(open.rbegin(), open.rend(), [&](const handler& h) { return h.timer == timer; });
  if (found != open.rend()) end_handlers(number, t, static_cast<std::size_t>(open.rend() - found) - 1);
}

void trace_json::event(const takt::trace_event& e) {
  const auto learn = [&](std::int32_t number, absl::string_view name, std::int32_t process) {
    if (number <= 0) return; // idle
    thread_state& t = thread(number);
    if (process > 0 && t.process != process && t.open == nullptr) t.process = process, t.named = false;
    if (!name.empty() && t.name != name) t.name = std::string(name), t.named = false;
  };
  learn(e.thread, as_absl(e.task), e.process);
  learn(e.other, as_absl(e.other_task), takt::trace_event::unknown);
  learn(e.previous, as_absl(e.previous_task), takt::trace_event::unknown);
  if (e.cpu < 0) return;
  if (e.kind == takt::trace_kind::hrtimer_expire_exit || e.kind == takt::trace_kind::timer_expire_exit)
    return end_handler(e.cpu, e.time, e.timer);
  if (e.kind != takt::trace_kind::sched_switch) return;
  cpu_state& c = cpu(e.cpu);
  const track where{cpus_process, e.cpu + 1};
  end_handlers(e.cpu, e.time, 0); // their ends were lost
  if (c.runs > 0) {
    put(e.time, "E", where, c.name);
    close_slice(c.runs, e.time);
  }
  c.runs = e.other;
  c.name = std::string(as_absl(e.other_task));
  if (e.other <= 0) return;
  put(e.time, "B", where, c.name, absl::StrCat(",\"args\":{\"thread\":", e.other, "}"));
  open_slice(e.other, e.time, "runs");
}

trace_json::track trace_json::owner_track(const takt::timer_trace::step& e, const takt::timer_trace::usage* usage) {
  const bool of_process = usage != nullptr && (usage->owner.kind == takt::timer_trace::owner::kind_type::process ||
                                               usage->owner.kind == takt::timer_trace::owner::kind_type::thread);
  if (!of_process) return {kernel_process, 0};
  const std::int64_t process = usage->owner.process > 0 ? usage->owner.process : e.thread;
  const std::string& name = usage->owner.name;
  name_process({process, process}, name.empty() ? absl::StrCat("process ", process) : name,
               name.empty() ? naming::by_thread : naming::own);
  return {process, process};
}

void trace_json::end_timer(std::uint64_t timer, nanoseconds t, absl::string_view how, absl::string_view more) {
  const auto found = timers_.find(timer);
  if (found == timers_.end()) return;
  put(t, "e", found->second.where, found->second.name,
      absl::StrFormat(",\"cat\":\"timer\",\"id\":\"0x%x\",\"args\":{\"end\":\"%s\"%s}", found->second.id, how, more));
  timers_.erase(found);
}

void trace_json::life(const takt::timer_trace::step& e, const takt::timer_trace::usage* usage) {
  using kind = takt::timer_trace::step::kind_type;
  // hrtimers and timers of the wheel have addresses of their own, so that a number is one timer.
  switch (e.kind) {
  case kind::set_up: return;
  case kind::armed:
  case kind::moved: {
    end_timer(e.timer, e.time, "moved", {});
    open_timer timer{owner_track(e, usage), std::string(as_absl(e.function)), next_timer_++};
    std::string due;
    if (e.subsystem != takt::timer_trace::subsystem::wheel)
      due = absl::StrFormat(",\"softexpires_ns\":%d,\"expires_ns\":%d", e.softexpires.count(), e.expires.count());
    put(e.time, "b", timer.where, timer.name,
        absl::StrFormat(
            ",\"cat\":\"timer\",\"id\":\"0x%x\",\"args\":{\"thread\":%d,\"cpu\":%d,\"clock\":%s,\"timer\":\"0x%x\"%s}",
            timer.id, e.thread, e.cpu, json_text(as_absl(takt::to_string(e.clock))), e.timer, due));
    timers_.emplace(e.timer, std::move(timer));
    return;
  }
  case kind::cancelled: return end_timer(e.timer, e.time, "cancelled", {});
  case kind::expired: {
    end_timer(e.timer, e.time, "expired",
              e.armed_known ? absl::StrFormat(",\"after_softexpires_ns\":%d", e.after_softexpires.count())
                            : std::string());
    if (e.cpu < 0) return;
    cpu(e.cpu).handlers.push_back({e.timer, std::string(as_absl(e.function))});
    put(e.time, "B", {cpus_process, e.cpu + 1}, as_absl(e.function),
        absl::StrFormat(",\"args\":{\"owner\":%s,\"woke_idle\":%s}",
                        json_text(usage == nullptr || usage->owner.name.empty() ? absl::string_view("unknown") : as_absl(usage->owner.name)),
                        e.woke_idle ? "true" : "false"));
    return;
  }
  // The event has ended it, unless its owner was not known until now.
  case kind::handler_done: return e.cpu < 0 ? void() : end_handler(e.cpu, e.time, e.timer);
  case kind::woke: {
    if (e.thread <= 0 || e.cpu < 0 || cpu(e.cpu).handlers.empty()) return;
    if (!e.task.empty() && thread(e.thread).name.empty()) thread(e.thread).name = std::string(as_absl(e.task));
    if (thread(e.thread).open == nullptr) open_slice(e.thread, e.time, "woken");
    const std::string flow = absl::StrFormat(",\"cat\":\"wake-up\",\"id\":%d", next_flow_++);
    put(e.time, "s", {cpus_process, e.cpu + 1}, "wake-up", flow);
    return put(e.time, "f", track_of(e.thread), "wake-up", absl::StrCat(flow, ",\"bp\":\"e\""));
  }
  case kind::ran: return; // sched_switch says it, of threads that timers did not wake too
  }
}

void trace_json::finish(std::uint64_t lost) {
  for (auto& [number, c] : cpus_) {
    end_handlers(number, newest_, 0);
    if (c.runs > 0) put(newest_, "E", {cpus_process, number + 1}, c.name);
    c.runs = -1;
  }
  for (auto& [number, t] : threads_)
    if (t.open != nullptr) close_slice(number, newest_);
  while (!timers_.empty()) end_timer(timers_.begin()->first, newest_, "still armed", {});
  flush(std::nullopt);
  write_(absl::StrCat("\n],\n\"lostEvents\":", lost, "}\n"));
}

} // namespace tool
