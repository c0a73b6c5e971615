// Protects: no text of ftrace, perf script or trace-cmd makes a parser, the life-cycle of timers or the statistics of ticks
// crash, hang or contradict itself. The first byte of the input selects the form: f, p, c, or u for "find out"; the second
// is the size of the pieces in which the text comes.
#include <takt/observe/coalescing.hpp>
#include <takt/observe/tick_trace.hpp>
#include <takt/observe/timer_trace.hpp>
#include <takt/observe/trace_text.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using takt::trace_text_reader;

void expect(bool truth) {
  if (!truth) std::abort();
}

/// A name that a line of ftrace keeps.
bool plain(std::string_view name) {
  return name.size() <= 15 && (name.empty() || name.front() != ' ');
}

/// An event that was read can be printed, and is read back as the same.
void print(const takt::trace_event& e) {
  if (e.cpu < 0 || e.thread < 0 || e.time.count() < 0 || !plain(e.task)) return;
  if (!e.device.empty() && e.device.front() == ' ') return;
  static std::string text;
  text.clear();
  takt::trace_text_writer::append(text, e);
  expect(text.back() == '\n');
  takt::trace_event again;
  std::uint64_t lost = 0;
  const std::string_view line = std::string_view(text).substr(0, text.size() - 1);
  expect(trace_text_reader::parse_line(line, trace_text_reader::form_type::ftrace, again, lost) ==
         trace_text_reader::line_kind::event);
  expect(again == e);
}

trace_text_reader::counts_type read(std::string_view text, trace_text_reader::form_type form, std::size_t piece) {
  trace_text_reader reader(form);
  takt::timer_trace timers;
  takt::tick_trace ticks;
  std::vector<takt::wake_window> windows;
  std::uint64_t events = 0;
  const auto use = [&](const takt::trace_event& e) {
    ++events;
    expect(e.cpu >= -1 && e.cpu < 65536 && e.other_cpu >= -1 && e.softexpires <= e.expires);
    print(e);
    ticks.add(e);
    timers.add(e, [&](const takt::timer_trace::step& l) {
      if (l.kind == takt::timer_trace::step::kind_type::expired && l.usage != timers.no_usage && windows.size() < 1000)
        windows.push_back(takt::wake_window::of(l, timers.usages()[l.usage].owner));
    });
  };
  while (!text.empty()) {
    const std::size_t size = text.size() < piece ? text.size() : piece;
    const std::vector<char> own(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
    reader.feed(std::string_view(own.data(), own.size()), use);
    text.remove_prefix(size);
  }
  reader.finish();
  timers.finish();
  const auto& c = reader.counts();
  expect(c.events == events && c.events + c.other + c.unreadable + c.lost_notes <= c.lines);
  for (const auto& u : timers.usages()) {
    expect(u.armed + u.armed_before == u.cancelled + u.expired + u.alive);
    expect(u.alive <= u.in_use && u.woke_idle <= u.expired);
    expect(u.after_softexpires.min() <= u.after_softexpires.median() && u.range.median() <= u.range.max());
  }
  for (const auto& t : ticks.threads()) expect(t.found <= ticks.judged_ticks());
  expect(ticks.ticks() <= events);
  takt::slack_change change;
  change.slack = std::chrono::milliseconds(10);
  const auto without = takt::slack_change().evaluate(windows), with = change.evaluate(windows);
  expect(with.then <= without.then && with.fewest <= with.then);
  return c;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto form = data[0] == 'f'   ? trace_text_reader::form_type::ftrace
                    : data[0] == 'p' ? trace_text_reader::form_type::perf_script
                    : data[0] == 'c' ? trace_text_reader::form_type::trace_cmd
                                     : trace_text_reader::form_type::unknown;
  const std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  expect(read(text, form, text.size() + 1) == read(text, form, std::size_t{data[1]} + 1));
  (void)trace_text_reader::recognise(text);
  return 0;
}
