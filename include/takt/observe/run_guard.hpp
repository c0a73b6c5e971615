/// run_guard.hpp - whether a measurement can be trusted: what happened to the clocks and to this thread during it.
///
///   takt::run_guard guard;
///   measure();
///   const takt::run_report run = guard.finish();     // run.trusted(), to_string(run): store it beside the result
///   guard.restart();                                 // and so on, for a series
///
/// A machine or process that was restored from a snapshot or migrated during the run is reported as that, with the
/// signs that show it (restore_signs.hpp), and not as one whose clock was set. CLOCK_MONOTONIC that went backwards is
/// reported too.
///
/// After fork: the run goes on in the parent. The child's copy of the guard takes no notification from the parent, and
/// its report says that the run is that of another process (`inherited`), until it calls restart().
///
/// Does not promise: that nothing else disturbed the run (interrupts, other threads, changing CPU frequencies). A clock
/// source that was switched and switched back is not seen. A step that was undone or is below `uncertainty` is seen
/// only where the kernel notifies of it, a thread that was moved and came back only where the kernel counts migrations
/// (CONFIG_SCHED_DEBUG). A restore without a sign is not inferred from the clocks, as clock_watch does. A program that
/// closes descriptors which it did not open closes those of its guards, and these then read what has their numbers.
/// Sources: timerfd_create(2) TFD_TIMER_CANCEL_ON_SET; proc(5); Linux 6.12 kernel/sched/debug.c proc_sched_show_task;
/// kernel/time/timekeeping.c: BOOTTIME and REALTIME are MONOTONIC plus offsets that only suspend, steps and leap
/// seconds change.
#pragma once
#include <takt/clock/clock_changes.hpp>
#include <takt/core/detail/short_text.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/timer_fd.hpp>
#include <takt/observe/detail/restore_probe.hpp>
#include <takt/observe/restore_signs.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis

/// What happened while a measurement ran.
struct run_report {
  std::string source_before;                 ///< the clock source at the beginning; empty where it cannot be read
  std::string source_after;                  ///< the clock source at the end; empty where it cannot be read
  std::optional<unsigned> cpu_before;        ///< the CPU at the beginning; nullopt: unknown
  std::optional<unsigned> cpu_after;         ///< the CPU at the end; nullopt: unknown
  std::optional<std::uint64_t> migrations;   ///< moves of the thread to another CPU; nullopt: not counted by the kernel
  std::chrono::nanoseconds length{};         ///< the length of the run by CLOCK_MONOTONIC
  std::chrono::nanoseconds stepped{};        ///< how far CLOCK_REALTIME was set, or moved by a leap second
  std::chrono::nanoseconds slept{};          ///< how long the machine was suspended
  std::chrono::nanoseconds uncertainty{};    ///< the error bound of `stepped` and `slept`
  std::chrono::nanoseconds backwards{};      ///< how far CLOCK_MONOTONIC was seen going backwards; never negative
  restore_signs restored{};                  ///< the signs that the machine or this process was restored or migrated
  bool clock_was_set = false;                ///< the kernel reported a step; a resume counts as one
  bool inherited = false;                    ///< the process was forked during the run; this report is the child's

  /// Returns: whether the clock source at the end is another one than at the beginning.
  [[nodiscard]] bool switched() const noexcept { return source_before != source_after; }
  /// Returns: whether the clock source could be read at both ends.
  [[nodiscard]] bool source_known() const noexcept { return !source_before.empty() && !source_after.empty(); }
  /// Returns: whether the machine was suspended.
  [[nodiscard]] bool suspended() const noexcept { return slept > uncertainty; }
  /// Returns: whether CLOCK_REALTIME was set, or moved by a leap second. After a restore it is not known.
  [[nodiscard]] bool was_stepped() const noexcept {
    return !restored.any() && (stepped > uncertainty || stepped < -uncertainty || (clock_was_set && !suspended()));
  }
  /// Returns: whether CLOCK_MONOTONIC was seen going backwards, as it does where the counters of the CPUs differ.
  [[nodiscard]] bool went_backwards() const noexcept { return backwards > std::chrono::nanoseconds::zero(); }
  /// Returns: whether the thread was moved to another CPU.
  [[nodiscard]] bool migrated() const noexcept { return migrations.value_or(0) != 0 || cpu_before != cpu_after; }
  /// Returns: whether the measurement can be trusted: the clock source is known and was not switched, the machine was
  /// not suspended, restored or migrated, CLOCK_REALTIME was not set and CLOCK_MONOTONIC did not go backwards, the
  /// thread was not moved, and this process began the run.
  [[nodiscard]] bool trusted() const noexcept {
    return !inherited && !restored.any() && source_known() && !switched() && !suspended() && !was_stepped() &&
           !went_backwards() && !migrated();
  }
};

