// takt history - what the log of takt watch says: did the clock step, by how much, how long was it not synchronised.
#include "command.hpp"
#include "model/clock_log.hpp"
#include "model/watch_history.hpp"
#include "output/document.hpp"
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fcntl.h>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace tool {
namespace {

struct : flag_set {
  flag<std::string> since{this, "since", "WHEN",
                          "Leave out what was before: a time of UTC, as 2026-11-30T22:00, or a time ago, as 12h"};
  flag<std::string> until{this, "until", "WHEN", "Leave out what was after"};
  details_flag details{this};
} flags;

/// So many rows fit on a screen; --details prints them all.
constexpr std::size_t brief_rows = 20;

/// Returns: the nanoseconds of CLOCK_REALTIME that `text` means; nullopt where it is no time.
std::optional<std::int64_t> parse_when(const std::string& text) {
  for (const char* format : {"%Y-%m-%d%ET%H:%M:%E*S", "%Y-%m-%d%ET%H:%M", "%Y-%m-%d"}) {
    std::string form = text;
    if (!form.empty() && form.back() == 'Z') form.pop_back();
    std::replace(form.begin(), form.end(), ' ', 'T');
    absl::Time t;
    if (std::string why; !absl::ParseTime(format, form, absl::UTCTimeZone(), &t, &why)) continue;
    if (t < absl::FromUnixNanos(std::numeric_limits<std::int64_t>::min()) ||
        t > absl::FromUnixNanos(std::numeric_limits<std::int64_t>::max()))
      return std::nullopt;
    return absl::ToUnixNanos(t);
  }
  duration ago;
  if (std::string why; !AbslParseFlag(text, &ago, &why) || ago.value < std::chrono::nanoseconds::zero())
    return std::nullopt;
  const auto now = std::chrono::floor<std::chrono::nanoseconds>(std::chrono::system_clock::now()).time_since_epoch();
  return watch_history_detail::minus(now.count(), ago.value.count());
}

/// Effects: reads a file, "-" is standard input. Returns: 0, or the error.
int read_log(const char* path, clock_log_reader& reader) {
  const bool input = std::string_view(path) == "-";
  const int fd = input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return errno;
  int error = 0;
  std::vector<char> part(std::size_t{1} << 16);
  for (;;) {
    const ssize_t n = read(fd, part.data(), part.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) error = errno;
    if (n <= 0) break;
    reader.add({part.data(), static_cast<std::size_t>(n)});
  }
  reader.end_of_file();
  if (!input) close(fd);
  return error;
}

/// Returns: "2 h 3 min": the two largest units that it has.
std::string span_text(std::int64_t ns) {
  if (ns < 120'000'000'000) return time_value(std::chrono::nanoseconds(ns)).text;
  constexpr std::pair<std::int64_t, absl::string_view> units[] = {{86'400, "d"}, {3'600, "h"}, {60, "min"}, {1, "s"}};
  std::int64_t seconds = ns / 1'000'000'000;
  std::string text;
  for (std::size_t i = 0; i < std::size(units); ++i) {
    const std::int64_t n = seconds / units[i].first;
    seconds %= units[i].first;
    if (n != 0) absl::StrAppend(&text, text.empty() ? "" : " ", n, " ", units[i].second);
    else if (text.empty()) continue;
    if (!text.empty() && i + 1 < std::size(units) && absl::string_view(text).find(' ') != text.rfind(' ')) break;
  }
  return text;
}
value span_value(std::int64_t ns) { return word(span_text(ns)); }
/// "-3600 s", with a sign and no more digits than a person compares.
std::string size_text(std::int64_t ns) {
  const std::string text = time_value(std::chrono::nanoseconds(ns)).text;
  return ns > 0 ? absl::StrCat("+", text) : text;
}
std::string moment(std::int64_t realtime_ns) { return utc_text(realtime_ns, 0); }

/// What an event did, in a few words.
std::string what_of(const log_record& r) {
  if (!r.from.empty() || !r.to.empty()) return absl::StrCat(r.from, " to ", r.to);
  if (r.size_ns && *r.size_ns != 0)
    return absl::StrCat(
        size_text(*r.size_ns),
        r.uncertainty_ns ? absl::StrCat(" +/- ", time_value(std::chrono::nanoseconds(*r.uncertainty_ns)).text) : "");
  if (r.rate_ppm && *r.rate_ppm != 0) return absl::StrFormat("%+.2f ppm", *r.rate_ppm);
  // Of a kind that has none of these, its sentence, as far as 80 columns have room beside the other columns.
  if (r.event == log_synchronised || r.event == log_lost_synchronisation) return {};
  constexpr std::size_t room = 33;
  return r.text.size() <= room ? r.text : absl::StrCat(r.text.substr(0, room - 3), "...");
}

std::string times(std::uint64_t n) { return n == 1 ? "once" : absl::StrCat(count(n).text, " times"); }

std::string headline(const watch_history& h) {
  std::string text;
  if (h.watched_ns == 0 && h.steps == 0) text = "Nothing is known of this time: no watch ran.";
  else if (h.steps == 0) text = "The clock was not stepped.";
  else if (h.steps == 1)
    text = absl::StrCat("The clock was stepped once, by ", size_text(h.largest_step_ns), ", found at ",
                        moment(h.largest_step_at_ns), " UTC.");
  else
    text = absl::StrCat("The clock was stepped ", times(h.steps), ", by ", size_text(h.largest_step_ns),
                        " at most, found at ", moment(h.largest_step_at_ns), " UTC.");
  if (h.watched_ns == 0) return text;
  if (h.unknown_ns == h.watched_ns) absl::StrAppend(&text, " Whether it was synchronised is unknown.");
  else if (h.unsynchronised_ns == 0) absl::StrAppend(&text, " It was synchronised all the time.");
  else if (h.unsynchronised_ns == h.watched_ns) absl::StrAppend(&text, " It was never synchronised.");
  else absl::StrAppend(&text, " It was unsynchronised for ", span_text(h.unsynchronised_ns), ".");
  absl::StrAppend(&text, " Watched for ", span_text(h.watched_ns));
  if (h.gaps.size() == 1) absl::StrAppend(&text, ", with a gap of ", span_text(h.gaps_ns));
  if (h.gaps.size() > 1)
    absl::StrAppend(&text, ", with ", count(h.gaps.size()).text, " gaps of ", span_text(h.gaps_ns), " in all");
  return text + ".";
}

/// A section whose table is cut to its last rows without --details.
void add_table(document& d, section s, table t) {
  if (t.rows.empty()) return;
  if (t.rows.size() > brief_rows) {
    table brief{t.columns, {t.rows.end() - static_cast<std::ptrdiff_t>(brief_rows), t.rows.end()}, t.names};
    s.brief_table = std::move(brief);
    if (d.with_details) s.brief_table.reset();
    else s.title = absl::StrCat(s.title, ", the last of all");
  }
  s.table = std::move(t);
  d.sections.push_back(std::move(s));
}

document history_document(const log_contents& read, const watch_history& h, std::size_t files) {
  document d;
  d.headline = headline(h);
  const bool cut = h.events.size() > brief_rows || h.unsynchronised.size() > brief_rows || h.gaps.size() > brief_rows;
  d.with_details = *flags.details || !cut;
  section s{"history", "What the log says", {}, {}, {}};
  const auto span = [&s](std::string key, std::string label, std::int64_t ns) {
    s.add(key, std::move(label), span_value(ns));
    s.add_aside(key + "_ns", {"", ns}, "");
  };
  s.add("first", "first line", h.first_ns ? word(moment(*h.first_ns)) : unknown(), "UTC");
  s.add("last", "last line", h.last_ns ? word(moment(*h.last_ns)) : unknown(),
        h.ended ? "the watch ended then" : "the watch may go on");
  span("watched", "watched for", h.watched_ns);
  span("not_watched", "not watched for", h.gaps_ns);
  s.add("gaps", "gaps", count(h.gaps.size()));
  s.add("boots", "boots", count(h.boots));
  s.add("steps", "steps", count(h.steps));
  if (h.steps_in_gaps != 0)
    s.add("steps_in_gaps", "of these while not watched", count(h.steps_in_gaps), "found by the clocks on both sides");
  if (h.steps != 0) {
    s.add("largest_step_ns", "the largest", {size_text(h.largest_step_ns), h.largest_step_ns});
    s.add("largest_step_found", "found at", word(moment(h.largest_step_at_ns)), "UTC");
    s.add("stepped_ns", "all together", {size_text(h.stepped_ns), h.stepped_ns});
  }
  span("unsynchronised", "unsynchronised for", h.unsynchronised_ns);
  s.add("unsynchronised_times", "in so many spells", count(h.unsynchronised.size()));
  if (h.unknown_ns != 0) span("synchronisation_unknown", "not known whether, for", h.unknown_ns);
  s.add("maximum_error_ns", "largest error stated",
        h.maximum_error_ns ? time_value(std::chrono::nanoseconds(*h.maximum_error_ns)) : unknown(), "adjtimex");
  std::map<std::string, std::uint64_t> kinds;
  for (const log_record& r : h.events) ++kinds[r.event];
  json by_kind = json::object();
  std::string kinds_text;
  for (const auto& [kind, n] : kinds) {
    by_kind[kind] = n;
    absl::StrAppend(&kinds_text, kinds_text.empty() ? "" : ", ", kind, ": ", n);
  }
  s.add("events", "events", {kinds.empty() ? "none" : kinds_text, std::move(by_kind)});
  s.add("files", "files", count(files));
  s.add("lines", "lines", count(read.lines));
  if (read.repeated != 0) s.add("repeated", "of these repeated", count(read.repeated), "passed over");
  else s.add_aside("repeated", {"", 0}, "");
  if (read.newer != 0) s.add("newer", "of a newer takt", count(read.newer), "passed over");
  else s.add_aside("newer", {"", 0}, "");
  if (read.broken != 0) s.add("broken", "broken", count(read.broken), "passed over, but for what is whole in them");
  else s.add_aside("broken", {"", 0}, "");
  if (h.lost_lines != 0)
    s.add("lost", "lost", {absl::StrCat(h.lost_lines), h.lost_lines}, "lines that could not be written");
  else s.add_aside("lost", {"", 0}, "");
  d.sections.push_back(std::move(s));

  table events{{{"found", "found (UTC)"},
                {"event", "event"},
                {"what", "by"},
                {"size_ns", ""},
                {"uncertainty_ns", ""},
                {"rate_ppm", ""},
                {"text", ""},
                {"boot", ""},
                {"after_ns", ""},
                {"before_ns", ""},
                {"realtime_ns", ""}},
               {},
               2};
  const auto optional = [](const auto& x) { return value{"", x ? json(*x) : json()}; };
  for (const log_record& r : h.events)
    events.rows.push_back({word(moment(r.realtime_ns)),
                           word(r.event),
                           word(what_of(r)),
                           optional(r.size_ns),
                           optional(r.uncertainty_ns),
                           optional(r.rate_ppm),
                           {"", r.text},
                           {"", r.boot},
                           optional(r.after_ns),
                           optional(r.before_ns),
                           {"", r.realtime_ns}});
  add_table(d, {"what_happened", "What happened", {}, {}, {}}, std::move(events));

  table unsynchronised{
      {{"from", "from (UTC)"}, {"to", "to (UTC)"}, {"for", "for"}, {"from_ns", ""}, {"to_ns", ""}, {"length_ns", ""}},
      {},
      1};
  for (const watch_span& u : h.unsynchronised)
    unsynchronised.rows.push_back({word(moment(u.from_ns)),
                                   word(moment(u.to_ns)),
                                   span_value(u.length_ns),
                                   {"", u.from_ns},
                                   {"", u.to_ns},
                                   {"", u.length_ns}});
  add_table(d, {"spells", "Unsynchronised", {}, {}, {}}, std::move(unsynchronised));

  table gaps{{{"from", "from (UTC)"},
              {"to", "to (UTC)", false, true},
              {"for", "for"},
              {"stepped", "stepped by"},
              {"why", "why"},
              {"from_ns", ""},
              {"to_ns", ""},
              {"length_ns", ""},
              {"stepped_ns", ""},
              {"uncertainty_ns", ""},
              {"same_boot", ""},
              {"ended", ""}},
             {},
             1};
  bool reboots = false;
  for (const watch_gap& g : h.gaps) {
    reboots = reboots || !g.same_boot;
    const std::string stepped = g.set_by_ns ? size_text(*g.set_by_ns) : g.same_boot ? "not" : "unknown";
    gaps.rows.push_back({word(moment(g.span.from_ns)),
                         word(moment(g.span.to_ns)),
                         span_value(g.span.length_ns),
                         word(stepped),
                         word(g.same_boot ? g.why : "another boot"),
                         {"", g.span.from_ns},
                         {"", g.span.to_ns},
                         {"", g.span.length_ns},
                         g.same_boot ? value{"", g.set_by_ns.value_or(0)} : unknown(),
                         {"", g.uncertainty_ns},
                         {"", g.same_boot},
                         {"", g.why}});
  }
  section g{"not_watched", "Not watched", {}, {}, {}};
  if (reboots) g.remarks.push_back("Between two boots the length is what the clock showed, and a step cannot be seen.");
  add_table(d, std::move(g), std::move(gaps));
  return d;
}

exit_code run() {
  watch_window window;
  const auto when = [](absl::string_view flag, const std::string& text, std::int64_t& to) {
    if (text.empty()) return true;
    const auto parsed = parse_when(text);
    if (parsed) to = *parsed;
    else
      wrong_usage(absl::StrCat("--", flag, " wants a time of UTC, as 2026-11-30T22:00, or a time ago, as 12h; not '",
                               text, "'"));
    return parsed.has_value();
  };
  if (!when("since", *flags.since, window.since) || !when("until", *flags.until, window.until))
    return exit_code::wrong_usage;
  if (window.since > window.until) return wrong_usage("--since is after --until");
  if (operands().empty())
    return wrong_usage("a log wanted: takt history FILE..., as takt watch --log FILE wrote it; - is standard input");
  clock_log_reader reader;
  for (const char* const path : operands())
    if (const int error = read_log(path, reader); error != 0)
      return could_not(path, std::error_code(error, std::generic_category()));
  const log_contents& read = reader.contents();
  if (read.records.empty())
    return could_not(read.newer != 0 ? "every line has the format of a newer takt"
                     : read.lines == 0
                         ? "there is no line in it"
                         : absl::StrCat("none of its ", count(read.lines).text, " lines is one of takt watch --log"));
  print(history_document(read, judge(read.records, window), operands().size()));
  return exit_code::done;
}

const registered entry({
    .name = "history",
    .group = group::over_time,
    .place = 2, // beside watch, by the alphabet before it
    .summary = "what happened to the clocks, from the log of takt watch",
    .description =
        "Reads logs that `takt watch --log` wrote, several for one machine in any order, and - for standard input. "
        "Begins with whether "
        "the clock was stepped and by how much, how long it was not synchronised, and how long no watch ran. Below "
        "are the events, the times without synchronisation and the gaps.\n\n"
        "Lines that are broken, as by a full disk or a crash, are counted and passed over. Inside one boot a step that "
        "came while no watch ran shows in the clocks before and after. Times are UTC as the clock showed it; lengths "
        "are of "
        "CLOCK_BOOTTIME, which no step changes. Without --details no table has more than its last 20 rows.",
    .example = "takt history --since 12h /var/log/takt/clocks.log   # did the clock step last night?",
    .flags = &flags,
    .run = &run,
    .files = "FILE...",
});

} // namespace
} // namespace tool
