// Protects: that stamps of perf and ftrace lie between takt's, on a machine whose page of perf says its time, while clocks
// are steered and set between the samples, and while the machine sleeps.
#include "guest.hpp"
#include "suspend.hpp"
#include <support/stamped_events.hpp>

#include <takt/clock/tsc_clock.hpp>
#include <takt/observe/stamp_map.hpp>
#include <takt/timer/alarm.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <sys/mount.h>
#include <system_error>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace takt_test;
using takt::stamp_map;
using takt::tick_point;
using clock_type = stamp_map::clock;

namespace {

takt::tick_rate calibrated_rate() {
  if (!takt::tsc_clock::calibration().rate().known()) {
    std::error_code ec;
    static_cast<void>(takt::tsc_clock::calibrate(100ms, ec));
    REQUIRE_MESSAGE(!ec, ec.message());
  }
  return takt::tsc_clock::calibration().rate();
}

struct kernels_clock {
  clockid_t id;
  clock_type which;
};
constexpr kernels_clock clocks[] = {{CLOCK_MONOTONIC, clock_type::monotonic}, {CLOCK_MONOTONIC_RAW, clock_type::monotonic_raw},
                                    {CLOCK_BOOTTIME, clock_type::boottime},   {CLOCK_REALTIME, clock_type::realtime},
                                    {CLOCK_TAI, clock_type::tai}};

/// Samples eight times, 100 ms apart, and reads all clocks in between; `change(i)` is called before the i-th of these.
template <class Change>
stamp_map sampled(std::vector<stamped_event> (&events)[std::size(clocks)], Change change) {
  calibrated_rate();
  stamp_map map;
  std::error_code ec;
  for (int i = 0; i < 8; ++i) {
    map.sample(ec);
    REQUIRE_MESSAGE(!ec, ec.message());
    for (int part = 0; part < 2; ++part) {
      std::this_thread::sleep_for(50ms);
      for (int n = 0; n < 10; ++n) {
        for (std::size_t k = 0; k < std::size(clocks); ++k) {
          stamped_event e;
          e.before = takt::ordered_counter::read().count();
          e.time = guest::read(clocks[k].id).count();
          e.after = takt::ordered_counter::read().count();
          events[k].push_back(e);
        }
      }
      if (part == 0) change(i);
    }
  }
  map.sample(ec);
  REQUIRE_MESSAGE(!ec, ec.message());
  return map;
}

} // namespace

TEST_CASE("stamps: the page of perf says its time, and a page fault that perf stamps lies between takt's stamps") {
  const takt::tick_rate rate = calibrated_rate();
  std::error_code ec;
  const takt::perf_clock perf = takt::perf_clock::read(ec);
  REQUIRE_MESSAGE(!ec, takt::perf_clock::explain(ec));
  CHECK(perf.rate().hertz() == doctest::Approx(rate.hertz()).epsilon(1e-3));
  stamp_map map;
  std::vector<stamped_event> events;
  for (int i = 0; i < 4; ++i) {
    map.sample(ec);
    REQUIRE_FALSE(ec);
    if (i == 3) break;
    std::this_thread::sleep_for(50ms);
    REQUIRE(add_page_faults(events) == 0);
    std::this_thread::sleep_for(50ms);
  }
  REQUIRE(events.size() >= 10);
  check_between(map, clock_type::perf, rate, events, 0ns);
  for (const stamped_event& e : events) {
    const auto at = map.to_ticks(std::chrono::nanoseconds(e.time), clock_type::perf, ec);
    CHECK_FALSE(ec);
    CHECK(at.error <= 10ns); // exact, where a measurement would be good to a microsecond
    CHECK(perf.from_ticks(perf.to_ticks(std::chrono::nanoseconds(e.time), ec)) - std::chrono::nanoseconds(e.time) <= 2ns);
  }
}

