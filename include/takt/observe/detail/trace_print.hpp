/// trace_print.hpp - prints an event in ftrace's form. The formats are those of the kernel's tracepoints, so that other
/// programs which read such texts can read these; see trace_text.hpp for the sources.
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/trace_event.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI::detail {

/// Appends the parts of a line to a text. Allocates in that text alone.
template <class T = for_callers> class trace_printer {
public:
  using text_type = dependent<T, std::string>;
  explicit trace_printer(text_type& text) noexcept : text_(text) {}

  trace_printer& operator()(std::string_view s) { return text_.append(s), *this; }
  trace_printer& operator()(char c) { return text_.push_back(c), *this; }
  /// Effects: appends `n` with zeros before it, up to `width` digits.
  trace_printer& operator()(std::uint64_t n, std::size_t width = 1) {
    char digits[20];
    std::size_t count = 0;
    for (; n != 0 || count < width; n /= 10) digits[19 - count++] = static_cast<char>('0' + n % 10);
    return (*this)(std::string_view(digits + 20 - count, count));
  }
  trace_printer& operator()(std::int64_t n) {
    if (n < 0) (*this)('-');
    return (*this)(n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n));
  }
  trace_printer& operator()(std::int32_t n) { return (*this)(std::int64_t{n}); }
  /// Effects: appends 16 hexadecimal digits, as the kernel prints pointers.
  trace_printer& pointer(std::uint64_t n) {
    for (int shift = 60; shift >= 0; shift -= 4) (*this)("0123456789abcdef"[n >> shift & 15]);
    return *this;
  }
  /// Effects: appends seconds with nine decimals.
  trace_printer& seconds(std::chrono::nanoseconds t) {
    if (t.count() < 0) (*this)('-');
    const std::uint64_t n = t.count() < 0 ? 0 - static_cast<std::uint64_t>(t.count())
                                          : static_cast<std::uint64_t>(t.count());
    return (*this)(n / 1'000'000'000)('.')(n % 1'000'000'000, 9);
  }
  /// Effects: appends `s` with blanks before it, up to `width` characters.
  trace_printer& right(std::string_view s, std::size_t width) {
    for (std::size_t i = s.size(); i < width; ++i) (*this)(' ');
    return (*this)(s);
  }

  /// Effects: appends the whole line of `e`, with its newline.
  void line(const trace_event& e) {
    head(e);
    fields(e);
    (*this)('\n');
  }

private:
  void head(const trace_event& e) {
    right(e.task.empty() ? std::string_view("<...>") : e.task, 16)('-');
    const std::size_t from = text_.size();
    (*this)(e.thread);
    while (text_.size() < from + 7) (*this)(' ');
    if (e.process >= 0) {
      (*this)(" (");
      for (std::int32_t n = 1'000'000; n > 1 && e.process < n; n /= 10) (*this)(' ');
      (*this)(e.process)(") ");
    } else {
      (*this)(" (-------) ");
    }
    (*this)('[')(static_cast<std::uint64_t>(e.cpu), 3)("] ");
    using context = trace_event::context_type;
    if (e.context != context::unknown) {
      const char c = e.context == context::hardirq ? 'h' : e.context == context::softirq ? 's' : '.';
      (*this)("..")(c)(".. ");
    }
    (*this)("  ").seconds(e.time)(": ")(to_string(e.kind))(": ");
  }
  void mode(trace_event::hrtimer_mode m) {
    (*this)(" mode=")(m.relative() ? "REL" : "ABS");
    if (m.pinned()) (*this)("|PINNED");
    if (m.soft()) (*this)("|SOFT");
    if (m.hard()) (*this)("|HARD");
  }
  void thread(std::string_view prefix, std::string_view task, std::int32_t pid, std::int32_t priority) {
    (*this)(prefix)("comm=")(task)(' ')(prefix)("pid=")(pid)(' ')(prefix)("prio=")(priority);
  }
  void fields(const trace_event& e) {
    static constexpr std::string_view clocks[] = {"CLOCK_REALTIME", "CLOCK_MONOTONIC"};
    static constexpr std::string_view softirqs[] = {"HI",      "TIMER", "NET_TX",  "NET_RX", "BLOCK",
                                                    "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU"};
    switch (e.kind) {
    case trace_kind::hrtimer_setup:
      (*this)("hrtimer=").pointer(e.timer)(" clockid=");
      if (e.clockid == 0 || e.clockid == 1) (*this)(clocks[e.clockid]);
      else if (e.clockid == 7) (*this)("CLOCK_BOOTTIME");
      else if (e.clockid == 11) (*this)("CLOCK_TAI");
      else (*this)(e.clockid);
      if (e.mode.known()) mode(e.mode);
      break;
    case trace_kind::hrtimer_start:
      (*this)("hrtimer=").pointer(e.timer)(" function=")(e.function)(" expires=");
      (*this)(static_cast<std::uint64_t>(e.expires.count()))(" softexpires=");
      (*this)(static_cast<std::uint64_t>(e.softexpires.count()));
      if (e.mode.known()) mode(e.mode);
      if (e.was_armed >= 0) (*this)(" was_armed=")(e.was_armed != 0 ? '1' : '0');
      break;
    case trace_kind::hrtimer_expire_entry:
      (*this)("hrtimer=").pointer(e.timer)(" function=")(e.function)(" now=");
      (*this)(static_cast<std::uint64_t>(e.now.count()));
      break;
    case trace_kind::hrtimer_expire_exit:
    case trace_kind::hrtimer_cancel: (*this)("hrtimer=").pointer(e.timer); break;
    case trace_kind::timer_init:
    case trace_kind::timer_expire_exit:
    case trace_kind::timer_cancel: (*this)("timer=").pointer(e.timer); break;
    case trace_kind::timer_start: {
      const auto timeout = static_cast<std::int64_t>(static_cast<std::uint64_t>(e.expires_jiffies) -
                                                     static_cast<std::uint64_t>(e.jiffies));
      (*this)("timer=").pointer(e.timer)(" function=")(e.function)(" expires=");
      (*this)(static_cast<std::uint64_t>(e.expires_jiffies))(" [timeout=")(timeout)("] bucket_expiry=");
      (*this)(static_cast<std::uint64_t>(e.bucket_jiffies))(" flags=0x");
      for (int shift = 28; shift >= 0; shift -= 4) (*this)("0123456789abcdef"[e.timer_flags >> shift & 15]);
      break;
    }
    case trace_kind::timer_expire_entry:
      (*this)("timer=").pointer(e.timer)(" function=")(e.function)(" now=");
      (*this)(static_cast<std::uint64_t>(e.jiffies));
      break;
    case trace_kind::tick_stop:
      (*this)("success=")(e.success ? '1' : '0');
      using reason = trace_event::tick_dependency;
      switch (e.dependency) {
      case reason::none: (*this)(" dependency=NONE"); break;
      case reason::posix_timer: (*this)(" dependency=POSIX_TIMER"); break;
      case reason::perf_events: (*this)(" dependency=PERF_EVENTS"); break;
      case reason::scheduler: (*this)(" dependency=SCHED"); break;
      case reason::clock_unstable: (*this)(" dependency=CLOCK_UNSTABLE"); break;
      case reason::rcu: (*this)(" dependency=RCU"); break;
      case reason::rcu_expedited: (*this)(" dependency=RCU_EXP"); break;
      case reason::unknown: break;
      default: (*this)(" dependency=0x").pointer(static_cast<std::uint64_t>(e.dependency)); break;
      }
      break;
    case trace_kind::itimer_state:
      (*this)("which=")(e.number)(" expires=0 it_value=").seconds(e.value)(" it_interval=").seconds(e.interval);
      break;
    case trace_kind::itimer_expire: (*this)("which=")(e.number)(" pid=")(e.other)(" now=0"); break;
    case trace_kind::local_timer_entry:
    case trace_kind::local_timer_exit: (*this)("vector=")(e.number); break;
    case trace_kind::irq_handler_entry: (*this)("irq=")(e.number)(" name=")(e.device); break;
    case trace_kind::irq_handler_exit: (*this)("irq=")(e.number)(" ret=handled"); break;
    case trace_kind::softirq_raise:
    case trace_kind::softirq_entry:
    case trace_kind::softirq_exit:
      (*this)("vec=")(e.number);
      if (e.number >= 0 && e.number < 10) (*this)(" [action=")(softirqs[e.number])(']');
      break;
    case trace_kind::sched_waking:
    case trace_kind::sched_wakeup:
      thread("", e.other_task, e.other, e.other_priority);
      (*this)(" target_cpu=")(static_cast<std::uint64_t>(e.other_cpu), 3);
      break;
    case trace_kind::sched_migrate_task:
      thread("", e.other_task, e.other, e.other_priority);
      (*this)(" orig_cpu=")(e.from_cpu)(" dest_cpu=")(e.other_cpu);
      break;
    case trace_kind::sched_switch:
      thread("prev_", e.previous_task, e.previous, e.previous_priority);
      (*this)(" prev_state=")(e.prev_state);
      if (e.preempted) (*this)('+');
      (*this)(" ==> ");
      thread("next_", e.other_task, e.other, e.other_priority);
      break;
    case trace_kind::cpu_idle:
      (*this)("state=")(std::uint64_t{e.idle_state});
      if (e.other_cpu >= 0) (*this)(" cpu_id=")(e.other_cpu);
      break;
    }
  }

  text_type& text_;
};

} // namespace takt::inline TAKT_ABI::detail
