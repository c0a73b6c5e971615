// clock_cast.hpp on this kernel: between every two clocks of takt and of the standard, what one shows now is what the
// other shows now, in each unit.
#include <takt/clock/clock_cast.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

using clocks = std::tuple<std::chrono::steady_clock, std::chrono::system_clock, std::chrono::file_clock,
                          takt::posix_clock<CLOCK_MONOTONIC>, takt::posix_clock<CLOCK_MONOTONIC, takt::access::syscall>,
                          takt::posix_clock<CLOCK_MONOTONIC_RAW>, takt::posix_clock<CLOCK_MONOTONIC_COARSE>,
                          takt::posix_clock<CLOCK_BOOTTIME>, takt::posix_clock<CLOCK_REALTIME>,
                          takt::posix_clock<CLOCK_REALTIME_COARSE>, takt::posix_clock<CLOCK_TAI>, takt::tsc_clock,
                          takt::fast_tsc_clock, takt::basic_tsc_clock<takt::posix_clock<CLOCK_REALTIME>, takt::ordered_counter>
#if defined(__cpp_lib_chrono) && __cpp_lib_chrono >= 201907L
                          , std::chrono::utc_clock, std::chrono::tai_clock, std::chrono::gps_clock
#endif
                          >;

/// Whether A's now, in `Unit`, becomes B's now. Both are rounded down. A coarse clock is behind by 10 ms at most. Three tries:
/// the system clock may be set, and a reading be disturbed five times in a row.
template <class A, class B, class Unit> bool meets() {
  constexpr bool whole = !std::is_floating_point_v<typename Unit::rep>;
  const double slack = 0.02 + (whole ? 2 * std::chrono::duration<double>(Unit(1)).count() : 0);
  const auto shown = [](auto t) { return std::chrono::duration<double>(t.time_since_epoch()).count(); };
  for (int i = 0; i < 3; ++i) {
    const double before = shown(B::now());
    const auto a = std::chrono::time_point_cast<Unit>(A::now());
    const auto b = takt::clock_cast<B>(a);
    static_assert(std::is_same_v<typename decltype(b)::duration, Unit>);
    static_assert(std::is_same_v<typename decltype(b)::clock, typename B::time_point::clock>);
    const double after = shown(B::now());
    if (shown(b) >= before - slack && shown(b) <= after + slack) return true;
  }
  return false;
}

template <std::size_t I, std::size_t... J> void from_clock(std::index_sequence<J...>) {
  using a = std::tuple_element_t<I, clocks>;
  const auto to = [](auto* b, std::size_t j) {
    using other = std::remove_pointer_t<decltype(b)>;
    INFO("from clock ", I, " to clock ", j);
    CHECK(meets<a, other, nanoseconds>());
    CHECK(meets<a, other, std::chrono::seconds>());
    CHECK(meets<a, other, std::chrono::duration<double>>());
  };
  (to(static_cast<std::tuple_element_t<J, clocks>*>(nullptr), J), ...);
}
template <std::size_t... I> void all_pairs(std::index_sequence<I...> all) { (from_clock<I>(all), ...); }

} // namespace

TEST_CASE("what one clock shows now is what any other shows now") {
  all_pairs(std::make_index_sequence<std::tuple_size_v<clocks>>());
}

TEST_CASE("there and back is where it was, to the reading of two distances") {
  const auto now = takt::tsc_clock::now();
  bool met = false;
  for (int i = 0; i < 3 && !met; ++i) { // as above
    const auto utc = takt::tsc_clock::to_sys(now);
    const nanoseconds off = takt::tsc_clock::from_sys(utc) - now;
    const nanoseconds also = takt::clock_cast<takt::tsc_clock>(takt::clock_cast<std::chrono::system_clock>(now)) - now;
    met = off > -1ms && off < 1ms && also > -1ms && also < 1ms;
  }
  CHECK(met);
  const auto coarse = std::chrono::time_point_cast<std::chrono::milliseconds>(now);
  static_assert(std::is_same_v<decltype(takt::tsc_clock::to_sys(coarse)), std::chrono::sys_time<std::chrono::milliseconds>>);
  static_assert(std::is_same_v<decltype(takt::fast_tsc_clock::from_sys(std::chrono::sys_seconds())),
                               std::chrono::time_point<takt::tsc_clock, std::chrono::seconds>>);
  CHECK(takt::tsc_clock::to_steady(coarse).time_since_epoch() == coarse.time_since_epoch());
  CHECK(takt::fast_tsc_clock::from_steady(takt::tsc_clock::to_steady(coarse)) == coarse);
}
