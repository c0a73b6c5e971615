// Protects: that calibration on CPUs whose counters differ is an error or within what it states, never a wrong number
// that seems sound; that a comparison of the two finds what lies between them.
//
// Emulated counters agree in fact, whatever the kernel calls them. So reading them is forbidden, and the handler of the
// fault gives the counter of the CPU it runs on an offset of its own. In a child, which may end by the fault.
#include "checks.hpp"
#include "emulated_counter.hpp"

#include <takt/clock/calibration.hpp>
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/tsc_clock.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <thread>

using namespace std::chrono_literals;
using guest::pin;
using guest::unaware;

namespace {

using reference = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>;

takt::tsc_calibration measure(std::error_code& ec) {
  return takt::calibrate<reference, takt::ordered_counter, unaware>(100ms, ec);
}

/// Returns: the number of the first claim that does not hold, 0 if all do.
int claims() {
  guest::emulate_counter();
  std::error_code ec;
  pin(0);
  const takt::tsc_calibration still = measure(ec);
  if (ec) return 1;
  const double truth = still.rate().hertz();
  for (const std::uint64_t ticks : {std::uint64_t{1'000'000}, std::uint64_t{100'000'000}, ~std::uint64_t{50'000'000}}) {
    guest::second_ahead = ticks;
    const auto self = static_cast<pid_t>(::syscall(SYS_gettid));
    std::atomic<bool> stop{false};
    pin(0);
    std::thread mover([&] {
      for (int cpu = 1; !stop; cpu ^= 1) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<unsigned>(cpu), &one);
        ::sched_setaffinity(self, sizeof(one), &one);
        ::usleep(7000);
      }
    });
    const takt::tsc_calibration moved = measure(ec);
    stop = true;
    mover.join();
    if (ec) continue;
    const double off_ppm = std::abs(moved.rate().hertz() / truth - 1) * 1e6;
    if (off_ppm > moved.uncertainty_ppm() + still.uncertainty_ppm()) {
      std::printf("offset %lld ticks: off by %.3f ppm, stated %.3f\n", static_cast<long long>(ticks), off_ppm,
                  moved.uncertainty_ppm());
      std::fflush(stdout);
      return 2;
    }
  }
  return 0;
}

/// Threads that fault when they read the counter must not have the fault blocked.
struct interruptible : unaware {
  static int pin_thread(unsigned cpu) noexcept {
    sigset_t none;
    ::sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    return takt::linux_os::pin_thread(cpu);
  }
};

/// Returns: the number of the first claim that does not hold, 0 if all do.
int messages_tell() {
  guest::emulate_counter();
  for (const std::int64_t ticks : {std::int64_t{0}, std::int64_t{50'000'000'000}, std::int64_t{-50'000'000'000}}) {
    guest::second_ahead = static_cast<std::uint64_t>(ticks);
    std::error_code ec;
    const auto o = takt::counter_offset::measure<takt::ordered_counter, interruptible>(0, 1, 100, ec);
    std::printf("%lld ticks ahead, measured %lld to %lld (%s)\n", static_cast<long long>(ticks),
                static_cast<long long>(o.min.signed_count()), static_cast<long long>(o.max.signed_count()), ec.message().c_str());
    if (ec) return 1;
    if (o.min.signed_count() > ticks || o.max.signed_count() < ticks) return 2;
    if (o.agrees() != (ticks == 0)) return 3; // a message takes less than ten seconds
  }
  return 0;
}

} // namespace

TEST_CASE("offsets: messages between two CPUs tell how far their counters are apart") {
  CHECK(guest::in_a_child(&messages_tell) == 0);
}

TEST_CASE("offsets: a calibration that is moved between unequal counters fails or states its error") {
  CHECK(guest::in_a_child(&claims) == 0);
}

TEST_CASE("offsets: tsc_clock does not take counters that the kernel does not trust, and never goes backwards") {
  CHECK(guest::in_a_child([] {
    using clock = takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC>, takt::ordered_counter, unaware>;
    guest::emulate_counter();
    guest::second_ahead = 100'000'000;
    std::error_code ec;
    static_cast<void>(clock::calibrate(20ms, ec));
    if (ec != takt::errc::counter_not_trusted) return 1;
    if (clock::source() == takt::clock_path::counter) return 2;
    if (guest::backwards_between<clock>(300ms) != 0) return 3;
    return guest::off_from_monotonic<clock>() == 0ns ? 0 : 4;
  }) == 0);
}
