// Protects: the properties of each clock of the list, the way to the system call where there is no vDSO, the conversion
// of every timespec, and what happens when the kernel says no.
#include <takt/kernel/posix_clock.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>
#include <cerrno>
#include <concepts>
#include <limits>
#include <ostream>
#include <type_traits>

#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::access;
using takt::posix_clock;
using takt::testing::fake_os;

template <clockid_t... Ids> struct ids {};
using all_clocks = ids<CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_REALTIME,
                       CLOCK_REALTIME_COARSE, CLOCK_TAI, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID>;

template <clockid_t Id> constexpr bool is_a_clock() {
  using by_vdso = posix_clock<Id>;
  using by_call = posix_clock<Id, access::syscall>;
  return std::chrono::is_clock_v<by_vdso> && std::chrono::is_clock_v<by_call> &&
         std::is_same_v<typename by_vdso::duration, nanoseconds> &&
         std::is_same_v<typename by_vdso::time_point, typename by_call::time_point> &&
         std::is_same_v<typename by_vdso::time_point::clock, by_vdso> && by_vdso::is_steady == by_call::is_steady &&
         noexcept(by_vdso::now()) && noexcept(by_call::now()) && by_vdso::id == Id;
}
template <clockid_t... Ids> constexpr bool are_clocks(ids<Ids...>) { return (is_a_clock<Ids>() && ...); }
static_assert(are_clocks(all_clocks()));

// A clock that a kernel may be without is read with an error code alone: there would be no number to return.
template <class Clock>
concept read_without_error = requires { Clock::now(); };
template <class Clock>
concept read_with_error = requires(std::error_code& ec) {
  { Clock::now(ec) } noexcept -> std::same_as<typename Clock::time_point>;
};
using aux = posix_clock<takt::aux_clock<0>>;
static_assert(read_with_error<aux> && !read_without_error<aux> && !std::chrono::is_clock_v<aux> && !aux::is_steady);
static_assert(read_with_error<posix_clock<CLOCK_TAI>> && read_without_error<posix_clock<CLOCK_TAI>>);

static_assert(posix_clock<CLOCK_MONOTONIC>::is_steady);
static_assert(posix_clock<CLOCK_MONOTONIC_RAW>::is_steady);
static_assert(posix_clock<CLOCK_MONOTONIC_COARSE>::is_steady);
static_assert(posix_clock<CLOCK_BOOTTIME>::is_steady);
static_assert(!posix_clock<CLOCK_REALTIME>::is_steady);
static_assert(!posix_clock<CLOCK_REALTIME_COARSE>::is_steady);
static_assert(!posix_clock<CLOCK_TAI>::is_steady);
static_assert(!posix_clock<CLOCK_PROCESS_CPUTIME_ID>::is_steady);
static_assert(!posix_clock<CLOCK_THREAD_CPUTIME_ID>::is_steady);
// Readings of different clocks have different types.
static_assert(!std::is_same_v<posix_clock<CLOCK_MONOTONIC>::time_point, posix_clock<CLOCK_BOOTTIME>::time_point>);

TEST_CASE("without a vDSO both paths make the system call, on the first call and on every later one") {
  using os = fake_os<struct no_vdso>;
  os::now.clocks[CLOCK_MONOTONIC] = {{12, 345}, 0};
  for (int calls = 1; calls <= 3; ++calls) {
    CHECK(posix_clock<CLOCK_MONOTONIC, access::vdso, os>::now().time_since_epoch() == 12s + 345ns);
    CHECK(os::now.system_calls == calls);
  }
  CHECK(posix_clock<CLOCK_MONOTONIC, access::syscall, os>::now().time_since_epoch() == 12s + 345ns);
  CHECK(os::now.system_calls == 4);
}

TEST_CASE("a damaged vDSO counts as none") {
  using os = fake_os<struct damaged_vdso>;
  static std::byte garbage[4096] = {std::byte{0x7f}, std::byte{'E'}, std::byte{'L'}, std::byte{'F'}};
  os::now.vdso = garbage;
  os::now.clocks[CLOCK_TAI] = {{1, 2}, 0};
  CHECK(posix_clock<CLOCK_TAI, access::vdso, os>::now().time_since_epoch() == 1s + 2ns);
  CHECK(os::now.system_calls == 1);
}

TEST_CASE("the first reading leaves errno alone, although the search for a vDSO that is not there sets it") {
  struct os : fake_os<struct errno_of_search> {
    static const void* vdso_base() noexcept { return errno = ENOENT, nullptr; }
  };
  os::now.clocks[CLOCK_MONOTONIC] = {{1, 0}, 0};
  errno = 4711;
  (void)posix_clock<CLOCK_MONOTONIC, access::vdso, os>::now();
  CHECK(errno == 4711);
}

