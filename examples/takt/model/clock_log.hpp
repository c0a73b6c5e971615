/// clock_log.hpp - the lines that `takt watch --log` writes, and the same lines read. Pure.
///
/// A log is JSON, an object a line. Each line begins with "takt", the version of the format, and is complete by itself:
/// it has the event, the clocks at the check that found it, the boot, the process, and the state of the clock, so a log
/// may be rotated, cut and put together again anywhere. The version changes only when an old reader would misread a new
/// line. New events and new members do not change it, and a reader passes over members that it does not know.
///
/// Events are those of takt::watch_event under the names of to_string(), and these:
///   start, end               a watch began or ended, and why
///   state                    nothing happened: the watch goes on; written once in `state_every_ns`
///   synchronised             the kernel says since this check that CLOCK_REALTIME is synchronised
///   synchronisation lost     the kernel says since this check that it is not
///
/// Does not promise: that a log is true. It is a file that other programs may write, so every line is checked as input.
/// Sources: RFC 8259 (JSON), jsonlines.org.
#pragma once
#include <takt/observe/clock_history.hpp>
#include <takt/observe/watch_event.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace tool {

/// The version of the format that is written and read here.
inline constexpr int clock_log_version = 1;
/// A longer line is not one of takt's: those have some 600 bytes.
inline constexpr std::size_t max_log_line = std::size_t{64} << 10;

// The names of the events that takt::watch_event does not have.
inline constexpr std::string_view log_start = "start", log_end = "end", log_state = "state",
                                  log_synchronised = "synchronised", log_lost_synchronisation = "synchronisation lost";

/// Returns: the time of UTC as "2026-11-30 08:00:00.123456"; with `digits` 0 without a fraction.
[[nodiscard]] inline std::string utc_text(std::int64_t realtime_ns, int digits = 6) {
  using namespace std::chrono;
  // By hand: the first day that nanoseconds reach begins before their range, so chrono's floor<days> overflows there.
  constexpr std::int64_t second = 1'000'000'000, day = 86'400;
  const std::int64_t ns = (realtime_ns % second + second) % second;
  const std::int64_t seconds = realtime_ns / second - (realtime_ns % second < 0);
  const std::int64_t in_day = (seconds % day + day) % day;
  const year_month_day date{sys_days(days((seconds - in_day) / day))};
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u %02d:%02d:%02d.%09lld", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(in_day / 3600),
                static_cast<int>(in_day / 60 % 60), static_cast<int>(in_day % 60), static_cast<long long>(ns));
  std::string all(text.data());
  all.resize(all.size() - static_cast<std::size_t>(digits > 0 ? 9 - digits : 10));
  return all;
}

/// Returns: how a restore is known, as an array of names.
[[nodiscard]] inline nlohmann::ordered_json restore_sign_names(takt::restore_signs signs) {
  using enum takt::restore_signs::sign;
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  for (const auto s : {generation, disruption, generation_id, boot_id, time_namespace, clocks_leapt}) {
    if (signs.has(s)) names.push_back(std::string(to_string(s)));
  }
  return names;
}

/// Returns: the members of an event that say what happened, as `takt watch --json` prints them. A kind that is new to
/// takt::watch_event needs nothing here unless it has members that no other kind has.
[[nodiscard]] inline nlohmann::ordered_json event_members(const takt::watch_event& e) {
  using kinds = takt::watch_event::kind_type;
  const std::int64_t at = e.reported.time_since_epoch().count();
  nlohmann::ordered_json j{{"event", std::string(to_string(e.kind))},
                           {"reported", utc_text(at)},
                           {"realtime_ns", at},
                           {"after_ns", e.after.count()},
                           {"before_ns", e.before.count()}};
  switch (e.kind) {
  case kinds::source_switched:
    j["from"] = e.from, j["to"] = e.to;
    j["log"] = e.log.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(e.log);
    break;
  case kinds::slew:
  case kinds::counter_rate:
    j["rate_ppm"] = e.rate_ppm, j["rate_uncertainty_ppm"] = e.rate_uncertainty_ppm;
    if (e.kind == kinds::slew) j["lasts"] = e.lasts;
    if (e.size != std::chrono::nanoseconds::zero())
      j["size_ns"] = e.size.count(), j["uncertainty_ns"] = e.uncertainty.count();
    break;
  case kinds::restored:
    j["signs"] = restore_sign_names(e.signs), j["inferred"] = e.signs.inferred();
    j["size_ns"] = e.size.count(), j["uncertainty_ns"] = e.uncertainty.count();
    break;
  case kinds::backwards: j["size_ns"] = e.size.count(); break; // a bound: by this or more
  default: j["size_ns"] = e.size.count(), j["uncertainty_ns"] = e.uncertainty.count(); break;
  }
  j["text"] = to_string(e);
  return j;
}

