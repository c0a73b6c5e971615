/// counter_test.cpp - protects the reads of the counter on this machine: that they advance, stand in the order they
/// promise, and name the CPU they happened on.
#include <takt/cpu/counter.hpp>
#include <takt/cpu/features.hpp>

#include "support/skip.hpp"
#include <atomic>
#include <cstdio>
#include <cstring>
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace {

using takt::ordering;
using takt::tick_point;
using takt::ticks;

/// ordering::end needs rdtscp where that is the instruction which reads the CPU too.
bool has_region_end() { return !takt::counter_reading::available || takt::cpu_features::read().rdtscp == true; }

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  return cpus;
}

/// Keeps the calling thread on one CPU, and lets it go again.
class pinned {
public:
  explicit pinned(int cpu) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(cpu), &one);
    ok_ = ::sched_getaffinity(0, sizeof before_, &before_) == 0 && ::sched_setaffinity(0, sizeof one, &one) == 0;
  }
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  ~pinned() {
    if (ok_) ::sched_setaffinity(0, sizeof before_, &before_);
  }
  explicit operator bool() const { return ok_; }

private:
  cpu_set_t before_{};
  bool ok_ = false;
};

double seconds_now() {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC, &ts);
  return static_cast<double>(ts.tv_sec) + static_cast<double>(ts.tv_nsec) * 1e-9;
}

/// Whether the kernel itself takes this counter for a clock that all CPUs share. A user-mode emulator shows the host's
/// clock source, which has another name: it may read the host's counter with less order than the guest asks for.
bool kernel_trusts_the_counter() {
  char name[64] = "";
  if (std::FILE* f = std::fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r")) {
    if (std::fgets(name, sizeof name, f) == nullptr) name[0] = '\0';
    std::fclose(f);
  }
  name[std::strcspn(name, "\n")] = '\0';
  return std::strcmp(name, takt::detail::arch::clocksource) == 0;
}

template <ordering O> void advances() {
  const tick_point first = takt::read_counter<O>();
  const double give_up = seconds_now() + 10; // the slowest counter there is, 1 MHz, needs a microsecond
  tick_point later = first;
  while (later == first && seconds_now() < give_up) later = takt::read_counter<O>();
  CHECK(later > first);
}

TEST_CASE("every ordering reads a counter that advances") {
  advances<ordering::bare>();
  advances<ordering::ordered>();
  advances<ordering::begin>();
  if (has_region_end()) advances<ordering::end>();
}

TEST_CASE("on one CPU ordered reads never step back, whatever their forms") {
  const std::vector<int> cpus = allowed_cpus();
  if (cpus.empty()) TAKT_SKIP("sched_getaffinity does not answer");
  const pinned here(cpus.front());
  if (!here) TAKT_SKIP("sched_setaffinity is not permitted");
  const bool end = has_region_end();
  int back = 0;
  for (int i = 0; i < 100'000; ++i) {
    const tick_point a = takt::region_begin();
    const tick_point b = end ? takt::region_end() : takt::region_begin();
    const tick_point c = takt::ordered_counter::read();
    back += (b < a) + (c < b);
  }
  CHECK(back == 0);
}

/// Counts how often a stamp is smaller than one that was received before it was taken. Two threads hand stamps to each
/// other through one variable for a quarter of a second.
template <class Counter> long steps_back(long& reads) {
  std::atomic<std::uint64_t> newest{0};
  std::atomic<long> all{0}, back{0};
  const double end = seconds_now() + 0.25;
  const auto hand_over = [&] {
    long mine = 0, wrong = 0;
    for (; mine % 1024 != 0 || seconds_now() < end; ++mine) {
      const std::uint64_t received = newest.load(std::memory_order_acquire);
      const std::uint64_t taken = Counter::read().count();
      if (taken < received) ++wrong;
      newest.store(taken, std::memory_order_release);
    }
    all += mine;
    back += wrong;
  };
  std::thread other(hand_over);
  hand_over();
  other.join();
  reads = all;
  return back;
}

