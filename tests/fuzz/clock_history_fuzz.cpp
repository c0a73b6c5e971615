// Protects: no readings of the clocks, however impossible, make classify() or clock_history overflow, divide by what is no length
// or report what is no number. The input is a series of samples: absolute ones of any 64 bits, or steps of a plausible machine.
#include "../support/fuzz_input.hpp"
#include <takt/observe/clock_history.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

void expect(bool truth) {
  if (!truth) std::abort();
}

using std::chrono::nanoseconds;

struct input : takt_test::fuzz_input {
  using fuzz_input::fuzz_input;
  nanoseconds any() { return nanoseconds(take<std::int64_t>()); }
};

bool is_number(double x) { return x == x; }

void check(const takt::clock_changes& e) {
  expect(is_number(e.slew_ppm) && is_number(e.disagreement_ppm));
  expect(!to_string(e).empty());
}

void check(const std::vector<takt::watch_event>& events) {
  expect(events.size() <= 11); // each kind at most once, but for an announcement that replaces another
  for (const takt::watch_event& e : events) {
    expect(is_number(e.rate_ppm) && is_number(e.rate_uncertainty_ppm) && e.rate_uncertainty_ppm >= 0);
    expect(e.uncertainty >= nanoseconds::zero());
    const std::string text = to_string(e);
    expect(!text.empty() && text.find("nan") == text.npos);
  }
}

takt::clock_history::sample any_sample(input& in) {
  takt::clock_history::sample s;
  const auto which = in.take<std::uint8_t>();
  s.readings.counter = takt::tick_point(in.take<std::uint64_t>());
  if ((which & 1) != 0) s.readings.monotonic = in.any();
  if ((which & 2) != 0) s.readings.raw = in.any();
  if ((which & 4) != 0) s.readings.boottime = in.any();
  if ((which & 8) != 0) s.readings.realtime = in.any();
  if ((which & 16) != 0) s.readings.tai = in.any();
  s.readings.half_width = nanoseconds(in.any().count() & INT64_MAX); // a width
  s.resolution = nanoseconds(in.any().count() & INT64_MAX);
  s.leap_known = (which & 32) != 0;
  s.leap.phase = static_cast<takt::leap_facts::phase_kind>(in.take<std::uint8_t>() % 5);
  if ((which & 64) != 0) s.source = (which & 128) != 0 ? "tsc" : "hpet";
  const auto more = in.take<std::uint8_t>();
  if ((more & 1) != 0) s.due = in.any();
  if ((more & 2) != 0) s.readings.backwards = in.any();
  if ((more & 4) != 0) s.signs.bits = in.take<std::uint8_t>() & 63;
  return s;
}

/// The clocks of a machine a while after `s`, by small numbers of the input, scaled to the size of events.
takt::clock_history::sample later(takt::clock_history::sample s, input& in) {
  constexpr std::int64_t scales[] = {1, 1'000, 1'000'000, 1'000'000'000};
  const auto what = in.take<std::uint8_t>();
  const std::int64_t length = (1 + static_cast<std::int64_t>(in.take<std::uint16_t>())) * scales[what & 3];
  const auto more = [&] { return static_cast<std::int64_t>(in.take<std::int16_t>()); };
  const auto add = [](auto& to, std::int64_t n) { to = takt::detail::saturating_add(to, nanoseconds(n)); };
  s.readings.counter += takt::ticks(static_cast<std::uint64_t>(2 * length + ((what & 4) != 0 ? more() * scales[what & 3] : 0)));
  add(*s.readings.raw, length);
  add(*s.readings.monotonic, length + ((what & 8) != 0 ? more() : 0));
  add(*s.readings.boottime, length + ((what & 16) != 0 ? more() * 1'000 : 0));
  const std::int64_t step = (what & 32) != 0 ? more() * 1'000'000 : 0;
  add(*s.readings.realtime, length + step);
  add(*s.readings.tai, length + ((what & 64) != 0 ? 0 : step));
  s.readings.half_width = nanoseconds(20 + in.take<std::uint8_t>());
  const auto leap = in.take<std::uint8_t>();
  s.leap.phase = static_cast<takt::leap_facts::phase_kind>(leap % 5), s.leap_known = leap % 2 == 0;
  if (leap > 200) s.source = leap % 2 == 0 ? "tsc" : "hpet";
  return s;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in(data, size);
  const bool plausible = in.take<std::uint8_t>() % 2 != 0;
  takt::clock_history history;
  takt::clock_history::sample now, before;
  const nanoseconds start = std::chrono::hours(1);
  now.readings = {takt::tick_point(1), start, start, start, std::chrono::hours(24 * 365 * 50), nanoseconds(50),
                  std::chrono::hours(24 * 365 * 50) + std::chrono::seconds(37)};
  now.source = "tsc", now.resolution = nanoseconds(1);
  std::vector<takt::watch_event> events;
  for (int i = 0; i < 100 && !in.empty(); ++i) {
    now = plausible ? later(now, in) : any_sample(in);
    events.clear();
    history.add(now, events);
    check(events);
    expect(history.last() != nullptr);
    expect(!history.rate().known() || history.rate().hertz() > 0);
    takt::detail::clock_expectations known{history.rate(), plausible ? 0 : static_cast<double>(in.take<std::int32_t>())};
    check(takt::detail::classify(before.readings, now.readings, known));
    check(takt::detail::classify(now.readings, before.readings, {takt::tick_rate(takt::frequency(1e9)), 0}));
    before = now;
  }
  return 0;
}
