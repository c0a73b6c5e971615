// Protects: that every deadline is a point of the grid, no cycle is lost without being counted, and nothing drifts; and
// that stop requests, signals and errors end what they should end.
#include <cerrno>
#include <chrono>
#include <doctest/doctest.h>
#include <iterator>
#include <stop_token>
#include <system_error>
#include <takt/testing/fake_os.hpp>
#include <takt/sleep/periodic.hpp>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct periodic_test>;
using mono = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall, os>;
using takt::grid;
using takt::overrun;
template <class Stop = takt::detail::uninterrupted_t> using periodic = takt::periodic<mono, Stop, os>;

void start(nanoseconds origin = 0ns) {
  os::reset();
  os::now.clocks[CLOCK_MONOTONIC].value = {1000, 1};
  takt::assume_grid_origin<os>({origin, 0ns});
}
// The body of the cycle takes its time.
void work(nanoseconds t) { os::advance(t); }
mono::time_point at(nanoseconds t) { return mono::time_point(t); }

static_assert(std::input_iterator<periodic<>::iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, periodic<>::iterator>);

} // namespace

TEST_CASE("a million cycles of varying length do not drift") {
  start();
  os::now.latency = 70us;
  periodic<> beat(grid(1ms));
  std::error_code ec;
  for (int i = 1; i <= 1'000'000; ++i) {
    const auto tick = beat.wait(ec);
    if (tick->due != at(1000s + i * 1ms) || tick->lateness != 70us || tick->missed != 0 || tick->overrun) {
      FAIL("cycle ", i);
    }
    work((i % 900) * 1us);
    os::now.sleeps.clear();
  }
  CHECK(beat.counts().cycles == 1'000'000);
  CHECK(beat.counts().overruns == 0);
  CHECK(beat.counts().missed == 0);
  CHECK(beat.counts().lateness == 70s);
  CHECK(beat.counts().max_lateness == 70us);
}

TEST_CASE("skip: what has passed is given up and the next point is waited for") {
  start();
  periodic<> beat(grid(10ms));
  std::error_code ec;
  static_cast<void>(beat.wait(ec)); // 10
  work(35ms);
  auto tick = beat.wait(ec); // 20, 30 and 40 have passed
  REQUIRE(tick);
  CHECK(tick->due == at(1000s + 50ms));
  CHECK(tick->missed == 3);
  CHECK(tick->lateness == 0ns);
  CHECK_FALSE(tick->overrun);
  work(10ms); // ends at the very point: not an overrun
  tick = beat.wait(ec);
  CHECK(tick->due == at(1000s + 60ms));
  CHECK(tick->missed == 0);
  work(10ms + 1ns);
  tick = beat.wait(ec);
  CHECK(tick->due == at(1000s + 80ms));
  CHECK(tick->missed == 1);
  CHECK(beat.counts().overruns == 2);
  CHECK(beat.counts().missed == 4);
  CHECK(beat.counts().cycles == 4);
}

TEST_CASE("catch_up: every point is delivered") {
  start();
  periodic<> beat(grid(10ms), overrun::catch_up);
  std::error_code ec;
  static_cast<void>(beat.wait(ec)); // 10
  work(35ms);
  const std::size_t slept = os::now.sleeps.size();
  for (int i = 2; i <= 4; ++i) {
    const auto tick = beat.wait(ec);
    CHECK(tick->due == at(1000s + i * 10ms));
    CHECK(tick->lateness == 45ms - i * 10ms);
    CHECK(tick->missed == 0);
    CHECK(tick->overrun);
  }
  CHECK(os::now.sleeps.size() == slept);
  const auto tick = beat.wait(ec);
  CHECK(tick->due == at(1000s + 50ms));
  CHECK_FALSE(tick->overrun);
  CHECK(beat.counts().overruns == 3);
  CHECK(beat.counts().missed == 0);
  CHECK(beat.counts().max_lateness == 25ms);
}

TEST_CASE("report: the latest point that has passed comes at once, with the number of those given up") {
  start();
  periodic<> beat(grid(10ms), overrun::report);
  std::error_code ec;
  static_cast<void>(beat.wait(ec)); // 10
  work(35ms);
  const std::size_t slept = os::now.sleeps.size();
  auto tick = beat.wait(ec);
  CHECK(tick->due == at(1000s + 40ms));
  CHECK(tick->lateness == 5ms);
  CHECK(tick->missed == 2);
  CHECK(tick->overrun);
  CHECK(os::now.sleeps.size() == slept);
  tick = beat.wait(ec);
  CHECK(tick->due == at(1000s + 50ms));
  CHECK(tick->missed == 0);
  CHECK_FALSE(tick->overrun);
  CHECK(beat.counts().overruns == 1);
  CHECK(beat.counts().missed == 2);
}

TEST_CASE("a long way to the first wait is no overrun, and its point is the first after it") {
  start();
  periodic<> beat(grid(10ms, 3ms));
  work(1h);
  std::error_code ec;
  const auto tick = beat.wait(ec);
  CHECK(tick->due == at(4600s + 3ms));
  CHECK(beat.counts().overruns == 0);
}

TEST_CASE("in a time namespace the beat is the kernel's") {
  start(4ms + 5ns);
  periodic<> beat(grid(10ms));
  std::error_code ec;
  CHECK(beat.wait(ec)->due == at(1000s + 4ms + 5ns));
  CHECK(beat.wait(ec)->due == at(1000s + 14ms + 5ns));
  work(15ms);
  const auto tick = beat.wait(ec);
  CHECK(tick->due == at(1000s + 34ms + 5ns));
  CHECK(tick->missed == 1);
}

