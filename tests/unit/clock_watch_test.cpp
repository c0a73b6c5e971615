// Protects: that the watch checks once a period and at once when the kernel notifies it, asks every source it can, and goes on
// where one is missing. What it finds by the checks is tested in clock_history_test.cpp.
#include <takt/observe/clock_watch.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using watch_kind = takt::watch_event::kind_type;
using os = takt::testing::fake_os<struct clock_watch_test>;

/// Counts RAW, and leaps where a test wants.
struct counter {
  using family = counter;
  inline static std::uint64_t leap = 0;
  inline static bool (*disturbed)() = nullptr; ///< whether this read takes long
  static takt::tick_point read() {
    os::advance(disturbed != nullptr && disturbed() ? nanoseconds(10ms) : nanoseconds(20ns));
    const auto raw = takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC_RAW].value).count();
    return takt::tick_point(static_cast<std::uint64_t>(raw) * 5 / 2 + leap);
  }
};
using watch = takt::basic_clock_watch<counter, os>;

void move(clockid_t id, nanoseconds by) {
  auto& clock = os::now.clocks[id].value;
  clock = takt::to_timespec(takt::to_nanoseconds(clock) + by);
}

struct all_clocks {
  all_clocks() {
    os::reset();
    counter::leap = 0;
    counter::disturbed = nullptr;
    for (const clockid_t id : {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME}) os::now.clocks[id] = {{1000, 250'000'000}, 0};
    os::now.clocks[CLOCK_REALTIME] = {{1'700'000'000, 0}, 0};
    os::now.clocks[CLOCK_TAI] = {{1'700'000'037, 0}, 0};
    os::now.resolutions[CLOCK_MONOTONIC] = {{0, 1}, 0};
    os::now.files[takt::detail::current_clocksource_path].value = "tsc\n";
    os::now.adjtimex.value.tai = 37;
    os::now.reading = 20ns;
    takt::assume_grid_origin<os>({});
  }
};
struct machine : all_clocks {
  std::error_code ec;
  watch w{1s, ec};
  nanoseconds monotonic() { return takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value); }
};

/// The event in the next wait, a third of a period into it.
void (*happens)() = nullptr;
void during_wait(void (*f)()) {
  happens = f;
  os::now.asleep = [] {
    os::now.asleep = nullptr;
    os::advance(300ms);
    happens();
  };
}

} // namespace

TEST_CASE("clock_watch: nothing happens, and it checks on the grid") {
  machine m;
  REQUIRE_FALSE(m.ec);
  CHECK(m.w.checks() == 1);
  CHECK(m.w.judges_counter());
  CHECK(m.w.wait(100s, m.ec).empty());
  CHECK_FALSE(m.ec);
  CHECK(m.w.checks() == 101);
  CHECK(m.w.notifications() == 0);
  CHECK(m.w.history().rate().hertz() == doctest::Approx(2.5e9));
  for (std::size_t i = 0; i + 1 < os::now.sleeps.size(); ++i) // 1.7e9 s is a full second too, shifted by 250 ms
    CHECK(std::chrono::abs(os::now.sleeps[i].deadline % 1s - 750ms) < 10us);
}

TEST_CASE("clock_watch: a step is reported at once") {
  machine m;
  CHECK(m.w.wait(5s, m.ec).empty());
  during_wait([] { os::step(-3600s); });
  const nanoseconds begin = m.monotonic();
  const auto events = m.w.wait(1h, m.ec);
  CHECK(m.monotonic() - begin < 301ms);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::step);
  CHECK(std::chrono::abs(events[0].size + 3600s) <= events[0].uncertainty);
  CHECK(events[0].uncertainty < 1us);
  CHECK(m.w.notifications() == 1);
  CHECK(m.w.wait(100s, m.ec).empty());
}

TEST_CASE("clock_watch: a step between checking and arming is not lost, and an event loop learns of it") {
  machine m;
  CHECK(m.w.take(m.ec).empty()); // nothing to read
  CHECK(m.w.checks() == 1);
  os::advance(1s);
  CHECK(m.w.take(m.ec).empty());
  CHECK(m.w.checks() == 2);
  os::step(1s);
  const auto events = m.w.take(m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::step);
}

TEST_CASE("clock_watch: notified of what a disturbed check does not show, it checks again at once") {
  static machine* m;
  static std::uint64_t slow, checks;
  for (slow = 1; slow <= 2; ++slow) {
    CAPTURE(slow);
    machine here;
    m = &here;
    CHECK(here.w.wait(5s, here.ec).empty());
    checks = here.w.checks();
    during_wait([] { os::step(5ms); });
    counter::disturbed = [] { return m->w.checks() >= checks && m->w.checks() < checks + slow; };
    const nanoseconds begin = here.monotonic();
    const auto events = here.w.wait(900ms, here.ec);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == watch_kind::step);
    CHECK(std::chrono::abs(events[0].size - 5ms) <= events[0].uncertainty);
    CHECK(here.w.checks() == checks + slow + 1);
    CHECK(here.w.notifications() == 1);
    CHECK(here.monotonic() - begin < 900ms);
  }
}

