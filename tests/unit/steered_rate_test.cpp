// Protects: what adjtimex's numbers mean for the rate of CLOCK_MONOTONIC: frequency and tick add up, and what is being
// worked off is reported as far as it is known.
#include <takt/kernel/steered_rate.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <limits>

namespace {

timex steering(long freq, long tick = 10'000) {
  timex t{};
  t.freq = freq, t.tick = tick;
  return t;
}
double ppm(const timex& t, long left = 0) { return takt::detail::decode_steered_rate(t, left).ppm; }
double unsure(const timex& t, long left = 0) { return takt::detail::decode_steered_rate(t, left).unsure_ppm; }

} // namespace

TEST_CASE("frequency and tick add up") {
  CHECK(ppm(steering(0)) == 0);
  CHECK(unsure(steering(0)) == doctest::Approx(1.5e-5).epsilon(0.1));
  CHECK(ppm(steering(500 << 16)) == 500);
  CHECK(ppm(steering(-(12 << 16) - (1 << 15))) == -12.5);
  CHECK(ppm(steering(0, 11'000)) == 100'000);
  CHECK(ppm(steering(3 << 16, 9'990)) == -997);
}

TEST_CASE("the kernel's own loop works an offset off by 2^-(2 + constant) of it each second") {
  timex t = steering(0);
  t.offset = 6400, t.constant = 4;
  CHECK(ppm(t) == 100); // the loop is off, and what it had left goes on: second_overflow() does not ask
  t.status = STA_PLL;
  CHECK(ppm(t) == 100); // 6400 us / 64
  CHECK(unsure(t) > 100);
  t.status |= STA_NANO;
  CHECK(ppm(t) == doctest::Approx(0.1));
  t.offset = -6'400'000;
  CHECK(ppm(t) == doctest::Approx(-100));
  CHECK(unsure(t) > 100);
  for (const long constant : {-1L, 31L, 1'000'000L}) {
    t.constant = constant;
    CHECK(unsure(t) >= 0);
  }
}

TEST_CASE("a kernel that follows a pulse per second applies the whole offset in one") {
  timex t = steering(1 << 16);
  t.offset = 64'000, t.constant = 4, t.status = STA_PLL | STA_NANO | STA_PPSTIME | STA_PPSSIGNAL;
  CHECK(ppm(t) == 65); // 64 us in a second, and the frequency
  CHECK(unsure(t) > 64);
  t.status = STA_PPSTIME | STA_PPSSIGNAL; // microseconds
  t.offset = -64;
  CHECK(ppm(t) == -63);
  // The signal is lost, or not to be followed: the loop as without one.
  for (const int status : {STA_PPSTIME, STA_PPSSIGNAL, STA_PPSFREQ | STA_PPSSIGNAL, STA_PPSTIME | STA_PPSJITTER}) {
    t.status = status;
    CHECK(ppm(t) == 0); // -64 us / 64, and the frequency
  }
  t.status = STA_PPSTIME | STA_PPSSIGNAL;
  for (const long offset : {std::numeric_limits<long>::min(), std::numeric_limits<long>::max()}) {
    t.offset = offset;
    CHECK(unsure(t) > 9e18);
  }
}

TEST_CASE("adjtime corrects 500 us a second, and a smaller rest in one second") {
  CHECK(ppm(steering(0), 1'000'000) == 500);
  CHECK(ppm(steering(65'536), -1'000'000) == -499);
  CHECK(ppm(steering(0), 30) == 30);
  CHECK(unsure(steering(0), -30) > 30);
}

TEST_CASE("read from the kernel, or unknown") {
  struct tag;
  using os = takt::testing::fake_os<tag>;
  os::reset();
  os::now.adjtimex = {steering(2 << 16), 0};
  os::now.adjtime = {100, 0};
  std::error_code ec;
  CHECK(takt::steered_rate::read<os>(ec).ppm == 102);
  CHECK(!ec);
  os::now.adjtime.error = EPERM;
  CHECK(takt::steered_rate::read<os>(ec).ppm == 0);
  CHECK(ec == std::errc::operation_not_permitted);
  os::now.adjtimex.error = EPERM;
  CHECK_THROWS_AS(static_cast<void>(takt::steered_rate::read<os>()), std::system_error);
}
