// Protects the keeper's thread on this machine: it checks on its own and when it is woken, ends at once, and keeps the
// clock on the kernel's.
#include <takt/timer/keeper.hpp>

#include <doctest/doctest.h>
#include <support/cancelled.hpp>
#include <support/forbidden_child.hpp>
#include <support/skip.hpp>

#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using kernel = takt::posix_clock<CLOCK_MONOTONIC>;

bool usable() {
  static const bool trusted = takt::judge(takt::verdict::facts::gather()).counter_trusted;
  return trusted;
}

/// Waits until `done`, or for ten seconds, which only a machine that does not run its threads exceeds.
template <class Done> bool within_ten_seconds(Done&& done) {
  for (const auto end = kernel::now() + 10s; kernel::now() < end; std::this_thread::sleep_for(1ms))
    if (done()) return true;
  return done();
}

} // namespace

TEST_CASE("a keeper calibrates, checks once a period, and ends at once") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  auto begin = kernel::now();
  {
    const takt::clock_keeper keeper(10ms, ec);
    REQUIRE(!ec);
    CHECK(within_ten_seconds([&] { return keeper.report().checks >= 20; }));
    CHECK(kernel::now() - begin > 170ms); // not more often than it should
    CHECK(takt::tsc_clock::source() == takt::clock_path::counter);
    const auto r = keeper.report();
    CHECK(r.calibrations <= 1); // not if the clock was calibrated before
    CHECK(r.failed_checks == 0);
    CHECK(r.counter_jumps == 0);
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

TEST_CASE("a keeper with a long period checks when it is woken, and ends at once all the same") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  const auto begin = kernel::now();
  {
    takt::clock_keeper keeper(1h, ec);
    REQUIRE(!ec);
    CHECK(within_ten_seconds([&] { return keeper.report().checks >= 1; }));
    const auto checks = keeper.report().checks;
    CHECK(within_ten_seconds([&] {
      keeper.wake();
      return keeper.report().checks > checks;
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
  CHECK(keeper.report().checks == 1);
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
        const auto checks = keeper.report().checks;
        good = keeper.report().checks == checks;
      } else {
        int status = 0;
        REQUIRE(waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
        const auto checks = keeper.report().checks;
        CHECK(within_ten_seconds([&] { return keeper.report().checks > checks; })); // the parent's goes on
      }
    }
    if (child) _exit(good ? 0 : 1);
  }
}

#if defined(__x86_64__)
TEST_CASE("a keeper in a process that forbids itself the counter checks at the clocks without it, calibrated or not") {
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
      for (int i = 0; i < 3000 && keeper.report().checks < 5; ++i) usleep(10'000);
      const auto r = keeper.report();
      return !ec && r.checks >= 5 && r.failed_checks == r.checks;
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
    CHECK(keeper.report().checks == 0);
  }
  const takt::clock_keeper none(0s); // never throws, and says why it does nothing
  CHECK(none.report().ended == std::errc::invalid_argument);
}

TEST_CASE("one line starts and keeps the clock") {
  const takt::clock_keeper keeper;
  const auto r = keeper.report();
  CHECK(!r.ended);
  CHECK(r.checks >= 1);
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  CHECK(takt::tsc_clock::source() == takt::clock_path::counter); // at once
  CHECK(r.failed_checks == 0);
}

TEST_CASE("one line in a sandbox: without /proc and /sys, without timers, without threads it neither throws nor aborts") {
  struct bare_os : takt::linux_os {
    static int read_file(const char*, std::string&, std::size_t) { return ENOENT; }
    static int read_short(const char*, char*, std::size_t, std::size_t&) noexcept { return ENOENT; }
    static int kernel_log(std::string&) { return EPERM; }
  };
  struct no_timer : bare_os {
    static int timer_open(clockid_t, int&) noexcept { return EPERM; }
  };
  struct no_thread : bare_os {
    static int thread_start(bare_os::thread&, void* (*)(void*), void*) noexcept { return EAGAIN; }
  };
  const auto keep = [&]<class Os>(Os, int expected) {
    using clock = takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, Os>, takt::ordered_counter, Os>;
    const takt::clock_keeper<clock, Os> keeper;
    const auto r = keeper.report();
    CHECK(r.ended == takt::detail::errno_code(expected));
    CHECK(r.checks >= 1);
    // By whichever path: the clock is right, and where it is the kernel's the report says why.
    const auto before = kernel::now().time_since_epoch();
    const auto shown = clock::now().time_since_epoch();
    CHECK(shown >= before - 2us);
    CHECK(shown <= kernel::now().time_since_epoch() + 2us);
    if (clock::source() != takt::clock_path::counter) CHECK(r.first_error);
  };
  keep(bare_os{}, 0);
  keep(no_timer{}, EPERM);
  keep(no_thread{}, EAGAIN);
}

TEST_CASE("in a child of _Fork(), which runs no fork handlers, a keeper is inert as well") {
  std::error_code ec;
  std::optional<takt::clock_keeper<>> keeper;
  keeper.emplace(10ms, ec);
  REQUIRE(!ec);
  const pid_t pid = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  REQUIRE(pid >= 0);
  if (pid == 0) {
    alarm(20); // one that waits for a thread it does not have would wait for ever
    keeper->wake();
    static_cast<void>(keeper->report());
    keeper.reset();
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(status == 0);
}
