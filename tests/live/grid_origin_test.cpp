// grid_origin.hpp in real time namespaces: the origin is the namespace's offset, sleeps inside meet the grid outside,
// and a process whose own offset is hidden says so.
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/wait.h>
#include <takt/sleep/grid_origin.hpp>
#include <takt/sleep/nanosleep_aligned.hpp>
#include <takt/sleep/sleep.hpp>
#include <thread>
#include <unistd.h>

#include "support/skip.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// The answer of a child.
enum answer : int { as_it_should = 0, no_namespace = 100, offsets_refused = 101 };

// Runs `f` in a child and returns what it returns.
template <class F> int in_child(F f) {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) _exit(f());
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

// Runs `f` in a time namespace with these offsets: the namespace begins with the child's first child.
template <class F> int in_namespace(const char* offsets, F f) {
  return in_child([&] {
    if (unshare(CLONE_NEWTIME) != 0) return static_cast<int>(no_namespace);
    if (takt::linux_os::write_file(takt::detail::time_offsets_path, offsets) != 0) return static_cast<int>(offsets_refused);
    // The child itself stays where it was: its own origin is still known, by the number of the first namespace.
    std::error_code ec;
    if (takt::time_offsets::read(ec) != takt::time_offsets() || ec) return 1;
    return in_child(f);
  });
}

} // namespace

TEST_CASE("here the origin is known, or the reason why not") {
  std::error_code ec;
  const auto offsets = takt::time_offsets::read(ec);
  CAPTURE(ec.message());
  if (ec) TAKT_SKIP("the time namespace of this process is unknown: %s", ec.message().c_str());
  CHECK(takt::grid_origin(ec) == offsets.monotonic);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>>(ec) == offsets.boottime);
}

TEST_CASE("inside a time namespace the grid stays where it is outside") {
  constexpr nanoseconds monotonic = 1'000'003'456'789ns, boottime = 86'400'000'000'001ns;
  const int result = in_namespace("monotonic 1000 3456789\nboottime 86400 1\n", [&] {
    std::error_code ec;
    if (takt::grid_origin(ec) != monotonic || ec) return 3;
    if (takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>>(ec) != boottime || ec) return 4;
    timespec deadline{};
    if (takt::nanosleep_deadline({0, 1'000'000}, takt::SLACK_VALUE_10MS, deadline) != 0) return 5;
    if ((takt::to_nanoseconds(deadline) - monotonic) % 10ms != 0ns) return 6;
    using boot = takt::posix_clock<CLOCK_BOOTTIME>;
    const takt::grid beat(3ms);
    const auto due = boot::now() + 1ms;
    takt::sleep_until_aligned(due, beat, ec);
    if (ec || boot::now() - boottime < beat.ceil(due - boottime)) return 7;
    const auto start = std::chrono::steady_clock::now();
    takt::sleep_until_within(start + 1ms, takt::slack(3ms), ec);
    if (ec || std::chrono::steady_clock::now() < start + 1ms) return 8;
    return static_cast<int>(as_it_should);
  });
  if (result == no_namespace) TAKT_SKIP("unshare(CLONE_NEWTIME): needs CAP_SYS_ADMIN and kernel 5.6");
  if (result == offsets_refused) TAKT_SKIP("/proc/self/timens_offsets cannot be written here");
  CHECK(result == as_it_should);
}

TEST_CASE("an offset that the kernel hides is an error, not a guess") {
  const int result = in_namespace("monotonic 1 0\nboottime 1 0\n", [] {
    if (unshare(CLONE_NEWTIME) != 0) return static_cast<int>(no_namespace);
    std::error_code ec;
    takt::load_grid_origin(ec);
    if (ec != std::errc::not_supported) return 2;
    takt::assume_grid_origin({1s, 1s}); // who knows it can say so
    if (takt::grid_origin(ec) != 1s || ec) return 3;
    return static_cast<int>(as_it_should);
  });
  if (result == no_namespace) TAKT_SKIP("unshare(CLONE_NEWTIME): needs CAP_SYS_ADMIN and kernel 5.6");
  if (result == offsets_refused) TAKT_SKIP("/proc/self/timens_offsets cannot be written here");
  CHECK(result == as_it_should);
}

