/// run_guard.hpp - whether a measurement can be trusted: what happened to time and to this thread while it ran.
///
///   takt::run_guard guard;
///   measure();
///   const takt::run_report run = guard.finish();     // run.trusted(), to_string(run): store it beside the result
///
/// Does not promise: that nothing else disturbed the run (interrupts, other threads, changing frequencies). A clock
/// source that was left and taken again in between is not seen, nor a step below `uncertainty` that was taken back; a
/// thread that was moved and came back is seen where the kernel counts migrations (CONFIG_SCHED_DEBUG).
/// Sources: timerfd_create(2) TFD_TIMER_CANCEL_ON_SET; proc(5); Linux 6.12 kernel/sched/debug.c proc_sched_show_task;
/// kernel/time/timekeeping.c: BOOTTIME and REALTIME are MONOTONIC plus offsets that only suspend, steps and leap
/// seconds change.
#pragma once
#include <takt/clock/clock_events.hpp>
#include <takt/core/error.hpp>
#include <takt/core/saturating.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/os.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/text.hpp>
#include <takt/timer/timer_fd.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace takt::inline TAKT_ABI {

// synopsis
inline constexpr char thread_statistics_path[] = "/proc/thread-self/sched";

struct run_report {
  std::string source_before, source_after;   ///< the kernel's clock source; empty where it cannot be read
  std::optional<unsigned> cpu_before, cpu_after;
  std::optional<std::uint64_t> migrations;   ///< of the thread to another CPU meanwhile, where the kernel counts them
  std::chrono::nanoseconds length{};         ///< by CLOCK_MONOTONIC
  std::chrono::nanoseconds stepped{};        ///< by so much CLOCK_REALTIME was set, or a leap second moved it
  std::chrono::nanoseconds slept{};          ///< the machine was suspended for so long
  std::chrono::nanoseconds uncertainty{};    ///< of these two
  bool clock_was_set = false;                ///< the kernel says so; a resume counts too

  [[nodiscard]] bool switched() const noexcept { return source_before != source_after; }
  [[nodiscard]] bool source_known() const noexcept { return !source_before.empty() && !source_after.empty(); }
  [[nodiscard]] bool suspended() const noexcept { return slept > uncertainty; }
  [[nodiscard]] bool was_stepped() const noexcept {
    return stepped > uncertainty || stepped < -uncertainty || (clock_was_set && !suspended());
  }
  [[nodiscard]] bool migrated() const noexcept { return migrations.value_or(0) != 0 || cpu_before != cpu_after; }
  /// Whether nothing is known to have happened, and the clock source is known.
  [[nodiscard]] bool trusted() const noexcept {
    return source_known() && !switched() && !suspended() && !was_stepped() && !migrated();
  }
};

template <class = when_called> [[nodiscard]] std::string to_string(const run_report& r);
template <class = when_called>
[[nodiscard]] std::optional<std::uint64_t> parse_migrations(std::string_view text) noexcept;

template <class Os = linux_os> class basic_run_guard;
using run_guard = basic_run_guard<>;

// definitions

/// Returns: how often a thread was moved to another CPU, from the text of /proc/thread-self/sched; nothing where that
/// does not stand in a whole line.
template <class> std::optional<std::uint64_t> parse_migrations(std::string_view text) noexcept {
  std::string_view line;
  static_cast<void>(detail::next_line(text, line)); // the thread's name, which may be anything
  while (detail::next_line(text, line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || detail::trimmed(line.substr(0, colon)) != "se.nr_migrations") continue;
    return detail::parse_number<std::uint64_t>(detail::trimmed(line.substr(colon + 1)));
  }
  return std::nullopt;
}

namespace detail {

/// Returns: seconds with three digits of what is left, "3599.999 s", or nanoseconds when it is less than a millisecond.
template <class = when_called> std::string plain_time(std::chrono::nanoseconds d) {
  const auto ns = d.count();
  if (ns < 1'000'000 && ns > -1'000'000) return std::to_string(ns) + " ns";
  const bool negative = ns < 0;
  const auto whole = static_cast<std::uint64_t>(ns / 1'000'000), ms = negative ? 0 - whole : whole;
  std::string part = std::to_string(ms % 1000);
  part.insert(0, 3 - part.size(), '0');
  return (negative ? "-" : "") + std::to_string(ms / 1000) + "." + part + " s";
}

} // namespace detail

