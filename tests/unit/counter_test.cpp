/// counter_test.cpp - protects what can be said of the counter without reading it: that its header stays cheap, its
/// types, and how TSC_AUX is taken apart. What the reads do is in live/counter_test.cpp, what they compile to in
/// compile/counter_code.sh.
#include <takt/cpu/counter.hpp>

#if defined(_GLIBCXX_CHRONO)
#error "counter.hpp is for hot files and must not include <chrono>"
#endif
#if defined(_X86INTRIN_H_INCLUDED) || defined(__X86INTRIN_H) || defined(_CPUID_H_INCLUDED) || defined(__CPUID_H)
#error "counter.hpp is for hot files and must not include the compiler's intrinsics"
#endif

#include <doctest/doctest.h>
#include <cstdint>
#include <type_traits>

namespace {

using takt::ordering;
using takt::ticks;
using takt::ticks_and_cpu;

template <ordering O> constexpr bool reads_ticks() {
  return std::is_same_v<decltype(takt::read_counter<O>()), ticks>&& noexcept(takt::read_counter<O>());
}

static_assert(reads_ticks<ordering::bare>() && reads_ticks<ordering::ordered>());
static_assert(reads_ticks<ordering::begin>() && reads_ticks<ordering::end>());
static_assert(noexcept(takt::region_begin()) && noexcept(takt::region_end()));
static_assert(sizeof(ticks_and_cpu) == 16 && std::is_trivially_copyable_v<ticks_and_cpu>);

// Clocks that read the same counter share a time line, whatever their ordering; another counter is another family.
static_assert(std::is_same_v<takt::bare_counter::family, takt::ordered_counter::family>);
static_assert(std::is_same_v<takt::bare_counter::family, takt::hardware_counter>);
// What measures with a bare counter measures with the ordered one: calibrate(), measure_offset(), recall(), leave().
static_assert(std::is_same_v<takt::detail::measuring_counter<takt::bare_counter>::type, takt::ordered_counter>);
static_assert(std::is_same_v<takt::detail::measuring_counter<takt::ordered_counter>::type, takt::ordered_counter>);
static_assert(std::is_same_v<decltype(takt::bare_counter::read()), ticks>&& noexcept(takt::bare_counter::read()));
static_assert(std::is_same_v<decltype(takt::ordered_counter::read()), ticks>&& noexcept(takt::ordered_counter::read()));

TEST_CASE("TSC_AUX is the CPU in twelve bits and the node above them") {
  const auto split = [](std::uint32_t aux) { return takt::detail::split_aux(ticks(7), aux); };
  CHECK(split(0).count == ticks(7));
  CHECK(split(0).cpu == 0);
  CHECK(split(0).node == 0);
  CHECK(split(0x00000fff).cpu == 4095);
  CHECK(split(0x00000fff).node == 0);
  CHECK(split(0x00001000).cpu == 0);
  CHECK(split(0x00001000).node == 1);
  CHECK(split(0x00007035).cpu == 53);
  CHECK(split(0x00007035).node == 7);
  CHECK(split(0xffffffff).cpu == 4095);
  CHECK(split(0xffffffff).node == 0xfffff);
}

} // namespace
