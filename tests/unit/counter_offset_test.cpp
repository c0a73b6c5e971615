// Protects: the comparison of two CPUs' counters: bounds that always hold the offset and are as tight as the messages
// are fast, a step back that was seen is never called agreement, and CPUs that cannot be had are an error and no hang.
#include <takt/clock/counter_offset.hpp>
#include <takt/clock/verdict.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::counter_offset;

/// Time that passes only when a counter is read, and CPUs whose counters are off by what the test says.
std::atomic<std::uint64_t> time_passed{0};
std::int64_t offsets[8]{};
thread_local unsigned on_cpu = 0;
std::atomic<int> starts_allowed{100};
bool second_never_runs = false;

struct emulated_os : takt::linux_os {
  static int pin_thread(unsigned cpu) noexcept {
    if (cpu >= 8) return EINVAL;
    on_cpu = cpu;
    return 0;
  }
  static int thread_start(thread& out, void* (*body)(void*), void* argument) noexcept {
    const int left = --starts_allowed;
    if (left < 0) return EAGAIN;
    if (left == 0 && second_never_runs) body = [](void*) -> void* { return nullptr; };
    return takt::linux_os::thread_start(out, body, argument);
  }
  static int counter_allowed(bool& out) noexcept {
    out = allowed;
    return 0;
  }
  /// Patience ends soon.
  static int clock_gettime(clockid_t, timespec& out) noexcept {
    static std::atomic<long> seconds{0};
    out = {hasty ? ++seconds : 0, 0};
    return 0;
  }
  inline static bool allowed = true, hasty = false;
};
struct emulated_counter {
  static takt::tick_point read() noexcept {
    return takt::tick_point(++time_passed + static_cast<std::uint64_t>(offsets[on_cpu]));
  }
};

counter_offset measure(unsigned cpu, unsigned other, std::error_code& ec, std::uint64_t rounds = 16) {
  return takt::counter_offset::measure<emulated_counter, emulated_os>(cpu, other, rounds, ec);
}

counter_offset bounds(std::int64_t least, std::int64_t most) {
  counter_offset o;
  o.min = takt::ticks(static_cast<std::uint64_t>(least)), o.max = takt::ticks(static_cast<std::uint64_t>(most));
  return o;
}

} // namespace

TEST_CASE("the bounds hold the offset, and are as tight as a message is fast") {
  for (const std::int64_t offset : {0LL, 1LL, -5LL, 1'000'000'000'000LL, -1'000'000'000'000LL}) {
    offsets[1] = offset;
    std::error_code ec;
    const counter_offset o = measure(0, 1, ec);
    REQUIRE(!ec);
    CHECK(o.cpu == 0);
    CHECK(o.other == 1);
    CHECK(o.rounds == 16);
    CHECK(o.min.signed_count() == offset - 1); // a message takes one tick
    CHECK(o.max.signed_count() == offset + 1);
    CHECK(o.agrees() == (offset >= -1 && offset <= 1)); // more would have been seen
    CHECK(!o.moved());
    const counter_offset back = measure(1, 0, ec);
    CHECK(back.min.signed_count() == -offset - 1);
    CHECK(back.max.signed_count() == -offset + 1);
  }
  offsets[1] = 0;
}

TEST_CASE("counters near the end of their range") {
  time_passed = ~std::uint64_t{0} - 40;
  offsets[2] = -7;
  std::error_code ec;
  const counter_offset o = measure(0, 2, ec);
  CHECK(o.min.signed_count() == -8);
  CHECK(o.max.signed_count() == -6);
  offsets[2] = 0;
}

TEST_CASE("CPUs that cannot be had") {
  std::error_code ec;
  CHECK(measure(3, 3, ec).rounds == 0);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(measure(0, 9, ec).rounds == 0);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(measure(9, 0, ec).rounds == 0);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(measure(0, 1, ec, 0).rounds == 0);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(measure(0, 1, ec, 1).rounds == takt::detail::exchange_parameters::min_rounds);
  CHECK(!ec);
  for (const int threads : {0, 1}) {
    starts_allowed = threads;
    CHECK(measure(0, 1, ec).rounds == 0);
    CHECK(ec == std::errc::resource_unavailable_try_again);
  }
  starts_allowed = 2, second_never_runs = true, emulated_os::hasty = true;
  CHECK(measure(0, 1, ec).rounds == 0);
  CHECK(ec == takt::errc::too_few_samples);
  starts_allowed = 100, second_never_runs = false, emulated_os::hasty = false;
  emulated_os::allowed = false;
  CHECK(measure(0, 1, ec).rounds == 0);
  CHECK(ec == takt::errc::counter_forbidden);
  emulated_os::allowed = true;
  try {
    static_cast<void>(takt::counter_offset::measure<emulated_counter, emulated_os>(4, 9));
    FAIL("no exception");
  } catch (const std::system_error& e) {
    CHECK(std::string(e.what()).find("CPUs 4 and 9") != std::string::npos);
  }
}

TEST_CASE("agreement is that zero is within the bounds of every pair") {
  CHECK(bounds(-5, 5).agrees());
  CHECK(bounds(0, 5).agrees());
  CHECK(bounds(-5, 0).agrees());
  CHECK(!bounds(1, 5).agrees());
  CHECK(!bounds(-5, -1).agrees());
  CHECK(bounds(3, -3).moved());
  CHECK(!bounds(3, -3).agrees());
  CHECK(!bounds(3, 3).moved());
  std::vector<counter_offset> pairs;
  CHECK(!takt::counter_offset::all_agree(pairs));
  pairs.push_back(bounds(-5, 5));
  CHECK(takt::counter_offset::all_agree(pairs) == true);
  pairs.insert(pairs.begin(), bounds(1, 5));
  CHECK(takt::counter_offset::all_agree(pairs) == false);
}

TEST_CASE("nanoseconds are rounded outwards") {
  const takt::tick_rate rate(takt::frequency(2.5e9));
  const auto check = [&](std::int64_t least, std::int64_t most, nanoseconds low, nanoseconds high) {
    const auto b = bounds(least, most).in_nanoseconds(rate);
    CHECK(b.min == low);
    CHECK(b.max == high);
  };
  check(-5, 5, -2ns, 2ns);
  check(-6, 6, -3ns, 3ns);
  check(1, 4, 0ns, 2ns);
  check(-4, -1, -2ns, 0ns);
  const auto b = bounds(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max())
                     .in_nanoseconds(takt::tick_rate(takt::frequency(1)));
  CHECK(b.min == nanoseconds::min());
  CHECK(b.max == nanoseconds::max());
  CHECK(bounds(-5, 5).in_nanoseconds({}).max == 0ns);
}

TEST_CASE("the verdict uses it when it is asked to") {
  takt::verdict::facts facts;
  facts.exists = true, facts.invariant = true, facts.allowed = true;
  facts.current_source = std::string(takt::verdict::counter_source);
  CHECK(takt::judge(facts).counter_trusted);
  const std::vector<counter_offset> apart{bounds(-5, 5), bounds(3, 5)};
  facts.cpus_agree = takt::counter_offset::all_agree(apart);
  const auto v = takt::judge(facts);
  CHECK(!v.counter_trusted);
  CHECK(v.recommended == takt::clock_path::vdso);
  CHECK(v.findings.back() == takt::verdict::finding::cpus_differ);
  facts.cpus_agree = true;
  CHECK(takt::judge(facts).counter_trusted);
  CHECK(takt::judge(facts).findings.back() == takt::verdict::finding::cpus_agree);
}