TEST_CASE("the range ends when a stop is requested, and delivers what its object form does") {
  start();
  static std::stop_source source;
  source = std::stop_source();
  int cycles = 0;
  for (const auto& tick : periodic<std::stop_token>(grid(10ms), overrun::skip, source.get_token())) {
    ++cycles;
    CHECK(tick.due == at(1000s + cycles * 10ms));
    if (cycles == 5) source.request_stop();
  }
  CHECK(cycles == 5);
}

TEST_CASE("a stop request has the first word, also when a point has passed, whatever the policy and the form") {
  for (const auto policy : {overrun::skip, overrun::catch_up, overrun::report}) {
    for (const bool spun : {false, true}) {
      start();
      os::now.reading = 25ns;
      takt::spin_tail<os> tail;
      std::stop_source source;
      periodic<std::stop_token> beat(grid(10ms), policy, source.get_token());
      std::error_code ec;
      const auto wait = [&] { return spun ? beat.wait(tail, ec) : beat.wait(ec); };
      CHECK(wait()->due == at(1000s + 10ms));
      work(35ms);
      source.request_stop();
      const std::size_t slept = os::now.sleeps.size();
      CHECK_FALSE(wait());
      CHECK_FALSE(wait());
      CHECK_FALSE(ec);
      CHECK(os::now.sleeps.size() == slept);
      CHECK(beat.counts().cycles == 1);
      CHECK(beat.counts().overruns == 0); // nothing was delivered or given up
    }
  }
}

TEST_CASE("a spun wait is ended by what ends the others, and its deadline is kept") {
  start();
  os::now.reading = 25ns;
  takt::spin_tail<os> tail;
  periodic<takt::detail::interruptible_t> beat(grid(10ms));
  std::error_code ec;
  os::now.early_ends = {{1ms}};
  CHECK_FALSE(beat.wait(tail, ec));
  CHECK_FALSE(ec);
  CHECK(beat.wait(tail, ec)->due == at(1000s + 10ms));

  static std::stop_source source;
  source = std::stop_source();
  periodic<std::stop_token> stopped(grid(10ms), overrun::skip, source.get_token());
  os::now.asleep = [] { source.request_stop(); };
  os::now.early_ends = {{1ms, 0}};
  CHECK_FALSE(stopped.wait(tail, ec));
  CHECK_FALSE(ec);
}

TEST_CASE("a signal ends a wait that asks for it, and its deadline is kept") {
  start();
  periodic<takt::detail::interruptible_t> beat(grid(10ms));
  std::error_code ec;
  static_cast<void>(beat.wait(ec)); // 10
  work(15ms);
  os::now.early_ends = {{1ms}, {1ms}};
  CHECK_FALSE(beat.wait(ec)); // 20 was given up, 30 is waited for
  CHECK_FALSE(ec);
  CHECK_FALSE(beat.wait(ec));
  const auto tick = beat.wait(ec);
  REQUIRE(tick);
  CHECK(tick->due == at(1000s + 30ms));
  CHECK(tick->missed == 1);
  CHECK(beat.counts().overruns == 1);
  CHECK(beat.counts().missed == 1);
}

TEST_CASE("a clock that was set back is followed") {
  start();
  periodic<> beat(grid(10ms));
  std::error_code ec;
  static_cast<void>(beat.wait(ec)); // 1000.010
  os::advance(-1h);
  CHECK(beat.wait(ec)->due == at(1000s + 20ms - 1h));
  CHECK(beat.counts().overruns == 0);
}

TEST_CASE("with a spun end the lateness is a reading of the clock") {
  start();
  os::now.latency = 60us;
  os::now.reading = 25ns;
  periodic<> beat(grid(10ms));
  takt::spin_tail<os> tail;
  std::error_code ec;
  for (int i = 1; i <= 100; ++i) {
    const auto tick = beat.wait(tail, ec);
    CHECK(tick->due == at(1000s + i * 10ms));
    CHECK(tick->lateness <= 75ns); // three readings
  }
  os::now.early_ends = {{0ns, EPERM}};
  CHECK_FALSE(beat.wait(tail, ec));
  CHECK(ec == std::errc::operation_not_permitted);
}

TEST_CASE("errors are reported, and end the range") {
  using blind = takt::testing::fake_os<struct blind_periodic_test>;
  blind::reset();
  blind::now.clocks[CLOCK_MONOTONIC].value = {1000, 1};
  takt::periodic<std::chrono::steady_clock, takt::detail::uninterrupted_t, blind> beat(grid(10ms));
  std::error_code ec;
  CHECK_FALSE(beat.wait(ec));
  CHECK(ec == std::errc::no_such_file_or_directory);
  CHECK(beat.counts().cycles == 0);
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS(static_cast<void>(beat.begin()), std::system_error);
  CHECK_THROWS_AS(static_cast<void>(beat.wait()), std::system_error);
#else
  CHECK(beat.begin() == beat.end());
#endif
}

TEST_CASE("the class is deduced from what it is given") {
  static_assert(std::is_same_v<decltype(takt::periodic(grid(10ms))), takt::periodic<>>);
  static_assert(std::is_same_v<decltype(takt::periodic(grid(10ms), overrun::report)), takt::periodic<>>);
  static_assert(std::is_same_v<decltype(takt::periodic(grid(10ms), overrun::skip, std::stop_token())),
                               takt::periodic<std::chrono::steady_clock, std::stop_token>>);
}
