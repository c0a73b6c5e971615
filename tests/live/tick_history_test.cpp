// Protects the history of ticks on this machine: another process, which has neither calibrated nor kept a clock, dates the
// ticks of this one within the error that it states, also after this one was killed; and many threads may save.
#include <takt/clock/tick_history.hpp>
#include <takt/cpu/counter.hpp>
#include <takt/timer/keeper.hpp>

#include <doctest/doctest.h>
#include <support/child.hpp>
#include <support/skip.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;

bool usable() {
  static const bool trusted = takt::judge(takt::verdict::facts::gather()).counter_trusted;
  return trusted;
}

struct place {
  place() { REQUIRE(::mkdtemp(directory) != nullptr); }
  ~place() {
    ::unlink(path().c_str());
    ::rmdir(directory); // fails, and leaves something behind, if a temporary file was forgotten
  }
  [[nodiscard]] std::string path() const { return std::string(directory) + "/ticks"; }
  char directory[64] = "/tmp/takt.history.XXXXXX";
};

/// A tick between two readings of the kernel's clocks.
struct stamp {
  nanoseconds before;
  takt::tick_point at;
  nanoseconds after;
  std::chrono::nanoseconds system;
};
stamp take() {
  const nanoseconds before = monotonic::now().time_since_epoch();
  const takt::tick_point at = takt::read_counter<takt::ordering::ordered>();
  const nanoseconds after = monotonic::now().time_since_epoch();
  return {before, at, after, std::chrono::system_clock::now().time_since_epoch()};
}
/// Whether the tick was, by the history, where it was.
bool holds(const takt::tick_history& h, const stamp& s) {
  const auto d = h.date(s.at);
  return d.time + d.error >= s.before && d.time - d.error <= s.after;
}

} // namespace

TEST_CASE("another process dates what this one stored, within the stated error") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  const place here;
  std::vector<stamp> stamps;
  {
    const takt::clock_keeper keeper(200ms);
    takt::tick_history::writer writer(here.path(), 1h);
    for (int i = 0; i < 300; ++i) {
      stamps.push_back(take());
      std::this_thread::sleep_for(10ms);
      if (i % 100 == 50) writer.save();
    }
  }
  // One-sided: a machine that is too busy to read its clocks well states larger errors.
  const auto end = takt_test::in_child(takt_test::way::fork, [&] {
    std::error_code ec;
    const takt::tick_history h = takt::tick_history::load(here.path(), ec);
    if (ec || h.boot_id() != takt::read_boot_id()) return false;
    int outside = 0, extrapolated = 0, system = 0;
    for (const stamp& s : stamps) {
      const auto d = h.date(s.at);
      outside += !holds(h, s);
      extrapolated += d.extrapolated;
      system += std::chrono::abs(d.system.time_since_epoch() - s.system) > 1s; // it may be set meanwhile
    }
    return outside == 0 && extrapolated == 0 && system == 0;
  });
  CHECK(end == takt_test::child_end::good);
}

TEST_CASE("a process that is killed leaves a history; the next one of this boot goes on with it") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  const place here;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::error_code ec;
    static_cast<void>(takt::tsc_clock::calibrate(5ms, ec));
    takt::tick_history::writer writer(here.path());
    writer.save(ec);
    if (!ec) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const stamp between = take();
  std::error_code ec;
  CHECK(holds(takt::tick_history::load(here.path()), between));
  static_cast<void>(takt::tsc_clock::calibrate(5ms, ec));
  REQUIRE(!ec);
  std::vector<stamp> stamps;
  {
    takt::tick_history::writer writer(here.path());
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int k = 0; k < 20; ++k) {
          std::error_code failed;
          writer.save(failed);
          if (failed) std::abort();
          std::this_thread::sleep_for(1ms);
        }
      });
    for (int i = 0; i < 20; ++i) stamps.push_back(take()), std::this_thread::sleep_for(1ms);
    for (std::thread& t : threads) t.join();
  }
  const takt::tick_history h = takt::tick_history::load(here.path());
  CHECK(holds(h, between));
  CHECK(!h.date(between.at).extrapolated);
  for (const stamp& s : stamps) CHECK(holds(h, s));
}

TEST_CASE("a file that lost its end, or was rotated, is noticed by the next save") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  const place here;
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(5ms, ec));
  REQUIRE(!ec);
  takt::tick_history::writer writer(here.path());
  writer.save();
  std::string bytes;
  REQUIRE(takt::linux_os::read_file(here.path().c_str(), bytes, 1000) == 0);
  REQUIRE(::truncate(here.path().c_str(), static_cast<off_t>(bytes.size()) - 3) == 0);
  std::this_thread::sleep_for(takt::tick_history::writer::min_distance);
  const stamp first = take();
  writer.save();
  CHECK(holds(takt::tick_history::load(here.path(), ec), first));
  CHECK(ec == takt::errc::truncated_file);
  REQUIRE(::unlink(here.path().c_str()) == 0);
  std::this_thread::sleep_for(takt::tick_history::writer::min_distance);
  writer.save();
  CHECK(holds(takt::tick_history::load(here.path()), take()));
}

TEST_CASE("a directory that does not exist, and a symbolic link, are errors") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  std::error_code ec;
  static_cast<void>(takt::tsc_clock::calibrate(5ms, ec));
  REQUIRE(!ec);
  takt::tick_history::writer nowhere("/nonexistent/ticks");
  nowhere.save(ec);
  CHECK(ec == std::errc::no_such_file_or_directory);
  const place here;
  CHECK(takt::tick_history::load(here.path(), ec).empty());
  CHECK(ec == std::errc::no_such_file_or_directory);
  {
    takt::tick_history::writer writer(here.path());
    writer.save();
  }
  const std::string link = here.path() + ".link";
  REQUIRE(::symlink(here.path().c_str(), link.c_str()) == 0);
  {
    takt::tick_history::writer linked(link);
    std::this_thread::sleep_for(takt::tick_history::writer::min_distance);
    linked.save(ec);
    CHECK(ec == std::errc::too_many_symbolic_link_levels);
  }
  ::unlink(link.c_str());
}
