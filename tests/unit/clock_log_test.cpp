// Protects: examples/takt/model/clock_log.hpp: every event of takt::watch_event is written as a line that is read
// back as it was; broken, cut, hostile and newer lines are counted and passed over, and nothing is lost that could
// be read.
#include "../examples/takt/model/clock_log.hpp"
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using kinds = takt::watch_event::kind_type;

namespace {

const tool::log_writer writer{"0123-boot", 42};

takt::clock_history::sample a_sample() {
  takt::clock_history::sample s;
  s.readings.monotonic = 100s, s.readings.boottime = 150s, s.readings.raw = 99s,
  s.readings.realtime = nanoseconds(1'796'000'000'123'456'789);
  s.readings.half_width = 200ns;
  s.leap_known = true, s.leap.synchronised = true, s.leap.maximum_error = 5ms;
  s.source = "tsc";
  return s;
}

std::string line_of(const nlohmann::ordered_json& members) { return tool::log_line(members, a_sample(), writer); }
std::string a_line(std::int64_t pid = 42) {
  return tool::log_line({{"event", "state"}}, a_sample(), {"0123-boot", pid});
}

tool::log_contents read(std::string_view text, std::size_t part = std::string_view::npos) {
  tool::clock_log_reader reader;
  for (std::size_t at = 0; at < text.size(); at += std::min(part, text.size() - at)) reader.add(text.substr(at, part));
  reader.end_of_file();
  return reader.contents();
}

} // namespace

