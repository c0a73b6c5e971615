// Protects: that a process which comes into another time namespace is distinguished from one whose clocks were set, by a real
// kernel, and that the socket on which a new generation id would be reported receives what this kernel sends.
//
// The emulator offers neither VMClock nor, to this kernel, a generation id: their pages and messages have unit tests.
#include "guest.hpp"

#include <takt/observe/clock_watch.hpp>
#include <takt/observe/run_guard.hpp>
#include <takt/sleep/sleep.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using watch_kind = takt::watch_event::kind_type;
using sign = takt::restore_signs::sign;

namespace {

bool write_text(const char* path, std::string_view text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  const bool done = file >= 0 && ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(file);
  return done;
}

/// Moves this process, which has one thread, into a new time namespace with these offsets.
bool enter_namespace(const char* offsets) {
  guest::insist();
  if (::unshare(CLONE_NEWTIME) != 0 || !write_text("/proc/self/timens_offsets", offsets)) return false;
  const int space = ::open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
  const bool entered = space >= 0 && ::setns(space, CLONE_NEWTIME) == 0;
  ::close(space);
  return entered;
}

/// Runs `f` in a child of one thread. Returns: the number that it returned.
template <class F> int in_child(F&& f) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(f());
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

/// Returns: the number of the first claim that does not hold, 0 if all do.
int claims(const char* offsets, nanoseconds shift) {
  std::error_code ec;
  takt::clock_watch watch(20ms, ec);
  if (ec) return 1;
  takt::run_guard guard;
  for (int i = 0; i < 20; ++i) {
    for (const auto& e : watch.wait(20ms, ec)) {
      if (e.kind != watch_kind::slew) return 2; // the emulator's stutter
    }
  }
  const nanoseconds before = guest::read(CLOCK_MONOTONIC);
  if (!enter_namespace(offsets)) return 3;
  if (guest::read(CLOCK_MONOTONIC) < before + shift) return 4;
  bool seen = false;
  for (const auto& e : watch.check(ec)) {
    if (e.kind == watch_kind::restored) {
      if (seen || !e.signs.has(sign::time_namespace) || e.signs.inferred()) return 5;
      const nanoseconds off = e.size + shift; // REALTIME is not shifted: it lost against MONOTONIC
      if (off > e.uncertainty || -off > e.uncertainty) return 6;
      seen = true;
    } else if (e.kind == watch_kind::step || e.kind == watch_kind::suspend || e.kind == watch_kind::backwards ||
               e.kind == watch_kind::counter_jump) {
      return 7;
    }
  }
  if (!seen || ec) return 8;
  const takt::run_report run = guard.finish();
  if (!run.restored.has(sign::time_namespace) || run.was_stepped() || run.suspended() || run.went_backwards()) return 9;
  if (run.trusted()) return 10;
  // The origin of the grid has followed.
  return takt::grid_origin(ec) == shift && !ec ? 0 : 11;
}

} // namespace

TEST_CASE("restored: a process that comes into another time namespace, forwards and backwards") {
  CHECK(in_child([] { return claims("monotonic 500000 250000000\nboottime 7 0\n", 500'000'250ms); }) == 0);
  CHECK(in_child([] { return claims("monotonic -1 500000000\nboottime -1 0\n", -500ms); }) == 0);
}

TEST_CASE("restored: the kernel's messages about changed devices arrive, and those about others do not fill the queue") {
  guest::insist();
  using os = takt::linux_os;
  int fd = -1;
  REQUIRE(os::uevents_open(fd) == 0);
  char message[takt::detail::uevent_limit];
  std::size_t length = 0;
  CHECK(os::uevents_take(fd, message, sizeof(message), length) == EAGAIN);
  constexpr char device[] = "/sys/devices/virtual/mem/null/uevent";
  REQUIRE(write_text(device, "add"));
  REQUIRE(write_text(device, "change"));
  REQUIRE(os::uevents_take(fd, message, sizeof(message), length) == 0);
  const std::string_view text(message, length);
  CAPTURE(std::string(text));
  CHECK(text.substr(0, text.find('\0')) == "change@/devices/virtual/mem/null");
  CHECK(text.find(std::string_view("\0ACTION=change\0", 15)) != text.npos);
  CHECK_FALSE(takt::detail::is_new_generation_id(text));
  CHECK(os::uevents_take(fd, message, sizeof(message), length) == EAGAIN);
  os::uevents_close(fd);
  const std::uint64_t* page = nullptr;
  CHECK(os::vmclock_map(page) == ENOENT);
}
