// Protects: that the interval of bounded_clock contains UTC on a simulated machine whose crystal, daemon and kernel do their
// worst within what they promise; a sample is taken when the last is too old or the line has changed, and not more
// often; events are noticed; texts say what is known.
#include <takt/clock/bounded_clock.hpp>
#include <takt/testing/fake_os.hpp>
#include <takt/testing/manual_counter.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <random>
#include <sstream>
#include <string>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::bounded_time;
using status = bounded_time::status_kind;
using reason = bounded_time::reason_kind;

/// A machine with all its clocks and a daemon. The hidden time is RAW. UTC runs at another rate than that, within the
/// tolerance of crystals.
template <class Tag> struct bench {
  using machine = takt::testing::manual_machine<Tag>;
  struct os : takt::testing::fake_os<Tag> {
    inline static int asked = 0;
    inline static void (*on_ask)() = nullptr;
    static int read_adjtimex(timex& out, int& state) noexcept {
      ++asked;
      if (on_ask != nullptr) on_ask();
      return takt::testing::fake_os<Tag>::read_adjtimex(out, state);
    }
  };
  using clock = takt::basic_tsc_clock<takt::testing::manual_reference<Tag>, takt::testing::manual_counter<Tag>, os>;
  using bounded = takt::basic_bounded_clock<clock, os>;
  inline static nanoseconds slept{}, ahead{};
  inline static std::int64_t turn = 0; ///< the second of REALTIME on which the kernel acted last
  inline static nanoseconds late{};    ///< how late it acts

  static nanoseconds real() { return nanoseconds(static_cast<std::int64_t>(machine::reference())) + slept + ahead; }
  static timex& t() { return os::now.adjtimex.value; }
  static void show() {
    const nanoseconds monotonic(static_cast<std::int64_t>(machine::reference()));
    os::now.clocks[CLOCK_MONOTONIC] = {takt::to_timespec(monotonic), 0};
    os::now.clocks[CLOCK_MONOTONIC_COARSE] = {takt::to_timespec(monotonic), 0};
    os::now.clocks[CLOCK_MONOTONIC_RAW] = {takt::to_timespec(nanoseconds(machine::now.time)), 0};
    os::now.clocks[CLOCK_BOOTTIME] = {takt::to_timespec(monotonic + slept), 0};
    os::now.clocks[CLOCK_REALTIME] = {takt::to_timespec(real()), 0};
    os::now.clocks[CLOCK_TAI] = {takt::to_timespec(real() + 37s), 0};
    const std::int64_t acted = std::chrono::floor<std::chrono::seconds>(real() - late).count();
    if (acted > turn) t().maxerror += 500 * static_cast<long>(acted - turn);
    turn = acted;
  }
  /// The clock's state is static and outlives a test, so every test has a tag of its own.
  bench() {
    os::reset();
    os::asked = 0, os::on_ask = nullptr;
    slept = 0s, ahead = 1'700'000'000s, late = 0ns, turn = std::chrono::floor<std::chrono::seconds>(real()).count();
    machine::now.on_read = &bench::show;
    synchronise(1234, 100);
    show();
  }
  static void synchronise(long max, long estimated) {
    t().maxerror = max, t().esterror = estimated, t().status = STA_PLL;
    os::now.adjtimex_state = TIME_OK;
  }
  static void lose() {
    t().maxerror = t().esterror = 16'000'000, t().status = STA_UNSYNC;
    os::now.adjtimex_state = TIME_ERROR;
  }
  static void pass(nanoseconds by) {
    machine::advance(by);
    show();
  }
};

} // namespace

TEST_CASE("without a calibration CLOCK_MONOTONIC is the line, and the kernel is asked once in 10 ms") {
  using b = bench<struct uncalibrated>;
  const b here;
  bounded_time t = b::bounded::now();
  CHECK(t.status == status::synchronised);
  CHECK(t.error() >= 1234us);
  CHECK(t.earliest.time_since_epoch() <= b::real());
  CHECK(t.latest.time_since_epoch() >= b::real());
  CHECK(b::os::asked == 2);
  for (int i = 0; i < 9; ++i) {
    b::pass(1ms);
    t = b::bounded::now();
    CHECK(t.earliest.time_since_epoch() <= b::real());
    CHECK(t.latest.time_since_epoch() >= b::real());
  }
  CHECK(b::os::asked == 2);
  b::pass(2ms);
  static_cast<void>(b::bounded::now());
  CHECK(b::os::asked == 4);
  static_cast<void>(b::bounded::refresh());
  CHECK(b::os::asked == 6);
  // A thread may be forbidden to read the counter, which costs hidden time here.
  const std::int64_t before = b::machine::now.time;
  static_cast<void>(b::clock::now());
  const std::int64_t cost = b::machine::now.time - before;
  static_cast<void>(b::bounded::now());
  CHECK(b::machine::now.time - before == 2 * cost);
}