TEST_CASE("every timespec becomes the nearest number of nanoseconds") {
  using os = fake_os<struct extremes>;
  using clock = posix_clock<CLOCK_REALTIME, access::syscall, os>;
  constexpr auto most = std::numeric_limits<time_t>::max(), least = std::numeric_limits<time_t>::min();
  constexpr long longest = std::numeric_limits<long>::max(), shortest = std::numeric_limits<long>::min();
  struct {
    timespec given;
    nanoseconds expected;
  } const cases[] = {
      {{0, 0}, 0ns},
      {{0, 999'999'999}, 999'999'999ns},
      {{-1, 999'999'999}, -1ns},
      {{9'223'372'036, 854'775'807}, nanoseconds::max()},
      {{9'223'372'036, 854'775'808}, nanoseconds::max()},
      {{9'223'372'037, 0}, nanoseconds::max()},
      {{9'223'372'037, -1'000'000'000}, nanoseconds(9'223'372'036'000'000'000)}, // the product alone overflows
      {{-9'223'372'037, 145'224'192}, nanoseconds::min()},
      {{-9'223'372'037, 145'224'193}, nanoseconds::min() + 1ns},
      {{-9'223'372'038, 0}, nanoseconds::min()},
      {{most, 999'999'999}, nanoseconds::max()},
      {{most, longest}, nanoseconds::max()},
      {{least, 0}, nanoseconds::min()},
      {{least, shortest}, nanoseconds::min()},
      {{0, longest}, nanoseconds::max()},
      {{0, shortest}, nanoseconds::min()},
      {{1, longest}, nanoseconds::max()},
      {{-1, shortest}, nanoseconds::min()},
  };
  for (const auto& c : cases) {
    CAPTURE(c.given.tv_sec);
    CAPTURE(c.given.tv_nsec);
    os::now.clocks[CLOCK_REALTIME] = {c.given, 0};
    CHECK(clock::now().time_since_epoch() == c.expected);
    std::error_code ec;
    CHECK((takt::read_clock<access::syscall, os>(CLOCK_REALTIME, ec)) == c.expected);
    CHECK_FALSE(ec);
  }
}

TEST_CASE("an auxiliary clock is read where the kernel has it, and is an error where not") {
  using os = fake_os<struct auxiliary>;
  using by_vdso = posix_clock<takt::aux_clock<3>, access::vdso, os>;
  using by_call = posix_clock<takt::aux_clock<3>, access::syscall, os>;
  static_assert(by_vdso::id == 19);
  // Linux before 6.17, or without CONFIG_POSIX_AUX_CLOCKS: EINVAL. One that is not enabled: ENODEV.
  for (const int error : {EINVAL, ENODEV}) {
    CAPTURE(error);
    if (error != EINVAL) os::now.clocks[19] = {{7, 8}, error};
    std::error_code ec;
    CHECK(by_vdso::now(ec) == by_vdso::time_point());
    CHECK(ec == std::error_code(error, std::system_category()));
    ec.clear();
    CHECK(by_call::now(ec) == by_call::time_point());
    CHECK(ec == std::error_code(error, std::system_category()));
    CHECK((takt::read_clock<access::vdso, os>(19, ec)) == 0ns);
    CHECK(ec == std::error_code(error, std::system_category()));
    CHECK_FALSE(takt::vdso::answers<os>(19, ec));
    CHECK(ec == std::error_code(error, std::system_category()));
#if TAKT_EXCEPTIONS
    const char* const why = error == EINVAL ? "CLOCK_AUX3 is not known to this kernel" : "CLOCK_AUX3 is not enabled";
    CHECK_THROWS_WITH_AS((void)(takt::read_clock<access::vdso, os>(19)), doctest::Contains(why), std::system_error);
    CHECK_THROWS_WITH_AS((void)takt::vdso::answers<os>(19), doctest::Contains(why), std::system_error);
#endif
  }
  os::now.clocks[19] = {{1'700'000'000, 5}, 0};
  std::error_code ec = std::make_error_code(std::errc::io_error);
  CHECK(by_vdso::now(ec).time_since_epoch() == 1'700'000'000s + 5ns);
  CHECK_FALSE(ec);
  ec = std::make_error_code(std::errc::io_error);
  CHECK(by_call::now(ec).time_since_epoch() == 1'700'000'000s + 5ns);
  CHECK_FALSE(ec);
}

TEST_CASE("any clock can be read with an error code instead of ending the program") {
  using os = fake_os<struct with_error_code>;
  using tai = posix_clock<CLOCK_TAI, access::vdso, os>;
  os::now.clocks[CLOCK_TAI] = {{3, 4}, EPERM};
  std::error_code ec;
  CHECK(tai::now(ec) == tai::time_point());
  CHECK(ec == std::errc::operation_not_permitted);
  os::now.clocks[CLOCK_TAI].error = 0;
  CHECK(tai::now(ec).time_since_epoch() == 3s + 4ns);
  CHECK_FALSE(ec);
}

TEST_CASE("read_clock and clock_resolution report what the kernel says, and zero") {
  using os = fake_os<struct refusals>;
  std::error_code ec;
  CHECK((takt::read_clock<access::vdso, os>(77, ec)) == 0ns);
  CHECK(ec == std::error_code(EINVAL, std::system_category()));
  os::now.clocks[CLOCK_TAI] = {{5, 5}, EPERM};
  CHECK((takt::read_clock<access::vdso, os>(CLOCK_TAI, ec)) == 0ns);
  CHECK(ec == std::error_code(EPERM, std::system_category()));
  CHECK((takt::read_clock<access::syscall, os>(CLOCK_TAI, ec)) == 0ns);
  CHECK(ec == std::error_code(EPERM, std::system_category()));
  os::now.clocks[77] = {{5, 6}, 0};
  CHECK((takt::read_clock<access::vdso, os>(77, ec)) == 5s + 6ns);
  CHECK_FALSE(ec);

  CHECK(takt::clock_resolution<os>(CLOCK_TAI, ec) == 0ns);
  CHECK(ec == std::error_code(EINVAL, std::system_category()));
  os::now.resolutions[CLOCK_TAI] = {{0, 4'000'000}, 0};
  CHECK(takt::clock_resolution<os>(CLOCK_TAI, ec) == 4ms);
  CHECK_FALSE(ec);
#if TAKT_EXCEPTIONS
  CHECK(takt::clock_resolution<os>(CLOCK_TAI) == 4ms);
  CHECK((takt::read_clock<access::vdso, os>(77)) == 5s + 6ns);
  CHECK_THROWS_AS((void)takt::clock_resolution<os>(78), std::system_error);
  try {
    (void)takt::read_clock<access::vdso, os>(78);
    FAIL("read");
  } catch (const std::system_error& error) {
    CHECK(error.code().value() == EINVAL);
    CHECK(std::string(error.what()).find("clock 78") != std::string::npos);
  }
#endif
}

TEST_CASE("a clock that is refused ends the program rather than show a number") {
  using os = fake_os<struct refused_clock>;
  for (const bool by_call : {false, true}) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      std::set_terminate([] { ::_exit(42); });
      if (by_call) (void)posix_clock<CLOCK_MONOTONIC, access::syscall, os>::now();
      else (void)posix_clock<CLOCK_MONOTONIC, access::vdso, os>::now();
      ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 42);
  }
}

TEST_CASE("real time converts to and from system_clock, monotonic time to and from steady_clock, without an offset") {
  using realtime = posix_clock<CLOCK_REALTIME>;
  using monotonic = posix_clock<CLOCK_MONOTONIC>;
  constexpr realtime::time_point r(1'700'000'000s + 5ns);
  static_assert(realtime::to_sys(r).time_since_epoch() == 1'700'000'000s + 5ns);
  static_assert(realtime::from_sys(realtime::to_sys(r)) == r);
  constexpr std::chrono::sys_seconds s(1'700'000'000s);
  static_assert(realtime::from_sys(s) == r - 5ns);
  static_assert(posix_clock<CLOCK_REALTIME, access::syscall>::to_sys(r) == realtime::to_sys(r));
  constexpr monotonic::time_point m(123s);
  static_assert(monotonic::to_steady(m).time_since_epoch() == 123s);
  static_assert(monotonic::from_steady(monotonic::to_steady(m)) == m);
  // The unit is kept.
  constexpr std::chrono::time_point<monotonic, std::chrono::duration<double>> d(1.5s);
  static_assert(monotonic::to_steady(d).time_since_epoch() == 1.5s);
  static_assert(std::is_same_v<decltype(monotonic::from_steady(monotonic::to_steady(d))), std::remove_const_t<decltype(d)>>);
#if defined(__cpp_lib_chrono) && __cpp_lib_chrono >= 201907L && defined(_GLIBCXX_RELEASE) && _GLIBCXX_RELEASE >= 14
  CHECK(std::chrono::clock_cast<std::chrono::system_clock>(r) == realtime::to_sys(r));
#endif
}

} // namespace
