// takt watch - what happens to this machine's clocks, as it happens.
#include "command.hpp"
#include "stop.hpp"
#include "output/document.hpp"
#include "output/terminal.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <takt/observe/clock_watch.hpp>
#include <unistd.h>

namespace tool {
namespace {

struct : flag_set {
  flag<duration> period{this, "period", "TIME", "The time from one sample of the clocks to the next", {std::chrono::seconds(1)}};
  flag<std::optional<duration>> for_time{this, "for", "TIME", "End after TIME, as 10s; by default, at Ctrl-C"};
} flags;

using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using takt::watch_event;
using watch_kind = takt::watch_event::kind_type;

std::string utc(const watch_event& e) {
  const absl::Time t = absl::FromUnixNanos(e.reported.time_since_epoch().count());
  return absl::FormatTime("%Y-%m-%d %H:%M:%E6S", t, absl::UTCTimeZone());
}

/// How a restore is known, as an array of names.
json signs_of(const watch_event& e) {
  using enum takt::restore_signs::sign;
  json names = json::array();
  for (const auto s : {generation, disruption, generation_id, boot_id, time_namespace, clocks_leapt}) {
    if (e.signs.has(s)) names.push_back(std::string(to_string(s)));
  }
  return names;
}

json as_json(const watch_event& e) {
  json j{{"event", std::string(to_string(e.kind))}, {"reported", utc(e)}, {"realtime_ns", e.reported.time_since_epoch().count()},
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
  case watch_kind::restored:
    j["signs"] = signs_of(e), j["inferred"] = e.signs.inferred();
    j["size_ns"] = e.size.count(), j["uncertainty_ns"] = e.uncertainty.count();
    break;
  case watch_kind::backwards: j["size_ns"] = e.size.count(); break; // a bound: by this or more
  default: j["size_ns"] = e.size.count(), j["uncertainty_ns"] = e.uncertainty.count(); break;
  }
  j["text"] = to_string(e);
  return j;
}

/// The summary at the end, without the events.
struct totals {
  std::map<watch_kind, unsigned long long> events;
  nanoseconds narrowest = nanoseconds::max(), widest{}, sum{};
  unsigned long long sets = 0;

  void add(const takt::clock_watch& watch) {
    if (watch.checks() == sets) return;
    sets = watch.checks();
    const nanoseconds half = watch.history().last()->readings.half_width;
    narrowest = std::min(narrowest, half), widest = std::max(widest, half), sum += half;
  }
};

/// What VMClock says of restores, past and to come.
std::string vmclock_note(const auto* page) {
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
    std::string key(to_string(kind));
    std::replace(key.begin(), key.end(), ' ', '_');
    s.add(key, absl::StrCat("of these ", as_absl(to_string(kind))), count(n));
  }
  s.add("samples", "samples", count(watch.checks()));
  s.add("reported_by_kernel", "of these at a notice of the kernel", count(watch.notifications()));
  s.add("half_width_ns", "a sample is good to", ns(t.sum / static_cast<nanoseconds::rep>(t.sets)), "mean");
  s.add("widest_ns", "the worst to", ns(t.widest), "a sample that was interrupted");
  const takt::clock_history::sample& last = *watch.history().last();
  s.add("clock_source", "clock source", last.source.empty() ? unknown() : word(last.source));
  const takt::tick_rate rate = watch.history().rate();
  s.add("counter_hz", "the counter against MONOTONIC_RAW", hertz(rate.known() ? std::optional(rate.hertz()) : std::nullopt),
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

exit_code run_command() {
  const nanoseconds period = flags.period->value;
  const std::optional<duration> span = *flags.for_time;
  constexpr nanoseconds longest = std::chrono::hours(24 * 365 * 100); // so that deadlines stay inside the clock's range
  if (period < takt::clock_watch::min_period || period > longest) return wrong_usage("--period wants a time of 1ms or more");
  if (span && span->value <= nanoseconds::zero()) return wrong_usage("--for wants a time above zero");

  std::error_code ec;
  takt::clock_watch watch(period, ec);
  if (ec) return could_not("the kernel gives no timer to wait on", ec);
  const auto start = steady_clock::now(), end = start + (span ? std::min(span->value, longest) : longest);
  print_title(absl::StrFormat("Watching the clocks every %s and when the kernel reports a change, %s. Times are UTC.",
                      time_value(period).text,
                      span ? absl::StrCat("for ", time_value(span->value).text) : "until Ctrl-C"));
  totals t;
  t.add(watch);
  progress shown("watching");
  const auto show = [&](const std::vector<watch_event>& events) {
    t.add(watch);
    for (const watch_event& e : events) {
      ++t.events[e.kind];
      if (json_wanted()) print_line(as_json(e));
      else say(absl::StrCat(utc(e), " ", to_string(e)), 4);
    }
  };
  while (!ec && !output_error() && steady_clock::now() < end && sleep_until(end, watch.fd())) {
    show(watch.take(ec));
    if (span) shown.at(static_cast<double>((steady_clock::now() - start).count()) / static_cast<double>((end - start).count()));
  }
  if (ec) return could_not("the kernel's timer cannot be waited for", ec);
  show(watch.check(ec));
  const nanoseconds watched = steady_clock::now() - start;
  if (!json_wanted()) absl::PrintF("\n");
  print_summary(summary(watch, t, period, watched));
  return exit_code::done;
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
                   "on CLOCK_MONOTONIC.",
    .example = "takt watch --for 10min   # does anything happen to this machine's clocks?",
    .flags = &flags,
    .run = &run_command,
});

} // namespace
} // namespace tool
