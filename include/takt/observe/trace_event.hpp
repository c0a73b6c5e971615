/// trace_event.hpp - one type for the kernel's trace events about timers, the tick, interrupts and wake-ups.
///
/// A live reader fills trace_event from the binary fields, trace_text.hpp from the text of a recording; timer_trace.hpp
/// and tick_trace.hpp turn events into answers. An event owns nothing: its texts point into the reader's buffer and are
/// valid until the reader takes the next event. A caller that keeps an event copies its texts.
///
/// Does not promise: a value for a field that the recording does not have; each field names its value for "unknown".
/// Numbers are those of the kernel: `timer` is an address or its hash, so two timers that use the same memory one after
/// the other have the same `timer`.
/// Sources: Linux 6.18 include/trace/events/{timer,irq,sched,power}.h, arch/x86/include/asm/trace/irq_vectors.h,
/// include/linux/hrtimer.h (enum hrtimer_mode), include/linux/interrupt.h (softirqs).
#pragma once
#include <takt/core/config.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

/// The tracepoints that takt understands. hrtimer_setup was called hrtimer_init before Linux 6.15.
enum class trace_kind : std::uint8_t {
  hrtimer_setup, hrtimer_start, hrtimer_expire_entry, hrtimer_expire_exit, hrtimer_cancel,
  timer_init, timer_start, timer_expire_entry, timer_expire_exit, timer_cancel,
  tick_stop, itimer_state, itimer_expire,
  local_timer_entry, local_timer_exit, irq_handler_entry, irq_handler_exit,
  softirq_raise, softirq_entry, softirq_exit,
  sched_waking, sched_wakeup, sched_migrate_task, sched_switch, cpu_idle,
};

[[nodiscard]] constexpr std::string_view to_string(trace_kind kind) noexcept;
struct trace_event;

// definitions

namespace detail {

struct trace_kind_row {
  std::string_view group, name;
};
inline constexpr trace_kind_row trace_kind_rows[] = {
    {"timer", "hrtimer_setup"},        {"timer", "hrtimer_start"},
    {"timer", "hrtimer_expire_entry"}, {"timer", "hrtimer_expire_exit"},
    {"timer", "hrtimer_cancel"},       {"timer", "timer_init"},
    {"timer", "timer_start"},          {"timer", "timer_expire_entry"},
    {"timer", "timer_expire_exit"},    {"timer", "timer_cancel"},
    {"timer", "tick_stop"},            {"timer", "itimer_state"},
    {"timer", "itimer_expire"},        {"irq_vectors", "local_timer_entry"},
    {"irq_vectors", "local_timer_exit"}, {"irq", "irq_handler_entry"},
    {"irq", "irq_handler_exit"},       {"irq", "softirq_raise"},
    {"irq", "softirq_entry"},          {"irq", "softirq_exit"},
    {"sched", "sched_waking"},         {"sched", "sched_wakeup"},
    {"sched", "sched_migrate_task"},   {"sched", "sched_switch"},
    {"power", "cpu_idle"},
};

} // namespace detail

/// One event. The first group is in every event; each other field is set for the kinds that its comment names.
struct trace_event {
  /// The number of enumerators of trace_kind.
  static constexpr std::size_t kinds = static_cast<std::size_t>(trace_kind::cpu_idle) + 1;
  /// Returns: the group of the tracepoint, its directory under events/ in tracefs: "timer". Precondition: `kind` is one
  /// of the enumerators.
  [[nodiscard]] static constexpr std::string_view group_of(trace_kind kind) noexcept {
    return detail::trace_kind_rows[static_cast<std::size_t>(kind)].group;
  }

  /// The execution context of an event. ftrace prints it. perf does not, and timer_trace then derives it from the entry
  /// and exit events of interrupts.
  enum class context_type : std::uint8_t { unknown, thread, softirq, hardirq };

  /// Why the kernel did not stop the tick of a CPU: the bits of its TICK_DEP_MASK_*. A tick_stop event has one or none.
  enum class tick_dependency : std::uint32_t {
    none = 0, posix_timer = 1, perf_events = 2, scheduler = 4, clock_unstable = 8, rcu = 16, rcu_expedited = 32,
    unknown = 0x8000'0000,
  };

  /// How an hrtimer was started: the bits of the kernel's enum hrtimer_mode.
  struct hrtimer_mode {
    static constexpr std::uint8_t relative_bit = 1;   ///< HRTIMER_MODE_REL
    static constexpr std::uint8_t pinned_bit = 2;     ///< HRTIMER_MODE_PINNED
    static constexpr std::uint8_t soft_bit = 4;       ///< HRTIMER_MODE_SOFT
    static constexpr std::uint8_t hard_bit = 8;       ///< HRTIMER_MODE_HARD
    static constexpr std::uint8_t unknown_bit = 0x80; ///< the recording does not have the mode
    std::uint8_t bits = unknown_bit;                  ///< the bits that are set

    /// Returns: whether the recording has the mode.
    [[nodiscard]] constexpr bool known() const noexcept { return (bits & unknown_bit) == 0; }
    /// Returns: whether the expiry was given relative to the start; false for an absolute time and an unknown mode.
    [[nodiscard]] constexpr bool relative() const noexcept { return known() && (bits & relative_bit) != 0; }
    /// Returns: whether the timer stays on its CPU; false for an unknown mode.
    [[nodiscard]] constexpr bool pinned() const noexcept { return known() && (bits & pinned_bit) != 0; }
    /// Returns: whether the timer expires in the softirq HRTIMER; false for an unknown mode.
    [[nodiscard]] constexpr bool soft() const noexcept { return known() && (bits & soft_bit) != 0; }
    /// Returns: whether the timer expires in the interrupt on PREEMPT_RT kernels too; false for an unknown mode.
    [[nodiscard]] constexpr bool hard() const noexcept { return known() && (bits & hard_bit) != 0; }
    friend constexpr bool operator==(hrtimer_mode, hrtimer_mode) noexcept = default;
  };

