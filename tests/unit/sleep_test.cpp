// Protects: that every sleep is on one absolute deadline, never ends before the deadline's own clock says due, and
// gives the kernel the window that it may use.
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <stop_token>
#include <system_error>
#include <takt/testing/fake_os.hpp>
#include <takt/sleep/sleep.hpp>

#include "support/numbers.hpp"

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct sleep_test>;
using takt::grid;
template <clockid_t Id> using posix = takt::posix_clock<Id, takt::access::syscall, os>;
using mono = posix<CLOCK_MONOTONIC>;
using tai = posix<CLOCK_TAI>;
using boot = posix<CLOCK_BOOTTIME>;

// All clocks running, none of them on a round number; the origin known.
void start(nanoseconds origin = 0ns) {
  os::reset();
  os::now.clocks[CLOCK_MONOTONIC].value = {1000, 1};
  os::now.clocks[CLOCK_BOOTTIME].value = {3000, 1};
  os::now.clocks[CLOCK_REALTIME].value = {1'000'000'000, 1};
  os::now.clocks[CLOCK_TAI].value = {1'000'000'037, 1};
  takt::assume_grid_origin<os>({origin, 2 * origin});
}

template <class Clock> typename Clock::time_point at(nanoseconds t) { return typename Clock::time_point(t); }
nanoseconds shown(clockid_t id) { return takt::to_nanoseconds(os::now.clocks[id].value); }

// A clock of another library that lags behind CLOCK_MONOTONIC by `lag`, as that of a calibrated counter may.
struct lagging_clock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<lagging_clock>;
  static constexpr bool is_steady = true;
  inline static nanoseconds lag{};
  static time_point now() noexcept { return time_point(shown(CLOCK_MONOTONIC) - lag); }
};
static_assert(lagging_clock::is_steady);

} // namespace

template <> struct takt::kernel_clock<lagging_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false> {};

