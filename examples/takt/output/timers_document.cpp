#include "timers_document.hpp"
#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace tool {

using std::chrono::nanoseconds;
using owner_kind = takt::timer_trace::owner::kind_type;
using timer_usage = takt::timer_trace::usage;

value brief_time(nanoseconds t) {
  struct unit {
    double size;
    const char* name;
  };
  constexpr unit units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
  const double ns = static_cast<double>(t.count()), size = std::fabs(ns);
  for (const unit& u : units) {
    if (size < u.size * 0.9995 && u.size > 1) continue;
    const double x = ns / u.size;
    const int decimals = u.size == 1 || std::fabs(x) >= 99.95 ? 0 : std::fabs(x) >= 9.995 ? 1 : 2;
    std::string text = absl::StrFormat("%.*f", decimals, x);
    if (decimals > 0) { // "50 us", not "50.0 us"
      text.erase(text.find_last_not_of('0') + 1);
      if (text.back() == '.') text.pop_back();
    }
    return {absl::StrCat(text, " ", u.name), t.count()};
  }
  return {"0 ns", t.count()};
}

namespace {

/// A name on a terminal: nothing but printable ASCII, for bytes are columns.
std::string shown(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return name;
}
std::string name_of(const takt::timer_trace::owner& owner) {
  if (!owner.name.empty()) return shown(owner.name);
  return owner.process >= 0 ? "?" : "unknown";
}
const char* kind_of_owner(owner_kind kind) {
  switch (kind) {
  case owner_kind::tick: return "tick";
  case owner_kind::kernel_function: return "kernel function";
  case owner_kind::process: return "process";
  case owner_kind::thread: return "thread";
  }
  return "unknown";
}
bool is_task(const takt::timer_trace::owner& owner) {
  return owner.kind == owner_kind::process || owner.kind == owner_kind::thread;
}
std::int32_t number_of(const takt::timer_trace::owner& owner) {
  return owner.kind == owner_kind::thread ? owner.thread : owner.process;
}

double rate(std::uint64_t n, nanoseconds length) {
  return length <= nanoseconds::zero() ? 0 : static_cast<double>(n) / std::chrono::duration<double>(length).count();
}
value rate_value(std::uint64_t n, nanoseconds length) {
  const double r = rate(n, length);
  return r == 0 ? value{"0", 0.0} : number(r, r >= 99.95 ? 0 : r >= 9.995 ? 1 : 2);
}

value clocks_of(std::uint8_t clocks) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < 8; ++i) {
    if ((clocks & (1U << i)) == 0) continue;
    const auto name = takt::to_string(static_cast<takt::timer_trace::clock>(i));
    names.emplace_back(name);
  }
  if (names.size() > 1) std::erase(names, "unknown");
  return list(names);
}

/// "timer wheel" and "interval timer" are what people call them, where there is room; programs get one word.
value kind_value(takt::timer_trace::subsystem subsystem, bool brief) {
  using kind = takt::timer_trace::subsystem;
  switch (subsystem) {
  case kind::hrtimer: return {"hrtimer", "hrtimer"};
  case kind::wheel: return {brief ? "wheel" : "timer wheel", "wheel"};
  case kind::interval: return {brief ? "itimer" : "interval timer", "interval"};
  }
  return unknown();
}

value of(const takt::duration_histogram& h, nanoseconds t) {
  return h.count() == 0 ? value{"-", nullptr} : brief_time(t);
}

/// From this width on a table has the columns that are not for the narrowest screens.
constexpr unsigned medium = 118;

