// takt watch - what happens to this machine's clocks, as it happens, on the screen and over weeks.
#include "command.hpp"
#include "stop.hpp"
#include "model/clock_log.hpp"
#include "model/clock_log_file.hpp"
#include "model/replaced_file.hpp"
#include "model/watch_unit.hpp"
#include "output/clock_metrics.hpp"
#include "output/document.hpp"
#include "output/run_document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/utsname.h>
#include <takt/kernel/boot_id.hpp>
#include <takt/observe/clock_watch.hpp>
#include <takt/sleep/grid_origin.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<duration> period{
      this, "period", "TIME", "The time from one sample of the clocks to the next", {std::chrono::seconds(1)}};
  flag<std::optional<duration>> for_time{this, "for", "TIME", "End after TIME, as 10s; by default, at Ctrl-C"};
  flag<std::string> log{this, "log", "FILE", "Append each event to FILE, as a line of JSON, for takt history"};
  flag<std::string> openmetrics{this, "openmetrics", "FILE",
                                "Write metrics to FILE again and again, for Prometheus's node exporter"};
  flag<bool> print_unit{this, "print-unit",
                        "Print a unit of systemd that runs this with the same flags, and watch nothing"};
} flags;

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using takt::watch_event;
using watch_kind = takt::watch_event::kind_type;
using sample = takt::clock_history::sample;

/// Without an event the log has a line so often: then a gap shows, and a file that was rotated begins with the state.
constexpr nanoseconds state_every = std::chrono::minutes(15);
/// The metrics are no older than that, or than a period. Prometheus collects four times a minute at most, by its default.
constexpr nanoseconds metrics_every = std::chrono::seconds(10);
/// A rate is measured over so much, and at most twice of it.
constexpr nanoseconds rate_over = std::chrono::minutes(1);

/// The summary at the end, without the events.
struct totals {
  std::map<std::string, unsigned long long> events; ///< by their names
  nanoseconds narrowest = nanoseconds::max(), widest{}, sum{};
  unsigned long long sets = 0;

  void add(const takt::clock_watch& watch) {
    if (watch.checks() == sets) return;
    sets = watch.checks();
    const nanoseconds half = watch.history().last()->readings.half_width;
    narrowest = std::min(narrowest, half), widest = std::max(widest, half), sum += half;
  }
};

/// The log, and what it says on standard error.
class watch_log {
public:
  /// Returns: done, or the exit code after an error message.
  exit_code open(const std::string& path) {
    if (path.empty()) return exit_code::done;
    if (path == "-") return wrong_usage("--log wants a file; --json prints the events");
    if (const std::string why = file_.open(path); !why.empty()) return could_not(absl::StrCat(path, ": ", why));
    path_ = path;
    std::error_code ec;
    writer_.boot = takt::read_boot_id(ec);
    if (writer_.boot.empty()) writer_.boot = "unknown";
    writer_.pid = getpid();
    return exit_code::done;
  }
  [[nodiscard]] bool wanted() const { return !path_.empty(); }
  [[nodiscard]] std::uint64_t lost() const { return file_.lost(); }

