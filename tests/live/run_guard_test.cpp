// Protects: that the guard reads what the running kernel offers, and sees a migration that was made on purpose.
#include "support/forbidden_child.hpp"
#include "support/skip.hpp"
#include <takt/observe/run_guard.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <sched.h>

TEST_CASE("run_guard: a short pinned run is trusted, or says what happened") {
  takt::run_guard g;
  const takt::run_report r = g.finish();
  CHECK(r.length >= std::chrono::nanoseconds::zero());
  CHECK(r.cpu_before);
  CHECK(r.trusted() == (to_string(r).substr(0, 7) == "trusted"));
  CHECK(r.uncertainty < std::chrono::milliseconds(100)); // ten readings, of which the narrowest counts
}

TEST_CASE("run_guard: a thread that may not read the counter has a guard too") {
#if defined(TAKT_SANITIZER_READS_CLOCKS)
  TAKT_SKIP("the sanitizer's own runtime reads the clock by the vDSO in every thread");
#endif
  const auto end = takt_test::in_forbidden_child([] {
    takt::run_guard g;
    return g.finish().length >= std::chrono::nanoseconds::zero();
  });
  if (end == takt_test::child_end::refused) TAKT_SKIP("no child, or PR_SET_TSC is not there");
  CHECK(end == takt_test::child_end::good);
}

TEST_CASE("run_guard: a thread that is moved there and back was moved") {
  cpu_set_t all;
  REQUIRE(::sched_getaffinity(0, sizeof(all), &all) == 0);
  if (CPU_COUNT(&all) < 2) TAKT_SKIP("one CPU: nowhere to move to");
  const auto pin = [](int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(cpu), &one);
    return ::sched_setaffinity(0, sizeof(one), &one) == 0;
  };
  int cpus[2] = {-1, -1};
  for (int cpu = 0, found = 0; cpu < CPU_SETSIZE && found < 2; ++cpu)
    if (CPU_ISSET(static_cast<unsigned>(cpu), &all)) cpus[found++] = cpu;
  REQUIRE(pin(cpus[0]));
  takt::run_guard g;
  REQUIRE(pin(cpus[1]));
  CHECK(g.finish().migrated());
  REQUIRE(pin(cpus[0]));
  const takt::run_report r = g.finish();
  if (r.migrations) CHECK(*r.migrations == 2);
  else CHECK_FALSE(r.migrated()); // the kernel does not count
  CHECK(::sched_setaffinity(0, sizeof(all), &all) == 0);
}