  using nanoseconds = std::chrono::nanoseconds; ///< the unit of its times
  static constexpr std::int32_t unknown = -1; ///< the value of an unknown thread, process, CPU or other number

  trace_kind kind{};                  ///< which tracepoint
  context_type context = context_type::unknown; ///< the execution context
  hrtimer_mode mode{};                ///< hrtimer_setup, hrtimer_start: the mode
  signed char was_armed = -1;         ///< hrtimer_start: 1: the timer was armed already; 0: it was not; -1: unknown
  char prev_state = '?';              ///< sched_switch: state of `previous`, as the kernel's letter R S D T t X Z P I
  bool preempted = false;             ///< sched_switch: `previous` was preempted, the kernel's "R+"
  bool success = false;               ///< tick_stop: the tick was stopped
  std::int32_t cpu = unknown;         ///< the CPU on which it happened
  std::int32_t thread = unknown;      ///< the thread that ran there, or was interrupted; 0: the idle thread
  std::int32_t process = unknown;     ///< the process (thread group) of `thread`
  nanoseconds time{};                 ///< when it happened, on the recorder's clock
  std::string_view task;              ///< the name of `thread`; empty: unknown

  std::uint64_t timer = 0;            ///< hrtimer_*, timer_*: the address of the timer, or its hash
  std::string_view function;          ///< *_start, *_expire_entry: the kernel function, or its address as text
  nanoseconds expires{};              ///< hrtimer_start: the hard expiry, on the timer's own clock
  nanoseconds softexpires{};          ///< hrtimer_start: the earliest expiry, on the timer's own clock
  nanoseconds now{};                  ///< hrtimer_expire_entry: the current time on the timer's own clock
  std::int64_t jiffies = 0;           ///< timer_start, timer_expire_entry: the current time in jiffies, modulo 2^64
  std::int64_t expires_jiffies = 0;   ///< timer_start: the expiry in jiffies
  std::int64_t bucket_jiffies = 0;    ///< timer_start: when the wheel expires it, in jiffies; 0: unknown
  std::uint32_t timer_flags = 0;      ///< timer_start: deferrable 0x80000, pinned 0x100000, irqsafe 0x200000
  std::int32_t clockid = unknown;     ///< hrtimer_setup: the clock, 0 REALTIME, 1 MONOTONIC, 7 BOOTTIME, 11 TAI

  std::int32_t number = unknown;      ///< irq_handler_*: irq; softirq_*: vec; local_timer_*: vector; itimer_*: which
  std::uint32_t idle_state = 0;       ///< cpu_idle: the idle state that is entered; left_idle: idle was left
  tick_dependency dependency = tick_dependency::unknown; ///< tick_stop: why the tick goes on
  std::string_view device;            ///< irq_handler_entry: the names of the devices
  nanoseconds value{};                ///< itimer_state: the time until it expires; zero: cancelled
  nanoseconds interval{};             ///< itimer_state: the period; zero: it expires once

  std::int32_t other = unknown;       ///< sched_waking, sched_wakeup, sched_migrate_task: the thread; sched_switch:
                                      ///< the next thread; itimer_expire: the process
  std::int32_t other_priority = no_priority; ///< kernel priority of `other`: below 100 real-time, 120 nice 0
  std::int32_t other_cpu = unknown;   ///< sched_waking, sched_wakeup: target CPU; sched_migrate_task: destination
  std::int32_t from_cpu = unknown;    ///< sched_migrate_task: the CPU that `other` leaves
  std::string_view other_task;        ///< the name of `other`
  std::int32_t previous = unknown;    ///< sched_switch: the thread that ran
  std::int32_t previous_priority = no_priority; ///< sched_switch: the kernel priority of `previous`
  std::string_view previous_task;     ///< sched_switch: the name of `previous`

  static constexpr std::int32_t no_priority = -1000;            ///< an unknown priority; -1 is that of deadline threads
  static constexpr std::uint32_t left_idle = 4'294'967'295;     ///< the `idle_state` that says that idle was left
  static constexpr std::int32_t softirq_timer = 1;              ///< the `number` of the softirq TIMER
  static constexpr std::int32_t softirq_sched = 7;              ///< the `number` of the softirq SCHED
  static constexpr std::int32_t softirq_hrtimer = 8;            ///< the `number` of the softirq HRTIMER
  static constexpr std::int32_t softirq_rcu = 9;                ///< the `number` of the softirq RCU
  static constexpr std::uint32_t deferrable = 0x80000;          ///< TIMER_DEFERRABLE in `timer_flags`
  static constexpr std::uint32_t pinned = 0x100000;             ///< TIMER_PINNED in `timer_flags`
  static constexpr std::uint32_t irqsafe = 0x200000;            ///< TIMER_IRQSAFE in `timer_flags`

  friend constexpr bool operator==(const trace_event&, const trace_event&) noexcept = default;
};
static_assert(sizeof detail::trace_kind_rows / sizeof *detail::trace_kind_rows == trace_event::kinds);

/// Returns: the name of the tracepoint: "hrtimer_start". Precondition: `kind` is one of the enumerators.
constexpr std::string_view to_string(trace_kind kind) noexcept {
  return detail::trace_kind_rows[static_cast<std::size_t>(kind)].name;
}

} // namespace takt::inline TAKT_ABI