TEST_CASE("a sample belongs to a segment: calibrating and disciplining make the next read sample") {
  using b = bench<struct segments>;
  const b here;
  static_cast<void>(b::bounded::now());
  CHECK(b::clock::calibrate(5ms).rate().known());
  int asked = b::os::asked;
  CHECK(b::bounded::now().status == status::synchronised);
  CHECK(b::os::asked == asked + 2);
  // The line's rate is unknown, so the sample serves for a millisecond; then for ten.
  b::pass(1100us);
  static_cast<void>(b::bounded::now());
  CHECK(b::os::asked == asked + 4);
  b::pass(100ms);
  static_cast<void>(b::bounded::now());
  asked = b::os::asked;
  b::pass(9ms);
  static_cast<void>(b::bounded::now());
  CHECK(b::os::asked == asked);
  std::error_code ec;
  static_cast<void>(b::clock::discipline(1s, ec));
  CHECK_FALSE(ec);
  static_cast<void>(b::bounded::now());
  CHECK(b::os::asked == asked + 2);
}

TEST_CASE("a sample is not extended beyond the end of its segment, which the read renews") {
  using b = bench<struct ending>;
  const b here;
  CHECK(b::clock::calibrate(5ms, 1s).rate().known()); // valid for five seconds
  b::pass(100ms);
  static_cast<void>(b::bounded::now());
  b::pass(5s - 102ms);
  static_cast<void>(b::bounded::refresh());
  const int asked = b::os::asked;
  b::pass(1ms);
  static_cast<void>(b::bounded::now());
  CHECK(b::os::asked == asked); // not yet
  b::pass(5ms);
  CHECK(b::bounded::now().status == status::synchronised);
  CHECK(b::os::asked == asked + 2);
}

