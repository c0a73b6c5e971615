// Protects: that the lead follows the worst of the recent wake-ups, and that no sleep ends before its clock says due.
#include <cerrno>
#include <chrono>
#include <doctest/doctest.h>
#include <system_error>
#include <takt/testing/fake_os.hpp>
#include <takt/sleep/spin_tail.hpp>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using os = takt::testing::fake_os<struct spin_tail_test>;
using mono = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall, os>;
using takt::detail::wake_up_lead;

using real = takt::posix_clock<CLOCK_REALTIME, takt::access::syscall, os>;

void start(nanoseconds latency) {
  os::reset();
  os::now.clocks[CLOCK_REALTIME].value = {1'000'000'000, 1};
  os::now.clocks[CLOCK_MONOTONIC].value = {1000, 1};
  os::now.latency = latency;
  os::now.reading = 25ns;
}
// CLOCK_MONOTONIC, until it is set back by an hour at the fifth reading, which is one of the spin.
struct fickle_clock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<fickle_clock>;
  static constexpr bool is_steady = false;
  inline static int readings = 0;
  inline static void (*at_fifth)() = nullptr; // instead of that
  static nanoseconds shown() {
    const auto t = takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value);
    return readings >= 5 && at_fifth == nullptr ? t - 1h : t;
  }
  static time_point now() noexcept {
    os::advance(25ns);
    if (++readings == 5 && at_fifth != nullptr) at_fifth();
    return time_point(shown());
  }
};

nanoseconds shown() { return takt::to_nanoseconds(os::now.clocks[CLOCK_MONOTONIC].value); }

} // namespace

template <> struct takt::kernel_clock<fickle_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false> {};
static_assert(!fickle_clock::is_steady);

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
  CHECK(lead.value() >= wake_up_lead::min);
  CHECK(lead.value() < wake_up_lead::min + 1us);
  lead.learn(wake_up_lead::max);
  CHECK(lead.value() == wake_up_lead::max);
}

TEST_CASE("what says nothing of the machine teaches nothing") {
  wake_up_lead lead;
  for (const nanoseconds late : {nanoseconds(-1h), -1ns, wake_up_lead::max + 1ns, nanoseconds(1h), nanoseconds::min(),
                                 nanoseconds::max()}) {
    lead.learn(late);
    CHECK(lead.value() == wake_up_lead::first);
  }
  lead.learn(0ns);
  CHECK(lead.value() < wake_up_lead::first);
}

TEST_CASE("time that was spun through lowers the lead, to what it was before anything was known") {
  wake_up_lead lead;
  lead.forget(200us);
  CHECK(lead.value() == wake_up_lead::first);
  lead.learn(wake_up_lead::max);
  lead.forget(1024us);
  CHECK(lead.value() == wake_up_lead::max - 1us);
  for (const nanoseconds none : {0ns, -1ns, nanoseconds::min(), 1023ns}) lead.forget(none);
  CHECK(lead.value() == wake_up_lead::max - 1us);
  lead.forget(1ns); // short waits add up
  CHECK(lead.value() == wake_up_lead::max - 1us - 1ns);
  wake_up_lead other;
  other.learn(320us);
  other.forget(nanoseconds::max()); // of a thread that was preempted while it spun: no more than the lead
  CHECK(other.value() == 400us - nanoseconds(400us) / 1024);
  for (int i = 0; i < 4 * 1024; ++i) lead.forget(1ms);
  CHECK(lead.value() == wake_up_lead::first);
  while (lead.value() > 50us) lead.learn(0ns);
  const nanoseconds low = lead.value();
  lead.forget(40us);
  CHECK(lead.value() == low);
}

TEST_CASE("a lead that a busy machine raised is unlearnt, though every wait is shorter") {
  start(1900us);
  os::now.reading = 1us;
  takt::spin_tail<os> tail;
  std::error_code ec;
  tail.sleep_until(mono::time_point(1001s), ec);
  CHECK(tail.lead() == wake_up_lead::max);
  os::now.latency = 60us; // the machine is quiet again
  int waits = 0, slept_after = 0;
  for (nanoseconds deadline = shown() + 1ms; waits < 3000; deadline = shown() + 1ms) {
    tail.sleep_until(mono::time_point(deadline), ec);
    CHECK(shown() <= deadline + 2us);
    ++waits;
    if (slept_after == 0 && tail.sleeps() == 2) slept_after = waits;
  }
  // One part in 1024 of a millisecond a wait, and a millisecond to unlearn.
  CHECK(slept_after > 1000);
  CHECK(slept_after < 1100);
  CHECK(tail.sleeps() > 1800); // from then on all of them
  CHECK(tail.lead() < 80us);
  CHECK(tail.missed() == 1);   // the first
}

