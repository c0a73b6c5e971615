#include "clock_metrics.hpp"
#include "model/metrics_text.hpp"
#include <algorithm>
#include <takt/core/config.hpp>
#include <takt/kernel/os.hpp>

namespace tool {
namespace {

double seconds(std::chrono::nanoseconds t) { return std::chrono::duration<double>(t).count(); }

} // namespace

void counted_interrupts::read() {
  std::error_code ec;
  takt::timer_interrupts now = takt::timer_interrupts::read(ec);
  if (ec) return;
  const auto add = [&](unsigned cpu, const std::string& what, std::uint64_t n) {
    const auto found = std::find_if(counts_.begin(), counts_.end(),
                                    [&](const cpu_count& c) { return c.cpu == cpu && c.what == what; });
    if (found != counts_.end()) found->count += n;
    else counts_.push_back({cpu, what, n});
  };
  const auto known = [&](const takt::timer_interrupts::cell& c) {
    return std::any_of(counts_.begin(), counts_.end(),
                       [&](const cpu_count& k) { return k.cpu == c.cpu && k.what == now.sources[c.source]; });
  };
  // What is new begins with the count of the kernel; else what came since the last time.
  for (const auto& c : now.cpus)
    if (!known(c)) add(c.cpu, now.sources[c.source], c.count);
    else if (last_) {
      const auto before = std::find_if(last_->cpus.begin(), last_->cpus.end(), [&](const auto& b) {
        return b.cpu == c.cpu && last_->sources[b.source] == now.sources[c.source];
      });
      if (before != last_->cpus.end()) add(c.cpu, now.sources[c.source], c.count - before->count); // modulo 2^32
    }
  last_ = std::move(now);
}

void wakeup_latencies::add(std::chrono::nanoseconds latency) {
  const double s = seconds(latency);
  ++count, sum += s;
  const auto bucket = static_cast<std::size_t>(std::lower_bound(bounds.begin(), bounds.end(), s) - bounds.begin());
  if (bucket < buckets.size()) ++buckets[bucket];
}

void clock_metrics::read_offset() {
  timex t{};
  int state = 0;
  if (takt::linux_os::read_adjtimex(t, state) != 0) return;
  offset_seconds = static_cast<double>(t.offset) * ((t.status & STA_NANO) != 0 ? 1e-9 : 1e-6);
}

std::string clock_metrics::text() const {
  metrics_text m;
  const auto one = [&m](std::string_view name, std::string_view type, std::string_view help, double value) {
    if (value != value) return;
    m.begin(name, type, help);
    m.add(value);
  };
  m.begin("takt_build_info", "gauge", "The version of takt, in a label.");
  m.add(1, {{"version", std::to_string(TAKT_VERSION_MAJOR) + '.' + std::to_string(TAKT_VERSION_MINOR) + '.' +
                            std::to_string(TAKT_VERSION_PATCH)}});
  if (!source.empty()) {
    m.begin("takt_clock_source_info", "gauge", "The clock source of the kernel, in a label.");
    m.add(1, {{"source", source}});
  }
  if (tick_hertz == tick_hertz) {
    m.begin("takt_tick_rate_hertz", "gauge",
            "Measured rate of the processor's time stamp register, against the clock in a label.");
    m.add(tick_hertz, {{"against", tick_against}});
    one("takt_tick_rate_error_hertz", "gauge", "Error bound of takt_tick_rate_hertz.", tick_error_hertz);
  }
  one("takt_monotonic_rate_ratio", "gauge",
      "Rate of CLOCK_MONOTONIC against CLOCK_MONOTONIC_RAW, less 1: how the kernel steers it.", monotonic_rate_ratio);
  one("takt_monotonic_rate_error_ratio", "gauge", "Error bound of takt_monotonic_rate_ratio.",
      monotonic_rate_error_ratio);
  if (leap) {
    one("takt_realtime_synchronised", "gauge",
        "1 where the kernel says that CLOCK_REALTIME is synchronised (adjtimex), else 0.", leap->synchronised ? 1 : 0);
    if (leap->maximum_error)
      one("takt_realtime_maximum_error_seconds", "gauge",
          "Largest error of CLOCK_REALTIME that the kernel states (adjtimex).", seconds(*leap->maximum_error));
    if (leap->estimated_error)
      one("takt_realtime_estimated_error_seconds", "gauge",
          "Error of CLOCK_REALTIME that the time daemon estimates (adjtimex).", seconds(*leap->estimated_error));
    m.begin("takt_leap_second_state", "gauge",
            "1 for the kernel's state of leap seconds in a label, 0 for the others.");
    using phase = takt::leap_facts::phase_kind;
    for (const phase p :
         {phase::none, phase::insertion_pending, phase::deletion_pending, phase::in_progress, phase::applied})
      m.add(p == leap->phase ? 1 : 0, {{"state", takt::to_string(p)}});
    if (leap->tai_minus_utc)
      one("takt_tai_offset_seconds", "gauge", "TAI less UTC, as the time daemon has set it.",
          seconds(*leap->tai_minus_utc));
  }
  one("takt_realtime_offset_seconds", "gauge",
      "What the kernel has still to correct of CLOCK_REALTIME (adjtimex); chrony corrects by other means.",
      offset_seconds);
  if (interrupts != nullptr && !interrupts->counts().empty()) {
    m.begin("takt_timer_interrupts_total", "counter",
            "Timer interrupts of a CPU, by the row of /proc/interrupts and the clock event device.");
    for (const auto& c : interrupts->counts())
      m.add(static_cast<double>(c.count), {{"cpu", std::to_string(c.cpu)}, {"device", c.what}});
  }
  if (ticks_trusted)
    one("takt_ticks_trusted", "gauge", "1 where takt report trusts the time stamp register as a clock, else 0.",
        *ticks_trusted ? 1 : 0);
  if (vdso_answers)
    one("takt_vdso_answers", "gauge", "1 where the vDSO reads CLOCK_MONOTONIC without a system call, else 0.",
        *vdso_answers ? 1 : 0);
  if (!watched) return m.text();

  const watch& w = *watched;
  one("takt_watch_running", "gauge", "1 while takt watch runs; 0 since it has ended.", w.running ? 1 : 0);
  one("takt_watch_last_check_timestamp_seconds", "gauge", "When takt watch read the clocks last, in Unix time.",
      w.last_check_at);
  one("takt_watch_checks_total", "counter", "How often takt watch has read the clocks since it began.",
      static_cast<double>(w.checks));
  m.begin("takt_watch_events_total", "counter", "What takt watch saw happen to the clocks since it began, by kind.");
  for (const auto& [event, n] : w.events) m.add(static_cast<double>(n), {{"event", event}});
  one("takt_realtime_steps_total", "counter", "How often CLOCK_REALTIME was set since takt watch began.",
      static_cast<double>(w.steps));
  one("takt_realtime_stepped_seconds_total", "counter",
      "Sum of the amounts by which CLOCK_REALTIME was set, without their signs.", w.stepped_seconds);
  one("takt_realtime_last_step_seconds", "gauge", "By how much CLOCK_REALTIME was set last.", w.last_step_seconds);
  one("takt_realtime_last_step_timestamp_seconds", "gauge", "When that was found, in Unix time.", w.last_step_at);
  one("takt_realtime_unsynchronised_seconds_total", "counter",
      "How long the kernel called CLOCK_REALTIME unsynchronised since takt watch began.", w.unsynchronised_seconds);
  if (w.latencies != nullptr && w.latencies->count != 0) {
    m.begin("takt_wakeup_latency_seconds", "histogram",
            "How long after its point of the grid takt watch read the clock.");
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < w.latencies->bounds.size(); ++i) {
      below += w.latencies->buckets[i];
      m.add(static_cast<double>(below), {{"le", metrics_text::number(w.latencies->bounds[i])}}, "_bucket");
    }
    m.add(static_cast<double>(w.latencies->count), {{"le", "+Inf"}}, "_bucket");
    m.add(w.latencies->sum, {}, "_sum");
    m.add(static_cast<double>(w.latencies->count), {}, "_count");
  }
  if (w.lost_lines)
    one("takt_watch_lost_lines_total", "counter", "Lines that takt watch could not write to its log.",
        static_cast<double>(*w.lost_lines));
  return m.text();
}

} // namespace tool
