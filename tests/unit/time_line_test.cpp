// Protects the promise of tsc_clock: no read gives less than a read before it, whatever line follows whatever line, and
// wherever its writer is stopped; and that a line which is no longer believed gives way to the kernel's clock, not to chaos.
#include <takt/clock/steering.hpp>
#include <takt/clock/time_line.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::bearing;
using takt::tick_scale;
using takt::time_line;

/// A counter and a kernel's clock with one hidden time, which every read moves on; and a reader's memory.
struct world {
  double time = 1e9; // ns
  double ticks_per_ns = 2.6, counter_leap = 0;
  std::function<void()> on_counter = [] {}, on_reference = [] {};
  takt::line_register lines;
  std::int64_t most_seen = std::numeric_limits<std::int64_t>::min();

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

  void publish(const time_line& line) { lines.publish<true>(line, read_counter(), read_reference()); }
  /// A bearing that says that the reference is `ahead` of the hidden time, and runs `ppm` faster.
  [[nodiscard]] bearing seen(double ahead, double ppm) const {
    return {{takt::ticks(count()), nanoseconds(static_cast<std::int64_t>(time + ahead)), 20ns},
            (1 + ppm * 1e-6) / ticks_per_ns, 0.1};
  }
  void draw(double ahead, double ppm, nanoseconds renewed_every = 1s) {
    const bearing b = seen(ahead, ppm);
    time_line old;
    const bool first = lines.newest() == 0;
    if (!first) old = lines.settled<true>(read_counter(), read_reference());
    publish(takt::draw_line(first ? nullptr : &old, b, counter(), renewed_every, true));
  }

  /// As basic_tsc_clock::now(). Fails the test if time runs backwards.
  std::int64_t read(bool* fast = nullptr) {
    const std::int64_t before = most_seen; // by reads that were finished when this one began
    const std::uint64_t number = lines.newest();
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    bool quick = false;
    if (number == 0) ns = lines.read<true>(counter(), read_counter(), read_reference());
    else if (quick = lines.try_read(number, read_counter(), c, ns); !quick)
      ns = lines.read<true>(c, read_counter(), read_reference());
    if (fast != nullptr) *fast = quick;
    if (ns < before) FAIL("backwards by ", before - ns);
    most_seen = std::max(most_seen, ns);
    return ns;
  }
};

} // namespace

