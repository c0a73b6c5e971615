// Protects: no text makes the parser of anchors crash or believe what it would not write itself, and no anchor, with any reading
// of the clocks, makes a calibration that is not a number or states less than it may. The input is 40 bytes of clocks and the
// text; the text is judged as it stands and with its checksum made right, or the fuzzer would never get past that.
#include <takt/clock/detail/shared_anchor.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

namespace {

void expect(bool truth) {
  if (!truth) std::abort();
}

constexpr std::size_t clocks = 40;

void check(std::string_view text, const std::uint8_t* bytes) {
  takt::detail::anchor_finding finding{};
  const takt::detail::shared_anchor a = takt::detail::parse_anchor(text, finding);
  if (finding != takt::detail::anchor_finding::usable) {
    expect(a == takt::detail::shared_anchor{});
    return;
  }
  expect(a.rate.known() && a.ppm >= 0 && a.monotonic.count() >= 0);
  takt::detail::anchor_finding again{};
  const takt::detail::shared_anchor same = takt::detail::parse_anchor(to_text(a), again);
  expect(again == takt::detail::anchor_finding::usable && same.counter == a.counter && same.boot == a.boot && same.raw == a.raw);

  const auto take = [&](std::size_t index) {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes + 8 * index, sizeof(value));
    return value;
  };
  const auto time = [&](std::size_t index) { // what a clock of the kernel can show
    return std::chrono::nanoseconds(static_cast<std::int64_t>(take(index) >> 1));
  };
  takt::detail::anchor_sighting now;
  now.monotonic.at = takt::tick_point(take(0));
  now.monotonic.reference = time(1), now.raw = time(2), now.boottime = time(3);
  now.monotonic.half_width = std::chrono::nanoseconds(take(4) % 1'000'000);
  now.boottime_half_width = std::chrono::nanoseconds(take(4) % 1'000);
  now.steered = takt::steered_rate{static_cast<double>(take(4) % 201) - 100, 2e-5};
  now.foreign = take(4) / 201 % 2 != 0;
  const auto c = takt::detail::judge_anchor(a, now, std::chrono::nanoseconds(1), finding);
  expect(c.rate().known() == (finding == takt::detail::anchor_finding::usable));
  expect(c.uncertainty_ppm() >= 0 && c.uncertainty_ppm() <= takt::detail::sharing_parameters::max_ppm);
  expect(takt::explain(finding) != "unknown");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < clocks) return 0;
  std::string text(reinterpret_cast<const char*>(data + clocks), size - clocks);
  check(text, data);
  if (const std::size_t sum = text.rfind("checksum "); sum != std::string::npos) {
    text.resize(sum);
    const std::uint64_t hash = takt::detail::fnv1a(text);
    takt::detail::append_hex(text += "checksum ", hash);
    check(text + '\n', data);
  }
  return 0;
}
