/// timer_usage.hpp - the member types of timer_trace: owners of timers, their totals, and the steps in a timer's life.
///
/// Callers write timer_trace::usage, timer_trace::owner and so on.
/// Times are nanoseconds on the recorder's clock unless a member says otherwise.
#pragma once
#include <takt/core/config.hpp>
#include <takt/observe/duration_histogram.hpp>
#include <takt/observe/trace_event.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace takt::inline TAKT_ABI {

// synopsis

namespace detail { // in the reference: timer_types as timer_trace

/// The owners of the timers that wake this machine, from trace events; see timer_trace.hpp.
struct timer_types {
  /// The subsystem of the kernel that a timer belongs to. `wheel` is the timer wheel of jiffies. `interval` is
  /// setitimer(2): ITIMER_REAL, which is an hrtimer, and the two that count CPU time.
  enum class subsystem : std::uint8_t { hrtimer, wheel, interval };

  /// The clock of a timer. `jiffies` is that of the timer wheel, `cpu_time` that of ITIMER_VIRTUAL and ITIMER_PROF.
  enum class clock : std::uint8_t { unknown, monotonic, realtime, boottime, tai, jiffies, cpu_time };

  /// An owner of timers.
  struct owner {
    /// The kinds of owners.
    enum class kind_type : std::uint8_t { tick, kernel_function, process, thread };

    kind_type kind = kind_type::kernel_function; ///< the kind of the owner
    std::int32_t process = -1; ///< process, thread: the process; the thread's number where the process is not known
    std::int32_t thread = -1;  ///< thread: the thread; process: the thread that armed a timer last
    std::string name;          ///< the name of the process or thread, or the kernel function
    bool real_time = false;    ///< a thread of the owner had a real-time priority: the kernel takes its slack as zero
  };

  /// The totals of one owner and one subsystem. armed + moved is the number of starts; armed + armed_before =
  /// cancelled + expired + alive.
  struct usage {
    timer_types::owner owner;       ///< whose timers
    timer_types::subsystem subsystem = timer_types::subsystem::hrtimer; ///< timers of which subsystem
    std::uint8_t clocks = 0;        ///< bit 1 << clock for each clock of its timers
    std::uint64_t armed = 0;        ///< started while it was not armed
    std::uint64_t moved = 0;        ///< started again before it expired
    std::uint64_t cancelled = 0;    ///< ended before they expired
    std::uint64_t expired = 0;      ///< handlers that ran
    std::uint64_t armed_before = 0; ///< timers whose first event was an expiry or a cancellation
    std::uint64_t from_idle = 0;    ///< expiries that interrupted the idle thread
    std::uint64_t woke_idle = 0;    ///< expiries that woke an idle CPU: the first ones of their interrupts
    std::uint64_t joined = 0;       ///< expiries before their hard expiry, by the interrupt of another timer
    std::uint64_t alive = 0;        ///< timers that are armed now
    std::uint64_t in_use = 0;       ///< the largest number of timers that were armed at one time
    duration_histogram range;             ///< expires - softexpires, of each start
    duration_histogram after_softexpires; ///< time of each expiry minus its softexpires: the lateness
    duration_histogram after_expires;     ///< time of each expiry minus its hard expiry; negative where it joined
    duration_histogram handler;           ///< run time of each handler
    duration_histogram wake_to_run;       ///< from the wake-up of a thread by a handler until the thread runs
  };

  /// The index in usages() of a timer whose owner is not known.
  static constexpr std::uint32_t no_usage = 0xffff'ffff;

  /// A step in the life of a timer, as a sink receives it. Its texts are valid during the call.
  struct step {
    /// The kinds of steps.
    enum class kind_type : std::uint8_t {
      set_up,       ///< hrtimer_setup, timer_init
      armed,        ///< started
      moved,        ///< started again before it expired
      expired,      ///< the handler begins
      handler_done, ///< the handler has returned
      woke,         ///< the handler woke a thread
      ran,          ///< the thread that the handler woke runs
      cancelled,    ///< ended before it expired
    };

    using nanoseconds = std::chrono::nanoseconds; ///< the unit of its times

    kind_type kind{};                ///< which step it is
    timer_types::subsystem subsystem{}; ///< the subsystem of the timer
    timer_types::clock clock{};      ///< the clock of the timer, where known
    trace_event::hrtimer_mode mode{}; ///< how the timer was started, where known
    bool from_idle = false;          ///< expired: it interrupted the idle thread
    bool woke_idle = false;          ///< expired: it woke an idle CPU, as the first expiry of its interrupt
    bool armed_known = false;        ///< armed in the recording: `armed_at`, `softexpires`, `expires` are known
    std::int32_t cpu = -1;           ///< the CPU of the step; -1: unknown
    std::int32_t thread = -1;        ///< armed, moved, cancelled: the caller; expired: interrupted; else the woken
    std::uint32_t usage = no_usage;  ///< index in usages(); no_usage while the owner is not known
    std::uint64_t timer = 0;         ///< the address of the timer, or its hash
    nanoseconds time{};              ///< the time of the step, on the recorder's clock
    nanoseconds armed_at{};          ///< when it was started last, on the recorder's clock
    nanoseconds softexpires{};       ///< earliest expiry on the timer's own clock; wheel: jiffies in nanoseconds
    nanoseconds expires{};           ///< hard expiry on the timer's own clock; wheel: jiffies in nanoseconds
    nanoseconds earliest{};          ///< expired: `softexpires` on the recorder's clock
    nanoseconds latest{};            ///< expired: `expires` on the recorder's clock
    nanoseconds after_softexpires{}; ///< expired: time of the expiry minus `softexpires`, the lateness
    nanoseconds after_expires{};     ///< expired: time of the expiry minus `expires`
    nanoseconds period{};            ///< expired: since the previous softexpires, else since arming; zero: unknown
    nanoseconds duration{};          ///< handler_done: run time of the handler; ran: from the wake-up until it runs
    std::string_view task;           ///< the name of `thread`
    std::string_view function;       ///< the kernel function of the handler
  };

  /// Options of a timer_trace.
  struct options {
    bool by_thread = false;           ///< true: each thread is an owner; false: each process
    std::chrono::nanoseconds jiffy{}; ///< the length of a jiffy; zero: derived from the events
  };
};

/// Returns: "MONOTONIC", "REALTIME", "BOOTTIME", "TAI", "jiffies", "CPU time", "unknown". Precondition: an enumerator.
[[nodiscard]] constexpr std::string_view to_string(timer_types::clock clock) noexcept {
  constexpr std::string_view names[] = {"unknown", "MONOTONIC", "REALTIME", "BOOTTIME", "TAI", "jiffies", "CPU time"};
  return names[static_cast<unsigned>(clock)];
}
/// Returns: "hrtimer", "wheel", "interval". Precondition: an enumerator.
[[nodiscard]] constexpr std::string_view to_string(timer_types::subsystem subsystem) noexcept {
  constexpr std::string_view names[] = {"hrtimer", "wheel", "interval"};
  return names[static_cast<unsigned>(subsystem)];
}

} // namespace detail

using detail::to_string;

} // namespace takt::inline TAKT_ABI
