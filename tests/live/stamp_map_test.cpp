// Protects: that an event which perf or ftrace stamps between two of takt's stamps lies between them after conversion, both
// ways, within the stated error. ftrace needs root and tracefs; it uses a tracing instance of its own, which is removed
// afterwards.
#include <takt/clock/tsc_clock.hpp>
#include <takt/observe/stamp_map.hpp>
#include <support/skip.hpp>
#include <support/stamped_events.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using takt::stamp_map;
using takt::tick_point;
using clock_type = stamp_map::clock;
using namespace takt_test;

namespace {

/// Returns: whether the counter can be calibrated; if not, `why` has the reason.
bool ready(std::string& why) {
  std::error_code ec;
  if (takt::tsc_clock::calibration().rate().known()) return true;
  static_cast<void>(takt::tsc_clock::calibrate(20ms, ec));
  why = ec.message();
  return !ec;
}

takt::tick_rate rate() { return takt::tsc_clock::calibration().rate(); }

/// Samples before and after, and the work in between.
template <class Work> stamp_map sampled(Work work) {
  stamp_map map;
  std::error_code ec;
  const auto sample = [&] {
    map.sample(ec);
    REQUIRE_MESSAGE(!ec, ec.message());
  };
  sample();
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(50ms);
    work();
    std::this_thread::sleep_for(50ms);
    sample();
  }
  return map;
}

} // namespace

TEST_CASE("a page fault that perf stamps lies between takt's stamps before and after it") {
  std::string why;
  if (!ready(why)) TAKT_SKIP("calibrate: %s", why.c_str());
  std::vector<stamped_event> events;
  int error = 0;
  const stamp_map map = sampled([&] {
    error = add_page_faults(events);
  });
  const std::error_code unknown = map.why(clock_type::perf);
  if (unknown) TAKT_SKIP("perf's clock: %s", takt::perf_clock::explain(unknown).c_str());
  if (error != 0) TAKT_SKIP("perf's stamps: %s", std::system_category().message(error).c_str());
  CHECK(events.size() >= 3);
  check_between(map, clock_type::perf, rate(), events, 0ns);
}

TEST_CASE("the page of perf says what perf stamps, or that it does not") {
  std::error_code ec;
  const takt::perf_clock perf = takt::perf_clock::read(ec);
  if (ec) {
    CHECK_FALSE(perf.known());
    TAKT_SKIP("perf_clock::read: %s", takt::perf_clock::explain(ec).c_str());
  }
  std::vector<stamped_event> events;
  const int error = add_page_faults(events);
  if (error != 0) TAKT_SKIP("perf's stamps: %s", std::system_category().message(error).c_str());
  for (const stamped_event& e : events) {
    CHECK(e.time >= (perf.from_ticks(tick_point(e.before)) - perf.error()).count());
    CHECK(e.time <= (perf.from_ticks(tick_point(e.after)) + perf.error()).count());
  }
}

TEST_CASE("a marker that ftrace stamps lies between takt's stamps, by each of its clocks that takt knows") {
  std::string why;
  if (!ready(why)) TAKT_SKIP("calibrate: %s", why.c_str());
  const marked_trace tracing;
  if (!tracing.made()) TAKT_SKIP("cannot make a tracing instance: needs root and tracefs at /sys/kernel/tracing");
  constexpr std::size_t markers = 60;
  for (const char* name : {"x86-tsc", "perf", "mono", "mono_raw", "boot", "tai"}) {
    CAPTURE(name);
    if (!tracing.select(name)) {
      std::printf("SKIPPED: the kernel has no trace clock %s\n", name);
      continue;
    }
    std::vector<stamped_event> events;
    const stamp_map map = sampled([&] {
      for (std::size_t i = 0; i < markers / 3; ++i) tracing.mark(events);
    });
    const auto c = stamp_map::named(name);
    REQUIRE(tracing.read(events, c ? 1000 : 1) == markers);
    if (!c) { // the counter itself
      for (const stamped_event& e : events) {
        CHECK(static_cast<std::uint64_t>(e.time) >= e.before);
        CHECK(static_cast<std::uint64_t>(e.time) <= e.after);
      }
      continue;
    }
    if (const std::error_code unknown = map.why(*c)) {
      std::printf("SKIPPED: %s: %s\n", name, takt::perf_clock::explain(unknown).c_str());
      continue;
    }
    check_between(map, *c, rate(), events, 1us); // it prints microseconds
  }
}
