/// vdso_data_fuzz.cpp - whatever the data page of the vDSO holds, and whatever /proc/self/maps says, a layout is believed
/// only if what it reads agrees with the clocks, and nothing outside the page is read.
///
/// The first byte selects: an even number takes the rest as the page, an odd number as the text of /proc/self/maps. A
/// page that the bytes leave as it is agrees with the clocks; the corpus holds one for each layout and mode.
#include "../support/fuzz_input.hpp"
#include <takt/kernel/vdso_data.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

namespace vp = takt::detail::vdso_page;

void require(bool condition) {
  if (!condition) std::abort();
}

/// Counted here again, in another way: floating point is exact enough to see a time that is off by a millisecond.
void believed(const vp::layout& at, const vp::sample& s) {
  const auto* const bytes = reinterpret_cast<const char*>(s.before);
  const auto number = [&](std::size_t offset, auto value) {
    std::memcpy(&value, bytes + offset, sizeof value);
    return value;
  };
  require(number(at.sequence, std::uint32_t{}) % 2 == 0);
  const auto mode = number(at.mode(), std::int32_t{});
  require(mode >= 0 && mode <= 3);
  const std::size_t coarse = at.seconds(CLOCK_MONOTONIC_COARSE);
  require(number(coarse, std::int64_t{}) == s.coarse.tv_sec && number(coarse + 8, std::int64_t{}) == s.coarse.tv_nsec);
  if (mode != vp::counter) return;
  const auto last = number(at.last_cycle(), std::uint64_t{});
  require(last <= s.cycle);
  const auto shift = number(at.shift(), std::uint32_t{});
  require(shift < 64);
  const auto mask = number(at.mask(), std::uint64_t{});
  const std::size_t fine = at.seconds(CLOCK_MONOTONIC);
  const long double scaled = static_cast<long double>((s.cycle - last) & mask) * number(at.multiplier(), std::uint32_t{}) +
                             static_cast<long double>(number(fine + 8, std::uint64_t{}));
  const long double now = static_cast<long double>(number(fine, std::uint64_t{})) * 1e9L + scaled / __builtin_powl(2, static_cast<int>(shift));
  const auto ns = [](const timespec& t) { return static_cast<long double>(t.tv_sec) * 1e9L + static_cast<long double>(t.tv_nsec); };
  require(now >= ns(s.earliest) - 1e6L && now <= ns(s.latest) + 1e6L);
}

void page(takt_test::fuzz_input in) {
  vp::sample s;
  for (auto& word : s.before) word = in.take<std::uint64_t>();
  const auto differing = in.take<std::uint8_t>();
  std::memcpy(s.after, s.before, sizeof s.after);
  if (differing % 4 == 1) ++reinterpret_cast<std::uint8_t*>(s.after)[in.take<std::uint16_t>() % vp::size];
  s.cycle = 1'000'000'002'600;
  s.coarse = {500, 123'456'789};
  s.earliest = {500, 123'457'700}, s.latest = {500, 123'457'900};
  vp::recogniser r;
  for (int i = 0; i < 40 && !r.add(s); ++i) {}
  if (const auto at = r.found()) {
    require(vp::fits(*at, s) == true);
    believed(*at, s);
  } else {
    require(!std::string_view(r.why_not()).empty());
  }
}

void maps(std::string_view text) {
  const std::uint64_t address = vp::find_vvar(text);
  require(address % 4096 == 0);
  require(address == 0 || text.find("[vvar]\n") != text.npos || text.find("[vvar] ") != text.npos ||
          text.find("[vvar]\t") != text.npos);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  if (data[0] % 2 == 0) page({data + 1, size - 1});
  else maps({reinterpret_cast<const char*>(data + 1), size - 1});
  return 0;
}
