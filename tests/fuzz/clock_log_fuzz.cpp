// Protects: no log, whatever it holds, makes its reader or the judge of takt history crash, count a line twice or
// not at all, or contradict itself. The parts in which a file comes do not change what is read. The first byte
// chooses the parts and the window.
#include "../../examples/takt/model/watch_history.hpp"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {
void expect(bool truth) {
  if (!truth) std::abort();
}
tool::log_contents read(std::string_view text, std::size_t part) {
  tool::clock_log_reader reader;
  for (; !text.empty(); text.remove_prefix(std::min(part, text.size()))) reader.add(text.substr(0, part));
  reader.end_of_file();
  return reader.contents();
}
} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const tool::log_contents whole = read(text, size), parts = read(text, std::size_t{1} + data[0] % 64U);
  expect(whole.lines == parts.lines && whole.broken == parts.broken && whole.newer == parts.newer &&
         whole.repeated == parts.repeated);
  expect(whole.records.size() == parts.records.size());
  expect(whole.records.size() + whole.repeated + whole.newer <= whole.lines);
  expect(whole.broken <= whole.lines &&
         whole.lines <= whole.records.size() + whole.repeated + whole.newer + whole.broken);
  for (const tool::log_record& r : whole.records)
    for (const std::string* each : {&r.event, &r.boot, &r.source, &r.text, &r.from, &r.to, &r.why})
      for (const char c : *each) expect(c >= ' ' && c <= '~');

  tool::watch_window window;
  if (data[0] >= 128 && !whole.records.empty()) window.since = whole.records.front().realtime_ns;
  if (data[0] >= 192 && !whole.records.empty()) window.until = whole.records.back().realtime_ns;
  const tool::watch_history h = tool::judge(whole.records, window);
  expect(h.unsynchronised_ns >= 0 && h.unknown_ns >= 0 && h.gaps_ns >= 0 && h.lost_lines >= 0);
  expect(h.unsynchronised_ns <= h.watched_ns && h.unknown_ns <= h.watched_ns);
  expect(h.events.size() <= whole.records.size() && h.unsynchronised.size() <= whole.records.size() &&
         h.gaps.size() <= whole.records.size());
  expect(h.steps_in_gaps <= h.steps);
  for (const tool::watch_span& s : h.unsynchronised) expect(s.length_ns >= 0);
  return 0;
}
