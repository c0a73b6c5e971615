// Protects: that the tool's report of machines unlike the one at hand says what the library finds there, and is JSON as its
// schema describes it. A guest has no Python: the report is printed between two lines, and boot.sh has it checked.
#include "guest.hpp"
#include "tool.hpp"

#include <takt/clock/verdict.hpp>

#include <doctest/doctest.h>

#include <cstdio>
#include <string>
#include <sys/klog.h>

TEST_CASE("report: takt report --json says what the library finds") {
  constexpr char out[] = "/tmp/report", err[] = "/tmp/errors";
  REQUIRE(guest::result(guest::start("takt report --repetitions 100 --json", out, err)) == 0);
  CHECK(guest::text_of(err).empty());
  const std::string report = guest::text_of(out);
  const takt::verdict v = takt::judge(takt::verdict::facts::gather());
  CHECK(guest::member(report, "counter_trusted") == (v.counter_trusted ? "true" : "false"));
  std::error_code ec;
  CHECK(guest::member(report, "current") == takt::clocksource::current(ec));
  constexpr int console_off = 6; // SYSLOG_ACTION_CONSOLE_OFF: no line of the kernel between those of the report
  ::klogctl(console_off, nullptr, 0);
  std::printf("report begins\n%s\nreport ends\n", report.c_str());
  std::fflush(stdout);
}
