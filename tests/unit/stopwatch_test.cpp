// Protects: what a stopwatch says of a region: ticks without its own overhead and never below zero, time by the line
// that was in force, and whether the thread changed its CPU.
#include <takt/clock/stopwatch.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

namespace {

using namespace std::chrono_literals;
using lap = takt::stopwatch::lap;
using takt::tick_point;
using takt::ticks;
using takt::counter_reading;

/// A region on a manual counter. Every tag is a machine of its own, with an overhead that is measured once.
template <class Tag> struct manual_region {
  using counter = takt::testing::manual_counter<Tag>;
  using machine = takt::testing::manual_machine<Tag>;
  inline static unsigned cpu = 0;
  inline static int reads = 0;
  static counter_reading read() noexcept { return ++reads, counter_reading{counter::read(), cpu, 0}; }
  counter_reading begin() const noexcept { return read(); }
  counter_reading end() const noexcept { return read(); }
};

constexpr counter_reading at(std::uint64_t count, unsigned cpu = 0) { return {tick_point(count), cpu, 0}; }

} // namespace

TEST_CASE("a lap is what lies between its ends, less the overhead, and never below zero") {
  static_assert(lap(at(100), at(150), ticks(20)).elapsed() == ticks(30));
  static_assert(lap(at(100), at(121), ticks(20)).elapsed() == ticks(1));
  static_assert(lap(at(100), at(120), ticks(20)).elapsed() == ticks(0));
  static_assert(lap(at(100), at(119), ticks(20)).elapsed() == ticks(0));
  static_assert(lap(at(100), at(100), ticks(0)).elapsed() == ticks(0));
  static_assert(lap(at(100), at(99), ticks(0)).elapsed() == ticks(0)); // the counter of another CPU was behind
  static_assert(lap(at(100), at(90), ticks(20)).elapsed() == ticks(0));
  static_assert(lap(at(~std::uint64_t{0} - 9), at(30), ticks(20)).elapsed() == ticks(20)); // past the counter's end
  static_assert(lap().elapsed() == ticks(0));
  static_assert(lap(at(100), at(150), ticks(20)).begin().at == tick_point(100));
  static_assert(lap(at(100), at(150), ticks(20)).end().at == tick_point(150));
  static_assert(lap(at(100), at(150), ticks(20)).overhead() == ticks(20));
}

TEST_CASE("it tells a change of CPU, and when it does not know") {
  constexpr unsigned unknown = lap::unknown_cpu;
  static_assert(lap(at(1, 3), at(2, 3), ticks()).moved() == false);
  static_assert(lap(at(1, 3), at(2, 4), ticks()).moved() == true);
  static_assert(!lap(at(1, unknown), at(2, 4), ticks()).moved());
  static_assert(!lap(at(1, 3), at(2, unknown), ticks()).moved());
  static_assert(!lap(at(1, unknown), at(2, unknown), ticks()).moved());
}

TEST_CASE("a lap at a rate keeps fractions where the duration can") {
  constexpr lap l(at(100), at(1120), ticks(20));
  const takt::tick_rate rate(takt::frequency(2.5e9));
  CHECK(l.to<std::chrono::nanoseconds>(rate) == 400ns);
  const lap five(at(0), at(5), ticks(4));
  CHECK(five.to<std::chrono::nanoseconds>(rate) == 0ns);
  CHECK(five.to<std::chrono::duration<double, std::nano>>(rate).count() == doctest::Approx(0.4));
  CHECK(l.to<std::chrono::nanoseconds>(takt::tick_rate()) == 0ns);
}

