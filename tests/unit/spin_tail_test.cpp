// spin_tail.hpp: the lead follows the worst of the recent wake-ups, and no sleep ends before its clock says due.
#include <cerrno>
#include <chrono>
#include <doctest/doctest.h>
#include <system_error>
#include <takt/testing/fake_os.hpp>
#include <takt/timer/spin_tail.hpp>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct spin_tail_test>;
using mono = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall, os>;
using takt::wake_up_lead;

void start(nanoseconds latency) {
  os::reset();
  os::now.clocks[CLOCK_MONOTONIC].value = {1000, 1};
  os::now.latency = latency;
  os::now.reading = 25ns;
}
nanoseconds shown() { return takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value); }

} // namespace

TEST_CASE("the lead rises at once and falls slowly, inside its bounds") {
  wake_up_lead lead;
  CHECK(lead.value() == wake_up_lead::first);
  lead.learn(400us);
  CHECK(lead.value() == 500us);
  lead.learn(10us);
  CHECK(lead.value() > 490us);
  CHECK(lead.value() < 500us);
  for (int i = 0; i < 3000; ++i) lead.learn(10us);
  CHECK(lead.value() >= 12us + 500ns);
  CHECK(lead.value() < 13us);
  for (int i = 0; i < 3000; ++i) lead.learn(0ns);
  CHECK(lead.value() >= wake_up_lead::least);
  CHECK(lead.value() < wake_up_lead::least + 1us);
  lead.learn(-1h);
  lead.learn(1h);
  CHECK(lead.value() == wake_up_lead::most);
  lead.learn(nanoseconds::min());
  lead.learn(nanoseconds::max());
  CHECK(lead.value() == wake_up_lead::most);
}

TEST_CASE("it ends at the deadline, never before, and at most a reading of the clock after") {
  start(60us);
  takt::spin_tail<os> tail;
  std::error_code ec;
  for (int i = 1; i <= 2000; ++i) {
    const mono::time_point deadline(1000s + i * 10ms);
    tail.sleep_until(deadline, ec);
    CHECK_FALSE(ec);
    CHECK(shown() >= deadline.time_since_epoch());
    CHECK(shown() <= deadline.time_since_epoch() + 25ns);
  }
  CHECK(tail.sleeps() == 2000);
  CHECK(tail.missed() == 0);
  CHECK(tail.lead() >= 75us); // 60 us and a quarter
  CHECK(tail.lead() < 77us);
  CHECK(os::now.sleeps.back().slack == 1); // slept tightly
  CHECK(os::now.slack.value == 50'000);    // and gave the slack back
  CHECK(tail.spun() < 2000 * 150us);
}

TEST_CASE("a wake-up later than all before is late, counted, and learnt") {
  start(60us);
  takt::spin_tail<os> tail;
  std::error_code ec;
  tail.sleep_until(mono::time_point(1001s), ec);
  os::now.latency = 1ms;
  tail.sleep_until(mono::time_point(1002s), ec);
  CHECK(shown() > 1002s);
  CHECK(tail.missed() == 1);
  tail.sleep_until(mono::time_point(1003s), ec);
  CHECK(tail.missed() == 1);
  CHECK(shown() <= 1003s + 25ns);
}

TEST_CASE("what has passed is not waited for, what is near is spun only") {
  start(60us);
  takt::spin_tail<os> tail;
  std::error_code ec;
  tail.sleep_until(mono::time_point(999s), ec);
  tail.sleep_until(mono::time_point(nanoseconds::min()), ec);
  CHECK(shown() < 1000s + 1us);
  tail.sleep_until(mono::time_point(1000s + 50us), ec);
  CHECK(shown() >= 1000s + 50us);
  CHECK(os::now.sleeps.empty());
  CHECK(tail.sleeps() == 0);
}

TEST_CASE("signals do not end it, and where the kernel refuses to sleep it still ends on time") {
  start(60us);
  takt::spin_tail<os> tail;
  std::error_code ec;
  os::now.early_ends = {{1ms}, {1ms}};
  tail.sleep_until(mono::time_point(1000s + 5ms), ec);
  CHECK_FALSE(ec);
  CHECK(shown() >= 1000s + 5ms);
  CHECK(os::now.sleeps.size() == 3);
  os::now.early_ends = {{0ns, EPERM}};
  tail.sleep_until(mono::time_point(1000s + 6ms), ec);
  CHECK(ec == std::errc::operation_not_permitted);
  CHECK(shown() >= 1000s + 6ms);
}
