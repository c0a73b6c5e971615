// Protects: which segment follows, number by number, at each of its limits: a limit that moves by one must fail here.
// The counter has 2 GHz, so that every number is exact.
#include <takt/clock/detail/steering.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::clock_point;
using takt::detail::clock_estimate;
using takt::detail::draw_line;
using takt::detail::tick_scale;
using takt::detail::time_line;
namespace parameters = takt::detail::steering_parameters;

constexpr std::uint64_t ticks_of(nanoseconds t) { return 2 * static_cast<std::uint64_t>(t.count()); }
constexpr std::uint64_t first_tick = 1'000'000;
constexpr std::int64_t first_ns = 5'000'000'000;

/// The knowledge at tick first_tick + t: the reference shows `reference` more than at first_tick.
clock_estimate known(std::uint64_t t, std::int64_t reference, double ns_per_tick = 0.5) {
  return {{takt::tick_point(first_tick + t), nanoseconds(first_ns + reference), 40ns}, ns_per_tick, 0.25};
}
/// The first segment, of that life, exactly right.
time_line exact(nanoseconds life) {
  time_line line = draw_line(nullptr, known(0, 0), first_tick, 0s, true);
  line.life = line.turn = ticks_of(life);
  return line;
}
/// The segment that follows exact(10 min) after a second, where the clock is found `ahead` (with the 2 ns that rounding
/// may cost).
time_line ahead_by(std::int64_t ahead, nanoseconds renewed_every = 0s) {
  const time_line old = exact(10min);
  const std::uint64_t t = ticks_of(1s);
  return draw_line(&old, known(t, 1'000'000'002 - ahead), first_tick + t, renewed_every, true);
}

} // namespace

TEST_CASE("the first segment begins where the clocks stand, and keeps the margin of the order of reads") {
  const time_line line = draw_line(nullptr, known(0, 0), first_tick + 10, 0s, true);
  CHECK(line.base == first_tick + 10);
  CHECK(line.start == first_ns + 5);
  CHECK(line.reference == first_ns + 5);
  CHECK(line.half_width == 40);
  CHECK(line.ppm == 0.25);
  CHECK(line.slope == tick_scale::from(0.5));
  CHECK(line.cruise == line.slope);
  CHECK(line.life == ticks_of(10min));
  CHECK(line.turn == line.life);
  CHECK(line.margin == ticks_of(10us) + 1); // rounded up: a margin that is too small is none
}

TEST_CASE("the reference at a tick is rounded to the nearest nanosecond, before and after the point") {
  const clock_estimate b{{takt::tick_point(1000), 0ns, 0ns}, 0.75, 0};
  const std::int64_t wanted[] = {-3, -2, -2, -1, 0, 1, 2, 2, 3}; // 0.75 times -4 ... 4; halves away from zero
  for (std::uint64_t i = 0; i < 9; ++i) CHECK(takt::detail::reference_at(b, 996 + i) == wanted[i]);
  const clock_estimate low{{takt::tick_point(1000), 0ns, 0ns}, 0.25, 0};
  CHECK(takt::detail::reference_at(low, 1001) == 0);
  CHECK(takt::detail::reference_at(low, 999) == 0);
}

TEST_CASE("the life by the period, at its limits") {
  using takt::detail::life_of_line;
  CHECK(life_of_line(0s) == 10min);
  CHECK(life_of_line(1ns) == 1s + 4ns);
  CHECK(life_of_line(899'750ms - 1ns) == 1h - 4ns);
  CHECK(life_of_line(899'750ms) == 1h);
  CHECK(life_of_line(900s) == 1h);
  CHECK(life_of_line(1h) == 1h); // the longest period that is one
  CHECK(life_of_line(1h + 1ns) == 10min);
  CHECK(life_of_line(nanoseconds::min()) == 10min);
}

TEST_CASE("a clock that is behind or right is set; one that is ahead starts 2 ns above what was shown") {
  for (const std::int64_t behind : {1'000'000, 1, 0}) {
    const time_line line = ahead_by(-behind);
    CHECK(line.start == line.reference);
    CHECK(line.slope == line.cruise);
    CHECK(line.turn == line.life);
  }
  const time_line line = ahead_by(1);
  CHECK(line.start == first_ns + 1'000'000'002); // both sides round down
  CHECK(line.reference == line.start - 1);
  CHECK(line.slope != line.cruise);
}

TEST_CASE("an offset is gone after a second, or after the period, but not faster than 500 ppm") {
  CHECK(ahead_by(1'000).turn == ticks_of(1s));
  CHECK(ahead_by(1'000).slope == tick_scale::from(0.5 * (1 - 1e-6)));
  CHECK(ahead_by(500'000).turn == ticks_of(1s)); // 500 ppm exactly
  CHECK(ahead_by(500'001).turn == ticks_of(1'000'002us));
  CHECK(ahead_by(10'000'000).turn == ticks_of(20s));
  CHECK(ahead_by(10'000'000).slope == tick_scale::from(0.5 * (1 - 500e-6)));
  // The period counts up to a quarter of an hour: a segment of which four periods do not last is not kept.
  CHECK(ahead_by(1'000, 10s).turn == ticks_of(10s));
  CHECK(ahead_by(900, 15min - 1s).turn == ticks_of(15min - 1s));
  CHECK(ahead_by(1'000, 15min).turn == ticks_of(1s));
  CHECK(ahead_by(1'000, 16min).turn == ticks_of(1s));
  CHECK(ahead_by(1'000, -1s).turn == ticks_of(1s));
}

TEST_CASE("after a leap the clock runs at half speed until it is right, whatever is drawn meanwhile") {
  const std::int64_t leap = parameters::leap.count();
  CHECK(ahead_by(leap).slope == tick_scale::from(0.5 * (1 - 500e-6)));
  const time_line half = ahead_by(leap + 1);
  CHECK(half.slope == tick_scale::from(0.25));
  CHECK(half.turn == ticks_of(200'000'002ns));
  // Drawn after it: what is left of the offset is small, and slewed at half speed all the same before the turn,
  // gently after it.
  const auto next = [](const time_line& old, std::uint64_t t, std::int64_t ahead) {
    const std::int64_t shown = old.after(t) + 2;
    const clock_estimate b{{takt::tick_point(old.base + t), nanoseconds(shown - ahead), 40ns}, 0.5, 0.25};
    return draw_line(&old, b, old.base + t, 0s, true);
  };
  CHECK(next(half, half.turn - 1, 1'000).slope == tick_scale::from(0.25));
  CHECK(next(half, half.turn, 1'000).slope == tick_scale::from(0.5 * (1 - 1e-6)));
  CHECK(next(half, half.turn + 1'000, 1'000).slope == tick_scale::from(0.5 * (1 - 1e-6)));
  const time_line gentle = ahead_by(leap); // slewing, but not after a leap
  CHECK(next(gentle, 1'000, 1'000).slope == tick_scale::from(0.5 * (1 - 1e-6)));
  // A segment that is over is no leap either.
  time_line over = half;
  over.life = 1'000;
  CHECK(next(over, 1'000, 1'000).slope != tick_scale::from(0.25));
}

TEST_CASE("a counter so fast that the life does not fit: a quarter of what the scale holds") {
  const time_line line = draw_line(nullptr, known(0, 0, 1e-7), first_tick, 0s, true);
  CHECK(line.life == line.cruise.max() / 4);
  CHECK(line.turn == line.life);
  CHECK(draw_line(nullptr, known(0, 0, 1e-4), first_tick, 0s, true).life == 6'000'000'000'000'000);
}

TEST_CASE("a reference that is not steady is followed, ahead or behind") {
  const time_line old = exact(10min);
  const time_line line = draw_line(&old, known(ticks_of(1s), 0), first_tick + ticks_of(1s), 0s, false);
  CHECK(line.start == line.reference);
  CHECK(line.slope == line.cruise);
}

TEST_CASE("a counter kept its rate up to the jump that two crystals may show, and what the readings leave open") {
  const time_line old = exact(10min);
  // After 11 minutes, 60 + 40 ns open. The counter gained `gained` ns.
  const auto kept = [&](std::int64_t gained) {
    const nanoseconds passed = 11min;
    const clock_point now{takt::tick_point(first_tick + ticks_of(passed) + static_cast<std::uint64_t>(2 * gained)),
                          nanoseconds(first_ns) + passed, 60ns};
    return takt::detail::check_line(old, now).kept_rate;
  };
  const auto most = static_cast<std::int64_t>(660e9 * takt::detail::clock_change_parameters::jump_ppm * 1e-6) + 100;
  for (const std::int64_t gained : {std::int64_t{0}, most - 1, most, -most, 1 - most}) CHECK(kept(gained));
  for (const std::int64_t gained : {most + 1, -most - 1, 2 * most, -2 * most, 20 * most}) CHECK(!kept(gained));
  // Neither a reference that stood still nor one that went back, nor a counter that was reset.
  const auto at = [](std::int64_t t, std::int64_t reference) {
    return clock_point{takt::tick_point(first_tick + static_cast<std::uint64_t>(t)), nanoseconds(first_ns + reference), 60ns};
  };
  CHECK(!takt::detail::check_line(old, at(0, 0)).kept_rate);
  CHECK(!takt::detail::check_line(old, at(-10, -5)).kept_rate);
  CHECK(!takt::detail::check_line(old, at(-10, 5)).kept_rate);
  CHECK(takt::detail::check_line(old, at(2, 1)).kept_rate);
}

TEST_CASE("a reader renews a failed segment when the reference has come up, and one on probation after ten minutes") {
  const auto after = [](const time_line& old, nanoseconds reference, bool steady = true) {
    // The counter leapt by an hour.
    const clock_point now{takt::tick_point(first_tick + ticks_of(1h)), nanoseconds(first_ns) + reference, 60ns};
    return takt::detail::is_renewable(old, now, steady);
  };
  const time_line old = exact(2min);
  CHECK(after(old, 2min));
  CHECK(!after(old, 2min - 1ns));
  CHECK(after(old, 2min - 1ns, false));
  const time_line second = exact(1s); // as long as the reserve: no probation
  CHECK(after(second, 1s));
  const time_line probation = exact(parameters::probation);
  CHECK(after(probation, 10min));
  CHECK(!after(probation, 10min - 1ns));
  CHECK(!after(probation, 10min - 1ns, false));
  CHECK(!after(exact(0s), 2h)); // given up
}

TEST_CASE("what a reader draws: the life, and the rate where it is known better") {
  constexpr std::int64_t second = 1'000'000'000;
  // The old segment has the uncertainty `ppm`; the counter has gained `gained` ns in `passed`; 100 ns are open.
  const auto renewed = [](time_line old, double ppm, std::int64_t passed, std::int64_t gained) {
    old.ppm = ppm;
    const std::uint64_t t = static_cast<std::uint64_t>(2 * (passed + gained));
    const clock_point now{takt::tick_point(first_tick + t), nanoseconds(first_ns + passed), 60ns};
    REQUIRE(takt::detail::is_renewable(old, now, true));
    return takt::detail::renewed_line(old, now, first_tick + t, true);
  };
  CHECK(renewed(exact(1s), 1, 2 * second, 0).life == ticks_of(1s)); // as long as the reserve
  CHECK(renewed(exact(1s - 1ns), 1, 2 * second, 0).life == ticks_of(10min)); // it was probation, and went well
  CHECK(renewed(exact(7s), 1, 8 * second, 0).life == ticks_of(7s));

  const double measured_ppm = 100. / (2 * second) * 1e6; // 0.05
  const auto is_measured = [&](const time_line& line, std::int64_t passed, std::int64_t gained) {
    const double ratio = static_cast<double>(passed) / static_cast<double>(2 * (passed + gained));
    return line.cruise == tick_scale::from(ratio) && line.ppm != 0.01;
  };
  CHECK(is_measured(renewed(exact(1s), measured_ppm, 2 * second, 10), 2 * second, 10)); // as good as what was known
  CHECK(renewed(exact(1s), measured_ppm, 2 * second, 10).ppm == measured_ppm);
  // Worse than what was known, but the two contradict each other: 0.06 ppm, 0.12 ns in 2 s ... 120 ns.
  CHECK(renewed(exact(1s), 0.01, 2 * second, 119).cruise == tick_scale::from(0.5));
  CHECK(renewed(exact(1s), 0.01, 2 * second, 119).ppm == 0.01);
  CHECK(is_measured(renewed(exact(1s), 0.01, 2 * second, 121), 2 * second, 121));
  CHECK(renewed(exact(1s), 0.01, 2 * second, -119).cruise == tick_scale::from(0.5));
  CHECK(is_measured(renewed(exact(1s), 0.01, 2 * second, -121), 2 * second, -121));
  // Over half a second at least.
  CHECK(is_measured(renewed(exact(100ms), 1, second / 2, 10), second / 2, 10));
  CHECK(renewed(exact(100ms), 1, second / 2 - 1, 10).cruise == tick_scale::from(0.5));
  // A counter that failed: probation, and the old rate.
  const time_line failed = renewed(exact(1s), 1, 2 * second, 3600 * second);
  CHECK(failed.life == ticks_of(parameters::probation));
  CHECK(failed.cruise == tick_scale::from(0.5));
}
