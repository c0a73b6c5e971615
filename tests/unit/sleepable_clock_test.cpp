// Protects: that the trait names the clocks that can be slept on and no other, that a deadline in any unit is never
// rounded down and stops at the ends of the range, and that each clock is read by its own path.
#include <chrono>
#include <cmath>
#include <cstdint>
#include <doctest/doctest.h>
#include <limits>
#include <ratio>
#include <takt/clock/tsc_clock.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/kernel/sleepable_clock.hpp>

namespace {

using namespace std::chrono_literals;
using std::chrono::duration;
using std::chrono::nanoseconds;
using takt::detail::ceil_to_nanoseconds;
using os = takt::testing::fake_os<struct kernel_clock_test>;

// A clock of another library, half a second behind CLOCK_MONOTONIC.
struct borrowed_clock {
  using duration = nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<borrowed_clock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(5s); }
};
struct no_clock {};
// Each lacks one thing.
struct throwing_clock : borrowed_clock {
  static time_point now();
};
struct timeless_clock {};
struct raw_clock : borrowed_clock {};

template <clockid_t Id> using posix = takt::posix_clock<Id, takt::access::syscall, os>;

} // namespace

template <> struct takt::kernel_clock<borrowed_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false> {};

template <> struct takt::kernel_clock<throwing_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false> {};
template <> struct takt::kernel_clock<timeless_clock> : takt::sleeps_on<CLOCK_MONOTONIC, false> {};
template <> struct takt::kernel_clock<raw_clock> {
  static constexpr clockid_t id = CLOCK_MONOTONIC_RAW;
  static constexpr bool same = false;
};

static_assert(!takt::sleepable_clock<throwing_clock>);
static_assert(!takt::sleepable_clock<timeless_clock>);
static_assert(!takt::sleepable_clock<raw_clock>);
static_assert(takt::sleepable_clock<std::chrono::steady_clock>);
static_assert(takt::sleepable_clock<std::chrono::system_clock>);
static_assert(takt::sleepable_clock<posix<CLOCK_MONOTONIC>>);
static_assert(takt::sleepable_clock<posix<CLOCK_BOOTTIME>>);
static_assert(takt::sleepable_clock<posix<CLOCK_REALTIME>>);
static_assert(takt::sleepable_clock<posix<CLOCK_TAI>>);
static_assert(takt::sleepable_clock<takt::tsc_clock> && !takt::kernel_clock<takt::tsc_clock>::same);
static_assert(takt::sleepable_clock<takt::fast_tsc_clock>);
static_assert(takt::sleepable_clock<borrowed_clock> && borrowed_clock::is_steady);
static_assert(!takt::sleepable_clock<posix<CLOCK_MONOTONIC_RAW>>);
static_assert(!takt::sleepable_clock<posix<CLOCK_MONOTONIC_COARSE>>);
static_assert(!takt::sleepable_clock<posix<CLOCK_REALTIME_COARSE>>);
static_assert(!takt::sleepable_clock<posix<CLOCK_PROCESS_CPUTIME_ID>>);
static_assert(!takt::sleepable_clock<posix<CLOCK_THREAD_CPUTIME_ID>>);
static_assert(!takt::sleepable_clock<no_clock>);

