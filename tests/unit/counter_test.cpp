// Protects: what can be said of the counter without reading it: that its header stays cheap, and its types. What the
// reads do is in live/counter_test.cpp, what they compile to in compile/counter_code.sh.
#include <takt/cpu/counter.hpp>

#if defined(_GLIBCXX_CHRONO)
#error "counter.hpp is for hot files and must not include <chrono>"
#endif
#if defined(_X86INTRIN_H_INCLUDED) || defined(__X86INTRIN_H) || defined(_CPUID_H_INCLUDED) || defined(__CPUID_H)
#error "counter.hpp is for hot files and must not include the compiler's intrinsics"
#endif

#include <doctest/doctest.h>
#include <cstdint>
#include <string>
#include <type_traits>

namespace {

using takt::ordering;
using takt::tick_point;
using takt::ticks;
using takt::counter_reading;

template <ordering O> constexpr bool reads_ticks() {
  return std::is_same_v<decltype(takt::read_counter<O>()), tick_point>&& noexcept(takt::read_counter<O>());
}

static_assert(reads_ticks<ordering::bare>() && reads_ticks<ordering::ordered>());
static_assert(reads_ticks<ordering::begin>() && reads_ticks<ordering::end>());
static_assert(noexcept(takt::region_begin()) && noexcept(takt::region_end()));
static_assert(sizeof(counter_reading) == 16 && std::is_trivially_copyable_v<counter_reading>);

// Clocks that read the same counter share a time line, whatever their ordering; another counter is another family.
static_assert(std::is_same_v<takt::bare_counter::family, takt::ordered_counter::family>);
static_assert(std::is_same_v<takt::bare_counter::family, takt::detail::hardware_counter>);
// A measurement with a bare counter reads the ordered one: calibrate(), counter_offset::measure(), load(), publish().
static_assert(std::is_same_v<takt::detail::measuring_counter<takt::bare_counter>::type, takt::ordered_counter>);
static_assert(std::is_same_v<takt::detail::measuring_counter<takt::ordered_counter>::type, takt::ordered_counter>);
static_assert(std::is_same_v<decltype(takt::bare_counter::read()), tick_point>&& noexcept(takt::bare_counter::read()));
static_assert(std::is_same_v<decltype(takt::ordered_counter::read()), tick_point>&& noexcept(takt::ordered_counter::read()));

TEST_CASE("the instructions of each read have a name of their own") {
  const std::string bare = takt::counter_instructions(ordering::bare);
  CHECK_FALSE(bare.empty());
  for (const ordering o : {ordering::ordered, ordering::begin, ordering::end}) {
    CHECK(std::string(takt::counter_instructions(o)).size() > bare.size());
    CHECK(takt::counter_instructions(o) != bare);
  }
}

} // namespace
