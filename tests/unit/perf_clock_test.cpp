// Protects: that perf's time follows from its page exactly as perf_event_open(2) says, both ways and for any numbers; that
// a page is read whole or not at all; and that what is unknown has a reason.
#include <takt/clock/perf_clock.hpp>
#include <takt/testing/fake_os.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using takt::perf_clock;
using takt::tick_point;
using page_numbers = takt::linux_os::perf_clock;

namespace {

page_numbers numbers(std::uint64_t zero, std::uint32_t multiplier, unsigned shift) {
  page_numbers p;
  p.known = p.zero_known = true;
  p.zero = zero, p.multiplier = multiplier, p.shift = shift;
  return p;
}

/// The arithmetic of the manual page, in 64 bits.
std::uint64_t by_the_manual(const page_numbers& p, std::uint64_t cycles) {
  if (p.mask != ~std::uint64_t{0}) cycles = p.cycles + ((cycles - p.cycles) & p.mask);
  const std::uint64_t quotient = cycles >> p.shift, rest = cycles & ((std::uint64_t{1} << p.shift) - 1);
  return p.zero + quotient * p.multiplier + ((rest * p.multiplier) >> p.shift);
}

std::int64_t shown(const perf_clock& c, std::uint64_t tick) { return c.from_ticks(tick_point(tick)).count(); }

} // namespace

