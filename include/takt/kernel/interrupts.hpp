/// interrupts.hpp - how many timer interrupts each CPU has taken.
///
/// A CPU's clock event device interrupts it when a timer is due, and sysfs names this device. Each driver counts its
/// interrupts in a row of /proc/interrupts, some drivers in one row per CPU; detail/timer_rows.hpp lists which driver
/// counts where. A row of an unused driver may be there too and never change, as LOC does in a guest of Hyper-V. So
/// takt needs both the device and its rows. If they do not fit together, the count is unknown, and `unknown` says why.
///
/// The kernel's counts have 32 bits and wrap. So a single count means little; the operator `-` gives the difference of
/// two samples modulo 2^32. It is right if each CPU takes fewer than 2^32 interrupts in between, which at 100 000 a
/// second takes twelve hours.
///
/// Does not promise: that every wake-up of a timer is counted. If local timers stop in deep idle states, another CPU
/// takes the interrupt of the broadcast device and passes it on. x86 counts that in LOC, other architectures count it
/// in another row.
/// Sources: Linux 6.12 kernel/irq/proc.c show_interrupts, kernel/time/clockevents.c.
#pragma once
#include <takt/core/error.hpp>
#include <takt/kernel/clock_event.hpp>
#include <takt/kernel/detail/text.hpp>
#include <takt/kernel/detail/timer_rows.hpp>
#include <takt/kernel/os.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace takt::inline TAKT_ABI {

// synopsis
/// One sample of the counts, or the difference of two samples.
struct timer_interrupts {
  /// The count of one CPU.
  struct cell {
    unsigned cpu = 0;        ///< the number of the CPU
    std::uint32_t count = 0; ///< the number of interrupts, modulo 2^32
    unsigned source = 0;     ///< an index into `sources`: what was counted
    friend bool operator==(cell, cell) = default;
  };
  std::vector<cell> cpus;           ///< the CPUs whose count is known, ascending
  std::vector<std::string> sources; ///< the rows and devices that were counted: "LOC of lapic-deadline"
  std::string unknown;              ///< why an online CPU is missing from `cpus`; empty if none is missing

  /// Returns: the sum over all CPUs in `cpus`. It is useful for a difference; the counts of a sample may have wrapped.
  [[nodiscard]] std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < cpus.size(); ++i) sum += cpus[i].count;
    return sum;
  }
  friend bool operator==(const timer_interrupts&, const timer_interrupts&) = default;

  template <class Os = linux_os> [[nodiscard]] static timer_interrupts read(std::error_code& ec);
#if TAKT_EXCEPTIONS
  template <class Os = linux_os> [[nodiscard]] static timer_interrupts read();
#endif
};

/// Returns: the number of interrupts that each CPU took from the earlier sample to the later, modulo 2^32. A CPU that
/// is not in both samples is left out, and so is a CPU whose clock event device changed, because the samples then
/// counted different rows. A CPU that was offline only between the samples is counted correctly.
[[nodiscard]] timer_interrupts operator-(const timer_interrupts& later, const timer_interrupts& earlier);

// definitions

namespace detail {

/// The body of operator-.
template <class T> timer_interrupts interrupts_between(const dependent<T, timer_interrupts>& later,
                                                       const dependent<T, timer_interrupts>& earlier) {
  dependent<T, timer_interrupts> difference;
  difference.sources = later.sources;
  difference.unknown = later.unknown.empty() ? earlier.unknown : later.unknown;
  auto before = earlier.cpus.begin();
  for (const timer_interrupts::cell c : later.cpus) {
    while (before != earlier.cpus.end() && before->cpu < c.cpu) ++before;
    if (before == earlier.cpus.end()) break;
    if (before->cpu != c.cpu) continue;
    if (earlier.sources[before->source] == later.sources[c.source]) {
      difference.cpus.push_back({c.cpu, c.count - before->count, c.source});
    } else {
      difference.unknown = "CPU" + std::to_string(c.cpu) + ": another clock event device wakes it than before";
    }
  }
  return difference;
}

} // namespace detail

template <class T> struct compiled_for_callers<timer_interrupts, T> {
  friend timer_interrupts operator-(const timer_interrupts& later, const timer_interrupts& earlier) {
    return detail::interrupts_between<T>(later, earlier);
  }
};
static_assert(sizeof(compiled_for_callers<timer_interrupts>) != 0);

