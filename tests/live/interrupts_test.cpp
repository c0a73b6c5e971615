// Protects: this kernel's /proc/interrupts reads as the parser expects it, the rows counted are those of its clock event
// devices, and the counts go forward: twenty sleeps cost at least one interrupt.
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/interrupts.hpp>
#include <support/skip.hpp>
#include <doctest/doctest.h>
#include <ostream> // doctest prints an error_code by it
#include <chrono>
#include <system_error>
#include <thread>

using namespace std::chrono_literals;

TEST_CASE("interrupts: the timer's row is there and moves forward") {
  std::error_code ec;
  const auto before = takt::timer_interrupts::read(ec);
  if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("%s is not there", takt::detail::interrupts_path);
  REQUIRE_FALSE(ec);
  CHECK(before.cpus.empty() <= !before.unknown.empty()); // none, and no reason: a zero that was made up
  if (before.cpus.empty()) TAKT_SKIP("the timer interrupts are unknown: %s", before.unknown.c_str());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) std::this_thread::sleep_for(5ms);
  const auto after = takt::timer_interrupts::read(ec);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  REQUIRE_FALSE(ec);
  const auto difference = after - before;
  // Two million interrupts a second and CPU are more than any machine survives: a count that ran back would show more.
  for (const auto cell : difference.cpus) CHECK(cell.count < 2e6 * (elapsed.count() + 1));
  CHECK(difference.total() >= 1);
}

TEST_CASE("interrupts: the header names the CPUs that are online") {
  std::error_code ec;
  const auto online = takt::online_cpus(ec);
  if (ec) TAKT_SKIP("%s cannot be read", takt::detail::online_cpus_path);
  const auto sample = takt::timer_interrupts::read(ec);
  if (ec || !sample.unknown.empty()) TAKT_SKIP("the timer interrupts are unknown: %s", sample.unknown.c_str());
  // Not the other way round: a container may be shown fewer CPUs than interrupts are counted on.
  for (const unsigned cpu : online) {
    bool found = false;
    for (const auto cell : sample.cpus) found = found || cell.cpu == cpu;
    CAPTURE(cpu);
    CHECK(found);
  }
}
