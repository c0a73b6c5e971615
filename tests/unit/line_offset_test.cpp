// Protects: that two time lines that are apart by a constant, by a drift, or only after a switch of the clock source, and
// two that are not apart, are distinguished, with the size; that samples that were held up do not mislead; and that
// an offset that goes with migration or load is found as that. The constant is the one that the author of the measuring
// recipe found: 1.111 s.
#include <takt/observe/line_offset.hpp>
#include <doctest/doctest.h>
#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;
using takt::line_offset;
using law = takt::line_offset::law;

/// Samples every 2 ms. The stamp lies somewhere between two readings that are 1 to 2 us apart; one in ten was held up for
/// up to 3 ms. Every third run migrates; the second half is loaded.
std::vector<line_offset::sample> samples(int n, const std::function<nanoseconds(const line_offset::sample&)>& offset,
                                         const std::function<std::uint32_t(int)>& source = [](int) { return 0; }) {
  std::mt19937_64 random(11);
  const auto up_to = [&random](nanoseconds most) {
    return nanoseconds(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most.count() + 1)));
  };
  std::vector<line_offset::sample> all;
  for (int i = 0; i < n; ++i) {
    line_offset::sample s;
    s.time = 5000s + i * 2ms + up_to(300us);
    s.source = source(i), s.migrated = i % 3 == 0, s.loaded = i >= n / 2;
    const nanoseconds held_up = random() % 10 == 0 ? up_to(3ms) : 0ns;
    const nanoseconds width = 1us + up_to(1us) + held_up, inside = up_to(width);
    const nanoseconds o = offset(s);
    s.low = o - (width - inside), s.high = o + inside;
    all.push_back(s);
  }
  return all;
}

nanoseconds off(nanoseconds a, nanoseconds b) { return a > b ? a - b : b - a; }

} // namespace

TEST_CASE("no offset") {
  const auto found = line_offset::find(samples(400, [](const auto&) { return 0ns; }));
  CHECK(found.kind == law::none);
  CHECK(found.size == 0ns);
  CHECK(found.uncertainty < 2us);
  CHECK(found.uncertainty > 0ns);
  CHECK(found.by_migration.differs == false);
  CHECK(found.by_load.differs == false);
  CHECK_FALSE(found.by_source.differs); // there was one alone
  CHECK(found.samples == 400);
}

TEST_CASE("a constant offset of 1.111 s goes with nothing") {
  for (const nanoseconds size : {nanoseconds(1'111'000'000), nanoseconds(-1'111'000'000), nanoseconds(8us)}) {
    const auto found = line_offset::find(samples(
        400, [size](const auto&) { return size; }, [](int i) { return static_cast<std::uint32_t>(i / 100 % 2); }));
    INFO(size.count());
    CHECK(found.kind == law::constant);
    CHECK(off(found.size, size) <= found.uncertainty);
    CHECK(found.uncertainty < 1us);
    CHECK(found.by_migration.differs == false);
    CHECK(found.by_load.differs == false);
    CHECK(found.by_source.differs == false);
    CHECK(found.by_source.difference < 1us);
  }
}

TEST_CASE("the same with a drift") {
  for (const double ppm : {20.0, -20.0, 400.0}) {
    const auto found = line_offset::find(samples(400, [ppm](const line_offset::sample& s) {
      return 1'111'000'000ns + nanoseconds(static_cast<std::int64_t>(static_cast<double>((s.time - 5000s).count()) * ppm * 1e-6));
    }));
    INFO(ppm);
    CHECK(found.kind == law::drift);
    CHECK(found.rate == doctest::Approx(ppm * 1000).epsilon(0.1));
    CHECK(off(found.size, 1'111'000'000ns) < 6us); // at the first sample
    CHECK(found.by_migration.differs == false);    // but for the drift
    CHECK(found.by_load.differs == false);
  }
}

TEST_CASE("an offset that comes only after a switch of the clock source") {
  const auto source = [](int i) { return i < 250 ? 0U : 1U; };
  const auto found = line_offset::find(
      samples(400, [](const line_offset::sample& s) { return s.source == 0 ? 0ns : 1'111'000'000ns; }, source));
  CHECK(found.kind == law::after_switch);
  CHECK(off(found.size, 1'111'000'000ns) <= found.uncertainty);
  CHECK(found.uncertainty < 2us);
  CHECK(found.by_source.differs == true);
  CHECK_FALSE(found.by_load.differs);      // the loaded half is not all after the switch: it has no constant offset
  CHECK_FALSE(found.by_migration.differs);

  // One that comes and goes with the source.
  const auto returns = line_offset::find(samples(
      400, [](const line_offset::sample& s) { return s.source == 0 ? 0ns : 30us; },
      [](int i) { return static_cast<std::uint32_t>(i / 20 % 2); }));
  CHECK(returns.kind == law::after_switch);
  CHECK(off(returns.size, 30us) <= 1us);

  // One that stays when the first source is back.
  int n = 0;
  const auto stays = line_offset::find(samples(
      400, [&n](const line_offset::sample&) { return n++ < 100 ? 0ns : 50us; },
      [](int i) { return i >= 100 && i < 200 ? 1U : 0U; }));
  CHECK(stays.kind == law::after_switch);
  CHECK(off(stays.size, 50us) <= 1us);
}

TEST_CASE("a switch of the source that changes nothing is none") {
  const auto found = line_offset::find(
      samples(400, [](const auto&) { return 0ns; }, [](int i) { return static_cast<std::uint32_t>(i / 50 % 3); }));
  CHECK(found.kind == law::none);
  CHECK(found.by_source.differs == false);
}

TEST_CASE("offsets that go with load or migration, and with nothing") {
  auto found = line_offset::find(samples(400, [](const line_offset::sample& s) { return s.loaded ? 40us : 0ns; }));
  CHECK(found.kind == law::with_load);
  CHECK(off(found.size, 40us) <= 1us);
  CHECK(found.by_load.differs == true);
  found = line_offset::find(samples(400, [](const line_offset::sample& s) { return s.migrated ? 40us : 0ns; }));
  CHECK(found.kind == law::with_migration);
  CHECK(off(found.size, 40us) <= 1us);
  CHECK_FALSE(found.by_load.differs);
  int n = 0;
  found = line_offset::find(samples(400, [&n](const auto&) { return (n++ * 7919 % 13) * 100us; }));
  CHECK(found.kind == law::irregular);
}

TEST_CASE("too few, and extreme values") {
  CHECK(line_offset::find({}).kind == law::unknown);
  CHECK(line_offset::find(samples(7, [](const auto&) { return 0ns; })).kind == law::unknown);
  CHECK(line_offset::find(samples(8, [](const auto&) { return 0ns; })).kind == law::none);
  const auto far = line_offset::find(samples(50, [](const auto&) { return 1000000s; })); // of a time namespace
  CHECK(far.kind == law::constant);
  CHECK(off(far.size, 1000000s) <= 1us);
}

TEST_CASE("how large a drift must be to be seen, and that wide bounds hide a small offset") {
  CHECK(line_offset::find(samples(400, [](const line_offset::sample& s) { return (s.time - 5000s) / 10'000'000; })).kind ==
        law::none); // 0.1 ppm of 0.8 s
  CHECK(line_offset::find(samples(400, [](const auto&) { return 500ns; })).kind == law::none);
}