TEST_CASE("Every kind of event is read back as it was written") {
  int known = 0;
  for (int i = 0; i < 256; ++i) {
    takt::watch_event e;
    e.kind = static_cast<kinds>(i);
    if (to_string(e.kind) == "unknown") continue;
    ++known;
    e.after = 98s, e.before = 100s,
    e.reported = std::chrono::sys_time<nanoseconds>(nanoseconds(1'796'000'000'123'456'789));
    e.size = -3600s - 123ns, e.uncertainty = 240ns, e.rate_ppm = 11.6, e.rate_uncertainty_ppm = 0.02;
    e.from = "tsc", e.to = "hpet";
    CAPTURE(to_string(e.kind));
    const std::string line = line_of(tool::event_members(e));
    CHECK(line.find('\n') == line.size() - 1);
    CHECK(line.compare(0, 9, "{\"takt\":1") == 0);
    tool::log_record r;
    REQUIRE(tool::parse_log_line(std::string_view(line).substr(0, line.size() - 1), r) == tool::line_kind::record);
    CHECK(r.event == to_string(e.kind));
    CHECK(r.text == to_string(e));
    CHECK(r.boot == "0123-boot");
    CHECK(r.pid == 42);
    CHECK(r.realtime_ns == 1'796'000'000'123'456'789);
    CHECK(r.position_ns == 150'000'000'000);
    CHECK(r.monotonic_ns == 100'000'000'000);
    CHECK(r.after_ns == 98'000'000'000);
    CHECK(r.before_ns == 100'000'000'000);
    CHECK(r.synchronised == true);
    CHECK(r.maximum_error_ns == 5'000'000);
    CHECK(r.source == "tsc");
    if (e.kind == kinds::source_switched) {
      CHECK(r.from == "tsc");
      CHECK(r.to == "hpet");
    } else {
      CHECK(r.size_ns == -3'600'000'000'123);
      CHECK(r.uncertainty_ns.value_or(240) == 240); // of a kind that has one
    }
    if (e.kind == kinds::slew || e.kind == kinds::counter_rate) CHECK(r.rate_ppm == 11.6);
  }
  CHECK(known >= 11);
}

TEST_CASE("What is unknown is null, and read back as unknown") {
  takt::clock_history::sample s = a_sample();
  s.leap_known = false, s.leap = {}, s.readings.boottime.reset();
  const std::string line = tool::log_line({{"event", "state"}}, s, writer);
  CHECK(line.find("\"synchronised\":null") != line.npos);
  CHECK(line.find("\"maximum_error_ns\":null") != line.npos);
  const auto found = read(line);
  REQUIRE(found.records.size() == 1);
  CHECK_FALSE(found.records[0].synchronised);
  CHECK_FALSE(found.records[0].maximum_error_ns);
  CHECK(found.records[0].position_ns == 100'000'000'000); // CLOCK_MONOTONIC in the place of CLOCK_BOOTTIME
}

TEST_CASE("Synchronisation has an event of its own") {
  for (const bool now : {true, false}) {
    const auto found = read(line_of(tool::synchronisation_members(now, 1, 2, 3)));
    REQUIRE(found.records.size() == 1);
    CHECK(found.records[0].event == (now ? tool::log_synchronised : tool::log_lost_synchronisation));
    CHECK(found.records[0].after_ns == 1);
  }
}

TEST_CASE("A text in a line stays in its line") {
  const auto found = read(line_of({{"event", "clock source switched"}, {"from", "a\nb"}, {"to", "\xff\x1b[2J\"\\"}}));
  CHECK(found.lines == 1);
  REQUIRE(found.records.size() == 1);
  CHECK(found.records[0].from == "a?b");
  for (const char c : found.records[0].to) CHECK((c >= ' ' && c <= '~')); // no command for a terminal
}

TEST_CASE("A file that is cut anywhere loses no line but the one that is cut") {
  const std::string text = a_line(1) + a_line(2) + a_line(3);
  for (std::size_t length = 0; length <= text.size(); ++length) {
    CAPTURE(length);
    const auto found = read(std::string_view(text).substr(0, length));
    // A line that lacks nothing but its newline is whole.
    const std::size_t whole = (length + 1) / a_line(1).size();
    CHECK(found.records.size() == whole);
    CHECK(found.broken == (length % a_line(1).size() != 0 && (length + 1) % a_line(1).size() != 0));
  }
  for (std::size_t from = 0; from <= text.size(); ++from) { // the end of a file, as after a bad rotation
    CAPTURE(from);
    const auto found = read(std::string_view(text).substr(from));
    CHECK(found.records.size() == (text.size() - from) / a_line(1).size());
  }
}

TEST_CASE("The parts in which a file comes do not matter") {
  const std::string text = a_line(1) + "garbage\n" + a_line(2) + std::string(200'000, 'x') + '\n' + a_line(3);
  for (const std::size_t part : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{65'536}, text.size()}) {
    const auto found = read(text, part);
    CHECK(found.records.size() == 3);
    CHECK(found.lines == 5);
    CHECK(found.broken == 2);
  }
}

TEST_CASE("What a crash, a full disk and two writers leave") {
  const std::string line = a_line(7), whole = line.substr(0, line.size() - 1);
  // Zeros where the data were not on the disk yet.
  CHECK(read(std::string(4096, '\0') + line).records.size() == 1);
  CHECK(read(std::string(4096, '\0') + line).broken == 0);
  CHECK(read(line + std::string(4096, '\0')).records.size() == 1);
  // A line that was cut, and another process's behind it.
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    const auto found = read(whole.substr(0, cut) + a_line(8));
    CAPTURE(cut);
    CHECK(found.lines == 1);
    CHECK(found.broken == 1);
    REQUIRE(found.records.size() == 1);
    CHECK(found.records[0].pid == 8);
  }
  // Empty lines and those of another system are no damage.
  const auto others = read("\n\n\r\n  \n" + whole + "\r\n");
  CHECK(others.lines == 1);
  CHECK(others.broken == 0);
  CHECK(others.records.size() == 1);
  // The same file twice.
  const auto twice = read(line + a_line(8) + line);
  CHECK(twice.records.size() == 2);
  CHECK(twice.repeated == 1);
}

TEST_CASE("A newer format is counted and not guessed at; newer events and members are read") {
  std::string line = a_line();
  line.replace(0, 9, "{\"takt\":2");
  const auto found = read(line + a_line());
  CHECK(found.newer == 1);
  CHECK(found.broken == 0);
  CHECK(found.records.size() == 1);
  CHECK(read(line_of({{"event", "a new kind"}, {"something", {{"new", {1, 2}}}}})).records.size() == 1);
}

TEST_CASE("Lines that are not a log's") {
  const std::string base = R"("event":"state","boot":"b","pid":1,"monotonic_ns":1,"realtime_ns":1)";
  tool::log_record r;
  REQUIRE(tool::parse_log_line("{\"takt\":1," + base + "}", r) == tool::line_kind::record);
  for (const std::string& line : {
           std::string("x"),
           std::string("{}"),
           std::string("[]"),
           std::string("1"),
           std::string("null"),
           std::string("\"takt\""),
           "{" + base + "}",
           "{\"takt\":0," + base + "}",
           "{\"takt\":-1," + base + "}",
           "{\"takt\":1.0," + base + "}",
           "{\"takt\":\"1\"," + base + "}",
           "{\"takt\":18446744073709551615," + base + "}",
           "{\"takt\":1e400," + base + "}",
           "{\"takt\":1," + base,
           "{\"takt\":1," + base + "}}",
           "{\"takt\":1," + base + "}x",
           std::string(60'000, '['),
           std::string(60'000, '{'),
           std::string(R"({"takt":1,"event":"","boot":"b","pid":1,"monotonic_ns":1,"realtime_ns":1})"),
           std::string(R"({"takt":1,"event":"state","boot":7,"pid":1,"monotonic_ns":1,"realtime_ns":1})"),
           std::string(R"({"takt":1,"event":"state","boot":"b","pid":1.5,"monotonic_ns":1,"realtime_ns":1})"),
           std::string(R"({"takt":1,"event":"state","boot":"b","pid":1,"monotonic_ns":-1,"realtime_ns":1})"),
           std::string(R"({"takt":1,"event":"state","boot":"b","pid":1,"monotonic_ns":1})"),
           std::string(R"({"takt":1,"event":"state","boot":"b","pid":1,"realtime_ns":1})"),
           std::string(
               R"({"takt":1,"event":"state","boot":"b","pid":1,"monotonic_ns":9223372036854775808,"realtime_ns":1})"),
       }) {
    CAPTURE(line.substr(0, 100));
    CHECK(tool::parse_log_line(line, r) == tool::line_kind::broken);
  }
  // A member of a wrong type is a missing one.
  REQUIRE(tool::parse_log_line(
              "{\"takt\":1," + base +
                  R"(,"synchronised":"yes","size_ns":1e300,"maximum_error_ns":-1,"rate_ppm":[],"text":{}})",
              r) == tool::line_kind::record);
  CHECK_FALSE(r.synchronised);
  CHECK_FALSE(r.size_ns);
  CHECK_FALSE(r.maximum_error_ns);
  CHECK_FALSE(r.rate_ppm);
  CHECK(r.text.empty());
  // A line at the limit of length, and one beyond it.
  const std::string padded = "{\"takt\":1," + base + "}" + std::string(tool::max_log_line - base.size() - 11, ' ');
  REQUIRE(padded.size() == tool::max_log_line);
  CHECK(tool::parse_log_line(padded, r) == tool::line_kind::record);
  CHECK(tool::parse_log_line(padded + ' ', r) == tool::line_kind::broken);
}

TEST_CASE("The text of a time") {
  CHECK(tool::utc_text(0) == "1970-01-01 00:00:00.000000");
  CHECK(tool::utc_text(-1) == "1969-12-31 23:59:59.999999");
  CHECK(tool::utc_text(1'796'043'155'953'702'077) == "2026-11-30 12:52:35.953702");
  CHECK(tool::utc_text(1'796'043'155'953'702'077, 0) == "2026-11-30 12:52:35");
  CHECK(tool::utc_text(951'782'400'000'000'000, 0) == "2000-02-29 00:00:00");
  CHECK(tool::utc_text(std::numeric_limits<std::int64_t>::min(), 0) == "1677-09-21 00:12:43");
  CHECK(tool::utc_text(std::numeric_limits<std::int64_t>::max(), 0) == "2262-04-11 23:47:16");
}