TEST_CASE("times are those of the kernel's arithmetic, for any page") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    // Up to a shift of 32 the manual's 64 bits do not overflow in the rest.
    const page_numbers p = numbers(random(), static_cast<std::uint32_t>(random() >> (32 + random() % 32)) | 1,
                                   static_cast<unsigned>(random() % 33));
    const std::uint64_t tick = random() >> random() % 64;
    const perf_clock c(p);
    REQUIRE(c.known());
    REQUIRE(static_cast<std::uint64_t>(shown(c, tick)) == by_the_manual(p, tick));
  }
  // A TSC of 2.6 GHz, one hour after the start of the kernel, 3.5 s after that of the counter.
  const perf_clock c(numbers(static_cast<std::uint64_t>(-3'500'000'000), 826'015'503, 31));
  CHECK(shown(c, 9'360'000'000'000) == 3'596'762'621'454); // floor(9.36e12 * 826015503 / 2^31) - 3.5e9
  CHECK(c.rate().hertz() == doctest::Approx(2.5998e9).epsilon(1e-3));
}

TEST_CASE("a time leads back to the tick at which it was shown, or is an error") {
  std::mt19937_64 random(2);
  int found = 0;
  for (int i = 0; i < 20'000; ++i) {
    const perf_clock c(numbers(random() >> random() % 64, static_cast<std::uint32_t>(random() >> (32 + random() % 32)) | 1,
                               static_cast<unsigned>(random() % 64)));
    const std::int64_t t = i % 2 == 0 ? static_cast<std::int64_t>(random()) : shown(c, random() >> random() % 64);
    std::error_code ec;
    const tick_point at = c.to_ticks(std::chrono::nanoseconds(t), ec);
    if (ec) {
      REQUIRE(ec == std::errc::result_out_of_range);
      continue;
    }
    ++found;
    const auto off = static_cast<std::int64_t>(static_cast<std::uint64_t>(shown(c, at.count())) - static_cast<std::uint64_t>(t));
    REQUIRE(std::abs(off) <= c.error().count());
  }
  CHECK(found > 5'000);

  // Several ticks have one time: the middle one.
  const perf_clock fast(numbers(0, 1, 4)); // 16 ticks a nanosecond
  std::error_code ec;
  CHECK(fast.to_ticks(10ns, ec).count() == 167);
  CHECK_FALSE(ec);
  // A time between two ticks of 40 ns.
  const perf_clock slow(numbers(1000, 40, 0));
  CHECK(slow.to_ticks(1080ns, ec).count() == 2);
  CHECK(slow.error() == 41ns);
  CHECK(shown(slow, slow.to_ticks(1100ns, ec).count()) == 1120);
  // Before the counter began, and beyond its end.
  static_cast<void>(fast.to_ticks(-1ns, ec));
  CHECK(ec == std::errc::result_out_of_range);
  static_cast<void>(fast.to_ticks(std::chrono::nanoseconds::max(), ec));
  CHECK(ec == std::errc::result_out_of_range);
  static_cast<void>(perf_clock().to_ticks(1ns, ec));
  CHECK(ec == std::errc::result_out_of_range);
}

TEST_CASE("a counter of few bits is taken at the overflow that is nearest to the page's reading") {
  page_numbers p = numbers(0, 40, 0);
  p.cycles = 0x5'0000'0010, p.mask = 0xffff'ffff;
  const perf_clock c(p);
  REQUIRE(c.known());
  CHECK(shown(c, 0x20) == 0x5'0000'0020 * 40);        // a moment after the reading
  CHECK(shown(c, 0xffff'fff0) == 0x4'ffff'fff0 * 40); // a moment before it
  CHECK(shown(c, 0x5'0000'0020) == 0x5'0000'0020 * 40);
  std::error_code ec;
  CHECK(c.to_ticks(std::chrono::nanoseconds(0x4'ffff'fff0 * 40), ec).count() == 0x4'ffff'fff0);
  CHECK_FALSE(ec);
  static_cast<void>(c.to_ticks(std::chrono::nanoseconds(0x6'0000'0010 * 40), ec)); // one overflow later
  CHECK(ec == std::errc::result_out_of_range);
  page_numbers later = p;
  later.cycles += 100;
  CHECK(perf_clock(later) == c);
  later.zero = 1;
  CHECK_FALSE(perf_clock(later) == c);
}

TEST_CASE("numbers that are none of a clock make it unknown") {
  page_numbers p = numbers(5, 100, 10);
  CHECK(perf_clock(p).known());
  p.multiplier = 0;
  CHECK_FALSE(perf_clock(p).known());
  for (const unsigned shift : {64u, 255u, 65'535u}) CHECK_FALSE(perf_clock(numbers(5, 100, shift)).known());
  for (const std::uint64_t mask : {std::uint64_t{0}, std::uint64_t{0xfff0}, std::uint64_t{1} << 63}) {
    p = numbers(5, 100, 10);
    p.mask = mask;
    CHECK_FALSE(perf_clock(p).known());
  }
  p = numbers(5, 100, 10);
  p.zero_known = false;
  CHECK_FALSE(perf_clock(p).known());
  CHECK_FALSE(perf_clock(p).rate().known());
  CHECK(shown(perf_clock(p), ~std::uint64_t{0}) == 0);
  CHECK(perf_clock(numbers(0, ~std::uint32_t{0}, 0)).error() > 4s);
}

TEST_CASE("what cannot be read has a reason, and what helps") {
  using os = takt::testing::fake_os<struct reasons>;
  os::reset();
  os::now.files["/proc/sys/kernel/perf_event_paranoid"].value = "3\n";
  std::error_code ec;
  const auto says = [&](const char* part) { return perf_clock::explain<os>(ec).find(part) != std::string::npos; };
  CHECK_FALSE(perf_clock::read<os>(ec).known());
  CHECK(ec == std::errc::permission_denied);
  CHECK(says("perf_event_paranoid <= 2 (it is 3)"));
  os::now.perf = {numbers(7, 100, 10), 0};
  CHECK(perf_clock::read<os>(ec).known());
  CHECK_FALSE(ec);
  os::now.perf.value.zero_known = false; // cap_user_time alone
  CHECK_FALSE(perf_clock::read<os>(ec).known());
  CHECK(ec == takt::errc::perf_time_unknown);
  CHECK(says("cap_user_time_zero"));
  os::now.perf = {numbers(7, 0, 10), 0};
  CHECK_FALSE(perf_clock::read<os>(ec).known());
  CHECK(ec == takt::errc::perf_time_unknown);
  os::now.perf.error = ENOSYS;
  CHECK_FALSE(perf_clock::read<os>(ec).known());
  CHECK(says("without perf events"));
  os::now.perf.error = EPERM;
  CHECK_FALSE(perf_clock::read<os>(ec).known());
  CHECK(says("permission denied"));
  ec = std::make_error_code(std::errc::invalid_argument);
  CHECK(says("locks its memory"));
#if TAKT_EXCEPTIONS
  CHECK_THROWS_WITH_AS((void)perf_clock::read<os>(), doctest::Contains("takt::perf_clock::read"), std::system_error);
#endif
}

TEST_CASE("a page is read again if the kernel wrote it meanwhile, and not for ever") {
  takt::detail::perf_page page{};
  page.lock = 6, page.zero = 1;
  int times = 0;
  std::uint64_t seen = 0;
  CHECK(takt::detail::read_perf_page(page, [&](const takt::detail::perf_page& p) {
    seen = p.zero;
    if (++times == 1) page.lock = 8, page.zero = 2; // an update in the middle
  }));
  CHECK(times == 2);
  CHECK(seen == 2);
  page.lock = 9; // the kernel writes, and never ends
  CHECK_FALSE(takt::detail::read_perf_page(page, [&](const takt::detail::perf_page&) { ++times; }));
  CHECK(times == 2);
  page.lock = 0; // an update in every reading
  CHECK_FALSE(takt::detail::read_perf_page(page, [&](const takt::detail::perf_page&) { page.lock += 2; }));
}

TEST_CASE("records of perf's ring: one sample, several, an overflow of the ring, and nonsense") {
  std::vector<unsigned char> ring(64);
  const auto put = [&](std::size_t at, std::uint32_t type, std::uint16_t bytes, std::uint64_t time) {
    std::memcpy(&ring[at % 64], &type, 4), std::memcpy(&ring[at % 64 + 6], &bytes, 2);
    std::memcpy(&ring[(at + 8) % 64], &time, 8);
  };
  std::uint64_t time = 0;
  const auto read = [&](std::uint64_t tail, std::uint64_t head) {
    return takt::detail::read_perf_times(ring.data(), ring.size(), tail, head, time);
  };
  CHECK(read(0, 0) == 0);
  put(0, 9, 16, 1234);
  CHECK(read(0, 16) == 1);
  CHECK(time == 1234);
  put(16, 2, 24, 0); // lost records
  put(40, 9, 16, 99);
  CHECK(read(0, 56) == 2);
  CHECK(time == 99);
  put(56, 9, 16, 777); // its time is at the beginning of the ring
  CHECK(read(56, 72) == 1);
  CHECK(time == 777);
  CHECK(read(~std::uint64_t{0} - 7, 8) == 1); // the position itself overflows
  time = 5;
  put(0, 9, 8, 0); // too short for a time
  CHECK(read(0, 8) == 0);
  for (const int bytes : {0, 4, 12, 65'528}) {
    put(0, 9, static_cast<std::uint16_t>(bytes), 3);
    CHECK(read(0, 64) == 0);
  }
  put(0, 9, 16, 3);
  CHECK(read(0, 8) == 0);   // cut
  CHECK(read(0, 128) == 0); // the reader was overrun
  CHECK(read(16, 0) == 0);
  CHECK(read(4, 20) == 0);
  CHECK(takt::detail::read_perf_times(ring.data(), 0, 0, 0, time) == 0);
  CHECK(takt::detail::read_perf_times(ring.data(), 12, 0, 8, time) == 0);
  CHECK(time == 5);
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    for (unsigned char& byte : ring) byte = static_cast<unsigned char>(random());
    const std::uint64_t tail = random() & ~std::uint64_t{7};
    CHECK(read(tail, tail + random() % 80) <= 4);
  }
}
