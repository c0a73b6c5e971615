// Protects: what one process believes of another's anchor: every text and every pair of readings that is wrong is
// refused for the reason that it is wrong, and what is believed is as good as it says.
#include <takt/clock/detail/shared_anchor.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <random>
#include <string>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::detail::anchor_finding;
using takt::detail::anchor_sighting;
using takt::detail::shared_anchor;

constexpr double hertz = 2.6e9;

shared_anchor anchor() {
  shared_anchor a;
  a.boot = "d784f92e-6aa8-4f28-99b6-348a4c4f5396";
  a.clocksource = "tsc";
  a.counter = takt::tick_point(123'456'789'012);
  a.monotonic = 5000s, a.raw = 4999s, a.boottime = 6000s;
  a.half_width = 15ns;
  a.rate = takt::tick_rate(takt::frequency(hertz));
  a.ppm = 0.05;
  return a;
}

/// The clocks `passed` after the anchor, by RAW, while MONOTONIC ran faster by `ppm`.
anchor_sighting later(nanoseconds passed, double ppm = 0) {
  const shared_anchor a = anchor();
  anchor_sighting s;
  const auto ns = static_cast<double>(passed.count());
  const nanoseconds monotonic = passed + nanoseconds(static_cast<std::int64_t>(std::llround(ns * ppm * 1e-6)));
  s.monotonic.at = a.counter + takt::ticks(static_cast<std::uint64_t>(ns * hertz * 1e-9));
  s.monotonic.reference = a.monotonic + monotonic;
  s.monotonic.half_width = 15ns;
  s.raw = a.raw + passed;
  s.boottime = a.boottime + monotonic;
  s.boottime_half_width = 30ns;
  s.steered = takt::steered_rate{ppm, 1.6e-5};
  return s;
}

anchor_finding refused(const shared_anchor& a, const anchor_sighting& now) {
  anchor_finding f{};
  CHECK(!takt::detail::judge_anchor(a, now, 1us, f).rate().known());
  return f;
}

takt::tsc_calibration believed(const shared_anchor& a, const anchor_sighting& now) {
  anchor_finding f{};
  const auto c = takt::detail::judge_anchor(a, now, 1us, f);
  CHECK_MESSAGE(f == anchor_finding::usable, takt::explain(f));
  CHECK(c.origin() == takt::tsc_calibration::origin_kind::shared_anchor);
  CHECK(c.time_spent() == 1us);
  return c;
}

double off_ppm(const takt::tsc_calibration& c, double truth) { return std::abs(c.rate().hertz() / truth - 1) * 1e6; }

anchor_finding reading(std::string_view text) {
  anchor_finding f{};
  const shared_anchor a = takt::detail::parse_anchor(text, f);
  CHECK((a == shared_anchor{}) == (f != anchor_finding::usable));
  return f;
}

/// The text with its last line made right again.
std::string signed_again(std::string text) {
  text.resize(text.rfind("checksum "));
  const std::uint64_t sum = takt::detail::fnv1a(text);
  takt::detail::append_hex(text += "checksum ", sum);
  return text + '\n';
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  return signed_again(text.replace(text.find(what), what.size(), with));
}

} // namespace

TEST_CASE("a rate of no counter there is makes no anchor") {
  const auto with = [](const char* microhertz) {
    return reading(replaced(to_text(anchor()), "microhertz 2600000000000000", std::string("microhertz ") + microhertz));
  };
  CHECK(with("999999999") == anchor_finding::malformed); // 1 kHz is the least
  CHECK(with("1000000000") == anchor_finding::usable);
  CHECK(with("1000000000000000000") == anchor_finding::usable);
  CHECK(with("1000000000001000000") == anchor_finding::malformed); // and 1 THz the most
  CHECK(with("18446744073709551615") == anchor_finding::malformed);
  CHECK(with("1") == anchor_finding::malformed);
}

TEST_CASE("an anchor whose writer knew too little is refused, and a leap of the counter is within what is stated") {
  shared_anchor a = anchor();
  a.ppm = 2.01;
  CHECK(refused(a, later(3600s)) == anchor_finding::too_uncertain);
  a.ppm = std::nan("");
  CHECK(refused(a, later(3600s)) == anchor_finding::too_uncertain);
  // The counter leapt by less than the check can see.
  for (const double part : {0.1, 0.3, 0.9}) {
    for (const double writer_ppm : {0.05, 0.3, 1.0, 2.0}) {
      a.ppm = writer_ppm;
      anchor_sighting now = later(100s);
      now.monotonic.at += takt::ticks(static_cast<std::uint64_t>(100 * hertz * part * writer_ppm * 1e-6));
      anchor_finding f{};
      const auto c = takt::detail::judge_anchor(a, now, 1us, f);
      if (f == anchor_finding::too_uncertain) continue;
      REQUIRE(f == anchor_finding::usable);
      CHECK(off_ppm(c, hertz) <= c.uncertainty_ppm());
    }
  }
}

