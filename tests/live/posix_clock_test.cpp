// Protects: that both paths to a clock lead to the same clock, that the first call may come from anywhere, and the
// facts about std::chrono's clocks that the conversions rely on.
//
// A reading by the vDSO between two by system call lies between them, exactly: both compute from the same record of the
// kernel. For REALTIME and TAI that fails when the clock is stepped back within the bracket of about 1 us, which these
// tests do not do, and which is rare: three rounds must fail in a row.
#include "support/skip.hpp"
#include <takt/kernel/posix_clock.hpp>

#include <doctest/doctest.h>
#include <atomic>
#include <csignal>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::access;
using takt::posix_clock;

/// Whether `rounds` brackets hold in one of three attempts.
template <class Before, class Between, class After> bool brackets(Before before, Between between, After after) {
  constexpr int rounds = 1000;
  for (int attempt = 0; attempt < 3; ++attempt) {
    int good = 0;
    for (int i = 0; i < rounds; ++i) {
      const nanoseconds a = before();
      const nanoseconds b = between();
      const nanoseconds c = after();
      good += a <= b && b <= c;
    }
    if (good == rounds) return true;
  }
  return false;
}

template <clockid_t Id> void check_both_paths(const char* name) {
  CAPTURE(name);
  std::error_code ec;
  (void)takt::read_clock<access::syscall>(Id, ec);
  if (ec) TAKT_SKIP("clock %s: %s", name, ec.message().c_str());
  const auto by_call = [] { return posix_clock<Id, access::syscall>::now().time_since_epoch(); };
  const auto by_vdso = [] { return posix_clock<Id>::now().time_since_epoch(); };
  const auto any = [] {
    std::error_code e;
    return takt::read_clock(Id, e);
  };
  CHECK(brackets(by_call, by_vdso, by_call));
  CHECK(brackets(by_vdso, by_call, by_vdso));
  CHECK(brackets(by_vdso, any, by_vdso));
  CHECK(takt::clock_resolution(Id, ec) > 0ns);
  CHECK_FALSE(ec);
}

TEST_CASE("both paths lead to the same clock") {
  check_both_paths<CLOCK_MONOTONIC>("MONOTONIC");
  check_both_paths<CLOCK_MONOTONIC_RAW>("MONOTONIC_RAW");
  check_both_paths<CLOCK_MONOTONIC_COARSE>("MONOTONIC_COARSE");
  check_both_paths<CLOCK_BOOTTIME>("BOOTTIME");
  check_both_paths<CLOCK_REALTIME>("REALTIME");
  check_both_paths<CLOCK_REALTIME_COARSE>("REALTIME_COARSE");
  check_both_paths<CLOCK_TAI>("TAI");
  check_both_paths<CLOCK_PROCESS_CPUTIME_ID>("PROCESS_CPUTIME");
  check_both_paths<CLOCK_THREAD_CPUTIME_ID>("THREAD_CPUTIME");
}

// One-sided: few machines have an auxiliary clock. What there is advances by both paths; what there is not is an error
// code that says so, and the program goes on.
TEST_CASE("auxiliary clocks are read, or are an error") {
  using by_vdso = posix_clock<takt::aux_clock<0>>;
  using by_call = posix_clock<takt::aux_clock<0>, access::syscall>;
  std::error_code ec, again;
  const auto first = by_call::now(ec);
  const auto second = by_vdso::now(again);
  CHECK(ec == again);
  if (ec) {
    CHECK((ec == std::errc::invalid_argument || ec == std::errc::no_such_device));
    CHECK(first == by_call::time_point());
    TAKT_SKIP("CLOCK_AUX0: %s", ec.message().c_str());
  }
  CHECK(first <= second);
}

TEST_CASE("what the table says of sleeping, timers and futexes is what this kernel does") {
  for (const takt::clock_properties& clock : takt::clock_properties::table) {
    CAPTURE(clock.name);
    std::error_code ec;
    const auto now = takt::read_clock<access::syscall>(clock.id, ec);
    if (ec && clock.optional) continue;
    REQUIRE_FALSE(ec);
    // Deadlines that have passed, so that nothing waits.
    if (clock.sleepable) CHECK(takt::linux_os::sleep_until(clock.id, takt::to_timespec(now)) == 0);
    int fd = -1;
    const int opened = takt::linux_os::timer_open(clock.id, fd);
    CHECK((opened == 0) == (clock.timer == clock.id));
    if (opened == 0) takt::linux_os::timer_close(fd);
  }
}