/// Returns: one line for people: "trusted (tsc, 1.204 s)" or "not trusted: ..." with everything that happened.
template <class> std::string to_string(const run_report& r) {
  if (r.trusted()) return "trusted (" + r.source_after + ", " + detail::plain_time(r.length) + ")";
  std::string why;
  const auto add = [&](const std::string& reason) { why += (why.empty() ? "" : "; ") + reason; };
  if (!r.source_known()) add("the kernel's clock source cannot be read");
  else if (r.switched()) add("the clock source changed from " + r.source_before + " to " + r.source_after);
  if (r.suspended()) add("the machine was suspended for " + detail::plain_time(r.slept));
  if (r.was_stepped()) add("CLOCK_REALTIME was set by " + detail::plain_time(r.stepped));
  if (r.migrated()) {
    const bool counted = r.migrations.value_or(0) != 0;
    add("the thread was moved to another CPU" + (counted ? " " + std::to_string(*r.migrations) + " times" : ""));
  }
  return "not trusted: " + why;
}

/// Belongs to the thread that made it. Both ends read three files and the clocks, some 100 us, all of it outside of the
/// measured length; nothing runs in between.
template <class Os> class basic_run_guard {
public:
  using nanoseconds = std::chrono::nanoseconds;

  basic_run_guard() {
    bool allowed = true;
    if (Os::counter_allowed(allowed) == 0 && !allowed) road_ = access::syscall; // the vDSO reads the counter too
    std::error_code told_by_an_empty_name;
    report_.source_before = clocksource::current<Os>(told_by_an_empty_name);
    std::error_code seen_by_offsets_alone;
    timer_ = timer_fd<Os>(CLOCK_REALTIME, seen_by_offsets_alone);
    if (timer_) timer_.arm(nanoseconds::max(), true, seen_by_offsets_alone);
    migrations_ = read_migrations();
    clocks_ = read_all_clocks<no_counter, Os>({}, road_);
    report_.cpu_before = read_cpu();
    start_ = now();
  }

  /// Returns: what happened since the guard was made. May be called again.
  [[nodiscard]] run_report finish() {
    const nanoseconds end = now();
    run_report r = report_;
    r.cpu_after = read_cpu();
    const clock_readings clocks = read_all_clocks<no_counter, Os>({}, road_);
    const auto migrations = read_migrations();
    std::error_code ec;
    r.source_after = clocksource::current<Os>(ec);
    if (timer_ && timer_.take(ec) == timer_news::clock_set) report_.clock_was_set = true;
    r.clock_was_set = report_.clock_was_set;
    r.length = saturating_subtract(end, start_);
    if (migrations && migrations_) r.migrations = *migrations - *migrations_;
    const clock_events found = classify(clocks_, clocks, {});
    r.slept = found.slept, r.stepped = found.step;
    r.uncertainty = 2 * (clocks.half_width + clocks_.half_width);
    return r;
  }

private:
  [[nodiscard]] nanoseconds now() const noexcept {
    if (road_ == access::syscall) return posix_clock<CLOCK_MONOTONIC, access::syscall, Os>::now().time_since_epoch();
    return posix_clock<CLOCK_MONOTONIC, access::vdso, Os>::now().time_since_epoch();
  }
  [[nodiscard]] static std::optional<unsigned> read_cpu() noexcept {
    unsigned cpu = 0;
    return Os::current_cpu(cpu) == 0 ? std::optional(cpu) : std::nullopt;
  }
  [[nodiscard]] static std::optional<std::uint64_t> read_migrations() {
    constexpr std::size_t limit = 65536;
    std::error_code ec;
    const std::string text = detail::read_text<Os>(thread_statistics_path, limit, ec);
    return ec ? std::nullopt : parse_migrations(text);
  }

  access road_ = access::vdso;
  run_report report_; ///< what was known at the beginning, and that the clock was set
  timer_fd<Os> timer_;
  clock_readings clocks_;
  std::optional<std::uint64_t> migrations_;
  nanoseconds start_{};
};

} // namespace takt::inline TAKT_ABI