TEST_CASE("the overhead is measured once, of empty regions") {
  struct tag;
  using region = manual_region<tag>;
  region::machine::reset();
  region::machine::now.cost = 20; // ns for each read, of which half and half lie inside an empty region
  takt::basic_stopwatch<region> watch;
  CHECK(watch.overhead() == ticks(50));
  const int reads = region::reads;
  CHECK(reads == 2 * static_cast<int>(takt::detail::stopwatch_parameters::regions * takt::detail::stopwatch_parameters::medians));
  takt::basic_stopwatch<region> another;
  CHECK(another.overhead() == ticks(50));
  CHECK(region::reads == reads);

  watch.start();
  CHECK(watch.stop().elapsed() == ticks(0));
  watch.start();
  region::machine::advance(1us);
  const lap one = watch.stop();
  CHECK(one.elapsed() == ticks(2500));
  CHECK(one.moved() == false);
  // stop() ends nothing: the lap goes on from the same begin.
  region::machine::advance(1us);
  CHECK(watch.stop().begin().at == one.begin().at);
  CHECK(watch.stop().elapsed() > ticks(5000));
  region::cpu = 1;
  CHECK(watch.stop().moved() == true);
  watch.start();
  CHECK(watch.stop().moved() == false);

  region::machine::now.cost = 40;
  CHECK(takt::basic_stopwatch<region>::measure_overhead() == ticks(100));
  CHECK(takt::basic_stopwatch<region>().overhead() == ticks(50)); // the program's stays
}

TEST_CASE("the overhead is what is usual: interruptions and a slow beginning do not count, a lucky read neither") {
  struct tag;
  using region = manual_region<tag>;
  using machine = region::machine;
  machine::reset();
  machine::now.on_read = [] {
    const int n = region::reads;
    machine::now.cost = n < 400 ? 60 : 20;                 // not yet at speed
    if (n > 1000 && n % 5 == 0) machine::now.time += 5000; // interrupted, two regions in five
    if (n == 900) machine::now.cost = 2;
  };
  CHECK(takt::basic_stopwatch<region>().overhead() == ticks(50));
}

TEST_CASE("a counter that stands still, or is free, has no overhead") {
  struct tag;
  using region = manual_region<tag>;
  region::machine::reset();
  region::machine::now.cost = 0;
  takt::basic_stopwatch<region> watch;
  CHECK(watch.overhead() == ticks(0));
  const int reads = region::reads;
  CHECK(takt::basic_stopwatch<region>().overhead() == ticks(0));
  CHECK(region::reads == reads); // zero is a result too
  watch.start();
  region::machine::advance(4ns);
  CHECK(watch.stop().elapsed() == ticks(10));
}

TEST_CASE("time() goes by the clock's line, and is unknown before there is one") {
  struct tag;
  using region = manual_region<tag>;
  using machine = region::machine;
  using clock = takt::basic_tsc_clock<takt::testing::manual_reference<tag>, takt::testing::manual_counter<tag>,
                                      takt::testing::fake_os<tag>>;
  machine::reset();
  takt::testing::fake_os<tag>::reset();
  takt::basic_stopwatch<region> watch;
  watch.start();
  machine::advance(1ms);
  const lap before = watch.stop();
  CHECK_FALSE(before.time<clock>());
  std::error_code ec;
  clock::calibrate(1ms, ec);
  REQUIRE(!ec);
  watch.start();
  machine::advance(1ms);
  const lap after = watch.stop();
  REQUIRE(after.time<clock>());
  CHECK(after.time<clock>()->count() == doctest::Approx(1e6).epsilon(1e-5));
  // One from before the first line is extrapolated.
  REQUIRE(before.time<clock>());
  CHECK(before.time<clock>()->count() == doctest::Approx(1e6).epsilon(1e-5));
  CHECK(lap(at(after.begin().at.count()), at(after.begin().at.count() - 100), ticks(0)).time<clock>() == 0ns);
}

#if !defined(__x86_64__)
TEST_CASE("where no instruction tells the CPU the kernel is asked") {
  struct tag;
  using os = takt::testing::fake_os<tag>;
  os::reset();
  os::now.cpu = {7, 0};
  takt::basic_stopwatch<takt::detail::counter_region<os>> watch;
  watch.start();
  const lap same = watch.stop();
  CHECK(same.moved() == false);
  CHECK(same.end().cpu == 7);
  os::now.cpu = {8, 0};
  CHECK(watch.stop().moved() == true);
  os::now.cpu = {8, 38};
  CHECK_FALSE(watch.stop().moved());
}
#endif
