// Protects the keeper's thread on this machine: it looks on its own and when it is told to, ends at once, and keeps the
// clock on the kernel's.
#include <takt/timer/keeper.hpp>

#include <doctest/doctest.h>
#include <support/cancelled.hpp>
#include <support/forbidden_child.hpp>
#include <support/skip.hpp>

#include <chrono>
#include <thread>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;

bool usable() {
  static const bool trusted = takt::judge(takt::gather_counter_facts()).counter_trusted;
  return trusted;
}

/// Waits until `done` or for ten seconds, which only a machine that does not run its threads exceeds.
template <class Done> bool within_ten_seconds(Done&& done) {
  for (const auto end = kernel::now() + 10s; kernel::now() < end; std::this_thread::sleep_for(1ms))
    if (done()) return true;
  return done();
}

} // namespace

TEST_CASE("a keeper calibrates, looks once a period, and ends at once") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  auto begin = kernel::now();
  {
    const takt::clock_keeper keeper(10ms, ec);
    REQUIRE(!ec);
    CHECK(within_ten_seconds([&] { return keeper.report().looks >= 20; }));
    CHECK(kernel::now() - begin > 170ms); // not more often than it should
    CHECK(takt::tsc_clock::source() == takt::road::counter);
    const auto r = keeper.report();
    CHECK(r.calibrations + (r.failed == 0 ? 1 : 0) == 1); // only if nobody had done it before
    CHECK(r.anchored_anew == 0);
    CHECK(r.suspends == 0);
    // Readings of the kernel before and after enclose ours; what is open is what the first line may be off, and noise.
    for (int i = 0; i < 10'000; ++i) {
      const auto before = kernel::now().time_since_epoch();
      const auto shown = takt::tsc_clock::now().time_since_epoch();
      const auto after = kernel::now().time_since_epoch();
      REQUIRE(shown >= before - 2us);
      REQUIRE(shown <= after + 2us);
    }
    begin = kernel::now();
  }
  CHECK(kernel::now() - begin < 5s);
}

TEST_CASE("a keeper with a long period looks when it is woken, and ends at once all the same") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  const auto begin = kernel::now();
  {
    takt::clock_keeper keeper(1h, ec);
    REQUIRE(!ec);
    CHECK(within_ten_seconds([&] { return keeper.report().looks >= 1; }));
    const auto looks = keeper.report().looks;
    CHECK(within_ten_seconds([&] {
      keeper.wake();
      return keeper.report().looks > looks;
    }));
  }
  CHECK(kernel::now() - begin < 30s);
}

TEST_CASE("many keepers that end while they begin") {
  for (int i = 0; i < 200; ++i) {
    std::error_code ec;
    const takt::clock_keeper keeper(1h, ec);
    CHECK(!ec);
  }
}

TEST_CASE("a keeper whose timer fails says so") {
  struct own_os : takt::linux_os {
    static int wait_readable(int, const timespec*) noexcept { return ENOMEM; }
  };
  std::error_code ec;
  const takt::clock_keeper<takt::tsc_clock, own_os> keeper(10ms, ec);
  REQUIRE(!ec);
  CHECK(within_ten_seconds([&] { return bool(keeper.report().ended); }));
  CHECK(keeper.report().ended == std::errc::not_enough_memory);
  CHECK(keeper.report().looks == 1);
}

TEST_CASE("a keeper may be destroyed by a thread that is to be cancelled, and waits for its own all the same") {
  std::error_code ec;
  CHECK(comes_to_its_end([&ec] {
    const takt::clock_keeper keeper(1ms, ec);
    pthread_cancel(pthread_self()); // the next cancellation point would end it
  }));
  CHECK(!ec);
}

TEST_CASE("in a forked child a keeper is inert: it may be asked, woken and destroyed") {
  for (int i = 0; i < 50; ++i) {
    std::error_code ec;
    bool child = false, good = false;
    {
      takt::clock_keeper keeper(1ms, ec);
      REQUIRE(!ec);
      std::this_thread::sleep_for(std::chrono::microseconds(i * 37)); // in the middle of anything
      const pid_t pid = fork();
      REQUIRE(pid >= 0);
      child = pid == 0;
      if (child) {
        alarm(60); // one that waits for a thread it does not have would wait for ever
        keeper.wake();
        const auto looks = keeper.report().looks;
        good = keeper.report().looks == looks;
      } else {
        int status = 0;
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
        const auto looks = keeper.report().looks;
        CHECK(within_ten_seconds([&] { return keeper.report().looks > looks; })); // the parent's goes on
      }
    }
    if (child) _exit(good ? 0 : 1);
  }
}

#if defined(__x86_64__)
TEST_CASE("a keeper in a process that forbids itself the counter looks at the clocks without it, calibrated or not") {
#if defined(TAKT_SANITIZER_READS_CLOCKS)
  TAKT_SKIP("the sanitizer's own runtime reads the clock by the vDSO in every thread");
#endif
  // A state of its own: a forbidden thread must not meet a line.
  struct own_os : takt::linux_os {};
  using clock = takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, own_os>, takt::ordered_counter, own_os>;
  for (const bool tried : {false, true}) {
    const auto end = takt_test::in_forbidden_child([&] {
      std::error_code ec;
      if (tried) static_cast<void>(clock::calibrate(1ms, ec));
      takt::clock_keeper<clock, own_os> keeper(10ms, ec);
      for (int i = 0; i < 3000 && keeper.report().looks < 5; ++i) usleep(10'000);
      const auto r = keeper.report();
      return !ec && r.looks >= 5 && r.failed == r.looks;
    });
    if (end == takt_test::child_end::refused) TAKT_SKIP("no child, or PR_SET_TSC is not there");
    CHECK(end == takt_test::child_end::good);
  }
}
#endif

TEST_CASE("a period that is none") {
  std::error_code ec;
  for (const nanoseconds period : {nanoseconds(0), nanoseconds(-1), nanoseconds(999'999), nanoseconds::min()}) {
    const takt::clock_keeper keeper(period, ec);
    CHECK(ec == std::errc::invalid_argument);
    CHECK(keeper.report().looks == 0);
  }
#if TAKT_EXCEPTIONS
  CHECK_THROWS_AS(takt::clock_keeper(0s), std::system_error);
#endif
}
