// Protects the comparison of counters on this machine: counters that Linux keeps time by agree, and an offset that is put into
// one CPU's counter is found.
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/verdict.hpp>
#include <takt/kernel/cpuinfo.hpp>

#include <doctest/doctest.h>
#include <support/skip.hpp>

#include <cstdint>
#include <vector>

namespace {

constexpr std::int64_t put_in = -1'000'000'000; // ticks: far more than any message takes while both threads run

thread_local bool shifted = false;
struct shifting_os : takt::linux_os {
  inline static unsigned shifted_cpu = 0;
  static int pin_thread(unsigned cpu) noexcept {
    shifted = cpu == shifted_cpu;
    return takt::linux_os::pin_thread(cpu);
  }
};
struct shifted_counter {
  static takt::tick_point read() noexcept {
    return takt::ordered_counter::read() + takt::ticks(shifted ? static_cast<std::uint64_t>(put_in) : 0);
  }
};

/// Two CPUs on which this process may run.
std::vector<unsigned> two_cpus() {
  std::error_code ec;
  std::vector<unsigned> usable;
  for (const unsigned cpu : takt::online_cpus(ec)) {
    std::error_code refused;
    static_cast<void>(takt::counter_offset::measure(cpu, cpu == 0 ? 1 : 0, 1, refused));
    if (!refused || usable.empty()) usable.push_back(cpu);
    if (usable.size() == 2) break;
  }
  return usable;
}

} // namespace

TEST_CASE("no message shows a counter step back that Linux keeps time by, and an offset that is put in is found") {
  if (!takt::judge(takt::verdict::facts::gather()).counter_trusted) TAKT_SKIP("the counter of this machine is not trusted");
  const auto cpus = two_cpus();
  if (cpus.size() < 2) TAKT_SKIP("needs two CPUs");
  std::error_code ec;
  const auto o = takt::counter_offset::measure(cpus[0], cpus[1], 2000, ec);
  if (ec) TAKT_SKIP("two CPUs that this process may use at a time: %s", ec.message().c_str());
  CHECK(o.agrees()); // a bound that excludes zero would be a step back that was seen
  CHECK(o.min < takt::ticks(~std::uint64_t{0}));
  MESSAGE("offset in ticks: ", o.min.signed_count(), " to ", o.max.signed_count());

  shifting_os::shifted_cpu = cpus[1];
  const auto s = takt::counter_offset::measure<shifted_counter, shifting_os>(cpus[0], cpus[1], 2000, ec);
  REQUIRE(!ec);
  CHECK(s.min.signed_count() <= put_in + o.max.signed_count());
  CHECK(s.max.signed_count() >= put_in + o.min.signed_count());
  CHECK(!s.moved());
  // Of 2000 messages either way the fastest took less than 0.4 s.
  CHECK(!s.agrees());
}

TEST_CASE("a CPU that is not there") {
  std::error_code ec;
  CHECK(takt::counter_offset::measure(0, 8000, 10, ec).rounds == 0);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(takt::counter_offset::measure(100'000, 0, 10, ec).rounds == 0);
  CHECK(ec == std::errc::invalid_argument);
}
