// Protects: that this kernel's data page is recognised, that what it says of the clock is what the kernel says, and that
// its sequence number tells a reading that the kernel disturbed from one that was merely slow.
#include "support/skip.hpp"
#include <takt/clock/calibration.hpp>
#include <takt/clock/rate_sources.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/vdso_data.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

using namespace std::chrono_literals;
using takt::vdso::data_page;
using monotonic = takt::posix_clock<CLOCK_MONOTONIC>;

TEST_CASE("the page is found, and its mode is that of the clock source") {
  const data_page page = data_page::find();
  if (!page.known()) TAKT_SKIP("no data page: %s", page.why_unknown());
  const auto c = page.read();
  REQUIRE(c);
  std::error_code ec;
  const std::string source = takt::clocksource::current(ec);
  if (ec) TAKT_SKIP("the current clock source cannot be read");
  if (source == takt::detail::arch::clocksource) {
    CHECK(c->mode == data_page::clock_mode::counter);
    CHECK(c->last_cycle <= takt::ordered_counter::read().count());
    CHECK(c->rate().known());
  }
  if (source == "hpet" || source == "acpi_pm" || source == "jiffies") CHECK(c->mode == data_page::clock_mode::system_call);
  if (source == "kvm-clock") CHECK(c->mode == data_page::clock_mode::pvclock);
}

TEST_CASE("updates go on, about as often as the tick of a busy CPU") {
  const data_page page = data_page::find();
  if (!page.known()) TAKT_SKIP("no data page: %s", page.why_unknown());
  const std::uint32_t first = page.sequence();
  const auto end = std::chrono::steady_clock::now() + 200ms;
  while (std::chrono::steady_clock::now() < end) {}
  const std::uint32_t updates = data_page::updates_between(first, page.sequence());
  CHECK(updates >= 5);   // HZ 100 makes 20; the least of all is one of 50 a second
  CHECK(updates < 2000); // HZ 1000 makes 200; each step of a clock adds one
}

TEST_CASE("almost no undisturbed reading counts as a retry, and a reading across an update does") {
  const data_page page = data_page::find();
  if (!page.known()) TAKT_SKIP("no data page: %s", page.why_unknown());
  const auto retries_of_1000 = [&] {
    int retries = 0;
    for (int i = 0; i < 1000; ++i) {
      const std::uint32_t before = page.sequence();
      static_cast<void>(monotonic::now());
      retries += data_page::updates_between(before, page.sequence()) != 0;
    }
    return retries;
  };
  // 1000 readings take 40 us, and an update comes once in some ms: no disturbance is the rule. Ten tries, because a
  // busy machine may take the CPU away each time.
  int fewest = 1000;
  for (int attempt = 0; attempt < 10 && fewest != 0; ++attempt) fewest = std::min(fewest, retries_of_1000());
  CHECK(fewest == 0);
  const std::uint32_t before = page.sequence();
  for (const auto end = std::chrono::steady_clock::now() + 100ms; std::chrono::steady_clock::now() < end;) {}
  CHECK(data_page::updates_between(before, page.sequence()) != 0);
}

TEST_CASE("the kernel's own rate agrees with a calibration") {
  const data_page page = data_page::find();
  if (!page.known()) TAKT_SKIP("no data page: %s", page.why_unknown());
  const auto c = page.read();
  REQUIRE(c);
  if (c->mode != data_page::clock_mode::counter) TAKT_SKIP("the vDSO does not read the counter alone");
  bool agrees = false;
  for (int attempt = 0; attempt < 3 && !agrees; ++attempt) { // a calibration misses its bound once in 10 000 times
    std::error_code ec;
    const auto measured = takt::calibrate(20ms, ec);
    if (ec) continue;
    const double off_ppm = (page.read()->rate().hertz() / measured.rate().hertz() - 1) * 1e6;
    CAPTURE(off_ppm);
    agrees = std::abs(off_ppm) <= c->rate_unit_ppm() + measured.uncertainty_ppm();
    if (attempt == 2) CHECK(agrees);
  }
}

TEST_CASE("memory that must not be touched is known without touching it") {
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const p = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(p != MAP_FAILED);
  CHECK(takt::linux_os::can_read(p) == 0);
  ::mprotect(p, size, PROT_NONE);
  CHECK(takt::linux_os::can_read(p) == EFAULT);
  ::munmap(p, size);
  CHECK(takt::linux_os::can_read(p) == EFAULT);
  // A file that has no such page: reading it would raise SIGBUS.
  const int empty = ::memfd_create("empty", MFD_CLOEXEC);
  if (empty < 0) TAKT_SKIP("no memfd_create");
  void* const beyond = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, empty, 0);
  REQUIRE(beyond != MAP_FAILED);
  CHECK(takt::linux_os::can_read(beyond) == EFAULT);
  ::munmap(beyond, size);
  ::close(empty);
}