TEST_CASE("a process that enters another time namespace and leaves it sleeps on the grid outside, without a call") {
  const int result = in_child([] {
    std::error_code ec;
    if (takt::grid_origin(ec) != takt::time_offsets::read(ec).monotonic || ec) return 2;
    const int home = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);
    // This process keeps a namespace for its children, which it enters itself.
    if (home < 0 || unshare(CLONE_NEWTIME) != 0) return static_cast<int>(no_namespace);
    if (takt::linux_os::write_file(takt::detail::time_offsets_path, "monotonic 5 1234567\nboottime 86400 1\n") != 0)
      return static_cast<int>(offsets_refused);
    const int away = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (away < 0) return 3;
    for (int round = 0; round < 3; ++round) {
      if (setns(away, CLONE_NEWTIME) != 0) return static_cast<int>(no_namespace);
      if (takt::grid_origin(ec) != 5s + 1'234'567ns || ec) return 4;
      if (takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>>(ec) != 86'400s + 1ns || ec) return 5;
      timespec deadline{};
      if (takt::nanosleep_deadline({0, 1'000'000}, takt::SLACK_VALUE_10MS, deadline) != 0) return 6;
      if ((takt::to_nanoseconds(deadline) - 1'234'567ns) % 10ms != 0ns) return 7;
      if (setns(home, CLONE_NEWTIME) != 0) return 8;
      if (takt::nanosleep_deadline({0, 1'000'000}, takt::SLACK_VALUE_10MS, deadline) != 0) return 9;
      if ((takt::to_nanoseconds(deadline) - takt::time_offsets::read(ec).monotonic) % 10ms != 0ns || ec) return 10;
    }
    return static_cast<int>(as_it_should);
  });
  if (result == no_namespace) TAKT_SKIP("setns(CLONE_NEWTIME): needs CAP_SYS_ADMIN and kernel 5.6");
  if (result == offsets_refused) TAKT_SKIP("/proc/self/timens_offsets cannot be written here");
  CHECK(result == as_it_should);
}

TEST_CASE("without /proc the kernel's count of ticks shows that the namespace is another one") {
  const int result = in_child([] {
    std::error_code ec;
    static_cast<void>(takt::grid_origin(ec));
    if (ec) return 2;
    if (unshare(CLONE_NEWTIME) != 0) return static_cast<int>(no_namespace);
    if (takt::linux_os::write_file(takt::detail::time_offsets_path, "monotonic 5 0\nboottime 5 0\n") != 0)
      return static_cast<int>(offsets_refused);
    const int away = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
    if (chroot("/dev") != 0) return static_cast<int>(no_namespace); // no /proc in there
    if (takt::grid_origin(ec) != 0ns || ec) return 3;
    if (setns(away, CLONE_NEWTIME) != 0) return static_cast<int>(no_namespace);
    timespec deadline{};
    if (takt::nanosleep_deadline({0, 1'000'000}, takt::SLACK_VALUE_10MS, deadline) != ENOENT) return 4;
    takt::assume_grid_origin({5s, 5s});
    if (takt::nanosleep_deadline({0, 1'000'000}, takt::SLACK_VALUE_10MS, deadline) != 0) return 5;
    return static_cast<int>(as_it_should);
  });
  if (result == no_namespace) TAKT_SKIP("setns(CLONE_NEWTIME), chroot: needs CAP_SYS_ADMIN and kernel 5.6");
  if (result == offsets_refused) TAKT_SKIP("/proc/self/timens_offsets cannot be written here");
  CHECK(result == as_it_should);
}

TEST_CASE("the kernel's count of ticks moves as MONOTONIC does") {
  const auto distance = [] { // within one step of 10 ms
    std::uint64_t up = 0;
    if (takt::linux_os::counted_ticks(up) != 0) return nanoseconds::max();
    return std::chrono::steady_clock::now().time_since_epoch() - nanoseconds(static_cast<std::int64_t>(up));
  };
  std::error_code ec;
  const nanoseconds before = distance();
  if (before == nanoseconds::max()) TAKT_SKIP("times(2) is refused");
  std::this_thread::sleep_for(100ms);
  const nanoseconds moved = distance() - before;
  CHECK(moved < takt::detail::same_uptime_ns * 1ns);
  CHECK(-moved < takt::detail::same_uptime_ns * 1ns);
}