  void start(const takt::clock_watch& watch) {
    json j{{"event", std::string(log_start)}};
    j["version"] = absl::StrFormat("%d.%d.%d", TAKT_VERSION_MAJOR, TAKT_VERSION_MINOR, TAKT_VERSION_PATCH);
    utsname system{};
    j["kernel"] = uname(&system) == 0 ? json(std::string(system.release)) : json();
    j["counter_is_watched"] = watch.judges_counter();
    write(watch, std::move(j), true);
  }
  void event(const takt::clock_watch& watch, const json& members) { write(watch, members, false); }
  void end(const takt::clock_watch& watch, std::string_view why) {
    write(watch, {{"event", std::string(log_end)}, {"why", std::string(why)}}, true);
  }
  /// Effects: at each wake-up: takes care of the file, and writes the state when it is time.
  void tend(const takt::clock_watch& watch) {
    if (!wanted()) return;
    using news = clock_log_file::news;
    const news found = file_.tend();
    if (found == news::failed)
      say_on_error(absl::StrCat("takt: ", printable_text(path_), ": ", file_.error().message(),
                                "; lines are kept until it can be written"));
    if (found == news::works_again) say_on_error(absl::StrCat("takt: ", path_, ": it can be written again"));
    const bool anew = found != news::none && found != news::failed;
    if (anew || steady_clock::now() - last_state_ >= state_every)
      write(watch,
            {{"event", std::string(log_state)},
             {"why", found == news::new_file      ? "a new file"
                     : found == news::emptied     ? "the file was emptied"
                     : found == news::works_again ? "the file can be written again"
                                                  : "nothing happened"}},
            true);
  }
  /// Effects: at the end, says what could not be written. Returns: the exit code.
  exit_code close() {
    if (!wanted()) return exit_code::done;
    static_cast<void>(file_.tend());
    if (file_.failing()) return could_not(path_, file_.error());
    return exit_code::done;
  }

private:
  void write(const takt::clock_watch& watch, json members, bool state) {
    if (!wanted()) return;
    if (state) {
      members["period_ns"] = watch.period().count(), members["state_every_ns"] = state_every.count();
      members["checks"] = watch.checks(), members["lost_lines"] = file_.lost();
      const takt::tick_rate rate = watch.history().rate();
      members["counter_hz"] = rate.known() ? json(rate.hertz()) : json();
      last_state_ = steady_clock::now();
    }
    file_.append(log_line(members, *watch.history().last(), writer_));
  }

  std::string path_;
  clock_log_file file_;
  log_writer writer_;
  steady_clock::time_point last_state_;
};