namespace detail {

/// The file in which the kernel counts interrupts.
inline constexpr char interrupts_path[] = "/proc/interrupts";
/// The largest /proc/interrupts that takt reads, 64 MiB. A machine of 4096 CPUs prints 44 KiB for each row, so this is
/// enough for some 1500 rows.
inline constexpr std::size_t interrupts_file_limit = std::size_t{64} << 20;

/// One row of /proc/interrupts: the text before the colon and the text after it.
struct interrupt_row {
  std::string_view label;
  std::string_view rest;
  [[nodiscard]] bool numbered() const noexcept { return is_digit(label.front()); }
};

/// Removes the next row from the front of `table` and skips empty lines.
/// Returns: whether there was one. Precondition: each line that is not empty has a label that ends with a colon.
template <class = for_callers> bool next_row(std::string_view& table, interrupt_row& row) noexcept {
  while (next_line(table, row.rest)) {
    row.label = next_word(row.rest);
    if (row.label.empty()) continue;
    row.label.remove_suffix(1);
    return true;
  }
  return false;
}

/// Adds the counts of one row to those of `size` CPUs from `sum` on.
/// Returns: whether the row has one 32-bit number for each CPU and no further one.
template <class = for_callers>
bool add_interrupt_row(std::string_view rest, std::uint32_t* sum, std::size_t size) noexcept {
  for (std::size_t i = 0; i < size; ++i) {
    const auto count = parse_number<std::uint32_t>(next_word(rest));
    if (!count) return false;
    sum[i] += *count;
  }
  return !parse_number<std::uint64_t>(next_word(rest)); // if not, a CPU came online after the header was printed
}

/// Returns: the CPUs that the first line of /proc/interrupts names, ascending; an empty list for a malformed line.
/// Offline CPUs are not in that line, so "CPU0 CPU2" is valid.
template <class T = for_callers> std::vector<unsigned> parse_interrupt_header(std::string_view line) {
  std::vector<dependent<T, unsigned>> cpus;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    if (word.substr(0, 3) != "CPU") return {};
    const auto cpu = parse_number<unsigned>(word.substr(3));
    if (!cpu || *cpu >= cpu_number_end || (!cpus.empty() && *cpu <= cpus.back())) return {};
    cpus.push_back(*cpu);
  }
  return cpus;
}

/// Returns: whether the row ends with the handler `name`, and after it a number if `number` is true. An interrupt that
/// several handlers share, as in "eth0, timer", does not count as the timer's.
template <class = for_callers>
[[nodiscard]] constexpr bool has_action(std::string_view rest, std::string_view name, bool number) noexcept {
  rest = trimmed(rest);
  if (number) rest = without_number(rest);
  if (rest.size() <= name.size() || rest.substr(rest.size() - name.size()) != name) return false;
  rest.remove_suffix(name.size());
  return is_blank(rest.back()) && trimmed(rest).back() != ',';
}

/// Returns: whether the row is the one that `wanted` describes, and contains `text`, which is `wanted.text` or
/// `wanted.second_text`.
template <class = for_callers>
[[nodiscard]] constexpr bool fits(const interrupt_row& row, const timer_row& wanted, std::string_view text) noexcept {
  using kind = timer_row::kind;
  if (!text.empty() && row.rest.find(text) == std::string_view::npos) return false;
  if (wanted.by == kind::label) return row.label == wanted.name;
  return is_digit(row.label.front()) && has_action(row.rest, wanted.name, wanted.by == kind::numbered_action);
}

