// Protects: that nothing of takt goes backwards, ends early or is lost while the kernel changes its clock source under
// load, and that tsc_clock is on CLOCK_MONOTONIC again afterwards; that the tool changes the source and brings it back.
#include "checks.hpp"
#include "guest.hpp"
#include "recorder.hpp"

#include <takt/observe/run_guard.hpp>
#include <takt/sleep/periodic.hpp>
#include <takt/sleep/sleep.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::tsc_clock;

TEST_CASE("switch: clocks and sleeps keep their promises while the source changes under load") {
  std::error_code ec;
  static_cast<void>(tsc_clock::calibrate(20ms, 100ms, ec));
  REQUIRE_FALSE(ec);
  const std::string original = takt::clocksource::current();
  int early = 0;
  {
    guest::watcher watcher;
    const guest::load load;
    takt::periodic<std::chrono::steady_clock> beat(takt::grid(10ms));
    for (int round = 0; round < 4; ++round) {
      for (const char* source : {"hpet", "acpi_pm", "tsc"}) {
        guest::select_clocksource(source);
        CHECK(takt::clocksource::current() == source);
        for (int i = 0; i < 5; ++i) {
          const auto tick = beat.wait();
          REQUIRE(tick);
          early += std::chrono::steady_clock::now() < tick->due;
        }
        static_cast<void>(tsc_clock::discipline(100ms, ec));
        CHECK_FALSE(ec);
      }
    }
    const auto seen = watcher.end();
    CHECK(seen.monotonic == 0);
    CHECK(seen.tsc == 0);
    CHECK(seen.fast == 0);
    CHECK(seen.reads > 100);
  }
  CHECK(early == 0);
  guest::select_clocksource(original);

  // An offset of d slews at 500e-6, 20 us in 40 ms, but no faster than settling. On a busy host a switch stops the
  // kernel's clock for longer, so the lead is asked for; after half a minute it counts as lost.
  const nanoseconds lead = guest::off_from_monotonic<tsc_clock>();
  const auto rounds = std::min<nanoseconds::rep>(15 + 2000 * lead / 100ms, 300);
  for (nanoseconds::rep i = 0; i < rounds; ++i) {
    std::this_thread::sleep_for(100ms);
    static_cast<void>(tsc_clock::discipline(100ms, ec));
    CHECK_FALSE(ec);
  }
  CHECK(guest::off_from_monotonic<tsc_clock>() <= 2us);
  CHECK(guest::backwards_between<tsc_clock>(200ms) == 0);
}

TEST_CASE("switch: a run guard names the switch, and a quiet run is trusted by its clock source") {
  const std::string original = takt::clocksource::current();
  takt::run_guard guard;
  CHECK_FALSE(guard.finish().switched());
  guest::select_clocksource("hpet");
  const takt::run_report r = guard.finish();
  guest::select_clocksource(original);
  CHECK(r.switched());
  CHECK(r.source_before == original);
  CHECK(r.source_after == "hpet");
  CHECK_FALSE(r.trusted());
  CHECK_FALSE(r.was_stepped()); // a switch loses microseconds of all clocks alike
  CHECK_FALSE(r.suspended());
  CHECK_FALSE(guard.finish().switched());
}

