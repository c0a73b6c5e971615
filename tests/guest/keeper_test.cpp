// Protects: that a keeper holds tsc_clock on the kernel's clock through slews, steps and a counter that leaps: never
// backwards, and back within what it can read after the time that steering.hpp states. And that clock_watch tells a counter
// that leaps from one that is a little ahead.
//
// On virtual time. The counter leaps by a fault handler, which makes each reading cost some 100 us.
#include "checks.hpp"
#include "emulated_counter.hpp"
#include "guest.hpp"

#include <takt/observe/clock_watch.hpp>
#include <takt/timer/keeper.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

namespace {

constexpr auto period = 100ms, seldom = 250ms; // a check is expensive where each reading faults

/// A clock on the emulated counter whose kernel is read by system call.
using leaping_clock =
    takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall, guest::unaware>, takt::ordered_counter, guest::unaware>;

/// How far it is from the kernel's clock, as the least distance outside a bracket.
nanoseconds off() {
  using kernel = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>;
  nanoseconds best = nanoseconds::max();
  for (int i = 0; i < 50; ++i) {
    const nanoseconds a = kernel::now().time_since_epoch();
    const nanoseconds t = leaping_clock::now().time_since_epoch();
    const nanoseconds c = kernel::now().time_since_epoch();
    best = std::min(best, t < a ? a - t : t > c ? t - c : 0ns);
  }
  return best;
}

/// Sleeps until the middle between two checks of a keeper. What changes during a check is in one half of its readings: that
/// is another situation, which depends on a millisecond of virtual time.
template <class Keeper> void between_checks(const Keeper& keeper, nanoseconds every) {
  const auto before = keeper.report().checks;
  while (keeper.report().checks == before) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(every / 2);
}

/// Counts how often the clock went backwards, and how often a stamp was older than one handed over before.
class backwards {
public:
  backwards() : one_([this] { watch(); }), two_([this] { watch(); }) {}
  ~backwards() { end(); }
  backwards(const backwards&) = delete;
  backwards& operator=(const backwards&) = delete;
  int end() {
    stop_ = true;
    if (one_.joinable()) one_.join(), two_.join();
    return count_;
  }

private:
  void watch() {
    while (!stop_) {
      for (int i = 0; i < 2; ++i) {
        nanoseconds::rep seen = newest_.load(std::memory_order_acquire);
        const nanoseconds::rep own = leaping_clock::now().time_since_epoch().count();
        count_ += own < seen;
        while (seen < own && !newest_.compare_exchange_weak(seen, own, std::memory_order_acq_rel)) {}
      }
      std::this_thread::sleep_for(20ms);
    }
  }
  std::atomic<nanoseconds::rep> newest_{0};
  std::atomic<bool> stop_{false};
  std::atomic<int> count_{0};
  std::thread one_, two_;
};

int keeps_through_leaps() {
  guest::emulate_counter();
  std::error_code ec;
  const takt::tsc_calibration c = leaping_clock::calibrate(200ms, seldom, ec);
  if (ec) return std::printf("calibration: %s\n", ec.message().c_str()), 1;
  const double hertz = c.rate().hertz();
  const takt::clock_keeper<leaping_clock, guest::unaware> keeper(seldom, ec);
  if (ec) return 2;
  std::this_thread::sleep_for(2s);
  if (leaping_clock::source() != takt::clock_path::counter) return 3;
  backwards watcher;
  struct test {
    nanoseconds by, back_after;
  };
  // Ahead of the life of a line the clock stands at its end, two seconds ahead; from the next check on it slews, at
  // half speed and the last tenth of a second at 500 ppm. Before the base reads take the kernel's path at once. A little
  // behind is mended at the next check, ahead by d takes a slew of d / 500 ppm.
  const nanoseconds stood = 4 * seldom + 1s;
  for (const test& t : {test{3600s, 2 * stood + 100ms * 2000 + 2 * seldom + 50ms}, test{-3600s, 0s}, test{-5ms, seldom + 50ms},
                        test{5ms, 5ms * 2000 + 2 * seldom + 50ms}}) {
    between_checks(keeper, seldom);
    guest::leap += static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<double>(t.by.count()) * 1e-9 * hertz));
    std::this_thread::sleep_for(t.back_after);
    const nanoseconds early = off();
    std::this_thread::sleep_for(2s);
    const nanoseconds later = off();
    const nanoseconds known_to = keeper.report().last.half_width;
    std::printf("counter leapt by %.3f s: off by %lld ns in time, %lld ns 2 s later, read to %lld ns\n", 1e-9 * static_cast<double>(t.by.count()),
                static_cast<long long>(early.count()), static_cast<long long>(later.count()), static_cast<long long>(known_to.count()));
    // Before its base a line is ahead by a 1024th of what has passed since it began, less than two periods.
    const nanoseconds ahead = t.back_after == 0s ? nanoseconds(2 * seldom) / 1024 : 0s;
    // What a line may be off: its own reading, and over half a second what the rate is, measured between two readings half a
    // second apart; and what is compared with is read no better. The kernel's path is no less than what the line before it
    // had shown.
    if (early > 5 * known_to + ahead || later > 5 * known_to) return 4;
    if (leaping_clock::source() != takt::clock_path::counter) return 5; // taken up again
  }
  if (watcher.end() != 0) return 6;
  const takt::clock_keeper<>::report_type r = keeper.report();
  std::printf("keeper: %llu checks, %llu counter jumps, %llu failed\n", static_cast<unsigned long long>(r.checks),
              static_cast<unsigned long long>(r.counter_jumps), static_cast<unsigned long long>(r.failed_checks));
  if (r.counter_jumps < 3) return 7;
  return 0;
}