table table_of(const timer_recording& recording, const std::vector<std::size_t>& rows, const timers_view& view) {
  enum size { narrow, wide, whole };
  const size room = view.with_details ? whole : view.width >= medium ? wide : narrow;
  table t;
  const auto add = [&](size from, const char* key, const char* heading, bool right = true) {
    t.columns.push_back({key, room >= from ? heading : "", right});
  };
  add(narrow, "name", "process or function", false);
  add(narrow, "pid", "pid");
  add(narrow, "woke_idle_per_s", "woke idle CPU/s");
  add(narrow, "expired_per_s", "expired /s");
  add(wide, "armed_per_s", "armed /s");
  add(wide, "moved_per_s", "moved /s");
  add(wide, "cancelled_per_s", "cancelled /s");
  add(narrow, "cancelled_share", room == narrow ? "cancel %" : "cancelled %");
  add(narrow, "range_median_ns", room == narrow ? "range" : "range median");
  add(whole, "range_max_ns", "range max");
  add(wide, "after_softexpires_median_ns", "late median");
  add(narrow, "after_softexpires_p99_ns", "late p99");
  add(whole, "after_softexpires_max_ns", "late max");
  add(whole, "after_expires_median_ns", "after expires median");
  add(whole, "after_expires_p99_ns", "after expires p99");
  add(whole, "after_expires_max_ns", "after expires max");
  add(wide, "in_use", "in use");
  add(wide, "clock", "clock", false);
  add(narrow, "kind", "kind", false);
  for (const char* key : {"armed", "moved", "cancelled", "expired", "woke_idle", "from_idle", "joined", "armed_before",
                          "alive", "range_min_ns", "after_softexpires_min_ns", "handler_median_ns",
                          "wake_to_run_median_ns", "wake_to_run_p99_ns", "owner", "thread", "real_time"})
    t.columns.push_back({key, "", true});

  const nanoseconds length = recording.source.length;
  for (const std::size_t i : rows) {
    const timer_usage& u = recording.lives.usages()[i];
    const std::string name = name_of(u.owner);
    constexpr std::size_t longest = 18; // a task has 15 letters at most, a function may have more
    const std::string cut =
        room == narrow && name.size() > longest ? absl::StrCat(name.substr(0, longest - 2), "..") : name;
    const double ended = static_cast<double>(u.cancelled + u.expired);
    const double share = ended == 0 ? 0 : static_cast<double>(u.cancelled) / ended;
    const auto number_or_none = [](std::int32_t n) { return n >= 0 ? value{absl::StrCat(n), n} : value{"-", nullptr}; };
    std::vector<value> row = {
        {cut, name},
        is_task(u.owner) ? number_or_none(number_of(u.owner)) : value{"-", nullptr},
        rate_value(u.woke_idle, length),
        rate_value(u.expired, length),
        rate_value(u.armed, length),
        rate_value(u.moved, length),
        rate_value(u.cancelled, length),
        {absl::StrFormat("%.0f", share * 100), share},
        of(u.range, u.range.median()),
        of(u.range, u.range.max()),
        of(u.after_softexpires, u.after_softexpires.median()),
        of(u.after_softexpires, u.after_softexpires.quantile(0.99)),
        of(u.after_softexpires, u.after_softexpires.max()),
        of(u.after_expires, u.after_expires.median()),
        of(u.after_expires, u.after_expires.quantile(0.99)),
        of(u.after_expires, u.after_expires.max()),
        count(u.in_use),
        clocks_of(u.clocks),
        kind_value(u.subsystem, room == narrow),
        count(u.armed),
        count(u.moved),
        count(u.cancelled),
        count(u.expired),
        count(u.woke_idle),
        count(u.from_idle),
        count(u.joined),
        count(u.armed_before),
        count(u.alive),
        of(u.range, u.range.min()),
        of(u.after_softexpires, u.after_softexpires.min()),
        of(u.handler, u.handler.median()),
        of(u.wake_to_run, u.wake_to_run.median()),
        of(u.wake_to_run, u.wake_to_run.quantile(0.99)),
        word(kind_of_owner(u.owner.kind)),
        number_or_none(u.owner.thread),
        yes_no(u.owner.real_time),
    };
    t.rows.push_back(std::move(row));
  }
  return t;
}

