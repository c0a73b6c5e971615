// Protects: that stamps of perf, ftrace and the kernel's clocks are converted to ticks and back within the error that is
// stated: through steering, steps, suspend and a page of perf that changes; and that what is unknown has a reason.
#include <takt/observe/stamp_map.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <system_error>
#include <vector>

using namespace std::chrono_literals;
using takt::stamp_map;
using takt::tick_point;
using clock_type = stamp_map::clock;

namespace {

constexpr clock_type all_clocks[] = {clock_type::perf,     clock_type::monotonic, clock_type::monotonic_raw,
                                     clock_type::boottime, clock_type::realtime,  clock_type::tai};

/// A machine whose clocks are functions of the counter, of 2.5 GHz.
struct machine {
  static constexpr double rate = 2.5; // ticks per ns
  std::int64_t real_step = 0, boot_step = 0;
  double step_at = 1e18;    // the tick at which REALTIME and BOOTTIME step
  double steer_at = 1e18;   // the tick at which MONOTONIC becomes faster
  double steering = 0;      // by this
  double freeze_at = 1e18;  // the tick at which the machine is suspended
  double freeze = 0;        // for so many ticks, during which MONOTONIC stands still
  takt::perf_clock page;    // unknown: perf is measured
  std::int64_t perf_from = 77'000'000;

  std::int64_t shown(clock_type c, std::uint64_t tick) const {
    const auto t = static_cast<double>(tick);
    const double raw = t / rate;
    const auto ns = [](double x) { return static_cast<std::int64_t>(std::floor(x)); };
    const double frozen = t > freeze_at ? std::min(t - freeze_at, freeze) / rate : 0;
    const std::int64_t mono = ns(raw - frozen + (t > steer_at ? (t - steer_at) / rate * steering : 0));
    const bool stepped = t > step_at;
    switch (c) {
    case clock_type::perf:
      return page.known() ? page.from_ticks(tick_point(tick)).count() : perf_from + ns(raw * (1 + 3e-6));
    case clock_type::monotonic: return mono;
    case clock_type::monotonic_raw: return ns(raw);
    case clock_type::boottime: return mono + 5'000'000'000 + ns(frozen) + (stepped ? boot_step : 0);
    case clock_type::realtime: return mono + ns(frozen) + 1'700'000'000'000'000'000 + (stepped ? real_step : 0);
    case clock_type::tai: return mono + ns(frozen) + 1'700'000'037'000'000'000 + (stepped ? real_step : 0);
    }
    return 0;
  }
  /// A comparison at about a tick: each clock is off by up to the error that its reading states.
  stamp_map::comparison at(std::uint64_t tick, std::mt19937_64& random) const {
    const auto point = [&](clock_type c) {
      const std::uint64_t t = tick + random() % 20'000;
      constexpr std::int64_t half = 30;
      const auto off = static_cast<std::int64_t>(random() % (2 * half - 1)) - (half - 1);
      return takt::clock_point{tick_point(t), std::chrono::nanoseconds(shown(c, t) + off), std::chrono::nanoseconds(half)};
    };
    stamp_map::comparison c;
    c.line = point(clock_type::monotonic);
    c.rate = takt::tick_rate(takt::frequency(2.5e9)), c.ppm = 0.5;
    c.perf = page;
    for (const clock_type k : all_clocks) {
      if (k != clock_type::perf || !page.known()) c.shown[static_cast<std::size_t>(k)] = {point(k), {}};
    }
    return c;
  }
};

constexpr std::uint64_t second = 2'500'000'000, start = 1'000 * second;

stamp_map sampled(const machine& m, int seconds, std::mt19937_64& random) {
  stamp_map map;
  for (int i = 0; i <= seconds; ++i) {
    const std::uint64_t tick = start + static_cast<std::uint64_t>(i) * second;
    const double asleep = static_cast<double>(tick) - m.freeze_at;
    if (asleep > 0 && asleep < m.freeze) continue; // nothing samples then
    std::error_code ec;
    map.add(m.at(tick, random), ec);
    REQUIRE_FALSE(ec);
  }
  return map;
}

/// Checks conversions of all clocks, both ways, at random ticks. Returns: the median of the stated errors.
double check_all(const stamp_map& map, const machine& m, int seconds, std::mt19937_64& random) {
  std::vector<double> errors;
  for (int i = 0; i < 2'000; ++i) {
    const std::uint64_t tick = start + 30'000 + random() % (static_cast<std::uint64_t>(seconds) * second - 60'000);
    for (const clock_type c : all_clocks) {
      CAPTURE(static_cast<int>(c));
      CAPTURE(tick - start);
      std::error_code ec;
      const auto s = map.from_ticks(tick_point(tick), c, ec);
      REQUIRE_FALSE(ec);
      REQUIRE_FALSE(s.extrapolated);
      const std::int64_t truth = m.shown(c, tick);
      REQUIRE(std::abs(s.time.count() - truth) <= s.error.count());
      errors.push_back(static_cast<double>(s.error.count()));

      const auto back = map.to_ticks(std::chrono::nanoseconds(truth), c, ec);
      REQUIRE_FALSE(ec);
      const double off = std::fabs(static_cast<double>((back.at - tick_point(tick)).signed_count())) / machine::rate;
      REQUIRE(off <= static_cast<double>(back.error.count()) + 1);

      const clock_type other = all_clocks[random() % 6];
      const auto o = map.convert(std::chrono::nanoseconds(truth), c, other, ec);
      REQUIRE_FALSE(ec);
      REQUIRE(std::abs(o.time.count() - m.shown(other, tick)) <= o.error.count() + 1);
    }
  }
  std::nth_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2), errors.end());
  return errors[errors.size() / 2];
}

