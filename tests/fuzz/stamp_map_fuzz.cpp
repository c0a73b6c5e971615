/// stamp_map_fuzz.cpp - whatever perf's page, its ring and the comparisons of clocks hold, conversions are defined: a time
/// of perf's page leads to a tick that shows it, nothing outside the ring is read, and an error is not negative.
///
/// The first byte selects: 0 modulo 3 takes the rest as a page and times, 1 as a ring, 2 as comparisons and questions.
#include "../support/fuzz_input.hpp"
#include <takt/observe/stamp_map.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <vector>

namespace {

using std::chrono::nanoseconds;
using takt::stamp_map;
using takt::tick_point;

void require(bool condition) {
  if (!condition) std::abort();
}

takt::perf_clock page(takt_test::fuzz_input& in) {
  takt::linux_os::perf_clock p;
  p.known = p.zero_known = true;
  p.zero = in.take<std::uint64_t>(), p.multiplier = in.take<std::uint32_t>(), p.shift = in.take<std::uint8_t>() % 66;
  if (in.take<std::uint8_t>() % 4 == 0) {
    p.cycles = in.take<std::uint64_t>();
    p.mask = ~std::uint64_t{0} >> in.take<std::uint8_t>() % 64;
  }
  return takt::perf_clock(p);
}

void pages(takt_test::fuzz_input in) {
  const takt::perf_clock c = page(in);
  require(c.known() == c.rate().known());
  if (!c.known()) return;
  for (int i = 0; i < 8; ++i) {
    const auto t = in.take<std::int64_t>();
    std::error_code ec;
    const tick_point at = c.to_ticks(nanoseconds(t), ec);
    if (ec) continue;
    const auto off = static_cast<std::uint64_t>(c.from_ticks(at).count()) - static_cast<std::uint64_t>(t);
    const auto distance = static_cast<std::int64_t>(off);
    require(distance <= c.error().count() && distance >= -c.error().count());
  }
}

void ring(takt_test::fuzz_input in) {
  const auto tail = in.take<std::uint64_t>(), head = in.take<std::uint64_t>();
  std::vector<unsigned char> bytes(8 * (1 + in.take<std::uint8_t>() % 32U));
  for (unsigned char& b : bytes) b = in.take<std::uint8_t>();
  std::uint64_t time = 0;
  require(takt::detail::read_perf_times(bytes.data(), bytes.size(), tail, head, time) <= bytes.size() / 16);
}

void comparisons(takt_test::fuzz_input in) {
  stamp_map map;
  const auto point = [&](std::uint64_t at) {
    const auto reference = in.take<std::int64_t>() >> in.take<std::uint8_t>() % 64;
    return takt::clock_point{tick_point(at), nanoseconds(reference), nanoseconds(in.take<std::uint32_t>())};
  };
  std::error_code ec;
  for (int i = in.take<std::uint8_t>() % 8; i > 0; --i) {
    stamp_map::comparison c;
    const std::uint64_t at = in.take<std::uint64_t>() >> in.take<std::uint8_t>() % 64;
    c.line = point(at);
    c.rate = takt::tick_rate(takt::frequency(in.take<double>()));
    c.ppm = in.take<float>();
    if (in.take<std::uint8_t>() % 2 == 0) c.perf = page(in);
    for (auto& r : c.shown) {
      if (in.take<std::uint8_t>() % 4 != 0) r = {point(at + in.take<std::uint16_t>()), {}};
    }
    map.add(c, ec);
  }
  for (int i = 0; i < 4; ++i) {
    const auto from = static_cast<stamp_map::clock>(in.take<std::uint8_t>() % 7);
    const auto to = static_cast<stamp_map::clock>(in.take<std::uint8_t>() % 7);
    const auto number = in.take<std::uint64_t>();
    require(map.from_ticks(tick_point(number), to, ec).error >= nanoseconds::zero());
    require(map.to_ticks(nanoseconds(static_cast<std::int64_t>(number)), from, ec).error >= nanoseconds::zero());
    require(map.convert(nanoseconds(static_cast<std::int64_t>(number)), from, to, ec).error >= nanoseconds::zero());
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  takt_test::fuzz_input in(data, size);
  switch (in.take<std::uint8_t>() % 3) {
  case 0: pages(in); break;
  case 1: ring(in); break;
  default: comparisons(in);
  }
  return 0;
}
