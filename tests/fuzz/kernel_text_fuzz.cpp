// Protects: no text of /proc, /sys or the kernel's log makes a parser of the kernel room crash, hang or contradict
// itself. The first byte of the input selects the parser, so that the corpus is the files themselves behind one letter.
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/clocksource.hpp>
#include <takt/kernel/cpuinfo.hpp>
#include <takt/kernel/detail/dmi.hpp>
#include <takt/kernel/detail/perf_device.hpp>
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

void interrupts(std::string_view text, const std::string& device) {
  std::error_code ec;
  std::vector<takt::clock_event::device> devices;
  for (unsigned cpu = 0; cpu < 8; ++cpu) devices.push_back({cpu, device});
  const auto sample = takt::detail::count_timer_interrupts(text, devices, ec);
  expect_answer(ec, sample.cpus.empty());
  expect(sample.cpus.empty() || text.back() == '\n');
  expect(ec || !sample.cpus.empty() || !sample.unknown.empty()); // unknown has a reason
  for (std::size_t i = 1; i < sample.cpus.size(); ++i) expect(sample.cpus[i - 1].cpu < sample.cpus[i].cpu);
  for (const auto cell : sample.cpus) expect(cell.cpu < 8 && cell.source < sample.sources.size());
  const auto none = sample - sample;
  expect(none.cpus.size() == sample.cpus.size() && none.total() == 0);
}

/// The first line is the format of every term, the second the scale, and the rest are the terms.
void perf_device_event(std::string_view text) {
  namespace device = takt::detail::perf_device;
  std::string_view format, scale;
  takt::detail::next_line(text, format);
  takt::detail::next_line(text, scale);
  if (const auto factor = device::parse_scale(scale)) expect(*factor > 0 && *factor <= 1e300);
  device::request_words one, all, again;
  if (device::place(format, ~std::uint64_t{0}, all)) expect(format.find("0-63") != format.npos || format.size() > 64);
  const bool fits = device::place(format, 1, one);
  if (fits) expect((one.config[0] == 0) != (one.config[1] == 0) && device::place(format, 0, again));
  int asked = 0;
  const auto words = device::read_terms(text, [&](std::string_view name) {
    expect(!name.empty() && no_control_character(name));
    ++asked;
    return format;
  });
  if (words) expect(asked > 0);
  if (words && !fits) expect(words->config[0] == 0 && words->config[1] == 0);
}

void cpu_list(std::string_view text) {
  std::error_code ec;
  const auto cpus = takt::detail::parse_nohz_full(text, ec);
  expect_answer(ec, cpus.empty());
  std::string again; // what was understood, printed another way, is understood as the same
  for (const unsigned cpu : cpus) again += (again.empty() ? "" : ",") + std::to_string(cpu);
  expect(takt::detail::parse_online_cpus(again + "\n", ec) == cpus && !ec);
}

void cpuinfo(std::string_view text) {
  std::error_code ec;
  const auto info = takt::cpuinfo::parse(text, ec);
  expect_answer(ec, info.flags.empty() && info.differing.empty());
  for (const std::string& flag : info.flags) expect(info.has(flag) == true);
}

void kernel_config(std::string_view text) {
  const auto config = takt::kernel_config::parse(text);
  if (config.hz) expect(config.hz->hertz() >= takt::detail::kernel_hz_begin && config.hz->hertz() < takt::detail::kernel_hz_end);
}

void kernel_log(std::string_view text) {
  std::error_code ec;
  const auto log = takt::kernel_log::parse(text, ec);
  expect_answer(ec, !log.tsc_frequency() && !log.found_unstable() && log.clocksource.empty());
  expect(log.found_unstable() != false || log.reaches_boot); // "no" only where nothing is missing
  if (log.tsc_frequency()) expect(log.tsc_frequency()->hertz() >= 1000);
  expect(no_control_character(log.clocksource) && no_control_character(log.unstable_tsc));
  expect(no_control_character(takt::detail::last_clocksource_switch(text)));
}

void dmi(std::string_view table) {
  std::error_code ec;
  const auto processors = takt::detail::parse_dmi_processors(table, ec);
  expect_answer(ec, processors.empty());
  for (const auto& p : processors) {
    for (const auto& speed : {p.external_clock, p.max_speed, p.current_speed})
      expect(!speed || (speed->hertz() >= 1e6 && speed->hertz() < 65536e6));
  }
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
    const std::string name = takt::detail::parse_current_clocksource(text, ec);
    expect_answer(ec, name.empty());
    expect(static_cast<bool>(ec) == name.empty() && no_control_character(name));
    break;
  }
  case 'a': {
    const auto names = takt::detail::parse_available_clocksources(text, ec);
    expect_answer(ec, names.empty());
    for (const std::string& name : names) expect(!name.empty() && no_control_character(name));
    break;
  }
  case 'd': {
    const std::string name = takt::detail::parse_current_device(text, ec);
    expect_answer(ec, name.empty());
    expect(no_control_character(name));
    break;
  }
  case 'L': interrupts(text, "lapic"); break;
  case 'A': interrupts(text, "arch_sys_timer"); break;
  case 'R': interrupts(text, "riscv_timer_clockevent"); break;
  case 'X': interrupts(text, "xen"); break;
  case 'H': interrupts(text, "Hyper-V clockevent"); break;
  case 'E': interrupts(text, "mct_tick0"); break;
  case 'P': interrupts(text, "decrementer"); break;
  case 's': {
    const auto slack = takt::detail::parse_timer_slack(text, ec);
    expect_answer(ec, slack.count() == 0);
    expect(slack.count() >= 0);
    break;
  }
  case 'l': cpu_list(text); break;
  case 'i': cpuinfo(text); break;
  case 'k': kernel_config(text); break;
  case 'g': kernel_log(text); break;
  case 'D': dmi(text); break;
  case 'e': perf_device_event(text); break;
  case 'z': {
    const auto rate = takt::detail::parse_tsc_freq_khz(text, ec);
    expect(static_cast<bool>(ec) == !(rate.hertz() > 0));
    break;
  }
  default: break;
  }
  return 0;
}