TEST_CASE("tick_scale is the ratio, rounded down, up to the most it promises") {
  for (const double ratio : {1e-3, 0.1, 0.385182, 0.9999999, 1.0, 1.5, 41.6666666, 1000.0, 123456789.0}) {
    const tick_scale scale = tick_scale::from(ratio);
    for (std::uint64_t t = 1; t <= scale.most(); t = t < scale.most() / 7 ? t * 7 : t + scale.most() / 3) {
      const long double exact = static_cast<long double>(t) * static_cast<long double>(ratio);
      const auto got = static_cast<long double>(scale(t));
      CHECK(got <= exact);
      CHECK(got >= exact - 1 - exact * 0x1p-62L);
    }
    CHECK(scale(0) == 0);
    CHECK(static_cast<long double>(scale.most()) * static_cast<long double>(ratio) < 0x1p63L);
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
  CHECK(line.after(~std::uint64_t{0}) == line.after(line.slope.most()));
  CHECK(line.after(~std::uint64_t{0}) > last);
  line.base = 100;
  CHECK(!line.holds_at(99));
  CHECK(line.holds_at(100));
  CHECK(line.holds_at(5099));
  CHECK(!line.holds_at(5100));
}

TEST_CASE("the kernel's road never shows less than the line has, nor less than the kernel, and never runs backwards") {
  time_line line;
  line.slope = line.cruise = tick_scale::from(1);
  line.base = 50, line.turn = line.life = 1'000'000'000, line.reference = 5'000, line.half_width = 20;
  for (const std::int64_t lead : {-500, 0, 500, 2'000'000}) {
    line.start = line.reference + lead;
    const std::int64_t end = line.after(line.life);
    std::int64_t last = 0;
    for (std::int64_t passed = 0; passed < 2'000'000'000; passed += 9'999'999) {
      const std::int64_t now = line.reference + passed;
      const std::int64_t shown = line.kernel_road(now, line.base - 1); // the counter was reset
      CHECK(shown >= now);
      CHECK(shown >= last);
      // The counter may have run 1000 ppm fast against the kernel's clock, as far as the life goes.
      CHECK(shown >= std::min(now + lead + passed / 1024, end));
      CHECK(shown <= std::max(now, end));
      last = shown;
      // The counter is past the line, however it came there: anything up to the end may have been seen.
      CHECK(line.kernel_road(now, line.base + line.life) == std::max(now, end));
      CHECK(line.kernel_road(now, line.base + line.life + 3600'000'000'000) == std::max(now, end));
    }
  }
  CHECK(!line.is_past(line.base - 1));
  CHECK(!line.is_past(line.base));
  CHECK(!line.is_past(line.base + line.life - 1));
  CHECK(line.is_past(line.base + line.life));
  line.life = 0; // not believed: the start is all that was seen
  CHECK(line.is_past(line.base - 1));
  CHECK(line.kernel_road(line.start - 5, line.base - 1) == line.start);
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

TEST_CASE("fast and slow road give the same") {
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
  using namespace takt::steering_rule;
  for (const double off : {-1e9, -1e6, -1e3, -10.0, 10.0, 1e3, 400e3, 1e6, 50e6, 150e6, 3e9}) {
    world w;
    w.draw(0, 0, 0s);
    w.time += 1e8;
    w.read();
    const bearing b = w.seen(-off, 0); // the clock is ahead by `off`
    time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
    const std::uint64_t base = w.counter();
    const time_line line = takt::draw_line(&old, b, base, 0s, true);
    const std::int64_t lead = old.after(base - old.base) - takt::reference_at(b, base);
    CHECK(std::abs(static_cast<double>(lead) - off) < 60); // the first line began above the clock by its bracket
    if (lead + 2 <= 0) {
      CHECK(line.start == takt::reference_at(b, base));
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
                                static_cast<double>((takt::ticks(base + line.turn) - b.point.at).count()) * b.ns_per_tick)) < 4);
    }
    w.publish(line);
    for (int i = 0; i < 50; ++i) w.read(), w.time += i < 25 ? 10 : 1e7;
  }
}

TEST_CASE("a clock that is exactly right goes on as it should") {
  time_line old;
  old.base = 1000, old.start = 5000, old.slope = old.cruise = tick_scale::from(1), old.turn = old.life = 1'000'000;
  const bearing b{{takt::ticks(2000), 6002ns, 20ns}, 1, 0.1}; // 2 ns are what lines lose by rounding
  const time_line line = takt::draw_line(&old, b, 2000, 0s, true);
  CHECK(line.start == 6002);
  CHECK(line.slope == line.cruise);
  CHECK(line.turn == line.life);
}

TEST_CASE("the fast road reaches until the next line is due, even while a lead is worked off") {
  for (const nanoseconds every : {nanoseconds(1ms), nanoseconds(1s), nanoseconds(60s)}) {
    world w;
    w.draw(0, 0, every);
    w.time += 1e6;
    w.draw(-50, 0, every); // ahead
    bool fast = false;
    w.time += static_cast<double>(every.count()) * 0.99;
    w.read(&fast);
    CHECK(fast);
    w.time += static_cast<double>(every.count()) * 0.02; // a keeper that is late: by the second half, on the slow road
    CHECK(std::abs(static_cast<double>(w.read(&fast)) - w.time) < 60);
    CHECK(!fast);
  }
}

TEST_CASE("how long a line is believed") {
  using namespace takt::steering_rule;
  CHECK(takt::life_of_line(0s) == untended_life);
  CHECK(takt::life_of_line(-1s) == untended_life);
  CHECK(takt::life_of_line(1s) == 5s);
  CHECK(takt::life_of_line(nanoseconds::max()) == untended_life);
  CHECK(takt::life_of_line(10min) == 40min + 1s);
  CHECK(takt::life_of_line(59min) == longest_life);
  CHECK(takt::life_of_line(61min) == untended_life);

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

TEST_CASE("a counter that is reset: the kernel's road, and a line again after the next correction") {
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
    CHECK(std::abs(static_cast<double>(w.read()) - w.time) < 50); // the lead is worked off
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

TEST_CASE("a line that nobody believes is the kernel's road without a step back") {
  world w;
  w.draw(400, 0, 0s);
  w.time += 1e6;
  w.read();
  time_line old = w.lines.settled<true>(w.read_counter(), w.read_reference());
  time_line line = takt::draw_line(&old, w.seen(0, 0), w.counter(), 0s, true);
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

TEST_CASE("a reader on the kernel's road that was stopped while a line began: it does not get ahead of the line") {
  world w;
  SUBCASE("of which there was none") {}
  SUBCASE("of which the last has died") {
    w.draw(0, 0, 1ms);
    w.time += 1e10; // nobody renewed it
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
      CHECK(kept == (newest - n < takt::line_register::size - 1));
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
      const double most_late = w.ticks_per_ns * takt::order_margin_ns;
      time_line old;
      bool known = false;
      if (w.lines.newest() != 0) known = w.lines.get(w.lines.newest(), old, known) && known;
      w.draw(uniform(-scale, scale), ppm, random() % 2 == 0 ? nanoseconds(1ms) : nanoseconds(0));
      // A reader whose processor had the counter read in flight: still on the old line, as late as the margin allows.
      if (known) {
        const std::uint64_t base = w.lines.settled<true>(w.read_counter(), w.read_reference()).base;
        const auto late = base + static_cast<std::uint64_t>(uniform(0, most_late));
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
  const time_line line = takt::draw_line(&old, w.seen(0, -400), w.counter(), 0s, true);
  const std::uint64_t number = w.lines.newest() + 1;
  std::atomic<bool> stopped{false}, released{false};
  std::thread writer([&] {
    const auto counter = [&] {
      stopped = true;
      while (!released) std::this_thread::yield();
      return line.base;
    };
    w.lines.publish<true>(line, counter, [&] { return line.reference; });
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
    CHECK(!fast); // nobody has opened the fast road
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
    takt::line_register lines;
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
      const bearing b{{takt::ticks(base), nanoseconds(static_cast<std::int64_t>(base) * 10 + off), 1ns}, 10 * (1 + ppm * 1e-6), 1};
      time_line old;
      const bool first = s->lines.newest() == 0;
      if (!first) old = s->lines.settled<true>(counter, reference);
      s->lines.publish<true>(takt::draw_line(first ? nullptr : &old, b, base, 1ms, true), counter, reference);
    }
  });
  for (auto& r : readers) r.join();
  s->done = true;
  writer.join();
  CHECK(s->backwards == 0);
}

TEST_CASE("a reference that is not steady is followed back") {
  takt::line_register lines;
  double time = 1e9, back = 0;
  const auto counter = [&] { return static_cast<std::uint64_t>(time); };
  const auto reference = [&] { return static_cast<std::int64_t>(time - back); };
  for (const double step : {0.0, 3600e9, -10.0}) {
    back += step;
    const bearing b{{takt::ticks(counter()), nanoseconds(reference()), 1ns}, 1, 0.1};
    time_line old;
    lines.publish<false>(takt::draw_line(lines.newest() == 0 ? nullptr : &old, b, counter(), 0s, false), counter, reference);
    time += 500;
    std::uint64_t c = 0;
    std::int64_t ns = 0;
    REQUIRE(lines.try_read(lines.newest(), counter, c, ns));
    CHECK(std::abs(static_cast<double>(ns) - (time - back)) < 3);
    CHECK(lines.read<false>(c, counter, reference) == ns);
  }
}