/// The metrics, and the measurements that only they need.
class watch_metrics {
public:
  /// Returns: done, or the exit code after an error message.
  exit_code open(const std::string& path, const takt::clock_watch& watch, const watch_log& log) {
    if (path.empty()) return exit_code::done;
    if (path == "-") return wrong_usage("--openmetrics wants a file; takt report --openmetrics prints metrics");
    path_ = path;
    for (int kind = 0; kind < 256; ++kind) // every event that there is
      if (const std::string name(to_string(static_cast<watch_kind>(kind))); name != "unknown") now_.events[name];
    for (const std::string_view name : {log_synchronised, log_lost_synchronisation}) now_.events[std::string(name)];
    std::error_code ec; // where it fails, the grid begins at the zero of the clock, as for the watch
    origin_ = takt::grid_origin<takt::posix_clock<CLOCK_MONOTONIC>>(ec);
    older_ = newer_ = watch.history().last()->readings;
    expected_ = next_point(watch);
    notifications_ = watch.notifications();
    if (const std::error_code error = write(watch, log); error) return could_not(path_, error);
    return exit_code::done;
  }
  void event(const watch_event& e) {
    ++now_.events[std::string(to_string(e.kind))];
    if (e.kind == watch_kind::step) {
      ++now_.steps;
      now_.last_step_seconds = std::chrono::duration<double>(e.size).count();
      now_.stepped_seconds += std::abs(now_.last_step_seconds);
      now_.last_step_at = std::chrono::duration<double>(e.reported.time_since_epoch()).count();
    }
    changed_ = true;
    // Over none of these can the rate of the counter be measured.
    broken_ = broken_ || (e.kind != watch_kind::step && e.kind != watch_kind::slew);
  }
  void event(const std::string& name) { ++now_.events[name], changed_ = true; }
  /// Effects: after each check. `at_point`: the timer of the watch caused it.
  void check(const takt::clock_watch& watch, const sample& before, bool at_point) {
    if (path_.empty()) return;
    const sample& now = *watch.history().last();
    const auto& r = now.readings;
    if (std::exchange(broken_, false)) older_ = newer_ = r;
    if (r.raw && newer_.raw && *r.raw - *newer_.raw >= rate_over) older_ = std::exchange(newer_, r);
    if (before.leap_known && !before.leap.synchronised && r.boottime && before.readings.boottime)
      now_.unsynchronised_seconds += std::chrono::duration<double>(*r.boottime - *before.readings.boottime).count();
    // A wake-up by the kernel's notice is no point of the grid, and the watch arms its timer anew after each check.
    if (std::exchange(notifications_, watch.notifications()) == watch.notifications() && at_point && r.monotonic &&
        *r.monotonic >= expected_)
      latencies_.add(*r.monotonic - expected_);
    expected_ = next_point(watch);
  }
  /// Effects: at each wake-up: writes them when it is time.
  void tend(const takt::clock_watch& watch, const watch_log& log) {
    if (path_.empty() || (!changed_ && steady_clock::now() - written_ < metrics_every)) return;
    const std::error_code error = write(watch, log);
    if (error && !failing_)
      say_on_error(absl::StrCat("takt: ", printable_text(path_), ": ", error.message(), "; it is tried again"));
    if (!error && failing_) say_on_error(absl::StrCat("takt: ", path_, ": it can be written again"));
    failing_ = static_cast<bool>(error);
  }
  /// Effects: writes them for the last time. Returns: the exit code.
  exit_code close(const takt::clock_watch& watch, const watch_log& log) {
    if (path_.empty()) return exit_code::done;
    now_.running = false;
    const std::error_code error = write(watch, log);
    return error ? could_not(path_, error) : exit_code::done;
  }

private:
  [[nodiscard]] nanoseconds next_point(const takt::clock_watch& watch) const {
    const nanoseconds now = watch.history().last()->readings.monotonic.value_or(nanoseconds::zero()) - origin_;
    return origin_ + now - now % watch.period() + watch.period();
  }
  std::error_code write(const takt::clock_watch& watch, const watch_log& log) {
    const sample& last = *watch.history().last();
    clock_metrics m;
    m.source = last.source;
    if (last.leap_known) m.leap = last.leap, m.read_offset();
    rates(m, watch, last);
    interrupts_.read();
    m.interrupts = &interrupts_;
    now_.checks = watch.checks();
    now_.latencies = &latencies_;
    if (log.wanted()) now_.lost_lines = log.lost();
    now_.last_check_at =
        last.readings.realtime ? std::chrono::duration<double>(*last.readings.realtime).count() : clock_metrics::none;
    m.watched = now_;
    changed_ = false, written_ = steady_clock::now();
    return replace_file(path_, m.text());
  }
  /// Between two samples, each good to its half width.
  void rates(clock_metrics& m, const takt::clock_watch& watch, const sample& last) const {
    const auto &from = older_, &to = last.readings;
    if (!from.raw || !to.raw || !from.monotonic || !to.monotonic) return;
    const double ns = static_cast<double>((*to.raw - *from.raw).count());
    // Each clock at each end is off by a half width at most.
    const double error = 2 * static_cast<double>((from.half_width + to.half_width).count()) / ns;
    if (!(ns > 0) || error > 1e-3) return;
    m.monotonic_rate_ratio = static_cast<double>((*to.monotonic - *from.monotonic).count()) / ns - 1;
    m.monotonic_rate_error_ratio = error;
    if (!watch.judges_counter() || to.counter == takt::tick_point()) return;
    m.tick_hertz = static_cast<double>((to.counter - from.counter).signed_count()) / ns * 1e9;
    m.tick_error_hertz = std::abs(m.tick_hertz) * error;
    m.tick_against = "CLOCK_MONOTONIC_RAW";
  }

  std::string path_;
  clock_metrics::watch now_;
  counted_interrupts interrupts_;
  wakeup_latencies latencies_;
  decltype(sample::readings) older_{}, newer_{};
  nanoseconds origin_{}, expected_{};
  std::uint64_t notifications_ = 0;
  steady_clock::time_point written_;
  bool changed_ = false, broken_ = false, failing_ = false;
};

