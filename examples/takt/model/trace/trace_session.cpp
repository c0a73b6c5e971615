#include "trace_session.hpp"
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iterator>
#include <limits>
#include <takt/kernel/os.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <time.h>
#include <utility>

namespace tool {

using std::chrono::nanoseconds;
using takt::trace_event;
using takt::trace_kind;

// Functions

void kernel_symbols::load() {
  // A line is "ffffffff81000000 T _text", with "\t[module]" behind it for those of modules.
  if (takt::linux_os::read_file("/proc/kallsyms", text_, std::size_t{1} << 28) != 0) return;
  for (std::size_t line = 0; line < text_.size();) {
    const std::size_t end = std::min(text_.find('\n', line), text_.size());
    std::uint64_t address = 0;
    const char* const begin = text_.data() + line;
    const auto [blank, error] = std::from_chars(begin, text_.data() + end, address, 16);
    // An address of zero is one that the kernel keeps to itself.
    if (error == std::errc() && address != 0 && text_.data() + end - blank > 3 &&
        std::string_view("tTwW").find(blank[1]) != std::string_view::npos)
      functions_.push_back({address, static_cast<std::size_t>(blank - text_.data()) + 3});
    line = end + 1;
  }
  std::sort(functions_.begin(), functions_.end(), [](const function& a, const function& b) {
    return a.address != b.address ? a.address < b.address : a.name < b.name;
  });
}

std::string_view kernel_symbols::at(std::uint64_t address) {
  const auto [entry, is_new] = known_.try_emplace(address);
  if (!is_new) return entry->second;
  auto after = std::upper_bound(functions_.begin(), functions_.end(), address,
                                [](std::uint64_t a, const function& f) { return a < f.address; });
  if (after == functions_.begin()) return entry->second = absl::StrFormat("0x%x", address);
  --after;
  while (after != functions_.begin() && std::prev(after)->address == after->address)
    --after; // of several names the first
  return entry->second = text_.substr(after->name, text_.find_first_of("\t\n", after->name) - after->name);
}

// Fields

struct trace_session::plan {
  trace_kind kind{};
  int helper = 0; ///< not 0: serves for looking up names alone
  std::optional<field_place> thread, flags, timer, function, expires, softexpires, mode, was_armed, clockid, now,
      bucket, timer_flags, success, dependency, which, vec, irq, vector, name, value_seconds, value_nanoseconds,
      value_microseconds, interval_seconds, interval_nanoseconds, interval_microseconds, state, cpu_id, pid, priority,
      target_cpu, from_cpu, to_cpu, comm, previous, previous_priority, previous_state, previous_comm, clone_flags, buffer;
};

namespace {

enum helper : int { none = 0, new_task = 1, freed_task = 2, written_mark = 3 };
constexpr std::string_view mark_prefix = "takt ";
constexpr std::string_view helper_names[] = {"", "task_newtask", "sched_process_free", "print"};
/// Values of `stamped::helper`.
enum meaning : std::int32_t { an_event = 0, process_began = 1, thread_began = 2, task_ended = 3, a_mark = 4 };

std::int32_t number32(const raw_event& raw, const std::optional<field_place>& place, std::int32_t missing) {
  return place ? static_cast<std::int32_t>(raw.number(*place)) : missing;
}

/// The letters of sched_switch, as its print fmt has them.
char letter_of(std::int64_t state) {
  constexpr std::string_view letters = "SDTtXZPI";
  for (std::size_t i = 0; i < letters.size(); ++i)
    if ((state & (std::int64_t{1} << i)) != 0) return letters[i];
  return 'R';
}

} // namespace

trace_session::~trace_session() = default;

std::unique_ptr<trace_session> trace_session::open(std::span<const trace_kind> needed,
                                                   std::span<const trace_kind> kinds, std::string& why) {
  std::vector<wanted_event> wanted;
  std::vector<std::pair<trace_kind, int>> meaning;
  const auto want = [&](trace_kind kind, bool is_needed) {
    if (std::any_of(meaning.begin(), meaning.end(), [&](const auto& m) { return m.second == none && m.first == kind; }))
      return;
    wanted_event w{takt::trace_event::group_of(kind), {takt::to_string(kind)}, is_needed};
    if (kind == trace_kind::hrtimer_setup) w.names.push_back("hrtimer_init"); // before Linux 6.15
    wanted.push_back(std::move(w));
    meaning.emplace_back(kind, none);
  };
  for (const trace_kind kind : needed) want(kind, true);
  for (const trace_kind kind : kinds) want(kind, false);
  wanted.push_back({"task", {helper_names[new_task]}, false});
  meaning.emplace_back(trace_kind{}, new_task);
  wanted.push_back({"sched", {helper_names[freed_task]}, false});
  meaning.emplace_back(trace_kind{}, freed_task);
  wanted.push_back({"ftrace", {helper_names[written_mark]}, false});
  meaning.emplace_back(trace_kind{}, written_mark);

  std::unique_ptr<trace_session> self(new trace_session);
  self->instance_ = trace_instance::open(wanted, why);
  if (self->instance_ == nullptr) return nullptr;
  for (const event_layout& layout : self->instance_->layouts()) {
    plan p;
    std::tie(p.kind, p.helper) = meaning[layout.wanted];
    const auto one_of = [&](std::initializer_list<std::string_view> names) {
      std::optional<field_place> found;
      for (const std::string_view each : names)
        if (!found) found = layout.field(each);
      return found;
    };
    const bool is_switch = p.helper == none && p.kind == trace_kind::sched_switch;
    p.thread = layout.field("common_pid"), p.flags = layout.field("common_flags");
    p.timer = one_of({"hrtimer", "timer"}), p.function = layout.field("function");
    p.expires = layout.field("expires"), p.softexpires = layout.field("softexpires"), p.mode = layout.field("mode");
    p.was_armed = layout.field("was_armed"), p.clockid = layout.field("clockid"), p.now = layout.field("now");
    p.bucket = layout.field("bucket_expiry"), p.timer_flags = layout.field("flags");
    p.success = layout.field("success"), p.dependency = layout.field("dependency"), p.which = layout.field("which");
    p.vec = layout.field("vec"), p.irq = layout.field("irq"), p.vector = layout.field("vector"),
    p.name = layout.field("name");
    p.value_seconds = layout.field("value_sec"), p.value_nanoseconds = layout.field("value_nsec");
    p.value_microseconds = layout.field("value_usec"), p.interval_seconds = layout.field("interval_sec");
    p.interval_nanoseconds = layout.field("interval_nsec"), p.interval_microseconds = layout.field("interval_usec");
    p.state = layout.field("state"), p.cpu_id = layout.field("cpu_id");
    p.pid = is_switch ? layout.field("next_pid") : layout.field("pid");
    p.priority = is_switch ? layout.field("next_prio") : layout.field("prio");
    p.comm = is_switch ? layout.field("next_comm") : layout.field("comm");
    p.target_cpu = layout.field("target_cpu"), p.from_cpu = layout.field("orig_cpu"),
    p.to_cpu = layout.field("dest_cpu");
    p.previous = layout.field("prev_pid"), p.previous_priority = layout.field("prev_prio");
    p.previous_state = layout.field("prev_state"), p.previous_comm = layout.field("prev_comm");
    p.clone_flags = layout.field("clone_flags"), p.buffer = layout.field("buf");
    self->plans_.push_back(p);
  }
  for (const std::string& name : self->instance_->missing())
    if (std::none_of(std::begin(helper_names) + 1, std::end(helper_names),
                     [&name](std::string_view helper) { return name.ends_with(helper); }))
      self->missing_.push_back(name);
  self->tasks_[0] = {0, "swapper"};
  std::error_code not_known; // then there is none
  self->namespace_offset_ = takt::time_offsets::read(not_known).monotonic;
  return self;
}

bool trace_session::start() {
  symbols_.load();
  // Now, because one that ends before the first events are read cannot be asked any more.
  std::vector<std::string> processes, threads;
  if (takt::linux_os::list_directory("/proc", processes) == 0) {
    for (const std::string& process : processes) {
      std::int32_t number = 0;
      if (!absl::SimpleAtoi(process, &number) ||
          takt::linux_os::list_directory(absl::StrCat("/proc/", number, "/task").c_str(), threads) != 0)
        continue;
      for (const std::string& thread : threads)
        if (absl::SimpleAtoi(thread, &number)) static_cast<void>(task_of(number));
    }
  }
  return instance_->record(true);
}

void trace_session::mark(std::string_view word, std::uint64_t number) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%.*s%.*s %llu", static_cast<int>(mark_prefix.size()),
                                 mark_prefix.data(), static_cast<int>(word.size()), word.data(),
                                 static_cast<unsigned long long>(number));
  instance_->mark({text, static_cast<std::size_t>(std::min(size, static_cast<int>(sizeof text) - 1))});
}

