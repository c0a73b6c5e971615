// sleep.hpp and nanosleep_aligned.hpp on this kernel: no sleep ever ends early, whatever signals come, and none begins
// for bad input. TAKT_SLEEPS=1000000 in the environment runs the long form of the storm.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <optional>
#include <pthread.h>
#include <random>
#include <sched.h>
#include <stop_token>
#include <string>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <takt/clock/tsc_clock.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>
#include <takt/sleep/periodic.hpp>
#include <takt/sleep/sleep.hpp>
#include <takt/sleep/spin_tail.hpp>
#include <thread>
#include <unistd.h>

#include "support/forbidden_child.hpp"
#include "support/skip.hpp"

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::grid;

std::atomic<std::uint64_t> handled{0};

// Sends SIGUSR1, whose handler does next to nothing, to the thread that made it, again and again.
class storm {
public:
  explicit storm(std::chrono::microseconds pause) {
    struct sigaction action {};
    action.sa_handler = [](int) { handled.fetch_add(1, std::memory_order_relaxed); };
    sigaction(SIGUSR1, &action, &before_); // no SA_RESTART: sleeps are interrupted
    thread_ = std::jthread([target = pthread_self(), pause](const std::stop_token& token) {
      while (!token.stop_requested()) {
        pthread_kill(target, SIGUSR1);
        std::this_thread::sleep_for(pause);
      }
    });
    for (const std::uint64_t before = handled; handled == before;) std::this_thread::yield(); // until the first one
  }
  ~storm() {
    thread_.request_stop();
    thread_.join();
    sigaction(SIGUSR1, &before_, nullptr);
  }
  storm(const storm&) = delete;
  storm& operator=(const storm&) = delete;

private:
  struct sigaction before_ {};
  std::jthread thread_;
};

long sleeps_wanted() {
  const char* const text = std::getenv("TAKT_SLEEPS");
  return text == nullptr ? 400 : std::atol(text);
}