/// What VMClock says of restores, past and to come.
std::string vmclock_note(const takt::clock_watch::vmclock_state* page) {
  if (page == nullptr) return "none that may be read";
  std::string note = page->generation ? "it counts restores" : "it marks disruptions, and does not count restores";
  if (page->disruption_imminent) note += "; a disruption is to come within about an hour";
  else if (page->disruption_soon) note += "; a disruption is to come within about a day";
  return note;
}

document summary(const takt::clock_watch& watch, const totals& t, nanoseconds period, nanoseconds watched) {
  section s{"watch", "What happened to the clocks", {}, {}, {}};
  const auto ns = [](nanoseconds d) { return time_value(d); };
  unsigned long long all = 0;
  for (const auto& [kind, n] : t.events) all += n;
  s.add("watched_ns", "watched for", ns(watched));
  s.add("period_ns", "sampled every", ns(period));
  s.add("events", "events", count(all));
  for (const auto& [kind, n] : t.events) {
    std::string key = kind;
    std::replace(key.begin(), key.end(), ' ', '_');
    // "synchronised" is also what the clock is at the end.
    s.add(key == "synchronised" ? "became_synchronised" : key, absl::StrCat("of these ", kind), count(n));
  }
  s.add("samples", "samples", count(watch.checks()));
  s.add("reported_by_kernel", "of these at a notice of the kernel", count(watch.notifications()));
  s.add("half_width_ns", "a sample is good to", ns(t.sum / static_cast<nanoseconds::rep>(t.sets)), "mean");
  s.add("widest_ns", "the worst to", ns(t.widest), "a sample that was interrupted");
  const sample& last = *watch.history().last();
  s.add("clock_source", "clock source", last.source.empty() ? unknown() : word(last.source));
  const takt::tick_rate rate = watch.history().rate();
  s.add("counter_hz", "the counter against MONOTONIC_RAW",
        hertz(rate.known() ? std::optional(rate.hertz()) : std::nullopt),
        watch.judges_counter() ? "" : "the counter may not be read");
  const auto* const vmclock = watch.vmclock();
  s.add("vmclock", "VMClock", word(vmclock != nullptr ? to_string(vmclock->status) : "none"), vmclock_note(vmclock));
  if (last.leap_known) {
    s.add("leap_second", "leap second", word(as_absl(to_string(last.leap.phase))));
    const auto tai = last.leap.tai_minus_utc;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(tai.value_or(nanoseconds::zero())).count();
    s.add("tai_minus_utc_s", "TAI - UTC", tai ? value{absl::StrCat(seconds, " s"), seconds} : unknown(),
          tai ? "adjtimex" : "not set: CLOCK_TAI shows UTC");
    s.add("synchronised", "NTP synchronised", yes_no(last.leap.synchronised));
  }
  document d;
  d.headline = absl::StrCat(all == 0   ? "Nothing happened to the clocks"
                            : all == 1 ? "One thing happened to the clocks"
                                       : absl::StrCat("Events of the clocks: ", count(all).text),
                            " in ", ns(watched).text, ".");
  d.sections.push_back(std::move(s));
  return d;
}

/// Returns: whether both paths lead to one file, also where it does not exist yet.
bool same_file(const std::string& a, const std::string& b) {
  const auto resolved = [](const std::string& path) {
    std::error_code ec;
    const std::filesystem::path whole = std::filesystem::absolute(path, ec);
    const std::filesystem::path found = std::filesystem::weakly_canonical(whole, ec);
    return ec ? whole : found;
  };
  return !a.empty() && !b.empty() && resolved(a) == resolved(b);
}

