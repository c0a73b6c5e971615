// Protects: examples/takt/model/watch_history.hpp: from the lines of logs follow the steps, the times without
// synchronisation and the gaps with their lengths, whatever the order of the files, the setting of the clock and the
// number of watches.
#include "../examples/takt/model/watch_history.hpp"
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t second = 1'000'000'000, minute = 60 * second, hour = 60 * minute;
constexpr std::int64_t midnight = 1'796'000'000 * second;

/// Makes lines as takt watch writes them, on clocks that the test moves.
struct machine {
  std::string boot = "boot";
  std::int64_t up = 100 * second, slept = 0, realtime = midnight;
  std::int64_t pid = 1;
  std::optional<bool> synchronised = true;
  std::vector<tool::log_record> lines;

  void pass(std::int64_t t) { up += t, realtime += t; }
  tool::log_record& write(std::string_view event) {
    tool::log_record r;
    r.event = event, r.boot = boot, r.pid = pid;
    r.realtime_ns = realtime, r.monotonic_ns = up, r.position_ns = up + slept, r.half_width_ns = 200;
    r.synchronised = synchronised;
    if (event == tool::log_start || event == tool::log_state || event == tool::log_end)
      r.period_ns = second, r.state_every_ns = 15 * minute;
    lines.push_back(r);
    return lines.back();
  }
  /// Watches for `t`, with the lines of its state.
  void watch(std::int64_t t) {
    for (; t > 0; t -= 15 * minute) pass(std::min(t, 15 * minute)), write(tool::log_state);
  }
  void step(std::int64_t by) {
    realtime += by;
    tool::log_record& r = write("step");
    r.size_ns = by, r.uncertainty_ns = 240, r.after_ns = up - second, r.before_ns = up;
  }
};

tool::watch_history judged(const std::vector<tool::log_record>& lines, tool::watch_window window = {}) {
  return tool::judge(lines, window);
}

} // namespace

TEST_CASE("A quiet night") {
  machine m;
  m.write("start"), m.watch(8 * hour), m.write("end").why = "it was asked to stop";
  const auto h = judged(m.lines);
  CHECK(h.watched_ns == 8 * hour);
  CHECK(h.unsynchronised_ns == 0);
  CHECK(h.unknown_ns == 0);
  CHECK(h.steps == 0);
  CHECK(h.gaps.empty());
  CHECK(h.events.empty());
  CHECK(h.ended);
  CHECK(h.boots == 1);
  CHECK(h.first_ns == midnight);
  CHECK(h.last_ns == midnight + 8 * hour);
}