TEST_CASE("the spun end of a sleep is no reason to forget") {
  start(400us);
  takt::spin_tail<os> tail;
  std::error_code ec;
  for (int i = 0; i < 100; ++i) {
    tail.sleep_until(mono::time_point(shown() + 5ms), ec);
    CHECK(tail.lead() >= 500us);
  }
  CHECK(tail.missed() == 1);
}

TEST_CASE("a machine that stays late misses few deadlines of waits that are shorter than it is late") {
  start(300us);
  os::now.reading = 1us;
  takt::spin_tail<os> tail;
  std::error_code ec;
  for (int i = 0; i < 5000; ++i) tail.sleep_until(mono::time_point(shown() + 250us), ec);
  CHECK(tail.missed() >= 2); // it was tried again
  CHECK(tail.missed() <= 5000 / 256);
}

TEST_CASE("waits that are shorter than the first lead stay spun, and on time") {
  start(60us);
  os::now.reading = 1us;
  takt::spin_tail<os> tail;
  std::error_code ec;
  for (int i = 0; i < 3000; ++i) tail.sleep_until(mono::time_point(shown() + 50us), ec);
  CHECK(tail.sleeps() == 0);
  CHECK(tail.lead() == wake_up_lead::first);
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
    CHECK(shown() <= deadline.time_since_epoch() + 50ns); // it was read once more, for the time spun
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
  CHECK(shown() <= 1003s + 50ns);
}

TEST_CASE("a wake-up at the very deadline has not missed it") {
  start(0ns);
  os::now.reading = 0ns;
  takt::spin_tail<os> tail;
  std::error_code ec;
  os::now.latency = tail.lead();
  tail.sleep_until(mono::time_point(1001s), ec);
  CHECK(shown() == 1001s);
  CHECK(tail.sleeps() == 1);
  CHECK(tail.missed() == 0);
  os::now.latency = tail.lead() + 1ns;
  tail.sleep_until(mono::time_point(1002s), ec);
  CHECK(tail.missed() == 1);
}

TEST_CASE("a clock that is set back while it is watched is slept on again, not spun on") {
  start(60us);
  fickle_clock::readings = 0;
  takt::spin_tail<os> tail;
  std::error_code ec;
  const fickle_clock::time_point deadline(1010s);
  tail.sleep_until(deadline, ec);
  CHECK_FALSE(ec);
  CHECK(fickle_clock::shown() >= 1010s);
  CHECK(shown() >= 1010s + 1h);
  CHECK(tail.sleeps() == 2);
  CHECK(tail.spun() > 0ns);
  CHECK(tail.spun() < 2 * wake_up_lead::first);
  CHECK(tail.lead() <= wake_up_lead::first);
}

TEST_CASE("a step of the clock during a sleep does not raise the lead") {
  start(60us);
  takt::spin_tail<os> tail;
  std::error_code ec;
  os::now.asleep = [] {
    os::step(1h);
    os::now.asleep = nullptr;
  };
  tail.sleep_until(real::time_point(1'000'000'001s), ec);
  CHECK_FALSE(ec);
  CHECK(tail.missed() == 1);
  CHECK(tail.lead() == wake_up_lead::first);
}

TEST_CASE("a stop request ends the spin") {
  start(60us);
  takt::spin_tail<os> tail;
  std::error_code ec;
  static std::stop_source source;
  source = std::stop_source();
  fickle_clock::readings = 0;
  fickle_clock::at_fifth = [] { source.request_stop(); };
  CHECK_FALSE(tail.sleep_until(fickle_clock::time_point(1010s), source.get_token(), ec));
  CHECK_FALSE(ec);
  CHECK(fickle_clock::shown() < 1010s);
  CHECK_FALSE(tail.sleep_until(fickle_clock::time_point(1s), source.get_token(), ec));
  fickle_clock::at_fifth = nullptr;
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

TEST_CASE("signals do not end it unless asked to, and where the kernel refuses to sleep it does not spin instead") {
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
  CHECK(shown() < 1000s + 6ms);
  CHECK(tail.sleeps() == 1);
  CHECK(tail.lead() < wake_up_lead::first); // from the sleep before
  os::now.early_ends = {{1ms}};
  CHECK_FALSE(tail.sleep_until(mono::time_point(1000s + 9ms), takt::interruptible, ec));
  CHECK_FALSE(ec);
  CHECK(tail.sleep_until(mono::time_point(1000s + 9ms), takt::interruptible, ec));
}
