// Protects: that wait_until_past ends when the earliest that UTC may be is after the moment, not before; a step of the clock
// and a bound that grows are followed; without a bound it reports that at once.
#include <takt/sleep/wait_until_past.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stop_token>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::sys_time;
using takt::bounded_time;

struct waiting;
using os = takt::testing::fake_os<waiting>;
nanoseconds wide{};
bool known = true;
int reads = 0, unsettled = 0; // the readings, and how many of the coming ones are unsettled

nanoseconds real() { return takt::to_nanoseconds(os::now.clocks[CLOCK_REALTIME].value); }

/// A bounded clock around the fake REALTIME.
struct wall {
  static bounded_time now() noexcept {
    ++reads;
    bounded_time t;
    if (unsettled > 0) --unsettled, t.reason = bounded_time::reason_kind::unsettled;
    else if (known) t.status = bounded_time::status_kind::synchronised;
    if (!t.known()) return t;
    t.earliest = bounded_time::time_point(real() - wide), t.latest = bounded_time::time_point(real() + wide);
    return t;
  }
};

void begin() {
  os::reset();
  for (const clockid_t id : {CLOCK_REALTIME, CLOCK_MONOTONIC}) os::now.clocks[id] = {timespec{1000, 0}, 0};
  wide = 5ms, known = true, reads = 0, unsettled = 0;
}

} // namespace

TEST_CASE("the wait ends when the moment has certainly passed") {
  begin();
  std::error_code ec = std::make_error_code(std::errc::io_error);
  const sys_time<nanoseconds> moment(1000s + 20ms);
  takt::wait_until_past<wall, os>(moment, ec);
  CHECK_FALSE(ec);
  CHECK(real() == 1000s + 25ms + 1ns);
  CHECK(os::now.sleeps.size() == 1);
  CHECK(os::now.sleeps[0].id == CLOCK_MONOTONIC);
  takt::wait_until_past<wall, os>(moment, ec); // it has passed: no sleep
  CHECK(os::now.sleeps.size() == 1);
  // A moment between two nanoseconds is not past at the first.
  const sys_time<std::chrono::duration<double, std::nano>> fraction(std::chrono::duration<double, std::nano>(1.5));
  takt::wait_until_past<wall, os>(fraction, ec);
  CHECK_FALSE(ec);
}

TEST_CASE("a bound that grows meanwhile, and a clock that is set, are followed") {
  begin();
  std::error_code ec;
  const sys_time<nanoseconds> moment(1000s + 20ms);
  SUBCASE("it grows") {
    os::now.asleep = [] { wide += wide < 7ms ? 1ms : 0ms; };
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK(real() - wide > 1000s + 20ms);
    CHECK(os::now.sleeps.size() == 3);
  }
  SUBCASE("set back") {
    os::now.asleep = [] {
      if (os::now.sleeps.size() == 1) os::step(-1s);
    };
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK(real() == 1000s + 25ms + 1ns);
    CHECK(os::now.sleeps.size() == 2);
  }
  SUBCASE("woken early") {
    os::now.early_ends.push_back({1ms, EINTR});
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK(real() == 1000s + 25ms + 1ns);
  }
  CHECK_FALSE(ec);
}

TEST_CASE("a reading that was unsettled is repeated, and not for ever") {
  begin();
  std::error_code ec;
  const sys_time<nanoseconds> moment(1000s + 20ms);
  unsettled = 2;
  SUBCASE("at the beginning") {
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK_FALSE(ec);
    CHECK(real() == 1000s + 25ms + 1ns); // no longer than without
    CHECK(os::now.sleeps.size() == 3);
  }
  SUBCASE("for ever") {
    unsettled = 1'000'000;
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK(ec == takt::errc::not_bounded);
    CHECK(reads == 101);
  }
  SUBCASE("and then there is no bound") {
    known = false;
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK(ec == takt::errc::not_bounded);
    CHECK(reads == 3);
  }
}

TEST_CASE("without a bound it reports that, at the beginning and when it is lost; and a stop condition ends it") {
  begin();
  std::error_code ec;
  const sys_time<nanoseconds> moment(1000s + 20ms);
  SUBCASE("none") {
    known = false;
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK(ec == takt::errc::not_bounded);
    CHECK(os::now.sleeps.empty());
#if TAKT_EXCEPTIONS
    CHECK_THROWS_AS((takt::wait_until_past<wall, os>(moment)), std::system_error);
#endif
  }
  SUBCASE("lost") {
    os::now.asleep = [] { known = false; };
    CHECK_FALSE(takt::wait_until_past<wall, os>(moment, takt::interruptible, ec));
    CHECK(ec == takt::errc::not_bounded);
    CHECK(os::now.sleeps.size() == 1);
  }
  SUBCASE("lost as the clock is set back by an hour: the wait does not become an hour longer") {
    os::now.asleep = [] {
      if (os::now.sleeps.size() == 1) os::step(-1h), known = false;
    };
    takt::wait_until_past<wall, os>(moment, ec);
    CHECK(ec == takt::errc::not_bounded);
    CHECK(takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value) == 1000s + 25ms + 1ns);
  }
  SUBCASE("interrupted") {
    os::now.early_ends.push_back({1ms, EINTR});
    CHECK_FALSE(takt::wait_until_past<wall, os>(moment, takt::interruptible, ec));
    CHECK_FALSE(ec);
    CHECK(real() == 1000s + 1ms);
  }
  SUBCASE("stopped") {
    std::stop_source stop;
    stop.request_stop();
    CHECK_FALSE(takt::wait_until_past<wall, os>(moment, stop.get_token(), ec));
    CHECK_FALSE(ec);
  }
  SUBCASE("refused") {
    os::now.early_ends.push_back({0ms, EPERM});
    CHECK_FALSE(takt::wait_until_past<wall, os>(moment, takt::interruptible, ec));
    CHECK(ec == std::errc::operation_not_permitted);
  }
}