TEST_CASE("where counter and kernel have two crystals, these have wandered") {
  anchor_sighting now = later(100s);
  const double alone = believed(anchor(), now).uncertainty_ppm();
  now.foreign = true;
  const auto c = believed(anchor(), now);
  CHECK(c.uncertainty_ppm() > alone + takt::detail::sharing_parameters::wander_ppm);
  CHECK(c.uncertainty_ppm() < 0.4);
  now = later(3600s);
  CHECK(believed(anchor(), now).uncertainty_ppm() < 0.01);
  now.foreign = true;
  CHECK(refused(anchor(), now) == anchor_finding::too_uncertain); // in an hour by more than a measurement is worth
  // The change of the mean by a wandering crystal is no jump.
  now = later(100s);
  now.foreign = true;
  now.monotonic.at += takt::ticks(static_cast<std::uint64_t>(100 * hertz * 0.25e-6));
  CHECK(off_ppm(believed(anchor(), now), hertz * (1 + 0.25e-6)) <= believed(anchor(), now).uncertainty_ppm());
}

TEST_CASE("an anchor survives its text, and the text is that of version 1 for ever") {
  anchor_finding f{};
  const std::string text = to_text(anchor());
  CHECK(takt::detail::parse_anchor(text, f) == anchor());
  CHECK(f == anchor_finding::usable);
  CHECK(text == "takt anchor 1\n"
                "boot d784f92e-6aa8-4f28-99b6-348a4c4f5396\n"
                "clocksource tsc\n"
                "counter 123456789012\n"
                "monotonic_ns 5000000000000\n"
                "raw_ns 4999000000000\n"
                "boottime_ns 6000000000000\n"
                "half_width_ns 15\n"
                "microhertz 2600000000000000\n"
                "uncertainty_ppt 50000\n"
                "checksum 7a9444956e1308ab\n");
  CHECK(takt::detail::fnv1a("a") == 0xaf63dc4c8601ec8c); // the authors' own test vector
  shared_anchor extreme = anchor();
  extreme.counter = takt::tick_point(~std::uint64_t{0});
  extreme.monotonic = nanoseconds::max();
  CHECK(takt::detail::parse_anchor(to_text(extreme), f) == extreme);
}

TEST_CASE("a text that was cut anywhere is refused") {
  const std::string text = to_text(anchor());
  for (std::size_t n = 1; n < text.size(); ++n) CHECK(reading(text.substr(0, n)) != anchor_finding::usable);
  CHECK(reading(text.substr(0, text.size() / 2)) == anchor_finding::bad_checksum);
  CHECK(reading(text.substr(0, 5)) == anchor_finding::bad_checksum);
  CHECK(reading("") == anchor_finding::wrong_size);
  CHECK(reading(std::string(2000, 'x')) == anchor_finding::wrong_size);
  CHECK(reading(text + "x") == anchor_finding::bad_checksum);
  CHECK(reading(text + text) == anchor_finding::bad_checksum);
}

TEST_CASE("a text of which any bit was changed is refused") {
  const std::string text = to_text(anchor());
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string other = text;
      other[i] = static_cast<char>(other[i] ^ 1 << bit);
      CHECK(reading(other) != anchor_finding::usable);
    }
  }
}

TEST_CASE("a text whose checksum is right and whose content is not") {
  const std::string text = to_text(anchor());
  CHECK(reading(signed_again(text)) == anchor_finding::usable);
  CHECK(reading(replaced(text, "anchor 1\n", "anchor 2\n")) == anchor_finding::other_version);
  CHECK(reading(replaced(text, "anchor 1\n", "anchor 10\n")) == anchor_finding::other_version);
  CHECK(reading("takt anchor 2\nwhatever that may look like\n") == anchor_finding::other_version);
  CHECK(reading(replaced(text, "takt anchor", "TAKT anchor")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "counter 123", "counter -123")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "counter 123456789012", "counter ")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "counter 123456789012", "counter 99999999999999999999")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "monotonic_ns 5000000000000", "monotonic_ns 9223372036854775808")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "half_width_ns 15", "half_width_ns 1000000001")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "microhertz 2600000000000000", "microhertz 0")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "raw_ns 4999000000000\n", "")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "raw_ns", "ram_ns")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "uncertainty_ppt 50000\n", "uncertainty_ppt 50000\nmore 1\n")) == anchor_finding::malformed);
  CHECK(reading(replaced(text, "clocksource tsc", "clocksource t\x1b[c")) == anchor_finding::malformed);
}

TEST_CASE("the mean since the anchor: as good as its two brackets over the time between") {
  for (const nanoseconds passed : {nanoseconds(10s), nanoseconds(1h), nanoseconds(24h * 300)}) {
    for (const double ppm : {0.0, 12.5, -400.0}) {
      const auto c = believed(anchor(), later(passed, ppm));
      const double truth = hertz / (1 + ppm * 1e-6);
      CHECK(c.uncertainty_ppm() < 30e6 / static_cast<double>(passed.count()) + 1e-4);
      // The mean over MONOTONIC itself saves the rounding of a conversion from that over RAW, 1e-5 ppm.
      if (passed >= 1h) CHECK(c.uncertainty_ppm() < 30e6 / static_cast<double>(passed.count()) + 3e-5);
      CHECK(off_ppm(c, truth) < c.uncertainty_ppm());
      CHECK(c.window() >= passed - passed / 1000);
      CHECK(c.point().at == later(passed, ppm).monotonic.at);
    }
  }
}

