// Protects: this kernel's /proc/interrupts reads as the parser expects it, and its counts go forward. One-sided: a
// sleep costs at least one interrupt of some timer, but it need not be the local one.
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
  const auto before = takt::read_timer_interrupts(ec);
  if (ec == std::errc::no_such_file_or_directory) TAKT_SKIP("%s is not there", takt::interrupts_path);
  REQUIRE_FALSE(ec);
  if (before.cpus.empty())
    TAKT_SKIP("%s has no row %.*s", takt::interrupts_path, static_cast<int>(takt::timer_interrupt_row.size()),
              takt::timer_interrupt_row.data());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) std::this_thread::sleep_for(5ms);
  const auto after = takt::read_timer_interrupts(ec);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  REQUIRE_FALSE(ec);
  const auto difference = takt::since(before, after);
  // Two million interrupts a second and CPU are more than any machine survives: a count that ran back would show more.
  for (const auto cell : difference.cpus) CHECK(cell.count < 2e6 * (elapsed.count() + 1));
  if (difference.total() == 0) TAKT_SKIP("this machine's timer is not the one of its row of %s", takt::interrupts_path);
  CHECK(difference.total() >= 1);
}

TEST_CASE("interrupts: the header names the CPUs that are online") {
  std::error_code ec;
  const auto online = takt::online_cpus(ec);
  if (ec) TAKT_SKIP("%s cannot be read", takt::online_cpus_path);
  const auto sample = takt::read_timer_interrupts(ec);
  if (ec || sample.cpus.empty()) TAKT_SKIP("%s has no timer", takt::interrupts_path);
  // Not the other way round: a container may be shown fewer CPUs than interrupts are counted on.
  for (const unsigned cpu : online) {
    bool found = false;
    for (const auto cell : sample.cpus) found = found || cell.cpu == cpu;
    CAPTURE(cpu);
    CHECK(found);
  }
}