void add_source(section& s, const timer_recording& recording) {
  const recording_source& source = recording.source;
  s.add("watched_ns", source.live ? "watched for" : "recorded for", brief_time(source.length));
  s.add_detail("source", "from", word(source.what));
  s.add_detail("events", "events", count(source.events));
  s.add("lost_events", "lost events",
        {source.lost == 0 ? "none" : absl::StrCat(count(source.lost).text, ": the counts below are too small"),
         source.lost});
  s.facts.back().detailed = source.lost == 0;
  if (source.text) {
    const takt::trace_text_reader::counts_type& text = *source.text;
    s.add_detail("lines", "lines", count(text.lines));
    s.add_detail("other_events", "events of other tracepoints", count(text.other));
    s.add("unreadable_lines", "unreadable lines", count(text.unreadable));
    s.facts.back().detailed = text.unreadable == 0;
    s.add_detail("lost_notes", "notes of lost events", count(text.lost_notes));
    constexpr const char* forms[] = {"unknown", "perf script", "ftrace", "trace-cmd report"};
    s.add_detail("form", "written by", word(forms[static_cast<std::size_t>(source.form)]));
  }
  if (!source.missing.empty())
    s.add_detail("missing_events", "events that this kernel does not have", list(source.missing));
  if (source.command_status)
    s.add("command_status", "status of the command", {absl::StrCat(*source.command_status), *source.command_status});
}

struct sums {
  std::uint64_t cancelled = 0, expired = 0, woke_idle = 0, own_woke_idle = 0, own_expired = 0;
};
sums sums_of(const timer_recording& recording) {
  sums all;
  for (const timer_usage& u : recording.lives.usages()) {
    all.cancelled += u.cancelled, all.expired += u.expired, all.woke_idle += u.woke_idle;
    if (is_task(u.owner) && recording.source.own > 0 && u.owner.process == recording.source.own)
      all.own_woke_idle += u.woke_idle, all.own_expired += u.expired;
  }
  return all;
}

section timers_section(const timer_recording& recording, const timers_view& view, const std::vector<std::size_t>& rows,
                       std::size_t all_rows) {
  section s{"timers", "Timers by who armed them, those that woke an idle CPU most first", {}, {}, {}};
  const nanoseconds length = recording.source.length;
  const sums all = sums_of(recording);
  add_source(s, recording);
  s.add("idle_wakeups_per_s", "timers woke an idle CPU", rate_value(recording.lives.idle_wakeups(), length));
  s.facts.back().value.text += " times a second";
  s.add("expired_per_s", "timers expired", rate_value(all.expired, length));
  s.facts.back().value.text += " times a second";
  s.add_detail("idle_wakeups", "wake-ups of idle CPUs by timers", count(recording.lives.idle_wakeups()));
  s.add_detail("hrtimer_starts", "events hrtimer_start", count(recording.lives.starts()));
  s.add_detail("hrtimer_expiries", "events hrtimer_expire_entry", count(recording.lives.expiries()));
  s.add_detail("cancelled", "cancelled", count(all.cancelled));
  s.add_detail("expired", "expired", count(all.expired));
  if (recording.source.live) {
    s.add_detail("own_woke_idle", "wake-ups by takt itself, left out below", count(all.own_woke_idle));
    s.add_detail("own_expired", "expiries of takt itself", count(all.own_expired));
  }
  s.add_detail("timers", "timers remembered", count(recording.lives.timers()));
  s.add("owners", "rows", {absl::StrCat(rows.size(), " of ", all_rows), all_rows});
  s.facts.back().aside = rows.size() == all_rows;
  s.add_aside("shown", count(rows.size()), "");
  if (!rows.empty()) s.table = table_of(recording, rows, view);
  else s.remarks.push_back("No timer of these was armed, cancelled or expired.");
  return s;
}

/// The sentence about a change: how many of the `now` wake-ups it leaves.
std::vector<value> change_row(const std::string& text, const tried_change& change, const takt::slack_change::result& r,
                              std::uint64_t now, nanoseconds length) {
  const bool changed = change.slack > nanoseconds::zero();
  const std::uint64_t then = changed ? r.then : now;
  const double saved = now == 0 ? 0 : 1 - static_cast<double>(then) / static_cast<double>(now);
  return {{text, text},
          rate_value(then, length),
          {decimal(saved * 100, 0), saved},
          rate_value(r.fewest, length),
          changed ? count(r.owners) : value{"-", nullptr},
          changed ? count(r.refused) : value{"-", nullptr},
          {"", change.slack.count()},
          {"", change.on_grid},
          count(now),
          count(then),
          count(r.fewest),
          count(r.moved)};
}

