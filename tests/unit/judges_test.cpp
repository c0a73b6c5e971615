// Protects: functions that judge clocks take any number: the ends of 64 bits, what lies beside them, and anything else. Under a sanitizer of
// undefined behaviour this test shows that no judgement rests on an overflow; without one, that each ends and keeps what
// it promises of its result.
#include <takt/clock/clock_changes.hpp>
#include <takt/clock/detail/dated_ticks.hpp>
#include <takt/clock/detail/line_register.hpp>
#include <takt/clock/detail/rate_estimate.hpp>
#include <takt/clock/detail/steering.hpp>
#include <takt/clock/tsc_clock.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <system_error>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::clock_point;
using takt::detail::clock_estimate;
using takt::detail::time_line;

/// Numbers as hostile as they come: ends, powers of two and their neighbours, and any.
class hostile {
public:
  std::uint64_t bits() {
    const std::uint64_t one = std::uint64_t{1} << (random_() % 64);
    switch (random_() % 6) {
    case 0: return 0;
    case 1: return one - 1;
    case 2: return one;
    case 3: return ~one;
    case 4: return random_() % 2'000'000'000;
    default: return random_();
    }
  }
  nanoseconds time() { return nanoseconds(static_cast<std::int64_t>(bits())); }
  nanoseconds width() { return nanoseconds(static_cast<std::int64_t>(bits() >> 1)); }
  std::optional<nanoseconds> some_time() {
    if (random_() % 5 == 0) return {};
    return time();
  }
  /// A rate that a counter can have, in ns per tick; its ends are those that calibrations may have.
  double ns_per_tick() {
    constexpr std::array rates{1e-3, 0.385, 0.4, 0.5, 1.0, 40.0, 1e6};
    return rates[random_() % rates.size()];
  }
  double ppm() {
    constexpr std::array ppms{0.0, 1e-6, 0.1, 1e3, 1e9, 1e300, std::numeric_limits<double>::infinity()};
    return ppms[random_() % ppms.size()];
  }
  clock_point point() { return {takt::tick_point(bits()), time(), width()}; }
  clock_estimate estimate() { return {point(), ns_per_tick(), ppm()}; }
  bool yes() { return random_() % 2 == 0; }

private:
  std::mt19937_64 random_{20'261'129};
};

constexpr int often = 20'000;

} // namespace

TEST_CASE("classify() on any readings, expectations and half widths") {
  hostile h;
  for (int i = 0; i < often; ++i) {
    const auto set = [&] {
      takt::detail::clock_readings r{takt::tick_point(h.bits()), h.some_time(), h.some_time(), h.some_time(), h.some_time(), h.time()};
      r.tai = h.some_time();
      return r;
    };
    takt::detail::clock_expectations known;
    if (h.yes()) known.rate = takt::tick_rate(takt::frequency(1e9 / h.ns_per_tick()));
    known.slew_ppm = h.yes() ? h.ppm() : -h.ppm();
    const auto before = set(), after = set();
    const takt::clock_changes found = takt::detail::classify(before, after, known);
    CHECK(found.has(takt::clock_changes::kind::counter_jump) + found.has(takt::clock_changes::kind::disagreement) <= 1);
    if (!known.rate.known()) CHECK(!found.has(takt::clock_changes::kind::counter_jump));
    if (i % 100 == 0) CHECK(!to_string(found).empty());
  }
}

TEST_CASE("segments that follow any other, from any point at any tick, and what is read of them") {
  hostile h;
  for (int i = 0; i < often; ++i) {
    const clock_estimate first = h.estimate();
    const bool steady = h.yes();
    const time_line old = takt::detail::draw_line(nullptr, first, h.bits(), h.time(), steady);
    const time_line next = takt::detail::draw_line(&old, h.estimate(), h.bits(), h.time(), steady);
    for (const time_line& line : {old, next}) {
      const std::uint64_t tick = h.bits();
      static_cast<void>(line.after(tick));
      const std::int64_t now = h.time().count();
      CHECK(line.kernel_path(now, tick) >= now); // never before the reference
      const clock_point p = h.point();
      if (takt::detail::is_renewable(line, p, steady)) {
        const time_line renewed = takt::detail::renewed_line(line, p, h.bits(), steady);
        static_cast<void>(renewed.kernel_path(h.time().count(), h.bits()));
      }
    }
    static_cast<void>(takt::detail::reference_at(first, h.bits()));
  }
}

