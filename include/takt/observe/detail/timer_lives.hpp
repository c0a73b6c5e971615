/// timer_lives.hpp - the state machine of timer_trace.hpp.
#pragma once
#include <takt/core/config.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/detail/build_limits.hpp>
#include <takt/observe/detail/id_map.hpp>
#include <takt/observe/detail/timer_clocks.hpp>
#include <takt/observe/detail/trace_fields.hpp>
#include <takt/observe/timer_usage.hpp>
#include <takt/observe/trace_event.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace takt::inline TAKT_ABI::detail {

namespace timer_trace_parameters {
using namespace std::chrono_literals;
/// When the table is full, a timer that is not armed and had no event for this long is removed.
inline constexpr std::chrono::nanoseconds forget = 1s;
/// A start that follows the cancellation of the timer within this time, without another event between, is a move.
inline constexpr std::chrono::nanoseconds move = 50us;
/// Where interrupt entries were not recorded, an expiry later than this after the last handler of its CPU returned is
/// the first one of another interrupt.
inline constexpr std::chrono::nanoseconds same_interrupt = 10us;
} // namespace timer_trace_parameters

/// The sink of callers that want none.
struct no_timer_sink {
  void operator()(const timer_types::step&) const noexcept {}
};

/// The kinds of kernel functions, by the owner of a timer that is started in a thread.
enum class function_kind : unsigned char { of_thread, of_kernel, tick };

