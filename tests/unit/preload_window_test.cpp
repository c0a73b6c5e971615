// Protects: how far the preloaded object moves a wait: never before its deadline, never beyond the slack or the share,
// and never out of the range of the clock; what its settings may be, and which threads are real-time ones.
#include "../examples/preload/process.hpp"
#include "../examples/preload/settings.hpp"
#include "../examples/preload/window.hpp"
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <thread>

using namespace preload;
using std::chrono::milliseconds;
using std::chrono::seconds;

static_assert(room({milliseconds(10)}, seconds(1)) == milliseconds(10));
static_assert(room({milliseconds(10)}, milliseconds(50)) == milliseconds(5));
static_assert(room({milliseconds(10), 1'000'000}, milliseconds(5)) == milliseconds(5));
static_assert(room({milliseconds(10)}, nanoseconds(9)) == nanoseconds(0));
static_assert(room({milliseconds(10)}, nanoseconds::max()) == milliseconds(10));
static_assert(room({nanoseconds::max(), 1'000'000}, nanoseconds::max()) == nanoseconds::max());
static_assert(room({milliseconds(10)}, nanoseconds(-5)) == nanoseconds(0));
static_assert(room({nanoseconds(-1)}, seconds(1)) == nanoseconds(0));

TEST_CASE("the point is the roundest of the window, seen from the origin") {
  CHECK(point_within(milliseconds(95), milliseconds(10), nanoseconds(0)) == milliseconds(100));
  CHECK(point_within(milliseconds(95), milliseconds(4), nanoseconds(0)) == milliseconds(95));
  CHECK(point_within(milliseconds(132), milliseconds(10), milliseconds(37)) == milliseconds(137));
  CHECK(point_within(milliseconds(5), nanoseconds(0), nanoseconds(0)) == milliseconds(5));
}

TEST_CASE("the point lies in the window for every input") {
  std::mt19937_64 random(1);
  constexpr auto max = std::numeric_limits<std::int64_t>::max();
  const std::int64_t edges[] = {0, 1, -1, max, -max - 1, max - 1, max / 2};
  const auto any = [&] {
    const auto r = random();
    return nanoseconds(r % 4 == 0 ? edges[random() % std::size(edges)]
                                  : static_cast<std::int64_t>(random() >> (random() % 63)));
  };
  for (int i = 0; i < 100'000; ++i) {
    const nanoseconds deadline = any(), origin = any(), wait = any();
    const limits l{any(), static_cast<std::uint32_t>(random() % 1'000'001)};
    const nanoseconds window = room(l, wait);
    REQUIRE(window >= nanoseconds(0));
    REQUIRE((window == nanoseconds(0) || (window <= l.slack && window <= wait)));
    const nanoseconds point = point_within(deadline, window, origin);
    REQUIRE(point >= deadline);
    REQUIRE(point <= takt::detail::saturating_add(deadline, window));
    const nanoseconds aim = aim_before(point, poll_delay(wait, any()), deadline);
    REQUIRE((aim >= deadline && aim <= point));
  }
}

TEST_CASE("the delay of the poll family counts where it is more than the thread's slack") {
  CHECK(poll_delay(milliseconds(1500), nanoseconds(50'000)) == nanoseconds(1'450'000));
  CHECK(poll_delay(milliseconds(50), nanoseconds(50'000)) == nanoseconds(0));
  CHECK(poll_delay(seconds(1), milliseconds(1)) == nanoseconds(0));
  CHECK(poll_delay(seconds(3600), milliseconds(1)) == milliseconds(99)); // the kernel stops at 100 ms
}

TEST_CASE("whole milliseconds are never fewer than the program asked for") {
  CHECK(whole_milliseconds(nanoseconds(25'999'999), 25) == 25);
  CHECK(whole_milliseconds(nanoseconds(26'000'000), 25) == 26);
  CHECK(whole_milliseconds(nanoseconds(24'900'000), 25) == 25); // the clock went on since it was read
  CHECK(whole_milliseconds(nanoseconds::max(), 25) == std::numeric_limits<int>::max());
}

TEST_CASE("settings are taken as a whole or not at all") {
  settings s;
  CHECK(read_settings("slack=10000000,share=50000,waits=poll+timerfd,counts=/dev/shm/x", s));
  CHECK(s.allowed.slack == milliseconds(10));
  CHECK(s.allowed.share_ppm == 50'000);
  CHECK(s.families == (bit_of(family::poll) | bit_of(family::timerfd)));
  CHECK(s.counts == "/dev/shm/x");
  CHECK(read_settings("slack=1", s));
  CHECK(s.families == all_families);
  CHECK(s.allowed.share_ppm == 100'000);
  CHECK(s.counts.empty());
  CHECK(read_settings("", s));
  CHECK(s.allowed.slack == nanoseconds(0));
  s.allowed.slack = nanoseconds(7);
  for (const char* bad :
       {"slack", "slack=", "slack=x", "slack=-1", "slack=1 ", "slack=3600000000001", "slack=18446744073709551617",
        "share=1000001", "waits=", "waits=x", "waits=poll+", "Slack=1", "=", ",", "slack=1,,share=1"}) {
    CAPTURE(bad);
    CHECK_FALSE(read_settings(bad, s));
    CHECK(s.allowed.slack == nanoseconds(7)); // unchanged
  }
}

TEST_CASE("each wait has the name of its function, once") {
  for (std::size_t i = 0; i < wait_count; ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(wait_list[i].name != wait_list[j].name);
  CHECK(wait_list[static_cast<unsigned>(wait::sem_clockwait)].name == "sem_clockwait");
  CHECK(family_bit("cond") == bit_of(family::cond));
  CHECK(family_bit("") == 0);
}

TEST_CASE("a policy that children do not inherit is not for that a real-time one") {
  bool can = false, real_time = true;
  std::thread([&] { // a thread without privileges cannot take the flag back
    const sched_param ordinary{};
    can = sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &ordinary) == 0;
    real_time = is_real_time();
  })
      .join();
  if (can) CHECK_FALSE(real_time);
  else MESSAGE("SKIPPED: this thread may not set its policy");
}
