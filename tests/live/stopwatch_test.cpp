// Protects the stopwatch on this machine: empty laps come out next to nothing, busy ones as long as they were, and a
// thread that is moved inside a region is distinguished from one that is not.
#include <takt/clock/stopwatch.hpp>

#include <doctest/doctest.h>
#include <sched.h>
#include <support/skip.hpp>

#include <chrono>
#include <vector>

namespace {

using namespace std::chrono_literals;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;

bool pin_to(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(cpu), &one);
  return ::sched_setaffinity(0, sizeof one, &one) == 0;
}

} // namespace

// One-sided: of ten thousand empty laps one at least is undisturbed.
TEST_CASE("an empty lap takes less than the overhead that was subtracted from it") {
  takt::stopwatch watch;
  takt::ticks least(~0ull);
  for (int i = 0; i < 10'000; ++i) {
    watch.start();
    const takt::ticks t = watch.stop().elapsed();
    if (t < least) least = t;
  }
  CHECK(least <= watch.overhead() + takt::ticks(1));
}

TEST_CASE("a lap is not shorter than what was done in it, nor longer than what it was done in") {
  if (!takt::judge(takt::verdict::facts::gather()).counter_trusted)
    TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  takt::tsc_clock::calibrate(5ms, ec);
  REQUIRE(!ec);
  const takt::tick_rate rate = takt::tsc_clock::calibration().rate();
  takt::stopwatch watch;
  for (int i = 0; i < 20; ++i) {
    const auto outer = kernel::now();
    watch.start();
    const auto inner = kernel::now();
    while (kernel::now() < inner + 100us) {
    }
    const auto inside = kernel::now() - inner;
    const takt::stopwatch::lap lap = watch.stop();
    const auto outside = kernel::now() - outer;
    REQUIRE(lap.time());
    // 1 us: what the overhead may have been taken too large. A thousandth: twice the most that NTP may change the rate
    // by.
    const auto slack = 1us + outside / 1000;
    CHECK(*lap.time() >= inside - slack);
    CHECK(*lap.time() <= outside + slack);
    CHECK(lap.to<std::chrono::nanoseconds>(rate) >= inside - slack);
    CHECK(lap.to<std::chrono::nanoseconds>(rate) <= outside + slack);
  }
}

TEST_CASE("it tells whether the thread was moved") {
  cpu_set_t before;
  if (::sched_getaffinity(0, sizeof before, &before) != 0) TAKT_SKIP("sched_getaffinity does not answer");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &before)) cpus.push_back(cpu);
  if (cpus.empty() || !pin_to(cpus.front())) TAKT_SKIP("sched_setaffinity is not permitted");
  takt::stopwatch watch;
  watch.start();
  const takt::stopwatch::lap stayed = watch.stop();
  CHECK(stayed.moved() == false);
  CHECK(stayed.begin().cpu == static_cast<unsigned>(cpus.front()));
  if (cpus.size() > 1) {
    watch.start();
    const bool gone = pin_to(cpus.back());
    const takt::stopwatch::lap moved = watch.stop();
    if (gone) {
      CHECK(moved.moved() == true);
      CHECK(moved.end().cpu == static_cast<unsigned>(cpus.back()));
    }
  }
  ::sched_setaffinity(0, sizeof before, &before);
  if (cpus.size() < 2) TAKT_SKIP("there is but one CPU to be moved between");
}
