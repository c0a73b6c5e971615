// Protects: that every clock of takt keeps its contract whatever the machine is: both paths to a kernel's clock are one
// clock, tsc_clock reads the counter only where that is trusted, shows CLOCK_MONOTONIC within its stated error, and
// never goes backwards, in a thread or from one thread to another.
#include "checks.hpp"
#include "guest.hpp"
#include "recorder.hpp"

#include <takt/clock/tsc_clock.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/vdso.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::access;
using takt::posix_clock;
using takt::tsc_clock;

template <clockid_t Id> void check_paths() {
  int outside = 0, backwards = 0;
  nanoseconds last{};
  for (int i = 0; i < 500; ++i) {
    const nanoseconds a = posix_clock<Id, access::syscall>::now().time_since_epoch();
    const nanoseconds b = posix_clock<Id>::now().time_since_epoch();
    const nanoseconds c = posix_clock<Id, access::syscall>::now().time_since_epoch();
    outside += !(a <= b && b <= c);
    backwards += a < last;
    last = c;
  }
  CAPTURE(Id);
  CHECK(outside == 0);
  CHECK(backwards == 0);
}

} // namespace

TEST_CASE("clocks: both paths to each clock of the kernel meet") {
  check_paths<CLOCK_MONOTONIC>();
  check_paths<CLOCK_MONOTONIC_RAW>();
  check_paths<CLOCK_BOOTTIME>();
  check_paths<CLOCK_REALTIME>();
  check_paths<CLOCK_TAI>();
}

// Linux 6.17 has auxiliary clocks where it was built with them, which the kernels of Debian up to 7.2 are not.
TEST_CASE("clocks: an auxiliary clock that there is not, or that is not enabled, is an error with its reason") {
  const bool built = ::access("/sys/kernel/time/aux_clocks", F_OK) == 0;
  const auto reason = built ? std::errc::no_such_device : std::errc::invalid_argument;
  std::error_code ec;
  CHECK(posix_clock<takt::aux_clock<0>>::now(ec).time_since_epoch() == 0ns);
  CHECK(ec == reason);
  CHECK(posix_clock<takt::aux_clock<7>, access::syscall>::now(ec).time_since_epoch() == 0ns);
  CHECK(ec == reason);
  CHECK_FALSE(takt::vdso::answers(takt::aux_clock<0>, ec));
  CHECK(ec == reason);
}

TEST_CASE("clocks: tsc_clock takes the counter where it is trusted, the kernel's clock elsewhere") {
  const takt::verdict v = takt::judge(takt::verdict::facts::gather());
  CHECK(tsc_clock::source() != takt::clock_path::counter);
  std::error_code ec;
  const takt::tsc_calibration c = tsc_clock::calibrate(20ms, ec);
  CAPTURE(ec.message());
  CAPTURE(to_string(c));
  if (v.counter_trusted) {
    REQUIRE_FALSE(ec);
    CHECK(tsc_clock::source() == takt::clock_path::counter);
    CHECK(c.uncertainty_ppm() < 1000); // emulated clocks are read in microseconds: what matters is that it is stated
    MESSAGE(to_string(c));
  } else {
    CHECK(ec == takt::errc::counter_not_trusted);
    CHECK_FALSE(c.rate().known());
    CHECK(tsc_clock::source() != takt::clock_path::counter);
    CHECK(guest::off_from_monotonic<tsc_clock>() == 0ns);
  }
}

TEST_CASE("clocks: tsc_clock stays within its stated error of CLOCK_MONOTONIC") {
  for (int i = 0; i < 10; ++i) {
    std::this_thread::sleep_for(20ms);
    CHECK(guest::off_from_monotonic<tsc_clock>() <= guest::stated_error());
  }
}

TEST_CASE("clocks: neither clock goes backwards, calibrated or not, disciplined or not") {
  CHECK(guest::backwards_within<tsc_clock>(200ms) == 0);
  CHECK(guest::backwards_within<takt::fast_tsc_clock>(200ms) == 0);
  CHECK(guest::backwards_between<tsc_clock>(300ms) == 0);
  std::atomic<bool> stop{false};
  std::thread keeper([&] {
    while (!stop) {
      std::error_code ec;
      static_cast<void>(tsc_clock::discipline(ec));
      std::this_thread::sleep_for(20ms);
    }
  });
  CHECK(guest::backwards_within<tsc_clock>(300ms) == 0);
  CHECK(guest::backwards_between<tsc_clock>(300ms) == 0);
  stop = true;
  keeper.join();
}

TEST_CASE("clocks: clock_watch tells nothing where nothing happens, whatever keeps the time") {
  guest::recorder recorder(100ms);
  std::this_thread::sleep_for(1500ms);
  const auto& reported = recorder.end();
  MESSAGE(recorder.description());
  CHECK(recorder.checks() >= 2);
  for (const guest::reported_event& t : reported) {
    // A kernel that keeps time by the tick loses it when the emulator is held up, and the counter tells.
    CHECK(guest::situation() == "jiffies");
    const auto kind = t.event.kind;
    CHECK((kind == takt::watch_event::kind_type::counter_jump || kind == takt::watch_event::kind_type::counter_rate));
  }
}