TEST_CASE("a young anchor gives the rate that its writer measured") {
  for (const nanoseconds passed : {nanoseconds(1us), nanoseconds(1ms), nanoseconds(100ms)}) {
    const auto c = believed(anchor(), later(passed, 20));
    CHECK(off_ppm(c, hertz / (1 + 20e-6)) < c.uncertainty_ppm());
    CHECK(c.uncertainty_ppm() < 0.06);
  }
  shared_anchor poor = anchor();
  poor.ppm = 0.6;
  CHECK(refused(poor, later(1ms)) == anchor_finding::too_uncertain);
  CHECK(believed(poor, later(1s)).uncertainty_ppm() < 0.04);
}

TEST_CASE("a rate that NTP has changed since: what holds now, not the mean") {
  auto now = later(1000s, 3); // the mean
  now.steered.ppm = 25;      // as of now
  const auto c = believed(anchor(), now);
  CHECK(off_ppm(c, hertz / (1 + 25e-6)) < c.uncertainty_ppm());
  CHECK(c.uncertainty_ppm() < 0.001);
}

TEST_CASE("bars are honest: brackets that err by all they may, in either direction, in both readings") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const nanoseconds passed(1000 + static_cast<std::int64_t>(random() % (1ULL << (10 + random() % 34))));
    const double ppm = static_cast<double>(random() % 1000) - 500;
    auto now = later(passed, ppm);
    const auto wrong = [&] { return nanoseconds(static_cast<std::int64_t>(random() % 29) - 14); }; // 1 ns for whole numbers
    shared_anchor a = anchor();
    a.rate = takt::tick_rate(takt::frequency(hertz * (1 + 0.05e-6 * (static_cast<double>(random() % 201) - 100) / 100)));
    now.monotonic.reference += wrong(), now.raw += wrong(), a.monotonic += wrong(), a.raw += wrong();
    anchor_finding f{};
    const auto c = takt::detail::judge_anchor(a, now, 1us, f);
    if (f != anchor_finding::usable) continue; // too young for its brackets
    CHECK(off_ppm(c, hertz / (1 + ppm * 1e-6)) <= c.uncertainty_ppm());
  }
}

TEST_CASE("clocks that contradict the anchor") {
  auto now = later(10s);
  now.monotonic.at = anchor().counter;
  CHECK(refused(anchor(), now) == anchor_finding::counter_went_back);
  now.monotonic.at = anchor().counter - takt::ticks(1);
  CHECK(refused(anchor(), now) == anchor_finding::counter_went_back);
  now.monotonic.at = takt::tick_point(5); // reset
  CHECK(refused(anchor(), now) == anchor_finding::counter_went_back);

  now = later(10s), now.monotonic.reference = anchor().monotonic;
  CHECK(refused(anchor(), now) == anchor_finding::from_the_future);
  now = later(10s), now.raw = anchor().raw - 1ns;
  CHECK(refused(anchor(), now) == anchor_finding::from_the_future);
  now = later(10s), now.boottime = anchor().boottime - 1ns;
  CHECK(refused(anchor(), now) == anchor_finding::from_the_future);

  for (const nanoseconds slept : {nanoseconds(2us), nanoseconds(1h), nanoseconds(-2us)}) {
    now = later(10s), now.boottime += slept;
    CHECK(refused(anchor(), now) == anchor_finding::suspended);
  }
  now = later(10s), now.boottime += 1us;
  CHECK(believed(anchor(), now).rate().known());

  for (const double off : {1e-6, -1e-6, 1e-3, 0.5}) { // a snapshot that was restored; a processor of another rate
    now = later(10s);
    now.monotonic.at += takt::ticks(static_cast<std::uint64_t>(static_cast<std::int64_t>(off * 10 * hertz)));
    CHECK(refused(anchor(), now) == anchor_finding::implausible_rate);
  }
  now = later(1h);
  now.monotonic.at += takt::ticks(2'600'000); // a leap of a millisecond in an hour
  CHECK(refused(anchor(), now) == anchor_finding::implausible_rate);
}

TEST_CASE("a kernel whose steering is unknown, or changes during the readings") {
  auto now = later(10s);
  now.steered = {};
  CHECK(refused(anchor(), now) == anchor_finding::steering_unknown);
  now.steered = takt::steered_rate{15, 15}; // a correction is still slewing
  CHECK(refused(anchor(), now) == anchor_finding::steering_unknown);
  now.steered = takt::steered_rate{0.1, 0.1};
  CHECK(believed(anchor(), now).uncertainty_ppm() >= 0.1);
}

TEST_CASE("every finding is explained") {
  for (int f = 0; f <= static_cast<int>(anchor_finding::too_uncertain); ++f)
    CHECK(takt::explain(static_cast<anchor_finding>(f)) != "unknown");
  CHECK(takt::explain(static_cast<anchor_finding>(99)) == "unknown");
}
