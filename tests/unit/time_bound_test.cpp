// Protects: what an interval around UTC is drawn from: each part of its error is in it, it grows as fast as line and
// kernel may part, a leap second widens it for as long as its place is not known, and what is not stated or no longer
// true (a step, a suspend, a daemon without an error) gives no interval, with the right reason.
#include <takt/clock/detail/bound_register.hpp>
#include <takt/clock/detail/time_bound.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>

namespace {

using namespace std::chrono_literals;
using namespace takt::detail;
using std::chrono::nanoseconds;
using status = takt::bounded_time::status_kind;
using reason = takt::bounded_time::reason_kind;
using phase = takt::leap_facts::phase_kind;

constexpr std::int64_t second = 1'000'000'000;
constexpr std::int64_t noon = 1'700'000'000 / 86'400 * 86'400 * second + 43'200 * second;

/// A machine whose clocks all show the same, up to their epochs. Its counter has 2 ticks per ns.
struct machine {
  nanoseconds monotonic = 1000s, raw = 1000s, slept = 0s, real_ahead = nanoseconds(noon) + 500ms - 1000s;
  std::int64_t ticks_ahead = 0;
  timex t{};
  int state = TIME_OK;
  bound_memory memory{};

  machine() { t.tick = 10'000, t.maxerror = 1234, t.esterror = 100, t.status = STA_PLL; }
  void pass(nanoseconds by) { monotonic += by, raw += by; }
  /// As the kernel: the error grows at the turn of each second.
  void pass_and_grow(nanoseconds by) {
    const auto before = (monotonic + real_ahead + slept) / 1s;
    pass(by);
    t.maxerror += 500 * static_cast<long>((monotonic + real_ahead + slept) / 1s - before);
  }
  [[nodiscard]] nanoseconds real() const { return monotonic + slept + real_ahead; }
  [[nodiscard]] bound_reading reading(std::uint64_t segment = 0) const {
    bound_reading r;
    r.answer.values = t, r.answer.state = state;
    r.clocks.counter = takt::tick_point(static_cast<std::uint64_t>(raw.count() * 2 + ticks_ahead));
    r.clocks.monotonic = monotonic, r.clocks.raw = raw;
    r.clocks.boottime = monotonic + slept, r.clocks.realtime = real();
    r.clocks.half_width = 20ns;
    r.segment = segment, r.at = monotonic.count();
    if (segment != 0) r.slope = r.cruise = 0.5;
    return r;
  }
  bound_sample draw(std::uint64_t segment = 0) { return draw_bounds(reading(segment), memory); }
};

nanoseconds error_of(const bound_sample& s) { return s.at_time(s.at).error(); }

} // namespace

TEST_CASE("the error is what the kernel states, the part of its second that has passed, and the readings") {
  machine m; // half a second after the turn
  const bound_sample s = m.draw();
  CHECK(s.status == status::synchronised);
  CHECK(s.reason == reason::stated);
  const takt::bounded_time b = s.at_time(s.at);
  CHECK(b.error() >= 1234us + 1us + 250us + 40ns);
  CHECK(b.error() <= 1234us + 1us + 250us + 50ns);
  CHECK(b.earliest.time_since_epoch() + b.error() - m.real() <= 1ns);
  CHECK(b.latest.time_since_epoch() - b.error() - m.real() <= 1ns);
  CHECK(s.max_age == 10'000'000);

  m.pass(495ms);
  CHECK(error_of(m.draw()) >= 1235us + 497us);
  m.pass(10ms); // the turn, which the kernel may not have acted upon yet
  CHECK(error_of(m.draw()) >= 1235us + 502us);
  m.t.maxerror += 500;
  m.pass(20ms);
  CHECK(error_of(m.draw()) >= 1735us + 12us);
  CHECK(error_of(m.draw()) <= 1735us + 13us);
}

TEST_CASE("the interval grows by 500 ppm, and by what the line is off the kernel's rate") {
  machine m;
  const auto grows = [](const bound_sample& s) { return static_cast<double>(s.growth) * 0x1p-32 * 1e6; };
  CHECK(grows(m.draw()) == doctest::Approx(500).epsilon(1e-6)); // MONOTONIC itself
  const bound_sample s = m.draw();
  const takt::bounded_time now = s.at_time(s.at), later = s.at_time(s.at + 10'000'000);
  CHECK(later.earliest - now.earliest >= 10ms - 5us - 1ns);
  CHECK(later.earliest - now.earliest <= 10ms - 5us + 1ns);
  CHECK(later.latest - now.latest >= 10ms + 5us - 1ns);
  CHECK(later.latest - now.latest <= 10ms + 5us + 1ns);

  SUBCASE("a line whose rate is not known yet: any rate that the kernel can be given, for a millisecond") {
    machine young;
    const bound_sample first = young.draw(1);
    CHECK(grows(first) > 101'000);
    CHECK(first.max_age == 1'000'000);
    young.pass(1ms);
    const bound_sample second_one = young.draw(1);
    // And by what the two readings leave open of the rate: 20 ns each and 2 ns of rounding in 1 ms.
    CHECK(grows(second_one) == doctest::Approx(500 + 42).epsilon(1e-4));
    CHECK(second_one.max_age == 1'000'000);
    young.pass(1s);
    CHECK(young.draw(1).max_age == 10'000'000);
    CHECK(grows(young.draw(1)) < 500.1);
  }
  SUBCASE("a line that slews") {
    m.draw(1);
    m.pass(1s);
    bound_reading r = m.reading(1);
    r.slope = 0.5 * (1 - 300e-6);
    CHECK(grows(draw_bounds(r, m.memory)) == doctest::Approx(800).epsilon(1e-3));
    r.slope = 0.5, r.cruise = 0.5 * (1 + 300e-6); // it will, before the next sample
    CHECK(grows(draw_bounds(r, m.memory)) == doctest::Approx(800).epsilon(1e-3));
    r.cruise = 0.5, r.slope = 0.25; // at half speed, after a jump
    CHECK(grows(draw_bounds(r, m.memory)) > 500'000);
  }
  SUBCASE("a kernel that is steered: its own rate, unless it is further off than any crystal") {
    m.t.freq = 400 * 65'536;
    CHECK(grows(m.draw()) == doctest::Approx(500).epsilon(1e-6));
    m.t.tick = 10'800; // chrony slews
    CHECK(grows(m.draw()) == doctest::Approx(80'400 + 500).epsilon(1e-3));
    m.draw(1);
    m.pass(1s);
    CHECK(grows(m.draw(1)) == doctest::Approx(80'400 + 500).epsilon(1e-3)); // the line does not slew with it
    m.t.tick = 10'000;
    CHECK(grows(m.draw(1)) == doctest::Approx(900).epsilon(1e-3));
  }
}

TEST_CASE("the counter's rate is measured from a reading of the counter on, and anew after it jumped") {
  machine m;
  for (int i = 0; i < 3; ++i) { // CLOCK_MONOTONIC is the line: the counter is not read
    bound_reading r = m.reading();
    r.clocks.counter = takt::tick_point();
    static_cast<void>(draw_bounds(r, m.memory));
    m.pass(1s);
  }
  CHECK(m.draw(1).max_age == 1'000'000);
  m.pass(1s);
  CHECK(m.draw(1).max_age == 10'000'000);
  m.ticks_ahead = 1'000'000'000;
  m.pass(10ms);
  const bound_sample s = m.draw(1);
  CHECK(s.max_age == 1'000'000);
  CHECK(s.status == status::synchronised); // the kernel's clocks did not notice
}

TEST_CASE("a clock that is not synchronised has no bound, a refused adjtimex none, and a changing clock none") {
  machine m;
  m.t.status = STA_UNSYNC;
  m.state = TIME_ERROR;
  bound_sample s = m.draw();
  CHECK(s.status == status::unknown);
  CHECK(s.reason == reason::not_synchronised);
  CHECK(s.at_time(s.at).earliest == takt::bounded_time::time_point::min());
  CHECK(s.at_time(s.at).latest == takt::bounded_time::time_point::max());
  CHECK(s.at_time(s.at).error() == nanoseconds::max());

  bound_reading r = machine().reading();
  r.refused = true;
  s = draw_bounds(r, m.memory);
  CHECK(s.status == status::unknown);
  CHECK(s.reason == reason::unavailable);
  r.refused = false, r.settled = false;
  s = draw_bounds(r, m.memory);
  CHECK(s.status == status::unknown);
  CHECK(s.reason == reason::unsettled);
  CHECK(s.max_age == 0); // the next read tries again
}

TEST_CASE("a daemon that states an error of zero gives no bound, also when the kernel has let it grow") {
  machine m;
  for (const long estimated : {0L, 16'000'000L}) {
    for (const long grown : {0L, 500L, 32'000L}) {
      m.t.maxerror = grown, m.t.esterror = estimated;
      CHECK(m.draw().status == status::unknown);
      CHECK(m.draw().reason == reason::no_error_stated);
    }
  }
  m.t.maxerror = 32'000, m.t.esterror = 17; // chrony, by chance
  CHECK(m.draw().status == status::synchronised);
  m.t.maxerror = 32'001, m.t.esterror = 0;
  CHECK(m.draw().status == status::synchronised);
}

TEST_CASE("holding over: the last bound is extended when the daemon goes, up to the end of the kernel's scale") {
  machine m;
  const nanoseconds stated = error_of(m.draw());
  m.t.status = STA_UNSYNC, m.t.maxerror = m.t.esterror = 16'000'000, m.state = TIME_ERROR;
  m.pass(1000s);
  bound_sample s = m.draw();
  CHECK(s.status == status::holding_over);
  CHECK(s.reason == reason::not_synchronised);
  CHECK(error_of(s) >= stated + 500ms);
  CHECK(error_of(s) <= stated + 501ms);
  // Whatever makes MONOTONIC run at another rate than when the bound was stated is in it.
  m.monotonic += 100us;
  CHECK(error_of(m.draw()) >= stated + 500ms + 100us);
  m.pass(31'100s);
  s = m.draw();
  CHECK(s.status == status::unknown);
  m.t.status = STA_PLL, m.t.maxerror = 777, m.t.esterror = 7, m.state = TIME_OK;
  CHECK(m.draw().status == status::synchronised);
}

TEST_CASE("a step is counted and ends a holdover; what the daemon states after it counts") {
  machine m;
  m.draw();
  m.pass(1ms);
  const std::uint32_t generation = m.draw().generation;
  m.real_ahead -= 3s;
  m.pass(1ms);
  SUBCASE("the daemon has stated an error") {
    m.t.maxerror = 99;
    const bound_sample s = m.draw();
    CHECK(s.status == status::synchronised);
    CHECK(s.generation == generation + 1);
    CHECK(m.draw().generation == generation + 1);
  }
  SUBCASE("the kernel waits for it") {
    m.t.status = STA_UNSYNC, m.t.maxerror = m.t.esterror = 16'000'000, m.state = TIME_ERROR;
    const bound_sample s = m.draw();
    CHECK(s.status == status::unknown);
    CHECK(s.reason == reason::stepped);
    CHECK(s.generation == generation + 1);
    m.pass(1s);
    CHECK(m.draw().reason == reason::stepped);
  }
  SUBCASE("in the middle of a holdover") {
    m.real_ahead += 3s;
    m.t.status = STA_UNSYNC, m.t.maxerror = m.t.esterror = 16'000'000, m.state = TIME_ERROR;
    CHECK(m.draw().status == status::holding_over);
    m.real_ahead += 50us;
    m.pass(1ms);
    CHECK(m.draw().status == status::unknown);
  }
}

TEST_CASE("after a suspend the kernel is believed when the daemon has stated an error, not when the error has grown") {
  machine m;
  m.draw();
  const std::uint32_t generation = m.draw().generation;
  m.slept += 100s;
  m.pass(1ms);
  bound_sample s = m.draw();
  CHECK(s.status == status::unknown);
  CHECK(s.reason == reason::suspended);
  CHECK(s.generation == generation + 1);
  for (int i = 0; i < 10; ++i) {
    m.pass_and_grow(700ms);
    CHECK(m.draw().status == status::unknown);
  }
  CHECK(m.t.maxerror == 1234 + 7 * 500); // the fake kernel did what the real one does
  SUBCASE("less than it was") { m.t.maxerror = 1000; }
  SUBCASE("more, but not as the kernel adds") { m.t.maxerror += 501; }
  s = m.draw();
  CHECK(s.status == status::synchronised);
  m.pass_and_grow(700ms);
  CHECK(m.draw().status == status::synchronised);
}

TEST_CASE("leap seconds: around the moment when the kernel acts the interval has both sides, and no sample spans it") {
  machine m;
  const auto at = [&](nanoseconds after_midnight, phase p) {
    const std::int64_t midnight = noon + 43'200 * second;
    m.real_ahead = nanoseconds(midnight) + after_midnight - m.monotonic;
    m.t.status = STA_PLL | (p == phase::insertion_pending ? STA_INS : p == phase::deletion_pending ? STA_DEL : 0);
    m.state = p == phase::insertion_pending  ? TIME_INS
              : p == phase::deletion_pending ? TIME_DEL
              : p == phase::in_progress      ? TIME_OOP
                                             : TIME_WAIT;
    m.memory = bound_memory();
    return m.draw();
  };
  const auto back = [&](const bound_sample& s) { return m.real() - s.at_time(s.at).earliest.time_since_epoch(); };
  const auto forward = [&](const bound_sample& s) { return s.at_time(s.at).latest.time_since_epoch() - m.real(); };

  for (const nanoseconds when : std::initializer_list<nanoseconds>{-1h, -1s, -30ms - 1ns}) {
    const bound_sample s = at(when, phase::insertion_pending);
    CHECK(s.max_age == 10'000'000);
    CHECK(s.reason == reason::stated);
    CHECK(s.leap == phase::insertion_pending);
    CHECK(back(s) < 3ms);
    CHECK(forward(s) < 3ms);
  }
  CHECK(at(-25ms, phase::insertion_pending).max_age == 5'000'000); // up to 20 ms before
  for (const nanoseconds when : std::initializer_list<nanoseconds>{-20ms, -1ns, 0ns, 19ms}) {
    const bound_sample s = at(when, phase::insertion_pending);
    CAPTURE(when.count());
    CHECK(s.max_age == 0);
    CHECK(s.status == status::synchronised);
    CHECK(s.reason == reason::leap_second);
    CHECK(back(s) > 1s);
    CHECK(forward(s) < 3ms);
  }
  for (const nanoseconds when : std::initializer_list<nanoseconds>{-999ms, -1ns}) { // 23:59:59 for the second time
    const bound_sample s = at(when, phase::in_progress);
    CHECK(s.reason == reason::leap_second);
    CHECK(back(s) < 3ms);
    CHECK(forward(s) > 1s);
  }
  // adjtimex reports the phase after the step, and the kernel has not stepped the clock yet.
  for (const nanoseconds when : std::initializer_list<nanoseconds>{0ns, 19ms}) {
    const bound_sample s = at(when, phase::in_progress);
    CHECK(s.max_age == 0);
    CHECK(back(s) > 1s);
    CHECK(forward(s) > 1s);
    const bound_sample deleted = at(-1s + when, phase::applied);
    CHECK(deleted.max_age == 0);
    CHECK(deleted.reason == reason::leap_second);
    CHECK(back(deleted) < 3ms);
    CHECK(forward(deleted) > 1s);
  }
  // The last second is left out.
  for (const nanoseconds when : std::initializer_list<nanoseconds>{-1s - 20ms, -1s, -1s + 19ms}) {
    const bound_sample s = at(when, phase::deletion_pending);
    CHECK(s.max_age == 0);
    CHECK(back(s) < 3ms);
    CHECK(forward(s) > 1s);
  }
  CHECK(at(-1s - 25ms, phase::deletion_pending).max_age == 5'000'000);
  CHECK(at(-2s, phase::deletion_pending).reason == reason::stated);
  CHECK(at(1ms, phase::applied).reason == reason::stated);
  CHECK(forward(at(1ms, phase::applied)) < 3ms);
  CHECK(forward(at(-1s - 1ms, phase::applied)) < 3ms);
}

TEST_CASE("hostile clocks and statements give no bound, and nothing overflows") {
  for (const nanoseconds real : {nanoseconds::max(), nanoseconds::min(), nanoseconds(std::int64_t{1} << 62)}) {
    machine m;
    bound_reading r = m.reading();
    r.clocks.realtime = real;
    CHECK(draw_bounds(r, m.memory).status == status::unknown);
    r = m.reading();
    r.at = real.count();
    CHECK(draw_bounds(r, m.memory).status == status::unknown);
  }
  for (const long stated : {-1L, 16'000'000L, 20'000'000L, 2'000'000'000L, -2'000'000'000L}) {
    machine m;
    m.t.maxerror = stated;
    CHECK(m.draw().status == status::unknown);
  }
  machine m;
  m.draw(1);
  m.pass(1s);
  m.t.tick = 0, m.t.freq = -(1L << 40);
  bound_reading r = m.reading(1);
  r.slope = 1e300, r.cruise = 0;
  CHECK(draw_bounds(r, m.memory).growth == std::uint64_t{1} << 32);
  CHECK(draw_bounds(m.reading(0), m.memory).growth == std::uint64_t{1} << 32); // 100 times slower than time
  r.clocks.raw = nanoseconds::min(), r.clocks.half_width = 1h;
  CHECK(draw_bounds(r, m.memory).growth <= std::uint64_t{1} << 32);
}

TEST_CASE("the register gives back the newest sample, and a claim to one thread of a process") {
  static constinit bound_register samples;
  bound_sample s;
  CHECK_FALSE(samples.load(s));
  machine m;
  for (int i = 0; i < 10; ++i) {
    bound_memory* const memory = samples.claim(7);
    REQUIRE(memory != nullptr);
    CHECK(samples.claim(7) == nullptr);
    m.pass(1s);
    if (i == 5) m.real_ahead += 1s;
    const bound_sample drawn = draw_bounds(m.reading(3), *memory);
    samples.publish(drawn);
    REQUIRE(samples.load(s));
    CHECK(s.segment == 3);
    CHECK(s.at == drawn.at);
    CHECK(s.lowest == drawn.lowest);
    CHECK(s.highest == drawn.highest);
    CHECK(s.growth == drawn.growth);
    CHECK(s.max_age == drawn.max_age);
    CHECK(s.status == status::synchronised);
    CHECK(s.reason == reason::stated);
    CHECK(s.generation == (i >= 5));
  }
  bound_memory* const left = samples.claim(7);
  REQUIRE(left != nullptr);
  bound_memory* const taken = samples.claim(8); // a child that was forked in the middle
  REQUIRE(taken != nullptr);
  CHECK_FALSE(taken->filled);
  CHECK(taken->generation == 2); // no generation of the parent's readings comes again
}