takt::perf_clock page_of(std::uint64_t zero, std::uint32_t multiplier, unsigned shift) {
  takt::linux_os::perf_clock p;
  p.known = p.zero_known = true, p.zero = zero, p.multiplier = multiplier, p.shift = shift;
  return takt::perf_clock(p);
}

} // namespace

TEST_CASE("between the samples every conversion is within its error, on a quiet machine below 300 ns") {
  std::mt19937_64 random(1);
  machine m;
  CHECK(check_all(sampled(m, 20, random), m, 20, random) < 300);
  m.page = page_of(static_cast<std::uint64_t>(-4'000'000'000), 858'993'459, 31);
  CHECK(check_all(sampled(m, 20, random), m, 20, random) < 300);
}

TEST_CASE("steering between two samples is in the error") {
  std::mt19937_64 random(2);
  for (const double steering : {-400e-6, 5e-6, 400e-6}) {
    machine m;
    m.steering = steering;
    m.steer_at = static_cast<double>(start) + 7.3 * static_cast<double>(second);
    check_all(sampled(m, 15, random), m, 15, random);
  }
}

TEST_CASE("where a clock was set or the machine suspended, the size of the step is in the error, and elsewhere it is not") {
  std::mt19937_64 random(3);
  for (const std::int64_t step : {std::int64_t{-3'600'000'000'000}, std::int64_t{-500'000'000}, std::int64_t{800},
                                  std::int64_t{1'000'000'000}, std::int64_t{86'400'000'000'000}}) {
    machine m;
    m.real_step = step, m.boot_step = step > 0 ? step : 0;
    m.step_at = static_cast<double>(start) + 7.3 * static_cast<double>(second);
    const stamp_map map = sampled(m, 15, random);
    check_all(map, m, 15, random);
    std::error_code ec;
    const auto before = map.from_ticks(tick_point(start + 3 * second), clock_type::realtime, ec);
    CHECK(before.error < 300ns);
    const auto back = map.to_ticks(before.time, clock_type::realtime, ec);
    CHECK_FALSE(ec);
    CHECK_FALSE(back.extrapolated); // although a clock that was set back by an hour shows the same an hour later
    if (step != -500'000'000 && step != 800) CHECK(back.error < 600ns);
    const auto within = map.from_ticks(tick_point(start + 7 * second + second / 4), clock_type::realtime, ec);
    CHECK(within.error.count() >= std::abs(step));
  }
}

TEST_CASE("a clock that stood still in suspend showed its time for many ticks") {
  std::mt19937_64 random(11);
  for (const double seconds : {0.3, 4.0, 3.9}) {
    machine m;
    m.freeze = seconds * static_cast<double>(second);
    m.freeze_at = static_cast<double>(start) + 7.3 * static_cast<double>(second);
    const stamp_map map = sampled(m, 15, random);
    check_all(map, m, 15, random);
    std::error_code ec;
    const auto asleep = map.to_ticks(std::chrono::nanoseconds(m.shown(clock_type::monotonic, start + 7 * second + second / 3)),
                                     clock_type::monotonic, ec);
    CHECK_FALSE(ec);
    CHECK(static_cast<double>(asleep.error.count()) >= seconds * 0.5e9);
  }
}

TEST_CASE("a time that was never shown is an error, and one that was shown twice says how far the two are apart") {
  std::mt19937_64 random(4);
  machine m;
  m.step_at = static_cast<double>(start) + 7.3 * static_cast<double>(second);
  m.real_step = 3'600'000'000'000;
  stamp_map map = sampled(m, 15, random);
  std::error_code ec;
  const std::int64_t before = m.shown(clock_type::realtime, start + 5 * second);
  static_cast<void>(map.to_ticks(std::chrono::nanoseconds(before) + 30min, clock_type::realtime, ec));
  CHECK(ec == std::errc::result_out_of_range);
  m.real_step = -4'000'000'000;
  map = sampled(m, 15, random);
  const auto twice = map.to_ticks(std::chrono::nanoseconds(before), clock_type::realtime, ec);
  CHECK_FALSE(ec);
  CHECK(twice.error >= 4s);
  CHECK(twice.error < 4s + 1us);
  CHECK((twice.at - tick_point(start + 9 * second)).signed_count() < 2'500);
}

TEST_CASE("a page of perf that changed holds on each side of the change") {
  std::mt19937_64 random(5);
  machine m;
  const auto first = page_of(1'000, 858'993'459, 31), second_page = page_of(500'001'000, 858'993'470, 31);
  stamp_map map;
  std::error_code ec;
  for (int i = 0; i <= 10; ++i) {
    m.page = i <= 5 ? first : second_page;
    map.add(m.at(start + static_cast<std::uint64_t>(i) * second, random), ec);
    REQUIRE_FALSE(ec);
  }
  const auto at = [&](double seconds) {
    return tick_point(start + static_cast<std::uint64_t>(static_cast<std::int64_t>(seconds * static_cast<double>(second))));
  };
  const auto shown = [&](double s) { return map.from_ticks(at(s), clock_type::perf, ec); };
  CHECK(shown(2).time == first.from_ticks(at(2)));
  CHECK(shown(2).error == 1ns);
  CHECK(shown(8).time == second_page.from_ticks(at(8)));
  CHECK(shown(8).error == 1ns);
  CHECK(shown(5.5).error >= 500ms);
  const auto back = map.to_ticks(first.from_ticks(at(2)), clock_type::perf, ec);
  CHECK(std::abs((back.at - at(2)).signed_count()) <= 3);
  CHECK(back.error <= 2ns);
  CHECK_FALSE(map.from_ticks(at(2), clock_type::perf, ec).extrapolated);
  CHECK(map.from_ticks(at(-1), clock_type::perf, ec).extrapolated);
  CHECK(map.from_ticks(at(-1), clock_type::perf, ec).error == 1ns); // the page holds outside too
}

TEST_CASE("samples close together do not make the error large, and many of them are not one") {
  std::mt19937_64 random(6);
  machine m;
  stamp_map map;
  std::error_code ec;
  std::vector<double> at = {0, 0.0001, 1, 2, 3, 4, 4.0002, 4.0004, 4.3, 4.6, 5, 6, 7, 7.0001};
  for (const double s : at) {
    map.add(m.at(start + static_cast<std::uint64_t>(static_cast<std::int64_t>(s * static_cast<double>(second))), random), ec);
    REQUIRE_FALSE(ec);
  }
  CHECK(map.size() == at.size());
  CHECK(check_all(map, m, 7, random) < 400);
  for (const double s : {0.5, 6.5}) {
    const auto tick = tick_point(start + static_cast<std::uint64_t>(static_cast<std::int64_t>(s * static_cast<double>(second))));
    CHECK(map.from_ticks(tick, clock_type::monotonic_raw, ec).error < 1us);
  }
  // A sample a millisecond for a second after samples a second apart: the last chord does not grow without an end.
  for (int i = 1; i <= 3'000; ++i) {
    map.add(m.at(start + 8 * second + static_cast<std::uint64_t>(i) * second / 1000, random), ec);
    REQUIRE_FALSE(ec);
  }
  m.steer_at = 0;
  const auto late = map.from_ticks(tick_point(start + 10 * second), clock_type::monotonic, ec);
  CHECK(late.error < 1us);
}

TEST_CASE("before the first sample and after the last the error grows, and says so") {
  std::mt19937_64 random(7);
  machine m;
  const stamp_map map = sampled(m, 5, random);
  std::error_code ec;
  for (const clock_type c : all_clocks) {
    const auto s = map.from_ticks(tick_point(start + 65 * second), c, ec);
    CHECK(s.extrapolated);
    CHECK(s.error >= 60ms); // 1000 ppm of a minute
    CHECK(s.error < 70ms);
    CHECK(std::abs(s.time.count() - m.shown(c, start + 65 * second)) <= s.error.count());
    const auto b = map.to_ticks(s.time, c, ec);
    CHECK(b.extrapolated);
    CHECK(std::abs((b.at - tick_point(start + 65 * second)).signed_count()) <= 2.5 * static_cast<double>(b.error.count()));
  }
}

TEST_CASE("what is unknown is an error with the clock's own reason") {
  stamp_map map;
  std::error_code ec;
  static_cast<void>(map.from_ticks(tick_point(5), clock_type::monotonic, ec));
  CHECK(ec == takt::errc::too_few_samples);
  std::mt19937_64 random(8);
  const machine m;
  auto c = m.at(start, random);
  c.shown[0].unknown = std::make_error_code(std::errc::permission_denied);
  map.add(c, ec);
  REQUIRE_FALSE(ec);
  CHECK(map.why(clock_type::perf) == std::errc::permission_denied);
  static_cast<void>(map.convert(5s, clock_type::perf, clock_type::monotonic, ec));
  CHECK(ec == std::errc::permission_denied);
  static_cast<void>(map.convert(5s, clock_type::monotonic, clock_type::perf, ec));
  CHECK(ec == std::errc::permission_denied);
  CHECK_FALSE(map.why(clock_type::tai));
  static_cast<void>(map.from_ticks(tick_point(5), static_cast<clock_type>(6), ec));
  CHECK(ec == std::errc::invalid_argument);
  map.add(m.at(start + second, random), ec); // now perf is known, from here on
  CHECK_FALSE(map.why(clock_type::perf));
  map.add(m.at(start, random), ec);
  CHECK(ec == takt::errc::reference_went_back);
  CHECK(map.size() == 2);
}

TEST_CASE("comparisons that make no sense are refused, and any other gives defined results") {
  std::mt19937_64 random(9);
  const machine m;
  std::error_code ec;
  stamp_map map;
  auto c = m.at(start, random);
  c.rate = {};
  map.add(c, ec);
  CHECK(ec == std::errc::invalid_argument);
  c = m.at(start, random), c.line.half_width = -1ns;
  map.add(c, ec);
  CHECK(ec == std::errc::invalid_argument);
  c = m.at(start, random), c.shown[4].point.reference = std::chrono::nanoseconds::min();
  map.add(c, ec);
  CHECK(ec == std::errc::invalid_argument);
  c = m.at(start, random), c.shown[5].point.at += takt::ticks(4 * second);
  map.add(c, ec);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(map.size() == 0);

  const auto any = [&] { return random() >> random() % 64; };
  for (int i = 0; i < 300; ++i) {
    stamp_map hostile;
    for (int k = 0; k < 6; ++k) {
      stamp_map::comparison h;
      const auto point = [&](std::uint64_t at) {
        const auto reference = static_cast<std::int64_t>(any() >> 3);
        return takt::clock_point{tick_point(at), std::chrono::nanoseconds(random() % 2 == 0 ? reference : -reference),
                                 std::chrono::nanoseconds(static_cast<std::int64_t>(any() >> 4))};
      };
      const std::uint64_t at = any();
      h.line = point(at);
      h.rate = takt::tick_rate(takt::frequency(std::ldexp(1.0, static_cast<int>(random() % 80) - 10)));
      h.ppm = static_cast<double>(random() % 1000) - 10;
      if (random() % 2 == 0)
        h.perf = page_of(any(), static_cast<std::uint32_t>(any()), static_cast<unsigned>(random() % 64));
      for (auto& r : h.shown) {
        if (random() % 4 != 0) r = {point(at + random() % 1000), {}};
      }
      hostile.add(h, ec);
    }
    for (int k = 0; k < 20; ++k) {
      for (const clock_type x : all_clocks) {
        static_cast<void>(hostile.from_ticks(tick_point(any()), x, ec));
        static_cast<void>(hostile.to_ticks(std::chrono::nanoseconds(static_cast<std::int64_t>(random())), x, ec));
        static_cast<void>(hostile.convert(std::chrono::nanoseconds::max(), x, all_clocks[k % 6], ec));
      }
    }
  }
}

TEST_CASE("the number of samples is bounded") {
  std::mt19937_64 random(10);
  const machine m;
  stamp_map map;
  std::error_code ec;
  std::size_t n = 0;
  for (; n < 10'000 && !ec; ++n) map.add(m.at(start + n * second / 1000, random), ec);
  CHECK(ec == std::errc::no_buffer_space);
  CHECK(map.size() == stamp_map::max_samples);
}

TEST_CASE("clocks are found by the names that ftrace, perf and clock_gettime use") {
  CHECK(stamp_map::named("perf") == clock_type::perf);
  CHECK(stamp_map::named("mono") == clock_type::monotonic);
  CHECK(stamp_map::named("monotonic") == clock_type::monotonic);
  CHECK(stamp_map::named("CLOCK_MONOTONIC") == clock_type::monotonic);
  CHECK(stamp_map::named("mono_raw") == clock_type::monotonic_raw);
  CHECK(stamp_map::named("raw") == clock_type::monotonic_raw);
  CHECK(stamp_map::named("CLOCK_MONOTONIC_RAW") == clock_type::monotonic_raw);
  CHECK(stamp_map::named("boot") == clock_type::boottime);
  CHECK(stamp_map::named("CLOCK_REALTIME") == clock_type::realtime);
  CHECK(stamp_map::named("tai") == clock_type::tai);
  for (const char* none : {"", "x86-tsc", "local", "global", "CLOCK_", "CLOCK_perf", "CLOCK_mono", "MONOTONIC", "mono "})
    CHECK_FALSE(stamp_map::named(none));
}

namespace {
struct sampling;
using fake = takt::testing::fake_os<sampling>;
using manual = takt::testing::manual_machine<sampling>;
using manual_clock = takt::basic_tsc_clock<takt::testing::manual_reference<sampling>,
                                           takt::testing::manual_counter<sampling>, fake>;
/// The kernel's clocks go with the hidden time.
void show_clocks() {
  const auto show = [](clockid_t id, std::int64_t ahead) {
    const std::int64_t t = manual::now.time + ahead;
    fake::now.clocks[id] = {{t / 1'000'000'000, t % 1'000'000'000}, 0};
  };
  show(CLOCK_MONOTONIC_RAW, -100'000'000), show(CLOCK_BOOTTIME, 50'000'000'000);
  show(CLOCK_REALTIME, 1'700'000'000'000'000'000), show(CLOCK_TAI, 1'700'000'037'000'000'000);
}
} // namespace

TEST_CASE("a sample reads all clocks; one that cannot be read does not prevent the others") {
  fake::reset();
  manual::reset();
  manual::now.on_read = &show_clocks;
  stamp_map map;
  std::error_code ec;
  map.sample<manual_clock>(ec);
  CHECK(ec == takt::errc::not_calibrated);
  fake::now.files["/sys/devices/system/clocksource/clocksource0/current_clocksource"].value = "tsc\n";
  const auto calibrated = takt::calibrate<manual_clock::reference, manual_clock::counter, fake>(5ms, ec);
  REQUIRE_FALSE(ec);
  manual_clock::install(calibrated, ec);
  REQUIRE_FALSE(ec);
  fake::now.counter.value = false;
  map.sample<manual_clock>(ec);
  CHECK(ec == takt::errc::counter_forbidden);
  fake::now.counter.value = true;
  fake::now.links["/proc/self/ns/time"] = {"time:[4026531834]", 0}; // the first time namespace
  for (int i = 0; i < 4; ++i) {
    map.sample<manual_clock>(ec);
    REQUIRE_FALSE(ec);
    manual::advance(1s);
  }
  CHECK(map.why(clock_type::perf) == std::errc::permission_denied);
  const tick_point now(static_cast<std::uint64_t>(manual::counter()) - 3'000'000'000);
  const std::int64_t time = manual::now.time - 1'200'000'000;
  const auto off = [&](clock_type c, std::int64_t ahead) {
    const auto s = map.from_ticks(now, c, ec);
    CHECK_FALSE(ec);
    CHECK(s.error < 300ns);
    return std::abs(s.time.count() - time - ahead) <= s.error.count() + 1;
  };
  CHECK(off(clock_type::monotonic, 0));
  CHECK(off(clock_type::monotonic_raw, -100'000'000));
  CHECK(off(clock_type::boottime, 50'000'000'000));
  CHECK(off(clock_type::realtime, 1'700'000'000'000'000'000));
  CHECK(off(clock_type::tai, 1'700'000'037'000'000'000));

  // Perf is measured where its page does not say its time.
  fake::now.perf = {{}, 0};
  map.sample<manual_clock>(ec);
  REQUIRE_FALSE(ec);
  CHECK(map.why(clock_type::perf) == std::errc::permission_denied); // of the page faults
  for (int i = 0; i < 4; ++i) {
    fake::now.perf_stamps = {{}, 0};
    const auto tick = static_cast<std::uint64_t>(manual::counter());
    for (std::uint64_t k = 0; k < 40; ++k)
      fake::now.perf_stamps.value.push_back({tick + k * 5000, static_cast<std::uint64_t>(manual::now.time) + 9'000 + k * 2000,
                                             tick + k * 5000 + 1000});
    map.sample<manual_clock>(ec);
    REQUIRE_FALSE(ec);
    manual::advance(1s);
  }
  CHECK_FALSE(map.why(clock_type::perf));
  const auto perf = map.from_ticks(tick_point(static_cast<std::uint64_t>(manual::counter()) - 3'000'000'000), clock_type::perf, ec);
  CHECK(std::abs(perf.time.count() - (manual::now.time - 1'200'000'000 + 9'000)) <= perf.error.count());
  CHECK(perf.error < 2us);
  // By the page.
  stamp_map with_page;
  fake::now.perf.value.zero_known = fake::now.perf.value.known = true;
  fake::now.perf.value.zero = 42, fake::now.perf.value.multiplier = 2, fake::now.perf.value.shift = 2;
  with_page.sample<manual_clock>(ec);
  CHECK(with_page.from_ticks(tick_point(1'000'000), clock_type::perf, ec).time == 500'042ns);
  CHECK_FALSE(ec);

  // In a time namespace the kernel's own times, or none where the offset is hidden.
  fake::now.links["/proc/self/ns/time"] = {"time:[4026532000]", 0};
  fake::now.links["/proc/self/ns/time_for_children"] = {"time:[4026532000]", 0};
  fake::now.files["/proc/self/timens_offsets"].value = "monotonic           1000         0\nboottime           2000         5\n";
  stamp_map inside;
  inside.sample<manual_clock>(ec);
  REQUIRE_FALSE(ec);
  const tick_point at(static_cast<std::uint64_t>(manual::counter()));
  const auto shown = [&](clock_type c) { return inside.from_ticks(at, c, ec).time.count(); };
  CHECK(std::abs(shown(clock_type::monotonic) - (manual::now.time - 1'000'000'000'000)) < 1000);
  CHECK(std::abs(shown(clock_type::boottime) - (manual::now.time + 50'000'000'000 - 2'000'000'000'005)) < 1000);
  CHECK(std::abs(shown(clock_type::realtime) - (manual::now.time + 1'700'000'000'000'000'000)) < 1000);
  fake::now.links["/proc/self/ns/time_for_children"] = {"time:[4026532001]", 0};
  stamp_map hidden;
  hidden.sample<manual_clock>(ec);
  REQUIRE_FALSE(ec);
  CHECK(hidden.why(clock_type::monotonic) == std::errc::not_supported);
  CHECK(hidden.why(clock_type::boottime) == std::errc::not_supported);
  CHECK_FALSE(hidden.why(clock_type::realtime));
  fake::now.clocks[CLOCK_TAI].error = EINVAL;
  manual::now.on_read = nullptr;
  hidden.sample<manual_clock>(ec);
  CHECK_FALSE(ec);
#if TAKT_EXCEPTIONS
  fake::now.counter.value = false;
  CHECK_THROWS_WITH_AS(map.sample<manual_clock>(), doctest::Contains("needs a calibrated clock"), std::system_error);
#endif
}
