// The promises at compile time: sizes, traits, noexcept, constant evaluation. Mostly static_asserts; it runs too,
// so that what is checked is also linked.
#include <takt/clock/bounded_clock.hpp>
#include <takt/sleep/wait_until_past.hpp>
#include <takt/takt.hpp>
#include <cstddef>
#include <linux/perf_event.h>
#include <type_traits>

namespace {

template <class T> constexpr bool is_value = std::is_trivially_copyable_v<T> && std::is_nothrow_default_constructible_v<T>;

// core
static_assert(sizeof(takt::ticks) == 8 && is_value<takt::ticks>);
static_assert(sizeof(takt::frequency) == 8 && is_value<takt::frequency>);
static_assert(sizeof(takt::tick_rate) == 8 && is_value<takt::tick_rate>);
static_assert(sizeof(takt::detail::fixed_point) == 16 && is_value<takt::detail::fixed_point>);
static_assert(!std::is_convertible_v<std::uint64_t, takt::ticks> && !std::is_convertible_v<takt::ticks, std::uint64_t>);
static_assert(!std::is_convertible_v<double, takt::frequency> && !std::is_convertible_v<takt::frequency, takt::tick_rate>);
static_assert(std::is_error_code_enum_v<takt::errc>);

// cpu
static_assert(noexcept(takt::read_counter()) && std::is_same_v<decltype(takt::read_counter()), takt::tick_point>);
static_assert(std::is_same_v<decltype(takt::region_begin()), takt::tick_point> && noexcept(takt::region_end()));

// clock
static_assert(sizeof(takt::stopwatch::lap) == 40 && is_value<takt::stopwatch::lap>);
static_assert(sizeof(takt::stopwatch) == 32 && noexcept(takt::stopwatch()));
static_assert(sizeof(takt::bounded_time) == 32 && is_value<takt::bounded_time> && noexcept(takt::bounded_clock::now()));
static_assert(noexcept(std::declval<takt::stopwatch&>().start()) && noexcept(std::declval<const takt::stopwatch&>().stop()));
static_assert(noexcept(takt::stopwatch::lap().time()) && std::is_same_v<decltype(takt::stopwatch::lap().elapsed()), takt::ticks>);

// kernel
template <clockid_t Id> using by_call = takt::posix_clock<Id, takt::access::syscall>;
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;
using realtime = takt::posix_clock<CLOCK_REALTIME>;
static_assert(std::chrono::is_clock_v<monotonic> && std::chrono::is_clock_v<by_call<CLOCK_TAI>>);
static_assert(std::is_same_v<monotonic::duration, std::chrono::nanoseconds> && noexcept(monotonic::now()));
static_assert(monotonic::is_steady && !realtime::is_steady);
static_assert(std::is_same_v<monotonic::time_point, by_call<CLOCK_MONOTONIC>::time_point>);
static_assert(!std::is_convertible_v<monotonic::time_point, realtime::time_point>);

// timer
static_assert(sizeof(takt::grid_timer) == 64); // 56 beyond its callback: a cache line
static_assert(sizeof(takt::timer_handle) == 2 * sizeof(void*));
static_assert(std::is_nothrow_move_constructible_v<takt::timer_handle> && !std::is_copy_constructible_v<takt::timer_handle>);
static_assert(!std::is_move_constructible_v<takt::grid_timer> && !std::is_move_constructible_v<takt::grid_scheduler>);

// The operating system is a policy without state, so that nothing carries it around.
static_assert(std::is_empty_v<takt::linux_os>);

// The kernel's structures that takt declares itself have the kernel's layout.
using perf_request = takt::detail::perf_request;
using perf_page = takt::detail::perf_page;
static_assert(sizeof(perf_request) == PERF_ATTR_SIZE_VER0);
static_assert(offsetof(perf_request, config) == offsetof(perf_event_attr, config));
static_assert(offsetof(perf_request, flags) == offsetof(perf_event_attr, read_format) + 8);
static_assert(perf_request().type == PERF_TYPE_SOFTWARE && perf_request().config == PERF_COUNT_SW_DUMMY);
static_assert(offsetof(perf_request, config1) == offsetof(perf_event_attr, config1));
static_assert(+perf_request::time_enabled == +PERF_FORMAT_TOTAL_TIME_ENABLED);
static_assert(+perf_request::whole_group == +PERF_FORMAT_GROUP);
static_assert(offsetof(perf_page, index) == offsetof(perf_event_mmap_page, index));
static_assert(offsetof(perf_page, offset) == offsetof(perf_event_mmap_page, offset));
static_assert(offsetof(perf_page, width) == offsetof(perf_event_mmap_page, pmc_width));
static_assert(offsetof(perf_page, lock) == offsetof(perf_event_mmap_page, lock));
static_assert(offsetof(perf_page, capabilities) == offsetof(perf_event_mmap_page, capabilities));
static_assert(offsetof(perf_page, shift) == offsetof(perf_event_mmap_page, time_shift));
static_assert(offsetof(perf_page, multiplier) == offsetof(perf_event_mmap_page, time_mult));
static_assert(offsetof(perf_page, zero) == offsetof(perf_event_mmap_page, time_zero));
static_assert(offsetof(perf_page, cycles) == offsetof(perf_event_mmap_page, time_cycles));
static_assert(offsetof(perf_page, mask) == offsetof(perf_event_mmap_page, time_mask));
static_assert(offsetof(perf_page, size) == offsetof(perf_event_mmap_page, size));
static_assert(offsetof(takt::detail::perf_ring_page, head) == offsetof(perf_event_mmap_page, data_head));
static_assert(offsetof(takt::detail::perf_ring_page, tail) == offsetof(perf_event_mmap_page, data_tail));
static_assert(+perf_request::sample_time == +PERF_SAMPLE_TIME);

} // namespace

int main() { return 0; }