/// Prints the unit that runs this command with its flags.
exit_code print_unit() {
  std::error_code ec;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", ec).string();
  if (ec) return could_not("/proc/self/exe", ec);
  if (flags.log->empty() && flags.openmetrics->empty())
    return wrong_usage("--print-unit wants --log FILE or --openmetrics FILE: what the unit is to write");
  const auto absolute = [](const std::string& path) {
    std::error_code unknown_directory;
    return path.empty() ? path : std::filesystem::absolute(path, unknown_directory).lexically_normal().string();
  };
  const watch_paths paths{absolute(*flags.log), absolute(*flags.openmetrics)};
  std::vector<std::string> arguments{"watch", "--period", AbslUnparseFlag(*flags.period)};
  if (!paths.log.empty()) arguments.insert(arguments.end(), {"--log", paths.log});
  if (!paths.metrics.empty()) arguments.insert(arguments.end(), {"--openmetrics", paths.metrics});
  const std::string text = watch_unit(program, arguments, paths);
  if (json_wanted()) {
    document d;
    d.sections.push_back({"unit", "Unit of systemd", {}, {}, {}});
    d.sections.back().add("name", "service", word("takt-watch.service"));
    d.sections.back().add("text", "text", word(text));
    print(d);
    return exit_code::done;
  }
  std::printf("# /etc/systemd/system/takt-watch.service\n\n%s", text.c_str());
  return exit_code::done;
}

exit_code run_command() {
  const nanoseconds period = flags.period->value;
  const std::optional<duration> span = *flags.for_time;
  constexpr nanoseconds longest = std::chrono::hours(24 * 365 * 100); // so that deadlines stay inside the clock's range
  if (period < takt::clock_watch::min_period || period > longest)
    return wrong_usage("--period wants a time of 1ms or more");
  if (span && span->value <= nanoseconds::zero()) return wrong_usage("--for wants a time above zero");
  if (same_file(*flags.log, *flags.openmetrics)) // the metrics would replace the log
    return wrong_usage("--log and --openmetrics want two files");
  if (*flags.print_unit) return span ? wrong_usage("--print-unit does not go with --for") : print_unit();

  watch_log log;
  if (const exit_code opened = log.open(*flags.log); opened != exit_code::done) return opened;
  std::error_code ec;
  takt::clock_watch watch(period, ec);
  if (ec) return could_not("the kernel gives no timer to wait on", ec);
  watch_metrics metrics;
  if (const exit_code opened = metrics.open(*flags.openmetrics, watch, log); opened != exit_code::done) return opened;
  const auto start = steady_clock::now(), end = start + (span ? std::min(span->value, longest) : longest);
  print_title(absl::StrFormat("Watching the clocks every %s and when the kernel reports a change, %s. Times are UTC.",
                              time_value(period).text,
                              span ? absl::StrCat("for ", time_value(span->value).text) : "until Ctrl-C"));
  log.start(watch);
  totals t;
  t.add(watch);
  progress shown("watching");
  sample before = *watch.history().last();
  const auto report = [&](const std::string& name, const json& members) {
    ++t.events[name];
    if (json_wanted()) print_line(members);
    else
      say(absl::StrCat(utc_text(members["realtime_ns"].get<std::int64_t>()), " ", members["text"].get<std::string>()),
          4);
    log.event(watch, members);
  };
  // Everything that a wake-up is for.
  const auto take = [&](const std::vector<watch_event>& events, bool by_timer) {
    log.tend(watch); // before its lines: it may have been rotated
    t.add(watch);
    for (const watch_event& e : events) {
      metrics.event(e);
      report(std::string(to_string(e.kind)), event_members(e));
    }
    const sample& now = *watch.history().last();
    if (now.leap_known && before.leap_known && now.leap.synchronised != before.leap.synchronised) {
      const auto time = [](const std::optional<nanoseconds>& x) { return x.value_or(nanoseconds::zero()).count(); };
      const std::string name(now.leap.synchronised ? log_synchronised : log_lost_synchronisation);
      metrics.event(name);
      report(name, synchronisation_members(now.leap.synchronised, time(before.readings.monotonic),
                                           time(now.readings.monotonic), time(now.readings.realtime)));
    }
    metrics.check(watch, before, by_timer);
    metrics.tend(watch, log);
    before = now;
  };
  while (!ec && !output_error() && steady_clock::now() < end && sleep_until(end, watch.fd())) {
    const std::uint64_t checks = watch.checks();
    const std::vector<watch_event> events = watch.take(ec);
    take(events, watch.checks() != checks);
    if (span)
      shown.at(static_cast<double>((steady_clock::now() - start).count()) / static_cast<double>((end - start).count()));
  }
  if (ec) {
    log.end(watch, ec.message());
    static_cast<void>(metrics.close(watch, log)); // which says that it does not run any more
    return could_not("the kernel's timer cannot be waited for", ec);
  }
  take(watch.check(ec), false);
  log.end(watch, steady_clock::now() >= end ? "its time was over" : "it was asked to stop");
  const nanoseconds watched = steady_clock::now() - start;
  if (!json_wanted()) absl::PrintF("\n");
  print_summary(summary(watch, t, period, watched));
  const exit_code logged = log.close(), measured = metrics.close(watch, log);
  return logged != exit_code::done ? logged : measured;
}

