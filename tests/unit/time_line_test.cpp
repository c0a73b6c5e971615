// Protects: the promise of tsc_clock: no read gives less than a read before it, whatever line follows whatever line,
// and wherever its writer is stopped; and that a line which is no longer believed gives way to the kernel's clock, not
// to chaos.
#include <takt/clock/detail/line_register.hpp>
#include <takt/clock/detail/steering.hpp>
#include <takt/clock/detail/time_line.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::detail::clock_estimate;
using takt::detail::tick_scale;
using takt::detail::time_line;

/// A counter and a kernel's clock with one hidden time, which every read moves on; and a reader's memory.
struct world {
  double time = 1e9; // ns
  double ticks_per_ns = 2.6, counter_leap = 0;
  std::function<void()> on_counter = [] {}, on_reference = [] {};
  takt::detail::line_register lines;
  std::int64_t max_seen = std::numeric_limits<std::int64_t>::min();

  [[nodiscard]] std::uint64_t count() const { return static_cast<std::uint64_t>(time * ticks_per_ns + counter_leap); }
  std::uint64_t counter() {
    time += 7;
    const auto c = count();
    time += 7;
    on_counter();
    return c;
  }
  std::int64_t reference() {
    on_reference();
    time += 11;
    return static_cast<std::int64_t>(time += 11);
  }
  auto read_counter() {
    return [this] { return counter(); };
  }
  auto read_reference() {
    return [this] { return reference(); };
  }

  void publish(const time_line& line) { CHECK(lines.publish<true>(line, lines.newest(), read_counter(), read_reference())); }
  /// A clock_estimate that says that the reference is `ahead` of the hidden time, and runs `ppm` faster.
  [[nodiscard]] clock_estimate seen(double ahead, double ppm) const {
    return {{takt::tick_point(count()), nanoseconds(static_cast<std::int64_t>(time + ahead)), 20ns},
            (1 + ppm * 1e-6) / ticks_per_ns, 0.1};
  }
  void draw(double ahead, double ppm, nanoseconds renewed_every = 1s) {
    const clock_estimate b = seen(ahead, ppm);
    time_line old;
    const bool first = lines.newest() == 0;
    if (!first) old = lines.settled<true>(read_counter(), read_reference());
    publish(takt::detail::draw_line(first ? nullptr : &old, b, counter(), renewed_every, true));
  }

  /// As basic_tsc_clock::now(). Fails the test if time runs backwards.
  std::int64_t read(bool* fast = nullptr) {
    const std::int64_t before = max_seen; // by reads that were finished when this one began
    const std::uint64_t number = lines.newest();
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    bool quick = false;
    if (number == 0) ns = lines.read<true>(counter(), read_counter(), read_reference());
    else if (quick = lines.try_read(number, read_counter(), c, ns); !quick)
      ns = lines.read<true>(c, read_counter(), read_reference());
    if (number != 0 && !quick && lines.has_turned(c)) lines.publish_turned(c, 1);
    if (fast != nullptr) *fast = quick;
    if (ns < before) FAIL("backwards by ", before - ns);
    max_seen = std::max(max_seen, ns);
    return ns;
  }
};

} // namespace

TEST_CASE("tick_scale is the ratio, rounded down, up to the most it promises") {
  for (const double ratio : {1e-3, 0.1, 0.385182, 0.9999999, 1.0, 1.5, 41.6666666, 1000.0, 123456789.0}) {
    const tick_scale scale = tick_scale::from(ratio);
    for (std::uint64_t t = 1; t <= scale.max(); t = t < scale.max() / 7 ? t * 7 : t + scale.max() / 3) {
      const long double exact = static_cast<long double>(t) * static_cast<long double>(ratio);
      const auto got = static_cast<long double>(scale(t));
      CHECK(got <= exact);
      CHECK(got >= exact - 1 - exact * 0x1p-62L);
    }
    CHECK(scale(0) == 0);
    CHECK(static_cast<long double>(scale.max()) * static_cast<long double>(ratio) < 0x1p63L);
  }
  CHECK(tick_scale::from(0)(1000) == 0);
  CHECK(tick_scale::from(-1) == tick_scale());
  CHECK(tick_scale::from(std::nan("")) == tick_scale());
  CHECK(tick_scale::from(1e300) == tick_scale(std::uint64_t{1} << 32, 0));
}

TEST_CASE("a line turns without a step, and saturates") {
  time_line line;
  line.start = 1000, line.slope = tick_scale::from(0.25), line.cruise = tick_scale::from(0.5), line.turn = 1000, line.life = 5000;
  CHECK(line.after(0) == 1000);
  CHECK(line.after(1000) == 1250);
  CHECK(line.after(1002) == 1251);
  CHECK(line.after(3000) == 2250);
  std::int64_t last = 0;
  for (std::uint64_t t = 0; t < 5000; ++t) {
    CHECK(line.after(t) >= last);
    last = line.after(t);
  }
  CHECK(line.after(~std::uint64_t{0}) == line.after(line.slope.max()));
  CHECK(line.after(~std::uint64_t{0}) > last);
  line.base = 100;
  CHECK(!line.holds_at(99));
  CHECK(line.holds_at(100));
  CHECK(line.holds_at(5099));
  CHECK(!line.holds_at(5100));
}

