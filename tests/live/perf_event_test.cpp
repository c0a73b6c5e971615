// Protects: that this kernel's clocks of perf count what they say, that the TSC by perf runs at takt's rate, and that
// what is missing has a reason.
#include "support/skip.hpp"
#include <takt/clock/calibration.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/perf_group.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <fcntl.h>
#include <string>
#include <unistd.h>

using namespace std::chrono_literals;
using takt::perf_event;
using perf_group = perf_event::group;

namespace {

/// Works for so much CPU time of this thread.
void burn(std::chrono::nanoseconds cpu_time) {
  timespec t{};
  const auto now = [&] {
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return takt::to_nanoseconds(t);
  };
  const auto end = now() + cpu_time;
  while (now() < end) {}
}

} // namespace

TEST_CASE("task-clock counts the CPU time of this thread, and none while it sleeps") {
  std::error_code ec;
  const perf_event e = perf_event::find("task-clock", ec);
  REQUIRE_FALSE(ec);
  auto g = perf_group::open({e}, {}, ec);
  if (ec) TAKT_SKIP("perf_event_open: %s", perf_event::explain(ec, e, {}).c_str());
  burn(20ms);
  ::usleep(50'000);
  const auto r = g.read(ec);
  REQUIRE_FALSE(ec);
  REQUIRE(r.count(0));
  CHECK(*r.count(0) >= 18e6); // the kernel's two accounts of CPU time differ by some us at each switch
  CHECK(*r.count(0) < 60e6); // the sleep alone would add 50 ms
  CHECK_FALSE(r.scaled());
  g.enable(false, ec);
  REQUIRE_FALSE(ec);
  const auto stopped = g.read(ec);
  burn(5ms);
  CHECK(g.read(ec).counted[0] == stopped.counted[0]);
  CHECK_FALSE(g.count_in_user_space(0)); // a clock is no counter of the processor
}

TEST_CASE("the time stamp counter by perf runs at the rate that takt measures") {
  std::error_code ec;
  const perf_event e = perf_event::find("msr/tsc/", ec);
  if (ec) TAKT_SKIP("msr/tsc/: %s", perf_event::explain(ec, e, {}).c_str());
  if (!takt::judge(takt::verdict::facts::gather()).counter_trusted) TAKT_SKIP("the counter of this machine is not trusted");
  perf_event::target cpu;
  cpu.thread = -1, cpu.cpu = static_cast<int>(takt::online_cpus().front());
  auto g = perf_group::open({e}, cpu, ec);
  if (ec) TAKT_SKIP("perf_event_open: %s", perf_event::explain(ec, e, cpu).c_str());
  // A reading lies between two stamps. Both ends together say how well the rate of the count is known.
  struct stamped {
    double count;
    std::chrono::nanoseconds at, width;
  };
  const auto narrowest = [&] {
    stamped best{0, {}, 1s};
    for (int i = 0; i < 200; ++i) {
      const auto before = std::chrono::steady_clock::now();
      const auto r = g.read(ec);
      const auto after = std::chrono::steady_clock::now();
      REQUIRE_FALSE(ec);
      if (after - before < best.width) best = {*r.count(0), before.time_since_epoch() + (after - before) / 2, after - before};
    }
    return best;
  };
  const stamped a = narrowest();
  ::usleep(200'000);
  const stamped b = narrowest();
  const auto c = takt::calibrate(20ms, ec);
  REQUIRE_FALSE(ec);
  const double seconds = std::chrono::duration<double>(b.at - a.at).count();
  const double ppm = ((b.count - a.count) / seconds / c.rate().hertz() - 1) * 1e6;
  const double unsure = std::chrono::duration<double>(a.width + b.width).count() / 2 / seconds * 1e6;
  CAPTURE(ppm);
  CAPTURE(unsure);
  CHECK(std::abs(ppm) <= unsure + c.uncertainty_ppm());
}

TEST_CASE("to sample an event that only counts is an error that says so") {
  std::error_code ec;
  perf_event e = perf_event::find("msr/tsc/", ec);
  if (ec) TAKT_SKIP("msr/tsc/: %s", perf_event::explain(ec, e, {}).c_str());
  static_cast<void>(perf_group::open({e}, {}, ec));
  if (ec) TAKT_SKIP("msr/tsc/ cannot even be counted: %s", perf_event::explain(ec, e, {}).c_str());
  e.sample_period = 100'000;
  static_cast<void>(perf_group::open({e}, {}, ec));
  CHECK(ec == std::errc::invalid_argument);
  CHECK(perf_event::explain(ec, e, {}).find("only counts") != std::string::npos);
}

TEST_CASE("every clock can be counted or says why not, and nothing stays open") {
  const auto next_descriptor = [] {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(fd);
    return fd;
  };
  const int before = next_descriptor();
  for (const perf_event& e : perf_event::clocks()) {
    CAPTURE(e.name);
    perf_event::target t;
    if (e.whose == perf_event::scope::cpu || e.whose == perf_event::scope::core) t.thread = -1, t.cpu = 0;
    std::error_code ec;
    auto g = perf_group::open({e}, t, ec);
    if (ec) {
      CHECK_FALSE(perf_event::explain(ec, e, t).empty());
      continue;
    }
    burn(2ms);
    const auto r = g.read(ec);
    CHECK_FALSE(ec);
    if (r.count(0)) CHECK(*r.count(0) > 0);
    g.map(ec);
    if (!ec && g.count_in_user_space(0)) CHECK(*g.count_in_user_space(0) > 0);
  }
  CHECK(next_descriptor() == before);
}