TEST_CASE("a register of any segments, read and dated at any tick") {
  hostile h;
  for (int i = 0; i < often / 100; ++i) {
    takt::detail::line_register lines;
    const auto counter = [&] { return h.bits(); };
    const auto reference = [&] { return h.time().count(); };
    for (int k = 0; k < 20; ++k) {
      time_line old;
      const bool begins = lines.newest() == 0;
      if (!begins) old = lines.settled<true>(counter, reference);
      const time_line line = takt::detail::draw_line(begins ? nullptr : &old, h.estimate(), h.bits(), h.time(), true);
      CHECK(lines.publish<true>(line, lines.newest(), counter, reference));
      takt::detail::ended_line ended;
      static_cast<void>(lines.read<true>(h.bits(), counter, reference, &ended));
      const auto dated = takt::detail::date_ticks(lines, takt::tick_point(h.bits()));
      CHECK(dated.error >= 0ns);
    }
  }
}

TEST_CASE("estimate_rate() and locate() on any readings in any order") {
  hostile h;
  for (int i = 0; i < often / 40; ++i) {
    std::vector<takt::detail::bracketed_reading> samples(40 + h.bits() % 50);
    std::uint64_t tick = h.bits();
    nanoseconds reference = h.time();
    const bool ordered = h.yes();
    for (auto& s : samples) {
      if (ordered) {
        const std::uint64_t step = h.bits() % 1000, width = h.bits() % 100;
        const nanoseconds later(static_cast<std::int64_t>(h.bits() % 1000));
        if (reference <= nanoseconds::max() - later) reference += later;
        s = {takt::tick_point(tick += step), reference, takt::tick_point(tick += width)};
      } else {
        s = {takt::tick_point(h.bits()), h.time(), takt::tick_point(h.bits())};
      }
    }
    std::error_code ec;
    const auto e = takt::detail::estimate_rate(samples, ec);
    CHECK(e.rate.known() == !ec);
    CHECK(e.uncertainty_ppm >= 0);
    const auto p = takt::detail::locate(samples, takt::tick_rate(takt::frequency(1e9 / h.ns_per_tick())), ec);
    CHECK(p.half_width >= 0ns);
  }
}

TEST_CASE("a clock whose counter and reference show anything: install() and discipline() end, with or without an error") {
  struct tag;
  using machine = takt::testing::manual_machine<tag>;
  using clock = takt::basic_tsc_clock<takt::testing::manual_reference<tag>, takt::testing::manual_counter<tag>,
                                      takt::testing::fake_os<tag>>;
  hostile h;
  machine::reset();
  takt::testing::fake_os<tag>::reset();
  std::error_code ec;
  int kept = 0;
  for (int i = 0; i < 500; ++i) {
    if (i % 10 == 0) {
      machine::reset();
      static_cast<void>(clock::calibrate(1ms, ec));
    }
    takt::detail::rate_estimate e;
    e.rate = takt::tick_rate(takt::frequency(1e9 / h.ns_per_tick())), e.point = h.point(), e.uncertainty_ppm = h.ppm();
    if (h.yes()) e.point.at = machine::now.time != 0 ? clock::counter::read() : takt::tick_point();
    if (h.yes()) e.point.reference = clock::reference::now().time_since_epoch();
    clock::install(takt::tsc_calibration(e, takt::tsc_calibration::origin_kind::measured, 1ms), h.time(), ec);
    machine::bend_counter(1 / h.ns_per_tick(), static_cast<double>(static_cast<std::int64_t>(h.bits() >> 4)));
    machine::bend_reference(1, static_cast<double>(h.bits() >> 4));
    static_cast<void>(clock::discipline(h.time(), ec));
    kept += !ec;
    static_cast<void>(clock::now());
  }
  CHECK(kept > 0);
}
