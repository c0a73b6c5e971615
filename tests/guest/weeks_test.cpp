// Protects: that the log of takt watch and takt history say of a night what happened in it: steps while a watch ran
// and while none did, by how much, how long the clock was not synchronised, and when no watch ran; at one wake-up a
// period.
//
// On virtual time: the night passes in seconds.
#include "guest.hpp"
#include "tool.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

constexpr char watch[] = "takt watch --period 10s --log /tmp/clocks.log --openmetrics /tmp/takt.prom";

/// What a time daemon says to the kernel.
void synchronise(bool yes) {
  timex t{};
  t.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR;
  t.status = yes ? STA_PLL : STA_UNSYNC;
  t.maxerror = yes ? 2'000 : 16'000'000, t.esterror = yes ? 100 : 16'000'000;
  guest::adjust(t);
}

long long number(const std::string& document, std::string_view key) {
  return std::atoll(guest::member(document, key).c_str());
}
/// Returns: how often a process has slept.
long long sleeps(pid_t process) {
  const std::string status = guest::text_of(("/proc/" + std::to_string(process) + "/status").c_str());
  constexpr std::string_view key = "\nvoluntary_ctxt_switches:\t";
  return std::atoll(status.c_str() + status.find(key) + key.size());
}
/// Returns: the value of a metric without labels.
double metric(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name + " ");
  return at == text.npos ? -1 : std::atof(text.c_str() + at + name.size() + 2);
}

} // namespace

TEST_CASE("weeks: did the clock step last night, by how much, how long was it not synchronised") {
  if (::access("/takt", X_OK) != 0) return;
  const timespec evening{1'796'072'400, 0}; // 2026-11-30 21:00:00 UTC
  guest::insist();
  REQUIRE(::clock_settime(CLOCK_REALTIME, &evening) == 0);
  synchronise(true);

  pid_t process = guest::start(watch, "/tmp/printed", "/tmp/complained");
  std::this_thread::sleep_for(2h);
  guest::step_realtime(12'500ms); // which makes the kernel call it unsynchronised, until its daemon says otherwise
  std::this_thread::sleep_for(5min);
  synchronise(true);
  std::this_thread::sleep_for(25min);
  const long long before = sleeps(process);
  const nanoseconds since = guest::read(CLOCK_MONOTONIC);
  std::this_thread::sleep_for(30min);
  const long long slept = sleeps(process) - before;
  const auto periods = (guest::read(CLOCK_MONOTONIC) - since) / 10s;
  MESSAGE("wake-ups in ", periods, " periods: ", slept);
  CHECK(slept >= periods - 1);
  CHECK(slept <= periods + 3);
  synchronise(false);
  std::this_thread::sleep_for(40min);
  synchronise(true);
  std::this_thread::sleep_for(1h);
  const std::string metrics = guest::text_of("/tmp/takt.prom");
  CHECK(metric(metrics, "takt_realtime_steps_total") == 1);
  CHECK(metric(metrics, "takt_realtime_last_step_seconds") == doctest::Approx(12.5).epsilon(1e-4));
  CHECK(metric(metrics, "takt_realtime_unsynchronised_seconds_total") == doctest::Approx(2700).epsilon(0.01));
  CHECK(metric(metrics, "takt_realtime_synchronised") == 1);
  CHECK(metric(metrics, "takt_watch_running") == 1);
  CHECK(metrics.find("takt_watch_events_total{event=\"synchronisation lost\"} 2\n") != metrics.npos);
  ::kill(process, SIGTERM);
  CHECK(guest::result(process) == 0);

  // No watch runs, and the clock is set.
  std::this_thread::sleep_for(10min);
  guest::step_realtime(-2s);
  synchronise(true);
  std::this_thread::sleep_for(10min);
  process = guest::start(watch, "/tmp/printed", "/tmp/complained");
  std::this_thread::sleep_for(1h);
  ::kill(process, SIGKILL); // and a watch that cannot say that it ends
  CHECK(guest::result(process) == -1);
  std::this_thread::sleep_for(10min);
  process = guest::start(watch, "/tmp/printed", "/tmp/complained");
  std::this_thread::sleep_for(30min);
  ::kill(process, SIGTERM);
  CHECK(guest::result(process) == 0);

  REQUIRE(guest::result(guest::start("takt history /tmp/clocks.log", "/tmp/screen", "/tmp/complained")) == 0);
  MESSAGE(guest::text_of("/tmp/screen"));
  REQUIRE(guest::result(guest::start("takt history --json /tmp/clocks.log", "/tmp/history", "/tmp/complained")) == 0);
  const std::string history = guest::text_of("/tmp/history");
  CHECK(number(history, "steps") == 2);
  CHECK(number(history, "steps_in_gaps") == 1);
  CHECK(std::abs(number(history, "largest_step_ns") - 12'500'000'000) < 1'000'000); // settime is not at once
  CHECK(std::abs(number(history, "stepped_ns") - 10'500'000'000) < 2'000'000);
  constexpr long long minute = 60'000'000'000, period = 10'000'000'000;
  CHECK(std::abs(number(history, "unsynchronised_ns") - 45 * minute) <= 4 * period);
  CHECK(number(history, "unsynchronised_times") == 2);
  CHECK(number(history, "gaps") == 2);
  // Of the watch that was killed, the state every 15 minutes is known.
  const long long not_watched = number(history, "not_watched_ns"), watched = number(history, "watched_ns");
  CHECK(not_watched >= 30 * minute - 2 * period);
  CHECK(not_watched <= 46 * minute);
  CHECK(std::abs(watched + not_watched - 400 * minute) <= 2 * minute);
  CHECK(number(history, "broken") == 0);
  const std::string log = guest::text_of("/tmp/clocks.log");
  // A day of quiet has some 100 lines.
  CHECK(std::count(log.begin(), log.end(), '\n') < 50);
  std::printf("the log:\n%s", log.c_str());
}