const registered entry({
    .name = "watch",
    .group = group::over_time,
    .place = 2,
    .summary = "what happens to this machine's clocks, as it happens",
    .description = "Reads the counter and all clocks of the kernel once a period, and at once when the kernel "
                   "reports that the system clock was set or the machine resumed. Prints a line for each event, "
                   "with its size and how well that is known: steps of CLOCK_REALTIME, slews (a leap second "
                   "smeared over a day is 11.6 ppm), leap seconds announced and applied, suspend, another clock "
                   "source, a counter that jumps, and an offset or another rate between counter and kernel. It "
                   "knows one period later whether an offset stays or a rate has changed. At Ctrl-C, or after "
                   "--for, it prints how often each event happened.\n\n"
                   "A virtual machine that was restored from a snapshot or migrated is an event of its own, with "
                   "how that is known: VMClock (/dev/vmclock0, which on older kernels only root may read), the "
                   "kernel's message about a new generation id; or, for a process that CRIU restored, another boot "
                   "id or time namespace. Without these, a restore is inferred, and so called, if the kernel's "
                   "clocks leapt and the counter did not. CLOCK_MONOTONIC that goes backwards, as it does where the "
                   "counters of the CPUs differ, is an event of its own too.\n\n"
                   "With --json each event is a line of its own. It happened between after_ns and before_ns, both "
                   "on CLOCK_MONOTONIC.\n\n"
                   "That the kernel begins or ceases to call the clock synchronised is an event too.\n\n"
                   "--log appends the events to a file, and also the beginning, the end and every 15 minutes the "
                   "state, so that gaps show; `takt history` reads it. Each line is written by one call, so several "
                   "processes may share a file. A program that rotates logs need not signal: a file that was renamed, "
                   "removed or emptied is noticed within a period, and the new one begins with the state. While the "
                   "disk is full the last 4096 lines are kept, and standard error says so. All of this takes one "
                   "wake-up a period, on the grid that takt's processes share.\n\n"
                   "--openmetrics replaces FILE at each event and every 10 seconds, in the text format that "
                   "Prometheus's node exporter collects from its textfile directory, where the name has to end in "
                   ".prom. It has the clock source, the rate of the counter and of CLOCK_MONOTONIC with their errors, "
                   "what adjtimex says of CLOCK_REALTIME, steps and other events, the state of leap seconds, timer "
                   "interrupts of each CPU, and how late this command's own wake-ups were. The file stays at the end, "
                   "with takt_watch_running 0.\n\n"
                   "--print-unit prints a unit of systemd for the same flags.",
    .example = "takt watch --for 10min   # does anything happen to this machine's clocks?",
    .flags = &flags,
    .run = &run_command,
});

} // namespace
} // namespace tool
