// Protects: what a stopwatch with counters says: counts less their overhead, nothing where a counter is missing or was
// shared, and the ticks that it says without counters.
#include <takt/clock/counting_stopwatch.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <cstdint>

namespace {

using takt::perf_event;
using takt::ticks;

/// A region on a manual counter, whose reads take 20 ns.
template <class Tag> struct manual_region {
  using counter = takt::testing::manual_counter<Tag>;
  static takt::counter_reading begin() noexcept { return {counter::read(), 0, 0}; }
  static takt::counter_reading end() noexcept { return {counter::read(), 0, 0}; }
};

/// Counters that advance with each reading, as those of a processor do.
template <class Tag> struct counting_os : takt::testing::fake_os<Tag> {
  using base = takt::testing::fake_os<Tag>;
  inline static std::uint64_t cycles_of_a_read = 0, instructions_of_a_read = 0;
  static int perf_read(int fd, std::uint64_t* out, std::size_t size, std::size_t& got) {
    base::now.perf_counts[{0, 0}].value += cycles_of_a_read;
    base::now.perf_counts[{0, 1}].value += instructions_of_a_read;
    return base::perf_read(fd, out, size, got);
  }
};

template <class Tag> struct bench {
  using os = counting_os<Tag>;
  using watch = typename takt::basic_stopwatch<manual_region<Tag>>::template basic_counting<os>;
  static void reset() {
    os::reset();
    os::cycles_of_a_read = 70, os::instructions_of_a_read = 40;
  }
  static void work(std::uint64_t cycles, std::uint64_t instructions) {
    os::now.perf_counts[{0, 0}].value += cycles;
    os::now.perf_counts[{0, 1}].value += instructions;
  }
};

} // namespace

TEST_CASE("cycles and instructions of a lap, less what their reading adds") {
  struct tag;
  using b = bench<tag>;
  b::reset();
  b::os::now.perf_counts[{0, 0}] = {}, b::os::now.perf_counts[{0, 1}] = {};
  std::error_code why = std::make_error_code(std::errc::io_error);
  b::watch watch(why);
  CHECK_FALSE(why);
  CHECK(b::os::now.perf_counters[0].task == 0);
  CHECK(b::os::now.perf_counters[1].group == b::os::first_perf_counter);
  watch.start();
  b::work(1000, 3000);
  auto lap = watch.stop();
  CHECK(lap.cycles() == 1000);
  CHECK(lap.instructions() == 3000);
  lap = watch.stop(); // it goes on: another reading
  CHECK(lap.cycles() == 1070);
  watch.start();
  CHECK(watch.stop().cycles() == 0);
  CHECK(watch.stop().elapsed() >= ticks(0));
  CHECK(watch.overhead() == takt::basic_stopwatch<manual_region<tag>>().overhead());
  b::os::cycles_of_a_read = 10; // a reading that took less than usual: never below zero
  watch.start();
  CHECK(watch.stop().cycles() == 0);
}

TEST_CASE("a lap during which the counters were shared has no counts, and the next one has") {
  struct tag;
  using b = bench<tag>;
  b::reset();
  b::os::now.perf_counts[{0, 0}] = {}, b::os::now.perf_counts[{0, 1}] = {};
  std::error_code why;
  b::watch watch(why);
  watch.start();
  b::work(1000, 3000);
  b::os::now.perf_counts[{0, 0}].enabled += 2000, b::os::now.perf_counts[{0, 0}].running += 1000;
  CHECK_FALSE(watch.stop().cycles());
  CHECK_FALSE(watch.stop().instructions());
  watch.start();
  b::work(5, 6);
  CHECK(watch.stop().cycles() == 5);
  b::os::now.perf_read_error = EIO;
  CHECK_FALSE(watch.stop().cycles());
}

TEST_CASE("a machine with one of the counters, or with none") {
  struct no_instructions;
  {
    using b = bench<no_instructions>;
    b::reset();
    b::os::now.perf_counts[{0, 0}] = {};
    std::error_code why;
    b::watch watch(why);
    CHECK(why == std::errc::no_such_file_or_directory);
    watch.start();
    b::work(1000, 0);
    CHECK(watch.stop().cycles() == 1000);
    CHECK_FALSE(watch.stop().instructions());
  }
  struct no_cycles;
  {
    using b = bench<no_cycles>;
    b::reset();
    b::os::now.perf_counts[{0, 0}].error = EACCES, b::os::now.perf_counts[{0, 1}] = {};
    std::error_code why;
    b::watch watch(why);
    CHECK(why == std::errc::permission_denied);
    watch.start();
    b::work(0, 3000);
    CHECK_FALSE(watch.stop().cycles());
    CHECK(watch.stop().instructions() == 3040);
  }
  struct none;
  using b = bench<none>;
  b::reset();
  std::error_code why;
  b::watch watch(why);
  CHECK(why == std::errc::no_such_file_or_directory);
  CHECK(b::os::now.perf_counters.empty());
  watch.start();
  const auto lap = watch.stop();
  CHECK_FALSE(lap.cycles());
  CHECK_FALSE(lap.instructions());
  CHECK(lap.moved() == false);
}