/// Returns: one line for people: "trusted (tsc, 12.345678 ms)" or "not trusted: ..." with everything that happened.
/// Allocates.
[[nodiscard]] std::string to_string(const run_report& r);

/// Prints the line of to_string().
template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const run_report& r) {
  return out << to_string(r).c_str();
}

template <class Os = linux_os> class basic_run_guard;
/// A guard of the calling thread on Linux.
using run_guard = basic_run_guard<>;

// definitions

namespace detail {

/// The file of proc in which the kernel counts what happened to the calling thread.
inline constexpr char thread_statistics_path[] = "/proc/thread-self/sched";

/// Returns: how often a thread was moved to another CPU, from the text of /proc/thread-self/sched; nullopt if no
/// complete line has that number.
template <class = for_callers>
[[nodiscard]] std::optional<std::uint64_t> parse_migrations(std::string_view text) noexcept {
  std::string_view line;
  static_cast<void>(next_line(text, line)); // the name of the thread, which may be any text
  while (next_line(text, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || trimmed(line.substr(0, colon)) != "se.nr_migrations") continue;
    return parse_number<std::uint64_t>(trimmed(line.substr(colon + 1)));
  }
  return std::nullopt;
}

/// The body of to_string().
template <class T> std::string run_report_text(const dependent<T, run_report>& r) {
  const auto text_of = [](std::chrono::nanoseconds d) {
    return dependent<T, std::string>(exact_text<T>(d.count()).view());
  };
  if (r.trusted()) return "trusted (" + r.source_after + ", " + text_of(r.length) + ")";
  dependent<T, std::string> why;
  const auto add = [&](const dependent<T, std::string>& reason) { why += (why.empty() ? "" : "; ") + reason; };
  if (r.inherited) add("this process was forked during the run, which is that of its parent");
  if (r.restored.any())
    add(restore_signs_text<T>(r.restored) + ", CLOCK_REALTIME gained " + text_of(r.stepped) + " on CLOCK_MONOTONIC");
  if (!r.source_known()) add("the kernel's clock source cannot be read");
  else if (r.switched()) add("the clock source changed from " + r.source_before + " to " + r.source_after);
  if (r.suspended()) add("the machine was suspended for " + text_of(r.slept));
  if (r.was_stepped()) add("CLOCK_REALTIME was set by " + text_of(r.stepped));
  if (r.went_backwards()) add("CLOCK_MONOTONIC went backwards by " + text_of(r.backwards) + " or more");
  if (r.migrated()) {
    const bool counted = r.migrations.value_or(0) != 0;
    add("the thread was moved to another CPU" + (counted ? " " + std::to_string(*r.migrations) + " times" : ""));
  }
  return "not trusted: " + why;
}

} // namespace detail

template <class T> struct compiled_for_callers<run_report, T> {
  friend std::string to_string(const run_report& r) { return detail::run_report_text<T>(r); }
};
static_assert(sizeof(compiled_for_callers<run_report>) != 0);

