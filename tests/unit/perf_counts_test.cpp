// Protects: what takt counters makes of counters on several CPUs and threads: sums, times, estimates, and reasons.
#include "../examples/takt/model/perf_counts.hpp"
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using takt::perf_event;
using target = perf_event::target;

/// A clock that advances with each reading, and when a test lets time pass.
struct stepping {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<stepping>;
  [[maybe_unused]] static constexpr bool is_steady = true; // for concepts alone
  inline static duration now_{};
  static time_point now() { return time_point(now_ += 1us); }
};

target cpu(int n) {
  target t;
  t.thread = -1, t.cpu = n;
  return t;
}
target thread(int id) {
  target t;
  t.thread = id, t.children = true;
  return t;
}
perf_event event(const char* name, perf_event::kind of, std::uint32_t type, std::uint64_t config,
                 perf_event::scope whose = perf_event::scope::task_and_cpu) {
  perf_event e;
  e.name = name, e.of = of, e.type = type, e.config = config, e.whose = whose;
  return e;
}
perf_event cycles() { return event("cpu-cycles", perf_event::kind::hardware, 0, 0); }

} // namespace

TEST_CASE("counts of CPUs are summed, and so is the time that they were watched") {
  using os = takt::testing::fake_os<struct sums>;
  os::reset();
  auto& shown = os::now.perf_counts[{0, 0}] = {1000, 10'000, 10'000};
  tool::perf_counts<os, stepping> counts({cycles()}, {cpu(0), cpu(1)});
  counts.begin();
  shown = {6000, 1'010'000, 1'010'000};
  stepping::now_ += 1ms;
  const auto all = counts.end();
  REQUIRE(all.size() == 1);
  CHECK(all[0].counted == 10'000.0);
  CHECK(all[0].unavailable.empty());
  CHECK_FALSE(all[0].scaled);
  CHECK_FALSE(all[0].user_alone);
  CHECK(all[0].watched_ns >= 2e6);
  CHECK(all[0].watched_ns < 2.1e6);
  CHECK(all[0].uncertainty_ns == doctest::Approx(2000)); // each reading lies within 1 us; two CPUs, half of both ends
  for (const auto& c : os::now.perf_counters) CHECK_FALSE(c.open);
  CHECK((os::now.perf_counters[0].request.flags & takt::detail::perf_request::exclude_kernel) == 0);
}

TEST_CASE("counts of threads are summed, and time passes once for all of them") {
  using os = takt::testing::fake_os<struct threads>;
  os::reset();
  auto& shown = os::now.perf_counts[{0, 0}];
  tool::perf_counts<os, stepping> counts({cycles()}, {thread(10), thread(11), thread(12)});
  counts.begin();
  shown = {500, 100, 100};
  stepping::now_ += 1ms;
  const auto all = counts.end();
  CHECK(all[0].counted == 1500.0);
  CHECK(all[0].watched_ns < 1.1e6);
  CHECK((os::now.perf_counters[0].request.flags & takt::detail::perf_request::inherit) != 0);
}

TEST_CASE("a counter that was shared is estimated; one that never ran is not") {
  using os = takt::testing::fake_os<struct shared>;
  os::reset();
  auto& shown = os::now.perf_counts[{0, 0}] = {1000, 5000, 5000};
  {
    tool::perf_counts<os, stepping> counts({cycles()}, {cpu(0)});
    counts.begin();
    shown = {2000, 15'000, 7500}; // a quarter of the 10 us
    const auto all = counts.end();
    CHECK(all[0].counted == 4000.0);
    CHECK(all[0].scaled);
  }
  tool::perf_counts<os, stepping> counts({cycles()}, {cpu(0)});
  counts.begin();
  shown.enabled += 1000;
  const auto all = counts.end();
  CHECK_FALSE(all[0].counted);
  CHECK(all[0].briefly == "in use by others");
}

TEST_CASE("what is missing has its reason, and takes nothing else with it") {
  using os = takt::testing::fake_os<struct missing>;
  os::reset();
  os::now.files["/proc/sys/kernel/perf_event_paranoid"].value = "2\n";
  os::now.perf_counts[{1, 0}] = {};
  os::now.perf_counts[{0, 9}].error = EACCES;
  perf_event aperf = event("msr/aperf/", perf_event::kind::device, 0, 0, perf_event::scope::core);
  aperf.missing = std::make_error_code(std::errc::no_such_device);
  const auto software = perf_event::kind::software;
  const std::vector<perf_event> events{event("task-clock", software, 1, 1, perf_event::scope::task),
                                       event("cpu-clock", software, 1, 0, perf_event::scope::cpu), cycles(),
                                       event("ref-cycles", perf_event::kind::hardware, 0, 9), aperf};
  tool::perf_counts<os, stepping> counts(events, {cpu(0)});
  counts.begin();
  const auto all = counts.end();
  CHECK(all[0].briefly == "counts tasks alone");
  CHECK(all[1].counted == 0.0);
  CHECK(all[2].briefly == "not in CPU or guest");
  CHECK(all[2].unavailable.find("virtual PMU") != std::string::npos);
  CHECK(all[3].briefly == "not permitted");
  CHECK(all[3].unavailable.find("perf_event_paranoid <= 0 (it is 2)") != std::string::npos);
  CHECK(all[4].briefly == "no such device");
  for (const auto& c : os::now.perf_counters) CHECK_FALSE(c.open);

  tool::perf_counts<os, stepping> of_tasks({events[1]}, {thread(10)});
  of_tasks.begin();
  CHECK(of_tasks.end()[0].briefly == "counts CPUs alone");
  tool::perf_counts<os, stepping> of_none({cycles()}, {});
  of_none.begin();
  CHECK_FALSE(of_none.end()[0].unavailable.empty());
}
