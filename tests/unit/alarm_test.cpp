// Protects: that an alarm says why it cannot wake this machine, and fires once, never before its clock shows the time.
#include <takt/testing/fake_os.hpp>
#include <takt/timer/alarm.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <ostream>
#include <utility>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct alarm_test>;
using waker = takt::basic_alarm_timer<os>;

void machine() {
  os::reset();
  for (const clockid_t id : {CLOCK_BOOTTIME, CLOCK_BOOTTIME_ALARM, CLOCK_REALTIME, CLOCK_REALTIME_ALARM}) {
    os::now.clocks[id] = {timespec{1000, 0}, 0};
    os::now.resolutions[id] = {timespec{0, 1}, 0};
  }
}

} // namespace

TEST_CASE("alarm: without a clock that can wake the machine, or the right to use it, there is an error that says so") {
  machine();
  std::error_code ec;
  os::now.resolutions[CLOCK_BOOTTIME_ALARM].error = EINVAL; // as Linux answers without an RTC
  (void)waker(waker::clock::boottime, ec);
  CHECK(ec == std::errc::no_such_device);
  CHECK(os::now.timers.empty());
  waker none(waker::clock::boottime, ec);
  none.wait(ec); // is not a sleep for ever
  CHECK(ec == std::errc::bad_file_descriptor);
  (void)waker(waker::clock::realtime, ec);
  CHECK_FALSE(ec);
  os::now.timer_errors[CLOCK_REALTIME_ALARM] = EPERM;
  (void)waker(waker::clock::realtime, ec);
  CHECK(ec == std::errc::operation_not_permitted);
#if TAKT_EXCEPTIONS
  try {
    (void)waker(waker::clock::realtime);
    FAIL("nothing was thrown");
  } catch (const std::system_error& e) {
    CHECK(std::string(e.what()).find("CAP_WAKE_ALARM") != std::string::npos);
  }
#endif
}

TEST_CASE("alarm: fires once, when its clock shows the time") {
  machine();
  std::error_code ec;
  waker a(waker::clock::boottime, ec);
  a.after(10s, ec);
  CHECK_FALSE(a.fire(ec));
  os::advance(10s - 1ns);
  CHECK_FALSE(a.fire(ec));
  os::advance(1ns);
  CHECK(a.fire(ec));
  CHECK_FALSE(a.fire(ec));
  a.at(1011s, ec);
  a.wait(ec);
  CHECK_FALSE(ec);
  CHECK(a.now() == 1011s);
}

TEST_CASE("alarm: an end that comes early is not taken for the time") {
  machine();
  std::error_code ec;
  waker a(waker::clock::realtime, ec);
  a.after(10s, ec);
  for (int i = 0; i < 5; ++i) os::now.early_ends.push_back({1s, 0}); // the RTC wakes the machine too soon
  os::now.early_ends.push_back({1s, EINTR});
  a.wait(ec);
  CHECK_FALSE(ec);
  CHECK(a.now() == 1010s);
}

TEST_CASE("alarm: a disarmed one does not fire") {
  machine();
  std::error_code ec;
  waker a(waker::clock::boottime, ec);
  a.after(1s, ec);
  a.disarm(ec);
  os::advance(5s);
  CHECK_FALSE(a.fire(ec));
  CHECK_FALSE(ec);
}

TEST_CASE("alarm: in a forked child it is inert, and the parent's stays armed") {
  machine();
  std::error_code ec;
  waker alarm(waker::clock::boottime, ec);
  alarm.after(1s, ec);
  REQUIRE_FALSE(ec);
  os::now.forks.value = 1;
  os::advance(2s);
  const auto denied = std::errc::operation_not_permitted;
  CHECK(alarm.fd() == -1);
  CHECK_FALSE(alarm.fire(ec));
  CHECK(ec == denied);
  ec.clear(), alarm.wait(ec);
  CHECK(ec == denied);
  ec.clear(), alarm.disarm(ec);
  CHECK(ec == denied);
  ec.clear(), alarm.after(9s, ec);
  CHECK(ec == denied);
  CHECK(os::now.timers[0].deadline == 1001s); // nothing was taken or set
  waker own(waker::clock::boottime, ec);
  own.after(0s, ec);
  CHECK(own.fire(ec));
  CHECK_FALSE(ec);
  { const waker copy(std::move(alarm)); }
  CHECK_FALSE(os::now.timers[0].open); // the child's descriptor is closed
}