std::string_view trace_session::kept(std::string_view text) { return *texts_.emplace(text).first; }

void trace_session::decode(const raw_event& raw) {
  const plan& p = plans_[raw.layout];
  ++events_;
  stamped& s = waiting_.emplace_back();
  s.stamp = raw.stamp, s.order = events_;
  trace_event& e = s.event;
  e.kind = p.kind;
  e.cpu = static_cast<std::int32_t>(raw.cpu);
  e.time = nanoseconds(static_cast<std::int64_t>(raw.stamp));
  e.thread = number32(raw, p.thread, trace_event::unknown);
  if (raw.cpu >= last_of_cpu_.size()) last_of_cpu_.resize(raw.cpu + 1);
  last_of_cpu_[raw.cpu] = raw.stamp;
  const auto number = [&](const std::optional<field_place>& place) { return place ? raw.number(*place) : 0; };
  const auto text = [&](const std::optional<field_place>& place) {
    return place ? kept(raw.text(*place)) : std::string_view();
  };
  if (p.helper != none) {
    e.other = number32(raw, p.pid, trace_event::unknown);
    if (p.helper == written_mark) {
      s.helper = a_mark;
      const std::string_view words = p.buffer ? raw.text(*p.buffer) : std::string_view();
      const std::size_t last = words.rfind(' ');
      if (last == words.npos || !words.starts_with(mark_prefix)) return;
      std::from_chars(words.data() + last + 1, words.data() + words.size(), e.timer);
      e.other_task = kept(words.substr(mark_prefix.size(), std::max(last, mark_prefix.size()) - mark_prefix.size()));
    } else if (p.helper == freed_task) {
      s.helper = task_ended;
    } else {
      constexpr std::int64_t clone_thread = 0x10000;
      s.helper = (number(p.clone_flags) & clone_thread) != 0 ? thread_began : process_began;
      e.other_task = text(p.comm);
    }
    return;
  }
  if (p.flags) {
    constexpr std::int64_t hardirq = 0x08, softirq = 0x10,
                           nmi = 0x40; // trace_flag_type in include/linux/trace_events.h
    const std::int64_t flags = raw.number(*p.flags);
    e.context = (flags & (hardirq | nmi)) != 0 ? takt::trace_event::context_type::hardirq
                : (flags & softirq) != 0       ? takt::trace_event::context_type::softirq
                                               : takt::trace_event::context_type::thread;
  }
  const auto time = [&](const std::optional<field_place>& place) { return nanoseconds(number(place)); };
  const auto of_parts = [&](const auto& seconds, const auto& small, const auto& micro) {
    // Hostile or strange values saturate nothing that counts: such a timer is shown with a strange time.
    const std::int64_t whole =
        std::clamp<std::int64_t>(number(seconds), 0, std::numeric_limits<std::int64_t>::max() / 2'000'000'000);
    return nanoseconds(whole * 1'000'000'000 + (small ? number(small) : number(micro) * 1000));
  };
  switch (p.kind) {
  case trace_kind::hrtimer_setup:
    e.timer = static_cast<std::uint64_t>(number(p.timer));
    e.clockid = number32(raw, p.clockid, trace_event::unknown);
    if (p.mode) e.mode.bits = static_cast<std::uint8_t>(number(p.mode) & 0x0f);
    break;
  case trace_kind::hrtimer_start:
    e.timer = static_cast<std::uint64_t>(number(p.timer));
    e.function = symbols_.at(static_cast<std::uint64_t>(number(p.function)));
    e.expires = time(p.expires);
    e.softexpires = p.softexpires ? time(p.softexpires) : e.expires;
    if (p.mode) e.mode.bits = static_cast<std::uint8_t>(number(p.mode) & 0x0f);
    if (p.was_armed) e.was_armed = number(p.was_armed) != 0 ? 1 : 0;
    break;
  case trace_kind::hrtimer_expire_entry:
    e.timer = static_cast<std::uint64_t>(number(p.timer));
    if (p.function) e.function = symbols_.at(static_cast<std::uint64_t>(number(p.function)));
    e.now = time(p.now);
    break;
  case trace_kind::hrtimer_expire_exit:
  case trace_kind::hrtimer_cancel:
  case trace_kind::timer_init:
  case trace_kind::timer_expire_exit:
  case trace_kind::timer_cancel: e.timer = static_cast<std::uint64_t>(number(p.timer)); break;
  case trace_kind::timer_start:
    e.timer = static_cast<std::uint64_t>(number(p.timer));
    e.function = symbols_.at(static_cast<std::uint64_t>(number(p.function)));
    e.jiffies = number(p.now), e.expires_jiffies = number(p.expires), e.bucket_jiffies = number(p.bucket);
    e.timer_flags = static_cast<std::uint32_t>(number(p.timer_flags));
    break;
  case trace_kind::timer_expire_entry:
    e.timer = static_cast<std::uint64_t>(number(p.timer));
    if (p.function) e.function = symbols_.at(static_cast<std::uint64_t>(number(p.function)));
    e.jiffies = number(p.now);
    break;
  case trace_kind::tick_stop:
    e.success = number(p.success) != 0;
    e.dependency = static_cast<takt::trace_event::tick_dependency>(number(p.dependency));
    break;
  case trace_kind::itimer_state:
    e.number = number32(raw, p.which, trace_event::unknown);
    e.value = of_parts(p.value_seconds, p.value_nanoseconds, p.value_microseconds);
    e.interval = of_parts(p.interval_seconds, p.interval_nanoseconds, p.interval_microseconds);
    break;
  case trace_kind::itimer_expire:
    e.number = number32(raw, p.which, trace_event::unknown);
    e.other = number32(raw, p.pid, trace_event::unknown);
    break;
  case trace_kind::local_timer_entry:
  case trace_kind::local_timer_exit: e.number = number32(raw, p.vector, trace_event::unknown); break;
  case trace_kind::irq_handler_entry: e.device = text(p.name); [[fallthrough]];
  case trace_kind::irq_handler_exit: e.number = number32(raw, p.irq, trace_event::unknown); break;
  case trace_kind::softirq_raise:
  case trace_kind::softirq_entry:
  case trace_kind::softirq_exit: e.number = number32(raw, p.vec, trace_event::unknown); break;
  case trace_kind::sched_waking:
  case trace_kind::sched_wakeup:
    e.other = number32(raw, p.pid, trace_event::unknown),
    e.other_priority = number32(raw, p.priority, trace_event::unknown);
    e.other_cpu = number32(raw, p.target_cpu, trace_event::unknown), e.other_task = text(p.comm);
    break;
  case trace_kind::sched_migrate_task:
    e.other = number32(raw, p.pid, trace_event::unknown),
    e.other_priority = number32(raw, p.priority, trace_event::unknown);
    e.from_cpu = number32(raw, p.from_cpu, trace_event::unknown),
    e.other_cpu = number32(raw, p.to_cpu, trace_event::unknown);
    e.other_task = text(p.comm);
    break;
  case trace_kind::sched_switch: {
    e.other = number32(raw, p.pid, trace_event::unknown),
    e.other_priority = number32(raw, p.priority, trace_event::unknown);
    e.other_task = text(p.comm);
    e.previous = number32(raw, p.previous, trace_event::unknown);
    e.previous_priority = number32(raw, p.previous_priority, trace_event::unknown),
    e.previous_task = text(p.previous_comm);
    constexpr std::int64_t preempted = 0x100;
    const std::int64_t state = number(p.previous_state);
    e.prev_state = letter_of(state), e.preempted = (state & preempted) != 0;
    break;
  }
  case trace_kind::cpu_idle:
    e.idle_state = static_cast<std::uint32_t>(number(p.state));
    if (p.cpu_id) e.cpu = number32(raw, p.cpu_id, e.cpu);
    break;
  }
}

trace_session::task& trace_session::task_of(std::int32_t thread) {
  const auto [entry, is_new] = tasks_.try_emplace(thread);
  if (!is_new || thread <= 0) return entry->second;
  std::string status;
  if (takt::linux_os::read_file(absl::StrCat("/proc/", thread, "/status").c_str(), status, 1 << 16) != 0)
    return entry->second;
  for (absl::string_view line : absl::StrSplit(status, '\n')) {
    std::int32_t process = 0;
    if (absl::ConsumePrefix(&line, "Name:\t")) entry->second.name = kept({line.data(), line.size()});
    else if (absl::ConsumePrefix(&line, "Tgid:") && absl::SimpleAtoi(line, &process)) entry->second.process = process;
  }
  return entry->second;
}

void trace_session::complete(trace_event& e) {
  // A newer name first: a program takes another one with execve(2).
  const auto named = [&](std::int32_t thread, std::string_view name) {
    if (thread > 0 && !name.empty()) task_of(thread).name = name;
  };
  named(e.other, e.other_task), named(e.previous, e.previous_task);
  if (e.thread < 0) return;
  const task& t = task_of(e.thread);
  e.process = t.process, e.task = t.name;
}

void trace_session::hand_on(std::uint64_t before, const take_event& each) {
  const auto ready =
      std::partition(waiting_.begin(), waiting_.end(), [&](const stamped& s) { return s.stamp < before; });
  std::vector<stamped*> sorted;
  sorted.reserve(static_cast<std::size_t>(ready - waiting_.begin()));
  for (auto s = waiting_.begin(); s != ready; ++s) sorted.push_back(&*s);
  std::sort(sorted.begin(), sorted.end(), [](const stamped* a, const stamped* b) {
    return a->stamp != b->stamp ? a->stamp < b->stamp : a->order < b->order;
  });
  for (stamped* s : sorted) {
    trace_event& e = s->event;
    switch (s->helper) {
    case process_began: tasks_[e.other] = {e.other, e.other_task}; break;
    case thread_began: tasks_[e.other] = {task_of(e.thread).process, e.other_task}; break;
    case task_ended: tasks_.erase(e.other); break;
    case a_mark:
      if (mark_ && !e.other_task.empty()) mark_(e.other_task, e.timer, e.time);
      break;
    default: complete(e), each(e); break;
    }
  }
  waiting_.erase(waiting_.begin(), ready);
}

void trace_session::take(const take_event& each) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  constexpr std::uint64_t still_written = 1'000'000; // an event is complete long before
  auto until =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec) - still_written -
      static_cast<std::uint64_t>(namespace_offset_.count());
  const double fullest = instance_->read([this](const raw_event& raw) { decode(raw); });
  if (fullest >= 1) { // something was left on a CPU: what came later on others must wait
    for (const std::uint64_t last : last_of_cpu_)
      if (last != 0) until = std::min(until, last);
  }
  hand_on(until, each);
  using namespace std::chrono_literals;
  if (fullest > 0.2) pause_ = std::max<nanoseconds>(pause_ / 2, 10ms);
  else if (fullest < 0.05) pause_ = std::min<nanoseconds>(pause_ * 2, 250ms);
}

void trace_session::stop(const take_event& each) {
  instance_->record(false);
  for (int i = 0; i < 16; ++i)
    if (instance_->read([this](const raw_event& raw) { decode(raw); }) < 1) break;
  hand_on(std::numeric_limits<std::uint64_t>::max(), each);
}

} // namespace tool