TEST_CASE("UTC is in the interval, whatever crystal, daemon and kernel do within what they promise") {
  using b = bench<struct property>;
  using machine = b::machine;
  const b here;
  std::mt19937_64 randomness(3);
  const auto between = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(randomness);
  };
  // UTC, in ns, as a function of the hidden time. Its rate differs from RAW's by what a crystal may be off.
  double utc_from = static_cast<double>(machine::now.time), utc_at = 1.7e18;
  double crystal = 250e-6, steered = 0;
  const auto since_origin = [&](double hidden) { return (hidden - utc_from) * (1 + crystal); };
  const auto error = [&] { // of REALTIME
    const double real = static_cast<double>((b::real() - nanoseconds(1'700'000'000s)).count());
    return real - (utc_at - 1.7e18) - since_origin(static_cast<double>(machine::now.time));
  };
  const auto state = [&] {
    const double max = std::abs(error()) / 1e3;
    long stated = static_cast<long>(max) + 1 + static_cast<long>(between(0, 2));
    if (stated % 500 == 0) ++stated;
    b::synchronise(stated, 3);
  };
  b::ahead = nanoseconds(1'700'000'000s) - nanoseconds(static_cast<std::int64_t>(machine::reference()));
  b::turn = std::chrono::floor<std::chrono::seconds>(b::real()).count();
  state();
  CHECK(b::clock::calibrate(5ms, 1s).rate().known());

  long known = 0, outside = 0, held = 0, reads = 0;
  double widest = 0;
  for (int i = 0; i < 40'000; ++i) {
    const double gap = std::pow(10, between(2.5, 8.8)); // 300 ns to 0.6 s
    b::pass(nanoseconds(static_cast<std::int64_t>(gap)));
    const double what = between(0, 1);
    if (what < 0.02) { // the daemon corrects the frequency, by no more than leaves 500 ppm to the truth
      steered = between(-240e-6, 490e-6);
      machine::bend_reference(1 + steered);
      b::t().freq = static_cast<long>(steered * 1e6 * 65'536);
    } else if (what < 0.05) {
      state();
    } else if (what < 0.055) { // it steps the clock, and states an error again
      b::lose();
      b::ahead -= nanoseconds(static_cast<std::int64_t>(error()) + static_cast<std::int64_t>(between(-1e6, 1e6)));
      b::show();
      if (between(0, 1) < 0.5) state();
    } else if (what < 0.06) {
      b::lose();
    } else if (what < 0.10) {
      std::error_code ec;
      static_cast<void>(b::clock::discipline(1s, ec));
    } else if (what < 0.11) {
      b::late = nanoseconds(static_cast<std::int64_t>(between(0, 10e6)));
    }
    // A step between two samples is not in what was stated before it, but UTC is: so the interval must contain it.
    const double before = since_origin(static_cast<double>(machine::now.time));
    const bounded_time t = b::bounded::now();
    const double after = since_origin(static_cast<double>(machine::now.time));
    ++reads;
    if (!t.known()) continue;
    ++known;
    held += t.status == status::holding_over;
    const auto since_epoch = [](bounded_time::time_point p) {
      return static_cast<double>((p.time_since_epoch() - 1'700'000'000s).count());
    };
    const double earliest = since_epoch(t.earliest), latest = since_epoch(t.latest);
    outside += earliest > after || latest < before;
    widest = std::max(widest, latest - earliest);
  }
  CHECK(outside == 0);
  CHECK(known > reads / 2);
  CHECK(known < reads); // and there were times without a bound
  CHECK(held > 100);
  CHECK(widest < 100e6);
  CHECK(b::bounded::refresh().generation > 100);
}

TEST_CASE("a step is noticed by the next sample at the latest, and refresh() takes one now") {
  using b = bench<struct stepping>;
  const b here;
  const bounded_time before = b::bounded::refresh();
  b::lose();
  b::ahead += 1h;
  b::show();
  SUBCASE("until then the interval is that of before, and still true of UTC") {
    b::pass(9ms);
    const bounded_time t = b::bounded::now();
    CHECK(t.status == status::synchronised);
    CHECK(t.generation == before.generation);
    CHECK(t.latest < before.latest + 10ms);
    b::pass(2ms);
    CHECK(b::bounded::now().status == status::unknown);
    CHECK(b::bounded::now().reason == reason::stepped);
    CHECK(b::bounded::now().generation == before.generation + 1);
  }
  SUBCASE("at once") {
    CHECK(b::bounded::refresh().reason == reason::stepped);
    CHECK(b::bounded::now().generation == before.generation + 1);
  }
  b::synchronise(77, 7);
  CHECK(b::bounded::refresh().status == status::synchronised);
  CHECK(b::bounded::now().error() < 1ms);
}

TEST_CASE("a step between the kernel's statement and the reading of the clocks gives no bound that is not its own") {
  using b = bench<struct torn>;
  const b here;
  static_cast<void>(b::bounded::now());
  // Before every second question the clock is stepped and the daemon states another error.
  b::os::on_ask = [] {
    if (b::os::asked % 2 != 0) return;
    b::ahead += 1s;
    b::t().maxerror += 17;
    b::show();
  };
  const bounded_time t = b::bounded::refresh();
  CHECK(t.status == status::unknown);
  CHECK(t.reason == reason::unsettled);
  b::os::on_ask = nullptr;
  CHECK(b::bounded::refresh().status == status::synchronised);
}

TEST_CASE("a suspend in which the counter stood still is noticed by the next sample") {
  using b = bench<struct suspending>;
  const b here;
  CHECK(b::clock::calibrate(5ms, 1s).rate().known());
  b::pass(100ms);
  const bounded_time before = b::bounded::refresh();
  CHECK(before.status == status::synchronised);
  b::slept += 1h;
  b::turn = std::chrono::floor<std::chrono::seconds>(b::real()).count(); // no second_overflow while it slept
  b::pass(11ms);
  const bounded_time t = b::bounded::now();
  CHECK(t.status == status::unknown);
  CHECK(t.reason == reason::suspended);
  CHECK(t.generation == before.generation + 1);
}

TEST_CASE("while another thread samples, a step or a suspend since the last sample leaves no bound of before") {
  using b = bench<struct beside>;
  const b here;
  CHECK(b::clock::calibrate(5ms, 1s).rate().known());
  b::pass(100ms);
  CHECK(b::bounded::refresh().status == status::synchronised);
  static nanoseconds stepped, sleeping;
  static bounded_time seen;
  stepped = sleeping = 0s, seen = bounded_time();
  // In the middle of a sample the thread is stopped for 2 s, and another one reads.
  const auto read_beside = [] {
    b::os::on_ask = [] {
      b::os::on_ask = nullptr;
      b::ahead += stepped, b::slept += sleeping;
      b::turn = std::chrono::floor<std::chrono::seconds>(b::real()).count();
      b::pass(2s);
      seen = b::bounded::now();
    };
    static_cast<void>(b::bounded::refresh());
  };
  SUBCASE("neither") {
    read_beside();
    CHECK(seen.status == status::synchronised);
    CHECK(seen.earliest.time_since_epoch() <= b::real());
    CHECK(seen.latest.time_since_epoch() >= b::real());
  }
  SUBCASE("a suspend, after which the kernel goes on to call its clock synchronised") {
    sleeping = 1h;
    read_beside();
    CHECK(seen.status == status::unknown);
    CHECK(seen.reason == reason::unsettled);
  }
  SUBCASE("a step") {
    stepped = -1s;
    read_beside();
    CHECK(seen.status == status::unknown);
    CHECK(seen.reason == reason::unsettled);
  }
}

TEST_CASE("a line that has been given up is not extended") {
  using b = bench<struct given_up>;
  const b here;
  CHECK(b::clock::calibrate(5ms, 1s).rate().known());
  b::machine::bend_counter(0); // it stands still
  b::pass(1s);
  std::error_code ec;
  static_cast<void>(b::clock::discipline(1s, ec));
  CHECK(ec);
  for (int i = 0; i < 5; ++i) {
    b::pass(100us);
    const int asked = b::os::asked;
    const bounded_time t = b::bounded::now();
    CHECK(b::os::asked > asked);
    CHECK(t.status == status::synchronised);
    CHECK(t.earliest.time_since_epoch() <= b::real());
    CHECK(t.latest.time_since_epoch() >= b::real());
  }
}

TEST_CASE("another clock of the kernel has the error that the caller states") {
  using b = bench<struct hardware>;
  const b here;
  constexpr clockid_t ptp = takt::descriptor_clock(5);
  static_assert(ptp == -45); // (~5 << 3) | 3
  b::os::now.clocks[ptp] = {takt::to_timespec(b::real() + 37s), 0};
  std::error_code ec;
  bounded_time t = b::bounded::by_clock(ptp, 250ns, 37s, ec);
  CHECK_FALSE(ec);
  CHECK(t.status == status::synchronised);
  CHECK(t.earliest.time_since_epoch() == b::real() - 250ns);
  CHECK(t.latest.time_since_epoch() == b::real() + 250ns);
  for (const nanoseconds stated : {nanoseconds::max(), -1ns}) {
    t = b::bounded::by_clock(ptp, stated, 37s, ec);
    CHECK_FALSE(ec);
    CHECK(t.status == status::unknown);
    CHECK(t.reason == reason::no_error_stated);
    CHECK(t.earliest == bounded_time::time_point::min());
  }
  t = b::bounded::by_clock(takt::descriptor_clock(6), 250ns, 37s, ec);
  CHECK(ec == std::errc::invalid_argument);
  CHECK(t.status == status::unknown);
  CHECK(t.reason == reason::unavailable);
}

TEST_CASE("texts: status and error as a line, and the reason with what is known of leap seconds") {
  bounded_time t;
  CHECK(to_string(t) == "unknown");
  CHECK(explain(t).find("UTC is not bounded: the kernel does not call its clock synchronised") == 0);
  CHECK(explain(t).find("rtcsync") != std::string::npos);
  t.status = status::synchronised, t.reason = reason::stated;
  t.earliest = bounded_time::time_point(1'000'000ns), t.latest = bounded_time::time_point(3'400'001ns);
  CHECK(t.error() == 1'200'001ns);
  std::ostringstream out;
  out << t;
  CHECK(out.str() == "synchronised, +/- 1.2 ms");
  CHECK(explain(t).find("UTC is within +/- 1.2 ms: the kernel states the maximum error") == 0);
  CHECK(explain(t).find("smear") != std::string::npos);
  t.leap = takt::leap_facts::phase_kind::insertion_pending;
  CHECK(explain(t).find("Leap second: insertion pending.") != std::string::npos);
  t.status = status::holding_over, t.reason = reason::not_synchronised;
  CHECK(to_string(t) == "holding over, +/- 1.2 ms");
  CHECK(explain(t).find("extended by 500 ppm") != std::string::npos);
  for (int i = 0; i < 8; ++i) CHECK(explain(static_cast<reason>(i)) != "unknown");
  CHECK(explain(static_cast<reason>(8)) == "unknown");
  CHECK(to_string(static_cast<status>(3)) == "unknown");
}