TEST_CASE("tool: the clock source that the tool selects is gone when it ends") {
  if (::access("/takt", X_OK) != 0) return;
  const std::string before = takt::clocksource::current();
  const auto run = [](const std::string& command) {
    const pid_t child = ::fork();
    if (child == 0) {
      const int file = ::open("/tmp/printed", O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(file, 1), ::dup2(file, 2);
      std::vector<std::string> words;
      for (std::size_t at = 0; at < command.size();) {
        std::size_t end = command.find(' ', at);
        if (end == std::string::npos) end = command.size();
        words.push_back(command.substr(at, end - at));
        at = end + 1;
      }
      std::vector<char*> argv;
      for (auto& w : words) argv.push_back(w.data());
      argv.push_back(nullptr);
      ::execv("/takt", argv.data());
      ::_exit(127);
    }
    return child;
  };
  const auto result = [](pid_t child) {
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  CHECK(result(run("takt clocksource --select acpi_pm")) == 2); // not without --yes-change-this-machine
  CHECK(takt::clocksource::current() == before);
  CHECK(result(run("takt clocksource --select acpi_pm --for 100ms --yes-change-this-machine")) == 0);
  CHECK(takt::clocksource::current() == before);

  const pid_t held = run("takt clocksource --select hpet --yes-change-this-machine");
  for (int i = 0; i < 200 && takt::clocksource::current() != "hpet"; ++i) std::this_thread::sleep_for(50ms);
  CHECK(takt::clocksource::current() == "hpet");
  ::kill(held, SIGTERM);
  CHECK(result(held) == 0);
  CHECK(takt::clocksource::current() == before);

  // With --stay it is not gone, and the command that the tool prints brings it back.
  CHECK(result(run("takt clocksource --select hpet --stay")) == 2);
  CHECK(takt::clocksource::current() == before);
  CHECK(result(run("takt clocksource --select hpet --stay --yes-change-this-machine")) == 0);
  CHECK(takt::clocksource::current() == "hpet");
  std::string advice;
  CHECK(takt::linux_os::read_file("/tmp/printed", advice, 1 << 20) == 0);
  CHECK(advice.find("echo " + before + " > /sys/") != std::string::npos);
  CHECK(advice.find("clocksource=hpet") != std::string::npos);
  guest::select_clocksource(before);
  CHECK(takt::clocksource::current() == before);

  CHECK(result(run("takt cost --each-source --repetitions 100 --yes-change-this-machine --json")) == 0);
  CHECK(takt::clocksource::current() == before);
  CHECK(result(run("takt report --repetitions 100")) == 0);

  CHECK(result(run("takt switch-window --runs 60 --sleep 10ms --provoke")) == 2);
  CHECK(takt::clocksource::current() == before);
  CHECK(result(run("takt switch-window --runs 60 --sleep 10ms --provoke --json --yes-change-this-machine")) == 0);
  CHECK(takt::clocksource::current() == before);
  std::string printed;
  REQUIRE(takt::linux_os::read_file("/tmp/printed", printed, 1 << 20) == 0);
  int runs = 0, switched = 0;
  for (std::size_t at = 0; (at = printed.find("\"event\":\"run\"", at)) != std::string::npos; ++at) ++runs;
  for (std::size_t at = 0; (at = printed.find("\"switched\":true", at)) != std::string::npos; ++at) ++switched;
  CHECK(runs == 60);
  CHECK(switched >= 20); // thirty were provoked; one that comes late on a busy host is inside no window
  const std::size_t last = printed.rfind("\"event\":\"summary\"");
  CHECK(last != std::string::npos);

  // It reports the events while it watches, a line each, and nothing else.
  const auto lines = [&](std::string_view what) {
    printed.clear();
    REQUIRE(takt::linux_os::read_file("/tmp/printed", printed, 1 << 20) == 0);
    int n = 0;
    for (std::size_t at = 0; (at = printed.find(what, at)) != std::string::npos; ++at) ++n;
    return n;
  };
  const pid_t watching = run("takt watch --period 100ms --json");
  std::this_thread::sleep_for(3s);
  guest::select_clocksource("hpet");
  std::this_thread::sleep_for(1s);
  guest::step_exactly(3600s);
  for (int i = 0; i < 200 && lines("\"event\":\"step\"") == 0; ++i) std::this_thread::sleep_for(50ms);
  ::kill(watching, SIGINT);
  CHECK(result(watching) == 0);
  guest::select_clocksource(before);
  CHECK(lines("\"event\":\"step\"") == 1);
  CHECK(lines("\"event\":\"clock source switched\"") == 1);
  CHECK(lines("\"to\":\"hpet\"") == 1);
  CHECK(lines("\"event\":\"suspend\"") + lines("\"event\":\"slew\"") + lines("\"event\":\"leap") == 0);
  CHECK(lines("\"event\":\"summary\"") == 1);
  MESSAGE(printed);
}