TEST_CASE("a sleep is one system call with the deadline on the clock it was given on") {
  start();
  std::error_code ec;
  takt::sleep_until<os>(at<mono>(1001s), ec);
  takt::sleep_until<os>(std::chrono::steady_clock::time_point(1002s), ec);
  takt::sleep_until<os>(std::chrono::sys_seconds(1'000'000'009s), ec);
  takt::sleep_until<os>(at<posix<CLOCK_BOOTTIME>>(3010s), ec);
  takt::sleep_until<os>(at<tai>(1'000'000'048s), ec);
  CHECK_FALSE(ec);
  REQUIRE(os::now.sleeps.size() == 5);
  const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI};
  const nanoseconds deadlines[] = {1001s, 1002s, 1'000'000'009s, 3010s, 1'000'000'048s};
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(os::now.sleeps[i].id == ids[i]);
    CHECK(os::now.sleeps[i].deadline == deadlines[i]);
    CHECK(os::now.sleeps[i].slack == 50'000);
  }
}

TEST_CASE("signals neither end nor move a sleep, unless asked to") {
  start();
  std::error_code ec;
  os::now.early_ends = {{1ms}, {0ns}, {5ms}};
  takt::sleep_until<os>(at<mono>(1001s), ec);
  CHECK_FALSE(ec);
  CHECK(shown(CLOCK_MONOTONIC) == 1001s);
  CHECK(os::now.sleeps.size() == 4);
  for (const auto& s : os::now.sleeps) CHECK(s.deadline == 1001s);

  os::now.early_ends = {{1ms}};
  CHECK_FALSE(takt::sleep_until<os>(at<mono>(1002s), takt::interruptible, ec));
  CHECK_FALSE(ec);
  CHECK(shown(CLOCK_MONOTONIC) == 1001s + 1ms);
  CHECK(takt::sleep_until<os>(at<mono>(1002s), takt::interruptible, ec));
  CHECK(shown(CLOCK_MONOTONIC) == 1002s);
}

TEST_CASE("an error of the kernel is passed on") {
  start();
  std::error_code ec;
  os::now.early_ends = {{0ns, EPERM}};
  takt::sleep_until<os>(at<mono>(1001s), ec);
  CHECK(ec == std::errc::operation_not_permitted);
  os::now.early_ends = {{0ns, ENOSYS}};
  const std::stop_source source;
  CHECK_FALSE(takt::sleep_until<os>(at<mono>(1001s), source.get_token(), ec));
  CHECK(ec == std::errc::function_not_supported);
#if TAKT_EXCEPTIONS
  os::now.early_ends = {{0ns, EPERM}};
  CHECK_THROWS_AS(takt::sleep_until<os>(at<mono>(1001s)), std::system_error);
  CHECK(takt::sleep_until<os>(at<mono>(1001s), takt::detail::uninterrupted));
#endif
}

TEST_CASE("what is due already does not trouble the kernel, but a stop request has the first word") {
  start();
  std::error_code ec;
  CHECK(takt::sleep_until<os>(at<mono>(1000s), takt::interruptible, ec));
  CHECK(takt::sleep_until_within<os>(at<mono>(1000s), takt::slack(50ms), takt::detail::uninterrupted, ec)); // open already
  std::stop_source source;
  CHECK(takt::sleep_until<os>(at<mono>(1000s), source.get_token(), ec));
  source.request_stop();
  CHECK_FALSE(takt::sleep_until<os>(at<mono>(1000s), source.get_token(), ec));
  CHECK_FALSE(takt::sleep_until_within<os>(at<mono>(1000s), takt::slack(50ms), source.get_token(), ec));
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.empty());
}

TEST_CASE("a kernel that wakes up early is sent back to sleep") {
  start();
  std::error_code ec;
  os::now.early_ends = {{1ms, 0}, {0ns, 0}};
  takt::sleep_until<os>(at<mono>(1001s), ec);
  CHECK(shown(CLOCK_MONOTONIC) == 1001s);
  CHECK(os::now.sleeps.size() == 3);
}

TEST_CASE("deadlines at both ends of the range neither wrap nor are refused") {
  start();
  std::error_code ec;
  takt::sleep_until<os>(at<mono>(nanoseconds::min()), ec);
  takt::sleep_until<os>(at<mono>(-1ns), ec);
  CHECK_FALSE(ec);
  CHECK(shown(CLOCK_MONOTONIC) == 1000s + 1ns);
  takt::sleep_until<os>(std::chrono::time_point<mono, std::chrono::hours>(std::chrono::hours::max()), ec);
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.back().deadline == nanoseconds::max());
}

TEST_CASE("a fraction of a nanosecond is slept through") {
  start();
  std::error_code ec;
  using fine = std::chrono::duration<std::int64_t, std::pico>;
  takt::sleep_until<os>(std::chrono::time_point<mono, fine>(fine(1'500'000'000'000'001)), ec);
  CHECK(os::now.sleeps.back().deadline == 1500s + 1ns);
}

TEST_CASE("on a clock that is not the kernel's own, the deadline's own clock has the last word") {
  start();
  std::error_code ec;
  for (const nanoseconds lag : {0ns, 1ns, 700ns, 3'000'000ns}) {
    lagging_clock::lag = lag;
    const auto deadline = lagging_clock::now() + 1s;
    takt::sleep_until<os>(deadline, ec);
    CHECK_FALSE(ec);
    CHECK(lagging_clock::now() == deadline);
  }
  // It falls behind while the thread sleeps.
  lagging_clock::lag = 0ns;
  const auto deadline = lagging_clock::now() + 1s;
  os::now.asleep = [] { lagging_clock::lag = 40us; };
  takt::sleep_until<os>(deadline, ec);
  CHECK(lagging_clock::now() == deadline);
}

TEST_CASE("aligned sleeps end on points of the grid, in every unit, on every clock") {
  start();
  std::error_code ec;
  takt::sleep_until_aligned<os>(at<mono>(1000s + 1ms), grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 10ms);
  takt::sleep_until_aligned<os>(at<mono>(1000s + 20ms), grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 20ms);
  takt::sleep_until_aligned<os>(at<mono>(1000s + 20ms), grid(10ms, 3ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 23ms);
  takt::sleep_until_aligned<os>(at<tai>(1'000'000'037s + 100ms), grid(1s), ec);
  CHECK(os::now.sleeps.back().deadline == 1'000'000'038s);
  CHECK(os::now.sleeps.back().id == CLOCK_TAI);

  start();
  takt::sleep_aligned<mono, os>(9ms, grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 10ms);
  takt::sleep_aligned<mono, os>(10ms, grid(10ms), ec); // already on a point: ten from there
  CHECK(os::now.sleeps.back().deadline == 1000s + 20ms);
  takt::sleep_aligned<mono, os>(10ms + 1ns, grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 40ms);
  takt::sleep_aligned<mono, os>(std::chrono::duration<double>(0.009), grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 50ms);
  for (const auto none : {-1.0, -1e300, std::nan("")}) { // seconds; it is a point now: no sleep
    const std::size_t slept = os::now.sleeps.size();
    takt::sleep_aligned<mono, os>(std::chrono::duration<double>(none), grid(10ms), ec);
    CHECK_FALSE(ec);
    CHECK(os::now.sleeps.size() == slept);
  }
  os::advance(1ns);
  takt::sleep_aligned<mono, os>(-1h, grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 60ms);
  takt::sleep_aligned<mono, os>(std::chrono::hours::max(), grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == nanoseconds::max());
  CHECK_FALSE(ec);
}

TEST_CASE("inside a time namespace the points are those of the kernel's clock") {
  start(7ms + 3ns); // the zero of the grid shows as 7.000003 ms here
  std::error_code ec;
  takt::sleep_until_aligned<os>(at<mono>(1000s + 1ms), grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 7ms + 3ns);
  takt::sleep_until_aligned<os>(at<posix<CLOCK_BOOTTIME>>(3000s + 11ms), grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 3000s + 14ms + 6ns); // twice the offset, modulo the period
  takt::sleep_until_aligned<os>(std::chrono::sys_time<nanoseconds>(1'000'000'000s + 21ms), grid(10ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1'000'000'000s + 30ms);
  takt::sleep_until_within<os>(at<mono>(1001s), takt::slack(50ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1001s);
  CHECK(os::now.sleeps.back().slack == 7'000'003); // up to 1001 s of the kernel's clock
  CHECK_FALSE(ec);
}

TEST_CASE("without an origin it sleeps as long all the same, on the grid that this process sees, and reports it") {
  using blind = takt::testing::fake_os<struct blind_sleep_test>;
  blind::reset();
  blind::now.clocks[CLOCK_MONOTONIC].value = {1000, 1};
  blind::now.clocks[CLOCK_REALTIME].value = {1000, 1};
  std::error_code ec;
  takt::sleep_aligned<std::chrono::steady_clock, blind>(9ms, grid(10ms), ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  takt::sleep_until_within<blind>(std::chrono::steady_clock::time_point(1001s + 1ms), takt::slack(1s), ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  REQUIRE(blind::now.sleeps.size() == 2);
  CHECK(blind::now.sleeps[0].deadline == 1000s + 10ms);
  CHECK(blind::now.sleeps[1].deadline == 1001s + 1ms);
  CHECK(blind::now.sleeps[1].slack == 999'000'000); // up to 1002 s
  blind::now.early_ends = {{1ms, EPERM}};
  takt::sleep_aligned<std::chrono::steady_clock, blind>(9ms, grid(10ms), ec);
  CHECK(ec == std::errc::operation_not_permitted); // what ended the sleep comes first
  blind::now.sleeps.clear();
  takt::sleep_aligned<std::chrono::system_clock, blind>(9ms, grid(10ms), ec); // nothing shifts REALTIME
  CHECK_FALSE(ec);
  CHECK(blind::now.sleeps.size() == 1);
#if TAKT_EXCEPTIONS
  const auto throwing = [] { takt::sleep_aligned<std::chrono::steady_clock, blind>(9ms, grid(10ms)); };
  CHECK_THROWS_WITH_AS(throwing(), doctest::Contains("load_grid_origin"), std::system_error);
#endif
}

TEST_CASE("a window becomes softexpires and slack, so that the hard expiry is the roundest point") {
  start();
  std::error_code ec;
  takt::sleep_until_within<os>(at<mono>(1000s + 1ms), takt::slack(50ms), ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 1ms);
  CHECK(os::now.sleeps.back().slack == 49'000'000); // until 1000.05 s
  CHECK(os::now.slack.value == 50'000);
  takt::sleep_until_within<os>(at<mono>(1005s), takt::slack(0s), ec); // a window of one point still asks for no more than that
  CHECK(os::now.sleeps.back().deadline == 1005s);
  CHECK(os::now.sleeps.back().slack == 1);
  CHECK(os::now.slack.value == 50'000);
  CHECK_FALSE(ec);
}

TEST_CASE("a real-time thread, and one that may not set its slack, sleeps to the roundest point") {
  std::error_code ec;
  start();
  os::now.policy.value = SCHED_FIFO;
  takt::sleep_until_within<os>(at<mono>(1000s + 1ms), takt::slack(50ms), ec);
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 50ms);
  takt::sleep_until_within<os>(at<mono>(1000s + 40ms), takt::slack(1s), ec); // open already: no sleep to its roundest point
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.size() == 1);
  start();
  os::now.slack.error = EPERM;
  takt::sleep_until_within<os>(at<mono>(1000s + 1ms), takt::slack(50ms), ec);
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.back().deadline == 1000s + 50ms);
}

TEST_CASE("a window on BOOTTIME with a stop token, whose timer knows no slack, is slept to the roundest point") {
  start();
  std::error_code ec;
  std::stop_source source;
  const nanoseconds due = 3001s + 1ms;
  CHECK(takt::sleep_until_within<os>(at<boot>(due), takt::slack(50ms), source.get_token(), ec));
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.back().deadline == 3001s + 50ms);
  CHECK(os::now.slack.value == 50'000);
  CHECK(takt::sleep_until_within<os>(at<boot>(due + 1s), takt::slack(50ms), std::stop_token(), ec)); // which needs no timer
  CHECK(os::now.sleeps.back().deadline == due + 1s);
  CHECK(os::now.sleeps.back().slack == 49'000'000);
}

TEST_CASE("slack is a length in whole nanoseconds, rounded down, and never negative") {
  using takt::slack;
  static_assert(!std::is_convertible_v<nanoseconds, slack> && !std::is_convertible_v<slack, nanoseconds>);
  static_assert(slack(1ms).length() == 1'000'000ns && slack().length() == 0ns);
  static_assert(slack(1ms) == slack(1000us) && slack(1ms) < slack(2ms));
  CHECK(slack(std::chrono::duration<double, std::nano>(1.9)).length() == 1ns);
  CHECK(slack(std::chrono::hours::max()).length() == nanoseconds::max());
  CHECK(slack(0s).valid());
  CHECK_FALSE(slack(-1ns).valid());
  CHECK_FALSE(slack(std::chrono::duration<double>(-1e-12)).valid());
  CHECK_FALSE(slack(std::chrono::duration<double>(std::nan(""))).valid());
}

TEST_CASE("sleep_within sleeps as sleep_until_within from now on") {
  start();
  std::error_code ec;
  takt::sleep_within<mono, os>(1ms, takt::slack(50ms), ec);
  CHECK(!ec);
  const auto slept = os::now.sleeps;
  start();
  takt::sleep_until_within<os>(mono::now() + 1ms, takt::slack(50ms), ec);
  REQUIRE(slept.size() == os::now.sleeps.size());
  REQUIRE(slept.size() == 1);
  CHECK(slept[0].deadline == os::now.sleeps[0].deadline);
  CHECK(slept[0].slack == os::now.sleeps[0].slack);
  start();
  takt::sleep_within<mono, os>(-1h, takt::slack(0s), ec); // a negative time counts as none
  CHECK(os::now.sleeps.empty());
  takt::sleep_within<mono, os>(1h, takt::slack(-1ns), ec);
  CHECK(ec == std::errc::invalid_argument);
  std::stop_source source;
  source.request_stop();
  CHECK_FALSE(takt::sleep_within<mono, os>(1h, takt::slack(1s), source.get_token(), ec));
  CHECK(os::now.sleeps.empty());
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS((takt::sleep_within<mono, os>(1h, takt::slack(-1ns))), std::system_error);
#endif
}

TEST_CASE("a window that ends before it starts is an error, one that never ends is not") {
  start();
  std::error_code ec;
  takt::sleep_until_within<os>(at<mono>(1001s), takt::slack(-1ns), ec);
  CHECK(ec == std::errc::invalid_argument);
  takt::sleep_until_within<os>(at<mono>(1001s), takt::slack(std::chrono::duration<double>(std::nan(""))), ec);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(os::now.sleeps.empty());
  takt::sleep_until_within<os>(at<mono>(1001s), takt::slack(nanoseconds::max()), ec);
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.back().deadline == 1001s);
  takt::sleep_until_within<os>(at<mono>(nanoseconds::max()), takt::slack(1s), ec);
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.back().deadline == nanoseconds::max());
  CHECK(os::now.sleeps.back().slack == 1);
}

TEST_CASE("a stop request ends a sleep, and one that was made before does not begin it") {
  start();
  std::error_code ec;
  static std::stop_source source;
  source = std::stop_source();
  os::now.asleep = [] { source.request_stop(); };
  os::now.early_ends = {{2ms, 0}}; // woken by the callback
  CHECK_FALSE(takt::sleep_until<os>(at<mono>(1001s), source.get_token(), ec));
  CHECK_FALSE(ec);
  CHECK(shown(CLOCK_MONOTONIC) == 1000s + 1ns + 2ms);
  CHECK(os::now.sleeps.size() == 1);
  CHECK_FALSE(takt::sleep_until<os>(at<mono>(1001s), source.get_token(), ec));
  CHECK_FALSE(takt::sleep_aligned<mono, os>(9ms, grid(10ms), source.get_token(), ec));
  CHECK_FALSE(takt::sleep_until_within<os>(at<mono>(1001s), takt::slack(1s), source.get_token(), ec));
  CHECK_FALSE(takt::sleep_until_aligned<os>(at<mono>(1001s), grid(10ms), source.get_token(), ec));
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.size() == 1);
  CHECK(os::now.slack.value == 50'000);
}

TEST_CASE("without a stop request a sleep with a token goes on: through signals and wake-ups for no reason") {
  start();
  std::error_code ec;
  std::stop_source source;
  os::now.early_ends = {{1ms, EINTR}, {1ms, 0}, {1ms, EAGAIN}};
  CHECK(takt::sleep_until<os>(at<mono>(1001s), source.get_token(), ec));
  CHECK(shown(CLOCK_MONOTONIC) == 1001s);
  CHECK(takt::sleep_until<os>(at<mono>(1002s), std::stop_token(), ec)); // that cannot be stopped
  CHECK(shown(CLOCK_MONOTONIC) == 1002s);
}

TEST_CASE("a sleep with a token on BOOTTIME, which no futex knows, runs on a timer of its own") {
  start();
  std::error_code ec;
  static std::stop_source source;
  source = std::stop_source();
  const auto deadline = at<boot>(shown(CLOCK_BOOTTIME) + 1s);
  os::now.early_ends = {{1ms, EINTR}, {1ms, 0}}; // a signal, and a wake-up for no reason
  CHECK(takt::sleep_until<os>(deadline, source.get_token(), ec));
  CHECK_FALSE(ec);
  CHECK(shown(CLOCK_BOOTTIME) == deadline.time_since_epoch());
  CHECK(os::now.sleeps.size() == 3);
  CHECK_FALSE(os::now.timers.back().open);

  os::now.asleep = [] { source.request_stop(); };
  CHECK_FALSE(takt::sleep_until<os>(deadline + 1s, source.get_token(), ec));
  CHECK_FALSE(ec);
  CHECK(shown(CLOCK_BOOTTIME) == deadline.time_since_epoch());
  CHECK_FALSE(takt::sleep_until<os>(deadline + 1s, source.get_token(), ec)); // asked before
  CHECK_FALSE(ec);
  CHECK(os::now.sleeps.size() == 4);

  os::now.timer_errors[CLOCK_BOOTTIME] = EMFILE;
  CHECK_FALSE(takt::sleep_until<os>(deadline + 1s, std::stop_source().get_token(), ec));
  CHECK(ec == std::errc::too_many_files_open);
}

TEST_CASE("a sleep with a token on TAI runs on REALTIME, and is asked again on TAI") {
  start();
  std::error_code ec;
  const std::stop_source source;
  const auto deadline = at<tai>(1'000'000'040s);
  CHECK(takt::sleep_until<os>(deadline, source.get_token(), ec));
  REQUIRE(os::now.sleeps.size() == 1);
  CHECK(os::now.sleeps[0].id == CLOCK_REALTIME);
  CHECK(os::now.sleeps[0].deadline == 1'000'000'003s);
  CHECK(shown(CLOCK_TAI) == 1'000'000'040s);

  // A leap second is deleted: TAI lags a second more behind where REALTIME puts it.
  start();
  os::now.asleep = [] {
    if (os::now.sleeps.size() == 1) --os::now.clocks[CLOCK_TAI].value.tv_sec;
  };
  CHECK(takt::sleep_until<os>(deadline, source.get_token(), ec));
  CHECK(os::now.sleeps.size() == 2);
  CHECK(shown(CLOCK_TAI) == 1'000'000'040s);
}

TEST_CASE("whatever the numbers, an aligned deadline is the first point of the grid that is not early") {
  takt_test::numbers n(4);
  for (int i = 0; i < 20'000; ++i) {
    const nanoseconds t(n.any_signed()), origin(n.any_signed()), phase(n.any_signed());
    const auto g = grid::make(nanoseconds(n.any_signed()), phase);
    if (!g) continue;
    const nanoseconds point = takt::detail::ceil_from(origin, *g, t);
    __extension__ using wide = __int128;
    const wide most = nanoseconds::max().count(), least = nanoseconds::min().count();
    const auto clamped = [&](wide x) { return x < least ? least : x > most ? most : x; };
    const wide from_zero = clamped(wide{t.count()} - origin.count());
    wide since = (from_zero - g->phase().count()) % g->period().count();
    if (since < 0) since += g->period().count();
    const wide next = since == 0 ? from_zero : from_zero + g->period().count() - since;
    const wide exact = clamped(clamped(next) + origin.count());
    CHECK(wide{point.count()} == exact);
  }
}

TEST_CASE("whatever the numbers, the roundest point lies in its window") {
  takt_test::numbers n(5);
  for (int i = 0; i < 20'000; ++i) {
    const nanoseconds earliest(n.any_signed()), origin(n.any_signed());
    const nanoseconds latest = takt::detail::saturating_add(earliest, nanoseconds(n.any_signed() & nanoseconds::max().count()));
    const nanoseconds point = takt::detail::roundest_from(origin, earliest, latest);
    CHECK(point >= earliest);
    CHECK(point <= latest);
  }
}
