// Protects: that the grid is the kernel's own inside a time namespace whose clocks are shifted, that tsc_clock is the
// namespace's MONOTONIC, and that both paths to each clock agree in there.
#include "checks.hpp"
#include "guest.hpp"
#include "time_namespace.hpp"

#include <takt/sleep/sleep.hpp>

#include <doctest/doctest.h>

#include <chrono>

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::posix_clock;

namespace {

constexpr nanoseconds shift = 123'456s + 3'456'789ns, boot_shift = -5ms;

template <clockid_t Id> bool paths_agree() {
  for (int i = 0; i < 500; ++i) {
    const auto a = posix_clock<Id, takt::access::syscall>::now();
    const auto b = posix_clock<Id>::now();
    const auto c = posix_clock<Id, takt::access::syscall>::now();
    if (b < a || c < b) return false;
  }
  return true;
}

/// Returns: the number of the first claim that does not hold inside, 0 if all do.
int claims(nanoseconds outside) {
  std::error_code ec;
  const takt::time_offsets offsets = takt::time_offsets::read(ec);
  if (ec || offsets.monotonic != shift || offsets.boottime != boot_shift) return 1;
  if (takt::grid_origin(ec) != shift || ec) return 2;
  const nanoseconds now = guest::read(CLOCK_MONOTONIC);
  if (now < outside + shift || now > outside + shift + 10s) return 3;
  if (!paths_agree<CLOCK_MONOTONIC>() || !paths_agree<CLOCK_BOOTTIME>() || !paths_agree<CLOCK_REALTIME>()) return 4;
  for (int i = 0; i < 5; ++i) {
    const nanoseconds before = guest::read(CLOCK_MONOTONIC);
    takt::sleep_aligned(9ms, takt::grid(10ms));
    const nanoseconds woken = guest::read(CLOCK_MONOTONIC);
    // The point as the processes outside know it.
    if (woken - shift < takt::grid(10ms).ceil(before + 9ms - shift)) return 5;
    if (woken > before + 5s) return 6;
  }
  static_cast<void>(takt::tsc_clock::calibrate(20ms, ec));
  if (ec) return 7;
  if (guest::off_from_monotonic<takt::tsc_clock>() > guest::stated_error()) return 8;
  return guest::backwards_within<takt::tsc_clock>(100ms) == 0 ? 0 : 9;
}

} // namespace

TEST_CASE("namespace: the grid is the kernel's own where MONOTONIC and BOOTTIME are shifted") {
  const nanoseconds outside = guest::read(CLOCK_MONOTONIC);
  CHECK(guest::in_time_namespace("monotonic 123456 3456789\nboottime -1 995000000\n", [&] { return claims(outside); }) == 0);
}
