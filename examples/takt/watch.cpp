// takt watch - what happens to this machine's clocks, as it happens.
#include "command.hpp"
#include "document.hpp"
#include <absl/flags/flag.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <takt/observe/clock_watch.hpp>
#include <unistd.h>

ABSL_FLAG(tool::duration, period, tool::duration{std::chrono::seconds(1)}, "TIME: From one look at the clocks to the next");
extern absl::Flag<std::optional<tool::duration>> FLAGS_for; // ABSL_DECLARE_FLAG would make a variable of a keyword

namespace tool {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using takt::watch_event;
using takt::watch_kind;

std::string utc(const watch_event& e) {
  const absl::Time t = absl::FromUnixNanos(e.told.time_since_epoch().count());
  return absl::FormatTime("%Y-%m-%d %H:%M:%E6S", t, absl::UTCTimeZone());
}

json as_json(const watch_event& e) {
  json j{{"event", std::string(name(e.kind))}, {"told", utc(e)}, {"realtime_ns", e.told.time_since_epoch().count()},
         {"after_ns", e.after.count()}, {"before_ns", e.before.count()}};
  switch (e.kind) {
  case watch_kind::source_switched:
    j["from"] = e.from, j["to"] = e.to;
    j["log"] = e.log.empty() ? json() : json(e.log);
    break;
  case watch_kind::slew:
  case watch_kind::counter_rate:
    j["rate_ppm"] = e.rate_ppm, j["rate_uncertainty_ppm"] = e.rate_uncertainty_ppm;
    if (e.kind == watch_kind::slew) j["lasts"] = e.lasts;
    if (e.size != nanoseconds::zero()) j["size_ns"] = e.size.count(), j["uncertainty_ns"] = e.uncertainty.count();
    break;
  default: j["size_ns"] = e.size.count(), j["uncertainty_ns"] = e.uncertainty.count(); break;
  }
  j["text"] = to_string(e);
  return j;
}

/// What is told at the end, besides the events.
struct totals {
  std::map<watch_kind, unsigned long long> events;
  nanoseconds narrowest = nanoseconds::max(), widest{}, sum{};
  unsigned long long sets = 0;

  void add(const takt::clock_watch& watch) {
    if (watch.looks() == sets) return;
    sets = watch.looks();
    const nanoseconds half = watch.history().last()->readings.half_width;
    narrowest = std::min(narrowest, half), widest = std::max(widest, half), sum += half;
  }
};

section summary(const takt::clock_watch& watch, const totals& t, nanoseconds period, nanoseconds watched) {
  section s{"watch", "What happened to the clocks", {}, {}, {}};
  const auto ns = [](nanoseconds d) { return time_value(static_cast<double>(d.count())); };
  unsigned long long all = 0;
  for (const auto& [kind, n] : t.events) all += n;
  s.add("watched_ns", "watched for", ns(watched));
  s.add("period_ns", "a look every", ns(period));
  s.add("events", "events", count(all));
  for (const auto& [kind, n] : t.events) {
    std::string key(name(kind));
    std::replace(key.begin(), key.end(), ' ', '_');
    s.add(key, absl::StrCat("of which ", as_absl(name(kind))), count(n));
  }
  s.add("looks", "looks", count(watch.looks()));
  s.add("told_by_kernel", "of which told by the kernel", count(watch.told()));
  s.add("half_width_ns", "a set of readings is good to", ns(t.sum / static_cast<nanoseconds::rep>(t.sets)), "mean");
  s.add("widest_ns", "at worst", ns(t.widest), "a set that was interrupted");
  const takt::clock_look& last = *watch.history().last();
  s.add("clock_source", "clock source", last.source.empty() ? not_told() : word(last.source));
  const takt::tick_rate rate = watch.history().rate();
  s.add("counter_hz", "the counter against MONOTONIC_RAW", hertz(rate.known() ? std::optional(rate.hertz()) : std::nullopt),
        watch.judges_counter() ? "" : "the counter may not be read");
  if (last.leap_told) {
    s.add("leap_second", "leap second", word(as_absl(name(last.leap.phase))));
    s.add("tai_minus_utc_s", "TAI - UTC", {absl::StrCat(last.leap.tai_minus_utc.count(), " s"), last.leap.tai_minus_utc.count()});
    s.add("synchronised", "somebody vouches for the clock", yes_no(last.leap.synchronised));
  }
  return s;
}

exit_code run_command() {
  const nanoseconds period = absl::GetFlag(FLAGS_period).value;
  const std::optional<duration> span = absl::GetFlag(FLAGS_for);
  constexpr nanoseconds longest = std::chrono::hours(24 * 365 * 100); // so that deadlines stay inside the clock's range
  if (period < takt::watch_rule::least_period || period > longest) return wrong_usage("--period wants a time of 1ms or more");
  if (span && span->value <= nanoseconds::zero()) return wrong_usage("--for wants a time above zero");

  std::error_code ec;
  takt::clock_watch watch(period, ec);
  if (ec) return could_not("the kernel gives no timer to wait on", ec);
  const auto start = steady_clock::now(), end = start + (span ? std::min(span->value, longest) : longest);
  if (!json_wanted()) {
    print_hanging(stdout,
                  absl::StrFormat("Watching the clocks, a look every %s and whenever the kernel tells, %s. Times are UTC.",
                                  time_value(static_cast<double>(period.count())).text,
                                  span ? absl::StrCat("for ", time_value(static_cast<double>(span->value.count())).text)
                                       : "until Ctrl-C"),
                  0, line_width(STDOUT_FILENO));
    static_cast<void>(flush_output());
  }
  totals t;
  t.add(watch);
  progress shown("watching");
  const auto tell = [&](const std::vector<watch_event>& events) {
    t.add(watch);
    for (const watch_event& e : events) {
      ++t.events[e.kind];
      if (json_wanted()) print_line(as_json(e));
      else absl::PrintF("%s  ", utc(e)), print_hanging(stdout, to_string(e), 4, line_width(STDOUT_FILENO));
    }
    if (!events.empty()) static_cast<void>(flush_output());
  };
  while (!ec && !output_error() && steady_clock::now() < end && sleep_until(end, watch.fd())) {
    tell(watch.take(ec));
    if (span) shown.at(static_cast<double>((steady_clock::now() - start).count()) / static_cast<double>((end - start).count()));
  }
  if (ec) return could_not("the kernel's timer cannot be waited for", ec);
  tell(watch.look(ec));
  const nanoseconds watched = steady_clock::now() - start;
  print_summary({{summary(watch, t, period, watched)}});
  return exit_code::done;
}

} // namespace

extern const command watch_command{
    "watch",
    "what happens to this machine's clocks, as it happens",
    "Reads the counter and all clocks of the kernel once a period, and at once when the kernel tells that the system clock was set\n"
    "or the machine resumed. Prints a line for each event, with its size and how well that is known: steps of CLOCK_REALTIME, slews\n"
    "(a leap second smeared over a day is 11.6 ppm), leap seconds announced and applied, suspend, another clock source, a counter\n"
    "that jumps, and counter and kernel that part by an offset or by a rate. Whether an offset stays or a rate changed is told a\n"
    "period later. At Ctrl-C, or after --for, it says how often what happened.\n\n"
    "With --json each event is a line of its own; after_ns and before_ns are between which it happened, on CLOCK_MONOTONIC.",
    "takt watch --for 10min   # does anything happen to this machine's clocks?",
    {"period", "for"},
    &run_command};

} // namespace tool