TEST_CASE("stamps: markers of ftrace lie between takt's stamps, by each of its clocks") {
  const takt::tick_rate rate = calibrated_rate();
  const char* const place = "/sys/kernel/tracing";
  REQUIRE_MESSAGE(::mount("tracefs", place, "tracefs", 0, nullptr) == 0, "mount tracefs");
  {
    const marked_trace tracing;
    REQUIRE(tracing.made());
    for (const char* name : {"x86-tsc", "perf", "mono", "mono_raw", "boot", "tai"}) {
      CAPTURE(name);
      if (!tracing.select(name)) {
        MESSAGE("the kernel has no trace clock " << name); // tai: from Linux 6.1 on
        continue;
      }
      std::vector<stamped_event> events;
      stamp_map map;
      std::error_code ec;
      for (int i = 0; i < 4; ++i) {
        map.sample(ec);
        REQUIRE_FALSE(ec);
        if (i == 3) break;
        std::this_thread::sleep_for(50ms);
        for (int n = 0; n < 10; ++n) tracing.mark(events);
        std::this_thread::sleep_for(50ms);
      }
      const auto c = stamp_map::named(name);
      REQUIRE(tracing.read(events, c ? 1000 : 1) == events.size());
      if (c) {
        check_between(map, *c, rate, events, 1us); // it prints microseconds
        continue;
      }
      for (const stamped_event& e : events) {
        CHECK(static_cast<std::uint64_t>(e.time) >= e.before);
        CHECK(static_cast<std::uint64_t>(e.time) <= e.after);
      }
    }
  }
  ::umount(place);
}

TEST_CASE("stamps: clocks that are steered and set between the samples were where they are said to have been") {
  const takt::tick_rate rate = calibrated_rate();
  std::vector<stamped_event> events[std::size(clocks)];
  const stamp_map map = sampled(events, [](int i) {
    if (i == 2) guest::step_realtime(1h);
    if (i == 4) guest::step_realtime(-2h);
    if (i == 5) guest::steer(450);
    if (i == 6) guest::steer(0);
  });
  for (std::size_t k = 0; k < std::size(clocks); ++k) {
    CAPTURE(k);
    check_between(map, clocks[k].which, rate, events[k], 0ns);
  }
  // The step is in the error where it happened, and only there.
  std::error_code ec;
  const auto error_at = [&](std::size_t reading) {
    return map.from_ticks(tick_point(events[3][reading].before), clock_type::realtime, ec).error;
  };
  CHECK(error_at(5) < 1ms);
  CHECK(error_at(2 * 20 + 5) >= 59min);
}

TEST_CASE("suspend_map: stamps from before and after lie between takt's, by every clock") {
  const takt::tick_rate rate = calibrated_rate();
  std::error_code ec;
  takt::alarm_timer alarm(takt::alarm_timer::clock::boottime, ec);
  REQUIRE_MESSAGE(!ec, ec.message());
  std::vector<stamped_event> events[std::size(clocks)], faults;
  stamp_map map;
  const auto sample = [&] {
    map.sample(ec);
    REQUIRE_MESSAGE(!ec, ec.message());
  };
  const auto some = [&] {
    for (int i = 0; i < 4; ++i) {
      sample();
      std::this_thread::sleep_for(50ms);
      for (std::size_t k = 0; k < std::size(clocks); ++k) {
        stamped_event e;
        e.before = takt::ordered_counter::read().count();
        e.time = guest::read(clocks[k].id).count();
        e.after = takt::ordered_counter::read().count();
        events[k].push_back(e);
      }
      REQUIRE(add_page_faults(faults) == 0);
      std::this_thread::sleep_for(50ms);
    }
    sample();
  };
  some();
  alarm.at(alarm.now() + guest::until_alarm, ec);
  REQUIRE_FALSE(ec);
  REQUIRE(guest::suspend());
  some();
  for (std::size_t k = 0; k < std::size(clocks); ++k) {
    CAPTURE(k);
    check_between(map, clocks[k].which, rate, events[k], 0ns);
  }
  REQUIRE(faults.size() >= 8);
  check_between(map, clock_type::perf, rate, faults, 0ns);
  const auto boot = map.from_ticks(tick_point(events[2].back().before), clock_type::boottime, ec);
  const auto mono = map.from_ticks(tick_point(events[2].back().before), clock_type::monotonic, ec);
  CHECK(boot.time - mono.time > 1s);
}