section advice_section(const timer_recording& recording, const timers_view& view) {
  section s{"advice", "Wake-ups of idle CPUs a second, as they are and as they would be", {}, table{}, {}};
  s.table->columns = {{"change", "change"},
                      {"per_second", "wake-ups /s", true},
                      {"saved_share", "fewer by %", true},
                      {"fewest_per_second", "fewest possible /s", true},
                      {"processes", "processes\nchanged", true},
                      {"refused", "processes\nrefused", true},
                      {"slack_ns", ""},
                      {"on_grid", ""},
                      {"now", ""},
                      {"then", ""},
                      {"fewest", ""},
                      {"moved", ""}};
  const nanoseconds length = recording.windows_length();
  const takt::slack_change::result as_it_is = try_change(recording, {});
  // A timer that came in an interrupt of takt's own timer would have caused one by itself.
  const std::uint64_t now = std::max(as_it_is.now, as_it_is.then);
  const auto add = [&](const std::string& text, const tried_change& change) {
    s.table->rows.push_back(change_row(text, change, try_change(recording, change), now, length));
  };
  s.table->rows.push_back(change_row("as it is", {}, as_it_is, now, length));
  for (const nanoseconds slack : tried_slacks) {
    const tried_change change{slack};
    add(describe(change), change);
  }
  const tried_change grid{tried_grid, true};
  add(describe(grid), grid);
  if (view.what_if) add(describe(*view.what_if), *view.what_if);
  s.add_detail("windows", "calculated from expiries", count(recording.windows.size()));
  s.add_detail("length_ns", "of the last", brief_time(length));
  s.remarks.push_back(
      "This assumes that the timers come again as they came, that a late timer does not move its next one, and that a "
      "wake-up serves every timer of its CPU that is due.");
  s.remarks.push_back(absl::StrCat(
      "Refused are processes with a timer whose period is shorter than ", takt::slack_change::min_periods,
      " times the slack. Slack is for sleeps (nanosleep, poll, select, epoll, futex) of ordinary threads; timerfd, "
      "POSIX and interval timers and real-time threads can be moved onto the grid by their programs alone."));
  // The number that the remark names, for programs.
  s.add_aside("min_periods_of_slack", {"", takt::slack_change::min_periods}, "");
  return s;
}

section savings_section(const timer_recording& recording, const std::vector<saving>& best) {
  section s{"savings", "Who would save most, and how", {}, {}, {}};
  if (best.empty()) {
    s.remarks.push_back("No process has timers that could be later and would then wake idle CPUs less often.");
    return s;
  }
  s.table = table{};
  s.table->columns = {{"name", "process"}, {"pid", "pid", true}, {"saved_per_second", "wake-ups saved /s", true},
                      {"do", "do"},        {"command", ""},      {"unit", ""},
                      {"setting", ""},     {"slack_ns", ""},     {"on_grid", ""},
                      {"saved", ""},       {"real_time", ""}};
  const nanoseconds length = recording.windows_length();
  s.add("together_per_second", "all that have a command together save",
        rate_value(saved_together(recording, best), length));
  s.facts.back().value.text += " wake-ups a second";
  const auto text_or_null = [](const std::string& text) { return text.empty() ? value{"", nullptr} : word(text); };
  bool any_unit = false;
  for (const saving& one : best) {
    const std::string what = !one.command.empty()  ? one.command
                             : one.numbers.on_grid ? absl::StrCat("sleep on the grid of ", flag_text(one.numbers.slack))
                                                   : absl::StrCat("slack of ", flag_text(one.numbers.slack));
    any_unit = any_unit || !one.unit.empty();
    s.table->rows.push_back({word(name_of(one.owner)),
                             {one.owner.process >= 0 ? absl::StrCat(one.owner.process) : "-",
                              one.owner.process >= 0 ? json(one.owner.process) : json()},
                             rate_value(one.numbers.saved, length),
                             word(what),
                             text_or_null(one.command),
                             text_or_null(one.unit),
                             text_or_null(one.setting),
                             {"", one.numbers.slack.count()},
                             {"", one.numbers.on_grid},
                             count(one.numbers.saved),
                             yes_no(one.owner.real_time)});
  }
  for (const saving& one : best) {
    if (!one.unit.empty())
      s.remarks.push_back(absl::StrCat(name_of(one.owner), " is of ", one.unit, ", which keeps it with ", one.setting,
                                       " under [Service] (systemctl edit ", one.unit, ")."));
  }
  if (std::any_of(best.begin(), best.end(), [](const saving& one) { return one.numbers.on_grid; }))
    s.remarks.push_back(
        "The kernel ignores slack for real-time threads: their programs can sleep on the common grid (takt::periodic, "
        "takt::nanosleep_aligned).");
  return s;
}