TEST_CASE("clock_watch: suspend") {
  machine m;
  CHECK(m.w.wait(5s, m.ec).empty());
  during_wait([] {
    for (const clockid_t id : {CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_TAI}) move(id, 7h);
    for (auto& t : os::now.timers) t.set = true;
  });
  const auto events = m.w.wait(1h, m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::suspend);
  CHECK(std::chrono::abs(events[0].size - 7h) <= events[0].uncertainty);
}

TEST_CASE("clock_watch: the clock source, with the kernel's line where it may be read") {
  machine m;
  for (const bool readable : {true, false}) {
    os::now.log = {"<6>[    0.1] clocksource: Switched to clocksource tsc\n<6>[  9.9] clocksource: Switched to clocksource hpet\n",
                   readable ? 0 : EPERM};
    CHECK(m.w.wait(5s, m.ec).empty());
    os::now.files[takt::detail::current_clocksource_path].value = readable ? "hpet\n" : "tsc\n";
    const auto events = m.w.wait(2s, m.ec);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == watch_kind::source_switched);
    CHECK(events[0].to == (readable ? "hpet" : "tsc"));
    CHECK(events[0].log == (readable ? "clocksource: Switched to clocksource hpet" : ""));
  }
}

TEST_CASE("clock_watch: the kernel's message about another switch is not reported") {
  machine m;
  os::now.log = {"<6>[    9.8] clocksource: Switched to clocksource hpet\n<6>[  9.9] clocksource: Switched to clocksource tsc\n", 0};
  CHECK(m.w.wait(5s, m.ec).empty());
  os::now.files[takt::detail::current_clocksource_path].value = "hpet\n";
  const auto events = m.w.wait(2s, m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].to == "hpet");
  CHECK(events[0].log.empty());
}

TEST_CASE("clock_watch: a leap second, announced before and while it watches") {
  machine m;
  os::now.adjtimex_state = TIME_DEL;
  watch late(1s, m.ec);
  auto events = late.wait(2s, m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::leap_announced);
  CHECK(events[0].size == 1s);
  CHECK(late.wait(10s, m.ec).empty());

  events = m.w.wait(2s, m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::leap_announced);
  during_wait([] {
    os::step(1s);
    move(CLOCK_TAI, -1s);
    os::now.adjtimex_state = TIME_WAIT;
  });
  events = m.w.wait(1h, m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::leap_applied);
  CHECK(m.w.wait(10s, m.ec).empty());
}

TEST_CASE("clock_watch: the counter jumps") {
  machine m;
  CHECK(m.w.wait(5s, m.ec).empty());
  counter::leap += 2'500'000'000;
  const auto events = m.w.wait(2s, m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::counter_jump);
  CHECK(std::chrono::abs(events[0].size - 1s) <= events[0].uncertainty);
  CHECK(m.w.wait(100s, m.ec).empty());
}

TEST_CASE("clock_watch: a restore is reported with how it is known, in place of the step it looks like") {
  static std::uint64_t page[14];
  using sign = takt::restore_signs::sign;
  std::memset(page, 0, sizeof(page));
  page[0] = 0x4b4c4356 | std::uint64_t{112} << 32, page[1] = 1, page[3] = 1 << 8;
  const auto only_sign = [](const std::vector<takt::watch_event>& events, sign how) {
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == watch_kind::restored);
    takt::restore_signs wanted;
    wanted.add(how);
    CHECK(events[0].signs == wanted);
    CHECK(std::chrono::abs(events[0].size - 1h) <= events[0].uncertainty);
  };
  all_clocks fresh;
  os::now.vmclock = page;
  os::now.files[takt::detail::boot_id_path].value = "0f0c9f0e-5dc1-4b7b-9d7f-3d9a3a1f0001\n";
  os::now.links[takt::detail::own_time_namespace_path].value = std::string(takt::detail::first_time_namespace);
  std::error_code ec;
  {
    watch w(1s, ec);
    REQUIRE(w.vmclock() != nullptr);
    CHECK(os::now.vmclock_maps == 1);
    CHECK(os::now.uevents_sockets == 1);
    CHECK(w.wait(5s, ec).empty());
    during_wait([] { page[13] = 7, os::step(1h); });
    only_sign(w.wait(1min, ec), sign::generation);
    CHECK(w.wait(1min, ec).empty());
    during_wait([] { page[2] = 9, os::step(1h); });
    only_sign(w.wait(1min, ec), sign::disruption);
    CHECK(w.wait(1min, ec).empty());
    during_wait([] { os::now.uevents.push_back(std::string("change@/x\0NEW_VMGENID=1\0", 24)), os::step(1h); });
    only_sign(w.wait(1min, ec), sign::generation_id);
    CHECK(w.wait(1min, ec).empty());
    during_wait([] {
      os::now.files[takt::detail::boot_id_path].value = "0f0c9f0f-5dc1-4b7b-9d7f-3d9a3a1f0001\n";
      os::step(1h);
    });
    only_sign(w.wait(1min, ec), sign::boot_id);
    CHECK(w.wait(1min, ec).empty());
    during_wait([] {
      os::now.links[takt::detail::own_time_namespace_path].value = "time:[4026532999]";
      os::step(1h);
    });
    only_sign(w.wait(1min, ec), sign::time_namespace);
    CHECK(w.wait(1min, ec).empty());
    during_wait([] { os::step(1h); });
    const auto events = w.wait(1min, ec);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == watch_kind::step);
    watch moved(std::move(w));
    CHECK(os::now.vmclock_maps == 1);
    page[13] = 8;
    CHECK(moved.wait(2s, ec).size() == 1);
  }
  CHECK(os::now.vmclock_maps == 0);
  CHECK(os::now.uevents_sockets == 0);
}