/// Returns: the counts of each CPU in the rows of its device. `table` is the text of /proc/interrupts, and its header
/// names the CPUs. `unknown` names the first CPU whose device or rows are missing, or whose rows are all zero: a row
/// that has counted nothing since boot is not that of the device that wakes the CPUs. On malformed_text no CPUs.
template <class T = for_callers> [[nodiscard]] timer_interrupts
count_timer_interrupts(std::string_view table, const std::vector<clock_event::device>& devices, std::error_code& ec) {
  ec.clear();
  const auto malformed = [&ec] {
    ec = errc::malformed_text;
    return dependent<T, timer_interrupts>();
  };
  std::string_view line;
  static_cast<void>(next_line(table, line));
  const std::vector<dependent<T, unsigned>> cpus = parse_interrupt_header(line);
  if (cpus.empty()) return malformed();
  const std::string_view body = table;
  bool numbered_rows_ended = false;
  while (next_line(table, line)) {
    const std::string_view label = next_word(line);
    if (label.empty()) continue;
    if (label.size() < 2 || label.back() != ':') return malformed();
    if (!is_digit(label.front())) numbered_rows_ended = true;
  }
  if (!table.empty()) return malformed(); // cut inside a line

  dependent<T, timer_interrupts> found;
  std::vector<dependent<T, std::string>> names; // the devices whose rows were searched so far
  std::vector<dependent<T, std::string>>
      reasons; // for each of these devices, why its count is unknown; empty if it is known
  std::vector<dependent<T, std::uint32_t>> counts; // for each of these devices, the counts of all CPUs
  const auto unknown = [&](unsigned cpu, const std::string& why) {
    if (found.unknown.empty()) found.unknown = "CPU" + std::to_string(cpu) + ": " + why;
  };
  bool sound = true, present = false;
  // Finds the rows that one line of the table of drivers describes, sums their counts into the last part of `counts`,
  // and sets `present` if the rows are there. Returns: whether they are there and some count is not zero.
  const auto count_rows = [&](const timer_row& wanted) {
    bool first = false, second = wanted.second_text.empty(), any = false;
    const std::size_t begin = counts.size() - cpus.size();
    for (std::size_t i = begin; i < counts.size(); ++i) counts[i] = 0;
    std::string_view rest = body;
    for (interrupt_row row; next_row(rest, row);) {
      const bool is_first = fits(row, wanted, wanted.text);
      const bool is_second = !is_first && !wanted.second_text.empty() && fits(row, wanted, wanted.second_text);
      if (!is_first && !is_second) continue;
      (is_first ? first : second) = true;
      sound = sound && add_interrupt_row(row.rest, &counts[begin], cpus.size());
      // A text that was cut may lack some rows of a handler. All of them are there if a labelled row follows (IPI0,
      // Err). A kernel for one RISC-V hart has no labelled rows, but its drivers have a single row.
      if (row.numbered() && !numbered_rows_ended && !wanted.single) sound = false;
    }
    present = present || (first && second);
    for (std::size_t i = begin; i < counts.size(); ++i) any = any || counts[i] != 0;
    return first && second && any;
  };
  // Counts the interrupts of one more device, and appends to `names`, `reasons`, `counts` and `found.sources`.
  const auto add_device = [&](const std::string& device) {
    using kind = timer_row::kind;
    bool done = false, listed = false;
    present = false;
    std::string source = device;
    counts.resize(counts.size() + cpus.size());
    for (const timer_row& wanted : timer_rows) {
      if (done || !is_of(wanted, device)) continue;
      listed = true;
      done = count_rows(wanted);
      source = std::string(wanted.name) + (wanted.by == kind::numbered_action ? "N of " : " of ") + device;
    }
    if (!listed) done = count_rows({device, kind::action, device});
    names.push_back(device);
    found.sources.push_back(source);
    reasons.push_back(done      ? std::string()
                      : present ? "the row of clock event device \"" + device + "\" has never counted anything"
                                : "no row is known to count clock event device \"" + device + "\"");
  };

  for (std::size_t i = 0, at = 0; i < cpus.size(); ++i) {
    while (at < devices.size() && devices[at].cpu && *devices[at].cpu < cpus[i]) ++at;
    if (at == devices.size() || devices[at].cpu != cpus[i]) {
      unknown(cpus[i], "sysfs names no clock event device");
      continue;
    }
    std::size_t source = 0;
    while (source < names.size() && names[source] != devices[at].name) ++source;
    if (source == names.size()) add_device(devices[at].name);
    if (!sound) return malformed();
    if (!reasons[source].empty()) unknown(cpus[i], reasons[source]);
    else found.cpus.push_back({cpus[i], counts[source * cpus.size() + i], static_cast<unsigned>(source)});
  }
  return found;
}

} // namespace detail

/// Returns: the timer interrupts of each CPU since boot, modulo 2^32, or why they are unknown; on error no CPUs.
/// Errors: those of reading /proc/interrupts; malformed_text. It is no error if the clock event devices cannot be read:
/// the counts are then unknown. The kernel visits all interrupts for all CPUs, which takes from 0.1 ms on a small
/// machine to tens of milliseconds on a large one. Also reads one small file of sysfs for each CPU.
template <class Os> timer_interrupts timer_interrupts::read(std::error_code& ec) {
  std::error_code no_devices;
  const auto devices = clock_event::devices<Os>(no_devices);
  const std::string text = detail::read_text<Os>(detail::interrupts_path, detail::interrupts_file_limit, ec);
  if (ec) return {};
  detail::dependent<Os, timer_interrupts> counted = detail::count_timer_interrupts(text, devices, ec);
  if (!ec && no_devices) counted.unknown = std::string(detail::clock_event_directory) + ": " + no_devices.message();
  return counted;
}

#if TAKT_EXCEPTIONS
template <class Os> timer_interrupts timer_interrupts::read() {
  return detail::or_throw([](std::error_code& ec) { return timer_interrupts::read<Os>(ec); },
                          [](std::error_code ec) { return detail::file_hint(detail::interrupts_path, ec); });
}
#endif

} // namespace takt::inline TAKT_ABI