// No false alarms where the CPUs' counters agree, which is what the kernel's choice of clock source says of them.
TEST_CASE("a stamp from another thread is never greater than an ordered one taken after it was received") {
  if (!kernel_trusts_the_counter()) TAKT_SKIP("the kernel's clock source is not this counter");
  long reads = 0;
  CHECK(steps_back<takt::ordered_counter>(reads) == 0);
  CHECK(reads > 0);
  const long bare = steps_back<takt::bare_counter>(reads);
  MESSAGE("bare reads stepped back ", bare, " times of ", reads, ", which nothing forbids");
}

TEST_CASE("a region of work is counted") {
  if (!has_region_end()) TAKT_SKIP("this processor has no rdtscp");
  // 1 ms is a thousand ticks of the slowest counter there is: a region that counted nothing would show.
  const double until = seconds_now() + 0.001;
  const tick_point begin = takt::region_begin();
  while (seconds_now() < until) {
  }
  CHECK((takt::region_end() - begin).count() >= 1000);
}

#if defined(__x86_64__)
TEST_CASE("read_counter_and_cpu names the CPU and node the thread is pinned to") {
  if (!has_region_end()) TAKT_SKIP("this processor has no rdtscp");
  int checked = 0;
  for (const int cpu : allowed_cpus()) {
    const pinned there(cpu);
    if (!there) continue;
    unsigned kernels_cpu = ~0u, kernels_node = ~0u;
    REQUIRE(::syscall(SYS_getcpu, &kernels_cpu, &kernels_node, nullptr) == 0);
    const tick_point before = takt::region_begin();
    const takt::counter_reading r = takt::read_counter_and_cpu();
    CHECK(r.at >= before);
    CHECK(r.at <= takt::region_end());
    CHECK(r.cpu == static_cast<unsigned>(cpu));
    CHECK(r.cpu == kernels_cpu);
    CHECK(r.node == kernels_node);
    CHECK(::sched_getcpu() == cpu);
    if (++checked == 64) break; // enough of a big machine
  }
  if (checked == 0) TAKT_SKIP("sched_setaffinity is not permitted");
}

TEST_CASE("what the processor tells is what the kernel found") {
  const takt::cpu_features f = takt::cpu_features::read();
  CHECK(f.counter == "tsc");
  CHECK(f.tsc == true); // we have just read it
  CHECK_FALSE(f.vendor.empty());
  std::FILE* const file = std::fopen("/proc/cpuinfo", "r");
  if (file == nullptr) TAKT_SKIP("/proc/cpuinfo is not there");
  char line[16384];
  bool flags = false;
  while (!flags && std::fgets(line, sizeof line, file) != nullptr) flags = std::strncmp(line, "flags", 5) == 0;
  std::fclose(file);
  if (!flags) TAKT_SKIP("/proc/cpuinfo has no flags");
  if (char* newline = std::strchr(line, '\n')) *newline = ' ';
  // The kernel may hide what CPUID shows (clearcpuid=, a quirk), so its word counts in one direction.
  if (std::strstr(line, " rdtscp ") != nullptr) CHECK(f.rdtscp == true);
  if (std::strstr(line, " tsc_deadline_timer ") != nullptr) CHECK(f.tsc_deadline == true);
  if (std::strstr(line, " tsc_adjust ") != nullptr) CHECK(f.tsc_adjust == true);
  if (std::strstr(line, " arat ") != nullptr) CHECK(f.arat == true);
  if (std::strstr(line, " hypervisor ") != nullptr) CHECK(f.hypervisor == true);
}
#endif

TEST_CASE("the counter's frequency is what the features say it is") {
  const takt::cpu_features f = takt::cpu_features::read();
  if (takt::detail::arch::counter_frequency().hertz() > 0) CHECK(f.counter_frequency == takt::detail::arch::counter_frequency());
  else CHECK_FALSE(f.counter_frequency.has_value());
  if (!takt::detail::arch::reports_frequency) CHECK(takt::detail::arch::counter_frequency() == takt::frequency());
}

} // namespace
