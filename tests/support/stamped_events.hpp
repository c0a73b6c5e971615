/// stamped_events.hpp - events that another tracer stamps between two stamps of takt, and the check that they lie there
/// after conversion.
#pragma once
#include <takt/cpu/counter.hpp>
#include <takt/kernel/os.hpp>
#include <takt/observe/stamp_map.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace takt_test {

struct stamped_event {
  std::uint64_t before = 0, after = 0; ///< takt's stamps
  std::int64_t time = 0;               ///< the tracer's
};

/// Adds page faults that perf stamps. Returns: 0 or a value of errno.
inline int add_page_faults(std::vector<stamped_event>& events) {
  takt::linux_os::perf_stamp found[20];
  std::size_t got = 0;
  const int error = takt::linux_os::read_perf_stamps([] { return takt::ordered_counter::read().count(); }, found, 20, got);
  for (std::size_t i = 0; i < got; ++i)
    events.push_back({found[i].before, found[i].after, static_cast<std::int64_t>(found[i].time)});
  return error;
}

/// Checks that each event lies between takt's stamps, both ways. `slop`: what the tracer's own rounding adds.
inline void check_between(const takt::stamp_map& map, takt::stamp_map::clock c, takt::tick_rate rate,
                          const std::vector<stamped_event>& events, std::chrono::nanoseconds slop) {
  using takt::tick_point;
  for (const stamped_event& e : events) {
    std::error_code ec;
    const auto at = map.to_ticks(std::chrono::nanoseconds(e.time), c, ec);
    REQUIRE_MESSAGE(!ec, ec.message());
    CHECK_FALSE(at.extrapolated);
    CAPTURE(at.error.count());
    const auto open = static_cast<std::int64_t>(rate.from(at.error + slop).count()) + 2;
    CHECK((at.at - tick_point(e.before)).signed_count() >= -open);
    CHECK((at.at - tick_point(e.after)).signed_count() <= open);
    const auto earliest = map.from_ticks(tick_point(e.before), c, ec), latest = map.from_ticks(tick_point(e.after), c, ec);
    CHECK(e.time >= (earliest.time - earliest.error - slop).count());
    CHECK(e.time <= (latest.time + latest.error + slop).count());
  }
}

/// A tracing instance into which markers are written. It is removed afterwards.
class marked_trace {
public:
  marked_trace() : path_("/sys/kernel/tracing/instances/takt_stamps_" + std::to_string(getpid())) {
    made_ = mkdir(path_.c_str(), 0700) == 0;
  }
  ~marked_trace() {
    if (made_) rmdir(path_.c_str());
  }
  marked_trace(const marked_trace&) = delete;
  marked_trace& operator=(const marked_trace&) = delete;
  bool made() const { return made_; }
  /// Selects the trace clock, which empties the instance. Returns: false if the kernel does not have it.
  bool select(const std::string& clock) const {
    std::ofstream out(path_ + "/trace_clock");
    out << clock << std::flush;
    return static_cast<bool>(out);
  }
  /// Adds a marker.
  void mark(std::vector<stamped_event>& events) const {
    std::ofstream out(path_ + "/trace_marker");
    out << "takt " << events.size();
    stamped_event e;
    e.before = takt::ordered_counter::read().count();
    out << std::flush;
    e.after = takt::ordered_counter::read().count();
    events.push_back(e);
  }
  /// Fills in the tracer's times. `unit`: of the last digit. Returns: how many it found.
  std::size_t read(std::vector<stamped_event>& events, std::int64_t unit) const {
    std::ifstream file(path_ + "/trace");
    std::size_t found = 0;
    for (std::string line; std::getline(file, line);) {
      const std::string mark = ": tracing_mark_write: takt ";
      const std::size_t name = line.find(mark);
      if (name == std::string::npos) continue;
      const std::size_t begin = line.rfind(' ', name - 1) + 1;
      std::string time = line.substr(begin, name - begin);
      if (const std::size_t point = time.find('.'); point != std::string::npos) time.erase(point, 1);
      const std::size_t number = std::stoul(line.substr(name + mark.size()));
      if (number >= events.size()) continue;
      events[number].time = static_cast<std::int64_t>(std::stoull(time)) * unit;
      ++found;
    }
    return found;
  }

private:
  std::string path_;
  bool made_ = false;
};

} // namespace takt_test
