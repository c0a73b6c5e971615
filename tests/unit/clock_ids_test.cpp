// Protects: every row of the table of clocks, property by property, and that each number and name stands in it once.
#include <takt/kernel/clock_ids.hpp>
#include <takt/kernel/sleepable_clock.hpp>

#include <doctest/doctest.h>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>

namespace {

using clock_offset = takt::clock_properties::namespace_offset;

/// The properties of a clock, written down a second time.
struct expectation {
  clockid_t id;
  std::string_view name;
  clockid_t shows;
  std::string_view flags; ///< o: optional, s: steady, t: CPU time, c: by counter, w: can be slept on
  clockid_t timer, futex;
  clock_offset offset;
};
constexpr expectation expected[] = {
    {1, "CLOCK_MONOTONIC", 1, "scw", 1, 1, clock_offset::monotonic},
    {4, "CLOCK_MONOTONIC_RAW", 4, "sc", -1, -1, clock_offset::monotonic},
    {6, "CLOCK_MONOTONIC_COARSE", 1, "s", -1, -1, clock_offset::monotonic},
    {7, "CLOCK_BOOTTIME", 7, "scw", 7, -1, clock_offset::boottime},
    {0, "CLOCK_REALTIME", 0, "cw", 0, 0, clock_offset::none},
    {5, "CLOCK_REALTIME_COARSE", 0, "", -1, -1, clock_offset::none},
    {11, "CLOCK_TAI", 11, "cw", 0, 0, clock_offset::none},
    {2, "CLOCK_PROCESS_CPUTIME_ID", 2, "t", -1, -1, clock_offset::none},
    {3, "CLOCK_THREAD_CPUTIME_ID", 3, "t", -1, -1, clock_offset::none},
    {16, "CLOCK_AUX0", 16, "oc", -1, -1, clock_offset::none},
    {17, "CLOCK_AUX1", 17, "oc", -1, -1, clock_offset::none},
    {18, "CLOCK_AUX2", 18, "oc", -1, -1, clock_offset::none},
    {19, "CLOCK_AUX3", 19, "oc", -1, -1, clock_offset::none},
    {20, "CLOCK_AUX4", 20, "oc", -1, -1, clock_offset::none},
    {21, "CLOCK_AUX5", 21, "oc", -1, -1, clock_offset::none},
    {22, "CLOCK_AUX6", 22, "oc", -1, -1, clock_offset::none},
    {23, "CLOCK_AUX7", 23, "oc", -1, -1, clock_offset::none},
};
static_assert(std::size(expected) == std::size(takt::clock_properties::table));

template <unsigned N> constexpr bool is_aux = requires { takt::aux_clock<N>; };
static_assert(is_aux<0> && is_aux<7> && !is_aux<8>);
static_assert(takt::aux_clock<0> == 16 && takt::aux_clock<7> == 23);
static_assert(std::is_same_v<decltype(takt::aux_clock<0>), const clockid_t>);

TEST_CASE("every row of the table is as the kernel has it") {
  for (const expectation& e : expected) {
    CAPTURE(e.name);
    const takt::clock_properties* const row = takt::clock_properties::find(e.id);
    REQUIRE(static_cast<bool>(row));
    const auto has = [&](char flag) { return e.flags.find(flag) != std::string_view::npos; };
    CHECK(row->id == e.id);
    CHECK(row->name == e.name);
    CHECK(row->shows == e.shows);
    CHECK(row->optional == has('o'));
    CHECK(row->steady == has('s'));
    CHECK(row->cpu_time == has('t'));
    CHECK(row->by_counter == has('c'));
    CHECK(row->sleepable == has('w'));
    CHECK(row->timer == e.timer);
    CHECK(row->futex == e.futex);
    CHECK(row->has_timer() == (e.timer != -1));
    CHECK(row->has_futex() == (e.futex != -1));
    CHECK((row->offset == e.offset));
    CHECK(takt::detail::clock_text(e.id) == e.name);
  }
}

TEST_CASE("what does not fit together is in no row") {
  for (const takt::clock_properties& row : takt::clock_properties::table) {
    CAPTURE(row.name);
    int times = 0;
    for (const takt::clock_properties& other : takt::clock_properties::table) times += other.id == row.id;
    CHECK(times == 1);
    // A clock that cannot be slept on has no other way of waiting either.
    if (!row.sleepable) CHECK_FALSE((row.has_timer() || row.has_futex()));
    // A clock that can be slept on can be waited for together with a descriptor, and on a clock that can be slept on itself.
    if (row.sleepable) CHECK(takt::detail::properties_of(row.timer).sleepable);
    if (row.has_futex()) CHECK(row.futex == row.timer);
    // Only clocks that are never set are shifted by a time namespace.
    if (row.offset != clock_offset::none) CHECK(row.steady);
    CHECK(takt::clock_properties::find(row.shows) != nullptr);
    CHECK(takt::detail::properties_of(row.shows).offset == row.offset);
  }
}

TEST_CASE("a clock that is not in the table has no properties") {
  for (const clockid_t id : {77, -1, 10, 12, 15, 24, 8, 9}) {
    CAPTURE(id);
    CHECK(takt::clock_properties::find(id) == nullptr);
    const takt::clock_properties p = takt::detail::properties_of(id);
    CHECK(p.id == id);
    CHECK_FALSE((p.optional || p.steady || p.cpu_time || p.by_counter || p.sleepable));
    CHECK_FALSE((p.has_timer() || p.has_futex()));
    CHECK((p.offset == clock_offset::none));
    CHECK(takt::detail::clock_text(id) == "clock " + std::to_string(id));
  }
}

} // namespace

TEST_CASE("the clock of a descriptor has the number that the kernel makes of it, and no row") {
  CHECK(takt::descriptor_clock(0) == -5);
  CHECK(takt::descriptor_clock(3) == -29);
  CHECK(takt::descriptor_clock(1'000'000) == -8'000'005);
  CHECK(takt::descriptor_clock((1 << 28) - 1) == std::numeric_limits<int>::min() + 3);
  // What is no descriptor is no other clock of the kernel.
  for (const int fd : {-1, -2, 1 << 28, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()})
    CHECK(takt::descriptor_clock(fd) == -1);
  for (const int fd : {0, 1, 1023}) {
    CHECK((~takt::descriptor_clock(fd) >> 3) == fd); // as it turns the number into the descriptor again
    CHECK(takt::clock_properties::find(takt::descriptor_clock(fd)) == nullptr);
  }
}