int watch_tells_leaps() {
  guest::emulate_counter();
  std::error_code ec;
  takt::basic_clock_watch<takt::ordered_counter, guest::unaware> watch(10s, ec);
  if (ec) return 1;
  const auto quiet = [&](nanoseconds span) {
    const auto events = watch.wait(span, ec);
    for (const auto& e : events) std::printf("untrue: %s\n", to_string(e).c_str());
    return events.empty();
  };
  if (!quiet(1000s)) return 2;
  const double hertz = watch.history().rate().hertz();
  if (hertz < 1e6) return 3;
  struct test {
    nanoseconds by;
    takt::watch_event::kind_type kind;
  };
  using kinds = takt::watch_event::kind_type;
  for (const test& t : {test{3600s, kinds::counter_jump}, test{-20ms, kinds::counter_jump},
                        test{900us, kinds::counter_shift}, test{-900us, kinds::counter_shift}}) {
    guest::leap += static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<double>(t.by.count()) * 1e-9 * hertz));
    const auto events = watch.wait(2000s, ec);
    for (const auto& e : events) std::printf("%s\n", to_string(e).c_str());
    if (events.size() != 1 || events[0].kind != t.kind) return 4;
    if (std::chrono::abs(events[0].size - t.by) > events[0].uncertainty) return 5;
    if (!quiet(1000s)) return 6;
  }
  return 0;
}

} // namespace

TEST_CASE("keeper: the clock follows the frequency to its limits and back, by itself") {
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(20ms, period, ec));
  REQUIRE_FALSE(ec);
  const takt::clock_keeper<> keeper(period, ec);
  REQUIRE_FALSE(ec);
  guest::watcher watcher;
  for (const double ppm : {500.0, -500.0, 11.574, 0.0}) {
    between_checks(keeper, period);
    guest::steer(ppm);
    // The rate is measured over half a second, in which a change of d ppm brings d * 0.6 s: ahead by that, it takes that
    // divided by 500 ppm.
    std::this_thread::sleep_for(2s);
    const nanoseconds off = guest::off_from_monotonic<takt::tsc_clock>();
    MESSAGE("slewed by ", ppm, " ppm: off by ", off.count(), " ns after 2 s");
    CHECK(off <= 2us);
  }
  const takt::clock_keeper<>::report_type r = keeper.report();
  CHECK(r.failed_checks == 0);
  CHECK(r.counter_jumps == 0);
  CHECK(r.slews >= 3);
  CHECK(r.steps == 0);
  const auto seen = watcher.end();
  CHECK(seen.monotonic == 0);
  CHECK(seen.tsc == 0);
  CHECK(seen.fast == 0);
}

TEST_CASE("keeper: is notified of steps, and the clock does not notice them") {
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(20ms, period, ec));
  REQUIRE_FALSE(ec);
  const takt::clock_keeper<> keeper(10s, ec);
  REQUIRE_FALSE(ec);
  std::this_thread::sleep_for(30s);
  guest::watcher watcher;
  for (const nanoseconds by : {nanoseconds(3600s), nanoseconds(-3600s), nanoseconds(1s), nanoseconds(-1s)}) {
    guest::step_realtime(by);
    std::this_thread::sleep_for(100ms);
    CHECK(guest::off_from_monotonic<takt::tsc_clock>() <= 2us);
  }
  const takt::clock_keeper<>::report_type r = keeper.report();
  CHECK(r.notifications == 4);
  CHECK(r.steps == 4);
  CHECK(r.counter_jumps == 0);
  const auto seen = watcher.end();
  CHECK(seen.tsc == 0);
  CHECK(seen.fast == 0);
}

TEST_CASE("keeper: a counter that leaps") {
  const std::string original = takt::clocksource::current();
  guest::select_clocksource("hpet");
  CHECK(guest::in_a_child(&keeps_through_leaps) == 0);
  guest::select_clocksource(original);
}

TEST_CASE("watch: a counter that leaps, and one that is ahead by a little and stays so") {
  const std::string original = takt::clocksource::current();
  guest::select_clocksource("hpet");
  CHECK(guest::in_a_child(&watch_tells_leaps) == 0);
  guest::select_clocksource(original);
}
