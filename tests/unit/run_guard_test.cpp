// Protects: that a measurement is called trusted exactly when nothing happened that would spoil it, and that what
// happened is named with its size.
#include "support/hostile_text.hpp"
#include <takt/observe/run_guard.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <ostream>
#include <string>

namespace {

using namespace std::chrono_literals;
using os = takt::testing::fake_os<struct run_guard_test>;
using guard = takt::basic_run_guard<os>;

void migrations(int n) {
  os::now.files[takt::detail::thread_statistics_path].value =
      "worker (77, #threads: 3)\n-----\nse.exec_start : 1.5\nse.nr_migrations    :      " + std::to_string(n) + "\n";
}

void machine() {
  os::reset();
  for (const clockid_t id : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI})
    os::now.clocks[id] = {timespec{1000, 0}, 0};
  os::now.files[takt::detail::current_clocksource_path].value = "tsc\n";
  os::now.reading = 20ns;
  migrations(5);
}

void move(clockid_t id, std::chrono::nanoseconds by) {
  auto& clock = os::now.clocks[id].value;
  clock = takt::to_timespec(takt::to_nanoseconds(clock) + by);
}

bool says(const takt::run_report& r, std::string_view what) { return to_string(r).find(what) != std::string::npos; }

} // namespace

TEST_CASE("run_guard: a run in which nothing happened is trusted") {
  machine();
  guard g;
  os::advance(2s);
  const takt::run_report r = g.finish();
  CHECK(r.trusted());
  CHECK(r.length >= 2s);
  CHECK(r.length < 2s + 1us);
  CHECK(r.migrations == 0);
  CHECK(to_string(r) == "trusted (tsc, 2.000000020 s)");
  CHECK(r.uncertainty > 0ns);
  CHECK(r.uncertainty < 1us);
}

TEST_CASE("run_guard: another clock source spoils it") {
  machine();
  guard g;
  os::now.files[takt::detail::current_clocksource_path].value = "hpet\n";
  const takt::run_report r = g.finish();
  CHECK(r.switched());
  CHECK_FALSE(r.trusted());
  CHECK(says(r, "changed from tsc to hpet"));
}

TEST_CASE("run_guard: a clock source that cannot be read is not called the same") {
  machine();
  os::now.files.erase(takt::detail::current_clocksource_path);
  guard g;
  const takt::run_report r = g.finish();
  CHECK_FALSE(r.switched());
  CHECK_FALSE(r.trusted());
  CHECK(says(r, "cannot be read"));
}

TEST_CASE("run_guard: a step makes it untrusted, forward and back, and its size is reported") {
  using std::chrono::nanoseconds;
  for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-1s), nanoseconds(50us)}) {
    machine();
    guard g;
    os::advance(1s);
    os::step(by);
    const takt::run_report r = g.finish();
    CHECK(r.was_stepped());
    CHECK_FALSE(r.suspended());
    CHECK_FALSE(r.trusted());
    CHECK(r.stepped - by <= r.uncertainty);
    CHECK(by - r.stepped <= r.uncertainty);
    CHECK_FALSE(g.finish().trusted()); // asked again, the same
  }
}

TEST_CASE("run_guard: a step that was taken back is known from the kernel, one without a timer from its size") {
  machine();
  {
    guard g;
    os::step(1h), os::step(-1h);
    CHECK(g.finish().was_stepped());
  }
  machine();
  os::now.timer_errors[CLOCK_REALTIME] = EMFILE;
  guard g;
  CHECK(g.finish().trusted());
  os::step(10us);
  CHECK(g.finish().was_stepped());
}

TEST_CASE("run_guard: suspend is distinguished from a step") {
  machine();
  guard g;
  move(CLOCK_BOOTTIME, 30s), move(CLOCK_REALTIME, 30s);
  for (auto& t : os::now.timers) t.set = true; // Linux notifies of a resume as of a step
  const takt::run_report r = g.finish();
  CHECK(r.suspended());
  CHECK_FALSE(r.was_stepped());
  CHECK(says(r, "suspended for 29.99") != says(r, "suspended for 30.000"));
  CHECK_FALSE(r.trusted());
}

TEST_CASE("run_guard: a restore spoils it, and is not called a step or a suspend") {
  using sign = takt::restore_signs::sign;
  static const std::uint64_t page[14] = {0x4b4c4356 | std::uint64_t{112} << 32, 1, 0, 1 << 8}, restored[14] = {page[0], 1, 1, 1 << 8};
  static std::uint64_t now[14];
  std::copy(std::begin(page), std::end(page), now);
  machine();
  os::now.vmclock = now;
  {
    guard g;
    os::advance(1s);
    std::copy(std::begin(restored), std::end(restored), now);
    os::step(1h);
    const takt::run_report r = g.finish();
    CHECK(r.restored.has(sign::disruption));
    CHECK_FALSE(r.was_stepped());
    CHECK_FALSE(r.suspended());
    CHECK_FALSE(r.trusted());
    CHECK(says(r, "migrated"));
    CHECK(says(r, "VMClock disruption marker"));
    CHECK_FALSE(says(r, "set by"));
    CHECK_FALSE(g.finish().trusted()); // asked again, the same
  }
  CHECK(os::now.vmclock_maps == 0);
  CHECK(os::now.uevents_sockets == 0);
  machine();
  os::now.links[takt::detail::own_time_namespace_path].value = "time:[4026531834]";
  guard g;
  os::now.links[takt::detail::own_time_namespace_path].value = "time:[4026532999]";
  move(CLOCK_BOOTTIME, 30s); // another offset of BOOTTIME is no suspend
  const takt::run_report r = g.finish();
  CHECK(r.restored.has(sign::time_namespace));
  CHECK_FALSE(r.suspended());
  CHECK_FALSE(r.trusted());
  CHECK(says(r, "time namespace"));
}