TEST_CASE("the kernel's path never shows less than the line has, nor less than the kernel, and never runs backwards") {
  time_line line;
  line.slope = line.cruise = tick_scale::from(1);
  line.base = 50, line.turn = line.life = 1'000'000'000, line.reference = 5'000, line.half_width = 20;
  for (const std::int64_t lead : {-500, 0, 500, 2'000'000}) {
    line.start = line.reference + lead;
    const std::int64_t end = line.after(line.life);
    std::int64_t last = 0;
    for (std::int64_t passed = 0; passed < 2'000'000'000; passed += 9'999'999) {
      const std::int64_t now = line.reference + passed;
      const std::int64_t shown = line.kernel_path(now, line.base - 1); // the counter was reset
      CHECK(shown >= now);
      CHECK(shown >= last);
      // The counter may have run 1000 ppm fast against the kernel's clock, as far as the life goes.
      CHECK(shown >= std::min(now + lead + passed / 1024, end));
      CHECK(shown <= std::max(now, end));
      last = shown;
      // The counter is past the line, however it came there: anything up to the end may have been seen.
      CHECK(line.kernel_path(now, line.base + line.life) == std::max(now, end));
      CHECK(line.kernel_path(now, line.base + line.life + 3600'000'000'000) == std::max(now, end));
    }
  }
  CHECK(!line.is_past(line.base - 1));
  CHECK(!line.is_past(line.base));
  CHECK(!line.is_past(line.base + line.life - 1));
  CHECK(line.is_past(line.base + line.life));
  line.life = 0; // not believed: the start is all that was seen
  CHECK(line.is_past(line.base - 1));
  CHECK(line.kernel_path(line.start - 5, line.base - 1) == line.start);
}

TEST_CASE("before the first line the kernel's clock is read; the first line does not fall behind it") {
  world w;
  for (int i = 0; i < 10; ++i) CHECK(std::abs(static_cast<double>(w.read()) - w.time) < 30);
  SUBCASE("a first line that lies below is raised") { w.draw(-1000, 0); }
  SUBCASE("one that lies above is taken as it is") { w.draw(+1000, 0); }
  bool fast = false;
  for (int i = 0; i < 10; ++i) {
    w.read(&fast);
    CHECK(fast);
  }
  CHECK(static_cast<double>(w.read()) > w.time - 30);
}

TEST_CASE("a first reading of the kernel's clock that is cold does not move the first line") {
  world w;
  bool cold = true;
  w.on_reference = [&] { w.time += cold ? 150 : 0, cold = false; }; // less than a disturbed reading takes
  w.draw(0, 0);
  REQUIRE(!cold);
  // Ahead by what lies between a warm reading of the counter and one of the kernel's clock, and what the test's lie apart.
  CHECK(static_cast<double>(w.read()) - w.time < 40);
}

TEST_CASE("fast and slow path give the same") {
  world w;
  w.draw(0, 0);
  for (const double step : {0.0, 1.0, 100.0, 1e6, 1e8}) {
    w.time += step;
    const std::uint64_t c = w.count();
    std::uint64_t read = 0;
    std::int64_t fast = 0;
    REQUIRE(w.lines.try_read(w.lines.newest(), [&] { return c; }, read, fast));
    CHECK(read == c);
    CHECK(w.lines.read<true>(c, w.read_counter(), w.read_reference()) == fast);
  }
}

TEST_CASE("a clock that is behind is right at once; one that is ahead works it off, at the named rate, and is right then") {
  using namespace takt::detail::steering_parameters;
  for (const double off : {-1e9, -1e6, -1e3, -10.0, 10.0, 1e3, 400e3, 1e6, 50e6, 150e6, 3e9}) {
    world w;
    w.draw(0, 0, 0s);
    w.time += 1e8;
    w.read();
    const clock_estimate b = w.seen(-off, 0); // the clock is ahead by `off`
    time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
    const std::uint64_t base = w.counter();
    const time_line line = takt::detail::draw_line(&old, b, base, 0s, true);
    const std::int64_t lead = old.after(base - old.base) - takt::detail::reference_at(b, base);
    CHECK(std::abs(static_cast<double>(lead) - off) < 60); // the first line began above the clock by its bracket
    if (lead + 2 <= 0) {
      CHECK(line.start == takt::detail::reference_at(b, base));
      CHECK(line.turn == line.life);
      CHECK(line.slope == line.cruise);
    } else {
      CHECK(line.start == old.after(base - old.base) + 2);
      const double turn_ns = static_cast<double>(line.turn) * b.ns_per_tick;
      const double rate = 1 - static_cast<double>(line.slope(line.turn)) / static_cast<double>(line.cruise(line.turn));
      if (lead > leap.count()) CHECK(rate == doctest::Approx(steep_rate));
      else CHECK(rate <= gentle_rate * 1.0001);
      CHECK(turn_ns >= (lead > leap.count() ? 2.0 * static_cast<double>(lead) : 0.999 * static_cast<double>(settling.count())));
      const auto at_turn = static_cast<double>(line.after(line.turn));
      CHECK(std::abs(at_turn - (static_cast<double>(b.point.reference.count()) +
                                static_cast<double>((takt::tick_point(base + line.turn) - b.point.at).count()) * b.ns_per_tick)) < 4);
    }
    w.publish(line);
    for (int i = 0; i < 50; ++i) w.read(), w.time += i < 25 ? 10 : 1e7;
  }
}

TEST_CASE("after a leap the clock is right soon, however often segments are drawn meanwhile") {
  for (const nanoseconds every : {nanoseconds(100ms), nanoseconds(1s)}) {
    world w;
    w.draw(0, 0, every);
    w.time += 1e6;
    w.draw(-1.4e9, 0, every); // the clock is ahead by 1.4 s
    const double start = w.time;
    // At half speed that takes 2.8 s, and the draw that follows sees it.
    while (w.time < start + 2.8e9 + static_cast<double>(every.count())) {
      w.time += static_cast<double>(every.count());
      w.draw(-1.4e9, 0, every);
    }
    CHECK(std::abs(static_cast<double>(w.read()) - (w.time - 1.4e9)) < 1e3);
  }
}

TEST_CASE("a clock that is exactly right goes on as it should") {
  time_line old;
  old.base = 1000, old.start = 5000, old.slope = old.cruise = tick_scale::from(1), old.turn = old.life = 1'000'000;
  const clock_estimate b{{takt::tick_point(2000), 6002ns, 20ns}, 1, 0.1}; // 2 ns are what lines lose by rounding
  const time_line line = takt::detail::draw_line(&old, b, 2000, 0s, true);
  CHECK(line.start == 6002);
  CHECK(line.slope == line.cruise);
  CHECK(line.turn == line.life);
}

TEST_CASE("the fast path reaches until the next line is due, even during a slew") {
  for (const nanoseconds every : {nanoseconds(1ms), nanoseconds(1s), nanoseconds(60s)}) {
    world w;
    w.draw(0, 0, every);
    w.time += 1e6;
    w.draw(-50, 0, every); // ahead
    bool fast = false;
    w.time += static_cast<double>(every.count()) * 0.99;
    w.read(&fast);
    CHECK(fast);
    w.time += static_cast<double>(every.count()) * 0.02; // a keeper that is late: by the second half, on the slow path
    CHECK(std::abs(static_cast<double>(w.read(&fast)) - w.time) < 60);
    CHECK(!fast);
  }
}

TEST_CASE("a slew that is over: a reader opens the fast path to the rest of the segment, which stays the same") {
  world w;
  w.draw(0, 0, 0s);
  w.time += 1e9;
  w.draw(-50, 0, 0s); // ahead: it slews for a second of its ten minutes
  const double begin = w.time;
  const std::uint64_t slewing = w.lines.newest();
  const time_line line = w.lines.settled<true>(w.read_counter(), w.read_reference());
  REQUIRE(line.turn < line.life);
  bool fast = false;
  w.time = begin + 1.49e9; // a keeper may still come
  w.read(&fast);
  CHECK(!fast);
  CHECK(w.lines.newest() == slewing);
  w.time = begin + 1.51e9;
  w.read(&fast);
  CHECK(!fast);
  CHECK(w.lines.newest() == slewing + 1);
  CHECK(!w.lines.is_unfinished());
  for (int i = 0; i < 100; ++i) {
    w.time += 5e9;
    w.read(&fast);
    CHECK(fast);
  }
  CHECK(w.lines.newest() == slewing + 1); // once

  time_line again;
  bool decided = false;
  std::uint64_t previous = 0;
  REQUIRE(w.lines.get(slewing + 1, again, decided, previous));
  CHECK(decided);
  CHECK(previous == slewing);
  CHECK(again.base == line.base);
  CHECK(again.start == line.start);
  CHECK(again.slope == line.slope);
  CHECK(again.cruise == line.cruise);
  CHECK(again.turn == line.turn);
  CHECK(again.life == line.life);
  CHECK(again.reference == line.reference);
  CHECK(again.half_width == line.half_width);
  // Also for a reader that was stopped since before the turn.
  const std::uint64_t step = line.turn / 10, last = line.life - 1;
  for (const std::uint64_t since : {std::uint64_t{0}, step, line.turn - 1, line.turn, line.turn + 1, 20 * step, last}) {
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    const bool quick = w.lines.try_read(slewing + 1, [&] { return line.base + since; }, c, ns);
    CHECK(quick == (since >= line.turn));
    if (quick) CHECK(ns == line.after(since));
    CHECK(w.lines.read<true>(c, w.read_counter(), w.read_reference()) == line.after(since));
  }
}

TEST_CASE("the rest of a segment is not published while its start is open, nor after another segment") {
  world w;
  w.draw(0, 0, 0s);
  w.time += 1e9;
  const time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
  const time_line line = takt::detail::draw_line(&old, w.seen(-50, 0), w.counter(), 0s, true);
  const std::uint64_t late = line.base + line.turn * 2;
  bool open = false;
  const auto counter = [&] { // the publisher reads the counter between its second step and the third
    open = w.lines.newest() == 2;
    CHECK(w.lines.has_turned(late));
    w.lines.publish_turned(late, 1);
    CHECK(w.lines.newest() == 2);
    return w.counter();
  };
  REQUIRE(w.lines.publish<true>(line, 1, counter, w.read_reference()));
  CHECK(open);
  w.time += 2e9;
  w.draw(0, 0, 0s);
  const std::uint64_t next = w.lines.newest();
  w.lines.publish_turned(late, 1);
  CHECK(w.lines.newest() == next);
}

TEST_CASE("how long a line is believed") {
  using namespace takt::detail::steering_parameters;
  CHECK(takt::detail::life_of_line(0s) == untended_life);
  CHECK(takt::detail::life_of_line(-1s) == untended_life);
  CHECK(takt::detail::life_of_line(1s) == 5s);
  CHECK(takt::detail::life_of_line(nanoseconds::max()) == untended_life);
  CHECK(takt::detail::life_of_line(10min) == 40min + 1s);
  CHECK(takt::detail::life_of_line(59min) == longest_life);
  CHECK(takt::detail::life_of_line(61min) == untended_life);

  world w;
  w.draw(0, 0, 1s);
  bool fast = false;
  w.time += 4.99e9;
  w.read(&fast);
  CHECK(fast);
  w.time += 0.02e9; // a keeper that died
  const std::int64_t shown = w.read(&fast);
  CHECK(!fast);
  CHECK(std::abs(static_cast<double>(shown) - w.time) < 100);
  for (int i = 0; i < 100; ++i) w.read(), w.time += 1e7;
  w.draw(0, 0, 1s); // one that came back
  for (int i = 0; i < 10; ++i) {
    w.read(&fast);
    CHECK(fast);
    w.time += 1e7;
  }
}

TEST_CASE("a counter that is reset: the kernel's path, and a line again after the next correction") {
  for (const double leap : {-1e9, -2.6e9}) {
    world w;
    w.draw(30, 0, 0s);
    for (int i = 0; i < 100; ++i) w.read(), w.time += 1e6;
    w.counter_leap = leap;
    bool fast = true;
    for (int i = 0; i < 100; ++i) {
      const std::int64_t shown = w.read(&fast);
      CHECK(!fast);
      CHECK(static_cast<double>(shown) > w.time - 30);
      CHECK(static_cast<double>(shown) < w.time + 300e3); // at most 1000 ppm of what passed since the line began
      w.time += 1e6;
    }
    w.draw(0, 0, 0s);
    for (int i = 0; i < 100; ++i) {
      w.read(&fast);
      CHECK(fast);
      w.time += 1e6;
    }
    w.time += 3e9;
    CHECK(std::abs(static_cast<double>(w.read()) - w.time) < 50); // the slew is over
  }
}

TEST_CASE("a counter that leaps, within the life or past it: no read goes back, neither when the life ends nor after a correction") {
  const double life = 5e9; // of a line that is renewed every second
  for (const double leap : {0.1, 0.5, 0.9, 0.9999, 1.0, 1.5, 720.0}) {
    for (const bool seen : {true, false}) {
      for (const double corrected_after : {0.0, 0.3, 0.7, 2.0}) {
        world w;
        w.draw(30, 0, 1s);
        for (int i = 0; i < 10; ++i) w.read(), w.time += 1e6;
        w.counter_leap = leap * life * w.ticks_per_ns;
        // Readers that see the whole line after the leap, up to its end; or none before the counter is past it.
        const double begin = w.time;
        for (int i = 0; i < 100; ++i) {
          if (seen) w.read();
          w.time += corrected_after * life / 100;
        }
        w.read();
        w.draw(0, 0, 1s);
        bool fast = false;
        for (int i = 0; i < 500; ++i) {
          const std::int64_t shown = w.read(&fast);
          CHECK(static_cast<double>(shown) > w.time - 30);
          CHECK(static_cast<double>(shown) < w.time + life); // however far it leapt
          w.time += life / 100;
          if (i % 20 == 19) w.draw(0, 0, 1s);
        }
        CHECK(fast);
        CHECK(w.time - begin > 2 * life);
        CHECK(std::abs(static_cast<double>(w.read()) - w.time) < 100);
      }
    }
  }
}

TEST_CASE("a reader at the end of a line that still was, a decider who is there already: the next line is not below either") {
  for (int late = -200; late < 200; ++late) {
    world w;
    w.draw(0, 0, 1ms); // a life of 1.004 s
    w.read();
    w.time += 1e9;
    w.counter_leap = 3e6 * w.ticks_per_ns; // ahead by 3 ms: the line is nearly at its end
    const time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
    w.time += std::floor(static_cast<double>(old.base + old.life - w.count()) / w.ticks_per_ns) + late;
    for (int i = 0; i < 10; ++i) w.read();
    w.draw(0, 0, 1ms);
    for (int i = 0; i < 10; ++i) w.read();
  }
}

TEST_CASE("a reader whose counter is a little behind the writer's sees the beginning of the line") {
  world w;
  w.draw(0, 0);
  w.draw(-50'000, 0);
  const std::int64_t start = w.lines.settled<true>(w.read_counter(), w.read_reference()).start;
  w.counter_leap = -5000;
  CHECK(w.read() == start);
  w.counter_leap = -30'000; // more than order_margin: no counter of one machine
  CHECK(w.read() > start);
}

TEST_CASE("a line that is not trusted is the kernel's path without a step back") {
  world w;
  w.draw(400, 0, 0s);
  w.time += 1e6;
  w.read();
  time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
  time_line line = takt::detail::draw_line(&old, w.seen(0, 0), w.counter(), 0s, true);
  line.life = 0;
  w.publish(line);
  bool fast = true;
  for (int i = 0; i < 1000; ++i) {
    w.read(&fast);
    CHECK(!fast);
    w.time += 10;
  }
  w.time += 1e6;
  CHECK(std::abs(static_cast<double>(w.read()) - w.time) < 30);
}

TEST_CASE("a reader on the kernel's path that was stopped while a line began: it does not get ahead of the line") {
  world w;
  SUBCASE("of which there was none") {}
  SUBCASE("of which the last has died") {
    w.draw(0, 0, 1ms);
    w.time += 1e10; // it was not renewed
  }
  bool once = true;
  w.on_reference = [&] {
    if (!once) return;
    once = false;
    w.draw(0, -900); // falls behind by 900 us every second
    w.time += 1e9;
  };
  w.read();
  CHECK(!once);
  w.read();
}

TEST_CASE("the last 63 lines are kept; what is overwritten is not taken for what it was") {
  world w;
  std::vector<time_line> drawn(1);
  for (int i = 1; i <= 200; ++i) {
    w.draw(i % 3 - 1, i % 7 - 3);
    drawn.push_back(w.lines.settled<true>(w.read_counter(), w.read_reference()));
    w.time += 1e4;
    const std::uint64_t newest = w.lines.newest();
    CHECK(newest == static_cast<std::uint64_t>(i));
    for (std::uint64_t n = 1; n <= newest; ++n) {
      time_line line;
      bool decided = false;
      const bool kept = w.lines.get(n, line, decided);
      CHECK(kept == (newest - n < takt::detail::line_register::kept));
      if (!kept) continue;
      CHECK(decided);
      CHECK(line.base == drawn[n].base);
      CHECK(line.start == drawn[n].start);
    }
    // A reader that took its number long ago
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    if (newest > 1) CHECK(!w.lines.try_read(newest - 1, w.read_counter(), c, ns));
    if (newest > 64) CHECK(!w.lines.try_read(newest - 64, w.read_counter(), c, ns));
  }
}

TEST_CASE("no read goes back, whatever follows whatever, with the writer stopped for any time and readers meanwhile") {
  std::mt19937_64 random(42);
  const auto uniform = [&](double from, double to) { return std::uniform_real_distribution<double>(from, to)(random); };
  for (int trial = 0; trial < 3000; ++trial) {
    world w;
    if (trial % 4 == 1) w.ticks_per_ns = 0.024;
    if (trial % 4 == 2) w.ticks_per_ns = 1;
    bool inside = false;
    w.on_counter = [&] {
      // The writer, or a reader that decides, has just read its counter and is stopped; others read.
      if (inside || random() % 4 != 0) return;
      inside = true;
      for (auto n = random() % 4; n > 0; --n) {
        w.read();
        w.time += random() % 8 == 0 ? uniform(0, 1e7) : uniform(0, 100);
      }
      inside = false;
    };
    for (int step = 0; step < 40; ++step) {
      const double scale = std::pow(10, uniform(0, 6));
      const double ppm = std::pow(10, uniform(-3, 3)) * (random() % 2 == 0 ? 1 : -1);
      const double max_late = w.ticks_per_ns * takt::detail::order_margin_ns;
      time_line old;
      bool known = false;
      if (w.lines.newest() != 0) known = w.lines.get(w.lines.newest(), old, known) && known;
      w.draw(uniform(-scale, scale), ppm, random() % 2 == 0 ? nanoseconds(1ms) : nanoseconds(0));
      // A reader whose processor had the counter read in flight: still on the old line, as late as the margin allows.
      if (known) {
        const std::uint64_t base = w.lines.settled<true>(w.read_counter(), w.read_reference()).base;
        const auto late = base + static_cast<std::uint64_t>(uniform(0, max_late));
        if (old.holds_at(late) && w.count() >= late) {
          const std::int64_t stale = old.after(late - old.base);
          const time_line now = w.lines.settled<true>(w.read_counter(), w.read_reference());
          CHECK(now.after(late - now.base) >= stale);
        }
      }
      for (auto n = random() % 6; n > 0; --n) {
        w.read();
        w.time += random() % 3 == 0 ? uniform(0, 1e6) : uniform(0, 50);
      }
    }
  }
}

TEST_CASE("a writer that is stopped in the middle: readers do not wait, and a successor goes on") {
  // The writer's thread stays in its first read of the counter after the new line became visible.
  world w;
  w.draw(1000, 0);
  w.time += 1e5;
  w.read();
  time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
  const time_line line = takt::detail::draw_line(&old, w.seen(0, -400), w.counter(), 0s, true);
  const std::uint64_t number = w.lines.newest() + 1;
  std::atomic<bool> stopped{false}, released{false};
  std::thread writer([&] {
    const auto counter = [&] {
      stopped = true;
      while (!released) std::this_thread::yield();
      return line.base;
    };
    w.lines.publish<true>(line, number - 1, counter, [&] { return line.reference; });
  });
  while (!stopped) std::this_thread::yield();
  CHECK(w.lines.newest() == number);
  time_line seen;
  bool decided = true;
  REQUIRE(w.lines.get(number, seen, decided));
  CHECK(!decided);
  bool fast = true;
  SUBCASE("readers alone") {
    for (int i = 0; i < 1000; ++i) w.read(), w.time += 1e4;
    REQUIRE(w.lines.get(number, seen, decided));
    CHECK(decided); // the first of them did it
    w.read(&fast);
    CHECK(!fast); // the fast path is not open yet
  }
  SUBCASE("a successor, as in a forked child") {
    w.draw(-500, 100);
    for (int i = 0; i < 1000; ++i) w.read(&fast), w.time += 1e4;
    CHECK(fast);
  }
  released = true;
  writer.join();
  for (int i = 0; i < 1000; ++i) w.read(&fast), w.time += 1e4;
  CHECK(fast);
}

TEST_CASE("many readers and a writer that never rests, on a counter that all share") {
  // Every read of the counter is a place in one order; the order of the stamps must be the same.
  struct shared {
    takt::detail::line_register lines;
    std::atomic<std::uint64_t> count{1'000'000'000};
    std::atomic<std::int64_t> handed{0};
    std::atomic<bool> done{false};
    std::atomic<int> backwards{0};
  };
  const auto s = std::make_unique<shared>();
  const auto counter = [&] { return s->count.fetch_add(1); };
  const auto reference = [&] { return static_cast<std::int64_t>(s->count.load()) * 10; };
  const auto read = [&] {
    const std::uint64_t number = s->lines.newest();
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    if (number == 0) return s->lines.read<true>(counter(), counter, reference);
    if (s->lines.try_read(number, counter, c, ns)) return ns;
    return s->lines.read<true>(c, counter, reference);
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (int n = 0; n < 100'000 || s->lines.newest() < 100; ++n) {
        std::int64_t before = s->handed.load();
        const std::int64_t now = read();
        if (now < before) ++s->backwards;
        while (before < now && !s->handed.compare_exchange_weak(before, now)) {}
      }
    });
  }
  std::thread writer([&] {
    std::mt19937_64 random(7);
    while (!s->done) {
      const std::uint64_t base = counter();
      const auto off = static_cast<std::int64_t>(random() % 2001) - 1000;
      const double ppm = static_cast<double>(random() % 2001) - 1000;
      const clock_estimate b{{takt::tick_point(base), nanoseconds(static_cast<std::int64_t>(base) * 10 + off), 1ns}, 10 * (1 + ppm * 1e-6), 1};
      time_line old;
      const bool first = s->lines.newest() == 0;
      if (!first) old = s->lines.settled<true>(counter, reference);
      CHECK(s->lines.publish<true>(takt::detail::draw_line(first ? nullptr : &old, b, base, 1ms, true), s->lines.newest(),
                                   counter, reference));
    }
  });
  for (auto& r : readers) r.join();
  s->done = true;
  writer.join();
  CHECK(s->backwards == 0);
}

TEST_CASE("a publisher that was stopped keeps its record: others leave the record out, and the segments stay in one order") {
  world w;
  w.draw(0, 0);
  std::atomic<bool> stopped{false}, released{false};
  const time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
  const time_line line = takt::detail::draw_line(&old, w.seen(0, 0), w.counter(), 0s, true);
  std::thread publisher([&] {
    const auto counter = [&] {
      stopped = true;
      while (!released) std::this_thread::yield();
      return line.base;
    };
    CHECK(w.lines.publish<true>(line, 1, counter, [&] { return line.reference; }));
  });
  while (!stopped) std::this_thread::yield();
  constexpr std::uint64_t size = takt::detail::line_register::size, stopped_at = 2;
  std::vector<std::uint64_t> numbers{1, stopped_at};
  for (int i = 0; i < 3 * static_cast<int>(size); ++i) {
    w.read();
    w.time += 1e4;
    w.draw(i % 3 - 1, i % 7 - 3);
    CHECK(w.lines.newest() % size != stopped_at);
    numbers.push_back(w.lines.newest());
    time_line seen;
    bool decided = false;
    std::uint64_t previous = 0;
    for (std::size_t back = 1; back < 50 && back < numbers.size(); ++back) {
      REQUIRE(w.lines.get(numbers[numbers.size() - back], seen, decided, previous));
      CHECK(decided);
      CHECK(previous == numbers[numbers.size() - back - 1]);
    }
  }
  CHECK(numbers.back() == numbers.size() + 3); // the record was left out three times
  released = true;
  publisher.join();
  bool fast = false;
  w.read(&fast);
  CHECK(fast);
  for (int i = 0; i < 100; ++i) w.draw(0, 0), w.read();
  CHECK(w.lines.newest() == numbers.back() + 100); // and is used again
}

TEST_CASE("a process takes over the claim that it inherited, and none that may be of another of its threads") {
  constexpr auto uncounted = takt::detail::line_record::uncounted;
  const auto taken = [](std::uint32_t holder, std::uint32_t process) {
    takt::detail::line_record r;
    r.claimed = holder;
    return r.claim(process) && r.claimed == process;
  };
  CHECK(taken(0, 1));
  CHECK(taken(0, uncounted));
  CHECK(taken(1, 2));
  CHECK(taken(1, uncounted)); // a child that has not counted yet, of a process that has
  CHECK_FALSE(taken(1, 1));
  CHECK_FALSE(taken(uncounted, uncounted));
  CHECK_FALSE(taken(uncounted, 1)); // a thread of this process counted while another had the claim
}

TEST_CASE("a child that was forked in the middle of a publication: nothing stays claimed or slow") {
  constexpr std::uint32_t parent = 1, child = 2;
  // Checks the claims in the child. Returns: the number of the first claim that does not, 0 if all do.
  const auto claims = [](world& w, bool decided, bool reads) {
    bool fast = true;
    if (w.lines.newest() != 2 || !w.lines.is_unfinished()) return 1;
    if (decided) {
      w.read(&fast);
      // In the parent the publisher goes on at some time, so nothing is finished for it.
      w.lines.finish_inherited(parent);
      if (fast || !w.lines.is_unfinished()) return 2;
      w.read(&fast);
      if (fast) return 3;
    }
    if (reads) {
      w.lines.finish_inherited(child);
      w.read(&fast);
      if (fast != decided) return 4; // the fast path stays closed as long as the start is open
      w.lines.finish_inherited(child);
      w.read(&fast);
      if (!fast || w.lines.is_unfinished()) return 8;
    }
    // No record is lost to publishers, also when its turn comes again.
    std::uint64_t number = w.lines.newest();
    for (int i = 0; i < 200; ++i) {
      const time_line newest = w.lines.settled<true>(w.read_counter(), w.read_reference());
      const time_line next = takt::detail::draw_line(&newest, w.seen(i % 3 - 1, 0), w.counter(), 1s, true);
      if (!w.lines.publish<true>(next, number, w.read_counter(), w.read_reference(), child)) return 5;
      if (w.lines.newest() != ++number || w.lines.is_unfinished()) return 6;
      w.read(&fast);
      if (!fast) return 7;
    }
    return 0;
  };
  for (const bool decided : {false, true}) {
    for (const bool reads : {false, true}) { // the child: or else it publishes
      CAPTURE(decided);
      CAPTURE(reads);
      world w;
      w.draw(0, 0);
      const time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
      const time_line line = takt::detail::draw_line(&old, w.seen(0, 0), w.counter(), 1s, true);
      bool forked = false;
      int failed = -1;
      const auto fork_here = [&] { // the publisher reads the counter between its second step and the third
        if (std::exchange(forked, true)) return w.counter();
        const pid_t process = fork();
        if (process == 0) _exit(claims(w, decided, reads));
        int status = 0;
        if (waitpid(process, &status, 0) == process && WIFEXITED(status)) failed = WEXITSTATUS(status);
        return w.counter();
      };
      CHECK(w.lines.publish<true>(line, 1, fork_here, w.read_reference(), parent));
      CHECK(failed == 0);
      CHECK(!w.lines.is_unfinished());
    }
  }
}

TEST_CASE("a segment that was drawn after another one than the newest is not published") {
  world w;
  w.draw(0, 0);
  const time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
  const time_line line = takt::detail::draw_line(&old, w.seen(0, 0), w.counter(), 0s, true);
  w.draw(0, 0);
  CHECK(!w.lines.publish<true>(line, 1, w.read_counter(), w.read_reference()));
  CHECK(w.lines.newest() == 2);
  for (int i = 0; i < 100; ++i) w.draw(0, 0), w.read();
  CHECK(!w.lines.publish<true>(line, 1, w.read_counter(), w.read_reference())); // its place is long in use
  CHECK(w.lines.newest() == 102);
  bool fast = false;
  w.read(&fast);
  CHECK(fast);
}

TEST_CASE("many readers that renew segments of a few microseconds, and a writer now and then, on a counter that all share") {
  struct shared {
    takt::detail::line_register lines;
    std::atomic<std::uint64_t> count{1'000'000'000};
    std::atomic<std::int64_t> handed{0};
    std::atomic<int> backwards{0}, renewed{0}, turned{0};
  };
  const auto s = std::make_unique<shared>();
  const auto counter = [&] { return s->count.fetch_add(1); };
  const auto reference = [&] { return static_cast<std::int64_t>(s->count.load()) * 10; };
  constexpr std::uint64_t life = 500, turn = 100;
  const auto point = [&] {
    const std::uint64_t c = s->count.load();
    return takt::clock_point{takt::tick_point(c), nanoseconds(static_cast<std::int64_t>(c) * 10), 1ns};
  };
  const auto draw = [&](double ppm) {
    time_line old;
    std::uint64_t number = s->lines.newest();
    const bool first = number == 0;
    if (!first) old = s->lines.settled<true>(number, counter, reference);
    time_line line = takt::detail::draw_line(first ? nullptr : &old, {point(), 10 * (1 + ppm * 1e-6), 1}, counter(), 1ms, true);
    line.life = life, line.turn = std::min(line.turn, turn);
    static_cast<void>(s->lines.publish<true>(line, number, counter, reference));
  };
  const auto read = [&] {
    const std::uint64_t number = s->lines.newest();
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    if (s->lines.try_read(number, counter, c, ns)) return ns;
    takt::detail::ended_line ended;
    ns = s->lines.read<true>(c, counter, reference, &ended);
    if (ended.number == 0) {
      const std::uint64_t newest = s->lines.newest();
      if (s->lines.has_turned(c)) s->lines.publish_turned(c, 1);
      s->turned += s->lines.newest() != newest;
      return ns;
    }
    const takt::clock_point here = point();
    const std::uint64_t base = counter();
    if (ended.line.holds_at(base) || !takt::detail::is_renewable(ended.line, here, true)) return ns;
    time_line next = takt::detail::renewed_line(ended.line, here, base, true);
    next.life = life, next.turn = std::min(next.turn, turn);
    s->renewed += s->lines.publish<true>(next, ended.number, counter, reference);
    return ns;
  };
  draw(0);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937_64 random(static_cast<std::uint64_t>(i));
      for (int n = 0; n < 60'000; ++n) {
        if (i == 0 && n % 100 == 0) draw(static_cast<double>(random() % 1001) - 500);
        std::int64_t before = s->handed.load();
        const std::int64_t now = read();
        if (now < before) ++s->backwards;
        while (before < now && !s->handed.compare_exchange_weak(before, now)) {}
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(s->backwards == 0);
  CHECK(s->renewed > 100);
  CHECK(s->turned > 100);
}

TEST_CASE("which segment a reader draws") {
  using namespace takt::detail::steering_parameters;
  time_line old;
  old.base = 1'000, old.start = old.reference = 5'000'000'000, old.half_width = 20, old.ppm = 0.5;
  old.slope = old.cruise = tick_scale::from(0.5);
  const auto life_ticks = [](nanoseconds d) { return static_cast<std::uint64_t>(d.count()) * 2; };
  old.life = old.turn = life_ticks(untended_life);
  const auto at = [&](nanoseconds passed, nanoseconds counter_ahead = 0s) {
    return takt::clock_point{takt::tick_point(old.base + life_ticks(passed + counter_ahead)), nanoseconds(old.reference) + passed, 30ns};
  };
  // A difference that 1000 ppm and the readings explain is no failure of the counter, in either direction.
  CHECK(takt::detail::check_line(old, at(1000s, 1s)).kept_rate);
  CHECK(takt::detail::check_line(old, at(1000s, -1s)).kept_rate);
  CHECK(!takt::detail::check_line(old, at(1000s, 1s + 100ns)).kept_rate);
  CHECK(!takt::detail::check_line(old, at(1000s, -1s - 100ns)).kept_rate);
  CHECK(!takt::detail::check_line(old, at(-1s)).kept_rate);
  // A counter that failed: not before the kernel's clock has come to the end of the segment.
  CHECK(takt::detail::is_renewable(old, at(1000s), true));
  CHECK(!takt::detail::is_renewable(old, at(untended_life - 1ns, 2s), true));
  CHECK(takt::detail::is_renewable(old, at(untended_life, 2s), true));
  CHECK(takt::detail::is_renewable(old, at(100s, 3600s), false));
  old.life = old.turn = life_ticks(probation);
  CHECK(takt::detail::is_renewable(old, at(1s), true));
  CHECK(!takt::detail::is_renewable(old, at(untended_life - 1ns, 2s), true));
  CHECK(takt::detail::is_renewable(old, at(untended_life, 2s), true));
  CHECK(takt::detail::renewed_line(old, at(1s), at(1s).at.count(), true).life == life_ticks(untended_life));
  old.life = 0;
  CHECK(!takt::detail::is_renewable(old, at(1000s), true));
  // The life stays, except after a failure.
  for (const nanoseconds life : {nanoseconds(5s), untended_life, longest_life}) {
    old.life = old.turn = life_ticks(life);
    CHECK(takt::detail::renewed_line(old, at(life + 1s), at(life + 1s).at.count(), true).life == old.life);
    CHECK(takt::detail::renewed_line(old, at(life + 1s, 60s), at(life + 1s, 60s).at.count(), true).life == life_ticks(probation));
  }
  // The rate: measured where that is better than what was known, or shows that the reference was steered.
  old.life = old.turn = life_ticks(untended_life);
  const auto rate_change = [&](nanoseconds passed, nanoseconds ahead) {
    const time_line next = takt::detail::renewed_line(old, at(passed, ahead), at(passed, ahead).at.count(), true);
    return (next.cruise.ratio() / 0.5 - 1) * 1e6;
  };
  CHECK(rate_change(1000s, 100us) == doctest::Approx(-0.1).epsilon(0.01)); // known to 50 ns in 1000 s
  old.ppm = 1e-6;
  CHECK(rate_change(1000s, 30ns) == doctest::Approx(0).epsilon(1e-9)); // what was known is better, and agrees
  CHECK(rate_change(1000s, 100us) == doctest::Approx(-0.1).epsilon(0.01)); // it was steered
  CHECK(takt::detail::renewed_line(old, at(1000s, 100us), at(1000s, 100us).at.count(), true).ppm == doctest::Approx(50e-9 / 1000 * 1e6));
  CHECK(rate_change(499ms, 400us) == doctest::Approx(0).epsilon(1e-9)); // too short to measure
}

TEST_CASE("a reference that is not steady is followed back") {
  takt::detail::line_register lines;
  double time = 1e9, back = 0;
  const auto counter = [&] { return static_cast<std::uint64_t>(time); };
  const auto reference = [&] { return static_cast<std::int64_t>(time - back); };
  for (const double step : {0.0, 3600e9, -10.0}) {
    back += step;
    const clock_estimate b{{takt::tick_point(counter()), nanoseconds(reference()), 1ns}, 1, 0.1};
    time_line old;
    CHECK(lines.publish<false>(takt::detail::draw_line(lines.newest() == 0 ? nullptr : &old, b, counter(), 0s, false),
                               lines.newest(), counter, reference));
    time += 500;
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    REQUIRE(lines.try_read(lines.newest(), counter, c, ns));
    CHECK(std::abs(static_cast<double>(ns) - (time - back)) < 3);
    CHECK(lines.read<false>(c, counter, reference) == ns);
  }
}