/// A guard of the thread that constructs it. The constructor, restart() and finish() each read the clocks and files of
/// proc and sysfs, some 120 us, all of it outside of the measured length. In between nothing runs; a timer descriptor
/// and a socket are open, and on a machine with VMClock a page is mapped.
template <class Os> class basic_run_guard {
public:
  using nanoseconds = std::chrono::nanoseconds; ///< the duration of all its times

  /// Effects: begins the run. Does not block. Errors: none; the report shows as unknown what cannot be read.
  basic_run_guard() {
    std::error_code seen_by_offsets_alone;
    timer_ = timer_fd<Os>(CLOCK_REALTIME, seen_by_offsets_alone);
    if (timer_) timer_.arm(nanoseconds::max(), true, seen_by_offsets_alone);
    static_cast<void>(Os::count_forks()); // where the timer was refused, too
    probe_.start();
    begin();
  }

  /// Effects: begins another run, of the calling thread, with the descriptors of the last one: closing them gives the
  /// kernel work that keeps its tick running for some milliseconds, which the next run would see. Does not block.
  /// Errors: none; the report shows as unknown what cannot be read. In a forked child the guard is made anew.
  void restart() {
    if (Os::forked_since(forks_)) {
      *this = basic_run_guard(); // closes the parent's descriptors before the run begins
    } else {
      std::error_code seen_by_offsets_alone;
      if (timer_) static_cast<void>(timer_.take(seen_by_offsets_alone)); // what happened between the runs
      static_cast<void>(probe_.take());
    }
    begin();
  }

  /// Returns: what happened since the run began. Does not block. May be called again, for a longer run.
  /// Errors: none; the report shows as unknown what cannot be read. Precondition: the caller is the thread that
  /// began the run.
  [[nodiscard]] run_report finish() {
    const nanoseconds end = now();
    run_report r = report_;
    r.cpu_after = read_cpu();
    detail::clock_readings clocks = detail::read_all_clocks<detail::no_counter, Os>({}, path_);
    const restore_signs signs = probe_.take();
    if (signs.any()) clocks = detail::read_all_clocks<detail::no_counter, Os>({}, path_); // it may have come after them
    report_.restored.add(signs);
    const auto migrations = read_migrations();
    std::error_code ec;
    r.source_after = clocksource::current<Os>(ec);
    if (timer_ && timer_.take(ec) == timer_fd<Os>::news::clock_set) report_.clock_was_set = true;
    r.clock_was_set = report_.clock_was_set, r.restored = report_.restored;
    r.length = detail::saturating_subtract(end, start_);
    r.inherited = Os::forked_since(forks_);
    if (migrations && migrations_ && !r.inherited) r.migrations = *migrations - *migrations_; // each thread has its own
    const clock_changes found = detail::classify(clocks_, clocks, {});
    r.slept = found.slept, r.stepped = found.step, r.backwards = backwards_of(found, r.length);
    if (r.restored.of_process()) { // its clocks are others, and do not show what the machine did
      if (found.has(clock_changes::kind::suspend)) r.stepped = detail::saturating_add(r.stepped, r.slept);
      r.slept = r.backwards = nanoseconds::zero();
    }
    r.uncertainty = detail::both_twice(clocks.half_width, clocks_.half_width);
    return r;
  }

private:
  void begin() {
    bool allowed = true;
    const bool forbidden = Os::counter_allowed(allowed) == 0 && !allowed;
    path_ = forbidden ? access::syscall : access::vdso; // the vDSO reads the counter too
    report_ = {};
    std::error_code shown_by_an_empty_name;
    report_.source_before = clocksource::current<Os>(shown_by_an_empty_name);
    migrations_ = read_migrations();
    clocks_ = detail::read_all_clocks<detail::no_counter, Os>({}, path_);
    report_.cpu_before = read_cpu();
    start_ = now();
  }
  /// Returns: how far MONOTONIC was seen going back, between the readings or over the whole run.
  [[nodiscard]] static nanoseconds backwards_of(const clock_changes& found, nanoseconds length) noexcept {
    return detail::later(found.backwards, detail::saturating_subtract(nanoseconds::zero(), length));
  }
  [[nodiscard]] nanoseconds now() const noexcept {
    if (path_ == access::syscall) return posix_clock<CLOCK_MONOTONIC, access::syscall, Os>::now().time_since_epoch();
    return posix_clock<CLOCK_MONOTONIC, access::vdso, Os>::now().time_since_epoch();
  }
  [[nodiscard]] static std::optional<unsigned> read_cpu() noexcept {
    unsigned cpu = 0;
    return Os::current_cpu(cpu) == 0 ? std::optional(cpu) : std::nullopt;
  }
  [[nodiscard]] static std::optional<std::uint64_t> read_migrations() {
    constexpr std::size_t limit = 65536;
    std::error_code ec;
    const std::string text = detail::read_text<Os>(detail::thread_statistics_path, limit, ec);
    return ec ? std::nullopt : detail::parse_migrations(text);
  }

  access path_ = access::vdso;
  run_report report_; ///< what was known at the beginning, and whether the clock was set since
  timer_fd<Os> timer_;
  detail::restore_probe<Os> probe_;
  detail::clock_readings clocks_;
  std::optional<std::uint64_t> migrations_;
  nanoseconds start_{};
  unsigned forks_ = Os::fork_count();
};

} // namespace takt::inline TAKT_ABI