TEST_CASE("run_guard: a child reports no restore and takes no message from its parent") {
  machine();
  guard g;
  os::now.uevents.push_back(std::string("change@/x\0NEW_VMGENID=1\0", 24));
  os::now.forks.value = 1;
  CHECK_FALSE(g.finish().restored.any());
  os::now.forks.value = 0;
  CHECK(g.finish().restored.any());
}

TEST_CASE("run_guard: MONOTONIC that went backwards spoils it") {
  machine();
  guard g;
  os::advance(-2ms);
  const takt::run_report r = g.finish();
  CHECK(r.went_backwards());
  CHECK(r.backwards <= 2ms);
  CHECK(r.backwards > 1900us);
  CHECK_FALSE(r.suspended());
  CHECK_FALSE(r.was_stepped());
  CHECK_FALSE(r.trusted());
  CHECK(says(r, "went backwards by "));
}

TEST_CASE("run_guard: a thread that was moved spoils it, also one that came back") {
  machine();
  {
    guard g;
    os::now.cpu.value = 3;
    CHECK(g.finish().migrated());
  }
  machine();
  {
    guard g;
    migrations(7);
    const takt::run_report r = g.finish();
    CHECK(r.migrations == 2);
    CHECK_FALSE(r.trusted());
    CHECK(says(r, "moved to another CPU 2 times"));
  }
  machine();
  os::now.files.erase(takt::detail::thread_statistics_path);
  guard g;
  CHECK_FALSE(g.finish().migrations);
  CHECK(g.finish().trusted());
}

TEST_CASE("run_guard: the count of migrations is found where it stands, and nowhere else") {
  CHECK(takt::detail::parse_migrations("x\nse.nr_migrations : 12\n") == 12);
  CHECK_FALSE(takt::detail::parse_migrations("se.nr_migrations : 12\n")); // a thread may be called that
  CHECK_FALSE(takt::detail::parse_migrations("x\nse.nr_migrations : 12"));
  CHECK_FALSE(takt::detail::parse_migrations("x\nse.nr_migrations : 1.2\n"));
  CHECK_FALSE(takt::detail::parse_migrations("x\nse.nr_migrations : -1\n"));
  CHECK_FALSE(takt::detail::parse_migrations("x\nse.nr_migrations_cold : 1\n"));
  for (const std::string& text : test::hostile_texts()) CHECK_FALSE(takt::detail::parse_migrations(text));
  test::for_each_cut("x\nse.nr_migrations : 12\n",
                     [](std::string_view cut) { CHECK_FALSE(takt::detail::parse_migrations(cut)); });
}

TEST_CASE("run_guard: the report of a forked child is not about its run, and takes no notification from the parent") {
  machine();
  guard g;
  os::step(1h), os::step(-1h);
  os::now.forks.value = 1;
  const takt::run_report child = g.finish();
  CHECK(child.inherited);
  CHECK_FALSE(child.trusted());
  CHECK_FALSE(child.migrations);
  CHECK(to_string(child).starts_with("not trusted: this process was forked"));
  os::now.forks.value = 0;
  const takt::run_report own = g.finish();
  CHECK_FALSE(own.inherited);
  CHECK(own.clock_was_set);
}

TEST_CASE("run_guard: a run that was begun anew reports nothing of the one before, and needs no other descriptors") {
  machine();
  guard g;
  os::advance(1s), os::step(1h), migrations(6);
  os::now.files[takt::detail::current_clocksource_path].value = "hpet\n";
  os::now.uevents.push_back(std::string("change@/x\0NEW_VMGENID=1\0", 24));
  CHECK_FALSE(g.finish().trusted());
  os::step(1h); // after the report, before the next run
  const std::size_t timers = os::now.timers.size();
  const int sockets = os::now.uevents_sockets;
  g.restart();
  os::advance(2s);
  const takt::run_report second = g.finish();
  CHECK(to_string(second) == "trusted (hpet, 2.000000020 s)");
  CHECK(second.migrations == 0);
  CHECK(os::now.timers.size() == timers);
  CHECK(os::now.uevents_sockets == sockets);
  g.restart();
  os::step(10us);
  CHECK(g.finish().was_stepped());
  g.restart();
  os::step(1h), os::step(-1h); // the kernel notifies of this run, too
  CHECK(g.finish().was_stepped());
}

TEST_CASE("run_guard: begun anew in a forked child, the run is the child's") {
  machine();
  guard g;
  os::now.forks.value = 1;
  g.restart();
  const takt::run_report r = g.finish();
  CHECK_FALSE(r.inherited);
  CHECK(r.trusted());
  os::step(1h), os::step(-1h);
  CHECK(g.finish().was_stepped());
}