// For every clock: sleeps of all forms, none of which may end early.
template <class Clock> void never_early() {
  using point = std::chrono::time_point<typename Clock::time_point::clock, nanoseconds>;
  const long sleeps = sleeps_wanted();
  std::mt19937_64 random(2026);
  const auto below = [&random](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  const auto now = [] { return std::chrono::time_point_cast<nanoseconds>(point(Clock::now().time_since_epoch())); };
  std::error_code unknown;
  const nanoseconds origin = takt::grid_origin<Clock>(unknown); // not zero inside a time namespace
  if (unknown) TAKT_SKIP("the origin of the grid: %s", unknown.message().c_str());
  const auto first_point = [origin](const grid& g, point t) { return g.ceil(t - origin) + origin; };
  takt::spin_tail tail;
  const std::stop_source source;
  long early = 0, failed = 0;
  const takt::scoped_timer_slack tight(1ns);
  const storm signals_come(15us);
  for (long i = 0; i < sleeps; ++i) {
    const auto g = *grid::make(nanoseconds(1 + below(30'000)), nanoseconds(below(1'000'000)));
    const nanoseconds d(below(20'000));
    const point start = now(), due = start + d;
    std::error_code ec;
    point wanted = due;
    switch (i % 4) {
    case 0:
      takt::sleep_aligned<Clock>(d, g, ec);
      wanted = first_point(g, due);
      break;
    case 1:
      takt::sleep_until_aligned(due, g, ec);
      wanted = first_point(g, due);
      break;
    case 2: takt::sleep_until_within(due, takt::slack(nanoseconds(below(20'000))), ec); break;
    case 3:
      if (i % 8 == 3) failed += !takt::sleep_until(due, source.get_token(), ec);
      else tail.sleep_until(due, ec);
      break;
    }
    early += now() < wanted;
    failed += static_cast<bool>(ec);
  }
  CHECK(early == 0);
  CHECK(failed == 0);
}

} // namespace

TEST_CASE("no sleep ends early under a storm of signals: steady_clock") { never_early<std::chrono::steady_clock>(); }
TEST_CASE("no sleep ends early under a storm of signals: system_clock") { never_early<std::chrono::system_clock>(); }
TEST_CASE("no sleep ends early under a storm of signals: MONOTONIC") {
  never_early<takt::posix_clock<CLOCK_MONOTONIC>>();
}
TEST_CASE("no sleep ends early under a storm of signals: BOOTTIME") {
  never_early<takt::posix_clock<CLOCK_BOOTTIME>>();
}
TEST_CASE("no sleep ends early under a storm of signals: REALTIME") {
  never_early<takt::posix_clock<CLOCK_REALTIME>>();
}
TEST_CASE("no sleep ends early under a storm of signals: TAI") { never_early<takt::posix_clock<CLOCK_TAI>>(); }
TEST_CASE("no sleep ends early under a storm of signals: tsc_clock") {
  std::error_code ec;
  takt::tsc_clock::calibrate(5ms, ec); // without a counter it reads the kernel's clock, and must keep the promise too
  never_early<takt::tsc_clock>();
  never_early<takt::fast_tsc_clock>();
}

TEST_CASE("nanosleep_aligned never returns before the next point of its grid") {
  using mono = takt::posix_clock<CLOCK_MONOTONIC>;
  constexpr nanoseconds periods[] = {1ns, 10ns, 100ns, 1us, 10us, 100us, 1ms};
  const long sleeps = sleeps_wanted();
  std::error_code unknown;
  const nanoseconds origin = takt::grid_origin<mono>(unknown);
  if (unknown) TAKT_SKIP("the origin of the grid: %s", unknown.message().c_str());
  const takt::scoped_timer_slack tight(1ns);
  const storm signals_come(15us);
  long early = 0;
  for (long i = 0; i < sleeps; ++i) {
    const auto level = static_cast<takt::slack_value>(i % 7);
    const timespec sleep_time{0, 1'000 * (i % 20)};
    const mono::time_point due = mono::now() + takt::to_nanoseconds(sleep_time);
    CHECK(takt::nanosleep_aligned(sleep_time, level) == 0);
    early += mono::now() < grid::make(periods[level])->ceil(due - origin) + origin;
  }
  CHECK(early == 0);
}

TEST_CASE("bad input does not sleep") {
  const auto start = std::chrono::steady_clock::now();
  constexpr long nanos[] = {LONG_MIN, -1'000'000'000, -1, 1'000'000'000, 1'000'000'001, LONG_MAX};
  for (const long nsec : nanos) {
    for (const time_t sec : {time_t{-1}, time_t{0}, time_t{3600}, std::numeric_limits<time_t>::max()}) {
      for (int level = -2; level < 12; ++level) {
        errno = 0;
        CHECK(takt::nanosleep_aligned({sec, nsec}, static_cast<takt::slack_value>(level)) == -1);
        CHECK(errno == EINVAL);
      }
    }
  }
  for (const int level : {INT_MIN, -1, 10, 11, 4096, INT_MAX}) {
    errno = 0;
    CHECK(takt::nanosleep_aligned({3600, 0}, static_cast<takt::slack_value>(level)) == -1);
    CHECK(errno == EINVAL);
  }
  CHECK(takt::nanosleep_aligned({-1, 0}, takt::SLACK_VALUE_1S) == -1);
  CHECK(takt::nanosleep_aligned({std::numeric_limits<time_t>::min(), 999'999'999}, takt::SLACK_VALUE_1S) == -1);
  std::error_code ec;
  takt::sleep_until_within(start + 1h, takt::slack(-1ns), ec);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(std::chrono::steady_clock::now() - start < 30min); // none of the hours was slept
}

TEST_CASE("what overflows sleeps to the end of time, until a signal ends the form that asks for it") {
  const storm signals_come(1ms);
  timespec left{};
  errno = 0;
  CHECK(takt::nanosleep_aligned({std::numeric_limits<time_t>::max(), 999'999'999}, takt::SLACK_VALUE_10MS,
                                takt::interruptible, &left) == -1);
  CHECK(errno == EINTR);
  CHECK(takt::to_nanoseconds(left) > std::chrono::hours(24 * 365 * 200));
  std::error_code ec;
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(takt::sleep_until(takt::posix_clock<CLOCK_MONOTONIC>::time_point::max(), takt::interruptible, ec));
    CHECK_FALSE(takt::sleep_until(takt::posix_clock<CLOCK_BOOTTIME>::time_point::max(), takt::interruptible, ec));
    CHECK_FALSE(takt::sleep_until(takt::posix_clock<CLOCK_REALTIME>::time_point::max(), takt::interruptible, ec));
    CHECK_FALSE(takt::sleep_until(takt::posix_clock<CLOCK_TAI>::time_point::max(), takt::interruptible, ec));
    const auto in_an_hour = std::chrono::steady_clock::now() + 1h;
    CHECK_FALSE(takt::sleep_until_within(in_an_hour, takt::slack(nanoseconds::max()), takt::interruptible, ec));
    CHECK_FALSE(ec);
  }
}

TEST_CASE("a stop request from another thread ends a sleep of an hour, on every clock") {
  const auto stopped = [](auto clock) {
    std::stop_source source;
    const std::jthread stopper([&source] {
      std::this_thread::sleep_for(5ms);
      source.request_stop();
    });
    std::error_code ec;
    CHECK_FALSE(takt::sleep_until_within(decltype(clock)::now() + 1h, takt::slack(1h), source.get_token(), ec));
    CHECK_FALSE(ec);
  };
  stopped(std::chrono::steady_clock());
  stopped(std::chrono::system_clock());
  stopped(takt::posix_clock<CLOCK_TAI>());
  stopped(takt::posix_clock<CLOCK_BOOTTIME>());
  stopped(takt::tsc_clock());
}

TEST_CASE("a window is left as it was found") {
  std::error_code ec;
  const takt::scoped_timer_slack mine(123'456ns);
  const auto start = std::chrono::steady_clock::now();
  takt::sleep_until_within(start + 2ms, takt::slack(5ms), ec);
  CHECK_FALSE(ec);
  CHECK(std::chrono::steady_clock::now() >= start + 2ms);
  CHECK(takt::timer_slack(ec) == 123'456ns);
}

// Whether the kernel has a timer with this softexpires and this hard expiry, in its own time; nothing if it tells none.
std::optional<bool> kernel_has_timer(nanoseconds soft, nanoseconds hard) {
  std::ifstream list("/proc/timer_list");
  std::optional<bool> found;
  for (std::string line; std::getline(list, line);) {
    long long from = 0, to = 0;
    if (std::sscanf(line.c_str(), " # expires at %lld-%lld nsecs", &from, &to) != 2) continue;
    if (from == soft.count() && to == hard.count()) return true;
    found = false;
  }
  return found;
}

TEST_CASE("what the kernel gets of a window: from its begin to its roundest point, and not a moment more") {
  std::error_code ec;
  if (!kernel_has_timer({}, {})) TAKT_SKIP("/proc/timer_list: cannot be read, or lists no timer");
  if (!takt::scoped_timer_slack<>(1ms, ec).active()) TAKT_SKIP("timer slack: %s", ec.message().c_str());
  const nanoseconds origin = takt::grid_origin(ec), now = std::chrono::steady_clock::now().time_since_epoch();
  REQUIRE_FALSE(ec);
  const nanoseconds earliest = now - origin + 1h, slack = 123ms;
  const auto t = std::chrono::steady_clock::time_point(earliest + origin);
  const auto roundest = *takt::roundest_point(earliest, earliest + slack);
  const auto is_told = [&] { // soon, if ever
    for (int i = 0; i < 6000; ++i, std::this_thread::sleep_for(5ms)) {
      if (kernel_has_timer(earliest, roundest) == true) return true;
    }
    return false;
  };
  {
    std::jthread by_futex([&](const std::stop_token& token) {
      std::error_code why;
      CHECK_FALSE(takt::sleep_until_within(t, takt::slack(slack), token, why));
      CHECK_FALSE(why);
    });
    CHECK(is_told());
  }
  std::atomic<bool> awake{false};
  const storm signals_are_handled(20ms);
  std::jthread by_nanosleep([&] {
    std::error_code why;
    CHECK_FALSE(takt::sleep_until_within(t, takt::slack(slack), takt::interruptible, why));
    CHECK_FALSE(why);
    awake = true;
  });
  CHECK(is_told());
  for (; !awake; std::this_thread::sleep_for(1ms)) pthread_kill(by_nanosleep.native_handle(), SIGUSR1);
}

TEST_CASE("the spun end is never early either, and learns") {
  takt::spin_tail tail;
  std::error_code ec;
  for (int i = 0; i < 20; ++i) {
    const auto deadline = std::chrono::steady_clock::now() + 2 * takt::detail::wake_up_lead::max;
    tail.sleep_until(deadline, ec);
    CHECK_FALSE(ec);
    CHECK(std::chrono::steady_clock::now() >= deadline);
  }
  CHECK(tail.sleeps() > 0); // none, only if the thread lost its CPU for milliseconds each time
  CHECK(tail.lead() <= takt::detail::wake_up_lead::max);
}

#if defined(__x86_64__)
TEST_CASE("a thread that must not read the counter sleeps on the clocks that are read by system call") {
#if defined(TAKT_SANITIZER_READS_CLOCKS)
  TAKT_SKIP("the sanitizer's own runtime reads the clock by the vDSO in every thread");
#endif
  using slow = takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>;
  using point = std::chrono::time_point<slow, nanoseconds>;
  std::error_code ec;
  takt::load_grid_origin(ec);
  if (ec) TAKT_SKIP("the origin of the grid: %s", ec.message().c_str());
  const auto end = takt_test::in_forbidden_child([&ec] {
    const auto in = [](nanoseconds d) { return point(slow::now().time_since_epoch() + d); };
    bool good = true;
    takt::sleep_until(in(1ms), ec);
    good = good && !ec;
    takt::sleep_until_within(in(1ms), takt::slack(1ms), ec);
    good = good && !ec;
    good = takt::sleep_until(in(1ms), std::stop_source().get_token(), ec) && good;
    takt::sleep_aligned<slow>(1ms, grid(1ms), ec);
    good = good && !ec;
    takt::spin_tail tail;
    takt::periodic<slow> beat(grid(1ms));
    for (int i = 0; i < 3; ++i) good = beat.wait(ec) && beat.wait(tail, ec) && good;
    return good;
  });
  if (end == takt_test::child_end::refused) TAKT_SKIP("no child, or PR_SET_TSC is not there");
  CHECK(end == takt_test::child_end::good);
}
#endif

// LeakSanitizer asks this before it searches for leaks at the end of a program. It finds the threads in /proc/self/task, and
// where that is missing it ends the program with an error. It reads its options in /proc/self/environ, so those of the
// child below would not reach it.
extern "C" int __lsan_is_turned_off() { return access("/proc/self/task", F_OK) != 0; }

TEST_CASE("a loop without /proc that ignores the error of its sleeps" * doctest::skip()) { // started by the next one
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 10; ++i) {
    CHECK(takt::nanosleep_aligned({0, 9'000'000}, takt::SLACK_VALUE_10MS) == -1);
    CHECK(errno == ENOENT);
  }
  CHECK(std::chrono::steady_clock::now() - begin >= 90ms);
  std::error_code ec;
  takt::sleep_aligned(9ms, takt::grid(10ms), ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  CHECK(std::chrono::steady_clock::now() - begin >= 99ms);
}

TEST_CASE("without /proc a sleep on the grid is as long, and says that the grid is not known") {
  constexpr int refused = 77;
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) { // in mounts of its own, and as a program that has not read the origin yet
    alarm(60);
    const int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0 || unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", "/proc", "tmpfs", 0, nullptr) != 0)
      _exit(refused);
    const char* const arguments[] = {"tests", "-tc=a loop without /proc*", "--no-skip", "-m", nullptr};
    syscall(SYS_execveat, self, "", const_cast<char**>(arguments), environ, AT_EMPTY_PATH);
    _exit(78);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == refused) TAKT_SKIP("/proc cannot be covered here");
  CHECK(status == 0);
}
