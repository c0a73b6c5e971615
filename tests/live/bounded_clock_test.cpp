// Protects bounded_clock on this kernel: CLOCK_REALTIME lies in the interval that follows from an error which the
// kernel states, for many threads, along a calibrated line and along CLOCK_MONOTONIC, and in a forked child; what this
// machine's own kernel states is answered with a reason; a wait until a moment is past does not end before it.
#include "support/child.hpp"
#include "support/skip.hpp"
#include <takt/clock/bounded_clock.hpp>
#include <takt/kernel/leap.hpp>
#include <takt/sleep/wait_until_past.hpp>
#include <takt/timer/keeper.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::bounded_time;
using status = bounded_time::status_kind;
using real = takt::posix_clock<CLOCK_REALTIME>;

/// The running system, whose kernel says that a daemon has stated an error of 2 ms: in most places where tests run no
/// daemon does. The clocks are the real ones.
template <class Tag> struct stating_os : takt::linux_os {
  static int read_adjtimex(timex& out, int& state) noexcept {
    if (const int error = takt::linux_os::read_adjtimex(out, state); error != 0) return error;
    out.status = STA_PLL, out.maxerror = 2001, out.esterror = 100, state = TIME_OK;
    return 0;
  }
};
template <class Os> using line =
    takt::basic_tsc_clock<takt::posix_clock<CLOCK_MONOTONIC, takt::access::vdso, Os>, takt::ordered_counter, Os>;
template <class Os> using bounded = takt::basic_bounded_clock<line<Os>, Os>;

/// Returns: whether CLOCK_REALTIME was in the interval. False alarm: the clock is stepped meanwhile.
template <class Clock> bool holds() {
  const nanoseconds before = real::now().time_since_epoch();
  const bounded_time t = Clock::now();
  const nanoseconds after = real::now().time_since_epoch();
  return t.status == status::synchronised && t.earliest.time_since_epoch() <= after &&
         t.latest.time_since_epoch() >= before;
}
template <class Clock> int misses_within(nanoseconds span) {
  int misses = 0;
  const nanoseconds end = takt::posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch() + span;
  while (takt::posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch() < end)
    for (int i = 0; i < 100; ++i) misses += !holds<Clock>();
  return misses;
}

bool usable() {
  static const bool trusted = takt::judge(takt::verdict::facts::gather()).counter_trusted;
  return trusted;
}

} // namespace

TEST_CASE("bounded_clock: what this kernel states of its clock is an interval or a reason") {
  std::error_code ec;
  const takt::leap_facts facts = takt::leap_facts::read(ec);
  const bounded_time t = takt::bounded_clock::refresh();
  CAPTURE(explain(t));
  if (ec) CHECK(t.reason == bounded_time::reason_kind::unavailable);
  if (t.status == status::synchronised) {
    CHECK(facts.synchronised);
    CHECK(t.error() >= facts.maximum_error.value_or(0ns) - 1ms); // the daemon may state another one in between
  } else if (!t.known()) {
    CHECK(t.earliest == bounded_time::time_point::min());
    CHECK(t.latest == bounded_time::time_point::max());
  }
  std::error_code refused;
  takt::wait_until_past(real::to_sys(real::now()), refused);
  if (!takt::bounded_clock::now().known()) CHECK(refused == takt::errc::not_bounded);
}

TEST_CASE("bounded_clock: without a calibration CLOCK_REALTIME is in the interval") {
  CHECK(misses_within<bounded<stating_os<struct uncalibrated>>>(100ms) == 0);
}

TEST_CASE("bounded_clock: along a line that is kept, for many threads, while one samples all the time") {
  if (!usable()) TAKT_SKIP("the counter of this machine is not trusted");
  struct kept;
  using clock = bounded<stating_os<kept>>;
  const takt::clock_keeper<line<stating_os<kept>>, stating_os<kept>> keeper(10ms);
  std::atomic<bool> stop{false};
  std::atomic<int> misses{0}, unsettled{0}, reads{0};
  std::thread refresher([&] {
    while (!stop) {
      static_cast<void>(clock::refresh());
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> readers;
  for (int n = 0; n < 3; ++n) {
    readers.emplace_back([&] {
      while (!stop) {
        const nanoseconds before = real::now().time_since_epoch();
        const bounded_time t = clock::now();
        const nanoseconds after = real::now().time_since_epoch();
        ++reads;
        unsettled += !t.known();
        misses += t.earliest.time_since_epoch() > after || t.latest.time_since_epoch() < before;
      }
    });
  }
  std::this_thread::sleep_for(500ms);
  stop = true;
  refresher.join();
  for (std::thread& t : readers) t.join();
  CHECK(misses == 0);
  CHECK(reads > 1000);
  CHECK(unsettled < reads / 100);
}

TEST_CASE("bounded_clock: in forked children, which take over a sample in the middle, and errno stays") {
  struct forked;
  using clock = bounded<stating_os<forked>>;
  std::atomic<bool> stop{false};
  std::thread refresher([&] {
    while (!stop) static_cast<void>(clock::refresh());
  });
  int good = 0;
  constexpr int children = 50;
  for (int i = 0; i < children; ++i) {
    good += takt_test::in_child(takt_test::way::fork, [] {
      errno = ENOTTY;
      const bool held = holds<clock>();
      static_cast<void>(clock::refresh());
      return held && holds<clock>() && errno == ENOTTY;
    }) == takt_test::child_end::good;
  }
  stop = true;
  refresher.join();
  CHECK(good == children);
}

TEST_CASE("bounded_clock: a wait ends when the moment is past on CLOCK_REALTIME by the error, not before") {
  struct waiting;
  using clock = bounded<stating_os<waiting>>;
  std::error_code ec;
  const bounded_time now = clock::now();
  REQUIRE(now.known());
  takt::wait_until_past<clock>(now.latest, ec);
  CHECK_FALSE(ec);
  CHECK(real::now().time_since_epoch() > now.latest.time_since_epoch() + 2ms);
  CHECK(clock::now().earliest > now.latest);
}

TEST_CASE("bounded_clock: a PTP hardware clock is read by the id of its descriptor") {
  std::error_code ec;
  const bounded_time none = takt::bounded_clock::by_clock(takt::descriptor_clock(999), 1us, 0s, ec);
  CHECK(ec);
  CHECK_FALSE(none.known());
  // A file that could not be opened is no clock either.
  CHECK_FALSE(takt::bounded_clock::by_clock(takt::descriptor_clock(-1), 1us, 0s, ec).known());
  CHECK(ec == std::errc::invalid_argument);
  const bounded_time tai = takt::bounded_clock::by_clock(CLOCK_TAI, 1us, 0s, ec);
  CHECK_FALSE(ec);
  CHECK(tai.error() == 1us);
  const int fd = ::open("/dev/ptp0", O_RDONLY | O_CLOEXEC);
  if (fd < 0) TAKT_SKIP("no /dev/ptp0, or no right to read it");
  const bounded_time first = takt::bounded_clock::by_clock(takt::descriptor_clock(fd), 1us, 37s, ec);
  CHECK_FALSE(ec);
  const bounded_time then = takt::bounded_clock::by_clock(takt::descriptor_clock(fd), 1us, 37s, ec);
  ::close(fd);
  CHECK(first.error() == 1us);
  CHECK(then.latest >= first.earliest); // False alarm: the clock is stepped meanwhile
}
