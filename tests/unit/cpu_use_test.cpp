// Protects: how long CPUs worked: by their switches, from the first event of a recording to the last, and by
// /proc/stat.
#include "../examples/takt/model/cpu_use.hpp"
#include <doctest/doctest.h>

using namespace std::chrono_literals;
using takt::trace_event;
using takt::trace_kind;

namespace {

trace_event change(std::int32_t cpu, std::chrono::nanoseconds t, std::int32_t from, std::int32_t to) {
  trace_event e;
  e.kind = trace_kind::sched_switch;
  e.cpu = cpu, e.time = t, e.previous = from, e.other = to;
  return e;
}

} // namespace

TEST_CASE("A CPU is busy while it runs a thread, from the first event to the last") {
  tool::cpu_use use;
  trace_event other;
  other.kind = trace_kind::sched_waking;
  other.cpu = 7, other.time = 10ms;
  use.add(other);
  use.add(change(0, 12ms, 5, 0)); // 5 ran since the recording began
  use.add(change(0, 20ms, 0, 6));
  use.add(change(1, 21ms, 0, 7)); // idle before that
  use.add(change(0, 23ms, 6, 8));
  other.time = 30ms;
  use.add(other);
  CHECK(use.busy(0) == 2ms + 10ms);
  CHECK(use.busy(1) == 9ms);
  CHECK_FALSE(use.busy(7)); // nothing switched there
}

TEST_CASE("The busy time of each CPU in /proc/stat") {
  const auto busy = tool::parse_busy_times("cpu  30 0 30 200 0 0 0 0 0 0\n"
                                           "cpu0 10 1 20 100 7 2 3 50 9 9\n"
                                           "cpu12 20 0 10 100 0 0 0 0 0 0\n"
                                           "intr 12 0 0\ncpux 1 2 3 4 5 6 7 8\ncpu3 1 2\n",
                                           100);
  REQUIRE(busy.size() == 2);
  CHECK(busy.at(0) == 360ms); // user, nice, system, interrupts: neither idle nor stolen
  CHECK(busy.at(12) == 300ms);
  CHECK(tool::parse_busy_times("", 100).empty());
}