TEST_CASE("steady_clock is CLOCK_MONOTONIC and system_clock is CLOCK_REALTIME, in the same units from the same epoch") {
  using monotonic = posix_clock<CLOCK_MONOTONIC>;
  using realtime = posix_clock<CLOCK_REALTIME>;
  CHECK(brackets([] { return std::chrono::steady_clock::now().time_since_epoch(); },
                 [] { return monotonic::to_steady(monotonic::now()).time_since_epoch(); },
                 [] { return std::chrono::steady_clock::now().time_since_epoch(); }));
  CHECK(brackets([] { return nanoseconds(std::chrono::system_clock::now().time_since_epoch()); },
                 [] { return realtime::to_sys(realtime::now()).time_since_epoch(); },
                 [] { return nanoseconds(std::chrono::system_clock::now().time_since_epoch()); }));
}

TEST_CASE("read_clock knows clocks that have no number of their own, and says no to those that do not exist") {
  clockid_t mine{};
  REQUIRE(::pthread_getcpuclockid(::pthread_self(), &mine) == 0);
  std::error_code ec;
  const auto own = [&] { return takt::read_clock(mine, ec); };
  CHECK(brackets([] { return posix_clock<CLOCK_THREAD_CPUTIME_ID>::now().time_since_epoch(); }, own,
                 [] { return posix_clock<CLOCK_THREAD_CPUTIME_ID>::now().time_since_epoch(); }));
  CHECK_FALSE(ec);
  for (const clockid_t unknown : {9999, -1}) {
    CAPTURE(unknown);
    CHECK(takt::read_clock(unknown, ec) == 0ns);
    CHECK(ec == std::errc::invalid_argument);
    CHECK(takt::read_clock<access::syscall>(unknown, ec) == 0ns);
    CHECK(ec == std::errc::invalid_argument);
    CHECK(takt::clock_resolution(unknown, ec) == 0ns);
    CHECK(ec == std::errc::invalid_argument);
  }
}

TEST_CASE("each path is the one it says, and the vDSO is looked for once") {
  struct counting : takt::linux_os {
    static int& searches() { static int n = 0; return n; }
    static int& calls() { static int n = 0; return n; }
    static const void* vdso_base() noexcept { return ++searches(), linux_os::vdso_base(); }
    static int clock_gettime(clockid_t id, timespec& out) noexcept { return ++calls(), linux_os::clock_gettime(id, out); }
  };
  const bool present = takt::detail::vdso_clock_gettime_function() != nullptr;
  for (int i = 0; i < 10; ++i) (void)posix_clock<CLOCK_MONOTONIC, access::syscall, counting>::now();
  CHECK(counting::searches() == 0);
  CHECK(counting::calls() == 10);
  for (int i = 0; i < 10; ++i) (void)posix_clock<CLOCK_MONOTONIC, access::vdso, counting>::now();
  for (int i = 0; i < 10; ++i) (void)posix_clock<CLOCK_THREAD_CPUTIME_ID, access::vdso, counting>::now();
  CHECK(counting::searches() == 1);
  CHECK(counting::calls() == (present ? 10 : 30)); // what the vDSO itself calls does not come by here
}

TEST_CASE("a reading leaves errno alone") {
  struct first_reading : takt::linux_os {}; // another Os has another function pointer, which is not resolved yet
  errno = 4711;
  (void)posix_clock<CLOCK_MONOTONIC, access::vdso, first_reading>::now();
  (void)posix_clock<CLOCK_MONOTONIC>::now();
  (void)posix_clock<CLOCK_MONOTONIC, access::syscall>::now();
  CHECK(errno == 4711);
}

TEST_CASE("the first reading may come from many threads at once") {
  struct first_reading : takt::linux_os {};
  using clock = posix_clock<CLOCK_MONOTONIC, access::vdso, first_reading>;
  const auto before = posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch();
  std::atomic<bool> go{false};
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      while (!go) std::this_thread::yield();
      const auto first = clock::now(), second = clock::now();
      good += before <= first.time_since_epoch() && first <= second;
    });
  go = true;
  for (auto& t : threads) t.join();
  CHECK(good == 8);
}

struct handlers_first_reading : takt::linux_os {};
nanoseconds seen_by_handler{};
void read_in_handler(int) {
  seen_by_handler = posix_clock<CLOCK_MONOTONIC, access::vdso, handlers_first_reading>::now().time_since_epoch();
}

TEST_CASE("the first reading may come from a signal handler, and from a child after fork") {
  struct sigaction action {};
  struct sigaction old {};
  action.sa_handler = read_in_handler;
  REQUIRE(::sigaction(SIGUSR1, &action, &old) == 0);
  const auto before = posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch();
  ::raise(SIGUSR1);
  const auto after = posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch();
  ::sigaction(SIGUSR1, &old, nullptr);
  CHECK(before <= seen_by_handler);
  CHECK(seen_by_handler <= after);

  struct childs_first_reading : takt::linux_os {};
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto now = posix_clock<CLOCK_MONOTONIC, access::vdso, childs_first_reading>::now().time_since_epoch();
    ::_exit(before <= now && now <= posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

} // namespace