TEST_CASE("Steps do not change how long something lasted") {
  for (const std::int64_t by : {3600 * second, -3600 * second, second / 10, -86'400 * second}) {
    machine m;
    m.write("start"), m.watch(hour), m.step(by), m.watch(hour), m.step(-by / 2), m.watch(hour);
    const auto h = judged(m.lines);
    CHECK(h.watched_ns == 3 * hour);
    CHECK(h.steps == 2);
    CHECK(h.largest_step_ns == by);
    CHECK(h.stepped_ns == by - by / 2);
    CHECK(h.gaps.empty());
    CHECK_FALSE(h.ended);
    REQUIRE(h.events.size() == 2);
    CHECK(h.events[0].size_ns == by);
  }
}

TEST_CASE("How long it was not synchronised") {
  machine m;
  m.write("start"), m.watch(hour);
  m.pass(minute), m.synchronised = false, m.write("synchronisation lost");
  m.watch(2 * hour + 3 * minute);
  m.pass(second), m.synchronised = true, m.write("synchronised");
  m.watch(hour);
  m.pass(minute), m.synchronised = false, m.write("synchronisation lost");
  m.pass(minute), m.slept += 30 * minute, m.realtime += 30 * minute,
      m.write("suspend").size_ns = 30 * minute; // which counts
  m.write("end");
  const auto h = judged(m.lines);
  REQUIRE(h.unsynchronised.size() == 2);
  CHECK(h.unsynchronised[0].length_ns == 2 * hour + 3 * minute + second);
  CHECK(h.unsynchronised[0].from_ns == midnight + hour + minute);
  CHECK(h.unsynchronised[1].length_ns == 31 * minute);
  CHECK(h.unsynchronised_ns == 2 * hour + 34 * minute + second);
  CHECK(h.watched_ns == 4 * hour + 36 * minute + second);
  CHECK(h.events.size() == 4);
  CHECK(h.steps == 0);
}

TEST_CASE("What the kernel did not say is unknown") {
  machine m;
  m.synchronised.reset();
  m.write("start"), m.watch(hour);
  const auto h = judged(m.lines);
  CHECK(h.unknown_ns == hour);
  CHECK(h.unsynchronised_ns == 0);
}

TEST_CASE("Gaps: ended, killed, stopped for a time, another boot") {
  machine m;
  m.write("start"), m.watch(hour), m.write("end").why = "it was asked to stop";
  m.pass(10 * minute);
  m.pid = 2, m.write("start"), m.watch(hour);
  m.pass(20 * minute); // killed some time in it
  m.pid = 3, m.write("start"), m.watch(hour);
  m.pass(3 * hour), m.write("state"), m.watch(hour); // stopped, or could not write
  machine next;
  next.boot = "after", next.realtime = m.realtime + 5 * minute, next.write("start"), next.watch(hour);
  std::vector<tool::log_record> lines = next.lines; // the newest file first
  lines.insert(lines.end(), m.lines.begin(), m.lines.end());
  const auto h = judged(lines);
  REQUIRE(h.gaps.size() == 4);
  CHECK(h.gaps[0].span.length_ns == 10 * minute);
  CHECK(h.gaps[0].why == "ended: it was asked to stop");
  CHECK(h.gaps[1].span.length_ns == 20 * minute);
  CHECK(h.gaps[1].why == "ended without a line");
  CHECK(h.gaps[2].span.length_ns == 3 * hour);
  CHECK(h.gaps[2].why == "lines are missing");
  CHECK(h.gaps[3].span.length_ns == 5 * minute);
  CHECK_FALSE(h.gaps[3].same_boot);
  for (const auto& g : h.gaps) CHECK_FALSE(g.set_by_ns);
  CHECK(h.watched_ns == 5 * hour);
  CHECK(h.gaps_ns == 3 * hour + 35 * minute);
  CHECK(h.boots == 2);
}

TEST_CASE("A step while no watch ran shows in the clocks on both sides") {
  for (const std::int64_t by : {3600 * second, -3600 * second, 2'000L, -2'000L, 1'500L, 0L}) {
    machine m;
    m.write("start"), m.watch(hour), m.write("end");
    m.pass(10 * minute), m.slept += hour, m.realtime += hour; // a suspend is no step
    m.realtime += by, m.pid = 2, m.write("start"), m.watch(hour);
    const auto h = judged(m.lines);
    CAPTURE(by);
    REQUIRE(h.gaps.size() == 1);
    const bool seen = by > 1'800 || by < -1'800; // 1 us and four half widths
    CHECK(h.steps == (seen ? 1 : 0));
    CHECK(h.steps_in_gaps == h.steps);
    CHECK(h.gaps[0].set_by_ns.value_or(0) == (seen ? by : 0));
    CHECK(h.gaps[0].span.length_ns == hour + 10 * minute);
    CHECK(h.events.empty());
  }
}

TEST_CASE("The order of lines and of files does not matter") {
  machine m;
  m.write("start"), m.watch(hour), m.step(-7200 * second), m.watch(hour);
  m.pass(1), m.synchronised = false, m.write("synchronisation lost"), m.watch(hour), m.write("end");
  machine next;
  next.boot = "a boot whose battery was empty", next.realtime = 0;
  next.write("start"), next.pass(second), next.step(m.realtime + hour), next.watch(hour);
  std::vector<tool::log_record> lines = m.lines;
  lines.insert(lines.end(), next.lines.begin(), next.lines.end());
  const auto expected = judged(lines);
  CHECK(expected.boots == 2);
  CHECK(expected.events.size() == 3);
  CHECK(expected.events.back().boot == next.boot);
  CHECK(expected.watched_ns == 4 * hour + 1 + second);
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    // Lines of one check keep their order: they come from one file.
    std::shuffle(lines.begin(), lines.end(), random);
    const auto h = judged(lines);
    CHECK(h.watched_ns == expected.watched_ns);
    CHECK(h.steps == expected.steps);
    CHECK(h.unsynchronised_ns == expected.unsynchronised_ns);
    CHECK(h.events.size() == expected.events.size());
  }
}

TEST_CASE("Two watches at one time count once") {
  machine a;
  a.write("start"), a.watch(2 * hour), a.step(second), a.watch(hour), a.write("end");
  machine b = a;
  for (auto& r : b.lines)
    r.pid = 9, r.position_ns += second / 3, r.monotonic_ns += second / 3, r.realtime_ns += second / 3;
  for (auto& r : b.lines)
    if (r.before_ns) *r.before_ns += second / 3, *r.after_ns += second / 3;
  std::vector<tool::log_record> lines = a.lines;
  lines.insert(lines.end(), b.lines.begin(), b.lines.end());
  const auto h = judged(lines);
  CHECK(h.steps == 1);
  CHECK(h.events.size() == 1);
  CHECK(h.gaps.empty());
  CHECK(h.watched_ns == 3 * hour + second / 3);
}

TEST_CASE("A part of the time") {
  machine m;
  m.synchronised = false;
  m.write("start"), m.watch(4 * hour), m.step(second), m.watch(4 * hour), m.write("end");
  m.pass(4 * hour), m.pid = 2, m.write("start"), m.watch(hour);
  const auto h = judged(m.lines, {midnight + 5 * minute, midnight + 2 * hour});
  CHECK(h.watched_ns == 2 * hour - 5 * minute);
  CHECK(h.unsynchronised_ns == h.watched_ns);
  CHECK(h.steps == 0);
  CHECK(h.gaps.empty());
  const auto later = judged(m.lines, {midnight + 7 * hour, midnight + 10 * hour + second});
  CHECK(later.watched_ns == hour + second);
  REQUIRE(later.gaps.size() == 1);
  CHECK(later.gaps_ns == 2 * hour);
  CHECK(judged(m.lines, {midnight + 100 * hour, midnight + 101 * hour}).watched_ns == 0);
  CHECK(judged(m.lines, {midnight + 9 * hour, midnight + 10 * hour}).gaps_ns == hour); // in the middle of a gap
}

TEST_CASE("Lines that could not be written are summed up over the watches") {
  machine m;
  m.write("start").lost_lines = 0, m.watch(hour), m.write("state").lost_lines = 5, m.write("end").lost_lines = 7;
  m.pass(second), m.write("start").lost_lines = 0, m.pass(second), m.write("end").lost_lines = 2;
  CHECK(judged(m.lines).lost_lines == 9);
}

TEST_CASE("Nothing, one line, and numbers at the ends of their range") {
  CHECK(judged({}).watched_ns == 0);
  machine m;
  m.write("start");
  CHECK(judged(m.lines).watched_ns == 0);
  CHECK(judged(m.lines).first_ns == midnight);
  constexpr std::int64_t max = std::numeric_limits<std::int64_t>::max(), min = std::numeric_limits<std::int64_t>::min();
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<tool::log_record> lines;
    const auto any = [&] {
      const std::int64_t some[] = {0, 1, max, max - 1, min, min + 1, midnight, static_cast<std::int64_t>(random())};
      return some[random() % std::size(some)];
    };
    const auto up = [&] { return std::max<std::int64_t>(any(), 0); };
    for (int k = 0; k < 6; ++k) {
      tool::log_record r;
      const char* const events[] = {"start", "end", "state", "step", "slew"};
      r.event = events[random() % std::size(events)], r.boot = random() % 2 != 0 ? "a" : "b", r.pid = any();
      r.realtime_ns = any(), r.monotonic_ns = up(), r.position_ns = up(), r.half_width_ns = up(), r.size_ns = any();
      r.state_every_ns = up(), r.period_ns = up(), r.lost_lines = up(), r.maximum_error_ns = up();
      r.after_ns = any(), r.before_ns = any();
      if (random() % 3 != 0) r.synchronised = random() % 2 != 0;
      lines.push_back(r);
    }
    const auto h = judged(lines, {any(), any()});
    CHECK(h.watched_ns >= h.unsynchronised_ns);
    CHECK(h.unsynchronised_ns >= 0);
    CHECK(h.unknown_ns >= 0);
    CHECK(h.gaps_ns >= 0);
    CHECK(h.lost_lines >= 0);
    CHECK(h.steps >= h.steps_in_gaps);
    CHECK(h.events.size() <= lines.size());
  }
}
