// grid_origin.hpp in real time namespaces: the origin is the namespace's offset, sleeps inside meet the grid outside,
// and a process whose own offset is hidden says so.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/wait.h>
#include <takt/timer/grid_origin.hpp>
#include <takt/timer/nanosleep_aligned.hpp>
#include <takt/timer/sleep.hpp>
#include <unistd.h>

#include "support/skip.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// What a child answers.
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
    if (takt::linux_os::write_file(takt::time_offsets_path, offsets) != 0) return static_cast<int>(offsets_refused);
    // The child itself stays where it was: its own origin is still known, by the number of the first namespace.
    std::error_code ec;
    if (takt::read_time_offsets(ec) != takt::time_offsets() || ec) return 1;
    return in_child(f);
  });
}

} // namespace

TEST_CASE("here the origin is known, or the reason is told") {
  std::error_code ec;
  const auto offsets = takt::read_time_offsets(ec);
  CAPTURE(ec.message());
  if (ec) TAKT_SKIP("the time namespace of this process is not told: %s", ec.message().c_str());
  CHECK(takt::grid_origin(ec) == offsets.monotonic);
  CHECK(takt::grid_origin<takt::posix_clock<CLOCK_BOOTTIME>>(ec) == offsets.boottime);
}

TEST_CASE("inside a time namespace the grid stays where it is outside") {
  constexpr nanoseconds monotonic = 1'000'003'456'789ns, boottime = 86'400'000'000'001ns;
  const int result = in_namespace("monotonic 1000 3456789\nboottime 86400 1\n", [&] {
    std::error_code ec;
    takt::load_grid_origin(ec); // the parent's was another
    if (ec) return 2;
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
    takt::sleep_until_within(start + 1ms, 3ms, ec);
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
