// Protects: that clocks which show the same convert exactly and at compile time, others by what lies between them; that
// the unit is kept, whatever it is, and nothing overflows.
#include <takt/clock/clock_cast.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;
using std::chrono::system_clock;
using std::chrono::time_point;

struct tag;
using os = takt::testing::fake_os<tag>;
template <clockid_t Id> using kernels = takt::posix_clock<Id, takt::access::vdso, os>;
using tsc_on_real = takt::basic_tsc_clock<takt::posix_clock<CLOCK_REALTIME>, takt::ordered_counter>;

/// A clock of the user's own, in halves of a second.
struct halves {
  using duration = std::chrono::duration<int, std::ratio<1, 2>>;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<halves>;
  [[maybe_unused]] static constexpr bool is_steady = true;
  static time_point now() { return time_point(duration(20)); } // not noexcept
};

/// Whether times of A are those of B, in any unit, in both directions.
template <class A, class B> constexpr bool exact() {
  using of_a = typename A::time_point::clock;
  using of_b = typename B::time_point::clock;
  constexpr time_point<of_a, std::chrono::milliseconds> ms(123ms);
  constexpr time_point<of_b, std::chrono::duration<double>> s(1.5s);
  return takt::clock_cast<B>(ms) == time_point<of_b, std::chrono::milliseconds>(123ms) &&
         takt::clock_cast<A>(s) == time_point<of_a, std::chrono::duration<double>>(1.5s) &&
         takt::clock_cast<A>(takt::clock_cast<B>(ms)) == ms;
}
static_assert(exact<steady_clock, steady_clock>());
static_assert(exact<steady_clock, takt::posix_clock<CLOCK_MONOTONIC>>());
static_assert(exact<steady_clock, takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>>());
static_assert(exact<steady_clock, takt::posix_clock<CLOCK_MONOTONIC_COARSE>>());
static_assert(exact<steady_clock, takt::tsc_clock>());
static_assert(exact<steady_clock, takt::fast_tsc_clock>());
static_assert(exact<takt::fast_tsc_clock, takt::tsc_clock>());
static_assert(exact<system_clock, takt::posix_clock<CLOCK_REALTIME>>());
static_assert(exact<system_clock, takt::posix_clock<CLOCK_REALTIME_COARSE>>());
static_assert(exact<system_clock, tsc_on_real>());
static_assert(exact<takt::posix_clock<CLOCK_TAI>, takt::posix_clock<CLOCK_TAI>>());
static_assert(exact<halves, halves>());

template <class Dest, class Duration> constexpr bool keeps() {
  using from = time_point<typename kernels<CLOCK_MONOTONIC>::time_point::clock, Duration>;
  return std::is_same_v<typename decltype(takt::clock_cast<Dest>(from()))::duration, Duration>;
}
static_assert(keeps<kernels<CLOCK_TAI>, std::chrono::hours>());
static_assert(keeps<system_clock, std::chrono::duration<float>>());
static_assert(keeps<takt::fast_tsc_clock, std::chrono::duration<std::int32_t>>());
static_assert(noexcept(takt::clock_cast<system_clock>(std::declval<steady_clock::time_point>())));
static_assert(!noexcept(takt::clock_cast<halves>(std::declval<steady_clock::time_point>())));

void set(nanoseconds monotonic, nanoseconds real, nanoseconds tai) {
  os::reset();
  os::now.clocks[CLOCK_MONOTONIC] = {takt::to_timespec(monotonic), 0};
  os::now.clocks[CLOCK_REALTIME] = {takt::to_timespec(real), 0};
  os::now.clocks[CLOCK_TAI] = {takt::to_timespec(tai), 0};
}
template <clockid_t Id, class Duration> auto at(Duration d) {
  return time_point<typename kernels<Id>::time_point::clock, Duration>(d);
}

} // namespace