TEST_CASE("clock_watch: clocks that leap while the counter does not are called inferred") {
  machine m;
  CHECK(m.w.wait(5s, m.ec).empty());
  during_wait([] {
    counter::leap -= 3600ULL * 2'500'000'000; // which counts RAW
    os::advance(1h);
  });
  const auto events = m.w.wait(2h, m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::restored);
  CHECK(events[0].signs.inferred());
  CHECK(std::chrono::abs(events[0].size - 1h) <= events[0].uncertainty);
}

TEST_CASE("clock_watch: what cannot be read is not judged") {
  machine m;
  os::now.files.clear();
  os::now.adjtimex.error = EPERM;
  os::now.resolutions.clear();
  watch w(1s, m.ec);
  REQUIRE_FALSE(m.ec);
  CHECK(w.wait(20s, m.ec).empty());
  os::step(5s);
  CHECK(w.wait(20s, m.ec).size() == 1);

  os::now.counter.value = false; // forbidden
  takt::basic_clock_watch<takt::ordered_counter, os> forbidden(1s, m.ec);
  REQUIRE_FALSE(m.ec);
  CHECK_FALSE(forbidden.judges_counter());
  CHECK(forbidden.wait(20s, m.ec).empty());
}

TEST_CASE("clock_watch: a wait ends when its time has passed, or a signal comes") {
  machine m;
  nanoseconds begin = m.monotonic();
  CHECK(m.w.wait(2500ms, m.ec).empty());
  CHECK_FALSE(m.ec);
  CHECK(m.monotonic() - begin >= 2500ms);
  CHECK(m.monotonic() - begin < 2501ms);
  begin = m.monotonic();
  CHECK(m.w.wait(0s, m.ec).empty());
  CHECK(m.monotonic() - begin < 1ms);
  os::now.early_ends.push_back({10ms, EINTR});
  CHECK(m.w.wait(1h, m.ec).empty());
  CHECK_FALSE(m.ec);
  CHECK(m.monotonic() - begin < 12ms);
}

TEST_CASE("clock_watch: errors") {
  machine m;
  for (const nanoseconds period : {nanoseconds(0), nanoseconds(-1), nanoseconds(999'999), nanoseconds::min()}) {
    watch w(period, m.ec);
    CHECK(m.ec == std::errc::invalid_argument);
    CHECK(w.checks() == 0);
  }
  os::now.timer_errors[CLOCK_REALTIME] = EMFILE;
  watch w(1s, m.ec);
  CHECK(m.ec == std::errc::too_many_files_open);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS(watch(1s), std::system_error);
#endif
}

TEST_CASE("clock_watch: in a forked child it is inert, and the parent learns what the kernel notified") {
  machine m;
  os::step(1h);
  os::now.forks.value = 1;
  const auto denied = std::errc::operation_not_permitted;
  CHECK(m.w.take(m.ec).empty());
  CHECK(m.ec == denied);
  m.ec.clear();
  CHECK(m.w.check(m.ec).empty());
  CHECK(m.ec == denied);
  m.ec.clear();
  CHECK(m.w.wait(10s, m.ec).empty());
  CHECK(m.ec == denied);
  CHECK(m.w.fd() == -1);
  CHECK(m.w.checks() == 1);
  os::now.forks.value = 0;
  const auto events = m.w.take(m.ec);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == watch_kind::step);
}
