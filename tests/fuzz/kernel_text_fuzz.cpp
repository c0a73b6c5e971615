// Protects: no text of /proc, /sys or the kernel's log makes a parser of the kernel room crash, hang or contradict
// itself. The first byte of the input selects the parser, so that the corpus is the files themselves behind one letter.
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/interrupts.hpp>
#include <takt/kernel/kernel_log.hpp>
#include <takt/kernel/tick.hpp>
#include <takt/kernel/timer_slack.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

void expect(bool truth) {
  if (!truth) std::abort();
}

/// Every error is the one that is documented, and comes with an empty answer.
void expect_answer(std::error_code ec, bool empty) { expect(!ec || (ec == takt::errc::malformed_text && empty)); }

bool no_control_character(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) return false;
  }
  return true;
}

void interrupts(std::string_view text, std::string_view row) {
  std::error_code ec;
  const auto sample = takt::parse_timer_interrupts(text, row, ec);
  expect_answer(ec, sample.cpus.empty());
  expect(sample.cpus.empty() || text.back() == '\n');
  for (std::size_t i = 1; i < sample.cpus.size(); ++i) expect(sample.cpus[i - 1].cpu < sample.cpus[i].cpu);
  const auto none = takt::since(sample, sample);
  expect(none.cpus.size() == sample.cpus.size() && none.total() == 0);
}

void cpu_list(std::string_view text) {
  std::error_code ec;
  const auto cpus = takt::parse_nohz_full(text, ec);
  expect_answer(ec, cpus.empty());
  std::string again; // what was understood, printed another way, is understood as the same
  for (const unsigned cpu : cpus) again += (again.empty() ? "" : ",") + std::to_string(cpu);
  expect(takt::parse_online_cpus(again + "\n", ec) == cpus && !ec);
}

void cpuinfo(std::string_view text) {
  std::error_code ec;
  const auto info = takt::parse_cpuinfo(text, ec);
  expect_answer(ec, info.flags.empty() && info.differing.empty());
  for (const std::string& flag : info.flags) expect(info.has(flag) == true);
}

void kernel_config(std::string_view text) {
  const auto config = takt::parse_kernel_config(text);
  if (config.hz) expect(config.hz->hertz() >= takt::kernel_hz_begin && config.hz->hertz() < takt::kernel_hz_end);
}

void kernel_log(std::string_view text) {
  const auto log = takt::parse_kernel_log(text);
  if (log.tsc_frequency()) expect(log.tsc_frequency()->hertz() >= 1000);
  expect(no_control_character(log.clocksource) && no_control_character(log.unstable_tsc));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy of its own, without a zero behind it: the sanitizer sees the first byte read beyond the end.
  const std::vector<char> content(data + 1, data + size);
  const std::string_view text(content.data(), content.size());
  std::error_code ec;
  switch (data[0]) {
  case 'c': {
    const std::string name = takt::clocksource::parse_current(text, ec);
    expect_answer(ec, name.empty());
    expect(static_cast<bool>(ec) == name.empty() && no_control_character(name));
    break;
  }
  case 'a': {
    const auto names = takt::clocksource::parse_available(text, ec);
    expect_answer(ec, names.empty());
    for (const std::string& name : names) expect(!name.empty() && no_control_character(name));
    break;
  }
  case 'd': {
    const std::string name = takt::clock_event::parse_current_device(text, ec);
    expect_answer(ec, name.empty());
    expect(no_control_character(name));
    break;
  }
  case 'L': interrupts(text, "LOC"); break;
  case 'A': interrupts(text, "arch_timer"); break;
  case 'R': interrupts(text, "riscv-timer"); break;
  case 's': {
    const auto slack = takt::parse_timer_slack(text, ec);
    expect_answer(ec, slack.count() == 0);
    expect(slack.count() >= 0);
    break;
  }
  case 'l': cpu_list(text); break;
  case 'i': cpuinfo(text); break;
  case 'k': kernel_config(text); break;
  case 'g': kernel_log(text); break;
  default: break;
  }
  return 0;
}
