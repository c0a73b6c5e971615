// Protects: no bytes make the reader of a history of ticks crash, hang, or state an error that is not positive, and what it
// read is written and read again as the same. The input is a tick and a file; the file is read as it stands and with the
// checksums made right, or the fuzzer would never get past these.
#include "../support/fuzz_input.hpp"
#include <takt/clock/tick_history.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>

namespace {

namespace form = takt::detail::history_parameters;

void expect(bool truth) {
  if (!truth) std::abort();
}

void check(std::string_view bytes, std::uint64_t tick) {
  std::error_code ec;
  const takt::detail::history_content content = takt::detail::decode_history(bytes, ec);
  expect(content.points.size() <= bytes.size());
  expect(!content.sections.empty() || content.points.empty());
  const takt::tick_history h = takt::tick_history::parse(bytes, ec);
  expect(h.empty() == content.points.empty());
  const auto judge = [&](std::uint64_t t) {
    const auto d = h.date(takt::tick_point(t));
    expect(d.error.count() > 0);
    expect(!h.empty() || d.error == std::chrono::nanoseconds::max());
  };
  for (const std::uint64_t t : {tick, std::uint64_t{0}, ~std::uint64_t{0}}) judge(t);
  std::size_t some = 0;
  for (const auto& p : content.points) {
    if (++some > 16) break;
    for (const std::uint64_t t : {p.tick - 1, p.tick, p.tick + 1, p.tick + tick % 10'000'000'000}) judge(t);
  }
  if (content.points.empty()) return;
  std::string again;
  takt::detail::history_encoder(content.header).append(again, content.points.data(), content.points.size());
  expect(takt::detail::decode_history(again, ec).points == content.points);
  expect(!ec);
}

/// The same bytes, divided as a sound file would be, with right checksums.
std::string mended(std::string bytes) {
  const auto mend = [&](std::size_t from, std::size_t to) { // the checksum after the bytes
    std::string sum;
    takt::detail::put_fixed(sum, takt::detail::history_checksum(std::string_view(bytes).substr(from, to - from)), 4);
    bytes.replace(to, sum.size(), sum);
  };
  for (std::size_t at = 0; at < bytes.size();) {
    const bool header = bytes[at] == form::magic[0] || at == 0;
    const std::size_t size = header ? form::header_size : 1 + static_cast<unsigned char>(bytes[at]) % 128 + 4;
    if (size > bytes.size() - at) break;
    if (header) {
      bytes.replace(at, form::magic.size(), form::magic);
      bytes[at + 8] = 1, bytes[at + 9] = 0;
    }
    else bytes[at] = static_cast<char>(bytes[at] & 0x7f);
    mend(header ? at : at - form::checksum_size, at + size - form::checksum_size);
    at += size;
  }
  return bytes;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  takt_test::fuzz_input in(data, size);
  const auto tick = in.take<std::uint64_t>();
  const std::string_view bytes(reinterpret_cast<const char*>(data) + std::min(size, sizeof(tick)),
                               size - std::min(size, sizeof(tick)));
  check(bytes, tick);
  check(mended(std::string(bytes)), tick);
  return 0;
}
