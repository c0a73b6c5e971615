// Protects: that a first reading after a wake-up is counted as repeated only where the kernel was writing what the vDSO
// reads, and not because it is cold; and that readings which do meet an update are seen.
#include <takt/core/timespec.hpp>
#include <takt/kernel/posix_clock.hpp>
#include <takt/kernel/tick.hpp>
#include <takt/kernel/vdso_data.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using page = takt::vdso::data_page;

nanoseconds now() { return takt::posix_clock<CLOCK_MONOTONIC>::now().time_since_epoch(); }

} // namespace

TEST_CASE("of 1000 undisturbed first readings none is a retry") {
  const page data = page::find();
  if (!data.known()) TAKT_SKIP("%s", data.why_unknown());
  std::error_code ec;
  const takt::frequency hz = takt::kernel_hz(ec);
  REQUIRE_FALSE(ec);
  const nanoseconds tick(std::llround(1e9 / hz.hertz()));
  // The kernel updates its clocks in the tick, which comes at multiples of the period: a reading in its middle meets no
  // update unless it is held up. Other updates (adjtimex, a wake-up from a long idle time) come a few times an hour or with
  // the interrupt itself, before the thread runs: three tries.
  int retried = 1, undisturbed = 0;
  for (int attempt = 0; attempt < 3 && (retried != 0 || undisturbed < 1000); ++attempt) {
    retried = undisturbed = 0;
    for (int i = 0; i < 5000 && undisturbed < 1000; ++i) {
      const nanoseconds start = now();
      const nanoseconds due = start - start % tick + tick + tick / 2;
      REQUIRE(takt::linux_os::sleep_until(CLOCK_MONOTONIC, takt::to_timespec(due)) == 0);
      const std::uint32_t before = data.sequence();
      const nanoseconds first = now();
      const std::uint32_t after = data.sequence();
      if (first - due > tick / 4 || now() - due > tick / 4) continue; // it waited for a CPU, or was interrupted
      ++undisturbed;
      retried += page::updates_between(before, after) != 0;
    }
  }
  INFO(undisturbed << " undisturbed wake-ups");
  REQUIRE(undisturbed > 0);
  CHECK(retried == 0);
}

TEST_CASE("readings that span an update are seen as such") {
  const page data = page::find();
  if (!data.known()) TAKT_SKIP("%s", data.why_unknown());
  // A busy CPU has its tick; half a second holds fifty of them at the lowest HZ.
  std::uint64_t seen = 0;
  std::uint32_t before = data.sequence();
  for (const nanoseconds end = now() + 500ms; now() < end;) {
    const std::uint32_t after = data.sequence();
    seen += page::updates_between(before, after);
    before = after;
  }
  CHECK(seen >= 10);
}