template <class T> class basic_timer_trace : public timer_types {
  using nanoseconds = std::chrono::nanoseconds;
  static constexpr std::uint32_t none = no_usage;

public:
  /// Prepares for the first event.
  explicit basic_timer_trace(const options& o = {}) : options_(o), jiffies_(o.jiffy) {}

  /// Effects: `thread` counts as a thread of `process` from now on. Timers that it armed before keep their owner.
  void know_process(std::int32_t thread, std::int32_t process) {
    if (thread > 0 && process > 0) threads_.at(number(thread)).process = process;
  }
  /// Effects: takes the next event, and calls sink(const step&) for each step that it shows, at most three.
  /// Precondition: the events of a CPU come in the order of their times. Allocates for timers, owners and sizes that
  /// are new.
  template <class Sink> void add(const trace_event& e, Sink&& sink);
  void add(const trace_event& e) { add(e, no_timer_sink()); }
  /// Effects: ends the recording. A cancellation without a following start or expiry counts as one.
  /// An owner without a name gets the one that it had in later events.
  template <class Sink> void finish(Sink&& sink) {
    for (cpu_state& c : cpus_) settle(c, sink), end_handlers(c, sink);
    for (usage& u : usages_)
      for (const std::int32_t thread : {options_.by_thread ? -1 : u.owner.process, u.owner.thread})
        if (u.owner.name.empty()) u.owner.name = name_of_thread(thread);
  }
  void finish() { finish(no_timer_sink()); }

  /// Returns: the totals, in the order in which owners appeared. An index stays valid; references do not.
  [[nodiscard]] const std::vector<dependent<T, usage>>& usages() const noexcept { return usages_; }
  /// Returns: how many timer interrupts woke an idle CPU.
  [[nodiscard]] std::uint64_t idle_wakeups() const noexcept { return idle_wakeups_; }
  /// Returns: the number of hrtimer_start events so far.
  [[nodiscard]] std::uint64_t starts() const noexcept { return starts_; }
  /// Returns: the number of hrtimer_expire_entry events so far.
  [[nodiscard]] std::uint64_t expiries() const noexcept { return expiries_; }
  /// Returns: the time of the first event on the recorder's clock; zero before it.
  [[nodiscard]] nanoseconds first() const noexcept { return first_; }
  /// Returns: the time of the last event on the recorder's clock; zero before the first.
  [[nodiscard]] nanoseconds last() const noexcept { return last_; }
  /// Returns: the time on `c` minus that on the recorder's clock; nullopt while unknown.
  [[nodiscard]] std::optional<nanoseconds> clock_offset(clock c) const noexcept {
    return clocks_.offset(c);
  }
  /// Returns: the length of a jiffy; zero while it is not known.
  [[nodiscard]] nanoseconds jiffy() const noexcept { return jiffies_.length(); }
  /// Returns: how many timers are remembered now.
  [[nodiscard]] std::size_t timers() const noexcept { return timers_.size(); }

private:
  struct timer_record {
    bool armed = false;          ///< it is enqueued
    bool due_known = false;      ///< `soft`, `hard`, `armed_at` are those of the last start
    bool last_known = false;     ///< `last_due` is the previous softexpires
    trace_event::hrtimer_mode mode{};
    timer_types::clock clock{};  ///< by its set-up or its last expiry
    std::uint32_t usage = none;
    std::uint32_t function = 0;  ///< number in functions_, plus 1; 0: unknown
    nanoseconds soft{}, hard{};  ///< on the timer's clock; wheel: the number of jiffies, not a time
    nanoseconds armed_at{}, last_due{}, heard{}; ///< `heard`: the time of its last event
  };
  struct function_record {
    function_kind kind{};
    bool interval = false; ///< ITIMER_REAL
    bool sleeper = false;  ///< wakes the thread that armed it
  };
  /// The name of a thread; a copy, because the event is gone when it is used.
  struct kept_name {
    std::size_t size = 0;
    char text[max_task_name]{};
    void set(std::string_view name) noexcept {
      size = name.size() < max_task_name ? name.size() : max_task_name;
      for (std::size_t i = 0; i < size; ++i) text[i] = name[i];
    }
    [[nodiscard]] std::string_view view() const noexcept { return {text, size}; }
  };
  struct thread_record {
    std::int32_t process = -1;
    std::int32_t priority = trace_event::no_priority;
    kept_name name{}; ///< as the scheduler's events name it
    void learn(std::string_view task) noexcept {
      if (!task.empty() && name.view() != task) name.set(task);
    }
    // Woken by a timer and not running yet:
    bool woken = false;
    std::uint32_t usage = none;
    std::uint64_t timer = 0;
    nanoseconds woken_at{};
  };
  /// The handler that runs on a CPU, or ran last.
  struct expiry {
    bool running = false, open = false; ///< `open`: not counted yet, because its owner is not known
    bool armed = false;                 ///< its start was recorded
    bool soft = false;                  ///< it runs in a softirq, which interrupts can interrupt
    std::uint64_t key = 0;
    std::uint32_t usage = none, function = 0;
    nanoseconds began{};
    step life{};                        ///< the step `expired`, without its name
    kept_name name{};                   ///< of the thread that was interrupted
  };
  struct cancellation {
    bool open = false, set_up = false; ///< `set_up`: the timer was set up again after it
    bool unowned = false;              ///< it is the first event of a timer without an owner
    bool wheel = false;
    std::uint64_t key = 0;
    std::int32_t thread = -1, process = -1, cpu = -1;
    nanoseconds time{};
    kept_name name{}; ///< of `thread`
  };
  struct cpu_state {
    bool hard = false, soft = false; ///< in an interrupt, in a softirq, by their entry and exit events
    bool brackets = false;         ///< entry events of interrupts were recorded
    bool served = false;           ///< a timer has expired in this interrupt
    bool tick_stopped = false;
    std::uint32_t tick_woke = none; ///< the usage of the tick, if the stopped tick woke this CPU
    nanoseconds last_exit{};       ///< when a handler returned last
    std::uint64_t exited = 0;      ///< the timer whose handler returned with the last event; 0 otherwise
    cancellation cancelled;
    expiry active;
    expiry outer;                  ///< runs while that of an interrupt, `active`, interrupts it
  };

  static std::uint64_t number(std::int32_t n) noexcept { return static_cast<std::uint32_t>(n); }
  static constexpr std::uint64_t wheel_bit = std::uint64_t{1} << 63; ///< kernel addresses of both kinds have it set
  static std::uint64_t key_of(std::uint64_t timer, bool wheel) noexcept { return wheel ? timer ^ wheel_bit : timer; }
  static bool is_wheel(trace_kind k) noexcept {
    return k >= trace_kind::timer_init && k <= trace_kind::timer_cancel;
  }
  template <class Sink> static constexpr bool silent = std::is_same_v<std::remove_cvref_t<Sink>, no_timer_sink>;

  cpu_state& cpu_of(const trace_event& e) {
    const bool known = e.cpu >= 0 && e.cpu < int{cpu_number_end}; // all others share one state
    const std::size_t i = known ? static_cast<std::size_t>(e.cpu) + 1 : 0;
    if (cpus_.size() <= i) cpus_.resize(i + 1);
    return cpus_[i];
  }
  timer_record& record(std::uint64_t key, nanoseconds now) {
    timer_record& r = timers_.at(key, [&](const timer_record& old) {
      return old.armed || saturating_subtract(now, old.heard) < timer_trace_parameters::forget;
    });
    r.heard = now;
    return r;
  }
  /// Effects: sets the function of a timer, and adds it to functions_ and kinds_ if it is new.
  void set_function(timer_record& r, std::string_view name) {
    if (r.function != 0 && functions_[r.function - 1] == name) return;
    r.function = functions_.number(name) + 1;
    if (kinds_.size() < r.function)
      kinds_.push_back({is_tick_function(name)     ? function_kind::tick
                        : is_kernel_function(name) ? function_kind::of_kernel
                                                   : function_kind::of_thread,
                        name == "it_real_fn", name == "hrtimer_wakeup" || name == "process_timeout"});
  }
  [[nodiscard]] std::string_view name_of(std::uint32_t function) const noexcept {
    return function == 0 ? std::string_view("unknown") : functions_[function - 1];
  }
  [[nodiscard]] function_record kind_of(std::uint32_t function) const noexcept {
    return function == 0 ? function_record{function_kind::of_kernel, false, false} : kinds_[function - 1];
  }

  std::uint32_t usage_of(owner::kind_type kind, std::uint32_t id, subsystem timers) {
    const std::uint64_t key = std::uint64_t{id} << 8 | static_cast<std::uint64_t>(kind) << 4 |
                              static_cast<std::uint64_t>(timers);
    std::uint32_t& index = by_owner_.at(key);
    if (index == 0) {
      usages_.emplace_back();
      index = static_cast<std::uint32_t>(usages_.size());
      usages_.back().owner.kind = kind, usages_.back().subsystem = timers;
    }
    return index - 1;
  }
  std::uint32_t usage_of_function(std::uint32_t function, bool wheel) {
    const function_record f = kind_of(function);
    const subsystem timers = f.interval ? subsystem::interval : wheel ? subsystem::wheel : subsystem::hrtimer;
    const bool tick = f.kind == function_kind::tick;
    const owner::kind_type kind = tick ? owner::kind_type::tick : owner::kind_type::kernel_function;
    const std::uint32_t u = usage_of(kind, tick ? 0 : function, timers);
    if (usages_[u].owner.name.empty()) usages_[u].owner.name = name_of(function);
    return u;
  }
  std::uint32_t usage_of_thread(std::int32_t thread, std::int32_t process, std::string_view task, subsystem timers) {
    const thread_record* const known = threads_.find(number(thread));
    if (process <= 0) process = known != nullptr && known->process > 0 ? known->process : thread;
    const bool by_thread = options_.by_thread;
    const std::uint32_t u = usage_of(by_thread ? owner::kind_type::thread : owner::kind_type::process,
                                     static_cast<std::uint32_t>(by_thread ? thread : process), timers);
    owner& o = usages_[u].owner;
    // A process gets the name of its main thread once that arms a timer; until then that of the first thread that does.
    const bool names = by_thread || thread == process || o.name.empty();
    if (names && o.name != task && !task.empty()) o.name = task;
    o.process = process, o.thread = thread;
    if (known != nullptr && known->priority > trace_event::no_priority && known->priority < 100) o.real_time = true;
    return u;
  }

  [[nodiscard]] bool in_interrupt(const trace_event& e, const cpu_state& c) const noexcept {
    if (e.context != trace_event::context_type::unknown) return e.context != trace_event::context_type::thread;
    return (hard_exits_ && c.hard) || in_softirq(c) || c.active.running;
  }
  [[nodiscard]] bool in_softirq(const cpu_state& c) const noexcept {
    return soft_exits_ && c.soft && !(hard_exits_ && c.hard);
  }
  /// Returns: the usage of the owner of a timer that `e` starts.
  std::uint32_t owner_of_start(const trace_event& e, const timer_record& r, bool wheel, bool interrupt) {
    const function_record f = kind_of(r.function);
    if (f.kind != function_kind::of_thread) return usage_of_function(r.function, wheel);
    if (f.sleeper) interrupt = false; // a sleep begins in its thread, even if the end of an interrupt was not seen
    if (interrupt && r.usage != none) return r.usage;
    if (interrupt || e.thread <= 0) return usage_of_function(r.function, wheel);
    return usage_of_thread(e.thread, e.process, e.task,
                           f.interval ? subsystem::interval : wheel ? subsystem::wheel : subsystem::hrtimer);
  }
  nanoseconds as_time(nanoseconds t, bool wheel) const noexcept { return wheel ? jiffies_.time(t.count()) : t; }

  step life_of(step::kind_type kind, const trace_event& e, std::uint64_t key, const timer_record& r,
               bool wheel) const noexcept {
    step l;
    l.kind = kind, l.cpu = e.cpu, l.thread = e.thread, l.task = e.task, l.time = e.time, l.usage = r.usage;
    l.subsystem = wheel ? subsystem::wheel : kind_of(r.function).interval ? subsystem::interval : subsystem::hrtimer;
    l.clock = wheel ? clock::jiffies : r.clock;
    l.timer = key_of(key, wheel), l.mode = r.mode, l.function = name_of(r.function);
    l.armed_known = r.due_known, l.armed_at = r.armed_at;
    l.softexpires = as_time(r.soft, wheel), l.expires = as_time(r.hard, wheel);
    return l;
  }

  /// Effects: counts the cancellation that was open, because no start or expiry of its timer followed.
  template <class Sink> void settle(cpu_state& c, Sink& sink) {
    if (!c.cancelled.open) return;
    c.cancelled.open = false;
    trace_event e;
    e.time = c.cancelled.time, e.cpu = c.cancelled.cpu, e.thread = c.cancelled.thread;
    e.task = c.cancelled.name.view();
    if (c.cancelled.unowned) { // most likely the own sleep of that thread, armed before the recording began
      timer_record& r = record(c.cancelled.key, e.time);
      const subsystem timers = c.cancelled.wheel ? subsystem::wheel : subsystem::hrtimer;
      if (r.armed || r.usage != none) return; // an event of another CPU has shown the owner meanwhile
      r.usage = usage_of_thread(e.thread, c.cancelled.process, e.task, timers);
      ++usages_[r.usage].armed_before;
      begin(r);
    }
    end_by_cancel(c.cancelled.key, e, sink);
  }
  /// Effects: counts a cancellation of the timer by e.thread on e.cpu at e.time.
  template <class Sink> void end_by_cancel(std::uint64_t key, const trace_event& e, Sink& sink);
  void leave(timer_record& r) noexcept {
    r.armed = false;
    if (r.usage != none) --usages_[r.usage].alive;
  }
  void begin(timer_record& r) noexcept {
    r.armed = true;
    usage& u = usages_[r.usage];
    if (++u.alive > u.in_use) u.in_use = u.alive;
  }

  /// Returns: the name that the scheduler's events gave a thread; empty if they did not.
  [[nodiscard]] std::string_view name_of_thread(std::int32_t thread) const noexcept {
    const thread_record* const known = thread > 0 ? threads_.find(number(thread)) : nullptr;
    return known == nullptr ? std::string_view() : known->name.view();
  }
  /// Effects: keeps what the scheduler's event says of the thread `e.other`. Returns: its record.
  thread_record& scheduled(const trace_event& e) {
    thread_record& t = threads_.at(number(e.other));
    t.priority = e.other_priority;
    t.learn(e.other_task);
    return t;
  }

  template <class Sink> void take(const trace_event& e, Sink& sink);
  template <class Sink> void set_up(const trace_event& e, cpu_state& c, Sink& sink);
  template <class Sink> void start(const trace_event& e, cpu_state& c, bool interrupt, Sink& sink);
  void cancel(const trace_event& e, cpu_state& c, bool interrupt);
  template <class Sink> void expire(const trace_event& e, cpu_state& c, Sink& sink);
  template <class Sink> void expired(const trace_event& e, cpu_state& c, Sink& sink);
  template <class Sink> void resolve(expiry& x, std::uint32_t index, Sink& sink);
  /// Effects: ends the handlers that run on a CPU, because their exit events were lost.
  template <class Sink> void end_handlers(cpu_state& c, Sink& sink) {
    for (expiry* const x : {&c.outer, &c.active}) resolve(*x, none, sink), x->running = false;
  }
  template <class Sink> void waking(const trace_event& e, cpu_state& c, Sink& sink);
  template <class Sink> void switched(const trace_event& e, cpu_state& c, Sink& sink);
  template <class Sink> void cpu_timer(const trace_event& e, Sink& sink);

  options options_;
  timer_clocks clocks_;
  jiffy_length jiffies_;
  id_map<timer_record> timers_;
  id_map<thread_record> threads_;
  id_map<dependent<T, std::uint32_t>> by_owner_; ///< the index in usages_, plus 1
  std::vector<dependent<T, usage>> usages_;
  std::vector<dependent<T, cpu_state>> cpus_;    ///< CPU n at n + 1; at 0 all CPUs without a number
  name_table<T> functions_;
  std::vector<dependent<T, function_record>> kinds_;
  nanoseconds first_{}, last_{};
  bool begun_ = false;
  bool hard_exits_ = false, soft_exits_ = false; ///< exits of interrupts, of softirqs were recorded
  std::uint64_t idle_wakeups_ = 0, starts_ = 0, expiries_ = 0;
};

} // namespace takt::inline TAKT_ABI::detail