TEST_CASE("what lies between two clocks is measured, in the middle of the narrowest bracket") {
  set(1000s, 1'700'000'000s, 1'700'000'037s);
  CHECK(takt::clock_cast<kernels<CLOCK_REALTIME>>(at<CLOCK_MONOTONIC>(1001s + 5ns)).time_since_epoch() == 1'700'000'001s + 5ns);
  CHECK(takt::clock_cast<kernels<CLOCK_MONOTONIC>>(at<CLOCK_REALTIME>(1'700'000'000s - 7ns)).time_since_epoch() == 1000s - 7ns);
  os::now.reading = 30ns; // each reading of a clock
  const auto off = takt::clock_cast<kernels<CLOCK_REALTIME>>(at<CLOCK_MONOTONIC>(0ns)).time_since_epoch() - 1'699'999'000s;
  CHECK(off >= -30ns);
  CHECK(off <= 30ns);
  os::now.reading = 10us; // all five tries are disturbed
  const int before = os::now.system_calls;
  const auto wide = takt::clock_cast<kernels<CLOCK_REALTIME>>(at<CLOCK_MONOTONIC>(0ns)).time_since_epoch() - 1'699'999'000s;
  CHECK(os::now.system_calls == before + 15);
  CHECK(wide >= -10us);
  CHECK(wide <= 10us);
}

TEST_CASE("TAI and UTC are whole seconds apart, whatever the reading takes") {
  for (const nanoseconds ahead : {nanoseconds(0s), nanoseconds(37s), nanoseconds(-5s)}) {
    set(1000s, 1'700'000'000s, 1'700'000'000s + ahead);
    os::now.reading = 10ms;
    CHECK(takt::clock_cast<kernels<CLOCK_REALTIME>>(at<CLOCK_TAI>(12'345ms)).time_since_epoch() == 12'345ms - ahead);
    CHECK(takt::clock_cast<kernels<CLOCK_TAI>>(at<CLOCK_REALTIME>(12'345ms)).time_since_epoch() == 12'345ms + ahead);
  }
}

TEST_CASE("a coarse unit is rounded down, before and after the epoch; a floating one is not") {
  set(1000s, 3000s + 600ms, 0s);
  using real = kernels<CLOCK_REALTIME>;
  CHECK(takt::clock_cast<real>(at<CLOCK_MONOTONIC>(5s)).time_since_epoch() == 2005s);
  CHECK(takt::clock_cast<real>(at<CLOCK_MONOTONIC>(-2001s)).time_since_epoch() == -1s); // -0.4 s
  CHECK(takt::clock_cast<kernels<CLOCK_MONOTONIC>>(at<CLOCK_REALTIME>(0s)).time_since_epoch() == -2001s);
  using seconds = std::chrono::duration<double>;
  CHECK(takt::clock_cast<real>(at<CLOCK_MONOTONIC>(seconds(1.25))).time_since_epoch().count() == doctest::Approx(2001.85));
  using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  CHECK(takt::clock_cast<real>(at<CLOCK_MONOTONIC>(picoseconds(7))).time_since_epoch() == picoseconds(2'000'600'000'000'007));
}

TEST_CASE("times at the ends of the range stop there, in any unit, whatever the clocks show") {
  constexpr auto min = nanoseconds::min(), max = nanoseconds::max();
  for (const nanoseconds monotonic : {nanoseconds(0), min, max})
    for (const nanoseconds real : {nanoseconds(0), min, max}) {
      set(monotonic, real, real);
      using there = kernels<CLOCK_REALTIME>;
      for (const nanoseconds t : {nanoseconds(0), min, max}) {
        const nanoseconds shown = takt::clock_cast<there>(at<CLOCK_MONOTONIC>(t)).time_since_epoch();
        if (monotonic == nanoseconds(0) && real == max && t == max) CHECK(shown == max);
        if (monotonic == nanoseconds(0) && real == min && t == min) CHECK(shown == min);
        static_cast<void>(takt::clock_cast<kernels<CLOCK_TAI>>(at<CLOCK_REALTIME>(t)));
      }
      static_cast<void>(takt::clock_cast<there>(at<CLOCK_MONOTONIC>(std::chrono::hours::max())));
      static_cast<void>(takt::clock_cast<there>(at<CLOCK_MONOTONIC>(std::chrono::duration<std::int16_t>::min())));
      static_cast<void>(takt::clock_cast<there>(at<CLOCK_MONOTONIC>(std::chrono::duration<double>::max())));
    }
}

TEST_CASE("a clock of the user's own") {
  set(1000s, 0s, 0s);
  using mono = kernels<CLOCK_MONOTONIC>;
  CHECK(takt::clock_cast<halves>(mono::time_point(1003s)).time_since_epoch() == 13s); // it shows 10 s
  CHECK(takt::clock_cast<mono>(halves::time_point(halves::duration(21))).time_since_epoch() == 1000s + 500ms);
}