TEST_CASE("a deadline in any unit becomes nanoseconds, rounded up") {
  using picoseconds = duration<std::int64_t, std::pico>;
  using thirds = duration<std::int64_t, std::ratio<1, 3'000'000'000>>; // of a nanosecond
  using halves = duration<std::int32_t, std::ratio<3, 2'000'000'000>>; // 1.5 ns
  CHECK(ceil_to_nanoseconds(7s) == 7'000'000'000ns);
  CHECK(ceil_to_nanoseconds(-7ms) == -7'000'000ns);
  CHECK(ceil_to_nanoseconds(picoseconds(0)) == 0ns);
  CHECK(ceil_to_nanoseconds(picoseconds(1)) == 1ns);
  CHECK(ceil_to_nanoseconds(picoseconds(1000)) == 1ns);
  CHECK(ceil_to_nanoseconds(picoseconds(1001)) == 2ns);
  CHECK(ceil_to_nanoseconds(picoseconds(-1)) == 0ns);
  CHECK(ceil_to_nanoseconds(picoseconds(-1000)) == -1ns);
  CHECK(ceil_to_nanoseconds(picoseconds(-1001)) == -1ns);
  CHECK(ceil_to_nanoseconds(picoseconds::max()) == nanoseconds(9'223'372'036'854'776));
  CHECK(ceil_to_nanoseconds(thirds(4)) == 2ns);
  CHECK(ceil_to_nanoseconds(thirds(-4)) == -1ns);
  CHECK(ceil_to_nanoseconds(halves(1)) == 2ns);
  CHECK(ceil_to_nanoseconds(halves(2)) == 3ns);
  CHECK(ceil_to_nanoseconds(halves(-1)) == -1ns);
}

TEST_CASE("deadlines beyond the range stop at its ends") {
  using std::chrono::hours;
  CHECK(ceil_to_nanoseconds(hours::max()) == nanoseconds::max());
  CHECK(ceil_to_nanoseconds(hours::min()) == nanoseconds::min());
  CHECK(ceil_to_nanoseconds(nanoseconds::max()) == nanoseconds::max());
  CHECK(ceil_to_nanoseconds(nanoseconds::min()) == nanoseconds::min());
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(ceil_to_nanoseconds(duration<double>(infinity)) == nanoseconds::max());
  CHECK(ceil_to_nanoseconds(duration<double>(-infinity)) == nanoseconds::min());
  CHECK(ceil_to_nanoseconds(duration<double>(std::nan(""))) == 0ns);
  CHECK(ceil_to_nanoseconds(duration<double, std::nano>(0.25)) == 1ns);
  CHECK(ceil_to_nanoseconds(duration<double, std::nano>(-0.25)) == 0ns);
  CHECK(ceil_to_nanoseconds(duration<float>(0.5f)) == 500ms);
  static_assert(ceil_to_nanoseconds(duration<std::int64_t, std::pico>(1)) == 1ns);
}

TEST_CASE("TAI is ahead of REALTIME by whole seconds, a borrowed clock by what the two show") {
  os::reset();
  os::now.clocks[CLOCK_REALTIME].value = {1'000'000'000, 999'999'000};
  os::now.clocks[CLOCK_TAI].value = {1'000'000'038, 3'000}; // the thread lost its CPU between the two readings
  os::now.clocks[CLOCK_MONOTONIC].value = {5, 500'000'000};
  CHECK(takt::detail::ahead_of<posix<CLOCK_TAI>, CLOCK_REALTIME, os>() == 37s);
  os::now.clocks[CLOCK_TAI].value = {1'000'000'038, 700'000'000}; // for longer than half a second
  CHECK(takt::detail::ahead_of<posix<CLOCK_TAI>, CLOCK_REALTIME, os>() == 37s);
  CHECK(takt::detail::ahead_of<posix<CLOCK_TAI>, CLOCK_TAI, os>() == 0s);
  CHECK(takt::detail::ahead_of<borrowed_clock, CLOCK_MONOTONIC, os>() == -500ms);
  CHECK(takt::detail::now_of<std::chrono::steady_clock, os>() == 5500ms);
  CHECK(takt::detail::now_of<borrowed_clock, os>() == 5s);
}

TEST_CASE("a clock of the kernel is read by its own path") {
  using own = takt::testing::fake_os<struct path_test>;
  own::reset();
  own::now.clocks[CLOCK_REALTIME].value = {8, 0};
  own::now.clocks[CLOCK_TAI].value = {9, 0};
  using tai = takt::posix_clock<CLOCK_TAI, takt::access::syscall, own>;
  CHECK(takt::detail::now_of<tai, own>() == 9s);
  CHECK(takt::detail::ahead_of<tai, CLOCK_REALTIME, own>() == 1s);
  CHECK(own::now.system_calls == 3);
  const bool nobody_looked_for_a_vdso = takt::detail::clock_path<own>::by_vdso == &takt::detail::clock_path<own>::find;
  CHECK(nobody_looked_for_a_vdso);
}