std::string headline_of(const timer_recording& recording, const std::vector<std::size_t>& rows, const document& d) {
  const nanoseconds length = recording.source.length;
  const std::uint64_t wakeups = recording.lives.idle_wakeups();
  const auto text = [&](std::uint64_t n) { return rate_value(n, length).text; };
  if (recording.lives.expiries() + recording.lives.starts() == 0 && recording.lives.usages().empty())
    return recording.source.live ? "No timer was armed or expired while takt watched."
                                 : "There is no event of a timer in the recording.";
  std::string line = wakeups == 0 ? "No timer woke an idle CPU"
                                  : absl::StrCat("Timers woke an idle CPU ", text(wakeups), " times a second");
  if (!rows.empty()) {
    const timer_usage& first = recording.lives.usages()[rows.front()];
    if (first.woke_idle != 0) {
      absl::StrAppend(&line, ", most often those of ", name_of(first.owner).substr(0, 32),
                      is_task(first.owner) ? absl::StrCat(" (", number_of(first.owner), ")") : "", ": ",
                      text(first.woke_idle));
    } else {
      absl::StrAppend(&line, "; the busiest are those of ", name_of(first.owner).substr(0, 32), " with ",
                      text(first.expired), " expiries a second");
    }
  }
  absl::StrAppend(&line, ".");
  // The effect of ten milliseconds.
  for (const section& s : d.sections) {
    if (s.key != "advice" || !s.table || s.table->rows.size() < 5) continue;
    const auto& ten = s.table->rows[2];
    const auto& grid = s.table->rows[4];
    if (wakeups != 0)
      absl::StrAppend(&line, " Calculated: ", s.table->rows[0][1].text, " as it is, ", ten[1].text,
                      " with 10 ms of slack, ", grid[1].text, " on the common grid.");
  }
  if (recording.source.lost != 0) absl::StrAppend(&line, " Events were lost: ", count(recording.source.lost).text, ".");
  return line;
}

} // namespace

std::vector<std::size_t> busiest(const timer_recording& recording, const timers_view& view) {
  const auto& usages = recording.lives.usages();
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < usages.size(); ++i) {
    const timer_usage& u = usages[i];
    if (is_task(u.owner) && recording.source.own > 0 && u.owner.process == recording.source.own) continue;
    if (view.pid && !(is_task(u.owner) && (u.owner.process == *view.pid || u.owner.thread == *view.pid))) continue;
    if (!view.comm.empty() && u.owner.name != view.comm) continue;
    if (u.armed + u.moved + u.cancelled + u.expired == 0) continue;
    rows.push_back(i);
  }
  std::sort(rows.begin(), rows.end(), [&](std::size_t a, std::size_t b) {
    const timer_usage &x = usages[a], &y = usages[b];
    return std::tuple(y.woke_idle, y.expired, y.armed + y.moved, a) <
           std::tuple(x.woke_idle, x.expired, x.armed + x.moved, b);
  });
  return rows;
}

document timers_document(const timer_recording& recording, const timers_view& view) {
  std::vector<std::size_t> rows = busiest(recording, view);
  const std::size_t all_rows = rows.size();
  if (view.top != 0 && rows.size() > view.top) rows.resize(view.top);
  document d;
  d.with_details = view.with_details;
  d.sections.push_back(timers_section(recording, view, rows, all_rows));
  if (view.with_advice) {
    d.sections.push_back(advice_section(recording, view));
    d.sections.push_back(savings_section(recording, best_savings(recording, 5)));
  }
  d.headline = headline_of(recording, rows, d);
  return d;
}

} // namespace tool