/// Returns: the members of the event that the kernel's answer to "is it synchronised" changed, found between two checks
/// at these times of CLOCK_MONOTONIC and at this time of CLOCK_REALTIME.
[[nodiscard]] inline nlohmann::ordered_json synchronisation_members(bool synchronised, std::int64_t after_ns,
                                                                    std::int64_t before_ns, std::int64_t realtime_ns) {
  return {{"event", std::string(synchronised ? log_synchronised : log_lost_synchronisation)},
          {"reported", utc_text(realtime_ns)},
          {"realtime_ns", realtime_ns},
          {"after_ns", after_ns},
          {"before_ns", before_ns},
          {"text", synchronised ? "CLOCK_REALTIME is synchronised" : "CLOCK_REALTIME is no longer synchronised"}};
}

/// The process that writes a log.
struct log_writer {
  std::string boot; ///< the boot id of the kernel
  std::int64_t pid = 0;
};

/// Returns: a line with its newline. `members` has the member "event"; the state of the clocks is that of `now`.
[[nodiscard]] inline std::string log_line(const nlohmann::ordered_json& members, const takt::clock_history::sample& now,
                                          const log_writer& writer) {
  using optional_time = std::optional<std::chrono::nanoseconds>;
  const auto ns = [](const optional_time& t) {
    return t ? nlohmann::ordered_json(t->count()) : nlohmann::ordered_json();
  };
  const takt::leap_facts& leap = now.leap;
  const std::int64_t realtime = now.readings.realtime.value_or(std::chrono::nanoseconds::zero()).count();
  nlohmann::ordered_json j{{"takt", clock_log_version},
                           {"event", members.at("event")},
                           {"time", utc_text(realtime)},
                           {"realtime_ns", realtime}};
  j["monotonic_ns"] = ns(now.readings.monotonic);
  j["boottime_ns"] = ns(now.readings.boottime);
  j["half_width_ns"] = now.readings.half_width.count();
  j["boot"] = writer.boot;
  j["pid"] = writer.pid;
  j["source"] = now.source;
  j["synchronised"] = now.leap_known ? nlohmann::ordered_json(leap.synchronised) : nlohmann::ordered_json();
  j["maximum_error_ns"] = ns(leap.maximum_error);
  j["estimated_error_ns"] = ns(leap.estimated_error);
  j["leap_second"] =
      now.leap_known ? nlohmann::ordered_json(std::string(to_string(leap.phase))) : nlohmann::ordered_json();
  j["tai_minus_utc_ns"] = ns(leap.tai_minus_utc);
  for (const auto& [key, value] : members.items())
    if (key != "event" && key != "realtime_ns" && key != "reported")
      j[key] = value; // which are "time" and "realtime_ns"
  return j.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

/// A line, as far as takt knows its members.
struct log_record {
  std::string event, boot, source, text, from, to, why;
  std::int64_t pid = 0;
  std::int64_t realtime_ns = 0; ///< of the check that found the event
  std::int64_t position_ns = 0; ///< CLOCK_BOOTTIME of that check; CLOCK_MONOTONIC where it is unknown
  std::int64_t monotonic_ns = 0, half_width_ns = 0;
  std::optional<std::int64_t> after_ns, before_ns; ///< CLOCK_MONOTONIC
  std::optional<std::int64_t> size_ns, uncertainty_ns;
  std::optional<std::int64_t> maximum_error_ns, period_ns, state_every_ns, lost_lines;
  std::optional<double> rate_ppm, rate_uncertainty_ppm;
  std::optional<bool> synchronised;
};

/// Returns: `text` in characters that a terminal prints and takes for nothing else, and no more than 200 of them.
[[nodiscard]] inline std::string printable_text(std::string_view text) {
  std::string out(text.substr(0, 200));
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

/// What a line is.
enum class line_kind { record, broken, newer };

/// Returns: whether `line`, without its newline, is a line of a log; `record` receives it. A line of a newer format
/// is not read. A member of a wrong type counts as missing; a line without event, time, boot or process is broken.
[[nodiscard]] inline line_kind parse_log_line(std::string_view line, log_record& record) {
  if (line.size() > max_log_line) return line_kind::broken;
  const nlohmann::json j = nlohmann::json::parse(line, nullptr, false);
  if (!j.is_object()) return line_kind::broken;
  const auto member = [&j](const char* key) -> const nlohmann::json* {
    const auto found = j.find(key);
    return found == j.end() ? nullptr : &*found;
  };
  const auto integer = [&member](const char* key) -> std::optional<std::int64_t> {
    const nlohmann::json* const v = member(key);
    if (v == nullptr || !v->is_number_integer()) return std::nullopt;
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (v->is_number_unsigned() && v->get<std::uint64_t>() > most) return std::nullopt;
    return v->get<std::int64_t>();
  };
  const auto time = [&integer](const char* key) { // from boot: not negative
    const auto t = integer(key);
    return t && *t >= 0 ? t : std::nullopt;
  };
  const auto real = [&member](const char* key) -> std::optional<double> {
    const nlohmann::json* const v = member(key);
    if (v == nullptr || !v->is_number()) return std::nullopt;
    return v->get<double>();
  };
  const auto text = [&member](const char* key) {
    const nlohmann::json* const v = member(key);
    return v != nullptr && v->is_string() ? printable_text(v->get_ref<const std::string&>()) : std::string();
  };

  const auto version = integer("takt");
  if (!version || *version < 1) return line_kind::broken;
  if (*version > clock_log_version) return line_kind::newer;
  const auto realtime = integer("realtime_ns"), pid = integer("pid"), monotonic = time("monotonic_ns");
  const auto boottime = time("boottime_ns");
  log_record r;
  r.event = text("event"), r.boot = text("boot");
  if (!realtime || !pid || r.event.empty() || r.boot.empty() || (!monotonic && !boottime)) return line_kind::broken;
  r.realtime_ns = *realtime, r.pid = *pid;
  r.position_ns = boottime ? *boottime : *monotonic;
  r.monotonic_ns = monotonic ? *monotonic : *boottime;
  r.half_width_ns = time("half_width_ns").value_or(0);
  r.source = text("source"), r.text = text("text"), r.from = text("from"), r.to = text("to"), r.why = text("why");
  r.after_ns = integer("after_ns"), r.before_ns = integer("before_ns");
  r.size_ns = integer("size_ns"), r.uncertainty_ns = time("uncertainty_ns");
  r.maximum_error_ns = time("maximum_error_ns"), r.period_ns = time("period_ns"),
  r.state_every_ns = time("state_every_ns");
  r.lost_lines = time("lost_lines");
  r.rate_ppm = real("rate_ppm"), r.rate_uncertainty_ppm = real("rate_uncertainty_ppm");
  if (const nlohmann::json* const v = member("synchronised"); v != nullptr && v->is_boolean())
    r.synchronised = v->get<bool>();
  record = std::move(r);
  return line_kind::record;
}

/// What logs hold.
struct log_contents {
  std::vector<log_record> records; ///< in the order of the files
  std::uint64_t lines = 0;         ///< all lines that are not empty, of which
  std::uint64_t broken = 0;        ///< could not be read, in whole or in part
  std::uint64_t newer = 0;         ///< have a newer format
  std::uint64_t repeated = 0;      ///< were there before, as when a file is given twice
};

/// Reads logs, part by part as they come from a file.
class clock_log_reader {
public:
  /// Effects: reads the next part of a file. A part may end inside a line.
  void add(std::string_view part) {
    while (!part.empty()) {
      const auto end = part.find('\n');
      const std::string_view some = part.substr(0, end);
      // Of a line that is too long no more is kept than shows that it is.
      line_.append(some.substr(0, max_log_line + 1 - std::min(line_.size(), max_log_line + 1)));
      if (end == part.npos) return;
      end_of_line();
      part.remove_prefix(end + 1);
    }
  }
  /// Effects: the file is over, also where its last line has no newline.
  void end_of_file() { end_of_line(); }
  [[nodiscard]] const log_contents& contents() const { return contents_; }

private:
  void end_of_line() {
    std::string_view line = line_;
    // A crash leaves zeros where the kernel had not written data yet, and what was written after it follows them.
    while (!line.empty() && (line.front() == '\0' || line.front() == ' ')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\0')) line.remove_suffix(1);
    if (!line.empty()) {
      ++contents_.lines;
      log_record r;
      line_kind kind = parse_log_line(line, r);
      if (kind == line_kind::broken) {
        ++contents_.broken;
        // A line that was cut, and a whole one behind it.
        constexpr std::string_view beginning = "{\"takt\":";
        const auto at = line.rfind(beginning);
        if (at != line.npos && at != 0) kind = parse_log_line(line = line.substr(at), r);
      }
      contents_.newer += kind == line_kind::newer;
      if (kind == line_kind::record) {
        if (seen_.emplace(line).second) contents_.records.push_back(std::move(r));
        else ++contents_.repeated;
      }
    }
    line_.clear();
  }

  std::string line_;
  std::unordered_set<std::string> seen_;
  log_contents contents_;
};

} // namespace tool
