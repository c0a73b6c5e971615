// Protects: that an event which perf or ftrace stamps between two of takt's stamps lies between them after conversion, both
// ways, within the stated error. ftrace needs root and tracefs; it uses a tracing instance of its own, which is removed
// afterwards.
#include <takt/clock/tsc_clock.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/observe/stamp_map.hpp>
#include <support/skip.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using takt::stamp_map;
using takt::tick_point;
using clock_type = stamp_map::clock;

namespace {

struct event {
  std::uint64_t before = 0, after = 0; ///< takt's stamps
  std::int64_t time = 0;               ///< the tracer's
};

/// Returns: whether the counter can be calibrated; if not, `why` has the reason.
bool ready(std::string& why) {
  std::error_code ec;
  if (takt::tsc_clock::calibration().rate().known()) return true;
  static_cast<void>(takt::tsc_clock::calibrate(20ms, ec));
  why = ec.message();
  return !ec;
}

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

/// Checks that each event lies between takt's stamps, both ways. `slop`: what the tracer's own rounding adds.
void check_between(const stamp_map& map, clock_type c, const std::vector<event>& events, std::chrono::nanoseconds slop) {
  for (const event& e : events) {
    std::error_code ec;
    const auto at = map.to_ticks(std::chrono::nanoseconds(e.time), c, ec);
    REQUIRE_MESSAGE(!ec, ec.message());
    CHECK_FALSE(at.extrapolated);
    const auto rate = takt::tsc_clock::calibration().rate();
    const auto open = static_cast<std::int64_t>(rate.from(at.error + slop).count()) + 2;
    CAPTURE(at.error.count());
    CHECK((at.at - tick_point(e.before)).signed_count() >= -open);
    CHECK((at.at - tick_point(e.after)).signed_count() <= open);
    const auto earliest = map.from_ticks(tick_point(e.before), c, ec), latest = map.from_ticks(tick_point(e.after), c, ec);
    CHECK(e.time >= (earliest.time - earliest.error - slop).count());
    CHECK(e.time <= (latest.time + latest.error + slop).count());
  }
}

class instance {
public:
  instance() : path_("/sys/kernel/tracing/instances/takt_stamps_" + std::to_string(getpid())) {
    made_ = mkdir(path_.c_str(), 0700) == 0;
  }
  ~instance() {
    if (made_) rmdir(path_.c_str());
  }
  instance(const instance&) = delete;
  instance& operator=(const instance&) = delete;
  bool made() const { return made_; }
  bool write(const std::string& file, const std::string& value) const {
    std::ofstream out(path_ + "/" + file);
    out << value << std::flush;
    return static_cast<bool>(out);
  }
  /// Writes a marker. Returns: takt's stamps around it.
  event mark(std::size_t number) const {
    std::ofstream out(path_ + "/trace_marker");
    out << "takt " << number;
    event e;
    e.before = takt::read_counter().count();
    out << std::flush;
    e.after = takt::region_end().count();
    return e;
  }
  /// Fills in the tracer's times. `unit`: of the last digit, in ns; 0: ticks. Returns: how many it found.
  std::size_t read(std::vector<event>& events, std::int64_t unit) const {
    std::ifstream file(path_ + "/trace");
    std::size_t found = 0;
    for (std::string line; std::getline(file, line);) {
      const std::size_t name = line.find(": tracing_mark_write: takt ");
      if (name == std::string::npos) continue;
      const std::size_t begin = line.rfind(' ', name - 1) + 1;
      std::string time = line.substr(begin, name - begin);
      if (const std::size_t point = time.find('.'); point != std::string::npos) time.erase(point, 1);
      const std::size_t number = std::stoul(line.substr(name + 27));
      if (number >= events.size()) continue;
      events[number].time = static_cast<std::int64_t>(std::stoull(time)) * (unit == 0 ? 1 : unit);
      ++found;
    }
    return found;
  }

private:
  std::string path_;
  bool made_ = false;
};

} // namespace

TEST_CASE("a page fault that perf stamps lies between takt's stamps before and after it") {
  std::string why;
  if (!ready(why)) TAKT_SKIP("calibrate: %s", why.c_str());
  std::vector<event> events;
  int error = 0;
  const stamp_map map = sampled([&] {
    takt::linux_os::perf_stamp found[20];
    std::size_t got = 0;
    error = takt::linux_os::read_perf_stamps([] { return takt::ordered_counter::read().count(); }, found, 20, got);
    for (std::size_t i = 0; i < got; ++i)
      events.push_back({found[i].before, found[i].after, static_cast<std::int64_t>(found[i].time)});
  });
  const std::error_code unknown = map.why(clock_type::perf);
  if (unknown) TAKT_SKIP("perf's clock: %s", takt::perf_clock::explain(unknown).c_str());
  if (error != 0) TAKT_SKIP("perf's stamps: %s", std::system_category().message(error).c_str());
  CHECK(events.size() >= 3);
  check_between(map, clock_type::perf, events, 0ns);
}

TEST_CASE("the page of perf says what perf stamps, or that it does not") {
  std::error_code ec;
  const takt::perf_clock perf = takt::perf_clock::read(ec);
  if (ec) {
    CHECK_FALSE(perf.known());
    TAKT_SKIP("perf_clock::read: %s", takt::perf_clock::explain(ec).c_str());
  }
  takt::linux_os::perf_stamp found[20];
  std::size_t got = 0;
  const int error = takt::linux_os::read_perf_stamps([] { return takt::ordered_counter::read().count(); }, found, 20, got);
  if (error != 0) TAKT_SKIP("perf's stamps: %s", std::system_category().message(error).c_str());
  for (std::size_t i = 0; i < got; ++i) {
    const auto time = static_cast<std::int64_t>(found[i].time);
    CHECK(time >= (perf.from_ticks(tick_point(found[i].before)) - perf.error()).count());
    CHECK(time <= (perf.from_ticks(tick_point(found[i].after)) + perf.error()).count());
  }
}

TEST_CASE("a marker that ftrace stamps lies between takt's stamps, by each of its clocks that takt knows") {
  std::string why;
  if (!ready(why)) TAKT_SKIP("calibrate: %s", why.c_str());
  const instance tracing;
  if (!tracing.made()) TAKT_SKIP("cannot make a tracing instance: needs root and tracefs at /sys/kernel/tracing");
  constexpr std::size_t markers = 60;
  for (const char* name : {"x86-tsc", "perf", "mono", "mono_raw", "boot", "tai"}) {
    CAPTURE(name);
    if (!tracing.write("trace_clock", name)) {
      std::printf("SKIPPED: the kernel has no trace clock %s\n", name);
      continue;
    }
    std::vector<event> events;
    const stamp_map map = sampled([&] {
      for (std::size_t i = 0; i < markers / 3; ++i) events.push_back(tracing.mark(events.size()));
    });
    const auto c = stamp_map::named(name);
    REQUIRE(tracing.read(events, c ? 1000 : 0) == markers);
    if (!c) { // the counter itself
      for (const event& e : events) {
        CHECK(static_cast<std::uint64_t>(e.time) >= e.before);
        CHECK(static_cast<std::uint64_t>(e.time) <= e.after);
      }
      continue;
    }
    if (const std::error_code unknown = map.why(*c)) {
      std::printf("SKIPPED: %s: %s\n", name, takt::perf_clock::explain(unknown).c_str());
      continue;
    }
    check_between(map, *c, events, 1us); // it prints microseconds
  }
}
