// Protects: that the tool finds on each kernel exactly what a known script of timers did, with that kernel's names of events
// and fields; that its advice is true: what it prints is done to running processes, and wake-ups drop as predicted; and that
// reading a large file of /proc costs what its size says.
#include "guest.hpp"
#include "tool.hpp"

#include <takt/kernel/os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

// The script itself: main.cpp becomes it where it is called so.
#define main timers_script
#include "../tool/timers_script.cpp"
#undef main

namespace {

using namespace guest;

void mount_tracefs() {
  if (::access("/sys/kernel/tracing/events", F_OK) != 0)
    static_cast<void>(::mount("nodev", "/sys/kernel/tracing", "tracefs", 0, nullptr));
  REQUIRE(::access("/sys/kernel/tracing/events", F_OK) == 0);
}

} // namespace

// The kernel writes a page at each read(2). On virtual time the cost of both is that of their instructions, which repeats.
TEST_CASE("timers: the list of the kernel's symbols costs hardly more than the kernel takes to write it") {
  constexpr char path[] = "/proc/kallsyms";
  nanoseconds begin = guest::read(CLOCK_MONOTONIC);
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  REQUIRE(file >= 0);
  std::vector<char> pages(1 << 16);
  std::size_t length = 0, calls = 0;
  for (ssize_t got = 0; (got = ::read(file, pages.data(), pages.size())) > 0; ++calls) length += static_cast<std::size_t>(got);
  ::close(file);
  const nanoseconds kernels = guest::read(CLOCK_MONOTONIC) - begin;
  std::string text;
  begin = guest::read(CLOCK_MONOTONIC);
  REQUIRE(takt::linux_os::read_file(path, text, std::size_t{1} << 28) == 0);
  const nanoseconds whole = guest::read(CLOCK_MONOTONIC) - begin;
  MESSAGE(length, " bytes in ", calls, " pieces: ", kernels.count(), " ns; by read_file ", whole.count(), " ns");
  CHECK(text.size() == length);
  CHECK(calls > 500);
  CHECK(whole < 2 * kernels);
}

TEST_CASE("timers: the script is found with exactly its numbers") {
  if (::access("/takt", X_OK) != 0) return;
  mount_tracefs();
  REQUIRE(result(start("takt timers --json -- /init --timers-script", "/tmp/printed", "/tmp/did")) == 0);
  const std::string printed = text_of("/tmp/printed"), did = text_of("/tmp/did");
  CHECK(member(printed, "lost_events") == "0");
  std::istringstream lines(did);
  int found = 0;
  for (std::string line; std::getline(lines, line); ++found) {
    // NAME PID ARMED MOVED CANCELLED EXPIRED RANGE_NS CLOCK KIND
    const auto did_words = words_of(line);
    REQUIRE(did_words.size() == 9);
    CAPTURE(line);
    const std::size_t row = printed.find("\"name\": \"" + did_words[0] + "\"");
    REQUIRE(row != std::string::npos);
    CHECK(member(printed, "pid", row) == did_words[1]);
    CHECK(member(printed, "armed", row) == did_words[2]);
    CHECK(member(printed, "moved", row) == did_words[3]);
    CHECK(member(printed, "cancelled", row) == did_words[4]);
    CHECK(member(printed, "expired", row) == did_words[5]);
    CHECK(member(printed, "range_max_ns", row) == did_words[6]);
    CHECK(member(printed, "range_min_ns", row) == did_words[6]);
    CHECK(member(printed, "kind", row) == did_words[8]);
    CHECK(printed.find("\"" + did_words[7] + "\"", row) < printed.find("\"kind\"", row));
  }
  CHECK(found == 8);
}

TEST_CASE("timers: what is advised saves what was predicted") {
  if (::access("/takt", X_OK) != 0) return;
  mount_tracefs();
  const pid_t sleepers = start("/init --timers-script --sleepers 8 210 60", "/tmp/sleepers", "/dev/null");
  ::usleep(500'000);
  if (guest::argument("takt.show")) { // for a run by hand
    REQUIRE(result(start("takt timers --for 4s", "/tmp/screen", "/tmp/errors")) == 0);
    std::puts(text_of("/tmp/screen").c_str());
  }
  REQUIRE(result(start("takt timers --for 4s --json", "/tmp/before", "/tmp/errors")) == 0);
  const std::string before = text_of("/tmp/before");
  const double predicted = std::atof(member(before, "together_per_second").c_str());
  const double woken = std::atof(member(before, "idle_wakeups_per_s").c_str());
  int commands = 0;
  for (std::size_t at = before.find("\"savings\""); (at = before.find("\"command\": \"", at)) != std::string::npos; ++at) {
    const std::string command = member(before, "command", at);
    CHECK(result(start(command, "/tmp/applied", "/tmp/errors")) == 0);
    ++commands;
  }
  CHECK(commands == 5);
  CHECK(predicted > 5);
  REQUIRE(result(start("takt timers --for 4s --json", "/tmp/after", "/tmp/errors")) == 0);
  const double after = std::atof(member(text_of("/tmp/after"), "idle_wakeups_per_s").c_str());
  std::printf("wake-ups a second: %.1f before, %.1f after, %.1f fewer predicted\n", woken, after, predicted);
  CHECK(woken - after >= predicted * 2 / 3);
  ::kill(sleepers, SIGTERM);
  result(sleepers);
}
