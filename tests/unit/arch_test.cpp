// Protects: that the header of this architecture has every name that the others have, with the same type, and what is
// particular to one of them. Whether the facts are true is for live/arch_test.cpp, what the reads compile to for
// compile/counter_code.sh.
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>

#include <doctest/doctest.h>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace {

namespace arch = takt::detail::arch;
using takt::tick_point;

constexpr bool is_name(std::string_view text) { return !text.empty(); }
static_assert(is_name(arch::counter_name) && is_name(arch::clocksource));
static_assert(is_name(arch::vdso_clock_gettime) && is_name(arch::vdso_version));
static_assert(is_name(arch::bare_form) && is_name(arch::ordered_form));
static_assert(is_name(arch::begin_form) && is_name(arch::end_form));
static_assert(std::is_same_v<decltype(arch::elf_machine), const std::uint16_t> && arch::elf_machine != 0);
static_assert(std::is_same_v<decltype(arch::elf_class), const unsigned char>);
static_assert(arch::elf_class == (sizeof(void*) == 8 ? 2 : 1));
static_assert(std::is_same_v<decltype(arch::system_counter), const bool>);
static_assert(std::is_same_v<decltype(arch::vdso_data_checked), const bool>);
static_assert(std::is_same_v<decltype(arch::reads_performance_counters), const bool>);
static_assert(takt::counter_reading::available == arch::reports_cpu);
static_assert(std::is_same_v<decltype(arch::reports_frequency), const bool>);

static_assert(std::is_same_v<decltype(&arch::read_bare), tick_point (*)() noexcept>);
static_assert(std::is_same_v<decltype(&arch::read_ordered), tick_point (*)() noexcept>);
static_assert(std::is_same_v<decltype(&arch::read_begin), tick_point (*)() noexcept>);
static_assert(std::is_same_v<decltype(&arch::read_end), tick_point (*)() noexcept>);
static_assert(std::is_same_v<decltype(&arch::relax), void (*)() noexcept>);
static_assert(std::is_same_v<decltype(&arch::read_performance_counter), std::uint64_t (*)(std::uint32_t) noexcept>);
static_assert(std::is_same_v<decltype(&arch::counter_frequency), takt::frequency (*)() noexcept>);

template <class Reading>
concept read_with_its_cpu = requires {
  { arch::read_with_cpu<Reading, true>() } -> std::same_as<Reading>;
  { arch::read_with_cpu<Reading, false>() } -> std::same_as<Reading>;
};
static_assert(read_with_its_cpu<takt::counter_reading> == arch::reports_cpu);

/// Answers which of its functions was called.
struct decoder {
  using registers = takt::detail::cpuid_registers;
  template <takt::detail::cpuid_reader F> int cpuid(F) const { return 1; }
  int rate(takt::frequency) const { return 2; }
};

TEST_CASE("the processor's description of itself goes by the decoder of its architecture") {
  CHECK(arch::describe(decoder()) == (arch::system_counter ? 2 : 1));
  const takt::cpu_features f = takt::cpu_features::read();
  CHECK(f.counter == arch::counter_name);
  CHECK(f.system_counter == arch::system_counter);
  if (!arch::reports_frequency) CHECK_FALSE(f.counter_frequency);
}

TEST_CASE("a processor that reports a rate and nothing else") {
  const takt::detail::feature_decoder decoder;
  const takt::cpu_features f = decoder.rate(takt::frequency(24'000'000));
  CHECK(f.counter == arch::counter_name);
  CHECK(f.counter_frequency == takt::frequency(24'000'000));
  CHECK_FALSE(decoder.rate(takt::frequency()).counter_frequency);
  CHECK(f.vendor.empty());
  CHECK_FALSE(f.invariant_tsc);
}

#if defined(__x86_64__)
TEST_CASE("TSC_AUX is the CPU in twelve bits and the node above them") {
  const auto split = [](std::uint32_t aux) { return takt::detail::arch::split_aux<takt::counter_reading>(tick_point(7), aux); };
  CHECK(split(0).at == tick_point(7));
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
#endif

} // namespace
